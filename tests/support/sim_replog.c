/*  The cluster: its members' lives, its network, its time.                   */
#include "tests/support/sim_replog.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "tests/support/sim_replog_impl.h"

typedef struct {
    size_t size;
    uint8_t data[];
} sim_bytes_t;

/* ---- what happened ----------------------------------------------------------
 */

void
sim_replog_note (sim_replog_t *self, const char *fmt, ...)
{
    char *line = self->trace[self->traced++ %
                             (sizeof self->trace / sizeof *self->trace)];
    int n = snprintf (line, sizeof *self->trace, "%10.6f ",
                      (double)sim_replog_now_us (self) / SIM_SECOND);
    va_list args;
    va_start (args, fmt);
    vsnprintf (line + n, sizeof *self->trace - (size_t)n, fmt, args);
    va_end (args);
    if (self->talks)
        puts (line);
}

void
sim_replog_print_trace (const sim_replog_t *self)
{
    size_t all = sizeof self->trace / sizeof *self->trace;
    size_t count = self->traced < all ? self->traced : all;
    for (size_t i = self->traced - count; i < self->traced; i++)
        puts (self->trace[i % all]);
}

bool
sim_replog_is_broken (const sim_replog_t *self)
{
    return *self->book.broken;
}

/* ---- places and clocks ------------------------------------------------------
 */

covey_id_t
sim_place_id (size_t place)
{
    covey_id_t id = {{0xc0, [15] = (uint8_t)(place + 1)}};
    return id;
}

size_t
sim_place_of (const covey_id_t *node_id)
{
    return (size_t)node_id->bytes[15] - 1;
}

int64_t
sim_replog_now_us (const sim_replog_t *self)
{
    return self->net ? sim_net_now_us (self->net) : 0;
}

static int64_t
s_mono_us (const sim_member_t *member)
{
    int64_t now_us = sim_replog_now_us (member->sim);
    return member->offset_us + now_us + now_us / 1000 * member->ppm / 1000;
}

int64_t
sim_member_ms (const sim_member_t *member)
{
    return s_mono_us (member) / 1000;
}

/* ---- the network ------------------------------------------------------------
 */

void
sim_replog_deliver (sim_replog_t *self, size_t from, size_t to,
                    const void *data, size_t size)
{
    sim_bytes_t *bytes = covey_mem_new (sizeof *bytes + size);
    bytes->size = size;
    memcpy (bytes->data, data, size);
    sim_net_send (self->net, from, to, bytes);
}

void
sim_member_send (sim_member_t *member, const covey_id_t *node_id,
                 const void *data, size_t size)
{
    sim_replog_t *sim = member->sim;
    size_t to = sim_place_of (node_id);
    if (member->doomed)
        return;
    if (member->plan == SIM_PLAN_SENDS && !member->plan_in--) {
        sim_replog_note (sim, "%zu crashes in the middle of its messages",
                         member->place);
        member->doomed = true;
        return;
    }
    if (to >= sim->config.places || to == member->place) {
        sim_book_break (&sim->book, "place %zu sends to place %zu",
                        member->place, to);
        return;
    }
    sim->sums.messages++;
    if (!sim->hold || !sim->hold (sim->hold_arg, member->place, to, data, size))
        sim_replog_deliver (sim, member->place, to, data, size);
}

static void
s_arm (sim_member_t *member)
{
    sim_net_set_timer (member->sim->net, member->place, member->due_us);
}

/*  Now, or a little later together with what comes until then.              */
void
sim_member_want_pump (sim_member_t *member)
{
    sim_replog_t *sim = member->sim;
    if (sim->still)
        return;
    if (!sim->config.lazy || covey_prng_below (&sim->prng, 3) == 0) {
        sim_replog_pump (sim, member->place);
        return;
    }
    int64_t at_us = sim_replog_now_us (sim) +
                    (int64_t)covey_prng_below (&sim->prng, 3 * SIM_MS);
    if (at_us < member->due_us)
        member->due_us = at_us;
    s_arm (member);
}

