#include <string.h>

#include "proto/session_class.h"

void
covey_session_put (covey_session_t *self, const covey_buf_t *frame)
{
    self->callbacks.send (self->callbacks.arg, frame);
}

/*  Frames larger than a batch are rare; their memory goes back at once.     */
static void
s_send_out (covey_session_t *self)
{
    covey_session_put (self, &self->out);
    if (self->out.capacity > 2 * (size_t)COVEY_FRAME_BATCH) {
        covey_buf_deinit (&self->out);
        covey_buf_init (&self->out, COVEY_FRAME_MAX);
    }
}

void
covey_session_put_header (covey_session_t *self, covey_frame_kind_t kind,
                          const ProtobufCMessage *header)
{
    covey_buf_clear (&self->out);
    if (covey_frame_begin (&self->out, kind, header) == COVEY_OK)
        s_send_out (self);
}

void
covey_session_put_item (covey_session_t *self, covey_frame_kind_t kind,
                        const ProtobufCMessage *header, const void *item,
                        size_t size)
{
    covey_buf_clear (&self->out);
    if (covey_frame_begin (&self->out, kind, header) == COVEY_OK &&
        covey_frame_add (&self->out, item, size) == COVEY_OK)
        s_send_out (self);
}

static void
s_put_ack (covey_session_t *self, bool arrived)
{
    Covey__Wire__DeliverAck ack = COVEY__WIRE__DELIVER_ACK__INIT;
    ack.seq = self->acked = self->done;
    self->ack_ms = 0;
    ack.has_notice_seq = self->noticed > 0;
    ack.notice_seq = self->notice_acked = self->noticed;
    ack.has_arrived = arrived;
    ack.arrived = self->delivered;
    covey_session_put_header (self, COVEY_FRAME_DELIVER_ACK, &ack.base);
}

void
covey_session_put_ack (covey_session_t *self)
{
    s_put_ack (self, false);
}

/*  Also of what came and is not done with.                                  */
void
covey_session_put_arrived (covey_session_t *self)
{
    s_put_ack (self, true);
}

void
covey_session_put_flow (covey_session_t *self)
{
    Covey__Wire__Flow flow = COVEY__WIRE__FLOW__INIT;
    flow.paused = self->paused;
    covey_session_put_header (self, COVEY_FRAME_FLOW, &flow.base);
}

void
covey_session_put_unsubscribe (covey_session_t *self, uint32_t *handles,
                               size_t count)
{
    Covey__Wire__Unsubscribe message = COVEY__WIRE__UNSUBSCRIBE__INIT;
    message.n_handles = count;
    message.handles = handles;
    covey_session_put_header (self, COVEY_FRAME_UNSUBSCRIBE, &message.base);
}

void
covey_session_put_unsubscribe_others (covey_session_t *self)
{
    uint32_t handles[COVEY_SESSION_SUBSCRIPTIONS_MAX];
    Covey__Wire__Unsubscribe message = COVEY__WIRE__UNSUBSCRIBE__INIT;
    for (size_t i = 0; i < self->subscription_count; i++)
        handles[i] = self->subscriptions[i].handle;
    message.n_handles = self->subscription_count;
    message.handles = handles;
    message.has_others = message.others = true;
    covey_session_put_header (self, COVEY_FRAME_UNSUBSCRIBE, &message.base);
}

void
covey_session_put_hello (covey_session_t *self)
{
    self->hello_ms = self->now_ms;
    covey_session_put (self, &self->hello);
}

void
covey_session_put_ping (covey_session_t *self)
{
    Covey__Wire__Ping ping = COVEY__WIRE__PING__INIT;
    ping.token = ++self->ping_token;
    self->ping_ms = self->now_ms;
    covey_session_put_header (self, COVEY_FRAME_PING, &ping.base);
}

void
covey_session_put_subscriptions (covey_session_t *self)
{
    for (size_t i = 0; i < self->subscription_count; i++)
        covey_session_put (self, &self->subscriptions[i].frame);
}

static bool
s_asks_the_same (const covey_session_entry_t *a, const covey_session_entry_t *b)
{
    return a->wait_ms == b->wait_ms && a->level == b->level &&
           a->heard == b->heard && a->patient == b->patient &&
           a->has_group == b->has_group && a->group_size == b->group_size &&
           (!a->group_size || memcmp (a->bytes + a->size, b->bytes + b->size,
                                      a->group_size) == 0);
}

static covey_err_t
s_begin_batch (covey_session_t *self, uint64_t ticket,
               const covey_session_entry_t *head)
{
    Covey__Wire__Publish header = COVEY__WIRE__PUBLISH__INIT;
    header.first_seq = ticket;
    header.has_oldest = true;
    header.oldest = self->queue.first;
    header.has_wait_ms = head->wait_ms > 0;
    header.wait_ms = head->wait_ms;
    header.has_level = head->level > COVEY_LEVEL_ACCEPTED;
    header.level = (uint32_t)head->level;
    header.has_heard = header.heard = head->heard;
    header.has_patient = header.patient = head->patient;
    header.has_done = self->done > self->acked;
    header.done = self->done;
    if (head->has_group &&
        !(header.group = (Covey__Wire__Group *)covey_wire_unpack (
              &covey__wire__group__descriptor, head->bytes + head->size,
              head->group_size)))
        return COVEY_NOMEM;
    covey_buf_clear (&self->out);
    covey_err_t code =
        covey_frame_begin (&self->out, COVEY_FRAME_PUBLISH, &header.base);
    if (header.group)
        protobuf_c_message_free_unpacked (&header.group->base, NULL);
    return code;
}

/*  One PUBLISH frame from ticket `sent + 1` on: neighbours that ask for the
    same, as far as the window and the size of a batch allow.                 */
static covey_err_t
s_send_batch (covey_session_t *self, uint64_t last)
{
    uint64_t ticket = self->sent + 1;
    const covey_session_entry_t *head =
        covey_session_queue_at (&self->queue, ticket);
    uint64_t first = ticket;
    if (s_begin_batch (self, first, head))
        return COVEY_NOMEM;
    for (; ticket <= last; ticket++) {
        const covey_session_entry_t *entry =
            covey_session_queue_at (&self->queue, ticket);
        if (!s_asks_the_same (entry, head))
            break;
        if (ticket > first &&
            self->out.size + entry->size + 4 > COVEY_FRAME_BATCH)
            break;
        if (covey_frame_add (&self->out, entry->bytes, entry->size))
            break;
    }
    if (ticket == first)
        return COVEY_NOMEM; /* the next flush tries again */
    if (!head->patient)
        self->urged = ticket - 1;
    self->acked = self->done;
    self->ack_ms = 0;
    self->sent = ticket - 1;
    if (self->sent_ever < self->sent)
        self->sent_ever = self->sent;
    s_send_out (self);
    return COVEY_OK;
}

/*  All that waits, as far as the window allows.                             */
void
covey_session_put_waiting (covey_session_t *self)
{
    if (self->state != COVEY_SESSION_OPEN)
        return;
    uint64_t answered = self->queue.first - 1;
    uint64_t last = self->queue.next - 1;
    if (last > answered + self->publish_window)
        last = answered + self->publish_window;
    if (self->sent <= answered) {
        self->sent = answered;
        self->receipt_ms = self->now_ms;
    }
    while (self->sent < last)
        if (s_send_batch (self, last))
            break;
}
