/*  The limits of a task in time: its lease, the wait for an agent, one attempt,
    all of them, the grace of a requested cancel.

    What a limit means for attempts: a wait for an agent that takes too long and
    the end of all attempts are final; a lease or an attempt that ends is a
    failure like others, and the retry policy decides.                        */
#include "coordinator/fact.h"
#include "coordinator/state_impl.h"

void
covey_state_renew (covey_state_t *self, covey_task_t *task)
{
    task->wake.kind = COVEY_TIMER_LEASE;
    covey_timers_arm (&self->timers, &task->wake,
                      self->now_us + task->lease_ms * 1000);
}

void
covey_state_renew_all (covey_state_t *self)
{
    for (covey_worker_t *w = covey_tree_first (&self->registry.workers); w;
         w = covey_tree_next (&self->registry.workers, w))
        for (covey_task_t *task = covey_tree_first (&w->held); task;
             task = covey_tree_next (&w->held, task))
            covey_state_renew (self, task);
}

int64_t
covey_task_end_us (const covey_task_t *task)
{
    int64_t end_us = task->deadline_us ? task->deadline_us : INT64_MAX;
    if (task->total_ms && task->ready_us &&
        task->ready_us + task->total_ms * 1000 < end_us)
        end_us = task->ready_us + task->total_ms * 1000;
    return end_us;
}

void
covey_state_arm_end (covey_state_t *self, covey_task_t *task)
{
    int64_t end_us = covey_task_end_us (task);
    if (end_us == INT64_MAX)
        return;
    task->deadline.kind = COVEY_TIMER_DEADLINE;
    covey_timers_arm (&self->timers, &task->deadline, end_us);
}

void
covey_state_arm_run (covey_state_t *self, covey_task_t *task)
{
    if (!task->run_ms)
        return;
    task->limit.kind = COVEY_TIMER_RUN;
    covey_timers_arm (&self->timers, &task->limit,
                      self->now_us + task->run_ms * 1000);
}

/*  It may be alive and only silent or slow: then it shall stop.             */
static void
s_take_away (covey_state_t *self, covey_task_t *task, const char *code,
             const char *text, bool delay)
{
    covey_fact_cancelled (self, task, text, task->agent);
    covey_state_lose (self, task, code, text, delay);
}

static void
s_on_lease (covey_state_t *self, covey_task_t *task)
{
    covey_errbuf_t text;
    (void)covey_fail (&text, COVEY_TIMEOUT,
                      "agent %s gave no report for %lld "
                      "ms",
                      task->agent, (long long)task->lease_ms);
    s_take_away (self, task, COVEY_TASK_LEASE_ENDED, text.text, false);
}

static void
s_on_run (covey_state_t *self, covey_task_t *task)
{
    covey_errbuf_t text;
    (void)covey_fail (&text, COVEY_TIMEOUT,
                      "agent %s was not done with it in %lld ms", task->agent,
                      (long long)task->run_ms);
    s_take_away (self, task, COVEY_TASK_RUN_TIMEOUT, text.text, true);
}

static void
s_on_queue (covey_state_t *self, covey_task_t *task)
{
    covey_errbuf_t text;
    (void)covey_fail (&text, COVEY_TIMEOUT,
                      "no agent could take it within %lld ms",
                      (long long)task->queue_ms);
    covey_state_fail (self, task, COVEY_TASK_QUEUE_TIMEOUT, text.text);
}

static void
s_on_end (covey_state_t *self, covey_task_t *task)
{
    bool deadline = task->deadline_us && task->deadline_us <= self->now_us;
    covey_errbuf_t text;
    if (deadline)
        (void)covey_fail (&text, COVEY_TIMEOUT, "the task's deadline passed");
    else
        (void)covey_fail (&text, COVEY_TIMEOUT,
                          "it was not done within %lld ms, all attempts "
                          "together",
                          (long long)task->total_ms);
    if (task->worker) {
        covey_fact_cancelled (self, task, text.text, task->agent);
        covey_state_release (self, task);
    }
    covey_state_fail (self, task,
                      deadline ? COVEY_TASK_DEADLINE : COVEY_TASK_TOTAL_TIMEOUT,
                      text.text);
}

void
covey_state_task_due (covey_state_t *self, covey_timer_t *timer)
{
    covey_task_t *task = timer->owner;
    switch ((int)timer->kind) {
        case COVEY_TIMER_DELAY:
            covey_state_settle (self, task);
            return;
        case COVEY_TIMER_LEASE:
            s_on_lease (self, task);
            return;
        case COVEY_TIMER_QUEUE:
            s_on_queue (self, task);
            return;
        case COVEY_TIMER_RUN:
            s_on_run (self, task);
            return;
        case COVEY_TIMER_GRACE:
            covey_state_cancel (self, task, task->wish);
            return;
        case COVEY_TIMER_DEADLINE:
            s_on_end (self, task);
            return;
        default: /* of another part: state.c keeps it to itself */
            return;
    }
}
