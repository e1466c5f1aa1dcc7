/*  The agent's side of a session: opening, publishing, losing the node. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/support/support_session.h"

/* -- opening -------------------------------------------------------------- */

static void
test_hello_carries_protocol_session_id_and_window (void **state)
{
    support_session_t *self = *state;
    covey_session_open (self->session, self->now_ms);
    assert_int_equal (covey_session_state (self->session),
                      COVEY_SESSION_OPENING);
    covey_frame_t frame;
    assert_int_equal (
        covey_frame_parse (self->last.data, self->last.size, &frame), COVEY_OK);
    Covey__Wire__Hello *hello =
        covey__wire__hello__unpack (NULL, frame.header_size, frame.header);
    assert_non_null (hello);
    assert_int_equal (hello->protocol_min, 1);
    assert_int_equal (hello->protocol_max, 1);
    assert_string_equal (hello->agent_id, "worker-1");
    assert_int_equal (hello->session_id.len, 16);
    assert_int_equal (hello->session_id.data[0], 7);
    assert_int_equal (hello->receive_window, COVEY_SESSION_WINDOW);
    covey__wire__hello__free_unpacked (hello, NULL);
}

static void
test_hello_is_repeated_until_the_welcome (void **state)
{
    support_session_t *self = *state;
    assert_true (covey_session_next_ms (self->session) == INT64_MAX);
    covey_session_open (self->session, self->now_ms);
    covey_session_open (self->session, self->now_ms); /* does nothing */
    support_session_expect (self, "HELLO\n");
    assert_int_equal (covey_session_next_ms (self->session),
                      self->now_ms + COVEY_SESSION_HELLO_MS);
    covey_session_tick (self->session,
                        self->now_ms + COVEY_SESSION_HELLO_MS - 1);
    support_session_expect (self, "");
    covey_session_tick (self->session, self->now_ms + COVEY_SESSION_HELLO_MS);
    support_session_expect (self, "HELLO\n");
    support_session_give_welcome (self, -1);
    support_session_expect (self, "opened alpha\n");
    assert_int_equal (covey_session_state (self->session), COVEY_SESSION_OPEN);
}

static void
test_second_welcome_repeats_only_the_subscriptions (void **state)
{
    support_session_t *self = *state;
    Covey__Wire__Subscribe subscribe = COVEY__WIRE__SUBSCRIBE__INIT;
    subscribe.handle = 4;
    assert_int_equal (covey_session_subscribe (self->session, &subscribe),
                      COVEY_OK);
    support_session_publish (self, "a", COVEY_LEVEL_ACCEPTED, 0);
    covey_session_flush (self->session, self->now_ms);
    support_session_expect (self, "SUBSCRIBE 4\nPUBLISH 1+1\n");
    support_session_give_welcome (self, 0);
    support_session_expect (self, "SUBSCRIBE 4\n");
}

static void
test_refused_closes_and_final_is_for_good (void **state)
{
    support_session_t *self = *state;
    Covey__Wire__Refused refused = COVEY__WIRE__REFUSED__INIT;
    refused.code = COVEY_BUSY;
    refused.text = "later";
    support_session_publish (self, "a", COVEY_LEVEL_ACCEPTED, 0);
    support_session_publish (self, "b", COVEY_LEVEL_ACCEPTED, 0);
    covey_session_open (self->session, self->now_ms);
    support_session_give (self, COVEY_FRAME_REFUSED, &refused, NULL);
    support_session_expect (self, "HELLO\nclosed BUSY\n");
    assert_int_equal (covey_session_state (self->session),
                      COVEY_SESSION_CLOSED);
    assert_int_equal (covey_session_unanswered (self->session), 2);
    covey_session_open (self->session, self->now_ms);
    refused.code = COVEY_DENIED;
    refused.text = "never";
    refused.has_final = refused.final = true;
    support_session_give (self, COVEY_FRAME_REFUSED, &refused, NULL);
    support_session_expect (
        self, "HELLO\nrefused 1 CLOSED never\nrefused 2 CLOSED never\n"
              "closed DENIED final\n");
    assert_int_equal (covey_session_state (self->session), COVEY_SESSION_FINAL);
    uint64_t ticket;
    assert_int_equal (covey_session_publish (self->session, "c", 1,
                                             COVEY_LEVEL_ACCEPTED, 0, &ticket),
                      COVEY_CLOSED);
    covey_session_open (self->session, self->now_ms);
    support_session_expect (self, "");
    assert_int_equal (covey_session_unanswered (self->session), 0);
}

