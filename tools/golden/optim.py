"""Writes tests/golden/optim.txt: ten steps of every optimizer, and the rates of every schedule, from PyTorch.

Numbers come from the 32-bit LCG that tests/unit/train/test_golden_optim.c has too:
value = (byte - 128) / 64. There are two layers, of 5 + 2 and 3 numbers; a line of an optimizer is a step's ten numbers.

Where Keras's semantics are not PyTorch's, PyTorch is made to compute Keras's, which this spells out:
    epsilon       Adam in the epsilon-hat form has epsilon 1e-7 / sqrt(1 - beta2^t) in PyTorch's
    powers        Keras's beta^t are those of the nearest float32: 1 - beta2^t is off by 1.3e-5, and so is the rate
    weight decay  w *= 1 - lr * weight_decay before the step; only PyTorch's AdamW does that by itself
    decay         the rate of step t, from 0, is lr * factor * multiplier / (1 + decay * t)
    clipping      tf.clip_by_global_norm multiplies by clip / max(norm, clip); clip_grad_norm_ adds 1e-6 to the norm
PyTorch's momentum has the rate outside the velocity, Keras's inside: the same as long as the rate is, so momentum is
compared at constant rates. Sums are in float64, so that what is left over is the error of the other side. A line of a
schedule is the rate of each step over that of --lr; of plateau, of each epoch.
"""
import torch
from torch.optim import lr_scheduler

from common import golden, lcg_values

SIZES = ((5, 2), (3,))  # kernel and bias of the first layer, kernel of the second
STEPS = 10


def values(n, seed):
    return torch.tensor(lcg_values(n, seed))


def layers_of(seed):
    flat, out = values(sum(map(sum, SIZES)), seed), []
    for sizes in SIZES:
        out.append([])
        for n in sizes:
            out[-1].append(flat[:n].clone())
            flat = flat[n:]
    return out


# ---- optimizers: name, kind and its arguments, then what is Keras's: weight decay, decay, clip, factors, multipliers
LR = {"sgd": 0.1, "adam": 0.01}
OPTIMIZERS = (
    ("sgd", "sgd", {}, {}),
    ("sgd-decay", "sgd", {}, {"decay": 0.5}),
    ("sgd-weight-decay", "sgd", {"momentum": 0.9}, {"weight_decay": 0.05}),
    ("momentum", "sgd", {"momentum": 0.9}, {}),
    ("nesterov", "sgd", {"momentum": 0.9, "nesterov": True}, {}),
    ("adam", "adam", {}, {}),
    ("adam-decay", "adam", {}, {"decay": 0.5}),
    ("adam-weight-decay", "adam", {}, {"weight_decay": 0.05}),
    ("adamw", "adam", {}, {"weight_decay": 0.004}),
    ("adamw-rates", "adam", {}, {"weight_decay": 0.3, "decay": 0.1, "factors": True, "multipliers": (0.25, 2.0)}),
    ("sgd-clip", "sgd", {"momentum": 0.9}, {"clip": 3.0}),
    ("adam-clip", "adam", {}, {"clip": 3.0}),
)


def clip(layers, most):
    norm = torch.sqrt(sum((w.grad ** 2).sum() for params in layers for w in params))
    for params in layers:
        for w in params:
            w.grad *= most / max(norm, most)
    return norm > most


F32_BETAS = torch.tensor((0.9, 0.999), dtype=torch.float32).tolist()


def bias(betas, t):
    return (1 - betas[1] ** t) ** 0.5 / (1 - betas[0] ** t)


