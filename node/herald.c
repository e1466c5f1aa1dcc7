#include "node/herald.h"

#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"

typedef struct {
    covey_fact_t fact;
    covey_event_t *event;
    int64_t due_ms;
} herald_held_t;

struct covey_herald {
    covey_herald_fn *announce;
    void *arg;
    covey_herald_stats_t stats;
    herald_held_t held[COVEY_HERALD_HELD_MAX]; /* the oldest first            */
    size_t held_count;
    covey_fact_t heard[COVEY_HERALD_HEARD_MAX]; /* a ring                     */
    size_t heard_count;
    size_t heard_next;
};

covey_herald_t *
covey_herald_new (covey_herald_fn *announce, void *arg)
{
    covey_herald_t *self = covey_mem_new (sizeof *self);
    self->announce = announce;
    self->arg = arg;
    return self;
}

void
covey_herald_destroy (covey_herald_t **self_p)
{
    covey_herald_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    for (size_t i = 0; i < self->held_count; i++)
        covey_event_destroy (&self->held[i].event);
    free (self);
}

static bool
s_is_same (const covey_fact_t *a, const covey_fact_t *b)
{
    return a->type == b->type && a->epoch == b->epoch &&
           a->incarnation == b->incarnation && covey_id_equal (a->id, b->id);
}

static bool
s_was_heard (const covey_herald_t *self, const covey_fact_t *fact)
{
    for (size_t i = 0; i < self->heard_count; i++)
        if (s_is_same (&self->heard[i], fact))
            return true;
    return false;
}

static void
s_remember (covey_herald_t *self, const covey_fact_t *fact)
{
    self->heard[self->heard_next] = *fact;
    self->heard_next = (self->heard_next + 1) % COVEY_HERALD_HEARD_MAX;
    if (self->heard_count < COVEY_HERALD_HEARD_MAX)
        self->heard_count++;
}

static void
s_remove (covey_herald_t *self, size_t index)
{
    self->held_count--;
    memmove (&self->held[index], &self->held[index + 1],
             (self->held_count - index) * sizeof self->held[0]);
}

static void
s_announce (covey_herald_t *self, size_t index)
{
    covey_event_t *event = self->held[index].event;
    s_remember (self, &self->held[index].fact);
    s_remove (self, index);
    self->stats.announced++;
    self->announce (self->arg, &event);
}

void
covey_herald_note (covey_herald_t *self, const covey_fact_t *fact,
                   covey_event_t **event_p, size_t turn, int64_t now_ms)
{
    covey_event_t *event = *event_p;
    *event_p = NULL;
    if (s_was_heard (self, fact)) {
        self->stats.spared++;
        covey_event_destroy (&event);
        return;
    }
    if (self->held_count == COVEY_HERALD_HELD_MAX)
        s_announce (self, 0);
    if (turn > COVEY_HERALD_TURNS_MAX)
        turn = COVEY_HERALD_TURNS_MAX;
    self->held[self->held_count++] = (herald_held_t){
        .fact = *fact,
        .event = event,
        .due_ms = now_ms + (int64_t)turn * COVEY_HERALD_TURN_MS};
    if (turn == 0)
        s_announce (self, self->held_count - 1);
}

void
covey_herald_heard (covey_herald_t *self, const covey_fact_t *fact)
{
    if (!s_was_heard (self, fact))
        s_remember (self, fact);
    for (size_t i = self->held_count; i-- > 0;) {
        if (!s_is_same (&self->held[i].fact, fact))
            continue;
        covey_event_destroy (&self->held[i].event);
        s_remove (self, i);
        self->stats.spared++;
    }
}

void
covey_herald_tick (covey_herald_t *self, int64_t now_ms)
{
    for (size_t i = 0; i < self->held_count;) {
        if (now_ms < self->held[i].due_ms)
            i++;
        else
            s_announce (self, i);
    }
}

uint64_t
covey_herald_weight (const uint8_t id[16], const uint8_t about[16])
{
    uint8_t both[32];
    memcpy (both, id, 16);
    memcpy (both + 16, about, 16);
    return covey_str_hash (both, sizeof both);
}

size_t
covey_herald_held (const covey_herald_t *self)
{
    return self->held_count;
}

const covey_herald_stats_t *
covey_herald_stats (const covey_herald_t *self)
{
    return &self->stats;
}
