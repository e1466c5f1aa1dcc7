/*  The coordinator's thread beside a real node: tasks and votes over sessions,
    and what a restart leaves.                                                */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "coordinator/coordinator_actor.h"
#include "tests/support/support_node.h"

typedef struct {
    covey_node_actor_t *node;
    covey_coordinator_actor_t *coordinator;
    support_crowd_t crowd;
    support_agent_t *boss;
    char dir[64];
} fixture_t;

static void
s_start (fixture_t *self)
{
    covey_errbuf_t err;
    covey_coordinator_config_t config = {
        .node_id = covey_id_new (),
        .node_name = "alpha",
        .endpoint = covey_node_actor_inproc (self->node),
        .data_dir = self->dir,
        .found = true};
    if (covey_coordinator_actor_new (&config, 10000, &self->coordinator, &err))
        fail_msg ("coordinator: %s", err.text);
}

static int
s_setup (void **state)
{
    fixture_t *self = calloc (1, sizeof *self);
    snprintf (self->dir, sizeof self->dir, "/tmp/covey-coord-XXXXXX");
    if (!mkdtemp (self->dir))
        return -1;
    self->node = support_node ("alpha", NULL);
    s_start (self);
    Covey__Wire__Hello hello = COVEY__WIRE__HELLO__INIT;
    hello.has_client = hello.client = true;
    self->boss = support_agent_at (
        &self->crowd, covey_node_actor_inproc (self->node), "cli-boss", &hello);
    *state = self;
    return 0;
}

static int
s_teardown (void **state)
{
    fixture_t *self = *state;
    support_crowd_end (&self->crowd);
    covey_coordinator_actor_destroy (&self->coordinator);
    covey_node_actor_destroy (&self->node);
    char path[128];
    static const char *const names[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < 3; i++) {
        snprintf (path, sizeof path, "%s/control.db%s", self->dir, names[i]);
        unlink (path);
    }
    rmdir (self->dir);
    free (self);
    return 0;
}

/*  The JSON of the answer, or the code of the error, until the next call.   */
__attribute__ ((format (printf, 4, 5))) static const char *
s_ask (fixture_t *self, support_agent_t *agent, const char *method,
       const char *fmt, ...)
{
    static char answer[65536];
    char params[4096];
    va_list args;
    va_start (args, fmt);
    vsnprintf (params, sizeof params, fmt, args);
    va_end (args);
    char *json =
        support_ask (&self->crowd, agent, "coordinator", method, params);
    snprintf (answer, sizeof answer, "%s", json);
    free (json);
    return answer;
}

/*  The last event of a type that an agent saw.                              */
static const covey_event_t *
s_seen (const support_agent_t *agent, int type)
{
    for (size_t i = agent->event_count; i--;)
        if (covey_event_type (agent->events[i]) == type)
            return agent->events[i];
    return NULL;
}

static void
s_watch (fixture_t *self, int type)
{
    size_t before = self->boss->subscribed;
    support_agent_subscribe (self->boss, (uint32_t)type, type, false);
    support_until (&self->crowd, self->boss->subscribed > before);
}

static support_agent_t *
s_worker (fixture_t *self, const char *id)
{
    support_agent_t *agent = support_agent (&self->crowd, self->node, id);
    int64_t until_ms = support_node_now_ms () + SUPPORT_NODE_WAIT_MS;
    char wanted[64];
    snprintf (wanted, sizeof wanted, "\"id\":\"%s\"", id);
    while (!strstr (
        s_ask (self, self->boss, "mesh.registry", "{\"state\":\"ready\"}"),
        wanted))
        assert_true (support_node_now_ms () < until_ms);
    return agent;
}

