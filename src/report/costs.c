/*
 * What the run was made of and what it cost: the plan table layer by layer, time and memory phase
 * by phase, planned beside measured.
 */
#include "report/report_int.h"

#include "tensor/tensor.h"

#include <math.h>
#include <string.h>

/* ---- the plan table */

static void add_layer(tw_text *page, const tw_layer *layer)
{
    char number[TW_NUMBER_SIZE], shape[128];

    tw_text_add(page, "<tr><td>%s</td>", tw_report__count(number, layer->index));
    tw_report__element(page, "th scope=\"row\" class=\"l\"", layer->name);
    tw_report__element(page, "td class=\"l\"", layer->type);
    tw_report__element(page, "td", tw_shape_text(shape, sizeof shape, &layer->output));
    tw_text_add(page, "<td>%s</td>", tw_report__count(number, layer->n_params));
    tw_text_add(page, "<td>%s</td>", tw_report__count(number, layer->macs));
    tw_text_add(page, "<td class=\"l\">%s</td></tr>\n",
                layer->n_params <= 0 ? ""
                : layer->trained     ? "<span class=\"tag on\">trained</span>"
                                     : "<span class=\"tag\">frozen</span>");
}

void tw_report__add_plan(tw_text *page, const tw_figures *figures)
{
    const tw_journal *journal = &figures->journal;
    char a[TW_NUMBER_SIZE], b[TW_NUMBER_SIZE], c[TW_NUMBER_SIZE];

    tw_text_add(page, "<section id=\"plan\">\n<h2>Plan</h2>\n");
    if (journal->n_layers == 0) {
        tw_text_add(page, "<p class=\"hint\">log.jsonl does not say what the layers were.</p>\n"
                          "</section>\n");
        return;
    }
    tw_text_add(page,
                "<p class=\"hint\">%s parameters, %s of them trained; %s multiply-adds a "
                "picture.</p>\n",
                tw_report__count(a, figures->n_params), tw_report__count(b, journal->n_trained),
                tw_report__count(c, figures->macs));
    tw_text_add(page, "<div class=\"scroll\" tabindex=\"0\"><table><thead><tr><th scope=\"col\">"
                      "index</th><th scope=\"col\" class=\"l\">layer</th><th scope=\"col\" "
                      "class=\"l\">type</th><th scope=\"col\">output</th><th scope=\"col\">"
                      "parameters</th><th scope=\"col\">multiply-adds</th><th scope=\"col\" "
                      "class=\"l\">state</th></tr></thead>\n<tbody>\n");
    for (int i = 0; i < journal->n_layers; i++)
        add_layer(page, &journal->layers[i]);
    tw_text_add(page, "</tbody></table></div>\n</section>\n");
}

/* ---- time and memory */

/* What people call a phase of the log. */
static const struct {
    const char *phase, *name;
} names[] = {
    {"prepare", "opening data and network"},
    {"features", "features from the frozen part"},
    {"train", "training"},
    {"lr-find", "learning rate range test"},
    {"model", "writing the model"},
    {"predict", "validation predictions"},
    {"evaluate", "evaluation, later"},
};
enum { N_NAME = sizeof names / sizeof *names };

static int colour_of(const tw_phase *phase, int otherwise)
{
    for (int i = 0; i < N_NAME; i++)
        if (!strcmp(names[i].phase, phase->name))
            return i;
    return otherwise % N_NAME;
}

static const char *name_of(const tw_phase *phase)
{
    for (int i = 0; i < N_NAME; i++)
        if (!strcmp(names[i].phase, phase->name))
            return names[i].name;
    return phase->name;
}

