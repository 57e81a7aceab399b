/* Augmentations: the words of a spec, what is drawn and what is made of a picture, both against
 * torchvision on Pillow; and that nothing else has a say in it. */
#include "picture_maker.h"

#include "image/image_int.h"

#include <math.h>

static tw_augment parse(const char *spec)
{
    tw_augment augment;

    assert_ok(tw_augment_parse(&augment, spec, e));
    return augment;
}

/* ---- the words */

static void assert_reads(const char *spec, const char *text)
{
    const tw_augment augment = parse(spec);
    char buf[TW_AUGMENT_TEXT];

    assert_string_equal(tw_augment_text(buf, sizeof buf, &augment), text);
}

static void specs_are_read(void **state)
{
    (void)state;
    assert_reads("", "");
    assert_reads("none", "");
    assert_reads("  flip  ", "flip 0.5");
    assert_reads("flip 0.25,vflip", "flip 0.25, vflip 0.5");
    assert_reads("crop 0.6", "crop 0.6-1");
    assert_reads("crop 0.3-0.7, ratio 0.5-2", "crop 0.3-0.7, ratio 0.5-2");
    assert_reads("ratio 0.5-2", "");
    assert_reads("rotate 10, translate 0.1, scale 0.9-1.1",
                 "rotate 10, translate 0.1, scale 0.9-1.1");
    assert_reads("jitter 0.2, hue 0.1", "brightness 0.2, contrast 0.2, saturation 0.2, hue 0.1");
    assert_reads("erase 0.1, erase 0.3", "erase 0.3");
    assert_reads("flip, flip 0", "");
    assert_reads("light", "flip 0.5, crop 0.8-1, brightness 0.1, contrast 0.1, saturation 0.1");
    assert_reads("medium, flip 0",
                 "crop 0.5-1, rotate 10, brightness 0.2, contrast 0.2, saturation 0.2");
    assert_reads("strong", "flip 0.5, crop 0.25-1, rotate 20, brightness 0.4, contrast 0.4, "
                           "saturation 0.4, hue 0.05, erase 0.25");
    assert_reads("rotate 0.123456789012345", "rotate 0.123456789012345");
}

static void a_text_reads_as_itself(void **state)
{
    const tw_augment strong = parse("strong, ratio 0.9-1.1, translate 0.3, scale 0.5-2, vflip");
    char buf[TW_AUGMENT_TEXT];
    (void)state;
    assert_reads(tw_augment_text(buf, sizeof buf, &strong), buf);
}

static void every_refusal_has_its_sentence(void **state)
{
    static const char *const cases[][2] = {
        {"flip,", "aug: an item is empty"},
        {",flip", "aug: an item is empty"},
        {"flip, , crop 0.5", "aug: an item is empty"},
        {"flip 2", "aug: item \"flip 2\": flip takes a probability"},
        {"flip -1", "aug: item \"flip -1\": flip takes a probability"},
        {"flip nan", "aug: item \"flip nan\": flip takes a probability"},
        {"flip 0.1-0.2", "aug: item \"flip 0.1-0.2\": flip takes a probability"},
        {"vflip x", "aug: item \"vflip x\": vflip takes a probability"},
        {"crop", "aug: item \"crop\": crop takes the share of the picture that is kept, such as "
                 "0.6-1"},
        {"crop 0", "aug: item \"crop 0\": crop takes the share of the picture that is kept, such "
                   "as 0.6-1"},
        {"crop 0.9-0.5", "aug: item \"crop 0.9-0.5\": crop takes the share of the picture that is "
                         "kept, such as 0.6-1"},
        {"ratio 2", "aug: item \"ratio 2\": ratio takes a range from 0.1-10"},
        {"rotate 181", "aug: item \"rotate 181\": rotate takes degrees, at most 180"},
        {"translate 1.5", "aug: item \"translate 1.5\": translate takes a share of the side"},
        {"scale 1.1", "aug: item \"scale 1.1\": scale takes a range from 0.1-10"},
        {"scale 0-1", "aug: item \"scale 0-1\": scale takes a range from 0.1-10"},
        {"jitter", "aug: item \"jitter\": brightness takes a number from 0 to 1"},
        {"jitter 2", "aug: item \"jitter 2\": brightness takes a number from 0 to 1"},
        {"contrast 2", "aug: item \"contrast 2\": contrast takes a number from 0 to 1"},
        {"saturation 2", "aug: item \"saturation 2\": saturation takes a number from 0 to 1"},
        {"hue 0.6", "aug: item \"hue 0.6\": hue takes a number from 0 to 0.5"},
        {"erase", "aug: item \"erase\": erase takes a probability"},
        {"rotat 10", "aug: item \"rotat 10\": unknown word \"rotat\", did you mean \"rotate\""},
        {"heavily", "aug: item \"heavily\" is none of flip, vflip, crop, ratio, rotate, translate, "
                    "scale, jitter, brightness, contrast, saturation, hue, erase"},
        {"flip, light", "aug: item \"light\": light stands first, and by itself"},
        {"light 0.5", "aug: item \"light 0.5\": light stands first, and by itself"},
        {"rotate 10                                                               5",
         "aug: item \"rotate 10                               ...\" is too long"},
    };
    tw_augment augment;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_fails(TW_EUSAGE, cases[i][1], tw_augment_parse(&augment, cases[i][0], e));
}

