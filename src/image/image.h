/* Pictures inside the library: making one, PNG in memory, decoding from memory, the colour steps.
 */
#ifndef TW_IMAGE_IMAGE_H
#define TW_IMAGE_IMAGE_H

#include <tw/image.h>

#include <stdbool.h>

/* A picture with room for its pixels (not cleared). Expected: TW_EFILE (more than the pixel budget
 * of 64 million), TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_picture_create(tw_picture *out, int height, int width, int channels,
                                          tw_error *err);

/* Decodes a picture file from memory, told by its first bytes; `name` is what the sentences call
 * it. Result as tw_picture_read. */
TW_MUST_CHECK tw_status tw_picture_decode(tw_picture *out, const uint8_t *bytes, size_t n,
                                          const char *name, tw_error *err);

/* The same for a contract (NULL: none), as tw_picture_read_for. */
TW_MUST_CHECK tw_status tw_picture_decode_for(tw_picture *out, const uint8_t *bytes, size_t n,
                                              const char *name, const tw_contract *contract,
                                              tw_error *err);

/* TW_EFILE, naming the picture, where the contract's resize cannot take it: too narrow to be
 * cropped. */
TW_MUST_CHECK tw_status tw_contract_admit(const tw_contract *contract, const tw_picture *picture,
                                          const char *name, tw_error *err);

/* What a file held that the picture does not tell. */
typedef struct tw_picture_facts {
    const char *format;     /* "JPEG", static; NULL: none of those that are read */
    int orientation;        /* of EXIF, 1 (upright) to 8 */
    bool cmyk, alpha, deep; /* four inks; an alpha channel; more than 8 bits a value */
} tw_picture_facts;

/* tw_picture_decode that also tells the facts, those noticed so far when it fails. */
TW_MUST_CHECK tw_status tw_picture_decode_facts(tw_picture *out, tw_picture_facts *facts,
                                                const uint8_t *bytes, size_t n, const char *name,
                                                tw_error *err);

/* Name of the format that the first bytes tell, also of those that are known and not read ("GIF");
 * NULL: unknown. Static. */
const char *tw_picture_format(const uint8_t *bytes, size_t n);

/* That name again as a static string, NULL where nothing of the name is read. */
const char *tw_picture_find_format(const char *name);

/* Whether a file is taken for a picture by its name: .jpg, .jpeg, .png, .webp, .bmp, .pnm and its
 * kin, in any letter case. format (may be NULL): what the name says it is. */
bool tw_picture_has_name(const char **format, const char *name);

/* A hash that pictures which look alike share, or nearly: 64 comparisons of neighbours in the grey
 * picture made 9x8 (dHash). *tells is false where the picture is too even for it to mean anything.
 * Expected: TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_picture_look(uint64_t *out, bool *tells, const tw_picture *picture,
                                        tw_error *err);

/* An 8-bit PNG in memory, *n_out bytes of it. Caller frees *out with tw_free. Expected: TW_ENOMEM.
 */
TW_MUST_CHECK tw_status tw_picture_encode_png(void **out, size_t *n_out, const tw_picture *picture,
                                              tw_error *err);

/* Grey by BT.601 in 15-bit fixed point, as cv2.cvtColor(RGB2GRAY) rounds it: (9798 R + 19235 G +
 * 3735 B + 2^14) >> 15. A grey picture is copied. */
TW_MUST_CHECK tw_status tw_picture_to_grey(tw_picture *out, const tw_picture *in, tw_error *err);
/* Three channels: grey is repeated, rgb is copied. */
TW_MUST_CHECK tw_status tw_picture_to_rgb(tw_picture *out, const tw_picture *in, tw_error *err);

/* ---- views: what an augmentation makes of one picture, once */

/* What was drawn. Zero-filled but zoom 1 and factors 1, 1, 1, 0: the picture as it is. */
typedef struct tw_view {
    int crop_y, crop_x, crop_height, crop_width; /* of the picture; height 0: no crop */
    bool flip, vflip;
    double angle, zoom; /* degrees clockwise */
    int shift_x, shift_y;
    int order[TW_N_JITTER]; /* in which the factors are applied */
    double factor[TW_N_JITTER];
    int erase_y, erase_x, erase_height, erase_width; /* of the result; height 0: nothing */
} tw_view;

/* Draws what becomes of a picture (height,width) that the contract makes its own size. A function
 * of (seed, number, picture) and of the augmentation alone: number tells the views of a picture
 * apart, picture is what identifies it. What one item draws does not depend on the others. */
void tw_augment_draw(tw_view *out, const tw_augment *augment, const tw_contract *contract,
                     int height, int width, uint64_t seed, uint32_t number, uint64_t picture);

/* tw_contract_picture and tw_contract_apply of a view. With a crop the contract's resize policy is
 * left out: the crop takes its place. view NULL: the picture as it is. Expected: as
 * tw_contract_picture. */
TW_MUST_CHECK tw_status tw_view_picture(tw_picture *out, const tw_contract *contract,
                                        const tw_picture *in, const tw_view *view, tw_error *err);
TW_MUST_CHECK tw_status tw_view_apply(float *out, const tw_contract *contract, const tw_picture *in,
                                      const tw_view *view, tw_error *err);

#endif
