/*
 * Options: every verb's table, parsed by getopt_long. Environment variables TOPWORK_<OPTION> stand
 * below flags. Unknown names come back with the nearest known one.
 */
#include "cli/cli.h"

#include <ctype.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(table) ((int)(sizeof(table) / sizeof(table)[0]))

static const cli_option compute_options[] = {
    {"backend", 0, "NAME", "cpu", "who computes; ref is plain C, slow, the truth"},
    {"isa", 0, "PATH", "auto", "CPU path of backend cpu"},
    {"precision", 0, "NAME", "auto", "of the frozen trunk; auto is the model's own"},
    {"threads", 0, "N", "all cores", "threads; results do not depend on it"},
    {"memory-limit", 0, "BYTES", "512M", "refuse to allocate more than this"},
};

static const cli_option cache_options[] = {
    {"cache", 0, "MODE", "auto", "keep features on disk; on fails where it cannot"},
    {"cache-dir", 0, "DIR", NULL, "where (default: $XDG_CACHE_HOME/topwork/activations)"},
    {"cache-budget", 0, "BYTES", "half of the free space", "how much the cache may take"},
};

static const cli_option bad_images_option[] = {
    {"bad-images", 0, "MODE", "fail", "picture files that cannot be read; skip leaves them out"},
};
static const cli_option quiet_option[] = {
    {"quiet", 'q', NULL, NULL, "no progress, the result only; notes and errors stay"}};
static const cli_option json_option[] = {
    {"json", 0, NULL, NULL, "one JSON object a line on standard output"}};
const cli_option cli_help_option = {"help", 'h', NULL, NULL, "this text"};

void cli_add_options(cli_args *args, const cli_option *options, int n)
{
    for (int i = 0; i < n && args->n_options < CLI_MAX_OPTIONS; i++)
        args->options[args->n_options++] = options[i];
}

void cli_add_compute_options(cli_args *args)
{
    cli_add_options(args, compute_options, COUNT(compute_options));
}

void cli_add_cache_options(cli_args *args)
{
    cli_add_options(args, cache_options, COUNT(cache_options));
}

void cli_add_bad_images_option(cli_args *args)
{
    cli_add_options(args, bad_images_option, COUNT(bad_images_option));
}

void cli_add_json_option(cli_args *args)
{
    cli_add_options(args, json_option, COUNT(json_option));
}

void cli_add_watch_options(cli_args *args)
{
    cli_add_options(args, quiet_option, COUNT(quiet_option));
    cli_add_json_option(args);
}

/* Training's option of the same name knows its values; the others are here. */
const char *cli_option_choices(const cli_option *option)
{
    static const struct {
        const char *name, *argument, *choices;
    } others[] = {
#define CHOICE(id, text) text ","
#define FORMAT(id, text, ending) text ","
        {"split", "PART", TW_PART_LIST(CHOICE)},
        {"format", "NAME", "text,csv,json,"},
        {"format", "FORMAT", TW_EXPORT_LIST(FORMAT)},
        {"format", "KIND", TW_CONVERT_LIST(FORMAT)},
#undef FORMAT
#undef CHOICE
    };

    for (int i = 0; i < COUNT(others); i++)
        if (strcmp(others[i].name, option->name) == 0 && option->argument &&
            strcmp(others[i].argument, option->argument) == 0)
            return others[i].choices;
    for (int i = 0; tw_config_option(i); i++)
        if (strcmp(tw_config_option(i)->name, option->name) == 0)
            return tw_config_option(i)->choices;
    return NULL;
}

static int find_option(const cli_args *args, const char *name)
{
    for (int i = 0; i < args->n_options; i++)
        if (strcmp(args->options[i].name, name) == 0)
            return i;
    return -1;
}

const char *cli_get(const cli_args *args, const char *name)
{
    int i = find_option(args, name);

    return i < 0 ? NULL : args->values[i];
}

bool cli_has(const cli_args *args, const char *name)
{
    return cli_get(args, name) != NULL;
}

/* TOPWORK_BATCH_SIZE for "batch-size". */
static const char *from_environment(const char *option)
{
    char name[64] = "TOPWORK_";
    size_t n = strlen(name);

    for (; *option && n + 1 < sizeof name; option++)
        name[n++] = (char)(*option == '-' ? '_' : toupper((unsigned char)*option));
    name[n] = '\0';
    return getenv(name);
}

