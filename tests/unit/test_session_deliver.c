/*  The agent's side of a session: deliveries, subscriptions, notices. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/support/support_session.h"

/* -- deliveries ----------------------------------------------------------- */

static void
test_deliveries_carry_the_handles_they_matched (void **state)
{
    support_session_t *self = *state;
    uint32_t counts[] = {2, 0, 1}, handles[] = {5, 6, 7};
    static const char *const items[] = {"a", "b", "c", "d", NULL};
    Covey__Wire__Deliver deliver = COVEY__WIRE__DELIVER__INIT;
    deliver.first_seq = 1;
    deliver.n_handle_counts = 3;
    deliver.handle_counts = counts;
    deliver.n_handles = 3;
    deliver.handles = handles;
    support_session_give (self, COVEY_FRAME_DELIVER, &deliver, items);
    support_session_expect (self, "event a 5 6\nevent b\nevent c 7\nevent d\n");
}

static void
test_deliveries_say_how_long_they_are_good_for (void **state)
{
    support_session_t *self = *state;
    uint32_t lefts[] = {0, 700};
    static const char *const items[] = {"a", "b", "c", NULL};
    Covey__Wire__Deliver deliver = COVEY__WIRE__DELIVER__INIT;
    deliver.first_seq = 1;
    deliver.n_ttl_left = 2;
    deliver.ttl_left = lefts;
    support_session_give (self, COVEY_FRAME_DELIVER, &deliver, items);
    support_session_expect (self, "event a\nevent b for 700 ms\nevent c\n");
}

static void
test_arrival_is_told_at_once_when_the_node_asks (void **state)
{
    support_session_t *self = *state;
    static const char *const items[] = {"a", "b", NULL};
    Covey__Wire__Deliver deliver = COVEY__WIRE__DELIVER__INIT;
    deliver.first_seq = 1;
    deliver.has_tell = deliver.tell = true;
    support_session_give (self, COVEY_FRAME_DELIVER, &deliver, items);
    support_session_expect (self, "event a\nevent b\nACK 0 arrived 2\n");
    /* The node may have missed that: it sends again, and asks again. */
    covey_session_done (self->session);
    support_session_give (self, COVEY_FRAME_DELIVER, &deliver, items);
    support_session_expect (self, "ACK 1 arrived 2\n");
}

static void
test_duplicate_deliveries_are_dropped_with_their_handles (void **state)
{
    support_session_t *self = *state;
    static const char *const first[] = {"a", "b", NULL};
    static const char *const again[] = {"b", "c", NULL};
    support_session_give_deliver (self, 1, first);
    support_session_give_deliver (self, 1, first);
    support_session_expect (self, "event a\nevent b\n");
    uint32_t counts[] = {2, 1}, handles[] = {5, 6, 7};
    Covey__Wire__Deliver deliver = COVEY__WIRE__DELIVER__INIT;
    deliver.first_seq = 2;
    deliver.n_handle_counts = 2;
    deliver.handle_counts = counts;
    deliver.n_handles = 3;
    deliver.handles = handles;
    support_session_give (self, COVEY_FRAME_DELIVER, &deliver, again);
    support_session_expect (self, "event c 7\n");
}

static void
test_hole_in_the_deliveries_closes_and_reopening_mends_it (void **state)
{
    support_session_t *self = *state;
    static const char *const a[] = {"a", NULL}, *const c[] = {"c", NULL};
    static const char *const all[] = {"a", "b", "c", NULL};
    support_session_give_deliver (self, 1, a);
    support_session_give_deliver (self, 3, c);
    support_session_expect (self, "event a\nclosed STATE\n");
    support_session_reopen (self, 0);
    support_session_give_deliver (self, 1, all);
    support_session_expect (self, "HELLO\nopened alpha\nevent b\nevent c\n");
}

static void
test_acks_go_out_at_half_the_window_or_after_a_while (void **state)
{
    support_session_t *self = *state;
    static const char *const one[] = {"e", NULL};
    self->done_in_event = true;
    for (int i = 1; i < COVEY_SESSION_WINDOW / 2; i++)
        support_session_give_deliver (self, (uint64_t)i, one);
    assert_null (strstr (self->log, "ACK"));
    support_session_give_deliver (self, COVEY_SESSION_WINDOW / 2, one);
    assert_non_null (strstr (self->log, "event e\nACK 512\n"));
    support_session_give_deliver (self, COVEY_SESSION_WINDOW / 2 + 1, one);
    self->log_size = 0;
    covey_session_flush (self->session, self->now_ms);
    assert_int_equal (covey_session_next_ms (self->session),
                      self->now_ms + COVEY_SESSION_ACK_MS);
    assert_int_equal (self->log_size, 0);
    support_session_flush_acks (self);
    support_session_flush_acks (self);
    support_session_expect (self, "ACK 513\n");
}

