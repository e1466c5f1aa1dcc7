/*  Every cause for which a node drops something: the test makes it happen so
    many times, and its counter, and no other, moves by exactly that number.  */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "node/hub.h"
#include "tests/support/support_node.h"
#include "tests/support/support_peer.h"

typedef struct {
    covey_node_config_t config;
    covey_node_actor_t *node;
    support_crowd_t crowd;
    support_agent_t *watcher; /* asks for the counters                        */
    support_peer_t *peer;
    int64_t before[COVEY_DROP_COUNT];
} fixture_t;

static const char *const s_names[] = {
#define COVEY_X(name, text) [COVEY_DROP_##name] = text,
    COVEY_DROP_MAP (COVEY_X)
#undef COVEY_X
};
static bool s_tested[COVEY_DROP_COUNT];

static int
s_setup (void **state)
{
    fixture_t *self = calloc (1, sizeof *self);
    support_node_config (&self->config, "alpha");
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
s_read_counters (fixture_t *self, int64_t counters[COVEY_DROP_COUNT])
{
    char *json =
        support_ask (&self->crowd, self->watcher, "node", "mesh.status", NULL);
    const char *dropped = strstr (json, "\"dropped\"");
    assert_non_null (dropped);
    for (int i = 0; i < COVEY_DROP_COUNT; i++)
        counters[i] = support_json_int (dropped, s_names[i]);
    free (json);
}

static void
s_open (fixture_t *self)
{
    self->node = support_node_open (&self->config);
    self->watcher = support_agent (&self->crowd, self->node, "watcher");
    s_read_counters (self, self->before);
}

static int64_t
s_moved (fixture_t *self, covey_drop_t cause)
{
    int64_t now[COVEY_DROP_COUNT];
    s_read_counters (self, now);
    if (self->peer)
        support_peer_pump (self->peer, 0);
    return now[cause] - self->before[cause];
}

/*  Waits until it moved, and looks at all of them once more.                */
static void
s_expect (fixture_t *self, covey_drop_t cause, int64_t count)
{
    int64_t now[COVEY_DROP_COUNT];
    support_until (&self->crowd, s_moved (self, cause) >= count);
    s_read_counters (self, now);
    for (int i = 0; i < COVEY_DROP_COUNT; i++)
        if (now[i] - self->before[i] != (i == (int)cause ? count : 0))
            fail_msg ("dropped.%s moved by %lld", s_names[i],
                      (long long)(now[i] - self->before[i]));
    s_tested[cause] = true;
}

static support_agent_t *
s_agent (fixture_t *self, const char *id)
{
    return support_agent (&self->crowd, self->node, id);
}

/*  A peer made by hand that the node takes for a member.                    */
static support_peer_t *
s_meet (fixture_t *self)
{
    self->peer = support_peer_new (self->node);
    support_peer_hello (self->peer);
    support_peer_until (self->peer, self->peer->seen[COVEY_FRAME_PEER_HELLO] &&
                                        self->peer->node_epoch);
    return self->peer;
}

/* ------------------------------------------------------------------------ */

static void
bytes_that_are_no_frame (void **state)
{
    fixture_t *self = *state;
    s_open (self);
    support_agent_t *a = s_agent (self, "a");
    for (int i = 0; i < 7; i++)
        support_agent_send_raw (a, "rubbish", 7);
    s_expect (self, COVEY_DROP_MALFORMED_FRAME, 7);
}

static void
frames_of_nodes_that_did_not_say_hello (void **state)
{
    fixture_t *self = *state;
    s_open (self);
    self->peer = support_peer_new (self->node);
    Covey__Wire__DataAck ack = COVEY__WIRE__DATA_ACK__INIT;
    for (int i = 0; i < 5; i++)
        support_peer_send (self->peer, COVEY_FRAME_DATA_ACK, &ack.base, NULL,
                           0);
    s_expect (self, COVEY_DROP_STRANGER_FRAME, 5);
    support_peer_until (self->peer,
                        self->peer->seen[COVEY_FRAME_PEER_REFUSE] == 5);
    assert_int_equal (self->peer->refused_code, COVEY_NOTFOUND);
}

static void
broadcasts_for_an_agent_whose_queue_is_full (void **state)
{
    fixture_t *self = *state;
    self->config.session_events_max = 50;
    s_open (self);
    support_agent_t *a = s_agent (self, "a");
    support_agent_t *b = s_agent (self, "b");
    b->hoard = true;
    for (int i = 0; i < 50; i++)
        support_agent_publish (a, support_message (a, "b", "x"),
                               COVEY_LEVEL_ACCEPTED, 0);
    support_until (&self->crowd, a->accepted == 50);
    for (int i = 0; i < 10; i++)
        support_agent_publish (a, support_broadcast (a, "t"),
                               COVEY_LEVEL_ACCEPTED, 0);
    s_expect (self, COVEY_DROP_SESSION_FULL, 10);
    support_until (&self->crowd, b->gap_events == 10);
}

static void
events_past_their_ttl (void **state)
{
    fixture_t *self = *state;
    s_open (self);
    support_agent_t *a = s_agent (self, "a");
    support_agent_t *b = s_agent (self, "b");
    for (int i = 0; i < 4; i++) {
        covey_event_t *event = support_message (a, "b", "x");
        int64_t then_us = covey_event_timestamp_us (event) - 60 * 1000000;
        assert_int_equal (covey_event_set_ttl_ms (event, 10), COVEY_OK);
        assert_int_equal (covey_event_set_timestamp_us (event, then_us),
                          COVEY_OK);
        support_agent_publish (a, event, COVEY_LEVEL_ACCEPTED, 0);
    }
    s_expect (self, COVEY_DROP_EXPIRED, 4);
    assert_int_equal (b->events_seen, 0);
}

static void
events_for_an_agent_that_left (void **state)
{
    fixture_t *self = *state;
    s_open (self);
    support_agent_t *a = s_agent (self, "a");
    support_agent_t *b = s_agent (self, "b");
    b->hoard = true;
    for (int i = 0; i < 6; i++)
        support_agent_publish (a, support_message (a, "b", "x"),
                               COVEY_LEVEL_ACCEPTED, 0);
    support_until (&self->crowd, a->accepted == 6);
    support_agent_bye (&self->crowd, b);
    s_expect (self, COVEY_DROP_AGENT_GONE, 6);
    support_until (&self->crowd, a->undelivered == 6);
}

static void
publishes_that_are_refused (void **state)
{
    fixture_t *self = *state;
    s_open (self);
    support_agent_t *a = s_agent (self, "a");
    for (int i = 0; i < 3; i++)
        support_agent_publish (a, support_message (a, "nobody", "x"),
                               COVEY_LEVEL_ACCEPTED, 0);
    s_expect (self, COVEY_DROP_PUBLISH_REFUSED, 3);
    support_until (&self->crowd, a->refused == 3);
}

/*  The peer tells of an agent that it hosts, takes nothing, and leaves.     */
static void
events_for_a_node_that_left (void **state)
{
    fixture_t *self = *state;
    s_open (self);
    support_agent_t *a = s_agent (self, "a");
    support_peer_t *peer = s_meet (self);
    Covey__Wire__View view = COVEY__WIRE__VIEW__INIT;
    Covey__Wire__AgentInfo info = COVEY__WIRE__AGENT_INFO__INIT;
    Covey__Wire__AgentInfo *list[] = {&info};
    uint8_t session[16] = {1};
    info.agent_id = "far";
    info.has_node_id = info.has_session_id = true;
    info.node_id.data = peer->id.bytes;
    info.session_id.data = session;
    info.node_id.len = info.session_id.len = 16;
    view.has_full = view.full = true;
    view.n_agents = 1;
    view.agents = list;
    support_peer_item (peer, COVEY_ITEM_DIRECTORY, &view.base);
    support_agents_wait (self->node, 3);
    peer->hoard = true;
    for (int i = 0; i < 8; i++)
        support_agent_publish (a, support_message (a, "far", "x"),
                               COVEY_LEVEL_ACCEPTED, 0);
    support_until (&self->crowd, a->accepted == 8);
    Covey__Wire__Goodbye goodbye = COVEY__WIRE__GOODBYE__INIT;
    support_peer_send (peer, COVEY_FRAME_GOODBYE, &goodbye.base, NULL, 0);
    s_expect (self, COVEY_DROP_PEER_FAILED, 8);
    support_until (&self->crowd, a->undelivered == 8);
}

/*  Numbers 2, 3 and 4 never come, and nobody has them.                      */
static void
broadcasts_that_nobody_has_any_more (void **state)
{
    fixture_t *self = *state;
    s_open (self);
    support_agent_t *a = s_agent (self, "a");
    support_peer_t *peer = s_meet (self);
    covey_buf_t packed;
    covey_buf_init (&packed, COVEY_EVENT_MAX);
    covey_event_t *event = support_broadcast (self->watcher, "t");
    assert_int_equal (covey_event_pack (event, &packed, NULL), COVEY_OK);
    covey_event_destroy (&event);
    support_until (&self->crowd, (support_peer_pump (peer, 0),
                                  peer->seen[COVEY_FRAME_DATA] > 0));
    size_t seen = a->events_seen;
    int64_t end_ms = support_node_now_ms () + SUPPORT_NODE_WAIT_MS;
    while (a->events_seen == seen) { /* its subscription has to come first    */
        assert_true (support_node_now_ms () < end_ms);
        support_peer_cast (peer, COVEY_EVENT_BROADCAST, 1, packed.data,
                           packed.size);
        support_peer_pump (peer, 5);
        support_pump (&self->crowd, 5);
    }
    support_peer_cast (peer, COVEY_EVENT_BROADCAST, 5, packed.data,
                       packed.size);
    support_peer_until (peer, peer->items[COVEY_ITEM_REPAIR_REQUEST] > 0);
    Covey__Wire__Repair repair = COVEY__WIRE__REPAIR__INIT;
    repair.topic = (uint32_t)'E' << 16 | COVEY_EVENT_BROADCAST;
    repair.first = 2;
    repair.last = 4;
    support_peer_item (peer, COVEY_ITEM_REPAIR, &repair.base);
    s_expect (self, COVEY_DROP_BROADCAST_LOST, 3);
    support_until (&self->crowd, a->gap_events == 3);
    covey_buf_deinit (&packed);
}

static void
notices_for_an_agent_that_is_not_here (void **state)
{
    fixture_t *self = *state;
    s_open (self);
    support_peer_t *peer = s_meet (self);
    Covey__Wire__Undelivered notice = COVEY__WIRE__UNDELIVERED__INIT;
    uint8_t id[16] = {1}, item[512];
    notice.event_id.data = id;
    notice.event_id.len = 16;
    notice.target = "far";
    notice.code = COVEY_NOAGENT;
    notice.text = "gone";
    memcpy (item, "\x02\x05ghost", 7);
    size_t size = 7 + covey__wire__undelivered__pack (&notice, item + 7);
    for (uint64_t i = 1; i <= 3; i++) {
        Covey__Wire__Data data = COVEY__WIRE__DATA__INIT;
        data.epoch = peer->epoch;
        data.first_seq = i;
        data.recv_epoch = peer->node_epoch;
        support_peer_send (peer, COVEY_FRAME_DATA, &data.base, item, size);
    }
    s_expect (self, COVEY_DROP_NOTICE, 3);
}

/*  It asks for more repairs than fit on a link that it does not acknowledge;
    what it got in the end and what was dropped is what it asked for.         */
static void
repairs_that_do_not_fit_on_a_link (void **state)
{
    enum { ASKED = 20000 };
    fixture_t *self = *state;
    self->config.link_events_max = 64;
    s_open (self);
    support_peer_t *peer = s_meet (self);
    peer->hoard = true;
    Covey__Wire__RepairRequest request = COVEY__WIRE__REPAIR_REQUEST__INIT;
    request.topic = (uint32_t)'E' << 16 | COVEY_EVENT_BROADCAST;
    request.first = request.last = 1;
    for (int i = 0; i < ASKED; i++) {
        support_peer_item (peer, COVEY_ITEM_REPAIR_REQUEST, &request.base);
        if (i % 100 == 0)
            support_peer_pump (peer, 0);
    }
    support_until (&self->crowd, s_moved (self, COVEY_DROP_LINK_FULL) > 0);
    peer->hoard = false;
    int64_t full;
    do {
        full = s_moved (self, COVEY_DROP_LINK_FULL);
        support_peer_pump (peer, 5);
        support_pump (&self->crowd, 0);
    } while (full + (int64_t)peer->items[COVEY_ITEM_REPAIR] < ASKED);
    s_expect (self, COVEY_DROP_LINK_FULL,
              ASKED - (int64_t)peer->items[COVEY_ITEM_REPAIR]);
}

static void
journals_that_no_persister_is_here_for (void **state)
{
    fixture_t *self = *state;
    s_open (self);
    support_peer_t *peer = s_meet (self);
    Covey__Wire__Journal journal = COVEY__WIRE__JOURNAL__INIT;
    journal.origin.data = peer->id.bytes;
    journal.origin.len = 16;
    journal.first_seq = 1;
    uint8_t item[64] = {COVEY_ITEM_JOURNAL};
    size_t size = covey__wire__journal__pack (&journal, item + 5);
    item[1] = (uint8_t)size;
    for (uint64_t i = 1; i <= 2; i++) {
        Covey__Wire__Data data = COVEY__WIRE__DATA__INIT;
        data.epoch = peer->epoch;
        data.first_seq = i;
        data.recv_epoch = peer->node_epoch;
        support_peer_send (peer, COVEY_FRAME_DATA, &data.base, item, 5 + size);
    }
    s_expect (self, COVEY_DROP_JOURNAL_ITEM, 2);
}

/*  One publish too many waits until its deadline; the others until taken.   */
/*  Nobody of that id is in the mesh.                                        */
static void
words_between_coordinators_without_a_way (void **state)
{
    fixture_t *self = *state;
    s_open (self);
    Covey__Wire__Hello hello = COVEY__WIRE__HELLO__INIT;
    hello.service = (char *)COVEY_SERVICE_COORDINATOR;
    support_agent_t *coordinator =
        support_agent_at (&self->crowd, covey_node_actor_inproc (self->node),
                          COVEY_SERVICE_COORDINATOR, &hello);
    covey_id_t nobody = covey_id_new ();
    Covey__Wire__Control header = COVEY__WIRE__CONTROL__INIT;
    header.node_id.data = nobody.bytes;
    header.node_id.len = sizeof nobody.bytes;
    covey_session_send_item (coordinator->session, COVEY_FRAME_CONTROL,
                             &header.base, "x", 1);
    s_expect (self, COVEY_DROP_CONTROL, 1);
}

static void
times_in_queues_are_measured (void **state)
{
    fixture_t *self = *state;
    self->config.session_events_max = 5;
    s_open (self);
    support_agent_t *a = s_agent (self, "a");
    support_agent_t *b = s_agent (self, "b");
    b->hoard = true;
    for (int i = 0; i < 6; i++)
        support_agent_publish (a, support_message (a, "b", "x"),
                               COVEY_LEVEL_ACCEPTED, 300);
    support_until (&self->crowd, a->accepted == 5 && a->refused == 1);
    char *json =
        support_ask (&self->crowd, self->watcher, "node", "mesh.status", NULL);
    const char *times = strstr (json, "\"queueTime\"");
    const char *held = times ? strstr (times, "\"held\"") : NULL;
    const char *session = times ? strstr (times, "\"session\"") : NULL;
    assert_true (held && session);
    assert_int_equal (support_json_int (held, "count"), 1);
    assert_true (support_json_int (held, "maxMs") >= 300);
    assert_true (support_json_int (held, "p99Ms") >= 300);
    assert_true (support_json_int (session, "count") >= 5);
    free (json);
}

static void
no_cause_was_forgotten (void **state)
{
    (void)state;
    for (int i = 0; i < COVEY_DROP_COUNT; i++)
        if (!s_tested[i])
            fail_msg ("no test makes \"%s\" happen", s_names[i]);
}

#define CASE(name) cmocka_unit_test_setup_teardown (name, s_setup, s_teardown)

int
main (void)
{
    const struct CMUnitTest tests[] = {
        CASE (bytes_that_are_no_frame),
        CASE (frames_of_nodes_that_did_not_say_hello),
        CASE (broadcasts_for_an_agent_whose_queue_is_full),
        CASE (events_past_their_ttl),
        CASE (events_for_an_agent_that_left),
        CASE (publishes_that_are_refused),
        CASE (events_for_a_node_that_left),
        CASE (broadcasts_that_nobody_has_any_more),
        CASE (notices_for_an_agent_that_is_not_here),
        CASE (repairs_that_do_not_fit_on_a_link),
        CASE (journals_that_no_persister_is_here_for),
        CASE (words_between_coordinators_without_a_way),
        CASE (times_in_queues_are_measured),
        cmocka_unit_test (no_cause_was_forgotten),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