static tw_status unknown_option(const cli_args *args, const cli_verb *verb, const char *word,
                                tw_error *err)
{
    const char *names[CLI_MAX_OPTIONS + 1];
    const char *nearest;
    char name[64];

    for (int i = 0; i < args->n_options; i++)
        names[i] = args->options[i].name;
    names[args->n_options] = "help";
    snprintf(name, sizeof name, "%s", word + strspn(word, "-"));
    name[strcspn(name, "=")] = '\0';
    nearest = strncmp(word, "--", 2) == 0
                  ? tw_nearest_name(name, names, (size_t)args->n_options + 1)
                  : NULL;
    err->code = TW_EUSAGE;
    if (nearest)
        snprintf(err->text, sizeof err->text, "%s has no option --%s; did you mean --%s",
                 verb->name, name, nearest);
    else
        snprintf(err->text, sizeof err->text, "%s has no option %s; see topwork %s --help",
                 verb->name, word, verb->name);
    return TW_EUSAGE;
}

/* getopt_long's tables from ours. Value of option i is CLI_LONG + i. */
enum { CLI_LONG = 1000, CLI_HELP = 999, CLI_MAX_NAMES = CLI_MAX_OPTIONS + 80 };

/* Names that people know from elsewhere, where the verb has the option and no other of that name.
 * Returns where the table ends then. */
static int add_aliases(const cli_args *args, struct option *longs, int n)
{
    const char *option, *alias;

    for (int i = 0; (alias = tw_config_alias(i, &option)); i++) {
        const int at = find_option(args, option);

        if (at < 0 || find_option(args, alias) >= 0 || n >= CLI_MAX_NAMES)
            continue;
        longs[n] = longs[at];
        longs[n++].name = alias;
    }
    return n;
}

static void make_tables(const cli_args *args, struct option *longs, char *shorts)
{
    size_t n = 0;
    int end;

    shorts[n++] = ':';
    shorts[n++] = 'h';
    for (int i = 0; i < args->n_options; i++) {
        const cli_option *option = &args->options[i];
        longs[i] = (struct option){option->name, option->argument ? required_argument : no_argument,
                                   NULL, CLI_LONG + i};
        if (option->letter) {
            shorts[n++] = option->letter;
            if (option->argument)
                shorts[n++] = ':';
        }
    }
    shorts[n] = '\0';
    longs[args->n_options] = (struct option){"help", no_argument, NULL, CLI_HELP};
    end = add_aliases(args, longs, args->n_options + 1);
    longs[end] = (struct option){NULL, 0, NULL, 0};
}

static int option_of_letter(const cli_args *args, int letter)
{
    for (int i = 0; i < args->n_options; i++)
        if (args->options[i].letter == letter)
            return i;
    return -1;
}

