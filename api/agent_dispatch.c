/*  agent_dispatch - which handlers an event gets, and what comes of them

    Order     subscriptions by priority, higher first, then the handler of the
              type; each function and argument once per event. What nobody took
              waits for recv.
*/

#include "api/agent_i.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"

#define CALLS_MAX (COVEY_SESSION_SUBSCRIPTIONS_MAX + 1)

typedef struct {
    covey_handler_fn *fn;
    void *arg;
    int priority;
    bool is_type; /* the handler of the type, behind all subscriptions        */
} call_t;

/* ------------------------------------------------------------------------ */
/*  Choosing                                                                  */

static bool
s_is_swarm_type (int type)
{
    return type >= COVEY_EVENT_SWARM_FORMED && type < COVEY_EVENT_NODE_JOINED;
}

static covey_callback_t
s_type_handler (const covey_agent_t *self, int type)
{
    if (type == COVEY_EVENT_TASK_ASSIGNED && self->on_task.fn)
        return self->on_task;
    if (type == COVEY_EVENT_MESSAGE_SENT && self->on_message.fn)
        return self->on_message;
    if (type == COVEY_EVENT_REQUEST)
        return self->on_request;
    if (type == COVEY_EVENT_BROADCAST && self->on_broadcast.fn)
        return self->on_broadcast;
    if (type == COVEY_EVENT_COORDINATION_REQUEST && self->on_coordination.fn)
        return self->on_coordination;
    if (s_is_swarm_type (type) && self->on_swarm.fn)
        return self->on_swarm;
    return self->on_event;
}

static void
s_add_call (call_t *calls, size_t *count, call_t call)
{
    for (size_t i = 0; i < *count; i++)
        if (calls[i].fn == call.fn && calls[i].arg == call.arg)
            return;
    size_t at = *count;
    while (!call.is_type && at > 0 && calls[at - 1].priority < call.priority) {
        calls[at] = calls[at - 1];
        at--;
    }
    calls[at] = call;
    ++*count;
}

/*  Fill `calls`; true when recv should get the event as well.                */
static bool
s_choose (covey_agent_t *self, const covey_entry_t *entry,
          const covey_event_t *event, call_t *calls, size_t *count_p)
{
    bool for_recv = false, for_swarm = false;
    for (size_t i = 0; i < entry->handle_count; i++) {
        if (entry->handles[i] == COVEY_AGENT_SWARM_HANDLE) {
            for_swarm = true;
            continue;
        }
        const covey_subscription_t *sub =
            covey_i_agent_subscription (self, entry->handles[i]);
        if (!sub)
            continue;
        if (sub->fn)
            s_add_call (calls, count_p,
                        (call_t){sub->fn, sub->arg, sub->priority, false});
        else
            for_recv = true;
        if (sub->is_once)
            covey_i_agent_drop_subscription (self, entry->handles[i]);
    }
    if (entry->is_direct || for_swarm) {
        covey_callback_t own = s_type_handler (self, covey_event_type (event));
        if (own.fn)
            s_add_call (calls, count_p, (call_t){own.fn, own.arg, 0, true});
        else if (*count_p == 0)
            for_recv = true;
    }
    return for_recv;
}

/* ------------------------------------------------------------------------ */
/*  Answering for handlers that failed or are not there                       */

static void
s_on_failure (covey_agent_t *self, const covey_event_t *event, covey_err_t rc)
{
    char text[512];
    covey_str_copy (text, sizeof text,
                    *covey_error () ? covey_error () : covey_err_text (rc));
    self->handler_errors++;
    int type = covey_event_type (event);
    bool is_answered = memcmp (self->answered, covey_event_id (event), 16) == 0;
    covey_i_agent_unlock (self);
    /* Neither can do more than fail, and the event is done with either way. */
    if (type == COVEY_EVENT_TASK_ASSIGNED && rc != COVEY_FENCED)
        (void)covey_task_fail (self, event, text, covey_err_name (rc), true);
    else if (type == COVEY_EVENT_REQUEST && !is_answered)
        (void)covey_agent_respond_error (self, event, "INTERNAL_ERROR", text);
    else if (type == COVEY_EVENT_COORDINATION_REQUEST && !is_answered)
        (void)covey_coordination_reject (self, event, text);
    covey_i_agent_lock (self);
}

/*  Requests and tasks that nobody will ever take.                            */
static void
s_decline (covey_agent_t *self, const covey_event_t *event)
{
    char text[COVEY_NAME_MAX + COVEY_AGENT_ID_MAX + 80];
    if (covey_event_type (event) == COVEY_EVENT_TASK_ASSIGNED) {
        covey_i_agent_unlock (self);
        (void)covey_task_reject (self, event, "the agent works on no tasks");
        covey_i_agent_lock (self);
        return;
    }
    snprintf (text, sizeof text, "agent %s answers no requests (method %.200s)",
              self->id, covey_event_str (event, "method"));
    covey_i_agent_unlock (self);
    (void)covey_agent_respond_error (self, event, "METHOD_NOT_FOUND", text);
    covey_i_agent_lock (self);
}

