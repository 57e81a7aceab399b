/* The checkpoint's files: what was written comes back, what is damaged is never believed, and the
 * sentences say what was passed over. Generation g is made of the number g alone. */
#include "check.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/memory.h"
#include "train/checkpoint.h"

enum { N_STATE_AT = 16, N_PARTS_AT = 24, CHECKSUM_AT = 32, UNUSED_AT = 48, STATE_AT = 64 };
enum { WINDOW = 4 << 20, MAX_FILE = 1 << 16 };

/* ---- generations */

static unsigned char byte_of(int64_t generation, int part, int64_t at)
{
    uint64_t x =
        (uint64_t)generation * 1000003u + (uint64_t)part * 8191u + (uint64_t)at * 2654435761u;

    return (unsigned char)(x >> 13 ^ x);
}

static tw_json *state_of(int64_t generation)
{
    tw_json *state = tw_json_new_object();

    assert_true(tw_json_set(state, "epoch", tw_json_new_i64(generation)));
    assert_true(tw_json_set(state, "rate", tw_json_new_f64(0.125)));
    return state;
}

static const char *const names[] = {"parameters", "optimizer", "nothing", "last"};
static const int64_t small[] = {37, 8, 0, 1};
enum { N_PARTS = sizeof names / sizeof *names };

static void make_parts(tw_checkpoint_part parts[N_PARTS], const int64_t *sizes)
{
    for (int i = 0; i < N_PARTS; i++)
        parts[i] = (tw_checkpoint_part){names[i], test_malloc((size_t)sizes[i] + 1), sizes[i]};
}

static void fill_parts(tw_checkpoint_part parts[N_PARTS], int64_t generation)
{
    for (int i = 0; i < N_PARTS; i++)
        for (int64_t at = 0; at < parts[i].n_bytes; at++)
            ((unsigned char *)parts[i].data)[at] = byte_of(generation, i, at);
}

static void free_parts(tw_checkpoint_part parts[N_PARTS])
{
    for (int i = 0; i < N_PARTS; i++)
        test_free(parts[i].data);
}

static void write_generation(const char *folder, int64_t generation, const int64_t *sizes)
{
    tw_checkpoint_part parts[N_PARTS];
    tw_json *state = state_of(generation);

    make_parts(parts, sizes);
    fill_parts(parts, generation);
    assert_ok(tw_train__checkpoint_write(folder, generation, state, parts, N_PARTS, e));
    tw_json_free(state);
    free_parts(parts);
}

static bool is_generation(const tw_checkpoint *in, int64_t generation, const int64_t *sizes)
{
    tw_checkpoint_part parts[N_PARTS];
    int64_t epoch = 0;
    bool same = tw_train__checkpoint_sequence(in) == generation &&
                tw_json_i64(&epoch, tw_json_get(tw_train__checkpoint_state(in), "epoch")) &&
                epoch == generation;

    make_parts(parts, sizes);
    assert_ok(tw_train__checkpoint_read(in, parts, N_PARTS, e));
    for (int i = 0; i < N_PARTS; i++)
        for (int64_t at = 0; at < parts[i].n_bytes; at++)
            same = same && ((unsigned char *)parts[i].data)[at] == byte_of(generation, i, at);
    free_parts(parts);
    return same;
}

/* Opens, expects this generation whole and `why`, which may be "". */
static void assert_generation(const char *folder, int64_t generation, const int64_t *sizes,
                              const char *expected_why)
{
    tw_text why = {0};
    tw_checkpoint *in;

    assert_ok(tw_train__checkpoint_open(&in, folder, &why, e));
    assert_non_null(in);
    assert_string_equal(why.n ? why.text : "", expected_why);
    assert_true(is_generation(in, generation, sizes));
    tw_train__checkpoint_close(in);
    tw_text_free(&why);
}

/* ---- folders and files of a test */

