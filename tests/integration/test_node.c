/*  One node: sessions, delivery, receipts, subscriptions.                   */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/support_node.h"
#include "tests/support/support_peer.h"

typedef struct {
    covey_node_actor_t *node;
    support_crowd_t crowd;
    support_peer_t *peer;
} fixture_t;

static int
s_setup (void **state)
{
    fixture_t *self = calloc (1, sizeof *self);
    self->node = support_node ("alpha", NULL);
    *state = self;
    return 0;
}

static int
s_teardown (void **state)
{
    fixture_t *self = *state;
    support_peer_destroy (&self->peer);
    support_crowd_end (&self->crowd);
    covey_node_actor_destroy (&self->node);
    free (self);
    return 0;
}

static void
test_message_reaches_its_target (void **state)
{
    fixture_t *self = *state;
    support_agent_t *a = support_agent (&self->crowd, self->node, "a");
    support_agent_t *b = support_agent (&self->crowd, self->node, "b");
    support_agent_publish (a, support_message (a, "b", "hello"),
                           COVEY_LEVEL_ACCEPTED, 0);
    support_until (&self->crowd, b->event_count == 1 && a->accepted == 1);
    assert_string_equal (covey_event_source (b->events[0]), "a");
    assert_non_null (covey_event_origin (b->events[0]));
    assert_int_equal (covey_event_origin_seq (b->events[0]), 1);
    assert_int_equal (a->event_count, 0);
}

static void
test_message_to_nobody_is_refused_at_once (void **state)
{
    fixture_t *self = *state;
    support_agent_t *a = support_agent (&self->crowd, self->node, "a");
    support_agent_publish (a, support_message (a, "ghost", "hello"),
                           COVEY_LEVEL_ACCEPTED, 1000);
    support_until (&self->crowd, a->refused == 1);
    assert_int_equal (a->refused_code, COVEY_NOAGENT);
    assert_non_null (strstr (a->refused_text, "ghost"));
    assert_non_null (strstr (a->refused_text, "(1 nodes, 1 agents known)"));
}

static void
test_service_that_is_not_there_has_its_own_error (void **state)
{
    fixture_t *self = *state;
    support_agent_t *a = support_agent (&self->crowd, self->node, "a");
    support_agent_publish (
        a,
        covey_event_request ("a", "coordinator", "r", "task.list", NULL, 100),
        COVEY_LEVEL_ACCEPTED, 0);
    support_until (&self->crowd, a->refused == 1);
    assert_int_equal (a->refused_code, COVEY_NOCOORDINATOR);
    support_agent_publish (
        a, covey_event_request ("a", "persister", "r", "mesh.stats", NULL, 100),
        COVEY_LEVEL_ACCEPTED, 0);
    support_until (&self->crowd, a->refused == 2);
    assert_int_equal (a->refused_code, COVEY_NOPERSISTER);
}

static void
test_foreign_source_is_denied (void **state)
{
    fixture_t *self = *state;
    support_agent_t *a = support_agent (&self->crowd, self->node, "a");
    support_agent_t *b = support_agent (&self->crowd, self->node, "b");
    support_agent_publish (a, support_message (b, "b", "x"),
                           COVEY_LEVEL_ACCEPTED, 0);
    support_until (&self->crowd, a->refused == 1);
    assert_int_equal (a->refused_code, COVEY_DENIED);
}

