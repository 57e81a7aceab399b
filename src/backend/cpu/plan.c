/*
 * Compiles a graph into a plan: for each node its steps, in between the reorders that they need,
 * and at the end a place for every value. Nothing is packed here and no number is computed; all
 * sizes are known afterwards.
 *
 * Input and output are plain float32 (N,H,W,C); between two primitives a value keeps the layout in
 * which the first one leaves it, for as long as the next one agrees.
 */
#include "backend/cpu/cpu_int.h"

#include "base/fail.h"
#include "base/memory.h"
#include "tensor/tensor.h"

#include <dnnl_debug.h>
#include <omp.h>
#include <string.h>

enum { ALIGNMENT = 64, STEPS_PER_NODE = 4 };

int tw_backend__cpu_one_thread(void)
{
    int before = omp_get_max_threads();

    omp_set_num_threads(1);
    return before;
}

void tw_backend__cpu_restore_threads(int before)
{
    omp_set_num_threads(before);
}

tw_status tw_backend__cpu_fail(const char *layer, const char *what, dnnl_status_t status,
                               tw_error *err)
{
    if (status == dnnl_success)
        return TW_OK;
    if (status == dnnl_out_of_memory)
        return tw_fail(err, TW_ENOMEM, "%s: no memory to %s", layer, what);
    return tw_fail(err, status == dnnl_unimplemented ? TW_EUNSUPPORTED : TW_EFAIL,
                   "%s: oneDNN cannot %s on path %s (%s)", layer, what, tw_backend__isa_name(),
                   dnnl_status2str(status));
}

/* ---- values */

void tw_backend__cpu_dims(int64_t dims[4], const tw_shape *shape, int64_t piece)
{
    dims[0] = piece;
    dims[1] = shape->dims[2];
    dims[2] = shape->dims[0];
    dims[3] = shape->dims[1];
}

/* Descriptor of a picture shape in plain float32. */
static tw_status plain_desc(tw_dnnl_desc **out, const tw_cpu_plan *plan, int node, tw_error *err)
{
    const tw_node *layer = &plan->base.graph->nodes[node];
    int64_t dims[4];

    tw_backend__cpu_dims(dims, &layer->out, plan->base.piece);
    return tw_backend__cpu_fail(layer->name, "describe this output",
                                tw_backend__desc_create(out, 4, dims, dnnl_f32, dnnl_nhwc), err);
}

