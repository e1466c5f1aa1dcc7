/*  state: swarms and votes, from commands to facts                           */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../support/support_control.h"

/*  A swarm of ann, bob and cid, all of them up.                             */
static support_control_t *
s_swarm (void)
{
    support_control_t *c = support_control_new (NULL);
    support_agent_up (c, "ann", "voter", "", 1);
    support_agent_up (c, "bob", "voter", "", 1);
    support_agent_up (c, "cid", "voter", "", 1);
    assert_int_equal (
        support_call (c, "cli-1", "swarm.form",
                      "{\"swarmId\":\"s1\",\"objective\":\"review\","
                      "\"members\":[{\"agentId\":\"ann\"},{\"agentId\":"
                      "\"bob\",\"weight\":2.5},{\"agentId\":\"cid\"}]}"),
        COVEY_OK);
    return c;
}

static void
s_propose (support_control_t *c, const char *id, const char *more)
{
    assert_int_equal (
        support_call (c, "cli-1", "swarm.propose",
                      "{\"consensusId\":\"%s\",\"swarmId\":\"s1\","
                      "\"proposal\":{\"merge\":true}%s}",
                      id, more),
        COVEY_OK);
}

static covey_err_t
s_vote (support_control_t *c, const char *caller, const char *id,
        const char *vote, const char *more)
{
    covey_err_t code = support_call (
        c, caller, "swarm.vote", "{\"consensusId\":\"%s\",\"vote\":\"%s\"%s}",
        id, vote, more);
    return code;
}

static void
test_a_swarm_is_formed_and_its_members_come_and_go (void **state)
{
    (void)state;
    support_control_t *c = s_swarm ();
    assert_string_equal (support_reply (c, "leader"), "ann");
    assert_string_equal (support_reply (c, "state"), "active");
    const covey_event_t *fact = support_fact (c, COVEY_EVENT_SWARM_FORMED, 0);
    assert_int_equal (covey_event_count (fact, "initialMembers"), 3);
    assert_int_equal (
        support_call (c, "cli-1", "swarm.form", "{\"swarmId\":\"s1\"}"),
        COVEY_EXISTS);
    support_agent_up (c, "dan", "voter", "", 1);
    assert_int_equal (support_call (c, "dan", "swarm.join",
                                    "{\"swarmId\":\"s1\",\"weight\":3}"),
                      COVEY_OK);
    fact = support_fact (c, COVEY_EVENT_SWARM_JOINED, 0);
    assert_string_equal (covey_event_str (fact, "agentId"), "dan");
    assert_true (covey_event_num (fact, "weight") == 3.0);
    assert_int_equal (support_reply_int (c, "version"), 2);
    /* the same again is no news */
    assert_int_equal (
        support_call (c, "dan", "swarm.join", "{\"swarmId\":\"s1\"}"),
        COVEY_OK);
    assert_int_equal (c->effects.fact_count, 0);
    assert_int_equal (support_call (c, "ann", "swarm.leave",
                                    "{\"swarmId\":\"s1\",\"agentId\":"
                                    "\"bob\"}"),
                      COVEY_DENIED);
    assert_int_equal (
        support_call (c, "ann", "swarm.leave", "{\"swarmId\":\"s1\"}"),
        COVEY_OK);
    assert_int_equal (support_fact_count (c, COVEY_EVENT_SWARM_LEFT), 1);
    assert_string_equal (support_reply (c, "leader"), "bob");
    assert_int_equal (
        support_call (c, "ann", "swarm.leave", "{\"swarmId\":\"s1\"}"),
        COVEY_NOTFOUND);
    support_control_end (c);
}

static void
test_a_lost_leader_is_replaced_and_that_is_announced (void **state)
{
    (void)state;
    support_control_t *c = s_swarm ();
    support_agent_down (c, "ann");
    const covey_event_t *fact = support_fact (c, COVEY_EVENT_SYSTEM_INFO, 0);
    assert_non_null (fact);
    assert_string_equal (covey_event_metadata (fact, "leader"), "bob");
    assert_int_equal (
        support_call (c, "cli-1", "swarm.show", "{\"swarmId\":\"s1\"}"),
        COVEY_OK);
    assert_string_equal (support_reply (c, "leader"), "bob");
    support_control_end (c);
}

