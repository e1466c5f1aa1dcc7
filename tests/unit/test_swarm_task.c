/*  tasks of a swarm: all, any, split, by vote; members that are lost or leave;
    and the lease after which a lost one is a member no more                  */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../support/support_coordination.h"
#include "coordinator/state_impl.h"

/*  The swarm "crew" of a1 (weight 3), a2 and a3; a4 is no member.           */
static support_control_t *
s_crew (const char *more)
{
    support_control_t *c = support_team_new (4);
    assert_int_equal (
        support_call (c, "boss", "swarm.form",
                      "{\"swarmId\":\"crew\",\"members\":[{\"agentId\":\"a1\","
                      "\"weight\":3},{\"agentId\":\"a2\"},{\"agentId\":"
                      "\"a3\"}]%s}",
                      more),
        COVEY_OK);
    return c;
}

static covey_err_t
s_try (support_control_t *c, const char *mode, const char *more)
{
    covey_err_t code =
        support_call (c, "boss", "swarm.task",
                      "{\"swarmId\":\"crew\",\"taskId\":\"c1\",\"objective\":"
                      "\"think\",\"mode\":\"%s\"%s}",
                      mode, more);
    support_team_check (c);
    return code;
}

static void
s_task (support_control_t *c, const char *mode, const char *more)
{
    assert_int_equal (s_try (c, mode, more), COVEY_OK);
}

static void
s_lose (support_control_t *c, const char *agent)
{
    support_agent_down_as (c, agent, false);
    support_team_check (c);
}

static void
s_leave (support_control_t *c, const char *agent)
{
    assert_int_equal (
        support_call (c, agent, "swarm.leave", "{\"swarmId\":\"crew\"}"),
        COVEY_OK);
    support_team_check (c);
}

/* ---- all --------------------------------------------------------------------
 */

static void
test_all_members_work_and_their_results_are_a_list (void **state)
{
    (void)state;
    support_control_t *c = s_crew ("");
    s_task (c, "all", ",\"input\":\"look\"");
    assert_int_equal (support_fact_count (c, COVEY_EVENT_SWARM_TASK_ASSIGNED),
                      3);
    const covey_event_t *fact =
        support_fact (c, COVEY_EVENT_SWARM_TASK_ASSIGNED, 1);
    assert_string_equal (covey_event_str (fact, "swarmId"), "crew");
    assert_string_equal (covey_event_str (fact, "taskType"), "swarm");
    assert_string_equal (covey_event_str (fact, "description"), "think");
    assert_int_equal (covey_event_count (fact, "assignees"), 1);
    assert_string_equal (covey_event_str_at (fact, "assignees", 0), "a2");
    assert_string_equal (covey_event_correlation_id (fact), "c1");
    assert_string_equal (covey_event_str (fact, "taskId"),
                         support_team_held (c, "a2")->id);
    assert_string_equal (support_team_held (c, "a2")->swarm, "crew");
    assert_null (support_team_held (c, "a4"));
    assert_true (support_team_input_has (c, "a1", "\"input\":\"look\""));
    assert_true (support_team_input_has (c, "a1", "\"swarm\":\"crew\""));
    support_team_done (c, "a3", "3");
    support_team_done (c, "a1", "1");
    support_team_done (c, "a2", "2");
    (void)support_team_completed (c, true);
    support_team_result_is (c, "[{\"agentId\":\"a1\",\"result\":1},{"
                               "\"agentId\":\"a2\",\"result\":2},{\"agentId\":"
                               "\"a3\",\"result\":3}]");
    support_team_shows (c, "\"mode\":\"all\"");
    support_team_shows (c, "\"swarm\":\"crew\"");
    support_team_end (c);
}

/*  Whoever fails, is lost or leaves: its share counts as failed.            */
static void
test_all_goes_on_without_who_fails_is_lost_or_leaves (void **state)
{
    (void)state;
    support_control_t *c = s_crew ("");
    s_task (c, "all", ",\"attempts\":1");
    s_lose (c, "a1");
    support_team_fails (c, "a2");
    support_team_done (c, "a3", "3");
    const covey_event_t *fact = support_team_completed (c, true);
    char *json = covey_event_to_json (fact);
    assert_non_null (
        strstr (json, "\"agentId\":\"a1\",\"error\":\"agent a1 is"));
    assert_non_null (strstr (json, "\"agentId\":\"a3\",\"result\":3"));
    covey_free (json);
    support_team_end (c);

    c = s_crew ("");
    s_task (c, "all", "");
    support_team_done (c, "a1", "1");
    support_team_done (c, "a2", "2");
    s_leave (c, "a1"); /* it did its part */
    s_leave (c, "a3");
    fact = support_team_completed (c, true);
    json = covey_event_to_json (fact);
    assert_non_null (strstr (json, "\"result\":1"));
    assert_non_null (strstr (json, "agent a3 left swarm crew"));
    covey_free (json);
    support_team_end (c);
}

