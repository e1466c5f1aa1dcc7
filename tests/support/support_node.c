#include "tests/support/support_node.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <czmq.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"

int64_t
support_node_now_ms (void)
{
    return covey_clock_mono_ms ();
}

/* ------------------------------------------------------------------------ */
/*  Nodes                                                                    */

void
support_node_config (covey_node_config_t *config, const char *name)
{
    covey_node_config_init (config);
    config->node_id = covey_id_new ();
    config->name = name;
    config->mesh = "test";
    config->heartbeat_ms = 50;
    config->probe_ms = 200;
    config->probe_timeout_ms = 100;
    config->gossip_ms = 50;
    config->sync_ms = 2000;
}

covey_node_actor_t *
support_node_open (const covey_node_config_t *config)
{
    covey_node_actor_t *node = NULL;
    covey_errbuf_t err = {""};
    if (covey_node_actor_new (config, &node, &err) != COVEY_OK)
        fail_msg ("node %s: %s", config->name, err.text);
    return node;
}

covey_node_actor_t *
support_node (const char *name, const char *join)
{
    covey_node_config_t config;
    support_node_config (&config, name);
    config.joins = &join;
    config.join_count = join ? 1 : 0;
    return support_node_open (&config);
}

void
support_nodes_wait (covey_node_actor_t *node, size_t count)
{
    covey_errbuf_t err;
    if (covey_node_actor_wait_nodes (node, count, SUPPORT_NODE_WAIT_MS, &err))
        fail_msg ("%s", err.text);
}

void
support_agents_wait (covey_node_actor_t *node, size_t count)
{
    covey_errbuf_t err;
    if (covey_node_actor_wait_agents (node, count, SUPPORT_NODE_WAIT_MS, &err))
        fail_msg ("%s", err.text);
}

/* ------------------------------------------------------------------------ */
/*  What a session tells                                                     */

static void
s_send (void *arg, const covey_buf_t *frame)
{
    support_agent_t *self = arg;
    if (!self->mute && self->dealer)
        zmq_send (self->dealer, frame->data, frame->size, ZMQ_DONTWAIT);
}

static void
s_opened (void *arg, const Covey__Wire__Welcome *welcome)
{
    (void)welcome;
    support_agent_t *self = arg;
    self->opened = true;
    self->closed = false;
}

static void
s_closed (void *arg, covey_err_t code, const char *text, bool final)
{
    (void)text;
    support_agent_t *self = arg;
    self->opened = false;
    self->closed = true;
    self->final = final;
    self->closed_code = code;
}

static void
s_event (void *arg, const void *data, size_t size, const uint32_t *handles,
         size_t handle_count)
{
    (void)handles;
    support_agent_t *self = arg;
    self->events_seen++;
    self->handles_seen += handle_count;
    if (self->on_event) {
        covey_peek_t view;
        assert_int_equal (covey_peek (data, size, &view), COVEY_OK);
        self->on_event (self, &view);
    }
    if (self->keep) {
        self->events =
            covey_mem_room (self->events, self->event_count,
                            &self->event_capacity, sizeof *self->events);
        covey_errbuf_t err;
        if (covey_event_unpack (data, size, &self->events[self->event_count],
                                &err))
            fail_msg ("event: %s", err.text);
        self->event_count++;
    }
    if (self->hoard)
        self->hoarded++;
    else
        covey_session_done (self->session);
}

static void
s_refused (void *arg, uint64_t ticket, covey_err_t code, const char *text)
{
    (void)ticket;
    support_agent_t *self = arg;
    self->refused++;
    self->refused_code = code;
    covey_str_copy (self->refused_text, sizeof self->refused_text, text);
}

static void
s_reached (void *arg, uint64_t ticket, covey_level_t level, int64_t offset)
{
    (void)ticket;
    support_agent_t *self = arg;
    if (level == COVEY_LEVEL_ACCEPTED)
        self->accepted++;
    else {
        self->stored++;
        self->stored_offset = offset;
    }
}

static void
s_subscribed (void *arg, uint32_t handle, covey_err_t code, const char *text)
{
    (void)handle;
    (void)text;
    support_agent_t *self = arg;
    self->subscribed++;
    self->subscribed_code = code;
}

static void
s_undelivered (void *arg, const Covey__Wire__Undelivered *notice)
{
    support_agent_t *self = arg;
    self->undelivered++;
    self->undelivered_code = (covey_err_t)notice->code;
    covey_str_copy (self->undelivered_target, sizeof self->undelivered_target,
                    notice->target);
    covey_str_copy (self->undelivered_request, sizeof self->undelivered_request,
                    notice->request_id ? notice->request_id : "");
}

