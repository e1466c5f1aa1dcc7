/*  Methods about the coordinators themselves: mesh.coordinator and what is
    below it. Orders are carried out by the leader, one at a time, and answered
    when they are done.                                                       */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/coordinator_impl.h"
#include "proto/event.h"
#include "proto/json.h"

#define LEARN_MS 50 /* between two looks at somebody who catches up */
#define PATIENCE_MS                                           \
    3000 /* for a node that has just come to say what it runs \
          */

/* ---- what there is ----------------------------------------------------------
 */

static const char *
s_name (const covey_coordinator_t *self, const covey_id_t *node_id, char id[37])
{
    if (covey_id_equal (node_id->bytes, self->node_id.bytes) &&
        *self->node_name)
        return self->node_name;
    return covey_fellows_name (&self->fellows, node_id, id);
}

/*  This node too.                                                           */
static const covey_id_t *
s_leader (const covey_coordinator_t *self)
{
    return self->leads ? &self->node_id : covey_coordinator_leader (self);
}

static void
s_fill_counters (const covey_coordinator_t *self,
                 Covey__Control__CoordinatorStatus *to)
{
    const Covey__Control__LogFigures log = covey_coordinator_figures (self);
    to->has_log_index = to->has_applied = to->has_snapshot_index = true;
    to->has_log_bytes = to->has_elections = to->has_commits = true;
    to->has_snapshots = to->has_installed = to->has_reloads = true;
    to->has_restarts = to->has_messages_refused = true;
    to->has_forwarded = to->has_refused = to->has_waiting = true;
    to->has_facts_kept = to->has_facts_dropped = true;
    to->log_index = self->replog ? covey_replog_last (self->replog) : 0;
    to->applied = log.applied;
    to->snapshot_index = log.snapshot_index;
    to->log_bytes = log.bytes;
    to->elections = log.elections;
    to->commits = log.commits;
    to->snapshots = log.snapshots;
    to->installed = log.installed;
    to->reloads = log.reloads;
    to->restarts = log.restarts;
    to->messages_refused = log.messages_refused;
    to->forwarded = self->counters.forwarded;
    to->refused = self->counters.refused;
    to->has_refused_facts = to->has_longest_turn = true;
    to->refused_facts = self->counters.refused_facts;
    to->longest_turn = (uint64_t)self->counters.longest_turn_ms;
    to->has_hearings_dropped = true;
    to->hearings_dropped = self->hearings.dropped;
    to->waiting = (uint32_t)self->waiting.count;
    to->facts_kept = (uint32_t)self->facts.count;
    to->facts_dropped = self->facts.dropped;
}

static void
s_show_status (covey_coordinator_t *self, covey_coordinator_item_t *item)
{
    char ids[COVEY_REPLOG_MEMBERS_MAX + 2][37];
    char *members[COVEY_REPLOG_MEMBERS_MAX];
    Covey__Control__CoordinatorStatus status =
        COVEY__CONTROL__COORDINATOR_STATUS__INIT;
    const covey_id_t *leader = s_leader (self);
    if (leader)
        status.leader = (char *)s_name (self, leader, ids[0]);
    status.node = (char *)s_name (self, &self->node_id, ids[1]);
    status.members = members;
    for (size_t i = 0;
         self->replog && i < covey_replog_member_count (self->replog); i++) {
        covey_replog_member_t member;
        covey_replog_member (self->replog, i, &member);
        if (member.role == COVEY_REPLOG_VOTER &&
            status.n_members < COVEY_REPLOG_MEMBERS_MAX) {
            members[status.n_members] = (char *)s_name (
                self, &member.node_id, ids[status.n_members + 2]);
            status.n_members++;
        }
    }
    status.has_term = status.has_quorum = true;
    status.term = self->replog ? covey_replog_term (self->replog) : 0;
    status.quorum = status.n_members ? (uint32_t)(status.n_members / 2 + 1) : 0;
    covey_state_status (self->state, &status);
    s_fill_counters (self, &status);
    covey_buf_t json;
    covey_buf_init (&json, COVEY_PAYLOAD_MAX);
    if (covey_json_write (&status.base, &json))
        json.failed = true;
    covey_coordinator_reply (self, item, &json);
    covey_buf_deinit (&json);
}

typedef struct {
    Covey__Control__CoordinatorView view;
    char id[17];
    char node[37];
    char node_id[37];
    Covey__Control__LogFigures log;
} admin_row_t;

