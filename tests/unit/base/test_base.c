/* fail.c, memory.c, hash.c, parallel.c, clock.c and cpu.c: small files, one test program. */
#include "base/clock.h"
#include "base/cpu.h"
#include "base/fail.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/parallel.h"

#include "check.h"

#include <errno.h>
#include <stdatomic.h>

static void every_status_has_its_exit_code(void **state)
{
    (void)state;
    assert_int_equal(tw_status_exit_code(TW_OK), 0);
    assert_int_equal(tw_status_exit_code(TW_EFAIL), 1);
    assert_int_equal(tw_status_exit_code(TW_EUNSUPPORTED), 1);
    assert_int_equal(tw_status_exit_code(TW_EUSAGE), 2);
    assert_int_equal(tw_status_exit_code(TW_EFILE), 3);
    assert_int_equal(tw_status_exit_code(TW_ESHAPE), 3);
    assert_int_equal(tw_status_exit_code(TW_EGATE), 4);
    assert_int_equal(tw_status_exit_code(TW_ENOMEM), 5);
    assert_int_equal(tw_status_exit_code(TW_EBUDGET), 5);
    assert_int_equal(tw_status_exit_code(TW_EINTERRUPTED), 130);
    assert_int_equal(tw_status_exit_code((tw_status)999), 1);
}

static void a_sentence_is_written_and_cut(void **state)
{
    tw_error err;
    char longer[3000];
    (void)state;
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    assert_int_equal(tw_fail(&err, TW_ESHAPE, "%d is not %d", 1, 2), TW_ESHAPE);
    assert_string_equal(err.text, "1 is not 2");
    assert_int_equal(tw_fail(&err, TW_EFILE, "%s", longer), TW_EFILE);
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
    assert_int_equal(tw_fail(NULL, TW_EFAIL, "nobody listens"), TW_EFAIL);
}

static void what_a_terminal_would_obey_is_not_in_a_sentence(void **state)
{
    tw_error err;
    (void)state;
    assert_int_equal(tw_fail(&err, TW_EFILE, "%s",
                             "a\33[31m\n\x7f\xc2\x9b"
                             "b \xc3\xa4 \xc2\xa0"),
                     TW_EFILE);
    assert_string_equal(err.text, "a?[31m????b \xc3\xa4 \xc2\xa0");
    errno = EACCES;
    assert_int_equal(tw_fail_errno(&err, TW_EFILE, "%s", "\33c"), TW_EFILE);
    assert_string_equal(err.text, "?c: Permission denied");
}

static void errno_chooses_the_status(void **state)
{
    tw_error err;
    (void)state;
    errno = ENOSPC;
    assert_int_equal(tw_fail_errno(&err, TW_EFILE, "f"), TW_EBUDGET);
    assert_string_equal(err.text, "f: No space left on device");
    errno = ENOMEM;
    assert_int_equal(tw_fail_errno(&err, TW_EFILE, "f"), TW_ENOMEM);
    errno = EACCES;
    assert_int_equal(tw_fail_errno(&err, TW_EFILE, "f"), TW_EFILE);
}

static void sizes_do_not_wrap(void **state)
{
    size_t z = 7;
    int64_t i = 7;
    (void)state;
    assert_false(tw_mul_size(&z, SIZE_MAX, 2));
    assert_false(tw_add_size(&z, SIZE_MAX, 1));
    assert_false(tw_mul_i64(&i, INT64_MAX, 2));
    assert_false(tw_add_i64(&i, INT64_MAX, 1));
    assert_true(z == 7 && i == 7);
    assert_true(tw_mul_size(&z, 3, 4) && z == 12);
    assert_true(tw_mul_i64(&i, -3, 4) && i == -12);
    assert_null(tw_alloc_f32(INT64_MAX));
    assert_null(tw_alloc_f32(-1));
}

static void aligned_blocks_are_aligned_and_zero(void **state)
{
    float *block = tw_alloc_f32(1000);
    (void)state;
    assert_int_equal((uintptr_t)block % 64, 0);
    for (int i = 0; i < 1000; i++)
        assert_true(block[i] == 0);
    tw_free(block);
}

static void hashes_are_the_known_ones(void **state)
{
    char hex[65];
    tw_sha256 *hash;
    tw_md5 *md5;
    (void)state;
    assert_ok(tw_sha256_hex(hex, "abc", 3, e));
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_ok(tw_sha256_create(&hash, e));
    tw_sha256_add(hash, "a", 1);
    tw_sha256_add(hash, "bc", 2);
    tw_sha256_finish(hash, hex);
    tw_sha256_free(hash);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_ok(tw_md5_hex(hex, "abc", 3, e));
    assert_string_equal(hex, "900150983cd24fb0d6963f7d28e17f72");
    assert_ok(tw_md5_create(&md5, e));
    tw_md5_add(md5, "ab", 2);
    tw_md5_add(md5, "c", 1);
    tw_md5_finish(md5, hex);
    tw_md5_free(md5);
    assert_string_equal(hex, "900150983cd24fb0d6963f7d28e17f72");
    assert_true(tw_hash128_of("abc", 3, 0).low != tw_hash128_of("abd", 3, 0).low);
    assert_true(tw_hash128_of("abc", 3, 0).low != tw_hash128_of("abc", 3, 1).low);
}

enum { ITEMS = 500 };
typedef struct tally {
    atomic_int done[ITEMS];
    atomic_int bad_worker;
    int n_workers;
} tally;

static void count_item(void *ctx, int64_t item, int worker)
{
    tally *t = ctx;

    atomic_fetch_add(&t->done[item], 1);
    if (worker < 0 || worker >= t->n_workers)
        atomic_fetch_add(&t->bad_worker, 1);
}

static void every_item_is_done_once(void **state)
{
    (void)state;
    for (int n_workers = 1; n_workers <= 4; n_workers++) {
        tally t = {.n_workers = n_workers};
        tw_parallel(n_workers, ITEMS, count_item, &t);
        for (int i = 0; i < ITEMS; i++)
            assert_int_equal(t.done[i], 1);
        assert_int_equal(t.bad_worker, 0);
        tw_parallel(n_workers, 0, count_item, &t);
    }
    assert_true(tw_core_count() >= 1);
}

static void clock_and_cpu_answer(void **state)
{
    char text[24];
    double before = tw_clock_s();
    tw_cpu cpu = tw_cpu_detect();
    (void)state;
    assert_true(tw_clock_s() >= before);
    assert_int_equal(strlen(tw_clock_text(text, sizeof text)), 20);
    assert_true(strlen(cpu.name) > 0);
    assert_true(!cpu.avx512_bf16 || cpu.avx512);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_has_its_exit_code),
        cmocka_unit_test(a_sentence_is_written_and_cut),
        cmocka_unit_test(what_a_terminal_would_obey_is_not_in_a_sentence),
        cmocka_unit_test(errno_chooses_the_status),
        cmocka_unit_test(sizes_do_not_wrap),
        cmocka_unit_test(aligned_blocks_are_aligned_and_zero),
        cmocka_unit_test(hashes_are_the_known_ones),
        cmocka_unit_test(every_item_is_done_once),
        cmocka_unit_test(clock_and_cpu_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
