#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "node/subscription.h"
#include "proto/event.h"
#include "tests/support/support_parcel.h"

typedef struct {
    covey_subscriptions_t *subscriptions;
    char needs[256];
    uint32_t matched; /* sum of the handles                                   */
    size_t matches;
} fixture_t;

static int s_alice, s_bob; /* owners are only addresses                       */

static void
s_on_need (void *arg, char class_byte, int type, bool needed)
{
    fixture_t *self = arg;
    size_t used = strlen (self->needs);
    snprintf (self->needs + used, sizeof self->needs - used, "%c%c%d ",
              needed ? '+' : '-', class_byte, type);
}

static void
s_on_match (void *arg, void *owner, uint32_t handle)
{
    fixture_t *self = arg;
    assert_true (owner == &s_alice || owner == &s_bob);
    self->matched += handle;
    self->matches++;
}

static int
s_setup (void **state)
{
    fixture_t *self = calloc (1, sizeof *self);
    self->subscriptions = covey_subscriptions_new (s_on_need, self);
    *state = self;
    return 0;
}

static int
s_teardown (void **state)
{
    fixture_t *self = *state;
    covey_subscriptions_destroy (&self->subscriptions);
    free (self);
    return 0;
}

static void
s_add (fixture_t *self, void *owner, uint32_t handle, uint32_t type,
       bool observe)
{
    Covey__Wire__Subscribe subscribe = COVEY__WIRE__SUBSCRIBE__INIT;
    subscribe.handle = handle;
    subscribe.types = &type;
    subscribe.n_types = type ? 1 : 0;
    subscribe.observe = observe;
    assert_int_equal (
        covey_subscriptions_add (self->subscriptions, owner, &subscribe, NULL),
        COVEY_OK);
}

static uint32_t
s_match (fixture_t *self, covey_parcel_t *parcel, bool observers)
{
    self->matched = 0;
    self->matches = 0;
    covey_subscriptions_match (self->subscriptions, &parcel->view, observers,
                               s_on_match, self);
    return self->matched;
}

static void
test_all_but_some_are_removed (void **state)
{
    fixture_t *self = *state;
    const uint32_t keep[] = {2, 9};
    for (uint32_t handle = 1; handle <= 4; handle++)
        s_add (self, &s_alice, handle, 30, false);
    s_add (self, &s_bob, 1, 30, false);
    covey_subscriptions_remove_others (self->subscriptions, &s_alice, keep, 2);
    assert_int_equal (covey_subscriptions_count (self->subscriptions), 2);
    covey_subscriptions_remove_others (self->subscriptions, &s_bob, keep, 2);
    covey_subscriptions_remove_others (self->subscriptions, &s_bob, keep, 2);
    assert_int_equal (covey_subscriptions_count (self->subscriptions), 1);
    covey_subscriptions_remove (self->subscriptions, &s_alice, 2);
    assert_string_equal (self->needs, "+E30 -E30 ");
}

static void
test_types_decide_and_none_means_all (void **state)
{
    fixture_t *self = *state;
    s_add (self, &s_alice, 1, COVEY_EVENT_MESSAGE_SENT, false);
    s_add (self, &s_alice, 2, COVEY_EVENT_BROADCAST, false);
    s_add (self, &s_bob, 4, 0, false);
    covey_parcel_t *message = support_parcel_message ("a", NULL);
    assert_int_equal (s_match (self, message, false), 5);
    assert_int_equal (s_match (self, message, true), 0);
    covey_parcel_drop (&message);
    assert_int_equal (covey_subscriptions_count (self->subscriptions), 3);
}

