/*  swim: claims, probes, refutations, bounds                                */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "tests/support/support_swim.h"

/*  Every cell of the table in swim.h: from each state, each claim, older, equal
    and newer. "-": nothing is told.                                          */
static void
test_each_claim_in_each_state (void **state)
{
    (void)state;
    static const struct {
        covey_swim_state_t from; /* at incarnation 5 */
        covey_swim_state_t claim;
        const char *at[3]; /* incarnation 4, 5, 6 */
    } cells[] = {
        {COVEY_SWIM_ALIVE, COVEY_SWIM_ALIVE, {"", "", ""}},
        {COVEY_SWIM_ALIVE,
         COVEY_SWIM_SUSPECTED,
         {"", "2 suspected by 4 at 0; ", "2 suspected by 4 at 0; "}},
        {COVEY_SWIM_ALIVE,
         COVEY_SWIM_FAILED,
         {"", "2 failed by 4 at 0; ", "2 failed by 4 at 0; "}},
        {COVEY_SWIM_ALIVE,
         COVEY_SWIM_LEFT,
         {"2 left; ", "2 left; ", "2 left; "}},
        {COVEY_SWIM_SUSPECTED, COVEY_SWIM_ALIVE, {"", "", "2 recovered; "}},
        {COVEY_SWIM_SUSPECTED, COVEY_SWIM_SUSPECTED, {"", "", ""}},
        {COVEY_SWIM_SUSPECTED,
         COVEY_SWIM_FAILED,
         {"", "2 failed by 4 at 0; ", "2 failed by 4 at 0; "}},
        {COVEY_SWIM_SUSPECTED,
         COVEY_SWIM_LEFT,
         {"2 left; ", "2 left; ", "2 left; "}},
        {COVEY_SWIM_FAILED, COVEY_SWIM_ALIVE, {"", "", "2 recovered; "}},
        {COVEY_SWIM_FAILED, COVEY_SWIM_SUSPECTED, {"", "", ""}},
        {COVEY_SWIM_FAILED, COVEY_SWIM_FAILED, {"", "", ""}},
        {COVEY_SWIM_FAILED,
         COVEY_SWIM_LEFT,
         {"2 left; ", "2 left; ", "2 left; "}},
        {COVEY_SWIM_LEFT, COVEY_SWIM_ALIVE, {"", "", ""}},
        {COVEY_SWIM_LEFT, COVEY_SWIM_SUSPECTED, {"", "", ""}},
        {COVEY_SWIM_LEFT, COVEY_SWIM_FAILED, {"", "", ""}},
        {COVEY_SWIM_LEFT, COVEY_SWIM_LEFT, {"", "", ""}},
    };
    for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++)
        for (uint32_t newer = 0; newer < 3; newer++) {
            support_swim_t *self = support_swim_new (NULL);
            support_swim_claim (self, 2, COVEY_SWIM_ALIVE, 1, 5, 0);
            support_swim_claim (self, 2, cells[i].from, 1, 5, 3);
            self->changes[0] = '\0';
            support_swim_claim (self, 2, cells[i].claim, 1, 4 + newer, 4);
            support_swim_expect (self, cells[i].at[newer]);
            /* a later life always counts, an older one never */
            const uint8_t *id = covey_swim_at (self->swim, 0)->id;
            bool lived =
                covey_swim_find (self->swim, id)->state <= COVEY_SWIM_SUSPECTED;
            support_swim_claim (self, 2, COVEY_SWIM_ALIVE, 2, 1, 0);
            support_swim_expect (self, lived ? "2 failed by 0 at 0; 2 joined; "
                                             : "2 joined; ");
            support_swim_claim (self, 2, COVEY_SWIM_FAILED, 1, 99, 4);
            support_swim_expect (self, "");
            support_swim_free (self);
        }
}

static void
test_a_memory_of_the_gone_is_no_news_but_keeps_old_claims_out (void **state)
{
    (void)state;
    support_swim_t *self = support_swim_new (NULL);
    support_swim_claim (self, 2, COVEY_SWIM_LEFT, 1, 3, 0);
    support_swim_claim (self, 3, COVEY_SWIM_FAILED, 1, 3, 4);
    support_swim_claim (self, 2, COVEY_SWIM_ALIVE, 1, 9, 0);
    support_swim_claim (self, 3, COVEY_SWIM_ALIVE, 1, 3, 0);
    support_swim_expect (self, "");
    assert_int_equal (covey_swim_live (self->swim), 0);
    support_swim_claim (self, 3, COVEY_SWIM_ALIVE, 1, 4, 0);
    support_swim_expect (self, "3 recovered; ");
    support_swim_free (self);
}

