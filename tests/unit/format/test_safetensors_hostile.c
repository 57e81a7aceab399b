/*
 * safetensors made by hand to deceive: each class with its exact sentence, every prefix and every
 * flipped bit of a small good file. The rules one by one are in test_safetensors.c.
 */
#include "format/weights.h"
#include "tensor/tensor.h"

#include "check.h"
#include "make_files.h"

/* A header of one tensor "a"; the data that follows is n zero bytes. */
#define ENTRY(dtype, shape, offsets) \
    "{\"a\":{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" offsets "}}"

static const struct {
    const char *header;
    size_t n_data;
    const char *sentence;
} rows[] = {
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}x", 8,
     "not valid JSON at line 1 column 55: end of file expected near 'x'"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}{\"a\":{\"dtype\":\"F32\","
     "\"shape\":[2],\"data_offsets\":[0,8]}}",
     8, "not valid JSON at line 1 column 55: end of file expected near '{'"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}", 8,
     "not valid JSON at line 1 column 53: '}' expected near end of file"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]", 8,
     "not valid JSON at line 1 column 52: '}' expected near end of file"},
    {ENTRY("\"F32\",", "[2]", "[0,8]"), 8,
     "not valid JSON at line 1 column 21: string or '}' expected near ','"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},}", 8,
     "not valid JSON at line 1 column 55: string or '}' expected near '}'"},
    {"{'a':{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8,
     "not valid JSON at line 1 column 2: string or '}' expected near '''"},
    {"{a:{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8,
     "not valid JSON at line 1 column 2: string or '}' expected near 'a'"},
    {"{\"a\":NaN}", 8, "not valid JSON at line 1 column 8: invalid token near 'NaN'"},
    {"{\"a\":Infinity}", 8, "not valid JSON at line 1 column 13: invalid token near 'Infinity'"},
    {"{\"a\":0x10}", 8, "not valid JSON at line 1 column 7: '}' expected near 'x'"},
    {"{\"a\":01}", 8, "not valid JSON at line 1 column 6: invalid token near '0'"},
    {"{\"a\":+1}", 8, "not valid JSON at line 1 column 6: invalid token near '+'"},
    {"{\"a\":.5}", 8, "not valid JSON at line 1 column 6: invalid token near '.'"},
    {"{\"a\":1e999}", 8, "not valid JSON at line 1 column 10: real number overflow near '1e999'"},
    {"{\"a\":99999999999999999999}", 8,
     "not valid JSON at line 1 column 25: too big integer near '99999999999999999999'"},
    {"{\"a\":\"\\ud800\"}", 8,
     "not valid JSON at line 1 column 13: invalid Unicode '\\uD800' near '\"\\ud800\"'"},
    {"{\"a\":\"\\u0000\"}", 8,
     "not valid JSON at line 1 column 13: \\u0000 is not allowed without JSON_ALLOW_NUL near "
     "'\"\\u0000\"'"},
    {"{\"\\u0000\":1}", 8,
     "not valid JSON at line 1 column 9: NUL byte in object key not supported near '\"\\u0000\"'"},
    {"{\"a\":\"\\x\"}", 8, "not valid JSON at line 1 column 8: invalid escape near '\"\\x'"},
    {"{\"a\":\"\012\"}", 8, "not valid JSON at line 1 column 6: unexpected newline near '\"'"},
    {"{\"a\":\"unfinished}", 8,
     "not valid JSON at line 1 column 17: premature end of input near '\"unfinished}'"},
    {"{/**/}", 8, "not valid JSON at line 1 column 2: string or '}' expected near '/'"},
    {"{\"a\":tru}", 8, "not valid JSON at line 1 column 8: invalid token near 'tru'"},
    {"{\"a\"}", 8, "not valid JSON at line 1 column 5: ':' expected near '}'"},
    {"{\"a\":}", 8, "not valid JSON at line 1 column 6: unexpected token near '}'"},
    {"{1:2}", 8, "not valid JSON at line 1 column 2: string or '}' expected near '1'"},
    {"{\"a\":1,\"a\":2}", 8,
     "not valid JSON at line 1 column 10: duplicate object key near '\"a\"'"},
    {"{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8,
     "not valid JSON at line 1 column 27: duplicate object key near '\"dtype\"'"},
    {"{\"__metadata__\":{},\"__metadata__\":{}}", 8,
     "not valid JSON at line 1 column 33: duplicate object key near '\"__metadata__\"'"},
    {"{\"a\":\"\377\"}", 8,
     "not valid JSON at line 1 column 6: unable to decode byte 0xff near '\"'"},
    {"{\"a\":\"\300\257\"}", 8,
     "not valid JSON at line 1 column 6: unable to decode byte 0xc0 near '\"'"},
    {"{\"a\":\"\355\240\200\"}", 8,
     "not valid JSON at line 1 column 6: unable to decode byte 0xed near '\"'"},
    {ENTRY("\"f32\"", "[2]", "[0,8]"), 8, "a: dtype f32 is not supported"},
    {ENTRY("\"\"", "[2]", "[0,8]"), 8, "a: dtype  is not supported"},
    {ENTRY("\"F8_E4M3\"", "[2]", "[0,8]"), 8, "a: dtype F8_E4M3 is not supported"},
    {ENTRY("\"F4\"", "[2]", "[0,8]"), 8, "a: dtype F4 is not supported"},
    {ENTRY("null", "[2]", "[0,8]"), 8, "a: dtype (none) is not supported"},
    {ENTRY("[\"F32\"]", "[2]", "[0,8]"), 8, "a: dtype (none) is not supported"},
    {ENTRY("true", "[2]", "[0,8]"), 8, "a: dtype (none) is not supported"},
    {ENTRY("\"F32\"", "null", "[0,8]"), 8, "a: shape must be a list of at most 8 sizes"},
    {ENTRY("\"F32\"", "{}", "[0,8]"), 8, "a: shape must be a list of at most 8 sizes"},
    {ENTRY("\"F32\"", "\"2\"", "[0,8]"), 8, "a: shape must be a list of at most 8 sizes"},
    {ENTRY("\"F32\"", "[true]", "[0,8]"), 8, "a: a size in its shape is no whole number >= 0"},
    {ENTRY("\"F32\"", "[null]", "[0,8]"), 8, "a: a size in its shape is no whole number >= 0"},
    {ENTRY("\"F32\"", "[\"2\"]", "[0,8]"), 8, "a: a size in its shape is no whole number >= 0"},
    {ENTRY("\"F32\"", "[[2]]", "[0,8]"), 8, "a: a size in its shape is no whole number >= 0"},
    {ENTRY("\"F32\"", "[2.0]", "[0,8]"), 8, "a: a size in its shape is no whole number >= 0"},
    {ENTRY("\"F32\"", "[-1]", "[0,8]"), 8, "a: a size in its shape is no whole number >= 0"},
    {ENTRY("\"F32\"", "[1,-2]", "[0,8]"), 8, "a: a size in its shape is no whole number >= 0"},
    {ENTRY("\"F32\"", "[9223372036854775807]", "[0,8]"), 8, "a: the shape overflows"},
    {ENTRY("\"F32\"", "[9223372036854775808]", "[0,8]"), 8,
     "not valid JSON at line 1 column 48: too big integer near '9223372036854775808'"},
    {ENTRY("\"F32\"", "[4611686018427387904]", "[0,8]"), 8, "a: the shape overflows"},
    {ENTRY("\"F32\"", "[4294967296,4294967296,0]", "[0,8]"), 8, "a: the shape overflows"},
    {ENTRY("\"F32\"", "[3]", "[0,8]"), 8, "a: its shape needs 12 bytes, data_offsets give 8"},
    {ENTRY("\"F32\"", "[1]", "[0,8]"), 8, "a: its shape needs 4 bytes, data_offsets give 8"},
    {ENTRY("\"F32\"", "[0]", "[0,8]"), 8, "a: its shape needs 0 bytes, data_offsets give 8"},
    {ENTRY("\"F32\"", "[2,2]", "[0,8]"), 8, "a: its shape needs 16 bytes, data_offsets give 8"},
    {ENTRY("\"F32\"", "[2]", "null"), 8, "a: data_offsets must be two whole numbers"},
    {ENTRY("\"F32\"", "[2]", "{}"), 8, "a: data_offsets must be two whole numbers"},
    {ENTRY("\"F32\"", "[2]", "[]"), 8, "a: data_offsets must be two whole numbers"},
    {ENTRY("\"F32\"", "[2]", "[0]"), 8, "a: data_offsets must be two whole numbers"},
    {ENTRY("\"F32\"", "[2]", "[0,8,8]"), 8, "a: data_offsets must be two whole numbers"},
    {ENTRY("\"F32\"", "[2]", "[0,8.0]"), 8, "a: data_offsets must be two whole numbers"},
    {ENTRY("\"F32\"", "[2]", "[\"0\",\"8\"]"), 8, "a: data_offsets must be two whole numbers"},
    {ENTRY("\"F32\"", "[2]", "[-8,0]"), 8, "a: data_offsets -8 to 0, the file holds 8 bytes"},
    {ENTRY("\"F32\"", "[2]", "[0,-8]"), 8, "a: data_offsets 0 to -8, the file holds 8 bytes"},
    {ENTRY("\"F32\"", "[2]", "[8,0]"), 8, "a: data_offsets 8 to 0, the file holds 8 bytes"},
    {ENTRY("\"F32\"", "[2]", "[0,9]"), 8, "a: data_offsets 0 to 9, the file holds 8 bytes"},
    {ENTRY("\"F32\"", "[2]", "[1,9]"), 8, "a: data_offsets 1 to 9, the file holds 8 bytes"},
    {ENTRY("\"F32\"", "[2]", "[0,4]"), 8, "a: its shape needs 8 bytes, data_offsets give 4"},
    {ENTRY("\"F32\"", "[2]", "[4,8]"), 8, "a: its shape needs 8 bytes, data_offsets give 4"},
    {ENTRY("\"F32\"", "[2]", "[0,18446744073709551615]"), 8,
     "not valid JSON at line 1 column 70: too big integer near '18446744073709551615'"},
    {ENTRY("\"F32\"", "[2]", "[9223372036854775800,9223372036854775807]"), 8,
     "a: data_offsets 9223372036854775800 to 9223372036854775807, the file holds 8 bytes"},
    {"{\"a\":[]}", 8, "a: must have dtype, shape and data_offsets"},
    {"{\"a\":null}", 8, "a: must have dtype, shape and data_offsets"},
    {"{\"a\":{}}", 8, "a: must have dtype, shape and data_offsets"},
    {ENTRY("\"F32\"", "[2]", "[0,8],\"more\":1"), 8, "a: must have dtype, shape and data_offsets"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"offsets\":[0,8]}}", 8,
     "a: data_offsets must be two whole numbers"},
    {"{\"a\":{\"Dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8,
     "a: dtype (none) is not supported"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},\"b\":{\"dtype\":\"F32\","
     "\"shape\":[1],\"data_offsets\":[4,8]}}",
     8, "b: begins at 4, the one before ends at 8"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"b\":{\"dtype\":\"F32\","
     "\"shape\":[1],\"data_offsets\":[8,12]}}",
     12, "b: begins at 8, the one before ends at 4"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]},\"b\":{\"dtype\":\"F32\","
     "\"shape\":[1],\"data_offsets\":[8,12]}}",
     12, "a: begins at 4, the one before ends at 0"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"b\":{\"dtype\":\"F32\","
     "\"shape\":[1],\"data_offsets\":[4,8]}}",
     12, "the tensors end at 8, the data at 12"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},\"b\":{\"dtype\":\"F32\","
     "\"shape\":[0],\"data_offsets\":[4,4]}}",
     8, "b: begins at 4, the one before ends at 8"},
    {"{\"__metadata__\":null}", 0, "__metadata__ must be an object"},
    {"{\"__metadata__\":[]}", 0, "__metadata__ must be an object"},
    {"{\"__metadata__\":\"x\"}", 0, "__metadata__ must be an object"},
    {"{\"__metadata__\":{\"x\":1}}", 0, "__metadata__ x must be a string"},
    {"{\"__metadata__\":{\"x\":null}}", 0, "__metadata__ x must be a string"},
    {"{\"__metadata__\":{\"x\":{}}}", 0, "__metadata__ x must be a string"},
    {"{\"__metadata__\":{\"x\":[\"y\"]}}", 0, "__metadata__ x must be a string"},
    {"{}", 1, "the tensors end at 0, the data at 1"},
    {"{\"__metadata__\":{}}", 4, "the tensors end at 0, the data at 4"},
};

