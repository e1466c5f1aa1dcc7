/*  Addresses to join: tried for ever, with growing pauses, whenever nobody
   lives behind them. Not in the papers, but a mesh in two parts that forgot
   each other would never meet again without it. */
#include "node/swim_class.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"

int64_t
covey_swim_jitter (covey_swim_t *self, int64_t pause_ms)
{
    return pause_ms * 3 / 4 +
           (int64_t)covey_prng_below (&self->prng, (uint64_t)pause_ms / 2 + 1);
}

covey_err_t
covey_swim_seed_add (covey_swim_t *self, const char *address, bool keep,
                     int64_t now_ms)
{
    if (!address || !*address || strlen (address) > COVEY_SWIM_ADDRESS_MAX)
        return COVEY_INVALID;
    for (size_t i = 0; i < self->seed_count; i++)
        if (strcmp (self->seeds[i].address, address) == 0) {
            self->seeds[i].keep |= keep;
            return COVEY_OK;
        }
    if (self->seed_count == COVEY_SWIM_SEEDS_MAX)
        return COVEY_LIMIT;
    self->seeds[self->seed_count++] =
        (covey_swim_seed_t){.address = covey_str_dup (address),
                            .keep = keep,
                            .pause_ms = COVEY_SWIM_SEED_MS,
                            .due_ms = now_ms};
    self->seed_due_ms = now_ms;
    return COVEY_OK;
}

static void
s_drop_seed (covey_swim_t *self, size_t index)
{
    free (self->seeds[index].address);
    self->seeds[index] = self->seeds[--self->seed_count];
}

/*  Is there a live member behind it, by its answer or by its address?       */
static bool
s_is_satisfied (const covey_swim_t *self, const covey_swim_seed_t *seed)
{
    if (seed->is_self || strcmp (seed->address, self->me.address) == 0)
        return true;
    const covey_swim_member_t *member =
        seed->answered ? covey_swim_table_find (&self->table, seed->id) : NULL;
    if (member && member->state <= COVEY_SWIM_SUSPECTED)
        return true;
    for (size_t i = 0; i < self->table.live.count; i++)
        if (strcmp (self->table.live.items[i]->address, seed->address) == 0)
            return true;
    return false;
}

/*  False: the seed is to be dropped.                                        */
static bool
s_try_seed (covey_swim_t *self, covey_swim_seed_t *seed, int64_t now_ms)
{
    if (s_is_satisfied (self, seed)) {
        seed->pause_ms = COVEY_SWIM_SEED_MS;
        seed->due_ms =
            now_ms + covey_swim_jitter (self, COVEY_SWIM_SEED_MAX_MS / 3);
        return seed->keep;
    }
    if (!seed->keep && seed->tries >= COVEY_SWIM_HINT_TRIES)
        return false;
    seed->tries++;
    if (++self->seq == 0)
        self->seq = 1;
    seed->seq = self->seq;
    seed->due_ms = now_ms + covey_swim_jitter (self, seed->pause_ms);
    seed->pause_ms = seed->pause_ms * 2 > COVEY_SWIM_SEED_MAX_MS
                         ? COVEY_SWIM_SEED_MAX_MS
                         : seed->pause_ms * 2;
    covey_swim_send_sync (self, NULL, seed->address, seed->seq);
    return true;
}

void
covey_swim_seed_tick (covey_swim_t *self, int64_t now_ms)
{
    if (now_ms < self->seed_due_ms)
        return;
    self->seed_due_ms = COVEY_SWIM_NEVER;
    for (size_t i = self->seed_count; i-- > 0 && !self->leaving;) {
        covey_swim_seed_t *seed = &self->seeds[i];
        if (now_ms >= seed->due_ms && !s_try_seed (self, seed, now_ms)) {
            s_drop_seed (self, i);
            continue;
        }
        if (seed->due_ms < self->seed_due_ms)
            self->seed_due_ms = seed->due_ms;
    }
}

/*  Did a seed say that?                                                     */
covey_swim_seed_t *
covey_swim_seed_of (covey_swim_t *self, const covey_swim_message_t *message)
{
    for (size_t i = 0; i < self->seed_count && message->seq; i++)
        if (self->seeds[i].seq == message->seq)
            return &self->seeds[i];
    return NULL;
}

void
covey_swim_seed_note (covey_swim_t *self, const covey_swim_message_t *message)
{
    covey_swim_seed_t *seed = covey_swim_seed_of (self, message);
    if (!seed)
        return;
    seed->answered = true;
    memcpy (seed->id, message->from, 16);
}
