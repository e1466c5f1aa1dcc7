/*  asker - asks the coordinator without waiting for answers, and counts them

        test_asker ENDPOINT KEY WINDOW

    WINDOW requests are under way all the time, each adds 1 to KEY in the shared
    memory. Commands come as lines, each is answered with one:

        counts    "ANSWERED FAILED CODE" so far; CODE is the last failure's
        end       no further requests; the same when all have their answer, and
                  leave

    So KEY is what was answered with success, if each request was carried out
    once, however often it was asked.                                         */

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <string.h>

#include "covey.h"

#define ANSWER_MS 90000 /* longer than any fault of these tests */

static covey_agent_t *s_agent;
static char s_params[300];
static pthread_mutex_t s_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t s_all_answered = PTHREAD_COND_INITIALIZER;
static unsigned long s_answered, s_failed, s_under_way;
static bool s_ends;
static char s_code[64] = "-";

static noreturn void
s_die (const char *what)
{
    fprintf (stderr, "asker: %s: %s\n", what, covey_error ());
    exit (1);
}

static covey_err_t s_on_answer (covey_agent_t *agent,
                                const covey_event_t *response, void *arg);

static void
s_ask (void)
{
    if (covey_agent_ask (s_agent, "coordinator", "memory.incr", s_params,
                         ANSWER_MS, s_on_answer, NULL))
        s_die ("ask");
}

static covey_err_t
s_on_answer (covey_agent_t *agent, const covey_event_t *response, void *arg)
{
    (void)agent;
    (void)arg;
    pthread_mutex_lock (&s_mutex);
    if (covey_event_bool (response, "success"))
        s_answered++;
    else {
        const char *code = covey_event_str (response, "error.code");
        s_failed++;
        snprintf (s_code, sizeof s_code, "%s", code ? code : "?");
    }
    bool goes_on = !s_ends;
    s_under_way -= !goes_on;
    if (!s_under_way)
        pthread_cond_signal (&s_all_answered);
    pthread_mutex_unlock (&s_mutex);
    if (goes_on)
        s_ask ();
    return COVEY_OK;
}

/*  Each request ends, at its deadline at the latest.                         */
static void
s_end (void)
{
    pthread_mutex_lock (&s_mutex);
    s_ends = true;
    while (s_under_way)
        pthread_cond_wait (&s_all_answered, &s_mutex);
    pthread_mutex_unlock (&s_mutex);
}

static void
s_put_counts (void)
{
    pthread_mutex_lock (&s_mutex);
    printf ("%lu %lu %s\n", s_answered, s_failed, s_code);
    pthread_mutex_unlock (&s_mutex);
    fflush (stdout);
}

int
main (int argc, char **argv)
{
    unsigned long window = argc == 4 ? strtoul (argv[3], NULL, 10) : 0;
    if (!window || strlen (argv[2]) > 200) {
        fprintf (stderr, "usage: test_asker ENDPOINT KEY WINDOW\n");
        return 2;
    }
    snprintf (s_params, sizeof s_params, "{\"key\":\"%s\"}", argv[2]);
    s_agent = covey_agent_new ("asker", "asker");
    if (!s_agent || covey_agent_connect (s_agent, argv[1], 20000) ||
        covey_agent_start (s_agent))
        s_die ("connect");
    s_under_way = window;
    for (unsigned long i = 0; i < window; i++)
        s_ask ();
    printf ("ready\n");
    fflush (stdout);
    char line[64];
    while (fgets (line, sizeof line, stdin) && strcmp (line, "end\n") != 0)
        s_put_counts ();
    s_end ();
    s_put_counts ();
    if (covey_agent_shutdown (s_agent, "done", 10000))
        fprintf (stderr, "asker: shutdown: %s\n", covey_error ());
    covey_agent_destroy (&s_agent);
    return 0;
}
