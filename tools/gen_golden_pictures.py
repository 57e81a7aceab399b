"""Writes tests/golden/pictures/: small files of every format with the pixels that Pillow decodes, and what
Pillow and OpenCV make of synthetic pictures: resizes and resize policies.

    python tools/gen_golden_pictures.py

Needs pillow 12 (13 sometimes makes the vertical pass first, and then rounds otherwise), and
opencv-python-headless, numpy from PyPI. Pictures are made by the generator of
tests/unit/image (bytes of a 32-bit LCG), so only hashes are kept.
"""
import hashlib
import os
import struct

import cv2
import numpy as np
import PIL
from PIL import Image, ImageOps, features

cv2.ipp.setUseIPP(False)
out = os.path.join(os.path.dirname(__file__), "..", "tests", "golden", "pictures")
os.makedirs(out, exist_ok=True)
versions = f"pillow {PIL.__version__}, libwebp {features.version('webp')}, opencv {cv2.__version__} (IPP off), numpy {np.__version__}"


def picture(h, w, c, seed):
    state, values = seed, []
    for _ in range(h * w * c):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        values.append(state >> 24)
    a = np.array(values, np.uint8).reshape(h, w, c)
    return a[:, :, 0] if c == 1 else a


def digest(a):
    return hashlib.sha256(np.ascontiguousarray(a).tobytes()).hexdigest()


def path(name):
    return os.path.join(out, name)


def bmp(name, a, depth, compression=0, masks=(), palette=b"", flip=True):
    """A BMP that Pillow reads and does not write."""
    size = 56 if len(masks) == 4 else 40
    head = struct.pack("<IiiHHIIiiII", size, a.shape[1], a.shape[0] if flip else -a.shape[0], 1, depth, compression, 0, 0, 0, 0, 0)
    extra = b"".join(struct.pack("<I", m) for m in masks) + palette
    rows = [r.tobytes() + b"\0" * (-len(r.tobytes()) % 4) for r in (a[::-1] if flip else a)]
    offset = 14 + len(head) + len(extra)
    with open(path(name), "wb") as f:
        f.write(b"BM" + struct.pack("<IHHI", offset + sum(map(len, rows)), 0, 0, offset) + head + extra + b"".join(rows))


smooth = np.add.outer(np.arange(24) * 5, np.arange(31) * 3).astype(np.uint8)
rgb = np.stack([smooth, smooth[::-1], 255 - smooth], -1)
rgba = np.dstack([rgb, smooth])
Image.fromarray(rgb).save(path("lossy.webp"), quality=80)
Image.fromarray(rgb).save(path("lossless.webp"), lossless=True)
Image.fromarray(rgba, "RGBA").save(path("alpha.webp"), lossless=True)
Image.fromarray(rgb).save(path("moving.webp"), save_all=True, append_images=[Image.fromarray(255 - rgb)])
Image.fromarray(rgb).save(path("rgb.bmp"))
Image.fromarray(smooth).save(path("grey.bmp"))
Image.fromarray(rgb).quantize(16).save(path("palette.bmp"))
Image.fromarray(smooth > 100).save(path("bits.bmp"))
bmp("rgba.bmp", rgba, 32, 3, (0xFF, 0xFF00, 0xFF0000, 0xFF000000))
five = (rgb[..., 0] >> 3).astype("<u2") << 11 | (rgb[..., 1] >> 2).astype("<u2") << 5 | (rgb[..., 2] >> 3).astype("<u2")
bmp("rgb565.bmp", five, 16, 3, (0xF800, 0x7E0, 0x1F))
five = (rgb[..., 0] >> 3).astype("<u2") << 10 | (rgb[..., 1] >> 3).astype("<u2") << 5 | (rgb[..., 2] >> 3).astype("<u2")
bmp("rgb555.bmp", five, 16)
bmp("above.bmp", rgb[..., ::-1], 24, flip=False)
Image.fromarray(rgb).save(path("rgb.ppm"))
Image.fromarray(smooth).save(path("grey.pgm"))
Image.fromarray(smooth > 100).save(path("bits.pbm"))
with open(path("plain.ppm"), "w") as f:
    f.write("P3\n# made by hand\n31 24\n255\n" + "\n".join(" ".join(map(str, r.reshape(-1))) for r in rgb[:24]) + "\n")
with open(path("plain.pbm"), "w") as f:
    f.write("P1 31 24\n" + "\n".join("".join(str(int(v < 128)) for v in r) for r in smooth) + "\n")
with open(path("hundred.pgm"), "wb") as f:
    f.write(b"P5 31 24 100\n" + bytes(np.minimum(smooth, 100)))
with open(path("deep.pgm"), "wb") as f:
    f.write(b"P5 31 24 65535\n" + (smooth.astype(">u2") * 257).tobytes())