static void
test_another_protocol_is_final (void **state)
{
    support_session_t *self = *state;
    covey_session_open (self->session, self->now_ms);
    Covey__Wire__Welcome welcome = support_session_welcome ();
    welcome.protocol = 2;
    support_session_give (self, COVEY_FRAME_WELCOME, &welcome, NULL);
    support_session_expect (self, "HELLO\nclosed VERSION final\n");
}

static void
test_welcome_without_heartbeat_or_window_is_malformed (void **state)
{
    support_session_t *self = *state;
    covey_session_open (self->session, self->now_ms);
    Covey__Wire__Welcome welcome = support_session_welcome ();
    welcome.heartbeat_ms = 0;
    assert_int_equal (
        support_session_give (self, COVEY_FRAME_WELCOME, &welcome, NULL),
        COVEY_MALFORMED);
    welcome = support_session_welcome ();
    welcome.publish_window = 0;
    assert_int_equal (
        support_session_give (self, COVEY_FRAME_WELCOME, &welcome, NULL),
        COVEY_MALFORMED);
    assert_int_equal (covey_session_state (self->session),
                      COVEY_SESSION_OPENING);
    assert_int_equal (covey_session_malformed (self->session), 2);
}

/* -- publishing ----------------------------------------------------------- */

static void
test_waiting_publishes_with_equal_wishes_share_a_frame (void **state)
{
    support_session_t *self = *state;
    support_session_publish (self, "a", COVEY_LEVEL_ACCEPTED, 0);
    support_session_publish (self, "b", COVEY_LEVEL_ACCEPTED, 0);
    support_session_publish (self, "c", COVEY_LEVEL_STORED, 0);
    support_session_publish (self, "d", COVEY_LEVEL_STORED, 500);
    support_session_publish (self, "e", COVEY_LEVEL_STORED, 500);
    support_session_expect (self, "");
    assert_int_equal (covey_session_unsent (self->session), 5);
    covey_session_flush (self->session, self->now_ms);
    support_session_expect (self, "PUBLISH 1+2\nPUBLISH 3+1 level 3 wait 0\n"
                                  "PUBLISH 4+2 level 3 wait 500\n");
    assert_int_equal (covey_session_unsent (self->session), 0);
    assert_int_equal (covey_session_unanswered (self->session), 5);
    covey_session_flush (self->session, self->now_ms);
    support_session_expect (self, "");
}

static void
test_batch_ends_at_its_size_and_a_large_event_goes_alone (void **state)
{
    support_session_t *self = *state;
    size_t half = COVEY_FRAME_BATCH / 2;
    char *large = calloc (1, COVEY_EVENT_MAX + 1);
    assert_non_null (large);
    size_t sizes[] = {half, half, 1, COVEY_EVENT_MAX, 1};
    uint64_t ticket;
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal (covey_session_publish (self->session, large, sizes[i],
                                                 COVEY_LEVEL_ACCEPTED, 0,
                                                 &ticket),
                          COVEY_OK);
        assert_int_equal (ticket, i + 1);
    }
    assert_int_equal (covey_session_publish (self->session, large,
                                             COVEY_EVENT_MAX + 1,
                                             COVEY_LEVEL_ACCEPTED, 0, &ticket),
                      COVEY_LIMIT);
    covey_session_flush (self->session, self->now_ms);
    support_session_expect (
        self, "PUBLISH 1+1\nPUBLISH 2+2\nPUBLISH 4+1\nPUBLISH 5+1\n");
    free (large);
}

