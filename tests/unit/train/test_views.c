/* Augmented runs: the same bytes whatever keeps or makes the views, what the plan says, which view
 * an epoch takes, even draws, and what is refused. */
#include "training_world.h"

#include "base/memory.h"

#define AUGMENTED                                                                    \
    {"aug", "flip, crop 0.5-1, rotate 10, jitter 0.2, erase 0.2"}, {"mixup", "0.3"}, \
        {"cutmix", "1"}, {"label-smoothing", "0.1"},                                 \
    {                                                                                \
        "sampler", "balanced"                                                        \
    }
enum { N_AUGMENTED = 5 };

static void assert_same_bytes(world *w, const char *name, const char *value)
{
    tw_training_result result;
    char *a = train(&result, w, OPTIONS(AUGMENTED, {"cache-views", "3"}), N_AUGMENTED + 1);
    char *b =
        train(&result, w, OPTIONS(AUGMENTED, {"cache-views", "3"}, {name, value}), N_AUGMENTED + 2);

    assert_same_run(a, b);
    free(a);
    free(b);
}

static void test_threads_and_cache_change_nothing(void **state)
{
    assert_same_bytes(*state, "threads", "1");
    assert_same_bytes(*state, "threads", "2");
    assert_same_bytes(*state, "threads", "4");
    assert_same_bytes(*state, "cache", "off");
    assert_same_bytes(*state, "memory-limit", "64M");
}

static void test_new_views_do_not_depend_on_threads(void **state)
{
    tw_training_result result;
    char *a = train(&result, *state, OPTIONS(AUGMENTED, {"cache", "off"}, {"threads", "1"}),
                    N_AUGMENTED + 2);
    char *b = train(&result, *state, OPTIONS(AUGMENTED, {"cache", "off"}, {"threads", "4"}),
                    N_AUGMENTED + 2);

    assert_same_run(a, b);
    free(a);
    free(b);
}

static bool differ(const char *a, const char *b)
{
    size_t n_a, n_b;
    char *text_a = read_file(&n_a, a, "history.csv"), *text_b = read_file(&n_b, b, "history.csv");
    bool is_other = n_a != n_b || memcmp(text_a, text_b, n_a) != 0;

    tw_free(text_a);
    tw_free(text_b);
    return is_other;
}

/* Each of them has a say, so that the tests above say something. */
static void test_every_option_changes_the_run(void **state)
{
    static const char *const cases[][2] = {{"aug", "flip"},
                                           {"aug", "crop 0.5-1"},
                                           {"aug", "rotate 10"},
                                           {"aug", "jitter 0.2"},
                                           {"mixup", "0.3"},
                                           {"cutmix", "1"},
                                           {"label-smoothing", "0.1"},
                                           {"sampler", "balanced"}};
    tw_training_result result;
    char *plain = train(&result, *state, NULL, 0);

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *other = train(&result, *state, OPTIONS({cases[i][0], cases[i][1]}), 1);

        if (!differ(plain, other))
            fail_msg("%s %s changes nothing", cases[i][0], cases[i][1]);
        free(other);
    }
    free(plain);
}

static void test_none_is_nothing(void **state)
{
    tw_training_result result;
    char *plain = train(&result, *state, NULL, 0);
    char *none = train(&result, *state,
                       OPTIONS({"aug", "none"}, {"mixup", "0"}, {"label-smoothing", "0"}), 3);

    assert_same_run(plain, none);
    free(plain);
    free(none);
}

/* With as many views as epochs each is taken once; the passes through the trunk are those of all
 * views and of the validation pictures, and a second run makes none. */
static void test_the_trunk_runs_once_a_view(void **state)
{
    world *w = *state;
    tw_training_result result;
    const char *const(*options)[2] = OPTIONS({"aug", "rotate 30"}, {"cache-views", "4"});

    free(train(&result, w, options, 2));
    assert_int_equal(result.n_trunk, 42 * 4 + 18);
    free(train(&result, w, options, 2));
    assert_int_equal(result.n_trunk, 0);
    /* more of them: those that are there are kept */
    free(train(&result, w, OPTIONS({"aug", "rotate 30"}, {"cache-views", "5"}), 2));
    assert_int_equal(result.n_trunk, 42);
    /* another seed has views of its own */
    free(train(&result, w, OPTIONS({"aug", "rotate 30"}, {"cache-views", "1"}, {"seed", "7"}), 3));
    assert_int_equal(result.n_trunk, 42);
    /* validation pictures are as they are: a run without views finds them, and makes the others */
    free(train(&result, w, NULL, 0));
    assert_int_equal(result.n_trunk, 42);
}

