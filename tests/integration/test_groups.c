/*  Work groups: each event for one member, another one when it fails, and the
    reports that make both known.                                             */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/support_node.h"

#define NODES 2
#define MANY 10000

typedef struct {
    covey_node_actor_t *nodes[NODES];
    support_crowd_t crowd;
    support_agent_t *boss; /* on node 0                                       */
} fixture_t;

static const char *const s_resize[] = {"resize"};
static const covey_scope_t s_group = {.capabilities = s_resize,
                                      .capability_count = 1};

static int
s_setup (void **state)
{
    fixture_t *self = calloc (1, sizeof *self);
    self->nodes[0] = support_node ("alpha", NULL);
    self->nodes[1] =
        support_node ("beta", covey_node_actor_endpoint (self->nodes[0]));
    for (size_t i = 0; i < NODES; i++)
        support_nodes_wait (self->nodes[i], NODES);
    self->boss = support_agent (&self->crowd, self->nodes[0], "boss");
    *state = self;
    return 0;
}

static int
s_teardown (void **state)
{
    fixture_t *self = *state;
    support_crowd_end (&self->crowd);
    for (size_t i = 0; i < NODES; i++)
        covey_node_actor_destroy (&self->nodes[i]);
    free (self);
    return 0;
}

static support_agent_t *
s_member (fixture_t *self, size_t node, const char *id)
{
    char *capabilities[] = {"resize", "rotate"};
    Covey__Wire__Hello hello = COVEY__WIRE__HELLO__INIT;
    hello.agent_type = "resizer";
    hello.capabilities = capabilities;
    hello.n_capabilities = 2;
    return support_agent_at (
        &self->crowd, covey_node_actor_inproc (self->nodes[node]), id, &hello);
}

static covey_event_t *
s_work (const fixture_t *self, size_t number)
{
    char text[24];
    snprintf (text, sizeof text, "%zu", number);
    covey_event_t *event = support_message (self->boss, NULL, text);
    assert_int_equal (covey_event_set_group (event, &s_group), COVEY_OK);
    return event;
}

static void
s_send (fixture_t *self, size_t first, size_t count, uint32_t wait_ms)
{
    for (size_t i = first; i < first + count; i++)
        support_agent_publish (self->boss, s_work (self, i),
                               COVEY_LEVEL_ACCEPTED, wait_ms);
}

/*  How often each number came to these agents together.                     */
static void
s_count (support_agent_t *const *agents, size_t agent_count, unsigned *times)
{
    for (size_t a = 0; a < agent_count; a++)
        for (size_t i = 0; i < agents[a]->event_count; i++) {
            const covey_event_t *event = agents[a]->events[i];
            size_t number = strtoul (
                covey_event_payload (event, "content", NULL, NULL), NULL, 10);
            assert_true (number < MANY);
            assert_int_equal (covey_event_target_count (event), 1);
            assert_string_equal (covey_event_target (event, 0), agents[a]->id);
            times[number]++;
        }
}

static size_t
s_seen (support_agent_t *const *agents, size_t count)
{
    size_t seen = 0;
    for (size_t a = 0; a < count; a++)
        seen += agents[a]->events_seen;
    return seen;
}

static int64_t
s_counter (fixture_t *self, const char *key)
{
    char *json =
        support_ask (&self->crowd, self->boss, "node", "mesh.status", NULL);
    int64_t value = support_json_int (json, key);
    free (json);
    return value;
}

/* ------------------------------------------------------------------------ */

static void
test_each_of_many_comes_to_one_member_once_and_they_share (void **state)
{
    fixture_t *self = *state;
    support_agent_t *members[] = {
        s_member (self, 0, "m0"), s_member (self, 0, "m1"),
        s_member (self, 1, "m2"), s_member (self, 1, "m3")};
    support_agents_wait (self->nodes[0], 5);
    s_send (self, 0, MANY, 20000);
    support_until (&self->crowd,
                   s_seen (members, 4) == MANY && self->boss->accepted == MANY);
    unsigned *times = calloc (MANY, sizeof *times);
    s_count (members, 4, times);
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal (times[i], 1);
    free (times);
    for (size_t a = 0; a < 4; a++)
        assert_true (members[a]->events_seen > MANY / 20);
    support_until (&self->crowd, s_counter (self, "groupOutstanding") == 0);
    assert_int_equal (s_counter (self, "grouped"), MANY);
    assert_int_equal (s_counter (self, "redelivered"), 0);
}

static void
test_members_of_the_senders_node_come_first (void **state)
{
    fixture_t *self = *state;
    support_agent_t *here = s_member (self, 0, "here");
    support_agent_t *there = s_member (self, 1, "there");
    support_agents_wait (self->nodes[0], 3);
    for (size_t i = 0; i < 50; i++) {
        s_send (self, i, 1, 0);
        support_until (&self->crowd, here->events_seen == i + 1);
    }
    assert_int_equal (there->events_seen, 0);
    /* Until it has too much of it. */
    here->hoard = true;
    s_send (self, 50, 50, 0);
    support_until (&self->crowd, s_seen (&here, 1) + s_seen (&there, 1) == 100);
    assert_true (there->events_seen > 10);
}

