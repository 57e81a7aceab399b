/* Hostile HDF5: small valid files with a few bytes of one structure changed, each refused with its
 * sentence; every prefix and every flipped bit survived. Structures are found by walking the valid
 * file, so the table says what is changed and not where it lies. */
#include "base/file.h"
#include "base/memory.h"
#include "format/weights.h"
#include "tensor/tensor.h"

#include "check.h"

/* ---- a file in memory, and where its structures lie */

typedef struct victim {
    uint8_t *bytes;
    size_t n;
} victim;

static victim take_victim(const char *name)
{
    victim v;
    char path[512], *bytes;
    snprintf(path, sizeof path, "%s/h5/%s", TW_TEST_DATA, name);
    assert_ok(tw_file_read(&bytes, &v.n, path, 1 << 20, e));
    v.bytes = malloc(v.n); /* of exactly its size: reading on is found */
    memcpy(v.bytes, bytes, v.n);
    tw_free(bytes);
    return v;
}

static uint64_t get(const victim *v, size_t at, int n)
{
    uint64_t value = 0;
    assert_true(at + (size_t)n <= v->n);
    while (n-- > 0)
        value = value << 8 | v->bytes[at + (size_t)n];
    return value;
}

static void put(victim *v, size_t at, int n, uint64_t value)
{
    assert_true(at + (size_t)n <= v->n);
    for (int i = 0; i < n; i++)
        v->bytes[at + (size_t)i] = (uint8_t)(value >> (8 * i));
}

/* Body of the first message of a type in an object header, of an attribute that of this name. */
static size_t find_message(const victim *v, size_t header, unsigned type, const char *name)
{
    size_t at = header + 16, end = at + get(v, header + 8, 4), next = 0, next_end = 0;
    for (;;) {
        if (end - at < 8) {
            if (!next)
                fail_msg("no message %x", type);
            at = next;
            end = next_end;
            next = 0;
            continue;
        }
        if (get(v, at, 2) == type && (!name || !strcmp((char *)v->bytes + at + 16, name)))
            return at + 8;
        if (get(v, at, 2) == 0x10) {
            next = get(v, at + 8, 8);
            next_end = next + get(v, at + 16, 8);
        }
        at += 8 + get(v, at + 2, 2);
    }
}

typedef struct group {
    size_t tree, heap, names, leaf;
} group;

/* Of a group whose members all fit into the first node. */
static group find_group(const victim *v, size_t header)
{
    const size_t table = find_message(v, header, 0x11, NULL);
    group g = {.tree = get(v, table, 8), .heap = get(v, table + 8, 8)};
    g.names = get(v, g.heap + 24, 8);
    g.leaf = get(v, g.tree + 32, 8);
    return g;
}

static size_t find_entry(const victim *v, size_t header, const char *name, size_t n)
{
    const group g = find_group(v, header);
    for (size_t i = 0; i < get(v, g.leaf + 6, 2); i++) {
        const size_t entry = g.leaf + 8 + 40 * i;
        const char *found = (char *)v->bytes + g.names + get(v, entry, 8);
        if (strlen(found) == n && memcmp(found, name, n) == 0)
            return entry;
    }
    fail_msg("no member %.*s", (int)n, name);
    return 0;
}

static size_t find_header(const victim *v, const char *path)
{
    size_t header = get(v, 64, 8);
    while (*path) {
        const size_t n = strcspn(path, "/");
        header = get(v, find_entry(v, header, path, n) + 8, 8);
        path += n + (path[n] == '/');
    }
    return header;
}

typedef enum part {
    SUPER,
    HEADER,
    MESSAGE, /* the object's message of type `which`: its body, -8 is the message itself */
    TREE,
    HEAP,
    NAMES, /* letters of the local heap */
    LEAF,
    ENTRY,      /* the member `name`, in its group */
    ATTRIBUTE,  /* the attribute `name`: its message's body */
    ATTR_TYPE,  /* its datatype, dataspace, data */
    ATTR_SPACE, /* (8 bytes each part at least, padded) */
    ATTR_DATA,
    GCOL, /* the global heap that its first element is in */
    GCOL_OBJECT
} part;

static size_t padded(size_t n)
{
    return (n + 7) & ~(size_t)7;
}

static size_t find_attribute_part(const victim *v, size_t header, part what, const char *name)
{
    const size_t at = find_message(v, header, 0x0c, name);
    const size_t type = at + 8 + padded(get(v, at + 2, 2)),
                 space = type + padded(get(v, at + 4, 2)), data = space + padded(get(v, at + 6, 2));
    switch (what) {
    case ATTRIBUTE:
        return at;
    case ATTR_TYPE:
        return type;
    case ATTR_SPACE:
        return space;
    case ATTR_DATA:
        return data;
    case GCOL:
        return get(v, data + 4, 8);
    default:
        return get(v, data + 4, 8) + 16; /* the first object of the collection */
    }
}

static size_t find_part(const victim *v, const char *object, part what, unsigned which,
                        const char *name)
{
    const size_t header = find_header(v, object);
    switch (what) {
    case SUPER:
        return 0;
    case HEADER:
        return header;
    case MESSAGE:
        return find_message(v, header, which, NULL);
    case TREE:
        return find_group(v, header).tree;
    case HEAP:
        return find_group(v, header).heap;
    case NAMES:
        return find_group(v, header).names;
    case LEAF:
        return find_group(v, header).leaf;
    case ENTRY:
        return find_entry(v, header, name, strlen(name));
    default:
        return find_attribute_part(v, header, what, name);
    }
}

/* ---- opening */

static tw_status open_victim(const victim *v, size_t n, tw_error *err)
{
    tw_weight_file file;
    tw_status rc;
    unsigned sum = 0;
    uint8_t *copy = malloc(n + !n);
    memcpy(copy, v->bytes, n);
    rc = tw_weight_file_borrow(&file, copy, n, "f", err);
    for (int i = 0; rc == TW_OK && i < file.n_tensors; i++) {
        const tw_tensor *t = &file.tensors[i].tensor;
        const size_t n_bytes = (size_t)tw_shape_size(&t->shape) * tw_dtype_size(t->dtype);
        for (size_t k = 0; k < n_bytes; k++)
            sum += ((const uint8_t *)t->data)[k];
    }
    assert_true(sum < UINT32_MAX); /* all of it has been read */
    if (rc == TW_OK)
        tw_weight_file_close(&file);
    free(copy);
    return rc;
}

