/* Every naming and layout of one little network gives the same numbers. */
#include "model/model_int.h"

#include "model_fixture.h"

enum { CONV = 1, FC1 = 4, FC2, PREDICTIONS, N_NODES };

/* input 4x4x3, block1_conv1 (2), block1_pool, flatten (8), fc1 (5), fc2 (5), predictions (4) */
static tw_graph *make_graph(void)
{
    const tw_node nodes[] = {
        {.op = TW_OP_CONV2D,
         .name = "block1_conv1",
         .units = 2,
         .window = {3, 3},
         .stride = {1, 1},
         .padding = TW_SAME},
        {.op = TW_OP_MAX_POOL, .name = "block1_pool", .window = {2, 2}, .stride = {2, 2}},
        {.op = TW_OP_FLATTEN, .name = "flatten"},
        {.op = TW_OP_DENSE, .name = "fc1", .units = 5},
        {.op = TW_OP_DENSE, .name = "fc2", .units = 5},
        {.op = TW_OP_DENSE, .name = "predictions", .units = 4},
    };
    const tw_shape input = {3, {4, 4, 3}};
    tw_graph *graph;

    assert_ok(tw_graph_create(&graph, "input_1", &input, e));
    for (int i = 0; i < N_NODES - 1; i++) {
        tw_node node = nodes[i];

        node.n_inputs = 1;
        node.inputs[0] = i;
        assert_ok(tw_graph_add(graph, &node, e));
    }
    return graph;
}

/* The number at place i of a parameter as the graph has it; exact in every float type. */
static float number(int node, int slot, int64_t i)
{
    return (float)(i + 1) * (slot ? 0.5F : 0.25F) + (float)node;
}

/* Place in the graph's order of place i in torch's. */
static int64_t place(int node, int slot, int64_t i)
{
    int64_t k, c, p;

    if (slot == 1)
        return i;
    if (node == CONV) { /* (2,3,3,3) to (3,3,3,2) */
        k = i / 27, c = i / 9 % 3, p = i % 9;
        return (p * 3 + c) * 2 + k;
    }
    if (node == FC1) { /* (5, 2x2x2) to (2x2x2, 5) */
        k = i / 8, c = i / 4 % 2, p = i % 4;
        return (p * 2 + c) * 5 + k;
    }
    return node == FC2 ? i % 5 * 5 + i / 5 : i % 5 * 4 + i / 5;
}

typedef struct file_form {
    const char *const (*names)[2]; /* conv, fc1, fc2, predictions */
    tw_weight_layout layout;
    bool as_convolutions; /* fc1 and fc2 with four dimensions */
    tw_dtype dtype;
    bool is_rgb;
} file_form;

static const char *const keras[4][2] = {{"block1_conv1/kernel", "block1_conv1/bias"},
                                        {"fc1/kernel", "fc1/bias"},
                                        {"fc2/kernel", "fc2/bias"},
                                        {"predictions/kernel", "predictions/bias"}};
static const char *const keras1[4][2] = {{"block1_conv1_W", "block1_conv1_b"},
                                         {"fc1_W", "fc1_b"},
                                         {"fc2_W", "fc2_b"},
                                         {"predictions_W", "predictions_b"}};
static const char *const torchvision[4][2] = {{"features.0.weight", "features.0.bias"},
                                              {"classifier.0.weight", "classifier.0.bias"},
                                              {"classifier.3.weight", "classifier.3.bias"},
                                              {"classifier.6.weight", "classifier.6.bias"}};
static const char *const timm[4][2] = {{"features.0.weight", "features.0.bias"},
                                       {"pre_logits.fc1.weight", "pre_logits.fc1.bias"},
                                       {"pre_logits.fc2.weight", "pre_logits.fc2.bias"},
                                       {"head.fc.weight", "head.fc.bias"}};
static const char *const frossard[4][2] = {
    {"conv1_1_W", "conv1_1_b"}, {"fc6_W", "fc6_b"}, {"fc7_W", "fc7_b"}, {"fc8_W", "fc8_b"}};

static const int nodes_of[4] = {CONV, FC1, FC2, PREDICTIONS};

