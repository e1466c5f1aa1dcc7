/*  Votes among coordinators in virtual time, with the faults of sim.replog_sim:
    clients do little but vote, and in the end the leader dies about a deadline.
    sim_replog_judge_votes.c says of every ballot and every decision beforehand
    what it must be. What this would find: test_replog_faults.

    COVEY_SIM_RUNS says how many runs (default 300; 10,000 take minutes),
    COVEY_SEED plays one, COVEY_SIM_TRACE=1 tells it.                         */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/str.h"
#include "tests/support/sim_replog.h"

#define RUNS 300

static int64_t
s_setting (const char *name, int64_t otherwise)
{
    const char *text = getenv (name);
    int64_t value;
    return text && covey_str_to_int (text, 0, INT64_MAX, &value) ? value
                                                                 : otherwise;
}

static void
s_print (const sim_replog_sums_t *s, double seconds)
{
    const sim_vote_sums_t *v = &s->judged.votes;
    printf ("%" PRIu64 " runs in %.1f s: %" PRIu64 " events, %" PRIu64
            " commands, %" PRIu64 " crashes, %" PRIu64 " wiped disks, %" PRIu64
            " cuts, %" PRIu64 " leaders\n  %" PRIu64 " votes, %" PRIu64
            " ballots counted and %" PRIu64 " refused\n  decided: %" PRIu64
            " certain, %" PRIu64 " when due, %" PRIu64 " withdrawn; %" PRIu64
            " under another leader than they were asked\n  %" PRIu64
            " times in time though the leader had died\n",
            s->seeds, seconds, s->events, s->commands, s->crashes, s->wipes,
            s->cuts, s->leads, v->asked, v->ballots, v->refused, v->certain,
            v->due, v->withdrawn, v->spanning, s->proofs);
}

static void
test_every_vote_is_decided_once (void **state)
{
    (void)state;
    sim_replog_sums_t sums = {0};
    int64_t one = s_setting ("COVEY_SEED", 0);
    int64_t runs = s_setting ("COVEY_SIM_RUNS", RUNS);
    clock_t start = clock ();
    for (int64_t seed = one ? one : 1; seed <= (one ? one : runs); seed++) {
        char why[256];
        if (!sim_replog_play ((uint64_t)seed, SIM_LOAD_VOTES, NULL, &sums, why,
                              sizeof why))
            fail_msg ("COVEY_SEED=%" PRId64 ": %s", seed, why);
    }
    s_print (&sums, (double)(clock () - start) / CLOCKS_PER_SEC);
    const uint64_t *judged = (const uint64_t *)&sums.judged.votes;
    for (size_t i = 0; i < sizeof sums.judged.votes / sizeof *judged; i++)
        assert_true (one || judged[i] > 0); /* or it would show nothing */
    assert_true (one || sums.proofs > 0);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_every_vote_is_decided_once),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
