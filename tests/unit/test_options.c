/*  The option table: kinds, bounds, origins, and what a refusal says.       */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/options.h"

static const covey_opt_t table[] = {
    {.flag = "listen",
     .letter = 'l',
     .env = "T_LISTEN",
     .key = "listen",
     .kind = COVEY_OPT_TEXT,
     .def = "127.0.0.1:7400",
     .max = 20},
    {.flag = "join", .env = "T_JOIN", .key = "join", .kind = COVEY_OPT_LIST},
    {.flag = "port",
     .letter = 'p',
     .key = "port",
     .kind = COVEY_OPT_INT,
     .def = "7",
     .min = 1,
     .max = 65535,
     .value = "N"},
    {.flag = "size",
     .key = "size",
     .kind = COVEY_OPT_SIZE,
     .def = "64k",
     .min = 1,
     .max = 1 << 30},
    {.flag = "timeout",
     .letter = 't',
     .env = "T_TIMEOUT",
     .key = "timeout",
     .kind = COVEY_OPT_MS,
     .def = "5s",
     .min = 1,
     .max = 3600000},
    {.flag = "json", .kind = COVEY_OPT_FLAG},
    {.flag = "mode",
     .key = "mode",
     .kind = COVEY_OPT_CHOICE,
     .def = "slow",
     .choices = "slow|fast"},
    {.flag = "since", .kind = COVEY_OPT_TIME},
    {.env = "T_SECRET",
     .key = "secret",
     .kind = COVEY_OPT_TEXT,
     .min = 1,
     .max = 8,
     .secret = true},
    {0}};

/*  A fresh object with these arguments parsed; `words` ends with NULL.      */
static covey_err_t
s_parse (covey_options_t **self_p, covey_errbuf_t *err,
         const char *const *words)
{
    char *argv[16];
    int argc = 0;
    while (words[argc]) {
        assert_true (argc < 16);
        argv[argc] = strdup (words[argc]);
        argc++;
    }
    *self_p = covey_options_new (table);
    *err = (covey_errbuf_t){""};
    covey_err_t rc = covey_options_parse_args (*self_p, argc, argv, err);
    for (int i = 0; i < argc; i++)
        free (argv[i]);
    return rc;
}

#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void
s_refused (const char *const *words, const char *expected)
{
    covey_options_t *self;
    covey_errbuf_t err;
    assert_int_equal (s_parse (&self, &err, words), COVEY_INVALID);
    if (!strstr (err.text, expected))
        fail_msg ("\"%s\" does not contain \"%s\"", err.text, expected);
    covey_options_destroy (&self);
    assert_null (self);
}

static void
s_file_refused (const char *text, const char *expected)
{
    covey_options_t *self = covey_options_new (table);
    covey_errbuf_t err = {""};
    assert_int_equal (covey_options_parse_file (self, "c.conf", text, &err),
                      COVEY_INVALID);
    if (!strstr (err.text, expected))
        fail_msg ("\"%s\" does not contain \"%s\"", err.text, expected);
    covey_options_destroy (&self);
}

static void
test_defaults_stand_until_something_is_set (void **state)
{
    (void)state;
    covey_options_t *self = covey_options_new (table);
    assert_string_equal (covey_options_text (self, "listen"), "127.0.0.1:7400");
    assert_int_equal (covey_options_int (self, "size"), 65536);
    assert_int_equal (covey_options_int (self, "timeout"), 5000);
    assert_false (covey_options_is_set (self, "listen"));
    assert_false (covey_options_flag (self, "json"));
    assert_null (covey_options_text (self, "join"));
    assert_int_equal (covey_options_count (self, "join"), 0);
    assert_int_equal (covey_options_origin (self, "join"), COVEY_FROM_NOTHING);
    assert_string_equal (covey_options_origin_text (self, "port"), "default");
    covey_options_destroy (&self);
}

static void
test_arguments_in_all_their_forms (void **state)
{
    (void)state;
    covey_options_t *self;
    covey_errbuf_t err;
    assert_int_equal (
        s_parse (&self, &err,
                 ARGS ("one", "--listen=a=b", "-p", "80", "--join", "h:1, h:2",
                       "--json", "--join=h:3", "-", "--", "--port", "x")),
        COVEY_OK);
    assert_string_equal (covey_options_text (self, "listen"), "a=b");
    assert_int_equal (covey_options_int (self, "port"), 80);
    assert_int_equal (covey_options_count (self, "join"), 3);
    assert_string_equal (covey_options_item (self, "join", 0), "h:1");
    assert_string_equal (covey_options_item (self, "join", 1), "h:2");
    assert_string_equal (covey_options_text (self, "join"), "h:3");
    assert_null (covey_options_item (self, "join", 3));
    assert_true (covey_options_flag (self, "json"));
    assert_int_equal (covey_options_positional_count (self), 4);
    assert_string_equal (covey_options_positional (self, 1), "-");
    assert_string_equal (covey_options_positional (self, 2), "--port");
    assert_null (covey_options_positional (self, 4));
    assert_string_equal (covey_options_origin_text (self, "port"), "--port");
    covey_options_destroy (&self);

    assert_int_equal (s_parse (&self, &err, ARGS ("--json", "--no-json")),
                      COVEY_OK);
    assert_false (covey_options_flag (self, "json"));
    assert_true (covey_options_is_set (self, "json"));
    covey_options_destroy (&self);
}

