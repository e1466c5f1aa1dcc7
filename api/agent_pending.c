/*  agent_pending - requests without answer: the table, what ends one, and what
    is asked again because nobody decided                                     */

#include "api/agent_i.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"

static size_t
s_slot (const char *request_id)
{
    return (size_t)covey_str_hash (request_id, strlen (request_id)) %
           COVEY_AGENT_PENDING_SLOTS;
}

void
covey_i_agent_expect (covey_agent_t *self, covey_pending_t *pending)
{
    covey_pending_t **slot = &self->pending[s_slot (pending->request_id)];
    pending->next = *slot;
    *slot = pending;
    self->pending_count++;
    if (pending->is_ask &&
        (!self->pending_ms || pending->deadline_ms < self->pending_ms)) {
        self->pending_ms = pending->deadline_ms;
        covey_i_agent_keep (self, self->pending_ms);
    }
}

void
covey_i_agent_forget_request (covey_agent_t *self, covey_pending_t *pending)
{
    covey_pending_t **at = &self->pending[s_slot (pending->request_id)];
    while (*at && *at != pending)
        at = &(*at)->next;
    if (!*at)
        return;
    *at = pending->next;
    self->pending_count--;
}

static covey_pending_t *
s_find (const covey_agent_t *self, const char *request_id)
{
    covey_pending_t *pending = self->pending[s_slot (request_id)];
    while (pending && strcmp (pending->request_id, request_id) != 0)
        pending = pending->next;
    return pending;
}

static covey_pending_t *
s_find_ticket (const covey_agent_t *self, uint64_t ticket)
{
    for (size_t i = 0; i < COVEY_AGENT_PENDING_SLOTS; i++)
        for (covey_pending_t *p = self->pending[i]; p; p = p->next)
            if (p->ticket == ticket && !p->is_done)
                return p;
    return NULL;
}

/*  The answer of an ask goes to the dispatching thread.                      */
static void
s_finish_ask (covey_agent_t *self, covey_pending_t *pending,
              covey_event_t *answer)
{
    covey_entry_t *entry =
        covey_entry_new (COVEY_ENTRY_ANSWER, NULL, 0, NULL, 0);
    entry->answer = answer;
    entry->fn = pending->fn;
    entry->arg = pending->arg;
    covey_entry_push (&self->inbox, entry);
    covey_i_agent_forget_request (self, pending);
    covey_event_destroy (&pending->request);
    free (pending);
    covey_i_agent_wake (self);
}

bool
covey_i_is_for_coordinator (const char *target)
{
    return target && strcmp (target, COVEY_SERVICE_COORDINATOR) == 0;
}

bool
covey_i_is_undecided (covey_err_t rc, const covey_event_t *response)
{
    if (rc)
        return rc == COVEY_NOCOORDINATOR || rc == COVEY_NOAGENT;
    const char *code = covey_event_str (response, "error.code");
    return !covey_event_bool (response, "success") && code &&
           strcmp (code, covey_err_name (COVEY_NOCOORDINATOR)) == 0;
}

/*  An ask to the coordinator that nobody decided: again, after a pause. */
static bool
s_put_off (covey_agent_t *self, covey_pending_t *pending, covey_err_t rc,
           const covey_event_t *response)
{
    int64_t again_ms = covey_clock_mono_ms () + COVEY_AGENT_AGAIN_MS;
    if (!pending->is_ask || !covey_event_target_count (pending->request) ||
        !covey_i_is_for_coordinator (
            covey_event_target (pending->request, 0)) ||
        !covey_i_is_undecided (rc, response) ||
        again_ms >= pending->deadline_ms)
        return false;
    pending->again_ms = again_ms;
    if (!self->pending_ms || again_ms < self->pending_ms) {
        self->pending_ms = again_ms;
        covey_i_agent_keep (self, again_ms);
    }
    return true;
}

bool
covey_i_agent_take_response (covey_agent_t *self, covey_event_t **event_p)
{
    covey_pending_t *pending =
        s_find (self, covey_event_str (*event_p, "requestId"));
    if (!pending || pending->is_done)
        return false;
    covey_event_t *answer = *event_p;
    *event_p = NULL;
    if (s_put_off (self, pending, COVEY_OK, answer))
        covey_event_destroy (&answer);
    else if (pending->is_ask)
        s_finish_ask (self, pending, answer);
    else {
        pending->answer = answer;
        pending->is_done = true;
        covey_i_agent_wake (self);
    }
    return true;
}

