#!/bin/sh
# Installs what building and testing topwork needs (Debian 12, Ubuntu 24.04 and their kin): asks
# nothing, installs only what is missing, says what it does. With --lint also what `make lint` needs,
# and what checks the manual page and the report.
set -eu

packages="gcc libc6-dev make cmake pkg-config libdnnl-dev libjansson-dev libssl-dev libxxhash-dev
          zlib1g-dev libspng-dev libjpeg-dev libwebp-dev libcurl4-openssl-dev libcmocka-dev"
[ "${1:-}" = --lint ] && packages="$packages clang libomp-dev clang-format mandoc tidy"

if ! command -v dpkg-query >/dev/null 2>&1 || ! command -v apt-get >/dev/null 2>&1; then
    echo "deps: this is not a Debian or Ubuntu system; install by hand what these packages hold:"
    echo "deps:  " $packages
    exit 1
fi

missing=""
for package in $packages; do
    # a virtual package (libjpeg-dev) counts as installed where something provides it
    if ! dpkg-query -W -f '${Status} ${Package} ${Provides}\n' 2>/dev/null |
        grep '^install ok installed' | tr ',' ' ' | sed 's/([^)]*)//g' | tr -s ' ' '\n' | grep -qx "$package"; then
        missing="$missing $package"
    fi
done
if [ -z "$missing" ]; then
    echo "deps: everything is installed"
    exit 0
fi

root=""
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null 2>&1; then
        echo "deps: not root, and there is no sudo; have somebody run as root:"
        echo "deps:   apt-get install$missing"
        exit 1
    fi
    root="sudo"
fi
echo "deps: installing$missing"
export DEBIAN_FRONTEND=noninteractive
$root apt-get update -qq
$root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
echo "deps: done"
