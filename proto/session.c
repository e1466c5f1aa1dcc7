/*  State     Event                      -> State    What happens
    CLOSED    open                       -> OPENING  HELLO
    OPENING   tick, 250 ms               -> OPENING  HELLO again
    OPENING   WELCOME                    -> OPEN     SUBSCRIBE..., FLOW, ack,
                                                     `opened`, PUBLISH...
    OPENING   WELCOME, other protocol    -> FINAL    `refused`..., `closed`
    OPENING   REFUSED                    -> CLOSED or FINAL, as it says
    OPEN      WELCOME                    -> OPEN     the answer to a repeated
                                                     HELLO: SUBSCRIBE... again
    OPEN      RECEIPT                    -> OPEN     `reached`, `refused`
    OPEN      DELIVER                    -> OPEN     `event`...; a hole: CLOSED
    OPEN      tick, heartbeat            -> OPEN     PING
    OPEN      tick, 3 silent heartbeats  -> CLOSED   `closed` TIMEOUT
    any       ENDED                      -> CLOSED   `closed`; FENCED: FINAL
    any       close                      -> CLOSED   BYE
    Frames that a state does not list are dropped.                            */
#include "proto/session.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "proto/session_queue.h"

#define SUBSCRIPTION_SIZE_MAX 1048576

typedef struct {
    uint32_t handle;
    covey_buf_t frame; /* SUBSCRIBE, ready to send                            */
} subscription_t;

struct covey_session {
    covey_session_callbacks_t callbacks;
    covey_session_state_t state;
    covey_buf_t hello; /* the frame                                           */
    covey_buf_t out;   /* any other frame, while it is sent                   */

    int64_t now_ms;   /* the last time we were told                           */
    int64_t hello_ms; /* the last HELLO                                       */
    int64_t ping_ms;  /* the last PING                                        */
    int64_t heard_ms; /* the last frame from the node                         */
    int64_t heartbeat_ms;
    uint64_t ping_token;

    covey_session_queue_t queue;
    uint64_t sent;      /* last ticket sent since the session opened          */
    uint64_t sent_ever; /* last ticket ever sent                              */
    uint32_t publish_window;

    uint64_t delivered; /* last delivery that arrived                         */
    uint64_t done;      /* last delivery that the shell is done with          */
    uint64_t acked;     /* last delivery acknowledged to the node             */
    uint64_t stale;     /* deliveries before the node lost the session, which
                           the shell still works on                           */

    subscription_t *subscriptions;
    size_t subscription_count;
    bool paused;
    uint64_t malformed;
};

/* ------------------------------------------------------------------------ */
/*  Sending                                                                   */

static void
s_send (covey_session_t *self, const covey_buf_t *frame)
{
    self->callbacks.send (self->callbacks.arg, frame);
}

/*  Frames larger than a batch are rare; their memory goes back at once.     */
static void
s_send_out (covey_session_t *self)
{
    s_send (self, &self->out);
    if (self->out.capacity > 2 * COVEY_FRAME_BATCH) {
        covey_buf_deinit (&self->out);
        covey_buf_init (&self->out, COVEY_FRAME_MAX);
    }
}

static void
s_send_header (covey_session_t *self, covey_frame_kind_t kind,
               const ProtobufCMessage *header)
{
    covey_buf_clear (&self->out);
    if (covey_frame_begin (&self->out, kind, header) == COVEY_OK)
        s_send_out (self);
}

static void
s_send_ack (covey_session_t *self)
{
    Covey__Wire__DeliverAck ack = COVEY__WIRE__DELIVER_ACK__INIT;
    ack.seq = self->acked = self->done;
    s_send_header (self, COVEY_FRAME_DELIVER_ACK, &ack.base);
}

static void
s_send_flow (covey_session_t *self)
{
    Covey__Wire__Flow flow = COVEY__WIRE__FLOW__INIT;
    flow.paused = self->paused;
    s_send_header (self, COVEY_FRAME_FLOW, &flow.base);
}

