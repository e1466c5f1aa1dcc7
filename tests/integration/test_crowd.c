/*  Three nodes, thirty agents, everybody talks to everybody: all of it arrives,
    once and in order per sender.                                             */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/support_node.h"

#define NODES 3
#define AGENTS 30
#define EACH 1000 /* messages, and as many broadcasts */

/*  What an agent expects next from every other: [0] messages, [1] casts.    */
typedef struct {
    uint64_t next[2][AGENTS];
} expected_t;

static void
s_on_event (support_agent_t *agent, const covey_peek_t *event)
{
    expected_t *expected = agent->arg;
    char text[16];
    assert_true (covey_slice_copy (event->source, text, sizeof text));
    int from = (int)strtol (text + 1, NULL, 10);
    assert_true (covey_slice_copy (event->correlation_id, text, sizeof text));
    uint64_t number = strtoull (text, NULL, 10);
    int cast = event->type == COVEY_EVENT_BROADCAST;
    if (number != expected->next[cast][from])
        fail_msg ("%s: %s %llu of a%d, expected %llu", agent->id,
                  cast ? "broadcast" : "message", (unsigned long long)number,
                  from, (unsigned long long)expected->next[cast][from]);
    expected->next[cast][from]++;
}

static void
s_say (support_agent_t *agent, int index, int number)
{
    char to[16], text[16];
    snprintf (text, sizeof text, "%d", number);
    snprintf (to, sizeof to, "a%d",
              (index + 1 + number % (AGENTS - 1)) % AGENTS);
    covey_event_t *cast = support_broadcast (agent, "t");
    assert_int_equal (covey_event_set_correlation_id (cast, text), COVEY_OK);
    support_agent_publish (agent, cast, COVEY_LEVEL_ACCEPTED, 60000);
    covey_event_t *message = support_message (agent, to, "x");
    snprintf (text, sizeof text, "%d", number / (AGENTS - 1));
    assert_int_equal (covey_event_set_correlation_id (message, text), COVEY_OK);
    support_agent_publish (agent, message, COVEY_LEVEL_ACCEPTED, 60000);
}

static void
test_everybody_talks_to_everybody (void **state)
{
    (void)state;
    covey_node_actor_t *nodes[NODES];
    support_crowd_t crowd = {0};
    for (int i = 0; i < NODES; i++)
        nodes[i] = support_node (
            "node", i ? covey_node_actor_endpoint (nodes[0]) : NULL);
    for (int i = 0; i < NODES; i++)
        support_nodes_wait (nodes[i], NODES);
    for (int i = 0; i < AGENTS; i++) {
        char id[16];
        snprintf (id, sizeof id, "a%d", i);
        support_agent_t *agent = support_agent (&crowd, nodes[i % NODES], id);
        agent->keep = false;
        agent->on_event = s_on_event;
        agent->arg = calloc (1, sizeof (expected_t));
    }
    for (int i = 0; i < NODES; i++)
        support_agents_wait (nodes[i], AGENTS);
    int64_t start_ms = support_node_now_ms ();
    for (int n = 0; n < EACH; n++) {
        for (int i = 0; i < AGENTS; i++)
            s_say (crowd.agents[i], i, n);
        if (n % 50 == 0)
            support_pump (&crowd, 0);
    }
    size_t total = (size_t)AGENTS * EACH * (AGENTS - 1) + AGENTS * EACH;
    size_t seen = 0;
    while (seen < total) {
        support_pump (&crowd, 5);
        seen = 0;
        for (int i = 0; i < AGENTS; i++) {
            seen += crowd.agents[i]->events_seen;
            assert_int_equal (crowd.agents[i]->refused, 0);
            assert_int_equal (crowd.agents[i]->gaps, 0);
        }
        if (support_node_now_ms () - start_ms > 120000)
            fail_msg ("%zu of %zu deliveries after 120 s", seen, total);
    }
    int64_t took_ms = support_node_now_ms () - start_ms;
    printf ("%zu deliveries in %lld ms\n", total, (long long)took_ms);
    support_pump_for (&crowd, 100);
    for (int i = 0; i < AGENTS; i++) {
        assert_int_equal (crowd.agents[i]->events_seen, total / AGENTS);
        free (crowd.agents[i]->arg);
    }
    support_crowd_end (&crowd);
    for (int i = 0; i < NODES; i++)
        covey_node_actor_destroy (&nodes[i]);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_everybody_talks_to_everybody),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
