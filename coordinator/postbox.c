#include "coordinator/postbox.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "proto/event.h"

struct covey_postbox_entry {
    covey_postbox_entry_t *next;
    covey_link_t by_index;
    covey_link_t in_unsent;
    uint64_t index; /* of the log; 0: an answer                               */
    uint64_t order;
    uint64_t ticket;
    size_t target_count;
    bool asks; /* who heard it is to be reported                              */
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
    covey_tree_init (&self->unsent, offsetof (covey_postbox_entry_t, in_unsent),
                     s_compare);
    self->pace = COVEY_POSTBOX_BACKLOG;
}

static void
s_free (covey_postbox_t *self, covey_postbox_entry_t *entry)
{
    if (covey_link_is_in (&entry->by_index))
        covey_tree_remove (&self->facts, entry);
    if (covey_link_is_in (&entry->in_unsent))
        covey_tree_remove (&self->unsent, entry);
    free (entry->bytes);
    free (entry);
}

static void
s_push (covey_postbox_line_t *line, covey_postbox_entry_t *entry)
{
    entry->next = NULL;
    if (line->first)
        line->last->next = entry;
    else
        line->first = entry;
    line->last = entry;
    line->count++;
}

static covey_postbox_entry_t *
s_pop (covey_postbox_line_t *line)
{
    covey_postbox_entry_t *entry = line->first;
    line->first = entry->next;
    if (!line->first)
        line->last = NULL;
    line->count--;
    return entry;
}

void
covey_postbox_deinit (covey_postbox_t *self)
{
    covey_postbox_entry_t *entry;
    while (self->answers.first)
        s_free (self, s_pop (&self->answers));
    while (self->flying.first)
        s_free (self, s_pop (&self->flying));
    while ((entry = covey_tree_first (&self->unsent)))
        s_free (self, entry);
    covey_postbox_init (self);
}

/*  It is not with the session (any more).                                    */
static void
s_wait (covey_postbox_t *self, covey_postbox_entry_t *entry)
{
    if (entry->index)
        covey_tree_insert (&self->unsent, entry);
    else
        s_push (&self->answers, entry);
}

static void
s_put (covey_postbox_t *self, void *bytes, size_t size, size_t target_count,
       int type, uint64_t index)
{
    covey_postbox_entry_t *entry = covey_mem_new (sizeof *entry);
    entry->index = index;
    entry->order = ++self->made;
    entry->target_count = target_count;
    entry->asks = type == COVEY_EVENT_SWARM_CONSENSUS_REQUEST;
    entry->size = size;
    entry->bytes = bytes;
    if (index)
        covey_tree_insert (&self->facts, entry);
    s_wait (self, entry);
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
           covey_event_type (event), index);
    return COVEY_OK;
}

void
covey_postbox_put_packed (covey_postbox_t *self, const void *event, size_t size,
                          uint64_t index)
{
    covey_peek_t view;
    if (covey_peek (event, size, &view) == COVEY_OK)
        s_put (self, covey_mem_dup (event, size), size, view.target_count,
               view.type, index);
}

void
covey_postbox_drop_facts (covey_postbox_t *self)
{
    covey_postbox_entry_t *entry;
    while ((entry = covey_tree_first (&self->unsent)))
        s_free (self, entry);
    /* Those without verdict are told, or dropped when that is a refusal. */
    for (entry = self->flying.first; entry; entry = entry->next)
        if (covey_link_is_in (&entry->by_index))
            covey_tree_remove (&self->facts, entry);
    self->blocked_ms = 0;
}

/*  False: the session is full; its receipts make room.                       */
static bool
s_hand_over (covey_session_t *session, covey_postbox_entry_t *entry,
             uint32_t wait_ms)
{
    const covey_session_wish_t wish = {
        .level = COVEY_LEVEL_ACCEPTED, .wait_ms = wait_ms, .heard = true};
    if (!entry->asks)
        return covey_session_publish (session, entry->bytes, entry->size,
                                      wish.level, wait_ms,
                                      &entry->ticket) == COVEY_OK;
    covey_buf_t copy;
    covey_buf_init (&copy, COVEY_EVENT_MAX);
    (void)covey_buf_append (&copy, entry->bytes, entry->size);
    covey_err_t code =
        copy.failed
            ? COVEY_NOMEM
            : covey_session_publish_as (session, &copy, &wish, &entry->ticket);
    covey_buf_deinit (&copy);
    return code == COVEY_OK;
}

