/*  memory_watch - following the shared memory

    A subscription to memory:stored and memory:deleted only says when to look;
    what is shown is read by revision, first as a list of one moment, then as
    the changes behind it. So nothing that happens to events makes a hole.    */

#include "api/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"

#define LOOK_MS 5000 /* also without an event, look this often */

struct covey_memory_watch {
    covey_agent_t *agent;
    covey_memory_query_t query;
    char *prefix, *tag, *consistency;
    uint32_t handle; /* of the subscription; 0: none                          */
    uint32_t hits;   /* events that were seen before the last look            */
    int64_t look_ms; /* when it is time to look without one                   */

    bool is_listing;   /* the snapshot                                        */
    bool must_restart; /* tell so, then list                                  */
    bool must_look;    /* there is more, or it was never looked               */
    uint64_t revision; /* the snapshot's, then where the next look goes on    */
    char after[COVEY_NAME_MAX + 1]; /* last key of the page before            */

    ProtobufCMessage *page; /* a MemoryList or MemoryChanges                  */
    Covey__Control__MemoryView **items;
    size_t item_count, next_item;

    covey_i_memory_t memory;
    covey_memory_change_t change;
};

const char *
covey_change_kind_name (int kind)
{
    static const char *const names[] = {"stored", "deleted", "untagged",
                                        "synced", "restarted"};
    return kind >= 0 && kind <= COVEY_CHANGE_RESTARTED ? names[kind]
                                                       : "unknown";
}

static int
s_left (int64_t until_ms)
{
    int64_t left_ms = until_ms - covey_clock_mono_ms ();
    return left_ms > 1 ? (int)left_ms : 1;
}

static void
s_drop_page (covey_memory_watch_t *self)
{
    covey_i_memory_deinit (&self->memory);
    if (self->page)
        protobuf_c_message_free_unpacked (self->page, NULL);
    self->page = NULL;
    self->item_count = self->next_item = 0;
}

/* ------------------------------------------------------------------------ */
/*  Waking                                                                    */

/*  Subscribed already, or again after unsubscribe_all.                      */
static covey_err_t
s_subscribe (covey_memory_watch_t *self, int64_t until_ms)
{
    static const int types[] = {COVEY_EVENT_MEMORY_STORED,
                                COVEY_EVENT_MEMORY_DELETED};
    covey_i_agent_lock (self->agent);
    bool is_there =
        self->handle && covey_i_agent_subscription (self->agent, self->handle);
    covey_i_agent_unlock (self->agent);
    if (is_there)
        return COVEY_OK;
    self->handle = 0;
    self->hits = 0;
    self->must_look = true;
    const covey_watched_t watched = {.id = self->prefix, .is_prefix = true};
    uint32_t handle = 0;
    covey_err_t rc =
        covey_i_agent_watch (self->agent, types, 2, &watched, s_left (until_ms),
                             &handle, covey_errbuf ());
    if (!rc)
        self->handle = handle;
    return rc;
}

/*  Sleep until an event speaks of a key that is watched, or it is time to look
    anyway; false: the deadline came first.                                   */
static bool
s_wait (covey_memory_watch_t *self, int64_t until_ms)
{
    if (self->must_look)
        return true;
    int64_t wake_ms = self->look_ms < until_ms ? self->look_ms : until_ms;
    self->must_look =
        covey_i_await_hit (self->agent, self->handle, &self->hits, wake_ms) ||
        covey_clock_mono_ms () >= self->look_ms;
    return self->must_look;
}

/* ------------------------------------------------------------------------ */
/*  Looking                                                                   */

static covey_err_t
s_list (covey_memory_watch_t *self, int64_t until_ms)
{
    Covey__Control__MemoryList *list = NULL;
    /* The first page says which moment; who has that is fresh enough. */
    covey_memory_query_t query = self->query;
    query.consistency = self->revision ? NULL : self->consistency;
    covey_err_t rc = covey_i_memory_page (
        self->agent, &query, *self->after ? self->after : NULL, self->revision,
        s_left (until_ms), &list);
    if (rc)
        return rc;
    s_drop_page (self);
    self->page = &list->base;
    self->items = list->entries;
    self->item_count = list->n_entries;
    self->revision = list->revision;
    self->must_look = list->next != NULL;
    covey_str_copy (self->after, sizeof self->after,
                    list->next ? list->next : "");
    return COVEY_OK;
}

/*  LIMIT: what happened meanwhile is not known in full any more.            */
static covey_err_t
s_follow (covey_memory_watch_t *self, int64_t until_ms)
{
    Covey__Control__MemoryFollow follow = COVEY__CONTROL__MEMORY_FOLLOW__INIT;
    ProtobufCMessage *answer = NULL;
    follow.after = self->revision;
    follow.prefix = self->prefix;
    follow.tag = self->tag;
    follow.has_values = true;
    follow.values = !self->query.no_values;
    covey_err_t rc =
        covey_i_memory_ask (self->agent, "memory.changes", &follow.base,
                            &covey__control__memory_changes__descriptor,
                            s_left (until_ms), &answer);
    if (rc)
        return rc;
    Covey__Control__MemoryChanges *changes =
        (Covey__Control__MemoryChanges *)answer;
    s_drop_page (self);
    self->page = answer;
    self->items = changes->changes;
    self->item_count = changes->n_changes;
    self->revision = changes->revision;
    self->must_look = changes->has_more && changes->more;
    return COVEY_OK;
}