static void
s_on_message (void *arg, size_t place, size_t from, const void *message,
              int64_t now_us)
{
    sim_replog_t *self = arg;
    sim_member_t *member = &self->members[place];
    const sim_bytes_t *bytes = message;
    (void)from;
    (void)now_us;
    if (!member->log || *self->book.broken)
        return;
    covey_err_t code = covey_replog_receive (
        member->log, sim_member_ms (member), bytes->data, bytes->size);
    if (code && code != COVEY_INVALID)
        sim_book_break (&self->book, "place %zu: a message makes %s", place,
                        covey_err_name (code));
    sim_member_want_pump (member);
}

static void
s_on_timer (void *arg, size_t place, int64_t now_us)
{
    sim_replog_t *self = arg;
    (void)now_us;
    if (self->members[place].log && !*self->book.broken)
        sim_replog_pump (self, place);
}

static void
s_release (void *arg, void *message)
{
    (void)arg;
    free (message);
}

/* ---- life -------------------------------------------------------------------
 */

sim_replog_t *
sim_replog_new (const sim_replog_config_t *config, uint64_t seed)
{
    sim_replog_t *self = covey_mem_new (sizeof *self);
    self->config = *config;
    self->seed = seed;
    self->talks = getenv ("COVEY_SIM_TRACE") != NULL;
    covey_prng_init (&self->prng, seed);
    sim_book_init (&self->book);
    sim_callbacks_t callbacks = {self, s_on_message, s_on_timer, s_release};
    self->net = sim_net_new (config->places, ~seed, &callbacks);
    sim_net_set_link (self->net, &config->link);
    covey_state_limits_init (&self->limits);
    self->limits.ended_max = 12;
    self->limits.swarms_ended_max = 3;
    self->limits.tasks_max = 16;
    self->limits.claims_max = 8;
    self->limits.claims_ended_max = 4;
    self->limits.coordinations_max = 3;
    self->limits.coordinations_ended_max = 2;
    self->judge = sim_judge_new (&self->book, &self->limits);
    for (size_t i = 0; i < config->places; i++) {
        sim_member_t *member = &self->members[i];
        sim_disk_watch_t watch;
        member->sim = self;
        member->place = i;
        member->wall_us = config->jump_us
                              ? (int64_t)covey_prng_below (
                                    &self->prng, (uint64_t)config->jump_us)
                              : 0;
        covey_effects_init (&member->effects);
        sim_watch_disk (member, &watch);
        member->disk = sim_disk_new (&watch);
    }
    return self;
}

/*  Everything that is in memory is gone.                                    */
static void
s_end (sim_member_t *member)
{
    covey_replog_close (&member->log);
    if (member->store)
        member->store->klass->close (&member->store);
    covey_state_destroy (&member->state);
    member->doomed = member->failing = member->leads = member->resumes = false;
    member->plan = SIM_PLAN_NONE;
    member->tick = 0;
    member->life++;
}

void
sim_replog_destroy (sim_replog_t **self_p)
{
    sim_replog_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    for (size_t i = 0; i < self->config.places; i++) {
        sim_member_t *member = &self->members[i];
        s_end (member);
        covey_effects_deinit (&member->effects);
        sim_disk_destroy (&member->disk);
    }
    sim_net_destroy (&self->net);
    sim_judge_destroy (&self->judge);
    sim_book_deinit (&self->book);
    free (self->member_ids.pairs);
    free (self->graves.pairs);
    free (self->tickets);
    for (size_t i = 0; i < self->request_count; i++)
        covey__control__command__free_unpacked (self->requests[i].command,
                                                NULL);
    free (self->requests);
    free (self);
}

