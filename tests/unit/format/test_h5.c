/* The HDF5 subset: every layout that Keras writes, everything else refused by name, any damage
 * survived. */
#include "base/file.h"
#include "base/memory.h"
#include "format/weights.h"
#include "tensor/tensor.h"

#include "check.h"
#include "make_files.h"

#include <math.h>

static char *golden(const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/h5/%s", TW_TEST_DATA, name);
    return path;
}

static void check_tensor(const tw_named_tensor *t, const char *layer, int slot, const char *shape,
                         float first)
{
    char text[96];
    float value;
    assert_string_equal(t->layer, layer);
    assert_int_equal(t->slot, slot);
    assert_int_equal(t->tensor.dtype, TW_F32);
    assert_string_equal(tw_shape_text(text, sizeof text, &t->tensor.shape), shape);
    for (int64_t i = 0; i < tw_shape_size(&t->tensor.shape); i++) {
        memcpy(&value, (const char *)t->tensor.data + 4 * i, sizeof value);
        assert_true(value == first + (float)i);
    }
}

static void check_good(const char *name, const char *weight)
{
    tw_weight_file file;
    assert_ok(tw_weight_file_open(&file, golden(name), e));
    assert_int_equal(file.kind, TW_WEIGHTS_KERAS_H5);
    assert_int_equal(file.n_layers, 3);
    assert_string_equal(file.layers[1], "pool");
    assert_int_equal(file.n_tensors, 3);
    check_tensor(&file.tensors[0], "conv", 0, "1x1x2x3", 0);
    check_tensor(&file.tensors[1], "conv", 1, "3", 10);
    check_tensor(&file.tensors[2], "fc", 0, "3x2", 20);
    assert_string_equal(file.tensors[0].name, weight);
    tw_weight_file_close(&file);
}

static void every_keras_layout_is_read(void **state)
{
    (void)state;
    check_good("keras1.h5", "conv_K_1:0");
    check_good("keras2.h5", "conv/kernel:0");
    check_good("keras3.h5", "conv/kernel");
    check_good("full.h5", "conv/kernel:0");
    check_good("parts.h5", "conv_K_1:0");
}