Image.fromarray(np.dstack([rgb, smooth]), "CMYK").save(path("cmyk.jpg"), quality=90)
ycck = bytearray(open(path("cmyk.jpg"), "rb").read())
adobe = ycck.find(b"Adobe")
ycck[adobe + 11] = 2  # the same numbers, said to be YCCK
open(path("ycck.jpg"), "wb").write(ycck)
for o in range(1, 9):
    exif = Image.Exif()
    exif[0x0112] = o
    Image.fromarray(rgb[:16, :24]).save(path(f"exif{o}.jpg"), quality=90, exif=exif)
exif = Image.Exif()
exif[0x0112] = 6
Image.fromarray(rgb).save(path("exif6.png"), exif=exif)
Image.fromarray(rgb).save(path("exif6.webp"), exif=exif, lossless=True)

for i in (1, 2):  # large enough to be made smaller for a network of 32x32
    Image.fromarray(picture(12, 16, 3, i)).resize((192, 144), Image.BICUBIC).save(path(f"large{i}.jpg"), quality=80)

skipped = ("moving.webp", "large1.jpg", "large2.jpg")
with open(path("decode.txt"), "w") as f:
    f.write(f"# {versions}: file h w c sha256 of the decoded pixels, alpha put on black\n")
    for name in sorted(os.listdir(out)):
        if name.endswith(".txt") or name in skipped:
            continue
        im = ImageOps.exif_transpose(Image.open(path(name)))
        if im.mode == "RGBA":
            a = np.asarray(im).astype(int)
            a = ((a[..., :3] * a[..., 3:] + 127) // 255).astype(np.uint8)
        elif im.mode in ("I", "I;16"):
            a = ((np.asarray(im).astype(int) * 255 + 32767) // 65535).astype(np.uint8)
        else:
            a = np.asarray(im.convert("L" if im.mode in ("L", "1") else "RGB"))
        f.write(f"{name} {a.shape[0]} {a.shape[1]} {1 if a.ndim == 2 else 3} {digest(a)}\n")

with open(path("scaled.txt"), "w") as f:
    f.write(f"# {versions}: JPEG file, divisor, h w c, sha256 of the pixels by draft, as libjpeg makes them smaller\n")
    for name in sorted(n for n in os.listdir(out) if n.endswith(".jpg")):
        for divisor in (2, 4, 8):
            im = Image.open(path(name))
            im.draft(None, (im.width // divisor, im.height // divisor))
            a = np.asarray(ImageOps.exif_transpose(im).convert("RGB"))
            f.write(f"{name} {divisor} {a.shape[0]} {a.shape[1]} 3 {digest(a)}\n")

rng = np.random.default_rng(11)
with open(path("resize.txt"), "w") as f:
    f.write(f"# {versions}: interpolation h w c H W seed sha256\n")
    for i in range(200):
        h, w, H, W = (int(v) for v in rng.integers(1, 64, 4))
        if i % 5 == 0:
            h, w = int(rng.integers(1, 5)) * H, int(rng.integers(1, 5)) * W
        c = int(rng.choice([1, 3]))
        a = picture(h, w, c, i + 1)
        if h * w * c > 40000:
            continue
        f.write(f"area {h} {w} {c} {H} {W} {i + 1} {digest(cv2.resize(a, (W, H), interpolation=cv2.INTER_AREA))}\n")
        r = np.asarray(Image.fromarray(a).resize((W, H), Image.BILINEAR))
        f.write(f"bilinear-aa {h} {w} {c} {H} {W} {i + 1} {digest(r)}\n")
        r = np.asarray(Image.fromarray(a).resize((W, H), Image.BICUBIC))
        f.write(f"cubic-aa {h} {w} {c} {H} {W} {i + 1} {digest(r)}\n")


def crop(im, H, W, pct):
    """torchvision's Resize and CenterCrop on a PIL picture, sides rounded down."""
    th, tw = int(H / pct), int(W / pct)
    w, h = im.size
    size = (th * w // h, th) if w * th >= h * tw else (tw, tw * h // w)
    im = im.resize(size, Image.BILINEAR)
    top, left = int(round((im.size[1] - H) / 2.0)), int(round((im.size[0] - W) / 2.0))
    return im.crop((left, top, left + W, top + H))


with open(path("policy.txt"), "w") as f:
    f.write(f"# {versions}: policy crop_pct h w H W seed sha256, bilinear-aa\n")
    for i in range(60):
        h, w, H, W = (int(v) for v in rng.integers(8, 64, 4))
        if i % 2 == 0:
            W = H
        pct = float(rng.choice([0.875, 1.0, 0.95, 0.5]))
        im = Image.fromarray(picture(h, w, 3, i + 1))
        f.write(f"crop {pct} {h} {w} {H} {W} {i + 1} {digest(np.asarray(crop(im, H, W, pct)))}\n")
        f.write(f"letterbox 0 {h} {w} {H} {W} {i + 1} {digest(np.asarray(ImageOps.pad(im, (W, H), Image.BILINEAR)))}\n")
print(versions)
