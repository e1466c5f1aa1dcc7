#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "node/link.h"
#include "tests/support/support_parcel.h"

/*  A link and what it sent: the last frame of each kind.                    */
typedef struct {
    covey_link_t *link;
    bool full; /* the socket takes nothing                                    */
    size_t data_frames;
    size_t acks;
    uint64_t first_seq;
    size_t items; /* of the last data frame                                   */
    char last_item[64];
    char out[256]; /* all of them                                             */
    uint64_t ack_seq;
    char got[256];
} fixture_t;

static bool
s_on_send (void *arg, const covey_buf_t *frame)
{
    fixture_t *self = arg;
    if (self->full)
        return false;
    covey_frame_t parsed;
    assert_int_equal (covey_frame_parse (frame->data, frame->size, &parsed),
                      COVEY_OK);
    if (parsed.kind == COVEY_FRAME_DATA) {
        Covey__Wire__Data *data = (Covey__Wire__Data *)covey_wire_unpack (
            &covey__wire__data__descriptor, parsed.header, parsed.header_size);
        self->first_seq = data->first_seq;
        self->ack_seq = data->recv_seq;
        protobuf_c_message_free_unpacked (&data->base, NULL);
        const uint8_t *item;
        size_t size;
        self->out[0] = '\0';
        for (self->items = 0;
             covey_frame_next (&parsed, &item, &size) == COVEY_OK;
             self->items++) {
            size_t used = strlen (self->out);
            snprintf (self->last_item, sizeof self->last_item, "%.*s",
                      (int)size - 1, (const char *)item + 1);
            snprintf (self->out + used, sizeof self->out - used, "%s ",
                      self->last_item);
        }
        self->data_frames++;
    } else {
        Covey__Wire__DataAck *ack = (Covey__Wire__DataAck *)covey_wire_unpack (
            &covey__wire__data_ack__descriptor, parsed.header,
            parsed.header_size);
        self->ack_seq = ack->recv_seq;
        protobuf_c_message_free_unpacked (&ack->base, NULL);
        self->acks++;
    }
    return true;
}

static void
s_on_item (void *arg, uint8_t kind, const uint8_t *body, size_t size)
{
    fixture_t *self = arg;
    (void)kind;
    size_t used = strlen (self->got);
    snprintf (self->got + used, sizeof self->got - used, "%.*s ", (int)size,
              (const char *)body);
}

static int
s_setup (void **state)
{
    fixture_t *self = calloc (1, sizeof *self);
    covey_link_config_t config = {.epoch = 10,
                                  .window_events = 3,
                                  .window_bytes = 50,
                                  .events_max = 4,
                                  .bytes_max = 100};
    covey_link_callbacks_t callbacks = {
        .arg = self, .send = s_on_send, .item = s_on_item};
    self->link = covey_link_new (&config, &callbacks);
    *state = self;
    return 0;
}

static int
s_teardown (void **state)
{
    fixture_t *self = *state;
    covey_link_destroy (&self->link);
    free (self);
    return 0;
}

static void
s_push_lane (fixture_t *self, covey_lane_t lane, const char *text)
{
    covey_parcel_t *parcel = support_parcel_raw (text);
    assert_int_equal (
        covey_link_push (self->link, lane, COVEY_ITEM_EVENT, parcel), COVEY_OK);
    covey_parcel_drop (&parcel);
}

static covey_err_t
s_push (fixture_t *self, const char *text, bool control)
{
    covey_parcel_t *parcel = support_parcel_raw (text);
    covey_err_t code = covey_link_push (
        self->link, control ? COVEY_LANE_CONTROL : COVEY_LANE_NORMAL,
        COVEY_ITEM_EVENT, parcel);
    covey_parcel_drop (&parcel);
    return code;
}