static void
test_all_or_nothing_ends_with_the_first_failure (void **state)
{
    (void)state;
    support_control_t *c = s_crew ("");
    s_task (c, "all", ",\"attempts\":1,\"onFailure\":\"fail\"");
    support_team_done (c, "a1", "1");
    support_team_fails (c, "a2");
    support_team_failed_with (c, "PARTICIPANT_FAILED", "a2 failed");
    assert_null (support_team_held (c, "a3")); /* and nobody works on */
    support_team_end (c);
}

static void
test_a_member_that_is_not_there_has_failed (void **state)
{
    (void)state;
    support_control_t *c = s_crew ("");
    s_lose (c, "a2");
    s_task (c, "all", "");
    support_team_done (c, "a1", "1");
    support_team_done (c, "a3", "3");
    char *json = covey_event_to_json (support_team_completed (c, true));
    assert_non_null (strstr (json, "\"agentId\":\"a2\",\"error\":\"the agent "
                                   "that it is for is gone\""));
    covey_free (json);
    support_team_end (c);
}

/* ---- any --------------------------------------------------------------------
 */

static void
test_any_goes_to_the_first_member_that_is_free (void **state)
{
    (void)state;
    support_control_t *c = s_crew ("");
    for (int i = 1; i <= 4; i++) /* all are busy */
        assert_int_equal (support_call (c, "boss", "task.submit",
                                        "{\"taskId\":\"t%d\",\"taskType\":"
                                        "\"x\"}",
                                        i),
                          COVEY_OK);
    s_task (c, "any", "");
    assert_int_equal (support_fact_count (c, COVEY_EVENT_SWARM_TASK_ASSIGNED),
                      0);
    support_team_done (c, "a4", "1"); /* it is no member */
    assert_null (support_team_held (c, "a4"));
    support_team_done (c, "a2", "1");
    assert_string_equal (support_team_step (c, "a2"), "work");
    assert_int_equal (support_fact_count (c, COVEY_EVENT_SWARM_TASK_ASSIGNED),
                      1);
    support_team_done (c, "a2", "\"done\"");
    (void)support_team_completed (c, true);
    support_team_result_is (c, "done");
    support_team_shows (c, "\"agentId\":\"a2\"");
    support_team_end (c);
}

/*  The next member goes on; also one that joins only then.                  */
static void
test_any_goes_on_with_another_one (void **state)
{
    (void)state;
    support_control_t *c = s_crew ("");
    s_task (c, "any", ",\"attempts\":4");
    assert_string_equal (support_team_step (c, "a1"), "work");
    s_lose (c, "a1");
    assert_string_equal (support_team_step (c, "a2"), "work");
    s_leave (c, "a2");
    assert_int_equal (support_fact_count (c, COVEY_EVENT_TASK_CANCELLED), 1);
    assert_null (support_team_held (c, "a2"));
    assert_string_equal (support_team_step (c, "a3"), "work");
    s_lose (c, "a3");
    assert_null (support_team_held (c, "a4"));
    assert_int_equal (
        support_call (c, "a4", "swarm.join", "{\"swarmId\":\"crew\"}"),
        COVEY_OK);
    assert_string_equal (support_team_step (c, "a4"), "work");
    support_team_done (c, "a4", "4");
    (void)support_team_completed (c, true);
    support_team_end (c);
}

static void
test_any_has_failed_after_its_last_attempt (void **state)
{
    (void)state;
    support_control_t *c = s_crew ("");
    s_task (c, "any", ",\"attempts\":1");
    support_team_fails (c, "a1");
    support_team_failed_with (c, "PARTICIPANT_FAILED", "a1 failed");
    support_team_end (c);
}

/* ---- split ------------------------------------------------------------------
 */

