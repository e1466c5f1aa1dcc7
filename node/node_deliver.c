#include "node/hub.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "node/fields.h"
#include "proto/event.h"

/* ------------------------------------------------------------------------ */
/*  Telling the sender                                                       */

/*  Source first: the receiving node has no event to look it up in.          */
static void
s_push_notice (covey_hub_t *self, covey_hub_peer_t *peer, covey_slice_t source,
               const Covey__Wire__Undelivered *notice)
{
    covey_buf_t body;
    covey_buf_init (&body, COVEY_FRAME_BATCH);
    covey_buf_putc (&body, (char)source.size);
    (void)covey_buf_append (&body, source.text, source.size);
    size_t size = protobuf_c_message_get_packed_size (&notice->base);
    uint8_t *room = covey_buf_extend (&body, size);
    if (room && !body.failed) {
        protobuf_c_message_pack (&notice->base, room);
        covey_parcel_t *item = covey_parcel_new_raw (body.data, body.size);
        if (covey_link_push (peer->link, COVEY_LANE_CONTROL,
                             COVEY_ITEM_UNDELIVERED, item) != COVEY_OK)
            covey_hub_drop (self, COVEY_DROP_NOTICE);
        covey_parcel_drop (&item);
    }
    covey_buf_deinit (&body);
}

void
covey_hub_return_notice (covey_hub_t *self, covey_slice_t source,
                         const Covey__Wire__Undelivered *notice)
{
    covey_host_t *host =
        covey_session_table_by_agent (self->table, source.text, source.size);
    if (host) {
        /* The one that was asked may fail in more than one way. */
        if (!notice->request_id ||
            covey_requests_tell (self->requests, source, notice->request_id))
            covey_host_undelivered (host, notice);
        return;
    }
    const covey_directory_entry_t *entry =
        covey_directory_find (self->directory, source.text, source.size);
    /* A node that has just started may know an event before its sender. */
    covey_hub_peer_t *peer =
        entry ? covey_hub_find_peer (self, entry->node_id) : self->item_from;
    if (peer && peer->link)
        s_push_notice (self, peer, source, notice);
    else
        covey_hub_drop (self, COVEY_DROP_NOTICE); /* the sender is gone too   */
}

void
covey_hub_undelivered (covey_hub_t *self, const covey_parcel_t *parcel,
                       covey_slice_t target, covey_err_t code, const char *fmt,
                       ...)
{
    const covey_peek_t *event = &parcel->view;
    char text[512], target_text[COVEY_AGENT_ID_MAX + 1];
    char request_id[COVEY_NAME_MAX + 1];
    va_list args;
    va_start (args, fmt);
    vsnprintf (text, sizeof text, fmt, args);
    va_end (args);
    if (covey_workgroup_failed (self->groups, event->id, target, code, text,
                                self->now_ms))
        return;
    self->counters.undelivered++;
    if (!event->id || event->source.size > COVEY_AGENT_ID_MAX)
        return;
    Covey__Wire__Undelivered notice = COVEY__WIRE__UNDELIVERED__INIT;
    notice.event_id.data = (uint8_t *)event->id;
    notice.event_id.len = 16;
    (void)covey_slice_copy (target, target_text, sizeof target_text);
    notice.target = target_text;
    notice.code = code;
    notice.text = text;
    if (event->type == COVEY_EVENT_REQUEST &&
        covey_slice_copy (
            covey_field_bytes (event->data, COVEY_FIELD_REQUEST_ID), request_id,
            sizeof request_id))
        notice.request_id = request_id;
    covey_hub_peer_t *peer = parcel->track & COVEY_TRACK_DONE
                                 ? covey_hub_find_peer (self, parcel->from)
                                 : NULL;
    if (peer && peer->link)
        s_push_notice (self, peer, event->source, &notice);
    else
        covey_hub_return_notice (self, event->source, &notice);
}

/* ------------------------------------------------------------------------ */
/*  Local sessions                                                           */

static void
s_on_match (void *arg, void *owner, uint32_t handle)
{
    covey_hub_t *self = arg;
    covey_host_t *host = owner;
    if (covey_host_touch (host)) {
        self->touched =
            covey_mem_room (self->touched, self->touched_count,
                            &self->touched_capacity, sizeof (void *));
        self->touched[self->touched_count++] = host;
    }
    /* By scope: only worth saying beside a subscription. */
    if (handle || covey_host_matches (host))
        covey_host_add_match (host, handle);
}

