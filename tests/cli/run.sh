#!/bin/sh
# Tests of the program: run.sh BIN_FOLDER JUNIT_FILE [--rewrite] [CASE...]
# A case is a folder tests/cli/<case>/ with `cmd` (a shell script; $TOPWORK, $MAKE_DATA, $RUN_PTY,
# $SHARED, $BUILD are set, the current folder is empty and its own, the cache too) and what it must
# give: `out`, `err` and `code`. Times, rates and this machine's CPU are replaced before comparing. A
# cmd that prints "skip: reason" as its only output and exits 77 is skipped. --rewrite writes out, err
# and code anew.
set -u
here=$(cd "$(dirname "$0")" && pwd)
bin=$(cd "$1" && pwd)
junit=$2
shift 2
rewrite=no
[ "${1:-}" = --rewrite ] && rewrite=yes && shift
cases=${*:-$(cd "$here" && ls -d */ | tr -d /)}

TOPWORK=$bin/topwork
MAKE_DATA=$bin/tests/make_data
RUN_PTY=$bin/tests/run_pty
BUILD=$bin
EXAMPLES=$bin/tests
SHARED=${TW_SHARED:-$here/../../../shared}
CASES=$here
export TOPWORK MAKE_DATA RUN_PTY BUILD SHARED EXAMPLES CASES
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

normalise() {
    sed -E -e "s#$work/[a-z0-9_-]*#WORK#g" -e "s#$SHARED#SHARED#g" -e "s#$bin#BIN#g" \
        -e 's/[0-9]+ (h|min) [0-9]+ (min|s)/TIME/g' -e 's/[0-9.]+ s\b/TIME/g' -e 's/"seconds":[0-9.]+/"seconds":TIME/' \
        -e 's/"seconds_(extract|train)":[0-9.]+/"seconds_\1":TIME/g' -e 's/[0-9.]+ a second/RATE a second/' \
        -e 's/[0-9a-f]{64}/KEY/g' -e 's/oneDNN [0-9.]+[^,"]*/ONEDNN/g' "$1"
}

passed=0 failed=0 skipped=0
body=$work/body.xml
: >"$body"
for name in $cases; do
    folder=$work/$name
    mkdir -p "$folder/run"
    (cd "$folder/run" && XDG_CACHE_HOME=$folder/run/.cache HOME=$folder/run NO_COLOR=1 \
        sh "$here/$name/cmd" >"$folder/raw_out" 2>"$folder/raw_err" </dev/null)
    echo $? >"$folder/code"
    normalise "$folder/raw_out" >"$folder/out"
    normalise "$folder/raw_err" | grep -v '^\(extract\|train\|validate\|evaluate\|predict\|fetch\|compare\) .* of .* left$' >"$folder/err"
    if [ "$(cat "$folder/code")" = 77 ]; then
        skipped=$((skipped + 1))
        echo "<testcase classname=\"cli\" name=\"$name\"><skipped/></testcase>" >>"$body"
        echo "skip $name: $(cat "$folder/out")"
        continue
    fi
    if [ $rewrite = yes ]; then
        cp "$folder/out" "$folder/err" "$folder/code" "$here/$name/"
    fi
    wrong=""
    for part in code out err; do
        cmp -s "$here/$name/$part" "$folder/$part" || wrong="$wrong $part"
    done
    if [ -z "$wrong" ]; then
        passed=$((passed + 1))
        echo "<testcase classname=\"cli\" name=\"$name\"/>" >>"$body"
    else
        failed=$((failed + 1))
        echo "FAIL $name:$wrong"
        for part in $wrong; do
            diff -u "$here/$name/$part" "$folder/$part" | head -40
        done
        echo "<testcase classname=\"cli\" name=\"$name\"><failure message=\"$wrong differ\"/></testcase>" >>"$body"
    fi
done
mkdir -p "$(dirname "$junit")"
{
    echo '<?xml version="1.0"?>'
    echo "<testsuites><testsuite name=\"cli\" tests=\"$((passed + failed + skipped))\" failures=\"$failed\" errors=\"0\" skipped=\"$skipped\">"
    cat "$body"
    echo '</testsuite></testsuites>'
} >"$junit"
echo "cli: $passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
