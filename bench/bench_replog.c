/*  The replicated log alone: three members, each with a thread, a file of its
   own and TCP to the others, and clients inside the leader that each wait until
    their command of 300 bytes is applied. What a client's own way to the
    coordinator costs comes on top.                                           */
#include <czmq.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench/bench.h"
#include "coordinator/replog.h"
#include "coordinator/replog_store.h"

#define MEMBERS 3
#define CLIENTS_MAX 256
#define VALUE_SIZE 300
#define STATE_KEPT 1000
#define STORED_SIZE 450 /* a command with its request and its client */

typedef struct {
    int i;
    char path[96];
    int ports[MEMBERS];
    zsock_t *in, *out[MEMBERS];
    covey_replog_store_t *store;
    covey_replog_t *log;
    pthread_t thread;
    volatile int *stop;
    /* the leader's clients */
    int clients;
    long left, done;
    int64_t started_ns[CLIENTS_MAX];
    int64_t *samples_ns;
    uint64_t waiting; /* for a change of members                              */
    covey_err_t changed;
    uint64_t ids[MEMBERS];
} s_member_t;

static void
s_node_id (int i, covey_id_t *id)
{
    memset (id->bytes, 'a' + i, 16);
}

/* ---- callbacks --------------------------------------------------------------
 */

static void
s_send (void *arg, const covey_id_t *node_id, const void *data, size_t size)
{
    s_member_t *self = arg;
    zmq_send (zsock_resolve (self->out[node_id->bytes[0] - 'a']), data, size,
              ZMQ_DONTWAIT);
}

static void
s_submit (s_member_t *self, int client)
{
    char value[VALUE_SIZE];
    covey_errbuf_t err;
    memset (value, 'v', sizeof value);
    self->started_ns[client] = bench_now_ns ();
    self->left--;
    if (covey_replog_submit (self->log, value, sizeof value,
                             (uint64_t)client + 1, &err))
        bench_die ("submit", err.text);
}

static void
s_apply (void *arg, uint64_t index, const void *data, size_t size,
         uint64_t ticket)
{
    s_member_t *self = arg;
    (void)index;
    (void)data;
    (void)size;
    if (!ticket)
        return;
    int64_t now_ns = bench_now_ns ();
    self->samples_ns[self->done++] = now_ns - self->started_ns[ticket - 1];
    self->started_ns[ticket - 1] = 0;
}

static void
s_done (void *arg, uint64_t ticket, covey_err_t code, const char *text)
{
    s_member_t *self = arg;
    (void)text;
    if (ticket == self->waiting) {
        self->waiting = 0;
        self->changed = code;
    }
}

static void
s_save (void *arg, covey_buf_t *to)
{
    static char state[STATE_KEPT * VALUE_SIZE];
    (void)arg;
    covey_buf_append (to, state, sizeof state);
}

static covey_err_t
s_load (void *arg, uint64_t index, const void *data, size_t size,
        covey_errbuf_t *err)
{
    (void)arg;
    (void)index;
    (void)data;
    (void)size;
    (void)err;
    return COVEY_OK;
}

static void
s_leads (void *arg, bool leads)
{
    (void)arg;
    (void)leads;
}

/* ---- a member ---------------------------------------------------------------
 */

static void
s_pump (s_member_t *self)
{
    covey_errbuf_t err;
    if (covey_replog_pump (self->log, covey_clock_mono_ms (), &err))
        bench_die ("the log", err.text);
}

/*  Wait for messages or the time, take all that is there, pump.              */
static void
s_turn (s_member_t *self)
{
    int64_t wait_ms = covey_replog_next_ms (self->log) - covey_clock_mono_ms ();
    zmq_pollitem_t item = {zsock_resolve (self->in), 0, ZMQ_POLLIN, 0};
    zmq_poll (&item, 1, wait_ms > 0 ? (long)wait_ms : 0);
    zmq_msg_t message;
    zmq_msg_init (&message);
    while (zmq_msg_recv (&message, zsock_resolve (self->in), ZMQ_DONTWAIT) >= 0)
        covey_replog_receive (self->log, covey_clock_mono_ms (),
                              zmq_msg_data (&message), zmq_msg_size (&message));
    zmq_msg_close (&message);
    s_pump (self);
}

static void *
s_follow (void *arg)
{
    s_member_t *self = arg;
    while (!__atomic_load_n (self->stop, __ATOMIC_RELAXED))
        s_turn (self);
    return NULL;
}

static void
s_open (s_member_t *self, int i, const char *dir)
{
    covey_errbuf_t err;
    covey_replog_config_t config = {.seed = covey_clock_seed (),
                                    .found = i == 0};
    covey_replog_callbacks_t callbacks = {.arg = self,
                                          .send = s_send,
                                          .apply = s_apply,
                                          .done = s_done,
                                          .save = s_save,
                                          .load = s_load,
                                          .leads = s_leads};
    self->i = i;
    s_node_id (i, &config.node_id);
    snprintf (self->path, sizeof self->path, "%s/%d.db", dir, i);
    if (covey_replog_store_sqlite (self->path, &self->store, &err) ||
        covey_replog_open (&config, &callbacks, self->store,
                           covey_clock_mono_ms (), &self->log, &err))
        bench_die ("the log", err.text);
    self->in = zsock_new (ZMQ_PULL);
    if (zsock_bind (self->in, "tcp://127.0.0.1:%d", self->ports[i]) < 0)
        bench_die ("bind", "a port of loopback");
    for (int j = 0; j < MEMBERS; j++) {
        self->out[j] = zsock_new (ZMQ_PUSH);
        if (zsock_connect (self->out[j], "tcp://127.0.0.1:%d", self->ports[j]))
            bench_die ("connect", "a port of loopback");
    }
}

