/*
 * One GET over http or https into the partial file, by libcurl; the only file that knows it.
 *
 * Bytes that are there are asked for no more: Range says where to go on, If-Range with the server's
 * own mark (ETag, else Last-Modified) that it must still be the same version. 206 goes on there,
 * 200 begins anew, whatever the reason. Without a mark nothing is continued. Redirects are followed
 * a few times, to http and https only.
 */
#include "base/clock.h"
#include "base/fail.h"
#include "fetch/fetch_int.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { MAX_REDIRECTS = 5 };

typedef struct exchange {
    tw_fetch__transfer *t;
    CURL *curl;
    tw_status rc; /* what a callback found; the sentence is in err */
    tw_error *err;
    bool begun, refused; /* the body is being taken; it is not what was asked for */
    double t_heard_s;    /* when the server was last heard */
    char etag[TW_FETCH__VALIDATOR_SIZE], modified[TW_FETCH__VALIDATOR_SIZE];
    char range[96]; /* Content-Range */
} exchange;

/* ---- headers */

/* Copies the value of the header `name` of one line. */
static void take_header(char *out, size_t out_size, const char *line, size_t n, const char *name)
{
    const size_t n_name = strlen(name);

    if (n <= n_name || strncasecmp(line, name, n_name) != 0 || line[n_name] != ':')
        return;
    line += n_name + 1;
    n -= n_name + 1;
    while (n > 0 && (*line == ' ' || *line == '\t'))
        line++, n--;
    while (n > 0 && (line[n - 1] == '\r' || line[n - 1] == '\n' || line[n - 1] == ' '))
        n--;
    snprintf(out, out_size, "%.*s", n < out_size ? (int)n : 0, line);
}

static size_t on_header(char *line, size_t one, size_t n, void *ctx)
{
    exchange *x = ctx;

    n *= one;
    x->t_heard_s = tw_clock_s();
    if (n >= 5 && strncmp(line, "HTTP/", 5) == 0) /* of a redirect's target, say */
        x->etag[0] = x->modified[0] = x->range[0] = '\0';
    take_header(x->etag, sizeof x->etag, line, n, "ETag");
    take_header(x->modified, sizeof x->modified, line, n, "Last-Modified");
    take_header(x->range, sizeof x->range, line, n, "Content-Range");
    return n;
}

/* A weak ETag does not promise the same bytes. */
static const char *mark_of(const exchange *x)
{
    return *x->etag && strncmp(x->etag, "W/", 2) != 0 ? x->etag : x->modified;
}

/* ---- the body */

