/*  The log's life: opening, what comes out of it, time.                      */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "coordinator/coordinator_impl.h"
#include "coordinator/save.h"
#include "proto/event.h"

#define HEARINGS_MS 2 /* between two commands about who heard questions */

/* ---- what comes out ---------------------------------------------------------
 */

static void
s_send (void *arg, const covey_id_t *node_id, const void *data, size_t size)
{
    covey_coordinator_say (arg, node_id, COVEY_CONTROL_LOG, data, size);
}

/*  Every replica keeps them; the one that leads tells them.                  */
static void
s_keep_facts (covey_coordinator_t *self, uint64_t index)
{
    covey_effects_t *effects = &self->effects;
    covey_buf_t packed;
    covey_buf_init (&packed, COVEY_EVENT_MAX);
    for (size_t i = 0; i < effects->fact_count; i++) {
        covey_errbuf_t err;
        covey_buf_clear (&packed);
        covey_err_t code = covey_event_pack (effects->facts[i], &packed, &err);
        if (code) {
            covey_log_quoted_t quoted;
            covey_log_write (self->log, COVEY_LOG_ERROR, "coordinator",
                             "fact_not_told", "index=%llu type=%d reason=%s",
                             (unsigned long long)index,
                             covey_event_type (effects->facts[i]),
                             covey_log_quote (&quoted, err.text));
            continue;
        }
        covey_facts_put (&self->facts, index, packed.data, packed.size);
        if (!self->leads)
            continue;
        covey_coordinator_ask (self, effects->facts[i]);
        covey_postbox_put_packed (&self->postbox, packed.data, packed.size,
                                  index);
    }
    covey_buf_deinit (&packed);
}

static void
s_land (covey_coordinator_t *self, covey_coordinator_item_t *item)
{
    switch (item->kind) {
        case COVEY_ITEM_OF_REQUEST:
            covey_coordinator_answer (self, item);
            return;
        case COVEY_ITEM_OF_AGENT:
            covey_roster_settle (&self->roster, item->agent);
            break;
        case COVEY_ITEM_OF_TICK:
            self->tick_ticket = 0;
            break;
        case COVEY_ITEM_OF_HEARINGS:
            self->hearings_ticket = 0;
            break;
        case COVEY_ITEM_OF_MEMBERS:
        case COVEY_ITEM_OF_DISMISSAL:
            break;
    }
    covey_coordinator_item_destroy (&item);
}

static void
s_apply (void *arg, uint64_t index, const void *data, size_t size,
         uint64_t ticket)
{
    covey_coordinator_t *self = arg;
    /* Not covey_wire_unpack: it was checked before it was submitted, and what
       is committed must be applied. A batch of small tasks takes far more
       memory than bytes, which is refused there. */
    Covey__Control__Command *command =
        covey__control__command__unpack (NULL, size, data);
    if (!command) {
        (void)covey_fail (&self->failed, COVEY_CORRUPT,
                          "entry %llu of the control log is no command",
                          (unsigned long long)index);
        return;
    }
    covey_effects_clear (&self->effects);
    covey_state_apply (self->state, command, index, &self->effects);
    self->asked = self->asked || command->client_id;
    if (command->has_announced)
        covey_facts_announce (&self->facts, command->announced);
    s_keep_facts (self, index);
    covey_coordinator_item_t *item =
        ticket ? covey_coordinator_land (self, ticket) : NULL;
    if (item)
        s_land (self, item);
    protobuf_c_message_free_unpacked (&command->base, NULL);
}

/*  Answers to one batch travel while the next one goes to the disk.         */
static void
s_waits (void *arg)
{
    covey_coordinator_t *self = arg;
    if (!self->session)
        return;
    covey_postbox_pump (&self->postbox, self->session, self->now_ms);
    covey_session_flush (self->session, self->now_ms);
}

