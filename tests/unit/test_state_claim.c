/*  state: claims, from commands to facts and what callers see                */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../support/support_control.h"
#include "coordinator/claims.h"
#include "coordinator/glob.h"

static support_control_t *
s_new (void)
{
    support_control_t *c = support_control_new (NULL);
    support_agent_up (c, "ann", "worker", "", 1);
    support_agent_up (c, "bob", "worker", "", 1);
    return c;
}

static covey_err_t
s_acquire (support_control_t *c, const char *who, const char *id,
           const char *more)
{
    covey_err_t code = support_call (c, who, "mesh.claim.acquire",
                                     "{\"claimId\":\"%s\",%s}", id, more);
    for (size_t i = 0; i < c->effects.fact_count; i++)
        if (covey_event_validate (c->effects.facts[i]))
            fail_msg ("fact %d: %s", covey_event_type (c->effects.facts[i]),
                      covey_error ());
    return code;
}

static void
s_says (const support_control_t *c, const char *part)
{
    if (!strstr (c->err.text, part))
        fail_msg ("\"%s\" lacks \"%s\"", c->err.text, part);
}

static const char *
s_state_of (support_control_t *c, const char *id)
{
    assert_int_equal (support_call (c, "cli-1", "mesh.claim.show",
                                    "{\"claimId\":\"%s\"}", id),
                      COVEY_OK);
    return support_reply (c, "state");
}

static void
test_a_claim_is_held_and_others_are_told_by_whom (void **state)
{
    (void)state;
    support_control_t *c = s_new ();
    assert_int_equal (
        s_acquire (c, "ann", "l1",
                   "\"paths\":[\"./src//*.c\"],\"names\":[\"port:80\"],"
                   "\"purpose\":\"rename\",\"taskId\":\"t1\""),
        COVEY_OK);
    assert_string_equal (support_reply (c, "state"), "held");
    assert_string_equal (support_reply (c, "holder"), "ann");
    uint64_t token = (uint64_t)support_reply_int (c, "fencingToken");
    assert_true (token > 0);
    assert_int_equal (support_fact_count (c, COVEY_EVENT_CLAIM_GRANTED), 1);
    const covey_event_t *fact = support_fact (c, COVEY_EVENT_CLAIM_GRANTED, 0);
    assert_string_equal (covey_event_str_at (fact, "paths", 0), "src/*.c");
    assert_string_equal (covey_event_correlation_id (fact), "l1");
    assert_int_equal (covey_event_target_count (fact), 0);

    assert_int_equal (s_acquire (c, "bob", "l2", "\"paths\":[\"src/main.c\"]"),
                      COVEY_BUSY);
    s_says (c, "src/*.c is held by ann until ");
    s_says (c, ": rename");
    assert_int_equal (
        s_acquire (c, "bob", "l2", "\"names\":[\"port:81\"],\"paths\":[\"x\"]"),
        COVEY_OK);
    assert_true ((uint64_t)support_reply_int (c, "fencingToken") > token);
    /* its own holder it does not keep off */
    assert_int_equal (s_acquire (c, "ann", "l3", "\"paths\":[\"src/main.c\"]"),
                      COVEY_OK);
    assert_int_equal (s_acquire (c, "ann", "l3", "\"names\":[\"y\"]"),
                      COVEY_EXISTS);
    support_control_end (c);
}