static void
test_a_vote_asks_the_members_and_announces_its_decision_once (void **state)
{
    (void)state;
    support_control_t *c = s_swarm ();
    support_agent_down (c, "cid");
    s_propose (c, "v1", "");
    const covey_event_t *fact =
        support_fact (c, COVEY_EVENT_SWARM_CONSENSUS_REQUEST, 0);
    assert_int_equal (covey_event_target_count (fact), 2); /* who is there */
    assert_string_equal (covey_event_correlation_id (fact), "v1");
    assert_int_equal (covey_event_int (fact, "timeout"), 60000);
    /* who comes later is asked, too */
    support_agent_up (c, "cid", "voter", "", 1);
    fact = support_fact (c, COVEY_EVENT_SWARM_CONSENSUS_REQUEST, 0);
    assert_int_equal (covey_event_target_count (fact), 1);
    assert_string_equal (covey_event_target (fact, 0), "cid");

    assert_int_equal (s_vote (c, "ann", "v1", "approve",
                              ",\"reason\":\"looks \\\"good\\\"\""),
                      COVEY_OK);
    assert_string_equal (support_reply (c, "state"), "open");
    assert_int_equal (s_vote (c, "bob", "v1", "approve", ""), COVEY_OK);
    assert_int_equal (support_fact_count (c, COVEY_EVENT_SWARM_VOTE_CAST), 1);
    fact = support_fact (c, COVEY_EVENT_SWARM_CONSENSUS_REACHED, 0);
    assert_non_null (fact);
    assert_true (covey_event_bool (fact, "consensus"));
    assert_int_equal (covey_event_count (fact, "votes"), 2);
    assert_string_equal (covey_event_metadata (fact, "outcome"), "accepted");
    assert_memory_equal (covey_event_payload (fact, "decision", NULL, NULL),
                         "{\"merge\":true}", 14);
    assert_string_equal (support_reply (c, "outcome"), "accepted");
    char *json = covey_event_to_json (fact);
    assert_non_null (strstr (json, "looks \\\"good\\\""));
    covey_free (json);
    /* who votes is told how it stands, and not by whom */
    assert_null (strstr ((char *)c->reply.data, "\"votes\""));
    support_tick (c, 100000);
    assert_int_equal (c->effects.fact_count, 0);
    support_control_end (c);
}

static void
test_refused_ballots_are_facts_with_a_reason_and_count_nothing (void **state)
{
    (void)state;
    support_control_t *c = s_swarm ();
    support_agent_up (c, "eve", "voter", "", 1);
    s_propose (c, "v1", "");
    assert_int_equal (s_vote (c, "eve", "v1", "approve", ""), COVEY_DENIED);
    const covey_event_t *fact =
        support_fact (c, COVEY_EVENT_SWARM_VOTE_CAST, 0);
    assert_false (covey_event_bool (fact, "accepted"));
    assert_non_null (strstr (covey_event_str (fact, "refusal"), "eve"));
    /* an agent cannot vote for another one, a person can */
    assert_int_equal (
        s_vote (c, "eve", "v1", "approve", ",\"agentId\":\"ann\""),
        COVEY_DENIED);
    assert_int_equal (
        s_vote (c, "cli-7", "v1", "approve", ",\"agentId\":\"ann\""), COVEY_OK);
    fact = support_fact (c, COVEY_EVENT_SWARM_VOTE_CAST, 0);
    assert_string_equal (covey_event_str (fact, "agentId"), "ann");
    assert_string_equal (covey_event_metadata (fact, "castBy"), "cli-7");
    assert_int_equal (s_vote (c, "ann", "none", "approve", ""), COVEY_NOTFOUND);
    assert_int_equal (c->effects.fact_count, 0);
    assert_int_equal (s_vote (c, "bob", "v1", "approve", ""), COVEY_OK);
    assert_int_equal (s_vote (c, "cid", "v1", "reject", ""), COVEY_STATE);
    assert_non_null (strstr (c->err.text, "late"));
    support_control_end (c);
}

static void
test_the_deadline_decides_without_a_word_from_anybody (void **state)
{
    (void)state;
    support_control_t *c = s_swarm ();
    s_propose (c, "v1", ",\"timeout\":5000");
    s_propose (c, "v2",
               ",\"timeout\":6000,\"votingStrategy\":\"quorum\","
               "\"quorumSize\":2");
    assert_int_equal (s_vote (c, "ann", "v1", "approve", ""), COVEY_OK);
    assert_int_equal (covey_state_next_us (c->state), c->now_us + 5000000);
    support_tick (c, 4999);
    assert_int_equal (c->effects.fact_count, 0);
    support_tick (c, 1);
    const covey_event_t *fact =
        support_fact (c, COVEY_EVENT_SWARM_CONSENSUS_REACHED, 0);
    assert_false (covey_event_bool (fact, "consensus"));
    assert_string_equal (covey_event_metadata (fact, "outcome"), "expired");
    assert_non_null (
        strstr (covey_event_payload (fact, "decision", NULL, NULL), "expired"));
    support_tick (c, 1000);
    fact = support_fact (c, COVEY_EVENT_SWARM_CONSENSUS_REACHED, 0);
    assert_string_equal (covey_event_metadata (fact, "outcome"), "noQuorum");
    assert_int_equal (
        support_call (c, "cli-1", "swarm.proposal", "{\"consensusId\":\"v2\"}"),
        COVEY_OK);
    assert_non_null (strstr ((char *)c->reply.data, "\"decision\":{"));
    support_control_end (c);
}

