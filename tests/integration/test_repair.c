/*  Broadcasts that are out of their publisher's ring are repaired from the
    persister's journal: a node with a ring of four, a persister on another
   node, and a peer of the test's own that asks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zmq.h>

#include "node/link.h"
#include "node/replay.h"
#include "persist/persister_actor.h"
#include "tests/support/support_dir.h"
#include "tests/support/support_node.h"

#define RING 4
#define COUNT 20

typedef struct {
    char folder[SUPPORT_DIR_SIZE];
    covey_node_actor_t *nodes[2];
    covey_persister_config_t config;
    covey_persister_actor_t *persister;
    support_crowd_t crowd;
    support_agent_t *agent;
    /* the peer                                                               */
    void *context, *router, *dealer;
    char endpoint[128];
    covey_link_t *link;
    int64_t hello_ms;
    Covey__Wire__Repair *repair; /* the last answer                           */
} s_self_t;

static bool
s_on_send (void *arg, const covey_buf_t *frame)
{
    s_self_t *self = arg;
    return zmq_send (self->dealer, frame->data, frame->size, ZMQ_DONTWAIT) >= 0;
}

static void
s_on_item (void *arg, uint8_t kind, const uint8_t *body, size_t size)
{
    s_self_t *self = arg;
    if (kind != COVEY_ITEM_REPAIR)
        return;
    assert_null (self->repair);
    self->repair = (Covey__Wire__Repair *)covey_wire_unpack (
        &covey__wire__repair__descriptor, body, size);
    assert_non_null (self->repair);
}

static void
s_say_hello (s_self_t *self)
{
    uint8_t id[16] = {0x77};
    Covey__Wire__NodeInfo own = COVEY__WIRE__NODE_INFO__INIT;
    own.node_id.data = id;
    own.node_id.len = sizeof id;
    own.name = (char *)"test peer";
    own.endpoint = self->endpoint;
    own.pub_endpoint = self->endpoint;
    own.version = (char *)"0";
    own.has_epoch = own.has_incarnation = true;
    own.epoch = 1;
    own.incarnation = 1;
    Covey__Wire__PeerHello hello = COVEY__WIRE__PEER_HELLO__INIT;
    hello.protocol_min = hello.protocol_max = COVEY_PROTOCOL_VERSION;
    hello.mesh = (char *)"test";
    hello.node = &own;
    hello.has_reply = true;
    hello.reply = !covey_link_is_open (self->link);
    covey_buf_t frame;
    covey_buf_init (&frame, COVEY_FRAME_MAX);
    assert_int_equal (
        covey_frame_begin (&frame, COVEY_FRAME_PEER_HELLO, &hello.base),
        COVEY_OK);
    (void)s_on_send (self, &frame);
    covey_buf_deinit (&frame);
}

static void
s_take (s_self_t *self, const void *data, size_t size)
{
    covey_frame_t frame;
    int64_t now_ms = support_node_now_ms ();
    assert_int_equal (covey_frame_parse (data, size, &frame), COVEY_OK);
    if (frame.kind == COVEY_FRAME_DATA) {
        assert_int_equal (covey_link_receive_data (self->link, &frame, now_ms),
                          COVEY_OK);
        return;
    }
    if (frame.kind != COVEY_FRAME_PEER_HELLO)
        return;
    Covey__Wire__PeerHello *hello =
        (Covey__Wire__PeerHello *)covey_wire_unpack (
            &covey__wire__peer_hello__descriptor, frame.header,
            frame.header_size);
    assert_non_null (hello);
    covey_link_open (self->link, hello->node->epoch, hello->recv_epoch,
                     hello->recv_seq, now_ms);
    protobuf_c_message_free_unpacked (&hello->base, NULL);
}

/*  The peer's loop; it says hello as long as it counts as failed, too: it does
    not speak SWIM.                                                           */
