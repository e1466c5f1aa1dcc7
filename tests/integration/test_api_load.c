/*  Three nodes and thirty agents: everything arrives, once, in order         */

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/support/support_api.h"

#define NODES 3
#define AGENTS 30
#define EACH 1000
#define DEADLINE_MS \
    120000 /* the figure is printed; sanitizers need long      */

typedef struct {
    covey_agent_t *agent;
    int next_broadcast[AGENTS]; /* by sender; touched by the agent's thread   */
    int next_message[AGENTS];
    atomic_int broadcasts, messages, wrong;
} member_t;

static member_t members[AGENTS];
static covey_testmesh_t *mesh;

/*  "17" of "agent-3" must follow "16".                                       */
static covey_err_t
s_check (const covey_event_t *event, int next[AGENTS], atomic_int *count,
         member_t *member)
{
    int sender =
        (int)strtol (covey_event_source (event) + strlen ("agent-"), NULL, 10);
    int number = (int)strtol (support_content (event), NULL, 10);
    if (next[sender]++ != number)
        atomic_fetch_add (&member->wrong, 1);
    atomic_fetch_add (count, 1);
    return COVEY_OK;
}

static covey_err_t
s_on_broadcast (covey_agent_t *agent, const covey_event_t *event, void *arg)
{
    (void)agent;
    member_t *member = arg;
    return s_check (event, member->next_broadcast, &member->broadcasts, member);
}

static covey_err_t
s_on_message (covey_agent_t *agent, const covey_event_t *event, void *arg)
{
    (void)agent;
    member_t *member = arg;
    return s_check (event, member->next_message, &member->messages, member);
}

static void
s_post (member_t *member, covey_event_t *event)
{
    /* A full queue asks for patience. */
    if (covey_agent_post_wait (member->agent, &event, 30000))
        atomic_fetch_add (&member->wrong, 1);
}

static covey_event_t *
s_new_event (int type, int number)
{
    char text[16];
    int size = snprintf (text, sizeof text, "%d", number);
    covey_event_t *event = covey_event_new (type);
    covey_err_t rc = covey_event_set_payload (
        event, "content", COVEY_CONTENT_TEXT, text, (size_t)size);
    if (rc == COVEY_OK && type == COVEY_EVENT_BROADCAST)
        rc = covey_event_set_str (event, "topic", "load");
    if (rc == COVEY_OK && type == COVEY_EVENT_BROADCAST)
        rc = covey_event_set_str (event, "scope", "global");
    if (rc == COVEY_OK && type == COVEY_EVENT_MESSAGE_SENT)
        rc = covey_event_set_str (event, "messageId", text);
    if (rc == COVEY_OK && type == COVEY_EVENT_MESSAGE_SENT)
        rc = covey_event_set_str (event, "contentType", "text");
    if (rc)
        abort ();
    return event;
}

/*  A thousand broadcasts and a thousand messages, the latter to the agents in
    turn: number n of this sender to each of them follows n - 1.              */
static void *
s_talk (void *arg)
{
    member_t *member = arg;
    size_t self = (size_t)(member - members);
    int sent[AGENTS] = {0};
    for (int i = 0; i < EACH; i++) {
        size_t other = (self + 1 + (size_t)i % (AGENTS - 1)) % AGENTS;
        s_post (member, s_new_event (COVEY_EVENT_BROADCAST, i));
        covey_event_t *message =
            s_new_event (COVEY_EVENT_MESSAGE_SENT, sent[other]++);
        if (covey_event_add_target (message,
                                    covey_agent_id (members[other].agent)))
            abort ();
        s_post (member, message);
    }
    if (covey_agent_flush (member->agent, COVEY_LEVEL_ACCEPTED, DEADLINE_MS))
        atomic_fetch_add (&member->wrong, 1);
    return NULL;
}

static long
s_total (bool broadcasts)
{
    long total = 0;
    for (size_t i = 0; i < AGENTS; i++)
        total += atomic_load (broadcasts ? &members[i].broadcasts
                                         : &members[i].messages);
    return total;
}

static void
s_on_notice (covey_agent_t *agent, const covey_notice_t *notice, void *arg)
{
    (void)arg;
    print_error ("%s: %s\n", covey_agent_id (agent), notice->text);
}

static int
s_setup (void **state)
{
    (void)state;
    expect_ok (covey_testmesh_new (NODES, SUPPORT_WAIT_MS, &mesh));
    for (size_t i = 0; i < AGENTS; i++) {
        char id[16];
        snprintf (id, sizeof id, "agent-%zu", i);
        members[i].agent = covey_testmesh_agent (mesh, i % NODES, id, "worker");
        assert_non_null (members[i].agent);
        covey_agent_on_broadcast (members[i].agent, s_on_broadcast,
                                  &members[i]);
        covey_agent_on_message (members[i].agent, s_on_message, &members[i]);
        covey_agent_on_notice (members[i].agent, s_on_notice, NULL);
    }
    expect_ok (covey_testmesh_start (mesh, SUPPORT_WAIT_MS));
    return 0;
}

static int
s_teardown (void **state)
{
    (void)state;
    covey_testmesh_destroy (&mesh);
    return 0;
}

static void
everything_arrives_once_and_in_order (void **state)
{
    (void)state;
    const long all_messages = (long)AGENTS * EACH;
    const long all_broadcasts = all_messages * (AGENTS - 1);
    pthread_t threads[AGENTS];
    int64_t start_ms = support_now_ms ();
    for (size_t i = 0; i < AGENTS; i++)
        assert_int_equal (
            pthread_create (&threads[i], NULL, s_talk, &members[i]), 0);
    for (size_t i = 0; i < AGENTS; i++)
        pthread_join (threads[i], NULL);
    int64_t sent_ms = support_now_ms ();
    while (
        (s_total (true) < all_broadcasts || s_total (false) < all_messages) &&
        support_now_ms () < start_ms + DEADLINE_MS)
        (void)poll (NULL, 0, 1);
    int64_t end_ms = support_now_ms ();
    print_message ("%ld messages and %ld broadcast deliveries in %lld ms "
                   "(sent after %lld ms)\n",
                   s_total (false), s_total (true),
                   (long long)(end_ms - start_ms),
                   (long long)(sent_ms - start_ms));
    assert_int_equal (s_total (false), all_messages);
    assert_int_equal (s_total (true), all_broadcasts);
    for (size_t i = 0; i < AGENTS; i++) {
        assert_int_equal (atomic_load (&members[i].wrong), 0);
        covey_agent_stats_t stats;
        covey_agent_stats (members[i].agent, &stats);
        assert_int_equal (stats.dropped_duplicate + stats.dropped_gap +
                              stats.dropped_unhandled + stats.dropped_expired,
                          0);
    }
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (everything_arrives_once_and_in_order),
    };
    return cmocka_run_group_tests (tests, s_setup, s_teardown);
}
