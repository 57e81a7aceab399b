/*
 * Writing HDF5; see h5_write.h. Source: HDF5 File Format Specification, version 3.
 *
 *     superblock | object by object: header, and of a group B-tree, heap of names, one leaf |
 * numbers
 *
 * Every size follows from the tree, so places are given out first and then the headers are filled
 * into one block. The superblock's leaf size is that of the largest group, so each has one leaf.
 */
#include "format/h5_write.h"

#include "base/fail.h"
#include "base/file.h"
#include "base/memory.h"
#include "format/stream.h"
#include "tensor/tensor.h"

#include <stdlib.h>
#include <string.h>

enum {
    SUPERBLOCK_BYTES = 96,
    HEADER_BYTES = 16,   /* before the first message of an object header */
    MESSAGE_BYTES = 8,   /* before a message's own */
    ATTRIBUTE_BYTES = 8, /* before the name of an attribute */
    STRING_TYPE_BYTES = 8,
    SPACE_BYTES = 8, /* of a dataspace, before its sides */
    FLOAT_TYPE_BYTES = 24,
    FILL_BYTES = 8,
    PLACE_BYTES = 24,
    TABLE_BYTES = 16, /* symbol-table message */
    INTERNAL_K = 16,
    TREE_BYTES = 24 + (2 * INTERNAL_K + 1) * 8 + 2 * INTERNAL_K * 8,
    HEAP_BYTES = 32,
    LEAF_BYTES = 8,
    ENTRY_BYTES = 40,
    MIN_LEAF_K = 4,
    MAX_ATTRIBUTE_BYTES = 64512
};
#define UNDEFINED UINT64_MAX

/* Types of messages. */
enum { SPACE = 1, TYPE = 3, FILL = 5, PLACE = 8, ATTRIBUTE = 12, TABLE = 17 };

typedef struct attribute {
    int object;
    char *name;
    int n;            /* strings; -1: one that is no array */
    size_t item_size; /* at least 1 */
    char *items;
} attribute;

typedef struct object {
    int parent;
    char *name;
    bool is_dataset, mapped;
    tw_tensor tensor;
} object;

struct tw_h5_tree {
    int n_objects, n_attributes;
    object *objects;
    attribute *attributes;
    bool failed; /* memory ran out */
};

/* ---- the tree */

tw_h5_tree *tw_h5_tree_create(void)
{
    tw_h5_tree *tree = tw_calloc(1, sizeof *tree);

    if (tree)
        tw_h5_add_group(tree, -1, "/");
    return tree;
}

void tw_h5_tree_free(tw_h5_tree *tree)
{
    if (!tree)
        return;
    for (int i = 0; i < tree->n_objects; i++)
        tw_free(tree->objects[i].name);
    for (int i = 0; i < tree->n_attributes; i++) {
        tw_free(tree->attributes[i].name);
        tw_free(tree->attributes[i].items);
    }
    tw_free(tree->objects);
    tw_free(tree->attributes);
    tw_free(tree);
}

static int add_object(tw_h5_tree *tree, object from, const char *name)
{
    object *grown;

    if (!tree || tree->failed)
        return 0;
    grown = tw_realloc(tree->objects, ((size_t)tree->n_objects + 1) * sizeof *grown);
    if (grown)
        tree->objects = grown;
    if (!grown || !(from.name = tw_strdup(name))) {
        tree->failed = true;
        return 0;
    }
    tree->objects[tree->n_objects] = from;
    return tree->n_objects++;
}

int tw_h5_add_group(tw_h5_tree *tree, int parent, const char *name)
{
    return add_object(tree, (object){.parent = parent}, name);
}

int tw_h5_add_dataset(tw_h5_tree *tree, int parent, const char *name, const tw_tensor *tensor,
                      bool mapped)
{
    return add_object(
        tree, (object){.parent = parent, .is_dataset = true, .mapped = mapped, .tensor = *tensor},
        name);
}

static size_t longest(const char *const *texts, int n)
{
    size_t most = 1;

    for (int i = 0; i < n; i++)
        if (strlen(texts[i]) > most)
            most = strlen(texts[i]);
    return most;
}

static void add_attribute(tw_h5_tree *tree, attribute from, const char *name,
                          const char *const *texts, int n)
{
    attribute *grown;

    if (!tree || tree->failed)
        return;
    from.item_size = longest(texts, n);
    from.name = tw_strdup(name);
    from.items = tw_calloc((size_t)n + 1, from.item_size);
    grown = tw_realloc(tree->attributes, ((size_t)tree->n_attributes + 1) * sizeof *grown);
    if (grown)
        tree->attributes = grown;
    if (!from.name || !from.items || !grown) {
        tw_free(from.name);
        tw_free(from.items);
        tree->failed = true;
        return;
    }
    for (int i = 0; i < n; i++)
        memcpy(from.items + (size_t)i * from.item_size, texts[i], strlen(texts[i]));
    tree->attributes[tree->n_attributes++] = from;
}

