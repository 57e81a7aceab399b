/*
 * The formats: how each is told by its first bytes, what its files are called, who decodes it. The
 * one place that knows which libraries this build has. Formats that are known and not read are
 * here for the sentence.
 */
#include "image/image_int.h"

#include <string.h>

static bool begins(const uint8_t *bytes, size_t n, size_t at, const char *magic, size_t n_magic)
{
    return n >= at + n_magic && memcmp(bytes + at, magic, n_magic) == 0;
}

static bool is_jpeg(const uint8_t *bytes, size_t n)
{
    return begins(bytes, n, 0, "\xff\xd8\xff", 3);
}

static bool is_png(const uint8_t *bytes, size_t n)
{
    return begins(bytes, n, 0, "\x89PNG\r\n\x1a\n", 8);
}

static bool is_webp(const uint8_t *bytes, size_t n)
{
    return begins(bytes, n, 0, "RIFF", 4) && begins(bytes, n, 8, "WEBP", 4);
}

static bool is_bmp(const uint8_t *bytes, size_t n)
{
    return begins(bytes, n, 0, "BM", 2);
}

static bool is_pnm(const uint8_t *bytes, size_t n)
{
    return n >= 3 && bytes[0] == 'P' && bytes[1] >= '1' && bytes[1] <= '6' &&
           (bytes[2] == '#' || bytes[2] == ' ' || (bytes[2] >= '\t' && bytes[2] <= '\r'));
}

static bool is_gif(const uint8_t *bytes, size_t n)
{
    return begins(bytes, n, 0, "GIF8", 4);
}

static bool is_tiff(const uint8_t *bytes, size_t n)
{
    return begins(bytes, n, 0, "II*\0", 4) || begins(bytes, n, 0, "MM\0*", 4);
}

static bool is_avif(const uint8_t *bytes, size_t n)
{
    return begins(bytes, n, 4, "ftypavif", 8) || begins(bytes, n, 4, "ftypavis", 8);
}

static bool is_heic(const uint8_t *bytes, size_t n)
{
    return begins(bytes, n, 4, "ftyphei", 7) || begins(bytes, n, 4, "ftypmif1", 8);
}

static const tw_image__format formats[] = {
    {"JPEG", "jpg,jpeg,", is_jpeg, tw_image__decode_jpeg, NULL},
    {"PNG", "png,", is_png, tw_image__decode_png, NULL},
#ifdef TW_HAVE_WEBP
    {"WebP", "webp,", is_webp, tw_image__decode_webp, NULL},
#else
    {"WebP", "webp,", is_webp, NULL, "libwebp"},
#endif
    {"BMP", "bmp,", is_bmp, tw_image__decode_bmp, NULL},
    {"PNM", "pnm,pbm,pgm,ppm,", is_pnm, tw_image__decode_pnm, NULL},
    {"GIF", "", is_gif, NULL, NULL},
    {"TIFF", "", is_tiff, NULL, NULL},
    {"AVIF", "", is_avif, NULL, NULL},
    {"HEIC", "", is_heic, NULL, NULL},
};

const tw_image__format *tw_image__get_format(int i)
{
    return i < (int)(sizeof formats / sizeof formats[0]) ? &formats[i] : NULL;
}
