"""Trains both recipes with topwork and with Keras on the same features, several seeds each, and compares them.

    python tools/compare_recipes.py TOPWORK SHARED WORK [features|topwork|keras|table]...

SHARED has data/mnist and weights/hed_vgg16_notop.h5; everything is kept in WORK, one JSON file a run, and what is there
is not made again. Needs what tools/requirements.txt says. The jobs:

    features         the tutorial's first recipe as it stands, 1,400 training and 600 validation digits
    features-scaled  the same with the features divided by 2^round(log2(s)), s their standard deviation
    finetune         the tutorial's second recipe cut after block5_pool with a small top, 500 and 125 digits

The features are those of `topwork extract` (their exactness is a table of its own in docs/parity.md), the split is
scikit-learn's, both sides begin with random weights of their own seed. `table` prints the accuracies on test digits and
writes docs/parity-curves.svg.

How "no more than chance" is judged: the two frameworks' runs are relabelled in every way, and p is the share of
relabellings whose difference is at least as large as the one found. For the final accuracy the statistic is the
difference of the means; for a curve it is the largest over the epochs of Welch's |t|, so that a curve is one test.
"""
import itertools
import json
import os
import subprocess
import sys

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
EXAMPLES = os.path.join(HERE, "..", "examples")
CURVES = os.path.join(HERE, "..", "docs", "parity-curves.svg")

# name: configuration, options, layer of the features, pictures, test pictures, seeds
JOBS = {
    "features": ("mnist-features.json", {}, "block5_pool", 2000, 500, (1, 2, 3, 4, 5)),
    "features-scaled": ("mnist-features.json", {"scale-features": "auto"}, "block5_pool", 2000, 500, (1, 2, 3, 4, 5)),
    "finetune": ("mnist-finetune.json", {"cut": "block5_pool", "top": "256 relu, dropout 0.5", "epochs": 3},
                 "block4_pool", 625, 500, (1, 2, 3)),
}


class Place:
    def __init__(self, topwork, shared, work):
        self.topwork, self.work = os.path.abspath(topwork), os.path.abspath(work)
        self.data = os.path.join(shared, "data", "mnist")
        self.weights = os.path.join(shared, "weights", "hed_vgg16_notop.h5")
        os.makedirs(work, exist_ok=True)

    def file(self, name):
        return os.path.join(self.work, name)

    def run(self, *arguments):
        done = subprocess.run((self.topwork,) + arguments, check=True, capture_output=True, text=True,
                              env={**os.environ, "OMP_WAIT_POLICY": "passive"})
        return done.stdout

    def features(self, job, part):
        _, _, layer, n, n_test, _ = JOBS[job]
        path = self.file(f"{layer}-{part}.npy")
        if not os.path.exists(path):
            self.run("extract", self.data, "--model", "vgg16", "--weights", self.weights, "--layer", layer,
                     "--preprocess", "none", "--split", part, "--limit", str(n if part == "train" else n_test),
                     "--cache-dir", self.file("cache"), "-q", "-o", path)
        return np.load(path), np.load(path.replace(".npy", ".labels.npy"))


def config_of(job):
    name, options = JOBS[job][:2]
    with open(os.path.join(EXAMPLES, name)) as f:
        return {**json.load(f), **options}


def result(place, job, framework, seed):
    return place.file(f"{job}-{framework}-{seed}.json")


def missing(place, framework):
    """What is still to be run, the first seed of every job before the second."""
    for seed in sorted({seed for job in JOBS.values() for seed in job[5]}):
        for job in JOBS:
            path = result(place, job, framework, seed)
            if seed in JOBS[job][5] and not os.path.exists(path):
                yield job, seed, path


def write(path, history, accuracy):
    with open(path, "w") as f:
        json.dump({"history": history, "test_accuracy": accuracy}, f, indent=1)
    print(os.path.basename(path), f"{100 * accuracy:.2f} %", flush=True)


def train_topwork(place, job, seed, path):
    name, options, _, n, n_test, _ = JOBS[job]
    flags = [word for key, value in options.items() for word in ("--" + key, str(value))]
    run = place.file("run")
    place.run("train", place.data, "--config", os.path.join(EXAMPLES, name), "--weights", place.weights, "--limit",
              str(n), "--seed", str(seed), "--threads", "1", "--cache-dir", place.file("cache"), "-q", "-o", run,
              "--overwrite", *flags)
    with open(os.path.join(run, "history.csv")) as f:
        names = f.readline().strip().split(",")
        rows = np.array([[float(v) for v in line.split(",")] for line in f])
    answer = place.run("evaluate", run, place.data, "--split", "test", "--limit", str(n_test), "--threads", "1",
                       "--cache-dir", place.file("cache"), "-q", "--json").splitlines()[-1]
    history = {k: rows[:, i].tolist() for i, k in enumerate(names) if k != "epoch"}
    write(path, history, json.loads(answer)["accuracy"])


