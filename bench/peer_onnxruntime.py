"""ONNX Runtime's part in the comparison of peers.py; the model file comes by BENCH_ONNX_<PRECISION>."""
import os

from answer import Missing, answer


def make(work, precision, threads, batch, variant):
    import numpy as np
    import onnxruntime as ort

    path = os.environ.get(f"BENCH_ONNX_{precision.upper()}", "")
    if work != "trunk" or not os.path.exists(path):
        raise Missing(f"no ONNX model of {work} in {precision}")
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    x = np.random.default_rng(3).random((batch, 3, 224, 224), np.float32) * 2 - 1
    return ort.__version__, lambda: session.run(None, {"x": x})


answer(make)
