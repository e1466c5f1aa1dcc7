/*  The ring of a publisher and the intake of its listeners.                 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "node/intake.h"
#include "node/replay.h"
#include "tests/support/support_parcel.h"

/* ------------------------------------------------------------------------ */
/*  replay                                                                   */

static uint64_t
s_push (covey_replay_t *replay, uint32_t topic, const char *text)
{
    covey_parcel_t *parcel = support_parcel_raw (text);
    uint64_t seq = covey_replay_push (replay, topic, parcel);
    covey_parcel_drop (&parcel);
    return seq;
}

static void
test_ring_numbers_per_topic_and_drops_the_oldest (void **state)
{
    (void)state;
    covey_replay_t *replay = covey_replay_new (4, 1000);
    uint64_t from = 0, to = 0;
    assert_int_equal (covey_replay_next (replay, 1), 1);
    assert_false (covey_replay_range (replay, 1, 1, 9, &from, &to));
    assert_int_equal (s_push (replay, 1, "a"), 1);
    assert_int_equal (s_push (replay, 2, "x"), 1);
    assert_int_equal (s_push (replay, 1, "b"), 2);
    assert_int_equal (s_push (replay, 1, "c"), 3);
    assert_int_equal (s_push (replay, 1, "d"), 4);
    assert_int_equal (covey_replay_count (replay), 4);
    assert_true (covey_replay_range (replay, 1, 1, 9, &from, &to));
    assert_int_equal (from, 2);
    assert_int_equal (to, 4);
    assert_null (covey_replay_get (replay, 1, 1));
    assert_int_equal (covey_replay_get (replay, 1, 3)->bytes[0], 'c');
    assert_int_equal (covey_replay_next (replay, 1), 5);
    covey_replay_destroy (&replay);
}

static void
test_ring_is_bounded_in_bytes (void **state)
{
    (void)state;
    covey_replay_t *replay = covey_replay_new (100, 10);
    for (int i = 0; i < 10; i++)
        s_push (replay, 1, "four");
    assert_int_equal (covey_replay_count (replay), 2);
    assert_int_equal (covey_replay_bytes (replay), 8);
    s_push (replay, 1, "longer than all of it");
    assert_int_equal (covey_replay_count (replay), 1);
    covey_replay_destroy (&replay);
}

static void
test_ring_remembers_what_left_it (void **state)
{
    (void)state;
    covey_replay_t *replay = covey_replay_new (2, 100000);
    covey_replay_trace_t traces[4];
    uint64_t from = 0;
    covey_parcel_t *first = support_parcel_message ("a", NULL);
    uint8_t id[16];
    memcpy (id, first->view.id, 16);
    covey_replay_push (replay, 1, first);
    covey_parcel_drop (&first);
    assert_int_equal (covey_replay_trail (replay, 1, 1, 9, traces, 4, &from),
                      0);
    for (int i = 0; i < 5; i++)
        s_push (replay, i % 2 ? 2 : 1, "x"); /* 1 has four, 2 has two         */
    assert_int_equal (covey_replay_trail (replay, 1, 1, 9, traces, 4, &from),
                      3);
    assert_int_equal (from, 1);
    assert_memory_equal (traces[0].id, id, 16);
    assert_int_equal (covey_replay_trail (replay, 1, 2, 2, traces, 4, &from),
                      1);
    assert_int_equal (from, 2);
    assert_int_equal (covey_replay_trail (replay, 1, 1, 9, traces, 2, &from),
                      2);
    assert_int_equal (covey_replay_trail (replay, 1, 4, 9, traces, 4, &from),
                      0); /* in the ring                                     */
    assert_int_equal (covey_replay_trail (replay, 3, 1, 9, traces, 4, &from),
                      0);
    covey_replay_destroy (&replay);
}

static void
test_trail_is_bounded (void **state)
{
    (void)state;
    enum { MORE = 10 };
    covey_replay_t *replay = covey_replay_new (1, 1000);
    covey_replay_trace_t traces[4];
    uint64_t from = 0;
    for (int i = 0; i < COVEY_REPLAY_TRAIL_MAX + 1 + MORE; i++)
        s_push (replay, 1, "x");
    assert_int_equal (covey_replay_trail (replay, 1, 1, 99, traces, 4, &from),
                      4);
    assert_int_equal (from, MORE + 1);
    covey_replay_destroy (&replay);
}