/* ---- one change, one sentence */

typedef enum value_kind {
    NUMBER,
    SELF,    /* where the part begins */
    ROOT,    /* the root group's header */
    FILE_END /* the file's size, plus `value` */
} value_kind;

/* In the file, n bytes at `offset` of the part become `value`; '@' in the sentence is where the
 * part begins, '#' what was put there. */
typedef struct row {
    const char *file, *object;
    part what;
    unsigned which;
    const char *name;
    int offset, n;
    value_kind kind;
    uint64_t value;
    const char *sentence;
} row;

#define OLD "keras1_vgg.h5"
#define FULL "keras2_model.h5"
#define NEW "k3.weights.h5"
#define CONV "block1_conv1"
#define KERNEL "block1_conv1/block1_conv1_W_1:0"
#define VARS "layers/conv2d/vars"

static const row rows[] = {
    /* superblock */
    {OLD, "", SUPER, 0, NULL, 5, 1, NUMBER, 'x', "not an HDF5 file"},
    {OLD, "", SUPER, 0, NULL, 8, 1, NUMBER, 1,
     "HDF5 superblock version 1 is not supported, only 0"},
    {OLD, "", SUPER, 0, NULL, 8, 1, NUMBER, 2,
     "HDF5 superblock version 2 is not supported, only 0"},
    {OLD, "", SUPER, 0, NULL, 8, 1, NUMBER, 3,
     "HDF5 superblock version 3 is not supported, only 0"},
    {OLD, "", SUPER, 0, NULL, 13, 1, NUMBER, 4,
     "HDF5 offsets of 4 and lengths of 8 bytes, only 8 and 8"},
    {OLD, "", SUPER, 0, NULL, 14, 1, NUMBER, 16,
     "HDF5 offsets of 8 and lengths of 16 bytes, only 8 and 8"},
    {OLD, "", SUPER, 0, NULL, 40, 8, FILE_END, 1,
     "should have # bytes, has 9216: truncated or padded"},
    {OLD, "", SUPER, 0, NULL, 64, 8, FILE_END, 0,
     "root group: object header outside the file at byte #"},
    {OLD, "", SUPER, 0, NULL, 64, 8, NUMBER, UINT64_MAX,
     "root group: object header outside the file at byte #"},
    {OLD, "", SUPER, 0, NULL, 64, 8, NUMBER, 0, "root group: no object header at byte 0"},
    /* object headers and their messages */
    {OLD, KERNEL, HEADER, 0, NULL, 0, 4, NUMBER, 0x5244484f,
     "block1_conv1/block1_conv1_W_1:0: object header version 2 is not supported"},
    {OLD, KERNEL, HEADER, 0, NULL, 0, 1, NUMBER, 3,
     "block1_conv1/block1_conv1_W_1:0: no object header at byte @"},
    {OLD, KERNEL, HEADER, 0, NULL, 8, 4, NUMBER, 0x7fffffff,
     "block1_conv1/block1_conv1_W_1:0: object header longer than the file at byte @"},
    {OLD, KERNEL, HEADER, 0, NULL, 2, 2, NUMBER, 0,
     "block1_conv1/block1_conv1_W_1:0: neither a group nor a dataset at byte @"},
    {OLD, KERNEL, MESSAGE, 0x1, NULL, -6, 2, NUMBER, 0xfff8,
     "block1_conv1/block1_conv1_W_1:0: message longer than its header at byte 2920"},
    {OLD, CONV, MESSAGE, 0x10, NULL, 0, 8, FILE_END, 0,
     "block1_conv1: bad header continuation at byte @"},
    {OLD, CONV, MESSAGE, 0x10, NULL, 8, 8, NUMBER, UINT64_MAX,
     "block1_conv1: bad header continuation at byte @"},
    {OLD, CONV, MESSAGE, 0x10, NULL, 0, 8, SELF, 0, "block1_conv1: no weight_names"},
    {OLD, CONV, MESSAGE, 0x10, NULL, -6, 2, NUMBER, 8,
     "block1_conv1: bad header continuation at byte @"},
    /* dataspaces */
    {OLD, KERNEL, MESSAGE, 0x1, NULL, 0, 1, NUMBER, 0,
     "block1_conv1/block1_conv1_W_1:0: bad dataspace at byte @"},
    {OLD, KERNEL, MESSAGE, 0x1, NULL, 0, 1, NUMBER, 3,
     "block1_conv1/block1_conv1_W_1:0: bad dataspace at byte @"},
    {OLD, KERNEL, MESSAGE, 0x1, NULL, 1, 1, NUMBER, 9,
     "block1_conv1/block1_conv1_W_1:0: bad dataspace at byte @"},
    {OLD, KERNEL, MESSAGE, 0x1, NULL, 1, 1, NUMBER, 255,
     "block1_conv1/block1_conv1_W_1:0: bad dataspace at byte @"},
    {OLD, KERNEL, MESSAGE, 0x1, NULL, 1, 1, NUMBER, 8,
     "block1_conv1/block1_conv1_W_1:0: its shape needs 144 bytes, its data has 24"},
    {OLD, KERNEL, MESSAGE, 0x1, NULL, 8, 8, NUMBER, UINT64_MAX,
     "block1_conv1/block1_conv1_W_1:0: bad dimension at byte @"},
    {OLD, KERNEL, MESSAGE, 0x1, NULL, 8, 8, NUMBER, 1ULL << 62,
     "block1_conv1/block1_conv1_W_1:0: the shape overflows"},
    {OLD, KERNEL, MESSAGE, 0x1, NULL, 8, 8, NUMBER, 1ULL << 61,
     "block1_conv1/block1_conv1_W_1:0: the shape overflows"},
    {OLD, KERNEL, MESSAGE, 0x1, NULL, 8, 8, NUMBER, 2,
     "block1_conv1/block1_conv1_W_1:0: its shape needs 48 bytes, its data has 24"},
    {OLD, KERNEL, MESSAGE, 0x1, NULL, 1, 1, NUMBER, 0,
     "block1_conv1/block1_conv1_W_1:0: its shape needs 4 bytes, its data has 24"},
    /* datatypes */
    {OLD, KERNEL, MESSAGE, 0x3, NULL, 0, 1, NUMBER, 0x10,
     "block1_conv1/block1_conv1_W_1:0: a datatype other than floating point is not supported"},
    {OLD, KERNEL, MESSAGE, 0x3, NULL, 0, 1, NUMBER, 0x12,
     "block1_conv1/block1_conv1_W_1:0: a datatype other than floating point is not supported"},
    {OLD, KERNEL, MESSAGE, 0x3, NULL, 0, 1, NUMBER, 0x13,
     "block1_conv1/block1_conv1_W_1:0: a datatype other than floating point is not supported"},
    {OLD, KERNEL, MESSAGE, 0x3, NULL, 0, 1, NUMBER, 0x14,
     "block1_conv1/block1_conv1_W_1:0: a datatype other than floating point is not supported"},
    {OLD, KERNEL, MESSAGE, 0x3, NULL, 0, 1, NUMBER, 0x15,
     "block1_conv1/block1_conv1_W_1:0: a datatype other than floating point is not supported"},
    {OLD, KERNEL, MESSAGE, 0x3, NULL, 0, 1, NUMBER, 0x16,
     "block1_conv1/block1_conv1_W_1:0: a datatype other than floating point is not supported"},
    {OLD, KERNEL, MESSAGE, 0x3, NULL, 0, 1, NUMBER, 0x17,
     "block1_conv1/block1_conv1_W_1:0: a datatype other than floating point is not supported"},
    {OLD, KERNEL, MESSAGE, 0x3, NULL, 0, 1, NUMBER, 0x18,
     "block1_conv1/block1_conv1_W_1:0: a datatype other than floating point is not supported"},
    {OLD, KERNEL, MESSAGE, 0x3, NULL, 0, 1, NUMBER, 0x19,
     "block1_conv1/block1_conv1_W_1:0: a datatype other than floating point is not supported"},
    {OLD, KERNEL, MESSAGE, 0x3, NULL, 0, 1, NUMBER, 0x1a,
     "block1_conv1/block1_conv1_W_1:0: a datatype other than floating point is not supported"},
    {OLD, KERNEL, MESSAGE, 0x3, NULL, 1, 1, NUMBER, 0x21,
     "block1_conv1/block1_conv1_W_1:0: big-endian data is not supported"},
    {OLD, KERNEL, MESSAGE, 0x3, NULL, 4, 4, NUMBER, 8,
     "block1_conv1/block1_conv1_W_1:0: a floating-point type other than float16, float32 and "
     "float64 is not supported"},
    {OLD, KERNEL, MESSAGE, 0x3, NULL, 4, 4, NUMBER, 16,
     "block1_conv1/block1_conv1_W_1:0: a floating-point type other than float16, float32 and "
     "float64 is not supported"},
    {OLD, KERNEL, MESSAGE, 0x3, NULL, 4, 4, NUMBER, 0,
     "block1_conv1/block1_conv1_W_1:0: a floating-point type other than float16, float32 and "
     "float64 is not supported"},
    {OLD, KERNEL, MESSAGE, 0x3, NULL, 13, 1, NUMBER, 9,
     "block1_conv1/block1_conv1_W_1:0: a floating-point type other than float16, float32 and "
     "float64 is not supported"},
    {OLD, KERNEL, MESSAGE, 0x3, NULL, -4, 1, NUMBER, 2,
     "block1_conv1/block1_conv1_W_1:0: a committed (shared) datatype is not supported"},
    {OLD, KERNEL, MESSAGE, 0x3, NULL, -6, 2, NUMBER, 0,
     "block1_conv1/block1_conv1_W_1:0: bad datatype at byte @"},
    {OLD, KERNEL, MESSAGE, 0x3, NULL, 0, 8, NUMBER, 0x0000000200000015,
     "block1_conv1/block1_conv1_W_1:0: an opaque datatype is not supported"},
    {"k3_bfloat16.weights.h5", "layers/conv2d/vars/0", ATTR_DATA, 0, "dtype", 12, 4, NUMBER, 1,
     "layers/conv2d/vars/0: string missing in the global heap at byte 2048"},
    {"k3_bfloat16.weights.h5", "layers/conv2d/vars/0", ATTRIBUTE, 0, "dtype", 8, 1, NUMBER, 'D',
     "layers/conv2d/vars/0: an opaque datatype is not supported"},
    /* layouts, filters, links */
    {OLD, KERNEL, MESSAGE, 0x8, NULL, 0, 1, NUMBER, 1,
     "block1_conv1/block1_conv1_W_1:0: a data layout version other than 3 is not supported"},
    {OLD, KERNEL, MESSAGE, 0x8, NULL, 0, 1, NUMBER, 2,
     "block1_conv1/block1_conv1_W_1:0: a data layout version other than 3 is not supported"},
    {OLD, KERNEL, MESSAGE, 0x8, NULL, 0, 1, NUMBER, 4,
     "block1_conv1/block1_conv1_W_1:0: a data layout version other than 3 is not supported"},
    {OLD, KERNEL, MESSAGE, 0x8, NULL, 0, 1, NUMBER, 0,
     "block1_conv1/block1_conv1_W_1:0: bad data layout at byte @"},
    {OLD, KERNEL, MESSAGE, 0x8, NULL, 0, 1, NUMBER, 5,
     "block1_conv1/block1_conv1_W_1:0: bad data layout at byte @"},
    {OLD, KERNEL, MESSAGE, 0x8, NULL, 1, 1, NUMBER, 0,
     "block1_conv1/block1_conv1_W_1:0: compact data is not supported"},
    {OLD, KERNEL, MESSAGE, 0x8, NULL, 1, 1, NUMBER, 2,
     "block1_conv1/block1_conv1_W_1:0: chunked data is not supported"},
    {OLD, KERNEL, MESSAGE, 0x8, NULL, 1, 1, NUMBER, 3,
     "block1_conv1/block1_conv1_W_1:0: virtual data is not supported"},
    {OLD, KERNEL, MESSAGE, 0x8, NULL, 1, 1, NUMBER, 4,
     "block1_conv1/block1_conv1_W_1:0: bad data layout at byte @"},
    {OLD, KERNEL, MESSAGE, 0x8, NULL, 2, 8, FILE_END, -4,
     "block1_conv1/block1_conv1_W_1:0: 24 bytes of data at #, the file has 9216"},
    {OLD, KERNEL, MESSAGE, 0x8, NULL, 2, 8, NUMBER, UINT64_MAX - 4,
     "block1_conv1/block1_conv1_W_1:0: 24 bytes of data at #, the file has 9216"},
    {OLD, KERNEL, MESSAGE, 0x8, NULL, 10, 8, NUMBER, 25,
     "block1_conv1/block1_conv1_W_1:0: its shape needs 24 bytes, its data has 25"},
    {OLD, KERNEL, MESSAGE, 0x8, NULL, 10, 8, NUMBER, UINT64_MAX,
     "block1_conv1/block1_conv1_W_1:0: its shape needs 24 bytes, its data has #"},
    {OLD, KERNEL, MESSAGE, 0x8, NULL, -6, 2, NUMBER, 0,
     "block1_conv1/block1_conv1_W_1:0: bad data layout at byte @"},
    {OLD, KERNEL, MESSAGE, 0x5, NULL, -8, 2, NUMBER, 0x0b,
     "block1_conv1/block1_conv1_W_1:0: filtered (compressed) data is not supported"},
    {OLD, KERNEL, MESSAGE, 0x5, NULL, -8, 2, NUMBER, 0x07,
     "block1_conv1/block1_conv1_W_1:0: external data is not supported"},
    {OLD, KERNEL, MESSAGE, 0x5, NULL, -8, 2, NUMBER, 0x06,
     "block1_conv1/block1_conv1_W_1:0: a group of the new style (links) is not supported"},
    {OLD, KERNEL, MESSAGE, 0x5, NULL, -8, 2, NUMBER, 0x11,
     "block1_conv1/block1_conv1_W_1:0: bad symbol table at byte @"},
    {OLD, CONV, MESSAGE, 0x11, NULL, -8, 2, NUMBER, 0x02,
     "block1_conv1/block1_conv1_W_1:0: a group of the new style (links) is not supported"},
    {OLD, CONV, MESSAGE, 0x11, NULL, -8, 2, NUMBER, 0x06,
     "block1_conv1/block1_conv1_W_1:0: a group of the new style (links) is not supported"},
    {OLD, CONV, MESSAGE, 0x11, NULL, -8, 2, NUMBER, 0x00,
     "block1_conv1/block1_conv1_W_1:0: neither a group nor a dataset at byte 2072"},
    /* groups */
    {OLD, CONV, MESSAGE, 0x11, NULL, -6, 2, NUMBER, 8, "block1_conv1: no weight_names"},
    {OLD, CONV, MESSAGE, 0x11, NULL, 0, 8, FILE_END, 0,
     "block1_conv1/block1_conv1_W_1:0: no group tree at byte #"},
    {OLD, CONV, MESSAGE, 0x11, NULL, 8, 8, FILE_END, 0,
     "block1_conv1/block1_conv1_W_1:0: no local heap at byte #"},
    {OLD, CONV, TREE, 0, NULL, 0, 1, NUMBER, 'X',
     "block1_conv1/block1_conv1_W_1:0: no group tree at byte @"},
    {OLD, CONV, TREE, 0, NULL, 4, 1, NUMBER, 1,
     "block1_conv1/block1_conv1_W_1:0: bad group tree at byte @"},
    {OLD, CONV, TREE, 0, NULL, 5, 1, NUMBER, 1,
     "block1_conv1/block1_conv1_W_1:0: no group tree at byte 3176"},
    {OLD, CONV, TREE, 0, NULL, 5, 1, NUMBER, 17,
     "block1_conv1/block1_conv1_W_1:0: bad group tree at byte @"},
    {OLD, CONV, TREE, 0, NULL, 6, 2, NUMBER, 0xffff,
     "block1_conv1/block1_conv1_W_1:0: bad group tree at byte @"},
    {OLD, CONV, TREE, 0, NULL, 6, 2, NUMBER, 0,
     "block1_conv1/block1_conv1_W_1:0: \"block1_conv1_W_1:0\" is named but not there"},
    {OLD, CONV, TREE, 0, NULL, 32, 8, SELF, 0,
     "block1_conv1/block1_conv1_W_1:0: no symbol-table node at byte @"},
    {OLD, CONV, TREE, 0, NULL, 32, 8, NUMBER, UINT64_MAX,
     "block1_conv1/block1_conv1_W_1:0: no symbol-table node at byte #"},
    {OLD, CONV, LEAF, 0, NULL, 0, 1, NUMBER, 'X',
     "block1_conv1/block1_conv1_W_1:0: no symbol-table node at byte @"},
    {OLD, CONV, LEAF, 0, NULL, 6, 2, NUMBER, 0xffff,
     "block1_conv1/block1_conv1_W_1:0: symbol table longer than the file at byte @"},
    {OLD, CONV, LEAF, 0, NULL, 6, 2, NUMBER, 0,
     "block1_conv1/block1_conv1_W_1:0: \"block1_conv1_W_1:0\" is named but not there"},
    {OLD, CONV, HEAP, 0, NULL, 0, 1, NUMBER, 'X',
     "block1_conv1/block1_conv1_W_1:0: no local heap at byte @"},
    {OLD, CONV, HEAP, 0, NULL, 8, 8, NUMBER, UINT64_MAX - 3,
     "block1_conv1/block1_conv1_W_1:0: local heap longer than the file at byte @"},
    {OLD, CONV, HEAP, 0, NULL, 24, 8, FILE_END, 0,
     "block1_conv1/block1_conv1_W_1:0: local heap longer than the file at byte @"},
    {OLD, CONV, ENTRY, 0, "block1_conv1_W_1:0", 0, 8, NUMBER, UINT64_MAX,
     "block1_conv1/block1_conv1_W_1:0: \"block1_conv1_W_1:0\" is named but not there"},
    {OLD, CONV, ENTRY, 0, "block1_conv1_W_1:0", 16, 4, NUMBER, 2,
     "block1_conv1/block1_conv1_W_1:0: a soft link (block1_conv1_W_1:0) is not supported"},
    {OLD, CONV, ENTRY, 0, "block1_conv1_W_1:0", 8, 8, ROOT, 0,
     "block1_conv1/block1_conv1_W_1:0: not a dataset"},
    {OLD, CONV, ENTRY, 0, "block1_conv1_W_1:0", 8, 8, FILE_END, 8,
     "block1_conv1/block1_conv1_W_1:0: object header outside the file at byte #"},
    {OLD, "", ENTRY, 0, "block1_conv1", 16, 4, NUMBER, 2,
     "block1_conv1: a soft link (block1_conv1) is not supported"},
    {OLD, "", ENTRY, 0, "block1_conv1", 8, 8, ROOT, 0, "block1_conv1: no weight_names"},
    /* attributes and their strings */
    {OLD, CONV, ATTRIBUTE, 0, "weight_names", 0, 1, NUMBER, 0,
     "block1_conv1: bad attribute at byte @"},
    {OLD, CONV, ATTRIBUTE, 0, "weight_names", 0, 1, NUMBER, 4,
     "block1_conv1: bad attribute at byte @"},
    {OLD, CONV, ATTRIBUTE, 0, "weight_names", 2, 2, NUMBER, 0,
     "block1_conv1: bad attribute at byte @"},
    {OLD, CONV, ATTRIBUTE, 0, "weight_names", 2, 2, NUMBER, 0xffff,
     "block1_conv1: bad attribute at byte @"},
    {OLD, CONV, ATTRIBUTE, 0, "weight_names", 4, 2, NUMBER, 0xffff,
     "block1_conv1: bad attribute at byte @"},
    {OLD, CONV, ATTRIBUTE, 0, "weight_names", 4, 2, NUMBER, 4,
     "block1_conv1: bad attribute at byte 2832"},
    {OLD, CONV, ATTRIBUTE, 0, "weight_names", 6, 2, NUMBER, 0,
     "block1_conv1: bad dataspace at byte 2840"},
    {OLD, CONV, ATTRIBUTE, 0, "weight_names", 8, 1, NUMBER, 'W', "block1_conv1: no weight_names"},
    {OLD, CONV, ATTRIBUTE, 0, "weight_names", -6, 2, NUMBER, 4,
     "block1_conv1: bad attribute at byte @"},
    {OLD, CONV, ATTR_TYPE, 0, "weight_names", 0, 1, NUMBER, 0x10,
     "block1_conv1: names are not strings (datatype class 0)"},
    {OLD, CONV, ATTR_TYPE, 0, "weight_names", 0, 1, NUMBER, 0x19,
     "block1_conv1: names are not strings (datatype class 9)"},
    {OLD, CONV, ATTR_TYPE, 0, "weight_names", 4, 4, NUMBER, 0xffffffff,
     "block1_conv1: attribute longer than its message at byte 2808"},
    {OLD, CONV, ATTR_TYPE, 0, "weight_names", 4, 4, NUMBER, 0, "block1_conv1/: not a dataset"},
    {OLD, CONV, ATTR_SPACE, 0, "weight_names", 1, 1, NUMBER, 9,
     "block1_conv1: bad dataspace at byte @"},
    {OLD, CONV, ATTR_SPACE, 0, "weight_names", 8, 8, NUMBER, 3,
     "block1_conv1: attribute longer than its message at byte 2808"},
    {OLD, CONV, ATTR_SPACE, 0, "weight_names", 8, 8, NUMBER, INT64_MAX,
     "block1_conv1: attribute longer than its message at byte 2808"},
    {OLD, CONV, ATTR_SPACE, 0, "weight_names", 8, 8, NUMBER, UINT64_MAX,
     "block1_conv1: bad dimension at byte @"},
    {OLD, CONV, ATTR_DATA, 0, "weight_names", 0, 1, NUMBER, 'x',
     "block1_conv1/xlock1_conv1_W_1:0: \"xlock1_conv1_W_1:0\" is named but not there"},
    {OLD, CONV, ATTR_DATA, 0, "weight_names", 0, 1, NUMBER, 0, "block1_conv1/: not a dataset"},
    {OLD, "", ATTRIBUTE, 0, "layer_names", 8, 1, NUMBER, 'L',
     "no layer_names: not a Keras weight file"},
    {OLD, "", ATTR_DATA, 0, "layer_names", 0, 1, NUMBER, 'x',
     "layer xnput_1 is named but has no group"},
    {FULL, "model_weights/fc1", ATTR_DATA, 0, "weight_names", 0, 4, NUMBER, 0xffffffff,
     "fc1: string missing in the global heap at byte 2048"},
    {FULL, "model_weights/fc1", ATTR_DATA, 0, "weight_names", 4, 8, FILE_END, 0,
     "fc1: no global heap at byte #"},
    {FULL, "model_weights/fc1", ATTR_DATA, 0, "weight_names", 12, 4, NUMBER, 0,
     "fc1: string missing in the global heap at byte 2048"},
    {FULL, "model_weights/fc1", ATTR_DATA, 0, "weight_names", 12, 4, NUMBER, 99999,
     "fc1: string missing in the global heap at byte 2048"},
    {FULL, "model_weights/fc1", ATTR_TYPE, 0, "weight_names", 4, 4, NUMBER, 8,
     "fc1: names are not strings (datatype class 9)"},
    {FULL, "model_weights/fc1", GCOL, 0, "weight_names", 0, 1, NUMBER, 'X',
     "model_weights: no global heap at byte @"},
    {FULL, "model_weights/fc1", GCOL, 0, "weight_names", 8, 8, NUMBER, UINT64_MAX,
     "model_weights: global heap longer than the file at byte @"},
    {FULL, "model_weights/fc1", GCOL, 0, "weight_names", 8, 8, NUMBER, 8,
     "model_weights: global heap longer than the file at byte @"},
    {FULL, "model_weights", GCOL_OBJECT, 0, "layer_names", 0, 2, NUMBER, 0,
     "model_weights: string missing in the global heap at byte 2048"},
    {FULL, "model_weights", GCOL_OBJECT, 0, "layer_names", 8, 8, NUMBER, UINT64_MAX - 8,
     "model_weights: string missing in the global heap at byte 2048"},
    {FULL, "model_weights", GCOL_OBJECT, 0, "layer_names", 8, 8, NUMBER, 1,
     "model_weights: string missing in the global heap at byte 2048"},
    /* Keras 3's walk */
    {NEW, "", ENTRY, 0, "layers", 8, 8, ROOT, 0, "groups more than 32 deep"},
    {NEW, "layers", LEAF, 0, NULL, 6, 2, NUMBER, 0, "no weights in it"},
    {NEW, "layers", ENTRY, 0, "conv2d", 0, 8, NUMBER, UINT64_MAX,
     "layers: member without a name at byte @"},
    {NEW, "layers", ENTRY, 0, "conv2d", 0, 8, NUMBER, 0, "layers: member without a name at byte @"},
    {NEW, "layers", ENTRY, 0, "conv2d", 16, 4, NUMBER, 2,
     "layers: a soft link (conv2d) is not supported"},
    {NEW, "layers", HEAP, 0, NULL, 8, 8, NUMBER, 16, "layers: member without a name at byte 7480"},
    {NEW, VARS, NAMES, 0, NULL, 8, 1, NUMBER, 'x',
     "layers/conv2d/vars/x: a variable that is not numbered"},
    {NEW, VARS, NAMES, 0, NULL, 8, 2, NUMBER, 0x3030,
     "layers/conv2d/vars/00: a variable that is not numbered"},
    {NEW, "layers/conv2d", NAMES, 0, NULL, 8, 1, NUMBER, 'c', "layers/conv2d/cars/0: not a group"},
    {NEW, VARS, ENTRY, 0, "0", 8, 8, ROOT, 0, "layers/conv2d/vars/0: not a dataset"},
    {NEW, "layers/conv2d", ENTRY, 0, "vars", 8, 8, ROOT, 0,
     "layers/conv2d/vars/layers: a variable that is not numbered"},
    {NEW, VARS, ATTRIBUTE, 0, "name", 8, 1, NUMBER, 'N',
     "layers/conv2d/vars has no name, but layers/dense/vars has one"},
    {NEW, VARS, ATTR_TYPE, 0, "name", 0, 1, NUMBER, 0x10,
     "layers/conv2d/vars: names are not strings (datatype class 0)"},
    {NEW, VARS, ATTR_DATA, 0, "name", 12, 4, NUMBER, 77,
     "layers/conv2d/vars: string missing in the global heap at byte 2048"},
    {NEW, VARS, HEADER, 0, NULL, 0, 1, NUMBER, 2, "layers/conv2d/vars: no object header at byte @"},
    {NEW, "layers/conv2d/vars/0", HEADER, 0, NULL, 0, 4, NUMBER, 0x5244484f,
     "layers/conv2d/vars/0: object header version 2 is not supported"},
    {NEW, "layers/conv2d/vars/0", MESSAGE, 0x3, NULL, 0, 1, NUMBER, 0x10,
     "layers/conv2d/vars/0: a datatype other than floating point is not supported"},
    {NEW, "layers/conv2d/vars/0", MESSAGE, 0x8, NULL, 2, 8, FILE_END, 0,
     "layers/conv2d/vars/0: 24 bytes of data at #, the file has #"},
};

