#!/usr/bin/env python3
"""Both recipes of the tutorial end to end, topwork and its peers: recipes.py BUILD SHARED [--pictures N] [--rounds N] ...

From MNIST's files and the weights of VGG16's trunk (SHARED/data/mnist, SHARED/weights/hed_vgg16_notop.h5) to the trained
model, each program started anew with nothing kept from before: wall time from its start, most memory, accuracy on test
digits (its time does not count). The programs run in turn; the least time of the rounds counts. topwork also writes its run
folder: the model, checkpoints, predictions, the report.

Interpreters: BENCH_TORCH_PYTHON, BENCH_KERAS_PYTHON (with cv2 and NumPy); python3 unless set.
"""
import argparse
import datetime
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

import peers

EXAMPLES = os.path.join(peers.HERE, "..", "examples")
# recipe: configuration, options of it that differ, title
RECIPES = {
    "features": ("mnist-features.json", {}, "Recipe `features`: 20 epochs of the top, batches of 128, Adam"),
    "finetune": ("mnist-finetune.json", {"epochs": 1}, "Recipe `finetune`: 1 epoch of block 5, fc1, fc2 and the class layer, "
                                                      "batches of 16, SGD with Nesterov momentum"),
}
# name, framework (None: topwork), precision; topwork comes first: the others are told against it
PROGRAMS = [("topwork, fp32", None, "fp32"), ("topwork, bf16", None, "bf16"), ("Keras, fp32", "keras", "fp32"),
            ("PyTorch eager, fp32", "torch", "fp32")]


class Failure(Exception):
    pass


def config_of(recipe):
    name, options, _ = RECIPES[recipe]
    with open(os.path.join(EXAMPLES, name)) as file:
        return {**json.load(file), **options}


def wait_for(process):
    """The memory that a process held at most, once it has ended."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_maxrss * 1024


def run_topwork(recipe, precision, place, args):
    """(version, seconds, bytes, accuracy), with a cache folder of its own that is empty."""
    run, cache = os.path.join(place, "run"), os.path.join(place, "cache")
    for folder in (run, cache):
        shutil.rmtree(folder, ignore_errors=True)
    environment = {**os.environ, "XDG_CACHE_HOME": cache}
    program, shared = os.path.join(args.build, "topwork"), ["--threads", str(args.threads), "-q"]
    options = [f"--{name}={value}" for name, value in RECIPES[recipe][1].items()]
    if recipe == "finetune":
        options += ["--init-missing=glorot_uniform"]
    start = time.perf_counter()
    process = subprocess.Popen([program, "train", args.data, "--config", os.path.join(EXAMPLES, RECIPES[recipe][0]), "--weights",
                                args.weights, "--limit", str(args.pictures), "--precision", precision, *shared, "-o", run,
                                *options], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment, text=True)
    said = process.stderr.read()
    memory, seconds = wait_for(process), time.perf_counter() - start
    if process.returncode:
        raise Failure(said.strip().splitlines()[-1] if said.strip() else f"exit code {process.returncode}")
    line = subprocess.run([program, "evaluate", run, args.data, "--split", "test", "--limit", str(args.test_pictures), *shared,
                           "--json"], stdout=subprocess.PIPE, env=environment, check=True, text=True).stdout.splitlines()[-1]
    version = subprocess.run([program, "version"], stdout=subprocess.PIPE, check=True, text=True).stdout.split("\n")[0]
    return version, seconds, memory, json.loads(line)["accuracy"]


def read_word(process, word):
    line = process.stdout.readline().strip()
    if not line.startswith(word + " "):
        raise Failure(line or "it ended without a word")
    return line[len(word) + 1:]


def run_framework(framework, recipe, place, args):
    job = os.path.join(place, "job.json")
    with open(job, "w") as file:
        json.dump({"recipe": recipe, "config": config_of(recipe), "data": args.data, "weights": os.path.join(place, "trunk.npz"),
                   "pictures": args.pictures, "test_pictures": args.test_pictures, "threads": args.threads}, file)
    start = time.perf_counter()
    try:
        process = subprocess.Popen([peers.python_of(framework), os.path.join(peers.HERE, f"recipe_{framework}.py"), job],
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    except OSError as why:
        raise Failure(f"missing: {why}") from why
    try:
        version = read_word(process, "ready")
        memory = int(read_word(process, "trained"))
        seconds = time.perf_counter() - start
        return version, seconds, memory, float(read_word(process, "accuracy"))
    finally:
        process.kill()
        process.wait()


def measure(recipe, place, args):
    """For each program its figures, those of the round that took least; or why there are none."""
    best = [None] * len(PROGRAMS)
    for _ in range(args.rounds):
        for i, (name, framework, precision) in enumerate(PROGRAMS):
            if isinstance(best[i], str):
                continue
            try:
                figures = (run_framework(framework, recipe, place, args) if framework
                           else run_topwork(recipe, precision, place, args))
                best[i] = min(best[i] or figures, figures, key=lambda f: f[1])
            except Failure as why:
                best[i] = str(why)
            print(recipe, name, best[i], flush=True)
    return best


def table(recipe, best, args):
    n_val = -(-args.pictures * round(100 * config_of(recipe)["val-split"]) // 100)
    own = best[0]
    lines = [f"{RECIPES[recipe][2]}; {args.pictures - n_val:,} training and {n_val:,} validation digits:", "",
             f"| | seconds | against topwork fp32 | most memory, MB | accuracy of {args.test_pictures:,} test digits | version |",
             "|---|---|---|---|---|---|"]
    for (name, _, _), figures in zip(PROGRAMS, best):
        if isinstance(figures, str):
            lines.append(f"| {name} | - | - | - | - | {figures} |")
            continue
        version, seconds, memory, accuracy = figures
        ratio = "-" if isinstance(own, str) or figures is own else f"{seconds / own[1]:.2f} x"
        lines.append(f"| {name} | {seconds:.1f} | {ratio} | {memory / 1e6:,.0f} | {100 * accuracy:.2f} % | {version} |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("build")
    parser.add_argument("shared")
    parser.add_argument("--recipes", default=",".join(RECIPES))
    parser.add_argument("--pictures", type=int, default=1000)
    parser.add_argument("--test-pictures", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--results", help="the file whose newest section is written")
    parser.add_argument("--note", default="", help="a sentence on the circumstances")
    args = parser.parse_args()
    args.data = os.path.join(args.shared, "data", "mnist")
    args.weights = os.path.join(args.shared, "weights", "hed_vgg16_notop.h5")
    os.environ["OMP_WAIT_POLICY"] = "passive"
    os.environ["OMP_NUM_THREADS"] = str(args.threads)
    section = [f"## {datetime.date.today()}, {peers.cpu_name()}, {args.threads} threads: both recipes end to end\n",
               f"By `bench/recipes.py`, {args.rounds} round{'s' if args.rounds > 1 else ''}, each program from its start to the "
               f"trained model, nothing cached. {args.note}\n"]
    with tempfile.TemporaryDirectory() as place:
        subprocess.run([os.path.join(args.build, "topwork"), "convert", args.weights, os.path.join(place, "trunk.npz")],
                       stdout=subprocess.DEVNULL, check=True)
        for recipe in args.recipes.split(","):
            section.append(table(recipe, measure(recipe, place, args), args))
    text = "\n".join(section)
    print(text)
    if args.results:
        peers.write(args.results, text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
