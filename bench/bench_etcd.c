/*  The same work through three etcd servers: clients that put values of 300
    bytes, each waiting for its answer, over the servers' own protocol (gRPC,
    here by nghttp2) and connected to the leader, which is the fastest way.   */

#include <arpa/inet.h>
#include <nghttp2/nghttp2.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/bench.h"

#define SERVERS 3
#define VALUE_SIZE 300
#define WARM_UP 20
#define GRPC_PREFIX 5 /* compressed flag, length */

typedef struct {
    int client_port[SERVERS], peer_port[SERVERS], pid[SERVERS];
    char dir[64];
} s_cluster_t;

static int
s_dial (int port)
{
    int one = 1, fd = socket (AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons ((uint16_t)port)};
    to.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
    if (fd < 0 || connect (fd, (struct sockaddr *)&to, sizeof to) ||
        setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one))
        bench_die ("etcd", "cannot be reached");
    return fd;
}

/* ---- the servers
 * --------------------------------------------------------------- */

static bool
s_start (s_cluster_t *self)
{
    char members[256] = "";
    for (int i = 0; i < SERVERS; i++) {
        self->client_port[i] = bench_free_port ();
        self->peer_port[i] = bench_free_port ();
        size_t used = strlen (members);
        snprintf (members + used, sizeof members - used,
                  "%se%d=http://127.0.0.1:%d", used ? "," : "", i,
                  self->peer_port[i]);
    }
    for (int i = 0; i < SERVERS; i++) {
        char name[8], dir[96], client[64], peer[64];
        snprintf (name, sizeof name, "e%d", i);
        snprintf (dir, sizeof dir, "%s/%s", self->dir, name);
        snprintf (client, sizeof client, "http://127.0.0.1:%d",
                  self->client_port[i]);
        snprintf (peer, sizeof peer, "http://127.0.0.1:%d", self->peer_port[i]);
        const char *const argv[] = {"etcd",  "--name",
                                    name,    "--data-dir",
                                    dir,     "--listen-client-urls",
                                    client,  "--advertise-client-urls",
                                    client,  "--listen-peer-urls",
                                    peer,    "--initial-advertise-peer-urls",
                                    peer,    "--initial-cluster",
                                    members, "--logger",
                                    "zap",   "--log-level",
                                    "error", NULL};
        /* one alone does not serve clients yet, but its peers' port is open */
        if (!bench_server_start (argv, self->peer_port[i], &self->pid[i]))
            return false;
    }
    return true;
}

/*  The number behind `"name":"` in an answer; 0 without one.                */
static unsigned long long
s_number (const char *text, const char *name)
{
    const char *at = strstr (text, name);
    return at ? strtoull (at + strlen (name), NULL, 10) : 0;
}

static bool
s_leads (int port)
{
    static const char ask[] = "POST /v3/maintenance/status HTTP/1.1\r\n"
                              "Host: localhost\r\nContent-Length: 2\r\n"
                              "Connection: close\r\n\r\n{}";
    char text[4096] = "";
    size_t used = 0;
    int fd = s_dial (port);
    if (write (fd, ask, sizeof ask - 1) != (ssize_t)(sizeof ask - 1))
        bench_die ("etcd", "does not take a question");
    ssize_t size;
    while (used < sizeof text - 1 &&
           (size = read (fd, text + used, sizeof text - 1 - used)) > 0)
        used += (size_t)size;
    close (fd);
    unsigned long long leader = s_number (text, "\"leader\":\"");
    return leader && leader == s_number (text, "\"member_id\":\"");
}

static int
s_leader (const s_cluster_t *self)
{
    for (int tries = 0; tries < 1000; tries++) {
        for (int i = 0; i < SERVERS; i++)
            if (s_leads (self->client_port[i]))
                return self->client_port[i];
        usleep (10000);
    }
    bench_die ("etcd", "has no leader after 10 s");
}

/* ---- a client
 * --------------------------------------------------------------- */

