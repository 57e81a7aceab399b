/*
 * Model files made by hand to deceive: each class with its exact sentence, every prefix and every
 * flipped bit of a small good file. The format's own tests are in test_file.c.
 */
#include "model_fixture.h"

/* The entries of a good file: key, text. The network: 4x4x3 -> conv 2 -> gap -> predictions 3. */
static const char *const good[][2] = {
    {"topwork", "1"},
    {"graph",
     "[{\"op\":\"InputLayer\",\"name\":\"input\",\"inputs\":[],\"shape\":[4,4,3]},"
     "{\"op\":\"Conv2D\",\"name\":\"conv\",\"inputs\":[\"input\"],\"units\":2,\"window\":[3,3],"
     "\"stride\":[1,1],\"padding\":\"same\",\"activation\":\"relu\",\"initializer\":\"he_normal\"},"
     "{\"op\":\"GlobalAveragePooling2D\",\"name\":\"gap\",\"inputs\":[\"conv\"]},"
     "{\"op\":\"Dense\",\"name\":\"predictions\",\"inputs\":[\"gap\"],\"units\":3,"
     "\"activation\":\"softmax\",\"initializer\":\"glorot_uniform\"}]"},
    {"contract", "{\"height\":4,\"width\":4,\"colour\":\"rgb\",\"resize\":\"squash\","
                 "\"interpolation\":\"cubic\",\"preprocess\":\"none\"}"},
    {"classes", "[\"a\",\"b\",\"c\"]"},
    {"frozen", "[\"conv\"]"},
    {"provenance", "{}"},
    {"sha256", "\"0000000000000000000000000000000000000000000000000000000000000000\""},
};
enum { N_ENTRIES = sizeof good / sizeof good[0], N_NUMBERS = 54 };