static void
test_parts_go_round_and_results_come_in_order (void **state)
{
    (void)state;
    support_control_t *c = s_crew ("");
    s_task (c, "split", ",\"input\":[\"p\",\"q\",\"r\",\"s\"]");
    assert_string_equal (support_team_step (c, "a1"), "part");
    assert_true (support_team_input_has (c, "a1", "\"part\":\"p\""));
    assert_false (support_team_input_has (c, "a1", "\"q\""));
    assert_true (support_team_input_has (c, "a3", "\"part\":\"r\""));
    support_team_done (c, "a3", "3"); /* more parts than members */
    assert_true (support_team_input_has (c, "a3", "\"part\":\"s\""));
    support_team_done (c, "a3", "4");
    support_team_done (c, "a2", "2");
    support_team_done (c, "a1", "1");
    (void)support_team_completed (c, true);
    support_team_result_is (c,
                            "[{\"number\":1,\"agentId\":\"a1\",\"result\":1},"
                            "{\"number\":2,\"agentId\":\"a2\",\"result\":2},"
                            "{\"number\":3,\"agentId\":\"a3\",\"result\":3},"
                            "{\"number\":4,\"agentId\":\"a3\",\"result\":4}]");
    support_team_end (c);
    /* fewer parts than members */
    c = s_crew ("");
    s_task (c, "split", ",\"input\":\"one\\ntwo\"");
    assert_null (support_team_held (c, "a3"));
    support_team_done (c, "a2", "2");
    support_team_done (c, "a1", "1");
    (void)support_team_completed (c, true);
    support_team_end (c);
}

static void
test_the_part_of_a_lost_member_goes_to_another_one (void **state)
{
    (void)state;
    support_control_t *c = s_crew ("");
    s_task (c, "split", ",\"input\":[1,2,3],\"attempts\":1,\"lease\":1000");
    s_lose (c, "a1");
    support_team_done (c, "a2", "22");
    assert_true (support_team_input_has (c, "a2", "\"part\":1"));
    support_team_fails (c,
                        "a2"); /* who fails a part stays, the part does not */
    s_leave (c, "a2");
    support_team_done (c, "a3", "33");
    char *json = covey_event_to_json (support_team_completed (c, true));
    assert_non_null (
        strstr (json, "\"number\":1,\"agentId\":\"a2\",\"error\""));
    assert_non_null (
        strstr (json, "\"number\":2,\"agentId\":\"a2\",\"result\":22"));
    covey_free (json);
    support_team_end (c);
    /* nobody is left: what nobody did has failed, what was done stays */
    c = s_crew ("");
    s_task (c, "split", ",\"input\":[1,2,3,4,5]");
    support_team_done (c, "a1", "11");
    s_lose (c, "a1");
    s_lose (c, "a2");
    s_lose (c, "a3");
    (void)support_team_completed (c, true);
    support_team_end (c);
    c = s_crew ("");
    s_task (c, "split", ",\"input\":[1]");
    s_lose (c, "a2"); /* it had nothing to do */
    s_lose (c, "a3");
    s_lose (c, "a1");
    support_team_failed_with (c, "NO_RESULT", "");
    support_team_end (c);
}

/* ---- vote -------------------------------------------------------------------
 */

static void
test_members_choose_among_results_that_differ (void **state)
{
    (void)state;
    support_control_t *c = s_crew ("");
    s_task (c, "vote", "");
    support_team_done (c, "a1", "\"tea\"");
    support_team_done (c, "a2", "\"coffee\"");
    support_team_done (c, "a3", "\"coffee\"");
    assert_string_equal (support_team_step (c, "a1"), "vote");
    support_team_done (c, "a1", "2"); /* coffee is 1: more came to it */
    support_team_done (c, "a2", "1");
    support_team_done (c, "a3", "1");
    (void)support_team_completed (c, true);
    support_team_result_is (c, "coffee");
    support_team_end (c);
}

/*  a1 weighs 3 of 5, and the rule is the swarm's.                           */
static void
test_a_vote_counts_by_the_rules_of_the_swarm (void **state)
{
    (void)state;
    support_control_t *c = s_crew (",\"strategy\":\"weighted\"");
    s_task (c, "vote", "");
    support_team_done (c, "a1", "\"tea\"");
    support_team_done (c, "a2", "\"coffee\"");
    support_team_done (c, "a3", "\"coffee\"");
    support_team_done (c, "a1", "2");
    support_team_done (c, "a2", "1");
    support_team_done (c, "a3", "1");
    (void)support_team_completed (c, true);
    support_team_result_is (c, "tea");
    support_team_shows (c, "weight 3 of 5");
    support_team_end (c);
}

