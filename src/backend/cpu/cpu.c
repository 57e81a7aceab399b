/*
 * The cpu backend's table, and its opening: which path (instruction set) oneDNN takes. The path is
 * the process's, not the backend's: oneDNN keeps the first one that was used, so a later `open` is
 * refused where it asks for another; NULL or "auto" takes what there is.
 */
#include "backend/cpu/cpu_int.h"

#include "base/cpu.h"
#include "base/fail.h"
#include "base/memory.h"
#include "tensor/tensor.h"

#include <stdio.h>
#include <string.h>

enum { KERNELS_VERSION = 5 }; /* one more whenever the backend's own code changes a bit */

/* ---- paths */

typedef struct path {
    const char *name;
    dnnl_cpu_isa_t isa;
    const char *needs;
    bool (*in_cpu)(const tw_cpu *cpu);
} path;

static bool has_avx2(const tw_cpu *cpu)
{
    return cpu->avx2;
}

static bool has_avx512(const tw_cpu *cpu)
{
    return cpu->avx512;
}

static bool has_amx(const tw_cpu *cpu)
{
    return cpu->amx_bf16;
}

static bool has_all(const tw_cpu *cpu)
{
    (void)cpu;
    return true;
}

/* avx512 stops below AMX: it is the path of CPUs without. generic is own kernels in plain C, and
 * the least that oneDNN has. */
static const path paths[] = {
    {"generic", dnnl_cpu_isa_sse41, "nothing", has_all},
    {"avx2", dnnl_cpu_isa_avx2, "AVX2 with FMA", has_avx2},
    {"avx512", dnnl_cpu_isa_avx512_core_bf16, "AVX-512 F, BW, VL and DQ", has_avx512},
    {"amx", dnnl_cpu_isa_avx512_core_amx, "AMX with bf16", has_amx},
};
enum { N_PATHS = sizeof paths / sizeof paths[0] };

/* The kind of path that a oneDNN name belongs to, NULL for older ones. */
static const char *kind_of(const char *isa_name)
{
    if (strstr(isa_name, "amx"))
        return "amx";
    if (strncmp(isa_name, "avx512", 6) == 0)
        return "avx512";
    if (strncmp(isa_name, "avx2", 4) == 0)
        return "avx2";
    return strcmp(isa_name, "sse41") == 0 ? "generic" : NULL;
}

/* The own kernels of the path that oneDNN took. */
static const tw_winograd_kernels *kernels_of(const char *isa_name)
{
    if (strncmp(isa_name, "avx512", 6) == 0)
        return &tw_backend__winograd_avx512;
    return strncmp(isa_name, "avx2", 4) == 0 ? &tw_backend__winograd_avx2
                                             : &tw_backend__winograd_plain;
}

/* Those of bfloat16. oneDNN's direct ones are faster where they have AMX, and the only ones where
 * AVX-512 has no bfloat16. */
static const tw_winograd_kernels *bf16_kernels_of(const char *isa_name, const tw_cpu *cpu)
{
    if (strstr(isa_name, "amx"))
        return NULL;
    if (strncmp(isa_name, "avx512", 6) == 0)
        return cpu->avx512_bf16 ? &tw_backend__winograd_avx512_bf16 : NULL;
    return strncmp(isa_name, "avx2", 4) == 0 ? NULL : &tw_backend__winograd_plain_bf16;
}

static const tw_dense_arithmetic *dense_of(const char *isa_name)
{
    if (strncmp(isa_name, "avx512", 6) == 0)
        return &tw_backend__dense_avx512;
    return strncmp(isa_name, "avx2", 4) == 0 ? &tw_backend__dense_avx2 : &tw_backend__dense_plain;
}

/* AMD's VDPBF16PS does twice the work of a float32 FMA, Intel's half of it. */
static bool doubles_bf16(const char *isa_name, const tw_cpu *cpu)
{
    return strncmp(isa_name, "avx512", 6) == 0 && cpu->avx512_bf16 && cpu->is_amd;
}

/* The same for training. */
static const tw_winograd_train_kernels *train_kernels_of(const char *isa_name)
{
    if (strncmp(isa_name, "avx512", 6) == 0)
        return &tw_backend__winograd_train_avx512;
    return strncmp(isa_name, "avx2", 4) == 0 ? &tw_backend__winograd_train_avx2
                                             : &tw_backend__winograd_train_plain;
}