/* float32 to one of the narrower or wider types, which has it exactly. */
static void put_number(uint8_t *to, float value, tw_dtype dtype)
{
    const double wide = value;
    uint32_t bits;
    uint16_t narrow;

    memcpy(&bits, &value, sizeof bits);
    if (dtype == TW_F64) {
        memcpy(to, &wide, sizeof wide);
    } else if (dtype == TW_F32) {
        memcpy(to, &value, sizeof value);
    } else {
        narrow = dtype == TW_BF16
                     ? (uint16_t)(bits >> 16)
                     : (uint16_t)((((bits >> 23 & 255) - 112) << 10) | (bits >> 13 & 1023));
        memcpy(to, &narrow, sizeof narrow);
    }
}

/* Adds a tensor of that form; its numbers go into `room`, which grows. */
static tw_tensor make_tensor(const tw_graph *graph, const file_form *form, int node, int slot,
                             uint8_t *room)
{
    tw_shape shapes[2], shape;
    int64_t n;

    (void)tw_node_params(graph, node, shapes);
    shape =
        form->layout == TW_LAYOUT_TORCH ? tw_model__torch_shape(graph, node, slot) : shapes[slot];
    n = tw_shape_size(&shape);
    for (int64_t i = 0; i < n; i++) {
        int64_t at = form->layout == TW_LAYOUT_TORCH ? place(node, slot, i) : i;

        if (form->is_rgb && node == CONV && slot == 0) /* channel c of 3, two kernels */
            at = i / 6 * 6 + (2 - i / 2 % 3) * 2 + i % 2;
        put_number(room + i * (int64_t)tw_dtype_size(form->dtype), number(node, slot, at),
                   form->dtype);
    }
    if (form->as_convolutions && slot == 0 && node == FC1)
        shape = (tw_shape){4, {5, 2, 2, 2}};
    if (form->as_convolutions && slot == 0 && node == FC2)
        shape = (tw_shape){4, {5, 5, 1, 1}};
    return (tw_tensor){room, form->dtype, shape};
}

/* A model of the little graph, bound to a file of that form; frees nothing of the graph. */
static tw_status bind_form(tw_model **out, const char *path, const tw_graph *whole,
                           const file_form *form, tw_error *err)
{
    static uint8_t rooms[8][64 * 8];
    tw_safetensors_entry entries[8];
    tw_graph *graph;
    tw_status rc;

    for (int i = 0; i < 8; i++)
        entries[i] =
            (tw_safetensors_entry){form->names[i / 2][i % 2],
                                   make_tensor(whole, form, nodes_of[i / 2], i % 2, rooms[i]), 0};
    assert_ok(tw_safetensors_write(path, entries, 8, NULL, e));
    assert_ok(tw_graph_copy(&graph, whole, e));
    assert_ok(tw_model__create(out, graph, e));
    (*out)->contract.preprocess = TW_PREPROCESS_CAFFE;
    assert_ok(tw_weight_file_open(&(*out)->file, path, e));
    assert_ok(tw_model__recognize(&(*out)->naming, &(*out)->file, whole, e));
    if ((rc = tw_model__bind(*out, whole, false, err))) {
        tw_model_free(*out);
        *out = NULL;
    }
    return rc;
}

static void expect_numbers(const tw_model *model)
{
    for (int i = 0; i < 8; i++) {
        const int node = nodes_of[i / 2], slot = i % 2;
        const tw_param *param = &model->params[node][slot];

        assert_non_null(param->view);
        for (int64_t k = 0; k < tw_shape_size(&param->shape); k++) {
            float value;

            memcpy(&value, (const char *)param->view + k * 4, sizeof value);
            assert_true(value == number(node, slot, k));
        }
    }
}

