/*
 * Scaling the features by one number, so that raw activations (which run to hundreds) do not
 * saturate the top. The number is a power of two: dividing the rows by it, and later dividing the
 * first kernel instead, gives the same bits as long as nothing underflows.
 */
#include "train/train_int.h"

#include <math.h>

double tw_train__scale(double deviation)
{
    enum { MOST = 60 };
    double exponent;

    if (!(deviation > 0.0) || isinf(deviation))
        return 1.0;
    exponent = round(log2(deviation));
    return ldexp(1.0, (int)fmax(-MOST, fmin(MOST, exponent)));
}

void tw_train__fold_scale(const tw_trained *trained, double scale)
{
    float factor = (float)(1.0 / scale);

    for (int node = 0; node < trained->n_nodes; node++) {
        float *kernel = trained->data[node][0];

        if (!kernel)
            continue;
        for (int64_t i = 0; i < trained->size[node][0]; i++)
            kernel[i] *= factor;
        return;
    }
}