/* What is changed: in the text under `key` the first `what` becomes `with`; NULL: all of it. */
static const struct {
    const char *key, *what, *with;
    const char *sentence;
} rows[] = {
    {"graph", NULL, "null", "graph: must be an array of layers"},
    {"graph", NULL, "\"x\"", "graph: must be an array of layers"},
    {"graph", NULL, "[[]]", "graph: layer 0 must be an object"},
    {"graph", NULL, "[null]", "graph: layer 0 must be an object"},
    {"graph", NULL, "[{}]", "graph: layer 0: \"name\" must be a string of 1 to 63 letters"},
    {"graph", NULL, "[{\"op\":\"Input\"}]",
     "graph: layer 0: \"name\" must be a string of 1 to 63 letters"},
    {"graph", NULL, "[{\"op\":\"Input\",\"name\":\"i\"}]", "graph: layer 0: unknown op \"Input\""},
    {"graph", "\"name\":\"conv\"", "\"name\":\"\"",
     "graph: layer 1: \"name\" must be a string of 1 to 63 letters"},
    {"graph", "\"name\":\"conv\"", "\"name\":7",
     "graph: layer 1: \"name\" must be a string of 1 to 63 letters"},
    {"graph", "\"name\":\"conv\"",
     "\"name\":\"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn\"",
     "graph: layer 1: \"name\" must be a string of 1 to 63 letters"},
    {"graph", "\"name\":\"conv\"", "\"name\":\"input\"",
     "graph: layer 1: layer name \"input\" is taken"},
    {"graph", "\"name\":\"conv\"", "\"name\":\"a/b\"",
     "graph: layer 2: input \"conv\" is no earlier layer"},
    {"graph", "\"op\":\"Conv2D\"", "\"op\":\"Conv3D\"", "graph: layer 1: unknown op \"Conv3D\""},
    {"graph", "\"op\":\"Conv2D\"", "\"op\":2", "graph: layer 1: \"op\" must be a string"},
    {"graph", "\"op\":\"Conv2D\"", "\"op\":\"Lambda\"", "graph: layer 1: unknown op \"Lambda\""},
    {"graph", "\"op\":\"InputLayer\"", "\"op\":\"Dense\"", "graph: layer 0: unknown key \"shape\""},
    {"graph", "\"op\":\"Conv2D\"", "\"op\":\"Input\"", "graph: layer 1: unknown op \"Input\""},
    {"graph", "\"inputs\":[\"input\"]", "\"inputs\":[\"conv\"]",
     "graph: layer 1: input \"conv\" is no earlier layer"},
    {"graph", "\"inputs\":[\"input\"]", "\"inputs\":[\"gap\"]",
     "graph: layer 1: input \"gap\" is no earlier layer"},
    {"graph", "\"inputs\":[\"input\"]", "\"inputs\":[]",
     "graph: layer 1: conv: Conv2D takes 1 inputs, got 0"},
    {"graph", "\"inputs\":[\"input\"]", "\"inputs\":[\"input\",\"input\"]",
     "graph: layer 1: conv: Conv2D takes 1 inputs, got 2"},
    {"graph", "\"inputs\":[\"input\"]", "\"inputs\":[\"input\",\"input\",\"input\"]",
     "graph: layer 1: \"inputs\" must be an array of at most 2 layer names"},
    {"graph", "\"inputs\":[\"input\"]", "\"inputs\":[0]",
     "graph: layer 1: \"inputs\" must be an array of at most 2 layer names"},
    {"graph", "\"inputs\":[\"input\"]", "\"inputs\":\"input\"",
     "graph: layer 1: \"inputs\" must be an array of at most 2 layer names"},
    {"graph", "\"inputs\":[\"conv\"]", "\"inputs\":[\"input\"]",
     "graph: nothing reads layer \"conv\""},
    {"graph", "\"inputs\":[],", "\"inputs\":[\"conv\"],",
     "graph: layer 0: input \"conv\" is no earlier layer"},
    {"graph", "\"units\":2,", "\"units\":0,",
     "graph: layer 1: \"units\" must be an integer from 1 to 2147483647"},
    {"graph", "\"units\":2,", "\"units\":-2,",
     "graph: layer 1: \"units\" must be an integer from 1 to 2147483647"},
    {"graph", "\"units\":2,", "\"units\":2147483648,",
     "graph: layer 1: \"units\" must be an integer from 1 to 2147483647"},
    {"graph", "\"units\":2,", "\"units\":2.0,",
     "graph: layer 1: \"units\" must be an integer from 1 to 2147483647"},
    {"graph", "\"units\":2,", "\"units\":\"2\",",
     "graph: layer 1: \"units\" must be an integer from 1 to 2147483647"},
    {"graph", "\"units\":2,", "\"units\":3,",
     "conv/kernel: expected 3x3x3x3, file has 3x3x3x2; conv/bias: expected 3, file has 2; "
     "predictions/kernel: expected 3x3, file has 2x3"},
    {"graph", "\"units\":2,", "\"units\":2147483647,",
     "conv/kernel: expected 3x3x3x2147483647, file has 3x3x3x2; conv/bias: expected 2147483647, "
     "file has 2; predictions/kernel: expected 2147483647x3, file has 2x3"},
    {"graph", "\"units\":2,", "",
     "graph: layer 1: \"units\" must be an integer from 1 to 2147483647"},
    {"graph", "\"window\":[3,3]", "\"window\":[3]",
     "graph: layer 1: \"window\" must be two integers from 1 to 2147483647"},
    {"graph", "\"window\":[3,3]", "\"window\":3",
     "graph: layer 1: \"window\" must be two integers from 1 to 2147483647"},
    {"graph", "\"window\":[3,3]", "\"window\":[0,3]",
     "graph: layer 1: \"window\" must be two integers from 1 to 2147483647"},
    {"graph", "\"window\":[3,3]", "\"window\":[3,2147483648]",
     "graph: layer 1: \"window\" must be two integers from 1 to 2147483647"},
    {"graph", "\"window\":[3,3]", "\"window\":[5,5]",
     "conv/kernel: expected 5x5x3x2, file has 3x3x3x2"},
    {"graph", "\"window\":[3,3]", "\"window\":[2147483647,2147483647]",
     "graph: layer 1: conv: a kernel of 2147483647x2147483647x3x2 is too large"},
    {"graph", "\"stride\":[1,1]", "\"stride\":[0,0]",
     "graph: layer 1: \"stride\" must be two integers from 1 to 2147483647"},
    {"graph", "\"stride\":[1,1]", "\"stride\":[1,1,1]",
     "graph: layer 1: \"stride\" must be two integers from 1 to 2147483647"},
    {"graph", "\"padding\":\"same\"", "\"padding\":\"full\"",
     "graph: layer 1: unknown padding \"full\""},
    {"graph", "\"padding\":\"same\"", "\"padding\":1",
     "graph: layer 1: \"padding\" must be a string"},
    {"graph", "\"activation\":\"relu\"", "\"activation\":\"lambda x: x\"",
     "graph: layer 1: unknown activation \"lambda x: x\""},
    {"graph", "\"activation\":\"relu\"", "\"activation\":null",
     "graph: layer 1: \"activation\" must be a string"},
    {"graph", "\"initializer\":\"he_normal\"", "\"initializer\":\"orthogonal\"",
     "graph: layer 1: unknown initializer \"orthogonal\""},
    {"graph", "\"units\":2,", "\"units\":2,\"code\":\"import os\",",
     "graph: layer 1: unknown key \"code\""},
    {"graph", "\"units\":2,", "\"units\":2,\"rate\":0.5,", "graph: layer 1: unknown key \"rate\""},
    {"graph", "\"shape\":[4,4,3]", "\"shape\":[4,4]",
     "graph: layer 0: input: an input is (H,W,C) or (C), got 2 dimensions"},
    {"graph", "\"shape\":[4,4,3]", "\"shape\":[4,4,0]",
     "graph: layer 0: \"shape\" must be an array of integers of at least 1"},
    {"graph", "\"shape\":[4,4,3]", "\"shape\":[4,4,-3]",
     "graph: layer 0: \"shape\" must be an array of integers of at least 1"},
    {"graph", "\"shape\":[4,4,3]", "\"shape\":[1,1,1,1,1,1,1,4,3]",
     "graph: layer 0: \"shape\" must be an array of at most 8 integers"},
    {"graph", "\"shape\":[4,4,3]", "\"shape\":[9223372036854775807,4,3]",
     "graph: layer 0: input: an output of 9223372036854775807x4x3 is too large"},
    {"graph", "\"shape\":[4,4,3]", "\"shape\":[4,4,1]",
     "the contract makes 4x4x3, the graph takes 4x4x1"},
    {"graph", "\"shape\":[4,4,3]", "\"shape\":\"4x4x3\"",
     "graph: layer 0: \"shape\" must be an array of at most 8 integers"},
    {"graph", "\"shape\":[4,4,3]", "\"shape\":[8,8,3]",
     "the contract makes 4x4x3, the graph takes 8x8x3"},
    {"graph", "\"shape\":[4,4,3]", "\"shape\":[]",
     "graph: layer 0: input: an input is (H,W,C) or (C), got 0 dimensions"},
    {"contract", "\"height\":4", "\"height\":0",
     "contract: \"height\" must be an integer from 1 to 16384"},
    {"contract", "\"height\":4", "\"height\":16385",
     "contract: \"height\" must be an integer from 1 to 16384"},
    {"contract", "\"height\":4", "\"height\":4.0",
     "contract: \"height\" must be an integer from 1 to 16384"},
    {"contract", "\"height\":4,", "", "contract: \"height\" must be an integer from 1 to 16384"},
    {"contract", "\"height\":4", "\"height\":5", "the contract makes 5x4x3, the graph takes 4x4x3"},
    {"contract", "\"width\":4", "\"width\":-1",
     "contract: \"width\" must be an integer from 1 to 16384"},
    {"contract", "\"colour\":\"rgb\"", "\"colour\":\"cmyk\"",
     "contract: no colour rule \"cmyk\"; the first of 2 is rgb"},
    {"contract", "\"colour\":\"rgb\"", "\"colour\":3", "contract: \"colour\" must be a string"},
    {"contract", "\"resize\":\"squash\"", "\"resize\":\"crop\"",
     "contract: \"crop_pct\" must be a number from 0.1 to 1"},
    {"contract", "\"interpolation\":\"cubic\"", "\"interpolation\":\"lanczos\"",
     "contract: no interpolation \"lanczos\"; the first of 7 is cubic"},
    {"contract", "\"preprocess\":\"none\"", "\"preprocess\":\"/bin/sh\"",
     "contract: no preprocessing \"/bin/sh\"; the first of 5 is none"},
    {"contract", "\"height\":4", "\"height\":4,\"mean\":[1,2,3]", "contract: unknown key \"mean\""},
    {"contract", NULL, "null", "contract: must be an object"},
    {"classes", NULL, "[\"a\",\"b\",3]", "\"classes\" must be an array of strings"},
    {"classes", NULL, "[\"a\",\"b\",\"c\",\"d\"]", "4 classes are named, the graph ends in 3"},
    {"classes", NULL, "\"abc\"", "\"classes\" must be an array of strings"},
    {"classes", NULL, "null", "\"classes\" must be an array of strings"},
    {"classes", NULL, "[\"a\"",
     "metadata \"classes\": not valid JSON at line 1 column 4: ']' expected near end of file"},
    {"frozen", NULL, "[\"conv\",\"conv2\"]", "\"frozen\" has an unknown layer \"conv2\""},
    {"frozen", NULL, "[1]", "\"frozen\" must be an array of strings"},
    {"frozen", NULL, "null", "\"frozen\" must be an array of strings"},
    {"frozen", NULL, "[\"conv\"]x",
     "metadata \"frozen\": not valid JSON at line 1 column 9: end of file expected near 'x'"},
    {"provenance", NULL, "[]", "\"provenance\" must be an object"},
    {"provenance", NULL, "null", "\"provenance\" must be an object"},
    {"provenance", NULL, "",
     "metadata \"provenance\": not valid JSON at line 1 column 0: unexpected token near end of "
     "file"},
    {"sha256", NULL, "null", "\"sha256\" must be a string of 64 hex digits"},
    {"sha256", NULL, "\"000000000000000000000000000000000000000000000000000000000000000\"",
     "\"sha256\" must be a string of 64 hex digits"},
    {"sha256", NULL, "\"00000000000000000000000000000000000000000000000000000000000000000\"",
     "\"sha256\" must be a string of 64 hex digits"},
    {"topwork", NULL, "null", "model format 0 is unknown, expected 1"},
    {"topwork", NULL, "0", "model format 0 is unknown, expected 1"},
    {"topwork", NULL, "-1", "model format -1 is unknown, expected 1"},
    {"topwork", NULL, "1.0", "model format 0 is unknown, expected 1"},
    {"topwork", NULL, "9223372036854775807",
     "model format 9223372036854775807 is unknown, expected 1"},
    {"topwork", NULL, "one",
     "metadata \"topwork\": not valid JSON at line 1 column 3: invalid token near 'one'"},
    {"topwork", NULL, "[1]", "model format 0 is unknown, expected 1"},
    {"topwork", NULL, "",
     "metadata \"topwork\": not valid JSON at line 1 column 0: unexpected token near end of file"},
};