/*  Every member counts: two of four is not more than half, though the others
   are gone. */
static void
test_members_that_are_gone_are_silent (void **state)
{
    (void)state;
    support_control_t *c = s_crew ("");
    assert_int_equal (
        support_call (c, "a4", "swarm.join", "{\"swarmId\":\"crew\"}"),
        COVEY_OK);
    s_task (c, "vote", "");
    support_team_done (c, "a1", "\"tea\"");
    support_team_done (c, "a2", "\"coffee\"");
    s_lose (c, "a3");
    s_leave (c, "a4");
    support_team_done (c, "a1", "1");
    support_team_done (c, "a2", "1");
    support_team_failed_with (c, "NO_CONSENSUS", "majority vote of 4");
    support_team_end (c);
}

/*  Results that differ, and then all are gone: it ends, nobody chooses.     */
static void
test_nobody_is_left_to_vote (void **state)
{
    (void)state;
    support_control_t *c = s_crew ("");
    s_task (c, "vote", "");
    support_team_done (c, "a1", "\"tea\"");
    support_team_done (c, "a2", "\"coffee\"");
    s_lose (c, "a1");
    s_lose (c, "a2");
    s_lose (c, "a3");
    support_team_failed_with (c, "NO_CONSENSUS", "majority vote of 3");
    support_team_end (c);
}

/* ---- what is refused, and the end -------------------------------------------
 */

static void
test_what_is_wrong_is_refused (void **state)
{
    (void)state;
    support_control_t *c = s_crew ("");
    assert_int_equal (s_try (c, "some", ""), COVEY_INVALID);
    assert_int_equal (s_try (c, "split", ""), COVEY_INVALID);
    assert_int_equal (s_try (c, "split", ",\"input\":7"), COVEY_INVALID);
    assert_int_equal (s_try (c, "all", ",\"quorumSize\":2"), COVEY_INVALID);
    assert_int_equal (s_try (c, "any", ",\"onFailure\":\"fail\""),
                      COVEY_INVALID);
    assert_int_equal (s_try (c, "all", ",\"attempts\":0"), COVEY_INVALID);
    assert_int_equal (s_try (c, "all", ",\"requiredCapabilities\":[\"fly\"]"),
                      COVEY_NOAGENT);
    assert_int_equal (support_call (c, "boss", "swarm.task",
                                    "{\"swarmId\":\"x\",\"objective\":\"y\"}"),
                      COVEY_NOTFOUND);
    s_task (c, "all", "");
    assert_int_equal (s_try (c, "all", ""), COVEY_EXISTS);
    for (int i = 0; i < COVEY_TEAM_AGENTS_MAX; i++)
        assert_int_equal (support_call (c, "boss", "swarm.join",
                                        "{\"swarmId\":\"crew\",\"agentId\":"
                                        "\"more%d\"}",
                                        i),
                          COVEY_OK);
    assert_int_equal (
        support_call (c, "boss", "swarm.task",
                      "{\"swarmId\":\"crew\",\"objective\":\"y\"}"),
        COVEY_LIMIT);
    support_team_end (c);
}

static void
test_tasks_end_with_their_swarm (void **state)
{
    (void)state;
    support_control_t *c = s_crew ("");
    s_task (c, "all", "");
    assert_int_equal (
        support_call (c, "boss", "swarm.disband", "{\"swarmId\":\"crew\"}"),
        COVEY_OK);
    support_team_failed_with (c, "CANCELLED", "the swarm was disbanded");
    assert_null (support_team_held (c, "a1"));
    assert_int_equal (s_try (c, "any", ""), COVEY_STATE);
    support_team_end (c);
}

/*  A leader that changes, a state that is loaded: leases begin anew, the task
    goes on.                                                                  */
static void
test_a_task_waits_for_a_paused_swarm (void **state)
{
    (void)state;
    support_control_t *c = s_crew ("");
    s_task (c, "split", ",\"input\":[1,2,3,4]");
    assert_int_equal (support_call (c, "boss", "mesh.coordination.pause",
                                    "{\"coordinationId\":\"c1\"}"),
                      COVEY_OK);
    support_team_done (c, "a1", "1");
    assert_null (support_team_held (c, "a1"));
    assert_int_equal (support_call (c, "boss", "mesh.coordination.resume",
                                    "{\"coordinationId\":\"c1\"}"),
                      COVEY_OK);
    assert_true (support_team_input_has (c, "a1", "\"part\":4"));
    support_team_end (c);
}

