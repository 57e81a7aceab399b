"""What vgg16-mini is worth: the same new top on its trunk, on the same trunk with random weights, and the same small
net trained from nothing, with 100, 1,000 and 10,000 training pictures.

    python measure.py BUILD WORK [--mnist FOLDER] [--arms trunk,random,nothing] [--data digits,mnist] [--weights FILE]

BUILD is a build folder (topwork and libtopwork.so), WORK keeps data and results (results.jsonl, one line a run; runs
that are there already are not made again). Pictures: n drawn at random, by seed, from the first 10,000 training
pictures; tested on all test pictures (10,000 of MNIST, 2,500 of digits:10000). "trunk" and "random" are topwork
itself with its default top (256 relu, dropout 0.5). "nothing" is PyTorch: the trunk of from_nothing.py (with batch
normalization) and the same top, all of it trained with Adam. With --weights "trunk" is the trunk of that file instead
of the one in the program; give it a WORK of its own. The table is printed at the end.
"""
import argparse
import ctypes
import gzip
import json
import pathlib
import statistics
import subprocess
import sys
import time

import numpy as np

POOL = 10000
SEEDS = {100: 5, 1000: 5, 10000: 3}
SEEDS_NOTHING = {100: 5, 1000: 5, 10000: 1}
EPOCHS = {100: 100, 1000: 40, 10000: 20}  # of the new top
BATCH = {100: 32, 1000: 32, 10000: 128}
EPOCHS_NOTHING = {100: 50, 1000: 12, 10000: 3}
FILES = ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"]


def read_idx(path):
    path = pathlib.Path(path)
    raw = path.read_bytes() if path.exists() else gzip.open(str(path) + ".gz").read()
    rank = raw[3]
    shape = np.frombuffer(raw, ">u4", rank, 4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * rank).reshape(shape)


def write_idx(path, array):
    head = bytes([0, 0, 8, array.ndim]) + np.asarray(array.shape, ">u4").tobytes()
    pathlib.Path(path).write_bytes(head + np.ascontiguousarray(array, np.uint8).tobytes())


class Picture(ctypes.Structure):
    _fields_ = [("height", ctypes.c_int), ("width", ctypes.c_int), ("channels", ctypes.c_int),
                ("pixels", ctypes.POINTER(ctypes.c_uint8))]


def read_digits(build, part):
    """All pictures and labels of a part (0 train, 2 test) of digits:10000, through the C library."""
    library = ctypes.CDLL(str(pathlib.Path(build) / "libtopwork.so"))
    handle, picture = ctypes.c_void_p(), Picture()
    library.tw_dataset_count.restype = ctypes.c_int64
    if library.tw_dataset_open(ctypes.byref(handle), b"digits:10000", part, ctypes.c_int64(0), None):
        sys.exit("digits:10000 cannot be opened")
    pictures, labels = [], []
    for i in range(library.tw_dataset_count(handle)):
        if library.tw_dataset_read(ctypes.byref(picture), handle, ctypes.c_int64(i), None):
            sys.exit(f"digits:10000:{i} cannot be read")
        pictures.append(np.ctypeslib.as_array(picture.pixels, (picture.height, picture.width)).copy())
        labels.append(library.tw_dataset_label(handle, ctypes.c_int64(i)))
        library.tw_picture_free(ctypes.byref(picture))
    library.tw_dataset_free(handle)
    return np.stack(pictures), np.asarray(labels, np.uint8)


def load(name, args):
    if name == "mnist":
        arrays = [read_idx(pathlib.Path(args.mnist) / file) for file in FILES]
        return arrays[0][:POOL], arrays[1][:POOL], arrays[2], arrays[3]
    return (*read_digits(args.build, 0), *read_digits(args.build, 2))


def subset(data, n, seed):
    pick = np.random.default_rng(seed).permutation(POOL)[:n]
    return data[0][pick], data[1][pick]


