/*  Two and three nodes in one process: joining, routing, leaving, dying,
    coming back.                                                              */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <czmq.h>

#include "tests/support/support_node.h"

#define NODES_MAX 4

typedef struct {
    covey_node_actor_t *nodes[NODES_MAX];
    support_crowd_t crowd;
} fixture_t;

static int
s_setup (void **state)
{
    fixture_t *self = calloc (1, sizeof *self);
    *state = self;
    return 0;
}

static int
s_teardown (void **state)
{
    fixture_t *self = *state;
    support_crowd_end (&self->crowd);
    for (size_t i = 0; i < NODES_MAX; i++)
        covey_node_actor_destroy (&self->nodes[i]);
    free (self);
    return 0;
}

static void
s_mesh (fixture_t *self, size_t count)
{
    static const char *const names[] = {"alpha", "beta", "gamma", "delta"};
    for (size_t i = 0; i < count; i++)
        self->nodes[i] = support_node (
            names[i], i ? covey_node_actor_endpoint (self->nodes[0]) : NULL);
    for (size_t i = 0; i < count; i++)
        support_nodes_wait (self->nodes[i], count);
}

static int64_t
s_status (fixture_t *self, support_agent_t *agent, const char *key)
{
    char *json = support_ask (&self->crowd, agent, "node", "mesh.status", NULL);
    int64_t value = support_json_int (json, key);
    free (json);
    return value;
}

static void
test_one_address_makes_a_full_mesh (void **state)
{
    fixture_t *self = *state;
    s_mesh (self, 4);
    support_agent_t *a = support_agent (&self->crowd, self->nodes[3], "a");
    char *nodes = support_ask (&self->crowd, a, "node", "mesh.nodes", NULL);
    assert_non_null (strstr (nodes, "\"name\":\"alpha\""));
    assert_non_null (strstr (nodes, "\"name\":\"beta\""));
    assert_non_null (strstr (nodes, "\"name\":\"gamma\""));
    free (nodes);
}

static void
test_messages_cross_nodes_in_order (void **state)
{
    fixture_t *self = *state;
    s_mesh (self, 2);
    support_agent_t *a = support_agent (&self->crowd, self->nodes[0], "a");
    support_agent_t *b = support_agent (&self->crowd, self->nodes[1], "b");
    support_agents_wait (self->nodes[0], 2);
    for (int i = 0; i < 2000; i++) {
        char text[16];
        snprintf (text, sizeof text, "%d", i);
        support_agent_publish (a, support_message (a, "b", text),
                               COVEY_LEVEL_ACCEPTED, 5000);
    }
    support_until (&self->crowd, b->event_count == 2000 && a->accepted == 2000);
    for (int i = 0; i < 2000; i++) {
        covey_content_t content;
        const char *text =
            covey_event_payload (b->events[i], "content", &content, NULL);
        assert_int_equal (strtol (text, NULL, 10), i);
    }
}

static void
test_one_event_for_agents_on_several_nodes (void **state)
{
    fixture_t *self = *state;
    s_mesh (self, 3);
    support_agent_t *a = support_agent (&self->crowd, self->nodes[0], "a");
    support_agent_t *b = support_agent (&self->crowd, self->nodes[1], "b");
    support_agent_t *c = support_agent (&self->crowd, self->nodes[1], "c");
    support_agent_t *d = support_agent (&self->crowd, self->nodes[2], "d");
    support_agents_wait (self->nodes[0], 4);
    covey_event_t *event = support_message (a, "b", "x");
    assert_int_equal (covey_event_add_target (event, "c"), COVEY_OK);
    assert_int_equal (covey_event_add_target (event, "d"), COVEY_OK);
    assert_int_equal (covey_event_add_target (event, "a"), COVEY_OK);
    support_agent_publish (a, event, COVEY_LEVEL_ACCEPTED, 0);
    support_until (&self->crowd, a->event_count && b->event_count &&
                                     c->event_count && d->event_count);
    support_pump_for (&self->crowd, 50);
    assert_int_equal (a->event_count, 1);
    assert_int_equal (b->event_count, 1);
    assert_int_equal (c->event_count, 1);
    assert_int_equal (d->event_count, 1);
}

