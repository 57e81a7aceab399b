#include "base/json.h"
#include "base/memory.h"

#include "check.h"

static tw_json *parse(const char *text)
{
    tw_json *json;
    assert_ok(tw_json_parse(&json, text, strlen(text), "test", e));
    return json;
}

static void members_are_read_by_kind(void **state)
{
    tw_json *json = parse("{\"a\":1,\"b\":2.5,\"c\":\"x\",\"d\":true,\"e\":[1,2]}");
    int64_t i;
    double f;
    bool b;
    const char *s;
    (void)state;
    assert_true(tw_json_is_object(json));
    assert_true(tw_json_i64(&i, tw_json_get(json, "a")) && i == 1);
    assert_true(tw_json_f64(&f, tw_json_get(json, "a")) && f == 1);
    assert_true(tw_json_f64(&f, tw_json_get(json, "b")) && f == 2.5);
    assert_false(tw_json_i64(&i, tw_json_get(json, "b")));
    assert_true(tw_json_string(&s, tw_json_get(json, "c")));
    assert_string_equal(s, "x");
    assert_true(tw_json_bool(&b, tw_json_get(json, "d")) && b);
    assert_int_equal(tw_json_count(tw_json_get(json, "e")), 2);
    assert_null(tw_json_get(json, "missing"));
    assert_false(tw_json_string(&s, tw_json_get(json, "missing")));
    tw_json_free(json);
}

static void the_size_of_a_tree_is_bounded_by_its_text(void **state)
{
    (void)state;
    assert_int_equal(tw_json_tree_bytes("", 0), 0);
    assert_int_equal(tw_json_tree_bytes("[[],[]]", 7), 3 * 160 + 56);
    assert_int_equal(tw_json_tree_bytes("{\"a\":\"b\"}", 9), 224 + 4 * 40 + 48);
}

static void duplicate_keys_are_refused(void **state)
{
    tw_json *json;
    const char *text = "{\"a\":1,\"a\":2}";
    (void)state;
    tw_error err;
    assert_int_equal(tw_json_parse(&json, text, strlen(text), "test", &err), TW_EFILE);
    assert_non_null(strstr(err.text, "test: not valid JSON at line 1 column "));
    assert_non_null(strstr(err.text, ": duplicate object key"));
    assert_null(json);
}

static void depth_is_capped(void **state)
{
    enum { DEPTH = 100000 };
    char *text = malloc(DEPTH + 1);
    tw_json *json;
    tw_error err;
    (void)state;
    memset(text, '[', DEPTH);
    text[DEPTH] = '\0';
    assert_int_equal(tw_json_parse(&json, text, DEPTH, "deep", &err), TW_EFILE);
    free(text);
}

static void a_tree_comes_back(void **state)
{
    tw_json *json = tw_json_new_object();
    tw_json *list = tw_json_new_array();
    char *text;
    (void)state;
    assert_true(tw_json_append(list, tw_json_new_f64(0.3)));
    assert_true(tw_json_append(list, tw_json_new_i64(-7)));
    assert_true(tw_json_set(json, "zeta", list));
    assert_true(tw_json_set(json, "alpha", tw_json_new_bool(false)));
    assert_false(tw_json_set(json, "nothing", NULL));
    text = tw_json_dump(json, 0);
    assert_string_equal(text, "{\"zeta\":[0.3,-7],\"alpha\":false}");
    tw_free(text);
    tw_json_free(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_are_read_by_kind),
        cmocka_unit_test(the_size_of_a_tree_is_bounded_by_its_text),
        cmocka_unit_test(duplicate_keys_are_refused),
        cmocka_unit_test(depth_is_capped),
        cmocka_unit_test(a_tree_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
