#!/bin/sh
# Fuzzes each target of tests/fuzz for a while: fuzz.sh BUILD_FOLDER SECONDS [TARGET...]. What is found
# stays in BUILD_FOLDER: crashes/TARGET-*, new inputs in found/TARGET/. A line a target; fails when
# something was found.
# fuzz.sh BUILD_FOLDER merge [TARGET...] makes the corpora of tests/fuzz the smallest that reach all
# that they and the found inputs reach; look at their size before they are committed.
set -eu
cd "$(dirname "$0")/.."
build=$1
seconds=$2
shift 2
corpora=tests/fuzz/corpus
[ $# -gt 0 ] || set -- $(ls $corpora)
export OMP_WAIT_POLICY=passive
export ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=0
mkdir -p "$build/crashes"

merge() { # TARGET: edges alone count, not how often each is taken
    rm -rf "$build/merged"
    mkdir -p "$build/merged" "$build/found/$1"
    "$build/tests/fuzz/fuzz_$1" -merge=1 -use_counters=0 -max_len=8192 "$build/merged" \
        "$corpora/$1" "$build/found/$1" >"$build/$1.log" 2>&1
    rm -f "$corpora/$1"/*
    mv "$build/merged"/* "$corpora/$1/"
    echo "$1: $(ls "$corpora/$1" | wc -l) files, $(cat "$corpora/$1"/* | wc -c) bytes"
}
# The last value of a key in libFuzzer's log, or 0.
value() {
    sed -n "s/.*$2 *\([0-9][0-9]*\).*/\1/p" "$1" | tail -1 | grep . || echo 0
}

bad=0
for target in "$@"; do
    if [ "$seconds" = merge ]; then
        merge "$target"
        continue
    fi
    log=$build/$target.log
    mkdir -p "$build/found/$target"
    "$build/tests/fuzz/fuzz_$target" -max_total_time="$seconds" -timeout=30 -rss_limit_mb=2048 \
        -print_final_stats=1 -artifact_prefix="$build/crashes/$target-" \
        "$build/found/$target" "$corpora/$target" >"$log" 2>&1 || true
    findings=$(grep -ac '^SUMMARY' "$log" || true)
    echo "$target: $seconds s, $(value "$log" 'stat::number_of_executed_units:') runs," \
        "coverage $(value "$log" 'cov:'), $findings findings"
    if [ "$findings" -ne 0 ]; then
        grep -a '^fuzz: \|^SUMMARY\|ERROR: \|runtime error\|Test unit written' "$log" | head -8
        bad=1
    fi
done
exit $bad
