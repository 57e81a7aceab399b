/* What --from may be, and where a file is looked for. */
#include "unit/fetch/fetch_fixture.h"

static tw_status open_from(tw_fetch__source *out, const char *from, tw_error *err)
{
    return tw_fetch__source_open(out, from, err);
}

static void addresses_are_understood(void **state)
{
    static const struct {
        const char *from, *is; /* SPACE is the test's folder "a b" */
        bool is_local;
    } rows[] = {{"http://mirror/files/", "http://mirror/files", false},
                {"HTTPS://mirror", "HTTPS://mirror", false},
                {"file:///tmp", "/tmp", true},
                {"file://localhost/tmp/", "/tmp", true},
                {"/tmp//", "/tmp", true},
                {"/", "/", true},
                {".", ".", true}};
    tw_fetch__source source;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_ok(open_from(&source, rows[i].from, e));
        assert_string_equal(source.from, rows[i].is);
        assert_int_equal(source.is_local, rows[i].is_local);
    }
    assert_ok(open_from(&source, NULL, e));
    assert_string_equal(source.from, "");
    assert_ok(open_from(&source, "", e));
}

static void a_file_address_is_unescaped(void **state)
{
    char *folder = path_in(*state, "a b%"), from[256];
    tw_fetch__source source;

    assert_ok(tw_folder_create(folder, e));
    snprintf(from, sizeof from, "file://%s/a%%20b%%", (char *)*state);
    assert_ok(open_from(&source, from, e));
    assert_string_equal(source.from, folder);
    free(folder);
}

static void other_addresses_are_refused(void **state)
{
    static const struct {
        const char *from, *sentence;
        tw_status status;
    } rows[] = {
        {"ftp://mirror/",
         "from: \"ftp://mirror/\" is neither a folder nor a file://, http:// or https:// address",
         TW_EUSAGE},
        {"file://host/tmp", "from: file://host/tmp is not on this machine, expected file:///PATH",
         TW_EUSAGE},
        {"/no/such/folder", "/no/such/folder: no such folder", TW_EFILE},
        {"file:///no/such/folder", "/no/such/folder: no such folder", TW_EFILE}};
    tw_fetch__source source;
    char *longest = calloc(1, 3001);

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_fails(rows[i].status, rows[i].sentence, open_from(&source, rows[i].from, e));
    memset(longest, 'x', 3000);
    assert_fails(TW_EUSAGE, "from: an address of 3000 letters is too long",
                 open_from(&source, longest, e));
    free(longest);
}

static void candidates_come_in_order(void **state)
{
    static const char *const packed[] = {"/tmp/thing/a.gz", "/tmp/thing/a", "/tmp/a.gz", "/tmp/a"};
    static const char *const urls[] = {"http://one/", "http://two/x/", NULL};
    const tw_fetch__file file = {.name = "a.gz", .n_unpacked = 5}, as_is = {.name = "a.gz"};
    const tw_fetch__entry entry = {.info = {.name = "thing"}, .urls = urls};
    tw_fetch__source source;

    (void)state;
    assert_ok(open_from(&source, "/tmp", e));
    assert_ok(tw_fetch__source_list(&source, &entry, &file, e));
    assert_int_equal(source.n, 4);
    for (int i = 0; i < 4; i++) {
        assert_string_equal(source.candidates[i].url, packed[i]);
        assert_string_equal(source.candidates[i].name, i % 2 ? "a" : "a.gz");
        assert_true(source.candidates[i].is_local);
    }
    assert_ok(tw_fetch__source_list(&source, &entry, &as_is, e));
    assert_int_equal(source.n, 2);
    assert_string_equal(source.candidates[1].url, "/tmp/a.gz");

    assert_ok(open_from(&source, NULL, e));
    assert_ok(tw_fetch__source_list(&source, &entry, &file, e));
    assert_int_equal(source.n, 2);
    assert_string_equal(source.candidates[0].url, "http://one/a.gz");
    assert_string_equal(source.candidates[1].url, "http://two/x/a.gz");
    assert_false(source.candidates[0].is_local);
}

static void too_many_or_too_long_addresses_are_told(void **state)
{
    static const char *const urls[] = {"1/", "2/", "3/", "4/", "5/", "6/", "7/", "8/", "9/", NULL};
    const tw_fetch__file file = {.name = "a"};
    const tw_fetch__entry entry = {.info = {.name = "thing"}, .urls = urls};
    tw_fetch__source source;

    (void)state;
    assert_ok(open_from(&source, NULL, e));
    assert_fails(TW_EUSAGE, "9/a: too long an address",
                 tw_fetch__source_list(&source, &entry, &file, e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_understood),
        cmocka_unit_test(a_file_address_is_unescaped),
        cmocka_unit_test(other_addresses_are_refused),
        cmocka_unit_test(candidates_come_in_order),
        cmocka_unit_test(too_many_or_too_long_addresses_are_told),
    };

    return cmocka_run_group_tests(tests, check_make_folder, check_remove_folder);
}
