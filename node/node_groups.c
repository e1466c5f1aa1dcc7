/*  Events for one member of a group, and what is reported of tracked events.

    The node that accepts an event of a group chooses the member and keeps the
    event until that member is done with it; the member's node reports. When the
    member fails, another one gets it.                                        */
#include "node/hub.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/mem.h"
#include "node/fields.h"
#include "proto/event.h"

#define REPORT_IDS 512   /* in one Heard   */
#define EXPIRE_MS 1000   /* how often events past their time are looked for */
#define REQUEST_MS 30000 /* of a request that names no timeout */

/* ------------------------------------------------------------------------ */
/*  The choice                                                               */

/*  Can it take an event of this size now?                                   */
typedef struct {
    covey_hub_t *hub;
    covey_lane_t lane;
    size_t size;
} groups_ask_t;

static covey_taker_t
s_here (const groups_ask_t *ask, const covey_directory_entry_t *agent)
{
    covey_host_t *host = covey_session_table_by_agent (
        ask->hub->table, agent->id, strlen (agent->id));
    if (!host)
        return COVEY_TAKER_NOT;
    return covey_host_is_attached (host) && !covey_host_is_paused (host) &&
                   covey_host_has_room (host, ask->size)
               ? COVEY_TAKER_READY
               : COVEY_TAKER_LATER;
}

static covey_taker_t
s_there (const groups_ask_t *ask, const covey_directory_entry_t *agent)
{
    const covey_hub_peer_t *peer =
        covey_hub_find_peer (ask->hub, agent->node_id);
    if (!peer || !peer->link)
        return COVEY_TAKER_NOT;
    covey_slice_t id = {.text = agent->id, .size = strlen (agent->id)};
    return peer->peer->state == COVEY_PEER_ALIVE &&
                   covey_link_is_open (peer->link) &&
                   !covey_link_is_stopped (peer->link, id) &&
                   covey_link_has_room (peer->link, ask->lane, 1, ask->size)
               ? COVEY_TAKER_READY
               : COVEY_TAKER_LATER;
}

static covey_taker_t
s_taker (void *arg, const covey_directory_entry_t *agent)
{
    const groups_ask_t *ask = arg;
    if (agent->state == COVEY__WIRE__AGENT_STATE__AGENT_STATE_TERMINATED)
        return COVEY_TAKER_NOT;
    if (agent->state == COVEY__WIRE__AGENT_STATE__AGENT_STATE_STALLED ||
        agent->state == COVEY__WIRE__AGENT_STATE__AGENT_STATE_LOST ||
        agent->available_capacity == 0)
        return COVEY_TAKER_LATER;
    return covey_id_equal (agent->node_id, ask->hub->config.node_id.bytes)
               ? s_here (ask, agent)
               : s_there (ask, agent);
}

covey_err_t
covey_hub_choose (covey_hub_t *self, covey_group_t *group,
                  const covey_peek_t *event, const uint8_t *except,
                  const covey_directory_entry_t **member_p, covey_errbuf_t *err)
{
    groups_ask_t ask = {.hub = self,
                        .lane = covey_lane_of (event),
                        .size = event->size + COVEY_ORIGIN_SIZE_MAX +
                                COVEY_TARGET_SIZE_MAX + COVEY_TRACKED_SIZE_MAX};
    covey_workgroup_choice_t choice = {.directory = self->directory,
                                       .scopes = self->scopes,
                                       .node_id = self->config.node_id.bytes,
                                       .source = event->source,
                                       .except = except,
                                       .taker = s_taker,
                                       .arg = &ask};
    return covey_workgroup_pick (self->groups, group, &choice, member_p, err);
}

/* ------------------------------------------------------------------------ */
/*  On its way                                                               */

