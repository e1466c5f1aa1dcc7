#include "tests/support/sim_replog_scripts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/sim_replog_impl.h"
#include "tests/support/sim_replog_stage.h"

#define APPEND STAGE_KIND (COVEY_REPLOG_APPEND)
#define APPENDED STAGE_KIND (COVEY_REPLOG_APPENDED)
#define VOTE STAGE_KIND (COVEY_REPLOG_VOTE)
#define VOTED STAGE_KIND (COVEY_REPLOG_VOTED)
#define ASK STAGE_KIND (COVEY_REPLOG_ASK)
#define ASKED STAGE_KIND (COVEY_REPLOG_ASKED)

/*  An entry is sent in pieces of one.                                       */
#define ONE_BY_ONE 64

static int64_t
s_draw (stage_t *stage, uint64_t below)
{
    return (int64_t)covey_prng_below (&stage->sim->prng, below);
}

/* ---- commits ----------------------------------------------------------------
 */

/*  Figure 8 of the paper: an entry of an old term is on a majority, and is
    overwritten all the same. Only an entry of its own term says that it is
    committed.                                                                */
static void
s_figure_8 (stage_t *stage)
{
    stage_isolate (stage, 0, true);
    stage_ask (stage, 0, 1);
    stage_run (stage, 5);
    uint64_t entry = stage_last (stage, 0);
    stage_crash (stage, 0);
    for (size_t i = 1; i < 4; i++)
        stage_drop (stage, 4, i, APPEND);
    stage_elect (stage, 4);
    stage_crash (stage, 4);
    stage_start (stage, 0);
    stage_isolate (stage, 0, false);
    stage_drop (stage, 0, 3, APPEND);
    stage->candidate = 0;
    for (int i = 0; i < 4000; i++) {
        for (size_t k = 1; k < 3; k++)
            if (stage_last (stage, k) >= entry)
                stage_drop (stage, 0, k, APPEND);
        if (stage->drop[0][1] && stage->drop[0][2])
            break;
        stage_run (stage, 1);
    }
    stage_run (stage, 20);
    stage_crash (stage, 0);
    stage_start (stage, 4);
    stage_isolate (stage, 4, false);
    stage_elect (stage, 4);
    stage_run (stage, 200);
}

/*  What an old leader left behind reaches beyond what the new one compared: it
    is not acknowledged to that one.                                          */
static void
s_left_behind (stage_t *stage)
{
    for (size_t i = 2; i < 5; i++)
        stage_cut (stage, 0, i, true);
    stage_ask_together (stage, 0, 5);
    stage_until_last (stage, 1, stage_last (stage, 0), 100);
    stage_isolate (stage, 0, true);
    stage->empty[2][1] = true;
    stage_drop (stage, 2, 4, APPEND);
    stage_elect (stage, 2);
    stage_run (stage, 50);
    stage_ask (stage, 2, 1);
    stage_run (stage, 50);
    stage->empty[2][1] = false;
    stage_isolate (stage, 0, false);
    stage_isolate (stage, 4, false);
}

/*  ... and it is not committed. A follower's first matching entry comes again,
    by a leader that has committed more than that one.                        */
static void
s_left_uncommitted (stage_t *stage)
{
    for (size_t i = 2; i < 5; i++)
        stage_cut (stage, 0, i, true);
    stage_cut (stage, 0, 2, false);
    stage_drop (stage, 0, 1, APPEND);
    uint64_t before = stage_last (stage, 0);
    stage_ask_together (stage, 0, 5);
    stage_until_last (stage, 2, before + 1, 100);
    stage_cut (stage, 0, 2, true);
    stage_drop (stage, 0, 1, 0);
    stage_until_last (stage, 1, before + 5, 200);
    stage_isolate (stage, 0, true);
    stage_drop (stage, 2, 1, APPEND);
    stage_elect (stage, 2);
    stage_until (stage, stage_leads, 2, 500);
    stage_ask_together (stage, 2, 6);
    stage_run (stage, 60);
    stage_drop (stage, 3, 1, APPEND);
    stage_crash (stage, 2);
    stage_elect (stage, 3);
    stage_start (stage, 2);
    stage_until (stage, stage_leads, 3, 500);
    stage_ask_together (stage, 3, 3);
    stage_run (stage, 60);
    stage_drop (stage, 3, 1, 0);
    stage_run (stage, 300);
    stage_isolate (stage, 0, false);
    stage_isolate (stage, 2, false);
}

