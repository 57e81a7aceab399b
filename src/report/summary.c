/*
 * The top of the page: how good the model is, on which pictures, beside what; and what was run,
 * with the command that repeats it.
 */
#include "report/report_int.h"

#include <stdio.h>
#include <string.h>

/* ---- the accuracy */

static void add_part(tw_text *page, const tw_figures *figures)
{
    const tw_journal *journal = &figures->journal;
    char n[TW_NUMBER_SIZE], limit[TW_NUMBER_SIZE];

    tw_text_add(page, "%s ", tw_report__count(n, figures->answers.evaluation.n));
    if (!figures->is_known_part) {
        tw_text_add(page, "pictures");
        return;
    }
    if (!strcmp(journal->by, "train")) {
        tw_text_add(page, "validation pictures of the run");
        return;
    }
    if (strcmp(journal->part, "all") != 0) {
        tw_report__escape(page, journal->part);
        tw_text_add(page, " ");
    }
    tw_text_add(page, "pictures of ");
    tw_report__escape(page, journal->of_data ? journal->of_data : "the data");
    if (journal->limit > 0)
        tw_text_add(page, ", the first %s", tw_report__count(limit, journal->limit));
}

/* The interval on a line from 0 to 1, with the baseline as a mark. */
static void add_scale(tw_text *page, const tw_figures *figures)
{
    const tw_evaluation *evaluation = &figures->answers.evaluation;
    const double width = 320.0;
    double base = (double)evaluation->classes[figures->baseline].support / (double)evaluation->n;

    tw_text_add(page,
                "<svg class=\"scale\" viewBox=\"0 0 332 40\" role=\"img\">"
                "<title>The accuracy with its "
                "interval, and the baseline as a mark, from none to all pictures right</title>"
                "<rect class=\"track\" x=\"6\" y=\"9\" width=\"%.0f\" height=\"8\" rx=\"4\"/>",
                width);
    tw_text_add(page, "<rect class=\"band\" x=\"%.1f\" y=\"9\" width=\"%.1f\" height=\"8\"/>",
                6.0 + width * evaluation->low, width * (evaluation->high - evaluation->low));
    tw_text_add(page, "<line class=\"mark\" x1=\"%.1f\" y1=\"4\" x2=\"%.1f\" y2=\"22\"/>",
                6.0 + width * base, 6.0 + width * base);
    tw_text_add(page, "<text class=\"tiny\" x=\"%.1f\" y=\"36\" text-anchor=\"%s\">baseline</text>",
                6.0 + width * base,
                base < 0.1   ? "start"
                : base > 0.9 ? "end"
                             : "middle");
    tw_text_add(page, "<circle class=\"dot\" cx=\"%.1f\" cy=\"13\" r=\"6\"/></svg>\n",
                6.0 + width * evaluation->accuracy);
}

static void add_accuracy(tw_text *page, const tw_figures *figures)
{
    const tw_evaluation *evaluation = &figures->answers.evaluation;
    char a[TW_NUMBER_SIZE], b[TW_NUMBER_SIZE];

    tw_text_add(page, "<div>\n<p class=\"label\">Accuracy</p>\n<p class=\"big\">%s</p>\n",
                tw_report__percent(a, figures, evaluation->accuracy));
    add_scale(page, figures);
    tw_text_add(page, "<p>95\xC2\xA0%% interval: %s to %s</p>\n<p class=\"hint\">on ",
                tw_report__percent(a, figures, evaluation->low),
                tw_report__percent(b, figures, evaluation->high));
    add_part(page, figures);
    tw_text_add(page, "</p>\n</div>\n");
}

static void add_no_accuracy(tw_text *page)
{
    tw_text_add(page, "<div>\n<p class=\"label\">Accuracy</p>\n<p class=\"big none\">not "
                      "measured</p>\n<p class=\"hint\">The run had no validation pictures and was "
                      "not evaluated: there is no predictions.csv. <code>topwork evaluate</code> "
                      "makes one, and this page again.</p>\n</div>\n");
}

