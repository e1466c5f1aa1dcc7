/*  Commands about schedules, and what a schedule does when its time comes.   */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "coordinator/fact.h"
#include "coordinator/state_impl.h"

static int
s_by_id (const void *a, const void *b)
{
    return strcmp (((const covey_schedule_t *)a)->id,
                   ((const covey_schedule_t *)b)->id);
}

static int
s_key_id (const void *key, const void *item)
{
    return strcmp (key, ((const covey_schedule_t *)item)->id);
}

void
covey_state_init_schedules (covey_state_t *self)
{
    covey_tree_init (&self->schedules, offsetof (covey_schedule_t, by_id),
                     s_by_id);
    covey_tree_init (&self->woken, offsetof (covey_schedule_t, in_woken),
                     s_by_id);
}

covey_schedule_t *
covey_state_find_schedule (const covey_state_t *self, const char *schedule_id)
{
    return covey_tree_find (&self->schedules, schedule_id, s_key_id);
}

covey_schedule_t *
covey_state_schedule_after (const covey_state_t *self, const char *schedule_id)
{
    return schedule_id
               ? covey_tree_after (&self->schedules, schedule_id, s_key_id)
               : covey_tree_first (&self->schedules);
}

void
covey_state_drop_schedule (covey_state_t *self, covey_schedule_t *schedule)
{
    covey_task_t *task;
    while ((task = covey_tree_first (&schedule->live))) {
        covey_tree_remove (&schedule->live, task);
        task->schedule = NULL;
    }
    covey_timers_disarm (&self->timers, &schedule->timer);
    if (covey_link_is_in (&schedule->in_woken))
        covey_tree_remove (&self->woken, schedule);
    covey_tree_remove (&self->schedules, schedule);
    self->schedule_bytes -= schedule->bytes;
    covey_schedule_destroy (&schedule);
}

void
covey_state_deinit_schedules (covey_state_t *self)
{
    covey_schedule_t *schedule;
    while ((schedule = covey_tree_first (&self->schedules)))
        covey_state_drop_schedule (self, schedule);
}

/* ---- its tasks --------------------------------------------------------------
 */

void
covey_state_link_schedule (covey_task_t *task, covey_schedule_t *schedule)
{
    task->schedule = schedule;
    covey_tree_insert (&schedule->live, task);
}

/*  What it buffered may run behind the command, if there is any.            */
static void
s_wake (covey_state_t *self, covey_schedule_t *schedule)
{
    if (!schedule->live.count && schedule->buffered_count &&
        !covey_link_is_in (&schedule->in_woken))
        covey_tree_insert (&self->woken, schedule);
}

void
covey_state_schedule_ended (covey_state_t *self, covey_task_t *task)
{
    covey_schedule_t *schedule = task->schedule;
    if (!schedule)
        return;
    covey_tree_remove (&schedule->live, task);
    task->schedule = NULL;
    s_wake (self, schedule);
}

static void
s_submit (covey_state_t *self, covey_schedule_t *schedule, int64_t time_us)
{
    char id[COVEY_NAME_MAX + 1], when[40];
    covey_str_time (time_us, when);
    snprintf (id, sizeof id, "%s/%s", schedule->id, when);
    Covey__Control__TaskSubmit submit = *schedule->task;
    submit.task_id = id;
    if (covey_state_may_submit (self, &submit, 1) != COVEY_OK) {
        schedule->refused++;
        return;
    }
    covey_task_t *task =
        covey_state_submit (self, &submit, schedule->submitter);
    covey_task_set (&task->schedule_id, schedule->id);
    covey_state_link_schedule (task, schedule);
    schedule->runs++;
    schedule->last_us = time_us;
}

static void
s_buffer (covey_schedule_t *schedule, int64_t time_us, size_t max)
{
    if (schedule->buffered_count < max)
        schedule->buffered[schedule->buffered_count++] = time_us;
    else
        schedule->skipped++;
}

