/*  tasks in virtual time: agents that come, vanish, pause, reject, give back,
    report late and twice; people who pause, resume, cancel and try again;
    limits in time, dependencies, parents, schedules; a network that delays,
    loses, repeats and reorders; coordinators that stop at any entry and are
    replayed from the log.

    Checked at every step: tokens only grow; a result is accepted once, from the
    last holder with its token, before the deadline; nothing happens to a task
    that has ended, and nobody gets one that is paused; nothing begins before
    what it waits for, and no child outlives a parent that takes it along; a
    repeated request gets its first verdict; the queue never has more than it
    may; no ready task waits beside an agent that could take it. At the end,
   when all is calm: every task has ended, every schedule had its times. A
   replayed state equals the one that was lost.

    Of submitters that always have something in the queue, each gets its share.

    SEEDS=n and SEED=s in the environment run more, or one.                   */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../support/sim_tasks.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/state_impl.h"

#define CHECK(sim, condition, ...)                                         \
    do {                                                                   \
        if (!(condition)) {                                                \
            print_error (__VA_ARGS__);                                     \
            fail_msg (" (%s), seed %llu, entry %llu, %lld ms", #condition, \
                      (unsigned long long)(sim)->seed,                     \
                      (unsigned long long)(sim)->c.index,                  \
                      (long long)sim_tasks_time (sim) / 1000);             \
        }                                                                  \
    } while (0)

/* ---- agents
 * ------------------------------------------------------------------- */

static void
s_report (sim_tasks_t *sim, const sim_tasks_msg_t *assigned, const char *verb,
          const char *more, int64_t after_us)
{
    sim_tasks_msg_t msg = *assigned;
    msg.kind = MSG_REQUEST;
    int agent = assigned->agent;
    if (!sim_tasks_is_calm (sim) &&
        sim_tasks_chance (sim, 3)) /* somebody else's word */
        agent = (int)sim_tasks_below (sim, SIM_TASKS_AGENTS);
    snprintf (msg.client, sizeof msg.client, "a%d", agent);
    snprintf (msg.request_id, sizeof msg.request_id, "q%llu",
              (unsigned long long)++sim->requests);
    snprintf (msg.method, sizeof msg.method, "task.%s", verb);
    snprintf (msg.json, sizeof msg.json,
              "{\"taskId\":\"%s\",\"fencingToken\":%llu%s}",
              sim->tasks[assigned->task].id,
              (unsigned long long)assigned->token, more);
    sim_tasks_send (sim, &msg, after_us);
}

static void
s_work (sim_tasks_t *sim, const sim_tasks_msg_t *assigned)
{
    bool calm = sim_tasks_is_calm (sim);
    int64_t when_us = 0;
    if (!calm && sim_tasks_chance (sim, 8))
        return; /* it never says a word */
    if (sim_tasks_chance (sim, 80))
        s_report (sim, assigned, "accept", "", 0);
    if (!calm && sim_tasks_chance (sim, 6)) {
        s_report (sim, assigned, "reject", ",\"reason\":\"no\"", 1000);
        return;
    }
    if (sim_tasks_chance (sim, 80))
        s_report (sim, assigned, "start", "", 2000);
    for (uint64_t n = sim_tasks_below (sim, 4); n; n--) {
        when_us += (int64_t)sim_tasks_below (sim, 1500000);
        s_report (sim, assigned, "progress",
                  ",\"progress\":50,\"details\":{\"at\":1}", when_us);
    }
    if (sim_tasks_chance (sim, calm ? 3 : 12)) {
        s_report (sim, assigned, "yield", "", when_us);
        return;
    }
    when_us += (int64_t)sim_tasks_below (sim, calm ? 100000 : 1500000);
    if (sim_tasks_chance (sim, calm ? 5 : 20))
        s_report (sim, assigned, "fail",
                  sim_tasks_chance (sim, 80) ? ",\"error\":\"bad luck\""
                                             : ",\"retryable\":false",
                  when_us);
    else
        s_report (sim, assigned, "complete", ",\"result\":1", when_us);
    if (sim_tasks_chance (sim, 10)) /* the same result, said once more */
        s_report (sim, assigned, "complete", ",\"result\":2",
                  when_us + (int64_t)sim_tasks_below (sim, 50000));
}