static tw_weight_file file;

/* Opens the bytes, reads all that was promised, closes. */
static tw_status open_bytes(const uint8_t *bytes, size_t n, tw_error *err)
{
    uint8_t *exact = malloc(n);
    uint32_t sum = 0;
    tw_status rc;

    memcpy(exact, bytes, n);
    rc = tw_weight_file_borrow(&file, exact, n, "x", err);
    for (int i = 0; !rc && i < file.n_tensors; i++) {
        const tw_tensor *t = &file.tensors[i].tensor;
        const size_t n_bytes = (size_t)tw_shape_size(&t->shape) * tw_dtype_size(t->dtype);

        for (size_t k = 0; k < n_bytes; k++)
            sum += ((const uint8_t *)t->data)[k];
    }
    assert_true(sum <= 255 * n);
    tw_weight_file_close(&file);
    free(exact);
    return rc;
}

static blob make_file(const char *header, size_t n_data)
{
    blob b = {0};

    blob_le(&b, strlen(header), 8);
    blob_add(&b, header, strlen(header));
    for (size_t i = 0; i < n_data; i++)
        blob_le(&b, 0, 1);
    return b;
}

static void expect(const blob *b, const char *sentence)
{
    char wanted[300];

    snprintf(wanted, sizeof wanted, "x: %s", sentence);
    assert_fails(TW_EFILE, wanted, open_bytes(b->bytes, b->n, e));
}

