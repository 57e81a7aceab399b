/* Every interpolation against OpenCV: hashes of synthetic pictures and of MNIST. */
#include "picture_maker.h"

#include <zlib.h>

static int resize_by_file(FILE *golden, const char *wanted)
{
    char line[256];
    int n = 0;
    while (fgets(line, sizeof line, golden)) {
        char name[24], hash[65], ours[65];
        int h, w, c, H, W, seed;
        tw_interpolation how;
        tw_picture in, out;
        if (line[0] == '#' ||
            sscanf(line, "%23s %d %d %d %d %d %d %64s", name, &h, &w, &c, &H, &W, &seed, hash) !=
                8 ||
            strcmp(name, wanted) != 0)
            continue;
        assert_ok(tw_interpolation_parse(&how, name, e));
        in = make_picture(h, w, c, (uint32_t)seed);
        assert_ok(tw_picture_resize(&out, &in, H, W, how, e));
        picture_hash(ours, &out);
        if (strcmp(ours, hash) != 0)
            fail_msg("%s %dx%dx%d to %dx%d differs", name, h, w, c, H, W);
        tw_picture_free(&in);
        tw_picture_free(&out);
        n++;
    }
    fclose(golden);
    return n;
}

static int resize_by_golden(const char *wanted)
{
    return resize_by_file(open_golden("resize.txt"), wanted);
}

static FILE *open_golden_picture(const char *name)
{
    char path[512];
    FILE *file;
    snprintf(path, sizeof path, "%s/pictures/%s", TW_TEST_DATA, name);
    if (!(file = fopen(path, "r")))
        fail_msg("%s is missing", path);
    return file;
}

static void cubic_is_opencvs(void **state)
{
    (void)state;
    assert_int_equal(resize_by_golden("cubic"), 150);
}

static void bilinear_is_opencvs(void **state)
{
    (void)state;
    assert_int_equal(resize_by_golden("bilinear"), 150);
}

static void nearest_is_opencvs(void **state)
{
    (void)state;
    assert_int_equal(resize_by_golden("nearest"), 150);
}

static void area_is_opencvs(void **state)
{
    (void)state;
    assert_int_equal(resize_by_file(open_golden_picture("resize.txt"), "area"), 195);
}

static void bilinear_aa_is_pillows(void **state)
{
    (void)state;
    assert_int_equal(resize_by_file(open_golden_picture("resize.txt"), "bilinear-aa"), 195);
}

static void cubic_aa_is_pillows(void **state)
{
    (void)state;
    assert_int_equal(resize_by_file(open_golden_picture("resize.txt"), "cubic-aa"), 195);
}

/* Resize and crop as torchvision does them on PIL pictures, letterbox as ImageOps.pad. */
static void policies_are_pillows(void **state)
{
    FILE *golden = open_golden_picture("policy.txt");
    char line[256];
    int n = 0;
    (void)state;
    while (fgets(line, sizeof line, golden)) {
        char name[24], hash[65], ours[65];
        int h, w, seed;
        tw_contract contract = {.interpolation = TW_BILINEAR_AA};
        tw_picture in, out;
        if (line[0] == '#')
            continue;
        assert_int_equal(sscanf(line, "%23s %lf %d %d %d %d %d %64s", name, &contract.crop_pct, &h,
                                &w, &contract.height, &contract.width, &seed, hash),
                         8);
        assert_ok(tw_resize_parse(&contract.resize, name, e));
        in = make_picture(h, w, 3, (uint32_t)seed);
        assert_ok(tw_contract_picture(&out, &contract, &in, e));
        picture_hash(ours, &out);
        if (strcmp(ours, hash) != 0)
            fail_msg("%s %dx%d to %dx%d differs from Pillow", name, h, w, contract.height,
                     contract.width);
        tw_picture_free(&in);
        tw_picture_free(&out);
        n++;
    }
    fclose(golden);
    assert_int_equal(n, 120);
}

static void the_same_size_is_a_copy(void **state)
{
    tw_picture in = make_picture(9, 8, 3, 1), out;
    (void)state;
    for (int how = 0; how < TW_N_INTERPOLATION; how++) {
        assert_ok(tw_picture_resize(&out, &in, 9, 8, (tw_interpolation)how, e));
        assert_memory_equal(in.pixels, out.pixels, 9 * 8 * 3);
        tw_picture_free(&out);
    }
    tw_picture_free(&in);
}

/* ---- MNIST: SHA-256 (first 32 digits) of the results, in order, of cv2 4.6.0 */