static void s_observe (sim_tasks_t *sim);
static void s_maybe_crash (sim_tasks_t *sim);

static void
s_bring_up (sim_tasks_t *sim, int i)
{
    char id[16];
    snprintf (id, sizeof id, "a%d", i);
    sim->agents[i].life++;
    sim->agents[i].up = true;
    sim->agents[i].paused = false;
    support_agent_up (&sim->c, id, "worker", i % 2 ? "odd" : "odd even",
                      1 + (uint32_t)i % 3);
    s_observe (sim);
}

static void
s_flip (sim_tasks_t *sim, int i)
{
    sim_tasks_msg_t again = {.kind = MSG_FLIP, .agent = i};
    char id[16];
    snprintf (id, sizeof id, "a%d", i);
    if (!sim_tasks_is_calm (sim))
        sim_tasks_push (sim, &again,
                        500000 + (int64_t)sim_tasks_below (sim, 12000000));
    else
        sim_tasks_push (sim, &again, 1000000);
    if (!sim->agents[i].up) {
        s_bring_up (sim, i);
        return;
    }
    if (sim_tasks_is_calm (sim))
        return;
    if (sim_tasks_chance (sim, 20)) { /* a restart before anybody saw it die */
        s_bring_up (sim, i);
        return;
    }
    sim->agents[i].up = false;
    sim->agents[i].paused = sim_tasks_chance (sim, 40);
    support_agent_down (&sim->c, id);
    s_observe (sim);
}

/* ---- what the facts must keep to
 * ------------------------------------------------ */

static void
s_end (sim_tasks_t *sim, sim_tasks_one_t *task)
{
    sim->live -= !task->ended;
    task->ended = task->once_ended = true;
    task->paused = task->asked = false;
}

static void
s_on_assigned (sim_tasks_t *sim, const covey_event_t *fact, int number)
{
    sim_tasks_one_t *task = &sim->tasks[number];
    const sim_tasks_one_t *on = task->on < 0 ? NULL : &sim->tasks[task->on];
    uint64_t token = (uint64_t)covey_event_int (fact, "fencingToken");
    CHECK (sim, token > sim->last_token, "%s: token did not grow", task->id);
    CHECK (sim, !task->ended, "%s: assigned after its end", task->id);
    CHECK (sim, !task->paused && !task->asked,
           "%s: assigned, and it is to be paused or to stop", task->id);
    CHECK (
        sim,
        !on || on->completed ||
            (task->on_policy == COVEY_TASK_DEPENDENCY_IGNORE && on->once_ended),
        "%s: assigned before %s was completed", task->id, on ? on->id : "");
    sim->last_token = task->token = token;
    task->assigned_us = sim->c.now_us;
    task->agent = (int)strtol (covey_event_target (fact, 0) + 1, NULL, 10);
    sim_tasks_msg_t msg = {.kind = MSG_ASSIGNED,
                           .agent = task->agent,
                           .task = number,
                           .token = token,
                           .life = sim->agents[task->agent].life};
    sim_tasks_send (sim, &msg, 0);
}

static void
s_on_completed (sim_tasks_t *sim, const covey_event_t *fact, int number)
{
    sim_tasks_one_t *task = &sim->tasks[number];
    CHECK (sim, !task->completed, "%s: completed twice", task->id);
    CHECK (sim, !task->ended, "%s: completed after its end", task->id);
    CHECK (sim, (uint64_t)covey_event_int (fact, "fencingToken") == task->token,
           "%s: completed with an old token", task->id);
    CHECK (sim,
           (int)strtol (covey_event_source (fact) + 1, NULL, 10) == task->agent,
           "%s: completed by another agent", task->id);
    CHECK (sim, !task->deadline_us || sim->c.now_us < task->deadline_us,
           "%s: completed after its deadline", task->id);
    CHECK (sim,
           !task->run_us || sim->c.now_us < task->assigned_us + task->run_us,
           "%s: completed after the end of its attempt", task->id);
    task->completed = true;
    s_end (sim, task);
    sim->completed++;
}

