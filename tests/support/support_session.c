#include "support_session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void s_log (support_session_t *self, const char *fmt, ...)
    __attribute__ ((format (printf, 2, 3)));

static void
s_log (support_session_t *self, const char *fmt, ...)
{
    va_list args;
    va_start (args, fmt);
    int size = vsnprintf (self->log + self->log_size,
                          SUPPORT_LOG_MAX - self->log_size, fmt, args);
    va_end (args);
    assert_true (size > 0 &&
                 (size_t)size + 2 < SUPPORT_LOG_MAX - self->log_size);
    self->log_size += (size_t)size;
    self->log[self->log_size++] = '\n';
    self->log[self->log_size] = '\0';
}

void
support_session_expect (support_session_t *self, const char *lines)
{
    assert_string_equal (self->log, lines);
    self->log_size = 0;
    self->log[0] = '\0';
}

void
support_session_publish (support_session_t *self, const char *text,
                         covey_level_t level, uint32_t wait_ms)
{
    uint64_t ticket;
    assert_int_equal (covey_session_publish (self->session, text, strlen (text),
                                             level, wait_ms, &ticket),
                      COVEY_OK);
}

/* -- what the session sends ---------------------------------------------- */

static void
s_log_publish (support_session_t *self, covey_frame_t *frame)
{
    ProtobufCMessage *message = covey_wire_unpack (
        &covey__wire__publish__descriptor, frame->header, frame->header_size);
    assert_non_null (message);
    Covey__Wire__Publish *publish = (Covey__Wire__Publish *)message;
    const uint8_t *item;
    size_t size, count = 0;
    while (covey_frame_next (frame, &item, &size) == COVEY_OK)
        count++;
    if (publish->has_level || publish->has_wait_ms)
        s_log (self, "PUBLISH %d+%zu level %u wait %u", (int)publish->first_seq,
               count, publish->level, publish->wait_ms);
    else if (publish->has_done)
        s_log (self, "PUBLISH %d+%zu done %d", (int)publish->first_seq, count,
               (int)publish->done);
    else
        s_log (self, "PUBLISH %d+%zu%s", (int)publish->first_seq, count,
               publish->patient ? " patient" : "");
    protobuf_c_message_free_unpacked (message, NULL);
}

/*  Frames whose header is one number, or nothing worth a word.              */
static void
s_log_number (support_session_t *self, const char *name,
              const covey_frame_t *frame,
              const ProtobufCMessageDescriptor *descriptor)
{
    ProtobufCMessage *message =
        covey_wire_unpack (descriptor, frame->header, frame->header_size);
    assert_non_null (message);
    const Covey__Wire__DeliverAck *ack = (Covey__Wire__DeliverAck *)message;
    const Covey__Wire__Unsubscribe *end = (Covey__Wire__Unsubscribe *)message;
    if (frame->kind == COVEY_FRAME_DELIVER_ACK && ack->has_notice_seq)
        s_log (self, "%s %d notice %d", name, (int)ack->seq,
               (int)ack->notice_seq);
    else if (frame->kind == COVEY_FRAME_DELIVER_ACK && ack->has_arrived)
        s_log (self, "%s %d arrived %d", name, (int)ack->seq,
               (int)ack->arrived);
    else if (frame->kind == COVEY_FRAME_DELIVER_ACK)
        s_log (self, "%s %d", name, (int)ack->seq);
    else if (frame->kind == COVEY_FRAME_SUBSCRIBE)
        s_log (self, "%s %d", name,
               (int)((Covey__Wire__Subscribe *)message)->handle);
    else if (frame->kind == COVEY_FRAME_UNSUBSCRIBE)
        s_log (self, "%s %s%zu", name, end->others ? "all but " : "",
               end->n_handles);
    else if (frame->kind == COVEY_FRAME_FLOW)
        s_log (self, "%s %d", name, ((Covey__Wire__Flow *)message)->paused);
    else
        s_log (self, "%s", name);
    protobuf_c_message_free_unpacked (message, NULL);
}

