#!/usr/bin/env python3
"""Opens what `topwork export` writes in the frameworks that it is written for.

    check_exports.py golden                     one line of probabilities a framework, for
                                                tests/golden/export/tiny.txt (append its output)
    check_exports.py run TOPWORK RUN DATA N DIR compares predictions on the first N test pictures

Only the frameworks that this interpreter can import take part: onnx and onnxruntime, keras, torch,
safetensors; run it once by each interpreter. topwork itself resizes the pictures and says what it
predicts; both are kept in DIR.
"""
import csv
import json
import os
import subprocess
import sys

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
BATCH = 20


def by_batches(predict, x):
    return np.concatenate([predict(np.ascontiguousarray(x[i:i + BATCH])) for i in range(0, len(x), BATCH)])


# ---- one function a framework: file, pictures as bytes (N,H,W,3), inputs (N,H,W,3) -> probabilities

def onnxruntime_predict(path, pictures, inputs):
    import onnx
    import onnxruntime
    onnx.checker.check_model(path, full_check=True)
    assert onnx.load(path).SerializeToString() == open(path, "rb").read()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options)
    name = session.get_inputs()[0].name
    if name == "image":
        return by_batches(lambda x: session.run(["probabilities"], {name: x})[0], pictures)
    return by_batches(lambda x: session.run(["probabilities"], {name: np.ascontiguousarray(x.transpose(0, 3, 1, 2))})[0],
                      inputs)


def keras_predict(path, pictures, inputs):
    import keras
    model = keras.models.load_model(path, compile=False)
    weights = keras.models.clone_model(model)
    weights.load_weights(path)
    for a, b in zip(model.weights, weights.weights):
        assert np.array_equal(a.numpy(), b.numpy())
    return by_batches(lambda x: model.predict_on_batch(x), inputs)


def torch_predict(path, pictures, inputs):
    import torch
    torch.set_num_threads(1)
    metadata, tensors = read_safetensors(path)
    net = TorchNet(json.loads(metadata["graph"]), torch)
    net.load_state_dict({k: torch.from_numpy(v) for k, v in tensors.items()}, strict=True)
    net.eval()
    with torch.no_grad():
        return by_batches(lambda x: torch.softmax(net(torch.from_numpy(x.transpose(0, 3, 1, 2).copy())), 1).numpy(), inputs)


def read_safetensors(path):
    """The format is small enough to be read without its package, which is not in every interpreter."""
    data = open(path, "rb").read()
    n = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + n])
    metadata = header.pop("__metadata__")
    begin = 8 + n
    return metadata, {k: np.frombuffer(data[begin + v["data_offsets"][0]:begin + v["data_offsets"][1]], "<f4")
                      .reshape(v["shape"]).copy() for k, v in header.items()}


