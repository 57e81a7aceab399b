/* The written split: shares in each class, units that stay together, what is kept; each refusal. */
#include "data/dataset.h"

#include "check.h"
#include "image/image.h"
#include "make_files.h"

#include <stdbool.h>
#include <sys/stat.h>

enum { MAX_ROWS = 200 };

/* A picture of noise, unlike any other. */
static void put(const char *top, const char *name, uint32_t seed)
{
    char *path = path_in(top, name);
    tw_picture p;
    assert_ok(tw_picture_create(&p, 9 * 4, 9 * 4, 1, e));
    for (int i = 0; i < p.height * p.width; i++) {
        uint32_t block = (uint32_t)(i / p.width / 4 * 9 + i % p.width / 4) * 2654435761u;
        block = (block ^ seed * 40503u) * 2246822519u;
        p.pixels[i] = (uint8_t)((block ^ block >> 15) * 3266489917u >> 24);
    }
    assert_ok(tw_picture_write_png(&p, path, e));
    tw_picture_free(&p);
    free(path);
}

/* a: 20 pictures, b: 10; names tell two to a "day". */
static char *make_world(void **state, const char *name)
{
    char *top = path_in(*state, name), *cache = path_in(*state, "cache"), *folder, file[32];
    assert_int_equal(mkdir(top, 0777), 0);
    for (int k = 0; k < 2; k++) {
        folder = path_in(top, k ? "b" : "a");
        assert_int_equal(mkdir(folder, 0777), 0);
        free(folder);
    }
    for (uint32_t i = 0; i < 30; i++) {
        snprintf(file, sizeof file, "%s/day%02u-%u.png", i < 20 ? "a" : "b", i / 2, i % 2);
        put(top, file, i + 1);
    }
    setenv("XDG_CACHE_HOME", cache, 1);
    free(cache);
    return top;
}

typedef struct row {
    char path[200], label[8], split[8];
} row;

static int read_rows(row *rows, const char *path)
{
    FILE *file = fopen(path, "r");
    char line[400];
    int n = 0;
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof line, file));
    while (fgets(line, sizeof line, file)) {
        assert_true(n < MAX_ROWS);
        assert_int_equal(
            sscanf(line, "%199[^,],%7[^,],%7[^,\n]", rows[n].path, rows[n].label, rows[n].split),
            3);
        n++;
    }
    fclose(file);
    return n;
}

static const char *split_of(const row *rows, int n, const char *path)
{
    for (int i = 0; i < n; i++)
        if (strcmp(rows[i].path, path) == 0)
            return rows[i].split;
    fail_msg("no row %s", path);
    return NULL;
}

static tw_status split(const char *data, const char *output, const tw_split_options *how,
                       tw_split_result *result, tw_error *err)
{
    tw_check *check;
    tw_status rc;
    assert_ok(tw_check_run(&check, data, 1, 1, NULL, e));
    rc = tw_split_write(result, check, data, output, how, err);
    tw_check_free(check);
    return rc;
}

static void each_class_has_its_share(void **state)
{
    char *top = make_world(state, "shares"), *output = path_in(*state, "shares.csv");
    const tw_split_options how = {.val = 0.2, .test = 0.1, .seed = 1};
    tw_split_result result;
    tw_dataset *data;
    row rows[MAX_ROWS];
    int n[2] = {0};
    assert_ok(split(top, output, &how, &result, e));
    assert_int_equal(result.n[TW_PART_TRAIN], 21);
    assert_int_equal(result.n[TW_PART_VAL], 6);
    assert_int_equal(result.n[TW_PART_TEST], 3);
    assert_int_equal(read_rows(rows, output), 30);
    for (int i = 0; i < 30; i++)
        n[rows[i].label[0] == 'b'] += strcmp(rows[i].split, "val") == 0;
    assert_int_equal(n[0], 4);
    assert_int_equal(n[1], 2);
    assert_string_equal(rows[0].path, "shares/a/day00-0.png"); /* relative to the manifest */
    assert_ok(tw_dataset_open(&data, output, TW_PART_VAL, 0, e));
    assert_int_equal(tw_dataset_count(data), 6);
    assert_ok(tw_dataset_glance(data, output, &(tw_glance_options){0}, NULL, e));
    tw_dataset_free(data);
    free(output);
    free(top);
}

