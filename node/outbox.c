#include "node/outbox.h"

#include <assert.h>
#include <stdlib.h>

#include "node/fifo.h"
#include "base/mem.h"
#include "proto/frame.h"

typedef struct {
    covey_parcel_t *parcel;
    covey_outbox_wish_t wish; /* session 0: nobody waits                      */
    bool was_sent;
} outbox_item_t;

struct covey_outbox {
    size_t events_max;
    size_t bytes_max;
    covey_outbox_callbacks_t callbacks;
    covey_outbox_stats_t stats;
    covey_fifo_t items; /* items[0] has number acked + 1                      */
    size_t bytes;
    uint64_t acked;
    size_t sent; /* items[0..sent) are with the persister                     */
    size_t sent_bytes;
    int64_t progress_ms;
    int64_t pause_until_ms;
};

covey_outbox_t *
covey_outbox_new (size_t events_max, size_t bytes_max,
                  const covey_outbox_callbacks_t *callbacks)
{
    assert (events_max > 0 && bytes_max > 0);
    assert (callbacks->stored);
    covey_outbox_t *self = covey_mem_new (sizeof *self);
    self->events_max = events_max;
    self->bytes_max = bytes_max;
    self->callbacks = *callbacks;
    covey_fifo_init (&self->items, sizeof (outbox_item_t));
    return self;
}

void
covey_outbox_destroy (covey_outbox_t **self_p)
{
    covey_outbox_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    for (size_t i = 0; i < self->items.count; i++) {
        outbox_item_t *item = covey_fifo_at (&self->items, i);
        covey_parcel_drop (&item->parcel);
    }
    covey_fifo_deinit (&self->items);
    free (self);
}

bool
covey_outbox_has_room (const covey_outbox_t *self, size_t size)
{
    return self->items.count == 0 || (self->items.count < self->events_max &&
                                      self->bytes < self->bytes_max &&
                                      size <= self->bytes_max - self->bytes);
}

uint64_t
covey_outbox_next_seq (const covey_outbox_t *self)
{
    return self->acked + self->items.count + 1;
}

covey_err_t
covey_outbox_push (covey_outbox_t *self, covey_parcel_t *parcel,
                   const covey_outbox_wish_t *wish)
{
    if (!covey_outbox_has_room (self, parcel->size))
        return COVEY_EAGAIN;
    outbox_item_t *item = covey_fifo_push (&self->items);
    item->parcel = covey_parcel_hold (parcel);
    if (wish)
        item->wish = *wish;
    self->bytes += parcel->size;
    self->stats.accepted++;
    return COVEY_OK;
}

covey_parcel_t *
covey_outbox_get (const covey_outbox_t *self, uint64_t seq)
{
    if (seq <= self->acked || seq > self->acked + self->items.count)
        return NULL;
    const outbox_item_t *item =
        covey_fifo_at (&self->items, (size_t)(seq - self->acked - 1));
    return item->parcel;
}

size_t
covey_outbox_count (const covey_outbox_t *self)
{
    return self->items.count;
}

size_t
covey_outbox_bytes (const covey_outbox_t *self)
{
    return self->bytes;
}

size_t
covey_outbox_peek (const covey_outbox_t *self, int64_t now_ms,
                   covey_parcel_t *parcels[COVEY_OUTBOX_BATCH_EVENTS],
                   uint64_t *first_seq_p)
{
    if (now_ms < self->pause_until_ms)
        return 0;
    size_t count = 0, bytes = 0;
    while (self->sent + count < self->items.count &&
           count < COVEY_OUTBOX_BATCH_EVENTS &&
           self->sent + count < COVEY_OUTBOX_FLIGHT_EVENTS) {
        outbox_item_t *item = covey_fifo_at (&self->items, self->sent + count);
        size_t size = item->parcel->size;
        if (count && bytes + size > COVEY_FRAME_BATCH)
            break;
        if (self->sent + count &&
            self->sent_bytes + bytes + size > COVEY_OUTBOX_FLIGHT_BYTES)
            break;
        parcels[count++] = item->parcel;
        bytes += size;
    }
    *first_seq_p = self->acked + self->sent + 1;
    return count;
}

void
covey_outbox_sent (covey_outbox_t *self, size_t count, int64_t now_ms)
{
    assert (self->sent + count <= self->items.count);
    if (!self->sent)
        self->progress_ms = now_ms;
    for (size_t i = 0; i < count; i++) {
        outbox_item_t *item = covey_fifo_at (&self->items, self->sent + i);
        if (item->was_sent)
            self->stats.resent++;
        item->was_sent = true;
        self->sent_bytes += item->parcel->size;
    }
    self->sent += count;
}

covey_err_t
covey_outbox_ack (covey_outbox_t *self, uint64_t seq, const int64_t *offsets,
                  size_t offset_count, int64_t now_ms)
{
    if (seq > self->acked + self->items.count)
        return COVEY_LIMIT;
    while (self->acked < seq) {
        outbox_item_t *item = covey_fifo_at (&self->items, 0);
        uint64_t back = seq - (self->acked + 1); /* 0: the last one           */
        int64_t offset =
            back < offset_count ? offsets[offset_count - 1 - back] : -1;
        if (item->wish.session)
            self->callbacks.stored (self->callbacks.arg, &item->wish, offset);
        self->bytes -= item->parcel->size;
        if (self->sent) {
            self->sent--;
            self->sent_bytes -= item->parcel->size;
        }
        if (item->parcel->entered_ms)
            covey_delay_note (&self->stats.delay, item->parcel->entered_ms,
                              now_ms);
        covey_parcel_drop (&item->parcel);
        covey_fifo_pop (&self->items);
        self->acked++;
        self->stats.acked++;
        self->progress_ms = now_ms;
    }
    return COVEY_OK;
}

void
covey_outbox_rewind (covey_outbox_t *self, uint64_t seq)
{
    size_t keep = seq > self->acked + 1 ? (size_t)(seq - self->acked - 1) : 0;
    if (keep >= self->sent)
        return;
    self->stats.rewinds++;
    while (self->sent > keep) {
        outbox_item_t *item = covey_fifo_at (&self->items, --self->sent);
        self->sent_bytes -= item->parcel->size;
    }
}

void
covey_outbox_refused (covey_outbox_t *self, int64_t now_ms)
{
    self->stats.refusals++;
    self->pause_until_ms = now_ms + COVEY_OUTBOX_PAUSE_MS;
    covey_outbox_rewind (self, 0);
}

void
covey_outbox_tick (covey_outbox_t *self, int64_t now_ms)
{
    if (self->sent && now_ms - self->progress_ms >= COVEY_OUTBOX_SILENCE_MS) {
        covey_outbox_rewind (self, 0);
        self->progress_ms = now_ms;
    }
}

const covey_outbox_stats_t *
covey_outbox_stats (const covey_outbox_t *self)
{
    return &self->stats;
}
