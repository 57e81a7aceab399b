/*
 * The limits of a path's arithmetic: loops of nothing but its multiply-adds, as many in flight as
 * hide their latency, all in registers. Reading memory and plain C are backend/peak.c's.
 *
 * Each loop is compiled for its own CPUs and called on those alone; which one counts is what oneDNN
 * took for this process, with whatever bf16 instructions the CPU has on that path.
 */
#include "backend/cpu/amx_tiles.h"
#include "backend/cpu/cpu_int.h"

#include "base/cpu.h"
#include "base/memory.h"

#include <immintrin.h>
#include <string.h>

enum { STEPS = 200000, ITEMS = 16 };

/* One loop: its multiply-adds an item, as flops. */
typedef struct loop {
    void (*work)(void *ctx, int64_t item, int worker);
    double flops;
} loop;

/* 12 of 16 registers; the rest are the factors. */
__attribute__((target("avx2,fma"))) static void avx2_fma(void *ctx, int64_t item, int worker)
{
    enum { N = 12 };
    float *results = ctx;
    __m256 x[N], factor = _mm256_set1_ps(0.5f), term = _mm256_set1_ps(1.0f);

    (void)worker;
    for (int k = 0; k < N; k++)
        x[k] = _mm256_set1_ps((float)k);
    for (int i = 0; i < STEPS; i++)
        for (int k = 0; k < N; k++)
            x[k] = _mm256_fmadd_ps(x[k], factor, term);
    for (int k = 1; k < N; k++)
        x[0] = _mm256_add_ps(x[0], x[k]);
    results[item] = _mm256_cvtss_f32(x[0]);
}

__attribute__((target("avx512f"))) static void avx512_fma(void *ctx, int64_t item, int worker)
{
    enum { N = 16 };
    float *results = ctx;
    __m512 x[N], factor = _mm512_set1_ps(0.5f), term = _mm512_set1_ps(1.0f);

    (void)worker;
    for (int k = 0; k < N; k++)
        x[k] = _mm512_set1_ps((float)k);
    for (int i = 0; i < STEPS; i++)
        for (int k = 0; k < N; k++)
            x[k] = _mm512_fmadd_ps(x[k], factor, term);
    for (int k = 1; k < N; k++)
        x[0] = _mm512_add_ps(x[0], x[k]);
    results[item] = _mm512_cvtss_f32(x[0]);
}

__attribute__((target("avx512f,avx512bf16"))) static void avx512_bf16(void *ctx, int64_t item,
                                                                      int worker)
{
    enum { N = 16 };
    float *results = ctx;
    __m512 x[N];
    __m512bh ones = _mm512_cvtne2ps_pbh(_mm512_set1_ps(1.0f), _mm512_set1_ps(1.0f));

    (void)worker;
    for (int k = 0; k < N; k++)
        x[k] = _mm512_set1_ps((float)k);
    for (int i = 0; i < STEPS; i++)
        for (int k = 0; k < N; k++)
            x[k] = _mm512_dpbf16_ps(x[k], ones, ones);
    for (int k = 1; k < N; k++)
        x[0] = _mm512_add_ps(x[0], x[k]);
    results[item] = _mm512_cvtss_f32(x[0]);
}

/* A product is 16x16x32 multiply-adds. */
enum { TILE_PRODUCTS = 4, TILE_STEPS = STEPS / 8 };

__attribute__((target("amx-tile,amx-bf16"))) static void amx_bf16(void *ctx, int64_t item,
                                                                  int worker)
{
    uint16_t numbers[TW_TILE_ROWS][TW_TILE_BYTES / sizeof(uint16_t)] = {{0}};
    float sums[TW_TILE_ROWS][TW_TILE_BYTES / sizeof(float)], *results = ctx;
    const tw_tile_shapes shapes = tw_backend__tile_shapes(TW_TILE_ROWS);

    (void)worker;
    tw_backend__see_tile_shapes(&shapes);
    _tile_loadconfig(&shapes);
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    _tile_loadd(4, numbers, TW_TILE_BYTES);
    _tile_loadd(5, numbers, TW_TILE_BYTES);
    _tile_loadd(6, numbers, TW_TILE_BYTES);
    _tile_loadd(7, numbers, TW_TILE_BYTES);
    for (int i = 0; i < TILE_STEPS; i++) {
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, sums, TW_TILE_BYTES);
    _tile_release();
    results[item] = sums[0][0];
}

static double rate_of(const loop *of, int n_workers)
{
    enum { MOST = 1024 };
    float results[MOST];
    const int64_t n = n_workers * ITEMS < MOST ? n_workers * ITEMS : MOST;

    return tw_backend__best_rate(of->work, results, n, of->flops, n_workers);
}

static double bf16_rate(const char *path, int n_workers)
{
    static const loop avx512 = {avx512_bf16, 2.0 * 16 * 32 * STEPS};
    static const loop amx = {amx_bf16, 2.0 * TILE_PRODUCTS * 16 * 16 * 32 * TILE_STEPS};
    const tw_cpu cpu = tw_cpu_detect();

    if (strstr(path, "amx") && tw_cpu_ask_for_tiles())
        return rate_of(&amx, n_workers);
    return strncmp(path, "avx512", 6) == 0 && cpu.avx512_bf16 ? rate_of(&avx512, n_workers) : 0.0;
}

tw_status tw_backend__cpu_peak(tw_peak *out, const tw_backend *backend, int n_workers,
                               tw_error *err)
{
    static const loop avx2 = {avx2_fma, 2.0 * 12 * 8 * STEPS};
    static const loop avx512 = {avx512_fma, 2.0 * 16 * 16 * STEPS};
    const char *path = tw_backend__isa_name();

    (void)backend;
    *out = (tw_peak){.bf16_flops = bf16_rate(path, n_workers)};
    if (strncmp(path, "avx512", 6) == 0)
        out->fp32_flops = rate_of(&avx512, n_workers);
    else if (strncmp(path, "avx2", 4) == 0)
        out->fp32_flops = rate_of(&avx2, n_workers);
    else
        out->fp32_flops = tw_backend__plain_flops(n_workers);
    return tw_backend__read_bytes(&out->read_bytes, n_workers, err);
}