def TorchNet(graph, torch):
    """A module from the graph in the file's metadata: features.N and classifier.N as nn.Sequential counts."""
    nn, F = torch.nn, torch.nn.functional
    activations = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid}

    class Padded(nn.Module):  # Keras's same, which torch has for stride 1 alone
        def __init__(self, size, layer, value):
            super().__init__()
            self.pads, self.value = [], value
            for n, window, stride in zip(size, layer["window"], layer["stride"]):
                lacks = max((-(-n // stride) - 1) * stride + window - n, 0) if layer["padding"] == "same" else 0
                self.pads = [lacks // 2, lacks - lacks // 2] + self.pads

        def forward(self, x):
            return F.pad(x, self.pads, value=self.value)

    class Conv(nn.Conv2d):
        def __init__(self, c, size, layer):
            super().__init__(c, layer["units"], layer["window"], layer["stride"])
            self.before = [Padded(size, layer, 0.0)]  # in a list: not a module with a number

        def forward(self, x):
            return super().forward(self.before[0](x))

    class Pool(nn.Module):
        def __init__(self, size, layer):
            super().__init__()
            self.before, self.layer = [Padded(size, layer, -np.inf)], layer

        def forward(self, x):
            return F.max_pool2d(self.before[0](x), self.layer["window"], self.layer["stride"])

    def slide(size, layer):
        return [-(-n // s) if layer["padding"] == "same" else (n - w) // s + 1
                for n, w, s in zip(size, layer["window"], layer["stride"])]

    features, classifier, flat = [], [], nn.Flatten()
    *size, c = graph[0]["shape"]
    at = features
    for i, layer in enumerate(graph[1:], 1):
        op, last = layer["op"], i == len(graph) - 1
        if op == "Conv2D":
            at.append(Conv(c, size, layer))
            size, c = slide(size, layer), layer["units"]
        elif op == "MaxPooling2D":
            at.append(Pool(size, layer))
            size = slide(size, layer)
        elif op == "Flatten":
            at, c = classifier, size[0] * size[1] * c
        elif op == "GlobalAveragePooling2D":
            at, flat = classifier, nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        elif op == "Dense":
            at.append(nn.Linear(c, layer["units"]))
            c = layer["units"]
        elif op == "Dropout":
            at.append(nn.Dropout(layer["rate"]))
        elif op in ("ReLU", "Sigmoid"):
            at.append(activations[op.lower()]())
        if layer.get("activation") in activations:
            at.append(activations[layer["activation"]]())
        if layer["name"] in ("fc1", "fc2") and graph[i + 1]["op"] != "Dropout":
            at.append(nn.Dropout(0.5))  # torchvision's VGG has it
        assert last or "softmax" not in (layer.get("activation"), op.lower())

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.features, self.classifier = nn.Sequential(*features), nn.Sequential(*classifier)

        def forward(self, x):
            return self.classifier(flat(self.features(x)))

    return Net()


def frameworks():
    found = []
    for name, files, predict in (("onnxruntime", ["onnx", "image.onnx"], onnxruntime_predict),
                                 ("keras", ["h5"], keras_predict),
                                 ("torch", ["torch.safetensors"], torch_predict)):
        try:
            module = __import__(name)
        except ImportError:
            continue
        found.append((name, module.__version__, files, predict))
    return found


def golden():
    here = os.path.join(os.path.dirname(__file__), "..", "tests", "golden", "export")
    y, x, c = np.ogrid[:16, :16, :3]
    pictures = np.stack([((y * (37 + 8 * i) + x * 11 + c * 101 + i * 53) % 256).astype(np.uint8) for i in range(4)])
    mean, deviation = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])
    inputs = (pictures.astype(np.float32) / np.float32(255) - mean) / deviation
    files = {"onnxruntime": "tiny.onnx", "keras": "tiny.h5", "torch": "tiny-torch.safetensors"}
    for name, version, _, predict in frameworks():
        p = predict(os.path.join(here, files[name]), pictures, inputs)
        print(f"# {name} {version}, numpy {np.__version__}")
        print(name, " ".join(f"{v:.9g}" for v in p.ravel()))


def run(topwork, run_folder, data, n, folder):
    os.makedirs(folder, exist_ok=True)
    at = lambda name: os.path.join(folder, name)
    model = os.path.join(run_folder, "model.safetensors")

    def call(*words):
        subprocess.run([topwork, *words], check=True, stdout=subprocess.DEVNULL)

    if not os.path.exists(at("predictions.csv")):
        common = ["--split", "test", "--limit", str(n), "-q"]
        for name, more in (("inputs.npy", []), ("pictures.npy", ["--preprocess", "none"])):
            call("extract", data, "--model", model, "--layer", "0", "--cache", "off", "-o", at(name), *common, *more)
        for name, more in (("onnx", []), ("image.onnx", ["--with-preprocessing"]), ("h5", []),
                           ("torch.safetensors", ["--format", "torch-safetensors"]), ("safetensors", [])):
            call("export", run_folder, data, "-q", "-o", at("model." + name), *more)
        call("evaluate", run_folder, data, "-o", at("predictions.csv"), *common)
    rows = list(csv.reader(open(at("predictions.csv"))))
    first = next(i for i, title in enumerate(rows[0]) if title.startswith("p_"))
    wanted = np.array([[float(v) for v in row[first:]] for row in rows[1:]])
    inputs, pictures = np.load(at("inputs.npy"), mmap_mode="r"), np.load(at("pictures.npy"), mmap_mode="r")
    for name, version, files, predict in frameworks():
        for file in files:
            found = predict(at("model." + file), Bytes(pictures), inputs)
            same = int((found.argmax(1) == wanted.argmax(1)).sum())
            print(f"{name} {version}: model.{file}: top-1 the same for {same} of {len(wanted)}, "
                  f"largest difference of a probability {abs(found - wanted).max():.2g}", flush=True)
            assert same == len(wanted)
    check_safetensors(at)


class Bytes:
    """The pictures as bytes, batch by batch."""

    def __init__(self, pictures):
        self.pictures = pictures

    def __len__(self):
        return len(self.pictures)

    def __getitem__(self, part):
        return self.pictures[part].astype(np.uint8)


def check_safetensors(at):
    try:
        import safetensors
        from safetensors.numpy import load_file
    except ImportError:
        return
    own, torch = load_file(at("model.safetensors")), load_file(at("model.torch.safetensors"))
    assert own["block1_conv1/kernel"].transpose(3, 2, 0, 1).tobytes() == torch["features.0.weight"].tobytes()
    print(f"safetensors {safetensors.__version__}: {len(own)} and {len(torch)} tensors")


if __name__ == "__main__":
    if sys.argv[1:] == ["golden"]:
        golden()
    elif len(sys.argv) == 7 and sys.argv[1] == "run":
        run(sys.argv[2], sys.argv[3], sys.argv[4], int(sys.argv[5]), sys.argv[6])
    else:
        sys.exit(__doc__)
