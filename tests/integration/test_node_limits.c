/*  One node at its limits: full queues, lost connections, taken places.     */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/support_dir.h"
#include "tests/support/support_node.h"

typedef struct {
    covey_node_config_t config;
    covey_node_actor_t *node;
    support_crowd_t crowd;
    char folder[SUPPORT_DIR_SIZE];
    char ipc[SUPPORT_DIR_SIZE + 32];
} fixture_t;

static int
s_setup (void **state)
{
    fixture_t *self = calloc (1, sizeof *self);
    support_dir_make (self->folder);
    snprintf (self->ipc, sizeof self->ipc, "ipc://%s/agents.sock",
              self->folder);
    support_node_config (&self->config, "alpha");
    *state = self;
    return 0;
}

static int
s_teardown (void **state)
{
    fixture_t *self = *state;
    support_crowd_end (&self->crowd);
    covey_node_actor_destroy (&self->node);
    support_dir_remove (self->folder);
    free (self);
    return 0;
}

static support_agent_t *
s_agent (fixture_t *self, const char *id)
{
    return support_agent (&self->crowd, self->node, id);
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
test_full_agent_takes_no_messages_and_hears_of_broadcasts (void **state)
{
    fixture_t *self = *state;
    self->config.session_events_max = 50;
    self->node = support_node_open (&self->config);
    support_agent_t *a = s_agent (self, "a");
    support_agent_t *b = s_agent (self, "b");
    b->hoard = true;
    for (int i = 0; i < 80; i++)
        support_agent_publish (a, support_message (a, "b", "x"),
                               COVEY_LEVEL_ACCEPTED, 0);
    support_until (&self->crowd, a->accepted == 50 && a->refused == 30);
    assert_int_equal (a->refused_code, COVEY_EAGAIN);
    assert_non_null (strstr (a->refused_text, "agent b"));
    for (int i = 0; i < 10; i++)
        support_agent_publish (a, support_broadcast (a, "t"),
                               COVEY_LEVEL_ACCEPTED, 0);
    support_until (&self->crowd, b->gap_events == 10);
    assert_int_equal (s_status (self, a, "sessionFull"), 10);
    assert_int_equal (b->events_seen, 50);
}

/*  Publish to `to` until the first is refused; how many were not.           */
static size_t
s_fill (fixture_t *self, support_agent_t *from, const char *to)
{
    size_t published = 0;
    uint64_t refused = from->refused;
    while (from->refused == refused) {
        support_agent_publish (from, support_message (from, to, "x"),
                               COVEY_LEVEL_ACCEPTED, 0);
        published++;
        support_until (&self->crowd,
                       from->accepted + from->refused == published + refused);
    }
    assert_int_equal (from->refused_code, COVEY_EAGAIN);
    return published - 1;
}

/*  Its node says so, and publishers are held back as if it was here.         */
static void
test_full_agent_of_another_node_stops_publishers (void **state)
{
    fixture_t *self = *state;
    self->config.session_events_max = 50;
    self->node = support_node_open (&self->config);
    covey_node_actor_t *other =
        support_node ("beta", covey_node_actor_endpoint (self->node));
    support_nodes_wait (other, 2);
    support_agent_t *a = support_agent (&self->crowd, other, "a");
    support_agent_t *b = s_agent (self, "b");
    support_agent_t *c = s_agent (self, "c");
    support_agents_wait (other, 3);
    b->hoard = true;
    size_t count = s_fill (self, a, "b");
    assert_non_null (strstr (a->refused_text, "agent b on node alpha"));
    assert_int_equal (s_status (self, a, "agentsStopped"), 1);
    assert_int_equal (s_status (self, a, "refusedAgent"), 1);
    assert_int_equal (s_status (self, c, "flowStops"), 1);
    /* Others on that node are not concerned. */
    a->accepted = a->refused = 0;
    size_t seen = c->event_count;
    for (size_t i = 1; i <= 20; i++) {
        support_agent_publish (a, support_message (a, "c", "x"),
                               COVEY_LEVEL_ACCEPTED, 0);
        support_until (&self->crowd,
                       a->accepted == i && c->event_count == seen + i);
    }
    /* Whoever waits gets through when it goes on, and nothing was lost. */
    support_agent_publish (a, support_message (a, "b", "x"),
                           COVEY_LEVEL_ACCEPTED, 20000);
    support_agent_catch_up (b);
    support_until (&self->crowd,
                   a->accepted == 21 && b->events_seen == count + 1);
    assert_int_equal (a->refused, 0);
    assert_int_equal (a->undelivered, 0);
    assert_int_equal (s_status (self, a, "agentsStopped"), 0);
    assert_int_equal (s_status (self, c, "flowGoes"), 1);
    covey_node_actor_destroy (&other);
}

/*  More than all queues on the way can take: what is behind waits here.      */
static void
test_nothing_is_lost_before_a_full_agent (void **state)
{
    enum { COUNT = 20000 };
    fixture_t *self = *state;
    self->config.session_events_max = 1000;
    self->node = support_node_open (&self->config);
    covey_node_actor_t *other =
        support_node ("beta", covey_node_actor_endpoint (self->node));
    support_nodes_wait (other, 2);
    support_agent_t *a = support_agent (&self->crowd, other, "a");
    support_agent_t *b = s_agent (self, "b");
    support_agent_t *c = s_agent (self, "c");
    support_agents_wait (other, 3);
    b->hoard = true;
    for (int i = 0; i < COUNT; i++) {
        char text[16];
        snprintf (text, sizeof text, "%d", i);
        support_agent_publish (a, support_message (a, "b", text),
                               COVEY_LEVEL_ACCEPTED, 20000);
        if (i % 500 == 0)
            support_pump (&self->crowd, 0);
    }
    support_until (&self->crowd, s_status (self, c, "flowStops") == 1);
    support_agent_catch_up (b);
    support_until (&self->crowd,
                   b->events_seen == COUNT && a->accepted == COUNT);
    assert_int_equal (a->refused, 0);
    assert_int_equal (a->undelivered, 0);
    for (int i = 0; i < COUNT; i++) {
        covey_content_t content;
        const char *text =
            covey_event_payload (b->events[i], "content", &content, NULL);
        assert_int_equal (strtol (text, NULL, 10), i);
    }
    covey_node_actor_destroy (&other);
}

/*  Who comes later is told what it missed; an agent that leaves is forgotten.
 */
static void
test_new_node_hears_which_agents_are_full (void **state)
{
    fixture_t *self = *state;
    self->config.session_events_max = 50;
    self->node = support_node_open (&self->config);
    support_agent_t *a = s_agent (self, "a");
    support_agent_t *b = s_agent (self, "b");
    b->hoard = true;
    assert_int_equal (s_fill (self, a, "b"), 50);
    for (int round = 0; round < 2; round++) {
        covey_node_actor_t *other =
            support_node ("beta", covey_node_actor_endpoint (self->node));
        support_nodes_wait (other, 2);
        support_agent_t *far = support_agent (&self->crowd, other, "far");
        support_until (&self->crowd,
                       s_status (self, far, "agentsStopped") == 1);
        support_agent_publish (far, support_message (far, "b", "x"),
                               COVEY_LEVEL_ACCEPTED, 0);
        support_until (&self->crowd, far->refused == 1);
        assert_int_equal (far->refused_code, COVEY_EAGAIN);
        if (round == 1) {
            support_agent_bye (&self->crowd, b);
            support_until (&self->crowd,
                           s_status (self, far, "agentsStopped") == 0);
        }
        support_agent_kill (&self->crowd, far);
        covey_node_actor_destroy (&other);
    }
}

static void
test_full_outbox_refuses_or_waits_in_order (void **state)
{
    fixture_t *self = *state;
    self->config.outbox_events_max = 10;
    self->node = support_node_open (&self->config);
    support_agent_t *a = s_agent (self, "a");
    support_agent_t *b = s_agent (self, "b");
    for (int i = 0; i < 10; i++)
        support_agent_publish (a, support_message (a, "b", "x"),
                               COVEY_LEVEL_ACCEPTED, 0);
    support_until (&self->crowd, a->accepted == 10);
    support_agent_publish (a, support_message (a, "b", "x"),
                           COVEY_LEVEL_ACCEPTED, 0);
    support_until (&self->crowd, a->refused == 1);
    assert_int_equal (a->refused_code, COVEY_EAGAIN);
    assert_non_null (strstr (a->refused_text, "outbox"));
    /* What may wait does, and keeps its place in front of what may not. */
    int64_t start_ms = support_node_now_ms ();
    support_agent_publish (a, support_message (a, "b", "x"),
                           COVEY_LEVEL_ACCEPTED, 300);
    support_agent_publish (a, support_message (a, "b", "x"),
                           COVEY_LEVEL_ACCEPTED, 0);
    support_until (&self->crowd, a->refused == 3);
    assert_true (support_node_now_ms () - start_ms >= 290);
    /* The mesh's own questions need no room. */
    assert_int_equal (s_status (self, a, "outbox"), 10);
    assert_int_equal (b->events_seen, 10);
}

static void
test_held_publish_goes_on_when_there_is_room (void **state)
{
    fixture_t *self = *state;
    self->config.outbox_events_max = 5;
    self->node = support_node_open (&self->config);
    support_agent_t *a = s_agent (self, "a");
    support_agent_t *b = s_agent (self, "b");
    for (int i = 0; i < 8; i++)
        support_agent_publish (a, support_message (a, "b", "x"),
                               COVEY_LEVEL_ACCEPTED, 10000);
    support_until (&self->crowd, b->events_seen == 5);
    /* A persister comes, and takes what is there. */
    Covey__Wire__Hello hello = COVEY__WIRE__HELLO__INIT;
    hello.service = (char *)"persister";
    support_agent_t *persister =
        support_agent_at (&self->crowd, covey_node_actor_inproc (self->node),
                          "persister", &hello);
    persister->on_frame = support_persist;
    support_until (&self->crowd, b->events_seen == 8 && a->accepted == 8);
    assert_int_equal (a->refused, 0);
}

static void
test_session_that_comes_back_misses_nothing (void **state)
{
    fixture_t *self = *state;
    self->node = support_node_open (&self->config);
    support_agent_t *a = s_agent (self, "a");
    support_agent_t *b = s_agent (self, "b");
    support_agent_subscribe (b, 1, COVEY_EVENT_TASK_PARKED, false);
    support_until (&self->crowd, b->subscribed == 1);
    b->mute = true; /* its connection is gone, its process is not             */
    covey_session_close (b->session, NULL);
    for (int i = 0; i < 100; i++)
        support_agent_publish (a, support_message (a, "b", "x"),
                               COVEY_LEVEL_ACCEPTED, 0);
    support_until (&self->crowd, a->accepted == 100);
    b->mute = false;
    b->opened = false;
    support_agent_redial (b, covey_node_actor_inproc (self->node));
    support_until (&self->crowd, b->opened && b->events_seen == 100);
    assert_int_equal (s_status (self, a, "sessionsResumed"), 1);
    assert_int_equal (a->undelivered, 0);
}

/*  Whoever missed the receipts must not take a refused event for accepted.   */
static void
test_resumed_session_knows_all_refusals (void **state)
{
    enum { COUNT = 3000 };
    fixture_t *self = *state;
    self->node = support_node_open (&self->config);
    support_agent_t *a = s_agent (self, "a");
    support_agent_t *b = s_agent (self, "b");
    for (int i = 0; i < COUNT; i++)
        support_agent_publish (a, support_message (a, "ghost", "x"),
                               COVEY_LEVEL_ACCEPTED, 0);
    covey_session_flush (a->session, support_node_now_ms ());
    a->mute = true;
    support_until (&self->crowd, s_status (self, b, "publishRefused") == COUNT);
    covey_session_close (a->session, NULL);
    a->mute = false;
    support_agent_redial (a, covey_node_actor_inproc (self->node));
    support_until (&self->crowd, a->accepted + a->refused >= COUNT);
    assert_int_equal (a->refused, COUNT);
}

/*  Its receipts went into a connection that nobody reads any more.           */
/*  What an observer here misses is announced by number, as from other nodes. */
static void
test_full_observer_hears_what_it_missed (void **state)
{
    enum { ROOM = 50, COUNT = 80 };
    fixture_t *self = *state;
    self->config.session_events_max = ROOM;
    self->node = support_node_open (&self->config);
    support_agent_t *a = s_agent (self, "a");
    support_agent_t *b = s_agent (self, "b");
    support_agent_t *watcher = s_agent (self, "watcher");
    support_agent_subscribe (watcher, 1, COVEY_EVENT_MESSAGE_SENT, true);
    support_until (&self->crowd, watcher->subscribed == 1);
    watcher->hoard = true;
    for (int i = 0; i < COUNT; i++)
        support_agent_publish (a, support_message (a, "b", "x"),
                               COVEY_LEVEL_ACCEPTED, 5000);
    support_until (&self->crowd,
                   a->accepted == COUNT && b->events_seen == COUNT);
    support_until (&self->crowd, watcher->events_seen == ROOM);
    support_until (&self->crowd, watcher->gap_events == COUNT - ROOM);
    assert_int_equal (watcher->gap_first, ROOM + 1);
    assert_memory_equal (watcher->gap_node, self->config.node_id.bytes, 16);
}

static void
test_resumed_session_hears_what_was_stored_and_came_back (void **state)
{
    enum { COUNT = 700 };
    fixture_t *self = *state;
    self->node = support_node_open (&self->config);
    const char *inproc = covey_node_actor_inproc (self->node);
    Covey__Wire__Hello patient = COVEY__WIRE__HELLO__INIT;
    patient.has_grace_ms = true;
    patient.grace_ms = 60000;
    support_agent_t *a = support_agent_at (&self->crowd, inproc, "a", &patient);
    support_agent_t *b = s_agent (self, "b");
    support_agent_t *c = s_agent (self, "c");
    b->hoard = true;
    for (int i = 0; i < COUNT; i++)
        support_agent_publish (a,
                               support_message (a, i % 100 ? NULL : "b", "x"),
                               COVEY_LEVEL_STORED, 5000);
    support_until (&self->crowd,
                   a->accepted == COUNT && b->events_seen == COUNT / 100);
    a->mute = true;
    Covey__Wire__Hello hello = COVEY__WIRE__HELLO__INIT;
    hello.service = (char *)"persister";
    support_agent_t *persister =
        support_agent_at (&self->crowd, inproc, "persister", &hello);
    persister->on_frame = support_persist;
    support_agent_bye (&self->crowd, b);
    support_until (&self->crowd,
                   s_status (self, c, "noticesKept") == COUNT + COUNT / 100);
    assert_int_equal (a->stored + a->undelivered, 0);
    covey_session_close (a->session, NULL);
    a->mute = false;
    support_agent_redial (a, inproc);
    support_until (&self->crowd, a->stored == COUNT);
    support_until (&self->crowd, a->undelivered == COUNT / 100);
    assert_true (s_status (self, c, "noticesResent") > 0);
    /* The agent acknowledges with its next ping at the latest. */
    support_until (&self->crowd, s_status (self, c, "noticesKept") == 0);
    assert_int_equal (s_status (self, c, "notice"), 0);
    assert_int_equal (a->stored, COUNT);
}

static void
test_unsubscribed_while_away_is_forgotten (void **state)
{
    fixture_t *self = *state;
    self->node = support_node_open (&self->config);
    support_agent_t *a = s_agent (self, "a");
    support_agent_t *b = s_agent (self, "b");
    support_agent_subscribe (b, 1, COVEY_EVENT_TASK_PARKED, false);
    support_agent_subscribe (b, 2, COVEY_EVENT_TASK_FAILED, false);
    support_until (&self->crowd, b->subscribed == 2);
    assert_int_equal (s_status (self, a, "subscriptions"), 2);
    b->mute = true;
    covey_session_close (b->session, NULL);
    covey_session_unsubscribe (b->session, 1);
    b->mute = false;
    support_agent_redial (b, covey_node_actor_inproc (self->node));
    support_until (&self->crowd, s_status (self, a, "subscriptions") == 1);
}

static void
test_expired_event_is_accepted_but_not_delivered (void **state)
{
    fixture_t *self = *state;
    self->node = support_node_open (&self->config);
    support_agent_t *a = s_agent (self, "a");
    support_agent_t *b = s_agent (self, "b");
    covey_event_t *event = support_message (a, "b", "x");
    assert_int_equal (covey_event_set_ttl_ms (event, 10), COVEY_OK);
    assert_int_equal (
        covey_event_set_timestamp_us (event, covey_event_timestamp_us (event) -
                                                 60 * 1000000),
        COVEY_OK);
    support_agent_publish (a, event, COVEY_LEVEL_ACCEPTED, 0);
    support_until (&self->crowd, a->accepted == 1);
    assert_int_equal (s_status (self, a, "expired"), 1);
    assert_int_equal (b->events_seen, 0);
}

static void
test_paused_agent_gets_everything_later (void **state)
{
    fixture_t *self = *state;
    self->node = support_node_open (&self->config);
    support_agent_t *a = s_agent (self, "a");
    support_agent_t *b = s_agent (self, "b");
    covey_session_flow (b->session, true);
    free (support_ask (&self->crowd, a, "node", "mesh.nodes", NULL));
    size_t before = b->events_seen;
    support_agent_publish (a, support_message (a, "b", "x"),
                           COVEY_LEVEL_ACCEPTED, 0);
    support_until (&self->crowd, a->accepted == 2);
    support_pump_for (&self->crowd, 50);
    assert_int_equal (b->events_seen, before);
    covey_session_flow (b->session, false);
    support_until (&self->crowd, b->events_seen == before + 1);
}

static void
test_agents_over_ipc_and_tcp (void **state)
{
    fixture_t *self = *state;
    const char *sessions[] = {self->ipc, "tcp://127.0.0.1:*"};
    self->config.sessions = sessions;
    self->config.session_count = 2;
    self->node = support_node_open (&self->config);
    assert_string_equal (covey_node_actor_session (self->node), self->ipc);
    support_agent_t *a = support_agent_at (&self->crowd, self->ipc, "a", NULL);
    support_agent_t *b = s_agent (self, "b");
    support_agent_publish (a, support_message (a, "b", "x"),
                           COVEY_LEVEL_ACCEPTED, 0);
    support_agent_publish (b, support_message (b, "a", "x"),
                           COVEY_LEVEL_ACCEPTED, 0);
    support_until (&self->crowd, a->events_seen && b->events_seen);
    /* Services live in the node's own process. */
    Covey__Wire__Hello hello = COVEY__WIRE__HELLO__INIT;
    hello.service = (char *)"persister";
    support_agent_t *rogue =
        support_agent_dial (&self->crowd, self->ipc, "persister", &hello);
    support_until (&self->crowd, rogue->closed);
    assert_int_equal (rogue->closed_code, COVEY_DENIED);
    assert_true (rogue->final);
}

static void
test_busy_port_is_named (void **state)
{
    fixture_t *self = *state;
    self->node = support_node_open (&self->config);
    covey_node_config_t second;
    support_node_config (&second, "beta");
    const char *colon = strrchr (covey_node_actor_endpoint (self->node), ':');
    second.port = (int)strtol (colon + 1, NULL, 10);
    covey_node_actor_t *node = NULL;
    covey_errbuf_t err;
    assert_int_equal (covey_node_actor_new (&second, &node, &err), COVEY_IO);
    assert_null (node);
    char port[16];
    snprintf (port, sizeof port, "%d", second.port);
    assert_non_null (strstr (err.text, port));
}

static void
test_old_socket_file_is_replaced_a_live_one_is_not (void **state)
{
    fixture_t *self = *state;
    const char *sessions[] = {self->ipc};
    self->config.sessions = sessions;
    self->config.session_count = 1;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf (address.sun_path, sizeof address.sun_path, "%s", self->ipc + 6);
    int fd = socket (AF_UNIX, SOCK_STREAM, 0);
    assert_true (fd >= 0);
    assert_int_equal (bind (fd, (struct sockaddr *)&address, sizeof address),
                      0);
    assert_int_equal (listen (fd, 1), 0);
    covey_errbuf_t err;
    assert_int_equal (covey_node_actor_new (&self->config, &self->node, &err),
                      COVEY_BUSY);
    assert_non_null (strstr (err.text, self->ipc + 6));
    assert_int_equal (access (self->ipc + 6, F_OK), 0);
    close (fd); /* as after kill -9: the file stays                           */
    self->node = support_node_open (&self->config);
    support_agent_at (&self->crowd, self->ipc, "a", NULL);
}

static void
test_file_that_is_no_socket_is_left_alone (void **state)
{
    fixture_t *self = *state;
    const char *sessions[] = {self->ipc};
    self->config.sessions = sessions;
    self->config.session_count = 1;
    FILE *file = fopen (self->ipc + 6, "w");
    assert_non_null (file);
    fclose (file);
    covey_errbuf_t err;
    assert_int_equal (covey_node_actor_new (&self->config, &self->node, &err),
                      COVEY_EXISTS);
    struct stat info;
    assert_int_equal (stat (self->ipc + 6, &info), 0);
}

static void
test_garbage_is_counted_and_survived (void **state)
{
    fixture_t *self = *state;
    self->node = support_node_open (&self->config);
    support_agent_t *a = s_agent (self, "a");
    static const struct {
        const char *bytes;
        size_t size;
    } rows[] = {{"", 0},
                {"\x02", 1},
                {"\x02\x01\xff\xff\xff\xff", 6},
                {"\x02\x01\x02\x00\x00\x00\xff\xff", 8},
                {"\x7f\x01\x00\x00\x00\x00", 6},
                {"\x01\x01\x00\x00\x00\x00", 6}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        support_agent_send_raw (a, rows[i].bytes, rows[i].size);
    support_until (&self->crowd, s_status (self, a, "malformedFrame") == 6);
    assert_true (a->opened);
}

static void
test_bad_configuration_is_refused (void **state)
{
    fixture_t *self = *state;
    covey_errbuf_t err;
    covey_node_config_t config = self->config;
    config.probe_timeout_ms = config.probe_ms;
    assert_int_equal (covey_node_actor_new (&config, &self->node, &err),
                      COVEY_INVALID);
    config = self->config;
    config.peers_max = 0;
    assert_int_equal (covey_node_actor_new (&config, &self->node, &err),
                      COVEY_INVALID);
    assert_null (self->node);
}

int
main (void)
{
#define CASE(name) cmocka_unit_test_setup_teardown (name, s_setup, s_teardown)
    const struct CMUnitTest tests[] = {
        CASE (test_full_agent_takes_no_messages_and_hears_of_broadcasts),
        CASE (test_full_agent_of_another_node_stops_publishers),
        CASE (test_nothing_is_lost_before_a_full_agent),
        CASE (test_new_node_hears_which_agents_are_full),
        CASE (test_full_outbox_refuses_or_waits_in_order),
        CASE (test_held_publish_goes_on_when_there_is_room),
        CASE (test_session_that_comes_back_misses_nothing),
        CASE (test_resumed_session_knows_all_refusals),
        CASE (test_full_observer_hears_what_it_missed),
        CASE (test_resumed_session_hears_what_was_stored_and_came_back),
        CASE (test_unsubscribed_while_away_is_forgotten),
        CASE (test_expired_event_is_accepted_but_not_delivered),
        CASE (test_paused_agent_gets_everything_later),
        CASE (test_agents_over_ipc_and_tcp),
        CASE (test_busy_port_is_named),
        CASE (test_old_socket_file_is_replaced_a_live_one_is_not),
        CASE (test_file_that_is_no_socket_is_left_alone),
        CASE (test_garbage_is_counted_and_survived),
        CASE (test_bad_configuration_is_refused),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
