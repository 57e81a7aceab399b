/* The run folder: what may become one, and the bytes of its small files. */
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

static char *sentence_of(const char *path, const char *why)
{
    static char sentence[512];

    snprintf(sentence, sizeof sentence, "%s: %s", path, why);
    return sentence;
}

static void assert_file(const char *path, const char *expected)
{
    char *text;
    size_t n;

    assert_ok(tw_file_read(&text, &n, path, 1 << 20, e));
    assert_string_equal(text, expected);
    tw_free(text);
}

static void write_text(const char *path, const char *text)
{
    assert_ok(tw_file_write(path, text, strlen(text), e));
}

static void test_new_and_empty_folders_are_fine(void **state)
{
    const char *path = path_of(state, "empty");

    assert_ok(tw_train__folder_check(path, false, e));
    assert_ok(tw_folder_create(path, e));
    assert_ok(tw_train__folder_check(path, false, e));
}

static void test_an_existing_run_is_refused(void **state)
{
    const char *path = path_of(state, "run");
    tw_run_folder folder;
    char *model;

    assert_ok(tw_train__folder_create(&folder, path, false, e));
    tw_train__folder_free(&folder);
    assert_fails(TW_EUSAGE, sentence_of(path, "an unfinished run is there; overwrite replaces it"),
                 tw_train__folder_check(path, false, e));
    model = tw_path_join(path, "model.safetensors");
    assert_ok(tw_file_write(model, "x", 1, e));
    tw_free(model);
    assert_fails(TW_EUSAGE, sentence_of(path, "a run is there already; overwrite replaces it"),
                 tw_train__folder_create(&folder, path, false, e));
    assert_ok(tw_train__folder_check(path, true, e));
}

static void test_overwriting_removes_every_old_file(void **state)
{
    static const char *const names[] = {
        "split.csv", "history.csv", "best-3.params", "predictions.csv", "model.safetensors",
        "last.ckpt", "last.ckpt.1", "report.html",   "report.json",     "model.safetensors.new"};
    const char *path = path_of(state, "old");
    tw_run_folder folder;
    char file[300], config[300];

    assert_ok(tw_folder_create(path, e));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(file, sizeof file, "%s/%s", path, names[i]);
        write_text(file, "old");
    }
    snprintf(file, sizeof file, "%s/notes.txt", path);
    write_text(file, "mine");
    snprintf(config, sizeof config, "%s/config.json", path);
    write_text(config, "old");
    assert_ok(tw_train__folder_create(&folder, path, true, e));
    tw_train__folder_free(&folder);
    assert_file(file, "mine");
    assert_file(config, "old"); /* until the new one is written over it */
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(file, sizeof file, "%s/%s", path, names[i]);
        assert_false(tw_path_exists(file));
    }
}

static void test_other_folders_are_never_overwritten(void **state)
{
    const char *path = path_of(state, "photos");
    const char *why = "a folder with other things in it, not a run";

    assert_ok(tw_folder_create(path, e));
    write_text(path_of(state, "photos/cat.jpg"), "x");
    assert_fails(TW_EUSAGE, sentence_of(path, why), tw_train__folder_check(path, false, e));
    assert_fails(TW_EUSAGE, sentence_of(path, why), tw_train__folder_check(path, true, e));
}

static void test_a_file_is_no_folder(void **state)
{
    const char *path = path_of(state, "file");

    write_text(path, "x");
    assert_fails(TW_EUSAGE, sentence_of(path, "is a file, not a folder for a run"),
                 tw_train__folder_check(path, true, e));
}

static void test_history_has_these_bytes(void **state)
{
    const char *path = path_of(state, "history");
    const tw_epoch first = {1, 0.1, 2.0 / 3.0, 1.5, 0.5, 7.7};
    const tw_epoch second = {2, 1e-12, 1.0, (double)NAN, (double)NAN, 7.7};
    tw_run_folder folder;

    assert_ok(tw_train__folder_create(&folder, path, false, e));
    assert_ok(tw_train__folder_epoch(&folder, &first, e));
    assert_ok(tw_train__folder_epoch(&folder, &second, e));
    tw_train__folder_free(&folder);
    assert_file(path_of(state, "history/history.csv"), "epoch,loss,accuracy,val_loss,val_accuracy\n"
                                                       "1,0.1,0.666666667,1.5,0.5\n"
                                                       "2,1e-12,1,,\n");
}

