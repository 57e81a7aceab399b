#include "base/text.h"

#include "check.h"

static void text_grows(void **state)
{
    tw_text t = {0};
    (void)state;
    for (int i = 0; i < 1000; i++)
        tw_text_add(&t, "%d,", i);
    assert_false(t.failed);
    assert_int_equal(t.n, 10 * 2 + 90 * 3 + 900 * 4);
    assert_string_equal(t.text + t.n - 4, "999,");
    tw_text_free(&t);
    assert_null(t.text);
}

static void nearest_name_is_near(void **state)
{
    const char *names[] = {"block5_pool", "block4_pool", "fc1", "momentum"};
    (void)state;
    assert_string_equal(tw_nearest_name("blok5_pool", names, 4), "block5_pool");
    assert_string_equal(tw_nearest_name("momentun", names, 4), "momentum");
    assert_null(tw_nearest_name("zebra", names, 4));
    assert_null(tw_nearest_name("", names, 4));
    assert_string_equal(tw_nearest_name("momXXXXm", names, 4), "momentum");
    assert_string_equal(tw_nearest_file("momentxx", names, 4), "momentum");
    assert_null(tw_nearest_file("momXXXXm", names, 4));
}

static void counts_and_bytes_read_well(void **state)
{
    char buf[32];
    (void)state;
    assert_string_equal(tw_count_text(buf, sizeof buf, 60000), "60,000");
    assert_string_equal(tw_count_text(buf, sizeof buf, 138357544), "138,357,544");
    assert_string_equal(tw_count_text(buf, sizeof buf, -1234), "-1,234");
    assert_string_equal(tw_count_text(buf, sizeof buf, 999), "999");
    assert_string_equal(tw_bytes_text(buf, sizeof buf, 512), "512 B");
    assert_string_equal(tw_bytes_text(buf, sizeof buf, 235000000), "235 MB");
    assert_string_equal(tw_bytes_text(buf, sizeof buf, 1300000000), "1.3 GB");
    assert_string_equal(tw_bytes_text(buf, sizeof buf, 999900), "1.0 MB");
    assert_string_equal(tw_seconds_text(buf, sizeof buf, 4.25), "4.2 s");
    assert_string_equal(tw_seconds_text(buf, sizeof buf, 185), "3 min 05 s");
    assert_string_equal(tw_seconds_text(buf, sizeof buf, 3720), "1 h 02 min");
}

static void words_are_quoted_for_a_shell(void **state)
{
    char buf[32], small[4] = "xyz";
    (void)state;
    assert_int_equal(tw_shell_word(buf, sizeof buf, "data/a-b_1.npz:3"), 16);
    assert_string_equal(buf, "data/a-b_1.npz:3");
    assert_int_equal(tw_shell_word(buf, sizeof buf, "my data"), 9);
    assert_string_equal(buf, "'my data'");
    tw_shell_word(buf, sizeof buf, "it's $HOME");
    assert_string_equal(buf, "'it'\\''s $HOME'");
    tw_shell_word(buf, sizeof buf, "");
    assert_string_equal(buf, "''");
    assert_int_equal(tw_shell_word(small, sizeof small, "a b"), 5);
    assert_string_equal(small, "'a ");
    assert_int_equal(tw_shell_word(NULL, 0, "a b"), 5);
}

static void numbers_are_parsed_whole(void **state)
{
    int64_t i = 0;
    double f = 0;
    (void)state;
    assert_true(tw_parse_i64(&i, "-42") && i == -42);
    assert_false(tw_parse_i64(&i, "42x"));
    assert_false(tw_parse_i64(&i, " 42"));
    assert_false(tw_parse_i64(&i, ""));
    assert_false(tw_parse_i64(&i, "99999999999999999999"));
    assert_true(tw_parse_f64(&f, "1e-3") && f == 1e-3);
    assert_false(tw_parse_f64(&f, "nan"));
    assert_false(tw_parse_f64(&f, "1e999"));
    assert_false(tw_parse_f64(&f, "0.3 "));
    assert_true(tw_parse_bytes(&i, "512M") && i == 512 * 1024 * 1024);
    assert_true(tw_parse_bytes(&i, "2g") && i == 2LL << 30);
    assert_true(tw_parse_bytes(&i, "100") && i == 100);
    assert_false(tw_parse_bytes(&i, "M"));
    assert_false(tw_parse_bytes(&i, "-1M"));
    assert_false(tw_parse_bytes(&i, "9999999999T"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_grows),
        cmocka_unit_test(nearest_name_is_near),
        cmocka_unit_test(counts_and_bytes_read_well),
        cmocka_unit_test(words_are_quoted_for_a_shell),
        cmocka_unit_test(numbers_are_parsed_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