static void
s_send_unsubscribe (covey_session_t *self, uint32_t *handles, size_t count)
{
    Covey__Wire__Unsubscribe message = COVEY__WIRE__UNSUBSCRIBE__INIT;
    message.n_handles = count;
    message.handles = handles;
    s_send_header (self, COVEY_FRAME_UNSUBSCRIBE, &message.base);
}

static void
s_send_hello (covey_session_t *self)
{
    self->hello_ms = self->now_ms;
    s_send (self, &self->hello);
}

static void
s_send_ping (covey_session_t *self)
{
    Covey__Wire__Ping ping = COVEY__WIRE__PING__INIT;
    ping.token = ++self->ping_token;
    self->ping_ms = self->now_ms;
    s_send_header (self, COVEY_FRAME_PING, &ping.base);
}

static void
s_send_subscriptions (covey_session_t *self)
{
    for (size_t i = 0; i < self->subscription_count; i++)
        s_send (self, &self->subscriptions[i].frame);
}

/*  One PUBLISH frame from ticket `sent + 1` on: neighbours that ask for the
    same, as far as the window and the size of a batch allow.                 */
static covey_err_t
s_send_batch (covey_session_t *self, uint64_t last)
{
    uint64_t ticket = self->sent + 1;
    const covey_session_entry_t *head =
        covey_session_queue_at (&self->queue, ticket);
    Covey__Wire__Publish header = COVEY__WIRE__PUBLISH__INIT;
    header.first_seq = ticket;
    header.has_wait_ms = head->wait_ms > 0;
    header.wait_ms = head->wait_ms;
    header.has_level = head->level > COVEY_LEVEL_ACCEPTED;
    header.level = (uint32_t)head->level;
    covey_buf_clear (&self->out);
    if (covey_frame_begin (&self->out, COVEY_FRAME_PUBLISH, &header.base))
        return COVEY_NOMEM;
    for (; ticket <= last; ticket++) {
        const covey_session_entry_t *entry =
            covey_session_queue_at (&self->queue, ticket);
        if (entry->wait_ms != head->wait_ms || entry->level != head->level)
            break;
        if (ticket > header.first_seq &&
            self->out.size + entry->size + 4 > COVEY_FRAME_BATCH)
            break;
        if (covey_frame_add (&self->out, entry->bytes, entry->size))
            break;
    }
    if (ticket == header.first_seq)
        return COVEY_NOMEM; /* the next flush tries again */
    self->sent = ticket - 1;
    if (self->sent_ever < self->sent)
        self->sent_ever = self->sent;
    s_send_out (self);
    return COVEY_OK;
}

/*  All that waits, as far as the window allows.                             */
static void
s_send_waiting (covey_session_t *self)
{
    if (self->state != COVEY_SESSION_OPEN)
        return;
    uint64_t answered = self->queue.first - 1;
    uint64_t last = self->queue.next - 1;
    if (last > answered + self->publish_window)
        last = answered + self->publish_window;
    if (self->sent < answered)
        self->sent = answered;
    while (self->sent < last)
        if (s_send_batch (self, last))
            break;
}

/* ------------------------------------------------------------------------ */
/*  Closing                                                                   */

/*  A code that came over the wire; one that we do not know, or no error at
    all, is still an error of the other side.                                 */
static covey_err_t
s_code (int32_t code)
{
    if (code >= 0 || strcmp (covey_err_name (code), "UNKNOWN") == 0)
        return COVEY_REMOTE;
    return (covey_err_t)code;
}

static void
s_leave (covey_session_t *self, covey_session_state_t state)
{
    self->state = state;
    self->sent = self->queue.first - 1; /* all without verdict goes out again */
}

static void
s_closed (covey_session_t *self, covey_err_t code, const char *text, bool final)
{
    s_leave (self, final ? COVEY_SESSION_FINAL : COVEY_SESSION_CLOSED);
    while (final && self->queue.first < self->queue.next) {
        uint64_t ticket = self->queue.first;
        covey_session_queue_pop (&self->queue);
        self->callbacks.refused (self->callbacks.arg, ticket, COVEY_CLOSED,
                                 text);
    }
    self->callbacks.closed (self->callbacks.arg, code, text, final);
}

