#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "node/lanes.h"
#include "proto/event.h"
#include "tests/support/support_parcel.h"

static int
s_setup (void **state)
{
    static covey_lanes_t lanes;
    covey_lanes_init (&lanes, 16, 1600);
    *state = &lanes;
    return 0;
}

static int
s_teardown (void **state)
{
    covey_lanes_deinit (*state);
    return 0;
}

static void
s_add (covey_lanes_t *self, covey_lane_t lane, const char *text,
       int64_t expires_ms)
{
    covey_parcel_t *parcel = support_parcel_raw (text);
    parcel->expires_ms = expires_ms;
    covey_lanes_add (self, lane, 1, parcel);
    covey_parcel_drop (&parcel);
}

/*  What goes next, as text; "": nothing.                                    */
static const char *
s_take (covey_lanes_t *self, int64_t now_ms)
{
    static char text[64];
    covey_lane_item_t item;
    text[0] = '\0';
    if (!covey_lanes_take (self, now_ms, &item))
        return text;
    snprintf (text, sizeof text, "%.*s", (int)item.parcel->size,
              (const char *)item.parcel->bytes);
    covey_parcel_drop (&item.parcel);
    return text;
}

static void
test_the_highest_lane_goes_first_each_in_order (void **state)
{
    covey_lanes_t *self = *state;
    s_add (self, COVEY_LANE_LOW, "l", 0);
    s_add (self, COVEY_LANE_NORMAL, "n", 0);
    s_add (self, COVEY_LANE_CRITICAL, "c1", 0);
    s_add (self, COVEY_LANE_CRITICAL, "c2", 0);
    s_add (self, COVEY_LANE_HIGH, "h", 0);
    s_add (self, COVEY_LANE_CONTROL, "x", 0);
    static const char *const order[] = {"x", "c1", "c2", "h", "n", "l", ""};
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++)
        assert_string_equal (s_take (self, 0), order[i]);
    assert_int_equal (self->count, 0);
    assert_int_equal (self->bytes, 0);
}

/*  One in eight for those below, which share it among themselves.           */
static void
test_lower_lanes_do_not_starve (void **state)
{
    enum { TURNS = 1600 };
    covey_lanes_t *self = *state;
    size_t taken[128] = {0};
    for (int i = 0; i < TURNS; i++) {
        while (self->queues[COVEY_LANE_CRITICAL].items.count < 2)
            s_add (self, COVEY_LANE_CRITICAL, "c", 0);
        while (self->queues[COVEY_LANE_NORMAL].items.count < 2)
            s_add (self, COVEY_LANE_NORMAL, "n", 0);
        while (self->queues[COVEY_LANE_LOW].items.count < 2)
            s_add (self, COVEY_LANE_LOW, "l", 0);
        taken[(size_t)*s_take (self, 0)]++;
    }
    assert_in_range (taken['c'], TURNS * 6 / 8, TURNS * 9 / 10);
    assert_in_range (taken['n'], TURNS / 20, TURNS / 8);
    assert_in_range (taken['l'], TURNS / 20, TURNS / 8);
}

/*  The share is one of bytes: a large low event waits for its turn longer.   */
static void
test_large_low_items_take_no_more_than_their_share (void **state)
{
    covey_lanes_t *self = *state;
    char large[1001];
    memset (large, 'L', sizeof large - 1);
    large[1000] = '\0';
    s_add (self, COVEY_LANE_LOW, large, 0);
    size_t before = 0;
    for (;; before++) {
        s_add (self, COVEY_LANE_CRITICAL, "c", 0);
        if (*s_take (self, 0) == 'L')
            break;
    }
    /* Each critical one counts with 65 bytes, the large one with 1,064. */
    assert_in_range (before, 7 * 1064 / 65, 7 * 1064 / 65 + 20);
}

