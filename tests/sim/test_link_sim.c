/*  Two links over a net that loses, reorders, duplicates and delays frames,
   with ends that restart and agents that stop and go. After every run: each
   item that a living sender pushed arrived, in the order of its lane and agent,
   once per incarnation of the receiver.

    COVEY_SEEDS says how many seeds (default 1,000), COVEY_SEED plays one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/prng.h"
#include "base/str.h"
#include "node/fifo.h"
#include "node/link.h"

#define FAULTS_MS 2000
#define CALM_MS 60000 /* windows of one item take their time */
#define STEP_MS 5
#define WAITING_MAX 200
#define WINDOW_MAX 60
#define AGENTS 3

typedef struct sim sim_t;

/*  What an item says of itself.                                             */
typedef struct {
    uint64_t life;   /* of the sender: its epoch                              */
    uint64_t number; /* in its lane, for its agent                            */
    uint64_t lane;
    uint64_t agent;
} label_t;

typedef struct {
    int64_t at_ms;
    int to;
    size_t size;
    uint8_t *data;
} packet_t;

typedef struct {
    sim_t *sim;
    int index;
    uint64_t epoch;
    covey_link_t *link;
    uint64_t pushed[COVEY_LANE_COUNT][AGENTS]; /* last numbers of this life */
    uint64_t peer_life; /* whose items came last               */
    /* the last of them, over all lives of this end, and in this life         */
    uint64_t peer_last[COVEY_LANE_COUNT][AGENTS];
    uint64_t seen_last[COVEY_LANE_COUNT][AGENTS];
} end_t;

struct sim {
    uint64_t seed;
    covey_prng_t prng;
    int64_t now_ms;
    bool calm;
    unsigned loss_percent;
    unsigned copy_percent;
    int64_t delay_max_ms;
    uint64_t last_epoch;
    packet_t *packets;
    size_t count;
    size_t capacity;
    end_t ends[2];
    uint64_t delivered;
    uint64_t restarts;
};

static void
s_fail (const sim_t *self, const char *what, const label_t *label)
{
    fail_msg ("COVEY_SEED=%llu at %lld ms: %s (item %llu of lane %llu, life "
              "%llu)",
              (unsigned long long)self->seed, (long long)self->now_ms, what,
              (unsigned long long)label->number,
              (unsigned long long)label->lane, (unsigned long long)label->life);
}

static void
s_put_packet (sim_t *self, int to, const covey_buf_t *frame)
{
    if (self->count == self->capacity) {
        self->capacity = self->capacity ? self->capacity * 2 : 64;
        self->packets =
            realloc (self->packets, self->capacity * sizeof *self->packets);
        assert_non_null (self->packets);
    }
    packet_t *packet = &self->packets[self->count++];
    packet->to = to;
    packet->size = frame->size;
    packet->data = malloc (frame->size);
    assert_non_null (packet->data);
    memcpy (packet->data, frame->data, frame->size);
    int64_t delay_ms = 1;
    if (!self->calm)
        delay_ms += (int64_t)covey_prng_below (&self->prng,
                                               (uint64_t)self->delay_max_ms);
    packet->at_ms = self->now_ms + delay_ms;
}

static bool
s_on_send (void *arg, const covey_buf_t *frame)
{
    end_t *end = arg;
    sim_t *sim = end->sim;
    if (!sim->calm) {
        if (covey_prng_below (&sim->prng, 20) == 0)
            return false; /* the socket is full                               */
        if (covey_prng_below (&sim->prng, 100) < sim->loss_percent)
            return true;
        if (covey_prng_below (&sim->prng, 100) < sim->copy_percent)
            s_put_packet (sim, 1 - end->index, frame);
    }
    s_put_packet (sim, 1 - end->index, frame);
    return true;
}

static void
s_on_item (void *arg, uint8_t kind, const uint8_t *body, size_t size)
{
    end_t *end = arg;
    label_t label;
    assert_int_equal (kind, COVEY_ITEM_EVENT_FOR);
    assert_true (size >= 2 + sizeof label);
    memcpy (&label, body + 2, sizeof label);
    if (label.life < end->peer_life)
        s_fail (end->sim, "an item of a past incarnation", &label);
    if (label.life > end->peer_life) {
        end->peer_life = label.life;
        memset (end->peer_last, 0, sizeof end->peer_last);
        memset (end->seen_last, 0, sizeof end->seen_last);
    }
    uint64_t *peer_last = &end->peer_last[label.lane][label.agent];
    uint64_t *seen_last = &end->seen_last[label.lane][label.agent];
    if (label.number <= *seen_last)
        s_fail (end->sim, "twice, or out of order", &label);
    if (*seen_last && label.number != *seen_last + 1)
        s_fail (end->sim, "one before it is missing", &label);
    if (label.number > *peer_last + 1)
        s_fail (end->sim, "one was lost with the receiver", &label);
    *seen_last = label.number;
    if (label.number > *peer_last)
        *peer_last = label.number;
    end->sim->delivered++;
}

