/* safetensors: what is written comes back; every rule of the format is checked. */
#include "base/memory.h"
#include "format/safetensors.h"
#include "format/weights.h"
#include "tensor/tensor.h"

#include "check.h"
#include "make_files.h"

static const float numbers[6] = {1, -2, 3, -4, 5, -6};

static char *write_good(void **state)
{
    char *path = tw_path_join(*state, "good.safetensors");
    tw_json *metadata = tw_json_new_object();
    tw_safetensors_entry entries[3] = {
        {"conv/kernel", {numbers, TW_F32, tw_shape_make(2, (int64_t[]){2, 3})}, 0},
        {"conv/bias", {numbers, TW_F32, tw_shape_make(1, (int64_t[]){3})}, 0},
        {"scalar", {numbers, TW_F32, {0}}, 0},
    };
    assert_true(tw_json_set(metadata, "classes", tw_json_new_string("[\"\xc3\xa4\"]")));
    assert_ok(tw_safetensors_write(path, entries, 3, metadata, e));
    tw_json_free(metadata);
    return path;
}

static void what_is_written_comes_back(void **state)
{
    char *path = write_good(state);
    tw_weight_file file;
    assert_ok(tw_weight_file_open(&file, path, e));
    assert_int_equal(file.kind, TW_WEIGHTS_SAFETENSORS);
    assert_string_equal(file.metadata, "{\"classes\":\"[\\\"\xc3\xa4\\\"]\"}");
    assert_int_equal(file.n_tensors, 3);
    assert_string_equal(file.tensors[0].name, "conv/kernel");
    assert_string_equal(file.tensors[0].layer, "conv");
    assert_string_equal(file.tensors[2].layer, "");
    assert_int_equal(file.tensors[2].tensor.shape.rank, 0);
    assert_int_equal((uintptr_t)file.tensors[0].tensor.data % 8, 0);
    assert_memory_equal(file.tensors[0].tensor.data, numbers, sizeof numbers);
    assert_memory_equal(file.tensors[1].tensor.data, numbers, 12);
    tw_weight_file_close(&file);
    tw_free(path);
}

/* A file of this header and n bytes of data. */
static tw_status open_made(void **state, const char *header, size_t n_data, tw_error *err)
{
    char *path = tw_path_join(*state, "made.safetensors");
    blob b = {0};
    uint8_t data[64] = {0};
    tw_weight_file file;
    tw_status rc;
    blob_le(&b, strlen(header), 8);
    blob_add(&b, header, strlen(header));
    blob_add(&b, data, n_data);
    write_bytes(path, b.bytes, b.n);
    rc = tw_weight_file_open(&file, path, err);
    if (rc == TW_OK)
        tw_weight_file_close(&file);
    blob_free(&b);
    tw_free(path);
    return rc;
}

static void every_rule_has_its_sentence(void **state)
{
    static const struct {
        const char *header;
        size_t n_data;
        const char *sentence;
    } rows[] = {
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 12,
         "the tensors end at 8, the data at 12"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 4,
         "a: data_offsets 0 to 8, the file holds 4 bytes"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}", 12,
         "a: begins at 4, the one before ends at 0"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
         "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}",
         12, "b: begins at 4, the one before ends at 8"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}", 8,
         "a: its shape needs 12 bytes, data_offsets give 8"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", 8,
         "a: data_offsets 8 to 0, the file holds 8 bytes"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}", 8,
         "a: a size in its shape is no whole number >= 0"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2.5],\"data_offsets\":[0,8]}}", 8,
         "a: a size in its shape is no whole number >= 0"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,8]}}", 8,
         "a: the shape overflows"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", 4,
         "a: shape must be a list of at most 8 sizes"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":2,\"data_offsets\":[0,8]}}", 8,
         "a: shape must be a list of at most 8 sizes"},
        {"{\"a\":{\"dtype\":\"C64\",\"shape\":[1],\"data_offsets\":[0,8]}}", 8,
         "a: dtype C64 is not supported"},
        {"{\"a\":{\"dtype\":4,\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
         "a: dtype (none) is not supported"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4,
         "a: data_offsets must be two whole numbers"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,\"4\"]}}", 4,
         "a: data_offsets must be two whole numbers"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4,
         "a: must have dtype, shape and data_offsets"},
        {"{\"a\":7}", 0, "a: must have dtype, shape and data_offsets"},
        {"{\"__metadata__\":[]}", 0, "__metadata__ must be an object"},
        {"{\"__metadata__\":{\"x\":1}}", 0, "__metadata__ x must be a string"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        tw_error err = {TW_OK, ""};
        char wanted[600];
        snprintf(wanted, sizeof wanted, "%s/made.safetensors: %s", (char *)*state,
                 rows[i].sentence);
        assert_int_equal(open_made(state, rows[i].header, rows[i].n_data, &err), TW_EFILE);
        assert_string_equal(err.text, wanted);
    }
}

