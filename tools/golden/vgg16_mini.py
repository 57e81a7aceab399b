"""Writes tests/golden/vgg16_mini.f32: block5_pool of the built-in network for one made-up picture, computed in float64.

The picture is 224x224 RGB, value ((3y + 5x + 40c) xor (xy >> 5)) mod 256; the output is 7x7x64 float32, little-endian.
Made with numpy 2.4.6.
"""
import json
import os
import struct

import numpy as np

from common import GOLDEN, golden

MEAN_BGR = np.array([103.939, 116.779, 123.68])


def read(path):
    raw = open(path, "rb").read()
    n = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8:8 + n])
    return {name: np.frombuffer(raw[8 + n:][slice(*entry["data_offsets"])], "<f4").reshape(entry["shape"]).astype(float)
            for name, entry in header.items() if name != "__metadata__"}


def conv_relu(x, kernel, bias):
    height, width, _ = x.shape
    padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
    out = sum(padded[r:r + height, s:s + width] @ kernel[r, s] for r in range(3) for s in range(3))
    return np.maximum(out + bias, 0)


def main():
    weights = read(os.path.join(GOLDEN, "..", "..", "src", "model", "vgg16_mini.safetensors"))
    y, x, c = np.meshgrid(np.arange(224), np.arange(224), np.arange(3), indexing="ij")
    picture = ((3 * y + 5 * x + 40 * c) ^ (x * y >> 5)) % 256
    at = picture[..., ::-1].astype(np.float32).astype(float) - MEAN_BGR
    for block, n in enumerate((2, 2, 3, 3, 3), 1):
        for i in range(1, n + 1):
            at = conv_relu(at, weights[f"block{block}_conv{i}/kernel"], weights[f"block{block}_conv{i}/bias"])
        at = at.reshape(at.shape[0] // 2, 2, at.shape[1] // 2, 2, -1).max((1, 3))
    print(f"{at.shape}, mean {at.mean():.4f}, std {at.std():.4f}, zeros {100 * (at == 0).mean():.1f} %")
    at.astype("<f4").tofile(golden("vgg16_mini.f32"))


if __name__ == "__main__":
    main()