static void
test_broadcasts_reach_agents_of_all_nodes (void **state)
{
    fixture_t *self = *state;
    s_mesh (self, 3);
    support_agent_t *a = support_agent (&self->crowd, self->nodes[0], "a");
    support_agent_t *b = support_agent (&self->crowd, self->nodes[1], "b");
    support_agent_t *c = support_agent (&self->crowd, self->nodes[2], "c");
    for (int i = 0; i < 500; i++)
        support_agent_publish (a, support_broadcast (a, "t"),
                               COVEY_LEVEL_ACCEPTED, 5000);
    support_until (&self->crowd,
                   b->event_count == 500 && c->event_count == 500);
    assert_int_equal (a->event_count, 0);
}

static void
test_subscribed_means_that_nothing_is_missed (void **state)
{
    fixture_t *self = *state;
    s_mesh (self, 3);
    support_agent_t *a = support_agent (&self->crowd, self->nodes[0], "a");
    support_agent_t *b = support_agent (&self->crowd, self->nodes[1], "b");
    support_agent_t *c = support_agent (&self->crowd, self->nodes[2], "c");
    for (uint32_t round = 1; round <= 20; round++) {
        int type = COVEY_EVENT_MEMORY_STORED + (int)(round % 4);
        covey_session_unsubscribe_all (b->session);
        b->subscribed = 0;
        support_agent_subscribe (b, round, COVEY_EVENT_MESSAGE_SENT, false);
        support_agent_subscribe (b, round + 100, type, false);
        support_until (&self->crowd, b->subscribed == 2);
        assert_int_equal (b->subscribed_code, COVEY_OK);
        size_t before = b->event_count;
        support_agent_publish (a, support_message (a, NULL, "x"),
                               COVEY_LEVEL_ACCEPTED, 0);
        support_agent_publish (c, support_message (c, NULL, "y"),
                               COVEY_LEVEL_ACCEPTED, 0);
        support_until (&self->crowd, b->event_count == before + 2);
    }
    assert_int_equal (b->gaps, 0);
}

static void
test_observer_on_another_node_gets_copies (void **state)
{
    fixture_t *self = *state;
    s_mesh (self, 2);
    support_agent_t *a = support_agent (&self->crowd, self->nodes[0], "a");
    support_agent_t *b = support_agent (&self->crowd, self->nodes[0], "b");
    support_agent_t *c = support_agent (&self->crowd, self->nodes[1], "c");
    support_agent_subscribe (c, 1, COVEY_EVENT_MESSAGE_SENT, true);
    support_until (&self->crowd, c->subscribed == 1);
    support_agent_publish (a, support_message (a, "b", "x"),
                           COVEY_LEVEL_ACCEPTED, 0);
    support_until (&self->crowd, b->event_count == 1 && c->event_count == 1);
}

static void
test_leaving_node_takes_its_agents_along (void **state)
{
    fixture_t *self = *state;
    s_mesh (self, 2);
    support_agent_t *a = support_agent (&self->crowd, self->nodes[0], "a");
    support_agent_t *b = support_agent (&self->crowd, self->nodes[1], "b");
    support_agent_subscribe (a, 1, COVEY_EVENT_NODE_LEFT, false);
    support_agents_wait (self->nodes[0], 2);
    support_until (&self->crowd, a->subscribed == 1);
    assert_int_equal (covey_node_actor_stop (self->nodes[1], 2000), COVEY_OK);
    support_until (&self->crowd, a->event_count == 1 && b->closed);
    assert_int_equal (covey_event_type (a->events[0]), COVEY_EVENT_NODE_LEFT);
    assert_int_equal (s_status (self, a, "left"), 1);
    assert_int_equal (s_status (self, a, "agents"), 1);
    support_agent_publish (a, support_message (a, "b", "x"),
                           COVEY_LEVEL_ACCEPTED, 0);
    support_until (&self->crowd, a->refused == 1);
    assert_int_equal (a->refused_code, COVEY_NOAGENT);
}

