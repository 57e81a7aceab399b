#!/bin/sh
# Makes vgg16-mini anew: train.sh BUILD_FOLDER WORK_FOLDER. Draws the pictures (Python: numpy,
# Pillow, fontTools, torch; the fonts of packages.txt), trains on small pictures from random weights,
# goes on with larger ones, block 1 as it is, and takes the trunk out of the last model. It is
# WORK_FOLDER/trunk.safetensors, which goes to src/model/vgg16_mini.safetensors once measure.py has
# said what it is worth. On one core. PICTURES=640 tries the script out.
set -eu
build=$1
work=$2
tools=$(dirname "$0")
python=${PYTHON:-python3}
pictures=${PICTURES:-128000}
data=$work/glyphs.npz

train() { # RUN, options
    run=$work/$1
    shift
    "$build/topwork" train "$data" -o "$run" --overwrite --threads 1 --memory-limit 3G \
        --top "dropout 0.3" --batch-size 32 --optimizer adamw --weight-decay 0.01 --clip-norm 1 \
        --schedule one-cycle --val-split 0.02 "$@"
}
go_on() { # RUN, options: with the trunk of $run, all of it at the rate of the new top
    train "$@" --recipe finetune --model "$run/model.safetensors" --cut block5_pool \
        --freeze-epochs 0 --backbone-lr-mult 1
}

mkdir -p "$work"
"$python" "$tools/draw.py" "$data" --pictures "$pictures"
train 112 --recipe scratch --model vgg16-mini --image-size 112 --epochs 2 --lr 0.0025
go_on 224 --image-size 224 --unfreeze-from block2_conv1 --epochs 1 --lr 0.001 \
    --limit $((pictures * 5 / 16)) --cache off
go_on 224-again --image-size 224 --unfreeze-from block2_conv1 --epochs 1 --lr 0.0015 \
    --limit $((pictures * 7 / 16)) --cache off --seed 43
"$python" "$tools/export.py" "$run/model.safetensors" "$work/trunk.safetensors"
"$build/topwork" evaluate "$run" "$data"
