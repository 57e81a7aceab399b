#!/bin/sh
# The tutorial's second recipe at full size on real MNIST with a real trunk, and what it costs:
#   measure_finetune.sh BUILD_FOLDER SHARED_FOLDER WORK_FOLDER [JOB...]
# SHARED has data/mnist and weights/hed_vgg16_notop.h5 (its fully connected layers begin random).
# Jobs: cached (2,000 pictures, 10 epochs), uncached (its first 3 epochs without a cache, more memory),
# small (cut after block5_pool, a small top), large (10,000 pictures, 2 epochs), threads. Every job
# leaves WORK/JOB/ with its log.jsonl, and WORK/JOB.time from /usr/bin/time.
set -eu
topwork=$(cd "$1" && pwd)/topwork
shared=$(cd "$2" && pwd)
config=$(cd "$(dirname "$0")/../examples" && pwd)/mnist-finetune.json
mkdir -p "$3"
cd "$3"
shift 3

job() { # NAME, options
    name=$1
    shift
    /usr/bin/time -v -o "$name.time" "$topwork" train "$shared/data/mnist" --config "$config" \
        --weights "$shared/weights/hed_vgg16_notop.h5" -o "$name" --overwrite "$@" \
        >"$name.txt" 2>"$name.err" || { tail -1 "$name.err" >&2 && exit 1; }
    grep -E '^(epoch|memory|the model|on the|frozen)' "$name.txt"
    awk -F': ' '/Maximum resident|Elapsed/ {print $1 ": " $2}' "$name.time"
}
tutorial="--init-missing glorot_uniform"
cached="--cache-dir cache"

[ $# -gt 0 ] || set -- cached
for name; do
    echo "== $name"
    case $name in
    cached) job cached $tutorial $cached --limit 2000 ;;
    uncached) job uncached $tutorial --limit 2000 --epochs 3 --cache off --memory-limit 2200M ;;
    small) job small $cached --limit 2000 --cut block5_pool --top "256 relu, dropout 0.5" ;;
    large) job large $tutorial $cached --limit 10000 --epochs 2 ;;
    threads)
        for n in 1 2 4; do
            job threads-$n $tutorial $cached --limit 200 --epochs 1 --threads $n
            sha256sum threads-$n/model.safetensors threads-$n/history.csv
        done
        ;;
    *) echo "no job $name" >&2 && exit 2 ;;
    esac
done
