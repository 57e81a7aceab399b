/*
 * A table on standard output, at most cli_line_width wide: every column is as wide as its widest
 * cell; where that is too much, the widest of the columns that may shrink give way, letter by
 * letter, and their long cells have ~ for their middle. A narrow terminal does without some
 * columns.
 */
#include "cli/cli.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct cli_table {
    const cli_column *columns;
    int n_columns;
    char **cells; /* row after row */
    size_t n, capacity;
    bool failed; /* memory ran out */
};

cli_table *cli_table_create(const cli_column *columns, int n_columns)
{
    cli_table *table = calloc(1, sizeof *table);

    if (table)
        *table = (cli_table){.columns = columns, .n_columns = n_columns};
    return table;
}

void cli_table_free(cli_table *table)
{
    if (!table)
        return;
    for (size_t i = 0; i < table->n; i++)
        free(table->cells[i]);
    free(table->cells);
    free(table);
}

static bool reserve(cli_table *table)
{
    size_t capacity = table->capacity ? 2 * table->capacity : 64;
    char **cells;

    if (table->n < table->capacity)
        return true;
    if (!(cells = realloc(table->cells, capacity * sizeof *cells)))
        return false;
    table->cells = cells;
    table->capacity = capacity;
    return true;
}

void cli_table_add(cli_table *table, const char *format, ...)
{
    va_list list;
    char *cell = NULL;

    if (!table || table->failed)
        return;
    va_start(list, format);
    if (!reserve(table) || vasprintf(&cell, format, list) < 0)
        table->failed = true;
    else
        table->cells[table->n++] = cell;
    va_end(list);
}

static int count_rows(const cli_table *table)
{
    return (int)(table->n / (size_t)table->n_columns);
}

static const char *get_cell(const cli_table *table, int row, int column)
{
    return table->cells[(size_t)row * (size_t)table->n_columns + (size_t)column];
}

enum { MIN_WIDTH = 6, GAP = 2 };

/* Leaves out columns that drop, from the left, until the rest fits; their width becomes 0. */
static int drop(int *widths, int total, const cli_table *table)
{
    for (int k = 0; k < table->n_columns && total > cli_line_width(stdout); k++)
        if (table->columns[k].drops) {
            total -= widths[k] + GAP;
            widths[k] = 0;
        }
    return total;
}

/* Takes one column off the widest one that may shrink; false when there is none. */
static bool shrink(int *widths, const cli_column *columns, int n)
{
    int widest = -1;

    for (int i = 0; i < n; i++)
        if (columns[i].shrinks && widths[i] > MIN_WIDTH &&
            (widest < 0 || widths[i] > widths[widest]))
            widest = i;
    if (widest >= 0)
        widths[widest]--;
    return widest >= 0;
}

static void measure(int *widths, const cli_table *table)
{
    int total = (table->n_columns - 1) * GAP;

    for (int k = 0; k < table->n_columns; k++) {
        widths[k] = cli_text_width(table->columns[k].title);
        for (int i = 0; i < count_rows(table); i++) {
            int n = cli_text_width(get_cell(table, i, k));
            widths[k] = n > widths[k] ? n : widths[k];
        }
        total += widths[k];
    }
    if (cli_line_width(stdout) < CLI_COLUMNS)
        total = drop(widths, total, table);
    while (total > cli_line_width(stdout) && shrink(widths, table->columns, table->n_columns))
        total--;
}

/* Row -1 is the titles. Nothing is printed behind the last word of a line. */
static void print_row(const cli_table *table, const int *widths, int row)
{
    int n = table->n_columns;

    while (row >= 0 && n > 0 && !*get_cell(table, row, n - 1))
        n--;
    for (int k = 0; k < n; k++) {
        if (widths[k] == 0)
            continue;
        const char *text = row < 0 ? table->columns[k].title : get_cell(table, row, k);
        bool last = k == n - 1 && !table->columns[k].right;
        int width = cli_text_width(text);
        cli_print_field(text, last && width < widths[k] ? width : widths[k],
                        table->columns[k].right);
        printf("%*s", k < n - 1 ? GAP : 0, "");
    }
    putchar('\n');
}

tw_status cli_table_print(const cli_table *table, tw_error *err)
{
    int widths[CLI_MAX_TABLE_COLUMNS];

    if (!table || table->failed) {
        snprintf(err->text, sizeof err->text, "no memory for a table");
        return err->code = TW_ENOMEM;
    }
    measure(widths, table);
    for (int row = -1; row < count_rows(table); row++)
        print_row(table, widths, row);
    return TW_OK;
}
