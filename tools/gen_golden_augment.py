"""Writes tests/golden/image/augment.txt: what torchvision draws and makes of synthetic pictures.

    python tools/gen_golden_augment.py

Needs torchvision, pillow 12 (13 sometimes resizes in another order, and then rounds otherwise) and numpy from
PyPI. Pictures are made by the generator of tests/unit/image (bytes of a 32-bit LCG), so only hashes are kept.
torchvision's own get_params draw from the numbers of topwork's generator (Philox4x32-10), which is here once more.
"""
import hashlib
import math
import os
from unittest import mock

import numpy as np
import PIL
import torch
import torchvision
from PIL import Image
from torchvision import transforms as T
from torchvision.transforms import functional as F

BILINEAR = T.InterpolationMode.BILINEAR
M32 = 0xFFFFFFFF
AUGMENT = 4
PLACES = dict(flip=0, vflip=1, angle=2, shift_x=3, shift_y=4, zoom=5, order=6, factor=7, erase=11, crop_tries=16, erase_tries=64)


def picture(h, w, c, seed):
    state, values = seed, []
    for _ in range(h * w * c):
        state = (state * 1664525 + 1013904223) & M32
        values.append(state >> 24)
    a = np.array(values, np.uint8).reshape(h, w, c)
    return Image.fromarray(a[:, :, 0] if c == 1 else a)


def digest(image):
    return hashlib.sha256(np.ascontiguousarray(np.array(image)).tobytes()).hexdigest()


def philox(seed, number, sample, i):
    """Word i of the key (seed, AUGMENT, number, sample)."""
    c = [i >> 2, (AUGMENT << 24) ^ number, sample & M32, sample >> 32]
    k = [seed & M32, seed >> 32]
    for _ in range(10):
        a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(b >> 32) ^ c[1] ^ k[0], b & M32, (a >> 32) ^ c[3] ^ k[1], a & M32]
        k = [(k[0] + 0x9E3779B9) & M32, (k[1] + 0xBB67AE85) & M32]
    return c[i & 3]


class Numbers:
    """Stands for torch's generator: the next uniform number is that of a place."""

    def __init__(self, *key):
        self.key, self.place = key, 0

    def at(self, place):
        return (philox(*self.key, place) >> 8) * 2.0**-24

    def next(self):
        self.place += 1
        return self.at(self.place - 1)

    def uniform(self):
        """The next one; of tries, four places each, every try begins with two of them."""
        if self.of_tries and (self.place - self.of_tries) % 4 == 2:
            self.place += 2
        return self.next()

    def empty(self, *size, **kw):
        outer = self

        class One:
            def uniform_(self, low, high):
                return torch.tensor([float(low) + (float(high) - float(low)) * outer.uniform()], dtype=torch.float64)

        return One()

    def randint(self, low, high, size):
        return torch.tensor([low + int(self.next() * (high - low))])

    def patch(self, place, of_tries=False):
        self.place, self.of_tries = place, place if of_tries else 0
        shim = mock.MagicMock(wraps=torch)
        shim.empty, shim.randint = self.empty, self.randint
        shim.log = lambda t: torch.log(torch.tensor([float(x) for x in t], dtype=torch.float64))
        shim.tensor = lambda *a, **k: torch.tensor(*a, **{"dtype": torch.float64, **k})
        return mock.patch("torchvision.transforms.transforms.torch", shim)


JITTER = [F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue]


def order_of(n):
    order = [0, 1, 2, 3]
    for i in (3, 2, 1):
        k, n = n % (i + 1), n // (i + 1)
        order[i], order[k] = order[k], order[i]
    return order


def view(img, spec, size, key):
    """Parameters and picture of a view, all by torchvision."""
    numbers, (w, h) = Numbers(*key), img.size
    out = []
    if "crop" in spec:
        with numbers.patch(PLACES["crop_tries"], True):
            crop = T.RandomResizedCrop.get_params(img, list(spec["crop"]), [3 / 4, 4 / 3])
        img = F.resized_crop(img, *crop, list(size), BILINEAR, antialias=True)
    else:
        crop = (0, 0, 0, 0)
        img = F.resize(img, list(size), BILINEAR, antialias=True)
    out += crop
    flips = [numbers.at(PLACES[f]) < spec.get(f, 0) for f in ("flip", "vflip")]
    img = F.hflip(img) if flips[0] else img
    img = F.vflip(img) if flips[1] else img
    r, t = spec.get("rotate", 0), spec.get("translate", 0)
    with numbers.patch(PLACES["angle"]):
        angle, shift, zoom, _ = T.RandomAffine.get_params(
            [-r, r], [t, t], list(spec["scale"]) if "scale" in spec else None, None, [size[1], size[0]])
    if (angle, shift, zoom) != (0, (0, 0), 1):
        img = F.affine(img, angle, list(shift), zoom, [0.0, 0.0], BILINEAR)
    out += [int(f) for f in flips] + [repr(angle), repr(zoom), *shift]
    order = order_of(int(numbers.at(PLACES["order"]) * 24))
    factors = [0.0 if i == 3 else 1.0 for i in range(4)]
    for i, reach in enumerate(spec.get("jitter", (0, 0, 0, 0))):
        if reach > 0:
            low, high = (-reach, reach) if i == 3 else (max(0.0, 1 - reach), 1 + reach)
            factors[i] = low + (high - low) * numbers.at(PLACES["factor"] + i)
    for i in order:
        if factors[i] != (0.0 if i == 3 else 1.0):
            img = JITTER[i](img, factors[i])
    out += order + [repr(f) for f in factors]
    erased = (0, 0, 0, 0)
    if numbers.at(PLACES["erase"]) < spec.get("erase", 0):
        tensor = torch.zeros(3, *size)
        with numbers.patch(PLACES["erase_tries"], True):
            *erased, _ = T.RandomErasing.get_params(tensor, (0.02, 0.33), (0.3, 3.3), [0.0])
        a = np.array(img)
        y, x, eh, ew = erased
        a[y : y + eh, x : x + ew] = (124, 116, 104) if a.ndim == 3 else 117
        img = Image.fromarray(a)
    return out + list(erased), img


