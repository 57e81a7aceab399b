"""Writes tests/golden/metrics.txt: scikit-learn's figures of made-up predictions.

A case is a head "case classes n seed", then "accuracy", "confusion" (label by predicted), "precision", "recall"
and "f1", nan where a denominator is 0. Label and prediction of picture i come from the bytes
b of the generator that the test has, too: label b[2i]^2 / 256 mod classes, so that some are rare or missing, and the
prediction is the label where b[2i + 1] < 170, else b[2i + 1] mod classes.
"""
import numpy as np
import sklearn
from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support

from common import golden, lcg_bytes

CASES = ((2, 50, 1), (3, 20, 2), (10, 200, 3), (10, 1000, 4), (17, 40, 5), (40, 60, 6))


def pairs(k, n, seed):
    b = lcg_bytes(2 * n, seed).astype(int)
    label = b[::2] ** 2 // 256 % k
    return label, np.where(b[1::2] < 170, label, b[1::2] % k)


with open(golden("metrics.txt"), "w") as f:
    def line(name, numbers):
        f.write(" ".join([name, *(f"{v:.17g}" for v in np.ravel(numbers))]) + "\n")

    f.write(f"# scikit-learn {sklearn.__version__}, numpy {np.__version__}\n")
    for k, n, seed in CASES:
        label, predicted = pairs(k, n, seed)
        every = np.arange(k)
        precision, recall, f1, _ = precision_recall_fscore_support(label, predicted, labels=every, zero_division=np.nan)
        line("case", (k, n, seed))
        line("accuracy", accuracy_score(label, predicted))
        line("confusion", confusion_matrix(label, predicted, labels=every))
        line("precision", precision)
        line("recall", recall)
        line("f1", f1)
