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
covey_host_pop_frame (covey_host_t *self)
{
    covey_host_frame_t *frame = covey_fifo_at (&self->frames, 0);
    free (frame->data);
    covey_fifo_pop (&self->frames);
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

/*  The bound that nothing passes.                                           */
static bool
s_fits (const covey_host_t *self, size_t size)
{
    size_t events = self->config.events_max, bytes = self->config.bytes_max;
    events +=
        events > COVEY_HOST_RESERVE_EVENTS ? events : COVEY_HOST_RESERVE_EVENTS;
    bytes +=
        bytes > COVEY_HOST_RESERVE_BYTES ? bytes : COVEY_HOST_RESERVE_BYTES;
    return covey_host_queued (self) < events && self->bytes < bytes &&
           size <= bytes - self->bytes;
}

/*  The marks are far apart, so that it is seldom said, and the upper one below
    what this node's own agents may fill: something is left for those who hear
    of it late.                                                               */
static bool
s_should_stop (const covey_host_t *self)
{
    size_t events = self->config.events_max, bytes = self->config.bytes_max;
    size_t count = covey_host_queued (self);
    if (self->stopped)
        return count > events / 2 || self->bytes > bytes / 2;
    return count >= events - events / 4 || self->bytes >= bytes - bytes / 4;
}

bool
covey_host_turned (covey_host_t *self)
{
    bool before = self->stopped;
    self->stopped = s_should_stop (self);
    return self->stopped != before;
}

bool
covey_host_is_stopped (const covey_host_t *self)
{
    return self->stopped;
}

covey_err_t
covey_host_deliver (covey_host_t *self, covey_parcel_t *parcel)
{
    size_t match_count = self->match_count;
    self->match_count = 0;
    self->touched = false;
    if (!s_fits (self, parcel->size)) {
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
covey_host_stored (covey_host_t *self, uint64_t seq, covey_level_t level,
                   int64_t offset)
{
    covey_notices_add_stored (&self->notices, seq, level, offset);
}

void
covey_host_undelivered (covey_host_t *self,
                        const Covey__Wire__Undelivered *notice)
{
    covey_notices_add_undelivered (&self->notices, notice);
}

void
covey_host_gap (covey_host_t *self, const uint8_t node_id[16], uint32_t type,
                uint64_t first, uint64_t last)
{
    covey_notices_add_gap (&self->notices, node_id, type, first, last);
}

covey_err_t
covey_host_ack_notices (covey_host_t *self, uint64_t number)
{
    return covey_notices_ack (&self->notices, number);
}

void
covey_host_notice (covey_host_t *self, covey_frame_kind_t kind,
                   const ProtobufCMessage *header)
{
    covey_buf_t data;
    covey_buf_init (&data, COVEY_FRAME_MAX);
    if (self->frames.count < COVEY_HOST_FRAMES_MAX &&
        covey_frame_begin (&data, kind, header) == COVEY_OK) {
        covey_host_frame_t *frame = covey_fifo_push (&self->frames);
        frame->size = data.size;
        frame->data = (uint8_t *)covey_buf_steal (&data);
    } else
        self->stats.frames_dropped++;
    covey_buf_deinit (&data);
}

/*  Each thing once.                                                         */
static void
s_report (covey_host_t *self, covey_host_delivery_t *delivery,
          covey_track_t what)
{
    if (!(delivery->track & what))
        return;
    delivery->track &= (uint8_t)~what;
    covey_host_report_t *report = covey_fifo_push (&self->reports);
    report->parcel = covey_parcel_hold (delivery->parcel);
    report->what = what;
}

bool
covey_host_next_report (covey_host_t *self, covey_host_report_t *report)
{
    if (!self->reports.count)
        return false;
    *report = *(covey_host_report_t *)covey_fifo_at (&self->reports, 0);
    covey_fifo_pop (&self->reports);
    return true;
}

void
covey_host_track (covey_host_t *self, uint8_t track)
{
    covey_host_delivery_t *last =
        covey_fifo_at (&self->waiting, self->waiting.count - 1);
    last->track = track;
}

covey_err_t
covey_host_arrive (covey_host_t *self, uint64_t seq)
{
    if (seq > self->acked + self->flight.count)
        return COVEY_LIMIT;
    if (self->arrived < self->acked)
        self->arrived = self->acked;
    for (; self->arrived < seq; self->arrived++)
        s_report (self,
                  covey_fifo_at (&self->flight,
                                 (size_t)(self->arrived - self->acked)),
                  COVEY_TRACK_HEARD);
    return COVEY_OK;
}

covey_err_t
covey_host_ack (covey_host_t *self, uint64_t seq)
{
    if (seq > self->acked + self->flight.count)
        return COVEY_LIMIT;
    while (self->acked < seq) {
        covey_host_delivery_t *first = covey_fifo_at (&self->flight, 0);
        s_report (self, first, COVEY_TRACK_HEARD);
        s_report (self, first, COVEY_TRACK_DONE);
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
covey_host_signs (const covey_host_t *self, covey_agent_signs_t *signs)
{
    signs->work = self->acked + self->offered_seq;
    signs->is_owing = self->flight_sent > 0;
    signs->is_reachable = self->attached && !self->paused;
}

covey_host_clocks_t *
covey_host_clocks (covey_host_t *self)
{
    return &self->clocks;
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
