#include "node/link.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "node/fifo.h"
#include "base/mem.h"

#define LINK_DUP_ACKS 3     /* acks without progress that mean loss          */
#define LINK_PACE_MS 50     /* between two resends because of such acks      */
#define LINK_BATCH_MIN 1024 /* of a frame after a loss: a connection that  */
                            /* breaks again and again lets small ones pass */

struct covey_link {
    covey_link_config_t config;
    covey_link_callbacks_t callbacks;
    covey_link_stats_t stats;
    bool open;
    uint64_t peer_epoch; /* 0: never heard                                    */
    /* ours: flight[0] has number acked + 1, the first `sent` are on their way;
       what waits in the lanes gets its number with the next frame            */
    covey_lanes_t lanes;
    covey_stops_t stops;
    covey_fifo_t flight;
    size_t flight_bytes;
    size_t unsent_bytes; /* of flight                                         */
    uint64_t acked;
    size_t sent;
    size_t batch; /* no item is added to a frame beyond that; doubles   */
    bool probing; /* send one frame only until there is progress      */
    int dup_acks;
    int64_t resend_ms;    /* the present pause                                */
    int64_t progress_ms;  /* last ack that moved, or start of being in flight */
    int64_t last_send_ms; /* of data                                          */
    int64_t last_resend_ms;
    /* theirs */
    uint64_t recv_seq;
    uint64_t acked_seq; /* of recv_seq, to the peer                           */
    size_t unacked_bytes;
    bool ack_due;   /* at once                                            */
    int64_t ack_ms; /* then at the latest; 0: nothing to acknowledge      */
    covey_buf_t frame;
};

covey_link_t *
covey_link_new (const covey_link_config_t *config,
                const covey_link_callbacks_t *callbacks)
{
    assert (config->epoch > 0);
    assert (config->events_max > 0 && config->bytes_max > 0);
    assert (config->window_events > 0 && config->window_bytes > 0);
    assert (callbacks->send && callbacks->item);
    covey_link_t *self = covey_mem_new (sizeof *self);
    self->config = *config;
    self->callbacks = *callbacks;
    self->resend_ms = COVEY_LINK_RESEND_MS;
    self->batch = COVEY_FRAME_BATCH;
    covey_lanes_init (&self->lanes, config->events_max, config->bytes_max);
    covey_stops_init (&self->stops, config->events_max, config->bytes_max);
    covey_fifo_init (&self->flight, sizeof (covey_lane_item_t));
    covey_buf_init (&self->frame, COVEY_FRAME_MAX);
    return self;
}

void
covey_link_destroy (covey_link_t **self_p)
{
    covey_link_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    for (size_t i = 0; i < self->flight.count; i++) {
        covey_lane_item_t *item = covey_fifo_at (&self->flight, i);
        covey_parcel_drop (&item->parcel);
    }
    covey_fifo_deinit (&self->flight);
    covey_stops_deinit (&self->stops);
    covey_lanes_deinit (&self->lanes);
    covey_buf_deinit (&self->frame);
    free (self);
}

static size_t
s_size (const covey_lane_item_t *item)
{
    return item->parcel ? item->parcel->size : 0;
}

/*  Everything that is not acknowledged goes out again.                      */
static void
s_rewind (covey_link_t *self, int64_t now_ms)
{
    self->sent = 0;
    self->unsent_bytes = self->flight_bytes;
    self->batch = LINK_BATCH_MIN;
    self->dup_acks = 0;
    self->last_resend_ms = now_ms;
    self->progress_ms = now_ms;
}

static void
s_progress (covey_link_t *self, uint64_t recv_seq, int64_t now_ms)
{
    while (self->acked < recv_seq) {
        covey_lane_item_t *item = covey_fifo_at (&self->flight, 0);
        size_t size = s_size (item);
        self->flight_bytes -= size;
        if (self->sent)
            self->sent--;
        else
            self->unsent_bytes -= size;
        covey_parcel_drop (&item->parcel);
        covey_fifo_pop (&self->flight);
        self->acked++;
    }
    self->batch = self->batch * 2 < COVEY_FRAME_BATCH ? self->batch * 2
                                                      : COVEY_FRAME_BATCH;
    self->probing = false;
    self->dup_acks = 0;
    self->resend_ms = COVEY_LINK_RESEND_MS;
    self->progress_ms = now_ms;
}

/*  `explicit`: the peer sent it because it has nothing more, not along with
    data of its own.                                                          */