static void
test_what_a_killed_member_had_goes_to_others (void **state)
{
    fixture_t *self = *state;
    enum { COUNT = 1000 };
    for (size_t node = 0; node < NODES; node++) {
        size_t first = node * COUNT;
        support_agent_t *good[] = {s_member (self, 0, "good0"),
                                   s_member (self, 1, "good1")};
        support_agent_t *victim = s_member (self, node, "victim");
        victim->hoard = true; /* takes, and is done with nothing              */
        support_agents_wait (self->nodes[0], 4);
        s_send (self, first, COUNT / 2, 20000);
        support_until (&self->crowd, victim->events_seen > 0);
        support_agent_kill (&self->crowd, victim);
        s_send (self, first + COUNT / 2, COUNT / 2, 20000);
        support_until (&self->crowd, s_seen (good, 2) >= COUNT);
        unsigned *times = calloc (MANY, sizeof *times);
        s_count (good, 2, times);
        for (size_t i = first; i < first + COUNT; i++)
            assert_int_equal (times[i], 1);
        free (times);
        assert_true (s_counter (self, "redelivered") > 0);
        assert_int_equal (self->boss->undelivered, 0);
        for (size_t a = 0; a < 2; a++)
            support_agent_bye (&self->crowd, good[a]);
        support_agents_wait (self->nodes[0], 1);
    }
}

static void
test_what_a_dead_node_had_goes_to_others (void **state)
{
    fixture_t *self = *state;
    support_agent_t *far = s_member (self, 1, "far");
    far->hoard = true;
    support_agents_wait (self->nodes[0], 2);
    s_send (self, 0, 20, 0);
    support_until (&self->crowd, far->events_seen == 20);
    support_agent_t *near = s_member (self, 0, "near");
    support_agents_wait (self->nodes[0], 3);
    covey_node_actor_destroy (&self->nodes[1]); /* without goodbye            */
    support_until (&self->crowd, near->events_seen == 20);
    assert_int_equal (self->boss->undelivered, 0);
}

static void
test_a_group_without_members_is_refused_at_once (void **state)
{
    fixture_t *self = *state;
    s_send (self, 0, 1, 10000);
    support_until (&self->crowd, self->boss->refused == 1);
    assert_int_equal (self->boss->refused_code, COVEY_NOAGENT);
    assert_non_null (strstr (self->boss->refused_text,
                             "capability \"resize\" in this mesh "
                             "(1 agents are known)"));
    /* An event has one address. */
    covey_event_t *event = support_message (self->boss, "boss", "x");
    assert_int_equal (covey_event_set_group (event, &s_group), COVEY_OK);
    support_agent_publish (self->boss, event, COVEY_LEVEL_ACCEPTED, 0);
    support_until (&self->crowd, self->boss->refused == 2);
    assert_int_equal (self->boss->refused_code, COVEY_INVALID);
}

static void
test_the_sender_is_told_when_the_last_member_goes (void **state)
{
    fixture_t *self = *state;
    support_agent_t *only = s_member (self, 1, "only");
    only->hoard = true;
    support_agents_wait (self->nodes[0], 2);
    s_send (self, 0, 3, 0);
    support_until (&self->crowd, only->events_seen == 3);
    support_agent_bye (&self->crowd, only);
    support_until (&self->crowd, self->boss->undelivered == 3);
    assert_int_equal (self->boss->undelivered_code, COVEY_NOAGENT);
    assert_int_equal (s_counter (self, "groupOutstanding"), 0);
}

static void
test_paused_members_are_passed_over (void **state)
{
    fixture_t *self = *state;
    support_agent_t *lazy = s_member (self, 0, "lazy");
    support_agent_t *busy = s_member (self, 1, "busy");
    support_agents_wait (self->nodes[0], 3);
    covey_session_flow (lazy->session, true);
    /* Its next publish comes behind the pause. */
    support_agent_publish (lazy, support_message (lazy, "boss", "paused"),
                           COVEY_LEVEL_ACCEPTED, 0);
    support_until (&self->crowd, self->boss->event_count == 1);
    s_send (self, 0, 10, 0);
    support_until (&self->crowd, busy->events_seen == 10);
    support_agent_bye (&self->crowd, busy);
    support_agents_wait (self->nodes[0], 2);
    s_send (self, 10, 1, 0);
    support_until (&self->crowd, self->boss->refused == 1);
    assert_int_equal (self->boss->refused_code, COVEY_EAGAIN);
    s_send (self, 11, 1, 20000); /* waits for somebody                        */
    covey_session_flow (lazy->session, false);
    support_until (&self->crowd, lazy->events_seen == 1);
    support_until (&self->crowd, self->boss->accepted == 11);
}

