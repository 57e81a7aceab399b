/* topwork predict RUN IMAGE..., or --model NAME IMAGE... with the network's own top: files,
 * folders, records, or a list on standard input. */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

static const cli_option options[] = {
    {"model", 0, "NAME", NULL,
     "a whole network with its own top (vgg16, resnet50, ...) in place of RUN"},
    {"weights", 0, "FILE", NULL,
     "its weights: file or fetched name; what has been fetched for it unless given"},
    {"class-index", 0, "FILE", NULL,
     "names of its classes, imagenet_class_index.json; what has been fetched unless given"},
    {"top", 0, "K", "1, with --show 3", "the K most probable classes"},
    {"reject", 0, NULL, NULL,
     "unknown for what looks like none of the classes, and how far it is (see calibrate)"},
    {"format", 0, "NAME", "text", "how they are printed"},
    {"show", 0, NULL, NULL, "draw each picture beside its classes"},
    {"split", 0, "PART", CLI_PART_RULE, "which part DIR:5, FILE.npz:5 and digits:5 mean"},
};

static void add_options(cli_args *args)
{
    cli_add_options(args, options, sizeof options / sizeof options[0]);
    cli_add_compute_options(args);
    cli_add_watch_options(args);
}

typedef enum out_format { FORMAT_TEXT, FORMAT_CSV, FORMAT_JSON } out_format;

typedef struct job {
    const tw_model *model;
    tw_engine *engine;
    out_format format;
    bool show, rejects;
    int n_classes, n_top;
    int64_t batch;
    tw_picture *pictures; /* batch */
    float *rows;          /* (batch, classes) */
    double *distances;    /* (batch), zeros unless it rejects */
    int *order;           /* classes, most probable first */
    tw_part part;         /* of the word's records */
    bool records;         /* "DATA:5" of data with parts */
    const cli_args *args;
    const tw_watch *watch;
} job;

/* Most probable first; of equal ones the lower index. */
static void sort_classes(const job *j, const float *row)
{
    for (int i = 0; i < j->n_classes; i++) {
        int at = i;
        while (at > 0 && row[j->order[at - 1]] < row[i]) {
            j->order[at] = j->order[at - 1];
            at--;
        }
        j->order[at] = i;
    }
}

static void print_csv_field(const char *text)
{
    if (!strpbrk(text, ",\"\n\r")) {
        fputs(text, stdout);
        return;
    }
    putchar('"');
    for (; *text; text++) {
        if (*text == '"')
            putchar('"');
        putchar(*text);
    }
    putchar('"');
}

static bool is_unknown(const job *j, double distance)
{
    return j->rejects && distance > tw_model_reject_threshold(j->model);
}

/* The one line of CSV that a picture of none of the classes has. */
static void print_unknown_csv(const char *name, double distance)
{
    print_csv_field(name);
    printf(",1,unknown,,%.9g\n", distance);
}

static void print_head(const job *j, const char *name, double distance)
{
    if (j->format == FORMAT_TEXT)
        cli_print_clean(name);
    if (j->format == FORMAT_TEXT && is_unknown(j, distance))
        printf("  unknown");
    if (j->format != FORMAT_JSON)
        return;
    printf("{\"name\":");
    cli_print_json_string(name);
    if (j->rejects)
        printf(",\"unknown\":%s,\"distance\":%.9g", is_unknown(j, distance) ? "true" : "false",
               distance);
    printf(",\"predictions\":[");
}

static void print_row(const job *j, const char *name, const float *row, double distance)
{
    /* JSON has the classes of a picture that is of none, too: there it is marked */
    const int n_top = is_unknown(j, distance) && j->format != FORMAT_JSON ? 0 : j->n_top;

    sort_classes(j, row);
    print_head(j, name, distance);
    if (n_top == 0 && j->format == FORMAT_CSV)
        print_unknown_csv(name, distance);
    for (int rank = 0; rank < n_top; rank++) {
        const char *class_name = tw_model_class_name(j->model, j->order[rank]);
        double probability = (double)row[j->order[rank]];
        if (j->format == FORMAT_TEXT) {
            printf("  ");
            cli_print_clean(class_name);
            printf(" %.9g", probability);
        } else if (j->format == FORMAT_CSV) {
            print_csv_field(name);
            printf(",%d,", rank + 1);
            print_csv_field(class_name);
            printf(",%.9g", probability);
            if (j->rejects)
                printf(",%.9g", distance);
            printf("\n");
        } else {
            printf("%s{\"class\":", rank ? "," : "");
            cli_print_json_string(class_name);
            printf(",\"probability\":%.9g}", probability);
        }
    }
    if (j->format == FORMAT_TEXT && j->rejects)
        printf("  distance %.9g", distance);
    if (j->format != FORMAT_CSV)
        printf(j->format == FORMAT_TEXT ? "\n" : "]}\n");
}

