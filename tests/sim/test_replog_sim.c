/*  Coordinators in virtual time: the replicated log over libraft and the state
    machine as they are, with members that crash before, in and after a commit,
    stop, are cut off, wiped, added and removed, on a network that loses,
    doubles, delays and reorders. Every event is judged; afterwards they must
    come to rest with a leader and equal logs and states.

    COVEY_SIM_RUNS says how many runs (default 10,000), COVEY_SEED plays one,
    COVEY_SIM_TRACE=1 tells it. What this would find: test_replog_faults.     */
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/str.h"
#include "tests/support/sim_replog.h"

#define RUNS 10000

static int64_t
s_setting (const char *name, int64_t otherwise)
{
    const char *text = getenv (name);
    int64_t value;
    return text && covey_str_to_int (text, 0, INT64_MAX, &value) ? value
                                                                 : otherwise;
}

/*  A run that dies says where.                                              */
static char s_epitaph[64];

static void
s_on_death (int signal_number)
{
    ssize_t n = write (STDERR_FILENO, s_epitaph, strlen (s_epitaph));
    (void)n;
    signal (signal_number, SIG_DFL);
    raise (signal_number);
}

static void
s_print (const sim_replog_sums_t *s, double seconds)
{
    printf ("%" PRIu64 " runs in %.1f s: %" PRIu64 " events, %" PRIu64
            " messages\n  faults: %" PRIu64 " crashes, %" PRIu64
            " wiped disks, %" PRIu64 " failed disks, %" PRIu64
            " stops, %" PRIu64 " cuts\n  log: %" PRIu64 " leaders, %" PRIu64
            " snapshots, %" PRIu64 " taken over, %" PRIu64
            " changes of members\n  %" PRIu64 " commands, %" PRIu64
            " requests acknowledged, %" PRIu64 " again; %" PRIu64
            " reads, %" PRIu64 " facts\n",
            s->seeds, seconds, s->events, s->messages, s->crashes, s->wipes,
            s->disk_errors, s->pauses, s->cuts, s->leads, s->snapshots,
            s->installs, s->changes, s->commands, s->acknowledged, s->repeated,
            s->reads, s->facts);
    const sim_judge_sums_t *j = &s->judged;
    printf ("  memory: %" PRIu64 " revisions, %" PRIu64
            " ends of time, %" PRIu64 " conflicts, %" PRIu64
            " looks\n  claims: %" PRIu64 ", %" PRIu64
            " of them after waiting; %" PRIu64
            " changes of a role\n  tasks: %" PRIu64 " assignments, %" PRIu64
            " completed, %" PRIu64 " batches, %" PRIu64
            " of schedules; %" PRIu64 " sessions\n",
            j->revisions, j->ends, j->conflicts, j->looks, j->claims, j->turns,
            j->roles, j->assigned, j->completed, j->batches, j->scheduled,
            j->sessions);
    const sim_vote_sums_t *v = &j->votes;
    printf ("  votes: %" PRIu64 ", %" PRIu64 " ballots counted and %" PRIu64
            " refused; %" PRIu64 " certain, %" PRIu64 " due, %" PRIu64
            " withdrawn, %" PRIu64 " under another leader\n",
            v->asked, v->ballots, v->refused, v->certain, v->due, v->withdrawn,
            v->spanning);
}

static void
test_what_is_decided_stays_decided (void **state)
{
    (void)state;
    sim_replog_sums_t sums = {0};
    int64_t one = s_setting ("COVEY_SEED", 0);
    int64_t runs = s_setting ("COVEY_SIM_RUNS", RUNS);
    if (!one && runs < RUNS)
        printf ("COVEY_SIM_RUNS=%" PRId64 ": fewer than the usual %d runs\n",
                runs, RUNS);
    signal (SIGSEGV, s_on_death);
    signal (SIGABRT, s_on_death);
    clock_t start = clock ();
    for (int64_t seed = one ? one : 1; seed <= (one ? one : runs); seed++) {
        char why[256];
        snprintf (s_epitaph, sizeof s_epitaph,
                  "died in COVEY_SEED=%" PRId64 "\n", seed);
        if (!sim_replog_play ((uint64_t)seed, SIM_LOAD_ALL, NULL, &sums, why,
                              sizeof why))
            fail_msg ("COVEY_SEED=%" PRId64 ": %s", seed, why);
    }
    signal (SIGSEGV, SIG_DFL);
    signal (SIGABRT, SIG_DFL);
    s_print (&sums, (double)(clock () - start) / CLOCKS_PER_SEC);
    assert_true (sums.acknowledged > 0);
    const uint64_t *judged = (const uint64_t *)&sums.judged;
    for (size_t i = 0; i < sizeof sums.judged / sizeof *judged; i++)
        assert_true (one || judged[i] > 0); /* or it would show nothing */
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_what_is_decided_stays_decided),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
