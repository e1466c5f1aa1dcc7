/*  coordination sessions: agents that fail, time that passes, who steps in,
    bounds                                                                    */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../support/support_coordination.h"
#include "coordinator/state_impl.h"
/* ---- failures ---------------------------------------------------------------
 */

static void
test_a_participant_that_fails_is_replaced_from_the_reserve (void **state)
{
    (void)state;
    support_control_t *c = support_team_new (4);
    support_team_coordinate (c, "sequential", 2, 2, "");
    support_team_accept (c, "a1");
    support_team_accept (c, "a2");
    support_team_accept (c, "a3"); /* in reserve */
    support_team_accept (c, "a4");
    support_team_done (c, "a1", "\"one\"");
    support_agent_down (c, "a2");
    support_team_check (c);
    assert_true (support_team_input_has (c, "a3", "\"previous\""));
    assert_true (support_team_input_has (c, "a3", "\"number\":2"));
    support_team_shows (c, "\"participants\":[\"a1\",\"a3\"]");
    support_team_fails (c, "a3");
    assert_string_equal (support_team_step (c, "a4"), "work");
    support_team_shows (c, "\"replaced\":2");
    support_team_done (c, "a4", "\"two\"");
    support_team_result_is (c, "two");
    support_team_end (c);
}

static void
test_a_failed_command_is_tried_again_before_its_agent_is_out (void **state)
{
    (void)state;
    support_control_t *c = support_team_new (1);
    support_team_coordinate (c, "parallel", 1, 1, ",\"attempts\":2");
    support_team_accept (c, "a1");
    support_team_report (c, "a1", "fail", ",\"error\":\"once\"");
    assert_int_equal (support_fact_count (c, COVEY_EVENT_TASK_FAILED), 1);
    support_team_shows (c, "\"state\":\"active\"");
    support_tick (c, 2000);
    support_team_report (c, "a1", "fail", ",\"error\":\"twice\"");
    const covey_event_t *fact = support_fact (c, COVEY_EVENT_TASK_FAILED, 0);
    assert_false (covey_event_bool (fact, "retryable"));
    assert_int_equal (support_fact_count (c, COVEY_EVENT_TASK_PARKED), 0);
    support_team_failed_with (c, "PARTICIPANT_FAILED", "twice");
    support_team_end (c);
}

static void
test_with_nobody_in_reserve_on_failure_decides (void **state)
{
    (void)state;
    support_control_t *c = support_team_new (3);
    support_team_coordinate (c, "parallel", 2, 3, "");
    support_team_accept (c, "a1");
    support_team_accept (c, "a2");
    support_team_accept (c, "a3");
    support_team_fails (c, "a2"); /* two are left, which are enough */
    support_team_done (c, "a1", "1");
    support_team_done (c, "a3", "3");
    support_team_result_is (c, "[{\"agentId\":\"a1\",\"result\":1},"
                               "{\"agentId\":\"a2\",\"error\":\"broke\"},"
                               "{\"agentId\":\"a3\",\"result\":3}]");
    support_team_end (c);

    c = support_team_new (3);
    support_team_coordinate (c, "parallel", 2, 3, ",\"onFailure\":\"fail\"");
    support_team_accept (c, "a1");
    support_team_accept (c, "a2");
    support_team_accept (c, "a3");
    support_team_fails (c, "a2");
    support_team_failed_with (c, "PARTICIPANT_FAILED", "a2 failed");
    assert_null (support_team_held (c, "a1")); /* the others need not go on */
    assert_int_equal (support_fact_count (c, COVEY_EVENT_TASK_CANCELLED), 4);
    support_team_end (c);

    c = support_team_new (2);
    support_team_coordinate (c, "parallel", 2, 2, "");
    support_team_accept (c, "a1");
    support_team_accept (c, "a2");
    support_agent_down (c, "a1");
    support_team_failed_with (c, "PARTICIPANT_FAILED",
                              "1 are left, at least 2");
    support_team_end (c);
}

