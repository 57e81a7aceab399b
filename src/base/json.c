/*
 * JSON over jansson; see json.h. tw_json is json_t under another name.
 */
#include "base/json.h"

#include "base/fail.h"
#include "base/memory.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static json_t *inner(const tw_json *json)
{
    return (json_t *)(uintptr_t)json;
}

static tw_json *outer(json_t *json)
{
    return (tw_json *)json;
}

tw_status tw_json_parse(tw_json **out, const char *text, size_t n, const char *name, tw_error *err)
{
    json_error_t error;
    json_t *json = json_loadb(text, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);

    *out = NULL;
    if (!json) {
        if (json_error_code(&error) == json_error_out_of_memory)
            return tw_fail(err, TW_ENOMEM, "no memory to read %s", name);
        return tw_fail(err, TW_EFILE, "%s: not valid JSON at line %d column %d: %s", name,
                       error.line, error.column, error.text);
    }
    *out = outer(json);
    return TW_OK;
}

/* What jansson 2.14 allocates on a 64-bit system, each letter with what it stands for. */
size_t tw_json_tree_bytes(const char *text, size_t n)
{
    enum { OBJECT = 224, ARRAY = 160, HALF_A_STRING = 40, MEMBER = 48, ITEM = 56 };
    static const uint8_t cost[256] = {
        ['{'] = OBJECT, ['['] = ARRAY, ['"'] = HALF_A_STRING, [':'] = MEMBER, [','] = ITEM};
    size_t sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += cost[(uint8_t)text[i]];
    return sum;
}

tw_status tw_json_parse_small(tw_json **out, const char *text, size_t n, const char *name,
                              tw_error *err)
{
    enum { MAX_TREE = 12 << 20 };
    const size_t n_tree = tw_json_tree_bytes(text, n);

    *out = NULL;
    if (n_tree > MAX_TREE)
        return tw_fail(err, TW_EFILE, "%s: reading it may take %zu bytes, at most %d are used",
                       name, n_tree, MAX_TREE);
    return tw_json_parse(out, text, n, name, err);
}

void tw_json_free(tw_json *json)
{
    json_decref(inner(json));
}

bool tw_json_is_object(const tw_json *json)
{
    return json_is_object(inner(json));
}

bool tw_json_is_array(const tw_json *json)
{
    return json_is_array(inner(json));
}

const tw_json *tw_json_get(const tw_json *object, const char *key)
{
    return outer(json_object_get(inner(object), key));
}

size_t tw_json_count(const tw_json *json)
{
    return json_is_array(inner(json)) ? json_array_size(inner(json))
                                      : json_object_size(inner(json));
}

const tw_json *tw_json_at(const tw_json *array, size_t i)
{
    return outer(json_array_get(inner(array), i));
}

bool tw_json_string(const char **out, const tw_json *json)
{
    if (!json_is_string(inner(json)))
        return false;
    *out = json_string_value(inner(json));
    return true;
}

bool tw_json_i64(int64_t *out, const tw_json *json)
{
    if (!json_is_integer(inner(json)))
        return false;
    *out = json_integer_value(inner(json));
    return true;
}

bool tw_json_f64(double *out, const tw_json *json)
{
    if (!json_is_number(inner(json)))
        return false;
    *out = json_number_value(inner(json));
    return true;
}

bool tw_json_bool(bool *out, const tw_json *json)
{
    if (!json_is_boolean(inner(json)))
        return false;
    *out = json_is_true(inner(json));
    return true;
}

void *tw_json_next(const tw_json *object, void *iterator, const char **key, const tw_json **value)
{
    json_t *json = inner(object);
    void *next = iterator ? json_object_iter_next(json, iterator) : json_object_iter(json);

    if (next) {
        *key = json_object_iter_key(next);
        *value = outer(json_object_iter_value(next));
    }
    return next;
}

tw_json *tw_json_new_object(void)
{
    return outer(json_object());
}

tw_json *tw_json_new_array(void)
{
    return outer(json_array());
}

tw_json *tw_json_new_string(const char *text)
{
    return outer(json_string(text));
}

tw_json *tw_json_new_i64(int64_t value)
{
    return outer(json_integer(value));
}

tw_json *tw_json_new_i64s(const int64_t *values, int n)
{
    tw_json *array = tw_json_new_array();
    bool ok = array != NULL;

    for (int i = 0; ok && i < n; i++)
        ok = tw_json_append(array, tw_json_new_i64(values[i]));
    if (ok)
        return array;
    tw_json_free(array);
    return NULL;
}

tw_json *tw_json_new_f64(double value)
{
    return outer(isfinite(value) ? json_real(value) : json_null());
}

tw_json *tw_json_new_bool(bool value)
{
    return outer(json_boolean(value));
}

bool tw_json_set(tw_json *object, const char *key, tw_json *value)
{
    return json_object_set_new(inner(object), key, inner(value)) == 0;
}

bool tw_json_append(tw_json *array, tw_json *value)
{
    return json_array_append_new(inner(array), inner(value)) == 0;
}

char *tw_json_dump(const tw_json *json, int indent)
{
    size_t flags = JSON_PRESERVE_ORDER | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15);

    flags |= indent > 0 ? JSON_INDENT((size_t)indent) : (size_t)JSON_COMPACT;
    return json_dumps(inner(json), flags);
}

tw_json *tw_json_copy(const tw_json *json)
{
    char *text = tw_json_dump(json, 0);
    tw_json *copy = NULL;

    if (text && tw_json_parse(&copy, text, strlen(text), "copy", NULL) != TW_OK)
        copy = NULL;
    tw_free(text);
    return copy;
}