static void
test_needs_follow_the_first_and_the_last (void **state)
{
    fixture_t *self = *state;
    s_add (self, &s_alice, 1, 30, false);
    s_add (self, &s_bob, 1, 30, true);
    assert_string_equal (self->needs, "+E30 +T30 ");
    s_add (self, &s_alice, 1, 30, false); /* again: nothing flickers          */
    assert_string_equal (self->needs, "+E30 +T30 ");
    covey_subscriptions_remove_all (self->subscriptions, &s_bob);
    assert_string_equal (self->needs, "+E30 +T30 -T30 ");
    covey_subscriptions_remove (self->subscriptions, &s_alice, 9);
    covey_subscriptions_remove (self->subscriptions, &s_alice, 1);
    assert_string_equal (self->needs, "+E30 +T30 -T30 -E30 ");
    self->needs[0] = '\0';
    s_add (self, &s_bob, 7, 0, false);
    assert_string_equal (self->needs, "+E0 ");
    assert_int_equal (covey_subscriptions_count (self->subscriptions), 1);
}

static covey_parcel_t *
s_rich_event (void)
{
    covey_event_t *event = covey_event_new (COVEY_EVENT_MESSAGE_SENT);
    assert_non_null (event);
    assert_int_equal (covey_event_set_source (event, "alice"), COVEY_OK);
    assert_int_equal (covey_event_add_target (event, "bob"), COVEY_OK);
    assert_int_equal (covey_event_add_target (event, "carol"), COVEY_OK);
    assert_int_equal (covey_event_set_correlation_id (event, "corr"), COVEY_OK);
    assert_int_equal (covey_event_set_session_id (event, "sess"), COVEY_OK);
    assert_int_equal (covey_event_set_priority (event, COVEY_PRIORITY_HIGH),
                      COVEY_OK);
    assert_int_equal (covey_event_add_tag (event, "t1"), COVEY_OK);
    assert_int_equal (covey_event_add_tag (event, "t2"), COVEY_OK);
    assert_int_equal (covey_event_set_str (event, "messageId", "m"), COVEY_OK);
    assert_int_equal (
        covey_event_set_payload (event, "content", COVEY_CONTENT_TEXT, "x", 1),
        COVEY_OK);
    return support_parcel (event);
}

/*  One filter per row against the same event.                               */
static void
test_every_filter_matches_and_does_not (void **state)
{
    fixture_t *self = *state;
    static const struct {
        const char *field;
        const char *values[3];
        bool matches;
    } rows[] = {
        {"sources", {"alice", "zoe"}, true},
        {"sources", {"ali", "alicee"}, false},
        {"targets", {"zoe", "carol"}, true},
        {"targets", {"zoe"}, false},
        {"correlation_ids", {"corr"}, true},
        {"correlation_ids", {"cor"}, false},
        {"session_ids", {"a", "b", "sess"}, true},
        {"session_ids", {"session"}, false},
        {"tags", {"t1", "t2"}, true},
        {"tags", {"t1", "t3"}, false},
    };
    covey_parcel_t *parcel = s_rich_event ();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        Covey__Wire__Subscribe subscribe = COVEY__WIRE__SUBSCRIBE__INIT;
        subscribe.handle = 1;
        subscribe.observe = true;
        size_t count = 0;
        while (count < 3 && rows[i].values[count])
            count++;
        const ProtobufCFieldDescriptor *field =
            protobuf_c_message_descriptor_get_field_by_name (
                &covey__wire__subscribe__descriptor, rows[i].field);
        assert_non_null (field);
        *(size_t *)((char *)&subscribe + field->quantifier_offset) = count;
        *(const char *const **)((char *)&subscribe + field->offset) =
            rows[i].values;
        assert_int_equal (covey_subscriptions_add (self->subscriptions,
                                                   &s_alice, &subscribe, NULL),
                          COVEY_OK);
        if ((s_match (self, parcel, true) == 1) != rows[i].matches)
            fail_msg ("row %zu: %s", i, rows[i].field);
    }
    covey_parcel_drop (&parcel);
}

static void
test_priorities_filter (void **state)
{
    fixture_t *self = *state;
    uint32_t priorities[] = {COVEY_PRIORITY_LOW, COVEY_PRIORITY_HIGH,
                             COVEY_PRIORITY_CRITICAL};
    Covey__Wire__Subscribe subscribe = COVEY__WIRE__SUBSCRIBE__INIT;
    subscribe.handle = 1;
    subscribe.priorities = priorities;
    subscribe.n_priorities = 3;
    assert_int_equal (covey_subscriptions_add (self->subscriptions, &s_alice,
                                               &subscribe, NULL),
                      COVEY_OK);
    covey_parcel_t *high = s_rich_event ();
    covey_parcel_t *normal = support_parcel_message ("a", NULL);
    assert_int_equal (s_match (self, high, false), 1);
    assert_int_equal (s_match (self, normal, false), 0);
    covey_parcel_drop (&high);
    covey_parcel_drop (&normal);
}

