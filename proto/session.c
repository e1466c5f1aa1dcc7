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
    OPEN      tick, 3 silent heartbeats,
              or so long no receipt      -> CLOSED   `closed` TIMEOUT
    any       ENDED                      -> CLOSED   `closed`; FENCED: FINAL
    any       close                      -> CLOSED   BYE
    Frames that a state does not list are dropped.                            */
#include "proto/session.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "proto/session_class.h"

#define SUBSCRIPTION_SIZE_MAX 1048576
#define NOTICE_ACK_AT 128 /* notices; fewer wait for an ack or a ping */

static void
s_leave (covey_session_t *self, covey_session_state_t state)
{
    self->state = state;
    self->sent = self->queue.first - 1; /* all without verdict goes out again */
    self->urged = self->sent;
    self->ack_ms = 0;
}

void
covey_session_end (covey_session_t *self, covey_err_t code, const char *text,
                   bool final)
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

void
covey_session_drop (covey_session_t *self, size_t index)
{
    covey_buf_deinit (&self->subscriptions[index].frame);
    self->subscription_count--;
    memmove (&self->subscriptions[index], &self->subscriptions[index + 1],
             (self->subscription_count - index) * sizeof (covey_session_sub_t));
}

/*  The index of the subscription, or the count when there is none.          */
size_t
covey_session_find (const covey_session_t *self, uint32_t handle)
{
    size_t i = 0;
    while (i < self->subscription_count &&
           self->subscriptions[i].handle != handle)
        i++;
    return i;
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
    full.has_notice_acks = full.notice_acks = true;
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
        covey_session_drop (self, self->subscription_count - 1);
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
    covey_session_put_hello (self);
}

void
covey_session_close (covey_session_t *self, const char *reason)
{
    if (self->state != COVEY_SESSION_OPENING &&
        self->state != COVEY_SESSION_OPEN)
        return;
    if (self->done > self->acked || self->noticed > self->notice_acked)
        covey_session_put_ack (self);
    Covey__Wire__Bye bye = COVEY__WIRE__BYE__INIT;
    char text[COVEY_NAME_MAX];
    covey_str_copy (text, sizeof text, reason ? reason : "");
    bye.reason = text;
    covey_session_put_header (self, COVEY_FRAME_BYE, &bye.base);
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
        code = covey_session_dispatch (self, &frame);
    }
    if (code)
        self->malformed++;
    return code;
}

/*  A publish was lost on the way if its receipt stays out although the node
    speaks: the node may hold it for wait_ms, but no longer.                  */
static bool
s_lacks_receipt (const covey_session_t *self)
{
    if (self->sent < self->queue.first)
        return false;
    const covey_session_entry_t *head =
        covey_session_queue_at (&self->queue, self->queue.first);
    return self->now_ms - self->receipt_ms >=
           COVEY_SESSION_SILENCE * self->heartbeat_ms + head->wait_ms;
}

void
covey_session_tick (covey_session_t *self, int64_t now_ms)
{
    /* While we slept the node's frames lay unread: that was not its silence. */
    int64_t slept_ms = now_ms - self->now_ms;
    if (slept_ms > 2 * self->heartbeat_ms) {
        self->heard_ms += slept_ms;
        self->receipt_ms += slept_ms;
    }
    self->now_ms = now_ms;
    if (self->state == COVEY_SESSION_OPENING &&
        now_ms - self->hello_ms >= COVEY_SESSION_HELLO_MS)
        covey_session_put_hello (self);
    if (self->state != COVEY_SESSION_OPEN)
        return;
    if (now_ms - self->heard_ms >= COVEY_SESSION_SILENCE * self->heartbeat_ms)
        covey_session_end (self, COVEY_TIMEOUT, "the node is silent", false);
    else if (s_lacks_receipt (self))
        covey_session_end (self, COVEY_TIMEOUT, "the node owes receipts",
                           false);
    else {
        if (self->ack_ms && now_ms >= self->ack_ms)
            covey_session_put_ack (self);
        if (now_ms - self->ping_ms < self->heartbeat_ms)
            return;
        if (self->noticed > self->notice_acked)
            covey_session_put_ack (self);
        covey_session_put_ping (self);
    }
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
    int64_t next_ms = ping_ms < silence_ms ? ping_ms : silence_ms;
    return self->ack_ms && self->ack_ms < next_ms ? self->ack_ms : next_ms;
}

