#include "node/host_class.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void
covey_host_add_match (covey_host_t *self, uint32_t handle)
{
    self->matches =
        covey_mem_room (self->matches, self->match_count, &self->match_capacity,
                        sizeof *self->matches);
    self->matches[self->match_count++] = handle;
}

size_t
covey_host_matches (const covey_host_t *self)
{
    return self->match_count;
}

bool
covey_host_touch (covey_host_t *self)
{
    bool first = !self->touched;
    self->touched = true;
    return first;
}

void
covey_host_untouch (covey_host_t *self)
{
    self->touched = false;
    self->match_count = 0;
}

void
covey_host_pop_notice (covey_host_t *self)
{
    covey_host_notice_t *notice = covey_fifo_at (&self->notices, 0);
    free (notice->data);
    covey_fifo_pop (&self->notices);
}

void
covey_host_pop_delivery (covey_host_t *self, covey_fifo_t *fifo)
{
    covey_host_delivery_t *delivery = covey_fifo_at (fifo, 0);
    self->bytes -= delivery->parcel->size;
    free (delivery->handles);
    covey_parcel_drop (&delivery->parcel);
    covey_fifo_pop (fifo);
}

bool
covey_host_has_room (const covey_host_t *self, size_t size)
{
    size_t count = self->flight.count + self->waiting.count;
    return count == 0 || (count < self->config.events_max &&
                          self->bytes < self->config.bytes_max &&
                          size <= self->config.bytes_max - self->bytes);
}

covey_err_t
covey_host_deliver (covey_host_t *self, covey_parcel_t *parcel)
{
    size_t match_count = self->match_count;
    self->match_count = 0;
    self->touched = false;
    if (!covey_host_has_room (self, parcel->size)) {
        self->stats.full++;
        return COVEY_EAGAIN;
    }
    covey_host_delivery_t *delivery = covey_fifo_push (&self->waiting);
    delivery->parcel = covey_parcel_hold (parcel);
    self->bytes += parcel->size;
    if (match_count > COVEY_HOST_FRAME_HANDLES)
        match_count = COVEY_HOST_FRAME_HANDLES;
    if (match_count) {
        delivery->handles =
            covey_mem_new (match_count * sizeof *delivery->handles);
        memcpy (delivery->handles, self->matches,
                match_count * sizeof *delivery->handles);
        delivery->handle_count = (uint32_t)match_count;
    }
    return COVEY_OK;
}

void
covey_host_gap (covey_host_t *self, const uint8_t node_id[16], uint32_t type,
                uint64_t first, uint64_t last)
{
    covey_host_gap_t *same = NULL;
    for (size_t i = self->gaps.count; i-- > 0 && !same;) {
        covey_host_gap_t *gap = covey_fifo_at (&self->gaps, i);
        if (gap->type == type && memcmp (gap->node_id, node_id, 16) == 0)
            same = gap;
    }
    bool full = self->gaps.count >= COVEY_HOST_GAPS_MAX;
    if (same && (same->last + 1 == first || full)) {
        /* Full: rather too much announced than too little. */
        same->last = last > same->last ? last : same->last;
        same->first = first < same->first ? first : same->first;
        return;
    }
    if (full) {
        self->stats.notices_dropped++;
        return;
    }
    covey_host_gap_t *gap = covey_fifo_push (&self->gaps);
    memcpy (gap->node_id, node_id, 16);
    gap->type = type;
    gap->first = first;
    gap->last = last;
}

void
covey_host_notice (covey_host_t *self, covey_frame_kind_t kind,
                   const ProtobufCMessage *header)
{
    if (self->notices.count >= COVEY_HOST_NOTICES_MAX) {
        self->stats.notices_dropped++;
        return;
    }
    covey_buf_t frame;
    covey_buf_init (&frame, COVEY_FRAME_MAX);
    if (covey_frame_begin (&frame, kind, header) == COVEY_OK) {
        covey_host_notice_t *notice = covey_fifo_push (&self->notices);
        notice->size = frame.size;
        notice->data = (uint8_t *)covey_buf_steal (&frame);
    } else
        self->stats.notices_dropped++;
    covey_buf_deinit (&frame);
}

covey_err_t
covey_host_ack (covey_host_t *self, uint64_t seq)
{
    if (seq > self->acked + self->flight.count)
        return COVEY_LIMIT;
    while (self->acked < seq) {
        covey_host_pop_delivery (self, &self->flight);
        self->acked++;
        if (self->flight_sent)
            self->flight_sent--;
    }
    return COVEY_OK;
}

void
covey_host_flow (covey_host_t *self, bool paused)
{
    self->paused = paused;
}

size_t
covey_host_queued (const covey_host_t *self)
{
    return self->flight.count + self->waiting.count;
}

void
covey_host_return (covey_host_t *self, covey_host_parcel_fn *fn, void *arg)
{
    covey_fifo_t *fifos[] = {&self->flight, &self->waiting};
    for (size_t f = 0; f < 2; f++)
        while (fifos[f]->count) {
            covey_host_delivery_t *delivery = covey_fifo_at (fifos[f], 0);
            fn (arg, delivery->parcel);
            covey_host_pop_delivery (self, fifos[f]);
        }
}