static void
s_fill_row (const covey_coordinator_t *self, const covey_id_t *node_id,
            uint64_t member_id, const char *role, admin_row_t *row)
{
    covey__control__coordinator_view__init (&row->view);
    (void)snprintf (row->id, sizeof row->id, "%016" PRIx64, member_id);
    covey_id_text (node_id->bytes, row->node_id);
    row->view.id = row->id;
    row->view.node = (char *)s_name (self, node_id, row->node);
    row->view.node_id = row->node_id;
    row->view.role = (char *)role;
    const covey_fellow_t *fellow = covey_fellows_find (&self->fellows, node_id);
    bool own = covey_id_equal (node_id->bytes, self->node_id.bytes);
    row->view.has_alive = true;
    row->view.alive = own || (fellow && fellow->alive);
    if (own)
        row->log = covey_coordinator_figures (self);
    else if (fellow && fellow->member_id == member_id)
        row->log = fellow->log;
    if (row->log.base.descriptor) /* it was heard                             */
        row->view.log = &row->log;
}

/*  What only the leader knows.                                              */
static void
s_fill_progress (const covey_coordinator_t *self,
                 const covey_replog_member_t *member, admin_row_t *row)
{
    uint64_t last = covey_replog_last (self->replog);
    bool own = member->member_id == covey_replog_member_id (self->replog);
    if (!self->leads && !own)
        return;
    uint64_t match = own ? last : member->match;
    row->view.has_match = row->view.has_lag = true;
    row->view.match = match;
    row->view.lag = last > match ? last - match : 0;
    if (own || member->heard_ms >= 0) {
        int64_t ago_ms = own ? 0 : self->now_ms - member->heard_ms;
        row->view.has_heard_at = true;
        row->view.heard_at = self->now_us - ago_ms * 1000;
    }
}

/*  A member was heard on this node since, so that the fellow's id is the one
    that the node had before it was removed and added again.                  */
static bool
s_is_former (const covey_coordinator_t *self, const covey_fellow_t *fellow)
{
    for (size_t i = 0; i < covey_replog_member_count (self->replog); i++) {
        covey_replog_member_t member;
        covey_replog_member (self->replog, i, &member);
        if (covey_id_equal (member.node_id.bytes, fellow->node_id.bytes) &&
            member.heard_ms >= fellow->heard_ms)
            return true;
    }
    return false;
}

static size_t
s_fill_rows (const covey_coordinator_t *self, admin_row_t *rows, size_t max)
{
    size_t count = 0;
    const covey_id_t *leader = s_leader (self);
    for (size_t i = 0; self->replog && count < max &&
                       i < covey_replog_member_count (self->replog);
         i++) {
        covey_replog_member_t member;
        covey_replog_member (self->replog, i, &member);
        bool leads =
            leader && covey_id_equal (leader->bytes, member.node_id.bytes);
        const char *role = member.role == COVEY_REPLOG_SPARE ? "learner"
                           : leads                           ? "leader"
                                                             : "voter";
        s_fill_row (self, &member.node_id, member.member_id, role,
                    &rows[count]);
        s_fill_progress (self, &member, &rows[count++]);
    }
    const covey_fellow_t *fellow = NULL;
    while (self->replog && count < max &&
           (fellow = covey_fellows_next (&self->fellows, fellow))) {
        if (!fellow->alive || !fellow->serves || !fellow->heard_ms ||
            covey_coordinator_is_member (self, fellow->member_id) ||
            s_is_former (self, fellow))
            continue;
        s_fill_row (self, &fellow->node_id, fellow->member_id, "spare",
                    &rows[count++]);
    }
    return count;
}

static void
s_show_list (covey_coordinator_t *self, covey_coordinator_item_t *item)
{
    enum { ROWS = COVEY_REPLOG_MEMBERS_MAX + 1000 };
    char id[37];
    admin_row_t *rows = covey_mem_new (ROWS * sizeof *rows);
    Covey__Control__CoordinatorView **views =
        covey_mem_new (ROWS * sizeof *views);
    Covey__Control__CoordinatorList list =
        COVEY__CONTROL__COORDINATOR_LIST__INIT;
    const covey_id_t *leader = s_leader (self);
    if (leader)
        list.leader = (char *)s_name (self, leader, id);
    list.has_term = list.has_quorum = true;
    list.term = self->replog ? covey_replog_term (self->replog) : 0;
    size_t voters = covey_coordinator_voters (self);
    list.quorum = voters ? (uint32_t)(voters / 2 + 1) : 0;
    list.n_coordinators = s_fill_rows (self, rows, ROWS);
    for (size_t i = 0; i < list.n_coordinators; i++)
        views[i] = &rows[i].view;
    list.coordinators = views;
    covey_buf_t json;
    covey_buf_init (&json, COVEY_PAYLOAD_MAX);
    if (covey_json_write (&list.base, &json))
        json.failed = true;
    covey_coordinator_reply (self, item, &json);
    covey_buf_deinit (&json);
    free (views);
    free (rows);
}