static void expand(char *out, size_t out_size, const char *sentence, size_t at, uint64_t value)
{
    size_t n = (size_t)snprintf(out, out_size, "f: ");
    for (const char *p = sentence; *p; p++) {
        if (*p == '@')
            n += (size_t)snprintf(out + n, out_size - n, "%zu", at);
        else if (*p == '#')
            n += (size_t)snprintf(out + n, out_size - n, "%llu", (unsigned long long)value);
        else
            n += (size_t)snprintf(out + n, out_size - n, "%c", *p);
    }
}

static void every_change_gets_its_sentence(void **state)
{
    int n_wrong = 0;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const row *r = &rows[i];
        victim v = take_victim(r->file);
        const size_t at = find_part(&v, r->object, r->what, r->which, r->name);
        const uint64_t value = r->kind == SELF       ? at
                               : r->kind == ROOT     ? get(&v, 64, 8)
                               : r->kind == FILE_END ? v.n + r->value
                                                     : r->value;
        char wanted[1024];
        tw_error err = {TW_OK, ""};
        put(&v, (size_t)((int64_t)at + r->offset), r->n, value);
        expand(wanted, sizeof wanted, r->sentence, at, value);
        if (open_victim(&v, v.n, &err) != TW_EFILE || strcmp(err.text, wanted) != 0) {
            print_message("row %zu: wanted \"%s\", got \"%s\"\n", i, wanted, err.text);
            n_wrong++;
        }
        free(v.bytes);
    }
    assert_int_equal(n_wrong, 0);
}