static int64_t aligned(int64_t n)
{
    return (n + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

tw_status tw_backend__cpu_add_plain(int *out, tw_cpu_plan *plan, int node, tw_error *err)
{
    const tw_node *layer = &plan->base.graph->nodes[node];
    tw_cpu_value value = {.place = TW_CPU_BLOCK, .type = dnnl_f32, .plain = true};
    tw_status rc;

    if (!tw_mul_i64(&value.n_bytes, tw_shape_size(&layer->out), plan->base.piece) ||
        !tw_mul_i64(&value.n_bytes, value.n_bytes, (int64_t)sizeof(float)))
        return tw_fail(err, TW_ENOMEM, "%s: %lld samples are too many numbers", layer->name,
                       (long long)plan->base.piece);
    if (layer->out.rank == 3 && (rc = plain_desc(&value.desc, plan, node, err)) != TW_OK)
        return rc;
    *out = plan->n_values++;
    plan->values[*out] = value;
    return TW_OK;
}

tw_status tw_backend__cpu_take_desc(int *out, tw_cpu_plan *plan, int node, tw_dnnl_desc *desc,
                                    dnnl_data_type_t type, tw_error *err)
{
    tw_dnnl_desc *plain;
    tw_status rc = plain_desc(&plain, plan, node, err);

    if (rc != TW_OK) {
        tw_backend__desc_free(desc);
        return rc;
    }
    *out = plan->n_values++;
    plan->values[*out] = (tw_cpu_value){.place = TW_CPU_BLOCK,
                                        .type = type,
                                        .plain = tw_backend__desc_equal(desc, plain),
                                        .desc = desc,
                                        .n_bytes = (int64_t)tw_backend__desc_size(desc)};
    tw_backend__desc_free(plain);
    return TW_OK;
}

tw_status tw_backend__cpu_add_dst(int *out, tw_cpu_plan *plan, int node,
                                  const_dnnl_primitive_desc_t desc, dnnl_data_type_t type,
                                  tw_error *err)
{
    tw_dnnl_desc *dst;
    dnnl_status_t status = tw_backend__desc_query(&dst, desc, dnnl_query_dst_md);

    if (status != dnnl_success)
        return tw_backend__cpu_fail(plan->base.graph->nodes[node].name, "describe this output",
                                    status, err);
    return tw_backend__cpu_take_desc(out, plan, node, dst, type, err);
}

tw_status tw_backend__cpu_add_like(int *out, tw_cpu_plan *plan, int node, int value, tw_error *err)
{
    const char *name = plan->base.graph->nodes[node].name;
    tw_dnnl_desc *desc;
    tw_status rc;

    if (plan->values[value].plain)
        return tw_backend__cpu_add_plain(out, plan, node, err);
    rc = tw_backend__cpu_fail(name, "describe this output",
                              tw_backend__desc_copy(&desc, plan->values[value].desc), err);
    return rc == TW_OK
               ? tw_backend__cpu_take_desc(out, plan, node, desc, plan->values[value].type, err)
               : rc;
}

/* ---- steps */

tw_cpu_step *tw_backend__cpu_add_step(tw_cpu_plan *plan, int node, int src, int dst)
{
    int i = plan->n_steps++;

    plan->steps[i] = (tw_cpu_step){.node = node, .src = src, .dst = dst};
    plan->values[src].last = i;
    plan->values[dst].first = i;
    plan->values[dst].last = i;
    return &plan->steps[i];
}

tw_status tw_backend__cpu_set_primitive(tw_cpu_plan *plan, tw_cpu_step *step,
                                        const_dnnl_primitive_desc_t desc, tw_error *err)
{
    const char *name = plan->base.graph->nodes[step->node].name;
    dnnl_status_t status = dnnl_primitive_create(&step->primitive, desc);

    if (status == dnnl_success)
        status = tw_backend__desc_query(&step->scratch_desc, desc, dnnl_query_scratchpad_md);
    if (status != dnnl_success)
        return tw_backend__cpu_fail(name, "make its primitive", status, err);
    step->n_scratch_bytes = (int64_t)tw_backend__desc_size(step->scratch_desc);
    return TW_OK;
}

static tw_status add_reorder(tw_cpu_plan *plan, int node, int src, int dst, tw_error *err)
{
    dnnl_primitive_desc_t desc;
    dnnl_status_t status = tw_backend__reorder_create(
        &desc, plan->backend->engine, plan->values[src].desc, plan->values[dst].desc, true);
    tw_status rc;

    if (status != dnnl_success)
        return tw_backend__cpu_fail(plan->base.graph->nodes[node].name, "reorder this output",
                                    status, err);
    rc = tw_backend__cpu_set_primitive(plan, tw_backend__cpu_add_step(plan, node, src, dst), desc,
                                       err);
    dnnl_primitive_desc_destroy(desc);
    return rc;
}

tw_status tw_backend__cpu_as_plain(int *out, tw_cpu_plan *plan, int node, tw_error *err)
{
    int value = plan->outputs[node];
    tw_status rc;

    *out = value;
    if (plan->values[value].plain)
        return TW_OK;
    if ((rc = tw_backend__cpu_add_plain(out, plan, node, err)) != TW_OK)
        return rc;
    return add_reorder(plan, node, value, *out, err);
}

tw_status tw_backend__cpu_as_desc(int *out, tw_cpu_plan *plan, int node, const tw_dnnl_desc *desc,
                                  dnnl_data_type_t type, tw_error *err)
{
    const char *name = plan->base.graph->nodes[node].name;
    int value = plan->outputs[node];
    tw_dnnl_desc *copy;
    tw_status rc;

    *out = value;
    if (tw_backend__desc_equal(plan->values[value].desc, desc))
        return TW_OK;
    rc =
        tw_backend__cpu_fail(name, "describe this output", tw_backend__desc_copy(&copy, desc), err);
    if (rc != TW_OK || (rc = tw_backend__cpu_take_desc(out, plan, node, copy, type, err)) != TW_OK)
        return rc;
    return add_reorder(plan, node, value, *out, err);
}

tw_dnnl_window tw_backend__cpu_window(const tw_node *node, const tw_shape *in)
{
    tw_dnnl_window window = {0};

    for (int i = 0; i < 2; i++) {
        window.size[i] = node->window[i];
        window.stride[i] = node->stride[i];
        window.before[i] = tw_padding_before(node, in, i);
        window.after[i] = tw_padding_after(node, in, i);
    }
    return window;
}

void tw_backend__cpu_note_own(tw_cpu_plan *plan, int node, const char *implementation)
{
    tw_text_add(&plan->choices, "%s%s=%s", plan->choices.n > 0 ? "," : "",
                plan->base.graph->nodes[node].name, implementation);
}

void tw_backend__cpu_note(tw_cpu_plan *plan, int node, const_dnnl_primitive_desc_t desc)
{
    const char *name = "sgemm";

    if (desc && dnnl_primitive_desc_query(desc, dnnl_query_impl_info_str, 0, &name) != dnnl_success)
        name = "unknown";
    tw_backend__cpu_note_own(plan, node, name);
}

/* ---- the graph */

int tw_backend__cpu_only_reader(const tw_graph *graph, int node)
{
    int reader = -1;

    for (int i = node + 1; i < graph->n; i++)
        for (int k = 0; k < graph->nodes[i].n_inputs; k++)
            if (graph->nodes[i].inputs[k] == node) {
                if (reader >= 0)
                    return -1;
                reader = i;
            }
    return reader;
}

static tw_status compile_node(tw_cpu_plan *plan, int node, tw_error *err)
{
    const tw_node *layer = &plan->base.graph->nodes[node];
    int from = layer->inputs[0];

    switch (layer->op) {
    case TW_OP_CONV2D:
    case TW_OP_DEPTHWISE_CONV2D:
        return tw_backend__cpu_conv2d(plan, node, err);
    case TW_OP_ADD:
        return tw_backend__cpu_add(plan, node, err);
    case TW_OP_MAX_POOL:
        return tw_backend__cpu_max_pool(plan, node, err);
    case TW_OP_GLOBAL_AVERAGE_POOL:
        return tw_backend__cpu_global_average_pool(plan, node, err);
    case TW_OP_FLATTEN:
        return tw_backend__cpu_as_plain(&plan->outputs[node], plan, from, err);
    case TW_OP_DENSE:
        return tw_backend__cpu_dense(plan, node, err);
    case TW_OP_DROPOUT:
        plan->outputs[node] = plan->outputs[from];
        return TW_OK;
    case TW_OP_RELU:
        if (tw_backend__cpu_is_added(plan, node)) {
            plan->outputs[node] = plan->outputs[from];
            return TW_OK;
        }
        return tw_backend__cpu_activation(plan, node, from, TW_RELU, err);
    case TW_OP_SIGMOID:
        return tw_backend__cpu_activation(plan, node, from, TW_SIGMOID, err);
    case TW_OP_SOFTMAX:
        return tw_backend__cpu_activation(plan, node, from, TW_SOFTMAX, err);
    default:
        return tw_fail(err, TW_EUNSUPPORTED, "%s: backend cpu has no %s", layer->name,
                       tw_op_name(layer->op));
    }
}

static void run_copy(const tw_cpu_plan *plan, const tw_cpu_step *step, const float *in, float *out,
                     float *scratch)
{
    (void)scratch;
    memcpy(out, in, (size_t)plan->values[step->dst].n_bytes);
}

static tw_status compile(tw_cpu_plan *plan, tw_error *err)
{
    int last = plan->base.graph->n - 1, from, to;
    tw_status rc;

    if ((rc = tw_backend__cpu_add_plain(&plan->outputs[0], plan, 0, err)) != TW_OK)
        return rc;
    plan->values[plan->outputs[0]].place = TW_CPU_IN;
    for (int node = 1; node <= last; node++)
        if ((rc = compile_node(plan, node, err)) != TW_OK)
            return rc;

    if ((rc = tw_backend__cpu_as_plain(&from, plan, last, err)) != TW_OK)
        return rc;
    if (plan->values[from].place == TW_CPU_IN) {
        if ((rc = tw_backend__cpu_add_plain(&to, plan, last, err)) != TW_OK)
            return rc;
        tw_backend__cpu_add_step(plan, last, from, to)->run = run_copy;
        from = to;
    }
    plan->values[from].place = TW_CPU_OUT;
    return TW_OK;
}

/* ---- places */

static bool lives_meet(const tw_cpu_value *a, const tw_cpu_value *b)
{
    return a->first <= b->last && b->first <= a->last;
}

/* The lowest offset where `value` meets none of the values that have a place (offset >= 0). */
static int64_t free_offset(const tw_cpu_plan *plan, const tw_cpu_value *value)
{
    int64_t offset = 0;
    bool moved = true;

    while (moved) {
        moved = false;
        for (int i = 0; i < plan->n_values; i++) {
            const tw_cpu_value *other = &plan->values[i];
            if (other->place != TW_CPU_BLOCK || other->offset < 0 || !lives_meet(value, other))
                continue;
            if (offset < other->offset + aligned(other->n_bytes) &&
                other->offset < offset + aligned(value->n_bytes)) {
                offset = other->offset + aligned(other->n_bytes);
                moved = true;
            }
        }
    }
    return offset;
}

/* The largest value still without a place, or NULL. */
static tw_cpu_value *next_value(tw_cpu_plan *plan)
{
    tw_cpu_value *best = NULL;

    for (int i = 0; i < plan->n_values; i++) {
        tw_cpu_value *value = &plan->values[i];
        if (value->place == TW_CPU_BLOCK && value->offset < 0 &&
            (!best || value->n_bytes > best->n_bytes))
            best = value;
    }
    return best;
}

/* What is used up inside a section is of one sample; what comes from outside, or goes there, lives
 * until all samples are through. */
static void find_singles(tw_cpu_plan *plan)
{
    for (int i = 0; i < plan->n_values; i++) {
        tw_cpu_value *value = &plan->values[i];
        int end = tw_backend__cpu_section_end(plan, value->first);
        if (value->place != TW_CPU_BLOCK)
            continue;
        value->is_single = plan->steps[value->first].is_single && value->last < end;
        if (value->is_single) {
            value->n_bytes /= plan->base.piece;
            continue;
        }
        while (value->first > 0 && plan->steps[value->first].is_single &&
               plan->steps[value->first - 1].is_single)
            value->first--;
        value->last = tw_backend__cpu_section_end(plan, value->last) - 1;
    }
}

/* Gives every value its place in a worker's block, the largest first, and the packed parameters
 * theirs; then both sizes are known. */
static void place_all(tw_cpu_plan *plan)
{
    int64_t n_values = 0, n_scratch = 0, n_packed = 0;
    tw_cpu_value *value;

    find_singles(plan);
    for (int i = 0; i < plan->n_values; i++)
        plan->values[i].offset = -1;
    while ((value = next_value(plan))) {
        value->offset = free_offset(plan, value);
        if (n_values < value->offset + aligned(value->n_bytes))
            n_values = value->offset + aligned(value->n_bytes);
    }
    for (int i = 0; i < plan->n_steps; i++) {
        tw_cpu_step *step = &plan->steps[i];
        if (n_scratch < step->n_scratch_bytes)
            n_scratch = step->n_scratch_bytes;
        step->weights_offset = n_packed;
        if (step->weights_desc)
            n_packed += aligned((int64_t)tw_backend__desc_size(step->weights_desc));
        if (step->winograd)
            n_packed += aligned(step->winograd->packed_bytes);
        if (step->bf16x3)
            n_packed += aligned(step->bf16x3->packed_bytes);
        step->int8.scales_offset = n_packed;
        if (step->int8.src_step > 0.0f)
            n_packed += aligned((int64_t)tw_backend__desc_size(step->bias_desc));
        step->bias_offset = n_packed;
        if (step->bias_desc)
            n_packed += aligned((int64_t)tw_backend__desc_size(step->bias_desc));
    }
    plan->scratch_offset = n_values;
    plan->base.worker_bytes = n_values + aligned(n_scratch);
    plan->base.packed_bytes = n_packed;
}

/* ---- create and free */

static tw_status allocate(tw_cpu_plan *plan, const tw_graph *graph, tw_error *err)
{
    size_t n = (size_t)graph->n;
    tw_status rc = tw_graph_copy(&plan->base.graph, graph, err);

    if (rc != TW_OK)
        return rc;
    plan->steps = tw_calloc(STEPS_PER_NODE * n + 1, sizeof *plan->steps);
    plan->values = tw_calloc(STEPS_PER_NODE * n + 2, sizeof *plan->values);
    plan->outputs = tw_calloc(n, sizeof *plan->outputs);
    plan->weights = tw_calloc(n, sizeof *plan->weights);
    if (!plan->steps || !plan->values || !plan->outputs || !plan->weights)
        return tw_fail(err, TW_ENOMEM, "no memory for a plan of %d layers", graph->n);
    return TW_OK;
}

tw_status tw_backend__cpu_plan_create(tw_plan **out, tw_backend *backend, const tw_graph *graph,
                                      int64_t piece, tw_precision precision, tw_error *err)
{
    tw_cpu_plan *plan = NULL;
    int threads = tw_backend__cpu_one_thread();
    tw_status rc;

    *out = NULL;
    if (piece < 1) {
        rc = tw_fail(err, TW_EUSAGE, "a piece needs at least 1 sample, got %lld", (long long)piece);
        goto done;
    }
    if ((rc = backend->table->check_precision(backend, precision, err)) != TW_OK)
        goto done;
    if (!(plan = tw_calloc(1, sizeof *plan))) {
        rc = tw_fail(err, TW_ENOMEM, "no memory for a plan");
        goto done;
    }
    plan->base.table = backend->table;
    plan->base.piece = piece;
    plan->backend = (const tw_cpu_backend *)backend;
    plan->bf16 = precision == TW_PRECISION_BF16;
    plan->bf16x3 = precision == TW_PRECISION_BF16X3;
    plan->int8 = precision == TW_PRECISION_INT8;
    if ((rc = allocate(plan, graph, err)) != TW_OK || (rc = compile(plan, err)) != TW_OK)
        goto done;
    place_all(plan);
    if ((rc = tw_backend__cpu_background_plan(plan, err)) != TW_OK)
        goto done;
    tw_text_add(&plan->choices, "%s", ""); /* never NULL, however empty */
    if (plan->choices.failed) {
        rc = tw_fail(err, TW_ENOMEM, "no memory for a plan's choices");
        goto done;
    }
    plan->base.choices = plan->choices.text;
    *out = &plan->base;
    plan = NULL; /* ownership moved to *out */
done:
    if (plan)
        tw_backend__cpu_plan_free(&plan->base);
    tw_backend__cpu_restore_threads(threads);
    return rc;
}

static void step_free(tw_cpu_step *step)
{
    if (step->primitive)
        dnnl_primitive_destroy(step->primitive);
    if (step->weights)
        dnnl_memory_destroy(step->weights);
    if (step->bias)
        dnnl_memory_destroy(step->bias);
    if (step->int8.scales)
        dnnl_memory_destroy(step->int8.scales);
    tw_backend__desc_free(step->weights_desc);
    tw_backend__desc_free(step->bias_desc);
    tw_backend__desc_free(step->scratch_desc);
    tw_free(step->winograd);
    tw_free(step->bf16x3);
}

void tw_backend__cpu_plan_free(tw_plan *base)
{
    tw_cpu_plan *plan = (tw_cpu_plan *)base;

    if (!plan)
        return;
    for (int i = 0; i < plan->n_workers; i++)
        tw_backend__cpu_worker_free(&plan->workers[i], plan->n_steps);
    tw_free(plan->workers);
    for (int i = 0; i < plan->n_steps; i++)
        step_free(&plan->steps[i]);
    for (int i = 0; i < plan->n_values; i++)
        tw_backend__desc_free(plan->values[i].desc);
    tw_free(plan->steps);
    tw_free(plan->values);
    tw_free(plan->outputs);
    tw_free(plan->weights);
    tw_free(plan->packed);
    tw_backend__cpu_background_free(plan->background);
    tw_text_free(&plan->choices);
    tw_graph_free(plan->base.graph);
    tw_free(plan);
}
