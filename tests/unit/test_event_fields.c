/*  Data fields by JSON name: setters, getters, what they refuse.            */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/event.h"

/*  The code, and that the message has the part.                             */
static void
s_refused (covey_err_t rc, covey_err_t expected, const char *part)
{
    assert_string_equal (covey_err_name (rc), covey_err_name (expected));
    if (!strstr (covey_error (), part))
        fail_msg ("\"%s\" does not have \"%s\"", covey_error (), part);
}

static void
test_text_is_set_and_copied (void **state)
{
    (void)state;
    covey_event_t *event = covey_event_new (COVEY_EVENT_TASK_REJECTED);
    char text[] = "because";
    assert_false (covey_event_has (event, "reason"));
    assert_string_equal (covey_event_str (event, "reason"), "");
    assert_int_equal (covey_event_set_str (event, "reason", text), COVEY_OK);
    text[0] = 'X';
    assert_true (covey_event_has (event, "reason"));
    assert_string_equal (covey_event_str (event, "reason"), "because");
    assert_int_equal (covey_event_set_str (event, "reason", "other"), COVEY_OK);
    assert_string_equal (covey_event_str (event, "reason"), "other");
    assert_int_equal (covey_event_count (event, "reason"), 1);
    covey_event_destroy (&event);
}

static void
test_unknown_field_names_the_nearest (void **state)
{
    (void)state;
    covey_event_t *event = covey_event_new (COVEY_EVENT_TASK_REJECTED);
    s_refused (covey_event_set_str (event, "taskID", "x"), COVEY_NOTFOUND,
               "task:rejected has no field \"taskID\"; did you mean "
               "\"taskId\"?");
    s_refused (covey_event_set_str (event, "zebra", "x"), COVEY_NOTFOUND,
               "no field \"zebra\"");
    s_refused (covey_event_set_str (event, "", "x"), COVEY_NOTFOUND, "\"\"");
    s_refused (covey_event_set_str (event, NULL, "x"), COVEY_NOTFOUND, "\"\"");
    s_refused (covey_event_set_str (event, "task_id", "x"), COVEY_NOTFOUND,
               "taskId");
    assert_false (covey_event_has (event, "zebra"));
    assert_int_equal (covey_event_int (event, "zebra"), 0);
    assert_null (covey_event_payload (event, "zebra", NULL, NULL));
    covey_event_destroy (&event);
}

static void
test_wrong_kind_says_what_the_field_takes (void **state)
{
    (void)state;
    covey_event_t *event = covey_event_new (COVEY_EVENT_TASK_COMPLETED);
    s_refused (covey_event_set_str (event, "duration", "5"), COVEY_INVALID,
               "duration takes an integer");
    s_refused (covey_event_set_int (event, "taskId", 5), COVEY_INVALID,
               "taskId takes text");
    s_refused (covey_event_set_bool (event, "result", true), COVEY_INVALID,
               "result takes a payload");
    s_refused (covey_event_set_num (event, "resourcesUsed", 1), COVEY_INVALID,
               "resourcesUsed takes an object");
    s_refused (covey_event_add_str (event, "taskId", "x"), COVEY_INVALID,
               "taskId takes text");
    s_refused (
        covey_event_set_payload (event, "taskId", COVEY_CONTENT_TEXT, "x", 1),
        COVEY_INVALID, "taskId takes text");
    covey_event_destroy (&event);
}

static void
test_text_is_checked (void **state)
{
    (void)state;
    covey_event_t *event = covey_event_new (COVEY_EVENT_TASK_REJECTED);
    char *long_text = malloc (COVEY_TEXT_MAX + 2);
    memset (long_text, 'a', COVEY_TEXT_MAX + 1);
    long_text[COVEY_TEXT_MAX] = '\0';
    assert_int_equal (covey_event_set_str (event, "reason", long_text),
                      COVEY_OK);
    long_text[COVEY_TEXT_MAX] = 'a';
    long_text[COVEY_TEXT_MAX + 1] = '\0';
    s_refused (covey_event_set_str (event, "reason", long_text), COVEY_LIMIT,
               "reason has 65537 bytes; the bound is 65536");
    assert_int_equal (strlen (covey_event_str (event, "reason")),
                      COVEY_TEXT_MAX);
    s_refused (covey_event_set_str (event, "reason", "\xc3("), COVEY_INVALID,
               "not UTF-8");
    s_refused (covey_event_set_str (event, "reason", NULL), COVEY_INVALID,
               "reason is NULL");
    free (long_text);
    covey_event_destroy (&event);
}