/*  New commands come faster than old ones get around.                       */
static void
s_load (stage_t *stage)
{
    for (int i = 0; i < 300; i++) {
        stage_ask (stage, 0, 1);
        sim_replog_run (stage->sim, SIM_MS / 4);
    }
    if (stage->sim->acknowledged < 20)
        sim_book_break (&stage->sim->book,
                        "commands wait as long as new ones come");
}

/*  A leader that is cut off writes on; who leads meanwhile throws away what the
    snapshot replaces; then the old one comes back with its tail.             */
static void
s_tail_and_snapshot (stage_t *stage)
{
    stage_isolate (stage, 0, true);
    stage_ask_together (stage, 0, 24);
    stage_run (stage, 20);
    stage_elect (stage, 1);
    stage_until (stage, stage_leads, 1, 1000);
    for (int i = 0; i < 8; i++) {
        stage_ask (stage, 1, 1);
        stage_run (stage, 10);
    }
    stage_isolate (stage, 0, false);
    stage_run (stage, 500);
}

/*  Appends that come when a snapshot has what they bring.                   */
static void
s_late_append (stage_t *stage)
{
    stage_copy (stage, 0, 1, APPEND);
    stage_add (stage, 0, 1);
    for (int i = 0; i < 40; i++) {
        stage_ask (stage, 0, 1);
        stage_run (stage, 10);
        if (i == 10)
            stage_promote (stage, 0, 1);
        if (i == 20)
            stage_copy (stage, 0, 1, 0);
    }
    stage_until (stage, stage_has_snapshot, 1, 1000);
    stage_release (stage, 2);
    stage_run (stage, 50);
    stage_ask (stage, 0, 3);
}

static sim_disk_t *
s_disk (const stage_t *stage, size_t place)
{
    return stage->sim->members[place].disk;
}

static bool
s_puts (stage_t *stage, size_t place)
{
    return sim_disk_prepared (s_disk (stage, place)) > 0;
}

/*  Commands to 0 until a snapshot is under way to the disk of `place`, which
    holds it.                                                                 */
static void
s_until_puts (stage_t *stage, size_t place)
{
    sim_disk_hold (s_disk (stage, place), true);
    for (int i = 0; i < 400 && !s_puts (stage, place); i++) {
        stage_ask (stage, 0, 1);
        stage_until (stage, s_puts, place, 3);
    }
    if (!s_puts (stage, place))
        sim_book_break (&stage->sim->book, "%zu takes no snapshot", place);
}

/*  Commands to 0 until its snapshot has more than that.                      */
static void
s_until_newer (stage_t *stage, uint64_t index)
{
    for (int i = 0; i < 400; i++) {
        if (sim_disk_snapshot (s_disk (stage, 0)) > index)
            return;
        stage_ask (stage, 0, 1);
        stage_run (stage, 3);
    }
    sim_book_break (&stage->sim->book, "0 takes no snapshot");
}

/*  Crashes while a snapshot is written: the one before counts.               */
static void
s_between_slices (stage_t *stage)
{
    for (size_t i = 0; i < 6; i++) {
        size_t place = i % 3;
        stage_until (stage, stage_leads, 0, 2000);
        s_until_puts (stage, place);
        stage_crash (stage, place);
        sim_disk_hold (s_disk (stage, place), false);
        stage_start (stage, place);
        stage_run (stage, s_draw (stage, 20));
    }
    for (size_t place = 0; place < 3; place++)
        if (!sim_disk_given_up (s_disk (stage, place)))
            sim_book_break (&stage->sim->book,
                            "%zu did not crash between slices", place);
}