static void
test_owner_sees_its_own_matches (void **state)
{
    fixture_t *self = *state;
    s_add (self, &s_alice, 1, COVEY_EVENT_MESSAGE_SENT, false);
    s_add (self, &s_alice, 2, COVEY_EVENT_BROADCAST, false);
    s_add (self, &s_bob, 4, COVEY_EVENT_MESSAGE_SENT, false);
    covey_parcel_t *message = support_parcel_message ("x", "alice");
    covey_subscriptions_match_owner (self->subscriptions, &s_alice,
                                     &message->view, s_on_match, self);
    assert_int_equal (self->matched, 1);
    covey_subscriptions_interested (
        self->subscriptions, COVEY_EVENT_MESSAGE_SENT, false, s_on_match, self);
    assert_int_equal (self->matched, 1 + 1 + 4);
    covey_parcel_drop (&message);
}

static void
test_bounds (void **state)
{
    fixture_t *self = *state;
    covey_errbuf_t err;
    Covey__Wire__Subscribe subscribe = COVEY__WIRE__SUBSCRIBE__INIT;
    uint32_t type = 0x10000, priority = 4;
    assert_int_equal (covey_subscriptions_add (self->subscriptions, &s_alice,
                                               &subscribe, &err),
                      COVEY_INVALID);
    subscribe.handle = 1;
    subscribe.types = &type;
    subscribe.n_types = 1;
    assert_int_equal (covey_subscriptions_add (self->subscriptions, &s_alice,
                                               &subscribe, &err),
                      COVEY_INVALID);
    subscribe.n_types = 0;
    subscribe.priorities = &priority;
    subscribe.n_priorities = 1;
    assert_int_equal (covey_subscriptions_add (self->subscriptions, &s_alice,
                                               &subscribe, &err),
                      COVEY_INVALID);
    subscribe.n_priorities = 0;
    char *tags[COVEY_LIST_MAX + 1];
    for (size_t i = 0; i <= COVEY_LIST_MAX; i++)
        tags[i] = (char *)"t";
    subscribe.tags = tags;
    subscribe.n_tags = COVEY_LIST_MAX + 1;
    assert_int_equal (covey_subscriptions_add (self->subscriptions, &s_alice,
                                               &subscribe, &err),
                      COVEY_LIMIT);
    assert_non_null (strstr (err.text, "tags"));
    subscribe.n_tags = COVEY_LIST_MAX;
    assert_int_equal (covey_subscriptions_add (self->subscriptions, &s_alice,
                                               &subscribe, &err),
                      COVEY_OK);
    for (uint32_t i = 2; i <= COVEY_SUBSCRIPTION_MAX; i++)
        s_add (self, &s_alice, i, 30, false);
    /* A session that resumes says again what it has. */
    s_add (self, &s_alice, COVEY_SUBSCRIPTION_MAX, 30, false);
    subscribe.handle = COVEY_SUBSCRIPTION_MAX + 1;
    assert_int_equal (covey_subscriptions_add (self->subscriptions, &s_alice,
                                               &subscribe, &err),
                      COVEY_LIMIT);
}

int
main (void)
{
#define CASE(name) cmocka_unit_test_setup_teardown (name, s_setup, s_teardown)
    const struct CMUnitTest tests[] = {
        CASE (test_all_but_some_are_removed),
        CASE (test_types_decide_and_none_means_all),
        CASE (test_needs_follow_the_first_and_the_last),
        CASE (test_every_filter_matches_and_does_not),
        CASE (test_priorities_filter),
        CASE (test_owner_sees_its_own_matches),
        CASE (test_bounds),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