static void
s_list_grown (void *arg, uint32_t topic, uint64_t next, uint64_t total)
{
    char *log = arg;
    size_t used = strlen (log);
    snprintf (log + used, 100 - used, "%u:%llu@%llu ", topic,
              (unsigned long long)next, (unsigned long long)total);
}

static void
test_ring_says_what_grew (void **state)
{
    (void)state;
    covey_replay_t *replay = covey_replay_new (2, 1000);
    char log[100] = "";
    covey_replay_grown (replay, 0, s_list_grown, log);
    assert_string_equal (log, "");
    s_push (replay, 1, "a");
    s_push (replay, 2, "b");
    s_push (replay, 2, "c");
    assert_int_equal (covey_replay_total (replay), 3);
    covey_replay_grown (replay, 1, s_list_grown, log);
    assert_string_equal (log, "2:3@3 "); /* also of what is out of the ring */
    *log = '\0';
    covey_replay_grown (replay, 3, s_list_grown, log);
    assert_string_equal (log, "");
    covey_replay_destroy (&replay);
}

/* ------------------------------------------------------------------------ */
/*  intake                                                                   */

typedef struct {
    covey_intake_t *intake;
    char log[512];
} fixture_t;

static void
s_log (fixture_t *self, const char *what, uint32_t topic, uint64_t first,
       uint64_t last)
{
    size_t used = strlen (self->log);
    snprintf (self->log + used, sizeof self->log - used, "%s%u/%llu-%llu ",
              what, topic, (unsigned long long)first, (unsigned long long)last);
}

static void
s_on_event (void *arg, uint32_t topic, uint64_t seq, const uint8_t *bytes,
            size_t size)
{
    (void)bytes;
    (void)size;
    fixture_t *self = arg;
    size_t used = strlen (self->log);
    snprintf (self->log + used, sizeof self->log - used, "%u/%llu ", topic,
              (unsigned long long)seq);
}

static void
s_on_request (void *arg, uint32_t topic, uint64_t first, uint64_t last)
{
    s_log (arg, "ask ", topic, first, last);
}

static void
s_on_lost (void *arg, uint32_t topic, uint64_t first, uint64_t last)
{
    s_log (arg, "lost ", topic, first, last);
}

static int
s_setup (void **state)
{
    fixture_t *self = calloc (1, sizeof *self);
    covey_intake_callbacks_t callbacks = {.arg = self,
                                          .event = s_on_event,
                                          .request = s_on_request,
                                          .lost = s_on_lost};
    self->intake = covey_intake_new (&callbacks);
    assert_true (covey_intake_epoch (self->intake, 5));
    *state = self;
    return 0;
}

static int
s_teardown (void **state)
{
    fixture_t *self = *state;
    covey_intake_destroy (&self->intake);
    free (self);
    return 0;
}

static void
s_expect (fixture_t *self, const char *log)
{
    assert_string_equal (self->log, log);
    self->log[0] = '\0';
}

static void
s_give (fixture_t *self, uint32_t topic, uint64_t first, size_t count,
        int64_t now_ms)
{
    uint8_t items[5 * 64];
    for (size_t i = 0; i < count; i++)
        memcpy (items + i * 5, "\x01\x00\x00\x00x", 5);
    covey_frame_t frame = {.items = items, .items_size = count * 5};
    assert_int_equal (
        covey_intake_receive (self->intake, topic, first, &frame, now_ms),
        COVEY_OK);
}

static void
s_repair (fixture_t *self, uint32_t topic, uint64_t first, uint64_t last,
          uint64_t have_first, uint64_t have_last)
{
    ProtobufCBinaryData events[64];
    Covey__Wire__Repair repair = COVEY__WIRE__REPAIR__INIT;
    repair.topic = topic;
    repair.first = first;
    repair.last = last;
    repair.have_first = have_first;
    repair.have_last = have_last;
    repair.events = events;
    for (uint64_t seq = have_first; have_first && seq <= have_last; seq++) {
        events[repair.n_events].data = (uint8_t *)"r";
        events[repair.n_events++].len = 1;
    }
    covey_intake_repair (self->intake, &repair, 0);
}

static void
test_first_frame_sets_the_start (void **state)
{
    fixture_t *self = *state;
    s_give (self, 1, 41, 2, 0);
    s_give (self, 1, 43, 1, 0);
    s_expect (self, "1/41 1/42 1/43 ");
}

