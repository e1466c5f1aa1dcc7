/*  Tasks, schedules and sessions: what agents are told, and what of their
    reports is taken.                                                         */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "proto/event.h"
#include "tests/support/sim_replog_judge.h"

#define SLOTS 2 /* of an agent, as clients make them */

static sim_task_t *
s_find (const sim_judge_t *self, const char *id)
{
    for (size_t i = self->task_count; i-- > 0;)
        if (strcmp (self->tasks[i].id, id) == 0)
            return &self->tasks[i];
    return NULL;
}

static sim_schedule_t *
s_schedule (const sim_judge_t *self, const char *id, size_t size)
{
    for (size_t i = 0; i < self->schedule_count; i++)
        if (strlen (self->schedules[i].id) == size &&
            strncmp (self->schedules[i].id, id, size) == 0)
            return &self->schedules[i];
    return NULL;
}

static void
s_tell (sim_judge_t *self, const char *id, const char *agent, uint64_t token)
{
    sim_job_t *job = &self->jobs[self->job_count++ % SIM_JOBS];
    covey_str_copy (job->id, sizeof job->id, id);
    covey_str_copy (job->agent, sizeof job->agent, agent);
    job->token = token;
}

/* ---- submitted --------------------------------------------------------------
 */

/*  A task of a schedule is called like it and the time.                     */
static void
s_judge_schedule (sim_judge_t *self, const char *id, size_t size)
{
    sim_schedule_t *schedule = s_schedule (self, id, size);
    self->sums.scheduled++;
    if (!schedule || schedule->gone || schedule->paused ||
        ++schedule->runs > schedule->times) {
        sim_judge_break (self, "%s runs, and its schedule does not", id);
        return;
    }
    for (size_t i = 0; i < self->task_count; i++)
        if (!self->tasks[i].ended &&
            strncmp (self->tasks[i].id, id, size + 1) == 0)
            sim_judge_break (self, "%s runs beside %s", id, self->tasks[i].id);
}

static void
s_on_submitted (sim_judge_t *self, const covey_event_t *fact, const char *id)
{
    const char *slash = strchr (id, '/');
    if (s_find (self, id))
        sim_judge_break (self, "task %s is submitted twice", id);
    if (slash)
        s_judge_schedule (self, id, (size_t)(slash - id));
    self->tasks = covey_mem_room (self->tasks, self->task_count,
                                  &self->task_room, sizeof *self->tasks);
    sim_task_t *task = &self->tasks[self->task_count++];
    *task = (sim_task_t){0};
    covey_str_copy (task->id, sizeof task->id, id);
    for (size_t i = 0; i < covey_event_count (fact, "dependencies") && i < 2;
         i++)
        covey_str_copy (task->after[i], sizeof task->after[i],
                        covey_event_str_at (fact, "dependencies", i));
    self->live_count++;
}

static void
s_end (sim_judge_t *self, sim_task_t *task)
{
    if (task->ended)
        sim_judge_break (self, "task %s ends twice", task->id);
    else
        self->live_count--;
    task->ended = true;
    task->held = task->paused = task->asked = false;
}

/* ---- assigned ---------------------------------------------------------------
 */

static void
s_on_assigned (sim_judge_t *self, const covey_event_t *fact, sim_task_t *task)
{
    size_t others = 0;
    self->sums.assigned++;
    task->token = (uint64_t)covey_event_int (fact, "fencingToken");
    sim_judge_token (self, task->token);
    task->assigned = self->index;
    if (task->ended || task->held || task->paused || task->asked)
        sim_judge_break (self, "task %s is %s and assigned", task->id,
                         task->ended  ? "ended"
                         : task->held ? "held"
                                      : "paused, or to be");
    for (size_t i = 0; i < 2 && *task->after[i]; i++) {
        const sim_task_t *on = s_find (self, task->after[i]);
        if (!on || !on->completed)
            sim_judge_break (self, "task %s is assigned before %s is completed",
                             task->id, task->after[i]);
    }
    covey_str_copy (task->agent, sizeof task->agent,
                    covey_event_target (fact, 0));
    for (size_t i = 0; i < self->task_count; i++)
        others += self->tasks[i].held &&
                  strcmp (self->tasks[i].agent, task->agent) == 0;
    if (others >= SLOTS)
        sim_judge_break (self, "agent %s has %zu tasks and gets %s",
                         task->agent, others, task->id);
    task->held = true;
    task->lease_us = covey_event_int (fact, "lease") * 1000;
    task->ends_us = self->now_us + task->lease_us;
    s_tell (self, task->id, task->agent, task->token);
}

/*  A report is of who holds it, under its token.                            */
static void
s_check_report (sim_judge_t *self, const covey_event_t *fact,
                const sim_task_t *task)
{
    if (!task->held || strcmp (task->agent, covey_event_source (fact)) != 0 ||
        (uint64_t)covey_event_int (fact, "fencingToken") != task->token)
        sim_judge_break (self, "task %s: a report of %s is taken", task->id,
                         covey_event_source (fact));
}

