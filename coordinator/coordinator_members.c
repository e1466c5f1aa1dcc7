/*  The members of the log: who is there, who is to be one.

    A coordinator that does not lead says every second that it is there, to the
    one that is in charge. So the leader knows spares, clocks, and who came back
    without its log. A member id that was removed is never taken in again: only
    one without a log is added, and whoever still has the log of this mesh and
    is no member is dismissed, by a leader that a majority confirmed after it
    had spoken. It then begins anew, under another member id.                 */
#include <string.h>

#include "coordinator/coordinator_impl.h"
#include "proto/event.h"

#define ALIVE_MS 2000 /* or two election timeouts */
#define SPEAKS_MS ((int64_t)(3 * COVEY_COORDINATOR_CARE_MS))

/* ---- what is known ----------------------------------------------------------
 */

size_t
covey_coordinator_voters (const covey_coordinator_t *self)
{
    size_t count = 0;
    for (size_t i = 0;
         self->replog && i < covey_replog_member_count (self->replog); i++) {
        covey_replog_member_t member;
        covey_replog_member (self->replog, i, &member);
        count += member.role == COVEY_REPLOG_VOTER;
    }
    return count;
}

bool
covey_coordinator_is_member (const covey_coordinator_t *self,
                             uint64_t member_id)
{
    for (size_t i = 0; i < covey_replog_member_count (self->replog); i++) {
        covey_replog_member_t member;
        covey_replog_member (self->replog, i, &member);
        if (member.member_id == member_id)
            return true;
    }
    return false;
}

static int64_t
s_silent_ms (const covey_coordinator_t *self,
             const covey_replog_member_t *member)
{
    int64_t heard_ms = member->heard_ms > self->leads_since_ms
                           ? member->heard_ms
                           : self->leads_since_ms;
    return self->now_ms > heard_ms ? self->now_ms - heard_ms : 0;
}

static size_t
s_spares (const covey_coordinator_t *self, covey_caretaker_spare_t *spares)
{
    size_t count = 0;
    const covey_fellow_t *fellow = NULL;
    while ((fellow = covey_fellows_next (&self->fellows, fellow)))
        if (fellow->alive && fellow->serves && fellow->heard_ms &&
            self->now_ms - fellow->heard_ms < SPEAKS_MS &&
            !fellow->has_cluster && count < COVEY_CARETAKER_SPARES_MAX &&
            !covey_coordinator_is_member (self, fellow->member_id))
            spares[count++] = (covey_caretaker_spare_t){
                .member_id = fellow->member_id, .node_id = fellow->node_id};
    return count;
}

void
covey_coordinator_caretaker_view (const covey_coordinator_t *self,
                                  covey_caretaker_member_t *members,
                                  covey_caretaker_spare_t *spares,
                                  covey_caretaker_view_t *view)
{
    int64_t election_ms =
        self->election_ms ? self->election_ms : COVEY_REPLOG_ELECTION_MS;
    *view = (covey_caretaker_view_t){
        .members = members,
        .spares = spares,
        .spare_count = s_spares (self, spares),
        .last_index = covey_replog_last (self->replog),
        .alive_ms = 2 * election_ms > ALIVE_MS ? 2 * election_ms : ALIVE_MS,
        .replace_ms = self->replace_ms};
    size_t count = covey_replog_member_count (self->replog);
    for (size_t i = 0; i < count && i < COVEY_REPLOG_MEMBERS_MAX; i++) {
        covey_replog_member_t member;
        covey_replog_member (self->replog, i, &member);
        members[view->member_count++] = (covey_caretaker_member_t){
            .member_id = member.member_id,
            .node_id = member.node_id,
            .role = member.role,
            .match = member.match,
            .silent_ms = s_silent_ms (self, &member),
            .is_self =
                member.member_id == covey_replog_member_id (self->replog)};
    }
}

/* ---- presence ---------------------------------------------------------------
 */

