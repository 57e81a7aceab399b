"""Writes tests/golden/explain.txt: Grad-CAM maps of a photograph by PyTorch's autograd.

    python tools/golden/explain.py SHARED

SHARED has data/ants-bees and weights/hed_vgg16_notop.h5, VGG16's trunk. A case is a head "top layer class", then "logits", and
"map" (divided by its largest number, which is "strongest") of the class's logit with respect to the layer's output behind its relu.
The picture is resized as cv2 does it (cubic) to 224x224 and goes in as Keras's caffe preprocessing has it. Tops are "gap" (global
average) and "flat" (flatten, 8 relu), then a class layer of three; their kernels are (byte - 128) / 2^scale, bytes of the generator
that the test has, too, with seed 7 (class layer) and 9 (hidden layer), scale 10 and 20; biases are 0.
"""
import sys

import cv2
import h5py
import numpy as np
import torch
import torch.nn.functional as F

from common import golden, lcg_bytes

PICTURE = "data/ants-bees/val/bees/1519368889_4270261ee3.jpg"
BLOCKS = ((1, 2), (2, 2), (3, 3), (4, 3), (5, 3))
CASES = (("gap", "block5_conv3", 0), ("gap", "block5_conv3", 2), ("flat", "block5_conv3", 1), ("gap", "block4_conv3", 1),
         ("flat", "block5_pool", 0))


def kernel(shape, seed, scale):
    return torch.from_numpy(((lcg_bytes(int(np.prod(shape)), seed).astype(np.float32) - 128) / 2**scale).reshape(shape))


def layers(shared, x):
    """Outputs of the trunk by name."""
    with h5py.File(shared + "/weights/hed_vgg16_notop.h5") as f:
        found = {}
        f.visititems(lambda name, item: found.__setitem__(name, item[()]) if isinstance(item, h5py.Dataset) else None)
    out = {}
    for block, n in BLOCKS:
        for i in range(1, n + 1):
            name = f"block{block}_conv{i}"
            w, b = sorted((v for k, v in found.items() if name in k), key=lambda v: -v.ndim)
            x = F.relu(F.conv2d(x, torch.from_numpy(w).permute(3, 2, 0, 1), torch.from_numpy(b), padding=1))
            out[name] = x
        x = F.max_pool2d(x, 2)
        out[f"block{block}_pool"] = x
    return out


def top(kind, x):
    if kind == "gap":
        return x.mean((2, 3)) @ kernel((512, 3), 7, 10)
    flat = x.permute(0, 2, 3, 1).reshape(1, -1)
    return F.relu(flat @ kernel((25088, 8), 9, 20)) @ kernel((8, 3), 7, 10)


def main(shared):
    torch.set_num_threads(1)
    cv2.ipp.setUseIPP(False)  # docs/pictures.md: its cubic is another one
    picture = cv2.cvtColor(cv2.imread(f"{shared}/{PICTURE}"), cv2.COLOR_BGR2RGB)
    x = cv2.resize(picture, (224, 224), interpolation=cv2.INTER_CUBIC)[:, :, ::-1].astype(np.float32)
    x = torch.from_numpy(x - np.array([103.939, 116.779, 123.68], np.float32)).permute(2, 0, 1)[None].requires_grad_()
    out = layers(shared, x)
    with open(golden("explain.txt"), "w") as f:
        f.write(f"# PyTorch {torch.__version__}, OpenCV {cv2.__version__}, NumPy {np.__version__}\n")
        for kind, layer, c in CASES:
            logits = top(kind, out["block5_pool"])
            gradient, = torch.autograd.grad(logits[0, c], out[layer], retain_graph=True)
            cam = F.relu((gradient.mean((2, 3), keepdim=True) * out[layer]).sum(1))[0].detach().double().numpy()
            f.write(f"case {kind} {layer} {c} {cam.shape[0]} {cam.shape[1]}\n")
            f.write("logits " + " ".join(f"{v:.9g}" for v in logits[0].tolist()) + "\n")
            f.write(f"strongest {cam.max():.9g}\nmap " + " ".join(f"{v:.6f}" for v in (cam / cam.max()).ravel()) + "\n")


main(sys.argv[1])
