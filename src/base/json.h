/*
 * JSON over jansson: strict reading (duplicate keys refused, depth capped), tree building, compact
 * or indented writing. The only room that sees jansson.h.
 */
#ifndef TW_BASE_JSON_H
#define TW_BASE_JSON_H

#include <tw/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct tw_json tw_json;

/* Parses n bytes; `name` is what the sentence calls the text ("model.safetensors header").
 * Caller frees with tw_json_free. Expected: TW_EFILE with line and column, TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_json_parse(tw_json **out, const char *text, size_t n, const char *name,
                                      tw_error *err);
/* The same for a text that nobody vouches for: one whose tree may take more than 12 MiB is
 * TW_EFILE. */
TW_MUST_CHECK tw_status tw_json_parse_small(tw_json **out, const char *text, size_t n,
                                            const char *name, tw_error *err);
void tw_json_free(tw_json *json);
/* At most so many bytes does the tree of such a text take, beside its letters: to be asked before
 * a text that nobody vouches for is parsed. "[]," is three bytes of text and 200 of a tree. */
size_t tw_json_tree_bytes(const char *text, size_t n);

/* Reading. Returned pointers are borrowed from the root. NULL or false when the kind is another. */
bool tw_json_is_object(const tw_json *json);
bool tw_json_is_array(const tw_json *json);
const tw_json *tw_json_get(const tw_json *object, const char *key);
size_t tw_json_count(const tw_json *array_or_object);
const tw_json *tw_json_at(const tw_json *array, size_t i);
bool tw_json_string(const char **out, const tw_json *json);
bool tw_json_i64(int64_t *out, const tw_json *json);
bool tw_json_f64(double *out, const tw_json *json); /* takes integers too */
bool tw_json_bool(bool *out, const tw_json *json);
/* Walks an object in file order: pass NULL first; returns the iterator or NULL after the last. */
void *tw_json_next(const tw_json *object, void *iterator, const char **key, const tw_json **value);

/* Building. All set/append functions take ownership of `value` and tolerate NULL (then they do
 * nothing and return false), so a tree is built first and checked once. */
tw_json *tw_json_new_object(void);
tw_json *tw_json_new_array(void);
tw_json *tw_json_new_string(const char *text); /* NULL when text is not UTF-8 */
tw_json *tw_json_new_i64(int64_t value);
tw_json *tw_json_new_i64s(const int64_t *values, int n); /* an array */
tw_json *tw_json_new_f64(double value);                  /* NaN and infinities become null */
tw_json *tw_json_new_bool(bool value);
bool tw_json_set(tw_json *object, const char *key, tw_json *value);
bool tw_json_append(tw_json *array, tw_json *value);

/* A tree of its own with the same content. NULL when memory ran out. Free with tw_json_free. */
tw_json *tw_json_copy(const tw_json *json);

/* Text of a tree, keys in insertion order, doubles with 15 digits (a number that
 * people wrote comes back as written); indent 0 is one line. Caller
 * frees with tw_free; NULL when memory ran out. */
char *tw_json_dump(const tw_json *json, int indent);

#endif