static void
s_heard (void *arg, const Covey__Wire__Heard *heard)
{
    support_agent_t *self = arg;
    self->heard += heard->n_event_ids;
    covey_str_copy (self->heard_agent, sizeof self->heard_agent,
                    heard->agent_id);
    memcpy (self->heard_id, heard->event_ids[heard->n_event_ids - 1].data, 16);
}

static void
s_gap (void *arg, const Covey__Wire__Gap *gap)
{
    support_agent_t *self = arg;
    if (!self->gaps++) {
        self->gap_first = gap->first;
        memcpy (self->gap_node, gap->node_id.data, 16);
    }
    self->gap_events += gap->last - gap->first + 1;
}

static void
s_service (void *arg, const covey_frame_t *frame)
{
    support_agent_t *self = arg;
    self->frames++;
    if (self->on_frame)
        self->on_frame (self, frame);
}

/* ------------------------------------------------------------------------ */
/*  Agents                                                                   */

void
support_agent_redial (support_agent_t *self, const char *endpoint)
{
    if (self->dealer)
        zmq_close (self->dealer);
    self->dealer = zmq_socket (zsys_init (), ZMQ_DEALER);
    assert_non_null (self->dealer);
    int zero = 0, hwm = 100000;
    zmq_setsockopt (self->dealer, ZMQ_LINGER, &zero, sizeof zero);
    zmq_setsockopt (self->dealer, ZMQ_SNDHWM, &hwm, sizeof hwm);
    if (zmq_connect (self->dealer, endpoint) != 0)
        fail_msg ("connect %s: %s", endpoint, zmq_strerror (errno));
    covey_session_open (self->session, covey_clock_mono_ms ());
}

support_agent_t *
support_agent_dial (support_crowd_t *crowd, const char *endpoint,
                    const char *id, const Covey__Wire__Hello *given)
{
    assert_true (crowd->count < SUPPORT_AGENTS_MAX);
    support_agent_t *self = covey_mem_new (sizeof *self);
    covey_str_copy (self->id, sizeof self->id, id);
    self->keep = true;
    Covey__Wire__Hello hello = COVEY__WIRE__HELLO__INIT;
    if (given)
        hello = *given;
    else
        hello.agent_type = (char *)"worker";
    hello.agent_id = self->id;
    covey_session_callbacks_t callbacks = {.arg = self,
                                           .send = s_send,
                                           .opened = s_opened,
                                           .closed = s_closed,
                                           .event = s_event,
                                           .refused = s_refused,
                                           .reached = s_reached,
                                           .subscribed = s_subscribed,
                                           .undelivered = s_undelivered,
                                           .heard = s_heard,
                                           .gap = s_gap,
                                           .service = s_service};
    covey_id_t session_id = covey_id_new ();
    self->session = covey_session_new (&hello, session_id.bytes, &callbacks);
    assert_non_null (self->session);
    crowd->agents[crowd->count++] = self;
    support_agent_redial (self, endpoint);
    return self;
}

support_agent_t *
support_agent_at (support_crowd_t *crowd, const char *endpoint, const char *id,
                  const Covey__Wire__Hello *hello)
{
    support_agent_t *self = support_agent_dial (crowd, endpoint, id, hello);
    support_until (crowd, self->opened);
    return self;
}

support_agent_t *
support_agent (support_crowd_t *crowd, covey_node_actor_t *node, const char *id)
{
    return support_agent_at (crowd, covey_node_actor_inproc (node), id, NULL);
}

void
support_agent_catch_up (support_agent_t *self)
{
    self->hoard = false;
    for (; self->hoarded; self->hoarded--)
        covey_session_done (self->session);
}

void
support_agent_kill (support_crowd_t *crowd, support_agent_t *self)
{
    size_t index = 0;
    while (crowd->agents[index] != self)
        index++;
    crowd->agents[index] = crowd->agents[--crowd->count];
    zmq_close (self->dealer);
    covey_session_destroy (&self->session);
    for (size_t i = 0; i < self->event_count; i++)
        covey_event_destroy (&self->events[i]);
    free (self->events);
    free (self);
}

void
support_agent_bye (support_crowd_t *crowd, support_agent_t *self)
{
    covey_session_flush (self->session, covey_clock_mono_ms ());
    covey_session_close (self->session, "done");
    int linger = 1000;
    zmq_setsockopt (self->dealer, ZMQ_LINGER, &linger, sizeof linger);
    support_agent_kill (crowd, self);
}