static void every_form_gives_the_same_numbers(void **state)
{
    static const struct {
        file_form form;
        tw_naming naming;
    } rows[] = {
        {{keras, TW_LAYOUT_KERAS, false, TW_F32, false}, TW_NAMING_KERAS},
        {{keras, TW_LAYOUT_KERAS, false, TW_F16, false}, TW_NAMING_KERAS},
        {{keras, TW_LAYOUT_TORCH, false, TW_F32, false}, TW_NAMING_KERAS},
        {{keras1, TW_LAYOUT_KERAS, false, TW_F64, false}, TW_NAMING_KERAS},
        {{torchvision, TW_LAYOUT_TORCH, false, TW_F32, false}, TW_NAMING_TORCHVISION},
        {{torchvision, TW_LAYOUT_TORCH, false, TW_F64, false}, TW_NAMING_TORCHVISION},
        {{torchvision, TW_LAYOUT_TORCH, false, TW_F16, false}, TW_NAMING_TORCHVISION},
        {{torchvision, TW_LAYOUT_TORCH, false, TW_BF16, false}, TW_NAMING_TORCHVISION},
        {{timm, TW_LAYOUT_TORCH, true, TW_F32, false}, TW_NAMING_TIMM},
        {{timm, TW_LAYOUT_TORCH, true, TW_BF16, false}, TW_NAMING_TIMM},
        {{frossard, TW_LAYOUT_KERAS, false, TW_F32, true}, TW_NAMING_FROSSARD},
    };
    char *path = path_in(state, "form.safetensors");
    tw_graph *graph = make_graph();
    char hex[2][65];
    tw_model *model;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const bool is_plain =
            rows[i].form.layout == TW_LAYOUT_KERAS && rows[i].form.dtype == TW_F32;

        assert_ok(bind_form(&model, path, graph, &rows[i].form, e));
        assert_int_equal(model->naming, rows[i].naming);
        assert_int_equal(model->layout, rows[i].form.layout);
        expect_numbers(model);
        assert_true(model->params[FC1][0].mapped == is_plain);
        assert_true(model->params[FC1][1].mapped == (rows[i].form.dtype == TW_F32));
        assert_true((model->block_bytes > 0) == (!is_plain || rows[i].form.is_rgb));
        assert_ok(tw_model_hash(hex[i > 0], model, N_NODES - 1, e));
        assert_string_equal(hex[0], hex[i > 0]);
        tw_model_free(model);
    }
    tw_graph_free(graph);
    tw_free(path);
}

/* What torch does not have that shape is told in torch's shape, by both names. */
static void problems_are_told_as_the_file_sees_them(void **state)
{
    const file_form form = {torchvision, TW_LAYOUT_KERAS, false, TW_F32, false};
    char *path = path_in(state, "wrong.safetensors");
    tw_graph *graph = make_graph();
    tw_model *model;

    assert_fails(TW_EFILE,
                 about(path, "features.0.weight (block1_conv1/kernel): expected 2x3x3x3, file has "
                             "3x3x3x2; classifier.0.weight (fc1/kernel): expected 5x8, file has "
                             "8x5; classifier.6.weight (predictions/kernel): expected 4x5, file "
                             "has 5x4"),
                 bind_form(&model, path, graph, &form, e));
    tw_graph_free(graph);
    tw_free(path);
}

/* The lists in torchvision's vgg.py. */
static void the_names_are_torchvisions(void **state)
{
    static const int vgg16[] = {0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28};
    static const int vgg19[] = {0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34};
    static const struct {
        const char *name;
        const int *features;
        int n;
    } rows[] = {{"vgg16", vgg16, 13}, {"vgg19", vgg19, 16}, {"vgg16-mini", vgg16, 13}};

    (void)state;
    for (int r = 0; r < 3; r++) {
        tw_model__names names;
        tw_contract contract;
        tw_graph *graph;
        tw_shape shapes[2];
        int n = 0;

        assert_ok(tw_model_build(&graph, &contract, rows[r].name, e));
        assert_ok(tw_model__names_create(&names, TW_NAMING_TORCHVISION, graph, e));
        for (int i = 0; i < graph->n; i++) {
            char expected[64];

            if (!tw_node_params(graph, i, shapes))
                continue;
            if (n < rows[r].n)
                snprintf(expected, sizeof expected, "features.%d.weight", rows[r].features[n]);
            else
                snprintf(expected, sizeof expected, "classifier.%d.weight", (n - rows[r].n) * 3);
            assert_string_equal(names.of[i][0], expected);
            n++;
        }
        assert_int_equal(n, r < 2 ? rows[r].n + 3 : rows[r].n);
        tw_model__names_free(&names);
        tw_graph_free(graph);
    }
}