static void
test_who_waits_gets_its_turn_in_order (void **state)
{
    (void)state;
    support_control_t *c = s_new ();
    support_agent_up (c, "cid", "worker", "", 1);
    const char *names = "\"names\":[\"x\"]";
    char more[100];
    assert_int_equal (s_acquire (c, "ann", "l1",
                                 "\"names\":[\"x\"],"
                                 "\"shared\":true"),
                      COVEY_OK);
    snprintf (more, sizeof more, "%s,\"wait\":20000", names);
    assert_int_equal (s_acquire (c, "bob", "l2", more), COVEY_OK);
    assert_string_equal (support_reply (c, "state"), "waiting");
    assert_int_equal (support_fact_count (c, COVEY_EVENT_CLAIM_WAITING), 2);
    const covey_event_t *fact = support_fact (c, COVEY_EVENT_CLAIM_WAITING, 1);
    assert_string_equal (covey_event_target (fact, 0), "ann");
    assert_string_equal (covey_event_str_at (fact, "heldBy", 0), "ann");
    /* a shared one would fit, but somebody was earlier */
    snprintf (more, sizeof more, "%s,\"shared\":true", names);
    assert_int_equal (s_acquire (c, "cid", "l3", more), COVEY_BUSY);
    s_says (c, "x: bob waits for it and was earlier");
    snprintf (more, sizeof more, "%s,\"shared\":true,\"wait\":20000", names);
    assert_int_equal (s_acquire (c, "cid", "l3", more), COVEY_OK);
    assert_string_equal (support_reply (c, "state"), "waiting");
    assert_int_equal (
        support_call (c, "ann", "mesh.claim.release", "{\"claimId\":\"l1\"}"),
        COVEY_OK);
    assert_string_equal (support_reply (c, "state"), "released");
    fact = support_fact (c, COVEY_EVENT_CLAIM_GRANTED, 1);
    assert_string_equal (covey_event_target (fact, 0), "bob");
    assert_string_equal (s_state_of (c, "l2"), "held");
    assert_string_equal (s_state_of (c, "l3"), "waiting");
    /* bob is lost: what it holds runs out, then cid has it */
    support_agent_down (c, "bob");
    assert_string_equal (s_state_of (c, "l2"), "held");
    assert_int_equal (
        support_call (c, "cid", "mesh.claim.renew", "{\"claimId\":\"l3\"}"),
        COVEY_OK);
    support_tick (c, COVEY_CLAIM_TTL_MS - 15000);
    assert_int_equal (
        support_call (c, "cid", "mesh.claim.renew", "{\"claimId\":\"l3\"}"),
        COVEY_OK);
    assert_string_equal (support_reply (c, "state"), "waiting");
    support_tick (c, 4900);
    assert_string_equal (s_state_of (c, "l3"), "waiting");
    support_tick (c, 200);
    assert_string_equal (s_state_of (c, "l3"), "expired");
    support_tick (c, 20000);
    assert_string_equal (s_state_of (c, "l2"), "expired");
    support_control_end (c);
}

static void
test_leases_are_renewed_and_fenced (void **state)
{
    (void)state;
    support_control_t *c = s_new ();
    assert_int_equal (
        s_acquire (c, "ann", "l1", "\"names\":[\"x\"],\"ttl\":2000"), COVEY_OK);
    uint64_t token = (uint64_t)support_reply_int (c, "fencingToken");
    support_tick (c, 1500);
    assert_int_equal (support_call (c, "ann", "mesh.claim.renew",
                                    "{\"claimId\":\"l1\",\"fencingToken\":%llu,"
                                    "\"ttl\":3000}",
                                    (unsigned long long)token),
                      COVEY_OK);
    assert_int_equal (
        support_call (c, "ann", "mesh.claim.renew",
                      "{\"claimId\":\"l1\",\"fencingToken\":%llu}",
                      (unsigned long long)token + 1),
        COVEY_FENCED);
    assert_int_equal (
        support_call (c, "bob", "mesh.claim.renew", "{\"claimId\":\"l1\"}"),
        COVEY_DENIED);
    support_tick (c, 2900);
    assert_string_equal (s_state_of (c, "l1"), "held");
    support_tick (c, 200);
    assert_int_equal (support_fact_count (c, COVEY_EVENT_CLAIM_EXPIRED), 2);
    assert_int_equal (
        support_call (c, "ann", "mesh.claim.renew", "{\"claimId\":\"l1\"}"),
        COVEY_FENCED);
    s_says (c, "it was not renewed within 3000 ms");
    assert_int_equal (
        support_call (c, "ann", "mesh.claim.release", "{\"claimId\":\"l1\"}"),
        COVEY_STATE);
    assert_int_equal (
        support_call (c, "ann", "mesh.claim.renew", "{\"claimId\":\"nope\"}"),
        COVEY_NOTFOUND);
    support_control_end (c);
}

/*  While no coordinator ran nobody could renew.                              */
static void
test_leases_begin_anew_with_a_coordinator (void **state)
{
    (void)state;
    support_control_t *c = s_new ();
    assert_int_equal (
        s_acquire (c, "ann", "l1", "\"names\":[\"x\"],\"ttl\":2000"), COVEY_OK);
    c->now_us += 60000000;
    Covey__Control__Tick tick = COVEY__CONTROL__TICK__INIT;
    tick.has_resumed = tick.resumed = true;
    Covey__Control__Command command = COVEY__CONTROL__COMMAND__INIT;
    command.op_case = COVEY__CONTROL__COMMAND__OP_TICK;
    command.tick = &tick;
    support_apply (c, &command);
    assert_string_equal (s_state_of (c, "l1"), "held");
    support_tick (c, 2100);
    assert_string_equal (s_state_of (c, "l1"), "expired");
    support_control_end (c);
}