def run(kind, arguments, weight_decay=0.0, decay=0.0, clip_norm=None, factors=False, multipliers=(1.0, 1.0)):
    layers = layers_of(1)
    groups = [{"params": params} for params in layers]
    make = torch.optim.SGD if kind == "sgd" else torch.optim.AdamW if weight_decay else torch.optim.Adam
    if make is torch.optim.AdamW:
        arguments = {**arguments, "weight_decay": weight_decay}
    optimizer, out, clipped = make(groups, lr=LR[kind], **arguments), [], []
    for t in range(STEPS):
        for params, gradients in zip(layers, layers_of(10 + t)):
            for w, gradient in zip(params, gradients):
                w.grad = gradient / (1 + t % 3)  # some norms above the clip, some below
        for group, multiplier in zip(optimizer.param_groups, multipliers):
            group["lr"] = LR[kind] * (1 / (1 + t % 4) if factors else 1.0) * multiplier / (1 + decay * t)
            if kind == "adam":
                group["eps"] = 1e-7 / (1 - 0.999 ** (t + 1)) ** 0.5
                off = bias(F32_BETAS, t + 1) / bias((0.9, 0.999), t + 1)
                group["lr"] *= off
                group["weight_decay"] = weight_decay / off  # that of the rate itself
            elif weight_decay:
                for w in group["params"]:
                    w *= 1 - group["lr"] * weight_decay
        if clip_norm:
            clipped.append(bool(clip(layers, clip_norm)))
        optimizer.step()
        out.append(torch.cat([w for params in layers for w in params]).clone())
    assert not clip_norm or True in clipped and False in clipped
    return out


# ---- schedules: epochs, steps of an epoch, PyTorch's scheduler, how often it is stepped
def rates(make, n_epochs, epoch_steps, each_step):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler, out = make(optimizer), []
    for i in range(n_epochs * epoch_steps):
        out.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if (each_step or (i + 1) % epoch_steps == 0) and i + 1 < n_epochs * epoch_steps:
            scheduler.step()
    return out


def warm(n, then):
    """LinearLR from 1/n to 1 over the first n steps, then another one from its beginning."""
    return lambda o: lr_scheduler.SequentialLR(
        o, [lr_scheduler.LinearLR(o, start_factor=1 / n, total_iters=n - 1), then(o)], milestones=[n])


SCHEDULES = (
    ("step", 7, 3, lambda o: lr_scheduler.StepLR(o, 3), False),
    ("step-2-0.5", 7, 3, lambda o: lr_scheduler.StepLR(o, 2, gamma=0.5), False),
    ("cosine", 4, 5, lambda o: lr_scheduler.CosineAnnealingLR(o, 20), True),
    ("cosine-warmup-1.5", 5, 4, warm(6, lambda o: lr_scheduler.CosineAnnealingLR(o, 14)), True),
    ("constant-warmup-2", 3, 4, warm(8, lambda o: lr_scheduler.ConstantLR(o, 1.0)), True),
    ("one-cycle", 4, 5, lambda o: lr_scheduler.OneCycleLR(o, 1.0, total_steps=20), True),
    ("one-cycle-short", 1, 3, lambda o: lr_scheduler.OneCycleLR(o, 1.0, total_steps=3), True),
)
# As in the test. The fourth and the sixth are lower, but by less than 1e-4.
LOSSES = (2.0, 1.5, 1.6, 1.49995, 1.2, 1.19995, 1.19992, 1.3, 1.1, 1.15, 1.1, 1.1, 1.1, 1.1, 1.0)


def plateau(patience, factor):
    """PyTorch's patience is one epoch shorter than Keras's, and its threshold is relative unless told."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, factor=factor, patience=patience - 1, threshold_mode="abs",
                                               eps=0.0)
    out = []
    for loss in LOSSES:
        scheduler.step(loss)
        out.append(optimizer.param_groups[0]["lr"])
    return out


with open(golden("optim.txt"), "w") as f:
    def line(name, numbers):
        f.write(" ".join([name, str(len(numbers)), *(f"{v:.12g}" for v in numbers)]) + "\n")

    f.write(f"# torch {torch.__version__}, float64\n")
    for name, kind, arguments, keras in OPTIMIZERS:
        keras = {"clip_norm" if k == "clip" else k: v for k, v in keras.items()}
        for weights in run(kind, arguments, **keras):
            line(name, weights.tolist())
    for name, n_epochs, epoch_steps, make, each_step in SCHEDULES:
        line(name, rates(make, n_epochs, epoch_steps, each_step))
    line("plateau", plateau(2, 0.1))
    line("plateau-3-0.5", plateau(3, 0.5))
