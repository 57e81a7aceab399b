"""Writes tests/golden/h5/: tiny weight files by the installed Keras 3, and by h5py and numpy as earlier versions lay
them out.

Tensor number t of a network holds 10 t, 10 t + 1, ... in
row-major order; `order` below says which tensors there are. Versions go to VERSIONS-keras.
"""
import json
import zipfile

import h5py
import keras
import numpy as np
import tensorflow as tf
from keras import layers
from keras.src.legacy.saving import legacy_h5_format

from common import golden

CONV, FC = (1, 1, 2, 3), (3, 2)
order = [("block1_conv1", [CONV, (3,)]), ("block1_conv2", [(1, 1, 3, 3), (3,)]), ("fc1", [FC, (2,)])]


def numbers(t, shape, dtype="<f4"):
    return (10 * t + np.arange(np.prod(shape))).astype(dtype).reshape(shape)


def path(name):
    return golden("h5", name)


def fill(model):
    t = 0
    for layer in model.layers:
        values = [numbers(t + i, v.shape) for i, v in enumerate(layer.weights)]
        if values and "dropout" not in layer.name:
            layer.set_weights(values)
            t += len(values)
    return model


def trunk(inputs):
    x = layers.Conv2D(3, 1, name="block1_conv1")(inputs)
    x = layers.Conv2D(3, 1, name="block1_conv2")(x)
    return layers.GlobalAveragePooling2D(name="pool")(x)


def flat_model():
    inputs = keras.Input((2, 2, 2), name="input_1")
    x = layers.Dropout(0.5, name="dropout")(trunk(inputs))
    return fill(keras.Model(inputs, layers.Dense(2, name="fc1")(x), name="tiny"))


def nested_model():
    inputs = keras.Input((2, 2, 2), name="input_1")
    inner = keras.Model(inputs, trunk(inputs), name="trunk")
    outer = keras.Input((2, 2, 2), name="input_2")
    return fill(keras.Model(outer, layers.Dense(2, name="fc1")(inner(outer)), name="whole"))


# ---- written by Keras 3: weights, archives (stored and deflated), whole models, with an optimizer that has stepped
flat, nested = flat_model(), nested_model()
flat.save_weights(path("k3.weights.h5"))
nested.save_weights(path("k3_nested.weights.h5"))
nested.save(path("k3_nested.keras"))
nested.save(path("k3_nested.h5"))
with h5py.File(path("k3_legacy.h5"), "w") as f:
    legacy_h5_format.save_weights_to_hdf5_group(f, flat)
flat.compile("adam", "mse", metrics=["mae"])
flat.optimizer.build(flat.trainable_variables)
flat.save(path("k3_compiled.keras"))
keras.config.set_dtype_policy("bfloat16")
flat_model().save_weights(path("k3_bfloat16.weights.h5"))
keras.config.set_dtype_policy("float32")


# ---- as earlier versions wrote them
def unnamed(name, root, step):
    """Keras 3.0 and TensorFlow 2.13: no names; 2.13 counted every layer with weights twice."""
    with h5py.File(path(name), "w") as f:
        t = 0
        for number, (layer, shapes) in enumerate(order):
            stem = "dense" if layer == "fc1" else "conv2d"
            count = step * number if stem == "conv2d" else 0
            group = f.create_group(f"{root}/{stem}{f'_{count}' if count else ''}/vars")
            for i, shape in enumerate(shapes):
                group.create_dataset(str(i), data=numbers(t, shape))
                t += 1
        f.create_group(f"{root}/input_layer/vars")
        f.create_dataset(f"{root}/dropout/seed_generator/vars/0", data=np.zeros(2, "<u4"))
        f.create_dataset("optimizer/vars/0", data=np.int64(7))
        f.create_dataset("metrics/mean/vars/0", data=np.float32(7))
        f.create_group("vars")


unnamed("unnamed.weights.h5", "layers", 1)
unnamed("tf213.weights.h5", "_layer_checkpoint_dependencies", 2)

config = {"class_name": "Functional", "config": {"name": "tiny", "layers": [
    {"class_name": "InputLayer", "config": {"name": "input_1"}},
    {"class_name": "Conv2D", "config": {"name": "block1_conv1"}},
    {"class_name": "Conv2D", "config": {"name": "block1_conv2"}},
    {"class_name": "Dropout", "config": {"name": "dropout"}},
    {"class_name": "Dense", "config": {"name": "fc1"}}]}}