static void
test_the_electorate_is_frozen_at_the_opening (void **state)
{
    (void)state;
    support_control_t *c = s_swarm ();
    s_propose (c, "v1", ",\"votingStrategy\":\"unanimous\"");
    support_agent_up (c, "dan", "voter", "", 1);
    assert_int_equal (
        support_call (c, "dan", "swarm.join", "{\"swarmId\":\"s1\"}"),
        COVEY_OK);
    assert_int_equal (
        support_call (c, "cid", "swarm.leave", "{\"swarmId\":\"s1\"}"),
        COVEY_OK);
    assert_int_equal (s_vote (c, "dan", "v1", "approve", ""), COVEY_DENIED);
    assert_int_equal (s_vote (c, "ann", "v1", "approve", ""), COVEY_OK);
    assert_int_equal (s_vote (c, "bob", "v1", "approve", ""), COVEY_OK);
    assert_string_equal (support_reply (c, "state"), "open");
    assert_int_equal (s_vote (c, "cid", "v1", "approve", ""), COVEY_OK);
    assert_string_equal (support_reply (c, "outcome"), "accepted");
    support_control_end (c);
}

static void
test_disbanding_a_swarm_withdraws_its_open_votes (void **state)
{
    (void)state;
    support_control_t *c = s_swarm ();
    s_propose (c, "v1", "");
    s_propose (c, "v2", "");
    assert_int_equal (
        support_call (c, "bob", "swarm.withdraw", "{\"consensusId\":\"v1\"}"),
        COVEY_DENIED);
    assert_int_equal (support_call (c, "cli-1", "swarm.withdraw",
                                    "{\"consensusId\":\"v1\",\"reason\":"
                                    "\"a better one comes\"}"),
                      COVEY_OK);
    assert_string_equal (support_reply (c, "outcome"), "withdrawn");
    assert_int_equal (
        support_call (c, "cli-1", "swarm.disband", "{\"swarmId\":\"s1\"}"),
        COVEY_OK);
    assert_int_equal (support_fact_count (c, COVEY_EVENT_SWARM_DISBANDED), 1);
    assert_int_equal (
        support_fact_count (c, COVEY_EVENT_SWARM_CONSENSUS_REACHED), 1);
    assert_int_equal (support_call (c, "cli-1", "swarm.propose",
                                    "{\"swarmId\":\"s1\",\"proposal\":1}"),
                      COVEY_STATE);
    assert_int_equal (
        support_call (c, "cli-1", "swarm.list", "{\"state\":\"active\"}"),
        COVEY_OK);
    assert_string_equal ((char *)c->reply.data, "{\"swarms\":[]}");
    assert_int_equal (
        support_call (c, "cli-1", "swarm.proposals", "{\"state\":\"decided\"}"),
        COVEY_OK);
    support_control_end (c);
}

static void
test_the_swarm_s_strategy_is_the_default_of_its_votes (void **state)
{
    (void)state;
    support_control_t *c = support_control_new (NULL);
    assert_int_equal (support_call (c, "cli-1", "swarm.form",
                                    "{\"swarmId\":\"s1\",\"strategy\":"
                                    "\"weighted\",\"members\":[{\"agentId\":"
                                    "\"ann\",\"weight\":5},{\"agentId\":"
                                    "\"bob\"}]}"),
                      COVEY_OK);
    s_propose (c, "v1", "");
    assert_string_equal (support_reply (c, "strategy"), "weighted");
    assert_int_equal (
        s_vote (c, "cli-1", "v1", "approve", ",\"agentId\":\"ann\""), COVEY_OK);
    assert_string_equal (support_reply (c, "outcome"), "accepted");
    support_control_end (c);
}

/*  The largest decision: 1,024 voters, each with a reason of 64 KiB, still is
    an event within its bounds.                                               */
