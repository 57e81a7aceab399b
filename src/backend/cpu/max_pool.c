/* MaxPooling2D by oneDNN, in the layout and precision that its input has; padding never wins. */
#include "backend/cpu/cpu_int.h"

static dnnl_status_t choose(dnnl_primitive_desc_t *out, const tw_cpu_plan *plan, int node,
                            const tw_cpu_value *src)
{
    const tw_node *layer = &plan->base.graph->nodes[node];
    tw_dnnl_window window =
        tw_backend__cpu_window(layer, &plan->base.graph->nodes[layer->inputs[0]].out);
    tw_dnnl_desc *dst = NULL;
    int64_t dims[4];
    dnnl_status_t status;

    *out = NULL;
    tw_backend__cpu_dims(dims, &layer->out, plan->base.piece);
    status = tw_backend__desc_create(&dst, 4, dims, src->bf16 ? dnnl_bf16 : dnnl_f32,
                                     dnnl_format_tag_any);
    if (status == dnnl_success)
        status = tw_backend__max_pool_create(out, plan->backend->engine, src->desc, dst, &window);
    tw_backend__desc_free(dst);
    return status;
}

tw_status tw_backend__cpu_max_pool(tw_cpu_plan *plan, int node, tw_error *err)
{
    const tw_node *layer = &plan->base.graph->nodes[node];
    int from = plan->outputs[layer->inputs[0]], to;
    const tw_cpu_value *src = &plan->values[from];
    dnnl_primitive_desc_t desc;
    dnnl_status_t status = choose(&desc, plan, node, src);
    tw_status rc = tw_backend__cpu_fail(layer->name, "make this max-pooling", status, err);

    if (rc != TW_OK)
        return rc;
    tw_backend__cpu_note(plan, node, desc);
    if ((rc = tw_backend__cpu_add_dst(&to, plan, node, desc, src->bf16, err)) == TW_OK) {
        plan->outputs[node] = to;
        rc = tw_backend__cpu_set_primitive(plan, tw_backend__cpu_add_step(plan, node, from, to),
                                           desc, err);
    }
    dnnl_primitive_desc_destroy(desc);
    return rc;
}
