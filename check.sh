#!/bin/sh
# Every test, on a bare machine: installs what is missing, builds, runs. The last line is
# "N passed, N failed, N skipped".
set -eu
cd "$(dirname "$0")"
tools/deps.sh
exec make --no-print-directory check
