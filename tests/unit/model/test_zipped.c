/* Weights in a zip: the same numbers as the program's own, whether they stay in the mapped file or
 * are inflated, also after every page has been given back. */
#include "tiny_model.h"

static blob pack(const tw_model *model, unsigned method)
{
    zip_maker z = {.method = method};
    for (int i = 0; i < model->graph->n; i++)
        for (int slot = 0; slot < 2; slot++) {
            const tw_param *param = &model->params[i][slot];
            char name[128], dict[160], shape[96] = "", *at = shape;
            if (!param->view)
                continue;
            for (int d = 0; d < param->shape.rank; d++)
                at += sprintf(at, "%lld, ", (long long)param->shape.dims[d]);
            snprintf(name, sizeof name, "%s/%s.npy", model->graph->nodes[i].name,
                     tw_param_names[slot]);
            snprintf(dict, sizeof dict, "{'descr': '<f4', 'fortran_order': False, 'shape': (%s)}",
                     shape);
            zip_add_npy(&z, name, dict, param->view,
                        (size_t)tw_shape_size(&param->shape) * sizeof(float));
        }
    zip_end(&z);
    return z.file;
}

static void check(void **state, unsigned method, bool is_mapped)
{
    char *path = path_in(*state, "w.npz"), wanted[65], hex[65];
    tw_model *own, *zipped;
    blob b;

    assert_ok(tw_model_open(&own, "vgg16-mini", NULL, NULL, 0, e));
    assert_ok(tw_model_hash(wanted, own, own->graph->n - 1, e));
    b = pack(own, method);
    write_bytes(path, b.bytes, b.n);
    assert_ok(tw_model_open(&zipped, "vgg16-mini", path, NULL, 0, e));
    assert_ok(tw_model_check_weights(zipped, e));
    assert_int_equal(zipped->params[1][0].mapped, is_mapped);
    assert_ok(tw_model_hash(hex, zipped, zipped->graph->n - 1, e));
    assert_string_equal(hex, wanted);
    tw_model_free(zipped);
    tw_model_free(own);
    blob_free(&b);
    free(path);
}

static void stored_weights_stay_in_the_file(void **state)
{
    check(state, 0, true);
}

static void deflated_weights_are_inflated(void **state)
{
    check(state, 8, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stored_weights_stay_in_the_file),
        cmocka_unit_test(deflated_weights_are_inflated),
    };
    return cmocka_run_group_tests(tests, check_make_folder, check_remove_folder);
}
