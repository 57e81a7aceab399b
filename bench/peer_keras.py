"""Keras on TensorFlow, its part in the comparison of peers.py; variants call (a compiled function) and predict."""
import os

from answer import Missing, answer

WIDTHS, COUNTS, CLASSES = (64, 128, 256, 512, 512), (2, 2, 3, 3, 3), 10


def block(layers, x, width, count):
    for _ in range(count):
        x = layers.Conv2D(width, 3, padding="same", activation="relu")(x)
    return layers.MaxPooling2D()(x)


def network(keras, work):
    layers = keras.layers
    shape = {"trunk": (224, 224, 3), "block5": (14, 14, 512), "finetune": (14, 14, 512), "top": (25088,)}[work]
    x = start = keras.Input(shape)
    if work == "trunk":
        for width, count in zip(WIDTHS, COUNTS):
            x = block(layers, x, width, count)
        return keras.Model(start, x), shape
    if work == "top":
        for units, activation, rate in ((1000, "relu", .3), (500, "sigmoid", .4), (150, "sigmoid", .2)):
            x = layers.Dropout(rate)(layers.Dense(units, activation=activation)(x))
    else:
        x = block(layers, x, 512, 3)
    if work == "block5":
        x = layers.GlobalAveragePooling2D()(x)
    if work == "finetune":
        x = layers.Flatten()(x)
        x = layers.Dense(4096, activation="relu")(layers.Dense(4096, activation="relu")(x))
    return keras.Model(start, layers.Dense(CLASSES, activation="softmax", dtype="float32")(x)), shape


def make(work, precision, threads, batch, variant):
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import tensorflow as tf
    import keras

    if precision not in ("fp32", "bf16"):
        raise Missing(f"Keras is asked for fp32 and bf16 here, not {precision}")
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    if precision == "bf16":
        keras.mixed_precision.set_global_policy("mixed_bfloat16")
    net, shape = network(keras, work)
    x = tf.random.uniform((batch, *shape), -1, 1, seed=1)
    labels = tf.one_hot(tf.range(batch) % CLASSES, CLASSES)
    version = f"{keras.__version__} on TensorFlow {tf.__version__}"
    if work == "trunk" and variant == "predict":
        pictures = x.numpy()
        return version, lambda: net.predict(pictures, batch_size=batch, verbose=0)
    if work == "trunk":
        call = tf.function(lambda pictures: net(pictures, training=False))
        return version, lambda: call(x).numpy()
    if work == "block5":
        @tf.function
        def step():
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(keras.losses.categorical_crossentropy(labels, net(x, training=True)))
            return tape.gradient(loss, net.trainable_variables)
        return version, lambda: step()[0].numpy()
    net.compile(keras.optimizers.Adam() if work == "top" else
                keras.optimizers.SGD(1e-4, momentum=.9, nesterov=True), "categorical_crossentropy")
    return version, lambda: net.train_on_batch(x, labels)


answer(make)
