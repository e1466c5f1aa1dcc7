#include "cli/worker.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/errand_text.h"
#include "proto/event.h"

/*  Twice the slots: while the end of one task is still being reported, the next
    may be there already.                                                     */
#define TASKS_MAX ((size_t)2 * COVEY_WORKER_SLOTS_MAX)
#define ERRANDS_MAX (TASKS_MAX + COVEY_WORKER_VOTES_MAX)
#define POLL_MAX_MS 1000

struct covey_worker {
    covey_errand_setup_t setup;
    size_t slots;
    covey_errand_t errands[ERRANDS_MAX]; /* [0, TASKS_MAX) tasks, then votes */
    int signals; /* signalfd                                   */
    bool attached, superseded;
    int64_t stop_at_ms; /* hand back what still runs; 0: not stopping */
    int64_t end_at_ms;
};

static void
s_fill_signals (sigset_t *set)
{
    sigemptyset (set);
    sigaddset (set, SIGCHLD);
    sigaddset (set, SIGHUP);
    sigaddset (set, SIGINT);
    sigaddset (set, SIGTERM);
}

void
covey_worker_block_signals (void)
{
    sigset_t set;
    s_fill_signals (&set);
    pthread_sigmask (SIG_BLOCK, &set, NULL);
}

/* ------------------------------------------------------------------------ */
/*  What the agent hears                                                      */

static covey_errand_t *
s_free_errand (covey_worker_t *self, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        if (self->errands[i].state == COVEY_ERRAND_FREE)
            return &self->errands[i];
    return NULL;
}

/*  Slots that are taken: a task whose command has ended takes none.         */
static size_t
s_busy (const covey_worker_t *self)
{
    size_t count = 0;
    for (size_t i = 0; i < TASKS_MAX; i++)
        count += self->errands[i].state == COVEY_ERRAND_STARTING ||
                 self->errands[i].state == COVEY_ERRAND_RUNNING;
    return count;
}

static covey_err_t
s_on_answer_ignored (covey_agent_t *agent, const covey_event_t *answer,
                     void *arg)
{
    (void)agent;
    (void)answer;
    (void)arg;
    return COVEY_OK;
}

static covey_err_t
s_reject (covey_worker_t *self, const covey_event_t *assigned,
          const char *reason)
{
    char *params = covey_errand_reject_params (assigned, reason);
    covey_err_t rc = covey_agent_ask (
        self->setup.agent, COVEY_SERVICE_COORDINATOR, "task.reject", params,
        COVEY_ERRAND_ASK_MS, s_on_answer_ignored, NULL);
    free (params);
    return rc;
}

static covey_err_t
s_on_task (covey_agent_t *agent, const covey_event_t *event, void *arg)
{
    covey_worker_t *self = arg;
    (void)agent;
    if (self->stop_at_ms)
        return s_reject (self, event, "the agent shuts down");
    const char *id = covey_event_str (event, "taskId");
    int64_t token = covey_event_int (event, "fencingToken");
    int64_t now_ms = covey_clock_mono_ms ();
    for (size_t i = 0; i < TASKS_MAX; i++) {
        covey_errand_t *errand = &self->errands[i];
        if (!covey_errand_is (errand, "taskId", id))
            continue;
        if (covey_event_int (errand->event, "fencingToken") == token)
            return COVEY_OK; /* the same assignment again                    */
        covey_errand_drop (errand, now_ms);
    }
    covey_errand_t *errand = s_free_errand (self, 0, TASKS_MAX);
    if (!errand || s_busy (self) >= self->slots)
        return s_reject (self, event, "all slots are busy");
    covey_errand_begin_task (errand, event, now_ms);
    return COVEY_OK;
}

/*  Who wants a task to stop is heard in the answer to a report; the coordinator
    tells it by an event, too, so that it need not wait for the next.         */
static void
s_on_wish (covey_worker_t *self, const covey_event_t *event)
{
    const char *status = covey_event_str (event, "status");
    if (strcmp (status, "pauseRequested") != 0 &&
        strcmp (status, "cancelRequested") != 0)
        return;
    const char *id = covey_event_str (event, "taskId");
    for (size_t i = 0; i < TASKS_MAX; i++)
        if (covey_errand_is (&self->errands[i], "taskId", id))
            covey_errand_nudge (&self->errands[i], covey_clock_mono_ms ());
}