static void frossards_names_count_blocks(void **state)
{
    tw_model__names names;
    tw_contract contract;
    tw_graph *graph;
    int node;

    (void)state;
    assert_ok(tw_model_build(&graph, &contract, "vgg16", e));
    assert_ok(tw_model__names_create(&names, TW_NAMING_FROSSARD, graph, e));
    assert_ok(tw_graph_find(&node, graph, "block5_conv3", e));
    assert_string_equal(names.of[node][0], "conv5_3_W");
    assert_string_equal(names.of[graph->n - 1][1], "fc8_b");
    tw_model__names_free(&names);
    tw_graph_free(graph);
}

/* ---- vgg16-mini, as torch would have it */

/* Its trunk with torch's names and layout, plus what `metadata` says. */
static void write_twin(const char *path, tw_json *metadata)
{
    tw_model__names names;
    tw_safetensors_entry entries[26];
    float *blocks[26];
    tw_model *model;
    tw_shape shapes[2];
    int n = 0;

    assert_ok(tw_model_open(&model, "vgg16-mini", NULL, NULL, 0, e));
    assert_ok(tw_model__names_create(&names, TW_NAMING_TORCHVISION, model->graph, e));
    for (int i = 0; i < model->graph->n; i++)
        for (int slot = 0; slot < tw_node_params(model->graph, i, shapes); slot++, n++) {
            const int64_t *d = shapes[slot].dims;
            const int64_t n_all = tw_shape_size(&shapes[slot]);
            const char *from = (const char *)model->params[i][slot].view;

            blocks[n] = tw_alloc_f32(n_all);
            for (int64_t at = 0; at < n_all; at++) { /* (R*S, C, K) to (K, C, R*S) */
                const int64_t K = slot ? 1 : d[3], C = slot ? n_all : d[2];
                const int64_t k = at % K, c = at / K % C, p = at / K / C;

                memcpy(&blocks[n][slot ? at : (k * C + c) * 9 + p], from + at * 4, 4);
            }
            entries[n] = (tw_safetensors_entry){
                names.of[i][slot],
                {blocks[n], TW_F32, tw_model__torch_shape(model->graph, i, slot)},
                0};
        }
    assert_ok(tw_safetensors_write(path, entries, n, metadata, e));
    while (n > 0)
        tw_free(blocks[--n]);
    tw_model__names_free(&names);
    tw_model_free(model);
    tw_json_free(metadata);
}

static void expect_text(const tw_model *model, const char *key, const char *expected)
{
    const char *text;

    assert_true(tw_json_string(&text, tw_json_get(model->provenance, key)));
    assert_string_equal(text, expected);
}

static void a_twin_has_the_numbers_to_the_last_bit(void **state)
{
    char *path = path_in(state, "twin.safetensors");
    tw_model *model, *twin;
    char hex[2][65];

    write_twin(path, NULL);
    assert_ok(tw_model_open(&model, "vgg16-mini", NULL, NULL, 0, e));
    assert_ok(tw_model_open(&twin, "vgg16-mini", path, NULL, 0, e));
    assert_ok(tw_model_hash(hex[0], model, model->graph->n - 1, e));
    assert_ok(tw_model_hash(hex[1], twin, twin->graph->n - 1, e));
    assert_string_equal(hex[0], hex[1]);
    assert_int_equal(tw_model_contract(twin)->preprocess, TW_PREPROCESS_TORCH);
    assert_int_equal(tw_model_contract(twin)->interpolation, TW_BILINEAR_AA);
    assert_int_equal(tw_model_contract(twin)->resize, TW_RESIZE_CROP);
    assert_true(tw_model_contract(twin)->crop_pct == 0.875);
    expect_text(twin, "weights", "twin.safetensors");
    expect_text(twin, "weights_format", "safetensors");
    expect_text(twin, "weights_naming", "torchvision");
    expect_text(twin, "weights_layout", "OIHW to HWIO");
    tw_model_free(twin);

    /* only what the cut network has is converted */
    assert_ok(tw_model_open(&twin, "vgg16-mini", path, "block1_conv1", 0, e));
    assert_int_equal(twin->block_bytes, 4 * 224); /* (3,3,3,8) up to a line; the bias is mapped */
    tw_model_free(twin);
    tw_model_free(model);
    tw_free(path);
}