static void units_stay_together(void **state)
{
    char *top = make_world(state, "units"), *output = path_in(*state, "units.csv"), command[600];
    const tw_split_options how = {.val = 0.3, .seed = 2, .group_by = "(day[0-9]+)-"};
    tw_split_result result;
    row rows[MAX_ROWS];
    int n;
    /* a copy under another day ties two days together */
    snprintf(command, sizeof command, "cp %s/a/day00-0.png %s/a/day99-0.png", top, top);
    assert_int_equal(system(command), 0);
    assert_ok(split(top, output, &how, &result, e));
    assert_int_equal(result.n_units, 15);
    n = read_rows(rows, output);
    assert_int_equal(n, 31);
    for (int i = 0; i < n; i++) {
        char twin[200];
        char *digit;
        memcpy(twin, rows[i].path, sizeof twin);
        digit = strrchr(twin, '-') + 1;
        *digit = '0';
        assert_string_equal(rows[i].split, split_of(rows, n, twin));
    }
    assert_string_equal(split_of(rows, n, "units/a/day99-0.png"),
                        split_of(rows, n, "units/a/day00-1.png"));
    free(output);
    free(top);
}

static void files_that_come_later_move_few_or_none(void **state)
{
    char *top = make_world(state, "later"), *old = path_in(*state, "old.csv"),
         *new = path_in(*state, "new.csv"), *kept = path_in(*state, "kept.csv"), file[32];
    tw_split_options how = {.val = 0.2, .seed = 3};
    tw_split_result result;
    row before[MAX_ROWS], after[MAX_ROWS];
    int n_moved = 0;
    assert_ok(split(top, old, &how, &result, e));
    for (uint32_t i = 0; i < 10; i++) {
        snprintf(file, sizeof file, "a/later%u.png", i);
        put(top, file, 100 + i);
    }
    assert_ok(split(top, new, &how, &result, e));
    assert_int_equal(read_rows(before, old), 30);
    assert_int_equal(read_rows(after, new), 40);
    for (int i = 0; i < 30; i++)
        n_moved += strcmp(before[i].split, split_of(after, 40, before[i].path)) != 0;
    assert_in_range(n_moved, 0, 4);
    how.keep = old;
    assert_ok(split(top, kept, &how, &result, e));
    assert_int_equal(result.n[TW_PART_VAL], 8);
    assert_int_equal(read_rows(after, kept), 40);
    for (int i = 0; i < 30; i++)
        assert_string_equal(before[i].split, split_of(after, 40, before[i].path));
    free(old);
    free(new);
    free(kept);
    free(top);
}

static void groups_of_a_manifest_are_taken(void **state)
{
    char *top = make_world(state, "column"), *in = path_in(top, "in.csv"),
         *output = path_in(top, "out.csv");
    const tw_split_options how = {.val = 0.5, .seed = 4};
    tw_split_result result;
    row rows[MAX_ROWS];
    static const char text[] = "path,label,group\na/day00-0.png,a,x\na/day01-0.png,a,x\n"
                               "a/day02-0.png,a,\"y,z\"\na/day03-0.png,a,\"y,z\"\n";
    write_bytes(in, text, sizeof text - 1);
    assert_ok(split(in, output, &how, &result, e));
    assert_int_equal(result.n_units, 2);
    assert_int_equal(read_rows(rows, output), 4);
    assert_string_equal(rows[0].split, rows[1].split);
    assert_string_equal(rows[2].split, rows[3].split);
    assert_string_not_equal(rows[0].split, rows[2].split);
    free(in);
    free(output);
    free(top);
}

static void refuse(const char *data, const char *output, tw_split_options how, tw_status status,
                   const char *sentence)
{
    tw_split_result result;
    assert_fails(status, sentence, split(data, output, &how, &result, e));
}

