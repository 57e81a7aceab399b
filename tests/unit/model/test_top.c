#include "base/hash.h"

#include "model_fixture.h"

static void the_base_is_borrowed_and_frozen(void **state)
{
    small_model it = make_small_model(7);
    (void)state;
    for (int i = 0; i < it.base->graph->n; i++) {
        assert_int_equal(tw_model_layer(it.whole, i).frozen, 1);
        for (int slot = 0; slot < 2; slot++) {
            assert_ptr_equal(it.whole->params[i][slot].view, it.base->params[i][slot].view);
            assert_null(it.whole->params[i][slot].data);
        }
    }
    free_small_model(&it);
}

static void the_top_is_own_and_trained(void **state)
{
    small_model it = make_small_model(7);
    const tw_graph *graph = it.whole->graph;
    tw_shape kernel = {2, {64, 8}};
    float expected[512];
    (void)state;
    assert_int_equal(graph->n, 8); /* 4 of the base, gap, dense, dropout, predictions */
    for (int i = 4; i < graph->n; i++)
        assert_int_equal(tw_model_layer(it.whole, i).frozen, 0);
    assert_string_equal(graph->nodes[5].name, "dense");
    tw_init_fill(expected, &kernel, TW_HE_NORMAL, 7, 10, 1);
    assert_memory_equal(it.whole->params[5][0].data, expected, sizeof expected);
    assert_true(it.whole->params[5][1].data[7] == 0);
    assert_true(it.whole->block_bytes >= (int64_t)((512 + 8 + 24 + 3) * sizeof(float)));
    assert_ok(tw_model_require(it.whole, 7, e));
    free_small_model(&it);
}

static void classes_contract_and_provenance_come_along(void **state)
{
    small_model it = make_small_model(7);
    (void)state;
    assert_int_equal(tw_model_class_count(it.whole), 3);
    assert_string_equal(tw_model_class_name(it.whole, 1), "bee");
    assert_null(tw_model_class_name(it.whole, 3));
    assert_null(tw_model_class_name(it.whole, -1));
    assert_same_contract(&it.whole->contract, &it.base->contract);
    assert_string_equal(it.whole->architecture, "vgg16");
    assert_string_equal(it.whole->weights, "random");
    free_small_model(&it);
}

static void the_weight_files_hash_is_kept(void **state)
{
    char *path = path_in(state, "w.safetensors");
    char *const classes[] = {"a", "b"};
    const char *hex, *text;
    char expected[65];
    tw_json *metadata, *provenance;
    tw_model *base, *whole;
    tw_graph *top;
    tw_map map;

    write_set(weights_of("vgg16", 3), path);
    assert_ok(tw_map_open(&map, path, e));
    assert_ok(tw_sha256_hex(expected, map.data, map.size, e));
    tw_map_close(&map);
    assert_ok(tw_model_open(&base, "vgg16", path, "3", 0, e));
    assert_ok(tw_graph_parse_top(&top, tw_graph_output_shape(base->graph), "gap", 2, e));
    assert_ok(tw_model_add_top(&whole, base, top, base->graph->n - 1, classes, 2, 1, e));
    assert_ok(tw_model_make_metadata(&metadata, whole, e));
    assert_true(tw_json_string(&text, tw_json_get(metadata, "provenance")));
    assert_ok(tw_json_parse(&provenance, text, strlen(text), "provenance", e));
    assert_true(tw_json_string(&hex, tw_json_get(provenance, "weights_sha256")));
    assert_string_equal(hex, expected);
    assert_null(tw_json_get(whole->provenance, "weights_sha256"));
    tw_json_free(provenance);
    tw_json_free(metadata);
    tw_model_free(whole);
    tw_graph_free(top);
    tw_model_free(base);
    tw_free(path);
}

static void what_does_not_fit_is_refused(void **state)
{
    char *const classes[] = {"a", "b", "c"};
    const tw_shape flat = {1, {9}};
    small_model it = make_small_model(7);
    tw_graph *top, *other;
    tw_model *model;
    (void)state;
    assert_ok(tw_graph_parse_top(&top, tw_graph_output_shape(it.base->graph), "gap", 2, e));
    assert_ok(tw_graph_parse_top(&other, &flat, "", 3, e));
    assert_fails(TW_ESHAPE, "the top ends in 2, 3 classes were given",
                 tw_model_add_top(&model, it.base, top, it.base->graph->n - 1, classes, 3, 0, e));
    assert_fails(TW_EUSAGE, "a top for 2 classes needs their names",
                 tw_model_add_top(&model, it.base, top, it.base->graph->n - 1, NULL, 2, 0, e));
    assert_fails(TW_ESHAPE, "the top takes 9, \"block1_pool\" gives 112x112x64",
                 tw_model_add_top(&model, it.base, other, it.base->graph->n - 1, classes, 3, 0, e));
    assert_null(model);
    tw_graph_free(other);
    tw_graph_free(top);
    free_small_model(&it);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_base_is_borrowed_and_frozen),
        cmocka_unit_test(the_top_is_own_and_trained),
        cmocka_unit_test(classes_contract_and_provenance_come_along),
        cmocka_unit_test(the_weight_files_hash_is_kept),
        cmocka_unit_test(what_does_not_fit_is_refused),
    };

    return cmocka_run_group_tests(tests, check_make_folder, check_remove_folder);
}