/*  One that was left behind still writes a snapshot of its own when it gets a
    newer one.                                                                */
static void
s_taken_over_meanwhile (stage_t *stage)
{
    s_until_puts (stage, 2);
    stage_isolate (stage, 2, true);
    s_until_newer (stage, stage_last (stage, 2));
    stage_isolate (stage, 2, false);
    if (!stage_until_last (stage, 2, stage_last (stage, 0), 3000) ||
        !sim_disk_given_up (s_disk (stage, 2)))
        sim_book_break (&stage->sim->book, "2 did not take it over");
    sim_disk_hold (s_disk (stage, 2), false);
    stage_run (stage, 50);
}

/*  The leader sends its snapshot while it writes the next one.               */
static void
s_sent_meanwhile (stage_t *stage)
{
    stage_isolate (stage, 2, true);
    s_until_newer (stage, stage_last (stage, 2));
    s_until_puts (stage, 0);
    stage_ask (stage, 0, 3);
    stage_isolate (stage, 2, false);
    if (!stage_until_last (stage, 2, stage_last (stage, 0), 3000))
        sim_book_break (&stage->sim->book, "2 gets nothing meanwhile");
    if (!s_puts (stage, 0))
        sim_book_break (&stage->sim->book, "0 did not write meanwhile");
    sim_disk_hold (s_disk (stage, 0), false);
    stage_run (stage, 50);
}

static void
s_replies (stage_t *stage)
{
    sim_link_t link = {.delay_us = SIM_MS,
                       .jitter_us = 3 * SIM_MS,
                       .duplicate = 0.5,
                       .reorder = 0.5,
                       .reorder_us = 60 * SIM_MS};
    sim_net_set_link (stage->sim->net, &link);
    for (size_t i = 0; i < 3; i++)
        for (size_t k = 0; k < 3; k++)
            stage_copy (stage, i, k, APPENDED | VOTED | ASKED);
    for (int i = 0; i < 60; i++) {
        stage_ask (stage, 0, 1 + i % 3);
        (void)sim_replog_read (stage->sim, 0);
        stage_run (stage, s_draw (stage, 15));
        if (i % 10 == 9)
            stage_release (stage, 2);
    }
    stage_crash (stage, 0);
    stage_elect (stage, 1);
    stage_release (stage, 1);
    stage_start (stage, 0);
}

/* ---- votes ------------------------------------------------------------------
 */

/*  Who votes, answers, and is started anew has voted in that term; two that
    stand for election in it must not both get it.                            */
static void
s_vote_twice (stage_t *stage, bool before)
{
    stage_crash (stage, 0);
    stage_drop (stage, 0, 1, STAGE_ALL);
    stage_keep (stage, 2, 1, VOTED);
    stage->candidate = 1;
    if (before)
        sim_replog_plan (stage->sim, 2, SIM_PLAN_BEFORE, 0);
    stage_until (stage, stage_has_kept, 2, 3000);
    stage_pause (stage, 1, 1500);
    stage_crash (stage, 2);
    /* 2 is back when 0 stands, not before: it would stand itself */
    stage_keep (stage, 0, 2, VOTE);
    stage_start (stage, 0);
    stage->candidate = 0;
    stage_until (stage, stage_has_kept, 0, 1000);
    stage_keep (stage, 0, 2, 0);
    stage_start (stage, 2);
    stage_release_of (stage, 0);
    stage_elect (stage, 0);
    stage_ask (stage, 0, 2);
    stage_run (stage, 30);
    stage_release (stage, 1);
    stage_until (stage, stage_leads, 1, 1500);
    stage_ask (stage, 1, 2);
    stage_run (stage, 30);
    stage_drop (stage, 0, 1, 0);
    stage->candidate = SIM_REPLOG_NOBODY;
}

