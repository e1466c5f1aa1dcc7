/*  A peer made by hand at the door of a node: which versions and meshes get in,
    and what the others are told.                                             */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zmq.h>

#include "base/str.h"
#include "proto/frame.h"
#include "proto/swim.pb-c.h"
#include "tests/support/support_node.h"
#include "tests/support/support_peer.h"

typedef struct {
    covey_node_actor_t *node;
    support_crowd_t crowd;
    support_agent_t *agent;
    void *context;
    void *dealer;
    void *router; /* where the node answers a hello that it takes             */
    char endpoint[64];
} fixture_t;

static int
s_setup (void **state)
{
    fixture_t *self = calloc (1, sizeof *self);
    char address[320];
    size_t size = sizeof address;
    self->node = support_node ("alpha", NULL);
    self->agent = support_agent (&self->crowd, self->node, "a");
    self->context = zmq_ctx_new ();
    self->router = zmq_socket (self->context, ZMQ_ROUTER);
    assert_int_equal (zmq_bind (self->router, "tcp://127.0.0.1:*"), 0);
    assert_int_equal (
        zmq_getsockopt (self->router, ZMQ_LAST_ENDPOINT, address, &size), 0);
    snprintf (self->endpoint, sizeof self->endpoint, "%.60s", address + 6);
    self->dealer = zmq_socket (self->context, ZMQ_DEALER);
    snprintf (address, sizeof address, "tcp://%s",
              covey_node_actor_endpoint (self->node));
    assert_int_equal (zmq_connect (self->dealer, address), 0);
    *state = self;
    return 0;
}

