/* bf16x3's arithmetic on AMX. The instructions name their tiles, so these are macros. */
#include "backend/cpu/amx_tiles.h"

#include <immintrin.h>

typedef int tiles, tile_memory; /* they are the thread's own */

#define tile_zero(t, i) \
    do {                \
        (void)(t);      \
        _tile_zero(i);  \
    } while (0)
#define tile_load(t, i, at, step) _tile_loadd(i, at, step)
#define tile_store(t, i, at, step) _tile_stored(i, at, step)
#define tile_add_product(t, sum, x, u) _tile_dpbf16ps(sum, x, u)

static inline tiles tiles_in(tile_memory *memory, int places)
{
    *memory = places;
    return places;
}

#include "backend/cpu/bf16x3_kernels.h"

static void begin(int places)
{
    const tw_tile_shapes shapes = tw_backend__tile_shapes(places);

    tw_backend__see_tile_shapes(&shapes);
    _tile_loadconfig(&shapes);
}

static void end(void)
{
    _tile_release();
}

const tw_bf16x3_kernels tw_backend__bf16x3_amx = {"amx", begin, end, split, multiply, out};