static void broken_json_is_named(void **state)
{
    tw_error err = {TW_OK, ""};
    assert_int_equal(open_made(state, "{\"a\":1,\"a\":2}", 0, &err), TW_EFILE);
    assert_non_null(strstr(err.text, "duplicate object key"));
    assert_int_equal(open_made(state, "{\"a\":", 0, &err), TW_EFILE);
    assert_non_null(strstr(err.text, "not valid JSON at line 1"));
    assert_int_equal(open_made(state, "{}", 0, &err), TW_OK);
    assert_int_equal(open_made(state, "{}      ", 0, &err), TW_OK); /* padding is allowed */
}

static void header_lengths_are_checked(void **state)
{
    char *path = tw_path_join(*state, "length.safetensors");
    uint8_t bytes[16] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, '{', '}'};
    char sentence[600];
    tw_weight_file file;
    write_bytes(path, bytes, sizeof bytes);
    snprintf(sentence, sizeof sentence,
             "%s: a header of 18446744073709551615 bytes in a file of 16", path);
    assert_fails(TW_EFILE, sentence, tw_weight_file_open(&file, path, e));
    memset(bytes, 0, 8);
    bytes[0] = 9;
    write_bytes(path, bytes, sizeof bytes);
    snprintf(sentence, sizeof sentence, "%s: a header of 9 bytes in a file of 16", path);
    assert_fails(TW_EFILE, sentence, tw_weight_file_open(&file, path, e));
    tw_free(path);
}

static void any_damage_is_survived(void **state)
{
    char *path = write_good(state), *bytes, *victim = tw_path_join(*state, "victim.safetensors");
    size_t n;
    assert_ok(tw_file_read(&bytes, &n, path, 1 << 20, e));
    for (size_t i = 0; i < 9 * n; i++) { /* every bit flipped, then every prefix */
        size_t size = i < 8 * n ? n : i - 8 * n;
        tw_error err = {TW_OK, ""};
        tw_weight_file file;
        tw_status rc;
        if (i < 8 * n)
            bytes[i / 8] = (char)(bytes[i / 8] ^ (1 << i % 8));
        unlink(victim);
        write_bytes(victim, bytes, size);
        rc = tw_weight_file_open(&file, victim, &err);
        assert_true(rc == TW_OK ? size == n : rc == TW_EFILE && strlen(err.text) > 0);
        if (rc == TW_OK)
            tw_weight_file_close(&file);
        if (i < 8 * n)
            bytes[i / 8] = (char)(bytes[i / 8] ^ (1 << i % 8));
    }
    tw_free(bytes);
    tw_free(path);
    tw_free(victim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_comes_back), cmocka_unit_test(every_rule_has_its_sentence),
        cmocka_unit_test(broken_json_is_named),       cmocka_unit_test(header_lengths_are_checked),
        cmocka_unit_test(any_damage_is_survived),
    };
    return cmocka_run_group_tests(tests, check_make_folder, check_remove_folder);
}
