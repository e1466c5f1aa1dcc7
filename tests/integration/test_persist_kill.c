/*  What was acknowledged survives SIGKILL at any point: a child stores events
    and acknowledges each commit over a pipe until it is killed; then the
   journal must have every acknowledged event, none twice, in order, without a
   hole.  */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/prng.h"
#include "persist/journal_i.h"
#include "tests/support/support_dir.h"
#include "tests/support/support_journal.h"

#define ROUNDS 30
#define BATCH_MAX 60
#define ACKS_MAX 40 /* of one round                                       */
#define SPIN_US_MAX 1500 /* from the last of them to the kill */

static const uint8_t s_origin[16] = "origin----------";

/*  The child: store batches for ever, tell after each commit.               */
static void
s_store_for_ever (const char *path, int fd, uint64_t seed)
{
    covey_journal_t *journal = NULL;
    covey_errbuf_t err;
    covey_prng_t prng;
    covey_prng_init (&prng, seed);
    if (covey_journal_open (path, COVEY_JOURNAL_WRITE, &journal, &err))
        _exit (2);
    uint64_t seq = covey_journal_last_seq (journal, s_origin);
    for (;;) {
        size_t count = 1 + (size_t)covey_prng_below (&prng, BATCH_MAX);
        if (covey_journal_begin (journal, &err) != COVEY_OK)
            _exit (3);
        for (size_t i = 0; i < count; i++) {
            int64_t offset;
            support_event_t event = {
                .number = ++seq, .targets = {"one", "two"}, .tags = {"kill"}};
            if (support_append (journal, &event, s_origin, seq, &offset,
                                &err) ||
                offset != (int64_t)seq)
                _exit (4);
        }
        if (covey_journal_commit (journal, &err) != COVEY_OK)
            _exit (5);
        if (write (fd, &seq, sizeof seq) != sizeof seq)
            _exit (6);
    }
}

/*  Let a child work for some commits and kill it; the last one it told.     */
static uint64_t
s_run_and_kill (const char *path, covey_prng_t *prng, uint64_t acked)
{
    int fds[2], status = 0;
    uint64_t seq, seed = covey_prng_next (prng);
    assert_int_equal (pipe (fds), 0);
    pid_t pid = fork ();
    assert_true (pid >= 0);
    if (pid == 0) {
        close (fds[0]);
        s_store_for_ever (path, fds[1], seed);
    }
    close (fds[1]);
    size_t acks = 1 + (size_t)covey_prng_below (prng, ACKS_MAX);
    while (acks-- > 0 && read (fds[0], &seq, sizeof seq) == sizeof seq)
        acked = seq;
    int64_t end_ns = covey_clock_mono_ns () +
                     (int64_t)covey_prng_below (prng, SPIN_US_MAX) * 1000;
    while (covey_clock_mono_ns () < end_ns)
        ;
    kill (pid, SIGKILL);
    while (read (fds[0], &seq, sizeof seq) == sizeof seq)
        acked = seq;
    close (fds[0]);
    assert_int_equal (waitpid (pid, &status, 0), pid);
    if (!WIFSIGNALED (status))
        fail_msg ("the child ended by itself with %d", WEXITSTATUS (status));
    return acked;
}

typedef struct {
    int64_t last;
} s_order_t;

static bool
s_on_row (void *arg, const Covey__Store__EventRow *row)
{
    s_order_t *order = arg;
    covey_peek_t peek;
    uint64_t number;
    assert_int_equal (covey_peek (row->event.data, row->event.len, &peek),
                      COVEY_OK);
    memcpy (&number, peek.id + 8, 8);
    assert_int_equal (row->offset, order->last + 1);
    assert_int_equal (number, row->offset);
    order->last = row->offset;
    return true;
}

/*  Rows 1, 2, 3 ... up to the last, which is not before `acked`.            */
static void
s_check (covey_journal_t *journal, uint64_t acked)
{
    Covey__Store__EventQuery query = COVEY__STORE__EVENT_QUERY__INIT;
    Covey__Store__EventPage page = COVEY__STORE__EVENT_PAGE__INIT;
    s_order_t order = {0};
    covey_errbuf_t err;
    query.has_after_offset = query.has_limit = 1;
    query.limit = COVEY_I_QUERY_LIMIT_MAX;
    do {
        assert_int_equal (covey_journal_query (journal, &query, SIZE_MAX,
                                               s_on_row, &order, &page, &err),
                          COVEY_OK);
        query.after_offset = page.next_offset;
    } while (page.more);
    assert_true (order.last >= (int64_t)acked);
    assert_int_equal (order.last, covey_journal_last_offset (journal));
    assert_int_equal (order.last, covey_journal_count (journal));
    assert_int_equal (order.last, covey_journal_last_seq (journal, s_origin));
    int64_t names = 0;
    assert_int_equal (
        covey_i_journal_number (journal,
                                "SELECT (SELECT count (*) FROM targets)"
                                " + (SELECT count (*) FROM tags)",
                                0, &names, &err),
        COVEY_OK);
    assert_int_equal (names, 3 * order.last);
}

static void
test_acknowledged_events_survive_kills (void **state)
{
    (void)state;
    char folder[SUPPORT_DIR_SIZE], path[128];
    uint64_t seed = getenv ("COVEY_SEED")
                        ? strtoull (getenv ("COVEY_SEED"), NULL, 10)
                        : covey_clock_seed ();
    uint64_t acked = 0, killed_inside = 0;
    covey_prng_t prng;
    print_message ("COVEY_SEED=%llu\n", (unsigned long long)seed);
    covey_prng_init (&prng, seed);
    support_dir_make (folder);
    snprintf (path, sizeof path, "%s/journal.db", folder);
    for (int round = 0; round < ROUNDS; round++) {
        covey_journal_t *journal = NULL;
        covey_errbuf_t err;
        acked = s_run_and_kill (path, &prng, acked);
        if (covey_journal_open (path, COVEY_JOURNAL_WRITE, &journal, &err))
            fail_msg ("round %d: %s", round, err.text);
        s_check (journal, acked);
        uint64_t last = (uint64_t)covey_journal_last_offset (journal);
        killed_inside += last > acked; /* committed, not told any more */
        covey_journal_close (&journal);
    }
    print_message ("%llu events, %llu kills between commit and ack\n",
                   (unsigned long long)acked,
                   (unsigned long long)killed_inside);
    support_dir_remove (folder);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_acknowledged_events_survive_kills),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
