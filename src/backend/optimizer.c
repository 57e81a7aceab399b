/*
 * Optimizer arithmetic on n numbers, as Keras computes it (adam.py: the eps-hat form;
 * gradient_descent.py: momentum with lr inside the velocity). Elementwise, so any split of the
 * numbers over threads gives the same bits.
 */
#include "backend/backend_int.h"

#include <math.h>

/* Decoupled weight decay, as Keras's optimizers do it before the step. */
static void shrink(float *w, int64_t n, float weight_decay, float lr)
{
    for (int64_t i = 0; weight_decay > 0.0f && i < n; i++)
        w[i] -= w[i] * weight_decay * lr;
}

void tw_backend__adam(float *w, float *m, float *v, const float *g, int64_t n,
                      const tw_adam_step *step)
{
    const float alpha = step->alpha, epsilon = step->epsilon;
    const float rest1 = step->one_minus_beta1, rest2 = step->one_minus_beta2;

    shrink(w, n, step->weight_decay, step->lr);
    for (int64_t i = 0; i < n; i++) {
        m[i] += (g[i] - m[i]) * rest1;
        v[i] += (g[i] * g[i] - v[i]) * rest2;
        w[i] -= m[i] * alpha / (sqrtf(v[i]) + epsilon);
    }
}

void tw_backend__sgd(float *w, float *velocity, const float *g, int64_t n, const tw_sgd_step *step)
{
    const float lr = step->lr, momentum = step->momentum;

    shrink(w, n, step->weight_decay, lr);
    for (int64_t i = 0; i < n; i++) {
        velocity[i] = momentum * velocity[i] - lr * g[i];
        w[i] += step->nesterov ? momentum * velocity[i] - lr * g[i] : velocity[i];
    }
}