static void
test_integers_keep_their_range (void **state)
{
    (void)state;
    covey_event_t *event = covey_event_new (COVEY_EVENT_TASK_COMPLETED);
    assert_int_equal (covey_event_set_int (event, "duration", INT64_MIN),
                      COVEY_OK);
    assert_true (covey_event_int (event, "duration") == INT64_MIN);
    assert_int_equal (covey_event_set_int (event, "fencingToken", INT64_MAX),
                      COVEY_OK);
    assert_true (covey_event_int (event, "fencingToken") == INT64_MAX);
    s_refused (covey_event_set_int (event, "fencingToken", -1), COVEY_INVALID,
               "fencingToken cannot be -1; it is an integer from 0");
    assert_int_equal (covey_event_set_int (event, "resourcesUsed.apiCalls", 12),
                      COVEY_OK);
    assert_int_equal (covey_event_int (event, "resourcesUsed.apiCalls"), 12);
    assert_true (covey_event_num (event, "resourcesUsed.apiCalls") == 12.0);
    covey_event_destroy (&event);

    event = covey_event_new (COVEY_EVENT_TASK_PARKED);
    assert_int_equal (covey_event_set_int (event, "attempts", UINT32_MAX),
                      COVEY_OK);
    assert_true (covey_event_int (event, "attempts") == UINT32_MAX);
    s_refused (covey_event_set_int (event, "attempts", (int64_t)UINT32_MAX + 1),
               COVEY_INVALID, "4294967296");
    assert_true (covey_event_int (event, "attempts") == UINT32_MAX);
    covey_event_destroy (&event);
}

static void
test_numbers_are_finite_and_fit (void **state)
{
    (void)state;
    covey_event_t *event = covey_event_new (COVEY_EVENT_TASK_PROGRESS);
    assert_int_equal (covey_event_set_num (event, "progress", 12.5), COVEY_OK);
    assert_true (covey_event_num (event, "progress") == 12.5);
    assert_int_equal (covey_event_int (event, "progress"), 12);
    s_refused (covey_event_set_num (event, "progress", (double)NAN),
               COVEY_INVALID, "finite");
    s_refused (covey_event_set_num (event, "progress", (double)INFINITY),
               COVEY_INVALID, "finite");
    assert_int_equal (covey_event_set_num (event, "fencingToken", 7.0),
                      COVEY_OK);
    s_refused (covey_event_set_num (event, "fencingToken", 7.5), COVEY_INVALID,
               "it is an integer");
    assert_int_equal (covey_event_set_int (event, "progress", 3), COVEY_OK);
    assert_true (covey_event_num (event, "progress") == 3.0);
    covey_event_destroy (&event);
}

static void
test_enums_are_text (void **state)
{
    (void)state;
    covey_event_t *event = covey_event_new (COVEY_EVENT_SWARM_VOTE_CAST);
    assert_int_equal (covey_event_set_str (event, "vote", "abstain"), COVEY_OK);
    assert_string_equal (covey_event_str (event, "vote"), "abstain");
    assert_int_equal (covey_event_int (event, "vote"), 2);
    s_refused (covey_event_set_str (event, "vote", "maybe"), COVEY_INVALID,
               "vote cannot be \"maybe\"; it is one of approve, reject, "
               "abstain");
    s_refused (covey_event_set_str (event, "vote", "unknown:x"), COVEY_INVALID,
               "unknown:x");
    assert_string_equal (covey_event_str (event, "vote"), "abstain");
    assert_int_equal (covey_event_set_str (event, "vote", "unknown:-7"),
                      COVEY_OK);
    assert_string_equal (covey_event_str (event, "vote"), "unknown:-7");
    covey_event_destroy (&event);

    event = covey_event_new (COVEY_EVENT_BROADCAST);
    assert_int_equal (covey_event_set_str (event, "scope", "custom"), COVEY_OK);
    assert_string_equal (covey_event_str (event, "scope"), "custom");
    covey_event_destroy (&event);
}

static void
test_bytes_are_base64_text (void **state)
{
    (void)state;
    covey_event_t *event = covey_event_new (COVEY_EVENT_SWARM_VOTE_CAST);
    assert_int_equal (covey_event_set_str (event, "signature", "AAEC"),
                      COVEY_OK);
    assert_true (covey_event_has (event, "signature"));
    s_refused (covey_event_set_str (event, "publicKey", "A"), COVEY_INVALID,
               "publicKey is not base64");
    assert_false (covey_event_has (event, "publicKey"));
    covey_event_destroy (&event);
}