static void
test_who_did_its_part_may_leave (void **state)
{
    (void)state;
    support_control_t *c = support_team_new (2);
    support_team_coordinate (c, "sequential", 2, 2, ",\"onFailure\":\"fail\"");
    support_team_accept (c, "a1");
    support_team_accept (c, "a2");
    support_team_done (c, "a1", "1");
    support_agent_down (c, "a1");
    support_team_check (c);
    support_team_done (c, "a2", "2");
    support_team_result_is (c, "2");
    support_team_end (c);
}

static void
test_a_leader_that_fails_is_followed_by_another (void **state)
{
    (void)state;
    support_control_t *c = support_team_new (4);
    support_team_coordinate (c, "hierarchical", 2, 4, "");
    support_team_accept (c, "a1");
    support_team_accept (c, "a2");
    support_team_accept (c, "a3");
    support_team_accept (c, "a4");
    assert_string_equal (support_team_step (c, "a1"), "split");
    support_agent_down (c, "a1"); /* during the split: it is split anew */
    support_team_check (c);
    assert_string_equal (support_team_step (c, "a2"), "split");
    support_team_done (c, "a2", "[1,2,3]");
    support_agent_down (c, "a2"); /* while the others work: nothing is lost */
    support_team_check (c);
    support_team_shows (c, "\"leader\":\"a3\"");
    assert_string_equal (support_team_step (c, "a3"), "part");
    support_team_done (c, "a3", "10");
    assert_string_equal (support_team_step (c, "a3"), ""); /* it leads now */
    support_team_done (c, "a4", "20");
    support_team_done (c, "a4", "30");
    assert_string_equal (support_team_step (c, "a3"), "merge");
    support_team_done (c, "a3", "60");
    support_team_result_is (c, "60");
    support_team_end (c);
}

static void
test_a_part_goes_to_another_worker (void **state)
{
    (void)state;
    support_control_t *c = support_team_new (3);
    support_team_coordinate (c, "hierarchical", 2, 3, "");
    support_team_accept (c, "a1");
    support_team_accept (c, "a2");
    support_team_accept (c, "a3");
    support_team_done (c, "a1", "[1,2]");
    support_agent_down (c, "a2");
    support_team_check (c);
    support_team_done (c, "a3", "2");
    assert_true (support_team_input_has (c, "a3", "\"part\":1"));
    support_team_done (c, "a3", "1");
    assert_true (
        support_team_input_has (c, "a1", "\"number\":1,\"agentId\":\"a3\""));
    support_team_done (c, "a1", "3");
    support_team_result_is (c, "3");
    support_team_end (c);
}

static void
test_a_voter_that_is_gone_abstains (void **state)
{
    (void)state;
    support_control_t *c = support_team_new (4);
    support_team_coordinate (c, "consensus", 2, 4, "");
    for (int i = 1; i <= 4; i++) {
        char id[16];
        snprintf (id, sizeof id, "a%d", i);
        support_team_accept (c, id);
    }
    for (int i = 1; i <= 4; i++) {
        char id[16], result[16];
        snprintf (id, sizeof id, "a%d", i);
        snprintf (result, sizeof result, "%d0", i);
        support_team_done (c, id, result);
    }
    support_team_done (c, "a1", "1");
    support_team_done (c, "a2", "1");
    support_agent_down (c, "a4");
    support_team_check (c);
    support_team_done (c, "a3", "1");
    support_team_result_is (c, "10"); /* three of four */
    support_team_end (c);
}

static void
test_an_agent_may_leave_and_its_task_is_taken_away (void **state)
{
    (void)state;
    support_control_t *c = support_team_new (3);
    support_team_coordinate (c, "sequential", 1, 2, "");
    support_team_accept (c, "a1");
    support_team_accept (c, "a2");
    support_team_accept (c, "a3");
    assert_string_equal (support_team_step (c, "a1"), "work");
    assert_int_equal (support_team_answer (c, "a1", "reject"), COVEY_OK);
    assert_null (support_team_held (c, "a1"));
    assert_string_equal (support_team_step (c, "a3"), "work"); /* the reserve */
    assert_int_equal (support_team_answer (c, "a1", "accept"), COVEY_STATE);
    support_team_end (c);
}

/* ---- time, and who steps in
 * ----------------------------------------------------- */