void
support_crowd_end (support_crowd_t *crowd)
{
    while (crowd->count)
        support_agent_kill (crowd, crowd->agents[0]);
}

/* ------------------------------------------------------------------------ */
/*  Moving                                                                   */

static void
s_read (support_agent_t *self, int64_t now_ms)
{
    for (int i = 0; i < 64; i++) {
        zmq_msg_t message;
        zmq_msg_init (&message);
        if (zmq_msg_recv (&message, self->dealer, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close (&message);
            return;
        }
        covey_err_t code =
            covey_session_receive (self->session, zmq_msg_data (&message),
                                   zmq_msg_size (&message), now_ms);
        zmq_msg_close (&message);
        assert_int_equal (code, COVEY_OK);
    }
}

void
support_pump (support_crowd_t *crowd, int wait_ms)
{
    zmq_pollitem_t items[SUPPORT_AGENTS_MAX];
    memset (items, 0, sizeof items);
    size_t polled = 0;
    for (size_t i = 0; i < crowd->count; i++)
        if (!crowd->agents[i]->mute) {
            items[polled].socket = crowd->agents[i]->dealer;
            items[polled++].events = ZMQ_POLLIN;
        }
    zmq_poll (items, (int)polled, wait_ms);
    int64_t now_ms = covey_clock_mono_ms ();
    for (size_t i = 0; i < crowd->count; i++) {
        support_agent_t *agent = crowd->agents[i];
        if (agent->mute)
            continue;
        s_read (agent, now_ms);
        covey_session_tick (agent->session, now_ms);
        covey_session_flush (agent->session, now_ms);
    }
}

void
support_pump_for (support_crowd_t *crowd, int duration_ms)
{
    int64_t end_ms = covey_clock_mono_ms () + duration_ms;
    while (covey_clock_mono_ms () < end_ms)
        support_pump (crowd, 5);
}

/* ------------------------------------------------------------------------ */
/*  Events                                                                   */

uint64_t
support_agent_publish (support_agent_t *self, covey_event_t *event,
                       covey_level_t level, uint32_t wait_ms)
{
    covey_buf_t packed;
    covey_errbuf_t err;
    uint64_t ticket = 0;
    covey_buf_init (&packed, COVEY_EVENT_MAX);
    if (!*covey_event_source (event))
        assert_int_equal (covey_event_set_source (event, self->id), COVEY_OK);
    if (covey_event_pack (event, &packed, &err))
        fail_msg ("pack: %s", err.text);
    covey_session_wish_t wish = {.level = level,
                                 .wait_ms = wait_ms,
                                 .group = covey_event_group (event),
                                 .heard = covey_event_heard (event)};
    assert_int_equal (
        covey_session_publish_as (self->session, &packed, &wish, &ticket),
        COVEY_OK);
    covey_buf_deinit (&packed);
    covey_event_destroy (&event);
    return ticket;
}

covey_event_t *
support_message (const support_agent_t *from, const char *to, const char *text)
{
    covey_event_t *event = covey_event_new (COVEY_EVENT_MESSAGE_SENT);
    assert_non_null (event);
    assert_int_equal (covey_event_set_source (event, from->id), COVEY_OK);
    if (to)
        assert_int_equal (covey_event_add_target (event, to), COVEY_OK);
    assert_int_equal (covey_event_set_str (event, "messageId", "m"), COVEY_OK);
    assert_int_equal (covey_event_set_payload (event, "content",
                                               COVEY_CONTENT_TEXT, text,
                                               strlen (text)),
                      COVEY_OK);
    return event;
}

covey_event_t *
support_broadcast (const support_agent_t *from, const char *topic)
{
    covey_event_t *event = covey_event_new (COVEY_EVENT_BROADCAST);
    assert_non_null (event);
    assert_int_equal (covey_event_set_source (event, from->id), COVEY_OK);
    assert_int_equal (covey_event_set_str (event, "topic", topic), COVEY_OK);
    assert_int_equal (
        covey_event_set_payload (event, "content", COVEY_CONTENT_TEXT, "x", 1),
        COVEY_OK);
    assert_int_equal (covey_event_set_str (event, "scope", "global"), COVEY_OK);
    return event;
}

void
support_agent_subscribe (support_agent_t *self, uint32_t handle, int type,
                         bool observe)
{
    uint32_t types[] = {(uint32_t)type};
    Covey__Wire__Subscribe subscribe = COVEY__WIRE__SUBSCRIBE__INIT;
    subscribe.handle = handle;
    subscribe.types = types;
    subscribe.n_types = type ? 1 : 0;
    subscribe.has_observe = observe;
    subscribe.observe = observe;
    assert_int_equal (covey_session_subscribe (self->session, &subscribe),
                      COVEY_OK);
}

static const covey_event_t *
s_find_answer (const support_agent_t *self, const char *request_id)
{
    for (size_t i = 0; i < self->event_count; i++)
        if (covey_event_type (self->events[i]) == COVEY_EVENT_RESPONSE &&
            strcmp (covey_event_str (self->events[i], "requestId"),
                    request_id) == 0)
            return self->events[i];
    return NULL;
}

char *
support_ask (support_crowd_t *crowd, support_agent_t *self, const char *target,
             const char *method, const char *params)
{
    char id[64], text[37];
    covey_id_t unique = covey_id_new ();
    covey_id_text (unique.bytes, text);
    snprintf (id, sizeof id, "ask-%s", text);
    covey_event_t *request =
        covey_event_request (self->id, target, id, method, params, 5000);
    assert_non_null (request);
    support_agent_publish (self, request, COVEY_LEVEL_ACCEPTED, 0);
    const covey_event_t *answer;
    support_until (crowd, (answer = s_find_answer (self, id)));
    size_t size = 0;
    covey_content_t content;
    if (!covey_event_bool (answer, "success"))
        return covey_str_dup (covey_event_str (answer, "error.code"));
    const char *json = covey_event_payload (answer, "result", &content, &size);
    return json ? covey_mem_dup (json, size) : covey_str_dup ("");
}

int64_t
support_json_int (const char *json, const char *key)
{
    char quoted[128];
    snprintf (quoted, sizeof quoted, "\"%s\":", key);
    const char *at = strstr (json, quoted);
    return at ? strtoll (at + strlen (quoted), NULL, 10) : -1;
}

/* ------------------------------------------------------------------------ */
/*  A persister                                                              */

void
support_agent_send_raw (support_agent_t *self, const void *data, size_t size)
{
    assert_true (zmq_send (self->dealer, data, size, 0) >= 0);
}

static uint64_t *
s_store_of (support_agent_t *self, const uint8_t origin[16])
{
    static const uint8_t none[16];
    for (size_t i = 0; i < sizeof self->stores / sizeof self->stores[0]; i++) {
        if (memcmp (self->stores[i].origin, none, 16) == 0)
            memcpy (self->stores[i].origin, origin, 16);
        if (memcmp (self->stores[i].origin, origin, 16) == 0)
            return &self->stores[i].seq;
    }
    fail_msg ("more origins than a test should have");
    return NULL;
}

static void
s_take (const covey_frame_t *frame, const Covey__Wire__Journal *journal,
        uint64_t *seq)
{
    covey_frame_t items = *frame;
    const uint8_t *item;
    size_t size;
    for (uint64_t at = journal->first_seq;
         covey_frame_next (&items, &item, &size) == COVEY_OK; at++) {
        covey_peek_t view;
        assert_int_equal (covey_peek (item, size, &view), COVEY_OK);
        assert_int_equal (view.origin_seq, at);
        assert_memory_equal (view.origin, journal->origin.data, 16);
        if (at == *seq + 1)
            *seq = at;
    }
}

void
support_persist (support_agent_t *self, const covey_frame_t *frame)
{
    if (frame->kind != COVEY_FRAME_JOURNAL)
        return;
    int *skip = self->arg;
    if (skip && *skip) {
        (*skip)--;
        return;
    }
    Covey__Wire__Journal *journal = (Covey__Wire__Journal *)covey_wire_unpack (
        &covey__wire__journal__descriptor, frame->header, frame->header_size);
    assert_non_null (journal);
    uint64_t *seq = s_store_of (self, journal->origin.data);
    Covey__Wire__JournalAck ack = COVEY__WIRE__JOURNAL_ACK__INIT;
    ack.origin = journal->origin;
    uint64_t before = *seq;
    if (journal->first_seq > *seq + 1) {
        ack.has_expect = true;
        ack.expect = *seq + 1;
    } else
        s_take (frame, journal, seq);
    ack.seq = *seq;
    int64_t offsets[COVEY_SESSION_WINDOW];
    ack.offsets = offsets;
    for (; before < *seq && ack.n_offsets < COVEY_SESSION_WINDOW; before++)
        offsets[ack.n_offsets++] = ++self->offset;
    covey_session_send_frame (self->session, COVEY_FRAME_JOURNAL_ACK,
                              &ack.base);
    protobuf_c_message_free_unpacked (&journal->base, NULL);
}
