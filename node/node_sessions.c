#include "node/hub.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "node/fields.h"
#include "proto/event.h"

/*  Sessions are found by socket and routing id.                             */
static size_t
s_route_key (const covey_hub_t *self, const void *socket, const uint8_t *route,
             size_t route_size, uint8_t key[COVEY_HOST_ROUTE_MAX])
{
    if (route_size >= COVEY_HOST_ROUTE_MAX)
        route_size = COVEY_HOST_ROUTE_MAX - 1;
    key[0] = socket == self->local ? 'L' : 'S';
    memcpy (key + 1, route, route_size);
    return route_size + 1;
}

static covey_err_t
s_send_key (covey_hub_t *self, const uint8_t *key, size_t key_size,
            const covey_buf_t *frame)
{
    void *socket = key[0] == 'L' ? self->local : self->sessions;
    return covey_hub_send_to (self, socket, key + 1, key_size - 1, frame->data,
                              frame->size);
}

/*  A frame outside of any session's queue; when it does not go out, the agent
    asks again.                                                               */
static void
s_send_direct (covey_hub_t *self, const uint8_t *key, size_t key_size,
               covey_frame_kind_t kind, const ProtobufCMessage *header)
{
    covey_buf_clear (&self->frame);
    if (covey_frame_begin (&self->frame, kind, header) == COVEY_OK)
        (void)s_send_key (self, key, key_size, &self->frame);
}

static void
s_send_ended (covey_hub_t *self, const uint8_t *key, size_t key_size,
              covey_err_t code, const char *text)
{
    Covey__Wire__Ended ended = COVEY__WIRE__ENDED__INIT;
    ended.code = code;
    ended.text = (char *)text;
    s_send_direct (self, key, key_size, COVEY_FRAME_ENDED, &ended.base);
}

covey_host_t *
covey_hub_service (const covey_hub_t *self, const char *name)
{
    return covey_session_table_by_agent (self->table, name, strlen (name));
}

/* ------------------------------------------------------------------------ */
/*  The end of a session                                                     */

typedef struct {
    covey_hub_t *hub;
    covey_host_t *host;
} sessions_return_t;

static void
s_return_parcel (void *arg, covey_parcel_t *parcel)
{
    const sessions_return_t *returns = arg;
    if (!parcel->view.target_count)
        return;
    const char *id = covey_host_agent_id (returns->host);
    covey_hub_drop (returns->hub, COVEY_DROP_AGENT_GONE);
    covey_hub_undelivered (
        returns->hub, parcel, (covey_slice_t){.text = id, .size = strlen (id)},
        COVEY_NOAGENT, "agent %s is gone before it took this event", id);
}

covey_directory_entry_t *
covey_hub_entry (const covey_hub_t *self, const covey_host_t *host)
{
    const char *service = covey_host_service (host);
    const char *id = covey_host_agent_id (host);
    covey_directory_entry_t *entry =
        *service ? covey_directory_service_on (self->directory, service,
                                               self->config.node_id.bytes)
                 : covey_directory_find (self->directory, id, strlen (id));
    if (!entry ||
        memcmp (entry->session_id, covey_host_session_id (host), 16) != 0)
        return NULL;
    return entry;
}

static void
s_unlist (covey_hub_t *self, const covey_host_t *host, const char *reason,
          bool graceful)
{
    covey_directory_entry_t *entry = covey_hub_entry (self, host);
    if (!entry)
        return;
    Covey__Wire__AgentInfo info;
    covey_directory_info (entry, &info);
    info.has_gone = info.has_graceful = true;
    info.gone = true;
    info.graceful = graceful;
    info.reason = (char *)reason;
    covey_hub_tell_agent (self, &info);
    const char *id = *entry->service ? entry->service : entry->id;
    covey_directory_remove (self->directory, id, strlen (id),
                            self->config.node_id.bytes);
}

