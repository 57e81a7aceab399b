/*
 * Writing and reading the checkpoint's files; checkpoint.h has the layout. The writer's order:
 *
 *     1. last.ckpt.new is written and synced       a crash leaves the old generations
 *     2. last.ckpt becomes last.ckpt.1             a crash leaves .1 and .new, both whole
 *     3. last.ckpt.new becomes last.ckpt           done once the folder is synced
 *
 * The reader believes nothing: sizes are held against the file's before anything is allocated, and
 * every byte is covered by a checksum.
 */
#include "train/checkpoint.h"

#include "base/fail.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/memory.h"

#include <assert.h>
#include <string.h>

enum { NAME_SIZE = 40, MAX_PARTS = 64, MAX_STATE_BYTES = 64 << 20, WINDOW = 4 << 20 };
static const char magic[8] = "TWCKPT1";
static const char *const newest = "last.ckpt", *const older = "last.ckpt.1",
                         *const coming = "last.ckpt.new";

typedef struct header {
    char magic[8];
    int64_t sequence, n_state, n_parts;
    tw_hash128 checksum; /* of the header before it, state and table */
    int64_t zero[2];
} header;
_Static_assert(sizeof(header) == 64, "the header is 64 bytes");
enum { CHECKED_BYTES = 32 }; /* of the header, before its checksum */

typedef struct entry {
    char name[NAME_SIZE];
    int64_t n_bytes, zero[2];
    tw_hash128 checksum;
} entry;
_Static_assert(sizeof(entry) == 80, "an entry is 80 bytes");

struct tw_checkpoint {
    tw_file file;
    header head;
    tw_json *state;
    entry *table; /* (n_parts) */
    bool is_older;
};

/* ---- checksums */

static tw_hash128 add_bytes(tw_hash128 hash, const void *bytes, size_t n)
{
    return tw_hash128_of(bytes, n, hash.low ^ (hash.high << 1));
}

/* Of a part, window by window. */
static tw_hash128 hash_part(const void *bytes, int64_t n_bytes)
{
    tw_hash128 hash = {0, 0};

    for (int64_t at = 0; at < n_bytes; at += WINDOW) {
        int64_t n = n_bytes - at < WINDOW ? n_bytes - at : WINDOW;
        hash = add_bytes(hash, (const char *)bytes + at, (size_t)n);
    }
    return hash;
}

static tw_hash128 hash_front(const header *head, const char *state, const entry *table)
{
    tw_hash128 hash = add_bytes((tw_hash128){0, 0}, head, CHECKED_BYTES);

    hash = add_bytes(hash, state, (size_t)head->n_state);
    return add_bytes(hash, table, (size_t)head->n_parts * sizeof *table);
}

static bool is_equal(tw_hash128 a, tw_hash128 b)
{
    return a.low == b.low && a.high == b.high;
}

/* ---- writing */

static tw_status write_front(tw_file *file, int64_t sequence, const char *state,
                             const tw_checkpoint_part *parts, int n_parts, tw_error *err)
{
    header head = {.sequence = sequence, .n_state = (int64_t)strlen(state), .n_parts = n_parts};
    entry *table = tw_calloc((size_t)n_parts + 1, sizeof *table);
    tw_status rc;

    assert(n_parts <= MAX_PARTS && head.n_state <= MAX_STATE_BYTES);
    if (!table)
        return tw_fail(err, TW_ENOMEM, "no memory to write %s", file->path);
    memcpy(head.magic, magic, sizeof magic);
    for (int i = 0; i < n_parts; i++) {
        assert(strlen(parts[i].name) < NAME_SIZE);
        strncpy(table[i].name, parts[i].name, NAME_SIZE - 1);
        table[i].n_bytes = parts[i].n_bytes;
        table[i].checksum = hash_part(parts[i].data, parts[i].n_bytes);
    }
    head.checksum = hash_front(&head, state, table);
    if (!(rc = tw_file_append(file, &head, sizeof head, err)) &&
        !(rc = tw_file_append(file, state, (size_t)head.n_state, err)))
        rc = tw_file_append(file, table, (size_t)n_parts * sizeof *table, err);
    tw_free(table);
    return rc;
}

static tw_status write_part(tw_file *file, const tw_checkpoint_part *part, tw_error *err)
{
    tw_status rc = TW_OK;

    for (int64_t at = 0; at < part->n_bytes && !rc; at += WINDOW) {
        int64_t n = part->n_bytes - at < WINDOW ? part->n_bytes - at : WINDOW;
        rc = tw_file_append(file, (const char *)part->data + at, (size_t)n, err);
    }
    return rc;
}