/* Of a range test: where its loss was lowest. */
static void add_lowest(tw_text *page, const tw_figures *figures)
{
    const tw_rate *lowest = figures->rates;

    for (int64_t i = 1; i < figures->n_rates; i++)
        if (figures->rates[i].smoothed < lowest->smoothed)
            lowest = &figures->rates[i];
    tw_text_add(page,
                "<div>\n<p class=\"label\">Loss lowest at learning rate</p>\n<p class=\"big\">"
                "%.2g</p>\n<p class=\"hint\">A range test: it trains nothing that is kept. A good "
                "rate is lower than this one, where the loss falls most steeply.</p>\n</div>\n",
                lowest->lr);
}

/* ---- beside it */

static void add_stat(tw_text *page, const char *name, const char *value, const char *more)
{
    tw_text_add(page, "<li><i>%s</i><b>%s</b>", name, value);
    tw_report__element(page, "small", more);
    tw_text_add(page, "</li>\n");
}

static void add_prediction_stats(tw_text *page, const tw_figures *figures)
{
    const tw_evaluation *evaluation = &figures->answers.evaluation;
    const tw_class_score *most = &evaluation->classes[figures->baseline];
    char a[TW_NUMBER_SIZE], b[TW_NUMBER_SIZE];
    tw_text more = {0};

    tw_text_add(&more, "always saying %s", most->name);
    add_stat(page, "Baseline",
             tw_report__percent(a, figures, (double)most->support / (double)evaluation->n),
             more.text);
    page->failed |= more.failed;
    tw_text_free(&more);
    add_stat(page, "Loss", tw_report__decimal(a, evaluation->loss), "cross-entropy");
    tw_text_add(&more, "of %s pictures", tw_report__count(b, evaluation->n));
    add_stat(page, "Mistakes", tw_report__count(a, figures->answers.n_mistakes), more.text);
    page->failed |= more.failed;
    tw_text_free(&more);
    add_stat(page, "Classes", tw_report__count(a, evaluation->n_classes), "to tell apart");
}

static void add_stats(tw_text *page, const tw_figures *figures)
{
    const tw_journal *journal = &figures->journal;
    char a[TW_NUMBER_SIZE], b[TW_NUMBER_SIZE], more[3 * TW_NUMBER_SIZE];

    tw_text_add(page, "<ul class=\"stats\">\n");
    if (figures->answers.evaluation.n > 0)
        add_prediction_stats(page, figures);
    snprintf(more, sizeof more, "pictures; %s for validation", tw_report__count(b, journal->n_val));
    add_stat(page, "Trained on", tw_report__count(a, journal->n_train), more);
    snprintf(more, sizeof more, "of %s became the model", tw_report__count(b, figures->n_epochs));
    if (figures->n_rates == 0)
        add_stat(page, "Epoch", tw_report__count(a, journal->epoch), more);
    snprintf(more, sizeof more, "parameters of %s",
             tw_report__count(b, journal->n_layers ? figures->n_params : -1));
    add_stat(page, "Trained", tw_report__count(a, journal->n_trained), more);
    add_stat(page, "Time", tw_report__seconds(a, figures->t_s), "from start to end");
    tw_text_add(page, "</ul>\n");
}

/* Why the figures may be too good. */
static void add_warning(tw_text *page, const tw_figures *figures)
{
    const char *text = NULL;

    if (!figures->is_known_part)
        text = "log.jsonl does not say which pictures predictions.csv is of. The model may have "
               "been trained or selected on them.";
    else if (!strcmp(figures->seen, "selected"))
        text = "The epoch that became the model was selected on these pictures, so expect a "
               "little less on new ones. topwork evaluate measures pictures that the run has not "
               "seen.";
    else if (!strcmp(figures->seen, "maybe"))
        text = "The model may have been trained or selected on these pictures: on new ones "
               "expect less.";
    if (figures->answers.evaluation.n > 0 && text)
        tw_text_add(page, "<p class=\"note\">%s</p>\n", text);
}

