/*
 * HDF5 object headers (version 1): messages, with their continuations, into what the reader needs:
 * a group's tables, a dataset's type, shape and place, an attribute by name.
 */
#include "format/h5_int.h"

#include "base/fail.h"
#include "base/memory.h"
#include "tensor/tensor.h"

#include <string.h>

enum {
    MSG_DATASPACE = 0x01,
    MSG_LINK_INFO = 0x02,
    MSG_DATATYPE = 0x03,
    MSG_LINK = 0x06,
    MSG_EXTERNAL = 0x07,
    MSG_LAYOUT = 0x08,
    MSG_FILTER = 0x0B,
    MSG_ATTRIBUTE = 0x0C,
    MSG_CONTINUATION = 0x10,
    MSG_SYMBOL_TABLE = 0x11,
    MSG_ATTRIBUTE_INFO = 0x15
};
enum { CLASS_FLOAT = 1, CLASS_OPAQUE = 5 };
enum { MAX_MESSAGES = 65536, MAX_CONTINUATIONS = 256 };

bool tw_format__h5_inside(const tw_h5_file *file, uint64_t at, uint64_t n)
{
    return at <= file->size && n <= file->size - at;
}

bool tw_format__h5_number(uint64_t *out, const tw_h5_file *file, uint64_t at, int n)
{
    uint64_t value = 0;

    if (!tw_format__h5_inside(file, at, (uint64_t)n))
        return false;
    for (int i = n - 1; i >= 0; i--)
        value = value << 8 | file->data[at + (uint64_t)i];
    *out = value;
    return true;
}

tw_status tw_format__h5_broken(const tw_h5_file *file, const char *object, const char *what,
                               uint64_t at, tw_error *err)
{
    return tw_fail(err, TW_EFILE, "%s: %s: %s at byte %llu", file->path, object, what,
                   (unsigned long long)at);
}

tw_status tw_format__h5_take_work(const tw_h5_file *file, const char *object, uint64_t n,
                                  tw_error *err)
{
    if (n > *file->work_left)
        return tw_fail(err, TW_EFILE, "%s: %s: too much to search, given up", file->path, object);
    *file->work_left -= n;
    return TW_OK;
}

tw_status tw_format__h5_take_room(const tw_h5_file *file, const char *object, uint64_t n,
                                  tw_error *err)
{
    if (n > *file->room_left)
        return tw_fail(err, TW_EFILE, "%s: %s: more names than a file of its size can hold",
                       file->path, object);
    *file->room_left -= n;
    return TW_OK;
}

static tw_status unsupported(const tw_h5_file *file, const char *object, const char *what,
                             tw_error *err)
{
    return tw_fail(err, TW_EFILE, "%s: %s: %s is not supported", file->path, object, what);
}

/* A message: its type and where its body lies. */
typedef struct message {
    uint64_t type, at, size, flags;
} message;

/* A walk over all messages of one header. */
typedef struct walk {
    const tw_h5_file *file;
    const char *object;
    uint64_t at, end; /* the block being read */
    uint64_t blocks[MAX_CONTINUATIONS][2];
    int n_blocks, next_block;
    uint64_t n_left;
} walk;

static tw_status start_walk(walk *w, const tw_h5_file *file, uint64_t header, const char *object,
                            tw_error *err)
{
    uint64_t version, count, size;

    *w = (walk){.file = file, .object = object};
    if (!tw_format__h5_inside(file, header, 16))
        return tw_format__h5_broken(file, object, "object header outside the file", header, err);
    if (memcmp(file->data + header, "OHDR", 4) == 0)
        return unsupported(file, object, "object header version 2", err);
    (void)tw_format__h5_number(&version, file, header, 1);
    (void)tw_format__h5_number(&count, file, header + 2, 2);
    (void)tw_format__h5_number(&size, file, header + 8, 4);
    if (version != 1)
        return tw_format__h5_broken(file, object, "no object header", header, err);
    if (!tw_format__h5_inside(file, header + 16, size))
        return tw_format__h5_broken(file, object, "object header longer than the file", header,
                                    err);
    w->at = header + 16;
    w->end = w->at + size;
    w->n_left = count < MAX_MESSAGES ? count : MAX_MESSAGES;
    return TW_OK;
}

static tw_status add_continuation(walk *w, const message *m, tw_error *err)
{
    uint64_t at, size;

    if (m->size < 16 || !tw_format__h5_number(&at, w->file, m->at, 8) ||
        !tw_format__h5_number(&size, w->file, m->at + 8, 8) ||
        !tw_format__h5_inside(w->file, at, size) || w->n_blocks == MAX_CONTINUATIONS)
        return tw_format__h5_broken(w->file, w->object, "bad header continuation", m->at, err);
    w->blocks[w->n_blocks][0] = at;
    w->blocks[w->n_blocks++][1] = at + size;
    return TW_OK;
}