/*  Its goodbye takes another way than its broadcasts, and is shorter.        */
static void
test_last_broadcasts_of_a_leaving_node_arrive (void **state)
{
    enum { COUNT = 100, SIZE = 200000 };
    fixture_t *self = *state;
    s_mesh (self, 2);
    support_agent_t *a = support_agent (&self->crowd, self->nodes[0], "a");
    support_agent_t *b = support_agent (&self->crowd, self->nodes[1], "b");
    support_agent_subscribe (b, 1, COVEY_EVENT_BROADCAST, false);
    support_until (&self->crowd, b->subscribed == 1);
    char *large = calloc (1, SIZE);
    for (int i = 0; i < COUNT; i++) {
        covey_event_t *event = support_broadcast (a, "last words");
        assert_int_equal (covey_event_set_payload (event, "content",
                                                   COVEY_CONTENT_BINARY, large,
                                                   SIZE),
                          COVEY_OK);
        support_agent_publish (a, event, COVEY_LEVEL_ACCEPTED, 5000);
    }
    free (large);
    support_until (&self->crowd, a->accepted == COUNT);
    assert_int_equal (covey_node_actor_stop (self->nodes[0], 5000), COVEY_OK);
    support_until (&self->crowd, b->events_seen == COUNT || b->gaps);
    assert_int_equal (b->gaps, 0);
    assert_int_equal (b->events_seen, COUNT);
}

static void
test_killed_node_is_suspected_then_failed (void **state)
{
    fixture_t *self = *state;
    s_mesh (self, 3);
    support_agent_t *a = support_agent (&self->crowd, self->nodes[0], "a");
    support_agent_t *b = support_agent (&self->crowd, self->nodes[2], "b");
    support_agent_t *c = support_agent (&self->crowd, self->nodes[1], "c");
    support_agent_subscribe (a, 1, COVEY_EVENT_NODE_SUSPECTED, false);
    support_agent_subscribe (a, 2, COVEY_EVENT_NODE_FAILED, false);
    support_agents_wait (self->nodes[0], 3);
    support_until (&self->crowd, a->subscribed == 2);
    covey_node_actor_destroy (&self->nodes[2]);
    support_agent_publish (
        a, covey_event_request ("a", "b", "r1", "do", NULL, 9000),
        COVEY_LEVEL_ACCEPTED, 0);
    /* Two nodes see it, one says so. */
    support_until (&self->crowd, a->event_count == 2 && a->undelivered == 1);
    support_until (&self->crowd, s_status (self, a, "nodeEventsHeld") == 0 &&
                                     s_status (self, c, "nodeEventsHeld") == 0);
    size_t said = 0; /* answers to our questions are events, too              */
    for (size_t i = 0; i < a->event_count; i++)
        said += covey_event_type (a->events[i]) >= COVEY_EVENT_NODE_JOINED;
    assert_int_equal (said, 2);
    assert_int_equal (covey_event_type (a->events[0]),
                      COVEY_EVENT_NODE_SUSPECTED);
    assert_int_equal (covey_event_type (a->events[1]), COVEY_EVENT_NODE_FAILED);
    for (int i = 0; i < 2; i++) {
        const char *by = covey_event_str (a->events[i], "by");
        assert_memory_equal (by, "node:", 5);
        assert_true (covey_event_has (a->events[i], "localHealth"));
        assert_int_equal (covey_event_int (a->events[i], "incarnation"), 1);
    }
    assert_int_equal (s_status (self, a, "suspicions"), 1);
    assert_int_equal (s_status (self, a, "failures"), 1);
    assert_int_equal (s_status (self, a, "falseAlarms"), 0);
    assert_string_equal (a->undelivered_request, "r1");
    assert_int_equal (s_status (self, a, "failed"), 1);
    (void)b;
}

static void
test_restarted_node_is_found_again (void **state)
{
    fixture_t *self = *state;
    s_mesh (self, 2);
    support_agent_t *a = support_agent (&self->crowd, self->nodes[0], "a");
    /* The seed itself dies and comes back on its port: nobody tells it of
       the others. */
    const char *colon =
        strrchr (covey_node_actor_endpoint (self->nodes[0]), ':');
    covey_node_config_t config;
    support_node_config (&config, "alpha");
    config.port = (int)strtol (colon + 1, NULL, 10);
    support_agent_kill (&self->crowd, a);
    covey_node_actor_destroy (&self->nodes[0]);
    self->nodes[0] = support_node_open (&config);
    support_nodes_wait (self->nodes[0], 2);
    support_nodes_wait (self->nodes[1], 2);
    a = support_agent (&self->crowd, self->nodes[0], "a");
    support_agent_t *b = support_agent (&self->crowd, self->nodes[1], "b");
    support_agents_wait (self->nodes[0], 2);
    support_agent_publish (a, support_message (a, "b", "x"),
                           COVEY_LEVEL_ACCEPTED, 0);
    support_until (&self->crowd, b->event_count == 1);
}