/*  A read that may be answered, or something that did not get there.        */
static void
s_done (void *arg, uint64_t ticket, covey_err_t code, const char *text)
{
    covey_coordinator_t *self = arg;
    covey_coordinator_item_t *item = covey_coordinator_land (self, ticket);
    if (!item)
        return;
    if (item->kind == COVEY_ITEM_OF_MEMBERS ||
        item->kind == COVEY_ITEM_OF_DISMISSAL) {
        covey_coordinator_members_done (self, item, code, text);
        covey_coordinator_item_destroy (&item);
        return;
    }
    if (item->kind == COVEY_ITEM_OF_AGENT)
        item->agent->again = true; /* the next leader sees to it */
    if (item->kind != COVEY_ITEM_OF_REQUEST) {
        s_land (self, item);
        return;
    }
    if (!item->method->op && !code) {
        item->confirmed = true;
        covey_line_push (&self->questions, item);
        return;
    }
    item->uncertain = item->uncertain || item->method->op;
    if (code == COVEY_NOCOORDINATOR || !item->method->op)
        covey_coordinator_wait (self, item);
    else
        covey_coordinator_refuse (self, item, code, text);
}

static void
s_save (void *arg, covey_buf_t *to)
{
    const covey_coordinator_t *self = arg;
    covey_facts_save (&self->facts, to);
    (void)covey_state_save (self->state, to); /* see `failed`                 */
}

static covey_err_t
s_load (void *arg, uint64_t index, const void *data, size_t size,
        covey_errbuf_t *err)
{
    covey_coordinator_t *self = arg;
    (void)index;
    size_t used = 0;
    covey_state_t *state = NULL;
    covey_err_t code = covey_facts_load (&self->facts, data, size, &used, err);
    if (!code)
        code = covey_state_load ((const uint8_t *)data + used, size - used,
                                 NULL, &state, err);
    if (code)
        return code;
    covey_state_destroy (&self->state);
    self->state = state;
    self->asked = true;
    return COVEY_OK;
}

static void
s_tell_again (void *arg, uint64_t index, const void *event, size_t size)
{
    covey_coordinator_t *self = arg;
    covey_event_t *fact = NULL;
    if (covey_event_unpack (event, size, &fact, NULL) == COVEY_OK)
        covey_coordinator_ask (self, fact);
    covey_event_destroy (&fact);
    covey_postbox_put_packed (&self->postbox, event, size, index);
}

/*  Everything that was kept for this moment: facts that nobody may have told,
    agents that the node sees, orders that another one began.                 */
static void
s_begin_to_lead (covey_coordinator_t *self)
{
    self->counters.elections++;
    self->leads_since_ms = self->now_ms;
    self->resume_due = true;
    self->tick_ticket = self->members_ticket = self->dismissal_ticket = 0;
    self->hearings_ticket = 0;
    self->missing_ms = self->now_ms + COVEY_COORDINATOR_GRACE_MS;
    self->care_ms = self->now_ms;
    self->announce_ms = self->now_ms + COVEY_COORDINATOR_ANNOUNCE_MS;
    covey_logclock_lead (&self->logclock, covey_state_now_us (self->state),
                         self->now_ms);
    covey_caretaker_init (&self->caretaker);
    covey_roster_review (&self->roster);
    covey_facts_each (&self->facts, s_tell_again, self);
}

static void
s_leads (void *arg, bool leads)
{
    covey_coordinator_t *self = arg;
    bool yielded = self->yields && !leads;
    self->leads = leads;
    self->yields = self->is_stuck = false;
    covey_log_write (self->log, COVEY_LOG_INFO, "coordinator",
                     leads ? "leads" : "leads_no_more", "term=%llu",
                     (unsigned long long)(self->replog
                                              ? covey_replog_term (self->replog)
                                              : 0));
    if (leads) {
        s_begin_to_lead (self);
        return;
    }
    if (yielded)
        covey_coordinator_name_heir (self);
    covey_postbox_drop_facts (&self->postbox);
    covey_coordinator_item_t *item;
    while ((item = covey_line_pop (&self->questions)))
        covey_coordinator_wait (self, item);
    covey_coordinator_hand_over (self);
}