typedef struct {
    int number, fd;
    nghttp2_session *http;
    uint8_t body[512];
    size_t body_size, body_sent;
    bool done, ok;
    long count;
    int64_t *samples;
    pthread_t thread;
} s_client_t;

static ssize_t
s_on_send (nghttp2_session *http, const uint8_t *data, size_t size, int flags,
           void *arg)
{
    (void)http;
    (void)flags;
    s_client_t *self = arg;
    ssize_t sent = send (self->fd, data, size, MSG_NOSIGNAL);
    return sent < 0 ? NGHTTP2_ERR_CALLBACK_FAILURE : sent;
}

static int
s_on_header (nghttp2_session *http, const nghttp2_frame *frame,
             const uint8_t *name, size_t name_size, const uint8_t *value,
             size_t size, uint8_t flags, void *arg)
{
    (void)http;
    (void)frame;
    (void)flags;
    if (name_size == 11 && memcmp (name, "grpc-status", 11) == 0)
        ((s_client_t *)arg)->ok = size == 1 && value[0] == '0';
    return 0;
}

static int
s_on_close (nghttp2_session *http, int32_t stream, uint32_t error, void *arg)
{
    (void)http;
    (void)stream;
    s_client_t *self = arg;
    self->done = true;
    self->ok = self->ok && !error;
    return 0;
}

static ssize_t
s_on_body (nghttp2_session *http, int32_t stream, uint8_t *to, size_t room,
           uint32_t *flags, nghttp2_data_source *source, void *arg)
{
    (void)http;
    (void)stream;
    (void)arg;
    s_client_t *self = source->ptr;
    size_t size = self->body_size - self->body_sent;
    if (size > room)
        size = room;
    memcpy (to, self->body + self->body_sent, size);
    self->body_sent += size;
    if (self->body_sent == self->body_size)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)size;
}

/*  PutRequest {key = 1, value = 2} behind gRPC's prefix.                    */
static void
s_write_put (s_client_t *self, long i)
{
    char key[64];
    int key_size =
        snprintf (key, sizeof key, "bench/%03d/%08ld", self->number, i);
    uint8_t *at = self->body + GRPC_PREFIX;
    *at++ = 1 << 3 | 2;
    *at++ = (uint8_t)key_size;
    memcpy (at, key, (size_t)key_size);
    at += key_size;
    *at++ = 2 << 3 | 2;
    *at++ = (uint8_t)(VALUE_SIZE & 127) | 128;
    *at++ = (uint8_t)(VALUE_SIZE >> 7);
    memset (at, 'x', VALUE_SIZE);
    at += VALUE_SIZE;
    self->body_size = (size_t)(at - self->body);
    self->body_sent = 0;
    uint32_t size = htonl ((uint32_t)(self->body_size - GRPC_PREFIX));
    self->body[0] = 0;
    memcpy (self->body + 1, &size, sizeof size);
}

static nghttp2_nv
s_field (const char *name, const char *value)
{
    return (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name,
                        .namelen = strlen (name),
                        .value = (uint8_t *)(uintptr_t)value,
                        .valuelen = strlen (value)};
}

static void
s_put (s_client_t *self, long i)
{
    nghttp2_nv fields[] = {s_field (":method", "POST"),
                           s_field (":scheme", "http"),
                           s_field (":path", "/etcdserverpb.KV/Put"),
                           s_field (":authority", "127.0.0.1"),
                           s_field ("content-type", "application/grpc"),
                           s_field ("te", "trailers")};
    nghttp2_data_provider body = {.source.ptr = self,
                                  .read_callback = s_on_body};
    s_write_put (self, i);
    self->done = self->ok = false;
    if (nghttp2_submit_request (self->http, NULL, fields,
                                sizeof fields / sizeof *fields, &body,
                                NULL) < 0 ||
        nghttp2_session_send (self->http))
        bench_die ("etcd", "does not take a request");
    while (!self->done) {
        uint8_t in[16384];
        ssize_t size = recv (self->fd, in, sizeof in, 0);
        if (size <= 0 ||
            nghttp2_session_mem_recv (self->http, in, (size_t)size) != size ||
            nghttp2_session_send (self->http))
            bench_die ("etcd", "ended the connection");
    }
    if (!self->ok)
        bench_die ("etcd", "refused a put");
}