/* ------------------------------------------------------------------------ */
/*  Frames from the node                                                      */

/*  Every ticket up to `accepted` has its verdict. No pointer into the queue
    is kept over a callback, which may publish.                               */
static void
s_take_verdicts (covey_session_t *self, uint64_t accepted, size_t n_refusals,
                 Covey__Wire__Refusal **refusals)
{
    for (size_t i = 0; i < n_refusals; i++) {
        uint64_t ticket = refusals[i]->seq;
        if (ticket >= self->queue.first && ticket <= accepted)
            covey_session_queue_at (&self->queue, ticket)->refusal = i + 1;
    }
    while (self->queue.first <= accepted) {
        uint64_t ticket = self->queue.first;
        size_t refusal = covey_session_queue_at (&self->queue, ticket)->refusal;
        covey_session_queue_pop (&self->queue);
        if (refusal)
            self->callbacks.refused (self->callbacks.arg, ticket,
                                     s_code (refusals[refusal - 1]->code),
                                     refusals[refusal - 1]->text);
        else
            self->callbacks.reached (self->callbacks.arg, ticket,
                                     COVEY_LEVEL_ACCEPTED, -1);
    }
}

/*  The node has this session no more (it was restarted): its deliveries start
    from 1 again, and what the shell still works on is not of this count.     */
static void
s_start_over (covey_session_t *self)
{
    self->stale += self->delivered - self->done;
    self->delivered = self->done = self->acked = 0;
}

static void
s_open (covey_session_t *self, const Covey__Wire__Welcome *welcome)
{
    bool known = welcome->has_publish_seq &&
                 welcome->publish_seq >= self->queue.first - 1;
    if (!known)
        s_start_over (self);
    uint64_t accepted = known ? welcome->publish_seq : self->queue.first - 1;
    if (accepted > self->sent_ever)
        accepted = self->sent_ever;
    self->state = COVEY_SESSION_OPEN;
    self->heartbeat_ms = welcome->heartbeat_ms;
    self->publish_window = welcome->publish_window;
    self->ping_ms = self->now_ms;
    self->sent = accepted;
    s_send_subscriptions (self);
    if (self->paused)
        s_send_flow (self);
    if (self->done)
        s_send_ack (self);
    self->callbacks.opened (self->callbacks.arg, welcome);
    s_take_verdicts (self, accepted, welcome->n_refusals, welcome->refusals);
    s_send_waiting (self);
}

/*  Handlers: `message` is the unpacked header of the table below.           */
static covey_err_t
s_on_welcome (covey_session_t *self, const covey_frame_t *frame,
              const void *message)
{
    (void)frame;
    const Covey__Wire__Welcome *welcome = message;
    if (welcome->heartbeat_ms == 0 || welcome->publish_window == 0)
        return COVEY_MALFORMED;
    if (welcome->protocol != COVEY_PROTOCOL_VERSION)
        s_closed (self, COVEY_VERSION, "the node speaks another protocol",
                  true);
    else if (self->state == COVEY_SESSION_OPEN && welcome->has_publish_seq)
        s_send_subscriptions (self);
    else
        s_open (self, welcome);
    return COVEY_OK;
}

static covey_err_t
s_on_refused (covey_session_t *self, const covey_frame_t *frame,
              const void *message)
{
    (void)frame;
    const Covey__Wire__Refused *refused = message;
    s_closed (self, s_code (refused->code), refused->text,
              refused->has_final && refused->final);
    return COVEY_OK;
}

static covey_err_t
s_on_ended (covey_session_t *self, const covey_frame_t *frame,
            const void *message)
{
    (void)frame;
    const Covey__Wire__Ended *ended = message;
    covey_err_t code = s_code (ended->code);
    /* While opening, any other end is that of the session before. */
    if (self->state == COVEY_SESSION_OPEN || code == COVEY_FENCED)
        s_closed (self, code, ended->text, code == COVEY_FENCED);
    return COVEY_OK;
}