static const struct {
    int size, n;
    const char *hash;
} published[] = {
    {32, 60000, "c34a520b675c81b30bdca870bcd2c6e2"},
    {48, 60000, "b868b24070c8b9760cb6df3d2be486bf"},
    {56, 60000, "944cea2cf847a23605e618fa9ea4dea5"},
    {64, 60000, "1ac38c17e090973518b1b079d805f567"},
    {96, 20000, "f9ee1356dbdbad2915316eaf5f00ecea"},
    {128, 10000, "a24a84837ab3a7498ec8566ada43d31a"},
    {150, 5000, "7e816a9ecfa06a4e3b000074bb82e57c"},
    {224, 5000, "678b7eb41ea72bf2d93584cba48fac87"},
    {224, 200, "062ce45718c14d2a588ae92efe30e387"},
};

/* The n first training pictures, or NULL when the data is not there. */
static uint8_t *read_digits(int n)
{
    gzFile file = gzopen(TW_SHARED "/data/mnist/train-images-idx3-ubyte.gz", "rb");
    uint8_t *pixels;
    if (!file)
        return NULL;
    pixels = malloc((size_t)n * 784);
    assert_int_equal(gzseek(file, 16, SEEK_SET), 16);
    assert_int_equal(gzread(file, pixels, (unsigned)n * 784), n * 784);
    gzclose(file);
    return pixels;
}

static void mnist_has_the_published_hashes(void **state)
{
    uint8_t *digits = read_digits(60000);
    (void)state;
    if (!digits) {
        print_message("skipped: no MNIST in " TW_SHARED "\n");
        skip();
    }
    for (size_t i = 0; i < sizeof published / sizeof published[0]; i++) {
        size_t n_bytes = (size_t)published[i].size * (size_t)published[i].size;
        tw_sha256 *hash;
        char hex[65];
        assert_ok(tw_sha256_create(&hash, e));
        for (int k = 0; k < published[i].n; k++) {
            tw_picture in = {28, 28, 1, digits + (size_t)k * 784}, out;
            assert_ok(
                tw_picture_resize(&out, &in, published[i].size, published[i].size, TW_CUBIC, e));
            tw_sha256_add(hash, out.pixels, n_bytes);
            tw_picture_free(&out);
        }
        tw_sha256_finish(hash, hex);
        tw_sha256_free(hash);
        hex[32] = '\0';
        assert_string_equal(hex, published[i].hash);
    }
    free(digits);
}

/* The float form differs from the integer one by at most 1, here and there. */
static void cubic_float_is_near_cubic(void **state)
{
    tw_picture in = make_picture(28, 28, 1, 3), a, b;
    int n_off = 0;
    (void)state;
    assert_ok(tw_picture_resize(&a, &in, 224, 224, TW_CUBIC, e));
    assert_ok(tw_picture_resize(&b, &in, 224, 224, TW_CUBIC_FLOAT, e));
    for (int i = 0; i < 224 * 224; i++) {
        assert_true(abs(a.pixels[i] - b.pixels[i]) <= 1);
        n_off += a.pixels[i] != b.pixels[i];
    }
    assert_in_range(n_off, 1, 224 * 224 / 20);
    tw_picture_free(&a);
    tw_picture_free(&b);
    tw_picture_free(&in);
}

/* What a pip wheel's cv2 does with Intel's IPP: all but a few pixels, and those by 1. */
static void cubic_float_is_that_of_opencv_wheels(void **state)
{
    enum { N = 8, SIZE = 40 };
    FILE *golden = open_golden("cubic_float.bin");
    uint8_t theirs[SIZE * SIZE];
    int n_off = 0;
    (void)state;
    for (uint32_t k = 0; k < N; k++) {
        tw_picture in = make_picture(28, 28, 1, k + 1), out;
        assert_int_equal(fread(theirs, 1, sizeof theirs, golden), sizeof theirs);
        assert_ok(tw_picture_resize(&out, &in, SIZE, SIZE, TW_CUBIC_FLOAT, e));
        for (int i = 0; i < SIZE * SIZE; i++) {
            assert_true(abs(out.pixels[i] - theirs[i]) <= 1);
            n_off += out.pixels[i] != theirs[i];
        }
        tw_picture_free(&in);
        tw_picture_free(&out);
    }
    fclose(golden);
    assert_in_range(n_off, 0, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cubic_is_opencvs),
        cmocka_unit_test(bilinear_is_opencvs),
        cmocka_unit_test(nearest_is_opencvs),
        cmocka_unit_test(area_is_opencvs),
        cmocka_unit_test(bilinear_aa_is_pillows),
        cmocka_unit_test(cubic_aa_is_pillows),
        cmocka_unit_test(policies_are_pillows),
        cmocka_unit_test(the_same_size_is_a_copy),
        cmocka_unit_test(mnist_has_the_published_hashes),
        cmocka_unit_test(cubic_float_is_near_cubic),
        cmocka_unit_test(cubic_float_is_that_of_opencv_wheels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
