"""The trunk of a trained model file alone, as it goes into the program: kernels and biases, no top.

    python export.py MODEL.safetensors OUT.safetensors

OUT has the layers block1_conv1 to block5_conv3, and of MODEL's metadata only how it was trained: 230,568 numbers.
"""
import argparse
import json
import pathlib
import struct


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    args = parser.parse_args()
    raw = args.model.read_bytes()
    (n_header,) = struct.unpack("<Q", raw[:8])
    header, data, kept = json.loads(raw[8 : 8 + n_header]), raw[8 + n_header :], b""
    made = json.loads(header.pop("__metadata__")["provenance"])
    about = {"made_by": made["made_by"], "training": made["training"], "licence": "Apache-2.0"}
    out = {"__metadata__": {"about": json.dumps(about)}}
    for name, tensor in header.items():
        if name.startswith("block"):
            begin, end = tensor["data_offsets"]
            out[name] = {**tensor, "data_offsets": [len(kept), len(kept) + end - begin]}
            kept += data[begin:end]
    text = json.dumps(out, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    args.out.write_bytes(struct.pack("<Q", len(text)) + text + kept)


if __name__ == "__main__":
    main()