static void
test_steps_and_the_whole_have_their_time (void **state)
{
    (void)state;
    support_control_t *c = support_team_new (2);
    support_team_coordinate (c, "parallel", 1, 1, ",\"stepTimeout\":1000");
    support_team_accept (c, "a1");
    support_team_accept (c, "a2");
    support_tick (c, 1000);
    support_team_check (c);
    assert_string_equal (support_team_step (c, "a1"), "");
    assert_string_equal (support_team_step (c, "a2"), "work");
    support_tick (c, 1000);
    support_team_failed_with (c, "PARTICIPANT_FAILED", "deadline passed");
    support_team_end (c);

    c = support_team_new (2);
    support_team_coordinate (c, "parallel", 1, 1, ",\"timeout\":700");
    support_team_accept (c, "a1");
    support_tick (c, 700);
    support_team_failed_with (c, "TIMEOUT", "700 ms");
    assert_null (support_team_held (c, "a1"));
    support_team_end (c);
}

static void
test_the_requester_cancels_and_others_may_not (void **state)
{
    (void)state;
    support_control_t *c = support_team_new (2);
    support_agent_up (c, "asker", "worker", "think", 1);
    assert_int_equal (
        support_call (c, "asker", "mesh.coordinate",
                      "{\"coordinationId\":\"c1\",\"objective\":\"x\","
                      "\"minAgents\":2,\"strategy\":\"parallel\"}"),
        COVEY_OK);
    const covey_event_t *asked =
        support_fact (c, COVEY_EVENT_COORDINATION_REQUEST, 0);
    assert_int_equal (covey_event_target_count (asked), 2); /* not itself */
    support_team_accept (c, "a1");
    support_team_accept (c, "a2");
    assert_int_equal (support_team_answer (c, "a1", "cancel"), COVEY_DENIED);
    assert_int_equal (support_team_answer (c, "a1", "pause"), COVEY_DENIED);
    /* its requester gone, it goes on */
    support_agent_down (c, "asker");
    support_team_shows (c, "\"state\":\"active\"");
    assert_int_equal (support_team_answer (c, "person", "cancel"), COVEY_OK);
    support_team_failed_with (c, "CANCELLED", "cancelled by person");
    assert_int_equal (support_team_answer (c, "person", "cancel"), COVEY_STATE);
    assert_null (support_team_held (c, "a1"));
    support_team_end (c);
}

static void
test_a_pause_lets_steps_end_and_stops_the_clock (void **state)
{
    (void)state;
    support_control_t *c = support_team_new (2);
    support_team_coordinate (c, "sequential", 2, 2, ",\"timeout\":10000");
    support_team_accept (c, "a1");
    support_team_accept (c, "a2");
    support_tick (c, 4000);
    assert_int_equal (support_team_answer (c, "boss", "pause"), COVEY_OK);
    support_team_shows (c, "\"state\":\"paused\"");
    assert_int_equal (support_team_answer (c, "boss", "pause"), COVEY_STATE);
    support_team_done (c, "a1", "1");
    assert_string_equal (support_team_step (c, "a2"), "");
    support_tick (c, 60000);
    support_team_shows (c, "\"state\":\"paused\"");
    assert_int_equal (support_team_answer (c, "boss", "resume"), COVEY_OK);
    assert_string_equal (support_team_step (c, "a2"), "work");
    support_tick (c, 5999);
    support_team_shows (c, "\"state\":\"active\"");
    support_tick (c, 1);
    support_team_failed_with (c, "TIMEOUT", "10000 ms");
    support_team_end (c);
}

static void
test_a_step_is_not_tried_again_by_hand (void **state)
{
    (void)state;
    support_control_t *c = support_team_new (1);
    support_team_coordinate (c, "parallel", 1, 1, "");
    support_team_accept (c, "a1");
    char id[64];
    snprintf (id, sizeof id, "%s", support_team_held (c, "a1")->id);
    support_team_fails (c, "a1");
    support_team_failed_with (c, "PARTICIPANT_FAILED", "broke");
    assert_int_equal (
        support_call (c, "boss", "task.retry", "{\"taskId\":\"%s\"}", id),
        COVEY_STATE);
    support_team_end (c);
}