static void
test_same_node_id_in_a_new_incarnation (void **state)
{
    fixture_t *self = *state;
    s_mesh (self, 1);
    covey_node_config_t config;
    support_node_config (&config, "beta");
    const char *join = covey_node_actor_endpoint (self->nodes[0]);
    config.joins = &join;
    config.join_count = 1;
    for (int round = 0; round < 3; round++) {
        self->nodes[1] = support_node_open (&config);
        support_nodes_wait (self->nodes[1], 2);
        support_nodes_wait (self->nodes[0], 2);
        support_agent_t *a = support_agent (&self->crowd, self->nodes[0], "a");
        support_agent_t *b = support_agent (&self->crowd, self->nodes[1], "b");
        support_agents_wait (self->nodes[0], 2);
        support_agents_wait (self->nodes[1], 2);
        support_agent_publish (a, support_message (a, "b", "x"),
                               COVEY_LEVEL_ACCEPTED, 0);
        support_agent_publish (b, support_message (b, "a", "x"),
                               COVEY_LEVEL_ACCEPTED, 0);
        support_until (&self->crowd,
                       b->event_count == 1 && a->event_count == 1);
        assert_int_equal (s_status (self, a, "failed"), 0);
        support_agent_bye (&self->crowd, a);
        support_agent_kill (&self->crowd, b);
        covey_node_actor_destroy (&self->nodes[1]);
    }
}

static void
test_agent_that_moves_supersedes_itself (void **state)
{
    fixture_t *self = *state;
    s_mesh (self, 2);
    support_agent_t *old = support_agent (&self->crowd, self->nodes[0], "m");
    support_agents_wait (self->nodes[1], 1);
    support_agent_t *moved = support_agent (&self->crowd, self->nodes[1], "m");
    support_until (&self->crowd, old->closed);
    assert_int_equal (old->closed_code, COVEY_FENCED);
    support_agent_t *a = support_agent (&self->crowd, self->nodes[0], "a");
    support_agent_publish (a, support_message (a, "m", "x"),
                           COVEY_LEVEL_ACCEPTED, 0);
    support_until (&self->crowd, moved->event_count == 1);
}

/*  What an agent says of its state takes room on the same link as the event. */
static void
test_state_for_a_target_on_a_full_link (void **state)
{
    fixture_t *self = *state;
    covey_node_config_t config;
    support_node_config (&config, "narrow");
    config.link_events_max = 1;
    self->nodes[0] = support_node_open (&config);
    self->nodes[1] =
        support_node ("beta", covey_node_actor_endpoint (self->nodes[0]));
    support_nodes_wait (self->nodes[0], 2);
    support_agent_t *a = support_agent (&self->crowd, self->nodes[0], "a");
    support_agent_t *b = support_agent (&self->crowd, self->nodes[1], "b");
    support_agents_wait (self->nodes[0], 2);
    for (size_t i = 0; i < 20; i++) {
        covey_event_t *event = covey_event_new (COVEY_EVENT_AGENT_IDLE);
        assert_int_equal (covey_event_set_source (event, "a"), COVEY_OK);
        assert_int_equal (covey_event_set_str (event, "agentId", "a"),
                          COVEY_OK);
        assert_int_equal (covey_event_add_target (event, "b"), COVEY_OK);
        support_agent_publish (a, event, COVEY_LEVEL_ACCEPTED, 5000);
        support_until (&self->crowd, b->event_count == i + 1);
    }
    assert_int_equal (a->refused, 0);
}

/*  As an agent does whose node died before it had all receipts.              */
static void
test_what_is_sent_again_through_another_node_comes_once (void **state)
{
    fixture_t *self = *state;
    s_mesh (self, 3);
    support_agent_t *a = support_agent (&self->crowd, self->nodes[0], "a");
    support_agent_t *b = support_agent (&self->crowd, self->nodes[1], "b");
    support_agents_wait (self->nodes[0], 2);
    covey_event_t *message = support_message (a, "b", "x");
    covey_event_t *broadcast = support_broadcast (a, "t");
    for (size_t round = 0; round < 2; round++) {
        support_agent_publish (a, covey_event_dup (message),
                               COVEY_LEVEL_ACCEPTED, 0);
        support_agent_publish (a, covey_event_dup (broadcast),
                               COVEY_LEVEL_ACCEPTED, 0);
        support_agent_publish (a, support_message (a, "b", "new"),
                               COVEY_LEVEL_ACCEPTED, 0);
        support_until (&self->crowd, b->event_count == 3 + round);
        if (round)
            break;
        support_agent_kill (&self->crowd, a);
        a = support_agent (&self->crowd, self->nodes[2], "a");
        support_agents_wait (self->nodes[2], 2);
    }
    support_until (&self->crowd, s_status (self, b, "eventDuplicates") == 2);
    covey_event_destroy (&message);
    covey_event_destroy (&broadcast);
}

