#!/usr/bin/env bash
# Kills a run with SIGKILL at random moments, from its first file to its last, lets it go on, and
# compares what comes out with a run that was left alone: kill_test.sh BUILD_FOLDER [KILLS [SEED]].
# Two-phase fine-tuning with dropout, augmented views and mixed rows, a cache of its own for every
# run, a checkpoint every step or every few, so that extraction, checkpoint writing, validation and
# the last files are hit too.
set -eu
topwork=$(cd "$1" && pwd)/topwork
kills=${2:-100}
seed=${3:-1}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
files="model.safetensors history.csv predictions.csv split.csv config.json"

random() { # a number below $1
    seed=$(((seed * 1103515245 + 12345) % 2147483648))
    echo $((seed / 65536 % $1))
}
start() { # RUN EVERY; in place of the shell that runs it, so that it is the one that is killed
    exec "$topwork" train digits:120 --model vgg16-mini --recipe finetune --freeze-epochs 1 --epochs 3 \
        --top "32 relu, dropout 0.4" --lr 0.003 --batch-size 8 --checkpoint-every "$2" \
        --aug "light, flip 0, erase 0.2" --cache-views 2 --mixup 0.2 --label-smoothing 0.1 --sampler balanced \
        --cache-dir "$1.cache" -o "$1" --quiet --threads 2
}
hashes() { (cd "$1" && sha256sum $files | grep -v config); }

begun=$(date +%s%N)
(start "$work/whole" 1000000) >/dev/null 2>&1
length=$((($(date +%s%N) - begun) / 1000000))
hashes "$work/whole" >"$work/expected"
echo "a run takes $length ms; its files:"
cat "$work/expected"

n=0 runs=0 early=0 mid=0
while [ "$n" -lt "$kills" ]; do
    runs=$((runs + 1))
    run=$work/run
    rm -rf "$run" "$run.cache"
    every=$(($(random 4) + 1))
    finished=no
    while [ $finished = no ]; do
        if [ -e "$run/config.json" ]; then
            "$topwork" resume "$run" --quiet >"$work/out" 2>&1 &
        else # nothing to go on with yet
            rm -rf "$run"
            start "$run" "$every" >"$work/out" 2>&1 &
        fi
        pid=$!
        sleep "$(awk "BEGIN { print $(random $((length * 3 / 4 + 1))) / 1000 }")"
        if kill -0 $pid 2>/dev/null && kill -9 $pid; then
            n=$((n + 1))
            if [ -e "$run/last.ckpt" ]; then mid=$((mid + 1)); else early=$((early + 1)); fi
        fi
        rc=0
        wait $pid 2>/dev/null || rc=$?
        if [ $rc -eq 0 ]; then
            finished=yes
        elif [ $rc -ne 137 ]; then
            echo "FAILED: run $runs after $n kills:"
            cat "$work/out"
            exit 1
        fi
    done
    hashes "$run" >"$work/found"
    if ! cmp -s "$work/expected" "$work/found"; then
        echo "FAILED: run $runs after $n kills is another one:"
        cat "$work/found"
        exit 1
    fi
done
echo "$n kills in $runs runs ($early before the first checkpoint, $mid after it): every run ended with the same bytes"