/* The picture as the network is shown it, beside its classes; records with their part. */
static tw_status show_row(const job *j, const tw_picture *picture, const char *name,
                          const float *row, double distance, tw_error *err)
{
    tw_picture seen;
    char shown[4300];
    int n;
    tw_status rc = tw_contract_picture(&seen, tw_model_contract(j->model), picture, err);

    if (rc)
        return rc;
    sort_classes(j, row);
    if (j->records)
        n = snprintf(shown, sizeof shown - 64, "%.4096s (%s)", name, tw_part_name(j->part));
    else
        n = snprintf(shown, sizeof shown - 64, "%.4096s", name);
    if (j->rejects)
        snprintf(shown + n, 64, ": %sdistance %.4f", is_unknown(j, distance) ? "unknown, " : "",
                 distance);
    cli_print_prediction(&(cli_prediction){shown, &seen, j->model, j->order, j->n_top, row});
    tw_picture_free(&seen);
    return TW_OK;
}

static tw_status predict_batch(const job *j, const tw_dataset *dataset, int64_t first, int64_t n,
                               tw_error *err)
{
    tw_status rc = TW_OK;
    char name[64];
    int64_t n_read = 0;

    for (; n_read < n && rc == TW_OK; n_read++)
        rc = tw_dataset_read_for(&j->pictures[n_read], dataset, first + n_read,
                                 tw_model_contract(j->model), err);
    if (rc == TW_OK)
        rc = j->rejects ? tw_engine_judge(j->engine, j->pictures, n, j->rows, j->distances, err)
                        : tw_engine_predict(j->engine, j->pictures, n, j->rows, err);
    for (int64_t i = 0; i < n && rc == TW_OK; i++) {
        const char *shown = tw_dataset_name(dataset, first + i, name, sizeof name);
        const float *row = j->rows + i * j->n_classes;
        if (j->show)
            rc = show_row(j, &j->pictures[i], shown, row, j->distances[i], err);
        else
            print_row(j, shown, row, j->distances[i]);
    }
    for (int64_t i = 0; i < n_read; i++)
        tw_picture_free(&j->pictures[i]);
    return rc;
}

/* Rows on a terminal are progress enough. */
static void tell_progress(const job *j, int64_t done, int64_t total, double t_s)
{
    double rate = t_s > 0 ? (double)done / t_s : 0.0;
    tw_event event = {.kind = TW_EVENT_PROGRESS,
                      .phase = "predict",
                      .done = done,
                      .total = total,
                      .rate = rate,
                      .t_left_s = (double)(total - done) / rate};

    if (!cli_is_terminal(stdout) && total > j->batch)
        j->watch->on_event(j->watch->ctx, &event);
}

/* Which part the word's records are of. What is wrong with the word is for its opening to say. */
static void choose_part(job *j, const char *word)
{
    const char *colon = strrchr(word, ':');
    char *data = colon ? strndup(word, (size_t)(colon - word)) : NULL;
    tw_error ignored;
    int has = 0;

    j->part = TW_PART_TEST;
    j->records = data && cli_get_part(&j->part, j->args, data, &ignored) == TW_OK &&
                 tw_dataset_has_part(&has, data, j->part, &ignored) == TW_OK && has;
    free(data);
}

static tw_status predict_word(job *j, const char *word, tw_error *err)
{
    tw_dataset *dataset;
    double t_begin_s = cli_now_s();
    int64_t n;
    tw_status rc;

    choose_part(j, word);
    rc = tw_pictures_open(&dataset, word, j->part, err);
    n = rc ? 0 : tw_dataset_count(dataset);
    for (int64_t first = 0; first < n && rc == TW_OK; first += j->batch) {
        if (j->watch->should_stop(j->watch->ctx)) {
            snprintf(err->text, sizeof err->text, "interrupted after %lld of %lld pictures of %s",
                     (long long)first, (long long)n, word);
            rc = err->code = TW_EINTERRUPTED;
            break;
        }
        int64_t n_batch = n - first < j->batch ? n - first : j->batch;
        if (!(rc = predict_batch(j, dataset, first, n_batch, err)))
            tell_progress(j, first + n_batch, n, cli_now_s() - t_begin_s);
    }
    tw_dataset_free(dataset);
    return rc;
}

/* Names on standard input, one a line. */
static tw_status predict_list(job *j, tw_error *err)
{
    tw_status rc = TW_OK;
    char *line = NULL;
    size_t capacity = 0;
    ssize_t n;

    while (rc == TW_OK && (n = getline(&line, &capacity, stdin)) >= 0) {
        while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r'))
            line[--n] = '\0';
        if (n > 0)
            rc = predict_word(j, line, err);
    }
    free(line);
    return rc;
}

