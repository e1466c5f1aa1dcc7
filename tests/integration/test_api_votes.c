/*  Swarms and votes with all four strategies                                 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include <jansson.h>

#include "tests/support/support_api.h"

#define MEMBERS 4

static covey_testmesh_t *mesh;
static covey_agent_t *members[MEMBERS];
static support_log_t *swarm_events;

static int
s_setup (void **state)
{
    (void)state;
    swarm_events = support_log_new ();
    expect_ok (covey_testmesh_new (2, SUPPORT_WAIT_MS, &mesh));
    for (size_t i = 0; i < MEMBERS; i++) {
        char id[16];
        snprintf (id, sizeof id, "m%zu", i);
        members[i] = covey_testmesh_agent (mesh, i % 2, id, "voter");
        assert_non_null (members[i]);
    }
    covey_agent_on_swarm (members[3], support_log_handler, swarm_events);
    expect_ok (covey_testmesh_start (mesh, SUPPORT_WAIT_MS));
    expect_ok (covey_swarm_form (
        members[0],
        "{\"swarmId\":\"jury\",\"objective\":\"decide\",\"members\":["
        "{\"agentId\":\"m0\",\"weight\":5},{\"agentId\":\"m1\"},"
        "{\"agentId\":\"m2\"},{\"agentId\":\"m3\"}]}",
        SUPPORT_WAIT_MS, NULL));
    return 0;
}

static int
s_teardown (void **state)
{
    (void)state;
    covey_testmesh_destroy (&mesh);
    support_log_destroy (&swarm_events);
    return 0;
}

/*  Propose, cast `votes` ('a', 'r', 't' for abstain, '-' for none) in order,
    and compare outcome and consensus.                                        */
static void
s_vote (const char *options, const char *votes, const char *outcome,
        bool consensus)
{
    char json[300], id[64];
    snprintf (json, sizeof json,
              "{\"swarmId\":\"jury\",\"proposal\":{\"do\":\"it\"},%s}",
              options);
    char *view = NULL;
    expect_ok (covey_vote_propose (members[1], json, SUPPORT_WAIT_MS, &view));
    json_t *object = json_loads (view, 0, NULL);
    snprintf (id, sizeof id, "%s",
              json_string_value (json_object_get (object, "id")));
    json_decref (object);
    covey_free (view);
    for (size_t i = 0; votes[i]; i++) {
        const char *vote = votes[i] == 'a'   ? "approve"
                           : votes[i] == 'r' ? "reject"
                                             : "abstain";
        if (votes[i] != '-')
            expect_ok (covey_vote_cast (members[i], id, vote, "because",
                                        SUPPORT_WAIT_MS));
    }
    expect_ok (covey_vote_wait (members[2], id, SUPPORT_WAIT_MS, &view));
    object = json_loads (view, 0, NULL);
    assert_string_equal (
        json_string_value (json_object_get (object, "outcome")), outcome);
    assert_int_equal (json_is_true (json_object_get (object, "consensus")),
                      consensus);
    json_decref (object);
    covey_free (view);
}

static void
majority_needs_more_than_half_of_all (void **state)
{
    (void)state;
    s_vote ("\"votingStrategy\":\"majority\"", "aaa", "accepted", true);
    s_vote ("\"votingStrategy\":\"majority\"", "ar-r", "rejected", false);
}

static void
unanimous_needs_everyone (void **state)
{
    (void)state;
    s_vote ("\"votingStrategy\":\"unanimous\"", "aaaa", "accepted", true);
    s_vote ("\"votingStrategy\":\"unanimous\"", "aar", "rejected", false);
}

static void
weighted_counts_weights (void **state)
{
    (void)state;
    /* m0 weighs 5 of 8. */
    s_vote ("\"votingStrategy\":\"weighted\"", "a", "accepted", true);
    s_vote ("\"votingStrategy\":\"weighted\"", "r", "rejected", false);
}

static void
quorum_needs_enough_ballots (void **state)
{
    (void)state;
    s_vote ("\"votingStrategy\":\"quorum\",\"quorumSize\":3,\"timeout\":400",
            "aat", "accepted", true);
    s_vote ("\"votingStrategy\":\"quorum\",\"quorumSize\":3,\"timeout\":300",
            "aa", "noQuorum", false);
}

static void
deadline_ends_an_open_vote (void **state)
{
    (void)state;
    s_vote ("\"votingStrategy\":\"majority\",\"timeout\":200", "a", "expired",
            false);
}

static void
swarm_handler_hears_of_swarms_without_subscribing (void **state)
{
    (void)state;
    support_log_clear (swarm_events);
    expect_ok (covey_swarm_form (members[0],
                                 "{\"swarmId\":\"short\",\"objective\":\"x\","
                                 "\"members\":[{\"agentId\":\"m1\"}]}",
                                 SUPPORT_WAIT_MS, NULL));
    expect_ok (
        covey_swarm_disband (members[0], "short", "done", SUPPORT_WAIT_MS));
    bool formed = false, disbanded = false;
    for (size_t i = 0; !formed || !disbanded; i++) {
        assert_true (support_log_wait (swarm_events, i + 1, SUPPORT_WAIT_MS));
        const covey_event_t *event = support_log_event (swarm_events, i);
        bool ours = strcmp (covey_event_str (event, "swarmId"), "short") == 0;
        int type = covey_event_type (event);
        formed = formed || (ours && type == COVEY_EVENT_SWARM_FORMED);
        disbanded = disbanded || (ours && type == COVEY_EVENT_SWARM_DISBANDED);
    }
}

