/* Fetching over HTTP from a server of the test's own, in every way in which a server fails. */
#include "unit/fetch/fetch_fixture.h"
#include "unit/fetch/http_server.h"

#include <sys/mount.h>

/* One server, one row; fetches with tries that follow at once. */
typedef struct bench {
    fixture *f;
    server s;
    char url[64], file_url[256];
    int timeout_s;
    listener heard;
    tw_fetch_result result;
} bench;

static bench *bench_start(void **state, manner how, int n_bad)
{
    bench *b = calloc(1, sizeof *b);

    b->f = fixture_make(state);
    b->s =
        (server){.body = b->f->body, .n = N_BODY, .etag = "\"v1\"", .manner = how, .n_bad = n_bad};
    b->s.only = how == REDIRECT || how == REDIRECT_EVER ? NULL : "/thing.bin";
    b->timeout_s = 20;
    server_start(&b->s, b->url);
    snprintf(b->file_url, sizeof b->file_url, "%s/thing/thing.bin", b->url);
    return b;
}

static void bench_end(bench *b)
{
    server_stop(&b->s);
    free(b->f);
    free(b);
}

static tw_status get(bench *b, tw_error *err)
{
    const tw_watch watch = listen_with(&b->heard);
    const tw_fetch_options options = {
        .from = b->url, .timeout_s = b->timeout_s, .n_tries = 3, .t_retry_s = 0.001};

    return tw_fetch__run(&b->result, &b->f->entry, &options, &watch, err);
}

/* The sentence about the file's address, which has the server's port in it. */
static const char *about(bench *b, const char *text)
{
    static char sentence[512];

    snprintf(sentence, sizeof sentence, "%s/thing.bin: %s", b->url, text);
    return sentence;
}

/* Whether the notes have a line about the file's address with that text. */
static void assert_note(bench *b, const char *text)
{
    if (!strstr(b->heard.notes, about(b, text)))
        fail_msg("no note \"%s\" in: %s", about(b, text), b->heard.notes);
}

/* ---- what succeeds */

static void the_file_is_fetched_beside_or_below(void **state)
{
    bench *b = bench_start(state, RIGHT, 0);

    assert_ok(get(b, e));
    assert_whole(b->f);
    assert_int_equal(b->result.n_fetched, 1);
    assert_int_equal(b->result.n_bytes, N_BODY);
    assert_string_equal(b->heard.notes, "");
    assert_int_equal(b->heard.done, N_BODY);
    assert_int_equal(b->heard.total, N_BODY);
    assert_int_equal(b->s.n_requests, 2); /* /thing/thing.bin is 404 */

    assert_ok(get(b, e)); /* there now, nothing is asked */
    assert_int_equal(b->result.n_fetched, 0);
    assert_int_equal(b->s.n_requests, 2);
    bench_end(b);
}

static void the_folder_of_the_name_comes_first(void **state)
{
    bench *b = bench_start(state, RIGHT, 0);

    b->s.only = NULL;
    assert_ok(get(b, e));
    assert_string_equal(b->s.path, "/thing/thing.bin");
    assert_int_equal(b->s.n_requests, 1);
    bench_end(b);
}

static void a_cut_connection_goes_on_where_it_ended(void **state)
{
    bench *b = bench_start(state, CUT, 2);

    b->s.after = 100000; /* the 404 counts as the first bad answer */
    assert_ok(get(b, e));
    assert_whole(b->f);
    assert_note(b, "cut after 100000 of 300000 bytes; try 2 of 3 in 0.001 s");
    assert_string_equal(b->s.range, "bytes=100000-");
    assert_string_equal(b->s.if_range, "\"v1\"");
    bench_end(b);
}

static void what_a_killed_program_had_is_used(void **state)
{
    bench *b = bench_start(state, CUT, 100);

    b->s.after = 70000;
    assert_fails(TW_EFAIL, about(b, "cut after 210000 of 300000 bytes"), get(b, e));
    assert_nothing(b->f);
    assert_int_equal(size_in_folder(b->f, "thing.bin.part"), 210000);
    b->s.manner = RIGHT;
    assert_ok(get(b, e));
    assert_string_equal(b->s.range, "bytes=210000-");
    assert_whole(b->f);
    bench_end(b);
}

static void a_last_modified_is_mark_enough(void **state)
{
    bench *b = bench_start(state, CUT, 2);

    b->s.etag = NULL;
    b->s.after = 100000;
    assert_ok(get(b, e));
    assert_string_equal(b->s.if_range, server_date);
    assert_string_equal(b->s.range, "bytes=100000-");
    assert_whole(b->f);
    bench_end(b);
}

