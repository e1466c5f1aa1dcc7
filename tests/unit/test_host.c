/*  One session at its node, and the table of all of them.                   */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "node/session_table.h"
#include "tests/support/support_parcel.h"

#define WINDOW 4

typedef struct {
    covey_session_table_t *table;
    covey_buf_t scratch;
    covey_err_t socket; /* what the socket says                               */
    char log[2048];
} fixture_t;

static int
s_setup (void **state)
{
    fixture_t *self = calloc (1, sizeof *self);
    covey_session_table_config_t config = {
        .host = {.events_max = 8, .bytes_max = 100000},
        .sessions_max = 3,
        .mesh = "m",
        .grace_ms = 5000,
        .grace_min_ms = 3000,
        .grace_max_ms = 60000};
    self->table = covey_session_table_new (&config);
    covey_buf_init (&self->scratch, COVEY_FRAME_MAX);
    *state = self;
    return 0;
}

static int
s_teardown (void **state)
{
    fixture_t *self = *state;
    covey_session_table_destroy (&self->table);
    covey_buf_deinit (&self->scratch);
    free (self);
    return 0;
}

/*  What went out, in words.                                                 */
static void
s_log_frame (fixture_t *self, const covey_frame_t *frame)
{
    size_t used = strlen (self->log);
    char *at = self->log + used;
    size_t left = sizeof self->log - used;
    if (frame->kind == COVEY_FRAME_RECEIPT) {
        Covey__Wire__Receipt *receipt =
            (Covey__Wire__Receipt *)covey_wire_unpack (
                &covey__wire__receipt__descriptor, frame->header,
                frame->header_size);
        snprintf (at, left, "receipt %llu/%zu/%zu ",
                  (unsigned long long)receipt->accepted, receipt->n_refusals,
                  receipt->n_stored);
        protobuf_c_message_free_unpacked (&receipt->base, NULL);
    } else if (frame->kind == COVEY_FRAME_DELIVER) {
        Covey__Wire__Deliver *deliver =
            (Covey__Wire__Deliver *)covey_wire_unpack (
                &covey__wire__deliver__descriptor, frame->header,
                frame->header_size);
        int size = snprintf (at, left, "deliver %llu+%zu(%zu) ",
                             (unsigned long long)deliver->first_seq,
                             deliver->n_handle_counts, deliver->n_handles);
        if (deliver->has_accepted)
            snprintf (at + size, left - (size_t)size, "accepted %llu ",
                      (unsigned long long)deliver->accepted);
        protobuf_c_message_free_unpacked (&deliver->base, NULL);
    } else if (frame->kind == COVEY_FRAME_GAP) {
        Covey__Wire__Gap *gap = (Covey__Wire__Gap *)covey_wire_unpack (
            &covey__wire__gap__descriptor, frame->header, frame->header_size);
        snprintf (at, left, "gap %llu-%llu ", (unsigned long long)gap->first,
                  (unsigned long long)gap->last);
        protobuf_c_message_free_unpacked (&gap->base, NULL);
    } else
        snprintf (at, left, "kind %02x ", frame->kind);
}

static covey_err_t
s_on_send (void *arg, covey_host_t *host, const covey_buf_t *data)
{
    fixture_t *self = arg;
    (void)host;
    if (self->socket)
        return self->socket;
    covey_frame_t frame;
    assert_int_equal (covey_frame_parse (data->data, data->size, &frame),
                      COVEY_OK);
    s_log_frame (self, &frame);
    return COVEY_OK;
}

static void
s_expect (fixture_t *self, covey_host_t *host, const char *log)
{
    covey_host_flush (host, &self->scratch, s_on_send, self, 0);
    assert_string_equal (self->log, log);
    self->log[0] = '\0';
}

static covey_hello_result_t
s_hello (fixture_t *self, const char *id, uint8_t session, const char *route,
         bool trusted, int64_t now_ms)
{
    uint8_t session_id[16] = {session};
    Covey__Wire__Hello hello = COVEY__WIRE__HELLO__INIT;
    hello.protocol_min = hello.protocol_max = COVEY_PROTOCOL_VERSION;
    hello.agent_id = (char *)id;
    hello.has_session_id = true;
    hello.session_id.data = session_id;
    hello.session_id.len = 16;
    hello.receive_window = WINDOW;
    hello.has_notice_acks = hello.notice_acks = true;
    if (trusted)
        hello.service = (char *)id;
    covey_hello_result_t result;
    covey_session_table_hello (self->table, &hello, (const uint8_t *)route,
                               strlen (route), trusted, now_ms, &result);
    return result;
}

