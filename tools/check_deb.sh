#!/bin/sh
# make check-deb: does the .deb install and run in a clean Debian? check_deb.sh FILE.deb [SUITE].
# Needs root, the network, debootstrap, and 600 MB below TMPDIR; not part of `make check`. ROOT=FOLDER
# takes a folder that debootstrap has filled, and keeps it.
set -eu
deb=$1
suite=${2:-bookworm}
[ -f "$deb" ] || { echo "check-deb: no $deb; run make deb first" >&2; exit 2; }
[ "$(id -u)" -eq 0 ] || { echo "check-deb: needs root, for chroot" >&2; exit 2; }
command -v debootstrap >/dev/null || { echo "check-deb: needs debootstrap" >&2; exit 2; }

# the mirror that this machine uses
mirror=$(sed -n 's/^URIs: *//p; s/^deb \(\[[^]]*\] \)*\(http[^ ]*\).*/\2/p' /etc/apt/sources.list \
    /etc/apt/sources.list.d/debian.sources 2>/dev/null | head -1)
root=${ROOT:-}
if [ -z "$root" ]; then
    root=$(mktemp -d "${TMPDIR:-/tmp}/topwork-root.XXXXXX")
    trap 'rm -rf "$root"' EXIT
    chmod 755 "$root"
    echo "check-deb: debootstrap $suite into $root"
    debootstrap --variant=minbase "$suite" "$root" "${mirror:-http://deb.debian.org/debian}" >"$root.log" 2>&1 ||
        { tail -5 "$root.log"; exit 1; }
    rm -f "$root.log"
fi
cp "$deb" "$root/topwork.deb"
in_root() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive "$@"; }

in_root apt-get install -y -qq -o Dpkg::Use-Pty=0 --no-install-recommends ./topwork.deb >/dev/null
failed=0
expect() { # what, command...
    what=$1
    shift
    if in_root "$@" >/dev/null; then
        echo "check-deb: ok: $what"
    else
        echo "check-deb: FAILED: $what"
        failed=1
    fi
}
expect "topwork version" topwork version
expect "topwork summary vgg16" topwork summary vgg16
expect "topwork train --help" topwork train --help
expect "manual page" sh -c 'gzip -dc /usr/share/man/man1/topwork.1.gz | grep -q "SH SYNOPSIS"'
expect "bash completion" test -s /usr/share/bash-completion/completions/topwork
expect "zsh completion" test -s /usr/share/zsh/site-functions/_topwork
expect "library found by the loader" sh -c '/sbin/ldconfig -p | grep -q libtopwork.so.0'
in_root topwork version
expect "removal" apt-get remove -y -qq -o Dpkg::Use-Pty=0 topwork
expect "nothing left" sh -c '! test -e /usr/bin/topwork && ! test -e /usr/include/tw'
[ $failed -eq 0 ] && echo "check-deb: $(basename "$deb") installs, runs and goes again"
exit $failed
