/*  commands - clients that ask the coordinator for all sorts of things, one
    after another, and keep a log of what they asked and what they were told

        test_commands ENDPOINT NAME LOG CLIENTS SEED

    Commands come as lines, each is answered with one:

        go        begin
        mark TEXT a line "E US TEXT" in the log
        counts    "ASKED DONE UNKNOWN" so far
        quiet     "quiet" when every last call has returned
        end       leave

    The log has a line when a call begins and one when it returned, in the
    order of this machine's monotonic clock (us), for
    tests/support/check_commands.py:

        I N US OP KEY ARGUMENT EXPECTED
                                  call N begins: add, put, cas, get, submit
        R N US ok REVISION VALUE  it was done (or read)
        R N US no CODE            it was refused: nothing happened
        R N US open CODE          whether it was done is not known
    A worker of its own, NAME-worker, completes tasks.                       */

#include <errno.h>
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
#include "proto/json_scan.h"

#define CLIENTS_MAX 64
#define KEYS 5
#define ACCESS "\"accessLevel\":\"admin\"" /* the clients share all keys */
#define CALL_MS 15000                      /* longer than a fail-over */
#define THINK_MS 80                        /* at most, between two calls */

typedef struct {
    covey_agent_t *agent;
    covey_prng_t prng;
    pthread_t thread;
    char revision[KEYS][24]; /* last seen of each key, for cas               */
} client_t;

typedef struct {
    const char *op, *method;
    char key[64], params[256];
    char argument[64];
    char expected[24]; /* revision, for cas                                   */
} call_t;

static FILE *s_log;
static pthread_mutex_t s_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t s_quiet_was_told = PTHREAD_COND_INITIALIZER;
static atomic_bool s_quiet;
static atomic_ulong s_asked, s_done, s_open_count;
static client_t s_clients[CLIENTS_MAX];
static size_t s_client_count;
static const char *s_name;
static covey_agent_t *s_worker;

static noreturn void
s_die (const char *what)
{
    fprintf (stderr, "commands: %s: %s\n", what, covey_error ());
    exit (1);
}

static void
s_check (covey_err_t code, const char *what)
{
    if (code)
        s_die (what);
}

/* ---- what is asked
 * ------------------------------------------------------------- */

static void
s_compose (client_t *self, unsigned long number, call_t *call)
{
    unsigned key = (unsigned)covey_prng_below (&self->prng, KEYS);
    snprintf (call->expected, sizeof call->expected, "-");
    switch (covey_prng_below (&self->prng, 6)) {
        case 0:
        case 1:
            call->op = "add";
            call->method = "memory.incr";
            snprintf (call->key, sizeof call->key, "count%u", key);
            snprintf (call->argument, sizeof call->argument, "1");
            snprintf (call->params, sizeof call->params,
                      "{\"key\":\"%s\",\"by\":1," ACCESS "}", call->key);
            break;
        case 2:
            call->op = "put";
            call->method = "memory.put";
            snprintf (call->key, sizeof call->key, "value%u", key);
            snprintf (call->argument, sizeof call->argument, "%s-%lu", s_name,
                      number);
            snprintf (call->params, sizeof call->params,
                      "{\"key\":\"%s\",\"value\":\"%s\"," ACCESS "}", call->key,
                      call->argument);
            break;
        case 3:
            call->op = "cas";
            call->method = "memory.put";
            snprintf (call->key, sizeof call->key, "value%u", key);
            snprintf (call->argument, sizeof call->argument, "%s-%lu", s_name,
                      number);
            snprintf (call->expected, sizeof call->expected, "%s",
                      *self->revision[key] ? self->revision[key] : "0");
            snprintf (call->params, sizeof call->params,
                      "{\"key\":\"%s\",\"value\":\"%s\","
                      "\"expectedRevision\":%s," ACCESS "}",
                      call->key, call->argument, call->expected);
            break;
        case 4:
            call->op = "get";
            call->method = "memory.get";
            snprintf (call->key, sizeof call->key, "value%u", key);
            snprintf (call->argument, sizeof call->argument, "-");
            snprintf (call->params, sizeof call->params,
                      "{\"key\":\"%s\",\"consistency\":\"linearizable\"}",
                      call->key);
            break;
        default:
            call->op = "submit";
            call->method = "task.submit";
            snprintf (call->key, sizeof call->key, "%s-%lu", s_name, number);
            snprintf (call->argument, sizeof call->argument, "-");
            snprintf (call->params, sizeof call->params,
                      "{\"taskId\":\"%s\",\"taskType\":\"chaos\","
                      "\"lease\":10000}",
                      call->key);
    }
}

