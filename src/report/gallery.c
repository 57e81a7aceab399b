/*
 * Pictures with what the model says of them: a fixed choice of samples, and the worst mistakes.
 */
#include "report/report_int.h"

enum { PIXELS_TO = 64 /* pictures up to this size show their pixels */ };

static void add_picture(tw_text *page, const tw_shown *shown)
{
    bool is_tiny = shown->width <= PIXELS_TO && shown->height <= PIXELS_TO;

    if (!shown->png) {
        tw_text_add(page, "<div class=\"shot\">no picture</div>");
        return;
    }
    tw_text_add(page, "<div class=\"shot\"><img%s width=\"%d\" height=\"%d\" alt=\"picture ",
                is_tiny ? " class=\"px\"" : "", shown->width, shown->height);
    tw_report__escape(page, shown->name);
    tw_text_add(page, "\" src=\"data:image/png;base64,%s\"></div>", shown->png);
}

static void add_card(tw_text *page, const tw_evaluation *evaluation, const tw_shown *shown)
{
    const tw_row *row = &shown->row;
    const char *label = evaluation->names[row->label];
    bool is_right = row->label == row->predicted;
    char number[TW_NUMBER_SIZE];

    tw_text_add(page, "<figure class=\"card%s\">", is_right ? "" : " wrong");
    add_picture(page, shown);
    tw_text_add(page, "<figcaption class=\"%s\"><b>%s ", is_right ? "yes" : "no",
                is_right ? "\xE2\x9C\x93" : "\xE2\x9C\x97"); /* check mark, cross */
    tw_report__escape(page, evaluation->names[row->predicted]);
    tw_text_add(page, "</b>p\xC2\xA0%s", tw_report__probability(number, row->p_predicted));
    if (!is_right) {
        tw_text_add(page, "<br>is ");
        tw_report__escape(page, label);
        tw_text_add(page, ", p\xC2\xA0%s", tw_report__probability(number, row->p_label));
    }
    tw_report__element(page, "span class=\"name\"", shown->name);
    tw_text_add(page, "</figcaption></figure>\n");
}

static void add_gallery(tw_text *page, const tw_figures *figures, const tw_shown *list, int n)
{
    tw_text_add(page, "<div class=\"gallery\">\n");
    for (int i = 0; i < n; i++)
        add_card(page, &figures->answers.evaluation, &list[i]);
    tw_text_add(page, "</div>\n");
}

void tw_report__add_samples(tw_text *page, const tw_figures *figures)
{
    tw_text_add(page,
                "<section id=\"samples\">\n<h2>Samples</h2>\n<p class=\"hint\">Spread evenly "
                "over the classes and over the pictures of each, right and wrong as they "
                "fall. Below each picture is what the model says and its probability p.</p>\n");
    if (figures->no_pictures) {
        tw_text_add(page, "<p class=\"note\">Not all pictures could be shown: ");
        tw_report__escape(page, figures->no_pictures);
        tw_text_add(page, "</p>\n<br>\n");
    }
    add_gallery(page, figures, figures->answers.samples, figures->answers.n_samples);
    tw_text_add(page, "</section>\n");
}

void tw_report__add_mistakes(tw_text *page, const tw_figures *figures)
{
    const tw_answers *answers = &figures->answers;
    char n[TW_NUMBER_SIZE];

    tw_text_add(page, "<section id=\"mistakes\">\n<h2>The worst mistakes</h2>\n<p class=\"hint\">");
    if (answers->n_mistakes == 0) {
        tw_text_add(page, "There are none: every picture is in its class.</p>\n</section>\n");
        return;
    }
    tw_text_add(page, "Of %s in all, those that give their true class the least probability.</p>\n",
                tw_report__count(n, answers->n_mistakes));
    add_gallery(page, figures, answers->mistakes, answers->n_shown_mistakes);
    tw_text_add(page, "</section>\n");
}
