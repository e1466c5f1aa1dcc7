#include "tests/support/support_proxy.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/prng.h"

#define PROXY_PORTS_MAX 8
#define PROXY_LINES_MAX 64
#define CHUNK 8192
#define LIFE_MS 300     /* of a connection, at most */
#define STALL_CHANCE 64 /* one of so many chunks */
#define STALL_MS 100
#define TICK_MS 10

typedef struct {
    int ends[2]; /* who called, who is called; -1: unused                     */
    struct {
        uint8_t bytes[CHUNK];
        size_t at, size;
    } held[2];      /* read from ends[i], not yet written to the other       */
    int64_t cut_ms; /* when it is cut                                       */
    int64_t still_ms; /* it stands still until then                           */
} proxy_line_t;

struct support_proxy {
    covey_prng_t prng;
    int listeners[PROXY_PORTS_MAX];
    int ports[PROXY_PORTS_MAX];
    size_t port_count;
    proxy_line_t lines[PROXY_LINES_MAX];
    pthread_t thread;
    atomic_bool calm;
    atomic_bool ending;
    atomic_size_t cuts;
    atomic_size_t stalls;
};

/* ------------------------------------------------------------------------ */

static void
s_close (proxy_line_t *line, bool reset)
{
    struct linger hard = {.l_onoff = 1, .l_linger = 0};
    for (int i = 0; i < 2; i++) {
        if (reset)
            (void)setsockopt (line->ends[i], SOL_SOCKET, SO_LINGER, &hard,
                              sizeof hard);
        close (line->ends[i]);
        line->ends[i] = -1;
    }
}

static struct sockaddr_in
s_address (const char *host, int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons ((uint16_t)port)};
    int rc = inet_pton (AF_INET, host, &address.sin_addr);
    assert (rc == 1);
    (void)rc;
    return address;
}

