/* What is picked where nobody has said it: the network that has been fetched, else the small one.
 * The rest is the program test picked's. */
#include "training_world.h"

#include "fetched.h"

static void assert_picked(const char *data, const char *model, const char *words)
{
    char said[1000];
    tw_config *config;

    assert_ok(tw_config_create(&config, e));
    assert_ok(tw_config_set(config, "data", data, TW_FROM_FLAG, e));
    assert_ok(tw_config_pick(said, sizeof said, config, NULL, e));
    assert_string_equal(tw_config_get(config, "model"), model);
    if (strncmp(said, words, strlen(words)) != 0)
        fail_msg("it says \"%s\"", said);
    tw_config_free(config);
}

static void test_the_network_is_the_one_that_was_fetched(void **state)
{
    world *w = *state;
    char *weights = path_in(w->folder, "weights");

    fetched_root(w->folder);
    assert_picked("digits:30", "vgg16-mini",
                  "network vgg16-mini, the built-in small one (topwork fetch vgg16-notop for the "
                  "full one), ");
    assert_ok(tw_file_write(weights, "weights", 7, e));
    fetched_put("vgg16-notop", 0, weights);
    assert_picked("digits:30", "vgg16", "network vgg16, ");
    fetched_forget("vgg16-notop");
    assert_picked("digits:30", "vgg16-mini", "network vgg16-mini, ");
    free(weights);
}

/* L-BFGS knows its end. */
static void test_an_optimizer_with_an_end_has_no_patience(void **state)
{
    char said[1000];
    tw_config *config;

    (void)state;
    assert_ok(tw_config_create(&config, e));
    assert_ok(tw_config_set(config, "data", "digits:30", TW_FROM_FLAG, e));
    assert_ok(tw_config_set(config, "optimizer", "lbfgs", TW_FROM_FLAG, e));
    assert_ok(tw_config_pick(said, sizeof said, config, NULL, e));
    assert_null(tw_config_get(config, "patience"));
    assert_false(tw_config_is_given(config, "epochs"));
    assert_string_equal(tw_config_get(config, "batch-size"), "32");
    tw_config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_network_is_the_one_that_was_fetched),
        cmocka_unit_test(test_an_optimizer_with_an_end_has_no_patience),
    };

    return cmocka_run_group_tests_name("train/pick", tests, open_world, close_world);
}
