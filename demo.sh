#!/bin/sh
# The main job on a bare machine: installs what is missing, builds, trains a new top on the built-in
# network with the built-in digits (and with MNIST when it has been fetched), evaluates, predicts.
# Everything is left in ./demo-run/. No network is needed once the packages are in.
set -eu
cd "$(dirname "$0")"
tools/deps.sh
exec make --no-print-directory demo