void
sim_replog_start (sim_replog_t *self, size_t place, bool found)
{
    sim_member_t *member = &self->members[place];
    sim_replog_config_t *config = &self->config;
    covey_replog_callbacks_t callbacks;
    covey_errbuf_t err;
    if (member->log || *self->book.broken)
        return;
    member->offset_us =
        (int64_t)covey_prng_below (&self->prng, 1000 * (uint64_t)SIM_SECOND);
    member->ppm = config->drift_ppm
                      ? (int64_t)covey_prng_below (
                            &self->prng, 2 * (uint64_t)config->drift_ppm) -
                            config->drift_ppm
                      : 0;
    member->command = member->checked = 0;
    member->state = covey_state_new (&self->limits);
    sim_disk_set_lie (member->disk, self->slips.lie);
    member->store = sim_disk_open (member->disk);
    sim_watch_callbacks (member, &callbacks);
    covey_replog_config_t log_config = {
        .node_id = sim_place_id (place),
        .seed = covey_prng_next (&self->prng),
        .found = found,
        .election_ms = config->election_ms,
        .heartbeat_ms = config->heartbeat_ms,
        .snapshot_entries = config->snapshot_entries,
        .trailing_entries = config->trailing_entries,
        .message_max = config->message_max,
        .queue_max = config->queue_max,
    };
    sim_replog_note (self, "%zu starts", place);
    covey_err_t code =
        covey_replog_open (&log_config, &callbacks, member->store,
                           sim_member_ms (member), &member->log, &err);
    if (code && !member->failing && !member->doomed)
        sim_book_break (&self->book, "place %zu does not open: %s", place,
                        err.text);
    if (code) {
        s_end (member);
        member->back_us = sim_replog_now_us (self) + SIM_SECOND;
        return;
    }
    uint64_t id = covey_replog_member_id (member->log);
    const uint64_t *known = sim_map_put (&self->member_ids, id, 1, place, 0);
    if (known && (known[0] != place || sim_map_find (&self->graves, id, 1)))
        sim_book_break (&self->book, "member id %" PRIx64 " is used again", id);
    sim_replog_pump (self, place);
}

void
sim_replog_crash (sim_replog_t *self, size_t place)
{
    sim_member_t *member = &self->members[place];
    if (!member->log)
        return;
    sim_replog_note (self, "%zu crashes", place);
    self->sums.crashes++;
    s_end (member);
}

void
sim_replog_wipe (sim_replog_t *self, size_t place)
{
    sim_member_t *member = &self->members[place];
    uint64_t id = sim_disk_meta (member->disk)->member_id;
    sim_replog_note (self, "%zu is wiped, it was %" PRIx64, place, id);
    self->sums.wipes++;
    s_end (member);
    if (id)
        (void)sim_map_put (&self->graves, id, 1, sim_disk_last (member->disk),
                           place);
    sim_disk_wipe (member->disk);
    member->view.count = 0;
    member->blind = false;
}

void
sim_replog_pause (sim_replog_t *self, size_t place, int64_t for_us)
{
    sim_replog_note (self, "%zu is stopped for %.3f s", place,
                     (double)for_us / SIM_SECOND);
    self->sums.pauses++;
    sim_net_pause (self->net, place, sim_replog_now_us (self) + for_us);
}

void
sim_replog_plan (sim_replog_t *self, size_t place, sim_plan_t plan, unsigned in)
{
    self->members[place].plan = plan;
    self->members[place].plan_in = in;
}

/* ---- events -----------------------------------------------------------------
 */

/*  The pump said that it is over.                                           */
static void
s_stopped (sim_member_t *member, const covey_errbuf_t *err)
{
    sim_replog_t *sim = member->sim;
    sim_replog_note (sim, "%zu stops: %s", member->place, err->text);
    member->blind = true;
    sim->sums.stops++;
    if (!member->failing)
        sim_book_break (&sim->book, "place %zu stops itself: %s", member->place,
                        err->text);
    s_end (member);
    member->back_us = sim_replog_now_us (sim) +
                      (int64_t)covey_prng_below (&sim->prng, SIM_SECOND);
}

void
sim_replog_pump (sim_replog_t *self, size_t place)
{
    sim_member_t *member = &self->members[place];
    covey_errbuf_t err = {""};
    if (!member->log)
        return;
    covey_err_t code =
        covey_replog_pump (member->log, sim_member_ms (member), &err);
    if (member->doomed) {
        member->blind = true;
        self->sums.crashes++;
        s_end (member);
        member->back_us = sim_replog_now_us (self) +
                          (int64_t)covey_prng_below (&self->prng, 500 * SIM_MS);
        return;
    }
    if (code) {
        s_stopped (member, &err);
        return;
    }
    if (member->failing)
        sim_book_break (&self->book,
                        "place %zu: the disk failed, and it goes on", place);
    sim_watch_observe (member);
    int64_t left_us =
        (covey_replog_next_ms (member->log) * 1000 - s_mono_us (member));
    left_us += left_us / 1000 * -member->ppm / 1000;
    if (left_us < 100)
        left_us = 100;
    if (left_us > 3600 * (int64_t)SIM_SECOND)
        left_us = 3600 * (int64_t)SIM_SECOND;
    member->due_us = sim_replog_now_us (self) + left_us;
    s_arm (member);
}

