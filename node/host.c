#include "node/host_class.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

covey_host_t *
covey_host_new (const covey_host_config_t *config,
                const Covey__Wire__Hello *hello, uint64_t number,
                int64_t grace_ms)
{
    assert (config->events_max > 0 && config->bytes_max > 0);
    assert (hello->session_id.len == 16);
    covey_host_t *self = covey_mem_new (sizeof *self);
    self->config = *config;
    self->number = number;
    self->grace_ms = grace_ms;
    self->agent_id = covey_str_dup (hello->agent_id);
    self->service = covey_str_dup (hello->service ? hello->service : "");
    memcpy (self->session_id, hello->session_id.data, 16);
    self->client = hello->client;
    covey_fifo_init (&self->refusals, sizeof (covey_host_refusal_t));
    covey_fifo_init (&self->held, sizeof (covey_host_held_t));
    covey_fifo_init (&self->flight, sizeof (covey_host_delivery_t));
    covey_fifo_init (&self->waiting, sizeof (covey_host_delivery_t));
    covey_notices_init (&self->notices, hello->notice_acks);
    covey_fifo_init (&self->frames, sizeof (covey_host_frame_t));
    covey_fifo_init (&self->reports, sizeof (covey_host_report_t));
    return self;
}

void
covey_host_fill_refusal (const covey_host_refusal_t *from,
                         Covey__Wire__Refusal *to)
{
    covey__wire__refusal__init (to);
    to->seq = from->seq;
    to->code = from->code;
    to->text = from->text;
    to->has_nodes = to->has_agents = from->has_known;
    to->nodes = (uint32_t)from->known.nodes;
    to->agents = (uint32_t)from->known.agents;
}

static void
s_pop_refusal (covey_host_t *self)
{
    covey_host_refusal_t *refusal = covey_fifo_at (&self->refusals, 0);
    free (refusal->text);
    covey_fifo_pop (&self->refusals);
    if (self->refusals_sent)
        self->refusals_sent--;
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
        covey_host_pop_delivery (self, &self->flight);
    while (self->waiting.count)
        covey_host_pop_delivery (self, &self->waiting);
    while (self->frames.count)
        covey_host_pop_frame (self);
    covey_fifo_deinit (&self->refusals);
    covey_fifo_deinit (&self->held);
    covey_fifo_deinit (&self->flight);
    covey_fifo_deinit (&self->waiting);
    covey_host_report_t report;
    while (covey_host_next_report (self, &report))
        covey_parcel_drop (&report.parcel);
    covey_fifo_deinit (&self->reports);
    covey_notices_deinit (&self->notices);
    covey_fifo_deinit (&self->frames);
    free (self->matches);
    free (self->route);
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
covey_host_attach (covey_host_t *self, const uint8_t *route, size_t route_size,
                   uint32_t window, int64_t now_ms)
{
    assert (route_size <= COVEY_HOST_ROUTE_MAX);
    uint8_t *own = covey_mem_dup (route, route_size);
    free (self->route);
    self->route = own;
    self->route_size = route_size;
    self->attached = true;
    self->window = window ? window : 1;
    self->paused = false; /* an agent that still wants it says it again      */
    self->flight_sent = 0;
    covey_notices_rewind (&self->notices);
    self->heard_ms = now_ms;
}

void
covey_host_detach (covey_host_t *self)
{
    self->attached = false;
}

bool
covey_host_is_paused (const covey_host_t *self)
{
    return self->paused;
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

int64_t
covey_host_grace_ms (const covey_host_t *self)
{
    return self->grace_ms;
}

/* ------------------------------------------------------------------------ */
/*  What the agent publishes                                                 */

void
covey_host_begin (covey_host_t *self, uint64_t seq)
{
    if (self->started)
        return;
    self->started = true;
    self->offered_seq = self->verdict_seq = seq ? seq - 1 : 0;
}

covey_err_t
covey_host_offer (covey_host_t *self, uint64_t seq)
{
    covey_host_begin (self, seq);
    if (seq <= self->offered_seq) {
        self->receipt_due = true; /* the agent may have missed it             */
        return COVEY_EXISTS;
    }
    if (seq != self->offered_seq + 1)
        return COVEY_STATE;
    /* Who keeps to the window after a resume, too, never gets there. */
    if (self->refusals.count - self->refusals_sent >=
        (size_t)COVEY_HOST_WINDOW * 2)
        return COVEY_LIMIT;
    self->offered_seq = seq;
    return COVEY_OK;
}

void
covey_host_accept (covey_host_t *self, uint64_t seq)
{
    assert (seq == self->verdict_seq + 1);
    self->verdict_seq = seq;
    bool late =
        self->patient && seq - self->receipted_seq < COVEY_HOST_WINDOW / 2;
    self->receipt_late |= late;
    self->receipt_due |= !late;
}

void
covey_host_begin_frame (covey_host_t *self, bool patient)
{
    self->patient = patient;
}

void
covey_host_hurry (covey_host_t *self)
{
    self->receipt_due |= self->receipt_late;
}

void
covey_host_refuse (covey_host_t *self, uint64_t seq, covey_err_t code,
                   const char *text, const covey_host_known_t *known)
{
    covey_host_accept (self, seq);
    covey_host_refusal_t *refusal = covey_fifo_push (&self->refusals);
    refusal->seq = seq;
    refusal->code = code;
    refusal->text = covey_str_dup (text);
    refusal->has_known = known != NULL;
    if (known)
        refusal->known = *known;
    while (self->refusals_sent) {
        covey_host_refusal_t *oldest = covey_fifo_at (&self->refusals, 0);
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
        const covey_host_refusal_t *from = covey_fifo_at (&self->refusals, i);
        covey_host_fill_refusal (from, &to[i - skip]);
    }
    return self->refusals.count - skip;
}

uint64_t
covey_host_verdict_seq (const covey_host_t *self)
{
    return self->verdict_seq;
}

covey_err_t
covey_host_hold (covey_host_t *self, const covey_host_held_t *publish)
{
    if (self->held.count >= COVEY_HOST_WINDOW)
        return COVEY_LIMIT;
    size_t size = publish->parcel ? publish->parcel->size : 0;
    if (self->held_bytes + size > COVEY_HOST_HELD_BYTES)
        return COVEY_EAGAIN;
    covey_host_held_t *held = covey_fifo_push (&self->held);
    *held = *publish;
    if (held->parcel)
        (void)covey_parcel_hold (held->parcel);
    if (held->group)
        (void)covey_group_hold (held->group);
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
    covey_group_drop (&held->group);
    covey_fifo_pop (&self->held);
}

const covey_host_stats_t *
covey_host_stats (const covey_host_t *self)
{
    return &self->stats;
}

const covey_notices_t *
covey_host_notices (const covey_host_t *self)
{
    return &self->notices;
}
