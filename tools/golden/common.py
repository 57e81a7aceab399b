"""What the parts of tools/gen_golden.py share: where golden files lie, and numbers that C makes, too."""
import os

import numpy as np

GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "golden")


def golden(*names):
    """Path of a golden file; its folder is made."""
    path = os.path.join(GOLDEN, *names)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    return path


def lcg_bytes(n, seed):
    """The 32-bit linear congruential generator that the tests have, too: its upper bytes."""
    state, out = seed, bytearray()
    for _ in range(n):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        out.append(state >> 24)
    return np.frombuffer(bytes(out), np.uint8)


def lcg_values(n, seed):
    """float64 numbers (byte - 128) / 64."""
    return (lcg_bytes(n, seed).astype(np.float64) - 128) / 64