static void test_log_grows_by_lines_of_json(void **state)
{
    const char *path = path_of(state, "log");
    tw_run_folder folder;
    tw_json *fields = tw_json_new_object(), *line;
    char *text, *end;
    size_t n;
    const char *event;

    tw_json_set(fields, "text", tw_json_new_string("a \"note\""));
    assert_ok(tw_train__folder_create(&folder, path, false, e));
    assert_ok(tw_train__folder_log(&folder, "note", fields, e));
    assert_ok(tw_train__folder_log(&folder, "end", tw_json_new_object(), e));
    tw_train__folder_free(&folder);

    assert_ok(tw_file_read(&text, &n, path_of(state, "log/log.jsonl"), 1 << 20, e));
    assert_non_null(end = strchr(text, '\n'));
    assert_ok(tw_json_parse(&line, text, (size_t)(end - text), "line", e));
    assert_true(tw_json_string(&event, tw_json_get(line, "event")));
    assert_string_equal(event, "note");
    assert_true(tw_json_string(&event, tw_json_get(line, "text")));
    assert_string_equal(event, "a \"note\"");
    assert_true(tw_json_string(&event, tw_json_get(line, "time")));
    tw_json_free(line);
    assert_non_null(strstr(end, "\"event\":\"end\"}\n"));
    tw_free(text);
}

static void test_config_is_an_indented_object(void **state)
{
    const char *path = path_of(state, "config");
    tw_run_folder folder;
    tw_json *config = tw_json_new_object();

    tw_json_set(config, "epochs", tw_json_new_i64(3));
    assert_ok(tw_train__folder_create(&folder, path, false, e));
    assert_ok(tw_train__folder_config(&folder, config, e));
    assert_fails(TW_ENOMEM, "no memory to write config.json",
                 tw_train__folder_config(&folder, NULL, e));
    tw_train__folder_free(&folder);
    assert_file(path_of(state, "config/config.json"), "{\n  \"epochs\": 3\n}\n");
}

static void test_a_run_names_its_model(void **state)
{
    const char *path = path_of(state, "whole");
    char buf[300];

    assert_ok(tw_folder_create(path, e));
    assert_fails(TW_EFILE,
                 sentence_of(path, "no model.safetensors there, the training did not come to its "
                                   "end"),
                 tw_run_model_path(buf, sizeof buf, path, e));
    write_text(path_of(state, "whole/model.safetensors"), "x");
    assert_ok(tw_run_model_path(buf, sizeof buf, path, e));
    assert_string_equal(buf, path_of(state, "whole/model.safetensors"));
}

static void test_a_model_file_names_itself(void **state)
{
    const char *path = path_of(state, "m.safetensors");
    char buf[300];

    assert_fails(TW_EFILE, sentence_of(path, "no such run or model file"),
                 tw_run_model_path(buf, sizeof buf, path, e));
    write_text(path, "x");
    assert_ok(tw_run_model_path(buf, sizeof buf, path, e));
    assert_string_equal(buf, path);
    assert_int_equal(tw_run_model_path(buf, 4, path, NULL), TW_EFILE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new_and_empty_folders_are_fine),
        cmocka_unit_test(test_an_existing_run_is_refused),
        cmocka_unit_test(test_overwriting_removes_every_old_file),
        cmocka_unit_test(test_other_folders_are_never_overwritten),
        cmocka_unit_test(test_a_file_is_no_folder),
        cmocka_unit_test(test_history_has_these_bytes),
        cmocka_unit_test(test_log_grows_by_lines_of_json),
        cmocka_unit_test(test_config_is_an_indented_object),
        cmocka_unit_test(test_a_run_names_its_model),
        cmocka_unit_test(test_a_model_file_names_itself),
    };

    return cmocka_run_group_tests_name("train/run_folder", tests, check_make_folder,
                                       check_remove_folder);
}
