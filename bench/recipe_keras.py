"""Both recipes in Keras as the tutorial writes them: predict and then fit, and fit with frozen layers. See recipes.py."""
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np

import recipe_data as data

BLOCKS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))


def trunk(keras, weights):
    layers = keras.layers
    x = start = keras.Input((data.SIDE, data.SIDE, 3), name="input_1")
    for b, (width, count) in enumerate(BLOCKS, 1):
        for i in range(1, count + 1):
            x = layers.Conv2D(width, 3, padding="same", activation="relu", name=f"block{b}_conv{i}")(x)
        x = layers.MaxPooling2D(name=f"block{b}_pool")(x)
    model = keras.Model(start, x)
    with np.load(weights) as numbers:
        for layer in model.layers:
            if layer.weights:
                layer.set_weights([numbers[f"{layer.name}/kernel"], numbers[f"{layer.name}/bias"]])
    return model


def features(keras, job, x, labels, train, val):
    layers, config = keras.layers, job["config"]
    body = trunk(keras, job["weights"])
    rows = body.predict(x, batch_size=32, verbose=0).reshape(len(x), -1)
    top = keras.Sequential([keras.Input(rows.shape[1:]), layers.Dense(1000, "relu", kernel_initializer="uniform"),
                            layers.Dropout(0.3), layers.Dense(500, "sigmoid"), layers.Dropout(0.4),
                            layers.Dense(150, "sigmoid"), layers.Dropout(0.2), layers.Dense(data.CLASSES, "softmax")])
    top.compile(keras.optimizers.Adam(config["lr"]), "categorical_crossentropy", metrics=["accuracy"])
    top.fit(rows[train], labels[train], batch_size=config["batch-size"], epochs=config["epochs"],
            validation_data=(rows[val], labels[val]), verbose=0)
    return lambda pictures: top.predict(body.predict(pictures, verbose=0).reshape(len(pictures), -1), verbose=0)


def finetune(keras, job, x, labels, train, val):
    layers, config = keras.layers, job["config"]
    body = trunk(keras, job["weights"])
    y = layers.Flatten()(body.output)
    for name in ("fc1", "fc2"):
        y = layers.Dense(4096, "relu", name=name)(y)
    model = keras.Model(body.input, layers.Dense(data.CLASSES, "softmax")(y))
    for layer in model.layers[:config["freeze"]]:
        layer.trainable = False
    rate = keras.optimizers.schedules.InverseTimeDecay(config["lr"], 1, config["decay"])
    model.compile(keras.optimizers.SGD(rate, momentum=config["momentum"], nesterov=config["nesterov"]),
                  "categorical_crossentropy", metrics=["accuracy"])
    model.fit(x[train], labels[train], batch_size=config["batch-size"], epochs=config["epochs"],
              validation_data=(x[val], labels[val]), verbose=0)
    return lambda pictures: model.predict(pictures, verbose=0)


def main():
    job, say = data.open_job()
    try:
        import keras
        import tensorflow as tf
    except ImportError as why:
        say.write(f"missing: {why}\n")
        return
    say.write(f"ready {keras.__version__} on TensorFlow {tf.__version__}\n")
    tf.config.threading.set_intra_op_parallelism_threads(job["threads"])
    tf.config.threading.set_inter_op_parallelism_threads(1)
    keras.utils.set_random_seed(job["config"]["seed"])
    pictures, labels = data.digits(job["data"], "train", job["pictures"])
    train, val = data.split(len(labels), job["config"]["val-split"], job["config"]["split-seed"])
    recipe = {"features": features, "finetune": finetune}[job["recipe"]]
    answer = recipe(keras, job, data.enlarge(pictures), keras.utils.to_categorical(labels, data.CLASSES), train, val)
    data.say_trained(say)
    pictures, labels = data.digits(job["data"], "t10k", job["test_pictures"])
    right = [answer(data.enlarge(pictures[i:i + 100])).argmax(1) == labels[i:i + 100] for i in range(0, len(labels), 100)]
    say.write(f"accuracy {np.concatenate(right).mean():.6f}\n")


main()