void
covey_hub_end_session (covey_hub_t *self, covey_host_t *host, covey_err_t code,
                       const char *text, bool lost)
{
    size_t key_size;
    const uint8_t *key = covey_host_route (host, &key_size);
    if (code && covey_host_is_attached (host))
        s_send_ended (self, key, key_size, code, text);
    covey_subscriptions_remove_all (self->subscriptions, host);
    if (lost && !*covey_host_service (host)) {
        self->counters.sessions_lost++;
        covey_hub_announce_lost_agent (self, host, text);
    }
    if (covey_host_is_stopped (host))
        covey_hub_tell_flow (self, host, false);
    s_unlist (self, host, text, !lost);
    sessions_return_t returns = {.hub = self, .host = host};
    covey_host_return (host, s_return_parcel, &returns);
    const covey_host_stats_t *stats = covey_host_stats (host);
    self->drops[COVEY_DROP_EXPIRED] += stats->expired;
    const covey_notices_t *notices = covey_host_notices (host);
    self->drops[COVEY_DROP_NOTICE] += stats->frames_dropped + notices->dropped +
                                      covey_notices_unsent (notices);
    self->counters.notices_resent += notices->resent;
    self->counters.delivered += stats->delivered;
    covey_delay_add (&self->session_delay, &stats->delay);
    covey_session_table_remove (self->table, &host);
    covey_hub_find_services (self);
}

void
covey_hub_end_sessions (covey_hub_t *self)
{
    covey_hub_flush_sessions (self);
    for (size_t i = 0; i < covey_session_table_count (self->table); i++) {
        covey_host_t *host = covey_session_table_at (self->table, i);
        size_t key_size;
        const uint8_t *key = covey_host_route (host, &key_size);
        if (covey_host_is_attached (host))
            s_send_ended (self, key, key_size, COVEY_CLOSED,
                          "the node is stopping");
    }
}

void
covey_hub_note_agent_state (covey_hub_t *self, covey_host_t *host,
                            const covey_peek_t *event)
{
    covey_directory_entry_t *entry = covey_hub_entry (self, host);
    if (!entry)
        return;
    entry->since_us = self->now_us;
    switch (event->type) {
        case COVEY_EVENT_AGENT_READY:
            entry->state = COVEY__WIRE__AGENT_STATE__AGENT_STATE_READY;
            if (!self->draining)
                entry->available_capacity = (uint32_t)covey_field_number (
                    event->data, COVEY_FIELD_READY_CAPACITY, 0);
            entry->current_tasks = (uint32_t)covey_field_number (
                event->data, COVEY_FIELD_READY_TASKS, 0);
            break;
        case COVEY_EVENT_AGENT_BUSY:
            entry->state = COVEY__WIRE__AGENT_STATE__AGENT_STATE_BUSY;
            entry->current_tasks = (uint32_t)covey_field_number (
                event->data, COVEY_FIELD_BUSY_TASKS, entry->current_tasks);
            break;
        case COVEY_EVENT_AGENT_IDLE:
            entry->state = COVEY__WIRE__AGENT_STATE__AGENT_STATE_IDLE;
            entry->current_tasks = 0;
            break;
        case COVEY_EVENT_AGENT_TERMINATED:
            entry->state = COVEY__WIRE__AGENT_STATE__AGENT_STATE_TERMINATED;
            break;
        default:
            return;
    }
    covey_host_clocks_t *clocks = covey_host_clocks (host);
    clocks->said = entry->state;
    clocks->state.is_stalled = false; /* it speaks                            */
    Covey__Wire__AgentInfo info;
    covey_directory_info (entry, &info);
    covey_hub_tell_agent (self, &info);
}

/* ------------------------------------------------------------------------ */
/*  Hello                                                                    */