static void
s_close (s_member_t *self)
{
    covey_replog_close (&self->log);
    self->store->klass->close (&self->store);
    zsock_destroy (&self->in);
    for (int j = 0; j < MEMBERS; j++) {
        zsock_set_linger (self->out[j], 0);
        zsock_destroy (&self->out[j]);
    }
}

static void
s_grow (s_member_t *leader)
{
    for (int i = 1; i < MEMBERS; i++)
        for (int promote = 0; promote < 2; promote++)
            do {
                covey_id_t node_id;
                covey_errbuf_t err;
                s_node_id (i, &node_id);
                leader->waiting = 1000000;
                if (promote
                        ? covey_replog_promote (leader->log, leader->ids[i],
                                                leader->waiting, &err)
                        : covey_replog_add (leader->log, leader->ids[i],
                                            &node_id, leader->waiting, &err))
                    bench_die ("members", err.text);
                while (leader->waiting)
                    s_turn (leader);
            } while (leader->changed == COVEY_EAGAIN);
}

/*  `count` commands by `clients`, each waiting for its own.                  */
static void
s_measure (s_member_t *leader, int clients, long count)
{
    char name[64];
    int64_t start_ns = bench_now_ns ();
    leader->left = count;
    leader->done = 0;
    memset (leader->started_ns, 0, sizeof leader->started_ns);
    while (leader->done < count) {
        for (int i = 0; i < clients && leader->left > 0; i++)
            if (!leader->started_ns[i])
                s_submit (leader, i);
        s_pump (leader);
        if (leader->done < count)
            s_turn (leader);
    }
    double seconds = (double)(bench_now_ns () - start_ns) / 1e9;
    snprintf (name, sizeof name, "replog.%d.commits", clients);
    bench_print (name, (double)count / seconds, "/s");
    snprintf (name, sizeof name, "replog.%d", clients);
    bench_print_percentiles (name, leader->samples_ns, (size_t)count);
}

/* ---- the store alone --------------------------------------------------------
 */

/*  A member's file: `count` entries, as many per commit as a batch has; as
   often as by default all of them but the last ones go. */
static void
s_measure_store (const char *dir, uint64_t batch, uint64_t count)
{
    char path[96], name[64], value[STORED_SIZE];
    covey_replog_store_t *store = NULL;
    covey_errbuf_t err;
    covey_replog_entry_t entry = {.term = 1, .kind = 1, .data = value};
    entry.size = sizeof value;
    memset (value, 'v', sizeof value);
    snprintf (path, sizeof path, "%s/store-%d.db", dir, (int)batch);
    if (covey_replog_store_sqlite (path, &store, &err))
        bench_die ("the store", err.text);
    const covey_replog_store_class_t *klass = store->klass;
    double start_us = bench_cpu_us (getpid ());
    int64_t start_ns = bench_now_ns ();
    for (uint64_t index = 1; index <= count; index++) {
        bool more = index % 4096 == 0;
        entry.index = index;
        covey_err_t code = klass->append (store, &entry, &err);
        if (!code && more)
            code = klass->drop_head (store, index - 2048, &more, &err);
        if (!code && index % batch == 0)
            code = klass->commit (store, &err);
        if (code)
            bench_die ("the store", err.text);
    }
    double seconds = (double)(bench_now_ns () - start_ns) / 1e9;
    snprintf (name, sizeof name, "replog.store.%d.entries", (int)batch);
    bench_print (name, (double)count / seconds, "/s");
    double cpu_us = bench_cpu_us (getpid ()) - start_us;
    snprintf (name, sizeof name, "replog.store.%d.cpu", (int)batch);
    bench_print (name, cpu_us / (double)count, "us/entry");
    snprintf (name, sizeof name, "replog.store.%d.commit_cpu", (int)batch);
    bench_print (name, cpu_us * (double)batch / (double)count, "us");
    klass->close (&store);
}

int
main (void)
{
    static s_member_t members[MEMBERS];
    char dir[] = "/tmp/covey-bench-XXXXXX", command[64];
    volatile int stop = 0;
    long count = bench_env ("BENCH_COMMITS", 2000);
    if (!mkdtemp (dir))
        bench_die ("mkdtemp", dir);
    for (int i = 0; i < MEMBERS; i++)
        for (int j = 0; j < MEMBERS; j++)
            members[i].ports[j] = j < i    ? members[0].ports[j]
                                  : i == 0 ? bench_free_port ()
                                           : members[0].ports[j];
    for (int i = 0; i < MEMBERS; i++) {
        members[i].stop = &stop;
        s_open (&members[i], i, dir);
        members[0].ids[i] = covey_replog_member_id (members[i].log);
    }
    members[0].samples_ns =
        calloc ((size_t)count * 20, sizeof *members[0].samples_ns);
    for (int i = 1; i < MEMBERS; i++)
        pthread_create (&members[i].thread, NULL, s_follow, &members[i]);
    s_pump (&members[0]);
    s_grow (&members[0]);
    s_measure (&members[0], 1, count);
    s_measure (&members[0], 64, count * 20);
    s_measure (&members[0], 256, count * 20);
    __atomic_store_n (&stop, 1, __ATOMIC_RELAXED);
    for (int i = 1; i < MEMBERS; i++)
        pthread_join (members[i].thread, NULL);
    for (int i = 0; i < MEMBERS; i++)
        s_close (&members[i]);
    for (uint64_t batch = 1; batch <= 64; batch *= 4)
        s_measure_store (dir, batch, (uint64_t)count * (batch > 1 ? 20 : 4));
    free (members[0].samples_ns);
    snprintf (command, sizeof command, "rm -rf %s", dir);
    return system (command) ? 1 : 0;
}
