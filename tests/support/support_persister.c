#include "support_persister.h"

#include <czmq.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"

#define RESPONSES_MAX 64
#define ACKS_MAX 4096

struct support_fake {
    zsock_t *router;
    char endpoint[80];
    zframe_t *peer; /* routing id of the persister                            */
    uint64_t delivered, published, calls;
    covey_event_t *responses[RESPONSES_MAX];
    size_t response_count;
    Covey__Wire__JournalAck *acks[ACKS_MAX];
    size_t ack_count;
    uint64_t acked;
};

support_fake_t *
support_fake_new (void)
{
    support_fake_t *self = covey_mem_new (sizeof *self);
    covey_id_t id = covey_id_new ();
    char text[37];
    covey_id_text (id.bytes, text);
    snprintf (self->endpoint, sizeof self->endpoint, "inproc://node-%s", text);
    zsys_handler_set (NULL);
    self->router = zsock_new_router (self->endpoint);
    assert_non_null (self->router);
    return self;
}

void
support_fake_destroy (support_fake_t **self_p)
{
    support_fake_t *self = *self_p;
    for (size_t i = 0; i < self->response_count; i++)
        covey_event_destroy (&self->responses[i]);
    for (size_t i = 0; i < self->ack_count; i++)
        covey__wire__journal_ack__free_unpacked (self->acks[i], NULL);
    zframe_destroy (&self->peer);
    zsock_destroy (&self->router);
    free (self);
    *self_p = NULL;
}

const char *
support_fake_endpoint (const support_fake_t *self)
{
    return self->endpoint;
}

void
support_fake_send (support_fake_t *self, const void *data, size_t size)
{
    zframe_t *frame = zframe_new (data, size);
    assert_non_null (self->peer);
    assert_int_equal (
        zframe_send (&self->peer, self->router, ZFRAME_MORE | ZFRAME_REUSE), 0);
    assert_int_equal (zframe_send (&frame, self->router, 0), 0);
}

static void
s_send (support_fake_t *self, covey_frame_kind_t kind,
        const ProtobufCMessage *header, const void *item, size_t size)
{
    covey_buf_t frame;
    covey_buf_init (&frame, COVEY_FRAME_MAX);
    assert_int_equal (covey_frame_begin (&frame, kind, header), COVEY_OK);
    if (item)
        assert_int_equal (covey_frame_add (&frame, item, size), COVEY_OK);
    support_fake_send (self, frame.data, frame.size);
    covey_buf_deinit (&frame);
}

/* ---- what comes --------------------------------------------------------- */

static void
s_on_hello (support_fake_t *self)
{
    Covey__Wire__Welcome welcome = COVEY__WIRE__WELCOME__INIT;
    static uint8_t node_id[16] = "node";
    char name[] = "fake";
    welcome.protocol = COVEY_PROTOCOL_VERSION;
    welcome.node_id.data = node_id;
    welcome.node_id.len = 16;
    welcome.node_name = welcome.mesh = name;
    welcome.heartbeat_ms = 1000;
    welcome.publish_window = 1024;
    welcome.payload_max = COVEY_PAYLOAD_MAX;
    welcome.event_max = COVEY_EVENT_MAX;
    s_send (self, COVEY_FRAME_WELCOME, &welcome.base, NULL, 0);
}

static void
s_on_publish (support_fake_t *self, covey_frame_t *frame)
{
    Covey__Wire__Receipt receipt = COVEY__WIRE__RECEIPT__INIT;
    const uint8_t *item;
    size_t size;
    while (covey_frame_next (frame, &item, &size) == COVEY_OK) {
        covey_event_t *event = NULL;
        covey_errbuf_t err;
        if (covey_event_unpack (item, size, &event, &err) != COVEY_OK)
            fail_msg ("response: %s", err.text);
        assert_true (self->response_count < RESPONSES_MAX);
        self->responses[self->response_count++] = event;
        self->published++;
    }
    receipt.accepted = self->published;
    s_send (self, COVEY_FRAME_RECEIPT, &receipt.base, NULL, 0);
}

static void
s_on_ack (support_fake_t *self, const covey_frame_t *frame)
{
    Covey__Wire__JournalAck *ack = covey__wire__journal_ack__unpack (
        NULL, frame->header_size, frame->header);
    assert_non_null (ack);
    if (!ack->has_code && ack->seq > self->acked)
        self->acked = ack->seq;
    assert_true (self->ack_count < ACKS_MAX);
    self->acks[self->ack_count++] = ack;
}