static void
s_list (covey_hub_t *self, covey_host_t *host, const Covey__Wire__Hello *hello)
{
    Covey__Wire__AgentInfo info = COVEY__WIRE__AGENT_INFO__INIT;
    info.agent_id = hello->agent_id;
    info.type = hello->agent_type;
    info.name = hello->agent_name;
    info.capabilities = hello->capabilities;
    info.n_capabilities = hello->n_capabilities;
    info.tags = hello->tags;
    info.n_tags = hello->n_tags;
    info.service = hello->service;
    info.state = COVEY__WIRE__AGENT_STATE__AGENT_STATE_READY;
    info.since = info.attached_us = self->now_us;
    info.has_node_id = info.has_session_id = true;
    info.node_id.data = self->config.node_id.bytes;
    info.node_id.len = 16;
    info.session_id.data = (uint8_t *)covey_host_session_id (host);
    info.session_id.len = 16;
    info.task_slots = hello->has_task_slots ? hello->task_slots : 1;
    info.available_capacity = self->draining ? 0 : 100;
    info.last_active = self->now_us;
    info.grace_ms = (uint32_t)covey_host_grace_ms (host);
    covey_agent_state_init (&covey_host_clocks (host)->state, self->now_ms);
    info.client = hello->client;
    covey_directory_entry_t *known = covey_directory_find (
        self->directory, hello->agent_id, strlen (hello->agent_id));
    /* The later session wins, also when the clocks of two nodes disagree. */
    if (known && !*known->service && known->attached_us >= info.attached_us)
        info.attached_us = known->attached_us + 1;
    covey_directory_entry_t *entry;
    if (covey_directory_put (self->directory, &info, &entry) != COVEY_OK)
        return;
    covey_directory_info (entry, &info);
    covey_hub_tell_agent (self, &info);
}

static void
s_send_welcome (covey_hub_t *self, const covey_host_t *host, bool known)
{
    /* All that an agent which keeps to its window may not know: what is not
       in the list would be taken for accepted. */
    enum { REFUSALS = COVEY_HOST_WINDOW + 1 };
    Covey__Wire__Refusal *refusals = NULL, **list = NULL;
    Covey__Wire__Welcome welcome = COVEY__WIRE__WELCOME__INIT;
    welcome.protocol = COVEY_PROTOCOL_VERSION;
    welcome.node_id.data = self->config.node_id.bytes;
    welcome.node_id.len = 16;
    welcome.node_name = (char *)self->config.name;
    welcome.mesh = (char *)self->config.mesh;
    welcome.heartbeat_ms = COVEY_HUB_HEARTBEAT_MS;
    welcome.publish_window = COVEY_HOST_WINDOW;
    welcome.payload_max = COVEY_PAYLOAD_MAX;
    welcome.event_max = COVEY_EVENT_MAX;
    welcome.has_instance = true;
    welcome.instance = self->epoch << 22 | covey_host_number (host);
    welcome.has_grace_ms = true;
    welcome.grace_ms = (uint32_t)covey_host_grace_ms (host);
    if (known) {
        welcome.has_publish_seq = true;
        welcome.publish_seq = covey_host_verdict_seq (host);
        refusals = covey_mem_new (REFUSALS * sizeof *refusals);
        list = covey_mem_new (REFUSALS * sizeof *list);
        welcome.n_refusals = covey_host_refusals (host, refusals, REFUSALS);
        welcome.refusals = list;
        for (size_t i = 0; i < welcome.n_refusals; i++)
            list[i] = &refusals[i];
    }
    size_t key_size;
    const uint8_t *key = covey_host_route (host, &key_size);
    s_send_direct (self, key, key_size, COVEY_FRAME_WELCOME, &welcome.base);
    free (refusals);
    free (list);
}

static void
s_refuse (covey_hub_t *self, const uint8_t *key, size_t key_size,
          covey_err_t code, const char *text, bool final)
{
    Covey__Wire__Refused refused = COVEY__WIRE__REFUSED__INIT;
    refused.code = code;
    refused.text = (char *)text;
    refused.has_final = true;
    refused.final = final;
    s_send_direct (self, key, key_size, COVEY_FRAME_REFUSED, &refused.base);
}