static void
test_window_holds_back_and_receipts_let_go (void **state)
{
    support_session_t *self = *state;
    for (int i = 0; i < SUPPORT_WINDOW + 3; i++)
        support_session_publish (self, "x", COVEY_LEVEL_ACCEPTED, 0);
    covey_session_flush (self->session, self->now_ms);
    covey_session_flush (self->session, self->now_ms);
    support_session_expect (self, "PUBLISH 1+8\n");
    assert_int_equal (covey_session_unsent (self->session), 3);
    support_session_give_receipt (self, 2);
    support_session_expect (self,
                            "reached 1 accepted -1\nreached 2 accepted -1\n"
                            "PUBLISH 9+2\n");
    support_session_give_receipt (self, 2); /* again: nothing new */
    support_session_expect (self, "");
    support_session_give_receipt (self, 3);
    support_session_expect (self, "reached 3 accepted -1\nPUBLISH 11+1\n");
}

static void
test_refusals_and_levels_come_with_receipts (void **state)
{
    support_session_t *self = *state;
    for (int i = 0; i < 4; i++)
        support_session_publish (self, "x", COVEY_LEVEL_STORED, 0);
    covey_session_flush (self->session, self->now_ms);
    support_session_expect (self, "PUBLISH 1+4 level 3 wait 0\n");
    Covey__Wire__Refusal no = COVEY__WIRE__REFUSAL__INIT;
    Covey__Wire__Refusal odd = COVEY__WIRE__REFUSAL__INIT;
    Covey__Wire__Refusal beyond = COVEY__WIRE__REFUSAL__INIT;
    no.seq = 2;
    no.code = COVEY_NOAGENT;
    no.text = "nobody";
    odd.seq = 3;
    odd.code = -4711; /* of a newer node */
    odd.text = "odd";
    beyond.seq = 99;
    beyond.text = "";
    Covey__Wire__Stored early = COVEY__WIRE__STORED__INIT;
    Covey__Wire__Stored stored = COVEY__WIRE__STORED__INIT;
    stored.seq = 1;
    stored.level = COVEY_LEVEL_STORED;
    stored.offset = 77;
    early = stored;
    early.seq = 4; /* before its verdict, as a crowded receipt may tell */
    Covey__Wire__Refusal *refusals[] = {&odd, &no, &beyond};
    Covey__Wire__Stored never = stored;
    never.seq = 5; /* was never sent */
    Covey__Wire__Stored *levels[] = {&stored, &early, &never};
    Covey__Wire__Receipt receipt = COVEY__WIRE__RECEIPT__INIT;
    receipt.accepted = 3;
    receipt.n_refusals = 3;
    receipt.refusals = refusals;
    receipt.n_stored = 3;
    receipt.stored = levels;
    support_session_give (self, COVEY_FRAME_RECEIPT, &receipt, NULL);
    support_session_expect (self,
                            "reached 1 accepted -1\nrefused 2 NOAGENT nobody\n"
                            "refused 3 REMOTE odd\nreached 1 stored 77\n"
                            "reached 4 stored 77\n");
    assert_int_equal (covey_session_unanswered (self->session), 1);
}

static void
test_receipt_for_what_was_never_sent_is_malformed (void **state)
{
    support_session_t *self = *state;
    assert_int_equal (support_session_give_receipt (self, 1), COVEY_MALFORMED);
    support_session_publish (self, "a", COVEY_LEVEL_ACCEPTED, 0);
    assert_int_equal (support_session_give_receipt (self, 1), COVEY_MALFORMED);
    assert_int_equal (support_session_give_receipt (self, UINT64_MAX),
                      COVEY_MALFORMED);
    support_session_expect (self, "");
    assert_int_equal (covey_session_unanswered (self->session), 1);
}

static void
test_full_queue_says_eagain_by_count (void **state)
{
    support_session_t *self = *state;
    uint64_t ticket;
    for (int i = 0; i < COVEY_SESSION_QUEUE_MAX; i++)
        support_session_publish (self, "x", COVEY_LEVEL_ACCEPTED, 0);
    assert_int_equal (covey_session_publish (self->session, "y", 1,
                                             COVEY_LEVEL_ACCEPTED, 0, &ticket),
                      COVEY_EAGAIN);
    covey_session_flush (self->session, self->now_ms);
    support_session_give_receipt (self, 1);
    support_session_publish (self, "y", COVEY_LEVEL_ACCEPTED, 0);
}

