#include "base/table.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

#define TABLE_SMALL 16

void
covey_table_init (covey_table_t *self)
{
    memset (self, 0, sizeof *self);
}

void
covey_table_deinit (covey_table_t *self)
{
    free (self->slots);
    memset (self, 0, sizeof *self);
}

/*  The slot that has the key, or the free one where it belongs.             */
static covey_table_slot_t *
s_find (const covey_table_t *self, const void *key, size_t size, uint64_t hash)
{
    size_t mask = self->capacity - 1;
    for (size_t i = (size_t)hash & mask;; i = (i + 1) & mask) {
        covey_table_slot_t *slot = &self->slots[i];
        if (!slot->value)
            return slot;
        if (slot->hash == hash && slot->key_size == size &&
            memcmp (slot->key, key, size) == 0)
            return slot;
    }
}

static void
s_grow (covey_table_t *self)
{
    covey_table_slot_t *old = self->slots;
    size_t old_capacity = self->capacity;
    self->capacity = old_capacity ? old_capacity * 2 : TABLE_SMALL;
    self->slots = covey_mem_new (self->capacity * sizeof *self->slots);
    for (size_t i = 0; i < old_capacity; i++)
        if (old[i].value)
            *s_find (self, old[i].key, old[i].key_size, old[i].hash) = old[i];
    free (old);
}

void *
covey_table_put (covey_table_t *self, const void *key, size_t size, void *value)
{
    assert (value);
    if (self->count * 4 >= self->capacity * 3)
        s_grow (self);
    uint64_t hash = covey_str_hash (key, size);
    covey_table_slot_t *slot = s_find (self, key, size, hash);
    void *replaced = slot->value;
    if (!replaced)
        self->count++;
    *slot = (covey_table_slot_t){
        .key = key, .key_size = size, .hash = hash, .value = value};
    return replaced;
}

void *
covey_table_get (const covey_table_t *self, const void *key, size_t size)
{
    if (!self->count)
        return NULL;
    return s_find (self, key, size, covey_str_hash (key, size))->value;
}

void *
covey_table_remove (covey_table_t *self, const void *key, size_t size)
{
    if (!self->count)
        return NULL;
    covey_table_slot_t *slot =
        s_find (self, key, size, covey_str_hash (key, size));
    void *removed = slot->value;
    if (!removed)
        return NULL;
    self->count--;
    /* Close the hole: move up what a probe could no longer reach. */
    size_t mask = self->capacity - 1;
    size_t hole = (size_t)(slot - self->slots);
    for (size_t i = (hole + 1) & mask; self->slots[i].value;
         i = (i + 1) & mask) {
        size_t home = (size_t)self->slots[i].hash & mask;
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            self->slots[hole] = self->slots[i];
            hole = i;
        }
    }
    memset (&self->slots[hole], 0, sizeof self->slots[hole]);
    return removed;
}

void *
covey_table_next (const covey_table_t *self, size_t *cursor)
{
    while (*cursor < self->capacity) {
        void *value = self->slots[(*cursor)++].value;
        if (value)
            return value;
    }
    return NULL;
}
