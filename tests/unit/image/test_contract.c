/* Names, colour rules and preprocessing, against Keras and OpenCV. */
#include "picture_maker.h"

static void names_come_back(void **state)
{
    tw_interpolation how;
    tw_preprocess preprocess;
    tw_colour colour;
    tw_resize resize;
    tw_jpeg_scale jpeg_scale;
    (void)state;
    for (int i = 0; i < TW_N_RESIZE; i++) {
        assert_ok(tw_resize_parse(&resize, tw_resize_name((tw_resize)i), e));
        assert_int_equal(resize, i);
    }
    assert_fails(TW_EUSAGE, "no resize policy \"squish\"; did you mean squash",
                 tw_resize_parse(&resize, "squish", e));
    for (int i = 0; i < TW_N_JPEG_SCALE; i++) {
        assert_ok(tw_jpeg_scale_parse(&jpeg_scale, tw_jpeg_scale_name((tw_jpeg_scale)i), e));
        assert_int_equal(jpeg_scale, i);
    }
    assert_fails(TW_EUSAGE, "no JPEG scale \"autp\"; did you mean auto",
                 tw_jpeg_scale_parse(&jpeg_scale, "autp", e));
    for (int i = 0; i < TW_N_INTERPOLATION; i++) {
        assert_ok(tw_interpolation_parse(&how, tw_interpolation_name((tw_interpolation)i), e));
        assert_int_equal(how, i);
    }
    for (int i = 0; i < TW_N_PREPROCESS; i++) {
        assert_ok(tw_preprocess_parse(&preprocess, tw_preprocess_name((tw_preprocess)i), e));
        assert_int_equal(preprocess, i);
    }
    for (int i = 0; i < TW_N_COLOUR; i++) {
        assert_ok(tw_colour_parse(&colour, tw_colour_name((tw_colour)i), e));
        assert_int_equal(colour, i);
    }
    assert_fails(TW_EUSAGE, "no interpolation \"cubix\"; did you mean cubic",
                 tw_interpolation_parse(&how, "cubix", e));
    assert_fails(TW_EUSAGE, "no preprocessing \"xyzzy\"; the first of 5 is none",
                 tw_preprocess_parse(&preprocess, "xyzzy", e));
    assert_fails(TW_EUSAGE, "no colour rule \"gray\"; did you mean grey",
                 tw_colour_parse(&colour, "gray", e));
}

static void grey_is_opencvs(void **state)
{
    FILE *golden = open_golden("colour.txt");
    char line[256];
    int n = 0;
    (void)state;
    while (fgets(line, sizeof line, golden)) {
        char hash[65], ours[65];
        int h, w, seed;
        tw_picture in, out;
        if (line[0] == '#' || sscanf(line, "%d %d %d %64s", &h, &w, &seed, hash) != 4)
            continue;
        in = make_picture(h, w, 3, (uint32_t)seed);
        assert_ok(tw_picture_to_grey(&out, &in, e));
        picture_hash(ours, &out);
        assert_string_equal(ours, hash);
        tw_picture_free(&in);
        tw_picture_free(&out);
        n++;
    }
    fclose(golden);
    assert_int_equal(n, 5);
}

static void preprocessing_is_kerass(void **state)
{
    FILE *golden = open_golden("preprocess.txt");
    char mode[16];
    int seed, n = 0;
    (void)state;
    while (fgetc(golden) != '\n')
        continue;
    while (fscanf(golden, "%15s %d", mode, &seed) == 2) {
        tw_picture in = make_picture(4, 5, 3, (uint32_t)seed);
        tw_contract contract = {4,
                                5,
                                TW_COLOUR_RGB,
                                TW_CUBIC,
                                TW_PREPROCESS_NONE,
                                TW_RESIZE_SQUASH,
                                0,
                                TW_JPEG_SCALE_OFF};
        float out[60], wanted;
        assert_ok(tw_preprocess_parse(&contract.preprocess, mode, e));
        assert_ok(tw_contract_apply(out, &contract, &in, e));
        for (int i = 0; i < 60; i++) {
            assert_int_equal(fscanf(golden, "%f", &wanted), 1);
            if (wanted != out[i])
                fail_msg("%s, value %d: %.9g, Keras has %.9g", mode, i, (double)out[i],
                         (double)wanted);
        }
        tw_picture_free(&in);
        n++;
    }
    fclose(golden);
    assert_int_equal(n, 3);
}

