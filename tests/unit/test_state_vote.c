/*  state: the rules of votes, from commands to facts and answers             */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "coordinator/save.h"
#include "proto/json_scan.h"
#include "swarm/proposal.h"
#include "tests/support/support_control.h"

/*  A swarm of ann (who leads), bob and cid, all of them up.                 */
static support_control_t *
s_swarm (void)
{
    support_control_t *c = calloc (1, sizeof *c);
    assert_non_null (c);
    support_control_init (c, NULL);
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
s_check_facts (support_control_t *c)
{
    for (size_t i = 0; i < c->effects.fact_count; i++)
        if (covey_event_validate (c->effects.facts[i]))
            fail_msg ("fact %d: %s", covey_event_type (c->effects.facts[i]),
                      covey_error ());
}

static void
s_end (support_control_t *c)
{
    assert_true (covey_state_digest (c->state) == support_replay (c));
    support_control_deinit (c);
    free (c);
}

static covey_err_t
s_propose (support_control_t *c, const char *id, const char *more)
{
    covey_err_t code =
        support_call (c, "cli-1", "swarm.propose",
                      "{\"consensusId\":\"%s\",\"swarmId\":\"s1\","
                      "\"proposal\":{\"merge\":true},\"timeout\":5000%s}",
                      id, more);
    s_check_facts (c);
    return code;
}

static covey_err_t
s_vote (support_control_t *c, const char *voter, const char *id,
        const char *said)
{
    covey_err_t code = support_call (c, voter, "swarm.vote",
                                     "{\"consensusId\":\"%s\",%s}", id, said);
    s_check_facts (c);
    return code;
}

static const covey_event_t *
s_decision (support_control_t *c, const char *outcome)
{
    const covey_event_t *fact =
        support_fact (c, COVEY_EVENT_SWARM_CONSENSUS_REACHED, 0);
    assert_non_null (fact);
    assert_string_equal (covey_event_str (fact, "outcome"), outcome);
    assert_string_equal (covey_event_metadata (fact, "outcome"), outcome);
    assert_string_equal (support_reply (c, "outcome"), outcome);
    return fact;
}

#define APPROVE "\"vote\":\"approve\""
#define REJECT "\"vote\":\"reject\""

static void
test_a_question_tells_its_rule_and_its_electorate (void **state)
{
    (void)state;
    support_control_t *c = s_swarm ();
    assert_int_equal (
        s_propose (c, "v1",
                   ",\"rule\":{\"threshold\":\"2/3\",\"quorumShare\":"
                   "\"50%\",\"vetoHolders\":[\"cid\"],\"tie\":\"leader\","
                   "\"final\":true}"),
        COVEY_OK);
    const covey_event_t *fact =
        support_fact (c, COVEY_EVENT_SWARM_CONSENSUS_REQUEST, 0);
    char *json = covey_event_to_json (fact);
    assert_non_null (json);
    static const char *const said[] = {"\"threshold\":\"2/3\"",
                                       "\"quorumShare\":\"50/100\"",
                                       "\"vetoHolders\":[\"cid\"]",
                                       "\"tie\":\"leader\"",
                                       "\"final\":true",
                                       "\"silence\":\"counted\"",
                                       "{\"agentId\":\"bob\",\"weight\":2.5}",
                                       "\"leader\":\"ann\"",
                                       "\"electorateVersion\":1",
                                       "\"proposalHash\":\""};
    for (size_t i = 0; i < sizeof said / sizeof *said; i++)
        if (!strstr (json, said[i]))
            fail_msg ("%s is not in %s", said[i], json);
    covey_free (json);
    assert_non_null (strstr ((char *)c->reply.data, "\"threshold\":\"2/3\""));
    assert_int_equal (covey_event_int (fact, "deadline"), c->now_us + 5000000);
    s_end (c);
}

static void
test_a_veto_ends_a_vote_and_a_final_ballot_stays (void **state)
{
    (void)state;
    support_control_t *c = s_swarm ();
    assert_int_equal (s_propose (c, "v1",
                                 ",\"rule\":{\"final\":true,"
                                 "\"vetoHolders\":[\"cid\"]}"),
                      COVEY_OK);
    assert_int_equal (s_vote (c, "ann", "v1", APPROVE), COVEY_OK);
    assert_int_equal (s_vote (c, "bob", "v1", APPROVE), COVEY_OK);
    assert_string_equal (support_reply (c, "state"), "open");
    assert_int_equal (s_vote (c, "ann", "v1", REJECT), COVEY_STATE);
    const covey_event_t *fact =
        support_fact (c, COVEY_EVENT_SWARM_VOTE_CAST, 0);
    assert_false (covey_event_bool (fact, "accepted"));
    assert_int_equal (covey_event_int (fact, "number"), 0);
    assert_int_equal (s_vote (c, "cid", "v1", REJECT), COVEY_OK);
    fact = support_fact (c, COVEY_EVENT_SWARM_VOTE_CAST, 0);
    assert_int_equal (covey_event_int (fact, "number"), 3);
    fact = s_decision (c, "vetoed");
    assert_int_equal (covey_event_int (fact, "voters"), 3);
    assert_int_equal (covey_event_int (fact, "cast"), 3);
    assert_false (covey_event_bool (fact, "consensus"));
    s_end (c);
}

static void
test_the_most_votes_win_and_the_option_is_named (void **state)
{
    (void)state;
    support_control_t *c = s_swarm ();
    assert_int_equal (
        s_propose (c, "v1",
                   ",\"votingStrategy\":\"weighted\",\"rule\":{"
                   "\"options\":[\"red\",\"deep \\\"blue\\\"\"]}"),
        COVEY_OK);
    assert_int_equal (s_vote (c, "ann", "v1", "\"options\":[\"green\"]"),
                      COVEY_INVALID);
    assert_non_null (strstr (c->err.text, "no option"));
    assert_int_equal (support_fact_count (c, COVEY_EVENT_SWARM_VOTE_CAST), 1);
    assert_int_equal (s_vote (c, "ann", "v1", APPROVE), COVEY_INVALID);
    assert_int_equal (s_vote (c, "ann", "v1", "\"options\":[\"red\"]"),
                      COVEY_OK);
    assert_int_equal (
        s_vote (c, "bob", "v1", "\"options\":[\"deep \\\"blue\\\"\"]"),
        COVEY_OK);
    const covey_event_t *fact = s_decision (c, "accepted");
    assert_string_equal (covey_event_str (fact, "option"), "deep \"blue\"");
    assert_non_null (
        strstr ((char *)c->reply.data, "{\"option\":\"red\",\"votes\":1}"));
    assert_true (covey_event_bool (fact, "consensus"));
    s_end (c);
}

static void
test_rankings_are_kept_and_run_off_at_the_deadline (void **state)
{
    (void)state;
    support_control_t *c = s_swarm ();
    assert_int_equal (s_propose (c, "v1",
                                 ",\"rule\":{\"ranked\":true,\"options\":["
                                 "\"red\",\"green\",\"blue\"]}"),
                      COVEY_OK);
    assert_int_equal (s_vote (c, "ann", "v1", "\"options\":[\"red\"]"), 0);
    assert_int_equal (
        s_vote (c, "bob", "v1", "\"options\":[\"blue\",\"blue\"]"),
        COVEY_INVALID);
    assert_int_equal (
        s_vote (c, "bob", "v1", "\"options\":[\"green\",\"red\"]"), 0);
    const covey_event_t *fact =
        support_fact (c, COVEY_EVENT_SWARM_VOTE_CAST, 0);
    assert_int_equal (covey_event_count (fact, "options"), 2);
    support_tick (c, 5000);
    s_check_facts (c);
    fact = support_fact (c, COVEY_EVENT_SWARM_CONSENSUS_REACHED, 0);
    assert_string_equal (covey_event_str (fact, "outcome"), "rejected");
    assert_non_null (strstr (covey_event_str (fact, "reason"), "tie"));
    s_end (c);
}

static void
test_a_ballot_for_another_question_is_refused_and_told (void **state)
{
    (void)state;
    support_control_t *c = s_swarm ();
    assert_int_equal (s_propose (c, "v1", ""), COVEY_OK);
    char said[200];
    snprintf (said, sizeof said,
              APPROVE ",\"proposalHash\":\"%s\",\"electorateVersion\":1",
              support_reply (c, "proposalHash"));
    assert_int_equal (s_vote (c, "ann", "v1", said), COVEY_OK);
    assert_int_equal (
        s_vote (c, "bob", "v1", APPROVE ",\"electorateVersion\":2"),
        COVEY_STATE);
    assert_int_equal (
        s_vote (c, "bob", "v1", APPROVE ",\"proposalHash\":\"x\""),
        COVEY_STATE);
    const covey_event_t *fact =
        support_fact (c, COVEY_EVENT_SWARM_VOTE_CAST, 0);
    assert_non_null (
        strstr (covey_event_str (fact, "refusal"), "another question"));
    s_end (c);
}

/* ---- signatures -------------------------------------------------------------
 */

static void
s_key (uint8_t seed, covey_ballot_key_t *key)
{
    uint8_t bytes[COVEY_SEED_SIZE];
    memset (bytes, seed, sizeof bytes);
    covey_ballot_key_make (bytes, key);
}

/*  A ballot of ann's in v1, who weighs 1, signed as the `serial`th; `said` is
    what it says, which may be something else than what is signed.            */
static covey_err_t
s_vote_signed (support_control_t *c, const covey_ballot_key_t *key,
               const char *vote, uint32_t serial, const char *said)
{
    assert_int_equal (
        support_call (c, "ann", "swarm.proposal", "{\"consensusId\":\"v1\"}"),
        COVEY_OK);
    char hash[COVEY_HASH_TEXT], more[600];
    snprintf (hash, sizeof hash, "%s", support_reply (c, "proposalHash"));
    const covey_sealed_t sealed = {.hash = hash,
                                   .version = 1,
                                   .agent_id = "ann",
                                   .weight = COVEY_WEIGHT_ONE,
                                   .vote = vote,
                                   .reason = "so",
                                   .serial = serial};
    covey_seal_t seal;
    covey_buf_t signature, public_key;
    covey_seal_sign (&sealed, key, &seal);
    covey_buf_init (&signature, 200);
    covey_buf_init (&public_key, 200);
    covey_base64_write (seal.signature, sizeof seal.signature, &signature);
    covey_base64_write (seal.public_key, sizeof seal.public_key, &public_key);
    snprintf (more, sizeof more,
              "%s,\"reason\":\"so\",\"signature\":\"%.*s\","
              "\"publicKey\":\"%.*s\"",
              said, (int)signature.size, (char *)signature.data,
              (int)public_key.size, (char *)public_key.data);
    covey_buf_deinit (&signature);
    covey_buf_deinit (&public_key);
    return s_vote (c, "ann", "v1", more);
}

static void
test_a_signed_ballot_counts_and_a_forged_one_does_not (void **state)
{
    (void)state;
    covey_ballot_key_t key, other;
    s_key (1, &key);
    s_key (2, &other);
    support_control_t *c = s_swarm ();
    assert_int_equal (s_propose (c, "v1", ""), COVEY_OK);
    /* it says something else than what was signed */
    assert_int_equal (s_vote_signed (c, &key, "reject", 1, APPROVE),
                      COVEY_DENIED);
    const covey_event_t *fact =
        support_fact (c, COVEY_EVENT_SWARM_VOTE_CAST, 0);
    assert_non_null (strstr (covey_event_str (fact, "refusal"), "forged"));
    /* a forged one binds no key */
    assert_int_equal (s_vote_signed (c, &key, "approve", 1, APPROVE), COVEY_OK);
    fact = support_fact (c, COVEY_EVENT_SWARM_VOTE_CAST, 0);
    char *json = covey_event_to_json (fact);
    assert_non_null (strstr (json, "\"signature\":\""));
    assert_non_null (strstr (json, "\"serial\":1"));
    covey_free (json);
    assert_int_equal (support_reply_int (c, "unsignedBallots"), 0);
    /* the same once more is no second ballot */
    assert_int_equal (s_vote_signed (c, &key, "approve", 1, APPROVE),
                      COVEY_DENIED);
    assert_int_equal (s_vote_signed (c, &other, "reject", 2, REJECT),
                      COVEY_DENIED);
    assert_non_null (strstr (c->err.text, "another key"));
    assert_int_equal (s_vote (c, "ann", "v1", REJECT), COVEY_DENIED);
    assert_non_null (strstr (c->err.text, "not signed"));
    assert_int_equal (s_vote_signed (c, &key, "reject", 2, REJECT), COVEY_OK);
    /* others need no key */
    assert_int_equal (s_vote (c, "bob", "v1", REJECT), COVEY_OK);
    fact = s_decision (c, "rejected");
    assert_int_equal (covey_event_int (fact, "unsignedBallots"), 1);
    json = covey_event_to_json (fact);
    assert_non_null (strstr (json, "\"serial\":2"));
    assert_non_null (strstr (json, "\"publicKey\":\""));
    covey_free (json);
    s_end (c);
}

static void
test_a_mesh_may_take_only_signed_ballots (void **state)
{
    (void)state;
    covey_ballot_key_t key;
    s_key (1, &key);
    support_control_t *c = s_swarm ();
    assert_int_equal (support_call (c, "cli-1", "mesh.setLimits",
                                    "{\"unsignedBallots\":0,\"ballotKeys\":0}"),
                      COVEY_OK);
    assert_int_equal (s_propose (c, "v1", ""), COVEY_OK);
    assert_int_equal (s_vote (c, "bob", "v1", APPROVE), COVEY_DENIED);
    assert_non_null (strstr (c->err.text, "unsignedBallots=1"));
    assert_int_equal (s_vote_signed (c, &key, "approve", 1, APPROVE),
                      COVEY_LIMIT);
    assert_int_equal (
        support_call (c, "cli-1", "mesh.setLimits", "{\"ballotKeys\":1}"),
        COVEY_OK);
    assert_int_equal (s_vote_signed (c, &key, "approve", 1, APPROVE), COVEY_OK);
    assert_int_equal (
        s_vote (c, "ann", "v1", APPROVE ",\"signature\":\"AAAA\""),
        COVEY_INVALID);
    s_end (c);
}

static void
test_keys_and_signatures_are_saved (void **state)
{
    (void)state;
    covey_ballot_key_t key;
    s_key (1, &key);
    support_control_t *c = s_swarm ();
    assert_int_equal (s_propose (c, "v1", ""), COVEY_OK);
    assert_int_equal (s_vote_signed (c, &key, "approve", 1, APPROVE), COVEY_OK);
    covey_buf_t saved;
    covey_buf_init (&saved, SIZE_MAX);
    covey_state_t *loaded = NULL;
    assert_int_equal (covey_state_save (c->state, &saved), COVEY_OK);
    assert_int_equal (
        covey_state_load (saved.data, saved.size, NULL, &loaded, NULL),
        COVEY_OK);
    assert_true (covey_state_digest (loaded) == covey_state_digest (c->state));
    covey_state_destroy (&loaded);
    covey_buf_deinit (&saved);
    s_end (c);
}

static void
test_rules_that_do_not_fit_are_refused_and_open_nothing (void **state)
{
    (void)state;
    static const struct {
        const char *more, *why;
    } bad[] = {
        {",\"rule\":{\"threshold\":\"3/2\"}", "threshold"},
        {",\"rule\":{\"quorumShare\":\"half\"}", "quorumShare"},
        {",\"rule\":{\"quorumShare\":\"1/2\"},\"quorumSize\":2", "not both"},
        {",\"quorumSize\":4", "never be met"},
        {",\"rule\":{\"abstentions\":\"no\"}", "abstentions"},
        {",\"rule\":{\"silence\":\"default\"}", "silence"},
        {",\"rule\":{\"tie\":\"coin\"}", "tie"},
        {",\"rule\":{\"vetoHolders\":[\"dan\"]}", "dan"},
        {",\"rule\":{\"options\":[\"red\"]}", "no choice"},
        {",\"rule\":{\"options\":[\"red\",\"red\"]}", "twice"},
        {",\"rule\":{\"ranked\":true}", "options"},
        {",\"votingStrategy\":\"unanimous\",\"rule\":{\"threshold\":"
         "\"1/2\"}",
         "unanimous"},
    };
    support_control_t *c = s_swarm ();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal (s_propose (c, "v1", bad[i].more), COVEY_INVALID);
        if (!strstr (c->err.text, bad[i].why))
            fail_msg ("\"%s\" does not say %s", c->err.text, bad[i].why);
    }
    assert_int_equal (
        s_propose (c, "v1",
                   ",\"rule\":{\"options\":[\"a\",\"b\",\"c\",\"d\",\"e\","
                   "\"f\",\"g\",\"h\",\"i\",\"j\",\"k\",\"l\",\"m\","
                   "\"n\",\"o\",\"p\",\"q\"]}"),
        COVEY_LIMIT);
    assert_int_equal (
        support_call (c, "cli-1", "swarm.proposal", "{\"consensusId\":\"v1\"}"),
        COVEY_NOTFOUND);
    s_end (c);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_a_question_tells_its_rule_and_its_electorate),
        cmocka_unit_test (test_a_veto_ends_a_vote_and_a_final_ballot_stays),
        cmocka_unit_test (test_the_most_votes_win_and_the_option_is_named),
        cmocka_unit_test (test_rankings_are_kept_and_run_off_at_the_deadline),
        cmocka_unit_test (
            test_a_ballot_for_another_question_is_refused_and_told),
        cmocka_unit_test (
            test_a_signed_ballot_counts_and_a_forged_one_does_not),
        cmocka_unit_test (test_a_mesh_may_take_only_signed_ballots),
        cmocka_unit_test (test_keys_and_signatures_are_saved),
        cmocka_unit_test (
            test_rules_that_do_not_fit_are_refused_and_open_nothing),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