static void nothing_is_known_as_nothing(void **state)
{
    const tw_augment zero = {0}, none = parse("none"), some = parse("erase 0.1");
    (void)state;
    assert_true(tw_augment_is_none(&zero));
    assert_true(tw_augment_is_none(&none));
    assert_false(tw_augment_is_none(&some));
}

/* ---- against torchvision */

static void assert_hash(const tw_picture *picture, const char *hash, const char *line)
{
    char ours[65];

    picture_hash(ours, picture);
    if (strcmp(ours, hash) != 0)
        fail_msg("differs from torchvision: %s", line);
}

static void take_factor(const char *line)
{
    int which, h, w, c;
    double factor;
    uint32_t seed;
    char hash[65];
    tw_picture picture;

    assert_int_equal(
        sscanf(line, "factor %d %lf %d %d %d %u %64s", &which, &factor, &h, &w, &c, &seed, hash),
        7);
    picture = make_picture(h, w, c, seed);
    tw_image__jitter(&picture, (tw_jitter)which, factor);
    assert_hash(&picture, hash, line);
    tw_picture_free(&picture);
}

static void take_affine(const char *line)
{
    tw_view view = {.order = {0, 1, 2, 3}, .factor = {1.0, 1.0, 1.0, 0.0}};
    int h, w, c;
    uint32_t seed;
    char hash[65];
    tw_picture picture;

    assert_int_equal(sscanf(line, "affine %lf %lf %d %d %d %d %d %u %64s", &view.angle, &view.zoom,
                            &view.shift_x, &view.shift_y, &h, &w, &c, &seed, hash),
                     9);
    picture = make_picture(h, w, c, seed);
    assert_ok(tw_image__change(&picture, &view, e));
    assert_hash(&picture, hash, line);
    tw_picture_free(&picture);
}

static void assert_near(double a, double b, const char *line)
{
    if (!(fabs(a - b) <= 1e-12 * (1.0 + fabs(b))))
        fail_msg("%.17g instead of %.17g: %s", a, b, line);
}

/* The parameters from behind the colon on. */
static void assert_drawn(const tw_view *view, const char *line)
{
    int n[14], flips[2];
    double f[6];

    assert_int_equal(sscanf(strchr(line, ':') + 1,
                            "%d %d %d %d %d %d %lf %lf %d %d %d %d %d %d %lf %lf %lf %lf %d %d %d "
                            "%d;",
                            &n[0], &n[1], &n[2], &n[3], &flips[0], &flips[1], &f[0], &f[1], &n[4],
                            &n[5], &n[6], &n[7], &n[8], &n[9], &f[2], &f[3], &f[4], &f[5], &n[10],
                            &n[11], &n[12], &n[13]),
                     22);
    const int ours[14] = {view->crop_y,       view->crop_x,     view->crop_height, view->crop_width,
                          view->shift_x,      view->shift_y,    view->order[0],    view->order[1],
                          view->order[2],     view->order[3],   view->erase_y,     view->erase_x,
                          view->erase_height, view->erase_width};
    for (int i = 0; i < 14; i++)
        if (ours[i] != n[i])
            fail_msg("parameter %d is %d instead of %d: %s", i, ours[i], n[i], line);
    assert_int_equal(view->flip, flips[0]);
    assert_int_equal(view->vflip, flips[1]);
    assert_near(view->angle, f[0], line);
    assert_near(view->zoom, f[1], line);
    for (int i = 0; i < TW_N_JITTER; i++)
        assert_near(view->factor[i], f[2 + i], line);
}