static void
s_on_hello (covey_hub_t *self, const uint8_t *key, size_t key_size,
            const covey_frame_t *frame)
{
    Covey__Wire__Hello *hello = (Covey__Wire__Hello *)covey_wire_unpack (
        &covey__wire__hello__descriptor, frame->header, frame->header_size);
    if (!hello) {
        covey_hub_drop (self, COVEY_DROP_MALFORMED_FRAME);
        return;
    }
    if (self->draining && !hello->client && !hello->service &&
        !covey_session_table_by_agent (self->table, hello->agent_id,
                                       strlen (hello->agent_id))) {
        char text[COVEY_NAME_MAX + 64];
        snprintf (text, sizeof text,
                  "node %s is draining: attach to another one",
                  self->config.name);
        s_refuse (self, key, key_size, COVEY_CLOSED, text, false);
        protobuf_c_message_free_unpacked (&hello->base, NULL);
        return;
    }
    covey_hello_result_t result;
    covey_session_table_hello (self->table, hello, key, key_size, key[0] == 'L',
                               self->now_ms, &result);
    if (result.verdict == COVEY_HELLO_REFUSED) {
        covey_log_quoted_t quoted;
        covey_log_write (self->config.log, COVEY_LOG_WARN, "node",
                         "session_refused", "reason=%s",
                         covey_log_quote (&quoted, result.err.text));
        s_refuse (self, key, key_size, result.code, result.err.text,
                  result.final);
        protobuf_c_message_free_unpacked (&hello->base, NULL);
        return;
    }
    if (result.verdict == COVEY_HELLO_BACK)
        self->counters.sessions_resumed++;
    else {
        self->counters.sessions_opened++;
        s_list (self, result.host, hello);
    }
    if (result.old) {
        self->counters.sessions_superseded++;
        covey_hub_end_session (self, result.old, COVEY_FENCED,
                               "another session took this agent id", false);
    }
    s_send_welcome (self, result.host, result.verdict == COVEY_HELLO_BACK);
    covey_hub_tell_drain (self, result.host);
    covey_hub_find_services (self);
    if (strcmp (covey_host_service (result.host), COVEY_SERVICE_PERSISTER) == 0)
        covey_outbox_rewind (self->outbox, 0);
    if (strcmp (covey_host_service (result.host), COVEY_SERVICE_COORDINATOR) ==
        0)
        self->view_due = true;
    protobuf_c_message_free_unpacked (&hello->base, NULL);
}

/* ------------------------------------------------------------------------ */
/*  Frames of an open session; `header` is unpacked as the table says        */

static void
s_on_publish (covey_hub_t *self, covey_host_t *host, const covey_frame_t *frame,
              const void *header)
{
    const Covey__Wire__Publish *publish = header;
    if (publish->has_done) {
        if (covey_host_ack (host, publish->done) != COVEY_OK)
            covey_hub_drop (self, COVEY_DROP_MALFORMED_FRAME);
        covey_hub_report (self, host);
    }
    covey_hub_publish_frame (self, host, frame, publish);
}

static void
s_on_subscribe (covey_hub_t *self, covey_host_t *host,
                const covey_frame_t *frame, const void *header)
{
    (void)frame;
    const Covey__Wire__Subscribe *subscribe = header;
    covey_errbuf_t err;
    covey_err_t code =
        covey_subscriptions_add (self->subscriptions, host, subscribe, &err);
    if (code) {
        Covey__Wire__Subscribed answer = COVEY__WIRE__SUBSCRIBED__INIT;
        answer.handle = subscribe->handle;
        answer.has_code = true;
        answer.code = code;
        answer.text = err.text;
        covey_host_notice (host, COVEY_FRAME_SUBSCRIBED, &answer.base);
        return;
    }
    covey_hub_waiter_t *waiter = covey_fifo_push (&self->waiters);
    waiter->session = covey_host_number (host);
    waiter->handle = subscribe->handle;
    /* A topic that is new to the node has made a round due. */
    waiter->round = self->round + (self->round_due ? 1 : 0);
    waiter->deadline_ms = self->now_ms + COVEY_HUB_SYNC_MAX_MS;
}