static void
s_start (end_t *end)
{
    sim_t *sim = end->sim;
    covey_link_destroy (&end->link);
    end->epoch = ++sim->last_epoch;
    memset (end->pushed, 0, sizeof end->pushed);
    memset (end->seen_last, 0, sizeof end->seen_last);
    covey_link_config_t config = {
        .epoch = end->epoch,
        .window_events = 1 + (size_t)covey_prng_below (&sim->prng, WINDOW_MAX),
        .window_bytes = 1 + (size_t)covey_prng_below (&sim->prng, 8000),
        .events_max = WAITING_MAX,
        .bytes_max = 20000};
    covey_link_callbacks_t callbacks = {
        .arg = end, .send = s_on_send, .item = s_on_item};
    end->link = covey_link_new (&config, &callbacks);
}

/*  The stand-in for membership: epochs and what arrived, every 100 ms.      */
static void
s_send_hello (end_t *end, uint64_t peer_epoch)
{
    Covey__Wire__NodeInfo node = COVEY__WIRE__NODE_INFO__INIT;
    uint8_t id[16] = {0};
    node.node_id.data = id;
    node.node_id.len = sizeof id;
    node.has_epoch = true;
    node.epoch = end->epoch;
    Covey__Wire__PeerHello hello = COVEY__WIRE__PEER_HELLO__INIT;
    hello.mesh = (char *)"sim";
    hello.node = &node;
    hello.has_recv_epoch = hello.has_recv_seq = true;
    hello.recv_epoch = peer_epoch;
    hello.recv_seq = covey_link_recv_seq (end->link, peer_epoch);
    covey_buf_t frame;
    covey_buf_init (&frame, COVEY_FRAME_MAX);
    assert_int_equal (
        covey_frame_begin (&frame, COVEY_FRAME_PEER_HELLO, &hello.base),
        COVEY_OK);
    s_on_send (end, &frame);
    covey_buf_deinit (&frame);
}

static void
s_send_heartbeat (end_t *end)
{
    Covey__Wire__Heartbeat heartbeat = COVEY__WIRE__HEARTBEAT__INIT;
    covey_link_fill_heartbeat (end->link, &heartbeat);
    if (covey_prng_below (&end->sim->prng, 4) == 0 ||
        !covey_link_is_open (end->link))
        s_send_hello (end, heartbeat.recv_epoch);
    covey_buf_t frame;
    covey_buf_init (&frame, COVEY_FRAME_MAX);
    assert_int_equal (
        covey_frame_begin (&frame, COVEY_FRAME_HEARTBEAT, &heartbeat.base),
        COVEY_OK);
    s_on_send (end, &frame);
    covey_buf_deinit (&frame);
}

static void
s_receive (end_t *end, const packet_t *packet)
{
    covey_frame_t frame;
    int64_t now_ms = end->sim->now_ms;
    assert_int_equal (covey_frame_parse (packet->data, packet->size, &frame),
                      COVEY_OK);
    if (frame.kind == COVEY_FRAME_DATA) {
        assert_int_equal (covey_link_receive_data (end->link, &frame, now_ms),
                          COVEY_OK);
        return;
    }
    const ProtobufCMessageDescriptor *descriptor =
        frame.kind == COVEY_FRAME_DATA_ACK
            ? &covey__wire__data_ack__descriptor
            : (frame.kind == COVEY_FRAME_HEARTBEAT
                   ? &covey__wire__heartbeat__descriptor
                   : &covey__wire__peer_hello__descriptor);
    ProtobufCMessage *header =
        covey_wire_unpack (descriptor, frame.header, frame.header_size);
    assert_non_null (header);
    if (frame.kind == COVEY_FRAME_DATA_ACK)
        (void)covey_link_receive_ack (end->link, (Covey__Wire__DataAck *)header,
                                      now_ms);
    else if (frame.kind == COVEY_FRAME_HEARTBEAT)
        covey_link_receive_heartbeat (end->link,
                                      (Covey__Wire__Heartbeat *)header, now_ms);
    else {
        const Covey__Wire__PeerHello *hello = (Covey__Wire__PeerHello *)header;
        covey_link_open (end->link, hello->node->epoch, hello->recv_epoch,
                         hello->recv_seq, now_ms);
    }
    protobuf_c_message_free_unpacked (header, NULL);
}

static void
s_deliver_packets (sim_t *self)
{
    for (size_t i = 0; i < self->count;) {
        if (self->packets[i].at_ms > self->now_ms) {
            i++;
            continue;
        }
        packet_t packet = self->packets[i];
        self->packets[i] = self->packets[--self->count];
        s_receive (&self->ends[packet.to], &packet);
        free (packet.data);
    }
}

