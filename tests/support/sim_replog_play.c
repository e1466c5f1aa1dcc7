/*  One seed: a cluster forms, lives through half a minute of faults, and has to
    come to rest.                                                             */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/sim_replog_impl.h"

#define STEP_US (10 * SIM_MS)
#define FAULTS_US (30 * (int64_t)SIM_SECOND)
#define REST_US (30 * (int64_t)SIM_SECOND) /* by then it is at rest */
#define CALM_US (40 * (int64_t)SIM_SECOND)
#define WINDOW 2
#define FLIGHT_US (10 * (int64_t)SIM_SECOND) /* no message is older */
#define NOTICED_US \
    (200 * SIM_MS) /* from when it could be until it is decided */

typedef struct {
    sim_replog_t *sim;
    bool faulty;
    size_t voters;   /* how many there should be                             */
    uint64_t change; /* ticket of a change of members                        */
    uint64_t last_change; /* the same, also when nobody waits for it any more */
    int64_t changed_us; /* when that was asked for                           */
    int64_t operate_us;
    double rate; /* faults per step                                          */
    double asks; /* requests per step and client                             */
    double change_share;
    bool wipes;
    size_t made_calm; /* requests made before the faults ended                */
} play_t;

static uint64_t
s_draw (play_t *play, uint64_t below)
{
    return covey_prng_below (&play->sim->prng, below);
}

static bool
s_chance (play_t *play, double share)
{
    return covey_prng_unit (&play->sim->prng) < share;
}

/* ---- members ----------------------------------------------------------------
 */

static const sim_ticket_t *
s_change (play_t *play)
{
    return play->change ? &play->sim->tickets[play->change - 1] : NULL;
}

static bool
s_is_changing (play_t *play)
{
    const sim_ticket_t *change = s_change (play);
    return change && !change->ended &&
           change->life == play->sim->members[change->place].life;
}

/*  A change whose end nobody was told may still be on its way to somebody, who
    then counts with members that no view has yet.                            */
static bool
s_is_in_doubt (const play_t *play)
{
    const sim_replog_t *sim = play->sim;
    const sim_ticket_t *last =
        play->last_change ? &sim->tickets[play->last_change - 1] : NULL;
    return last && !(last->ended && last->code == COVEY_OK) &&
           sim_replog_now_us (sim) < play->changed_us + FLIGHT_US;
}

typedef covey_err_t (change_fn) (covey_replog_t *, uint64_t, uint64_t,
                                 covey_errbuf_t *);

static void
s_do_change (play_t *play, size_t leader, change_fn *fn, uint64_t id,
             const char *what)
{
    sim_replog_t *sim = play->sim;
    covey_errbuf_t err;
    uint64_t number;
    (void)sim_replog_ticket (sim, SIM_TICKET_CHANGE, leader, &number);
    covey_err_t code = fn (sim->members[leader].log, id, number, &err);
    if (code) {
        sim->ticket_count--;
        return;
    }
    sim_replog_note (sim, "%zu is to %s %" PRIx64, leader, what, id);
    play->change = play->last_change = number;
    play->changed_us = sim_replog_now_us (sim);
    sim_member_want_pump (&sim->members[leader]);
}

static void
s_add (play_t *play, size_t leader, size_t place)
{
    sim_replog_t *sim = play->sim;
    covey_errbuf_t err;
    uint64_t number;
    covey_id_t node_id = sim_place_id (place);
    uint64_t id = sim_replog_id (sim, place);
    (void)sim_replog_ticket (sim, SIM_TICKET_CHANGE, leader, &number);
    covey_err_t code =
        covey_replog_add (sim->members[leader].log, id, &node_id, number, &err);
    if (code) {
        sim->ticket_count--;
        return;
    }
    sim_replog_note (sim, "%zu is to add %zu (%" PRIx64 ")", leader, place, id);
    play->change = play->last_change = number;
    play->changed_us = sim_replog_now_us (sim);
    sim_member_want_pump (&sim->members[leader]);
}

/*  Somebody who never was a member and could become one.                    */
static size_t
s_stranger (play_t *play, const sim_view_t *view)
{
    sim_replog_t *sim = play->sim;
    size_t first = (size_t)s_draw (play, sim->config.places);
    for (size_t i = 0; i < sim->config.places; i++) {
        size_t place = (first + i) % sim->config.places;
        uint64_t id = sim_replog_id (sim, place);
        const covey_replog_meta_t *meta =
            sim_disk_meta (sim->members[place].disk);
        if (id && sim_replog_is_up (sim, place) && !sim_view_has (view, id) &&
            covey_id_is_zero (meta->cluster.bytes))
            return place;
    }
    return SIM_REPLOG_NOBODY;
}

