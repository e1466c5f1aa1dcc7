/*  voters - agents that vote, at several nodes, while somebody kills these

        test_voters DIR COUNT ENDPOINT...

    Agent N is at endpoint N modulo their number, and signs its ballots with
    DIR/voter-N.key. Commands come as lines, each is answered with one:

        form      all of them are a swarm: "formed"
        ask ID OUTCOME
                  a question that must end like that: "kill" when the first have
                  voted and the next are about to
        killed    the others vote, too; when everybody knows the decision:
                  "decided ID BALLOTS" (so many were acknowledged, and all of
                  them are counted), or "wrong WHAT"
        times     "TURNS P50 P99 MAX ..." in ms, from the last ballot that was
                  needed until each member knew: of all, and of those whose
                  node lived
        end       leave */

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/prng.h"
#include "base/str.h"
#include "covey.h"
#include "proto/json_scan.h"

#define VOTERS_MAX 200
#define TURNS_MAX 100
#define CALL_MS 20000
#define TURN_MS 120000
#define FIRST 4 /* a quarter votes before, another while a leader dies */

typedef enum { BEGIN, DYING, DEAD } phase_t;

typedef struct {
    covey_agent_t *agent;
    pthread_t thread;
    size_t number, rank;
    bool approves, asked, acked, lost, done;
    int64_t cast_us, heard_us;
    char why[160];
} voter_t;

static voter_t s_voters[VOTERS_MAX];
static size_t s_count, s_acked, s_done, s_turns;
static char s_vote[64], s_wrong[256];
static phase_t s_phase;
static int64_t s_all[TURNS_MAX * VOTERS_MAX], s_lived[TURNS_MAX * VOTERS_MAX];
static size_t s_all_count, s_lived_count;
static size_t s_nodes, s_dead = SIZE_MAX; /* whose node does not answer */
static covey_prng_t s_prng;
static pthread_mutex_t s_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t s_changed;

static noreturn void
s_die (const char *what)
{
    fprintf (stderr, "voters: %s: %s\n", what, covey_error ());
    exit (1);
}

static void
s_check (covey_err_t code, const char *what)
{
    if (code)
        s_die (what);
}

static int64_t
s_now_us (void)
{
    return covey_clock_mono_ns () / 1000;
}

static void s_is_wrong (const char *fmt, ...)
    __attribute__ ((format (printf, 1, 2)));

/*  The first one stays.                                                     */
static void
s_is_wrong (const char *fmt, ...)
{
    va_list args;
    va_start (args, fmt);
    if (!*s_wrong)
        vsnprintf (s_wrong, sizeof s_wrong, fmt, args);
    va_end (args);
}

/*  Until something changed, or the deadline passed; the mutex is held.      */
static bool
s_wait (int64_t end_us)
{
    struct timespec until = {.tv_sec = end_us / 1000000,
                             .tv_nsec = end_us % 1000000 * 1000};
    return pthread_cond_timedwait (&s_changed, &s_mutex, &until) == 0;
}

/* ---- a voter
 * ------------------------------------------------------------------- */

static covey_err_t
s_on_event (covey_agent_t *agent, const covey_event_t *event, void *arg)
{
    voter_t *self = arg;
    (void)agent;
    pthread_mutex_lock (&s_mutex);
    if (strcmp (covey_event_str (event, "consensusId"), s_vote) == 0) {
        if (covey_event_type (event) == COVEY_EVENT_SWARM_CONSENSUS_REQUEST)
            self->asked = true;
        else if (!self->heard_us)
            self->heard_us = s_now_us ();
        pthread_cond_broadcast (&s_changed);
    }
    pthread_mutex_unlock (&s_mutex);
    return COVEY_OK;
}

static phase_t
s_phase_of (const voter_t *self)
{
    return self->rank < s_count / FIRST       ? BEGIN
           : self->rank < 2 * s_count / FIRST ? DYING
                                              : DEAD;
}

