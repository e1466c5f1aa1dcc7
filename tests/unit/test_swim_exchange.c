/*  swim: what members tell each other besides gossip, leaving, and hints of the
    node around it                                                            */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "tests/support/support_swim.h"

/*  Node `from` asks `times` times whether we live; our last answer.         */
static const support_swim_sent_t *
s_pinged_by (support_swim_t *self, unsigned from, int times)
{
    covey_swim_message_t ping = support_swim_message (COVEY_SWIM_PING, from);
    support_swim_id (ping.target, 1);
    ping.digest = covey_swim_digest (self->swim);
    for (int i = 0; i < times; i++)
        support_swim_hear (self, &ping);
    return support_swim_find_sent (self, COVEY_SWIM_ACK);
}

static void
test_a_suspect_is_always_told_and_new_accusers_are_news (void **state)
{
    (void)state;
    support_swim_t *self = support_swim_new (NULL);
    for (unsigned i = 2; i <= 5; i++)
        support_swim_claim (self, i, COVEY_SWIM_ALIVE, 1, 1, 0);
    support_swim_claim (self, 2, COVEY_SWIM_SUSPECTED, 1, 1, 3);
    assert_int_equal (s_pinged_by (self, 5, 30)->count, 0); /* all is told */
    assert_int_equal (s_pinged_by (self, 2, 30)->count, 1);
    support_swim_claim (self, 2, COVEY_SWIM_SUSPECTED, 1, 1,
                        3); /* again: no news */
    assert_int_equal (s_pinged_by (self, 5, 1)->count, 0);
    support_swim_claim (self, 2, COVEY_SWIM_SUSPECTED, 1, 1, 4);
    const support_swim_sent_t *ack = s_pinged_by (self, 5, 1);
    assert_int_equal (ack->count, 1);
    assert_int_equal (ack->updates[0].accuser[15], 4);
    support_swim_free (self);
}

static void
test_failed_members_are_called_now_and_then (void **state)
{
    (void)state;
    support_swim_t *self = support_swim_new (NULL);
    support_swim_claim (self, 2, COVEY_SWIM_ALIVE, 1, 1, 0);
    support_swim_claim (self, 2, COVEY_SWIM_FAILED, 1, 1, 3);
    support_swim_run_to (self, self->now_ms + 60000);
    assert_in_range (support_swim_count_sent (self, COVEY_SWIM_SYNC), 4, 8);
    support_swim_run_to (self, self->now_ms + 24 * 3600 * 1000);
    assert_int_equal (covey_swim_count (self->swim), 0); /* forgotten */
    support_swim_free (self);
}

static void
test_different_digests_in_pings_lead_to_an_exchange (void **state)
{
    (void)state;
    support_swim_t *self = support_swim_new (NULL);
    support_swim_claim (self, 2, COVEY_SWIM_ALIVE, 1, 1, 0);
    covey_swim_message_t ping = support_swim_message (COVEY_SWIM_PING, 2);
    support_swim_id (ping.target, 1);
    for (int i = 0; i < 10; i++) {
        ping.digest = i % 3 == 2 ? covey_swim_digest (self->swim) : 1;
        support_swim_hear (self, &ping);
    }
    assert_null (support_swim_find_sent (self, COVEY_SWIM_SYNC));
    ping.digest = 1;
    for (int i = 0; i < COVEY_SWIM_STRANGERS_MAX; i++)
        support_swim_hear (self, &ping);
    assert_int_equal (support_swim_find_sent (self, COVEY_SWIM_SYNC)->to, 2);
    support_swim_free (self);
}

static void
test_a_large_state_comes_in_parts (void **state)
{
    (void)state;
    support_swim_t *self = support_swim_new (NULL);
    for (unsigned i = 0; i < 600; i++) {
        covey_swim_update_t update = {
            .epoch = 1, .incarnation = 1, .address = "a"};
        support_swim_id (update.id, 1000 + i);
        covey_swim_message_t message =
            support_swim_message (COVEY_SWIM_GOSSIP, 9);
        message.updates = &update;
        message.update_count = 1;
        support_swim_hear (self, &message);
    }
    covey_swim_message_t sync = support_swim_message (COVEY_SWIM_SYNC, 9);
    support_swim_hear (self, &sync);
    size_t total = 0, wants = 0;
    for (size_t i = 0; i < self->sent_count; i++) {
        if (self->sent[i].kind != COVEY_SWIM_STATE)
            continue;
        total += self->sent[i].count;
        wants += self->sent[i].want;
        assert_true (self->sent[i].count <= COVEY_SWIM_UPDATES_MAX);
    }
    assert_int_equal (total, 601); /* and ourselves */
    assert_int_equal (wants, 1);
    sync.digest = covey_swim_digest (self->swim);
    self->sent_count = 0;
    support_swim_hear (self, &sync);
    assert_null (support_swim_find_sent (self, COVEY_SWIM_STATE));
    assert_non_null (support_swim_find_sent (self, COVEY_SWIM_ACK));
    support_swim_free (self);
}

