/*
 * oneDNN's part in the comparison of bench/peers.py, on its own threads and in the layouts that it
 * likes best: what a framework on it could reach, had it nothing else to do.
 *
 *   peer_onednn WORK PRECISION THREADS BATCH direct|winograd
 *
 *   trunk   VGG16's convolutions with ReLU and poolings on (BATCH,3,224,224), one after the other;
 *           between two primitives a reorder where their layouts differ
 *   blockN  forward, weight gradients, and data gradients but of the first, of the convolutions of
 *           VGG16's block 1 to 5; no pooling, no ReLU backward, no reorder
 */
#include "answer.h"

#include "backend/cpu/dnnl_shim.h"
#include "base/fail.h"
#include "base/memory.h"
#include "base/text.h"

#include <dnnl_debug.h>
#include <omp.h>
#include <stdio.h>
#include <string.h>

enum { MOST_STEPS = 64, MOST_ARGS = 6 };

typedef struct step {
    dnnl_primitive_t primitive;
    dnnl_exec_arg_t args[MOST_ARGS];
    int n_args;
} step;

typedef struct peer {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_data_type_t type;
    dnnl_alg_kind_t algorithm;
    int64_t batch;
    step steps[MOST_STEPS];
    int n_steps;
    /* the value that the last step made */
    tw_dnnl_desc *desc;
    dnnl_memory_t memory;
} peer;

static tw_status fail(const char *what, dnnl_status_t status, tw_error *err)
{
    if (status == dnnl_success)
        return TW_OK;
    return tw_fail(err, TW_EUNSUPPORTED, "oneDNN cannot make %s (%s)", what,
                   dnnl_status2str(status));
}

/* Memory of a layout, filled with numbers that are no denormals; never freed: the process ends. */
static dnnl_status_t make_memory(dnnl_memory_t *out, const peer *p, const tw_dnnl_desc *desc)
{
    const size_t n = tw_backend__desc_size(desc);
    uint16_t *block = tw_alloc_aligned(n ? n : 1);

    if (!block)
        return dnnl_out_of_memory;
    for (size_t i = 0; i < n / sizeof *block; i++)
        block[i] = (uint16_t)(0x3c00 + i % 251); /* about 0.01, as fp32 and as bf16 */
    return tw_backend__memory_create(out, desc, p->engine, block);
}

/* One argument of the last step, in the layout that its descriptor asks for. */
static dnnl_status_t add_arg(peer *p, const_dnnl_primitive_desc_t desc, dnnl_query_t what, int arg,
                             tw_dnnl_desc **layout, dnnl_memory_t *memory)
{
    step *last = &p->steps[p->n_steps];
    tw_dnnl_desc *own = NULL;
    dnnl_memory_t made = NULL;
    dnnl_status_t status = tw_backend__desc_query(&own, desc, what);

    if (status == dnnl_success)
        status = make_memory(&made, p, own);
    if (status == dnnl_success)
        last->args[last->n_args++] = (dnnl_exec_arg_t){arg, made};
    if (memory)
        *memory = made;
    if (layout)
        *layout = own;
    else
        tw_backend__desc_free(own);
    return status;
}

static dnnl_status_t add_bias(peer *p, const tw_dnnl_desc *desc)
{
    step *last = &p->steps[p->n_steps];
    dnnl_memory_t memory = NULL;
    dnnl_status_t status = make_memory(&memory, p, desc);

    last->args[last->n_args++] = (dnnl_exec_arg_t){DNNL_ARG_BIAS, memory};
    return status;
}

static dnnl_status_t end_step(peer *p, dnnl_primitive_desc_t desc)
{
    dnnl_status_t status = dnnl_primitive_create(&p->steps[p->n_steps].primitive, desc);

    if (status == dnnl_success)
        status = add_arg(p, desc, dnnl_query_scratchpad_md, DNNL_ARG_SCRATCHPAD, NULL, NULL);
    dnnl_primitive_desc_destroy(desc);
    p->n_steps++;
    return status;
}

