"""Trains vgg16-mini: VGG16's trunk at 1/8 of its width, to tell letters, signs, doodles, shapes and textures apart.

    python train.py OUT.safetensors [--steps-small N] [--steps-large N] [--threads N] [--seed N]

First on 112x112 pictures, which is cheap, then, without block 1, on 224x224. Batch normalization helps training and is folded into the
convolutions at the end, and so is the division of the input by 64: what is written is plain VGG, Keras's layer names
and layouts (kernel (3,3,in,out)), for the contract "caffe" (RGB to BGR, minus ImageNet's mean). The head is thrown
away. No digit is ever shown. The bank of masks is kept in BANK.npz beside OUT.
"""
import argparse
import ctypes
import json
import pathlib
import struct
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

import augment
import glyphs

WIDTHS = [8, 16, 32, 64, 64]
CONVS = [2, 2, 3, 3, 3]
MEAN_BGR = torch.tensor([103.939, 116.779, 123.68])
INPUT_SCALE = 64.0
SHARE = {"latin": 0.42, "other": 0.15, "kana": 0.05, "doodle": 0.3, "shape": 0.08}
TEXTURE_SHARE = 1 / 16


def keep_memory():
    """glibc keeps large blocks instead of asking the system for them again in each step."""
    for option, value in ((-1, 2**31 - 1), (-4, 0)):  # M_TRIM_THRESHOLD, M_MMAP_MAX
        ctypes.CDLL(None).mallopt(option, value)


class Trunk(nn.Module):
    def __init__(self):
        super().__init__()
        self.names, before = [], 3
        for block, (width, n) in enumerate(zip(WIDTHS, CONVS), 1):
            for i in range(1, n + 1):
                name = f"block{block}_conv{i}"
                self.names.append((name, i == n))
                conv = nn.Conv2d(before, width, 3, padding=1, bias=False)
                nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
                self.add_module(name, conv)
                self.add_module(name + "_bn", nn.BatchNorm2d(width))
                before = width

    def freeze_first_block(self):
        """Its maps are the largest: at 224x224 it takes half of a step."""
        for name, _ in self.names[:CONVS[0]]:
            for part in (getattr(self, name), getattr(self, name + "_bn")):
                part.eval().requires_grad_(False)

    def forward(self, x):
        for name, pool in self.names:
            x = F.relu(getattr(self, name + "_bn")(getattr(self, name)(x)))
            x = F.max_pool2d(x, 2) if pool else x
        return x

    def folded(self):
        """(name, kernel (3,3,in,out), bias) of each layer, batch normalization and input scale inside."""
        for k, (name, _) in enumerate(self.names):
            conv, bn = getattr(self, name), getattr(self, name + "_bn")
            gain = bn.weight / torch.sqrt(bn.running_var + bn.eps)
            kernel = conv.weight * gain.view(-1, 1, 1, 1) / (INPUT_SCALE if k == 0 else 1.0)
            bias = bn.bias - bn.running_mean * gain
            yield name, kernel.permute(2, 3, 1, 0).contiguous().detach().numpy(), bias.detach().numpy()


def network_input(rgb):
    """RGB in [0,1] as the contract gives it, divided by INPUT_SCALE."""
    x = (torch.round(rgb * 255).flip(1) - MEAN_BGR.view(1, 3, 1, 1)) / INPUT_SCALE
    return x.contiguous(memory_format=torch.channels_last)


class Batches:
    def __init__(self, masks, classes, groups, seed):
        self.masks, self.gen = torch.from_numpy(masks), torch.Generator().manual_seed(seed)
        per_class = np.bincount(classes, minlength=len(groups))
        n_in_group = {g: sum(1 for k, name in enumerate(groups) if name == g and per_class[k]) for g in SHARE}
        weight = [SHARE[groups[k]] / n_in_group[groups[k]] / per_class[k] for k in classes]
        self.weight = torch.tensor(weight, dtype=torch.float64)
        self.classes, self.n_classes = torch.from_numpy(classes), len(groups) + len(augment.TEXTURES)

    def next(self, n, size):
        n_textures = int(n * TEXTURE_SHARE)
        pick = torch.multinomial(self.weight, n - n_textures, replacement=True, generator=self.gen)
        textures, kinds = augment.textures(self.gen, n_textures, size)
        rgb = torch.cat([augment.pictures(self.masks[pick], self.gen, size), textures])
        labels = torch.cat([self.classes[pick], kinds + self.n_classes - len(augment.TEXTURES)])
        return network_input(rgb), labels


def train(trunk, batches, size, steps, batch, rate):
    head = nn.Sequential(nn.Flatten(), nn.Dropout(0.3), nn.Linear(64 * (size // 32) ** 2, batches.n_classes))
    parameters = [p for p in (*trunk.parameters(), *head.parameters()) if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps, pct_start=0.1)
    began, loss_sum, hits = time.time(), 0.0, 0
    for step in range(1, steps + 1):
        x, labels = batches.next(batch, size)
        with torch.autocast("cpu", torch.bfloat16):
            features = trunk(x)
        logits = head(features.float())
        loss = F.cross_entropy(logits, labels, label_smoothing=0.05)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        loss_sum, hits = loss_sum + loss.item(), hits + (logits.argmax(1) == labels).sum().item()
        if step % 100 == 0:
            print(f"{size} step {step}/{steps} loss {loss_sum / 100:.3f} accuracy {hits / batch:.1f} % "
                  f"{1000 * (time.time() - began) / step / batch:.2f} ms a picture", flush=True)
            loss_sum, hits = 0.0, 0


def write(path, trunk, about):
    """safetensors: names "block1_conv1/kernel", header padded to 8 bytes."""
    header, data = {"__metadata__": {"about": json.dumps(about)}}, b""
    for name, kernel, bias in trunk.folded():
        for part, values in (("kernel", kernel), ("bias", bias)):
            raw = np.ascontiguousarray(values, dtype="<f4").tobytes()
            header[f"{name}/{part}"] = {"dtype": "F32", "shape": list(values.shape),
                                        "data_offsets": [len(data), len(data) + len(raw)]}
            data += raw
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    pathlib.Path(path).write_bytes(struct.pack("<Q", len(text)) + text + data)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    parser.add_argument("--steps-small", type=int, default=3000)
    parser.add_argument("--steps-large", type=int, default=1200)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    keep_memory()
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    bank = pathlib.Path(args.out).with_name("BANK.npz")
    if not bank.exists():
        masks, classes, groups = glyphs.build()
        np.savez(bank, masks=masks, classes=classes, groups=np.array(groups))
    loaded = np.load(bank)
    masks, classes, groups = loaded["masks"], loaded["classes"], list(loaded["groups"])
    batches = Batches(masks, classes, groups, args.seed)
    print(f"{len(masks):,} masks, {batches.n_classes} classes, torch {torch.__version__}", flush=True)
    trunk = Trunk().to(memory_format=torch.channels_last).train()
    about = {"made_by": "tools/vgg16_mini/train.py", "torch": torch.__version__, "seed": args.seed,
             "steps": [args.steps_small, args.steps_large], "batch": args.batch, "masks": len(masks),
             "classes": batches.n_classes, "licence": "Apache-2.0"}
    train(trunk, batches, 112, args.steps_small, args.batch, 3e-3)
    write(args.out + ".small", trunk, about)
    trunk.freeze_first_block()
    train(trunk, batches, 224, args.steps_large, args.batch, 1e-3)
    write(args.out, trunk, about)


if __name__ == "__main__":
    main()