/* ---- orders -----------------------------------------------------------------
 */

static covey_coordinator_item_t *
s_release (covey_coordinator_t *self)
{
    covey_coordinator_item_t *item = self->admin.item;
    memset (&self->admin, 0, sizeof self->admin);
    return item;
}

/*  Kept for a while: who asked may ask again, because the answer went to a
    question that it had given up.                                            */
static void
s_finish (covey_coordinator_t *self)
{
    covey_coordinator_item_t *item = s_release (self);
    covey_admin_done_t *done =
        &self->done[self->done_next++ % COVEY_ADMIN_RECENT];
    (void)covey_str_copy (done->client, sizeof done->client,
                          covey_event_source (item->request));
    (void)covey_str_copy (done->request, sizeof done->request,
                          covey_event_str (item->request, "requestId"));
    s_show_list (self, item);
}

static bool
s_is_done (const covey_coordinator_t *self, const covey_event_t *request)
{
    for (size_t i = 0; i < COVEY_ADMIN_RECENT; i++)
        if (strcmp (self->done[i].request,
                    covey_event_str (request, "requestId")) == 0 &&
            strcmp (self->done[i].client, covey_event_source (request)) == 0)
            return true;
    return false;
}

static bool
s_is_same (const covey_event_t *a, const covey_event_t *b)
{
    return strcmp (covey_event_str (a, "requestId"),
                   covey_event_str (b, "requestId")) == 0 &&
           strcmp (covey_event_source (a), covey_event_source (b)) == 0;
}

__attribute__ ((format (printf, 3, 4))) static void
s_fail (covey_coordinator_t *self, covey_err_t code, const char *fmt, ...)
{
    covey_errbuf_t text;
    va_list args;
    va_start (args, fmt);
    (void)vsnprintf (text.text, sizeof text.text, fmt, args);
    va_end (args);
    covey_coordinator_refuse (self, s_release (self), code, text.text);
}

/*  False: nothing is to be begun: it is done, or under way already, or another
    one is, and this one was refused.                                         */
static bool
s_begin (covey_coordinator_t *self, covey_coordinator_item_t *item,
         covey_admin_phase_t phase)
{
    if (s_is_done (self, item->request)) {
        s_show_list (self, item);
        return false;
    }
    if (self->admin.item &&
        s_is_same (self->admin.item->request, item->request)) {
        covey_coordinator_item_destroy (&self->admin.item);
        self->admin.item = item; /* it waits for the answer now               */
        return false;
    }
    if (self->admin.item) {
        covey_coordinator_refuse (
            self, item, COVEY_BUSY,
            "another change of the coordinators is under way; see \"covey "
            "coordinator list\" and try again");
        return false;
    }
    self->admin = (covey_admin_t){.item = item,
                                  .phase = phase,
                                  .patience_ms = self->now_ms + PATIENCE_MS};
    return true;
}

/*  The member of the log on a node; false: there is none.                   */
static bool
s_member_on (const covey_coordinator_t *self, const covey_id_t *node_id,
             covey_replog_member_t *member)
{
    for (size_t i = 0; i < covey_replog_member_count (self->replog); i++) {
        covey_replog_member (self->replog, i, member);
        if (covey_id_equal (member->node_id.bytes, node_id->bytes))
            return true;
    }
    return false;
}

/*  OK: the node that an order names. Its own name is always known here.      */
static covey_err_t
s_resolve (const covey_coordinator_t *self, const char *text,
           covey_id_t *node_id, covey_errbuf_t *err)
{
    char id[37];
    covey_id_text (self->node_id.bytes, id);
    *node_id = self->node_id;
    if (strcmp (text, id) == 0 || strcmp (text, self->node_name) == 0)
        return COVEY_OK;
    const covey_fellow_t *fellow;
    covey_err_t code =
        covey_fellows_resolve (&self->fellows, text, &fellow, err);
    if (!code)
        *node_id = fellow->node_id;
    return code;
}