static void
test_publish_takes_the_ack_along (void **state)
{
    support_session_t *self = *state;
    static const char *const one[] = {"e", NULL};
    self->done_in_event = true;
    support_session_give_deliver (self, 1, one);
    support_session_publish (self, "p", COVEY_LEVEL_ACCEPTED, 0);
    support_session_flush_acks (self);
    support_session_expect (self, "event e\nPUBLISH 1+1 done 1\n");
}

static void
test_deliver_takes_the_receipt_along (void **state)
{
    support_session_t *self = *state;
    static const char *const one[] = {"e", NULL};
    support_session_publish (self, "p", COVEY_LEVEL_ACCEPTED, 0);
    covey_session_flush (self->session, self->now_ms);
    Covey__Wire__Deliver deliver = COVEY__WIRE__DELIVER__INIT;
    deliver.first_seq = 1;
    deliver.has_accepted = true;
    deliver.accepted = 2; /* what was never sent */
    support_session_give (self, COVEY_FRAME_DELIVER, &deliver, one);
    support_session_expect (self, "PUBLISH 1+1\n");
    assert_int_equal (covey_session_malformed (self->session), 1);
    deliver.accepted = 1;
    support_session_give (self, COVEY_FRAME_DELIVER, &deliver, one);
    support_session_expect (self, "reached 1 accepted -1\nevent e\n");
}

static void
test_node_that_overruns_the_window_is_left (void **state)
{
    support_session_t *self = *state;
    static const char *const one[] = {"e", NULL};
    for (int i = 1; i <= COVEY_SESSION_WINDOW; i++)
        support_session_give_deliver (self, (uint64_t)i, one);
    assert_null (strstr (self->log, "closed"));
    support_session_give_deliver (self, COVEY_SESSION_WINDOW + 1, one);
    assert_non_null (strstr (self->log, "event e\nclosed STATE\n"));
}

static void
test_acks_are_repeated_after_reopening (void **state)
{
    support_session_t *self = *state;
    static const char *const items[] = {"a", "b", NULL};
    support_session_give_deliver (self, 1, items);
    covey_session_done (self->session);
    support_session_flush_acks (self);
    support_session_end (self, COVEY_CLOSED);
    support_session_expect (self, "event a\nevent b\nACK 1\nclosed CLOSED\n");
    support_session_reopen (self, 0);
    support_session_expect (self, "HELLO\nACK 1\nopened alpha\n");
    covey_session_done (self->session);
    support_session_flush_acks (self);
    support_session_expect (self, "ACK 2\n");
}

static void
test_restarted_node_counts_deliveries_from_one_again (void **state)
{
    support_session_t *self = *state;
    static const char *const items[] = {"a", "b", NULL};
    static const char *const fresh[] = {"x", NULL};
    support_session_give_deliver (self, 1, items);
    support_session_end (self, COVEY_CLOSED);
    support_session_reopen (self, -1);
    support_session_give_deliver (self, 1, fresh);
    support_session_expect (
        self, "event a\nevent b\nclosed CLOSED\nHELLO\nopened alpha\n"
              "event x\n");
    covey_session_done (self->session); /* a and b: of the old count */
    covey_session_done (self->session);
    support_session_flush_acks (self);
    support_session_expect (self, "");
    covey_session_done (self->session);
    support_session_flush_acks (self);
    support_session_expect (self, "ACK 1\n");
}

static void
test_closing_in_the_event_callback_stops_the_frame (void **state)
{
    support_session_t *self = *state;
    self->close_in_event = true;
    static const char *const items[] = {"a", "b", NULL};
    support_session_give_deliver (self, 1, items);
    support_session_expect (self, "event a\nBYE\n");
}

