/* What AMX wants to know of its eight tiles before they are used. */
#ifndef TW_BACKEND_CPU_AMX_TILES_H
#define TW_BACKEND_CPU_AMX_TILES_H

#include <stdint.h>

enum { TW_TILES = 8, TW_TILE_ROWS = 16, TW_TILE_BYTES = 64 /* of a row */ };

/* The 64 bytes that _tile_loadconfig reads. */
typedef struct tw_tile_shapes {
    uint8_t palette, start_row, zeros[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} tw_tile_shapes;

/* Tiles 0 to 5 of n_rows <= 16 rows, the last two of 16. */
static inline tw_tile_shapes tw_backend__tile_shapes(int n_rows)
{
    tw_tile_shapes shapes = {.palette = 1};

    for (int i = 0; i < TW_TILES; i++) {
        shapes.row_bytes[i] = TW_TILE_BYTES;
        shapes.rows[i] = (uint8_t)(i < TW_TILES - 2 ? n_rows : TW_TILE_ROWS);
    }
    return shapes;
}

/* gcc's _tile_loadconfig tells the compiler of its first 8 bytes only; this, of all. */
static inline void tw_backend__see_tile_shapes(const tw_tile_shapes *shapes)
{
    __asm__ volatile("" : : "r"(shapes) : "memory");
}

#endif