void
covey_postbox_pump (covey_postbox_t *self, covey_session_t *session,
                    int64_t now_ms)
{
    while (self->answers.first && now_ms >= self->answers_hold_ms) {
        if (!s_hand_over (session, self->answers.first, COVEY_POSTBOX_WAIT_MS))
            return;
        s_push (&self->flying, s_pop (&self->answers));
    }
    covey_postbox_entry_t *fact;
    /* One that may well be refused must not keep answers waiting. */
    uint32_t wait_ms = self->blocked_ms ? 0 : COVEY_POSTBOX_WAIT_MS;
    while (now_ms >= self->facts_hold_ms && self->flying_facts < self->pace &&
           (fact = covey_tree_first (&self->unsent)) &&
           s_hand_over (session, fact, wait_ms)) {
        covey_tree_remove (&self->unsent, fact);
        s_push (&self->flying, fact);
        self->flying_facts++;
    }
}

static covey_postbox_entry_t *
s_take (covey_postbox_t *self, uint64_t ticket)
{
    covey_postbox_entry_t *before = NULL, *entry = self->flying.first;
    while (entry && entry->ticket != ticket) {
        before = entry;
        entry = entry->next;
    }
    if (!entry)
        return NULL;
    if (before)
        before->next = entry->next;
    else
        self->flying.first = entry->next;
    if (self->flying.last == entry)
        self->flying.last = before;
    self->flying.count--;
    self->flying_facts -= entry->index != 0;
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

/*  It was refused for want of room, or the session ended.                    */
static void
s_again (covey_postbox_t *self, covey_postbox_entry_t *entry, const char *text,
         int64_t now_ms)
{
    if (!entry->index) {
        self->answers_hold_ms = now_ms + COVEY_POSTBOX_RETRY_MS;
        s_wait (self, entry);
        return;
    }
    self->facts_hold_ms = now_ms + COVEY_POSTBOX_RETRY_MS;
    self->pace = 1;
    if (!self->blocked_ms)
        self->blocked_ms = now_ms;
    (void)covey_fail (&self->why, COVEY_EAGAIN, "%s", text ? text : "");
    if (covey_link_is_in (&entry->by_index))
        s_wait (self, entry);
    else
        s_free (self, entry); /* another one tells it                         */
}

static void
s_go_on (covey_postbox_t *self)
{
    self->blocked_ms = 0;
    if (self->pace < COVEY_POSTBOX_BACKLOG)
        self->pace *= 2;
}

bool
covey_postbox_verdict (covey_postbox_t *self, uint64_t ticket, covey_err_t code,
                       const char *text, int64_t now_ms)
{
    covey_postbox_entry_t *entry = s_take (self, ticket);
    if (!entry)
        return false;
    if (code == COVEY_EAGAIN || code == COVEY_CLOSED || code == COVEY_TIMEOUT ||
        code == COVEY_UNREACHABLE) {
        s_again (self, entry, text, now_ms);
        return false;
    }
    if (entry->index)
        s_go_on (self);
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
    covey_postbox_line_t answers = self->answers;
    covey_postbox_entry_t *entry;
    self->answers = (covey_postbox_line_t){0};
    while (self->flying.first) {
        entry = s_pop (&self->flying);
        if (!entry->index || covey_link_is_in (&entry->by_index))
            s_wait (self, entry);
        else
            s_free (self, entry);
    }
    while (answers.first)
        s_push (&self->answers, s_pop (&answers));
    self->flying_facts = 0;
}

bool
covey_postbox_has_backlog (const covey_postbox_t *self)
{
    return self->unsent.count >= COVEY_POSTBOX_BACKLOG;
}

bool
covey_postbox_has_answers (const covey_postbox_t *self)
{
    return self->answers.count >= COVEY_POSTBOX_BACKLOG;
}

bool
covey_postbox_is_stuck (const covey_postbox_t *self, int64_t now_ms)
{
    return self->blocked_ms && covey_postbox_has_backlog (self) &&
           now_ms - self->blocked_ms >= COVEY_POSTBOX_STUCK_MS;
}

int64_t
covey_postbox_next_ms (const covey_postbox_t *self)
{
    int64_t next_ms = INT64_MAX;
    if (self->answers.first)
        next_ms = self->answers_hold_ms;
    if (self->unsent.count && self->flying_facts < self->pace &&
        self->facts_hold_ms < next_ms)
        next_ms = self->facts_hold_ms;
    return next_ms;
}

bool
covey_postbox_is_empty (const covey_postbox_t *self)
{
    return !self->answers.first && !self->flying.first && !self->unsent.count;
}

uint64_t
covey_postbox_announced (const covey_postbox_t *self, uint64_t applied)
{
    const covey_postbox_entry_t *first = covey_tree_first (&self->facts);
    return first ? first->index - 1 : applied;
}
