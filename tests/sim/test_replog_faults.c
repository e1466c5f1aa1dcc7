/*  How sharp is the simulation of coordinators? Every fault that can be planted
    (coordinator/replog_fault.h, and some of disks and of the state) is turned
    on, and has to be found: first by the scripts, which play what is rare on
    purpose, then by random runs. A simulation that is green proves as much as
    this score.

    This program has replog*.c compiled a second time, with the faults in it.
    COVEY_FAULT=NAME plays one, COVEY_SCRIPT=NAME only that script.           */
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/str.h"
#include "coordinator/replog_fault.h"
#include "tests/support/sim_replog_scripts.h"

#define RUNS 1000   /* for each fault that no script finds                   */
#define SECONDS 120 /* nothing takes as long, but what goes on for ever */
#define SCORE 52    /* at least, and all of them                             */

int covey_replog_fault;

/*  Nothing that a cluster does makes a difference here: another guard stands in
    front. unit.replog_guards has them, with messages by hand.                */
static const int s_behind[] = {COVEY_FAULT_NO_G6_OWN_TERM,
                               COVEY_FAULT_NO_G12_SEND};

typedef struct {
    const char *name;
    const char *text;
    int engine; /* a fault of replog*.c, or 0                                */
    int slip;   /* sim_slip_t, or 0                                          */
    sim_disk_lie_t lie;
} planted_t;

static const planted_t s_planted[] = {
#define S_ENGINE(name, text) {#name, text, COVEY_FAULT_##name, 0, 0},
    COVEY_REPLOG_FAULTS (S_ENGINE)
#undef S_ENGINE
        {"DISK_VOTE", "a disk forgets votes", 0, 0, SIM_DISK_FORGETS_VOTE},
    {"DISK_TERM", "a disk forgets terms", 0, 0, SIM_DISK_FORGETS_TERM},
    {"DISK_LAST", "a disk writes the last entry too late", 0, 0,
     SIM_DISK_FORGETS_LAST},
    {"STATE_TWICE", "a request is executed again", 0, SIM_SLIP_TWICE, 0},
    {"STATE_CLOCK", "a command happens at the member's own time", 0,
     SIM_SLIP_CLOCK, 0},
    {"STATE_LOAD", "a snapshot is not taken over", 0, SIM_SLIP_LOAD, 0},
    {"STATE_SKIP", "a command is left out", 0, SIM_SLIP_SKIP, 0},
    {"STATE_SWAP", "compare-and-set does not compare", 0, SIM_SLIP_SWAP, 0},
    {"STATE_TTL", "a value outlives its time", 0, SIM_SLIP_TTL, 0},
    {"STATE_COUNT", "some increments are counted wrong", 0, SIM_SLIP_COUNT, 0},
    {"STATE_SHARE", "an exclusive claim is shared", 0, SIM_SLIP_SHARE, 0},
    {"STATE_LEASE", "a renewed claim is held too long", 0, SIM_SLIP_LEASE, 0},
    {"STATE_FENCE", "a report counts, whoever has the task", 0, SIM_SLIP_FENCE,
     0},
    {"STATE_BATCH", "a task of a batch is lost", 0, SIM_SLIP_BATCH, 0},
    {"STATE_RESUME", "leases do not begin anew", 0, SIM_SLIP_RESUME, 0},
    {"VOTE_LATE", "a ballot counts after the decision", 0, SIM_SLIP_LATE, 0},
    {"VOTE_AGAIN", "a new leader opens a decided vote", 0, SIM_SLIP_AGAIN, 0},
    {"VOTE_THAW", "who joins later may vote", 0, SIM_SLIP_THAW, 0},
    {"VOTE_NEVER", "a deadline is noticed too late", 0, SIM_SLIP_NEVER, 0},
    {"VOTE_LOCAL", "a ballot is late by a local clock", 0, SIM_SLIP_LOCAL, 0},
    {"VOTE_FORGE", "signatures are not looked at", 0, SIM_SLIP_FORGE, 0},
    {"VOTE_ABSTAIN", "who abstains approves", 0, SIM_SLIP_ABSTAIN, 0},
    {"VOTE_VOUCH", "signatures are vouched for unseen", 0, SIM_SLIP_VOUCH, 0},
};
#define PLANTED (sizeof s_planted / sizeof *s_planted)