static void
s_ack (fixture_t *self, uint64_t epoch, uint64_t recv_seq, int64_t now_ms)
{
    Covey__Wire__DataAck ack = COVEY__WIRE__DATA_ACK__INIT;
    ack.epoch = epoch;
    ack.recv_epoch = 10;
    ack.recv_seq = recv_seq;
    (void)covey_link_receive_ack (self->link, &ack, now_ms);
}

/*  A data frame of the peer with one-letter items.                          */
static covey_err_t
s_data (fixture_t *self, uint64_t epoch, uint64_t first_seq, const char *items)
{
    Covey__Wire__Data data = COVEY__WIRE__DATA__INIT;
    data.epoch = epoch;
    data.first_seq = first_seq;
    data.recv_epoch = 10;
    covey_buf_t frame;
    covey_frame_t parsed;
    covey_buf_init (&frame, COVEY_FRAME_MAX);
    assert_int_equal (covey_frame_begin (&frame, COVEY_FRAME_DATA, &data.base),
                      COVEY_OK);
    for (; *items; items++) {
        const char item[] = {COVEY_ITEM_EVENT, *items};
        assert_int_equal (covey_frame_add (&frame, item, 2), COVEY_OK);
    }
    assert_int_equal (covey_frame_parse (frame.data, frame.size, &parsed),
                      COVEY_OK);
    covey_err_t code = covey_link_receive_data (self->link, &parsed, 0);
    covey_buf_deinit (&frame);
    return code;
}

static void
test_nothing_flows_before_hello (void **state)
{
    fixture_t *self = *state;
    assert_int_equal (s_push (self, "a", false), COVEY_OK);
    assert_false (covey_link_flush (self->link, 0, 0));
    assert_int_equal (self->data_frames, 0);
    assert_int_equal (s_data (self, 7, 1, "x"), COVEY_OK);
    assert_string_equal (self->got, "");
    assert_int_equal (covey_link_stats (self->link)->stale, 1);
}

static void
test_waiting_items_share_a_frame (void **state)
{
    fixture_t *self = *state;
    covey_link_open (self->link, 7, 0, 0, 0);
    assert_int_equal (s_push (self, "a", false), COVEY_OK);
    assert_int_equal (s_push (self, "b", false), COVEY_OK);
    assert_int_equal (s_push (self, "c", false), COVEY_OK);
    covey_link_flush (self->link, 0, 0);
    assert_int_equal (self->data_frames, 1);
    assert_int_equal (self->items, 3);
    s_ack (self, 7, 3, 1);
    assert_int_equal (covey_link_count (self->link), 0);
    assert_int_equal (covey_link_bytes (self->link), 0);
}

static void
test_full_queue_says_so_and_control_has_a_reserve (void **state)
{
    fixture_t *self = *state;
    for (int i = 0; i < 4; i++)
        assert_int_equal (s_push (self, "a", false), COVEY_OK);
    assert_false (covey_link_has_room (self->link, COVEY_LANE_NORMAL, 1, 1));
    assert_int_equal (s_push (self, "a", false), COVEY_EAGAIN);
    assert_int_equal (covey_link_stats (self->link)->refused, 1);
    for (int i = 0; i < COVEY_LANES_CONTROL_EVENTS; i++)
        assert_int_equal (s_push (self, "a", true), COVEY_OK);
    assert_int_equal (s_push (self, "a", true), COVEY_EAGAIN);
}

static void
test_queue_is_bounded_in_bytes (void **state)
{
    fixture_t *self = *state;
    char text[102];
    memset (text, 'x', sizeof text);
    text[101] = '\0';
    /* An empty queue takes any one event. */
    assert_int_equal (s_push (self, text, false), COVEY_OK);
    assert_int_equal (s_push (self, "a", false), COVEY_EAGAIN);
}

