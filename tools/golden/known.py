"""Writes tests/golden/known.txt: what known pictures look like and how far others are from them, by NumPy.

A case is a head "case classes n places channels seed quantile", then "threshold" (the quantile of 1 - the largest cosine, each
picture against means made without it) and "distances", those of FOREIGN more rows from the means of all. Row i has the label
b[0] mod classes and the numbers (b[1 + j] - 128) / 64 (j = place * channels + channel), to which 2 is added where channel mod
classes is the label, but for foreign rows; b is the next 1 + places * channels bytes of the generator that the test has, too.
"""
import numpy as np

from common import golden, lcg_bytes

CASES = ((2, 40, 3, 8, 1, 0.99), (3, 100, 1, 20, 2, 0.9), (10, 300, 4, 64, 3, 0.5), (4, 5, 2, 6, 4, 1.0))
FOREIGN = 5


def make(k, n, places, channels, seed):
    size = places * channels
    b = lcg_bytes((1 + size) * (n + FOREIGN), seed).astype(int).reshape(-1, 1 + size)
    label = b[:, 0] % k
    rows = (b[:, 1:] - 128) / 64.0
    mine = (np.arange(size) % channels) % k
    rows[:n] += 2.0 * (mine == label[:n, None])
    looks = rows.astype(np.float32).astype(np.float64).reshape(-1, places, channels).mean(axis=1)
    return label, looks / np.linalg.norm(looks, axis=1, keepdims=True)


def means(looks, label, k):
    out = np.zeros((k, looks.shape[1]))
    for c in range(k):
        if (label == c).any():
            out[c] = looks[label == c].sum(axis=0)
            out[c] /= np.linalg.norm(out[c])
    return out


def distance(looks, of):
    return 1 - (looks @ of.T).max(axis=1)


with open(golden("known.txt"), "w") as f:
    def line(name, *numbers):
        f.write(" ".join([name, *(f"{v:.17g}" for v in np.ravel(numbers))]) + "\n")

    f.write(f"# NumPy {np.__version__}\n")
    for case in CASES:
        k, n, *_, quantile = case
        label, looks = make(*case[:5])
        own = [distance(looks[i:i + 1], means(np.delete(looks[:n], i, 0), np.delete(label[:n], i), k))[0] for i in range(n)]
        line("case", case)
        line("threshold", np.quantile(own, quantile))
        line("distances", distance(looks[n:], means(looks[:n], label[:n], k)))
