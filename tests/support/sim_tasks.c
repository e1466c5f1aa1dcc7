#include "tests/support/sim_tasks.h"

#include <stdio.h>

#include "base/mem.h"
#include "coordinator/schedule.h"
#include "coordinator/task.h"

/* ---- the network
 * -------------------------------------------------------------- */

void
sim_tasks_push (sim_tasks_t *sim, const sim_tasks_msg_t *msg, int64_t delay_us)
{
    sim->queue = covey_mem_room (sim->queue, sim->count, &sim->capacity,
                                 sizeof *sim->queue);
    sim_tasks_msg_t *place = &sim->queue[sim->count++];
    *place = *msg;
    place->at_us = sim->c.now_us + delay_us;
    place->order = ++sim->order;
}

bool
sim_tasks_pop (sim_tasks_t *sim, sim_tasks_msg_t *msg)
{
    if (!sim->count)
        return false;
    size_t best = 0;
    for (size_t i = 1; i < sim->count; i++)
        if (sim->queue[i].at_us < sim->queue[best].at_us ||
            (sim->queue[i].at_us == sim->queue[best].at_us &&
             sim->queue[i].order < sim->queue[best].order))
            best = i;
    *msg = sim->queue[best];
    sim->queue[best] = sim->queue[--sim->count];
    return true;
}

/*  Mostly quick; sometimes very late, twice, or never.                      */
void
sim_tasks_send (sim_tasks_t *sim, const sim_tasks_msg_t *msg, int64_t after_us)
{
    if (sim_tasks_is_calm (sim)) {
        sim_tasks_push (sim, msg, after_us + 1000);
        return;
    }
    if (sim_tasks_chance (sim, 8))
        return;
    int copies = sim_tasks_chance (sim, 10) ? 2 : 1;
    for (int i = 0; i < copies; i++) {
        int64_t delay_us = 1000 + (int64_t)sim_tasks_below (sim, 20000);
        if (sim_tasks_chance (sim, 5))
            delay_us += (int64_t)sim_tasks_below (sim, 8000000);
        sim_tasks_push (sim, msg, after_us + delay_us);
    }
}

/* ---- what people ask --------------------------------------------------------
 */

/*  Somebody orders something of a task, once.                               */
static void
s_plan_order (sim_tasks_t *sim, int number, const char *verb, const char *more,
              int64_t at_us)
{
    sim_tasks_msg_t msg = {.kind = MSG_REQUEST, .task = number};
    snprintf (msg.client, sizeof msg.client, "c%d", number % SIM_TASKS_CLIENTS);
    snprintf (msg.request_id, sizeof msg.request_id, "o%llu",
              (unsigned long long)++sim->requests);
    snprintf (msg.method, sizeof msg.method, "task.%s", verb);
    snprintf (msg.json, sizeof msg.json, "{\"taskId\":\"t%d\"%s}", number,
              more);
    sim_tasks_push (sim, &msg, at_us);
}

/*  Whatever people do, at last they let everything go on, and they give up what
    waits for something that they do not try again.                           */
static void
s_plan_orders (sim_tasks_t *sim, int number)
{
    if (sim_tasks_chance (sim, 8))
        s_plan_order (sim, number, "cancel", "",
                      (int64_t)sim_tasks_below (sim, 30000000));
    if (sim_tasks_chance (sim, 6))
        s_plan_order (sim, number, "cancel", ",\"grace\":1500",
                      (int64_t)sim_tasks_below (sim, 30000000));
    if (sim_tasks_chance (sim, 20)) {
        int64_t at_us = (int64_t)sim_tasks_below (sim, 25000000);
        s_plan_order (sim, number, "pause", "", at_us);
        s_plan_order (sim, number, "resume", "",
                      at_us + (int64_t)sim_tasks_below (sim, 9000000));
        s_plan_order (sim, number, "resume", "",
                      SIM_TASKS_FAULTS_END_US + 5000000);
    }
    if (sim_tasks_chance (sim, 15))
        s_plan_order (sim, number, "retry", "",
                      10000000 + (int64_t)sim_tasks_below (sim, 40000000));
    if (sim->tasks[number].on_policy == COVEY_TASK_DEPENDENCY_WAIT)
        s_plan_order (sim, number, "cancel", "", SIM_TASKS_GIVE_UP_US);
}

static size_t
s_plan_limits (sim_tasks_t *sim, int number, char *more, size_t size)
{
    int used = 0;
    if (sim_tasks_chance (sim, 10))
        used += snprintf (more, size, ",\"queueTimeout\":%d",
                          2000 + (int)sim_tasks_below (sim, 20000));
    if (sim_tasks_chance (sim, 15)) {
        int run_ms = 1000 + (int)sim_tasks_below (sim, 3000);
        sim->tasks[number].run_us = run_ms * 1000;
        used += snprintf (more + used, size - (size_t)used,
                          ",\"runTimeout\":%d", run_ms);
    }
    if (sim_tasks_chance (sim, 10))
        used +=
            snprintf (more + used, size - (size_t)used, ",\"totalTimeout\":%d",
                      5000 + (int)sim_tasks_below (sim, 30000));
    return (size_t)used;
}