def keras_model(place, job, x):
    import h5py
    import keras
    from keras import layers

    config = config_of(job)
    model = keras.Sequential([keras.Input(x.shape[1:])])
    if job == "finetune":
        with h5py.File(place.weights) as f:
            for name in ("block5_conv1", "block5_conv2", "block5_conv3"):
                model.add(layers.Conv2D(512, 3, padding="same", activation="relu", name=name))
                group = f[name]
                model.layers[-1].set_weights([group[k][()] for k in group.attrs["weight_names"]])
        model.add(layers.MaxPooling2D(2))
    model.add(layers.Flatten())
    for part in filter(None, (p.strip().split() for p in config["top"].split(","))):
        if part[0] == "dropout":
            model.add(layers.Dropout(float(part[1])))
        else:
            kernel = keras.initializers.RandomUniform(-0.05, 0.05) if "uniform" in part else "glorot_uniform"
            model.add(layers.Dense(int(part[0]), part[1], kernel_initializer=kernel))
    model.add(layers.Dense(10, "softmax"))
    if config["optimizer"] == "adam":
        optimizer = keras.optimizers.Adam(config["lr"])
    else:
        rate = keras.optimizers.schedules.InverseTimeDecay(config["lr"], 1, config["decay"])
        optimizer = keras.optimizers.SGD(rate, momentum=config["momentum"], nesterov=config["nesterov"])
    model.compile(optimizer, "categorical_crossentropy", metrics=["accuracy"])
    return model


def fit(model, config, train, val, seed):
    """Keras's fit, an epoch at a time, each in an order of its own: with keras.utils.set_random_seed fit(shuffle=True)
    of Keras 3.15 takes the same order in every epoch."""
    order, history = np.random.default_rng(seed), {}
    for _ in range(config["epochs"]):
        rows = order.permutation(len(train[0]))
        epoch = model.fit(train[0][rows], train[1][rows], config["batch-size"], 1, verbose=0, validation_data=val,
                          shuffle=False).history
        for key, values in epoch.items():
            history.setdefault(key, []).extend(values)
    return history


def train_keras(place, job, seed, path):
    import keras
    from sklearn.model_selection import train_test_split

    config = config_of(job)
    x, y = place.features(job, "train")
    x_test, y_test = place.features(job, "test")
    train, val = train_test_split(np.arange(len(x)), test_size=config["val-split"], random_state=config["split-seed"])
    if config.get("scale-features") == "auto":
        scale = np.float32(2.0 ** np.round(np.log2(x[train].std(dtype=np.float64))))
        print(f"{job}: features are divided by {scale:g}", flush=True)
        x, x_test = x / scale, x_test / scale
    one_hot = keras.utils.to_categorical
    keras.utils.set_random_seed(seed)
    model = keras_model(place, job, x)
    history = fit(model, config, (x[train], one_hot(y[train], 10)), (x[val], one_hot(y[val], 10)), seed)
    accuracy = float((model.predict(x_test, verbose=0).argmax(1) == y_test).mean())
    write(path, history, accuracy)
    keras.backend.clear_session()


# ---- judging

def read_runs(place, job, framework):
    runs = []
    for seed in JOBS[job][5]:
        path = result(place, job, framework, seed)
        if os.path.exists(path):
            with open(path) as f:
                runs.append(json.load(f))
    return runs


def permutation_p(ours, theirs, statistic):
    """Exact: over all ways to name len(ours) of the runs ours."""
    runs = np.concatenate([ours, theirs])
    found, n_extreme, n = statistic(ours, theirs), 0, 0
    for chosen in itertools.combinations(range(len(runs)), len(ours)):
        mask = np.zeros(len(runs), bool)
        mask[list(chosen)] = True
        n_extreme += statistic(runs[mask], runs[~mask]) >= found * (1 - 1e-12)
        n += 1
    return n_extreme / n, n


def mean_difference(a, b):
    return abs(a.mean() - b.mean())


def largest_t(a, b):
    spread = np.sqrt(a.var(0, ddof=1) / len(a) + b.var(0, ddof=1) / len(b))
    return float((np.abs(a.mean(0) - b.mean(0)) / np.maximum(spread, 1e-12)).max())


