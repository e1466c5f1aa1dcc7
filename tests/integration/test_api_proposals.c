/*  Questions that handlers answer, and decisions that call back              */

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/support/support_api.h"

#define MEMBERS 3

static covey_testmesh_t *mesh;
static covey_agent_t *members[MEMBERS];
static support_log_t *decisions, *notices;
static atomic_int asked;

/*  What a proposal says is what its handler does.                           */
static covey_err_t
s_on_proposal (covey_agent_t *agent, const covey_event_t *question,
               covey_ballot_draft_t *draft, void *arg)
{
    static const char *const ranking[] = {"blue", "red"};
    (void)arg;
    size_t size = 0;
    const char *what = covey_event_payload (question, "proposal", NULL, &size);
    atomic_fetch_add (&asked, 1);
    if (size == 4 && memcmp (what, "fail", 4) == 0)
        return COVEY_INVALID;
    if (size == 6 && memcmp (what, "silent", 6) == 0)
        return COVEY_OK;
    if (covey_event_count (question, "rule.options")) {
        draft->options = ranking;
        draft->option_count = 2;
    } else
        draft->vote =
            size == 5 && memcmp (what, "wrong", 5) == 0 ? "maybe" : "approve";
    draft->reason = draft->text;
    snprintf (draft->text, sizeof draft->text, "%s says so",
              covey_agent_id (agent));
    return COVEY_OK;
}

static int
s_setup (void **state)
{
    (void)state;
    decisions = support_log_new ();
    notices = support_log_new ();
    expect_ok (covey_testmesh_new (2, SUPPORT_WAIT_MS, &mesh));
    for (size_t i = 0; i < MEMBERS; i++) {
        char id[16];
        snprintf (id, sizeof id, "p%zu", i);
        members[i] = covey_testmesh_agent (mesh, i % 2, id, "voter");
        assert_non_null (members[i]);
        covey_agent_on_proposal (members[i], s_on_proposal, NULL);
        covey_agent_on_notice (members[i], support_log_notice, notices);
    }
    expect_ok (covey_testmesh_start (mesh, SUPPORT_WAIT_MS));
    expect_ok (covey_swarm_form (members[0],
                                 "{\"swarmId\":\"crew\",\"members\":["
                                 "{\"agentId\":\"p0\"},{\"agentId\":\"p1\"},"
                                 "{\"agentId\":\"p2\"}]}",
                                 SUPPORT_WAIT_MS, NULL));
    return 0;
}

static int
s_teardown (void **state)
{
    (void)state;
    covey_testmesh_destroy (&mesh);
    support_log_destroy (&decisions);
    support_log_destroy (&notices);
    return 0;
}

static const covey_event_t *
s_decide (const char *proposal)
{
    support_log_clear (decisions);
    expect_ok (covey_vote_propose_then (members[1], proposal,
                                        support_log_handler, decisions,
                                        SUPPORT_WAIT_MS, NULL));
    assert_true (support_log_wait (decisions, 1, SUPPORT_WAIT_MS));
    return support_log_event (decisions, 0);
}

static void
handlers_answer_and_the_decision_calls_back (void **state)
{
    (void)state;
    const covey_event_t *decision =
        s_decide ("{\"swarmId\":\"crew\",\"proposal\":1,\"votingStrategy\":"
                  "\"unanimous\"}");
    assert_int_equal (covey_event_type (decision),
                      COVEY_EVENT_SWARM_CONSENSUS_REACHED);
    assert_true (covey_event_bool (decision, "consensus"));
    assert_int_equal (covey_event_count (decision, "votes"), MEMBERS);
    char *json = covey_event_to_json (decision);
    assert_non_null (strstr (json, "\"reason\":\"p2 says so\""));
    covey_free (json);
    /* once: another decision is another call */
    (void)s_decide ("{\"swarmId\":\"crew\",\"proposal\":2,"
                    "\"votingStrategy\":\"unanimous\"}");
    assert_int_equal (support_log_count (decisions), 1);
}

static void
a_ranking_is_an_answer (void **state)
{
    (void)state;
    const covey_event_t *decision =
        s_decide ("{\"swarmId\":\"crew\",\"proposal\":1,\"rule\":{\"options\":["
                  "\"red\",\"blue\"],\"ranked\":true}}");
    assert_string_equal (covey_event_str (decision, "option"), "blue");
}