static void
test_a_task_goes_through_the_mesh_from_submission_to_result (void **state)
{
    fixture_t *self = *state;
    s_watch (self, COVEY_EVENT_TASK_COMPLETED);
    support_agent_t *w = s_worker (self, "w1");
    const char *view =
        s_ask (self, self->boss, "task.submit",
               "{\"taskId\":\"t1\",\"taskType\":\"count\",\"input\":\"a.c\"}");
    assert_non_null (strstr (view, "\"state\":\"assigned\""));
    support_until (&self->crowd, s_seen (w, COVEY_EVENT_TASK_ASSIGNED));
    const covey_event_t *assigned = s_seen (w, COVEY_EVENT_TASK_ASSIGNED);
    assert_string_equal (covey_event_source (assigned), "coordinator");
    long long token = covey_event_int (assigned, "fencingToken");
    static const char *const steps[] = {"accept", "start", "progress",
                                        "complete"};
    for (size_t i = 0; i < 4; i++) {
        char method[32];
        snprintf (method, sizeof method, "task.%s", steps[i]);
        view = s_ask (self, w, method,
                      "{\"taskId\":\"t1\",\"fencingToken\":%lld%s}", token,
                      i == 3 ? ",\"result\":{\"lines\":3}" : "");
        assert_non_null (strstr (view, "\"id\":\"t1\""));
    }
    support_until (&self->crowd,
                   s_seen (self->boss, COVEY_EVENT_TASK_COMPLETED));
    const covey_event_t *done = s_seen (self->boss, COVEY_EVENT_TASK_COMPLETED);
    assert_string_equal (covey_event_source (done), "w1");
    assert_string_equal (covey_event_correlation_id (done),
                         covey_event_correlation_id (assigned));
    assert_non_null (covey_event_causation_id (done));
    view = s_ask (self, self->boss, "task.show", "{\"taskId\":\"t1\"}");
    assert_non_null (strstr (view, "\"state\":\"completed\""));
    assert_non_null (strstr (view, "{\"lines\":3}"));
    assert_string_equal (s_ask (self, w, "task.complete",
                                "{\"taskId\":\"t1\",\"fencingToken\":999}"),
                         "FENCED");
}

static void
test_a_task_of_an_agent_that_vanished_goes_to_another (void **state)
{
    fixture_t *self = *state;
    support_agent_t *w1 = s_worker (self, "w1");
    s_ask (self, self->boss, "task.submit",
           "{\"taskId\":\"t1\",\"taskType\":\"count\"}");
    support_until (&self->crowd, s_seen (w1, COVEY_EVENT_TASK_ASSIGNED));
    int64_t first = covey_event_int (s_seen (w1, COVEY_EVENT_TASK_ASSIGNED),
                                     "fencingToken");
    support_agent_t *w2 = s_worker (self, "w2");
    support_agent_bye (&self->crowd, w1);
    support_until (&self->crowd, s_seen (w2, COVEY_EVENT_TASK_ASSIGNED));
    const covey_event_t *assigned = s_seen (w2, COVEY_EVENT_TASK_ASSIGNED);
    assert_true (covey_event_int (assigned, "fencingToken") > first);
    assert_int_equal (covey_event_int (assigned, "attempt"), 2);
}

static void
test_members_are_asked_and_their_votes_decide (void **state)
{
    fixture_t *self = *state;
    s_watch (self, COVEY_EVENT_SWARM_CONSENSUS_REACHED);
    support_agent_t *ann = s_worker (self, "ann");
    support_agent_t *bob = s_worker (self, "bob");
    s_ask (self, self->boss, "swarm.form",
           "{\"swarmId\":\"s1\",\"members\":[{\"agentId\":\"ann\"},"
           "{\"agentId\":\"bob\"},{\"agentId\":\"ghost\"}]}");
    s_ask (self, self->boss, "swarm.propose",
           "{\"consensusId\":\"v1\",\"swarmId\":\"s1\",\"proposal\":\"?\"}");
    support_until (&self->crowd,
                   s_seen (ann, COVEY_EVENT_SWARM_CONSENSUS_REQUEST) &&
                       s_seen (bob, COVEY_EVENT_SWARM_CONSENSUS_REQUEST));
    s_ask (self, ann, "swarm.vote",
           "{\"consensusId\":\"v1\",\"vote\":\"approve\"}");
    const char *view = s_ask (self, bob, "swarm.vote",
                              "{\"consensusId\":\"v1\",\"vote\":\"approve\"}");
    assert_non_null (strstr (view, "\"outcome\":\"accepted\""));
    support_until (&self->crowd,
                   s_seen (self->boss, COVEY_EVENT_SWARM_CONSENSUS_REACHED));
    assert_true (covey_event_bool (
        s_seen (self->boss, COVEY_EVENT_SWARM_CONSENSUS_REACHED), "consensus"));
}