static void
s_on_ack (covey_link_t *self, uint64_t epoch, uint64_t recv_epoch,
          uint64_t recv_seq, bool explicit, int64_t now_ms)
{
    if (!self->open || epoch != self->peer_epoch ||
        recv_epoch != self->config.epoch)
        return;
    if (recv_seq > self->acked + self->flight.count) {
        self->stats.stale++;
        return;
    }
    if (recv_seq > self->acked) {
        s_progress (self, recv_seq, now_ms);
        return;
    }
    if (!explicit || recv_seq < self->acked || !self->sent)
        return;
    bool tail_lost = now_ms - self->last_send_ms >= COVEY_LINK_TAIL_MS;
    if ((++self->dup_acks >= LINK_DUP_ACKS || tail_lost) &&
        now_ms - self->last_resend_ms >= LINK_PACE_MS)
        s_rewind (self, now_ms);
}

/*  What left just now had recv_seq in its header.                           */
static void
s_told_ack (covey_link_t *self)
{
    self->acked_seq = self->recv_seq;
    self->unacked_bytes = 0;
    self->ack_due = false;
    self->ack_ms = 0;
}

void
covey_link_open (covey_link_t *self, uint64_t peer_epoch, uint64_t recv_epoch,
                 uint64_t recv_seq, int64_t now_ms)
{
    assert (peer_epoch > 0);
    if (peer_epoch < self->peer_epoch) {
        self->stats.stale++;
        return;
    }
    self->open = true;
    if (peer_epoch != self->peer_epoch) {
        self->peer_epoch = peer_epoch;
        self->recv_seq = 0;
        self->acked = 0;
        s_told_ack (self);
        covey_stops_go_all (&self->stops, &self->lanes);
    } else
        s_on_ack (self, peer_epoch, recv_epoch, recv_seq, false, now_ms);
    self->probing = false;
    self->resend_ms = COVEY_LINK_RESEND_MS;
    s_rewind (self, now_ms);
}

void
covey_link_close (covey_link_t *self)
{
    self->open = false;
}

uint64_t
covey_link_peer_epoch (const covey_link_t *self)
{
    return self->peer_epoch;
}

bool
covey_link_is_open (const covey_link_t *self)
{
    return self->open;
}

bool
covey_link_has_room (const covey_link_t *self, covey_lane_t lane, size_t events,
                     size_t bytes)
{
    return covey_lanes_have_room (&self->lanes, lane, events, bytes);
}

void
covey_link_add (covey_link_t *self, covey_lane_t lane, uint8_t kind,
                covey_parcel_t *parcel)
{
    covey_lanes_add (&self->lanes, lane, kind, parcel);
}

covey_err_t
covey_link_push (covey_link_t *self, covey_lane_t lane, uint8_t kind,
                 covey_parcel_t *parcel)
{
    if (!covey_lanes_have_room (&self->lanes, lane, 1, parcel->size)) {
        self->stats.refused++;
        return COVEY_EAGAIN;
    }
    covey_lanes_add (&self->lanes, lane, kind, parcel);
    return COVEY_OK;
}

size_t
covey_link_count (const covey_link_t *self)
{
    return self->flight.count + self->lanes.count + self->stops.count;
}

size_t
covey_link_bytes (const covey_link_t *self)
{
    return self->flight_bytes + self->lanes.bytes + self->stops.bytes;
}

size_t
covey_link_waiting (const covey_link_t *self, covey_lane_t lane)
{
    return self->lanes.queues[lane].items.count;
}

void
covey_link_set_stopped (covey_link_t *self, covey_slice_t agent_id,
                        bool stopped)
{
    if (!stopped)
        covey_stops_go (&self->stops, agent_id, &self->lanes);
    else if (covey_stops_stop (&self->stops, agent_id) != COVEY_OK)
        self->stats.stops_ignored++;
}

void
covey_link_go_all (covey_link_t *self)
{
    covey_stops_go_all (&self->stops, &self->lanes);
}

bool
covey_link_is_stopped (const covey_link_t *self, covey_slice_t agent_id)
{
    return covey_stops_has (&self->stops, agent_id);
}

size_t
covey_link_stopped (const covey_link_t *self)
{
    return self->stops.agents.count;
}

size_t
covey_link_parked (const covey_link_t *self)
{
    return self->stops.count;
}

size_t
covey_link_take_back (covey_link_t *self, covey_lanes_take_fn *take, void *arg)
{
    size_t taken = 0;
    for (size_t i = 0; i < self->flight.count; i++) {
        covey_lane_item_t *item = covey_fifo_at (&self->flight, i);
        if (!item->parcel || !take (arg, item))
            continue;
        self->flight_bytes -= item->parcel->size;
        if (i >= self->sent)
            self->unsent_bytes -= item->parcel->size;
        covey_parcel_drop (&item->parcel);
        item->kind = COVEY_ITEM_NONE;
        taken++;
    }
    taken += covey_stops_take_back (&self->stops, take, arg);
    return taken + covey_lanes_take_back (&self->lanes, take, arg);
}

