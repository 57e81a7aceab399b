/*
 * The table of the classes: in their own order where they are few, the worst first in a block that
 * scrolls where they are many.
 */
#include "report/report_int.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int compare_scores(const void *a, const void *b)
{
    const tw_class_score *x = *(const tw_class_score *const *)a;
    const tw_class_score *y = *(const tw_class_score *const *)b;

    if (isnan(x->f1) != isnan(y->f1))
        return isnan(x->f1) ? 1 : -1;
    if (!isnan(x->f1) && x->f1 != y->f1)
        return x->f1 < y->f1 ? -1 : 1;
    return x < y ? -1 : x > y;
}

static void add_share(tw_text *page, const tw_figures *figures, double share)
{
    char number[TW_NUMBER_SIZE];

    if (isnan(share))
        tw_text_add(page, "<td>-</td>");
    else
        tw_text_add(page, "<td class=\"bar\" style=\"--v:%.3f\">%s</td>", share,
                    tw_report__percent(number, figures, share));
}

static void add_taken_for(tw_text *page, const tw_evaluation *evaluation, int c)
{
    int other = tw_report__taken_for(evaluation, c);

    tw_text_add(page, "<td class=\"l wide\">");
    if (other >= 0) {
        tw_report__escape(page, evaluation->names[other]);
        tw_text_add(page, " (%lld)",
                    (long long)evaluation->confusion[(int64_t)c * evaluation->n_classes + other]);
    } else {
        tw_text_add(page, "-");
    }
    tw_text_add(page, "</td></tr>\n");
}

static void add_row(tw_text *page, const tw_figures *figures, const tw_class_score *score)
{
    const tw_evaluation *evaluation = &figures->answers.evaluation;
    int c = (int)(score - evaluation->classes);
    char number[TW_NUMBER_SIZE];

    tw_text_add(page, "<tr>");
    tw_report__element(page, "th scope=\"row\" class=\"l wide\"", score->name);
    tw_text_add(page, "<td>%s</td>",
                tw_report__count(number, figures->trained_on ? figures->trained_on[c] : -1));
    tw_text_add(page, "<td>%s</td>", tw_report__count(number, score->support));
    tw_text_add(page, "<td>%s</td>", tw_report__count(number, score->correct));
    add_share(page, figures, score->precision);
    add_share(page, figures, score->recall);
    add_share(page, figures, score->f1);
    add_taken_for(page, evaluation, c);
}

void tw_report__add_classes(tw_text *page, const tw_figures *figures)
{
    const tw_evaluation *evaluation = &figures->answers.evaluation;
    int n = evaluation->n_classes;
    bool is_long = n > TW_REPORT_MATRIX;
    const tw_class_score **order = tw_calloc((size_t)n, sizeof *order);

    if (!order) {
        page->failed = true;
        return;
    }
    for (int c = 0; c < n; c++)
        order[c] = &evaluation->classes[c];
    if (is_long)
        qsort(order, (size_t)n, sizeof *order, compare_scores);

    tw_text_add(page,
                "<section id=\"classes\">\n<h2>Classes</h2>\n<p class=\"hint\">Precision: of the "
                "pictures said to be of a class, those that are. Recall: of the pictures of a "
                "class, those that are found. F1 is their harmonic mean.%s</p>\n",
                is_long ? " The worst come first." : "");
    tw_text_add(page,
                "<div class=\"scroll%s\" tabindex=\"0\"><table><thead><tr><th scope=\"col\" "
                "class=\"l\">class</th><th scope=\"col\">trained on</th><th scope=\"col\">pictures"
                "</th><th scope=\"col\">right</th><th scope=\"col\">precision</th><th "
                "scope=\"col\">recall</th><th scope=\"col\">F1</th><th scope=\"col\" class=\"l\">"
                "most often taken for</th></tr></thead>\n<tbody>\n",
                is_long ? " tall" : "");
    for (int c = 0; c < n; c++)
        add_row(page, figures, order[c]);
    tw_text_add(page, "</tbody></table></div>\n</section>\n");
    tw_free(order);
}
