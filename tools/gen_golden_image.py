"""Writes tests/golden/image/: what OpenCV, Keras and Pillow make of synthetic pictures.

    python tools/gen_golden_image.py

Needs opencv-python-headless, tensorflow-cpu, keras, pillow, numpy from PyPI. Pictures are made by the
same generator as in tests/unit/image (bytes of a 32-bit LCG), so only hashes are kept.
"""
import hashlib
import io
import os
import struct
import zlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import cv2
import keras
import numpy as np
import PIL
from keras.applications.imagenet_utils import preprocess_input
from PIL import Image

cv2.ipp.setUseIPP(False)
out = os.path.join(os.path.dirname(__file__), "..", "tests", "golden", "image")
os.makedirs(out, exist_ok=True)


def picture(h, w, c, seed):
    state, values = seed, []
    for _ in range(h * w * c):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        values.append(state >> 24)
    a = np.array(values, np.uint8).reshape(h, w, c)
    return a[:, :, 0] if c == 1 else a


def digest(a):
    return hashlib.sha256(np.ascontiguousarray(a).tobytes()).hexdigest()


how = {"cubic": cv2.INTER_CUBIC, "bilinear": cv2.INTER_LINEAR, "nearest": cv2.INTER_NEAREST}
rng = np.random.default_rng(7)
with open(os.path.join(out, "resize.txt"), "w") as f:
    f.write(f"# opencv {cv2.__version__} (IPP off), numpy {np.__version__}: interpolation h w c H W seed sha256\n")
    for i in range(150):
        h, w, H, W = (int(v) for v in rng.integers(1, 64, 4))
        if i % 10 == 0:
            h, w = 2 * H, 2 * W
        c = int(rng.choice([1, 3]))
        for name, flag in how.items():
            r = cv2.resize(picture(h, w, c, i + 1), (W, H), interpolation=flag)
            f.write(f"{name} {h} {w} {c} {H} {W} {i + 1} {digest(r)}\n")
with open(os.path.join(out, "colour.txt"), "w") as f:
    f.write(f"# opencv {cv2.__version__}: h w seed sha256 of cvtColor(RGB2GRAY)\n")
    for i in range(5):
        f.write(f"{40 + i} 37 {i + 1} {digest(cv2.cvtColor(picture(40 + i, 37, 3, i + 1), cv2.COLOR_RGB2GRAY))}\n")
with open(os.path.join(out, "preprocess.txt"), "w") as f:
    f.write(f"# keras {keras.__version__}: mode seed, then float32 values of a 4x5x3 picture\n")
    for mode in ("caffe", "tf", "torch"):
        x = preprocess_input(picture(4, 5, 3, 9).astype(np.float32), data_format="channels_last", mode=mode)
        f.write(f"{mode} 9 " + " ".join(f"{v:.9g}" for v in x.reshape(-1)) + "\n")


def save(name, a, **options):
    Image.fromarray(a).save(os.path.join(out, name), **options)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def save_interlaced(name, a):
    """Adam7, which Pillow reads and does not write; every row with filter 0."""
    rows = b""
    for y, x, dy, dx in ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)):
        rows += b"".join(b"\0" + row.tobytes() for row in a[y::dy, x::dx])
    header = struct.pack(">IIBBBBB", a.shape[1], a.shape[0], 8, 2, 0, 0, 1)
    with open(os.path.join(out, name), "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b""))


smooth = np.add.outer(np.arange(24) * 5, np.arange(31) * 3).astype(np.uint8)
rgb = np.stack([smooth, smooth[::-1], 255 - smooth], -1)
save("grey.jpg", smooth, quality=90)
save("rgb.jpg", rgb, quality=90)
save("progressive.jpg", rgb, quality=90, progressive=True)
save("grey.png", smooth)
save("rgb.png", rgb)
save_interlaced("interlaced.png", rgb)
save("alpha.png", np.dstack([rgb, smooth]))
Image.fromarray(rgb).quantize(16).save(os.path.join(out, "palette.png"))
Image.fromarray((smooth.astype(np.uint16) * 257)).save(os.path.join(out, "grey16.png"))
Image.fromarray(smooth > 100).save(os.path.join(out, "bits.png"))
Image.fromarray(np.dstack([rgb, smooth]), "CMYK").save(os.path.join(out, "cmyk.jpg"))
with open(os.path.join(out, "decode.txt"), "w") as f:
    f.write(f"# pillow {PIL.__version__}: file h w c sha256 of the decoded pixels\n")
    for name in ("grey.jpg", "rgb.jpg", "progressive.jpg", "grey.png", "rgb.png", "palette.png", "bits.png", "interlaced.png"):
        im = Image.open(os.path.join(out, name))
        im = im.convert("L" if im.mode in ("L", "1") else "RGB")
        a = np.asarray(im)
        f.write(f"{name} {a.shape[0]} {a.shape[1]} {1 if a.ndim == 2 else 3} {digest(a)}\n")
