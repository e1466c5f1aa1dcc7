#include "api/seen.h"

#include <string.h>

/*  Ids are 16 bytes, so two multiplications mix them well enough.           */
static size_t
s_home (const uint8_t id[16])
{
    uint64_t low, high;
    memcpy (&low, id, sizeof low);
    memcpy (&high, id + sizeof low, sizeof high);
    uint64_t mixed = low * UINT64_C (0x9e3779b97f4a7c15) ^
                     (high + (low >> 32)) * UINT64_C (0xc2b2ae3d27d4eb4f);
    return (size_t)(mixed >> 32) & (COVEY_SEEN_SLOTS - 1);
}

void
covey_seen_init (covey_seen_t *self)
{
    memset (self, 0, sizeof *self);
}

/*  The slot that holds `id`, or the empty one where it belongs.              */
static size_t
s_find (const covey_seen_t *self, const uint8_t id[16])
{
    size_t slot = s_home (id);
    while (self->slots[slot] &&
           memcmp (self->ids[self->slots[slot] - 1], id, 16) != 0)
        slot = (slot + 1) & (COVEY_SEEN_SLOTS - 1);
    return slot;
}

/*  Linear probing without tombstones: what follows moves up into the hole
    when its home allows (Knuth, volume 3, 6.4, algorithm R).                 */
static void
s_remove (covey_seen_t *self, size_t hole)
{
    size_t slot = hole;
    self->slots[hole] = 0;
    for (;;) {
        slot = (slot + 1) & (COVEY_SEEN_SLOTS - 1);
        if (!self->slots[slot])
            return;
        size_t home = s_home (self->ids[self->slots[slot] - 1]);
        size_t from_home = (slot - home) & (COVEY_SEEN_SLOTS - 1);
        size_t from_hole = (slot - hole) & (COVEY_SEEN_SLOTS - 1);
        if (from_home < from_hole)
            continue;
        self->slots[hole] = self->slots[slot];
        self->slots[slot] = 0;
        hole = slot;
    }
}

bool
covey_seen_add (covey_seen_t *self, const uint8_t id[16])
{
    size_t slot = s_find (self, id);
    if (self->slots[slot])
        return false;
    if (self->count == COVEY_SEEN_MAX) {
        s_remove (self, s_find (self, self->ids[self->next]));
        slot = s_find (self, id);
    } else
        self->count++;
    memcpy (self->ids[self->next], id, 16);
    self->slots[slot] = (uint16_t)(self->next + 1);
    self->next = (self->next + 1) % COVEY_SEEN_MAX;
    return true;
}
