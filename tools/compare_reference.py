"""Runs the same work in topwork, Keras, PyTorch, OpenCV, Pillow and scikit-learn, and prints tables of the errors.

    python tools/compare_reference.py BUILD SHARED WORK [pictures|data|layers|training|precision|disagreements]...

BUILD is a build folder (its program and its shared library are used), SHARED has data/ and weights/, WORK is for
scratch files, about 2 GB. Needs what tools/requirements.txt says. docs/parity.md keeps what it printed last.
"""
import importlib
import os
import platform
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "compare"))
PACKAGES = ("keras", "tensorflow-cpu", "torch", "opencv-python-headless", "pillow", "scikit-learn", "numpy", "h5py")
PARTS = ("pictures", "data", "layers", "training", "precision", "disagreements")


def cpu_name():
    with open("/proc/cpuinfo") as f:
        return next(line.split(":")[1].strip() for line in f if line.startswith("model name"))


def main():
    from importlib.metadata import version

    from common import Place

    place = Place(*sys.argv[1:4])
    versions = ", ".join(f"{p} {version(p)}" for p in PACKAGES)
    print(f"Python {platform.python_version()}, {versions}; {os.cpu_count()} cores of {cpu_name()}")
    print(place.run("version").strip())
    for part in sys.argv[4:] or PARTS:
        importlib.import_module(part).compare(place)


if __name__ == "__main__":
    main()
