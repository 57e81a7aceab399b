#include "tensor/tensor.h"

#include "check.h"

#include <math.h>

static void shapes_count_and_print(void **state)
{
    char text[96];
    tw_shape s = tw_shape_make(4, (int64_t[]){3, 3, 64, 128});
    tw_shape huge = tw_shape_make(2, (int64_t[]){INT64_MAX, 2});
    tw_shape scalar = {0};
    int64_t n;
    (void)state;
    assert_true(tw_shape_count(&n, &s) && n == 73728);
    assert_false(tw_shape_count(&n, &huge));
    assert_string_equal(tw_shape_text(text, sizeof text, &s), "3x3x64x128");
    assert_string_equal(tw_shape_text(text, sizeof text, &scalar), "scalar");
    assert_int_equal(tw_shape_size(&scalar), 1);
    assert_false(tw_shape_equal(&s, &huge));
    assert_true(tw_shape_equal(&s, &s));
}

static void bf16_rounds_to_even(void **state)
{
    (void)state;
    assert_int_equal(tw_bf16_from_f32(1.0f), 0x3F80);
    assert_int_equal(tw_bf16_from_f32(1.00390625f), 0x3F80); /* tie, down to even */
    assert_int_equal(tw_bf16_from_f32(1.01171875f), 0x3F82); /* tie, up to even */
    assert_int_equal(tw_bf16_from_f32(3.4e38f), 0x7F80);
    assert_true(isnan(tw_f32_from_bf16(tw_bf16_from_f32(NAN))));
    for (uint32_t i = 0; i < 0x7F80; i++)
        assert_int_equal(tw_bf16_from_f32(tw_f32_from_bf16((uint16_t)i)), i);
}

static void other_floats_become_f32(void **state)
{
    uint16_t half[] = {0x3C00, 0xC000, 0x0001, 0x7BFF, 0x7C00, 0x8000};
    double wide[] = {0.5, -3.25};
    float out[6];
    (void)state;
    assert_true(tw_copy_as_f32(out, half, TW_F16, 6));
    assert_true(out[0] == 1 && out[1] == -2 && out[2] == 0x1p-24f && out[3] == 65504 &&
                isinf(out[4]));
    assert_true(out[5] == 0 && signbit(out[5]));
    assert_true(tw_copy_as_f32(out, wide, TW_F64, 2) && out[0] == 0.5f && out[1] == -3.25f);
    assert_false(tw_copy_as_f32(out, wide, TW_I64, 1));
}

static void dtypes_have_names(void **state)
{
    tw_dtype dtype;
    (void)state;
    for (int i = 0; i < TW_N_DTYPE; i++) {
        assert_true(tw_dtype_parse(&dtype, tw_dtype_name((tw_dtype)i)));
        assert_int_equal(dtype, i);
    }
    assert_false(tw_dtype_parse(&dtype, "F31"));
    assert_int_equal(tw_dtype_size(TW_BF16), 2);
}

static void precisions_have_names(void **state)
{
    tw_precision precision;
    (void)state;
    for (int i = 0; i < TW_N_PRECISION; i++) {
        assert_true(tw_precision_parse(&precision, tw_precision_name((tw_precision)i)));
        assert_int_equal(precision, i);
    }
    assert_false(tw_precision_parse(&precision, "fp16"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes_count_and_print),  cmocka_unit_test(bf16_rounds_to_even),
        cmocka_unit_test(other_floats_become_f32), cmocka_unit_test(dtypes_have_names),
        cmocka_unit_test(precisions_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