/* ---- larger structures */

static void expect(victim *v, const char *sentence)
{
    tw_error err = {TW_OK, ""};
    assert_int_equal(open_victim(v, v->n, &err), TW_EFILE);
    assert_string_equal(err.text, sentence);
    free(v->bytes);
}

/* Every member of "layers" is the root group again: 3 to the power of the depth. */
static void groups_that_multiply_come_to_an_end(void **state)
{
    victim v = take_victim(NEW);
    const size_t root = get(&v, 64, 8), leaf = find_group(&v, find_header(&v, "layers")).leaf;
    (void)state;
    for (size_t i = 0; i < get(&v, leaf + 6, 2); i++)
        put(&v, leaf + 8 + 40 * i + 8, 8, root);
    expect(&v, "f: groups more than 32 deep");
}

/* A node that lists one variable 8 times, 32 times in its tree, and that in two groups. */
static void nodes_that_are_shared_come_to_an_end(void **state)
{
    victim v = take_victim(NEW);
    const group vars = find_group(&v, find_header(&v, VARS));
    const size_t other = find_entry(&v, find_header(&v, "layers/conv2d_1"), "vars", 4);
    (void)state;
    put(&v, other + 8, 8, find_header(&v, VARS));
    for (size_t i = 0; i < 32; i++)
        put(&v, vars.tree + 24 + 16 * i + 8, 8, vars.leaf);
    put(&v, vars.tree + 6, 2, 32);
    for (size_t i = 0; i < 8; i++)
        memcpy(v.bytes + vars.leaf + 8 + 40 * i, v.bytes + vars.leaf + 8, 40);
    put(&v, vars.leaf + 6, 2, 8);
    expect(&v, "f: layers/conv2d_1/vars/0: more names than a file of its size can hold");
}