static bool
s_is_mine (const covey_agent_t *self, const covey_event_t *event)
{
    for (size_t i = 0; i < covey_event_target_count (event); i++)
        if (strcmp (covey_event_target (event, i), self->id) == 0)
            return true;
    return false;
}

/*  Asked to take part, and no handler for that: who works on tasks can. True:
    it was answered for the agent.                                            */
static bool
s_take_part (covey_agent_t *self, const covey_event_t *event)
{
    if (covey_event_type (event) != COVEY_EVENT_COORDINATION_REQUEST ||
        self->on_coordination.fn || self->is_receiving ||
        !s_is_mine (self, event) ||
        memcmp (self->answered, covey_event_id (event), 16) == 0)
        return false;
    const char *why = NULL;
    if (!self->on_task.fn)
        why = "the agent works on no tasks";
    else if (self->is_draining)
        why = "the agent is about to leave";
    covey_i_agent_unlock (self);
    /* When it fails, the session does without this agent. */
    if (why)
        (void)covey_coordination_reject (self, event, why);
    else
        (void)covey_coordination_accept (self, event);
    covey_i_agent_lock (self);
    return true;
}

/*  A question to this agent, and it has a handler for these. True: it was
 * asked.
 */
static bool
s_vote (covey_agent_t *self, const covey_event_t *event)
{
    if (covey_event_type (event) != COVEY_EVENT_SWARM_CONSENSUS_REQUEST ||
        !self->on_proposal || !s_is_mine (self, event))
        return false;
    covey_i_agent_answer_proposal (self, event);
    return true;
}

/*  Wait for recv, which drops what it has no room for.                       */
static void
s_keep_for_recv (covey_agent_t *self, covey_event_t **event_p)
{
    int type = covey_event_type (*event_p);
    if (!self->is_receiving && s_is_mine (self, *event_p) &&
        (type == COVEY_EVENT_REQUEST || type == COVEY_EVENT_TASK_ASSIGNED)) {
        s_decline (self, *event_p);
        return;
    }
    if (self->recv.count >= COVEY_AGENT_RECV_MAX) {
        self->dropped_unhandled++;
        return;
    }
    covey_entry_t *entry =
        covey_entry_new (COVEY_ENTRY_EVENT, NULL, 0, NULL, 0);
    entry->answer = *event_p;
    *event_p = NULL;
    covey_entry_push (&self->recv, entry);
    covey_i_agent_wake (self);
}

/* ------------------------------------------------------------------------ */
/*  Running                                                                   */

static void
s_run (covey_agent_t *self, const call_t *call, const covey_event_t *event)
{
    covey_i_agent_unlock (self);
    covey_errbuf ()->text[0] = '\0';
    int64_t start_ns = covey_clock_mono_ns ();
    covey_err_t rc = call->fn (self, event, call->arg);
    int64_t end_ns = covey_clock_mono_ns ();
    covey_i_agent_lock (self);
    covey_meter_add (&self->meter, (uint64_t)(end_ns - start_ns),
                     end_ns / 1000000);
    if (rc == COVEY_OK)
        return;
    if (call->is_type)
        s_on_failure (self, event, rc);
    else
        self->handler_errors++;
}

static void
s_note_task (covey_agent_t *self, const covey_event_t *event)
{
    if (covey_event_type (event) == COVEY_EVENT_TASK_ASSIGNED)
        covey_i_agent_hold_task (self, event);
    else if (covey_event_type (event) == COVEY_EVENT_TASK_CANCELLED)
        covey_i_agent_release_task (self, covey_event_str (event, "taskId"));
}

static void
s_handle_event (covey_agent_t *self, const covey_entry_t *entry)
{
    covey_event_t *event;
    covey_i_agent_unlock (self);
    covey_err_t rc =
        covey_event_unpack (entry->data, entry->size, &event, NULL);
    covey_i_agent_lock (self);
    if (rc) {
        self->dropped_unhandled++;
        return;
    }
    if (entry->offset >= 0)
        covey_event_set_offset (event, entry->offset);
    else if (entry->expires_ms && covey_clock_mono_ms () > entry->expires_ms) {
        self->dropped_expired++;
        covey_event_destroy (&event);
        return;
    }
    call_t few[16], *calls = few;
    if (entry->handle_count >= sizeof few / sizeof *few) {
        calls = calloc (entry->handle_count + 1, sizeof *calls);
        if (!calls)
            abort ();
    }
    size_t count = 0;
    bool for_recv = s_choose (self, entry, event, calls, &count);
    if (entry->offset < 0 && s_is_mine (self, event))
        s_note_task (self, event);
    for (size_t i = 0; i < count; i++)
        s_run (self, &calls[i], event);
    self->events_total++;
    bool is_taken = entry->offset < 0 &&
                    (s_take_part (self, event) || s_vote (self, event));
    if (for_recv && !is_taken)
        s_keep_for_recv (self, &event);
    covey_event_destroy (&event);
    if (calls != few)
        free (calls);
}

