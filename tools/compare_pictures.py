"""Decoding and resizing beside Pillow and OpenCV: the same pixels?

    python tools/compare_pictures.py build/release/libtopwork.so [FOLDER OF JPEG]

1,000 random pictures through bilinear-aa and cubic-aa (Pillow up to 12 and no later) and area (cv2, IPP off), 300 of them
written as JPEG, PNG, WebP, BMP, PNM and read back. With a folder: what --jpeg-scale auto changes. Speed: bench/decode.py.
"""
import ctypes
import glob
import io
import os
import sys
import tempfile

import cv2
import numpy as np
import PIL
from PIL import Image

cv2.ipp.setUseIPP(False)
AREA, AA, CUBIC_AA = 5, 4, 6
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


class Contract(ctypes.Structure):
    _fields_ = [(n, ctypes.c_int) for n in ("height", "width", "colour", "interpolation", "preprocess", "resize")]
    _fields_ += [("crop_pct", ctypes.c_double), ("jpeg_scale", ctypes.c_int)]


def contract(side):
    """Squash to side x side, --jpeg-scale auto."""
    return ctypes.byref(Contract(side, side, 0, 0, 0, 0, 0, 1))


def read(path, wanted=None):
    o = Picture()
    assert lib.tw_picture_read_for(ctypes.byref(o), path.encode(), wanted, None) == 0, path
    return take(o)


def difference(path, side, how):
    scaled, whole = (resize(a, side, side, how).astype(int) for a in (read(path, contract(side)), read(path)))
    return np.abs(scaled - whole)


def as_read(bgr):
    return bgr[..., ::-1]


print(f"pillow {PIL.__version__}, opencv {cv2.__version__} (IPP off)")
rng = np.random.default_rng(3)
off = {"bilinear-aa": 0, "cubic-aa": 0, "area": 0}
most = dict(off)
for i in range(1000):
    h, w, H, W = (int(v) for v in rng.integers(1, 300, 4))
    a = rng.integers(0, 256, (h, w) if i % 2 else (h, w, 3), dtype=np.uint8)
    wanted = {
        ("bilinear-aa", AA): Image.fromarray(a).resize((W, H), Image.BILINEAR),
        ("cubic-aa", CUBIC_AA): Image.fromarray(a).resize((W, H), Image.BICUBIC),
        ("area", AREA): cv2.resize(a, (W, H), interpolation=cv2.INTER_AREA),
    }
    for (name, how), b in wanted.items():
        d = np.abs(resize(a, H, W, how).astype(int) - np.asarray(b))
        off[name] += int(d.any())
        most[name] = max(most[name], int(d.max()))
print("of 1,000 random pictures differ:", off, "by at most", most)

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
    for side in (64, 32, 16):
        for name, how in (("cubic", 0), ("bilinear-aa", AA), ("area", AREA)):
            d = [difference(f, side, how) for f in files]
            print(f"--jpeg-scale auto to {side}x{side}, {name}: largest {max(x.max() for x in d)}, mean {np.mean([x.mean() for x in d]):.2f} of 255")
    same = sum(np.array_equal(read(f, contract(64)), as_read(cv2.imread(f, cv2.IMREAD_REDUCED_COLOR_2))) for f in files)
    print(f"of {len(files)} photographs decoded half as large {same} are cv2's IMREAD_REDUCED_COLOR_2")
