/* Ten steps of every optimizer, and the rates of every schedule, against PyTorch
 * (tools/golden/optim.py, which says how it was made to compute what Keras does). */
#include "train/train_int.h"

#include "check.h"

#include <math.h>

enum { N_STEPS = 10, N = 10, MAX_VALUES = 32, MAX_OPTIONS = 5 };

/* Two layers behind an input: kernel 5 and bias 2, kernel 3. */
typedef struct net {
    float numbers[N];
    tw_node_weights weights[3];
    float *data[3][2];
    int64_t size[3][2];
    tw_trained trained;
} net;

typedef struct job {
    const char *name;
    const char *options[MAX_OPTIONS][2];
    const double *multipliers;
    bool varies; /* the factor from step to step */
} job;

static const double multipliers[] = {1.0, 0.25, 2.0};
#define SGD               \
    {"optimizer", "sgd"}, \
    {                     \
        "lr", "0.1"       \
    }
#define MOMENTUM          \
    SGD,                  \
    {                     \
        "momentum", "0.9" \
    }
static const job jobs[] = {
    {"sgd", {SGD}, NULL, false},
    {"sgd-decay", {SGD, {"decay", "0.5"}}, NULL, false},
    {"sgd-weight-decay", {MOMENTUM, {"weight-decay", "0.05"}}, NULL, false},
    {"momentum", {MOMENTUM}, NULL, false},
    {"nesterov", {MOMENTUM, {"nesterov", "true"}}, NULL, false},
    {"adam", {{"lr", "0.01"}}, NULL, false},
    {"adam-decay", {{"lr", "0.01"}, {"decay", "0.5"}}, NULL, false},
    {"adam-weight-decay", {{"lr", "0.01"}, {"weight-decay", "0.05"}}, NULL, false},
    {"adamw", {{"lr", "0.01"}, {"optimizer", "adamw"}}, NULL, false},
    {"adamw-rates",
     {{"lr", "0.01"}, {"optimizer", "adamw"}, {"weight-decay", "0.3"}, {"decay", "0.1"}},
     multipliers,
     true},
    {"sgd-clip", {MOMENTUM, {"clip-norm", "3"}}, NULL, false},
    {"adam-clip", {{"lr", "0.01"}, {"clip-norm", "3"}}, NULL, false},
};

static void fill(float *out, uint32_t seed)
{
    for (int i = 0; i < N; i++) {
        seed = seed * 1664525u + 1013904223u;
        out[i] = ((float)(seed >> 24) - 128) / 64;
    }
}

static void make_net(net *it)
{
    static const int64_t sizes[3][2] = {{0, 0}, {5, 2}, {3, 0}};
    float *next = it->numbers;

    *it = (net){
        .trained = {
            .n_nodes = 3, .weights = it->weights, .data = it->data, .size = it->size, .n = N}};
    fill(it->numbers, 1);
    for (int node = 1; node < 3; node++) {
        for (int slot = 0; slot < 2 && sizes[node][slot] > 0; slot++) {
            it->data[node][slot] = next;
            next += it->size[node][slot] = sizes[node][slot];
        }
    }
}

static tw_config *configure(const char *const options[MAX_OPTIONS][2])
{
    tw_config *config;

    assert_ok(tw_config_create(&config, e));
    for (int i = 0; i < MAX_OPTIONS && options[i][0]; i++)
        assert_ok(tw_config_set(config, options[i][0], options[i][1], TW_FROM_FLAG, e));
    return config;
}

/* Hands over a gradient, each parameter in two ranges, last layer first, as a training step does.
 */
static void give(tw_optimizer *optimizer, const net *it, int t)
{
    tw_sink sink = tw_train__optimizer_sink(optimizer);
    float gradient[N];

    fill(gradient, 10 + (uint32_t)t);
    for (int i = 0; i < N; i++)
        gradient[i] /= (float)(1 + t % 3);
    for (int node = 2; node > 0; node--) {
        for (int slot = 0; slot < 2 && it->data[node][slot]; slot++) {
            const int64_t n = it->size[node][slot], half = n / 2;
            float *g = gradient + (it->data[node][slot] - it->numbers);

            sink.take(sink.ctx, node, slot, half, n - half, g + half);
            sink.take(sink.ctx, node, slot, 0, half, g);
        }
    }
}

/* The next line of the file, which has that name and n numbers. */
static void read_line(double *out, FILE *file, const char *name, int n)
{
    char word[40];
    int n_theirs;

    assert_int_equal(fscanf(file, "%39s %d", word, &n_theirs), 2);
    assert_string_equal(word, name);
    assert_int_equal(n_theirs, n);
    for (int i = 0; i < n; i++)
        assert_int_equal(fscanf(file, "%lf", &out[i]), 1);
}