static void
test_we_refute_what_is_said_of_us (void **state)
{
    (void)state;
    support_swim_t *self = support_swim_new (NULL);
    support_swim_claim (self, 2, COVEY_SWIM_ALIVE, 1, 1, 0);
    support_swim_claim (self, 1, COVEY_SWIM_SUSPECTED, 10, 1, 2);
    assert_int_equal (covey_swim_incarnation (self->swim), 2);
    assert_int_equal (covey_swim_health (self->swim), 1);
    support_swim_claim (self, 1, COVEY_SWIM_FAILED, 10, 7, 2);
    assert_int_equal (covey_swim_incarnation (self->swim), 8);
    /* already refuted, an old life, a lie, and one that has no answer */
    support_swim_claim (self, 1, COVEY_SWIM_SUSPECTED, 10, 7, 2);
    support_swim_claim (self, 1, COVEY_SWIM_FAILED, 9, 50, 2);
    support_swim_claim (self, 1, COVEY_SWIM_LEFT, 10, 50, 0);
    support_swim_claim (self, 1, COVEY_SWIM_FAILED, 10, UINT32_MAX, 2);
    support_swim_claim (self, 1, COVEY_SWIM_ALIVE, 11, 1, 0);
    assert_int_equal (covey_swim_incarnation (self->swim), 8);
    assert_int_equal (covey_swim_stats (self->swim)->refutations, 2);
    assert_int_equal (covey_swim_stats (self->swim)->invalid, 3);
    /* whoever pings us hears it */
    covey_swim_message_t ping = support_swim_message (COVEY_SWIM_PING, 2);
    support_swim_id (ping.target, 1);
    ping.seq = 77;
    support_swim_hear (self, &ping);
    const support_swim_sent_t *ack =
        support_swim_find_sent (self, COVEY_SWIM_ACK);
    assert_int_equal (ack->seq, 77);
    assert_int_equal (ack->updates[0].incarnation, 8);
    support_swim_expect (self, "2 joined; ");
    support_swim_free (self);
}

static void
test_a_silent_member_is_asked_through_three_others_then_suspected (void **state)
{
    (void)state;
    support_swim_t *self = support_swim_new (NULL);
    unsigned target = support_swim_until_probe (self);
    int64_t start_ms = self->now_ms;
    support_swim_run_to (self, start_ms + 499);
    assert_int_equal (support_swim_count_sent (self, COVEY_SWIM_PING_REQ), 0);
    support_swim_run_to (self, start_ms + 500);
    assert_int_equal (support_swim_count_sent (self, COVEY_SWIM_PING_REQ), 3);
    assert_int_equal (support_swim_count_sent (self, COVEY_SWIM_PING), 2);
    assert_true (support_swim_find_sent (self, COVEY_SWIM_PING_REQ)->nack);
    /* two of three helpers say nack: one is missing, so our health is 1 */
    uint32_t seq = support_swim_find_sent (self, COVEY_SWIM_PING)->seq;
    unsigned said = 0;
    for (size_t i = 0; i < self->sent_count && said < 2; i++) {
        if (self->sent[i].kind != COVEY_SWIM_PING_REQ)
            continue;
        covey_swim_message_t nack =
            support_swim_message (COVEY_SWIM_NACK, self->sent[i].to);
        nack.seq = seq;
        support_swim_hear (self, &nack);
        support_swim_hear (self, &nack); /* counts once */
        said++;
    }
    support_swim_run_to (self, start_ms + 999);
    support_swim_expect (self, "");
    support_swim_run_to (self, start_ms + 1000);
    char expected[40];
    snprintf (expected, sizeof expected, "%u suspected by 1 at 1; ", target);
    support_swim_expect (self, expected);
    assert_int_equal (covey_swim_health (self->swim), 1);
    /* two others agree: 3 s after the accusation it counts as failed */
    support_swim_claim (self, target, COVEY_SWIM_SUSPECTED, 1, 1, 7);
    support_swim_claim (self, target, COVEY_SWIM_SUSPECTED, 1, 1, 8);
    support_swim_expect (self, "");
    while (!self->changes[0] && self->now_ms < start_ms + 20000) {
        support_swim_run_to (self, self->now_ms + 1);
        const support_swim_sent_t *ping =
            support_swim_find_sent (self, COVEY_SWIM_PING);
        covey_swim_message_t ack =
            support_swim_message (COVEY_SWIM_ACK, ping->to);
        ack.seq = ping->seq;
        support_swim_id (ack.target, ping->to);
        if (ping->to != target)
            support_swim_hear (self, &ack);
    }
    assert_int_equal (self->now_ms, start_ms + 1000 + 3000);
    snprintf (expected, sizeof expected, "%u failed by 1 at", target);
    assert_memory_equal (self->changes, expected, strlen (expected));
    support_swim_free (self);
}

