/*
 * The report as its recipe: read the run's figures, write report.json, then report.html, section
 * by section. Nothing is computed twice: both come from the same struct.
 */
#include <tw/report.h>

#include "report/report_int.h"

#include "base/fail.h"
#include "base/memory.h"

static tw_status write_text(const tw_figures *figures, const char *name, const tw_text *text,
                            tw_error *err)
{
    tw_status rc;
    char *path = tw_path_join(figures->run, name);

    if (!path || text->failed)
        rc = tw_fail(err, TW_ENOMEM, "no memory to write %s", name);
    else
        rc = tw_file_write(path, text->text, text->n, err);
    tw_free(path);
    return rc;
}

static tw_status write_record(const tw_figures *figures, tw_error *err)
{
    tw_status rc;
    tw_text text = {0};
    tw_json *json = tw_report__record_make(figures);
    char *dump = json ? tw_json_dump(json, 1) : NULL;

    if (dump)
        tw_text_add(&text, "%s\n", dump);
    else
        text.failed = true;
    rc = write_text(figures, "report.json", &text, err);
    tw_text_free(&text);
    tw_free(dump);
    tw_json_free(json);
    return rc;
}

static void add_head(tw_text *page, const tw_figures *figures)
{
    tw_text_add(page, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                      "<meta name=\"color-scheme\" content=\"light dark\">\n<title>");
    tw_report__escape(page, figures->run);
    tw_text_add(page, " - topwork</title>\n");
    tw_report__add_style(page);
    tw_text_add(page, "</head>\n<body>\n");
}

static void add_foot(tw_text *page, const tw_figures *figures)
{
    tw_text_add(page, "</main>\n<footer><p>Made from the files of the run");
    if (figures->journal.version) {
        tw_text_add(page, " by topwork ");
        tw_report__escape(page, figures->journal.version);
    }
    tw_text_add(page, ". Every number on this page is also in <code>report.json</code> beside it; "
                      "the epochs are in <code>history.csv</code>, the prediction of every picture "
                      "in <code>predictions.csv</code>, times in <code>log.jsonl</code>.</p>"
                      "</footer>\n</body>\n</html>\n");
}

static tw_status write_page(const tw_figures *figures, tw_error *err)
{
    tw_status rc;
    tw_text page = {0};
    bool has_predictions = figures->answers.evaluation.n > 0;

    add_head(&page, figures);
    tw_report__add_headline(&page, figures);
    tw_report__add_run(&page, figures);
    if (tw_report__has_curves(figures))
        tw_report__add_curves(&page, figures);
    tw_report__add_rates(&page, figures);
    if (figures->n_rates == 0)
        tw_report__add_matrix(&page, figures);
    if (has_predictions) {
        tw_report__add_classes(&page, figures);
        if (figures->compared_with)
            tw_report__add_changes(&page, figures);
        tw_report__add_calibration(&page, figures);
        tw_report__add_samples(&page, figures);
        tw_report__add_mistakes(&page, figures);
    }
    tw_report__add_plan(&page, figures);
    tw_report__add_costs(&page, figures);
    add_foot(&page, figures);
    rc = write_text(figures, "report.html", &page, err);
    tw_text_free(&page);
    return rc;
}

tw_status tw_report_write(const char *run, const char *data, tw_error *err)
{
    return tw_report_write_compared(run, data, NULL, err);
}

tw_status tw_report_write_compared(const char *run, const char *data, const char *with,
                                   tw_error *err)
{
    tw_status rc;
    tw_figures figures;

    if ((rc = tw_report__figures_read(&figures, run, data, with, err)))
        return rc;
    if (!(rc = write_record(&figures, err)))
        rc = write_page(&figures, err);
    tw_report__figures_free(&figures);
    return rc;
}
