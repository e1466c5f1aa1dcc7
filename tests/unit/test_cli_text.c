/*  Text on a terminal: columns, ages, times.                                 */
#include "cli/text.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void
test_width_counts_columns_not_bytes (void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t width;
    } cases[] = {{"", 0},
                 {"abc", 3},
                 {"\xc3\xa4\xc3\xb6", 2},         /* two umlauts          */
                 {"e\xcc\x81", 1},                /* a combining accent   */
                 {"\xe6\x97\xa5\xe6\x9c\xac", 4}, /* two wide characters  */
                 {"\xf0\x9f\x90\xa6", 2},         /* an emoji             */
                 {"a\xe2\x80\x8b"
                  "b",
                  2},                  /* a zero-width space   */
                 {"\xff\xc3", 2},      /* not UTF-8            */
                 {"\xef\xbd\xa1", 1}}; /* half width           */
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal (covey_text_width (cases[i].text), cases[i].width);
}

static void
test_fit_never_cuts_a_character (void **state)
{
    (void)state;
    assert_int_equal (covey_text_fit ("abc", 2), 2);
    assert_int_equal (covey_text_fit ("abc", 9), 3);
    assert_int_equal (covey_text_fit ("\xe6\x97\xa5\xe6\x9c\xac", 3), 3);
    assert_int_equal (covey_text_fit ("\xe6\x97\xa5\xe6\x9c\xac", 1), 0);
    /*  What combines stays with its base.                                   */
    assert_int_equal (covey_text_fit ("e\xcc\x81x", 1), 3);
}

static void
test_ages_get_the_unit_that_fits (void **state)
{
    (void)state;
    static const struct {
        int64_t seconds;
        const char *text;
    } cases[] = {{-5, "0s"},     {0, "0s"},    {119, "119s"},   {120, "2m"},
                 {7199, "119m"}, {7200, "2h"}, {172799, "47h"}, {172800, "2d"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[24];
        covey_text_age (cases[i].seconds * 1000000, 0, text);
        assert_string_equal (text, cases[i].text);
    }
}

static void
test_times_of_today_have_no_date (void **state)
{
    (void)state;
    char text[40];
    setenv ("TZ", "UTC", 1);
    covey_text_time (86400000000 + 3723456000, 86400000000 + 3723456000, text);
    assert_string_equal (text, "01:02:03.456");
    covey_text_time (86400000000 * 3, 86400000000 + 3723456000, text);
    assert_string_equal (text, "1970-01-02 01:02:03");
}

static void
test_colours_only_where_they_are_wanted (void **state)
{
    (void)state;
    covey_cli_t cli = {.colour = false};
    assert_string_equal (covey_text_state_colour (&cli, "alive"), "");
    assert_string_equal (covey_text_bold (&cli), "");
    cli.colour = true;
    assert_string_not_equal (covey_text_state_colour (&cli, "alive"), "");
    assert_string_not_equal (covey_text_state_colour (&cli, "alive"),
                             covey_text_state_colour (&cli, "failed"));
    assert_string_equal (covey_text_state_colour (&cli, "purple"), "");
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_width_counts_columns_not_bytes),
        cmocka_unit_test (test_fit_never_cuts_a_character),
        cmocka_unit_test (test_ages_get_the_unit_that_fits),
        cmocka_unit_test (test_times_of_today_have_no_date),
        cmocka_unit_test (test_colours_only_where_they_are_wanted),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
