/*
 * A pickle as data. Only what a file of tensors needs is understood: protocol 2, a closed set of
 * opcodes and of globals, and values of ten kinds. Nothing is ever called; a global that is not in
 * the table is refused by its name.
 *
 * Values form a tree with shared branches and no cycle: what lies in another value never changes.
 */
#ifndef TW_FORMAT_PICKLE_H
#define TW_FORMAT_PICKLE_H

#include <tw/error.h>
#include <tw/tensor.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One row a kind of value: enum, what sentences call it. The last two never lie in a result. */
#define TW_PICKLE_KIND_LIST(X)        \
    X(TW_PICKLE_NONE, "None")         \
    X(TW_PICKLE_BOOL, "a bool")       \
    X(TW_PICKLE_INT, "an int")        \
    X(TW_PICKLE_FLOAT, "a float")     \
    X(TW_PICKLE_TEXT, "a string")     \
    X(TW_PICKLE_LIST, "a list")       \
    X(TW_PICKLE_TUPLE, "a tuple")     \
    X(TW_PICKLE_DICT, "a dict")       \
    X(TW_PICKLE_TENSOR, "a tensor")   \
    X(TW_PICKLE_STORAGE, "a storage") \
    X(TW_PICKLE_GLOBAL, "a global")

#define TW_PICKLE_ENUM(name, text) name,
typedef enum tw_pickle_kind { TW_PICKLE_KIND_LIST(TW_PICKLE_ENUM) TW_N_PICKLE_KIND } tw_pickle_kind;
#undef TW_PICKLE_ENUM

typedef struct tw_pickle_value tw_pickle_value;

/* UTF-8 without zero bytes, not terminated; points into the pickle's bytes. */
typedef struct tw_pickle_text {
    const char *at;
    size_t n;
} tw_pickle_text;

/* Numbers that tensors are views of. `data` is for the reader of the file to set. */
typedef struct tw_pickle_storage {
    tw_pickle_text key;
    tw_dtype dtype;
    int64_t numel;
    int64_t view_offset, view_numel; /* the part that its tensors see; else 0 and numel */
    const uint8_t *data;
} tw_pickle_storage;

typedef struct tw_pickle_tensor {
    tw_pickle_value *storage;
    int64_t offset; /* in numbers, from the storage's begin */
    tw_shape shape;
    int64_t strides[TW_MAX_RANK];
} tw_pickle_tensor;

struct tw_pickle_value {
    tw_pickle_kind kind;
    int depth;    /* of what is inside: 0 nothing */
    bool is_held; /* lies in another value */
    bool is_raw;  /* a tuple with a storage or a global somewhere inside */
    union {
        int64_t integer; /* bool, int; global: row of the table */
        double real;
        tw_pickle_text text;
        struct {
            tw_pickle_value **items; /* dict: key, value, key, value, ... */
            size_t n, capacity;
        };
        tw_pickle_storage storage;
        tw_pickle_tensor tensor;
    };
    tw_pickle_value *next; /* of all values, for freeing */
};

typedef struct tw_pickle {
    tw_pickle_value *root;
    size_t n_used;              /* bytes up to and with STOP */
    tw_pickle_value **storages; /* in the order met */
    size_t n_storages;
    tw_pickle_value *all;
} tw_pickle;

/* Reads the pickle that begins at bytes[0]; more may follow it. What it takes of memory is taken
 * from *room, and no more than that. `name` is what sentences call the file. Bytes outlive the
 * result, which is freed with tw_pickle_free (zeroed is fine). Expected: TW_EFILE, TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_pickle_read(tw_pickle *out, const uint8_t *bytes, size_t n, size_t *room,
                                       const char *name, tw_error *err);
void tw_pickle_free(tw_pickle *pickle);

const char *tw_pickle_kind_name(tw_pickle_kind kind);
bool tw_pickle_text_is(const tw_pickle_text *text, const char *word);
/* The value of a dict under a key of text, the last one where there are several; NULL: none. */
tw_pickle_value *tw_pickle_get(const tw_pickle_value *dict, const char *key);

#endif
