/* What the two halves of the unpickler share: the machine (pickle.c) and what its globals mean
 * (pickle_global.c). */
#ifndef TW_FORMAT_PICKLE_INT_H
#define TW_FORMAT_PICKLE_INT_H

#include "format/pickle.h"

typedef struct tw_format__machine {
    const char *name; /* of the file, for sentences */
    const uint8_t *begin, *at, *end;
    const uint8_t *op;       /* the opcode that is being obeyed */
    tw_pickle_value **stack; /* n_stack of capacity */
    size_t n_stack, capacity;
    size_t *marks; /* heights of the stack */
    size_t n_marks, marks_capacity;
    tw_pickle_value **memo;
    size_t n_memo;
    size_t n_values, n_items, storages_capacity;
    size_t *room; /* bytes that may be allocated yet */
    tw_pickle *out;
} tw_format__machine;

/* "NAME: torch pickle at byte N: ..." with TW_EFILE. */
TW_MUST_CHECK tw_status tw_format__pickle_broken(const tw_format__machine *m, tw_error *err,
                                                 const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Takes n bytes of the room, with what an allocation takes itself; a sentence when they are not
 * there. */
TW_MUST_CHECK tw_status tw_format__pickle_take_room(tw_format__machine *m, size_t n, tw_error *err);

/* A fresh value on the stack, zeroed but for its kind. */
TW_MUST_CHECK tw_status tw_format__pickle_push(tw_pickle_value **out, tw_format__machine *m,
                                               tw_pickle_kind kind, tw_error *err);

/* Puts a value into a list or tuple, or a key with its value into a dict. */
TW_MUST_CHECK tw_status tw_format__pickle_hold(tw_format__machine *m, tw_pickle_value *in,
                                               tw_pickle_value *value, tw_error *err);
TW_MUST_CHECK tw_status tw_format__pickle_set(tw_format__machine *m, tw_pickle_value *dict,
                                              tw_pickle_value *key, tw_pickle_value *value,
                                              tw_error *err);

/* The global of that name on the stack; one that is not in the table is refused. */
TW_MUST_CHECK tw_status tw_format__pickle_global(tw_format__machine *m, tw_pickle_text module,
                                                 tw_pickle_text name, tw_error *err);
/* REDUCE and NEWOBJ: what the global makes of its arguments, on the stack. */
TW_MUST_CHECK tw_status tw_format__pickle_apply(tw_format__machine *m,
                                                const tw_pickle_value *global,
                                                tw_pickle_value *args, bool is_class,
                                                tw_error *err);
/* BINPERSID: the storage that a tuple describes, on the stack and in out->storages. */
TW_MUST_CHECK tw_status tw_format__pickle_storage(tw_format__machine *m, const tw_pickle_value *pid,
                                                  tw_error *err);

#endif