static void
test_a_claim_that_would_wait_for_itself_is_refused (void **state)
{
    (void)state;
    support_control_t *c = s_new ();
    support_agent_up (c, "cid", "worker", "", 1);
    assert_int_equal (s_acquire (c, "ann", "l1", "\"names\":[\"x\"]"),
                      COVEY_OK);
    assert_int_equal (s_acquire (c, "bob", "l2", "\"paths\":[\"a/*.c\"]"),
                      COVEY_OK);
    assert_int_equal (s_acquire (c, "cid", "l3", "\"names\":[\"y\"]"),
                      COVEY_OK);
    assert_int_equal (
        s_acquire (c, "ann", "l4", "\"paths\":[\"a/\"],\"wait\":9000"),
        COVEY_OK);
    assert_int_equal (
        s_acquire (c, "bob", "l5", "\"names\":[\"y\"],\"wait\":9000"),
        COVEY_OK);
    assert_int_equal (
        s_acquire (c, "cid", "l6", "\"names\":[\"x\"],\"wait\":9000"),
        COVEY_STATE);
    s_says (c, "cid would wait for ann (x), who waits for bob (a/*.c), who "
               "waits for cid (y)");
    /* what ann has it may have once more, past who waits */
    assert_int_equal (
        s_acquire (c, "bob", "l7", "\"paths\":[\"a/b.c\"],\"wait\":9000"),
        COVEY_OK);
    assert_string_equal (support_reply (c, "state"), "held");
    support_control_end (c);
}

static void
test_release_by_name_by_force_and_at_the_end_of_a_session (void **state)
{
    (void)state;
    support_control_t *c = s_new ();
    assert_int_equal (
        s_acquire (c, "ann", "l1", "\"names\":[\"x\",\"y\"],\"ttl\":2000"),
        COVEY_OK);
    assert_int_equal (
        support_call (c, "ann", "mesh.claim.release", "{\"names\":[\"x\"]}"),
        COVEY_STATE);
    s_says (c, "claim l1 is on more than that");
    assert_int_equal (
        support_call (c, "ann", "mesh.claim.release", "{\"names\":[\"z\"]}"),
        COVEY_NOTFOUND);
    s_says (c, "ann has no claim on z");
    assert_int_equal (
        support_call (c, "bob", "mesh.claim.release", "{\"claimId\":\"l1\"}"),
        COVEY_DENIED);
    s_says (c, "claim l1 is ann's, not bob's");
    assert_int_equal (support_call (c, "bob", "mesh.claim.release",
                                    "{\"claimId\":\"l1\",\"force\":true,"
                                    "\"reason\":\"mine\"}"),
                      COVEY_DENIED);
    assert_int_equal (support_call (c, "cli-1", "mesh.claim.release",
                                    "{\"claimId\":\"l1\",\"force\":true}"),
                      COVEY_INVALID);
    assert_int_equal (support_call (c, "cli-1", "mesh.claim.release",
                                    "{\"names\":[\"y\",\"x\"],\"force\":true,"
                                    "\"reason\":\"ann is stuck\"}"),
                      COVEY_OK);
    const covey_event_t *fact = support_fact (c, COVEY_EVENT_CLAIM_RELEASED, 1);
    assert_string_equal (covey_event_target (fact, 0), "ann");
    assert_string_equal (covey_event_str (fact, "by"), "cli-1");
    assert_string_equal (covey_event_str (fact, "reason"), "ann is stuck");

    assert_int_equal (s_acquire (c, "ann", "l2", "\"names\":[\"x\"]"),
                      COVEY_OK);
    assert_int_equal (
        s_acquire (c, "bob", "l3", "\"names\":[\"x\"],\"wait\":9000"),
        COVEY_OK);
    support_agent_down_as (c, "ann", true);
    assert_string_equal (s_state_of (c, "l2"), "released");
    assert_string_equal (s_state_of (c, "l3"), "held");
    support_control_end (c);
}

