"""tests/golden/backbones/NETWORK.txt: networks with blocks, layer by layer, with made-up weights and statistics.

Number e of tensor t is a hash of both (numbers below); tests/parity/infer/test_backbones.c makes the same ones. A line is

    tensor NAME SIDES          a parameter of the file, in order
    layer NAME LARGEST VALUES  the largest absolute number of a layer's output (H,W,C) and N_PLACES of its numbers, at
                               place (2 i + 1) size / (2 N_PLACES)
"""
import os

import numpy as np
import torch
from torch_networks import RESNETS, forward, rows, shapes_of

N_PLACES = 8
SIDE = 224


def numbers(t, n):
    """n of [-0.5, 0.5)."""
    e = np.arange(n, dtype=np.uint64)
    u = (e * 1664525 + t * 1013904223 + 12345) & 0xFFFFFFFF
    u ^= u >> 15
    u = (u * 2246822519) & 0xFFFFFFFF
    u ^= u >> 13
    return ((u >> 8).astype(np.float32) * np.float32(2.0**-24) - np.float32(0.5)).astype(np.float32)


def tensor(t, name, shape):
    values = numbers(t, int(np.prod(shape)))
    if len(shape) > 1:
        values = values * np.float32(2.0 * np.sqrt(3.0 / np.prod(shape[1:])))
    elif name.endswith("running_var") or name.endswith(".weight"):
        values = values + np.float32(1)
    return torch.from_numpy(values.reshape(shape))


def write(folder, network):
    shapes = shapes_of(network)
    weights = {name: tensor(t, name, shape).double() for t, (name, shape) in enumerate(shapes.items())}
    x = torch.from_numpy(numbers(1000, SIDE * SIDE * 3).reshape(1, SIDE, SIDE, 3)).permute(0, 3, 1, 2).double()
    outputs = forward(network, x, weights)
    with open(os.path.join(folder, network + ".txt"), "w", encoding="ascii") as f:
        f.write(f"# made by tools/golden/backbones.py with torch {torch.__version__.split('+')[0]}, numpy {np.__version__}, "
                "in float64\n")
        for name, shape in shapes.items():
            f.write(f"tensor {name} {' '.join(map(str, shape))}\n")
        for name, out in outputs.items():
            row = rows(out)[0]
            places = [(2 * i + 1) * row.size // (2 * N_PLACES) for i in range(N_PLACES)]
            f.write(f"layer {name} {np.abs(row).max():.9g} {' '.join(f'{row[p]:.9g}' for p in places)}\n")


def main():
    torch.set_num_threads(1)
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tests/golden/backbones")
    os.makedirs(folder, exist_ok=True)
    for network in ("efficientnet-lite0", *RESNETS):
        write(folder, network)


if __name__ == "__main__":
    main()
