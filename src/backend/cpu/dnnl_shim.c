/*
 * oneDNN behind one face; see dnnl_shim.h. In version 2 a memory descriptor is a struct and a
 * primitive descriptor is made from an operation descriptor; in version 3 both are opaque and made
 * in one call.
 */
#include "backend/cpu/dnnl_shim.h"

#include "base/memory.h"

#define TW_DNNL_V3 (DNNL_VERSION_MAJOR >= 3)

struct tw_dnnl_desc {
    dnnl_memory_desc_t md;
};

#if TW_DNNL_V3
typedef const_dnnl_memory_desc_t md_pointer;
#else
typedef const dnnl_memory_desc_t *md_pointer;
#endif

static md_pointer md_of(const tw_dnnl_desc *desc)
{
#if TW_DNNL_V3
    return desc->md;
#else
    return &desc->md;
#endif
}

static dnnl_status_t md_copy(dnnl_memory_desc_t *out, md_pointer md)
{
#if TW_DNNL_V3
    return dnnl_memory_desc_clone(out, md);
#else
    *out = *md;
    return dnnl_success;
#endif
}

dnnl_status_t tw_backend__desc_create(tw_dnnl_desc **out, int rank, const int64_t *dims,
                                      dnnl_data_type_t type, dnnl_format_tag_t tag)
{
    tw_dnnl_desc *desc = tw_calloc(1, sizeof *desc);
    dnnl_dims_t d = {0};
    dnnl_status_t status;

    *out = NULL;
    if (!desc)
        return dnnl_out_of_memory;
    for (int i = 0; i < rank; i++)
        d[i] = dims[i];
#if TW_DNNL_V3
    status = dnnl_memory_desc_create_with_tag(&desc->md, rank, d, type, tag);
#else
    status = dnnl_memory_desc_init_by_tag(&desc->md, rank, d, type, tag);
#endif
    if (status != dnnl_success) {
        tw_free(desc);
        return status;
    }
    *out = desc;
    return dnnl_success;
}

static dnnl_status_t desc_from_md(tw_dnnl_desc **out, md_pointer md)
{
    tw_dnnl_desc *desc = tw_calloc(1, sizeof *desc);
    dnnl_status_t status;

    *out = NULL;
    if (!desc)
        return dnnl_out_of_memory;
    if ((status = md_copy(&desc->md, md)) != dnnl_success) {
        tw_free(desc);
        return status;
    }
    *out = desc;
    return dnnl_success;
}

dnnl_status_t tw_backend__desc_query(tw_dnnl_desc **out, const_dnnl_primitive_desc_t primitive,
                                     dnnl_query_t what)
{
    md_pointer md = dnnl_primitive_desc_query_md(primitive, what, 0);

    *out = NULL;
    return md ? desc_from_md(out, md) : dnnl_invalid_arguments;
}

dnnl_status_t tw_backend__desc_copy(tw_dnnl_desc **out, const tw_dnnl_desc *desc)
{
    return desc_from_md(out, md_of(desc));
}

void tw_backend__desc_free(tw_dnnl_desc *desc)
{
    if (!desc)
        return;
#if TW_DNNL_V3
    dnnl_memory_desc_destroy(desc->md);
#endif
    tw_free(desc);
}

bool tw_backend__desc_equal(const tw_dnnl_desc *a, const tw_dnnl_desc *b)
{
    return dnnl_memory_desc_equal(md_of(a), md_of(b)) != 0;
}

size_t tw_backend__desc_size(const tw_dnnl_desc *desc)
{
    return dnnl_memory_desc_get_size(md_of(desc));
}

dnnl_status_t tw_backend__memory_create(dnnl_memory_t *out, const tw_dnnl_desc *desc,
                                        dnnl_engine_t engine, void *data)
{
    return dnnl_memory_create(out, md_of(desc), engine, data);
}

/* Attributes of a primitive: the caller's scratchpad, and a fused ReLU or ReLU6 of `conv`, which
 * may be NULL. */
static dnnl_status_t attr_create(dnnl_primitive_attr_t *out, const tw_dnnl_conv *conv)
{
    const dnnl_alg_kind_t kind = conv && conv->relu6 ? dnnl_eltwise_clip : dnnl_eltwise_relu;
    const float most = conv && conv->relu6 ? 6.0f : 0.0f;
    dnnl_post_ops_t ops = NULL;
    dnnl_status_t status = dnnl_primitive_attr_create(out);

    if (status == dnnl_success)
        status = dnnl_primitive_attr_set_scratchpad_mode(*out, dnnl_scratchpad_mode_user);
    if (status == dnnl_success && conv && (conv->relu || conv->relu6)) {
        status = dnnl_post_ops_create(&ops);
        if (status == dnnl_success)
#if TW_DNNL_V3
            status = dnnl_post_ops_append_eltwise(ops, kind, 0.0f, most);
#else
            status = dnnl_post_ops_append_eltwise(ops, 1.0f, kind, 0.0f, most);
#endif
        if (status == dnnl_success)
            status = dnnl_primitive_attr_set_post_ops(*out, ops);
        dnnl_post_ops_destroy(ops);
    }
    if (status != dnnl_success) {
        dnnl_primitive_attr_destroy(*out);
        *out = NULL;
    }
    return status;
}

