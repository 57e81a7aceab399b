/*
 * The program: one verb a file (cmd_<verb>.c), all options in tables, from which --help, the manual
 * page and the completions are made. What a stream can show is asked in screen.c alone. It uses the
 * public API and nothing else.
 */
#ifndef TW_CLI_CLI_H
#define TW_CLI_CLI_H

#include <tw/tw.h>

#include <stdbool.h>
#include <stdio.h>

/* One option of a verb. argument NULL: a switch. letter 0: long form only. */
typedef struct cli_option {
    const char *name;
    char letter;
    const char *argument;
    const char *value; /* default, for --help; NULL: none */
    const char *help;
} cli_option;

enum { CLI_MAX_OPTIONS = 120 };

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

extern const cli_verb cli_train, cli_resume, cli_lr_find, cli_evaluate, cli_calibrate, cli_explain,
    cli_predict, cli_extract, cli_export, cli_convert, cli_summary, cli_show, cli_check, cli_split,
    cli_benchmark, cli_fetch, cli_cache, cli_completion, cli_version;

/* main.c: verb i, NULL after the last */
const cli_verb *cli_get_verb(int i);
/* One row an exit code: code, meaning. */
#define CLI_EXIT_LIST(X)                 \
    X(0, "ok")                           \
    X(1, "failed")                       \
    X(2, "usage")                        \
    X(3, "bad data or file")             \
    X(4, "quality gate missed")          \
    X(5, "out of memory or disk budget") \
    X(130, "interrupted")

/* options.c: tables and parsing */
void cli_add_options(cli_args *args, const cli_option *options, int n);
void cli_add_compute_options(cli_args *args);
void cli_add_cache_options(cli_args *args);
void cli_add_bad_images_option(cli_args *args);
void cli_add_json_option(cli_args *args);
/* For verbs that run long: quiet and json, which cli_watch reads. */
void cli_add_watch_options(cli_args *args);
/* The help option, which cli_parse adds itself. */
extern const cli_option cli_help_option;
/* The values that an option may have, a comma after each ("adam,sgd,"); NULL: any. Static. */
const char *cli_option_choices(const cli_option *option);
/* help, choices and default in one sentence */
void cli_option_text(char *buf, size_t buf_size, const cli_option *option);
/* *help is set for --help. Unknown flags are TW_EUSAGE with the nearest name. */
tw_status cli_parse(cli_args *args, const cli_verb *verb, int argc, char **argv, bool *help,
                    tw_error *err);
const char *cli_get(const cli_args *args, const char *name); /* NULL: not given */
bool cli_has(const cli_args *args, const char *name);
/* A whole number >= least, or `otherwise` when not given. */
tw_status cli_get_number(int64_t *out, const cli_args *args, const char *name, int64_t least,
                         int64_t otherwise, tw_error *err);
tw_status cli_get_compute(tw_compute *out, const cli_args *args, tw_error *err);
/* What --bad-images and --threads say. */
tw_status cli_get_glance(tw_glance_options *out, const cli_args *args, tw_error *err);
tw_status cli_get_cache(tw_cache_options *out, const cli_args *args, tw_error *err);
void cli_print_help(const cli_verb *verb, const cli_args *args);

/* screen.c: what a stream can show, asked anew each time */
enum { CLI_COLUMNS = 80 };
bool cli_is_terminal(FILE *stream); /* lines can be redrawn: a terminal, and not TERM=dumb */
bool cli_has_colour(FILE *stream);  /* such a terminal, and no NO_COLOR */
int cli_columns(FILE *stream);      /* CLI_COLUMNS where it is no terminal */
int cli_line_width(FILE *stream);   /* those, at most CLI_COLUMNS */
/* One row a style: name, code. cli_style gives "" where there is no colour. */
#define CLI_STYLE_LIST(X)    \
    X(CLI_PLAIN, "\033[0m")  \
    X(CLI_BOLD, "\033[1m")   \
    X(CLI_GREEN, "\033[32m") \
    X(CLI_YELLOW, "\033[33m")
