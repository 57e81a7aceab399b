/*
 * A picture in letters: two pixels a character. In colour the upper half block in 24-bit colours,
 * elsewhere (a pipe, NO_COLOR) the letter of the ramp that is as dense as the pixels are bright.
 * Smaller than the picture, a character shows the mean of what it covers.
 */
#include "cli/cli.h"

typedef struct rgb {
    int r, g, b;
} rgb;

/* The size in characters, and pixels' rows, which are two a line. */
typedef struct raster {
    int columns, rows;
} raster;

static raster choose_size(const tw_picture *picture, int columns)
{
    raster out = {picture->width < columns ? picture->width : columns, 0};

    out.rows = (int)((int64_t)picture->height * out.columns / picture->width);
    out.rows = out.rows < 2 ? 2 : out.rows + out.rows % 2;
    return out;
}

/* The part of n pixels that cell i of n_cells covers, at least one. */
static void cover(int *first, int *end, int i, int n_cells, int n)
{
    *first = (int)((int64_t)i * n / n_cells);
    *end = (int)((int64_t)(i + 1) * n / n_cells);
    if (*end <= *first)
        *end = *first + 1;
}

static rgb mean(const tw_picture *picture, int row, int column, raster size)
{
    int y0, y1, x0, x1, colour = picture->channels == 3;
    int64_t sum[3] = {0, 0, 0}, n;

    cover(&y0, &y1, row, size.rows, picture->height);
    cover(&x0, &x1, column, size.columns, picture->width);
    for (int y = y0; y < y1; y++)
        for (int x = x0; x < x1; x++) {
            size_t at =
                ((size_t)y * (size_t)picture->width + (size_t)x) * (size_t)picture->channels;
            for (int c = 0; c < 3; c++)
                sum[c] += picture->pixels[at + (size_t)(c * colour)];
        }
    n = (int64_t)(y1 - y0) * (x1 - x0);
    return (rgb){(int)(sum[0] / n), (int)(sum[1] / n), (int)(sum[2] / n)};
}

/* BT.601, as cv2 makes grey. */
static int grey(rgb pixel)
{
    return (299 * pixel.r + 587 * pixel.g + 114 * pixel.b) / 1000;
}

static char dense_letter(rgb top, rgb low)
{
    static const char ramp[] = " .:-=+*#%@";
    int n = (int)sizeof ramp - 1;

    return ramp[(grey(top) + grey(low)) * n / 512];
}

static void print_half_block(rgb top, rgb low)
{
    printf("\033[38;2;%d;%d;%dm\033[48;2;%d;%d;%dm\xe2\x96\x80", top.r, top.g, top.b, low.r, low.g,
           low.b);
}

int cli_picture_lines(const tw_picture *picture, int columns)
{
    return choose_size(picture, columns).rows / 2;
}

int cli_print_picture_line(const tw_picture *picture, int columns, int line)
{
    raster size = choose_size(picture, columns);
    bool colour = cli_has_colour(stdout);
    int n_printed = 0;

    for (int column = 0; column < size.columns; column++) {
        rgb top = mean(picture, 2 * line, column, size);
        rgb low = mean(picture, 2 * line + 1, column, size);
        char letter = dense_letter(top, low);
        if (!colour && letter == ' ')
            continue;
        printf("%*s", column - n_printed, "");
        n_printed = column + 1;
        if (colour)
            print_half_block(top, low);
        else
            putchar(letter);
    }
    if (colour)
        printf("\033[0m");
    return n_printed;
}

void cli_print_picture(const tw_picture *picture, int columns)
{
    for (int line = 0; line < cli_picture_lines(picture, columns); line++) {
        cli_print_picture_line(picture, columns, line);
        putchar('\n');
    }
}
