/* What known pictures look like, in a model file: what is written is read, and nothing else is. */
#include "tiny_model.h"

#include "model/model_int.h"

#include <math.h>

enum { CHANNELS = 6, CLASSES = 5 };

static tw_status read_it(const char *text, tw_error *err)
{
    tw_known known;
    tw_json *json;
    tw_status rc;

    assert_ok(tw_json_parse(&json, text, strlen(text), "test", e));
    rc = tw_known_from_json(&known, json, "pool2", "m.safetensors", err);
    tw_json_free(json);
    return rc;
}

static void test_wrong_texts_are_named(void **state)
{
    static const struct {
        const char *text, *sentence;
    } bad[] = {
        {"[1]", "must be an object"},
        {"{\"layer\": \"pool2\", \"bias\": 1}", "unknown key \"bias\""},
        {"{\"layer\": 1}", "\"layer\" must be a string"},
        {"{\"layer\": \"pool1\"}", "is of layer \"pool1\", the frozen part ends with \"pool2\""},
        {"{\"layer\": \"pool2\"}", "\"pictures\" must be a number from 1 on"},
        {"{\"layer\": \"pool2\", \"pictures\": 0}", "\"pictures\" must be a number from 1 on"},
        {"{\"layer\": \"pool2\", \"pictures\": 1, \"quantile\": 0}",
         "\"quantile\" must be a number above 0, at most 1"},
        {"{\"layer\": \"pool2\", \"pictures\": 1, \"quantile\": 1.5}",
         "\"quantile\" must be a number above 0, at most 1"},
        {"{\"layer\": \"pool2\", \"pictures\": 1, \"quantile\": 1}",
         "\"threshold\" must be a number from 0 to 2"},
        {"{\"layer\": \"pool2\", \"pictures\": 1, \"quantile\": 1, \"threshold\": -0.1}",
         "\"threshold\" must be a number from 0 to 2"},
        {"{\"layer\": \"pool2\", \"pictures\": 1, \"quantile\": 1, \"threshold\": 2.1}",
         "\"threshold\" must be a number from 0 to 2"},
    };
    char wanted[160];

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        snprintf(wanted, sizeof wanted, "m.safetensors: known: %s", bad[i].sentence);
        assert_fails(TW_EFILE, wanted, read_it(bad[i].text, e));
    }
}

/* A model of five classes that knows them; mean k lies along channel k. */
static tw_model *make_model(void)
{
    char *names[CLASSES] = {"a", "b", "c", "d", "e"};
    tw_model *model = tiny_model(3);

    assert_ok(tw_model__copy_classes(model, names, CLASSES, e));
    model->known = (tw_known){tw_alloc_f32(CLASSES * CHANNELS), CHANNELS, 12, 0.99, 0.125};
    for (int k = 0; k < CLASSES - 1; k++)
        model->known.means[k * CHANNELS + k] = 1.0f;
    return model;
}

/* Writes and frees it. */
static void write_model(tw_model *model, const char *path)
{
    assert_int_equal(tw_known_channels(model), CHANNELS);
    assert_ok(tw_model_write(model, path, e));
    tw_model_free(model);
}

static void assert_refused(const char *path, const char *sentence)
{
    char wanted[4200];
    tw_model *model;

    snprintf(wanted, sizeof wanted, "%s: %s", path, sentence);
    assert_fails(TW_EFILE, wanted, tw_model_open(&model, path, NULL, NULL, 0, e));
    assert_null(model);
}

static void test_what_is_written_is_read(void **state)
{
    char *path = path_in(*state, "known.safetensors");
    tw_model *wanted = make_model(), *model;

    write_model(make_model(), path);
    assert_ok(tw_model_open(&model, path, NULL, NULL, 0, e));
    assert_true(tw_model_knows_pictures(model));
    assert_true(tw_model_reject_threshold(model) == 0.125 && model->known.quantile == 0.99);
    assert_int_equal(model->known.n, 12);
    assert_int_equal(model->known.n_channels, CHANNELS);
    assert_memory_equal(model->known.means, wanted->known.means,
                        CLASSES * CHANNELS * sizeof(float));
    tw_model_free(model);
    tw_model_free(wanted);
    /* it is of the classes: a cut model has none */
    assert_ok(tw_model_open(&model, path, NULL, "pool1", 0, e));
    assert_false(tw_model_knows_pictures(model));
    tw_model_free(model);
    free(path);
}

static void test_wrong_means_are_named(void **state)
{
    char *path = path_in(*state, "wrong.safetensors");
    tw_model *model = make_model();

    model->known.means[1] = 1.0f;
    write_model(model, path);
    assert_refused(path, "known/means: row 0 has the length 1.41421, expected 1 or 0");
    model = make_model();
    model->known.means[3 * CHANNELS] = NAN;
    write_model(model, path);
    assert_refused(path, "known/means: row 3 has the length nan, expected 1 or 0");
    model = make_model();
    model->known.means[4 * CHANNELS] = INFINITY;
    write_model(model, path);
    assert_refused(path, "known/means: row 4 has the length inf, expected 1 or 0");
    model = make_model();
    model->known.n_channels = 4;
    write_model(model, path);
    assert_refused(path, "known/means: expected F32 5x6, file has F32 5x4");
    model = make_model();
    model->known.threshold = 7;
    write_model(model, path);
    assert_refused(path, "known: \"threshold\" must be a number from 0 to 2");
    free(path);
}

/* In the file, where it is found first. */
static void replace(const char *path, const char *old, const char *new)
{
    static char bytes[1 << 16];
    FILE *file = fopen(path, "r+b");
    size_t n = fread(bytes, 1, sizeof bytes, file), at = 0;

    assert_int_equal(strlen(old), strlen(new));
    while (at + strlen(old) <= n && memcmp(bytes + at, old, strlen(old)) != 0)
        at++;
    assert_true(at + strlen(old) <= n);
    assert_int_equal(fseek(file, (long)at, SEEK_SET), 0);
    assert_int_equal(fwrite(new, 1, strlen(new), file), strlen(new));
    fclose(file);
}

static void test_one_without_the_other(void **state)
{
    char *path = path_in(*state, "half.safetensors");

    write_model(make_model(), path);
    replace(path, "known/means", "known/meanz");
    assert_refused(path, "known: there is no tensor known/means");
    write_model(make_model(), path);
    replace(path, "\"known\":", "\"knowm\":");
    assert_refused(path, "unknown layer \"known\"");
    write_model(make_model(), path);
    replace(path, "\"[\\\"a\\\",\\\"b\\\",\\\"c\\\",\\\"d\\\",\\\"e\\\"]\"",
            "\"[                             ]\"");
    assert_refused(path, "known: the model has no classes");
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_wrong_texts_are_named),
                                       cmocka_unit_test(test_what_is_written_is_read),
                                       cmocka_unit_test(test_wrong_means_are_named),
                                       cmocka_unit_test(test_one_without_the_other)};

    return cmocka_run_group_tests_name("model/known", tests, check_make_folder,
                                       check_remove_folder);
}
