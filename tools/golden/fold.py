"""Writes tests/golden/fold.txt: what scikit-learn's KFold and StratifiedKFold give, shuffled, as hashes.

One case a line: n folds fold seed pattern classes n_train n_val hash, as in split.txt (tools/golden/split.py).
"""
import hashlib
import random
import warnings

import numpy as np
import sklearn
from sklearn.model_selection import KFold, StratifiedKFold

from common import golden
from split import labels


def cases(f, n, n_folds, seed, pattern, k, wanted):
    y = np.zeros(n, np.int32) if pattern == "plain" else labels(pattern, n, k)
    kind = KFold if pattern == "plain" else StratifiedKFold
    if pattern != "plain" and np.bincount(y).max() < n_folds:
        return 0
    folds = list(kind(n_folds, shuffle=True, random_state=seed).split(y, y))
    for fold in wanted:
        train, val = folds[fold - 1]
        digest = hashlib.sha256(train.astype("<i8").tobytes() + val.astype("<i8").tobytes())
        f.write(f"{n} {n_folds} {fold} {seed} {pattern} {k} {len(train)} {len(val)} {digest.hexdigest()[:16]}\n")
    return len(wanted)


def main(f):
    warnings.simplefilter("ignore")  # classes of fewer pictures than folds are wanted here
    f.write(f"# scikit-learn {sklearn.__version__}, numpy {np.__version__}\n")
    for pattern, k in (("plain", 0), ("mod", 10), ("skew", 10), ("block", 7)):
        cases(f, 60000, 5, 42, pattern, k, range(1, 6))
    draw = random.Random(1)
    n_done = 0
    while n_done < 300:
        pattern = draw.choice(("plain", "mod", "skew", "skew", "block"))
        n = int(2 ** draw.uniform(2, 11))
        k = 0 if pattern == "plain" else draw.randint(1, min(60, n // 2))
        n_folds = draw.randint(2, min(n, 12))
        seed = draw.choice((0, 1, 42, 2**32 - 1, draw.randrange(2**32)))
        n_done += cases(f, n, n_folds, seed, pattern, k, [draw.randint(1, n_folds)])


if __name__ == "__main__":
    with open(golden("fold.txt"), "w") as out:
        main(out)
