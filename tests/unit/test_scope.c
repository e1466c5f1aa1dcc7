#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "node/fields.h"
#include "node/scope.h"
#include "proto/event.h"
#include "tests/support/support_parcel.h"

static int
s_setup (void **state)
{
    *state = covey_scope_new ();
    return 0;
}

static int
s_teardown (void **state)
{
    covey_scopes_t *scopes = *state;
    covey_scope_destroy (&scopes);
    return 0;
}

static void
s_learn (covey_scopes_t *scopes, int type, const char *data)
{
    char json[512];
    covey_errbuf_t err;
    covey_event_t *event;
    snprintf (json, sizeof json,
              "{\"type\":\"%s\",\"source\":\"coordinator\",\"data\":%s}",
              covey_event_type_name (type), data);
    if (covey_event_parse_json (json, strlen (json), &event, &err))
        fail_msg ("%s", err.text);
    covey_parcel_t *parcel = support_parcel (event);
    assert_true (covey_scope_learn (scopes, &parcel->view));
    covey_parcel_drop (&parcel);
}

static bool
s_is_member (const covey_scopes_t *scopes, const char *swarm, const char *agent)
{
    covey_slice_t id = {.text = swarm, .size = strlen (swarm)};
    return covey_scope_is_member (scopes, id, agent);
}

static void
test_facts_make_and_end_membership (void **state)
{
    covey_scopes_t *scopes = *state;
    s_learn (scopes, COVEY_EVENT_SWARM_FORMED,
             "{\"swarmId\":\"s\",\"objective\":\"o\",\"strategy\":\"x\","
             "\"initialMembers\":[\"a\",\"b\"]}");
    assert_true (s_is_member (scopes, "s", "a"));
    assert_true (s_is_member (scopes, "s", "b"));
    assert_false (s_is_member (scopes, "s", "c"));
    assert_false (s_is_member (scopes, "other", "a"));
    s_learn (scopes, COVEY_EVENT_SWARM_JOINED,
             "{\"swarmId\":\"s\",\"agentId\":\"c\"}");
    s_learn (scopes, COVEY_EVENT_SWARM_LEFT,
             "{\"swarmId\":\"s\",\"agentId\":\"a\"}");
    assert_true (s_is_member (scopes, "s", "c"));
    assert_false (s_is_member (scopes, "s", "a"));
    s_learn (scopes, COVEY_EVENT_SWARM_DISBANDED,
             "{\"swarmId\":\"s\",\"reason\":\"done\"}");
    assert_false (s_is_member (scopes, "s", "c"));
    assert_int_equal (covey_scope_swarms (scopes), 0);
    covey_parcel_t *other = support_parcel_message ("a", NULL);
    assert_false (covey_scope_learn (scopes, &other->view));
    covey_parcel_drop (&other);
}

static void
test_list_of_the_coordinator_is_exact (void **state)
{
    covey_scopes_t *scopes = *state;
    s_learn (scopes, COVEY_EVENT_SWARM_JOINED,
             "{\"swarmId\":\"s\",\"agentId\":\"old\"}");
    Covey__Control__WeightedMember member =
        COVEY__CONTROL__WEIGHTED_MEMBER__INIT;
    Covey__Control__WeightedMember *members[] = {&member};
    Covey__Control__SwarmView one = COVEY__CONTROL__SWARM_VIEW__INIT;
    Covey__Control__SwarmView two = COVEY__CONTROL__SWARM_VIEW__INIT;
    Covey__Control__SwarmView *views[] = {&one, &two};
    Covey__Control__SwarmList list = COVEY__CONTROL__SWARM_LIST__INIT;
    member.agent_id = (char *)"new";
    one.id = (char *)"s";
    one.members = members;
    one.n_members = 1;
    two.id = (char *)"gone";
    two.state = (char *)"disbanded";
    list.swarms = views;
    list.n_swarms = 2;
    covey_scope_learn_list (scopes, &list);
    assert_true (s_is_member (scopes, "s", "new"));
    assert_false (s_is_member (scopes, "s", "old"));
    assert_int_equal (covey_scope_swarms (scopes), 1);
}

/*  Scope and filter, and which of the agents of the test are selected.      */
static const struct {
    const char *data;
    const char *selected;
} s_rows[] = {
    {"\"scope\":\"global\"", "w r "},
    {"\"scope\":\"type\",\"filter\":{\"agentTypes\":[\"x\",\"worker\"]}", "w "},
    {"\"scope\":\"type\"", ""},
    {"\"scope\":\"swarm\",\"swarmId\":\"s\"", "w "},
    {"\"scope\":\"swarm\",\"swarmId\":\"none\"", ""},
    {"\"scope\":\"custom\",\"filter\":{\"capabilities\":[\"cpu\"]}", "w r "},
    {"\"scope\":\"custom\",\"filter\":{\"capabilities\":[\"cpu\",\"gpu\"]}",
     "w "},
    {"\"scope\":\"custom\",\"filter\":{\"tags\":[\"eu\"],"
     "\"agentTypes\":[\"reviewer\"]}",
     ""},
    {"\"scope\":\"custom\",\"filter\":{\"tags\":[\"eu\"],"
     "\"agentTypes\":[\"worker\"],\"capabilities\":[\"gpu\"]}",
     "w "},
};