/* ---- the trunk */

/* The current value as the source of a step: where its layout is another one, behind a reorder. */
static dnnl_status_t add_source(peer *p, const_dnnl_primitive_desc_t desc)
{
    tw_dnnl_desc *wanted = NULL;
    dnnl_primitive_desc_t reorder;
    dnnl_memory_t memory;
    dnnl_status_t status = tw_backend__desc_query(&wanted, desc, dnnl_query_src_md);

    if (status != dnnl_success)
        return status;
    if (!tw_backend__desc_equal(wanted, p->desc)) {
        if ((status = make_memory(&memory, p, wanted)) != dnnl_success ||
            (status = tw_backend__reorder_create(&reorder, p->engine, p->desc, wanted, true)) !=
                dnnl_success)
            return status;
        p->steps[p->n_steps].args[0] = (dnnl_exec_arg_t){DNNL_ARG_FROM, p->memory};
        p->steps[p->n_steps].args[1] = (dnnl_exec_arg_t){DNNL_ARG_TO, memory};
        p->steps[p->n_steps].n_args = 2;
        if ((status = end_step(p, reorder)) != dnnl_success)
            return status;
        p->memory = memory;
    }
    tw_backend__desc_free(wanted);
    p->steps[p->n_steps].args[0] = (dnnl_exec_arg_t){DNNL_ARG_SRC, p->memory};
    p->steps[p->n_steps].n_args = 1;
    return dnnl_success;
}

/* A 3x3 convolution of c to k channels on side x side, all layouts open. */
static dnnl_status_t describe_conv(tw_dnnl_conv *out, const peer *p, int64_t c, int64_t k,
                                   int64_t side)
{
    const int64_t src[4] = {p->batch, c, side, side}, dst[4] = {p->batch, k, side, side};
    const int64_t weights[4] = {k, c, 3, 3}, bias[1] = {k};
    tw_dnnl_desc *made[4] = {NULL};
    dnnl_status_t status = tw_backend__desc_create(&made[0], 4, src, p->type, dnnl_format_tag_any);

    if (status == dnnl_success)
        status = tw_backend__desc_create(&made[1], 4, weights, p->type, dnnl_format_tag_any);
    if (status == dnnl_success)
        status = tw_backend__desc_create(&made[2], 1, bias, dnnl_f32, dnnl_a);
    if (status == dnnl_success)
        status = tw_backend__desc_create(&made[3], 4, dst, p->type, dnnl_format_tag_any);
    *out = (tw_dnnl_conv){.algorithm = p->algorithm,
                          .src = made[0],
                          .weights = made[1],
                          .bias = made[2],
                          .dst = made[3],
                          .window = {{3, 3}, {1, 1}, {1, 1}, {1, 1}}};
    return status;
}

static dnnl_status_t add_conv(peer *p, int64_t c, int64_t k, int64_t side)
{
    tw_dnnl_conv conv;
    dnnl_primitive_desc_t desc;
    tw_dnnl_desc *layout = NULL;
    dnnl_memory_t memory = NULL;
    dnnl_status_t status = describe_conv(&conv, p, c, k, side);

    conv.relu = true;
    if (status != dnnl_success ||
        (status = tw_backend__conv_create(&desc, p->engine, &conv)) != dnnl_success ||
        (status = add_source(p, desc)) != dnnl_success ||
        (status = add_arg(p, desc, dnnl_query_weights_md, DNNL_ARG_WEIGHTS, NULL, NULL)) !=
            dnnl_success)
        return status;
    if ((status = add_bias(p, conv.bias)) != dnnl_success ||
        (status = add_arg(p, desc, dnnl_query_dst_md, DNNL_ARG_DST, &layout, &memory)) !=
            dnnl_success)
        return status;
    p->desc = layout;
    p->memory = memory;
    return end_step(p, desc);
}

