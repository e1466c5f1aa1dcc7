#include "node/recent.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/table.h"

#define SET_SMALL 32 /* slots; a power of two, twice what is in them */

/*  Hashes that only grow in number, until all are forgotten at once.        */
typedef struct {
    uint64_t *slots; /* 0: free                                               */
    size_t capacity;
    size_t count;
} recent_set_t;

/*  Two generations, so that the last COVEY_RECENT_EVENTS are always there.  */
typedef struct {
    char *id;
    size_t id_size;
    uint64_t used; /* when, in additions                                      */
    recent_set_t now;
    recent_set_t before;
} recent_source_t;

struct covey_recent {
    covey_table_t sources;
    recent_source_t *last; /* most come in rows of the same source            */
    uint64_t used;
};

covey_recent_t *
covey_recent_new (void)
{
    covey_recent_t *self = covey_mem_new (sizeof *self);
    covey_table_init (&self->sources);
    return self;
}

static void
s_free_source (recent_source_t *source)
{
    free (source->now.slots);
    free (source->before.slots);
    free (source->id);
    free (source);
}

void
covey_recent_destroy (covey_recent_t **self_p)
{
    covey_recent_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    size_t cursor = 0;
    recent_source_t *source;
    while ((source = covey_table_next (&self->sources, &cursor)))
        s_free_source (source);
    covey_table_deinit (&self->sources);
    free (self);
}

/* ------------------------------------------------------------------------ */
/*  Sets                                                                     */

/*  Where the hash is, or belongs. There is always a free slot.              */
static uint64_t *
s_slot (const recent_set_t *set, uint64_t hash)
{
    size_t mask = set->capacity - 1;
    size_t i = (size_t)hash & mask;
    while (set->slots[i] && set->slots[i] != hash)
        i = (i + 1) & mask;
    return &set->slots[i];
}

static bool
s_has (const recent_set_t *set, uint64_t hash)
{
    return set->count && *s_slot (set, hash) == hash;
}

static void
s_add (recent_set_t *set, uint64_t hash)
{
    if (2 * (set->count + 1) > set->capacity) {
        recent_set_t old = *set;
        set->capacity = old.capacity ? 2 * old.capacity : SET_SMALL;
        set->slots = covey_mem_new (set->capacity * sizeof *set->slots);
        for (size_t i = 0; i < old.capacity; i++)
            if (old.slots[i])
                *s_slot (set, old.slots[i]) = old.slots[i];
        free (old.slots);
    }
    *s_slot (set, hash) = hash;
    set->count++;
}

/* ------------------------------------------------------------------------ */
/*  Sources                                                                  */

static recent_source_t *
s_find (covey_recent_t *self, covey_slice_t id)
{
    recent_source_t *last = self->last;
    if (!last || last->id_size != id.size ||
        memcmp (last->id, id.text, id.size) != 0)
        last = covey_table_get (&self->sources, id.text, id.size);
    if (last)
        self->last = last;
    return last;
}

static void
s_forget_one (covey_recent_t *self)
{
    size_t cursor = 0;
    recent_source_t *source, *oldest = NULL;
    while ((source = covey_table_next (&self->sources, &cursor)))
        if (!oldest || source->used < oldest->used)
            oldest = source;
    assert (oldest); /* there are too many                                   */
    covey_table_remove (&self->sources, oldest->id, oldest->id_size);
    if (self->last == oldest)
        self->last = NULL;
    s_free_source (oldest);
}

static recent_source_t *
s_new_source (covey_recent_t *self, covey_slice_t id)
{
    if (self->sources.count >= COVEY_RECENT_SOURCES)
        s_forget_one (self);
    recent_source_t *source = covey_mem_new (sizeof *source);
    source->id = covey_mem_dup (id.text, id.size);
    source->id_size = id.size;
    covey_table_put (&self->sources, source->id, source->id_size, source);
    self->last = source;
    return source;
}

static uint64_t
s_hash (const covey_peek_t *event, uint64_t to)
{
    uint64_t hash = covey_str_hash (event->id, 16) ^
                    (to + 1) * UINT64_C (0x9e3779b97f4a7c15);
    hash ^= hash >> 29;
    return hash ? hash : 1;
}

bool
covey_recent_has (covey_recent_t *self, const covey_peek_t *event, uint64_t to)
{
    if (!event->id || !event->source.size)
        return false;
    const recent_source_t *source = s_find (self, event->source);
    if (!source)
        return false;
    uint64_t hash = s_hash (event, to);
    return s_has (&source->now, hash) || s_has (&source->before, hash);
}

void
covey_recent_add (covey_recent_t *self, const covey_peek_t *event, uint64_t to)
{
    if (!event->id || !event->source.size)
        return;
    recent_source_t *source = s_find (self, event->source);
    if (!source)
        source = s_new_source (self, event->source);
    source->used = ++self->used;
    if (source->now.count == COVEY_RECENT_EVENTS) {
        free (source->before.slots);
        source->before = source->now;
        source->now = (recent_set_t){0};
    }
    uint64_t hash = s_hash (event, to);
    if (!s_has (&source->now, hash))
        s_add (&source->now, hash);
}

size_t
covey_recent_sources (const covey_recent_t *self)
{
    return self->sources.count;
}
