/*
 * Constant backgrounds: of a picture whose edge is one colour, tiles that see nothing but that
 * colour are copied from what the same network made of a picture of that colour alone.
 *
 * It goes over the plan's first steps, as long as they are own convolutions one behind the other.
 * A tile's bits depend on the n x n places that it reads and on nothing else (winograd.h), so a
 * copy is the tile itself, bit for bit. What counts as background at the first step are places
 * with the bits of the picture's first one; at a later step, all that was not computed at the step
 * before. A tile that no computed tile of the next step reads is not even copied.
 *
 *   picture          step 0          step 1          ...     # computed, + copied, . left as it was
 *   . . . . . .      . + + + .       + + + + +
 *   . . X X . .      . + # # +       + # # # +
 *   . . . X . .      . + # # +       + # # # +
 *
 * The picture of the colour alone is computed once a plan, when the first picture comes that has
 * enough of it; pictures of another colour are computed whole.
 *
 *   background block:  | picture | what step 0 makes of it | step 1 | ...       under the mutex
 *   a worker's states: | step 0: (samples, tiles) | step 1 | ... | list of tiles | row of colour |
 */
#include "backend/cpu/cpu_int.h"

#include "base/fail.h"
#include "base/memory.h"
#include "tensor/tensor.h"

#include <pthread.h>
#include <string.h>

/* What becomes of a tile. */
enum { LEFT, COPIED, COMPUTED };

/* Less than one tile in so many saves no time. */
enum { WORTH = 8, ALIGNMENT = 64 };

struct tw_cpu_background {
    int n_steps;
    int64_t *outputs;     /* (n_steps), floats in the block */
    int64_t *states;      /* (n_steps), bytes in a worker's states */
    int64_t list, colour; /* bytes there */
    int64_t n_bytes, worker_bytes;
    pthread_mutex_t mutex;
    float *block; /* NULL until a picture needs it */
};

/* ---- planning */

static const tw_winograd *conv_of(const tw_cpu_plan *plan, int step)
{
    return plan->steps[step].winograd;
}

static int64_t n_tiles(const tw_winograd *conv)
{
    return conv->tiles_h * conv->tiles_w;
}