static void
test_silence_sends_again_with_growing_pauses (void **state)
{
    fixture_t *self = *state;
    covey_link_open (self->link, 7, 0, 0, 0);
    assert_int_equal (s_push (self, "a", false), COVEY_OK);
    covey_link_flush (self->link, 0, 0);
    assert_int_equal (covey_link_next_ms (self->link), COVEY_LINK_RESEND_MS);
    covey_link_flush (self->link, COVEY_LINK_RESEND_MS - 1, 0);
    assert_int_equal (self->data_frames, 1);
    covey_link_flush (self->link, COVEY_LINK_RESEND_MS, 0);
    assert_int_equal (self->data_frames, 2);
    assert_int_equal (self->first_seq, 1);
    assert_int_equal (covey_link_next_ms (self->link),
                      3 * COVEY_LINK_RESEND_MS);
    assert_int_equal (covey_link_stats (self->link)->resent, 1);
    s_ack (self, 7, 1, 800);
    assert_true (covey_link_next_ms (self->link) == INT64_MAX);
}

static void
test_acks_without_progress_send_again (void **state)
{
    fixture_t *self = *state;
    covey_link_open (self->link, 7, 0, 0, 0);
    assert_int_equal (s_push (self, "a", false), COVEY_OK);
    assert_int_equal (s_push (self, "b", false), COVEY_OK);
    covey_link_flush (self->link, 60, 0);
    for (int i = 0; i < 3; i++)
        s_ack (self, 7, 0, 80);
    covey_link_flush (self->link, 80, 0);
    assert_int_equal (self->data_frames, 2);
}

static void
test_heartbeat_shows_a_lost_tail (void **state)
{
    fixture_t *self = *state;
    covey_link_open (self->link, 7, 0, 0, 0);
    Covey__Wire__Heartbeat heartbeat = COVEY__WIRE__HEARTBEAT__INIT;
    heartbeat.epoch = 7;
    heartbeat.recv_epoch = 10;
    heartbeat.has_sent_seq = true;
    heartbeat.sent_seq = 5;
    /* As receiver: say again what arrived. */
    covey_link_receive_heartbeat (self->link, &heartbeat, 0);
    covey_link_flush (self->link, 0, 0);
    assert_int_equal (self->acks, 1);
    assert_int_equal (self->ack_seq, 0);
    /* As sender: what the peer does not have after a while goes out again. */
    assert_int_equal (s_push (self, "a", false), COVEY_OK);
    covey_link_flush (self->link, 0, 0);
    covey_link_receive_heartbeat (self->link, &heartbeat, COVEY_LINK_TAIL_MS);
    covey_link_flush (self->link, COVEY_LINK_TAIL_MS, 0);
    assert_int_equal (self->data_frames, 2);
}

static void
test_duplicates_and_gaps_are_not_passed_on (void **state)
{
    fixture_t *self = *state;
    covey_link_open (self->link, 7, 0, 0, 0);
    assert_int_equal (s_data (self, 7, 1, "ab"), COVEY_OK);
    assert_int_equal (s_data (self, 7, 1, "abc"), COVEY_OK);
    assert_int_equal (s_data (self, 7, 9, "z"), COVEY_OK);
    assert_string_equal (self->got, "a b c ");
    assert_int_equal (covey_link_stats (self->link)->duplicates, 2);
    assert_int_equal (covey_link_stats (self->link)->gaps, 1);
    covey_link_flush (self->link, 0, 0);
    assert_int_equal (self->ack_seq, 3);
}