static int
s_teardown (void **state)
{
    fixture_t *self = *state;
    int linger = 0;
    zmq_setsockopt (self->dealer, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt (self->router, ZMQ_LINGER, &linger, sizeof linger);
    zmq_close (self->dealer);
    zmq_close (self->router);
    zmq_ctx_term (self->context);
    support_crowd_end (&self->crowd);
    covey_node_actor_destroy (&self->node);
    free (self);
    return 0;
}

static int64_t
s_status (fixture_t *self, const char *key)
{
    char *json =
        support_ask (&self->crowd, self->agent, "node", "mesh.status", NULL);
    int64_t value = support_json_int (json, key);
    free (json);
    return value;
}

static void
s_say_hello (fixture_t *self, uint32_t min, uint32_t max, const char *mesh)
{
    uint8_t id[16] = {1, 2, 3};
    char name[] = "by hand", mesh_name[64];
    Covey__Wire__NodeInfo info = COVEY__WIRE__NODE_INFO__INIT;
    info.node_id.data = id;
    info.node_id.len = sizeof id;
    info.name = name;
    info.endpoint = self->endpoint;
    info.has_epoch = true;
    info.epoch = 7;
    snprintf (mesh_name, sizeof mesh_name, "%s", mesh);
    Covey__Wire__PeerHello hello = COVEY__WIRE__PEER_HELLO__INIT;
    hello.protocol_min = min;
    hello.protocol_max = max;
    hello.mesh = mesh_name;
    hello.node = &info;
    hello.has_reply = hello.reply = true;
    covey_buf_t frame;
    covey_buf_init (&frame, COVEY_FRAME_MAX);
    assert_int_equal (
        covey_frame_begin (&frame, COVEY_FRAME_PEER_HELLO, &hello.base),
        COVEY_OK);
    assert_true (zmq_send (self->dealer, frame.data, frame.size, 0) >= 0);
    covey_buf_deinit (&frame);
}

/*  The next frame on that socket, within the time that tests wait.          */
static ProtobufCMessage *
s_receive (void *socket, uint8_t kind,
           const ProtobufCMessageDescriptor *descriptor)
{
    zmq_pollitem_t item = {.socket = socket, .events = ZMQ_POLLIN};
    zmq_msg_t part;
    covey_frame_t frame;
    zmq_msg_init (&part);
    do {
        assert_int_equal (zmq_poll (&item, 1, SUPPORT_NODE_WAIT_MS), 1);
        assert_true (zmq_msg_recv (&part, socket, 0) >= 0);
    } while (zmq_msg_more (&part)); /* the routing id                         */
    assert_int_equal (
        covey_frame_parse (zmq_msg_data (&part), zmq_msg_size (&part), &frame),
        COVEY_OK);
    assert_int_equal (frame.kind, kind);
    ProtobufCMessage *message =
        covey_wire_unpack (descriptor, frame.header, frame.header_size);
    assert_non_null (message);
    zmq_msg_close (&part);
    return message;
}

static void
s_expect_refusal (fixture_t *self, covey_err_t code, const char *part)
{
    ProtobufCMessage *message =
        s_receive (self->dealer, COVEY_FRAME_PEER_REFUSE,
                   &covey__wire__peer_refuse__descriptor);
    const Covey__Wire__PeerRefuse *refuse =
        (const Covey__Wire__PeerRefuse *)message;
    assert_int_equal (refuse->code, code);
    if (!strstr (refuse->text, part))
        fail_msg ("\"%s\" does not have \"%s\"", refuse->text, part);
    protobuf_c_message_free_unpacked (message, NULL);
}

static void
s_expect_answer (fixture_t *self)
{
    ProtobufCMessage *message =
        s_receive (self->router, COVEY_FRAME_PEER_HELLO,
                   &covey__wire__peer_hello__descriptor);
    const Covey__Wire__PeerHello *hello =
        (const Covey__Wire__PeerHello *)message;
    assert_int_equal (hello->recv_epoch, 7);
    assert_in_range (COVEY_PROTOCOL_VERSION, hello->protocol_min,
                     hello->protocol_max);
    protobuf_c_message_free_unpacked (message, NULL);
    assert_int_equal (s_status (self, "alive"), 2);
    assert_int_equal (s_status (self, "hellosRefused"), 0);
}

static void
test_one_that_will_speak_more_gets_in (void **state)
{
    s_say_hello (*state, 1, 2, "test");
    s_expect_answer (*state);
}

static void
test_one_that_spoke_less_gets_in (void **state)
{
    s_say_hello (*state, 0, 1, "test");
    s_expect_answer (*state);
}

static void
test_one_without_common_version_is_told (void **state)
{
    fixture_t *self = *state;
    s_say_hello (self, 2, 3, "test");
    s_expect_refusal (self, COVEY_VERSION, "2 to 3");
    s_say_hello (self, 0, 0, "test");
    s_expect_refusal (self, COVEY_VERSION, "0 to 0");
    const uint8_t later[] = {COVEY_FRAME_PEER_HELLO, 2, 0, 0, 0, 0};
    assert_true (zmq_send (self->dealer, later, sizeof later, 0) >= 0);
    s_expect_refusal (self, COVEY_VERSION, "versions");
    assert_int_equal (s_status (self, "hellosRefused"), 2);
    assert_int_equal (s_status (self, "alive"), 1);
}

static void
test_one_of_another_mesh_is_told (void **state)
{
    fixture_t *self = *state;
    s_say_hello (self, 1, 1, "elsewhere");
    s_expect_refusal (self, COVEY_DENIED, "elsewhere");
    assert_int_equal (s_status (self, "hellosRefused"), 1);
    assert_int_equal (s_status (self, "alive"), 1);
}

static void
test_who_did_not_say_hello_shall_do_so (void **state)
{
    fixture_t *self = *state;
    const uint8_t swim[] = {COVEY_FRAME_SWIM, 1, 0, 0, 0, 0};
    assert_true (zmq_send (self->dealer, swim, sizeof swim, 0) >= 0);
    s_expect_refusal (self, COVEY_NOTFOUND, "hello");
    assert_int_equal (s_status (self, "strangerFrame"), 1);
}

/*  Gossip that cannot be read is dropped and counted; the peer stays.       */
static void
test_bad_gossip_is_dropped (void **state)
{
    fixture_t *self = *state;
    s_say_hello (self, 1, 1, "test");
    s_expect_answer (self);
    const uint8_t rows[][10] = {
        {COVEY_FRAME_SWIM, 1, 0, 0, 0, 0},              /* nothing            */
        {COVEY_FRAME_SWIM, 1, 4, 0, 0, 0, 8, 1, 8, 77}, /* half a message     */
    };
    assert_true (zmq_send (self->dealer, rows[0], 6, 0) >= 0);
    assert_true (zmq_send (self->dealer, rows[1], 10, 0) >= 0);
    support_until (&self->crowd, s_status (self, "swimMalformed") == 2);
    assert_int_equal (s_status (self, "malformedFrame"), 2);
}

/*  Word of a stranger from one that counts as failed, in a table without room:
    the messenger itself goes.                                                */
static void
test_failed_messenger_makes_room_for_whom_it_names (void **state)
{
    (void)state;
    covey_node_config_t config;
    support_node_config (&config, "small");
    config.peers_max = 1;
    covey_node_actor_t *node = support_node_open (&config);
    support_peer_t *peer = support_peer_new (node);
    support_peer_hello (peer);
    support_peer_until (peer, peer->seen[COVEY_FRAME_SWIM]);
    peer->mute = true;
    support_crowd_t crowd = {0};
    support_agent_t *agent = support_agent (&crowd, node, "a");
    int64_t failed = 0, end_ms = support_node_now_ms () + SUPPORT_NODE_WAIT_MS;
    while (!failed && support_node_now_ms () < end_ms) {
        support_peer_pump (peer, 5);
        char *json = support_ask (&crowd, agent, "node", "mesh.status", NULL);
        failed = support_json_int (json, "failed");
        free (json);
    }
    assert_int_equal (failed, 1);
    uint8_t id[16] = {9, 9, 9};
    Covey__Swim__Update update = COVEY__SWIM__UPDATE__INIT;
    update.node_id.data = id;
    update.node_id.len = sizeof id;
    update.epoch = 1;
    update.incarnation = 1;
    update.address = peer->endpoint;
    Covey__Swim__Update *updates[] = {&update};
    Covey__Swim__Message ack = COVEY__SWIM__MESSAGE__INIT;
    ack.kind = COVEY__SWIM__KIND__ACK;
    ack.mesh = covey_str_hash ("test", 4);
    ack.from.data = peer->id.bytes;
    ack.from.len = 16;
    ack.address = peer->endpoint;
    ack.updates = updates;
    ack.n_updates = 1;
    support_peer_send (peer, COVEY_FRAME_SWIM, &ack.base, NULL, 0);
    int64_t alive = 0;
    while (alive != 2 && support_node_now_ms () < end_ms) {
        support_peer_pump (peer, 5);
        char *json = support_ask (&crowd, agent, "node", "mesh.status", NULL);
        alive = support_json_int (json, "alive");
        free (json);
    }
    assert_int_equal (alive, 2);
    support_crowd_end (&crowd);
    support_peer_destroy (&peer);
    covey_node_actor_destroy (&node);
}

int
main (void)
{
#define CASE(name) cmocka_unit_test_setup_teardown (name, s_setup, s_teardown)
    const struct CMUnitTest tests[] = {
        CASE (test_one_that_will_speak_more_gets_in),
        CASE (test_one_that_spoke_less_gets_in),
        CASE (test_one_without_common_version_is_told),
        CASE (test_one_of_another_mesh_is_told),
        CASE (test_who_did_not_say_hello_shall_do_so),
        CASE (test_bad_gossip_is_dropped),
        cmocka_unit_test (test_failed_messenger_makes_room_for_whom_it_names),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