static dnnl_status_t add_pool(peer *p, int64_t c, int64_t side)
{
    static const tw_dnnl_window window = {{2, 2}, {2, 2}, {0, 0}, {0, 0}};
    const int64_t dims[4] = {p->batch, c, side / 2, side / 2};
    tw_dnnl_desc *dst = NULL, *layout = NULL;
    dnnl_primitive_desc_t desc;
    dnnl_memory_t memory = NULL;
    dnnl_status_t status = tw_backend__desc_create(&dst, 4, dims, p->type, dnnl_format_tag_any);

    if (status != dnnl_success ||
        (status = tw_backend__max_pool_create(&desc, p->engine, p->desc, dst, &window)) !=
            dnnl_success ||
        (status = add_source(p, desc)) != dnnl_success ||
        (status = add_arg(p, desc, dnnl_query_dst_md, DNNL_ARG_DST, &layout, &memory)) !=
            dnnl_success)
        return status;
    tw_backend__desc_free(dst);
    p->desc = layout;
    p->memory = memory;
    return end_step(p, desc);
}

enum { BLOCKS = 5 };
static const int counts[BLOCKS] = {2, 2, 3, 3, 3}, widths[BLOCKS] = {64, 128, 256, 512, 512};

static dnnl_status_t make_trunk(peer *p)
{
    const int64_t dims[4] = {p->batch, 3, 224, 224};
    int64_t c = 3, side = 224;
    dnnl_status_t status = tw_backend__desc_create(&p->desc, 4, dims, p->type, dnnl_nhwc);

    if (status == dnnl_success)
        status = make_memory(&p->memory, p, p->desc);
    for (int b = 0; b < BLOCKS && status == dnnl_success; b++) {
        for (int i = 0; i < counts[b] && status == dnnl_success; i++) {
            status = add_conv(p, c, widths[b], side);
            c = widths[b];
        }
        if (status == dnnl_success)
            status = add_pool(p, c, side);
        side /= 2;
    }
    return status;
}

/* ---- a block */

typedef struct direction {
    dnnl_status_t (*create)(dnnl_primitive_desc_t *out, dnnl_engine_t engine,
                            const tw_dnnl_conv *conv);
    struct {
        dnnl_query_t what;
        int arg;
    } args[4];
    int n_args;
    bool has_bias;
} direction;

/* Of a convolution of c to k channels; Winograd is for more than the three colours. */
static dnnl_status_t add_direction(peer *p, const direction *way, int64_t c, int64_t k,
                                   int64_t side)
{
    tw_dnnl_conv conv;
    dnnl_primitive_desc_t desc;
    dnnl_status_t status = describe_conv(&conv, p, c, k, side);

    conv.is_training = true;
    if (c == 3)
        conv.algorithm = dnnl_convolution_direct;
    if (status != dnnl_success || (status = way->create(&desc, p->engine, &conv)) != dnnl_success)
        return status;
    for (int i = 0; i < way->n_args && status == dnnl_success; i++)
        status = add_arg(p, desc, way->args[i].what, way->args[i].arg, NULL, NULL);
    if (status == dnnl_success && way->has_bias)
        status = add_bias(p, conv.bias);
    return status == dnnl_success ? end_step(p, desc) : status;
}