/*  What a child found, in memory that both see.                             */
typedef struct {
    char where[64];
    char why[256];
    uint64_t runs;
    bool found;
} finding_t;

static int64_t
s_setting (const char *name, int64_t otherwise)
{
    const char *text = getenv (name);
    int64_t value;
    return text && covey_str_to_int (text, 0, INT64_MAX, &value) ? value
                                                                 : otherwise;
}

/*  In a process of its own: a planted fault may end it, or never end.       */
static void
s_search (const planted_t *planted, finding_t *finding)
{
    sim_slips_t slips = {.slip = (sim_slip_t)planted->slip,
                         .lie = planted->lie};
    const char *one = getenv ("COVEY_SCRIPT");
    covey_replog_fault = planted->engine;
    for (size_t i = 0; i < sim_script_count () && !finding->found; i++) {
        if (one && strcmp (one, sim_script_name (i)) != 0)
            continue;
        snprintf (finding->where, sizeof finding->where, "script %s",
                  sim_script_name (i));
        finding->found =
            !sim_script_play (i, &slips, finding->why, sizeof finding->why);
    }
    int64_t runs = one ? 0 : s_setting ("COVEY_SIM_RUNS", RUNS);
    for (uint64_t seed = 1; !finding->found && seed <= (uint64_t)runs; seed++) {
        snprintf (finding->where, sizeof finding->where, "seed %" PRIu64, seed);
        finding->runs = seed;
        finding->found = !sim_replog_play (
            seed, slips.slip >= SIM_SLIP_LATE ? SIM_LOAD_VOTES : SIM_LOAD_ALL,
            &slips, NULL, finding->why, sizeof finding->why);
    }
}

/*  True: found. Who goes on for ever is found too.                          */
static bool
s_find (const planted_t *planted, finding_t *finding)
{
    memset (finding, 0, sizeof *finding);
    fflush (NULL);
    pid_t child = fork ();
    assert_true (child >= 0);
    if (child == 0) {
        int quiet = dup2 (STDERR_FILENO, STDOUT_FILENO);
        (void)quiet;
        setvbuf (stdout, NULL, _IOLBF, BUFSIZ);
        static const int deaths[] = {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL};
        for (size_t i = 0; i < sizeof deaths / sizeof *deaths; i++)
            signal (deaths[i], SIG_DFL); /* cmocka catches them */
        alarm (SECONDS);
        s_search (planted, finding);
        _exit (0);
    }
    int status;
    assert_int_equal (waitpid (child, &status, 0), child);
    if (WIFSIGNALED (status)) {
        finding->found = true;
        snprintf (finding->why, sizeof finding->why, "died of signal %d",
                  WTERMSIG (status));
    }
    return finding->found;
}

static bool
s_is_behind (const planted_t *planted)
{
    for (size_t i = 0; i < sizeof s_behind / sizeof *s_behind; i++)
        if (planted->engine == s_behind[i])
            return true;
    return false;
}

static void
test_every_planted_fault_is_found (void **state)
{
    (void)state;
    const char *one = getenv ("COVEY_FAULT");
    size_t played = 0, found = 0;
    finding_t *finding = mmap (NULL, sizeof *finding, PROT_READ | PROT_WRITE,
                               MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true (finding != MAP_FAILED);
    for (size_t i = 0; i < PLANTED; i++) {
        const planted_t *planted = &s_planted[i];
        if (one ? strcmp (one, planted->name) != 0 : s_is_behind (planted))
            continue;
        played++;
        bool is_found = s_find (planted, finding);
        found += is_found;
        printf ("%-20s %-50s %s: %s\n", planted->name, planted->text,
                is_found ? finding->where : "NOT FOUND",
                is_found ? finding->why : finding->where);
        fflush (stdout);
    }
    munmap (finding, sizeof *finding);
    printf ("score: %zu of %zu planted faults found\n", found, played);
    assert_true (played > 0);
    assert_true (one || found >= SCORE);
    assert_int_equal (found, played);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_every_planted_fault_is_found),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