static void a_weak_etag_is_no_mark(void **state)
{
    bench *b = bench_start(state, CUT, 2);

    b->s.etag = "W/\"v1\"";
    b->s.after = 100000;
    assert_ok(get(b, e));
    assert_string_equal(b->s.range, "");
    assert_whole(b->f);
    bench_end(b);
}

static void another_version_begins_anew(void **state)
{
    bench *b = bench_start(state, CUT, 100);

    b->s.after = 50000;
    b->s.body = b->f->body + 1; /* what it had yesterday */
    b->s.n = N_BODY - 1;
    assert_int_equal(get(b, NULL), TW_EFAIL);
    b->s.manner = RIGHT;
    b->s.body = b->f->body;
    b->s.n = N_BODY;
    b->s.etag = "\"v2\"";
    assert_ok(get(b, e));
    assert_string_equal(b->s.if_range, "\"v1\"");
    assert_whole(b->f);
    bench_end(b);
}

static void a_server_without_ranges_begins_anew(void **state)
{
    bench *b = bench_start(state, CUT, 100);

    b->s.after = 50000;
    assert_int_equal(get(b, NULL), TW_EFAIL);
    b->s.manner = NO_RANGES;
    assert_ok(get(b, e));
    assert_whole(b->f);
    bench_end(b);
}

static void another_address_begins_anew(void **state)
{
    bench *b = bench_start(state, CUT, 100);

    b->s.after = 50000;
    assert_int_equal(get(b, NULL), TW_EFAIL);
    b->s.manner = RIGHT;
    b->s.only = NULL; /* now it is /thing/thing.bin */
    assert_ok(get(b, e));
    assert_string_equal(b->s.range, "");
    assert_whole(b->f);
    bench_end(b);
}

static void a_part_that_is_whole_already_is_taken(void **state)
{
    bench *b = bench_start(state, CUT, 100);
    char *part;

    b->s.after = 50000;
    assert_int_equal(get(b, NULL), TW_EFAIL);
    part = in_folder(b->f, "thing.bin.part");
    write_bytes(part, b->f->body, N_BODY);
    free(part);
    b->s.manner = RIGHT;
    assert_ok(get(b, e));
    assert_string_equal(b->s.range, "bytes=300000-");
    assert_whole(b->f);
    bench_end(b);
}

static void a_part_longer_than_the_file_begins_anew(void **state)
{
    bench *b = bench_start(state, CUT, 100);
    char *part;

    b->s.after = 50000;
    assert_int_equal(get(b, NULL), TW_EFAIL);
    b->s.n = N_BODY - 1; /* so the part is longer, of the same mark */
    part = in_folder(b->f, "thing.bin.part");
    write_bytes(part, b->f->body, N_BODY);
    free(part);
    b->s.manner = RIGHT;
    assert_int_equal(get(b, NULL), TW_EFILE); /* one byte is missing: wrong MD5 */
    assert_note(b, "has not as many as the 300000 bytes that are here; try 2 of 3 in 0.001 s");
    bench_end(b);
}

static void trouble_that_passes_is_waited_for(void **state)
{
    static const struct {
        manner how;
        int status;
        const char *note;
    } rows[] = {{STATUS, 500, "HTTP status 500; try 2 of 3 in 0.001 s"},
                {STATUS, 503, "HTTP status 503; try 2 of 3 in 0.001 s"},
                {STATUS, 429, "HTTP status 429; try 2 of 3 in 0.001 s"},
                {NO_ANSWER, 0, "no answer; try 2 of 3 in 0.001 s"},
                {OTHER_RANGE, 0,
                 "asked for bytes from 0 on, answers with \"bytes 7-9/300000\"; try 2 of 3 in "
                 "0.001 s"},
                {RAW_RANGE, 0,
                 "asked for bytes from 0 on, answers with \"bytes ?[31m7???\"; try 2 of 3 in "
                 "0.001 s"}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bench *b = bench_start(state, rows[i].how, 2);

        b->s.status = rows[i].status;
        assert_ok(get(b, e));
        assert_note(b, rows[i].note);
        assert_whole(b->f);
        bench_end(b);
    }
}

static void redirects_are_followed(void **state)
{
    bench *b = bench_start(state, REDIRECT, 1);

    assert_ok(get(b, e));
    assert_string_equal(b->s.path, "/elsewhere/");
    assert_whole(b->f);
    bench_end(b);
}

