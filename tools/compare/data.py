"""train_test_split, metrics, the order of predictions, and class weights, against scikit-learn and Keras."""
import csv
import ctypes
import itertools
import json
import os
import random

import numpy as np
from sklearn.metrics import accuracy_score, log_loss, precision_recall_fscore_support
from sklearn.model_selection import train_test_split

from common import HEADS, print_rows

MINI = ("--model", "vgg16-mini")


def our_split(place, n, size, seed, labels):
    train, test = np.empty(n, np.int64), np.empty(n, np.int64)
    n_train, n_test = ctypes.c_int64(), ctypes.c_int64()
    pointer = lambda a, kind: a.ctypes.data_as(ctypes.POINTER(kind))  # noqa: E731
    rc = place.library.tw_train_test_split(
        pointer(train, ctypes.c_int64), ctypes.byref(n_train), pointer(test, ctypes.c_int64), ctypes.byref(n_test),
        ctypes.c_int64(n), ctypes.c_double(size), ctypes.c_uint32(seed),
        None if labels is None else pointer(labels, ctypes.c_int), None)
    return None if rc else (train[:n_train.value], test[:n_test.value])


def split_rows(place):
    """1,000 random cases: sizes as shares, labels drawn from skewed distributions, some too small to be split."""
    draw, rng = random.Random(7), np.random.default_rng(7)
    counts = {False: [0, 0, 0], True: [0, 0, 0]}  # of each kind: cases, refused by both, differing
    for case in range(1000):
        stratify = case % 2 == 1
        n = int(2 ** draw.uniform(1, 13))
        k = draw.randint(1, max(1, min(30, n // 8)))
        labels = None
        if stratify:
            labels = rng.choice(k, n, p=rng.dirichlet(np.full(k, 2.0))).astype(np.int32)
        size = draw.choice((0.1, 0.2, 0.25, 0.3, 0.5, draw.uniform(0.01, 0.99)))
        seed = draw.randrange(2 ** 32)
        try:
            theirs = train_test_split(np.arange(n), test_size=size, random_state=seed, stratify=labels)
        except ValueError:
            theirs = None
        ours = our_split(place, n, size, seed, labels)
        count = counts[stratify]
        count[0] += 1
        if theirs is None or ours is None:
            count[1] += theirs is None and ours is None
            count[2] += (theirs is None) != (ours is None)
        else:
            count[2] += not all(np.array_equal(a, b) for a, b in zip(ours, theirs))
    for stratify, (n, refused, wrong) in counts.items():
        yield ["train_test_split, " + ("stratified" if stratify else "plain"), "scikit-learn",
               f"{n} cases, {refused} of them refused by both", f"{wrong} differ", ""]


def read_predictions(path):
    with open(path) as f:
        rows = list(csv.reader(f))
    names = [column[2:] for column in rows[0][-10:]]  # "p_0"
    label = np.array([names.index(r[rows[0].index("label")]) for r in rows[1:]])
    predicted = np.array([names.index(r[rows[0].index("predicted")]) for r in rows[1:]])
    return label, predicted, np.array([[float(v) for v in r[-10:]] for r in rows[1:]])


def metric_rows(place):
    run = place.file("mini")
    place.run("train", place.mnist, *MINI, "--limit", "400", "--epochs", "2", "-q", "-o", run, "--overwrite",
              "--cache-dir", place.file("cache"))
    lines = [json.loads(line) for line in place.run("evaluate", run, place.mnist, "--limit", "500", "--json", "-q",
                                                     "--cache-dir", place.file("cache")).splitlines()]
    label, predicted, p = read_predictions(os.path.join(run, "predictions.csv"))
    figures = [[line[k] if line[k] is not None else np.nan for k in ("precision", "recall", "f1")]
               for line in lines if "class" in line]
    theirs = np.array(precision_recall_fscore_support(label, predicted, labels=range(10), zero_division=np.nan)[:3]).T
    cases = f"{len(label)} predictions"
    error = abs(lines[-1]["accuracy"] - accuracy_score(label, predicted))
    yield ["accuracy", "scikit-learn", cases, f"{error:.3g}", ""]
    yield ["precision, recall, F1", "scikit-learn", cases, f"{np.nanmax(np.abs(np.array(figures) - theirs)):.3g}",
           "topwork prints 9 digits"]
    loss = log_loss(label, p, labels=range(10))
    yield ["cross-entropy", "scikit-learn log_loss of the probabilities", cases, f"{abs(lines[-1]['loss'] - loss):.3g}",
           "of 9 digits"]
    yield order_row(place, run, p)


def order_row(place, run, p):
    """The order in which predict names classes, against Keras's decode_predictions."""
    from keras.src.applications import imagenet_utils

    pictures = os.path.join(place.mnist, "t10k-images-idx3-ubyte.gz") + ":0-99"
    lines = place.run("predict", run, pictures, "--json", "--top", "10", "-q").splitlines()
    answers = [json.loads(line) for line in lines]
    imagenet_utils.CLASS_INDEX = {str(i): [f"n{i}", str(i)] for i in range(1000)}
    padded = np.full((100, 1000), -1.0)
    padded[:, :10] = p[:100]
    theirs = [[int(name) for _, name, _ in row] for row in imagenet_utils.decode_predictions(padded, 10)]
    ours = [[int(c["class"]) for c in answer["predictions"]] for answer in answers]
    wrong = sum(a != b for a, b in zip(ours, theirs))
    return ["order of predict --top 10", "keras decode_predictions", "100 pictures", f"{wrong} differ", ""]


def compare(place):
    print_rows("Splits and metrics", HEADS[:4] + ("",), itertools.chain(split_rows(place), metric_rows(place)))