static void
test_deliver_that_contradicts_its_header_is_malformed (void **state)
{
    support_session_t *self = *state;
    uint32_t counts[] = {2, UINT32_MAX}, handles[] = {5};
    static const char *const items[] = {"a", "b", NULL};
    Covey__Wire__Deliver deliver = COVEY__WIRE__DELIVER__INIT;
    deliver.first_seq = 1;
    deliver.n_handle_counts = 1;
    deliver.handle_counts = counts;
    deliver.n_handles = 1;
    deliver.handles = handles;
    assert_int_equal (
        support_session_give (self, COVEY_FRAME_DELIVER, &deliver, items),
        COVEY_MALFORMED); /* more handles than there are */
    counts[0] = 1;
    deliver.n_handle_counts = 2;
    assert_int_equal (
        support_session_give (self, COVEY_FRAME_DELIVER, &deliver, items),
        COVEY_MALFORMED);
    deliver.n_handle_counts = 0;
    deliver.first_seq = 0;
    assert_int_equal (
        support_session_give (self, COVEY_FRAME_DELIVER, &deliver, items),
        COVEY_MALFORMED);
    deliver.first_seq = UINT64_MAX;
    assert_int_equal (
        support_session_give (self, COVEY_FRAME_DELIVER, &deliver, items),
        COVEY_MALFORMED);
    counts[1] = 0;
    deliver.first_seq = 1;
    deliver.n_handle_counts = 2;
    static const char *const single[] = {"a", NULL};
    assert_int_equal (
        support_session_give (self, COVEY_FRAME_DELIVER, &deliver, single),
        COVEY_MALFORMED); /* counts for items that are not there */
    support_session_expect (self, "");
}

/* -- subscriptions, flow, the rest ---------------------------------------- */

static void
s_subscribe (support_session_t *self, uint32_t handle, covey_err_t expected)
{
    Covey__Wire__Subscribe subscribe = COVEY__WIRE__SUBSCRIBE__INIT;
    subscribe.handle = handle;
    assert_int_equal (covey_session_subscribe (self->session, &subscribe),
                      expected);
}

static void
test_subscriptions_are_repeated_before_opened (void **state)
{
    support_session_t *self = *state;
    s_subscribe (self, 1, COVEY_OK);
    s_subscribe (self, 2, COVEY_OK);
    s_subscribe (self, 3, COVEY_OK);
    covey_session_unsubscribe (self->session, 2);
    covey_session_unsubscribe (self->session, 2);
    support_session_expect (self, "");
    support_session_reopen (self, -1);
    support_session_expect (self,
                            "HELLO\nSUBSCRIBE 1\nSUBSCRIBE 3\nopened alpha\n");
    covey_session_unsubscribe (self->session, 1);
    covey_session_unsubscribe_all (self->session);
    support_session_expect (self, "UNSUBSCRIBE 1\nUNSUBSCRIBE 0\n");
    support_session_end (self, COVEY_CLOSED);
    support_session_reopen (self, 0);
    support_session_expect (
        self, "closed CLOSED\nHELLO\nUNSUBSCRIBE all but 0\nopened alpha\n");
}

static void
test_subscription_bounds (void **state)
{
    support_session_t *self = *state;
    s_subscribe (self, 0, COVEY_INVALID);
    s_subscribe (self, 1, COVEY_OK);
    s_subscribe (self, 1, COVEY_EXISTS);
    for (uint32_t i = 2; i <= COVEY_SESSION_SUBSCRIPTIONS_MAX; i++)
        s_subscribe (self, i, COVEY_OK);
    s_subscribe (self, COVEY_SESSION_SUBSCRIPTIONS_MAX + 1, COVEY_LIMIT);
}

static void
test_subscription_that_the_node_refuses_is_not_repeated (void **state)
{
    support_session_t *self = *state;
    s_subscribe (self, 1, COVEY_OK);
    s_subscribe (self, 2, COVEY_OK);
    Covey__Wire__Subscribed answer = COVEY__WIRE__SUBSCRIBED__INIT;
    answer.handle = 1;
    support_session_give (self, COVEY_FRAME_SUBSCRIBED, &answer, NULL);
    answer.handle = 2;
    answer.has_code = true;
    answer.code = COVEY_LIMIT;
    answer.text = " too many";
    support_session_give (self, COVEY_FRAME_SUBSCRIBED, &answer, NULL);
    answer.handle = 9; /* not ours */
    support_session_give (self, COVEY_FRAME_SUBSCRIBED, &answer, NULL);
    support_session_expect (self, "SUBSCRIBE 1\nSUBSCRIBE 2\nsubscribed 1 OK\n"
                                  "subscribed 2 LIMIT too many\n");
    support_session_end (self, COVEY_CLOSED);
    support_session_reopen (self, 0);
    support_session_expect (self, "closed CLOSED\nHELLO\nUNSUBSCRIBE all but "
                                  "1\nSUBSCRIBE 1\nopened alpha\n");
}

static void
test_pause_is_kept_over_reopening (void **state)
{
    support_session_t *self = *state;
    covey_session_flow (self->session, true);
    support_session_end (self, COVEY_CLOSED);
    support_session_reopen (self, 0);
    support_session_give_welcome (self, 0); /* it heard a second hello        */
    covey_session_flow (self->session, false);
    support_session_expect (
        self, "FLOW 1\nclosed CLOSED\nHELLO\nFLOW 1\nopened alpha\n"
              "FLOW 1\nFLOW 0\n");
}

