#include "proto/session_class.h"

#include <assert.h>
#include <string.h>

/*  A code that came over the wire; one that we do not know, or no error at
    all, is still an error of the other side.                                 */
static covey_err_t
s_code (int32_t code)
{
    if (code >= 0 || strcmp (covey_err_name (code), "UNKNOWN") == 0)
        return COVEY_REMOTE;
    return (covey_err_t)code;
}

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
    if (self->queue.first <= accepted)
        self->receipt_ms = self->now_ms;
    while (self->queue.first <= accepted) {
        uint64_t ticket = self->queue.first;
        size_t refusal = covey_session_queue_at (&self->queue, ticket)->refusal;
        covey_session_queue_pop (&self->queue);
        assert (!refusal || refusals);
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
    self->ack_ms = 0;
    self->noticed = self->notice_acked = 0;
}

/*  Is this the session that we had? The Welcome that said it is new may have
    been lost: then only its instance tells.                                  */
static bool
s_is_known (const covey_session_t *self, const Covey__Wire__Welcome *welcome)
{
    return welcome->has_publish_seq &&
           (!welcome->has_instance || welcome->instance == self->instance);
}

static void
s_open (covey_session_t *self, const Covey__Wire__Welcome *welcome)
{
    bool known = s_is_known (self, welcome) &&
                 welcome->publish_seq >= self->queue.first - 1;
    self->instance = welcome->instance;
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
    if (known && self->subscribed_ever)
        covey_session_put_unsubscribe_others (self);
    covey_session_put_subscriptions (self);
    if (self->paused)
        covey_session_put_flow (self);
    if (self->done || self->noticed)
        covey_session_put_ack (self);
    self->callbacks.opened (self->callbacks.arg, welcome);
    s_take_verdicts (self, accepted, welcome->n_refusals, welcome->refusals);
    covey_session_put_waiting (self);
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
        covey_session_end (self, COVEY_VERSION,
                           "the node speaks another protocol", true);
    else if (self->state == COVEY_SESSION_OPEN && s_is_known (self, welcome)) {
        covey_session_put_subscriptions (self);
        if (self->paused)
            covey_session_put_flow (self);
    } else
        s_open (self, welcome);
    return COVEY_OK;
}

