/* Layers of ref, optimizers and the loss against TensorFlow and Keras (tools/golden/ops.py). */
#include "backend/backend.h"
#include "base/memory.h"
#include "tensor/tensor.h"

#include "check.h"

#include <math.h>

static void fill(float *out, int64_t n, uint32_t seed)
{
    for (int64_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        out[i] = ((float)(seed >> 24) - 128) / 64;
    }
}

static float *made(int64_t n, uint32_t seed)
{
    float *out = tw_alloc_f32(n);
    fill(out, n, seed);
    return out;
}

/* The next line of the golden file that begins with `name`: heads, then *n values. false at the
 * end. */
static bool next_line(FILE *file, const char *name, int *heads, int n_heads, float *values, int *n)
{
    char word[32];
    while (fscanf(file, "%31s", word) == 1) {
        if (strcmp(word, name) != 0) {
            while (fgetc(file) != '\n' && !feof(file))
                continue;
            continue;
        }
        for (int i = 0; i < n_heads; i++)
            assert_int_equal(fscanf(file, "%d", &heads[i]), 1);
        assert_int_equal(fscanf(file, "%d", n), 1);
        for (int i = 0; i < *n; i++)
            assert_int_equal(fscanf(file, "%f", &values[i]), 1);
        return true;
    }
    return false;
}

static FILE *golden(void)
{
    FILE *file = fopen(TW_TEST_DATA "/ops.txt", "r");
    assert_non_null(file);
    return file;
}

static void near(const float *ours, const float *theirs, int n, double limit)
{
    for (int i = 0; i < n; i++)
        if (!(fabs((double)ours[i] - (double)theirs[i]) <=
              limit * fmax(1, fabs((double)theirs[i]))))
            fail_msg("value %d: %.9g, wanted %.9g", i, (double)ours[i], (double)theirs[i]);
}

/* One layer through a backend on one sample. */
static void run_layer(const char *backend_name, const int in_dims[3], const tw_node *layer,
                      const tw_node_weights *weights, const float *x, float *y, int n_y)
{
    tw_shape in = tw_shape_make(3, (int64_t[]){in_dims[0], in_dims[1], in_dims[2]});
    tw_node_weights all[2] = {{0}, *weights};
    const tw_backend_table *table;
    tw_backend *backend;
    tw_graph *graph;
    tw_plan *plan;
    tw_node node = *layer;
    snprintf(node.name, sizeof node.name, "layer");
    node.n_inputs = 1;
    assert_ok(tw_graph_create(&graph, "input", &in, e));
    assert_ok(tw_graph_add(graph, &node, e));
    assert_int_equal(tw_shape_size(tw_graph_output_shape(graph)), n_y);
    assert_ok(tw_backend_find(&table, backend_name, e));
    assert_ok(table->open(&backend, NULL, e));
    assert_ok(table->plan_create(&plan, backend, graph, 1, TW_PRECISION_FP32, e));
    assert_ok(table->plan_load(plan, all, 1, NULL, NULL, e));
    assert_ok(table->plan_run(plan, 0, plan->piece, x, y, e));
    table->plan_free(plan);
    table->close(backend);
    tw_graph_free(graph);
}

static void convolutions_are_tensorflows(void **state)
{
    FILE *file = golden();
    int h[8], n, n_lines = 0;
    float theirs[1000], ours[1000];
    (void)state;
    while (next_line(file, "conv", h, 8, theirs, &n)) {
        tw_node node = {.op = TW_OP_CONV2D,
                        .units = h[3],
                        .window = {h[4], h[5]},
                        .stride = {h[6], h[6]},
                        .padding = h[7] ? TW_SAME : TW_VALID};
        float *x = made(h[0] * h[1] * h[2], 1), *kernel = made(h[4] * h[5] * h[2] * h[3], 2);
        float *bias = made(h[3], 3);
        for (int b = 0; b < 2; b++) {
            run_layer(b ? "cpu" : "ref", h, &node, &(tw_node_weights){kernel, bias}, x, ours, n);
            near(ours, theirs, n, 1e-5);
        }
        tw_free(x);
        tw_free(kernel);
        tw_free(bias);
        n_lines++;
    }
    fclose(file);
    assert_int_equal(n_lines, 8);
}

static void poolings_are_tensorflows(void **state)
{
    FILE *file = golden();
    int h[6], n, n_lines = 0;
    float theirs[1000], ours[1000];
    (void)state;
    while (next_line(file, "pool", h, 6, theirs, &n)) {
        tw_node node = {.op = TW_OP_MAX_POOL,
                        .window = {h[3], h[3]},
                        .stride = {h[4], h[4]},
                        .padding = h[5] ? TW_SAME : TW_VALID};
        float *x = made(h[0] * h[1] * h[2], 4);
        for (int b = 0; b < 2; b++) {
            run_layer(b ? "cpu" : "ref", h, &node, &(tw_node_weights){0}, x, ours, n);
            near(ours, theirs, n, 0);
        }
        tw_free(x);
        n_lines++;
    }
    fclose(file);
    assert_int_equal(n_lines, 4);
}

