/*
 * The preprocessing contract: names, and picture to tensor. Preprocessing is Keras's
 * (keras/src/applications/imagenet_utils.py), in float32:
 *   none   the values 0..255, RGB
 *   caffe  BGR, minus the ImageNet mean
 *   tf     RGB, x / 127.5 - 1
 *   torch  RGB, x / 255, minus mean, over standard deviation
 *   lite   RGB, (x - 127) / 128, which is EfficientNet-Lite's
 */
#include "base/fail.h"
#include "base/text.h"
#include "image/image_int.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_RESIZED = 64 << 20 /* pixels */, MAX_DIVISOR = 8 };

#define NAME(value, text) text,
static const char *const interpolations[] = {TW_INTERPOLATION_LIST(NAME)};
static const char *const preprocesses[] = {TW_PREPROCESS_LIST(NAME)};
static const char *const colours[] = {TW_COLOUR_LIST(NAME)};
static const char *const resizes[] = {TW_RESIZE_LIST(NAME)};
static const char *const jpeg_scales[] = {TW_JPEG_SCALE_LIST(NAME)};
#undef NAME

/* Index of a name in a list, or TW_EUSAGE with the nearest one. */
static tw_status parse(int *out, const char *what, const char *name, const char *const *names,
                       int n, tw_error *err)
{
    const char *nearest;

    for (*out = 0; *out < n; ++*out)
        if (strcmp(names[*out], name) == 0)
            return TW_OK;
    *out = 0;
    nearest = tw_nearest_name(name, names, (size_t)n);
    if (nearest)
        return tw_fail(err, TW_EUSAGE, "no %s \"%s\"; did you mean %s", what, name, nearest);
    return tw_fail(err, TW_EUSAGE, "no %s \"%s\"; the first of %d is %s", what, name, n, names[0]);
}

const char *tw_interpolation_name(tw_interpolation value)
{
    return interpolations[value];
}

const char *tw_preprocess_name(tw_preprocess value)
{
    return preprocesses[value];
}

const char *tw_colour_name(tw_colour value)
{
    return colours[value];
}

const char *tw_resize_name(tw_resize value)
{
    return resizes[value];
}

const char *tw_jpeg_scale_name(tw_jpeg_scale value)
{
    return jpeg_scales[value];
}

tw_status tw_interpolation_parse(tw_interpolation *out, const char *name, tw_error *err)
{
    int i;
    tw_status rc = parse(&i, "interpolation", name, interpolations, TW_N_INTERPOLATION, err);

    *out = (tw_interpolation)i;
    return rc;
}

tw_status tw_preprocess_parse(tw_preprocess *out, const char *name, tw_error *err)
{
    int i;
    tw_status rc = parse(&i, "preprocessing", name, preprocesses, TW_N_PREPROCESS, err);

    *out = (tw_preprocess)i;
    return rc;
}

tw_status tw_colour_parse(tw_colour *out, const char *name, tw_error *err)
{
    int i;
    tw_status rc = parse(&i, "colour rule", name, colours, TW_N_COLOUR, err);

    *out = (tw_colour)i;
    return rc;
}

tw_status tw_resize_parse(tw_resize *out, const char *name, tw_error *err)
{
    int i;
    tw_status rc = parse(&i, "resize policy", name, resizes, TW_N_RESIZE, err);

    *out = (tw_resize)i;
    return rc;
}

tw_status tw_jpeg_scale_parse(tw_jpeg_scale *out, const char *name, tw_error *err)
{
    int i;
    tw_status rc = parse(&i, "JPEG scale", name, jpeg_scales, TW_N_JPEG_SCALE, err);

    *out = (tw_jpeg_scale)i;
    return rc;
}

/* ---- resize policies */

const char *tw_contract_resize_text(char *buf, size_t buf_size, const tw_contract *contract)
{
    int n = 0;

    buf[0] = '\0';
    if (contract->resize == TW_RESIZE_CROP)
        n = snprintf(buf, buf_size, ", crop %g", contract->crop_pct);
    else if (contract->resize != TW_RESIZE_SQUASH)
        n = snprintf(buf, buf_size, ", %s", tw_resize_name(contract->resize));
    if (contract->jpeg_scale != TW_JPEG_SCALE_OFF)
        snprintf(buf + n, buf_size - (size_t)n, ", scaled JPEG");
    return buf;
}

