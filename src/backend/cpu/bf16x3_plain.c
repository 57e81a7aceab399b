/*
 * bf16x3's arithmetic in plain C: the twin that AMX is tested against. A product of tiles sums the
 * even and the odd channels apart, then together, as the instruction is described; only it takes
 * numbers below 2^-126 as they are, where the instruction takes 0.
 */
#include "backend/cpu/amx_tiles.h"

#include <stddef.h>
#include <string.h>

typedef struct tile_memory {
    int places;
    float sums[4][16][16];
    uint16_t parts[4][16][32]; /* tiles 4 to 7 */
} tile_memory;

typedef tile_memory *tiles;

static tiles tiles_in(tile_memory *memory, int places)
{
    memory->places = places;
    return memory;
}

static void tile_zero(tiles t, int i)
{
    memset(t->sums[i], 0, sizeof t->sums[i]);
}

static void tile_load(tiles t, int i, const uint16_t *at, int64_t step)
{
    const int rows = i < 6 ? t->places : TW_TILE_ROWS;

    for (int r = 0; r < rows; r++)
        memcpy(t->parts[i - 4][r], (const char *)at + r * step, TW_TILE_BYTES);
}

static void tile_store(tiles t, int i, float *at, int64_t step)
{
    for (int r = 0; r < t->places; r++)
        memcpy((char *)at + r * step, t->sums[i][r], TW_TILE_BYTES);
}

static float value_of(uint16_t x)
{
    const uint32_t bits = (uint32_t)x << 16;
    float value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

static void tile_add_product(tiles t, int sum, int x, int u)
{
    for (int r = 0; r < t->places; r++) {
        float even[16] = {0}, odd[16] = {0};
        for (int pair = 0; pair < 16; pair++) {
            const uint16_t *from = t->parts[x - 4][r] + (ptrdiff_t)2 * pair;
            const float first = value_of(from[0]), second = value_of(from[1]);
            for (int k = 0; k < 16; k++) {
                const uint16_t *w = t->parts[u - 4][pair] + (ptrdiff_t)2 * k;
                even[k] += first * value_of(w[0]);
                odd[k] += second * value_of(w[1]);
            }
        }
        for (int k = 0; k < 16; k++)
            t->sums[sum][r][k] += even[k] + odd[k];
    }
}

#include "backend/cpu/bf16x3_kernels.h"

static void begin(int places)
{
    (void)places;
}

static void end(void)
{
}

const tw_bf16x3_kernels tw_backend__bf16x3_plain = {"plain", begin, end, split, multiply, out};