static void
test_a_rejected_or_cancelled_step_costs_its_agent_the_seat (void **state)
{
    (void)state;
    support_control_t *c = support_team_new (3);
    support_team_coordinate (c, "parallel", 1, 1, "");
    support_team_accept (c, "a1");
    support_team_accept (c, "a2");
    support_team_accept (c, "a3");
    support_team_report (c, "a1", "reject", ",\"reason\":\"busy\"");
    assert_string_equal (support_team_step (c, "a2"), "work");
    assert_int_equal (support_call (c, "boss", "task.cancel",
                                    "{\"taskId\":\"%s\"}",
                                    support_team_held (c, "a2")->id),
                      COVEY_OK);
    support_team_check (c);
    assert_string_equal (support_team_step (c, "a3"), "work");
    support_team_end (c);
}

/* ---- bounds -----------------------------------------------------------------
 */

static void
test_wrong_params_are_named (void **state)
{
    (void)state;
    static const struct {
        const char *params, *text;
    } rows[] = {
        {"{}", "objective"},
        {"{\"objective\":\"\"}", "objective is empty"},
        {"{\"objective\":\"x\",\"minAgents\":0}", "minAgents is 0"},
        {"{\"objective\":\"x\",\"maxAgents\":65}", "maxAgents is 65"},
        {"{\"objective\":\"x\",\"minAgents\":3,\"maxAgents\":2}",
         "minAgents is 3, above maxAgents"},
        {"{\"objective\":\"x\",\"strategy\":\"chaos\"}", "chaos"},
        {"{\"objective\":\"x\",\"strategy\":\"hierarchical\",\"maxAgents\":1}",
         "at least 2"},
        {"{\"objective\":\"x\",\"leader\":\"a\"}", "leader goes only"},
        {"{\"objective\":\"x\",\"quorumSize\":2}", "quorumSize go only"},
        {"{\"objective\":\"x\",\"strategy\":\"consensus\",\"quorumSize\":2}",
         "quorumSize goes only"},
        {"{\"objective\":\"x\",\"gatherTimeout\":0}", "gatherTimeout is 0"},
        {"{\"objective\":\"x\",\"attempts\":11}", "attempts is 11"},
        {"{\"objective\":\"x\",\"onFailure\":\"cry\"}", "cry"},
        {"{\"objective\":\"x\",\"agents\":1}", "agents"},
    };
    support_control_t *c = support_team_new (1);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_not_equal (
            support_call (c, "boss", "mesh.coordinate", "%s", rows[i].params),
            COVEY_OK);
        if (!strstr (c->err.text, rows[i].text))
            fail_msg ("%s: %s", rows[i].params, c->err.text);
    }
    assert_int_equal (support_call (c, "boss", "mesh.coordination.show",
                                    "{\"coordinationId\":\"no\"}"),
                      COVEY_NOTFOUND);
    assert_int_equal (support_team_answer (c, "a1", "accept"), COVEY_NOTFOUND);
    assert_int_equal (support_call (c, "boss", "mesh.coordination.list",
                                    "{\"state\":\"odd\"}"),
                      COVEY_INVALID);
    support_team_end (c);
}

static void
test_open_and_kept_sessions_are_bounded (void **state)
{
    (void)state;
    covey_state_limits_t limits;
    covey_state_limits_init (&limits);
    limits.coordinations_max = 3;
    limits.coordinations_ended_max = 2;
    support_control_t *c = calloc (1, sizeof *c);
    assert_non_null (c);
    support_control_init (c, &limits);
    for (int i = 0; i < 3; i++)
        assert_int_equal (
            support_call (c, "boss", "mesh.coordinate",
                          "{\"coordinationId\":\"c%d\",\"objective\":\"x\"}",
                          i + 1),
            COVEY_OK);
    assert_int_equal (
        support_call (c, "boss", "mesh.coordinate", "{\"objective\":\"x\"}"),
        COVEY_EAGAIN);
    assert_int_equal (support_call (c, "boss", "mesh.coordinate",
                                    "{\"coordinationId\":\"c1\","
                                    "\"objective\":\"x\"}"),
                      COVEY_EXISTS);
    for (int i = 0; i < 3; i++)
        assert_int_equal (support_call (c, "boss", "mesh.coordination.cancel",
                                        "{\"coordinationId\":\"c%d\"}", i + 1),
                          COVEY_OK);
    assert_int_equal (support_call (c, "boss", "mesh.coordination.show",
                                    "{\"coordinationId\":\"c1\"}"),
                      COVEY_NOTFOUND); /* the oldest was forgotten */
    assert_int_equal (support_call (c, "boss", "mesh.coordination.list",
                                    "{\"state\":\"completed\"}"),
                      COVEY_OK);
    assert_non_null (strstr ((char *)c->reply.data, "\"c2\""));
    assert_non_null (strstr ((char *)c->reply.data, "\"c3\""));
    assert_int_equal (c->state->coordination_bytes, 0);
    support_team_end (c);
}

