"""Writes tests/golden/h5/: tiny weight files as Keras's versions lay them out, and ones to refuse.

Every good file holds conv/kernel (1,1,2,3) = 0..5, conv/bias (3) = 10..12
and fc/kernel (3,2) = 20..25; `pool` has no weights.
"""
import h5py
import numpy as np

from common import golden

kernel = np.arange(6, dtype="<f4").reshape(1, 1, 2, 3)
bias = np.arange(10, 13, dtype="<f4")
fc = np.arange(20, 26, dtype="<f4").reshape(3, 2)


def create_untimed(name):
    """The newest layout, which would have the time of writing in it."""
    creation, access = h5py.h5p.create(h5py.h5p.FILE_CREATE), h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    creation.set_obj_track_times(False)
    access.set_libver_bounds(h5py.h5f.LIBVER_LATEST, h5py.h5f.LIBVER_LATEST)
    return h5py.h5f.create(golden("h5", name).encode(), h5py.h5f.ACC_TRUNC, creation, access)


def create_untimed_group(f, name):
    creation = h5py.h5p.create(h5py.h5p.GROUP_CREATE)
    creation.set_obj_track_times(False)
    return h5py.Group(h5py.h5g.create(f.id, name.encode(), gcpl=creation))


def create(name, **options):
    if options.get("libver") == "latest":
        return h5py.File(create_untimed(name))
    return h5py.File(golden("h5", name), "w", **options)


def fill(root, form, fixed, parts=1):
    layers = [("conv", [("kernel", kernel), ("bias", bias)]), ("pool", []), ("fc", [("kernel", fc)])]
    names = [n.encode() for n, _ in layers]
    if parts == 1:
        root.attrs["layer_names"] = np.array(names, "S5") if fixed else [n.decode() for n in names]
    else:
        root.attrs["layer_names0"] = np.array(names[:2], "S5")
        root.attrs["layer_names1"] = np.array(names[2:], "S5")
    for layer, weights in layers:
        group = root.create_group(layer)
        paths = [form.format(layer=layer, weight=w, short=w[0].upper() if w == "kernel" else "b") for w, _ in weights]
        if not paths:
            group.attrs["weight_names"] = np.array([])
        else:
            group.attrs["weight_names"] = np.array([p.encode() for p in paths]) if fixed else paths
        for path, (_, value) in zip(paths, weights):
            group.create_dataset(path, data=value)


with create("keras1.h5") as f:
    fill(f, "{layer}_{short}_1:0", True)
with create("keras2.h5") as f:
    fill(f, "{layer}/{weight}:0", False)
with create("keras3.h5") as f:
    fill(f, "{layer}/{weight}", False)
    f.create_group("top_level_model_weights").attrs["weight_names"] = np.array([])
with create("full.h5") as f:
    f.attrs["model_config"] = "{}"
    fill(f.create_group("model_weights"), "{layer}/{weight}:0", False)
    f.create_group("optimizer_weights")
with create("parts.h5") as f:
    fill(f, "{layer}_{short}_1:0", True, parts=2)


def refuse(name, make, **options):
    with create(name, **options) as f:
        f.attrs["layer_names"] = np.array([b"conv"])
        group = create_untimed_group(f, "conv") if options.get("libver") == "latest" else f.create_group("conv")
        group.attrs["weight_names"] = np.array([b"w"])
        make(group)


big = np.zeros((4, 4), "<f4")
refuse("chunked.h5", lambda g: g.create_dataset("w", data=big, chunks=(2, 2)))
refuse("compressed.h5", lambda g: g.create_dataset("w", data=big, compression="gzip"))
refuse("bigendian.h5", lambda g: g.create_dataset("w", data=big.astype(">f4")))
refuse("integers.h5", lambda g: g.create_dataset("w", data=big.astype("<i4")))
refuse("softlink.h5", lambda g: g.__setitem__("w", h5py.SoftLink("/elsewhere")))
refuse("external.h5", lambda g: g.create_dataset("w", (4, 4), "<f4", external=[("elsewhere.bin", 0, 64)]))
refuse("lacking.h5", lambda g: None)
refuse("latest.h5", lambda g: g.create_dataset("w", data=big), libver="latest")
with create("nothing.h5") as f:
    f.create_group("conv")
with open(golden("h5", "VERSIONS"), "w") as f:
    f.write(f"h5py {h5py.__version__} hdf5 {h5py.version.hdf5_version}\n")