static covey_host_t *
s_host (fixture_t *self)
{
    covey_hello_result_t result = s_hello (self, "a", 1, "L1", false, 0);
    assert_int_equal (result.verdict, COVEY_HELLO_NEW);
    return result.host;
}

static covey_err_t
s_deliver (covey_host_t *host)
{
    covey_parcel_t *parcel = support_parcel_message ("x", "a");
    covey_err_t code = covey_host_deliver (host, parcel);
    covey_parcel_drop (&parcel);
    return code;
}

static void
test_verdicts_come_once_and_in_order (void **state)
{
    fixture_t *self = *state;
    covey_host_t *host = s_host (self);
    assert_int_equal (covey_host_offer (host, 1), COVEY_OK);
    covey_host_accept (host, 1);
    assert_int_equal (covey_host_offer (host, 2), COVEY_OK);
    covey_host_refuse (host, 2, COVEY_NOAGENT, "nobody", NULL);
    s_expect (self, host, "receipt 2/1/0 ");
    s_expect (self, host, "");
    assert_int_equal (covey_host_offer (host, 2), COVEY_EXISTS);
    s_expect (self, host, "receipt 2/0/0 "); /* told again                    */
    assert_int_equal (covey_host_offer (host, 4), COVEY_STATE);
    covey_host_stored (host, 1, COVEY_LEVEL_STORED, 9);
    s_expect (self, host, "receipt 2/0/1 ");
    Covey__Wire__Refusal refusals[4];
    assert_int_equal (covey_host_refusals (host, refusals, 4), 1);
    assert_int_equal (refusals[0].seq, 2);
    assert_string_equal (refusals[0].text, "nobody");
    assert_false (refusals[0].has_nodes);
    const covey_host_known_t known = {.nodes = 3, .agents = 17};
    assert_int_equal (covey_host_offer (host, 3), COVEY_OK);
    covey_host_refuse (host, 3, COVEY_NOAGENT, "nobody", &known);
    assert_int_equal (covey_host_refusals (host, refusals, 4), 2);
    assert_int_equal (refusals[1].nodes, 3);
    assert_int_equal (refusals[1].agents, 17);
}

static void
test_numbers_of_a_lost_session_go_on (void **state)
{
    fixture_t *self = *state;
    covey_host_t *host = s_host (self);
    assert_int_equal (covey_host_offer (host, 501), COVEY_OK);
    covey_host_accept (host, 501);
    assert_int_equal (covey_host_verdict_seq (host), 501);
    assert_int_equal (covey_host_offer (host, 502), COVEY_OK);
}

static void
test_first_publish_that_was_lost_shows (void **state)
{
    fixture_t *self = *state;
    covey_host_t *host = s_host (self);
    covey_host_begin (host, 501);
    assert_int_equal (covey_host_offer (host, 502), COVEY_STATE);
    covey_host_begin (host, 502); /* it began already                         */
    assert_int_equal (covey_host_offer (host, 501), COVEY_OK);
}

static void
test_many_refusals_need_several_receipts (void **state)
{
    fixture_t *self = *state;
    covey_host_t *host = s_host (self);
    for (uint64_t i = 1; i <= 600; i++) {
        assert_int_equal (covey_host_offer (host, i), COVEY_OK);
        covey_host_refuse (host, i, COVEY_NOAGENT, "x", NULL);
    }
    s_expect (self, host, "receipt 512/512/0 receipt 600/88/0 ");
}

/*  An agent that takes no receipts and publishes on, only nonsense.          */
static void
test_refusals_that_nobody_takes_are_bounded (void **state)
{
    fixture_t *self = *state;
    covey_host_t *host = s_host (self);
    uint64_t seq = 0;
    while (seq < 4 * COVEY_HOST_WINDOW &&
           covey_host_offer (host, seq + 1) == COVEY_OK)
        covey_host_refuse (host, ++seq, COVEY_NOAGENT, "x", NULL);
    assert_int_equal (seq, 2 * COVEY_HOST_WINDOW);
    assert_int_equal (covey_host_offer (host, seq + 1), COVEY_LIMIT);
}

