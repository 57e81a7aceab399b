/* ONNX of topwork's own making: initializers and metadata come back; everything else is refused. */
#include "format/onnx.h"

#include "base/file.h"
#include "base/memory.h"
#include "format/protobuf.h"
#include "format/weights.h"
#include "tensor/tensor.h"

#include "check.h"
#include "make_files.h"

enum { MEGABYTE = 1 << 20 };
static const float numbers[6] = {0, 1, 2, 3, 4, 5};

static tw_message good_tensor(void)
{
    tw_message tensor = {0};

    tw_message_add_int(&tensor, TW_ONNX_DIMS, 2);
    tw_message_add_int(&tensor, TW_ONNX_DIMS, 3);
    tw_message_add_int(&tensor, TW_ONNX_DATA_TYPE, TW_ONNX_FLOAT);
    tw_message_add_text(&tensor, TW_ONNX_TENSOR_NAME, "dense/kernel");
    tw_message_add_bytes(&tensor, TW_ONNX_RAW_DATA, numbers, sizeof numbers);
    return tensor;
}

static tw_message good_head(void)
{
    tw_message head = {0};

    tw_message_add_int(&head, TW_ONNX_IR, 7);
    tw_message_add_text(&head, TW_ONNX_PRODUCER_NAME, "topwork");
    tw_message_add_text(&head, TW_ONNX_PRODUCER_VERSION, "0.1.0");
    return head;
}

static void add_entry(tw_message *model, const char *key, const char *value)
{
    tw_message entry = {0};

    tw_message_add_text(&entry, TW_ONNX_KEY, key);
    tw_message_add_text(&entry, TW_ONNX_VALUE, value);
    tw_message_add_message(model, TW_ONNX_METADATA, &entry);
}

/* A whole file around a graph; frees it. */
static tw_message around(tw_message graph)
{
    tw_message model = good_head(), opset = {0};

    tw_message_add_message(&model, TW_ONNX_GRAPH, &graph);
    tw_message_add_int(&opset, TW_ONNX_OPSET_VERSION, 13);
    tw_message_add_message(&model, TW_ONNX_OPSET_IMPORT, &opset);
    return model;
}

/* A whole file around an initializer; frees it. */
static tw_message around_tensor(tw_message tensor)
{
    tw_message graph = {0}, node = {0};

    tw_message_add_text(&node, TW_ONNX_OP_TYPE, "Gemm");
    tw_message_add_message(&graph, TW_ONNX_NODE, &node);
    tw_message_add_text(&graph, TW_ONNX_GRAPH_NAME, "topwork");
    tw_message_add_message(&graph, TW_ONNX_INITIALIZER, &tensor);
    tw_message_add_text(&graph, TW_ONNX_INPUT, "");
    tw_message_add_text(&graph, TW_ONNX_OUTPUT, "");
    return around(graph);
}

static tw_message good_file(const char *layout)
{
    tw_message model = around_tensor(good_tensor());

    add_entry(&model, "classes", "[\"\xc3\xa4\"]");
    if (layout)
        add_entry(&model, "layout", layout);
    return model;
}

/* Opens the message as a file; frees it. */
static tw_status open_made(tw_message *model, tw_weight_file *file, tw_error *err)
{
    tw_status rc = tw_weight_file_borrow(file, model->bytes, model->n, "made.onnx", err);

    if (rc != TW_OK)
        tw_message_free(model);
    return rc;
}

static void initializers_and_metadata_come_back(void **state)
{
    tw_message model = good_file(NULL);
    tw_weight_file file;

    (void)state;
    assert_ok(open_made(&model, &file, e));
    assert_int_equal(file.kind, TW_WEIGHTS_ONNX);
    assert_string_equal(tw_weight_kind_name(file.kind), "ONNX");
    assert_string_equal(file.metadata, "{\"classes\":\"[\\\"\xc3\xa4\\\"]\"}");
    assert_int_equal(file.n_tensors, 1);
    assert_string_equal(file.tensors[0].name, "dense/kernel");
    assert_string_equal(file.tensors[0].layer, "dense");
    assert_int_equal(file.tensors[0].tensor.shape.rank, 2);
    assert_memory_equal(file.tensors[0].tensor.data, numbers, sizeof numbers);
    tw_weight_file_close(&file);
    tw_message_free(&model);
}

