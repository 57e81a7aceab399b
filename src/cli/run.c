/* What the verbs that take a RUN or DATA share. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

tw_status cli_get_part(tw_part *out, const cli_args *args, const char *data, tw_error *err)
{
    static const tw_part order[] = {TW_PART_TEST, TW_PART_VAL};
    tw_status rc;

    if (cli_has(args, "split"))
        return tw_part_parse(out, cli_get(args, "split"), err);
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        int has;
        if ((rc = tw_dataset_has_part(&has, data, order[i], err)))
            return rc;
        if (has) {
            *out = order[i];
            return TW_OK;
        }
    }
    *out = TW_PART_ALL;
    return TW_OK;
}

tw_status cli_open_run(tw_model **out, const char *run, tw_error *err)
{
    char path[4096];
    tw_status rc;

    *out = NULL;
    if ((rc = tw_run_model_path(path, sizeof path, run, err)))
        return rc;
    return tw_model_open(out, path, NULL, NULL, 0, err);
}

/* The network of --model with its weights, its classes named or numbered. */
static tw_status open_network(tw_model **out, const cli_args *args, tw_error *err)
{
    const char *name = cli_get(args, "model"), *weights = cli_get(args, "weights");
    int named;
    tw_status rc;

    if (!weights && (rc = tw_model_find_weights(&weights, name, NULL, err)))
        return rc;
    if ((rc = tw_model_open(out, name, weights, NULL, 0, err)) ||
        (rc = tw_model_name_classes(&named, *out, cli_get(args, "class-index"), err)))
        return rc;
    if (!named)
        cli_print_note("classes are told by number: topwork fetch imagenet-classes, or "
                       "--class-index FILE, names them");
    return TW_OK;
}

tw_status cli_open_model(tw_model **out, const cli_args *args, tw_error *err)
{
    static const char *const only_model[] = {"weights", "class-index"};

    if (cli_has(args, "model"))
        return open_network(out, args, err);
    for (int i = 0; i < 2; i++)
        if (cli_has(args, only_model[i])) {
            snprintf(err->text, sizeof err->text, "--%s needs --model", only_model[i]);
            return err->code = TW_EUSAGE;
        }
    return cli_open_run(out, args->words[0], err);
}

tw_status cli_take_data(tw_spool **spool, char **word, tw_error *err)
{
    tw_status rc;

    *spool = NULL;
    if (strcmp(*word, "-") != 0)
        return TW_OK;
    if (!(rc = tw_spool_create(spool, STDIN_FILENO, err)))
        *word = (char *)(uintptr_t)tw_spool_path(*spool);
    return rc;
}

bool cli_is_folder(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

bool cli_is_same_file(const char *a, const char *b)
{
    struct stat one, two;

    return stat(a, &one) == 0 && stat(b, &two) == 0 && one.st_dev == two.st_dev &&
           one.st_ino == two.st_ino;
}

tw_status cli_open_part(tw_dataset **out, const char *run, const char *data, tw_part part,
                        int64_t limit, tw_error *err)
{
    int has = 1;
    tw_status rc;

    *out = NULL;
    if (part == TW_PART_VAL && (rc = tw_dataset_has_part(&has, data, part, err)))
        return rc;
    if (!has && cli_is_folder(run) && limit == 0)
        return tw_run_open_part(out, run, data, part, err);
    return tw_dataset_open(out, data, part, limit, err);
}

tw_status cli_open_own_data(tw_dataset **out, const char *run, tw_error *err)
{
    const tw_glance_options without_bad = {.skip_bad = 1};
    tw_config *config = NULL;
    char path[4200];
    const char *data, *bad;
    tw_status rc;

    *out = NULL;
    snprintf(path, sizeof path, "%s/config.json", run);
    if ((rc = tw_config_create(&config, err)) || (rc = tw_config_read(config, path, err)))
        goto done;
    if (!(data = tw_config_get(config, "data"))) {
        snprintf(err->text, sizeof err->text, "%.500s/config.json names no data", run);
        rc = err->code = TW_EFILE;
        goto done;
    }
    bad = tw_config_get(config, "bad-images");
    if (!(rc = cli_open_part(out, run, data, TW_PART_VAL, 0, err)) && bad && !strcmp(bad, "skip"))
        rc = tw_dataset_glance(*out, data, &without_bad, NULL, err);
done:
    tw_config_free(config);
    return rc;
}

void cli_print_no_report(const tw_error *why)
{
    char text[sizeof why->text + 16];

    snprintf(text, sizeof text, "no report: %s", why->text);
    cli_print_note(text);
}

void cli_write_report(const char *run, const char *data, const char *with, bool json)
{
    tw_error err = {TW_OK, ""};

    if (tw_report_write_compared(run, data, with, &err))
        cli_print_no_report(&err);
    else if (!json)
        printf("report: %s/report.html\n", run);
}