static tw_status set_path(const char *isa, const tw_cpu *cpu, tw_error *err)
{
    const path *wanted = NULL;
    const char *used, *kind;

    if (!isa || strcmp(isa, "auto") == 0)
        return TW_OK;
    for (int i = 0; i < N_PATHS; i++)
        if (strcmp(isa, paths[i].name) == 0)
            wanted = &paths[i];
    if (!wanted)
        return tw_fail(err, TW_EUSAGE, "unknown path \"%s\": auto, generic, avx2, avx512 or amx",
                       isa);
    if (!wanted->in_cpu(cpu))
        return tw_fail(err, TW_EUNSUPPORTED, "path %s needs %s, which this CPU (%s) lacks", isa,
                       wanted->needs, cpu->name);

    (void)dnnl_set_max_cpu_isa(wanted->isa); /* refused once a path is in use: looked at below */
    used = tw_backend__isa_name();
    kind = kind_of(used);
    if (!kind || strcmp(kind, isa) != 0)
        return tw_fail(err, TW_EUNSUPPORTED,
                       "path %s can no longer be taken: oneDNN computes on %s in this process", isa,
                       used);
    return TW_OK;
}

/* ---- open and close */

static void describe(tw_cpu_backend *backend, const tw_cpu *cpu)
{
    const dnnl_version_t *v = dnnl_version();
    const char *isa = tw_backend__isa_name();

    snprintf(backend->base.describe, sizeof backend->base.describe,
             "oneDNN %d.%d.%d on %s, path %s", v->major, v->minor, v->patch, cpu->name, isa);
    snprintf(backend->base.numerics, sizeof backend->base.numerics,
             "cpu oneDNN-%d.%d.%d kernels-%d isa=%s l1=%lld l2=%lld", v->major, v->minor, v->patch,
             KERNELS_VERSION, isa, (long long)cpu->l1d_bytes, (long long)cpu->l2_bytes);
    backend->group_rows = strncmp(isa, "avx512", 6) != 0;
    backend->winograd = kernels_of(isa);
    backend->winograd_bf16 = bf16_kernels_of(isa, cpu);
    backend->dense = dense_of(isa);
    if (doubles_bf16(isa, cpu))
        backend->dense_bf16 = &tw_backend__dense_avx512_bf16;
    backend->base.trains_bf16 = backend->dense_bf16 != NULL;
    backend->winograd_train = train_kernels_of(isa);
    if (strstr(isa, "amx") && tw_cpu_ask_for_tiles())
        backend->bf16x3 = &tw_backend__bf16x3_amx;
}

static void close_backend(tw_backend *base)
{
    tw_cpu_backend *backend = (tw_cpu_backend *)base;

    if (!backend)
        return;
    if (backend->engine)
        dnnl_engine_destroy(backend->engine);
    tw_free(backend);
}

void tw_backend__cpu_use_onednn(tw_backend *base)
{
    ((tw_cpu_backend *)base)->winograd = NULL;
    ((tw_cpu_backend *)base)->winograd_bf16 = NULL;
    ((tw_cpu_backend *)base)->winograd_train = NULL;
}

void tw_backend__cpu_use_bf16x3_twin(tw_backend *base)
{
    ((tw_cpu_backend *)base)->bf16x3 = &tw_backend__bf16x3_plain;
}

void tw_backend__cpu_use_background(tw_backend *base, bool wanted)
{
    ((tw_cpu_backend *)base)->no_background = !wanted;
}

static tw_status open_backend(tw_backend **out, const char *isa, tw_error *err)
{
    tw_cpu_backend *backend;
    tw_cpu cpu = tw_cpu_detect();
    tw_status rc;

    *out = NULL;
    if ((rc = set_path(isa, &cpu, err)) != TW_OK)
        return rc;
    if (!(backend = tw_calloc(1, sizeof *backend)))
        return tw_fail(err, TW_ENOMEM, "no memory for backend cpu");
    backend->base.table = &tw_backend__cpu;
    rc = tw_backend__cpu_fail("backend cpu", "make an engine",
                              dnnl_engine_create(&backend->engine, dnnl_cpu, 0), err);
    if (rc != TW_OK) {
        close_backend(&backend->base);
        return rc;
    }
    describe(backend, &cpu);
    *out = &backend->base;
    return TW_OK;
}

