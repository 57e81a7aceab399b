"""Writes tests/golden/schedules.txt: the rate of every step as Keras's own schedules and callbacks have it.

A line is a name, how many numbers, and the rates over that of --lr. What topwork has of Keras's:

    decay    InverseTimeDecay(1, 1, d): 1 / (1 + d t), which Keras 2's optimizers called decay
    cosine   CosineDecay over all steps
    step     PiecewiseConstantDecay with boundaries at the epochs' ends; a boundary is the last step of the old rate
    plateau  ReduceLROnPlateau after each epoch of losses as in the test

One-cycle and warm-up are PyTorch's (optim.py): Keras's CosineDecay with warmup_target begins at 0, where topwork's
first step already has a share of the rate.
"""
import keras
import numpy as np
from keras.optimizers import schedules

from common import golden

# As in the test. The fourth and the sixth are lower, but by less than 1e-4.
LOSSES = (2.0, 1.5, 1.6, 1.49995, 1.2, 1.19995, 1.19992, 1.3, 1.1, 1.15, 1.1, 1.1, 1.1, 1.1, 1.0)


def step_decay(epochs, epoch_steps, period, factor):
    ends = [e * epoch_steps - 1 for e in range(period, epochs, period)]
    return schedules.PiecewiseConstantDecay(ends, [factor ** i for i in range(len(ends) + 1)])


def plateau(patience, factor):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(1.0), "mse")
    callback = keras.callbacks.ReduceLROnPlateau("val_loss", factor=factor, patience=patience)
    callback.set_model(model)
    callback.on_train_begin()
    out = []
    for epoch, loss in enumerate(LOSSES):
        callback.on_epoch_end(epoch, {"val_loss": loss})
        out.append(float(model.optimizer.learning_rate))
    return out


RATES = (("decay", schedules.InverseTimeDecay(1.0, 1, 0.5), 20),
         ("decay-small", schedules.InverseTimeDecay(1.0, 1, 1e-6), 30),
         ("cosine", schedules.CosineDecay(1.0, 20), 20), ("step", step_decay(7, 3, 3, 0.1), 21),
         ("step-2-0.5", step_decay(7, 3, 2, 0.5), 21))

with open(golden("schedules.txt"), "w") as f:
    def line(name, numbers):
        f.write(" ".join([name, str(len(numbers)), *(f"{v:.9g}" for v in numbers)]) + "\n")

    f.write(f"# keras {keras.__version__}, float32\n")
    for name, rate, n in RATES:
        line(name, [float(np.asarray(rate(i))) for i in range(n)])
    line("plateau", plateau(2, 0.1))
    line("plateau-3-0.5", plateau(3, 0.5))