/*  Hints of who is next that come too early, to some, and do not agree.      */
static void
s_name_heir (play_t *play)
{
    sim_replog_t *sim = play->sim;
    for (size_t i = 0; i < sim->config.places; i++) {
        uint64_t hint = s_draw (play, 3);
        if (!sim_replog_is_up (sim, i) || hint == 0)
            continue;
        covey_replog_succeed (sim->members[i].log, hint == 1);
        sim_member_want_pump (&sim->members[i]);
    }
}

/*  Shrink by one, or take one out that is replaced later. A leader does not
    remove itself: it yields.                                                 */
static void
s_remove_one (play_t *play, size_t leader, const sim_view_t *view)
{
    sim_replog_t *sim = play->sim;
    size_t at = (size_t)s_draw (play, view->count);
    if (!view->votes[at])
        return;
    if (view->ids[at] == sim_replog_id (sim, leader)) {
        sim_replog_note (sim, "%zu is to yield", leader);
        size_t heir = (size_t)s_draw (play, sim->config.places);
        covey_replog_yield (sim->members[leader].log,
                            sim_replog_id (sim, heir));
        sim_member_want_pump (&sim->members[leader]);
        s_name_heir (play);
        return;
    }
    s_do_change (play, leader, covey_replog_remove, view->ids[at], "remove");
}

/*  Who was removed, and everybody may know it, gets a new disk.             */
static void
s_retire (play_t *play, size_t leader, const sim_view_t *view)
{
    sim_replog_t *sim = play->sim;
    for (size_t i = 0; i < sim->config.places; i++) {
        sim_member_t *member = &sim->members[i];
        const covey_replog_meta_t *meta = sim_disk_meta (member->disk);
        if (i == leader || covey_id_is_zero (meta->cluster.bytes) ||
            sim_view_has (view, meta->member_id))
            continue;
        if (!sim_replog_may_wipe (sim, i, play->faulty ? NULL : view) ||
            !s_chance (play, 0.3))
            continue;
        sim_replog_wipe (sim, i);
        sim_replog_start (sim, i, false);
    }
}

static void
s_operate (play_t *play)
{
    sim_replog_t *sim = play->sim;
    size_t leader = sim_replog_leader (sim);
    const sim_ticket_t *change = s_change (play);
    if (change && change->life != sim->members[change->place].life)
        play->change = 0; /* it took the outcome with it                      */
    if ((change && play->change && !change->ended) ||
        leader == SIM_REPLOG_NOBODY || !sim_replog_is_up (sim, leader))
        return;
    play->change = 0;
    const sim_view_t view = sim->members[leader].view;
    size_t voters = 0, gone = SIZE_MAX, spare = SIZE_MAX;
    for (size_t i = 0; i < view.count; i++) {
        voters += view.votes[i];
        if (sim_replog_place (sim, view.ids[i]) == SIM_REPLOG_NOBODY)
            gone = i;
        else if (!view.votes[i])
            spare = i;
    }
    size_t stranger = s_stranger (play, &view);
    s_retire (play, leader, &view);
    if (gone != SIZE_MAX)
        s_do_change (play, leader, covey_replog_remove, view.ids[gone],
                     "remove the wiped");
    else if (spare != SIZE_MAX && voters < play->voters)
        s_do_change (play, leader, covey_replog_promote, view.ids[spare],
                     "promote");
    else if (spare != SIZE_MAX)
        s_do_change (play, leader, covey_replog_remove, view.ids[spare],
                     "remove the spare");
    else if (voters < play->voters && stranger != SIM_REPLOG_NOBODY)
        s_add (play, leader, stranger);
    else if (voters > play->voters ||
             (play->faulty && voters > 1 && s_chance (play, 0.3)))
        s_remove_one (play, leader, &view);
}

/* ---- faults -----------------------------------------------------------------
 */