/* One scale a filter: dimension 1 of dst, 0 of the kernel. */
static dnnl_status_t attr_set_scales(dnnl_primitive_attr_t attr, const tw_dnnl_conv *conv)
{
    if (!conv->scales)
        return dnnl_success;
#if TW_DNNL_V3
    return dnnl_primitive_attr_set_scales_mask(attr, DNNL_ARG_WEIGHTS, 1 << 0);
#else
    return dnnl_primitive_attr_set_output_scales(attr, conv->n_scales, 1 << 1, conv->scales);
#endif
}

float tw_backend__conv_bias(float bias, float scale)
{
#if TW_DNNL_V3
    (void)scale;
    return bias;
#else
    return bias / scale;
#endif
}

static dnnl_status_t conv_forward(dnnl_primitive_desc_t *out, dnnl_engine_t engine,
                                  const tw_dnnl_conv *conv, dnnl_prop_kind_t kind, md_pointer bias,
                                  dnnl_primitive_attr_t attr)
{
    const tw_dnnl_window *w = &conv->window;
    dnnl_dims_t dilates = {0};

#if TW_DNNL_V3
    return dnnl_convolution_forward_primitive_desc_create(
        out, engine, kind, conv->algorithm, md_of(conv->src), md_of(conv->weights), bias,
        md_of(conv->dst), w->stride, dilates, w->before, w->after, attr);
#else
    dnnl_convolution_desc_t desc;
    dnnl_status_t status = dnnl_dilated_convolution_forward_desc_init(
        &desc, kind, conv->algorithm, md_of(conv->src), md_of(conv->weights), bias,
        md_of(conv->dst), w->stride, dilates, w->before, w->after);
    return status == dnnl_success ? dnnl_primitive_desc_create(out, &desc, attr, engine, NULL)
                                  : status;
#endif
}

dnnl_status_t tw_backend__conv_create(dnnl_primitive_desc_t *out, dnnl_engine_t engine,
                                      const tw_dnnl_conv *conv)
{
    dnnl_primitive_attr_t attr = NULL;
    dnnl_status_t status = attr_create(&attr, conv);

    *out = NULL;
    if (status != dnnl_success)
        return status;
    if ((status = attr_set_scales(attr, conv)) == dnnl_success)
        status = conv_forward(out, engine, conv,
                              conv->is_training ? dnnl_forward_training : dnnl_forward_inference,
                              md_of(conv->bias), attr);
    dnnl_primitive_attr_destroy(attr);
    return status;
}

static dnnl_status_t conv_backward_data(dnnl_primitive_desc_t *out, dnnl_engine_t engine,
                                        const tw_dnnl_conv *conv, const_dnnl_primitive_desc_t hint,
                                        dnnl_primitive_attr_t attr)
{
    const tw_dnnl_window *w = &conv->window;
    dnnl_dims_t dilates = {0};

#if TW_DNNL_V3
    return dnnl_convolution_backward_data_primitive_desc_create(
        out, engine, conv->algorithm, md_of(conv->src), md_of(conv->weights), md_of(conv->dst),
        w->stride, dilates, w->before, w->after, hint, attr);
#else
    dnnl_convolution_desc_t desc;
    dnnl_status_t status = dnnl_dilated_convolution_backward_data_desc_init(
        &desc, conv->algorithm, md_of(conv->src), md_of(conv->weights), md_of(conv->dst), w->stride,
        dilates, w->before, w->after);
    return status == dnnl_success ? dnnl_primitive_desc_create(out, &desc, attr, engine, hint)
                                  : status;
#endif
}

static dnnl_status_t conv_backward_weights(dnnl_primitive_desc_t *out, dnnl_engine_t engine,
                                           const tw_dnnl_conv *conv,
                                           const_dnnl_primitive_desc_t hint,
                                           dnnl_primitive_attr_t attr)
{
    const tw_dnnl_window *w = &conv->window;
    dnnl_dims_t dilates = {0};

#if TW_DNNL_V3
    return dnnl_convolution_backward_weights_primitive_desc_create(
        out, engine, conv->algorithm, md_of(conv->src), md_of(conv->weights), NULL,
        md_of(conv->dst), w->stride, dilates, w->before, w->after, hint, attr);
#else
    dnnl_convolution_desc_t desc;
    dnnl_status_t status = dnnl_dilated_convolution_backward_weights_desc_init(
        &desc, conv->algorithm, md_of(conv->src), md_of(conv->weights), NULL, md_of(conv->dst),
        w->stride, dilates, w->before, w->after);
    return status == dnnl_success ? dnnl_primitive_desc_create(out, &desc, attr, engine, hint)
                                  : status;
#endif
}

