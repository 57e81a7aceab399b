/* Two programs at once, a killed one, and the public functions on the real catalogue. */
#include "unit/fetch/fetch_fixture.h"
#include "unit/fetch/http_server.h"

#include <signal.h>
#include <sys/wait.h>

/* ---- two programs */

typedef struct bench {
    fixture *f;
    server s;
    char url[64];
    listener heard;
    tw_fetch_result result;
} bench;

static bench *bench_start(void **state, manner how, size_t after)
{
    bench *b = calloc(1, sizeof *b);

    b->f = fixture_make(state);
    b->s = (server){.body = b->f->body,
                    .n = N_BODY,
                    .etag = "\"v1\"",
                    .manner = how,
                    .n_bad = 1,
                    .after = after};
    server_start(&b->s, b->url);
    return b;
}

static void bench_end(bench *b)
{
    server_stop(&b->s);
    free(b->f);
    free(b);
}

static tw_status get(bench *b, const tw_watch *watch, tw_error *err)
{
    const tw_fetch_options options = {.from = b->url, .timeout_s = 20, .n_tries = 1};

    return tw_fetch__run(&b->result, &b->f->entry, &options, watch, err);
}

/* Another program that fetches the same; returns once it has begun. */
static pid_t start_other(bench *b)
{
    const pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0)
        _exit(get(b, NULL, NULL) == TW_OK ? 0 : 1);
    for (int i = 0; i < 2000 && size_in_folder(b->f, "thing.bin.part") < (int64_t)b->s.after; i++)
        usleep(10000);
    assert_int_equal(size_in_folder(b->f, "thing.bin.part"), b->s.after);
    return child;
}

/* The other one goes on when this one has said that it waits. */
static void hear_and_let_go(void *ctx, const tw_event *event)
{
    bench *b = ctx;

    listener_hear(&b->heard, event);
    atomic_store(&b->s.go, 1);
}

static void the_second_program_waits_and_finds_it_there(void **state)
{
    bench *b = bench_start(state, SLOW, 100000);
    const tw_watch watch = {.on_event = hear_and_let_go, .ctx = b};
    const pid_t other = start_other(b);
    int status;

    assert_ok(get(b, &watch, e));
    assert_string_equal(b->heard.notes, "another topwork fetches thing, waiting for it\n");
    assert_int_equal(b->result.n_fetched, 0);
    assert_int_equal(b->s.n_requests, 1);
    assert_whole(b->f);
    assert_int_equal(waitpid(other, &status, 0), other);
    assert_int_equal(status, 0);
    bench_end(b);
}

static int stop_at_once(void *ctx)
{
    (void)ctx;
    return 1;
}

static void waiting_is_interrupted(void **state)
{
    bench *b = bench_start(state, SLOW, 100000);
    const tw_watch watch = {.should_stop = stop_at_once};
    const pid_t other = start_other(b);
    int status;

    assert_fails(TW_EINTERRUPTED, "interrupted while another topwork fetches thing",
                 get(b, &watch, e));
    atomic_store(&b->s.go, 1);
    assert_int_equal(waitpid(other, &status, 0), other);
    assert_whole(b->f);
    bench_end(b);
}

static void what_a_killed_program_had_is_used(void **state)
{
    bench *b = bench_start(state, STALL, 100000);
    const pid_t other = start_other(b);
    int status;

    assert_int_equal(kill(other, SIGKILL), 0);
    assert_int_equal(waitpid(other, &status, 0), other);
    assert_nothing(b->f);
    assert_ok(get(b, NULL, e));
    assert_string_equal(b->s.range, "bytes=100000-");
    assert_whole(b->f);
    bench_end(b);
}

/* ---- names */

static void unknown_names_are_told_the_nearest(void **state)
{
    static const char near[] = "nothing to fetch is called \"minst\", did you mean \"mnist\"";
    static const char far[] =
        "nothing to fetch is called \"xyzzyplugh\"; topwork fetch --list shows the names";
    fixture *f = fixture_make(state);
    tw_fetch_result result;
    tw_fetch_state there;
    char path[4096];

    assert_fails(TW_EUSAGE, near, tw_fetch(&result, "minst", NULL, NULL, e));
    assert_fails(TW_EUSAGE, far, tw_fetch(&result, "xyzzyplugh", NULL, NULL, e));
    assert_fails(TW_EUSAGE, near, tw_fetch_path(path, sizeof path, "minst", e));
    assert_fails(TW_EUSAGE, near, tw_fetch_look(&there, "minst", e));
    assert_null(tw_fetch_find("minst"));
    free(f);
}

static void what_is_built_in_is_not_fetched(void **state)
{
    fixture *f = fixture_make(state);
    tw_fetch_result result;
    char path[4096];

    assert_fails(TW_EUSAGE, "vgg16-mini is built in, there is nothing to fetch",
                 tw_fetch(&result, "vgg16-mini", NULL, NULL, e));
    assert_fails(TW_EUSAGE, "digits is built in, there is nothing to fetch",
                 tw_fetch(&result, "digits", NULL, NULL, e));
    assert_fails(TW_EUSAGE, "digits is built in, there is nothing to fetch",
                 tw_fetch_path(path, sizeof path, "digits", e));
    free(f);
}

static void what_was_not_fetched_says_how(void **state)
{
    fixture *f = fixture_make(state);
    tw_fetch_state there;
    char path[4096];

    assert_fails(TW_EFILE, "mnist: no such file or folder; \"topwork fetch mnist\" gets it",
                 tw_fetch_path(path, sizeof path, "mnist", e));
    assert_ok(tw_fetch_look(&there, "mnist", e));
    assert_string_equal(tw_fetch_state_name(there), "not");
    assert_string_equal(tw_fetch_state_name(TW_FETCH_DAMAGED), "damaged");
    free(f);
}

static void the_real_mnist_is_taken_from_a_mirror(void **state)
{
    const tw_fetch_options options = {.from = TW_SHARED "/data"};
    fixture *f = fixture_make(state);
    tw_fetch_result result;
    char path[4096];

    if (!tw_path_is_folder(TW_SHARED "/data/mnist")) {
        free(f);
        skip(); /* no shared data here */
    }
    assert_ok(tw_fetch(&result, "mnist", &options, NULL, e));
    assert_int_equal(result.n_fetched, 4);
    assert_ok(tw_fetch_path(path, sizeof path, "mnist", e));
    assert_string_equal(path, result.path);
    free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_second_program_waits_and_finds_it_there),
        cmocka_unit_test(waiting_is_interrupted),
        cmocka_unit_test(what_a_killed_program_had_is_used),
        cmocka_unit_test(unknown_names_are_told_the_nearest),
        cmocka_unit_test(what_is_built_in_is_not_fetched),
        cmocka_unit_test(what_was_not_fetched_says_how),
        cmocka_unit_test(the_real_mnist_is_taken_from_a_mirror),
    };

    return cmocka_run_group_tests(tests, check_make_folder, check_remove_folder);
}