/*  It founded a log for itself, and nobody asked it for anything.           */
static bool
s_is_fresh (const covey_coordinator_t *self)
{
    return self->leads && !self->asked &&
           covey_replog_member_count (self->replog) == 1 &&
           covey_replog_snapshot (self->replog) == 0;
}

static void
s_say_present (covey_coordinator_t *self, const covey_id_t *node_id)
{
    uint8_t packed[256];
    Covey__Control__LogFigures log = covey_coordinator_figures (self);
    Covey__Control__Presence presence = COVEY__CONTROL__PRESENCE__INIT;
    covey_id_t cluster = covey_replog_cluster (self->replog);
    presence.member_id = covey_replog_member_id (self->replog);
    presence.has_cluster = !covey_id_is_zero (cluster.bytes);
    presence.cluster.data = cluster.bytes;
    presence.cluster.len = sizeof cluster.bytes;
    presence.has_now_us = true;
    presence.now_us = self->now_us;
    presence.has_leads = presence.leads = self->leads;
    presence.has_fresh = presence.fresh = s_is_fresh (self);
    presence.log = &log;
    size_t size = covey__control__presence__get_packed_size (&presence);
    if (size <= sizeof packed)
        covey_coordinator_say (
            self, node_id, COVEY_CONTROL_PRESENCE, packed,
            covey__control__presence__pack (&presence, packed));
}

/*  To the one in charge, and to the other members: whoever leads next knows the
    clocks then.                                                              */
static void
s_show_up (covey_coordinator_t *self)
{
    const covey_fellow_t *in_charge = covey_fellows_in_charge (&self->fellows);
    bool told = !in_charge ||
                covey_id_equal (in_charge->node_id.bytes, self->node_id.bytes);
    for (size_t i = 0; i < covey_replog_member_count (self->replog); i++) {
        covey_replog_member_t member;
        covey_replog_member (self->replog, i, &member);
        if (covey_id_equal (member.node_id.bytes, self->node_id.bytes))
            continue;
        s_say_present (self, &member.node_id);
        told = told ||
               covey_id_equal (member.node_id.bytes, in_charge->node_id.bytes);
    }
    if (!told)
        s_say_present (self, &in_charge->node_id);
}

/*  Two logs in one mesh, as when a node that had founded it lost its folder and
    founded anew: the one that was not asked for anything yet gives way.      */
static void
s_meet_stranger (covey_coordinator_t *self, const covey_fellow_t *fellow)
{
    bool fresh = s_is_fresh (self);
    const covey_fellow_t *in_charge = covey_fellows_in_charge (&self->fellows);
    bool second = in_charge && !covey_id_equal (in_charge->node_id.bytes,
                                                self->node_id.bytes);
    if (fresh && (!fellow->fresh || second)) {
        covey_coordinator_reset (self, "another coordinator leads this mesh");
        return;
    }
    s_say_present (self, &fellow->node_id);
    if (fellow->fresh || self->now_ms < self->warned_ms)
        return;
    char id[37];
    covey_log_quoted_t quoted;
    self->warned_ms = self->now_ms + COVEY_COORDINATOR_WARN_MS;
    covey_log_write (
        self->log, COVEY_LOG_ERROR, "coordinator", "two_logs",
        "node=%s advice=%s",
        covey_fellows_name (&self->fellows, &fellow->node_id, id),
        covey_log_quote (&quoted,
                         "this mesh has two coordinators that know nothing of "
                         "each other: stop one of them and remove control.db "
                         "from its folder"));
}

/*  It has this log, and is no member: is that so for sure?                   */
static void
s_meet_former (covey_coordinator_t *self, const covey_fellow_t *fellow)
{
    covey_errbuf_t err;
    if (self->dismissal_ticket)
        return; /* one at a time; it speaks again                             */
    covey_coordinator_item_t *item =
        covey_coordinator_item_new (self, COVEY_ITEM_OF_DISMISSAL);
    item->node_id = fellow->node_id;
    item->member_id = fellow->member_id;
    if (covey_replog_read (self->replog, item->ticket, &err)) {
        covey_coordinator_item_destroy (&item);
        return;
    }
    self->dismissal_ticket = item->ticket;
    covey_coordinator_fly (self, item);
}