static void add_nav(tw_text *page, const tw_figures *figures)
{
    bool has_predictions = figures->answers.evaluation.n > 0;

    tw_text_add(page, "<nav aria-label=\"Sections\"><a href=\"#run\">What was run</a>");
    if (tw_report__has_curves(figures))
        tw_text_add(page, "<a href=\"#curves\">Curves</a>");
    if (figures->n_rates > 0)
        tw_text_add(page, "<a href=\"#rates\">Learning rate</a>");
    else
        tw_text_add(page, "<a href=\"#confusion\">Confusion</a>");
    if (has_predictions)
        tw_text_add(page, "<a href=\"#classes\">Classes</a>");
    if (has_predictions && figures->compared_with)
        tw_text_add(page, "<a href=\"#changes\">What changed</a>");
    if (has_predictions)
        tw_text_add(page, "<a href=\"#calibration\">How sure it is</a>"
                          "<a href=\"#samples\">Samples</a><a href=\"#mistakes\">Mistakes</a>");
    tw_text_add(page, "<a href=\"#plan\">Plan</a><a href=\"#costs\">Time and memory</a></nav>\n");
}

void tw_report__add_headline(tw_text *page, const tw_figures *figures)
{
    bool has_predictions = figures->answers.evaluation.n > 0;
    const tw_journal *journal = &figures->journal;

    tw_text_add(page,
                "<header>\n<p class=\"brand\"><svg viewBox=\"0 0 20 20\" aria-hidden=\"true\">"
                "<rect class=\"dot\" x=\"2\" y=\"2\" width=\"16\" height=\"4\" rx=\"1.5\"/>"
                "<rect class=\"band\" x=\"2\" y=\"8\" width=\"16\" height=\"4\" rx=\"1.5\"/>"
                "<rect class=\"band\" x=\"2\" y=\"14\" width=\"16\" height=\"4\" rx=\"1.5\"/>"
                "</svg>topwork report</p>\n");
    tw_report__element(page, "h1", figures->run);
    tw_report__element(page, "p class=\"lead\"", journal->data ? journal->data : "A run");
    add_nav(page, figures);
    tw_text_add(page, "</header>\n<main>\n<section id=\"result\" class=\"hero\" "
                      "aria-label=\"Result\">\n");
    if (has_predictions)
        add_accuracy(page, figures);
    else if (figures->n_rates > 0)
        add_lowest(page, figures);
    else
        add_no_accuracy(page);
    add_stats(page, figures);
    add_warning(page, figures);
    tw_text_add(page, "</section>\n");
}

/* ---- what was run */

static void add_fact(tw_text *page, const char *name, const char *text)
{
    if (!text)
        return;
    tw_text_add(page, "<dt>%s</dt>", name);
    tw_report__element(page, "dd", text);
    tw_text_add(page, "\n");
}

void tw_report__add_run(tw_text *page, const tw_figures *figures)
{
    const tw_journal *journal = &figures->journal;

    tw_text_add(page, "<section id=\"run\">\n<h2>What was run</h2>\n"
                      "<p class=\"hint\">This command repeats it. Where the numerics are the same, "
                      "so are the bytes of the model:</p>\n<pre><code>");
    tw_report__escape(page, figures->listing);
    tw_text_add(page, "</code></pre>\n<p class=\"hint\">So does this one, from the configuration "
                      "in the run folder:</p>\n<pre><code>");
    tw_report__escape(page, figures->repeat);
    tw_text_add(page, "</code></pre>\n<dl class=\"facts\">\n");
    add_fact(page, "Data", journal->data);
    add_fact(page, "Split", journal->split);
    add_fact(page, "Model", journal->model);
    add_fact(page, "Optimizer", journal->optimizer);
    add_fact(page, "Cache", journal->cache);
    add_fact(page, "Computed by", journal->compute);
    add_fact(page, "Started", journal->started);
    tw_text_add(page, "</dl>\n");
    for (int i = 0; i < journal->n_notes; i++)
        tw_report__element(page, "p class=\"note\"", journal->notes[i]);
    tw_text_add(page, "</section>\n");
}
