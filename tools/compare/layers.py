"""Every layer of VGG16 and VGG19 against Keras, PyTorch and float64, by every precision and algorithm there is."""
import glob
import os
import shutil

import h5py
import keras
import numpy as np
import torch
import torch.nn.functional as F
from keras.applications import vgg16, vgg19

from common import errors, print_rows
from pictures import pillow

N_PHOTOS = 2
SEED = 11


def convolutions(model):
    """Names of the layers behind the input, in order."""
    return [layer.name for layer in model.layers[1:]]


def torch_outputs(weights, names, x, dtype):
    """Output of each layer by PyTorch's own convolutions; the last Dense has a softmax."""
    out = {}
    at = torch.tensor(x.transpose(0, 3, 1, 2).astype(np.float64)).to(dtype)
    with torch.no_grad():
        for name in names:
            if name.endswith("pool"):
                at = F.max_pool2d(at, 2)
            elif name == "flatten":
                at = at.permute(0, 2, 3, 1).reshape(len(x), -1)
            else:
                kernel, bias = (torch.tensor(w).to(dtype) for w in weights[name])
                if kernel.ndim == 4:
                    at = torch.relu(F.conv2d(at, kernel.permute(3, 2, 0, 1).contiguous(), bias, padding=1))
                else:
                    at = at @ kernel + bias
                    at = torch.softmax(at, 1) if name == "predictions" else torch.relu(at)
            out[name] = (at.permute(0, 2, 3, 1) if at.ndim == 4 else at).double().numpy()
    return out


def keras_outputs(model, x):
    """Layer by layer."""
    out, at = {}, x
    for layer in model.layers[1:]:
        at = layer(at)
        out[layer.name] = np.asarray(at, np.float64)
    return out


def our_outputs(place, data, arch, weights, names, *options):
    out = {}
    for name in names:
        rows = place.extract(data, name, "--weights", weights, "--cache", "off", "--memory-limit", "1200M", *options,
                             model=arch)
        out[name] = rows.astype(np.float64)
    return out


def pictures_folder(place):
    """A few photographs as a data set, and what the network gets of them."""
    folder = place.file("photos")
    if not os.path.exists(folder):
        for i, kind in enumerate(("ants", "bees")):
            os.makedirs(os.path.join(folder, kind))
            for path in sorted(glob.glob(os.path.join(place.photos, "train", kind, "*.jpg")))[:N_PHOTOS // 2]:
                shutil.copy(path, os.path.join(folder, kind))
    paths = sorted(glob.glob(os.path.join(folder, "*", "*.jpg")))
    return folder, np.stack([place.apply(pillow(p), 224, 224, "cubic", "caffe") for p in paths])


def write_legacy(model, path):
    """As Keras's old save_weights wrote it; today only load_weights knows that layout by itself."""
    from keras.src.legacy.saving import legacy_h5_format

    with h5py.File(path, "w") as f:
        legacy_h5_format.save_weights_to_hdf5_group(f, model)


def error_rows(names, reference, ours):
    """A row a layer: shape, largest value, and for each of ours largest error relative to the largest value."""
    for name in names:
        truth = reference[name]
        cells = [name, f"{np.abs(truth).max():.4g}"]
        for outputs in ours:
            if name not in outputs:
                cells.append("")
                continue
            cells.append(f"{errors(outputs[name].reshape(truth.shape), truth)[1]:.1e}")
        yield cells


def compare_trunk(place):
    folder, x = pictures_folder(place)
    model = vgg16.VGG16(weights=None, include_top=False, input_shape=(224, 224, 3))
    model.load_weights(place.weights)
    names = convolutions(model)
    weights = {layer.name: layer.get_weights() for layer in model.layers if layer.get_weights()}
    truth = torch_outputs(weights, names, x, torch.float64)
    theirs = [keras_outputs(model, x), torch_outputs(weights, names, x, torch.float32)]
    options = ([], ["--isa", "avx2"], ["--precision", "bf16"])
    ours = [our_outputs(place, folder, "vgg16", place.weights, names, *o) for o in options]
    pools = [name for name in names if name.endswith("pool")]  # plain C takes its time
    ours.append(our_outputs(place, folder, "vgg16", place.weights, pools, "--backend", "ref"))
    print_rows(f"VGG16, real weights, {len(x)} photographs: largest error relative to the layer's largest value, "
               "against float64", ("layer", "largest value", "topwork fp32, Winograd", "the same, `--isa avx2`", "bf16", "ref (plain C)",
                                    "Keras fp32", "PyTorch fp32"), error_rows(names, truth, ours + theirs))


def compare_with_top(place, arch, make):
    keras.utils.set_random_seed(SEED)
    model = make(weights=None)
    path = place.file(arch + "_random.h5")
    write_legacy(model, path)
    folder, x = pictures_folder(place)
    names = convolutions(model)
    weights = {layer.name: layer.get_weights() for layer in model.layers if layer.get_weights()}
    theirs = keras_outputs(model, x)
    del model
    truth = torch_outputs(weights, names, x, torch.float64)
    ours = our_outputs(place, folder, arch, path, names)
    os.remove(path)
    print_rows(f"{arch.upper()} with top, Keras's random weights in its legacy .h5, {len(x)} photographs",
               ("layer", "largest value", "topwork against float64", "Keras against float64"),
               error_rows(names, truth, [ours, theirs]))
    print_rows(f"{arch.upper()}: topwork against Keras", ("layer", "largest value", "topwork"),
               error_rows(names, theirs, [ours]))


def compare_cut():
    """Removing the last layer the old way, and the way that works."""
    model = vgg16.VGG16(weights=None)
    before = len(model.layers)
    model.layers.pop()
    after = len(model.layers)
    cut = keras.Model(model.input, model.get_layer("fc2").output)
    print_rows("The cut", ("Keras", "result"), [
        ["`m = VGG16(weights=None); m.layers.pop()`", f"{before} layers before, {after} after; output {model.output.shape}"],
        ["`Model(m.input, m.get_layer('fc2').output)`", f"{len(cut.layers)} layers, output {cut.output.shape}"]])


def compare(place):
    compare_cut()
    compare_trunk(place)
    compare_with_top(place, "vgg16", vgg16.VGG16)
    compare_with_top(place, "vgg19", vgg19.VGG19)