/*  End a request without an answer from the other side.                      */
static void
s_fail (covey_agent_t *self, covey_pending_t *pending, covey_err_t code,
        const char *text)
{
    if (!pending->is_ask) {
        pending->code = covey_fail (&pending->text, code, "%s", text);
        pending->is_done = true;
        covey_i_agent_wake (self);
        return;
    }
    /* Of a group nobody answered: the node says so. */
    const char *source = covey_event_target_count (pending->request)
                             ? covey_event_target (pending->request, 0)
                             : COVEY_SERVICE_NODE;
    covey_event_t *answer = covey_event_error (pending->request, source,
                                               covey_err_name (code), text);
    if (!answer)
        abort ();
    s_finish_ask (self, pending, answer);
}

bool
covey_i_agent_fail_request (covey_agent_t *self, const char *request_id,
                            uint64_t ticket, covey_err_t code, const char *text)
{
    covey_pending_t *pending =
        request_id ? s_find (self, request_id) : s_find_ticket (self, ticket);
    if (!pending || pending->is_done)
        return false;
    if (!s_put_off (self, pending, code, NULL))
        s_fail (self, pending, code, text);
    return true;
}

void
covey_i_agent_fail_all (covey_agent_t *self, covey_err_t code, const char *text)
{
    for (size_t i = 0; i < COVEY_AGENT_PENDING_SLOTS; i++)
        for (covey_pending_t *p = self->pending[i], *next; p; p = next) {
            next = p->next;
            if (!p->is_done)
                s_fail (self, p, code, text);
        }
    self->pending_ms = 0;
}

static void
s_time_out (covey_agent_t *self, covey_pending_t *pending)
{
    char hint[COVEY_HINT_MAX];
    covey_errbuf_t text;
    covey_i_hint_outcome (self->id,
                          covey_event_target_count (pending->request)
                              ? covey_event_target (pending->request, 0)
                              : NULL,
                          covey_event_str (pending->request, "method"),
                          pending->request_id, hint);
    covey_err_t code = covey_fail (&text, COVEY_TIMEOUT,
                                   "no answer within the timeout%s", hint);
    s_fail (self, pending, code, text.text);
}

/*  The same request in a new event: one with the old id would be dropped as
    one that came twice.                                                      */
static void
s_ask_again (covey_agent_t *self, covey_pending_t *pending)
{
    covey_errbuf_t err;
    covey_id_t id = covey_id_new ();
    covey_event_t *event = covey_event_dup (pending->request);
    pending->again_ms = 0;
    if (!event || covey_event_set_id (event, id.bytes)) {
        covey_event_destroy (&event);
        return; /* the deadline ends it                                       */
    }
    memcpy (pending->event_id, id.bytes, sizeof pending->event_id);
    if (covey_i_agent_queue (self, &event, COVEY_LEVEL_ACCEPTED, 0, 0, NULL,
                             &pending->ticket, &err))
        pending->again_ms = covey_clock_mono_ms () + COVEY_AGENT_AGAIN_MS;
    covey_event_destroy (&event);
}

void
covey_i_agent_expire (covey_agent_t *self, int64_t now_ms)
{
    if (!self->pending_ms || now_ms < self->pending_ms)
        return;
    self->pending_ms = 0;
    for (size_t i = 0; i < COVEY_AGENT_PENDING_SLOTS; i++)
        for (covey_pending_t *p = self->pending[i], *next; p; p = next) {
            next = p->next;
            if (!p->is_ask)
                continue;
            if (p->deadline_ms <= now_ms) {
                s_time_out (self, p);
                continue;
            }
            if (p->again_ms && p->again_ms <= now_ms)
                s_ask_again (self, p);
            int64_t next_ms = p->again_ms ? p->again_ms : p->deadline_ms;
            if (!self->pending_ms || next_ms < self->pending_ms)
                self->pending_ms = next_ms;
        }
}
