/*  traffic - an agent that sends to all others without pause, and keeps a log
    of what it sent, received and was told

        test_traffic ENDPOINT ID LOG PEER...

    Commands come as lines, each is answered with one:

        go MS     to each peer an event every MS ms or less often, of random
                  priority, and one broadcast every MS ms
        counts    "PUBLISHED RECEIVED" so far, broadcasts not among them
        quiet     stop sending; "quiet" when every last call has returned
        end       leave

    The log has one line for each thing that happened, in the order of this
    agent, for tests/support/check_traffic.py:

        P TO PRIORITY SEQ ID      accepted by the node; SEQ counts per TO and
                                  PRIORITY
        M TO PRIORITY SEQ ID      no verdict in time: it may be accepted yet
        R FROM PRIORITY SEQ ID    received
        U ID CODE TEXT            told that it was not delivered
        B SEQ / N SEQ             broadcast accepted / without verdict
        b FROM SEQ                broadcast received
        G TEXT                    told that broadcasts were lost
        W CODE                    an event was refused and is tried again     */

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/prng.h"
#include "covey.h"

#define PEERS_MAX 32
#define PRIORITIES 4
#define VERDICT_MS 60000 /* longer than any fault of these tests */
#define RETRY_MS 50

typedef struct {
    const char *to; /* NULL: broadcasts                                       */
    pthread_t thread;
    covey_prng_t prng;
    uint64_t seq[PRIORITIES];
} sender_t;

static covey_agent_t *s_agent;
static FILE *s_log;
static sender_t s_senders[PEERS_MAX + 1];
static size_t s_sender_count;
static int s_period_ms;
static pthread_mutex_t s_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t s_changed = PTHREAD_COND_INITIALIZER;
static atomic_bool s_quiet;
static atomic_ulong s_published, s_received;

static noreturn void
s_die (const char *what)
{
    fprintf (stderr, "traffic: %s: %s\n", what, covey_error ());
    exit (1);
}

static void
s_check (covey_err_t code, const char *what)
{
    if (code)
        s_die (what);
}

/* ------------------------------------------------------------------------ */
/*  Receiving                                                                 */

static covey_err_t
s_on_message (covey_agent_t *agent, const covey_event_t *event, void *arg)
{
    (void)agent;
    (void)arg;
    char id[37];
    covey_id_text (covey_event_id (event), id);
    const char *content = covey_event_payload (event, "content", NULL, NULL);
    fprintf (s_log, "R %s %s %s\n", covey_event_source (event),
             content ? content : "?", id);
    s_received++;
    return COVEY_OK;
}

static covey_err_t
s_on_broadcast (covey_agent_t *agent, const covey_event_t *event, void *arg)
{
    (void)agent;
    (void)arg;
    const char *content = covey_event_payload (event, "content", NULL, NULL);
    fprintf (s_log, "b %s %s\n", covey_event_source (event),
             content ? content : "?");
    return COVEY_OK;
}

static void
s_on_notice (covey_agent_t *agent, const covey_notice_t *notice, void *arg)
{
    (void)agent;
    (void)arg;
    char id[37];
    covey_id_text (notice->event_id, id);
    if (notice->kind == COVEY_NOTICE_UNDELIVERED)
        fprintf (s_log, "U %s %s %s\n", id, covey_err_name (notice->code),
                 notice->text);
    else if (notice->kind == COVEY_NOTICE_GAP)
        fprintf (s_log, "G %s\n", notice->text);
    else
        fprintf (s_log, "# notice %d %s\n", (int)notice->kind, notice->text);
}

/* ------------------------------------------------------------------------ */
/*  Sending                                                                   */

/*  The pace of a sender, or less when all are to be quiet.                   */
static void
s_pause (int ms)
{
    struct timespec until;
    clock_gettime (CLOCK_REALTIME, &until);
    int64_t ns = until.tv_nsec + (int64_t)ms * 1000000;
    until.tv_sec += (time_t)(ns / 1000000000);
    until.tv_nsec = (long)(ns % 1000000000);
    pthread_mutex_lock (&s_mutex);
    while (!s_quiet &&
           pthread_cond_timedwait (&s_changed, &s_mutex, &until) == 0) {
    }
    pthread_mutex_unlock (&s_mutex);
}

static covey_event_t *
s_event (const sender_t *self, int priority, uint64_t seq)
{
    char content[64];
    covey_event_t *event = covey_event_new (self->to ? COVEY_EVENT_MESSAGE_SENT
                                                     : COVEY_EVENT_BROADCAST);
    if (self->to) {
        snprintf (content, sizeof content, "%d %lu", priority,
                  (unsigned long)seq);
        s_check (covey_event_add_target (event, self->to), "target");
        s_check (covey_event_set_str (event, "messageId", content), "id");
        s_check (covey_event_set_str (event, "contentType", "text"), "type");
        s_check (covey_event_set_priority (event, (covey_priority_t)priority),
                 "priority");
    } else {
        snprintf (content, sizeof content, "%lu", (unsigned long)seq);
        s_check (covey_event_set_str (event, "topic", "load"), "topic");
        s_check (covey_event_set_str (event, "scope", "global"), "scope");
    }
    s_check (covey_event_set_payload (event, "content", COVEY_CONTENT_TEXT,
                                      content, strlen (content)),
             "content");
    return event;
}

