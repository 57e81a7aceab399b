"""OpenVINO's part in the comparison of peers.py; int8 is the model that ONNX Runtime's quantizer made."""
import os

from answer import Missing, answer


def make(work, precision, threads, batch, variant):
    import numpy as np
    import openvino as ov

    path = os.environ.get("BENCH_ONNX_INT8" if precision == "int8" else "BENCH_ONNX_FP32", "")
    if work != "trunk" or not os.path.exists(path):
        raise Missing(f"no ONNX model of {work} in {precision}")
    hint = {"fp32": "f32", "bf16": "bf16", "int8": "f32"}[precision]
    model = ov.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": hint, "INFERENCE_NUM_THREADS": str(threads),
                                                  "NUM_STREAMS": "1"})
    request = model.create_infer_request()
    x = np.random.default_rng(3).random((batch, 3, 224, 224), np.float32) * 2 - 1
    return ov.__version__.split("-")[0], lambda: request.infer({0: x})


answer(make)