static void everything_else_is_refused_by_name(void **state)
{
    static const char *const rows[][2] = {
        {"chunked.h5", "conv/w: chunked data is not supported"},
        {"compressed.h5", "conv/w: filtered (compressed) data is not supported"},
        {"bigendian.h5", "conv/w: big-endian data is not supported"},
        {"integers.h5", "conv/w: a datatype other than floating point is not supported"},
        {"softlink.h5", "conv/w: a soft link (w) is not supported"},
        {"external.h5", "conv/w: external data is not supported"},
        {"lacking.h5", "conv/w: \"w\" is named but not there"},
        {"latest.h5", "HDF5 superblock version 3 is not supported, only 0"},
        {"nothing.h5", "no layer_names: not a Keras weight file"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char sentence[1024];
        tw_weight_file file;
        snprintf(sentence, sizeof sentence, "%s: %s", golden(rows[i][0]), rows[i][1]);
        assert_fails(TW_EFILE, sentence, tw_weight_file_open(&file, golden(rows[i][0]), e));
    }
}

/* A golden file in memory, changed, written, opened. */
typedef struct victim {
    char *bytes;
    size_t n;
    char *path;
} victim;

static victim take_victim(void **state, const char *name)
{
    victim v = {.path = tw_path_join(*state, "victim.h5")};
    assert_ok(tw_file_read(&v.bytes, &v.n, golden(name), 1 << 20, e));
    return v;
}

static void free_victim(victim *v)
{
    tw_free(v->bytes);
    tw_free(v->path);
}

static tw_status open_victim(const victim *v, size_t n, tw_error *err)
{
    tw_weight_file file;
    tw_status rc;
    float sum = 0;
    unlink(v->path); /* a new file is cheaper than one cut and filled again */
    write_bytes(v->path, v->bytes, n);
    rc = tw_weight_file_open(&file, v->path, err);
    for (int i = 0; rc == TW_OK && i < file.n_tensors; i++)
        for (size_t k = 0; k < (size_t)tw_shape_size(&file.tensors[i].tensor.shape) *
                                   tw_dtype_size(file.tensors[i].tensor.dtype);
             k++)
            sum += ((const char *)file.tensors[i].tensor.data)[k];
    if (rc == TW_OK)
        tw_weight_file_close(&file);
    assert_true(isfinite(sum));
    return rc;
}

static void no_prefix_opens(void **state)
{
    victim v = take_victim(state, "keras1.h5");
    tw_error err;
    for (size_t n = 1; n < v.n; n++)
        assert_int_equal(open_victim(&v, n, &err), TW_EFILE);
    free_victim(&v);
}

static void any_damaged_byte_is_survived(void **state)
{
    static const char *const names[] = {"keras1.h5", "keras2.h5"};
    for (size_t k = 0; k < 2; k++) {
        victim v = take_victim(state, names[k]);
        for (size_t i = 0; i < v.n; i++) {
            tw_error err = {TW_OK, ""};
            tw_status rc;
            v.bytes[i] = (char)~v.bytes[i];
            rc = open_victim(&v, v.n, &err);
            assert_true(rc == TW_OK || (rc == TW_EFILE && strlen(err.text) > strlen(v.path)));
            v.bytes[i] = (char)~v.bytes[i];
        }
        free_victim(&v);
    }
}

static void any_flipped_bit_is_survived(void **state)
{
    victim v = take_victim(state, "parts.h5");
    for (size_t i = 0; i < 8 * v.n; i++) {
        tw_error err = {TW_OK, ""};
        tw_status rc;
        v.bytes[i / 8] = (char)(v.bytes[i / 8] ^ (1 << i % 8));
        rc = open_victim(&v, v.n, &err);
        assert_true(rc == TW_OK || rc == TW_EFILE);
        v.bytes[i / 8] = (char)(v.bytes[i / 8] ^ (1 << i % 8));
    }
    free_victim(&v);
}

static size_t find(const victim *v, const char *what, size_t n, size_t from)
{
    for (size_t i = from; i + n <= v->n; i++)
        if (memcmp(v->bytes + i, what, n) == 0)
            return i;
    fail_msg("the golden file has no %s", what);
    return 0;
}

static void put_u64(victim *v, size_t at, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        v->bytes[at + (size_t)i] = (char)(value >> (8 * i));
}

static void expect_victim(victim *v, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void expect_victim(victim *v, const char *format, ...)
{
    char sentence[1024], wanted[1100];
    tw_error err;
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    snprintf(wanted, sizeof wanted, "%s: %s", v->path, sentence);
    assert_int_equal(open_victim(v, v->n, &err), TW_EFILE);
    assert_string_equal(err.text, wanted);
}

static void handmade_damage_is_named(void **state)
{
    victim v = take_victim(state, "keras1.h5");
    size_t tree = find(&v, "TREE", 4, 0), heap = find(&v, "HEAP", 4, 0),
           leaf = find(&v, "SNOD", 4, 0);
    char *kept = malloc(v.n);
    memcpy(kept, v.bytes, v.n);
#define RESTORE() memcpy(v.bytes, kept, v.n)
    v.bytes[0] = 'x';
    expect_victim(&v, "neither Keras .h5, .keras, npz, safetensors, PyTorch nor ONNX");
    RESTORE();
    v.bytes[8] = 2;
    expect_victim(&v, "HDF5 superblock version 2 is not supported, only 0");
    RESTORE();
    v.bytes[13] = 4;
    expect_victim(&v, "HDF5 offsets of 4 and lengths of 8 bytes, only 8 and 8");
    RESTORE();
    put_u64(&v, 40, v.n + 7);
    expect_victim(&v, "should have %zu bytes, has %zu: truncated or padded", v.n + 7, v.n);
    RESTORE();
    put_u64(&v, 64, v.n + 100);
    expect_victim(&v, "root group: object header outside the file at byte %zu", v.n + 100);
    RESTORE();
    put_u64(&v, 64, UINT64_MAX);
    expect_victim(&v, "root group: object header outside the file at byte %llu",
                  (unsigned long long)UINT64_MAX);
    RESTORE();
    v.bytes[tree] = 'X';
    expect_victim(&v, "conv: no group tree at byte %zu", tree);
    RESTORE();
    v.bytes[tree + 5] = 1; /* a level above: its child is then no tree */
    expect_victim(&v, "conv: no group tree at byte %zu", leaf);
    RESTORE();
    put_u64(&v, tree + 32, tree); /* its child is itself */
    expect_victim(&v, "conv: no symbol-table node at byte %zu", tree);
    RESTORE();
    v.bytes[tree + 5] = 3;
    put_u64(&v, tree + 32, tree); /* and levels do not fall */
    expect_victim(&v, "conv: bad group tree at byte %zu", tree);
    RESTORE();
    v.bytes[heap] = 'X';
    expect_victim(&v, "conv: no local heap at byte %zu", heap);
    RESTORE();
    put_u64(&v, heap + 8, UINT64_MAX - 3);
    expect_victim(&v, "conv: local heap longer than the file at byte %zu", heap);
    RESTORE();
    v.bytes[leaf] = 'X';
    expect_victim(&v, "conv: no symbol-table node at byte %zu", leaf);
    RESTORE();
    v.bytes[leaf + 6] = (char)0xff;
    v.bytes[leaf + 7] = (char)0xff;
    expect_victim(&v, "conv: symbol table longer than the file at byte %zu", leaf);
    RESTORE();
    memset(v.bytes + leaf + 8, 0xff, 8); /* name of the first entry outside the heap */
    expect_victim(&v, "layer conv is named but has no group");
    RESTORE();
#undef RESTORE
    free(kept);
    free_victim(&v);
}

/* Shape and size of a dataset must agree, and lie in the file. */
static void data_outside_the_file_is_named(void **state)
{
    victim v = take_victim(state, "keras1.h5");
    const float bias[3] = {10, 11, 12};
    size_t data = find(&v, (const char *)bias, sizeof bias, 0), layout = 0;
    for (size_t i = 0; i + 18 < v.n && !layout; i++) {
        uint64_t at, n;
        memcpy(&at, v.bytes + i + 2, 8);
        memcpy(&n, v.bytes + i + 10, 8);
        if (v.bytes[i] == 3 && v.bytes[i + 1] == 1 && at == data && n == sizeof bias)
            layout = i;
    }
    assert_int_not_equal(layout, 0);
    put_u64(&v, layout + 2, v.n - 4);
    expect_victim(&v, "conv/conv_b_1:0: 12 bytes of data at %zu, the file has %zu", v.n - 4, v.n);
    put_u64(&v, layout + 2, UINT64_MAX - 4);
    expect_victim(&v, "conv/conv_b_1:0: 12 bytes of data at %llu, the file has %zu",
                  (unsigned long long)(UINT64_MAX - 4), v.n);
    put_u64(&v, layout + 2, data);
    put_u64(&v, layout + 10, 16);
    expect_victim(&v, "conv/conv_b_1:0: its shape needs 12 bytes, its data has 16");
    put_u64(&v, layout + 10, 12);
    v.bytes[layout] = 4;
    expect_victim(&v, "conv/conv_b_1:0: a data layout version other than 3 is not supported");
    v.bytes[layout] = 3;
    v.bytes[layout + 1] = 0;
    expect_victim(&v, "conv/conv_b_1:0: compact data is not supported");
    free_victim(&v);
}

static void the_real_file_is_read(void **state)
{
    const char *path = TW_SHARED "/weights/hed_vgg16_notop.h5";
    static const float first_tap[3] = {0.38976f, 0.51841f, 0.42793f};
    tw_weight_file file;
    (void)state;
    if (access(path, R_OK) != 0) {
        print_message("skipped: no %s\n", path);
        skip();
    }
    assert_ok(tw_weight_file_open(&file, path, e));
    assert_int_equal(file.n_layers, 19);
    assert_int_equal(file.n_tensors, 26);
    assert_string_equal(file.layers[0], "input_1");
    assert_string_equal(file.tensors[0].name, "block1_conv1_W_1:0");
    for (int c = 0; c < 3; c++) {
        float value; /* [0,0,c,0] of (3,3,3,64) */
        memcpy(&value, (const char *)file.tensors[0].tensor.data + 4 * 64 * c, sizeof value);
        assert_true(fabsf(value - first_tap[c]) < 1e-5f);
    }
    tw_weight_file_close(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_keras_layout_is_read),
        cmocka_unit_test(everything_else_is_refused_by_name),
        cmocka_unit_test(no_prefix_opens),
        cmocka_unit_test(any_damaged_byte_is_survived),
        cmocka_unit_test(any_flipped_bit_is_survived),
        cmocka_unit_test(handmade_damage_is_named),
        cmocka_unit_test(data_outside_the_file_is_named),
        cmocka_unit_test(the_real_file_is_read),
    };
    return cmocka_run_group_tests(tests, check_make_folder, check_remove_folder);
}
