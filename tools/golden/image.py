"""Writes tests/golden/image/: what OpenCV, Keras and Pillow make of synthetic pictures.

Pictures are made by the
same generator as in tests/unit/image (bytes of a 32-bit LCG), so only hashes are kept.
"""
import hashlib
import os
import struct
import zlib

import cv2
import keras
import numpy as np
import PIL
from keras.applications.imagenet_utils import preprocess_input
from PIL import Image, features

from common import GOLDEN, golden, lcg_bytes

cv2.ipp.setUseIPP(False)


def picture(h, w, c, seed):
    a = lcg_bytes(h * w * c, seed).reshape(h, w, c)
    return a[:, :, 0] if c == 1 else a


def digest(a):
    return hashlib.sha256(np.ascontiguousarray(a).tobytes()).hexdigest()


how = {"cubic": cv2.INTER_CUBIC, "bilinear": cv2.INTER_LINEAR, "nearest": cv2.INTER_NEAREST}
rng = np.random.default_rng(7)
with open(golden("image", "resize.txt"), "w") as f:
    f.write(f"# opencv {cv2.__version__} (IPP off), numpy {np.__version__}: interpolation h w c H W seed sha256\n")
    for i in range(150):
        h, w, H, W = (int(v) for v in rng.integers(1, 64, 4))
        if i % 10 == 0:
            h, w = 2 * H, 2 * W
        c = int(rng.choice([1, 3]))
        for name, flag in how.items():
            r = cv2.resize(picture(h, w, c, i + 1), (W, H), interpolation=flag)
            f.write(f"{name} {h} {w} {c} {H} {W} {i + 1} {digest(r)}\n")
with open(golden("image", "colour.txt"), "w") as f:
    f.write(f"# opencv {cv2.__version__}: h w seed sha256 of cvtColor(RGB2GRAY)\n")
    for i in range(5):
        f.write(f"{40 + i} 37 {i + 1} {digest(cv2.cvtColor(picture(40 + i, 37, 3, i + 1), cv2.COLOR_RGB2GRAY))}\n")
with open(golden("image", "preprocess.txt"), "w") as f:
    f.write(f"# keras {keras.__version__}: mode seed, then float32 values of a 4x5x3 picture\n")
    for mode in ("caffe", "tf", "torch"):
        x = preprocess_input(picture(4, 5, 3, 9).astype(np.float32), data_format="channels_last", mode=mode)
        f.write(f"{mode} 9 " + " ".join(f"{v:.9g}" for v in x.reshape(-1)) + "\n")


def save(name, a, **options):
    Image.fromarray(a).save(golden("image", name), **options)


smooth = np.add.outer(np.arange(24) * 5, np.arange(31) * 3).astype(np.uint8)
rgb = np.stack([smooth, smooth[::-1], 255 - smooth], -1)
save("grey.jpg", smooth, quality=90)
save("rgb.jpg", rgb, quality=90)
save("progressive.jpg", rgb, quality=90, progressive=True)
save("grey.png", smooth)
save("rgb.png", rgb)
save("alpha.png", np.dstack([rgb, smooth]))
Image.fromarray(rgb).quantize(16).save(golden("image", "palette.png"))
Image.fromarray((smooth.astype(np.uint16) * 257)).save(golden("image", "grey16.png"))
Image.fromarray(smooth > 100).save(golden("image", "bits.png"))
Image.fromarray(np.dstack([rgb, smooth]), "CMYK").save(golden("image", "cmyk.jpg"))


# ---- kinds of PNG that Pillow reads but does not write
def packed(rows, bits):
    """Rows of samples as bytes, each row padded to whole bytes and with filter 0 in front."""
    samples = rows.reshape(rows.shape[0], -1)
    out = b""
    for row in samples:
        word = "".join(f"{v:0{bits}b}" for v in row)
        word += "0" * (-len(word) % 8)
        out += b"\0" + bytes(int(word[i:i + 8], 2) for i in range(0, len(word), 8))
    return out


ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))


def write_png(name, a, bits, kind, interlaced=False, chunks=()):
    def chunk(word, body):
        return struct.pack(">I", len(body)) + word + body + struct.pack(">I", zlib.crc32(word + body))

    parts = [a[y::dy, x::dx] for y, x, dy, dx in ADAM7] if interlaced else [a]
    body = b"".join(packed(part, bits) for part in parts if part.size)
    header = struct.pack(">IIBBBBB", a.shape[1], a.shape[0], bits, kind, 0, 0, int(interlaced))
    with open(golden("image", name), "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(chunk(w, c) for w, c in chunks) +
                chunk(b"IDAT", zlib.compress(body, 9)) + chunk(b"IEND", b""))


GREY, RGB, PALETTE = 0, 2, 3
colours = bytes(v for i in range(16) for v in (16 * i, 255 - 9 * i, (i * 71) & 255))
write_png("grey2.png", smooth >> 6, 2, GREY)
write_png("grey4.png", smooth >> 4, 4, GREY)
write_png("palette2.png", smooth >> 6, 2, PALETTE, chunks=((b"PLTE", colours[:12]),))
write_png("palette4.png", smooth >> 4, 4, PALETTE, True, ((b"PLTE", colours),))
write_png("interlaced.png", rgb, 8, RGB, True)
with open(golden("image", "decode.txt"), "w") as f:
    f.write(f"# pillow {PIL.__version__}: file h w c sha256 of the decoded pixels\n")
    for name in ("grey.jpg", "rgb.jpg", "progressive.jpg", "grey.png", "rgb.png", "palette.png", "bits.png",
                 "grey2.png", "grey4.png", "palette2.png", "palette4.png", "interlaced.png"):
        im = Image.open(golden("image", name))
        im = im.convert("L" if im.mode in ("L", "1") else "RGB")
        a = np.asarray(im)
        f.write(f"{name} {a.shape[0]} {a.shape[1]} {1 if a.ndim == 2 else 3} {digest(a)}\n")

# ---- photographs as Pillow reads them, a word of the hash each; they lie beside the repository
PHOTOS = os.path.join(GOLDEN, "..", "..", "..", "shared", "data", "ants-bees")
if os.path.isdir(PHOTOS):
    with open(golden("image", "photos.txt"), "w") as f:
        f.write(f"# pillow {PIL.__version__}, libjpeg-turbo {features.version('libjpeg_turbo')}: file h w hash\n")
        for folder, _, names in sorted(os.walk(PHOTOS)):
            for name in sorted(n for n in names if n.endswith(".jpg")):
                a = np.asarray(Image.open(os.path.join(folder, name)).convert("RGB"))
                inside = os.path.relpath(os.path.join(folder, name), PHOTOS)
                f.write(f"{inside} {a.shape[0]} {a.shape[1]} {digest(a)[:16]}\n")

# ---- cubic-float: IPP's resize, what a pip wheel does unless told; the pixels themselves, since a few may differ
cv2.ipp.setUseIPP(True)
wheel = [cv2.resize(picture(28, 28, 1, i + 1), (40, 40), interpolation=cv2.INTER_CUBIC) for i in range(8)]
with open(golden("image", "cubic_float.bin"), "wb") as f:
    f.write(np.stack(wheel).tobytes())
