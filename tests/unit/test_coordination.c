/*  coordination sessions: who is asked, and the four strategies */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../support/support_coordination.h"
#include "coordinator/state_impl.h"
/* ---- gathering --------------------------------------------------------------
 */

static void
test_the_least_loaded_are_asked_and_the_session_begins_when_enough_accept (
    void **state)
{
    (void)state;
    support_control_t *c = support_team_new (6);
    support_agent_up (c, "stranger", "worker", "other", 1);
    assert_int_equal (support_call (c, "x", "task.submit",
                                    "{\"taskId\":\"t\",\"taskType\":\"x\","
                                    "\"requiredCapabilities\":[\"think\"]}"),
                      COVEY_OK);
    assert_string_equal (support_reply (c, "agent"), "a1");
    support_team_coordinate (c, "parallel", 2, 3, "");
    const covey_event_t *asked =
        support_fact (c, COVEY_EVENT_COORDINATION_REQUEST, 0);
    assert_int_equal (covey_event_target_count (asked), 5); /* 3 and 2 more */
    for (size_t i = 0; i < 5; i++) {
        char id[16];
        snprintf (id, sizeof id, "a%zu", i + 2);
        assert_string_equal (covey_event_target (asked, i), id);
    }
    assert_string_equal (covey_event_source (asked), "boss");
    assert_string_equal (covey_event_str (asked, "strategy"), "parallel");
    assert_string_equal (
        covey_event_str (support_fact (c, COVEY_EVENT_COORDINATION_UPDATE, 0),
                         "status"),
        "forming");
    assert_int_equal (support_team_answer (c, "a1", "accept"), COVEY_DENIED);
    assert_int_equal (support_team_answer (c, "stranger", "accept"),
                      COVEY_DENIED);
    /* who rejects is followed by the next one */
    assert_int_equal (support_team_answer (c, "a2", "reject"), COVEY_OK);
    asked = support_fact (c, COVEY_EVENT_COORDINATION_REQUEST, 0);
    assert_string_equal (covey_event_target (asked, 0), "a1");
    support_team_accept (c, "a3");
    const covey_event_t *fact =
        support_fact (c, COVEY_EVENT_COORDINATION_ACCEPTED, 0);
    assert_string_equal (covey_event_source (fact), "a3");
    support_team_accept (c, "a3"); /* once more is no news */
    assert_int_equal (c->effects.fact_count, 0);
    support_team_accept (c, "a4");
    assert_string_equal (support_team_step (c, "a4"), "");
    support_team_accept (c, "a5");
    fact = support_fact (c, COVEY_EVENT_COORDINATION_UPDATE, 0);
    assert_string_equal (covey_event_str (fact, "status"), "active");
    assert_int_equal (covey_event_count (fact, "participants"), 3);
    assert_int_equal (support_fact_count (c, COVEY_EVENT_TASK_ASSIGNED), 3);
    support_team_accept (c, "a6"); /* in reserve */
    assert_string_equal (support_team_step (c, "a6"), "");
    support_team_end (c);
}

static void
test_it_begins_early_when_nobody_else_can_be_asked (void **state)
{
    (void)state;
    support_control_t *c = support_team_new (3);
    support_team_coordinate (c, "parallel", 1, 5, "");
    support_team_accept (c, "a1");
    support_team_accept (c, "a2");
    assert_string_equal (support_team_step (c, "a1"), "");
    assert_int_equal (support_team_answer (c, "a3", "reject"), COVEY_OK);
    assert_string_equal (support_team_step (c, "a1"), "work");
    assert_string_equal (support_team_step (c, "a2"), "work");
    support_team_end (c);
}