/*  On loopback a connection is there at once, or refused.                   */
static void
s_accept (support_proxy_t *self, size_t index, int64_t now_ms)
{
    int from = accept4 (self->listeners[index], NULL, NULL,
                        SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (from < 0)
        return;
    proxy_line_t *line = self->lines;
    while (line < self->lines + PROXY_LINES_MAX && line->ends[0] >= 0)
        line++;
    assert (line < self->lines + PROXY_LINES_MAX);
    int to = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = s_address ("127.0.0.1", self->ports[index]);
    if (to < 0 ||
        connect (to, (struct sockaddr *)&address, sizeof address) != 0 ||
        fcntl (to, F_SETFL, O_NONBLOCK) != 0) {
        close (to);
        close (from);
        return;
    }
    *line = (proxy_line_t){
        .ends = {from, to},
        .cut_ms = now_ms + (int64_t)covey_prng_below (&self->prng, LIFE_MS)};
}

/*  False: the connection ended.                                             */
static bool
s_read (support_proxy_t *self, proxy_line_t *line, int end, int64_t now_ms)
{
    if (line->held[end].size)
        return true;
    ssize_t size = read (line->ends[end], line->held[end].bytes, CHUNK);
    if (size <= 0)
        return size < 0 && errno == EAGAIN;
    line->held[end].at = 0;
    line->held[end].size = (size_t)size;
    if (self->calm)
        return true;
    if (covey_prng_below (&self->prng, STALL_CHANCE) == 0) {
        line->still_ms =
            now_ms + (int64_t)covey_prng_below (&self->prng, STALL_MS);
        self->stalls++;
    }
    return true;
}

static bool
s_write (proxy_line_t *line, int end)
{
    if (!line->held[end].size)
        return true;
    ssize_t size =
        send (line->ends[!end], line->held[end].bytes + line->held[end].at,
              line->held[end].size, MSG_NOSIGNAL);
    if (size < 0)
        return errno == EAGAIN;
    line->held[end].at += (size_t)size;
    line->held[end].size -= (size_t)size;
    return true;
}

static void
s_forward (support_proxy_t *self, proxy_line_t *line, int64_t now_ms)
{
    bool well = true;
    for (int end = 0; well && end < 2; end++)
        well = s_write (line, end) && s_read (self, line, end, now_ms);
    if (!well)
        s_close (line, false);
}

static void
s_cut (support_proxy_t *self, proxy_line_t *line)
{
    self->cuts++;
    s_close (line, covey_prng_below (&self->prng, 2) == 0);
}

/*  What to wait for at one end: there is something to write to it, or room
    for what comes from it.                                                   */
static short
s_events (const proxy_line_t *line, int end)
{
    return (short)((line->held[!end].size ? POLLOUT : 0) |
                   (line->held[end].size ? 0 : POLLIN));
}

static void *
s_run (void *arg)
{
    support_proxy_t *self = arg;
    while (!self->ending) {
        struct pollfd fds[PROXY_PORTS_MAX + 2 * PROXY_LINES_MAX];
        int64_t now_ms = covey_clock_mono_ms ();
        nfds_t count = 0;
        for (size_t i = 0; i < self->port_count; i++)
            fds[count++] =
                (struct pollfd){.fd = self->listeners[i], .events = POLLIN};
        for (size_t i = 0; i < PROXY_LINES_MAX; i++) {
            const proxy_line_t *line = &self->lines[i];
            bool still = line->ends[0] < 0 || line->still_ms > now_ms;
            for (int end = 0; end < 2; end++)
                fds[count++] =
                    (struct pollfd){.fd = still ? -1 : line->ends[end],
                                    .events = s_events (line, end)};
        }
        (void)poll (fds, count, TICK_MS);
        for (size_t i = 0; i < PROXY_LINES_MAX; i++) {
            const struct pollfd *pair = &fds[self->port_count + 2 * i];
            proxy_line_t *line = &self->lines[i];
            if (pair[0].revents || pair[1].revents)
                s_forward (self, line, now_ms);
            if (line->ends[0] >= 0 && now_ms >= line->cut_ms && !self->calm)
                s_cut (self, line);
        }
        for (size_t i = 0; i < self->port_count; i++)
            if (fds[i].revents)
                s_accept (self, i, now_ms);
    }
    return NULL;
}

/* ------------------------------------------------------------------------ */

support_proxy_t *
support_proxy_new (uint64_t seed)
{
    support_proxy_t *self = covey_mem_new (sizeof *self);
    covey_prng_init (&self->prng, seed);
    for (size_t i = 0; i < PROXY_LINES_MAX; i++)
        self->lines[i].ends[0] = self->lines[i].ends[1] = -1;
    return self;
}

int
support_proxy_listen (support_proxy_t *self, const char *host)
{
    assert (self->port_count < PROXY_PORTS_MAX);
    int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = s_address (host, 0);
    socklen_t size = sizeof address;
    int rc = fd < 0 ? fd : bind (fd, (struct sockaddr *)&address, size);
    if (rc == 0)
        rc = listen (fd, 64);
    if (rc == 0)
        rc = getsockname (fd, (struct sockaddr *)&address, &size);
    assert (rc == 0);
    self->listeners[self->port_count] = fd;
    return self->ports[self->port_count++] = ntohs (address.sin_port);
}

void
support_proxy_start (support_proxy_t *self)
{
    int rc = pthread_create (&self->thread, NULL, s_run, self);
    assert (rc == 0);
    (void)rc;
}

void
support_proxy_destroy (support_proxy_t **self_p)
{
    support_proxy_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    self->ending = true;
    pthread_join (self->thread, NULL);
    for (size_t i = 0; i < PROXY_LINES_MAX; i++)
        if (self->lines[i].ends[0] >= 0)
            s_close (&self->lines[i], false);
    for (size_t i = 0; i < self->port_count; i++)
        close (self->listeners[i]);
    free (self);
}

size_t
support_proxy_cuts (support_proxy_t *self)
{
    return self->cuts;
}

size_t
support_proxy_stalls (support_proxy_t *self)
{
    return self->stalls;
}

void
support_proxy_calm (support_proxy_t *self)
{
    self->calm = true;
}