static void
test_a_refusal_names_option_value_and_what_is_allowed (void **state)
{
    (void)state;
    s_refused (ARGS ("--lisen", "x"),
               "--lisen: unknown option; did you mean --listen?");
    s_refused (ARGS ("--lisen=x"), "did you mean --listen?");
    s_refused (ARGS ("-z"), "-z: unknown option");
    s_refused (ARGS ("--no-listen"), "--no-listen: unknown option");
    s_refused (ARGS ("--port"), "--port: needs a value: --port N");
    s_refused (ARGS ("--listen", "--json"), "--listen: needs a value");
    s_refused (ARGS ("--port", "0"),
               "--port: \"0\": must be a whole number from 1 to 65535");
    s_refused (ARGS ("-p", "65536"), "-p: \"65536\"");
    s_refused (ARGS ("--port=7x"), "\"7x\"");
    s_refused (ARGS ("--port="), "--port: \"\"");
    s_refused (ARGS ("--size", "2g"), "from 1 to 1073741824 bytes");
    s_refused (ARGS ("--size", "99999999999999999999"), "must be a size");
    s_refused (ARGS ("--size", "9223372036854775807k"), "must be a size");
    s_refused (ARGS ("--timeout", "2 s"), "must be a duration");
    s_refused (ARGS ("--timeout", "2h"), "from 1 to 3600000 ms");
    s_refused (ARGS ("--json=maybe"), "must be true or false");
    s_refused (ARGS ("--mode", "slo"), "must be one of slow|fast");
    s_refused (ARGS ("--mode", "slow|fast"), "must be one of slow|fast");
    s_refused (ARGS ("--since", "yesterday"), "must be a time");
    s_refused (ARGS ("--since", "100"), "must be a time");
    s_refused (ARGS ("--join", "a,,b"), "--join: \"\": must not be empty");
    s_refused (ARGS ("--listen", "012345678901234567890"),
               "has 21 bytes, at most 20 are allowed");
    s_refused (ARGS ("--listen", "\xff"), "is not valid UTF-8");
}

static void
test_values_at_their_bounds_are_taken (void **state)
{
    (void)state;
    covey_options_t *self;
    covey_errbuf_t err;
    assert_int_equal (
        s_parse (&self, &err,
                 ARGS ("--port=65535", "--size=1g", "--timeout=1h",
                       "--mode=fast", "--listen=01234567890123456789")),
        COVEY_OK);
    assert_int_equal (covey_options_int (self, "port"), 65535);
    assert_int_equal (covey_options_int (self, "size"), 1 << 30);
    assert_int_equal (covey_options_int (self, "timeout"), 3600000);
    assert_string_equal (covey_options_text (self, "mode"), "fast");
    covey_options_destroy (&self);
}

static void
test_a_list_has_a_bound (void **state)
{
    (void)state;
    covey_options_t *self = covey_options_new (table);
    covey_errbuf_t err = {""};
    for (int i = 0; i < COVEY_LIST_MAX; i++)
        assert_int_equal (
            covey_options_set (self, "join", "h:1", COVEY_FROM_CALL, &err),
            COVEY_OK);
    assert_int_equal (
        covey_options_set (self, "join", "h:1", COVEY_FROM_CALL, &err),
        COVEY_INVALID);
    assert_int_equal (covey_options_count (self, "join"), COVEY_LIST_MAX);
    covey_options_destroy (&self);
}

static const char *
s_env (const char *name)
{
    if (strcmp (name, "T_LISTEN") == 0)
        return "env:1";
    if (strcmp (name, "T_JOIN") == 0)
        return "env:2,env:3";
    return strcmp (name, "T_TIMEOUT") == 0 ? "" : NULL;
}

static const char *
s_bad_env (const char *name)
{
    return strcmp (name, "T_TIMEOUT") == 0 ? "soon" : NULL;
}