static void
test_scopes_and_filters_select (void **state)
{
    covey_scopes_t *scopes = *state;
    s_learn (scopes, COVEY_EVENT_SWARM_JOINED,
             "{\"swarmId\":\"s\",\"agentId\":\"w\"}");
    char *capabilities[] = {(char *)"cpu", (char *)"gpu"};
    char *tags[] = {(char *)"eu"};
    covey_directory_entry_t agents[] = {
        {.id = (char *)"w",
         .type = (char *)"worker",
         .service = (char *)"",
         .capabilities = capabilities,
         .capability_count = 2,
         .tags = tags,
         .tag_count = 1},
        {.id = (char *)"r",
         .type = (char *)"reviewer",
         .service = (char *)"",
         .capabilities = capabilities,
         .capability_count = 1},
        {.id = (char *)"cli",
         .type = (char *)"worker",
         .service = (char *)"",
         .client = true},
        {.id = (char *)"persister",
         .type = (char *)"worker",
         .service = (char *)"persister"},
        {.id = (char *)"me", .type = (char *)"worker", .service = (char *)""},
    };
    for (size_t i = 0; i < sizeof s_rows / sizeof s_rows[0]; i++) {
        char json[512], selected[64] = "";
        covey_errbuf_t err;
        covey_event_t *event;
        snprintf (json, sizeof json,
                  "{\"type\":\"broadcast\",\"source\":\"me\",\"data\":{"
                  "\"topic\":\"t\",\"content\":\"x\",%s}}",
                  s_rows[i].data);
        if (covey_event_parse_json (json, strlen (json), &event, &err))
            fail_msg ("row %zu: %s", i, err.text);
        covey_parcel_t *parcel = support_parcel (event);
        covey_scope_query_t query;
        covey_scope_read (&parcel->view, &query);
        for (size_t a = 0; a < sizeof agents / sizeof agents[0]; a++)
            if (covey_scope_selects (scopes, &query, &agents[a])) {
                size_t used = strlen (selected);
                snprintf (selected + used, sizeof selected - used, "%s ",
                          agents[a].id);
            }
        if (strcmp (selected, s_rows[i].selected) != 0)
            fail_msg ("row %zu: \"%s\" instead of \"%s\"", i, selected,
                      s_rows[i].selected);
        covey_parcel_drop (&parcel);
    }
}

static void
test_field_numbers_are_those_of_the_schema (void **state)
{
    (void)state;
    covey_event_t *event = covey_event_new (COVEY_EVENT_REQUEST);
    assert_int_equal (covey_event_set_source (event, "a"), COVEY_OK);
    assert_int_equal (covey_event_set_str (event, "requestId", "r9"), COVEY_OK);
    assert_int_equal (covey_event_set_str (event, "method", "do"), COVEY_OK);
    covey_parcel_t *parcel = support_parcel (event);
    assert_true (covey_slice_equal (
        covey_field_bytes (parcel->view.data, COVEY_FIELD_REQUEST_ID), "r9"));
    assert_true (covey_slice_equal (
        covey_field_bytes (parcel->view.data, COVEY_FIELD_REQUEST_METHOD),
        "do"));
    covey_parcel_drop (&parcel);
    event = covey_event_new (COVEY_EVENT_AGENT_READY);
    assert_int_equal (covey_event_set_source (event, "a"), COVEY_OK);
    assert_int_equal (covey_event_set_str (event, "agentId", "a"), COVEY_OK);
    assert_int_equal (covey_event_set_int (event, "availableCapacity", 42),
                      COVEY_OK);
    assert_int_equal (covey_event_set_int (event, "currentTasks", 7), COVEY_OK);
    parcel = support_parcel (event);
    assert_int_equal (
        covey_field_number (parcel->view.data, COVEY_FIELD_READY_CAPACITY, 0),
        42);
    assert_int_equal (
        covey_field_number (parcel->view.data, COVEY_FIELD_READY_TASKS, 0), 7);
    assert_int_equal (covey_field_number (parcel->view.data, 99, 3), 3);
    covey_parcel_drop (&parcel);
    event = covey_event_new (COVEY_EVENT_AGENT_BUSY);
    assert_int_equal (covey_event_set_source (event, "a"), COVEY_OK);
    assert_int_equal (covey_event_set_str (event, "agentId", "a"), COVEY_OK);
    assert_int_equal (covey_event_set_int (event, "currentTasks", 5), COVEY_OK);
    parcel = support_parcel (event);
    assert_int_equal (
        covey_field_number (parcel->view.data, COVEY_FIELD_BUSY_TASKS, 0), 5);
    covey_parcel_drop (&parcel);
}

int
main (void)
{
#define CASE(name) cmocka_unit_test_setup_teardown (name, s_setup, s_teardown)
    const struct CMUnitTest tests[] = {
        CASE (test_facts_make_and_end_membership),
        CASE (test_list_of_the_coordinator_is_exact),
        CASE (test_scopes_and_filters_select),
        CASE (test_field_numbers_are_those_of_the_schema),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