/* The middle of `from` in a canvas `to`, both of the same channels; what `from` does not reach
 * stays as it is. Half a pixel goes to the even side, as Python's round has it. */
static void copy_middle(tw_picture *to, const tw_picture *from)
{
    const int y = (int)lrint(fabs((from->height - to->height) / 2.0));
    const int x = (int)lrint(fabs((from->width - to->width) / 2.0));
    const bool is_lower = from->height < to->height, is_narrower = from->width < to->width;
    const int height = is_lower ? from->height : to->height;
    const size_t channels = (size_t)to->channels;
    const size_t n = (size_t)(is_narrower ? from->width : to->width) * channels;

    for (int i = 0; i < height; i++) {
        const size_t to_row = (size_t)(is_lower ? i + y : i);
        const size_t from_row = (size_t)(is_lower ? i : i + y);
        memcpy(to->pixels + (to_row * (size_t)to->width + (size_t)(is_narrower ? x : 0)) * channels,
               from->pixels +
                   (from_row * (size_t)from->width + (size_t)(is_narrower ? 0 : x)) * channels,
               n);
    }
}

/* What the resize makes of h x w pixels: the contract's height and width, or those that cover
 * (crop) or fit into (letterbox) them, aspect kept. */
static void find_size(int64_t *height, int64_t *width, const tw_contract *contract, int64_t h,
                      int64_t w)
{
    const double ratio = (double)w / (double)h;

    *height = contract->height;
    *width = contract->width;
    if (contract->resize == TW_RESIZE_SQUASH)
        return;
    if (contract->resize == TW_RESIZE_CROP) {
        *height = (int64_t)floor(contract->height / contract->crop_pct);
        *width = (int64_t)floor(contract->width / contract->crop_pct);
        if (w * *height >= h * *width)
            *width = *height * w / h;
        else
            *height = *width * h / w;
    } else if (ratio > (double)contract->width / contract->height) {
        *height = lrint((double)h / (double)w * contract->width);
        *height = *height < 1 ? 1 : *height;
    } else {
        *width = lrint(ratio * contract->height);
        *width = *width < 1 ? 1 : *width;
    }
}

tw_status tw_contract_admit(const tw_contract *contract, const tw_picture *picture,
                            const char *name, tw_error *err)
{
    int64_t height, width;

    find_size(&height, &width, contract, picture->height, picture->width);
    if (height * width <= MAX_RESIZED)
        return TW_OK;
    return tw_fail(err, TW_EFILE, "%s: %dx%d pixels are too narrow to be cropped", name,
                   picture->height, picture->width);
}

int tw_image__jpeg_divisor(const tw_contract *contract, int64_t height, int64_t width)
{
    int64_t least_height, least_width;
    int divisor = contract->jpeg_scale == TW_JPEG_SCALE_OFF ? 1 : MAX_DIVISOR;

    find_size(&least_height, &least_width, contract, height, width);
    least_height *= TW_JPEG_MARGIN;
    least_width *= TW_JPEG_MARGIN;
    while (divisor > 1 && (height / divisor < least_height || width / divisor < least_width))
        divisor /= 2;
    return divisor;
}

/* Resize to the size of find_size, then its middle, or it in the middle of black. */
static tw_status resize_keeping(tw_picture *out, const tw_contract *contract, const tw_picture *in,
                                tw_error *err)
{
    tw_picture whole = {0};
    int64_t height, width;
    tw_status rc;

    if ((rc = tw_contract_admit(contract, in, "a picture", err)))
        return rc;
    find_size(&height, &width, contract, in->height, in->width);
    if ((rc = tw_picture_resize(&whole, in, (int)height, (int)width, contract->interpolation, err)))
        return rc;
    rc = tw_picture_create(out, contract->height, contract->width, in->channels, err);
    if (!rc) {
        memset(out->pixels, 0, (size_t)out->height * (size_t)out->width * (size_t)out->channels);
        copy_middle(out, &whole);
    }
    tw_picture_free(&whole);
    return rc;
}