/* Step 1. */
static tw_status write_file(const char *path, int64_t sequence, const char *state,
                            const tw_checkpoint_part *parts, int n_parts, tw_error *err)
{
    tw_status rc;
    tw_file file;

    if ((rc = tw_file_open_append_own(&file, path, err)))
        return rc;
    if (!(rc = tw_file_truncate(&file, 0, err)))
        rc = write_front(&file, sequence, state, parts, n_parts, err);
    for (int i = 0; i < n_parts && !rc; i++)
        rc = write_part(&file, &parts[i], err);
    if (!rc)
        rc = tw_file_sync(&file, err);
    tw_file_close(&file);
    return rc;
}

typedef struct paths {
    char *newest, *older, *coming;
} paths;

static void free_paths(paths *in)
{
    tw_free(in->newest);
    tw_free(in->older);
    tw_free(in->coming);
}

static tw_status make_paths(paths *out, const char *folder, tw_error *err)
{
    out->newest = tw_path_join(folder, newest);
    out->older = tw_path_join(folder, older);
    out->coming = tw_path_join(folder, coming);
    if (out->newest && out->older && out->coming)
        return TW_OK;
    free_paths(out);
    return tw_fail(err, TW_ENOMEM, "no memory for the names of %s/%s", folder, newest);
}

/* Steps 2 and 3. */
static tw_status rotate(const paths *in, tw_error *err)
{
    tw_status rc = TW_OK;

    if (tw_path_exists(in->newest))
        rc = tw_file_move(in->newest, in->older, err);
    return rc ? rc : tw_file_move(in->coming, in->newest, err);
}

/* What is left behind is emptied by the next writer. */
static void remove_quietly(const char *path)
{
    if (tw_file_remove(path, NULL))
        return;
}

tw_status tw_train__checkpoint_write(const char *folder, int64_t sequence, const tw_json *state,
                                     const tw_checkpoint_part *parts, int n_parts, tw_error *err)
{
    tw_status rc;
    paths in;
    char *text = tw_json_dump(state, 0);

    if (!text)
        return tw_fail(err, TW_ENOMEM, "no memory to write %s/%s", folder, newest);
    if ((rc = make_paths(&in, folder, err)))
        goto done;
    if (!(rc = write_file(in.coming, sequence, text, parts, n_parts, err)))
        rc = rotate(&in, err);
    else
        remove_quietly(in.coming);
    free_paths(&in);
done:
    tw_free(text);
    return rc;
}

/* ---- reading */

static tw_status fail_damaged(const tw_checkpoint *in, const char *what, tw_error *err)
{
    return tw_fail(err, TW_EFILE, "%s: %s", in->file.path, what);
}

/* The parts fill the rest of the file exactly. */
static bool has_right_size(const tw_checkpoint *in)
{
    int64_t left = in->file.size - (int64_t)sizeof in->head - in->head.n_state -
                   in->head.n_parts * (int64_t)sizeof *in->table;

    for (int64_t i = 0; i < in->head.n_parts; i++) {
        if (in->table[i].n_bytes < 0 || in->table[i].n_bytes > left)
            return false;
        left -= in->table[i].n_bytes;
    }
    return left == 0;
}

static tw_status read_head(tw_checkpoint *in, tw_error *err)
{
    tw_status rc;
    header *head = &in->head;

    if (in->file.size < (int64_t)sizeof *head)
        return fail_damaged(in, "too short for a checkpoint", err);
    if ((rc = tw_file_pread(&in->file, head, sizeof *head, 0, err)))
        return rc;
    if (memcmp(head->magic, magic, sizeof magic) != 0)
        return fail_damaged(in, "not a checkpoint", err);
    if (head->n_state < 0 || head->n_state > MAX_STATE_BYTES || head->n_parts < 0 ||
        head->n_parts > MAX_PARTS ||
        head->n_state + head->n_parts * (int64_t)sizeof *in->table >
            in->file.size - (int64_t)sizeof *head ||
        head->zero[0] || head->zero[1])
        return fail_damaged(in, "its header is damaged", err);
    return TW_OK;
}