static void
s_vote_and_crash (stage_t *stage)
{
    s_vote_twice (stage, false);
}

/*  The same, and the crash comes before the vote is written: nobody got it.  */
static void
s_vote_before_commit (stage_t *stage)
{
    s_vote_twice (stage, true);
}

/*  The vote is written, the answer does not leave any more: the next candidate
    of the term gets no vote.                                                 */
static void
s_crash_before_answer (stage_t *stage)
{
    stage_crash (stage, 0);
    sim_replog_plan (stage->sim, 2, SIM_PLAN_AFTER, 0);
    stage->candidate = 1;
    stage_run (stage, 1200);
    stage_start (stage, 2);
    stage_start (stage, 0);
    stage->candidate = 0;
    stage_run (stage, 1000);
    stage->candidate = SIM_REPLOG_NOBODY;
}

/*  Who has less than a majority cannot lead, however often it asks.          */
static void
s_older_log (stage_t *stage)
{
    stage_isolate (stage, 2, true);
    stage_ask (stage, 0, 3);
    stage_run (stage, 100);
    stage_crash (stage, 0);
    stage_isolate (stage, 2, false);
    stage_elect (stage, 2);
    stage_ask (stage, 2, 1);
    stage_run (stage, 100);
}

/*  The longest log has an old term, the other one that is there a short log and
    a new term: they have to find together.                                   */
static void
s_old_term (stage_t *stage)
{
    stage_isolate (stage, 0, true);
    stage_ask (stage, 0, 1);
    stage->candidate = 1;
    stage->ballots_lost = true;
    stage_run (stage, 4000);
    stage->ballots_lost = false;
    stage_crash (stage, 1);
    stage_crash (stage, 2);
    stage_start (stage, 1);
    stage_isolate (stage, 0, false);
    stage->candidate = SIM_REPLOG_NOBODY;
    for (int i = 0;
         i < 100 && sim_replog_leader (stage->sim) == SIM_REPLOG_NOBODY; i++)
        stage_run (stage, 100);
    if (sim_replog_leader (stage->sim) == SIM_REPLOG_NOBODY)
        sim_book_break (&stage->sim->book,
                        "two of three are there, and nobody leads");
    stage_start (stage, 2);
}

/* ---- members ----------------------------------------------------------------
 */

/*  Ongaro 2015: two changes of members, begun by two leaders, none of which
    knows the other's. Each is committed by a majority of its own.            */
static void
s_two_configurations (stage_t *stage)
{
    stage_add (stage, 0, 4);
    stage_run (stage, 400);
    for (size_t i = 1; i < 4; i++)
        stage_cut (stage, 0, i, true);
    stage_promote (stage, 0, 4);
    stage_run (stage, 30);
    stage_drop (stage, 1, 2, APPEND);
    stage_drop (stage, 1, 3, APPEND);
    stage_cut (stage, 1, 4, true);
    stage_cut (stage, 2, 4, true);
    stage_elect (stage, 1);
    stage_remove (stage, 1, 0);
    stage_drop (stage, 1, 2, 0);
    stage_run (stage, 60);
    stage_isolate (stage, 1, true);
    stage_isolate (stage, 2, true);
    stage_cut (stage, 0, 3, false);
    stage_elect (stage, 0);
    stage_ask (stage, 0, 2);
    stage_run (stage, 300);
    stage_isolate (stage, 1, false);
    stage_isolate (stage, 2, false);
}

/*  A follower that is behind gets commands and a change of members at once, and
    takes a snapshot of the former while the latter is not committed. Then the
    change is taken back.                                                     */