/*  One of a schedule: no two of them live.                                  */
static int
s_new_time (sim_tasks_t *sim, const char *id)
{
    CHECK (sim, sim->task_count < SIM_TASKS_ALL, "%s: a time too many", id);
    for (int i = SIM_TASKS; i < sim->task_count; i++)
        CHECK (sim,
               sim->tasks[i].ended || strncmp (sim->tasks[i].id, id, 3) != 0,
               "%s runs beside %s", id, sim->tasks[i].id);
    sim_tasks_one_t *task = &sim->tasks[sim->task_count];
    *task = (sim_tasks_one_t){.on = -1, .parent = -1};
    covey_str_copy (task->id, sizeof task->id, id);
    return sim->task_count++;
}

static int
s_number (sim_tasks_t *sim, const char *id)
{
    for (int i = 0; i < sim->task_count; i++)
        if (strcmp (sim->tasks[i].id, id) == 0)
            return i;
    return s_new_time (sim, id);
}

static void
s_on_submitted (sim_tasks_t *sim, sim_tasks_one_t *task)
{
    CHECK (sim, !task->submitted, "%s: submitted twice", task->id);
    task->submitted = true;
    task->never = false;
    CHECK (sim, ++sim->live <= SIM_TASKS_QUEUE, "%s is one too many", task->id);
}

static void
s_on_retried (sim_tasks_t *sim, sim_tasks_one_t *task)
{
    CHECK (sim, task->parked || task->failed, "%s: tried again", task->id);
    task->ended = task->parked = task->failed = false;
    task->retried = true;
    sim->retries++;
    if (task->deadline_us <= sim->c.now_us)
        task->deadline_us = 0; /* it runs all the same */
    CHECK (sim, ++sim->live <= SIM_TASKS_QUEUE, "%s is one too many", task->id);
}

/*  What the coordinator notes of a task, and what its agent says.           */
static void
s_on_progress (sim_tasks_t *sim, const covey_event_t *fact,
               sim_tasks_one_t *task)
{
    const char *status = covey_event_str (fact, "status");
    CHECK (sim, !task->ended, "%s: a report after its end", task->id);
    if (strcmp (covey_event_source (fact), "coordinator") != 0)
        return;
    sim->pauses += strcmp (status, "paused") == 0;
    task->asked = strstr (status, "Requested") != NULL;
    task->paused = strcmp (status, "paused") == 0;
}

static void
s_observe_one (sim_tasks_t *sim, const covey_event_t *fact)
{
    bool is_info = covey_event_type (fact) == COVEY_EVENT_SYSTEM_INFO;
    const char *id = is_info ? covey_event_metadata (fact, "taskId")
                             : covey_event_str (fact, "taskId");
    if (!*id)
        return;
    int number = s_number (sim, id);
    sim_tasks_one_t *task = &sim->tasks[number];
    switch (covey_event_type (fact)) {
        case COVEY_EVENT_SYSTEM_INFO:
            s_on_retried (sim, task);
            break;
        case COVEY_EVENT_TASK_SUBMITTED:
            s_on_submitted (sim, task);
            break;
        case COVEY_EVENT_TASK_PROGRESS:
            s_on_progress (sim, fact, task);
            break;
        case COVEY_EVENT_TASK_ASSIGNED:
            s_on_assigned (sim, fact, number);
            break;
        case COVEY_EVENT_TASK_COMPLETED:
            s_on_completed (sim, fact, number);
            break;
        case COVEY_EVENT_TASK_FAILED:
            CHECK (sim, !task->ended, "%s: failed after its end", id);
            task->failed = !covey_event_bool (fact, "retryable");
            if (task->failed)
                s_end (sim, task);
            sim->lost += strcmp (covey_event_source (fact), "coordinator") == 0;
            break;
        case COVEY_EVENT_TASK_PARKED:
            CHECK (sim, !task->ended, "%s: parked after its end", id);
            task->parked = true;
            s_end (sim, task);
            break;
        case COVEY_EVENT_TASK_CANCELLED:
            if (covey_event_target_count (fact))
                break; /* a word to a holder */
            CHECK (sim, !task->ended || task->parked,
                   "%s: cancelled after its end", id);
            s_end (sim, task);
            task->parked = false;
            break;
        default:
            CHECK (sim, !task->ended, "%s: a report after its end", id);
            break;
    }
}

