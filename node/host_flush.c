#include "node/host_class.h"

#define HOST_RECEIPT_ENTRIES 512 /* in one Receipt frame */

typedef struct {
    covey_host_t *host;
    covey_buf_t *frame;
    covey_host_send_fn *send;
    void *arg;
    int64_t now_ms;
    bool blocked;
} host_flush_t;

static bool
s_send (host_flush_t *flush)
{
    covey_err_t err = flush->send (flush->arg, flush->host, flush->frame);
    if (err == COVEY_OK)
        return true;
    flush->blocked = true;
    if (err == COVEY_UNREACHABLE)
        covey_host_detach (flush->host);
    return false;
}

/*  What was stored and comes next among the notices.                        */
static size_t
s_fill_stored (covey_host_t *self, Covey__Wire__Receipt *receipt,
               Covey__Wire__Stored *stored)
{
    const covey_notice_entry_t *from =
        covey_notices_next (&self->notices, &receipt->stored_first);
    size_t count = 0;
    while (from && !from->frame && count < HOST_RECEIPT_ENTRIES) {
        covey__wire__stored__init (&stored[count]);
        stored[count].seq = from->publish_seq;
        stored[count].level = (uint32_t)from->level;
        stored[count].offset = from->offset;
        receipt->stored[count] = &stored[count];
        count++;
        from = covey_notices_peek (&self->notices, count);
    }
    receipt->has_stored_first = count > 0;
    return count;
}

static void
s_told_receipt (covey_host_t *self, uint64_t accepted)
{
    self->receipted_seq = accepted;
    self->receipt_due = accepted != self->verdict_seq;
    self->receipt_late = false;
}

static bool
s_send_receipt (host_flush_t *flush)
{
    covey_host_t *self = flush->host;
    Covey__Wire__Receipt receipt = COVEY__WIRE__RECEIPT__INIT;
    Covey__Wire__Refusal refusals[HOST_RECEIPT_ENTRIES];
    Covey__Wire__Refusal *refusal_list[HOST_RECEIPT_ENTRIES];
    Covey__Wire__Stored stored[HOST_RECEIPT_ENTRIES];
    Covey__Wire__Stored *stored_list[HOST_RECEIPT_ENTRIES];
    receipt.refusals = refusal_list;
    receipt.stored = stored_list;
    receipt.accepted = self->verdict_seq;
    while (self->refusals_sent + receipt.n_refusals < self->refusals.count &&
           receipt.n_refusals < HOST_RECEIPT_ENTRIES) {
        size_t i = receipt.n_refusals++;
        covey_host_refusal_t *from =
            covey_fifo_at (&self->refusals, self->refusals_sent + i);
        covey_host_fill_refusal (from, &refusals[i]);
        refusal_list[i] = &refusals[i];
        /* Not to accept what has a refusal that did not fit. */
        if (receipt.n_refusals == HOST_RECEIPT_ENTRIES)
            receipt.accepted = from->seq;
    }
    receipt.n_stored = s_fill_stored (self, &receipt, stored);
    covey_buf_clear (flush->frame);
    if (covey_frame_begin (flush->frame, COVEY_FRAME_RECEIPT, &receipt.base) !=
            COVEY_OK ||
        !s_send (flush))
        return false;
    self->refusals_sent += receipt.n_refusals;
    covey_notices_mark_sent (&self->notices, receipt.n_stored);
    s_told_receipt (self, receipt.accepted);
    return true;
}

static bool
s_send_bytes (host_flush_t *flush, const uint8_t *data, size_t size)
{
    covey_buf_clear (flush->frame);
    return covey_buf_append (flush->frame, data, size) == COVEY_OK &&
           s_send (flush);
}

/*  Receipts first: a notice is about something accepted.                    */
static bool
s_send_notices (host_flush_t *flush)
{
    covey_host_t *self = flush->host;
    const covey_notice_entry_t *next;
    uint64_t number;
    while (self->receipt_due || self->refusals_sent < self->refusals.count)
        if (!s_send_receipt (flush))
            return false;
    while ((next = covey_notices_next (&self->notices, &number))) {
        if (!next->frame) {
            if (!s_send_receipt (flush))
                return false;
            continue;
        }
        if (!s_send_bytes (flush, next->frame, next->size))
            return false;
        covey_notices_mark_sent (&self->notices, 1);
    }
    while (self->frames.count) {
        const covey_host_frame_t *frame = covey_fifo_at (&self->frames, 0);
        if (!s_send_bytes (flush, frame->data, frame->size))
            return false;
        covey_host_pop_frame (self);
    }
    return true;
}

