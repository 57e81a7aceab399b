/* What log.jsonl says for the report: plan, phases, and whose the predictions are. */
#include "check.h"

#include "base/memory.h"
#include "train/train_int.h"

#include <math.h>

static char *path_of(void **state, const char *name)
{
    static char paths[4][256];
    static int next;
    char *path = paths[next++ % 4];

    snprintf(path, sizeof paths[0], "%s/%s", (char *)*state, name);
    return path;
}

/* The log's lines as an array of JSON texts; free with tw_free. */
static char *read_log(void **state, const char *run)
{
    char name[64], *text;
    size_t n;

    snprintf(name, sizeof name, "%s/log.jsonl", run);
    assert_ok(tw_file_read(&text, &n, path_of(state, name), 1 << 20, e));
    return text;
}

static void assert_has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("the log lacks: %s\n%s", part, text);
}

static void test_plan_and_phases(void **state)
{
    tw_layer_info layers[] = {
        {.index = 0, .name = "input_1", .op = "InputLayer", .frozen = 1},
        {.index = 1, .name = "top", .op = "Dense", .n_params = 30, .macs = 27, .frozen = 0}};
    tw_training training = {.n_train = 6, .n_val = 2, .t_open_s = 1.5};
    tw_run run = {.training = &training};
    char *text;

    layers[0].shape = (tw_shape){.rank = 3, .dims = {4, 5, 3}};
    training.plan = (tw_training_plan){.layers = layers,
                                       .n_layers = 2,
                                       .n_trained = 30,
                                       .memory_extract = 100,
                                       .memory_train = 200,
                                       .memory_limit = 300,
                                       .disk_cache = 400,
                                       .disk_run = 500,
                                       .t_extract_s = 0.5,
                                       .t_train_s = 0.25};
    assert_ok(tw_train__folder_create(&run.folder, path_of(state, "plan"), false, e));
    assert_ok(tw_train__log_plan(&run, e));
    assert_ok(tw_train__log_prepared(&run, e));
    tw_train__folder_free(&run.folder);
    text = read_log(state, "plan");
    assert_has(text,
               "\"event\":\"plan\",\"training_pictures\":6,\"validation_pictures\":2,"
               "\"trained_parameters\":30,\"memory_extract\":100,\"memory_train\":200,"
               "\"memory_limit\":300,\"disk_cache\":400,\"disk_run\":500,\"t_extract_s\":0.5,"
               "\"t_train_s\":0.25,\"layers\":[{\"index\":0,\"name\":\"input_1\",\"type\":"
               "\"InputLayer\",\"output\":[4,5,3],\"parameters\":0,\"multiply_adds\":0,"
               "\"trained\":false},{\"index\":1,\"name\":\"top\",\"type\":\"Dense\",\"output\":[],"
               "\"parameters\":30,\"multiply_adds\":27,\"trained\":true}]}\n");
    assert_has(text, "\"event\":\"phase\",\"phase\":\"prepare\",\"t_s\":1.5,\"pictures\":0,"
                     "\"through_trunk\":0,\"memory_peak\":");
    tw_free(text);
}

static void test_an_evaluation_is_added(void **state)
{
    tw_class_score classes[] = {{.correct = 3}, {.correct = 4}};
    const tw_evaluation evaluation = {
        .n = 9, .n_classes = 2, .loss = 0.75, .classes = classes, .n_trunk = 5, .t_s = 2.5};
    tw_run_folder folder;
    char *text;

    assert_ok(tw_train__folder_create(&folder, path_of(state, "run"), false, e));
    tw_train__folder_free(&folder);
    assert_ok(tw_run_add_evaluation(path_of(state, "run"), "my \"data\"", TW_PART_TEST, 9,
                                    &evaluation, e));
    assert_ok(tw_run_add_evaluation(path_of(state, "run"), "data", TW_PART_ALL, 0, &evaluation, e));
    text = read_log(state, "run");
    assert_has(text, "\"event\":\"phase\",\"phase\":\"evaluate\",\"t_s\":2.5,\"pictures\":9,"
                     "\"through_trunk\":5,\"memory_peak\":");
    assert_has(text,
               "\"event\":\"predictions\",\"by\":\"evaluate\",\"part\":\"test\",\"data\":\"my "
               "\\\"data\\\"\",\"limit\":9,\"pictures\":9,\"correct\":7,\"loss\":0.75}\n");
    assert_has(text, "\"part\":\"all\",\"data\":\"data\",\"limit\":null,");
    tw_free(text);
}

static void test_a_folder_without_a_log(void **state)
{
    const tw_evaluation evaluation = {.n = 0};
    char sentence[512], *path = path_of(state, "stripped");

    assert_ok(tw_folder_create(path, e));
    snprintf(sentence, sizeof sentence,
             "%s/log.jsonl: not there, it is no run that could be added to", path);
    assert_fails(TW_EFILE, sentence,
                 tw_run_add_evaluation(path, "data", TW_PART_ALL, 0, &evaluation, e));
    assert_false(tw_path_exists(path_of(state, "stripped/log.jsonl")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plan_and_phases),
        cmocka_unit_test(test_an_evaluation_is_added),
        cmocka_unit_test(test_a_folder_without_a_log),
    };

    return cmocka_run_group_tests_name("train/run_log", tests, check_make_folder,
                                       check_remove_folder);
}
