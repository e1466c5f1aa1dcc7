/*  caretaker: who is added, promoted and removed, and who never is           */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "coordinator/caretaker.h"

typedef struct {
    covey_caretaker_t core;
    covey_caretaker_member_t members[COVEY_REPLOG_MEMBERS_MAX];
    covey_caretaker_spare_t spares[4];
    covey_caretaker_view_t view;
    covey_caretaker_step_t step;
} fixture_t;

static covey_id_t
s_node (uint8_t number)
{
    covey_id_t id = {{0}};
    id.bytes[15] = number;
    return id;
}

static void
s_member (fixture_t *self, uint8_t node, uint64_t member_id,
          covey_replog_role_t role, int64_t silent_ms)
{
    self->members[self->view.member_count++] =
        (covey_caretaker_member_t){.member_id = member_id,
                                   .node_id = s_node (node),
                                   .role = role,
                                   .match = 1000,
                                   .silent_ms = silent_ms,
                                   .is_self = node == 1};
}

static void
s_spare (fixture_t *self, uint8_t node, uint64_t member_id)
{
    self->spares[self->view.spare_count++] = (covey_caretaker_spare_t){
        .member_id = member_id, .node_id = s_node (node)};
}

/*  `voters` voters on nodes 1, 2, ..., members 11, 12, ...                   */
static void
s_begin (fixture_t *self, uint8_t voters)
{
    memset (self, 0, sizeof *self);
    covey_caretaker_init (&self->core);
    self->view = (covey_caretaker_view_t){.members = self->members,
                                          .spares = self->spares,
                                          .last_index = 1000,
                                          .alive_ms = 2000,
                                          .replace_ms = 300000};
    for (uint8_t i = 1; i <= voters; i++)
        s_member (self, i, 10 + i, COVEY_REPLOG_VOTER, 0);
}

static covey_caretaker_act_t
s_next (fixture_t *self)
{
    covey_caretaker_next (&self->core, &self->view, &self->step);
    return self->step.act;
}

static void
test_spares_are_left_alone_while_all_are_there (void **state)
{
    (void)state;
    fixture_t self;
    for (uint8_t voters = 1; voters <= 5; voters++) {
        s_begin (&self, voters);
        s_spare (&self, 9, 99);
        assert_int_equal (s_next (&self), COVEY_CARETAKER_REST);
    }
}

static void
test_a_learner_that_has_caught_up_votes (void **state)
{
    (void)state;
    fixture_t self;
    s_begin (&self, 1);
    s_member (&self, 2, 12, COVEY_REPLOG_SPARE, 0);
    self.members[1].match = 1000 - COVEY_CARETAKER_CAUGHT_UP - 1;
    assert_int_equal (s_next (&self), COVEY_CARETAKER_REST);
    self.members[1].match++;
    assert_int_equal (s_next (&self), COVEY_CARETAKER_PROMOTE);
    assert_int_equal (self.step.member_id, 12);
    self.members[1].silent_ms = 2000; /* but not one that is away             */
    assert_int_equal (s_next (&self), COVEY_CARETAKER_REST);
}

static void
test_a_lost_voter_is_replaced_by_adding_first (void **state)
{
    (void)state;
    fixture_t self;
    s_begin (&self, 3);
    s_spare (&self, 9, 99);
    self.members[2].silent_ms = 299999;
    assert_int_equal (s_next (&self), COVEY_CARETAKER_REST);
    self.members[2].silent_ms++;
    assert_int_equal (s_next (&self), COVEY_CARETAKER_ADD);
    assert_int_equal (self.step.member_id, 99);
    /* It is a learner then, and nobody else is added. */
    self.view.spare_count = 0;
    s_member (&self, 9, 99, COVEY_REPLOG_SPARE, 0);
    s_spare (&self, 8, 88);
    self.members[3].match = 0;
    assert_int_equal (s_next (&self), COVEY_CARETAKER_REST);
    self.members[3].match = 1000;
    assert_int_equal (s_next (&self), COVEY_CARETAKER_PROMOTE);
    /* Four voters, one lost: it goes. A new leader sees the same. */
    self.members[3].role = COVEY_REPLOG_VOTER;
    covey_caretaker_init (&self.core);
    assert_int_equal (s_next (&self), COVEY_CARETAKER_REMOVE);
    assert_int_equal (self.step.member_id, 13);
}

