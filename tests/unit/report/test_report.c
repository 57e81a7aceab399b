/* The report of a made-up run: exact figures, a page that is valid whatever the names are, every
 * number of it in report.json, and a sentence for each file that is missing or damaged. */
#include "run_maker.h"

#include "html_check.h"

static tw_status write_report(const run_maker *maker, tw_error *err)
{
    return tw_report_write(maker->run, maker->data, err);
}

/* Writes the report and checks what holds for every page. Free with tw_free. */
static char *make_compared_page(const run_maker *maker, const char *with)
{
    char *page, *record, which[128];
    const char *wrong;

    assert_ok(tw_report_write_compared(maker->run, maker->data, with, e));
    page = maker_read(maker, "report.html");
    record = maker_read(maker, "report.json");
    if ((wrong = html_wrong(page)))
        fail_msg("%s", wrong);
    if (html_unknown_numbers(page, record, which))
        fail_msg("not in report.json: %s", which);
    assert_null(strstr(page, "http"));
    assert_null(strstr(page, "<script"));
    tw_free(record);
    return page;
}

static char *make_page(const run_maker *maker)
{
    return make_compared_page(maker, NULL);
}

static void assert_has(const char *page, const char *part)
{
    if (!strstr(page, part))
        fail_msg("the page lacks: %s", part);
}

static void assert_lacks(const char *page, const char *part)
{
    if (strstr(page, part))
        fail_msg("the page has: %s", part);
}

static int count_of(const char *page, const char *part)
{
    int n = 0;

    for (const char *p = page; (p = strstr(p, part)); p++)
        n++;
    return n;
}

static tw_json *read_record(const run_maker *maker)
{
    char *text = maker_read(maker, "report.json");
    tw_json *json;

    assert_ok(tw_json_parse(&json, text, strlen(text), "report.json", e));
    tw_free(text);
    return json;
}

static double number_in(const tw_json *json, const char *key)
{
    double value;

    if (!tw_json_f64(&value, tw_json_get(json, key)))
        fail_msg("no number %s", key);
    return value;
}

static void assert_near(double value, double expected, double limit)
{
    if (!(fabs(value - expected) <= limit))
        fail_msg("%.12g is not %.12g", value, expected);
}

static void assert_text_in(const tw_json *json, const char *key, const char *expected)
{
    const char *text;

    assert_true(tw_json_string(&text, tw_json_get(json, key)));
    assert_string_equal(text, expected);
}

/* ---- the readers of this test can fail */

static void test_the_checks_see_what_is_wrong(void **state)
{
    static const char *const bad[] = {
        "<!DOCTYPE html>\n<html><head></head><body><header><p>a</header></body></html>",
        "<!DOCTYPE html>\n<html><body><header><p>a & b</p></header></body></html>",
        "<!DOCTYPE html>\n<html><body><header><p class=x>a</p></header></body></html>",
        "<!DOCTYPE html>\n<html><body><header id=\"a\"></header><main "
        "id=\"a\"></main></body></html>",
        "<!DOCTYPE html>\n<html><body><header><script>1</script></header></body></html>",
        "<!DOCTYPE html>\n<html><body><header><nav><a "
        "href=\"#b\">1</a></nav></header></body></html>",
        "<!DOCTYPE html>\n<html><body><header><nav><a "
        "href=\"x\">1</a></nav></header></body></html>",
        "<!DOCTYPE html>\n<html><body><header><p>\xff</p></header></body></html>",
        "<html></html>"};
    char which[128];

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_non_null(html_wrong(bad[i]));
    assert_null(html_wrong("<!DOCTYPE html>\n<html><body><header id=\"a\"><p class=\"x\">a &amp; b"
                           "</p><nav><a href=\"#a\">1</a></nav></header></body></html>"));
    assert_int_equal(
        html_unknown_numbers("</style><p>0.71 of 12,345</p>", "{\"a\":0.7123,\"b\":12345}", which),
        0);
    assert_int_equal(
        html_unknown_numbers("</style><p>0.72 of 12,346</p>", "{\"a\":0.7123,\"b\":12345}", which),
        2);
    assert_string_equal(which, "0.72 in: 0.72 of 12,346");
}