static void
s_on_unsubscribe (covey_hub_t *self, covey_host_t *host,
                  const covey_frame_t *frame, const void *header)
{
    (void)frame;
    const Covey__Wire__Unsubscribe *unsubscribe = header;
    if (unsubscribe->others && unsubscribe->n_handles) {
        covey_subscriptions_remove_others (self->subscriptions, host,
                                           unsubscribe->handles,
                                           unsubscribe->n_handles);
        return;
    }
    if (!unsubscribe->n_handles)
        covey_subscriptions_remove_all (self->subscriptions, host);
    for (size_t i = 0; i < unsubscribe->n_handles; i++)
        covey_subscriptions_remove (self->subscriptions, host,
                                    unsubscribe->handles[i]);
}

static void
s_on_deliver_ack (covey_hub_t *self, covey_host_t *host,
                  const covey_frame_t *frame, const void *header)
{
    (void)frame;
    const Covey__Wire__DeliverAck *ack = header;
    covey_err_t code =
        ack->has_arrived ? covey_host_arrive (host, ack->arrived) : COVEY_OK;
    if (!code)
        code = covey_host_ack (host, ack->seq);
    if (!code && ack->has_notice_seq)
        code = covey_host_ack_notices (host, ack->notice_seq);
    if (code)
        covey_hub_drop (self, COVEY_DROP_MALFORMED_FRAME);
    covey_hub_report (self, host);
}

static void
s_on_flow (covey_hub_t *self, covey_host_t *host, const covey_frame_t *frame,
           const void *header)
{
    (void)self;
    (void)frame;
    const Covey__Wire__Flow *flow = header;
    covey_host_flow (host, flow->paused);
}

static void
s_on_ping (covey_hub_t *self, covey_host_t *host, const covey_frame_t *frame,
           const void *header)
{
    (void)self;
    (void)frame;
    const Covey__Wire__Ping *ping = header;
    covey_host_notice (host, COVEY_FRAME_PONG, &ping->base);
}

static void
s_on_bye (covey_hub_t *self, covey_host_t *host, const covey_frame_t *frame,
          const void *header)
{
    (void)frame;
    const Covey__Wire__Bye *bye = header;
    covey_hub_end_session (self, host, COVEY_OK,
                           bye->reason ? bye->reason : "bye", false);
}

static void
s_on_journal_ack (covey_hub_t *self, covey_host_t *host,
                  const covey_frame_t *frame, const void *header)
{
    (void)header;
    if (strcmp (covey_host_service (host), COVEY_SERVICE_PERSISTER) != 0)
        return;
    covey_hub_on_journal_ack (self, self->config.node_id.bytes, frame->header,
                              frame->header_size);
}

/*  Only services of this process, which are trusted, speak for all.         */
static bool
s_is_service (covey_hub_t *self, const covey_host_t *host, const char *name)
{
    const char *service = covey_host_service (host);
    if (*service && (!name || strcmp (service, name) == 0))
        return true;
    covey_hub_drop (self, COVEY_DROP_MALFORMED_FRAME);
    return false;
}

static void
s_on_control (covey_hub_t *self, covey_host_t *host, const covey_frame_t *frame,
              const void *header)
{
    if (s_is_service (self, host, COVEY_SERVICE_COORDINATOR))
        covey_hub_on_control (self, frame, header);
}

static void
s_on_service_state (covey_hub_t *self, covey_host_t *host,
                    const covey_frame_t *frame, const void *header)
{
    (void)frame;
    if (s_is_service (self, host, NULL))
        covey_hub_on_service_state (self, host, header);
}

typedef void (session_handler_fn) (covey_hub_t *self, covey_host_t *host,
                                   const covey_frame_t *frame,
                                   const void *header);

