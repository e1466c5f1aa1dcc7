/*  What callers see of schedules.                                            */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/view.h"
#include "proto/json.h"

static const char *
s_state (const covey_schedule_t *schedule)
{
    if (schedule->paused)
        return "paused";
    return schedule->next_us == INT64_MAX ? "ended" : "active";
}

static void
s_fill_when (const covey_schedule_t *schedule,
             Covey__Control__ScheduleView *view)
{
    view->cron = schedule->cron_text;
    view->has_every = schedule->every_ms != 0;
    view->every = schedule->every_ms;
    view->has_starts_at = true;
    view->starts_at = schedule->starts_us;
    view->has_ends_at = schedule->ends_us != INT64_MAX;
    view->ends_at = schedule->ends_us;
    view->has_times = schedule->times != 0;
    view->times = schedule->times;
    view->overlap = (char *)covey_overlap_name (schedule->overlap);
    view->has_catch_up = true;
    view->catch_up = schedule->catch_up_ms;
    view->has_created_at = true;
    view->created_at = schedule->created_us;
    view->has_next_at = !schedule->paused && schedule->next_us != INT64_MAX;
    view->next_at = schedule->next_us;
    view->has_last_at = schedule->last_us != 0;
    view->last_at = schedule->last_us;
}

covey_err_t
covey_view_schedule (const covey_schedule_t *schedule, bool with_task,
                     covey_buf_t *to)
{
    Covey__Control__ScheduleView view = COVEY__CONTROL__SCHEDULE_VIEW__INIT;
    view.id = schedule->id;
    view.state = (char *)s_state (schedule);
    view.submitter = schedule->submitter;
    view.task_type = schedule->task->task_type;
    s_fill_when (schedule, &view);
    view.has_runs = view.has_skipped = view.has_missed = view.has_refused =
        true;
    view.runs = schedule->runs;
    view.skipped = schedule->skipped;
    view.missed = schedule->missed;
    view.refused = schedule->refused;
    view.has_buffered = true;
    view.buffered = (uint32_t)schedule->buffered_count;
    if (with_task)
        view.task = schedule->task;
    view.running = covey_mem_new (schedule->live.count * sizeof *view.running);
    for (covey_task_t *task = covey_tree_first (&schedule->live); task;
         task = covey_tree_next (&schedule->live, task))
        if (view.n_running < 100)
            view.running[view.n_running++] = task->id;
    covey_err_t code = covey_json_write (&view.base, to);
    free (view.running);
    return code;
}

covey_err_t
covey_state_schedule (const covey_state_t *self, const char *schedule_id,
                      covey_buf_t *to, covey_errbuf_t *err)
{
    const covey_schedule_t *schedule =
        covey_state_find_schedule (self, schedule_id);
    if (!schedule)
        return covey_fail (err, COVEY_NOTFOUND, "no schedule %s", schedule_id);
    return covey_view_schedule (schedule, true, to);
}

covey_err_t
covey_state_schedules (const covey_state_t *self,
                       const Covey__Control__ListQuery *query, covey_buf_t *to,
                       covey_errbuf_t *err)
{
    (void)err;
    covey_view_list_t list;
    covey_view_list_begin (&list, "schedules",
                           query->has_limit ? query->limit : 0, to);
    const char *last = NULL;
    for (const covey_schedule_t *schedule =
             covey_state_schedule_after (self, query->after);
         schedule; schedule = covey_tree_next (&self->schedules, schedule)) {
        if (query->state && strcmp (query->state, s_state (schedule)) != 0)
            continue;
        if (!covey_view_list_has_room (&list))
            break;
        last = schedule->id;
        covey_err_t code = covey_view_schedule (schedule, false, to);
        if (code)
            return code;
    }
    return covey_view_list_end (&list, last);
}