static void wanted(const char *name, float *theirs)
{
    FILE *file = golden();
    int n;
    assert_true(next_line(file, name, NULL, 0, theirs, &n));
    fclose(file);
}

static void adam_is_kerass(void **state)
{
    const tw_backend_table *table;
    float w[6], m[6] = {0}, v[6] = {0}, g[6], theirs[6];
    (void)state;
    assert_ok(tw_backend_find(&table, "cpu", e));
    fill(w, 6, 5);
    for (int t = 1; t <= 5; t++) {
        float beta1 = powf(0.9f, (float)t), beta2 = powf(0.999f, (float)t);
        tw_adam_step step = {.alpha = 0.001f * sqrtf(1 - beta2) / (1 - beta1),
                             .one_minus_beta1 = 1 - 0.9f,
                             .one_minus_beta2 = 1 - 0.999f,
                             .epsilon = 1e-7f};
        fill(g, 6, 10 + (uint32_t)t - 1);
        table->adam(w, m, v, g, 6, &step);
    }
    wanted("adam", theirs);
    near(w, theirs, 6, 1e-6);
}

static void check_sgd(const char *name, float momentum, bool nesterov, float decay)
{
    const tw_backend_table *table;
    float w[6], velocity[6] = {0}, g[6], theirs[6];
    assert_ok(tw_backend_find(&table, "ref", e));
    fill(w, 6, 5);
    for (int t = 0; t < 5; t++) {
        tw_sgd_step step = {
            .lr = 0.1f / (1 + decay * (float)t), .momentum = momentum, .nesterov = nesterov};
        fill(g, 6, 10 + (uint32_t)t);
        table->sgd(w, velocity, g, 6, &step);
    }
    wanted(name, theirs);
    near(w, theirs, 6, 1e-6);
}

static void sgd_is_kerass(void **state)
{
    (void)state;
    check_sgd("sgd", 0, false, 0);
    check_sgd("momentum", 0.9f, false, 0.5f);
    check_sgd("nesterov", 0.9f, true, 0.5f);
}

static void softmax_and_loss_are_tensorflows(void **state)
{
    static const int labels[4] = {0, 6, 3, 3};
    float logits[28], probabilities[28], theirs[28], loss[4];
    (void)state;
    fill(logits, 28, 6);
    for (int i = 0; i < 28; i++)
        logits[i] *= 20;
    for (int i = 0; i < 4; i++) {
        tw_softmax_row(probabilities + 7 * i, logits + 7 * i, 7);
        loss[i] = (float)tw_cross_entropy_row(logits + 7 * i, 7, labels[i]);
    }
    wanted("softmax", theirs);
    near(probabilities, theirs, 28, 1e-6);
    wanted("loss", theirs);
    near(loss, theirs, 4, 1e-6);
}

static void the_first_maximum_wins(void **state)
{
    float row[5] = {1, 3, 3, -2, 3};
    float extreme[2] = {1e30f, -1e30f};
    float p[2];
    (void)state;
    assert_int_equal(tw_argmax_row(row, 5), 1);
    tw_softmax_row(p, extreme, 2);
    assert_true(p[0] == 1 && p[1] == 0);
    assert_true(isfinite(tw_cross_entropy_row(extreme, 2, 1)));
}

static void backends_are_found_by_name(void **state)
{
    const tw_backend_table *table;
    tw_backend *backend;
    tw_plan *plan;
    tw_shape in = tw_shape_make(1, (int64_t[]){4});
    tw_graph *graph;
    (void)state;
    assert_ok(tw_backend_find(&table, "ref", e));
    assert_string_equal(table->name, "ref");
    assert_fails(TW_EUSAGE, "isa avx2: CPU paths are the cpu backend's, ref is plain C",
                 table->open(&backend, "avx2", e));
    assert_ok(table->open(&backend, "auto", e));
    assert_ok(tw_graph_create(&graph, "input", &in, e));
    assert_fails(TW_EUNSUPPORTED, "backend ref computes in fp32 only, not in bf16",
                 table->plan_create(&plan, backend, graph, 1, TW_PRECISION_BF16, e));
    tw_graph_free(graph);
    table->close(backend);
    assert_fails(TW_EUSAGE, "no backend \"cpv\"; did you mean cpu",
                 tw_backend_find(&table, "cpv", e));
    assert_fails(TW_EUSAGE, "no backend \"cuda\"; there are cpu and ref",
                 tw_backend_find(&table, "cuda", e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolutions_are_tensorflows),
        cmocka_unit_test(poolings_are_tensorflows),
        cmocka_unit_test(adam_is_kerass),
        cmocka_unit_test(sgd_is_kerass),
        cmocka_unit_test(softmax_and_loss_are_tensorflows),
        cmocka_unit_test(the_first_maximum_wins),
        cmocka_unit_test(backends_are_found_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
