/*
 * Pictures and the preprocessing contract: how a picture becomes the input tensor of a network.
 */
#ifndef TW_IMAGE_H
#define TW_IMAGE_H

#include <tw/error.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A decoded picture (H,W,C), 8 bits, rows without padding. channels: 1 grey, 3 RGB. */
typedef struct tw_picture {
    int height;
    int width;
    int channels;
    uint8_t *pixels; /* owned where the comment of the function says so: tw_picture_free */
} tw_picture;

/* Frees the pixels and clears the struct. A zeroed picture is fine. */
void tw_picture_free(tw_picture *picture);

/* One row an interpolation: enum, name. cubic is OpenCV's INTER_CUBIC to the bit, 128-bit build
 * without IPP; cubic-float is what OpenCV's wheels with IPP compute; bilinear, nearest and area are
 * OpenCV's INTER_LINEAR, INTER_NEAREST and INTER_AREA; bilinear-aa is Pillow's BILINEAR, which
 * averages when it shrinks (torchvision's antialias), cubic-aa is Pillow's BICUBIC. */
#define TW_INTERPOLATION_LIST(X)     \
    X(TW_CUBIC, "cubic")             \
    X(TW_CUBIC_FLOAT, "cubic-float") \
    X(TW_BILINEAR, "bilinear")       \
    X(TW_NEAREST, "nearest")         \
    X(TW_BILINEAR_AA, "bilinear-aa") \
    X(TW_AREA, "area")               \
    X(TW_CUBIC_AA, "cubic-aa")

/* One row a resize policy. squash: the whole picture to height x width, aspect not kept. crop: the
 * shorter side to size / crop_pct, aspect kept (the longer side rounded down), then the middle of
 * it, as torchvision and timm do. letterbox: as large as fits, aspect kept, black around it, as
 * Pillow's ImageOps.pad does. */
#define TW_RESIZE_LIST(X)         \
    X(TW_RESIZE_SQUASH, "squash") \
    X(TW_RESIZE_CROP, "crop")     \
    X(TW_RESIZE_LETTERBOX, "letterbox")

/* One row a way to decode JPEG files: off makes all their pixels. auto has libjpeg make them a
 * half, a quarter or an eighth as high and wide, the smallest that is still TW_JPEG_MARGIN times as
 * high and wide as the resize is going to make it: much quicker for large files, other values. */
#define TW_JPEG_SCALE_LIST(X)   \
    X(TW_JPEG_SCALE_OFF, "off") \
    X(TW_JPEG_SCALE_AUTO, "auto")
#define TW_JPEG_MARGIN 2

/* One row a preprocessing, as Keras's imagenet_utils defines it; lite is EfficientNet-Lite's. */
#define TW_PREPROCESS_LIST(X)       \
    X(TW_PREPROCESS_NONE, "none")   \
    X(TW_PREPROCESS_CAFFE, "caffe") \
    X(TW_PREPROCESS_TF, "tf")       \
    X(TW_PREPROCESS_TORCH, "torch") \
    X(TW_PREPROCESS_LITE, "lite")

/* One row a colour rule: rgb keeps (or repeats grey to) three channels; grey makes every picture
 * grey first (BT.601 as cv2 does it) and repeats that to three channels. */
#define TW_COLOUR_LIST(X)   \
    X(TW_COLOUR_RGB, "rgb") \
    X(TW_COLOUR_GREY, "grey")

#define TW_IMAGE_ENUM(name, text) name,
typedef enum tw_interpolation {
    TW_INTERPOLATION_LIST(TW_IMAGE_ENUM) TW_N_INTERPOLATION
} tw_interpolation;
typedef enum tw_resize { TW_RESIZE_LIST(TW_IMAGE_ENUM) TW_N_RESIZE } tw_resize;
typedef enum tw_jpeg_scale { TW_JPEG_SCALE_LIST(TW_IMAGE_ENUM) TW_N_JPEG_SCALE } tw_jpeg_scale;
typedef enum tw_preprocess { TW_PREPROCESS_LIST(TW_IMAGE_ENUM) TW_N_PREPROCESS } tw_preprocess;
typedef enum tw_colour { TW_COLOUR_LIST(TW_IMAGE_ENUM) TW_N_COLOUR } tw_colour;
#undef TW_IMAGE_ENUM

/* Everything that turns a picture into numbers; saved in the model file. */
typedef struct tw_contract {
    int height;
    int width;
    tw_colour colour;
    tw_interpolation interpolation;
    tw_preprocess preprocess;
    tw_resize resize;
    double crop_pct;          /* of TW_RESIZE_CROP: TW_CROP_PCT_LEAST to 1 */
    tw_jpeg_scale jpeg_scale; /* obeyed by those that read for a contract: tw_picture_read_for */
} tw_contract;

#define TW_CROP_PCT_LEAST 0.1

/* Names, static; the parse functions set TW_EUSAGE with the nearest name. */
const char *tw_interpolation_name(tw_interpolation value);
const char *tw_preprocess_name(tw_preprocess value);
const char *tw_colour_name(tw_colour value);
const char *tw_resize_name(tw_resize value);
const char *tw_jpeg_scale_name(tw_jpeg_scale value);
/* How resize policy and JPEG scale read behind the interpolation: "" for squash, ", letterbox",
 * ", crop 0.875", ", crop 0.875, scaled JPEG". Fills buf (at least 32 bytes) and returns it. */