static tw_status get_format(out_format *out, const cli_args *args, tw_error *err)
{
    static const char *const names[] = {"text", "csv", "json"};
    const char *name = cli_get(args, "format");

    *out = cli_has(args, "json") ? FORMAT_JSON : FORMAT_TEXT;
    if (!name)
        return TW_OK;
    for (int i = 0; i < 3; i++)
        if (strcmp(name, names[i]) == 0) {
            *out = (out_format)i;
            return TW_OK;
        }
    snprintf(err->text, sizeof err->text, "--format must be text, csv or json, got \"%s\"", name);
    return err->code = TW_EUSAGE;
}

static tw_status make_room(job *j, tw_error *err)
{
    j->batch = tw_engine_batch(j->engine);
    j->pictures = calloc((size_t)j->batch, sizeof *j->pictures);
    j->rows = calloc((size_t)j->batch * (size_t)j->n_classes, sizeof *j->rows);
    j->distances = calloc((size_t)j->batch, sizeof *j->distances);
    j->order = calloc((size_t)j->n_classes, sizeof *j->order);
    if (j->pictures && j->rows && j->distances && j->order)
        return TW_OK;
    snprintf(err->text, sizeof err->text, "no memory for a batch of %lld pictures",
             (long long)j->batch);
    return err->code = TW_ENOMEM;
}

static tw_status get_options(job *j, tw_compute *compute, const cli_args *args, tw_error *err)
{
    int64_t n_top;
    tw_part split;
    tw_status rc;

    if ((rc = cli_get_compute(compute, args, err)) || (rc = get_format(&j->format, args, err)) ||
        (rc = cli_get_number(&n_top, args, "top", 1, cli_has(args, "show") ? 3 : 1, err)))
        return rc;
    j->show = cli_has(args, "show");
    j->rejects = cli_has(args, "reject");
    if (j->show && j->format != FORMAT_TEXT) {
        snprintf(err->text, sizeof err->text, "--show draws pictures, which csv and json are not");
        return err->code = TW_EUSAGE;
    }
    j->n_top = n_top > 1000000 ? 1000000 : (int)n_top;
    return cli_has(args, "split") ? tw_part_parse(&split, cli_get(args, "split"), err) : TW_OK;
}

static tw_status open_model(tw_model **out, const cli_args *args, tw_error *err)
{
    if (cli_has(args, "model") || args->n_words > 1)
        return cli_open_model(out, args, err);
    snprintf(err->text, sizeof err->text,
             "usage: topwork predict RUN IMAGE..., or predict --model NAME IMAGE...");
    return err->code = TW_EUSAGE;
}

static tw_status run(cli_args *args, tw_error *err)
{
    tw_status rc;
    tw_model *model = NULL;
    cli_progress progress;
    tw_watch watch = cli_watch(&progress, args);
    tw_compute compute;
    job j = {.args = args, .watch = &watch};
    const int first = cli_has(args, "model") ? 0 : 1;

    if ((rc = get_options(&j, &compute, args, err)) || (rc = open_model(&model, args, err)))
        goto done;
    j.model = model;
    j.n_classes = tw_model_class_count(model);
    if (j.n_classes == 0) {
        snprintf(err->text, sizeof err->text, "%s: no classifier, it has no class names",
                 args->words[0]);
        rc = err->code = TW_EFILE;
        goto done;
    }
    if (j.n_top > j.n_classes)
        j.n_top = j.n_classes;
    rc = j.rejects ? tw_engine_create_judge(&j.engine, model, &compute, err)
                   : tw_engine_create(&j.engine, model, NULL, &compute, err);
    if (rc || (rc = make_room(&j, err)))
        goto done;
    if (j.format == FORMAT_CSV)
        printf("name,rank,class,probability%s\n", j.rejects ? ",distance" : "");
    for (int i = first; i < args->n_words && rc == TW_OK; i++)
        rc = strcmp(args->words[i], "-") == 0 ? predict_list(&j, err)
                                              : predict_word(&j, args->words[i], err);
done:
    cli_progress_end(&progress);
    free(j.pictures);
    free(j.rows);
    free(j.distances);
    free(j.order);
    tw_engine_free(j.engine);
    tw_model_free(model);
    return rc;
}

const cli_verb cli_predict = {
    .name = "predict",
    .words = "[RUN] IMAGE...",
    .summary = "classify pictures: trunk and top as one model",
    .details = "Classes with --model are those of ImageNet, called \"n02123045 tabby\".\n"
               "IMAGE is a PNG or JPEG file, a folder of them, a record FILE:0 or records\n"
               "FILE:0-9 (inclusive) of an IDX or npz file, DIR:5 of a folder of IDX files,\n"
               "digits:5 of the built-in digits, or - for a list of these on standard input.",
    .min_words = 1,
    .max_words = -1,
    .add_options = add_options,
    .run = run};