static void
test_notices_and_service_frames_are_handed_on (void **state)
{
    support_session_t *self = *state;
    uint8_t id[16] = {0};
    Covey__Wire__Undelivered notice = COVEY__WIRE__UNDELIVERED__INIT;
    notice.event_id.data = id;
    notice.event_id.len = 16;
    notice.target = "gone";
    notice.code = COVEY_NOAGENT;
    notice.text = "";
    support_session_give (self, COVEY_FRAME_UNDELIVERED, &notice, NULL);
    notice.event_id.len = 15;
    assert_int_equal (
        support_session_give (self, COVEY_FRAME_UNDELIVERED, &notice, NULL),
        COVEY_MALFORMED);
    Covey__Wire__Gap gap = COVEY__WIRE__GAP__INIT;
    gap.node_id.data = id;
    gap.node_id.len = 16;
    gap.first = 3;
    gap.last = 5;
    support_session_give (self, COVEY_FRAME_GAP, &gap, NULL);
    gap.first = 6;
    assert_int_equal (support_session_give (self, COVEY_FRAME_GAP, &gap, NULL),
                      COVEY_MALFORMED);
    support_session_give (self, COVEY_FRAME_VIEW, NULL, NULL);
    Covey__Wire__JournalAck ack = COVEY__WIRE__JOURNAL_ACK__INIT;
    ack.origin = notice.event_id;
    covey_session_send_frame (self->session, COVEY_FRAME_JOURNAL_ACK,
                              &ack.base);
    support_session_expect (
        self, "undelivered gone\ngap 3..5\nservice 67\nJOURNAL_ACK\n");
}

static void
s_give_gap (support_session_t *self, uint64_t number)
{
    uint8_t id[16] = {0};
    Covey__Wire__Gap gap = COVEY__WIRE__GAP__INIT;
    gap.node_id.data = id;
    gap.node_id.len = 16;
    gap.first = gap.last = number * 10;
    gap.has_notice_seq = true;
    gap.notice_seq = number;
    support_session_give (self, COVEY_FRAME_GAP, &gap, NULL);
}

static void
s_give_stored (support_session_t *self, uint64_t number, uint64_t publish_seq)
{
    Covey__Wire__Stored stored = COVEY__WIRE__STORED__INIT, *list[] = {&stored};
    Covey__Wire__Receipt receipt = COVEY__WIRE__RECEIPT__INIT;
    stored.seq = publish_seq;
    stored.level = COVEY_LEVEL_STORED;
    stored.offset = 9;
    receipt.accepted = publish_seq;
    receipt.stored = list;
    receipt.n_stored = 1;
    receipt.has_stored_first = true;
    receipt.stored_first = number;
    support_session_give (self, COVEY_FRAME_RECEIPT, &receipt, NULL);
}

static void
test_notices_come_once_and_are_acknowledged (void **state)
{
    support_session_t *self = *state;
    support_session_publish (self, "x", COVEY_LEVEL_STORED, 0);
    covey_session_flush (self->session, self->now_ms);
    s_give_gap (self, 1);
    s_give_stored (self, 2, 1);
    support_session_expect (self,
                            "PUBLISH 1+1 level 3 wait 0\ngap 10..10\n"
                            "reached 1 accepted -1\nreached 1 stored 9\n");
    support_session_end (self, COVEY_CLOSED);
    support_session_reopen (self, 1);
    s_give_gap (self, 1);
    s_give_stored (self, 2, 1);
    s_give_gap (self, 3);
    support_session_expect (
        self, "closed CLOSED\nHELLO\nACK 0 notice 2\nopened alpha\n"
              "gap 30..30\n");
    self->now_ms += SUPPORT_HEARTBEAT_MS;
    covey_session_tick (self->session, self->now_ms);
    support_session_expect (self, "ACK 0 notice 3\nPING\n");
    for (uint64_t i = 4; i < 4 + 127; i++)
        s_give_gap (self, i);
    self->log_size = 0;
    covey_session_flush (self->session, self->now_ms);
    assert_int_equal (self->log_size, 0);
    s_give_gap (self, 131);
    self->log_size = 0;
    covey_session_flush (self->session, self->now_ms);
    support_session_expect (self, "ACK 0 notice 131\n");
}