static void *
s_run (void *arg)
{
    s_client_t *self = arg;
    for (long i = 0; i < self->count; i++) {
        int64_t start = bench_now_ns ();
        s_put (self, i);
        self->samples[i] = bench_now_ns () - start;
    }
    return NULL;
}

static void
s_open (s_client_t *self, int number, int port, long count)
{
    memset (self, 0, sizeof *self);
    self->number = number;
    self->fd = s_dial (port);
    self->samples = calloc ((size_t)count, sizeof *self->samples);
    nghttp2_session_callbacks *callbacks;
    nghttp2_session_callbacks_new (&callbacks);
    nghttp2_session_callbacks_set_send_callback (callbacks, s_on_send);
    nghttp2_session_callbacks_set_on_header_callback (callbacks, s_on_header);
    nghttp2_session_callbacks_set_on_stream_close_callback (callbacks,
                                                            s_on_close);
    nghttp2_session_client_new (&self->http, callbacks, self);
    nghttp2_session_callbacks_del (callbacks);
    nghttp2_submit_settings (self->http, NGHTTP2_FLAG_NONE, NULL, 0);
    self->count = WARM_UP;
    s_run (self);
    self->count = count;
}

static void
s_close (s_client_t *self)
{
    nghttp2_session_del (self->http);
    close (self->fd);
    free (self->samples);
}

static void
s_measure (const s_cluster_t *cluster, int port, int clients, long each)
{
    static s_client_t all[64];
    char name[32];
    bench_meter_t meter = {.count = 0};
    for (int i = 0; i < SERVERS; i++)
        bench_meter_add (&meter, cluster->pid[i]);
    for (int i = 0; i < clients; i++)
        s_open (&all[i], i, port, each);
    bench_meter_start (&meter);
    for (int i = 0; i < clients; i++)
        if (pthread_create (&all[i].thread, NULL, s_run, &all[i]))
            bench_die ("etcd", "no thread");
    for (int i = 0; i < clients; i++)
        pthread_join (all[i].thread, NULL);
    snprintf (name, sizeof name, "etcd.commits_c%d", clients);
    bench_meter_print (&meter, name, (double)clients * (double)each,
                       "commits/s");
    int64_t *samples =
        malloc ((size_t)clients * (size_t)each * sizeof *samples);
    for (int i = 0; i < clients; i++) {
        memcpy (samples + (long)i * each, all[i].samples,
                (size_t)each * sizeof *samples);
        s_close (&all[i]);
    }
    bench_print_percentiles (name, samples, (size_t)clients * (size_t)each);
    free (samples);
}

int
main (void)
{
    long single = bench_env ("BENCH_COMMITS", 3000);
    long many = bench_env ("BENCH_COMMITS_MANY", 40000);
    s_cluster_t cluster = {.dir = "/tmp/covey-bench-etcd-XXXXXX"};
    char command[128];
    if (!mkdtemp (cluster.dir))
        bench_die (cluster.dir, "cannot be made");
    if (s_start (&cluster)) {
        int port = s_leader (&cluster);
        s_measure (&cluster, port, 1, single);
        s_measure (&cluster, port, 64, many / 64);
        for (int i = 0; i < SERVERS; i++)
            bench_server_stop (cluster.pid[i]);
    } else
        fprintf (stderr, "skipped bench_etcd: etcd is not installed\n");
    snprintf (command, sizeof command, "rm -rf %s", cluster.dir);
    if (system (command))
        bench_die (cluster.dir, "cannot be removed");
    return 0;
}