const char *tw_contract_resize_text(char *buf, size_t buf_size, const tw_contract *contract);
TW_MUST_CHECK tw_status tw_interpolation_parse(tw_interpolation *out, const char *name,
                                               tw_error *err);
TW_MUST_CHECK tw_status tw_preprocess_parse(tw_preprocess *out, const char *name, tw_error *err);
TW_MUST_CHECK tw_status tw_colour_parse(tw_colour *out, const char *name, tw_error *err);
TW_MUST_CHECK tw_status tw_resize_parse(tw_resize *out, const char *name, tw_error *err);
TW_MUST_CHECK tw_status tw_jpeg_scale_parse(tw_jpeg_scale *out, const char *name, tw_error *err);

/* Reads a JPEG, PNG, WebP (where the build has it), BMP or PNM file (told by its first bytes, not
 * its name) as 1 or 3 channels. Alpha is composited on black; 16 bits are scaled to 8; CMYK and
 * YCCK become RGB as Pillow makes them; what EXIF says of the camera's orientation is applied.
 * Damaged and cut files are refused. Caller frees with tw_picture_free.
 * Expected: TW_EFILE, TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_picture_read(tw_picture *out, const char *path, tw_error *err);

/* tw_picture_read as the contract (NULL: none) asks for it: what is shown to a network is read so.
 * A JPEG file may come smaller (jpeg_scale); TW_EFILE also where the contract's resize cannot take
 * the picture: it is too narrow to be cropped. */
TW_MUST_CHECK tw_status tw_picture_read_for(tw_picture *out, const char *path,
                                            const tw_contract *contract, tw_error *err);

/* Writes an 8-bit PNG atomically. Expected: TW_EFILE, TW_EBUDGET (disk full), TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_picture_write_png(const tw_picture *picture, const char *path,
                                             tw_error *err);

/* Makes out (height,width,channels of in). Caller frees. Expected: TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_picture_resize(tw_picture *out, const tw_picture *in, int height,
                                          int width, tw_interpolation how, tw_error *err);

/* Colour rule and resize of a contract, the preprocessing left out: what the network is shown,
 * (height,width,3) u8. Caller frees. Expected: TW_ENOMEM, TW_EFILE (too narrow to be cropped). */
TW_MUST_CHECK tw_status tw_contract_picture(tw_picture *out, const tw_contract *contract,
                                            const tw_picture *in, tw_error *err);

/* The whole contract: out (height,width,3) float32. Expected: as tw_contract_picture. */
TW_MUST_CHECK tw_status tw_contract_apply(float *out, const tw_contract *contract,
                                          const tw_picture *in, tw_error *err);

/* ---- augmentation: other views of a training picture */

/* Colour factors, in this order everywhere; the last one is a share of the colour circle. */
#define TW_JITTER_LIST(X)                 \
    X(TW_JITTER_BRIGHTNESS, "brightness") \
    X(TW_JITTER_CONTRAST, "contrast")     \
    X(TW_JITTER_SATURATION, "saturation") \
    X(TW_JITTER_HUE, "hue")
#define TW_JITTER_ENUM(name, text) name,
typedef enum tw_jitter { TW_JITTER_LIST(TW_JITTER_ENUM) TW_N_JITTER } tw_jitter;
#undef TW_JITTER_ENUM

/* One row an augmentation with a name: name, the items that it stands for. */
#define TW_AUGMENT_LIST(X)                                 \
    X("none", "")                                          \
    X("light", "flip, crop 0.8-1, jitter 0.1")             \
    X("medium", "flip, crop 0.5-1, rotate 10, jitter 0.2") \
    X("strong", "flip, crop 0.25-1, rotate 20, jitter 0.4, hue 0.05, erase 0.25")

/* What may happen to a picture, each by chance and by itself, in this order. Zero-filled: nothing.
 * Each is torchvision's transform on PIL pictures, to the bit: RandomResizedCrop (with the
 * contract's interpolation), RandomHorizontalFlip, RandomVerticalFlip, RandomAffine (bilinear,
 * black where nothing was), ColorJitter, RandomErasing (scale 0.02-0.33, ratio 0.3-3.3; filled with
 * ImageNet's mean colour, a grey picture with its grey). */
typedef struct tw_augment {
    double crop_least, crop_most;   /* share of the picture's area that is kept; 0: no crop */
    double ratio_least, ratio_most; /* width to height of the crop */
    double flip, vflip;             /* probabilities */
    double rotate;                  /* degrees, either way */
    double translate;               /* share of the side, either way */
    double scale_least, scale_most; /* zoom; 0: none */
    double jitter[TW_N_JITTER];     /* the factor is 1 - this to 1 + this; hue: -this to this */
    double erase;                   /* probability */
} tw_augment;

/* Reads "medium", "flip, crop 0.6-1, rotate 10, jitter 0.2, erase 0.1", or a name with items that
 * change it: "light, flip 0". Of one kind the last item holds. Expected: TW_EUSAGE quoting the
 * item. */
TW_MUST_CHECK tw_status tw_augment_parse(tw_augment *out, const char *spec, tw_error *err);
/* The same as items, numbers in full, "" for nothing; into buf (TW_AUGMENT_TEXT bytes), returns it.
 */
enum { TW_AUGMENT_TEXT = 512 };
char *tw_augment_text(char *buf, size_t buf_size, const tw_augment *augment);
/* 1 when nothing may happen. */
int tw_augment_is_none(const tw_augment *augment);

#ifdef __cplusplus
}
#endif

#endif