static int64_t aligned(int64_t n)
{
    return (n + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* Is `value` read by one node at most? */
static bool is_read_once(const tw_cpu_plan *plan, int value)
{
    const tw_graph *graph = plan->base.graph;
    int n_readers = 0;

    for (int i = 1; i < graph->n; i++)
        for (int k = 0; k < graph->nodes[i].n_inputs; k++)
            n_readers +=
                plan->outputs[graph->nodes[i].inputs[k]] == value && plan->outputs[i] != value;
    return n_readers <= 1 && plan->values[value].place == TW_CPU_BLOCK;
}

static int count_steps(const tw_cpu_plan *plan)
{
    int n = 0, value = plan->outputs[0];

    while (n < plan->n_steps && plan->steps[n].winograd && plan->steps[n].src == value &&
           (n == 0 || is_read_once(plan, value)))
        value = plan->steps[n++].dst;
    return n;
}

/* Numbers that a step makes of one picture. */
static int64_t out_numbers(const tw_cpu_plan *plan, int step)
{
    const tw_winograd *conv = conv_of(plan, step);
    const int shrink = conv->pool ? 2 : 1;

    return (conv->h + 2 * conv->pad - 2) / shrink * ((conv->w + 2 * conv->pad - 2) / shrink) *
           conv->k;
}

static int64_t in_numbers(const tw_cpu_plan *plan)
{
    const tw_winograd *conv = conv_of(plan, 0);

    return conv->h * conv->w * conv->c;
}

static void lay_out(tw_cpu_background *background, const tw_cpu_plan *plan)
{
    int64_t n_floats = aligned(in_numbers(plan)), n_bytes = 0, n_listed = 0;

    for (int i = 0; i < background->n_steps; i++) {
        const int64_t n = plan->base.piece * n_tiles(conv_of(plan, i));
        background->outputs[i] = n_floats;
        background->states[i] = n_bytes;
        n_floats += aligned(out_numbers(plan, i));
        n_bytes += n;
        n_listed = n > n_listed ? n : n_listed;
    }
    background->list = aligned(n_bytes);
    background->colour = background->list + aligned(n_listed * (int64_t)sizeof(int32_t));
    background->worker_bytes =
        background->colour +
        aligned(conv_of(plan, 0)->w * conv_of(plan, 0)->c * (int64_t)sizeof(float));
    background->n_bytes = n_floats * (int64_t)sizeof(float);
}

tw_status tw_backend__cpu_background_plan(tw_cpu_plan *plan, tw_error *err)
{
    const int n = plan->backend->no_background ? 0 : count_steps(plan);
    tw_cpu_background *background;

    if (n == 0)
        return TW_OK;
    if (!(background = tw_calloc(1, sizeof *background)))
        return tw_fail(err, TW_ENOMEM, "no memory to plan a background");
    plan->background = background;
    pthread_mutex_init(&background->mutex, NULL);
    background->n_steps = n;
    background->outputs = tw_calloc((size_t)n, sizeof *background->outputs);
    background->states = tw_calloc((size_t)n, sizeof *background->states);
    if (!background->outputs || !background->states)
        return tw_fail(err, TW_ENOMEM, "no memory to plan a background");
    lay_out(background, plan);
    plan->states_offset = plan->base.worker_bytes;
    plan->base.worker_bytes += background->worker_bytes;
    plan->base.background_bytes = background->n_bytes;
    return TW_OK;
}

void tw_backend__cpu_background_free(tw_cpu_background *background)
{
    if (!background)
        return;
    pthread_mutex_destroy(&background->mutex);
    tw_free(background->outputs);
    tw_free(background->states);
    tw_free(background->block);
    tw_free(background);
}

/* ---- looking at pictures */

static uint8_t *states_of(const tw_cpu_plan *plan, int worker, int step, int64_t sample)
{
    return plan->workers[worker].block + plan->states_offset + plan->background->states[step] +
           sample * n_tiles(conv_of(plan, step));
}

/* Places of the input that a tile reads and that are there: rows [top,bottom), and so on. */
typedef struct window {
    int64_t top, bottom, left, right;
} window;

static window window_of(const tw_winograd *conv, int64_t tile)
{
    const int64_t y = tile / conv->tiles_w * conv->m - conv->pad,
                  x = tile % conv->tiles_w * conv->m - conv->pad, n = conv->m + 2;

    return (window){y < 0 ? 0 : y, y + n > conv->h ? conv->h : y + n, x < 0 ? 0 : x,
                    x + n > conv->w ? conv->w : x + n};
}

static bool is_colour(const tw_winograd *conv, const float *picture, const float *colour,
                      int64_t tile)
{
    const window in = window_of(conv, tile);
    const size_t n_bytes = (size_t)((in.right - in.left) * conv->c) * sizeof *picture;

    for (int64_t y = in.top; y < in.bottom; y++)
        if (memcmp(picture + (y * conv->w + in.left) * conv->c, colour, n_bytes) != 0)
            return false;
    return true;
}

/* The first step's states; false where too little is background. */
static bool look_at_picture(const tw_winograd *conv, uint8_t *states, const float *picture,
                            float *colour)
{
    int64_t n_plain = 0;

    for (int64_t x = 0; x < conv->w; x++)
        memcpy(colour + x * conv->c, picture, (size_t)conv->c * sizeof *colour);
    for (int64_t i = 0; i < n_tiles(conv); i++) {
        states[i] = is_colour(conv, picture, colour, i) ? LEFT : COMPUTED;
        n_plain += states[i] == LEFT;
    }
    return n_plain * WORTH >= n_tiles(conv);
}

/* Of the tiles of the step before that tile `tile` reads: is one computed? With `mark` the others
 * are to be copied. */
static bool reads_computed(const tw_winograd *conv, int64_t tile, const tw_winograd *before,
                           uint8_t *states, bool mark)
{
    const window in = window_of(conv, tile);
    const int64_t side = before->pool ? before->m / 2 : before->m;
    bool found = false;

    for (int64_t y = in.top / side; y <= (in.bottom - 1) / side; y++)
        for (int64_t x = in.left / side; x <= (in.right - 1) / side; x++) {
            uint8_t *state = &states[y * before->tiles_w + x];
            found = found || *state == COMPUTED;
            if (mark && *state == LEFT)
                *state = COPIED;
        }
    return found;
}

static void look_at_step(const tw_winograd *conv, uint8_t *states, const tw_winograd *before,
                         uint8_t *states_before)
{
    for (int64_t i = 0; i < n_tiles(conv); i++) {
        states[i] = reads_computed(conv, i, before, states_before, false) ? COMPUTED : LEFT;
        if (states[i] == COMPUTED)
            (void)reads_computed(conv, i, before, states_before, true);
    }
}

/* The background alone through all steps. */
static tw_status make_block(const tw_cpu_plan *plan, int worker, const float *colour, tw_error *err)
{
    tw_cpu_background *background = plan->background;
    const tw_winograd *first = conv_of(plan, 0);
    float *scratch = (float *)(plan->workers[worker].block + plan->scratch_offset);
    const float *x;

    if (!(background->block = tw_alloc_aligned((size_t)background->n_bytes)))
        return tw_fail(err, TW_ENOMEM, "no memory for %lld bytes of a background",
                       (long long)background->n_bytes);
    for (int64_t y = 0; y < first->h; y++)
        memcpy(background->block + y * first->w * first->c, colour,
               (size_t)(first->w * first->c) * sizeof *colour);
    x = background->block;
    for (int i = 0; i < background->n_steps; i++) {
        float *y = background->block + background->outputs[i];
        tw_backend__winograd_run(conv_of(plan, i), 1, y, x,
                                 (const void *)(plan->packed + plan->steps[i].weights_offset),
                                 scratch);
        x = y;
    }
    return TW_OK;
}

/* Is `colour` that of the block? It is made where it is not there yet. */
static tw_status find_block(bool *out, const tw_cpu_plan *plan, int worker, const float *colour,
                            tw_error *err)
{
    tw_cpu_background *background = plan->background;
    const size_t n_bytes = (size_t)conv_of(plan, 0)->c * sizeof *colour;
    tw_status rc = TW_OK;

    pthread_mutex_lock(&background->mutex);
    if (!background->block)
        rc = make_block(plan, worker, colour, err);
    *out = !rc && memcmp(background->block, colour, n_bytes) == 0;
    pthread_mutex_unlock(&background->mutex);
    return rc;
}

static tw_status look_at(const tw_cpu_plan *plan, int worker, int64_t sample, const float *picture,
                         tw_error *err)
{
    const tw_cpu_background *background = plan->background;
    const int last = background->n_steps - 1;
    float *colour =
        (float *)(plan->workers[worker].block + plan->states_offset + background->colour);
    uint8_t *states = states_of(plan, worker, 0, sample);
    bool found = look_at_picture(conv_of(plan, 0), states, picture, colour);
    tw_status rc = found ? find_block(&found, plan, worker, colour, err) : TW_OK;

    if (rc)
        return rc;
    if (!found) {
        for (int i = 0; i <= last; i++)
            memset(states_of(plan, worker, i, sample), COMPUTED, (size_t)n_tiles(conv_of(plan, i)));
        return TW_OK;
    }
    for (int i = 1; i <= last; i++)
        look_at_step(conv_of(plan, i), states_of(plan, worker, i, sample), conv_of(plan, i - 1),
                     states_of(plan, worker, i - 1, sample));
    states = states_of(plan, worker, last, sample);
    for (int64_t i = 0; i < n_tiles(conv_of(plan, last)); i++)
        states[i] = states[i] == LEFT ? COPIED : states[i];
    return TW_OK;
}

/* Adds up the multiplications of a sample, those of a plain run and those that are not made. */
static void count(tw_cpu_plan *plan, int worker, int64_t sample)
{
    int64_t n_all = 0, n_spared = 0;

    for (int i = 0; i < plan->background->n_steps; i++) {
        const tw_winograd *conv = conv_of(plan, i);
        const uint8_t *states = states_of(plan, worker, i, sample);
        const int64_t each = tw_backend__winograd_products(conv);
        for (int64_t k = 0; k < n_tiles(conv); k++) {
            n_all += each;
            n_spared += states[k] == COMPUTED ? 0 : each;
        }
    }
    pthread_mutex_lock(&plan->background->mutex);
    plan->base.n_products += n_all;
    plan->base.n_spared += n_spared;
    pthread_mutex_unlock(&plan->background->mutex);
}

tw_status tw_backend__cpu_background_look(tw_cpu_plan *plan, tw_cpu_run *run, tw_error *err)
{
    tw_status rc = TW_OK;

    if (!plan->background || plan->base.background_bytes == 0)
        return TW_OK;
    for (int64_t i = 0; i < run->n && !rc; i++) {
        rc = look_at(plan, run->worker, i, run->in + i * in_numbers(plan), err);
        if (!rc)
            count(plan, run->worker, i);
    }
    run->n_looked = plan->background->n_steps;
    return rc;
}

/* ---- running */

/* Copies a tile's outputs, as many as lie in the picture. */
static void copy_tile(const tw_winograd *conv, float *to, const float *from, int64_t tile)
{
    const int shrink = conv->pool ? 2 : 1;
    const int64_t side = conv->m / shrink, rows = (conv->h + 2 * conv->pad - 2) / shrink,
                  columns = (conv->w + 2 * conv->pad - 2) / shrink;
    const int64_t top = tile / conv->tiles_w * side, left = tile % conv->tiles_w * side;
    const int64_t n = columns - left < side ? columns - left : side;

    for (int64_t y = top; y < rows && y < top + side && n > 0; y++)
        memcpy(to + (y * columns + left) * conv->k, from + (y * columns + left) * conv->k,
               (size_t)(n * conv->k) * sizeof *to);
}

void tw_backend__cpu_background_run(const tw_cpu_plan *plan, int step, int64_t sample,
                                    const tw_cpu_run *run, float *y, const float *x)
{
    const tw_cpu_background *background = plan->background;
    const tw_winograd *conv = conv_of(plan, step);
    const bool is_single = plan->steps[step].is_single;
    uint8_t *block = plan->workers[run->worker].block;
    const uint8_t *states = states_of(plan, run->worker, step, is_single ? sample : 0);
    const int64_t each = n_tiles(conv), n = (is_single ? 1 : run->n) * each;
    int32_t *list = (int32_t *)(void *)(block + plan->states_offset + background->list);
    tw_winograd_tiles tiles = {list, 0};

    for (int64_t i = 0; i < n; i++) {
        if (states[i] == COMPUTED)
            list[tiles.n++] = (int32_t)i;
        else if (states[i] == COPIED)
            copy_tile(conv, y + i / each * out_numbers(plan, step),
                      background->block + background->outputs[step], i % each);
    }
    tw_backend__winograd_run_some(conv, &tiles, y, x,
                                  (const void *)(plan->packed + plan->steps[step].weights_offset),
                                  (float *)(block + plan->scratch_offset));
}
