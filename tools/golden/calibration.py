"""Writes tests/golden/calibration.txt: temperatures, calibration errors, F1 intervals and McNemar tests by SciPy and NumPy.

A case is a head "case classes n seed divisor", then "temperature" (least mean cross-entropy, SciPy's bounded scalar search in
the logarithm), "loss" and "ece" (15 bins, Guo et al. 2017) before and after it, and "f1" (the mean F1's 2.5 and 97.5 percentiles
over 20,000 resamples with NumPy's own generator). Picture i has the label b[0] mod classes and the logits (b[1 + k] - 128) /
divisor, that of the label plus 64 / divisor, b being the next 1 + classes bytes of the generator that the test has, too.
"mcnemar b c" is followed by the two-sided exact p of b against c discordant pairs.
"""
import numpy as np
import scipy
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from scipy.stats import binomtest

from common import golden, lcg_bytes

CASES = ((2, 300, 1, 16), (3, 40, 2, 64), (7, 500, 3, 8), (10, 1000, 4, 100))
PAIRS = ((0, 0), (1, 0), (3, 9), (10, 10), (25, 8), (120, 87), (1000, 1100))
BINS = 15


def make(k, n, seed, divisor):
    b = lcg_bytes((1 + k) * n, seed).astype(int).reshape(n, 1 + k)
    label = b[:, 0] % k
    logits = b[:, 1:] - 128
    logits[np.arange(n), label] += 64
    return label, (logits / divisor).astype(np.float32).astype(np.float64)


def loss(logits, label, temperature):
    return -log_softmax(logits / temperature, axis=1)[np.arange(len(label)), label].mean()


def ece(logits, label, temperature):
    p = softmax(logits / temperature, axis=1).astype(np.float32).astype(np.float64)
    confidence, right = p.max(axis=1), p.argmax(axis=1) == label
    edges = np.linspace(0, 1, BINS + 1)
    sum = 0.0
    for low, high in zip(edges[:-1], edges[1:]):
        inside = (confidence > low) & (confidence <= high)
        if inside.any():
            sum += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    return sum


def mean_f1(label, said, k):
    cells = np.bincount(label * k + said, minlength=k * k).reshape(k, k)
    whole = cells.sum(0) + cells.sum(1)
    return (2 * np.diag(cells)[whole > 0] / whole[whole > 0]).mean()


def f1_interval(logits, label, seed):
    rng = np.random.default_rng(seed)
    n, k = logits.shape
    said = logits.argmax(axis=1)
    figures = []
    for _ in range(20000):
        i = rng.integers(0, n, n)
        figures.append(mean_f1(label[i], said[i], k))
    return np.percentile(figures, (2.5, 97.5))


with open(golden("calibration.txt"), "w") as f:
    def line(name, *numbers):
        f.write(" ".join([name, *(f"{v:.17g}" for v in np.ravel(numbers))]) + "\n")

    f.write(f"# SciPy {scipy.__version__}, NumPy {np.__version__}\n")
    for case in CASES:
        label, logits = make(*case)
        found = minimize_scalar(lambda x: loss(logits, label, np.exp(x)), bounds=np.log((0.01, 100)), method="bounded",
                                options={"xatol": 1e-12})
        t = np.exp(found.x)
        line("case", case)
        line("temperature", t)
        line("loss", loss(logits, label, 1), loss(logits, label, t))
        line("ece", ece(logits, label, 1), ece(logits, label, t))
        line("f1", f1_interval(logits, label, case[2]))
    for b, c in PAIRS:
        line("mcnemar", b, c, binomtest(b, b + c, 0.5).pvalue if b + c else 1.0)