static covey_err_t
s_on_cancelled (covey_agent_t *agent, const covey_event_t *event, void *arg)
{
    covey_worker_t *self = arg;
    (void)agent;
    if (covey_event_type (event) == COVEY_EVENT_TASK_PROGRESS)
        s_on_wish (self, event);
    if (covey_event_type (event) != COVEY_EVENT_TASK_CANCELLED)
        return COVEY_OK;
    const char *id = covey_event_str (event, "taskId");
    for (size_t i = 0; i < TASKS_MAX; i++)
        if (covey_errand_is (&self->errands[i], "taskId", id))
            covey_errand_drop (&self->errands[i], covey_clock_mono_ms ());
    return COVEY_OK;
}

static covey_err_t
s_on_swarm (covey_agent_t *agent, const covey_event_t *event, void *arg)
{
    covey_worker_t *self = arg;
    (void)agent;
    if (covey_event_type (event) != COVEY_EVENT_SWARM_CONSENSUS_REQUEST ||
        !self->setup.vote_command || self->stop_at_ms)
        return COVEY_OK;
    const char *id = covey_event_str (event, "consensusId");
    for (size_t i = TASKS_MAX; i < ERRANDS_MAX; i++)
        if (covey_errand_is (&self->errands[i], "consensusId", id))
            return COVEY_OK;
    covey_errand_t *errand = s_free_errand (self, TASKS_MAX, ERRANDS_MAX);
    if (errand)
        covey_errand_begin_vote (errand, event, covey_clock_mono_ms ());
    else
        fprintf (stderr, "%s: no ballot, %d vote commands run already\n", id,
                 COVEY_WORKER_VOTES_MAX);
    return COVEY_OK;
}

/*  The answer is not waited for: the session tells by its steps.            */
static covey_err_t
s_on_coordination (covey_agent_t *agent, const covey_event_t *event, void *arg)
{
    covey_worker_t *self = arg;
    const char *why = NULL;
    if (self->setup.solo)
        why = "the agent takes no part in coordinations";
    else if (self->stop_at_ms)
        why = "the agent shuts down";
    char *params = covey_errand_coordination_params (event, why);
    covey_err_t rc = covey_agent_ask (
        agent, COVEY_SERVICE_COORDINATOR,
        why ? "mesh.coordination.reject" : "mesh.coordination.accept", params,
        COVEY_ERRAND_ASK_MS, s_on_answer_ignored, NULL);
    free (params);
    return rc;
}

static covey_err_t
s_on_request (covey_agent_t *agent, const covey_event_t *event, void *arg)
{
    (void)arg;
    return covey_agent_respond_error (
        agent, event, "NOTFOUND",
        "this agent runs a command for tasks, it answers no requests");
}

static size_t
s_running (const covey_worker_t *self)
{
    size_t count = 0;
    for (size_t i = 0; i < ERRANDS_MAX; i++)
        count += self->errands[i].state != COVEY_ERRAND_FREE;
    return count;
}

static void
s_announce (covey_worker_t *self)
{
    size_t busy = s_busy (self);
    assert (self->slots > 0);
    int capacity = (int)((self->slots - busy) * 100 / self->slots);
    if (covey_agent_ready (self->setup.agent, capacity, (int)busy) != COVEY_OK)
        fprintf (stderr, "covey agent run: %s\n", covey_error ());
}

static void
s_on_notice (covey_agent_t *agent, const covey_notice_t *notice, void *arg)
{
    covey_worker_t *self = arg;
    (void)agent;
    switch (notice->kind) {
        case COVEY_NOTICE_DETACHED:
            self->attached = false;
            fprintf (stderr,
                     "covey agent run: the node is gone (%s); waiting "
                     "for it to come back\n",
                     notice->text);
            break;
        case COVEY_NOTICE_ATTACHED:
            if (!self->attached) {
                self->attached = true;
                fprintf (stderr, "covey agent run: attached again\n");
                s_announce (self);
            }
            break;
        case COVEY_NOTICE_DRAINING:
            fprintf (stderr, "covey agent run: %s\n", notice->text);
            break;
        case COVEY_NOTICE_SUPERSEDED:
            self->superseded = true;
            break;
        case COVEY_NOTICE_UNDELIVERED:
        case COVEY_NOTICE_REFUSED:
        case COVEY_NOTICE_GAP:
        case COVEY_NOTICE_BALLOT:
            break; /* reports have their own answers                        */
    }
}

/* ------------------------------------------------------------------------ */

