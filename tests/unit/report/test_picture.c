/* Thumbnails: base64 of RFC 4648, and pictures that are made small without changing their form. */
#include "run_maker.h"

#include "image/image.h"
#include "report/report_int.h"

static void test_base64(void **state)
{
    static const char *const vectors[][2] = {{"", ""},
                                             {"f", "Zg=="},
                                             {"fo", "Zm8="},
                                             {"foo", "Zm9v"},
                                             {"foob", "Zm9vYg=="},
                                             {"fooba", "Zm9vYmE="},
                                             {"foobar", "Zm9vYmFy"},
                                             {"\xfb\xff\xbf", "+/+/"}};

    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        char *text = tw_report__base64((const uint8_t *)vectors[i][0], strlen(vectors[i][0]));
        assert_string_equal(text, vectors[i][1]);
        tw_free(text);
    }
}

static uint8_t sixtyfour(char letter)
{
    return (uint8_t)(letter >= 'a'   ? letter - 'a' + 26
                     : letter >= 'A' ? letter - 'A'
                     : letter >= '0' ? letter - '0' + 52
                     : letter == '+' ? 62
                                     : 63);
}

/* The picture of a PNG in base64. Free with tw_picture_free. */
static tw_picture decode(const char *text)
{
    uint8_t *bytes = malloc(strlen(text));
    size_t n = 0;
    tw_picture picture;

    for (; *text; text += 4) {
        uint32_t bits = 0;
        for (int i = 0; i < 4; i++)
            bits = bits << 6 | (text[i] == '=' ? 0 : sixtyfour(text[i]));
        for (int shift = 16; shift >= 0; shift -= 8)
            bytes[n++] = (uint8_t)(bits >> shift);
        n -= (text[2] == '=') + (text[3] == '=');
    }
    assert_ok(tw_picture_decode(&picture, bytes, n, "thumbnail", e));
    free(bytes);
    return picture;
}

/* A large picture, half of it white, comes back as 128 x 51 with the same halves. */
static void test_large_pictures_are_made_small(void **state)
{
    enum { WIDTH = 500, HEIGHT = 200 };
    const run_maker *maker = *state;
    static uint8_t pixels[HEIGHT * WIDTH];
    const tw_picture picture = {HEIGHT, WIDTH, 1, pixels};
    tw_answers answers = {0};
    tw_shown shown = {.name = (char[]){"val/ant/0.png"}};
    tw_class_score score = {.name = "ant"};
    char *names[] = {(char[]){"ant"}}, *path = path_in(maker->data, "val/ant/0.png"), *why;
    tw_picture small;

    for (int y = 0; y < HEIGHT; y++)
        memset(pixels + y * WIDTH, 255, WIDTH / 2);
    assert_ok(tw_picture_write_png(&picture, path, e));
    free(path);
    answers.samples = &shown;
    answers.n_samples = 1;
    answers.evaluation.names = names;
    answers.evaluation.classes = &score;
    answers.evaluation.n_classes = 1;
    assert_ok(tw_report__pictures_read(&answers, &why, maker->data, e));
    assert_null(why);
    assert_int_equal(shown.width, 128);
    assert_int_equal(shown.height, 51);
    small = decode(shown.png);
    assert_int_equal(small.width, 128);
    assert_int_equal(small.channels, 1);
    for (int y = 0; y < small.height; y++)
        for (int x = 0; x < small.width; x++)
            assert_int_equal(small.pixels[y * small.width + x], x < 64 ? 255 : 0);
    tw_picture_free(&small);
    tw_free(shown.png);
}

/* A damaged file is left out with its sentence, the others are shown. */
static void test_a_damaged_picture(void **state)
{
    const run_maker *maker = *state;
    char *path = path_in(maker->data, "val/bee/1.png"), *page, sentence[512];

    maker_reset(maker);
    write_bytes(path, (const uint8_t *)"\x89PNG\r\n\x1a\n", 8);
    assert_ok(tw_report_write(maker->run, maker->data, e));
    page = maker_read(maker, "report.html");
    snprintf(sentence, sizeof sentence, "Not all pictures could be shown: %s: bad PNG", path);
    assert_non_null(strstr(page, sentence));
    assert_non_null(strstr(page, "alt=\"picture val/bee/0.png\""));
    assert_null(strstr(page, "alt=\"picture val/bee/1.png\""));
    tw_free(page);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base64),
        cmocka_unit_test(test_large_pictures_are_made_small),
        cmocka_unit_test(test_a_damaged_picture),
    };

    return cmocka_run_group_tests_name("report/picture", tests, maker_open, maker_close);
}
