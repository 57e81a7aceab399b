/* train_test_split and its random stream, against scikit-learn and NumPy
 * (tools/golden/split.py). */
#include "base/hash.h"
#include "data/mt19937.h"

#include <tw/data.h>

#include "check.h"

static void the_stream_is_numpys(void **state)
{
    tw_data__mt mt;
    int64_t ten[10];
    static const int64_t wanted[10] = {8, 1, 5, 0, 7, 2, 9, 4, 3, 6};
    (void)state;
    tw_data__mt_seed(&mt, 42);
    assert_int_equal(tw_data__mt_word(&mt), 1608637542u);
    assert_int_equal(tw_data__mt_word(&mt), 3421126067u);
    assert_int_equal(tw_data__mt_word(&mt), 4083286876u);
    tw_data__mt_seed(&mt, 42);
    tw_data__mt_permutation(&mt, ten, 10);
    assert_memory_equal(ten, wanted, sizeof ten);
}

static void permutation_has_hash(int64_t n, const int64_t first[5], const char *hash)
{
    tw_data__mt mt;
    char hex[65];
    int64_t *numbers = malloc((size_t)n * sizeof *numbers);
    tw_data__mt_seed(&mt, 42);
    tw_data__mt_permutation(&mt, numbers, n);
    assert_memory_equal(numbers, first, 5 * sizeof *first);
    assert_ok(tw_sha256_hex(hex, numbers, (size_t)n * sizeof *numbers, e));
    assert_string_equal(hex, hash);
    free(numbers);
}

static void permutations_have_the_published_hashes(void **state)
{
    (void)state;
    permutation_has_hash(60000, (int64_t[]){12628, 37730, 39991, 8525, 8279},
                         "f5a3b57ab9891bd94079690ff2951e2cf7f8773c601e091724e508c92ff9523e");
    permutation_has_hash(70000, (int64_t[]){46730, 48393, 41416, 34506, 43725},
                         "9924cf7744b20bf467720346be83c19e07e24a7012d47083971662fc648c3448");
}

/* Label i of the script's patterns. */
static int label_of(const char *pattern, uint64_t i, uint64_t n, uint64_t k)
{
    uint64_t word, share, end = 0;
    int c = 0;
    if (strcmp(pattern, "mod") == 0)
        return (int)(i % k);
    if (strcmp(pattern, "block") == 0)
        return (int)(i * k / n);
    word = (i * 2654435761u + 12345u) % (1ull << 32);
    share = (word >> 8) % (k * (k + 1) / 2);
    for (;; c++) {
        end += (uint64_t)c + 1;
        if (share < end)
            return c;
    }
}

static void splits_are_scikit_learns(void **state)
{
    FILE *file = fopen(TW_TEST_DATA "/split.txt", "r");
    char line[256], pattern[16], hash[65], hex[65];
    long long n, n_train, n_test;
    double size;
    unsigned seed, k;
    int n_cases = 0;
    (void)state;
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        int64_t *train, *test, ours_train, ours_test;
        int *labels;
        if (line[0] == '#')
            continue;
        assert_int_equal(sscanf(line, "%lld %lf %u %15s %u %lld %lld %64s", &n, &size, &seed,
                                pattern, &k, &n_train, &n_test, hash),
                         8);
        train = malloc((size_t)n * 2 * sizeof *train);
        test = malloc((size_t)n * sizeof *test);
        labels = malloc((size_t)n * sizeof *labels);
        for (long long i = 0; k && i < n; i++)
            labels[i] = label_of(pattern, (uint64_t)i, (uint64_t)n, k);
        assert_ok(tw_train_test_split(train, &ours_train, test, &ours_test, n, size, seed,
                                      k ? labels : NULL, e));
        assert_int_equal(ours_train, n_train);
        assert_int_equal(ours_test, n_test);
        memcpy(train + ours_train, test, (size_t)ours_test * sizeof *test);
        assert_ok(tw_sha256_hex(hex, train, (size_t)(ours_train + ours_test) * sizeof *train, e));
        if (strlen(hash) != 16 || strncmp(hex, hash, 16) != 0)
            fail_msg("differs: %s", line);
        free(train);
        free(test);
        free(labels);
        n_cases++;
    }
    fclose(file);
    assert_int_equal(n_cases, 1022);
}