/* ---- opening and closing ----------------------------------------------------
 */

static covey_err_t
s_open_replog (covey_coordinator_t *self, covey_errbuf_t *err)
{
    covey_replog_config_t config = {.node_id = self->node_id,
                                    .found = self->found,
                                    .election_ms = self->election_ms};
    covey_id_t seed = covey_id_new ();
    memcpy (&config.seed, seed.bytes + 8, sizeof config.seed);
    covey_replog_callbacks_t callbacks = {.arg = self,
                                          .send = s_send,
                                          .apply = s_apply,
                                          .waits = s_waits,
                                          .done = s_done,
                                          .save = s_save,
                                          .load = s_load,
                                          .leads = s_leads};
    self->state = covey_state_new (NULL);
    covey_facts_deinit (&self->facts);
    covey_facts_init (&self->facts);
    self->asked = false;
    self->failed.text[0] = '\0';
    return covey_replog_open (&config, &callbacks, self->store, self->now_ms,
                              &self->replog, err);
}

/*  A disk that can be read and not written is found out here.               */
static covey_err_t
s_pump (covey_coordinator_t *self, covey_errbuf_t *err)
{
    covey_err_t code = covey_replog_pump (self->replog, self->now_ms, err);
    if (!code && *self->failed.text)
        code = covey_fail (err, COVEY_CORRUPT, "%s", self->failed.text);
    return code;
}

covey_err_t
covey_coordinator_open (covey_coordinator_t *self, covey_errbuf_t *err)
{
    covey_state_t *before = self->state; /* for stale reads, if this fails */
    covey_err_t code =
        covey_replog_store_sqlite (self->log_path, &self->store, err);
    if (!code)
        code = s_open_replog (self, err);
    if (!code)
        code = s_pump (self, err);
    if (code) {
        covey_coordinator_close (self);
        if (before && before != self->state) {
            covey_state_destroy (&self->state);
            self->state = before;
        }
        return code;
    }
    if (before != self->state)
        covey_state_destroy (&before);
    covey_log_write (self->log, COVEY_LOG_INFO, "coordinator", "recovered",
                     "member=%016llx entries=%llu applied=%llu",
                     (unsigned long long)covey_replog_member_id (self->replog),
                     (unsigned long long)covey_replog_last (self->replog),
                     (unsigned long long)covey_replog_applied (self->replog));
    return COVEY_OK;
}

/*  Of all logs that were opened.                                            */
static covey_replog_stats_t
s_stats (const covey_coordinator_t *self)
{
    covey_replog_stats_t sum = self->past;
    if (!self->replog)
        return sum;
    const covey_replog_stats_t *now = covey_replog_stats (self->replog);
    sum.refused += now->refused;
    sum.terms += now->terms;
    sum.reloads += now->reloads;
    sum.snapshots += now->snapshots;
    sum.installed += now->installed;
    sum.commits += now->commits;
    return sum;
}

Covey__Control__LogFigures
covey_coordinator_figures (const covey_coordinator_t *self)
{
    Covey__Control__LogFigures figures = COVEY__CONTROL__LOG_FIGURES__INIT;
    const covey_replog_stats_t stats = s_stats (self);
    figures.has_applied = figures.has_snapshot_index = true;
    figures.has_bytes = figures.has_elections = figures.has_commits = true;
    figures.has_snapshots = figures.has_installed = figures.has_reloads = true;
    figures.has_restarts = figures.has_messages_refused = true;
    if (self->replog) {
        figures.applied = covey_replog_applied (self->replog);
        figures.snapshot_index = covey_replog_snapshot (self->replog);
        figures.bytes = self->store->klass->bytes (self->store);
    }
    figures.elections = self->counters.elections;
    figures.commits = stats.commits;
    figures.snapshots = stats.snapshots;
    figures.installed = stats.installed;
    figures.reloads = stats.reloads;
    figures.restarts = self->counters.restarts;
    figures.messages_refused = stats.refused;
    return figures;
}