/*  It would not be delivered anywhere; an answer would be believed.          */
static void
test_node_as_such_takes_answers_of_the_coordinator_only (void **state)
{
    fixture_t *self = *state;
    support_agent_t *a = support_agent (&self->crowd, self->node, "a");
    char *nodes = support_ask (&self->crowd, a, "node", "mesh.nodes", NULL);
    const char *key = "\"id\":\"";
    const char *id = strstr (nodes, key);
    assert_non_null (id);
    char target[42] = "node:";
    memcpy (target + 5, id + strlen (key), 36);
    free (nodes);
    support_agent_publish (a, support_message (a, target, "x"),
                           COVEY_LEVEL_ACCEPTED, 0);
    support_until (&self->crowd, a->refused == 1);
    assert_int_equal (a->refused_code, COVEY_INVALID);
    covey_event_t *asked =
        covey_event_request (target, "a", "r", "swarm.list", NULL, 1000);
    const char *forged =
        "{\"swarms\":[{\"id\":\"s\",\"members\":[{\"agentId\":\"a\"}]}]}";
    support_agent_publish (a,
                           covey_event_response (asked, "a", COVEY_CONTENT_JSON,
                                                 forged, strlen (forged)),
                           COVEY_LEVEL_ACCEPTED, 0);
    covey_event_destroy (&asked);
    support_until (&self->crowd, a->refused == 2);
    assert_int_equal (a->refused_code, COVEY_INVALID);
    char *status = support_ask (&self->crowd, a, "node", "mesh.status", NULL);
    assert_int_equal (support_json_int (status, "swarms"), 0);
    free (status);
}

static void
test_broadcast_reaches_all_but_the_sender_and_clients (void **state)
{
    fixture_t *self = *state;
    Covey__Wire__Hello hello = COVEY__WIRE__HELLO__INIT;
    hello.has_client = hello.client = true;
    support_agent_t *a = support_agent (&self->crowd, self->node, "a");
    support_agent_t *b = support_agent (&self->crowd, self->node, "b");
    support_agent_t *c = support_agent_at (
        &self->crowd, covey_node_actor_inproc (self->node), "c", &hello);
    support_agent_publish (a, support_broadcast (a, "t"), COVEY_LEVEL_ACCEPTED,
                           0);
    support_until (&self->crowd, b->event_count == 1 && a->accepted == 1);
    support_pump_for (&self->crowd, 50);
    assert_int_equal (a->event_count, 0);
    assert_int_equal (c->event_count, 0);
}

static void
test_subscriptions_match_by_type (void **state)
{
    fixture_t *self = *state;
    support_agent_t *a = support_agent (&self->crowd, self->node, "a");
    support_agent_t *b = support_agent (&self->crowd, self->node, "b");
    support_agent_subscribe (b, 1, COVEY_EVENT_MESSAGE_SENT, false);
    support_agent_subscribe (b, 2, 0, false);
    support_until (&self->crowd, b->subscribed == 2);
    assert_int_equal (b->subscribed_code, COVEY_OK);
    support_agent_publish (a, support_message (a, NULL, "all"),
                           COVEY_LEVEL_ACCEPTED, 0);
    support_until (&self->crowd, b->event_count == 1);
    assert_int_equal (b->handles_seen, 2);
    covey_session_unsubscribe_all (b->session);
    free (support_ask (&self->crowd, b, "node", "mesh.nodes", NULL));
    support_agent_publish (a, support_message (a, NULL, "all"),
                           COVEY_LEVEL_ACCEPTED, 0);
    support_until (&self->crowd, a->accepted == 2);
    free (support_ask (&self->crowd, b, "node", "mesh.nodes", NULL));
    assert_int_equal (b->event_count, 3); /* the message and two answers      */
}

static void
s_pump_both (fixture_t *self, support_peer_t *peer)
{
    support_peer_pump (peer, 5);
    support_pump (&self->crowd, 5);
}

/*  As one does whose connection broke before the answer came: the first one's
    time is over before the other's, which still comes true.                  */