static void a_file_without_length_is_taken(void **state)
{
    bench *b = bench_start(state, NO_LENGTH, 2);

    assert_ok(get(b, e));
    assert_whole(b->f);
    bench_end(b);
}

/* ---- what does not */

static void a_missing_file_is_named(void **state)
{
    bench *b = bench_start(state, RIGHT, 0);
    char sentence[512];

    b->s.only = "/other.bin";
    snprintf(sentence, sizeof sentence, "%s: thing.bin is neither there nor in thing/ below it",
             b->url);
    assert_fails(TW_EFILE, sentence, get(b, e));
    assert_nothing(b->f);
    assert_int_equal(size_in_folder(b->f, "thing.bin.part"), -1);
    assert_string_equal(b->heard.notes, "");
    bench_end(b);
}

static void a_refusal_is_told_at_once(void **state)
{
    bench *b = bench_start(state, STATUS, 100);

    b->s.status = 403;
    assert_fails(TW_EFAIL, about(b, "HTTP status 403"), get(b, e));
    assert_int_equal(b->s.n_requests, 2);
    assert_nothing(b->f);
    bench_end(b);
}

/* S3 answers so where nothing is. */
static void a_mirror_that_refuses_one_folder_is_asked_for_the_other(void **state)
{
    bench *b = bench_start(state, STATUS, 1);
    char sentence[512];

    b->s.only = NULL;
    b->s.status = 403;
    assert_ok(get(b, e));
    assert_string_equal(b->s.path, "/thing.bin");
    assert_int_equal(b->s.n_requests, 2);
    assert_string_equal(b->heard.notes, "");
    assert_whole(b->f);
    bench_end(b);

    b = bench_start(state, STATUS, 100);
    b->s.only = NULL;
    b->s.status = 403;
    snprintf(sentence, sizeof sentence, "%s: HTTP status 403", b->file_url);
    assert_fails(TW_EFAIL, sentence, get(b, e));
    assert_int_equal(b->s.n_requests, 2);
    assert_nothing(b->f);
    bench_end(b);
}

static void trouble_that_stays_is_told(void **state)
{
    bench *b = bench_start(state, STATUS, 100);

    b->s.status = 500;
    assert_fails(TW_EFAIL, about(b, "HTTP status 500"), get(b, e));
    assert_note(b, "HTTP status 500; try 3 of 3 in 0.002 s");
    assert_int_equal(b->s.n_requests, 4);
    bench_end(b);
}

static void a_server_that_falls_silent_is_given_up(void **state)
{
    bench *b = bench_start(state, STALL, 2);

    b->timeout_s = 1;
    b->s.after = 100000;
    assert_ok(get(b, e));
    assert_note(b, "silent for 1 s after 100000 bytes; try 2 of 3 in 0.001 s");
    assert_string_equal(b->s.range, "bytes=100000-");
    assert_whole(b->f);
    bench_end(b);
}

static void a_server_that_never_speaks_is_given_up(void **state)
{
    bench *b = bench_start(state, MUTE, 100);
    const tw_watch watch = listen_with(&b->heard);
    const tw_fetch_options options = {.from = b->url, .timeout_s = 1, .n_tries = 1};

    assert_fails(TW_EFAIL, about(b, "silent for 1 s after 0 bytes"),
                 tw_fetch__run(&b->result, &b->f->entry, &options, &watch, e));
    assert_int_equal(size_in_folder(b->f, "thing.bin.part"), -1);
    bench_end(b);
}

static void nobody_there_is_told(void **state)
{
    bench *b = bench_start(state, RIGHT, 0);
    char sentence[512];

    server_stop(&b->s);
    snprintf(sentence, sizeof sentence, "%s: no connection", b->file_url);
    assert_fails(TW_EFAIL, sentence, get(b, e));
    free(b->f);
    free(b);
}

/* Nor does it become known within seconds. */
static void a_host_that_is_not_known_is_told_at_once(void **state)
{
    static const char *const urls[] = {"http://no..name/", "http://no..other/", NULL};
    fixture *f = fixture_make(state);
    listener heard;
    const tw_watch watch = listen_with(&heard);
    tw_fetch_result result;
    tw_fetch_options options = {.from = "http://no..name", .t_retry_s = 60};

    assert_fails(TW_EFAIL, "http://no..name/thing/thing.bin: its host is not known here",
                 tw_fetch__run(&result, &f->entry, &options, &watch, e));
    assert_string_equal(heard.notes, "");

    options.from = NULL;
    f->entry.urls = urls;
    assert_fails(TW_EFAIL,
                 "http://no..name/thing.bin: its host is not known here; --from takes a mirror",
                 tw_fetch__run(&result, &f->entry, &options, &watch, e));
    assert_string_equal(heard.notes, "http://no..name/thing.bin: its host is not known here; "
                                     "trying http://no..other/thing.bin\n");
    free(f);
}