static void
s_crash (play_t *play, size_t place)
{
    sim_replog_t *sim = play->sim;
    sim_member_t *member = &sim->members[place];
    if (!member->log)
        return;
    if (s_chance (play, 0.6)) {
        sim_plan_t plan = (sim_plan_t)(SIM_PLAN_BEFORE + s_draw (play, 4));
        sim_replog_plan (sim, place, plan, (unsigned)s_draw (play, 6));
    } else
        sim_replog_crash (sim, place);
    uint64_t most_ms = s_chance (play, 0.5)   ? 20
                       : s_chance (play, 0.7) ? 1000
                                              : 6000;
    member->back_us =
        sim_replog_now_us (sim) + (int64_t)s_draw (play, most_ms) * SIM_MS;
}

static void
s_cut (play_t *play)
{
    sim_replog_t *sim = play->sim;
    size_t places = sim->config.places;
    size_t a = (size_t)s_draw (play, places), b = (size_t)s_draw (play, places);
    bool cut = s_chance (play, 0.6);
    sim->sums.cuts += cut;
    switch (s_draw (play, 4)) {
        case 0: /* one direction */
            sim_net_cut (sim->net, a, b, cut);
            break;
        case 1: /* one member from all */
            for (size_t i = 0; i < places; i++) {
                sim_net_cut (sim->net, a, i, cut);
                if (s_draw (play, 3))
                    sim_net_cut (sim->net, i, a, cut);
            }
            break;
        case 2:
            sim_net_split (sim->net, 1 + a % (places - 1), cut);
            break;
        default:
            for (size_t i = 0; i < places * places; i++)
                sim_net_cut (sim->net, i / places, i % places, false);
    }
    sim_replog_note (sim, "the network is %s", cut ? "cut" : "mended");
}

static void
s_fault (play_t *play)
{
    sim_replog_t *sim = play->sim;
    size_t place = (size_t)s_draw (play, sim->config.places);
    size_t leader = sim_replog_leader (sim);
    if (leader != SIM_REPLOG_NOBODY && s_chance (play, 0.3))
        place = leader;
    switch (s_draw (play, 8)) {
        case 0:
        case 1:
        case 2:
            s_crash (play, place);
            break;
        case 3:
            sim_replog_pause (sim, place,
                              (int64_t)s_draw (play, 4000) * SIM_MS);
            break;
        case 4:
        case 5:
            s_cut (play);
            break;
        case 6:
            /* not while a change of members waits for its turn: nobody's view
               has it yet                                                   */
            if (play->wipes && !s_is_changing (play) && !s_is_in_doubt (play) &&
                sim_replog_id (sim, place) &&
                sim_replog_may_wipe (sim, place, NULL)) {
                sim_replog_wipe (sim, place);
                sim->members[place].back_us =
                    sim_replog_now_us (sim) +
                    (int64_t)s_draw (play, 2000) * SIM_MS;
            }
            break;
        default: /* a wall clock is set */
            if (sim->config.jump_us)
                sim->members[place].wall_us =
                    (int64_t)s_draw (play, (uint64_t)sim->config.jump_us) -
                    sim->config.jump_us / 2;
    }
}

/* ---- a step -----------------------------------------------------------------
 */

static void
s_step (play_t *play)
{
    sim_replog_t *sim = play->sim;
    int64_t now_us = sim_replog_now_us (sim);
    if (play->faulty && s_chance (play, play->rate))
        s_fault (play);
    for (size_t i = 0; i < sim->config.places; i++) {
        if (!sim->members[i].log && sim->members[i].back_us <= now_us)
            sim_replog_start (sim, i, false);
        sim_replog_tick (sim, &sim->members[i]);
    }
    for (size_t c = 0; c < SIM_REPLOG_CLIENTS; c++)
        if (s_chance (play, play->asks) &&
            sim_replog_open_requests (sim, c) < WINDOW)
            sim_replog_ask (sim, c);
    sim_replog_try_all (sim);
    if (s_chance (play, 0.05))
        (void)sim_replog_read (sim, (size_t)s_draw (play, sim->config.places));
    if (play->voters && now_us >= play->operate_us) {
        play->operate_us = now_us + SIM_MS * (int64_t)(20 + s_draw (play, 800));
        if (play->faulty && s_chance (play, play->change_share))
            play->voters = 1 + (size_t)s_draw (play, 5);
        s_operate (play);
    }
    sim_replog_run (sim, STEP_US);
}

/* ---- the whole --------------------------------------------------------------
 */