/*  Between commands no agent is free beside a task that it could take.      */
static void
s_check_idle (sim_tasks_t *sim)
{
    const covey_state_t *state = sim->c.state;
    const covey_tree_t *workers = &state->registry.workers;
    for (covey_worker_t *w = covey_tree_first (workers); w;
         w = covey_tree_next (workers, w)) {
        if (!covey_scheduler_is_free (w))
            continue;
        const covey_task_t *task =
            covey_scheduler_task_for (&state->scheduler, w);
        CHECK (sim, !task, "%s is free and %s waits", w->id, task->id);
    }
}

/*  A child that its parent takes along has ended when that one has, but for one
    that a person revived.                                                    */
static void
s_check_children (sim_tasks_t *sim)
{
    for (int i = 0; i < SIM_TASKS; i++) {
        const sim_tasks_one_t *child = &sim->tasks[i];
        if (child->parent < 0 || !child->submitted || child->ended ||
            child->retried || child->parent_policy != COVEY_TASK_PARENT_CANCEL)
            continue;
        const sim_tasks_one_t *parent = &sim->tasks[child->parent];
        CHECK (sim, !parent->ended || parent->parked || parent->retried,
               "%s outlives its parent %s", child->id, parent->id);
    }
}

static void
s_observe (sim_tasks_t *sim)
{
    s_check_idle (sim);
    s_maybe_crash (sim);
    for (size_t i = 0; i < sim->c.effects.fact_count; i++)
        s_observe_one (sim, sim->c.effects.facts[i]);
    s_check_children (sim);
}

/* ---- coordinators that stop
 * -------------------------------------------------------- */

/*  Between the commit and the telling: the next coordinator replays the log and
    tells the facts of the last entry, under the same ids.                    */
static void
s_restart (sim_tasks_t *sim)
{
    support_control_t *c = &sim->c;
    uint64_t before = covey_state_digest (c->state);
    size_t told = c->effects.fact_count;
    uint8_t first[16] = {0};
    if (told)
        memcpy (first, covey_event_id (c->effects.facts[0]), 16);
    covey_state_destroy (&c->state);
    c->state = covey_state_new (&c->limits);
    for (size_t i = 0; i < c->log_count; i++) {
        Covey__Control__Command *command =
            covey__control__command__unpack (NULL, c->log_sizes[i], c->log[i]);
        covey_state_apply (c->state, command, i + 1,
                           i + 1 == c->log_count ? &c->effects : NULL);
        covey__control__command__free_unpacked (command, NULL);
    }
    CHECK (sim, covey_state_digest (c->state) == before,
           "the replayed state differs");
    CHECK (sim, c->effects.fact_count == told, "other facts after a replay");
    CHECK (sim,
           !told ||
               memcmp (first, covey_event_id (c->effects.facts[0]), 16) == 0,
           "another id after a replay");
    sim->crashes++;
}

