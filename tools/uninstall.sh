#!/bin/sh
# make uninstall: uninstall.sh BUILD [DESTDIR]. Removes the files that the last `make install` of this
# build folder wrote, and the folders that it made where nothing else is in them. $NOTES is as for
# tools/install.sh.
set -eu
build=$1
root=${2:-}
notes=${NOTES:-$build}

if [ ! -f "$notes/installed_files" ]; then
    echo "uninstall: nothing was installed from $build (no $notes/installed_files); nothing removed" >&2
    exit 1
fi
removed=0 gone=0 folders=0
while IFS= read -r file || [ -n "$file" ]; do
    if [ -e "$root$file" ] || [ -L "$root$file" ]; then
        rm -f "$root$file"
        removed=$((removed + 1))
    else
        gone=$((gone + 1))
    fi
done <"$notes/installed_files"

# the deepest first
sorted=$(mktemp)
trap 'rm -f "$sorted"' EXIT
sort -ru "$notes/installed_folders" >"$sorted"
while IFS= read -r folder; do
    if rmdir "$root$folder" 2>/dev/null; then
        folders=$((folders + 1))
    fi
done <"$sorted"
rm -f "$notes/installed_files" "$notes/installed_folders"
echo "uninstall: removed $removed files and $folders folders; $gone files were gone already"
