"""vgg16-mini's trunk in PyTorch with batch normalization, as measure.py trains it from nothing for comparison. The weights
in the program are not made here: topwork trains them itself (train.sh)."""
import ctypes

import torch
import torch.nn as nn
import torch.nn.functional as F

WIDTHS = [8, 16, 32, 64, 64]
CONVS = [2, 2, 3, 3, 3]
MEAN_BGR = torch.tensor([103.939, 116.779, 123.68])
INPUT_SCALE = 64.0


def keep_memory():
    """glibc keeps large blocks instead of asking the system for them again in each step."""
    for option, value in ((-1, 2**31 - 1), (-4, 0)):  # M_TRIM_THRESHOLD, M_MMAP_MAX
        ctypes.CDLL(None).mallopt(option, value)


class Trunk(nn.Module):
    def __init__(self):
        super().__init__()
        self.names, before = [], 3
        for block, (width, n) in enumerate(zip(WIDTHS, CONVS), 1):
            for i in range(1, n + 1):
                name = f"block{block}_conv{i}"
                self.names.append((name, i == n))
                conv = nn.Conv2d(before, width, 3, padding=1, bias=False)
                nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
                self.add_module(name, conv)
                self.add_module(name + "_bn", nn.BatchNorm2d(width))
                before = width

    def forward(self, x):
        for name, pool in self.names:
            x = F.relu(getattr(self, name + "_bn")(getattr(self, name)(x)))
            x = F.max_pool2d(x, 2) if pool else x
        return x


def network_input(rgb):
    """RGB in [0,1] as the contract gives it, divided by INPUT_SCALE."""
    x = (torch.round(rgb * 255).flip(1) - MEAN_BGR.view(1, 3, 1, 1)) / INPUT_SCALE
    return x.contiguous(memory_format=torch.channels_last)
