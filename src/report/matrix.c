/*
 * Which classes are taken for which: a heat map as a table, so that it can be read aloud, copied
 * and printed, and the most frequent pairs. Of more classes than a page is wide only the pairs.
 */
#include "report/report_int.h"

#include <math.h>

enum { SMALL_FROM = 16 /* classes from which the cells are small */, FEW_PAIRS = 8 };

static void add_cell(tw_text *page, const tw_evaluation *evaluation, int i, int j)
{
    static const double light_from = 0.78; /* letters are light on a ground as strong as that */
    int64_t n = evaluation->confusion[(int64_t)i * evaluation->n_classes + j];
    double share = n > 0 ? (double)n / (double)evaluation->classes[i].support : 0.0;
    double strength = 0.1 + 0.9 * sqrt(share);

    if (n == 0) {
        tw_text_add(page, "<td class=\"z\">0</td>");
        return;
    }
    tw_text_add(page, "<td class=\"%s%s\" style=\"--a:%.2f\" title=\"", i == j ? "d" : "x",
                strength > light_from ? " h" : "", strength);
    tw_report__escape(page, evaluation->names[i]);
    tw_text_add(page, " said to be ");
    tw_report__escape(page, evaluation->names[j]);
    tw_text_add(page, "\">%lld</td>", (long long)n);
}

static void add_table(tw_text *page, const tw_evaluation *evaluation)
{
    int n = evaluation->n_classes;

    tw_text_add(page,
                "<div class=\"scroll\" tabindex=\"0\"><table class=\"matrix%s\">\n"
                "<thead><tr><td class=\"z\"></td>",
                n > SMALL_FROM ? " small" : "");
    for (int j = 0; j < n; j++)
        tw_report__element(page, "th scope=\"col\"", evaluation->names[j]);
    tw_text_add(page, "</tr></thead>\n<tbody>\n");
    for (int i = 0; i < n; i++) {
        tw_text_add(page, "<tr>");
        tw_report__element(page, "th scope=\"row\"", evaluation->names[i]);
        for (int j = 0; j < n; j++)
            add_cell(page, evaluation, i, j);
        tw_text_add(page, "</tr>\n");
    }
    tw_text_add(page, "</tbody></table></div>\n");
}

static void add_pairs(tw_text *page, const tw_figures *figures, int most)
{
    const tw_answers *answers = &figures->answers;
    char n[TW_NUMBER_SIZE], share[TW_NUMBER_SIZE];

    tw_text_add(page, "<div class=\"pairs\"><h3>Most often confused</h3>\n");
    if (answers->n_pairs == 0) {
        tw_text_add(page, "<p>No picture is in a wrong class.</p></div>\n");
        return;
    }
    tw_text_add(page, "<div class=\"scroll\"><table><thead><tr><th scope=\"col\" class=\"l\">is"
                      "</th><th scope=\"col\" class=\"l\">said to be</th><th scope=\"col\">pictures"
                      "</th><th scope=\"col\">of its class</th></tr></thead>\n<tbody>\n");
    for (int i = 0; i < answers->n_pairs && i < most; i++) {
        const tw_pair *pair = &answers->pairs[i];

        tw_text_add(page, "<tr>");
        tw_report__element(page, "td class=\"l wide\"", answers->evaluation.names[pair->label]);
        tw_report__element(page, "td class=\"l wide\"", answers->evaluation.names[pair->predicted]);
        tw_text_add(page, "<td>%s</td><td>%s</td></tr>\n", tw_report__count(n, pair->n),
                    tw_report__percent(share, figures, tw_report__pair_share(answers, pair)));
    }
    tw_text_add(page, "</tbody></table></div></div>\n");
}

void tw_report__add_matrix(tw_text *page, const tw_figures *figures)
{
    const tw_evaluation *evaluation = &figures->answers.evaluation;
    char n[TW_NUMBER_SIZE];

    tw_text_add(page, "<section id=\"confusion\">\n<h2>Confusion</h2>\n");
    if (evaluation->n == 0) {
        tw_text_add(page, "<p class=\"hint\">There is no predictions.csv: no confusion matrix, no "
                          "table of classes, no pictures. <code>topwork evaluate</code> makes "
                          "them.</p>\n</section>\n");
        return;
    }
    if (evaluation->n_classes <= TW_REPORT_MATRIX) {
        tw_text_add(page, "<p class=\"hint\">Rows are what the pictures show, columns what the "
                          "model says. The stronger the colour, the larger the share of the "
                          "row: blue is right, red is wrong.</p>\n<div class=\"side\">\n");
        add_table(page, evaluation);
        add_pairs(page, figures, FEW_PAIRS);
        tw_text_add(page, "</div>\n</section>\n");
        return;
    }
    tw_text_add(page, "<p class=\"hint\">A matrix of %s classes does not fit on a page.</p>\n",
                tw_report__count(n, evaluation->n_classes));
    add_pairs(page, figures, TW_REPORT_PAIRS);
    tw_text_add(page, "</section>\n");
}