covey_err_t
covey_session_publish (covey_session_t *self, const void *event, size_t size,
                       covey_level_t level, uint32_t wait_ms,
                       uint64_t *ticket_p)
{
    covey_session_wish_t wish = {.level = level, .wait_ms = wait_ms};
    if (size > COVEY_EVENT_MAX)
        return COVEY_LIMIT;
    covey_buf_t copy;
    covey_buf_init (&copy, COVEY_EVENT_MAX);
    covey_err_t code =
        covey_buf_append (&copy, event, size) == COVEY_OK
            ? covey_session_publish_as (self, &copy, &wish, ticket_p)
            : COVEY_NOMEM;
    covey_buf_deinit (&copy);
    return code;
}

covey_err_t
covey_session_publish_as (covey_session_t *self, covey_buf_t *event,
                          const covey_session_wish_t *wish, uint64_t *ticket_p)
{
    if (self->state == COVEY_SESSION_FINAL)
        return COVEY_CLOSED;
    covey_err_t code = covey_session_queue_push (&self->queue, event, wish);
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
    if (self->noticed - self->notice_acked >= NOTICE_ACK_AT)
        covey_session_put_ack (self);
    covey_session_put_waiting (self);
    if (self->done > self->acked && !self->ack_ms)
        self->ack_ms = now_ms + COVEY_SESSION_ACK_MS;
}

void
covey_session_be_patient (covey_session_t *self)
{
    if (self->queue.first < self->queue.next)
        covey_session_queue_at (&self->queue, self->queue.next - 1)->patient =
            true;
}

bool
covey_session_expects_receipt (const covey_session_t *self)
{
    return self->urged >= self->queue.first;
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
    if (covey_session_find (self, subscribe->handle) < count)
        return COVEY_EXISTS;
    if (count == COVEY_SESSION_SUBSCRIPTIONS_MAX)
        return COVEY_LIMIT;
    covey_session_sub_t *grown =
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
    self->subscribed_ever = true;
    if (self->state == COVEY_SESSION_OPEN)
        covey_session_put (self, &grown[count].frame);
    return COVEY_OK;
}

void
covey_session_unsubscribe (covey_session_t *self, uint32_t handle)
{
    size_t index = covey_session_find (self, handle);
    if (index == self->subscription_count)
        return;
    covey_session_drop (self, index);
    if (self->state == COVEY_SESSION_OPEN)
        covey_session_put_unsubscribe (self, &handle, 1);
}

void
covey_session_unsubscribe_all (covey_session_t *self)
{
    while (self->subscription_count)
        covey_session_drop (self, self->subscription_count - 1);
    if (self->state == COVEY_SESSION_OPEN)
        covey_session_put_unsubscribe (self, NULL, 0);
}

void
covey_session_flow (covey_session_t *self, bool paused)
{
    self->paused = paused;
    if (self->state == COVEY_SESSION_OPEN)
        covey_session_put_flow (self);
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
        covey_session_put_ack (self);
}

void
covey_session_send_frame (covey_session_t *self, covey_frame_kind_t kind,
                          const ProtobufCMessage *header)
{
    if (self->state == COVEY_SESSION_OPEN)
        covey_session_put_header (self, kind, header);
}

void
covey_session_send_item (covey_session_t *self, covey_frame_kind_t kind,
                         const ProtobufCMessage *header, const void *item,
                         size_t size)
{
    if (self->state == COVEY_SESSION_OPEN)
        covey_session_put_item (self, kind, header, item, size);
}
