/*
 * How far probabilities can be believed: of the answers said with a probability in one of 15 bins,
 * the share that is right, beside the line on which both are the same.
 */
#include "report/report_int.h"

enum { WIDTH = 460, HEIGHT = 300, LEFT = 48, RIGHT = 448, TOP = 16, BOTTOM = 254 };

static double x_of(double probability)
{
    return LEFT + (RIGHT - LEFT) * probability;
}

static double y_of(double share)
{
    return BOTTOM - (BOTTOM - TOP) * share;
}

static void add_axes(tw_text *page)
{
    const tw_axis *axis = &tw_report__share_axis;

    for (int i = 0; i < axis->n_ticks; i++) {
        double at = axis->ticks[i], y = y_of(at);

        tw_text_add(page, "<line class=\"grid\" x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\"/>",
                    LEFT, y, RIGHT, y);
        tw_text_add(page, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.0f%%</text>", LEFT - 8,
                    y + 4.0, 100.0 * at);
        tw_text_add(page, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"%s\">%.0f%%</text>\n", x_of(at),
                    BOTTOM + 18, i < axis->n_ticks - 1 ? "middle" : "end", 100.0 * at);
    }
    tw_text_add(page, "<line class=\"axis\" x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\"/>\n", LEFT,
                BOTTOM, RIGHT, BOTTOM);
    tw_text_add(page,
                "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">probability of the class that the "
                "model says</text>\n",
                RIGHT, HEIGHT - 6);
    tw_text_add(page, "<line class=\"kept\" x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\"/>\n", LEFT,
                BOTTOM, RIGHT, TOP);
}

static void add_bars(tw_text *page, const tw_evaluation *evaluation)
{
    enum { GAP = 2 };
    char n[TW_NUMBER_SIZE];

    for (int i = 0; i < TW_CALIBRATION_BINS; i++) {
        const tw_calibration_bin *bin = &evaluation->bins[i];
        double x = x_of((double)i / TW_CALIBRATION_BINS);
        double width = (double)(RIGHT - LEFT) / TW_CALIBRATION_BINS - GAP;
        double right, sure;

        if (bin->n == 0)
            continue;
        right = (double)bin->correct / (double)bin->n;
        sure = bin->confidence / (double)bin->n;
        tw_text_add(page,
                    "<rect class=\"band\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>",
                    x + GAP / 2.0, y_of(right), width, BOTTOM - y_of(right));
        tw_text_add(page,
                    "<circle class=\"dot\" cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\"><title>%s pictures: "
                    "%.1f%% right, said with %.1f%%</title></circle>\n",
                    x_of(sure), y_of(right), tw_report__count(n, bin->n), 100.0 * right,
                    100.0 * sure);
    }
}

static void add_table(tw_text *page, const tw_figures *figures)
{
    const tw_evaluation *evaluation = &figures->answers.evaluation;
    char n[TW_NUMBER_SIZE];

    tw_text_add(page, "<div class=\"scroll\"><table><thead><tr><th scope=\"col\" class=\"l\">"
                      "probability</th><th scope=\"col\">pictures</th><th scope=\"col\">said with"
                      "</th><th scope=\"col\">right</th></tr></thead>\n<tbody>\n");
    for (int i = 0; i < TW_CALIBRATION_BINS; i++) {
        const tw_calibration_bin *bin = &evaluation->bins[i];

        if (bin->n == 0)
            continue;
        tw_text_add(page, "<tr><td class=\"l\">%s to ",
                    tw_report__probability(n, (double)i / TW_CALIBRATION_BINS));
        tw_text_add(page, "%s</td>", tw_report__probability(n, (i + 1.0) / TW_CALIBRATION_BINS));
        tw_text_add(page, "<td>%s</td>", tw_report__count(n, bin->n));
        tw_text_add(page, "<td>%s</td>",
                    tw_report__percent(n, figures, bin->confidence / (double)bin->n));
        tw_text_add(page, "<td>%s</td></tr>\n",
                    tw_report__percent(n, figures, (double)bin->correct / (double)bin->n));
    }
    tw_text_add(page, "</tbody></table></div>\n");
}

void tw_report__add_calibration(tw_text *page, const tw_figures *figures)
{
    const tw_evaluation *evaluation = &figures->answers.evaluation;

    tw_text_add(page,
                "<section id=\"calibration\">\n<h2>How sure it is</h2>\n<p class=\"hint\">Of the "
                "pictures said with a probability, the share that is right. On the dashed line "
                "both are the same; below it the model is too sure, above it not sure enough. The "
                "calibration error, their mean distance, is %.2f%%. <code>topwork calibrate</code> "
                "makes it smaller.</p>\n<div class=\"charts\">\n",
                100.0 * evaluation->ece);
    tw_text_add(page,
                "<figure class=\"chart\">\n<svg viewBox=\"0 0 %d %d\" role=\"img\">\n<title>Share "
                "of right answers by their probability; the numbers are in the table</title>\n",
                WIDTH, HEIGHT);
    add_axes(page);
    add_bars(page, evaluation);
    tw_text_add(page, "</svg>\n</figure>\n");
    add_table(page, figures);
    tw_text_add(page, "</div>\n</section>\n");
}