/* ---- figures */

static void test_exact_figures(void **state)
{
    const run_maker *maker = *state;
    const tw_json *evaluated, *bee, *worst;
    tw_json *json;

    maker_reset(maker);
    tw_free(make_page(maker));
    json = read_record(maker);
    evaluated = tw_json_get(json, "evaluated");
    assert_text_in(evaluated, "part", "val");
    assert_text_in(evaluated, "seen", "selected");
    assert_near(number_in(evaluated, "pictures"), 8, 0);
    assert_near(number_in(evaluated, "mistakes"), 3, 0);
    assert_near(number_in(evaluated, "accuracy"), 0.625, 0);
    assert_near(number_in(evaluated, "low"), 0.305745, 1e-5); /* Wilson, 5 of 8 */
    assert_near(number_in(evaluated, "high"), 0.863157, 1e-5);
    assert_near(number_in(evaluated, "loss"), 0.8125, 0);
    assert_near(number_in(tw_json_get(evaluated, "baseline"), "accuracy"), 0.375, 0);
    assert_text_in(tw_json_get(evaluated, "baseline"), "class", "ant");

    bee = tw_json_at(tw_json_get(json, "classes"), 1);
    assert_near(number_in(bee, "training_pictures"), 1, 0);
    assert_near(number_in(bee, "precision"), 0.5, 0);
    assert_near(number_in(bee, "recall"), 2.0 / 3.0, 1e-12);
    assert_near(number_in(bee, "f1"), 4.0 / 7.0, 1e-12);
    assert_text_in(tw_json_get(bee, "taken_for"), "class", "ant");

    worst = tw_json_get(json, "worst");
    assert_int_equal(tw_json_count(worst), 3);
    assert_text_in(tw_json_at(worst, 0), "name", "val/bee/1.png");
    assert_text_in(tw_json_at(worst, 1), "name", "val/cat/1.png");
    assert_text_in(tw_json_at(worst, 2), "name", "val/ant/1.png");
    assert_near(number_in(tw_json_at(worst, 2), "loss"), log(4.0), 1e-9);
    assert_near(number_in(json, "t_s"), 75.0, 1e-9);
    assert_near(number_in(json, "parameters"), 2595, 0);
    tw_json_free(json);
}

static void test_the_page_says_them(void **state)
{
    const run_maker *maker = *state;
    char *page, command[512];

    maker_reset(maker);
    page = make_page(maker);
    assert_has(page, "<p class=\"big\">62.5\xC2\xA0%</p>");
    assert_has(page, "interval: 30.6\xC2\xA0% to 86.3\xC2\xA0%");
    assert_has(page, "on 8 validation pictures of the run");
    assert_has(page, "selected on these pictures");
    assert_has(page, "always saying ant");
    assert_has(page, "1 min 15 s");
    assert_has(page, "no training picture of class &lt;zebra&gt;");
    assert_has(page, "481 MB");
    assert_has(page, "The dashed line is epoch 2");
    assert_int_equal(count_of(page, "<td class=\"d"), 3);
    assert_int_equal(count_of(page, "<td class=\"x"), 3);
    assert_int_equal(count_of(page, "<figure class=\"card"), 8 + 3);
    assert_int_equal(count_of(page, "src=\"data:image/png;base64,iVBORw0KGgo"), 8 + 3);
    assert_int_equal(count_of(page, "<circle class=\"val\""), 6);
    snprintf(
        command, sizeof command,
        "topwork train %s \\\n    --model vgg16 \\\n    --weights &#39;my weights.h5&#39; \\\n  "
        "  --top &#39;32 relu&#39; \\\n    --epochs 3 \\\n    --optimizer sgd \\\n    --lr 0.01 "
        "\\\n    --momentum 0.9 \\\n    --nesterov \\\n    -o %s\n",
        maker->data, maker->run);
    command[strlen(command) - 1] = '\0';
    assert_has(page, command);
    tw_free(page);
}