#define CLI_STYLE_ENUM(name, code) name,
typedef enum cli_style_name { CLI_STYLE_LIST(CLI_STYLE_ENUM) CLI_N_STYLE } cli_style_name;
#undef CLI_STYLE_ENUM
const char *cli_style(FILE *stream, cli_style_name style);
int cli_text_width(const char *text); /* letters of UTF-8, control characters too */
/* Padded to width letters, a longer text with ~ for its middle; control characters become ?. */
void cli_print_field(const char *text, int width, bool right);
/* Control characters become ?: what a file says cannot steer a terminal. In place, and on standard
 * output. */
void cli_clean(char *text);
void cli_print_clean(const char *text);
/* head, then from column indent on the words of text, in lines of at most CLI_COLUMNS. */
void cli_print_lines(FILE *stream, const char *head, int indent, const char *text);
void cli_print_note(const char *text); /* on standard error */

/* table.c: a table of at most cli_line_width on standard output */
enum { CLI_MAX_TABLE_COLUMNS = 40 };
typedef struct cli_column {
    const char *title;
    bool right;   /* flush right */
    bool shrinks; /* where the table is too wide */
    bool drops;   /* left out before that where lines are narrower than CLI_COLUMNS */
} cli_column;
typedef struct cli_table cli_table;
/* The columns must outlive the table. NULL without memory, which the next calls bear. */
cli_table *cli_table_create(const cli_column *columns, int n_columns);
void cli_table_free(cli_table *table);
/* The next cell, row after row. */
void cli_table_add(cli_table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));
tw_status cli_table_print(const cli_table *table, tw_error *err);

/* confusion.c: rows are labels, columns predictions */
void cli_print_confusion(const tw_evaluation *evaluation);

/* comparison.c: `with` is what the comparison was made with */
tw_status cli_print_comparison(const tw_comparison *comparison, const char *with, tw_error *err);
void cli_print_comparison_json(const tw_comparison *comparison, const char *with);

/* bar.c: a line with a bar */
typedef struct cli_bar {
    const char *head;
    const char *mark; /* the two letters between head and bar; NULL: blanks */
    double share;     /* 0 to 1 */
    bool with_percent;
    const char *const *tails; /* the first that leaves the bar room is taken */
    int n_tails;
} cli_bar;
void cli_bar_text(char *buf, size_t buf_size, const cli_bar *bar, int width);
/* n letters: ===>..... */
void cli_bar_fill(char *buf, int n, double share);

/* output.c: layers, JSON and numbers on standard output */
tw_status cli_print_layers(const tw_layer_info *layers, int n, tw_error *err);
void cli_print_json_string(const char *text);
/* How many of n pictures went through the trunk, and where the others' features came from. n 0: the
 * caller does not know how many there are. */
void cli_print_trunk(int64_t n_trunk, int64_t n);
/* A loss with four decimals, a huge one by its leading digits; returns buf. */
enum { CLI_LOSS_SIZE = 24 };
const char *cli_loss_text(char buf[CLI_LOSS_SIZE], double loss);
/* A double with as many digits as `digits`, null for NaN. */
void cli_print_json_number(double value, int digits);
/* "98.12 %", "-" for NaN; buf has room for 16. */
const char *cli_percent_text(char *buf, double share);

/* progress.c: events of long calls on standard error; stops on SIGINT and SIGTERM */
typedef struct cli_progress {
    bool quiet;
    bool json;        /* one object an epoch on standard output */
    bool open;        /* a redrawn line waits for its end */
    double t_drawn_s; /* the last line */
    double t_event_s; /* the last event */
    char phase[16];   /* the one that runs, since when and from where on */
    double t_phase_s;
    int64_t done_first, done;
    int epoch;
} cli_progress;
tw_watch cli_watch(cli_progress *progress, const cli_args *args);
void cli_progress_end(cli_progress *progress);
void cli_catch_signals(void);
double cli_now_s(void); /* a clock that only goes forward */

