/*  agent_inbox - from the session to the queue of the dispatching thread     */

#include "api/agent_i.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

covey_entry_t *
covey_entry_new (covey_entry_kind_t kind, const void *data, size_t size,
                 const uint32_t *handles, size_t handle_count)
{
    /* One allocation: the handles behind the struct, the bytes behind them. */
    size_t handles_size = handle_count * sizeof *handles;
    covey_entry_t *self = malloc (sizeof *self + handles_size + size + 1);
    if (!self)
        abort ();
    memset (self, 0, sizeof *self);
    self->kind = kind;
    self->offset = -1;
    self->handles = (uint32_t *)(self + 1);
    self->handle_count = handle_count;
    self->data = (uint8_t *)(self + 1) + handles_size;
    self->size = size;
    if (handles_size)
        memcpy (self->handles, handles, handles_size);
    if (size)
        memcpy (self->data, data, size);
    self->data[size] = '\0';
    return self;
}

void
covey_entry_destroy (covey_entry_t **self_p)
{
    covey_entry_t *self = *self_p;
    if (!self)
        return;
    covey_event_destroy (&self->answer);
    free (self);
    *self_p = NULL;
}

void
covey_entry_push (covey_entry_list_t *list, covey_entry_t *entry)
{
    entry->next = NULL;
    if (list->last)
        list->last->next = entry;
    else
        list->first = entry;
    list->last = entry;
    list->count++;
}

covey_entry_t *
covey_entry_pop (covey_entry_list_t *list)
{
    covey_entry_t *entry = list->first;
    if (!entry)
        return NULL;
    list->first = entry->next;
    if (!list->first)
        list->last = NULL;
    list->count--;
    entry->next = NULL;
    return entry;
}

void
covey_entry_clear (covey_entry_list_t *list)
{
    covey_entry_t *entry;
    while ((entry = covey_entry_pop (list)))
        covey_entry_destroy (&entry);
}

/*  Those who wait are told when there is something after there was nothing.  */
static void
s_push (covey_agent_t *self, covey_entry_t *entry)
{
    covey_entry_push (&self->inbox, entry);
    if (self->inbox.count == 1)
        covey_i_agent_wake (self);
}

void
covey_i_agent_notice (covey_agent_t *self, covey_notice_kind_t kind,
                      covey_err_t code, const uint8_t *event_id,
                      const char *text)
{
    if (!self->on_notice)
        return;
    bool is_about_agent = kind != COVEY_NOTICE_UNDELIVERED &&
                          kind != COVEY_NOTICE_REFUSED &&
                          kind != COVEY_NOTICE_BALLOT;
    if (self->notice_count >= COVEY_AGENT_NOTICES_MAX && !is_about_agent)
        return;
    covey_errbuf_t line;
    (void)covey_fail (&line, code, "%s", text ? text : "");
    covey_entry_t *entry = covey_entry_new (COVEY_ENTRY_NOTICE, line.text,
                                            strlen (line.text), NULL, 0);
    entry->notice.kind = kind;
    entry->notice.code = code;
    if (event_id)
        memcpy (entry->notice.event_id, event_id, 16);
    self->notice_count++;
    s_push (self, entry);
}

/*  A stamp from the future is not followed, and said once.                   */
static void
s_follow_clock (covey_agent_t *self, const covey_peek_t *view)
{
    if (!view->hlc ||
        covey_hlc_receive (&self->hlc, view->hlc, self->wall_us) ||
        self->skew_reported)
        return;
    char source[COVEY_AGENT_ID_MAX + 1], text[300];
    covey_slice_copy (view->source, source, sizeof source);
    snprintf (text, sizeof text,
              "the clock of %s is %lld ms ahead of this one, more than the %d "
              "ms that are followed; check the clocks of both hosts",
              source,
              (long long)(covey_hlc_ms (view->hlc) - self->wall_us / 1000),
              COVEY_HLC_MAX_SKEW_MS);
    self->skew_reported = true;
    covey_i_agent_notice (self, COVEY_NOTICE_REFUSED, COVEY_LIMIT, view->id,
                          text);
}

/*  Does the event speak of this task, vote or key? All of these types have it
   as field 1, which comes first. */