static void
s_on_send (void *arg, const covey_buf_t *buf)
{
    support_session_t *self = arg;
    covey_frame_t frame;
    assert_int_equal (covey_frame_parse (buf->data, buf->size, &frame),
                      COVEY_OK);
    covey_buf_clear (&self->last);
    assert_int_equal (covey_buf_append (&self->last, buf->data, buf->size),
                      COVEY_OK);
    static const struct {
        covey_frame_kind_t kind;
        const char *name;
        const ProtobufCMessageDescriptor *header;
    } kinds[] = {
        {COVEY_FRAME_HELLO, "HELLO", &covey__wire__hello__descriptor},
        {COVEY_FRAME_SUBSCRIBE, "SUBSCRIBE",
         &covey__wire__subscribe__descriptor},
        {COVEY_FRAME_UNSUBSCRIBE, "UNSUBSCRIBE",
         &covey__wire__unsubscribe__descriptor},
        {COVEY_FRAME_DELIVER_ACK, "ACK", &covey__wire__deliver_ack__descriptor},
        {COVEY_FRAME_PING, "PING", &covey__wire__ping__descriptor},
        {COVEY_FRAME_BYE, "BYE", &covey__wire__bye__descriptor},
        {COVEY_FRAME_FLOW, "FLOW", &covey__wire__flow__descriptor},
        {COVEY_FRAME_JOURNAL_ACK, "JOURNAL_ACK",
         &covey__wire__journal_ack__descriptor},
    };
    if (frame.kind == COVEY_FRAME_PUBLISH) {
        s_log_publish (self, &frame);
        return;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (kinds[i].kind == frame.kind) {
            s_log_number (self, kinds[i].name, &frame, kinds[i].header);
            return;
        }
    fail_msg ("a frame of kind %d was sent", frame.kind);
}

void
support_session_flush_acks (support_session_t *self)
{
    covey_session_flush (self->session, self->now_ms);
    self->now_ms += COVEY_SESSION_ACK_MS;
    covey_session_tick (self->session, self->now_ms);
}

/* -- what the session says ----------------------------------------------- */

static void
s_on_opened (void *arg, const Covey__Wire__Welcome *welcome)
{
    support_session_t *self = arg;
    s_log (self, "opened %s", welcome->node_name);
    if (self->publish_in_opened) {
        support_session_publish (self, "opened", COVEY_LEVEL_ACCEPTED, 0);
        covey_session_flush (self->session, self->now_ms);
    }
}

static void
s_on_closed (void *arg, covey_err_t code, const char *text, bool final)
{
    assert_non_null (text);
    s_log (arg, "closed %s%s", covey_err_name (code), final ? " final" : "");
}

static void
s_on_event (void *arg, const void *data, size_t size, const uint32_t *handles,
            size_t handle_count)
{
    support_session_t *self = arg;
    char list[64] = "";
    size_t n = 0;
    for (size_t i = 0; i < handle_count; i++)
        n += (size_t)snprintf (list + n, sizeof list - n, " %u", handles[i]);
    if (covey_session_ttl_left (self->session))
        snprintf (list + n, sizeof list - n, " for %u ms",
                  covey_session_ttl_left (self->session));
    s_log (self, "event %.*s%s", (int)size, (const char *)data, list);
    if (self->publish_in_event) {
        support_session_publish (self, "answer", COVEY_LEVEL_ACCEPTED, 0);
        covey_session_flush (self->session, self->now_ms);
    }
    if (self->done_in_event)
        covey_session_done (self->session);
    if (self->close_in_event)
        covey_session_close (self->session, "enough");
}

static void
s_on_refused (void *arg, uint64_t ticket, covey_err_t code, const char *text)
{
    support_session_t *self = arg;
    s_log (self, "refused %d %s %s", (int)ticket, covey_err_name (code), text);
}

static void
s_on_reached (void *arg, uint64_t ticket, covey_level_t level, int64_t offset)
{
    support_session_t *self = arg;
    s_log (self, "reached %d %s %d", (int)ticket, covey_level_name ((int)level),
           (int)offset);
    if (self->publish_in_reached) {
        self->publish_in_reached = false;
        for (int i = 0; i < 100; i++) /* makes the queue grow */
            support_session_publish (self, "more", COVEY_LEVEL_ACCEPTED, 0);
    }
}

static void
s_on_subscribed (void *arg, uint32_t handle, covey_err_t code, const char *text)
{
    s_log (arg, "subscribed %u %s%s", handle, covey_err_name (code), text);
}

static void
s_on_undelivered (void *arg, const Covey__Wire__Undelivered *notice)
{
    s_log (arg, "undelivered %s", notice->target);
}

static void
s_on_gap (void *arg, const Covey__Wire__Gap *gap)
{
    s_log (arg, "gap %d..%d", (int)gap->first, (int)gap->last);
}

static void
s_on_service (void *arg, const covey_frame_t *frame)
{
    s_log (arg, "service %d", frame->kind);
}

/* -- the scripted node ---------------------------------------------------- */

covey_err_t
support_session_give (support_session_t *self, covey_frame_kind_t kind,
                      const void *header, const char *const *items)
{
    covey_buf_t frame;
    covey_buf_init (&frame, COVEY_FRAME_MAX);
    assert_int_equal (covey_frame_begin (&frame, kind, header), COVEY_OK);
    for (; items && *items; items++)
        assert_int_equal (covey_frame_add (&frame, *items, strlen (*items)),
                          COVEY_OK);
    covey_err_t code = covey_session_receive (self->session, frame.data,
                                              frame.size, self->now_ms);
    covey_buf_deinit (&frame);
    return code;
}

Covey__Wire__Welcome
support_session_welcome (void)
{
    static uint8_t node_id[16];
    Covey__Wire__Welcome welcome = COVEY__WIRE__WELCOME__INIT;
    welcome.protocol = COVEY_PROTOCOL_VERSION;
    welcome.node_id.data = node_id;
    welcome.node_id.len = 16;
    welcome.node_name = "alpha";
    welcome.mesh = "test";
    welcome.heartbeat_ms = SUPPORT_HEARTBEAT_MS;
    welcome.publish_window = SUPPORT_WINDOW;
    welcome.payload_max = COVEY_PAYLOAD_MAX;
    welcome.event_max = COVEY_EVENT_MAX;
    return welcome;
}

void
support_session_give_welcome (support_session_t *self, int publish_seq)
{
    Covey__Wire__Welcome welcome = support_session_welcome ();
    welcome.has_publish_seq = publish_seq >= 0;
    welcome.publish_seq = (uint64_t)publish_seq;
    assert_int_equal (
        support_session_give (self, COVEY_FRAME_WELCOME, &welcome, NULL),
        COVEY_OK);
}

covey_err_t
support_session_give_receipt (support_session_t *self, uint64_t accepted)
{
    Covey__Wire__Receipt receipt = COVEY__WIRE__RECEIPT__INIT;
    receipt.accepted = accepted;
    return support_session_give (self, COVEY_FRAME_RECEIPT, &receipt, NULL);
}

covey_err_t
support_session_give_deliver (support_session_t *self, uint64_t first_seq,
                              const char *const *items)
{
    Covey__Wire__Deliver deliver = COVEY__WIRE__DELIVER__INIT;
    deliver.first_seq = first_seq;
    return support_session_give (self, COVEY_FRAME_DELIVER, &deliver, items);
}

int
support_session_setup (void **state)
{
    support_session_t *self = calloc (1, sizeof *self);
    assert_non_null (self);
    const covey_session_callbacks_t callbacks = {
        .arg = self,
        .send = s_on_send,
        .opened = s_on_opened,
        .closed = s_on_closed,
        .event = s_on_event,
        .refused = s_on_refused,
        .reached = s_on_reached,
        .subscribed = s_on_subscribed,
        .undelivered = s_on_undelivered,
        .gap = s_on_gap,
        .service = s_on_service,
    };
    static const uint8_t session_id[16] = {7};
    Covey__Wire__Hello hello = COVEY__WIRE__HELLO__INIT;
    hello.agent_id = "worker-1";
    covey_buf_init (&self->last, COVEY_FRAME_MAX);
    self->session = covey_session_new (&hello, session_id, &callbacks);
    assert_non_null (self->session);
    self->now_ms = 1000000;
    *state = self;
    return 0;
}

int
support_session_teardown (void **state)
{
    support_session_t *self = *state;
    covey_session_destroy (&self->session);
    assert_null (self->session);
    covey_session_destroy (&self->session);
    covey_buf_deinit (&self->last);
    free (self);
    return 0;
}

int
support_session_setup_open (void **state)
{
    support_session_setup (state);
    support_session_t *self = *state;
    covey_session_open (self->session, self->now_ms);
    support_session_give_welcome (self, -1);
    support_session_expect (self, "HELLO\nopened alpha\n");
    return 0;
}

void
support_session_reopen (support_session_t *self, int publish_seq)
{
    covey_session_open (self->session, self->now_ms);
    support_session_give_welcome (self, publish_seq);
}

void
support_session_end (support_session_t *self, covey_err_t code)
{
    Covey__Wire__Ended ended = COVEY__WIRE__ENDED__INIT;
    ended.code = code;
    ended.text = "over";
    support_session_give (self, COVEY_FRAME_ENDED, &ended, NULL);
}