static void
s_fire (covey_state_t *self, covey_schedule_t *schedule, int64_t time_us)
{
    covey_task_t *task = covey_tree_first (&schedule->live);
    if (task && schedule->overlap == COVEY_OVERLAP_SKIP)
        schedule->skipped++;
    else if (task && schedule->overlap == COVEY_OVERLAP_BUFFER_ONE)
        s_buffer (schedule, time_us, 1);
    else if (task && schedule->overlap == COVEY_OVERLAP_BUFFER_ALL)
        s_buffer (schedule, time_us, COVEY_SCHEDULE_BUFFER_MAX);
    else {
        while (schedule->overlap == COVEY_OVERLAP_CANCEL_OTHER &&
               (task = covey_tree_first (&schedule->live)))
            covey_state_cancel (self, task,
                                "the next time of its schedule has come");
        s_submit (self, schedule, time_us);
    }
}

static void
s_arm (covey_state_t *self, covey_schedule_t *schedule)
{
    if (schedule->next_us != INT64_MAX && !schedule->paused)
        covey_timers_arm (&self->timers, &schedule->timer, schedule->next_us);
}

/*  Times that nobody will make up; at most a burst of them is counted.      */
static void
s_miss (covey_schedule_t *schedule, int64_t oldest_us)
{
    for (int i = 0; schedule->next_us < oldest_us; i++) {
        schedule->missed++;
        schedule->next_us = covey_schedule_after (
            schedule,
            i < COVEY_SCHEDULE_BURST_MAX ? schedule->next_us : oldest_us - 1);
    }
}

/*  Times that passed while no coordinator was there are made up when they are
    not too far back, and not too many.                                       */
void
covey_state_schedule_due (covey_state_t *self, covey_timer_t *timer)
{
    covey_schedule_t *schedule = timer->owner;
    s_miss (schedule, self->now_us - schedule->catch_up_ms * 1000);
    for (int i = 0; schedule->next_us <= self->now_us; i++) {
        int64_t time_us = schedule->next_us;
        if (i < COVEY_SCHEDULE_BURST_MAX)
            s_fire (self, schedule, time_us);
        else {
            schedule->missed++; /* and whatever else was due until now */
            time_us = self->now_us;
        }
        schedule->next_us = covey_schedule_after (schedule, time_us);
    }
    s_arm (self, schedule);
}

void
covey_state_run_schedules (covey_state_t *self)
{
    const Covey__Control__Command *command = self->command;
    covey_schedule_t *schedule;
    self->command = NULL; /* nobody asked for this now */
    while ((schedule = covey_tree_first (&self->woken))) {
        covey_tree_remove (&self->woken, schedule);
        while (schedule->buffered_count && !schedule->live.count &&
               !schedule->paused) {
            int64_t time_us = schedule->buffered[0];
            schedule->buffered_count--;
            memmove (schedule->buffered, schedule->buffered + 1,
                     schedule->buffered_count * sizeof *schedule->buffered);
            s_submit (self, schedule, time_us);
        }
    }
    self->command = command;
}

/* ---- commands ---------------------------------------------------------------
 */

static void
s_show (covey_state_t *self, const covey_schedule_t *schedule)
{
    self->show = COVEY_SHOW_SCHEDULE;
    self->show_id = schedule->id;
}

static covey_err_t
s_check_add (covey_state_t *self, const Covey__Control__ScheduleAdd *add)
{
    if (add->schedule_id && covey_state_find_schedule (self, add->schedule_id))
        return covey_fail (self->err, COVEY_EXISTS,
                           "schedule %s exists already: delete it first",
                           add->schedule_id);
    if (self->schedules.count >= COVEY_SCHEDULES_MAX ||
        self->schedule_bytes >= COVEY_SCHEDULE_BYTES_MAX)
        return covey_fail (self->err, COVEY_EAGAIN,
                           "there are %zu schedules with %zu bytes, more are "
                           "not taken: delete some",
                           self->schedules.count, self->schedule_bytes);
    return COVEY_OK;
}