static void
test_full_queue_says_eagain_by_bytes (void **state)
{
    support_session_t *self = *state;
    char *large = calloc (1, COVEY_EVENT_MAX);
    uint64_t ticket;
    unsigned fit = COVEY_SESSION_QUEUE_BYTES_MAX / COVEY_EVENT_MAX;
    for (unsigned i = 0; i < fit; i++)
        assert_int_equal (
            covey_session_publish (self->session, large, COVEY_EVENT_MAX,
                                   COVEY_LEVEL_ACCEPTED, 0, &ticket),
            COVEY_OK);
    assert_int_equal (covey_session_publish (self->session, large, 1,
                                             COVEY_LEVEL_ACCEPTED, 0, &ticket),
                      COVEY_EAGAIN);
    assert_int_equal (ticket, fit);
    covey_session_flush (self->session, self->now_ms);
    assert_int_equal (support_session_give_receipt (self, 1), COVEY_OK);
    assert_int_equal (covey_session_publish (self->session, large,
                                             COVEY_EVENT_MAX,
                                             COVEY_LEVEL_ACCEPTED, 0, &ticket),
                      COVEY_OK);
    free (large);
}

static void
test_callbacks_may_publish (void **state)
{
    support_session_t *self = *state;
    self->publish_in_event = self->done_in_event = true;
    static const char *const items[] = {"q1", "q2", NULL};
    support_session_give_deliver (self, 1, items);
    support_session_expect (
        self, "event q1\nPUBLISH 1+1\nevent q2\nPUBLISH 2+1 done 1\n");
    self->publish_in_reached = true;
    support_session_give_receipt (self, 2);
    support_session_expect (self,
                            "reached 1 accepted -1\nreached 2 accepted -1\n"
                            "PUBLISH 3+8 done 2\n");
    assert_int_equal (covey_session_unanswered (self->session), 100);
}

static void
test_patient_publishes_have_frames_of_their_own (void **state)
{
    support_session_t *self = *state;
    support_session_publish (self, "a", COVEY_LEVEL_ACCEPTED, 0);
    covey_session_be_patient (self->session);
    covey_session_flush (self->session, self->now_ms);
    assert_false (covey_session_expects_receipt (self->session));
    support_session_publish (self, "b", COVEY_LEVEL_ACCEPTED, 0);
    support_session_publish (self, "c", COVEY_LEVEL_ACCEPTED, 0);
    covey_session_be_patient (self->session);
    covey_session_flush (self->session, self->now_ms);
    support_session_expect (self,
                            "PUBLISH 1+1 patient\nPUBLISH 2+1\nPUBLISH 3+1 "
                            "patient\n");
    assert_true (covey_session_expects_receipt (self->session));
    support_session_give_receipt (self, 2);
    assert_false (covey_session_expects_receipt (self->session));
}

/* -- losing the node ------------------------------------------------------ */

static void
test_ping_every_heartbeat_and_silence_closes (void **state)
{
    support_session_t *self = *state;
    int64_t start_ms = self->now_ms;
    for (int i = 1; i < COVEY_SESSION_SILENCE; i++) {
        assert_int_equal (covey_session_next_ms (self->session),
                          start_ms + i * SUPPORT_HEARTBEAT_MS);
        covey_session_tick (self->session,
                            start_ms + i * SUPPORT_HEARTBEAT_MS - 1);
        support_session_expect (self, "");
        covey_session_tick (self->session, start_ms + i * SUPPORT_HEARTBEAT_MS);
        support_session_expect (self, "PING\n");
    }
    covey_session_tick (self->session, start_ms + 3 * SUPPORT_HEARTBEAT_MS - 1);
    support_session_expect (self, "");
    covey_session_tick (self->session, start_ms + 3 * SUPPORT_HEARTBEAT_MS);
    support_session_expect (self, "closed TIMEOUT\n");
    assert_int_equal (covey_session_state (self->session),
                      COVEY_SESSION_CLOSED);
}