static void
test_lone_data_is_acknowledged_after_a_while (void **state)
{
    fixture_t *self = *state;
    covey_link_open (self->link, 7, 0, 0, 0);
    assert_int_equal (s_data (self, 7, 1, "a"), COVEY_OK);
    covey_link_flush (self->link, 0, 0);
    assert_int_equal (self->acks, 0);
    assert_int_equal (covey_link_next_ms (self->link), COVEY_LINK_ACK_MS);
    covey_link_flush (self->link, COVEY_LINK_ACK_MS, 0);
    covey_link_flush (self->link, COVEY_LINK_ACK_MS, 0);
    assert_int_equal (self->acks, 1);
    assert_int_equal (self->ack_seq, 1);
    assert_int_equal (covey_link_next_ms (self->link), INT64_MAX);
    /* Data takes it along. */
    assert_int_equal (s_data (self, 7, 2, "b"), COVEY_OK);
    assert_int_equal (s_push (self, "x", false), COVEY_OK);
    covey_link_flush (self->link, 2 * COVEY_LINK_ACK_MS, 0);
    covey_link_flush (self->link, 4 * COVEY_LINK_ACK_MS, 0);
    assert_int_equal (self->ack_seq, 2);
    assert_int_equal (self->acks, 1);
}

static void
test_many_data_are_acknowledged_at_once (void **state)
{
    fixture_t *self = *state;
    covey_link_open (self->link, 7, 0, 0, 0);
    for (uint64_t seq = 1; seq <= COVEY_LINK_ACK_EVENTS; seq++) {
        covey_link_flush (self->link, 0, 0);
        assert_int_equal (self->acks, 0);
        assert_int_equal (s_data (self, 7, seq, "a"), COVEY_OK);
        self->got[0] = '\0';
    }
    covey_link_flush (self->link, 0, 0);
    assert_int_equal (self->ack_seq, COVEY_LINK_ACK_EVENTS);
}

static void
test_new_incarnation_gets_what_the_old_one_had_not (void **state)
{
    fixture_t *self = *state;
    covey_link_open (self->link, 7, 0, 0, 0);
    assert_int_equal (s_push (self, "a", false), COVEY_OK);
    assert_int_equal (s_push (self, "b", false), COVEY_OK);
    covey_link_flush (self->link, 0, 0);
    s_ack (self, 7, 1, 1);
    assert_int_equal (s_data (self, 7, 1, "x"), COVEY_OK);
    covey_link_open (self->link, 8, 0, 0, 2);
    covey_link_flush (self->link, 2, 0);
    assert_int_equal (self->first_seq, 1); /* numbers start again             */
    assert_int_equal (self->items, 1);
    s_ack (self, 7, 1, 3); /* the old one's ack means nothing any more        */
    assert_int_equal (covey_link_count (self->link), 1);
    s_ack (self, 8, 1, 3);
    assert_int_equal (covey_link_count (self->link), 0);
    assert_int_equal (s_data (self, 7, 2, "y"), COVEY_OK);
    assert_int_equal (s_data (self, 8, 1, "z"), COVEY_OK);
    assert_string_equal (self->got, "x z ");
    covey_link_open (self->link, 7, 0, 0, 4); /* a late hello                 */
    assert_int_equal (s_data (self, 8, 2, "!"), COVEY_OK);
    assert_string_equal (self->got, "x z ! ");
}

static bool
s_take_b (void *arg, const covey_lane_item_t *item)
{
    if (item->parcel->bytes[0] != 'b')
        return false;
    *(size_t *)arg += item->was_sent; /* the peer may have it */
    return true;
}

static void
test_taken_back_items_leave_their_number (void **state)
{
    fixture_t *self = *state;
    covey_link_open (self->link, 7, 0, 0, 0);
    assert_int_equal (s_push (self, "a", false), COVEY_OK);
    assert_int_equal (s_push (self, "b", false), COVEY_OK);
    assert_int_equal (s_push (self, "c", false), COVEY_OK);
    covey_link_flush (self->link, 0, 0);
    assert_int_equal (s_push (self, "b", false), COVEY_OK);
    assert_int_equal (s_push (self, "d", false), COVEY_OK);
    size_t sent = 0;
    assert_int_equal (covey_link_take_back (self->link, s_take_b, &sent), 2);
    assert_int_equal (sent, 1);
    assert_int_equal (covey_link_count (self->link), 4);
    assert_int_equal (covey_link_bytes (self->link), 3);
    covey_link_flush (self->link, COVEY_LINK_RESEND_MS, 0);
    assert_int_equal (self->items, 3);
    s_ack (self, 7, 3, COVEY_LINK_RESEND_MS);
    covey_link_flush (self->link, COVEY_LINK_RESEND_MS, 0);
    assert_int_equal (self->first_seq, 4); /* which "d" got, not "b"          */
    assert_int_equal (self->items, 1);
}

