/* Reading CSV: fields as written, quotes of RFC 4180, and a sentence for each kind of damage. */
#include "check.h"

#include "base/memory.h"
#include "eval/predictions.h"
#include "report/report_int.h"

#include <math.h>

static tw_csv csv_of(const char *text)
{
    return tw_report__csv_open(text, strlen(text), "x.csv");
}

static void assert_field(const tw_span *span, const char *expected)
{
    char *copy = tw_report__span_copy(span);

    assert_string_equal(copy, expected);
    assert_true(tw_report__span_is(span, expected));
    assert_false(tw_report__span_is(span, "other"));
    tw_free(copy);
}

static void test_plain_rows(void **state)
{
    tw_csv csv = csv_of("a,bc,\n1,,3");
    tw_span fields[3];
    bool more;

    (void)state;
    assert_int_equal(tw_report__csv_count(&csv), 3);
    assert_ok(tw_report__csv_row(fields, 3, &csv, &more, e));
    assert_true(more);
    assert_field(&fields[0], "a");
    assert_field(&fields[1], "bc");
    assert_field(&fields[2], "");
    assert_ok(tw_report__csv_row(fields, 3, &csv, &more, e));
    assert_field(&fields[2], "3");
    assert_int_equal(csv.line, 2);
    assert_ok(tw_report__csv_row(fields, 3, &csv, &more, e));
    assert_false(more);
}

/* What tw_csv_add writes comes back. */
static void test_every_text_comes_back(void **state)
{
    static const char *const texts[] = {"", "a", "a,b", "\"", "\"\"", "a\"b", "\"a\nb\",\"", "\n"};
    tw_span fields[2];
    bool more;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        tw_text line = {0};
        tw_csv csv;

        tw_csv_add(&line, texts[i]);
        tw_text_add(&line, ",end\n");
        csv = csv_of(line.text);
        assert_ok(tw_report__csv_row(fields, 2, &csv, &more, e));
        assert_field(&fields[0], texts[i]);
        assert_field(&fields[1], "end");
        assert_ok(tw_report__csv_row(fields, 2, &csv, &more, e));
        assert_false(more);
        tw_text_free(&line);
    }
}

static void test_lines_are_counted_through_quotes(void **state)
{
    tw_csv csv = csv_of("\"a\n\n\",1\nb\n");
    tw_span fields[2];
    bool more;

    (void)state;
    assert_ok(tw_report__csv_row(fields, 2, &csv, &more, e));
    assert_fails(TW_EFILE, "x.csv: line 4 has 1 fields, expected 2",
                 tw_report__csv_row(fields, 2, &csv, &more, e));
}

static void test_quotes_out_of_place(void **state)
{
    static const char *const bad[] = {"\"a", "\"a\"b,1\n", "\"", "\"a\"\""};
    tw_span fields[2];
    bool more;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        tw_csv csv = csv_of(bad[i]);
        assert_fails(TW_EFILE, "x.csv: line 1: a quote is out of place",
                     tw_report__csv_row(fields, 2, &csv, &more, e));
    }
}

static void test_numbers(void **state)
{
    static const char *const bad[] = {"x", " 1", "1 ", "nan", "inf", "1e999"};
    double number;

    (void)state;
    assert_true(tw_report__span_f64(&number, &(tw_span){"0.25", 4, false}));
    assert_true(number == 0.25);
    assert_true(tw_report__span_f64(&number, &(tw_span){"", 0, false}));
    assert_true(isnan(number));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(tw_report__span_f64(&number, &(tw_span){bad[i], strlen(bad[i]), false}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_rows),
        cmocka_unit_test(test_every_text_comes_back),
        cmocka_unit_test(test_lines_are_counted_through_quotes),
        cmocka_unit_test(test_quotes_out_of_place),
        cmocka_unit_test(test_numbers),
    };

    return cmocka_run_group_tests_name("report/csv", tests, NULL, NULL);
}