static void
s_snapshot_and_members (stage_t *stage)
{
    stage_add (stage, 0, 5);
    stage_run (stage, 400);
    stage_cut (stage, 0, 1, true);
    for (int i = 0; i < 12; i++) {
        stage_ask (stage, 0, 1);
        stage_run (stage, 5);
    }
    stage_run (stage, 30);
    for (size_t i = 2; i < 5; i++)
        stage_cut (stage, 0, i, true);
    stage_promote (stage, 0, 5);
    stage_cut (stage, 0, 1, false);
    stage_run (stage, 100);
    stage_crash (stage, 0);
    stage_elect (stage, 2);
    stage_run (stage, 300);
    stage_crash (stage, 1);
    stage_start (stage, 1);
    stage_run (stage, 100);
    stage_isolate (stage, 0, false);
    stage_start (stage, 0);
}

/*  One becomes two, and the first one dies before the second knows that it has
    a vote: without that vote nobody leads ever again.                        */
static void
s_promotion_lost (stage_t *stage)
{
    stage_add (stage, 0, 1);
    stage_run (stage, 300);
    stage_drop (stage, 0, 1, APPEND);
    stage_promote (stage, 0, 1);
    stage_run (stage, 10);
    stage_crash (stage, 0);
    stage_run (stage, 300);
    stage_drop (stage, 0, 1, 0);
    stage_start (stage, 0);
}

/*  Two become one; who stays is the sole voter and leads, with a new term
    whenever it begins again.                                                 */
static void
s_two_to_one (stage_t *stage)
{
    size_t leader = (size_t)s_draw (stage, 2), other = 1 - leader;
    if (leader == 1) {
        covey_replog_yield (stage->sim->members[0].log, 0);
        sim_replog_pump (stage->sim, 0);
        stage_elect (stage, 1);
        stage_until (stage, stage_leads, 1, 1000);
    }
    if (stage_remove (stage, leader, leader) == COVEY_OK)
        sim_book_break (&stage->sim->book, "a leader removes itself");
    if (s_draw (stage, 2))
        stage_drop (stage, leader, other, APPEND);
    stage_remove (stage, leader, other);
    for (int i = 0; i < 3; i++) {
        stage_ask (stage, leader, 2);
        stage_run (stage, s_draw (stage, 8));
        stage_crash (stage, leader);
        stage_start (stage, leader);
        stage_run (stage, s_draw (stage, 30));
    }
    stage_drop (stage, leader, other, 0);
}

static void
s_three_to_two (stage_t *stage)
{
    stage_drop (stage, 0, 1, APPEND);
    stage_remove (stage, 0, 2);
    stage_run (stage, s_draw (stage, 30));
    stage_crash (stage, 0);
    stage_drop (stage, 0, 1, 0);
    stage->candidate = SIM_REPLOG_NOBODY;
    stage_run (stage, s_draw (stage, 2000));
    stage_start (stage, 0);
    stage_run (stage, 500);
}

/*  Alone, it leads at once, writes, dies, leads again: never twice in a term.
 */
static void
s_alone (stage_t *stage)
{
    for (int i = 0; i < 6; i++) {
        stage_ask (stage, 0, 2);
        stage_run (stage, s_draw (stage, 4));
        sim_replog_plan (stage->sim, 0,
                         (sim_plan_t)(SIM_PLAN_BEFORE + s_draw (stage, 2)), 0);
        stage_ask (stage, 0, 2);
        stage_run (stage, 5);
        stage_crash (stage, 0);
        stage_start (stage, 0);
    }
}

/* ---- reads ------------------------------------------------------------------
 */

/*  Let 0 believe that it leads, by answers from before, while 1 is elected and
    decides something. `asks`: questions of reads pass.                       */
