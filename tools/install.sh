#!/bin/sh
# make install: install.sh BUILD PREFIX [DESTDIR]. Notes in installed_files and installed_folders what
# it made, without DESTDIR, for tools/uninstall.sh; the notes are in BUILD, or in the folder $NOTES.
set -eu
build=$1
prefix=$2
root=${3:-}
notes=${NOTES:-$build}
before=$(mktemp)
made=$(mktemp)
trap 'rm -f "$before" "$made"' EXIT

find_folders() {
    if [ -d "$root$prefix" ]; then
        find "$root$prefix" -type d | sort
    fi
}
find_folders >"$before"
above=$prefix
while [ ! -d "$root$above" ] && [ "$above" != / ] && [ "$above" != . ]; do
    echo "$root$above" >>"$made"
    above=$(dirname "$above")
done

DESTDIR=$root cmake --install "$build" --prefix "$prefix"

find_folders | comm -13 "$before" - >>"$made"
sed "s#^$root/#/#" "$made" >>"$notes/installed_folders"
cp "$build/install_manifest.txt" "$notes/installed_files"