static covey_err_t
s_on_receipt (covey_session_t *self, const covey_frame_t *frame,
              const void *message)
{
    (void)frame;
    const Covey__Wire__Receipt *receipt = message;
    if (receipt->accepted > self->sent_ever)
        return COVEY_MALFORMED;
    s_take_verdicts (self, receipt->accepted, receipt->n_refusals,
                     receipt->refusals);
    for (size_t i = 0; i < receipt->n_stored; i++) {
        const Covey__Wire__Stored *stored = receipt->stored[i];
        if (stored->seq > 0 && stored->seq < self->queue.first &&
            stored->level <= COVEY_LEVEL_SYNCED)
            self->callbacks.reached (self->callbacks.arg, stored->seq,
                                     (covey_level_t)stored->level,
                                     stored->offset);
    }
    s_send_waiting (self);
    return COVEY_OK;
}

static void
s_drop_subscription (covey_session_t *self, size_t index)
{
    covey_buf_deinit (&self->subscriptions[index].frame);
    self->subscription_count--;
    memmove (&self->subscriptions[index], &self->subscriptions[index + 1],
             (self->subscription_count - index) * sizeof (subscription_t));
}

/*  The index of the subscription, or the count when there is none.          */
static size_t
s_find_subscription (const covey_session_t *self, uint32_t handle)
{
    size_t i = 0;
    while (i < self->subscription_count &&
           self->subscriptions[i].handle != handle)
        i++;
    return i;
}

static covey_err_t
s_on_subscribed (covey_session_t *self, const covey_frame_t *frame,
                 const void *message)
{
    (void)frame;
    const Covey__Wire__Subscribed *answer = message;
    size_t index = s_find_subscription (self, answer->handle);
    if (index == self->subscription_count)
        return COVEY_OK; /* given up meanwhile */
    covey_err_t code = answer->has_code ? s_code (answer->code) : COVEY_OK;
    if (code)
        s_drop_subscription (self, index);
    if (self->callbacks.subscribed)
        self->callbacks.subscribed (self->callbacks.arg, answer->handle, code,
                                    answer->text ? answer->text : "");
    return COVEY_OK;
}

/*  Does the frame hold what its header says? Checked before the first event
    of it is handed out.                                                      */
static bool
s_is_deliver (const covey_frame_t *frame, const Covey__Wire__Deliver *header)
{
    covey_frame_t rest = *frame;
    const uint8_t *item;
    size_t size, items = 0, handles = 0;
    covey_err_t code;
    while ((code = covey_frame_next (&rest, &item, &size)) == COVEY_OK)
        items++;
    for (size_t i = 0; i < header->n_handle_counts; i++) {
        if (header->handle_counts[i] > header->n_handles - handles)
            return false;
        handles += header->handle_counts[i];
    }
    return code == COVEY_NOTFOUND && header->first_seq > 0 &&
           header->first_seq <= UINT64_MAX - items &&
           header->n_handle_counts <= items;
}

static covey_err_t
s_on_deliver (covey_session_t *self, const covey_frame_t *frame,
              const void *message)
{
    const Covey__Wire__Deliver *header = message;
    if (!s_is_deliver (frame, header))
        return COVEY_MALFORMED;
    if (header->first_seq > self->delivered + 1) {
        s_closed (self, COVEY_STATE, "deliveries were lost on the way", false);
        return COVEY_OK;
    }
    covey_frame_t rest = *frame;
    const uint8_t *item;
    size_t size, handles = 0;
    for (size_t i = 0; covey_frame_next (&rest, &item, &size) == COVEY_OK;
         i++) {
        size_t count =
            i < header->n_handle_counts ? header->handle_counts[i] : 0;
        const uint32_t *first = header->handles + handles;
        handles += count;
        if (header->first_seq + i <= self->delivered)
            continue; /* a duplicate */
        if (self->delivered - self->done >= COVEY_SESSION_WINDOW) {
            s_closed (self, COVEY_STATE, "the node overran the window", false);
            break;
        }
        self->delivered++;
        self->callbacks.event (self->callbacks.arg, item, size, first, count);
        if (self->state != COVEY_SESSION_OPEN)
            break; /* the callback closed it */
    }
    return COVEY_OK;
}