static void
test_a_vote_ends_at_its_deadline_without_traffic (void **state)
{
    fixture_t *self = *state;
    s_watch (self, COVEY_EVENT_SWARM_CONSENSUS_REACHED);
    s_ask (self, self->boss, "swarm.form",
           "{\"swarmId\":\"s1\",\"members\":[{\"agentId\":\"ann\"}]}");
    s_ask (self, self->boss, "swarm.propose",
           "{\"swarmId\":\"s1\",\"proposal\":1,\"timeout\":50}");
    support_until (&self->crowd,
                   s_seen (self->boss, COVEY_EVENT_SWARM_CONSENSUS_REACHED));
    assert_string_equal (
        covey_event_metadata (
            s_seen (self->boss, COVEY_EVENT_SWARM_CONSENSUS_REACHED),
            "outcome"),
        "expired");
}

static void
test_bad_requests_get_an_error_and_change_nothing (void **state)
{
    fixture_t *self = *state;
    static const char *const bad[][3] = {
        {"task.submit", "{\"taskTypo\":1}", "INVALID"},
        {"task.submit", "{\"taskType\":\"x\",\"lease\":1}", "INVALID"},
        {"task.sumbit", "{}", "NOTFOUND"},
        {"task.show", "{\"taskId\":\"none\"}", "NOTFOUND"},
        {"swarm.propose", "{\"swarmId\":\"none\",\"proposal\":1}", "NOTFOUND"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_string_equal (
            s_ask (self, self->boss, bad[i][0], "%s", bad[i][1]), bad[i][2]);
    const char *view = s_ask (self, self->boss, "mesh.coordinator", "{}");
    assert_int_equal (support_json_int (view, "tasksQueued"), 0);
    assert_int_equal (support_json_int (view, "swarms"), 0);
    assert_non_null (strstr (view, "\"leader\":\"alpha\""));
}

static void
test_a_restart_keeps_tasks_holders_and_votes (void **state)
{
    fixture_t *self = *state;
    s_watch (self, COVEY_EVENT_SWARM_CONSENSUS_REACHED);
    support_agent_t *w = s_worker (self, "w1");
    support_agent_t *gone = s_worker (self, "w2");
    s_ask (self, self->boss, "task.submit",
           "{\"taskId\":\"t1\",\"taskType\":\"x\"}");
    s_ask (self, self->boss, "task.submit",
           "{\"taskId\":\"t2\",\"taskType\":\"x\"}");
    support_until (&self->crowd, s_seen (w, COVEY_EVENT_TASK_ASSIGNED) &&
                                     s_seen (gone, COVEY_EVENT_TASK_ASSIGNED));
    s_ask (self, self->boss, "swarm.form",
           "{\"swarmId\":\"s1\",\"members\":[{\"agentId\":\"w1\"}]}");
    s_ask (self, self->boss, "swarm.propose",
           "{\"consensusId\":\"v1\",\"swarmId\":\"s1\",\"proposal\":1}");
    char lost[64];
    snprintf (
        lost, sizeof lost, "%s",
        covey_event_str (s_seen (gone, COVEY_EVENT_TASK_ASSIGNED), "taskId"));

    covey_coordinator_actor_destroy (&self->coordinator);
    support_agent_bye (&self->crowd, gone);
    s_start (self);

    const covey_event_t *assigned = s_seen (w, COVEY_EVENT_TASK_ASSIGNED);
    char mine[64];
    snprintf (mine, sizeof mine, "%s", covey_event_str (assigned, "taskId"));
    const char *view = s_ask (
        self, w, "task.complete", "{\"taskId\":\"%s\",\"fencingToken\":%lld}",
        mine, (long long)covey_event_int (assigned, "fencingToken"));
    assert_non_null (strstr (view, "\"state\":\"completed\""));
    /* w2 went while nobody watched: its task comes to w1 */
    support_until (&self->crowd,
                   strcmp (covey_event_str (
                               s_seen (w, COVEY_EVENT_TASK_ASSIGNED), "taskId"),
                           lost) == 0);
    view = s_ask (self, w, "swarm.vote",
                  "{\"consensusId\":\"v1\",\"vote\":\"approve\"}");
    assert_non_null (strstr (view, "\"outcome\":\"accepted\""));
    support_until (&self->crowd,
                   s_seen (self->boss, COVEY_EVENT_SWARM_CONSENSUS_REACHED));
}

/*  A stream of requests, all answered; the log commits them in groups.      */
static void
test_many_requests_at_once_are_all_answered (void **state)
{
    fixture_t *self = *state;
    enum { REQUESTS = 2000 };
    int64_t start_ms = support_node_now_ms ();
    size_t before = self->boss->event_count;
    for (int i = 0; i < REQUESTS; i++) {
        char id[32];
        snprintf (id, sizeof id, "many-%d", i);
        support_agent_publish (
            self->boss,
            covey_event_request ("cli-boss", "coordinator", id, "task.submit",
                                 "{\"taskType\":\"x\"}", 20000),
            COVEY_LEVEL_ACCEPTED, 5000);
        if (i % 100 == 0)
            support_pump (&self->crowd, 0);
    }
    support_until (&self->crowd, self->boss->event_count == before + REQUESTS);
    for (size_t i = before; i < self->boss->event_count; i++)
        assert_true (covey_event_bool (self->boss->events[i], "success"));
    print_message ("%d submissions: %lld ms\n", REQUESTS,
                   (long long)(support_node_now_ms () - start_ms));
    assert_int_equal (
        support_json_int (s_ask (self, self->boss, "mesh.coordinator", "{}"),
                          "tasksQueued"),
        REQUESTS);
}

/*  While the log cannot be written nothing is promised; when it can be again,
    the coordinator goes on by itself, and what was asked is done once.       */
static void
test_a_log_that_cannot_be_written_refuses_until_it_can (void **state)
{
    fixture_t *self = *state;
    struct rlimit before, small;
    s_ask (self, self->boss, "task.submit",
           "{\"taskId\":\"t1\",\"taskType\":\"x\"}");
    signal (SIGXFSZ, SIG_IGN);
    assert_int_equal (getrlimit (RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 4096;
    assert_int_equal (setrlimit (RLIMIT_FSIZE, &small), 0);
    char answer[64];
    snprintf (answer, sizeof answer, "%s",
              s_ask (self, self->boss, "task.submit",
                     "{\"taskId\":\"t2\",\"taskType\":\"x\"}"));
    char question[64];
    snprintf (question, sizeof question, "%.10s",
              s_ask (self, self->boss, "task.show",
                     "{\"taskId\":\"t1\",\"consistency\":\"stale\"}"));
    assert_int_equal (setrlimit (RLIMIT_FSIZE, &before), 0);
    assert_string_equal (answer, "NOCOORDINATOR");
    assert_string_equal (question, "{\"id\":\"t1\"");
    int64_t until_ms = support_node_now_ms () + SUPPORT_NODE_WAIT_MS;
    while (strstr (s_ask (self, self->boss, "task.submit",
                          "{\"taskId\":\"t2\",\"taskType\":\"x\","
                          "\"idempotencyKey\":\"t2\"}"),
                   "NOCOORDINATOR"))
        assert_true (support_node_now_ms () < until_ms);
    assert_non_null (
        strstr (s_ask (self, self->boss, "task.show", "{\"taskId\":\"t2\"}"),
                "\"state\":\"queued\""));
    assert_non_null (
        strstr (s_ask (self, self->boss, "task.show", "{\"taskId\":\"t1\"}"),
                "\"state\":\"queued\""));
}

static void
test_a_log_in_use_is_named (void **state)
{
    fixture_t *self = *state;
    covey_errbuf_t err;
    covey_coordinator_actor_t *other = NULL;
    covey_coordinator_config_t config = {
        .node_id = covey_id_new (),
        .endpoint = covey_node_actor_inproc (self->node),
        .data_dir = self->dir};
    assert_int_equal (covey_coordinator_actor_new (&config, 1000, &other, &err),
                      COVEY_BUSY);
    assert_non_null (strstr (err.text, "control.db"));
}

int
main (void)
{
#define TEST(name) cmocka_unit_test_setup_teardown (name, s_setup, s_teardown)
    const struct CMUnitTest tests[] = {
        TEST (test_a_task_goes_through_the_mesh_from_submission_to_result),
        TEST (test_a_task_of_an_agent_that_vanished_goes_to_another),
        TEST (test_members_are_asked_and_their_votes_decide),
        TEST (test_a_vote_ends_at_its_deadline_without_traffic),
        TEST (test_bad_requests_get_an_error_and_change_nothing),
        TEST (test_a_restart_keeps_tasks_holders_and_votes),
        TEST (test_many_requests_at_once_are_all_answered),
        TEST (test_a_log_that_cannot_be_written_refuses_until_it_can),
        TEST (test_a_log_in_use_is_named),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
