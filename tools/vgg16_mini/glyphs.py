"""The pictures that vgg16-mini is trained on, none of them a digit: a bank of 64x64 masks.

Letters and signs of every font that is installed under /usr/share/fonts (packages.txt names the Debian packages),
doodles (invented characters of one or two random strokes, drawn with a trembling hand), and plain shapes. `build`
gives (masks uint8 (M,64,64), class of each mask, group of each class); the same fonts and the same seed give the
same bank. Textures are made by augment.py, they have no mask.
"""
import math
import pathlib

import numpy as np
from fontTools.ttLib import TTFont
from PIL import Image, ImageDraw, ImageFont

SIZE = 64
BOX = 44  # longer side of a glyph inside the mask
DRAWN = 256  # strokes are drawn this large and made smaller

# O, o, I, l look like digits and are left out; upper and lower case of one form are one class.
LATIN = ["A", "B", "Cc", "D", "E", "F", "G", "H", "J", "Kk", "L", "M", "N", "Pp", "Q", "R", "Ss", "T", "Uu", "Vv", "Ww",
         "Xx", "Y", "Zz"] + list("abdefghijmnqrty")
OTHERS = list("ΓΔΘΛΞΠΣΦΨΩαβγδεζηθλμξπσφψω") + list("БДЖИЛЦЧШЭЮЯ") + list("&@#?!%$*+=~{}<>/^")
KANA = list("あいうえおかきくけこさしすせそたちつてとなにぬねのはひふへほまみむめもやゆよらりるれろわをん")
N_DOODLES, DOODLES_EACH = 160, 60
SHAPES = ["disc", "ring", "square", "frame", "triangle", "star", "cross", "saltire", "arrow", "crescent", "hexagon",
          "wave", "spiral", "chevron"]
SHAPES_EACH = 60


def font_files():
    """Every usable font file, in the order of its name; symbol fonts and broken ones are passed over."""
    files = sorted(p for p in pathlib.Path("/usr/share/fonts").rglob("*") if p.suffix.lower() in (".ttf", ".otf"))
    skipped = ("symbol", "dingbat", "emoji", "braille", "math", "dseg")
    seen, out = set(), []
    for path in files:
        if path.name in seen or any(word in path.name.lower() for word in skipped):
            continue
        seen.add(path.name)
        try:
            with TTFont(str(path), lazy=True) as font:
                out.append((str(path), set(font.getBestCmap() or ())))
        except Exception:  # a font that fontTools cannot read is no use here
            continue
    return out


