#include "node/swim_table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"

#define SLOTS_MIN 16
#define SMALL 32 /* lists that are sampled by shuffling a copy */

void
covey_swim_table_init (covey_swim_table_t *self)
{
    memset (self, 0, sizeof *self);
    self->slot_count = SLOTS_MIN;
    self->slots = covey_mem_new (SLOTS_MIN * sizeof *self->slots);
}

static void
s_free_member (covey_swim_member_t *member)
{
    free (member->address);
    free (member->meta);
    free (member->suspicion);
    free (member);
}

void
covey_swim_table_deinit (covey_swim_table_t *self)
{
    for (size_t i = 0; i < self->all.count; i++)
        s_free_member (self->all.items[i]);
    free (self->all.items);
    free (self->live.items);
    free (self->failed.items);
    free (self->slots);
    memset (self, 0, sizeof *self);
}

uint64_t
covey_swim_table_mix (uint64_t hash, uint64_t epoch, uint32_t incarnation)
{
    uint64_t fields[3] = {hash, epoch, incarnation};
    return covey_str_hash (fields, sizeof fields);
}

/* ------------------------------------------------------------------------ */
/*  By id: open addressing, removal shifts back what follows                 */

static size_t
s_slot_of (const covey_swim_table_t *self, uint64_t hash, const uint8_t id[16])
{
    size_t at = hash & (self->slot_count - 1);
    for (; self->slots[at].member; at = (at + 1) & (self->slot_count - 1))
        if (self->slots[at].hash == hash &&
            covey_id_equal (self->slots[at].member->id, id))
            break;
    return at;
}

covey_swim_member_t *
covey_swim_table_find (const covey_swim_table_t *self, const uint8_t id[16])
{
    return self->slots[s_slot_of (self, covey_str_hash (id, 16), id)].member;
}

void
covey_swim_table_warm (const covey_swim_table_t *self,
                       const covey_swim_update_t *updates, size_t count)
{
    size_t at[COVEY_SWIM_UPDATES_MAX];
    assert (count <= COVEY_SWIM_UPDATES_MAX);
    for (size_t i = 0; i < count; i++) {
        at[i] = covey_str_hash (updates[i].id, 16) & (self->slot_count - 1);
        __builtin_prefetch (&self->slots[at[i]]);
    }
    for (size_t i = 0; i < count; i++)
        __builtin_prefetch (self->slots[at[i]].member);
}

static void
s_grow (covey_swim_table_t *self)
{
    covey_swim_slot_t *old = self->slots;
    size_t old_count = self->slot_count;
    self->slot_count = old_count * 2;
    self->slots = covey_mem_new (self->slot_count * sizeof *self->slots);
    for (size_t i = 0; i < old_count; i++)
        if (old[i].member)
            self->slots[s_slot_of (self, old[i].hash, old[i].member->id)] =
                old[i];
    free (old);
}

static void
s_unslot (covey_swim_table_t *self, const covey_swim_member_t *member)
{
    size_t mask = self->slot_count - 1;
    size_t hole = s_slot_of (self, member->hash, member->id);
    for (size_t at = (hole + 1) & mask; self->slots[at].member;
         at = (at + 1) & mask) {
        size_t home = self->slots[at].hash & mask;
        /* It may move unless its home lies behind the hole. */
        if (((at - home) & mask) < ((at - hole) & mask))
            continue;
        self->slots[hole] = self->slots[at];
        hole = at;
    }
    self->slots[hole] = (covey_swim_slot_t){0, NULL};
}

/* ------------------------------------------------------------------------ */
/*  Lists                                                                    */

static void
s_append (covey_swim_list_t *list, covey_swim_member_t *member)
{
    list->items = covey_mem_room (list->items, list->count, &list->capacity,
                                  sizeof (covey_swim_member_t *));
    list->items[list->count++] = member;
}

static void
s_put (covey_swim_list_t *list, size_t seat, covey_swim_member_t *member)
{
    list->items[seat] = member;
    member->seat = (uint32_t)seat;
}

static void
s_swap (covey_swim_list_t *list, size_t a, size_t b)
{
    covey_swim_member_t *kept = list->items[a];
    s_put (list, a, list->items[b]);
    s_put (list, b, kept);
}

static void
s_leave_live (covey_swim_table_t *self, const covey_swim_member_t *member)
{
    covey_swim_list_t *live = &self->live;
    size_t hole = member->seat;
    live->count--;
    if (hole < self->cursor) {
        self->cursor--;
        if (hole != self->cursor)
            s_put (live, hole, live->items[self->cursor]);
        hole = self->cursor;
    }
    if (hole != live->count)
        s_put (live, hole, live->items[live->count]);
}

static void
s_enter_live (covey_swim_table_t *self, covey_swim_member_t *member,
              covey_prng_t *prng)
{
    covey_swim_list_t *live = &self->live;
    s_append (live, member);
    member->seat = (uint32_t)(live->count - 1);
    size_t span = live->count - self->cursor;
    s_swap (live, live->count - 1,
            self->cursor + (size_t)covey_prng_below (prng, span));
}