void
covey_coordinator_close (covey_coordinator_t *self)
{
    self->past = s_stats (self);
    covey_replog_close (&self->replog);
    if (self->store)
        self->store->klass->close (&self->store);
    if (self->leads)
        s_leads (self, false);
    covey_coordinator_item_t *item;
    while ((item = covey_tree_first (&self->flying)))
        s_done (self, item->ticket, COVEY_NOCOORDINATOR,
                "the coordinator stopped");
    covey_coordinator_tell_rank (self);
}

/*  A write failed, or a promise would have been broken. Whether something is on
    the disk only a fresh look tells: the state is built anew from it.        */
static void
s_break (covey_coordinator_t *self, const char *text)
{
    covey_log_quoted_t quoted;
    covey_log_write (self->log, COVEY_LOG_ERROR, "coordinator", "log_failed",
                     "reason=%s", covey_log_quote (&quoted, text));
    covey_coordinator_close (self);
    self->counters.restarts++;
    self->reopen_ms = self->now_ms + COVEY_COORDINATOR_REOPEN_MS;
}

void
covey_coordinator_reset (covey_coordinator_t *self, const char *why)
{
    covey_log_quoted_t quoted;
    covey_log_write (self->log, COVEY_LOG_WARN, "coordinator", "begins_anew",
                     "reason=%s", covey_log_quote (&quoted, why));
    covey_coordinator_close (self);
    static const char *const ends[] = {"", "-wal", "-shm"};
    for (size_t i = 0; self->log_path && i < 3; i++) {
        covey_buf_t path;
        covey_buf_init (&path, 8192);
        covey_buf_printf (&path, "%s%s", self->log_path, ends[i]);
        char *text = covey_buf_steal (&path);
        (void)unlink (text); /* the fresh look will say                       */
        free (text);
        covey_buf_deinit (&path);
    }
    self->found = false;
    self->reopen_ms = self->now_ms;
}

void
covey_coordinator_pump (covey_coordinator_t *self)
{
    covey_errbuf_t err;
    bool led = self->leads;
    uint64_t elections = self->counters.elections;
    if (!self->replog)
        return;
    if (s_pump (self, &err)) {
        s_break (self, err.text);
        return;
    }
    if (self->leads != led || self->counters.elections != elections)
        covey_coordinator_tell_rank (self);
    covey_coordinator_answer_questions (self);
}

void
covey_coordinator_yield (covey_coordinator_t *self, uint64_t heir)
{
    if (!self->replog || !self->leads || covey_coordinator_voters (self) < 2)
        return;
    self->yields = true;
    self->heir = heir ? heir : covey_coordinator_best_heir (self);
    covey_replog_yield (self->replog, self->heir);
}

bool
covey_coordinator_is_in_charge (const covey_coordinator_t *self)
{
    return self->replog && self->leads && !self->yields;
}

void
covey_coordinator_tell_rank (covey_coordinator_t *self)
{
    if (!self->session)
        return;
    Covey__Wire__ServiceState state = COVEY__WIRE__SERVICE_STATE__INIT;
    state.rank =
        self->replog && self->leads ? covey_replog_term (self->replog) : 0;
    state.has_stands_in = state.stands_in = self->stands_in;
    covey_session_send_frame (self->session, COVEY_FRAME_SERVICE_STATE,
                              &state.base);
}

/* ---- commands ---------------------------------------------------------------
 */

/*  What the clocks of the other voters say now.                              */
static size_t
s_clocks (const covey_coordinator_t *self,
          int64_t clocks[COVEY_REPLOG_MEMBERS_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < covey_replog_member_count (self->replog); i++) {
        covey_replog_member_t member;
        covey_replog_member (self->replog, i, &member);
        const covey_fellow_t *fellow =
            covey_fellows_find (&self->fellows, &member.node_id);
        if (member.role == COVEY_REPLOG_VOTER && fellow && fellow->heard_ms &&
            fellow->member_id == member.member_id &&
            count < COVEY_REPLOG_MEMBERS_MAX)
            clocks[count++] = self->now_us + fellow->skew_us;
    }
    return count;
}