/*  Nothing is said for who says nothing, or fails.                          */
static void
an_empty_draft_and_an_error_cast_nothing (void **state)
{
    (void)state;
    char *view = NULL;
    covey_agent_stats_t stats;
    for (int i = 0; i < 2; i++) {
        char json[200], id[32];
        snprintf (id, sizeof id, "quiet-%d", i);
        snprintf (json, sizeof json,
                  "{\"swarmId\":\"crew\",\"consensusId\":\"%s\","
                  "\"proposal\":\"%s\"}",
                  id, i ? "fail" : "silent");
        atomic_store (&asked, 0);
        expect_ok (
            covey_vote_propose (members[0], json, SUPPORT_WAIT_MS, NULL));
        int64_t until_ms = support_now_ms () + SUPPORT_WAIT_MS;
        while (atomic_load (&asked) < MEMBERS && support_now_ms () < until_ms)
            (void)poll (NULL, 0, 1);
        /* the only ballots are those that are cast by hand */
        expect_ok (
            covey_vote_cast (members[0], id, "reject", NULL, SUPPORT_WAIT_MS));
        expect_ok (covey_vote_cast (members[1], id, "reject", "later",
                                    SUPPORT_WAIT_MS));
        expect_ok (covey_vote_wait (members[2], id, SUPPORT_WAIT_MS, &view));
        assert_non_null (strstr (view, "\"cast\":2"));
        assert_non_null (strstr (view, "\"outcome\":\"rejected\""));
        covey_free (view);
    }
    int64_t until_ms = support_now_ms () + SUPPORT_WAIT_MS;
    do
        covey_agent_stats (members[2], &stats);
    while (stats.handler_errors == 0 && support_now_ms () < until_ms);
    assert_int_equal (stats.handler_errors, 1);
}

static void
a_ballot_that_is_not_cast_is_told (void **state)
{
    (void)state;
    support_log_clear (notices);
    expect_ok (covey_vote_propose (members[0],
                                   "{\"swarmId\":\"crew\",\"consensusId\":"
                                   "\"odd\",\"proposal\":\"wrong\"}",
                                   SUPPORT_WAIT_MS, NULL));
    /* One of another vote, which came after its decision, may be there, too. */
    for (size_t i = 0, told = 0; told < MEMBERS; i++) {
        assert_true (support_log_wait (notices, i + 1, SUPPORT_WAIT_MS));
        assert_int_equal (support_log_kind (notices, i), COVEY_NOTICE_BALLOT);
        told += strstr (support_log_text (notices, i), "\"maybe\"") != NULL;
    }
}

static void
after_an_error_nothing_is_called (void **state)
{
    (void)state;
    support_log_clear (decisions);
    expect_code (covey_vote_propose_then (members[0], "{\"swarmId\":\"crew\"}",
                                          support_log_handler, decisions,
                                          SUPPORT_WAIT_MS, NULL),
                 INVALID);
    expect_code (covey_vote_propose_then (
                     members[0],
                     "{\"swarmId\":\"crew\",\"consensusId\":\"odd\","
                     "\"proposal\":1}",
                     support_log_handler, decisions, SUPPORT_WAIT_MS, NULL),
                 EXISTS);
    expect_code (covey_vote_propose_then (members[0], "{\"swarm\":1}",
                                          support_log_handler, decisions,
                                          SUPPORT_WAIT_MS, NULL),
                 INVALID);
    /* the vote that is there is decided, and that is nobody's business */
    expect_ok (
        covey_vote_cast (members[0], "odd", "approve", NULL, SUPPORT_WAIT_MS));
    expect_ok (
        covey_vote_cast (members[1], "odd", "approve", NULL, SUPPORT_WAIT_MS));
    expect_ok (covey_vote_wait (members[0], "odd", SUPPORT_WAIT_MS, NULL));
    (void)s_decide ("{\"swarmId\":\"crew\",\"proposal\":3}");
    assert_int_equal (support_log_count (decisions), 1);
}