/* Trees of 32 children each, four levels high: a million nodes in four. */
static void trees_that_multiply_come_to_an_end(void **state)
{
    static const char *const groups[] = {CONV, "block1_conv2", "fc1", "input_1"};
    victim v = take_victim(OLD);
    const size_t leaf = find_group(&v, find_header(&v, "fc1")).leaf;
    size_t trees[5] = {[4] = leaf};
    char sentence[128];
    (void)state;
    for (int i = 0; i < 4; i++)
        trees[i] = get(&v, find_message(&v, find_header(&v, groups[i]), 0x11, NULL), 8);
    for (int i = 0; i < 4; i++) {
        put(&v, trees[i] + 5, 1, (uint64_t)(3 - i));
        put(&v, trees[i] + 6, 2, 32);
        for (size_t k = 0; k < 32; k++)
            put(&v, trees[i] + 24 + 16 * k + 8, 8, trees[i + 1]);
    }
    put(&v, leaf + 6, 2, 0);
    snprintf(sentence, sizeof sentence, "f: " KERNEL ": group with too many nodes at byte %zu",
             trees[3]);
    expect(&v, sentence);
}

/* The file with n more bytes at its end, which begin at *at. */
static victim take_longer(const char *name, size_t n, size_t *at)
{
    victim v = take_victim(name);
    *at = padded(v.n);
    v.bytes = realloc(v.bytes, *at + n);
    memset(v.bytes + v.n, 'a', *at + n - v.n);
    v.n = *at + n;
    put(&v, 40, 8, v.n);
    return v;
}