static void
test_subscribed_again_while_it_waits_has_one_answer (void **state)
{
    fixture_t *self = *state;
    int64_t end_ms = support_node_now_ms () + SUPPORT_NODE_WAIT_MS;
    support_agent_t *a = support_agent (&self->crowd, self->node, "a");
    support_agent_t *b = support_agent (&self->crowd, self->node, "b");
    support_peer_t *peer = self->peer = support_peer_new (self->node);
    peer->unsure = true;
    support_peer_hello (peer);
    support_peer_until (peer,
                        peer->seen[COVEY_FRAME_PEER_HELLO] && peer->node_epoch);
    support_agent_subscribe (a, 1, COVEY_EVENT_TASK_PARKED, false);
    support_agent_subscribe (b, 1, COVEY_EVENT_TASK_PARKED, false);
    size_t rounds = peer->rounds;
    while (peer->rounds < rounds + 3 && support_node_now_ms () < end_ms)
        s_pump_both (self, peer);
    uint32_t type = COVEY_EVENT_TASK_PARKED;
    Covey__Wire__Subscribe again = COVEY__WIRE__SUBSCRIBE__INIT;
    again.handle = 1;
    again.types = &type;
    again.n_types = 1;
    covey_buf_t frame;
    covey_buf_init (&frame, COVEY_FRAME_MAX);
    assert_int_equal (
        covey_frame_begin (&frame, COVEY_FRAME_SUBSCRIBE, &again.base), 0);
    support_agent_send_raw (a, frame.data, frame.size);
    covey_buf_deinit (&frame);
    /* answers come in the order of asking: a's first would be before b's     */
    while (!b->subscribed && support_node_now_ms () < end_ms)
        s_pump_both (self, peer);
    assert_int_equal (b->subscribed_code, COVEY_TIMEOUT);
    assert_int_equal (a->subscribed, 0);
    peer->unsure = false;
    support_agent_subscribe (b, 2, COVEY_EVENT_TASK_FAILED, false);
    while (!a->subscribed && support_node_now_ms () < end_ms)
        s_pump_both (self, peer);
    assert_int_equal (a->subscribed, 1);
    assert_int_equal (a->subscribed_code, COVEY_OK);
}

static void
test_observer_sees_what_is_targeted_at_others (void **state)
{
    fixture_t *self = *state;
    support_agent_t *a = support_agent (&self->crowd, self->node, "a");
    support_agent_t *b = support_agent (&self->crowd, self->node, "b");
    support_agent_t *c = support_agent (&self->crowd, self->node, "c");
    support_agent_subscribe (c, 1, COVEY_EVENT_MESSAGE_SENT, true);
    support_until (&self->crowd, c->subscribed == 1);
    support_agent_publish (a, support_message (a, "b", "x"),
                           COVEY_LEVEL_ACCEPTED, 0);
    support_until (&self->crowd, b->event_count == 1 && c->event_count == 1);
}

static void
test_second_session_supersedes_the_first (void **state)
{
    fixture_t *self = *state;
    support_agent_t *a = support_agent (&self->crowd, self->node, "a");
    support_agent_t *again = support_agent (&self->crowd, self->node, "a");
    support_agent_t *b = support_agent (&self->crowd, self->node, "b");
    support_until (&self->crowd, a->closed);
    assert_int_equal (a->closed_code, COVEY_FENCED);
    assert_true (a->final);
    support_agent_publish (b, support_message (b, "a", "x"),
                           COVEY_LEVEL_ACCEPTED, 0);
    support_until (&self->crowd, again->event_count == 1);
    assert_int_equal (a->event_count, 0);
}

static void
test_silent_session_is_lost_and_announced (void **state)
{
    fixture_t *self = *state;
    support_agent_t *a = support_agent (&self->crowd, self->node, "a");
    support_agent_t *b = support_agent (&self->crowd, self->node, "b");
    support_agent_subscribe (a, 1, COVEY_EVENT_AGENT_LOST, false);
    support_until (&self->crowd, a->subscribed == 1);
    b->mute = true;
    support_agent_publish (
        a, covey_event_request ("a", "b", "r1", "do", NULL, 60000),
        COVEY_LEVEL_ACCEPTED, 0);
    support_until (&self->crowd, a->event_count == 1 && a->undelivered == 1);
    assert_string_equal (covey_event_str (a->events[0], "agentId"), "b");
    assert_string_equal (a->undelivered_request, "r1");
    assert_int_equal (a->undelivered_code, COVEY_NOAGENT);
}

