/*
 * Feeds every file of a target's corpus to it, and every input that once broke the rule: a test
 * case a file, in byte order of the names.
 */
#include "fuzz.h"

#include "check.h"
#include "memory.h"

#include "base/file.h"
#include "base/memory.h"

enum { MAX_INPUT = 16 << 20, MAX_CASES = 1000 };

static void a_file_keeps_the_rule(void **state)
{
    char *bytes;
    size_t n;
    uint8_t *exact;

    assert_ok(tw_file_read(&bytes, &n, *state, MAX_INPUT, e));
    exact = malloc(n); /* to the byte, so that a sanitizer sees a read behind the end */
    memcpy(exact, bytes, n);
    assert_int_equal(LLVMFuzzerTestOneInput(exact, n), 0);
    free(exact);
    tw_free(bytes);
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

static struct CMUnitTest cases[MAX_CASES];
static size_t n_cases;

/* A folder that is not there has no files. */
static int add_files(const char *folder)
{
    char **names;
    size_t n;

    if (!tw_path_exists(folder))
        return 0;
    if (tw_folder_list(&names, &n, folder, NULL) || n_cases + n > MAX_CASES)
        return -1;
    for (size_t i = 0; i < n; i++)
        cases[n_cases++] = (struct CMUnitTest){names[i], a_file_keeps_the_rule, NULL, NULL,
                                               tw_path_join(folder, names[i])};
    tw_free(names); /* the names themselves are the cases' */
    return 0;
}

int main(void)
{
    int rc;

    cases[n_cases++] = (struct CMUnitTest)cmocka_unit_test(what_is_allocated_is_counted);
    if (add_files(TW_CORPUS) || n_cases < 2 || add_files(TW_BROKEN)) {
        fprintf(stderr, "no corpus in %s, or too many files\n", TW_CORPUS);
        return 1;
    }
    rc = _cmocka_run_group_tests("fuzz corpus of " TW_TARGET, cases, n_cases, NULL, NULL);
    for (size_t i = 1; i < n_cases; i++) {
        tw_free((void *)(uintptr_t)cases[i].name);
        tw_free(cases[i].initial_state);
    }
    return rc;
}
