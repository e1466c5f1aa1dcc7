#include "tests/support/support_peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <czmq.h>

#include "base/clock.h"
#include "base/mem.h"
#include "proto/swim.pb-c.h"

static void *
s_socket (int type)
{
    int none = 0;
    void *socket = zmq_socket (zsys_init (), type);
    assert_non_null (socket);
    zmq_setsockopt (socket, ZMQ_LINGER, &none, sizeof none);
    zmq_setsockopt (socket, ZMQ_SNDHWM, &none, sizeof none);
    zmq_setsockopt (socket, ZMQ_RCVHWM, &none, sizeof none);
    return socket;
}

/*  HOST:PORT, as nodes tell it.                                             */
static void *
s_bound (int type, char endpoint[64])
{
    void *socket = s_socket (type);
    char text[80];
    size_t size = sizeof text;
    assert_int_equal (zmq_bind (socket, "tcp://127.0.0.1:*"), 0);
    assert_int_equal (zmq_getsockopt (socket, ZMQ_LAST_ENDPOINT, text, &size),
                      0);
    snprintf (endpoint, 64, "%.63s", text + strlen ("tcp://"));
    return socket;
}

support_peer_t *
support_peer_new (const covey_node_actor_t *node)
{
    char endpoint[128];
    support_peer_t *self = covey_mem_new (sizeof *self);
    self->router = s_bound (ZMQ_ROUTER, self->endpoint);
    self->pub = s_bound (ZMQ_XPUB, self->pub_endpoint);
    self->dealer = s_socket (ZMQ_DEALER);
    snprintf (endpoint, sizeof endpoint, "tcp://%s",
              covey_node_actor_endpoint (node));
    assert_int_equal (zmq_connect (self->dealer, endpoint), 0);
    self->id = covey_id_new ();
    self->epoch = (uint64_t)covey_clock_wall_us ();
    self->mesh = "test";
    self->name = "byhand";
    self->protocol_min = self->protocol_max = COVEY_PROTOCOL_VERSION;
    self->next_item = 1;
    return self;
}

void
support_peer_destroy (support_peer_t **self_p)
{
    support_peer_t *self = *self_p;
    if (!self)
        return;
    zmq_close (self->router);
    zmq_close (self->pub);
    zmq_close (self->dealer);
    free (self);
    *self_p = NULL;
}

void
support_peer_send (support_peer_t *self, covey_frame_kind_t kind,
                   const ProtobufCMessage *header, const void *body,
                   size_t size)
{
    covey_buf_t frame;
    covey_buf_init (&frame, COVEY_FRAME_MAX);
    assert_int_equal (covey_frame_begin (&frame, kind, header), COVEY_OK);
    if (body)
        assert_int_equal (covey_frame_add (&frame, body, size), COVEY_OK);
    assert_true (zmq_send (self->dealer, frame.data, frame.size, 0) >= 0);
    covey_buf_deinit (&frame);
}

void
support_peer_hello (support_peer_t *self)
{
    Covey__Wire__PeerHello hello = COVEY__WIRE__PEER_HELLO__INIT;
    Covey__Wire__NodeInfo info = COVEY__WIRE__NODE_INFO__INIT;
    info.node_id.data = self->id.bytes;
    info.node_id.len = 16;
    info.name = (char *)self->name;
    info.endpoint = self->endpoint;
    info.pub_endpoint = self->pub_endpoint;
    info.has_epoch = true;
    info.epoch = self->epoch;
    hello.node = &info;
    hello.protocol_min = self->protocol_min;
    hello.protocol_max = self->protocol_max;
    hello.mesh = (char *)self->mesh;
    hello.has_reply = hello.reply = true;
    if (self->node_epoch) {
        hello.has_recv_epoch = hello.has_recv_seq = true;
        hello.recv_epoch = self->node_epoch;
        hello.recv_seq = self->received;
    }
    support_peer_send (self, COVEY_FRAME_PEER_HELLO, &hello.base, NULL, 0);
}