/*  Events that come from here on are news to the answer.                    */
static void
s_note_hits (covey_memory_watch_t *self)
{
    covey_i_agent_lock (self->agent);
    const covey_subscription_t *sub =
        covey_i_agent_subscription (self->agent, self->handle);
    if (sub)
        self->hits = sub->watch_hits;
    covey_i_agent_unlock (self->agent);
    self->look_ms = covey_clock_mono_ms () + LOOK_MS;
}

static covey_err_t
s_look (covey_memory_watch_t *self, int64_t until_ms)
{
    s_note_hits (self);
    if (self->is_listing)
        return s_list (self, until_ms);
    covey_err_t rc = s_follow (self, until_ms);
    if (rc != COVEY_LIMIT)
        return rc;
    s_drop_page (self);
    self->must_restart = true;
    return COVEY_OK;
}

/* ------------------------------------------------------------------------ */
/*  Showing                                                                   */

static const covey_memory_change_t *
s_tell (covey_memory_watch_t *self, covey_change_kind_t kind)
{
    self->change =
        (covey_memory_change_t){.kind = kind, .revision = self->revision};
    return &self->change;
}

static const covey_memory_change_t *
s_show_item (covey_memory_watch_t *self)
{
    const Covey__Control__MemoryView *view = self->items[self->next_item++];
    covey_i_memory_deinit (&self->memory);
    covey_i_memory_init (&self->memory, view);
    covey_change_kind_t kind = view->has_reason ? COVEY_CHANGE_DELETED
                               : view->has_untagged && view->untagged
                                   ? COVEY_CHANGE_UNTAGGED
                                   : COVEY_CHANGE_STORED;
    s_tell (self, kind);
    self->change.is_initial = self->is_listing;
    if (!self->is_listing)
        self->change.revision = view->revision;
    self->change.info = &self->memory.info;
    return &self->change;
}

/*  What can be told without asking; NULL: nothing.                          */
static const covey_memory_change_t *
s_show (covey_memory_watch_t *self)
{
    if (self->next_item < self->item_count)
        return s_show_item (self);
    if (self->must_restart) {
        self->must_restart = false;
        self->is_listing = self->must_look = true;
        self->revision = 0;
        self->after[0] = '\0';
        return s_tell (self, COVEY_CHANGE_RESTARTED);
    }
    if (self->is_listing && !self->must_look) {
        self->is_listing = false;
        self->must_look = true;
        return s_tell (self, COVEY_CHANGE_SYNCED);
    }
    return NULL;
}

covey_err_t
covey_memory_watch_next (covey_memory_watch_t *self, int timeout_ms,
                         const covey_memory_change_t **change_p)
{
    assert (self && change_p);
    int64_t until_ms = covey_i_deadline (timeout_ms);
    for (;;) {
        const covey_memory_change_t *change = s_show (self);
        if (change) {
            *change_p = change;
            return COVEY_OK;
        }
        covey_err_t rc = s_subscribe (self, until_ms);
        if (!rc && !s_wait (self, until_ms))
            return covey_fail (covey_errbuf (), COVEY_TIMEOUT,
                               "nothing changed within %d ms", timeout_ms);
        if (!rc)
            rc = s_look (self, until_ms);
        if (rc)
            return rc;
    }
}

covey_err_t
covey_memory_watch_new (covey_agent_t *agent, const covey_memory_query_t *query,
                        int timeout_ms, covey_memory_watch_t **watch_p)
{
    assert (agent && watch_p);
    covey_memory_watch_t *self = covey_mem_new (sizeof *self);
    self->agent = agent;
    if (query)
        self->query = *query;
    self->prefix = covey_str_dup (self->query.prefix ? self->query.prefix : "");
    self->tag = covey_str_dup (self->query.tag);
    self->consistency = covey_str_dup (
        self->query.consistency ? self->query.consistency : "linearizable");
    self->query.prefix = self->prefix;
    self->query.tag = self->tag;
    self->revision = self->query.after;
    self->is_listing = self->query.after == 0;
    self->must_look = true;
    covey_err_t rc = s_subscribe (self, covey_i_deadline (timeout_ms));
    if (rc) {
        covey_memory_watch_destroy (&self);
        return rc;
    }
    *watch_p = self;
    return COVEY_OK;
}

void
covey_memory_watch_destroy (covey_memory_watch_t **self_p)
{
    assert (self_p);
    covey_memory_watch_t *self = *self_p;
    if (!self)
        return;
    covey_errbuf_t kept = *covey_errbuf ();
    if (self->handle)
        (void)covey_agent_unsubscribe (self->agent, self->handle);
    *covey_errbuf () = kept;
    s_drop_page (self);
    free (self->prefix);
    free (self->tag);
    free (self->consistency);
    free (self);
    *self_p = NULL;
}