void
covey_hub_keep_group_event (covey_hub_t *self, covey_group_t *group,
                            covey_parcel_t *parcel, size_t size,
                            const covey_directory_entry_t *member)
{
    const covey_peek_t *view = &parcel->view;
    covey_group_event_t event = {.parcel = parcel,
                                 .size = size,
                                 .group = group,
                                 .track = parcel->track,
                                 .until_ms = INT64_MAX};
    if (parcel->expires_ms)
        event.until_ms = parcel->expires_ms;
    if (view->type == COVEY_EVENT_REQUEST) {
        int64_t timeout_ms = (int64_t)covey_field_number (
            view->data, COVEY_FIELD_REQUEST_TIMEOUT, REQUEST_MS);
        if (timeout_ms <= 0 || timeout_ms > INT32_MAX)
            timeout_ms = REQUEST_MS;
        if (event.until_ms > self->now_ms + timeout_ms)
            event.until_ms = self->now_ms + timeout_ms;
    }
    self->counters.grouped++;
    covey_workgroup_sent (self->groups, &event, member);
}

void
covey_hub_push_tracked (covey_hub_peer_t *peer, const covey_parcel_t *parcel,
                        covey_slice_t target)
{
    covey_buf_t body;
    covey_buf_init (&body, COVEY_EVENT_MAX + COVEY_ORIGIN_SIZE_MAX +
                               COVEY_TARGET_SIZE_MAX + COVEY_TRACKED_SIZE_MAX);
    covey_buf_putc (&body, (char)parcel->track);
    covey_buf_putc (&body, (char)target.size);
    (void)covey_buf_append (&body, target.text, target.size);
    (void)covey_buf_append (&body, parcel->bytes, parcel->size);
    if (!body.failed) {
        covey_parcel_t *item = covey_parcel_new_raw (body.data, body.size);
        item->expires_ms = parcel->expires_ms;
        covey_link_add (peer->link, covey_lane_of (&parcel->view),
                        COVEY_ITEM_EVENT_TRACKED, item);
        covey_parcel_drop (&item);
    }
    covey_buf_deinit (&body);
}

/*  The same event with another target behind it.                            */
static covey_parcel_t *
s_readdress (covey_hub_t *self, const covey_group_event_t *event,
             const covey_directory_entry_t *member)
{
    const covey_parcel_t *before = event->parcel;
    covey_buf_clear (&self->tail);
    covey_err_t code = covey_event_append_target (&self->tail, member->id);
    if (!code && before->view.origin)
        code = covey_event_append_origin (&self->tail, before->view.origin,
                                          before->view.origin_seq);
    if (code)
        return NULL;
    covey_parcel_t *parcel = covey_parcel_new (
        before->bytes, event->size, self->tail.data, self->tail.size);
    if (!parcel)
        return NULL;
    parcel->track = event->track;
    parcel->expires_ms = before->expires_ms;
    return parcel;
}

static void
s_send_again (covey_hub_t *self, const covey_group_event_t *event,
              const covey_directory_entry_t *member)
{
    covey_parcel_t *parcel = s_readdress (self, event, member);
    if (!parcel) /* out of memory: the next tick tries again                  */
        return;
    self->counters.redelivered++;
    covey_group_event_t again = *event;
    again.parcel = parcel;
    covey_workgroup_sent (self->groups, &again, member);
    if (parcel->view.type == COVEY_EVENT_REQUEST)
        covey_requests_move (self->requests, &parcel->view, member->id,
                             member->session_id);
    covey_slice_t id = parcel->view.first_target;
    if (covey_id_equal (member->node_id, self->config.node_id.bytes)) {
        covey_host_t *host =
            covey_session_table_by_agent (self->table, id.text, id.size);
        assert (host); /* s_here found it                                     */
        covey_hub_deliver (self, host, parcel);
    } else /* s_there found that there is room                              */
        covey_hub_push_tracked (covey_hub_find_peer (self, member->node_id),
                                parcel, id);
    covey_parcel_drop (&parcel);
}

/*  Its sender is told why the last one failed, or why there is none.        */
static void
s_give_up (covey_hub_t *self, const covey_group_event_t *event,
           covey_err_t code, const char *text)
{
    covey_parcel_t *parcel = covey_parcel_hold (event->parcel);
    unsigned tries = event->tries;
    covey_errbuf_t reason;
    (void)covey_fail (&reason, code, "%s", text);
    covey_workgroup_forget (self->groups, parcel->view.id);
    covey_hub_undelivered (self, parcel, parcel->view.first_target, code,
                           "%s (after %u of the group)", reason.text, tries);
    covey_parcel_drop (&parcel);
}