static void
s_leave_failed (covey_swim_table_t *self, const covey_swim_member_t *member)
{
    covey_swim_list_t *failed = &self->failed;
    failed->count--;
    if (member->seat != failed->count)
        s_put (failed, member->seat, failed->items[failed->count]);
}

static bool
s_is_live (const covey_swim_member_t *member)
{
    return member->state <= COVEY_SWIM_SUSPECTED;
}

static void
s_take_out (covey_swim_table_t *self, const covey_swim_member_t *member)
{
    if (s_is_live (member)) {
        self->digest -= covey_swim_table_mix (member->hash, member->epoch,
                                              member->incarnation);
        s_leave_live (self, member);
    } else if (member->state == COVEY_SWIM_FAILED)
        s_leave_failed (self, member);
}

covey_swim_member_t *
covey_swim_table_add (covey_swim_table_t *self, const uint8_t id[16])
{
    if (self->all.count * 2 >= self->slot_count)
        s_grow (self);
    covey_swim_member_t *member = covey_mem_new (sizeof *member);
    memcpy (member->id, id, 16);
    member->hash = covey_str_hash (id, 16);
    member->state = COVEY_SWIM_LEFT;
    size_t at = s_slot_of (self, member->hash, id);
    assert (!self->slots[at].member);
    self->slots[at] = (covey_swim_slot_t){member->hash, member};
    member->place = (uint32_t)self->all.count;
    s_append (&self->all, member);
    return member;
}

void
covey_swim_table_remove (covey_swim_table_t *self, covey_swim_member_t *member)
{
    s_take_out (self, member);
    s_unslot (self, member);
    covey_swim_member_t *last = self->all.items[--self->all.count];
    self->all.items[member->place] = last;
    last->place = member->place;
    s_free_member (member);
}

void
covey_swim_table_set (covey_swim_table_t *self, covey_swim_member_t *member,
                      uint64_t epoch, uint32_t incarnation,
                      covey_swim_state_t state, covey_prng_t *prng)
{
    bool stays = s_is_live (member) && state <= COVEY_SWIM_SUSPECTED;
    if (stays)
        self->digest -= covey_swim_table_mix (member->hash, member->epoch,
                                              member->incarnation);
    else
        s_take_out (self, member);
    member->epoch = epoch;
    member->incarnation = incarnation;
    member->state = state;
    if (s_is_live (member))
        self->digest += covey_swim_table_mix (member->hash, epoch, incarnation);
    if (s_is_live (member) && !stays)
        s_enter_live (self, member, prng);
    if (state == COVEY_SWIM_FAILED) {
        s_append (&self->failed, member);
        member->seat = (uint32_t)(self->failed.count - 1);
    }
}

/* ------------------------------------------------------------------------ */
/*  Whom to probe, whom to tell                                              */

covey_swim_member_t *
covey_swim_table_next (covey_swim_table_t *self, covey_prng_t *prng)
{
    covey_swim_list_t *live = &self->live;
    if (live->count == 0)
        return NULL;
    if (self->cursor >= live->count) {
        for (size_t i = live->count - 1; i > 0; i--)
            s_swap (live, i, (size_t)covey_prng_below (prng, i + 1));
        self->cursor = 0;
    }
    return live->items[self->cursor++];
}

void
covey_swim_table_prefer (covey_swim_table_t *self, covey_swim_member_t *member)
{
    assert (s_is_live (member));
    if (member->seat < self->cursor)
        s_swap (&self->live, member->seat, --self->cursor);
    else
        s_swap (&self->live, member->seat, self->cursor);
}

static size_t
s_sample_small (const covey_swim_list_t *live, covey_prng_t *prng,
                const covey_swim_member_t *except, size_t want,
                covey_swim_member_t **picked)
{
    covey_swim_member_t *pool[SMALL];
    size_t left = 0, count = 0;
    for (size_t i = 0; i < live->count; i++)
        if (live->items[i] != except)
            pool[left++] = live->items[i];
    for (; count < want && left > 0; left--) {
        size_t at = (size_t)covey_prng_below (prng, left);
        picked[count++] = pool[at];
        pool[at] = pool[left - 1];
    }
    return count;
}

size_t
covey_swim_table_sample (const covey_swim_table_t *self, covey_prng_t *prng,
                         const covey_swim_member_t *except, size_t want,
                         covey_swim_member_t **picked)
{
    const covey_swim_list_t *live = &self->live;
    if (live->count <= SMALL)
        return s_sample_small (live, prng, except, want, picked);
    size_t count = 0;
    /* Much more people than places: a repeated draw is rare. */
    for (size_t tries = 0; count < want && tries < 4 * want; tries++) {
        covey_swim_member_t *one =
            live->items[covey_prng_below (prng, live->count)];
        bool fresh = one != except;
        for (size_t i = 0; i < count && fresh; i++)
            fresh = picked[i] != one;
        if (fresh)
            picked[count++] = one;
    }
    return count;
}
