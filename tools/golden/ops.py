"""Writes tests/golden/ops.txt: what TensorFlow and Keras compute for small layers and optimizer steps.

Inputs come from the 32-bit LCG that
tests/unit/backend/test_golden.c has too: value = (byte - 128) / 64.
"""
import keras
import numpy as np
import tensorflow as tf

from common import golden, lcg_values


def values(n, seed):
    return lcg_values(n, seed).astype(np.float32)


def line(f, name, head, a):
    f.write(" ".join([name, *map(str, head), *(f"{v:.9g}" for v in np.asarray(a).reshape(-1))]) + "\n")


with open(golden("ops.txt"), "w") as f:
    f.write(f"# tensorflow {tf.__version__}, keras {keras.__version__}\n")
    # conv h w c k r s stride same -> values
    for h, w, c, k, r, s, stride, same in (
        (5, 6, 2, 3, 3, 3, 1, 1), (5, 6, 2, 3, 3, 3, 1, 0), (6, 7, 2, 2, 3, 3, 2, 1), (7, 6, 1, 2, 3, 3, 2, 1),
        (5, 4, 3, 2, 2, 2, 1, 1), (6, 5, 2, 2, 5, 3, 1, 1), (4, 4, 3, 4, 1, 1, 1, 1), (1, 1, 2, 3, 3, 3, 1, 1)):
        x = values(h * w * c, 1).reshape(1, h, w, c)
        kernel = values(r * s * c * k, 2).reshape(r, s, c, k)
        y = tf.nn.conv2d(x, kernel, stride, "SAME" if same else "VALID") + values(k, 3)
        line(f, "conv", (h, w, c, k, r, s, stride, same, y.shape[1] * y.shape[2] * k), y)
    for h, w, c, size, stride, same in ((6, 6, 2, 2, 2, 0), (7, 5, 3, 2, 2, 0), (7, 6, 2, 3, 2, 1), (5, 5, 1, 2, 1, 1)):
        y = tf.nn.max_pool2d(values(h * w * c, 4).reshape(1, h, w, c), size, stride, "SAME" if same else "VALID")
        line(f, "pool", (h, w, c, size, stride, same, int(np.prod(y.shape))), y)
    for name, make in (("adam", lambda: keras.optimizers.Adam(0.001)),
                       ("momentum", lambda: keras.optimizers.SGD(keras.optimizers.schedules.InverseTimeDecay(0.1, 1, 0.5), momentum=0.9)),
                       ("nesterov", lambda: keras.optimizers.SGD(keras.optimizers.schedules.InverseTimeDecay(0.1, 1, 0.5), momentum=0.9, nesterov=True)),
                       ("sgd", lambda: keras.optimizers.SGD(0.1))):
        weight, optimizer = keras.Variable(values(6, 5)), make()
        for step in range(5):
            optimizer.apply([tf.constant(values(6, 10 + step))], [weight])
        line(f, name, (6,), weight.numpy())
    logits = values(4 * 7, 6).reshape(4, 7) * 20
    labels = np.array([0, 6, 3, 3])
    line(f, "softmax", (28,), tf.nn.softmax(logits))
    line(f, "loss", (4,), tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