static void
s_route_again (covey_hub_t *self, const covey_group_event_t *event,
               bool given_up)
{
    const covey_parcel_t *parcel = event->parcel;
    const covey_directory_entry_t *member = NULL;
    covey_errbuf_t err;
    if (given_up) {
        s_give_up (self, event, event->code, event->text);
        return;
    }
    covey_err_t code = covey_hub_choose (
        self, event->group, &parcel->view,
        event->code == COVEY_EAGAIN ? NULL : event->except, &member, &err);
    if (!code)
        s_send_again (self, event, member);
    else if (code == COVEY_EAGAIN)
        covey_workgroup_later (self->groups, parcel->view.id, self->now_ms);
    else
        s_give_up (self, event, code, err.text);
}

static bool
s_is_due (void *arg, const covey_lane_item_t *item)
{
    const covey_hub_t *self = arg;
    if (item->kind != COVEY_ITEM_EVENT_TRACKED)
        return false;
    covey_slice_t target;
    covey_parcel_t *inner = covey_hub_open_tracked (
        item->parcel->bytes, item->parcel->size, &target);
    bool is_due = inner && inner->view.id &&
                  covey_workgroup_is_due (self->groups, inner->view.id);
    covey_parcel_drop (&inner);
    return is_due;
}

/*  What a lost member has not got yet is for others now.                    */
static void
s_take_back (void *arg, const uint8_t node_id[16])
{
    covey_hub_t *self = arg;
    const covey_hub_peer_t *peer = covey_hub_find_peer (self, node_id);
    if (peer && peer->link)
        (void)covey_link_take_back (peer->link, s_is_due, self);
}

void
covey_hub_tick_groups (covey_hub_t *self)
{
    if (!covey_workgroup_count (self->groups))
        return;
    uint64_t revision = covey_directory_revision (self->directory);
    if (revision != self->groups_revision) {
        self->groups_revision = revision;
        covey_workgroup_sweep (self->groups, self->directory, self->now_ms,
                               s_take_back, self);
    }
    if (self->now_ms >= self->groups_ms) {
        self->groups_ms = self->now_ms + EXPIRE_MS;
        self->drops[COVEY_DROP_EXPIRED] +=
            covey_workgroup_expire (self->groups, self->now_ms);
    }
    const covey_group_event_t *event;
    bool given_up;
    while (
        (event = covey_workgroup_due (self->groups, self->now_ms, &given_up)))
        s_route_again (self, event, given_up);
}

/* ------------------------------------------------------------------------ */
/*  Reports                                                                  */

covey_parcel_t *
covey_hub_open_tracked (const uint8_t *body, size_t size, covey_slice_t *target)
{
    size_t id_size = size > 1 ? body[1] : 0;
    if (!id_size || size <= 2 + id_size)
        return NULL;
    covey_parcel_t *parcel =
        covey_parcel_new (body + 2 + id_size, size - 2 - id_size, NULL, 0);
    if (!parcel)
        return NULL;
    parcel->track = body[0];
    *target = (covey_slice_t){.text = (const char *)body + 2, .size = id_size};
    return parcel;
}

void
covey_hub_take_heard (covey_hub_t *self, covey_slice_t source,
                      const Covey__Wire__Heard *heard)
{
    if (heard->done) {
        covey_slice_t agent = {.text = heard->agent_id,
                               .size = strlen (heard->agent_id)};
        for (size_t i = 0; i < heard->n_event_ids; i++)
            if (heard->event_ids[i].len == 16)
                covey_workgroup_done (self->groups, heard->event_ids[i].data,
                                      agent);
        return;
    }
    covey_host_t *host =
        covey_session_table_by_agent (self->table, source.text, source.size);
    if (host)
        covey_host_notice (host, COVEY_FRAME_HEARD, &heard->base);
    else
        covey_hub_drop (self, COVEY_DROP_NOTICE);
}

