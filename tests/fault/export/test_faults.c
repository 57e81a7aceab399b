/* The n-th call of the system fails: no crash, no leak, the right code, no file under its name. */
#include "base/sys.h"

#include "unit/export/export_fixture.h"

#include "base/file.h"

#include <errno.h>
#include <tw/data.h>

enum { MANY = 20000 };

typedef struct bench {
    char *folder, *model_file, *out, *beside;
    tw_model *model;
    tw_dataset *data;
} bench;

typedef tw_status (*attempt)(const bench *on, tw_export_format format, tw_error *err);

static tw_status try_write(const bench *on, tw_export_format format, tw_error *err)
{
    const tw_export_options how = {.format = format};

    return tw_export__write_checked(on->model, on->out, &how, NULL, err);
}

static tw_status try_convert(const bench *on, tw_export_format format, tw_error *err)
{
    const tw_convert_options how = {.format = format};
    int64_t n_bytes;

    return tw_convert(&n_bytes, on->model_file, on->out, &how, err);
}

static tw_status try_compare(const bench *on, tw_export_format format, tw_error *err)
{
    const tw_compute compute = {.backend = "ref", .n_threads = 1};
    tw_parity found = {0};
    const tw_export__check check = {on->data, 2, &compute, NULL, &found};

    (void)format;
    return tw_export__compare(on->model, on->model, &check, err);
}

static bench set_up(void **state)
{
    bench on = {.folder = *state, .model = flat_model()};
    char *data = path_in(on.folder, "data");

    on.model_file = path_in(on.folder, "model.safetensors");
    on.out = path_in(on.folder, "out");
    on.beside = path_in(on.folder, "out.unchecked");
    free(data);
    data = tiny_write_data(on.folder, 4, 4);
    assert_ok(tw_model_write(on.model, on.model_file, e));
    assert_ok(tw_dataset_open(&on.data, data, TW_PART_TEST, 0, e));
    free(data);
    return on;
}

static void tear_down(bench *on)
{
    tw_dataset_free(on->data);
    tw_model_free(on->model);
    free(on->model_file);
    free(on->out);
    free(on->beside);
}

/* Every call of the kind fails once; returns how many there are. */
static long fail_each(attempt one, const bench *on, tw_export_format format, tw_sys_kind kind,
                      int error, tw_status expected)
{
    int64_t n_whole;

    assert_ok(one(on, format, e));
    n_whole = tw_path_size(on->out);
    for (long nth = 1;; nth++) {
        tw_error err = {TW_OK, ""};
        tw_status rc;

        assert_true(nth < MANY);
        unlink(on->out);
        tw_sys_fail_nth(kind, nth, 0, error);
        rc = one(on, format, &err);
        tw_sys_fail_nth(kind, 0, 0, 0);
        assert_false(tw_path_exists(on->beside));
        if (rc == TW_OK)
            return nth - 1;
        /* whole, where only the folder's sync was left to do */
        assert_true(!tw_path_exists(on->out) || tw_path_size(on->out) == n_whole);
        assert_true(err.text[0]);
        assert_string_equal(tw_status_name(rc), tw_status_name(expected));
    }
}

static void each_allocation_may_fail(void **state)
{
    bench on = set_up(state);

    for (int i = 0; i < TW_N_EXPORT; i++) {
        assert_true(
            fail_each(try_write, &on, (tw_export_format)i, TW_SYS_MEMORY, ENOMEM, TW_ENOMEM) > 3);
        assert_true(
            fail_each(try_convert, &on, (tw_export_format)i, TW_SYS_MEMORY, ENOMEM, TW_ENOMEM) > 3);
    }
    assert_true(fail_each(try_compare, &on, TW_EXPORT_ONNX, TW_SYS_MEMORY, ENOMEM, TW_ENOMEM) > 3);
    tear_down(&on);
}

static void each_write_may_fail(void **state)
{
    bench on = set_up(state);

    for (int i = 0; i < TW_N_EXPORT; i++) {
        assert_true(
            fail_each(try_write, &on, (tw_export_format)i, TW_SYS_WRITE, ENOSPC, TW_EBUDGET) > 0);
        assert_true(
            fail_each(try_convert, &on, (tw_export_format)i, TW_SYS_OPEN, EACCES, TW_EFILE) > 1);
    }
    tear_down(&on);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allocation_may_fail),
        cmocka_unit_test(each_write_may_fail),
    };

    return cmocka_run_group_tests(tests, check_make_folder, check_remove_folder);
}