static void
test_results_that_fit_no_payload_end_it (void **state)
{
    (void)state;
    support_control_t *c = support_team_new (2);
    support_team_coordinate (c, "parallel", 2, 2, "");
    support_team_accept (c, "a1");
    support_team_accept (c, "a2");
    for (int i = 1; i <= 2; i++) {
        char agent[16];
        snprintf (agent, sizeof agent, "a%d", i);
        const covey_task_t *task = support_team_held (c, agent);
        size_t size = 600000;
        char *text = malloc (size + 1);
        memset (text, 'x', size);
        text[size] = '\0';
        assert_int_equal (
            support_call (c, agent, "task.complete",
                          "{\"taskId\":\"%s\",\"fencingToken\":%llu,\"result\":"
                          "\"%s\"}",
                          task->id, (unsigned long long)task->token, text),
            COVEY_OK);
        free (text);
    }
    support_team_failed_with (c, "TOO_LARGE", "1200000 bytes");
    support_team_end (c);
}

static void
test_a_full_queue_of_tasks_is_tried_again (void **state)
{
    (void)state;
    covey_state_limits_t limits;
    covey_state_limits_init (&limits);
    limits.tasks_max = 1;
    support_control_t *c = calloc (1, sizeof *c);
    assert_non_null (c);
    support_control_init (c, &limits);
    assert_int_equal (support_call (c, "x", "task.submit",
                                    "{\"taskId\":\"t\",\"taskType\":\"x\","
                                    "\"agentType\":\"nobody\"}"),
                      COVEY_OK);
    support_agent_up (c, "a1", "worker", "think", 1);
    support_team_coordinate (c, "parallel", 1, 1, "");
    support_team_accept (c, "a1");
    support_team_shows (c, "\"state\":\"waiting\"");
    assert_null (support_team_held (c, "a1"));
    assert_int_equal (
        support_call (c, "x", "task.cancel", "{\"taskId\":\"t\"}"), COVEY_OK);
    support_tick (c, 1000);
    support_team_check (c);
    assert_string_equal (support_team_step (c, "a1"), "work");
    support_team_end (c);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (
            test_a_participant_that_fails_is_replaced_from_the_reserve),
        cmocka_unit_test (
            test_a_failed_command_is_tried_again_before_its_agent_is_out),
        cmocka_unit_test (test_with_nobody_in_reserve_on_failure_decides),
        cmocka_unit_test (test_who_did_its_part_may_leave),
        cmocka_unit_test (test_a_leader_that_fails_is_followed_by_another),
        cmocka_unit_test (test_a_part_goes_to_another_worker),
        cmocka_unit_test (test_a_voter_that_is_gone_abstains),
        cmocka_unit_test (test_an_agent_may_leave_and_its_task_is_taken_away),
        cmocka_unit_test (test_steps_and_the_whole_have_their_time),
        cmocka_unit_test (test_the_requester_cancels_and_others_may_not),
        cmocka_unit_test (test_a_pause_lets_steps_end_and_stops_the_clock),
        cmocka_unit_test (test_a_step_is_not_tried_again_by_hand),
        cmocka_unit_test (
            test_a_rejected_or_cancelled_step_costs_its_agent_the_seat),
        cmocka_unit_test (test_wrong_params_are_named),
        cmocka_unit_test (test_open_and_kept_sessions_are_bounded),
        cmocka_unit_test (test_results_that_fit_no_payload_end_it),
        cmocka_unit_test (test_a_full_queue_of_tasks_is_tried_again),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