/*  In a loop of its own, with a ballot key: signed, for just this question. */
static void
an_agent_with_a_loop_of_its_own_signs (void **state)
{
    (void)state;
    char folder[] = "/tmp/covey-proposals-XXXXXX", path[64];
    assert_non_null (mkdtemp (folder));
    snprintf (path, sizeof path, "%s/key", folder);
    covey_agent_t *loner = covey_agent_new ("loner", "voter");
    expect_ok (covey_agent_set_ballot_key (loner, path));
    covey_agent_on_proposal (loner, s_on_proposal, NULL);
    expect_ok (covey_agent_attach (loner, covey_testmesh_node (mesh, 1),
                                   SUPPORT_WAIT_MS));
    expect_ok (covey_swarm_form (
        members[0],
        "{\"swarmId\":\"alone\",\"members\":[{\"agentId\":\"loner\"}]}",
        SUPPORT_WAIT_MS, NULL));
    support_log_clear (decisions);
    expect_ok (covey_vote_propose_then (
        loner, "{\"swarmId\":\"alone\",\"consensusId\":\"own\",\"proposal\":1}",
        support_log_handler, decisions, SUPPORT_WAIT_MS, NULL));
    int64_t until_ms = support_now_ms () + SUPPORT_WAIT_MS;
    while (support_log_count (decisions) == 0 && support_now_ms () < until_ms) {
        struct pollfd fds[] = {
            {.fd = covey_agent_fd (loner), .events = POLLIN}};
        if (poll (fds, 1, 100) > 0)
            expect_ok (covey_agent_dispatch (loner));
    }
    assert_int_equal (support_log_count (decisions), 1);
    const covey_event_t *decision = support_log_event (decisions, 0);
    assert_int_equal (covey_event_int (decision, "unsignedBallots"), 0);
    covey_agent_destroy (&loner);
    assert_int_equal (unlink (path), 0);
    assert_int_equal (rmdir (folder), 0);
}

/*  Who is there has heard it, also who does not answer; on every node.      */
static void
who_heard_the_question_is_told (void **state)
{
    (void)state;
    char *view = NULL;
    bool heard = false;
    expect_ok (covey_swarm_form (members[0],
                                 "{\"swarmId\":\"some\",\"members\":["
                                 "{\"agentId\":\"p0\"},{\"agentId\":\"p1\"},"
                                 "{\"agentId\":\"p2\"},{\"agentId\":\"away\"},"
                                 "{\"agentId\":\"ghost\"}]}",
                                 SUPPORT_WAIT_MS, NULL));
    support_log_clear (decisions);
    expect_ok (covey_vote_propose_then (members[1],
                                        "{\"swarmId\":\"some\",\"consensusId\":"
                                        "\"loud\",\"proposal\":\"silent\"}",
                                        support_log_handler, decisions,
                                        SUPPORT_WAIT_MS, NULL));
    int64_t until_ms = support_now_ms () + SUPPORT_WAIT_MS;
    while (!heard && support_now_ms () < until_ms) {
        expect_ok (
            covey_vote_show (members[0], "loud", SUPPORT_WAIT_MS, &view));
        heard = strstr (view, "\"heard\":[\"p0\",\"p1\",\"p2\"]") != NULL;
        covey_free (view);
    }
    assert_true (heard);
    /* who is away votes by somebody's hand, and has heard it then */
    covey_agent_t *clerk = covey_agent_new ("clerk", "client");
    expect_ok (covey_agent_set_client (clerk, true));
    expect_ok (covey_agent_attach (clerk, covey_testmesh_node (mesh, 0),
                                   SUPPORT_WAIT_MS));
    expect_ok (covey_agent_request (
        clerk, "coordinator", "swarm.vote",
        "{\"consensusId\":\"loud\",\"agentId\":\"away\",\"vote\":\"reject\"}",
        SUPPORT_WAIT_MS, NULL));
    covey_agent_destroy (&clerk);
    for (size_t i = 0; i < 2; i++)
        expect_ok (covey_vote_cast (members[i], "loud", "reject", NULL,
                                    SUPPORT_WAIT_MS));
    assert_true (support_log_wait (decisions, 1, SUPPORT_WAIT_MS));
    const covey_event_t *decision = support_log_event (decisions, 0);
    static const char *const names[] = {"away", "p0", "p1", "p2"};
    assert_int_equal (covey_event_count (decision, "heard"), 4);
    for (size_t i = 0; i < 4; i++)
        assert_string_equal (covey_event_str_at (decision, "heard", i),
                             names[i]);
}

static void
a_file_is_named_by_its_hash (void **state)
{
    (void)state;
    char text[65];
    covey_sha256 ("abc", 3, text);
    assert_string_equal (text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9"
                               "cb410ff61f20015ad");
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (handlers_answer_and_the_decision_calls_back),
        cmocka_unit_test (a_ranking_is_an_answer),
        cmocka_unit_test (an_empty_draft_and_an_error_cast_nothing),
        cmocka_unit_test (a_ballot_that_is_not_cast_is_told),
        cmocka_unit_test (after_an_error_nothing_is_called),
        cmocka_unit_test (an_agent_with_a_loop_of_its_own_signs),
        cmocka_unit_test (who_heard_the_question_is_told),
        cmocka_unit_test (a_file_is_named_by_its_hash),
    };
    return cmocka_run_group_tests (tests, s_setup, s_teardown);
}
