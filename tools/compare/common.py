"""What the parts of tools/compare_reference.py share: topwork as a program and as a library, and rows of the table."""
import ctypes
import json
import os
import subprocess

import numpy as np

INTERPOLATIONS = ("cubic", "cubic-float", "bilinear", "nearest")
PREPROCESSINGS = ("none", "caffe", "tf", "torch")


class Picture(ctypes.Structure):
    _fields_ = [("height", ctypes.c_int), ("width", ctypes.c_int), ("channels", ctypes.c_int),
                ("pixels", ctypes.POINTER(ctypes.c_uint8))]


class Contract(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int) for name in ("height", "width", "colour", "interpolation", "preprocess")]


class Place:
    """The build folder, the shared folder and where to work."""

    def __init__(self, build, shared, work):
        self.topwork = os.path.join(os.path.abspath(build), "topwork")
        self.library = ctypes.CDLL(os.path.join(os.path.abspath(build), "libtopwork.so"))
        self.shared, self.work = shared, os.path.abspath(work)
        self.mnist = os.path.join(shared, "data", "mnist")
        self.photos = os.path.join(shared, "data", "ants-bees")
        self.weights = os.path.join(shared, "weights", "hed_vgg16_notop.h5")
        os.makedirs(work, exist_ok=True)

    def file(self, name):
        return os.path.join(self.work, name)

    def run(self, *arguments):
        done = subprocess.run((self.topwork,) + tuple(map(str, arguments)), capture_output=True, text=True,
                              env={**os.environ, "OMP_WAIT_POLICY": "passive"})
        if done.returncode:
            raise RuntimeError(" ".join(arguments) + ": " + done.stderr)
        return done.stdout

    def extract(self, data, layer, *options, model="vgg16"):
        path = self.file("rows.npy")
        self.run("extract", data, "--model", model, "--layer", layer, "-q", "-o", path, *options)
        return np.load(path)

    # ---- the library
    def array(self, picture):
        shape = (picture.height, picture.width) + ((picture.channels,) if picture.channels > 1 else ())
        out = np.ctypeslib.as_array(picture.pixels, shape).copy()
        self.library.tw_picture_free(ctypes.byref(picture))
        return out

    def read(self, path):
        out = Picture()
        if self.library.tw_picture_read(ctypes.byref(out), path.encode(), None):
            raise RuntimeError(path)
        return self.array(out)

    def resize(self, a, height, width, how):
        out, given = Picture(), as_picture(a)
        if self.library.tw_picture_resize(ctypes.byref(out), ctypes.byref(given), height, width,
                                          INTERPOLATIONS.index(how), None):
            raise RuntimeError(how)
        return self.array(out)

    def apply(self, a, height, width, how, preprocess):
        out = np.empty((height, width, 3), np.float32)
        contract = Contract(height, width, 0, INTERPOLATIONS.index(how), PREPROCESSINGS.index(preprocess))
        if self.library.tw_contract_apply(out.ctypes.data_as(ctypes.POINTER(ctypes.c_float)), ctypes.byref(contract),
                                          ctypes.byref(as_picture(a)), None):
            raise RuntimeError(preprocess)
        return out


def as_picture(a):
    a = np.ascontiguousarray(a)
    picture = Picture(a.shape[0], a.shape[1], 1 if a.ndim == 2 else a.shape[2],
                      a.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8)))
    picture.array = a  # keeps the memory
    return picture


def errors(ours, theirs):
    """Largest absolute error, and that relative to the largest value."""
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    assert ours.shape == theirs.shape, (ours.shape, theirs.shape)
    largest = np.abs(theirs).max()
    error = np.abs(ours - theirs).max()
    return error, error / largest if largest else error


def row(what, reference, cases, ours, theirs):
    error, relative = errors(ours, theirs)
    return [what, reference, str(cases), f"{error:.3g}", f"{relative:.2g}"]


def print_rows(title, heads, rows):
    print(f"\n### {title}\n")
    print("| " + " | ".join(heads) + " |")
    print("|" + "---|" * len(heads))
    for cells in rows:
        print("| " + " | ".join(cells) + " |", flush=True)


HEADS = ("what", "reference", "cases", "largest error", "relative to the largest value")


def read_checkpoint(path):
    """State and parts of a run's last.ckpt (src/train/checkpoint.c)."""
    with open(path, "rb") as f:
        head = f.read(64)
        assert head[:7] == b"TWCKPT1"
        _, n_state, n_parts = np.frombuffer(head[8:32], "<i8")
        state = json.loads(f.read(int(n_state)))
        table = [f.read(80) for _ in range(int(n_parts))]
        parts = {}
        for entry in table:
            n_bytes = int(np.frombuffer(entry[40:48], "<i8")[0])
            parts[entry[:40].rstrip(b"\0").decode()] = np.frombuffer(f.read(n_bytes), "<f4")
    return state, parts