def run_topwork(args, name, data, n, seed, arm):
    """Accuracy on the test pictures of a new top on the frozen trunk."""
    folder, run = args.work / f"{name}-{n}-{seed}", args.work / "run"
    folder.mkdir(exist_ok=True)
    images, labels = subset(data, n, seed)
    for file, array in zip(FILES, (images, labels, data[2], data[3])):
        write_idx(folder / file, array)
    program = str(pathlib.Path(args.build) / "topwork")
    source = "random" if arm == "random" else args.weights
    weights = ["--weights", source] if source else []
    subprocess.run([program, "train", folder, "--model", "vgg16-mini", *weights, "--seed", str(seed), "--epochs",
                    str(EPOCHS[n]), "--batch-size", str(BATCH[n]), "--val-split", "0", "--overwrite", "-o", run],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    out = subprocess.run([program, "evaluate", run, folder, "--json"], check=True, capture_output=True, text=True)
    for file in FILES:
        (folder / file).unlink()
    folder.rmdir()
    return json.loads(out.stdout.splitlines()[-1])["accuracy"]


def run_nothing(args, data, n, seed):
    """The same for the whole net trained from nothing."""
    import torch
    import torch.nn as nn
    import torch.nn.functional as F

    import from_nothing

    from_nothing.keep_memory()
    torch.manual_seed(seed)
    torch.set_num_threads(args.threads)
    images, labels = (torch.from_numpy(a.copy()) for a in subset(data, n, seed))
    net = from_nothing.Trunk().to(memory_format=torch.channels_last)
    top = nn.Sequential(nn.Flatten(), nn.Linear(3136, 256), nn.ReLU(), nn.Dropout(0.5), nn.Linear(256, 10))

    def forward(some):
        large = F.interpolate(some.float().unsqueeze(1) / 255, size=(224, 224), mode="bicubic").clamp(0, 1)
        with torch.autocast("cpu", torch.bfloat16):
            features = net(from_nothing.network_input(large.expand(-1, 3, -1, -1)))
        return top(features.float())

    batch, n_epochs = min(32, n), EPOCHS_NOTHING[n]
    steps = n_epochs * ((n + batch - 1) // batch)
    optimizer = torch.optim.Adam(list(net.parameters()) + list(top.parameters()), lr=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-3, total_steps=steps, pct_start=0.1)
    for _ in range(n_epochs):
        for pick in torch.randperm(n).split(batch):
            loss = F.cross_entropy(forward(images[pick]), labels[pick].long())
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
    net.eval()
    top.eval()
    hits = 0
    with torch.no_grad():
        for some, right in zip(torch.from_numpy(data[2].copy()).split(50), torch.from_numpy(data[3].copy()).split(50)):
            hits += (forward(some).argmax(1) == right).sum().item()
    return hits / len(data[2])


def table(results):
    print("| data | pictures | " + " | ".join(["trunk", "random trunk", "from nothing"]) + " |")
    print("|---|---|---|---|---|")
    for name in ("digits", "mnist"):
        for n in SEEDS:
            cells = []
            for arm in ("trunk", "random", "nothing"):
                got = [100 * r["accuracy"] for r in results if (r["data"], r["n"], r["arm"]) == (name, n, arm)]
                spread = f" +- {statistics.stdev(got):.2f}" if len(got) > 1 else ""
                cells.append(f"{statistics.mean(got):.2f}{spread} ({len(got)})" if got else "")
            print(f"| {name} | {n:,} | " + " | ".join(cells) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("work", type=pathlib.Path)
    parser.add_argument("--mnist", default="../shared/data/mnist")
    parser.add_argument("--arms", default="trunk,random,nothing")
    parser.add_argument("--data", default="digits,mnist")
    parser.add_argument("--sizes", default="100,1000,10000")
    parser.add_argument("--weights", help="weights of the trunk that is measured; the program's own unless given")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    log = args.work / "results.jsonl"
    for name in args.data.split(","):
        data = load(name, args)
        for arm in args.arms.split(","):
            for n in map(int, args.sizes.split(",")):
                for seed in range(1, (SEEDS_NOTHING if arm == "nothing" else SEEDS)[n] + 1):
                    results = [json.loads(line) for line in log.open()] if log.exists() else []
                    if any((r["data"], r["n"], r["seed"], r["arm"]) == (name, n, seed, arm) for r in results):
                        continue
                    began = time.time()
                    accuracy = (run_nothing(args, data, n, seed) if arm == "nothing"
                                else run_topwork(args, name, data, n, seed, arm))
                    line = {"data": name, "n": n, "seed": seed, "arm": arm, "accuracy": accuracy,
                            "seconds": round(time.time() - began, 1)}
                    print(line, flush=True)
                    with log.open("a") as out:
                        out.write(json.dumps(line) + "\n")
    table([json.loads(line) for line in log.open()])


if __name__ == "__main__":
    main()