static void test_the_same_bytes_twice(void **state)
{
    const run_maker *maker = *state;
    char *page, *record, *page_2, *record_2;

    maker_reset(maker);
    page = make_page(maker);
    record = maker_read(maker, "report.json");
    page_2 = make_page(maker);
    record_2 = maker_read(maker, "report.json");
    assert_string_equal(page, page_2);
    assert_string_equal(record, record_2);
    tw_free(page);
    tw_free(record);
    tw_free(page_2);
    tw_free(record_2);
}

/* ---- whose figures */

static void test_an_evaluation_takes_the_place(void **state)
{
    const run_maker *maker = *state;
    char *page, log[8192];

    maker_reset(maker);
    snprintf(log, sizeof log,
             "%s{\"event\":\"phase\",\"phase\":\"evaluate\",\"t_s\":4.5,\"pictures\":8,"
             "\"through_trunk\":8,\"memory_peak\":5}\n{\"event\":\"predictions\",\"by\":"
             "\"evaluate\",\"part\":\"test\",\"data\":\"photos\",\"limit\":8,\"pictures\":8,"
             "\"correct\":5,\"loss\":0.75}\n",
             maker_log);
    maker_write(maker, "log.jsonl", log);
    page = make_page(maker);
    assert_has(page, "on 8 test pictures of photos, the first 8");
    assert_has(page, "evaluation, later");
    assert_has(page, "0.7500");
    assert_lacks(page, "<p class=\"note\">The ");
    tw_free(page);
}

static void test_predictions_of_unknown_pictures(void **state)
{
    const run_maker *maker = *state;
    char *page, *text;
    tw_json *json;

    maker_reset(maker);
    text = strdup(maker_log);
    memcpy(strstr(text, "\"correct\":5"), "\"correct\":4", 11);
    maker_write(maker, "log.jsonl", text);
    free(text);
    page = make_page(maker);
    assert_has(page, "log.jsonl does not say which pictures predictions.csv is of");
    json = read_record(maker);
    /* the loss is then that of the rows */
    assert_near(number_in(tw_json_get(json, "evaluated"), "loss"), 1.341741, 1e-5);
    tw_json_free(json);
    tw_free(page);
}

static void test_a_run_without_predictions(void **state)
{
    const run_maker *maker = *state;
    char *page;

    maker_reset(maker);
    maker_remove(maker, "predictions.csv");
    maker_write(maker, "history.csv",
                "epoch,loss,accuracy,val_loss,val_accuracy\n1,1.5,0.40625,,\n");
    page = make_page(maker);
    assert_has(page, "not measured");
    assert_has(page, "There is no predictions.csv");
    assert_lacks(page, "href=\"#classes\"");
    assert_lacks(page, ">validation</text>");
    assert_int_equal(count_of(page, "<circle class=\"train\""), 2);
    tw_free(page);
}

static void test_an_old_log(void **state)
{
    const run_maker *maker = *state;
    char *page;

    maker_reset(maker);
    maker_write(maker, "log.jsonl", "{\"event\":\"start\",\"version\":\"0.0.9\"}\n");
    page = make_page(maker);
    assert_has(page, "log.jsonl does not say what the layers were");
    assert_has(page, "log.jsonl does not say what the phases took");
    tw_free(page);
}

/* ---- curves */

static void test_missing_numbers_are_gaps(void **state)
{
    const run_maker *maker = *state;
    char *page;

    maker_reset(maker);
    maker_write(maker, "history.csv",
                "epoch,loss,accuracy,val_loss,val_accuracy\n"
                "1,40,0.25,8,0.25\n2,4,0.5,,0.5\n3,,0.625,0.5,0.625\n4,0.25,0.75,0.5,0.75\n");
    page = make_page(maker);
    assert_has(page, "Loss (logarithmic)");
    assert_has(page, ">0.2</text>");
    assert_has(page, ">50</text>");
    assert_int_equal(count_of(page, "<circle class=\"train\""), 3 + 4);
    assert_int_equal(count_of(page, "<circle class=\"val\""), 3 + 4);
    /* two strokes: a second M in the path */
    assert_non_null(strstr(strstr(page, "<path class=\"line val\" d=\"M") + 28, "M"));
    tw_free(page);
}