/*  It was asked, and its turn has come.                                     */
static bool
s_await_turn (voter_t *self, int64_t end_us)
{
    pthread_mutex_lock (&s_mutex);
    while (!(self->asked && s_phase >= s_phase_of (self)) && s_wait (end_us)) {
    }
    bool ready = self->asked && s_phase >= s_phase_of (self);
    if (!ready)
        s_is_wrong ("%s was not asked", covey_agent_id (self->agent));
    pthread_mutex_unlock (&s_mutex);
    return ready;
}

/*  Until it has an answer: counted, or not any more.                        */
static void
s_cast (voter_t *self, int64_t end_us)
{
    covey_err_t code;
    self->cast_us = s_now_us ();
    do {
        code = covey_vote_cast (self->agent, s_vote,
                                self->approves ? "approve" : "reject", "why",
                                CALL_MS);
        if (code == COVEY_STATE)
            break; /* it was decided without it, or with it all the same */
        if (code)
            snprintf (self->why, sizeof self->why, "%s", covey_error ());
    } while (code && s_now_us () < end_us);
    pthread_mutex_lock (&s_mutex);
    self->acked = code == COVEY_OK;
    s_acked += self->acked;
    if (code && s_now_us () >= end_us)
        s_is_wrong ("%s cannot vote: %s", covey_agent_id (self->agent),
                    self->why);
    pthread_cond_broadcast (&s_changed);
    pthread_mutex_unlock (&s_mutex);
}

/*  Who was away when it was told asks.                                      */
static void
s_learn (voter_t *self, int64_t end_us)
{
    covey_err_t code;
    do {
        pthread_mutex_lock (&s_mutex);
        bool knows = self->heard_us != 0;
        pthread_mutex_unlock (&s_mutex);
        if (knows)
            return;
        code = covey_vote_wait (self->agent, s_vote, CALL_MS, NULL);
    } while (code && s_now_us () < end_us);
    pthread_mutex_lock (&s_mutex);
    if (code)
        s_is_wrong ("%s does not learn of the decision: %s",
                    covey_agent_id (self->agent), covey_error ());
    if (!self->heard_us)
        self->heard_us = s_now_us ();
    pthread_mutex_unlock (&s_mutex);
}

static void *
s_run (void *arg)
{
    voter_t *self = arg;
    int64_t end_us = s_now_us () + TURN_MS * 1000;
    if (s_await_turn (self, end_us)) {
        s_cast (self, end_us);
        s_learn (self, end_us);
    }
    pthread_mutex_lock (&s_mutex);
    s_done++;
    pthread_cond_broadcast (&s_changed);
    pthread_mutex_unlock (&s_mutex);
    return NULL;
}

static void
s_connect (const char *dir, size_t number, const char *endpoint)
{
    static const int types[] = {COVEY_EVENT_SWARM_CONSENSUS_REACHED};
    const covey_filter_t filter = {.types = types, .type_count = 1};
    voter_t *self = &s_voters[number];
    char id[32], path[256];
    snprintf (id, sizeof id, "voter-%zu", number);
    snprintf (path, sizeof path, "%s/%s.key", dir, id);
    self->number = number;
    self->agent = covey_agent_new (id, "voter");
    if (!self->agent)
        s_die (id);
    s_check (covey_agent_set_ballot_key (self->agent, path), "key");
    s_check (covey_agent_set_grace (self->agent, 60000), "grace");
    covey_agent_on_event (self->agent, s_on_event, self);
    s_check (covey_agent_connect (self->agent, endpoint, CALL_MS), "connect");
    s_check (covey_agent_start (self->agent), "start");
    s_check (covey_agent_subscribe (self->agent, &filter, NULL, s_on_event,
                                    self, NULL),
             "subscribe");
}

/* ---- a turn
 * -------------------------------------------------------------------- */

static const char *
s_form (void)
{
    static char json[VOTERS_MAX * 32 + 100];
    size_t used = (size_t)snprintf (json, sizeof json,
                                    "{\"swarmId\":\"jury\",\"objective\":\"o\","
                                    "\"members\":[");
    for (size_t i = 0; i < s_count; i++)
        used +=
            (size_t)snprintf (json + used, sizeof json - used,
                              "%s{\"agentId\":\"voter-%zu\"}", i ? "," : "", i);
    snprintf (json + used, sizeof json - used, "]}");
    s_check (covey_swarm_form (s_voters[0].agent, json, CALL_MS, NULL), "form");
    return "formed";
}