static covey_err_t
s_hold (covey_host_t *host, covey_parcel_t *parcel, uint64_t seq,
        covey_level_t level, int64_t deadline_ms)
{
    covey_host_held_t publish = {.parcel = parcel,
                                 .seq = seq,
                                 .level = level,
                                 .deadline_ms = deadline_ms};
    return covey_host_hold (host, &publish);
}

static void
test_receipt_of_the_patient_comes_along (void **state)
{
    fixture_t *self = *state;
    covey_host_t *host = s_host (self);
    covey_host_begin_frame (host, true);
    (void)covey_host_offer (host, 1);
    covey_host_accept (host, 1);
    s_expect (self, host, "");
    assert_int_equal (s_deliver (host), COVEY_OK);
    s_expect (self, host, "deliver 1+1(0) accepted 1 ");
    assert_int_equal (s_deliver (host), COVEY_OK);
    s_expect (self, host, "deliver 2+1(0) ");
    /* Nothing to come along with: when it is hurried. */
    (void)covey_host_offer (host, 2);
    covey_host_accept (host, 2);
    s_expect (self, host, "");
    covey_host_hurry (host);
    s_expect (self, host, "receipt 2/0/0 ");
    covey_host_hurry (host);
    s_expect (self, host, "");
    /* Refusals do not wait, nor do the impatient. */
    (void)covey_host_offer (host, 3);
    covey_host_refuse (host, 3, COVEY_NOAGENT, "nobody", NULL);
    s_expect (self, host, "receipt 3/1/0 ");
    (void)covey_host_offer (host, 4);
    covey_host_accept (host, 4);
    covey_host_begin_frame (host, false);
    (void)covey_host_offer (host, 5);
    covey_host_accept (host, 5);
    s_expect (self, host, "receipt 5/0/0 ");
}

static void
test_patience_ends_with_half_the_window (void **state)
{
    fixture_t *self = *state;
    covey_host_t *host = s_host (self);
    covey_host_begin_frame (host, true);
    for (uint64_t seq = 1; seq <= COVEY_HOST_WINDOW / 2; seq++) {
        s_expect (self, host, "");
        (void)covey_host_offer (host, seq);
        covey_host_accept (host, seq);
    }
    s_expect (self, host, "receipt 2048/0/0 ");
}

static void
test_held_publishes_keep_their_turn (void **state)
{
    fixture_t *self = *state;
    covey_host_t *host = s_host (self);
    covey_parcel_t *parcel = support_parcel_raw ("x");
    assert_int_equal (s_hold (host, parcel, 1, COVEY_LEVEL_STORED, 77),
                      COVEY_OK);
    assert_int_equal (s_hold (host, NULL, 2, COVEY_LEVEL_NONE, 78), COVEY_OK);
    assert_int_equal (covey_host_held (host)->seq, 1);
    assert_int_equal (covey_host_held (host)->deadline_ms, 77);
    covey_host_unhold (host);
    assert_null (covey_host_held (host)->parcel);
    covey_host_unhold (host);
    assert_null (covey_host_held (host));
    for (uint64_t i = 0; i < COVEY_HOST_WINDOW; i++)
        assert_int_equal (s_hold (host, parcel, i, COVEY_LEVEL_NONE, 0),
                          COVEY_OK);
    assert_int_equal (s_hold (host, parcel, 1, COVEY_LEVEL_NONE, 0),
                      COVEY_LIMIT);
    covey_parcel_drop (&parcel);
}

static void
test_held_bytes_are_bounded (void **state)
{
    fixture_t *self = *state;
    covey_host_t *host = s_host (self);
    char *bytes = calloc (1, COVEY_HOST_HELD_BYTES);
    covey_parcel_t *parcel =
        covey_parcel_new_raw (bytes, COVEY_HOST_HELD_BYTES);
    free (bytes);
    assert_int_equal (s_hold (host, parcel, 1, COVEY_LEVEL_NONE, 0), COVEY_OK);
    assert_int_equal (s_hold (host, parcel, 2, COVEY_LEVEL_NONE, 0),
                      COVEY_EAGAIN);
    covey_parcel_drop (&parcel);
}

