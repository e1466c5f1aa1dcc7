#include "node/replay.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "node/fifo.h"
#include "base/mem.h"
#include "base/table.h"

typedef struct {
    uint32_t code;
    uint64_t next;  /* number of the next broadcast                      */
    uint64_t total; /* broadcasts of all topics when the last was pushed      */
    covey_fifo_t parcels; /* the last ones; the newest has number next - 1    */
    covey_fifo_t trail;   /* traces of those right before them                */
} replay_topic_t;

struct covey_replay {
    size_t events_max;
    size_t bytes_max;
    covey_table_t topics;
    covey_fifo_t order; /* of replay_topic_t *: whose first goes first        */
    covey_fifo_t trails; /* the same of traces                                */
    size_t bytes;
    uint64_t total;
};

covey_replay_t *
covey_replay_new (size_t events_max, size_t bytes_max)
{
    assert (events_max > 0 && bytes_max > 0);
    covey_replay_t *self = covey_mem_new (sizeof *self);
    self->events_max = events_max;
    self->bytes_max = bytes_max;
    covey_table_init (&self->topics);
    covey_fifo_init (&self->order, sizeof (replay_topic_t *));
    covey_fifo_init (&self->trails, sizeof (replay_topic_t *));
    return self;
}

static void
s_leave_trace (covey_replay_t *self, replay_topic_t *topic,
               const covey_parcel_t *parcel)
{
    covey_replay_trace_t *trace = covey_fifo_push (&topic->trail);
    if (parcel->view.id)
        memcpy (trace->id, parcel->view.id, 16);
    trace->origin_seq = parcel->view.origin_seq;
    *(replay_topic_t **)covey_fifo_push (&self->trails) = topic;
    if (self->trails.count <= COVEY_REPLAY_TRAIL_MAX)
        return;
    topic = *(replay_topic_t **)covey_fifo_at (&self->trails, 0);
    covey_fifo_pop (&self->trails);
    covey_fifo_pop (&topic->trail);
}

static void
s_evict (covey_replay_t *self)
{
    replay_topic_t *topic = *(replay_topic_t **)covey_fifo_at (&self->order, 0);
    covey_fifo_pop (&self->order);
    covey_parcel_t *parcel =
        *(covey_parcel_t **)covey_fifo_at (&topic->parcels, 0);
    covey_fifo_pop (&topic->parcels);
    self->bytes -= parcel->size;
    s_leave_trace (self, topic, parcel);
    covey_parcel_drop (&parcel);
}

void
covey_replay_destroy (covey_replay_t **self_p)
{
    covey_replay_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    while (self->order.count)
        s_evict (self);
    size_t cursor = 0;
    replay_topic_t *topic;
    while ((topic = covey_table_next (&self->topics, &cursor))) {
        covey_fifo_deinit (&topic->parcels);
        covey_fifo_deinit (&topic->trail);
        free (topic);
    }
    covey_table_deinit (&self->topics);
    covey_fifo_deinit (&self->order);
    covey_fifo_deinit (&self->trails);
    free (self);
}

static replay_topic_t *
s_topic (const covey_replay_t *self, uint32_t code)
{
    return covey_table_get (&self->topics, &code, sizeof code);
}

uint64_t
covey_replay_push (covey_replay_t *self, uint32_t code, covey_parcel_t *parcel)
{
    replay_topic_t *topic = s_topic (self, code);
    if (!topic) {
        topic = covey_mem_new (sizeof *topic);
        topic->code = code;
        topic->next = 1;
        covey_fifo_init (&topic->parcels, sizeof (covey_parcel_t *));
        covey_fifo_init (&topic->trail, sizeof (covey_replay_trace_t));
        covey_table_put (&self->topics, &topic->code, sizeof topic->code,
                         topic);
    }
    *(covey_parcel_t **)covey_fifo_push (&topic->parcels) =
        covey_parcel_hold (parcel);
    *(replay_topic_t **)covey_fifo_push (&self->order) = topic;
    self->bytes += parcel->size;
    topic->total = ++self->total;
    while (self->order.count > self->events_max ||
           (self->bytes > self->bytes_max && self->order.count > 1))
        s_evict (self);
    return topic->next++;
}

uint64_t
covey_replay_next (const covey_replay_t *self, uint32_t code)
{
    const replay_topic_t *topic = s_topic (self, code);
    return topic ? topic->next : 1;
}

bool
covey_replay_range (const covey_replay_t *self, uint32_t code, uint64_t first,
                    uint64_t last, uint64_t *have_first_p,
                    uint64_t *have_last_p)
{
    const replay_topic_t *topic = s_topic (self, code);
    if (!topic || !topic->parcels.count || first > last)
        return false;
    uint64_t oldest = topic->next - topic->parcels.count;
    uint64_t from = first > oldest ? first : oldest;
    uint64_t to = last < topic->next - 1 ? last : topic->next - 1;
    if (from > to)
        return false;
    *have_first_p = from;
    *have_last_p = to;
    return true;
}

covey_parcel_t *
covey_replay_get (const covey_replay_t *self, uint32_t code, uint64_t seq)
{
    uint64_t from, to;
    if (!covey_replay_range (self, code, seq, seq, &from, &to))
        return NULL;
    const replay_topic_t *topic = s_topic (self, code);
    size_t index = (size_t)(seq - (topic->next - topic->parcels.count));
    return *(covey_parcel_t **)covey_fifo_at (&topic->parcels, index);
}

size_t
covey_replay_trail (const covey_replay_t *self, uint32_t code, uint64_t first,
                    uint64_t last, covey_replay_trace_t *traces, size_t max,
                    uint64_t *from_p)
{
    const replay_topic_t *topic = s_topic (self, code);
    if (!topic || !topic->trail.count)
        return 0;
    uint64_t end = topic->next - topic->parcels.count; /* behind the last     */
    uint64_t oldest = end - topic->trail.count;
    uint64_t from = first > oldest ? first : oldest;
    size_t count = 0;
    for (uint64_t n = from; n < end && n <= last && count < max; n++)
        traces[count++] = *(covey_replay_trace_t *)covey_fifo_at (
            &topic->trail, (size_t)(n - oldest));
    *from_p = from;
    return count;
}

void
covey_replay_topics (const covey_replay_t *self, covey_replay_topic_fn *fn,
                     void *arg)
{
    size_t cursor = 0;
    const replay_topic_t *topic;
    while ((topic = covey_table_next (&self->topics, &cursor)))
        fn (arg, topic->code, topic->next);
}

uint64_t
covey_replay_total (const covey_replay_t *self)
{
    return self->total;
}

void
covey_replay_grown (const covey_replay_t *self, uint64_t since,
                    covey_replay_grown_fn *fn, void *arg)
{
    size_t cursor = 0;
    const replay_topic_t *topic;
    while ((topic = covey_table_next (&self->topics, &cursor)))
        if (topic->total > since)
            fn (arg, topic->code, topic->next, topic->total);
}

size_t
covey_replay_count (const covey_replay_t *self)
{
    return self->order.count;
}

size_t
covey_replay_bytes (const covey_replay_t *self)
{
    return self->bytes;
}