static void check_job(FILE *file, const job *with, int n_workers)
{
    net it;
    tw_config *config = configure(with->options);
    const tw_backend_table *table;
    tw_optimizer optimizer;
    double theirs[N];

    make_net(&it);
    assert_ok(tw_backend_find(&table, "cpu", e));
    assert_ok(tw_train__optimizer_create(&optimizer, config, table, &it.trained, with->multipliers,
                                         n_workers, e));
    for (int t = 0; t < N_STEPS; t++) {
        tw_train__optimizer_begin(&optimizer, with->varies ? 1.0 / (1 + t % 4) : 1.0);
        give(&optimizer, &it, t);
        assert_ok(tw_train__optimizer_end(&optimizer, e));
        read_line(theirs, file, with->name, N);
        for (int i = 0; i < N; i++)
            if (!(fabs(it.numbers[i] - theirs[i]) <= 1e-6 * fmax(1.0, fabs(theirs[i]))))
                fail_msg("%s, step %d, number %d: %.9g, PyTorch has %.9g", with->name, t, i,
                         (double)it.numbers[i], theirs[i]);
    }
    assert_int_equal(optimizer.iterations, N_STEPS);
    tw_train__optimizer_free(&optimizer);
    tw_config_free(config);
}

/* ---- schedules */

typedef struct plan {
    const char *name;
    int n_epochs, epoch_steps;
    const char *options[MAX_OPTIONS][2];
} plan;

static const plan plans[] = {
    {"step", 7, 3, {{"schedule", "step"}, {"epochs", "7"}}},
    {"step-2-0.5",
     7,
     3,
     {{"schedule", "step"}, {"epochs", "7"}, {"lr-step", "2"}, {"lr-factor", "0.5"}}},
    {"cosine", 4, 5, {{"schedule", "cosine"}, {"epochs", "4"}}},
    {"cosine-warmup-1.5", 5, 4, {{"schedule", "cosine"}, {"epochs", "5"}, {"warmup", "1.5"}}},
    {"constant-warmup-2", 3, 4, {{"epochs", "3"}, {"warmup", "2"}}},
    {"one-cycle", 4, 5, {{"schedule", "one-cycle"}, {"epochs", "4"}}},
    {"one-cycle-short", 1, 3, {{"schedule", "one-cycle"}, {"epochs", "1"}}},
};

static void compare(const char *name, int64_t i, double ours, double theirs)
{
    if (!(fabs(ours - theirs) <= 1e-10 * fabs(theirs)))
        fail_msg("%s, %lld: %.15g, PyTorch has %.15g", name, (long long)i, ours, theirs);
}

/* Last step first: the factor is a function of the step. */
static void check_plan(FILE *file, const plan *of)
{
    const int n_steps = of->n_epochs * of->epoch_steps;
    tw_config *config = configure(of->options);
    double theirs[MAX_VALUES];
    tw_schedule schedule;

    tw_train__schedule_create(&schedule, config, of->epoch_steps);
    read_line(theirs, file, of->name, n_steps);
    for (int i = n_steps; i-- > 0;)
        compare(of->name, i, tw_train__schedule_factor(&schedule, i), theirs[i]);
    tw_config_free(config);
}

/* The third and the fifth lower loss are lower by less than 1e-4. */
static void check_plateau(FILE *file, const char *name, const char *const options[MAX_OPTIONS][2])
{
    static const double losses[] = {2.0, 1.5,  1.6, 1.49995, 1.2, 1.19995, 1.19992, 1.3,
                                    1.1, 1.15, 1.1, 1.1,     1.1, 1.1,     1.0};
    enum { N_LOSSES = sizeof losses / sizeof *losses };
    tw_config *config = configure(options);
    double theirs[N_LOSSES];
    tw_schedule schedule;

    tw_train__schedule_create(&schedule, config, 6);
    read_line(theirs, file, name, N_LOSSES);
    for (int i = 0; i < N_LOSSES; i++) {
        tw_train__schedule_see(&schedule, losses[i]);
        compare(name, i, tw_train__schedule_factor(&schedule, 6 * (i + 1)), theirs[i]);
    }
    tw_config_free(config);
}

static void check_file(int n_workers)
{
    FILE *file = fopen(TW_TEST_DATA "/optim.txt", "r");
    char rest[2];

    assert_non_null(file);
    while (fgetc(file) != '\n') /* versions */
        assert_false(feof(file));
    for (size_t i = 0; i < sizeof jobs / sizeof *jobs; i++)
        check_job(file, &jobs[i], n_workers);
    for (size_t i = 0; i < sizeof plans / sizeof *plans; i++)
        check_plan(file, &plans[i]);
    check_plateau(file, "plateau", (const char *const[MAX_OPTIONS][2]){{"schedule", "plateau"}});
    check_plateau(file, "plateau-3-0.5",
                  (const char *const[MAX_OPTIONS][2]){
                      {"schedule", "plateau"}, {"lr-patience", "3"}, {"lr-factor", "0.5"}});
    assert_int_equal(fscanf(file, "%1s", rest), EOF);
    fclose(file);
}

static void optimizers_and_schedules_are_pytorchs(void **state)
{
    (void)state;
    check_file(1);
    check_file(3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(optimizers_and_schedules_are_pytorchs)};

    return cmocka_run_group_tests_name("train/golden_optim", tests, NULL, NULL);
}
