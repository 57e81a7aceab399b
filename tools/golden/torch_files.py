"""Writes tests/golden/torch/*.pth: small files by torch.save in both of its forms.

Every tensor of n numbers holds (i - 7) / 4 for i = 0 .. n-1 in row-major order, which each of the
float types has exactly; tests/unit/format/test_torch.c knows that rule.
"""

from collections import OrderedDict

import torch

from common import golden


def numbers(*shape, dtype=torch.float32):
    n = 1
    for size in shape:
        n *= size
    return ((torch.arange(n, dtype=torch.float32) - 7) / 4).reshape(shape).to(dtype)


def layer(dtype=torch.float32):
    return OrderedDict(
        [("features.0.weight", numbers(2, 3, 3, 3, dtype=dtype)), ("features.0.bias", numbers(2, dtype=dtype))]
    )


def wrapped():
    module = torch.nn.Linear(3, 2)
    with torch.no_grad():
        module.weight.copy_(numbers(2, 3))
        module.bias.copy_(numbers(2))
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9)
    module(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    with torch.no_grad():
        module.weight.copy_(numbers(2, 3))
        module.bias.copy_(numbers(2))
    state = {"module." + name: value for name, value in module.state_dict().items()}
    return {
        "epoch": 3,
        "best": 0.5,
        "arch": "linear",
        "state_dict": state,
        "optimizer": optimizer.state_dict(),
        "classes": ["cat", "d\u00f6g"],
    }


def with_norm():
    module = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2))
    for value in module.state_dict().values():
        if value.is_floating_point():
            value.copy_(numbers(*value.shape))
    module.state_dict()["1.num_batches_tracked"].fill_(5)
    return module.state_dict()


def tied():
    shared = numbers(4, 3)
    whole = numbers(10)
    return {"a.weight": shared, "b.weight": shared, "part": whole[2:6], "whole": whole}


def strided():
    kernel = numbers(2, 3, 3, 3).to(memory_format=torch.channels_last)
    matrix = numbers(3, 4).t().contiguous().t()
    return {"features.0.weight": kernel, "again": kernel, "matrix": matrix, "first": numbers(4, 3)[:, 0]}


def main():
    cases = {
        "plain": layer(),
        "half": layer(torch.float16),
        "bfloat16": layer(torch.bfloat16),
        "double": layer(torch.float64),
        "parameter": {"features.0.weight": torch.nn.Parameter(numbers(2, 3, 3, 3))},
        "wrapped": wrapped(),
        "norm": with_norm(),
        "tied": tied(),
        "strided": strided(),
        "index": {"model": layer(), "class_to_idx": {"dog": 1, "cat": 0}},
        "scalar": {"scale": torch.tensor(1.5), "empty": torch.zeros(0, 3), "flags": torch.tensor([True, False])},
        "tensor": numbers(3),
        "nothing": {"epoch": 3},
    }
    for name, value in cases.items():
        torch.save(value, golden("torch", f"{name}_zip.pth"))
        torch.save(value, golden("torch", f"{name}_legacy.pth"), _use_new_zipfile_serialization=False)
    print("torch", torch.__version__)


if __name__ == "__main__":
    main()