static void
s_add (covey_coordinator_t *self, covey_coordinator_item_t *item)
{
    covey_errbuf_t err;
    covey_replog_member_t member;
    const char *name = ((Covey__Control__CoordinatorRef *)item->params)->node;
    if (!s_begin (self, item, COVEY_ADMIN_FIND))
        return;
    covey_err_t code = s_resolve (self, name, &self->admin.node_id, &err);
    if (code)
        s_fail (self, code, "%s", err.text);
    else if (s_member_on (self, &self->admin.node_id, &member)) {
        if (member.role == COVEY_REPLOG_VOTER) {
            s_fail (self, COVEY_EXISTS, "node %.100s is a voter already", name);
            return;
        }
        self->admin.phase = COVEY_ADMIN_LEARN;
        self->admin.member_id = member.member_id;
    } else if (covey_replog_member_count (self->replog) >=
               COVEY_REPLOG_MEMBERS_MAX)
        s_fail (self, COVEY_LIMIT,
                "the log has %d members, more are not useful",
                COVEY_REPLOG_MEMBERS_MAX);
}

static void
s_remove (covey_coordinator_t *self, covey_coordinator_item_t *item)
{
    covey_errbuf_t err;
    covey_replog_member_t member;
    const char *name = ((Covey__Control__CoordinatorRef *)item->params)->node;
    if (!s_begin (self, item, COVEY_ADMIN_LEAVE))
        return;
    covey_err_t code = s_resolve (self, name, &self->admin.node_id, &err);
    if (!code && !s_member_on (self, &self->admin.node_id, &member))
        code = covey_fail (&err, COVEY_NOTFOUND,
                           "node %.100s is no member; see \"covey coordinator "
                           "list\"",
                           name);
    if (!code) {
        covey_caretaker_member_t members[COVEY_REPLOG_MEMBERS_MAX];
        covey_caretaker_spare_t spares[COVEY_CARETAKER_SPARES_MAX];
        covey_caretaker_view_t view;
        covey_errbuf_t why;
        covey_coordinator_caretaker_view (self, members, spares, &view);
        code = covey_caretaker_may_remove (&view, member.member_id, &why);
        if (code)
            (void)covey_fail (&err, code, "node %.100s stays: %s", name,
                              why.text);
    }
    if (code) {
        s_fail (self, code, "%s", err.text);
        return;
    }
    self->admin.member_id = member.member_id;
    if (member.member_id == covey_replog_member_id (self->replog)) {
        /* The next leader removes it. */
        self->admin.phase = COVEY_ADMIN_YIELD;
        covey_coordinator_yield (self, 0);
    }
}

static void
s_transfer (covey_coordinator_t *self, covey_coordinator_item_t *item)
{
    covey_errbuf_t err;
    covey_replog_member_t member;
    const Covey__Control__CoordinatorTransfer *order =
        (const Covey__Control__CoordinatorTransfer *)item->params;
    const char *name = order->node;
    if (!s_begin (self, item, COVEY_ADMIN_YIELD))
        return;
    covey_id_t node_id = {{0}}, from = self->node_id;
    covey_err_t code = name ? s_resolve (self, name, &node_id, &err) : COVEY_OK;
    if (!code && order->from)
        code = s_resolve (self, order->from, &from, &err);
    if (!code && covey_coordinator_voters (self) < 2)
        code = covey_fail (&err, COVEY_STATE,
                           "there is no other voter; add one first");
    if (!code && name &&
        (!s_member_on (self, &node_id, &member) ||
         member.role != COVEY_REPLOG_VOTER))
        code = covey_fail (&err, COVEY_STATE,
                           "node %.100s is no voter; add it first", name);
    if (code)
        s_fail (self, code, "%s", err.text);
    else if ((name && covey_id_equal (node_id.bytes, self->node_id.bytes)) ||
             !covey_id_equal (from.bytes, self->node_id.bytes))
        s_finish (self); /* it is as was wanted                               */
    else {
        self->admin.node_id = node_id;
        self->admin.member_id = name ? member.member_id : 0;
        covey_coordinator_yield (self, self->admin.member_id);
    }
}

/* ---- going on ---------------------------------------------------------------
 */

static void
s_go_on_finding (covey_coordinator_t *self)
{
    covey_errbuf_t err;
    const covey_fellow_t *fellow =
        covey_fellows_find (&self->fellows, &self->admin.node_id);
    char id[37];
    const char *name = s_name (self, &self->admin.node_id, id);
    bool waits = self->now_ms < self->admin.patience_ms;
    if (!fellow || !fellow->alive || !fellow->serves || !fellow->heard_ms) {
        if (!waits)
            s_fail (self, COVEY_STATE,
                    "node %.100s runs no coordinator, or is away; start it "
                    "with --roles coordinator",
                    name);
        return;
    }
    if (fellow->has_cluster) {
        /* One of this log is dismissed, and comes back without it. */
        if (!waits)
            s_fail (self, COVEY_STATE,
                    "node %.100s has a log of its own; stop it, remove "
                    "control.db from its folder, and start it with --join",
                    name);
        return;
    }
    if (self->members_ticket)
        return;
    covey_err_t code = covey_coordinator_change (
        self, COVEY_CARETAKER_ADD, fellow->member_id, &fellow->node_id, &err);
    if (code == COVEY_BUSY)
        return;
    if (code) {
        s_fail (self, code, "%s", err.text);
        return;
    }
    self->admin.phase = COVEY_ADMIN_LEARN;
    self->admin.member_id = fellow->member_id;
}

