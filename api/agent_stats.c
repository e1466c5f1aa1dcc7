/*  agent_stats - what an agent saw, counted and kept                         */

#include "api/agent_i.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

static void
s_forget_at (covey_agent_t *self, size_t at)
{
    if (!self->history[at])
        return;
    self->history_bytes -= self->history[at]->size;
    covey_entry_destroy (&self->history[at]);
}

void
covey_i_agent_remember (covey_agent_t *self, covey_entry_t **entry_p)
{
    covey_entry_t *entry = *entry_p;
    *entry_p = NULL;
    s_forget_at (self, self->history_next);
    self->history[self->history_next] = entry;
    self->history_bytes += entry->size;
    self->history_next = (self->history_next + 1) % COVEY_HISTORY_MAX;
    /* The oldest go first: they are the next ones of the ring. */
    for (size_t i = 0; i < COVEY_HISTORY_MAX - 1 &&
                       self->history_bytes > COVEY_AGENT_HISTORY_BYTES_MAX;
         i++)
        s_forget_at (self, (self->history_next + i) % COVEY_HISTORY_MAX);
}

void
covey_i_agent_forget_history (covey_agent_t *self)
{
    for (size_t i = 0; i < COVEY_HISTORY_MAX; i++)
        s_forget_at (self, i);
}

/*  The newest `limit` events, unpacked; how many.                            */
static size_t
s_unpack_history (covey_agent_t *self, covey_event_t **events, size_t limit)
{
    size_t count = 0;
    for (size_t i = 1; i <= COVEY_HISTORY_MAX && count < limit; i++) {
        const covey_entry_t *entry =
            self->history[(self->history_next + COVEY_HISTORY_MAX - i) %
                          COVEY_HISTORY_MAX];
        if (!entry ||
            covey_event_unpack (entry->data, entry->size, &events[count], NULL))
            continue;
        if (entry->offset >= 0)
            covey_event_set_offset (events[count], entry->offset);
        count++;
    }
    return count;
}

void
covey_agent_history (covey_agent_t *self, size_t limit, covey_handler_fn *fn,
                     void *arg)
{
    assert (self && fn);
    if (limit > COVEY_HISTORY_MAX)
        limit = COVEY_HISTORY_MAX;
    covey_event_t **events = calloc (limit + 1, sizeof (void *));
    if (!events)
        abort ();
    covey_i_agent_lock (self);
    size_t count = s_unpack_history (self, events, limit);
    covey_i_agent_unlock (self);
    bool goes_on = true;
    for (size_t i = 0; i < count; i++) {
        goes_on = goes_on && fn (self, events[i], arg) == COVEY_OK;
        covey_event_destroy (&events[i]);
    }
    free (events);
}

void
covey_agent_stats (covey_agent_t *self, covey_agent_stats_t *stats)
{
    assert (self && stats);
    memset (stats, 0, sizeof *stats);
    covey_i_agent_lock (self);
    covey_meter_t *meter = &self->meter;
    stats->events_total = self->events_total;
    stats->events_per_second = covey_meter_rate (meter, covey_clock_mono_ms ());
    stats->subscriptions = (uint32_t)self->subscription_count;
    stats->queue_size =
        (uint32_t)(self->inbox.count - self->notice_count + self->recv.count);
    stats->handling_min_us = (double)meter->min_ns / 1000;
    stats->handling_mean_us = covey_meter_mean_us (meter);
    stats->handling_p50_us = covey_meter_percentile_us (meter, 0.50);
    stats->handling_p99_us = covey_meter_percentile_us (meter, 0.99);
    stats->handling_max_us = (double)meter->max_ns / 1000;
    stats->published = self->published_total;
    stats->dropped_expired = self->dropped_expired;
    stats->dropped_late = self->dropped_late;
    stats->dropped_duplicate = self->dropped_duplicate;
    stats->dropped_unhandled = self->dropped_unhandled;
    stats->dropped_gap = self->dropped_gap;
    stats->handler_errors = self->handler_errors;
    covey_i_agent_unlock (self);
}
