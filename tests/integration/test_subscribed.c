/*  "Subscribed" holds: nothing is missed from then on, while nodes join and
    leave, and when the subscriber's connection breaks meanwhile.            */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/support_node.h"

#define ROUNDS 4
#define EVENTS 200

typedef struct {
    covey_node_actor_t *alpha;
    support_crowd_t crowd;
    support_agent_t *reader;
} fixture_t;

static int
s_setup (void **state)
{
    fixture_t *self = calloc (1, sizeof *self);
    self->alpha = support_node ("alpha", NULL);
    self->reader = support_agent (&self->crowd, self->alpha, "reader");
    *state = self;
    return 0;
}

static int
s_teardown (void **state)
{
    fixture_t *self = *state;
    support_crowd_end (&self->crowd);
    covey_node_actor_destroy (&self->alpha);
    free (self);
    return 0;
}

/*  Messages without target come by subscription only.                        */
static void
s_publish (support_agent_t *from, int count)
{
    for (int i = 0; i < count; i++)
        support_agent_publish (from, support_message (from, NULL, "x"),
                               COVEY_LEVEL_ACCEPTED, 5000);
}

/*  The node joins while the subscription is being confirmed; whichever is
    first, both are done before the first event.                              */
static void
test_node_that_joins_during_the_subscription (void **state)
{
    fixture_t *self = *state;
    support_agent_t *reader = self->reader;
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        char name[16];
        snprintf (name, sizeof name, "beta-%u", round);
        size_t before = reader->subscribed;
        covey_node_actor_t *beta =
            support_node (name, covey_node_actor_endpoint (self->alpha));
        support_agent_subscribe (reader, round, COVEY_EVENT_MESSAGE_SENT,
                                 false);
        support_until (&self->crowd, reader->subscribed > before);
        assert_int_equal (reader->subscribed_code, COVEY_OK);
        support_nodes_wait (beta, 2);
        support_agent_t *writer = support_agent (&self->crowd, beta, name);
        size_t seen = reader->events_seen;
        s_publish (writer, EVENTS);
        support_until (&self->crowd, writer->accepted == EVENTS);
        support_until (&self->crowd, reader->events_seen == seen + EVENTS);
        assert_int_equal (reader->gaps, 0);
        covey_session_unsubscribe (reader->session, round);
        support_agent_bye (&self->crowd, writer);
        covey_node_actor_destroy (&beta);
    }
}

/*  A node joins, says all it has to say at once, and leaves.                 */
static void
test_nodes_that_come_and_go_are_heard_to_their_end (void **state)
{
    fixture_t *self = *state;
    support_agent_t *reader = self->reader;
    support_agent_subscribe (reader, 1, COVEY_EVENT_MESSAGE_SENT, false);
    support_until (&self->crowd, reader->subscribed == 1);
    for (size_t round = 1; round <= ROUNDS; round++) {
        covey_node_actor_t *beta =
            support_node ("beta", covey_node_actor_endpoint (self->alpha));
        support_nodes_wait (beta, 2);
        support_agent_t *writer = support_agent (&self->crowd, beta, "writer");
        s_publish (writer, EVENTS);
        support_until (&self->crowd, writer->accepted == EVENTS);
        support_agent_bye (&self->crowd, writer);
        (void)covey_node_actor_stop (beta, SUPPORT_NODE_WAIT_MS);
        covey_node_actor_destroy (&beta);
        support_until (&self->crowd, reader->events_seen == round * EVENTS);
    }
    assert_int_equal (reader->gaps, 0);
}

/*  The subscription stays live at the node while the connection is away, and
    repeating it after that does not end it for a moment.                     */
static void
test_reconnects_of_the_subscriber (void **state)
{
    fixture_t *self = *state;
    support_agent_t *reader = self->reader;
    covey_node_actor_t *beta =
        support_node ("beta", covey_node_actor_endpoint (self->alpha));
    support_nodes_wait (beta, 2);
    support_agent_t *writer = support_agent (&self->crowd, beta, "writer");
    support_agent_subscribe (reader, 1, COVEY_EVENT_MESSAGE_SENT, false);
    support_until (&self->crowd, reader->subscribed == 1);
    for (size_t round = 1; round <= ROUNDS; round++) {
        s_publish (writer, EVENTS);
        reader->mute = true;
        covey_session_close (reader->session, NULL);
        s_publish (writer, EVENTS);
        support_pump (&self->crowd, 5);
        reader->mute = reader->opened = false;
        support_agent_redial (reader, covey_node_actor_inproc (self->alpha));
        s_publish (writer, EVENTS);
        support_until (&self->crowd,
                       reader->opened && reader->subscribed == 1 + round);
        support_until (&self->crowd, reader->events_seen == round * 3 * EVENTS);
    }
    assert_int_equal (reader->gaps, 0);
    assert_int_equal (writer->accepted, ROUNDS * 3 * EVENTS);
    support_agent_bye (&self->crowd, writer);
    covey_node_actor_destroy (&beta);
}

int
main (void)
{
#define CASE(name) cmocka_unit_test_setup_teardown (name, s_setup, s_teardown)
    const struct CMUnitTest tests[] = {
        CASE (test_node_that_joins_during_the_subscription),
        CASE (test_nodes_that_come_and_go_are_heard_to_their_end),
        CASE (test_reconnects_of_the_subscriber),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
