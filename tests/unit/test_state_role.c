/*  state: roles, who holds them and who takes over                           */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../support/support_control.h"
#include "coordinator/roles.h"

static void
s_claim (support_control_t *c, const char *node, const char *holder)
{
    assert_int_equal (support_call (c, "k", "mesh.role.claim",
                                    "{\"role\":\"persister\",\"node\":\"%s\","
                                    "\"ttl\":6000}",
                                    node),
                      COVEY_OK);
    assert_string_equal (support_reply (c, "node"), holder);
    for (size_t i = 0; i < c->effects.fact_count; i++)
        assert_int_equal (covey_event_validate (c->effects.facts[i]), COVEY_OK);
}

static const char *
s_list (support_control_t *c)
{
    assert_int_equal (support_call (c, "k", "mesh.role.list", "{}"), COVEY_OK);
    return (const char *)c->reply.data;
}

static void
test_the_first_holds_and_the_next_takes_over (void **state)
{
    (void)state;
    support_control_t *c = support_control_new (NULL);
    s_claim (c, "n1", "n1");
    int64_t epoch = support_reply_int (c, "epoch");
    assert_int_equal (support_fact_count (c, COVEY_EVENT_SYSTEM_INFO), 1);
    s_claim (c, "n2", "n1");
    s_claim (c, "n3", "n1");
    assert_non_null (strstr (s_list (c), "\"standbys\":[{\"node\":\"n2\""));
    support_tick (c, 4000);
    s_claim (c, "n1", "n1"); /* renewed: the epoch stays */
    assert_int_equal (support_reply_int (c, "epoch"), epoch);
    s_claim (c, "n3", "n1");
    support_tick (c, 3000); /* n2 did not renew: it stands by no more */
    assert_null (strstr (s_list (c), "n2"));
    support_tick (c, 3100); /* n1 and n3 end together: nobody is left */
    assert_non_null (strstr (s_list (c), "\"node\":\"n1\""));
    assert_non_null (strstr (s_list (c), "\"overdue\":true"));
    s_claim (c, "n2", "n2"); /* who comes then has it at once */
    assert_true (support_reply_int (c, "epoch") > epoch);
    assert_int_equal (support_fact_count (c, COVEY_EVENT_SYSTEM_INFO), 1);
    epoch = support_reply_int (c, "epoch");
    s_claim (c, "n1", "n2");
    support_tick (c, 5000);
    s_claim (c, "n1", "n2");
    support_tick (c, 1500); /* n2 is gone, n1 renewed */
    assert_non_null (strstr (s_list (c), "\"node\":\"n1\""));
    s_claim (c, "n1", "n1");
    assert_true (support_reply_int (c, "epoch") > epoch);
    support_control_end (c);
}

static void
test_release_hands_over_at_once (void **state)
{
    (void)state;
    support_control_t *c = support_control_new (NULL);
    s_claim (c, "n1", "n1");
    s_claim (c, "n2", "n1");
    assert_int_equal (support_call (c, "k", "mesh.role.release",
                                    "{\"role\":\"persister\",\"node\":\"n1\"}"),
                      COVEY_OK);
    assert_string_equal (support_reply (c, "node"), "n2");
    assert_int_equal (support_call (c, "k", "mesh.role.release",
                                    "{\"role\":\"persister\",\"node\":\"n1\"}"),
                      COVEY_NOTFOUND);
    assert_int_equal (support_call (c, "k", "mesh.role.release",
                                    "{\"role\":\"persister\",\"node\":\"n2\"}"),
                      COVEY_OK);
    assert_string_equal (s_list (c), "{\"roles\":[]}");
    /* an agent speaks for nobody else */
    support_agent_up (c, "ann", "worker", "", 1);
    assert_int_equal (support_call (c, "ann", "mesh.role.claim",
                                    "{\"role\":\"r\",\"node\":\"n1\"}"),
                      COVEY_DENIED);
    for (int i = 0; i <= COVEY_ROLE_SEATS_MAX; i++)
        assert_int_equal (support_call (c, "k", "mesh.role.claim",
                                        "{\"role\":\"r\",\"node\":\"n%d\"}", i),
                          i < COVEY_ROLE_SEATS_MAX ? COVEY_OK : COVEY_EAGAIN);
    support_control_end (c);
}

/*  A lease ends and its successor gives up in one command: two holders, two
    epochs.                                                                   */
static void
test_no_two_holders_have_one_epoch (void **state)
{
    (void)state;
    support_control_t *c = support_control_new (NULL);
    s_claim (c, "n1", "n1");
    support_tick (c, 1000);
    s_claim (c, "n2", "n1");
    s_claim (c, "n3", "n1");
    c->now_us += 5000000;
    assert_int_equal (support_call (c, "k", "mesh.role.release",
                                    "{\"role\":\"persister\",\"node\":"
                                    "\"n2\"}"),
                      COVEY_OK);
    const covey_event_t *second = support_fact (c, COVEY_EVENT_SYSTEM_INFO, 0);
    const covey_event_t *third = support_fact (c, COVEY_EVENT_SYSTEM_INFO, 1);
    assert_string_equal (covey_event_metadata (second, "node"), "n2");
    assert_string_equal (covey_event_metadata (third, "node"), "n3");
    assert_true (strtoull (covey_event_metadata (third, "epoch"), NULL, 10) >
                 strtoull (covey_event_metadata (second, "epoch"), NULL, 10));
    support_control_end (c);
}

static void
test_swarm_leaders_are_roles (void **state)
{
    (void)state;
    support_control_t *c = support_control_new (NULL);
    support_agent_up (c, "ann", "worker", "", 1);
    assert_int_equal (support_call (c, "k", "swarm.form",
                                    "{\"swarmId\":\"s\",\"members\":["
                                    "{\"agentId\":\"ann\"},{\"agentId\":"
                                    "\"bob\"}]}"),
                      COVEY_OK);
    assert_non_null (
        strstr (s_list (c), "\"role\":\"swarm:s\",\"node\":\"ann\""));
    support_control_end (c);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_the_first_holds_and_the_next_takes_over),
        cmocka_unit_test (test_release_hands_over_at_once),
        cmocka_unit_test (test_no_two_holders_have_one_epoch),
        cmocka_unit_test (test_swarm_leaders_are_roles),
    };
    return cmocka_run_group_tests_name ("state_role", tests, NULL, NULL);
}