/* The next message; *more is false at the end. Continuations are followed here. */
static tw_status next_message(walk *w, message *m, bool *more, tw_error *err)
{
    tw_status rc;

    *more = false;
    while (w->n_left > 0) {
        if (w->end - w->at < 8) {
            if (w->next_block == w->n_blocks)
                return TW_OK;
            w->at = w->blocks[w->next_block][0];
            w->end = w->blocks[w->next_block++][1];
            continue;
        }
        w->n_left--;
        if ((rc = tw_format__h5_take_work(w->file, w->object, 1, err)))
            return rc;
        (void)tw_format__h5_number(&m->type, w->file, w->at, 2);
        (void)tw_format__h5_number(&m->size, w->file, w->at + 2, 2);
        (void)tw_format__h5_number(&m->flags, w->file, w->at + 4, 1);
        m->at = w->at + 8;
        if (m->size > w->end - m->at)
            return tw_format__h5_broken(w->file, w->object, "message longer than its header", w->at,
                                        err);
        w->at = m->at + m->size;
        if (m->type == MSG_CONTINUATION) {
            if ((rc = add_continuation(w, m, err)))
                return rc;
            continue;
        }
        *more = true;
        return TW_OK;
    }
    return TW_OK;
}

/* ---- parts of messages */

/* A dataspace of at most `size` bytes at `at`; a scalar has rank 0. */
static tw_status read_dataspace(tw_shape *out, const tw_h5_file *file, uint64_t at, uint64_t size,
                                const char *object, tw_error *err)
{
    uint64_t version = 0, rank = 0, kind = 1, dims;

    *out = (tw_shape){0};
    if (size < 4 || !tw_format__h5_number(&version, file, at, 1) ||
        !tw_format__h5_number(&rank, file, at + 1, 1) || (version != 1 && version != 2))
        return tw_format__h5_broken(file, object, "bad dataspace", at, err);
    if (version == 2)
        (void)tw_format__h5_number(&kind, file, at + 3, 1);
    dims = version == 1 ? 8 : 4;
    if (rank > TW_MAX_RANK || kind > 1 || size < dims + 8 * rank)
        return tw_format__h5_broken(file, object, "bad dataspace", at, err);
    out->rank = (int)rank;
    for (uint64_t i = 0; i < rank; i++) {
        uint64_t n;
        if (!tw_format__h5_number(&n, file, at + dims + 8 * i, 8) || n > INT64_MAX)
            return tw_format__h5_broken(file, object, "bad dimension", at, err);
        out->dims[i] = (int64_t)n;
    }
    return TW_OK;
}

/* The 12 bytes that follow the size of an IEEE float: offset, precision, exponent, mantissa, bias.
 */
static bool is_ieee(const uint8_t *properties, uint64_t size)
{
    static const uint8_t half[12] = {0, 0, 16, 0, 10, 5, 0, 10, 15, 0, 0, 0};
    static const uint8_t single[12] = {0, 0, 32, 0, 23, 8, 0, 23, 127, 0, 0, 0};
    static const uint8_t twice[12] = {0, 0, 64, 0, 52, 11, 0, 52, 255, 3, 0, 0};

    return (size == 2 && memcmp(properties, half, 12) == 0) ||
           (size == 4 && memcmp(properties, single, 12) == 0) ||
           (size == 8 && memcmp(properties, twice, 12) == 0);
}

/* A dataset's number type: little-endian IEEE float16, float32 or float64, or two bytes of which
 * the attribute dtype must say that they are bfloat16. */
static tw_status read_number_type(tw_h5_object *out, const tw_h5_file *file, const message *m,
                                  const char *object, tw_error *err)
{
    uint64_t head, bits, size;

    if (m->flags & 2)
        return unsupported(file, object, "a committed (shared) datatype", err);
    if (m->size < 8 || !tw_format__h5_number(&head, file, m->at, 1) ||
        !tw_format__h5_number(&bits, file, m->at + 1, 3) ||
        !tw_format__h5_number(&size, file, m->at + 4, 4))
        return tw_format__h5_broken(file, object, "bad datatype", m->at, err);
    out->is_opaque = (head & 15) == CLASS_OPAQUE && size == 2;
    out->dtype = TW_BF16;
    if (out->is_opaque)
        return TW_OK;
    if ((head & 15) != CLASS_FLOAT)
        return unsupported(file, object, "a datatype other than floating point", err);
    if (bits & 1)
        return unsupported(file, object, "big-endian data", err);
    if (m->size < 20 || !is_ieee(file->data + m->at + 8, size))
        return unsupported(file, object,
                           "a floating-point type other than float16, float32 and float64", err);
    out->dtype = size == 2 ? TW_F16 : size == 4 ? TW_F32 : TW_F64;
    return TW_OK;
}

