/*
 * Winograd's convolutions in training: what is chosen by the shape, the places in the scratch, and
 * the way of a batch through the kernels of a path. See winograd_train.h.
 *
 * Scratch, for the largest pass each:
 *
 *   | V | D | dw | bias | a worker: kernel, U, M | ... |
 *
 * V and D, and M of one panel, lie as the products read them, and so that a tile's points are not
 * far from each other:
 *
 *   block of a few tiles | panel of channels | plane: (tiles of the block, panel), and a line
 */
#include "backend/cpu/winograd_train.h"

#include "base/parallel.h"

#include <assert.h>
#include <string.h>

enum {
    LINE = 16, /* floats of a cache line */
    /* tiles times points of a part: M of a panel stays in the second cache, V of a chunk in the
     * third; measured, docs/kernels.md */
    PART_POINTS = 64 * 81,
    /* parts of a chunk for all panels together, so that many workers have work */
    LEAST_ITEMS = 8,
    MOST_PANEL = 32, /* of all paths: chunks are the same on each */
    /* panels of channels, and of filters, of an item of the weight gradient */
    C_PANELS = 2,
    K_PANELS = 4,
    TILE = 16384 /* numbers given to the sink at once */
};

/* ---- sizes */

static int64_t quotient_up(int64_t n, int64_t step)
{
    return (n + step - 1) / step;
}