static void
test_an_ack_even_through_others_ends_the_probe (void **state)
{
    (void)state;
    for (int way = 0; way < 3; way++) {
        support_swim_t *self = support_swim_new (NULL);
        unsigned target = support_swim_until_probe (self);
        int64_t start_ms = self->now_ms;
        support_swim_run_to (self, start_ms + 700);
        uint8_t id[16];
        support_swim_id (id, target);
        covey_swim_message_t ack =
            support_swim_message (COVEY_SWIM_ACK, way == 0 ? target : 9);
        ack.seq = support_swim_find_sent (self, COVEY_SWIM_PING)->seq;
        support_swim_id (ack.target, target);
        if (way < 2)
            support_swim_hear (self, &ack);
        else
            support_swim_step (
                self, (covey_swim_event_t){.kind = COVEY_SWIM_HEARD, .id = id});
        support_swim_run_to (self, start_ms + 1100);
        support_swim_expect (self, "");
        support_swim_free (self);
    }
}

static void
test_a_probe_for_another_is_answered_with_ack_or_nack (void **state)
{
    (void)state;
    support_swim_t *self = support_swim_new (NULL);
    support_swim_claim (self, 2, COVEY_SWIM_ALIVE, 1, 1, 0);
    support_swim_claim (self, 3, COVEY_SWIM_ALIVE, 1, 1, 0);
    covey_swim_message_t request =
        support_swim_message (COVEY_SWIM_PING_REQ, 2);
    request.seq = 42;
    request.nack = true;
    support_swim_id (request.target, 3);
    support_swim_hear (self, &request);
    const support_swim_sent_t *ping =
        support_swim_find_sent (self, COVEY_SWIM_PING);
    assert_int_equal (ping->to, 3);
    covey_swim_message_t ack = support_swim_message (COVEY_SWIM_ACK, 3);
    ack.seq = ping->seq;
    support_swim_id (ack.target, 3);
    support_swim_hear (self, &ack);
    assert_int_equal (support_swim_find_sent (self, COVEY_SWIM_ACK)->to, 2);
    assert_int_equal (support_swim_find_sent (self, COVEY_SWIM_ACK)->seq, 42);
    int64_t asked_ms = self->now_ms;
    support_swim_hear (self, &request);
    support_swim_run_to (self, asked_ms + 399);
    assert_null (support_swim_find_sent (self, COVEY_SWIM_NACK));
    support_swim_run_to (self, asked_ms + 400);
    assert_int_equal (support_swim_find_sent (self, COVEY_SWIM_NACK)->to, 2);
    assert_int_equal (support_swim_find_sent (self, COVEY_SWIM_NACK)->seq, 42);
    support_swim_id (request.target, 8); /* never heard of */
    request.seq = 43;
    support_swim_hear (self, &request);
    assert_int_equal (support_swim_find_sent (self, COVEY_SWIM_NACK)->seq, 43);
    /* a flood of them takes the place of older ones, no more */
    support_swim_id (request.target, 3);
    for (int i = 0; i < 3 * COVEY_SWIM_RELAYS_MAX; i++)
        support_swim_hear (self, &request);
    size_t before = support_swim_count_sent (self, COVEY_SWIM_NACK);
    support_swim_run_to (self, self->now_ms + 450);
    assert_int_equal (support_swim_count_sent (self, COVEY_SWIM_NACK) - before,
                      COVEY_SWIM_RELAYS_MAX);
    support_swim_free (self);
}

