#include "node/host.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "node/fifo.h"
#include "base/mem.h"

#define HOST_FRAME_HANDLES 4096  /* in one Deliver frame  */
#define HOST_RECEIPT_ENTRIES 512 /* in one Receipt frame */

typedef struct {
    covey_parcel_t *parcel;
    uint32_t *handles; /* NULL: none                                          */
    uint32_t handle_count;
} host_delivery_t;

typedef struct {
    uint64_t seq;
    covey_err_t code;
    char *text;
} host_refusal_t;

typedef struct {
    uint64_t seq;
    covey_level_t level;
    int64_t offset;
} host_stored_t;

typedef struct {
    uint8_t node_id[16];
    uint32_t type;
    uint64_t first;
    uint64_t last;
} host_gap_t;

typedef struct {
    uint8_t *data;
    size_t size;
} host_notice_t;

struct covey_host {
    covey_host_config_t config;
    covey_host_stats_t stats;
    uint64_t number;
    char *agent_id;
    char *service;
    uint8_t session_id[16];
    bool client;
    /* the connection                                                         */
    bool attached;
    uint8_t route[COVEY_HOST_ROUTE_MAX];
    size_t route_size;
    uint32_t window;
    bool paused;
    int64_t heard_ms;
    /* from the agent                                                         */
    bool started; /* the first publish is here                                */
    uint64_t offered_seq;
    uint64_t verdict_seq;
    bool receipt_due;
    covey_fifo_t refusals; /* also those told, while the agent may not know   */
    size_t refusals_sent;
    covey_fifo_t stored;
    covey_fifo_t held;
    size_t held_bytes;
    /* to the agent                                                           */
    covey_fifo_t flight;  /* numbered from acked + 1                          */
    covey_fifo_t waiting; /* not numbered yet                                 */
    size_t flight_sent;   /* of flight, in this attachment                    */
    uint64_t acked;
    size_t bytes;
    covey_fifo_t gaps;
    covey_fifo_t notices;
    bool touched;
    uint32_t *matches;
    size_t match_count;
    size_t match_capacity;
};

covey_host_t *
covey_host_new (const covey_host_config_t *config,
                const Covey__Wire__Hello *hello, uint64_t number)
{
    assert (config->events_max > 0 && config->bytes_max > 0);
    assert (hello->session_id.len == 16);
    covey_host_t *self = covey_mem_new (sizeof *self);
    self->config = *config;
    self->number = number;
    self->agent_id = covey_str_dup (hello->agent_id);
    self->service = covey_str_dup (hello->service ? hello->service : "");
    memcpy (self->session_id, hello->session_id.data, 16);
    self->client = hello->client;
    covey_fifo_init (&self->refusals, sizeof (host_refusal_t));
    covey_fifo_init (&self->stored, sizeof (host_stored_t));
    covey_fifo_init (&self->held, sizeof (covey_host_held_t));
    covey_fifo_init (&self->flight, sizeof (host_delivery_t));
    covey_fifo_init (&self->waiting, sizeof (host_delivery_t));
    covey_fifo_init (&self->gaps, sizeof (host_gap_t));
    covey_fifo_init (&self->notices, sizeof (host_notice_t));
    return self;
}

static void
s_pop_refusal (covey_host_t *self)
{
    host_refusal_t *refusal = covey_fifo_at (&self->refusals, 0);
    free (refusal->text);
    covey_fifo_pop (&self->refusals);
    if (self->refusals_sent)
        self->refusals_sent--;
}

static void
s_pop_notice (covey_host_t *self)
{
    host_notice_t *notice = covey_fifo_at (&self->notices, 0);
    free (notice->data);
    covey_fifo_pop (&self->notices);
}

static void
s_pop_delivery (covey_host_t *self, covey_fifo_t *fifo)
{
    host_delivery_t *delivery = covey_fifo_at (fifo, 0);
    self->bytes -= delivery->parcel->size;
    free (delivery->handles);
    covey_parcel_drop (&delivery->parcel);
    covey_fifo_pop (fifo);
}