def glyph(font, character):
    """The character as a mask with its longer side BOX, centred; None where the font draws nothing."""
    left, top, right, bottom = font.getbbox(character)
    if right - left < 8 or bottom - top < 8:
        return None
    picture = Image.new("L", (right - left, bottom - top))
    ImageDraw.Draw(picture).text((-left, -top), character, fill=255, font=font)
    scale = BOX / max(picture.size)
    size = [max(3, round(side * scale)) for side in picture.size]
    picture = picture.resize(size, Image.LANCZOS)
    out = Image.new("L", (SIZE, SIZE))
    out.paste(picture, ((SIZE - size[0]) // 2, (SIZE - size[1]) // 2))
    return np.asarray(out)


def letters(alphabet, fonts, first_class, most):
    masks, classes = [], []
    for path, known in fonts:
        font = None
        for number, forms in enumerate(alphabet):
            for character in forms:
                if ord(character) not in known:
                    continue
                try:
                    font = font or ImageFont.truetype(path, 96)
                    mask = glyph(font, character)
                except Exception:  # bitmap-only and damaged fonts
                    continue
                if mask is not None and 40 < mask.mean() * SIZE * SIZE / 255 < 2600:
                    masks.append(mask)
                    classes.append(first_class + number)
    order = np.argsort(np.asarray(classes), kind="stable")
    kept, count = [], {}
    for i in order:
        count[classes[i]] = count.get(classes[i], 0) + 1
        if count[classes[i]] <= most:
            kept.append(i)
    return [masks[i] for i in kept], [classes[i] for i in kept]


def curve(points, n=24):
    """Catmull-Rom through the points."""
    p = np.vstack([2 * points[0] - points[1], points, 2 * points[-1] - points[-2]])
    t = np.linspace(0, 1, n, endpoint=False)[:, None]
    parts = [0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
             for a, b, c, d in zip(p[:-3], p[1:-2], p[2:-1], p[3:])]
    return np.vstack(parts + [points[-1:]])


def draw_strokes(strokes, width):
    """Strokes (lists of points in [0,1]) as a mask that fills the box."""
    every = np.vstack(strokes)
    low, high = every.min(0), every.max(0)
    scale = (DRAWN * BOX / SIZE) / max(high - low)
    picture = Image.new("L", (DRAWN, DRAWN))
    draw = ImageDraw.Draw(picture)
    for stroke in strokes:
        at = (stroke - (low + high) / 2) * scale + DRAWN / 2
        draw.line([tuple(q) for q in at], fill=255, width=int(width), joint="curve")
        for x, y in (at[0], at[-1]):
            r = width / 2
            draw.ellipse((x - r, y - r, x + r, y + r), fill=255)
    return np.asarray(picture.resize((SIZE, SIZE), Image.BOX))


def doodle_plan(rng):
    """One or two strokes of three to five points, none too short."""
    while True:
        strokes = [rng.random((rng.integers(3, 6), 2)) for _ in range(rng.integers(1, 3))]
        if all(np.linalg.norm(np.diff(s, axis=0), axis=1).sum() > 0.7 for s in strokes):
            return strokes


def doodles(rng, first_class):
    masks, classes = [], []
    for number in range(N_DOODLES):
        plan = doodle_plan(rng)
        for _ in range(DOODLES_EACH):
            hand = [curve(s + rng.normal(0, 0.055, s.shape)) for s in plan]
            masks.append(draw_strokes(hand, rng.uniform(8, 24)))
            classes.append(first_class + number)
    return masks, classes


def shape_outline(name, rng):
    """Polygon of a shape around the origin, radius 1; True where it is to be filled."""
    turn = np.linspace(0, 2 * math.pi, 72, endpoint=False)
    circle = np.stack([np.cos(turn), np.sin(turn)], 1)

    def regular(n, radii=(1.0,)):
        angle = np.arange(n) * 2 * math.pi / n - math.pi / 2
        return np.stack([np.cos(angle), np.sin(angle)], 1) * np.resize(radii, n)[:, None]

    if name in ("disc", "ring"):
        return circle, name == "disc"
    if name in ("square", "frame"):
        return np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * 0.8, name == "square"
    if name == "triangle":
        return regular(3), True
    if name == "hexagon":
        return regular(6), False
    if name == "star":
        return regular(10, (1.0, rng.uniform(0.3, 0.5))), True
    if name in ("cross", "saltire"):
        a = rng.uniform(0.18, 0.35)
        plus = np.array([[-a, -1], [a, -1], [a, -a], [1, -a], [1, a], [a, a], [a, 1], [-a, 1], [-a, a], [-1, a],
                         [-1, -a], [-a, -a]])
        return (plus if name == "cross" else plus @ np.array([[1, -1], [1, 1]]) / math.sqrt(2)), True
    if name == "arrow":
        a = rng.uniform(0.15, 0.3)
        return np.array([[-1, -a], [0.1, -a], [0.1, -0.8], [1, 0], [0.1, 0.8], [0.1, a], [-1, a]]), True
    if name == "crescent":
        inner = circle[::-1] * 0.8 + np.array([rng.uniform(0.35, 0.5), 0])
        return np.vstack([circle[9:64], inner[8:63]]), True
    t = np.linspace(0, 1, 60)
    if name == "wave":
        return np.stack([2 * t - 1, 0.4 * np.sin(2 * math.pi * t * rng.uniform(1.5, 3))], 1), None
    if name == "spiral":
        r, angle = t, t * 2 * math.pi * rng.uniform(1.8, 2.6)
        return np.stack([r * np.cos(angle), r * np.sin(angle)], 1), None
    return np.array([[-1, 0.4], [0, -0.5], [1, 0.4]]) * [[1, rng.uniform(0.6, 1.4)]], None


def shapes(rng, first_class):
    masks, classes = [], []
    for number, name in enumerate(SHAPES):
        for _ in range(SHAPES_EACH):
            points, filled = shape_outline(name, rng)
            angle = rng.uniform(-0.3, 0.3)
            turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
            at = points @ turn * DRAWN * 0.36 + DRAWN / 2
            picture = Image.new("L", (DRAWN, DRAWN))
            draw = ImageDraw.Draw(picture)
            if filled:
                draw.polygon([tuple(q) for q in at], fill=255)
            else:
                ends = [tuple(q) for q in at] + ([tuple(at[0]), tuple(at[1])] if filled is False else [])
                draw.line(ends, fill=255, width=int(rng.uniform(10, 34)), joint="curve")
            masks.append(np.asarray(picture.resize((SIZE, SIZE), Image.BOX)))
            classes.append(first_class + number)
    return masks, classes


def build(seed=1, most_fonts=260):
    """(masks, classes, groups): groups[k] is "latin", "other", "kana", "doodle" or "shape"."""
    rng = np.random.default_rng(seed)
    fonts = font_files()
    masks, classes, groups = [], [], []
    for name, alphabet in (("latin", LATIN), ("other", OTHERS), ("kana", KANA)):
        some, which = letters(alphabet, fonts, len(groups), most_fonts)
        masks += some
        classes += which
        groups += [name] * len(alphabet)
    for name, maker, n in (("doodle", doodles, N_DOODLES), ("shape", shapes, len(SHAPES))):
        some, which = maker(rng, len(groups))
        masks += some
        classes += which
        groups += [name] * n
    return np.stack(masks), np.asarray(classes), groups


if __name__ == "__main__":
    bank, kinds, names = build()
    print(f"{len(font_files())} fonts, {len(bank):,} masks, {len(names)} classes")
    pick = np.random.default_rng(0).choice(len(bank), 30 * 16, replace=False)
    sheet = bank[pick].reshape(16, 30, SIZE, SIZE).transpose(0, 2, 1, 3).reshape(16 * SIZE, 30 * SIZE)
    Image.fromarray(sheet).save("glyphs.png")
