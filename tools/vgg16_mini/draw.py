"""Draws the pictures that vgg16-mini is trained on into a data set that topwork opens.

    python draw.py OUT.npz [--pictures N] [--test N] [--seed N]

x_train (N,64,64,3) and y_train, x_test and y_test, uint8 and uint16: glyphs, doodles, shapes (glyphs.py) and textures
as augment.py changes them, no digit among them. The bank of masks is kept in BANK.npz beside OUT. The same fonts,
seed and library versions give the same file.
"""
import argparse
import pathlib

import numpy as np
import torch

import augment
import glyphs

SIZE = 64
BATCH = 64
SHARE = {"latin": 0.42, "other": 0.15, "kana": 0.05, "doodle": 0.3, "shape": 0.08}
TEXTURE_SHARE = 1 / 16


def open_bank(path):
    if not path.exists():
        masks, classes, groups = glyphs.build()
        np.savez(path, masks=masks, classes=classes, groups=np.array(groups))
    loaded = np.load(path)
    return loaded["masks"], loaded["classes"], list(loaded["groups"])


class Artist:
    def __init__(self, masks, classes, groups, seed):
        self.masks, self.gen = torch.from_numpy(masks), torch.Generator().manual_seed(seed)
        per_class = np.bincount(classes, minlength=len(groups))
        n_in_group = {g: sum(1 for k, name in enumerate(groups) if name == g and per_class[k]) for g in SHARE}
        weight = [SHARE[groups[k]] / n_in_group[groups[k]] / per_class[k] for k in classes]
        self.weight = torch.tensor(weight, dtype=torch.float64)
        self.classes, self.n_glyphs = torch.from_numpy(classes), len(groups)

    def draw(self, n):
        """n pictures in random order, uint8 (n,64,64,3), and their classes."""
        n_textures = int(n * TEXTURE_SHARE)
        pick = torch.multinomial(self.weight, n - n_textures, replacement=True, generator=self.gen)
        textures, kinds = augment.textures(self.gen, n_textures, SIZE)
        rgb = torch.cat([augment.pictures(self.masks[pick], self.gen, SIZE), textures])
        labels = torch.cat([self.classes[pick], kinds + self.n_glyphs])
        order = torch.randperm(n, generator=self.gen)
        return (rgb[order] * 255).round().byte().permute(0, 2, 3, 1).numpy(), labels[order].numpy()

    def draw_many(self, n):
        x, y = np.empty((n, SIZE, SIZE, 3), np.uint8), np.empty(n, np.uint16)
        for first in range(0, n, BATCH):
            m = min(BATCH, n - first)
            x[first : first + m], y[first : first + m] = self.draw(m)
        return x, y


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--pictures", type=int, default=120000)
    parser.add_argument("--test", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(1)
    artist = Artist(*open_bank(args.out.with_name("BANK.npz")), args.seed)
    x_train, y_train = artist.draw_many(args.pictures)
    x_test, y_test = artist.draw_many(args.test)
    np.savez(args.out, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    n_classes = artist.n_glyphs + len(augment.TEXTURES)
    print(f"{len(artist.masks):,} masks, {n_classes} classes, {args.pictures:,} and {args.test:,} pictures")


if __name__ == "__main__":
    main()
