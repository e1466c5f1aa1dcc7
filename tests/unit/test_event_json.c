/*  Events as JSON: defaults, errors. Jansson is the independent reader that the
    writer is held against.                                                   */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/event.h"

static void
test_writer_agrees_with_jansson (void **state)
{
    (void)state;
    static const int types[] = {
#define COVEY_X(number, name, wire) number,
        COVEY_EVENT_MAP (COVEY_X)
#undef COVEY_X
    };
    covey_prng_t prng;
    covey_prng_init (&prng, 11);
    for (size_t i = 0; i < 20 * (sizeof types / sizeof *types); i++) {
        int type = types[i % (sizeof types / sizeof *types)];
        covey_event_t *event = covey_event_random (type, &prng, 20);
        char *text = covey_event_to_json (event);
        json_error_t error;
        /* Payloads may hold integers that jansson lacks, but no doubles. */
        json_t *root = json_loads (text, JSON_DECODE_INT_AS_REAL, &error);
        if (!root)
            fail_msg ("%s: %s", error.text, text);
        assert_string_equal (json_string_value (json_object_get (root, "type")),
                             covey_event_type_name (type));
        assert_string_equal (
            json_string_value (json_object_get (root, "source")),
            covey_event_source (event));
        json_t *tags = json_object_get (root, "tags");
        assert_int_equal (json_array_size (tags),
                          covey_event_tag_count (event));
        for (size_t j = 0; j < json_array_size (tags); j++)
            assert_string_equal (json_string_value (json_array_get (tags, j)),
                                 covey_event_tag (event, j));
        json_decref (root);
        covey_free (text);
        covey_event_destroy (&event);
    }
}

static void
s_refused (const char *json, covey_err_t code, const char *part)
{
    covey_event_t *event = NULL;
    covey_err_t rc = covey_event_from_json (json, strlen (json), &event);
    assert_null (event);
    if (rc != code || !strstr (covey_error (), part))
        fail_msg ("%s \"%s\", not %s \"%s\": %s", covey_err_name (rc),
                  covey_error (), covey_err_name (code), part, json);
}

static void
test_events_refuse_what_does_not_fit (void **state)
{
    (void)state;
    s_refused ("", COVEY_MALFORMED, "the event is empty");
    s_refused ("{\"a\"", COVEY_MALFORMED, "line 1, column 5: ':' is expected");
    s_refused ("[]", COVEY_INVALID, "no JSON object");
    s_refused ("{}", COVEY_INVALID, "type is missing");
    s_refused ("{\"type\":5}", COVEY_INVALID, "type is no string");
    s_refused ("{\"type\":\"task:assignd\"}", COVEY_INVALID,
               "no event type \"task:assignd\"; did you mean "
               "\"task:assigned\"?");
    s_refused ("{\"type\":\"unknown:9\"}", COVEY_INVALID, "unknown:9");
    s_refused ("{\"type\":\"task:accepted\"}", COVEY_INVALID,
               "data.taskId is missing; task:accepted needs it");
    s_refused ("{\"type\":\"task:accepted\",\"data\":5}", COVEY_INVALID,
               "data is no object");
    s_refused ("{\"type\":\"task:accepted\",\"data\":{\"taskid\":\"a\"}}",
               COVEY_INVALID, "did you mean \"taskId\"?");
    s_refused ("{\"type\":\"task:accepted\",\"prioritty\":\"low\"}",
               COVEY_INVALID,
               "an event has no \"prioritty\"; did you mean \"priority\"?");
    s_refused ("{\"type\":\"task:accepted\",\"taskAccepted\":{}}",
               COVEY_INVALID, "an event has no \"taskAccepted\"");
    s_refused ("{\"type\":\"task:accepted\",\"type\":\"task:accepted\"}",
               COVEY_INVALID, "\"type\" comes twice");
    s_refused ("{\"type\":\"task:accepted\",\"offset\":-1}", COVEY_INVALID,
               "offset is no integer");
    s_refused ("{\"type\":\"task:accepted\",\"offset\":1,\"offset\":2}",
               COVEY_INVALID, "\"offset\" comes twice");
    s_refused ("{\"type\":\"task:accepted\",\"id\":\"x\"}", COVEY_INVALID,
               "id is \"x\"; a UUID is expected");
    s_refused ("{\"type\":\"task:accepted\",\"target\":5}", COVEY_INVALID,
               "target is a number; a list is expected");
    s_refused ("{\"type\":\"task:accepted\",\"metadata\":[5]}", COVEY_INVALID,
               "metadata is a number; an object is expected");
    s_refused ("{\"type\":\"task:accepted\",\"metadata\":{\"a\":\"1\","
               "\"\\u0061\":\"2\"}}",
               COVEY_INVALID, "the key a comes twice");
    s_refused ("{\"type\":\"task:accepted\",\"metadata\":{\"a\":1}}",
               COVEY_INVALID, "value is a number; a string is expected");
    s_refused ("{\"type\":\"task:accepted\",\"$unknown\":\"EgFh\"}",
               COVEY_INVALID, "$unknown");
    s_refused ("{\"type\":\"unknown:17\"}", COVEY_INVALID,
               "data of unknown:17 is not {\"raw\": base64}");
    s_refused ("{\"type\":\"unknown:17\",\"data\":{\"raw\":\"x\"}}",
               COVEY_INVALID, "data of unknown:17");
    s_refused ("{\"type\":\"unknown:17\",\"data\":{\"raw\":\"\",\"a\":1}}",
               COVEY_INVALID, "data of unknown:17");
    s_refused ("{\"type\":\"task:submitted\",\"data\":{\"taskId\":\"t\","
               "\"taskType\":\"t\",\"description\":\"\"}}",
               COVEY_INVALID,
               "data.priority is missing; task:submitted needs it");
}

static void
test_events_get_defaults_and_short_targets (void **state)
{
    (void)state;
    const char *json =
        "{\"data\":{\"taskId\":\"t\"},\"target\":\"b\",\"offset\":7,"
        "\"metadata\":{\"k\":\"v\",\"l\":\"\"},\"type\":\"task:accepted\"}";
    covey_event_t *event = NULL;
    if (covey_event_from_json (json, strlen (json), &event) != COVEY_OK)
        fail_msg ("%s", covey_error ());
    assert_false (covey_id_is_zero (covey_event_id (event)));
    assert_true (covey_event_timestamp_us (event) > 1600000000000000);
    assert_int_equal (covey_event_priority (event), COVEY_PRIORITY_NORMAL);
    assert_int_equal (covey_event_target_count (event), 1);
    assert_string_equal (covey_event_target (event, 0), "b");
    assert_int_equal (covey_event_offset (event), 7);
    assert_string_equal (covey_event_metadata (event, "k"), "v");
    assert_string_equal (covey_event_metadata (event, "l"), "");
    char *text = covey_event_to_json (event);
    assert_non_null (strstr (text, "\"target\":[\"b\"]"));
    assert_non_null (strstr (text, "\"metadata\":{\"k\":\"v\",\"l\":\"\"}"));
    assert_non_null (strstr (text, ",\"offset\":7}"));
    covey_free (text);
    covey_event_destroy (&event);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_writer_agrees_with_jansson),
        cmocka_unit_test (test_events_refuse_what_does_not_fit),
        cmocka_unit_test (test_events_get_defaults_and_short_targets)};
    return cmocka_run_group_tests (tests, NULL, NULL);
}