static char *path_in(const char *folder, const char *name)
{
    static char paths[8][200];
    static int next;
    char *path = paths[next++ % 8];

    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static char *make_folder(void **state, const char *name)
{
    char *folder = strdup(path_in(*state, name));

    assert_ok(tw_folder_create(folder, e));
    return folder;
}

/* Sentences of up to two files: each %s is the folder. */
static const char *in_folder(const char *folder, const char *format)
{
    static char text[800];

    snprintf(text, sizeof text, format, folder, folder);
    return text;
}

static void write_bytes(const char *path, const void *bytes, size_t n)
{
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
}

static size_t read_bytes(const char *path, unsigned char *out)
{
    FILE *file = fopen(path, "rb");
    size_t n;

    assert_non_null(file);
    n = fread(out, 1, MAX_FILE, file);
    fclose(file);
    return n;
}

static void flip(const char *path, size_t at)
{
    unsigned char bytes[MAX_FILE];
    size_t n = read_bytes(path, bytes);

    assert_true(at < n);
    bytes[at] ^= 1;
    write_bytes(path, bytes, n);
}

/* ---- round trips */

static void test_parts_of_all_sizes_come_back(void **state)
{
    static const int64_t sizes[][N_PARTS] = {
        {37, 8, 0, 1},
        {0, 0, 0, 0},
        {WINDOW, WINDOW - 1, 0, WINDOW + 1},
        {2 * WINDOW + 3, 5, 1, 0},
    };
    char *folder = make_folder(state, "sizes");

    for (int64_t i = 0; i < (int64_t)(sizeof sizes / sizeof *sizes); i++) {
        write_generation(folder, i + 1, sizes[i]);
        assert_generation(folder, i + 1, sizes[i], "");
    }
    free(folder);
}

static void test_a_checkpoint_without_parts(void **state)
{
    char *folder = make_folder(state, "bare");
    tw_json *written = tw_json_new_object();
    tw_text why = {0};
    tw_checkpoint *in;

    assert_ok(tw_train__checkpoint_write(folder, 7, written, NULL, 0, e));
    assert_ok(tw_train__checkpoint_open(&in, folder, &why, e));
    assert_int_equal(tw_train__checkpoint_sequence(in), 7);
    assert_int_equal(tw_json_count(tw_train__checkpoint_state(in)), 0);
    tw_train__checkpoint_close(in);
    tw_json_free(written);
    free(folder);
}

static void test_parts_are_found_by_name(void **state)
{
    char *folder = make_folder(state, "names"), first[1], last[8];
    tw_checkpoint_part parts[] = {{"optimizer", last, 8}, {"last", first, 1}};
    tw_text why = {0};
    tw_checkpoint *in;

    write_generation(folder, 3, small);
    assert_ok(tw_train__checkpoint_open(&in, folder, &why, e));
    assert_ok(tw_train__checkpoint_read(in, parts, 2, e));
    for (int at = 0; at < 8; at++)
        assert_int_equal((unsigned char)last[at], byte_of(3, 1, at));
    assert_int_equal((unsigned char)first[0], byte_of(3, 3, 0));
    tw_train__checkpoint_close(in);
    free(folder);
}

static void test_two_generations_are_kept(void **state)
{
    char *folder = make_folder(state, "two"), **list;
    size_t n;

    for (int64_t g = 1; g <= 4; g++) {
        write_generation(folder, g, small);
        assert_generation(folder, g, small, "");
    }
    assert_ok(tw_folder_list(&list, &n, folder, e));
    assert_int_equal(n, 2);
    assert_string_equal(list[0], "last.ckpt");
    assert_string_equal(list[1], "last.ckpt.1");
    tw_folder_list_free(list, n);
    assert_int_equal(rename(path_in(folder, "last.ckpt.1"), path_in(folder, "last.ckpt")), 0);
    assert_generation(folder, 3, small, "");
    free(folder);
}

/* By its number, not by its name. */
static void test_the_newest_is_the_one_with_the_highest_number(void **state)
{
    char *folder = make_folder(state, "swapped");

    write_generation(folder, 1, small);
    write_generation(folder, 2, small);
    assert_int_equal(rename(path_in(folder, "last.ckpt"), path_in(folder, "x")), 0);
    assert_int_equal(rename(path_in(folder, "last.ckpt.1"), path_in(folder, "last.ckpt")), 0);
    assert_int_equal(rename(path_in(folder, "x"), path_in(folder, "last.ckpt.1")), 0);
    assert_generation(folder, 2, small, "");
    free(folder);
}

/* One that was reported as failed at its very end is written again under the same number. */
static void test_of_one_number_the_later_is_the_newest(void **state)
{
    static const int64_t first[N_PARTS] = {5, 6, 7, 8}, second[N_PARTS] = {8, 7, 6, 5};
    char *folder = make_folder(state, "again");

    write_generation(folder, 1, first);
    write_generation(folder, 1, second);
    assert_generation(folder, 1, second, "");
    assert_int_equal(rename(path_in(folder, "last.ckpt"), path_in(folder, "last.ckpt.new")), 0);
    assert_generation(folder, 1, second, "");
    assert_int_equal(rename(path_in(folder, "last.ckpt"), path_in(folder, "last.ckpt.new")), 0);
    assert_int_equal(rename(path_in(folder, "last.ckpt.1"), path_in(folder, "last.ckpt")), 0);
    assert_generation(folder, 1, second, "");
    free(folder);
}

static void test_no_checkpoint_at_all(void **state)
{
    char *folder = make_folder(state, "none");
    tw_text why = {0};
    tw_checkpoint *in = (tw_checkpoint *)&why;

    assert_ok(tw_train__checkpoint_open(&in, folder, &why, e));
    assert_null(in);
    assert_int_equal(why.n, 0);
    in = (tw_checkpoint *)&why;
    assert_ok(tw_train__checkpoint_open(&in, path_in(folder, "missing"), &why, e));
    assert_null(in);
    tw_train__checkpoint_close(NULL);
    free(folder);
}

/* ---- what a crash leaves */

static void test_a_half_written_one_is_taken_away(void **state)
{
    char *folder = make_folder(state, "half");

    write_generation(folder, 1, small);
    write_bytes(path_in(folder, "last.ckpt.new"), "TWCKPT1", 8);
    assert_generation(folder, 1, small, "");
    assert_false(tw_path_exists(path_in(folder, "last.ckpt.new")));
    free(folder);
}

static void test_a_whole_one_gets_its_name(void **state)
{
    char *folder = make_folder(state, "whole");

    write_generation(folder, 1, small);
    write_generation(folder, 2, small);
    assert_int_equal(rename(path_in(folder, "last.ckpt"), path_in(folder, "last.ckpt.new")), 0);
    assert_generation(folder, 2, small, "");
    assert_false(tw_path_exists(path_in(folder, "last.ckpt.new")));
    assert_true(tw_path_exists(path_in(folder, "last.ckpt")));
    assert_true(tw_path_exists(path_in(folder, "last.ckpt.1")));
    assert_generation(folder, 2, small, "");
    free(folder);
}

/* ---- refusals */

static void assert_all_damaged(const char *folder, const char *sentence)
{
    tw_text why = {0};
    tw_checkpoint *in = (tw_checkpoint *)&why;

    assert_fails(TW_EFILE, sentence, tw_train__checkpoint_open(&in, folder, &why, e));
    assert_null(in);
    tw_text_free(&why);
}

static void test_a_damaged_newest_is_passed_over(void **state)
{
    char *folder = make_folder(state, "newest");
    const char *newest = strdup(path_in(folder, "last.ckpt"));
    int64_t n_bytes;

    write_generation(folder, 1, small);
    write_generation(folder, 2, small);
    n_bytes = tw_path_size(newest);
    flip(newest, (size_t)n_bytes - 1);
    assert_generation(folder, 1, small,
                      in_folder(folder, "%s/last.ckpt: part last has a wrong checksum; "
                                        "going on from the checkpoint before it"));
    flip(newest, (size_t)n_bytes - 1);
    flip(newest, (size_t)n_bytes - 2);
    assert_generation(folder, 1, small,
                      in_folder(folder, "%s/last.ckpt: part optimizer has a wrong checksum; "
                                        "going on from the checkpoint before it"));
    write_generation(folder, 2, small); /* the damaged one is the older one now: no harm */
    assert_generation(folder, 2, small, "");
    free((char *)newest);
    free(folder);
}

static void test_every_kind_of_damage_has_its_sentence(void **state)
{
    char *folder = make_folder(state, "kinds");
    const char *newest = strdup(path_in(folder, "last.ckpt"));
    unsigned char bytes[MAX_FILE] = {0};
    size_t n;

    write_generation(folder, 1, small);
    n = read_bytes(newest, bytes);
    write_bytes(newest, bytes, 0);
    assert_all_damaged(folder, in_folder(folder, "%s/last.ckpt: too short for a checkpoint"));
    write_bytes(newest, bytes, STATE_AT - 1);
    assert_all_damaged(folder, in_folder(folder, "%s/last.ckpt: too short for a checkpoint"));
    write_bytes(newest, bytes, STATE_AT);
    assert_all_damaged(folder, in_folder(folder, "%s/last.ckpt: its header is damaged"));
    write_bytes(newest, bytes, n - 1);
    assert_all_damaged(folder, in_folder(folder, "%s/last.ckpt: cut off, or longer than it says"));
    write_bytes(newest, bytes, n + 1);
    assert_all_damaged(folder, in_folder(folder, "%s/last.ckpt: cut off, or longer than it says"));
    write_bytes(newest, bytes, n);
    flip(newest, 0);
    assert_all_damaged(folder, in_folder(folder, "%s/last.ckpt: not a checkpoint"));
    flip(newest, 0);
    flip(newest, UNUSED_AT);
    assert_all_damaged(folder, in_folder(folder, "%s/last.ckpt: its header is damaged"));
    flip(newest, UNUSED_AT);
    flip(newest, STATE_AT);
    assert_all_damaged(folder, in_folder(folder, "%s/last.ckpt: its front has a wrong checksum"));
    free((char *)newest);
    free(folder);
}

static void test_all_damaged_names_both(void **state)
{
    char *folder = make_folder(state, "both");

    write_generation(folder, 1, small);
    write_generation(folder, 2, small);
    flip(path_in(folder, "last.ckpt"), 0);
    flip(path_in(folder, "last.ckpt.1"), STATE_AT);
    assert_all_damaged(folder, in_folder(folder, "%s/last.ckpt: not a checkpoint; "
                                                 "%s/last.ckpt.1: its front has a wrong checksum"));
    free(folder);
}

static void test_other_parts_are_refused(void **state)
{
    char *folder = make_folder(state, "parts"), bytes[64];
    tw_checkpoint_part missing = {"moments", bytes, 8}, larger = {"optimizer", bytes, 9};
    tw_text why = {0};
    tw_checkpoint *in;

    write_generation(folder, 1, small);
    assert_ok(tw_train__checkpoint_open(&in, folder, &why, e));
    assert_fails(TW_EFILE, in_folder(folder, "%s/last.ckpt: has no moments"),
                 tw_train__checkpoint_read(in, &missing, 1, e));
    assert_fails(TW_EFILE,
                 in_folder(folder, "%s/last.ckpt: its optimizer are 8 bytes, this run has 9"),
                 tw_train__checkpoint_read(in, &larger, 1, e));
    tw_train__checkpoint_close(in);
    free(folder);
}

/* Of one that was renamed when it was opened, sentences have the name that it has now. */
static void test_damage_after_opening_is_seen(void **state)
{
    char *folder = make_folder(state, "meanwhile"), bytes[8];
    tw_checkpoint_part part = {"optimizer", bytes, 8};
    tw_text why = {0};
    tw_checkpoint *in;

    write_generation(folder, 1, small);
    assert_int_equal(rename(path_in(folder, "last.ckpt"), path_in(folder, "last.ckpt.new")), 0);
    assert_ok(tw_train__checkpoint_open(&in, folder, &why, e));
    flip(path_in(folder, "last.ckpt"), (size_t)tw_path_size(path_in(folder, "last.ckpt")) - 2);
    assert_fails(TW_EFILE, in_folder(folder, "%s/last.ckpt: part optimizer has a wrong checksum"),
                 tw_train__checkpoint_read(in, &part, 1, e));
    tw_train__checkpoint_close(in);
    free(folder);
}

static void test_the_older_is_removed(void **state)
{
    char *folder = make_folder(state, "older");

    assert_ok(tw_train__checkpoint_remove_older(folder, e));
    write_generation(folder, 1, small);
    write_generation(folder, 2, small);
    assert_ok(tw_train__checkpoint_remove_older(folder, e));
    assert_false(tw_path_exists(path_in(folder, "last.ckpt.1")));
    assert_generation(folder, 2, small, "");
    free(folder);
}

static void test_a_link_is_not_written_through(void **state)
{
    char *folder = make_folder(state, "link");
    tw_json *empty = tw_json_new_object();

    write_bytes(path_in(folder, "mine"), "mine", 4);
    assert_int_equal(symlink("mine", path_in(folder, "last.ckpt.new")), 0);
    assert_fails(TW_EFILE,
                 in_folder(folder, "%s/last.ckpt.new: a symbolic link, which is not followed"),
                 tw_train__checkpoint_write(folder, 1, empty, NULL, 0, e));
    assert_int_equal(tw_path_size(path_in(folder, "mine")), 4);
    tw_json_free(empty);
    free(folder);
}

/* ---- every byte and every bit */

/* A damaged file alone is refused; beside an older one the older one is taken. */
static void check_damage(const char *folder, const unsigned char *bytes, size_t n)
{
    tw_text why = {0};
    tw_error err = {TW_OK, ""};
    tw_checkpoint *in;
    char prefix[200];

    snprintf(prefix, sizeof prefix, "%s/last.ckpt: ", folder);
    write_bytes(path_in(folder, "last.ckpt"), bytes, n);
    assert_ok(tw_train__checkpoint_open(&in, folder, &why, e));
    assert_non_null(in);
    assert_true(is_generation(in, 1, small));
    assert_memory_equal(why.text, prefix, strlen(prefix));
    tw_train__checkpoint_close(in);
    tw_text_free(&why);

    assert_int_equal(rename(path_in(folder, "last.ckpt.1"), path_in(folder, "aside")), 0);
    assert_int_equal(tw_train__checkpoint_open(&in, folder, &why, &err), TW_EFILE);
    assert_memory_equal(err.text, prefix, strlen(prefix));
    assert_null(in);
    tw_text_free(&why);
    assert_int_equal(rename(path_in(folder, "aside"), path_in(folder, "last.ckpt.1")), 0);
}

static size_t two_generations(const char *folder, unsigned char *newest)
{
    write_generation(folder, 1, small);
    write_generation(folder, 2, small);
    return read_bytes(path_in(folder, "last.ckpt"), newest);
}

static void test_cut_at_every_byte(void **state)
{
    char *folder = make_folder(state, "cut");
    unsigned char bytes[MAX_FILE];
    size_t n = two_generations(folder, bytes);

    for (size_t at = 0; at < n; at++)
        check_damage(folder, bytes, at);
    memset(bytes + n, 0, 8);
    check_damage(folder, bytes, n + 1);
    check_damage(folder, bytes, n + 8);
    write_bytes(path_in(folder, "last.ckpt"), bytes, n);
    assert_generation(folder, 2, small, "");
    free(folder);
}

static void test_every_flipped_bit(void **state)
{
    char *folder = make_folder(state, "flipped");
    unsigned char bytes[MAX_FILE];
    size_t n = two_generations(folder, bytes);

    for (size_t bit = 0; bit < 8 * n; bit++) {
        bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
        check_damage(folder, bytes, n);
        bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    write_bytes(path_in(folder, "last.ckpt"), bytes, n);
    assert_generation(folder, 2, small, "");
    free(folder);
}

/* ---- a hostile file: its checksum is right, its sizes are not */

static uint64_t get_u64(const unsigned char *bytes)
{
    uint64_t value;

    memcpy(&value, bytes, sizeof value);
    return value;
}

static tw_hash128 add(tw_hash128 hash, const void *bytes, size_t n)
{
    return tw_hash128_of(bytes, n, hash.low ^ (hash.high << 1));
}

/* Signs the front again, as one who knows the layout would. */
static void sign(unsigned char *bytes)
{
    size_t n_state = (size_t)get_u64(bytes + N_STATE_AT);
    tw_hash128 hash = add((tw_hash128){0, 0}, bytes, CHECKSUM_AT);

    hash = add(hash, bytes + STATE_AT, n_state);
    hash = add(hash, bytes + STATE_AT + n_state, (size_t)get_u64(bytes + N_PARTS_AT) * 80);
    memcpy(bytes + CHECKSUM_AT, &hash, sizeof hash);
}

static void check_hostile(const char *folder, const unsigned char *bytes, size_t n,
                          const char *sentence)
{
    int64_t before;

    write_bytes(path_in(folder, "last.ckpt"), bytes, n);
    before = tw_memory_peak();
    assert_all_damaged(folder, in_folder(folder, sentence));
    assert_true(tw_memory_peak() - before < WINDOW);
}

static void test_hostile_counts(void **state)
{
    static const int64_t values[] = {-1, INT64_MIN, INT64_MAX, INT64_MAX / 80, 1LL << 32, 65, 5000};
    char *folder = make_folder(state, "counts");
    unsigned char bytes[MAX_FILE], hostile[MAX_FILE];
    size_t n;

    write_generation(folder, 1, small);
    n = read_bytes(path_in(folder, "last.ckpt"), bytes);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        memcpy(hostile, bytes, n);
        memcpy(hostile + N_PARTS_AT, &values[i], 8);
        check_hostile(folder, hostile, n, "%s/last.ckpt: its header is damaged");
        memcpy(hostile, bytes, n);
        memcpy(hostile + N_STATE_AT, &values[i], 8);
        check_hostile(folder, hostile, n,
                      values[i] == 65 ? "%s/last.ckpt: its front has a wrong checksum"
                                      : "%s/last.ckpt: its header is damaged");
    }
    free(folder);
}

static void test_hostile_sizes_of_parts(void **state)
{
    static const int64_t values[] = {-1, INT64_MIN, INT64_MAX, INT64_MAX - 46, 1LL << 40, 38, 0};
    char *folder = make_folder(state, "part-sizes");
    unsigned char bytes[MAX_FILE], hostile[MAX_FILE];
    size_t n, table;

    write_generation(folder, 1, small);
    n = read_bytes(path_in(folder, "last.ckpt"), bytes);
    table = STATE_AT + (size_t)get_u64(bytes + N_STATE_AT);
    for (int part = 0; part < N_PARTS; part++)
        for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
            if (values[i] == small[part])
                continue;
            memcpy(hostile, bytes, n);
            memcpy(hostile + table + 80 * (size_t)part + 40, &values[i], 8);
            sign(hostile);
            check_hostile(folder, hostile, n, "%s/last.ckpt: cut off, or longer than it says");
        }
    free(folder);
}

