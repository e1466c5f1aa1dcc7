/*  JSON as text: checking, compacting, quoting, base64. Jansson is the
    independent reader that the checker is held against.                      */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/prng.h"
#include "proto/json.h"
#include "proto/json_scan.h"

static bool
s_valid (const char *json)
{
    return covey_json_is_valid (json, strlen (json));
}

static void
test_values_of_every_kind_are_valid (void **state)
{
    (void)state;
    static const char *const good[] = {"0",
                                       "-0",
                                       "12",
                                       "-1.5",
                                       "1e5",
                                       "1E+5",
                                       "0.1e-9",
                                       "true",
                                       "false",
                                       "null",
                                       "\"\"",
                                       "\"a\"",
                                       "[]",
                                       "{}",
                                       " [ 1 , 2 ] ",
                                       "{\"a\":{}}",
                                       "\t{\r\n\"a\" : [ ] }\n",
                                       "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"",
                                       "\"\\ud83d\\udc26\"",
                                       "\"\xf0\x9f\x90\xa6\"",
                                       "\"\x7f\"",
                                       "[[],[[]],{\"a\":[]}]",
                                       "1e999",
                                       "123456789012345678901234567890"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (!s_valid (good[i]))
            fail_msg ("refused: %s", good[i]);
}

static void
test_what_is_no_json_is_refused (void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      " ",
                                      "[",
                                      "]",
                                      "{",
                                      "}",
                                      "[1",
                                      "[1,",
                                      "[1,]",
                                      "[,1]",
                                      "[1 2]",
                                      "{\"a\"}",
                                      "{\"a\":}",
                                      "{\"a\":1,}",
                                      "{a:1}",
                                      "{1:1}",
                                      "{'a':1}",
                                      "01",
                                      "-",
                                      "+1",
                                      "1.",
                                      ".5",
                                      "1e",
                                      "1e+",
                                      "0x1",
                                      "NaN",
                                      "Infinity",
                                      "tru",
                                      "truex",
                                      "nul",
                                      "\"",
                                      "\"\\\"",
                                      "\"\\x\"",
                                      "\"\\u12\"",
                                      "\"\\u00g0\"",
                                      "\"\\u0000\"",
                                      "\"\\ud800\"",
                                      "\"\\udc00\"",
                                      "\"\\ud800\\u0041\"",
                                      "\"\\ud800x\"",
                                      "\"\n\"",
                                      "\"\x01\"",
                                      "\"\xff\"",
                                      "\"\xc3\"",
                                      "\"\xed\xa0\x80\"",
                                      "\"\xc0\x80\"",
                                      "1 1",
                                      "{}{}",
                                      "[1]]",
                                      "// c\n1",
                                      "[}",
                                      "{]",
                                      "{\"a\":1]",
                                      "\xef\xbb\xbf{}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (s_valid (bad[i]))
            fail_msg ("accepted: %s", bad[i]);
    assert_false (covey_json_is_valid ("\"a\0b\"", 5));
    assert_false (covey_json_is_valid ("1\0", 2));
    assert_false (covey_json_is_valid (NULL, 0));
}

static char *
s_nested (int depth)
{
    char *text = malloc ((size_t)depth * 2 + 1);
    assert_non_null (text);
    memset (text, '[', (size_t)depth);
    memset (text + depth, ']', (size_t)depth);
    text[2 * depth] = '\0';
    return text;
}

static void
test_depth_is_bounded_at_64 (void **state)
{
    (void)state;
    char *at = s_nested (COVEY_JSON_DEPTH_MAX);
    char *past = s_nested (COVEY_JSON_DEPTH_MAX + 1);
    char *far = s_nested (100000);
    assert_true (s_valid (at));
    assert_false (s_valid (past));
    assert_false (s_valid (far));
    free (at);
    free (past);
    free (far);
}

static void
test_checker_agrees_with_jansson (void **state)
{
    (void)state;
    static const char *const parts[] = {
        "{",      "}",           "[",
        "]",      ",",           ":",
        "\"a\"",  "\"b\"",       "1",
        "-2.5e3", "true",        "null",
        " ",      "\"\\u00e9\"", "\"\\ud83d\\udc26\"",
        "\"",     "\\",          "0",
        ".",      "\n",          "\"\xc3\xa9\"",
        "\x01",   "e",           "-"};
    covey_prng_t prng;
    covey_prng_init (&prng, 1);
    int accepted = 0;
    for (int i = 0; i < 200000; i++) {
        char text[200] = "";
        uint64_t count = 1 + covey_prng_below (&prng, 9);
        for (uint64_t j = 0; j < count; j++)
            (void)snprintf (
                text + strlen (text), 20, "%s",
                parts[covey_prng_below (&prng, sizeof parts / sizeof *parts)]);
        json_error_t error;
        json_t *reference =
            json_loadb (text, strlen (text), JSON_DECODE_ANY, &error);
        bool valid = s_valid (text);
        accepted += valid;
        /* Jansson also wants numbers to fit into a double, at once. */
        bool too_large = !reference && json_error_code (&error) ==
                                           json_error_numeric_overflow;
        if (!too_large && valid != (reference != NULL))
            fail_msg ("jansson %s: %s", reference ? "accepts" : error.text,
                      text);
        json_decref (reference);
    }
    assert_true (accepted > 1000);
}

static char *
s_compact (const char *json)
{
    covey_buf_t buf;
    covey_buf_init (&buf, 1 << 16);
    covey_errbuf_t err = {""};
    if (covey_json_compact (json, strlen (json), &buf, &err) != COVEY_OK)
        fail_msg ("%s", err.text);
    return covey_buf_steal (&buf);
}

static void
test_compact_removes_white_space_only (void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {" { \"a b\" : [ 1 , 2.50 , \" x \\\" y \" ] }\n",
         "{\"a b\":[1,2.50,\" x \\\" y \"]}"},
        {"1.0", "1.0"},
        {" \"\\u00e9 \\\\\" ", "\"\\u00e9 \\\\\""},
        {"\t-0e1\r\n", "-0e1"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text = s_compact (cases[i][0]);
        assert_string_equal (text, cases[i][1]);
        free (text);
    }
}

static void
test_malformed_text_names_line_and_column (void **state)
{
    (void)state;
    covey_errbuf_t err = {""};
    covey_buf_t buf;
    covey_buf_init (&buf, 100);
    covey_buf_puts (&buf, "kept");
    const char *text = "{\n \"a\": 1,\n \"b\" 2}";
    assert_int_equal (covey_json_compact (text, strlen (text), &buf, &err),
                      COVEY_MALFORMED);
    assert_non_null (strstr (err.text, "line 3, column 6: ':' is expected"));
    assert_int_equal (buf.size, 4);
    char large[120];
    memset (large, '1', sizeof large);
    assert_int_equal (covey_json_compact (large, sizeof large, &buf, &err),
                      COVEY_LIMIT);
    assert_int_equal (buf.size, 4);
    covey_buf_deinit (&buf);
}

static void
test_quote_escapes_what_json_must_and_repairs_utf8 (void **state)
{
    (void)state;
    static const char raw[] =
        "a\"\\/\b\f\n\r\t\x01\x1f\x7f\xc3\xa9\xff\xed\xa0\x80z";
    covey_buf_t buf;
    covey_buf_init (&buf, 1000);
    covey_json_quote (&buf, raw, sizeof raw - 1);
    char *text = covey_buf_steal (&buf);
    assert_string_equal (text,
                         "\"a\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\xc3\xa9"
                         "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\"");
    assert_true (s_valid (text));
    free (text);
    covey_json_quote (&buf, "", 0);
    text = covey_buf_steal (&buf);
    assert_string_equal (text, "\"\"");
    free (text);
    covey_buf_deinit (&buf);
}

static void
test_base64_is_strict (void **state)
{
    (void)state;
    covey_prng_t prng;
    covey_prng_init (&prng, 3);
    covey_buf_t text, back;
    covey_buf_init (&text, 1000);
    covey_buf_init (&back, 1000);
    for (size_t size = 0; size < 100; size++) {
        uint8_t data[100];
        for (size_t i = 0; i < size; i++)
            data[i] = (uint8_t)covey_prng_next (&prng);
        covey_buf_clear (&text);
        covey_buf_clear (&back);
        covey_base64_write (data, size, &text);
        assert_int_equal (text.size, (size + 2) / 3 * 4);
        assert_true (covey_base64_read ((char *)text.data, text.size, &back));
        assert_int_equal (back.size, size);
        if (size)
            assert_memory_equal (back.data, data, size);
    }
    covey_buf_clear (&text);
    covey_base64_write ("foobar", 5, &text);
    assert_memory_equal (text.data, "Zm9vYmE=", 8);
    static const char *const bad[] = {"A",    "AA",       "AAA",  "A===",
                                      "====", "AB==",     "AAB=", "AA=A",
                                      "AA-_", "AA==AAAA", "AA =", "=AAA"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (covey_base64_read (bad[i], strlen (bad[i]), &back))
            fail_msg ("accepted: %s", bad[i]);
    covey_buf_deinit (&text);
    covey_buf_deinit (&back);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_values_of_every_kind_are_valid),
        cmocka_unit_test (test_what_is_no_json_is_refused),
        cmocka_unit_test (test_depth_is_bounded_at_64),
        cmocka_unit_test (test_checker_agrees_with_jansson),
        cmocka_unit_test (test_compact_removes_white_space_only),
        cmocka_unit_test (test_malformed_text_names_line_and_column),
        cmocka_unit_test (test_quote_escapes_what_json_must_and_repairs_utf8),
        cmocka_unit_test (test_base64_is_strict)};
    return cmocka_run_group_tests (tests, NULL, NULL);
}