static void
test_any_frame_breaks_the_silence (void **state)
{
    support_session_t *self = *state;
    Covey__Wire__Ping pong = COVEY__WIRE__PING__INIT;
    for (int i = 0; i < 20; i++) {
        self->now_ms += SUPPORT_HEARTBEAT_MS;
        covey_session_tick (self->session, self->now_ms);
        support_session_expect (self, "PING\n");
        if (i % 2)
            support_session_give (self, COVEY_FRAME_PONG, &pong, NULL);
    }
    assert_int_equal (covey_session_state (self->session), COVEY_SESSION_OPEN);
}

static void
test_time_that_the_agent_slept_is_not_the_nodes_silence (void **state)
{
    support_session_t *self = *state;
    support_session_publish (self, "a", COVEY_LEVEL_ACCEPTED, 0);
    covey_session_flush (self->session, self->now_ms);
    self->now_ms += 100 * SUPPORT_HEARTBEAT_MS;
    covey_session_tick (self->session, self->now_ms);
    covey_session_tick (self->session, self->now_ms + 2 * SUPPORT_HEARTBEAT_MS);
    support_session_expect (self, "PUBLISH 1+1\nPING\nPING\n");
    covey_session_tick (self->session, self->now_ms + 3 * SUPPORT_HEARTBEAT_MS);
    support_session_expect (self, "closed TIMEOUT\n");
}

/*  The node answers pings, but the frame with the publish was lost.         */
static void
test_missing_receipt_closes_after_the_wait_it_was_given (void **state)
{
    support_session_t *self = *state;
    Covey__Wire__Ping pong = COVEY__WIRE__PING__INIT;
    support_session_publish (self, "a", COVEY_LEVEL_ACCEPTED,
                             5 * SUPPORT_HEARTBEAT_MS);
    covey_session_flush (self->session, self->now_ms);
    for (int i = 1; i < COVEY_SESSION_SILENCE + 5; i++) {
        self->now_ms += SUPPORT_HEARTBEAT_MS;
        support_session_give (self, COVEY_FRAME_PONG, &pong, NULL);
        covey_session_tick (self->session, self->now_ms);
        assert_int_equal (covey_session_state (self->session),
                          COVEY_SESSION_OPEN);
    }
    self->log_size = 0;
    self->now_ms += SUPPORT_HEARTBEAT_MS;
    support_session_give (self, COVEY_FRAME_PONG, &pong, NULL);
    covey_session_tick (self->session, self->now_ms);
    support_session_expect (self, "closed TIMEOUT\n");
    support_session_reopen (self, 0);
    support_session_expect (
        self, "HELLO\nopened alpha\nPUBLISH 1+1 level 0 wait 5000\n");
}

static void
test_receipts_that_come_keep_the_session_open (void **state)
{
    support_session_t *self = *state;
    for (int i = 0; i < SUPPORT_WINDOW; i++)
        support_session_publish (self, "a", COVEY_LEVEL_ACCEPTED, 0);
    covey_session_flush (self->session, self->now_ms);
    for (int i = 1; i <= SUPPORT_WINDOW; i++) {
        self->now_ms += 2 * SUPPORT_HEARTBEAT_MS;
        support_session_give_receipt (self, (uint64_t)i);
        covey_session_tick (self->session, self->now_ms);
        assert_int_equal (covey_session_state (self->session),
                          COVEY_SESSION_OPEN);
    }
    for (int i = 0; i < 10; i++) { /* idle: nothing is owed */
        Covey__Wire__Ping pong = COVEY__WIRE__PING__INIT;
        self->now_ms += SUPPORT_HEARTBEAT_MS;
        support_session_give (self, COVEY_FRAME_PONG, &pong, NULL);
        covey_session_tick (self->session, self->now_ms);
    }
    assert_int_equal (covey_session_state (self->session), COVEY_SESSION_OPEN);
}