covey_err_t
covey_state_on_schedule_add (covey_state_t *self,
                             const Covey__Control__ScheduleAdd *add)
{
    covey_err_t code = s_check_add (self, add);
    covey_cron_t cron = {0};
    if (!code && add->cron)
        code = covey_cron_parse (add->cron, &cron, self->err);
    if (code)
        return code;
    char made[37];
    covey_id_text (covey_state_make_id (self).bytes, made);
    covey_schedule_t *schedule = covey_schedule_new (
        add->schedule_id ? add->schedule_id : made, add->task);
    schedule->submitter = covey_str_dup (covey_state_caller (self));
    schedule->cron_text = covey_str_dup (add->cron);
    schedule->cron = cron;
    schedule->every_ms = add->has_every ? add->every : 0;
    schedule->starts_us = self->now_us + schedule->every_ms * 1000;
    if (add->has_starts_at)
        schedule->starts_us = add->starts_at;
    if (add->has_ends_at)
        schedule->ends_us = add->ends_at;
    schedule->times = add->has_times ? add->times : 0;
    schedule->overlap = (covey_overlap_t)covey_overlap_number (add->overlap);
    schedule->catch_up_ms =
        add->has_catch_up ? add->catch_up : COVEY_SCHEDULE_CATCH_UP_MS;
    schedule->created_us = self->now_us;
    schedule->next_us = covey_schedule_after (schedule, self->now_us - 1);
    if (schedule->next_us == INT64_MAX) {
        covey_schedule_destroy (&schedule);
        return covey_fail (self->err, COVEY_INVALID,
                           "it would never run: it ends before its first time");
    }
    covey_tree_insert (&self->schedules, schedule);
    self->schedule_bytes += schedule->bytes;
    s_arm (self, schedule);
    covey_fact_schedule (self, schedule, "added");
    s_show (self, schedule);
    return COVEY_OK;
}

static covey_schedule_t *
s_find (covey_state_t *self, const Covey__Control__ScheduleRef *ref)
{
    covey_schedule_t *schedule =
        covey_state_find_schedule (self, ref->schedule_id);
    if (!schedule)
        (void)covey_fail (self->err, COVEY_NOTFOUND, "no schedule %s",
                          ref->schedule_id);
    return schedule;
}

static covey_err_t
s_set_paused (covey_state_t *self, const Covey__Control__ScheduleRef *ref,
              bool paused)
{
    covey_schedule_t *schedule = s_find (self, ref);
    if (!schedule)
        return COVEY_NOTFOUND;
    if (schedule->paused == paused)
        return covey_fail (self->err, COVEY_STATE, "schedule %s is %s",
                           schedule->id,
                           paused ? "paused already" : "not paused");
    schedule->paused = paused;
    covey_timers_disarm (&self->timers, &schedule->timer);
    if (!paused && schedule->next_us != INT64_MAX)
        schedule->next_us = covey_schedule_after (schedule, self->now_us);
    if (!paused)
        s_wake (self, schedule);
    s_arm (self, schedule);
    covey_fact_schedule (self, schedule, paused ? "paused" : "resumed");
    s_show (self, schedule);
    return COVEY_OK;
}

covey_err_t
covey_state_on_schedule_pause (covey_state_t *self,
                               const Covey__Control__ScheduleRef *ref)
{
    return s_set_paused (self, ref, true);
}

covey_err_t
covey_state_on_schedule_resume (covey_state_t *self,
                                const Covey__Control__ScheduleRef *ref)
{
    return s_set_paused (self, ref, false);
}

covey_err_t
covey_state_on_schedule_delete (covey_state_t *self,
                                const Covey__Control__ScheduleRef *ref)
{
    covey_schedule_t *schedule = s_find (self, ref);
    if (!schedule)
        return COVEY_NOTFOUND;
    covey_fact_schedule (self, schedule, "deleted");
    self->show = COVEY_SHOW_SCHEDULE;
    self->show_id = ref->schedule_id;
    covey_state_drop_schedule (self, schedule);
    return COVEY_OK;
}