void
covey_coordinator_heard (covey_coordinator_t *self, const covey_id_t *node_id,
                         const void *data, size_t size)
{
    Covey__Control__Presence *presence =
        (Covey__Control__Presence *)covey_wire_unpack (
            &covey__control__presence__descriptor, data, size);
    if (!presence)
        return;
    covey_err_t code = covey_fellows_heard (&self->fellows, node_id, presence,
                                            self->now_us, self->now_ms);
    protobuf_c_message_free_unpacked (&presence->base, NULL);
    const covey_fellow_t *fellow = covey_fellows_find (&self->fellows, node_id);
    if (code || !fellow || !self->leads || !self->replog ||
        !fellow->has_cluster)
        return;
    covey_id_t cluster = covey_replog_cluster (self->replog);
    if (!covey_id_equal (fellow->cluster.bytes, cluster.bytes)) {
        if (fellow->leads)
            s_meet_stranger (self, fellow);
    } else if (!covey_coordinator_is_member (self, fellow->member_id))
        s_meet_former (self, fellow);
}

void
covey_coordinator_dismissed (covey_coordinator_t *self, const void *data,
                             size_t size)
{
    Covey__Control__Dismissal *dismissal =
        (Covey__Control__Dismissal *)covey_wire_unpack (
            &covey__control__dismissal__descriptor, data, size);
    if (!dismissal)
        return;
    if (self->replog &&
        dismissal->member_id == covey_replog_member_id (self->replog))
        covey_coordinator_reset (self, "it is no member of the log any more");
    protobuf_c_message_free_unpacked (&dismissal->base, NULL);
}

static void
s_dismiss (covey_coordinator_t *self, const covey_coordinator_item_t *item)
{
    uint8_t packed[16];
    Covey__Control__Dismissal dismissal = COVEY__CONTROL__DISMISSAL__INIT;
    dismissal.member_id = item->member_id;
    if (covey_coordinator_is_member (self, item->member_id))
        return;
    covey_coordinator_say (
        self, &item->node_id, COVEY_CONTROL_DISMISSAL, packed,
        covey__control__dismissal__pack (&dismissal, packed));
}

/* ---- who leads next ---------------------------------------------------------
 */

uint64_t
covey_coordinator_best_heir (const covey_coordinator_t *self)
{
    covey_replog_member_t member, best = {.member_id = 0};
    for (size_t i = 0; i < covey_replog_member_count (self->replog); i++) {
        covey_replog_member (self->replog, i, &member);
        const covey_fellow_t *fellow =
            covey_fellows_find (&self->fellows, &member.node_id);
        if (member.role != COVEY_REPLOG_VOTER || !fellow || !fellow->alive ||
            member.member_id == covey_replog_member_id (self->replog))
            continue;
        if (!best.member_id || member.match > best.match)
            best = member;
    }
    return best.member_id;
}

void
covey_coordinator_name_heir (covey_coordinator_t *self)
{
    uint8_t packed[16];
    Covey__Control__Heir heir = COVEY__CONTROL__HEIR__INIT;
    heir.member_id = self->heir;
    if (!self->heir || !self->replog)
        return;
    size_t size = covey__control__heir__pack (&heir, packed);
    for (size_t i = 0; i < covey_replog_member_count (self->replog); i++) {
        covey_replog_member_t member;
        covey_replog_member (self->replog, i, &member);
        if (member.member_id != covey_replog_member_id (self->replog))
            covey_coordinator_say (self, &member.node_id, COVEY_CONTROL_HEIR,
                                   packed, size);
    }
}

