/*  proposal: who may vote, until when, and that it is decided once           */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "swarm/proposal.h"

static covey_proposal_t *
s_open_rule (covey_rule_t rule, bool veto, size_t voters)
{
    static covey_voter_t electorate[COVEY_VOTERS_MAX];
    for (size_t i = 0; i < voters; i++) {
        /* not in the order of their names */
        snprintf (electorate[i].agent_id, sizeof electorate[i].agent_id,
                  "m%04zu", voters - 1 - i);
        electorate[i].weight = COVEY_WEIGHT_ONE;
        electorate[i].veto = veto && i % 2 == 0;
        electorate[i].leads = i == 0;
    }
    covey_proposal_args_t args = {.id = "p1",
                                  .swarm_id = "s1",
                                  .proposer = "m0000",
                                  .content = COVEY_CONTENT_TEXT,
                                  .data = "paint it?",
                                  .size = 9,
                                  .rule = rule,
                                  .opened_us = 1000,
                                  .deadline_us = 2000,
                                  .voters = electorate,
                                  .voter_count = voters,
                                  .swarm_version = 3};
    covey_proposal_t *proposal = NULL;
    covey_errbuf_t err;
    covey_err_t code = covey_proposal_new (&args, &proposal, &err);
    /* what it was made of may be gone at once */
    memset (electorate, 0, sizeof electorate);
    return code ? NULL : proposal;
}

static covey_proposal_t *
s_open (covey_strategy_t strategy, uint32_t quorum, size_t voters)
{
    return s_open_rule (
        (covey_rule_t){.strategy = strategy, .quorum_size = quorum}, false,
        voters);
}

static covey_err_t
s_cast (covey_proposal_t *self, const char *agent_id, covey_vote_t vote,
        int64_t now_us, covey_errbuf_t *err)
{
    covey_ballot_args_t ballot = {.agent_id = agent_id,
                                  .stance.vote = (uint8_t)vote,
                                  .reason = "because"};
    return covey_proposal_cast (self, &ballot, now_us, err);
}

static void
test_a_ballot_that_decides_ends_the_vote (void **state)
{
    (void)state;
    covey_errbuf_t err;
    covey_proposal_t *p = s_open (COVEY_STRATEGY_MAJORITY, 0, 3);
    assert_int_equal (s_cast (p, "m0000", COVEY_VOTE_APPROVE, 1100, &err), 0);
    assert_false (covey_proposal_step (p, 1100));
    assert_int_equal (s_cast (p, "m0002", COVEY_VOTE_APPROVE, 1200, &err), 0);
    assert_true (covey_proposal_step (p, 1200));
    assert_false (covey_proposal_step (p, 1300));
    assert_int_equal (covey_proposal_decision (p)->outcome,
                      COVEY_OUTCOME_ACCEPTED);
    assert_int_equal (covey_proposal_decided_us (p), 1200);
    assert_int_equal (s_cast (p, "m0001", COVEY_VOTE_REJECT, 1300, &err),
                      COVEY_STATE);
    assert_non_null (strstr (err.text, "late"));
    assert_int_equal (covey_proposal_ballot_count (p), 2);
    covey_proposal_destroy (&p);
    assert_null (p);
}

static void
test_all_ballots_are_kept_and_the_last_of_a_voter_counts (void **state)
{
    (void)state;
    covey_errbuf_t err;
    covey_proposal_t *p = s_open (COVEY_STRATEGY_MAJORITY, 0, 3);
    assert_int_equal (s_cast (p, "m0001", COVEY_VOTE_REJECT, 1100, &err), 0);
    assert_int_equal (s_cast (p, "m0001", COVEY_VOTE_ABSTAIN, 1101, &err), 0);
    assert_int_equal (s_cast (p, "m0001", COVEY_VOTE_APPROVE, 1102, &err), 0);
    assert_int_equal (covey_proposal_ballot_count (p), 3);
    assert_false (covey_proposal_ballot (p, 0)->counts);
    assert_false (covey_proposal_ballot (p, 1)->counts);
    assert_true (covey_proposal_ballot (p, 2)->counts);
    assert_int_equal (covey_count_cast (covey_proposal_count (p)), 1);
    assert_int_equal (covey_proposal_count (p)->members[COVEY_VOTE_APPROVE], 1);
    assert_true (covey_proposal_has_voted (p, 1));
    assert_false (covey_proposal_has_voted (p, 0));
    covey_proposal_destroy (&p);
}

