#!/bin/sh
# Each public header alone, pedantic, in C11 and (where there is a C++ compiler) C++17:
# run.sh INCLUDE_FOLDER JUNIT_FILE
set -u
include=$1
junit=$2
body=$(mktemp)
trap 'rm -f "$body"' EXIT
total=0 failed=0 skipped=0

try() { # name, command...
    label=$1
    shift
    total=$((total + 1))
    if "$@" >&2; then
        echo "<testcase classname=\"header\" name=\"$label\"/>" >>"$body"
    else
        failed=$((failed + 1))
        echo "<testcase classname=\"header\" name=\"$label\"><failure message=\"does not compile\"/></testcase>" >>"$body"
    fi
}

for header in "$include"/tw/*.h; do
    name=$(basename "$header")
    try "$name-c11" sh -c "echo '#include <tw/$name>' | ${CC:-cc} -std=c11 -pedantic -Wall -Wextra -Werror -I'$include' -x c -fsyntax-only -"
    if command -v c++ >/dev/null 2>&1; then
        try "$name-cxx17" sh -c "echo '#include <tw/$name>' | c++ -std=c++17 -pedantic -Wall -Wextra -Werror -I'$include' -x c++ -fsyntax-only -"
    else
        total=$((total + 1))
        skipped=$((skipped + 1))
        echo "<testcase classname=\"header\" name=\"$name-cxx17\"><skipped message=\"no C++ compiler\"/></testcase>" >>"$body"
    fi
done
mkdir -p "$(dirname "$junit")"
{
    echo '<?xml version="1.0"?>'
    echo "<testsuites><testsuite name=\"header\" tests=\"$total\" failures=\"$failed\" errors=\"0\" skipped=\"$skipped\">"
    cat "$body"
    echo '</testsuite></testsuites>'
} >"$junit"
echo "header: $((total - failed - skipped)) passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
