/*
 * HDF5 groups of the old style (B-tree of symbol-table nodes, names in a local heap): one member by
 * its name, or all of them. Also the superblock, and strings in the global heap.
 *
 * Every name that is kept takes room, of which there is a little more than the file has bytes, and
 * never much: files whose groups share nodes or hold each other come to an end there.
 */
#include "format/h5_int.h"

#include "base/fail.h"
#include "base/memory.h"

#include <string.h>

enum { MAX_NODES = 65536, MAX_LEVEL = 16, MAX_NAME = 1024 };
enum { ENTRY_SIZE = 40, LINK_SOFT = 2 };

tw_status tw_format__h5_open_root(uint64_t *root, const tw_h5_file *file, tw_error *err)
{
    static const uint8_t signature[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
    const uint8_t *d = file->data;
    uint64_t end;

    if (!tw_format__h5_inside(file, 0, 96) || memcmp(d, signature, 8) != 0)
        return tw_fail(err, TW_EFILE, "%s: not an HDF5 file", file->path);
    if (d[8] > 1)
        return tw_fail(err, TW_EFILE, "%s: HDF5 superblock version %d is not supported, only 0",
                       file->path, d[8]);
    if (d[8] == 1)
        return tw_fail(err, TW_EFILE, "%s: HDF5 superblock version 1 is not supported, only 0",
                       file->path);
    if (d[13] != 8 || d[14] != 8)
        return tw_fail(err, TW_EFILE,
                       "%s: HDF5 offsets of %d and lengths of %d bytes, only 8 and 8", file->path,
                       d[13], d[14]);
    (void)tw_format__h5_number(&end, file, 40, 8);
    if (end != file->size)
        return tw_fail(err, TW_EFILE, "%s: should have %llu bytes, has %llu: truncated or padded",
                       file->path, (unsigned long long)end, (unsigned long long)file->size);
    (void)tw_format__h5_number(root, file, 64, 8);
    return TW_OK;
}

/* A search for one name in one group, or (name NULL) for all of them. */
typedef struct search {
    const tw_h5_file *file;
    tw_h5_members *all; /* gets all members where there is no name */
    const char *object, *name;
    size_t n_name;
    uint64_t names_at, names_size; /* data of the local heap */
    int n_nodes;                   /* visited so far */
    bool found;
    uint64_t header;
} search;

static tw_status open_heap(search *s, uint64_t heap, tw_error *err)
{
    const tw_h5_file *file = s->file;

    if (!tw_format__h5_inside(file, heap, 32) || memcmp(file->data + heap, "HEAP", 4) != 0)
        return tw_format__h5_broken(file, s->object, "no local heap", heap, err);
    (void)tw_format__h5_number(&s->names_size, file, heap + 8, 8);
    (void)tw_format__h5_number(&s->names_at, file, heap + 24, 8);
    if (!tw_format__h5_inside(file, s->names_at, s->names_size))
        return tw_format__h5_broken(file, s->object, "local heap longer than the file", heap, err);
    return TW_OK;
}

static bool is_name(const search *s, uint64_t offset)
{
    const uint8_t *name;

    if (offset >= s->names_size || s->names_size - offset <= s->n_name)
        return false;
    name = s->file->data + s->names_at + offset;
    return memcmp(name, s->name, s->n_name) == 0 && name[s->n_name] == 0;
}

static tw_status fail_link(const search *s, const char *name, size_t n, tw_error *err)
{
    return tw_fail(err, TW_EFILE, "%s: %s: a soft link (%.*s) is not supported", s->file->path,
                   s->object, (int)n, name);
}

/* Takes the entry where it is the wanted one. */
static tw_status match_entry(search *s, uint64_t entry, tw_error *err)
{
    uint64_t name, kind;

    (void)tw_format__h5_number(&name, s->file, entry, 8);
    if (!is_name(s, name))
        return TW_OK;
    (void)tw_format__h5_number(&kind, s->file, entry + 16, 4);
    if (kind == LINK_SOFT)
        return fail_link(s, s->name, s->n_name, err);
    (void)tw_format__h5_number(&s->header, s->file, entry + 8, 8);
    s->found = true;
    return TW_OK;
}

/* Appends the entry to the list of all members. */
static tw_status list_entry(search *s, uint64_t entry, tw_error *err)
{
    const tw_h5_file *file = s->file;
    const char *name;
    uint64_t offset, kind;
    size_t n;
    tw_h5_member *grown, *member;
    tw_status rc;

    (void)tw_format__h5_number(&offset, file, entry, 8);
    (void)tw_format__h5_number(&kind, file, entry + 16, 4);
    if (offset >= s->names_size)
        return tw_format__h5_broken(file, s->object, "member without a name", entry, err);
    name = (const char *)file->data + s->names_at + offset;
    n = strnlen(name, s->names_size - offset);
    if (n == 0 || n == s->names_size - offset || n > MAX_NAME)
        return tw_format__h5_broken(file, s->object, "member without a name", entry, err);
    if (kind == LINK_SOFT)
        return fail_link(s, name, n, err);
    if ((rc = tw_format__h5_take_room(file, s->object, sizeof *member + n + 1 + TW_FORMAT__H5_BLOCK,
                                      err)))
        return rc;
    if ((s->all->n & (s->all->n - 1)) == 0) { /* full: it grows at each power of two */
        if (!(grown = tw_realloc(s->all->items, (2 * s->all->n + 1) * sizeof *grown)))
            return tw_fail(err, TW_ENOMEM, "no memory for the names in %s", file->path);
        s->all->items = grown;
    }
    member = &s->all->items[s->all->n];
    if (!(member->name = tw_malloc(n + 1)))
        return tw_fail(err, TW_ENOMEM, "no memory for the names in %s", file->path);
    memcpy(member->name, name, n);
    member->name[n] = '\0';
    (void)tw_format__h5_number(&member->header, file, entry + 8, 8);
    s->all->n++;
    return TW_OK;
}

/* A symbol-table node: up to 2^16 entries of 40 bytes. */
static tw_status search_leaf(search *s, uint64_t at, tw_error *err)
{
    const tw_h5_file *file = s->file;
    tw_status rc = TW_OK;
    uint64_t n;

    if (!tw_format__h5_inside(file, at, 8) || memcmp(file->data + at, "SNOD", 4) != 0)
        return tw_format__h5_broken(file, s->object, "no symbol-table node", at, err);
    (void)tw_format__h5_number(&n, file, at + 6, 2);
    if (!tw_format__h5_inside(file, at + 8, n * ENTRY_SIZE))
        return tw_format__h5_broken(file, s->object, "symbol table longer than the file", at, err);
    if ((rc = tw_format__h5_take_work(file, s->object, n + 1, err)))
        return rc;
    for (uint64_t i = 0; i < n && !s->found && rc == TW_OK; i++)
        rc = s->name ? match_entry(s, at + 8 + ENTRY_SIZE * i, err)
                     : list_entry(s, at + 8 + ENTRY_SIZE * i, err);
    return rc;
}

/* A B-tree node and all below it; `level` must fall by one a step, so the depth is bounded. */
static tw_status search_node(search *s, uint64_t at, int level, tw_error *err)
{
    const tw_h5_file *file = s->file;
    tw_status rc = TW_OK;
    uint64_t kind, own_level, n;

    if (++s->n_nodes > MAX_NODES)
        return tw_format__h5_broken(file, s->object, "group with too many nodes", at, err);
    if ((rc = tw_format__h5_take_work(file, s->object, 1, err)))
        return rc;
    if (!tw_format__h5_inside(file, at, 24) || memcmp(file->data + at, "TREE", 4) != 0)
        return tw_format__h5_broken(file, s->object, "no group tree", at, err);
    (void)tw_format__h5_number(&kind, file, at + 4, 1);
    (void)tw_format__h5_number(&own_level, file, at + 5, 1);
    (void)tw_format__h5_number(&n, file, at + 6, 2);
    if (kind != 0 || own_level > MAX_LEVEL || (level >= 0 && own_level != (uint64_t)level) ||
        !tw_format__h5_inside(file, at + 24, n * 16))
        return tw_format__h5_broken(file, s->object, "bad group tree", at, err);
    for (uint64_t i = 0; i < n && !s->found && rc == TW_OK; i++) {
        uint64_t child;
        (void)tw_format__h5_number(&child, file, at + 24 + 16 * i + 8, 8);
        if (own_level > 0)
            rc = search_node(s, child, (int)own_level - 1, err);
        else if (++s->n_nodes > MAX_NODES)
            rc = tw_format__h5_broken(file, s->object, "group with too many nodes", at, err);
        else
            rc = search_leaf(s, child, err);
    }
    return rc;
}

static tw_status run_search(search *s, const tw_h5_object *group, tw_error *err)
{
    tw_status rc;

    if (!group->is_group)
        return tw_fail(err, TW_EFILE, "%s: %s: not a group", s->file->path, s->object);
    if ((rc = open_heap(s, group->heap, err)))
        return rc;
    return search_node(s, group->btree, -1, err);
}

tw_status tw_format__h5_member(uint64_t *header, bool *found, const tw_h5_file *file,
                               const tw_h5_object *group, const char *object, const char *name,
                               size_t n, tw_error *err)
{
    search s = {.file = file, .object = object, .name = name, .n_name = n};
    tw_status rc = run_search(&s, group, err);

    *found = rc == TW_OK && s.found;
    *header = s.header;
    return rc;
}

tw_status tw_format__h5_list(tw_h5_members *out, const tw_h5_file *file, const tw_h5_object *group,
                             const char *object, tw_error *err)
{
    search s = {.file = file, .object = object, .all = out};

    *out = (tw_h5_members){0};
    return run_search(&s, group, err);
}

void tw_format__h5_free_members(tw_h5_members *members)
{
    for (size_t i = 0; i < members->n; i++)
        tw_free(members->items[i].name);
    tw_free(members->items);
    *members = (tw_h5_members){0};
}

/* A variable-length element: u32 length, u64 address of its global heap collection, u32 index. */
static tw_status find_in_global_heap(uint64_t *at, uint64_t *length, const tw_h5_file *file,
                                     uint64_t element, const char *object, tw_error *err)
{
    uint64_t heap, wanted, size, place;

    (void)tw_format__h5_number(length, file, element, 4);
    (void)tw_format__h5_number(&heap, file, element + 4, 8);
    (void)tw_format__h5_number(&wanted, file, element + 12, 4);
    if (!tw_format__h5_inside(file, heap, 16) || memcmp(file->data + heap, "GCOL", 4) != 0)
        return tw_format__h5_broken(file, object, "no global heap", heap, err);
    (void)tw_format__h5_number(&size, file, heap + 8, 8);
    if (!tw_format__h5_inside(file, heap, size) || size < 16)
        return tw_format__h5_broken(file, object, "global heap longer than the file", heap, err);
    for (place = heap + 16; place + 16 <= heap + size;) {
        uint64_t index, n;
        tw_status rc = tw_format__h5_take_work(file, object, 1, err);
        if (rc)
            return rc;
        (void)tw_format__h5_number(&index, file, place, 2);
        (void)tw_format__h5_number(&n, file, place + 8, 8);
        if (index == 0 || n > heap + size - place - 16)
            break;
        if (index == wanted) {
            *at = place + 16;
            if (*length > n)
                break;
            return TW_OK;
        }
        place += 16 + ((n + 7) & ~(uint64_t)7);
    }
    return tw_format__h5_broken(file, object, "string missing in the global heap", heap, err);
}

tw_status tw_format__h5_string(char **out, const tw_h5_file *file, const tw_h5_attribute *attribute,
                               uint64_t i, const char *object, tw_error *err)
{
    tw_status rc;
    uint64_t at = attribute->data_at + i * attribute->item_size, n = attribute->item_size;

    *out = NULL;
    if (attribute->class_id != 3 && (attribute->class_id != 9 || attribute->item_size != 16))
        return tw_fail(err, TW_EFILE, "%s: %s: names are not strings (datatype class %d)",
                       file->path, object, attribute->class_id);
    if (attribute->class_id == 9 && (rc = find_in_global_heap(&at, &n, file, at, object, err)))
        return rc;
    n = strnlen((const char *)file->data + at, n);
    if (n > MAX_NAME)
        return tw_fail(err, TW_EFILE, "%s: %s: a name of %llu letters, %d are allowed", file->path,
                       object, (unsigned long long)n, MAX_NAME);
    if ((rc =
             tw_format__h5_take_room(file, object, sizeof *out + n + 1 + TW_FORMAT__H5_BLOCK, err)))
        return rc;
    if (!(*out = tw_malloc(n + 1)))
        return tw_fail(err, TW_ENOMEM, "no memory for the names in %s", file->path);
    memcpy(*out, file->data + at, n);
    (*out)[n] = '\0';
    return TW_OK;
}
