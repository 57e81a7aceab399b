"""Gradients of every parameter and ten steps of both recipes against Keras, from the same start, without dropout.

What topwork computed is read from the checkpoint of a run of one step whose rate is 2^-50: its parameters are the
start to the last bit but for the biases' zeros, and the velocity of SGD with momentum is -2^-50 times the gradient,
exactly. The ten steps are ten epochs of one batch, whose losses the history has. Both sides get the features of
`topwork extract`.
"""
import json
import os

import keras
import numpy as np
import tensorflow as tf
from keras import layers

import dense_steps
from common import print_rows, read_checkpoint

EXAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "examples")
BATCH = 16
STEPS = 10
TINY = 2.0 ** -50
LINE = 16  # numbers that a parameter's place in the block is a multiple of

# name: configuration, options, layer of the features, layers behind it (name, kind, units, activation)
CONVS = [("block5_conv1", 512), ("block5_conv2", 512), ("block5_conv3", 512)]
TRUNK = [(name, "conv", k, "relu") for name, k in CONVS] + [("block5_pool", "pool", 0, None)]
RECIPES = {
    "features": ("mnist-features.json", {"top": "1000 relu uniform, 500 sigmoid, 150 sigmoid"}, "block5_pool",
                 [("flatten", "flatten", 0, None), ("dense", "dense", 1000, "relu"), ("dense_1", "dense", 500, "sigmoid"),
                  ("dense_2", "dense", 150, "sigmoid"), ("predictions", "dense", 10, "softmax")]),
    "finetune, cut block5_pool": ("mnist-finetune.json", {"cut": "block5_pool", "top": "256 relu"}, "block4_pool",
                                  TRUNK + [("flatten", "flatten", 0, None), ("dense", "dense", 256, "relu"),
                                           ("predictions", "dense", 10, "softmax")]),
    "finetune, as the tutorial has it": ("mnist-finetune.json", {"init-missing": "glorot_uniform"}, "block4_pool",
                                         TRUNK + [("flatten", "flatten", 0, None), ("fc1", "dense", 4096, "relu"),
                                                  ("fc2", "dense", 4096, "relu"),
                                                  ("predictions", "dense", 10, "softmax")]),
}


def config_of(recipe):
    name, own, _, _ = RECIPES[recipe]
    with open(os.path.join(EXAMPLES, name)) as f:
        return {**json.load(f), **own}


def run_topwork(place, recipe, name, options):
    run, path = place.file(name), place.file(name + ".json")
    with open(path, "w") as f:
        json.dump({**config_of(recipe), **options, "limit": BATCH, "batch-size": BATCH, "val-split": 0}, f)
    place.run("train", place.mnist, "--config", path, "--weights", place.weights, "--cache-dir", place.file("cache"),
              "-q", "-o", run, "--overwrite", "--memory-limit", "3G")
    return run


def build(recipe, shape):
    model = keras.Sequential([keras.Input(shape)])
    for name, kind, units, activation in RECIPES[recipe][3]:
        if kind == "conv":
            model.add(layers.Conv2D(units, 3, padding="same", activation=activation, name=name))
        elif kind == "pool":
            model.add(layers.MaxPooling2D(2, name=name))
        elif kind == "flatten":
            model.add(layers.Flatten(name=name))
        else:
            model.add(layers.Dense(units, activation, name=name))
    return model