static void what_is_wrong_is_named(void **state)
{
    char *top = make_world(state, "wrong"), *output = path_in(*state, "w.csv"), text[900];
    char *parts = path_in(top, "parts.csv"), *plain = path_in(top, "plain.csv"),
         *both = path_in(top, "both.csv");
    static const char rows[] = "path,label,split\na/day00-0.png,x,train\nb/day10-0.png,y,val\n"
                               "a/day01-0.png,x,val\nb/day11-0.png,y,train\n";
    write_bytes(parts, rows, sizeof rows - 1);
    write_bytes(plain, "path,label\na,b\n", 15);
    refuse(top, output, (tw_split_options){.val = 0.5, .test = 0.5}, TW_EUSAGE,
           "shares 0.5 of val and 0.5 of test leave no split");
    snprintf(text, sizeof text, "%s: has a part val of its own, so --val must be 0", parts);
    refuse(parts, output, (tw_split_options){.val = 0.5}, TW_EUSAGE, text);
    refuse("digits:20", output, (tw_split_options){.val = 0.5}, TW_EUSAGE,
           "digits:20: no training pictures in files, nothing to split");
    refuse(top, "m.txt", (tw_split_options){.val = 0.5}, TW_EUSAGE,
           "m.txt: a manifest is called .csv");
    snprintf(text, sizeof text, "%s: is there already; --keep %s keeps what it says", plain, plain);
    refuse(top, plain, (tw_split_options){.val = 0.5}, TW_EUSAGE, text);
    refuse(top, output, (tw_split_options){.val = 0.5, .group_by = "(a"}, TW_EUSAGE,
           "--group-by \"(a\" is no regular expression: Unmatched ( or \\(");
    snprintf(text, sizeof text, "%s: no column \"split\", nothing to keep", plain);
    refuse(top, output, (tw_split_options){.val = 0.5, .keep = plain}, TW_EFILE, text);
    snprintf(text, sizeof text,
             "%s: a/day01-0.png is in part val, what belongs to it in part train", parts);
    refuse(top, both, (tw_split_options){.val = 0.5, .keep = parts, .group_by = "^a/"}, TW_EUSAGE,
           text);
    free(top);
    free(output);
    free(parts);
    free(plain);
    free(both);
}

/* The check goes on, the split does not. */
static void an_empty_class_is_refused(void **state)
{
    char *top = make_world(state, "hollow"), *output = path_in(*state, "hollow.csv"),
         *class = path_in(top, "c"), text[600];
    assert_int_equal(mkdir(class, 0777), 0);
    snprintf(text, sizeof text, "%s: no .jpg, .png, .webp, .bmp or .ppm file in this folder",
             class);
    refuse(top, output, (tw_split_options){.val = 0.5}, TW_EFILE, text);
    free(top);
    free(output);
    free(class);
}

static void bad_pictures_are_left_out_when_asked(void **state)
{
    char *top = make_world(state, "bad"), *output = path_in(*state, "bad.csv"),
         *path = path_in(top, "a/day00-0.png");
    const tw_split_options how = {.val = 0.2, .seed = 1, .skip_bad = 1};
    tw_split_result result;
    row rows[MAX_ROWS];
    write_bytes(path, "", 0);
    refuse(top, output, (tw_split_options){.val = 0.2}, TW_EFILE,
           "1 picture cannot be read, the first is a/day00-0.png: the file is empty");
    assert_ok(split(top, output, &how, &result, e));
    assert_int_equal(result.n_bad, 1);
    assert_int_equal(read_rows(rows, output), 29);
    free(top);
    free(output);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_class_has_its_share),
        cmocka_unit_test(units_stay_together),
        cmocka_unit_test(files_that_come_later_move_few_or_none),
        cmocka_unit_test(groups_of_a_manifest_are_taken),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(an_empty_class_is_refused),
        cmocka_unit_test(bad_pictures_are_left_out_when_asked),
    };
    return cmocka_run_group_tests(tests, check_make_folder, check_remove_folder);
}
