/*
 * ReLU, ReLU6, Sigmoid and Softmax in plain C, in place.
 */
#include "backend/ref/ref_int.h"

#include <math.h>

void tw_backend__ref_activation(float *y, int64_t n, int64_t k, tw_activation activation)
{
    if (activation == TW_RELU)
        for (int64_t i = 0; i < n * k; i++)
            y[i] = y[i] > 0 ? y[i] : 0;
    else if (activation == TW_RELU6)
        for (int64_t i = 0; i < n * k; i++)
            y[i] = y[i] > 0 ? (y[i] < 6 ? y[i] : 6) : 0;
    else if (activation == TW_SIGMOID)
        for (int64_t i = 0; i < n * k; i++)
            y[i] = (float)(1.0 / (1.0 + exp(-(double)y[i])));
    else if (activation == TW_SOFTMAX)
        for (int64_t i = 0; i < n; i++)
            tw_softmax_row(y + i * k, y + i * k, (int)k);
}
