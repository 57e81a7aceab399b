"""A folder of 1,000 pictures, 100 of them wrong in 25 ways, and whether `topwork check` finds them.

    python tools/damaged_pictures.py make SHARED/data/ants-bees DIR
    topwork check DIR/data --json >FINDINGS
    python tools/damaged_pictures.py compare DIR FINDINGS

`make` writes DIR/data/{train,val}/{ants,bees} and DIR/expected.csv (kind, file). `compare` wants every expected
finding, and none of an error's kind or of a picture of its own kind that was not expected. Needs pillow, numpy.
"""
import csv
import glob
import io
import json
import os
import struct
import sys
import zlib

import numpy as np
from PIL import Image


def encode(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def flip(data, at):
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


def huge():
    head = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


def deep(image):
    grey = np.asarray(image.convert("L")).astype(np.uint16) * 257
    return encode(Image.fromarray(grey), "PNG")


def alpha(image):
    a = image.convert("RGBA")
    a.putalpha(image.convert("L"))
    return encode(a, "PNG")


def jpeg(image):
    return encode(image, "JPEG", quality=92)


# name, extension, the kind that check must give it, bytes from a picture
ways = [
    ("empty", "jpg", "unreadable", lambda i: b""),
    ("cut-in-half", "jpg", "unreadable", lambda i: jpeg(i)[: len(jpeg(i)) // 2]),
    ("cut-at-the-end", "jpg", "unreadable", lambda i: jpeg(i)[:-200]),
    ("cut-in-the-header", "jpg", "unreadable", lambda i: jpeg(i)[:100]),
    ("cut-progressive", "jpg", "unreadable", lambda i: encode(i, "JPEG", progressive=True)[:-300]),
    ("overwritten", "jpg", "unreadable", lambda i: jpeg(i)[:1500] + b"\xff\xd8" * 2000 + jpeg(i)[5500:]),
    ("web-page", "jpg", "unreadable", lambda i: b"<!DOCTYPE html><title>404</title>"),
    ("cut-png", "png", "unreadable", lambda i: encode(i, "PNG")[:-2000]),
    ("flipped-png", "png", "unreadable", lambda i: flip(encode(i, "PNG"), 3000)),
    ("cut-webp", "webp", "unreadable", lambda i: encode(i, "WEBP")[:-500]),
    ("cut-bmp", "bmp", "unreadable", lambda i: encode(i, "BMP")[:-500]),
    ("cut-ppm", "ppm", "unreadable", lambda i: encode(i, "PPM")[:-1]),
    ("gif", "jpg", "unreadable", lambda i: encode(i.quantize(64), "GIF")),
    ("tiff", "jpg", "unreadable", lambda i: encode(i, "TIFF")),
    ("huge", "png", "unreadable", lambda i: huge()),
    ("zeros", "jpg", "unreadable", lambda i: b"\0" * 20000),
    ("png-called-jpg", "jpg", "wrong-name", lambda i: encode(i, "PNG")),
    ("jpg-called-png", "png", "wrong-name", jpeg),
    ("tiny", "png", "tiny", lambda i: encode(i.resize((9, 7)), "PNG")),
    ("cmyk", "jpg", "colour", lambda i: jpeg(i.convert("CMYK"))),
    ("deep", "png", "colour", deep),
    ("alpha", "png", "colour", alpha),
]
copies = [("copy", "duplicate"), ("two-labels", "two-labels"), ("two-parts", "two-parts")]


def variants(source, n):
    """n different crops of the photographs, mirrored half of the time."""
    rng = np.random.default_rng(5)
    files = sorted(glob.glob(os.path.join(source, "*", "*", "*.jpg")))
    for i in range(n):
        image = Image.open(files[i % len(files)]).convert("RGB")
        w, h = image.size
        side = int(rng.integers(70, 150))
        x, y = int(rng.integers(0, w - side)), int(rng.integers(0, h - side))
        image = image.crop((x, y, x + side, y + side)).rotate(int(rng.integers(0, 4)) * 90).resize((160, 120))
        noise = rng.integers(-20, 21, (4, 5, 3)).astype(np.int16)
        noise = np.asarray(Image.fromarray((noise + 128).astype(np.uint8)).resize((160, 120), Image.BICUBIC)).astype(int) - 128
        yield Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8))


def make(source, folder):
    data = os.path.join(folder, "data")
    places = [f"{part}/{name}" for part in ("train", "val") for name in ("ants", "bees")]
    for place in places:
        os.makedirs(os.path.join(data, place), exist_ok=True)
    expected = []

    def write(name, content):
        with open(os.path.join(data, name), "wb") as f:
            f.write(content)

    pictures = list(variants(source, 900 + 4 * len(ways)))
    for i, image in enumerate(pictures[:900]):
        write(f"{places[i % 4]}/sound{i:04d}.jpg", jpeg(image))
    for w, (name, extension, kind, damage) in enumerate(ways):
        for k, place in enumerate(places):
            file = f"{place}/wrong-{name}.{extension}"
            write(file, damage(pictures[900 + 4 * w + k]))
            expected.append((kind, file))
    for c, (name, kind) in enumerate(copies):
        for k in range(4):
            place = places[0] if name != "two-labels" else places[1]
            place = places[2] if name == "two-parts" else place
            original = f"{places[0]}/sound{16 * c + 4 * k:04d}.jpg"
            file = f"{place}/wrong-{name}{k}.jpg"
            write(file, open(os.path.join(data, original), "rb").read())
            expected.append((kind, file))
    with open(os.path.join(folder, "expected.csv"), "w", newline="") as f:
        csv.writer(f).writerows(expected)
    print(f"{900 + len(expected)} pictures, {len(expected)} of them wrong in {len(ways) + len(copies)} ways")


def compare(folder, findings):
    expected = {tuple(r) for r in csv.reader(open(os.path.join(folder, "expected.csv")))}
    found = {(f["kind"], f["file"]) for f in map(json.loads, open(findings)) if f["file"]}
    missing, extra = sorted(expected - found), sorted(f for f in found - expected if f[0] != "near-duplicate")
    print(f"{len(expected & found)} of {len(expected)} found; {len(extra)} that were not expected; "
          f"{sum(f[0] == 'near-duplicate' for f in found)} near duplicates named")
    for row in missing[:20]:
        print("missing:", *row)
    for row in extra[:20]:
        print("not expected:", *row)
    return bool(missing or extra)


if __name__ == "__main__":
    sys.exit(make(*sys.argv[2:]) if sys.argv[1] == "make" else compare(*sys.argv[2:]))
