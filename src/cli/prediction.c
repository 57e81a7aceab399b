/*
 * A prediction to look at: the picture small on the left, beside it its name and the most probable
 * classes with bars.
 *
 *     ........#@@@%:......   test:3
 *     .......:@@*=#@=.....
 *     .......*@=...@#.....   7     [===================.]   97.20 %
 */
#include "cli/cli.h"

enum { PICTURE_COLUMNS = 28, NARROW_COLUMNS = 20, GAP = 3, FIRST_CLASS = 2 };
enum { CLASS_WIDTH = 14, LEAST_BAR = 4, BAR_WIDTH = 20, PERCENT_WIDTH = 10, BAR_EDGES = 4 };

/* Letters of each part of a line. */
typedef struct layout {
    int picture, text, class, bar;
} layout;

/* The widest of the names shown, so that the bars stand below each other. */
static int widest_class(const cli_prediction *prediction)
{
    int width = 1;

    for (int rank = 0; rank < prediction->n_top; rank++) {
        int n = cli_text_width(tw_model_class_name(prediction->model, prediction->order[rank]));
        width = n > width ? n : width;
    }
    return width < CLASS_WIDTH ? width : CLASS_WIDTH;
}

/* On a narrow terminal the picture is smaller, then the bar, which ends at LEAST_BAR, then names.
 */
static layout choose_layout(const cli_prediction *prediction)
{
    const int width = cli_line_width(stdout), least = PERCENT_WIDTH + 1;
    const int whole = PICTURE_COLUMNS + GAP + CLASS_WIDTH + BAR_EDGES + PERCENT_WIDTH;
    layout out = {.picture = width < whole ? NARROW_COLUMNS : PICTURE_COLUMNS,
                  .class = widest_class(prediction)};

    out.text = width - out.picture - GAP > least ? width - out.picture - GAP : least;
    if (out.class > out.text - PERCENT_WIDTH)
        out.class = out.text - PERCENT_WIDTH;
    out.bar = out.text - out.class - BAR_EDGES - PERCENT_WIDTH;
    if (out.bar < LEAST_BAR)
        out.bar = 0;
    if (out.bar > BAR_WIDTH)
        out.bar = BAR_WIDTH;
    return out;
}

static void print_name(const char *name, int most)
{
    int n = cli_text_width(name);

    cli_print_field(name, n < most ? n : most, false);
}

static void print_class(const cli_prediction *prediction, const layout *letters, int rank)
{
    int class_index = prediction->order[rank];
    double probability = (double)prediction->probabilities[class_index];
    char bar[BAR_WIDTH + 1];
    bool bold = rank == 0;

    printf("%s", bold ? cli_style(stdout, CLI_BOLD) : "");
    cli_print_field(tw_model_class_name(prediction->model, class_index), letters->class, false);
    if (letters->bar > 0) {
        cli_bar_fill(bar, letters->bar, probability);
        printf("  [%s]", bar);
    }
    printf("  %6.2f %%%s", 100 * probability, bold ? cli_style(stdout, CLI_PLAIN) : "");
}

void cli_print_prediction(const cli_prediction *prediction)
{
    const layout letters = choose_layout(prediction);
    int n_lines = cli_picture_lines(prediction->picture, letters.picture);
    int n_text = FIRST_CLASS + prediction->n_top;

    for (int line = 0; line < n_lines || line < n_text; line++) {
        int column =
            line < n_lines ? cli_print_picture_line(prediction->picture, letters.picture, line) : 0;
        if (line < n_text && line != 1)
            printf("%*s", letters.picture + GAP - column, "");
        if (line == 0)
            print_name(prediction->name, letters.text);
        else if (line >= FIRST_CLASS && line < n_text)
            print_class(prediction, &letters, line - FIRST_CLASS);
        putchar('\n');
    }
    putchar('\n');
}