static tw_status read_layout(tw_h5_object *out, const tw_h5_file *file, const message *m,
                             const char *object, tw_error *err)
{
    static const char *const kinds[] = {"compact data", "", "chunked data", "virtual data"};
    uint64_t version, kind;

    if (m->size < 2 || !tw_format__h5_number(&version, file, m->at, 1) ||
        !tw_format__h5_number(&kind, file, m->at + 1, 1) || version < 1 || version > 4 || kind > 3)
        return tw_format__h5_broken(file, object, "bad data layout", m->at, err);
    if (version != 3)
        return unsupported(file, object, "a data layout version other than 3", err);
    if (kind != 1)
        return unsupported(file, object, kinds[kind], err);
    if (m->size < 18 || !tw_format__h5_number(&out->data_at, file, m->at + 2, 8) ||
        !tw_format__h5_number(&out->data_bytes, file, m->at + 10, 8))
        return tw_format__h5_broken(file, object, "bad data layout", m->at, err);
    return TW_OK;
}

/* ---- objects */

static tw_status take_message(tw_h5_object *out, const tw_h5_file *file, const message *m,
                              const char *object, tw_error *err)
{
    switch (m->type) {
    case MSG_SYMBOL_TABLE:
        out->is_group = true;
        if (m->size < 16 || !tw_format__h5_number(&out->btree, file, m->at, 8) ||
            !tw_format__h5_number(&out->heap, file, m->at + 8, 8))
            return tw_format__h5_broken(file, object, "bad symbol table", m->at, err);
        return TW_OK;
    case MSG_LINK_INFO:
    case MSG_LINK:
        return unsupported(file, object, "a group of the new style (links)", err);
    case MSG_EXTERNAL:
        return unsupported(file, object, "external data", err);
    case MSG_FILTER:
        return unsupported(file, object, "filtered (compressed) data", err);
    case MSG_DATASPACE:
        return read_dataspace(&out->shape, file, m->at, m->size, object, err);
    case MSG_DATATYPE:
        return read_number_type(out, file, m, object, err);
    case MSG_LAYOUT:
        out->is_dataset = true;
        return read_layout(out, file, m, object, err);
    default:
        return TW_OK;
    }
}

/* The data must lie in the file and be as long as its shape says. */
static tw_status check_data(const tw_h5_object *dataset, const tw_h5_file *file, const char *object,
                            tw_error *err)
{
    int64_t n, n_bytes;

    if (!tw_shape_count(&n, &dataset->shape) ||
        !tw_mul_i64(&n_bytes, n, (int64_t)tw_dtype_size(dataset->dtype)))
        return tw_fail(err, TW_EFILE, "%s: %s: the shape overflows", file->path, object);
    if (n_bytes == 0)
        return TW_OK;
    if ((uint64_t)n_bytes != dataset->data_bytes)
        return tw_fail(err, TW_EFILE, "%s: %s: its shape needs %lld bytes, its data has %llu",
                       file->path, object, (long long)n_bytes,
                       (unsigned long long)dataset->data_bytes);
    if (!tw_format__h5_inside(file, dataset->data_at, dataset->data_bytes))
        return tw_fail(err, TW_EFILE, "%s: %s: %llu bytes of data at %llu, the file has %llu",
                       file->path, object, (unsigned long long)dataset->data_bytes,
                       (unsigned long long)dataset->data_at, (unsigned long long)file->size);
    return TW_OK;
}

/* Two opaque bytes a number are bfloat16 where Keras's attribute dtype says so. */
static tw_status check_bfloat16(const tw_h5_file *file, uint64_t header, const char *object,
                                tw_error *err)
{
    tw_h5_attribute attribute;
    char *name = NULL;
    bool is_bfloat16;
    tw_status rc = tw_format__h5_attribute(&attribute, file, header, object, "dtype", err);

    if (rc == TW_OK && attribute.found && attribute.n_items == 1)
        rc = tw_format__h5_string(&name, file, &attribute, 0, object, err);
    if (rc)
        return rc;
    is_bfloat16 = name && strcmp(name, "bfloat16") == 0;
    tw_free(name);
    return is_bfloat16 ? TW_OK : unsupported(file, object, "an opaque datatype", err);
}