/*  A member of an answer as it stands there, without quotes; "-" for none.  */
static void
s_member (const char *json, const char *name, char *to, size_t size)
{
    covey_slice_t whole = covey_json_trim (json, strlen (json));
    covey_slice_t value = covey_json_get (whole, name);
    if (value.size >= 2 && *value.text == '"') {
        value.text++;
        value.size -= 2;
    }
    snprintf (to, size, "%.*s", value.size ? (int)value.size : 1,
              value.size ? value.text : "-");
}

/* ---- the log
 * ------------------------------------------------------------------- */

static unsigned long
s_begin (client_t *self, call_t *call)
{
    pthread_mutex_lock (&s_mutex);
    unsigned long number = ++s_asked;
    s_compose (self, number, call);
    fprintf (s_log, "I %lu %lld %s %s %s %s\n", number,
             (long long)(covey_clock_mono_ns () / 1000), call->op, call->key,
             call->argument, call->expected);
    pthread_mutex_unlock (&s_mutex);
    return number;
}

/*  REMOTE: the coordinator's own refusal, "CODE: message". What it refused for
    want of a leader may have been done all the same.                         */
static bool
s_is_refusal (covey_err_t code, const char *text)
{
    return code == COVEY_REMOTE && strncmp (text, "NOCOORDINATOR", 13) != 0 &&
           strncmp (text, "TIMEOUT", 7) != 0;
}

static void
s_end (client_t *self, unsigned long number, const call_t *call,
       covey_err_t code, const char *json)
{
    const char *text = covey_error ();
    char revision[24] = "-", value[64] = "-";
    pthread_mutex_lock (&s_mutex);
    long long now_us = covey_clock_mono_ns () / 1000;
    if (!code) {
        s_member (json, "revision", revision, sizeof revision);
        s_member (json, "value", value, sizeof value);
        fprintf (s_log, "R %lu %lld ok %s %s\n", number, now_us, revision,
                 value);
        if (strncmp (call->key, "value", 5) == 0)
            snprintf (self->revision[call->key[5] - '0'],
                      sizeof self->revision[0], "%s", revision);
        s_done++;
    } else if (s_is_refusal (code, text))
        fprintf (s_log, "R %lu %lld no %.*s\n", number, now_us,
                 (int)strcspn (text, ": "), text);
    else {
        fprintf (s_log, "R %lu %lld open %s %s\n", number, now_us,
                 covey_err_name (code), text);
        s_open_count++;
    }
    pthread_mutex_unlock (&s_mutex);
}

/*  Until it wants to ask again, or is told to be quiet.                      */
static void
s_think (client_t *self)
{
    struct timespec until;
    clock_gettime (CLOCK_REALTIME, &until);
    until.tv_nsec += (long)covey_prng_below (&self->prng, THINK_MS) * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock (&s_mutex);
    while (!s_quiet && pthread_cond_timedwait (&s_quiet_was_told, &s_mutex,
                                               &until) != ETIMEDOUT) {
    }
    pthread_mutex_unlock (&s_mutex);
}

static void *
s_run (void *arg)
{
    client_t *self = arg;
    while (!s_quiet) {
        call_t call;
        char *json = NULL;
        unsigned long number = s_begin (self, &call);
        covey_err_t code =
            covey_agent_request (self->agent, "coordinator", call.method,
                                 call.params, CALL_MS, &json);
        s_end (self, number, &call, code, json);
        covey_free (json);
        s_think (self);
    }
    return NULL;
}

