"""Writes tests/golden/steps.txt: ten losses of both recipes in miniature, of label smoothing and of soft
targets, and the parameters after them, from Keras.

Every step has a batch of its own. Numbers are those of the generator that the test has, too: parameters a quarter of
(byte - 128) / 64 with seed 1, 2, ..., pictures of step t with seed 100 + t. A line is a name, how many, the numbers.
"""
import keras
import numpy as np
from keras import layers, optimizers

from common import golden, lcg_values

BATCH, STEPS, CLASSES = 6, 10, 4


def dense(units, activation):
    return layers.Dense(units, activation)


def conv(units):
    return layers.Conv2D(units, 3, padding="same", activation="relu")


# As in the test.
JOBS = (
    ("features", (3, 3, 8), [layers.Flatten(), dense(20, "relu"), dense(12, "sigmoid"), dense(8, "sigmoid"),
                             dense(CLASSES, "softmax")], optimizers.Adam(0.01)),
    ("finetune", (8, 8, 4), [conv(6), conv(6), layers.MaxPooling2D(2), layers.Flatten(), dense(10, "relu"),
                             dense(CLASSES, "softmax")],
     optimizers.SGD(optimizers.schedules.InverseTimeDecay(0.01, 1, 0.1), momentum=0.9, nesterov=True)),
)
SOFT = tuple((name, (3, 3, 8), [layers.Flatten(), dense(20, "relu"), dense(CLASSES, "softmax")], optimizers.Adam(0.01))
             for name in ("smooth", "soft"))


def targets(name, step):
    """One class; of "soft" 0.7 of it and 0.3 of the one that comes step classes later."""
    own, other = np.eye(CLASSES)[np.arange(BATCH) % CLASSES], np.eye(CLASSES)[(np.arange(BATCH) + step) % CLASSES]
    return (0.7 * own + 0.3 * other if name == "soft" else own).astype(np.float32)


with open(golden("steps.txt"), "w") as f:
    def line(name, numbers):
        f.write(" ".join([name, str(np.size(numbers)), *(f"{v:.9g}" for v in np.ravel(numbers))]) + "\n")

    f.write(f"# keras {keras.__version__}, float32\n")
    for name, shape, parts, optimizer in (*JOBS, *SOFT):
        model = keras.Sequential([keras.Input(shape), *parts])
        model.set_weights([lcg_values(int(np.prod(w.shape)), i + 1).reshape(w.shape) / 4
                           for i, w in enumerate(model.weights)])
        model.compile(optimizer, keras.losses.CategoricalCrossentropy(label_smoothing=0.1) if name == "smooth"
                      else "categorical_crossentropy")
        losses = []
        for t in range(STEPS):
            x = lcg_values(BATCH * int(np.prod(shape)), 100 + t).reshape(BATCH, *shape).astype(np.float32)
            losses.append(float(model.train_on_batch(x, targets(name, t))))
        line(name, losses)
        for w in model.get_weights():
            line(name, w)