static void
s_without_lifeguard (covey_swim_config_t *config)
{
    config->lifeguard = false;
}

static void
test_who_slept_doubts_itself_first (void **state)
{
    (void)state;
    for (int guarded = 0; guarded < 2; guarded++) {
        support_swim_t *self =
            support_swim_new (guarded ? NULL : s_without_lifeguard);
        support_swim_until_probe (self);
        self->now_ms += 5000; /* the ack waits to be read */
        support_swim_step (self, (covey_swim_event_t){.kind = COVEY_SWIM_TICK});
        assert_int_equal (self->changes[0] != '\0', !guarded);
        assert_int_equal (covey_swim_health (self->swim), guarded);
        assert_int_equal (covey_swim_stats (self->swim)->slept, guarded);
        support_swim_free (self);
    }
}

static void
test_health_stretches_the_probes_within_its_bounds (void **state)
{
    (void)state;
    support_swim_t *self = support_swim_new (NULL);
    for (uint32_t i = 1; i < 20; i++)
        support_swim_claim (self, 1, COVEY_SWIM_SUSPECTED, 10, i, 2);
    assert_int_equal (covey_swim_health (self->swim), 7);
    support_swim_until_probe (self);
    int64_t start_ms = self->now_ms;
    support_swim_run_to (self, start_ms + 8 * 500 - 1);
    assert_int_equal (support_swim_count_sent (self, COVEY_SWIM_PING_REQ), 0);
    support_swim_run_to (self, start_ms + 8 * 500);
    assert_int_equal (support_swim_count_sent (self, COVEY_SWIM_PING_REQ), 3);
    support_swim_free (self);
}

static void
test_another_mesh_is_refused_with_a_reason (void **state)
{
    (void)state;
    support_swim_t *self = support_swim_new (NULL);
    covey_swim_message_t sync = support_swim_message (COVEY_SWIM_SYNC, 2);
    sync.mesh = 1;
    covey_swim_event_t event = {
        .kind = COVEY_SWIM_MESSAGE, .now_ms = self->now_ms, .message = &sync};
    assert_int_equal (covey_swim_step (self->swim, &event), COVEY_DENIED);
    assert_non_null (support_swim_find_sent (self, COVEY_SWIM_REFUSE));
    assert_int_equal (covey_swim_stats (self->swim)->foreign, 1);
    /* and the other way round */
    support_swim_step (
        self, (covey_swim_event_t){.kind = COVEY_SWIM_JOIN, .address = "a5"});
    support_swim_run_to (self, self->now_ms);
    covey_swim_message_t refuse = support_swim_message (COVEY_SWIM_REFUSE, 5);
    refuse.seq = support_swim_find_sent (self, COVEY_SWIM_SYNC)->seq;
    refuse.mesh = 1;
    refuse.text = "no";
    support_swim_hear (self, &refuse);
    assert_string_equal (self->refusal, "a5: no");
    support_swim_free (self);
}

static void
test_seeds_are_retried_with_growing_pauses_hints_given_up (void **state)
{
    (void)state;
    support_swim_t *self = support_swim_new (NULL);
    support_swim_step (
        self, (covey_swim_event_t){.kind = COVEY_SWIM_HINT, .address = "a6"});
    support_swim_run_to (self, 3600 * 1000);
    assert_int_equal (support_swim_count_sent (self, COVEY_SWIM_SYNC),
                      COVEY_SWIM_HINT_TRIES);
    self->sent_count = 0;
    support_swim_step (
        self, (covey_swim_event_t){.kind = COVEY_SWIM_JOIN, .address = "a5"});
    support_swim_run_to (self, self->now_ms + 3600 * 1000);
    assert_in_range (support_swim_count_sent (self, COVEY_SWIM_SYNC), 100, 170);
    /* its answer brings the members, and peace */
    covey_swim_update_t update = {.epoch = 1, .incarnation = 1, .address = "x"};
    support_swim_id (update.id, 5);
    covey_swim_message_t reply = support_swim_message (COVEY_SWIM_STATE, 5);
    reply.seq = support_swim_find_sent (self, COVEY_SWIM_SYNC)->seq;
    reply.want = true;
    reply.updates = &update;
    reply.update_count = 1;
    support_swim_hear (self, &reply);
    support_swim_expect (self, "5 joined; ");
    assert_int_equal (support_swim_find_sent (self, COVEY_SWIM_STATE)->to, 5);
    char address[COVEY_SWIM_ADDRESS_MAX + 2];
    memset (address, 'a', sizeof address);
    address[COVEY_SWIM_ADDRESS_MAX + 1] = '\0';
    covey_swim_event_t event = {
        .kind = COVEY_SWIM_JOIN, .now_ms = self->now_ms, .address = address};
    assert_int_equal (covey_swim_step (self->swim, &event), COVEY_INVALID);
    event.address = address + 240;
    for (int i = 0; i < COVEY_SWIM_SEEDS_MAX - 1; i++) {
        assert_int_equal (covey_swim_step (self->swim, &event), COVEY_OK);
        event.address++;
        if (!*event.address)
            break;
    }
    support_swim_free (self);
}

