/*  Saved: schedules, behind the tasks that they run.                         */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/save.h"
#include "coordinator/state_impl.h"

static void
s_put (const covey_schedule_t *from, covey_saver_t *to)
{
    Covey__Snapshot__Schedule message = COVEY__SNAPSHOT__SCHEDULE__INIT;
    Covey__Snapshot__Timer timer;
    size_t size = covey__control__task_submit__get_packed_size (from->task);
    uint8_t *packed = covey_mem_new (size);
    covey__control__task_submit__pack (from->task, packed);
    message.id = from->id;
    message.submitter = from->submitter;
    message.task = (ProtobufCBinaryData){size, packed};
    message.cron = from->cron_text;
    message.every = from->every_ms;
    message.starts = from->starts_us;
    message.ends = from->ends_us;
    message.times = from->times;
    message.overlap = from->overlap;
    message.catch_up = from->catch_up_ms;
    message.created = from->created_us;
    message.paused = from->paused;
    message.next = from->next_us;
    message.last = from->last_us;
    message.n_buffered = from->buffered_count;
    message.buffered = (int64_t *)(uintptr_t)from->buffered;
    message.runs = from->runs;
    message.skipped = from->skipped;
    message.missed = from->missed;
    message.refused = from->refused;
    message.timer = covey_save_timer (&from->timer, &timer);
    message.live = covey_mem_new (from->live.count * sizeof *message.live);
    for (covey_task_t *task = covey_tree_first (&from->live); task;
         task = covey_tree_next (&from->live, task))
        message.live[message.n_live++] = task->id;
    Covey__Snapshot__Record record = COVEY__SNAPSHOT__RECORD__INIT;
    record.kind_case = COVEY__SNAPSHOT__RECORD__KIND_SCHEDULE;
    record.schedule = &message;
    covey_saver_put (to, &record);
    free (message.live);
    free (packed);
}

void
covey_state_save_schedules (const covey_state_t *self, covey_saver_t *to)
{
    for (const covey_schedule_t *schedule = covey_tree_first (&self->schedules);
         schedule; schedule = covey_tree_next (&self->schedules, schedule))
        s_put (schedule, to);
}

static bool
s_is_good (const Covey__Snapshot__Schedule *from)
{
    return strlen (from->id) <= COVEY_SCHEDULE_ID_MAX &&
           from->overlap < COVEY_OVERLAPS &&
           from->n_buffered <= COVEY_SCHEDULE_BUFFER_MAX && from->every >= 0 &&
           from->every <= COVEY_TASK_LIMIT_MAX_MS &&
           (from->cron != NULL) == (from->every == 0) && from->catch_up >= 0 &&
           from->catch_up <= COVEY_TASK_LIMIT_MAX_MS &&
           covey_save_is_time (from->starts) &&
           covey_save_is_time (from->created) &&
           covey_save_is_time (from->last);
}

static void
s_take (covey_schedule_t *schedule, const Covey__Snapshot__Schedule *from)
{
    schedule->submitter = covey_str_dup (from->submitter);
    schedule->cron_text = covey_str_dup (from->cron);
    schedule->every_ms = from->every;
    schedule->starts_us = from->starts;
    schedule->ends_us = from->ends;
    schedule->times = from->times;
    schedule->overlap = (covey_overlap_t)from->overlap;
    schedule->catch_up_ms = from->catch_up;
    schedule->created_us = from->created;
    schedule->paused = from->paused;
    schedule->next_us = from->next;
    schedule->last_us = from->last;
    schedule->buffered_count = from->n_buffered;
    if (from->n_buffered)
        memcpy (schedule->buffered, from->buffered,
                from->n_buffered * sizeof *from->buffered);
    schedule->runs = from->runs;
    schedule->skipped = from->skipped;
    schedule->missed = from->missed;
    schedule->refused = from->refused;
}

static bool
s_take_live (covey_state_t *self, covey_schedule_t *schedule,
             const Covey__Snapshot__Schedule *from)
{
    for (size_t i = 0; i < from->n_live; i++) {
        covey_task_t *task = covey_state_find_task (self, from->live[i]);
        if (!task || task->schedule || covey_task_state_is_ended (task->state))
            return false;
        covey_state_link_schedule (task, schedule);
    }
    return !from->timer ||
           (from->timer->kind == COVEY_TIMER_SCHEDULE &&
            covey_load_timer (&self->timers, &schedule->timer, from->timer));
}

covey_err_t
covey_state_load_schedule (covey_state_t *self,
                           const Covey__Snapshot__Record *record,
                           covey_errbuf_t *err)
{
    const Covey__Snapshot__Schedule *from = record->schedule;
    covey_errbuf_t why;
    covey_cron_t cron = {0};
    Covey__Control__TaskSubmit *task = covey__control__task_submit__unpack (
        NULL, from->task.len, from->task.data);
    bool good =
        task && s_is_good (from) &&
        !covey_state_find_schedule (self, from->id) &&
        (!from->cron || covey_cron_parse (from->cron, &cron, &why) == COVEY_OK);
    if (good) {
        covey_schedule_t *schedule = covey_schedule_new (from->id, task);
        schedule->cron = cron;
        s_take (schedule, from);
        covey_tree_insert (&self->schedules, schedule);
        self->schedule_bytes += schedule->bytes;
        good = s_take_live (self, schedule, from);
    }
    if (task)
        covey__control__task_submit__free_unpacked (task, NULL);
    return good ? COVEY_OK
                : covey_fail (err, COVEY_CORRUPT,
                              "the snapshot is damaged: schedule %.140s",
                              from->id);
}
