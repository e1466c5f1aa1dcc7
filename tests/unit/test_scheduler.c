/*  scheduler: against a scan over everything, and that it stays fast         */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "../support/support_control.h"
#include "base/clock.h"
#include "base/prng.h"
#include "coordinator/scheduler.h"

#define TASKS 60
#define WORKERS 25

typedef struct {
    covey_scheduler_t scheduler;
    covey_registry_t registry;
    covey_task_t *tasks[TASKS];
    covey_worker_t *workers[WORKERS];
    covey_prng_t prng;
} s_world_t;

static uint64_t
s_below (s_world_t *w, uint64_t bound)
{
    return covey_prng_below (&w->prng, bound);
}

/*  Up to three of five capabilities.                                        */
static size_t
s_pick (s_world_t *w, char **list)
{
    static char *const all[] = {"a", "b", "c", "d", "e"};
    size_t count = s_below (w, 4);
    for (size_t i = 0; i < count; i++)
        list[i] = all[s_below (w, 5)];
    return count;
}

static void
s_new_worker (s_world_t *w, size_t i)
{
    static char *const types[] = {"x", "y"};
    char id[16], *capabilities[4], name[8];
    uint8_t bytes[16] = {0};
    snprintf (id, sizeof id, "w%02zu", i);
    Covey__Control__AgentUp up = COVEY__CONTROL__AGENT_UP__INIT;
    up.agent_id = id;
    up.type = types[s_below (w, 2)];
    up.n_capabilities = s_pick (w, capabilities);
    up.capabilities = capabilities;
    bytes[15] = (uint8_t)s_below (w, 5); /* two nodes have the same name */
    snprintf (name, sizeof name, "n%d", bytes[15] % 4);
    up.node_name = name;
    up.session_id = up.node_id = (ProtobufCBinaryData){16, bytes};
    up.has_task_slots = true;
    up.task_slots = (uint32_t)s_below (w, 4);
    w->workers[i] = covey_registry_up (&w->registry, &up, i + 1, 0);
    covey_scheduler_enter (&w->scheduler, w->workers[i]);
}

static void
s_new_task (s_world_t *w, size_t i)
{
    static const char *const types[] = {"x", "y", NULL, NULL};
    char id[16], *capabilities[4];
    snprintf (id, sizeof id, "t%02zu", i);
    covey_task_t *task = covey_task_new (id, i + 1);
    covey_task_set (&task->agent_type, types[s_below (w, 4)]);
    size_t count = s_pick (w, capabilities);
    covey_texts_sort (&task->required, capabilities, count);
    task->priority = (uint32_t)s_below (w, 4);
    if (s_below (w, 6) == 0) {
        snprintf (id, sizeof id, "w%02zu", (size_t)s_below (w, WORKERS));
        covey_task_set (&task->assignee, id);
    } else if (s_below (w, 4) == 0)
        covey_task_note_rejection (task, 1 + s_below (w, WORKERS));
    static const char *const shares[] = {"ann", "bob", "cy", NULL};
    covey_task_set (&task->share, shares[s_below (w, 4)]);
    task->weight = (uint32_t)s_below (w, 3);
    if (s_below (w, 3) == 0) {
        snprintf (id, sizeof id, "n%llu", (unsigned long long)s_below (w, 5));
        covey_task_set (&task->host, s_below (w, 2) ? id
                                                    : "00000000-0000-0000-0000-"
                                                      "000000000002");
    }
    covey_scheduler_queue (&w->scheduler, task);
    w->tasks[i] = task;
}

/* ---- the naive answers
 * ------------------------------------------------------- */

static bool
s_matches (const covey_worker_t *worker, const covey_task_t *task)
{
    if (task->assignee)
        return strcmp (task->assignee, worker->id) == 0;
    return covey_worker_offers (worker, task->agent_type, &task->required) &&
           !covey_task_was_rejected_by (task, worker->generation);
}

static bool
s_is_on (const covey_worker_t *worker, const char *host)
{
    return strcmp (worker->node_name, host) == 0 ||
           (strlen (host) == 36 && worker->node_id[15] == 2);
}

/*  On `host`, or anywhere.                                                  */
static covey_worker_t *
s_scan_on (s_world_t *w, const covey_task_t *task, const char *host)
{
    covey_worker_t *best = NULL;
    for (size_t i = 0; i < WORKERS; i++) {
        covey_worker_t *worker = w->workers[i];
        if (worker && covey_scheduler_is_free (worker) &&
            s_matches (worker, task) && (!host || s_is_on (worker, host)) &&
            (!best || covey_scheduler_compare_workers (worker, best) < 0))
            best = worker;
    }
    return best;
}

/*  Of two nodes with the name, the one with the smaller id goes first.      */
static bool
s_is_choice (s_world_t *w, const covey_task_t *task,
             const covey_worker_t *choice)
{
    covey_worker_t *there = task->host ? s_scan_on (w, task, task->host) : NULL;
    if (!there)
        return choice == s_scan_on (w, task, NULL);
    if (strcmp (task->host, "n0") == 0)
        return choice && s_is_on (choice, "n0");
    return choice == there;
}