/* What an augmented run kept of them is what a plain one wants. */
static void test_own_validation_pictures_are_as_they_are(void **state)
{
    world *w = *state;
    char *other = path_in(w->folder, "other-cache");
    tw_training_result cold, result;

    free(train(&cold, w, OPTIONS({"data", w->pictures}, {"cache-dir", other}), 2));
    free(train(&result, w, OPTIONS({"data", w->pictures}, {"aug", "rotate 30"}), 2));
    assert_true(result.n_trunk > cold.n_trunk);
    free(train(&result, w, OPTIONS({"data", w->pictures}), 1));
    assert_in_range(result.n_trunk, 1, cold.n_trunk - 1);
    free(other);
}

/* ---- the order */

static tw_run make_run(tw_training *training)
{
    tw_run run = {.training = training};

    run.order = tw_calloc((size_t)training->n_train, sizeof *run.order);
    return run;
}

static void test_views_take_turns(void **state)
{
    enum { VIEWS = 3, LONG = 2 * VIEWS };
    tw_training *training =
        open_training(*state, OPTIONS({"aug", "flip"}, {"cache-views", "3"}), 2);
    tw_run run = make_run(training);
    const int64_t n = training->n_train;
    int taken[N_TRAIN][LONG] = {{0}}, n_other = 0;

    for (int epoch = 1; epoch <= LONG; epoch++) {
        assert_ok(tw_train__shuffle(&run, epoch, e));
        for (int64_t i = 0; i < n; i++)
            taken[run.order[i] % N_TRAIN][epoch - 1] = 1 + (int)(run.order[i] / N_TRAIN);
    }
    for (int64_t i = 0; i < n; i++) {
        const int *turn = taken[training->train[i]];

        for (int half = 0; half < 2; half++)
            for (int v = 1; v <= VIEWS; v++)
                assert_true(turn[3 * half] == v || turn[3 * half + 1] == v ||
                            turn[3 * half + 2] == v);
        n_other += turn[0] != turn[3];
    }
    assert_true(n_other > 5);
    tw_free(run.order);
    tw_training_free(training);
}

static void test_new_views_are_numbered_by_epochs(void **state)
{
    tw_training *training = open_training(*state, OPTIONS({"aug", "flip"}, {"cache", "off"}), 2);
    tw_run run = make_run(training);

    assert_string_equal(tw_training_get_option(training, "cache-views"), "0");
    assert_ok(tw_train__shuffle(&run, 17, e));
    for (int64_t i = 0; i < training->n_train; i++)
        assert_int_equal(run.order[i] / N_TRAIN, 16);
    tw_free(run.order);
    tw_training_free(training);
}

/* Many epochs draw every class as often, though one has a third of the pictures of the others. */
static void test_classes_are_drawn_evenly(void **state)
{
    tw_training *training = open_training(*state, OPTIONS({"sampler", "balanced"}), 1);
    tw_run run = make_run(training);
    const int64_t n_all = training->n_train;
    int counts[TINY_CLASSES] = {0}, n = 0, seen[N_TRAIN] = {0}, other = 0;
    int64_t first[N_TRAIN];

    /* class 0 loses two thirds */
    training->n_train = 0;
    for (int64_t i = 0, n_zero = 0; i < n_all; i++)
        if (tw_dataset_label(training->data, training->train[i]) != 0 || n_zero++ % 3 == 0)
            training->train[training->n_train++] = training->train[i];
    for (int epoch = 1; epoch <= 100; epoch++) {
        assert_ok(tw_train__shuffle(&run, epoch, e));
        for (int64_t i = 0; i < training->n_train; i++, n++) {
            counts[tw_train__label(&run, i)]++;
            seen[run.order[i]] = 1;
            if (epoch == 1)
                first[i] = run.order[i];
            other += epoch == 2 && first[i] != run.order[i];
        }
    }
    for (int c = 0; c < TINY_CLASSES; c++)
        assert_true(abs(counts[c] - n / TINY_CLASSES) < n / 20);
    for (int64_t i = 0; i < training->n_train; i++)
        assert_int_equal(seen[training->train[i]], 1);
    assert_true(other > 10);
    tw_free(run.order);
    tw_training_free(training);
}

/* ---- what is said, and refused */

static void assert_says(world *w, const char *const (*options)[2], int n, const char *views)
{
    tw_training *training = open_training(w, options, n);

    if (views)
        assert_string_equal(tw_training_get_plan(training)->views, views);
    else
        assert_null(tw_training_get_plan(training)->views);
    tw_training_free(training);
}