static void
s_handle_answer (covey_agent_t *self, const covey_entry_t *entry)
{
    covey_i_agent_unlock (self);
    covey_err_t rc = entry->fn (self, entry->answer, entry->arg);
    covey_i_agent_lock (self);
    if (rc)
        self->handler_errors++;
}

static void
s_handle_notice (covey_agent_t *self, covey_entry_t *entry)
{
    self->notice_count--;
    covey_notice_fn *fn = self->on_notice;
    void *arg = self->notice_arg;
    if (!fn)
        return;
    entry->notice.text = (const char *)entry->data;
    covey_i_agent_unlock (self);
    fn (self, &entry->notice, arg);
    covey_i_agent_lock (self);
}

static void
s_handle (covey_agent_t *self, covey_entry_t **entry_p)
{
    covey_entry_t *entry = *entry_p;
    switch (entry->kind) {
        case COVEY_ENTRY_EVENT:
            s_handle_event (self, entry);
            /* A session that was closed meanwhile wants no account. */
            if (entry->is_delivery && self->session &&
                entry->generation == self->generation)
                covey_session_done (self->session);
            covey_i_agent_remember (self, entry_p);
            return;
        case COVEY_ENTRY_ANSWER:
            s_handle_answer (self, entry);
            break;
        case COVEY_ENTRY_NOTICE:
            s_handle_notice (self, entry);
            break;
    }
    covey_entry_destroy (entry_p);
}

void
covey_i_agent_dispatch (covey_agent_t *self, size_t max, bool for_recv)
{
    for (size_t i = 0; i < max && !self->is_paused; i++) {
        if (for_recv && self->recv.count)
            break;
        if (self->is_stopping && covey_i_agent_is_dispatcher (self))
            break;
        covey_entry_t *entry = covey_entry_pop (&self->inbox);
        if (!entry)
            break;
        self->handling++;
        s_handle (self, &entry);
        self->handling--;
        if (self->is_draining)
            covey_i_agent_wake (self);
        if (i % COVEY_AGENT_BATCH == COVEY_AGENT_BATCH - 1)
            covey_i_agent_pump (self);
    }
    covey_i_agent_flush (self);
}

/* ------------------------------------------------------------------------ */
/*  Setting handlers                                                          */

static void
s_set (covey_agent_t *self, covey_callback_t *callback, covey_handler_fn *fn,
       void *arg)
{
    covey_i_agent_lock (self);
    *callback = (covey_callback_t){fn, arg};
    covey_i_agent_unlock (self);
}

void
covey_agent_on_task (covey_agent_t *self, covey_handler_fn *fn, void *arg)
{
    assert (self);
    s_set (self, &self->on_task, fn, arg);
}

void
covey_agent_on_message (covey_agent_t *self, covey_handler_fn *fn, void *arg)
{
    assert (self);
    s_set (self, &self->on_message, fn, arg);
}

void
covey_agent_on_request (covey_agent_t *self, covey_handler_fn *fn, void *arg)
{
    assert (self);
    s_set (self, &self->on_request, fn, arg);
}

void
covey_agent_on_coordination (covey_agent_t *self, covey_handler_fn *fn,
                             void *arg)
{
    assert (self);
    s_set (self, &self->on_coordination, fn, arg);
}

void
covey_agent_on_broadcast (covey_agent_t *self, covey_handler_fn *fn, void *arg)
{
    assert (self);
    s_set (self, &self->on_broadcast, fn, arg);
}

void
covey_agent_on_event (covey_agent_t *self, covey_handler_fn *fn, void *arg)
{
    assert (self);
    s_set (self, &self->on_event, fn, arg);
}

void
covey_agent_on_swarm (covey_agent_t *self, covey_handler_fn *fn, void *arg)
{
    assert (self);
    covey_i_agent_lock (self);
    bool is_new = !self->on_swarm.fn && fn;
    bool is_over = self->on_swarm.fn && !fn;
    self->on_swarm = (covey_callback_t){fn, arg};
    if (self->session && is_new)
        covey_i_agent_subscribe_swarm (self);
    if (self->session && is_over)
        covey_session_unsubscribe (self->session, COVEY_AGENT_SWARM_HANDLE);
    covey_i_agent_flush (self);
    covey_i_agent_unlock (self);
}

void
covey_agent_on_notice (covey_agent_t *self, covey_notice_fn *fn, void *arg)
{
    assert (self);
    covey_i_agent_lock (self);
    self->on_notice = fn;
    self->notice_arg = arg;
    covey_i_agent_unlock (self);
}