static void
s_resume (sim_tasks_t *sim)
{
    Covey__Control__Tick tick = COVEY__CONTROL__TICK__INIT;
    tick.has_resumed = tick.resumed = true;
    Covey__Control__Command command = COVEY__CONTROL__COMMAND__INIT;
    command.op_case = COVEY__CONTROL__COMMAND__OP_TICK;
    command.tick = &tick;
    sim->c.now_us += (int64_t)sim_tasks_below (sim, 3000000);
    support_apply (&sim->c, &command);
    for (size_t i = 0; i < sim->c.effects.fact_count; i++)
        s_observe_one (sim, sim->c.effects.facts[i]);
}

static void
s_maybe_crash (sim_tasks_t *sim)
{
    if (sim_tasks_is_calm (sim) || sim_tasks_below (sim, 150) != 0)
        return;
    s_restart (sim);
    for (size_t i = 0; i < sim->c.effects.fact_count; i++)
        s_observe_one (sim, sim->c.effects.facts[i]);
    s_resume (sim);
    covey_effects_clear (&sim->c.effects);
}

/* ---- the run
 * ------------------------------------------------------------------------ */

/*  The first verdict on a request is the only one.                          */
static void
s_check_verdict (sim_tasks_t *sim, const sim_tasks_msg_t *msg, covey_err_t code)
{
    char key[64];
    int size =
        snprintf (key, sizeof key, "%s %s", msg->client, msg->request_id);
    uint64_t hash = covey_str_hash (key, (size_t)size);
    sim_tasks_verdict_t *verdict = &sim->verdicts[hash % SIM_TASKS_VERDICTS];
    if (code == COVEY_EAGAIN)
        return; /* no verdict */
    if (verdict->request == hash)
        CHECK (sim, verdict->code == code,
               "%s of %s: %s, and at first it was %s", msg->method, key,
               covey_err_name (code), covey_err_name (verdict->code));
    *verdict = (sim_tasks_verdict_t){hash, code};
}

static void
s_request (sim_tasks_t *sim, const sim_tasks_msg_t *msg)
{
    const sim_tasks_one_t before = sim->tasks[msg->task];
    covey_err_t code = support_call_as (&sim->c, msg->client, msg->request_id,
                                        msg->method, msg->json);
    sim->fenced += code == COVEY_FENCED;
    sim->refusals += code == COVEY_EAGAIN;
    bool submit = strcmp (msg->method, "task.submit") == 0;
    sim->tasks[msg->task].refused = submit && code;
    /* its deadline has passed or its parent has ended; or that was so of the
       task that it would wait for: it will never be */
    if (submit &&
        (code == COVEY_INVALID || code == COVEY_STATE ||
         (code == COVEY_NOTFOUND && sim_tasks_time (sim) > SIM_TASKS_LATE_US)))
        sim->tasks[msg->task].never = true;
    s_check_verdict (sim, msg, code);
    bool report = msg->client[0] == 'a';
    if (report && !code && sim->c.effects.fact_count)
        CHECK (sim,
               before.token == msg->token &&
                   (int)strtol (msg->client + 1, NULL, 10) == before.agent,
               "%s of %s by %s with %llu was taken", msg->method, before.id,
               msg->client, (unsigned long long)msg->token);
    s_observe (sim);
}

/*  Again and again under the same request id until it is known to be there. A
    refusal is a verdict: after it, it is another request.                    */
static void
s_submit (sim_tasks_t *sim, const sim_tasks_msg_t *msg)
{
    sim_tasks_one_t *task = &sim->tasks[msg->task];
    if (task->never || (task->submitted && task->refused) ||
        (task->submitted && !sim_tasks_chance (sim, 20)))
        return;
    sim_tasks_msg_t request = *msg;
    if (task->refused)
        snprintf (request.request_id, sizeof request.request_id, "s%d-%llu",
                  msg->task, (unsigned long long)++sim->requests);
    task->refused = false;
    sim_tasks_push (sim, &request, 700000);
    request.kind = MSG_REQUEST;
    sim_tasks_send (sim, &request, 0);
}

