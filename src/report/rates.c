/*
 * The learning rate range test: loss over the rate, which grows from step to step, as chart and as
 * numbers. The dotted line is each step's loss, the solid one their running mean.
 */
#include "report/report_int.h"

#include "base/fail.h"
#include "base/memory.h"

#include <math.h>
#include <string.h>

enum { WIDTH = 460, HEIGHT = 290, LEFT = 48, RIGHT = 448, TOP = 34, BOTTOM = 254 };

/* ---- reading */

static tw_status take_rows(tw_figures *figures, const char *text, size_t n, const char *path,
                           tw_error *err)
{
    static const char header[] = "lr,loss,smoothed\n";
    const size_t n_header = strlen(header);
    tw_status rc;
    tw_span fields[3];
    tw_csv csv;
    bool more;

    if (n < n_header || memcmp(text, header, n_header) != 0)
        return tw_fail(err, TW_EFILE, "%s: does not begin with lr,loss,smoothed", path);
    figures->rates = tw_calloc((size_t)tw_report__count_lines(text), sizeof *figures->rates);
    if (!figures->rates)
        return tw_fail(err, TW_ENOMEM, "no memory to read %s", path);
    csv = tw_report__csv_open(text + n_header, n - n_header, path);
    csv.next_line = 2;
    while (!(rc = tw_report__csv_row(fields, 3, &csv, &more, err)) && more) {
        tw_rate *rate = &figures->rates[figures->n_rates++];

        if (!tw_report__span_f64(&rate->lr, &fields[0]) || !(rate->lr > 0.0) ||
            !tw_report__span_f64(&rate->loss, &fields[1]) ||
            !tw_report__span_f64(&rate->smoothed, &fields[2]))
            return tw_fail(err, TW_EFILE, "%s: line %lld: not three numbers", path,
                           (long long)csv.line);
    }
    return rc;
}

static tw_status make_axes(tw_figures *figures, tw_error *err)
{
    const int64_t n = figures->n_rates;
    double *values = tw_calloc((size_t)(2 * n + 1), sizeof *values);

    if (!values)
        return tw_fail(err, TW_ENOMEM, "no memory for the axes of the report");
    for (int64_t i = 0; i < n; i++) {
        values[i] = figures->rates[i].lr;
        values[n + i] = figures->rates[i].smoothed;
    }
    tw_report__axis_make(&figures->rate_axis, values, n, false, true);
    tw_report__axis_make(&figures->rate_loss_axis, values + n, n, false, true);
    tw_free(values);
    return TW_OK;
}

tw_status tw_report__rates_read(tw_figures *figures, tw_error *err)
{
    enum { MOST = 16 << 20 };
    tw_status rc = TW_OK;
    char *path = tw_path_join(figures->run, "lr-find.csv"), *text = NULL;
    size_t n;

    if (!path)
        return tw_fail(err, TW_ENOMEM, "no memory for the name of lr-find.csv");
    if (tw_path_exists(path) && !(rc = tw_file_read(&text, &n, path, MOST, err)) &&
        !(rc = take_rows(figures, text, n, path, err)))
        rc = make_axes(figures, err);
    tw_free(text);
    tw_free(path);
    return rc;
}

/* ---- the chart */

static double x_of(const tw_figures *figures, double lr)
{
    return LEFT + (RIGHT - LEFT) * tw_report__axis_place(&figures->rate_axis, lr);
}

/* Losses above the axis (single steps, the explosion) run along its top. */
static double y_of(const tw_figures *figures, double loss)
{
    double place = tw_report__axis_place(&figures->rate_loss_axis, loss);

    return BOTTOM - (BOTTOM - TOP) * fmax(0.0, fmin(1.0, place));
}

static void add_grid(tw_text *page, const tw_figures *figures)
{
    const tw_axis *x = &figures->rate_axis, *y = &figures->rate_loss_axis;

    for (int i = 0; i < y->n_ticks; i++)
        tw_text_add(page,
                    "<line class=\"grid\" x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\"/><text "
                    "x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.6g</text>\n",
                    LEFT, y_of(figures, y->ticks[i]), RIGHT, y_of(figures, y->ticks[i]), LEFT - 8,
                    y_of(figures, y->ticks[i]) + 4.0, y->ticks[i]);
    tw_text_add(page, "<line class=\"axis\" x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\"/>\n", LEFT,
                BOTTOM, RIGHT, BOTTOM);
    for (int i = 0; i < x->n_ticks; i++)
        tw_text_add(page, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.0e</text>",
                    x_of(figures, x->ticks[i]), BOTTOM + 18, x->ticks[i]);
    tw_text_add(page,
                "\n<text x=\"%d\" y=\"%d\" text-anchor=\"end\">learning rate</text>\n<text "
                "class=\"strong\" x=\"4\" y=\"14\">Loss%s</text>\n",
                RIGHT, HEIGHT - 3, y->log ? " (logarithmic)" : "");
}

static void add_line(tw_text *page, const tw_figures *figures, bool is_smoothed)
{
    bool is_open = false;

    tw_text_add(page, "<path class=\"line %s\" d=\"", is_smoothed ? "val" : "train");
    for (int64_t i = 0; i < figures->n_rates; i++) {
        const tw_rate *rate = &figures->rates[i];
        double loss = is_smoothed ? rate->smoothed : rate->loss;
        bool is_drawn = isfinite(loss) && (!figures->rate_loss_axis.log || loss > 0.0);

        if (is_drawn)
            tw_text_add(page, "%s%.1f %.1f", is_open ? "L" : "M", x_of(figures, rate->lr),
                        y_of(figures, loss));
        is_open = is_drawn;
    }
    tw_text_add(page, "\"/>\n");
}

static void add_table(tw_text *page, const tw_figures *figures)
{
    char number[TW_NUMBER_SIZE];

    tw_text_add(page,
                "<details><summary>The numbers of each step</summary>\n<div class=\"scroll tall\" "
                "tabindex=\"0\"><table><thead><tr><th scope=\"col\">learning rate</th><th "
                "scope=\"col\">loss</th><th scope=\"col\">smoothed</th></tr></thead>\n<tbody>\n");
    for (int64_t i = 0; i < figures->n_rates; i++) {
        const tw_rate *rate = &figures->rates[i];

        tw_text_add(page, "<tr><th scope=\"row\">%.3g</th>", rate->lr);
        tw_text_add(page, "<td>%s</td>", tw_report__decimal(number, rate->loss));
        tw_text_add(page, "<td>%s</td></tr>\n", tw_report__decimal(number, rate->smoothed));
    }
    tw_text_add(page, "</tbody></table></div></details>\n");
}

void tw_report__add_rates(tw_text *page, const tw_figures *figures)
{
    if (figures->n_rates == 0)
        return;
    tw_text_add(page,
                "<section id=\"rates\">\n<h2>Learning rate</h2>\n<p class=\"hint\">A range test: "
                "one step with each learning rate. Where the solid line, the mean of the steps so "
                "far, falls most steeply is a good rate to train with.</p>\n<div "
                "class=\"charts\">\n<figure class=\"chart\">\n<svg viewBox=\"0 0 %d %d\" "
                "role=\"img\">\n<title>Loss over the learning rate; the numbers are in the table "
                "below</title>\n",
                WIDTH, HEIGHT);
    add_grid(page, figures);
    add_line(page, figures, false);
    add_line(page, figures, true);
    tw_text_add(page, "</svg>\n</figure>\n</div>\n");
    add_table(page, figures);
    tw_text_add(page, "</section>\n");
}
