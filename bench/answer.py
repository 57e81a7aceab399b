"""A peer's side of the talk with peers.py: the same as answer.c.

A peer is a function that takes (work, precision, threads, batch, variant) and gives (version, run); what it cannot do it
says by raising Missing.
"""
import os
import sys
import time


class Missing(Exception):
    pass


def answer(make):
    work, precision, threads, batch = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    variant = sys.argv[5] if len(sys.argv) > 5 else ""
    say, out = sys.stdout, os.dup(1)
    os.dup2(2, 1)  # what a framework prints goes elsewhere
    say = os.fdopen(out, "w", buffering=1)
    try:
        version, run = make(work, precision, threads, batch, variant)
    except (Missing, ImportError) as why:
        sentence = str(why).strip().splitlines()[0]
        say.write(f"missing: {sentence}\n")
        sys.exit(1)
    say.write(f"ready {version}\n")
    for line in sys.stdin:
        if line != "run\n":
            break
        cpu, start = time.process_time(), time.perf_counter()
        run()
        say.write(f"{time.perf_counter() - start:.9f} {time.process_time() - cpu:.6f}\n")