void
sim_replog_run (sim_replog_t *self, int64_t for_us)
{
    sim_net_run (self->net, sim_replog_now_us (self) + for_us);
}

/* ---- getters ----------------------------------------------------------------
 */

bool
sim_replog_is_up (const sim_replog_t *self, size_t place)
{
    return self->members[place].log && !sim_net_is_paused (self->net, place);
}

size_t
sim_replog_leader (const sim_replog_t *self)
{
    size_t best = SIM_REPLOG_NOBODY;
    for (size_t i = 0; i < self->config.places; i++) {
        const sim_member_t *member = &self->members[i];
        if (member->log && member->leads &&
            (best == SIM_REPLOG_NOBODY ||
             covey_replog_term (member->log) >
                 covey_replog_term (self->members[best].log)))
            best = i;
    }
    return best;
}

uint64_t
sim_replog_id (const sim_replog_t *self, size_t place)
{
    return sim_disk_meta (self->members[place].disk)->member_id;
}

size_t
sim_replog_place (const sim_replog_t *self, uint64_t member_id)
{
    for (size_t i = 0; i < self->config.places; i++)
        if (sim_replog_id (self, i) == member_id)
            return i;
    return SIM_REPLOG_NOBODY;
}

bool
sim_view_has (const sim_view_t *view, uint64_t id)
{
    for (size_t i = 0; i < view->count; i++)
        if (view->ids[i] == id)
            return true;
    return false;
}

/*  Every view of the members that there is, old or not committed.           */
bool
sim_replog_may_wipe (const sim_replog_t *self, size_t place,
                     const sim_view_t *among)
{
    uint64_t id = sim_replog_id (self, place);
    for (size_t i = 0; i < self->config.places; i++) {
        const sim_view_t *view = &self->members[i].view;
        if (self->members[i].blind && i != place)
            return false;
        if (among && !sim_view_has (among, sim_replog_id (self, i)))
            continue;
        size_t voters = 0, there = 0, is_in = 0;
        for (size_t k = 0; k < view->count; k++)
            if (view->votes[k]) {
                voters++;
                is_in |= view->ids[k] == id;
                there +=
                    sim_replog_place (self, view->ids[k]) != SIM_REPLOG_NOBODY;
            }
        /* a view that has no majority any more decides nothing */
        if (there > voters / 2 && there - is_in <= voters / 2)
            return false;
    }
    return true;
}

sim_ticket_t *
sim_replog_ticket (sim_replog_t *self, sim_use_t use, size_t place,
                   uint64_t *ticket_p)
{
    self->tickets = covey_mem_room (self->tickets, self->ticket_count,
                                    &self->ticket_room, sizeof *self->tickets);
    sim_ticket_t *ticket = &self->tickets[self->ticket_count];
    *ticket = (sim_ticket_t){.use = use,
                             .place = place,
                             .life = self->members[place].life,
                             .request = SIZE_MAX};
    *ticket_p = ++self->ticket_count;
    return ticket;
}

covey_err_t
sim_replog_read (sim_replog_t *self, size_t place)
{
    covey_errbuf_t err;
    uint64_t number;
    sim_member_t *member = &self->members[place];
    if (!sim_replog_is_up (self, place))
        return COVEY_UNREACHABLE;
    sim_ticket_t *ticket =
        sim_replog_ticket (self, SIM_TICKET_READ, place, &number);
    ticket->floor = self->acknowledged;
    covey_err_t code = covey_replog_read (member->log, number, &err);
    if (code)
        self->ticket_count--;
    else
        sim_member_want_pump (member);
    return code;
}