/* ---- precisions */

/* Older paths add up pairs of products in 16 bits, which overflow. */
static bool has_exact_int8(const char *isa)
{
    return kind_of(isa) && strcmp(isa, "sse41") != 0 && strcmp(isa, "avx2") != 0 &&
           strcmp(isa, "avx512_core") != 0;
}

static tw_status check_precision(const tw_backend *backend, tw_precision precision, tw_error *err)
{
    const tw_cpu_backend *cpu = (const tw_cpu_backend *)backend;
    const char *name = tw_precision_name(precision), *isa = tw_backend__isa_name();

    switch (precision) {
    case TW_PRECISION_FP32:
        return TW_OK;
    case TW_PRECISION_BF16:
        if (cpu->winograd_bf16 || strncmp(isa, "avx512", 6) == 0)
            return TW_OK;
        return tw_fail(err, TW_EUNSUPPORTED,
                       "precision %s needs AVX-512, the path is %s; fp32 is for every CPU", name,
                       isa);
    case TW_PRECISION_INT8:
        if (has_exact_int8(isa))
            return TW_OK;
        return tw_fail(err, TW_EUNSUPPORTED,
                       "precision %s needs a CPU with VNNI, the path is %s; fp32 is for every CPU",
                       name, isa);
    case TW_PRECISION_BF16X3:
        if (cpu->bf16x3)
            return TW_OK;
        return tw_fail(err, TW_EUNSUPPORTED,
                       "precision %s needs a CPU with AMX, the path is %s; fp32 is for every CPU",
                       name, isa);
    default:
        return tw_fail(err, TW_EUSAGE, "precision %s is none to compute in", name);
    }
}

/* AMX multiplies bfloat16 many times faster than AVX-512 float32; of CPUs without it AMD's do so
 * twice as fast, Intel's at half the speed. */
static tw_precision fastest(const tw_backend *backend)
{
    const char *isa = tw_backend__isa_name();
    const tw_cpu cpu = tw_cpu_detect();

    (void)backend;
    return strstr(isa, "amx") || doubles_bf16(isa, &cpu) ? TW_PRECISION_BF16 : TW_PRECISION_FP32;
}

/* ---- training: the common executor with this backend's kernels */

static const tw_train_kernels train_kernels = {&tw_backend__cpu_dense_kernels,
                                               &tw_backend__cpu_conv_kernels,
                                               &tw_backend__cpu_max_pool_kernels};

static tw_status train_create(tw_train_plan **out, tw_backend *backend, const tw_graph *graph,
                              int64_t batch, int n_workers, const bool *frozen, tw_error *err)
{
    return tw_backend__train_create(out, backend, &train_kernels, graph, batch, n_workers, frozen,
                                    err);
}

static tw_status gradient_create(tw_train_plan **out, tw_backend *backend, const tw_graph *graph,
                                 int64_t batch, int n_workers, tw_error *err)
{
    return tw_backend__gradient_create(out, backend, &train_kernels, graph, batch, n_workers, err);
}

const tw_backend_table tw_backend__cpu = {
    .name = "cpu",
    .open = open_backend,
    .close = close_backend,
    .check_precision = check_precision,
    .fastest = fastest,
    .plan_create = tw_backend__cpu_plan_create,
    .plan_load = tw_backend__cpu_plan_load,
    .plan_run = tw_backend__cpu_plan_run,
    .plan_time = tw_backend__cpu_plan_time,
    .plan_see = tw_backend__cpu_plan_see,
    .plan_free = tw_backend__cpu_plan_free,
    .train_create = train_create,
    .train_step = tw_backend__train_step,
    .train_free = tw_backend__train_free,
    .gradient_create = gradient_create,
    .gradient_run = tw_backend__gradient_run,
    .adam = tw_backend__adam,
    .sgd = tw_backend__sgd,
    .peak = tw_backend__cpu_peak,
};