/* The part of the picture that the view takes, made the contract's size. */
static tw_status resize(tw_picture *out, const tw_contract *contract, const tw_picture *in,
                        const tw_view *view, tw_error *err)
{
    tw_status rc;
    tw_picture part;

    if (view && view->crop_height > 0) {
        if ((rc = tw_image__crop(&part, in, view, err)))
            return rc;
        rc = tw_picture_resize(out, &part, contract->height, contract->width,
                               contract->interpolation, err);
        tw_picture_free(&part);
        return rc;
    }
    if (contract->resize == TW_RESIZE_SQUASH)
        return tw_picture_resize(out, in, contract->height, contract->width,
                                 contract->interpolation, err);
    return resize_keeping(out, contract, in, err);
}

/* Colour rule, resize and what the view does; a grey picture stays one channel until the end. */
static tw_status shown(tw_picture *out, const tw_contract *contract, const tw_picture *in,
                       const tw_view *view, tw_error *err)
{
    tw_status rc;
    tw_picture grey = {0};
    const tw_picture *from = in;

    *out = (tw_picture){0};
    if (contract->colour == TW_COLOUR_GREY && in->channels == 3) {
        if ((rc = tw_picture_to_grey(&grey, in, err)))
            return rc;
        from = &grey;
    }
    rc = resize(out, contract, from, view, err);
    tw_picture_free(&grey);
    if (!rc && view && (rc = tw_image__change(out, view, err)))
        tw_picture_free(out);
    return rc;
}

tw_status tw_view_picture(tw_picture *out, const tw_contract *contract, const tw_picture *in,
                          const tw_view *view, tw_error *err)
{
    tw_status rc;
    tw_picture resized;

    *out = (tw_picture){0};
    if ((rc = shown(&resized, contract, in, view, err)))
        return rc;
    rc = tw_picture_to_rgb(out, &resized, err);
    tw_picture_free(&resized);
    return rc;
}

tw_status tw_contract_picture(tw_picture *out, const tw_contract *contract, const tw_picture *in,
                              tw_error *err)
{
    return tw_view_picture(out, contract, in, NULL, err);
}

/* What becomes of value 0..255 in each output channel; source[c] is the picture's channel. */
typedef struct tables {
    float value[3][256];
    int source[3];
} tables;

static void make_tables(tables *t, tw_preprocess preprocess)
{
    static const float caffe[3] = {103.939f, 116.779f, 123.68f}; /* B, G, R */
    static const float mean[3] = {0.485f, 0.456f, 0.406f};
    static const float deviation[3] = {0.229f, 0.224f, 0.225f};

    for (int c = 0; c < 3; c++) {
        t->source[c] = preprocess == TW_PREPROCESS_CAFFE ? 2 - c : c;
        for (int i = 0; i < 256; i++) {
            float x = (float)i;
            switch (preprocess) {
            case TW_PREPROCESS_CAFFE:
                x -= caffe[c];
                break;
            case TW_PREPROCESS_TF:
                x = x / 127.5f - 1.0f;
                break;
            case TW_PREPROCESS_TORCH:
                x = (x / 255.0f - mean[c]) / deviation[c];
                break;
            case TW_PREPROCESS_LITE:
                x = (x - 127.0f) / 128.0f;
                break;
            default:
                break;
            }
            t->value[c][i] = x;
        }
    }
}

tw_status tw_view_apply(float *out, const tw_contract *contract, const tw_picture *in,
                        const tw_view *view, tw_error *err)
{
    tw_status rc;
    tw_picture resized;
    tables t;
    size_t n = (size_t)contract->height * (size_t)contract->width;

    if ((rc = shown(&resized, contract, in, view, err)))
        return rc;
    make_tables(&t, contract->preprocess);
    for (int c = 0; c < 3; c++) {
        size_t channels = (size_t)resized.channels;
        size_t source = channels == 3 ? (size_t)t.source[c] : 0;
        for (size_t i = 0; i < n; i++)
            out[3 * i + (size_t)c] = t.value[c][resized.pixels[i * channels + source]];
    }
    tw_picture_free(&resized);
    return TW_OK;
}

tw_status tw_contract_apply(float *out, const tw_contract *contract, const tw_picture *in,
                            tw_error *err)
{
    return tw_view_apply(out, contract, in, NULL, err);
}
