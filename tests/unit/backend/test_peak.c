/*
 * The machine's own limits: every backend measures something, bf16 only where the path has its
 * instructions. How much it is, the machine says; a rate counts items times their worth.
 */
#include "backend/backend_int.h"
#include "base/clock.h"
#include "base/cpu.h"

#include "check.h"

#include <math.h>

static tw_peak measure(const char *name, const char *isa)
{
    const tw_backend_table *table;
    tw_backend *backend;
    tw_peak peak = {0};

    assert_ok(tw_backend_find(&table, name, e));
    assert_ok(table->open(&backend, isa, e));
    assert_ok(table->peak(&peak, backend, 1, e));
    table->close(backend);
    return peak;
}

static void test_cpu_measures_its_path(void **state)
{
    const tw_cpu cpu = tw_cpu_detect();
    const tw_peak peak = measure("cpu", NULL);

    (void)state;
    assert_true(isfinite(peak.fp32_flops) && peak.fp32_flops > 0.0);
    assert_true(isfinite(peak.read_bytes) && peak.read_bytes > 0.0);
    assert_int_equal(peak.bf16_flops > 0.0, cpu.avx512_bf16 || cpu.amx_bf16);
}

static void test_ref_has_no_bf16(void **state)
{
    const tw_peak peak = measure("ref", NULL);

    (void)state;
    assert_true(isfinite(peak.fp32_flops) && peak.fp32_flops > 0.0);
    assert_true(isfinite(peak.read_bytes) && peak.read_bytes > 0.0);
    assert_true(peak.bf16_flops == 0.0);
}

enum { ITEMS = 5 };

static void sleep_and_count(void *ctx, int64_t item, int worker)
{
    (void)worker;
    ((int *)ctx)[item]++;
    tw_clock_sleep(0.001);
}

static void test_a_rate_is_items_by_time(void **state)
{
    int counts[ITEMS] = {0};
    const double rate = tw_backend__best_rate(sleep_and_count, counts, ITEMS, 7.0, 1);

    (void)state;
    for (int i = 1; i < ITEMS; i++) {
        assert_true(counts[i] > 1);
        assert_int_equal(counts[i], counts[0]);
    }
    /* a thousandth of a second an item, at least */
    assert_true(rate > 0.0 && rate <= 7.0 / 0.001);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cpu_measures_its_path),
        cmocka_unit_test(test_ref_has_no_bf16),
        cmocka_unit_test(test_a_rate_is_items_by_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
