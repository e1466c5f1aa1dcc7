#include "coordinator/postbox.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "proto/event.h"

struct covey_postbox_entry {
    covey_postbox_entry_t *next;
    covey_link_t by_index;
    uint64_t index; /* of the log; 0: an answer                               */
    uint64_t order;
    uint64_t ticket;
    size_t target_count;
    void *bytes;
    size_t size;
};

static int
s_compare (const void *a, const void *b)
{
    const covey_postbox_entry_t *x = a, *y = b;
    if (x->index != y->index)
        return x->index < y->index ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

void
covey_postbox_init (covey_postbox_t *self)
{
    memset (self, 0, sizeof *self);
    covey_tree_init (&self->facts, offsetof (covey_postbox_entry_t, by_index),
                     s_compare);
}

static void
s_free (covey_postbox_t *self, covey_postbox_entry_t *entry)
{
    if (covey_link_is_in (&entry->by_index))
        covey_tree_remove (&self->facts, entry);
    free (entry->bytes);
    free (entry);
}

void
covey_postbox_deinit (covey_postbox_t *self)
{
    covey_postbox_recall (self);
    while (self->waiting) {
        covey_postbox_entry_t *entry = self->waiting;
        self->waiting = entry->next;
        s_free (self, entry);
    }
    covey_postbox_init (self);
}

static void
s_push_back (covey_postbox_entry_t **first, covey_postbox_entry_t **last,
             covey_postbox_entry_t *entry)
{
    entry->next = NULL;
    if (*first)
        (*last)->next = entry;
    else
        *first = entry;
    *last = entry;
}

static void
s_push_front (covey_postbox_t *self, covey_postbox_entry_t *entry)
{
    entry->next = self->waiting;
    if (!self->waiting)
        self->waiting_last = entry;
    self->waiting = entry;
    self->waiting_count++;
}

static void
s_put (covey_postbox_t *self, void *bytes, size_t size, size_t target_count,
       uint64_t index)
{
    covey_postbox_entry_t *entry = covey_mem_new (sizeof *entry);
    entry->index = index;
    entry->order = ++self->made;
    entry->target_count = target_count;
    entry->size = size;
    entry->bytes = bytes;
    if (index)
        covey_tree_insert (&self->facts, entry);
    s_push_back (&self->waiting, &self->waiting_last, entry);
    self->waiting_count++;
}

covey_err_t
covey_postbox_put (covey_postbox_t *self, const covey_event_t *event,
                   uint64_t index, covey_errbuf_t *err)
{
    covey_buf_t packed;
    covey_buf_init (&packed, COVEY_EVENT_MAX);
    covey_err_t code = covey_event_pack (event, &packed, err);
    if (!code && index)
        code = covey_event_check (packed.data, packed.size, err);
    if (code) {
        covey_buf_deinit (&packed);
        return code;
    }
    /* the buffer's memory moves there */
    s_put (self, packed.data, packed.size, covey_event_target_count (event),
           index);
    return COVEY_OK;
}

void
covey_postbox_put_packed (covey_postbox_t *self, const void *event, size_t size,
                          uint64_t index)
{
    covey_peek_t view;
    if (covey_peek (event, size, &view) == COVEY_OK)
        s_put (self, covey_mem_dup (event, size), size, view.target_count,
               index);
}

void
covey_postbox_drop_facts (covey_postbox_t *self)
{
    covey_postbox_entry_t *waiting = self->waiting;
    self->waiting = self->waiting_last = NULL;
    self->waiting_count = 0;
    while (waiting) {
        covey_postbox_entry_t *entry = waiting;
        waiting = entry->next;
        if (entry->index) {
            s_free (self, entry);
            continue;
        }
        s_push_back (&self->waiting, &self->waiting_last, entry);
        self->waiting_count++;
    }
    /* Those without verdict are told, or dropped when that is a refusal. */
    for (covey_postbox_entry_t *entry = self->flying; entry;
         entry = entry->next)
        if (covey_link_is_in (&entry->by_index))
            covey_tree_remove (&self->facts, entry);
}

void
covey_postbox_pump (covey_postbox_t *self, covey_session_t *session,
                    int64_t now_ms)
{
    if (now_ms < self->hold_ms)
        return;
    while (self->waiting) {
        covey_postbox_entry_t *entry = self->waiting;
        covey_err_t code = covey_session_publish (
            session, entry->bytes, entry->size, COVEY_LEVEL_ACCEPTED,
            COVEY_POSTBOX_WAIT_MS, &entry->ticket);
        if (code)
            return; /* the session is full: its receipts make room */
        self->waiting = entry->next;
        self->waiting_count--;
        s_push_back (&self->flying, &self->flying_last, entry);
    }
}

static covey_postbox_entry_t *
s_take (covey_postbox_t *self, uint64_t ticket)
{
    covey_postbox_entry_t *before = NULL, *entry = self->flying;
    while (entry && entry->ticket != ticket) {
        before = entry;
        entry = entry->next;
    }
    if (!entry)
        return NULL;
    if (before)
        before->next = entry->next;
    else
        self->flying = entry->next;
    if (self->flying_last == entry)
        self->flying_last = before;
    return entry;
}

/*  One copy per target, each with an id of its own that is made from the
    first: told again after a restart they are duplicates too.                */
static bool
s_split (covey_postbox_t *self, const covey_postbox_entry_t *entry)
{
    covey_event_t *event = NULL;
    covey_errbuf_t err;
    if (covey_event_unpack (entry->bytes, entry->size, &event, &err))
        return false;
    for (size_t i = 0; i < entry->target_count; i++) {
        covey_event_t *copy = covey_event_dup (event);
        if (!copy)
            continue;
        covey_id_t id;
        memcpy (id.bytes, covey_event_id (event), sizeof id.bytes);
        id.bytes[14] ^= (uint8_t)((i + 1) >> 8);
        id.bytes[15] ^= (uint8_t)(i + 1);
        covey_event_clear_targets (copy);
        if (!covey_event_set_id (copy, id.bytes) &&
            !covey_event_add_target (copy, covey_event_target (event, i)))
            (void)covey_postbox_put (self, copy, entry->index, &err);
        covey_event_destroy (&copy);
    }
    covey_event_destroy (&event);
    return true;
}

bool
covey_postbox_verdict (covey_postbox_t *self, uint64_t ticket, covey_err_t code,
                       int64_t now_ms)
{
    covey_postbox_entry_t *entry = s_take (self, ticket);
    if (!entry)
        return false;
    bool again = code == COVEY_EAGAIN || code == COVEY_CLOSED ||
                 code == COVEY_TIMEOUT || code == COVEY_UNREACHABLE;
    if (again) {
        s_push_front (self, entry);
        self->hold_ms = now_ms + COVEY_POSTBOX_RETRY_MS;
        return false;
    }
    bool split = code == COVEY_NOAGENT && entry->target_count > 1 &&
                 s_split (self, entry);
    /* That its only target is gone is no news: the registry will hear. */
    bool lost = code != COVEY_OK && code != COVEY_NOAGENT && !split;
    self->lost += lost;
    s_free (self, entry);
    return lost;
}

void
covey_postbox_recall (covey_postbox_t *self)
{
    if (!self->flying)
        return;
    for (covey_postbox_entry_t *entry = self->flying; entry;
         entry = entry->next)
        self->waiting_count++;
    self->flying_last->next = self->waiting;
    if (!self->waiting)
        self->waiting_last = self->flying_last;
    self->waiting = self->flying;
    self->flying = self->flying_last = NULL;
}

bool
covey_postbox_has_backlog (const covey_postbox_t *self)
{
    return self->waiting_count >= COVEY_POSTBOX_BACKLOG;
}

bool
covey_postbox_is_empty (const covey_postbox_t *self)
{
    return !self->waiting && !self->flying;
}

uint64_t
covey_postbox_announced (const covey_postbox_t *self, uint64_t applied)
{
    const covey_postbox_entry_t *first = covey_tree_first (&self->facts);
    return first ? first->index - 1 : applied;
}
