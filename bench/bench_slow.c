/*  One agent of several stands still under full load, with broadcasts and with
    events for it alone: what do the others and the nodes feel of it, and is
    every loss counted and announced?

    The publisher with its node, the subscribers' node and each subscriber are
    processes of their own. The slow one reads nothing for BENCH_SLOW_S
    seconds (with BENCH_SLOW_STOP=1 its process is stopped), between a quarter
    of that time, at least a second, before and after it. Exit status 1: the
    accounts of a subscriber do not balance.                                  */

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/bench.h"
#include "covey.h"

#define SUBSCRIBERS 4 /* the first one becomes slow */
#define BODY_SIZE 200 /* an event of about 300 bytes */
#define BATCH 64
#define SAMPLE_MS 100
#define SETTLE_MS 60000
#define GRACE_MS 300000
#define WAIT_MS 300000 /* for room; longer than the slow one is slow */
#define NS_PER_MS 1000000

/* ------------------------------------------------------------------------ */
/*  A subscriber: counts                                                      */

typedef struct {
    _Atomic uint64_t broadcasts, announced, targeted;
} slow_counts_t;

static covey_err_t
s_on_broadcast (covey_agent_t *agent, const covey_event_t *event, void *arg)
{
    (void)agent;
    (void)event;
    slow_counts_t *counts = arg;
    counts->broadcasts++;
    return COVEY_OK;
}

static covey_err_t
s_on_message (covey_agent_t *agent, const covey_event_t *event, void *arg)
{
    (void)agent;
    (void)event;
    slow_counts_t *counts = arg;
    counts->targeted++;
    return COVEY_OK;
}

static void
s_on_notice (covey_agent_t *agent, const covey_notice_t *notice, void *arg)
{
    (void)agent;
    slow_counts_t *counts = arg;
    if (notice->kind == COVEY_NOTICE_GAP)
        counts->announced += strtoull (notice->text, NULL, 10);
}

static void
s_subscriber (int in, int out, void *arg)
{
    char endpoint[256], line[128], id[32];
    slow_counts_t counts = {0};
    snprintf (id, sizeof id, "subscriber-%d", *(int *)arg);
    bench_read_line (in, endpoint, sizeof endpoint);
    covey_agent_t *agent = covey_agent_new (id, "subscriber");
    covey_agent_on_message (agent, s_on_message, &counts);
    covey_agent_on_notice (agent, s_on_notice, &counts);
    /* One that is stopped is silent; it gets what was held for it all the
       same when it comes back. */
    bench_check (covey_agent_set_grace (agent, GRACE_MS), "grace");
    bench_check (covey_agent_connect (agent, endpoint, 10000), "connect");
    bench_check (covey_agent_start (agent), "start");
    int type = COVEY_EVENT_SYSTEM_INFO;
    covey_filter_t filter = {.types = &type, .type_count = 1};
    uint32_t handle;
    bench_check (covey_agent_subscribe (agent, &filter, NULL, s_on_broadcast,
                                        &counts, &handle),
                 "subscribe");
    bench_write_line (out, "ready");
    for (;;) { /* until the other end closes                                  */
        char byte;
        if (read (in, &byte, 1) != 1)
            break;
        if (byte == 'p')
            bench_check (covey_agent_pause (agent), "pause");
        else if (byte == 'r')
            bench_check (covey_agent_resume (agent), "resume");
        if (byte != '\n')
            continue;
        snprintf (
            line, sizeof line, "%lu %lu %lu", (unsigned long)counts.broadcasts,
            (unsigned long)counts.announced, (unsigned long)counts.targeted);
        bench_write_line (out, line);
    }
    covey_agent_destroy (&agent);
}

/* ------------------------------------------------------------------------ */
/*  Nodes                                                                     */

static covey_node_t *
s_node (const char *name, const char *join)
{
    char queue[32]; /* events that may wait for one agent                     */
    covey_node_t *node = covey_node_new (name);
    bench_check (covey_node_set (node, "listen", "127.0.0.1:0"), "listen");
    bench_check (covey_node_set (node, "sessionTcp", "127.0.0.1:0"), "tcp");
    /* A journal in memory would grow with what is published. */
    bench_check (covey_node_set (node, "persistAll", "false"), "persistAll");
    snprintf (queue, sizeof queue, "%ld",
              bench_env ("BENCH_SLOW_QUEUE", 65536));
    bench_check (covey_node_set (node, "sessionEvents", queue), "queue");
    if (join)
        bench_check (covey_node_set (node, "join", join), "join");
    bench_check (covey_node_start (node, 10000), "start");
    return node;
}

static void
s_far (int in, int out, void *arg)
{
    (void)arg;
    char join[128], line[8];
    bench_read_line (in, join, sizeof join);
    covey_node_t *node = s_node ("far", join);
    bench_check (covey_node_wait_nodes (node, 2, 10000), "nodes");
    bench_write_line (out, covey_node_session_endpoint (node));
    while (read (in, line, sizeof line) > 0) {
    }
    covey_node_destroy (&node);
}

/* ------------------------------------------------------------------------ */
/*  The publisher                                                             */

