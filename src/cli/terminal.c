/*
 * A picture on a terminal: two pixels a character, the upper half block in 24-bit colours. Wider
 * pictures are shown smaller by taking the nearest pixel.
 */
#include "cli/cli.h"

#include <stdio.h>

static const uint8_t *pixel(const tw_picture *picture, int row, int column, int rows, int columns)
{
    int y = (int)((int64_t)row * picture->height / rows);
    int x = (int)((int64_t)column * picture->width / columns);

    return picture->pixels +
           ((size_t)y * (size_t)picture->width + (size_t)x) * (size_t)picture->channels;
}

void cli_print_picture(const tw_picture *picture, int columns)
{
    int wide = picture->width < columns ? picture->width : columns;
    int rows = (int)((int64_t)picture->height * wide / picture->width);
    int colour = picture->channels == 3;

    rows = rows < 2 ? 2 : rows + rows % 2;
    for (int row = 0; row < rows; row += 2) {
        for (int column = 0; column < wide; column++) {
            const uint8_t *top = pixel(picture, row, column, rows, wide);
            const uint8_t *low = pixel(picture, row + 1, column, rows, wide);
            printf("\033[38;2;%d;%d;%dm\033[48;2;%d;%d;%dm\xe2\x96\x80", top[0], top[colour],
                   top[2 * colour], low[0], low[colour], low[2 * colour]);
        }
        printf("\033[0m\n");
    }
}
