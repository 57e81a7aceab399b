"""Writes tests/golden/split.txt: what scikit-learn's train_test_split gives, as hashes.

One case a line: n test_size seed pattern classes n_train n_test hash, the first 16 digits of the SHA-256 of
the train indices and then the test indices, int64 little-endian. `plain` is not stratified; the other
patterns say how label i is made (tests/unit/data/test_split.c makes the same).
"""
import hashlib
import random

import numpy as np
import sklearn
from sklearn.model_selection import train_test_split

from common import golden


def labels(pattern, n, k):
    i = np.arange(n, dtype=np.uint64)
    if pattern == "mod":
        return (i % np.uint64(k)).astype(np.int32)
    if pattern == "block":
        return (i * np.uint64(k) // np.uint64(n)).astype(np.int32)
    word = (i * np.uint64(2654435761) + np.uint64(12345)) % np.uint64(2**32)
    u = (word >> np.uint64(8)) % np.uint64(k * (k + 1) // 2)
    ends = np.cumsum(np.arange(1, k + 1)).astype(np.uint64)
    return np.searchsorted(ends, u, side="right").astype(np.int32)  # skew: class c has c+1 shares


def case(f, n, size, seed, pattern, k):
    strata = None if pattern == "plain" else labels(pattern, n, k)
    try:
        train, test = train_test_split(
            np.arange(n, dtype=np.int64), test_size=size, random_state=seed, stratify=strata)
    except ValueError:
        return False
    digest = hashlib.sha256(train.astype("<i8").tobytes() + test.astype("<i8").tobytes())
    f.write(f"{n} {size!r} {seed} {pattern} {k} {len(train)} {len(test)} {digest.hexdigest()[:16]}\n")
    return True


def main(f):
    f.write(f"# scikit-learn {sklearn.__version__}, numpy {np.__version__}\n")
    for n in (60000, 70000):
        for size in (0.2, 0.3):
            for pattern, k in (("plain", 0), ("mod", 10), ("skew", 10), ("block", 7)):
                case(f, n, size, 42, pattern, k)
    for n, size in ((2, 0.5), (3, 0.01), (100, 0.07), (100, 0.55), (5, 0.999 * 0.75), (101, 0.5)):
        case(f, n, size, 0, "plain", 0)
    draw = random.Random(1)
    sizes = (0.01, 0.05, 0.07, 0.1, 0.2, 0.25, 0.3, 1 / 3, 0.5, 0.55, 0.6, 0.9)
    n_done = 0
    while n_done < 1000:
        pattern = draw.choice(("plain", "mod", "skew", "skew", "block"))
        n = int(2 ** draw.uniform(2, 11))
        k = 0 if pattern == "plain" else draw.randint(1, min(60, n // 2))
        seed = draw.choice((0, 1, 42, 2**32 - 1, draw.randrange(2**32)))
        size = draw.choice(sizes + (draw.uniform(0.02, 0.95),))
        n_done += case(f, n, size, seed, pattern, k)


if __name__ == "__main__":
    with open(golden("split.txt"), "w") as out:
        main(out)