static void redirects_have_an_end_and_stay_in_http(void **state)
{
    bench *b = bench_start(state, REDIRECT_EVER, 1000);
    char sentence[512];

    snprintf(sentence, sizeof sentence, "%s: too many redirects", b->file_url);
    assert_fails(TW_EFAIL, sentence, get(b, e));
    bench_end(b);

    b = bench_start(state, REDIRECT_AWAY, 1000);
    assert_fails(TW_EFAIL, about(b, "leads to something other than http or https"), get(b, e));
    assert_nothing(b->f);
    bench_end(b);
}

static void a_file_that_cannot_be_it_is_not_taken(void **state)
{
    bench *b = bench_start(state, TOO_LONG, 100);

    assert_fails(TW_EFILE, about(b, "has 9000000000 bytes, thing.bin has at most 1367326"),
                 get(b, e));
    assert_int_equal(size_in_folder(b->f, "thing.bin.part"), -1);
    bench_end(b);

    b = bench_start(state, ENDLESS, 100);
    assert_fails(TW_EFILE, about(b, "does not end, thing.bin has at most 1367326 bytes"),
                 get(b, e));
    assert_int_equal(size_in_folder(b->f, "thing.bin.part"), -1);
    assert_nothing(b->f);
    bench_end(b);
}

static void an_empty_answer_is_a_wrong_file(void **state)
{
    bench *b = bench_start(state, NOTHING, 100);
    char sentence[600];

    snprintf(sentence, sizeof sentence,
             "%s/thing.bin: MD5 is d41d8cd98f00b204e9800998ecf8427e, expected %s; kept apart as "
             "%s/thing.bin.bad, not used",
             b->url, b->f->md5, b->f->folder);
    assert_fails(TW_EFILE, sentence, get(b, e));
    assert_nothing(b->f);
    bench_end(b);
}

/* ---- the catalogue's addresses, one after the other */

static void the_second_address_is_tried(void **state)
{
    bench *b = bench_start(state, RIGHT, 0);
    char first[96], second[96], sentence[256];
    const char *urls[] = {first, second, NULL};
    const tw_watch watch = listen_with(&b->heard);
    const tw_fetch_options options = {.n_tries = 1};

    snprintf(first, sizeof first, "http://127.0.0.1:1/");
    snprintf(second, sizeof second, "%s/", b->url);
    b->f->entry.urls = urls;
    assert_ok(tw_fetch__run(&b->result, &b->f->entry, &options, &watch, e));
    snprintf(sentence, sizeof sentence,
             "http://127.0.0.1:1/thing.bin: no connection; trying %sthing.bin\n", second);
    assert_string_equal(b->heard.notes, sentence);
    assert_whole(b->f);
    bench_end(b);
}

static void an_address_that_lost_the_file_is_told(void **state)
{
    bench *b = bench_start(state, RIGHT, 0);
    char only[96];
    const char *urls[] = {only, NULL};

    snprintf(only, sizeof only, "%s/gone/", b->url);
    b->f->entry.urls = urls;
    snprintf(b->file_url, sizeof b->file_url,
             "%sthing.bin: not there any more; --from takes a mirror", only);
    assert_fails(TW_EFILE, b->file_url, tw_fetch__run(&b->result, &b->f->entry, NULL, NULL, e));
    bench_end(b);
}

/* ---- a disk that fills up; only root can make one */

static void a_full_disk_keeps_the_part(void **state)
{
    bench *b = bench_start(state, NO_LENGTH, 1);
    char sentence[512], *filler;
    int64_t n;

    assert_ok(tw_folder_create(b->f->root, e));
    if (mount("tmpfs", b->f->root, "tmpfs", 0, "size=400k") != 0) {
        bench_end(b);
        skip();
    }
    assert_ok(tw_folder_create(b->f->folder, e));
    filler = in_folder(b->f, "filler");
    write_bytes(filler, b->f->body, 200000);
    b->s.only = NULL;
    b->f->file.n_bytes = 1000; /* so that nothing is known of its size */
    {
        tw_error err = {TW_OK, ""};
        const tw_status rc = get(b, &err);

        n = size_in_folder(b->f, "thing.bin.part");
        snprintf(sentence, sizeof sentence, "%s/thing.bin.part: cannot write ", b->f->folder);
        assert_int_equal(rc, TW_EBUDGET);
        assert_memory_equal(err.text, sentence, strlen(sentence));
        assert_non_null(strstr(err.text, ": No space left on device"));
    }
    assert_true(n > 100000 && n < N_BODY);
    assert_int_equal(unlink(filler), 0);
    assert_ok(get(b, e));
    snprintf(sentence, sizeof sentence, "bytes=%lld-", (long long)n);
    assert_string_equal(b->s.range, sentence);
    assert_whole(b->f);
    free(filler);
    assert_int_equal(umount(b->f->root), 0);
    bench_end(b);
}

