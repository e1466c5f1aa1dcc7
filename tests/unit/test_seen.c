#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "api/seen.h"
#include "base/prng.h"

static void
s_id (uint8_t id[16], uint64_t number)
{
    memset (id, 0, 16);
    memcpy (id, &number, sizeof number);
}

static void
id_among_the_last_ones_is_noticed (void **state)
{
    (void)state;
    covey_seen_t seen;
    covey_seen_init (&seen);
    uint8_t id[16];
    for (uint64_t i = 0; i < COVEY_SEEN_MAX; i++) {
        s_id (id, i);
        assert_true (covey_seen_add (&seen, id));
    }
    for (uint64_t i = 0; i < COVEY_SEEN_MAX; i++) {
        s_id (id, i);
        assert_false (covey_seen_add (&seen, id));
    }
}

static void
oldest_id_makes_room_for_the_newest (void **state)
{
    (void)state;
    covey_seen_t seen;
    covey_seen_init (&seen);
    uint8_t id[16];
    for (uint64_t i = 0; i <= COVEY_SEEN_MAX; i++) {
        s_id (id, i);
        assert_true (covey_seen_add (&seen, id));
    }
    s_id (id, 1);
    assert_false (covey_seen_add (&seen, id));
    s_id (id, 0);
    assert_true (covey_seen_add (&seen, id));
}

/*  Against the obvious implementation, with ids that come again often.       */
static void
behaves_like_a_list_of_the_last_ids (void **state)
{
    (void)state;
    covey_seen_t seen;
    covey_seen_init (&seen);
    covey_prng_t prng;
    covey_prng_init (&prng, 7);
    uint64_t *last = calloc (COVEY_SEEN_MAX, sizeof *last);
    assert_non_null (last);
    size_t count = 0, next = 0;
    for (int round = 0; round < 50000; round++) {
        uint64_t number = 1 + covey_prng_below (&prng, 3000);
        bool is_known = false;
        for (size_t i = 0; i < count && !is_known; i++)
            is_known = last[i] == number;
        uint8_t id[16];
        s_id (id, number);
        assert_int_equal (covey_seen_add (&seen, id), !is_known);
        if (is_known)
            continue;
        last[next] = number;
        next = (next + 1) % COVEY_SEEN_MAX;
        if (count < COVEY_SEEN_MAX)
            count++;
    }
    free (last);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (id_among_the_last_ones_is_noticed),
        cmocka_unit_test (oldest_id_makes_room_for_the_newest),
        cmocka_unit_test (behaves_like_a_list_of_the_last_ids),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
