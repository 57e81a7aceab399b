"""Pictures a second that are decoded, and decoded and resized to 224x224: topwork beside Pillow and OpenCV.

    python3 bench/decode.py BUILD FOLDER [--rounds N] [--note TEXT] [--results bench/RESULTS.md]

One thread each, pinned to one core, in turn round by round, so that what else the machine does hits all alike; processor
time, least and median of the rounds. Two sets of files: the JPEG photographs of FOLDER, and eight of them enlarged to 4000
pixels, with grain, as a camera's files are. With --results the tables become the newest section of that file.
"""
import argparse
import ctypes
import datetime
import glob
import os
import statistics
import tempfile
import time

import cv2
import numpy as np
import PIL
from PIL import Image, features

SIDE, CUBIC, AA, AREA = 224, 0, 4, 5


class Picture(ctypes.Structure):
    _fields_ = [("height", ctypes.c_int), ("width", ctypes.c_int), ("channels", ctypes.c_int), ("pixels", ctypes.c_void_p)]


class Contract(ctypes.Structure):
    _fields_ = [(n, ctypes.c_int) for n in ("height", "width", "colour", "interpolation", "preprocess", "resize")]
    _fields_ += [("crop_pct", ctypes.c_double), ("jpeg_scale", ctypes.c_int)]


def jobs_of(lib):
    def topwork(interpolation=None, jpeg_scale=0):
        contract = Contract(SIDE, SIDE, 0, interpolation or 0, 0, 0, 0, jpeg_scale)

        def job(path):
            picture, resized = Picture(), Picture()
            assert lib.tw_picture_read_for(ctypes.byref(picture), path.encode(), ctypes.byref(contract), None) == 0, path
            if interpolation is not None:
                assert lib.tw_picture_resize(ctypes.byref(resized), ctypes.byref(picture), SIDE, SIDE, interpolation, None) == 0
                lib.tw_picture_free(ctypes.byref(resized))
            lib.tw_picture_free(ctypes.byref(picture))

        return job

    def pillow(filter=None, draft=False):
        def job(path):
            image = Image.open(path)
            if draft:
                image.draft("RGB", (2 * SIDE, 2 * SIDE))
            image = image.convert("RGB")
            np.asarray(image.resize((SIDE, SIDE), filter) if filter else image)

        return job

    def opencv(filter=None, flags=cv2.IMREAD_COLOR):
        def job(path):
            image = cv2.imread(path, flags)
            if filter is not None:
                cv2.resize(image, (SIDE, SIDE), interpolation=filter)

        return job

    return {
        "decode": {"topwork": topwork(), "Pillow": pillow(), "OpenCV": opencv()},
        "decode, average": {
            "topwork `bilinear-aa`": topwork(AA),
            "Pillow BILINEAR": pillow(Image.BILINEAR),
            "topwork `area`": topwork(AREA),
            "OpenCV INTER_AREA": opencv(cv2.INTER_AREA),
        },
        "decode, cubic": {"topwork `cubic`": topwork(CUBIC), "OpenCV INTER_CUBIC": opencv(cv2.INTER_CUBIC)},
        "decode smaller, average": {
            "topwork `--jpeg-scale auto`": topwork(AREA, 1),
            "Pillow `draft`": pillow(Image.BILINEAR, True),
            "OpenCV REDUCED_COLOR_4": opencv(cv2.INTER_AREA, cv2.IMREAD_REDUCED_COLOR_4),
        },
    }


def enlarge(files, folder):
    rng = np.random.default_rng(1)
    paths = []
    for i, path in enumerate(files[:: max(1, len(files) // 8)][:8]):
        image = Image.open(path).convert("RGB")
        scale = 4000 / max(image.size)
        large = np.asarray(image.resize([round(s * scale) for s in image.size], Image.BICUBIC)).astype(np.float32)
        large += rng.normal(0, 4, large.shape[:2])[..., None]
        paths.append(os.path.join(folder, f"{i}.jpg"))
        Image.fromarray(large.clip(0, 255).astype(np.uint8)).save(paths[-1], quality=90)
    return paths


def measure(groups, files, rounds):
    times = {(g, n): [] for g in groups for n in groups[g]}
    for turn in range(rounds + 1):
        for group, name in times:
            start = time.process_time()
            for path in files:
                groups[group][name](path)
            if turn > 0:  # the first round fills caches
                times[group, name].append(time.process_time() - start)
    return times


def table(title, groups, times, n):
    lines = [title, "", "| | | least time | median |", "|---|---|---|---|"]
    for group, name in times:
        t = times[group, name]
        lines.append(f"| {group} | {name} | {n / min(t):,.1f} | {n / statistics.median(t):,.1f} |")
    return "\n".join(lines) + "\n"


def cpu_name():
    with open("/proc/cpuinfo") as f:
        return next((line.split(":")[1].strip() for line in f if line.startswith("model name")), "unknown CPU")


def put_section(path, heading, body):
    text = open(path).read()
    at = text.find(heading)
    if at >= 0:
        end = text.find("\n## ", at)
        text = text[:at].rstrip("\n") + "\n" + (text[end:] if end >= 0 else "")
    open(path, "w").write(text.rstrip("\n") + f"\n\n{heading}\n\n{body}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("folder")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--note", default="")
    parser.add_argument("--results")
    args = parser.parse_args()

    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    cv2.ipp.setUseIPP(False)
    cv2.setNumThreads(1)
    lib = ctypes.CDLL(os.path.abspath(os.path.join(args.build, "libtopwork.so")))
    groups = jobs_of(lib)
    files = sorted(glob.glob(os.path.join(args.folder, "**", "*.jpg"), recursive=True))
    with tempfile.TemporaryDirectory() as folder:
        large = enlarge(files, folder)
        small_times = measure({g: groups[g] for g in list(groups)[:3]}, files, args.rounds)
        large_times = measure(groups, large, args.rounds)
    body = (
        f"`bench/decode.py`, one core, {args.rounds} rounds, pictures a CPU second by the least and by the median round. {args.note}\n"
        f"Pillow {PIL.__version__} (libjpeg-turbo {features.version('libjpeg_turbo')}), OpenCV {cv2.__version__} (IPP off).\n\n"
        + table(f"{len(files)} photographs (shorter side 256):", groups, small_times, len(files))
        + "\n"
        + table("8 of them enlarged to 4000 pixels, with grain:", groups, large_times, len(large))
    )
    heading = f"## {datetime.date.today()}, {cpu_name()}, one core: decoding beside Pillow and OpenCV"
    print(heading + "\n\n" + body)
    if args.results:
        put_section(args.results, heading, body)


main()
