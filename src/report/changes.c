/*
 * What changed against an earlier run: one line that says whether it means anything, the classes,
 * the pictures that changed sides.
 */
#include "report/report_int.h"

enum { MOST = 24 /* pictures of each side */ };

static double share(int64_t part, int64_t whole)
{
    return (double)part / (double)whole;
}

static void add_classes(tw_text *page, const tw_figures *figures)
{
    const tw_comparison *found = &figures->comparison;
    char number[TW_NUMBER_SIZE];

    tw_text_add(page, "<div class=\"scroll\"><table><thead><tr><th scope=\"col\" class=\"l\">class"
                      "</th><th scope=\"col\">pictures</th><th scope=\"col\">recall before</th>"
                      "<th scope=\"col\">now</th></tr></thead>\n<tbody>\n");
    for (int i = 0; i < found->n_classes; i++) {
        const tw_class_change *class = &found->classes[i];

        tw_text_add(page, "<tr>");
        tw_report__element(page, "th scope=\"row\" class=\"l wide\"", class->name);
        tw_text_add(page, "<td>%s</td>", tw_report__count(number, class->n));
        tw_text_add(page, "<td>%s</td>",
                    tw_report__percent(number, figures, share(class->right_before, class->n)));
        tw_text_add(page, "<td>%s</td></tr>\n",
                    tw_report__percent(number, figures, share(class->right, class->n)));
    }
    tw_text_add(page, "</tbody></table></div>\n");
}

static void add_pictures(tw_text *page, const tw_comparison *found, int is_right)
{
    int64_t n = is_right ? found->newly_right : found->newly_wrong, shown = 0;
    char number[TW_NUMBER_SIZE];

    if (n == 0)
        return;
    tw_text_add(page, "<details><summary>Newly %s: %s</summary>\n", is_right ? "right" : "wrong",
                tw_report__count(number, n));
    tw_text_add(page, "<div class=\"scroll\"><table><thead><tr><th scope=\"col\" class=\"l\">"
                      "picture</th><th scope=\"col\" class=\"l\">is</th><th scope=\"col\" "
                      "class=\"l\">before</th><th scope=\"col\" class=\"l\">now</th></tr></thead>\n"
                      "<tbody>\n");
    for (int64_t i = 0; i < found->n_changes && shown < MOST; i++) {
        const tw_change *change = &found->changes[i];

        if (change->is_right != is_right)
            continue;
        tw_text_add(page, "<tr>");
        tw_report__element(page, "td class=\"l wide\"", change->name);
        tw_report__element(page, "td class=\"l wide\"", change->label);
        tw_report__element(page, "td class=\"l wide\"", change->before);
        tw_report__element(page, "td class=\"l wide\"", change->after);
        tw_text_add(page, "</tr>\n");
        shown++;
    }
    tw_text_add(page, "</tbody></table></div></details>\n");
}

void tw_report__add_changes(tw_text *page, const tw_figures *figures)
{
    const tw_comparison *found = &figures->comparison;
    char a[TW_NUMBER_SIZE], b[TW_NUMBER_SIZE];

    tw_text_add(page,
                "<section id=\"changes\">\n<h2>What changed</h2>\n<p class=\"hint\">Against ");
    tw_report__escape(page, figures->compared_with);
    tw_text_add(page, ", on the %s pictures in both: accuracy %s before, ",
                tw_report__count(a, found->n),
                tw_report__percent(b, figures, share(found->right_before, found->n)));
    tw_text_add(page, "%s now. ", tw_report__percent(a, figures, share(found->right, found->n)));
    tw_text_add(page, "%s are newly right and %s newly wrong; ",
                tw_report__count(a, found->newly_right), tw_report__count(b, found->newly_wrong));
    tw_text_add(page,
                "if both were as good, chance alone would be as lopsided with p = %s (McNemar's "
                "exact test).</p>\n",
                tw_report__probability(a, found->p));
    add_classes(page, figures);
    add_pictures(page, found, 1);
    add_pictures(page, found, 0);
    tw_text_add(page, "</section>\n");
}
