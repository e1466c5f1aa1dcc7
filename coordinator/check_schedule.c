/*  Bounds of what is asked about schedules.                                  */
#include "coordinator/check_impl.h"
#include "coordinator/schedule.h"
#include "coordinator/task.h"

static covey_err_t
s_check_task (const Covey__Control__TaskSubmit *task, covey_errbuf_t *err)
{
    covey_errbuf_t why;
    covey_err_t code = covey_check_task_submit (&task->base, &why);
    if (code)
        return covey_fail (err, code, "task: %.400s", why.text);
    if (task->task_id || task->idempotency_key || task->n_dependencies ||
        task->parent || task->has_deadline || task->has_not_before ||
        task->has_delay)
        return covey_fail (
            err, COVEY_INVALID,
            "task: taskId, idempotencyKey, dependencies, parent, "
            "deadline, notBefore and delay are for a task that "
            "is there once; totalTimeout limits each");
    return COVEY_OK;
}

static covey_err_t
s_check_when (const Covey__Control__ScheduleAdd *p, covey_errbuf_t *err)
{
    covey_cron_t cron;
    if ((p->cron != NULL) + (p->has_every && p->every) != 1)
        return covey_fail (err, COVEY_INVALID,
                           "give one of cron and every (ms, at least %d)",
                           COVEY_SCHEDULE_EVERY_MIN_MS);
    if (p->has_starts_at && p->has_ends_at && p->ends_at < p->starts_at)
        return covey_fail (err, COVEY_INVALID, "endsAt is before startsAt");
    if (covey_overlap_number (p->overlap) < 0)
        return covey_fail (err, COVEY_INVALID,
                           "overlap \"%.40s\" is none of skip, bufferOne, "
                           "bufferAll, cancelOther, allowAll",
                           p->overlap);
    return p->cron ? covey_cron_parse (p->cron, &cron, err) : COVEY_OK;
}

covey_err_t
covey_check_schedule_add (const ProtobufCMessage *params, covey_errbuf_t *err)
{
    const Covey__Control__ScheduleAdd *p =
        (const Covey__Control__ScheduleAdd *)params;
    covey_check_t c = {COVEY_OK, err};
    covey_check_name (&c, "scheduleId", p->schedule_id);
    covey_check_text (&c, "scheduleId", p->schedule_id, COVEY_SCHEDULE_ID_MAX);
    covey_check_name (&c, "cron", p->cron);
    if (p->has_every && p->every)
        covey_check_range (&c, "every", p->every, COVEY_SCHEDULE_EVERY_MIN_MS,
                           COVEY_TASK_LIMIT_MAX_MS);
    if (p->has_starts_at)
        covey_check_range (&c, "startsAt", p->starts_at, 1,
                           COVEY_CHECK_INSTANT_MAX_US);
    if (p->has_ends_at)
        covey_check_range (&c, "endsAt", p->ends_at, 1,
                           COVEY_CHECK_INSTANT_MAX_US);
    if (p->has_catch_up)
        covey_check_range (&c, "catchUp", p->catch_up, 0,
                           COVEY_TASK_LIMIT_MAX_MS);
    if (!c.code)
        c.code = s_check_when (p, err);
    return c.code ? c.code : s_check_task (p->task, err);
}

covey_err_t
covey_check_schedule_ref (const ProtobufCMessage *params, covey_errbuf_t *err)
{
    const Covey__Control__ScheduleRef *p =
        (const Covey__Control__ScheduleRef *)params;
    covey_check_t c = {COVEY_OK, err};
    covey_check_name (&c, "scheduleId", p->schedule_id);
    covey_check_text (&c, "reason", p->reason, COVEY_TEXT_MAX);
    return c.code;
}