static void every_class_has_its_sentence(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        blob b = make_file(rows[i].header, rows[i].n_data);

        expect(&b, rows[i].sentence);
        blob_free(&b);
    }
}

/* The u64 before the header, and what the format is told by. */
static const struct {
    uint64_t n_header;
    const char *rest;
    const char *sentence;
} fronts[] = {
    {2, "", "neither Keras .h5 nor safetensors"},
    {0, "{}", "the header does not begin with {"},
    {1, "{}", "the header does not begin with {"},
    {3, "{}", "a header of 3 bytes in a file of 10"},
    {2, " {}", "neither Keras .h5 nor safetensors"},
    {2, "[]", "neither Keras .h5 nor safetensors"},
    {5, "\xef\xbb\xbf{}", "neither Keras .h5 nor safetensors"},
    {1ull << 32 | 2, "{}", "a header of 4294967298 bytes in a file of 10"},
    {1ull << 63, "{}", "a header of 9223372036854775808 bytes in a file of 10"},
    {UINT64_MAX, "{}", "a header of 18446744073709551615 bytes in a file of 10"},
    {UINT64_MAX - 7, "{}", "a header of 18446744073709551608 bytes in a file of 10"},
    {0x7b7b7b7b7b7b7b7b, "{}", "a header of 8897841259083430779 bytes in a file of 10"},
};