static bool
s_pump_peer (s_self_t *self)
{
    char data[65536];
    int64_t now_ms = support_node_now_ms ();
    if (now_ms >= self->hello_ms) {
        self->hello_ms = now_ms + 200;
        s_say_hello (self);
    }
    for (;;) {
        int size = zmq_recv (self->router, data, sizeof data, ZMQ_DONTWAIT);
        if (size < 0)
            break;
        int more;
        size_t more_size = sizeof more;
        zmq_getsockopt (self->router, ZMQ_RCVMORE, &more, &more_size);
        if (!more)
            s_take (self, data, (size_t)size);
    }
    (void)covey_link_flush (self->link, now_ms, 0);
    return self->repair != NULL;
}

static void
s_open_peer (s_self_t *self)
{
    self->context = zmq_ctx_new ();
    self->router = zmq_socket (self->context, ZMQ_ROUTER);
    self->dealer = zmq_socket (self->context, ZMQ_DEALER);
    int none = 0;
    zmq_setsockopt (self->router, ZMQ_LINGER, &none, sizeof none);
    zmq_setsockopt (self->dealer, ZMQ_LINGER, &none, sizeof none);
    assert_int_equal (zmq_bind (self->router, "tcp://127.0.0.1:*"), 0);
    char bound[128], address[160];
    size_t size = sizeof bound;
    assert_int_equal (
        zmq_getsockopt (self->router, ZMQ_LAST_ENDPOINT, bound, &size), 0);
    snprintf (self->endpoint, sizeof self->endpoint, "%s",
              bound + strlen ("tcp://"));
    snprintf (address, sizeof address, "tcp://%s",
              covey_node_actor_endpoint (self->nodes[1]));
    assert_int_equal (zmq_connect (self->dealer, address), 0);
    covey_link_config_t config = {.epoch = 1,
                                  .events_max = 100,
                                  .bytes_max = 1 << 20,
                                  .window_events = 100,
                                  .window_bytes = 1 << 20};
    covey_link_callbacks_t callbacks = {
        .arg = self, .send = s_on_send, .item = s_on_item};
    self->link = covey_link_new (&config, &callbacks);
}

static int
s_set_up (void **state)
{
    s_self_t *self = calloc (1, sizeof *self);
    support_dir_make (self->folder);
    self->nodes[0] = support_node ("alpha", NULL);
    const char *joins[] = {covey_node_actor_endpoint (self->nodes[0])};
    covey_node_config_t config;
    support_node_config (&config, "beta");
    config.joins = joins;
    config.join_count = 1;
    config.replay_events_max = RING;
    self->nodes[1] = support_node_open (&config);
    support_nodes_wait (self->nodes[0], 2);
    support_nodes_wait (self->nodes[1], 2);
    covey_persister_config_init (&self->config);
    self->config.node_id = covey_id_new ();
    self->config.endpoint = covey_node_actor_inproc (self->nodes[0]);
    self->config.data_dir = self->folder;
    covey_errbuf_t err;
    if (covey_persister_actor_new (&self->config, SUPPORT_NODE_WAIT_MS,
                                   &self->persister, &err) != COVEY_OK)
        fail_msg ("persister: %s", err.text);
    self->agent = support_agent (&self->crowd, self->nodes[1], "far");
    s_open_peer (self);
    *state = self;
    return 0;
}

static void
s_forget_repair (s_self_t *self)
{
    if (self->repair)
        protobuf_c_message_free_unpacked (&self->repair->base, NULL);
    self->repair = NULL;
}

static int
s_tear_down (void **state)
{
    s_self_t *self = *state;
    s_forget_repair (self);
    covey_link_destroy (&self->link);
    zmq_close (self->router);
    zmq_close (self->dealer);
    zmq_ctx_term (self->context);
    support_crowd_end (&self->crowd);
    covey_persister_actor_destroy (&self->persister);
    for (int i = 0; i < 2; i++)
        covey_node_actor_destroy (&self->nodes[i]);
    support_dir_remove (self->folder);
    free (self);
    return 0;
}

