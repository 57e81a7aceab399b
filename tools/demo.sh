#!/bin/sh
# What ./demo.sh shows once topwork is built: demo.sh BUILD_FOLDER. Commands are printed as one would
# type them. MNIST is used, too, where `topwork fetch mnist` has brought it.
set -eu
build=$1
topwork=$build/topwork
out=demo-run
began=$(date +%s)

say() {
    printf '\n== %s\n' "$1"
}
run() { # says the command, runs it
    printf '$ topwork'
    printf ' %s' "$@"
    printf '\n'
    "$topwork" "$@"
}

mkdir -p "$out"
say "Train a new top on vgg16-mini, a small pretrained network that has never seen a digit"
run train digits --model vgg16-mini -o "$out/digits" --overwrite
say "How good is it, on pictures that it has not seen?"
run evaluate "$out/digits" digits
say "What does it say of a few of them?"
run predict "$out/digits" digits:0-3 --show
say "The other recipe: the network's last block learns, too, after the new top has"
run train digits --model vgg16-mini --recipe finetune --lr 0.001 -o "$out/finetuned" --overwrite
run evaluate "$out/finetuned" digits
reports="$out/digits/report.html $out/finetuned/report.html"

if "$topwork" show mnist:0 >/dev/null 2>&1; then
    say "MNIST has been fetched: does a top that learned from drawn digits read real handwriting?"
    run evaluate "$out/digits" mnist --limit 2000 -o "$out/digits-on-mnist.csv"
    say "A top of MNIST's own"
    run train mnist --model vgg16-mini --limit 3000 -o "$out/mnist" --overwrite
    run evaluate "$out/mnist" mnist --limit 2000
    run predict "$out/mnist" mnist:0-3 --show
    reports="$reports $out/mnist/report.html"
fi

say "Done in $(($(date +%s) - began)) seconds. Everything is in ./$out/; for your browser:"
for report in $reports; do
    echo "  $PWD/$report"
done
cat <<END

What to type next, for real handwriting (11 MB) and the real VGG16 (59 MB):
  $topwork fetch mnist vgg16-notop
  $topwork train mnist --model vgg16 --limit 2000 -o vgg16-run
and for pictures of your own, one folder a class:
  $topwork train photos/ --model vgg16-mini -o photos-run
END