void
covey_host_destroy (covey_host_t **self_p)
{
    covey_host_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    while (self->refusals.count)
        s_pop_refusal (self);
    while (self->held.count)
        covey_host_unhold (self);
    while (self->flight.count)
        s_pop_delivery (self, &self->flight);
    while (self->waiting.count)
        s_pop_delivery (self, &self->waiting);
    while (self->notices.count)
        s_pop_notice (self);
    covey_fifo_deinit (&self->refusals);
    covey_fifo_deinit (&self->stored);
    covey_fifo_deinit (&self->held);
    covey_fifo_deinit (&self->flight);
    covey_fifo_deinit (&self->waiting);
    covey_fifo_deinit (&self->gaps);
    covey_fifo_deinit (&self->notices);
    free (self->matches);
    free (self->agent_id);
    free (self->service);
    free (self);
}

uint64_t
covey_host_number (const covey_host_t *self)
{
    return self->number;
}

const char *
covey_host_agent_id (const covey_host_t *self)
{
    return self->agent_id;
}

const uint8_t *
covey_host_session_id (const covey_host_t *self)
{
    return self->session_id;
}

const char *
covey_host_service (const covey_host_t *self)
{
    return self->service;
}

bool
covey_host_is_client (const covey_host_t *self)
{
    return self->client;
}

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
covey_host_attach (covey_host_t *self, const uint8_t *route, size_t route_size,
                   uint32_t window, int64_t now_ms)
{
    assert (route_size <= sizeof self->route);
    memcpy (self->route, route, route_size);
    self->route_size = route_size;
    self->attached = true;
    self->window = window ? window : 1;
    self->paused = false; /* an agent that still wants it says it again      */
    self->flight_sent = 0;
    self->heard_ms = now_ms;
}

void
covey_host_detach (covey_host_t *self)
{
    self->attached = false;
}

bool
covey_host_is_attached (const covey_host_t *self)
{
    return self->attached;
}

const uint8_t *
covey_host_route (const covey_host_t *self, size_t *size_p)
{
    *size_p = self->route_size;
    return self->route;
}

void
covey_host_heard (covey_host_t *self, int64_t now_ms)
{
    self->heard_ms = now_ms;
}

int64_t
covey_host_heard_ms (const covey_host_t *self)
{
    return self->heard_ms;
}

/* ------------------------------------------------------------------------ */
/*  What the agent publishes                                                 */

covey_err_t
covey_host_offer (covey_host_t *self, uint64_t seq)
{
    if (!self->started) {
        /* An agent whose session was given up goes on with its numbers. */
        self->started = true;
        self->offered_seq = self->verdict_seq = seq ? seq - 1 : 0;
    }
    if (seq <= self->offered_seq) {
        self->receipt_due = true; /* the agent may have missed it             */
        return COVEY_EXISTS;
    }
    if (seq != self->offered_seq + 1)
        return COVEY_STATE;
    self->offered_seq = seq;
    return COVEY_OK;
}

void
covey_host_accept (covey_host_t *self, uint64_t seq)
{
    assert (seq == self->verdict_seq + 1);
    self->verdict_seq = seq;
    self->receipt_due = true;
}

void
covey_host_refuse (covey_host_t *self, uint64_t seq, covey_err_t code,
                   const char *text)
{
    covey_host_accept (self, seq);
    host_refusal_t *refusal = covey_fifo_push (&self->refusals);
    refusal->seq = seq;
    refusal->code = code;
    refusal->text = covey_str_dup (text);
    while (self->refusals_sent) {
        host_refusal_t *oldest = covey_fifo_at (&self->refusals, 0);
        if (oldest->seq + COVEY_HOST_WINDOW >= seq)
            break;
        s_pop_refusal (self);
    }
}

size_t
covey_host_refusals (const covey_host_t *self, Covey__Wire__Refusal *to,
                     size_t max)
{
    size_t skip = self->refusals.count > max ? self->refusals.count - max : 0;
    for (size_t i = skip; i < self->refusals.count; i++) {
        const host_refusal_t *from = covey_fifo_at (&self->refusals, i);
        covey__wire__refusal__init (&to[i - skip]);
        to[i - skip].seq = from->seq;
        to[i - skip].code = from->code;
        to[i - skip].text = from->text;
    }
    return self->refusals.count - skip;
}

void
covey_host_stored (covey_host_t *self, uint64_t seq, covey_level_t level,
                   int64_t offset)
{
    host_stored_t *stored = covey_fifo_push (&self->stored);
    *stored = (host_stored_t){.seq = seq, .level = level, .offset = offset};
}

uint64_t
covey_host_verdict_seq (const covey_host_t *self)
{
    return self->verdict_seq;
}

