/*  agent_drain - an agent that stops taking work, finishes what it has, and
    leaves

    Order     no capacity any more is told first; then one question each to the
              coordinator and to the node, whose answers come behind whatever
              they gave to this agent before; then the rest is waited for */

#include "api/agent_i.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "api/held.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"

#define ASK_MS 2000  /* longest wait for the answer to one question  */
#define LEAVE_MS 500 /* for the last words, when the deadline has passed */

void
covey_i_agent_hold_task (covey_agent_t *self, const covey_event_t *assigned)
{
    if (self->task_count >= COVEY_AGENT_TASKS_MAX)
        return;
    self->tasks = covey_mem_room (self->tasks, self->task_count,
                                  &self->task_capacity, sizeof *self->tasks);
    self->tasks[self->task_count++] =
        covey_str_dup (covey_event_str (assigned, "taskId"));
}

/*  A node that drains waits for tasks that are long in work, too, when it knows
    of them.                                                                  */
void
covey_i_agent_tell_tasks (covey_agent_t *self)
{
    if (!self->node_drains || self->is_client)
        return;
    covey_event_t *event = covey_event_new (COVEY_EVENT_AGENT_READY);
    if (!event)
        return;
    covey_err_t rc = covey_event_set_str (event, "agentId", self->id);
    if (rc == COVEY_OK)
        rc = covey_event_set_int (event, "availableCapacity", 0);
    if (rc == COVEY_OK)
        rc = covey_event_set_int (event, "currentTasks",
                                  (int64_t)self->task_count);
    assert (rc == COVEY_OK);
    uint64_t ticket; /* when it finds no room, the node waits a little longer */
    (void)covey_i_agent_queue (self, &event, COVEY_LEVEL_ACCEPTED, 0, 0, NULL,
                               &ticket, NULL);
    covey_event_destroy (&event);
}

void
covey_i_agent_release_task (covey_agent_t *self, const char *task_id)
{
    for (size_t i = 0; i < self->task_count; i++)
        if (strcmp (self->tasks[i], task_id) == 0) {
            free (self->tasks[i]);
            self->tasks[i] = self->tasks[--self->task_count];
            covey_i_agent_tell_tasks (self);
            covey_i_agent_wake (self);
            return;
        }
}

void
covey_i_task_is_over (covey_agent_t *agent, const char *task_id)
{
    covey_i_agent_lock (agent);
    covey_i_agent_release_task (agent, task_id);
    covey_i_agent_flush (agent);
    covey_i_agent_unlock (agent);
}

/*  What it answers is of no interest, only that it does.                     */
static void
s_ask (covey_agent_t *self, const char *target, const char *method,
       const char *params, int64_t until_ms)
{
    int64_t left_ms = until_ms - covey_clock_mono_ms ();
    if (left_ms <= 0)
        return;
    covey_call_t call = {.target = target, .method = method, .params = params};
    covey_event_t *response = NULL;
    covey_errbuf_t ignored;
    (void)covey_i_agent_exchange (self, &call,
                                  left_ms < ASK_MS ? (int)left_ms : ASK_MS,
                                  &response, &ignored);
    covey_event_destroy (&response);
}

static bool
s_is_idle (const covey_agent_t *self)
{
    return !self->inbox.count && !self->recv.count && !self->handling &&
           !self->task_count;
}

/*  Until nothing is left to do; whoever runs the handlers goes on, and when
    nobody does, this thread.                                                 */
static covey_err_t
s_finish (covey_agent_t *self, int64_t until_ms)
{
    covey_err_t rc = COVEY_OK;
    covey_i_agent_lock (self);
    while (rc == COVEY_OK && !s_is_idle (self)) {
        if (!self->is_started)
            covey_i_agent_dispatch (self, COVEY_AGENT_DISPATCH_MAX, false);
        if (s_is_idle (self))
            break;
        rc = covey_i_agent_check (self, covey_errbuf ());
        if (rc == COVEY_OK && covey_clock_mono_ms () >= until_ms)
            rc = covey_fail (covey_errbuf (), COVEY_TIMEOUT,
                             "agent %s left with %zu events in its queue and "
                             "%zu tasks that it has not finished",
                             self->id,
                             self->inbox.count + self->recv.count +
                                 (size_t)self->handling,
                             self->task_count);
        if (rc == COVEY_OK)
            covey_i_agent_wait (self, until_ms);
    }
    covey_i_agent_unlock (self);
    return rc;
}

covey_err_t
covey_agent_drain (covey_agent_t *self, const char *reason, int timeout_ms)
{
    assert (self);
    int64_t until_ms = covey_i_deadline (timeout_ms);
    covey_i_agent_lock (self);
    bool is_attached = self->endpoint != NULL;
    bool in_handler = covey_i_agent_is_dispatcher (self);
    self->is_draining = is_attached && !in_handler;
    bool tells = self->is_draining && !self->is_client;
    covey_i_agent_unlock (self);
    if (in_handler)
        return covey_fail (covey_errbuf (), COVEY_STATE,
                           "agent %s: drain waits for its handlers, so it "
                           "cannot be called in one of them",
                           self->id);
    if (!is_attached)
        return COVEY_OK;
    covey_err_t rc = tells ? covey_agent_ready (self, 0, 0) : COVEY_OK;
    if (rc == COVEY_OK)
        rc = covey_agent_flush (self, COVEY_LEVEL_ACCEPTED, timeout_ms);
    if (rc == COVEY_OK && tells) {
        s_ask (self, COVEY_SERVICE_COORDINATOR, "task.show",
               "{\"taskId\":\"drain\"}", until_ms);
        s_ask (self, COVEY_SERVICE_NODE, "mesh.nodes", NULL, until_ms);
    }
    if (rc == COVEY_OK)
        rc = s_finish (self, until_ms);
    covey_errbuf_t kept = *covey_errbuf ();
    int64_t left_ms = until_ms - covey_clock_mono_ms ();
    covey_err_t left = covey_agent_shutdown (
        self, reason, left_ms > LEAVE_MS ? (int)left_ms : LEAVE_MS);
    covey_i_agent_lock (self);
    self->is_draining = false;
    covey_i_agent_unlock (self);
    if (rc)
        *covey_errbuf () = kept;
    return rc ? rc : left;
}