static void take_view(const char *line)
{
    tw_contract contract = {.interpolation = TW_BILINEAR_AA};
    const char *bar = strchr(line, '|');
    unsigned long long seed, picture;
    unsigned number;
    int h, w, c;
    char spec[128], hash[65];
    tw_view view;
    tw_picture in, out;

    assert_int_equal(sscanf(line, "view %d %d %d %d %d %llu %u %llu:", &h, &w, &c, &contract.height,
                            &contract.width, &seed, &number, &picture),
                     8);
    snprintf(spec, sizeof spec, "%s", bar + 2);
    spec[strcspn(spec, "\n")] = '\0';
    snprintf(hash, sizeof hash, "%.64s", strchr(line, ';') + 2);
    const tw_augment augment = parse(spec);
    tw_augment_draw(&view, &augment, &contract, h, w, seed, number, picture);
    assert_drawn(&view, line);
    in = make_picture(h, w, c, number);
    assert_ok(tw_view_picture(&out, &contract, &in, &view, e));
    assert_hash(&out, hash, line);
    tw_picture_free(&in);
    tw_picture_free(&out);
}

static int take_lines(const char *kind, void (*take)(const char *line))
{
    FILE *golden = open_golden("augment.txt");
    char line[512];
    int n = 0;

    while (fgets(line, sizeof line, golden))
        if (strncmp(line, kind, strlen(kind)) == 0) {
            take(line);
            n++;
        }
    fclose(golden);
    return n;
}

static void factors_are_torchvisions(void **state)
{
    (void)state;
    assert_int_equal(take_lines("factor ", take_factor), 84);
}

static void the_affine_map_is_torchvisions(void **state)
{
    (void)state;
    assert_int_equal(take_lines("affine ", take_affine), 24);
}

static void views_are_torchvisions(void **state)
{
    (void)state;
    assert_int_equal(take_lines("view ", take_view), 84);
}

/* ---- what has a say */

static const tw_contract contract = {.height = 20, .width = 24, .interpolation = TW_BILINEAR};

static tw_view draw(const char *spec, uint64_t seed, uint32_t number, uint64_t picture)
{
    const tw_augment augment = parse(spec);
    tw_view view;

    tw_augment_draw(&view, &augment, &contract, 40, 50, seed, number, picture);
    return view;
}

static void seed_number_and_picture_tell_views_apart(void **state)
{
    const tw_view view = draw("rotate 90", 1, 2, 3);
    (void)state;
    assert_true(view.angle == draw("rotate 90", 1, 2, 3).angle);
    assert_true(view.angle != draw("rotate 90", 2, 2, 3).angle);
    assert_true(view.angle != draw("rotate 90", 1, 1, 3).angle);
    assert_true(view.angle != draw("rotate 90", 1, 2, 4).angle);
    assert_true(view.angle != draw("rotate 90", 1, 2, 3 + (1ull << 40)).angle);
}

static void items_do_not_change_what_others_draw(void **state)
{
    const tw_view all = draw("strong, rotate 90, erase 1, translate 0.2", 1, 2, 3);
    (void)state;
    assert_true(all.angle == draw("rotate 90", 1, 2, 3).angle);
    assert_int_equal(all.crop_x, draw("crop 0.25-1", 1, 2, 3).crop_x);
    assert_int_equal(all.erase_x, draw("erase 1", 1, 2, 3).erase_x);
    assert_int_equal(all.shift_y, draw("translate 0.2", 1, 2, 3).shift_y);
    assert_true(all.factor[TW_JITTER_HUE] == draw("hue 0.05", 1, 2, 3).factor[TW_JITTER_HUE]);
}

