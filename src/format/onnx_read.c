/*
 * Reading ONNX that topwork wrote, and no other: the initializers as named tensors, metadata_props
 * as the metadata. The nodes are passed over, since metadata "graph" says the same in topwork's own
 * terms; what brings a kernel back into topwork's layout is metadata "layout" (layout.h).
 *
 * Everything is checked against its bounds, and a field that topwork does not write is refused by
 * its number. Nothing is allocated but names and the metadata, both no larger than the file.
 */
#include "format/onnx.h"

#include "base/fail.h"
#include "base/json.h"
#include "base/memory.h"
#include "format/protobuf.h"
#include "format/weights.h"
#include "tensor/tensor.h"

#include <string.h>

/* Names are kept twice, and metadata as JSON, with six letters for a control character. */
enum { MAX_INITIALIZERS = 16384, MAX_RANK = 4, MAX_NAME = 1024, MAX_METADATA = 1 << 20 };

bool tw_onnx_detect(const uint8_t *data, size_t n)
{
    /* ir_version, one byte of it, then producer_name or the graph of those without one */
    return n >= 4 && data[0] == 0x08 && data[1] > 0 && data[1] < 0x20 &&
           (data[2] == 0x12 || data[2] == 0x3a);
}

/* What is read, and what has been met of it. */
typedef struct reader {
    tw_weight_file *file;
    tw_json *metadata;
    size_t n_metadata; /* bytes of its entries so far */
    bool ir, producer, graph;
    tw_error *err;
} reader;

static tw_status broken(const reader *in, const char *what, const uint8_t *at)
{
    return tw_fail(in->err, TW_EFILE, "%s: %s: broken at byte %lld", in->file->map.path, what,
                   (long long)(at - in->file->map.data));
}

static tw_status unknown_field(const reader *in, const char *what, const tw_message_field *field)
{
    return tw_fail(in->err, TW_EFILE, "%s: %s: field %llu is none that topwork writes",
                   in->file->map.path, what, (unsigned long long)field->number);
}

static tw_status twice(const reader *in, const char *what)
{
    return tw_fail(in->err, TW_EFILE, "%s: more than one %s", in->file->map.path, what);
}

static tw_message_reader inside(const tw_message_field *field)
{
    return (tw_message_reader){field->data, field->data + field->n};
}

static bool is_text(const tw_message_field *field, const char *text)
{
    return field->n == strlen(text) && memcmp(field->data, text, field->n) == 0;
}

static tw_status check_length(const reader *in, const char *what, size_t n, size_t most)
{
    if (n <= most)
        return TW_OK;
    return tw_fail(in->err, TW_EFILE, "%s: %s of %zu bytes, at most %zu are read",
                   in->file->map.path, what, n, most);
}

/* n bytes as a string of its own; none with a zero among them. */
static tw_status copy_text(char **out, const reader *in, const tw_message_field *field,
                           const char *what)
{
    *out = NULL;
    if (memchr(field->data, 0, field->n))
        return tw_fail(in->err, TW_EFILE, "%s: %s is no text", in->file->map.path, what);
    if (!(*out = tw_malloc(field->n + 1)))
        return tw_fail(in->err, TW_ENOMEM, "no memory to read %s", in->file->map.path);
    memcpy(*out, field->data, field->n);
    (*out)[field->n] = '\0';
    return TW_OK;
}

/* ---- initializers */

static tw_status set_name(tw_named_tensor *out, const reader *in, const tw_message_field *field)
{
    tw_status rc;
    const char *slash;

    if (out->name)
        return twice(in, "name of an initializer");
    if ((rc = check_length(in, "name of an initializer", field->n, MAX_NAME)) ||
        (rc = copy_text(&out->name, in, field, "name of an initializer")))
        return rc;
    slash = strrchr(out->name, '/');
    if (!(out->layer = tw_strdup(slash ? out->name : "")))
        return tw_fail(in->err, TW_ENOMEM, "no memory to read %s", in->file->map.path);
    if (slash)
        out->layer[slash - out->name] = '\0';
    return TW_OK;
}

static tw_status add_dim(tw_shape *shape, const reader *in, const tw_message_field *field)
{
    if (field->wire != TW_WIRE_VARINT || shape->rank == MAX_RANK || field->value > INT64_MAX)
        return tw_fail(in->err, TW_EFILE, "%s: an initializer of more than %d sides or a wrong one",
                       in->file->map.path, MAX_RANK);
    shape->dims[shape->rank++] = (int64_t)field->value;
    return TW_OK;
}