/* ------------------------------------------------------------------------ */
/*  Receiving                                                                */

static covey_err_t
s_take_items (covey_link_t *self, covey_frame_t *frame, uint64_t first_seq)
{
    uint64_t seq = first_seq;
    for (;; seq++) {
        const uint8_t *item;
        size_t size;
        covey_err_t err = covey_frame_next (frame, &item, &size);
        if (err == COVEY_NOTFOUND)
            return COVEY_OK;
        if (err || size < 1)
            return COVEY_MALFORMED;
        if (seq <= self->recv_seq) {
            self->stats.duplicates++;
            continue;
        }
        self->recv_seq = seq;
        self->stats.received++;
        if (item[0] != COVEY_ITEM_NONE)
            self->callbacks.item (self->callbacks.arg, item[0], item + 1,
                                  size - 1);
    }
}

covey_err_t
covey_link_receive_data (covey_link_t *self, covey_frame_t *frame,
                         int64_t now_ms)
{
    Covey__Wire__Data *data = (Covey__Wire__Data *)covey_wire_unpack (
        &covey__wire__data__descriptor, frame->header, frame->header_size);
    if (!data)
        return COVEY_MALFORMED;
    covey_err_t err = COVEY_OK;
    if (!self->open || data->epoch != self->peer_epoch ||
        data->recv_epoch != self->config.epoch)
        self->stats.stale++;
    else {
        s_on_ack (self, data->epoch, data->recv_epoch, data->recv_seq, false,
                  now_ms);
        /* At once when something is wrong, so that it is mended soon. */
        self->ack_due |= data->first_seq != self->recv_seq + 1;
        self->unacked_bytes += frame->items_size;
        if (data->has_now_us && self->callbacks.clock)
            self->callbacks.clock (self->callbacks.arg, data->now_us);
        if (data->first_seq == 0)
            err = COVEY_MALFORMED;
        else if (data->first_seq > self->recv_seq + 1)
            self->stats.gaps++;
        else
            err = s_take_items (self, frame, data->first_seq);
        self->ack_due |=
            self->recv_seq - self->acked_seq >= COVEY_LINK_ACK_EVENTS ||
            self->unacked_bytes >= COVEY_LINK_ACK_BYTES;
        if (!self->ack_ms)
            self->ack_ms = now_ms + COVEY_LINK_ACK_MS;
    }
    protobuf_c_message_free_unpacked (&data->base, NULL);
    return err;
}

covey_err_t
covey_link_receive_ack (covey_link_t *self, const Covey__Wire__DataAck *ack,
                        int64_t now_ms)
{
    if (ack->epoch != self->peer_epoch ||
        ack->recv_epoch != self->config.epoch) {
        self->stats.stale++;
        return COVEY_STATE;
    }
    s_on_ack (self, ack->epoch, ack->recv_epoch, ack->recv_seq, true, now_ms);
    return COVEY_OK;
}

void
covey_link_receive_heartbeat (covey_link_t *self,
                              const Covey__Wire__Heartbeat *heartbeat,
                              int64_t now_ms)
{
    if (!self->open || heartbeat->epoch != self->peer_epoch)
        return;
    s_on_ack (self, heartbeat->epoch, heartbeat->recv_epoch,
              heartbeat->recv_seq, true, now_ms);
    if (heartbeat->recv_epoch == self->config.epoch &&
        heartbeat->sent_seq > self->recv_seq)
        self->ack_due = true;
}

void
covey_link_fill_heartbeat (const covey_link_t *self,
                           Covey__Wire__Heartbeat *heartbeat)
{
    heartbeat->epoch = self->config.epoch;
    heartbeat->recv_epoch = self->peer_epoch;
    heartbeat->recv_seq = self->recv_seq;
    heartbeat->has_sent_seq = true;
    heartbeat->sent_seq = self->acked + self->sent;
}

uint64_t
covey_link_recv_seq (const covey_link_t *self, uint64_t epoch)
{
    return epoch == self->peer_epoch ? self->recv_seq : 0;
}

/* ------------------------------------------------------------------------ */
/*  Sending                                                                  */

static void
s_put_u32 (uint8_t *to, size_t value)
{
    to[0] = (uint8_t)value;
    to[1] = (uint8_t)(value >> 8);
    to[2] = (uint8_t)(value >> 16);
    to[3] = (uint8_t)(value >> 24);
}

/*  Kind and body as one item, without a copy in between.                    */
static bool
s_add_item (covey_buf_t *frame, const covey_lane_item_t *item)
{
    size_t body = s_size (item);
    uint8_t *room = covey_buf_extend (frame, 4 + 1 + body);
    if (!room)
        return false;
    s_put_u32 (room, 1 + body);
    room[4] = item->kind;
    if (body)
        memcpy (room + 5, item->parcel->bytes, body);
    return true;
}