static void
test_reopened_session_sends_again_what_the_node_does_not_have (void **state)
{
    support_session_t *self = *state;
    for (int i = 0; i < 5; i++)
        support_session_publish (self, "x", COVEY_LEVEL_ACCEPTED, 0);
    covey_session_flush (self->session, self->now_ms);
    support_session_give_receipt (self, 1);
    support_session_end (self, COVEY_CLOSED);
    support_session_expect (
        self, "PUBLISH 1+5\nreached 1 accepted -1\nclosed CLOSED\n");
    assert_int_equal (covey_session_unsent (self->session), 4);
    covey_session_flush (self->session, self->now_ms); /* not open: waits */
    support_session_reopen (self,
                            3); /* it had 2 and 3; only the receipt was lost */
    support_session_expect (self, "HELLO\nopened alpha\nreached 2 accepted -1\n"
                                  "reached 3 accepted -1\nPUBLISH 4+2\n");
}

static void
test_refusals_whose_receipt_was_lost_come_with_the_welcome (void **state)
{
    support_session_t *self = *state;
    support_session_publish (self, "a", COVEY_LEVEL_ACCEPTED, 0);
    support_session_publish (self, "b", COVEY_LEVEL_ACCEPTED, 0);
    covey_session_flush (self->session, self->now_ms);
    support_session_end (self, COVEY_CLOSED);
    covey_session_open (self->session, self->now_ms);
    Covey__Wire__Refusal no = COVEY__WIRE__REFUSAL__INIT;
    no.seq = 2;
    no.code = COVEY_NOAGENT;
    no.text = "nobody";
    Covey__Wire__Refusal *refusals[] = {&no};
    Covey__Wire__Welcome welcome = support_session_welcome ();
    welcome.has_publish_seq = true;
    welcome.publish_seq = 2;
    welcome.n_refusals = 1;
    welcome.refusals = refusals;
    support_session_give (self, COVEY_FRAME_WELCOME, &welcome, NULL);
    support_session_expect (
        self, "PUBLISH 1+2\nclosed CLOSED\nHELLO\nopened alpha\n"
              "reached 1 accepted -1\nrefused 2 NOAGENT nobody\n");
}

/*  The node is new, and the Welcome that said so was lost: the next one has
    publish_seq, but another instance.                                        */
static void
test_another_instance_starts_over (void **state)
{
    support_session_t *self = *state;
    const char *const items[] = {"e", NULL};
    Covey__Wire__Welcome welcome = support_session_welcome ();
    self->done_in_event = true;
    support_session_give_deliver (self, 1, items);
    support_session_end (self, COVEY_CLOSED);
    self->log[self->log_size = 0] = '\0';
    covey_session_open (self->session, self->now_ms);
    welcome.has_publish_seq = welcome.has_instance = true;
    welcome.instance = 7;
    support_session_give (self, COVEY_FRAME_WELCOME, &welcome, NULL);
    support_session_give_deliver (self, 1, items); /* not a duplicate        */
    support_session_expect (self, "HELLO\nopened alpha\nevent e\n");
    support_session_give (self, COVEY_FRAME_WELCOME, &welcome, NULL);
    support_session_give_deliver (self, 1, items); /* now it is              */
    support_session_expect (self, "");
}

static void
test_restarted_node_gets_the_unreceipted_under_their_old_numbers (void **state)
{
    support_session_t *self = *state;
    for (int i = 0; i < 4; i++)
        support_session_publish (self, "x", COVEY_LEVEL_ACCEPTED, 0);
    covey_session_flush (self->session, self->now_ms);
    support_session_give_receipt (self, 2);
    support_session_end (self, COVEY_CLOSED);
    support_session_expect (self, "PUBLISH 1+4\nreached 1 accepted -1\n"
                                  "reached 2 accepted -1\nclosed CLOSED\n");
    support_session_reopen (self, -1);
    support_session_expect (self, "HELLO\nopened alpha\nPUBLISH 3+2\n");
    support_session_end (self, COVEY_CLOSED);
    support_session_reopen (self,
                            1); /* lower than what was receipted: lost too */
    support_session_expect (
        self, "closed CLOSED\nHELLO\nopened alpha\nPUBLISH 3+2\n");
}

static void
test_welcome_cannot_accept_what_was_never_sent (void **state)
{
    support_session_t *self = *state;
    support_session_publish (self, "a", COVEY_LEVEL_ACCEPTED, 0);
    covey_session_open (self->session, self->now_ms);
    support_session_give_welcome (self, 1000);
    support_session_expect (self, "HELLO\nopened alpha\nPUBLISH 1+1\n");
}