void tw_h5_add_string(tw_h5_tree *tree, int to, const char *name, const char *text)
{
    add_attribute(tree, (attribute){.object = to, .n = -1}, name, &text, 1);
}

void tw_h5_add_strings(tw_h5_tree *tree, int to, const char *name, const char *const *texts, int n)
{
    add_attribute(tree, (attribute){.object = to, .n = n}, name, texts, n);
}

/* ---- sizes */

static size_t padded(size_t n)
{
    return (n + 7) & ~(size_t)7;
}

static size_t items_size(const attribute *a)
{
    return (a->n < 0 ? 1 : (size_t)a->n) * a->item_size;
}

static size_t attribute_size(const attribute *a)
{
    return ATTRIBUTE_BYTES + padded(strlen(a->name) + 1) + STRING_TYPE_BYTES + SPACE_BYTES +
           (a->n < 0 ? 0 : 8) + padded(items_size(a));
}

/* Of all messages, with what stands before each. */
static size_t messages_size(const tw_h5_tree *tree, int i)
{
    const object *o = &tree->objects[i];
    size_t n = MESSAGE_BYTES + TABLE_BYTES;

    if (o->is_dataset)
        n = 4 * MESSAGE_BYTES + SPACE_BYTES + (size_t)o->tensor.shape.rank * 8 + FLOAT_TYPE_BYTES +
            FILL_BYTES + PLACE_BYTES;
    for (int k = 0; k < tree->n_attributes; k++)
        if (tree->attributes[k].object == i)
            n += MESSAGE_BYTES + attribute_size(&tree->attributes[k]);
    return n;
}

/* The names of a group's members, and the empty one before them. */
static size_t names_size(const tw_h5_tree *tree, int group)
{
    size_t n = 8;

    for (int i = 1; i < tree->n_objects; i++)
        if (tree->objects[i].parent == group)
            n += padded(strlen(tree->objects[i].name) + 1);
    return n;
}

static int count_members(const tw_h5_tree *tree, int group)
{
    int n = 0;

    for (int i = 1; i < tree->n_objects; i++)
        n += tree->objects[i].parent == group;
    return n;
}

static size_t data_size(const object *o)
{
    return (size_t)tw_shape_size(&o->tensor.shape) * sizeof(float);
}

/* ---- places */

/* Where an object's parts lie. */
typedef struct place {
    size_t header, tree, heap, names, leaf; /* of a group */
    size_t data;                            /* of a dataset */
} place;

/* The file that is made: its headers in memory, the places of everything. */
typedef struct file {
    const tw_h5_tree *tree;
    place *places;
    int *order; /* members of the group at hand, by name */
    int leaf_k;
    size_t n_headers, n_file;
    uint8_t *bytes; /* the headers */
} file;

static void give_places(file *f)
{
    const tw_h5_tree *tree = f->tree;
    size_t at = SUPERBLOCK_BYTES;

    f->leaf_k = MIN_LEAF_K;
    for (int i = 0; i < tree->n_objects; i++)
        if ((count_members(tree, i) + 1) / 2 > f->leaf_k)
            f->leaf_k = (count_members(tree, i) + 1) / 2;
    for (int i = 0; i < tree->n_objects; i++) {
        place *p = &f->places[i];

        p->header = at;
        at += HEADER_BYTES + messages_size(tree, i);
        if (tree->objects[i].is_dataset)
            continue;
        p->tree = at;
        p->heap = p->tree + TREE_BYTES;
        p->names = p->heap + HEAP_BYTES;
        p->leaf = p->names + names_size(tree, i);
        at = p->leaf + LEAF_BYTES + (size_t)f->leaf_k * 2 * ENTRY_BYTES;
    }
    f->n_headers = at;
    for (int i = 0; i < tree->n_objects; i++) {
        if (!tree->objects[i].is_dataset)
            continue;
        f->places[i].data = at;
        at += padded(data_size(&tree->objects[i]));
    }
    f->n_file = at;
}

/* ---- filling */

static uint8_t *put(uint8_t *at, uint64_t value, int n)
{
    for (int i = 0; i < n; i++)
        at[i] = (uint8_t)(value >> (8 * i));
    return at + n;
}

static uint8_t *put_message(uint8_t *at, int type, size_t n)
{
    at = put(at, (uint64_t)type, 2);
    at = put(at, n, 2);
    return put(at, 0, 4);
}

