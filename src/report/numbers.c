/*
 * Numbers as the page shows them. A share of few pictures has fewer digits: one picture of 60 is
 * more than a percent.
 */
#include "report/report_int.h"

#include <math.h>
#include <stdio.h>

static char *unknown(char *buf)
{
    snprintf(buf, TW_NUMBER_SIZE, "-");
    return buf;
}

char *tw_report__percent(char *buf, const tw_figures *figures, double share)
{
    int digits = figures->answers.evaluation.n < 1000 ? 1 : 2;

    if (isnan(share))
        return unknown(buf);
    snprintf(buf, TW_NUMBER_SIZE, "%.*f\xC2\xA0%%", digits, 100.0 * share);
    return buf;
}

char *tw_report__probability(char *buf, double share)
{
    if (isnan(share))
        return unknown(buf);
    snprintf(buf, TW_NUMBER_SIZE, share < 0.001 ? "%.0e" : "%.3f", share);
    return buf;
}

char *tw_report__decimal(char *buf, double value)
{
    if (isnan(value))
        return unknown(buf);
    snprintf(buf, TW_NUMBER_SIZE, fabs(value) < 1e5 ? "%.4f" : "%.4g", value);
    return buf;
}

char *tw_report__count(char *buf, int64_t value)
{
    return value < 0 ? unknown(buf) : tw_count_text(buf, TW_NUMBER_SIZE, value);
}

char *tw_report__bytes(char *buf, int64_t n_bytes)
{
    return n_bytes < 0 ? unknown(buf) : tw_bytes_text(buf, TW_NUMBER_SIZE, n_bytes);
}

char *tw_report__seconds(char *buf, double t_s)
{
    return isnan(t_s) ? unknown(buf) : tw_seconds_text(buf, TW_NUMBER_SIZE, t_s);
}
