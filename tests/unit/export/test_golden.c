/*
 * The same files as ever: tests/golden/export/ holds a tiny classifier as this room writes it, and
 * what ONNX Runtime, Keras and PyTorch made of those files (tools/check_exports.py golden). The
 * bytes are compared, and topwork's probabilities with theirs.
 *
 * TW_REWRITE=1 writes the files anew instead; the tool then makes the probabilities.
 */
#include "export_fixture.h"

#include <tw/infer.h>

#include <math.h>

enum { N_PICTURES = 4 };

static const struct {
    const char *name;
    tw_export_options options;
} files[] = {
    {"tiny.onnx", {.format = TW_EXPORT_ONNX, .with_preprocessing = 1}},
    {"tiny.h5", {.format = TW_EXPORT_KERAS_H5}},
    {"tiny-torch.safetensors", {.format = TW_EXPORT_TORCH}},
};
enum { N_FILES = sizeof files / sizeof files[0], VERSION_AT = 12 };

/* ONNX says topwork's version as its producer's: not part of the comparison. */
static void drop_version(char *bytes, size_t *n)
{
    const size_t n_version = (size_t)bytes[VERSION_AT];

    assert_memory_equal(bytes, "\x08\x07\x12\x07topwork\x1a", VERSION_AT);
    *n -= n_version;
    memmove(bytes + VERSION_AT + 1, bytes + VERSION_AT + 1 + n_version, *n - VERSION_AT - 1);
    bytes[VERSION_AT] = 0;
}

static void files_have_the_same_bytes(void **state)
{
    tw_model *model = flat_model();

    for (int i = 0; i < N_FILES; i++) {
        char *golden = path_in(TW_TEST_DATA "/export", files[i].name);
        char *path = path_in(*state, files[i].name), *wanted, *made;
        size_t n_wanted, n_made;

        assert_ok(
            tw_export__write(model, getenv("TW_REWRITE") ? golden : path, &files[i].options, e));
        if (!getenv("TW_REWRITE")) {
            assert_ok(tw_file_read(&wanted, &n_wanted, golden, 1 << 20, e));
            assert_ok(tw_file_read(&made, &n_made, path, 1 << 20, e));
            if (files[i].options.format == TW_EXPORT_ONNX) {
                drop_version(wanted, &n_wanted);
                drop_version(made, &n_made);
            }
            assert_int_equal(n_made, n_wanted);
            assert_memory_equal(made, wanted, n_made);
            tw_free(wanted);
            tw_free(made);
        }
        free(golden);
        free(path);
    }
    tw_model_free(model);
}

/* Lines "framework p p p ...": a row of probabilities a picture. */
static void frameworks_make_the_same_of_them(void **state)
{
    static const char *const names[] = {"onnxruntime", "keras", "torch"};
    tw_model *model;
    tw_engine *engine;
    tw_picture pictures[N_PICTURES];
    float rows[N_PICTURES * TINY_CLASSES];
    FILE *file = fopen(TW_TEST_DATA "/export/tiny.txt", "r");
    const tw_compute compute = {.n_threads = 1};

    (void)state;
    assert_non_null(file);
    assert_ok(tw_model_open(&model, TW_TEST_DATA "/export/tiny.onnx", NULL, NULL, 0, e));
    assert_string_equal(tw_model_class_name(model, 2), "\xc3\x9f \"q\"");
    for (int i = 0; i < N_PICTURES; i++)
        pictures[i] = formula_picture(i);
    assert_ok(tw_engine_create(&engine, model, NULL, &compute, e));
    assert_ok(tw_engine_predict(engine, pictures, N_PICTURES, rows, e));
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char line[4096], *at;

        do
            assert_non_null(fgets(line, sizeof line, file));
        while (line[0] == '#');
        assert_int_equal(strncmp(line, names[i], strlen(names[i])), 0);
        at = line + strlen(names[i]);
        for (int k = 0; k < N_PICTURES * TINY_CLASSES; k++) {
            const double theirs = strtod(at, &at);
            assert_true(fabs(theirs - (double)rows[k]) < 2e-6);
        }
    }
    fclose(file);
    for (int i = 0; i < N_PICTURES; i++)
        tw_picture_free(&pictures[i]);
    tw_engine_free(engine);
    tw_model_free(model);
}

/* Every bit flipped, every prefix: a model, or a sentence about the file. */
static void any_damage_is_survived(void **state)
{
    char *path = path_in(*state, "damaged.onnx"), *bytes;
    size_t n;

    assert_ok(tw_file_read(&bytes, &n, TW_TEST_DATA "/export/tiny.onnx", 1 << 20, e));
    for (size_t i = 0; i < 9 * n; i++) {
        const size_t size = i < 8 * n ? n : i - 8 * n;
        tw_error err = {TW_OK, ""};
        tw_model *model;
        tw_status rc;

        if (i < 8 * n)
            bytes[i / 8] = (char)(bytes[i / 8] ^ (1 << i % 8));
        unlink(path);
        write_bytes(path, bytes, size);
        rc = tw_model_open(&model, path, NULL, NULL, 0, &err);
        assert_true(rc == TW_OK ? size == n : rc == TW_EFILE && strlen(err.text) > 0);
        tw_model_free(model);
        if (i < 8 * n)
            bytes[i / 8] = (char)(bytes[i / 8] ^ (1 << i % 8));
    }
    tw_free(bytes);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_have_the_same_bytes),
        cmocka_unit_test(frameworks_make_the_same_of_them),
        cmocka_unit_test(any_damage_is_survived),
    };
    return cmocka_run_group_tests(tests, check_make_folder, check_remove_folder);
}
