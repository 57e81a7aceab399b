/* topwork show DATA:INDEX: look at a picture before and after the resize, or at views of it. */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

enum { SHOWN_SIZE = 224, GAP = 8, DEFAULT_VIEWS = 15, MOST_VIEWS = 255, DEFAULT_SEED = 42 };

static const cli_option options[] = {
    {"split", 0, "PART", CLI_PART_RULE, "which part of DATA"},
    {"interpolation", 0, "NAME", "cubic", "how the picture is resized"},
    {"aug", 0, "SPEC", NULL, "as train takes it: a sheet of the picture and of views of it"},
    {"views", 0, "N", "15", "how many of them, as training numbers them"},
    {"seed", 0, "N", "42", "that of the training"},
    {"output", 'o', "FILE.png", NULL, "write a PNG: the picture left, resized to 224x224 right"},
};

static void add_options(cli_args *args)
{
    cli_add_options(args, options, sizeof options / sizeof options[0]);
}

static tw_status fail(tw_error *err, tw_status rc, const char *format, const char *text)
{
    snprintf(err->text, sizeof err->text, format, text);
    return err->code = rc;
}

/* Opens the dataset of "DATA:INDEX" and tells the index. */
static tw_status open_sample(tw_dataset **out, int64_t *index, const cli_args *args, tw_error *err)
{
    tw_status rc;
    tw_part part;
    const char *word = args->words[0];
    const char *colon = strrchr(word, ':');
    char *path;

    *out = NULL;
    if (!colon || !tw_parse_i64(index, colon + 1) || *index < 0)
        return fail(err, TW_EUSAGE,
                    "show wants DATA:INDEX with a number after the colon, got \"%s\"", word);
    if (!(path = strndup(word, (size_t)(colon - word))))
        return fail(err, TW_ENOMEM, "no memory for \"%s\"", word);
    if ((rc = cli_get_part(&part, args, path, err)) == TW_OK)
        rc = tw_dataset_open(out, path, part, 0, err);
    free(path);
    if (rc == TW_OK && *index >= tw_dataset_count(*out)) {
        char sentence[128];
        snprintf(sentence, sizeof sentence, "picture %lld: there are %lld, counted from 0",
                 (long long)*index, (long long)tw_dataset_count(*out));
        rc = fail(err, TW_EUSAGE, "%s", sentence);
    }
    return rc;
}

static void copy_into(tw_picture *canvas, int top, int left, const tw_picture *picture)
{
    for (int y = 0; y < picture->height; y++)
        for (int x = 0; x < picture->width; x++)
            for (int c = 0; c < 3; c++)
                canvas
                    ->pixels[((size_t)(top + y) * (size_t)canvas->width + (size_t)(left + x)) * 3 +
                             (size_t)c] =
                    picture->pixels[((size_t)y * (size_t)picture->width + (size_t)x) *
                                        (size_t)picture->channels +
                                    (picture->channels == 3 ? (size_t)c : 0)];
}

/* Before (its pixels enlarged as they are) and after, side by side. */
static tw_status write_png(const tw_picture *before, const tw_picture *after, const char *path,
                           tw_error *err)
{
    tw_status rc;
    tw_picture enlarged = {0};
    tw_picture canvas = {.height = SHOWN_SIZE, .width = 2 * SHOWN_SIZE + GAP, .channels = 3};
    size_t n_bytes = (size_t)canvas.height * (size_t)canvas.width * 3;

    if ((rc = tw_picture_resize(&enlarged, before, SHOWN_SIZE, SHOWN_SIZE, TW_NEAREST, err)))
        return rc;
    if (!(canvas.pixels = malloc(n_bytes))) {
        rc = fail(err, TW_ENOMEM, "no memory for %s", path);
        goto done;
    }
    memset(canvas.pixels, 255, n_bytes);
    copy_into(&canvas, 0, 0, &enlarged);
    copy_into(&canvas, 0, SHOWN_SIZE + GAP, after);
    rc = tw_picture_write_png(&canvas, path, err);
done:
    free(canvas.pixels);
    tw_picture_free(&enlarged);
    return rc;
}

static void print_caption(const tw_dataset *dataset, int64_t index, const tw_picture *picture)
{
    char name[64];
    int label = tw_dataset_label(dataset, index);

    cli_print_clean(tw_dataset_name(dataset, index, name, sizeof name));
    printf(": %dx%d, %s, class ", picture->height, picture->width,
           picture->channels == 1 ? "grey" : "rgb");
    cli_print_clean(label >= 0 ? tw_dataset_class_name(dataset, label) : "unknown");
    putchar('\n');
}

/* ---- views */