static long status_of(const exchange *x)
{
    long status = 0;

    curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

/* What a server says may go to a terminal. */
static void clean(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = '?';
}

/* 206: it must go on exactly where the part ends. */
static tw_status go_on(exchange *x)
{
    tw_fetch__transfer *t = x->t;
    long long first = -1, last = -1, total = -1;

    if (sscanf(x->range, "bytes %lld-%lld/%lld", &first, &last, &total) >= 2 &&
        first == t->part.size)
        return tw_fetch__transfer_begin(t, first, total, t->validator, x->err);
    clean(x->range);
    t->may_pass = t->is_worthless = true;
    return tw_fail(x->err, TW_EFAIL, "%s: asked for bytes from %lld on, answers with \"%s\"",
                   t->url, (long long)t->part.size, x->range);
}

/* At the first byte of the body; false when it is none of the file's. */
static bool begin(exchange *x)
{
    const long status = status_of(x);
    curl_off_t n = -1;

    x->begun = true;
    if (status == 206) {
        x->rc = go_on(x);
    } else if (status == 200) {
        curl_easy_getinfo(x->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &n);
        x->rc = tw_fetch__transfer_begin(x->t, 0, (int64_t)n, mark_of(x), x->err);
    } else {
        x->refused = true;
    }
    return !x->rc && !x->refused;
}

static size_t on_body(char *bytes, size_t one, size_t n, void *ctx)
{
    exchange *x = ctx;

    x->t_heard_s = tw_clock_s();
    if (!x->begun && !begin(x))
        return 0;
    x->rc = tw_fetch__transfer_take(x->t, bytes, one * n, x->err);
    return x->rc ? 0 : one * n;
}

/* Called about once a second at least, also while nothing comes. */
static int on_progress(void *ctx, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    exchange *x = ctx;
    tw_fetch__transfer *t = x->t;

    (void)a, (void)b, (void)c, (void)d;
    if (x->rc)
        return 1;
    if (tw_watch_should_stop(t->watch))
        x->rc = tw_fetch__transfer_interrupt(t, x->err);
    if (!x->rc && tw_clock_s() - x->t_heard_s > t->timeout_s) {
        t->may_pass = true;
        x->rc = tw_fail(x->err, TW_EFAIL, "%s: silent for %d s after %lld bytes", t->url,
                        t->timeout_s, (long long)t->part.size);
    }
    return x->rc != TW_OK;
}

/* ---- how it ended */

static tw_status fail_status(exchange *x)
{
    tw_fetch__transfer *t = x->t;
    const long status = status_of(x);

    long long total = -1;

    if (status == 416) { /* there is nothing beyond the bytes that are here */
        if (sscanf(x->range, "bytes */%lld", &total) == 1 && total == t->part.size)
            return TW_OK;
        t->may_pass = t->is_worthless = true;
        return tw_fail(x->err, TW_EFAIL, "%s: has not as many as the %lld bytes that are here",
                       t->url, (long long)t->part.size);
    }
    t->is_missing = status == 404 || status == 410;
    t->may_pass = status >= 500 || status == 408 || status == 429;
    t->is_refused = status >= 400 && !t->is_missing && !t->may_pass;
    return tw_fail(x->err, t->is_missing ? TW_EFILE : TW_EFAIL, "%s: HTTP status %ld", t->url,
                   status);
}

/* What of curl's failures may pass, and what it is called here (NULL: as curl calls it). */
static const struct {
    CURLcode code;
    bool may_pass;
    const char *text;
} failures[] = {
    {CURLE_COULDNT_RESOLVE_HOST, false, "its host is not known here"},
    {CURLE_COULDNT_CONNECT, true, "no connection"},
    {CURLE_OPERATION_TIMEDOUT, true, NULL},
    {CURLE_GOT_NOTHING, true, "no answer"},
    {CURLE_SEND_ERROR, true, NULL},
    {CURLE_SSL_CONNECT_ERROR, true, NULL},
    {CURLE_TOO_MANY_REDIRECTS, false, "too many redirects"},
    {CURLE_UNSUPPORTED_PROTOCOL, false, "leads to something other than http or https"},
};

static tw_status fail_curl(exchange *x, CURLcode code)
{
    tw_fetch__transfer *t = x->t;
    const char *text = NULL;

    if (code == CURLE_OUT_OF_MEMORY)
        return tw_fail(x->err, TW_ENOMEM, "%s: no memory to fetch it", t->url);
    if (code == CURLE_PARTIAL_FILE || code == CURLE_RECV_ERROR) {
        t->may_pass = true;
        return tw_fail(x->err, TW_EFAIL, "%s: cut after %lld of %lld bytes", t->url,
                       (long long)t->part.size, (long long)t->progress.total);
    }
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
        if (failures[i].code == code) {
            t->may_pass = failures[i].may_pass;
            text = failures[i].text;
        }
    }
    return tw_fail(x->err, TW_EFAIL, "%s: %s", t->url, text ? text : curl_easy_strerror(code));
}

static tw_status judge(exchange *x, CURLcode code)
{
    if (x->rc)
        return x->rc;
    if (code == CURLE_OK && !x->begun) /* an empty body */
        begin(x);
    if (x->refused)
        return fail_status(x);
    if (x->rc || code == CURLE_OK)
        return x->rc;
    return fail_curl(x, code);
}

/* ---- asking */

static struct curl_slist *set_range(exchange *x)
{
    const tw_fetch__transfer *t = x->t;
    char range[32], header[TW_FETCH__VALIDATOR_SIZE + 16];
    struct curl_slist *headers;

    if (t->part.size == 0 || !*t->validator)
        return NULL;
    snprintf(range, sizeof range, "%lld-", (long long)t->part.size);
    snprintf(header, sizeof header, "If-Range: %s", t->validator);
    if ((headers = curl_slist_append(NULL, header)))
        curl_easy_setopt(x->curl, CURLOPT_RANGE, range);
    return headers;
}

static void set_options(exchange *x)
{
    CURL *curl = x->curl;

    curl_easy_setopt(curl, CURLOPT_URL, x->t->url);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "topwork/" TW_VERSION);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long)MAX_REDIRECTS);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, x);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, x);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, x);
}

tw_status tw_fetch__http(tw_fetch__transfer *transfer, tw_error *err)
{
    tw_status rc;
    struct curl_slist *headers;
    exchange x = {.t = transfer, .err = err, .t_heard_s = tw_clock_s()};

    transfer->progress.total = transfer->file->n_bytes;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return tw_fail(err, TW_ENOMEM, "%s: no memory to fetch it", transfer->url);
    if ((x.curl = curl_easy_init())) {
        set_options(&x);
        headers = set_range(&x);
        curl_easy_setopt(x.curl, CURLOPT_HTTPHEADER, headers);
        rc = judge(&x, curl_easy_perform(x.curl));
        curl_easy_cleanup(x.curl);
        curl_slist_free_all(headers);
    } else {
        rc = tw_fail(err, TW_ENOMEM, "%s: no memory to fetch it", transfer->url);
    }
    curl_global_cleanup();
    return rc;
}
