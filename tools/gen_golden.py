"""Writes everything in tests/golden/ that a reference framework computes.

    python tools/gen_golden.py [PART...]

Needs the packages of tools/requirements.txt, from PyPI; with those versions every file comes out with the same bytes, but for
the time of writing in k3_*.keras and the addresses that torch.save calls storages by in *_legacy.pth.
A part is a module in tools/golden/ and runs as a program of its own; none given, all run. The tests need no Python.
"""
import os
import subprocess
import sys

PARTS = ("backbones", "calibration", "fold", "h5", "image", "keras_files", "known", "lbfgs", "metrics", "ops", "optim", "schedules",
         "split", "steps", "suffix", "torch_files", "vgg16_mini")


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    for part in sys.argv[1:] or PARTS:
        if part not in PARTS:
            sys.exit(f"no part {part}; there are {', '.join(PARTS)}")
        print(part, flush=True)
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "0"}
        subprocess.run([sys.executable, os.path.join(here, "golden", part + ".py")], check=True, env=environment)


if __name__ == "__main__":
    main()