static void
s_draw_config (covey_prng_t *prng, sim_replog_config_t *config)
{
    static const int64_t elections[] = {200, 400, 600, 1000};
    bool rough = covey_prng_below (prng, 4) > 0;
    *config = (sim_replog_config_t){
        .places = 3 + (size_t)covey_prng_below (prng, 2) * 2 +
                  (size_t)covey_prng_below (prng, 2),
        .election_ms = elections[covey_prng_below (prng, 4)],
        .snapshot_entries = 1 + (uint32_t)covey_prng_below (
                                    prng, covey_prng_below (prng, 2) ? 8 : 80),
        .trailing_entries = 1 + (uint32_t)covey_prng_below (prng, 24),
        .message_max = covey_prng_below (prng, 2)
                           ? 0
                           : 64 + (size_t)covey_prng_below (prng, 2000),
        .queue_max = covey_prng_below (prng, 4) ? 0 : 2,
        .lazy = covey_prng_below (prng, 2),
        .drift_ppm = covey_prng_below (prng, 2) ? 0 : 20000,
        .jump_us = covey_prng_below (prng, 2) ? 0 : 60 * (int64_t)SIM_SECOND,
        .link = {.delay_us = 500, .jitter_us = 5 * SIM_MS}};
    config->heartbeat_ms = config->election_ms / 10;
    if (!rough)
        return;
    config->link.loss = 0.2 * covey_prng_unit (prng);
    config->link.duplicate = 0.2 * covey_prng_unit (prng);
    config->link.reorder = 0.2 * covey_prng_unit (prng);
    config->link.reorder_us =
        covey_prng_below (prng, 2) ? 50 * SIM_MS : 3 * SIM_SECOND;
}

static void
s_open_play (play_t *play, sim_replog_t *sim)
{
    *play = (play_t){.sim = sim};
    play->rate = 0.05 * covey_prng_unit (&sim->prng);
    play->asks =
        0.002 + (sim->votes ? 0.1 : 0.03) * covey_prng_unit (&sim->prng);
    play->change_share = s_chance (play, 0.6) ? 0.3 : 0;
    play->wipes = s_chance (play, 0.7);
    play->voters = sim->config.places >= 5 ? 5 : 3;
    if (s_chance (play, 0.1))
        play->voters = 1;
}

/*  No faults any more, and everybody is there.                              */
static void
s_heal (play_t *play)
{
    sim_replog_t *sim = play->sim;
    size_t places = sim->config.places;
    sim_link_t link = {.delay_us = 500, .jitter_us = 2 * SIM_MS};
    play->faulty = false;
    sim->assassin = sim->deaf = 0;
    sim_net_set_link (sim->net, &link);
    for (size_t i = 0; i < places * places; i++)
        sim_net_cut (sim->net, i / places, i % places, false);
    for (size_t i = 0; i < places; i++) {
        sim->members[i].plan = SIM_PLAN_NONE;
        sim->members[i].back_us = 0;
        if (sim_net_is_paused (sim->net, i))
            sim_net_pause (sim->net, i, sim_replog_now_us (sim));
    }
    play->made_calm = sim->request_count;
    play->asks *= sim->votes ? 0.2 : 1; /* or somebody lags at any time */
    sim_replog_note (sim, "peace");
}

static const char *
s_unrest (play_t *play)
{
    sim_replog_t *sim = play->sim;
    const char *unrest = sim_replog_unrest (sim);
    if (unrest)
        return unrest;
    for (size_t i = 0; i < play->made_calm; i++)
        if (!sim->requests[i].known)
            return "a request has no answer";
    const sim_view_t *view = &sim->members[sim_replog_leader (sim)].view;
    size_t voters = 0;
    for (size_t i = 0; i < view->count; i++)
        voters += view->votes[i];
    if (!play->voters || (voters == play->voters && view->count == voters))
        return NULL;
    return voters > play->voters   ? "there are too many voters"
           : view->count != voters ? "a spare is not promoted"
                                   : "there are too few voters";
}

