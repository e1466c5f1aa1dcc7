/*  Persister and coordinator, played by the test, on one of two nodes.      */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/json.h"
#include "tests/support/support_node.h"

typedef struct {
    covey_node_actor_t *nodes[2];
    support_crowd_t crowd;
} fixture_t;

static int
s_setup (void **state)
{
    fixture_t *self = calloc (1, sizeof *self);
    self->nodes[0] = support_node ("alpha", NULL);
    self->nodes[1] =
        support_node ("beta", covey_node_actor_endpoint (self->nodes[0]));
    support_nodes_wait (self->nodes[0], 2);
    support_nodes_wait (self->nodes[1], 2);
    *state = self;
    return 0;
}

static int
s_teardown (void **state)
{
    fixture_t *self = *state;
    support_crowd_end (&self->crowd);
    covey_node_actor_destroy (&self->nodes[0]);
    covey_node_actor_destroy (&self->nodes[1]);
    free (self);
    return 0;
}

static support_agent_t *
s_service (fixture_t *self, int node, const char *name)
{
    Covey__Wire__Hello hello = COVEY__WIRE__HELLO__INIT;
    hello.service = (char *)name;
    return support_agent_at (&self->crowd,
                             covey_node_actor_inproc (self->nodes[node]), name,
                             &hello);
}

static void
test_events_of_both_nodes_are_stored (void **state)
{
    fixture_t *self = *state;
    support_agent_t *persister = s_service (self, 0, "persister");
    persister->on_frame = support_persist;
    support_agent_t *a = support_agent (&self->crowd, self->nodes[0], "a");
    support_agent_t *b = support_agent (&self->crowd, self->nodes[1], "b");
    support_agents_wait (self->nodes[0], 2);
    support_agents_wait (self->nodes[1], 2);
    for (int i = 0; i < 3000; i++) {
        support_agent_publish (a, support_message (a, "b", "x"),
                               COVEY_LEVEL_STORED, 5000);
        support_agent_publish (b, support_message (b, "a", "x"),
                               COVEY_LEVEL_STORED, 5000);
    }
    support_until (&self->crowd, a->stored == 3000 && b->stored == 3000);
    assert_true (a->stored_offset > 0 && b->stored_offset > 0);
    char *status = support_ask (&self->crowd, b, "node", "mesh.status", NULL);
    assert_int_equal (support_json_int (status, "outbox"), 0);
    free (status);
}

static void
test_nothing_accepted_is_lost_with_the_persister (void **state)
{
    fixture_t *self = *state;
    support_agent_t *persister = s_service (self, 0, "persister");
    /* It takes frames and never answers: killed before its commit. */
    support_agent_t *b = support_agent (&self->crowd, self->nodes[1], "b");
    for (int i = 0; i < 500; i++)
        support_agent_publish (b, support_message (b, NULL, "x"),
                               COVEY_LEVEL_STORED, 5000);
    support_until (&self->crowd, persister->frames > 0 && b->accepted == 500);
    assert_int_equal (b->stored, 0);
    support_agent_kill (&self->crowd, persister);
    persister = s_service (self, 0, "persister");
    persister->on_frame = support_persist;
    support_until (&self->crowd, b->stored == 500);
}

static void
test_persister_that_moves_gets_what_is_left (void **state)
{
    fixture_t *self = *state;
    support_agent_t *b = support_agent (&self->crowd, self->nodes[1], "b");
    for (int i = 0; i < 500; i++)
        support_agent_publish (b, support_message (b, NULL, "x"),
                               COVEY_LEVEL_STORED, 5000);
    support_until (&self->crowd, b->accepted == 500);
    support_agent_t *first = s_service (self, 0, "persister");
    support_until (&self->crowd, first->frames > 0);
    support_agent_bye (&self->crowd, first);
    support_agent_t *second = s_service (self, 1, "persister");
    second->on_frame = support_persist;
    support_until (&self->crowd, b->stored == 500);
}

static void
test_expected_number_is_sent_again (void **state)
{
    fixture_t *self = *state;
    support_agent_t *persister = s_service (self, 0, "persister");
    int skip = 2; /* the first frames are lost: a gap for the persister       */
    persister->arg = &skip;
    persister->on_frame = support_persist;
    support_agent_t *b = support_agent (&self->crowd, self->nodes[1], "b");
    for (int i = 0; i < 2000; i++)
        support_agent_publish (b, support_message (b, NULL, "x"),
                               COVEY_LEVEL_STORED, 5000);
    support_until (&self->crowd, b->stored == 2000);
    assert_int_equal (skip, 0);
}

static void
s_on_view (support_agent_t *self, const covey_frame_t *frame)
{
    if (frame->kind != COVEY_FRAME_VIEW)
        return;
    Covey__Wire__View *view = (Covey__Wire__View *)covey_wire_unpack (
        &covey__wire__view__descriptor, frame->header, frame->header_size);
    char *log = self->arg;
    for (size_t i = 0; i < view->n_agents; i++) {
        size_t used = strlen (log);
        snprintf (log + used, 1000 - used, "%s%s ",
                  view->agents[i]->gone ? "-" : "+", view->agents[i]->agent_id);
    }
    for (size_t i = 0; i < view->n_nodes; i++) {
        size_t used = strlen (log);
        snprintf (log + used, 1000 - used, "%s%s=%d ",
                  view->full && i == 0 ? "*" : "", view->nodes[i]->name,
                  (int)view->nodes[i]->state);
    }
    protobuf_c_message_free_unpacked (&view->base, NULL);
}