static void
s_answer (support_agent_t *self, const covey_peek_t *view)
{
    covey_event_t *request;
    covey_errbuf_t err;
    assert_int_equal (
        covey_event_unpack (view->bytes, view->size, &request, &err), COVEY_OK);
    support_agent_publish (
        self,
        covey_event_response (request, self->id, COVEY_CONTENT_JSON, "1", 1),
        COVEY_LEVEL_ACCEPTED, 0);
    covey_event_destroy (&request);
}

static void
test_a_request_that_nobody_took_goes_to_another (void **state)
{
    fixture_t *self = *state;
    support_agent_t *dead = s_member (self, 0, "dead");
    dead->hoard = true;
    support_agents_wait (self->nodes[0], 2);
    covey_event_t *request =
        covey_event_request ("boss", NULL, "r1", "resize", NULL, 20000);
    assert_int_equal (covey_event_set_group (request, &s_group), COVEY_OK);
    support_agent_publish (self->boss, request, COVEY_LEVEL_ACCEPTED, 0);
    support_until (&self->crowd, dead->events_seen == 1);
    support_agent_t *good = s_member (self, 1, "good");
    good->on_event = s_answer;
    support_agents_wait (self->nodes[0], 3);
    support_agent_kill (&self->crowd, dead);
    support_until (&self->crowd, self->boss->event_count == 1);
    assert_string_equal (covey_event_source (self->boss->events[0]), "good");
    assert_int_equal (self->boss->undelivered, 0);
    support_until (&self->crowd, s_counter (self, "groupOutstanding") == 0);
}

static void
test_the_sender_hears_that_an_event_came (void **state)
{
    fixture_t *self = *state;
    for (size_t node = 0; node < NODES; node++) {
        support_agent_t *slow = s_member (self, node, "slow");
        slow->hoard = true; /* takes it and works for a long time             */
        support_agents_wait (self->nodes[0], 2);
        covey_event_t *event = support_message (self->boss, "slow", "hear me");
        uint8_t id[16];
        memcpy (id, covey_event_id (event), sizeof id);
        covey_event_set_heard (event, true);
        support_agent_publish (self->boss, event, COVEY_LEVEL_ACCEPTED, 0);
        support_until (&self->crowd, self->boss->heard == node + 1);
        assert_string_equal (self->boss->heard_agent, "slow");
        assert_memory_equal (self->boss->heard_id, id, 16);
        support_agent_bye (&self->crowd, slow);
        support_agents_wait (self->nodes[0], 1);
    }
}

/*  Its time goes on in the queue of another node, too.                      */
static void
test_an_event_of_a_group_expires_behind_a_paused_member (void **state)
{
    enum { TTL_MS = 300 };
    fixture_t *self = *state;
    support_agent_t *there = s_member (self, 1, "there");
    support_agents_wait (self->nodes[0], 2);
    covey_session_flow (there->session, true);
    support_agent_t *probe =
        support_agent (&self->crowd, self->nodes[1], "probe");
    covey_event_t *event = s_work (self, 1);
    assert_int_equal (covey_event_set_ttl_ms (event, TTL_MS), COVEY_OK);
    int64_t sent_ms = support_node_now_ms ();
    support_agent_publish (self->boss, event, COVEY_LEVEL_ACCEPTED, 0);
    support_agent_publish (self->boss, s_work (self, 2), COVEY_LEVEL_ACCEPTED,
                           0);
    support_until (&self->crowd, self->boss->accepted == 2);
    support_until (&self->crowd, support_node_now_ms () > sent_ms + 2 * TTL_MS);
    covey_session_flow (there->session, false);
    support_until (&self->crowd, there->events_seen > 0);
    assert_int_equal (there->events_seen, 1);
    assert_string_equal (
        covey_event_payload (there->events[0], "content", NULL, NULL), "2");
    char *json = support_ask (&self->crowd, probe, "node", "mesh.status", NULL);
    assert_int_equal (support_json_int (json, "expired"), 1);
    free (json);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown (name, s_setup, s_teardown)
        T (test_each_of_many_comes_to_one_member_once_and_they_share),
        T (test_members_of_the_senders_node_come_first),
        T (test_what_a_killed_member_had_goes_to_others),
        T (test_what_a_dead_node_had_goes_to_others),
        T (test_a_group_without_members_is_refused_at_once),
        T (test_the_sender_is_told_when_the_last_member_goes),
        T (test_paused_members_are_passed_over),
        T (test_a_request_that_nobody_took_goes_to_another),
        T (test_the_sender_hears_that_an_event_came),
        T (test_an_event_of_a_group_expires_behind_a_paused_member),
#undef T
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