static void every_front_has_its_sentence(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof fronts / sizeof fronts[0]; i++) {
        blob b = {0};

        blob_le(&b, fronts[i].n_header, 8);
        blob_add(&b, fronts[i].rest, strlen(fronts[i].rest));
        expect(&b, fronts[i].sentence);
        blob_free(&b);
    }
}

static void depth_is_limited(void **state)
{
    blob b = {0};

    (void)state;
    blob_le(&b, 10005, 8);
    blob_add(&b, "{\"a\":", 5);
    for (int i = 0; i < 10000; i++)
        blob_add(&b, "[", 1);
    expect(&b, "not valid JSON at line 1 column 2053: maximum parsing depth reached near '['");
    blob_free(&b);
}

static void a_header_of_more_than_4_mib_is_refused(void **state)
{
    blob b = {0};

    (void)state;
    b.n = 8 + (4 << 20) + 1;
    b.bytes = calloc(1, b.n);
    memcpy(b.bytes, "\1\0\x40\0\0\0\0\0{", 9);
    expect(&b, "a header of 4194305 bytes, at most 4194304 are read");
    blob_free(&b);
}

/* A few bytes of text can be hundreds of a parsed tree. */
static void a_header_of_too_many_parts_is_refused(void **state)
{
    blob b = {0};

    (void)state;
    blob_le(&b, 3 * 60000 + 8, 8);
    blob_add(&b, "{\"a\":[", 6);
    for (int i = 0; i < 60000; i++)
        blob_add(&b, "[],", 3);
    blob_add(&b, "]}", 2);
    expect(&b, "reading its header may take 12960512 bytes, at most 12582912 are used");
    blob_free(&b);
}

