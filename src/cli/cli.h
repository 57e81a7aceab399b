/*
 * The program: one verb a file (cmd_<verb>.c), all options in tables, all printing in output.c,
 * progress.c and terminal.c. It uses the public API and nothing else.
 */
#ifndef TW_CLI_CLI_H
#define TW_CLI_CLI_H

#include <tw/tw.h>

#include <stdbool.h>

/* One option of a verb. argument NULL: a switch. letter 0: long form only. */
typedef struct cli_option {
    const char *name;
    char letter;
    const char *argument;
    const char *value; /* default, for --help; NULL: none */
    const char *help;
} cli_option;

enum { CLI_MAX_OPTIONS = 80 };

/* A parsed command line. values[i] belongs to options[i]; NULL: not given. */
typedef struct cli_args {
    int n_options;
    cli_option options[CLI_MAX_OPTIONS];
    const char *values[CLI_MAX_OPTIONS];
    bool from_flag[CLI_MAX_OPTIONS]; /* else from the environment */
    int n_words;
    char **words;
} cli_args;

typedef struct cli_verb {
    const char *name;
    const char *words;        /* "RUN DATA" */
    const char *summary;      /* one line */
    const char *details;      /* paragraphs for --help, may be NULL */
    int min_words, max_words; /* max -1: any */
    void (*add_options)(cli_args *args);
    tw_status (*run)(cli_args *args, tw_error *err);
} cli_verb;

extern const cli_verb cli_train, cli_evaluate, cli_predict, cli_extract, cli_summary, cli_show,
    cli_fetch, cli_cache, cli_version;

/* options.c: tables and parsing */
void cli_add_options(cli_args *args, const cli_option *options, int n);
void cli_add_compute_options(cli_args *args);
void cli_add_cache_options(cli_args *args);
void cli_add_json_option(cli_args *args);
/* *help is set for --help. Unknown flags are TW_EUSAGE with the nearest name. */
tw_status cli_parse(cli_args *args, const cli_verb *verb, int argc, char **argv, bool *help,
                    tw_error *err);
const char *cli_get(const cli_args *args, const char *name); /* NULL: not given */
bool cli_has(const cli_args *args, const char *name);
/* A whole number >= least, or `otherwise` when not given. */
tw_status cli_get_number(int64_t *out, const cli_args *args, const char *name, int64_t least,
                         int64_t otherwise, tw_error *err);
tw_status cli_get_compute(tw_compute *out, const cli_args *args, tw_error *err);
tw_status cli_get_cache(tw_cache_options *out, const cli_args *args, tw_error *err);
void cli_print_help(const cli_verb *verb, const cli_args *args);

/* output.c: tables and JSON lines on stdout */
void cli_print_layers(const tw_layer_info *layers, int n);
void cli_print_json_string(const char *text);
/* A double with as many digits as `digits`, null for NaN. */
void cli_print_json_number(double value, int digits);
void cli_print_percent(double share);

/* progress.c: events of long calls on stderr, redrawn on a terminal; stops on SIGINT and SIGTERM */
typedef struct cli_progress {
    bool terminal;
    bool json;     /* one object an epoch on stdout */
    double t_last; /* last line drawn, seconds */
    bool open;     /* a redrawn line waits for its end */
} cli_progress;
tw_watch cli_watch(cli_progress *progress, bool json);
void cli_progress_end(cli_progress *progress);
void cli_catch_signals(void);

/* terminal.c: a picture in half-block colours */
void cli_print_picture(const tw_picture *picture, int columns);

/* Opens the model of RUN (folder or model file). */
tw_status cli_open_run(tw_model **out, const char *run, tw_error *err);

#endif
