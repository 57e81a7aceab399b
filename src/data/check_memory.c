/*
 * What the check remembers: a text file a place of data in the cache folder, a line a sound picture
 * (size, time, hash, look, what is odd, name), "end" and a count below. A picture is as it was when
 * name, size and time are; one that was changed within the last seconds is not remembered, since
 * its next change could have the same time. Unsound pictures are read again each time. A memory
 * that is damaged, of another version or cannot be had is none.
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

enum { MAX_BYTES = 1 << 30, SETTLED_S = 3 };
static const char head[] = "topwork check 1\n";

/* Where the memory of the data at path lies. NULL: nowhere (no cache folder, or no memory). */
static char *find_file(const char *path)
{
    char full[PATH_MAX], name[48];
    char *folder = NULL, *file = NULL;
    tw_hash128 key;

    if (!realpath(path, full) || tw_folder_cache(&folder, "checks", "", NULL))
        return NULL;
    key = tw_hash128_of(full, strlen(full), 0);
    snprintf(name, sizeof name, "%016" PRIx64 "%016" PRIx64 ".txt", key.high, key.low);
    if (!tw_folder_create(folder, NULL))
        file = tw_path_join(folder, name);
    tw_free(folder);
    return file;
}

/* ---- reading */

typedef struct line {
    tw_data__seen seen;
    char *name;
} line;

static int by_name(const void *a, const void *b)
{
    const line *x = a, *y = b;

    return strcmp(x->name, y->name);
}

static bool read_line(line *out, char *text)
{
    tw_data__seen *s = &out->seen;
    char letters[8], format[8];
    int n = 0;

    *out = (line){0};
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
    s->format = tw_picture_find_format(format);
    s->is_sound = s->is_remembered = true;
    out->name = text + n;
    return s->format != NULL;
}

/* Lines of a whole memory, sorted by name; 0 of one that is not whole. */
static size_t read_lines(line **out, char *text)
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

static void take_line(tw_check *check, int64_t i, const line *lines, size_t n)
{
    char name[PATH_MAX], *path;
    line key = {.name = name};
    const tw_data__spot *spot = &check->spots[i];
    const line *found;

    if ((size_t)snprintf(name, sizeof name, "%s", tw_data__spot_name(check, i)) >= sizeof name ||
        !(found = bsearch(&key, lines, n, sizeof *lines, by_name)) ||
        tw_data__file_path(&path, spot->data, spot->sample, NULL))
        return;
    if (tw_path_size(path) == found->seen.size && tw_path_mtime(path) == found->seen.t_modified_s) {
        check->seen[i] = found->seen;
        check->n_remembered++;
    }
    tw_free(path);
}

tw_status tw_data__remember(tw_check *check, const char *path, tw_error *err)
{
    char *file = find_file(path), *text = NULL;
    line *lines = NULL;
    size_t n = 0;

    (void)err;
    if (file && !tw_file_read(&text, &n, file, MAX_BYTES, NULL))
        n = read_lines(&lines, text);
    else
        n = 0;
    for (int64_t i = 0; n > 0 && i < check->n; i++)
        if (tw_data__has_files(check->spots[i].data))
            take_line(check, i, lines, n);
    tw_free(lines);
    tw_free(text);
    tw_free(file);
    return TW_OK;
}

/* ---- writing */

static void add_line(tw_text *text, const tw_data__seen *s, const char *name)
{
    tw_text_add(text,
                "%" PRId64 " %" PRId64 " %016" PRIx64 "%016" PRIx64 " %016" PRIx64
                " %d %d -%s%s%s%s %s %s\n",
                s->size, s->t_modified_s, s->key.high, s->key.low, s->look, s->height, s->width,
                s->tells ? "t" : "", s->cmyk ? "c" : "", s->alpha ? "a" : "", s->deep ? "d" : "",
                s->format, name);
}

tw_status tw_data__memorise(const tw_check *check, const char *path, tw_error *err)
{
    const int64_t settled = tw_clock_unix_s() - SETTLED_S;
    char *file = find_file(path);
    tw_text text = {0};
    size_t n = 0;
    tw_status rc = TW_OK;

    tw_text_add(&text, "%s", head);
    for (int64_t i = 0; file && i < check->n; i++) {
        const tw_data__seen *s = &check->seen[i];
        const char *name = tw_data__spot_name(check, i);

        if (!s->is_sound || !s->format || s->t_modified_s > settled || strchr(name, '\n') ||
            name[0] == ' ')
            continue;
        add_line(&text, s, name);
        n++;
    }
    tw_text_add(&text, "end %zu\n", n);
    if (text.failed)
        rc = tw_fail(err, TW_ENOMEM, "no memory to remember the check");
    else if (file && n > 0 && tw_file_write(file, text.text, text.n, NULL) == TW_ENOMEM)
        rc = tw_fail(err, TW_ENOMEM, "no memory to remember the check");
    tw_text_free(&text);
    tw_free(file);
    return rc;
}