static void an_empty_file_is_told(void **state)
{
    char *path = path_in(*state, "empty"), sentence[400];

    write_bytes(path, "", 0);
    snprintf(sentence, sizeof sentence, "%s: the file is empty", path);
    assert_fails(TW_EFILE, sentence, tw_weight_file_open(&file, path, e));
    free(path);
}

/* ---- damage */

static blob make_good(void)
{
    return make_file("{\"__metadata__\":{\"k\":\"v\"},"
                     "\"c/kernel\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
                     "\"c/bias\":{\"dtype\":\"F16\",\"shape\":[3],\"data_offsets\":[24,30]}}   ",
                     30);
}

static void no_prefix_opens(void **state)
{
    blob b = make_good();

    (void)state;
    assert_ok(open_bytes(b.bytes, b.n, e));
    for (size_t n = 1; n < b.n; n++) {
        tw_error err = {TW_OK, ""};

        assert_int_equal(open_bytes(b.bytes, n, &err), TW_EFILE);
        assert_true(strlen(err.text) > strlen("x: "));
    }
    blob_free(&b);
}

static void every_flipped_bit_gives_a_clean_result(void **state)
{
    blob b = make_good();
    int opened = 0;

    (void)state;
    for (size_t bit = 0; bit < 8 * b.n; bit++) {
        tw_error err = {TW_OK, ""};
        tw_status rc;

        b.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        rc = open_bytes(b.bytes, b.n, &err);
        assert_true(rc == TW_OK ||
                    (rc == TW_EFILE && strncmp(err.text, "x: ", 3) == 0 && strlen(err.text) > 3));
        opened += rc == TW_OK;
        b.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    /* the numbers themselves, letters of names, one blank for another */
    assert_in_range(opened, 8 * 30, 8 * 30 + 8 * 26);
    blob_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_class_has_its_sentence),
        cmocka_unit_test(every_front_has_its_sentence),
        cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(a_header_of_more_than_4_mib_is_refused),
        cmocka_unit_test(a_header_of_too_many_parts_is_refused),
        cmocka_unit_test(an_empty_file_is_told),
        cmocka_unit_test(no_prefix_opens),
        cmocka_unit_test(every_flipped_bit_gives_a_clean_result),
    };

    return cmocka_run_group_tests(tests, check_make_folder, check_remove_folder);
}
