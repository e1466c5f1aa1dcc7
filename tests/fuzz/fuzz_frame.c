/*  Bytes as a frame: codec, every header, every item as an event, and an open
    session that gets it from its node, twice, with all callbacks answering. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/event.h"
#include "proto/peek.h"
#include "proto/session.h"
#include "proto/swim.pb-c.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static const struct {
    uint8_t kind;
    const ProtobufCMessageDescriptor *header;
} s_headers[] = {
    {COVEY_FRAME_HELLO, &covey__wire__hello__descriptor},
    {COVEY_FRAME_PUBLISH, &covey__wire__publish__descriptor},
    {COVEY_FRAME_SUBSCRIBE, &covey__wire__subscribe__descriptor},
    {COVEY_FRAME_UNSUBSCRIBE, &covey__wire__unsubscribe__descriptor},
    {COVEY_FRAME_DELIVER_ACK, &covey__wire__deliver_ack__descriptor},
    {COVEY_FRAME_PING, &covey__wire__ping__descriptor},
    {COVEY_FRAME_BYE, &covey__wire__bye__descriptor},
    {COVEY_FRAME_FLOW, &covey__wire__flow__descriptor},
    {COVEY_FRAME_WELCOME, &covey__wire__welcome__descriptor},
    {COVEY_FRAME_REFUSED, &covey__wire__refused__descriptor},
    {COVEY_FRAME_RECEIPT, &covey__wire__receipt__descriptor},
    {COVEY_FRAME_SUBSCRIBED, &covey__wire__subscribed__descriptor},
    {COVEY_FRAME_DELIVER, &covey__wire__deliver__descriptor},
    {COVEY_FRAME_PONG, &covey__wire__ping__descriptor},
    {COVEY_FRAME_ENDED, &covey__wire__ended__descriptor},
    {COVEY_FRAME_UNDELIVERED, &covey__wire__undelivered__descriptor},
    {COVEY_FRAME_GAP, &covey__wire__gap__descriptor},
    {COVEY_FRAME_HEARD, &covey__wire__heard__descriptor},
    {COVEY_FRAME_DRAINING, &covey__wire__draining__descriptor},
    {COVEY_FRAME_PEER_HELLO, &covey__wire__peer_hello__descriptor},
    {COVEY_FRAME_HEARTBEAT, &covey__wire__heartbeat__descriptor},
    {COVEY_FRAME_GOODBYE, &covey__wire__goodbye__descriptor},
    {COVEY_FRAME_DATA, &covey__wire__data__descriptor},
    {COVEY_FRAME_DATA_ACK, &covey__wire__data_ack__descriptor},
    {COVEY_FRAME_PEER_REFUSE, &covey__wire__peer_refuse__descriptor},
    {COVEY_FRAME_SWIM, &covey__swim__message__descriptor},
    {COVEY_FRAME_BROADCAST, &covey__wire__broadcast_header__descriptor},
    {COVEY_FRAME_SYNC_MARK, &covey__wire__sub_sync__descriptor},
    {COVEY_FRAME_JOURNAL, &covey__wire__journal__descriptor},
    {COVEY_FRAME_JOURNAL_ACK, &covey__wire__journal_ack__descriptor},
    {COVEY_FRAME_VIEW, &covey__wire__view__descriptor},
    {COVEY_FRAME_CONTROL, &covey__wire__control__descriptor},
    {COVEY_FRAME_SERVICE_STATE, &covey__wire__service_state__descriptor},
};

static void
s_require (bool good, const char *what)
{
    if (good)
        return;
    fprintf (stderr, "%s\n", what);
    abort ();
}

/*  What decodes must encode and decode again.                               */
static void
s_try_header (const covey_frame_t *frame)
{
    for (size_t i = 0; i < sizeof s_headers / sizeof s_headers[0]; i++) {
        if (s_headers[i].kind != frame->kind)
            continue;
        ProtobufCMessage *message = covey_wire_unpack (
            s_headers[i].header, frame->header, frame->header_size);
        if (!message)
            continue;
        covey_buf_t buf;
        covey_buf_init (&buf, 4 * COVEY_FRAME_MAX);
        s_require (covey_frame_begin (&buf, frame->kind, message) == COVEY_OK,
                   "a header that was read cannot be written");
        protobuf_c_message_free_unpacked (message, NULL);
        covey_buf_deinit (&buf);
    }
}