SPECS = {
    "flip": {"flip": 0.5},
    "flip, vflip, crop 0.2-0.9": {"flip": 0.5, "vflip": 0.5, "crop": (0.2, 0.9)},
    "rotate 30, translate 0.2, scale 0.7-1.4": {"rotate": 30, "translate": 0.2, "scale": (0.7, 1.4)},
    "jitter 0.4, hue 0.5": {"jitter": (0.4, 0.4, 0.4, 0.5)},
    "erase 0.8": {"erase": 0.8},
    "crop 0.08-1, vflip 0.3, rotate 180, brightness 0.9, erase 0.5": {
        "crop": (0.08, 1), "vflip": 0.3, "rotate": 180, "jitter": (0.9, 0, 0, 0), "erase": 0.5},
    "strong": {"flip": 0.5, "crop": (0.25, 1), "rotate": 20, "jitter": (0.4, 0.4, 0.4, 0.05), "erase": 0.25},
}

lines = [f"# torchvision {torchvision.__version__}, pillow {PIL.__version__}, numpy {np.__version__}"]
lines.append("# factor WHICH FACTOR H W C SEED SHA256")
for i, function in enumerate(JITTER):
    values = (-0.5, -0.31, -0.004, 0.0, 0.02, 0.25, 0.5) if i == 3 else (0.0, 0.25, 0.5, 0.9, 1.1, 1.7, 3.0)
    for n, factor in enumerate(values):
        for h, w, c in ((19, 23, 3), (40, 41, 3), (17, 16, 1)):
            seed = 100 * i + n + h
            lines.append(f"factor {i} {factor!r} {h} {w} {c} {seed} {digest(function(picture(h, w, c, seed), factor))}")
lines.append("# affine ANGLE ZOOM SHIFT_X SHIFT_Y H W C SEED SHA256")
for n, (angle, zoom, x, y) in enumerate(
    [(10.0, 1.0, 0, 0), (-33.3, 1.0, 0, 0), (90.0, 1.0, 0, 0), (0.0, 0.5, 0, 0), (0.0, 2.25, 0, 0), (0.0, 1.0, 3, -5), (7.5, 1.2, -4, 2), (179.0, 0.8, 1, 1)]):
    for h, w, c in ((24, 24, 3), (17, 30, 3), (31, 9, 1)):
        made = F.affine(picture(h, w, c, n + h), angle, [x, y], zoom, [0.0, 0.0], BILINEAR)
        lines.append(f"affine {angle!r} {zoom!r} {x} {y} {h} {w} {c} {n + h} {digest(made)}")
lines.append("# view H W C HEIGHT WIDTH SEED NUMBER PICTURE: crop y x h w, flips, angle zoom shift, order, factors, erased y x h w; SHA256 | SPEC")
for s, (text, spec) in enumerate(SPECS.items()):
    for n in range(12):
        h, w, c = ((48, 64, 3), (90, 31, 3), (28, 28, 1), (20, 130, 3))[n % 4]
        size = ((32, 32), (24, 40))[n // 4 % 2]
        key = (7 + s + (n << 33), n + 1, (0x9E3779B97F4A7C15 * (n + 1)) & (2**64 - 1))
        parameters, img = view(picture(h, w, c, n + 1), spec, size, key)
        lines.append(f"view {h} {w} {c} {size[0]} {size[1]} {key[0]} {key[1]} {key[2]}: " + " ".join(map(str, parameters)) + f"; {digest(img.convert('RGB'))} | {text}")
path = os.path.join(os.path.dirname(__file__), "..", "tests", "golden", "image", "augment.txt")
with open(path, "w") as f:
    f.write("\n".join(lines) + "\n")