def judge(place, job):
    ours, theirs = read_runs(place, job, "topwork"), read_runs(place, job, "keras")
    if len(ours) < 2 or len(theirs) < 2:
        print(f"{job}: {len(ours)} runs of topwork and {len(theirs)} of Keras")
        return
    a, b = (np.array([100 * r["test_accuracy"] for r in runs]) for runs in (ours, theirs))
    welch = largest_t(a[:, None], b[:, None])
    p, n = permutation_p(a, b, mean_difference)
    cells = [job, f"{a.mean():.2f} ± {a.std(ddof=1):.2f}", f"{b.mean():.2f} ± {b.std(ddof=1):.2f}", f"{welch:.2f}",
             f"{p:.3f} of {n}"]
    for key in ("loss", "val_loss", "val_accuracy"):
        p, _ = permutation_p(*(np.array([r["history"][key] for r in runs]) for runs in (ours, theirs)), largest_t)
        cells.append(f"{p:.3f}")
    print("| " + " | ".join(cells) + " |")
    print(f"|   runs | {' '.join(f'{v:.1f}' for v in a)} | {' '.join(f'{v:.1f}' for v in b)} | | | | | |")


# ---- curves

PANEL_W, PANEL_H, LEFT, TOP, GAP_X, GAP_Y = 250, 130, 48, 44, 62, 52
COLOURS = {"topwork": "#c2410c", "keras": "#1d4ed8"}


def panel(place, job, key, title, x0, y0):
    runs = {f: [r["history"][key] for r in read_runs(place, job, f)] for f in COLOURS}
    values = [v for curves in runs.values() for c in curves for v in c]
    if not values:
        return []
    low, high = min(0.0, min(values)), max(values)
    n = max(len(c) for curves in runs.values() for c in curves)
    out = [f'<rect x="{x0}" y="{y0}" width="{PANEL_W}" height="{PANEL_H}" fill="none" stroke="#999"/>',
           f'<text x="{x0}" y="{y0 - 6}">{job}: {title}</text>',
           f'<text x="{x0 - 5}" y="{y0 + 9}" text-anchor="end">{high:.3g}</text>',
           f'<text x="{x0 - 5}" y="{y0 + PANEL_H}" text-anchor="end">{low:.3g}</text>',
           f'<text x="{x0 + PANEL_W}" y="{y0 + PANEL_H + 13}" text-anchor="end">epoch {n}</text>']
    for framework, curves in runs.items():
        for curve in curves:
            points = " ".join(f"{x0 + PANEL_W * i / max(n - 1, 1):.1f},{y0 + PANEL_H * (high - v) / (high - low):.1f}"
                              for i, v in enumerate(curve))
            out.append(f'<polyline points="{points}" fill="none" stroke="{COLOURS[framework]}" stroke-opacity="0.7"/>')
    return out


def draw(place):
    keys = (("loss", "training loss"), ("val_loss", "validation loss"), ("val_accuracy", "validation accuracy"))
    width = LEFT + len(keys) * (PANEL_W + GAP_X)
    height = TOP + len(JOBS) * (PANEL_H + GAP_Y)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
           'font-size="11">', f'<rect width="{width}" height="{height}" fill="#fff"/>']
    for i, (framework, colour) in enumerate(COLOURS.items()):
        out.append(f'<text x="{LEFT + 90 * i}" y="16" fill="{colour}" font-weight="bold">{framework}</text>')
    for row, job in enumerate(JOBS):
        for column, (key, title) in enumerate(keys):
            out += panel(place, job, key, title, LEFT + column * (PANEL_W + GAP_X), TOP + row * (PANEL_H + GAP_Y))
    with open(CURVES, "w") as f:
        f.write("\n".join(out + ["</svg>", ""]))


def print_table(place):
    print("| job | topwork, % | Keras, % | Welch t | p of the accuracy | p of loss | of val. loss | of val. accuracy |")
    print("|---|---|---|---|---|---|---|---|")
    for job in JOBS:
        judge(place, job)
    draw(place)


def main():
    place = Place(*sys.argv[1:4])
    for step in sys.argv[4:] or ("features", "topwork", "keras", "table"):
        if step == "table":
            print_table(place)
        elif step == "features":
            for job in JOBS:
                place.features(job, "train"), place.features(job, "test")
        else:
            train = {"topwork": train_topwork, "keras": train_keras}[step]
            for job, seed, path in missing(place, step):
                train(place, job, seed, path)


if __name__ == "__main__":
    main()
