/*  The agent's side of a session against a scripted node.                   */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "proto/session.h"

#define HEARTBEAT_MS 1000
#define WINDOW 8
#define LOG_MAX 65536

/*  What the session sent and said, as one line each: "PUBLISH 1+3", "reached 1
    accepted". Tests read it with s_expect and start afresh.                  */
typedef struct {
    covey_session_t *session;
    char log[LOG_MAX];
    size_t log_size;
    covey_buf_t last; /* the last frame sent                                  */
    int64_t now_ms;
    /* what callbacks do */
    bool publish_in_event;
    bool done_in_event;
    bool close_in_event;
    bool publish_in_opened;
    bool publish_in_reached;
} fixture_t;

static void s_log (fixture_t *self, const char *fmt, ...)
    __attribute__ ((format (printf, 2, 3)));

static void
s_log (fixture_t *self, const char *fmt, ...)
{
    va_list args;
    va_start (args, fmt);
    int size = vsnprintf (self->log + self->log_size, LOG_MAX - self->log_size,
                          fmt, args);
    va_end (args);
    assert_true (size > 0 && (size_t)size + 2 < LOG_MAX - self->log_size);
    self->log_size += (size_t)size;
    self->log[self->log_size++] = '\n';
    self->log[self->log_size] = '\0';
}

static void
s_expect (fixture_t *self, const char *lines)
{
    assert_string_equal (self->log, lines);
    self->log_size = 0;
    self->log[0] = '\0';
}

static void
s_publish (fixture_t *self, const char *text, covey_level_t level,
           uint32_t wait_ms)
{
    uint64_t ticket;
    assert_int_equal (covey_session_publish (self->session, text, strlen (text),
                                             level, wait_ms, &ticket),
                      COVEY_OK);
}

/* -- what the session sends ---------------------------------------------- */

static void
s_log_publish (fixture_t *self, covey_frame_t *frame)
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
    else
        s_log (self, "PUBLISH %d+%zu", (int)publish->first_seq, count);
    protobuf_c_message_free_unpacked (message, NULL);
}

/*  Frames whose header is one number, or nothing worth a word.              */
static void
s_log_number (fixture_t *self, const char *name, const covey_frame_t *frame,
              const ProtobufCMessageDescriptor *descriptor)
{
    ProtobufCMessage *message =
        covey_wire_unpack (descriptor, frame->header, frame->header_size);
    assert_non_null (message);
    if (frame->kind == COVEY_FRAME_DELIVER_ACK)
        s_log (self, "%s %d", name,
               (int)((Covey__Wire__DeliverAck *)message)->seq);
    else if (frame->kind == COVEY_FRAME_SUBSCRIBE)
        s_log (self, "%s %d", name,
               (int)((Covey__Wire__Subscribe *)message)->handle);
    else if (frame->kind == COVEY_FRAME_UNSUBSCRIBE)
        s_log (self, "%s %zu", name,
               ((Covey__Wire__Unsubscribe *)message)->n_handles);
    else if (frame->kind == COVEY_FRAME_FLOW)
        s_log (self, "%s %d", name, ((Covey__Wire__Flow *)message)->paused);
    else
        s_log (self, "%s", name);
    protobuf_c_message_free_unpacked (message, NULL);
}