static uint8_t *put_space(uint8_t *at, const int64_t *sides, int rank)
{
    at = put(at, 1, 1);
    at = put(at, (uint64_t)rank, 1);
    at = put(at, 0, 6);
    for (int i = 0; i < rank; i++)
        at = put(at, (uint64_t)sides[i], 8);
    return at;
}

/* IEEE float32, little-endian. */
static uint8_t *put_float_type(uint8_t *at)
{
    static const uint8_t bytes[FLOAT_TYPE_BYTES] = {0x11, 0x20, 0x1f, 0, 4, 0,  0,   0, 0, 0,
                                                    32,   0,    23,   8, 0, 23, 127, 0, 0, 0};

    memcpy(at, bytes, sizeof bytes);
    return at + sizeof bytes;
}

static uint8_t *put_attribute(uint8_t *at, const attribute *a)
{
    const int64_t n = a->n;
    size_t n_name = strlen(a->name) + 1;

    at = put_message(at, ATTRIBUTE, attribute_size(a));
    at = put(at, 1, 2);
    at = put(at, n_name, 2);
    at = put(at, STRING_TYPE_BYTES, 2);
    at = put(at, SPACE_BYTES + (a->n < 0 ? 0 : 8), 2);
    memcpy(at, a->name, n_name);
    at += padded(n_name);
    at = put(at, 0x13, 1); /* string, version 1 */
    at = put(at, 1, 3);    /* filled up with zeros */
    at = put(at, a->item_size, 4);
    at = put_space(at, &n, a->n < 0 ? 0 : 1);
    memcpy(at, a->items, items_size(a));
    return at + padded(items_size(a));
}

static uint8_t *put_dataset(uint8_t *at, const object *o, size_t data_at)
{
    const int rank = o->tensor.shape.rank;

    at = put_message(at, SPACE, SPACE_BYTES + (size_t)rank * 8);
    at = put_space(at, o->tensor.shape.dims, rank);
    at = put_message(at, TYPE, FLOAT_TYPE_BYTES);
    at = put_float_type(at);
    at = put_message(at, FILL, FILL_BYTES);
    at = put(at, 0x01020202, 8); /* version 2, late, if set, defined as the default */
    at = put_message(at, PLACE, PLACE_BYTES);
    at = put(at, 0x0103, 2); /* version 3, contiguous */
    at = put(at, data_at, 8);
    at = put(at, data_size(o), 8);
    return put(at, 0, PLACE_BYTES - 18);
}

static void put_header(const file *f, int i)
{
    const tw_h5_tree *tree = f->tree;
    const place *p = &f->places[i];
    uint8_t *at = f->bytes + p->header;
    int n = tree->objects[i].is_dataset ? 4 : 1;

    for (int k = 0; k < tree->n_attributes; k++)
        n += tree->attributes[k].object == i;
    at = put(at, 1, 2);
    at = put(at, (uint64_t)n, 2);
    at = put(at, 1, 4);
    at = put(at, messages_size(tree, i), 8);
    if (tree->objects[i].is_dataset) {
        at = put_dataset(at, &tree->objects[i], p->data);
    } else {
        at = put_message(at, TABLE, TABLE_BYTES);
        at = put(at, p->tree, 8);
        at = put(at, p->heap, 8);
    }
    for (int k = 0; k < tree->n_attributes; k++)
        if (tree->attributes[k].object == i)
            at = put_attribute(at, &tree->attributes[k]);
}

/* Members of the group in f->order, sorted by name; returns how many. */
static int sort_members(const file *f, int group)
{
    const object *objects = f->tree->objects;
    int n = 0;

    for (int i = 1; i < f->tree->n_objects; i++) {
        int k = n;

        if (objects[i].parent != group)
            continue;
        for (; k > 0 && strcmp(objects[f->order[k - 1]].name, objects[i].name) > 0; k--)
            f->order[k] = f->order[k - 1];
        f->order[k] = i;
        n++;
    }
    return n;
}

/* Heap and leaf; returns where in the heap the last name stands. */
static size_t put_members(const file *f, const place *p, int n)
{
    uint8_t *leaf = f->bytes + p->leaf;
    size_t name_at = 8, last = 0;

    memcpy(leaf, "SNOD", 4);
    leaf = put(leaf + 4, 1, 2);
    leaf = put(leaf, (uint64_t)n, 2);
    for (int i = 0; i < n; i++) {
        const char *name = f->tree->objects[f->order[i]].name;

        memcpy(f->bytes + p->names + name_at, name, strlen(name));
        leaf = put(leaf, name_at, 8);
        leaf = put(leaf, f->places[f->order[i]].header, 8);
        leaf = put(put(put(leaf, 0, 8), 0, 8), 0, 8); /* nothing cached */
        last = name_at;
        name_at += padded(strlen(name) + 1);
    }
    return last;
}

