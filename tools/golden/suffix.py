"""Writes tests/golden/suffix.txt: what PyTorch computes for one training step of small suffixes of a network.

Numbers come from the 32-bit LCG that tests/unit/backend/test_golden_suffix.c has too:
value = (byte - 128) / 64, scaled by a power of two; in the net "ties" that is cut to two bits, so that many sums
are the same, and exact (its convolution is none for Winograd). PyTorch works on (N,C,H,W) and (K,C,R,S); here everything is
turned into (N,H,W,C), (R,S,C,K) and (in,out), Flatten included, as Keras has it. All sums are in float64, so
that what is left over is the error of the other side; ties of the max-pools are the same in both.
"""
import torch
import torch.nn.functional as F

from common import golden, lcg_bytes


def values(n, seed, scale, coarse):
    made = torch.tensor((lcg_bytes(n, seed) & (0xC0 if coarse else 0xFF)).astype(float))
    return (made - 128) / 64 * scale


def pad_same(x, window, stride, value):
    """TensorFlow's `same`: the odd one behind."""
    pads = []
    for i in (3, 2):  # W, then H
        size, r, s = x.shape[i], window[i - 2], stride[i - 2]
        total = max((-(-size // s) - 1) * s + r - size, 0)
        pads += [total // 2, total - total // 2]
    return F.pad(x, pads, value=value)


def conv(k, r, s, sy, sx, same, activation):
    return ("conv", k, r, s, sy, sx, same, activation)


def pool(r, s, sy, sx, same):
    return ("pool", r, s, sy, sx, same)


# as in the test: layers of each net, input h w c, batch
NETS = (
    ("plain", (8, 7, 3), 3, (conv(6, 3, 3, 1, 1, 1, 1), pool(2, 2, 2, 2, 0), conv(5, 3, 3, 1, 1, 0, 0), ("flatten",),
                             ("dense", 4, 3))),
    ("strides", (9, 6, 2), 2, (conv(4, 3, 3, 2, 2, 1, 1), conv(3, 5, 3, 1, 2, 1, 2), ("flatten",), ("dense", 3, 3))),
    ("ties", (6, 5, 2), 2, (("relu",), conv(8, 2, 3, 1, 1, 1, 0), pool(3, 3, 2, 2, 1), ("gap",), ("dense", 3, 3))),
    ("wide", (9, 8, 16), 5, (conv(16, 3, 3, 1, 1, 1, 1), pool(2, 2, 2, 2, 0), conv(32, 3, 3, 1, 1, 1, 1), ("gap",),
                             ("dense", 6, 1), ("dense", 3, 3))),
)
ACTIVATIONS = (lambda x: x, torch.relu, torch.sigmoid, lambda x: x)  # softmax is in the loss


def step(name, shape, n, layers):
    """Loss, logits and the gradients in the order of the layers, kernel then bias."""
    seed, params, coarse = 1, [], name == "ties"
    h, w, c = shape
    x = values(n * h * w * c, 99, 1, coarse).reshape(n, h, w, c).permute(0, 3, 1, 2)
    for layer in layers:
        if layer[0] == "conv":
            _, k, r, s, sy, sx, same, activation = layer
            kernel = values(r * s * x.shape[1] * k, seed, 0.25, coarse).reshape(r, s, x.shape[1], k).requires_grad_()
            bias = values(k, seed + 1, 0.25, coarse).requires_grad_()
            x = pad_same(x, (r, s), (sy, sx), 0.0) if same else x
            x = ACTIVATIONS[activation](F.conv2d(x, kernel.permute(3, 2, 0, 1), bias, (sy, sx)))
            params += [kernel, bias]
            seed += 2
        elif layer[0] == "dense":
            kernel = values(x.shape[1] * layer[1], seed, 0.25, coarse).reshape(x.shape[1], layer[1]).requires_grad_()
            bias = values(layer[1], seed + 1, 0.25, coarse).requires_grad_()
            x = ACTIVATIONS[layer[2]](x @ kernel + bias)
            params += [kernel, bias]
            seed += 2
        elif layer[0] == "pool":
            _, r, s, sy, sx, same = layer
            x = pad_same(x, (r, s), (sy, sx), float("-inf")) if same else x
            x = F.max_pool2d(x, (r, s), (sy, sx))
        elif layer[0] == "relu":
            x = torch.relu(x)
        elif layer[0] == "gap":
            x = x.mean((2, 3))
        else:
            x = x.permute(0, 2, 3, 1).reshape(n, -1)
    labels = torch.arange(n) % x.shape[1]
    loss = F.cross_entropy(x, labels)
    loss.backward()
    return [loss.reshape(1), x] + [p.grad for p in params]


with open(golden("suffix.txt"), "w") as f:
    f.write(f"# torch {torch.__version__}, float64\n")
    for name, shape, n, layers in NETS:
        for tensor in step(name, shape, n, layers):
            a = tensor.detach().reshape(-1).tolist()
            f.write(" ".join([name, str(len(a)), *(f"{v:.9g}" for v in a)]) + "\n")