/*  Every ticket has ended, every acknowledged request is where it was said. */
static void
s_check_end (play_t *play)
{
    sim_replog_t *sim = play->sim;
    size_t leader = sim_replog_leader (sim);
    const sim_view_t *view = &sim->members[leader].view;
    for (size_t i = 0; i < sim->ticket_count; i++) {
        const sim_ticket_t *ticket = &sim->tickets[i];
        if (!ticket->ended && sim->members[ticket->place].log &&
            ticket->life == sim->members[ticket->place].life)
            sim_book_break (&sim->book, "a ticket of place %zu never ends",
                            ticket->place);
    }
    for (size_t i = 0; i < sim->request_count; i++) {
        const sim_request_t *request = &sim->requests[i];
        const sim_page_t *page = sim_book_page (&sim->book, request->index);
        if (request->index && (!page || !page->command))
            sim_book_break (&sim->book, "an acknowledged command is missing");
    }
    for (size_t i = 0; i < view->count; i++) {
        size_t place = sim_replog_place (sim, view->ids[i]);
        const sim_member_t *member = &sim->members[place];
        sim_book_digest (&sim->book, member->command,
                         covey_state_digest (member->state));
    }
    for (size_t key = 0; key < SIM_KEYS; key++)
        sim_watch_key (&sim->members[leader], key);
    sim_replog_check_sum (sim);
    sim_replog_check_ballots (sim);
    sim_replog_check_views (sim);
    sim_replog_check_replay (sim, leader);
}

/* ---- a deadline, and the leader dies ----------------------------------------
 */

/*  A question that nobody answers, to a swarm of voters: its number among all;
    SIZE_MAX: it takes too long.                                              */
static size_t
s_ask (play_t *play, int64_t timeout_ms)
{
    sim_replog_t *sim = play->sim;
    int64_t end_us = sim_replog_now_us (sim) + REST_US;
    bool form = true; /* first, of voters that are its members then           */
    while (sim_replog_now_us (sim) < end_us && !sim_replog_is_broken (sim)) {
        size_t asked = sim->request_count;
        sim_request_t *request = sim_replog_request (sim, 0);
        if (form)
            (void)sim_load_swarm (sim, request);
        else
            sim_load_ask_all (sim_judge_swarm (sim->judge, 0), timeout_ms,
                              request);
        while (!sim->requests[asked].known && !sim_replog_is_broken (sim) &&
               sim_replog_now_us (sim) < end_us)
            s_step (play);
        form = !form || sim->requests[asked].code;
        for (size_t i = sim->judge->vote_count; i-- > 0;)
            if (strcmp (sim->judge->votes[i].id, sim->requests[asked].object) ==
                0)
                return i;
    }
    return SIZE_MAX;
}

/*  All is well, a question is open, and its leader dies (or not) about its
    deadline: it is decided in time, or as soon as there is another leader.   */
static void
s_prove_deadline (play_t *play)
{
    sim_replog_t *sim = play->sim;
    int64_t timeout_ms = 200 + (int64_t)s_draw (play, 1000);
    int64_t kill_us =
        sim_replog_now_us (sim) +
        (int64_t)s_draw (play, (uint64_t)timeout_ms + 50) * SIM_MS;
    play->asks = 0;
    size_t number = s_ask (play, timeout_ms);
    if (number == SIZE_MAX)
        sim_book_break (&sim->book, "nobody can ask anything in peace");
    if (sim_replog_is_broken (sim))
        return;
    const sim_vote_t vote = sim->judge->votes[number];
    int64_t due_us = vote.deadline_us - SIM_EPOCH_US;
    int64_t end_us = due_us + 20 * sim->config.election_ms * SIM_MS;
    size_t victim = sim_replog_leader (sim);
    bool dies = s_chance (play, 0.8);
    while (!sim->judge->votes[number].decided &&
           sim_replog_now_us (sim) < end_us && !sim_replog_is_broken (sim)) {
        if (dies && sim_replog_now_us (sim) >= kill_us) {
            dies = false;
            sim_replog_crash (sim, victim);
            sim->members[victim].back_us = end_us;
        }
        s_step (play);
    }
    int64_t ready_us = due_us > sim->led_us ? due_us : sim->led_us;
    int64_t late_us = sim_replog_now_us (sim) - ready_us;
    if (!sim->judge->votes[number].decided)
        sim_book_break (&sim->book, "%s is not decided, with a majority alive",
                        vote.id);
    else if (late_us > NOTICED_US)
        sim_book_break (&sim->book,
                        "%s is decided %.3f s after it was due and "
                        "somebody led",
                        vote.id, (double)late_us / SIM_SECOND);
    sim->sums.proofs += sim->led_us > due_us - timeout_ms * SIM_MS;
    sim->members[victim].back_us = 0;
}

