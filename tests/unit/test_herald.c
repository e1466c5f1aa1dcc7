#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "node/herald.h"

/*  Several heralds that see the same facts; what one announces the others hear
    in the same moment.                                                       */
#define HERALDS 4

typedef struct {
    covey_herald_t *heralds[HERALDS];
    bool deaf; /* announcements do not arrive                                 */
    int announced[HERALDS];
} world_t;

typedef struct {
    world_t *world;
    int index;
} seat_t;

static seat_t s_seats[HERALDS];
static covey_fact_t s_fact;

static void
s_on_announce (void *arg, covey_event_t **event_p)
{
    const seat_t *seat = arg;
    seat->world->announced[seat->index]++;
    covey_event_destroy (event_p);
    for (int i = 0; i < HERALDS && !seat->world->deaf; i++)
        if (i != seat->index && seat->world->heralds[i])
            covey_herald_heard (seat->world->heralds[i], &s_fact);
}

static int
s_setup (void **state)
{
    world_t *world = calloc (1, sizeof *world);
    for (int i = 0; i < HERALDS; i++) {
        s_seats[i] = (seat_t){.world = world, .index = i};
        world->heralds[i] = covey_herald_new (s_on_announce, &s_seats[i]);
    }
    s_fact = (covey_fact_t){.type = COVEY_EVENT_NODE_FAILED,
                            .epoch = 3,
                            .incarnation = 2,
                            .id = {7}};
    *state = world;
    return 0;
}

static int
s_teardown (void **state)
{
    world_t *world = *state;
    for (int i = 0; i < HERALDS; i++)
        covey_herald_destroy (&world->heralds[i]);
    free (world);
    return 0;
}

static void
s_note (world_t *world, int index, size_t turn, int64_t now_ms)
{
    covey_event_t *event = covey_event_new (COVEY_EVENT_NODE_FAILED);
    assert_non_null (event);
    covey_herald_note (world->heralds[index], &s_fact, &event, turn, now_ms);
    assert_null (event);
}

static void
s_tick (world_t *world, int64_t now_ms)
{
    for (int i = 0; i < HERALDS; i++)
        if (world->heralds[i])
            covey_herald_tick (world->heralds[i], now_ms);
}

static int
s_sum (const world_t *world)
{
    int sum = 0;
    for (int i = 0; i < HERALDS; i++)
        sum += world->announced[i];
    return sum;
}

static void
test_one_of_all_announces (void **state)
{
    world_t *world = *state;
    for (int i = HERALDS - 1; i >= 0; i--)
        s_note (world, i, (size_t)i, 1000);
    for (int64_t now_ms = 1000; now_ms < 10000; now_ms += 50)
        s_tick (world, now_ms);
    assert_int_equal (s_sum (world), 1);
    assert_int_equal (world->announced[0], 1);
    assert_int_equal (covey_herald_stats (world->heralds[3])->spared, 1);
    assert_int_equal (covey_herald_held (world->heralds[3]), 0);
}

static void
test_the_next_speaks_for_one_that_is_gone (void **state)
{
    world_t *world = *state;
    for (int i = 1; i < HERALDS; i++) /* the first in line died with it       */
        s_note (world, i, (size_t)i, 1000);
    assert_int_equal (s_sum (world), 0);
    s_tick (world, 1000 + COVEY_HERALD_TURN_MS - 1);
    assert_int_equal (s_sum (world), 0);
    s_tick (world, 1000 + COVEY_HERALD_TURN_MS);
    s_tick (world, 100000);
    assert_int_equal (s_sum (world), 1);
    assert_int_equal (world->announced[1], 1);
}

static void
test_who_learns_late_heard_it_already (void **state)
{
    world_t *world = *state;
    s_note (world, 1, 0, 1000);
    s_note (world, 0, 0, 1400);
    assert_int_equal (s_sum (world), 1);
    s_fact.incarnation++; /* that is another fact                             */
    s_note (world, 0, 0, 1500);
    assert_int_equal (world->announced[0], 1);
}

static void
test_without_any_word_of_others_all_announce (void **state)
{
    world_t *world = *state;
    world->deaf = true;
    for (int i = 0; i < HERALDS; i++)
        s_note (world, i, i == 3 ? 1000 : (size_t)i, 1000);
    s_tick (world,
            1000 + COVEY_HERALD_TURNS_MAX * (int64_t)COVEY_HERALD_TURN_MS);
    assert_int_equal (s_sum (world), HERALDS);
}

static void
test_what_does_not_fit_is_announced_early (void **state)
{
    world_t *world = *state;
    for (uint32_t i = 0; i <= COVEY_HERALD_HELD_MAX; i++) {
        s_fact.incarnation = i;
        s_note (world, 0, 1, 1000);
    }
    assert_int_equal (world->announced[0], 1);
    assert_int_equal (covey_herald_held (world->heralds[0]),
                      COVEY_HERALD_HELD_MAX);
}

static void
test_all_come_to_the_same_order_and_to_others_for_others (void **state)
{
    (void)state;
    int first[HERALDS] = {0};
    for (uint8_t about = 0; about < 64; about++) {
        uint8_t about_id[16] = {100, about}, id[16] = {0};
        int least = 0;
        uint64_t least_weight = UINT64_MAX;
        for (uint8_t i = 0; i < HERALDS; i++) {
            id[0] = i;
            uint64_t weight = covey_herald_weight (id, about_id);
            if (weight < least_weight) {
                least_weight = weight;
                least = i;
            }
        }
        first[least]++;
    }
    for (int i = 0; i < HERALDS; i++)
        assert_in_range (first[i], 4, 40);
}

int
main (void)
{
#define CASE(name) cmocka_unit_test_setup_teardown (name, s_setup, s_teardown)
    const struct CMUnitTest tests[] = {
        CASE (test_one_of_all_announces),
        CASE (test_the_next_speaks_for_one_that_is_gone),
        CASE (test_who_learns_late_heard_it_already),
        CASE (test_without_any_word_of_others_all_announce),
        CASE (test_what_does_not_fit_is_announced_early),
        CASE (test_all_come_to_the_same_order_and_to_others_for_others),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
