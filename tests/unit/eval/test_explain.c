/* Grad-CAM against PyTorch's autograd on a photograph and VGG16's trained trunk
 * (tools/golden/explain.py), where those are at hand; and its refusals on a tiny model. */
#include "tiny_model.h"

#include "eval/overlay.h"
#include "graph/graph.h"

#include <tw/eval.h>

#include <math.h>

#define WEIGHTS TW_SHARED "/weights/hed_vgg16_notop.h5"
#define PICTURE TW_SHARED "/data/ants-bees/val/bees/1519368889_4270261ee3.jpg"

enum { MAX_PLACES = 28 * 28 };

static uint32_t next_byte(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 24;
}

/* As the script makes them. */
static void fill_kernel(tw_param *param, uint32_t seed, int scale)
{
    for (int64_t i = 0; i < tw_shape_size(&param->shape); i++)
        param->data[i] = ldexpf((float)next_byte(&seed) - 128.0f, -scale);
}

static tw_model *make_model(const tw_model *trunk, const char *kind)
{
    static char *const classes[] = {"a", "b", "c"};
    const bool is_flat = strcmp(kind, "flat") == 0;
    tw_graph *top;
    tw_model *model;
    int last;

    assert_ok(tw_graph_parse_top(&top, tw_graph_output_shape(trunk->graph),
                                 is_flat ? "8 relu, dropout 0.5" : "gap", 3, e));
    assert_ok(tw_model_add_top(&model, trunk, top, trunk->graph->n - 1, classes, 3, 1, e));
    last = model->graph->n - 1;
    fill_kernel(&model->params[last][0], 7, 10);
    if (is_flat)
        fill_kernel(&model->params[last - 2][0], 9, 20);
    tw_graph_free(top);
    return model;
}

static double read_number(FILE *file, const char *word)
{
    char found[16];
    double out;

    if (word) {
        assert_int_equal(fscanf(file, "%15s", found), 1);
        assert_string_equal(found, word);
    }
    assert_int_equal(fscanf(file, "%lf", &out), 1);
    return out;
}

static void check_map(FILE *file, const tw_explanation *found, const char *backend)
{
    for (int i = 0; i < found->height * found->width; i++) {
        double theirs = read_number(file, i == 0 ? "map" : NULL);

        if (!(fabs((double)found->map[i] - theirs) < 2e-4))
            fail_msg("%s, %s, place %d: %.9g, PyTorch has %.9g", backend, found->layer, i,
                     (double)found->map[i], theirs);
    }
}

static void check_case(FILE *file, const tw_model *trunk, const tw_picture *picture,
                       const char *backend)
{
    const tw_compute compute = {.backend = backend};
    char kind[8], layer[32];
    int c, height, width, best = 0;
    double logits[3], sum = 0.0, strongest;
    tw_explanation found;
    tw_model *model;

    assert_int_equal(fscanf(file, "%7s %31s %d %d %d", kind, layer, &c, &height, &width), 5);
    model = make_model(trunk, kind);
    assert_ok(tw_explain(&found, model, picture, layer, c, &compute, e));
    for (int i = 0; i < 3; i++) {
        logits[i] = read_number(file, i == 0 ? "logits" : NULL);
        best = logits[i] > logits[best] ? i : best;
    }
    for (int i = 0; i < 3; i++)
        sum += exp(logits[i] - logits[c]);
    assert_int_equal(found.height, height);
    assert_int_equal(found.width, width);
    assert_string_equal(found.layer, layer);
    assert_int_equal(found.predicted, best);
    if (!(fabs(found.probability - 1.0 / sum) < 1e-4))
        fail_msg("%s %s %d: %.9g, PyTorch has %.9g", kind, layer, c, found.probability, 1.0 / sum);
    strongest = read_number(file, "strongest");
    assert_true(fabs(found.strongest - strongest) < 2e-4 * strongest);
    check_map(file, &found, backend);
    tw_explanation_free(&found);
    tw_model_free(model);
}

static void check_cases(const char *backend, int n_wanted)
{
    FILE *file;
    tw_model *trunk;
    tw_picture picture;
    char word[16];
    int n_cases = 0;

    if (access(WEIGHTS, R_OK) != 0 || access(PICTURE, R_OK) != 0)
        skip();
    assert_non_null(file = fopen(TW_TEST_DATA "/explain.txt", "r"));
    while (fgetc(file) != '\n') /* versions */
        assert_false(feof(file));
    assert_ok(tw_model_open(&trunk, "vgg16", WEIGHTS, "block5_pool", 0, e));
    assert_ok(tw_picture_read(&picture, PICTURE, e));
    while (n_cases < n_wanted && fscanf(file, "%15s", word) == 1) {
        assert_string_equal(word, "case");
        check_case(file, trunk, &picture, backend);
        n_cases++;
    }
    fclose(file);
    assert_int_equal(n_cases, n_wanted);
    tw_picture_free(&picture);
    tw_model_free(trunk);
}

