/* The catalogue's rows against each other: sums, checksums that are ones, addresses. */
#include "unit/fetch/fetch_fixture.h"

static bool is_hex(const char *text, size_t n)
{
    return strlen(text) == n && strspn(text, "0123456789abcdef") == n;
}

static void check_file(const tw_fetch__file *file)
{
    const size_t n = strlen(file->name);
    char plain[TW_FETCH__NAME_SIZE];

    assert_true(n > 3 && n < TW_FETCH__NAME_SIZE - strlen(".part.json"));
    assert_true(is_hex(file->md5, 32));
    assert_true(!file->sha256 || is_hex(file->sha256, 64));
    assert_true(tw_fetch__limit(file) > file->n_bytes);
    assert_true(tw_fetch__limit(file) > file->n_unpacked);
    if (tw_fetch__plain_name(plain, sizeof plain, file)) {
        assert_string_equal(file->name + n - 3, ".gz");
        assert_memory_equal(file->name, plain, n - 3);
    }
}

static void check_row(const tw_fetch_info *info)
{
    const tw_fetch__entry *entry = tw_fetch__find(info->name);
    int64_t n_bytes = 0;

    assert_ptr_equal(&entry->info, info);
    for (int i = 0; i < info->n_files; i++) {
        check_file(&entry->files[i]);
        n_bytes += entry->files[i].n_bytes;
    }
    assert_int_equal(n_bytes, info->n_bytes);
    assert_string_equal(entry->urls[0], info->source);
    for (int i = 0; entry->urls[i]; i++) {
        assert_memory_equal(entry->urls[i], "http", 4);
        assert_int_equal(entry->urls[i][strlen(entry->urls[i]) - 1], '/');
    }
}

static void every_row_is_sound(void **state)
{
    static const char *const names[] = {
        "vgg16", "vgg16-notop",   "vgg19", "vgg19-notop", "imagenet-classes",
        "mnist", "fashion-mnist", "kmnist"};
    int n = 0;

    (void)state;
    for (; tw_fetch_row(n); n++) {
        assert_string_equal(tw_fetch_row(n)->name, names[n]);
        assert_ptr_equal(tw_fetch_find(names[n]), tw_fetch_row(n));
        check_row(tw_fetch_row(n));
    }
    assert_int_equal(n, 8);
    assert_null(tw_fetch_row(-1));
}

static void data_has_ten_classes_or_numbers(void **state)
{
    (void)state;
    for (int i = 0; tw_fetch_row(i); i++) {
        const char *const *names = tw_fetch_row(i)->classes;
        int n = 0;

        while (names && names[n])
            n++;
        assert_true(!names || n == 10);
    }
    assert_string_equal(tw_fetch_find("fashion-mnist")->classes[9], "Ankle boot");
    assert_string_equal(tw_fetch_find("kmnist")->classes[9], "wo");
    assert_null(tw_fetch_find("mnist")->classes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_sound),
        cmocka_unit_test(data_has_ten_classes_or_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