static void put_group(const file *f, int group)
{
    const place *p = &f->places[group];
    const int n = sort_members(f, group);
    uint8_t *at = f->bytes + p->tree;
    size_t last = put_members(f, p, n);

    memcpy(at, "TREE", 4);
    at = put(at + 4, 0, 2); /* a group's, level 0 */
    at = put(at, n > 0, 2);
    at = put(at, UNDEFINED, 8);
    at = put(at, UNDEFINED, 8);
    at = put(at, 0, 8); /* the empty name is before all others */
    at = put(at, n > 0 ? p->leaf : 0, 8);
    put(at, last, 8);

    at = f->bytes + p->heap;
    memcpy(at, "HEAP", 4);
    at = put(at + 4, 0, 4);
    at = put(at, names_size(f->tree, group), 8);
    at = put(at, 1, 8); /* nothing free */
    put(at, p->names, 8);
}

static void put_superblock(const file *f)
{
    static const uint8_t signature[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
    uint8_t *at = f->bytes;

    memcpy(at, signature, sizeof signature);
    at = put(at + sizeof signature, 0, 5); /* versions */
    at = put(at, 8, 1);                    /* bytes of an offset, of a length */
    at = put(at, 8, 2);
    at = put(at, (uint64_t)f->leaf_k, 2);
    at = put(at, INTERNAL_K, 2);
    at = put(at, 0, 4);
    at = put(at, 0, 8);
    at = put(at, UNDEFINED, 8);
    at = put(at, f->n_file, 8);
    at = put(at, UNDEFINED, 8);
    at = put(at, 0, 8);
    at = put(at, f->places[0].header, 8);
    at = put(at, 1, 8); /* the root's B-tree and heap are cached here */
    at = put(at, f->places[0].tree, 8);
    put(at, f->places[0].heap, 8);
}

/* ---- writing */

static tw_status write_data(tw_writer *writer, const object *o, tw_error *err)
{
    static const char zeros[8];
    size_t n = data_size(o);
    tw_status rc = tw_stream_f32(writer, o->tensor.data, tw_shape_size(&o->tensor.shape), NULL,
                                 o->mapped, err);

    return rc ? rc : tw_writer_write(writer, zeros, padded(n) - n, err);
}

static tw_status write_file(const file *f, const char *path, tw_error *err)
{
    tw_writer *writer = NULL;
    tw_status rc = tw_writer_create(&writer, path, err);

    if (rc == TW_OK)
        rc = tw_writer_write(writer, f->bytes, f->n_headers, err);
    for (int i = 0; i < f->tree->n_objects && rc == TW_OK; i++)
        if (f->tree->objects[i].is_dataset)
            rc = write_data(writer, &f->tree->objects[i], err);
    if (rc == TW_OK)
        rc = tw_writer_commit(writer, err);
    tw_writer_free(writer);
    return rc;
}

static tw_status check_attributes(const tw_h5_tree *tree, const char *path, tw_error *err)
{
    for (int i = 0; i < tree->n_attributes; i++)
        if (attribute_size(&tree->attributes[i]) > MAX_ATTRIBUTE_BYTES)
            return tw_fail(err, TW_EUNSUPPORTED,
                           "%s: attribute %s of %s needs %zu bytes, HDF5 has room for %d", path,
                           tree->attributes[i].name, tree->objects[tree->attributes[i].object].name,
                           attribute_size(&tree->attributes[i]), MAX_ATTRIBUTE_BYTES);
    return TW_OK;
}

static bool make_headers(file *f)
{
    give_places(f);
    if (!(f->bytes = tw_calloc(f->n_headers, 1)))
        return false;
    put_superblock(f);
    for (int i = 0; i < f->tree->n_objects; i++) {
        put_header(f, i);
        if (!f->tree->objects[i].is_dataset)
            put_group(f, i);
    }
    return true;
}

tw_status tw_h5_tree_write(const tw_h5_tree *tree, const char *path, tw_error *err)
{
    tw_status rc;
    file f = {.tree = tree};

    if (!tree || tree->failed)
        return tw_fail(err, TW_ENOMEM, "no memory for the groups of %s", path);
    if ((rc = check_attributes(tree, path, err)))
        return rc;
    if (!(f.places = tw_calloc((size_t)tree->n_objects, sizeof *f.places)) ||
        !(f.order = tw_calloc((size_t)tree->n_objects, sizeof *f.order)) || !make_headers(&f)) {
        rc = tw_fail(err, TW_ENOMEM, "no memory for the headers of %s", path);
        goto done;
    }
    rc = write_file(&f, path, err);
done:
    tw_free(f.bytes);
    tw_free(f.order);
    tw_free(f.places);
    return rc;
}