static void
s_make_stale (stage_t *stage, bool asks)
{
    for (size_t i = 1; i < 3; i++)
        stage_copy (stage, i, 0, APPENDED | ASKED);
    for (int i = 0; i < 40; i++) {
        if (i % 4 == 0)
            (void)sim_replog_read (stage->sim, 0);
        stage_run (stage, 10);
    }
    for (size_t i = 1; i < 3; i++) {
        stage_copy (stage, i, 0, 0);
        stage_drop (stage, 0, i, asks ? STAGE_ALL & ~ASK : STAGE_ALL);
        stage_drop (stage, i, 0, asks ? STAGE_ALL & ~ASKED : STAGE_ALL);
    }
    stage->candidate = 1;
    for (int i = 0; i < 60 && !stage->sim->members[1].leads; i++) {
        stage_run (stage, 20);
        stage_trickle (stage);
    }
    stage_ask (stage, 1, 1);
    stage_run (stage, 10);
}

static void
s_stale_read (stage_t *stage)
{
    s_make_stale (stage, false);
    (void)sim_replog_read (stage->sim, 0);
    stage_run (stage, 2);
    stage_release (stage, 1);
    stage_run (stage, 300);
    stage_isolate (stage, 0, false);
}

static void
s_stale_question (stage_t *stage)
{
    s_make_stale (stage, true);
    (void)sim_replog_read (stage->sim, 0);
    stage_run (stage, 300);
    stage_isolate (stage, 0, false);
}

/*  Commands under way while somebody else leads, who hears of 0 all the time:
    what that one puts in their place, and that it is committed, comes in the
    very message that tells 0.                                                */
static void
s_ticket (stage_t *stage)
{
    s_make_stale (stage, true);
    stage_ask_together (stage, 0, 3);
    (void)sim_replog_read (stage->sim, 0);
    stage_run (stage, 50);
    stage_isolate (stage, 0, false);
    stage_run (stage, 300);
}

/*  A new leader does not know yet what is committed.                        */
static void
s_early_read (stage_t *stage)
{
    stage_ask (stage, 0, 1);
    for (int i = 0; i < 100 && !stage->sim->requests[0].index; i++)
        sim_replog_run (stage->sim, SIM_MS / 4);
    stage_crash (stage, 0);
    stage_drop (stage, 1, 2, APPEND);
    stage_elect (stage, 1);
    for (int i = 0; i < 50; i++) {
        (void)sim_replog_read (stage->sim, 1);
        stage_run (stage, 5);
    }
    stage_drop (stage, 1, 2, 0);
    stage_start (stage, 0);
}

/* ---- time -------------------------------------------------------------------
 */

/*  A leader from the future, then one from the past: time stands still, and the
    same falls due everywhere.                                                */
static void
s_clocks (stage_t *stage)
{
    sim_replog_t *sim = stage->sim;
    for (int i = 0; i < 6; i++) {
        size_t leader = sim_replog_leader (sim);
        for (size_t k = 0; k < sim->config.places; k++)
            sim->members[k].wall_us =
                s_draw (stage, 20 * (uint64_t)SIM_SECOND) - 10 * SIM_SECOND;
        for (int k = 0; k < 10 && leader != SIM_REPLOG_NOBODY; k++) {
            sim_replog_tick (sim, &sim->members[leader]);
            stage_ask (stage, leader, 1);
            stage_run (stage, 20);
        }
        size_t next = (leader + 1) % 3;
        if (leader == SIM_REPLOG_NOBODY)
            next = 0;
        else
            stage_crash (stage, leader);
        stage_elect (stage, next);
        stage_until (stage, stage_leads, next, 1000);
        if (leader != SIM_REPLOG_NOBODY)
            stage_start (stage, leader);
    }
}

/* ---- the list ---------------------------------------------------------------
 */

