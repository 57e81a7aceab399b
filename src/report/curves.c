/*
 * Loss and accuracy over the epochs, as charts and as numbers.
 */
#include "report/report_int.h"

static double loss_of(const tw_report_epoch *epoch)
{
    return epoch->loss;
}

static double val_loss_of(const tw_report_epoch *epoch)
{
    return epoch->val_loss;
}

static double accuracy_of(const tw_report_epoch *epoch)
{
    return epoch->accuracy;
}

static double val_accuracy_of(const tw_report_epoch *epoch)
{
    return epoch->val_accuracy;
}

static void add_charts(tw_text *page, const tw_figures *figures)
{
    tw_chart chart = {.title = "Loss",
                      .unit = "",
                      .x = &figures->epoch_axis,
                      .y = &figures->loss_axis,
                      .epochs = figures->epochs,
                      .n_epochs = figures->n_epochs,
                      .chosen = figures->journal.epoch,
                      .train = loss_of,
                      .val = val_loss_of};

    tw_text_add(page, "<div class=\"charts\">\n");
    tw_report__add_chart(page, &chart);
    chart.title = "Accuracy";
    chart.unit = "%";
    chart.y = &figures->accuracy_axis;
    chart.train = accuracy_of;
    chart.val = val_accuracy_of;
    tw_report__add_chart(page, &chart);
    tw_text_add(page, "</div>\n");
}

static void add_row(tw_text *page, const tw_figures *figures, const tw_report_epoch *epoch)
{
    char number[TW_NUMBER_SIZE];
    const double values[] = {epoch->loss, epoch->accuracy, epoch->val_loss, epoch->val_accuracy};

    tw_text_add(page, "<tr%s><th scope=\"row\">%lld</th>",
                epoch->epoch == figures->journal.epoch ? " class=\"kept-row\"" : "",
                (long long)epoch->epoch);
    for (int i = 0; i < 4; i++)
        tw_text_add(page, "<td>%s</td>", tw_report__decimal(number, values[i]));
    tw_text_add(page, "</tr>\n");
}

static void add_table(tw_text *page, const tw_figures *figures)
{
    tw_text_add(page,
                "<details><summary>The numbers of each epoch</summary>\n<div class=\"scroll tall\" "
                "tabindex=\"0\"><table><thead><tr><th scope=\"col\">epoch</th><th scope=\"col\">"
                "loss</th><th scope=\"col\">accuracy</th><th scope=\"col\">validation loss</th>"
                "<th scope=\"col\">validation accuracy</th></tr></thead>\n<tbody>\n");
    for (int64_t i = 0; i < figures->n_epochs; i++)
        add_row(page, figures, &figures->epochs[i]);
    tw_text_add(page, "</tbody></table></div></details>\n");
}

bool tw_report__has_curves(const tw_figures *figures)
{
    return figures->n_epochs > 0 || figures->n_rates == 0;
}

void tw_report__add_curves(tw_text *page, const tw_figures *figures)
{
    char epoch[TW_NUMBER_SIZE];

    tw_text_add(page, "<section id=\"curves\">\n<h2>Curves</h2>\n");
    if (figures->n_epochs == 0) {
        tw_text_add(page, "<p class=\"hint\">history.csv holds no epoch.</p>\n</section>\n");
        return;
    }
    tw_text_add(page, "<p class=\"hint\">Training figures are means over an epoch while the "
                      "weights change, dropout included; validation figures are those of its end.");
    if (figures->journal.epoch > 0)
        tw_text_add(page, " The dashed line is epoch %s, which became the model.",
                    tw_report__count(epoch, figures->journal.epoch));
    tw_text_add(page, "</p>\n");
    add_charts(page, figures);
    add_table(page, figures);
    tw_text_add(page, "</section>\n");
}