static covey_err_t
s_on_refused (covey_session_t *self, const covey_frame_t *frame,
              const void *message)
{
    (void)frame;
    const Covey__Wire__Refused *refused = message;
    covey_session_end (self, s_code (refused->code), refused->text,
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
        covey_session_end (self, code, ended->text, code == COVEY_FENCED);
    return COVEY_OK;
}

/*  A notice arrived. False: it was here before, or one before it is missing,
    which ends the session. One without number is always new.                 */
static bool
s_take_notice (covey_session_t *self, bool has_number, uint64_t number)
{
    if (!has_number)
        return true;
    if (number > self->noticed + 1)
        covey_session_end (self, COVEY_STATE, "notices were lost on the way",
                           false);
    if (number != self->noticed + 1)
        return false;
    self->noticed = number;
    return true;
}

static void
s_take_stored (covey_session_t *self, const Covey__Wire__Receipt *receipt)
{
    for (size_t i = 0;
         i < receipt->n_stored && self->state == COVEY_SESSION_OPEN; i++) {
        const Covey__Wire__Stored *stored = receipt->stored[i];
        if (s_take_notice (self, receipt->has_stored_first,
                           receipt->stored_first + i) &&
            stored->seq > 0 && stored->seq <= self->sent_ever &&
            stored->level <= COVEY_LEVEL_SYNCED)
            self->callbacks.reached (self->callbacks.arg, stored->seq,
                                     (covey_level_t)stored->level,
                                     stored->offset);
    }
}

static covey_err_t
s_on_receipt (covey_session_t *self, const covey_frame_t *frame,
              const void *message)
{
    (void)frame;
    const Covey__Wire__Receipt *receipt = message;
    if (receipt->accepted > self->sent_ever ||
        receipt->stored_first > UINT64_MAX - receipt->n_stored)
        return COVEY_MALFORMED;
    s_take_verdicts (self, receipt->accepted, receipt->n_refusals,
                     receipt->refusals);
    s_take_stored (self, receipt);
    covey_session_put_waiting (self);
    return COVEY_OK;
}

static covey_err_t
s_on_subscribed (covey_session_t *self, const covey_frame_t *frame,
                 const void *message)
{
    (void)frame;
    const Covey__Wire__Subscribed *answer = message;
    size_t index = covey_session_find (self, answer->handle);
    if (index == self->subscription_count)
        return COVEY_OK; /* given up meanwhile */
    covey_err_t code = answer->has_code ? s_code (answer->code) : COVEY_OK;
    if (code)
        covey_session_drop (self, index);
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

uint32_t
covey_session_ttl_left (const covey_session_t *self)
{
    return self->ttl_left;
}

static covey_err_t
s_on_deliver (covey_session_t *self, const covey_frame_t *frame,
              const void *message)
{
    const Covey__Wire__Deliver *header = message;
    if (!s_is_deliver (frame, header))
        return COVEY_MALFORMED;
    if (header->first_seq > self->delivered + 1) {
        covey_session_end (self, COVEY_STATE, "deliveries were lost on the way",
                           false);
        return COVEY_OK;
    }
    if (header->has_accepted) {
        if (header->accepted > self->sent_ever)
            return COVEY_MALFORMED;
        s_take_verdicts (self, header->accepted, 0, NULL);
        if (self->state != COVEY_SESSION_OPEN)
            return COVEY_OK; /* the callback closed it */
    }
    covey_frame_t rest = *frame;
    const uint8_t *item;
    size_t size, handles = 0;
    for (size_t i = 0; covey_frame_next (&rest, &item, &size) == COVEY_OK;
         i++) {
        size_t count =
            i < header->n_handle_counts ? header->handle_counts[i] : 0;
        const uint32_t *first = count ? header->handles + handles : NULL;
        handles += count;
        if (header->first_seq + i <= self->delivered)
            continue; /* a duplicate */
        if (self->delivered - self->done >= COVEY_SESSION_WINDOW) {
            covey_session_end (self, COVEY_STATE, "the node overran the window",
                               false);
            break;
        }
        self->delivered++;
        self->ttl_left = i < header->n_ttl_left ? header->ttl_left[i] : 0;
        self->callbacks.event (self->callbacks.arg, item, size, first, count);
        if (self->state != COVEY_SESSION_OPEN)
            break; /* the callback closed it */
    }
    if (header->tell && self->state == COVEY_SESSION_OPEN)
        covey_session_put_arrived (self);
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
    if (s_take_notice (self, notice->has_notice_seq, notice->notice_seq) &&
        self->callbacks.undelivered)
        self->callbacks.undelivered (self->callbacks.arg, notice);
    return COVEY_OK;
}

static covey_err_t
s_on_heard (covey_session_t *self, const covey_frame_t *frame,
            const void *message)
{
    (void)frame;
    const Covey__Wire__Heard *heard = message;
    for (size_t i = 0; i < heard->n_event_ids; i++)
        if (heard->event_ids[i].len != 16)
            return COVEY_MALFORMED;
    if (self->callbacks.heard)
        self->callbacks.heard (self->callbacks.arg, heard);
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
    if (s_take_notice (self, gap->has_notice_seq, gap->notice_seq) &&
        self->callbacks.gap)
        self->callbacks.gap (self->callbacks.arg, gap);
    return COVEY_OK;
}

static covey_err_t
s_on_draining (covey_session_t *self, const covey_frame_t *frame,
               const void *message)
{
    (void)frame;
    const Covey__Wire__Draining *draining = message;
    if (self->callbacks.draining)
        self->callbacks.draining (self->callbacks.arg, draining->left_ms);
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
    {COVEY_FRAME_HEARD, false, &covey__wire__heard__descriptor, s_on_heard},
    {COVEY_FRAME_GAP, false, &covey__wire__gap__descriptor, s_on_gap},
    {COVEY_FRAME_DRAINING, false, &covey__wire__draining__descriptor,
     s_on_draining},
    {COVEY_FRAME_JOURNAL, false, NULL, s_on_service},
    {COVEY_FRAME_JOURNAL_ACK, false, NULL, s_on_service},
    {COVEY_FRAME_VIEW, false, NULL, s_on_service},
    {COVEY_FRAME_CONTROL, false, NULL, s_on_service},
    /* PONG only breaks the silence; kinds of newer nodes do no more. */
};

covey_err_t
covey_session_dispatch (covey_session_t *self, const covey_frame_t *frame)
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