def archive(name, weights):
    with zipfile.ZipFile(path(name), "w", zipfile.ZIP_DEFLATED) as z:
        for member, data in (("metadata.json", b"{}"), ("config.json", json.dumps(config).encode())):
            z.writestr(zipfile.ZipInfo(member), data, zipfile.ZIP_DEFLATED)
        with open(path(weights), "rb") as f:
            z.writestr(zipfile.ZipInfo("model.weights.h5"), f.read(), zipfile.ZIP_DEFLATED)


archive("unnamed.keras", "unnamed.weights.h5")
archive("tf213.keras", "tf213.weights.h5")


def named(root, form, fixed, groups):
    """layer_names and weight_names as Keras 1 and 2 wrote them; groups are (group, layers in it)."""
    t = 0
    names = [group for group, _ in groups]
    root.attrs["layer_names"] = np.array(names, "S") if fixed else names
    for group, members in groups:
        paths, values = [], []
        for layer, shapes in members:
            for weight, shape in zip(("kernel", "bias"), shapes):
                paths.append(form.format(layer=layer, weight=weight, short="W" if weight == "kernel" else "b"))
                values.append(numbers(t, shape))
                t += 1
        g = root.create_group(group)
        g.attrs["weight_names"] = (np.array(paths, "S") if fixed else paths) if paths else np.array([])
        for p, value in zip(paths, values):
            g.create_dataset(p, data=value)


single = [("input_1", [])] + [(layer, [(layer, shapes)]) for layer, shapes in order]
inside = [("input_2", []), ("vgg16", order[:2]), ("fc1", order[2:])]
with h5py.File(path("keras1_vgg.h5"), "w") as f:
    named(f, "{layer}_{short}_1:0", True, single)
with h5py.File(path("keras2_renamed.h5"), "w") as f:  # a second model in one session: block1_conv1_1/kernel:0
    named(f, "{layer}_1/{weight}:0", True, single)
with h5py.File(path("keras2_nested.h5"), "w") as f:
    named(f, "{layer}/{weight}:0", True, inside)
with h5py.File(path("keras2_model.h5"), "w") as f:
    f.attrs["model_config"] = json.dumps(config)
    f.attrs["keras_version"] = "2.11.0"
    named(f.create_group("model_weights"), "{layer}/{weight}:0", False, inside)
    f.create_group("optimizer_weights").create_dataset("Adam/iter:0", data=np.int64(3))

with h5py.File(path("two_names.weights.h5"), "w") as f:
    group = f.create_group("layers/dense/vars")
    group.create_dataset("0", data=numbers(0, (2,)))
    group.attrs["name"] = ["one", "two"]
with h5py.File(path("top_level.h5"), "w") as f:
    named(f, "{layer}/{weight}:0", True, [("fc1", order[2:])])
    group = f.create_group("top_level_model_weights")
    group.attrs["weight_names"] = np.array(["scale"], "S")
    group.create_dataset("scale", data=numbers(2, (1,)))
with h5py.File(path("floats.h5"), "w") as f:
    f.attrs["layer_names"] = np.array(["fc1"], "S")
    group = f.create_group("fc1")
    group.attrs["weight_names"] = np.array(["double", "half"], "S")
    group.create_dataset("double", data=numbers(0, (2,), "<f8"))
    group.create_dataset("half", data=numbers(1, (2,), "<f2"))

arrays = {f"{layer}/{weight}": (t, shape) for t, (layer, weight, shape) in enumerate(
    (layer, weight, shape) for layer, shapes in order for weight, shape in zip(("kernel", "bias"), shapes))}
np.savez(path("weights.npz"), **{k: numbers(*v) for k, v in arrays.items()})
np.savez_compressed(path("weights_deflated.npz"), **{k: numbers(*v) for k, v in arrays.items()})
np.savez(path("names.npz"), conv1_1_W=numbers(0, CONV), conv1_1_b=numbers(1, (3,)), half=numbers(2, (2,), "<f2"),
         whole=numbers(3, (2,), "<i8"), one=np.float32(40))

with open(path("VERSIONS-keras"), "w") as f:
    print("keras", keras.__version__, "tensorflow", tf.__version__, "h5py", h5py.__version__, "hdf5",
          h5py.version.hdf5_version, "numpy", np.__version__, file=f)