static void rectangles_lie_inside(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 2000; i++) {
        const tw_view v = draw("crop 0.05-1, ratio 0.2-5, erase 1", 9, i, 1);

        assert_in_range(v.crop_height, 1, 40);
        assert_in_range(v.crop_width, 1, 50);
        assert_in_range(v.crop_y, 0, 40 - v.crop_height);
        assert_in_range(v.crop_x, 0, 50 - v.crop_width);
        assert_in_range(v.erase_height, 0, 19);
        assert_in_range(v.erase_y, 0, 20 - v.erase_height);
        assert_in_range(v.erase_x, 0, 24 - v.erase_width);
    }
}

static void probabilities_are_kept(void **state)
{
    int flips = 0, erased = 0;
    (void)state;
    for (uint32_t i = 0; i < 10000; i++) {
        const tw_view v = draw("flip 0.3, vflip 0, erase 0.1", 5, i, 77);

        flips += v.flip;
        erased += v.erase_height > 0;
        assert_false(v.vflip);
    }
    assert_in_range(flips, 2860, 3140);
    assert_in_range(erased, 910, 1090);
}

/* A line of one pixel has no part of any ratio, so it is the middle. */
static void a_narrow_picture_is_cropped_in_the_middle(void **state)
{
    const tw_augment augment = parse("crop 0.9-1");
    tw_view v;
    (void)state;
    tw_augment_draw(&v, &augment, &contract, 1, 31, 1, 1, 1);
    assert_int_equal(v.crop_height, 1);
    assert_int_equal(v.crop_width, 1);
    assert_int_equal(v.crop_x, 15);
    tw_augment_draw(&v, &augment, &contract, 90, 10, 1, 1, 1);
    assert_int_equal(v.crop_height, 13);
    assert_int_equal(v.crop_width, 10);
    assert_int_equal(v.crop_y, 38);
}

static void no_augmentation_is_the_contract(void **state)
{
    const tw_augment none = parse("none");
    tw_picture in = make_picture(40, 50, 3, 8), plain, made;
    float a[20 * 24 * 3], b[20 * 24 * 3];
    tw_view view;
    (void)state;
    tw_augment_draw(&view, &none, &contract, 40, 50, 1, 2, 3);
    assert_ok(tw_contract_picture(&plain, &contract, &in, e));
    assert_ok(tw_view_picture(&made, &contract, &in, &view, e));
    assert_memory_equal(plain.pixels, made.pixels, 20 * 24 * 3);
    assert_ok(tw_contract_apply(a, &contract, &in, e));
    assert_ok(tw_view_apply(b, &contract, &in, &view, e));
    assert_memory_equal(a, b, sizeof a);
    tw_picture_free(&in);
    tw_picture_free(&plain);
    tw_picture_free(&made);
}

/* Grey by the contract is grey before anything is changed. */
static void a_grey_contract_stays_grey(void **state)
{
    const tw_augment strong = parse("strong, erase 1, hue 0.5");
    tw_contract grey = contract;
    tw_picture in = make_picture(40, 50, 3, 8), made;
    tw_view view;
    (void)state;
    grey.colour = TW_COLOUR_GREY;
    tw_augment_draw(&view, &strong, &grey, 40, 50, 1, 2, 3);
    assert_ok(tw_view_picture(&made, &grey, &in, &view, e));
    for (int i = 0; i < 20 * 24; i++) {
        assert_int_equal(made.pixels[3 * i], made.pixels[3 * i + 1]);
        assert_int_equal(made.pixels[3 * i], made.pixels[3 * i + 2]);
    }
    tw_picture_free(&in);
    tw_picture_free(&made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(specs_are_read),
        cmocka_unit_test(a_text_reads_as_itself),
        cmocka_unit_test(every_refusal_has_its_sentence),
        cmocka_unit_test(nothing_is_known_as_nothing),
        cmocka_unit_test(factors_are_torchvisions),
        cmocka_unit_test(the_affine_map_is_torchvisions),
        cmocka_unit_test(views_are_torchvisions),
        cmocka_unit_test(seed_number_and_picture_tell_views_apart),
        cmocka_unit_test(items_do_not_change_what_others_draw),
        cmocka_unit_test(rectangles_lie_inside),
        cmocka_unit_test(probabilities_are_kept),
        cmocka_unit_test(a_narrow_picture_is_cropped_in_the_middle),
        cmocka_unit_test(no_augmentation_is_the_contract),
        cmocka_unit_test(a_grey_contract_stays_grey),
    };
    return cmocka_run_group_tests_name("image/augment", tests, NULL, NULL);
}
