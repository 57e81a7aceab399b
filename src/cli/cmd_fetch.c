/* topwork fetch NAME... | --list: weights and data by name, with pinned checksums. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

static const cli_option options[] = {
    {"from", 0, "WHERE", "the publisher",
     "a mirror: a folder, or a file://, http:// or https:// address of one"},
    {"timeout", 0, "SECONDS", "30", "silence after which a try is given up"},
    {"list", 0, NULL, NULL, "what there is: size, whether it is there, licence, source"},
};

static void add_options(cli_args *args)
{
    cli_add_options(args, options, sizeof options / sizeof options[0]);
    cli_add_watch_options(args);
}

/* ---- --list */

static void print_row(const tw_fetch_info *info, const char *state, bool json)
{
    char bytes[32];

    if (!json) {
        printf("%-16s  %7s  %-7s  %s\n%4s%s\n", info->name,
               tw_bytes_text(bytes, sizeof bytes, info->n_bytes), state, info->licence, "",
               info->source);
        return;
    }
    printf("{\"name\":\"%s\",\"bytes\":%lld,\"files\":%d,\"state\":\"%s\",\"licence\":", info->name,
           (long long)info->n_bytes, info->n_files, state);
    cli_print_json_string(info->licence);
    printf(",\"source\":");
    cli_print_json_string(info->source);
    printf("}\n");
}

static tw_status list(bool json, tw_error *err)
{
    const tw_fetch_info *info;
    tw_fetch_state state;
    tw_status rc;

    if (!json)
        printf("%-16s  %7s  %-7s  %s\n", "name", "size", "state", "licence, source");
    for (int i = 0; (info = tw_fetch_row(i)); i++) {
        if ((rc = tw_fetch_look(&state, info->name, err)))
            return rc;
        print_row(info, tw_fetch_state_name(state), json);
    }
    return TW_OK;
}

/* ---- NAME... */

static void print_result(const char *name, const tw_fetch_result *result, bool json)
{
    char bytes[32];

    if (json) {
        printf("{\"name\":\"%s\",\"files\":%d,\"fetched\":%d,\"bytes\":%lld,\"path\":", name,
               result->n_files, result->n_fetched, (long long)result->n_bytes);
        cli_print_json_string(result->path);
        printf("}\n");
        return;
    }
    tw_bytes_text(bytes, sizeof bytes, result->n_bytes);
    if (result->n_fetched == 0)
        printf("%s: there already and checked, %s in %s\n", name, bytes, result->path);
    else
        printf("%s: fetched and checked, %s in %s\n", name, bytes, result->path);
    fflush(stdout);
}

static tw_status fetch(const cli_args *args, const char *name, const tw_fetch_options *how,
                       tw_error *err)
{
    cli_progress progress;
    tw_watch watch = cli_watch(&progress, args);
    tw_fetch_result result;
    const tw_status rc = tw_fetch(&result, name, how, &watch, err);

    cli_progress_end(&progress);
    if (rc == TW_OK)
        print_result(name, &result, cli_has(args, "json"));
    return rc;
}

/* Every name must be known before the first is fetched. */
static tw_status check_names(const cli_args *args, tw_error *err)
{
    tw_fetch_state state;
    tw_status rc = TW_OK;

    if (args->n_words == 0 || (args->n_words > 0 && cli_has(args, "list"))) {
        snprintf(err->text, sizeof err->text, "fetch wants NAME..., or --list alone");
        return err->code = TW_EUSAGE;
    }
    for (int i = 0; i < args->n_words && rc == TW_OK; i++)
        rc = tw_fetch_look(&state, args->words[i], err);
    return rc;
}

static tw_status run(cli_args *args, tw_error *err)
{
    tw_fetch_options how = {.from = cli_get(args, "from")};
    int64_t timeout_s;
    tw_status rc;

    if (cli_has(args, "list") && args->n_words == 0)
        return list(cli_has(args, "json"), err);
    if ((rc = cli_get_number(&timeout_s, args, "timeout", 1, 0, err)) ||
        (rc = check_names(args, err)))
        return rc;
    how.timeout_s = timeout_s > 86400 ? 86400 : (int)timeout_s;
    for (int i = 0; i < args->n_words && rc == TW_OK; i++)
        rc = fetch(args, args->words[i], &how, err);
    return rc;
}

const cli_verb cli_fetch = {
    .name = "fetch",
    .words = "NAME... | --list",
    .summary = "get weights and data by name, checked, into the cache folder",
    .details = "NAME is vgg16, vgg19, vgg16-notop, vgg19-notop (without the fully connected\n"
               "layers), imagenet-classes, mnist, fashion-mnist or kmnist. Afterwards the name\n"
               "works as DATA or as --weights. A cut download goes on where it ended.",
    .min_words = 0,
    .max_words = -1,
    .add_options = add_options,
    .run = run};