static void
s_try_event (const uint8_t *bytes, size_t size)
{
    covey_peek_t view;
    covey_errbuf_t err;
    covey_err_t peeked = covey_peek (bytes, size, &view);
    if (peeked == COVEY_OK) {
        covey_peek_target (&view, view.target_count - 1);
        covey_peek_has_target (&view, "a");
        covey_peek_tag (&view, view.tag_count - 1);
        covey_peek_has_tag (&view, "a");
    }
    if (covey_event_check (bytes, size, &err) != COVEY_OK) {
        s_require (err.text[0] != '\0', "a refusal without a reason");
        return;
    }
    s_require (peeked == COVEY_OK, "check passed what peek refused");
    covey_event_t *event = NULL;
    s_require (covey_event_unpack (bytes, size, &event, &err) == COVEY_OK,
               "check passed what does not unpack");
    covey_event_destroy (&event);
}

/* -- a session whose shell answers everything ------------------------------ */

static void
s_on_send (void *arg, const covey_buf_t *frame)
{
    (void)arg;
    covey_frame_t parsed;
    s_require (covey_frame_parse (frame->data, frame->size, &parsed) ==
                   COVEY_OK,
               "the session sent a bad frame");
}

static void
s_on_opened (void *arg, const Covey__Wire__Welcome *welcome)
{
    (void)arg;
    (void)welcome;
}

static void
s_on_closed (void *arg, covey_err_t code, const char *text, bool final)
{
    (void)arg;
    (void) final;
    s_require (code != COVEY_OK && text, "closed without a reason");
}

static void
s_on_event (void *arg, const void *data, size_t size, const uint32_t *handles,
            size_t handle_count)
{
    covey_session_t *session = *(covey_session_t **)arg;
    for (size_t i = 0; i < handle_count; i++) /* reads them all */
        covey_session_unsubscribe (session, handles[i]);
    uint64_t ticket;
    if (covey_session_publish (session, data, size, COVEY_LEVEL_ACCEPTED, 0,
                               &ticket) == COVEY_OK)
        covey_session_flush (session, 2);
    covey_session_done (session);
}

static void
s_on_refused (void *arg, uint64_t ticket, covey_err_t code, const char *text)
{
    (void)arg;
    s_require (ticket > 0 && code != COVEY_OK && text, "refused without one");
}

static void
s_on_reached (void *arg, uint64_t ticket, covey_level_t level, int64_t offset)
{
    (void)arg;
    (void)level;
    (void)offset;
    s_require (ticket > 0, "a level for no publish");
}

static void
s_try_session (const uint8_t *data, size_t size)
{
    static const uint8_t id[16] = {1};
    covey_session_t *session = NULL;
    const covey_session_callbacks_t callbacks = {.arg = &session,
                                                 .send = s_on_send,
                                                 .opened = s_on_opened,
                                                 .closed = s_on_closed,
                                                 .event = s_on_event,
                                                 .refused = s_on_refused,
                                                 .reached = s_on_reached};
    Covey__Wire__Hello hello = COVEY__WIRE__HELLO__INIT;
    hello.agent_id = "a";
    session = covey_session_new (&hello, id, &callbacks);
    s_require (session, "no session");
    uint64_t ticket;
    covey_err_t code = covey_session_publish (session, "x", 1,
                                              COVEY_LEVEL_STORED, 100, &ticket);
    s_require (code == COVEY_OK, "no publish");
    covey_session_open (session, 0);
    covey_session_receive (session, data, size, 1); /* a welcome, perhaps */
    Covey__Wire__Welcome welcome = COVEY__WIRE__WELCOME__INIT;
    welcome.protocol = COVEY_PROTOCOL_VERSION;
    welcome.node_name = welcome.mesh = "m";
    welcome.heartbeat_ms = 1000;
    welcome.publish_window = 4;
    covey_buf_t frame;
    covey_buf_init (&frame, COVEY_FRAME_MAX);
    code = covey_frame_begin (&frame, COVEY_FRAME_WELCOME, &welcome.base);
    s_require (code == COVEY_OK, "no welcome");
    covey_session_receive (session, frame.data, frame.size, 1);
    covey_buf_deinit (&frame);
    covey_session_receive (session, data, size, 2);
    covey_session_receive (session, data, size, 3);
    covey_session_tick (session, 1000);
    covey_session_flush (session, 1000);
    covey_session_close (session, "end");
    covey_session_destroy (&session);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    s_try_event (data, size);
    s_try_session (data, size);
    covey_frame_t frame;
    if (covey_frame_parse (data, size, &frame) != COVEY_OK)
        return 0;
    s_try_header (&frame);
    const uint8_t *item;
    size_t item_size;
    while (covey_frame_next (&frame, &item, &item_size) == COVEY_OK)
        s_try_event (item, item_size);
    return 0;
}
