/*
 * An HTTP server of the test's own: one thread on 127.0.0.1, one connection after the other, one
 * file, and the ways in which servers fail. The first n_bad answers are as `manner` says, those
 * after them are right.
 */
#ifndef TW_TESTS_HTTP_SERVER_H
#define TW_TESTS_HTTP_SERVER_H

#include "check.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

typedef enum manner {
    RIGHT,         /* length, ETag, ranges */
    CUT,           /* closes after `after` bytes of the body */
    STALL,         /* says nothing more after `after` bytes */
    SLOW,          /* waits for `go` after `after` bytes, then goes on */
    MUTE,          /* takes the request and never answers */
    NO_ANSWER,     /* takes the request and closes */
    NO_RANGES,     /* always the whole, without any mark of the version */
    NO_LENGTH,     /* the whole, its end is the end of the connection */
    STATUS,        /* an error page of `status` */
    REDIRECT,      /* to the same server, /elsewhere/ */
    REDIRECT_EVER, /* to itself */
    REDIRECT_AWAY, /* to file:///etc/passwd */
    TOO_LONG,      /* says it has 9 GB */
    ENDLESS,       /* never ends */
    OTHER_RANGE,   /* 206 of other bytes than were asked for */
    RAW_RANGE,     /* 206 with control characters where the bytes should be said */
    NOTHING        /* 200 with an empty body */
} manner;

typedef struct server {
    const uint8_t *body;
    size_t n;
    const char *etag; /* NULL: Last-Modified only */
    const char *only; /* the path that it has, NULL: any */
    manner manner;
    int n_bad, status;
    size_t after;
    atomic_int n_requests;
    char path[256], range[64], if_range[128]; /* of the last request */
    int fd, port;
    atomic_int end, go;
    pthread_t thread;
} server;

static const char server_date[] = "Wed, 21 Oct 2015 07:28:00 GMT";

static inline bool server_send(int fd, const void *bytes, size_t n)
{
    const char *at = bytes;

    for (; n > 0;) {
        const ssize_t put = send(fd, at, n, MSG_NOSIGNAL);

        if (put <= 0)
            return false;
        at += put;
        n -= (size_t)put;
    }
    return true;
}

/* Until the client goes away, `go` is set, the server ends or the time is over. */
static inline void server_wait(server *s, int fd, int t_ms)
{
    struct pollfd wait = {.fd = fd, .events = POLLRDHUP};

    for (; t_ms > 0 && !atomic_load(&s->end) && !atomic_load(&s->go); t_ms -= 20)
        if (poll(&wait, 1, 20) > 0)
            return;
}

static inline void server_header(char *out, size_t out_size, const char *request, const char *name)
{
    const char *at = strcasestr(request, name);

    out[0] = '\0';
    if (at)
        snprintf(out, out_size, "%.*s", (int)strcspn(at + strlen(name), "\r"), at + strlen(name));
}

static inline bool server_read(server *s, int fd)
{
    char request[4096];
    size_t n = 0;
    ssize_t got;

    do {
        got = recv(fd, request + n, sizeof request - 1 - n, 0);
        if (got <= 0)
            return false;
        n += (size_t)got;
        request[n] = '\0';
    } while (!strstr(request, "\r\n\r\n"));
    server_header(s->path, sizeof s->path, request, "GET ");
    s->path[strcspn(s->path, " ")] = '\0';
    server_header(s->range, sizeof s->range, request, "\r\nRange: ");
    server_header(s->if_range, sizeof s->if_range, request, "\r\nIf-Range: ");
    return true;
}

static inline void server_say(int fd, const char *format, ...)
{
    char text[1024];
    va_list list;

    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    server_send(fd, text, strlen(text));
}

/* Headers of the file from byte `first` on. */
static inline void server_begin(const server *s, int fd, size_t first, long long length)
{
    char mark[256];

    snprintf(mark, sizeof mark, s->etag ? "ETag: %s\r\n" : "Last-Modified: %s\r\n",
             s->etag ? s->etag : server_date);
    if (first > 0)
        server_say(fd, "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes %zu-%zu/%zu\r\n",
                   first, s->n - 1, s->n);
    else
        server_say(fd, "HTTP/1.1 200 OK\r\n");
    if (s->manner != NO_RANGES)
        server_say(fd, "%s", mark);
    if (length >= 0)
        server_say(fd, "Content-Length: %lld\r\n", length);
    server_say(fd, "Connection: close\r\n\r\n");
}