/*  Numbers are given late, so what is urgent goes before what came earlier.  */
static void
test_critical_overtakes_what_waits_behind_the_window (void **state)
{
    fixture_t *self = *state;
    covey_link_open (self->link, 7, 0, 0, 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal (s_push (self, "a", false), COVEY_OK);
    covey_link_flush (self->link, 0, 0);
    assert_int_equal (self->items, 3);
    s_push_lane (self, COVEY_LANE_LOW, "low");
    s_push_lane (self, COVEY_LANE_LOW, "low too");
    s_push_lane (self, COVEY_LANE_CRITICAL, "critical");
    covey_link_flush (self->link, 0, 0);
    assert_int_equal (self->data_frames, 1); /* the window is full            */
    s_ack (self, 7, 1, 1);
    covey_link_flush (self->link, 1, 0);
    assert_string_equal (self->last_item, "critical");
    s_ack (self, 7, 3, 2);
    covey_link_flush (self->link, 2, 0);
    assert_string_equal (self->last_item, "low too");
    assert_int_equal (self->first_seq, 5);
}

static void
test_window_is_bounded_in_bytes (void **state)
{
    fixture_t *self = *state;
    covey_link_open (self->link, 7, 0, 0, 0);
    char text[51];
    memset (text, 'x', sizeof text);
    text[50] = '\0';
    assert_int_equal (s_push (self, text, false), COVEY_OK);
    assert_int_equal (s_push (self, "a", false), COVEY_OK);
    covey_link_flush (self->link, 0, 0);
    assert_int_equal (self->items, 1);
    assert_int_equal (covey_link_waiting (self->link, COVEY_LANE_NORMAL), 1);
    s_ack (self, 7, 1, 1);
    covey_link_flush (self->link, 1, 0);
    assert_string_equal (self->last_item, "a");
}

static void
test_expired_items_never_get_a_number (void **state)
{
    fixture_t *self = *state;
    covey_parcel_t *parcel = support_parcel_raw ("old");
    parcel->expires_ms = 100;
    covey_link_add (self->link, COVEY_LANE_NORMAL, COVEY_ITEM_EVENT, parcel);
    covey_parcel_drop (&parcel);
    assert_int_equal (s_push (self, "new", false), COVEY_OK);
    covey_link_open (self->link, 7, 0, 0, 101);
    covey_link_flush (self->link, 101, 0);
    assert_int_equal (self->items, 1);
    assert_string_equal (self->last_item, "new");
    assert_int_equal (covey_link_stats (self->link)->expired, 1);
}

static void
s_push_for (fixture_t *self, const char *text)
{
    covey_parcel_t *parcel = support_parcel_raw (text);
    assert_int_equal (covey_link_push (self->link, COVEY_LANE_NORMAL,
                                       COVEY_ITEM_EVENT_FOR, parcel),
                      COVEY_OK);
    covey_parcel_drop (&parcel);
}

/*  What waits for a stopped agent is out of the way, and keeps its place.    */
static void
test_stopped_agent_stops_nobody_else (void **state)
{
    fixture_t *self = *state;
    const covey_slice_t bob = {.text = "bob", .size = 3};
    covey_link_open (self->link, 7, 0, 0, 0);
    covey_link_set_stopped (self->link, bob, true);
    assert_true (covey_link_is_stopped (self->link, bob));
    s_push_for (self, "\3bob1");
    s_push_for (self, "\3ann1");
    s_push_for (self, "\3bob2");
    covey_link_flush (self->link, 0, 0);
    assert_int_equal (self->items, 1);
    assert_string_equal (self->last_item, "\3ann1");
    assert_int_equal (covey_link_parked (self->link), 2);
    assert_int_equal (covey_link_count (self->link), 3);
    s_push_for (self, "\3ann2");
    covey_link_set_stopped (self->link, bob, false);
    assert_int_equal (covey_link_waiting (self->link, COVEY_LANE_NORMAL), 3);
    s_ack (self, 7, 1, 1);
    covey_link_flush (self->link, 1, 0);
    assert_string_equal (self->out, "\3bob1 \3bob2 \3ann2 ");
    assert_int_equal (covey_link_parked (self->link), 0);
}

static void
test_new_incarnation_has_stopped_nobody (void **state)
{
    fixture_t *self = *state;
    const covey_slice_t bob = {.text = "bob", .size = 3};
    covey_link_open (self->link, 7, 0, 0, 0);
    covey_link_set_stopped (self->link, bob, true);
    s_push_for (self, "\3bob1");
    covey_link_flush (self->link, 0, 0);
    assert_int_equal (self->data_frames, 0);
    covey_link_open (self->link, 7, 0, 0, 1); /* the same one again           */
    assert_true (covey_link_is_stopped (self->link, bob));
    covey_link_open (self->link, 8, 0, 0, 1);
    assert_int_equal (covey_link_stopped (self->link), 0);
    covey_link_flush (self->link, 1, 0);
    assert_string_equal (self->last_item, "\3bob1");
}

/*  Nothing overtakes what was parked before, also when there is no more room
    to park.                                                                  */
static void
test_parked_items_are_bounded (void **state)
{
    fixture_t *self = *state;
    const covey_slice_t bob = {.text = "bob", .size = 3};
    covey_link_open (self->link, 7, 0, 0, 0);
    covey_link_set_stopped (self->link, bob, true);
    for (char i = '1'; i <= '5'; i++) {
        const char text[] = {3, 'b', 'o', 'b', i, 0};
        s_push_for (self, text);
        covey_link_flush (self->link, 0, 0);
        assert_int_equal (self->data_frames, i == '5');
    }
    assert_string_equal (self->out, "\3bob1 \3bob2 \3bob3 "); /* the window  */
    assert_int_equal (covey_link_parked (self->link), 0);
    assert_true (covey_link_is_stopped (self->link, bob));
    covey_link_set_stopped (self->link, bob, false);
    assert_int_equal (covey_link_count (self->link), 5);
}

static bool
s_take_all (void *arg, const covey_lane_item_t *item)
{
    (void)item;
    ++*(int *)arg;
    return true;
}

static void
test_parked_items_are_taken_back_too (void **state)
{
    fixture_t *self = *state;
    int taken = 0;
    covey_link_open (self->link, 7, 0, 0, 0);
    covey_link_set_stopped (self->link,
                            (covey_slice_t){.text = "bob", .size = 3}, true);
    s_push_for (self, "\3bob1");
    s_push_for (self, "\3bob2");
    covey_link_flush (self->link, 0, 0);
    assert_int_equal (covey_link_take_back (self->link, s_take_all, &taken), 2);
    assert_int_equal (taken, 2);
    assert_int_equal (covey_link_count (self->link), 0);
    assert_int_equal (covey_link_bytes (self->link), 0);
}

static void
test_full_socket_is_tried_again (void **state)
{
    fixture_t *self = *state;
    covey_link_open (self->link, 7, 0, 0, 0);
    self->full = true;
    assert_int_equal (s_push (self, "a", false), COVEY_OK);
    assert_true (covey_link_flush (self->link, 0, 0));
    self->full = false;
    assert_false (covey_link_flush (self->link, 1, 0));
    assert_int_equal (self->data_frames, 1);
    assert_int_equal (covey_link_stats (self->link)->resent, 0);
}

static void
test_ack_for_what_was_never_sent_is_ignored (void **state)
{
    fixture_t *self = *state;
    covey_link_open (self->link, 7, 0, 0, 0);
    assert_int_equal (s_push (self, "a", false), COVEY_OK);
    s_ack (self, 7, 99, 0);
    assert_int_equal (covey_link_count (self->link), 1);
}

/*  A connection that breaks again and again takes a large frame never whole,
    but small ones: after a loss it begins with these.                        */
static void
test_after_a_loss_frames_begin_small_and_grow (void **state)
{
    enum { ITEMS = 400, SIZE = 200, SMALL = 1024 };
    fixture_t *self = *state;
    covey_link_config_t config = {.epoch = 10,
                                  .window_events = ITEMS,
                                  .window_bytes = ITEMS * SIZE,
                                  .events_max = ITEMS,
                                  .bytes_max = ITEMS * SIZE};
    covey_link_callbacks_t callbacks = {
        .arg = self, .send = s_on_send, .item = s_on_item};
    covey_link_destroy (&self->link);
    self->link = covey_link_new (&config, &callbacks);
    char text[SIZE] = "";
    memset (text, 'x', sizeof text - 1);
    for (int i = 0; i < ITEMS; i++)
        assert_int_equal (s_push (self, text, false), COVEY_OK);
    covey_link_open (self->link, 7, 0, 0, 0);
    covey_link_flush (self->link, 0, 0); /* all of it is lost                 */
    int64_t now_ms = 0;
    uint64_t acked = 0;
    for (int i = 0; i < 4; i++) { /* then each time one probe gets through    */
        now_ms += COVEY_LINK_RESEND_MAX_MS;
        size_t frames = self->data_frames;
        covey_link_flush (self->link, now_ms, 0);
        assert_int_equal (self->data_frames, frames + 1);
        assert_true (self->items * SIZE <= SMALL);
        acked += self->items;
        s_ack (self, 7, acked, now_ms);
        covey_link_flush (self->link, now_ms, 0); /* and the rest is lost     */
    }
    covey_link_open (self->link, 7, 10, acked, now_ms);
    for (int i = 0; i < 4; i++) /* no loss any more                           */
        s_ack (self, 7, ++acked, now_ms);
    size_t frames = self->data_frames;
    covey_link_flush (self->link, now_ms, 0);
    assert_true (self->data_frames - frames <= 8); /* larger ones by now      */
}

int
main (void)
{
#define CASE(name) cmocka_unit_test_setup_teardown (name, s_setup, s_teardown)
    const struct CMUnitTest tests[] = {
        CASE (test_nothing_flows_before_hello),
        CASE (test_waiting_items_share_a_frame),
        CASE (test_full_queue_says_so_and_control_has_a_reserve),
        CASE (test_queue_is_bounded_in_bytes),
        CASE (test_silence_sends_again_with_growing_pauses),
        CASE (test_acks_without_progress_send_again),
        CASE (test_heartbeat_shows_a_lost_tail),
        CASE (test_duplicates_and_gaps_are_not_passed_on),
        CASE (test_lone_data_is_acknowledged_after_a_while),
        CASE (test_many_data_are_acknowledged_at_once),
        CASE (test_new_incarnation_gets_what_the_old_one_had_not),
        CASE (test_taken_back_items_leave_their_number),
        CASE (test_critical_overtakes_what_waits_behind_the_window),
        CASE (test_window_is_bounded_in_bytes),
        CASE (test_expired_items_never_get_a_number),
        CASE (test_stopped_agent_stops_nobody_else),
        CASE (test_new_incarnation_has_stopped_nobody),
        CASE (test_parked_items_are_bounded),
        CASE (test_parked_items_are_taken_back_too),
        CASE (test_full_socket_is_tried_again),
        CASE (test_ack_for_what_was_never_sent_is_ignored),
        CASE (test_after_a_loss_frames_begin_small_and_grow),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
