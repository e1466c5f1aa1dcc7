/*  cron: fields, the calendar, and against a walk second by second           */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/prng.h"
#include "base/str.h"
#include "coordinator/cron.h"

static void
s_next (const char *cron, const char *after, const char *wanted)
{
    covey_cron_t made;
    covey_errbuf_t err;
    int64_t us = 0;
    char text[40];
    if (covey_cron_parse (cron, &made, &err))
        fail_msg ("%s", err.text);
    assert_true (covey_str_parse_time (after, &us));
    covey_str_time (covey_cron_next_us (&made, us), text);
    text[19] = '\0';
    if (strcmp (text, wanted) != 0)
        fail_msg ("%s after %s: %s, not %s", cron, after, text, wanted);
}

static void
test_the_next_time (void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"* * * * *", "2026-11-23T19:00:00Z", "2026-11-23T19:01:00"},
        {"* * * * *", "2026-11-23T18:59:59.999Z", "2026-11-23T19:00:00"},
        {"* * * * * *", "2026-11-23T19:00:00.5Z", "2026-11-23T19:00:01"},
        {"*/15 9-17 * * MON-Fri", "2026-11-20T17:45:00Z",
         "2026-11-23T09:00:00"},
        {"5/20 * * * *", "2026-01-01T00:25:00Z", "2026-01-01T00:45:00"},
        {"0 0 31 * *", "2026-01-31T00:00:00Z", "2026-03-31T00:00:00"},
        {"0 0 29 2 *", "2024-02-29T00:00:00Z", "2028-02-29T00:00:00"},
        {"0 0 29 2 *", "2096-02-29T12:00:00Z", "2104-02-29T00:00:00"},
        {"0 12 1,15 * fri", "2026-11-13T12:00:00Z", "2026-11-15T12:00:00"},
        {"0 12 1,15 * fri", "2026-11-15T12:00:00Z", "2026-11-20T12:00:00"},
        {"59 23 31 12 *", "2026-12-31T23:59:00Z", "2027-12-31T23:59:00"},
        {"0 0 * * 7", "2026-11-23T00:00:00Z", "2026-11-29T00:00:00"},
        {"0 0 * * 5-7", "2026-11-28T00:00:00Z", "2026-11-29T00:00:00"},
        {"30 10 5 FEB,Mar *", "2026-03-05T10:30:00Z", "2027-02-05T10:30:00"},
        {"10-12 8 * * *", "2026-03-05T08:12:00Z", "2026-03-06T08:10:00"},
        {"@daily", "2026-12-31T00:00:00Z", "2027-01-01T00:00:00"},
        {"@weekly", "2026-11-23T00:00:00Z", "2026-11-29T00:00:00"},
        {"  7   3 * *\t* ", "2026-11-23T03:07:00Z", "2026-11-24T03:07:00"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        s_next (cases[i][0], cases[i][1], cases[i][2]);
}

static void
test_what_is_no_time_is_refused_with_its_field (void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", "0 fields"},           {"* * * *", "4 fields"},
        {"60 * * * *", "minute"},   {"* 24 * * *", "hour"},
        {"* * 0 * *", "day"},       {"* * * 13 *", "month"},
        {"* * * * 8", "weekday"},   {"5-3 * * * *", "minute"},
        {"*/0 * * * *", "minute"},  {"1,, * * * *", "minute"},
        {"1x * * * *", "minute"},   {"* * L * *", "day \"L\""},
        {"* * * * mon#2", "mon#2"}, {"0 0 30 2 *", "no such day"},
        {"@often", "1 fields"},     {"99999999999 * * * *", "minute"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        covey_cron_t made;
        covey_errbuf_t err = {""};
        assert_int_equal (covey_cron_parse (cases[i][0], &made, &err),
                          COVEY_INVALID);
        if (!strstr (err.text, cases[i][1]))
            fail_msg ("\"%s\" does not name %s", err.text, cases[i][1]);
    }
}

/*  Does this second fit, as the fields say it?                              */
static bool
s_fits (const covey_cron_t *cron, int64_t us)
{
    char text[40];
    int y, mo, d, h, mi, s;
    covey_str_time (us, text);
    if (sscanf (text, "%d-%d-%dT%d:%d:%d", &y, &mo, &d, &h, &mi, &s) != 6)
        return false;
    int64_t weekday = (us / 1000000 / 86400 + 4) % 7;
    bool by_day = cron->days >> d & 1, by_week = cron->weekdays >> weekday & 1;
    bool day = cron->any_day || cron->any_weekday ? by_day && by_week
                                                  : by_day || by_week;
    return day && (cron->months >> mo & 1) && (cron->hours >> h & 1) &&
           (cron->minutes >> mi & 1) && (cron->seconds >> s & 1);
}

static void
test_against_a_walk_over_every_second (void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        covey_prng_t prng;
        covey_prng_init (&prng, seed);
        covey_cron_t cron = {
            .seconds = (covey_prng_next (&prng) & covey_prng_next (&prng) &
                        ((UINT64_C (1) << 60) - 1)) |
                       1,
            .minutes = (covey_prng_next (&prng) & covey_prng_next (&prng) &
                        ((UINT64_C (1) << 60) - 1)) |
                       2,
            .hours = (covey_prng_next (&prng) & 0xffffff) | 4,
            .days = covey_prng_next (&prng) & 0xfffffffe,
            .months = covey_prng_next (&prng) & 0x1ffe,
            .weekdays = (covey_prng_next (&prng) & 0x7f) | 8,
            .any_day = seed % 3 == 0,
            .any_weekday = seed % 5 == 0};
        cron.months |= 0xc00;
        cron.days |= 0x8000;
        int64_t at =
            (1700000000 + (int64_t)covey_prng_below (&prng, 90000000)) *
            INT64_C (1000000);
        int64_t next = covey_cron_next_us (&cron, at);
        assert_true (next > at && s_fits (&cron, next));
        int64_t walk = at + 1000000;
        for (int i = 0; i < 20000 && walk < next; i++, walk += 1000000)
            assert_false (s_fits (&cron, walk));
        for (int i = 0; i < 20000 && next - 1000000 > at; i++) {
            next -= 1000000;
            assert_false (s_fits (&cron, next));
        }
    }
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_the_next_time),
        cmocka_unit_test (test_what_is_no_time_is_refused_with_its_field),
        cmocka_unit_test (test_against_a_walk_over_every_second),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