static tw_status read_front(tw_checkpoint *in, tw_error *err)
{
    tw_status rc;
    size_t n_table;
    char *state = NULL;

    if ((rc = read_head(in, err)))
        return rc;
    n_table = (size_t)in->head.n_parts * sizeof *in->table;
    if (!(state = tw_malloc((size_t)in->head.n_state + 1)) ||
        !(in->table = tw_malloc(n_table + 1))) {
        rc = tw_fail(err, TW_ENOMEM, "no memory to read %s", in->file.path);
        goto done;
    }
    if ((rc = tw_file_pread(&in->file, state, (size_t)in->head.n_state, sizeof in->head, err)) ||
        (rc = tw_file_pread(&in->file, in->table, n_table,
                            (int64_t)sizeof in->head + in->head.n_state, err)))
        goto done;
    if (!is_equal(hash_front(&in->head, state, in->table), in->head.checksum))
        rc = fail_damaged(in, "its front has a wrong checksum", err);
    else if (!has_right_size(in))
        rc = fail_damaged(in, "cut off, or longer than it says", err);
    else
        rc = tw_json_parse(&in->state, state, (size_t)in->head.n_state, in->file.path, err);
done:
    tw_free(state);
    return rc;
}

static int64_t find_offset(const tw_checkpoint *in, int64_t part)
{
    int64_t offset =
        (int64_t)sizeof in->head + in->head.n_state + in->head.n_parts * (int64_t)sizeof *in->table;

    for (int64_t i = 0; i < part; i++)
        offset += in->table[i].n_bytes;
    return offset;
}

/* Reads a part into `out`, or through `window` only to check it where out is NULL. */
static tw_status read_part(const tw_checkpoint *in, int64_t part, char *out, char *window,
                           tw_error *err)
{
    const int64_t n_bytes = in->table[part].n_bytes, offset = find_offset(in, part);
    tw_hash128 hash = {0, 0};
    tw_status rc;

    for (int64_t at = 0; at < n_bytes; at += WINDOW) {
        int64_t n = n_bytes - at < WINDOW ? n_bytes - at : WINDOW;
        char *to = out ? out + at : window;

        if ((rc = tw_file_pread(&in->file, to, (size_t)n, offset + at, err)))
            return rc;
        hash = add_bytes(hash, to, (size_t)n);
    }
    if (is_equal(hash, in->table[part].checksum))
        return TW_OK;
    return tw_fail(err, TW_EFILE, "%s: part %.39s has a wrong checksum", in->file.path,
                   in->table[part].name);
}

static tw_status check_parts(const tw_checkpoint *in, tw_error *err)
{
    tw_status rc = TW_OK;
    char *window = tw_malloc(WINDOW);

    if (!window)
        return tw_fail(err, TW_ENOMEM, "no memory to read %s", in->file.path);
    for (int64_t i = 0; i < in->head.n_parts && !rc; i++)
        rc = read_part(in, i, NULL, window, err);
    tw_free(window);
    return rc;
}

/* *out NULL, with TW_OK: no such file. */
static tw_status open_file(tw_checkpoint **out, const char *path, tw_error *err)
{
    tw_status rc;
    tw_checkpoint *in;

    *out = NULL;
    if (!tw_path_exists(path))
        return TW_OK;
    if (!(in = tw_calloc(1, sizeof *in)))
        return tw_fail(err, TW_ENOMEM, "no memory to read %s", path);
    in->file.fd = -1;
    if (!(rc = tw_file_open(&in->file, path, err)) && !(rc = read_front(in, err)) &&
        !(rc = check_parts(in, err))) {
        *out = in;
        in = NULL; /* ownership moved to *out */
    }
    tw_train__checkpoint_close(in);
    return rc;
}

/* What is known of the files that were looked at. */
typedef struct search {
    tw_checkpoint *found;
    const char *path; /* of the one found */
    int n_damaged;
    tw_text *why;
} search;

/* Takes the file if it is whole and newer than what was found. */
static tw_status consider(search *now, const char *path, tw_error *err)
{
    tw_error own;
    tw_checkpoint *in;
    tw_status rc = open_file(&in, path, &own);

    if (rc == TW_ENOMEM) {
        if (err)
            *err = own;
        return rc;
    }
    if (rc) {
        tw_text_add(now->why, "%s%s", now->n_damaged++ ? "; " : "", own.text);
        return TW_OK;
    }
    if (!in)
        return TW_OK;
    if (!now->found || in->head.sequence > now->found->head.sequence) {
        tw_train__checkpoint_close(now->found);
        now->found = in;
        now->path = path;
    } else {
        tw_train__checkpoint_close(in);
    }
    return TW_OK;
}

/* A crash between writing and renaming is made good, so that the next writer empties nothing that
 * is still needed; a half-written one is taken away. */
static tw_status settle(search *now, paths *in, tw_error *err)
{
    tw_status rc;
    char *path = now->found->file.path;

    if (now->path != in->coming)
        return tw_file_remove(in->coming, err);
    if ((rc = tw_file_sync(&now->found->file, err)) || (rc = rotate(in, err)))
        return rc;
    now->found->file.path = in->newest; /* the open file goes by its new name */
    in->newest = path;
    return TW_OK;
}