void
covey_hub_deliver (covey_hub_t *self, covey_host_t *host,
                   covey_parcel_t *parcel)
{
    uint8_t request[16];
    uint64_t session = covey_host_number (host);
    /* One whose sender wants to know that it came is the agent's to notice. */
    if (!parcel->track &&
        covey_recent_has (self->recent, &parcel->view, session)) {
        self->counters.duplicates++;
        return;
    }
    if (parcel->view.type == COVEY_EVENT_RESPONSE &&
        covey_requests_answered (self->requests, covey_host_agent_id (host),
                                 &parcel->view, request))
        covey_workgroup_answered (self->groups, request);
    self->touched_count = 0;
    covey_subscriptions_match_owner (self->subscriptions, host, &parcel->view,
                                     s_on_match, self);
    if (covey_host_matches (host))
        covey_host_add_match (host, 0);
    if (covey_host_deliver (host, parcel) == COVEY_OK) {
        covey_recent_add (self->recent, &parcel->view, session);
        if (parcel->track)
            covey_host_track (host, parcel->track);
        return;
    }
    covey_hub_drop (self, COVEY_DROP_SESSION_FULL);
    const char *id = covey_host_agent_id (host);
    covey_hub_undelivered (
        self, parcel, (covey_slice_t){.text = id, .size = strlen (id)},
        COVEY_EAGAIN, "the queue of agent %s is full (%zu events)", id,
        covey_host_queued (host));
}

/*  To all that were touched; a broadcast that finds no room leaves a gap.   */
static void
s_deliver_touched (covey_hub_t *self, covey_parcel_t *parcel)
{
    for (size_t i = 0; i < self->touched_count; i++) {
        /* The reserve is for those who cannot know that it is full. */
        if (covey_host_has_room (self->touched[i], parcel->size) &&
            covey_host_deliver (self->touched[i], parcel) == COVEY_OK)
            continue;
        covey_host_untouch (self->touched[i]);
        covey_hub_drop (self, COVEY_DROP_SESSION_FULL);
        covey_host_gap (self->touched[i], parcel->from,
                        (uint32_t)parcel->view.type, parcel->topic_seq,
                        parcel->topic_seq);
    }
    self->touched_count = 0;
}

static void
s_match_scope (covey_hub_t *self, const covey_parcel_t *parcel)
{
    covey_scope_query_t query;
    covey_scope_read (&parcel->view, &query);
    for (size_t i = 0; i < covey_session_table_count (self->table); i++) {
        covey_host_t *host = covey_session_table_at (self->table, i);
        if (covey_host_is_client (host) || *covey_host_service (host))
            continue;
        const char *id = covey_host_agent_id (host);
        const covey_directory_entry_t *entry =
            covey_directory_find (self->directory, id, strlen (id));
        if (entry && covey_scope_selects (self->scopes, &query, entry))
            s_on_match (self, host, 0);
    }
}

void
covey_hub_deliver_broadcast (covey_hub_t *self, covey_parcel_t *parcel)
{
    if (covey_recent_has (self->recent, &parcel->view, 0)) {
        self->counters.duplicates++;
        return;
    }
    covey_recent_add (self->recent, &parcel->view, 0);
    if (covey_scope_learn (self->scopes, &parcel->view) &&
        self->has_coordinator)
        self->list_ms = self->now_ms + COVEY_HUB_LIST_MS;
    covey_hub_hear_herald (self, parcel);
    self->touched_count = 0;
    covey_subscriptions_match (self->subscriptions, &parcel->view, false,
                               s_on_match, self);
    if (parcel->view.type == COVEY_EVENT_BROADCAST)
        s_match_scope (self, parcel);
    s_deliver_touched (self, parcel);
}

void
covey_hub_deliver_observed (covey_hub_t *self, covey_parcel_t *parcel)
{
    self->touched_count = 0;
    covey_subscriptions_match (self->subscriptions, &parcel->view, true,
                               s_on_match, self);
    /* Who is a target got it already, with the same handles. */
    size_t kept = 0;
    for (size_t i = 0; i < self->touched_count; i++) {
        covey_host_t *host = self->touched[i];
        if (covey_peek_has_target (&parcel->view, covey_host_agent_id (host)))
            covey_host_untouch (host);
        else
            self->touched[kept++] = host;
    }
    self->touched_count = kept;
    s_deliver_touched (self, parcel);
}

void
covey_hub_start_clock (const covey_hub_peer_t *peer, covey_parcel_t *parcel)
{
    const covey_hub_t *self = peer->hub;
    covey_parcel_start_clock (
        parcel, covey_skew_now (&peer->skew, self->now_ms, self->now_us),
        self->now_ms);
}

void
covey_hub_deliver_remote (covey_hub_t *self, covey_parcel_t *parcel,
                          covey_slice_t target)
{
    if (target.size == strlen (self->source) &&
        covey_slice_equal (target, self->source)) {
        if (parcel->view.type == COVEY_EVENT_RESPONSE &&
            covey_directory_is_service (parcel->view.source.text,
                                        parcel->view.source.size))
            covey_hub_on_response (self, parcel);
        else if (parcel->view.type == COVEY_EVENT_REQUEST)
            covey_hub_serve (self, parcel);
        else
            covey_hub_drop (self, COVEY_DROP_STRANGER_FRAME);
        return;
    }
    covey_host_t *host =
        covey_session_table_by_agent (self->table, target.text, target.size);
    if (host) {
        covey_hub_deliver (self, host, parcel);
        return;
    }
    covey_hub_drop (self, COVEY_DROP_AGENT_GONE);
    covey_hub_undelivered (self, parcel, target, COVEY_NOAGENT,
                           "agent %.*s is not on node %s any more",
                           (int)target.size, target.text, self->config.name);
}
