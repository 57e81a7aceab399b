/*
 * Where a file may be found: the catalogue's addresses, or a mirror, which has it in its folder
 * NAME or beside it. Checksums of unpacked bytes leave it free whether the mirror packs.
 */
#include "base/fail.h"
#include "fetch/fetch_int.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* ---- the mirror */

static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c ? strchr(digits, c | 0x20) : NULL;

    return at ? (int)(at - digits) : -1;
}

/* The path of "file:///a%20b"; false when it is none of this machine. */
static bool parse_file_url(char *out, size_t out_size, const char *url)
{
    size_t n = 0;

    url += strlen("file://");
    if (strncasecmp(url, "localhost/", strlen("localhost/")) == 0)
        url += strlen("localhost");
    if (*url != '/')
        return false;
    for (; *url && n + 1 < out_size; url++) {
        const int high = *url == '%' ? hex_digit(url[1]) : -1;
        const int low = high >= 0 ? hex_digit(url[2]) : -1;

        out[n++] = (char)(low >= 0 ? high * 16 + low : *url);
        url += low >= 0 ? 2 : 0;
    }
    out[n] = '\0';
    return true;
}

static bool begins(const char *text, const char *with)
{
    return strncasecmp(text, with, strlen(with)) == 0;
}

tw_status tw_fetch__source_open(tw_fetch__source *out, const char *from, tw_error *err)
{
    memset(out, 0, sizeof *out);
    if (!from || !*from)
        return TW_OK;
    if (strlen(from) + 2 * TW_FETCH__NAME_SIZE > sizeof out->from)
        return tw_fail(err, TW_EUSAGE, "from: an address of %zu letters is too long", strlen(from));
    snprintf(out->from, sizeof out->from, "%s", from);
    out->is_local = !begins(from, "http://") && !begins(from, "https://");
    if (begins(from, "file://") && !parse_file_url(out->from, sizeof out->from, from))
        return tw_fail(err, TW_EUSAGE, "from: %s is not on this machine, expected file:///PATH",
                       from);
    if (out->is_local && strstr(out->from, "://"))
        return tw_fail(
            err, TW_EUSAGE,
            "from: \"%s\" is neither a folder nor a file://, http:// or https:// address", from);
    if (out->is_local && !tw_path_is_folder(out->from))
        return tw_fail(err, TW_EFILE, "%s: no such folder", out->from);
    for (size_t n = strlen(out->from); n > 1 && out->from[n - 1] == '/'; n--)
        out->from[n - 1] = '\0';
    return TW_OK;
}

/* ---- one file */

static tw_status add(tw_fetch__source *source, const char *folder, const char *below,
                     const char *name, tw_error *err)
{
    tw_fetch__candidate *c = &source->candidates[source->n];
    char url[TW_FETCH__URL_SIZE];
    const int n = snprintf(url, sizeof url, "%s%s%s", folder, below, name);

    if (source->n == TW_FETCH__MAX_CANDIDATES || n < 0 || (size_t)n >= sizeof url)
        return tw_fail(err, TW_EUSAGE, "%s%s%s: too long an address", folder, below, name);
    snprintf(c->url, sizeof c->url, "%s", url);
    snprintf(c->name, sizeof c->name, "%s", name);
    c->is_local = source->is_local;
    source->n++;
    return TW_OK;
}

/* In one folder of the mirror, packed and not. */
static tw_status add_mirrored(tw_fetch__source *source, const char *below,
                              const tw_fetch__file *file, tw_error *err)
{
    char plain[TW_FETCH__NAME_SIZE];
    const tw_status rc = add(source, source->from, below, file->name, err);

    if (rc || !tw_fetch__plain_name(plain, sizeof plain, file))
        return rc;
    return add(source, source->from, below, plain, err);
}

tw_status tw_fetch__source_list(tw_fetch__source *source, const tw_fetch__entry *entry,
                                const tw_fetch__file *file, tw_error *err)
{
    tw_status rc = TW_OK;
    char below[TW_FETCH__NAME_SIZE];

    source->n = 0;
    if (*source->from) {
        snprintf(below, sizeof below, "/%s/", entry->info.name);
        rc = add_mirrored(source, below, file, err);
        return rc ? rc : add_mirrored(source, "/", file, err);
    }
    for (int i = 0; !rc && entry->urls[i]; i++)
        rc = add(source, entry->urls[i], "", file->name, err);
    return rc;
}

tw_status tw_fetch__source_fail_missing(const tw_fetch__source *source,
                                        const tw_fetch__entry *entry, const tw_fetch__file *file,
                                        tw_error *err)
{
    if (*source->from)
        return tw_fail(err, TW_EFILE, "%s: %s%s is neither there nor in %s/ below it", source->from,
                       file->name, file->n_unpacked ? " (or unpacked)" : "", entry->info.name);
    return tw_fail(err, TW_EFILE, "%s: not there any more; --from takes a mirror",
                   source->candidates[source->n - 1].url);
}
