/*  fellows: nodes by name and id, coordinators by rank                       */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "coordinator/fellows.h"

static covey_id_t
s_id (uint8_t number)
{
    covey_id_t id = {{0}};
    id.bytes[15] = number;
    return id;
}

static void
s_node (covey_fellows_t *fellows, uint8_t number, const char *name, bool alive)
{
    covey_id_t id = s_id (number);
    Covey__Wire__NodeInfo info = COVEY__WIRE__NODE_INFO__INIT;
    info.node_id.data = id.bytes;
    info.node_id.len = 16;
    info.name = (char *)name;
    info.has_state = true;
    info.state = alive ? COVEY__WIRE__NODE_STATE__NODE_ALIVE
                       : COVEY__WIRE__NODE_STATE__NODE_FAILED;
    covey_fellows_node (fellows, &info);
}

static void
s_service (covey_fellows_t *fellows, uint8_t number, uint64_t rank)
{
    covey_id_t id = s_id (number);
    Covey__Wire__AgentInfo info = COVEY__WIRE__AGENT_INFO__INIT;
    info.agent_id = info.service = (char *)"coordinator";
    info.has_node_id = true;
    info.node_id.data = id.bytes;
    info.node_id.len = 16;
    info.has_rank = true;
    info.rank = rank;
    covey_fellows_service (fellows, &info);
}

static void
test_the_highest_rank_that_is_alive_is_in_charge (void **state)
{
    (void)state;
    covey_fellows_t fellows;
    covey_fellows_init (&fellows);
    assert_null (covey_fellows_in_charge (&fellows));
    for (uint8_t i = 1; i <= 3; i++) {
        s_node (&fellows, i, "n", true);
        s_service (&fellows, i, 0);
    }
    assert_int_equal (covey_fellows_in_charge (&fellows)->node_id.bytes[15], 1);
    s_service (&fellows, 2, 4);
    s_service (&fellows, 3, 5);
    assert_int_equal (covey_fellows_in_charge (&fellows)->node_id.bytes[15], 3);
    s_node (&fellows, 3, "n", false);
    assert_int_equal (covey_fellows_in_charge (&fellows)->node_id.bytes[15], 2);
    /* Not in the next full view: it serves no more. */
    covey_fellows_begin (&fellows);
    s_service (&fellows, 1, 0);
    covey_fellows_end (&fellows);
    assert_int_equal (covey_fellows_in_charge (&fellows)->node_id.bytes[15], 1);
    covey_fellows_deinit (&fellows);
}

static void
test_nodes_are_found_by_name_or_id (void **state)
{
    (void)state;
    covey_fellows_t fellows;
    covey_errbuf_t err;
    const covey_fellow_t *found = NULL;
    covey_fellows_init (&fellows);
    s_node (&fellows, 1, "alpha", true);
    s_node (&fellows, 2, "beta", false);
    s_node (&fellows, 3, "beta", true); /* the name of one that is gone       */
    assert_int_equal (covey_fellows_resolve (&fellows, "beta", &found, &err),
                      COVEY_OK);
    assert_int_equal (found->node_id.bytes[15], 3);
    assert_int_equal (
        covey_fellows_resolve (&fellows, "00000000-0000-0000-0000-000000000002",
                               &found, &err),
        COVEY_OK);
    assert_int_equal (found->node_id.bytes[15], 2);
    assert_int_equal (covey_fellows_resolve (&fellows, "alpa", &found, &err),
                      COVEY_NOTFOUND);
    assert_non_null (strstr (err.text, "did you mean \"alpha\"?"));
    s_node (&fellows, 2, "beta", true);
    assert_int_equal (covey_fellows_resolve (&fellows, "beta", &found, &err),
                      COVEY_INVALID);
    assert_non_null (strstr (err.text, "its id"));
    covey_fellows_deinit (&fellows);
}

static void
test_what_it_says_of_itself_is_kept (void **state)
{
    (void)state;
    covey_fellows_t fellows;
    covey_fellows_init (&fellows);
    covey_id_t id = s_id (7), cluster = s_id (9);
    Covey__Control__Presence presence = COVEY__CONTROL__PRESENCE__INIT;
    assert_int_equal (covey_fellows_heard (&fellows, &id, &presence, 100, 5),
                      COVEY_INVALID); /* member 0 is nobody                   */
    presence.member_id = 77;
    presence.has_cluster = true;
    presence.cluster.data = cluster.bytes;
    presence.cluster.len = 15;
    assert_int_equal (covey_fellows_heard (&fellows, &id, &presence, 100, 5),
                      COVEY_INVALID);
    assert_null (covey_fellows_find (&fellows, &id));
    presence.cluster.len = 16;
    presence.has_now_us = true;
    presence.now_us = 130;
    assert_int_equal (covey_fellows_heard (&fellows, &id, &presence, 100, 5),
                      COVEY_OK);
    const covey_fellow_t *fellow = covey_fellows_find (&fellows, &id);
    assert_int_equal (fellow->member_id, 77);
    assert_int_equal (fellow->skew_us, 30);
    assert_int_equal (fellow->heard_ms, 5);
    assert_memory_equal (&fellow->cluster, &cluster, 16);
    char text[37];
    assert_string_equal (covey_fellows_name (&fellows, &id, text),
                         "00000000-0000-0000-0000-000000000007");
    covey_fellows_deinit (&fellows);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_the_highest_rank_that_is_alive_is_in_charge),
        cmocka_unit_test (test_nodes_are_found_by_name_or_id),
        cmocka_unit_test (test_what_it_says_of_itself_is_kept),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