static void test_a_signed_state_that_is_no_json(void **state)
{
    char *folder = make_folder(state, "json");
    unsigned char bytes[MAX_FILE];
    tw_error err = {TW_OK, ""};
    tw_text why = {0};
    tw_checkpoint *in;
    size_t n;

    write_generation(folder, 1, small);
    n = read_bytes(path_in(folder, "last.ckpt"), bytes);
    sign(bytes);
    write_bytes(path_in(folder, "last.ckpt"), bytes, n);
    assert_generation(folder, 1, small, "");
    bytes[STATE_AT] = '[';
    sign(bytes);
    write_bytes(path_in(folder, "last.ckpt"), bytes, n);
    assert_int_equal(tw_train__checkpoint_open(&in, folder, &why, &err), TW_EFILE);
    assert_non_null(strstr(err.text, "last.ckpt"));
    assert_null(in);
    tw_text_free(&why);
    free(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts_of_all_sizes_come_back),
        cmocka_unit_test(test_a_checkpoint_without_parts),
        cmocka_unit_test(test_parts_are_found_by_name),
        cmocka_unit_test(test_two_generations_are_kept),
        cmocka_unit_test(test_the_newest_is_the_one_with_the_highest_number),
        cmocka_unit_test(test_of_one_number_the_later_is_the_newest),
        cmocka_unit_test(test_no_checkpoint_at_all),
        cmocka_unit_test(test_a_half_written_one_is_taken_away),
        cmocka_unit_test(test_a_whole_one_gets_its_name),
        cmocka_unit_test(test_a_damaged_newest_is_passed_over),
        cmocka_unit_test(test_every_kind_of_damage_has_its_sentence),
        cmocka_unit_test(test_all_damaged_names_both),
        cmocka_unit_test(test_other_parts_are_refused),
        cmocka_unit_test(test_damage_after_opening_is_seen),
        cmocka_unit_test(test_the_older_is_removed),
        cmocka_unit_test(test_a_link_is_not_written_through),
        cmocka_unit_test(test_cut_at_every_byte),
        cmocka_unit_test(test_every_flipped_bit),
        cmocka_unit_test(test_hostile_counts),
        cmocka_unit_test(test_hostile_sizes_of_parts),
        cmocka_unit_test(test_a_signed_state_that_is_no_json),
    };

    return cmocka_run_group_tests_name("unit/train/checkpoint", tests, check_make_folder,
                                       check_remove_folder);
}
