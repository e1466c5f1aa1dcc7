/*  facts: kept until they are announced, and over snapshots                  */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "coordinator/facts.h"

static void
s_write (void *arg, uint64_t index, const void *event, size_t size)
{
    char *log = arg;
    size_t used = strlen (log);
    snprintf (log + used, 200 - used, "%llu%.*s ", (unsigned long long)index,
              (int)size, (const char *)event);
}

static const char *
s_log (const covey_facts_t *facts)
{
    static char log[200];
    log[0] = '\0';
    covey_facts_each (facts, s_write, log);
    return log;
}

static void
s_fill (covey_facts_t *facts)
{
    covey_facts_init (facts);
    covey_facts_put (facts, 3, "a", 1);
    covey_facts_put (facts, 3, "b", 1);
    covey_facts_put (facts, 5, "cc", 2);
}

static void
test_what_is_announced_is_dropped (void **state)
{
    (void)state;
    covey_facts_t facts;
    s_fill (&facts);
    assert_int_equal (covey_facts_first (&facts), 3);
    covey_facts_announce (&facts, 2);
    assert_string_equal (s_log (&facts), "3a 3b 5cc ");
    covey_facts_announce (&facts, 4);
    assert_string_equal (s_log (&facts), "5cc ");
    covey_facts_announce (&facts, 3); /* an older word changes nothing        */
    covey_facts_announce (&facts, 5);
    assert_int_equal (covey_facts_first (&facts), 0);
    assert_int_equal (facts.bytes, 0);
    covey_facts_deinit (&facts);
}

static void
test_they_go_with_a_snapshot (void **state)
{
    (void)state;
    covey_facts_t facts, other;
    covey_buf_t blob;
    s_fill (&facts);
    covey_buf_init (&blob, 4096);
    covey_facts_save (&facts, &blob);
    size_t own = blob.size, used = 0;
    covey_buf_puts (&blob, "\x03xyz"); /* a record of another kind */
    covey_facts_init (&other);
    covey_facts_put (&other, 1, "old", 3);
    assert_int_equal (
        covey_facts_load (&other, blob.data, blob.size, &used, NULL), COVEY_OK);
    assert_int_equal (used, own);
    assert_string_equal (s_log (&other), "3a 3b 5cc ");
    /* Cut anywhere: no crash, and nothing that was not there. */
    for (size_t size = 0; size < own; size++) {
        covey_errbuf_t err;
        if (covey_facts_load (&other, blob.data, size, &used, &err))
            continue;
        assert_true (used <= size);
        assert_memory_equal ("3a 3b 5cc ", s_log (&other),
                             strlen (s_log (&other)));
    }
    covey_facts_deinit (&facts);
    covey_facts_deinit (&other);
    covey_buf_deinit (&blob);
}

static void
test_beyond_the_bound_the_oldest_goes_and_is_counted (void **state)
{
    (void)state;
    covey_facts_t facts;
    covey_facts_init (&facts);
    for (uint64_t i = 1; i <= COVEY_FACTS_MAX + 5; i++)
        covey_facts_put (&facts, i, "x", 1);
    assert_int_equal (facts.count, COVEY_FACTS_MAX);
    assert_int_equal (facts.dropped, 5);
    assert_int_equal (covey_facts_first (&facts), 6);
    covey_facts_deinit (&facts);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_what_is_announced_is_dropped),
        cmocka_unit_test (test_they_go_with_a_snapshot),
        cmocka_unit_test (test_beyond_the_bound_the_oldest_goes_and_is_counted),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