static void
test_too_few_end_it_and_the_reason_counts_them (void **state)
{
    (void)state;
    support_control_t *c = support_team_new (4);
    support_team_coordinate (c, "parallel", 3, 3, ",\"gatherTimeout\":2000");
    support_team_accept (c, "a1");
    assert_int_equal (support_team_answer (c, "a2", "reject"), COVEY_OK);
    support_agent_down (c, "a3");
    support_team_check (c);
    support_tick (c, 2000);
    support_team_check (c);
    support_team_failed_with (
        c, "TOO_FEW_AGENTS",
        "4 asked, 1 accepted, 1 rejected, 1 gone, 1 did not "
        "answer; at least 3 are needed");
    support_team_shows (c, "\"state\":\"completed\"");
    assert_int_equal (support_team_answer (c, "a4", "accept"), COVEY_STATE);
    support_team_end (c);
}

static void
test_agents_that_come_up_are_asked_and_nobody_at_all_is_said (void **state)
{
    (void)state;
    support_control_t *c = support_team_new (0);
    support_team_coordinate (c, "parallel", 2, 2, ",\"gatherTimeout\":5000");
    support_agent_up (c, "a1", "worker", "think", 1);
    support_team_check (c);
    assert_int_equal (support_fact_count (c, COVEY_EVENT_COORDINATION_REQUEST),
                      1);
    support_team_accept (c, "a1");
    support_agent_down (c, "a1"); /* and comes back: it is asked again */
    support_agent_up (c, "a1", "worker", "think", 1);
    assert_int_equal (support_fact_count (c, COVEY_EVENT_COORDINATION_REQUEST),
                      1);
    support_team_accept (c, "a1");
    support_agent_up (c, "a2", "worker", "think", 1);
    support_team_accept (c, "a2");
    assert_string_equal (support_team_step (c, "a1"), "work");
    support_team_end (c);

    c = support_team_new (0);
    support_team_coordinate (c, "sequential", 1, 1, ",\"gatherTimeout\":100");
    support_tick (c, 100);
    support_team_failed_with (c, "TOO_FEW_AGENTS", "no agent is there");
    support_team_end (c);
}

/* ---- the four strategies ----------------------------------------------------
 */

static void
test_sequential_hands_each_result_to_the_next (void **state)
{
    (void)state;
    support_control_t *c = support_team_new (3);
    support_team_coordinate (c, "sequential", 3, 3, ",\"input\":{\"seed\":1}");
    support_team_accept (c, "a2");
    support_team_accept (c, "a1");
    support_team_accept (c, "a3");
    assert_string_equal (support_team_step (c, "a2"),
                         "work"); /* the first to accept */
    assert_string_equal (support_team_step (c, "a1"), "");
    assert_true (support_team_input_has (c, "a2", "\"objective\":\"think\""));
    assert_true (support_team_input_has (c, "a2", "\"input\":{\"seed\":1}"));
    assert_true (support_team_input_has (c, "a2", "\"number\":1,\"count\":3"));
    assert_null (strstr (support_team_held (c, "a2")->input.data, "previous"));
    support_team_done (c, "a2", "{\"n\":1}");
    assert_true (support_team_input_has (c, "a1", "\"previous\":{\"n\":1}"));
    support_team_shows (c, "\"progress\":33");
    support_team_done (c, "a1", "{\"contentType\":\"text\",\"data\":\"two\"}");
    assert_true (support_team_input_has (c, "a3", "\"previous\":\"two\""));
    support_team_done (c, "a3", "[3]");
    support_team_result_is (c, "[3]");
    support_team_shows (c, "\"success\":true,\"result\":[3]");
    support_team_end (c);
}

static void
test_parallel_lists_the_results_by_agent (void **state)
{
    (void)state;
    support_control_t *c = support_team_new (3);
    support_team_coordinate (c, "parallel", 3, 3, "");
    support_team_accept (c, "a1");
    support_team_accept (c, "a2");
    support_team_accept (c, "a3");
    support_team_done (c, "a3", "3");
    support_team_done (c, "a1", "{\"one\":1}");
    support_team_report (c, "a2", "complete", ""); /* without a result */
    support_team_result_is (c, "[{\"agentId\":\"a1\",\"result\":{\"one\":1}},"
                               "{\"agentId\":\"a2\"},"
                               "{\"agentId\":\"a3\",\"result\":3}]");
    const covey_event_t *fact = support_team_completed (c, true);
    assert_int_equal (covey_event_count (fact, "participants"), 3);
    support_team_end (c);
}