/* The text with `what` replaced; in a buffer that the next call overwrites. */
static const char *change(const char *text, const char *what, const char *with)
{
    static char changed[1 << 15];
    const char *at = what ? strstr(text, what) : text;

    assert_non_null(at);
    snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - text), text, with,
             what ? at + strlen(what) : "");
    return changed;
}

/* Writes the good file with one change; key NULL: none. */
static void write_changed(const char *path, const char *key, const char *what, const char *with)
{
    float numbers[N_NUMBERS];
    const tw_safetensors_entry entries[] = {
        {"conv/kernel", {numbers, TW_F32, tw_shape_make(4, (int64_t[]){3, 3, 3, 2})}, 0},
        {"conv/bias", {numbers, TW_F32, tw_shape_make(1, (int64_t[]){2})}, 0},
        {"predictions/kernel", {numbers, TW_F32, tw_shape_make(2, (int64_t[]){2, 3})}, 0},
        {"predictions/bias", {numbers, TW_F32, tw_shape_make(1, (int64_t[]){3})}, 0}};
    tw_json *metadata = tw_json_new_object();

    for (int i = 0; i < N_NUMBERS; i++)
        numbers[i] = (float)(i + 1);
    for (int i = 0; i < N_ENTRIES; i++) {
        const char *text = good[i][1];

        if (key && strcmp(good[i][0], key) == 0)
            text = change(text, what, with);
        assert_true(tw_json_set(metadata, good[i][0], tw_json_new_string(text)));
    }
    assert_ok(tw_safetensors_write(path, entries, 4, metadata, e));
    tw_json_free(metadata);
}

