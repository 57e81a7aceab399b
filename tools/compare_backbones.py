"""EfficientNet-Lite0 with its real weights beside torch, layer by layer and class by class.

    python tools/compare_backbones.py TOPWORK WEIGHTS.pth FOLDER [MODEL]

FOLDER holds class folders of photographs (train/ and val/ above them may be there). topwork gives the pixels as the network
gets them (extract --layer input_1); torch computes from there on, in float32. Then, with Pillow, from the file on. MODEL is
efficientnet-lite0 unless given; needs torch, numpy and Pillow.
"""
import csv
import io
import os
import subprocess
import sys
import tempfile

import numpy as np
import torch
from PIL import Image

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden"))
from torch_networks import forward, rows  # noqa: E402


def extract(topwork, model, weights, data, layer, limit=None):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "x.npy")
        more = ["--limit", str(limit)] if limit else []
        subprocess.run([topwork, "extract", data, "--split", "all", "--model", model, "--weights", weights, "--layer", layer,
                        "-o", path, "-q", "--cache", "off", *more], check=True)
        return np.load(path)


def to_torch(pixels):
    return torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2)


def decode(path, model):
    """(224,224,3) as the contract says it, by Pillow."""
    image = Image.open(path).convert("RGB")
    short = min(image.size)
    size = [256 if side == short else int(256 * side / short) for side in image.size]
    how = Image.BICUBIC if model == "efficientnet-lite0" else Image.BILINEAR
    image = image.resize(size, how)
    left, top = round((size[0] - 224) / 2.0), round((size[1] - 224) / 2.0)
    x = np.asarray(image.crop((left, top, left + 224, top + 224)), np.float32)
    if model == "efficientnet-lite0":
        return (x - 127) / 128
    return (x / 255 - np.float32([0.485, 0.456, 0.406])) / np.float32([0.229, 0.224, 0.225])


def predict(topwork, model, weights, paths):
    out = subprocess.run([topwork, "predict", "--model", model, "--weights", weights, "--top", "5", "--format", "csv", "-q",
                          *paths], check=True, capture_output=True, text=True).stdout
    found = {}
    for row in csv.reader(io.StringIO(out)):
        if row[0] in paths:
            found.setdefault(row[0], []).append(row)
    return found


def main():
    topwork, weights, data = sys.argv[1:4]
    model = sys.argv[4] if len(sys.argv) > 4 else "efficientnet-lite0"
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, numpy {np.__version__}, Pillow {Image.__version__}")
    w = {name: t.float() for name, t in torch.load(weights, map_location="cpu").items() if t.dim()}

    photo = forward(model, to_torch(extract(topwork, model, weights, data, "input_1", 1)), w)
    worst = (0.0, "")
    for layer, out in photo.items():
        if layer == "logits":
            continue
        truth = rows(out)[0]
        ours = extract(topwork, model, weights, data, layer, 1).reshape(-1)
        worst = max(worst, (np.abs(ours - truth).max() / np.abs(truth).max(), layer))
    print(f"one photograph, {len(photo) - 1} layers: largest difference {worst[0]:.2g} of the layer's largest number, "
          f"in {worst[1]}")

    x = extract(topwork, model, weights, data, "input_1")
    last = list(photo)[-1]
    ours = extract(topwork, model, weights, data, last)
    theirs = np.concatenate([rows(forward(model, to_torch(x[i:i + 10]), w)[last]) for i in range(0, len(x), 10)])
    top5 = [tuple(np.argsort(-p, kind="stable")[:5]) for p in (*ours, *theirs)]
    n = len(x)
    print(f"{n} photographs, from the resized pixels on: top-5 in order the same for "
          f"{sum(a == b for a, b in zip(top5[:n], top5[n:]))}, top-1 for "
          f"{sum(a[0] == b[0] for a, b in zip(top5[:n], top5[n:]))}; largest difference of a probability "
          f"{np.abs(ours - theirs).max():.2g}")

    paths = sorted(os.path.join(folder, f) for folder, _, files in os.walk(data) for f in files if f.endswith(".jpg"))
    found = predict(topwork, model, weights, paths)
    pictures = np.stack([decode(p, model) for p in paths])
    from_file = np.concatenate([rows(forward(model, to_torch(pictures[i:i + 10]), w)[last])
                                for i in range(0, len(paths), 10)])
    same = [0, 0]
    for path, p in zip(paths, from_file):
        named = [int(row[2]) for row in sorted(found[path], key=lambda row: int(row[1]))]
        order = list(np.argsort(-p, kind="stable")[:5])
        same[0] += named == order
        same[1] += named[0] == order[0]
    print(f"{len(paths)} photographs, from the file on, decoded by Pillow: top-5 in order the same for {same[0]}, "
          f"top-1 for {same[1]}")


if __name__ == "__main__":
    main()
