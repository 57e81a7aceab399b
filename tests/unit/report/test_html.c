/* Strangers' text on the page: escaped, and valid UTF-8 whatever it was. */
#include "check.h"

#include "report/report_int.h"

#define BAD "\xEF\xBF\xBD"

static void assert_clean(const char *text, const char *expected)
{
    tw_text out = {0};

    tw_report__clean(&out, text);
    assert_string_equal(out.text, expected);
    tw_text_free(&out);
}

static void test_markup_is_escaped(void **state)
{
    tw_text page = {0};

    (void)state;
    tw_report__escape(&page, "<a href=\"x\">&'");
    assert_string_equal(page.text, "&lt;a href=&quot;x&quot;&gt;&amp;&#39;");
    tw_text_free(&page);
    tw_report__element(&page, "td class=\"l\"", "1 < 2");
    tw_report__element(&page, "p", NULL);
    assert_string_equal(page.text, "<td class=\"l\">1 &lt; 2</td><p>-</p>");
    tw_text_free(&page);
}

static void test_letters_of_every_length(void **state)
{
    (void)state;
    assert_clean("a\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80", "a\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80");
    assert_clean("\xC2\xA0\xED\x9F\xBF\xEE\x80\x80\xF4\x8F\xBF\xBF",
                 "\xC2\xA0\xED\x9F\xBF\xEE\x80\x80\xF4\x8F\xBF\xBF");
    assert_clean("a\tb\nc", "a\tb\nc");
}

static void test_what_is_no_utf_8(void **state)
{
    (void)state;
    assert_clean("\xFF\xFE", BAD BAD);
    assert_clean("\x80"
                 "a",
                 BAD "a");
    assert_clean("\xC0\x80", BAD BAD);         /* overlong */
    assert_clean("\xE0\x9F\xBF", BAD BAD BAD); /* overlong */
    assert_clean("\xF0\x8F\xBF\xBF", BAD BAD BAD BAD);
    assert_clean("\xED\xA0\x80", BAD BAD BAD);         /* a surrogate */
    assert_clean("\xF4\x90\x80\x80", BAD BAD BAD BAD); /* above U+10FFFF */
    assert_clean("\xE2\x82", BAD BAD);                 /* cut */
    assert_clean("\xC3(", BAD "(");
}

static void test_control_letters(void **state)
{
    (void)state;
    assert_clean("\x01\x1B\x7F\r", BAD BAD BAD BAD);
    assert_clean("\xC2\x80\xC2\x9F", BAD BAD);
    assert_clean("\xEF\xBF\xBE\xEF\xBF\xBF", BAD BAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_markup_is_escaped),
        cmocka_unit_test(test_letters_of_every_length),
        cmocka_unit_test(test_what_is_no_utf_8),
        cmocka_unit_test(test_control_letters),
    };

    return cmocka_run_group_tests_name("report/html", tests, NULL, NULL);
}