static void names_too_long_are_refused(void **state)
{
    size_t at, data;
    victim v = take_longer(NEW, 1025, &at);
    group layers = find_group(&v, find_header(&v, "layers"));
    (void)state;
    put(&v, v.n - 1, 1, 0);
    put(&v, layers.heap + 8, 8, 1025); /* its letters are what was added: a name of 1,024 */
    put(&v, layers.heap + 24, 8, at);
    put(&v, layers.leaf + 8, 8, 0);
    put(&v, layers.leaf + 6, 2, 1);
    expect(&v, "f: layers: a path of more than 1024 letters");

    v = take_longer(FULL, 16 + 16 + 1504, &at);
    data = find_part(&v, "model_weights", ATTR_DATA, 0, "layer_names");
    memcpy(v.bytes + at, "GCOL\1\0\0\0", 8);
    put(&v, at + 8, 8, v.n - at);
    put(&v, at + 16, 8, 1); /* object 1 */
    put(&v, at + 24, 8, 1500);
    put(&v, data, 4, 1500);
    put(&v, data + 4, 8, at);
    put(&v, data + 12, 4, 1);
    expect(&v, "f: model_weights: a name of 1500 letters, 1024 are allowed");
}

/* block1_conv1 with n weight_names `name`, each of item_size letters, and `more` bytes behind them;
 * its members are "d", a dataset, and "a", the group itself. */