static tw_status take_field(tw_named_tensor *out, tw_message_field *raw, bool *typed,
                            const reader *in, const tw_message_field *field)
{
    const bool is_bytes = field->wire == TW_WIRE_BYTES;

    if (field->number == TW_ONNX_DIMS)
        return add_dim(&out->tensor.shape, in, field);
    if (field->number == TW_ONNX_DATA_TYPE && field->wire == TW_WIRE_VARINT) {
        if (field->value != TW_ONNX_FLOAT)
            return tw_fail(in->err, TW_EFILE, "%s: an initializer of type %llu, only float is read",
                           in->file->map.path, (unsigned long long)field->value);
        *typed = true;
        return TW_OK;
    }
    if (field->number == TW_ONNX_TENSOR_NAME && is_bytes)
        return set_name(out, in, field);
    if (field->number == TW_ONNX_RAW_DATA && is_bytes) {
        if (raw->data)
            return twice(in, "raw_data of an initializer");
        *raw = *field;
        return TW_OK;
    }
    return unknown_field(in, "initializer", field);
}

static tw_status check_tensor(const tw_named_tensor *tensor, const tw_message_field *raw,
                              bool typed, const reader *in)
{
    const char *path = in->file->map.path;
    int64_t n, n_bytes;

    if (!tensor->name || !typed || !raw->data)
        return tw_fail(in->err, TW_EFILE, "%s: an initializer lacks its name, type or raw_data",
                       path);
    if (!tw_shape_count(&n, &tensor->tensor.shape) || !tw_mul_i64(&n_bytes, n, sizeof(float)) ||
        (uint64_t)n_bytes != raw->n)
        return tw_fail(in->err, TW_EFILE, "%s: %s: raw_data of %zu bytes does not fit its sides",
                       path, tensor->name, raw->n);
    return TW_OK;
}

static tw_status read_initializer(reader *in, const tw_message_field *from)
{
    tw_status rc = TW_OK;
    tw_message_reader fields = inside(from);
    tw_message_field field, raw = {0};
    tw_named_tensor *out;
    bool typed = false;
    int got;

    if (in->file->n_tensors == MAX_INITIALIZERS)
        return tw_fail(in->err, TW_EFILE, "%s: more than %d initializers", in->file->map.path,
                       MAX_INITIALIZERS);
    if (!(out = tw_format__new_tensor(in->file)))
        return tw_fail(in->err, TW_ENOMEM, "no memory to read %s", in->file->map.path);
    out->tensor.dtype = TW_F32;
    while ((got = tw_message_next(&field, &fields)) > 0 && rc == TW_OK)
        rc = take_field(out, &raw, &typed, in, &field);
    if (rc == TW_OK && got < 0)
        rc = broken(in, "initializer", fields.at);
    if (rc == TW_OK)
        rc = check_tensor(out, &raw, typed, in);
    out->tensor.data = raw.data;
    return rc;
}

/* ---- graph and metadata */

static tw_status read_graph(reader *in, const tw_message_field *from)
{
    tw_status rc = TW_OK;
    tw_message_reader fields = inside(from);
    tw_message_field field;
    int got;

    if (in->graph)
        return twice(in, "graph");
    in->graph = true;
    while (rc == TW_OK && (got = tw_message_next(&field, &fields))) {
        if (got < 0)
            return broken(in, "graph", fields.at);
        if (field.wire != TW_WIRE_BYTES)
            return unknown_field(in, "graph", &field);
        switch (field.number) {
        case TW_ONNX_INITIALIZER:
            rc = read_initializer(in, &field);
            break;
        case TW_ONNX_NODE: /* metadata "graph" says it */
        case TW_ONNX_GRAPH_NAME:
        case TW_ONNX_INPUT:
        case TW_ONNX_OUTPUT:
            break;
        default:
            rc = unknown_field(in, "graph", &field);
        }
    }
    return rc;
}

static tw_status add_metadata(reader *in, const char *key, const char *value)
{
    tw_json *text = tw_json_new_string(value);

    if (!text)
        return tw_fail(in->err, TW_EFILE, "%s: metadata \"%s\" is no text", in->file->map.path,
                       key);
    if (tw_json_get(in->metadata, key)) {
        tw_json_free(text);
        return tw_fail(in->err, TW_EFILE, "%s: metadata \"%s\" is there twice", in->file->map.path,
                       key);
    }
    if (!tw_json_set(in->metadata, key, text))
        return tw_fail(in->err, TW_EFILE, "%s: a metadata key is no text", in->file->map.path);
    return TW_OK;
}