static void
test_room_is_common_and_a_share_for_each_lane (void **state)
{
    covey_lanes_t *self = *state;
    for (int i = 0; i < 16; i++)
        s_add (self, COVEY_LANE_LOW, "l", 0);
    assert_false (covey_lanes_have_room (self, COVEY_LANE_LOW, 1, 1));
    assert_true (covey_lanes_have_room (self, COVEY_LANE_CRITICAL, 2, 200));
    assert_false (covey_lanes_have_room (self, COVEY_LANE_CRITICAL, 3, 3));
    assert_false (covey_lanes_have_room (self, COVEY_LANE_CRITICAL, 1, 201));
    s_add (self, COVEY_LANE_CRITICAL, "c", 0);
    s_add (self, COVEY_LANE_CRITICAL, "c", 0);
    assert_false (covey_lanes_have_room (self, COVEY_LANE_CRITICAL, 1, 1));
    assert_true (covey_lanes_have_room (self, COVEY_LANE_CONTROL,
                                        COVEY_LANES_CONTROL_EVENTS,
                                        COVEY_LANES_CONTROL_BYTES));
    assert_false (covey_lanes_have_room (self, COVEY_LANE_CONTROL,
                                         COVEY_LANES_CONTROL_EVENTS + 1, 1));
}

static void
test_empty_lanes_take_anything (void **state)
{
    covey_lanes_t *self = *state;
    assert_true (covey_lanes_have_room (self, COVEY_LANE_LOW, 99, 99999));
    s_add (self, COVEY_LANE_LOW, "l", 0);
    assert_false (covey_lanes_have_room (self, COVEY_LANE_LOW, 99, 99999));
    assert_false (covey_lanes_have_room (self, COVEY_LANE_LOW, 1, SIZE_MAX));
}

static void
test_expired_items_are_dropped_and_counted (void **state)
{
    covey_lanes_t *self = *state;
    s_add (self, COVEY_LANE_HIGH, "h", 10);
    s_add (self, COVEY_LANE_NORMAL, "n1", 10);
    s_add (self, COVEY_LANE_NORMAL, "n2", 20);
    s_add (self, COVEY_LANE_NORMAL, "n3", 11);
    assert_string_equal (s_take (self, 10), "h");
    covey_lanes_expire (self, 11);
    assert_int_equal (self->count, 2);
    assert_string_equal (s_take (self, 20), "n2");
    assert_string_equal (s_take (self, 20), "");
    assert_int_equal (self->expired, 2);
    assert_int_equal (self->bytes, 0);
}

static bool
s_take_n (void *arg, const covey_lane_item_t *item)
{
    (void)arg;
    assert_int_equal (item->kind, 1);
    return item->parcel->bytes[0] == 'n';
}

static void
test_taken_back_items_leave_no_trace (void **state)
{
    covey_lanes_t *self = *state;
    s_add (self, COVEY_LANE_NORMAL, "a", 0);
    s_add (self, COVEY_LANE_NORMAL, "n", 0);
    s_add (self, COVEY_LANE_NORMAL, "b", 0);
    s_add (self, COVEY_LANE_LOW, "n", 0);
    assert_int_equal (covey_lanes_take_back (self, s_take_n, NULL), 2);
    assert_int_equal (self->count, 2);
    assert_int_equal (self->bytes, 2);
    assert_string_equal (s_take (self, 0), "a");
    assert_string_equal (s_take (self, 0), "b");
}

static void
test_lanes_are_named_by_priority (void **state)
{
    (void)state;
    covey_peek_t event = {.priority = COVEY_PRIORITY_LOW};
    assert_int_equal (covey_lane_of (&event), COVEY_LANE_LOW);
    event.priority = COVEY_PRIORITY_NORMAL;
    assert_int_equal (covey_lane_of (&event), COVEY_LANE_NORMAL);
    event.priority = COVEY_PRIORITY_HIGH;
    assert_int_equal (covey_lane_of (&event), COVEY_LANE_HIGH);
    event.priority = COVEY_PRIORITY_CRITICAL;
    assert_int_equal (covey_lane_of (&event), COVEY_LANE_CRITICAL);
    event.priority = 99;
    assert_int_equal (covey_lane_of (&event), COVEY_LANE_CRITICAL);
}

int
main (void)
{
#define CASE(name) cmocka_unit_test_setup_teardown (name, s_setup, s_teardown)
    const struct CMUnitTest tests[] = {
        CASE (test_the_highest_lane_goes_first_each_in_order),
        CASE (test_lower_lanes_do_not_starve),
        CASE (test_large_low_items_take_no_more_than_their_share),
        CASE (test_room_is_common_and_a_share_for_each_lane),
        CASE (test_empty_lanes_take_anything),
        CASE (test_expired_items_are_dropped_and_counted),
        CASE (test_taken_back_items_leave_no_trace),
        CASE (test_lanes_are_named_by_priority),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