/* The same of KFold and StratifiedKFold (tools/golden/fold.py). */
static void folds_are_scikit_learns(void **state)
{
    FILE *file = fopen(TW_TEST_DATA "/fold.txt", "r");
    char line[256], pattern[16], hash[65], hex[65];
    long long n, n_train, n_val;
    unsigned seed, k;
    int fold, n_folds, n_cases = 0;
    (void)state;
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        int64_t *train, *val, ours_train, ours_val;
        int *labels;
        if (line[0] == '#')
            continue;
        assert_int_equal(sscanf(line, "%lld %d %d %u %15s %u %lld %lld %64s", &n, &n_folds, &fold,
                                &seed, pattern, &k, &n_train, &n_val, hash),
                         9);
        train = malloc((size_t)n * 2 * sizeof *train);
        val = malloc((size_t)n * sizeof *val);
        labels = malloc((size_t)n * sizeof *labels);
        for (long long i = 0; k && i < n; i++)
            labels[i] = label_of(pattern, (uint64_t)i, (uint64_t)n, k);
        assert_ok(tw_kfold_split(train, &ours_train, val, &ours_val, n, fold, n_folds, seed,
                                 k ? labels : NULL, e));
        assert_int_equal(ours_train, n_train);
        assert_int_equal(ours_val, n_val);
        memcpy(train + ours_train, val, (size_t)ours_val * sizeof *val);
        assert_ok(tw_sha256_hex(hex, train, (size_t)n * sizeof *train, e));
        if (strlen(hash) != 16 || strncmp(hex, hash, 16) != 0)
            fail_msg("differs: %s", line);
        free(train);
        free(val);
        free(labels);
        n_cases++;
    }
    fclose(file);
    assert_int_equal(n_cases, 320);
}

static void impossible_folds_are_refused(void **state)
{
    int64_t train[8], val[8], n_train, n_val;
    const int labels[6] = {0, 0, 0, 1, 1, 2};
    (void)state;
    assert_fails(TW_EUSAGE, "fold 4 of 3: 2 folds at least, and one of them",
                 tw_kfold_split(train, &n_train, val, &n_val, 6, 4, 3, 0, NULL, e));
    assert_fails(TW_EUSAGE, "fold 1 of 1: 2 folds at least, and one of them",
                 tw_kfold_split(train, &n_train, val, &n_val, 6, 1, 1, 0, NULL, e));
    assert_fails(TW_EUSAGE, "7 folds of 6 pictures",
                 tw_kfold_split(train, &n_train, val, &n_val, 6, 1, 7, 0, NULL, e));
    assert_fails(TW_EUSAGE, "stratified folds: no class has the 4 pictures for 4 folds",
                 tw_kfold_split(train, &n_train, val, &n_val, 6, 1, 4, 0, labels, e));
}

static void impossible_splits_are_refused(void **state)
{
    int64_t train[8], test[8], n_train, n_test;
    int lonely[6] = {0, 0, 0, 1, 1, 2};
    (void)state;
    assert_fails(TW_EUSAGE, "test size 1.5 is not between 0 and 1",
                 tw_train_test_split(train, &n_train, test, &n_test, 8, 1.5, 0, NULL, e));
    assert_fails(TW_EUSAGE, "no pictures to split",
                 tw_train_test_split(train, &n_train, test, &n_test, 0, 0.5, 0, NULL, e));
    assert_int_equal(tw_train_test_split(train, &n_train, test, &n_test, 1, 0.5, 0, NULL, NULL),
                     TW_EUSAGE);
    assert_int_equal(tw_train_test_split(train, &n_train, test, &n_test, 6, 0.5, 0, lonely, NULL),
                     TW_EUSAGE);
    lonely[5] = 1;
    assert_fails(TW_EUSAGE, "stratified split: 1 test places for 2 classes",
                 tw_train_test_split(train, &n_train, test, &n_test, 6, 0.1, 0, lonely, e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_stream_is_numpys),
        cmocka_unit_test(permutations_have_the_published_hashes),
        cmocka_unit_test(splits_are_scikit_learns),
        cmocka_unit_test(impossible_splits_are_refused),
        cmocka_unit_test(folds_are_scikit_learns),
        cmocka_unit_test(impossible_folds_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
