#include "tests/support/sim_net.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define NO_TIMER INT64_MAX

/*  A message that may be under way twice.                                   */
typedef struct {
    void *message;
    unsigned copies;
} sim_parcel_t;

typedef struct {
    int64_t at_us;
    uint64_t order; /* of two at the same time, the first that was made       */
    uint32_t node;
    uint32_t from;
    uint32_t life; /* of the node; it ends in a crash                         */
    sim_parcel_t *parcel; /* NULL: its timer                                  */
} sim_event_t;

typedef struct {
    bool up;
    uint32_t life;
    int64_t paused_us; /* until then                                          */
    int64_t timer_us;  /* when it wants to be called                          */
    int64_t armed_us;  /* the earliest event on the heap for that             */
} sim_node_t;

struct sim_net {
    sim_callbacks_t callbacks;
    sim_link_t link;
    sim_stats_t stats;
    covey_prng_t prng;
    sim_node_t *nodes;
    size_t node_count;
    sim_event_t *heap;
    size_t count;
    size_t capacity;
    uint64_t order;
    int64_t now_us;
    uint64_t *cuts;   /* a bit per direction                                  */
    int64_t *arrival; /* per direction, of the last one; ordered links only   */
};

/* ------------------------------------------------------------------------ */
/*  The heap                                                                 */

static bool
s_before (const sim_event_t *a, const sim_event_t *b)
{
    return a->at_us < b->at_us || (a->at_us == b->at_us && a->order < b->order);
}