static void
s_on_send (void *arg, const covey_buf_t *buf)
{
    fixture_t *self = arg;
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

/* -- what the session says ----------------------------------------------- */

static void
s_on_opened (void *arg, const Covey__Wire__Welcome *welcome)
{
    fixture_t *self = arg;
    s_log (self, "opened %s", welcome->node_name);
    if (self->publish_in_opened) {
        s_publish (self, "opened", COVEY_LEVEL_ACCEPTED, 0);
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
    fixture_t *self = arg;
    char list[64] = "";
    size_t n = 0;
    for (size_t i = 0; i < handle_count; i++)
        n += (size_t)snprintf (list + n, sizeof list - n, " %u", handles[i]);
    s_log (self, "event %.*s%s", (int)size, (const char *)data, list);
    if (self->publish_in_event) {
        s_publish (self, "answer", COVEY_LEVEL_ACCEPTED, 0);
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
    fixture_t *self = arg;
    s_log (self, "refused %d %s %s", (int)ticket, covey_err_name (code), text);
}

static void
s_on_reached (void *arg, uint64_t ticket, covey_level_t level, int64_t offset)
{
    fixture_t *self = arg;
    s_log (self, "reached %d %s %d", (int)ticket, covey_level_name (level),
           (int)offset);
    if (self->publish_in_reached) {
        self->publish_in_reached = false;
        for (int i = 0; i < 100; i++) /* makes the queue grow */
            s_publish (self, "more", COVEY_LEVEL_ACCEPTED, 0);
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

static covey_err_t
s_give (fixture_t *self, covey_frame_kind_t kind, const void *header,
        const char *const *items)
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

static Covey__Wire__Welcome
s_welcome (void)
{
    static uint8_t node_id[16];
    Covey__Wire__Welcome welcome = COVEY__WIRE__WELCOME__INIT;
    welcome.protocol = COVEY_PROTOCOL_VERSION;
    welcome.node_id.data = node_id;
    welcome.node_id.len = 16;
    welcome.node_name = "alpha";
    welcome.mesh = "test";
    welcome.heartbeat_ms = HEARTBEAT_MS;
    welcome.publish_window = WINDOW;
    welcome.payload_max = COVEY_PAYLOAD_MAX;
    welcome.event_max = COVEY_EVENT_MAX;
    return welcome;
}

/*  publish_seq -1: the node does not know the session.                      */
static void
s_give_welcome (fixture_t *self, int publish_seq)
{
    Covey__Wire__Welcome welcome = s_welcome ();
    welcome.has_publish_seq = publish_seq >= 0;
    welcome.publish_seq = (uint64_t)publish_seq;
    assert_int_equal (s_give (self, COVEY_FRAME_WELCOME, &welcome, NULL),
                      COVEY_OK);
}

static covey_err_t
s_give_receipt (fixture_t *self, uint64_t accepted)
{
    Covey__Wire__Receipt receipt = COVEY__WIRE__RECEIPT__INIT;
    receipt.accepted = accepted;
    return s_give (self, COVEY_FRAME_RECEIPT, &receipt, NULL);
}

static covey_err_t
s_give_deliver (fixture_t *self, uint64_t first_seq, const char *const *items)
{
    Covey__Wire__Deliver deliver = COVEY__WIRE__DELIVER__INIT;
    deliver.first_seq = first_seq;
    return s_give (self, COVEY_FRAME_DELIVER, &deliver, items);
}

static int
s_setup (void **state)
{
    fixture_t *self = calloc (1, sizeof *self);
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

static int
s_teardown (void **state)
{
    fixture_t *self = *state;
    covey_session_destroy (&self->session);
    assert_null (self->session);
    covey_session_destroy (&self->session);
    covey_buf_deinit (&self->last);
    free (self);
    return 0;
}

static int
s_setup_open (void **state)
{
    s_setup (state);
    fixture_t *self = *state;
    covey_session_open (self->session, self->now_ms);
    s_give_welcome (self, -1);
    s_expect (self, "HELLO\nopened alpha\n");
    return 0;
}

/* -- opening -------------------------------------------------------------- */

static void
test_hello_carries_protocol_session_id_and_window (void **state)
{
    fixture_t *self = *state;
    covey_session_open (self->session, self->now_ms);
    assert_int_equal (covey_session_state (self->session),
                      COVEY_SESSION_OPENING);
    covey_frame_t frame;
    assert_int_equal (
        covey_frame_parse (self->last.data, self->last.size, &frame), COVEY_OK);
    Covey__Wire__Hello *hello =
        covey__wire__hello__unpack (NULL, frame.header_size, frame.header);
    assert_non_null (hello);
    assert_int_equal (hello->protocol_min, 1);
    assert_int_equal (hello->protocol_max, 1);
    assert_string_equal (hello->agent_id, "worker-1");
    assert_int_equal (hello->session_id.len, 16);
    assert_int_equal (hello->session_id.data[0], 7);
    assert_int_equal (hello->receive_window, COVEY_SESSION_WINDOW);
    covey__wire__hello__free_unpacked (hello, NULL);
}

static void
test_hello_is_repeated_until_the_welcome (void **state)
{
    fixture_t *self = *state;
    assert_true (covey_session_next_ms (self->session) == INT64_MAX);
    covey_session_open (self->session, self->now_ms);
    covey_session_open (self->session, self->now_ms); /* does nothing */
    s_expect (self, "HELLO\n");
    assert_int_equal (covey_session_next_ms (self->session),
                      self->now_ms + COVEY_SESSION_HELLO_MS);
    covey_session_tick (self->session,
                        self->now_ms + COVEY_SESSION_HELLO_MS - 1);
    s_expect (self, "");
    covey_session_tick (self->session, self->now_ms + COVEY_SESSION_HELLO_MS);
    s_expect (self, "HELLO\n");
    s_give_welcome (self, -1);
    s_expect (self, "opened alpha\n");
    assert_int_equal (covey_session_state (self->session), COVEY_SESSION_OPEN);
}

static void
test_second_welcome_repeats_only_the_subscriptions (void **state)
{
    fixture_t *self = *state;
    Covey__Wire__Subscribe subscribe = COVEY__WIRE__SUBSCRIBE__INIT;
    subscribe.handle = 4;
    assert_int_equal (covey_session_subscribe (self->session, &subscribe),
                      COVEY_OK);
    s_publish (self, "a", COVEY_LEVEL_ACCEPTED, 0);
    covey_session_flush (self->session, self->now_ms);
    s_expect (self, "SUBSCRIBE 4\nPUBLISH 1+1\n");
    s_give_welcome (self, 0);
    s_expect (self, "SUBSCRIBE 4\n");
}

static void
test_refused_closes_and_final_is_for_good (void **state)
{
    fixture_t *self = *state;
    Covey__Wire__Refused refused = COVEY__WIRE__REFUSED__INIT;
    refused.code = COVEY_BUSY;
    refused.text = "later";
    s_publish (self, "a", COVEY_LEVEL_ACCEPTED, 0);
    s_publish (self, "b", COVEY_LEVEL_ACCEPTED, 0);
    covey_session_open (self->session, self->now_ms);
    s_give (self, COVEY_FRAME_REFUSED, &refused, NULL);
    s_expect (self, "HELLO\nclosed BUSY\n");
    assert_int_equal (covey_session_state (self->session),
                      COVEY_SESSION_CLOSED);
    assert_int_equal (covey_session_unanswered (self->session), 2);
    covey_session_open (self->session, self->now_ms);
    refused.code = COVEY_DENIED;
    refused.text = "never";
    refused.has_final = refused.final = true;
    s_give (self, COVEY_FRAME_REFUSED, &refused, NULL);
    s_expect (self, "HELLO\nrefused 1 CLOSED never\nrefused 2 CLOSED never\n"
                    "closed DENIED final\n");
    assert_int_equal (covey_session_state (self->session), COVEY_SESSION_FINAL);
    uint64_t ticket;
    assert_int_equal (covey_session_publish (self->session, "c", 1,
                                             COVEY_LEVEL_ACCEPTED, 0, &ticket),
                      COVEY_CLOSED);
    covey_session_open (self->session, self->now_ms);
    s_expect (self, "");
    assert_int_equal (covey_session_unanswered (self->session), 0);
}

static void
test_another_protocol_is_final (void **state)
{
    fixture_t *self = *state;
    covey_session_open (self->session, self->now_ms);
    Covey__Wire__Welcome welcome = s_welcome ();
    welcome.protocol = 2;
    s_give (self, COVEY_FRAME_WELCOME, &welcome, NULL);
    s_expect (self, "HELLO\nclosed VERSION final\n");
}

static void
test_welcome_without_heartbeat_or_window_is_malformed (void **state)
{
    fixture_t *self = *state;
    covey_session_open (self->session, self->now_ms);
    Covey__Wire__Welcome welcome = s_welcome ();
    welcome.heartbeat_ms = 0;
    assert_int_equal (s_give (self, COVEY_FRAME_WELCOME, &welcome, NULL),
                      COVEY_MALFORMED);
    welcome = s_welcome ();
    welcome.publish_window = 0;
    assert_int_equal (s_give (self, COVEY_FRAME_WELCOME, &welcome, NULL),
                      COVEY_MALFORMED);
    assert_int_equal (covey_session_state (self->session),
                      COVEY_SESSION_OPENING);
    assert_int_equal (covey_session_malformed (self->session), 2);
}

/* -- publishing ----------------------------------------------------------- */

static void
test_waiting_publishes_with_equal_wishes_share_a_frame (void **state)
{
    fixture_t *self = *state;
    s_publish (self, "a", COVEY_LEVEL_ACCEPTED, 0);
    s_publish (self, "b", COVEY_LEVEL_ACCEPTED, 0);
    s_publish (self, "c", COVEY_LEVEL_STORED, 0);
    s_publish (self, "d", COVEY_LEVEL_STORED, 500);
    s_publish (self, "e", COVEY_LEVEL_STORED, 500);
    s_expect (self, "");
    assert_int_equal (covey_session_unsent (self->session), 5);
    covey_session_flush (self->session, self->now_ms);
    s_expect (self, "PUBLISH 1+2\nPUBLISH 3+1 level 3 wait 0\n"
                    "PUBLISH 4+2 level 3 wait 500\n");
    assert_int_equal (covey_session_unsent (self->session), 0);
    assert_int_equal (covey_session_unanswered (self->session), 5);
    covey_session_flush (self->session, self->now_ms);
    s_expect (self, "");
}

static void
test_batch_ends_at_its_size_and_a_large_event_goes_alone (void **state)
{
    fixture_t *self = *state;
    size_t half = COVEY_FRAME_BATCH / 2;
    char *large = calloc (1, COVEY_EVENT_MAX + 1);
    assert_non_null (large);
    size_t sizes[] = {half, half, 1, COVEY_EVENT_MAX, 1};
    uint64_t ticket;
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal (covey_session_publish (self->session, large, sizes[i],
                                                 COVEY_LEVEL_ACCEPTED, 0,
                                                 &ticket),
                          COVEY_OK);
        assert_int_equal (ticket, i + 1);
    }
    assert_int_equal (covey_session_publish (self->session, large,
                                             COVEY_EVENT_MAX + 1,
                                             COVEY_LEVEL_ACCEPTED, 0, &ticket),
                      COVEY_LIMIT);
    covey_session_flush (self->session, self->now_ms);
    s_expect (self, "PUBLISH 1+1\nPUBLISH 2+2\nPUBLISH 4+1\nPUBLISH 5+1\n");
    free (large);
}

static void
test_window_holds_back_and_receipts_let_go (void **state)
{
    fixture_t *self = *state;
    for (int i = 0; i < WINDOW + 3; i++)
        s_publish (self, "x", COVEY_LEVEL_ACCEPTED, 0);
    covey_session_flush (self->session, self->now_ms);
    covey_session_flush (self->session, self->now_ms);
    s_expect (self, "PUBLISH 1+8\n");
    assert_int_equal (covey_session_unsent (self->session), 3);
    s_give_receipt (self, 2);
    s_expect (self, "reached 1 accepted -1\nreached 2 accepted -1\n"
                    "PUBLISH 9+2\n");
    s_give_receipt (self, 2); /* again: nothing new */
    s_expect (self, "");
    s_give_receipt (self, 3);
    s_expect (self, "reached 3 accepted -1\nPUBLISH 11+1\n");
}

static void
test_refusals_and_levels_come_with_receipts (void **state)
{
    fixture_t *self = *state;
    for (int i = 0; i < 4; i++)
        s_publish (self, "x", COVEY_LEVEL_STORED, 0);
    covey_session_flush (self->session, self->now_ms);
    s_expect (self, "PUBLISH 1+4 level 3 wait 0\n");
    Covey__Wire__Refusal no = COVEY__WIRE__REFUSAL__INIT;
    Covey__Wire__Refusal odd = COVEY__WIRE__REFUSAL__INIT;
    Covey__Wire__Refusal beyond = COVEY__WIRE__REFUSAL__INIT;
    no.seq = 2;
    no.code = COVEY_NOAGENT;
    no.text = "nobody";
    odd.seq = 3;
    odd.code = -4711; /* of a newer node */
    odd.text = "odd";
    beyond.seq = 99;
    beyond.text = "";
    Covey__Wire__Stored early = COVEY__WIRE__STORED__INIT;
    Covey__Wire__Stored stored = COVEY__WIRE__STORED__INIT;
    stored.seq = 1;
    stored.level = COVEY_LEVEL_STORED;
    stored.offset = 77;
    early = stored;
    early.seq = 4; /* before its verdict, as a crowded receipt may tell */
    Covey__Wire__Refusal *refusals[] = {&odd, &no, &beyond};
    Covey__Wire__Stored never = stored;
    never.seq = 5; /* was never sent */
    Covey__Wire__Stored *levels[] = {&stored, &early, &never};
    Covey__Wire__Receipt receipt = COVEY__WIRE__RECEIPT__INIT;
    receipt.accepted = 3;
    receipt.n_refusals = 3;
    receipt.refusals = refusals;
    receipt.n_stored = 3;
    receipt.stored = levels;
    s_give (self, COVEY_FRAME_RECEIPT, &receipt, NULL);
    s_expect (self, "reached 1 accepted -1\nrefused 2 NOAGENT nobody\n"
                    "refused 3 REMOTE odd\nreached 1 stored 77\n"
                    "reached 4 stored 77\n");
    assert_int_equal (covey_session_unanswered (self->session), 1);
}

static void
test_receipt_for_what_was_never_sent_is_malformed (void **state)
{
    fixture_t *self = *state;
    assert_int_equal (s_give_receipt (self, 1), COVEY_MALFORMED);
    s_publish (self, "a", COVEY_LEVEL_ACCEPTED, 0);
    assert_int_equal (s_give_receipt (self, 1), COVEY_MALFORMED);
    assert_int_equal (s_give_receipt (self, UINT64_MAX), COVEY_MALFORMED);
    s_expect (self, "");
    assert_int_equal (covey_session_unanswered (self->session), 1);
}

static void
test_full_queue_says_eagain_by_count (void **state)
{
    fixture_t *self = *state;
    uint64_t ticket;
    for (int i = 0; i < COVEY_SESSION_QUEUE_MAX; i++)
        s_publish (self, "x", COVEY_LEVEL_ACCEPTED, 0);
    assert_int_equal (covey_session_publish (self->session, "y", 1,
                                             COVEY_LEVEL_ACCEPTED, 0, &ticket),
                      COVEY_EAGAIN);
    covey_session_flush (self->session, self->now_ms);
    s_give_receipt (self, 1);
    s_publish (self, "y", COVEY_LEVEL_ACCEPTED, 0);
}

static void
test_full_queue_says_eagain_by_bytes (void **state)
{
    fixture_t *self = *state;
    char *large = calloc (1, COVEY_EVENT_MAX);
    uint64_t ticket;
    unsigned fit = COVEY_SESSION_QUEUE_BYTES_MAX / COVEY_EVENT_MAX;
    for (unsigned i = 0; i < fit; i++)
        assert_int_equal (
            covey_session_publish (self->session, large, COVEY_EVENT_MAX,
                                   COVEY_LEVEL_ACCEPTED, 0, &ticket),
            COVEY_OK);
    assert_int_equal (covey_session_publish (self->session, large, 1,
                                             COVEY_LEVEL_ACCEPTED, 0, &ticket),
                      COVEY_EAGAIN);
    assert_int_equal (ticket, fit);
    free (large);
}

static void
test_callbacks_may_publish (void **state)
{
    fixture_t *self = *state;
    self->publish_in_event = self->done_in_event = true;
    static const char *const items[] = {"q1", "q2", NULL};
    s_give_deliver (self, 1, items);
    s_expect (self, "event q1\nPUBLISH 1+1\nevent q2\nACK 1\nPUBLISH 2+1\n");
    self->publish_in_reached = true;
    s_give_receipt (self, 2);
    s_expect (self, "reached 1 accepted -1\nreached 2 accepted -1\n"
                    "PUBLISH 3+8\n");
    assert_int_equal (covey_session_unanswered (self->session), 100);
}

/* -- losing the node ------------------------------------------------------ */

static void
test_ping_every_heartbeat_and_silence_closes (void **state)
{
    fixture_t *self = *state;
    int64_t start_ms = self->now_ms;
    for (int i = 1; i < COVEY_SESSION_SILENCE; i++) {
        assert_int_equal (covey_session_next_ms (self->session),
                          start_ms + i * HEARTBEAT_MS);
        covey_session_tick (self->session, start_ms + i * HEARTBEAT_MS - 1);
        s_expect (self, "");
        covey_session_tick (self->session, start_ms + i * HEARTBEAT_MS);
        s_expect (self, "PING\n");
    }
    covey_session_tick (self->session, start_ms + 3 * HEARTBEAT_MS - 1);
    s_expect (self, "");
    covey_session_tick (self->session, start_ms + 3 * HEARTBEAT_MS);
    s_expect (self, "closed TIMEOUT\n");
    assert_int_equal (covey_session_state (self->session),
                      COVEY_SESSION_CLOSED);
}

static void
test_any_frame_breaks_the_silence (void **state)
{
    fixture_t *self = *state;
    Covey__Wire__Ping pong = COVEY__WIRE__PING__INIT;
    for (int i = 0; i < 20; i++) {
        self->now_ms += HEARTBEAT_MS;
        covey_session_tick (self->session, self->now_ms);
        s_expect (self, "PING\n");
        if (i % 2)
            s_give (self, COVEY_FRAME_PONG, &pong, NULL);
    }
    assert_int_equal (covey_session_state (self->session), COVEY_SESSION_OPEN);
}

static void
test_time_that_the_agent_slept_is_not_the_nodes_silence (void **state)
{
    fixture_t *self = *state;
    s_publish (self, "a", COVEY_LEVEL_ACCEPTED, 0);
    covey_session_flush (self->session, self->now_ms);
    self->now_ms += 100 * HEARTBEAT_MS;
    covey_session_tick (self->session, self->now_ms);
    covey_session_tick (self->session, self->now_ms + 2 * HEARTBEAT_MS);
    s_expect (self, "PUBLISH 1+1\nPING\nPING\n");
    covey_session_tick (self->session, self->now_ms + 3 * HEARTBEAT_MS);
    s_expect (self, "closed TIMEOUT\n");
}

static void
s_reopen (fixture_t *self, int publish_seq)
{
    covey_session_open (self->session, self->now_ms);
    s_give_welcome (self, publish_seq);
}

/*  The node answers pings, but the frame with the publish was lost.         */
static void
test_missing_receipt_closes_after_the_wait_it_was_given (void **state)
{
    fixture_t *self = *state;
    Covey__Wire__Ping pong = COVEY__WIRE__PING__INIT;
    s_publish (self, "a", COVEY_LEVEL_ACCEPTED, 5 * HEARTBEAT_MS);
    covey_session_flush (self->session, self->now_ms);
    for (int i = 1; i < COVEY_SESSION_SILENCE + 5; i++) {
        self->now_ms += HEARTBEAT_MS;
        s_give (self, COVEY_FRAME_PONG, &pong, NULL);
        covey_session_tick (self->session, self->now_ms);
        assert_int_equal (covey_session_state (self->session),
                          COVEY_SESSION_OPEN);
    }
    self->log_size = 0;
    self->now_ms += HEARTBEAT_MS;
    s_give (self, COVEY_FRAME_PONG, &pong, NULL);
    covey_session_tick (self->session, self->now_ms);
    s_expect (self, "closed TIMEOUT\n");
    s_reopen (self, 0);
    s_expect (self, "HELLO\nopened alpha\nPUBLISH 1+1 level 0 wait 5000\n");
}

static void
test_receipts_that_come_keep_the_session_open (void **state)
{
    fixture_t *self = *state;
    for (int i = 0; i < WINDOW; i++)
        s_publish (self, "a", COVEY_LEVEL_ACCEPTED, 0);
    covey_session_flush (self->session, self->now_ms);
    for (int i = 1; i <= WINDOW; i++) {
        self->now_ms += 2 * HEARTBEAT_MS;
        s_give_receipt (self, (uint64_t)i);
        covey_session_tick (self->session, self->now_ms);
        assert_int_equal (covey_session_state (self->session),
                          COVEY_SESSION_OPEN);
    }
    for (int i = 0; i < 10; i++) { /* idle: nothing is owed */
        Covey__Wire__Ping pong = COVEY__WIRE__PING__INIT;
        self->now_ms += HEARTBEAT_MS;
        s_give (self, COVEY_FRAME_PONG, &pong, NULL);
        covey_session_tick (self->session, self->now_ms);
    }
    assert_int_equal (covey_session_state (self->session), COVEY_SESSION_OPEN);
}

static void
s_end (fixture_t *self, covey_err_t code)
{
    Covey__Wire__Ended ended = COVEY__WIRE__ENDED__INIT;
    ended.code = code;
    ended.text = "over";
    s_give (self, COVEY_FRAME_ENDED, &ended, NULL);
}

static void
test_reopened_session_sends_again_what_the_node_does_not_have (void **state)
{
    fixture_t *self = *state;
    for (int i = 0; i < 5; i++)
        s_publish (self, "x", COVEY_LEVEL_ACCEPTED, 0);
    covey_session_flush (self->session, self->now_ms);
    s_give_receipt (self, 1);
    s_end (self, COVEY_CLOSED);
    s_expect (self, "PUBLISH 1+5\nreached 1 accepted -1\nclosed CLOSED\n");
    assert_int_equal (covey_session_unsent (self->session), 4);
    covey_session_flush (self->session, self->now_ms); /* not open: waits */
    s_reopen (self, 3); /* it had 2 and 3; only the receipt was lost */
    s_expect (self, "HELLO\nopened alpha\nreached 2 accepted -1\n"
                    "reached 3 accepted -1\nPUBLISH 4+2\n");
}

static void
test_refusals_whose_receipt_was_lost_come_with_the_welcome (void **state)
{
    fixture_t *self = *state;
    s_publish (self, "a", COVEY_LEVEL_ACCEPTED, 0);
    s_publish (self, "b", COVEY_LEVEL_ACCEPTED, 0);
    covey_session_flush (self->session, self->now_ms);
    s_end (self, COVEY_CLOSED);
    covey_session_open (self->session, self->now_ms);
    Covey__Wire__Refusal no = COVEY__WIRE__REFUSAL__INIT;
    no.seq = 2;
    no.code = COVEY_NOAGENT;
    no.text = "nobody";
    Covey__Wire__Refusal *refusals[] = {&no};
    Covey__Wire__Welcome welcome = s_welcome ();
    welcome.has_publish_seq = true;
    welcome.publish_seq = 2;
    welcome.n_refusals = 1;
    welcome.refusals = refusals;
    s_give (self, COVEY_FRAME_WELCOME, &welcome, NULL);
    s_expect (self, "PUBLISH 1+2\nclosed CLOSED\nHELLO\nopened alpha\n"
                    "reached 1 accepted -1\nrefused 2 NOAGENT nobody\n");
}

static void
test_restarted_node_gets_the_unreceipted_under_their_old_numbers (void **state)
{
    fixture_t *self = *state;
    for (int i = 0; i < 4; i++)
        s_publish (self, "x", COVEY_LEVEL_ACCEPTED, 0);
    covey_session_flush (self->session, self->now_ms);
    s_give_receipt (self, 2);
    s_end (self, COVEY_CLOSED);
    s_expect (self, "PUBLISH 1+4\nreached 1 accepted -1\n"
                    "reached 2 accepted -1\nclosed CLOSED\n");
    s_reopen (self, -1);
    s_expect (self, "HELLO\nopened alpha\nPUBLISH 3+2\n");
    s_end (self, COVEY_CLOSED);
    s_reopen (self, 1); /* lower than what was receipted: lost too */
    s_expect (self, "closed CLOSED\nHELLO\nopened alpha\nPUBLISH 3+2\n");
}

static void
test_welcome_cannot_accept_what_was_never_sent (void **state)
{
    fixture_t *self = *state;
    s_publish (self, "a", COVEY_LEVEL_ACCEPTED, 0);
    covey_session_open (self->session, self->now_ms);
    s_give_welcome (self, 1000);
    s_expect (self, "HELLO\nopened alpha\nPUBLISH 1+1\n");
}

static void
test_publish_in_opened_goes_behind_what_waited (void **state)
{
    fixture_t *self = *state;
    s_publish (self, "a", COVEY_LEVEL_ACCEPTED, 0);
    self->publish_in_opened = true;
    s_reopen (self, -1);
    s_expect (self, "HELLO\nopened alpha\nPUBLISH 1+2\n");
}

static void
test_superseded_session_is_final (void **state)
{
    fixture_t *self = *state;
    s_publish (self, "a", COVEY_LEVEL_ACCEPTED, 0);
    s_end (self, COVEY_FENCED);
    s_expect (self, "refused 1 CLOSED over\nclosed FENCED final\n");
    assert_int_equal (covey_session_state (self->session), COVEY_SESSION_FINAL);
    assert_true (covey_session_next_ms (self->session) == INT64_MAX);
}

static void
test_late_end_of_the_session_before_does_not_stop_an_opening_one (void **state)
{
    fixture_t *self = *state;
    covey_session_open (self->session, self->now_ms);
    s_end (self, COVEY_CLOSED);
    s_expect (self, "HELLO\n");
    s_end (self, COVEY_FENCED);
    s_expect (self, "closed FENCED final\n");
}

static void
test_close_says_bye_and_keeps_what_has_no_verdict (void **state)
{
    fixture_t *self = *state;
    self->done_in_event = true;
    static const char *const items[] = {"e", NULL};
    s_give_deliver (self, 1, items);
    s_publish (self, "a", COVEY_LEVEL_ACCEPTED, 0);
    covey_session_close (self->session, "done");
    covey_session_close (self->session, "done");
    s_expect (self, "event e\nACK 1\nBYE\n");
    assert_int_equal (covey_session_unanswered (self->session), 1);
    s_give_receipt (self, 1); /* late: dropped */
    s_expect (self, "");
}

/* -- deliveries ----------------------------------------------------------- */

static void
test_deliveries_carry_the_handles_they_matched (void **state)
{
    fixture_t *self = *state;
    uint32_t counts[] = {2, 0, 1}, handles[] = {5, 6, 7};
    static const char *const items[] = {"a", "b", "c", "d", NULL};
    Covey__Wire__Deliver deliver = COVEY__WIRE__DELIVER__INIT;
    deliver.first_seq = 1;
    deliver.n_handle_counts = 3;
    deliver.handle_counts = counts;
    deliver.n_handles = 3;
    deliver.handles = handles;
    s_give (self, COVEY_FRAME_DELIVER, &deliver, items);
    s_expect (self, "event a 5 6\nevent b\nevent c 7\nevent d\n");
}

static void
test_duplicate_deliveries_are_dropped_with_their_handles (void **state)
{
    fixture_t *self = *state;
    static const char *const first[] = {"a", "b", NULL};
    static const char *const again[] = {"b", "c", NULL};
    s_give_deliver (self, 1, first);
    s_give_deliver (self, 1, first);
    s_expect (self, "event a\nevent b\n");
    uint32_t counts[] = {2, 1}, handles[] = {5, 6, 7};
    Covey__Wire__Deliver deliver = COVEY__WIRE__DELIVER__INIT;
    deliver.first_seq = 2;
    deliver.n_handle_counts = 2;
    deliver.handle_counts = counts;
    deliver.n_handles = 3;
    deliver.handles = handles;
    s_give (self, COVEY_FRAME_DELIVER, &deliver, again);
    s_expect (self, "event c 7\n");
}

static void
test_hole_in_the_deliveries_closes_and_reopening_mends_it (void **state)
{
    fixture_t *self = *state;
    static const char *const a[] = {"a", NULL}, *const c[] = {"c", NULL};
    static const char *const all[] = {"a", "b", "c", NULL};
    s_give_deliver (self, 1, a);
    s_give_deliver (self, 3, c);
    s_expect (self, "event a\nclosed STATE\n");
    s_reopen (self, 0);
    s_give_deliver (self, 1, all);
    s_expect (self, "HELLO\nopened alpha\nevent b\nevent c\n");
}

static void
test_acks_go_out_at_half_the_window_and_with_flush (void **state)
{
    fixture_t *self = *state;
    static const char *const one[] = {"e", NULL};
    self->done_in_event = true;
    for (int i = 1; i < COVEY_SESSION_WINDOW / 2; i++)
        s_give_deliver (self, (uint64_t)i, one);
    assert_null (strstr (self->log, "ACK"));
    s_give_deliver (self, COVEY_SESSION_WINDOW / 2, one);
    assert_non_null (strstr (self->log, "event e\nACK 512\n"));
    s_give_deliver (self, COVEY_SESSION_WINDOW / 2 + 1, one);
    self->log_size = 0;
    covey_session_flush (self->session, self->now_ms);
    covey_session_flush (self->session, self->now_ms);
    s_expect (self, "ACK 513\n");
}

static void
test_node_that_overruns_the_window_is_left (void **state)
{
    fixture_t *self = *state;
    static const char *const one[] = {"e", NULL};
    for (int i = 1; i <= COVEY_SESSION_WINDOW; i++)
        s_give_deliver (self, (uint64_t)i, one);
    assert_null (strstr (self->log, "closed"));
    s_give_deliver (self, COVEY_SESSION_WINDOW + 1, one);
    assert_non_null (strstr (self->log, "event e\nclosed STATE\n"));
}

static void
test_acks_are_repeated_after_reopening (void **state)
{
    fixture_t *self = *state;
    static const char *const items[] = {"a", "b", NULL};
    s_give_deliver (self, 1, items);
    covey_session_done (self->session);
    covey_session_flush (self->session, self->now_ms);
    s_end (self, COVEY_CLOSED);
    s_expect (self, "event a\nevent b\nACK 1\nclosed CLOSED\n");
    s_reopen (self, 0);
    s_expect (self, "HELLO\nACK 1\nopened alpha\n");
    covey_session_done (self->session);
    covey_session_flush (self->session, self->now_ms);
    s_expect (self, "ACK 2\n");
}

static void
test_restarted_node_counts_deliveries_from_one_again (void **state)
{
    fixture_t *self = *state;
    static const char *const items[] = {"a", "b", NULL};
    static const char *const fresh[] = {"x", NULL};
    s_give_deliver (self, 1, items);
    s_end (self, COVEY_CLOSED);
    s_reopen (self, -1);
    s_give_deliver (self, 1, fresh);
    s_expect (self, "event a\nevent b\nclosed CLOSED\nHELLO\nopened alpha\n"
                    "event x\n");
    covey_session_done (self->session); /* a and b: of the old count */
    covey_session_done (self->session);
    covey_session_flush (self->session, self->now_ms);
    s_expect (self, "");
    covey_session_done (self->session);
    covey_session_flush (self->session, self->now_ms);
    s_expect (self, "ACK 1\n");
}

static void
test_closing_in_the_event_callback_stops_the_frame (void **state)
{
    fixture_t *self = *state;
    self->close_in_event = true;
    static const char *const items[] = {"a", "b", NULL};
    s_give_deliver (self, 1, items);
    s_expect (self, "event a\nBYE\n");
}

static void
test_deliver_that_contradicts_its_header_is_malformed (void **state)
{
    fixture_t *self = *state;
    uint32_t counts[] = {2, UINT32_MAX}, handles[] = {5};
    static const char *const items[] = {"a", "b", NULL};
    Covey__Wire__Deliver deliver = COVEY__WIRE__DELIVER__INIT;
    deliver.first_seq = 1;
    deliver.n_handle_counts = 1;
    deliver.handle_counts = counts;
    deliver.n_handles = 1;
    deliver.handles = handles;
    assert_int_equal (s_give (self, COVEY_FRAME_DELIVER, &deliver, items),
                      COVEY_MALFORMED); /* more handles than there are */
    counts[0] = 1;
    deliver.n_handle_counts = 2;
    assert_int_equal (s_give (self, COVEY_FRAME_DELIVER, &deliver, items),
                      COVEY_MALFORMED);
    deliver.n_handle_counts = 0;
    deliver.first_seq = 0;
    assert_int_equal (s_give (self, COVEY_FRAME_DELIVER, &deliver, items),
                      COVEY_MALFORMED);
    deliver.first_seq = UINT64_MAX;
    assert_int_equal (s_give (self, COVEY_FRAME_DELIVER, &deliver, items),
                      COVEY_MALFORMED);
    counts[1] = 0;
    deliver.first_seq = 1;
    deliver.n_handle_counts = 2;
    static const char *const single[] = {"a", NULL};
    assert_int_equal (
        s_give (self, COVEY_FRAME_DELIVER, &deliver, single),
        COVEY_MALFORMED); /* counts for items that are not there */
    s_expect (self, "");
}

/* -- subscriptions, flow, the rest ---------------------------------------- */

static void
s_subscribe (fixture_t *self, uint32_t handle, covey_err_t expected)
{
    Covey__Wire__Subscribe subscribe = COVEY__WIRE__SUBSCRIBE__INIT;
    subscribe.handle = handle;
    assert_int_equal (covey_session_subscribe (self->session, &subscribe),
                      expected);
}

static void
test_subscriptions_are_repeated_before_opened (void **state)
{
    fixture_t *self = *state;
    s_subscribe (self, 1, COVEY_OK);
    s_subscribe (self, 2, COVEY_OK);
    s_subscribe (self, 3, COVEY_OK);
    covey_session_unsubscribe (self->session, 2);
    covey_session_unsubscribe (self->session, 2);
    s_expect (self, "");
    s_reopen (self, -1);
    s_expect (self, "HELLO\nSUBSCRIBE 1\nSUBSCRIBE 3\nopened alpha\n");
    covey_session_unsubscribe (self->session, 1);
    covey_session_unsubscribe_all (self->session);
    s_expect (self, "UNSUBSCRIBE 1\nUNSUBSCRIBE 0\n");
    s_end (self, COVEY_CLOSED);
    s_reopen (self, 0);
    s_expect (self, "closed CLOSED\nHELLO\nopened alpha\n");
}

static void
test_subscription_bounds (void **state)
{
    fixture_t *self = *state;
    s_subscribe (self, 0, COVEY_INVALID);
    s_subscribe (self, 1, COVEY_OK);
    s_subscribe (self, 1, COVEY_EXISTS);
    for (uint32_t i = 2; i <= COVEY_SESSION_SUBSCRIPTIONS_MAX; i++)
        s_subscribe (self, i, COVEY_OK);
    s_subscribe (self, COVEY_SESSION_SUBSCRIPTIONS_MAX + 1, COVEY_LIMIT);
}

static void
test_subscription_that_the_node_refuses_is_not_repeated (void **state)
{
    fixture_t *self = *state;
    s_subscribe (self, 1, COVEY_OK);
    s_subscribe (self, 2, COVEY_OK);
    Covey__Wire__Subscribed answer = COVEY__WIRE__SUBSCRIBED__INIT;
    answer.handle = 1;
    s_give (self, COVEY_FRAME_SUBSCRIBED, &answer, NULL);
    answer.handle = 2;
    answer.has_code = true;
    answer.code = COVEY_LIMIT;
    answer.text = " too many";
    s_give (self, COVEY_FRAME_SUBSCRIBED, &answer, NULL);
    answer.handle = 9; /* not ours */
    s_give (self, COVEY_FRAME_SUBSCRIBED, &answer, NULL);
    s_expect (self, "SUBSCRIBE 1\nSUBSCRIBE 2\nsubscribed 1 OK\n"
                    "subscribed 2 LIMIT too many\n");
    s_end (self, COVEY_CLOSED);
    s_reopen (self, 0);
    s_expect (self, "closed CLOSED\nHELLO\nSUBSCRIBE 1\nopened alpha\n");
}

static void
test_pause_is_kept_over_reopening (void **state)
{
    fixture_t *self = *state;
    covey_session_flow (self->session, true);
    s_end (self, COVEY_CLOSED);
    s_reopen (self, 0);
    covey_session_flow (self->session, false);
    s_expect (self, "FLOW 1\nclosed CLOSED\nHELLO\nFLOW 1\nopened alpha\n"
                    "FLOW 0\n");
}

static void
test_notices_and_service_frames_are_handed_on (void **state)
{
    fixture_t *self = *state;
    uint8_t id[16] = {0};
    Covey__Wire__Undelivered notice = COVEY__WIRE__UNDELIVERED__INIT;
    notice.event_id.data = id;
    notice.event_id.len = 16;
    notice.target = "gone";
    notice.code = COVEY_NOAGENT;
    notice.text = "";
    s_give (self, COVEY_FRAME_UNDELIVERED, &notice, NULL);
    notice.event_id.len = 15;
    assert_int_equal (s_give (self, COVEY_FRAME_UNDELIVERED, &notice, NULL),
                      COVEY_MALFORMED);
    Covey__Wire__Gap gap = COVEY__WIRE__GAP__INIT;
    gap.node_id.data = id;
    gap.node_id.len = 16;
    gap.first = 3;
    gap.last = 5;
    s_give (self, COVEY_FRAME_GAP, &gap, NULL);
    gap.first = 6;
    assert_int_equal (s_give (self, COVEY_FRAME_GAP, &gap, NULL),
                      COVEY_MALFORMED);
    s_give (self, COVEY_FRAME_VIEW, NULL, NULL);
    Covey__Wire__JournalAck ack = COVEY__WIRE__JOURNAL_ACK__INIT;
    ack.origin = notice.event_id;
    covey_session_send_frame (self->session, COVEY_FRAME_JOURNAL_ACK,
                              &ack.base);
    s_expect (self, "undelivered gone\ngap 3..5\nservice 67\nJOURNAL_ACK\n");
}

static void
test_garbage_is_counted_and_newer_kinds_are_dropped (void **state)
{
    fixture_t *self = *state;
    assert_int_equal (covey_session_receive (self->session, "x", 1, 0),
                      COVEY_MALFORMED);
    assert_int_equal (
        covey_session_receive (self->session, "\x13\x02\0\0\0\0", 6, 0),
        COVEY_VERSION);
    assert_int_equal (
        covey_session_receive (self->session, "\x13\x01\x01\0\0\0\xff", 7, 0),
        COVEY_MALFORMED);
    assert_int_equal (covey_session_malformed (self->session), 3);
    assert_int_equal (
        covey_session_receive (self->session, "\x7f\x01\0\0\0\0", 6, 0),
        COVEY_OK);
    assert_int_equal (covey_session_malformed (self->session), 3);
    s_expect (self, "");
}

int
main (void)
{
#define CLOSED(test) cmocka_unit_test_setup_teardown (test, s_setup, s_teardown)
#define OPEN(test) \
    cmocka_unit_test_setup_teardown (test, s_setup_open, s_teardown)
    const struct CMUnitTest tests[] = {
        CLOSED (test_hello_carries_protocol_session_id_and_window),
        CLOSED (test_hello_is_repeated_until_the_welcome),
        OPEN (test_second_welcome_repeats_only_the_subscriptions),
        CLOSED (test_refused_closes_and_final_is_for_good),
        CLOSED (test_another_protocol_is_final),
        CLOSED (test_welcome_without_heartbeat_or_window_is_malformed),
        OPEN (test_waiting_publishes_with_equal_wishes_share_a_frame),
        OPEN (test_batch_ends_at_its_size_and_a_large_event_goes_alone),
        OPEN (test_window_holds_back_and_receipts_let_go),
        OPEN (test_refusals_and_levels_come_with_receipts),
        OPEN (test_receipt_for_what_was_never_sent_is_malformed),
        OPEN (test_full_queue_says_eagain_by_count),
        OPEN (test_full_queue_says_eagain_by_bytes),
        OPEN (test_callbacks_may_publish),
        OPEN (test_ping_every_heartbeat_and_silence_closes),
        OPEN (test_any_frame_breaks_the_silence),
        OPEN (test_time_that_the_agent_slept_is_not_the_nodes_silence),
        OPEN (test_missing_receipt_closes_after_the_wait_it_was_given),
        OPEN (test_receipts_that_come_keep_the_session_open),
        OPEN (test_reopened_session_sends_again_what_the_node_does_not_have),
        OPEN (test_refusals_whose_receipt_was_lost_come_with_the_welcome),
        OPEN (test_restarted_node_gets_the_unreceipted_under_their_old_numbers),
        CLOSED (test_welcome_cannot_accept_what_was_never_sent),
        CLOSED (test_publish_in_opened_goes_behind_what_waited),
        OPEN (test_superseded_session_is_final),
        CLOSED (
            test_late_end_of_the_session_before_does_not_stop_an_opening_one),
        OPEN (test_close_says_bye_and_keeps_what_has_no_verdict),
        OPEN (test_deliveries_carry_the_handles_they_matched),
        OPEN (test_duplicate_deliveries_are_dropped_with_their_handles),
        OPEN (test_hole_in_the_deliveries_closes_and_reopening_mends_it),
        OPEN (test_acks_go_out_at_half_the_window_and_with_flush),
        OPEN (test_node_that_overruns_the_window_is_left),
        OPEN (test_acks_are_repeated_after_reopening),
        OPEN (test_restarted_node_counts_deliveries_from_one_again),
        OPEN (test_closing_in_the_event_callback_stops_the_frame),
        OPEN (test_deliver_that_contradicts_its_header_is_malformed),
        CLOSED (test_subscriptions_are_repeated_before_opened),
        OPEN (test_subscription_bounds),
        OPEN (test_subscription_that_the_node_refuses_is_not_repeated),
        OPEN (test_pause_is_kept_over_reopening),
        OPEN (test_notices_and_service_frames_are_handed_on),
        OPEN (test_garbage_is_counted_and_newer_kinds_are_dropped),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