static void
test_nobody_is_replaced_when_that_is_off_or_nobody_stands_by (void **state)
{
    (void)state;
    fixture_t self;
    s_begin (&self, 3);
    self.members[2].silent_ms = 400000;
    assert_int_equal (s_next (&self), COVEY_CARETAKER_REST);
    s_spare (&self, 9, 99);
    self.view.replace_ms = 0;
    assert_int_equal (s_next (&self), COVEY_CARETAKER_REST);
}

static void
test_who_came_back_without_its_log_is_replaced_by_itself (void **state)
{
    (void)state;
    fixture_t self;
    s_begin (&self, 3);
    self.members[2].silent_ms = 5000;
    s_spare (&self, 3, 77); /* on the node of member 13                       */
    assert_int_equal (s_next (&self), COVEY_CARETAKER_REMOVE);
    assert_int_equal (self.step.member_id, 13);
    assert_int_equal (s_next (&self), COVEY_CARETAKER_REMOVE);
    self.view.member_count = 2;
    assert_int_equal (s_next (&self), COVEY_CARETAKER_ADD);
    assert_int_equal (self.step.member_id, 77);
    /* Said once: what an operator removes then stays out. */
    assert_int_equal (s_next (&self), COVEY_CARETAKER_REST);
}

static void
test_nobody_is_removed_below_a_live_majority (void **state)
{
    (void)state;
    fixture_t self;
    covey_errbuf_t err;
    s_begin (&self, 1);
    assert_int_equal (covey_caretaker_may_remove (&self.view, 11, &err),
                      COVEY_STATE);
    assert_non_null (strstr (err.text, "only voter"));
    assert_int_equal (covey_caretaker_may_remove (&self.view, 5, &err),
                      COVEY_NOTFOUND);
    s_begin (&self, 3);
    assert_int_equal (covey_caretaker_may_remove (&self.view, 11, &err),
                      COVEY_OK);
    self.members[1].silent_ms = 2000;
    assert_int_equal (covey_caretaker_may_remove (&self.view, 13, &err),
                      COVEY_STATE);
    assert_non_null (strstr (err.text, "1 of the 2"));
    assert_int_equal (covey_caretaker_may_remove (&self.view, 12, &err),
                      COVEY_OK);
    /* Four voters, two of them lost: none of those may go, either. */
    s_begin (&self, 4);
    self.members[2].silent_ms = self.members[3].silent_ms = 400000;
    assert_int_equal (s_next (&self), COVEY_CARETAKER_REMOVE);
    self.members[1].silent_ms = 400000;
    assert_int_equal (s_next (&self), COVEY_CARETAKER_REST);
}

static void
test_a_learner_that_is_lost_goes (void **state)
{
    (void)state;
    fixture_t self;
    s_begin (&self, 3);
    s_member (&self, 4, 14, COVEY_REPLOG_SPARE, 300000);
    assert_int_equal (s_next (&self), COVEY_CARETAKER_REMOVE);
    assert_int_equal (self.step.member_id, 14);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_spares_are_left_alone_while_all_are_there),
        cmocka_unit_test (test_a_learner_that_has_caught_up_votes),
        cmocka_unit_test (test_a_lost_voter_is_replaced_by_adding_first),
        cmocka_unit_test (
            test_nobody_is_replaced_when_that_is_off_or_nobody_stands_by),
        cmocka_unit_test (
            test_who_came_back_without_its_log_is_replaced_by_itself),
        cmocka_unit_test (test_nobody_is_removed_below_a_live_majority),
        cmocka_unit_test (test_a_learner_that_is_lost_goes),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