static void
test_who_leaves_says_so_and_stays_a_moment (void **state)
{
    (void)state;
    support_swim_t *self = support_swim_new (NULL);
    support_swim_claim (self, 2, COVEY_SWIM_ALIVE, 1, 1, 0);
    int64_t start_ms = self->now_ms;
    support_swim_step (self, (covey_swim_event_t){.kind = COVEY_SWIM_LEAVE});
    support_swim_run_to (self, start_ms + 999);
    assert_int_equal (self->left, 0);
    const support_swim_sent_t *gossip =
        support_swim_find_sent (self, COVEY_SWIM_GOSSIP);
    assert_int_equal (gossip->updates[0].id[15], 1);
    assert_int_equal (gossip->updates[0].state, COVEY_SWIM_LEFT);
    support_swim_run_to (self, start_ms + 1000);
    assert_int_equal (self->left, 1);
    covey_swim_event_t event = {.kind = COVEY_SWIM_LEAVE,
                                .now_ms = self->now_ms};
    assert_int_equal (covey_swim_step (self->swim, &event), COVEY_STATE);
    assert_int_equal (support_swim_count_sent (self, COVEY_SWIM_PING), 0);
    support_swim_free (self);
}

static void
test_a_doubted_member_is_probed_next (void **state)
{
    (void)state;
    for (unsigned doubted = 2; doubted <= 6; doubted++) {
        support_swim_t *self = support_swim_new (NULL);
        for (unsigned i = 2; i <= 6; i++)
            support_swim_claim (self, i, COVEY_SWIM_ALIVE, 1, 1, 0);
        uint8_t id[16];
        support_swim_id (id, doubted);
        support_swim_step (
            self, (covey_swim_event_t){.kind = COVEY_SWIM_DOUBT, .id = id});
        assert_int_equal (support_swim_until_probe (self), doubted);
        support_swim_free (self);
    }
}

static void
test_a_broken_connection_is_judged_in_half_the_time (void **state)
{
    (void)state;
    support_swim_t *self = support_swim_new (NULL);
    uint8_t id[16];
    support_swim_id (id, 4);
    for (unsigned i = 2; i <= 6; i++)
        support_swim_claim (self, i, COVEY_SWIM_ALIVE, 1, 1, 0);
    self->changes[0] = '\0';
    int64_t start_ms = self->now_ms;
    support_swim_step (
        self, (covey_swim_event_t){.kind = COVEY_SWIM_DOUBT, .id = id});
    assert_int_equal (support_swim_find_sent (self, COVEY_SWIM_PING)->to, 4);
    support_swim_run_to (self,
                         start_ms); /* others are asked in the same moment */
    assert_int_equal (support_swim_count_sent (self, COVEY_SWIM_PING_REQ), 3);
    support_swim_run_to (self, start_ms + 499);
    support_swim_expect (self, "");
    support_swim_run_to (self, start_ms + 500);
    assert_memory_equal (self->changes, "4 suspected by 1", 16);
    support_swim_free (self);
}

static void
test_what_a_node_says_of_itself_is_followed (void **state)
{
    (void)state;
    support_swim_t *self = support_swim_new (NULL);
    covey_swim_update_t claim = {.epoch = 5, .incarnation = 1, .address = "a4"};
    covey_swim_event_t said = {.kind = COVEY_SWIM_CLAIM, .claim = &claim};
    covey_swim_event_t tell = {.kind = COVEY_SWIM_TELL, .id = claim.id};
    support_swim_id (claim.id, 4);
    support_swim_step (self, said);
    support_swim_expect (self, "4 joined; ");
    support_swim_claim (self, 4, COVEY_SWIM_FAILED, 5, 1, 9);
    self->changes[0] = '\0';
    support_swim_step (self,
                       said); /* no refutation: it did not hear of it yet */
    support_swim_expect (self, "");
    support_swim_step (self, tell);
    const support_swim_sent_t *ping =
        support_swim_find_sent (self, COVEY_SWIM_PING);
    assert_int_equal (ping->to, 4);
    assert_int_equal (ping->updates[0].state, COVEY_SWIM_FAILED);
    claim.incarnation = 2;
    support_swim_step (self, said);
    support_swim_expect (self, "4 recovered; ");
    support_swim_step (self, (covey_swim_event_t){.kind = COVEY_SWIM_EXCHANGE,
                                                  .id = claim.id});
    assert_int_equal (support_swim_find_sent (self, COVEY_SWIM_SYNC)->to, 4);
    claim.state = COVEY_SWIM_LEFT;
    support_swim_step (self, said);
    support_swim_expect (self, "4 left; ");
    support_swim_free (self);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (
            test_a_suspect_is_always_told_and_new_accusers_are_news),
        cmocka_unit_test (test_failed_members_are_called_now_and_then),
        cmocka_unit_test (test_different_digests_in_pings_lead_to_an_exchange),
        cmocka_unit_test (test_a_large_state_comes_in_parts),
        cmocka_unit_test (test_who_leaves_says_so_and_stays_a_moment),
        cmocka_unit_test (test_a_doubted_member_is_probed_next),
        cmocka_unit_test (test_a_broken_connection_is_judged_in_half_the_time),
        cmocka_unit_test (test_what_a_node_says_of_itself_is_followed),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