def split_block(block, model, line):
    """The block's numbers as the model's variables, each of which begins at a multiple of `line`."""
    out, at = [], 0
    for variable in model.trainable_variables:
        n = int(np.prod(variable.shape))
        out.append(block[at:at + n].reshape(variable.shape))
        at += -(-n // line) * line
    assert at == len(block), (at, len(block))
    return out


def gradients(model, x, y):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(keras.losses.categorical_crossentropy(y, model(x, training=True)))
    return float(loss), [g.numpy() for g in tape.gradient(loss, model.trainable_variables)]


def relative(ours, theirs):
    return float(np.abs(ours.astype(np.float64) - theirs).max() / max(np.abs(theirs).max(), 1e-300))


def gradient_rows(ours, theirs, model, model64, x, y):
    names = [v.path.split("/", 1)[1] for v in model.trainable_variables]
    _, truth = gradients(model64, x.astype(np.float64), y)
    for i, name in enumerate(names):
        cells = [name, "x".join(map(str, theirs[i].shape)), f"{np.abs(theirs[i]).max():.3g}",
                 f"{relative(ours[i], theirs[i]):.1e}", f"{relative(ours[i], truth[i]):.1e}",
                 f"{relative(theirs[i], truth[i]):.1e}"]
        yield cells


def in_float64(recipe, shape, start):
    keras.config.set_dtype_policy("float64")
    try:
        model = build(recipe, shape)
    finally:
        keras.config.set_dtype_policy("float32")
    model.set_weights(start)
    assert all(v.dtype == "float64" for v in model.variables)
    return model


def optimizer_of(recipe):
    config = config_of(recipe)
    if config["optimizer"] == "adam":
        return keras.optimizers.Adam(config["lr"])
    rate = keras.optimizers.schedules.InverseTimeDecay(config["lr"], 1, config["decay"])
    return keras.optimizers.SGD(rate, momentum=config["momentum"], nesterov=config["nesterov"])


def dense_losses(recipe, start, x, labels):
    """Of a network of Dense layers alone: the same steps in NumPy, with less and with more digits."""
    kinds = RECIPES[recipe][3]
    if any(kind not in ("flatten", "dense") for _, kind, _, _ in kinds):
        return {}
    activations = [activation for _, kind, _, activation in kinds if kind == "dense"]
    lr = config_of(recipe)["lr"]
    return {f"NumPy, {dtype.__name__}": dense_steps.losses(start, x.reshape(len(x), -1), labels, activations, lr, STEPS,
                                                           dtype) for dtype in (np.float32, np.float64)}


def losses_of(run):
    with open(os.path.join(run, "history.csv")) as f:
        column = f.readline().strip().split(",").index("loss")
        return [float(line.split(",")[column]) for line in f]


def compare_recipe(place, recipe):
    layer = RECIPES[recipe][2]
    x = place.extract(place.mnist, layer, "--weights", place.weights, "--preprocess", "none", "--limit", str(BATCH),
                      "--cache-dir", place.file("cache"))
    labels = np.load(place.file("rows.labels.npy"))
    y = keras.utils.to_categorical(labels, 10)
    run = run_topwork(place, recipe, "gradients", {"optimizer": "sgd", "momentum": 0.9, "decay": 0, "epochs": 1,
                                                   "nesterov": False, "lr": TINY})
    _, parts = read_checkpoint(os.path.join(run, "last.ckpt"))
    model = build(recipe, x.shape[1:])
    start = split_block(parts["parameters"], model, LINE)
    ours = [-g / np.float32(TINY) for g in split_block(parts["optimizer"], model, 1)]
    our_loss = losses_of(run)[0]
    model.set_weights(start)
    loss, theirs = gradients(model, x, y)
    model64 = in_float64(recipe, x.shape[1:], start)
    heads = ("parameter", "shape", "largest", "topwork - Keras", "topwork - float64", "Keras - float64")
    print_rows(f"Recipe {recipe}: gradients of a batch of {BATCH} digits, largest error relative to the largest of each",
               heads, gradient_rows(ours, theirs, model, model64, x, y))
    print(f"\nloss of that batch: topwork {our_loss:.9g}, Keras {loss:.9g}")
    del model64, ours, theirs, parts
    run = run_topwork(place, recipe, "steps", {"epochs": STEPS})
    model.compile(optimizer_of(recipe), "categorical_crossentropy")
    ours, theirs = losses_of(run), [float(model.train_on_batch(x, y)) for _ in range(STEPS)]
    others = dense_losses(recipe, start, x, labels)
    print_rows(f"Recipe {recipe}: ten steps", ("step", "topwork's loss", "Keras's loss", *others),
               ([str(i + 1), *(f"{losses[i]:.9g}" for losses in (ours, theirs, *others.values()))] for i in range(STEPS)))
    keras.backend.clear_session()


def compare(place):
    for recipe in RECIPES:
        compare_recipe(place, recipe)
