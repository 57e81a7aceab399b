/*
 * The confusion matrix in lines of at most cli_line_width. Where all columns do not fit beside each
 * other, first their names give way, down to the widest number; then the matrix is printed in
 * blocks of columns, one below the other.
 */
#include "cli/cli.h"

enum { MOST_CLASSES = 20, MOST_LABEL = 16, LEAST_CELL = 4, MOST_CELL = 8 };

static int least_of(int a, int b)
{
    return a < b ? a : b;
}

static int most_of(int a, int b)
{
    return a > b ? a : b;
}

static int widest_number(const tw_evaluation *evaluation)
{
    int n = evaluation->n_classes, width = 1;
    char digits[24];

    for (int i = 0; i < n * n; i++)
        width = most_of(
            width, snprintf(digits, sizeof digits, "%lld", (long long)evaluation->confusion[i]));
    return width;
}

static int widest_name(const tw_evaluation *evaluation)
{
    int width = 1;

    for (int i = 0; i < evaluation->n_classes; i++)
        width = most_of(width, cli_text_width(evaluation->names[i]));
    return width;
}

/* Letters of a cell: whole names, or what all classes beside each other leave, or blocks. */
static int choose_cell(const tw_evaluation *evaluation, int label)
{
    int n = evaluation->n_classes, room = (cli_line_width(stdout) - label) / n - 1;
    int least = most_of(widest_number(evaluation), least_of(LEAST_CELL, widest_name(evaluation)));
    int most = most_of(least, least_of(MOST_CELL, widest_name(evaluation)));

    return room >= least ? least_of(room, most) : most;
}

/* Columns first..end-1 of the matrix. */
static void print_block(const tw_evaluation *evaluation, int first, int end, int label, int cell)
{
    int n = evaluation->n_classes;

    printf("%s%*s", first > 0 ? "\n" : "", label, "");
    for (int k = first; k < end; k++) {
        putchar(' ');
        cli_print_field(evaluation->names[k], cell, true);
    }
    for (int i = 0; i < n; i++) {
        putchar('\n');
        cli_print_field(evaluation->names[i], label, false);
        for (int k = first; k < end; k++)
            printf(" %*lld", cell, (long long)evaluation->confusion[i * n + k]);
    }
    putchar('\n');
}

void cli_print_confusion(const tw_evaluation *evaluation)
{
    int n = evaluation->n_classes;
    int label = least_of(MOST_LABEL, widest_name(evaluation));
    int cell = choose_cell(evaluation, label);
    int n_beside = most_of(1, (cli_line_width(stdout) - label) / (cell + 1));

    if (n > MOST_CLASSES) {
        printf("\n%d classes: the confusion matrix is too wide to print; see predictions.csv\n", n);
        return;
    }
    putchar('\n');
    cli_print_lines(stdout, "", 0, "confusion (rows: label, columns: predicted)");
    for (int first = 0; first < n; first += n_beside)
        print_block(evaluation, first, least_of(n, first + n_beside), label, cell);
}