static void a_stated_layout_is_undone(void **state)
{
    /* the file has (3,2) as the axes (1,0) of (2,3) */
    tw_message model = good_file("{\"dense/kernel\":{\"name\":\"fc/kernel\",\"shape\":[3,2],"
                                 "\"dims\":[3,2],\"order\":[1,0]},\"other\":{}}");
    const float wanted[6] = {0, 3, 1, 4, 2, 5};
    tw_weight_file file;

    (void)state;
    assert_ok(open_made(&model, &file, e));
    assert_string_equal(file.tensors[0].name, "fc/kernel");
    assert_string_equal(file.tensors[0].layer, "fc");
    assert_int_equal(file.tensors[0].tensor.shape.dims[0], 3);
    assert_memory_equal(file.tensors[0].tensor.data, wanted, sizeof wanted);
    tw_weight_file_close(&file);
    tw_message_free(&model);

    model = good_file("{\"dense/kernel\":{\"name\":\"plain\"}}");
    assert_ok(open_made(&model, &file, e));
    assert_string_equal(file.tensors[0].name, "plain");
    assert_string_equal(file.tensors[0].layer, "");
    assert_memory_equal(file.tensors[0].tensor.data, numbers, sizeof numbers);
    tw_weight_file_close(&file);
    tw_message_free(&model);
}

static void refused(tw_message model, const char *sentence)
{
    tw_weight_file file;
    char wanted[256];

    snprintf(wanted, sizeof wanted, "made.onnx: %s", sentence);
    assert_fails(TW_EFILE, wanted, open_made(&model, &file, e));
}