static void
test_lists_grow_to_their_bound (void **state)
{
    (void)state;
    covey_event_t *event = covey_event_new (COVEY_EVENT_SWARM_FORMED), *back;
    assert_int_equal (covey_event_count (event, "initialMembers"), 0);
    for (int i = 0; i < COVEY_LIST_MAX; i++)
        assert_int_equal (
            covey_event_add_str (event, "initialMembers", i ? "b" : "a"),
            COVEY_OK);
    s_refused (covey_event_add_str (event, "initialMembers", "c"), COVEY_LIMIT,
               "initialMembers has 1024 entries");
    assert_int_equal (covey_event_count (event, "initialMembers"), 1024);
    assert_string_equal (covey_event_str_at (event, "initialMembers", 0), "a");
    assert_string_equal (covey_event_str_at (event, "initialMembers", 1023),
                         "b");
    assert_string_equal (covey_event_str_at (event, "initialMembers", 1024),
                         "");
    s_refused (covey_event_set_str (event, "initialMembers", "x"),
               COVEY_INVALID, "a list of texts");
    covey_event_destroy (&event);

    /* A list that came from bytes has no room to spare. */
    event = covey_event_new (COVEY_EVENT_SWARM_FORMED);
    assert_int_equal (covey_event_set_source (event, "a"), COVEY_OK);
    assert_int_equal (covey_event_set_str (event, "swarmId", "s"), COVEY_OK);
    assert_int_equal (covey_event_set_str (event, "objective", "o"), COVEY_OK);
    assert_int_equal (covey_event_set_str (event, "strategy", "x"), COVEY_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal (covey_event_add_str (event, "initialMembers", "m"),
                          COVEY_OK);
    uint8_t *data;
    size_t size;
    assert_int_equal (covey_event_encode (event, &data, &size), COVEY_OK);
    assert_int_equal (covey_event_decode (data, size, &back), COVEY_OK);
    for (int i = 0; i < 60; i++)
        assert_int_equal (covey_event_add_str (back, "initialMembers", "n"),
                          COVEY_OK);
    assert_int_equal (covey_event_count (back, "initialMembers"), 63);
    covey_free (data);
    covey_event_destroy (&back);
    covey_event_destroy (&event);
}

static void
test_dotted_paths_reach_nested_objects (void **state)
{
    (void)state;
    covey_event_t *event = covey_event_new (COVEY_EVENT_RESPONSE);
    assert_false (covey_event_has (event, "error.code"));
    assert_false (covey_event_has (event, "error"));
    assert_int_equal (covey_event_set_str (event, "error.code", "X"), COVEY_OK);
    assert_true (covey_event_has (event, "error"));
    assert_string_equal (covey_event_str (event, "error.code"), "X");
    s_refused (covey_event_set_str (event, "error.cod", "X"), COVEY_NOTFOUND,
               "did you mean \"error.code\"?");
    s_refused (covey_event_set_str (event, "requestId.x", "X"), COVEY_NOTFOUND,
               "requestId.x");
    s_refused (covey_event_set_str (event, "result.data", "X"), COVEY_NOTFOUND,
               "result.data");
    assert_int_equal (covey_event_set_payload (event, "error.details",
                                               COVEY_CONTENT_TEXT, "why", 3),
                      COVEY_OK);
    assert_string_equal (
        covey_event_payload (event, "error.details", NULL, NULL), "why");
    covey_event_destroy (&event);
}

static void
test_refused_values_leave_no_empty_object_behind (void **state)
{
    (void)state;
    covey_event_t *event = covey_event_new (COVEY_EVENT_RESPONSE);
    s_refused (covey_event_set_str (event, "error.cod", "X"), COVEY_NOTFOUND,
               "error.code");
    s_refused (covey_event_set_int (event, "error.code", 5), COVEY_INVALID,
               "error.code takes text");
    s_refused (covey_event_set_str (event, "error.code", "\xff"), COVEY_INVALID,
               "UTF-8");
    s_refused (covey_event_set_json (event, "error.details", "{"),
               COVEY_MALFORMED, "error.details");
    s_refused (covey_event_set_payload (event, "error.details",
                                        COVEY_CONTENT_JSON, "{", 1),
               COVEY_MALFORMED, "error.details");
    assert_false (covey_event_has (event, "error"));
    covey_event_destroy (&event);
}

static void
test_numbers_in_paths_reach_list_entries (void **state)
{
    (void)state;
    covey_event_t *event =
        covey_event_new (COVEY_EVENT_SWARM_CONSENSUS_REACHED);
    const char *votes = "[{\"agentId\":\"a\",\"vote\":\"approve\"},"
                        "{\"agentId\":\"b\",\"vote\":\"reject\",\"weight\":2}]";
    assert_int_equal (covey_event_set_json (event, "votes", votes), COVEY_OK);
    assert_int_equal (covey_event_count (event, "votes"), 2);
    assert_string_equal (covey_event_str (event, "votes.1.agentId"), "b");
    assert_string_equal (covey_event_str (event, "votes.0.vote"), "approve");
    assert_true (covey_event_num (event, "votes.1.weight") == 2.0);
    assert_false (covey_event_has (event, "votes.2.agentId"));
    assert_false (covey_event_has (event, "votes.x.agentId"));
    assert_int_equal (covey_event_set_str (event, "votes.0.reason", "good"),
                      COVEY_OK);
    s_refused (covey_event_set_str (event, "votes.2.reason", "x"),
               COVEY_NOTFOUND, "votes.2.reason");
    covey_event_destroy (&event);
}

static void
test_set_json_is_all_or_nothing (void **state)
{
    (void)state;
    covey_event_t *event = covey_event_new (COVEY_EVENT_BROADCAST);
    assert_int_equal (
        covey_event_set_json (event, "filter", "{\"tags\":[\"a\",\"b\"]}"),
        COVEY_OK);
    assert_int_equal (covey_event_count (event, "filter.tags"), 2);
    s_refused (covey_event_set_json (event, "filter", "{\"tags\":[\"c\",5]}"),
               COVEY_INVALID, "tags is a number; a string is expected");
    assert_int_equal (covey_event_count (event, "filter.tags"), 2);
    s_refused (covey_event_set_json (event, "filter", "{\"tag\":[]}"),
               COVEY_INVALID, "did you mean \"tags\"?");
    s_refused (covey_event_set_json (event, "filter", "{\"tags\":"),
               COVEY_MALFORMED, "line 1, column 9");
    s_refused (covey_event_set_json (event, "filter", NULL), COVEY_MALFORMED,
               "empty");
    assert_int_equal (covey_event_set_json (event, "filter", "null"), COVEY_OK);
    assert_false (covey_event_has (event, "filter"));
    assert_int_equal (covey_event_set_json (event, "content", "{\"a\": [1]}"),
                      COVEY_OK);
    assert_string_equal (covey_event_payload (event, "content", NULL, NULL),
                         "{\"a\":[1]}");
    covey_event_destroy (&event);
}

static void
test_set_json_reads_every_kind (void **state)
{
    (void)state;
    covey_event_t *event = covey_event_new (COVEY_EVENT_TASK_SUBMITTED);
    static const struct {
        const char *field, *json;
    } cases[] = {{"taskId", "\"t\\u00e9\""},
                 {"deadline", "\"2026-11-23T12:00:00.000001+01:00\""},
                 {"dependencies", "[\"a\",\"b\"]"},
                 {"retry", "{\"attempts\":3,\"multiplier\":1.5}"},
                 {"retry.maxDelay", "\"9223372036854775807\""},
                 {"priority", "\"high\""},
                 {"input", "\"plain\""}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (covey_event_set_json (event, cases[i].field, cases[i].json) !=
            COVEY_OK)
            fail_msg ("%s: %s", cases[i].field, covey_error ());
    assert_string_equal (covey_event_str (event, "taskId"), "t\xc3\xa9");
    assert_true (covey_event_int (event, "deadline") == 1795431600000001);
    assert_true (covey_event_int (event, "retry.maxDelay") == INT64_MAX);
    assert_true (covey_event_num (event, "retry.multiplier") == 1.5);
    assert_string_equal (covey_event_str (event, "priority"), "high");
    covey_content_t content;
    size_t size;
    assert_string_equal (covey_event_payload (event, "input", &content, &size),
                         "plain");
    assert_int_equal (content, COVEY_CONTENT_TEXT);
    assert_int_equal (size, 5);
    covey_event_destroy (&event);
}

static void
test_payloads_are_checked_and_terminated (void **state)
{
    (void)state;
    covey_event_t *event = covey_event_new (COVEY_EVENT_REQUEST);
    covey_content_t content;
    size_t size;
    assert_int_equal (covey_event_set_payload (event, "params",
                                               COVEY_CONTENT_JSON,
                                               " { \"a\" : 1.0 } ", 15),
                      COVEY_OK);
    const char *data = covey_event_payload (event, "params", &content, &size);
    assert_string_equal (data, "{\"a\":1.0}");
    assert_int_equal (content, COVEY_CONTENT_JSON);
    assert_int_equal (size, 9);
    s_refused (covey_event_set_payload (event, "params", COVEY_CONTENT_JSON,
                                        "{a:1}", 5),
               COVEY_MALFORMED, "params is not JSON: line 1, column 2");
    s_refused (covey_event_set_payload (event, "params", COVEY_CONTENT_TEXT,
                                        "\xff", 1),
               COVEY_INVALID, "params is not UTF-8");
    s_refused (
        covey_event_set_payload (event, "params", (covey_content_t)9, "x", 1),
        COVEY_INVALID, "content type 9");
    assert_string_equal (covey_event_payload (event, "params", NULL, NULL),
                         "{\"a\":1.0}");
    assert_int_equal (covey_event_set_payload (event, "params",
                                               COVEY_CONTENT_BINARY, "a\0b", 3),
                      COVEY_OK);
    data = covey_event_payload (event, "params", NULL, &size);
    assert_int_equal (size, 3);
    assert_memory_equal (data, "a\0b", 4);
    assert_int_equal (
        covey_event_set_payload (event, "params", COVEY_CONTENT_TEXT, NULL, 0),
        COVEY_OK);
    assert_string_equal (covey_event_payload (event, "params", NULL, &size),
                         "");
    assert_int_equal (size, 0);
    covey_event_destroy (&event);
}

static void
test_payload_bound_is_tried_at_and_past_it (void **state)
{
    (void)state;
    covey_event_t *event = covey_event_new (COVEY_EVENT_REQUEST);
    char *large = malloc (COVEY_PAYLOAD_MAX + 1);
    memset (large, 'x', COVEY_PAYLOAD_MAX + 1);
    assert_int_equal (covey_event_set_payload (event, "params",
                                               COVEY_CONTENT_TEXT, large,
                                               COVEY_PAYLOAD_MAX),
                      COVEY_OK);
    s_refused (covey_event_set_payload (event, "params", COVEY_CONTENT_TEXT,
                                        large, COVEY_PAYLOAD_MAX + 1),
               COVEY_LIMIT, "params has 1048577 bytes; the bound is 1048576");
    free (large);
    covey_event_destroy (&event);
}

static void
test_content_type_follows_the_content (void **state)
{
    (void)state;
    covey_event_t *event = covey_event_new (COVEY_EVENT_MESSAGE_SENT);
    assert_int_equal (covey_event_set_payload (event, "content",
                                               COVEY_CONTENT_COMMAND, "ls", 2),
                      COVEY_OK);
    assert_string_equal (covey_event_str (event, "contentType"), "command");
    assert_int_equal (covey_event_set_json (event, "content", "{\"a\":1}"),
                      COVEY_OK);
    assert_string_equal (covey_event_str (event, "contentType"), "json");
    assert_int_equal (covey_event_set_json (event, "content", "\"text\""),
                      COVEY_OK);
    assert_string_equal (covey_event_payload (event, "content", NULL, NULL),
                         "\"text\"");
    covey_event_destroy (&event);
}

static void
test_flags (void **state)
{
    (void)state;
    covey_event_t *event = covey_event_new (COVEY_EVENT_AGENT_TERMINATED);
    assert_false (covey_event_bool (event, "graceful"));
    assert_int_equal (covey_event_set_bool (event, "graceful", true), COVEY_OK);
    assert_true (covey_event_bool (event, "graceful"));
    covey_event_destroy (&event);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_text_is_set_and_copied),
        cmocka_unit_test (test_unknown_field_names_the_nearest),
        cmocka_unit_test (test_wrong_kind_says_what_the_field_takes),
        cmocka_unit_test (test_text_is_checked),
        cmocka_unit_test (test_integers_keep_their_range),
        cmocka_unit_test (test_numbers_are_finite_and_fit),
        cmocka_unit_test (test_enums_are_text),
        cmocka_unit_test (test_bytes_are_base64_text),
        cmocka_unit_test (test_lists_grow_to_their_bound),
        cmocka_unit_test (test_dotted_paths_reach_nested_objects),
        cmocka_unit_test (test_refused_values_leave_no_empty_object_behind),
        cmocka_unit_test (test_numbers_in_paths_reach_list_entries),
        cmocka_unit_test (test_set_json_is_all_or_nothing),
        cmocka_unit_test (test_set_json_reads_every_kind),
        cmocka_unit_test (test_payloads_are_checked_and_terminated),
        cmocka_unit_test (test_payload_bound_is_tried_at_and_past_it),
        cmocka_unit_test (test_content_type_follows_the_content),
        cmocka_unit_test (test_flags)};
    return cmocka_run_group_tests (tests, NULL, NULL);
}