/* What is damaged and was to be expected is not worth a word: a half-written new one. */
static tw_status search_files(search *now, const paths *in, tw_error *err)
{
    tw_text unfinished = {0};
    tw_text *why = now->why;
    tw_status rc;

    now->why = &unfinished;
    rc = consider(now, in->coming, err);
    now->why = why;
    now->n_damaged = 0;
    tw_text_free(&unfinished);
    if (!rc && !(rc = consider(now, in->newest, err)))
        rc = consider(now, in->older, err);
    return rc;
}

tw_status tw_train__checkpoint_exists(bool *out, const char *folder, tw_error *err)
{
    tw_status rc;
    paths in;

    *out = false;
    if ((rc = make_paths(&in, folder, err)))
        return rc;
    *out = tw_path_exists(in.newest) || tw_path_exists(in.older) || tw_path_exists(in.coming);
    free_paths(&in);
    return TW_OK;
}

tw_status tw_train__checkpoint_open(tw_checkpoint **out, const char *folder, tw_text *why,
                                    tw_error *err)
{
    tw_status rc;
    paths in;
    search now = {.why = why};

    *out = NULL;
    if ((rc = make_paths(&in, folder, err)))
        return rc;
    if ((rc = search_files(&now, &in, err)))
        goto done;
    if (!now.found && now.n_damaged > 0)
        rc = why->failed ? tw_fail(err, TW_EFILE, "%s: no checkpoint is whole", folder)
                         : tw_fail(err, TW_EFILE, "%s", why->text);
    else if (now.found && now.path == in.older && now.n_damaged > 0)
        tw_text_add(why, "; going on from the checkpoint before it");
    else if (now.found)
        why->n = 0; /* an older one is damaged: nothing was lost */
    if (!rc && now.found)
        rc = settle(&now, &in, err);
    if (rc)
        goto done;
    if (now.found)
        now.found->is_older = now.path == in.older;
    *out = now.found;
    now.found = NULL; /* ownership moved to *out */
done:
    tw_train__checkpoint_close(now.found);
    free_paths(&in);
    return rc;
}

void tw_train__checkpoint_close(tw_checkpoint *checkpoint)
{
    if (!checkpoint)
        return;
    tw_file_close(&checkpoint->file);
    tw_json_free(checkpoint->state);
    tw_free(checkpoint->table);
    tw_free(checkpoint);
}

const tw_json *tw_train__checkpoint_state(const tw_checkpoint *checkpoint)
{
    return checkpoint->state;
}

int64_t tw_train__checkpoint_sequence(const tw_checkpoint *checkpoint)
{
    return checkpoint->head.sequence;
}

static int64_t find_part(const tw_checkpoint *in, const char *name)
{
    for (int64_t i = 0; i < in->head.n_parts; i++)
        if (!strncmp(in->table[i].name, name, NAME_SIZE))
            return i;
    return -1;
}

tw_status tw_train__checkpoint_read(const tw_checkpoint *in, const tw_checkpoint_part *parts,
                                    int n_parts, tw_error *err)
{
    tw_status rc = TW_OK;

    for (int i = 0; i < n_parts && !rc; i++) {
        int64_t part = find_part(in, parts[i].name);

        if (part < 0)
            return tw_fail(err, TW_EFILE, "%s: has no %s", in->file.path, parts[i].name);
        if (in->table[part].n_bytes != parts[i].n_bytes)
            return tw_fail(err, TW_EFILE, "%s: its %s are %lld bytes, this run has %lld",
                           in->file.path, parts[i].name, (long long)in->table[part].n_bytes,
                           (long long)parts[i].n_bytes);
        rc = read_part(in, part, parts[i].data, NULL, err);
    }
    return rc;
}

bool tw_train__checkpoint_is_older(const tw_checkpoint *checkpoint)
{
    return checkpoint->is_older;
}

static tw_status remove_file(const char *folder, const char *name, tw_error *err)
{
    tw_status rc;
    char *path = tw_path_join(folder, name);

    rc = path ? tw_file_remove(path, err)
              : tw_fail(err, TW_ENOMEM, "no memory for the name of %s/%s", folder, name);
    tw_free(path);
    return rc;
}

tw_status tw_train__checkpoint_remove_older(const char *folder, tw_error *err)
{
    return remove_file(folder, older, err);
}

tw_status tw_train__checkpoint_remove_newest(const char *folder, tw_error *err)
{
    return remove_file(folder, newest, err);
}