static void
s_push (end_t *end)
{
    sim_t *sim = end->sim;
    covey_lane_t lane =
        (covey_lane_t)covey_prng_below (&sim->prng, COVEY_LANE_COUNT);
    size_t agent = (size_t)covey_prng_below (&sim->prng, AGENTS);
    label_t label = {.life = end->epoch,
                     .number = end->pushed[lane][agent] + 1,
                     .lane = lane,
                     .agent = agent};
    uint8_t body[200] = {1, (uint8_t)('a' + agent)};
    memcpy (body + 2, &label, sizeof label);
    size_t size = 2 + sizeof label + (size_t)covey_prng_below (&sim->prng, 100);
    covey_parcel_t *parcel = covey_parcel_new_raw (body, size);
    covey_err_t code =
        covey_link_push (end->link, lane, COVEY_ITEM_EVENT_FOR, parcel);
    if (code == COVEY_OK)
        end->pushed[lane][agent]++;
    else
        assert_int_equal (code, COVEY_EAGAIN);
    /* Control items have so many more, the other lanes an eighth each, and
       stopped agents as much again. */
    assert_true (covey_link_count (end->link) -
                     covey_link_waiting (end->link, 0) <=
                 WAITING_MAX * 5 / 2 + WINDOW_MAX);
    covey_parcel_drop (&parcel);
}

/*  As if the peer had said so: the way of that message is another test's.   */
static void
s_turn_agent (end_t *end)
{
    sim_t *sim = end->sim;
    char name = (char)('a' + covey_prng_below (&sim->prng, AGENTS));
    covey_link_set_stopped (end->link,
                            (covey_slice_t){.text = &name, .size = 1},
                            covey_prng_below (&sim->prng, 2) == 0);
}

static void
s_step_end (end_t *end)
{
    sim_t *sim = end->sim;
    if (sim->calm)
        covey_link_go_all (end->link);
    else {
        if (covey_prng_below (&sim->prng, 10) == 0)
            s_turn_agent (end);
        uint64_t burst = covey_prng_below (&sim->prng, 12);
        for (uint64_t i = 0; i < burst; i++)
            s_push (end);
        if (covey_prng_below (&sim->prng, 400) == 0) {
            s_start (end);
            sim->restarts++;
        }
    }
    if (sim->now_ms % 100 == 0)
        s_send_heartbeat (end);
    (void)covey_link_flush (end->link, sim->now_ms, 0);
}

static void
s_check_end (const sim_t *self)
{
    for (int i = 0; i < 2; i++) {
        const end_t *from = &self->ends[i], *to = &self->ends[1 - i];
        label_t label = {.life = from->epoch};
        for (size_t n = 0; n < COVEY_LANE_COUNT * AGENTS; n++) {
            label.lane = n / AGENTS;
            label.agent = n % AGENTS;
            uint64_t pushed = from->pushed[label.lane][label.agent];
            label.number = to->peer_last[label.lane][label.agent];
            if (pushed &&
                (to->peer_life != from->epoch || label.number != pushed))
                s_fail (self, "the last to arrive is not the last pushed",
                        &label);
        }
        if (covey_link_count (from->link))
            s_fail (self, "something was never acknowledged", &label);
    }
}

static void
s_run (uint64_t seed, uint64_t *delivered, uint64_t *restarts)
{
    sim_t sim = {.seed = seed};
    covey_prng_init (&sim.prng, seed);
    sim.loss_percent = (unsigned)covey_prng_below (&sim.prng, 40);
    sim.copy_percent = (unsigned)covey_prng_below (&sim.prng, 30);
    sim.delay_max_ms = 1 + (int64_t)covey_prng_below (&sim.prng, 200);
    for (int i = 0; i < 2; i++) {
        sim.ends[i].sim = &sim;
        sim.ends[i].index = i;
        s_start (&sim.ends[i]);
    }
    for (; sim.now_ms < FAULTS_MS + CALM_MS; sim.now_ms += STEP_MS) {
        sim.calm = sim.now_ms >= FAULTS_MS;
        s_deliver_packets (&sim);
        s_step_end (&sim.ends[0]);
        s_step_end (&sim.ends[1]);
        if (sim.calm && !covey_link_count (sim.ends[0].link) &&
            !covey_link_count (sim.ends[1].link) && !sim.count &&
            covey_link_is_open (sim.ends[0].link) &&
            covey_link_is_open (sim.ends[1].link))
            break;
    }
    s_check_end (&sim);
    *delivered += sim.delivered;
    *restarts += sim.restarts;
    for (int i = 0; i < 2; i++)
        covey_link_destroy (&sim.ends[i].link);
    for (size_t i = 0; i < sim.count; i++)
        free (sim.packets[i].data);
    free (sim.packets);
}

static int64_t
s_setting (const char *name, int64_t otherwise)
{
    const char *text = getenv (name);
    int64_t value;
    return text && covey_str_to_int (text, 1, INT64_MAX, &value) ? value
                                                                 : otherwise;
}

static void
test_items_arrive_once_and_in_order (void **state)
{
    (void)state;
    uint64_t delivered = 0, restarts = 0;
    int64_t one = s_setting ("COVEY_SEED", 0);
    int64_t seeds = one ? one : s_setting ("COVEY_SEEDS", 1000);
    for (int64_t seed = one ? one : 1; seed <= seeds; seed++)
        s_run ((uint64_t)seed, &delivered, &restarts);
    printf ("%llu items, %llu restarts\n", (unsigned long long)delivered,
            (unsigned long long)restarts);
    assert_true (delivered > 0);
    assert_true (one || restarts > 0);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_items_arrive_once_and_in_order),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