/*  One event, until it is accepted: a refusal means that nothing happened.   */
static void
s_send (sender_t *self)
{
    int priority =
        self->to ? (int)covey_prng_below (&self->prng, PRIORITIES) : 0;
    uint64_t seq = ++self->seq[priority];
    for (;;) {
        char id[37];
        covey_event_t *event = s_event (self, priority, seq);
        covey_id_text (covey_event_id (event), id);
        covey_err_t code = covey_agent_publish (
            s_agent, &event, COVEY_LEVEL_ACCEPTED, VERDICT_MS, NULL);
        bool open = code == COVEY_TIMEOUT || code == COVEY_UNREACHABLE;
        if (!code || open) {
            if (self->to)
                fprintf (s_log, "%c %s %d %lu %s\n", open ? 'M' : 'P', self->to,
                         priority, (unsigned long)seq, id);
            else
                fprintf (s_log, "%c %lu\n", open ? 'N' : 'B',
                         (unsigned long)seq);
            s_published += self->to != NULL;
            return;
        }
        if (code != COVEY_NOAGENT && code != COVEY_EAGAIN)
            s_die ("publish");
        fprintf (s_log, "W %s %s\n", covey_err_name (code), covey_error ());
        s_pause (RETRY_MS);
        if (s_quiet) {
            self->seq[priority]--;
            return;
        }
    }
}

static void *
s_send_all (void *arg)
{
    sender_t *self = arg;
    while (!s_quiet) {
        s_send (self);
        s_pause (s_period_ms);
    }
    return NULL;
}

static void
s_go (int period_ms)
{
    s_period_ms = period_ms;
    for (size_t i = 0; i < s_sender_count; i++)
        if (pthread_create (&s_senders[i].thread, NULL, s_send_all,
                            &s_senders[i]) != 0)
            s_die ("thread");
}

static void
s_be_quiet (void)
{
    pthread_mutex_lock (&s_mutex);
    s_quiet = true;
    pthread_cond_broadcast (&s_changed);
    pthread_mutex_unlock (&s_mutex);
    for (size_t i = 0; i < s_sender_count; i++)
        pthread_join (s_senders[i].thread, NULL);
}

/* ------------------------------------------------------------------------ */

static void
s_open (char **argv)
{
    uint64_t seed = covey_clock_seed ();
    for (char **peer = argv + 4; *peer && s_sender_count < PEERS_MAX; peer++)
        s_senders[s_sender_count++].to = *peer;
    s_sender_count++; /* broadcasts */
    for (size_t i = 0; i < s_sender_count; i++)
        covey_prng_init (&s_senders[i].prng, seed + i);
    s_log = fopen (argv[3], "ae");
    if (!s_log)
        s_die (argv[3]);
    setvbuf (s_log, NULL, _IOLBF, 0);
    s_agent = covey_agent_new (argv[2], "traffic");
    if (!s_agent)
        s_die (argv[2]);
    covey_agent_on_message (s_agent, s_on_message, NULL);
    covey_agent_on_broadcast (s_agent, s_on_broadcast, NULL);
    covey_agent_on_notice (s_agent, s_on_notice, NULL);
    s_check (covey_agent_connect (s_agent, argv[1], 20000), "connect");
    s_check (covey_agent_start (s_agent), "start");
}

int
main (int argc, char **argv)
{
    if (argc < 4) {
        fprintf (stderr, "usage: test_traffic ENDPOINT ID LOG PEER...\n");
        return 2;
    }
    s_open (argv);
    printf ("ready\n");
    fflush (stdout);
    char line[64];
    int period_ms;
    while (fgets (line, sizeof line, stdin) && strcmp (line, "end\n") != 0) {
        if (sscanf (line, "go %d", &period_ms) == 1) {
            s_go (period_ms);
            printf ("going\n");
        } else if (strcmp (line, "quiet\n") == 0) {
            s_be_quiet ();
            printf ("quiet\n");
        } else
            printf ("%lu %lu\n", s_published, s_received);
        fflush (stdout);
    }
    covey_err_t code = covey_agent_shutdown (s_agent, "done", 10000);
    if (code)
        fprintf (stderr, "traffic: shutdown: %s\n", covey_error ());
    covey_agent_destroy (&s_agent);
    fclose (s_log);
    return 0;
}