/*  What it waits for, and whose child it is.                                */
static size_t
s_plan_ties (sim_tasks_t *sim, int number, char *more, size_t size)
{
    sim_tasks_one_t *task = &sim->tasks[number];
    int used = 0;
    if (number > 2 && sim_tasks_chance (sim, 30)) {
        task->on = (int)sim_tasks_below (sim, (uint64_t)number);
        task->on_policy = (int)sim_tasks_below (sim, 3);
        used = snprintf (more, size,
                         ",\"dependencies\":[\"t%d\"],"
                         "\"dependencyPolicy\":\"%s\"",
                         task->on,
                         covey_task_dependency_policy_name (task->on_policy));
    }
    if (number > 2 && sim_tasks_chance (sim, 20)) {
        task->parent = (int)sim_tasks_below (sim, (uint64_t)number);
        task->parent_policy = (int)sim_tasks_below (sim, 3);
        used += snprintf (more + used, size - (size_t)used,
                          ",\"parent\":\"t%d\",\"parentPolicy\":\"%s\"",
                          task->parent,
                          covey_task_parent_policy_name (task->parent_policy));
    }
    return (size_t)used;
}

static void
s_plan_schedule (sim_tasks_t *sim, int number)
{
    sim_tasks_msg_t msg = {.kind = MSG_SCHEDULE};
    snprintf (msg.client, sizeof msg.client, "c%d", number);
    snprintf (msg.request_id, sizeof msg.request_id, "p%d", number);
    snprintf (msg.method, sizeof msg.method, "task.schedule.add");
    snprintf (msg.json, sizeof msg.json,
              "{\"scheduleId\":\"p%d\",\"every\":%d,\"times\":%d,"
              "\"overlap\":\"%s\",\"task\":{\"taskType\":\"x\","
              "\"lease\":2000,\"retry\":{\"attempts\":3,"
              "\"firstDelay\":100}}}",
              number, SIM_TASKS_EVERY_MS, SIM_TASKS_TIMES,
              covey_overlap_name ((covey_overlap_t)sim_tasks_below (
                  sim, COVEY_OVERLAP_ALLOW_ALL)));
    sim_tasks_push (sim, &msg, (int64_t)sim_tasks_below (sim, 5000000));
}

static void
s_plan_task (sim_tasks_t *sim, int number)
{
    sim_tasks_msg_t msg = {.kind = MSG_SUBMIT, .task = number};
    char more[400] = "";
    sim->tasks[number].on = sim->tasks[number].parent = -1;
    snprintf (sim->tasks[number].id, sizeof sim->tasks[number].id, "t%d",
              number);
    size_t used = s_plan_ties (sim, number, more, sizeof more);
    used += s_plan_limits (sim, number, more + used, sizeof more - used);
    if (sim_tasks_chance (sim, 30))
        used += (size_t)snprintf (more + used, sizeof more - used,
                                  ",\"requiredCapabilities\":[\"%s\"]",
                                  sim_tasks_chance (sim, 50) ? "even" : "odd");
    if (sim_tasks_chance (sim, 15)) {
        int64_t deadline_us =
            sim->start_us + 5000000 + (int64_t)sim_tasks_below (sim, 40000000);
        sim->tasks[number].deadline_us = deadline_us;
        snprintf (more + used, sizeof more - used, ",\"deadline\":%lld",
                  (long long)deadline_us);
    }
    snprintf (msg.client, sizeof msg.client, "c%d", number % SIM_TASKS_CLIENTS);
    snprintf (msg.request_id, sizeof msg.request_id, "s%d", number);
    snprintf (msg.method, sizeof msg.method, "task.submit");
    snprintf (msg.json, sizeof msg.json,
              "{\"taskId\":\"t%d\",\"taskType\":\"x\",\"lease\":2000,"
              "\"priority\":\"%s\",\"retry\":{\"attempts\":4,"
              "\"firstDelay\":100,\"maxDelay\":1000}%s}",
              number, sim_tasks_chance (sim, 30) ? "high" : "normal", more);
    sim_tasks_push (sim, &msg, (int64_t)sim_tasks_below (sim, 15000000));
    s_plan_orders (sim, number);
}

void
sim_tasks_plan (sim_tasks_t *sim)
{
    sim->task_count = SIM_TASKS;
    for (int i = 0; i < SIM_TASKS; i++)
        s_plan_task (sim, i);
    for (int i = 0; i < SIM_TASKS_SCHEDULES; i++)
        s_plan_schedule (sim, i);
}