static void every_class_has_its_sentence(void **state)
{
    char *path = path_in(state, "hostile");
    tw_model *model;

    write_changed(path, NULL, NULL, NULL);
    assert_ok(tw_model_open(&model, path, NULL, NULL, 0, e));
    tw_model_free(model);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        tw_error err = {TW_OK, ""};

        write_changed(path, rows[i].key, rows[i].what, rows[i].with);
        assert_int_equal(tw_model_open(&model, path, NULL, NULL, 0, &err), TW_EFILE);
        assert_null(model);
        assert_string_equal(err.text, about(path, rows[i].sentence));
    }
    tw_free(path);
}

static void more_layers_than_possible_are_told(void **state)
{
    enum { MOST = 4096, EACH = 5 };
    char *path = path_in(state, "many"), *text = tw_calloc(MOST + 2, EACH), *at = text;
    tw_model *model;

    *at++ = '[';
    for (int i = 0; i <= MOST; i++)
        at += sprintf(at, "%snull", i ? "," : "");
    sprintf(at, "]");
    write_changed(path, "graph", NULL, text);
    assert_fails(TW_EFILE, about(path, "graph: has 4097 layers, 1 to 4096 are possible"),
                 tw_model_open(&model, path, NULL, NULL, 0, e));
    tw_free(text);
    tw_free(path);
}