void
support_peer_item (support_peer_t *self, uint8_t kind,
                   const ProtobufCMessage *body)
{
    Covey__Wire__Data data = COVEY__WIRE__DATA__INIT;
    size_t size = protobuf_c_message_get_packed_size (body);
    uint8_t *item = covey_mem_new (size + 1);
    item[0] = kind;
    protobuf_c_message_pack (body, item + 1);
    data.epoch = self->epoch;
    data.first_seq = self->next_item++;
    data.recv_epoch = self->node_epoch;
    data.recv_seq = self->received;
    support_peer_send (self, COVEY_FRAME_DATA, &data.base, item, size + 1);
    free (item);
}

void
support_peer_cast (support_peer_t *self, int type, uint64_t seq,
                   const void *data, size_t size)
{
    Covey__Wire__BroadcastHeader header = COVEY__WIRE__BROADCAST_HEADER__INIT;
    header.node_id.data = self->id.bytes;
    header.node_id.len = 16;
    header.epoch = self->epoch;
    header.first = seq;
    covey_buf_t frame, whole;
    covey_buf_init (&frame, COVEY_FRAME_MAX);
    covey_buf_init (&whole, COVEY_FRAME_MAX + 3);
    assert_int_equal (
        covey_frame_begin (&frame, COVEY_FRAME_BROADCAST, &header.base),
        COVEY_OK);
    assert_int_equal (covey_frame_add (&frame, data, size), COVEY_OK);
    uint8_t topic[3] = {'E', (uint8_t)(type >> 8), (uint8_t)type};
    assert_int_equal (covey_buf_append (&whole, topic, 3), COVEY_OK);
    assert_int_equal (covey_buf_append (&whole, frame.data, frame.size),
                      COVEY_OK);
    assert_true (zmq_send (self->pub, whole.data, whole.size, 0) >= 0);
    covey_buf_deinit (&frame);
    covey_buf_deinit (&whole);
    self->casts++;
}

/* ------------------------------------------------------------------------ */
/*  What the node says                                                       */

static void
s_on_hello (support_peer_t *self, covey_frame_t *frame,
            const ProtobufCMessage *header)
{
    (void)frame;
    const Covey__Wire__PeerHello *hello =
        (const Covey__Wire__PeerHello *)header;
    if (hello->node->epoch != self->node_epoch)
        self->received = 0;
    self->node_epoch = hello->node->epoch;
    if (hello->reply || hello->recv_epoch != self->epoch)
        support_peer_hello (self);
}

static void
s_on_data (support_peer_t *self, covey_frame_t *frame,
           const ProtobufCMessage *header)
{
    const Covey__Wire__Data *data = (const Covey__Wire__Data *)header;
    const uint8_t *item;
    size_t size;
    uint64_t seq = data->first_seq;
    if (self->hoard)
        return;
    for (; covey_frame_next (frame, &item, &size) == COVEY_OK; seq++)
        if (size && seq == self->received + 1) {
            self->received++;
            self->items[item[0]]++;
        }
    Covey__Wire__DataAck ack = COVEY__WIRE__DATA_ACK__INIT;
    ack.epoch = self->epoch;
    ack.recv_epoch = self->node_epoch;
    ack.recv_seq = self->received;
    support_peer_send (self, COVEY_FRAME_DATA_ACK, &ack.base, NULL, 0);
}

static void
s_on_swim (support_peer_t *self, covey_frame_t *frame,
           const ProtobufCMessage *header)
{
    (void)frame;
    const Covey__Swim__Message *message = (const Covey__Swim__Message *)header;
    if (self->mute || (message->kind != COVEY__SWIM__KIND__PING &&
                       message->kind != COVEY__SWIM__KIND__SYNC))
        return;
    Covey__Swim__Message ack = COVEY__SWIM__MESSAGE__INIT;
    ack.kind = COVEY__SWIM__KIND__ACK;
    ack.mesh = message->mesh;
    ack.from.data = ack.target.data = self->id.bytes;
    ack.from.len = ack.target.len = 16;
    ack.has_target = true;
    ack.address = self->endpoint;
    ack.has_seq = message->has_seq;
    ack.seq = message->seq;
    ack.has_digest = message->has_digest;
    ack.digest = message->digest;
    support_peer_send (self, COVEY_FRAME_SWIM, &ack.base, NULL, 0);
}

