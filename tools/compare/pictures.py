"""Decoding, resizing and preprocessing against Pillow, OpenCV, Keras and TensorFlow, on photographs and digits."""
import glob
import gzip
import itertools
import os

import cv2
import numpy as np
from PIL import Image

from common import HEADS, INTERPOLATIONS, PREPROCESSINGS, print_rows

GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "golden", "image")
CV2 = {"cubic": cv2.INTER_CUBIC, "bilinear": cv2.INTER_LINEAR, "nearest": cv2.INTER_NEAREST}
PILLOW = {"cubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR, "nearest": Image.Resampling.NEAREST}
TF = {"cubic": "bicubic", "bilinear": "bilinear", "nearest": "nearest"}


def digits(place, n):
    with gzip.open(os.path.join(place.mnist, "train-images-idx3-ubyte.gz")) as f:
        return np.frombuffer(f.read(16 + 784 * n), np.uint8, offset=16).reshape(n, 28, 28)


def off(what, reference, pairs):
    """A row: how many pixels differ, and by how much at most."""
    n, n_off, most, n_cases = 0, 0, 0, 0
    for ours, theirs in pairs:
        assert ours.shape == theirs.shape, (what, ours.shape, theirs.shape)
        difference = np.abs(ours.astype(int) - theirs.astype(int))
        n, n_off, most = n + difference.size, n_off + int((difference > 0).sum()), max(most, int(difference.max()))
        n_cases += 1
    share = "0" if not n_off else f"{n_off:,} ({100 * n_off / n:.2g} %)"
    return [what, reference, f"{n_cases} picture" + "s" * (n_cases > 1), str(most), share]


def pillow(path):
    return np.asarray(Image.open(path).convert("RGB"))


def decode_rows(place, photos):
    kinds = ["grey.png", "rgb.png", "palette.png", "bits.png", "grey2.png", "grey4.png", "palette2.png", "palette4.png",
             "interlaced.png"]
    pictures = {"JPEG, photographs": photos, "PNG: grey, RGB, palette, 1, 2 and 4 bits, interlaced":
                [os.path.join(GOLDEN, k) for k in kinds], "PNG with alpha": [os.path.join(GOLDEN, "alpha.png")],
                "PNG of 16 bits": [os.path.join(GOLDEN, "grey16.png")]}

    def rgb(a):
        return a if a.ndim == 3 else np.stack((a,) * 3, -1)

    for what, paths in pictures.items():
        yield off(what, "Pillow", ((rgb(place.read(p)), pillow(p)) for p in paths))
        yield off(what, "cv2.imread", ((rgb(place.read(p)), cv2.imread(p)[..., ::-1]) for p in paths))
        yield off("   the references with each other", "", ((pillow(p), cv2.imread(p)[..., ::-1]) for p in paths))


def resize_rows(place, what, pictures):
    import tensorflow as tf

    def theirs(flag):
        return lambda a: cv2.resize(a, (224, 224), interpolation=flag)

    def by_pillow(how):
        return lambda a: np.asarray(Image.fromarray(a).resize((224, 224), how))

    def by_tf(how):
        def resize(a):
            a = a[..., None] if a.ndim == 2 else a
            out = tf.image.resize(a, (224, 224), how).numpy()
            return np.clip(np.rint(out), 0, 255).astype(np.uint8).squeeze()
        return resize

    for how in INTERPOLATIONS:
        base = "cubic" if how == "cubic-float" else how
        ours = [place.resize(a, 224, 224, how) for a in pictures]
        for name, use_ipp in (("cv2, IPP off", False), ("cv2 as pip installs it (IPP)", True)):
            cv2.ipp.setUseIPP(use_ipp)
            yield off(f"{how}, {what}", name, zip(ours, map(theirs(CV2[base]), pictures)))
        if how != "cubic-float":
            yield off(f"{how}, {what}", "Pillow", zip(ours, map(by_pillow(PILLOW[base]), pictures)))
            yield off(f"{how}, {what}", "tf.image / Keras", zip(ours, map(by_tf(TF[base]), pictures)))
    cv2.ipp.setUseIPP(False)


def preprocess_rows(place, pictures):
    from keras.applications.imagenet_utils import preprocess_input

    for mode in PREPROCESSINGS:
        worst = 0.0
        for a in pictures:
            shown = cv2.resize(a, (224, 224), interpolation=cv2.INTER_CUBIC).astype(np.float32)
            theirs = shown if mode == "none" else preprocess_input(shown, data_format="channels_last", mode=mode)
            worst = max(worst, float(np.abs(place.apply(a, 224, 224, "cubic", mode) - theirs).max()))
        yield [f"{mode}, cubic to 224x224", "keras preprocess_input, cv2", f"{len(pictures)} pictures", f"{worst:.3g}", ""]


def compare(place):
    photos = sorted(glob.glob(os.path.join(place.photos, "*", "*", "*.jpg")))
    heads = ("what", "reference", "cases", "largest error", "values that differ")
    print_rows("Decoding", heads, decode_rows(place, photos))
    colour, grey = [pillow(p) for p in photos[::4]], list(digits(place, 200))
    print_rows("Resizing to 224x224", heads, itertools.chain(resize_rows(place, "photographs", colour),
                                                              resize_rows(place, "MNIST digits", grey)))
    print_rows("Preprocessing", HEADS[:4] + ("",), preprocess_rows(place, colour))