void
covey_coordinator_heir_named (covey_coordinator_t *self, const covey_id_t *from,
                              const void *data, size_t size)
{
    const covey_fellow_t *fellow = covey_fellows_find (&self->fellows, from);
    Covey__Control__Heir *heir = (Covey__Control__Heir *)covey_wire_unpack (
        &covey__control__heir__descriptor, data, size);
    if (!heir)
        return;
    if (self->replog && fellow &&
        covey_coordinator_is_member (self, fellow->member_id) &&
        covey_coordinator_is_member (self, heir->member_id))
        covey_replog_succeed (self->replog,
                              heir->member_id ==
                                  covey_replog_member_id (self->replog));
    protobuf_c_message_free_unpacked (&heir->base, NULL);
}

/* ---- changes ----------------------------------------------------------------
 */

covey_err_t
covey_coordinator_change (covey_coordinator_t *self, covey_caretaker_act_t act,
                          uint64_t member_id, const covey_id_t *node_id,
                          covey_errbuf_t *err)
{
    covey_coordinator_item_t *item =
        covey_coordinator_item_new (self, COVEY_ITEM_OF_MEMBERS);
    covey_err_t code = COVEY_OK;
    item->member_id = member_id;
    if (act == COVEY_CARETAKER_ADD)
        code = covey_replog_add (self->replog, member_id, node_id, item->ticket,
                                 err);
    else if (act == COVEY_CARETAKER_PROMOTE)
        code =
            covey_replog_promote (self->replog, member_id, item->ticket, err);
    else
        code = covey_replog_remove (self->replog, member_id, item->ticket, err);
    if (code) {
        covey_coordinator_item_destroy (&item);
        return code;
    }
    self->members_ticket = item->ticket;
    covey_coordinator_fly (self, item);
    return COVEY_OK;
}

void
covey_coordinator_members_done (covey_coordinator_t *self,
                                const covey_coordinator_item_t *item,
                                covey_err_t code, const char *text)
{
    if (item->kind == COVEY_ITEM_OF_DISMISSAL) {
        self->dismissal_ticket = 0;
        if (!code && self->replog)
            s_dismiss (self, item);
        return;
    }
    self->members_ticket = 0;
    covey_log_quoted_t quoted;
    if (code)
        covey_log_write (self->log, COVEY_LOG_WARN, "coordinator",
                         "members_unchanged", "code=%s reason=%s",
                         covey_err_name (code),
                         covey_log_quote (&quoted, text ? text : ""));
    covey_coordinator_changed (self, item->member_id, code, text);
}

static void
s_take_care (covey_coordinator_t *self)
{
    static const char *const words[] = {[COVEY_CARETAKER_ADD] = "adds",
                                        [COVEY_CARETAKER_PROMOTE] = "promotes",
                                        [COVEY_CARETAKER_REMOVE] = "removes"};
    covey_caretaker_member_t members[COVEY_REPLOG_MEMBERS_MAX];
    covey_caretaker_spare_t spares[COVEY_CARETAKER_SPARES_MAX];
    covey_caretaker_view_t view;
    covey_caretaker_step_t step;
    covey_errbuf_t err;
    covey_coordinator_caretaker_view (self, members, spares, &view);
    covey_caretaker_next (&self->caretaker, &view, &step);
    if (step.act == COVEY_CARETAKER_REST)
        return;
    covey_err_t code = covey_coordinator_change (self, step.act, step.member_id,
                                                 &step.node_id, &err);
    char id[37];
    covey_log_quoted_t quoted;
    if (code != COVEY_EAGAIN) /* it has not caught up: later                  */
        covey_log_write (
            self->log, COVEY_LOG_INFO, "coordinator", words[step.act],
            "node=%s member=%016llx code=%s why=%s",
            covey_fellows_name (&self->fellows, &step.node_id, id),
            (unsigned long long)step.member_id, covey_err_name (code),
            covey_log_quote (&quoted, code ? err.text : step.why));
}

void
covey_coordinator_care (covey_coordinator_t *self)
{
    if (!self->replog)
        return;
    s_show_up (self);
    if (!covey_coordinator_is_in_charge (self)) {
        covey_coordinator_forget_gone (self);
        return;
    }
    if (!self->members_ticket)
        s_take_care (self);
}