static void test_cpu_gives_pytorchs_maps(void **state)
{
    (void)state;
    check_cases("cpu", 5);
}

static void test_ref_gives_pytorchs_maps(void **state)
{
    (void)state;
    check_cases("ref", 1); /* seconds each */
}

/* ---- on a tiny model */

static tw_model *named_model(void)
{
    static char *const names[] = {"a", "b", "c"};
    tw_model *model = tiny_model(3);
    int n = (int)tw_graph_output_shape(model->graph)->dims[0];

    model->classes = tw_calloc((size_t)n, sizeof *model->classes);
    for (int i = 0; i < n; i++)
        model->classes[i] = tw_strdup(names[i % 3]);
    model->n_classes = n;
    return model;
}

static void test_what_cannot_be_explained(void **state)
{
    tw_model *model = named_model(), *bare = tiny_model(3);
    uint8_t pixels[3 * 4] = {0};
    const tw_picture picture = {.height = 2, .width = 2, .channels = 3, .pixels = pixels};
    const char *last = model->graph->nodes[model->graph->n - 1].name;
    char sentence[160];
    tw_explanation found;

    (void)state;
    assert_fails(TW_EFILE, "the model has no classes, there is nothing to explain",
                 tw_explain(&found, bare, &picture, NULL, -1, NULL, e));
    snprintf(sentence, sizeof sentence, "class %d of %d: the first one is 0", model->n_classes,
             model->n_classes);
    assert_fails(TW_EUSAGE, sentence,
                 tw_explain(&found, model, &picture, NULL, model->n_classes, NULL, e));
    snprintf(sentence, sizeof sentence, "layer \"%s\" has no places that a map could show", last);
    assert_fails(TW_EUSAGE, sentence, tw_explain(&found, model, &picture, last, -1, NULL, e));
    assert_fails(TW_EUSAGE, "layer \"input_1\" has no places that a map could show",
                 tw_explain(&found, model, &picture, "input_1", -1, NULL, e));
    assert_null(found.map);
    tw_model_free(model);
    tw_model_free(bare);
}

static void test_the_most_probable_class_is_taken_unless_one_is_asked_for(void **state)
{
    tw_model *model = named_model();
    uint8_t pixels[3 * 4] = {9, 200, 30, 255, 0, 90, 7, 8, 120, 44, 180, 3};
    const tw_picture picture = {.height = 2, .width = 2, .channels = 3, .pixels = pixels};
    tw_explanation any, asked;
    double sum = 0.0;

    (void)state;
    assert_ok(tw_explain(&any, model, &picture, NULL, -1, NULL, e));
    assert_int_equal(any.class_index, any.predicted);
    for (int c = 0; c < model->n_classes; c++) {
        assert_ok(tw_explain(&asked, model, &picture, NULL, c, NULL, e));
        assert_int_equal(asked.predicted, any.predicted);
        assert_true(asked.probability <= any.probability);
        sum += asked.probability;
        if (c == any.predicted)
            assert_memory_equal(asked.map, any.map,
                                (size_t)(any.height * any.width) * sizeof *any.map);
        tw_explanation_free(&asked);
    }
    assert_true(fabs(sum - 1.0) < 1e-6);
    assert_int_equal(any.shown.height, TINY_SIDE);
    assert_int_equal(any.shown.channels, 3);
    tw_explanation_free(&any);
    tw_model_free(model);
}

static void test_a_map_lies_over_the_picture_where_it_belongs(void **state)
{
    uint8_t pixels[4 * 4 * 3];
    const tw_picture picture = {.height = 4, .width = 4, .channels = 3, .pixels = pixels};
    const float map[4] = {1, 0, 0, 0};
    tw_picture out;

    (void)state;
    memset(pixels, 100, sizeof pixels);
    assert_ok(tw_overlay_make(&out, &picture, map, 2, 2, e));
    /* 0.6 of (230,0,0) in the first corner, 0.25 of (0,0,160) in the last */
    assert_int_equal(out.pixels[0], 178);
    assert_int_equal(out.pixels[1], 40);
    assert_int_equal(out.pixels[2], 40);
    assert_int_equal(out.pixels[45], 75);
    assert_int_equal(out.pixels[46], 75);
    assert_int_equal(out.pixels[47], 115);
    tw_picture_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cpu_gives_pytorchs_maps),
        cmocka_unit_test(test_ref_gives_pytorchs_maps),
        cmocka_unit_test(test_what_cannot_be_explained),
        cmocka_unit_test(test_the_most_probable_class_is_taken_unless_one_is_asked_for),
        cmocka_unit_test(test_a_map_lies_over_the_picture_where_it_belongs),
    };

    return cmocka_run_group_tests_name("eval/explain", tests, NULL, NULL);
}
