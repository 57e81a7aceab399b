/*
 * Axes: a range around the values and ticks at round numbers, 1, 2 or 5 times a power of ten. A
 * logarithmic axis takes over where the largest value is 20 times the smallest: a loss that falls
 * from 20 to 0.1 would be a line along the floor otherwise.
 */
#include "report/report_int.h"

#include <math.h>
#include <string.h>

const tw_axis tw_report__share_axis = {
    .high = 1.0, .ticks = {0.0, 0.2, 0.4, 0.6, 0.8, 1.0}, .n_ticks = 6};

enum { WANTED = 5 };
static const double log_from = 20.0;

static double round_step(double rough)
{
    double power = pow(10.0, floor(log10(rough)));
    double share = rough / power;

    return power * (share <= 1.0 ? 1.0 : share <= 2.0 ? 2.0 : share <= 5.0 ? 5.0 : 10.0);
}

static void add_tick(tw_axis *axis, double value)
{
    if (axis->n_ticks < TW_MAX_TICKS)
        axis->ticks[axis->n_ticks++] = value;
}

/* A product of a step, without the dust of binary fractions ("0.30000000000000004"). */
static double clean(double value)
{
    double scale = 1e9;

    return fabs(value) < 1e6 ? round(value * scale) / scale : value;
}

static void linear_ticks(tw_axis *axis, bool whole)
{
    double step = round_step((axis->high - axis->low) / WANTED);
    double first;

    if (whole && step < 1.0)
        step = 1.0;
    first = ceil(axis->low / step - 1e-9);
    if (!whole) {
        first = floor(axis->low / step + 1e-9);
        axis->low = clean(first * step);
        axis->high = clean(ceil(axis->high / step - 1e-9) * step);
    }
    for (double k = first; k * step <= axis->high + 1e-9 * step; k += 1.0)
        add_tick(axis, clean(k * step));
}

/* The largest 1, 2 or 5 times a power of ten up to value, or the smallest from it on. */
static double log_bound(double value, bool is_low)
{
    double power = pow(10.0, floor(log10(value)));
    double share = value / power;

    if (is_low)
        return power * (share < 2.0 ? 1.0 : share < 5.0 ? 2.0 : 5.0);
    return power * (share <= 1.0 ? 1.0 : share <= 2.0 ? 2.0 : share <= 5.0 ? 5.0 : 10.0);
}

static void log_ticks(tw_axis *axis)
{
    static const double parts[] = {1.0, 2.0, 5.0};
    int first, last, n_parts;

    axis->low = log_bound(axis->low, true);
    axis->high = log_bound(axis->high, false);
    first = (int)floor(log10(axis->low));
    last = (int)ceil(log10(axis->high));
    n_parts = last - first <= 3 ? 3 : 1;
    for (int power = first; power <= last; power++)
        for (int i = 0; i < n_parts; i++) {
            double value = parts[i] * pow(10.0, power);
            if (value >= axis->low * (1.0 - 1e-9) && value <= axis->high * (1.0 + 1e-9))
                add_tick(axis, value);
        }
}

void tw_report__axis_make(tw_axis *out, const double *values, int64_t n, bool whole, bool may_log)
{
    bool any = false;

    memset(out, 0, sizeof *out);
    for (int64_t i = 0; i < n; i++) {
        if (!isfinite(values[i]))
            continue;
        out->low = any ? fmin(out->low, values[i]) : values[i];
        out->high = any ? fmax(out->high, values[i]) : values[i];
        any = true;
    }
    if (!any)
        out->high = 1.0;
    if (out->high <= out->low && !whole) {
        double room = out->high != 0.0 ? 0.1 * fabs(out->high) : 0.5;
        out->low -= room;
        out->high += room;
    }
    out->log = may_log && out->low > 0.0 && out->high / out->low >= log_from;
    if (out->log)
        log_ticks(out);
    else if (out->high > out->low)
        linear_ticks(out, whole);
    else
        add_tick(out, out->low);
}

double tw_report__axis_place(const tw_axis *axis, double value)
{
    if (axis->high <= axis->low)
        return 0.5;
    if (axis->log)
        return log(value / axis->low) / log(axis->high / axis->low);
    return (value - axis->low) / (axis->high - axis->low);
}
