"""Writes VGG16's trunk with random weights as ONNX: trunk_onnx.py FILE BATCH [int8]. int8 is ONNX Runtime's own static
quantization (QDQ, per channel), calibrated on random pictures."""
import os
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

WIDTHS, COUNTS = (64, 128, 256, 512, 512), (2, 2, 3, 3, 3)


def make(batch):
    rng = np.random.default_rng(1)
    nodes, weights, value, channels = [], [], "x", 3
    for b, (width, count) in enumerate(zip(WIDTHS, COUNTS), 1):
        for c in range(1, count + 1):
            name = f"block{b}_conv{c}"
            kernel = rng.standard_normal((width, channels, 3, 3), dtype=np.float32) * np.float32(np.sqrt(2 / (9 * channels)))
            weights += [numpy_helper.from_array(kernel, name + "_w"),
                        numpy_helper.from_array(np.zeros(width, np.float32), name + "_b")]
            nodes += [helper.make_node("Conv", [value, name + "_w", name + "_b"], [name], pads=[1, 1, 1, 1], name=name),
                      helper.make_node("Relu", [name], [name + "_relu"])]
            value, channels = name + "_relu", width
        nodes.append(helper.make_node("MaxPool", [value], [f"pool{b}"], kernel_shape=[2, 2], strides=[2, 2]))
        value = f"pool{b}"
    graph = helper.make_graph(nodes, "trunk", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 3, 224, 224])],
                              [helper.make_tensor_value_info(value, TensorProto.FLOAT, [batch, 512, 7, 7])], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def main():
    path, batch = sys.argv[1], int(sys.argv[2])
    if len(sys.argv) < 4:
        onnx.save(make(batch), path)
        return
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static

    class Pictures(CalibrationDataReader):
        left = 1

        def get_next(self):
            self.left -= 1
            return {"x": np.random.default_rng(2).random((batch, 3, 224, 224), np.float32) * 2 - 1} if self.left >= 0 else None

    onnx.save(make(batch), path + ".fp32")
    quantize_static(path + ".fp32", path, Pictures(), QuantFormat.QDQ, per_channel=True)
    os.remove(path + ".fp32")


main()