static void
test_who_is_not_in_the_electorate_is_denied_with_a_reason (void **state)
{
    (void)state;
    covey_errbuf_t err;
    covey_proposal_t *p = s_open (COVEY_STRATEGY_MAJORITY, 0, 3);
    assert_int_equal (s_cast (p, "m0009", COVEY_VOTE_APPROVE, 1100, &err),
                      COVEY_DENIED);
    assert_non_null (strstr (err.text, "m0009"));
    assert_int_equal (covey_proposal_ballot_count (p), 0);
    assert_int_equal (covey_proposal_voter (p, "m0002"), 2);
    assert_int_equal (covey_proposal_voter (p, ""), -1);
    covey_proposal_destroy (&p);
}

static void
test_a_ballot_at_the_deadline_is_late_and_one_before_counts (void **state)
{
    (void)state;
    covey_errbuf_t err;
    covey_proposal_t *p = s_open (COVEY_STRATEGY_MAJORITY, 0, 3);
    assert_int_equal (s_cast (p, "m0000", COVEY_VOTE_APPROVE, 1999, &err), 0);
    assert_false (covey_proposal_step (p, 1999));
    assert_int_equal (s_cast (p, "m0001", COVEY_VOTE_APPROVE, 2000, &err),
                      COVEY_STATE);
    assert_true (covey_proposal_step (p, 2000));
    assert_int_equal (covey_proposal_decision (p)->outcome,
                      COVEY_OUTCOME_EXPIRED);
    covey_proposal_destroy (&p);
}

static void
test_a_voter_can_change_its_mind_only_so_often (void **state)
{
    (void)state;
    covey_errbuf_t err;
    covey_proposal_t *p = s_open (COVEY_STRATEGY_MAJORITY, 0, 3);
    for (int i = 0; i < COVEY_BALLOTS_PER_VOTER_MAX; i++)
        assert_int_equal (
            s_cast (p, "m0000", (covey_vote_t)(i % 3), 1100, &err), 0);
    assert_int_equal (s_cast (p, "m0000", COVEY_VOTE_APPROVE, 1100, &err),
                      COVEY_LIMIT);
    assert_int_equal (s_cast (p, "m0001", COVEY_VOTE_APPROVE, 1100, &err), 0);
    covey_proposal_destroy (&p);
}

static void
test_quorums_that_make_no_sense_are_refused_at_the_opening (void **state)
{
    (void)state;
    assert_null (s_open (COVEY_STRATEGY_QUORUM, 4, 3));
    assert_null (s_open (COVEY_STRATEGY_MAJORITY, 4, 3));
    assert_null (s_open (COVEY_STRATEGY_MAJORITY, 0, 0));
    covey_proposal_t *p = s_open (COVEY_STRATEGY_QUORUM, 3, 3);
    assert_non_null (p);
    covey_proposal_destroy (&p);
    p = s_open (COVEY_STRATEGY_QUORUM, 0, 4);
    assert_int_equal (covey_proposal_args (p)->rule.quorum_size, 3);
    covey_proposal_destroy (&p);
}

static void
test_a_final_ballot_cannot_be_changed (void **state)
{
    (void)state;
    covey_errbuf_t err;
    covey_proposal_t *p = s_open_rule ((covey_rule_t){.final = true}, false, 3);
    assert_int_equal (s_cast (p, "m0000", COVEY_VOTE_REJECT, 1100, &err), 0);
    assert_int_equal (s_cast (p, "m0000", COVEY_VOTE_APPROVE, 1100, &err),
                      COVEY_STATE);
    assert_non_null (strstr (err.text, "cannot be changed"));
    assert_int_equal (covey_proposal_ballot_count (p), 1);
    assert_int_equal (s_cast (p, "m0001", COVEY_VOTE_APPROVE, 1100, &err), 0);
    covey_proposal_destroy (&p);
}