covey_err_t
covey_host_hold (covey_host_t *self, covey_parcel_t *parcel, uint64_t seq,
                 covey_level_t level, int64_t deadline_ms)
{
    if (self->held.count >= COVEY_HOST_WINDOW)
        return COVEY_LIMIT;
    size_t size = parcel ? parcel->size : 0;
    if (self->held_bytes + size > COVEY_HOST_HELD_BYTES)
        return COVEY_EAGAIN;
    covey_host_held_t *held = covey_fifo_push (&self->held);
    held->parcel = parcel ? covey_parcel_hold (parcel) : NULL;
    held->seq = seq;
    held->level = level;
    held->deadline_ms = deadline_ms;
    self->held_bytes += size;
    return COVEY_OK;
}

const covey_host_held_t *
covey_host_held (const covey_host_t *self)
{
    return self->held.count ? covey_fifo_at (&self->held, 0) : NULL;
}

void
covey_host_unhold (covey_host_t *self)
{
    covey_host_held_t *held = covey_fifo_at (&self->held, 0);
    if (held->parcel)
        self->held_bytes -= held->parcel->size;
    covey_parcel_drop (&held->parcel);
    covey_fifo_pop (&self->held);
}

/* ------------------------------------------------------------------------ */
/*  What it gets                                                             */

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
    host_delivery_t *delivery = covey_fifo_push (&self->waiting);
    delivery->parcel = covey_parcel_hold (parcel);
    self->bytes += parcel->size;
    if (match_count > HOST_FRAME_HANDLES)
        match_count = HOST_FRAME_HANDLES;
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
    host_gap_t *same = NULL;
    for (size_t i = self->gaps.count; i-- > 0 && !same;) {
        host_gap_t *gap = covey_fifo_at (&self->gaps, i);
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
    host_gap_t *gap = covey_fifo_push (&self->gaps);
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
        host_notice_t *notice = covey_fifo_push (&self->notices);
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
        s_pop_delivery (self, &self->flight);
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

/* ------------------------------------------------------------------------ */
/*  Frames                                                                   */

typedef struct {
    covey_host_t *host;
    covey_buf_t *frame;
    covey_host_send_fn *send;
    void *arg;
    int64_t now_us;
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
        host_refusal_t *from =
            covey_fifo_at (&self->refusals, self->refusals_sent + i);
        covey__wire__refusal__init (&refusals[i]);
        refusals[i].seq = from->seq;
        refusals[i].code = from->code;
        refusals[i].text = from->text;
        refusal_list[i] = &refusals[i];
        /* Not to accept what has a refusal that did not fit. */
        if (receipt.n_refusals == HOST_RECEIPT_ENTRIES)
            receipt.accepted = from->seq;
    }
    while (receipt.n_stored < self->stored.count &&
           receipt.n_stored < HOST_RECEIPT_ENTRIES) {
        size_t i = receipt.n_stored++;
        host_stored_t *from = covey_fifo_at (&self->stored, i);
        covey__wire__stored__init (&stored[i]);
        stored[i].seq = from->seq;
        stored[i].level = (uint32_t)from->level;
        stored[i].offset = from->offset;
        stored_list[i] = &stored[i];
    }
    covey_buf_clear (flush->frame);
    if (covey_frame_begin (flush->frame, COVEY_FRAME_RECEIPT, &receipt.base) !=
            COVEY_OK ||
        !s_send (flush))
        return false;
    self->refusals_sent += receipt.n_refusals;
    for (size_t i = 0; i < receipt.n_stored; i++)
        covey_fifo_pop (&self->stored);
    self->receipt_due = false;
    return true;
}

static bool
s_send_notices (host_flush_t *flush)
{
    covey_host_t *self = flush->host;
    while (self->notices.count) {
        host_notice_t *notice = covey_fifo_at (&self->notices, 0);
        covey_buf_clear (flush->frame);
        if (covey_buf_append (flush->frame, notice->data, notice->size) !=
                COVEY_OK ||
            !s_send (flush))
            return false;
        s_pop_notice (self);
    }
    while (self->gaps.count) {
        host_gap_t *from = covey_fifo_at (&self->gaps, 0);
        Covey__Wire__Gap gap = COVEY__WIRE__GAP__INIT;
        gap.node_id.data = from->node_id;
        gap.node_id.len = 16;
        gap.type = from->type;
        gap.first = from->first;
        gap.last = from->last;
        covey_buf_clear (flush->frame);
        if (covey_frame_begin (flush->frame, COVEY_FRAME_GAP, &gap.base) !=
                COVEY_OK ||
            !s_send (flush))
            return false;
        covey_fifo_pop (&self->gaps);
    }
    return true;
}

