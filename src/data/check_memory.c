/*
 * What check and glance remember: a text file a place of data in the cache folder, a line a picture
 * (size, time, hash, look, what is odd, name), "end" and a count below. A picture is as it was when
 * name, size and time are; one that was changed within the last seconds is not remembered, since
 * its next change could have the same time. That a picture was not sound is remembered too, as a
 * reason to read it again. A memory that is damaged, of another version or cannot be had is none.
 * Manifests on standard input have one memory, since they name pictures by absolute paths; what
 * others have left stays in it, up to a number.
 */
#include "base/clock.h"
#include "base/fail.h"
#include "base/file.h"
#include "base/memory.h"
#include "data/check_int.h"
#include "image/image.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_BYTES = 1 << 30, SETTLED_S = 3, MOST_OTHERS = 500000 };
static const char head[] = "topwork check 2\n";

/* Where the memory of the data at path lies. NULL: nowhere (no cache folder, or no memory). */
static char *find_file(const char *path)
{
    const char *shown = tw_spool_shown(path);
    char full[PATH_MAX] = "-", name[48];
    char *folder = NULL, *file = NULL;
    tw_hash128 key;

    if ((shown == path && !realpath(path, full)) || tw_folder_cache(&folder, "checks", "", NULL))
        return NULL;
    key = tw_hash128_of(full, strlen(full), 0);
    snprintf(name, sizeof name, "%016" PRIx64 "%016" PRIx64 ".txt", key.high, key.low);
    if (!tw_folder_create(folder, NULL))
        file = tw_path_join(folder, name);
    tw_free(folder);
    return file;
}

struct tw_data__line {
    tw_data__seen seen;
    const char *name;
    bool is_asked;
};

/* ---- reading */

static int by_name(const void *a, const void *b)
{
    const tw_data__line *x = a, *y = b;

    return strcmp(x->name, y->name);
}

static bool read_line(tw_data__line *out, char *text)
{
    tw_data__seen *s = &out->seen;
    char letters[8], format[8];
    int n = 0;

    *out = (tw_data__line){0};
    if (sscanf(text,
               "%" SCNd64 " %" SCNd64 " %16" SCNx64 "%16" SCNx64 " %16" SCNx64 " %d %d %7s %7s %n",
               &s->size, &s->t_modified_s, &s->key.high, &s->key.low, &s->look, &s->height,
               &s->width, letters, format, &n) != 9 ||
        n == 0 || !text[n])
        return false;
    s->tells = strchr(letters, 't') != NULL;
    s->cmyk = strchr(letters, 'c') != NULL;
    s->alpha = strchr(letters, 'a') != NULL;
    s->deep = strchr(letters, 'd') != NULL;
    s->is_begun = strchr(letters, 'b') != NULL;
    s->is_sound = strchr(letters, 'u') == NULL;
    s->format = tw_picture_find_format(format);
    out->name = text + n;
    return s->format || !s->is_sound;
}

/* Lines of a whole memory, sorted by name; 0 of one that is not whole. */
static size_t read_lines(tw_data__line **out, char *text)
{
    size_t n = 0, n_lines = 0, wanted;
    char *at = text + strlen(head);
    const bool is_mine = strncmp(text, head, strlen(head)) == 0;

    for (const char *c = text; *c; c++)
        n_lines += *c == '\n';
    if (!is_mine || !(*out = tw_calloc(n_lines + 1, sizeof **out)))
        return 0;
    for (char *end; (end = strchr(at, '\n')); at = end + 1) {
        *end = '\0';
        if (sscanf(at, "end %zu", &wanted) == 1) {
            qsort(*out, n, sizeof **out, by_name);
            return n == wanted ? n : 0;
        }
        if (!read_line(&(*out)[n], at))
            return 0;
        n++;
    }
    return 0;
}

void tw_data__memory_open(tw_data__memory *out, const char *path, bool anew)
{
    size_t n;

    *out = (tw_data__memory){.file = find_file(path), .is_shared = tw_spool_shown(path) != path};
    if (!anew && out->file && !tw_file_read(&out->text, &n, out->file, MAX_BYTES, NULL))
        out->n = read_lines(&out->lines, out->text);
}

void tw_data__memory_free(tw_data__memory *memory)
{
    tw_text_free(&memory->fresh);
    tw_free(memory->lines);
    tw_free(memory->text);
    tw_free(memory->file);
    *memory = (tw_data__memory){0};
}

bool tw_data__memory_take(tw_data__seen *out, tw_data__memory *memory, const char *name,
                          const char *path)
{
    const tw_data__line key = {.name = name};
    tw_data__line *found =
        memory->n ? bsearch(&key, memory->lines, memory->n, sizeof key, by_name) : NULL;

    if (!found)
        return false;
    found->is_asked = true;
    if (tw_path_size(path) != found->seen.size || tw_path_mtime(path) != found->seen.t_modified_s)
        return false;
    *out = found->seen;
    return true;
}

/* ---- writing */

static void add_line(tw_data__memory *memory, const tw_data__seen *s, const char *name)
{
    tw_text_add(&memory->fresh,
                "%" PRId64 " %" PRId64 " %016" PRIx64 "%016" PRIx64 " %016" PRIx64
                " %d %d -%s%s%s%s%s%s %s %s\n",
                s->size, s->t_modified_s, s->key.high, s->key.low, s->look, s->height, s->width,
                s->tells ? "t" : "", s->cmyk ? "c" : "", s->alpha ? "a" : "", s->deep ? "d" : "",
                s->is_begun ? "b" : "", s->is_sound ? "" : "u", s->format ? s->format : "-", name);
    memory->n_fresh++;
}

void tw_data__memory_note(tw_data__memory *memory, const tw_data__seen *seen, const char *name)
{
    const bool is_there = seen->t_modified_s >= 0 && (seen->format || !seen->is_sound);

    if (memory->file && is_there && seen->t_modified_s <= tw_clock_unix_s() - SETTLED_S &&
        !strchr(name, '\n') && name[0] != ' ')
        add_line(memory, seen, name);
}

tw_status tw_data__memory_write(tw_data__memory *memory, bool keeps_others, tw_error *err)
{
    tw_text text = {0};
    tw_status rc = TW_OK;

    for (size_t i = 0, n = 0; (keeps_others || memory->is_shared) && i < memory->n; i++)
        if (!memory->lines[i].is_asked && n++ < MOST_OTHERS)
            add_line(memory, &memory->lines[i].seen, memory->lines[i].name);
    if (!memory->file || memory->n_fresh == 0)
        return TW_OK;
    tw_text_add(&text, "%s%s", head, memory->fresh.failed ? "" : memory->fresh.text);
    tw_text_add(&text, "end %zu\n", memory->n_fresh);
    if (text.failed || memory->fresh.failed ||
        tw_file_write(memory->file, text.text, text.n, NULL) == TW_ENOMEM)
        rc = tw_fail(err, TW_ENOMEM, "no memory to remember the pictures");
    tw_text_free(&text);
    return rc;
}
