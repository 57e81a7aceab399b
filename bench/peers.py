#!/usr/bin/env python3
"""topwork and its peers side by side: peers.py BUILD [--rounds N] [--threads N] [--works W,...] [--results FILE]

Every peer is a process of its own that answers "run" with the seconds it took (answer.c, answer.py). Those of one work and
precision are started together and asked in turn, round by round, so that what the machine does beside them hits all of them
alike; who is not asked is stopped. Waiting threads sleep (OMP_WAIT_POLICY=passive) for everyone. The first run of each is
not counted.

A framework that is not installed is a row that says so. Interpreters: BENCH_TORCH_PYTHON, BENCH_KERAS_PYTHON,
BENCH_ONNXRUNTIME_PYTHON (with onnx), BENCH_OPENVINO_PYTHON; python3 unless set.
"""
import argparse
import datetime
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
LEAST_MEMORY = 3 << 30  # left free before another peer is started

# name, program, variant, works, precisions; topwork comes first: the others are told against it
PEERS = [
    ("topwork", "peer_topwork", "", "trunk block5 top finetune", "fp32 bf16 int8"),
    ("oneDNN direct", "peer_onednn", "direct", "trunk block5", "fp32 bf16"),
    ("oneDNN Winograd", "peer_onednn", "winograd", "trunk block5", "fp32"),
    ("PyTorch eager", "torch", "eager", "trunk top", "fp32 bf16"),
    ("PyTorch channels_last", "torch", "channels_last", "trunk block5 finetune", "fp32 bf16"),
    ("PyTorch compiled", "torch", "compiled", "trunk block5", "fp32 bf16"),
    ("PyTorch, fused Adam", "torch", "fused", "top", "fp32 bf16"),
    ("Keras compiled call", "keras", "call", "trunk", "fp32 bf16"),
    ("Keras predict", "keras", "predict", "trunk", "fp32 bf16"),
    ("Keras compiled step", "keras", "step", "block5 top finetune", "fp32 bf16"),
    ("ONNX Runtime", "onnxruntime", "", "trunk", "fp32 int8"),
    ("OpenVINO", "openvino", "", "trunk", "fp32 bf16 int8"),
]
# work: batch, precisions, what a figure is of, title
WORKS = {
    "trunk": (8, ("fp32", "bf16", "int8"), "picture", "VGG16's trunk, 224x224, batch of 8"),
    "block5": (16, ("fp32", "bf16"), "picture", "block 5 forward and backward (14x14x512, three convolutions, pooling), "
                                                "batch of 16"),
    "top": (128, ("fp32", "bf16"), "step", "one step of the top 25088-1000-500-150-10, batch of 128, Adam"),
    "finetune": (16, ("fp32", "bf16"), "step", "one step of recipe `finetune` on cached activations of block4_pool, batch of "
                                               "16, SGD with Nesterov momentum"),
}


def free_memory():
    with open("/proc/meminfo") as info:
        return int(re.search(r"MemAvailable: *(\d+)", info.read()).group(1)) * 1024


def python_of(framework):
    return os.environ.get(f"BENCH_{framework.upper()}_PYTHON", "python3")


def cpu_name():
    with open("/proc/cpuinfo") as info:
        return re.search(r"model name\s*: (.*)", info.read()).group(1)