static tw_status read_metadata(reader *in, const tw_message_field *from)
{
    tw_message_reader fields = inside(from);
    tw_message_field field;
    char *texts[2] = {NULL, NULL};
    int got;
    tw_status rc;

    in->n_metadata += from->n;
    rc = check_length(in, "metadata", in->n_metadata, MAX_METADATA);
    while (rc == TW_OK && (got = tw_message_next(&field, &fields))) {
        if (got < 0)
            rc = broken(in, "metadata", fields.at);
        else if (field.wire != TW_WIRE_BYTES ||
                 (field.number != TW_ONNX_KEY && field.number != TW_ONNX_VALUE))
            rc = unknown_field(in, "metadata", &field);
        else if (texts[field.number - TW_ONNX_KEY])
            rc = twice(in, "key or value of a metadata entry");
        else
            rc = copy_text(&texts[field.number - TW_ONNX_KEY], in, &field, "metadata");
    }
    if (rc == TW_OK && (!texts[0] || !texts[1]))
        rc = tw_fail(in->err, TW_EFILE, "%s: a metadata entry lacks its key or value",
                     in->file->map.path);
    if (rc == TW_OK)
        rc = add_metadata(in, texts[0], texts[1]);
    tw_free(texts[0]);
    tw_free(texts[1]);
    return rc;
}

/* ---- the model */

static tw_status check_ir(reader *in, const tw_message_field *field)
{
    in->ir = true;
    if (field->wire == TW_WIRE_VARINT && field->value == TW_ONNX_IR_VERSION)
        return TW_OK;
    return tw_fail(in->err, TW_EFILE, "%s: ONNX of IR version %llu, topwork writes and reads %d",
                   in->file->map.path, (unsigned long long)field->value, TW_ONNX_IR_VERSION);
}

static tw_status check_producer(reader *in, const tw_message_field *field)
{
    char name[32] = "";

    in->producer = true;
    if (is_text(field, TW_ONNX_PRODUCER))
        return TW_OK;
    memcpy(name, field->data, field->n < sizeof name ? field->n : sizeof name - 1);
    return tw_fail(in->err, TW_EFILE,
                   "%s: ONNX made by \"%s\"; only what topwork itself wrote is read",
                   in->file->map.path, name);
}

static tw_status read_field(reader *in, const tw_message_field *field)
{
    const bool is_bytes = field->wire == TW_WIRE_BYTES;

    if (field->number == TW_ONNX_IR)
        return check_ir(in, field);
    if (field->number == TW_ONNX_PRODUCER_NAME && is_bytes)
        return check_producer(in, field);
    if (!in->ir || !in->producer)
        return tw_fail(in->err, TW_EFILE,
                       "%s: ONNX that does not say who made it; only what topwork itself wrote is "
                       "read",
                       in->file->map.path);
    if (field->number == TW_ONNX_GRAPH && is_bytes)
        return read_graph(in, field);
    if (field->number == TW_ONNX_METADATA && is_bytes)
        return read_metadata(in, field);
    if ((field->number == TW_ONNX_PRODUCER_VERSION || field->number == TW_ONNX_OPSET_IMPORT) &&
        is_bytes)
        return TW_OK;
    return unknown_field(in, "model", field);
}

tw_status tw_onnx_read(tw_weight_file *file, tw_error *err)
{
    tw_status rc = TW_OK;
    reader in = {.file = file, .err = err};
    tw_message_reader fields = {file->map.data, file->map.data + file->map.size};
    tw_message_field field;
    int got;

    file->kind = TW_WEIGHTS_ONNX;
    if (!(in.metadata = tw_json_new_object()))
        return tw_fail(err, TW_ENOMEM, "no memory to read %s", file->map.path);
    while (rc == TW_OK && (got = tw_message_next(&field, &fields)))
        rc = got < 0 ? broken(&in, "model", fields.at) : read_field(&in, &field);
    if (rc == TW_OK && !in.graph)
        rc = tw_fail(err, TW_EFILE, "%s: ONNX without a graph", file->map.path);
    if (rc == TW_OK && !(file->metadata = tw_json_dump(in.metadata, 0)))
        rc = tw_fail(err, TW_ENOMEM, "no memory for the metadata of %s", file->map.path);
    tw_json_free(in.metadata);
    return rc;
}