static void
s_handle (sim_tasks_t *sim, const sim_tasks_msg_t *msg)
{
    const sim_tasks_agent_t *agent = &sim->agents[msg->agent];
    switch (msg->kind) {
        case MSG_REQUEST:
            s_request (sim, msg);
            break;
        case MSG_SUBMIT:
            s_submit (sim, msg);
            break;
        case MSG_SCHEDULE:
            (void)support_call_as (&sim->c, msg->client, msg->request_id,
                                   msg->method, msg->json);
            s_observe (sim);
            break;
        case MSG_FLIP:
            s_flip (sim, msg->agent);
            break;
        case MSG_ASSIGNED: /* a dead one hears nothing, a paused one does */
            if (agent->life == msg->life && (agent->up || agent->paused))
                s_work (sim, msg);
            break;
    }
}

static bool
s_all_ended (sim_tasks_t *sim)
{
    for (int i = 0; i < sim->task_count; i++)
        if (!sim->tasks[i].ended && !sim->tasks[i].never)
            return false;
    return true;
}

static void
s_check_end (sim_tasks_t *sim)
{
    support_control_t *c = &sim->c;
    for (int i = 0; i < sim->task_count; i++) {
        const sim_tasks_one_t *task = &sim->tasks[i];
        if (task->ended || task->never)
            continue;
        support_call (c, "c0", "task.show", "{\"taskId\":\"%s\"}", task->id);
        CHECK (sim, task->ended, "%s has not ended: %s %s", task->id,
               (char *)c->reply.data, c->err.text);
    }
    for (int i = 0; i < SIM_TASKS_SCHEDULES; i++) {
        support_call (c, "c0", "task.schedule.show", "{\"scheduleId\":\"p%d\"}",
                      i);
        CHECK (sim, strcmp (support_reply (c, "state"), "ended") == 0,
               "schedule p%d had not all its times: %s", i,
               (char *)c->reply.data);
    }
    CHECK (sim, covey_state_digest (c->state) == support_replay (c),
           "the replayed state differs");
}

static void
s_run (uint64_t seed, size_t totals[SIM_TASKS_TOTALS])
{
    sim_tasks_t *sim = covey_mem_new (sizeof *sim);
    covey_state_limits_t limits;
    covey_state_limits_init (&limits);
    limits.tasks_max = SIM_TASKS_QUEUE;
    limits.parked_max = 1;
    sim->seed = seed;
    covey_prng_init (&sim->prng, seed);
    support_control_init (&sim->c, &limits);
    sim->start_us = sim->c.now_us;
    sim_tasks_plan (sim);
    for (int i = 0; i < SIM_TASKS_AGENTS; i++) {
        sim_tasks_msg_t flip = {.kind = MSG_FLIP, .agent = i};
        sim_tasks_push (sim, &flip, (int64_t)sim_tasks_below (sim, 2000000));
    }
    sim_tasks_msg_t msg;
    while (!(sim_tasks_is_calm (sim) && s_all_ended (sim)) &&
           sim_tasks_pop (sim, &msg)) {
        int64_t due_us = covey_state_next_us (sim->c.state);
        while (due_us <= msg.at_us) {
            if (due_us > sim->c.now_us)
                sim->c.now_us = due_us;
            support_tick (&sim->c, 0);
            s_observe (sim);
            due_us = covey_state_next_us (sim->c.state);
        }
        if (msg.at_us > sim->c.now_us)
            sim->c.now_us = msg.at_us;
        s_handle (sim, &msg);
        if (sim_tasks_time (sim) > SIM_TASKS_CALM_END_US)
            break;
    }
    s_check_end (sim);
    const size_t counts[SIM_TASKS_TOTALS] = {
        sim->crashes, sim->completed, sim->fenced,  sim->lost,
        sim->pauses,  sim->retries,   sim->refusals};
    for (size_t i = 0; i < SIM_TASKS_TOTALS; i++)
        totals[i] += counts[i];
    support_control_deinit (&sim->c);
    free (sim->queue);
    free (sim);
}

