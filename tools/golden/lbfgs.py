"""Writes tests/golden/lbfgs.txt: scikit-learn's logistic regression on made-up rows.

A case is a head "case rows columns classes C seed", then "loss", the mean cross-entropy, "kernel" (columns, classes) and
"bias", which is known but for a number added to all. Number j of row i is b[i * columns + j] / 128 - 1 of the generator
that the test has, too, plus 1 where j is the row's class, i mod classes.
"""
import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from common import golden, lcg_bytes

CASES = ((90, 5, 3, 1.0, 1), (200, 12, 10, 1.0, 2), (64, 8, 4, 100.0, 3))

with open(golden("lbfgs.txt"), "w") as f:
    def line(name, numbers):
        f.write(" ".join([name, *(f"{v:.9g}" for v in np.ravel(numbers))]) + "\n")

    f.write(f"# scikit-learn {sklearn.__version__}, numpy {np.__version__}\n")
    for n, columns, k, c, seed in CASES:
        rows = lcg_bytes(n * columns, seed).astype(float).reshape(n, columns) / 128 - 1
        label = np.arange(n) % k
        rows[np.arange(n), label] += 1
        top = LogisticRegression(C=c, tol=1e-10, max_iter=10000).fit(rows, label)
        line("case", (n, columns, k, c, seed))
        line("loss", log_loss(label, top.predict_proba(rows)))
        line("kernel", top.coef_.T)
        line("bias", top.intercept_ - top.intercept_.mean())
