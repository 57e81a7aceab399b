/* The n-th call of the system fails: no crash, no leak, the right code, nothing handed out. */
#include "base/sys.h"

#include "unit/model/model_fixture.h"

#include <errno.h>

enum { MANY = 3000 };

/* What every attempt works on. */
typedef struct bench {
    char *weights, *normed, *model_file, *out_file;
    small_model small;
    tw_graph *top;
} bench;

typedef tw_status (*attempt)(tw_model **out, const bench *on, tw_error *err);

static tw_status try_weights(tw_model **out, const bench *on, tw_error *err)
{
    return tw_model_open(out, "vgg16", on->weights, "block1_pool", 0, err);
}

static tw_status try_random(tw_model **out, const bench *on, tw_error *err)
{
    (void)on;
    return tw_model_open(out, "vgg19", "random", "block1_pool", 0, err);
}

/* A convolution whose batch normalization is folded into it. */
static tw_status try_batch_norm(tw_model **out, const bench *on, tw_error *err)
{
    return tw_model_open(out, "efficientnet-lite0", on->normed, "stem_conv", 0, err);
}

static tw_status try_model_file(tw_model **out, const bench *on, tw_error *err)
{
    return tw_model_open(out, on->model_file, NULL, "dense", 0, err);
}

static tw_status try_top(tw_model **out, const bench *on, tw_error *err)
{
    char *const classes[] = {"a", "b"};

    return tw_model_add_top(out, on->small.base, on->top, on->small.base->graph->n - 1, classes, 2,
                            0, err);
}

static tw_status try_write(tw_model **out, const bench *on, tw_error *err)
{
    *out = NULL;
    return tw_model_write(on->small.whole, on->out_file, err);
}

static tw_status try_check(tw_model **out, const bench *on, tw_error *err)
{
    *out = NULL;
    return tw_model_check_weights(on->small.whole, err);
}

/* In EfficientNet-PyTorch's naming. */
static weight_set *normed_stem(void)
{
    static const char *const names[] = {"_conv_stem.weight", "_bn0.weight", "_bn0.bias",
                                        "_bn0.running_mean", "_bn0.running_var"};
    weight_set *set = calloc(1, sizeof *set);

    for (int i = 0; i < 5; i++) {
        put_tensor(set, "", "", i ? &(tw_shape){1, {32}} : &(tw_shape){4, {32, 3, 3, 3}});
        snprintf(set->names[i], sizeof set->names[i], "%s", names[i]);
    }
    return set;
}

static bench set_up(void **state)
{
    bench on = {.weights = path_in(state, "w.safetensors"),
                .normed = path_in(state, "n.safetensors"),
                .model_file = path_in(state, "m.safetensors"),
                .out_file = path_in(state, "out.safetensors"),
                .small = make_small_model(3)};

    write_set(weights_of("vgg16", 3), on.weights);
    write_set(normed_stem(), on.normed);
    assert_ok(tw_model_write(on.small.whole, on.model_file, e));
    assert_ok(
        tw_graph_parse_top(&on.top, tw_graph_output_shape(on.small.base->graph), "gap", 2, e));
    return on;
}

static void tear_down(bench *on)
{
    tw_graph_free(on->top);
    free_small_model(&on->small);
    tw_free(on->weights);
    tw_free(on->normed);
    tw_free(on->model_file);
    tw_free(on->out_file);
}

/* Every call of the kind fails once; returns how many there are. */
static long fail_each(attempt one, const bench *on, tw_sys_kind kind, int error, tw_status expected)
{
    for (long nth = 1;; nth++) {
        tw_error err = {TW_OK, ""};
        tw_model *out;
        tw_status rc;

        assert_true(nth < MANY);
        tw_sys_fail_nth(kind, nth, 0, error);
        rc = one(&out, on, &err);
        tw_sys_fail_nth(kind, 0, 0, 0);
        if (rc == TW_OK) {
            tw_model_free(out);
            return nth - 1;
        }
        assert_null(out);
        assert_true(err.text[0]);
        assert_string_equal(tw_status_name(rc), tw_status_name(expected));
    }
}

static void each_allocation_may_fail(void **state)
{
    const attempt attempts[] = {try_weights,    try_random, try_batch_norm,
                                try_model_file, try_top,    try_write};
    bench on = set_up(state);

    for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++)
        assert_true(fail_each(attempts[i], &on, TW_SYS_MEMORY, ENOMEM, TW_ENOMEM) > 3);
    fail_each(try_check, &on, TW_SYS_MEMORY, ENOMEM, TW_ENOMEM);
    tear_down(&on);
}

static void a_file_that_cannot_be_opened_or_mapped_is_told(void **state)
{
    bench on = set_up(state);

    assert_true(fail_each(try_weights, &on, TW_SYS_OPEN, EACCES, TW_EFILE) > 0);
    assert_true(fail_each(try_weights, &on, TW_SYS_MAP, EIO, TW_EFILE) > 0);
    assert_true(fail_each(try_batch_norm, &on, TW_SYS_MAP, EIO, TW_EFILE) > 0);
    assert_true(fail_each(try_model_file, &on, TW_SYS_MAP, EIO, TW_EFILE) > 0);
    tear_down(&on);
}

static void a_failed_write_leaves_the_old_model(void **state)
{
    bench on = set_up(state);
    small_model other = make_small_model(9);
    char *before, *after;
    size_t n_before, n_after;

    assert_ok(tw_model_write(other.whole, on.out_file, e));
    assert_ok(tw_file_read(&before, &n_before, on.out_file, 1 << 20, e));
    tw_sys_fail_nth(TW_SYS_WRITE, 1, 0, ENOSPC);
    assert_int_equal(tw_model_write(on.small.whole, on.out_file, NULL), TW_EBUDGET);
    tw_sys_fail_nth(TW_SYS_WRITE, 0, 0, 0);
    assert_ok(tw_file_read(&after, &n_after, on.out_file, 1 << 20, e));
    assert_int_equal(n_before, n_after);
    assert_memory_equal(before, after, n_before);
    assert_true(fail_each(try_write, &on, TW_SYS_WRITE, ENOSPC, TW_EBUDGET) > 0);
    assert_true(fail_each(try_write, &on, TW_SYS_RENAME, EACCES, TW_EFILE) > 0);
    tw_free(before);
    tw_free(after);
    free_small_model(&other);
    tear_down(&on);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allocation_may_fail),
        cmocka_unit_test(a_file_that_cannot_be_opened_or_mapped_is_told),
        cmocka_unit_test(a_failed_write_leaves_the_old_model),
    };

    return cmocka_run_group_tests(tests, check_make_folder, check_remove_folder);
}