static bool
s_is_about (const covey_peek_t *view, const covey_watched_t *watched)
{
    const uint8_t *data = (const uint8_t *)view->data.text;
    size_t left = view->data.size, wanted = strlen (watched->id);
    if (left < 2 || data[0] != 0x0a)
        return false;
    size_t size = data[1] & 0x7f, head = 2;
    if (data[1] & 0x80) {
        if (left < 3)
            return false;
        size |= (size_t)data[2] << 7; /* names are shorter than 16 KiB        */
        head = 3;
    }
    return (watched->is_prefix ? size >= wanted : size == wanted) &&
           left - head >= size &&
           memcmp (data + head, watched->id, wanted) == 0;
}

/*  Which of the matching subscriptions want it from the inbox? Watches only
    take note, those that wait for their history keep a copy.                 */
static size_t
s_keep_handles (covey_agent_t *self, const covey_peek_t *view,
                const uint32_t *handles, size_t handle_count, uint32_t *kept,
                size_t kept_max)
{
    size_t count = 0;
    for (size_t i = 0; i < handle_count && count < kept_max; i++) {
        if (handles[i] == 0)
            continue; /* by target or scope too                               */
        if (handles[i] == COVEY_AGENT_SWARM_HANDLE) {
            kept[count++] = handles[i];
            continue;
        }
        covey_subscription_t *sub =
            covey_i_agent_subscription (self, handles[i]);
        if (!sub)
            continue; /* it was on its way when we unsubscribed               */
        if (sub->watched.id) {
            if (s_is_about (view, &sub->watched)) {
                sub->watch_hits++;
                covey_i_agent_wake (self);
            }
        } else if (!sub->is_held)
            kept[count++] = handles[i];
        else if (sub->held.count < COVEY_AGENT_HELD_MAX)
            covey_entry_push (&sub->held,
                              covey_entry_new (COVEY_ENTRY_EVENT, view->bytes,
                                               view->size, &handles[i], 1));
        else
            self->dropped_unhandled++;
    }
    return count;
}

static bool
s_take_response (covey_agent_t *self, const covey_peek_t *view)
{
    if (view->type != COVEY_EVENT_RESPONSE ||
        !covey_peek_has_target (view, self->id))
        return false;
    covey_event_t *response;
    if (covey_event_unpack (view->bytes, view->size, &response, NULL))
        return false;
    bool is_taken = covey_i_agent_take_response (self, &response);
    if (!is_taken)
        self->dropped_late++;
    covey_event_destroy (&response);
    return true;
}

/*  The node counted so far; from here on it is our turn.                     */
static int64_t
s_expires_ms (const covey_agent_t *self)
{
    uint32_t left_ms = covey_session_ttl_left (self->session);
    return left_ms ? covey_clock_mono_ms () + (int64_t)left_ms : 0;
}

/*  True: it is in the inbox now.                                             */
static bool
s_take_event (covey_agent_t *self, const void *data, size_t size,
              const uint32_t *handles, size_t handle_count)
{
    covey_peek_t view;
    if (covey_peek (data, size, &view) || !view.id) {
        self->dropped_unhandled++;
        return false;
    }
    s_follow_clock (self, &view);
    if (!covey_seen_add (&self->seen, view.id)) {
        self->dropped_duplicate++;
        return false;
    }
    bool is_direct = handle_count == 0 || handles[handle_count - 1] == 0;
    if (is_direct && s_take_response (self, &view) && handle_count == 0)
        return false;

    uint32_t some[16], *kept = some;
    size_t kept_max = sizeof some / sizeof *some;
    if (handle_count > kept_max) {
        kept = calloc (handle_count, sizeof *kept);
        if (!kept)
            abort ();
        kept_max = handle_count;
    }
    size_t count =
        s_keep_handles (self, &view, handles, handle_count, kept, kept_max);
    if (is_direct || count) {
        covey_entry_t *entry =
            covey_entry_new (COVEY_ENTRY_EVENT, data, size, kept, count);
        entry->is_direct = is_direct;
        entry->is_delivery = true;
        entry->expires_ms = s_expires_ms (self);
        entry->generation = self->generation;
        s_push (self, entry);
    }
    if (kept != some)
        free (kept);
    return is_direct || count;
}

void
covey_i_agent_on_event (covey_agent_t *self, const void *data, size_t size,
                        const uint32_t *handles, size_t handle_count)
{
    if (!s_take_event (self, data, size, handles, handle_count))
        covey_session_done (self->session);
}