static void test_the_plan_says_what_is_done(void **state)
{
    assert_says(*state, NULL, 0, NULL);
    assert_says(*state, OPTIONS({"aug", "none"}), 1, NULL);
    assert_says(
        *state, OPTIONS({"aug", "flip, erase 0.1"}), 1,
        "flip 0.5, erase 0.1: 4 views of each training picture, an epoch takes one of them; "
        "they are kept, so the trunk runs 168 times once instead of 42; validation "
        "pictures are as they are");
    assert_says(
        *state, OPTIONS({"aug", "flip"}, {"cache", "off"}), 2,
        "flip 0.5: a new view of each training picture in each epoch; they are not kept, so "
        "the trunk runs 42 times in each epoch; validation pictures are as they are");
    assert_says(*state, OPTIONS({"aug", "flip"}, {"cache", "off"}, {"cache-views", "1"}), 3,
                "flip 0.5: 1 view of each training picture, an epoch takes one of them; they are "
                "not kept, so the trunk runs 42 times in each epoch; validation pictures are as "
                "they are");
    assert_says(*state, OPTIONS({"aug", "flip"}, {"recipe", "scratch"}), 2,
                "flip 0.5: a new view of each training picture in each epoch; validation pictures "
                "are as they are");
}

static void test_the_plan_names_the_rest(void **state)
{
    tw_training *training = open_training(*state, OPTIONS(AUGMENTED), N_AUGMENTED);
    const char *optimizer = tw_training_get_plan(training)->optimizer;
    const char *cache = tw_training_get_plan(training)->cache;

    assert_non_null(
        strstr(optimizer, "; classes are drawn evenly; mixup 0.3; cutmix 1; label smoothing 0.1"));
    assert_memory_equal(cache,
                        "168 of 168 views, 4 of each of 42 pictures, are still to be run through "
                        "the trunk, up to ",
                        88);
    tw_training_free(training);
}

static void test_refusals_have_their_sentences(void **state)
{
    world *w = *state;

    assert_refused(w, OPTIONS({"aug", "heavy"}), 1, TW_EUSAGE,
                   "aug: item \"heavy\" is none of flip, vflip, crop, ratio, rotate, translate, "
                   "scale, jitter, brightness, contrast, saturation, hue, erase");
    assert_refused(w, OPTIONS({"cache-views", "3"}), 1, TW_EUSAGE,
                   "option cache-views has no effect without aug");
    assert_refused(w, OPTIONS({"cache-views", "3"}, {"aug", "none"}), 2, TW_EUSAGE,
                   "option cache-views has no effect without aug");
    assert_refused(w, OPTIONS({"aug", "flip, wobble 3"}, {"cache-views", "0"}), 2, TW_EUSAGE,
                   "aug: item \"wobble 3\" is none of flip, vflip, crop, ratio, rotate, translate, "
                   "scale, jitter, brightness, contrast, saturation, hue, erase");
    assert_refused(w, OPTIONS({"aug", "flip"}, {"cache-views", "0"}, {"cache", "on"}), 3, TW_EUSAGE,
                   "each epoch has new views of the pictures (cache-views 0), so there is nothing "
                   "to cache: switch the cache off");
    assert_refused(w, OPTIONS({"aug", "flip"}, {"cache-views", "1001"}), 2, TW_EUSAGE,
                   "1001 views of each picture, at most 1000 are kept");
    w->network = w->deep;
    assert_refused(w, OPTIONS({"cut", "fc"}, {"cutmix", "1"}), 2, TW_EUSAGE,
                   "option cutmix: what comes out of fc has no height and width to cut from; mixup "
                   "takes it");
    w->network = w->model;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_threads_and_cache_change_nothing, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(test_new_views_do_not_depend_on_threads, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(test_every_option_changes_the_run, open_world, close_world),
        cmocka_unit_test_setup_teardown(test_none_is_nothing, open_world, close_world),
        cmocka_unit_test_setup_teardown(test_the_trunk_runs_once_a_view, open_world, close_world),
        cmocka_unit_test_setup_teardown(test_own_validation_pictures_are_as_they_are, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(test_views_take_turns, open_world, close_world),
        cmocka_unit_test_setup_teardown(test_new_views_are_numbered_by_epochs, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(test_classes_are_drawn_evenly, open_world, close_world),
        cmocka_unit_test_setup_teardown(test_the_plan_says_what_is_done, open_world, close_world),
        cmocka_unit_test_setup_teardown(test_the_plan_names_the_rest, open_world, close_world),
        cmocka_unit_test_setup_teardown(test_refusals_have_their_sentences, open_world,
                                        close_world),
    };

    return cmocka_run_group_tests_name("train/views", tests, NULL, NULL);
}