static void
s_on_refuse (support_peer_t *self, covey_frame_t *frame,
             const ProtobufCMessage *header)
{
    (void)frame;
    const Covey__Wire__PeerRefuse *refuse =
        (const Covey__Wire__PeerRefuse *)header;
    self->refused_code = refuse->code;
    snprintf (self->refused_text, sizeof self->refused_text, "%.255s",
              refuse->text);
}

static void
s_on_frame (support_peer_t *self, const void *bytes, size_t size)
{
    static const struct {
        covey_frame_kind_t kind;
        const ProtobufCMessageDescriptor *header;
        void (*handler) (support_peer_t *self, covey_frame_t *frame,
                         const ProtobufCMessage *header);
    } table[] = {
        {COVEY_FRAME_PEER_HELLO, &covey__wire__peer_hello__descriptor,
         s_on_hello},
        {COVEY_FRAME_DATA, &covey__wire__data__descriptor, s_on_data},
        {COVEY_FRAME_SWIM, &covey__swim__message__descriptor, s_on_swim},
        {COVEY_FRAME_PEER_REFUSE, &covey__wire__peer_refuse__descriptor,
         s_on_refuse},
    };
    covey_frame_t frame;
    assert_int_equal (covey_frame_parse (bytes, size, &frame), COVEY_OK);
    self->seen[frame.kind]++;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (table[i].kind == (covey_frame_kind_t)frame.kind) {
            ProtobufCMessage *header = covey_wire_unpack (
                table[i].header, frame.header, frame.header_size);
            assert_non_null (header);
            table[i].handler (self, &frame, header);
            protobuf_c_message_free_unpacked (header, NULL);
        }
}

/*  Subscriptions are confirmed as by a node: with a mark.                   */
static void
s_on_interest (support_peer_t *self, const uint8_t *bytes, size_t size)
{
    if (size != 1 + 17 || bytes[0] != 1 || bytes[1] != 'Y')
        return;
    self->rounds++;
    if (self->unsure)
        return;
    Covey__Wire__SubSync mark = COVEY__WIRE__SUB_SYNC__INIT;
    mark.token.data = (uint8_t *)(uintptr_t)(bytes + 2);
    mark.token.len = 16;
    mark.has_node_id = mark.has_epoch = true;
    mark.node_id.data = self->id.bytes;
    mark.node_id.len = 16;
    mark.epoch = self->epoch;
    covey_buf_t frame;
    covey_buf_init (&frame, COVEY_FRAME_MAX);
    assert_int_equal (
        covey_frame_begin (&frame, COVEY_FRAME_SYNC_MARK, &mark.base),
        COVEY_OK);
    uint8_t whole[256];
    assert_true (17 + frame.size <= sizeof whole);
    memcpy (whole, bytes + 1, 17);
    memcpy (whole + 17, frame.data, frame.size);
    assert_true (zmq_send (self->pub, whole, 17 + frame.size, 0) >= 0);
    covey_buf_deinit (&frame);
}

static void
s_read (support_peer_t *self, void *socket)
{
    for (;;) {
        zmq_msg_t message;
        zmq_msg_init (&message);
        int rc = zmq_msg_recv (&message, socket, ZMQ_DONTWAIT);
        if (rc >= 0 && socket == self->router)
            rc = zmq_msg_recv (&message, socket, ZMQ_DONTWAIT);
        if (rc < 0) {
            zmq_msg_close (&message);
            return;
        }
        if (socket == self->pub)
            s_on_interest (self, zmq_msg_data (&message),
                           zmq_msg_size (&message));
        else
            s_on_frame (self, zmq_msg_data (&message), zmq_msg_size (&message));
        zmq_msg_close (&message);
    }
}

void
support_peer_pump (support_peer_t *self, int wait_ms)
{
    zmq_pollitem_t items[] = {
        {.socket = self->router, .events = ZMQ_POLLIN},
        {.socket = self->pub, .events = ZMQ_POLLIN},
        {.socket = self->dealer, .events = ZMQ_POLLIN},
    };
    if (zmq_poll (items, 3, wait_ms) <= 0)
        return;
    for (int i = 0; i < 3; i++)
        s_read (self, items[i].socket);
}