/*  Give numbers to what waits, for one frame and as the window allows: as late
    as can be, so that something more urgent may still come first.            */
static void
s_admit (covey_link_t *self, int64_t now_ms)
{
    covey_lane_item_t item;
    while (self->unsent_bytes < COVEY_FRAME_BATCH &&
           self->flight.count < self->config.window_events &&
           self->flight_bytes < self->config.window_bytes &&
           covey_lanes_take (&self->lanes, now_ms, &item)) {
        if (covey_stops_park (&self->stops, &item, &self->lanes))
            continue;
        *(covey_lane_item_t *)covey_fifo_push (&self->flight) = item;
        self->flight_bytes += item.parcel->size;
        self->unsent_bytes += item.parcel->size;
    }
}

/*  One frame from flight[sent..]; how many went into it, 0: not sent.        */
static size_t
s_send_frame (covey_link_t *self, int64_t now_us)
{
    Covey__Wire__Data data = COVEY__WIRE__DATA__INIT;
    data.epoch = self->config.epoch;
    data.first_seq = self->acked + self->sent + 1;
    data.recv_epoch = self->peer_epoch;
    data.recv_seq = self->recv_seq;
    data.has_now_us = true;
    data.now_us = now_us;
    covey_buf_clear (&self->frame);
    if (covey_frame_begin (&self->frame, COVEY_FRAME_DATA, &data.base) !=
        COVEY_OK)
        return 0;
    size_t count = 0;
    while (self->sent + count < self->flight.count) {
        const covey_lane_item_t *item =
            covey_fifo_at (&self->flight, self->sent + count);
        size_t body = s_size (item);
        if (count && self->frame.size + body > self->batch)
            break;
        if (!s_add_item (&self->frame, item))
            break;
        count++;
    }
    if (!count || !self->callbacks.send (self->callbacks.arg, &self->frame))
        return 0;
    return count;
}

static void
s_count_sent (covey_link_t *self, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        covey_lane_item_t *item = covey_fifo_at (&self->flight, self->sent + i);
        if (item->was_sent)
            self->stats.resent++;
        else
            self->stats.sent++;
        item->was_sent = true;
        self->unsent_bytes -= s_size (item);
    }
}

static bool
s_send_ack (covey_link_t *self)
{
    Covey__Wire__DataAck ack = COVEY__WIRE__DATA_ACK__INIT;
    ack.epoch = self->config.epoch;
    ack.recv_epoch = self->peer_epoch;
    ack.recv_seq = self->recv_seq;
    covey_buf_clear (&self->frame);
    return covey_frame_begin (&self->frame, COVEY_FRAME_DATA_ACK, &ack.base) ==
               COVEY_OK &&
           self->callbacks.send (self->callbacks.arg, &self->frame);
}

bool
covey_link_flush (covey_link_t *self, int64_t now_ms, int64_t now_us)
{
    if (!self->open)
        return false;
    if (self->sent && now_ms - self->progress_ms >= self->resend_ms) {
        s_rewind (self, now_ms);
        self->probing = true;
        self->resend_ms = self->resend_ms * 2 > COVEY_LINK_RESEND_MAX_MS
                              ? COVEY_LINK_RESEND_MAX_MS
                              : self->resend_ms * 2;
    }
    covey_lanes_expire (&self->lanes, now_ms);
    bool blocked = false;
    while (!(self->probing && self->sent)) {
        s_admit (self, now_ms);
        if (self->sent == self->flight.count)
            break;
        size_t count = s_send_frame (self, now_us);
        if (!count) {
            blocked = true;
            break;
        }
        if (!self->sent)
            self->progress_ms = now_ms;
        s_count_sent (self, count);
        self->sent += count;
        self->last_send_ms = now_ms;
        s_told_ack (self);
    }
    self->stats.expired = self->lanes.expired;
    bool ack = self->ack_due || (self->ack_ms && now_ms >= self->ack_ms);
    if (!ack || blocked)
        return blocked;
    if (!s_send_ack (self))
        return true;
    s_told_ack (self);
    return false;
}

int64_t
covey_link_next_ms (const covey_link_t *self)
{
    if (!self->open)
        return INT64_MAX;
    int64_t resend_ms =
        self->sent ? self->progress_ms + self->resend_ms : INT64_MAX;
    return self->ack_ms && self->ack_ms < resend_ms ? self->ack_ms : resend_ms;
}

const covey_delay_t *
covey_link_delay (const covey_link_t *self)
{
    return &self->lanes.delay;
}

const covey_link_stats_t *
covey_link_stats (const covey_link_t *self)
{
    return &self->stats;
}