static void wrong_layouts_are_refused(void **state)
{
    static const struct {
        const char *layout, *sentence;
    } rows[] = {
        {"[]", "layout must be an object"},
        {"{\"dense/kernel\":7}", "layout of dense/kernel: must be an object with a name"},
        {"{\"dense/kernel\":{}}", "layout of dense/kernel: must be an object with a name"},
        {"{\"dense/kernel\":{\"name\":\"a\",\"x\":1}}",
         "layout of dense/kernel: shape, dims and order must be arrays of at most 4 integers"},
        {"{\"dense/kernel\":{\"name\":\"a\",\"shape\":[3,2],\"dims\":[3,2],\"order\":[1,0.5]}}",
         "layout of dense/kernel: shape, dims and order must be arrays of at most 4 integers"},
        {"{\"dense/kernel\":{\"name\":\"a\",\"shape\":[1,1,1,3,2],\"dims\":[3,2],\"order\":[1,0]}}",
         "layout of dense/kernel: shape, dims and order must be arrays of at most 4 integers"},
        {"{\"dense/kernel\":{\"name\":\"a\",\"shape\":[3,2],\"dims\":[3,2],\"order\":[1,1]}}",
         "layout of dense/kernel: order must name each axis of dims once, and no side may be below "
         "1"},
        {"{\"dense/kernel\":{\"name\":\"a\",\"shape\":[3,2],\"dims\":[3,2],\"order\":[1]}}",
         "layout of dense/kernel: order must name each axis of dims once, and no side may be below "
         "1"},
        {"{\"dense/"
         "kernel\":{\"name\":\"a\",\"shape\":[3,2],\"dims\":[3,2],\"order\":[1,99999999]}}",
         "layout of dense/kernel: order must name each axis of dims once, and no side may be below "
         "1"},
        {"{\"dense/kernel\":{\"name\":\"a\",\"shape\":[3,2],\"dims\":[-3,-2],\"order\":[1,0]}}",
         "layout of dense/kernel: order must name each axis of dims once, and no side may be below "
         "1"},
        {"{\"dense/kernel\":{\"name\":\"a\",\"shape\":[7],\"dims\":[7],\"order\":[0]}}",
         "layout of dense/kernel: not as many numbers as the tensor has"},
        {"{\"dense/kernel\":{\"name\":\"a\",\"shape\":[5],\"dims\":[3,2],\"order\":[1,0]}}",
         "layout of dense/kernel: not as many numbers as the tensor has"},
        {"{\"dense/kernel\":{\"name\":\"a\",\"shape\":[6],\"dims\":[4294967296,4294967296],"
         "\"order\":[1,0]}}",
         "layout of dense/kernel: not as many numbers as the tensor has"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        refused(good_file(rows[i].layout), rows[i].sentence);
    refused(good_file("{"), "not valid JSON at line 1 column 1: string or '}' expected near end of "
                            "file");
}

/* A good initializer with one more field. */
static tw_message with_field(int field, int64_t value)
{
    tw_message tensor = good_tensor();

    tw_message_add_int(&tensor, field, value);
    return around_tensor(tensor);
}

static tw_message tensor_of(int64_t rows, int64_t columns, const char *name, size_t n_bytes)
{
    tw_message tensor = {0};

    tw_message_add_int(&tensor, TW_ONNX_DIMS, rows);
    tw_message_add_int(&tensor, TW_ONNX_DIMS, columns);
    tw_message_add_int(&tensor, TW_ONNX_DATA_TYPE, TW_ONNX_FLOAT);
    if (name)
        tw_message_add_text(&tensor, TW_ONNX_TENSOR_NAME, name);
    tw_message_add_bytes(&tensor, TW_ONNX_RAW_DATA, numbers, n_bytes);
    return around_tensor(tensor);
}

static void wrong_initializers_are_refused(void **state)
{
    static const char lacks[] = "an initializer lacks its name, type or raw_data";
    static const char sides[] = "an initializer of more than 4 sides or a wrong one";
    tw_message tensor = good_tensor();
    char letters[1026] = "";

    (void)state;
    refused(tensor_of(2, 3, NULL, 24), lacks);
    refused(tensor_of(2, 3, "a/kernel", 20),
            "a/kernel: raw_data of 20 bytes does not fit its sides");
    refused(tensor_of(INT64_C(1) << 32, INT64_C(1) << 32, "a", 24),
            "a: raw_data of 24 bytes does not fit its sides");
    refused(tensor_of(INT64_C(1) << 62, 1, "a", 0),
            "a: raw_data of 0 bytes does not fit its sides");
    refused(tensor_of(-1, 6, "a", 24), sides);
    refused(with_field(TW_ONNX_DATA_TYPE, 10), "an initializer of type 10, only float is read");
    refused(with_field(13, 1), "initializer: field 13 is none that topwork writes");
    refused(with_field(TW_ONNX_RAW_DATA, 1), "initializer: field 9 is none that topwork writes");
    tw_message_add_text(&tensor, TW_ONNX_TENSOR_NAME, "again");
    refused(around_tensor(tensor), "more than one name of an initializer");
    tensor = good_tensor();
    tw_message_add_bytes(&tensor, TW_ONNX_RAW_DATA, numbers, sizeof numbers);
    refused(around_tensor(tensor), "more than one raw_data of an initializer");
    tensor = good_tensor();
    for (int i = 0; i < 3; i++)
        tw_message_add_int(&tensor, TW_ONNX_DIMS, 1);
    refused(around_tensor(tensor), sides);
    tensor = good_tensor();
    tw_message_add_text(&tensor, TW_ONNX_DIMS, "1");
    refused(around_tensor(tensor), sides);
    tensor = (tw_message){0};
    tw_message_add_bytes(&tensor, TW_ONNX_TENSOR_NAME, "a\0b", 3);
    refused(around_tensor(tensor), "name of an initializer is no text");
    memset(letters, 'x', 1025);
    refused(tensor_of(2, 3, letters, 24),
            "name of an initializer of 1025 bytes, at most 1024 are read");
    tensor = (tw_message){0};
    refused(around_tensor(tensor), lacks);
    tensor = good_tensor();
    tw_message_add_header(&tensor, 8, 100);
    refused(around_tensor(tensor), "initializer: broken at byte 85");
}

static void wrong_graphs_are_refused(void **state)
{
    tw_message graph = {0}, model;

    (void)state;
    tw_message_add_text(&graph, 15, "sparse");
    refused(around(graph), "graph: field 15 is none that topwork writes");
    graph = (tw_message){0};
    tw_message_add_int(&graph, TW_ONNX_NODE, 1);
    refused(around(graph), "graph: field 1 is none that topwork writes");
    graph = (tw_message){0};
    tw_message_add_header(&graph, TW_ONNX_NODE, 1000);
    refused(around(graph), "graph: broken at byte 20");
    refused(good_head(), "ONNX without a graph");
    model = good_file(NULL);
    tw_message_add_text(&model, TW_ONNX_GRAPH, "");
    refused(model, "more than one graph");
}

static void wrong_metadata_is_refused(void **state)
{
    static const char lacks[] = "a metadata entry lacks its key or value";
    tw_message model = good_file(NULL), entry = {0};
    char *text = calloc(1, MEGABYTE / 2 + 1);

    (void)state;
    add_entry(&model, "classes", "[]");
    refused(model, "metadata \"classes\" is there twice");
    model = good_file(NULL);
    add_entry(&model, "a", "\xff");
    refused(model, "metadata \"a\" is no text");
    model = good_file(NULL);
    add_entry(&model, "\xff", "a");
    refused(model, "a metadata key is no text");
    model = good_file(NULL);
    tw_message_add_text(&model, TW_ONNX_METADATA, "");
    refused(model, lacks);
    model = good_file(NULL);
    tw_message_add_text(&entry, TW_ONNX_KEY, "a");
    tw_message_add_message(&model, TW_ONNX_METADATA, &entry);
    refused(model, lacks);
    model = good_file(NULL);
    tw_message_add_text(&entry, TW_ONNX_KEY, "a");
    tw_message_add_text(&entry, TW_ONNX_KEY, "b");
    tw_message_add_message(&model, TW_ONNX_METADATA, &entry);
    refused(model, "more than one key or value of a metadata entry");
    model = good_file(NULL);
    tw_message_add_bytes(&entry, TW_ONNX_VALUE, "a\0", 2);
    tw_message_add_message(&model, TW_ONNX_METADATA, &entry);
    refused(model, "metadata is no text");
    model = good_file(NULL);
    tw_message_add_text(&entry, 3, "a");
    tw_message_add_message(&model, TW_ONNX_METADATA, &entry);
    refused(model, "metadata: field 3 is none that topwork writes");
    model = good_file(NULL);
    tw_message_add_header(&entry, TW_ONNX_KEY, 9);
    tw_message_add_message(&model, TW_ONNX_METADATA, &entry);
    refused(model, "metadata: broken at byte 114");
    model = good_file(NULL); /* many entries, together too many bytes */
    memset(text, 'x', MEGABYTE / 2);
    add_entry(&model, "a", text);
    add_entry(&model, "b", text);
    refused(model, "metadata of 1048607 bytes, at most 1048576 are read");
    free(text);
}

static tw_message made_by(int64_t ir, const char *producer)
{
    tw_message model = {0};

    tw_message_add_int(&model, TW_ONNX_IR, ir);
    if (producer)
        tw_message_add_text(&model, TW_ONNX_PRODUCER_NAME, producer);
    tw_message_add_text(&model, TW_ONNX_GRAPH, "");
    return model;
}

static void other_makers_are_refused(void **state)
{
    tw_message model;

    (void)state;
    refused(made_by(7, "pytorch"),
            "ONNX made by \"pytorch\"; only what topwork itself wrote is read");
    refused(made_by(7, "a name that goes on and on and on and on"),
            "ONNX made by \"a name that goes on and on and \"; only what topwork itself wrote is "
            "read");
    refused(made_by(8, "topwork"), "ONNX of IR version 8, topwork writes and reads 7");
    refused(made_by(7, NULL),
            "ONNX that does not say who made it; only what topwork itself wrote is read");
    model = good_file(NULL);
    tw_message_add_text(&model, 25, "function");
    refused(model, "model: field 25 is none that topwork writes");
    model = good_file(NULL);
    tw_message_add_int(&model, TW_ONNX_OPSET_IMPORT, 13);
    refused(model, "model: field 8 is none that topwork writes");
    model = good_file(NULL);
    tw_message_add_header(&model, 14, 9);
    refused(model, "model: broken at byte 112");
}

/* Every bit flipped, every prefix: an error with a sentence, or a file as sound as the good one. */
static void any_damage_is_survived(void **state)
{
    tw_message good = good_file("{\"dense/kernel\":{\"name\":\"fc/kernel\",\"shape\":[3,2],"
                                "\"dims\":[3,2],\"order\":[1,0]}}");

    (void)state;
    for (size_t i = 0; i < 9 * good.n; i++) {
        size_t size = i < 8 * good.n ? good.n : i - 8 * good.n;
        uint8_t *copy = malloc(size + 1); /* of exactly that size, so that ASan sees more */
        tw_error err = {TW_OK, ""};
        tw_weight_file file;
        tw_status rc;

        memcpy(copy, good.bytes, size);
        if (i < 8 * good.n)
            copy[i / 8] = (uint8_t)(copy[i / 8] ^ (1 << i % 8));
        copy = realloc(copy, size ? size : 1);
        rc = tw_weight_file_borrow(&file, copy, size, "damaged.onnx", &err);
        if (rc == TW_OK)
            tw_weight_file_close(&file);
        else
            assert_true(rc == TW_EFILE && strlen(err.text) > 0);
        free(copy);
    }
    tw_message_free(&good);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(initializers_and_metadata_come_back),
        cmocka_unit_test(a_stated_layout_is_undone),
        cmocka_unit_test(wrong_layouts_are_refused),
        cmocka_unit_test(wrong_initializers_are_refused),
        cmocka_unit_test(wrong_graphs_are_refused),
        cmocka_unit_test(wrong_metadata_is_refused),
        cmocka_unit_test(other_makers_are_refused),
        cmocka_unit_test(any_damage_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