static const struct {
    uint8_t kind;
    const ProtobufCMessageDescriptor *header; /* NULL: left packed            */
    session_handler_fn *handler;
} s_table[] = {
    {COVEY_FRAME_PUBLISH, &covey__wire__publish__descriptor, s_on_publish},
    {COVEY_FRAME_SUBSCRIBE, &covey__wire__subscribe__descriptor,
     s_on_subscribe},
    {COVEY_FRAME_UNSUBSCRIBE, &covey__wire__unsubscribe__descriptor,
     s_on_unsubscribe},
    {COVEY_FRAME_DELIVER_ACK, &covey__wire__deliver_ack__descriptor,
     s_on_deliver_ack},
    {COVEY_FRAME_FLOW, &covey__wire__flow__descriptor, s_on_flow},
    {COVEY_FRAME_PING, &covey__wire__ping__descriptor, s_on_ping},
    {COVEY_FRAME_BYE, &covey__wire__bye__descriptor, s_on_bye},
    {COVEY_FRAME_JOURNAL_ACK, NULL, s_on_journal_ack},
    {COVEY_FRAME_CONTROL, &covey__wire__control__descriptor, s_on_control},
    {COVEY_FRAME_SERVICE_STATE, &covey__wire__service_state__descriptor,
     s_on_service_state},
};

static void
s_dispatch (covey_hub_t *self, covey_host_t *host, const covey_frame_t *frame)
{
    size_t i = 0, count = sizeof s_table / sizeof s_table[0];
    while (i < count && s_table[i].kind != frame->kind)
        i++;
    ProtobufCMessage *header = NULL;
    if (i < count && s_table[i].header)
        header = covey_wire_unpack (s_table[i].header, frame->header,
                                    frame->header_size);
    if (i == count || (s_table[i].header && !header)) {
        covey_hub_drop (self, COVEY_DROP_MALFORMED_FRAME);
        return;
    }
    s_table[i].handler (self, host, frame, header);
    if (header)
        protobuf_c_message_free_unpacked (header, NULL);
}

void
covey_hub_on_session (covey_hub_t *self, void *socket, const uint8_t *route,
                      size_t route_size, const uint8_t *data, size_t size)
{
    uint8_t key[COVEY_HOST_ROUTE_MAX];
    size_t key_size = s_route_key (self, socket, route, route_size, key);
    covey_frame_t frame;
    covey_err_t code = covey_frame_parse (data, size, &frame);
    if (code) {
        covey_hub_drop (self, COVEY_DROP_MALFORMED_FRAME);
        if (code == COVEY_VERSION)
            s_refuse (self, key, key_size, code,
                      "this node speaks another protocol version: update the "
                      "older one",
                      true);
        return;
    }
    if (frame.kind == COVEY_FRAME_HELLO) {
        if (self->stopping)
            s_refuse (self, key, key_size, COVEY_CLOSED, "the node is stopping",
                      false);
        else
            s_on_hello (self, key, key_size, &frame);
        return;
    }
    covey_host_t *host =
        covey_session_table_by_route (self->table, key, key_size);
    if (!host) {
        if (frame.kind != COVEY_FRAME_BYE)
            s_send_ended (self, key, key_size, COVEY_CLOSED,
                          "the node does not know this session");
        return;
    }
    covey_host_heard (host, self->now_ms);
    s_dispatch (self, host, &frame);
}

/* ------------------------------------------------------------------------ */

void
covey_hub_tick_sessions (covey_hub_t *self)
{
    covey_host_t *host;
    while ((host = covey_session_table_lost (self->table, self->now_ms)))
        covey_hub_end_session (self, host, COVEY_CLOSED,
                               "the session was silent", true);
    for (size_t i = 0; i < covey_session_table_count (self->table); i++)
        covey_host_hurry (covey_session_table_at (self->table, i));
}

static covey_err_t
s_send_frame (void *arg, covey_host_t *host, const covey_buf_t *frame)
{
    covey_hub_t *self = arg;
    size_t key_size;
    const uint8_t *key = covey_host_route (host, &key_size);
    return s_send_key (self, key, key_size, frame);
}

void
covey_hub_flush_sessions (covey_hub_t *self)
{
    size_t count = covey_session_table_count (self->table);
    for (size_t i = 0; i < count; i++) {
        covey_host_t *host = covey_session_table_at (self->table, i);
        if (covey_host_turned (host))
            covey_hub_tell_flow (self, host, covey_host_is_stopped (host));
        if (covey_host_flush (host, &self->frame, s_send_frame, self,
                              self->now_ms))
            self->blocked = true;
    }
}