static void
s_on_progress (sim_judge_t *self, const covey_event_t *fact, sim_task_t *task)
{
    const char *status = covey_event_str (fact, "status");
    if (strcmp (covey_event_source (fact), COVEY_SERVICE_COORDINATOR) != 0)
        s_check_report (self, fact, task);
    else {
        task->asked = strstr (status, "Requested") != NULL;
        task->paused = strcmp (status, "paused") == 0;
        task->held = task->held && !task->paused;
    }
}

static void
s_on_failed (sim_judge_t *self, const covey_event_t *fact, sim_task_t *task)
{
    if (strcmp (covey_event_source (fact), COVEY_SERVICE_COORDINATOR) != 0)
        s_check_report (self, fact, task);
    if (task->held && task->ends_us > self->now_us &&
        strcmp (covey_event_str (fact, "errorCode"), "LEASE_ENDED") == 0)
        sim_judge_break (self, "task %s is taken away before its time",
                         task->id);
    task->held = false;
    if (!covey_event_bool (fact, "retryable"))
        s_end (self, task);
}

static void
s_on_task (sim_judge_t *self, const covey_event_t *fact, sim_task_t *task)
{
    bool is_word = covey_event_target_count (fact) > 0;
    switch (covey_event_type (fact)) {
        case COVEY_EVENT_TASK_ASSIGNED:
            s_on_assigned (self, fact, task);
            break;
        case COVEY_EVENT_TASK_ACCEPTED:
        case COVEY_EVENT_TASK_STARTED:
            s_check_report (self, fact, task);
            break;
        case COVEY_EVENT_TASK_REJECTED:
            s_check_report (self, fact, task);
            task->held = false;
            break;
        case COVEY_EVENT_TASK_PROGRESS:
            if (!is_word)
                s_on_progress (self, fact, task);
            break;
        case COVEY_EVENT_TASK_COMPLETED:
            s_check_report (self, fact, task);
            s_end (self, task);
            task->completed = true;
            self->sums.completed++;
            break;
        case COVEY_EVENT_TASK_FAILED:
            s_on_failed (self, fact, task);
            break;
        case COVEY_EVENT_TASK_PARKED:
            s_end (self, task);
            task->parked = true;
            break;
        case COVEY_EVENT_TASK_CANCELLED:
            if (!is_word && !task->parked)
                s_end (self, task);
            task->parked = task->parked && is_word;
            break;
        default:
            break;
    }
}

/* ---- sessions ---------------------------------------------------------------
 */

static void
s_on_session (sim_judge_t *self, const covey_event_t *fact)
{
    const char *id = covey_event_str (fact, "coordinationId");
    uint64_t hash = covey_str_hash (id, strlen (id));
    int type = covey_event_type (fact);
    const uint64_t *over = sim_map_find (&self->sessions, hash, 1);
    if (type == COVEY_EVENT_COORDINATION_REQUEST)
        for (size_t i = 0; i < covey_event_target_count (fact); i++)
            s_tell (self, id, covey_event_target (fact, i), 0);
    if (over && over[0] && over[0] != self->index)
        sim_judge_break (self, "something is told of session %s, which is over",
                         id);
    if (type != COVEY_EVENT_COORDINATION_COMPLETE)
        return;
    if (over && over[0])
        sim_judge_break (self, "session %s ends twice", id);
    (void)sim_map_put (&self->sessions, hash, 1, self->index, 0);
    self->sums.sessions++;
}

/* ---- what was asked ---------------------------------------------------------
 */

static const Covey__Control__TaskReport *
s_report (const Covey__Control__Command *c)
{
    switch ((int)c->op_case) {
        case COVEY__CONTROL__COMMAND__OP_TASK_ACCEPT:
            return c->task_accept;
        case COVEY__CONTROL__COMMAND__OP_TASK_START:
            return c->task_start;
        case COVEY__CONTROL__COMMAND__OP_TASK_PROGRESS:
            return c->task_progress;
        case COVEY__CONTROL__COMMAND__OP_TASK_COMPLETE:
            return c->task_complete;
        case COVEY__CONTROL__COMMAND__OP_TASK_FAIL:
            return c->task_fail;
        case COVEY__CONTROL__COMMAND__OP_TASK_REJECT:
            return c->task_reject;
        case COVEY__CONTROL__COMMAND__OP_TASK_YIELD:
            return c->task_yield;
        default:
            return NULL;
    }
}

/*  What is answered with OK was of the last holder, and lengthens the lease
    when it goes on.                                                          */
static void
s_judge_report (sim_judge_t *self)
{
    const Covey__Control__TaskReport *report = s_report (self->command);
    if (!report || !self->is_new || self->effects->code)
        return;
    sim_task_t *task = s_find (self, report->task_id);
    if (!task || task->token != report->fencing_token ||
        strcmp (task->agent, self->command->client_id) != 0) {
        if (task && task->assigned == self->index)
            return; /* given back, and to somebody else by this very command */
        sim_judge_break (
            self, "a report of %s on task %s under token %" PRIu64 " is taken",
            self->command->client_id, report->task_id, report->fencing_token);
        return;
    }
    if (task->held)
        task->ends_us = self->now_us + task->lease_us;
}