int64_t
covey_coordinator_log_time (covey_coordinator_t *self)
{
    int64_t clocks[COVEY_REPLOG_MEMBERS_MAX];
    size_t count = s_clocks (self, clocks);
    int64_t now_us =
        covey_logclock_now (&self->logclock, self->now_us, self->now_ms, clocks,
                            count, covey_coordinator_voters (self));
    if (self->logclock.ahead_us &&
        self->now_ms - self->warned_ms > COVEY_COORDINATOR_WARN_MS) {
        self->warned_ms = self->now_ms;
        covey_log_write (self->log, COVEY_LOG_WARN, "coordinator",
                         "clock_ahead", "seconds=%lld",
                         (long long)(self->logclock.ahead_us / 1000000));
    }
    return now_us;
}

/*  While nothing is decided nobody can renew a lease either, so none may run
   out: log time stands still. But the role of one that is gone is given to
   another one, who may be the persister that everybody waits for. */
static int64_t
s_command_time (covey_coordinator_t *self,
                const Covey__Control__Command *command)
{
    int64_t now_us = covey_coordinator_log_time (self);
    if (!self->is_stuck ||
        (command->op_case == COVEY__CONTROL__COMMAND__OP_ROLE_CLAIM &&
         covey_state_is_role_overdue (self->state, command->role_claim->role,
                                      now_us)))
        return now_us;
    return covey_state_now_us (self->state);
}

covey_err_t
covey_coordinator_submit (covey_coordinator_t *self,
                          covey_coordinator_item_t *item,
                          Covey__Control__Command *command, covey_errbuf_t *err)
{
    int64_t log_us = s_command_time (self, command);
    command->log_time_us = log_us;
    command->has_announced = true;
    command->announced = covey_postbox_announced (
        &self->postbox, covey_state_index (self->state));
    size_t size = covey__control__command__get_packed_size (command);
    uint8_t *bytes = covey_mem_new (size);
    covey__control__command__pack (command, bytes);
    covey_err_t code =
        covey_replog_submit (self->replog, bytes, size, item->ticket, err);
    free (bytes);
    if (code)
        return code;
    covey_logclock_stamp (&self->logclock, log_us, self->now_ms);
    self->announce_ms = self->now_ms + COVEY_COORDINATOR_ANNOUNCE_MS;
    covey_coordinator_fly (self, item);
    return COVEY_OK;
}

/* ---- timers -----------------------------------------------------------------
 */

/*  Facts were told that the log still has for untold.                        */
static bool
s_must_announce (const covey_coordinator_t *self)
{
    uint64_t first = covey_facts_first (&self->facts);
    return first &&
           covey_postbox_announced (&self->postbox,
                                    covey_state_index (self->state)) >= first;
}

static void
s_submit_tick (covey_coordinator_t *self)
{
    covey_errbuf_t err;
    Covey__Control__Tick tick = COVEY__CONTROL__TICK__INIT;
    Covey__Control__Command command = COVEY__CONTROL__COMMAND__INIT;
    /* Leases ran out while nobody could report: they begin anew. */
    tick.has_resumed = tick.resumed = self->resume_due;
    command.op_case = COVEY__CONTROL__COMMAND__OP_TICK;
    command.tick = &tick;
    covey_coordinator_item_t *item =
        covey_coordinator_item_new (self, COVEY_ITEM_OF_TICK);
    if (covey_coordinator_submit (self, item, &command, &err)) {
        covey_coordinator_item_destroy (&item);
        return; /* there are others, which carry the time, too */
    }
    self->tick_ticket = item->ticket;
    self->resume_due = false;
}

