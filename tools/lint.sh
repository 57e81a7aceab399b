#!/bin/sh
# Lint: clang-format 14, LAYERS, banned calls, foreign headers, sizes; ends with the ten longest functions.
set -u
cd "$(dirname "$0")/.."
bad=0
complain() {
    echo "lint: $1"
    bad=1
}
sources=$(git ls-files --cached --others --exclude-standard 'src/*.c' 'src/*.h' 'include/*.h' 'tests/*.c' 'tests/*.h' 'examples/*.c' 'bench/*.c')

# 1. format: Debian 12's clang-format 14 decides; another version is not asked
formatter=$(command -v clang-format-14 || command -v clang-format || true)
if [ -n "$formatter" ] && "$formatter" --version | grep -q 'version 14\.'; then
    for file in $sources; do
        "$formatter" --dry-run -Werror "$file" >/dev/null 2>&1 || complain "$file: not formatted (make format)"
    done
else
    echo "lint: clang-format 14 is not here, format not checked"
fi

# 2. LAYERS: a room includes itself, rooms it names, and public headers of those
rooms=$(sed -n 's/^\([a-z]*\):.*/\1/p' LAYERS)
for room in $rooms; do
    allowed=" $room $(sed -n "s/^$room://p" LAYERS) "
    for file in $(echo "$sources" | grep "^src/$room/"); do
        for name in $(sed -n 's/^#include "\(.*\)"/\1/p' "$file"); do
            target=${name%%/*}
            if [ "$room" = cli ]; then
                case $name in cli/*) ;; *) complain "$file: cli includes $name, but only public headers are allowed" ;; esac
            else
                case $allowed in *" $target "*) ;; *) complain "$file: $room must not include $name (LAYERS)" ;; esac
            fi
        done
        [ "$room" = cli ] && continue
        for name in $(sed -n 's/^#include <tw\/\(.*\)\.h>/\1/p' "$file"); do
            case $name in error | text | watch) target=base ;; *) target=$name ;; esac
            case $allowed in *" $target "*) ;; *) complain "$file: $room must not include <tw/$name.h> (LAYERS)" ;; esac
        done
        grep -q '<tw/tw.h>' "$file" && complain "$file: the umbrella header is not for src/"
    done
done
for file in $(echo "$sources" | grep '^src/'); do
    case $file in src/*/*.[ch] | src/backend/*/*.c | src/backend/*/*.h) ;; *) complain "$file: belongs to no room" ;; esac
    room=${file#src/}
    room=${room%%/*}
    case " $rooms " in *"
$room
"* | *" $room "* | *"
$room "* | *" $room
"*) ;; *) complain "$file: room $room is not in LAYERS" ;; esac
done

# 3. banned calls; comments and strings are dropped first
ban() { # pattern, files pattern that is exempt, sentence
    for file in $(echo "$sources" | grep '^src/' | grep -Ev "$2"); do
        hits=$(sed 's|//.*||; s/"[^"]*"/""/g; s|/\*.*\*/||; /^ \*/d; /^\/\*/d' "$file" | grep -nE "$1" | head -3)
        [ -n "$hits" ] && complain "$file: $3: $hits"
    done
}
ban '(^|[^a-z_])(atoi|atol|atof|sprintf|vsprintf|strcpy|strcat|strtok|rand|srand|gets|alloca)\(' '^$' 'banned call'
ban '(^|[^a-z_.>])(printf|fprintf|puts|putchar|fputs|vprintf|perror)\(' '^src/cli/' 'only cli prints'
ban '(^|[^a-z_.>])(exit|_exit|abort)\(' '^src/cli/main\.c' 'only main exits'
ban '(^|[^a-z_.>])(malloc|calloc|realloc|free|open|fopen|mmap|strdup)\(' '^src/(base|cli)/' 'only base allocates and opens'
ban '^#if' '^src/(base/sys|(backend|image)/select|backend/cpu/dnnl_shim)|\.h$' 'conditional outside its switch'

# 4. foreign headers, each in one room
foreign() { # header, room
    hits=$(grep -lE "^#include <$1" $(echo "$sources" | grep '^src/') | grep -v "^src/$2" || true)
    [ -n "$hits" ] && complain "$1 belongs to $2, but is in: $hits"
}
foreign jansson.h base
foreign openssl/ base
foreign xxhash.h base
foreign omp.h '\(base\|backend/cpu\)'
foreign dnnl backend/cpu
foreign spng.h image
foreign jpeglib.h image
foreign webp/ image
foreign zlib.h format
foreign curl/ fetch

# 5. sizes: no file over 800 lines, no function over 80 (kernels 120)
for file in $(echo "$sources" | grep -E '^(src|include)/'); do
    lines=$(wc -l <"$file")
    [ "$lines" -gt 800 ] && complain "$file: $lines lines, 800 is the cap"
done
longest=$(for file in $(echo "$sources" | grep '^src/.*\.c$'); do
    awk -v file="$file" '
        /^[A-Za-z_].*\(/ && !/;$/ { name = $0; sub(/\(.*/, "", name); sub(/.*[ *]/, "", name) }
        /^\{/ { start = NR }
        /^\}/ && start { if (name != "") print NR - start + 1, file ":" name; start = 0; name = "" }' "$file"
done | sort -rn)
echo "$longest" | awk '$1 > 120 || ($1 > 80 && $2 !~ /backend/) { print; found = 1 } END { exit found }' ||
    complain "functions over the cap (80 lines, kernels 120)"
echo "lint: ten longest functions"
echo "$longest" | head -10
[ $bad -eq 0 ] && echo "lint: clean"
exit $bad