static inline void server_body(server *s, int fd, size_t first, manner how)
{
    size_t n = s->n - first;

    server_begin(s, fd, first, how == NO_LENGTH ? -1 : (long long)n);
    if (how == CUT || how == STALL || how == SLOW) {
        const size_t now = s->after < n ? s->after : n;

        server_send(fd, s->body + first, now);
        first += now;
        n -= now;
    }
    if (how == STALL)
        server_wait(s, fd, 10000);
    if (how == SLOW)
        server_wait(s, fd, 20000);
    if (how != CUT && how != STALL)
        server_send(fd, s->body + first, n);
}

static inline void server_fail(server *s, int fd)
{
    static const char *const targets[] = {"/elsewhere/", "/again/", "file:///etc/passwd"};

    if (s->manner == MUTE)
        server_wait(s, fd, 10000);
    if (s->manner == STATUS)
        server_say(fd, "HTTP/1.1 %d No\r\nContent-Length: 5\r\nConnection: close\r\n\r\nsorry",
                   s->status);
    if (s->manner >= REDIRECT && s->manner <= REDIRECT_AWAY)
        server_say(fd,
                   "HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n"
                   "Connection: close\r\n\r\n",
                   targets[s->manner - REDIRECT]);
    if (s->manner == TOO_LONG)
        server_begin(s, fd, 0, 9000000000);
    if (s->manner == TOO_LONG)
        server_send(fd, s->body, s->n);
    if (s->manner == ENDLESS) {
        server_begin(s, fd, 0, -1);
        while (server_send(fd, s->body, s->n))
            ;
    }
    if (s->manner == OTHER_RANGE)
        server_say(fd,
                   "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 7-9/%zu\r\n"
                   "Content-Length: 3\r\nConnection: close\r\n\r\nxyz",
                   s->n);
    if (s->manner == RAW_RANGE)
        server_say(fd, "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes \033[31m7\a\t\x7f\r\n"
                       "Content-Length: 3\r\nConnection: close\r\n\r\nxyz");
    if (s->manner == NOTHING)
        server_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
}

static inline void server_answer(server *s, int fd)
{
    const bool bad = atomic_fetch_add(&s->n_requests, 1) < s->n_bad;
    const manner how = bad ? s->manner : RIGHT;
    const char *mark = s->etag ? s->etag : server_date;
    size_t first = 0;

    if (s->only && strcmp(s->path, s->only) != 0) {
        server_say(fd, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        return;
    }
    if (how == NO_ANSWER)
        return;
    if (s->manner != NO_RANGES && strcmp(s->if_range, mark) == 0)
        sscanf(s->range, "bytes=%zu-", &first);
    if (bad && (s->manner == MUTE || s->manner >= STATUS))
        server_fail(s, fd);
    else if (first >= s->n)
        server_say(fd,
                   "HTTP/1.1 416 No\r\nContent-Range: bytes */%zu\r\nContent-Length: 0\r\n"
                   "Connection: close\r\n\r\n",
                   s->n);
    else
        server_body(s, fd, first, how);
}

static inline void *server_loop(void *ctx)
{
    server *s = ctx;

    while (!atomic_load(&s->end)) {
        struct pollfd wait = {.fd = s->fd, .events = POLLIN};
        int fd;

        if (poll(&wait, 1, 50) <= 0 || (fd = accept(s->fd, NULL, NULL)) < 0)
            continue;
        if (server_read(s, fd))
            server_answer(s, fd);
        shutdown(fd, SHUT_WR);
        close(fd);
    }
    return NULL;
}

/* Fill body, n and manner first. Prints its address into url (64 bytes). */
static inline void server_start(server *s, char *url)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t n = sizeof address;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(s->fd, 8), 0);
    assert_int_equal(getsockname(s->fd, (struct sockaddr *)&address, &n), 0);
    s->port = ntohs(address.sin_port);
    snprintf(url, 64, "http://127.0.0.1:%d", s->port);
    assert_int_equal(pthread_create(&s->thread, NULL, server_loop, s), 0);
}

static inline void server_stop(server *s)
{
    atomic_store(&s->end, 1);
    pthread_join(s->thread, NULL);
    close(s->fd);
}

#endif