static void test_no_epoch_at_all(void **state)
{
    const run_maker *maker = *state;
    char *page;

    maker_reset(maker);
    maker_write(maker, "history.csv", "epoch,loss,accuracy,val_loss,val_accuracy\n");
    page = make_page(maker);
    assert_has(page, "history.csv holds no epoch");
    tw_free(page);
}

/* ---- strangers' names */

static void test_hostile_names(void **state)
{
    const run_maker *maker = *state;
    char *page;

    maker_reset(maker);
    maker_write(maker, "split.csv", "name,label,split\nx,\"<script>alert(1)</script>\",train\n");
    maker_write(
        maker, "predictions.csv",
        "name,label,predicted,correct,\"p_<script>alert(1)</script>\",\"p_a\"\"b'c&amp;\",p_"
        "\xc3\x28\xff\n"
        "\"a, \"\"b\"\"\n.png\",\"<script>alert(1)</script>\",\"a\"\"b'c&amp;\",0,0.25,0.5,"
        "0.25\n"
        "</td><img src=x onerror=y>,\xc3\x28\xff,\xc3\x28\xff,1,0.25,0.25,0.5\n"
        "\x01\x7f\xed\xa0\x80\xf4\x90\x80\x80,\"a\"\"b'c&amp;\",\xc3\x28\xff,0,0,0,1\n");
    page = make_page(maker);
    assert_has(page, "&lt;script&gt;alert(1)&lt;/script&gt;");
    assert_has(page, "a&quot;b&#39;c&amp;amp;");
    assert_has(page, "\xEF\xBF\xBD(\xEF\xBF\xBD");
    assert_has(page, "&lt;/td&gt;&lt;img src=x onerror=y&gt;");
    assert_lacks(page, "<img src=x");
    tw_free(page);
}

static void test_hostile_options(void **state)
{
    const run_maker *maker = *state;
    char *page;

    maker_reset(maker);
    maker_write_config(maker, "-it's <b>/$(rm -rf x)");
    page = make_page(maker);
    assert_has(page, "topwork train ./&#39;-it&#39;\\&#39;&#39;s &lt;b&gt;/$(rm -rf x)&#39;");
    tw_free(page);
}

/* ---- many classes */

static void test_many_classes(void **state)
{
    enum { CLASSES = 60 };
    const run_maker *maker = *state;
    tw_text csv = {0};
    tw_json *json;
    char *page;

    maker_reset(maker);
    tw_text_add(&csv, "name,label,predicted,correct");
    for (int c = 0; c < CLASSES; c++)
        tw_text_add(&csv, ",p_class %02d", c);
    tw_text_add(&csv, "\n");
    for (int i = 0; i < 4 * CLASSES; i++) {
        int label = i % CLASSES, predicted = i % 7 == 0 ? (label + 1) % CLASSES : label;

        tw_text_add(&csv, "%d,class %02d,class %02d,%d", i, label, predicted, label == predicted);
        for (int c = 0; c < CLASSES; c++)
            tw_text_add(&csv, ",%s", c == predicted ? "0.5" : "0.0078125");
        tw_text_add(&csv, "\n");
    }
    maker_write(maker, "predictions.csv", csv.text);
    maker_write(maker, "split.csv", "name,label,split\n");
    tw_text_free(&csv);
    page = make_page(maker);
    assert_lacks(page, "<table class=\"matrix");
    assert_has(page, "A matrix of 60 classes does not fit");
    assert_has(page, "The worst come first");
    assert_int_equal(count_of(page, "<figure class=\"card"),
                     TW_REPORT_SAMPLES + TW_REPORT_MISTAKES);
    json = read_record(maker);
    assert_null(tw_json_get(json, "confusion"));
    assert_int_equal(tw_json_count(tw_json_get(json, "confused")), TW_REPORT_PAIRS);
    assert_int_equal(tw_json_count(tw_json_get(json, "classes")), CLASSES);
    tw_json_free(json);
    tw_free(page);
}

