/* .npz that is written is .npz that the reader reads, checksums included. */
#include "format/npz_write.h"

#include "base/memory.h"
#include "format/arrays.h"
#include "tensor/tensor.h"

#include "check.h"

static const float numbers[24] = {1, 2, 3, 4, 5, 6};

static void what_is_written_comes_back(void **state)
{
    char *path = tw_path_join(*state, "made.npz");
    const tw_safetensors_entry entries[2] = {
        {"conv/kernel", {numbers, TW_F32, tw_shape_make(4, (int64_t[]){1, 2, 3, 4})}, 0},
        {"conv/bias", {numbers, TW_F32, tw_shape_make(1, (int64_t[]){4})}, 0},
    };

    assert_ok(tw_npz_write(path, entries, 2, e));
    for (int i = 0; i < 2; i++) {
        tw_array_file array;
        float back[24];

        assert_ok(tw_npz_open(&array, path, entries[i].name, e));
        assert_int_equal(array.dtype, TW_F32);
        assert_true(tw_shape_equal(&array.shape, &entries[i].tensor.shape));
        assert_ok(tw_array_read(&array, back, 0, array.shape.dims[0], e));
        assert_memory_equal(back, numbers, i ? 16 : sizeof numbers);
        tw_array_file_close(&array);
    }
    tw_free(path);
}

static void four_gigabytes_are_refused(void **state)
{
    char *path = tw_path_join(*state, "large.npz"), sentence[600];
    const tw_safetensors_entry entry = {
        "a", {numbers, TW_F32, tw_shape_make(1, (int64_t[]){1 << 30})}, 0};

    snprintf(sentence, sizeof sentence, "%s: 4294967532 bytes, .npz is written up to 4 GiB", path);
    assert_fails(TW_EUNSUPPORTED, sentence, tw_npz_write(path, &entry, 1, e));
    tw_free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_comes_back),
        cmocka_unit_test(four_gigabytes_are_refused),
    };
    return cmocka_run_group_tests(tests, check_make_folder, check_remove_folder);
}