static void
test_baseline_makes_the_first_loss_visible (void **state)
{
    fixture_t *self = *state;
    covey_intake_baseline (self->intake, 1, 41);
    covey_intake_baseline (self->intake, 1, 99);
    s_give (self, 1, 43, 1, 0);
    s_expect (self, "ask 1/41-42 ");
}

static void
test_gap_is_repaired_in_order (void **state)
{
    fixture_t *self = *state;
    s_give (self, 1, 1, 1, 0);
    s_give (self, 2, 1, 1, 0);
    s_give (self, 1, 4, 1, 0);
    s_give (self, 2, 2, 1, 0); /* waits too: it was said later                */
    s_give (self, 1, 5, 2, 0);
    s_expect (self, "1/1 2/1 ask 1/2-3 ");
    s_repair (self, 1, 2, 3, 2, 3);
    s_expect (self, "1/2 1/3 1/4 2/2 1/5 1/6 ");
    assert_int_equal (covey_intake_stats (self->intake)->repaired, 2);
    assert_true (covey_intake_next_ms (self->intake) == INT64_MAX);
}

static void
test_what_cannot_be_repaired_is_named (void **state)
{
    fixture_t *self = *state;
    s_give (self, 1, 1, 1, 0);
    s_give (self, 1, 10, 1, 0);
    s_repair (self, 1, 2, 9, 5, 9);
    s_expect (self, "1/1 ask 1/2-9 lost 1/2-4 1/5 1/6 1/7 1/8 1/9 1/10 ");
    s_give (self, 1, 20, 1, 0);
    s_repair (self, 1, 11, 19, 0, 0);
    s_expect (self, "ask 1/11-19 lost 1/11-19 1/20 ");
    assert_int_equal (covey_intake_stats (self->intake)->lost, 12);
}

static void
test_answer_in_parts_is_asked_on (void **state)
{
    fixture_t *self = *state;
    s_give (self, 1, 1, 1, 0);
    s_give (self, 1, 6, 1, 0);
    s_repair (self, 1, 2, 5, 2, 3);
    s_expect (self, "1/1 ask 1/2-5 1/2 1/3 ask 1/4-5 ");
    s_repair (self, 1, 2, 5, 2, 3); /* the old answer again: not for us       */
    s_repair (self, 1, 4, 5, 4, 5);
    s_expect (self, "1/4 1/5 1/6 ");
}

static void
test_empty_frame_shows_a_lost_tail (void **state)
{
    fixture_t *self = *state;
    s_give (self, 1, 1, 1, 0);
    s_give (self, 1, 2, 0, 0);
    s_expect (self, "1/1 ");
    s_give (self, 1, 4, 0, 0);
    s_expect (self, "ask 1/2-3 ");
    s_repair (self, 1, 2, 3, 2, 3);
    s_expect (self, "1/2 1/3 ");
}

static void
test_gap_is_given_up_in_time (void **state)
{
    fixture_t *self = *state;
    s_give (self, 1, 1, 1, 0);
    s_give (self, 1, 3, 1, 100);
    covey_intake_tick (self->intake, 100 + COVEY_INTAKE_WAIT_MS - 1);
    s_expect (self, "1/1 ask 1/2-2 ");
    covey_intake_tick (self->intake, 100 + COVEY_INTAKE_WAIT_MS);
    s_expect (self, "lost 1/2-2 1/3 ");
}

static void
test_second_gap_behind_the_first_is_asked_for (void **state)
{
    fixture_t *self = *state;
    s_give (self, 1, 1, 1, 0);
    s_give (self, 1, 3, 1, 0);
    s_give (self, 2, 1, 1, 0);
    s_give (self, 1, 6, 1, 0);
    s_repair (self, 1, 2, 2, 2, 2);
    s_expect (self, "1/1 ask 1/2-2 1/2 1/3 2/1 ask 1/4-5 ");
    covey_intake_give_up (self->intake, 0);
    s_expect (self, "lost 1/4-5 1/6 ");
}

static void
test_duplicates_are_dropped (void **state)
{
    fixture_t *self = *state;
    s_give (self, 1, 1, 3, 0);
    s_give (self, 1, 2, 3, 0);
    s_expect (self, "1/1 1/2 1/3 1/4 ");
    assert_int_equal (covey_intake_stats (self->intake)->duplicates, 2);
}

