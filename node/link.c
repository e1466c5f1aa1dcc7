#include "node/link.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "node/fifo.h"
#include "base/mem.h"

#define LINK_DUP_ACKS 3 /* acks without progress that mean loss          */
#define LINK_PACE_MS 50 /* between two resends because of such acks      */

typedef struct {
    covey_parcel_t *parcel; /* NULL: taken back                               */
    uint8_t kind;
    bool was_sent;
} link_item_t;

struct covey_link {
    covey_link_config_t config;
    covey_link_callbacks_t callbacks;
    covey_link_stats_t stats;
    bool open;
    uint64_t peer_epoch; /* 0: never heard                                    */
    /* ours: items[0] has number acked + 1, the first `sent` are on their way */
    covey_fifo_t items;
    size_t bytes;
    uint64_t acked;
    size_t sent;
    bool probing; /* send one frame only until there is progress      */
    int dup_acks;
    int64_t resend_ms;    /* the present pause                                */
    int64_t progress_ms;  /* last ack that moved, or start of being in flight */
    int64_t last_send_ms; /* of data                                          */
    int64_t last_resend_ms;
    /* theirs */
    uint64_t recv_seq;
    bool ack_due;
    covey_buf_t frame;
};

covey_link_t *
covey_link_new (const covey_link_config_t *config,
                const covey_link_callbacks_t *callbacks)
{
    assert (config->epoch > 0);
    assert (config->events_max > 0 && config->bytes_max > 0);
    assert (callbacks->send && callbacks->item);
    covey_link_t *self = covey_mem_new (sizeof *self);
    self->config = *config;
    self->callbacks = *callbacks;
    self->resend_ms = COVEY_LINK_RESEND_MS;
    covey_fifo_init (&self->items, sizeof (link_item_t));
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
    for (size_t i = 0; i < self->items.count; i++) {
        link_item_t *item = covey_fifo_at (&self->items, i);
        covey_parcel_drop (&item->parcel);
    }
    covey_fifo_deinit (&self->items);
    covey_buf_deinit (&self->frame);
    free (self);
}

/*  Everything that is not acknowledged goes out again.                      */
static void
s_rewind (covey_link_t *self, int64_t now_ms)
{
    self->sent = 0;
    self->dup_acks = 0;
    self->last_resend_ms = now_ms;
    self->progress_ms = now_ms;
}

static void
s_progress (covey_link_t *self, uint64_t recv_seq, int64_t now_ms)
{
    while (self->acked < recv_seq) {
        link_item_t *item = covey_fifo_at (&self->items, 0);
        if (item->parcel)
            self->bytes -= item->parcel->size;
        covey_parcel_drop (&item->parcel);
        covey_fifo_pop (&self->items);
        self->acked++;
        if (self->sent)
            self->sent--;
    }
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
    if (recv_seq > self->acked + self->items.count) {
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
        self->ack_due = false;
        for (size_t i = 0; i < self->items.count; i++) {
            link_item_t *item = covey_fifo_at (&self->items, i);
            item->was_sent = false;
        }
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

bool
covey_link_is_open (const covey_link_t *self)
{
    return self->open;
}

bool
covey_link_has_room (const covey_link_t *self, size_t size)
{
    /* An empty queue takes any one event, however large. */
    return self->items.count == 0 ||
           (self->items.count < self->config.events_max &&
            self->bytes < self->config.bytes_max &&
            size <= self->config.bytes_max - self->bytes);
}

covey_err_t
covey_link_push (covey_link_t *self, uint8_t kind, covey_parcel_t *parcel,
                 bool control)
{
    bool room = covey_link_has_room (self, parcel->size) ||
                (control &&
                 self->items.count <
                     self->config.events_max + COVEY_LINK_RESERVE_EVENTS &&
                 self->bytes + parcel->size <
                     self->config.bytes_max + COVEY_LINK_RESERVE_BYTES);
    if (!room) {
        self->stats.refused++;
        return COVEY_EAGAIN;
    }
    link_item_t *item = covey_fifo_push (&self->items);
    item->kind = kind;
    item->parcel = covey_parcel_hold (parcel);
    self->bytes += parcel->size;
    return COVEY_OK;
}

size_t
covey_link_count (const covey_link_t *self)
{
    return self->items.count;
}

size_t
covey_link_bytes (const covey_link_t *self)
{
    return self->bytes;
}

size_t
covey_link_take_back (covey_link_t *self, covey_link_take_fn *take, void *arg)
{
    size_t taken = 0;
    for (size_t i = 0; i < self->items.count; i++) {
        link_item_t *item = covey_fifo_at (&self->items, i);
        if (!item->parcel || !take (arg, item->kind, item->parcel))
            continue;
        self->bytes -= item->parcel->size;
        covey_parcel_drop (&item->parcel);
        item->kind = COVEY_ITEM_NONE;
        taken++;
    }
    return taken;
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
        self->ack_due = true;
        if (data->first_seq == 0)
            err = COVEY_MALFORMED;
        else if (data->first_seq > self->recv_seq + 1)
            self->stats.gaps++;
        else
            err = s_take_items (self, frame, data->first_seq);
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
covey_link_recv_seq (const covey_link_t *self)
{
    return self->recv_seq;
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
s_add_item (covey_buf_t *frame, const link_item_t *item)
{
    size_t body = item->parcel ? item->parcel->size : 0;
    uint8_t *room = covey_buf_extend (frame, 4 + 1 + body);
    if (!room)
        return false;
    s_put_u32 (room, 1 + body);
    room[4] = item->kind;
    if (body)
        memcpy (room + 5, item->parcel->bytes, body);
    return true;
}

/*  One frame from items[sent..]; how many went into it, 0: not sent.        */
static size_t
s_send_frame (covey_link_t *self)
{
    Covey__Wire__Data data = COVEY__WIRE__DATA__INIT;
    data.epoch = self->config.epoch;
    data.first_seq = self->acked + self->sent + 1;
    data.recv_epoch = self->peer_epoch;
    data.recv_seq = self->recv_seq;
    covey_buf_clear (&self->frame);
    if (covey_frame_begin (&self->frame, COVEY_FRAME_DATA, &data.base) !=
        COVEY_OK)
        return 0;
    size_t count = 0;
    while (self->sent + count < self->items.count) {
        const link_item_t *item =
            covey_fifo_at (&self->items, self->sent + count);
        size_t body = item->parcel ? item->parcel->size : 0;
        if (count && self->frame.size + body > COVEY_FRAME_BATCH)
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
        link_item_t *item = covey_fifo_at (&self->items, self->sent + i);
        if (item->was_sent)
            self->stats.resent++;
        else
            self->stats.sent++;
        item->was_sent = true;
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
covey_link_flush (covey_link_t *self, int64_t now_ms)
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
    bool blocked = false;
    while (self->sent < self->items.count && !(self->probing && self->sent)) {
        size_t count = s_send_frame (self);
        if (!count) {
            blocked = true;
            break;
        }
        if (!self->sent)
            self->progress_ms = now_ms;
        s_count_sent (self, count);
        self->sent += count;
        self->last_send_ms = now_ms;
        self->ack_due = false;
    }
    if (self->ack_due && !blocked) {
        self->ack_due = !s_send_ack (self);
        blocked = self->ack_due;
    }
    return blocked;
}

int64_t
covey_link_next_ms (const covey_link_t *self)
{
    if (!self->open || !self->sent)
        return INT64_MAX;
    return self->progress_ms + self->resend_ms;
}

const covey_link_stats_t *
covey_link_stats (const covey_link_t *self)
{
    return &self->stats;
}