static covey_task_t *
s_scan_tasks (s_world_t *w, const covey_worker_t *worker)
{
    covey_task_t *best = NULL;
    for (size_t i = 0; i < TASKS; i++) {
        covey_task_t *task = w->tasks[i];
        if (task && task->lane && s_matches (worker, task) &&
            (!best || covey_scheduler_compare_turns (task, best) < 0))
            best = task;
    }
    return best;
}

static void
s_hold (s_world_t *w, covey_worker_t *worker, covey_task_t *task)
{
    covey_scheduler_charge (&w->scheduler, task);
    covey_scheduler_unqueue (&w->scheduler, task);
    covey_scheduler_hide (&w->scheduler, worker);
    task->worker = worker;
    task->token = ++worker->last_assigned * 1000 + worker->generation;
    covey_tree_insert (&worker->held, task);
    covey_scheduler_show (&w->scheduler, worker);
}

static void
s_let_go (s_world_t *w, covey_task_t *task)
{
    covey_worker_t *worker = task->worker;
    covey_scheduler_hide (&w->scheduler, worker);
    covey_tree_remove (&worker->held, task);
    task->worker = NULL;
    covey_scheduler_show (&w->scheduler, worker);
    covey_scheduler_queue (&w->scheduler, task);
}

static void
s_step (s_world_t *w)
{
    covey_task_t *task = w->tasks[s_below (w, TASKS)];
    covey_worker_t *worker = w->workers[s_below (w, WORKERS)];
    switch (s_below (w, 4)) {
        case 0:
            if (task->lane && covey_scheduler_is_free (worker))
                s_hold (w, worker, task);
            break;
        case 1:
            if (task->worker)
                s_let_go (w, task);
            break;
        case 2:
            covey_scheduler_hide (&w->scheduler, worker);
            worker->capacity = (uint32_t)s_below (w, 3) * 50;
            covey_scheduler_show (&w->scheduler, worker);
            break;
        default:
            if (!worker->held.count) {
                covey_scheduler_leave (&w->scheduler, worker);
                covey_scheduler_enter (&w->scheduler, worker);
            }
            break;
    }
}

static void
test_choices_equal_those_of_a_scan_over_everything (void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        s_world_t w = {0};
        covey_prng_init (&w.prng, seed);
        covey_scheduler_init (&w.scheduler);
        covey_registry_init (&w.registry);
        for (size_t i = 0; i < WORKERS; i++)
            s_new_worker (&w, i);
        for (size_t i = 0; i < TASKS; i++)
            s_new_task (&w, i);
        for (int step = 0; step < 300; step++) {
            s_step (&w);
            covey_task_t *task = w.tasks[s_below (&w, TASKS)];
            covey_worker_t *worker = w.workers[s_below (&w, WORKERS)];
            if (!task->assignee)
                assert_true (s_is_choice (
                    &w, task, covey_scheduler_worker_for (&w.scheduler, task)));
            assert_ptr_equal (covey_scheduler_task_for (&w.scheduler, worker),
                              s_scan_tasks (&w, worker));
        }
        for (size_t i = 0; i < TASKS; i++) {
            if (w.tasks[i]->worker)
                s_let_go (&w, w.tasks[i]);
            covey_scheduler_unqueue (&w.scheduler, w.tasks[i]);
            covey_task_destroy (&w.tasks[i]);
        }
        for (size_t i = 0; i < WORKERS; i++)
            covey_scheduler_leave (&w.scheduler, w.workers[i]);
        covey_scheduler_deinit (&w.scheduler);
        covey_registry_deinit (&w.registry);
    }
}

/* ---- through the state machine
 * ------------------------------------------------ */

static void
s_complete (support_control_t *c, const char *agent, const char *task,
            uint64_t token)
{
    assert_int_equal (support_call (c, agent, "task.complete",
                                    "{\"taskId\":\"%s\",\"fencingToken\":%llu}",
                                    task, (unsigned long long)token),
                      COVEY_OK);
}

static void
test_the_oldest_of_a_priority_is_never_passed_by (void **state)
{
    (void)state;
    support_control_t *c = calloc (1, sizeof *c);
    support_control_init (c, NULL);
    for (int i = 0; i < 30; i++)
        assert_int_equal (
            support_call (c, "boss", "task.submit",
                          "{\"taskId\":\"t%02d\",\"taskType\":\"x\"%s}", i,
                          i % 3 ? "" : ",\"requiredCapabilities\":[\"a\"]"),
            COVEY_OK);
    support_agent_up (c, "w1", "worker", "a b", 1);
    for (int i = 0; i < 30; i++) {
        const covey_event_t *fact =
            support_fact (c, COVEY_EVENT_TASK_ASSIGNED, 0);
        char wanted[16];
        snprintf (wanted, sizeof wanted, "t%02d", i);
        assert_string_equal (covey_event_str (fact, "taskId"), wanted);
        s_complete (c, "w1", wanted,
                    (uint64_t)covey_event_int (fact, "fencingToken"));
    }
    support_control_deinit (c);
    free (c);
}