/*  Number waiting deliveries as far as the window allows.                   */
static void
s_admit (covey_host_t *self, int64_t now_ms)
{
    while (self->waiting.count && self->flight.count < self->window) {
        covey_host_delivery_t *next = covey_fifo_at (&self->waiting, 0);
        if (covey_parcel_is_expired (next->parcel, now_ms)) {
            self->stats.expired++;
            covey_host_pop_delivery (self, &self->waiting);
            continue;
        }
        if (next->parcel->entered_ms)
            covey_delay_note (&self->stats.delay, next->parcel->entered_ms,
                              now_ms);
        *(covey_host_delivery_t *)covey_fifo_push (&self->flight) = *next;
        covey_fifo_pop (&self->waiting);
    }
}

/*  One frame from flight[flight_sent..].                                    */
static bool
s_send_deliveries (host_flush_t *flush)
{
    covey_host_t *self = flush->host;
    uint32_t counts[COVEY_HOST_FRAME_EVENTS];
    uint32_t handles[COVEY_HOST_FRAME_HANDLES];
    uint32_t lefts[COVEY_HOST_FRAME_EVENTS];
    Covey__Wire__Deliver deliver = COVEY__WIRE__DELIVER__INIT;
    deliver.first_seq = self->acked + self->flight_sent + 1;
    deliver.handle_counts = counts;
    deliver.handles = handles;
    size_t count = 0, bytes = 0;
    while (self->flight_sent + count < self->flight.count &&
           count < COVEY_HOST_FRAME_EVENTS) {
        covey_host_delivery_t *next =
            covey_fifo_at (&self->flight, self->flight_sent + count);
        if (count &&
            (bytes + next->parcel->size > COVEY_FRAME_BATCH ||
             deliver.n_handles + next->handle_count > COVEY_HOST_FRAME_HANDLES))
            break;
        lefts[count] = covey_parcel_ttl_left (next->parcel, flush->now_ms);
        if (lefts[count])
            deliver.n_ttl_left = 1;
        counts[count++] = next->handle_count;
        deliver.tell |= next->track & COVEY_TRACK_HEARD;
        for (uint32_t i = 0; i < next->handle_count; i++)
            handles[deliver.n_handles++] = next->handles[i];
        bytes += next->parcel->size;
    }
    deliver.n_handle_counts = count;
    deliver.has_tell = deliver.tell;
    deliver.has_accepted = self->receipt_late;
    deliver.accepted = self->verdict_seq;
    deliver.ttl_left = lefts;
    if (deliver.n_ttl_left)
        deliver.n_ttl_left = count;
    covey_buf_clear (flush->frame);
    covey_err_t err =
        covey_frame_begin (flush->frame, COVEY_FRAME_DELIVER, &deliver.base);
    for (size_t i = 0; i < count && !err; i++) {
        covey_host_delivery_t *next =
            covey_fifo_at (&self->flight, self->flight_sent + i);
        err = covey_frame_add (flush->frame, next->parcel->bytes,
                               next->parcel->size);
    }
    if (err || !s_send (flush))
        return false;
    if (deliver.has_accepted)
        s_told_receipt (self, deliver.accepted);
    self->flight_sent += count;
    self->stats.delivered += count;
    return true;
}

bool
covey_host_flush (covey_host_t *self, covey_buf_t *scratch,
                  covey_host_send_fn *send, void *arg, int64_t now_ms)
{
    if (!self->attached)
        return false;
    host_flush_t flush = {.host = self,
                          .frame = scratch,
                          .send = send,
                          .arg = arg,
                          .now_ms = now_ms};
    if (!s_send_notices (&flush))
        return flush.blocked && self->attached;
    while (!self->paused) {
        s_admit (self, now_ms);
        if (self->flight_sent >= self->flight.count)
            break;
        if (!s_send_deliveries (&flush))
            return flush.blocked && self->attached;
    }
    return false;
}