static void
test_hole_in_the_notices_closes (void **state)
{
    support_session_t *self = *state;
    s_give_gap (self, 1);
    s_give_gap (self, 3);
    support_session_expect (self, "gap 10..10\nclosed STATE\n");
    support_session_reopen (self, 0);
    s_give_gap (self, 2);
    support_session_expect (
        self, "HELLO\nACK 0 notice 1\nopened alpha\ngap 20..20\n");
}

static void
test_restarted_node_counts_notices_from_one_again (void **state)
{
    support_session_t *self = *state;
    s_give_gap (self, 1);
    support_session_end (self, COVEY_CLOSED);
    support_session_reopen (self, -1);
    s_give_gap (self, 1);
    support_session_expect (
        self, "gap 10..10\nclosed CLOSED\nHELLO\nopened alpha\ngap 10..10\n");
}

static void
test_unsubscribed_while_closed_is_said_when_it_opens (void **state)
{
    support_session_t *self = *state;
    s_subscribe (self, 1, COVEY_OK);
    s_subscribe (self, 2, COVEY_OK);
    support_session_end (self, COVEY_CLOSED);
    covey_session_unsubscribe (self->session, 1);
    support_session_reopen (self, 0);
    support_session_expect (self,
                            "SUBSCRIBE 1\nSUBSCRIBE 2\nclosed CLOSED\nHELLO\n"
                            "UNSUBSCRIBE all but 1\nSUBSCRIBE 2\n"
                            "opened alpha\n");
    support_session_end (self, COVEY_CLOSED);
    covey_session_unsubscribe_all (self->session);
    support_session_reopen (self, 0);
    support_session_expect (self, "closed CLOSED\nHELLO\n"
                                  "UNSUBSCRIBE all but 0\nopened alpha\n");
    /* A node that lost the session has nothing to forget. */
    support_session_end (self, COVEY_CLOSED);
    support_session_reopen (self, -1);
    support_session_expect (self, "closed CLOSED\nHELLO\nopened alpha\n");
}

static void
test_garbage_is_counted_and_newer_kinds_are_dropped (void **state)
{
    support_session_t *self = *state;
    assert_int_equal (covey_session_receive (self->session, "x", 1, 0),
                      COVEY_MALFORMED);
    assert_int_equal (
        covey_session_receive (self->session, "\x13\x02\0\0\0\0", 6, 0),
        COVEY_VERSION);
    assert_int_equal (
        covey_session_receive (self->session, "\x13\x01\x01\0\0\0\xff", 7, 0),
        COVEY_MALFORMED);
    assert_int_equal (covey_session_malformed (self->session), 3);
    assert_int_equal (
        covey_session_receive (self->session, "\x7f\x01\0\0\0\0", 6, 0),
        COVEY_OK);
    assert_int_equal (covey_session_malformed (self->session), 3);
    support_session_expect (self, "");
}

int
main (void)
{
#define CLOSED(test)                                              \
    cmocka_unit_test_setup_teardown (test, support_session_setup, \
                                     support_session_teardown)
#define OPEN(test)                                                     \
    cmocka_unit_test_setup_teardown (test, support_session_setup_open, \
                                     support_session_teardown)
    const struct CMUnitTest tests[] = {
        OPEN (test_deliveries_carry_the_handles_they_matched),
        OPEN (test_deliveries_say_how_long_they_are_good_for),
        OPEN (test_arrival_is_told_at_once_when_the_node_asks),
        OPEN (test_duplicate_deliveries_are_dropped_with_their_handles),
        OPEN (test_hole_in_the_deliveries_closes_and_reopening_mends_it),
        OPEN (test_acks_go_out_at_half_the_window_or_after_a_while),
        OPEN (test_publish_takes_the_ack_along),
        OPEN (test_deliver_takes_the_receipt_along),
        OPEN (test_node_that_overruns_the_window_is_left),
        OPEN (test_acks_are_repeated_after_reopening),
        OPEN (test_restarted_node_counts_deliveries_from_one_again),
        OPEN (test_closing_in_the_event_callback_stops_the_frame),
        OPEN (test_deliver_that_contradicts_its_header_is_malformed),
        CLOSED (test_subscriptions_are_repeated_before_opened),
        OPEN (test_subscription_bounds),
        OPEN (test_subscription_that_the_node_refuses_is_not_repeated),
        OPEN (test_pause_is_kept_over_reopening),
        OPEN (test_notices_and_service_frames_are_handed_on),
        OPEN (test_notices_come_once_and_are_acknowledged),
        OPEN (test_hole_in_the_notices_closes),
        OPEN (test_restarted_node_counts_notices_from_one_again),
        OPEN (test_unsubscribed_while_closed_is_said_when_it_opens),
        OPEN (test_garbage_is_counted_and_newer_kinds_are_dropped),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