static covey_err_t
s_on_undelivered (covey_session_t *self, const covey_frame_t *frame,
                  const void *message)
{
    (void)frame;
    const Covey__Wire__Undelivered *notice = message;
    if (notice->event_id.len != 16)
        return COVEY_MALFORMED;
    if (self->callbacks.undelivered)
        self->callbacks.undelivered (self->callbacks.arg, notice);
    return COVEY_OK;
}

static covey_err_t
s_on_gap (covey_session_t *self, const covey_frame_t *frame,
          const void *message)
{
    (void)frame;
    const Covey__Wire__Gap *gap = message;
    if (gap->node_id.len != 16 || gap->first > gap->last)
        return COVEY_MALFORMED;
    if (self->callbacks.gap)
        self->callbacks.gap (self->callbacks.arg, gap);
    return COVEY_OK;
}

static covey_err_t
s_on_service (covey_session_t *self, const covey_frame_t *frame,
              const void *message)
{
    (void)message;
    if (self->callbacks.service)
        self->callbacks.service (self->callbacks.arg, frame);
    return COVEY_OK;
}

static const struct {
    uint8_t kind;
    bool opening; /* taken while OPENING too, not only when OPEN              */
    const ProtobufCMessageDescriptor *header; /* NULL: left unparsed          */
    covey_err_t (*handle) (covey_session_t *self, const covey_frame_t *frame,
                           const void *message);
} s_table[] = {
    {COVEY_FRAME_WELCOME, true, &covey__wire__welcome__descriptor,
     s_on_welcome},
    {COVEY_FRAME_REFUSED, true, &covey__wire__refused__descriptor,
     s_on_refused},
    {COVEY_FRAME_ENDED, true, &covey__wire__ended__descriptor, s_on_ended},
    {COVEY_FRAME_RECEIPT, false, &covey__wire__receipt__descriptor,
     s_on_receipt},
    {COVEY_FRAME_SUBSCRIBED, false, &covey__wire__subscribed__descriptor,
     s_on_subscribed},
    {COVEY_FRAME_DELIVER, false, &covey__wire__deliver__descriptor,
     s_on_deliver},
    {COVEY_FRAME_UNDELIVERED, false, &covey__wire__undelivered__descriptor,
     s_on_undelivered},
    {COVEY_FRAME_GAP, false, &covey__wire__gap__descriptor, s_on_gap},
    {COVEY_FRAME_JOURNAL, false, NULL, s_on_service},
    {COVEY_FRAME_JOURNAL_ACK, false, NULL, s_on_service},
    {COVEY_FRAME_VIEW, false, NULL, s_on_service},
    /* PONG only breaks the silence; kinds of newer nodes do no more. */
};

static covey_err_t
s_dispatch (covey_session_t *self, const covey_frame_t *frame)
{
    size_t i = 0, count = sizeof s_table / sizeof s_table[0];
    while (i < count && s_table[i].kind != frame->kind)
        i++;
    bool opening = self->state == COVEY_SESSION_OPENING;
    if (i == count || (opening && !s_table[i].opening))
        return COVEY_OK;
    if (!s_table[i].header)
        return s_table[i].handle (self, frame, NULL);
    ProtobufCMessage *message = covey_wire_unpack (
        s_table[i].header, frame->header, frame->header_size);
    if (!message)
        return COVEY_MALFORMED;
    covey_err_t code = s_table[i].handle (self, frame, message);
    protobuf_c_message_free_unpacked (message, NULL);
    return code;
}

/* ------------------------------------------------------------------------ */
/*  What the shell calls                                                      */