/* ---- life
 * ------------------------------------------------------------------------ */

static void
s_connect (const char *endpoint, size_t count, uint64_t seed)
{
    for (; s_client_count < count; s_client_count++) {
        client_t *self = &s_clients[s_client_count];
        char id[64];
        snprintf (id, sizeof id, "%s-client-%zu", s_name, s_client_count);
        covey_prng_init (&self->prng, seed + s_client_count);
        self->agent = covey_agent_new (id, "client");
        if (!self->agent)
            s_die (id);
        s_check (covey_agent_set_client (self->agent, true), "client");
        s_check (covey_agent_connect (self->agent, endpoint, 20000), "connect");
        s_check (covey_agent_start (self->agent), "start");
    }
}

static covey_err_t
s_on_task (covey_agent_t *agent, const covey_event_t *assigned, void *arg)
{
    (void)arg;
    return covey_task_complete (agent, assigned, COVEY_CONTENT_JSON, "true", 4);
}

static void
s_hire (const char *endpoint)
{
    char id[64];
    snprintf (id, sizeof id, "%s-worker", s_name);
    s_worker = covey_agent_new (id, "worker");
    if (!s_worker)
        s_die (id);
    s_check (covey_agent_set_task_slots (s_worker, 8), "slots");
    covey_agent_on_task (s_worker, s_on_task, NULL);
    s_check (covey_agent_connect (s_worker, endpoint, 20000), "connect");
    s_check (covey_agent_start (s_worker), "start");
}

static void
s_mark (const char *text)
{
    pthread_mutex_lock (&s_mutex);
    fprintf (s_log, "E %lld %s", (long long)(covey_clock_mono_ns () / 1000),
             text);
    pthread_mutex_unlock (&s_mutex);
}

static void
s_go (void)
{
    for (size_t i = 0; i < s_client_count; i++)
        if (pthread_create (&s_clients[i].thread, NULL, s_run, &s_clients[i]))
            s_die ("thread");
}

static void
s_be_quiet (void)
{
    pthread_mutex_lock (&s_mutex);
    s_quiet = true;
    pthread_cond_broadcast (&s_quiet_was_told);
    pthread_mutex_unlock (&s_mutex);
    for (size_t i = 0; i < s_client_count; i++)
        pthread_join (s_clients[i].thread, NULL);
}

int
main (int argc, char **argv)
{
    if (argc != 6) {
        fprintf (stderr,
                 "usage: test_commands ENDPOINT NAME LOG CLIENTS SEED\n");
        return 2;
    }
    size_t count = strtoul (argv[4], NULL, 10);
    s_name = argv[2];
    s_log = fopen (argv[3], "ae");
    if (!s_log || count > CLIENTS_MAX)
        s_die (argv[3]);
    setvbuf (s_log, NULL, _IOLBF, 0);
    s_connect (argv[1], count, strtoull (argv[5], NULL, 10));
    s_hire (argv[1]);
    printf ("ready\n");
    fflush (stdout);
    char line[64];
    while (fgets (line, sizeof line, stdin) && strcmp (line, "end\n") != 0) {
        if (strcmp (line, "go\n") == 0) {
            s_go ();
            printf ("going\n");
        } else if (strcmp (line, "quiet\n") == 0) {
            s_be_quiet ();
            printf ("quiet\n");
        } else if (strncmp (line, "mark ", 5) == 0) {
            s_mark (line + 5);
            printf ("marked\n");
        } else
            printf ("%lu %lu %lu\n", s_asked, s_done, s_open_count);
        fflush (stdout);
    }
    for (size_t i = 0; i < s_client_count; i++)
        covey_agent_destroy (&s_clients[i].agent);
    covey_agent_destroy (&s_worker);
    fclose (s_log);
    return 0;
}
