/*
 * ONNX, as far as topwork writes it: the numbers of onnx.proto that the writer (export) and the
 * reader share. IR 7 and opset 13, which ONNX Runtime reads since 1.6.
 */
#ifndef TW_FORMAT_ONNX_H
#define TW_FORMAT_ONNX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TW_ONNX_IR_VERSION = 7, TW_ONNX_OPSET = 13 };
#define TW_ONNX_PRODUCER "topwork"

/* ModelProto */
enum {
    TW_ONNX_IR = 1,
    TW_ONNX_PRODUCER_NAME = 2,
    TW_ONNX_PRODUCER_VERSION = 3,
    TW_ONNX_GRAPH = 7,
    TW_ONNX_OPSET_IMPORT = 8,
    TW_ONNX_METADATA = 14
};
/* OperatorSetIdProto, StringStringEntryProto */
enum { TW_ONNX_OPSET_VERSION = 2, TW_ONNX_KEY = 1, TW_ONNX_VALUE = 2 };
/* GraphProto */
enum {
    TW_ONNX_NODE = 1,
    TW_ONNX_GRAPH_NAME = 2,
    TW_ONNX_INITIALIZER = 5,
    TW_ONNX_INPUT = 11,
    TW_ONNX_OUTPUT = 12
};
/* NodeProto */
enum {
    TW_ONNX_NODE_INPUT = 1,
    TW_ONNX_NODE_OUTPUT = 2,
    TW_ONNX_NODE_NAME = 3,
    TW_ONNX_OP_TYPE = 4,
    TW_ONNX_ATTRIBUTE = 5
};
/* AttributeProto, and the numbers of its types */
enum {
    TW_ONNX_ATTRIBUTE_NAME = 1,
    TW_ONNX_ATTRIBUTE_I = 3,
    TW_ONNX_ATTRIBUTE_T = 5,
    TW_ONNX_ATTRIBUTE_INTS = 8,
    TW_ONNX_ATTRIBUTE_TYPE = 20,
    TW_ONNX_INT = 2,
    TW_ONNX_TENSOR = 4,
    TW_ONNX_INTS = 7
};
/* TensorProto, and the numbers of its types */
enum {
    TW_ONNX_DIMS = 1,
    TW_ONNX_DATA_TYPE = 2,
    TW_ONNX_TENSOR_NAME = 8,
    TW_ONNX_RAW_DATA = 9,
    TW_ONNX_FLOAT = 1,
    TW_ONNX_UINT8 = 2,
    TW_ONNX_INT64 = 7
};
/* ValueInfoProto, TypeProto, TypeProto.Tensor, TensorShapeProto, its Dimension */
enum {
    TW_ONNX_VALUE_NAME = 1,
    TW_ONNX_VALUE_TYPE = 2,
    TW_ONNX_TENSOR_TYPE = 1,
    TW_ONNX_ELEM_TYPE = 1,
    TW_ONNX_SHAPE = 2,
    TW_ONNX_DIM = 1,
    TW_ONNX_DIM_VALUE = 1,
    TW_ONNX_DIM_PARAM = 2
};

/* Whether the bytes begin as an ONNX model does: its IR version, then who made it. */
bool tw_onnx_detect(const uint8_t *data, size_t n);

#endif