/*  Facts find nobody, or somebody again.                                     */
static void
s_watch_facts (covey_coordinator_t *self)
{
    bool stuck = covey_postbox_is_stuck (&self->postbox, self->now_ms);
    if (stuck == self->is_stuck)
        return;
    self->is_stuck = stuck;
    self->resume_due = self->resume_due || !stuck;
    covey_log_quoted_t quoted;
    if (stuck)
        covey_log_write (self->log, COVEY_LOG_WARN, "coordinator",
                         "facts_not_taken", "waiting=%zu reason=%s",
                         self->postbox.unsent.count,
                         covey_log_quote (&quoted, self->postbox.why.text));
    else
        covey_log_write (self->log, COVEY_LOG_INFO, "coordinator",
                         "facts_taken_again", "waiting=%zu",
                         self->postbox.unsent.count);
}

static void
s_tick_leader (covey_coordinator_t *self)
{
    s_watch_facts (self);
    if (self->tick_ticket || self->is_stuck ||
        (covey_postbox_has_backlog (&self->postbox) && !self->resume_due))
        return;
    if (self->resume_due ||
        covey_state_next_us (self->state) <=
            covey_coordinator_log_time (self) ||
        (self->now_ms >= self->announce_ms && s_must_announce (self)))
        s_submit_tick (self);
}

void
covey_coordinator_tick (covey_coordinator_t *self)
{
    covey_errbuf_t err;
    covey_log_quoted_t quoted;
    if (!self->replog && self->now_ms >= self->reopen_ms) {
        self->reopen_ms = self->now_ms + COVEY_COORDINATOR_REOPEN_MS;
        if (covey_coordinator_open (self, &err))
            covey_log_write (self->log, COVEY_LOG_ERROR, "coordinator",
                             "log_unusable", "reason=%s",
                             covey_log_quote (&quoted, err.text));
        else
            covey_coordinator_tell_rank (self);
    }
    if (covey_coordinator_is_in_charge (self)) {
        s_tick_leader (self);
        covey_coordinator_follow (self);
        covey_coordinator_record_heard (self);
    }
    covey_coordinator_go_on (self);
    if (self->now_ms >= self->care_ms) {
        self->care_ms = self->now_ms + COVEY_COORDINATOR_CARE_MS;
        covey_coordinator_care (self);
    }
    covey_coordinator_seek (self);
    covey_coordinator_forward (self);
}

static int64_t
s_sooner (int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t
s_leader_next_ms (covey_coordinator_t *self)
{
    int64_t next_ms = INT64_MAX;
    if (covey_postbox_has_backlog (&self->postbox))
        return self->now_ms + COVEY_POSTBOX_RETRY_MS;
    if (self->tick_ticket)
        return next_ms;
    int64_t due_us = covey_state_next_us (self->state);
    if (due_us != INT64_MAX) {
        int64_t left_us = due_us - covey_coordinator_log_time (self);
        next_ms = self->now_ms + (left_us > 0 ? (left_us + 999) / 1000 : 0);
    }
    if (self->resume_due)
        next_ms = self->now_ms;
    if (self->hearings.count && !self->hearings_ticket)
        next_ms = s_sooner (next_ms, self->now_ms + HEARINGS_MS);
    if (s_must_announce (self))
        next_ms = s_sooner (next_ms, self->announce_ms);
    return next_ms;
}

int64_t
covey_coordinator_next_ms (covey_coordinator_t *self)
{
    int64_t next_ms =
        s_sooner (self->care_ms, self->replog ? INT64_MAX : self->reopen_ms);
    if (self->replog)
        next_ms = s_sooner (next_ms, covey_replog_next_ms (self->replog));
    if (covey_coordinator_is_in_charge (self))
        next_ms = s_sooner (next_ms, s_leader_next_ms (self));
    if (self->waiting.count || self->admin.item)
        next_ms =
            s_sooner (next_ms, self->now_ms + COVEY_COORDINATOR_RESEND_MS / 4);
    for (const covey_coordinator_item_t *item = self->waiting.first; item;
         item = item->next)
        next_ms = s_sooner (next_ms, item->deadline_ms);
    int64_t post_ms = covey_postbox_next_ms (&self->postbox);
    if (post_ms > self->now_ms) /* else it waits for the session */
        next_ms = s_sooner (next_ms, post_ms);
    return next_ms;
}
