#include "node/notices.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    uint8_t node_id[16];
    uint32_t type;
    uint64_t first;
    uint64_t last;
} notices_gap_t;

void
covey_notices_init (covey_notices_t *self, bool is_kept)
{
    *self = (covey_notices_t){.first = 1, .is_kept = is_kept};
    covey_fifo_init (&self->entries, sizeof (covey_notice_entry_t));
    covey_fifo_init (&self->gaps, sizeof (notices_gap_t));
}

static void
s_pop (covey_notices_t *self)
{
    covey_notice_entry_t *entry = covey_fifo_at (&self->entries, 0);
    free (entry->frame);
    covey_fifo_pop (&self->entries);
    self->first++;
    if (self->sent)
        self->sent--;
}

void
covey_notices_deinit (covey_notices_t *self)
{
    while (self->entries.count)
        s_pop (self);
    covey_fifo_deinit (&self->entries);
    covey_fifo_deinit (&self->gaps);
}

/* ------------------------------------------------------------------------ */
/*  In                                                                       */

static bool
s_has_room (covey_notices_t *self)
{
    if (self->entries.count < COVEY_NOTICES_MAX)
        return true;
    self->dropped++;
    return false;
}

/*  `header` has the number that comes next.                                 */
static void
s_add_frame (covey_notices_t *self, covey_frame_kind_t kind,
             const ProtobufCMessage *header)
{
    covey_buf_t frame;
    covey_buf_init (&frame, COVEY_FRAME_MAX);
    if (covey_frame_begin (&frame, kind, header) == COVEY_OK) {
        covey_notice_entry_t *entry = covey_fifo_push (&self->entries);
        entry->size = frame.size;
        entry->frame = (uint8_t *)covey_buf_steal (&frame);
    } else
        self->dropped++;
    covey_buf_deinit (&frame);
}

static uint64_t
s_next_number (const covey_notices_t *self)
{
    return self->first + self->entries.count;
}

void
covey_notices_add_stored (covey_notices_t *self, uint64_t publish_seq,
                          covey_level_t level, int64_t offset)
{
    if (!s_has_room (self))
        return;
    covey_notice_entry_t *entry = covey_fifo_push (&self->entries);
    entry->publish_seq = publish_seq;
    entry->level = level;
    entry->offset = offset;
}

void
covey_notices_add_undelivered (covey_notices_t *self,
                               const Covey__Wire__Undelivered *notice)
{
    if (!s_has_room (self))
        return;
    Covey__Wire__Undelivered numbered = *notice;
    numbered.has_notice_seq = true;
    numbered.notice_seq = s_next_number (self);
    s_add_frame (self, COVEY_FRAME_UNDELIVERED, &numbered.base);
}

void
covey_notices_add_gap (covey_notices_t *self, const uint8_t node_id[16],
                       uint32_t type, uint64_t first, uint64_t last)
{
    notices_gap_t *same = NULL;
    for (size_t i = self->gaps.count; i-- > 0 && !same;) {
        notices_gap_t *gap = covey_fifo_at (&self->gaps, i);
        if (gap->type == type && memcmp (gap->node_id, node_id, 16) == 0)
            same = gap;
    }
    bool full = self->gaps.count >= COVEY_NOTICES_GAPS_MAX;
    if (same && (same->last + 1 == first || full)) {
        /* Full: rather too much announced than too little. */
        same->last = last > same->last ? last : same->last;
        same->first = first < same->first ? first : same->first;
        return;
    }
    if (full) {
        self->dropped++;
        return;
    }
    notices_gap_t *gap = covey_fifo_push (&self->gaps);
    memcpy (gap->node_id, node_id, 16);
    gap->type = type;
    gap->first = first;
    gap->last = last;
}

/* ------------------------------------------------------------------------ */
/*  Out                                                                      */

/*  Now that it goes out, a gap does not grow any more. One that finds no room
    waits, and grows on.                                                      */
static void
s_number_gaps (covey_notices_t *self)
{
    while (self->gaps.count && self->entries.count < COVEY_NOTICES_MAX) {
        notices_gap_t *from = covey_fifo_at (&self->gaps, 0);
        Covey__Wire__Gap gap = COVEY__WIRE__GAP__INIT;
        gap.node_id.data = from->node_id;
        gap.node_id.len = 16;
        gap.type = from->type;
        gap.first = from->first;
        gap.last = from->last;
        gap.has_notice_seq = true;
        gap.notice_seq = s_next_number (self);
        s_add_frame (self, COVEY_FRAME_GAP, &gap.base);
        covey_fifo_pop (&self->gaps);
    }
}

const covey_notice_entry_t *
covey_notices_peek (const covey_notices_t *self, size_t index)
{
    if (self->sent + index >= self->entries.count)
        return NULL;
    return covey_fifo_at (&self->entries, self->sent + index);
}

const covey_notice_entry_t *
covey_notices_next (covey_notices_t *self, uint64_t *number_p)
{
    s_number_gaps (self);
    *number_p = self->first + self->sent;
    return covey_notices_peek (self, 0);
}

void
covey_notices_mark_sent (covey_notices_t *self, size_t count)
{
    self->sent += count;
    while (!self->is_kept && self->sent)
        s_pop (self);
}

covey_err_t
covey_notices_ack (covey_notices_t *self, uint64_t number)
{
    if (number >= s_next_number (self))
        return COVEY_LIMIT;
    while (self->first <= number)
        s_pop (self);
    return COVEY_OK;
}

void
covey_notices_rewind (covey_notices_t *self)
{
    self->resent += self->sent;
    self->sent = 0;
}

size_t
covey_notices_count (const covey_notices_t *self)
{
    return self->entries.count + self->gaps.count;
}

size_t
covey_notices_unsent (const covey_notices_t *self)
{
    return covey_notices_count (self) - self->sent;
}