static void
test_deliveries_stay_within_the_window (void **state)
{
    fixture_t *self = *state;
    covey_host_t *host = s_host (self);
    for (int i = 0; i < 6; i++)
        assert_int_equal (s_deliver (host), COVEY_OK);
    s_expect (self, host, "deliver 1+4(0) ");
    assert_int_equal (covey_host_ack (host, 3), COVEY_OK);
    s_expect (self, host, "deliver 5+2(0) ");
    assert_int_equal (covey_host_ack (host, 7), COVEY_LIMIT);
    assert_int_equal (covey_host_queued (host), 3);
}

static void
test_full_queue_and_its_gap (void **state)
{
    fixture_t *self = *state;
    covey_host_t *host = s_host (self);
    const uint8_t node[16] = {9};
    for (int i = 0; i < 8; i++) {
        assert_true (covey_host_has_room (host, 1));
        assert_int_equal (s_deliver (host), COVEY_OK);
    }
    /* What was on its way has a reserve. */
    assert_false (covey_host_has_room (host, 1));
    for (unsigned i = 0; i < COVEY_HOST_RESERVE_EVENTS; i++)
        assert_int_equal (s_deliver (host), COVEY_OK);
    assert_int_equal (s_deliver (host), COVEY_EAGAIN);
    covey_host_gap (host, node, 30, 5, 5);
    covey_host_gap (host, node, 30, 6, 7);
    covey_host_gap (host, node, 31, 1, 1);
    covey_host_gap (host, node, 30, 9, 9);
    s_expect (self, host, "gap 5-7 gap 1-1 gap 9-9 deliver 1+4(0) ");
    assert_int_equal (covey_host_stats (host)->full, 1);
}

static void
test_marks_of_a_queue_are_far_apart (void **state)
{
    fixture_t *self = *state;
    covey_host_t *host = s_host (self);
    for (int i = 0; i < 5; i++) {
        assert_int_equal (s_deliver (host), COVEY_OK);
        assert_false (covey_host_turned (host));
    }
    assert_int_equal (s_deliver (host), COVEY_OK); /* three quarters of 8     */
    assert_true (covey_host_turned (host));
    assert_true (covey_host_is_stopped (host));
    assert_false (covey_host_turned (host));
    s_expect (self, host, "deliver 1+4(0) ");
    assert_int_equal (covey_host_ack (host, 1), COVEY_OK);
    assert_false (covey_host_turned (host));
    assert_int_equal (covey_host_ack (host, 2), COVEY_OK); /* half            */
    assert_true (covey_host_turned (host));
    assert_false (covey_host_is_stopped (host));
}

static void
test_handles_travel_with_their_event (void **state)
{
    fixture_t *self = *state;
    covey_host_t *host = s_host (self);
    assert_true (covey_host_touch (host));
    assert_false (covey_host_touch (host));
    covey_host_add_match (host, 3);
    covey_host_add_match (host, 4);
    assert_int_equal (s_deliver (host), COVEY_OK);
    assert_true (covey_host_touch (host));
    covey_host_untouch (host);
    assert_int_equal (s_deliver (host), COVEY_OK);
    s_expect (self, host, "deliver 1+2(2) ");
}

static void
test_paused_session_gets_receipts_only (void **state)
{
    fixture_t *self = *state;
    covey_host_t *host = s_host (self);
    covey_host_flow (host, true);
    assert_int_equal (s_deliver (host), COVEY_OK);
    assert_int_equal (covey_host_offer (host, 1), COVEY_OK);
    covey_host_accept (host, 1);
    s_expect (self, host, "receipt 1/0/0 ");
    covey_host_flow (host, false);
    s_expect (self, host, "deliver 1+1(0) ");
}

/*  It may have gone on while it was detached, without being heard.           */
static void
test_pause_ends_with_the_connection (void **state)
{
    fixture_t *self = *state;
    covey_host_t *host = s_host (self);
    covey_host_flow (host, true);
    assert_int_equal (s_deliver (host), COVEY_OK);
    covey_host_detach (host);
    covey_host_attach (host, (const uint8_t *)"r", 1, 8, 0);
    s_expect (self, host, "deliver 1+1(0) ");
}

