/* Feeds every file of a target's corpus to it, in byte order of the names: a test case a file. */
#include "fuzz.h"

#include "check.h"
#include "memory.h"

#include "base/file.h"
#include "base/memory.h"

enum { MAX_INPUT = 16 << 20 };

static void a_file_keeps_the_rule(void **state)
{
    const char *name = *state;
    char *path = tw_path_join(TW_CORPUS, name), *bytes;
    size_t n;
    uint8_t *exact;

    assert_non_null(path);
    assert_ok(tw_file_read(&bytes, &n, path, MAX_INPUT, e));
    exact = malloc(n); /* to the byte, so that a sanitizer sees a read behind the end */
    memcpy(exact, bytes, n);
    assert_int_equal(LLVMFuzzerTestOneInput(exact, n), 0);
    free(exact);
    tw_free(bytes);
    tw_free(path);
}

/* Else the rule would hold for anything. */
static void what_is_allocated_is_counted(void **state)
{
    enum { N = 1 << 20 };
    void *volatile block;

    (void)state;
    fuzz_memory_begin();
    block = malloc(N);
    free(block);
    assert_in_range(fuzz_memory_peak(), N, N + 4096);
    block = calloc(3, N);
    block = realloc(block, 5 * N);
    free(block);
    assert_in_range(fuzz_memory_peak(), 5 * N, 8 * N + 8192);
    fuzz_memory_begin();
    assert_int_equal(fuzz_memory_peak(), 0);
}

int main(void)
{
    struct CMUnitTest *tests;
    char **names;
    size_t n;
    int rc;

    if (tw_folder_list(&names, &n, TW_CORPUS, NULL) || n == 0) {
        fprintf(stderr, "no corpus in %s\n", TW_CORPUS);
        return 1;
    }
    tests = calloc(n + 1, sizeof *tests);
    tests[n] = (struct CMUnitTest)cmocka_unit_test(what_is_allocated_is_counted);
    for (size_t i = 0; i < n; i++)
        tests[i] = (struct CMUnitTest){names[i], a_file_keeps_the_rule, NULL, NULL, names[i]};
    rc = _cmocka_run_group_tests("fuzz corpus of " TW_TARGET, tests, n + 1, NULL, NULL);
    free(tests);
    tw_folder_list_free(names, n);
    return rc;
}
