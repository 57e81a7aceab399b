/*
 * Networks with blocks, every layer against torch in float64 (tools/golden/backbones.py), with
 * made-up weights and statistics that are written here as torch would name and lay them out; and
 * ref against cpu, at 32x32.
 */
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "format/safetensors.h"
#include "infer/engine.h"
#include "tensor/tensor.h"

#include "check.h"

#include <math.h>

enum { SIDE = 224, N_PLACES = 8, MAX_TENSORS = 400, MAX_LAYERS = 120, INPUT_SEED = 1000 };

typedef struct layer {
    char name[TW_NAME_SIZE];
    double largest, values[N_PLACES];
} layer;

typedef struct golden {
    int n_tensors, n_layers;
    char names[MAX_TENSORS][96];
    tw_shape shapes[MAX_TENSORS];
    layer layers[MAX_LAYERS];
} golden;

/* Numbers of [-0.5, 0.5), as the Python program makes them. */
static float number(uint64_t t, uint64_t e)
{
    uint64_t u = (e * 1664525 + t * 1013904223 + 12345) & 0xffffffff;

    u ^= u >> 15;
    u = (u * 2246822519) & 0xffffffff;
    u ^= u >> 13;
    return (float)(u >> 8) * 0x1p-24f - 0.5f;
}

static void read_line(golden *g, const char *line)
{
    int at = 0, n = 0;

    if (sscanf(line, "tensor %95s%n", g->names[g->n_tensors], &at) == 1) {
        tw_shape *shape = &g->shapes[g->n_tensors++];
        long long side;
        for (line += at; sscanf(line, "%lld%n", &side, &n) == 1; line += n)
            shape->dims[shape->rank++] = side;
    } else if (strncmp(line, "layer ", 6) == 0) {
        layer *l = &g->layers[g->n_layers++];
        assert_int_equal(sscanf(line, "layer %63s %lf%n", l->name, &l->largest, &at), 2);
        line += at;
        for (int i = 0; i < N_PLACES; i++, line += n)
            assert_int_equal(sscanf(line, "%lf%n", &l->values[i], &n), 1);
    }
}

static golden *read_golden(const char *network)
{
    golden *g = calloc(1, sizeof *g);
    char path[512], line[512];
    FILE *f;

    snprintf(path, sizeof path, TW_TEST_DATA "/backbones/%s.txt", network);
    assert_non_null(f = fopen(path, "r"));
    while (fgets(line, sizeof line, f))
        read_line(g, line);
    fclose(f);
    return g;
}

static bool ends_in(const char *name, const char *end)
{
    return strlen(name) >= strlen(end) && !strcmp(name + strlen(name) - strlen(end), end);
}

static float *make_tensor(const golden *g, int t)
{
    const tw_shape *shape = &g->shapes[t];
    const int64_t n = tw_shape_size(shape);
    float *values = tw_alloc_f32(n);
    bool is_near_one = ends_in(g->names[t], ".weight") || ends_in(g->names[t], "running_var");
    float scale = 1;

    if (shape->rank > 1)
        scale = (float)(2.0 * sqrt(3.0 / (double)(n / shape->dims[0])));
    for (int64_t e = 0; e < n; e++) {
        values[e] = number((uint64_t)t, (uint64_t)e);
        values[e] = shape->rank > 1 ? values[e] * scale
                    : is_near_one   ? values[e] + 1.0f
                                    : values[e];
    }
    return values;
}

static tw_model *open_network(void **state, const golden *g, const char *network)
{
    tw_safetensors_entry *entries = calloc(MAX_TENSORS, sizeof *entries);
    char *path = tw_path_join(*state, "weights.safetensors");
    tw_model *model;

    for (int t = 0; t < g->n_tensors; t++)
        entries[t] =
            (tw_safetensors_entry){g->names[t], {make_tensor(g, t), TW_F32, g->shapes[t]}, 0};
    assert_ok(tw_safetensors_write(path, entries, g->n_tensors, NULL, e));
    for (int t = 0; t < g->n_tensors; t++)
        tw_free((void *)(uintptr_t)entries[t].tensor.data);
    assert_ok(tw_model_open(&model, network, path, NULL, 0, e));
    free(entries);
    remove(path);
    tw_free(path);
    return model;
}