static void
test_expired_events_are_not_delivered (void **state)
{
    fixture_t *self = *state;
    covey_host_t *host = s_host (self);
    covey_parcel_t *parcel = support_parcel_message ("x", "a");
    parcel->view.timestamp_us = 1000;
    parcel->view.ttl_ms = 5;
    covey_parcel_start_clock (parcel, 1000, 1);
    assert_int_equal (covey_host_deliver (host, parcel), COVEY_OK);
    covey_parcel_drop (&parcel);
    assert_int_equal (s_deliver (host), COVEY_OK);
    covey_host_flush (host, &self->scratch, s_on_send, self, 7);
    assert_string_equal (self->log, "deliver 1+1(0) ");
    assert_int_equal (covey_host_stats (host)->expired, 1);
}

static void
test_session_that_comes_back_gets_what_it_did_not_acknowledge (void **state)
{
    fixture_t *self = *state;
    covey_host_t *host = s_host (self);
    for (int i = 0; i < 3; i++)
        assert_int_equal (s_deliver (host), COVEY_OK);
    s_expect (self, host, "deliver 1+3(0) ");
    assert_int_equal (covey_host_ack (host, 1), COVEY_OK);
    self->socket = COVEY_UNREACHABLE;
    assert_int_equal (s_deliver (host), COVEY_OK);
    s_expect (self, host, "");
    assert_false (covey_host_is_attached (host));
    self->socket = COVEY_OK;
    covey_hello_result_t result = s_hello (self, "a", 1, "L2", false, 10);
    assert_int_equal (result.verdict, COVEY_HELLO_BACK);
    assert_true (result.host == host);
    assert_null (
        covey_session_table_by_route (self->table, (uint8_t *)"L1", 2));
    s_expect (self, host, "deliver 2+3(0) ");
}

/*  An agent that acknowledges notices misses none of them.                  */
static void
test_notices_survive_the_connection (void **state)
{
    fixture_t *self = *state;
    covey_host_t *host = s_host (self);
    const uint8_t node[16] = {9};
    covey_host_offer (host, 1);
    covey_host_accept (host, 1);
    covey_host_stored (host, 1, COVEY_LEVEL_STORED, 9);
    covey_host_gap (host, node, 30, 5, 5);
    covey_host_stored (host, 2, COVEY_LEVEL_STORED, 9);
    s_expect (self, host, "receipt 1/0/2 gap 5-5 ");
    assert_int_equal (covey_host_ack_notices (host, 1), COVEY_OK);
    covey_host_attach (host, (const uint8_t *)"r", 1, 8, 0);
    s_expect (self, host, "receipt 1/0/1 gap 5-5 ");
    assert_int_equal (covey_host_ack_notices (host, 4), COVEY_LIMIT);
    assert_int_equal (covey_host_ack_notices (host, 3), COVEY_OK);
    covey_host_attach (host, (const uint8_t *)"r", 1, 8, 0);
    s_expect (self, host, "");
}

static void
s_count_parcel (void *arg, covey_parcel_t *parcel)
{
    assert_true (parcel->view.target_count == 1);
    (*(size_t *)arg)++;
}

static void
test_gone_session_returns_everything (void **state)
{
    fixture_t *self = *state;
    covey_host_t *host = s_host (self);
    for (int i = 0; i < 7; i++)
        assert_int_equal (s_deliver (host), COVEY_OK);
    s_expect (self, host, "deliver 1+4(0) ");
    size_t count = 0;
    covey_host_return (host, s_count_parcel, &count);
    assert_int_equal (count, 7);
    covey_session_table_remove (self->table, &host);
    assert_null (host);
    assert_int_equal (covey_session_table_count (self->table), 0);
}

static void
test_other_session_of_the_same_agent_replaces (void **state)
{
    fixture_t *self = *state;
    covey_host_t *first = s_host (self);
    covey_hello_result_t result = s_hello (self, "a", 2, "L2", false, 0);
    assert_int_equal (result.verdict, COVEY_HELLO_REPLACES);
    assert_true (result.old == first);
    assert_true (covey_session_table_by_agent (self->table, "a", 1) ==
                 result.host);
    assert_true (covey_session_table_by_route (self->table, (uint8_t *)"L1",
                                               2) == first);
    covey_session_table_remove (self->table, &first);
    assert_true (covey_session_table_by_agent (self->table, "a", 1) ==
                 result.host);
}

static void
test_silent_session_is_found (void **state)
{
    fixture_t *self = *state;
    covey_host_t *host = s_host (self);
    assert_null (covey_session_table_lost (self->table, 4999));
    assert_true (covey_session_table_lost (self->table, 5000) == host);
    covey_host_heard (host, 3000);
    assert_null (covey_session_table_lost (self->table, 5000));
}