static void
s_on_frame (support_fake_t *self, const void *data, size_t size)
{
    covey_frame_t frame;
    assert_int_equal (covey_frame_parse (data, size, &frame), COVEY_OK);
    if (frame.kind == COVEY_FRAME_HELLO)
        s_on_hello (self);
    else if (frame.kind == COVEY_FRAME_PUBLISH)
        s_on_publish (self, &frame);
    else if (frame.kind == COVEY_FRAME_JOURNAL_ACK)
        s_on_ack (self, &frame);
    else if (frame.kind == COVEY_FRAME_PING) {
        Covey__Wire__Ping *ping =
            covey__wire__ping__unpack (NULL, frame.header_size, frame.header);
        s_send (self, COVEY_FRAME_PONG, &ping->base, NULL, 0);
        covey__wire__ping__free_unpacked (ping, NULL);
    }
}

/*  Handle one frame, or none within a short time.                           */
static void
s_pump (support_fake_t *self)
{
    zmq_pollitem_t item = {.socket = zsock_resolve (self->router),
                           .events = ZMQ_POLLIN};
    if (zmq_poll (&item, 1, 20) <= 0)
        return;
    zmsg_t *message = zmsg_recv (self->router);
    assert_non_null (message);
    zframe_destroy (&self->peer);
    self->peer = zmsg_pop (message);
    zframe_t *frame = zmsg_pop (message);
    s_on_frame (self, zframe_data (frame), zframe_size (frame));
    zframe_destroy (&frame);
    zmsg_destroy (&message);
}

/* ---- start -------------------------------------------------------------- */

typedef struct {
    const covey_persister_config_t *config;
    covey_persister_actor_t **actor_p;
    covey_errbuf_t *err;
    covey_err_t rc;
    atomic_bool is_done;
} s_start_t;

static void *
s_starter (void *arg)
{
    s_start_t *start = arg;
    start->rc = covey_persister_actor_new (start->config, SUPPORT_WAIT_MS,
                                           start->actor_p, start->err);
    atomic_store (&start->is_done, true);
    return NULL;
}

covey_err_t
support_fake_start (support_fake_t *self,
                    const covey_persister_config_t *config,
                    covey_persister_actor_t **actor_p, covey_errbuf_t *err)
{
    s_start_t start = {.config = config, .actor_p = actor_p, .err = err};
    pthread_t thread;
    atomic_init (&start.is_done, false);
    assert_int_equal (pthread_create (&thread, NULL, s_starter, &start), 0);
    while (!atomic_load (&start.is_done))
        s_pump (self);
    pthread_join (thread, NULL);
    return start.rc;
}

/* ---- events ------------------------------------------------------------- */

void
support_fake_journal (support_fake_t *self, const uint8_t origin[16],
                      uint64_t first, uint64_t last,
                      void (*make) (support_event_t *event))
{
    Covey__Wire__Journal header = COVEY__WIRE__JOURNAL__INIT;
    covey_buf_t frame, packed;
    covey_peek_t peek;
    covey_buf_init (&frame, COVEY_FRAME_MAX);
    covey_buf_init (&packed, COVEY_EVENT_MAX);
    header.origin.data = (uint8_t *)(uintptr_t)origin;
    header.origin.len = 16;
    header.first_seq = first;
    assert_int_equal (
        covey_frame_begin (&frame, COVEY_FRAME_JOURNAL, &header.base),
        COVEY_OK);
    for (uint64_t i = first; i <= last; i++) {
        support_event_t event = {.number = i, .priority = 1};
        if (make)
            make (&event);
        covey_buf_clear (&packed);
        support_pack (&event, origin, i, &packed, &peek);
        assert_int_equal (covey_frame_add (&frame, packed.data, packed.size),
                          COVEY_OK);
    }
    support_fake_send (self, frame.data, frame.size);
    covey_buf_deinit (&frame);
    covey_buf_deinit (&packed);
}

void
support_fake_journal_raw (support_fake_t *self, const uint8_t origin[16],
                          uint64_t first, const void *item, size_t size)
{
    Covey__Wire__Journal header = COVEY__WIRE__JOURNAL__INIT;
    header.origin.data = (uint8_t *)(uintptr_t)origin;
    header.origin.len = 16;
    header.first_seq = first;
    s_send (self, COVEY_FRAME_JOURNAL, &header.base, item, size);
}