class Peer:
    def __init__(self, row, work, precision, args):
        self.name, program, variant = row[:3]
        self.times, self.cpus, self.why, self.process = [], [], None, None
        command = [os.path.join(args.build, "bench", program)]
        if not program.startswith("peer_"):
            command = [python_of(program), os.path.join(HERE, f"peer_{program}.py")]
        command += [work, precision, str(args.threads), str(WORKS[work][0])] + ([variant] if variant else [])
        self.start(command)

    def start(self, command):
        if free_memory() < LEAST_MEMORY:
            self.why = "left out: less than 3 GiB of memory were free"
            return
        try:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                            text=True)
        except OSError as why:
            self.why = f"missing: {why}"
            return
        line = self.process.stdout.readline().strip()
        if line.startswith("ready "):
            self.version = line[6:]
            self.ask()  # not counted
            self.times, self.cpus = [], []
            self.halt()
        else:
            self.fail(line)

    def fail(self, line):
        self.why = line or "missing: it ended without a word"
        self.process.kill()
        self.process.wait()
        self.process = None

    def halt(self):
        if self.process:
            self.process.send_signal(signal.SIGSTOP)

    def ask(self):
        if not self.process:
            return
        self.process.send_signal(signal.SIGCONT)
        try:
            self.process.stdin.write("run\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline().strip()
        except OSError:
            line = ""
        if not re.fullmatch(r"[0-9.]+ [0-9.]+", line):
            self.fail(line)
            return
        wall, cpu = line.split()
        self.times.append(float(wall))
        self.cpus.append(float(cpu))

    def end(self):
        if self.process:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()


def measure(work, precision, args):
    peers = [Peer(row, work, precision, args) for row in PEERS
             if work in row[3].split() and precision in row[4].split()]
    for _ in range(args.rounds):
        for peer in peers:
            peer.ask()
            peer.halt()
    for peer in peers:
        peer.end()
        print(work, precision, peer.name, peer.why or [round(t, 4) for t in peer.times], flush=True)
    return peers


def table(work, results, args):
    batch, _, unit, title = WORKS[work]
    each = 1e3 / (batch if unit == "picture" else 1)
    lines = [f"{title}; ms a {unit}:", "",
             f"| | least | median | processor time / {args.threads} | against topwork: by time | by processor time | version |",
             "|---|---|---|---|---|---|---|"]
    for precision, peers in results:
        own = peers[0]
        for peer in peers:
            name = f"{precision}, {peer.name}"
            if not peer.process:
                lines.append(f"| {name} | - | - | - | - | - | {peer.why} |")
                continue
            ratios = "- | -"
            if own.process and peer is not own:
                ratios = f"{min(peer.times) / min(own.times):.2f} x | {min(peer.cpus) / min(own.cpus):.2f} x"
            lines.append(f"| {name} | {min(peer.times) * each:.1f} | {statistics.median(peer.times) * each:.1f} | "
                         f"{min(peer.cpus) * each / args.threads:.1f} | {ratios} | {peer.version} |")
    return "\n".join(lines) + "\n"


def peak(args):
    """The machine's own, and the program's word on the whole trunk."""
    line = subprocess.run([os.path.join(args.build, "topwork"), "benchmark", "vgg16", "--json", "--threads", str(args.threads)],
                          stdout=subprocess.PIPE, check=True, text=True).stdout.splitlines()[-1]
    said = json.loads(line)
    return (f"{said['compute']}. Peak of own loops: fp32 {said['peak_fp32_gflops']:.0f} GFLOP/s, bf16 "
            f"{said['peak_bf16_gflops']:.0f} GFLOP/s, reading memory {said['peak_read_gbytes']:.0f} GB/s; `topwork benchmark "
            f"vgg16` says {said['ms_per_image']:.1f} ms a picture, {said['gflops']:.0f} effective GFLOP/s.\n")


def onnx_models(folder):
    python = python_of("onnxruntime")
    for precision in ("fp32", "int8"):
        path = os.path.join(folder, f"trunk.{precision}.onnx")
        done = subprocess.run([python, os.path.join(HERE, "trunk_onnx.py"), path, str(WORKS["trunk"][0])] +
                              (["int8"] if precision == "int8" else []), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if done.returncode == 0:
            os.environ[f"BENCH_ONNX_{precision.upper()}"] = path


def write(path, section):
    """Puts the section at the end, or in the place of the one of the same date and CPU."""
    heading = section.split("\n", 1)[0]
    with open(path) as file:
        text = file.read()
    parts = re.split(r"(?m)^(?=## )", text)
    parts = [part for part in parts if part.split("\n", 1)[0] != heading]
    with open(path, "w") as file:
        file.write("".join(parts).rstrip("\n") + "\n\n" + section)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("build")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--works", default=",".join(WORKS))
    parser.add_argument("--results", help="the file whose newest section is written")
    parser.add_argument("--note", default="", help="a sentence on the circumstances")
    args = parser.parse_args()
    os.environ["OMP_WAIT_POLICY"] = "passive"
    os.environ["OMP_NUM_THREADS"] = str(args.threads)
    section = [f"## {datetime.date.today()}, {cpu_name()}, {args.threads} threads: side by side\n",
               f"By `bench/peers.py`, {args.rounds} rounds, all peers of a work and precision in turn, random weights and "
               f"dense input. {args.note}\n", peak(args)]
    with tempfile.TemporaryDirectory() as folder:
        if "trunk" in args.works:
            onnx_models(folder)
        for work in args.works.split(","):
            results = [(precision, measure(work, precision, args)) for precision in WORKS[work][1]]
            section.append(table(work, results, args))
    text = "\n".join(section)
    print(text)
    if args.results:
        write(args.results, text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
