/*  What a session is told besides events: numbered, and kept until it is
    acknowledged.                                                             */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "node/notices.h"

typedef struct {
    covey_notices_t notices;
    char log[4096];
} fixture_t;

static int
s_setup (void **state)
{
    fixture_t *self = calloc (1, sizeof *self);
    covey_notices_init (&self->notices, true);
    *state = self;
    return 0;
}

static int
s_teardown (void **state)
{
    fixture_t *self = *state;
    covey_notices_deinit (&self->notices);
    free (self);
    return 0;
}

/*  The header of a frame; its number must be the one it was given for.       */
static void
s_log_frame (fixture_t *self, const covey_notice_entry_t *entry,
             uint64_t number)
{
    size_t used = strlen (self->log);
    char *at = self->log + used;
    size_t left = sizeof self->log - used;
    covey_frame_t frame;
    assert_int_equal (covey_frame_parse (entry->frame, entry->size, &frame),
                      COVEY_OK);
    ProtobufCMessage *message = covey_wire_unpack (
        frame.kind == COVEY_FRAME_GAP ? &covey__wire__gap__descriptor
                                      : &covey__wire__undelivered__descriptor,
        frame.header, frame.header_size);
    assert_non_null (message);
    if (frame.kind == COVEY_FRAME_GAP) {
        const Covey__Wire__Gap *gap = (Covey__Wire__Gap *)message;
        assert_true (gap->notice_seq == number);
        snprintf (at, left, "gap %d-%d ", (int)gap->first, (int)gap->last);
    } else {
        const Covey__Wire__Undelivered *back =
            (Covey__Wire__Undelivered *)message;
        assert_true (back->notice_seq == number);
        snprintf (at, left, "back %s ", back->target);
    }
    protobuf_c_message_free_unpacked (message, NULL);
}

/*  Send all there is, one by one.                                            */
static void
s_expect (fixture_t *self, const char *log)
{
    const covey_notice_entry_t *entry;
    uint64_t number;
    self->log[0] = '\0';
    while ((entry = covey_notices_next (&self->notices, &number))) {
        size_t used = strlen (self->log);
        snprintf (self->log + used, sizeof self->log - used,
                  "%d:", (int)number);
        used = strlen (self->log);
        if (entry->frame)
            s_log_frame (self, entry, number);
        else
            snprintf (self->log + used, sizeof self->log - used, "stored %d ",
                      (int)entry->publish_seq);
        covey_notices_mark_sent (&self->notices, 1);
    }
    assert_string_equal (self->log, log);
}

static void
s_back (fixture_t *self, const char *target)
{
    uint8_t id[16] = {0};
    Covey__Wire__Undelivered notice = COVEY__WIRE__UNDELIVERED__INIT;
    notice.event_id.data = id;
    notice.event_id.len = 16;
    notice.target = (char *)target;
    notice.code = COVEY_NOAGENT;
    notice.text = "";
    covey_notices_add_undelivered (&self->notices, &notice);
}

static void
test_one_numbering_for_all_kinds (void **state)
{
    fixture_t *self = *state;
    const uint8_t node[16] = {1};
    covey_notices_add_stored (&self->notices, 7, COVEY_LEVEL_STORED, 70);
    s_back (self, "x");
    covey_notices_add_gap (&self->notices, node, 30, 4, 5);
    covey_notices_add_stored (&self->notices, 8, COVEY_LEVEL_STORED, 80);
    /* A gap may still grow, so it gets its number when it goes out. */
    s_expect (self, "1:stored 7 2:back x 3:stored 8 4:gap 4-5 ");
    s_expect (self, "");
    assert_int_equal (covey_notices_count (&self->notices), 4);
}

static void
test_kept_until_acknowledged (void **state)
{
    fixture_t *self = *state;
    s_back (self, "x");
    s_back (self, "y");
    s_expect (self, "1:back x 2:back y ");
    s_back (self, "z");
    assert_int_equal (covey_notices_unsent (&self->notices), 1);
    covey_notices_rewind (&self->notices);
    assert_int_equal (self->notices.resent, 2);
    assert_int_equal (covey_notices_ack (&self->notices, 1), COVEY_OK);
    s_expect (self, "2:back y 3:back z ");
    assert_int_equal (covey_notices_ack (&self->notices, 4), COVEY_LIMIT);
    assert_int_equal (covey_notices_ack (&self->notices, 3), COVEY_OK);
    assert_int_equal (covey_notices_ack (&self->notices, 2), COVEY_OK);
    assert_int_equal (covey_notices_count (&self->notices), 0);
    covey_notices_rewind (&self->notices);
    s_expect (self, "");
}

static void
test_agent_that_never_acknowledges_costs_nothing (void **state)
{
    fixture_t *self = *state;
    self->notices.is_kept = false;
    s_back (self, "x");
    s_back (self, "y");
    s_expect (self, "1:back x 2:back y ");
    assert_int_equal (covey_notices_count (&self->notices), 0);
    covey_notices_rewind (&self->notices);
    s_back (self, "z");
    s_expect (self, "3:back z ");
}

static void
test_neighbouring_gaps_become_one_until_they_are_sent (void **state)
{
    fixture_t *self = *state;
    const uint8_t one[16] = {1}, two[16] = {2};
    covey_notices_add_gap (&self->notices, one, 30, 5, 5);
    covey_notices_add_gap (&self->notices, two, 30, 9, 9);
    covey_notices_add_gap (&self->notices, one, 30, 6, 7);
    covey_notices_add_gap (&self->notices, one, 30, 9, 9);
    s_expect (self, "1:gap 5-7 2:gap 9-9 3:gap 9-9 ");
    covey_notices_add_gap (&self->notices, one, 30, 10, 10);
    s_expect (self, "4:gap 10-10 ");
}

static void
test_bounds_count_what_they_cost (void **state)
{
    fixture_t *self = *state;
    const uint8_t node[16] = {1};
    for (uint64_t i = 1; i <= COVEY_NOTICES_MAX; i++)
        covey_notices_add_stored (&self->notices, i, COVEY_LEVEL_STORED, 1);
    assert_int_equal (self->notices.dropped, 0);
    covey_notices_add_stored (&self->notices, 1, COVEY_LEVEL_STORED, 1);
    s_back (self, "x");
    assert_int_equal (self->notices.dropped, 2);
    /* A range finds its room later. */
    covey_notices_add_gap (&self->notices, node, 30, 1, 1);
    assert_int_equal (self->notices.dropped, 2);
    assert_int_equal (covey_notices_ack (&self->notices, COVEY_NOTICES_MAX),
                      COVEY_OK);
    s_expect (self, "65537:gap 1-1 ");
    for (uint32_t i = 0; i < COVEY_NOTICES_GAPS_MAX; i++)
        covey_notices_add_gap (&self->notices, node, 100 + i, 1, 1);
    covey_notices_add_gap (&self->notices, node, 30, 5, 5);
    assert_int_equal (self->notices.dropped, 3);
    covey_notices_add_gap (&self->notices, node, 100, 9, 9); /* merged: 1-9   */
    assert_int_equal (self->notices.dropped, 3);
}

int
main (void)
{
#define CASE(name) cmocka_unit_test_setup_teardown (name, s_setup, s_teardown)
    const struct CMUnitTest tests[] = {
        CASE (test_one_numbering_for_all_kinds),
        CASE (test_kept_until_acknowledged),
        CASE (test_agent_that_never_acknowledges_costs_nothing),
        CASE (test_neighbouring_gaps_become_one_until_they_are_sent),
        CASE (test_bounds_count_what_they_cost),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