/* The picture as it is, then its views, row by row. */
static tw_status fill_sheet(tw_picture *sheet, int n_columns, int64_t n_views,
                            const tw_dataset *dataset, int64_t index, tw_interpolation how,
                            const tw_augment *augment, uint64_t seed, tw_error *err)
{
    const tw_contract contract = {.height = SHOWN_SIZE,
                                  .width = SHOWN_SIZE,
                                  .colour = tw_dataset_colour(dataset),
                                  .interpolation = how};
    const tw_augment none = {0};

    for (int64_t i = 0; i <= n_views; i++) {
        const int row = (int)i / n_columns, column = (int)i % n_columns;
        tw_picture view;
        tw_status rc = tw_dataset_view(&view, dataset, index, &contract, i ? augment : &none, seed,
                                       (uint32_t)i, err);

        if (rc)
            return rc;
        copy_into(sheet, row * (SHOWN_SIZE + GAP), column * (SHOWN_SIZE + GAP), &view);
        tw_picture_free(&view);
    }
    return TW_OK;
}

static tw_status show_views(const tw_dataset *dataset, int64_t index, tw_interpolation how,
                            const cli_args *args, tw_error *err)
{
    tw_status rc;
    tw_augment augment;
    tw_picture sheet = {.channels = 3};
    const char *path = cli_get(args, "output");
    char text[TW_AUGMENT_TEXT];
    int64_t n_views, seed;
    int n_columns = 1;
    size_t n_bytes;

    if ((rc = tw_augment_parse(&augment, cli_get(args, "aug"), err)) ||
        (rc = cli_get_number(&n_views, args, "views", 1, DEFAULT_VIEWS, err)) ||
        (rc = cli_get_number(&seed, args, "seed", 0, DEFAULT_SEED, err)))
        return rc;
    if (n_views > MOST_VIEWS)
        return fail(err, TW_EUSAGE, "%s", "--views: 255 are the most that a sheet has");
    while ((int64_t)n_columns * n_columns < n_views + 1)
        n_columns++;
    sheet.width = n_columns * (SHOWN_SIZE + GAP) - GAP;
    sheet.height = ((int)n_views / n_columns + 1) * (SHOWN_SIZE + GAP) - GAP;
    n_bytes = (size_t)sheet.height * (size_t)sheet.width * 3;
    if (!(sheet.pixels = malloc(n_bytes)))
        return fail(err, TW_ENOMEM, "no memory for %s", "a sheet of views");
    memset(sheet.pixels, 255, n_bytes);
    if ((rc = fill_sheet(&sheet, n_columns, n_views, dataset, index, how, &augment, (uint64_t)seed,
                         err)))
        goto done;
    tw_augment_text(text, sizeof text, &augment);
    printf("as it is and in %lld views: %s\n", (long long)n_views,
           *text ? text : "nothing changed");
    if (path)
        rc = tw_picture_write_png(&sheet, path, err);
    else
        cli_print_picture(&sheet, cli_columns(stdout));
done:
    free(sheet.pixels);
    return rc;
}

static tw_status run(cli_args *args, tw_error *err)
{
    tw_status rc;
    tw_dataset *dataset = NULL;
    tw_picture before = {0}, after = {0};
    tw_interpolation how = TW_CUBIC;
    const char *path = cli_get(args, "output");
    int64_t index;

    if (cli_get(args, "interpolation") &&
        (rc = tw_interpolation_parse(&how, cli_get(args, "interpolation"), err)))
        return rc;
    if ((rc = open_sample(&dataset, &index, args, err)) ||
        (rc = tw_dataset_read(&before, dataset, index, err)) ||
        (rc = tw_picture_resize(&after, &before, SHOWN_SIZE, SHOWN_SIZE, how, err)))
        goto done;
    print_caption(dataset, index, &before);
    if (cli_get(args, "aug")) {
        rc = show_views(dataset, index, how, args, err);
        goto done;
    }
    if (path) {
        rc = write_png(&before, &after, path, err);
        goto done;
    }
    cli_print_picture(&before, cli_columns(stdout));
    printf("resized to %dx%d, %s:\n", SHOWN_SIZE, SHOWN_SIZE, tw_interpolation_name(how));
    cli_print_picture(&after, cli_columns(stdout));
done:
    tw_picture_free(&before);
    tw_picture_free(&after);
    tw_dataset_free(dataset);
    return rc;
}

const cli_verb cli_show = {
    .name = "show",
    .words = "DATA:INDEX",
    .summary = "look at a picture before and after the resize, or at views of it",
    .details = "INDEX counts from 0 in the part of DATA that --split names. Unless\n"
               "given it is the part that predict takes, so that both mean the same\n"
               "picture by digits:3.",
    .min_words = 1,
    .max_words = 1,
    .add_options = add_options,
    .run = run};
