#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "node/outbox.h"
#include "tests/support/support_parcel.h"

typedef struct {
    covey_outbox_t *outbox;
    size_t stored;
    covey_outbox_wish_t last;
    int64_t offset;
} fixture_t;

static void
s_on_stored (void *arg, const covey_outbox_wish_t *wish, int64_t offset)
{
    fixture_t *self = arg;
    self->stored++;
    self->last = *wish;
    self->offset = offset;
}

static int
s_setup (void **state)
{
    fixture_t *self = calloc (1, sizeof *self);
    covey_outbox_callbacks_t callbacks = {.arg = self, .stored = s_on_stored};
    self->outbox = covey_outbox_new (10000, 1000000, &callbacks);
    *state = self;
    return 0;
}

static int
s_teardown (void **state)
{
    fixture_t *self = *state;
    covey_outbox_destroy (&self->outbox);
    free (self);
    return 0;
}

static covey_err_t
s_push (fixture_t *self, size_t size, uint64_t session)
{
    char *bytes = calloc (1, size);
    covey_parcel_t *parcel = covey_parcel_new_raw (bytes, size);
    free (bytes);
    covey_outbox_wish_t wish = {
        .session = session, .publish_seq = 77, .level = COVEY_LEVEL_STORED};
    covey_err_t code =
        covey_outbox_push (self->outbox, parcel, session ? &wish : NULL);
    covey_parcel_drop (&parcel);
    return code;
}

/*  Hand over all that may be; the first number of the last batch.           */
static size_t
s_hand_over (fixture_t *self, int64_t now_ms, uint64_t *first_p)
{
    covey_parcel_t *parcels[COVEY_OUTBOX_BATCH_EVENTS];
    size_t all = 0, count;
    uint64_t first;
    while (
        (count = covey_outbox_peek (self->outbox, now_ms, parcels, &first))) {
        if (!all && first_p)
            *first_p = first;
        covey_outbox_sent (self->outbox, count, now_ms);
        all += count;
    }
    return all;
}

static void
test_numbers_have_no_gap (void **state)
{
    fixture_t *self = *state;
    for (uint64_t i = 1; i <= 5; i++) {
        assert_int_equal (covey_outbox_next_seq (self->outbox), i);
        assert_int_equal (s_push (self, 10, 0), COVEY_OK);
    }
    uint64_t first = 0;
    assert_int_equal (s_hand_over (self, 0, &first), 5);
    assert_int_equal (first, 1);
    assert_int_equal (covey_outbox_ack (self->outbox, 3, NULL, 0, 0), COVEY_OK);
    assert_int_equal (covey_outbox_count (self->outbox), 2);
    assert_int_equal (covey_outbox_next_seq (self->outbox), 6);
    assert_int_equal (covey_outbox_ack (self->outbox, 9, NULL, 0, 0),
                      COVEY_LIMIT);
    assert_int_equal (self->stored, 0);
}

static void
test_ack_tells_who_waits_and_the_offset (void **state)
{
    fixture_t *self = *state;
    assert_int_equal (s_push (self, 10, 0), COVEY_OK);
    assert_int_equal (s_push (self, 10, 4), COVEY_OK);
    assert_int_equal (s_push (self, 10, 0), COVEY_OK);
    const int64_t offsets[] = {100, 101};
    assert_int_equal (covey_outbox_ack (self->outbox, 3, offsets, 2, 0),
                      COVEY_OK);
    assert_int_equal (self->stored, 1);
    assert_int_equal (self->last.session, 4);
    assert_int_equal (self->last.publish_seq, 77);
    assert_int_equal (self->offset, 100);
    assert_int_equal (s_push (self, 10, 5), COVEY_OK);
    assert_int_equal (covey_outbox_ack (self->outbox, 4, NULL, 0, 0), COVEY_OK);
    assert_int_equal (self->offset, -1);
}

static void
test_full_in_events_and_in_bytes (void **state)
{
    fixture_t *self = *state;
    assert_int_equal (s_push (self, 999999, 0), COVEY_OK);
    assert_true (covey_outbox_has_room (self->outbox, 1));
    assert_false (covey_outbox_has_room (self->outbox, 2));
    assert_int_equal (s_push (self, 2, 0), COVEY_EAGAIN);
    assert_int_equal (covey_outbox_ack (self->outbox, 1, NULL, 0, 0), COVEY_OK);
    for (int i = 0; i < 10000; i++)
        assert_int_equal (s_push (self, 1, 0), COVEY_OK);
    assert_int_equal (s_push (self, 1, 0), COVEY_EAGAIN);
}

static void
test_only_a_window_is_in_flight (void **state)
{
    fixture_t *self = *state;
    for (int i = 0; i < 5000; i++)
        assert_int_equal (s_push (self, 1, 0), COVEY_OK);
    assert_int_equal (s_hand_over (self, 0, NULL), COVEY_OUTBOX_FLIGHT_EVENTS);
    assert_int_equal (covey_outbox_ack (self->outbox, 1000, NULL, 0, 0),
                      COVEY_OK);
    assert_int_equal (s_hand_over (self, 0, NULL),
                      5000 - COVEY_OUTBOX_FLIGHT_EVENTS);
}

static void
test_rewind_hands_over_again (void **state)
{
    fixture_t *self = *state;
    for (int i = 0; i < 10; i++)
        assert_int_equal (s_push (self, 1, 0), COVEY_OK);
    assert_int_equal (s_hand_over (self, 0, NULL), 10);
    uint64_t first = 0;
    covey_outbox_rewind (self->outbox, 4);
    assert_int_equal (s_hand_over (self, 0, &first), 7);
    assert_int_equal (first, 4);
    covey_outbox_rewind (self->outbox, 0);
    assert_int_equal (s_hand_over (self, 0, &first), 10);
    assert_int_equal (first, 1);
    covey_outbox_rewind (self->outbox, 99); /* already so                     */
    assert_int_equal (s_hand_over (self, 0, &first), 0);
    assert_int_equal (covey_outbox_stats (self->outbox)->resent, 17);
}

static void
test_silence_and_refusal_hand_over_later (void **state)
{
    fixture_t *self = *state;
    assert_int_equal (s_push (self, 1, 0), COVEY_OK);
    assert_int_equal (s_hand_over (self, 0, NULL), 1);
    covey_outbox_tick (self->outbox, COVEY_OUTBOX_SILENCE_MS - 1);
    assert_int_equal (s_hand_over (self, COVEY_OUTBOX_SILENCE_MS - 1, NULL), 0);
    covey_outbox_tick (self->outbox, COVEY_OUTBOX_SILENCE_MS);
    assert_int_equal (s_hand_over (self, COVEY_OUTBOX_SILENCE_MS, NULL), 1);
    covey_outbox_refused (self->outbox, 10000);
    assert_int_equal (s_hand_over (self, 10000, NULL), 0);
    assert_int_equal (s_hand_over (self, 10000 + COVEY_OUTBOX_PAUSE_MS, NULL),
                      1);
}

int
main (void)
{
#define CASE(name) cmocka_unit_test_setup_teardown (name, s_setup, s_teardown)
    const struct CMUnitTest tests[] = {
        CASE (test_numbers_have_no_gap),
        CASE (test_ack_tells_who_waits_and_the_offset),
        CASE (test_full_in_events_and_in_bytes),
        CASE (test_only_a_window_is_in_flight),
        CASE (test_rewind_hands_over_again),
        CASE (test_silence_and_refusal_hand_over_later),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