static dnnl_status_t make_block(peer *p, int block)
{
    static const direction forward = {tw_backend__conv_create,
                                      {{dnnl_query_src_md, DNNL_ARG_SRC},
                                       {dnnl_query_weights_md, DNNL_ARG_WEIGHTS},
                                       {dnnl_query_dst_md, DNNL_ARG_DST}},
                                      3,
                                      true},
                           data = {tw_backend__conv_backward_data_create,
                                   {{dnnl_query_diff_src_md, DNNL_ARG_DIFF_SRC},
                                    {dnnl_query_weights_md, DNNL_ARG_WEIGHTS},
                                    {dnnl_query_diff_dst_md, DNNL_ARG_DIFF_DST}},
                                   3,
                                   false},
                           weights = {tw_backend__conv_backward_weights_create,
                                      {{dnnl_query_src_md, DNNL_ARG_SRC},
                                       {dnnl_query_diff_weights_md, DNNL_ARG_DIFF_WEIGHTS},
                                       {dnnl_query_diff_dst_md, DNNL_ARG_DIFF_DST}},
                                      3,
                                      false};
    static const direction *const order[] = {&forward, &weights, &data};
    const int64_t k = widths[block], side = 224 >> block;
    dnnl_status_t status = dnnl_success;

    for (size_t way = 0; way < sizeof order / sizeof order[0]; way++)
        for (int i = order[way] == &data ? 1 : 0; i < counts[block] && status == dnnl_success; i++)
            status = add_direction(p, order[way],
                                   i > 0       ? k
                                   : block > 0 ? widths[block - 1]
                                               : 3,
                                   k, side);
    return status;
}

/* ---- main */

static tw_status run(void *ctx, tw_error *err)
{
    peer *p = ctx;
    dnnl_status_t status = dnnl_success;

    for (int i = 0; i < p->n_steps && status == dnnl_success; i++)
        status = dnnl_primitive_execute(p->steps[i].primitive, p->stream, p->steps[i].n_args,
                                        p->steps[i].args);
    if (status == dnnl_success)
        status = dnnl_stream_wait(p->stream);
    return fail("this run", status, err);
}

static tw_status open_peer(peer *p, const char *work, const char *precision, const char *algorithm,
                           tw_error *err)
{
    const bool is_bf16 = strcmp(precision, "bf16") == 0;
    dnnl_status_t status;

    if (!is_bf16 && strcmp(precision, "fp32") != 0)
        return tw_fail(err, TW_EUNSUPPORTED, "this program asks oneDNN for fp32 and bf16, not %s",
                       precision);
    p->type = is_bf16 ? dnnl_bf16 : dnnl_f32;
    p->algorithm =
        strcmp(algorithm, "winograd") == 0 ? dnnl_convolution_winograd : dnnl_convolution_direct;
    if ((status = dnnl_engine_create(&p->engine, dnnl_cpu, 0)) != dnnl_success ||
        (status = dnnl_stream_create(&p->stream, p->engine, dnnl_stream_default_flags)) !=
            dnnl_success)
        return fail("an engine", status, err);
    status = strcmp(work, "trunk") == 0 ? make_trunk(p) : make_block(p, work[5] - '1');
    return fail(work, status, err);
}

static bool is_work(const char *name)
{
    return strcmp(name, "trunk") == 0 ||
           (strncmp(name, "block", 5) == 0 && name[5] >= '1' && name[5] <= '5' && !name[6]);
}

int main(int argc, char **argv)
{
    static peer p;
    tw_error err = {TW_OK,
                    "usage: peer_onednn trunk|block1..5 PRECISION THREADS BATCH direct|winograd"};
    const dnnl_version_t *v = dnnl_version();
    char version[64];
    bench_peer answers = {version, run, &p};
    int64_t n_threads = 0;
    tw_status rc = TW_EUSAGE;

    snprintf(version, sizeof version, "%d.%d.%d, %s", v->major, v->minor, v->patch,
             tw_backend__isa_name());
    if (argc == 6 && is_work(argv[1]) && tw_parse_i64(&n_threads, argv[3]) &&
        tw_parse_i64(&p.batch, argv[4]) && n_threads > 0 && p.batch > 0) {
        omp_set_num_threads((int)n_threads);
        rc = open_peer(&p, argv[1], argv[2], argv[5], &err);
    }
    if (rc == TW_OK)
        rc = bench_answer(&answers, &err);
    return rc == TW_OK ? 0 : bench_missing(&err);
}