/*  Four of five are for it, or three of five against it, whoever that is.    */
static void
s_draw (bool accepted)
{
    size_t for_it = accepted ? s_count * 4 / 5 : s_count * 2 / 5;
    for (size_t i = 0; i < s_count; i++) {
        voter_t *self = &s_voters[i];
        size_t other = (size_t)covey_prng_below (&s_prng, i + 1);
        self->rank = s_voters[other].rank;
        s_voters[other].rank = i;
        self->asked = self->acked = false;
        self->cast_us = self->heard_us = 0;
    }
    for (size_t i = 0; i < s_count; i++)
        s_voters[i].approves =
            s_voters[i].rank * 7 % s_count < for_it; /* not the first ones */
}

static const char *
s_ask (const char *id, bool accepted)
{
    char json[256];
    pthread_mutex_lock (&s_mutex);
    s_draw (accepted);
    covey_str_copy (s_vote, sizeof s_vote, id);
    s_phase = BEGIN;
    s_acked = s_done = 0;
    s_dead = SIZE_MAX;
    pthread_mutex_unlock (&s_mutex);
    for (size_t i = 0; i < s_count; i++)
        if (pthread_create (&s_voters[i].thread, NULL, s_run, &s_voters[i]))
            s_die ("thread");
    snprintf (json, sizeof json,
              "{\"consensusId\":\"%s\",\"swarmId\":\"jury\",\"proposal\":{},"
              "\"timeout\":%d}",
              id, TURN_MS);
    s_check (covey_vote_propose (s_voters[0].agent, json, CALL_MS, NULL),
             "propose");
    int64_t end_us = s_now_us () + TURN_MS * 1000;
    pthread_mutex_lock (&s_mutex);
    while (s_acked < s_count / FIRST && s_wait (end_us)) {
    }
    s_phase = DYING;
    pthread_cond_broadcast (&s_changed);
    pthread_mutex_unlock (&s_mutex);
    return "kill";
}

/*  The ballots that the decision counts: every acknowledged one is among them,
    as it was cast. The last needed one, by its number, is returned.          */
static const voter_t *
s_compare (const char *view, const char *outcome)
{
    covey_slice_t whole = covey_json_trim (view, strlen (view)), one;
    covey_slice_t list = covey_json_get (whole, "votes");
    covey_slice_t said = covey_json_get (whole, "outcome");
    const voter_t *last = NULL;
    unsigned long long highest = 0;
    bool counted[VOTERS_MAX] = {false};
    if (said.size != strlen (outcome) + 2 ||
        strncmp (said.text + 1, outcome, strlen (outcome)) != 0)
        s_is_wrong ("the outcome is %.*s", (int)said.size, said.text);
    while (list.size && covey_json_next (&list, NULL, &one)) {
        covey_slice_t id = covey_json_get (one, "agentId");
        covey_slice_t vote = covey_json_get (one, "vote");
        unsigned long long number =
            strtoull (covey_json_get (one, "number").text, NULL, 10);
        voter_t *self = &s_voters[strtoul (id.text + 7, NULL, 10) % s_count];
        counted[self->number] = true;
        if (strncmp (vote.text, self->approves ? "\"app" : "\"rej", 4) != 0)
            s_is_wrong ("the ballot of %s is counted as another",
                        covey_agent_id (self->agent));
        if (!covey_json_get (one, "signature").size)
            s_is_wrong ("the ballot of %s is not signed",
                        covey_agent_id (self->agent));
        if (number > highest)
            last = self;
        highest = number > highest ? number : highest;
    }
    for (size_t i = 0; i < s_count; i++)
        if (s_voters[i].acked && !counted[i])
            s_is_wrong ("the ballot of %s was acknowledged and is not counted",
                        covey_agent_id (s_voters[i].agent));
    return last;
}