static void
test_pause_of_the_node_is_no_silence (void **state)
{
    fixture_t *self = *state;
    covey_host_t *host = s_host (self);
    covey_host_heard (host, 1000);
    covey_session_table_excuse (self->table, 20000, 22000);
    assert_null (covey_session_table_lost (self->table, 25999));
    assert_true (covey_session_table_lost (self->table, 26000) == host);
    /* Heard since: nothing to excuse, and no credit for later. */
    covey_host_heard (host, 30000);
    covey_session_table_excuse (self->table, 20000, 30000);
    assert_true (covey_session_table_lost (self->table, 35000) == host);
}

static void
test_grace_is_what_was_asked_for_within_bounds (void **state)
{
    fixture_t *self = *state;
    static const struct {
        uint32_t asked;
        int64_t granted;
    } rows[] = {{0, 3000}, {3001, 3001}, {60000, 60000}, {UINT32_MAX, 60000}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t session_id[16] = {(uint8_t)(i + 1)};
        Covey__Wire__Hello hello = COVEY__WIRE__HELLO__INIT;
        hello.protocol_min = hello.protocol_max = COVEY_PROTOCOL_VERSION;
        hello.agent_id = (char *)"a";
        hello.has_session_id = hello.has_grace_ms = true;
        hello.session_id.data = session_id;
        hello.session_id.len = 16;
        hello.grace_ms = rows[i].asked;
        covey_hello_result_t result;
        covey_session_table_hello (self->table, &hello, (const uint8_t *)"L", 1,
                                   false, 0, &result);
        assert_int_equal (covey_host_grace_ms (result.host), rows[i].granted);
        if (result.old)
            covey_session_table_remove (self->table, &result.old);
        assert_null (
            covey_session_table_lost (self->table, rows[i].granted - 1));
        assert_ptr_equal (
            covey_session_table_lost (self->table, rows[i].granted),
            result.host);
    }
}