tw_status tw_format__h5_object(tw_h5_object *out, const tw_h5_file *file, uint64_t header,
                               const char *object, tw_error *err)
{
    tw_status rc;
    walk w;
    message m;
    bool more;

    *out = (tw_h5_object){0};
    if ((rc = start_walk(&w, file, header, object, err)))
        return rc;
    while (!(rc = next_message(&w, &m, &more, err)) && more)
        if ((rc = take_message(out, file, &m, object, err)))
            return rc;
    if (rc)
        return rc;
    if (out->is_dataset && out->is_opaque && (rc = check_bfloat16(file, header, object, err)))
        return rc;
    if (out->is_dataset)
        return check_data(out, file, object, err);
    if (!out->is_group)
        return tw_format__h5_broken(file, object, "neither a group nor a dataset", header, err);
    return TW_OK;
}

/* ---- attributes */

static uint64_t padded(uint64_t n, bool pad)
{
    return pad ? (n + 7) & ~(uint64_t)7 : n;
}

/* Type and shape of an attribute whose parts lie at type_at and space_at. */
static tw_status read_attribute(tw_h5_attribute *out, const tw_h5_file *file, uint64_t type_at,
                                uint64_t space_at, uint64_t space_size, const char *object,
                                tw_error *err)
{
    tw_status rc;
    tw_shape shape;
    uint64_t head = 0;
    int64_t n;

    if (!tw_format__h5_number(&head, file, type_at, 1) ||
        !tw_format__h5_number(&out->item_size, file, type_at + 4, 4))
        return tw_format__h5_broken(file, object, "bad attribute", type_at, err);
    out->class_id = (int)(head & 15);
    if ((rc = read_dataspace(&shape, file, space_at, space_size, object, err)))
        return rc;
    if (!tw_shape_count(&n, &shape))
        return tw_format__h5_broken(file, object, "bad attribute", space_at, err);
    out->n_items = (uint64_t)n;
    out->found = true;
    return TW_OK;
}

/* Takes the message when it is the attribute of that name. */
static tw_status match_attribute(tw_h5_attribute *out, const tw_h5_file *file, const message *m,
                                 const char *object, const char *name, tw_error *err)
{
    tw_status rc;
    uint64_t version, flags, n_name, n_type, n_space, at, end = m->at + m->size, n_data;
    bool pad;

    if (m->size < 8 || !tw_format__h5_number(&version, file, m->at, 1) || version < 1 ||
        version > 3)
        return tw_format__h5_broken(file, object, "bad attribute", m->at, err);
    (void)tw_format__h5_number(&flags, file, m->at + 1, 1);
    (void)tw_format__h5_number(&n_name, file, m->at + 2, 2);
    (void)tw_format__h5_number(&n_type, file, m->at + 4, 2);
    (void)tw_format__h5_number(&n_space, file, m->at + 6, 2);
    pad = version == 1;
    at = m->at + (version == 3 ? 9 : 8);
    if (padded(n_name, pad) + padded(n_type, pad) + padded(n_space, pad) > end - at || n_name == 0)
        return tw_format__h5_broken(file, object, "bad attribute", m->at, err);
    if (strlen(name) + 1 != n_name || memcmp(file->data + at, name, n_name) != 0)
        return TW_OK;
    if (version > 1 && (flags & 3))
        return unsupported(file, object, "an attribute of a committed (shared) type", err);
    at += padded(n_name, pad);
    out->data_at = at + padded(n_type, pad) + padded(n_space, pad);
    if (n_type < 8 ||
        (rc = read_attribute(out, file, at, at + padded(n_type, pad), n_space, object, err)))
        return n_type < 8 ? tw_format__h5_broken(file, object, "bad attribute", at, err) : rc;
    if (__builtin_mul_overflow(out->n_items, out->item_size, &n_data) ||
        n_data > end - out->data_at)
        return tw_format__h5_broken(file, object, "attribute longer than its message", m->at, err);
    return TW_OK;
}

tw_status tw_format__h5_attribute(tw_h5_attribute *out, const tw_h5_file *file, uint64_t header,
                                  const char *object, const char *name, tw_error *err)
{
    tw_status rc;
    walk w;
    message m;
    bool more, dense = false;

    *out = (tw_h5_attribute){0};
    if ((rc = start_walk(&w, file, header, object, err)))
        return rc;
    while (!(rc = next_message(&w, &m, &more, err)) && more && !out->found) {
        if (m.type == MSG_ATTRIBUTE && (rc = match_attribute(out, file, &m, object, name, err)))
            return rc;
        dense = dense || m.type == MSG_ATTRIBUTE_INFO;
    }
    if (rc == TW_OK && !out->found && dense)
        return unsupported(file, object, "dense attribute storage", err);
    return rc;
}
