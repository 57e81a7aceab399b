/*
 * The end of every classifier: probabilities, loss and the predicted class from one row of logits.
 * In double, in one place, so that train, evaluate and predict give the same digits.
 */
#include "backend/backend.h"

#include <math.h>

int tw_argmax_row(const float *row, int n)
{
    int best = 0;

    for (int i = 1; i < n; i++)
        if (row[i] > row[best])
            best = i;
    return best;
}

/* log(sum(exp(logits))) without overflow. */
static double log_sum_exp(const float *logits, int n_classes)
{
    double largest = (double)logits[tw_argmax_row(logits, n_classes)];
    double sum = 0;

    for (int i = 0; i < n_classes; i++)
        sum += exp((double)logits[i] - largest);
    return largest + log(sum);
}

void tw_softmax_row(float *probabilities, const float *logits, int n_classes)
{
    double norm = log_sum_exp(logits, n_classes);

    for (int i = 0; i < n_classes; i++)
        probabilities[i] = (float)exp((double)logits[i] - norm);
}

double tw_soft_cross_entropy_row(const float *logits, int n_classes, const float *target)
{
    const double norm = log_sum_exp(logits, n_classes);
    double sum = 0;

    for (int i = 0; i < n_classes; i++)
        sum += (double)target[i] * (norm - (double)logits[i]);
    return sum;
}

double tw_cross_entropy_row(const float *logits, int n_classes, int label)
{
    return log_sum_exp(logits, n_classes) - (double)logits[label];
}
