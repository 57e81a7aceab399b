#!/bin/sh
# The measurements in bench/, for a quiet machine: bench.sh BUILD. Results worth keeping go into
# bench/RESULTS.md with CPU and date.
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
