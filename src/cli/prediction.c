/*
 * A prediction to look at: the picture small on the left, beside it its name and the most probable
 * classes with bars.
 *
 *     ........#@@@%:......   test:3
 *     .......:@@*=#@=.....
 *     .......*@=...@#.....   7     [===================.]   97.20 %
 */
#include "cli/cli.h"

enum { PICTURE_COLUMNS = 28, GAP = 3, CLASS_WIDTH = 14, BAR_WIDTH = 20, FIRST_CLASS = 2 };

/* The widest of the names shown, so that the bars stand below each other. */
static int class_width(const cli_prediction *prediction)
{
    int width = 1;

    for (int rank = 0; rank < prediction->n_top; rank++) {
        int n = cli_text_width(tw_model_class_name(prediction->model, prediction->order[rank]));
        width = n > width ? n : width;
    }
    return width < CLASS_WIDTH ? width : CLASS_WIDTH;
}

static void print_name(const char *name)
{
    int n = cli_text_width(name), most = CLI_COLUMNS - PICTURE_COLUMNS - GAP;

    cli_print_field(name, n < most ? n : most, false);
}

static void print_class(const cli_prediction *prediction, int rank)
{
    int class_index = prediction->order[rank];
    double probability = (double)prediction->probabilities[class_index];
    char bar[BAR_WIDTH + 1];
    bool bold = rank == 0;

    cli_bar_fill(bar, BAR_WIDTH, probability);
    printf("%s", bold ? cli_style(stdout, CLI_BOLD) : "");
    cli_print_field(tw_model_class_name(prediction->model, class_index), class_width(prediction),
                    false);
    printf("  [%s]  %6.2f %%%s", bar, 100 * probability, bold ? cli_style(stdout, CLI_PLAIN) : "");
}

void cli_print_prediction(const cli_prediction *prediction)
{
    int n_lines = cli_picture_lines(prediction->picture, PICTURE_COLUMNS);
    int n_text = FIRST_CLASS + prediction->n_top;

    for (int line = 0; line < n_lines || line < n_text; line++) {
        int column =
            line < n_lines ? cli_print_picture_line(prediction->picture, PICTURE_COLUMNS, line) : 0;
        if (line < n_text && line != 1)
            printf("%*s", PICTURE_COLUMNS + GAP - column, "");
        if (line == 0)
            print_name(prediction->name);
        else if (line >= FIRST_CLASS && line < n_text)
            print_class(prediction, line - FIRST_CLASS);
        putchar('\n');
    }
    putchar('\n');
}