/* ---- damage */

static tw_status open_bytes(const char *path, const char *bytes, size_t n, tw_error *err)
{
    FILE *f = fopen(path, "wb");
    tw_model *model;
    tw_status rc;

    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
    rc = tw_model_open(&model, path, NULL, NULL, 0, err);
    if (!rc)
        rc = tw_model_check_weights(model, err);
    tw_model_free(model);
    return rc;
}

static void no_prefix_opens(void **state)
{
    char *path = path_in(state, "prefix"), *bytes;
    size_t n_bytes;

    write_changed(path, NULL, NULL, NULL);
    assert_ok(tw_file_read(&bytes, &n_bytes, path, 1 << 20, e));
    for (size_t n = 0; n < n_bytes; n++) {
        tw_error err = {TW_OK, ""};

        assert_int_equal(open_bytes(path, bytes, n, &err), TW_EFILE);
        assert_memory_equal(err.text, path, strlen(path));
    }
    tw_free(bytes);
    tw_free(path);
}

/* Nothing that opens passes the hash, which is not the file's. */
static void every_flipped_bit_gives_a_sentence(void **state)
{
    char *path = path_in(state, "bit"), *bytes;
    size_t n;

    write_changed(path, NULL, NULL, NULL);
    assert_ok(tw_file_read(&bytes, &n, path, 1 << 20, e));
    for (size_t bit = 0; bit < 8 * n; bit++) {
        tw_error err = {TW_OK, ""};

        bytes[bit / 8] = (char)(bytes[bit / 8] ^ (1 << bit % 8));
        assert_int_equal(open_bytes(path, bytes, n, &err), TW_EFILE);
        assert_memory_equal(err.text, path, strlen(path));
        assert_true(strlen(err.text) > strlen(path) + 2);
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ (1 << bit % 8));
    }
    tw_free(bytes);
    tw_free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_class_has_its_sentence),
        cmocka_unit_test(more_layers_than_possible_are_told),
        cmocka_unit_test(no_prefix_opens),
        cmocka_unit_test(every_flipped_bit_gives_a_sentence),
    };

    return cmocka_run_group_tests(tests, check_make_folder, check_remove_folder);
}