static void none_keeps_rgb(void **state)
{
    tw_picture in = make_picture(3, 4, 3, 2);
    tw_contract contract = {
        3, 4, TW_COLOUR_RGB, TW_CUBIC, TW_PREPROCESS_NONE, TW_RESIZE_SQUASH, 0, TW_JPEG_SCALE_OFF};
    float out[36];
    (void)state;
    assert_ok(tw_contract_apply(out, &contract, &in, e));
    for (int i = 0; i < 36; i++)
        assert_true(out[i] == (float)in.pixels[i]);
    tw_picture_free(&in);
}

/* Grey resized first, then repeated: the tutorial's order, which differs in the tails of rows. */
static void grey_is_resized_then_repeated(void **state)
{
    tw_picture in = make_picture(28, 28, 1, 2), resized, shown;
    tw_contract contract = {30,
                            30,
                            TW_COLOUR_GREY,
                            TW_CUBIC,
                            TW_PREPROCESS_NONE,
                            TW_RESIZE_SQUASH,
                            0,
                            TW_JPEG_SCALE_OFF};
    (void)state;
    assert_ok(tw_picture_resize(&resized, &in, 30, 30, TW_CUBIC, e));
    for (int colour = 0; colour < TW_N_COLOUR; colour++) {
        contract.colour = (tw_colour)colour;
        assert_ok(tw_contract_picture(&shown, &contract, &in, e));
        assert_int_equal(shown.channels, 3);
        for (int i = 0; i < 30 * 30 * 3; i++)
            assert_int_equal(shown.pixels[i], resized.pixels[i / 3]);
        tw_picture_free(&shown);
    }
    tw_picture_free(&resized);
    tw_picture_free(&in);
}

static void a_colour_picture_becomes_grey_first(void **state)
{
    tw_picture in = make_picture(9, 9, 3, 4), grey, resized, shown;
    tw_contract contract = {20,
                            21,
                            TW_COLOUR_GREY,
                            TW_BILINEAR,
                            TW_PREPROCESS_NONE,
                            TW_RESIZE_SQUASH,
                            0,
                            TW_JPEG_SCALE_OFF};
    (void)state;
    assert_ok(tw_picture_to_grey(&grey, &in, e));
    assert_ok(tw_picture_resize(&resized, &grey, 20, 21, TW_BILINEAR, e));
    assert_ok(tw_contract_picture(&shown, &contract, &in, e));
    for (int i = 0; i < 20 * 21 * 3; i++)
        assert_int_equal(shown.pixels[i], resized.pixels[i / 3]);
    tw_picture_free(&in);
    tw_picture_free(&grey);
    tw_picture_free(&resized);
    tw_picture_free(&shown);
}

static void a_line_cannot_be_cropped(void **state)
{
    tw_contract contract = {.height = 224, .width = 224, .resize = TW_RESIZE_CROP, .crop_pct = 1.0};
    tw_picture in = make_picture(1, 2000, 3, 1), out;
    (void)state;
    assert_fails(TW_EFILE, "a picture: 1x2000 pixels are too narrow to be cropped",
                 tw_contract_picture(&out, &contract, &in, e));
    assert_null(out.pixels);
    tw_picture_free(&in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_cannot_be_cropped),
        cmocka_unit_test(names_come_back),
        cmocka_unit_test(grey_is_opencvs),
        cmocka_unit_test(preprocessing_is_kerass),
        cmocka_unit_test(none_keeps_rgb),
        cmocka_unit_test(grey_is_resized_then_repeated),
        cmocka_unit_test(a_colour_picture_becomes_grey_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