covey_worker_t *
covey_worker_new (const covey_errand_setup_t *setup, int slots)
{
    assert (slots >= 1 && slots <= COVEY_WORKER_SLOTS_MAX);
    sigset_t set;
    covey_worker_t *self = calloc (1, sizeof *self);
    if (!self)
        abort ();
    self->setup = *setup;
    self->slots = (size_t)slots;
    for (size_t i = 0; i < ERRANDS_MAX; i++)
        covey_errand_init (&self->errands[i], &self->setup);
    s_fill_signals (&set);
    self->signals = signalfd (-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (self->signals < 0)
        abort ();
    covey_agent_on_task (setup->agent, s_on_task, self);
    covey_agent_on_swarm (setup->agent, s_on_swarm, self);
    covey_agent_on_coordination (setup->agent, s_on_coordination, self);
    covey_agent_on_event (setup->agent, s_on_cancelled, self);
    covey_agent_on_request (setup->agent, s_on_request, self);
    covey_agent_on_notice (setup->agent, s_on_notice, self);
    return self;
}

void
covey_worker_destroy (covey_worker_t **self_p)
{
    covey_worker_t *self = *self_p;
    if (!self)
        return;
    *self_p = NULL;
    for (size_t i = 0; i < ERRANDS_MAX; i++)
        covey_errand_deinit (&self->errands[i]);
    close (self->signals);
    free (self);
}

/* ------------------------------------------------------------------------ */
/*  The loop                                                                  */

static void
s_read_signals (covey_worker_t *self, int64_t now_ms)
{
    struct signalfd_siginfo info;
    while (read (self->signals, &info, sizeof info) == sizeof info) {
        if (info.ssi_signo == SIGCHLD)
            continue; /* it woke us up: pump looks at every child          */
        if (self->stop_at_ms) {
            self->stop_at_ms = now_ms;
            continue;
        }
        self->stop_at_ms = now_ms + COVEY_WORKER_STOP_MS / 2;
        self->end_at_ms = now_ms + COVEY_WORKER_STOP_MS;
    }
}

static int
s_timeout_ms (const covey_worker_t *self, int64_t now_ms)
{
    int64_t next = now_ms + POLL_MAX_MS;
    for (size_t i = 0; i < ERRANDS_MAX; i++) {
        int64_t at = covey_errand_next_ms (&self->errands[i]);
        if (at < next)
            next = at;
    }
    if (self->stop_at_ms && self->stop_at_ms > now_ms &&
        self->stop_at_ms < next)
        next = self->stop_at_ms;
    if (self->end_at_ms && self->end_at_ms < next)
        next = self->end_at_ms;
    return next <= now_ms ? 0 : (int)(next - now_ms);
}

static void
s_wait (covey_worker_t *self, int64_t now_ms)
{
    struct pollfd fds[2 + 3 * ERRANDS_MAX];
    size_t count = 0;
    fds[count++] = (struct pollfd){.fd = covey_agent_fd (self->setup.agent),
                                   .events = POLLIN};
    fds[count++] = (struct pollfd){.fd = self->signals, .events = POLLIN};
    for (size_t i = 0; i < ERRANDS_MAX; i++)
        if (self->errands[i].state != COVEY_ERRAND_FREE &&
            self->errands[i].child)
            count += covey_child_pollfds (self->errands[i].child, fds + count);
    (void)poll (fds, count, s_timeout_ms (self, now_ms)); /* all are tried */
}

/*  One turn; false when there is nothing left to wait for.                  */
static bool
s_turn (covey_worker_t *self)
{
    int64_t now_ms = covey_clock_mono_ms ();
    s_wait (self, now_ms);
    now_ms = covey_clock_mono_ms ();
    s_read_signals (self, now_ms);
    if (covey_agent_dispatch (self->setup.agent) != COVEY_OK)
        fprintf (stderr, "covey agent run: %s\n", covey_error ());
    if (self->superseded)
        return false;
    if (self->stop_at_ms && now_ms >= self->stop_at_ms)
        for (size_t i = 0; i < ERRANDS_MAX; i++)
            covey_errand_hand_back (&self->errands[i], now_ms);
    for (size_t i = 0; i < ERRANDS_MAX; i++)
        covey_errand_pump (&self->errands[i], now_ms);
    if (!self->stop_at_ms)
        return true;
    return s_running (self) > 0 && now_ms < self->end_at_ms && self->attached;
}

covey_err_t
covey_worker_run (covey_worker_t *self, covey_errbuf_t *err)
{
    self->attached = true;
    s_announce (self);
    while (s_turn (self))
        ;
    if (self->superseded)
        return covey_fail (err, COVEY_FENCED,
                           "another session took the agent id \"%s\"; choose "
                           "another --id or end that one",
                           covey_agent_id (self->setup.agent));
    return COVEY_OK;
}