static void
test_hierarchical_splits_works_and_merges (void **state)
{
    (void)state;
    support_control_t *c = support_team_new (4);
    support_team_coordinate (c, "hierarchical", 3, 3, ",\"leader\":\"a3\"");
    support_team_accept (c, "a1");
    support_team_accept (c, "a2");
    support_team_accept (c, "a4"); /* enough, but the leader is not there yet */
    assert_string_equal (support_team_step (c, "a1"), "");
    support_team_accept (c, "a3");
    assert_string_equal (support_team_step (c, "a3"), "split");
    assert_string_equal (support_team_step (c, "a1"), "");
    support_team_done (c, "a3", "[\"p1\",{\"p\":2},3]");
    assert_string_equal (support_team_step (c, "a1"), "part");
    assert_true (support_team_input_has (c, "a1", "\"number\":1,\"count\":3"));
    assert_true (support_team_input_has (c, "a1", "\"part\":\"p1\""));
    assert_true (support_team_input_has (c, "a2", "\"part\":{\"p\":2}"));
    assert_string_equal (support_team_step (c, "a3"), ""); /* it only leads */
    support_team_done (c, "a2", "22");
    assert_true (support_team_input_has (
        c, "a2", "\"part\":3")); /* more parts than agents */
    support_team_done (c, "a2", "33");
    support_team_shows (c, "\"state\":\"active\"");
    support_team_done (c, "a1", "11");
    support_team_shows (c, "\"state\":\"completing\"");
    assert_string_equal (support_team_step (c, "a3"), "merge");
    assert_true (support_team_input_has (
        c, "a3",
        "\"results\":[{\"number\":1,\"agentId\":\"a1\",\"result\":11},"
        "{\"number\":2,\"agentId\":\"a2\",\"result\":22},"
        "{\"number\":3,\"agentId\":\"a2\",\"result\":33}]"));
    support_team_done (c, "a3", "66");
    support_team_result_is (c, "66");
    support_team_end (c);
}

static void
test_a_split_is_a_list_an_object_or_lines (void **state)
{
    (void)state;
    static const char *const good[] = {
        "[1,2]", "{\"parts\":[1,2],\"why\":\"so\"}",
        "{\"contentType\":\"text\",\"data\":\"one\\n\\n  two \\n\"}"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        support_control_t *c = support_team_new (2);
        support_team_coordinate (c, "hierarchical", 2, 2, "");
        support_team_accept (c, "a1");
        support_team_accept (c, "a2");
        support_team_done (c, "a1", good[i]);
        assert_true (support_team_input_has (c, "a2", "\"count\":2"));
        support_team_end (c);
    }
    static const char *const bad[] = {
        "[]", "7", "{\"part\":[1]}", "null",
        "{\"contentType\":\"text\",\"data\":\" \"}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        support_control_t *c = support_team_new (2);
        support_team_coordinate (c, "hierarchical", 2, 2, "");
        support_team_accept (c, "a1");
        support_team_accept (c, "a2");
        support_team_done (c, "a1", bad[i]);
        support_team_failed_with (c, "PARTICIPANT_FAILED",
                                  "its split is no list");
        support_team_end (c);
    }
}

static void
s_vote_of_three (support_control_t *c, const char *more, const char *r1,
                 const char *r2, const char *r3)
{
    support_team_coordinate (c, "consensus", 3, 3, more);
    support_team_accept (c, "a1");
    support_team_accept (c, "a2");
    support_team_accept (c, "a3");
    support_team_done (c, "a1", r1);
    support_team_done (c, "a2", r2);
    support_team_done (c, "a3", r3);
}