static void
s_push (sim_net_t *self, const sim_event_t *event)
{
    self->heap = covey_mem_room (self->heap, self->count, &self->capacity,
                                 sizeof *self->heap);
    size_t at = self->count++;
    while (at > 0 && s_before (event, &self->heap[(at - 1) / 2])) {
        self->heap[at] = self->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    self->heap[at] = *event;
}

static sim_event_t
s_pop (sim_net_t *self)
{
    sim_event_t top = self->heap[0];
    sim_event_t last = self->heap[--self->count];
    size_t at = 0;
    for (size_t child = 1; child < self->count; child = 2 * at + 1) {
        if (child + 1 < self->count &&
            s_before (&self->heap[child + 1], &self->heap[child]))
            child++;
        if (!s_before (&self->heap[child], &last))
            break;
        self->heap[at] = self->heap[child];
        at = child;
    }
    self->heap[at] = last;
    return top;
}

/* ------------------------------------------------------------------------ */

sim_net_t *
sim_net_new (size_t nodes, uint64_t seed, const sim_callbacks_t *callbacks)
{
    sim_net_t *self = covey_mem_new (sizeof *self);
    self->callbacks = *callbacks;
    covey_prng_init (&self->prng, seed);
    self->link.delay_us = SIM_MS;
    self->node_count = nodes;
    self->nodes = covey_mem_new (nodes * sizeof *self->nodes);
    for (size_t i = 0; i < nodes; i++)
        self->nodes[i] = (sim_node_t){
            .up = true, .timer_us = NO_TIMER, .armed_us = NO_TIMER};
    self->cuts = covey_mem_new ((nodes * nodes / 64 + 1) * sizeof *self->cuts);
    return self;
}

static void
s_release (sim_net_t *self, sim_parcel_t *parcel)
{
    if (!parcel || --parcel->copies > 0)
        return;
    self->callbacks.release (self->callbacks.arg, parcel->message);
    free (parcel);
}

void
sim_net_destroy (sim_net_t **self_p)
{
    sim_net_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    for (size_t i = 0; i < self->count; i++)
        s_release (self, self->heap[i].parcel);
    free (self->heap);
    free (self->nodes);
    free (self->cuts);
    free (self->arrival);
    free (self);
}

void
sim_net_set_link (sim_net_t *self, const sim_link_t *link)
{
    self->link = *link;
}

/* ------------------------------------------------------------------------ */
/*  Messages                                                                 */

static bool
s_chance (sim_net_t *self, double share)
{
    return share > 0 && covey_prng_unit (&self->prng) < share;
}

static int64_t
s_draw (sim_net_t *self, int64_t below_us)
{
    return below_us > 0
               ? (int64_t)covey_prng_below (&self->prng, (uint64_t)below_us)
               : 0;
}

static int64_t
s_arrival_us (sim_net_t *self, const sim_link_t *link, size_t from, size_t to)
{
    int64_t at_us =
        self->now_us + link->delay_us + s_draw (self, link->jitter_us);
    if (s_chance (self, link->reorder))
        at_us += s_draw (self, link->reorder_us);
    if (!link->ordered)
        return at_us;
    if (!self->arrival)
        self->arrival = covey_mem_new (self->node_count * self->node_count *
                                       sizeof *self->arrival);
    int64_t *last_us = &self->arrival[from * self->node_count + to];
    *last_us = at_us > *last_us ? at_us : *last_us;
    return *last_us;
}

static void
s_post (sim_net_t *self, const sim_link_t *link, size_t from, size_t to,
        sim_parcel_t *parcel)
{
    parcel->copies++;
    sim_event_t event = {.at_us = s_arrival_us (self, link, from, to),
                         .order = self->order++,
                         .node = (uint32_t)to,
                         .from = (uint32_t)from,
                         .life = self->nodes[to].life,
                         .parcel = parcel};
    s_push (self, &event);
}

bool
sim_net_is_cut (const sim_net_t *self, size_t from, size_t to)
{
    size_t bit = from * self->node_count + to;
    return self->cuts[bit / 64] >> (bit % 64) & 1;
}

void
sim_net_send (sim_net_t *self, size_t from, size_t to, void *message)
{
    sim_net_send_by (self, &self->link, from, to, message);
}

void
sim_net_send_by (sim_net_t *self, const sim_link_t *link, size_t from,
                 size_t to, void *message)
{
    assert (from < self->node_count && to < self->node_count);
    self->stats.sent++;
    bool cut = sim_net_is_cut (self, from, to);
    bool lost = !cut && s_chance (self, link->loss);
    self->stats.cut += cut;
    self->stats.lost += lost;
    self->stats.dead += !cut && !lost && !self->nodes[to].up;
    if (cut || lost || !self->nodes[to].up) {
        self->callbacks.release (self->callbacks.arg, message);
        return;
    }
    sim_parcel_t *parcel = covey_mem_new (sizeof *parcel);
    parcel->message = message;
    s_post (self, link, from, to, parcel);
    if (s_chance (self, link->duplicate)) {
        self->stats.duplicated++;
        s_post (self, link, from, to, parcel);
    }
}

void
sim_net_set_timer (sim_net_t *self, size_t node, int64_t at_us)
{
    sim_node_t *one = &self->nodes[node];
    if (at_us < self->now_us)
        at_us = self->now_us;
    one->timer_us = at_us;
    /* An earlier event is on the heap: it finds out that it came too early. */
    if (!one->up || at_us == NO_TIMER || one->armed_us <= at_us)
        return;
    one->armed_us = at_us;
    sim_event_t event = {.at_us = at_us,
                         .order = self->order++,
                         .node = (uint32_t)node,
                         .life = one->life};
    s_push (self, &event);
}

/* ------------------------------------------------------------------------ */
/*  Faults                                                                   */

void
sim_net_cut (sim_net_t *self, size_t from, size_t to, bool cut)
{
    size_t bit = from * self->node_count + to;
    uint64_t mask = (uint64_t)1 << (bit % 64);
    if (cut)
        self->cuts[bit / 64] |= mask;
    else
        self->cuts[bit / 64] &= ~mask;
}

void
sim_net_split (sim_net_t *self, size_t size, bool cut)
{
    for (size_t a = 0; a < size; a++)
        for (size_t b = size; b < self->node_count; b++) {
            sim_net_cut (self, a, b, cut);
            sim_net_cut (self, b, a, cut);
        }
}

void
sim_net_pause (sim_net_t *self, size_t node, int64_t until_us)
{
    self->nodes[node].paused_us = until_us;
}

void
sim_net_crash (sim_net_t *self, size_t node)
{
    sim_node_t *one = &self->nodes[node];
    one->up = false;
    one->life++;
    one->paused_us = 0;
    one->timer_us = one->armed_us = NO_TIMER;
}

void
sim_net_restart (sim_net_t *self, size_t node)
{
    self->nodes[node].up = true;
}

bool
sim_net_is_up (const sim_net_t *self, size_t node)
{
    return self->nodes[node].up;
}

bool
sim_net_is_paused (const sim_net_t *self, size_t node)
{
    return self->nodes[node].paused_us > self->now_us;
}

/* ------------------------------------------------------------------------ */
/*  Time                                                                     */

int64_t
sim_net_now_us (const sim_net_t *self)
{
    return self->now_us;
}

static void
s_ring (sim_net_t *self, const sim_event_t *event)
{
    sim_node_t *node = &self->nodes[event->node];
    if (event->at_us != node->armed_us)
        return; /* an earlier event took its place */
    node->armed_us = NO_TIMER;
    int64_t wanted_us = node->timer_us;
    node->timer_us = NO_TIMER;
    if (wanted_us > self->now_us)
        sim_net_set_timer (self, event->node, wanted_us);
    else
        self->callbacks.timer (self->callbacks.arg, event->node, self->now_us);
}

static void
s_happen (sim_net_t *self, sim_event_t *event)
{
    sim_node_t *node = &self->nodes[event->node];
    if (event->life != node->life) {
        self->stats.dead += event->parcel != NULL;
        s_release (self, event->parcel);
        return;
    }
    if (node->paused_us > self->now_us) {
        if (!event->parcel && event->at_us != node->armed_us)
            return;
        if (!event->parcel)
            node->armed_us = node->paused_us;
        event->at_us = node->paused_us; /* in the order in which they came */
        s_push (self, event);
        return;
    }
    if (!event->parcel) {
        s_ring (self, event);
        return;
    }
    self->stats.delivered++;
    self->callbacks.deliver (self->callbacks.arg, event->node, event->from,
                             event->parcel->message, self->now_us);
    s_release (self, event->parcel);
}

void
sim_net_run (sim_net_t *self, int64_t until_us)
{
    while (self->count && self->heap[0].at_us <= until_us) {
        sim_event_t event = s_pop (self);
        self->now_us = event.at_us;
        self->stats.events++;
        s_happen (self, &event);
    }
    self->now_us = until_us;
}

covey_prng_t *
sim_net_prng (sim_net_t *self)
{
    return &self->prng;
}

const sim_stats_t *
sim_net_stats (const sim_net_t *self)
{
    return &self->stats;
}

uint64_t
sim_seed (const char *test, uint64_t usual)
{
    const char *text = getenv ("COVEY_SEED");
    uint64_t seed = text ? strtoull (text, NULL, 0) : usual;
    printf ("%s: seed %" PRIu64 " (COVEY_SEED=%" PRIu64 " repeats it)\n", test,
            seed, seed);
    fflush (stdout);
    return seed;
}