static void
test_the_stronger_origin_wins_whatever_comes_first (void **state)
{
    (void)state;
    covey_options_t *self;
    covey_errbuf_t err;
    assert_int_equal (s_parse (&self, &err, ARGS ("--listen", "flag:1")),
                      COVEY_OK);
    assert_int_equal (covey_options_parse_env (self, s_env, &err), COVEY_OK);
    assert_int_equal (covey_options_parse_file (self, "/etc/c.conf",
                                                "listen = file:1\n"
                                                "join = file:2\n"
                                                "\n"
                                                "port = 9\n",
                                                &err),
                      COVEY_OK);
    assert_string_equal (covey_options_text (self, "listen"), "flag:1");
    assert_int_equal (covey_options_origin (self, "listen"), COVEY_FROM_FLAG);
    assert_int_equal (covey_options_count (self, "join"), 2);
    assert_string_equal (covey_options_origin_text (self, "join"), "T_JOIN");
    assert_int_equal (covey_options_int (self, "port"), 9);
    assert_string_equal (covey_options_origin_text (self, "port"),
                         "/etc/c.conf line 4");
    assert_int_equal (covey_options_int (self, "timeout"), 5000);
    assert_int_equal (
        covey_options_set (self, "listen", "call:1", COVEY_FROM_CALL, &err),
        COVEY_OK);
    assert_string_equal (covey_options_text (self, "listen"), "call:1");
    assert_int_equal (
        covey_options_set (self, "prot", "1", COVEY_FROM_CALL, &err),
        COVEY_INVALID);
    assert_non_null (strstr (err.text, "did you mean port?"));
    assert_int_equal (covey_options_parse_env (self, s_bad_env, &err),
                      COVEY_INVALID);
    assert_non_null (strstr (err.text, "T_TIMEOUT: \"soon\""));
    covey_options_destroy (&self);
}

static void
test_file_comments_quotes_and_blanks (void **state)
{
    (void)state;
    covey_options_t *self = covey_options_new (table);
    covey_errbuf_t err = {""};
    assert_int_equal (covey_options_parse_file (
                          self, "c.conf",
                          "# a comment\r\n"
                          "  listen\t= \"a \\\"b\\\\ # c\"  # quoted\r\n"
                          "join = x:1 # first\n"
                          "join = y#2\n"
                          "mode=fast",
                          &err),
                      COVEY_OK);
    assert_string_equal (covey_options_text (self, "listen"), "a \"b\\ # c");
    assert_int_equal (covey_options_count (self, "join"), 2);
    assert_string_equal (covey_options_item (self, "join", 0), "x:1");
    assert_string_equal (covey_options_item (self, "join", 1), "y#2");
    assert_string_equal (covey_options_text (self, "mode"), "fast");
    covey_options_destroy (&self);
}

static void
test_a_broken_file_is_refused_with_its_line (void **state)
{
    (void)state;
    s_file_refused ("\nlisen = x", "c.conf line 2: \"lisen\": unknown setting; "
                                   "did you mean listen?");
    s_file_refused ("zzzzzzzz = 1", "unknown setting; covey help up");
    s_file_refused ("listen", "c.conf line 1: \"listen\": no '='");
    s_file_refused ("port = x", "c.conf line 1: port: \"x\": must be");
    s_file_refused ("port = 1\nport = 2", "c.conf line 2: \"port\": set "
                                          "already on line 1");
    s_file_refused ("listen = \"x", "closing quote is missing");
    s_file_refused ("listen = \"x\" y", "text behind the closing quote");
    s_file_refused ("json = true", "unknown setting");
}

static void
test_a_secret_is_never_repeated (void **state)
{
    (void)state;
    covey_options_t *self = covey_options_new (table);
    covey_errbuf_t err = {""};
    assert_int_equal (
        covey_options_parse_file (self, "c", "secret = hunter2hunter2", &err),
        COVEY_INVALID);
    assert_null (strstr (err.text, "hunter2"));
    assert_non_null (strstr (err.text, "c line 1: secret: (hidden)"));
    assert_int_equal (covey_options_parse_file (self, "c", "secret =", &err),
                      COVEY_INVALID);
    covey_options_destroy (&self);
}

static void
test_times_are_absolute_or_ages (void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t us;
    } cases[] = {{"now", 1000000000000},
                 {"10m", 1000000000000 - 600000000},
                 {"250ms", 1000000000000 - 250000},
                 {"1d", 1000000000000 - 86400000000},
                 {"1970-01-02", 86400000000},
                 {"1970-01-01T00:00:01Z", 1000000}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        covey_options_t *self;
        covey_errbuf_t err;
        assert_int_equal (
            s_parse (&self, &err, ARGS ("--since", cases[i].text)), COVEY_OK);
        assert_int_equal (covey_options_time (self, "since", 1000000000000),
                          cases[i].us);
        covey_options_destroy (&self);
    }
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_defaults_stand_until_something_is_set),
        cmocka_unit_test (test_arguments_in_all_their_forms),
        cmocka_unit_test (
            test_a_refusal_names_option_value_and_what_is_allowed),
        cmocka_unit_test (test_values_at_their_bounds_are_taken),
        cmocka_unit_test (test_a_list_has_a_bound),
        cmocka_unit_test (test_the_stronger_origin_wins_whatever_comes_first),
        cmocka_unit_test (test_file_comments_quotes_and_blanks),
        cmocka_unit_test (test_a_broken_file_is_refused_with_its_line),
        cmocka_unit_test (test_a_secret_is_never_repeated),
        cmocka_unit_test (test_times_are_absolute_or_ages),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