typedef struct {
    covey_node_t *node;
    /* One for each stream of targeted events, as what waits for room holds up
       what its publisher says next, and the last one for broadcasts. */
    covey_agent_t *agents[SUBSCRIBERS + 1];
    bench_child_t far, subscribers[SUBSCRIBERS];
    pthread_t threads[SUBSCRIBERS + 1];
    atomic_bool ending;
    _Atomic uint64_t broadcasts, told;
    _Atomic uint64_t targeted[SUBSCRIBERS];
    _Atomic uint64_t refused; /* targeted, no room: tried again               */
} slow_t;

typedef struct {
    slow_t *run;
    int to;
} slow_sender_t;

static void
s_on_told (covey_agent_t *agent, const covey_notice_t *notice, void *arg)
{
    (void)agent;
    slow_t *self = arg;
    self->told += notice->kind == COVEY_NOTICE_UNDELIVERED;
}

static void *
s_broadcast (void *arg)
{
    slow_t *self = arg;
    covey_agent_t *agent = self->agents[SUBSCRIBERS];
    static const char body[BODY_SIZE] = "x";
    while (!self->ending) {
        covey_event_t *event = covey_event_new (COVEY_EVENT_SYSTEM_INFO);
        bench_check (covey_event_set_str (event, "component", "b"),
                     "component");
        bench_check (covey_event_set_str (event, "message", "m"), "message");
        bench_check (covey_event_set_payload (event, "details",
                                              COVEY_CONTENT_BINARY, body,
                                              sizeof body),
                     "details");
        covey_err_t code = covey_agent_post (agent, &event);
        if (code && code != COVEY_EAGAIN)
            bench_check (code, "post");
        self->broadcasts += code == COVEY_OK;
        if (code || self->broadcasts % BATCH == 0)
            bench_check (
                covey_agent_flush (agent, COVEY_LEVEL_ACCEPTED, SETTLE_MS),
                "flush");
    }
    return NULL;
}

static void *
s_send (void *arg)
{
    const slow_sender_t *sender = arg;
    slow_t *self = sender->run;
    static const char body[BODY_SIZE] = "x";
    char to[32];
    snprintf (to, sizeof to, "subscriber-%d", sender->to);
    while (!self->ending) {
        covey_err_t code =
            covey_agent_send (self->agents[sender->to], to,
                              COVEY_CONTENT_BINARY, body, sizeof body, WAIT_MS);
        if (code && code != COVEY_EAGAIN)
            bench_check (code, "send");
        self->targeted[sender->to] += code == COVEY_OK;
        self->refused += code != COVEY_OK;
    }
    return NULL;
}

/*  Broadcasts, announced and targeted that a subscriber has seen; "p" pauses
    it, "r" resumes it.                                                       */
static void
s_counts (const slow_t *self, int i, const char *command,
          unsigned long counts[3])
{
    char line[128];
    bench_write_line (self->subscribers[i].to_child, command);
    bench_read_line (self->subscribers[i].from_child, line, sizeof line);
    if (sscanf (line, "%lu %lu %lu", &counts[0], &counts[1], &counts[2]) != 3)
        bench_die (line, "are no counts");
}

typedef struct {
    double rate; /* deliveries/s to each of the others                        */
    double near_kb, far_kb; /* the most                                       */
} slow_phase_t;

static slow_phase_t
s_measure (const slow_t *self, int64_t ms)
{
    slow_phase_t phase = {0};
    unsigned long before[SUBSCRIBERS][3], after[SUBSCRIBERS][3];
    int64_t start = bench_now_ns ();
    for (int i = 1; i < SUBSCRIBERS; i++)
        s_counts (self, i, "", before[i]);
    while (bench_now_ns () - start < ms * NS_PER_MS) {
        double near_kb = bench_rss_kb (getpid ());
        double far_kb = bench_rss_kb (self->far.pid);
        phase.near_kb = near_kb > phase.near_kb ? near_kb : phase.near_kb;
        phase.far_kb = far_kb > phase.far_kb ? far_kb : phase.far_kb;
        usleep (SAMPLE_MS * 1000);
    }
    double seconds = (double)(bench_now_ns () - start) / 1e9;
    for (int i = 1; i < SUBSCRIBERS; i++) {
        s_counts (self, i, "", after[i]);
        phase.rate +=
            (double)(after[i][0] - before[i][0] + after[i][2] - before[i][2]) /
            seconds / (SUBSCRIBERS - 1);
    }
    return phase;
}

/*  Stopped as a process, or awake and reading nothing.                       */
static void
s_hold (const slow_t *self, bool hold)
{
    unsigned long counts[3];
    if (bench_env ("BENCH_SLOW_STOP", 0))
        kill (self->subscribers[0].pid, hold ? SIGSTOP : SIGCONT);
    else
        s_counts (self, 0, hold ? "p" : "r", counts);
}

/* ------------------------------------------------------------------------ */