static float *make_input(int side)
{
    float *x = tw_alloc_f32((int64_t)side * side * 3);

    for (int64_t i = 0; i < (int64_t)side * side * 3; i++)
        x[i] = number(INPUT_SEED, (uint64_t)i);
    return x;
}

/* Layer `last` of a picture. */
static float *run_to(tw_model *model, int last, const char *backend_name, const float *x)
{
    const tw_backend_table *table;
    tw_backend *backend;
    tw_chain *chain;
    float *out = tw_alloc_f32(tw_shape_size(&model->graph->nodes[last].out));

    assert_ok(tw_backend_find(&table, backend_name, e));
    assert_ok(table->open(&backend, NULL, e));
    assert_ok(tw_chain_create(&chain, model, 0, last, backend, TW_PRECISION_FP32, 1,
                              INT64_C(1) << 33, e));
    assert_ok(tw_chain_run(chain, x, 1, out, NULL, NULL, e));
    tw_chain_free(chain);
    table->close(backend);
    return out;
}

/* Largest error at the places that are known, in units of the layer's largest number. The class
 * layer's softmax is left out by chains: it is held against the logits. */
static double error_of(const golden *g, tw_model *model, int node, const float *out)
{
    const bool is_last = node == model->graph->n - 1;
    const int64_t size = tw_shape_size(&model->graph->nodes[node].out);
    const char *name = is_last ? "logits" : model->graph->nodes[node].name;
    double error = 0;

    for (int i = 0; i < g->n_layers; i++) {
        const layer *l = &g->layers[i];
        if (strcmp(l->name, name) != 0)
            continue;
        for (int k = 0; k < N_PLACES; k++)
            error =
                fmax(error, fabs((double)out[(2 * k + 1) * size / (2 * N_PLACES)] - l->values[k]));
        assert_true(l->largest > 0.1);
        return error / l->largest;
    }
    fail_msg("no layer %s", name);
    return 1;
}

static void check_layers(void **state, const char *network, int step, double limit)
{
    golden *g = read_golden(network);
    tw_model *model = open_network(state, g, network);
    float *x = make_input(SIDE);

    /* input, all layers, and the logits beside the class layer */
    assert_int_equal(g->n_layers, model->graph->n + 1);
    for (int node = model->graph->n - 1; node > 0; node -= step) {
        float *out = run_to(model, node, "cpu", x);
        double error = error_of(g, model, node, out);
        if (!(error < limit))
            fail_msg("%s: %s is off by %g of its largest number", network,
                     model->graph->nodes[node].name, error);
        tw_free(out);
    }
    tw_free(x);
    tw_model_free(model);
    free(g);
}

static void every_layer_of_efficientnet_lite0_is_torchs(void **state)
{
    check_layers(state, "efficientnet-lite0", 1, 1e-5);
}

static void every_layer_of_resnet18_is_torchs(void **state)
{
    check_layers(state, "resnet18", 1, 1e-5);
}

static void every_third_layer_of_resnet50_is_torchs(void **state)
{
    check_layers(state, "resnet50", 3, 1e-5);
}

static void ref_agrees_with_cpu(void **state)
{
    static const char *const networks[] = {"efficientnet-lite0", "resnet18"};

    for (int i = 0; i < 2; i++) {
        golden *g = read_golden(networks[i]);
        tw_model *model = open_network(state, g, networks[i]);
        float *x = make_input(32), *out[2];
        double largest = 0, error = 0;

        assert_ok(tw_model_resize(model, 32, e));
        for (int b = 0; b < 2; b++)
            out[b] = run_to(model, model->graph->n - 1, b ? "cpu" : "ref", x);
        for (int k = 0; k < 1000; k++) {
            largest = fmax(largest, fabs((double)out[0][k]));
            error = fmax(error, fabs((double)out[0][k] - (double)out[1][k]));
        }
        assert_true(largest > 0.1 && error < 1e-5 * largest);
        tw_free(x);
        tw_free(out[0]);
        tw_free(out[1]);
        tw_model_free(model);
        free(g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_layer_of_efficientnet_lite0_is_torchs),
        cmocka_unit_test(every_layer_of_resnet18_is_torchs),
        cmocka_unit_test(every_third_layer_of_resnet50_is_torchs),
        cmocka_unit_test(ref_agrees_with_cpu),
    };

    return cmocka_run_group_tests(tests, check_make_folder, check_remove_folder);
}
