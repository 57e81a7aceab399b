"""Where the reference frameworks disagree with each other, measured on the smallest case; topwork's side beside it."""
import warnings

import keras
import numpy as np
import tensorflow as tf
import torch
import torch.nn.functional as F

from common import print_rows

CLOSE = "as Keras"


def crossentropy_row():
    """Logits 60 apart: fused with the softmax, from probabilities, and PyTorch's from logits."""
    logits, y = np.array([[60.0, 0.0]], np.float32), np.array([[0.0, 1.0]], np.float32)

    def fitted(*last):
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, *last, kernel_initializer="identity")])
        if not last:
            model.add(keras.layers.Softmax())
            model.add(keras.layers.Reshape((2,)))  # the softmax is no longer the last operation
        model.compile("sgd", "categorical_crossentropy")
        return float(model.evaluate(logits, y, verbose=0))

    theirs = float(F.cross_entropy(torch.tensor(logits), torch.tensor([1])))
    return ["cross-entropy of a class with probability e^-60",
            f"Keras {fitted('softmax'):.4g}, the softmax not last {fitted():.4g}, PyTorch {theirs:.4g}",
            "from the logits, no clipping"]


def ties_row():
    """The gradient of a max over four equal numbers."""
    x = tf.Variable(tf.ones((1, 2, 2, 1)))
    with tf.GradientTape() as tape:
        y = tf.nn.max_pool2d(x, 2, 2, "VALID")
    by_tf = tape.gradient(y, x).numpy().ravel()
    t = torch.ones(1, 1, 2, 2, requires_grad=True)
    F.max_pool2d(t, 2).backward()
    with tf.GradientTape() as tape:
        y = tf.reduce_max(x, (1, 2))
    shared = tape.gradient(y, x).numpy().ravel()
    return ["gradient of the maximum of four equal numbers",
            f"max_pool2d: TensorFlow {list(map(float, by_tf))}, PyTorch {t.grad.ravel().tolist()}; "
            f"tf.reduce_max {list(map(float, shared))}", "all to the first"]


def decay_row():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            said = "taken, " + ("with" if keras.optimizers.SGD(0.1, decay=0.5) and caught else "without") + " a warning"
        except (TypeError, ValueError) as error:
            said = type(error).__name__
    optimizer, weight = keras.optimizers.SGD(0.1, decay=0.5), keras.Variable([0.0])
    for _ in range(2):
        optimizer.apply([tf.constant([1.0])], [weight])
    moved = -float(weight.numpy()[0])
    return ["`SGD(lr, decay=d)` of old scripts", f"Keras 3: {said}; two steps of rate 0.1 move {moved:.4g}, "
            f"by Keras 2's rule {0.1 + 0.1 / 1.5:.4g}", "Keras 2's rule, lr / (1 + d t)"]


def adam_row():
    """Small gradients show the epsilon."""
    g = 1e-7
    weight = keras.Variable([0.0])
    keras.optimizers.Adam(1e-3).apply([tf.constant([g])], [weight])
    t = torch.zeros(1, requires_grad=True)
    t.grad = torch.tensor([g])
    torch.optim.Adam([t], lr=1e-3).step()
    return [f"Adam's first step, gradient {g:g}, defaults",
            f"Keras {float(weight.numpy()[0]):.4g} (epsilon 1e-7, beside sqrt(v) before its correction), "
            f"PyTorch {float(t.detach()[0]):.4g} (1e-8, after it)", CLOSE]


def weighted_loss_row():
    logits, labels, weights = np.array([[1.0, 0.0], [0.0, 1.0]], np.float32), np.array([0, 0]), [3.0, 1.0]
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, "softmax", kernel_initializer="identity")])
    model.compile(keras.optimizers.SGD(0.0), "categorical_crossentropy")
    y = keras.utils.to_categorical(labels, 2)
    by_keras = float(model.fit(logits, y, class_weight=dict(enumerate(weights)), verbose=0).history["loss"][0])
    by_torch = float(F.cross_entropy(torch.tensor(logits), torch.tensor(labels), torch.tensor(weights)))
    return ["loss of two samples with class weight 3", f"Keras {by_keras:.4g} (over the samples), PyTorch {by_torch:.4g} "
            "(over the weights)", CLOSE]


def order_row():
    from keras.src.applications import imagenet_utils

    imagenet_utils.CLASS_INDEX = {str(i): [f"n{i}", str(i)] for i in range(1000)}
    scores = np.zeros((1, 1000), np.float32)
    scores[0, [3, 500, 999]] = 0.3
    named = [int(name) for _, name, _ in imagenet_utils.decode_predictions(scores, 3)[0]]
    top = torch.topk(torch.tensor(scores[0]), 3).indices.tolist()
    return ["order of classes 3, 500, 999 of the same score", f"decode_predictions {named}, torch.topk {top}",
            "[3, 500, 999]: the lower index first"]


def batch_norm_row():
    x = np.array([[0.0], [2.0]], np.float32)
    layer = keras.layers.BatchNormalization(momentum=0.0)
    layer(x, training=True)
    module = torch.nn.BatchNorm1d(1, momentum=1.0)
    module(torch.tensor(x))
    return ["moving variance of a batch 0, 2", f"Keras {float(layer.moving_variance.numpy()[0]):.4g}, PyTorch "
            f"{float(module.running_var[0]):.4g}", "no batch normalization in training"]


def warmup_row():
    rate = keras.optimizers.schedules.CosineDecay(0.0, 6, warmup_target=1.0, warmup_steps=4)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 0.25, total_iters=3)
    by_torch = []
    for _ in range(5):
        by_torch.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return ["rates of a warm-up of 4 steps", f"Keras's CosineDecay {[round(float(rate(i)), 3) for i in range(5)]}, "
            f"PyTorch's LinearLR from a quarter {[round(r, 3) for r in by_torch]}", "PyTorch's: (i + 1) / n"]


def compare(_place):
    rows = (crossentropy_row, ties_row, decay_row, adam_row, weighted_loss_row, order_row, batch_norm_row, warmup_row)
    print_rows("Where the references disagree", ("what", "they say", "topwork"), (row() for row in rows))