static void
s_open (slow_t *self)
{
    static int numbers[SUBSCRIBERS];
    char line[256];
    self->far = bench_fork (s_far, NULL); /* before any thread               */
    for (int i = 0; i < SUBSCRIBERS; i++) {
        numbers[i] = i;
        self->subscribers[i] = bench_fork (s_subscriber, &numbers[i]);
    }
    self->node = s_node ("near", NULL);
    bench_write_line (self->far.to_child, covey_node_endpoint (self->node));
    bench_read_line (self->far.from_child, line, sizeof line);
    for (int i = 0; i < SUBSCRIBERS; i++)
        bench_write_line (self->subscribers[i].to_child, line);
    for (int i = 0; i < SUBSCRIBERS; i++)
        bench_read_line (self->subscribers[i].from_child, line, sizeof line);
    for (int i = 0; i <= SUBSCRIBERS; i++) {
        snprintf (line, sizeof line, "publisher-%d", i);
        self->agents[i] = covey_agent_new (line, "publisher");
        covey_agent_on_notice (self->agents[i], s_on_told, self);
        bench_check (covey_agent_attach (self->agents[i], self->node, 10000),
                     "attach");
        bench_check (covey_agent_start (self->agents[i]), "start");
    }
    bench_check (
        covey_node_wait_agents (self->node, 2 * SUBSCRIBERS + 1, 10000),
        "agents");
}

static void
s_start (slow_t *self)
{
    static slow_sender_t senders[SUBSCRIBERS];
    int rc =
        pthread_create (&self->threads[SUBSCRIBERS], NULL, s_broadcast, self);
    for (int i = 0; rc == 0 && i < SUBSCRIBERS; i++) {
        senders[i] = (slow_sender_t){self, i};
        rc = pthread_create (&self->threads[i], NULL, s_send, &senders[i]);
    }
    if (rc)
        bench_die ("thread", strerror (rc));
}

/*  Everything that was accepted was delivered, or announced, or told.        */
static bool
s_balances (const slow_t *self, bool print)
{
    bool well = true;
    uint64_t missing = 0;
    for (int i = 0; i < SUBSCRIBERS; i++) {
        unsigned long counts[3];
        s_counts (self, i, "", counts);
        well = well && counts[0] + counts[1] == self->broadcasts &&
               counts[2] <= self->targeted[i];
        missing += self->targeted[i] - counts[2];
        if (print)
            fprintf (stderr,
                     "slow: subscriber %d%s: %lu broadcasts delivered + %lu "
                     "announced of %lu, %lu targeted delivered of %lu\n",
                     i, i == 0 ? " (slow)" : "", counts[0], counts[1],
                     (unsigned long)self->broadcasts, counts[2],
                     (unsigned long)self->targeted[i]);
    }
    return well && missing == self->told;
}

static bool
s_finish (slow_t *self)
{
    self->ending = true;
    for (int i = 0; i <= SUBSCRIBERS; i++)
        pthread_join (self->threads[i], NULL);
    bench_check (covey_agent_flush (self->agents[SUBSCRIBERS],
                                    COVEY_LEVEL_ACCEPTED, SETTLE_MS),
                 "flush");
    int64_t until = bench_now_ns () + (int64_t)SETTLE_MS * NS_PER_MS;
    while (!s_balances (self, false) && bench_now_ns () < until)
        usleep (SAMPLE_MS * 1000);
    bool well = s_balances (self, true);
    for (int i = 0; i < SUBSCRIBERS; i++)
        bench_join (&self->subscribers[i]);
    for (int i = 0; i <= SUBSCRIBERS; i++)
        covey_agent_destroy (&self->agents[i]);
    covey_node_destroy (&self->node);
    bench_join (&self->far);
    return well;
}

int
main (void)
{
    static slow_t self;
    long slow_ms = 1000 * bench_env ("BENCH_SLOW_S", 60);
    long other_ms = slow_ms / 4 > 1000 ? slow_ms / 4 : 1000;
    s_open (&self);
    s_start (&self);
    (void)s_measure (&self, other_ms); /* warm                                */
    slow_phase_t before = s_measure (&self, other_ms);
    s_hold (&self, true);
    slow_phase_t during = s_measure (&self, slow_ms);
    s_hold (&self, false);
    slow_phase_t after = s_measure (&self, other_ms);
    bool well = s_finish (&self);
    bench_print ("slow.others.before", before.rate, "deliveries/s");
    bench_print ("slow.others.during", during.rate, "deliveries/s");
    bench_print ("slow.others.after", after.rate, "deliveries/s");
    bench_print ("slow.others.kept",
                 200 * during.rate / (before.rate + after.rate), "%");
    bench_print ("slow.publisher.rss.before", before.near_kb, "KB");
    bench_print ("slow.publisher.rss.during", during.near_kb, "KB");
    bench_print ("slow.node.rss.before", before.far_kb, "KB");
    bench_print ("slow.node.rss.during", during.far_kb, "KB");
    bench_print ("slow.unbalanced", well ? 0 : 1, "accounts");
    if (!well)
        fprintf (stderr,
                 "slow: the accounts do not balance; %lu were told as "
                 "undelivered\n",
                 (unsigned long)self.told);
    return well ? 0 : 1;
}