/* oneDNN wants the forward convolution of training as a hint. */
static dnnl_status_t conv_backward(dnnl_primitive_desc_t *out, dnnl_engine_t engine,
                                   const tw_dnnl_conv *conv, bool is_data)
{
    dnnl_primitive_attr_t attr = NULL;
    dnnl_primitive_desc_t hint = NULL;
    dnnl_status_t status = attr_create(&attr, NULL);

    *out = NULL;
    if (status != dnnl_success)
        return status;
    status = conv_forward(&hint, engine, conv, dnnl_forward_training, NULL, attr);
    if (status == dnnl_success)
        status = is_data ? conv_backward_data(out, engine, conv, hint, attr)
                         : conv_backward_weights(out, engine, conv, hint, attr);
    if (hint)
        dnnl_primitive_desc_destroy(hint);
    dnnl_primitive_attr_destroy(attr);
    return status;
}

dnnl_status_t tw_backend__conv_backward_data_create(dnnl_primitive_desc_t *out,
                                                    dnnl_engine_t engine, const tw_dnnl_conv *conv)
{
    return conv_backward(out, engine, conv, true);
}

dnnl_status_t tw_backend__conv_backward_weights_create(dnnl_primitive_desc_t *out,
                                                       dnnl_engine_t engine,
                                                       const tw_dnnl_conv *conv)
{
    return conv_backward(out, engine, conv, false);
}

dnnl_status_t tw_backend__max_pool_create(dnnl_primitive_desc_t *out, dnnl_engine_t engine,
                                          const tw_dnnl_desc *src, const tw_dnnl_desc *dst,
                                          const tw_dnnl_window *window)
{
    dnnl_primitive_attr_t attr = NULL;
    dnnl_dims_t dilates = {0};
    dnnl_status_t status = attr_create(&attr, NULL);

    *out = NULL;
    if (status != dnnl_success)
        return status;
#if TW_DNNL_V3
    status = dnnl_pooling_forward_primitive_desc_create(
        out, engine, dnnl_forward_inference, dnnl_pooling_max, md_of(src), md_of(dst),
        window->stride, window->size, dilates, window->before, window->after, attr);
#else
    dnnl_pooling_v2_desc_t desc;
    status = dnnl_pooling_v2_forward_desc_init(&desc, dnnl_forward_inference, dnnl_pooling_max,
                                               md_of(src), md_of(dst), window->stride, window->size,
                                               dilates, window->before, window->after);
    if (status == dnnl_success)
        status = dnnl_primitive_desc_create(out, &desc, attr, engine, NULL);
#endif
    dnnl_primitive_attr_destroy(attr);
    return status;
}

dnnl_status_t tw_backend__reorder_create(dnnl_primitive_desc_t *out, dnnl_engine_t engine,
                                         const tw_dnnl_desc *src, const tw_dnnl_desc *dst,
                                         bool own_scratchpad)
{
    dnnl_primitive_attr_t attr = NULL;
    dnnl_status_t status = own_scratchpad ? attr_create(&attr, NULL) : dnnl_success;

    *out = NULL;
    if (status != dnnl_success)
        return status;
    status = dnnl_reorder_primitive_desc_create(out, md_of(src), engine, md_of(dst), engine, attr);
    dnnl_primitive_attr_destroy(attr);
    return status;
}

const char *tw_backend__isa_name(void)
{
    switch ((int)dnnl_get_effective_cpu_isa()) {
    case dnnl_cpu_isa_sse41:
        return "sse41";
    case dnnl_cpu_isa_avx:
        return "avx";
    case dnnl_cpu_isa_avx2:
        return "avx2";
    case dnnl_cpu_isa_avx2_vnni:
        return "avx2_vnni";
    case dnnl_cpu_isa_avx512_core:
        return "avx512_core";
    case dnnl_cpu_isa_avx512_core_vnni:
        return "avx512_core_vnni";
    case dnnl_cpu_isa_avx512_core_bf16:
        return "avx512_core_bf16";
    case dnnl_cpu_isa_avx512_core_amx:
        return "avx512_core_amx";
#if TW_DNNL_V3
    case dnnl_cpu_isa_avx2_vnni_2:
        return "avx2_vnni_2";
    case dnnl_cpu_isa_avx512_core_fp16:
        return "avx512_core_fp16";
    case dnnl_cpu_isa_avx512_core_amx_fp16:
        return "avx512_core_amx_fp16";
#endif
    default:
        return "unknown";
    }
}
