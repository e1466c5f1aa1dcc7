/*  An entry is RUNNING or HELD, and remembers what was seen since it last
    started to run:

                RUNNING                      HELD
    event       touched                      touched
    committed   touched -> woken             touched -> woken
    lost        not touched                  not touched
    rest        woken -> AGAIN, RUNNING      (not called)
                else HELD
    next        -                            woken -> AGAIN, RUNNING
                                             deadline -> OVER                 */
#include "persist/follow.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

typedef struct {
    uint64_t token;
    Covey__Store__EventQuery *query;
    int64_t deadline_ms;
    bool is_held;
    bool touched; /* an event of the open batch may match                     */
    bool woken;   /* one that was committed may                               */
} s_entry_t;

struct covey_follow {
    s_entry_t *entries;
    size_t count, capacity;
};

covey_follow_t *
covey_follow_new (void)
{
    return covey_mem_new (sizeof (covey_follow_t));
}

void
covey_follow_destroy (covey_follow_t **self_p)
{
    covey_follow_t *self = *self_p;
    if (!self)
        return;
    while (self->count)
        covey_follow_remove (self, self->entries[0].token);
    free (self->entries);
    free (self);
    *self_p = NULL;
}

size_t
covey_follow_count (const covey_follow_t *self)
{
    return self->count;
}

static s_entry_t *
s_find (covey_follow_t *self, uint64_t token)
{
    for (size_t i = 0; i < self->count; i++)
        if (self->entries[i].token == token)
            return &self->entries[i];
    return NULL;
}

static Covey__Store__EventQuery *
s_copy (const Covey__Store__EventQuery *query)
{
    size_t size = covey__store__event_query__get_packed_size (query);
    uint8_t *bytes = covey_mem_new (size + 1);
    covey__store__event_query__pack (query, bytes);
    Covey__Store__EventQuery *copy =
        covey__store__event_query__unpack (NULL, size, bytes);
    free (bytes);
    if (!copy)
        abort ();
    return copy;
}

covey_err_t
covey_follow_add (covey_follow_t *self, uint64_t token,
                  const Covey__Store__EventQuery *query, int64_t deadline_ms)
{
    assert (query && !s_find (self, token));
    if (self->count == COVEY_FOLLOW_MAX)
        return COVEY_LIMIT;
    self->entries = covey_mem_room (self->entries, self->count, &self->capacity,
                                    sizeof *self->entries);
    self->entries[self->count++] = (s_entry_t){
        .token = token, .query = s_copy (query), .deadline_ms = deadline_ms};
    return COVEY_OK;
}

void
covey_follow_remove (covey_follow_t *self, uint64_t token)
{
    s_entry_t *entry = s_find (self, token);
    if (!entry)
        return;
    covey__store__event_query__free_unpacked (entry->query, NULL);
    size_t behind = (size_t)(self->entries + self->count - entry) - 1;
    memmove (entry, entry + 1, behind * sizeof *entry);
    self->count--;
}

covey_follow_next_t
covey_follow_rest (covey_follow_t *self, uint64_t token, int64_t now_ms)
{
    s_entry_t *entry = s_find (self, token);
    assert (entry && !entry->is_held);
    if (now_ms >= entry->deadline_ms)
        return COVEY_FOLLOW_OVER;
    if (entry->woken) {
        entry->woken = false;
        return COVEY_FOLLOW_AGAIN;
    }
    entry->is_held = true;
    return COVEY_FOLLOW_HELD;
}

/* ---- may an event match? ------------------------------------------------ */

static bool
s_slice_in (covey_slice_t slice, char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (covey_slice_equal (slice, list[i]))
            return true;
    return count == 0;
}

static bool
s_type_in (int type, char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (covey_event_type_number (list[i]) == type)
            return true;
    return count == 0;
}

static bool
s_targets_match (const covey_peek_t *event,
                 const Covey__Store__EventQuery *query)
{
    for (size_t i = 0; i < query->n_targets; i++)
        if (covey_peek_has_target (event, query->targets[i]))
            return true;
    return query->n_targets == 0;
}

static bool
s_tags_match (const covey_peek_t *event, const Covey__Store__EventQuery *query)
{
    for (size_t i = 0; i < query->n_tags; i++)
        if (!covey_peek_has_tag (event, query->tags[i]))
            return false;
    return true;
}

/*  True for all that match and a few that do not: priorities, ids and text are
    left to the query that is run again.                                      */
static bool
s_may_match (const covey_peek_t *event, const Covey__Store__EventQuery *query)
{
    if (query->has_since && event->timestamp_us < query->since)
        return false;
    if (query->has_until && event->timestamp_us >= query->until)
        return false;
    return s_type_in (event->type, query->types, query->n_types) &&
           s_slice_in (event->source, query->sources, query->n_sources) &&
           s_slice_in (event->correlation_id, query->correlation_ids,
                       query->n_correlation_ids) &&
           s_slice_in (event->session_id, query->session_ids,
                       query->n_session_ids) &&
           s_targets_match (event, query) && s_tags_match (event, query);
}

void
covey_follow_event (covey_follow_t *self, const covey_peek_t *event)
{
    for (size_t i = 0; i < self->count; i++) {
        s_entry_t *entry = &self->entries[i];
        if (!entry->touched && !entry->woken)
            entry->touched = s_may_match (event, entry->query);
    }
}

void
covey_follow_committed (covey_follow_t *self)
{
    for (size_t i = 0; i < self->count; i++) {
        s_entry_t *entry = &self->entries[i];
        entry->woken = entry->woken || entry->touched;
        entry->touched = false;
    }
}

void
covey_follow_lost (covey_follow_t *self)
{
    for (size_t i = 0; i < self->count; i++)
        self->entries[i].touched = false;
}

covey_follow_next_t
covey_follow_next (covey_follow_t *self, int64_t now_ms, uint64_t *token_p)
{
    for (size_t i = 0; i < self->count; i++) {
        s_entry_t *entry = &self->entries[i];
        if (!entry->is_held || (!entry->woken && now_ms < entry->deadline_ms))
            continue;
        *token_p = entry->token;
        if (!entry->woken)
            return COVEY_FOLLOW_OVER;
        entry->woken = entry->is_held = false;
        return COVEY_FOLLOW_AGAIN;
    }
    return COVEY_FOLLOW_HELD;
}

int64_t
covey_follow_next_ms (const covey_follow_t *self)
{
    int64_t next = INT64_MAX;
    for (size_t i = 0; i < self->count; i++)
        if (self->entries[i].is_held && self->entries[i].deadline_ms < next)
            next = self->entries[i].deadline_ms;
    return next;
}
