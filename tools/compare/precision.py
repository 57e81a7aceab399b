"""What precision and algorithm change in the end: the same top on features of each, and the answers on test digits."""
import csv
import json
import os

import numpy as np

from common import print_rows

N, N_TEST = 2000, 2000
WAYS = (("fp32, Winograd", ()), ("the same, --isa avx2", ("--isa", "avx2")), ("bf16", ("--precision", "bf16")))


def answers_of(run):
    with open(os.path.join(run, "predictions.csv")) as f:
        rows = list(csv.reader(f))
    at = rows[0].index("predicted")
    return np.array([row[at] for row in rows[1:]]), np.array([[float(v) for v in row[-10:]] for row in rows[1:]])


def figures(place, options):
    run = place.file("precision")
    cache = ("--cache-dir", place.file("cache"), "-q")
    place.run("train", place.mnist, "--model", "vgg16-mini", "--limit", N, "--epochs", 10, "-o", run, "--overwrite",
              *cache, *options)
    line = place.run("evaluate", run, place.mnist, "--limit", N_TEST, "--json", *cache, *options).splitlines()[-1]
    return json.loads(line), *answers_of(run)


def rows(place):
    first = None
    for name, options in WAYS:
        figure, said, p = figures(place, options)
        first = first or (said, p)
        yield [name, f"{100 * figure['accuracy']:.2f} %", f"{figure['loss']:.6f}", str(int((said != first[0]).sum())),
               f"{np.abs(p - first[1]).max():.2g}"]


def compare(place):
    print_rows(f"In the end: vgg16-mini, {N:,} training digits, {N_TEST:,} test digits",
               ("trunk", "accuracy", "loss", "other answers than fp32's", "largest difference of a probability"), rows(place))