/* ---- members that are lost --------------------------------------------------
 */

static size_t
s_members (support_control_t *c)
{
    return covey_swarm_member_count (
        covey_state_find_swarm (c->state, "crew")->swarm);
}

static void
test_a_lost_member_leaves_after_its_lease (void **state)
{
    (void)state;
    support_control_t *c = s_crew (",\"memberLease\":5000");
    s_lose (c, "a1");
    const covey_event_t *fact = support_fact (c, COVEY_EVENT_SYSTEM_INFO, 0);
    assert_string_equal (covey_event_metadata (fact, "leader"), "a2");
    support_tick (c, 3000);
    s_lose (c, "a3");
    support_tick (c, 1999);
    assert_int_equal (s_members (c), 3);
    support_tick (c, 1);
    assert_int_equal (s_members (c), 2);
    fact = support_fact (c, COVEY_EVENT_SWARM_LEFT, 0);
    assert_string_equal (covey_event_str (fact, "agentId"), "a1");
    assert_string_equal (covey_event_str (fact, "reason"),
                         "lost: not back within 5000 ms");
    assert_string_equal (covey_event_source (fact), "coordinator");
    support_team_check (c);
    /* who is back in time stays, and leads no more */
    support_agent_up (c, "a3", "worker", "think", 1);
    support_tick (c, 100000);
    assert_int_equal (s_members (c), 2);
    assert_int_equal (
        support_call (c, "boss", "swarm.show", "{\"swarmId\":\"crew\"}"),
        COVEY_OK);
    assert_string_equal (support_reply (c, "leader"), "a2");
    assert_int_equal (support_reply_int (c, "memberLease"), 5000);
    support_team_end (c);
}

/*  While no coordinator led nobody could come back.                         */
static void
test_leases_of_members_begin_anew_with_a_coordinator (void **state)
{
    (void)state;
    support_control_t *c = s_crew ("");
    s_lose (c, "a3");
    Covey__Control__Tick tick = COVEY__CONTROL__TICK__INIT;
    Covey__Control__Command command = COVEY__CONTROL__COMMAND__INIT;
    tick.has_resumed = tick.resumed = true;
    command.op_case = COVEY__CONTROL__COMMAND__OP_TICK;
    command.tick = &tick;
    c->now_us += INT64_C (600000000);
    support_apply (c, &command);
    assert_int_equal (s_members (c), 3);
    support_tick (c, COVEY_SWARM_LEASE_MS);
    assert_int_equal (s_members (c), 2);
    support_team_end (c);
}

static void
test_lost_members_stay_without_a_lease (void **state)
{
    (void)state;
    support_control_t *c = s_crew (",\"memberLease\":0");
    s_lose (c, "a3");
    support_tick (c, 1000000000);
    assert_int_equal (s_members (c), 3);
    assert_int_equal (support_call (c, "boss", "swarm.form",
                                    "{\"swarmId\":\"z\",\"memberLease\":5}"),
                      COVEY_INVALID);
    support_team_end (c);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_all_members_work_and_their_results_are_a_list),
        cmocka_unit_test (test_all_goes_on_without_who_fails_is_lost_or_leaves),
        cmocka_unit_test (test_all_or_nothing_ends_with_the_first_failure),
        cmocka_unit_test (test_a_member_that_is_not_there_has_failed),
        cmocka_unit_test (test_any_goes_to_the_first_member_that_is_free),
        cmocka_unit_test (test_any_goes_on_with_another_one),
        cmocka_unit_test (test_any_has_failed_after_its_last_attempt),
        cmocka_unit_test (test_parts_go_round_and_results_come_in_order),
        cmocka_unit_test (test_the_part_of_a_lost_member_goes_to_another_one),
        cmocka_unit_test (test_members_choose_among_results_that_differ),
        cmocka_unit_test (test_a_vote_counts_by_the_rules_of_the_swarm),
        cmocka_unit_test (test_members_that_are_gone_are_silent),
        cmocka_unit_test (test_nobody_is_left_to_vote),
        cmocka_unit_test (test_what_is_wrong_is_refused),
        cmocka_unit_test (test_tasks_end_with_their_swarm),
        cmocka_unit_test (test_a_task_waits_for_a_paused_swarm),
        cmocka_unit_test (test_a_lost_member_leaves_after_its_lease),
        cmocka_unit_test (test_leases_of_members_begin_anew_with_a_coordinator),
        cmocka_unit_test (test_lost_members_stay_without_a_lease),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
