/*
 * One line chart as inline SVG: two lines over the epochs, training dotted and grey, validation
 * solid, with the kept epoch marked. A number that is missing or infinite is a gap; one epoch alone
 * is a point.
 *
 *   LEFT,TOP +--------------------+
 *            |   x right, y down  |
 *            +--------------------+ RIGHT,BOTTOM
 */
#include "report/report_int.h"

#include <math.h>

enum { WIDTH = 460, HEIGHT = 290, LEFT = 56, RIGHT = 448, TOP = 34, BOTTOM = 254, MAX_POINTS = 60 };

typedef double (*figure_of)(const tw_report_epoch *epoch);

static double x_of(const tw_chart *chart, double epoch)
{
    return LEFT + (RIGHT - LEFT) * tw_report__axis_place(chart->x, epoch);
}

static double y_of(const tw_chart *chart, double value)
{
    return BOTTOM - (BOTTOM - TOP) * tw_report__axis_place(chart->y, value);
}

static bool is_drawn(const tw_chart *chart, double value)
{
    return isfinite(value) && (!chart->y->log || value > 0.0);
}

static bool is_share(const tw_chart *chart)
{
    return chart->unit[0] == '%';
}

/* Ticks in the fewest digits that tell them apart. */
static void add_tick_text(tw_text *page, const tw_chart *chart, double value)
{
    if (is_share(chart))
        tw_text_add(page, "%.6g%%", 100.0 * value);
    else
        tw_text_add(page, "%.6g", value);
}

static void add_grid(tw_text *page, const tw_chart *chart)
{
    for (int i = 0; i < chart->y->n_ticks; i++) {
        double y = y_of(chart, chart->y->ticks[i]);

        tw_text_add(page, "<line class=\"grid\" x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\"/>",
                    LEFT, y, RIGHT, y);
        tw_text_add(page, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">", LEFT - 8, y + 4.0);
        add_tick_text(page, chart, chart->y->ticks[i]);
        tw_text_add(page, "</text>\n");
    }
    tw_text_add(page, "<line class=\"axis\" x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\"/>\n", LEFT,
                BOTTOM, RIGHT, BOTTOM);
    for (int i = 0; i < chart->x->n_ticks; i++)
        tw_text_add(page, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.0f</text>",
                    x_of(chart, chart->x->ticks[i]), BOTTOM + 18, chart->x->ticks[i]);
    tw_text_add(page, "\n<text x=\"%d\" y=\"%d\" text-anchor=\"end\">epoch</text>\n", RIGHT,
                HEIGHT - 3);
}

static void add_legend(tw_text *page, const tw_chart *chart, bool has_val)
{
    tw_text_add(page,
                "<text class=\"strong\" x=\"%d\" y=\"14\">%s%s</text>"
                "<line class=\"line train\" x1=\"218\" y1=\"10\" x2=\"244\" y2=\"10\"/>"
                "<text x=\"251\" y=\"14\">training</text>",
                4, chart->title, chart->y->log ? " (logarithmic)" : "");
    if (has_val)
        tw_text_add(page, "<line class=\"line val\" x1=\"326\" y1=\"10\" x2=\"352\" y2=\"10\"/>"
                          "<text x=\"359\" y=\"14\">validation</text>");
    tw_text_add(page, "\n");
}

static bool has_any(const tw_chart *chart, figure_of figure)
{
    for (int64_t i = 0; i < chart->n_epochs; i++)
        if (is_drawn(chart, figure(&chart->epochs[i])))
            return true;
    return false;
}

static void add_line(tw_text *page, const tw_chart *chart, figure_of figure, const char *kind)
{
    bool is_open = false;

    if (!has_any(chart, figure))
        return;
    tw_text_add(page, "<path class=\"line %s\" d=\"", kind);
    for (int64_t i = 0; i < chart->n_epochs; i++) {
        double value = figure(&chart->epochs[i]);

        if (is_drawn(chart, value))
            tw_text_add(page, "%s%.1f %.1f", is_open ? "L" : "M",
                        x_of(chart, (double)chart->epochs[i].epoch), y_of(chart, value));
        is_open = is_drawn(chart, value);
    }
    tw_text_add(page, "\"/>\n");
}

/* A point an epoch tells its number when one points at it. */
static void add_points(tw_text *page, const tw_chart *chart, figure_of figure, const char *kind,
                       const char *name)
{
    char number[TW_NUMBER_SIZE];

    for (int64_t i = 0; chart->n_epochs <= MAX_POINTS && i < chart->n_epochs; i++) {
        double value = figure(&chart->epochs[i]);

        if (!is_drawn(chart, value))
            continue;
        tw_text_add(page, "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"2.8\"><title>", kind,
                    x_of(chart, (double)chart->epochs[i].epoch), y_of(chart, value));
        tw_text_add(page, "epoch %lld, %s %s</title></circle>", (long long)chart->epochs[i].epoch,
                    name, tw_report__decimal(number, value));
    }
    tw_text_add(page, "\n");
}

static void add_kept(tw_text *page, const tw_chart *chart)
{
    for (int64_t i = 0; i < chart->n_epochs; i++) {
        const tw_report_epoch *epoch = &chart->epochs[i];
        double x = x_of(chart, (double)epoch->epoch), value = chart->val(epoch);

        if (epoch->epoch != chart->chosen)
            continue;
        tw_text_add(page, "<line class=\"kept\" x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\"/>", x,
                    TOP - 6, x, BOTTOM);
        if (!is_drawn(chart, value))
            value = chart->train(epoch);
        if (is_drawn(chart, value))
            tw_text_add(page, "<circle class=\"ring\" cx=\"%.1f\" cy=\"%.1f\" r=\"5\"/>", x,
                        y_of(chart, value));
        tw_text_add(page, "\n");
    }
}

void tw_report__add_chart(tw_text *page, const tw_chart *chart)
{
    bool has_val = has_any(chart, chart->val);

    tw_text_add(page,
                "<figure class=\"chart\">\n<svg viewBox=\"0 0 %d %d\" role=\"img\">\n<title>%s of "
                "each epoch; the numbers are in the table below</title>\n",
                WIDTH, HEIGHT, chart->title);
    add_grid(page, chart);
    add_legend(page, chart, has_val);
    add_line(page, chart, chart->train, "train");
    add_points(page, chart, chart->train, "train", "training");
    add_line(page, chart, chart->val, "val");
    add_points(page, chart, chart->val, "val", "validation");
    add_kept(page, chart);
    tw_text_add(page, "</svg>\n</figure>\n");
}