/*  Longer than the others are given: what was held arrives.                 */
static void
test_longer_grace_is_kept (void **state)
{
    fixture_t *self = *state;
    Covey__Wire__Hello hello = COVEY__WIRE__HELLO__INIT;
    hello.has_grace_ms = true;
    hello.grace_ms = 60000;
    const char *inproc = covey_node_actor_inproc (self->node);
    support_agent_t *a = support_agent (&self->crowd, self->node, "a");
    support_agent_t *b = support_agent_at (&self->crowd, inproc, "b", &hello);
    support_agent_t *c = support_agent (&self->crowd, self->node, "c");
    support_agent_subscribe (a, 1, COVEY_EVENT_AGENT_LOST, false);
    support_until (&self->crowd, a->subscribed == 1);
    b->mute = c->mute = true;
    for (int i = 0; i < 10; i++) {
        support_agent_publish (a, support_message (a, "b", "x"),
                               COVEY_LEVEL_ACCEPTED, 0);
        support_agent_publish (a, support_message (a, "c", "x"),
                               COVEY_LEVEL_ACCEPTED, 0);
    }
    /* c is given up after the usual time, with all that was for it. */
    support_until (&self->crowd, a->event_count == 1 && a->undelivered == 10);
    assert_string_equal (covey_event_str (a->events[0], "agentId"), "c");
    assert_string_equal (a->undelivered_target, "c");
    covey_session_close (b->session, NULL);
    b->mute = b->opened = false;
    support_agent_redial (b, inproc);
    support_until (&self->crowd, b->opened && b->events_seen == 10);
    assert_int_equal (a->undelivered, 10);
    assert_int_equal (a->event_count, 1);
}

static void
test_bye_takes_the_agent_out_at_once (void **state)
{
    fixture_t *self = *state;
    support_agent_t *a = support_agent (&self->crowd, self->node, "a");
    support_agent_t *b = support_agent (&self->crowd, self->node, "b");
    support_agent_bye (&self->crowd, b);
    uint64_t refused = 0;
    while (!refused) {
        support_agent_publish (a, support_message (a, "b", "x"),
                               COVEY_LEVEL_ACCEPTED, 0);
        support_until (&self->crowd,
                       covey_session_unanswered (a->session) == 0);
        refused = a->refused;
    }
    assert_int_equal (a->refused_code, COVEY_NOAGENT);
}

static void
test_node_answers_for_itself (void **state)
{
    fixture_t *self = *state;
    support_agent_t *a = support_agent (&self->crowd, self->node, "a");
    char *status = support_ask (&self->crowd, a, "node", "mesh.status", NULL);
    assert_int_equal (support_json_int (status, "alive"), 1);
    assert_int_equal (support_json_int (status, "agents"), 1);
    free (status);
    char *agents =
        support_ask (&self->crowd, a, "node", "mesh.agents", "{\"all\":true}");
    assert_non_null (strstr (agents, "\"id\":\"a\""));
    free (agents);
    char *nodes = support_ask (&self->crowd, a, "node", "mesh.nodes", NULL);
    assert_non_null (strstr (nodes, "\"name\":\"alpha\""));
    free (nodes);
    char *error = support_ask (&self->crowd, a, "node", "mesh.nonsense", NULL);
    assert_string_equal (error, "NOTFOUND");
    free (error);
}

int
main (void)
{
#define CASE(name) cmocka_unit_test_setup_teardown (name, s_setup, s_teardown)
    const struct CMUnitTest tests[] = {
        CASE (test_message_reaches_its_target),
        CASE (test_message_to_nobody_is_refused_at_once),
        CASE (test_service_that_is_not_there_has_its_own_error),
        CASE (test_foreign_source_is_denied),
        CASE (test_node_as_such_takes_answers_of_the_coordinator_only),
        CASE (test_broadcast_reaches_all_but_the_sender_and_clients),
        CASE (test_subscriptions_match_by_type),
        CASE (test_subscribed_again_while_it_waits_has_one_answer),
        CASE (test_observer_sees_what_is_targeted_at_others),
        CASE (test_second_session_supersedes_the_first),
        CASE (test_silent_session_is_lost_and_announced),
        CASE (test_longer_grace_is_kept),
        CASE (test_bye_takes_the_agent_out_at_once),
        CASE (test_node_answers_for_itself),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
