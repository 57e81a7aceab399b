/* Pictures of the generator that tools/golden/image.py has too, and golden lines. */
#ifndef TW_TESTS_PICTURE_MAKER_H
#define TW_TESTS_PICTURE_MAKER_H

#include "base/hash.h"
#include "image/image.h"

#include "check.h"

static inline tw_picture make_picture(int h, int w, int c, uint32_t seed)
{
    tw_picture picture;
    assert_ok(tw_picture_create(&picture, h, w, c, e));
    for (int i = 0; i < h * w * c; i++) {
        seed = seed * 1664525u + 1013904223u;
        picture.pixels[i] = (uint8_t)(seed >> 24);
    }
    return picture;
}

static inline void picture_hash(char hex[65], const tw_picture *p)
{
    assert_ok(tw_sha256_hex(hex, p->pixels,
                            (size_t)p->height * (size_t)p->width * (size_t)p->channels, e));
}

static inline FILE *open_golden(const char *name)
{
    char path[512];
    FILE *file;
    snprintf(path, sizeof path, "%s/image/%s", TW_TEST_DATA, name);
    if (!(file = fopen(path, "r")))
        fail_msg("%s is missing", path);
    return file;
}

#endif