/*  Who wants to know: the source, or who told it in its name.               */
static covey_slice_t
s_asker (const covey_parcel_t *parcel)
{
    static const char coordinator[] = COVEY_SERVICE_COORDINATOR;
    if (parcel->track & COVEY_TRACK_COORDINATOR)
        return (covey_slice_t){coordinator, sizeof coordinator - 1};
    return parcel->view.source;
}

/*  Reports of one kind to one node.                                         */
typedef struct {
    covey_hub_t *hub;
    const covey_host_t *host;
    covey_parcel_t *parcels[REPORT_IDS];
    size_t count;
    covey_track_t what;
} groups_report_t;

static void
s_push_heard (covey_hub_t *self, const covey_parcel_t *parcel,
              const Covey__Wire__Heard *heard)
{
    covey_hub_peer_t *peer = covey_hub_find_peer (self, parcel->from);
    if (!peer || !peer->link)
        return; /* who wanted to know is gone                                 */
    covey_buf_t body;
    covey_buf_init (&body, COVEY_FRAME_BATCH);
    covey_slice_t asker = s_asker (parcel);
    covey_buf_putc (&body, (char)asker.size);
    (void)covey_buf_append (&body, asker.text, asker.size);
    uint8_t *room = covey_buf_extend (
        &body, protobuf_c_message_get_packed_size (&heard->base));
    if (room && !body.failed) {
        protobuf_c_message_pack (&heard->base, room);
        covey_parcel_t *item = covey_parcel_new_raw (body.data, body.size);
        if (covey_link_push (peer->link, COVEY_LANE_CONTROL, COVEY_ITEM_HEARD,
                             item))
            covey_hub_drop (self, COVEY_DROP_NOTICE);
        covey_parcel_drop (&item);
    }
    covey_buf_deinit (&body);
}

static void
s_send_report (groups_report_t *report)
{
    if (!report->count)
        return;
    static const uint8_t nowhere[16];
    ProtobufCBinaryData ids[REPORT_IDS];
    const covey_parcel_t *first = report->parcels[0];
    for (size_t i = 0; i < report->count; i++)
        ids[i] = (ProtobufCBinaryData){
            .data = (uint8_t *)(uintptr_t)report->parcels[i]->view.id,
            .len = 16};
    Covey__Wire__Heard heard = COVEY__WIRE__HEARD__INIT;
    heard.agent_id = (char *)(uintptr_t)covey_host_agent_id (report->host);
    heard.event_ids = ids;
    heard.n_event_ids = report->count;
    heard.has_done = heard.done = report->what == COVEY_TRACK_DONE;
    report->hub->counters.heard += report->count;
    if (covey_id_equal (first->from, nowhere) ||
        covey_id_equal (first->from, report->hub->config.node_id.bytes))
        covey_hub_take_heard (report->hub, s_asker (first), &heard);
    else
        s_push_heard (report->hub, first, &heard);
    while (report->count)
        covey_parcel_drop (&report->parcels[--report->count]);
}

static bool
s_goes_along (const groups_report_t *report, const covey_host_report_t *next)
{
    if (!report->count)
        return true;
    const covey_parcel_t *first = report->parcels[0];
    covey_slice_t one = s_asker (first), other = s_asker (next->parcel);
    return report->count < REPORT_IDS && report->what == next->what &&
           memcmp (first->from, next->parcel->from, 16) == 0 &&
           one.size == other.size &&
           memcmp (one.text, other.text, other.size) == 0;
}

void
covey_hub_report (covey_hub_t *self, covey_host_t *host)
{
    groups_report_t report = {.hub = self, .host = host};
    covey_host_report_t next;
    while (covey_host_next_report (host, &next)) {
        if (!next.parcel->view.id || !next.parcel->view.source.size ||
            next.parcel->view.source.size > COVEY_AGENT_ID_MAX) {
            covey_parcel_drop (&next.parcel);
            continue;
        }
        if (!s_goes_along (&report, &next))
            s_send_report (&report);
        report.what = next.what;
        report.parcels[report.count++] = next.parcel;
    }
    s_send_report (&report);
}
