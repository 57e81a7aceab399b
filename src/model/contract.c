/*
 * The preprocessing contract as JSON and back. All members are required and no others are known,
 * so that a file which asks for something newer is refused, not half obeyed. crop_pct is there when
 * resize is crop, and only then; jpeg_scale unless it is off, so that what was written before there
 * was one stays what it is.
 */
#include "model/model.h"

#include "base/fail.h"

#include <string.h>

enum { MAX_SIDE = 16384 };

tw_json *tw_contract_to_json(const tw_contract *contract)
{
    tw_json *o = tw_json_new_object();
    bool ok =
        tw_json_set(o, "height", tw_json_new_i64(contract->height)) &&
        tw_json_set(o, "width", tw_json_new_i64(contract->width)) &&
        tw_json_set(o, "colour", tw_json_new_string(tw_colour_name(contract->colour))) &&
        tw_json_set(o, "resize", tw_json_new_string(tw_resize_name(contract->resize))) &&
        tw_json_set(o, "interpolation",
                    tw_json_new_string(tw_interpolation_name(contract->interpolation))) &&
        tw_json_set(o, "preprocess", tw_json_new_string(tw_preprocess_name(contract->preprocess)));

    if (ok && contract->resize == TW_RESIZE_CROP)
        ok = tw_json_set(o, "crop_pct", tw_json_new_f64(contract->crop_pct));
    if (ok && contract->jpeg_scale != TW_JPEG_SCALE_OFF)
        ok = tw_json_set(o, "jpeg_scale",
                         tw_json_new_string(tw_jpeg_scale_name(contract->jpeg_scale)));
    if (ok)
        return o;
    tw_json_free(o);
    return NULL;
}

static tw_status check_keys(const tw_json *json, const char *name, tw_error *err)
{
    static const char *const keys[] = {"height",        "width",      "colour",   "resize",
                                       "interpolation", "preprocess", "crop_pct", "jpeg_scale"};
    const tw_json *value;
    const char *key;
    void *it = NULL;

    while ((it = tw_json_next(json, it, &key, &value))) {
        bool known = false;

        for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
            known |= !strcmp(keys[i], key);
        if (!known)
            return tw_fail(err, TW_EFILE, "%s: contract: unknown key \"%s\"", name, key);
    }
    return TW_OK;
}

static tw_status read_side(int *out, const tw_json *json, const char *key, const char *name,
                           tw_error *err)
{
    int64_t value;

    if (!tw_json_i64(&value, tw_json_get(json, key)) || value < 1 || value > MAX_SIDE)
        return tw_fail(err, TW_EFILE, "%s: contract: \"%s\" must be an integer from 1 to %d", name,
                       key, MAX_SIDE);
    *out = (int)value;
    return TW_OK;
}

static tw_status read_text(const char **out, const tw_json *json, const char *key, const char *name,
                           tw_error *err)
{
    if (!tw_json_string(out, tw_json_get(json, key)))
        return tw_fail(err, TW_EFILE, "%s: contract: \"%s\" must be a string", name, key);
    return TW_OK;
}

/* The parse functions blame a user; here a file is to blame. */
static tw_status blame(tw_status rc, const tw_error *why, const char *name, tw_error *err)
{
    return rc == TW_OK ? rc : tw_fail(err, TW_EFILE, "%.200s: contract: %s", name, why->text);
}

static tw_status read_names(tw_contract *out, const tw_json *json, const char *name, tw_error *err)
{
    const char *colour, *resize, *interpolation, *preprocess, *jpeg_scale = NULL;
    tw_error why = {0};
    tw_status rc;

    if ((rc = read_text(&colour, json, "colour", name, err)) != TW_OK ||
        (rc = read_text(&resize, json, "resize", name, err)) != TW_OK ||
        (rc = read_text(&interpolation, json, "interpolation", name, err)) != TW_OK ||
        (rc = read_text(&preprocess, json, "preprocess", name, err)) != TW_OK ||
        (tw_json_get(json, "jpeg_scale") &&
         (rc = read_text(&jpeg_scale, json, "jpeg_scale", name, err)) != TW_OK))
        return rc;
    if ((rc = tw_resize_parse(&out->resize, resize, &why)) == TW_OK &&
        (rc = tw_colour_parse(&out->colour, colour, &why)) == TW_OK &&
        (rc = tw_interpolation_parse(&out->interpolation, interpolation, &why)) == TW_OK)
        rc = tw_preprocess_parse(&out->preprocess, preprocess, &why);
    if (rc == TW_OK && jpeg_scale)
        rc = tw_jpeg_scale_parse(&out->jpeg_scale, jpeg_scale, &why);
    return blame(rc, &why, name, err);
}

static tw_status read_crop(tw_contract *out, const tw_json *json, const char *name, tw_error *err)
{
    const tw_json *value = tw_json_get(json, "crop_pct");

    if (out->resize != TW_RESIZE_CROP && value)
        return tw_fail(err, TW_EFILE, "%s: contract: \"crop_pct\" is there, resize is %s", name,
                       tw_resize_name(out->resize));
    if (out->resize == TW_RESIZE_CROP &&
        (!tw_json_f64(&out->crop_pct, value) ||
         !(out->crop_pct >= TW_CROP_PCT_LEAST && out->crop_pct <= 1.0)))
        return tw_fail(err, TW_EFILE, "%s: contract: \"crop_pct\" must be a number from %g to 1",
                       name, TW_CROP_PCT_LEAST);
    return TW_OK;
}

tw_status tw_contract_from_json(tw_contract *out, const tw_json *json, const char *name,
                                tw_error *err)
{
    tw_status rc;
    tw_contract contract = {0};

    if (!tw_json_is_object(json))
        return tw_fail(err, TW_EFILE, "%s: contract: must be an object", name);
    if ((rc = check_keys(json, name, err)) == TW_OK &&
        (rc = read_side(&contract.height, json, "height", name, err)) == TW_OK &&
        (rc = read_side(&contract.width, json, "width", name, err)) == TW_OK &&
        (rc = read_names(&contract, json, name, err)) == TW_OK &&
        (rc = read_crop(&contract, json, name, err)) == TW_OK)
        *out = contract;
    return rc;
}