static void
test_the_largest_decision_is_a_valid_event (void **state)
{
    (void)state;
    support_control_t *c = support_control_new (NULL);
    covey_buf_t form;
    covey_buf_init (&form, COVEY_PAYLOAD_MAX);
    for (int i = 0; i < COVEY_LIST_MAX; i++)
        covey_buf_printf (&form, "%s{\"agentId\":\"%0127d\"}", i ? "," : "", i);
    covey_buf_putc (&form, '\0');
    assert_int_equal (support_call (c, "cli-1", "swarm.form",
                                    "{\"swarmId\":\"s1\",\"members\":[%s]}",
                                    (char *)form.data),
                      COVEY_OK);
    covey_buf_deinit (&form);
    s_propose (c, "v1", ",\"votingStrategy\":\"unanimous\"");
    char *reason = malloc (COVEY_TEXT_MAX + 1), more[200], *all;
    memset (reason, 'r', COVEY_TEXT_MAX);
    reason[COVEY_TEXT_MAX] = '\0';
    all = malloc (COVEY_TEXT_MAX + 300);
    for (int i = 0; i < COVEY_LIST_MAX; i++) {
        snprintf (more, sizeof more, ",\"agentId\":\"%0127d\",\"reason\":", i);
        snprintf (all, COVEY_TEXT_MAX + 300, "%s\"%s\"", more, reason);
        assert_int_equal (support_call (c, "cli-1", "swarm.vote",
                                        "{\"consensusId\":\"v1\",\"vote\":"
                                        "\"approve\"%s}",
                                        all),
                          COVEY_OK);
    }
    assert_true (c->reply.size < COVEY_PAYLOAD_MAX);
    const covey_event_t *fact =
        support_fact (c, COVEY_EVENT_SWARM_CONSENSUS_REACHED, 0);
    assert_non_null (fact);
    assert_int_equal (covey_event_count (fact, "votes"), COVEY_LIST_MAX);
    free (all);
    free (reason);
    support_control_end (c);
}

static void
s_hear (support_control_t *c, const char *id, const char *const *agents,
        size_t count)
{
    Covey__Control__VoteHeard heard = COVEY__CONTROL__VOTE_HEARD__INIT;
    Covey__Control__Hearing items[4], *list[4];
    Covey__Control__Command command = COVEY__CONTROL__COMMAND__INIT;
    for (size_t i = 0; i < count; i++) {
        list[i] = &items[i];
        covey__control__hearing__init (list[i]);
        items[i].consensus_id = (char *)(uintptr_t)id;
        items[i].agent_id = (char *)(uintptr_t)agents[i];
    }
    heard.n_hearings = count;
    heard.hearings = list;
    command.op_case = COVEY__CONTROL__COMMAND__OP_VOTE_HEARD;
    command.vote_heard = &heard;
    support_apply (c, &command);
    assert_int_equal (c->effects.code, COVEY_OK);
    assert_int_equal (c->effects.fact_count, 0);
}

/*  Reports come twice, late, of strangers and of votes that are none.       */
static void
test_who_heard_the_question_is_kept_and_told (void **state)
{
    (void)state;
    static const char *const some[] = {"cid", "cid", "eve"}, *const bob = "bob";
    support_control_t *c = s_swarm ();
    s_propose (c, "v1", "");
    s_hear (c, "v1", some, 3);
    s_hear (c, "none", some, 1);
    assert_false (covey_state_is_hearing_news (c->state, "v1", "cid"));
    assert_true (covey_state_is_hearing_news (c->state, "v1", "bob"));
    assert_false (covey_state_is_hearing_news (c->state, "v1", "eve"));
    assert_int_equal (s_vote (c, "ann", "v1", "reject", ""), COVEY_OK);
    support_check_saved (c);
    support_tick (c, 60000);
    const covey_event_t *fact =
        support_fact (c, COVEY_EVENT_SWARM_CONSENSUS_REACHED, 0);
    assert_int_equal (covey_event_count (fact, "heard"), 2);
    assert_string_equal (covey_event_str_at (fact, "heard", 1), "cid");
    /* after the decision nothing changes */
    s_hear (c, "v1", &bob, 1);
    assert_int_equal (
        support_call (c, "x", "swarm.proposal", "{\"consensusId\":\"v1\"}"),
        COVEY_OK);
    assert_non_null (
        strstr ((char *)c->reply.data, "\"heard\":[\"ann\",\"cid\"]"));
    support_control_end (c);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_a_swarm_is_formed_and_its_members_come_and_go),
        cmocka_unit_test (test_a_lost_leader_is_replaced_and_that_is_announced),
        cmocka_unit_test (
            test_a_vote_asks_the_members_and_announces_its_decision_once),
        cmocka_unit_test (
            test_refused_ballots_are_facts_with_a_reason_and_count_nothing),
        cmocka_unit_test (
            test_the_deadline_decides_without_a_word_from_anybody),
        cmocka_unit_test (test_the_electorate_is_frozen_at_the_opening),
        cmocka_unit_test (test_disbanding_a_swarm_withdraws_its_open_votes),
        cmocka_unit_test (
            test_the_swarm_s_strategy_is_the_default_of_its_votes),
        cmocka_unit_test (test_the_largest_decision_is_a_valid_event),
        cmocka_unit_test (test_who_heard_the_question_is_kept_and_told),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
