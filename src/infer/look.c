/*
 * How a picture looks to the frozen part of a classifier, and how far that is from pictures which
 * are known: the means of the channels, scaled to length 1, against those of each class.
 *
 *   u (C)    = mean over places of the row (places,C), divided by its length
 *   distance = 1 - max over classes of u . means (L,C), so 0 to 2
 *
 * Sums are double and taken in order. A row of zeros is as far from all classes as a right angle.
 */
#include "infer/engine.h"

#include <math.h>

void tw_look_row(float *look, const float *row, int64_t n_row, int64_t n_channels)
{
    const int64_t places = n_row / n_channels;
    double length = 0.0;

    for (int64_t c = 0; c < n_channels; c++) {
        double sum = 0.0;

        for (int64_t p = 0; p < places; p++)
            sum += (double)row[p * n_channels + c];
        look[c] = (float)(sum / (double)places);
        length += (double)look[c] * (double)look[c];
    }
    length = sqrt(length);
    for (int64_t c = 0; c < n_channels; c++)
        look[c] = length > 0.0 ? (float)((double)look[c] / length) : 0.0f;
}

double tw_look_likeness(const float *look, const float *mean, int64_t n_channels)
{
    double sum = 0.0;

    for (int64_t c = 0; c < n_channels; c++)
        sum += (double)look[c] * (double)mean[c];
    return sum;
}

double tw_look_distance(const tw_model *model, const float *look)
{
    const tw_known *known = &model->known;
    double best = -1.0;

    for (int k = 0; k < model->n_classes; k++)
        best = fmax(
            best, tw_look_likeness(look, known->means + k * known->n_channels, known->n_channels));
    return fmin(fmax(1.0 - best, 0.0), 2.0);
}
