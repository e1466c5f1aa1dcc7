/*  One of many and all of many, through the public API: three nodes, twenty
    agents, some silent, some slow, some not there.                           */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/support/support_api.h"

#define AGENTS 20
#define SILENT 4 /* the first ones with the tag "odd" answer nothing */

static covey_testmesh_t *mesh;
static covey_agent_t *boss, *agents[AGENTS];
static support_log_t *messages, *notices, *kept;

static const char *const s_fast[] = {"fast"}, *const s_odd[] = {"odd"};
static const covey_scope_t fast = {.capabilities = s_fast,
                                   .capability_count = 1};
static const covey_scope_t odd = {.tags = s_odd, .tag_count = 1};
static const covey_scope_t everybody = {0};
static const covey_scope_t nobody = {.swarm_id = "no such swarm"};

/*  "name" answers, "refuse" fails, "keep" never answers, "some": agents with
    the tag "odd" do not answer.                                              */
static covey_err_t
s_on_request (covey_agent_t *agent, const covey_event_t *request, void *arg)
{
    bool is_odd = arg != NULL;
    const char *method = covey_event_str (request, "method");
    if (strcmp (method, "refuse") == 0 && is_odd)
        return covey_agent_respond_error (agent, request, "NO_TEA", "no tea");
    if (strcmp (method, "keep") == 0 ||
        (strcmp (method, "some") == 0 && is_odd))
        return support_log_handler (agent, request, kept);
    char json[160];
    int size = snprintf (json, sizeof json, "\"%s\"", covey_agent_id (agent));
    return covey_agent_respond (agent, request, COVEY_CONTENT_JSON, json,
                                (size_t)size);
}

static int
s_setup (void **state)
{
    (void)state;
    messages = support_log_new ();
    notices = support_log_new ();
    kept = support_log_new ();
    expect_ok (covey_testmesh_new (3, SUPPORT_WAIT_MS, &mesh));
    boss = covey_testmesh_agent (mesh, 0, "boss", "boss");
    for (size_t i = 0; i < AGENTS; i++) {
        char id[16];
        snprintf (id, sizeof id, "agent-%02zu", i);
        agents[i] = covey_agent_new (id, "worker");
        assert_non_null (agents[i]);
        bool is_odd = i < SILENT;
        expect_ok (covey_agent_add_tag (agents[i], is_odd ? "odd" : "even"));
        if (!is_odd)
            expect_ok (covey_agent_add_capability (agents[i], "fast"));
        covey_agent_on_request (agents[i], s_on_request,
                                is_odd ? agents : NULL);
        covey_agent_on_message (agents[i], support_log_handler, messages);
        expect_ok (covey_agent_attach (
            agents[i], covey_testmesh_node (mesh, i % 3), SUPPORT_WAIT_MS));
        expect_ok (covey_agent_start (agents[i]));
    }
    covey_agent_on_notice (boss, support_log_notice, notices);
    expect_ok (covey_testmesh_start (mesh, SUPPORT_WAIT_MS));
    expect_ok (covey_node_wait_agents (covey_testmesh_node (mesh, 0),
                                       AGENTS + 1, SUPPORT_WAIT_MS));
    return 0;
}

static int
s_teardown (void **state)
{
    (void)state;
    for (size_t i = 0; i < AGENTS; i++)
        covey_agent_destroy (&agents[i]);
    covey_testmesh_destroy (&mesh);
    support_log_destroy (&messages);
    support_log_destroy (&notices);
    support_log_destroy (&kept);
    return 0;
}

static int
s_clear (void **state)
{
    (void)state;
    support_log_clear (messages);
    support_log_clear (notices);
    support_log_clear (kept);
    return 0;
}

/*  What came of each.                                                       */
typedef struct {
    unsigned good, bad, gone;
    unsigned stop_after; /* 0: never                                          */
    bool seen[AGENTS];
    covey_gather_result_t result;
} answers_t;

static covey_err_t
s_on_answer (covey_agent_t *agent, const covey_gather_answer_t *answer,
             void *arg)
{
    answers_t *answers = arg;
    unsigned number = AGENTS;
    assert_ptr_equal (agent, boss);
    if (sscanf (answer->agent, "agent-%u", &number) == 1 && number < AGENTS) {
        assert_false (answers->seen[number]);
        answers->seen[number] = true;
    }
    if (answer->code == COVEY_OK) {
        char json[160];
        snprintf (json, sizeof json, "\"%s\"", answer->agent);
        assert_string_equal (answer->result_json, json);
        answers->good++;
    } else if (answer->code == COVEY_REMOTE) {
        assert_null (answer->result_json);
        assert_string_equal (answer->error_code, "NO_TEA");
        answers->bad++;
    } else {
        assert_string_equal (answer->error_code, "NOAGENT");
        answers->gone++;
    }
    return answers->stop_after &&
                   answers->good + answers->bad >= answers->stop_after
               ? COVEY_CANCELED
               : COVEY_OK;
}

