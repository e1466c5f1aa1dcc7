#include "proto/session_queue.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define CAPACITY_MIN 16

void
covey_session_queue_init (covey_session_queue_t *self)
{
    memset (self, 0, sizeof *self);
    self->first = self->next = 1;
}

void
covey_session_queue_deinit (covey_session_queue_t *self)
{
    while (self->first < self->next)
        covey_session_queue_pop (self);
    free (self->ring);
    self->ring = NULL;
    self->capacity = 0;
}

covey_session_entry_t *
covey_session_queue_at (const covey_session_queue_t *self, uint64_t ticket)
{
    assert (ticket >= self->first && ticket < self->next);
    return &self->ring[ticket & (self->capacity - 1)];
}

static covey_err_t
s_grow (covey_session_queue_t *self)
{
    size_t capacity = self->capacity ? self->capacity * 2 : CAPACITY_MIN;
    covey_session_entry_t *ring = calloc (capacity, sizeof *ring);
    if (!ring)
        return COVEY_NOMEM;
    for (uint64_t t = self->first; t < self->next; t++)
        ring[t & (capacity - 1)] = *covey_session_queue_at (self, t);
    free (self->ring);
    self->ring = ring;
    self->capacity = capacity;
    return COVEY_OK;
}

covey_err_t
covey_session_queue_push (covey_session_queue_t *self, covey_buf_t *event,
                          const covey_session_wish_t *wish)
{
    size_t size = event->size;
    uint64_t count = self->next - self->first;
    size_t group_size =
        wish->group ? protobuf_c_message_get_packed_size (&wish->group->base)
                    : 0;
    if (size > COVEY_EVENT_MAX || group_size > COVEY_FRAME_BATCH)
        return COVEY_LIMIT;
    size_t whole = size + group_size;
    if (count >= COVEY_SESSION_QUEUE_MAX ||
        whole > COVEY_SESSION_QUEUE_BYTES_MAX - self->bytes)
        return COVEY_EAGAIN;
    if (count == self->capacity && s_grow (self))
        return COVEY_NOMEM;
    if (event->max < whole)
        event->max = whole;
    uint8_t *group = covey_buf_extend (event, group_size);
    if (group && group_size)
        protobuf_c_message_pack (&wish->group->base, group);
    uint8_t *bytes = group ? (uint8_t *)covey_buf_steal (event) : NULL;
    if (!bytes) {
        event->failed = false;
        return COVEY_NOMEM;
    }
    self->bytes += whole;
    self->next++;
    *covey_session_queue_at (self, self->next - 1) = (covey_session_entry_t){
        .bytes = bytes,
        .size = (uint32_t)size,
        .wait_ms = wish->wait_ms,
        .level = wish->level,
        .has_group = wish->group != NULL,
        .group_size = (uint32_t)group_size,
        .heard = wish->heard,
    };
    return COVEY_OK;
}

void
covey_session_queue_pop (covey_session_queue_t *self)
{
    covey_session_entry_t *entry = covey_session_queue_at (self, self->first);
    self->bytes -= entry->size + entry->group_size;
    free (entry->bytes);
    entry->bytes = NULL;
    self->first++;
}