static void expect_doubt(tw_model *model, tw_preprocess preprocess, const char *sentence)
{
    tw_contract contract = *tw_model_contract(model);
    char text[256];

    contract.preprocess = preprocess;
    assert_ok(tw_model_set_contract(model, &contract, e));
    assert_int_equal(tw_model_doubt(text, sizeof text, model), sentence[0] != '\0');
    assert_string_equal(text, sentence);
}

static void mixed_preprocessing_is_doubted(void **state)
{
    char *path = path_in(state, "doubt.safetensors");
    tw_model *model;

    write_twin(path, NULL);
    assert_ok(tw_model_open(&model, "vgg16-mini", path, NULL, 0, e));
    expect_doubt(model, TW_PREPROCESS_TORCH, "");
    expect_doubt(model, TW_PREPROCESS_NONE, "");
    expect_doubt(model, TW_PREPROCESS_CAFFE,
                 "the weights were trained with preprocessing torch, pictures get caffe: features "
                 "will be poor");
    tw_model_free(model);
    assert_ok(tw_model_open(&model, "vgg16-mini", NULL, NULL, 0, e));
    expect_doubt(model, TW_PREPROCESS_CAFFE, "");
    expect_doubt(model, TW_PREPROCESS_TORCH,
                 "the weights were trained with preprocessing caffe, pictures get torch: features "
                 "will be poor");
    assert_ok(tw_model_forget_weights(model, e));
    expect_doubt(model, TW_PREPROCESS_TORCH, "");
    tw_model_free(model);
    tw_free(path);
}

static tw_json *with_contract(const char *contract)
{
    tw_json *metadata = tw_json_new_object();

    assert_true(tw_json_set(metadata, "contract", tw_json_new_string(contract)));
    return metadata;
}

static void a_contract_in_the_file_comes_first(void **state)
{
    char *path = path_in(state, "contract.safetensors");
    tw_model *twin;

    write_twin(path, with_contract("{\"height\":224,\"width\":224,\"colour\":\"grey\",\"resize\":"
                                   "\"squash\",\"interpolation\":\"cubic\",\"preprocess\":"
                                   "\"caffe\"}"));
    assert_ok(tw_model_open(&twin, "vgg16-mini", path, NULL, 0, e));
    assert_int_equal(tw_model_contract(twin)->preprocess, TW_PREPROCESS_CAFFE);
    assert_int_equal(tw_model_contract(twin)->interpolation, TW_CUBIC);
    assert_int_equal(tw_model_contract(twin)->colour, TW_COLOUR_GREY);
    tw_model_free(twin);

    write_twin(path, with_contract("{\"height\":96,\"width\":96,\"colour\":\"grey\",\"resize\":"
                                   "\"squash\",\"interpolation\":\"cubic\",\"preprocess\":"
                                   "\"caffe\"}"));
    assert_fails(TW_EFILE, about(path, "its contract makes 96x96, vgg16-mini takes 224x224"),
                 tw_model_open(&twin, "vgg16-mini", path, NULL, 0, e));
    tw_free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_gives_the_same_numbers),
        cmocka_unit_test(problems_are_told_as_the_file_sees_them),
        cmocka_unit_test(the_names_are_torchvisions),
        cmocka_unit_test(frossards_names_count_blocks),
        cmocka_unit_test(a_twin_has_the_numbers_to_the_last_bit),
        cmocka_unit_test(mixed_preprocessing_is_doubted),
        cmocka_unit_test(a_contract_in_the_file_comes_first),
    };

    return cmocka_run_group_tests(tests, check_make_folder, check_remove_folder);
}