static void
s_judge_batch (sim_judge_t *self)
{
    const Covey__Control__Command *c = self->command;
    if (c->op_case != COVEY__CONTROL__COMMAND__OP_TASK_BATCH || !self->is_new)
        return;
    size_t count = 0;
    for (size_t i = 0; i < c->task_batch->n_tasks; i++)
        count += s_find (self, c->task_batch->tasks[i]->task_id) != NULL;
    self->sums.batches += !self->effects->code;
    if (count != (self->effects->code ? 0 : c->task_batch->n_tasks))
        sim_judge_break (self, "%zu of %zu tasks of a batch are taken: %s",
                         count, c->task_batch->n_tasks,
                         covey_err_name (self->effects->code));
}

static void
s_set_schedule (sim_judge_t *self, const char *id, bool paused, bool gone)
{
    sim_schedule_t *schedule = s_schedule (self, id, strlen (id));
    if (!schedule || schedule->gone) {
        sim_judge_break (self, "schedule %s is changed, and there is none", id);
        return;
    }
    schedule->paused = paused;
    schedule->gone = gone;
}

/*  A new one has no time yet: what is told by this command is older.        */
static void
s_judge_schedules (sim_judge_t *self)
{
    const Covey__Control__Command *c = self->command;
    if (sim_judge_is_done (self, COVEY__CONTROL__COMMAND__OP_SCHEDULE_DELETE))
        s_set_schedule (self, c->schedule_delete->schedule_id, false, true);
    if (sim_judge_is_done (self, COVEY__CONTROL__COMMAND__OP_SCHEDULE_PAUSE))
        s_set_schedule (self, c->schedule_pause->schedule_id, true, false);
    if (!sim_judge_is_done (self, COVEY__CONTROL__COMMAND__OP_SCHEDULE_ADD))
        return;
    self->schedules =
        covey_mem_room (self->schedules, self->schedule_count,
                        &self->schedule_room, sizeof *self->schedules);
    sim_schedule_t *schedule = &self->schedules[self->schedule_count++];
    *schedule = (sim_schedule_t){.times = c->schedule_add->times};
    covey_str_copy (schedule->id, sizeof schedule->id,
                    c->schedule_add->schedule_id);
}

static void
s_on_retried (sim_judge_t *self, const char *id)
{
    sim_task_t *task = s_find (self, id);
    if (!task || !task->ended || task->completed) {
        sim_judge_break (self, "task %s is tried again", id);
        return;
    }
    task->ended = task->parked = false;
    self->live_count++;
}

static void
s_check_all (sim_judge_t *self)
{
    for (size_t i = 0; i < self->task_count; i++)
        if (self->tasks[i].held && self->tasks[i].ends_us <= self->now_us)
            sim_judge_break (self, "agent %s has task %s longer than its lease",
                             self->tasks[i].agent, self->tasks[i].id);
    if (self->live_count > self->limits.tasks_max)
        sim_judge_break (self, "%zu tasks wait or run", self->live_count);
}

static void
s_on_fact (sim_judge_t *self, const covey_event_t *fact)
{
    const char *id = covey_event_str (fact, "taskId");
    int type = covey_event_type (fact);
    if (type == COVEY_EVENT_TASK_SUBMITTED)
        s_on_submitted (self, fact, id);
    else if (type >= COVEY_EVENT_COORDINATION_REQUEST &&
             type <= COVEY_EVENT_COORDINATION_COMPLETE)
        s_on_session (self, fact);
    else if (type == COVEY_EVENT_SYSTEM_INFO) {
        if (*covey_event_metadata (fact, "taskId"))
            s_on_retried (self, covey_event_metadata (fact, "taskId"));
    } else if (type >= COVEY_EVENT_TASK_ASSIGNED &&
               type <= COVEY_EVENT_TASK_PARKED) {
        sim_task_t *task = s_find (self, id);
        if (task)
            s_on_task (self, fact, task);
        else
            sim_judge_break (self, "%s of task %s, which nobody submitted",
                             covey_event_type_name (type), id);
    }
}

void
sim_judge_tasks (sim_judge_t *self)
{
    const Covey__Control__Command *c = self->command;
    if (c->op_case == COVEY__CONTROL__COMMAND__OP_TICK && c->tick->resumed)
        for (size_t i = 0; i < self->task_count; i++)
            self->tasks[i].ends_us = self->now_us + self->tasks[i].lease_us;
    /* what was kept back runs behind the command */
    if (sim_judge_is_done (self, COVEY__CONTROL__COMMAND__OP_SCHEDULE_RESUME))
        s_set_schedule (self, c->schedule_resume->schedule_id, false, false);
    for (size_t i = 0; i < self->effects->fact_count; i++)
        s_on_fact (self, self->effects->facts[i]);
    s_judge_report (self);
    s_judge_batch (self);
    s_judge_schedules (self);
    s_check_all (self);
}
