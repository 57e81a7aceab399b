/* Numbers in another order are the same, whatever pieces they are made in. */
#include "format/stream.h"

#include "base/memory.h"

#include "check.h"

/* More than one piece, and the last one shorter; rows and columns have no common factor. */
enum { ROWS = 1237, COLUMNS = 1021, N = ROWS * COLUMNS };

static char *stream(void **state, const float *numbers, const tw_axes *axes, bool mapped)
{
    char *path = tw_path_join(*state, "numbers"), *bytes;
    tw_writer *writer;
    size_t n;

    assert_ok(tw_writer_create(&writer, path, e));
    assert_ok(tw_stream_f32(writer, numbers, N, axes, mapped, e));
    assert_ok(tw_writer_commit(writer, e));
    tw_writer_free(writer);
    assert_ok(tw_file_read(&bytes, &n, path, N * sizeof(float), e));
    assert_int_equal(n, N * sizeof(float));
    tw_free(path);
    return bytes;
}

static void every_number_arrives(void **state)
{
    const tw_axes axes = {2, {ROWS, COLUMNS}, {1, 0}};
    float *numbers = tw_alloc_f32(N);
    const float *turned;
    char *plain, *bytes;

    for (int i = 0; i < N; i++)
        numbers[i] = (float)i;
    plain = stream(state, numbers, NULL, false);
    assert_memory_equal(plain, numbers, N * sizeof *numbers);
    bytes = stream(state, numbers, &axes, false);
    turned = (const float *)(const void *)bytes;
    for (int i = 0; i < N; i++)
        assert_true(turned[i] == numbers[i % ROWS * COLUMNS + i / ROWS]);
    tw_free(bytes);
    tw_free(plain);
    tw_free(numbers);
}

static void mapped_numbers_can_be_read_again(void **state)
{
    char *path = tw_path_join(*state, "source"), *bytes;
    float *numbers = tw_alloc_f32(N);
    tw_map map;

    for (int i = 0; i < N; i++)
        numbers[i] = (float)i;
    assert_ok(tw_file_write(path, numbers, N * sizeof *numbers, e));
    assert_ok(tw_map_open(&map, path, e));
    for (int i = 0; i < 2; i++) {
        bytes = stream(state, (const float *)(const void *)map.data, NULL, true);
        assert_memory_equal(bytes, numbers, N * sizeof *numbers);
        tw_free(bytes);
    }
    tw_map_close(&map);
    tw_free(numbers);
    tw_free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_number_arrives),
        cmocka_unit_test(mapped_numbers_can_be_read_again),
    };
    return cmocka_run_group_tests(tests, check_make_folder, check_remove_folder);
}