static victim take_many_names(const char *name, size_t item_size, size_t n, size_t more, size_t *at)
{
    enum { TABLE = 8 + 16, PARTS = 16 + 8 + 16 };
    const size_t n_body = 8 + PARTS + padded(n * item_size);
    victim v = take_longer(OLD, TABLE + 8 + n_body + more, at);
    const size_t header = find_header(&v, CONV);
    const group g = find_group(&v, header);
    const size_t next = find_message(&v, header, 0x10, NULL), body = *at + TABLE + 8;
    put(&v, next, 8, *at);
    put(&v, next + 8, 8, TABLE + 8 + n_body);
    memset(v.bytes + *at, 0, TABLE + 8 + n_body);
    put(&v, *at, 4, 0x11 | 16 << 16);
    put(&v, *at + 8, 8, g.tree);
    put(&v, *at + 16, 8, g.heap);
    put(&v, *at + TABLE, 4, 0x0c | n_body << 16);
    put(&v, body, 8, 1ULL | 13ULL << 16 | 8ULL << 32 | 16ULL << 48);
    memcpy(v.bytes + body + 8, "weight_names", 12);
    put(&v, body + 24, 8, 0x13ULL | item_size << 32);
    put(&v, body + 32, 8, 1 | 1 << 8);
    put(&v, body + 40, 8, n);
    for (size_t i = 0; i < n; i++)
        memcpy(v.bytes + body + 8 + PARTS + i * item_size, name, strlen(name));
    memcpy(v.bytes + g.names + get(&v, g.leaf + 8, 8), "d", 2);
    memcpy(v.bytes + g.names + get(&v, g.leaf + 48, 8), "a", 2);
    put(&v, g.leaf + 56, 8, header);
    *at = body + n_body;
    return v;
}

/* 16,000 weights are looked for in 5,000 members each. */
static void too_many_searches_are_given_up(void **state)
{
    enum { N_MEMBERS = 5000 };
    size_t at;
    victim v = take_many_names("d", 1, 16000, 8 + 40 * N_MEMBERS + 8000000, &at);
    const group g = find_group(&v, find_header(&v, CONV));
    (void)state;
    memset(v.bytes + at, 0xff, 8 + 40 * N_MEMBERS);
    memcpy(v.bytes + at, "SNOD", 4);
    put(&v, at + 6, 2, N_MEMBERS);
    memcpy(v.bytes + at + 8 + 40 * (N_MEMBERS - 1), v.bytes + g.leaf + 8, 40);
    put(&v, g.tree + 32, 8, at);
    expect(&v, "f: block1_conv1/d: too much to search, given up");
}