static void
s_measure (const voter_t *last)
{
    for (size_t i = 0; last && s_turns < TURNS_MAX && i < s_count; i++) {
        int64_t took_us = s_voters[i].heard_us - last->cast_us;
        s_all[s_all_count++] = took_us;
        if (i % s_nodes != s_dead)
            s_lived[s_lived_count++] = took_us;
    }
    s_turns++;
}

static const char *
s_end (const char *node, const char *outcome, char *answer, size_t size)
{
    int64_t end_us = s_now_us () + TURN_MS * 1000;
    char *view = NULL;
    pthread_mutex_lock (&s_mutex);
    s_dead = strtoul (node, NULL, 10);
    s_phase = DEAD;
    pthread_cond_broadcast (&s_changed);
    while (s_done < s_count && s_wait (end_us)) {
    }
    pthread_mutex_unlock (&s_mutex);
    for (size_t i = 0; i < s_count; i++)
        pthread_join (s_voters[i].thread, NULL);
    if (covey_vote_show (s_voters[0].agent, s_vote, CALL_MS, &view))
        s_is_wrong ("%s cannot be shown: %s", s_vote, covey_error ());
    else
        s_measure (s_compare (view, outcome));
    covey_free (view);
    if (*s_wrong)
        snprintf (answer, size, "wrong %s", s_wrong);
    else
        snprintf (answer, size, "decided %s %zu", s_vote, s_acked);
    return answer;
}

/* ---- times
 * ---------------------------------------------------------------------- */

static int
s_by_time (const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static void
s_tell_times (const char *what, int64_t *times_us, size_t count)
{
    qsort (times_us, count, sizeof *times_us, s_by_time);
    if (count)
        printf (" %s %.1f %.1f %.1f", what, (double)times_us[count / 2] / 1e3,
                (double)times_us[count * 99 / 100] / 1e3,
                (double)times_us[count - 1] / 1e3);
}

/* ---- life
 * ------------------------------------------------------------------------ */

static void
s_obey (char *line)
{
    char answer[320], outcome[16] = "", id[64] = "";
    static char wanted[16];
    line[strcspn (line, "\n")] = '\0';
    if (strcmp (line, "form") == 0)
        printf ("%s\n", s_form ());
    else if (sscanf (line, "ask %63s %15s", id, outcome) == 2) {
        covey_str_copy (wanted, sizeof wanted, outcome);
        printf ("%s\n", s_ask (id, strcmp (outcome, "accepted") == 0));
    } else if (strncmp (line, "killed ", 7) == 0)
        printf ("%s\n", s_end (line + 7, wanted, answer, sizeof answer));
    else {
        printf ("%zu", s_turns);
        s_tell_times ("all", s_all, s_all_count);
        s_tell_times ("lived", s_lived, s_lived_count);
        printf ("\n");
    }
    fflush (stdout);
}

int
main (int argc, char **argv)
{
    s_count = argc > 3 ? strtoul (argv[2], NULL, 10) : 0;
    s_nodes = (size_t)argc - 3;
    if (s_count < FIRST || s_count > VOTERS_MAX) {
        fprintf (stderr, "usage: test_voters DIR COUNT ENDPOINT...\n");
        return 2;
    }
    const char *seed = getenv ("COVEY_SEED");
    covey_prng_init (&s_prng, seed ? strtoull (seed, NULL, 10) : 1);
    pthread_condattr_t monotonic;
    pthread_condattr_init (&monotonic);
    pthread_condattr_setclock (&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init (&s_changed, &monotonic);
    for (size_t i = 0; i < s_count; i++)
        s_connect (argv[1], i, argv[3 + i % s_nodes]);
    printf ("ready\n");
    fflush (stdout);
    char line[128];
    while (fgets (line, sizeof line, stdin) && strcmp (line, "end\n") != 0)
        s_obey (line);
    for (size_t i = 0; i < s_count; i++)
        covey_agent_destroy (&s_voters[i].agent);
    return 0;
}