static tw_status take_flags(cli_args *args, const cli_verb *verb, int argc, char **argv, bool *help,
                            tw_error *err)
{
    struct option longs[CLI_MAX_NAMES + 1];
    char shorts[2 * CLI_MAX_OPTIONS + 3];
    int value;

    make_tables(args, longs, shorts);
    opterr = 0;
    optind = 1;
    while ((value = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
        int i = value >= CLI_LONG ? value - CLI_LONG : option_of_letter(args, value);
        if (value == 'h' || value == CLI_HELP) {
            *help = true;
            return TW_OK;
        }
        if (value == ':') {
            snprintf(err->text, sizeof err->text, "option %s needs a value", argv[optind - 1]);
            return err->code = TW_EUSAGE;
        }
        if (i < 0)
            return unknown_option(args, verb, argv[optind - 1], err);
        args->values[i] = args->options[i].argument ? optarg : "true";
        args->from_flag[i] = true;
    }
    args->n_words = argc - optind;
    args->words = argv + optind;
    return TW_OK;
}

tw_status cli_parse(cli_args *args, const cli_verb *verb, int argc, char **argv, bool *help,
                    tw_error *err)
{
    tw_status rc;

    verb->add_options(args);
    if ((rc = take_flags(args, verb, argc, argv, help, err)) || *help)
        return rc;
    for (int i = 0; i < args->n_options; i++)
        if (!args->values[i])
            args->values[i] = from_environment(args->options[i].name);
    if (args->n_words < verb->min_words ||
        (verb->max_words >= 0 && args->n_words > verb->max_words)) {
        snprintf(err->text, sizeof err->text, "usage: topwork %s %s (see topwork %s --help)",
                 verb->name, verb->words, verb->name);
        return err->code = TW_EUSAGE;
    }
    return TW_OK;
}

tw_status cli_get_number(int64_t *out, const cli_args *args, const char *name, int64_t least,
                         int64_t otherwise, tw_error *err)
{
    const char *text = cli_get(args, name);

    *out = otherwise;
    if (text && (!tw_parse_i64(out, text) || *out < least)) {
        snprintf(err->text, sizeof err->text,
                 "--%s must be a whole number of at least %lld, got \"%s\"", name, (long long)least,
                 text);
        return err->code = TW_EUSAGE;
    }
    return TW_OK;
}

static tw_status get_bytes(int64_t *out, const cli_args *args, const char *name, tw_error *err)
{
    const char *text = cli_get(args, name);

    *out = 0;
    if (text && (!tw_parse_bytes(out, text) || *out == 0)) {
        snprintf(err->text, sizeof err->text, "--%s must be bytes like 512M or 2G, got \"%s\"",
                 name, text);
        return err->code = TW_EUSAGE;
    }
    return TW_OK;
}

tw_status cli_get_compute(tw_compute *out, const cli_args *args, tw_error *err)
{
    tw_status rc;
    int64_t n_threads;

    *out = (tw_compute){0};
    out->backend = cli_get(args, "backend");
    out->isa = cli_get(args, "isa");
    out->precision = cli_get(args, "precision");
    if ((rc = cli_get_number(&n_threads, args, "threads", 1, 0, err)))
        return rc;
    out->n_threads = n_threads > 1024 ? 1024 : (int)n_threads;
    return get_bytes(&out->memory_limit, args, "memory-limit", err);
}

tw_status cli_get_cache(tw_cache_options *out, const cli_args *args, tw_error *err)
{
    static const char *const modes[] = {"auto", "on", "off"};
    const char *mode = cli_get(args, "cache");
    int i = 0;

    *out = (tw_cache_options){0};
    out->dir = cli_get(args, "cache-dir");
    if (mode) {
        while (i < COUNT(modes) && strcmp(mode, modes[i]) != 0)
            i++;
        if (i == COUNT(modes)) {
            snprintf(err->text, sizeof err->text, "--cache must be auto, on or off, got \"%s\"",
                     mode);
            return err->code = TW_EUSAGE;
        }
        out->mode = (tw_cache_mode)i;
    }
    return get_bytes(&out->budget, args, "cache-budget", err);
}

tw_status cli_get_glance(tw_glance_options *out, const cli_args *args, tw_error *err)
{
    const char *mode = cli_get(args, "bad-images");
    int64_t n_threads;
    tw_status rc = cli_get_number(&n_threads, args, "threads", 1, 0, err);

    *out = (tw_glance_options){.skip_bad = mode && strcmp(mode, "skip") == 0};
    if (rc)
        return rc;
    out->n_threads = n_threads > 1024 ? 1024 : (int)n_threads;
    if (!mode || out->skip_bad || strcmp(mode, "fail") == 0)
        return TW_OK;
    snprintf(err->text, sizeof err->text, "--bad-images must be fail or skip, got \"%s\"", mode);
    return err->code = TW_EUSAGE;
}

/* ---- help */

void cli_option_text(char *buf, size_t buf_size, const cli_option *option)
{
    const char *choices = cli_option_choices(option);
    size_t n = (size_t)snprintf(buf, buf_size, "%s", option->help);

    for (const char *at = choices; at && *at && n < buf_size; at += strcspn(at, ",") + 1)
        n += (size_t)snprintf(buf + n, buf_size - n, "%s %.*s", at == choices ? ":" : ",",
                              (int)strcspn(at, ","), at);
    if (option->value && option->argument && n < buf_size)
        snprintf(buf + n, buf_size - n, " (%s)", option->value);
}

enum { HELP_COLUMN = 28 };

static void print_option(const cli_option *option)
{
    char left[64], text[512], letter[8] = "   ";

    if (option->letter)
        snprintf(letter, sizeof letter, "-%c,", option->letter);
    snprintf(left, sizeof left, "  %s --%s %s", letter, option->name,
             option->argument ? option->argument : "");
    cli_option_text(text, sizeof text, option);
    if (strlen(left) >= HELP_COLUMN) {
        printf("%s\n", left);
        left[0] = '\0';
    }
    cli_print_lines(stdout, left, HELP_COLUMN, text);
}

void cli_print_help(const cli_verb *verb, const cli_args *args)
{
    printf("usage: topwork %s [OPTION...]%s%s\n%s\n", verb->name, *verb->words ? " " : "",
           verb->words, verb->summary);
    if (verb->details)
        printf("\n%s\n", verb->details);
    printf("\noptions:\n");
    for (int i = 0; i < args->n_options; i++)
        print_option(&args->options[i]);
    print_option(&cli_help_option);
}