static covey_err_t
s_gather (const covey_gather_options_t *options, const char *method,
          answers_t *answers)
{
    return covey_agent_gather (boss, options, method, NULL, s_on_answer,
                               answers, &answers->result);
}

#define expect_result(r, ended, a, h, n, f, u)            \
    do {                                                  \
        assert_int_equal ((r).end, COVEY_GATHER_##ended); \
        assert_int_equal ((r).asked, (a));                \
        assert_int_equal ((r).heard, (h));                \
        assert_int_equal ((r).answered, (n));             \
        assert_int_equal ((r).failed, (f));               \
        assert_int_equal ((r).unreachable, (u));          \
    } while (0)

/* ------------------------------------------------------------------------ */

static void
all_of_a_group_answer (void **state)
{
    (void)state;
    answers_t answers = {0};
    covey_gather_options_t options = {.group = &everybody,
                                      .timeout_ms = SUPPORT_WAIT_MS};
    expect_ok (s_gather (&options, "name", &answers));
    expect_result (answers.result, ALL, AGENTS, AGENTS, AGENTS, 0, 0);
    assert_int_equal (answers.good, AGENTS);
    answers = (answers_t){0};
    options.group = &fast;
    expect_ok (s_gather (&options, "name", &answers));
    expect_result (answers.result, ALL, AGENTS - SILENT, AGENTS - SILENT,
                   AGENTS - SILENT, 0, 0);
    for (size_t i = 0; i < AGENTS; i++)
        assert_int_equal (answers.seen[i], i >= SILENT);
}

static void
who_heard_and_did_not_answer_is_known (void **state)
{
    (void)state;
    answers_t answers = {0};
    covey_gather_options_t options = {
        .group = NULL, .timeout_ms = SUPPORT_WAIT_MS, .stall_ms = 500};
    expect_code (s_gather (&options, "some", &answers), TIMEOUT);
    expect_result (answers.result, STALLED, AGENTS, AGENTS, AGENTS - SILENT, 0,
                   0);
    assert_non_null (strstr (covey_error (), "20 heard it, 16 answered"));
    /* Their answers come too late, and are counted. */
    assert_true (support_log_wait (kept, SILENT, SUPPORT_WAIT_MS));
    options.stall_ms = 0;
    options.timeout_ms = 300;
    answers = (answers_t){0};
    expect_code (s_gather (&options, "keep", &answers), TIMEOUT);
    expect_result (answers.result, TIMEOUT, AGENTS, AGENTS, 0, 0, 0);
}

static void
a_list_may_name_who_is_not_there (void **state)
{
    (void)state;
    answers_t answers = {0};
    const char *names[] = {"agent-00", "ghost", "agent-19", "phantom"};
    covey_gather_options_t options = {
        .agents = names, .agent_count = 4, .timeout_ms = SUPPORT_WAIT_MS};
    expect_ok (s_gather (&options, "refuse", &answers));
    expect_result (answers.result, ALL, 4, 2, 1, 1, 2);
    assert_int_equal (answers.good, 1);
    assert_int_equal (answers.bad, 1);
    assert_int_equal (answers.gone, 2);
    options.stop_on_error = true;
    expect_code (s_gather (&options, "keep", &(answers_t){0}), REMOTE);
    names[1] = "no id";
    expect_code (s_gather (&options, "name", &(answers_t){0}), INVALID);
}

static void
enough_is_enough (void **state)
{
    (void)state;
    answers_t answers = {0};
    covey_gather_options_t options = {.max_answers = 3,
                                      .timeout_ms = SUPPORT_WAIT_MS};
    expect_ok (s_gather (&options, "some", &answers));
    assert_int_equal (answers.result.end, COVEY_GATHER_MAXIMUM);
    assert_int_equal (answers.result.answered, 3);
    assert_int_equal (answers.good, 3);
    answers = (answers_t){.stop_after = 2};
    options.max_answers = 0;
    expect_code (s_gather (&options, "name", &answers), CANCELED);
    assert_int_equal (answers.result.end, COVEY_GATHER_STOPPED);
    assert_int_equal (answers.good, 2);
}

static void *
s_leave (void *arg)
{
    (void)arg;
    /* Only when it has the question. */
    if (!support_log_wait (kept, 1, SUPPORT_WAIT_MS))
        return NULL;
    (void)covey_agent_shutdown (agents[1], "leaves", SUPPORT_WAIT_MS);
    return NULL;
}

static void
one_that_goes_before_it_answers_is_unreachable (void **state)
{
    (void)state;
    answers_t answers = {0};
    const char *names[] = {"agent-01"};
    covey_gather_options_t options = {
        .agents = names, .agent_count = 1, .timeout_ms = SUPPORT_WAIT_MS};
    pthread_t thread;
    assert_int_equal (pthread_create (&thread, NULL, s_leave, NULL), 0);
    expect_ok (s_gather (&options, "keep", &answers));
    pthread_join (thread, NULL);
    expect_result (answers.result, ALL, 1, 1, 0, 0, 1);
    expect_ok (covey_agent_attach (agents[1], covey_testmesh_node (mesh, 1),
                                   SUPPORT_WAIT_MS));
    expect_ok (covey_node_wait_agents (covey_testmesh_node (mesh, 0),
                                       AGENTS + 1, SUPPORT_WAIT_MS));
}

static void
nobody_is_told_at_once (void **state)
{
    (void)state;
    covey_gather_options_t options = {.group = &nobody,
                                      .timeout_ms = SUPPORT_WAIT_MS};
    int64_t start_ms = support_now_ms ();
    expect_code (s_gather (&options, "name", &(answers_t){0}), NOAGENT);
    expect_code (covey_agent_send_group (boss, &nobody, COVEY_CONTENT_TEXT, "x",
                                         1, SUPPORT_WAIT_MS),
                 NOAGENT);
    assert_non_null (strstr (covey_error (), "agents are known"));
    expect_code (covey_agent_request_group (boss, &nobody, "name", NULL,
                                            SUPPORT_WAIT_MS, NULL),
                 NOAGENT);
    assert_true (support_now_ms () - start_ms < 2000);
}

static void
one_of_a_group_gets_a_message_and_answers_a_request (void **state)
{
    (void)state;
    expect_ok (covey_agent_send_group (boss, &odd, COVEY_CONTENT_TEXT, "hello",
                                       5, SUPPORT_WAIT_MS));
    assert_true (support_log_wait (messages, 1, SUPPORT_WAIT_MS));
    const covey_event_t *event = support_log_event (messages, 0);
    assert_string_equal (support_content (event), "hello");
    assert_string_equal (covey_event_target (event, 0),
                         support_log_agent (messages, 0));
    char *json = NULL;
    for (int i = 0; i < 10; i++) {
        unsigned number = AGENTS;
        expect_ok (covey_agent_request_group (boss, &fast, "name", NULL,
                                              SUPPORT_WAIT_MS, &json));
        assert_int_equal (sscanf (json, "\"agent-%u\"", &number), 1);
        assert_in_range (number, SILENT, AGENTS - 1);
        covey_free (json);
    }
    assert_int_equal (support_log_count (messages), 1);
}

static void
posts_to_a_group_are_spread (void **state)
{
    (void)state;
    enum { COUNT = 2000 };
    for (int i = 0; i < COUNT; i++) {
        covey_event_t *event = covey_event_new (COVEY_EVENT_MESSAGE_SENT);
        expect_ok (covey_event_set_str (event, "messageId", "m"));
        expect_ok (covey_event_set_str (event, "contentType", "text"));
        expect_ok (covey_event_set_payload (event, "content",
                                            COVEY_CONTENT_TEXT, "x", 1));
        expect_ok (covey_event_set_group (event, &fast));
        covey_err_t rc;
        while ((rc = covey_agent_post (boss, &event)) == COVEY_EAGAIN)
            expect_ok (covey_agent_flush (boss, COVEY_LEVEL_ACCEPTED,
                                          SUPPORT_WAIT_MS));
        expect_ok (rc);
    }
    expect_ok (covey_agent_flush (boss, COVEY_LEVEL_ACCEPTED, SUPPORT_WAIT_MS));
    assert_true (support_log_wait (messages, COUNT, SUPPORT_WAIT_MS));
    unsigned times[AGENTS] = {0}, got = 0;
    for (size_t i = 0; i < COUNT; i++) {
        unsigned number = 0;
        sscanf (support_log_agent (messages, i), "agent-%u", &number);
        times[number]++;
    }
    for (size_t i = 0; i < AGENTS; i++)
        got += times[i] > 0;
    for (size_t i = 0; i < SILENT; i++)
        assert_int_equal (times[i], 0);
    assert_true (got > 1);
    assert_int_equal (support_log_count (notices), 0);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup (all_of_a_group_answer, s_clear),
        cmocka_unit_test_setup (who_heard_and_did_not_answer_is_known, s_clear),
        cmocka_unit_test_setup (a_list_may_name_who_is_not_there, s_clear),
        cmocka_unit_test_setup (enough_is_enough, s_clear),
        cmocka_unit_test_setup (one_that_goes_before_it_answers_is_unreachable,
                                s_clear),
        cmocka_unit_test_setup (nobody_is_told_at_once, s_clear),
        cmocka_unit_test_setup (
            one_of_a_group_gets_a_message_and_answers_a_request, s_clear),
        cmocka_unit_test_setup (posts_to_a_group_are_spread, s_clear),
    };
    return cmocka_run_group_tests (tests, s_setup, s_teardown);
}