static void
test_check_and_list_say_who_has_what (void **state)
{
    (void)state;
    support_control_t *c = s_new ();
    assert_int_equal (s_acquire (c, "ann", "l1", "\"paths\":[\"src/\"]"),
                      COVEY_OK);
    assert_int_equal (
        s_acquire (c, "bob", "l2", "\"paths\":[\"src/a.c\"],\"wait\":9000"),
        COVEY_OK);
    const char *check = "mesh.claim.check";
    assert_int_equal (support_call (c, "cli-1", check,
                                    "{\"paths\":[\"src/a.c\"],"
                                    "\"holder\":\"bob\"}"),
                      COVEY_OK);
    assert_string_equal (support_reply (c, "free"), "false");
    assert_string_equal (support_reply (c, "mine"), "false");
    assert_non_null (strstr ((char *)c->reply.data, "\"holder\":\"ann\""));
    assert_int_equal (support_call (c, "cli-1", check,
                                    "{\"paths\":[\"src/a.c\"],"
                                    "\"holder\":\"ann\"}"),
                      COVEY_OK);
    assert_string_equal (support_reply (c, "free"), "true");
    assert_string_equal (support_reply (c, "mine"), "true");
    assert_int_equal (
        support_call (c, "cli-1", check, "{\"paths\":[\"doc/a\"]}"), COVEY_OK);
    assert_string_equal (support_reply (c, "free"), "true");
    assert_null (strstr ((char *)c->reply.data, "others"));

    assert_int_equal (support_call (c, "cli-1", "mesh.claim.list",
                                    "{\"paths\":[\"src/a*\"],\"limit\":1}"),
                      COVEY_OK);
    assert_string_equal (support_reply (c, "next"), "l1");
    assert_int_equal (
        support_call (c, "cli-1", "mesh.claim.list", "{\"after\":\"l1\"}"),
        COVEY_OK);
    assert_non_null (strstr ((char *)c->reply.data, "\"waitsFor\":[{"));
    assert_int_equal (
        support_call (c, "cli-1", "mesh.claim.list", "{\"state\":\"gone\"}"),
        COVEY_INVALID);
    assert_int_equal (
        support_call (c, "cli-1", "mesh.claim.list", "{\"after\":\"nope\"}"),
        COVEY_NOTFOUND);
    support_control_end (c);
}

static void
test_what_breaks_a_bound_is_refused (void **state)
{
    (void)state;
    support_control_t *c = s_new ();
    static const struct {
        const char *more;
        covey_err_t code;
        const char *says;
    } cases[] = {
        {"\"purpose\":\"x\"", COVEY_INVALID, "nothing is named"},
        {"\"paths\":[\"a/../b\"]", COVEY_INVALID, "\"..\""},
        {"\"paths\":[\"a[\"]", COVEY_INVALID, "not closed"},
        {"\"names\":[\"\"]", COVEY_INVALID, "names is empty"},
        {"\"names\":[\"x\"],\"ttl\":10", COVEY_INVALID, "ttl is 10"},
        {"\"names\":[\"x\"],\"wait\":-1", COVEY_INVALID, "wait is -1"},
        {"\"names\":[\"x\"],\"holder\":\"a b\"", COVEY_INVALID, "holder"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal (s_acquire (c, "ann", "l1", cases[i].more),
                          cases[i].code);
        s_says (c, cases[i].says);
    }
    assert_int_equal (
        s_acquire (c, "ann", "l1", "\"names\":[\"x\"],\"holder\":\"bob\""),
        COVEY_DENIED);
    char id[16];
    for (int i = 0; i < COVEY_CLAIM_PER_HOLDER_MAX; i++) {
        snprintf (id, sizeof id, "n%d", i);
        assert_int_equal (s_acquire (c, "ann", id, "\"names\":[\"x\"]"),
                          COVEY_OK);
    }
    assert_int_equal (s_acquire (c, "ann", "more", "\"names\":[\"x\"]"),
                      COVEY_EAGAIN);
    s_says (c, "ann has 256 claims");
    support_control_end (c);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_a_claim_is_held_and_others_are_told_by_whom),
        cmocka_unit_test (test_who_waits_gets_its_turn_in_order),
        cmocka_unit_test (test_leases_are_renewed_and_fenced),
        cmocka_unit_test (test_leases_begin_anew_with_a_coordinator),
        cmocka_unit_test (test_a_claim_that_would_wait_for_itself_is_refused),
        cmocka_unit_test (
            test_release_by_name_by_force_and_at_the_end_of_a_session),
        cmocka_unit_test (test_check_and_list_say_who_has_what),
        cmocka_unit_test (test_what_breaks_a_bound_is_refused),
    };
    return cmocka_run_group_tests_name ("state_claim", tests, NULL, NULL);
}
