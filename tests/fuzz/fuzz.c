/*
 * The rule of the fuzz targets, and files in memory for the parsers that want a path; see fuzz.h.
 */
#include "fuzz.h"

#include "memory.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { FREE_BYTES = 32 << 20, PATH_SIZE = 256 };

/* A sanitized program takes a few times as long. */
#ifdef TW_SANITIZED
static const double most_seconds = 5;
#else
static const double most_seconds = 1;
#endif

static void fail(const char *what, const char *text, double number, double limit)
{
    fprintf(stderr, "fuzz: %s: \"%s\": %.6g, at most %.6g\n", what, text, number, limit);
    abort();
}

/* ---- files */

static void put(int fd, const uint8_t *data, size_t n)
{
    if (fd < 0 || ftruncate(fd, 0) != 0 || pwrite(fd, data, n, 0) != (ssize_t)n)
        fail("cannot write", "file in memory", (double)n, 0);
}

const char *fuzz_file(const uint8_t *data, size_t n)
{
    static char path[PATH_SIZE];
    static int fd = -1;

    if (fd < 0) {
        fd = memfd_create("input", MFD_CLOEXEC);
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    }
    put(fd, data, n);
    return path;
}

static char folder[PATH_SIZE];

static void remove_folder(void)
{
    char command[PATH_SIZE + 16];

    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (system(command) != 0)
        fprintf(stderr, "fuzz: %s stays behind\n", folder);
}

const char *fuzz_folder(const char *name, const uint8_t *data, size_t n)
{
    char path[2 * PATH_SIZE];
    int fd;

    if (!folder[0]) {
        snprintf(folder, sizeof folder, "%s/tw-fuzz-XXXXXX",
                 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
        if (!mkdtemp(folder))
            fail("cannot create", folder, 0, 0);
        atexit(remove_folder);
    }
    snprintf(path, sizeof path, "%s/%s", folder, name);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    put(fd, data, n);
    close(fd);
    return folder;
}

/* ---- the rule */

static double begun;

static double processor_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void fuzz_begin(void)
{
    begun = processor_seconds();
    fuzz_memory_begin();
}

void fuzz_end(size_t n_input, size_t n_declared)
{
    const double limit = (double)n_input + (double)n_declared + FREE_BYTES;
    const double peak = (double)fuzz_memory_peak(), seconds = processor_seconds() - begun;

    if (peak > limit)
        fail("memory", "bytes", peak, limit);
    if (seconds > most_seconds)
        fail("time", "seconds", seconds, most_seconds);
}

void fuzz_clean(tw_status rc, const tw_error *err, const char *name)
{
    if (rc == TW_OK)
        return;
    if (rc != TW_EFILE || err->code != rc)
        fail(tw_status_name(rc), err->text, (double)rc, TW_EFILE);
    if (!strstr(err->text, name))
        fail("the sentence does not name the file", err->text, 0, 0);
    for (const char *p = err->text; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 127)
            fail("a control character in the sentence", err->text, *p, 0);
}

void fuzz_clean_usage(tw_status rc, const tw_error *err, const char *name)
{
    tw_error as_file = *err;

    if (rc == TW_EUSAGE && err->code == rc)
        rc = as_file.code = TW_EFILE;
    fuzz_clean(rc, &as_file, name);
}

void fuzz_touch(const void *bytes, size_t n)
{
    uint8_t sum = 0;

    for (size_t i = 0; i < n; i++)
        sum = (uint8_t)(sum + ((const uint8_t *)bytes)[i]);
    __asm__ volatile("" : : "r"(sum)); /* the sum is wanted */
}