static void
test_coordinator_sees_agents_and_nodes_come_and_go (void **state)
{
    fixture_t *self = *state;
    char log[1000] = "";
    support_agent_t *early = support_agent (&self->crowd, self->nodes[1], "e");
    support_agents_wait (self->nodes[0], 1);
    Covey__Wire__Hello hello = COVEY__WIRE__HELLO__INIT;
    hello.service = (char *)"coordinator";
    support_agent_t *coordinator = support_agent_dial (
        &self->crowd, covey_node_actor_inproc (self->nodes[0]), "coordinator",
        &hello);
    coordinator->arg = log;
    coordinator->on_frame = s_on_view;
    support_until (&self->crowd, strstr (log, "+e "));
    assert_non_null (strstr (log, "*alpha=0 beta=0 "));
    support_agent_t *late = support_agent (&self->crowd, self->nodes[1], "l");
    support_until (&self->crowd, strstr (log, "+l "));
    support_agent_bye (&self->crowd, late);
    support_until (&self->crowd, strstr (log, "-l "));
    covey_node_actor_destroy (&self->nodes[1]);
    support_until (&self->crowd, strstr (log, "-e "));
    support_until (&self->crowd, strstr (log, "beta=2 "));
    (void)early;
}

/*  A coordinator that knows one swarm, with the agent "m" in it.            */
static void
s_on_request (support_agent_t *self, const covey_peek_t *view)
{
    if (view->type != COVEY_EVENT_REQUEST)
        return;
    covey_event_t *request;
    assert_int_equal (
        covey_event_unpack (view->bytes, view->size, &request, NULL), COVEY_OK);
    assert_string_equal (covey_event_str (request, "method"), "swarm.list");
    static const char answer[] =
        "{\"swarms\":[{\"id\":\"s\",\"state\":\"active\","
        "\"members\":[{\"agentId\":\"m\"}]}]}";
    support_agent_publish (self,
                           covey_event_response (request, "coordinator",
                                                 COVEY_CONTENT_JSON, answer,
                                                 strlen (answer)),
                           COVEY_LEVEL_ACCEPTED, 0);
    covey_event_destroy (&request);
}

static void
test_swarm_broadcasts_reach_members_everywhere (void **state)
{
    fixture_t *self = *state;
    support_agent_t *coordinator = s_service (self, 0, "coordinator");
    coordinator->on_event = s_on_request;
    support_agent_t *a = support_agent (&self->crowd, self->nodes[0], "a");
    support_agent_t *m = support_agent (&self->crowd, self->nodes[1], "m");
    support_agent_t *n = support_agent (&self->crowd, self->nodes[1], "n");
    /* Both nodes ask the coordinator for the swarms by themselves. */
    for (int i = 0; i < 2; i++) {
        support_agent_t *asker = i ? m : a;
        int64_t swarms = 0;
        while (swarms != 1) {
            char *status =
                support_ask (&self->crowd, asker, "node", "mesh.status", NULL);
            swarms = support_json_int (status, "swarms");
            free (status);
        }
    }
    size_t before_m = m->events_seen, before_n = n->events_seen;
    covey_event_t *event = support_broadcast (a, "t");
    assert_int_equal (covey_event_set_str (event, "scope", "swarm"), COVEY_OK);
    assert_int_equal (covey_event_set_str (event, "swarmId", "s"), COVEY_OK);
    support_agent_publish (a, event, COVEY_LEVEL_ACCEPTED, 0);
    support_until (&self->crowd, m->events_seen == before_m + 1);
    /* And learn facts: n joins. */
    covey_event_t *fact = covey_event_new (COVEY_EVENT_SWARM_JOINED);
    assert_int_equal (covey_event_set_source (fact, "n"), COVEY_OK);
    assert_int_equal (covey_event_set_str (fact, "swarmId", "s"), COVEY_OK);
    assert_int_equal (covey_event_set_str (fact, "agentId", "n"), COVEY_OK);
    support_agent_publish (coordinator, fact, COVEY_LEVEL_ACCEPTED, 0);
    support_until (&self->crowd, coordinator->accepted > 0);
    event = support_broadcast (a, "t");
    assert_int_equal (covey_event_set_str (event, "scope", "swarm"), COVEY_OK);
    assert_int_equal (covey_event_set_str (event, "swarmId", "s"), COVEY_OK);
    support_agent_publish (a, event, COVEY_LEVEL_ACCEPTED, 0);
    support_until (&self->crowd, m->events_seen == before_m + 2 &&
                                     n->events_seen == before_n + 1);
}

int
main (void)
{
#define CASE(name) cmocka_unit_test_setup_teardown (name, s_setup, s_teardown)
    const struct CMUnitTest tests[] = {
        CASE (test_events_of_both_nodes_are_stored),
        CASE (test_nothing_accepted_is_lost_with_the_persister),
        CASE (test_persister_that_moves_gets_what_is_left),
        CASE (test_expected_number_is_sent_again),
        CASE (test_coordinator_sees_agents_and_nodes_come_and_go),
        CASE (test_swarm_broadcasts_reach_members_everywhere),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