/*  m0 weighs 5 of 8, which does not help it where each ballot counts once.  */
static void
options_are_chosen_and_ranked (void **state)
{
    (void)state;
    static const char *const red[] = {"red"}, *const last[] = {"blue", "red"};
    char *view = NULL;
    expect_ok (covey_vote_propose (
        members[1],
        "{\"swarmId\":\"jury\",\"consensusId\":\"colour\",\"proposal\":1,"
        "\"rule\":{\"options\":[\"red\",\"green\",\"blue\"],\"ranked\":true}}",
        SUPPORT_WAIT_MS, NULL));
    expect_code (covey_vote_choose (members[0], "colour", last, 0, NULL,
                                    SUPPORT_WAIT_MS),
                 INVALID);
    expect_code (
        covey_vote_cast (members[0], "colour", "reject", NULL, SUPPORT_WAIT_MS),
        INVALID);
    expect_ok (covey_vote_choose (members[0], "colour", last, 2, "warm",
                                  SUPPORT_WAIT_MS));
    for (size_t i = 1; i < MEMBERS; i++)
        expect_ok (covey_vote_choose (members[i], "colour", red, 1, NULL,
                                      SUPPORT_WAIT_MS));
    expect_ok (covey_vote_wait (members[2], "colour", SUPPORT_WAIT_MS, &view));
    json_t *object = json_loads (view, 0, NULL);
    assert_string_equal (json_string_value (json_object_get (object, "option")),
                         "red");
    json_decref (object);
    covey_free (view);
}

/*  A key that is made, kept, and refused when others may read it.           */
static void
ballots_are_signed_with_a_key_of_the_agent (void **state)
{
    (void)state;
    char folder[] = "/tmp/covey-votes-XXXXXX", path[64];
    struct stat info;
    assert_non_null (mkdtemp (folder));
    snprintf (path, sizeof path, "%s/key", folder);
    covey_agent_t *first = covey_agent_new ("m0", "voter");
    expect_ok (covey_agent_set_ballot_key (first, path));
    expect_code (covey_agent_set_ballot_key (members[0], path), STATE);
    assert_int_equal (stat (path, &info), 0);
    assert_int_equal (info.st_mode & 0777, 0600);
    covey_agent_destroy (&first);
    covey_agent_t *signer = covey_agent_new ("signer", "voter");
    expect_ok (covey_agent_set_ballot_key (signer, path));
    expect_ok (covey_agent_attach (signer, covey_testmesh_node (mesh, 0),
                                   SUPPORT_WAIT_MS));
    expect_ok (covey_agent_start (signer));
    expect_ok (covey_swarm_form (members[1],
                                 "{\"swarmId\":\"signed\",\"objective\":\"x\","
                                 "\"members\":[{\"agentId\":\"signer\"},"
                                 "{\"agentId\":\"m1\"}]}",
                                 SUPPORT_WAIT_MS, NULL));
    expect_ok (covey_vote_propose (members[1],
                                   "{\"swarmId\":\"signed\",\"consensusId\":"
                                   "\"sealed\",\"proposal\":1}",
                                   SUPPORT_WAIT_MS, NULL));
    expect_ok (
        covey_vote_cast (signer, "sealed", "reject", "no", SUPPORT_WAIT_MS));
    char *view = NULL;
    expect_ok (covey_vote_wait (members[2], "sealed", SUPPORT_WAIT_MS, &view));
    assert_non_null (strstr (view, "\"publicKey\":"));
    assert_non_null (strstr (view, "\"unsignedBallots\":0"));
    covey_free (view);
    covey_agent_destroy (&signer);
    assert_int_equal (chmod (path, 0640), 0);
    first = covey_agent_new ("m9", "voter");
    expect_code (covey_agent_set_ballot_key (first, path), DENIED);
    assert_int_equal (unlink (path), 0);
    assert_int_equal (rmdir (folder), 0);
    expect_code (covey_agent_set_ballot_key (first, path), IO);
    covey_agent_destroy (&first);
}

static void
what_is_wrong_is_refused (void **state)
{
    (void)state;
    expect_code (covey_vote_cast (members[0], "nothing", "approve", NULL,
                                  SUPPORT_WAIT_MS),
                 NOTFOUND);
    expect_code (
        covey_vote_cast (members[0], "x", "maybe", NULL, SUPPORT_WAIT_MS),
        INVALID);
    expect_code (covey_swarm_join (members[0], "nothing", 1, SUPPORT_WAIT_MS),
                 NOTFOUND);
    expect_code (covey_swarm_join (members[0], "jury", -1, SUPPORT_WAIT_MS),
                 INVALID);
    expect_code (covey_vote_propose (members[0], "{\"swarmId\":\"jury\"}",
                                     SUPPORT_WAIT_MS, NULL),
                 INVALID);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (majority_needs_more_than_half_of_all),
        cmocka_unit_test (unanimous_needs_everyone),
        cmocka_unit_test (weighted_counts_weights),
        cmocka_unit_test (quorum_needs_enough_ballots),
        cmocka_unit_test (deadline_ends_an_open_vote),
        cmocka_unit_test (swarm_handler_hears_of_swarms_without_subscribing),
        cmocka_unit_test (options_are_chosen_and_ranked),
        cmocka_unit_test (ballots_are_signed_with_a_key_of_the_agent),
        cmocka_unit_test (what_is_wrong_is_refused),
    };
    return cmocka_run_group_tests (tests, s_setup, s_teardown);
}
