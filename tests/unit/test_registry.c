/*  registry: sessions begin and end; generations and limits                  */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "coordinator/registry.h"

static covey_worker_t *
s_up (covey_registry_t *registry, const char *id, uint8_t session,
      uint64_t generation)
{
    uint8_t bytes[16], node[16] = {1};
    char *capabilities[] = {"zip", "count", "zip"};
    memset (bytes, session, sizeof bytes);
    Covey__Control__AgentUp up = COVEY__CONTROL__AGENT_UP__INIT;
    up.agent_id = (char *)id;
    up.n_capabilities = 3;
    up.capabilities = capabilities;
    up.session_id = (ProtobufCBinaryData){16, bytes};
    up.node_id = (ProtobufCBinaryData){16, node};
    return covey_registry_up (registry, &up, generation, 1000);
}

static void
test_an_agent_is_found_up_with_what_it_offers (void **state)
{
    (void)state;
    covey_registry_t registry;
    covey_registry_init (&registry);
    covey_worker_t *worker = s_up (&registry, "a", 1, 5);
    assert_ptr_equal (covey_registry_find_up (&registry, "a"), worker);
    assert_null (covey_registry_find (&registry, "b"));
    assert_int_equal (worker->generation, 5);
    assert_int_equal (worker->slots, 1);
    assert_int_equal (worker->capabilities.count, 2); /* sorted, no doubles */
    assert_string_equal (worker->capabilities.items[0], "count");
    assert_string_equal (covey_worker_state_name (worker), "ready");
    covey_registry_deinit (&registry);
}

static void
test_a_new_session_is_a_new_generation_and_the_same_one_is_not (void **state)
{
    (void)state;
    covey_registry_t registry;
    covey_registry_init (&registry);
    covey_worker_t *worker = s_up (&registry, "a", 1, 5);
    assert_int_equal (s_up (&registry, "a", 1, 6)->generation, 5);
    covey_registry_down (&registry, worker, false, 2000);
    assert_string_equal (covey_worker_state_name (worker), "lost");
    assert_null (covey_registry_find_up (&registry, "a"));
    assert_ptr_equal (covey_registry_find (&registry, "a"), worker);
    assert_int_equal (s_up (&registry, "a", 2, 7)->generation, 7);
    assert_int_equal (registry.up_count, 1);
    assert_int_equal (registry.down.count, 0);
    covey_registry_down (&registry, worker, true, 3000);
    assert_string_equal (covey_worker_state_name (worker), "terminated");
    covey_registry_deinit (&registry);
}

static void
test_of_those_that_are_gone_the_oldest_are_forgotten (void **state)
{
    (void)state;
    covey_registry_t registry;
    covey_registry_init (&registry);
    for (int i = 0; i <= COVEY_REGISTRY_DOWN_MAX; i++) {
        char id[16];
        snprintf (id, sizeof id, "a%d", i);
        covey_registry_down (&registry, s_up (&registry, id, 1, 1), false, i);
    }
    assert_int_equal (registry.down.count, COVEY_REGISTRY_DOWN_MAX);
    assert_null (covey_registry_find (&registry, "a0"));
    assert_non_null (covey_registry_find (&registry, "a1"));
    covey_registry_deinit (&registry);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_an_agent_is_found_up_with_what_it_offers),
        cmocka_unit_test (
            test_a_new_session_is_a_new_generation_and_the_same_one_is_not),
        cmocka_unit_test (test_of_those_that_are_gone_the_oldest_are_forgotten),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