static bool
s_is_expired (const covey_parcel_t *parcel, int64_t now_us)
{
    return parcel->view.ttl_ms &&
           now_us >
               parcel->view.timestamp_us + (int64_t)parcel->view.ttl_ms * 1000;
}

/*  Number waiting deliveries as far as the window allows.                   */
static void
s_admit (covey_host_t *self, int64_t now_us)
{
    while (self->waiting.count && self->flight.count < self->window) {
        host_delivery_t *next = covey_fifo_at (&self->waiting, 0);
        if (s_is_expired (next->parcel, now_us)) {
            self->stats.expired++;
            s_pop_delivery (self, &self->waiting);
            continue;
        }
        *(host_delivery_t *)covey_fifo_push (&self->flight) = *next;
        covey_fifo_pop (&self->waiting);
    }
}

/*  One frame from flight[flight_sent..].                                    */
static bool
s_send_deliveries (host_flush_t *flush)
{
    covey_host_t *self = flush->host;
    uint32_t counts[COVEY_HOST_FRAME_EVENTS];
    uint32_t handles[HOST_FRAME_HANDLES];
    Covey__Wire__Deliver deliver = COVEY__WIRE__DELIVER__INIT;
    deliver.first_seq = self->acked + self->flight_sent + 1;
    deliver.handle_counts = counts;
    deliver.handles = handles;
    size_t count = 0, bytes = 0;
    while (self->flight_sent + count < self->flight.count &&
           count < COVEY_HOST_FRAME_EVENTS) {
        host_delivery_t *next =
            covey_fifo_at (&self->flight, self->flight_sent + count);
        if (count &&
            (bytes + next->parcel->size > COVEY_FRAME_BATCH ||
             deliver.n_handles + next->handle_count > HOST_FRAME_HANDLES))
            break;
        counts[count++] = next->handle_count;
        for (uint32_t i = 0; i < next->handle_count; i++)
            handles[deliver.n_handles++] = next->handles[i];
        bytes += next->parcel->size;
    }
    deliver.n_handle_counts = count;
    covey_buf_clear (flush->frame);
    covey_err_t err =
        covey_frame_begin (flush->frame, COVEY_FRAME_DELIVER, &deliver.base);
    for (size_t i = 0; i < count && !err; i++) {
        host_delivery_t *next =
            covey_fifo_at (&self->flight, self->flight_sent + i);
        err = covey_frame_add (flush->frame, next->parcel->bytes,
                               next->parcel->size);
    }
    if (err || !s_send (flush))
        return false;
    self->flight_sent += count;
    self->stats.delivered += count;
    return true;
}

bool
covey_host_flush (covey_host_t *self, covey_buf_t *scratch,
                  covey_host_send_fn *send, void *arg, int64_t now_us)
{
    if (!self->attached)
        return false;
    host_flush_t flush = {.host = self,
                          .frame = scratch,
                          .send = send,
                          .arg = arg,
                          .now_us = now_us};
    while (self->receipt_due || self->stored.count ||
           self->refusals_sent < self->refusals.count)
        if (!s_send_receipt (&flush))
            return flush.blocked && self->attached;
    if (!s_send_notices (&flush))
        return flush.blocked && self->attached;
    while (!self->paused) {
        s_admit (self, now_us);
        if (self->flight_sent >= self->flight.count)
            break;
        if (!s_send_deliveries (&flush))
            return flush.blocked && self->attached;
    }
    return false;
}

void
covey_host_return (covey_host_t *self, covey_host_parcel_fn *fn, void *arg)
{
    covey_fifo_t *fifos[] = {&self->flight, &self->waiting};
    for (size_t f = 0; f < 2; f++)
        while (fifos[f]->count) {
            host_delivery_t *delivery = covey_fifo_at (fifos[f], 0);
            fn (arg, delivery->parcel);
            s_pop_delivery (self, fifos[f]);
        }
}

const covey_host_stats_t *
covey_host_stats (const covey_host_t *self)
{
    return &self->stats;
}