/* To whole blocks of all paths. */
static int64_t round_up(int64_t n_tiles)
{
    return quotient_up(n_tiles, TW_WINOGRAD_TILES) * TW_WINOGRAD_TILES;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t n_points(const tw_winograd_way *way)
{
    return (int64_t)(way->m + 2) * (way->m + 2);
}

/* Multiplications of a picture, for each pair of channel and filter. */
static int64_t n_products(const tw_winograd_way *way, int64_t m)
{
    return quotient_up(way->p, m) * quotient_up(way->q, m) * (m + 2) * (m + 2);
}

/* The fewest products; of tiles that need as many the smallest, which has the least error. */
static int best_tile(const tw_winograd_way *way)
{
    static const int tiles[] = {4, 5, 7};
    int best = tiles[0];

    for (int i = 1; i < 3; i++)
        if (n_products(way, tiles[i]) < n_products(way, best))
            best = tiles[i];
    return best;
}

bool tw_backend__winograd_trains(const tw_conv *asked)
{
    const tw_node *node = &asked->node;

    return node->window[0] == 3 && node->window[1] == 3 && node->stride[0] == 1 &&
           node->stride[1] == 1 && asked->in.dims[2] % TW_WINOGRAD_WHOLE == 0 &&
           node->units % TW_WINOGRAD_WHOLE == 0;
}

/* The batch in chunks of as many tiles, a chunk in as many parts that share V. */
static void set_chunks(tw_winograd_way *way, const tw_winograd_train *train)
{
    const int64_t all = train->asked.batch * way->tiles_h * way->tiles_w;
    const int64_t panels = quotient_up(way->k, MOST_PANEL);
    const int64_t parts = quotient_up(LEAST_ITEMS, panels);
    const int64_t chunks = quotient_up(all, parts * (PART_POINTS / n_points(way)));

    way->chunk = round_up(quotient_up(all, chunks));
    way->part = round_up(quotient_up(way->chunk, parts));
}

static void set_tile(tw_winograd_way *way, const tw_winograd_train *train, int m)
{
    way->m = m;
    way->tiles_h = quotient_up(way->p, m);
    way->tiles_w = quotient_up(way->q, m);
    set_chunks(way, train);
}

void tw_backend__winograd_train_plan_tile(tw_winograd_train *train, int m)
{
    const int64_t panel = train->kernels->panel;

    for (int i = 0; i < TW_WINOGRAD_N_WAYS; i++) {
        tw_winograd_way *way = &train->ways[i];
        set_tile(way, train, m ? m : best_tile(way));
        way->plane = train->kernels->rows * panel + LINE;
        way->v_panel = n_points(way) * way->plane;
        way->v_block = quotient_up(way->c, panel) * way->v_panel;
        way->d_block = quotient_up(way->k, panel) * way->v_panel;
    }
}

void tw_backend__winograd_train_plan(tw_winograd_train *train,
                                     const tw_winograd_train_kernels *kernels, const tw_conv *asked,
                                     tw_winograd_train_worker *workers)
{
    const tw_shape *in = &asked->in, *out = &asked->node.out;
    const int64_t pad = asked->node.padding == TW_SAME ? 1 : 0;
    const tw_winograd_way forward = {.h = in->dims[0],
                                     .w = in->dims[1],
                                     .c = in->dims[2],
                                     .p = out->dims[0],
                                     .q = out->dims[1],
                                     .k = out->dims[2],
                                     .pad = pad};
    const tw_winograd_way data = {.h = forward.p,
                                  .w = forward.q,
                                  .c = forward.k,
                                  .p = forward.h,
                                  .q = forward.w,
                                  .k = forward.c,
                                  .pad = 2 - pad};

    *train = (tw_winograd_train){.kernels = kernels, .asked = *asked, .workers = workers};
    train->ways[TW_WINOGRAD_FORWARD] = forward;
    train->ways[TW_WINOGRAD_DATA] = data;
    train->ways[TW_WINOGRAD_WEIGHTS] = forward;
    tw_backend__winograd_train_plan_tile(train, 0);
}

/* The most floats of each place. */
typedef struct sizes {
    int64_t v, d, gradient, bias, kernel, u, m;
} sizes;

static void add_products(sizes *most, const tw_winograd_way *way,
                         const tw_winograd_train_kernels *kernels)
{
    most->v = larger(most->v, way->chunk / kernels->rows * way->v_block);
    most->bias = larger(most->bias, way->k);
    most->kernel = larger(most->kernel, 9 * way->c * kernels->panel);
    most->u = larger(most->u, (way->m + 2) * way->c * kernels->panel);
    most->m = larger(most->m, way->part / kernels->rows * way->v_panel);
}

static void add_weights(sizes *most, const tw_winograd_way *way,
                        const tw_winograd_train_kernels *kernels)
{
    most->v = larger(most->v, way->chunk / kernels->rows * way->v_block);
    most->d = way->chunk / kernels->rows * way->d_block;
    most->gradient = 9 * way->c * way->k;
    most->u = larger(most->u, (way->m + 2) * kernels->panel * kernels->panel);
}

void tw_backend__winograd_train_lay_out(tw_winograd_train *train, tw_layout *layout)
{
    const int64_t size = (int64_t)sizeof(float);
    sizes most = {0};

    add_products(&most, &train->ways[TW_WINOGRAD_FORWARD], train->kernels);
    if (train->asked.needs_data)
        add_products(&most, &train->ways[TW_WINOGRAD_DATA], train->kernels);
    if (train->asked.needs_weights)
        add_weights(&most, &train->ways[TW_WINOGRAD_WEIGHTS], train->kernels);
    train->v = tw_backend__lay(layout, most.v, size);
    train->d = tw_backend__lay(layout, most.d, size);
    train->gradient = tw_backend__lay(layout, most.gradient, size);
    train->bias = tw_backend__lay(layout, most.bias, size);
    for (int i = 0; i < train->asked.n_workers; i++) {
        train->workers[i].kernel = tw_backend__lay(layout, most.kernel, size);
        train->workers[i].u = tw_backend__lay(layout, most.u, size);
        train->workers[i].m = tw_backend__lay(layout, most.m, size);
    }
}

/* ---- running: what all passes share */

typedef struct job {
    const tw_winograd_train *train;
    const tw_winograd_way *way;
    const float *x; /* pictures (h,w,c) */
    float *y;       /* pictures (p,q,k) */
    const float *kernel;
    bool is_data;
    int64_t first, n_tiles; /* of the chunk */
    /* weight gradient */
    const float *dy;
    const tw_sink *sink;
    int node;
} job;

/* Does `stages` for every chunk of n pictures' tiles. */
static void for_each_chunk(job *j, int64_t n, void (*stages)(const job *j))
{
    const int64_t all = n * j->way->tiles_h * j->way->tiles_w;

    for (j->first = 0; j->first < all; j->first += j->way->chunk) {
        j->n_tiles = smaller(j->way->chunk, all - j->first);
        stages(j);
    }
}

/* A tile's place in the batch: its first output. */
typedef struct spot {
    int64_t picture, y, x;
} spot;

static spot spot_of(const tw_winograd_way *way, int64_t tile)
{
    const int64_t each = way->tiles_h * way->tiles_w, in_picture = tile % each;

    return (spot){tile / each, in_picture / way->tiles_w * way->m,
                  in_picture % way->tiles_w * way->m};
}

/* The places of pictures (h,w,c) that begin at (y,x), `side` a side. */
static tw_winograd_spread places(const float *pictures, const spot *at, int64_t pad,
                                 const int64_t size[3], int side)
{
    const int64_t h = size[0], w = size[1], c = size[2], top = at->y - pad, left = at->x - pad;

    return (tw_winograd_spread){.from = pictures + ((at->picture * h + top) * w + left) * c,
                                .row = w * c,
                                .pixel = c,
                                .c = c,
                                .top = (int)larger(0, -top),
                                .bottom = (int)smaller(side, h - top),
                                .left = (int)larger(0, -left),
                                .right = (int)smaller(side, w - left)};
}

static tw_winograd_spread picture_places(const job *j, int64_t tile)
{
    const tw_winograd_way *way = j->way;
    const spot at = spot_of(way, tile);

    return places(j->x, &at, way->pad, (int64_t[]){way->h, way->w, way->c}, way->m + 2);
}

/* Where a tile's row in plane 0 lies. */
static int64_t row_of(const job *j, int64_t tile, int64_t block)
{
    const tw_winograd_train_kernels *kernels = j->train->kernels;

    return tile / kernels->rows * block + tile % kernels->rows * kernels->panel;
}

/* ---- forward, and the data gradient */

static void tile_in(void *ctx, int64_t item, int worker)
{
    const job *j = ctx;
    tw_winograd_spread tile = picture_places(j, j->first + item);

    (void)worker;
    tile.to = j->train->v + row_of(j, item, j->way->v_block);
    tile.plane = j->way->plane;
    tile.panel = j->way->v_panel;
    j->train->kernels->picture_in(&tile, j->way->m);
}

/* Columns [k, k+width) of the kernel as (3,3, depth, width): filters, or for the data gradient
 * channels, with the taps turned. */
static void bring_panel(const job *j, float *to, int64_t k, int64_t width)
{
    const int64_t depth = j->way->c, n_numbers = depth * width;

    for (int tap = 0; tap < 9; tap++) {
        const float *from = j->kernel + tap * j->way->c * j->way->k;
        if (j->is_data)
            j->train->kernels->turn(to + (8 - tap) * n_numbers, from + k * depth, depth, depth,
                                    width);
        else
            for (int64_t c = 0; c < depth; c++)
                memcpy(to + tap * n_numbers + c * width, from + c * j->way->k + k,
                       (size_t)width * sizeof *to);
    }
}

/* M of one panel and `n_tiles` tiles from `tile` of the chunk on. */
static void make_products(const job *j, const tw_winograd_train_worker *worker, int64_t tile,
                          int64_t n_tiles, int64_t width)
{
    const tw_winograd_way *way = j->way;
    const int n = way->m + 2;
    tw_winograd_forth product = {.v_block = way->v_block,
                                 .v_panel = way->v_panel,
                                 .m_block = way->v_panel,
                                 .n_tiles = n_tiles,
                                 .c = way->c,
                                 .k = width};

    for (int p = 0; p < n * n; p++) {
        if (p % n == 0)
            j->train->kernels->kernel_in(worker->u, worker->kernel, way->c, width, p / n, way->m);
        product.m = worker->m + p * way->plane;
        product.v = j->train->v + row_of(j, tile, way->v_block) + p * way->plane;
        product.u = worker->u + p % n * way->c * width;
        j->train->kernels->multiply(&product);
    }
}

static void tile_out(const job *j, const float *m, int64_t tile, int64_t k, int64_t width)
{
    const tw_winograd_way *way = j->way;
    const spot at = spot_of(way, tile);
    const tw_winograd_out out = {
        .m = m,
        .plane = way->plane,
        .bias = j->train->bias + k,
        .y = j->y + ((at.picture * way->p + at.y) * way->q + at.x) * way->k + k,
        .row = way->q * way->k,
        .pixel = way->k,
        .k = width,
        .rows = (int)smaller(way->p - at.y, way->m),
        .columns = (int)smaller(way->q - at.x, way->m),
    };

    j->train->kernels->out(&out, way->m);
}

/* One panel against one part of the chunk. */
static void panel_item(void *ctx, int64_t item, int worker)
{
    const job *j = ctx;
    const tw_winograd_train_worker *mine = &j->train->workers[worker];
    const int64_t panel = j->train->kernels->panel, parts = quotient_up(j->n_tiles, j->way->part);
    const int64_t k = item / parts * panel, tile = item % parts * j->way->part;
    const int64_t width = smaller(panel, j->way->k - k);
    const int64_t n_tiles = smaller(j->way->part, j->n_tiles - tile);

    bring_panel(j, mine->kernel, k, width);
    make_products(j, mine, tile, n_tiles, width);
    for (int64_t i = 0; i < n_tiles; i++)
        tile_out(j, mine->m + row_of(j, i, j->way->v_panel), j->first + tile + i, k, width);
}

static void multiply_chunk(const job *j)
{
    const int n_workers = j->train->asked.n_workers;
    const int64_t panels = quotient_up(j->way->k, j->train->kernels->panel);

    tw_parallel(n_workers, j->n_tiles, tile_in, (void *)(uintptr_t)j);
    tw_parallel(n_workers, panels * quotient_up(j->n_tiles, j->way->part), panel_item,
                (void *)(uintptr_t)j);
}

void tw_backend__winograd_train_forward(const tw_winograd_train *train, float *y, const float *x,
                                        const tw_node_weights *weights, int64_t n)
{
    const tw_winograd_way *way = &train->ways[TW_WINOGRAD_FORWARD];
    job j = {.train = train, .way = way, .x = x, .y = y, .kernel = weights->kernel};

    memset(train->bias, 0, (size_t)way->k * sizeof *train->bias);
    if (weights->bias)
        memcpy(train->bias, weights->bias, (size_t)way->k * sizeof *train->bias);
    for_each_chunk(&j, n, multiply_chunk);
}

void tw_backend__winograd_train_data(const tw_winograd_train *train, float *dx, const float *dy,
                                     const float *kernel, int64_t n)
{
    const tw_winograd_way *way = &train->ways[TW_WINOGRAD_DATA];
    job j = {.train = train, .way = way, .x = dy, .y = dx, .kernel = kernel, .is_data = true};

    memset(train->bias, 0, (size_t)way->k * sizeof *train->bias);
    for_each_chunk(&j, n, multiply_chunk);
}

/* ---- the weight gradient */

static void tiles_in(void *ctx, int64_t item, int worker)
{
    const job *j = ctx;
    const tw_winograd_way *way = j->way;
    const tw_winograd_train *train = j->train;
    const spot at = spot_of(way, j->first + item);
    tw_winograd_spread x = picture_places(j, j->first + item);
    tw_winograd_spread dy = places(j->dy, &at, 0, (int64_t[]){way->p, way->q, way->k}, way->m);

    (void)worker;
    x.to = train->v + row_of(j, item, way->v_block);
    dy.to = train->d + row_of(j, item, way->d_block);
    x.plane = dy.plane = way->plane;
    x.panel = dy.panel = way->v_panel;
    train->kernels->picture_in(&x, way->m);
    train->kernels->gradient_in(&dy, way->m);
}

/* One panel of channels by one of filters, for row i of points. */
static void gather(const job *j, int i, int64_t c, int64_t k, float *du)
{
    const tw_winograd_way *way = j->way;
    const tw_winograd_train *train = j->train;
    const int64_t panel = train->kernels->panel;
    const int n = way->m + 2;
    tw_winograd_across product = {.v_block = way->v_block,
                                  .u_block = way->d_block,
                                  .n_tiles = j->n_tiles,
                                  .rows = smaller(panel, way->c - c),
                                  .k = smaller(panel, way->k - k)};
    const tw_winograd_gather gradient = {.dw = train->gradient + c * way->k + k,
                                         .tap = way->c * way->k,
                                         .row = way->k,
                                         .du = du,
                                         .rows = product.rows,
                                         .k = product.k,
                                         .is_first = j->first == 0 && i == 0};

    for (int p = 0; p < n; p++) {
        product.m = du + p * panel * panel;
        product.v = train->v + c / panel * way->v_panel + (i * n + p) * way->plane;
        product.u = train->d + k / panel * way->v_panel + (i * n + p) * way->plane;
        train->kernels->multiply_across(&product);
    }
    train->kernels->kernel_out(&gradient, i, way->m);
}

/* A few panels of channels by a few of filters: small enough to stay in the second cache. */
static void gradient_item(void *ctx, int64_t item, int worker)
{
    const job *j = ctx;
    const int64_t panel = j->train->kernels->panel;
    const int64_t columns = quotient_up(j->way->k, K_PANELS * panel);
    const int64_t c = item / columns * C_PANELS * panel, k = item % columns * K_PANELS * panel;
    const int64_t c_end = smaller(c + C_PANELS * panel, j->way->c),
                  k_end = smaller(k + K_PANELS * panel, j->way->k);

    for (int i = 0; i < j->way->m + 2; i++)
        for (int64_t at_c = c; at_c < c_end; at_c += panel)
            for (int64_t at_k = k; at_k < k_end; at_k += panel)
                gather(j, i, at_c, at_k, j->train->workers[worker].u);
}

static void gather_chunk(const job *j)
{
    const int n_workers = j->train->asked.n_workers;
    const int64_t panel = j->train->kernels->panel;

    tw_parallel(n_workers, j->n_tiles, tiles_in, (void *)(uintptr_t)j);
    tw_parallel(n_workers,
                quotient_up(j->way->c, C_PANELS * panel) * quotient_up(j->way->k, K_PANELS * panel),
                gradient_item, (void *)(uintptr_t)j);
}

static void sink_item(void *ctx, int64_t item, int worker)
{
    const job *j = ctx;
    const int64_t first = item * TILE, all = 9 * j->way->c * j->way->k;

    (void)worker;
    j->sink->take(j->sink->ctx, j->node, 0, first, smaller(TILE, all - first),
                  j->train->gradient + first);
}

void tw_backend__winograd_train_weights(const tw_winograd_train *train, const tw_sink *sink,
                                        int node, const float *x, const float *dy, int64_t n)
{
    const tw_winograd_way *way = &train->ways[TW_WINOGRAD_WEIGHTS];
    job j = {.train = train, .way = way, .x = x, .dy = dy, .sink = sink, .node = node};

    for_each_chunk(&j, n, gather_chunk);
    tw_parallel(train->asked.n_workers, quotient_up(9 * way->c * way->k, TILE), sink_item, &j);
}