static int
s_free_port (void)
{
    void *socket = zmq_socket (zsys_init (), ZMQ_REP);
    char endpoint[64];
    size_t size = sizeof endpoint;
    assert_int_equal (zmq_bind (socket, "tcp://127.0.0.1:*"), 0);
    assert_int_equal (
        zmq_getsockopt (socket, ZMQ_LAST_ENDPOINT, endpoint, &size), 0);
    zmq_close (socket);
    return (int)strtol (strrchr (endpoint, ':') + 1, NULL, 10);
}

/*  A node that lives long sees many incarnations of the others.              */
static void
test_incarnations_that_are_gone_make_room (void **state)
{
    enum { INCARNATIONS = 5000, BATCH = 50 };
    fixture_t *self = *state;
    covey_node_config_t config;
    support_node_config (&config, "old");
    config.pub_port = s_free_port ();
    self->nodes[0] = support_node_open (&config);
    void *sub = zmq_socket (zsys_init (), ZMQ_SUB);
    char endpoint[64];
    int timeout_ms = SUPPORT_NODE_WAIT_MS, zero = 0;
    zmq_setsockopt (sub, ZMQ_RCVTIMEO, &timeout_ms, sizeof timeout_ms);
    zmq_setsockopt (sub, ZMQ_LINGER, &zero, sizeof zero);
    snprintf (endpoint, sizeof endpoint, "tcp://127.0.0.1:%d",
              (int)config.pub_port);
    assert_int_equal (zmq_connect (sub, endpoint), 0);
    for (uint32_t i = 1; i <= INCARNATIONS; i++) {
        uint8_t topic[17] = {'Y'};
        memcpy (topic + 1, &i, sizeof i);
        zmq_setsockopt (sub, ZMQ_SUBSCRIBE, topic, sizeof topic);
        char mark[256];
        for (int j = 0; i % BATCH == 0 && j < BATCH; j++)
            assert_true (zmq_recv (sub, mark, sizeof mark, 0) > 0);
    }
    zmq_close (sub);
    self->nodes[1] =
        support_node ("young", covey_node_actor_endpoint (self->nodes[0]));
    support_nodes_wait (self->nodes[0], 2);
}

static void
test_foreign_mesh_stays_outside (void **state)
{
    fixture_t *self = *state;
    s_mesh (self, 1);
    covey_node_config_t config;
    support_node_config (&config, "stranger");
    const char *join = covey_node_actor_endpoint (self->nodes[0]);
    config.joins = &join;
    config.join_count = 1;
    config.mesh = "other";
    self->nodes[1] = support_node_open (&config);
    support_agent_t *a = support_agent (&self->crowd, self->nodes[0], "a");
    support_until (&self->crowd, s_status (self, a, "hellosRefused") > 0);
    assert_int_equal (s_status (self, a, "alive"), 1);
}

int
main (void)
{
#define CASE(name) cmocka_unit_test_setup_teardown (name, s_setup, s_teardown)
    const struct CMUnitTest tests[] = {
        CASE (test_one_address_makes_a_full_mesh),
        CASE (test_messages_cross_nodes_in_order),
        CASE (test_one_event_for_agents_on_several_nodes),
        CASE (test_broadcasts_reach_agents_of_all_nodes),
        CASE (test_subscribed_means_that_nothing_is_missed),
        CASE (test_observer_on_another_node_gets_copies),
        CASE (test_leaving_node_takes_its_agents_along),
        CASE (test_last_broadcasts_of_a_leaving_node_arrive),
        CASE (test_killed_node_is_suspected_then_failed),
        CASE (test_restarted_node_is_found_again),
        CASE (test_same_node_id_in_a_new_incarnation),
        CASE (test_what_is_sent_again_through_another_node_comes_once),
        CASE (test_agent_that_moves_supersedes_itself),
        CASE (test_state_for_a_target_on_a_full_link),
        CASE (test_incarnations_that_are_gone_make_room),
        CASE (test_foreign_mesh_stays_outside),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
