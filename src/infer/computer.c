/*
 * How to compute, settled: the defaults of tw_compute filled in, names checked, the backend opened,
 * and the sentence that a run's header says about it.
 */
#include "base/cpu.h"
#include "base/fail.h"
#include "base/parallel.h"
#include "infer/engine.h"
#include "tensor/tensor.h"

#include <stdio.h>
#include <string.h>

enum { MAX_THREADS = 4096 };
static const int64_t default_memory_limit = 512ll << 20;

static const char *or_default(const char *text, const char *fallback)
{
    return text && *text ? text : fallback;
}

static tw_status check(const tw_compute *compute, tw_error *err)
{
    const char *backend = or_default(compute->backend, "cpu");
    const char *isa = or_default(compute->isa, "auto");

    if (strcmp(isa, "auto") != 0 && strcmp(backend, "cpu") != 0)
        return tw_fail(err, TW_EUSAGE, "isa \"%s\" is for backend cpu, not %s", isa, backend);
    if (compute->n_threads < 0 || compute->n_threads > MAX_THREADS)
        return tw_fail(err, TW_EUSAGE, "threads must be 0..%d, got %d", MAX_THREADS,
                       compute->n_threads);
    if (compute->memory_limit < 0)
        return tw_fail(err, TW_EUSAGE, "memory limit must not be negative, got %lld",
                       (long long)compute->memory_limit);
    return TW_OK;
}

/* "backend cpu: oneDNN 2.6.3 on AMD EPYC, path avx512_core; CPU has avx2 avx512; 2 threads; fp32"
 */
static void describe(tw_computer *computer)
{
    const tw_cpu cpu = tw_cpu_detect();

    snprintf(computer->describe, sizeof computer->describe,
             "backend %s: %s; CPU has%s%s%s%s%s; %d thread%s; %s", computer->backend->table->name,
             computer->backend->describe, cpu.avx2 ? " avx2" : " no avx2",
             cpu.avx512 ? " avx512" : "", cpu.avx512_bf16 ? " avx512_bf16" : "",
             cpu.avx512_vnni ? " avx512_vnni" : "", cpu.amx_bf16 ? " amx_bf16" : "",
             computer->n_threads, computer->n_threads == 1 ? "" : "s",
             tw_precision_name(computer->precision));
}

tw_status tw_computer_set_precision(tw_computer *computer, tw_precision precision, tw_error *err)
{
    const tw_backend *backend = computer->backend;
    tw_status rc = backend->table->check_precision(backend, precision, err);

    if (rc)
        return rc;
    computer->precision = precision;
    describe(computer);
    return TW_OK;
}

static tw_status find_precision(tw_precision *out, const char *name, tw_precision own,
                                tw_error *err)
{
    if (!tw_precision_parse(out, name))
        return tw_fail(err, TW_EUSAGE, "unknown precision \"%s\": fp32, bf16x3, bf16, int8 or auto",
                       name);
    if (*out == TW_PRECISION_AUTO)
        *out = own;
    return TW_OK;
}

tw_status tw_computer_open(tw_computer *out, const tw_compute *compute, tw_precision own,
                           tw_error *err)
{
    const tw_compute zero = {0};
    const tw_backend_table *table;
    tw_precision precision;
    tw_status rc;

    memset(out, 0, sizeof *out);
    if (!compute)
        compute = &zero;
    if ((rc = tw_backend_find(&table, or_default(compute->backend, "cpu"), err)) ||
        (rc = check(compute, err)) ||
        (rc = find_precision(&precision, or_default(compute->precision, "auto"), own, err)))
        return rc;
    if ((rc = table->open(&out->backend, or_default(compute->isa, "auto"), err)))
        return rc;
    out->n_threads = compute->n_threads ? compute->n_threads : tw_core_count();
    out->memory_limit = compute->memory_limit ? compute->memory_limit : default_memory_limit;
    if ((rc = tw_computer_set_precision(out, precision, err)))
        tw_computer_close(out);
    return rc;
}

void tw_computer_close(tw_computer *computer)
{
    if (computer->backend)
        computer->backend->table->close(computer->backend);
    memset(computer, 0, sizeof *computer);
}