/* ---- pictures that are not there */

static void test_data_that_are_gone(void **state)
{
    const run_maker *maker = *state;
    char *page, *gone, sentence[512];

    maker_reset(maker);
    gone = path_in(maker->folder, "gone");
    snprintf(sentence, sizeof sentence,
             "Not all pictures could be shown: %s: no such file or folder", gone);
    assert_ok(tw_report_write(maker->run, gone, e));
    page = maker_read(maker, "report.html");
    assert_null(html_wrong(page));
    assert_has(page, sentence);
    assert_int_equal(count_of(page, "no picture</div>"), 8 + 3);
    tw_free(page);
    free(gone);
}

static void test_other_data(void **state)
{
    const run_maker *maker = *state;
    char *page, *text;

    maker_reset(maker);
    text = strdup(maker_predictions);
    memcpy(strstr(text, "val/ant/1.png,ant"), "val/cat/0.png,ant", 17);
    memcpy(strstr(text, "val/bee/0.png"), "val/bee/9.png", 13);
    maker_write(maker, "predictions.csv", text);
    free(text);
    page = make_page(maker);
    assert_has(page, "val/cat/0.png is of class cat there, not ant: not the pictures of the run");
    assert_has(page, "no picture</div>");
    tw_free(page);
}

/* The data that the log names are used where none are given. */
static void test_data_of_the_log(void **state)
{
    const run_maker *maker = *state;
    char *page;

    maker_reset(maker);
    assert_ok(tw_report_write(maker->run, NULL, e));
    page = maker_read(maker, "report.html");
    assert_has(page, "Not all pictures could be shown: nowhere: no such file or folder");
    tw_free(page);
}

/* ---- files that are missing or damaged */

static void check_damage(const run_maker *maker, const char *name, const char *text,
                         const char *why)
{
    char *path = path_in(maker->run, name), sentence[1024];
    char *page;

    maker_reset(maker);
    if (text)
        maker_write(maker, name, text);
    else
        maker_remove(maker, name);
    snprintf(sentence, sizeof sentence, "%s%s", path, why);
    assert_fails(TW_EFILE, sentence, write_report(maker, e));
    page = path_in(maker->run, "report.html");
    assert_false(tw_path_exists(page));
    free(page);
    free(path);
}