static void
s_publish (s_self_t *self, int count)
{
    for (int i = 0; i < count; i++) {
        covey_event_t *event = covey_event_new (COVEY_EVENT_SYSTEM_INFO);
        covey_err_t codes[] = {covey_event_set_source (event, self->agent->id),
                               covey_event_set_str (event, "component", "test"),
                               covey_event_set_str (event, "message", "x")};
        for (size_t k = 0; k < 3; k++)
            assert_int_equal (codes[k], COVEY_OK);
        support_agent_publish (self->agent, event, COVEY_LEVEL_STORED, 0);
    }
}

/*  The answer to a request for [first, last].                               */
static void
s_ask (s_self_t *self, uint64_t first, uint64_t last)
{
    s_forget_repair (self);
    Covey__Wire__RepairRequest request = COVEY__WIRE__REPAIR_REQUEST__INIT;
    request.topic = COVEY_TOPIC_CODE ('E', COVEY_EVENT_SYSTEM_INFO);
    request.first = first;
    request.last = last;
    uint8_t packed[64];
    size_t size = protobuf_c_message_pack (&request.base, packed);
    covey_parcel_t *item = covey_parcel_new_raw (packed, size);
    assert_int_equal (covey_link_push (self->link, COVEY_LANE_CONTROL,
                                       COVEY_ITEM_REPAIR_REQUEST, item),
                      COVEY_OK);
    covey_parcel_drop (&item);
    support_until (&self->crowd, s_pump_peer (self));
    assert_int_equal (self->repair->first, first);
    assert_int_equal (self->repair->last, last);
}

static void
s_expect (const s_self_t *self, uint64_t have_first, uint64_t have_last)
{
    assert_int_equal (self->repair->have_first, have_first);
    assert_int_equal (self->repair->have_last, have_last);
    assert_int_equal (self->repair->n_events, have_last - have_first + 1);
    for (size_t i = 0; i < self->repair->n_events; i++) {
        covey_peek_t view;
        assert_int_equal (covey_peek (self->repair->events[i].data,
                                      self->repair->events[i].len, &view),
                          COVEY_OK);
        assert_int_equal (view.type, COVEY_EVENT_SYSTEM_INFO);
        assert_true (covey_slice_equal (view.source, "far"));
    }
}

static void
test_what_left_the_ring_comes_from_the_journal (void **state)
{
    s_self_t *self = *state;
    s_publish (self, COUNT);
    support_until (&self->crowd, self->agent->stored == COUNT);
    s_ask (self, 1, COUNT);
    uint64_t last = self->repair->have_last;
    assert_in_range (last, COUNT - RING, COUNT - 1); /* other topics share it */
    s_expect (self, 1, last);
    s_ask (self, last + 1, COUNT); /* the rest, from the ring                 */
    s_expect (self, last + 1, COUNT);
    s_ask (self, 3, 5);
    s_expect (self, 3, 5);
}

/*  Nobody has the journal: exactly what is out of the ring is lost.          */
static void
test_without_a_persister_the_ring_answers (void **state)
{
    s_self_t *self = *state;
    s_publish (self, COUNT);
    support_until (&self->crowd, self->agent->stored == COUNT);
    covey_persister_actor_destroy (&self->persister);
    do /* until beta knows that it is gone                                    */
        s_ask (self, 1, COUNT);
    while (self->repair->have_first == 1);
    assert_in_range (self->repair->have_first, COUNT - RING + 1, COUNT);
    s_expect (self, self->repair->have_first, COUNT);
}

/*  Not stored yet: it waits in the outbox, and comes from there.             */
static void
test_what_is_not_stored_yet_comes_from_the_outbox (void **state)
{
    s_self_t *self = *state;
    covey_persister_actor_destroy (&self->persister);
    s_publish (self, COUNT);
    support_until (&self->crowd, self->agent->accepted == COUNT);
    s_ask (self, 1, COUNT - RING - 2);
    s_expect (self, 1, COUNT - RING - 2);
}

int
main (void)
{
#define CASE(name) cmocka_unit_test_setup_teardown (name, s_set_up, s_tear_down)
    const struct CMUnitTest tests[] = {
        CASE (test_what_left_the_ring_comes_from_the_journal),
        CASE (test_without_a_persister_the_ring_answers),
        CASE (test_what_is_not_stored_yet_comes_from_the_outbox),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
