/* topwork split DATA -o FILE.csv: train, val and test written down as a manifest. */
#include "cli/cli.h"

static const cli_option options[] = {
    {"output", 'o', "FILE.csv", NULL, "the manifest; train takes it as DATA"},
    {"val", 0, "F", "0.2", "share of each class for validation"},
    {"test", 0, "F", "0", "share of each class for the test"},
    {"seed", 0, "N", "42", "another seed, another split"},
    {"group-by", 0, "REGEX", NULL,
     "pictures whose names agree in its first parenthesis stay together"},
    {"keep", 0, "OLD.csv", NULL, "pictures of this manifest stay where it has them"},
    {"threads", 0, "N", "all cores", "threads; the split does not depend on it"},
};

static void add_options(cli_args *args)
{
    cli_add_options(args, options, sizeof options / sizeof options[0]);
    cli_add_bad_images_option(args);
    cli_add_watch_options(args);
}

static tw_status get_share(double *out, const cli_args *args, const char *name, double otherwise,
                           tw_error *err)
{
    const char *text = cli_get(args, name);

    *out = otherwise;
    if (!text || (tw_parse_f64(out, text) && *out >= 0 && *out < 1))
        return TW_OK;
    snprintf(err->text, sizeof err->text, "--%s must be at least 0 and below 1, got \"%s\"", name,
             text);
    return err->code = TW_EUSAGE;
}

static tw_status get_options(tw_split_options *out, const cli_args *args, tw_error *err)
{
    tw_glance_options glance;
    int64_t seed;
    tw_status rc;

    *out = (tw_split_options){.group_by = cli_get(args, "group-by"), .keep = cli_get(args, "keep")};
    if (!cli_has(args, "output")) {
        snprintf(err->text, sizeof err->text, "split needs --output");
        return err->code = TW_EUSAGE;
    }
    if ((rc = get_share(&out->val, args, "val", 0.2, err)) ||
        (rc = get_share(&out->test, args, "test", 0.0, err)) ||
        (rc = cli_get_number(&seed, args, "seed", 0, 42, err)) ||
        (rc = cli_get_glance(&glance, args, err)))
        return rc;
    out->seed = (uint64_t)seed;
    out->skip_bad = glance.skip_bad;
    return TW_OK;
}

/* Each picture that is left out, on standard error: nothing goes silently. */
static void print_skipped(const tw_check *check)
{
    char text[1100];

    for (int64_t i = 0; i < tw_check_count(check); i++) {
        const tw_finding *finding = tw_check_get(check, i);

        if (finding->kind != TW_FINDING_UNREADABLE)
            continue;
        snprintf(text, sizeof text, "left out: %s", finding->text);
        cli_print_note(text);
    }
}

static void print_result(const tw_split_result *result, const cli_args *args)
{
    char count[32];

    if (cli_has(args, "json")) {
        printf("{\"train\":%lld,\"val\":%lld,\"test\":%lld,\"left_out\":%lld,\"units\":%lld}\n",
               (long long)result->n[TW_PART_TRAIN], (long long)result->n[TW_PART_VAL],
               (long long)result->n[TW_PART_TEST], (long long)result->n_bad,
               (long long)result->n_units);
        return;
    }
    for (int p = 0; p < 3; p++)
        printf("%-6s%s pictures\n", tw_part_name((tw_part)p),
               tw_count_text(count, sizeof count, result->n[p]));
    if (result->n_bad > 0)
        printf("%s left out\n", tw_count_text(count, sizeof count, result->n_bad));
}

static tw_status run(cli_args *args, tw_error *err)
{
    tw_check *check = NULL;
    tw_spool *spool = NULL;
    cli_progress progress;
    tw_watch watch = cli_watch(&progress, args);
    tw_split_options how;
    tw_split_result result;
    int64_t n_threads;
    tw_status rc;

    if ((rc = get_options(&how, args, err)) ||
        (rc = cli_get_number(&n_threads, args, "threads", 1, 0, err)) ||
        (rc = cli_take_data(&spool, &args->words[0], err)))
        return rc;
    rc = tw_check_run(&check, args->words[0], n_threads > 1024 ? 1024 : (int)n_threads, 0, &watch,
                      err);
    cli_progress_end(&progress);
    if (!rc)
        rc = tw_split_write(&result, check, args->words[0], cli_get(args, "output"), &how, err);
    if (!rc) {
        print_skipped(check);
        print_result(&result, args);
    }
    tw_check_free(check);
    tw_spool_free(spool);
    return rc;
}

const cli_verb cli_split = {
    .name = "split",
    .words = "DATA",
    .summary = "write down which pictures train, validate and test",
    .details = "Deals the training pictures of DATA, class by class, and writes a\n"
               "manifest. Pictures that are the same or look alike stay on one side, as\n"
               "do groups: the column group of a manifest, or --group-by. The same seed\n"
               "gives the same split; files that come later move few pictures, and none\n"
               "with --keep. DATA - is a manifest on standard input.",
    .min_words = 1,
    .max_words = 1,
    .add_options = add_options,
    .run = run};
