/*
 * What the tests of fetching share: a cache folder of the test's own, a catalogue row of its own, a
 * watcher that remembers notes.
 */
#ifndef TW_TESTS_FETCH_FIXTURE_H
#define TW_TESTS_FETCH_FIXTURE_H

#include "base/hash.h"
#include "base/memory.h"
#include "fetch/fetch_int.h"

#include "make_files.h"

enum { N_BODY = 300000 };

/* A row "thing" with one file thing.bin of N_BODY bytes, and where everything is. */
typedef struct fixture {
    uint8_t body[N_BODY];
    char md5[33], sha256[65];
    tw_fetch__file file;
    tw_fetch__entry entry;
    char root[64], folder[128]; /* the cache; thing's folder in it */
} fixture;

static const char *const no_urls[] = {NULL};

static inline fixture *fixture_make(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    char command[256];
    uint32_t random = 1;

    for (size_t i = 0; i < N_BODY; i++)
        f->body[i] = (uint8_t)((random = random * 1664525u + 1013904223u) >> 24);
    assert_ok(tw_md5_hex(f->md5, f->body, N_BODY, e));
    assert_ok(tw_sha256_hex(f->sha256, f->body, N_BODY, e));
    f->file = (tw_fetch__file){.name = "thing.bin", .n_bytes = N_BODY, .md5 = f->md5};
    f->entry = (tw_fetch__entry){
        {"thing", TW_FETCH_OTHER, "none", "nowhere", 1, N_BODY, NULL}, no_urls, &f->file};
    snprintf(f->root, sizeof f->root, "%s/cache", (char *)*state);
    snprintf(f->folder, sizeof f->folder, "%s/topwork/files/thing", f->root);
    snprintf(command, sizeof command, "rm -rf '%s'", (char *)*state);
    assert_int_equal(system(command), 0);
    assert_ok(tw_folder_create(*state, e));
    setenv("XDG_CACHE_HOME", f->root, 1);
    setenv("no_proxy", "*", 1);
    return f;
}

/* FOLDER/<name>; the caller frees. */
static inline char *in_folder(const fixture *f, const char *name)
{
    return path_in(f->folder, name);
}

static inline int64_t size_in_folder(const fixture *f, const char *name)
{
    char *path = in_folder(f, name);
    const int64_t n = tw_path_size(path);

    free(path);
    return n;
}

/* The file is there under its name, byte for byte, and nothing half-done beside it. */
static inline void assert_whole(const fixture *f)
{
    char *path = in_folder(f, "thing.bin"), *text;
    size_t n;

    assert_ok(tw_file_read(&text, &n, path, 2 * N_BODY, e));
    assert_int_equal(n, N_BODY);
    assert_memory_equal(text, f->body, N_BODY);
    assert_int_equal(size_in_folder(f, "thing.bin.part"), -1);
    assert_int_equal(size_in_folder(f, "thing.bin.part.json"), -1);
    tw_free(text);
    free(path);
}

static inline void assert_nothing(const fixture *f)
{
    assert_int_equal(size_in_folder(f, "thing.bin"), -1);
    assert_int_equal(size_in_folder(f, "thing.bin.json"), -1);
}

/* Remembers notes, one a line; says stop once `stop_at` bytes are there. */
typedef struct listener {
    char notes[8192];
    int n_progress;
    int64_t done, total, stop_at; /* 0: never */
} listener;

static inline void listener_hear(void *ctx, const tw_event *event)
{
    listener *l = ctx;
    const size_t n = strlen(l->notes);

    if (event->kind == TW_EVENT_NOTE)
        snprintf(l->notes + n, sizeof l->notes - n, "%s\n", event->text);
    if (event->kind != TW_EVENT_PROGRESS)
        return;
    assert_string_equal(event->phase, "fetch");
    assert_true(event->done <= event->total);
    assert_true(event->rate >= 0);
    l->n_progress++;
    l->done = event->done;
    l->total = event->total;
}

static inline int listener_stop(void *ctx)
{
    const listener *l = ctx;

    return l->stop_at > 0 && l->done >= l->stop_at;
}

static inline tw_watch listen_with(listener *l)
{
    *l = (listener){0};
    return (tw_watch){listener_hear, listener_stop, l};
}

#endif
