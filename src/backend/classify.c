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

/* log(sum(exp(logits / temperature))) without overflow. */
static double log_sum_exp(const float *logits, int n_classes, double temperature)
{
    double largest = (double)logits[tw_argmax_row(logits, n_classes)] / temperature;
    double sum = 0;

    for (int i = 0; i < n_classes; i++)
        sum += exp((double)logits[i] / temperature - largest);
    return largest + log(sum);
}

void tw_softmax_tempered_row(float *probabilities, const float *logits, int n_classes,
                             double temperature)
{
    double norm = log_sum_exp(logits, n_classes, temperature);
    int top = tw_argmax_row(logits, n_classes);

    for (int i = 0; i < n_classes; i++)
        probabilities[i] = (float)exp((double)logits[i] / temperature - norm);
    /* rounding can make two of them equal, but not change who is first */
    if (tw_argmax_row(probabilities, n_classes) != top)
        probabilities[top] = nextafterf(probabilities[top], 2.0f);
}

double tw_cross_entropy_tempered_row(const float *logits, int n_classes, int label,
                                     double temperature)
{
    return log_sum_exp(logits, n_classes, temperature) - (double)logits[label] / temperature;
}

void tw_softmax_row(float *probabilities, const float *logits, int n_classes)
{
    tw_softmax_tempered_row(probabilities, logits, n_classes, 1.0);
}

double tw_soft_cross_entropy_row(const float *logits, int n_classes, const float *target)
{
    const double norm = log_sum_exp(logits, n_classes, 1.0);
    double sum = 0;

    for (int i = 0; i < n_classes; i++)
        sum += (double)target[i] * (norm - (double)logits[i]);
    return sum;
}

double tw_cross_entropy_row(const float *logits, int n_classes, int label)
{
    return tw_cross_entropy_tempered_row(logits, n_classes, label, 1.0);
}