covey_session_t *
covey_session_new (const Covey__Wire__Hello *hello,
                   const uint8_t session_id[16],
                   const covey_session_callbacks_t *callbacks)
{
    assert (callbacks->send && callbacks->opened && callbacks->closed);
    assert (callbacks->event && callbacks->refused && callbacks->reached);
    covey_session_t *self = calloc (1, sizeof *self);
    if (!self)
        return NULL;
    self->callbacks = *callbacks;
    covey_session_queue_init (&self->queue);
    covey_buf_init (&self->out, COVEY_FRAME_MAX);
    covey_buf_init (&self->hello, COVEY_FRAME_MAX);
    uint8_t id[16];
    memcpy (id, session_id, sizeof id);
    Covey__Wire__Hello full = *hello;
    full.protocol_min = full.protocol_max = COVEY_PROTOCOL_VERSION;
    full.has_session_id = full.has_receive_window = true;
    full.session_id.data = id;
    full.session_id.len = sizeof id;
    full.receive_window = COVEY_SESSION_WINDOW;
    if (covey_frame_begin (&self->hello, COVEY_FRAME_HELLO, &full.base))
        covey_session_destroy (&self);
    return self;
}

void
covey_session_destroy (covey_session_t **self_p)
{
    covey_session_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    while (self->subscription_count)
        s_drop_subscription (self, self->subscription_count - 1);
    free (self->subscriptions);
    covey_session_queue_deinit (&self->queue);
    covey_buf_deinit (&self->out);
    covey_buf_deinit (&self->hello);
    free (self);
}

covey_session_state_t
covey_session_state (const covey_session_t *self)
{
    return self->state;
}

void
covey_session_open (covey_session_t *self, int64_t now_ms)
{
    if (self->state != COVEY_SESSION_CLOSED)
        return;
    self->state = COVEY_SESSION_OPENING;
    self->now_ms = self->heard_ms = now_ms;
    s_send_hello (self);
}

void
covey_session_close (covey_session_t *self, const char *reason)
{
    if (self->state != COVEY_SESSION_OPENING &&
        self->state != COVEY_SESSION_OPEN)
        return;
    if (self->done > self->acked)
        s_send_ack (self);
    Covey__Wire__Bye bye = COVEY__WIRE__BYE__INIT;
    char text[COVEY_NAME_MAX];
    covey_str_copy (text, sizeof text, reason ? reason : "");
    bye.reason = text;
    s_send_header (self, COVEY_FRAME_BYE, &bye.base);
    s_leave (self, COVEY_SESSION_CLOSED);
}

covey_err_t
covey_session_receive (covey_session_t *self, const void *data, size_t size,
                       int64_t now_ms)
{
    self->now_ms = now_ms;
    if (self->state != COVEY_SESSION_OPENING &&
        self->state != COVEY_SESSION_OPEN)
        return COVEY_OK;
    covey_frame_t frame;
    covey_err_t code = covey_frame_parse (data, size, &frame);
    if (code == COVEY_OK) {
        self->heard_ms = now_ms;
        code = s_dispatch (self, &frame);
    }
    if (code)
        self->malformed++;
    return code;
}

void
covey_session_tick (covey_session_t *self, int64_t now_ms)
{
    /* We slept ourselves: the node's frames may lie unread, so it gets one
       more heartbeat. */
    int64_t slept_ms = now_ms - self->now_ms;
    self->now_ms = now_ms;
    if (self->state == COVEY_SESSION_OPENING &&
        now_ms - self->hello_ms >= COVEY_SESSION_HELLO_MS)
        s_send_hello (self);
    if (self->state != COVEY_SESSION_OPEN)
        return;
    int64_t patience_ms = COVEY_SESSION_SILENCE * self->heartbeat_ms;
    if (slept_ms > 2 * self->heartbeat_ms &&
        self->heard_ms < now_ms - patience_ms + self->heartbeat_ms)
        self->heard_ms = now_ms - patience_ms + self->heartbeat_ms;
    if (now_ms - self->heard_ms >= patience_ms)
        s_closed (self, COVEY_TIMEOUT, "the node is silent", false);
    else if (now_ms - self->ping_ms >= self->heartbeat_ms)
        s_send_ping (self);
}

int64_t
covey_session_next_ms (const covey_session_t *self)
{
    if (self->state == COVEY_SESSION_OPENING)
        return self->hello_ms + COVEY_SESSION_HELLO_MS;
    if (self->state != COVEY_SESSION_OPEN)
        return INT64_MAX;
    int64_t silence_ms =
        self->heard_ms + COVEY_SESSION_SILENCE * self->heartbeat_ms;
    int64_t ping_ms = self->ping_ms + self->heartbeat_ms;
    return ping_ms < silence_ms ? ping_ms : silence_ms;
}

