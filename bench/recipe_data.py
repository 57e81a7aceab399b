"""What the peers of recipes.py share: MNIST's files, the tutorial's pictures, scikit-learn's split, and how they report.

A peer is started as `recipe_FRAMEWORK.py JOB.json`. It prints "ready VERSION", "trained BYTES" once the model is trained
(BYTES: the most memory that it held), and then "accuracy SHARE" of the test digits.
"""
import gzip
import json
import math
import os
import resource
import struct
import sys

import cv2
import numpy as np

SIDE, CLASSES = 224, 10


def read_idx(folder, name):
    path = os.path.join(folder, name)
    opened = gzip.open(path + ".gz") if os.path.exists(path + ".gz") else open(path, "rb")
    with opened as file:
        rank = struct.unpack(">I", file.read(4))[0] & 255
        shape = struct.unpack(f">{rank}I", file.read(4 * rank))
        return np.frombuffer(file.read(), np.uint8).reshape(shape)


def digits(folder, part, limit):
    """The first `limit` pictures and labels of a part."""
    return read_idx(folder, f"{part}-images-idx3-ubyte")[:limit], read_idx(folder, f"{part}-labels-idx1-ubyte")[:limit]


def enlarge(pictures):
    """As the tutorial does: cubic, grey to three channels, numbers of 0 to 255."""
    large = [cv2.cvtColor(cv2.resize(p, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC), cv2.COLOR_GRAY2RGB) for p in pictures]
    return np.stack(large).astype(np.float32)


def split(n, share, seed):
    """train_test_split(range(n), test_size=share, random_state=seed)."""
    n_val = math.ceil(share * n)
    order = np.random.RandomState(seed).permutation(n)
    return order[n_val:], order[:n_val]


def open_job():
    """The job, and where a peer says what it has to say: what its framework prints goes elsewhere."""
    with open(sys.argv[1]) as file:
        job = json.load(file)
    say = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    return job, say


def say_trained(say):
    say.write(f"trained {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}\n")