static void
test_options_are_kept_and_the_winner_is_named (void **state)
{
    (void)state;
    covey_errbuf_t err;
    char red[] = "red", blue[] = "blue";
    const char *names[] = {red, blue};
    covey_proposal_t *p = s_open_rule (
        (covey_rule_t){.options = names, .option_count = 2}, false, 3);
    red[0] = blue[0] = 'x'; /* what it was made of may change */
    assert_string_equal (covey_proposal_args (p)->rule.options[1], "blue");
    covey_ballot_args_t ballot = {.agent_id = "m0001",
                                  .stance = {.ranked = 1, .options = {1}}};
    assert_int_equal (covey_proposal_cast (p, &ballot, 1100, &err), 0);
    assert_int_equal (s_cast (p, "m0002", COVEY_VOTE_REJECT, 1100, &err),
                      COVEY_INVALID);
    ballot.agent_id = "m0002";
    assert_false (covey_proposal_step (p, 1100));
    assert_int_equal (covey_proposal_cast (p, &ballot, 1100, &err), 0);
    assert_true (covey_proposal_step (p, 1100));
    assert_int_equal (covey_proposal_decision (p)->winner, 1);
    covey_proposal_destroy (&p);
}

static void
test_a_ballot_for_another_question_or_electorate_is_refused (void **state)
{
    (void)state;
    covey_errbuf_t err;
    covey_proposal_t *p = s_open (COVEY_STRATEGY_MAJORITY, 0, 3);
    covey_ballot_args_t ballot = {
        .agent_id = "m0001", .hash = covey_proposal_hash (p), .version = 3};
    assert_int_equal (covey_proposal_cast (p, &ballot, 1100, &err), 0);
    ballot.version = 2;
    assert_int_equal (covey_proposal_cast (p, &ballot, 1100, &err),
                      COVEY_STATE);
    assert_non_null (strstr (err.text, "electorate version 2"));
    ballot.version = 0;
    ballot.hash = "00";
    assert_int_equal (covey_proposal_cast (p, &ballot, 1100, &err),
                      COVEY_STATE);
    assert_non_null (strstr (err.text, "another question"));
    assert_int_equal (covey_proposal_ballot_count (p), 1);
    covey_proposal_destroy (&p);
}

/*  The hashes were computed from docs/voting.md by another program.         */
static void
test_the_hash_of_a_question_is_what_the_document_says (void **state)
{
    (void)state;
    const char *names[] = {"red", "blue"};
    covey_proposal_t *p = s_open (COVEY_STRATEGY_MAJORITY, 0, 3);
    assert_string_equal (
        covey_proposal_hash (p),
        "5ab31c5d345868f1bd2746811d9d54ac9233d007e9fa5a124b9de6e3d3812106");
    covey_proposal_destroy (&p);
    p = s_open_rule ((covey_rule_t){.strategy = COVEY_STRATEGY_WEIGHTED,
                                    .threshold = {{2, 3}, false},
                                    .quorum_share = {50, 100},
                                    .abstentions = COVEY_PART_ASIDE,
                                    .tie = COVEY_TIE_LEADER,
                                    .final = true,
                                    .options = names,
                                    .option_count = 2},
                     true, 3);
    assert_string_equal (
        covey_proposal_hash (p),
        "df9bd050bd16f59cc88f418ca584949bf780316c3c24e5e5aea0ee5c024dfbdd");
    covey_proposal_destroy (&p);
}

static void
test_a_withdrawn_proposal_is_decided_and_stays_so (void **state)
{
    (void)state;
    covey_errbuf_t err;
    covey_proposal_t *p = s_open (COVEY_STRATEGY_MAJORITY, 0, 1);
    assert_int_equal (covey_proposal_withdraw (p, "not needed", 1500, &err), 0);
    assert_string_equal (covey_proposal_decision (p)->reason, "not needed");
    assert_int_equal (covey_proposal_withdraw (p, "again", 1600, &err),
                      COVEY_STATE);
    assert_false (covey_proposal_step (p, 9999));
    assert_int_equal (covey_proposal_decided_us (p), 1500);
    covey_proposal_destroy (&p);
}

