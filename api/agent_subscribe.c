/*  agent_subscribe - subscriptions, with history first when it is wanted     */

#include "api/agent_i.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"

#define SUBSCRIBE_MS 5000
#define HISTORY_DEFAULT 100
#define HISTORY_LIMIT 10000
#define DAY_US INT64_C (86400000000)

/* ------------------------------------------------------------------------ */
/*  The table, ordered by handle                                              */

static size_t
s_lower_bound (const covey_agent_t *self, uint32_t handle)
{
    size_t low = 0, high = self->subscription_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (self->subscriptions[middle]->handle < handle)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

covey_subscription_t *
covey_i_agent_subscription (const covey_agent_t *self, uint32_t handle)
{
    size_t at = s_lower_bound (self, handle);
    if (at < self->subscription_count &&
        self->subscriptions[at]->handle == handle)
        return self->subscriptions[at];
    return NULL;
}

void
covey_i_subscription_destroy (covey_subscription_t **self_p)
{
    if (!*self_p)
        return;
    covey_entry_clear (&(*self_p)->held);
    free (*self_p);
    *self_p = NULL;
}

static covey_subscription_t *
s_add (covey_agent_t *self)
{
    covey_subscription_t **list = realloc (
        self->subscriptions, (self->subscription_count + 1) * sizeof (void *));
    covey_subscription_t *sub = calloc (1, sizeof *sub);
    if (!list || !sub)
        abort ();
    sub->handle = self->next_handle++;
    self->subscriptions = list;
    list[self->subscription_count++] = sub;
    return sub;
}

static void
s_drop (covey_agent_t *self, uint32_t handle)
{
    size_t at = s_lower_bound (self, handle);
    if (at == self->subscription_count ||
        self->subscriptions[at]->handle != handle)
        return;
    covey_i_subscription_destroy (&self->subscriptions[at]);
    self->subscription_count--;
    memmove (&self->subscriptions[at], &self->subscriptions[at + 1],
             (self->subscription_count - at) * sizeof (void *));
    if (self->session)
        covey_session_unsubscribe (self->session, handle);
}

/* ------------------------------------------------------------------------ */
/*  Subscribing                                                               */

/*  A filter as the wire has it. The lists are borrowed from the filter.      */
typedef struct {
    Covey__Wire__Subscribe message;
    uint32_t types[COVEY_LIST_MAX];
    uint32_t priorities[COVEY_LIST_MAX];
} subscribe_t;

static covey_err_t
s_check_lists (const covey_filter_t *filter, covey_errbuf_t *err)
{
    const struct {
        const char *name;
        size_t count;
    } lists[] = {{"types", filter->type_count},
                 {"sources", filter->source_count},
                 {"targets", filter->target_count},
                 {"correlation ids", filter->correlation_id_count},
                 {"session ids", filter->session_id_count},
                 {"tags", filter->tag_count},
                 {"priorities", filter->priority_count}};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (lists[i].count > COVEY_LIST_MAX)
            return covey_fail (err, COVEY_LIMIT,
                               "filter: %zu %s, at most %d are allowed",
                               lists[i].count, lists[i].name, COVEY_LIST_MAX);
    return COVEY_OK;
}

/*  The strings are only read by the session, which copies them.              */
#define S_TEXTS(list) ((char **)(uintptr_t)(list))

static void
s_fill (subscribe_t *to, uint32_t handle, const covey_filter_t *filter,
        bool observe)
{
    covey__wire__subscribe__init (&to->message);
    to->message.handle = handle;
    for (size_t i = 0; i < filter->type_count; i++)
        to->types[i] = (uint32_t)filter->types[i];
    for (size_t i = 0; i < filter->priority_count; i++)
        to->priorities[i] = (uint32_t)filter->priorities[i];
    to->message.types = to->types;
    to->message.n_types = filter->type_count;
    to->message.priorities = to->priorities;
    to->message.n_priorities = filter->priority_count;
    to->message.sources = S_TEXTS (filter->sources);
    to->message.n_sources = filter->source_count;
    to->message.targets = S_TEXTS (filter->targets);
    to->message.n_targets = filter->target_count;
    to->message.correlation_ids = S_TEXTS (filter->correlation_ids);
    to->message.n_correlation_ids = filter->correlation_id_count;
    to->message.session_ids = S_TEXTS (filter->session_ids);
    to->message.n_session_ids = filter->session_id_count;
    to->message.tags = S_TEXTS (filter->tags);
    to->message.n_tags = filter->tag_count;
    to->message.has_observe = true;
    to->message.observe = observe || filter->target_count > 0;
}

/*  Wait until the node confirmed `handle`; drops it when it did not.         */
static covey_err_t
s_await_live (covey_agent_t *self, uint32_t handle, int64_t until_ms,
              int timeout_ms, covey_errbuf_t *err)
{
    covey_err_t rc = COVEY_OK;
    for (;;) {
        covey_subscription_t *sub = covey_i_agent_subscription (self, handle);
        if (!sub)
            return covey_fail (err, COVEY_CANCELED,
                               "agent %s unsubscribed meanwhile", self->id);
        if (sub->is_answered && sub->is_live)
            return COVEY_OK;
        if (sub->is_answered)
            rc = covey_fail (err, sub->code, "%s", sub->text.text);
        else
            rc = covey_i_agent_check (self, err);
        if (rc == COVEY_OK && covey_clock_mono_ms () >= until_ms)
            rc = covey_i_agent_is_open (self)
                     ? covey_fail (err, COVEY_TIMEOUT,
                                   "the subscription of agent %s was not live "
                                   "on all nodes within %d ms",
                                   self->id, timeout_ms)
                     : covey_fail (err, COVEY_UNREACHABLE,
                                   "agent %s: the node at %s does not answer",
                                   self->id, self->endpoint);
        if (rc) {
            s_drop (self, handle);
            return rc;
        }
        covey_i_agent_wait (self, until_ms);
    }
}

static covey_err_t
s_subscribe (covey_agent_t *self, const covey_filter_t *filter,
             const covey_subscription_t *like, bool observe, int timeout_ms,
             uint32_t *handle_p, covey_errbuf_t *err)
{
    covey_err_t rc = s_check_lists (filter, err);
    if (rc)
        return rc;
    subscribe_t *wire = calloc (1, sizeof *wire);
    if (!wire)
        abort ();
    int64_t until_ms = covey_i_deadline (timeout_ms);
    covey_i_agent_lock (self);
    rc = covey_i_agent_check (self, err);
    if (rc == COVEY_OK) {
        covey_subscription_t *sub = s_add (self);
        uint32_t handle = sub->handle;
        sub->priority = like->priority;
        sub->fn = like->fn;
        sub->arg = like->arg;
        sub->is_held = like->is_held;
        sub->is_once = like->is_once;
        sub->watched = like->watched;
        s_fill (wire, handle, filter, observe);
        rc = covey_session_subscribe (self->session, &wire->message);
        if (rc) {
            s_drop (self, handle);
            rc = covey_fail (err, rc, "subscription of agent %s: %s", self->id,
                             covey_err_text (rc));
        } else {
            covey_i_agent_flush (self);
            rc = s_await_live (self, handle, until_ms, timeout_ms, err);
        }
        *handle_p = handle;
    }
    covey_i_agent_unlock (self);
    free (wire);
    return rc;
}

covey_err_t
covey_i_agent_watch (covey_agent_t *self, const int *types, size_t type_count,
                     const covey_watched_t *watched, int timeout_ms,
                     uint32_t *handle_p, covey_errbuf_t *err)
{
    covey_filter_t filter = {.types = types, .type_count = type_count};
    covey_subscription_t like = {.watched = *watched};
    return s_subscribe (self, &filter, &like, true, timeout_ms, handle_p, err);
}

covey_err_t
covey_i_agent_subscribe_once (covey_agent_t *self, int type,
                              const char *correlation_id, covey_handler_fn *fn,
                              void *arg, int timeout_ms, uint32_t *handle_p,
                              covey_errbuf_t *err)
{
    covey_filter_t filter = {.types = &type,
                             .type_count = 1,
                             .correlation_ids = &correlation_id,
                             .correlation_id_count = 1};
    covey_subscription_t like = {
        .fn = fn, .arg = arg, .is_held = true, .is_once = true};
    return s_subscribe (self, &filter, &like, false, timeout_ms, handle_p, err);
}

void
covey_i_agent_drop_subscription (covey_agent_t *self, uint32_t handle)
{
    s_drop (self, handle);
}

void
covey_i_agent_subscribe_swarm (covey_agent_t *self)
{
    uint32_t types[COVEY_EVENT_NODE_JOINED - COVEY_EVENT_SWARM_FORMED];
    Covey__Wire__Subscribe message = COVEY__WIRE__SUBSCRIBE__INIT;
    message.handle = COVEY_AGENT_SWARM_HANDLE;
    message.types = types;
    for (int type = COVEY_EVENT_SWARM_FORMED; type < COVEY_EVENT_NODE_JOINED;
         type++)
        if (covey_event_type_name (type))
            types[message.n_types++] = (uint32_t)type;
    /* It cannot be refused: eight types, one handle. */
    (void)covey_session_subscribe (self->session, &message);
}

/* ------------------------------------------------------------------------ */
/*  History                                                                   */

typedef struct {
    covey_entry_list_t list; /* newest first                                  */
    covey_errbuf_t *err;
} history_t;

static covey_err_t
s_collect (covey_agent_t *self, const covey_event_t *event, void *arg)
{
    (void)self;
    history_t *history = arg;
    covey_buf_t packed;
    covey_buf_init (&packed, COVEY_EVENT_MAX);
    covey_err_t rc = covey_event_pack (event, &packed, history->err);
    if (rc == COVEY_OK) {
        covey_entry_t *entry = covey_entry_new (COVEY_ENTRY_EVENT, packed.data,
                                                packed.size, NULL, 0);
        entry->offset = covey_event_offset (event);
        /* In front: the query goes from the newest to the oldest. */
        entry->next = history->list.first;
        history->list.first = entry;
        if (!history->list.last)
            history->list.last = entry;
        history->list.count++;
    }
    covey_buf_deinit (&packed);
    return rc;
}

static bool
s_same_event (const covey_entry_t *a, const covey_entry_t *b)
{
    covey_peek_t left, right;
    return covey_peek (a->data, a->size, &left) == COVEY_OK &&
           covey_peek (b->data, b->size, &right) == COVEY_OK && left.id &&
           right.id && covey_id_equal (left.id, right.id);
}

static bool
s_has (const covey_entry_list_t *list, const covey_entry_t *wanted)
{
    for (const covey_entry_t *entry = list->first; entry; entry = entry->next)
        if (s_same_event (entry, wanted))
            return true;
    return false;
}

/*  An entry that goes to one subscription only.                              */
static void
s_deliver (covey_agent_t *self, covey_entry_t *entry, uint32_t handle)
{
    covey_entry_t *own = covey_entry_new (COVEY_ENTRY_EVENT, entry->data,
                                          entry->size, &handle, 1);
    own->offset = entry->offset;
    covey_entry_push (&self->inbox, own);
    covey_entry_destroy (&entry);
}

/*  Stored events, then what came live meanwhile without those, then live.    */
static void
s_release (covey_agent_t *self, uint32_t handle, covey_entry_list_t *stored)
{
    covey_subscription_t *sub = covey_i_agent_subscription (self, handle);
    if (!sub)
        return;
    covey_entry_list_t live = {0};
    covey_entry_t *entry;
    while ((entry = covey_entry_pop (&sub->held))) {
        if (s_has (stored, entry))
            covey_entry_destroy (&entry);
        else
            covey_entry_push (&live, entry);
    }
    while ((entry = covey_entry_pop (stored)))
        s_deliver (self, entry, handle);
    while ((entry = covey_entry_pop (&live)))
        s_deliver (self, entry, handle);
    sub->is_held = false;
    covey_i_agent_wake (self);
}

void
covey_i_agent_release (covey_agent_t *self, uint32_t handle)
{
    covey_entry_list_t stored = {0};
    covey_i_agent_lock (self);
    s_release (self, handle, &stored);
    covey_i_agent_unlock (self);
}

static covey_err_t
s_deliver_history (covey_agent_t *self, const covey_filter_t *filter,
                   const covey_subscribe_options_t *options, uint32_t handle,
                   int timeout_ms)
{
    covey_filter_t query = *filter;
    query.since_us = options->history_since_us
                         ? options->history_since_us
                         : covey_clock_wall_us () - DAY_US;
    query.limit =
        options->history_limit ? options->history_limit : HISTORY_DEFAULT;
    if (query.limit > HISTORY_LIMIT)
        query.limit = HISTORY_LIMIT;
    query.newest_first = true;
    history_t history = {.err = covey_errbuf ()};
    covey_err_t rc =
        covey_agent_query (self, &query, timeout_ms, s_collect, &history);
    covey_i_agent_lock (self);
    if (rc == COVEY_OK)
        s_release (self, handle, &history.list);
    else
        s_drop (self, handle);
    covey_i_agent_unlock (self);
    covey_entry_clear (&history.list);
    return rc;
}

/* ------------------------------------------------------------------------ */
/*  The public calls                                                          */

covey_err_t
covey_agent_subscribe (covey_agent_t *self, const covey_filter_t *filter,
                       const covey_subscribe_options_t *options,
                       covey_handler_fn *fn, void *arg, uint32_t *handle_p)
{
    assert (self);
    static const covey_filter_t everything = {0};
    static const covey_subscribe_options_t none = {0};
    filter = filter ? filter : &everything;
    options = options ? options : &none;
    int timeout_ms =
        options->timeout_ms > 0 ? options->timeout_ms : SUBSCRIBE_MS;
    int64_t until_ms = covey_i_deadline (timeout_ms);
    covey_subscription_t like = {.priority = options->priority,
                                 .fn = fn,
                                 .arg = arg,
                                 .is_held = options->include_history};
    uint32_t handle = 0;
    covey_err_t rc = s_subscribe (self, filter, &like, options->observe,
                                  timeout_ms, &handle, covey_errbuf ());
    if (rc == COVEY_OK && options->include_history) {
        int64_t left_ms = until_ms - covey_clock_mono_ms ();
        rc = s_deliver_history (self, filter, options, handle,
                                left_ms > 100 ? (int)left_ms : 100);
    }
    if (rc == COVEY_OK && handle_p)
        *handle_p = handle;
    return rc;
}

covey_err_t
covey_agent_unsubscribe (covey_agent_t *self, uint32_t handle)
{
    assert (self);
    covey_i_agent_lock (self);
    bool is_known = covey_i_agent_subscription (self, handle) != NULL;
    s_drop (self, handle);
    covey_i_agent_flush (self);
    covey_i_agent_unlock (self);
    if (!is_known)
        return covey_fail (covey_errbuf (), COVEY_NOTFOUND,
                           "agent %s has no subscription %u", self->id, handle);
    return COVEY_OK;
}

covey_err_t
covey_agent_unsubscribe_all (covey_agent_t *self)
{
    assert (self);
    covey_i_agent_lock (self);
    while (self->subscription_count)
        s_drop (self,
                self->subscriptions[self->subscription_count - 1]->handle);
    covey_i_agent_flush (self);
    covey_i_agent_unlock (self);
    return COVEY_OK;
}

covey_err_t
covey_agent_pause (covey_agent_t *self)
{
    assert (self);
    covey_i_agent_lock (self);
    self->is_paused = true;
    covey_i_agent_unlock (self);
    return COVEY_OK;
}

covey_err_t
covey_agent_resume (covey_agent_t *self)
{
    assert (self);
    covey_i_agent_lock (self);
    self->is_paused = false;
    covey_i_agent_wake (self);
    covey_i_agent_unlock (self);
    return COVEY_OK;
}