covey_err_t
covey_session_publish (covey_session_t *self, const void *event, size_t size,
                       covey_level_t level, uint32_t wait_ms,
                       uint64_t *ticket_p)
{
    if (self->state == COVEY_SESSION_FINAL)
        return COVEY_CLOSED;
    covey_err_t code =
        covey_session_queue_push (&self->queue, event, size, level, wait_ms);
    if (code == COVEY_OK)
        *ticket_p = self->queue.next - 1;
    return code;
}

void
covey_session_flush (covey_session_t *self, int64_t now_ms)
{
    self->now_ms = now_ms;
    if (self->state != COVEY_SESSION_OPEN)
        return;
    if (self->done > self->acked)
        s_send_ack (self);
    s_send_waiting (self);
}

size_t
covey_session_unsent (const covey_session_t *self)
{
    uint64_t answered = self->queue.first - 1;
    uint64_t sent = self->sent > answered ? self->sent : answered;
    return (size_t)(self->queue.next - 1 - sent);
}

size_t
covey_session_unanswered (const covey_session_t *self)
{
    return (size_t)(self->queue.next - self->queue.first);
}

uint64_t
covey_session_malformed (const covey_session_t *self)
{
    return self->malformed;
}

covey_err_t
covey_session_subscribe (covey_session_t *self,
                         const Covey__Wire__Subscribe *subscribe)
{
    if (self->state == COVEY_SESSION_FINAL)
        return COVEY_CLOSED;
    if (subscribe->handle == 0)
        return COVEY_INVALID;
    size_t count = self->subscription_count;
    if (s_find_subscription (self, subscribe->handle) < count)
        return COVEY_EXISTS;
    if (count == COVEY_SESSION_SUBSCRIPTIONS_MAX)
        return COVEY_LIMIT;
    subscription_t *grown =
        realloc (self->subscriptions, (count + 1) * sizeof *grown);
    if (!grown)
        return COVEY_NOMEM;
    self->subscriptions = grown;
    grown[count].handle = subscribe->handle;
    covey_buf_init (&grown[count].frame, SUBSCRIPTION_SIZE_MAX);
    if (covey_frame_begin (&grown[count].frame, COVEY_FRAME_SUBSCRIBE,
                           &subscribe->base)) {
        covey_buf_deinit (&grown[count].frame);
        return COVEY_LIMIT;
    }
    self->subscription_count++;
    if (self->state == COVEY_SESSION_OPEN)
        s_send (self, &grown[count].frame);
    return COVEY_OK;
}

void
covey_session_unsubscribe (covey_session_t *self, uint32_t handle)
{
    size_t index = s_find_subscription (self, handle);
    if (index == self->subscription_count)
        return;
    s_drop_subscription (self, index);
    if (self->state == COVEY_SESSION_OPEN)
        s_send_unsubscribe (self, &handle, 1);
}

void
covey_session_unsubscribe_all (covey_session_t *self)
{
    while (self->subscription_count)
        s_drop_subscription (self, self->subscription_count - 1);
    if (self->state == COVEY_SESSION_OPEN)
        s_send_unsubscribe (self, NULL, 0);
}

void
covey_session_flow (covey_session_t *self, bool paused)
{
    self->paused = paused;
    if (self->state == COVEY_SESSION_OPEN)
        s_send_flow (self);
}

void
covey_session_done (covey_session_t *self)
{
    if (self->stale) {
        self->stale--;
        return;
    }
    assert (self->done < self->delivered);
    self->done++;
    if (self->state == COVEY_SESSION_OPEN &&
        self->done - self->acked >= COVEY_SESSION_WINDOW / 2)
        s_send_ack (self);
}

void
covey_session_send_frame (covey_session_t *self, covey_frame_kind_t kind,
                          const ProtobufCMessage *header)
{
    if (self->state == COVEY_SESSION_OPEN)
        s_send_header (self, kind, header);
}