static void
s_rest (play_t *play, bool whole)
{
    sim_replog_t *sim = play->sim;
    int64_t start_us = sim_replog_now_us (sim), calm_us = 0;
    const char *unrest = "it has not begun";
    while (!sim_replog_is_broken (sim) && calm_us < REST_US && unrest) {
        s_step (play);
        calm_us = sim_replog_now_us (sim) - start_us;
        if (calm_us % (100 * SIM_MS) == 0)
            unrest = s_unrest (play);
    }
    if (unrest)
        sim_book_break (&sim->book, "after %d s of peace: %s",
                        (int)(REST_US / SIM_SECOND), unrest);
    if (sim->votes && !sim->config.jump_us && !sim_replog_is_broken (sim))
        s_prove_deadline (play);
    if (whole)
        while (!sim_replog_is_broken (sim) &&
               sim_replog_now_us (sim) < start_us + CALM_US)
            s_step (play);
    play->asks = 0;
    play->made_calm = sim->request_count;
    for (int i = 0;
         i < 500 && !sim_replog_is_broken (sim) && (unrest = s_unrest (play));
         i++)
        s_step (play);
    if (unrest)
        sim_book_break (&sim->book, "it does not stay at rest: %s", unrest);
}

static void
s_add_up (sim_replog_sums_t *to, sim_replog_t *sim)
{
    sim->sums.judged = sim->judge->sums;
    uint64_t *sum = (uint64_t *)to;
    const uint64_t *more = (const uint64_t *)&sim->sums;
    for (size_t i = 0; i < sizeof *to / sizeof *sum; i++)
        sum[i] += more[i];
    to->seeds++;
    to->commands += sim->book.command_count;
    to->facts += sim->book.fact_count;
    to->events += sim_net_stats (sim->net)->events;
}

static void
s_end_play (play_t *play, size_t voters, bool whole)
{
    s_heal (play);
    play->voters = voters;
    s_rest (play, whole);
    if (!sim_replog_is_broken (play->sim))
        s_check_end (play);
}

static void
s_run_play (play_t *play, uint64_t seed)
{
    sim_replog_t *sim = play->sim;
    size_t places = sim->config.places;
    for (size_t i = 0; i < places; i++)
        sim_replog_start (sim, i, i == 0);
    int64_t form_us = (int64_t)s_draw (play, 4000) * SIM_MS;
    while (sim_replog_now_us (sim) < form_us && !sim_replog_is_broken (sim))
        s_step (play);
    play->faulty = true;
    sim->assassin = s_chance (play, 0.3) ? 0.5 : 0;
    sim->deaf = s_chance (play, 0.5) ? 0.3 : 0;
    int64_t end_us = sim_replog_now_us (sim) + FAULTS_US;
    while (sim_replog_now_us (sim) < end_us && !sim_replog_is_broken (sim))
        s_step (play);
    s_end_play (play, places >= 5 ? 5 : 3, seed % 16 == 0);
}

bool
sim_replog_play (uint64_t seed, sim_load_t load, const sim_slips_t *slips,
                 sim_replog_sums_t *sums, char *why, size_t why_size)
{
    covey_prng_t prng;
    sim_replog_config_t config;
    play_t play;
    covey_prng_init (&prng, seed + 0x5eed);
    s_draw_config (&prng, &config);
    sim_replog_t *sim = sim_replog_new (&config, seed);
    sim->votes = load == SIM_LOAD_VOTES;
    if (slips)
        sim->slips = *slips;
    s_open_play (&play, sim);
    s_run_play (&play, seed);
    bool fine = !sim_replog_is_broken (sim);
    snprintf (why, why_size, "%s", sim->book.broken);
    if (sums)
        s_add_up (sums, sim);
    if (!fine && sums) {
        printf ("the last that happened:\n");
        sim_replog_print_trace (sim);
    }
    sim_replog_destroy (&sim);
    return fine;
}

/* ---- for scripts ------------------------------------------------------------
 */

void
sim_replog_form (sim_replog_t *self, size_t voters)
{
    play_t play = {.sim = self, .voters = voters};
    for (size_t i = 0; i < self->config.places; i++)
        sim_replog_start (self, i, i == 0);
    for (int i = 0; i < 3000 && s_unrest (&play); i++)
        s_step (&play);
    const char *unrest = s_unrest (&play);
    if (unrest)
        sim_book_break (&self->book, "no log of %zu comes together: %s", voters,
                        unrest);
}

void
sim_replog_finish (sim_replog_t *self, size_t voters)
{
    play_t play = {.sim = self, .asks = 0.01};
    if (!sim_replog_is_broken (self))
        s_end_play (&play, voters, false);
}