static const struct {
    const char *name;
    void (*play) (stage_t *stage);
    size_t places, voters;
    uint32_t snapshot_entries, trailing_entries;
    size_t message_max;
    size_t end_voters;
} s_scripts[] = {
    {"figure 8", s_figure_8, 5, 5, 0, 0, ONE_BY_ONE, 0},
    {"left behind", s_left_behind, 5, 5, 0, 0, 0, 0},
    {"left uncommitted", s_left_uncommitted, 5, 5, 0, 0, ONE_BY_ONE, 0},
    {"load", s_load, 3, 3, 0, 0, 0, 0},
    {"a ticket", s_ticket, 3, 3, 0, 0, 0, 0},
    {"a tail and a snapshot", s_tail_and_snapshot, 3, 3, 4, 1, 0, 0},
    {"late appends", s_late_append, 3, 1, 12, 1, 0, 0},
    {"a crash between slices", s_between_slices, 3, 3, 4, 1, 0, 0},
    {"taken over meanwhile", s_taken_over_meanwhile, 3, 3, 4, 1, 0, 0},
    {"sent meanwhile", s_sent_meanwhile, 3, 3, 4, 1, 0, 0},
    {"answers twice and late", s_replies, 3, 3, 8, 2, 0, 0},
    {"a vote, a crash", s_vote_and_crash, 3, 3, 0, 0, 0, 0},
    {"a vote not written", s_vote_before_commit, 3, 3, 0, 0, 0, 0},
    {"a vote without an answer", s_crash_before_answer, 3, 3, 0, 0, 0, 0},
    {"an old term", s_old_term, 3, 3, 0, 0, 0, 0},
    {"an older log", s_older_log, 3, 3, 0, 0, 0, 0},
    {"two configurations", s_two_configurations, 5, 4, 0, 0, 0, 5},
    {"a snapshot before members", s_snapshot_and_members, 6, 5, 8, 50, 0, 0},
    {"members taken back", s_snapshot_and_members, 6, 5, 0, 0, 0, 0},
    {"members behind a snapshot", s_snapshot_and_members, 6, 5, 12, 1, 0, 0},
    {"a lost promotion", s_promotion_lost, 3, 1, 0, 0, 0, 0},
    {"two to one", s_two_to_one, 3, 2, 0, 0, 0, 0},
    {"three to two", s_three_to_two, 3, 3, 0, 0, 0, 0},
    {"alone", s_alone, 3, 1, 4, 1, 0, 0},
    {"a stale read", s_stale_read, 3, 3, 0, 0, 0, 0},
    {"a stale question", s_stale_question, 3, 3, 0, 0, 0, 0},
    {"an early read", s_early_read, 3, 3, 0, 0, 0, 0},
    {"clocks", s_clocks, 3, 3, 8, 2, 0, 0},
};
#define SCRIPTS (sizeof s_scripts / sizeof *s_scripts)
#define SEEDS 12

size_t
sim_script_count (void)
{
    return SCRIPTS;
}

const char *
sim_script_name (size_t script)
{
    return s_scripts[script].name;
}

static bool
s_play_one (size_t script, uint64_t seed, const sim_slips_t *slips, char *why,
            size_t why_size)
{
    stage_t stage;
    sim_replog_config_t config = {
        .places = s_scripts[script].places,
        .election_ms = 300,
        .heartbeat_ms = 30,
        .snapshot_entries = s_scripts[script].snapshot_entries,
        .trailing_entries = s_scripts[script].trailing_entries,
        .message_max = s_scripts[script].message_max,
        .link = {.delay_us = SIM_MS}};
    stage_open (&stage, &config, seed, slips, s_scripts[script].voters);
    sim_replog_note (stage.sim, "the script begins");
    s_scripts[script].play (&stage);
    sim_replog_note (stage.sim, "the script is over");
    stage.sim->hold = NULL;
    sim_replog_finish (stage.sim, s_scripts[script].end_voters);
    bool fine = !sim_replog_is_broken (stage.sim);
    if (!fine) {
        snprintf (why, why_size, "seed %" PRIu64 ": %s", seed,
                  stage.sim->book.broken);
        if (!slips)
            sim_replog_print_trace (stage.sim);
    }
    stage_close (&stage);
    return fine;
}

bool
sim_script_play (size_t script, const sim_slips_t *slips, char *why,
                 size_t why_size)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        if (!s_play_one (script, seed, slips, why, why_size))
            return false;
    return true;
}