/* The header of the group of 16,000 weights has 6,000 empty messages. */
static void too_many_messages_are_given_up(void **state)
{
    enum { N_MESSAGES = 6000 };
    size_t at;
    victim v = take_many_names("d", 1, 16000, 8 * N_MESSAGES + 8000000, &at);
    const size_t header = find_header(&v, CONV), next = find_message(&v, header, 0x10, NULL);
    (void)state;
    memset(v.bytes + at, 0, 8 * N_MESSAGES);
    put(&v, next + 8, 8, get(&v, next + 8, 8) + 8 * N_MESSAGES);
    put(&v, header + 2, 2, N_MESSAGES);
    expect(&v, "f: block1_conv1/d: too much to search, given up");
}

/* 4,000 names of variable length are looked for behind 20,000 others. */
static void too_many_strings_are_given_up(void **state)
{
    enum { N_OBJECTS = 20000, N_NAMES = 4000 };
    size_t at;
    victim v = take_many_names("", 16, N_NAMES, 16 + 16 * (N_OBJECTS + 2) + 100000, &at);
    const size_t names = find_part(&v, CONV, ATTR_DATA, 0, "weight_names");
    (void)state;
    put(&v, find_part(&v, CONV, ATTR_TYPE, 0, "weight_names"), 1, 0x19);
    memcpy(v.bytes + at, "GCOL\1\0\0\0", 8);
    put(&v, at + 8, 8, v.n - at);
    memset(v.bytes + at + 16, 0, v.n - at - 16);
    for (size_t i = 0; i <= N_OBJECTS; i++)
        put(&v, at + 16 + 16 * i, 2, i < N_OBJECTS ? 1 : 2);
    for (size_t i = 0; i < N_NAMES; i++) {
        put(&v, names + 16 * i + 4, 8, at);
        put(&v, names + 16 * i + 12, 4, 2);
    }
    expect(&v, "f: block1_conv1: too much to search, given up");
}

/* 16,000 weights of one layer in a model: each looks at those before it. */
static void too_many_weights_are_given_up(void **state)
{
    size_t at;
    victim v = take_many_names("a/d", 4, 16000, 8000000, &at);
    (void)state;
    expect(&v, "f: weight_names: too much to search, given up");
}

static void names_too_many_are_refused(void **state)
{
    victim v = take_victim(OLD);
    (void)state;
    put(&v, find_part(&v, CONV, ATTR_TYPE, 0, "weight_names") + 4, 4, 0); /* no letters each */
    put(&v, find_part(&v, CONV, ATTR_SPACE, 0, "weight_names") + 8, 8, 65537);
    expect(&v, "f: block1_conv1: 65537 names, at most 65536 are read");
}

static void paths_of_too_many_parts_are_refused(void **state)
{
    victim v = take_victim(OLD);
    (void)state;
    memset(v.bytes + find_part(&v, CONV, ATTR_DATA, 0, "weight_names"), '/', 17);
    expect(&v, "f: block1_conv1//////////////////0: a path of more than 16 parts");
}

static void a_layer_has_one_name(void **state)
{
    victim v = take_victim("two_names.weights.h5");
    (void)state;
    expect(&v, "f: layers/dense/vars: its name is 2 strings, not one");
}

static void numbers_on_the_same_bytes_are_refused(void **state)
{
    victim v = take_victim(OLD);
    const size_t kernel = find_message(&v, find_header(&v, KERNEL), 8, NULL);
    const size_t bias =
        find_message(&v, find_header(&v, "block1_conv1/block1_conv1_b_1:0"), 8, NULL);
    (void)state;
    put(&v, bias + 2, 8, get(&v, kernel + 2, 8) + 12);
    expect(&v, "f: block1_conv1_W_1:0 and block1_conv1_b_1:0 overlap");
}

/* No numbers, and an address that lies nowhere: nothing is read, so nothing is wrong. */
static void no_numbers_need_no_place(void **state)
{
    victim v = take_victim(OLD);
    const size_t header = find_header(&v, KERNEL);
    tw_error err;
    (void)state;
    put(&v, find_message(&v, header, 1, NULL) + 8, 8, 0);
    put(&v, find_message(&v, header, 8, NULL) + 2, 8, UINT64_MAX);
    assert_int_equal(open_victim(&v, v.n, &err), TW_OK);
    free(v.bytes);
}

static void no_prefix_opens(void **state)
{
    static const char *const files[] = {NEW, OLD};
    tw_error err;
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        victim v = take_victim(files[i]);
        for (size_t n = 0; n < v.n; n++)
            assert_int_equal(open_victim(&v, n, &err), TW_EFILE);
        free(v.bytes);
    }
}

static void any_flipped_bit_is_survived(void **state)
{
    static const char *const files[] = {NEW, OLD};
    tw_error err;
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        victim v = take_victim(files[i]);
        for (size_t bit = 0; bit < 8 * v.n; bit++) {
            tw_status rc;
            v.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
            rc = open_victim(&v, v.n, &err);
            assert_true(rc == TW_OK || rc == TW_EFILE);
            v.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        free(v.bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_change_gets_its_sentence),
        cmocka_unit_test(groups_that_multiply_come_to_an_end),
        cmocka_unit_test(nodes_that_are_shared_come_to_an_end),
        cmocka_unit_test(trees_that_multiply_come_to_an_end),
        cmocka_unit_test(names_too_long_are_refused),
        cmocka_unit_test(too_many_searches_are_given_up),
        cmocka_unit_test(too_many_messages_are_given_up),
        cmocka_unit_test(too_many_strings_are_given_up),
        cmocka_unit_test(too_many_weights_are_given_up),
        cmocka_unit_test(names_too_many_are_refused),
        cmocka_unit_test(paths_of_too_many_parts_are_refused),
        cmocka_unit_test(a_layer_has_one_name),
        cmocka_unit_test(numbers_on_the_same_bytes_are_refused),
        cmocka_unit_test(no_numbers_need_no_place),
        cmocka_unit_test(no_prefix_opens),
        cmocka_unit_test(any_flipped_bit_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
