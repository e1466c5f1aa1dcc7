/*  The containers of node/ against simple models.                           */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/prng.h"
#include "base/table.h"
#include "node/fifo.h"
#include "node/parcel.h"
#include "tests/support/support_parcel.h"

static void
test_fifo_keeps_order_while_it_grows_and_wraps (void **state)
{
    (void)state;
    covey_fifo_t fifo;
    covey_fifo_init (&fifo, sizeof (uint64_t));
    covey_prng_t prng;
    covey_prng_init (&prng, 1);
    uint64_t in = 0, out = 0;
    for (int i = 0; i < 200000; i++) {
        if (covey_prng_below (&prng, 100) < (i < 100000 ? 60 : 45)) {
            uint64_t *item = covey_fifo_push (&fifo);
            assert_int_equal (*item, 0);
            *item = in++;
        } else if (fifo.count) {
            assert_int_equal (*(uint64_t *)covey_fifo_at (&fifo, 0), out);
            covey_fifo_pop (&fifo);
            out++;
        }
        assert_int_equal (fifo.count, in - out);
        if (fifo.count)
            assert_int_equal (
                *(uint64_t *)covey_fifo_at (&fifo, fifo.count - 1), in - 1);
    }
    covey_fifo_deinit (&fifo);
}

static void
test_fifo_gives_back_what_a_burst_took (void **state)
{
    (void)state;
    covey_fifo_t fifo;
    covey_fifo_init (&fifo, sizeof (uint64_t));
    for (int i = 0; i < 5000; i++)
        covey_fifo_push (&fifo);
    assert_true (fifo.capacity >= 5000);
    while (fifo.count)
        covey_fifo_pop (&fifo);
    assert_int_equal (fifo.capacity, 0);
    /* A little is kept: an item that comes and goes allocates nothing. */
    covey_fifo_push (&fifo);
    const uint8_t *data = fifo.data;
    covey_fifo_pop (&fifo);
    covey_fifo_push (&fifo);
    assert_ptr_equal (fifo.data, data);
    covey_fifo_deinit (&fifo);
}

static void
test_table_agrees_with_an_array (void **state)
{
    (void)state;
    enum { KEYS = 500 };
    uint32_t keys[KEYS];
    bool there[KEYS] = {false};
    size_t count = 0;
    covey_table_t table;
    covey_table_init (&table);
    covey_prng_t prng;
    covey_prng_init (&prng, 2);
    assert_null (covey_table_get (&table, "x", 1));
    assert_null (covey_table_remove (&table, "x", 1));
    for (uint32_t i = 0; i < KEYS; i++)
        keys[i] = i * 7919;
    for (int i = 0; i < 100000; i++) {
        size_t k = (size_t)covey_prng_below (&prng, KEYS);
        if (covey_prng_below (&prng, 2)) {
            void *replaced =
                covey_table_put (&table, &keys[k], sizeof keys[k], &keys[k]);
            assert_true ((replaced != NULL) == there[k]);
            count += !there[k];
            there[k] = true;
        } else {
            void *removed =
                covey_table_remove (&table, &keys[k], sizeof keys[k]);
            assert_true ((removed != NULL) == there[k]);
            count -= there[k];
            there[k] = false;
        }
        assert_int_equal (table.count, count);
        size_t probe = (size_t)covey_prng_below (&prng, KEYS);
        assert_true (
            (covey_table_get (&table, &keys[probe], sizeof keys[probe]) ==
             &keys[probe]) == there[probe]);
    }
    size_t cursor = 0, seen = 0;
    while (covey_table_next (&table, &cursor))
        seen++;
    assert_int_equal (seen, count);
    covey_table_deinit (&table);
}

static void
test_parcel_lives_until_the_last_drop (void **state)
{
    (void)state;
    covey_parcel_t *first = support_parcel_message ("a", "b");
    covey_parcel_t *second = covey_parcel_hold (first);
    covey_parcel_drop (&first);
    assert_null (first);
    assert_true (covey_slice_equal (second->view.source, "a"));
    covey_parcel_drop (&second);
    covey_parcel_drop (&second);
}

static void
test_parcel_refuses_what_is_no_event (void **state)
{
    (void)state;
    assert_null (covey_parcel_new ("\xff\xff\xff", 3, NULL, 0));
}

/*  Age is told once, by the clock of the node that accepted the event; then
    only the time that passes counts.                                         */
static void
test_parcel_expires_by_its_age_and_a_steady_clock (void **state)
{
    (void)state;
    covey_parcel_t *parcel = support_parcel_message ("a", "b");
    covey_parcel_start_clock (parcel, 0, 50);
    assert_false (covey_parcel_is_expired (parcel, INT64_MAX)); /* no ttl     */
    assert_int_equal (covey_parcel_ttl_left (parcel, 60), 0);
    int64_t made_us = parcel->view.timestamp_us;
    parcel->view.ttl_ms = 100;
    covey_parcel_start_clock (parcel, made_us + 40000, 1000);
    assert_int_equal (covey_parcel_ttl_left (parcel, 1000), 60);
    assert_false (covey_parcel_is_expired (parcel, 1060));
    assert_true (covey_parcel_is_expired (parcel, 1061));
    assert_int_equal (covey_parcel_ttl_left (parcel, 1061), 1);
    /* A publisher's clock that is ahead gives no more than the ttl. */
    covey_parcel_start_clock (parcel, made_us - 3600000000, 1000);
    assert_int_equal (covey_parcel_ttl_left (parcel, 1000), 100);
    covey_parcel_start_clock (parcel, made_us + 3600000000, 1000);
    assert_true (covey_parcel_is_expired (parcel, 1000));
    parcel->view.timestamp_us = INT64_MIN; /* whatever a peer may send        */
    covey_parcel_start_clock (parcel, made_us, 1000);
    assert_true (covey_parcel_is_expired (parcel, 1000));
    parcel->view.timestamp_us = INT64_MAX;
    covey_parcel_start_clock (parcel, made_us, 1000);
    assert_int_equal (covey_parcel_ttl_left (parcel, 1000), 100);
    covey_parcel_drop (&parcel);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_parcel_expires_by_its_age_and_a_steady_clock),
        cmocka_unit_test (test_fifo_keeps_order_while_it_grows_and_wraps),
        cmocka_unit_test (test_fifo_gives_back_what_a_burst_took),
        cmocka_unit_test (test_table_agrees_with_an_array),
        cmocka_unit_test (test_parcel_lives_until_the_last_drop),
        cmocka_unit_test (test_parcel_refuses_what_is_no_event),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