/* terminal.c: a picture in at most so many columns, in half blocks or in letters */
void cli_print_picture(const tw_picture *picture, int columns);
int cli_picture_lines(const tw_picture *picture, int columns);
/* One line of it without the blanks at its end; returns the columns printed. */
int cli_print_picture_line(const tw_picture *picture, int columns, int line);

/* prediction.c: a picture beside its most probable classes */
typedef struct cli_prediction {
    const char *name;
    const tw_picture *picture;
    const tw_model *model;
    const int *order; /* classes, most probable first */
    int n_top;
    const float *probabilities; /* of each class */
} cli_prediction;
void cli_print_prediction(const cli_prediction *prediction);

/* manual.c: topwork(1), made from the same tables as --help */
void cli_print_manual(void);

/* The part of data that --split names; unless given that of CLI_PART_RULE. */
#define CLI_PART_RULE "test, else val, else all"
tw_status cli_get_part(tw_part *out, const cli_args *args, const char *data, tw_error *err);

/* training.c: the options of a training job */
void cli_add_training_options(cli_args *args);
/* Runs a verb on the configuration that flags, environment and --config make; what they leave open
 * is picked, and said. */
tw_status cli_with_config(const cli_args *args, const char *verb,
                          tw_status (*run)(const tw_config *, const cli_args *, tw_error *),
                          tw_error *err);
tw_status cli_show_plan(const tw_training *training, const cli_args *args,
                        const cli_progress *progress, tw_error *err);
/* Shows the plan (and stops there with --dry-run), runs, shows what came out of it and makes the
 * report. output is RUN as the next command takes it. */
tw_status cli_run_training(tw_training *training, const char *output, const cli_args *args,
                           cli_progress *progress, const tw_watch *watch, tw_error *err);

/* trials.c: the trainings of --kfold or --sweep, and their table */
/* *n_folds is 0 without --kfold. Flags that do not go together are TW_EUSAGE. */
tw_status cli_check_trials(const cli_args *args, int64_t *n_folds, tw_error *err);
tw_status cli_run_trials(const tw_config *config, const cli_args *args, tw_error *err);

/* steps.c: a training step of each recipe by the clock */
enum { CLI_N_STEPS = 2 };
typedef struct cli_network {
    const char *name, *weights; /* as tw_model_open takes them */
    const char *end;            /* the trunk's last layer */
} cli_network;
typedef struct cli_step {
    const char *recipe;
    char first[128]; /* the first layer that is trained */
    tw_step_time time;
} cli_step;
tw_status cli_time_steps(cli_step steps[CLI_N_STEPS], const cli_network *network, int n_rounds,
                         const cli_args *args, const tw_watch *watch, tw_error *err);
void cli_print_steps(const cli_step steps[CLI_N_STEPS]);
void cli_print_steps_json(const cli_step steps[CLI_N_STEPS]);

/* Opens the model of RUN (folder or model file). */
tw_status cli_open_run(tw_model **out, const char *run, tw_error *err);

/* The network of --model with --weights and --class-index, its classes named or numbered; without
 * --model that of RUN, the first word. */
tw_status cli_open_model(tw_model **out, const cli_args *args, tw_error *err);
/* A word that is "-": the manifest on standard input, kept until *spool is freed, takes its place.
 */
tw_status cli_take_data(tw_spool **spool, char **word, tw_error *err);
bool cli_is_folder(const char *path);
bool cli_is_same_file(const char *a, const char *b); /* both are there */
/* A part of DATA. val is the data's own; where it has none and RUN is a folder, what its split.csv
 * marks. */
tw_status cli_open_part(tw_dataset **out, const char *run, const char *data, tw_part part,
                        int64_t limit, tw_error *err);
/* The pictures that the run folder's model was validated on. Nothing is opened where it does not
 * say. */
tw_status cli_open_own_data(tw_dataset **out, const char *run, tw_error *err);

/* Makes the report of a run folder and says where it is. What it is made of is there already, so a
 * report that cannot be made is a note and no failure. */
void cli_write_report(const char *run, const char *data, const char *with, bool json);
/* A note that there is none, and why. */
void cli_print_no_report(const tw_error *why);

#endif