static void
test_the_largest_electorate_votes (void **state)
{
    (void)state;
    covey_errbuf_t err;
    covey_proposal_t *p =
        s_open (COVEY_STRATEGY_UNANIMOUS, 0, COVEY_VOTERS_MAX);
    for (size_t i = 0; i < COVEY_VOTERS_MAX; i++) {
        char id[16];
        snprintf (id, sizeof id, "m%04zu", i);
        assert_false (covey_proposal_step (p, 1500));
        assert_int_equal (s_cast (p, id, COVEY_VOTE_APPROVE, 1500, &err), 0);
    }
    assert_true (covey_proposal_step (p, 1500));
    assert_int_equal (covey_proposal_decision (p)->outcome,
                      COVEY_OUTCOME_ACCEPTED);
    covey_proposal_destroy (&p);
}

/*  Whoever was trusted to look at a signature is believed for just what it
    signs; for anything else it is looked at.                                 */
static void
test_a_vouched_signature_is_good_for_that_ballot_alone (void **state)
{
    (void)state;
    covey_errbuf_t err;
    covey_proposal_t *p = s_open (COVEY_STRATEGY_UNANIMOUS, 0, 3);
    const uint8_t seed[COVEY_SEED_SIZE] = {1};
    uint8_t vouched[COVEY_SEALED_SIZE];
    covey_ballot_key_t key;
    covey_seal_t seal;
    const covey_sealed_t sealed = {.hash = covey_proposal_hash (p),
                                   .version = 3,
                                   .agent_id = "m0001",
                                   .weight = COVEY_WEIGHT_ONE,
                                   .vote = "approve",
                                   .serial = 1};
    covey_ballot_args_t ballot = {
        .agent_id = "m0001", .stance.vote = COVEY_VOTE_APPROVE, .seal = &seal};
    covey_ballot_key_make (seed, &key);
    covey_seal_sign (&sealed, &key, &seal);
    assert_true (covey_proposal_vouch (p, &ballot, vouched));
    seal.signature[0] ^= 1; /* to see that nobody looks at it */
    assert_int_equal (covey_proposal_check_seal (p, &ballot, &err),
                      COVEY_DENIED);
    ballot.vouched = vouched;
    assert_int_equal (covey_proposal_check_seal (p, &ballot, &err), COVEY_OK);
    ballot.stance.vote = COVEY_VOTE_REJECT;
    assert_int_equal (covey_proposal_check_seal (p, &ballot, &err),
                      COVEY_DENIED);
    ballot.stance.vote = COVEY_VOTE_APPROVE;
    assert_int_equal (covey_proposal_cast (p, &ballot, 1100, &err), COVEY_OK);
    assert_int_equal (covey_proposal_check_seal (p, &ballot, &err),
                      COVEY_DENIED); /* the second would sign another number */
    uint8_t again[COVEY_SEALED_SIZE];
    assert_false (covey_proposal_vouch (p, &ballot, again));
    covey_proposal_destroy (&p);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_a_ballot_that_decides_ends_the_vote),
        cmocka_unit_test (
            test_all_ballots_are_kept_and_the_last_of_a_voter_counts),
        cmocka_unit_test (
            test_who_is_not_in_the_electorate_is_denied_with_a_reason),
        cmocka_unit_test (
            test_a_ballot_at_the_deadline_is_late_and_one_before_counts),
        cmocka_unit_test (test_a_voter_can_change_its_mind_only_so_often),
        cmocka_unit_test (
            test_quorums_that_make_no_sense_are_refused_at_the_opening),
        cmocka_unit_test (test_a_final_ballot_cannot_be_changed),
        cmocka_unit_test (test_options_are_kept_and_the_winner_is_named),
        cmocka_unit_test (
            test_a_ballot_for_another_question_or_electorate_is_refused),
        cmocka_unit_test (
            test_the_hash_of_a_question_is_what_the_document_says),
        cmocka_unit_test (test_a_withdrawn_proposal_is_decided_and_stays_so),
        cmocka_unit_test (test_the_largest_electorate_votes),
        cmocka_unit_test (
            test_a_vouched_signature_is_good_for_that_ballot_alone),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
