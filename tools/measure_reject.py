"""How well predict --reject tells pictures of other things, beside the largest probability.

    python tools/measure_reject.py TOPWORK ANTS-BEES EFFICIENTNET-WEIGHTS MNIST-FOLDER

By hand, in an empty folder; needs NumPy and scikit-learn. Results in docs/evaluation.md. Printed for each model: the AUROC of
unknown against known pictures by distance and by largest probability, and the shares that are rejected.
"""
import gzip
import json
import os
import subprocess
import sys

import numpy as np
from sklearn.metrics import roc_auc_score

topwork, ants, weights, mnist = (os.path.abspath(a) for a in sys.argv[1:5])


def run(*args):
    return subprocess.run([topwork, *args, "--quiet"], check=True, capture_output=True, text=True).stdout


def judge(model, what, *split):
    rows = [json.loads(line) for line in run("predict", model, *what, "--reject", "--json", *split).splitlines()]
    return np.array([(r["distance"], r["predictions"][0]["probability"], r["unknown"]) for r in rows], float)


def table(model, known, unknown):
    k, u = judge(model, *known), judge(model, *unknown)
    label = np.r_[np.zeros(len(k)), np.ones(len(u))]
    print(f"{model}: known {' '.join(known[0])[:30]} {len(k)}, unknown {' '.join(unknown[0])[:30]} {len(u)}: AUROC distance "
          f"{roc_auc_score(label, np.r_[k, u][:, 0]):.4f}, probability {roc_auc_score(label, -np.r_[k, u][:, 1]):.4f}; rejected "
          f"known {k[:, 2].mean():.3f}, unknown {u[:, 2].mean():.3f}", flush=True)


def idx(name, head):
    return np.frombuffer(gzip.open(os.path.join(mnist, name)).read(), np.uint8, offset=head)


def write_npz():
    part = {}
    for name, n, at in (("train", 3000, "train"), ("test", 600, "t10k")):
        x, y = idx(f"{at}-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28), idx(f"{at}-labels-idx1-ubyte.gz", 8)
        part[name] = x, y, n
    for file, keep in (("zero-to-seven.npz", lambda y: y < 8), ("eight-nine.npz", lambda y: y >= 8)):
        np.savez(file, **{f"{v}_{name}": a[keep(y)][:n] for name, (x, y, n) in part.items() for v, a in (("x", x), ("y", y))})


def main():
    photos = [os.path.join(ants, part, c) for part in ("train", "val") for c in ("ants", "bees")]
    write_npz()
    run("train", "digits:2000", "--model", "vgg16-mini", "--epochs", "3", "-o", "digits-run")
    run("train", "zero-to-seven.npz", "--model", "vgg16-mini", "--epochs", "3", "-o", "mnist-run")
    run("train", ants, "--model", "efficientnet-lite0", "--weights", weights, "--top", "64 relu", "--epochs", "20", "-o", "ants-run")
    run("calibrate", "digits-run", "--keep-temperature")
    run("calibrate", "mnist-run", "--keep-temperature")
    # the frozen part has not seen the training pictures either, and there are too few to spare others
    run("calibrate", "ants-run", ants, "--split", "train", "--keep-temperature")
    table("digits-run", (["digits:0-499"], "--split", "test"), (photos,))
    table("mnist-run", (["zero-to-seven.npz:0-599"], "--split", "test"), (photos,))
    table("mnist-run", (["zero-to-seven.npz:0-599"], "--split", "test"), (["eight-nine.npz:0-599"], "--split", "test"))
    table("ants-run", (photos[2:],), (["digits:0-499"], "--split", "test"))


main()
