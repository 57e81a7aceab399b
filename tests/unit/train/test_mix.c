/* Mixed rows and their targets: shares, partners, rectangles; and label smoothing alone. */
#include "training_world.h"

#include "base/memory.h"

#include <math.h>

enum { ROWS = 6, L = TINY_CLASSES };

typedef struct mixing {
    tw_training *training;
    tw_mixer mixer;
    int64_t row;
    float *rows;
    int labels[ROWS];
} mixing;

/* Numbers of a row tell the row and the place. */
static mixing begin(void **state, const char *const (*options)[2], int n)
{
    mixing m = {.training = open_training(*state, options, n)};

    m.row = tw_source_row_size(m.training->source);
    m.rows = tw_alloc_f32(ROWS * m.row);
    for (int64_t i = 0; i < ROWS * m.row; i++)
        m.rows[i] = (float)(i / m.row * 4096 + i % m.row);
    for (int i = 0; i < ROWS; i++)
        m.labels[i] = i % L;
    assert_ok(tw_train__mixer_create(&m.mixer, m.training, ROWS, e));
    return m;
}

static void end(mixing *m)
{
    tw_train__mixer_free(&m->mixer);
    tw_free(m->rows);
    tw_training_free(m->training);
}

static const float *mix(mixing *m, uint64_t step)
{
    const tw_rng_key key = tw_rng_make_key(42, TW_RNG_MIX, 1, step);

    return tw_train__mix(&m->mixer, m->rows, m->labels, ROWS, &key);
}

static void assert_targets(const mixing *m, double smoothing)
{
    for (int i = 0; i < ROWS; i++)
        for (int k = 0; k < L; k++) {
            const int other = m->mixer.partners ? m->labels[m->mixer.partners[i]] : m->labels[i];
            const double t =
                (k == m->labels[i] ? m->mixer.share : 0) + (k == other ? 1 - m->mixer.share : 0);

            assert_true(fabs(m->mixer.targets[i * L + k] - (t * (1 - smoothing) + smoothing / L)) <
                        1e-7);
        }
}

static void test_without_options_rows_are_themselves(void **state)
{
    mixing m = begin(state, NULL, 0);

    assert_ptr_equal(mix(&m, 0), m.rows);
    assert_null(m.mixer.targets);
    assert_true(tw_train__mixer_is_off(&m.mixer));
    assert_int_equal(tw_train__mixer_bytes(&m.mixer, ROWS), 0);
    end(&m);
}

static void test_smoothing_leaves_the_rows(void **state)
{
    mixing m = begin(state, OPTIONS({"label-smoothing", "0.3"}), 1);

    assert_ptr_equal(mix(&m, 0), m.rows);
    assert_targets(&m, 0.3);
    assert_int_equal(tw_train__mixer_bytes(&m.mixer, ROWS), ROWS * L * 4);
    end(&m);
}

static void test_mixup_is_a_mean_by_shares(void **state)
{
    mixing m = begin(state, OPTIONS({"mixup", "0.4"}, {"label-smoothing", "0.1"}), 2);
    double first = 0;

    for (uint64_t step = 0; step < 20; step++) {
        const float *made = mix(&m, step);
        bool is_taken[ROWS] = {false};
        const double share = m.mixer.share;

        assert_true(share >= 0.5 && share <= 1);
        for (int64_t i = 0; i < ROWS * m.row; i++) {
            const int64_t other = m.mixer.partners[i / m.row] * m.row + i % m.row;
            const double wanted = share * m.rows[i] + (1 - share) * m.rows[other];

            assert_true(fabs(made[i] - wanted) <= 1e-6 * (1 + fabs(wanted)));
        }
        for (int i = 0; i < ROWS; i++)
            is_taken[m.mixer.partners[i]] = true;
        for (int i = 0; i < ROWS; i++)
            assert_true(is_taken[i]);
        assert_targets(&m, 0.1);
        first = step ? first : share;
        assert_true(step == 0 || share != first);
    }
    mix(&m, 0);
    assert_true(m.mixer.share == first);
    assert_int_equal(tw_train__mixer_bytes(&m.mixer, ROWS), ROWS * (m.row * 4 + 8 + L * 4));
    end(&m);
}

/* Every place is the row's own or its partner's, the latter in one rectangle; its area is 1 -
 * share.
 */
static void test_cutmix_puts_in_a_rectangle(void **state)
{
    mixing m = begin(state, OPTIONS({"cutmix", "1"}), 1);
    const int64_t h = m.mixer.height, w = m.mixer.width, c = m.mixer.channels;
    int n_cut = 0;

    assert_int_equal(h * w * c, m.row);
    assert_true(h > 1 && c > 1);
    for (uint64_t step = 0; step < 40; step++) {
        const float *made = mix(&m, step);

        for (int64_t i = 0; i < ROWS; i++) {
            int64_t top = h, left = w, bottom = -1, right = -1, n = 0;

            for (int64_t k = 0; k < m.row; k++) {
                const int64_t y = k / (w * c), x = k / c % w;
                const int64_t from = (int64_t)made[i * m.row + k] / 4096;

                assert_int_equal((int64_t)made[i * m.row + k] % 4096, k);
                if (from == i)
                    continue;
                assert_int_equal(from, m.mixer.partners[i]);
                n++;
                top = y < top ? y : top;
                left = x < left ? x : left;
                bottom = y > bottom ? y : bottom;
                right = x > right ? x : right;
            }
            if (m.mixer.partners[i] == i || n == 0)
                continue;
            n_cut++;
            assert_int_equal(n, (bottom - top + 1) * (right - left + 1) * c);
            assert_true(fabs((1 - m.mixer.share) - (double)n / (double)m.row) < 1e-12);
        }
        assert_targets(&m, 0);
    }
    assert_true(n_cut > 50);
    end(&m);
}

static void test_with_both_each_step_takes_one(void **state)
{
    mixing m = begin(state, OPTIONS({"cutmix", "1"}, {"mixup", "1"}), 2);
    int n_whole = 0;

    for (uint64_t step = 0; step < 100; step++) {
        const float *made = mix(&m, step);
        bool is_whole = true;

        /* cut rows hold numbers of the rows as they were */
        for (int64_t i = 0; i < ROWS * m.row && is_whole; i++)
            is_whole = made[i] == m.rows[i] ||
                       made[i] == m.rows[m.mixer.partners[i / m.row] * m.row + i % m.row];
        n_whole += is_whole;
    }
    assert_in_range(n_whole, 30, 70);
    end(&m);
}

static void test_class_weights_are_mixed_too(void **state)
{
    static const float weights[L] = {1, 2, 5};
    mixing m = begin(state, OPTIONS({"mixup", "1"}), 1);

    mix(&m, 3);
    for (int i = 0; i < ROWS; i++) {
        const double wanted = m.mixer.share * weights[m.labels[i]] +
                              (1 - m.mixer.share) * weights[m.labels[m.mixer.partners[i]]];

        assert_true(fabs(tw_train__mix_weight(&m.mixer, weights, m.labels, i) - wanted) < 1e-6);
    }
    end(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_options_rows_are_themselves),
        cmocka_unit_test(test_smoothing_leaves_the_rows),
        cmocka_unit_test(test_mixup_is_a_mean_by_shares),
        cmocka_unit_test(test_cutmix_puts_in_a_rectangle),
        cmocka_unit_test(test_with_both_each_step_takes_one),
        cmocka_unit_test(test_class_weights_are_mixed_too),
    };

    return cmocka_run_group_tests_name("train/mix", tests, open_world, close_world);
}