static void
test_every_task_ends_exactly_once_whatever_happens (void **state)
{
    (void)state;
    const char *one = getenv ("SEED"), *many = getenv ("SEEDS");
    uint64_t first = one ? strtoull (one, NULL, 10) : 1;
    uint64_t count = one ? 1 : many ? strtoull (many, NULL, 10) : 600;
    size_t totals[SIM_TASKS_TOTALS] = {0};
    for (uint64_t seed = first; seed < first + count; seed++)
        s_run (seed, totals);
    print_message ("%llu seeds: %zu coordinator restarts, %zu completed, %zu "
                   "fenced reports, %zu attempts lost, %zu pauses, %zu tried "
                   "again, %zu refusals of a full queue\n",
                   (unsigned long long)count, totals[0], totals[1], totals[2],
                   totals[3], totals[4], totals[5], totals[6]);
    /* faults did happen, or the run shows nothing */
    if (!one)
        for (int i = 0; i < SIM_TASKS_TOTALS; i++)
            assert_true (totals[i] > count / 5);
}

/* ---- shares -----------------------------------------------------------------
 */

#define SHARES 3
#define BACKLOG 6
#define ROUNDS 400

/*  Keep so many of a submitter's tasks ready.                               */
static void
s_refill (support_control_t *c, int share, int *made)
{
    char name[16];
    snprintf (name, sizeof name, "s%d", share);
    for (int ready = 0; ready < BACKLOG; ready++)
        assert_int_equal (
            support_call (c, name, "task.submit",
                          "{\"taskId\":\"%s-%d\",\"taskType\":\"x\","
                          "\"weight\":%d,\"retry\":{\"attempts\":0,"
                          "\"firstDelay\":0}}",
                          name, ++*made, share + 1),
            COVEY_OK);
}

/*  What became of the one task that the agent has: assignments by share.    */
static void
s_end_one (support_control_t *c, covey_prng_t *prng, int counts[SHARES])
{
    static const char *const verbs[] = {"complete", "complete", "complete",
                                        "yield", "fail"};
    const covey_worker_t *worker =
        covey_registry_find_up (&c->state->registry, "w1");
    const covey_task_t *task = covey_tree_first (&worker->held);
    char method[24], id[48];
    assert_non_null (task);
    counts[task->submitter[1] - '0']++;
    snprintf (method, sizeof method, "task.%s",
              verbs[covey_prng_below (prng, 5)]);
    snprintf (id, sizeof id, "%s", task->id);
    assert_int_equal (support_call (c, "w1", method,
                                    "{\"taskId\":\"%s\","
                                    "\"fencingToken\":%llu}",
                                    id, (unsigned long long)task->token),
                      COVEY_OK);
}

/*  After any number of assignments nobody is further from its share than two
    tasks, whatever becomes of them.                                          */
static void
s_run_shares (uint64_t seed)
{
    covey_prng_t prng;
    int counts[SHARES] = {0}, made[SHARES] = {0}, weights = 0;
    support_control_t *c = support_control_new (NULL);
    covey_prng_init (&prng, seed);
    for (int i = 0; i < SHARES; i++) {
        s_refill (c, i, &made[i]);
        weights += i + 1;
    }
    support_agent_up (c, "w1", "worker", "", 1);
    for (int round = 1; round <= ROUNDS; round++) {
        if (round % BACKLOG == 0)
            for (int i = 0; i < SHARES; i++)
                s_refill (c, i, &made[i]);
        s_end_one (c, &prng, counts);
        for (int i = 0; i < SHARES; i++) {
            double fair = (double)round * (i + 1) / weights;
            if (counts[i] < fair - 2 || counts[i] > fair + 2)
                fail_msg ("seed %llu: after %d assignments s%d had %d, not %g",
                          (unsigned long long)seed, round, i, counts[i], fair);
        }
    }
    support_control_end (c);
}

static void
test_everybody_gets_a_fair_share (void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++)
        s_run_shares (seed);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_everybody_gets_a_fair_share),
        cmocka_unit_test (test_every_task_ends_exactly_once_whatever_happens),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