Covey__Wire__JournalAck *
support_fake_ack (support_fake_t *self)
{
    int64_t end_ms = covey_clock_mono_ms () + SUPPORT_WAIT_MS;
    while (!self->ack_count) {
        if (covey_clock_mono_ms () > end_ms)
            fail_msg ("no acknowledgement came");
        s_pump (self);
    }
    Covey__Wire__JournalAck *ack = self->acks[0];
    memmove (&self->acks[0], &self->acks[1],
             --self->ack_count * sizeof *self->acks);
    return ack;
}

void
support_fake_wait_acked (support_fake_t *self, uint64_t seq)
{
    int64_t end_ms = covey_clock_mono_ms () + SUPPORT_WAIT_MS;
    while (self->acked < seq) {
        if (covey_clock_mono_ms () > end_ms)
            fail_msg ("acknowledged are only %llu of %llu",
                      (unsigned long long)self->acked, (unsigned long long)seq);
        s_pump (self);
    }
}

/* ---- requests ----------------------------------------------------------- */

void
support_fake_ask (support_fake_t *self, const char *request_id,
                  const char *method, const char *params, int timeout_ms)
{
    Covey__Wire__Deliver header = COVEY__WIRE__DELIVER__INIT;
    covey_event_t *request =
        covey_event_request ("asker", COVEY_SERVICE_PERSISTER, request_id,
                             method, params, timeout_ms);
    covey_buf_t packed;
    covey_errbuf_t err;
    assert_non_null (request);
    covey_buf_init (&packed, COVEY_EVENT_MAX);
    if (covey_event_pack (request, &packed, &err) != COVEY_OK)
        fail_msg ("request: %s", err.text);
    header.first_seq = ++self->delivered;
    s_send (self, COVEY_FRAME_DELIVER, &header.base, packed.data, packed.size);
    covey_buf_deinit (&packed);
    covey_event_destroy (&request);
}

covey_event_t *
support_fake_response (support_fake_t *self, const char *request_id)
{
    int64_t end_ms = covey_clock_mono_ms () + SUPPORT_WAIT_MS;
    for (;;) {
        for (size_t i = 0; i < self->response_count; i++) {
            covey_event_t *event = self->responses[i];
            if (strcmp (covey_event_str (event, "requestId"), request_id) ==
                0) {
                self->responses[i] = self->responses[--self->response_count];
                return event;
            }
        }
        if (covey_clock_mono_ms () > end_ms)
            fail_msg ("no response to %s came", request_id);
        s_pump (self);
    }
}

static covey_event_t *
s_call (support_fake_t *self, const char *method, const char *params)
{
    char id[32];
    snprintf (id, sizeof id, "call-%llu", (unsigned long long)++self->calls);
    support_fake_ask (self, id, method, params, 5000);
    return support_fake_response (self, id);
}

char *
support_fake_call (support_fake_t *self, const char *method, const char *params)
{
    covey_event_t *response = s_call (self, method, params);
    covey_buf_t text;
    covey_buf_init (&text, COVEY_PAYLOAD_MAX);
    if (covey_event_bool (response, "success"))
        covey_buf_puts (&text,
                        covey_event_payload (response, "result", NULL, NULL));
    else
        covey_buf_printf (&text, "%s: %s",
                          covey_event_str (response, "error.code"),
                          covey_event_str (response, "error.message"));
    covey_event_destroy (&response);
    char *result = covey_buf_steal (&text);
    covey_buf_deinit (&text);
    return result;
}

Covey__Store__EventPage *
support_page (const covey_event_t *response)
{
    size_t size = 0;
    covey_content_t content = COVEY_CONTENT_JSON;
    if (!covey_event_bool (response, "success"))
        fail_msg ("mesh.events: %s",
                  covey_event_str (response, "error.message"));
    const void *data =
        covey_event_payload (response, "result", &content, &size);
    assert_int_equal (content, COVEY_CONTENT_BINARY);
    Covey__Store__EventPage *page =
        covey__store__event_page__unpack (NULL, size, data);
    assert_non_null (page);
    return page;
}

Covey__Store__EventPage *
support_fake_events (support_fake_t *self, const char *params)
{
    covey_event_t *response = s_call (self, "mesh.events", params);
    Covey__Store__EventPage *page = support_page (response);
    covey_event_destroy (&response);
    return page;
}
