/*  roster: what the node says of agents, one command at a time for each      */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "coordinator/roster.h"

static uint8_t s_node[16] = {1};
static uint8_t s_session[16] = {2};

static void
s_put (covey_roster_t *roster, const char *id, bool gone)
{
    Covey__Wire__AgentInfo info = COVEY__WIRE__AGENT_INFO__INIT;
    info.agent_id = (char *)id;
    info.has_node_id = info.has_session_id = true;
    info.node_id.data = s_node;
    info.session_id.data = s_session;
    info.node_id.len = info.session_id.len = 16;
    info.has_gone = info.gone = gone;
    covey_roster_put (roster, &info);
}

static void
test_who_is_said_to_be_up_is_due_for_two_steps (void **state)
{
    (void)state;
    covey_roster_t roster;
    covey_roster_init (&roster);
    s_put (&roster, "b", false);
    s_put (&roster, "a", false);
    s_put (&roster, "b", false);
    covey_roster_entry_t *entry = covey_roster_due (&roster);
    assert_string_equal (entry->info->agent_id, "b"); /* it came first        */
    assert_int_equal (entry->step, COVEY_ROSTER_IS_UP);
    covey_roster_pass (&roster, entry);
    assert_ptr_equal (covey_roster_due (&roster), entry);
    assert_int_equal (entry->step, COVEY_ROSTER_HAS_LOAD);
    covey_roster_pass (&roster, entry);
    assert_string_equal (covey_roster_due (&roster)->info->agent_id, "a");
    covey_roster_deinit (&roster);
}

static void
test_one_is_not_looked_at_while_a_command_is_under_way (void **state)
{
    (void)state;
    covey_roster_t roster;
    covey_roster_init (&roster);
    s_put (&roster, "a", false);
    covey_roster_entry_t *entry = covey_roster_due (&roster);
    covey_roster_sent (&roster, entry);
    assert_null (covey_roster_due (&roster));
    s_put (&roster, "a", false);
    assert_null (covey_roster_due (&roster));
    covey_roster_settle (&roster, entry);
    assert_ptr_equal (covey_roster_due (&roster), entry);
    assert_int_equal (entry->step, COVEY_ROSTER_IS_UP); /* for the news       */
    covey_roster_sent (&roster, entry);
    covey_roster_settle (&roster, entry);
    assert_int_equal (entry->step, COVEY_ROSTER_HAS_LOAD);
    covey_roster_sent (&roster, entry);
    covey_roster_settle (&roster, entry);
    assert_null (covey_roster_due (&roster)); /* and it ends                  */
    covey_roster_settle (&roster, entry);
    assert_null (covey_roster_due (&roster));
    covey_roster_deinit (&roster);
}

static void
test_who_is_missing_in_a_full_view_is_gone (void **state)
{
    (void)state;
    covey_roster_t roster;
    covey_roster_init (&roster);
    s_put (&roster, "a", false);
    s_put (&roster, "b", false);
    assert_false (roster.complete);
    covey_roster_end (&roster); /* none began                                 */
    assert_false (roster.complete);
    covey_roster_begin (&roster);
    s_put (&roster, "b", false);
    covey_roster_end (&roster);
    assert_true (roster.complete);
    assert_true (covey_roster_find (&roster, "a")->gone);
    assert_false (covey_roster_find (&roster, "b")->gone);
    covey_roster_drop (&roster, covey_roster_find (&roster, "a"));
    assert_null (covey_roster_find (&roster, "a"));
    covey_roster_deinit (&roster);
}

static void
test_a_new_leader_looks_at_all_again (void **state)
{
    (void)state;
    covey_roster_t roster;
    covey_roster_init (&roster);
    s_put (&roster, "a", false);
    s_put (&roster, "b", true);
    covey_roster_entry_t *entry;
    while ((entry = covey_roster_due (&roster)))
        covey_roster_pass (&roster, entry);
    covey_roster_review (&roster);
    assert_int_equal (roster.due.count, 2);
    assert_int_equal (covey_roster_due (&roster)->step, COVEY_ROSTER_IS_UP);
    covey_roster_deinit (&roster);
}

static void
test_clients_services_and_bad_ids_are_passed_over (void **state)
{
    (void)state;
    covey_roster_t roster;
    covey_roster_init (&roster);
    s_put (&roster, "no id", false);
    s_put (&roster, "no id", true);
    Covey__Wire__AgentInfo info = COVEY__WIRE__AGENT_INFO__INIT;
    info.agent_id = (char *)"nowhere";
    covey_roster_put (&roster, &info);
    info.has_node_id = info.has_session_id = true;
    info.node_id.data = s_node;
    info.session_id.data = s_session;
    info.node_id.len = info.session_id.len = 16;
    info.has_client = info.client = true;
    covey_roster_put (&roster, &info);
    info.client = false;
    info.service = (char *)"persister";
    covey_roster_put (&roster, &info);
    assert_int_equal (roster.entries.count, 0);
    covey_roster_deinit (&roster);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_who_is_said_to_be_up_is_due_for_two_steps),
        cmocka_unit_test (
            test_one_is_not_looked_at_while_a_command_is_under_way),
        cmocka_unit_test (test_who_is_missing_in_a_full_view_is_gone),
        cmocka_unit_test (test_a_new_leader_looks_at_all_again),
        cmocka_unit_test (test_clients_services_and_bad_ids_are_passed_over),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