static void
test_new_epoch_starts_over (void **state)
{
    fixture_t *self = *state;
    s_give (self, 1, 50, 1, 0);
    s_give (self, 1, 60, 1, 0);
    assert_false (covey_intake_epoch (self->intake, 4));
    assert_true (covey_intake_epoch (self->intake, 6));
    s_give (self, 1, 1, 1, 0);
    s_expect (self, "1/50 ask 1/51-59 1/1 ");
}

static void
test_topic_we_left_starts_over (void **state)
{
    fixture_t *self = *state;
    s_give (self, 1, 1, 1, 0);
    covey_intake_unlisten (self->intake, 1);
    s_give (self, 1, 90, 1, 0);
    s_expect (self, "1/1 1/90 ");
}

static void
test_too_much_held_back_gives_up (void **state)
{
    fixture_t *self = *state;
    s_give (self, 1, 1, 1, 0);
    s_give (self, 1, 3, 1, 0);
    s_expect (self, "1/1 ask 1/2-2 ");
    for (uint64_t i = 0; i < COVEY_INTAKE_HELD_EVENTS; i++)
        s_give (self, 1, 4, 0, 0); /* empty ones count too                    */
    s_expect (self, "lost 1/2-2 1/3 ");
}

static void
test_tail_that_stays_out_is_asked_for (void **state)
{
    fixture_t *self = *state;
    covey_intake_baseline (self->intake, 1, 1);
    covey_intake_tail (self->intake, 1, 4, 1000);
    covey_intake_tail (self->intake, 2, 9, 1000); /* not subscribed to        */
    covey_intake_tail (self->intake, 1, 4, 1400); /* the same says no more    */
    assert_int_equal (covey_intake_next_ms (self->intake),
                      1000 + COVEY_INTAKE_TAIL_MS);
    covey_intake_tick (self->intake, 1000 + COVEY_INTAKE_TAIL_MS - 1);
    s_expect (self, "");
    covey_intake_tick (self->intake, 1000 + COVEY_INTAKE_TAIL_MS);
    s_expect (self, "ask 1/1-3 ");
    covey_intake_give_up (self->intake, 2000);
    s_expect (self, "lost 1/1-3 ");
    covey_intake_tick (self->intake, 9000);
    s_expect (self, "");
    assert_int_equal (covey_intake_next_ms (self->intake), INT64_MAX);
}

static void
test_tail_that_comes_late_is_no_loss (void **state)
{
    fixture_t *self = *state;
    covey_intake_baseline (self->intake, 1, 1);
    covey_intake_tail (self->intake, 1, 3, 1000);
    s_give (self, 1, 1, 2, 1100);
    s_expect (self, "1/1 1/2 ");
    covey_intake_tick (self->intake, 1000 + COVEY_INTAKE_TAIL_MS);
    s_expect (self, "");
    assert_int_equal (covey_intake_stats (self->intake)->gaps, 0);
    assert_int_equal (covey_intake_next_ms (self->intake), INT64_MAX);
}

int
main (void)
{
#define CASE(name) cmocka_unit_test_setup_teardown (name, s_setup, s_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_ring_numbers_per_topic_and_drops_the_oldest),
        cmocka_unit_test (test_ring_is_bounded_in_bytes),
        cmocka_unit_test (test_ring_remembers_what_left_it),
        cmocka_unit_test (test_trail_is_bounded),
        cmocka_unit_test (test_ring_says_what_grew),
        CASE (test_first_frame_sets_the_start),
        CASE (test_baseline_makes_the_first_loss_visible),
        CASE (test_gap_is_repaired_in_order),
        CASE (test_what_cannot_be_repaired_is_named),
        CASE (test_answer_in_parts_is_asked_on),
        CASE (test_empty_frame_shows_a_lost_tail),
        CASE (test_gap_is_given_up_in_time),
        CASE (test_second_gap_behind_the_first_is_asked_for),
        CASE (test_duplicates_are_dropped),
        CASE (test_new_epoch_starts_over),
        CASE (test_topic_we_left_starts_over),
        CASE (test_too_much_held_back_gives_up),
        CASE (test_tail_that_stays_out_is_asked_for),
        CASE (test_tail_that_comes_late_is_no_loss),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