static void
s_go_on_learning (covey_coordinator_t *self)
{
    covey_replog_member_t member;
    if (s_member_on (self, &self->admin.node_id, &member) &&
        member.role == COVEY_REPLOG_VOTER && !self->members_ticket)
        s_finish (self);
    else if (self->care_ms > self->now_ms + LEARN_MS)
        self->care_ms = self->now_ms + LEARN_MS; /* it promotes               */
}

static void
s_go_on_leaving (covey_coordinator_t *self)
{
    covey_errbuf_t err;
    if (self->members_ticket)
        return;
    if (!covey_coordinator_is_member (self, self->admin.member_id)) {
        s_finish (self);
        return;
    }
    covey_err_t code = covey_coordinator_change (self, COVEY_CARETAKER_REMOVE,
                                                 self->admin.member_id,
                                                 &self->admin.node_id, &err);
    if (code && code != COVEY_BUSY)
        s_fail (self, code, "%s", err.text);
}

/*  Another one leads: it goes on, unless this was all. When it was elected
    again itself, once more.                                                  */
static void
s_go_on_yielding (covey_coordinator_t *self)
{
    const covey_id_t *leader = covey_coordinator_leader (self);
    bool moves =
        covey_coordinator_admin (self->admin.item->method) == s_transfer;
    if (self->leads && !self->yields)
        covey_coordinator_yield (self, moves ? self->admin.member_id : 0);
    if (self->leads || !leader)
        return;
    if (moves && (covey_id_is_zero (self->admin.node_id.bytes) ||
                  covey_id_equal (self->admin.node_id.bytes, leader->bytes)))
        s_finish (self);
    else
        covey_coordinator_wait (self, s_release (self));
}

void
covey_coordinator_go_on (covey_coordinator_t *self)
{
    if (!self->admin.item)
        return;
    if (self->now_ms >= self->admin.item->deadline_ms) {
        s_fail (self, COVEY_TIMEOUT,
                "it was begun and is not done yet; \"covey coordinator list\" "
                "shows how far it is");
        return;
    }
    if (!self->replog)
        return;
    if (self->admin.phase == COVEY_ADMIN_YIELD)
        s_go_on_yielding (self);
    else if (!covey_coordinator_is_in_charge (self))
        return;
    else if (self->admin.phase == COVEY_ADMIN_FIND)
        s_go_on_finding (self);
    else if (self->admin.phase == COVEY_ADMIN_LEARN)
        s_go_on_learning (self);
    else
        s_go_on_leaving (self);
}

void
covey_coordinator_changed (covey_coordinator_t *self, uint64_t member_id,
                           covey_err_t code, const char *text)
{
    /* What a new leader is to know it sees itself. */
    if (code && code != COVEY_NOCOORDINATOR && code != COVEY_EAGAIN &&
        code != COVEY_BUSY && self->admin.item &&
        self->admin.phase != COVEY_ADMIN_YIELD &&
        self->admin.member_id == member_id)
        s_fail (self, code, "%s", text ? text : "the log refused it");
}

void
covey_coordinator_hand_over (covey_coordinator_t *self)
{
    if (self->admin.item && self->admin.phase != COVEY_ADMIN_YIELD)
        covey_coordinator_wait (self, s_release (self));
}

/* ---- the table --------------------------------------------------------------
 */

static const struct {
    const char *name;
    covey_admin_fn *fn;
    bool order;
} s_table[] = {{"mesh.coordinator", s_show_status, false},
               {"mesh.coordinator.list", s_show_list, false},
               {"mesh.coordinator.add", s_add, true},
               {"mesh.coordinator.remove", s_remove, true},
               {"mesh.coordinator.transfer", s_transfer, true}};

covey_admin_fn *
covey_coordinator_admin (const covey_method_t *method)
{
    for (size_t i = 0; i < sizeof s_table / sizeof *s_table; i++)
        if (strcmp (s_table[i].name, method->name) == 0)
            return s_table[i].fn;
    return NULL;
}

bool
covey_coordinator_is_order (const covey_method_t *method)
{
    for (size_t i = 0; i < sizeof s_table / sizeof *s_table; i++)
        if (strcmp (s_table[i].name, method->name) == 0)
            return s_table[i].order;
    return false;
}
