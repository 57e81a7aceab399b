"""EfficientNet-Lite0 and torchvision's ResNet-18 and ResNet-50 in torch's functions, from a state dict.

Each forward takes x (N,3,H,W) and returns a dict: topwork's name of a layer, its output. Names of parameters are those of
EfficientNet-PyTorch (L. Melas-Kyriazi) and of torchvision. Batch normalizations are computed as such, not folded.
"""
import torch
import torch.nn.functional as F

# blocks, channels, expansion, window, stride of the first
LITE_STAGES = ((1, 16, 1, 3, 1), (2, 24, 6, 3, 2), (2, 40, 6, 5, 2), (3, 80, 6, 3, 2), (3, 112, 6, 5, 1), (4, 192, 6, 5, 2),
               (1, 320, 6, 3, 1))
RESNETS = {"resnet18": ((2, 2, 2, 2), 1), "resnet50": ((3, 4, 6, 3), 4)}


def norm(x, w, name, eps):
    return F.batch_norm(x, w[name + ".running_mean"], w[name + ".running_var"], w[name + ".weight"], w[name + ".bias"], False,
                        0, eps)


def same_conv(x, kernel, stride=1, groups=1):
    """TensorFlow's SAME: of an odd number of pixels the larger half comes behind."""
    pads = []
    for size, window in ((x.shape[3], kernel.shape[3]), (x.shape[2], kernel.shape[2])):
        total = max((-(-size // stride) - 1) * stride + window - size, 0)
        pads += [total // 2, total - total // 2]
    return F.conv2d(F.pad(x, pads), kernel, stride=stride, groups=groups)


def efficientnet_lite0(x, w):
    out = {"input_1": x}

    def conv(x, layer, name, bn, stride=1, groups=1, relu6=True):
        x = norm(same_conv(x, w[name + ".weight"], stride, groups), w, bn, 1e-3)
        out[layer] = F.relu6(x) if relu6 else x
        return out[layer]

    x = conv(x, "stem_conv", "_conv_stem", "_bn0", 2)
    i = 0
    for stage, (n, channels, expansion, _, first_stride) in enumerate(LITE_STAGES):
        for block in range(n):
            ours, theirs = f"block{stage + 1}{'abcdef'[block]}", f"_blocks.{i}."
            stride, begin = first_stride if block == 0 else 1, x
            if expansion > 1:
                x = conv(x, ours + "_expand_conv", theirs + "_expand_conv", theirs + "_bn0")
            x = conv(x, ours + "_dwconv", theirs + "_depthwise_conv", theirs + "_bn1", stride, x.shape[1])
            x = conv(x, ours + "_project_conv", theirs + "_project_conv", theirs + "_bn2", relu6=False)
            if stride == 1 and begin.shape[1] == channels:
                x = out[ours + "_add"] = x + begin
            i += 1
    x = conv(x, "top_conv", "_conv_head", "_bn1")
    x = out["avg_pool"] = x.mean((2, 3))
    out["logits"] = F.linear(x, w["_fc.weight"], w["_fc.bias"])
    out["predictions"] = F.softmax(out["logits"], 1)
    return out


def resnet(x, w, blocks, expansion):
    out = {"input_1": x}

    def conv(x, layer, name, bn, stride=1, relu=True):
        kernel = w[name + ".weight"]
        x = norm(F.conv2d(x, kernel, stride=stride, padding=kernel.shape[2] // 2), w, bn, 1e-5)
        out[layer] = F.relu(x) if relu else x
        return out[layer]

    x = conv(x, "conv1", "conv1", "bn1", 2)
    x = out["maxpool"] = F.max_pool2d(x, 3, 2, 1)
    for stage, n in enumerate(blocks):
        for block in range(n):
            name, stride, begin = f"layer{stage + 1}.{block}.", 2 if stage and not block else 1, x
            last = 3 if expansion > 1 else 2
            for k in range(1, last + 1):
                strided = k == (2 if expansion > 1 else 1)
                x = conv(x, f"{name}conv{k}", f"{name}conv{k}", f"{name}bn{k}", stride if strided else 1, k < last)
            if name + "downsample.0.weight" in w:
                begin = conv(begin, name + "downsample", name + "downsample.0", name + "downsample.1", stride, False)
            out[name + "add"] = x + begin
            x = out[name + "relu"] = F.relu(out[name + "add"])
    x = out["avgpool"] = x.mean((2, 3))
    out["logits"] = F.linear(x, w["fc.weight"], w["fc.bias"])
    out["fc"] = F.softmax(out["logits"], 1)
    return out


def forward(network, x, w):
    with torch.no_grad():
        return efficientnet_lite0(x, w) if network == "efficientnet-lite0" else resnet(x, w, *RESNETS[network])


def rows(out):
    """(N,C,H,W) as topwork has it, (N,H,W,C) flattened."""
    return (out.permute(0, 2, 3, 1) if out.dim() == 4 else out).reshape(out.shape[0], -1).double().numpy()


# ---- the shapes of all parameters, in the order of their files

def with_norm(shapes, conv, shape, bn):
    shapes[conv + ".weight"] = shape
    for part in ("weight", "bias", "running_mean", "running_var"):
        shapes[f"{bn}.{part}"] = (shape[0],)


def shapes_of(network):
    shapes = {}
    if network == "efficientnet-lite0":
        with_norm(shapes, "_conv_stem", (32, 3, 3, 3), "_bn0")
        i, c = 0, 32
        for n, channels, expansion, window, _ in LITE_STAGES:
            for _ in range(n):
                name, wide = f"_blocks.{i}.", c * expansion
                if expansion > 1:
                    with_norm(shapes, name + "_expand_conv", (wide, c, 1, 1), name + "_bn0")
                with_norm(shapes, name + "_depthwise_conv", (wide, 1, window, window), name + "_bn1")
                with_norm(shapes, name + "_project_conv", (channels, wide, 1, 1), name + "_bn2")
                i, c = i + 1, channels
        with_norm(shapes, "_conv_head", (1280, 320, 1, 1), "_bn1")
        shapes["_fc.weight"], shapes["_fc.bias"] = (1000, 1280), (1000,)
        return shapes
    blocks, expansion = RESNETS[network]
    with_norm(shapes, "conv1", (64, 3, 7, 7), "bn1")
    c = 64
    for stage, n in enumerate(blocks):
        for block in range(n):
            name, width = f"layer{stage + 1}.{block}.", 64 << stage
            plan = ((width, c, 1), (width, width, 3), (4 * width, width, 1)) if expansion > 1 else ((width, c, 3),
                                                                                                 (width, width, 3))
            for k, (k_n, c_n, window) in enumerate(plan, 1):
                with_norm(shapes, f"{name}conv{k}", (k_n, c_n, window, window), f"{name}bn{k}")
            if c != width * expansion or (stage and not block):
                with_norm(shapes, name + "downsample.0", (width * expansion, c, 1, 1), name + "downsample.1")
            c = width * expansion
    shapes["fc.weight"], shapes["fc.bias"] = (1000, c), (1000,)
    return shapes