static void test_missing_files(void **state)
{
    static const char *const names[] = {"config.json", "log.jsonl", "history.csv", "split.csv"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        check_damage(*state, names[i], NULL, ": No such file or directory");
}

static void test_damaged_config(void **state)
{
    check_damage(*state, "config.json", "{\"lr\":\"much\"}",
                 ": option lr: 'much' is not a number above 0");
    check_damage(*state, "config.json", "{\"wings\":2}", ": unknown option 'wings'");
    check_damage(*state, "config.json", "[]", ": a configuration is a JSON object");
}

static void test_damaged_log(void **state)
{
    check_damage(*state, "log.jsonl", "{\"event\":\"start\"}\n[]\n", " line 2: not a JSON object");
    check_damage(*state, "log.jsonl", "{\"event\":\n",
                 " line 1: not valid JSON at line 1 column 9: unexpected token near end of file");
}

static void test_damaged_history(void **state)
{
    static const char good[] = "epoch,loss,accuracy,val_loss,val_accuracy\n";
    char text[256];

    check_damage(*state, "history.csv", "epoch,loss\n",
                 ": does not begin with epoch,loss,accuracy,val_loss,val_accuracy");
    snprintf(text, sizeof text, "%s1,1,1,1\n", good);
    check_damage(*state, "history.csv", text, ": line 2 has 4 fields, expected 5");
    snprintf(text, sizeof text, "%s1,1,1,1,1\n2,1,x,1,1\n", good);
    check_damage(*state, "history.csv", text, ": line 3: not five numbers");
    snprintf(text, sizeof text, "%s0,1,1,1,1\n", good);
    check_damage(*state, "history.csv", text, ": line 2: not five numbers");
}

static void test_damaged_split(void **state)
{
    check_damage(*state, "split.csv", "name,label,split\na,dog,train\n",
                 ": line 2: a class that predictions.csv lacks");
    check_damage(*state, "split.csv", "name,label,split\na,dog\n",
                 ": line 2 has 2 fields, expected 3");
}

static void test_damaged_predictions(void **state)
{
    check_damage(*state, "predictions.csv", "", ": the file is empty");
    check_damage(*state, "predictions.csv", "name,label\n", ": the first line has no two classes");
    check_damage(*state, "predictions.csv", "name,label,said,correct,p_a,p_b\n",
                 ": column 3 is not predicted");
    check_damage(*state, "predictions.csv", "name,label,predicted,correct,p_a,b\n",
                 ": column 6 is not p_ and a class");
    check_damage(*state, "predictions.csv", "name,label,predicted,correct,p_a,p_b\n1,a,a,1,1\n",
                 ": line 2 has 5 fields, expected 6");
    check_damage(*state, "predictions.csv", "name,label,predicted,correct,p_a,p_b\n1,a,c,0,1,0\n",
                 ": line 2: predicted c is no class of the first line");
    check_damage(*state, "predictions.csv", "name,label,predicted,correct,p_a,p_b\n1,a,b,0,1,2\n",
                 ": line 2: p_b is not a probability");
    check_damage(*state, "predictions.csv", "name,label,predicted,correct,p_a,p_b\n1,a,b,0,,1\n",
                 ": line 2: p_a is not a probability");
    check_damage(*state, "predictions.csv", "name,label,predicted,correct,p_a,p_b\n1,a,b,1,0,1\n",
                 ": line 2: correct does not fit label and predicted");
    check_damage(*state, "predictions.csv", "name,label,predicted,correct,p_a,p_b\n\"1,a,b,1,0\n",
                 ": line 2: a quote is out of place");
}

/* What a recipe changes of the defaults is said where the run had it otherwise. */
static void test_the_command_knows_the_recipes_defaults(void **state)
{
    const run_maker *maker = *state;
    char *page;

    maker_reset(maker);
    maker_write(maker, "config.json",
                "{\"data\":\"d\",\"model\":\"vgg16\",\"recipe\":\"finetune\",\"cut\":\"fc2\","
                "\"top\":\"\",\"freeze\":15,\"freeze-epochs\":0,\"epochs\":20,\"batch-size\":16,"
                "\"optimizer\":\"sgd\",\"lr\":0.001,\"momentum\":0.9,\"nesterov\":true}\n");
    page = make_page(maker);
    assert_has(page, "--recipe finetune");
    assert_has(page, "--freeze-epochs 0");
    assert_has(page, "--epochs 20");
    assert_lacks(page, "--scale-features");
    assert_lacks(page, "--batch-size");
    assert_lacks(page, "--nesterov");
    tw_free(page);
}

/* A range test alone: no epochs, no predictions, a curve. */
static void test_a_range_test_has_its_curve(void **state)
{
    const run_maker *maker = *state;
    tw_json *record;
    char *page;

    maker_reset(maker);
    maker_remove(maker, "history.csv");
    maker_remove(maker, "predictions.csv");
    maker_write(maker, "lr-find.csv",
                "lr,loss,smoothed\n1e-07,2.5,2.5\n1e-06,2.25,2.375\n1e-05,1.5,2.125\n"
                "0.0001,0.75,1.625\n0.001,40,3.5\n");
    page = make_page(maker);
    assert_has(page, "<section id=\"rates\">");
    assert_has(page, "<th scope=\"row\">1e-05</th><td>1.5000</td><td>2.1250</td>");
    assert_lacks(page, "history.csv holds no epoch");
    record = read_record(maker);
    assert_int_equal(tw_json_count(tw_json_get(record, "lr_find")), 5);
    tw_json_free(record);
    tw_free(page);
    maker_remove(maker, "lr-find.csv");
}

static void test_a_damaged_range_test_is_refused(void **state)
{
    const run_maker *maker = *state;
    char *path = path_in(maker->run, "lr-find.csv"), sentence[500];

    maker_reset(maker);
    maker_write(maker, "lr-find.csv", "lr,loss\n1,2\n");
    snprintf(sentence, sizeof sentence, "%s: does not begin with lr,loss,smoothed", path);
    assert_fails(TW_EFILE, sentence, write_report(maker, e));
    maker_write(maker, "lr-find.csv", "lr,loss,smoothed\n0.1,2,2\n0,2,2\n");
    snprintf(sentence, sizeof sentence, "%s: line 3: not three numbers", path);
    assert_fails(TW_EFILE, sentence, write_report(maker, e));
    maker_remove(maker, "lr-find.csv");
    free(path);
}

static void test_what_changed(void **state)
{
    const run_maker *maker = *state;
    char *before = tw_path_join(maker->run, "before.csv"), *page;
    const char *first = strchr(maker_predictions, '\n') + 1;
    tw_text text = {0};
    int n = 0;

    /* all pictures were said to be ants before */
    tw_text_add(&text, "name,label,predicted,correct\n");
    for (const char *line = first; *line; line = strchr(line, '\n') + 1, n++) {
        const char *name = strchr(line, ','), *label = strchr(name + 1, ',');

        tw_text_add(&text, "%.*s,ant,%d\n", (int)(label - line), line,
                    strncmp(name, ",ant,", 5) == 0);
    }
    maker_write(maker, "before.csv", text.text);
    page = make_compared_page(maker, before);
    assert_has(page, "<section id=\"changes\">");
    assert_has(page, "3 are newly right and 1 newly wrong");
    assert_has(page, "p = 0.625 (McNemar");
    assert_has(page, "Newly wrong: 1");
    tw_free(page);
    page = make_page(maker);
    assert_lacks(page, "<section id=\"changes\">");
    assert_has(page, "<section id=\"calibration\">");
    tw_free(page);
    assert_int_equal(n, 8);
    maker_remove(maker, "before.csv");
    tw_text_free(&text);
    tw_free(before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_checks_see_what_is_wrong),
        cmocka_unit_test(test_exact_figures),
        cmocka_unit_test(test_the_page_says_them),
        cmocka_unit_test(test_the_same_bytes_twice),
        cmocka_unit_test(test_an_evaluation_takes_the_place),
        cmocka_unit_test(test_predictions_of_unknown_pictures),
        cmocka_unit_test(test_a_run_without_predictions),
        cmocka_unit_test(test_an_old_log),
        cmocka_unit_test(test_missing_numbers_are_gaps),
        cmocka_unit_test(test_no_epoch_at_all),
        cmocka_unit_test(test_hostile_names),
        cmocka_unit_test(test_hostile_options),
        cmocka_unit_test(test_many_classes),
        cmocka_unit_test(test_data_that_are_gone),
        cmocka_unit_test(test_other_data),
        cmocka_unit_test(test_data_of_the_log),
        cmocka_unit_test(test_missing_files),
        cmocka_unit_test(test_damaged_config),
        cmocka_unit_test(test_damaged_log),
        cmocka_unit_test(test_damaged_history),
        cmocka_unit_test(test_damaged_split),
        cmocka_unit_test(test_damaged_predictions),
        cmocka_unit_test(test_the_command_knows_the_recipes_defaults),
        cmocka_unit_test(test_a_range_test_has_its_curve),
        cmocka_unit_test(test_a_damaged_range_test_is_refused),
        cmocka_unit_test(test_what_changed),
    };

    return cmocka_run_group_tests_name("report/report", tests, maker_open, maker_close);
}