/* The phases as lengths; the table below has the numbers. */
static void add_bar(tw_text *page, const tw_journal *journal)
{
    const double length = 1000.0;
    double total = 0.0, x = 0.0;

    for (int i = 0; i < journal->n_phases; i++)
        if (journal->phases[i].t_s > 0.0)
            total += journal->phases[i].t_s;
    if (total <= 0.0)
        return;
    tw_text_add(page,
                "<svg class=\"time\" viewBox=\"0 0 %.0f 18\" preserveAspectRatio=\"none\" "
                "aria-hidden=\"true\">",
                length);
    for (int i = 0; i < journal->n_phases; i++) {
        double width = length * journal->phases[i].t_s / total;

        if (width > 0.0)
            tw_text_add(page,
                        "<rect class=\"c%d\" x=\"%.2f\" y=\"0\" width=\"%.2f\" height=\"18\"/>",
                        colour_of(&journal->phases[i], i), x, width);
        x += width > 0.0 ? width : 0.0;
    }
    tw_text_add(page, "</svg>\n");
}

static void add_phase(tw_text *page, const tw_journal *journal, int i)
{
    const tw_phase *phase = &journal->phases[i];
    bool is_features = !strcmp(phase->name, "features"), is_train = !strcmp(phase->name, "train");
    char number[TW_NUMBER_SIZE];
    double t_planned_s = is_features ? journal->t_extract_s
                         : is_train  ? journal->t_train_s
                                     : (double)NAN;
    int64_t planned = is_features ? journal->memory_extract : is_train ? journal->memory_train : -1;

    tw_text_add(
        page,
        "<tr><th scope=\"row\" class=\"l wide\"><svg class=\"key\" viewBox=\"0 0 8 8\" "
        "aria-hidden=\"true\"><rect class=\"c%d\" width=\"8\" height=\"8\" rx=\"2\"/></svg>",
        colour_of(phase, i));
    tw_report__escape(page, name_of(phase));
    tw_text_add(page, "</th><td>%s</td>", tw_report__seconds(number, phase->t_s));
    tw_text_add(page, "<td>%s</td>", tw_report__seconds(number, t_planned_s));
    tw_text_add(page, "<td>%s</td>", tw_report__count(number, phase->n_pictures));
    tw_text_add(page, "<td>%s</td>", tw_report__count(number, phase->n_trunk));
    tw_text_add(page, "<td>%s</td>", tw_report__bytes(number, phase->memory_peak));
    tw_text_add(page, "<td>%s</td></tr>\n", tw_report__bytes(number, planned));
}

static void add_phases(tw_text *page, const tw_journal *journal)
{
    tw_text_add(page, "<div class=\"scroll\" tabindex=\"0\"><table><thead><tr><th scope=\"col\" "
                      "class=\"l\">phase</th><th scope=\"col\">time</th><th scope=\"col\">"
                      "estimated</th><th scope=\"col\">pictures</th><th scope=\"col\">through the "
                      "trunk</th><th scope=\"col\">memory so far</th><th scope=\"col\">planned"
                      "</th></tr></thead>\n<tbody>\n");
    for (int i = 0; i < journal->n_phases; i++)
        add_phase(page, journal, i);
    tw_text_add(page, "</tbody></table></div>\n");
}

void tw_report__add_costs(tw_text *page, const tw_figures *figures)
{
    const tw_journal *journal = &figures->journal;
    char a[TW_NUMBER_SIZE], b[TW_NUMBER_SIZE], c[TW_NUMBER_SIZE];

    tw_text_add(page, "<section id=\"costs\">\n<h2>Time and memory</h2>\n");
    if (journal->n_phases == 0) {
        tw_text_add(page, "<p class=\"hint\">log.jsonl does not say what the phases took.</p>\n"
                          "</section>\n");
        return;
    }
    tw_text_add(page,
                "<p class=\"hint\">Memory so far is the most that the whole process held up "
                "to the end of the phase, mapped files and libraries included; planned is "
                "what topwork itself allocates, which the limit of %s bounds.</p>\n",
                tw_report__bytes(a, journal->memory_limit));
    add_bar(page, journal);
    add_phases(page, journal);
    tw_text_add(page,
                "<p class=\"hint\">The run took %s. On disk: at most %s for the cache, %s "
                "for the run.</p>\n</section>\n",
                tw_report__seconds(a, figures->t_s), tw_report__bytes(b, journal->disk_cache),
                tw_report__bytes(c, journal->disk_run));
}