static void
s_with_room_for_four (covey_swim_config_t *config)
{
    config->members_max = 4;
}

static void
test_the_table_is_bounded_and_the_gone_make_room (void **state)
{
    (void)state;
    support_swim_t *self = support_swim_new (s_with_room_for_four);
    for (unsigned i = 2; i <= 6; i++)
        support_swim_claim (self, i, COVEY_SWIM_ALIVE, 1, 1, 0);
    support_swim_expect (self, "2 joined; 3 joined; 4 joined; 5 joined; ");
    assert_int_equal (covey_swim_stats (self->swim)->refused, 1);
    support_swim_claim (self, 3, COVEY_SWIM_LEFT, 1, 1, 0);
    support_swim_claim (self, 6, COVEY_SWIM_ALIVE, 1, 1, 0);
    support_swim_expect (self, "3 left; 6 joined; ");
    assert_int_equal (covey_swim_count (self->swim), 4);
    support_swim_free (self);
}

static void
test_hearsay_of_failure_is_only_doubt (void **state)
{
    (void)state;
    support_swim_t *self = support_swim_new (NULL);
    support_swim_claim (self, 2, COVEY_SWIM_ALIVE, 1, 1, 0);
    covey_swim_update_t update = {
        .epoch = 1, .incarnation = 1, .state = COVEY_SWIM_FAILED};
    support_swim_id (update.id, 2);
    covey_swim_message_t full = support_swim_message (COVEY_SWIM_STATE, 9);
    full.updates = &update;
    full.update_count = 1;
    support_swim_hear (self, &full);
    support_swim_expect (self, "2 joined; 2 suspected by 9 at 0; ");
    /* the buddy system: what we send it begins with that */
    covey_swim_message_t ping = support_swim_message (COVEY_SWIM_PING, 2);
    support_swim_id (ping.target, 1);
    support_swim_hear (self, &ping);
    const support_swim_sent_t *ack =
        support_swim_find_sent (self, COVEY_SWIM_ACK);
    assert_int_equal (ack->updates[0].id[15], 2);
    assert_int_equal (ack->updates[0].state, COVEY_SWIM_SUSPECTED);
    support_swim_free (self);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_each_claim_in_each_state),
        cmocka_unit_test (
            test_a_memory_of_the_gone_is_no_news_but_keeps_old_claims_out),
        cmocka_unit_test (test_we_refute_what_is_said_of_us),
        cmocka_unit_test (
            test_a_silent_member_is_asked_through_three_others_then_suspected),
        cmocka_unit_test (test_an_ack_even_through_others_ends_the_probe),
        cmocka_unit_test (
            test_a_probe_for_another_is_answered_with_ack_or_nack),
        cmocka_unit_test (test_who_slept_doubts_itself_first),
        cmocka_unit_test (test_health_stretches_the_probes_within_its_bounds),
        cmocka_unit_test (test_another_mesh_is_refused_with_a_reason),
        cmocka_unit_test (
            test_seeds_are_retried_with_growing_pauses_hints_given_up),
        cmocka_unit_test (test_the_table_is_bounded_and_the_gone_make_room),
        cmocka_unit_test (test_hearsay_of_failure_is_only_doubt),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
