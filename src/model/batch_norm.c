/*
 * A batch normalization of the file goes into the convolution before it, for good: with
 *
 *     s = gamma / sqrt(variance + epsilon)       kernel' = kernel * s      bias' = beta - mean * s
 *
 * the convolution gives what both gave in inference. s is made in double and the products are
 * rounded once to float32. So statistics never move, also where such a layer is trained: it is
 * trained as the convolution with bias that it has become.
 */
#include "model/model_int.h"

#include "base/fail.h"
#include "base/memory.h"
#include "tensor/tensor.h"

#include <math.h>

static tw_status check_variance(const float *variance, int64_t n, const tw_model *model, int node,
                                tw_error *err)
{
    for (int64_t i = 0; i < n; i++)
        if (!(variance[i] >= 0) || isinf(variance[i]))
            return tw_fail(err, TW_EFILE,
                           "%.100s: %s: the batch normalization's variance %lld is %g, it must be "
                           "finite and at least 0",
                           tw_model__source(model), model->graph->nodes[node].name, (long long)i,
                           (double)variance[i]);
    return TW_OK;
}

tw_status tw_model__fold_norm(float *kernel, float *bias, const tw_model *model, int node,
                              const tw_named_tensor *const norm[TW_N_NORM], double epsilon,
                              tw_error *err)
{
    const tw_shape *shape = &model->params[node][0].shape;
    const int64_t k_n = tw_shape_size(&model->params[node][1].shape);
    const int64_t n = tw_shape_size(shape);
    float *values = tw_alloc_f32(k_n * TW_N_NORM);
    const float *gamma, *beta, *mean, *variance;
    tw_status rc;

    if (!values)
        return tw_fail(err, TW_ENOMEM, "no memory to fold a batch normalization");
    for (int i = 0; i < TW_N_NORM; i++)
        (void)tw_copy_as_f32(values + i * k_n, norm[i]->tensor.data, norm[i]->tensor.dtype,
                             (size_t)k_n);
    gamma = values + TW_NORM_GAMMA * k_n;
    beta = values + TW_NORM_BETA * k_n;
    mean = values + TW_NORM_MEAN * k_n;
    variance = values + TW_NORM_VARIANCE * k_n;
    if ((rc = check_variance(variance, k_n, model, node, err)) == TW_OK) {
        for (int64_t k = 0; k < k_n; k++) {
            const double scale = (double)gamma[k] / sqrt((double)variance[k] + epsilon);

            for (int64_t i = k; i < n; i += k_n)
                kernel[i] = (float)((double)kernel[i] * scale);
            bias[k] = (float)((double)beta[k] - (double)mean[k] * scale);
        }
    }
    tw_free(values);
    return rc;
}
