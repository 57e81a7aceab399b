#!/bin/sh
# Runs ctest in a build folder and adds up test cases from the JUnit files that the test programs
# write (BUILD/junit/). A program that ends without one (a crash) counts as one failed case.
set -u
build=$1
junit=$build/junit
rm -rf "$junit"
mkdir -p "$junit"
log=$junit/ctest.log
# several programs at once: threads that wait must not take the cores from those that work
export OMP_WAIT_POLICY=passive
(cd "$build" && ctest --output-on-failure -j "$(nproc)" --output-junit junit/ctest-programs.xml) >"$log" 2>&1
status=$?
grep -E '^ *[0-9]+/[0-9]+ Test' "$log"

# What went wrong, in full.
for file in "$junit"/*.xml; do
    [ "$file" = "$junit/ctest-programs.xml" ] && continue
    if grep -q '<failure>\|<failure \|<error>\|<error ' "$file"; then
        echo "---- $file"
        grep -B1 -A8 '<failure\|<error' "$file"
    fi
done
[ $status -ne 0 ] && sed -n '/tests failed out of/,$p' "$log"

# name="..." of every program that failed in ctest but left no JUnit file of its own
crashed=0
for name in $(sed -n 's/.*<testcase name="\([^"]*\)".*status="fail".*/\1/p' "$junit/ctest-programs.xml"); do
    if ! ls "$junit/$name"-*.xml >/dev/null 2>&1; then
        echo "crashed: $name"
        grep -A30 "Test.*$name" "$log" | head -40
        crashed=$((crashed + 1))
    fi
done

awk -v crashed="$crashed" -v status="$status" '
function number(key,   text) {
    if (!match($0, key "=\"[0-9]+\"")) return 0
    text = substr($0, RSTART, RLENGTH)
    gsub(/[^0-9]/, "", text)
    return text + 0
}
/<testsuite / {
    tests += number(" tests"); bad += number("failures") + number("errors"); skipped += number("skipped")
}
END {
    bad += crashed
    tests += crashed
    if (status != 0 && bad == 0) { bad = 1; tests += 1 }
    printf "%d passed, %d failed, %d skipped\n", tests - bad - skipped, bad, skipped
    exit bad > 0
}' $(ls "$junit"/*.xml | grep -v ctest-programs.xml)
