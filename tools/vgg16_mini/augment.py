"""Masks become pictures as a network meets them: another hand, another pen, another place, another paper.

Everything works on batches of torch tensors; all randomness comes from the generator that is passed in.
"""
import math

import torch
import torch.nn.functional as F

TEXTURES = ["stripes", "checker", "dots", "rings", "plaid", "noise", "clouds", "ramp", "bricks", "zigzag"]


def uniform(gen, low, high, *shape):
    return torch.rand(*shape, generator=gen) * (high - low) + low


def pen(masks, gen):
    """Thicker or thinner strokes: a blurred mask against a threshold of its own peak."""
    k = torch.tensor([1.0, 4.0, 7.0, 4.0, 1.0]) / 17
    blurred = F.conv2d(F.conv2d(masks, k.view(1, 1, 1, 5), padding=(0, 2)), k.view(1, 1, 5, 1), padding=(2, 0))
    n = masks.shape[0]
    level = blurred.amax((1, 2, 3)) * uniform(gen, 0.15, 0.6, n)
    gain = torch.maximum(uniform(gen, 2.0, 6.0, n), 0.5 / level)  # the ground stays black
    return ((blurred - level.view(n, 1, 1, 1)) * gain.view(n, 1, 1, 1) + 0.5).clamp(0, 1)


def hand(masks, gen, size):
    """Turn, slant, stretch, shift and a smooth wobble, sampled onto size x size."""
    n = masks.shape[0]
    angle, slant = uniform(gen, -0.25, 0.25, n), uniform(gen, -0.45, 0.45, n)
    scale, aspect = uniform(gen, 0.75, 1.35, n), uniform(gen, -0.28, 0.28, n)
    cos, sin = torch.cos(angle), torch.sin(angle)
    sx, sy = scale * torch.exp(aspect), scale * torch.exp(-aspect)
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0], theta[:, 0, 1] = cos * sx, (slant * cos - sin) * sy
    theta[:, 1, 0], theta[:, 1, 1] = sin * sx, (slant * sin + cos) * sy
    theta[:, :, 2] = uniform(gen, -0.16, 0.16, n, 2)
    grid = F.affine_grid(theta, (n, 1, size, size), align_corners=False)
    wobble = torch.randn(n, 2, 5, 5, generator=gen) * uniform(gen, 0.0, 0.11, n, 1, 1, 1)
    grid = grid + F.interpolate(wobble, size=(size, size), mode="bicubic", align_corners=True).permute(0, 2, 3, 1)
    return F.grid_sample(masks, grid, align_corners=False)


def paper(ink, gen, plain):
    """Ink (n,1,S,S) in [0,1] as RGB in [0,1]: white on black for the share `plain`, else any two colours."""
    n, size = ink.shape[0], ink.shape[-1]
    front, back = torch.rand(n, 3, generator=gen), torch.rand(n, 3, generator=gen)
    near = (front - back).abs().sum(1) < 0.6
    front[near] = 1 - back[near].round()
    is_plain = torch.rand(n, generator=gen) < plain
    front[is_plain], back[is_plain] = uniform(gen, 0.75, 1.0, int(is_plain.sum()), 1).expand(-1, 3), torch.zeros(3)
    black = ~is_plain & (torch.rand(n, generator=gen) < 0.3)  # dark on light
    front[black], back[black] = torch.zeros(3), uniform(gen, 0.8, 1.0, int(black.sum()), 1).expand(-1, 3)
    out = back.view(n, 3, 1, 1) + ink * (front - back).view(n, 3, 1, 1)
    grain = F.interpolate(torch.randn(n, 3, 7, 7, generator=gen), size=(size, size), mode="bilinear") * 0.12
    return (out + grain * (~is_plain).view(n, 1, 1, 1)).clamp(0, 1)


def pictures(masks, gen, size, small=28, share_small=0.65, plain=0.6):
    """uint8 masks (n,64,64) -> RGB (n,3,size,size) in [0,1]; a share of batches as small pictures made larger."""
    drawn = pen(masks.float().unsqueeze(1) / 255, gen)
    if torch.rand(1, generator=gen).item() < share_small:
        ink = hand(drawn, gen, small)
        ink = F.interpolate(ink, size=(size, size), mode="bicubic", align_corners=False).clamp(0, 1)
    else:
        ink = hand(drawn, gen, size)
    return paper(ink, gen, plain)


def textures(gen, n, size):
    """n textures and their classes (numbers of TEXTURES)."""
    kinds = torch.randint(len(TEXTURES), (n,), generator=gen)
    y, x = torch.meshgrid(torch.linspace(-1, 1, size), torch.linspace(-1, 1, size), indexing="ij")
    out = torch.empty(n, 1, size, size)
    for i, kind in enumerate(kinds.tolist()):
        a, f = uniform(gen, 0, math.pi, 1).item(), uniform(gen, 6, 22, 1).item()
        shift = uniform(gen, 0, 6, 2)
        u, v = x * math.cos(a) + y * math.sin(a), y * math.cos(a) - x * math.sin(a)
        s, t = torch.sin(u * f + shift[0]), torch.sin(v * f + shift[1])
        if kind == 0:
            out[i, 0] = (s * 4).clamp(-1, 1)
        elif kind == 1:
            out[i, 0] = (s * t * 8).clamp(-1, 1)
        elif kind == 2:
            out[i, 0] = ((s + t - 1.1) * 4).clamp(-1, 1)
        elif kind == 3:
            out[i, 0] = torch.sin(torch.hypot(x - 0.3 * s[0, 0], y) * f * 1.3)
        elif kind == 4:
            out[i, 0] = (s.abs() + t.abs() - 1) * 1.5
        elif kind == 5:
            out[i, 0] = torch.randn(size, size, generator=gen) * 0.5
        elif kind == 6:
            coarse = torch.randn(1, 1, int(f / 2) + 3, int(f / 2) + 3, generator=gen)
            out[i] = F.interpolate(coarse, size=(size, size), mode="bicubic")[0] * 0.6
        elif kind == 7:
            out[i, 0] = u
        elif kind == 8:
            row = torch.floor(v * f / 3)
            mortar = torch.maximum((torch.sin(u * f / 2 + row * math.pi / 2)).abs() < 0.12, (torch.sin(v * f * math.pi / 3)).abs() < 0.18)
            out[i, 0] = 1 - 2 * mortar.float()
        else:
            out[i, 0] = (torch.sin(v * f + 2 * torch.asin(torch.sin(u * f / 2))) * 3).clamp(-1, 1)
    return paper((out.clamp(-1, 1) + 1) / 2, gen, 0.3), kinds


if __name__ == "__main__":
    import glyphs
    import numpy as np
    from PIL import Image

    bank, _, _ = glyphs.build(most_fonts=20)
    gen = torch.Generator().manual_seed(0)
    rows = []
    for _ in range(8):
        pick = torch.randint(len(bank), (16,), generator=gen)
        rows.append(pictures(torch.from_numpy(bank)[pick], gen, 96))
    rows.append(textures(gen, 16, 96)[0])
    sheet = torch.cat([torch.cat(list(row), 2) for row in rows], 1)
    Image.fromarray((sheet * 255).byte().permute(1, 2, 0).numpy().astype(np.uint8)).save("pictures.png")