static void
test_hellos_that_are_refused (void **state)
{
    fixture_t *self = *state;
    static const struct {
        const char *id;
        bool trusted;
        covey_err_t code;
    } rows[] = {
        {"", false, COVEY_INVALID},
        {"white space", false, COVEY_INVALID},
        {"coordinator", false, COVEY_DENIED},
        {"persister", false, COVEY_DENIED},
        {"node", false, COVEY_DENIED},
        {"node:1", false, COVEY_DENIED},
        {"other-service", true, COVEY_DENIED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        covey_hello_result_t result =
            s_hello (self, rows[i].id, 1, "L1", rows[i].trusted, 0);
        assert_int_equal (result.verdict, COVEY_HELLO_REFUSED);
        assert_int_equal (result.code, rows[i].code);
        assert_true (result.final);
        assert_true (*result.err.text != '\0');
    }
    assert_int_equal (s_hello (self, "persister", 1, "L1", true, 0).verdict,
                      COVEY_HELLO_NEW);
    assert_int_equal (covey_session_table_count (self->table), 1);
}

static void
test_hello_with_wrong_version_mesh_or_bounds (void **state)
{
    fixture_t *self = *state;
    uint8_t session_id[16] = {1};
    char long_text[COVEY_NAME_MAX + 2];
    memset (long_text, 'x', sizeof long_text);
    long_text[COVEY_NAME_MAX + 1] = '\0';
    for (int row = 0; row < 5; row++) {
        Covey__Wire__Hello hello = COVEY__WIRE__HELLO__INIT;
        hello.protocol_min = hello.protocol_max = COVEY_PROTOCOL_VERSION;
        hello.agent_id = (char *)"a";
        hello.has_session_id = true;
        hello.session_id.data = session_id;
        hello.session_id.len = 16;
        covey_err_t expected = COVEY_LIMIT;
        if (row == 0) {
            hello.protocol_min = hello.protocol_max = 99;
            expected = COVEY_VERSION;
        } else if (row == 1) {
            hello.mesh = (char *)"other";
            expected = COVEY_DENIED;
        } else if (row == 2)
            hello.agent_type = long_text;
        else if (row == 3)
            hello.task_slots = 1001;
        else {
            hello.session_id.len = 8;
            expected = COVEY_MALFORMED;
        }
        covey_hello_result_t result;
        covey_session_table_hello (self->table, &hello, (const uint8_t *)"L", 1,
                                   false, 0, &result);
        assert_int_equal (result.verdict, COVEY_HELLO_REFUSED);
        assert_int_equal (result.code, expected);
    }
}

static void
test_table_is_bounded (void **state)
{
    fixture_t *self = *state;
    const char *ids[] = {"a", "b", "c"}, *routes[] = {"L1", "L2", "L3"};
    for (int i = 0; i < 3; i++)
        assert_int_equal (
            s_hello (self, ids[i], 1, routes[i], false, 0).verdict,
            COVEY_HELLO_NEW);
    covey_hello_result_t result = s_hello (self, "d", 1, "L4", false, 0);
    assert_int_equal (result.code, COVEY_LIMIT);
    assert_false (result.final);
    assert_int_equal (s_hello (self, "a", 1, "L9", false, 0).verdict,
                      COVEY_HELLO_BACK);
}

/*  The next report: what, or 0.                                             */
static int
s_report (covey_host_t *host)
{
    covey_host_report_t report;
    if (!covey_host_next_report (host, &report))
        return 0;
    assert_non_null (report.parcel->view.id);
    covey_parcel_drop (&report.parcel);
    return report.what;
}

static void
test_tracked_deliveries_are_reported_once (void **state)
{
    fixture_t *self = *state;
    covey_host_t *host = s_host (self);
    for (int i = 0; i < 4; i++) {
        assert_int_equal (s_deliver (host), COVEY_OK);
        if (i == 1)
            covey_host_track (host, COVEY_TRACK_HEARD);
        if (i == 2)
            covey_host_track (host, COVEY_TRACK_HEARD | COVEY_TRACK_DONE);
    }
    assert_int_equal (covey_host_arrive (host, 1), COVEY_LIMIT); /* not sent  */
    s_expect (self, host, "deliver 1+4(0) ");
    assert_int_equal (covey_host_arrive (host, 2), COVEY_OK);
    assert_int_equal (s_report (host), COVEY_TRACK_HEARD);
    assert_int_equal (s_report (host), 0);
    /* Who says nothing of arrivals has heard what it is done with. */
    assert_int_equal (covey_host_ack (host, 3), COVEY_OK);
    assert_int_equal (s_report (host), COVEY_TRACK_HEARD);
    assert_int_equal (s_report (host), COVEY_TRACK_DONE);
    assert_int_equal (s_report (host), 0);
    assert_int_equal (covey_host_arrive (host, 4), COVEY_OK);
    assert_int_equal (covey_host_arrive (host, 5), COVEY_LIMIT);
    assert_int_equal (s_report (host), 0);
}

int
main (void)
{
#define CASE(name) cmocka_unit_test_setup_teardown (name, s_setup, s_teardown)
    const struct CMUnitTest tests[] = {
        CASE (test_verdicts_come_once_and_in_order),
        CASE (test_numbers_of_a_lost_session_go_on),
        CASE (test_first_publish_that_was_lost_shows),
        CASE (test_many_refusals_need_several_receipts),
        CASE (test_refusals_that_nobody_takes_are_bounded),
        CASE (test_receipt_of_the_patient_comes_along),
        CASE (test_patience_ends_with_half_the_window),
        CASE (test_held_publishes_keep_their_turn),
        CASE (test_held_bytes_are_bounded),
        CASE (test_deliveries_stay_within_the_window),
        CASE (test_full_queue_and_its_gap),
        CASE (test_marks_of_a_queue_are_far_apart),
        CASE (test_handles_travel_with_their_event),
        CASE (test_tracked_deliveries_are_reported_once),
        CASE (test_paused_session_gets_receipts_only),
        CASE (test_pause_ends_with_the_connection),
        CASE (test_expired_events_are_not_delivered),
        CASE (test_session_that_comes_back_gets_what_it_did_not_acknowledge),
        CASE (test_notices_survive_the_connection),
        CASE (test_gone_session_returns_everything),
        CASE (test_other_session_of_the_same_agent_replaces),
        CASE (test_silent_session_is_found),
        CASE (test_pause_of_the_node_is_no_silence),
        CASE (test_grace_is_what_was_asked_for_within_bounds),
        CASE (test_hellos_that_are_refused),
        CASE (test_hello_with_wrong_version_mesh_or_bounds),
        CASE (test_table_is_bounded),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