static void
test_tasks_are_spread_by_load_and_only_to_who_can_do_them (void **state)
{
    (void)state;
    support_control_t *c = calloc (1, sizeof *c);
    support_control_init (c, NULL);
    support_agent_up (c, "big", "worker", "gpu", 4);
    support_agent_up (c, "small", "worker", "gpu", 1);
    support_agent_up (c, "plain", "worker", "", 4);
    support_agent_up (c, "other", "reviewer", "gpu", 4);
    int got[2] = {0, 0};
    for (int i = 0; i < 6; i++) {
        assert_int_equal (support_call (c, "boss", "task.submit",
                                        "{\"taskType\":\"x\",\"agentType\":"
                                        "\"worker\",\"requiredCapabilities\":"
                                        "[\"gpu\"]}"),
                          COVEY_OK);
        const char *agent = support_reply (c, "agent");
        got[0] += strcmp (agent, "big") == 0;
        got[1] += strcmp (agent, "small") == 0;
        if (i < 2) /* one each, before anybody gets a second */
            assert_int_equal (got[0] + got[1], i + 1);
        if (i == 1)
            assert_int_equal (got[1], 1);
    }
    assert_int_equal (got[0], 4);
    assert_int_equal (got[1], 1);
    assert_string_equal (support_reply (c, "state"), "queued");
    assert_string_equal (support_reply (c, "waitsBecause"),
                         "2 agents offer what it asks for; all are busy");
    support_control_deinit (c);
    free (c);
}

static void
test_an_agent_that_says_it_is_busy_gets_nothing_until_it_is_ready (void **state)
{
    (void)state;
    support_control_t *c = calloc (1, sizeof *c);
    support_control_init (c, NULL);
    support_agent_up (c, "w1", "worker", "", 1);
    support_agent_load (c, "w1", "busy", -1);
    assert_int_equal (support_call (c, "boss", "task.submit",
                                    "{\"taskId\":\"t1\",\"taskType\":\"x\"}"),
                      COVEY_OK);
    assert_string_equal (support_reply (c, "state"), "queued");
    support_agent_load (c, "w1", "ready", 0);
    assert_int_equal (support_fact_count (c, COVEY_EVENT_TASK_ASSIGNED), 0);
    support_agent_load (c, "w1", "ready", 80);
    assert_int_equal (support_fact_count (c, COVEY_EVENT_TASK_ASSIGNED), 1);
    support_control_deinit (c);
    free (c);
}

/*  10,000 tasks wait for 1,000 agents of 20 kinds; each completion assigns the
    next. The bound is far above what it takes (about 0.3 s) and far below what
    a scan would take (10,000 x 10,000). */
static void
test_ten_thousand_tasks_on_a_thousand_agents_stay_fast (void **state)
{
    (void)state;
    enum { MANY_TASKS = 10000, MANY_WORKERS = 1000 };
    support_control_t *c = calloc (1, sizeof *c);
    support_control_init (c, NULL);
    int64_t start_ms = covey_clock_mono_ms ();
    for (int i = 0; i < MANY_TASKS; i++)
        assert_int_equal (
            support_call (c, "boss", "task.submit",
                          "{\"taskId\":\"t%d\",\"taskType\":\"x\","
                          "\"requiredCapabilities\":[\"c%d\"]}",
                          i, i % 20),
            COVEY_OK);
    for (int i = 0; i < MANY_WORKERS; i++) {
        char id[16], capability[16];
        snprintf (id, sizeof id, "w%d", i);
        snprintf (capability, sizeof capability, "c%d", i % 20);
        support_agent_up (c, id, "worker", capability, 1);
        assert_int_equal (support_fact_count (c, COVEY_EVENT_TASK_ASSIGNED), 1);
    }
    for (int done = 0; done < MANY_TASKS; done++) {
        char task[16], agent[16];
        /* worker i got the oldest task of its capability, in order */
        int kind = done % 20, turn = done / 20;
        snprintf (task, sizeof task, "t%d", turn * 20 + kind);
        snprintf (agent, sizeof agent, "w%d", (turn % 50) * 20 + kind);
        assert_int_equal (
            support_call (c, "boss", "task.show", "{\"taskId\":\"%s\"}", task),
            COVEY_OK);
        uint64_t token = (uint64_t)support_reply_int (c, "fencingToken");
        snprintf (agent, sizeof agent, "%s", support_reply (c, "agent"));
        s_complete (c, agent, task, token);
    }
    int64_t took_ms = covey_clock_mono_ms () - start_ms;
    print_message ("10,000 tasks on 1,000 agents: %lld ms\n",
                   (long long)took_ms);
    assert_true (took_ms < 20000);
    support_control_deinit (c);
    free (c);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_choices_equal_those_of_a_scan_over_everything),
        cmocka_unit_test (test_the_oldest_of_a_priority_is_never_passed_by),
        cmocka_unit_test (
            test_tasks_are_spread_by_load_and_only_to_who_can_do_them),
        cmocka_unit_test (
            test_an_agent_that_says_it_is_busy_gets_nothing_until_it_is_ready),
        cmocka_unit_test (
            test_ten_thousand_tasks_on_a_thousand_agents_stay_fast),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