static void
test_consensus_votes_on_the_results (void **state)
{
    (void)state;
    support_control_t *c = support_team_new (3);
    s_vote_of_three (c, "", "{\"x\": 1}", "2", "3");
    support_team_shows (c, "\"state\":\"completing\"");
    assert_string_equal (support_team_step (c, "a1"), "vote");
    assert_true (support_team_input_has (
        c, "a1",
        "\"results\":[{\"number\":1,\"agents\":[\"a1\"],\"result\":{\"x\":1}},"
        "{\"number\":2,\"agents\":[\"a2\"],\"result\":2},"
        "{\"number\":3,\"agents\":[\"a3\"],\"result\":3}]"));
    support_team_done (c, "a1", "2");
    support_team_done (c, "a2", "{\"choice\":2,\"reason\":\"mine\"}");
    support_team_done (c, "a3", "{\"contentType\":\"text\",\"data\":\"3\\n\"}");
    support_team_result_is (c, "2");
    support_team_shows (
        c, "\"votes\":[{\"number\":1,\"agents\":[\"a1\"],\"votes\":0},"
           "{\"number\":2,\"agents\":[\"a2\"],\"votes\":2},"
           "{\"number\":3,\"agents\":[\"a3\"],\"votes\":1}]");
    support_team_shows (c, "result 2, of a2: 2 of 3");
    support_team_end (c);
}

static void
test_equal_results_need_no_vote_and_come_first_in_one (void **state)
{
    (void)state;
    support_control_t *c = support_team_new (3);
    s_vote_of_three (c, "", "{\"a\":[1,2]}", "{\"a\": [1, 2]}",
                     "{\"a\":[1,2]}");
    support_team_result_is (c, "{\"a\":[1,2]}");
    support_team_end (c);

    c = support_team_new (3);
    s_vote_of_three (c, "", "1", "9", "9");
    assert_true (support_team_input_has (
        c, "a1",
        "\"results\":[{\"number\":1,\"agents\":[\"a2\",\"a3\"],\"result\":9},"
        "{\"number\":2,\"agents\":[\"a1\"],\"result\":1}]"));
    support_team_end (c);
}

static void
test_a_tie_is_no_consensus (void **state)
{
    (void)state;
    static const struct {
        const char *more, *votes[3];
        bool wins;
    } rows[] = {
        {"", {"1", "2", "3"}, false},
        {"", {"1", "2", "0"}, false},
        {"", {"1", "\"none\"", "1"}, true},
        {",\"votingStrategy\":\"unanimous\"", {"1", "1", "2"}, false},
        {",\"votingStrategy\":\"unanimous\"", {"1", "1", "1"}, true},
        {",\"votingStrategy\":\"quorum\",\"quorumSize\":2",
         {"3", "7", "\"\""},
         true}, /* two abstain: their ballots count for the quorum */
        {",\"votingStrategy\":\"quorum\"", {"1", "2", "0"}, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        support_control_t *c = support_team_new (3);
        s_vote_of_three (c, rows[i].more, "10", "20", "30");
        for (int n = 0; n < 3; n++) {
            char id[16];
            snprintf (id, sizeof id, "a%d", n + 1);
            support_team_done (c, id, rows[i].votes[n]);
        }
        if (rows[i].wins)
            support_team_completed (c, true);
        else
            support_team_failed_with (c, "NO_CONSENSUS", "no result won the");
        support_team_end (c);
    }
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (
            test_the_least_loaded_are_asked_and_the_session_begins_when_enough_accept),
        cmocka_unit_test (test_it_begins_early_when_nobody_else_can_be_asked),
        cmocka_unit_test (test_too_few_end_it_and_the_reason_counts_them),
        cmocka_unit_test (
            test_agents_that_come_up_are_asked_and_nobody_at_all_is_said),
        cmocka_unit_test (test_sequential_hands_each_result_to_the_next),
        cmocka_unit_test (test_parallel_lists_the_results_by_agent),
        cmocka_unit_test (test_hierarchical_splits_works_and_merges),
        cmocka_unit_test (test_a_split_is_a_list_an_object_or_lines),
        cmocka_unit_test (test_consensus_votes_on_the_results),
        cmocka_unit_test (
            test_equal_results_need_no_vote_and_come_first_in_one),
        cmocka_unit_test (test_a_tie_is_no_consensus),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