static void
test_publish_in_opened_goes_behind_what_waited (void **state)
{
    support_session_t *self = *state;
    support_session_publish (self, "a", COVEY_LEVEL_ACCEPTED, 0);
    self->publish_in_opened = true;
    support_session_reopen (self, -1);
    support_session_expect (self, "HELLO\nopened alpha\nPUBLISH 1+2\n");
}

static void
test_superseded_session_is_final (void **state)
{
    support_session_t *self = *state;
    support_session_publish (self, "a", COVEY_LEVEL_ACCEPTED, 0);
    support_session_end (self, COVEY_FENCED);
    support_session_expect (self,
                            "refused 1 CLOSED over\nclosed FENCED final\n");
    assert_int_equal (covey_session_state (self->session), COVEY_SESSION_FINAL);
    assert_true (covey_session_next_ms (self->session) == INT64_MAX);
}

static void
test_late_end_of_the_session_before_does_not_stop_an_opening_one (void **state)
{
    support_session_t *self = *state;
    covey_session_open (self->session, self->now_ms);
    support_session_end (self, COVEY_CLOSED);
    support_session_expect (self, "HELLO\n");
    support_session_end (self, COVEY_FENCED);
    support_session_expect (self, "closed FENCED final\n");
}

static void
test_close_says_bye_and_keeps_what_has_no_verdict (void **state)
{
    support_session_t *self = *state;
    self->done_in_event = true;
    static const char *const items[] = {"e", NULL};
    support_session_give_deliver (self, 1, items);
    support_session_publish (self, "a", COVEY_LEVEL_ACCEPTED, 0);
    covey_session_close (self->session, "done");
    covey_session_close (self->session, "done");
    support_session_expect (self, "event e\nACK 1\nBYE\n");
    assert_int_equal (covey_session_unanswered (self->session), 1);
    support_session_give_receipt (self, 1); /* late: dropped */
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
        CLOSED (test_hello_carries_protocol_session_id_and_window),
        CLOSED (test_hello_is_repeated_until_the_welcome),
        OPEN (test_second_welcome_repeats_only_the_subscriptions),
        CLOSED (test_refused_closes_and_final_is_for_good),
        CLOSED (test_another_protocol_is_final),
        CLOSED (test_welcome_without_heartbeat_or_window_is_malformed),
        OPEN (test_waiting_publishes_with_equal_wishes_share_a_frame),
        OPEN (test_batch_ends_at_its_size_and_a_large_event_goes_alone),
        OPEN (test_window_holds_back_and_receipts_let_go),
        OPEN (test_refusals_and_levels_come_with_receipts),
        OPEN (test_receipt_for_what_was_never_sent_is_malformed),
        OPEN (test_full_queue_says_eagain_by_count),
        OPEN (test_full_queue_says_eagain_by_bytes),
        OPEN (test_callbacks_may_publish),
        OPEN (test_patient_publishes_have_frames_of_their_own),
        OPEN (test_ping_every_heartbeat_and_silence_closes),
        OPEN (test_any_frame_breaks_the_silence),
        OPEN (test_time_that_the_agent_slept_is_not_the_nodes_silence),
        OPEN (test_missing_receipt_closes_after_the_wait_it_was_given),
        OPEN (test_receipts_that_come_keep_the_session_open),
        OPEN (test_reopened_session_sends_again_what_the_node_does_not_have),
        OPEN (test_refusals_whose_receipt_was_lost_come_with_the_welcome),
        OPEN (test_restarted_node_gets_the_unreceipted_under_their_old_numbers),
        CLOSED (test_welcome_cannot_accept_what_was_never_sent),
        CLOSED (test_publish_in_opened_goes_behind_what_waited),
        OPEN (test_superseded_session_is_final),
        CLOSED (
            test_late_end_of_the_session_before_does_not_stop_an_opening_one),
        OPEN (test_close_says_bye_and_keeps_what_has_no_verdict),
        OPEN (test_another_instance_starts_over),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
