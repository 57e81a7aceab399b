/* topwork cache list | clear [KEY]: what is cached, for which job, how large. */
#include "cli/cli.h"

#include <string.h>
#include <time.h>

static const cli_option options[] = {
    {"cache-dir", 0, "DIR", NULL, "where (default: $XDG_CACHE_HOME/topwork/activations)"},
};

static void add_options(cli_args *args)
{
    cli_add_options(args, options, sizeof options / sizeof options[0]);
    cli_add_json_option(args);
}

static void print_entry_json(const tw_cache_entry *entry)
{
    printf("{\"key\":\"%s\",\"job\":", entry->key);
    cli_print_json_string(entry->job);
    printf(",\"rows\":%lld,\"bytes\":%lld,\"used\":%lld}\n", (long long)entry->n_rows,
           (long long)entry->n_bytes, (long long)entry->t_used_s);
}

/* Two lines: how much and when, and below it the job. */
static void print_entry(const tw_cache_entry *entry)
{
    char rows[32], bytes[32], day[32] = "";
    time_t used = (time_t)entry->t_used_s;
    struct tm local;

    if (localtime_r(&used, &local))
        strftime(day, sizeof day, "%Y-%m-%d %H:%M", &local);
    printf("%.12s  %11s rows  %8s  used %s\n", entry->key,
           tw_count_text(rows, sizeof rows, entry->n_rows),
           tw_bytes_text(bytes, sizeof bytes, entry->n_bytes), day);
    cli_print_lines(stdout, "", 4, entry->job);
}

static tw_status list(const cli_args *args, tw_error *err)
{
    tw_cache_entry *entries;
    int n;
    tw_status rc = tw_cache_list(&entries, &n, cli_get(args, "cache-dir"), err);

    if (rc)
        return rc;
    for (int i = 0; i < n; i++)
        (cli_has(args, "json") ? print_entry_json : print_entry)(&entries[i]);
    if (n == 0 && !cli_has(args, "json"))
        printf("the cache is empty\n");
    tw_cache_list_free(entries);
    return TW_OK;
}

static tw_status clear(const cli_args *args, tw_error *err)
{
    int64_t n_bytes;
    char text[32];
    const char *key = args->n_words > 1 ? args->words[1] : NULL;
    tw_status rc = tw_cache_clear(&n_bytes, cli_get(args, "cache-dir"), key, err);

    if (rc)
        return rc;
    if (cli_has(args, "json"))
        printf("{\"bytes\":%lld}\n", (long long)n_bytes);
    else
        printf("cleared %s\n", tw_bytes_text(text, sizeof text, n_bytes));
    return TW_OK;
}

static tw_status run(cli_args *args, tw_error *err)
{
    if (strcmp(args->words[0], "list") == 0 && args->n_words == 1)
        return list(args, err);
    if (strcmp(args->words[0], "clear") == 0)
        return clear(args, err);
    snprintf(err->text, sizeof err->text, "cache wants list, or clear [KEY], got \"%s\"",
             args->words[0]);
    return err->code = TW_EUSAGE;
}

const cli_verb cli_cache = {.name = "cache",
                            .words = "list | clear [KEY]",
                            .summary =
                                "what features are cached, for which job, how large; clear them",
                            .min_words = 1,
                            .max_words = 2,
                            .add_options = add_options,
                            .run = run};
