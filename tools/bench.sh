#!/bin/sh
# The measurements in bench/, for a quiet machine: bench.sh BUILD. The comparison with the peers that are installed (see
# docs/benchmark.md) becomes the newest section of bench/RESULTS.md, or takes the place of the one of the same day and CPU.
set -eu
build=$1
cmake --build "$build" --target bench -j "$(nproc)" >/dev/null
grep -m1 'model name' /proc/cpuinfo
date -u +%Y-%m-%d
for workers in 1 $(nproc); do
    for precision in fp32 bf16; do
        "$build/bench/bench_trunk" "$workers" 2 "$precision" || true
    done
done
for side in 112 224; do
    "$build/bench/bench_training" "$side" 64 1
done
"$build/topwork" benchmark vgg16 --layers --train
python3 bench/peers.py "$build" --rounds "${BENCH_ROUNDS:-5}" --note "${BENCH_NOTE:-}" --results bench/RESULTS.md
