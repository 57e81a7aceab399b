"""Decoding and resizing beside Pillow and OpenCV: the same pixels? how fast?

    python tools/compare_pictures.py build/release/libtopwork.so [FOLDER OF JPEG]

1,000 random pictures through bilinear-aa (Pillow up to 12 and no later) and area (cv2, IPP off), 300 of them
written as JPEG, PNG, WebP, BMP, PNM and read back. With a folder: pictures a second, one thread each.
"""
import ctypes
import glob
import io
import os
import sys
import tempfile
import time

import cv2
import numpy as np
import PIL
from PIL import Image

cv2.ipp.setUseIPP(False)
cv2.setNumThreads(1)
AREA, AA = 5, 4
lib = ctypes.CDLL(os.path.abspath(sys.argv[1]))


class Picture(ctypes.Structure):
    _fields_ = [("h", ctypes.c_int), ("w", ctypes.c_int), ("c", ctypes.c_int), ("pixels", ctypes.c_void_p)]


def take(p):
    shape = (p.h, p.w) if p.c == 1 else (p.h, p.w, p.c)
    a = np.ctypeslib.as_array(ctypes.cast(p.pixels, ctypes.POINTER(ctypes.c_uint8)), shape).copy()
    lib.tw_picture_free(ctypes.byref(p))
    return a


def resize(a, H, W, how):
    a = np.ascontiguousarray(a)
    p, o = Picture(a.shape[0], a.shape[1], 1 if a.ndim == 2 else 3, a.ctypes.data), Picture()
    assert lib.tw_picture_resize(ctypes.byref(o), ctypes.byref(p), H, W, how, None) == 0
    return take(o)


def read(path):
    o = Picture()
    assert lib.tw_picture_read(ctypes.byref(o), path.encode(), None) == 0, path
    return take(o)


print(f"pillow {PIL.__version__}, opencv {cv2.__version__} (IPP off)")
rng = np.random.default_rng(3)
off = {"bilinear-aa": 0, "area": 0}
for i in range(1000):
    h, w, H, W = (int(v) for v in rng.integers(1, 300, 4))
    a = rng.integers(0, 256, (h, w) if i % 2 else (h, w, 3), dtype=np.uint8)
    off["bilinear-aa"] += not np.array_equal(resize(a, H, W, AA), np.asarray(Image.fromarray(a).resize((W, H), Image.BILINEAR)))
    off["area"] += not np.array_equal(resize(a, H, W, AREA), cv2.resize(a, (W, H), interpolation=cv2.INTER_AREA))
print("of 1,000 random pictures differ:", off)

formats = {"jpg": {"quality": 85}, "progressive.jpg": {"progressive": True}, "png": {}, "webp": {"quality": 70}, "bmp": {}, "ppm": {}}
wrong = dict.fromkeys(formats, 0)
with tempfile.TemporaryDirectory() as folder:
    for i in range(300):
        h, w = (int(v) for v in rng.integers(1, 120, 2))
        small = rng.integers(0, 256, (5, 5, 3), dtype=np.uint8)
        image = Image.fromarray(small).resize((w, h), Image.BICUBIC)
        for name, options in formats.items():
            path = os.path.join(folder, "x." + name)
            image.save(path, **options)
            wrong[name] += not np.array_equal(read(path), np.asarray(Image.open(path).convert("RGB")))
print("of 300 files a format differ from Pillow:", wrong)

if len(sys.argv) > 2:
    files = sorted(glob.glob(os.path.join(sys.argv[2], "**", "*.jpg"), recursive=True))
    aa, area = 224, 224
    jobs = {
        "topwork read": lambda f: read(f),
        "topwork read + bilinear-aa": lambda f: resize(read(f), aa, aa, AA),
        "topwork read + area": lambda f: resize(read(f), area, area, AREA),
        "topwork read + cubic": lambda f: resize(read(f), area, area, 0),
        "pillow read": lambda f: np.asarray(Image.open(f).convert("RGB")),
        "pillow read + BILINEAR": lambda f: np.asarray(Image.open(f).convert("RGB").resize((224, 224), Image.BILINEAR)),
        "cv2 read": lambda f: cv2.imread(f),
        "cv2 read + INTER_AREA": lambda f: cv2.resize(cv2.imread(f), (224, 224), interpolation=cv2.INTER_AREA),
        "cv2 read + INTER_CUBIC": lambda f: cv2.resize(cv2.imread(f), (224, 224), interpolation=cv2.INTER_CUBIC),
    }
    times = {name: [] for name in jobs}
    for _ in range(5):
        for name, job in jobs.items():
            start = time.process_time()
            for f in files:
                job(f)
            times[name].append(time.process_time() - start)
    for name, t in times.items():
        print(f"{name:28} {len(files) / min(t):7.0f} pictures a CPU second")