/* ---- the user's Ctrl-C */

static int stop_with_a_part(void *ctx)
{
    const bench *b = ctx;

    return size_in_folder(b->f, "thing.bin.part") >= 120000;
}

static void an_interrupted_fetch_goes_on_later(void **state)
{
    bench *b = bench_start(state, STALL, 100);
    const tw_watch watch = {.should_stop = stop_with_a_part, .ctx = b};
    const tw_fetch_options options = {.from = b->url};

    b->s.after = 120000;
    assert_fails(TW_EINTERRUPTED, about(b, "interrupted, the 120 kB so far are kept"),
                 tw_fetch__run(&b->result, &b->f->entry, &options, &watch, e));
    assert_nothing(b->f);
    b->s.manner = RIGHT;
    assert_ok(get(b, e));
    assert_string_equal(b->s.range, "bytes=120000-");
    assert_whole(b->f);
    bench_end(b);
}

static int stop_after_a_request(void *ctx)
{
    bench *b = ctx;

    return atomic_load(&b->s.n_requests) >= 2;
}

static void a_wait_for_the_next_try_is_interrupted(void **state)
{
    bench *b = bench_start(state, STATUS, 100);
    const tw_watch watch = {.should_stop = stop_after_a_request, .ctx = b};
    const tw_fetch_options options = {.from = b->url, .t_retry_s = 60};

    b->s.status = 500;
    assert_fails(TW_EINTERRUPTED, about(b, "interrupted, the 0 B so far are kept"),
                 tw_fetch__run(&b->result, &b->f->entry, &options, &watch, e));
    bench_end(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_file_is_fetched_beside_or_below),
        cmocka_unit_test(the_folder_of_the_name_comes_first),
        cmocka_unit_test(a_cut_connection_goes_on_where_it_ended),
        cmocka_unit_test(what_a_killed_program_had_is_used),
        cmocka_unit_test(a_last_modified_is_mark_enough),
        cmocka_unit_test(a_weak_etag_is_no_mark),
        cmocka_unit_test(another_version_begins_anew),
        cmocka_unit_test(a_server_without_ranges_begins_anew),
        cmocka_unit_test(another_address_begins_anew),
        cmocka_unit_test(a_part_that_is_whole_already_is_taken),
        cmocka_unit_test(a_part_longer_than_the_file_begins_anew),
        cmocka_unit_test(trouble_that_passes_is_waited_for),
        cmocka_unit_test(redirects_are_followed),
        cmocka_unit_test(a_file_without_length_is_taken),
        cmocka_unit_test(a_missing_file_is_named),
        cmocka_unit_test(a_refusal_is_told_at_once),
        cmocka_unit_test(a_mirror_that_refuses_one_folder_is_asked_for_the_other),
        cmocka_unit_test(trouble_that_stays_is_told),
        cmocka_unit_test(a_server_that_falls_silent_is_given_up),
        cmocka_unit_test(a_server_that_never_speaks_is_given_up),
        cmocka_unit_test(nobody_there_is_told),
        cmocka_unit_test(a_host_that_is_not_known_is_told_at_once),
        cmocka_unit_test(redirects_have_an_end_and_stay_in_http),
        cmocka_unit_test(a_file_that_cannot_be_it_is_not_taken),
        cmocka_unit_test(an_empty_answer_is_a_wrong_file),
        cmocka_unit_test(the_second_address_is_tried),
        cmocka_unit_test(an_address_that_lost_the_file_is_told),
        cmocka_unit_test(a_full_disk_keeps_the_part),
        cmocka_unit_test(an_interrupted_fetch_goes_on_later),
        cmocka_unit_test(a_wait_for_the_next_try_is_interrupted),
    };

    return cmocka_run_group_tests(tests, check_make_folder, check_remove_folder);
}
