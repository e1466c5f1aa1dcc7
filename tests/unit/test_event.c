/*  The event class: life, envelope, bytes, equality, requests and answers.  */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/event.h"
#include "proto/event.pb-c.h"

static void
s_refused (covey_err_t rc, covey_err_t expected, const char *part)
{
    assert_string_equal (covey_err_name (rc), covey_err_name (expected));
    if (!strstr (covey_error (), part))
        fail_msg ("\"%s\" does not have \"%s\"", covey_error (), part);
}

#define OK(call)                             \
    do {                                     \
        if ((call) != COVEY_OK)              \
            fail_msg ("%s", covey_error ()); \
    } while (0)

static const uint8_t s_id[16] = {1, 2,  3,  4,  5,  6,  7,  8,
                                 9, 10, 11, 12, 13, 14, 15, 16};

/*  A small event that is complete.                                          */
static covey_event_t *
s_task (void)
{
    covey_event_t *event = covey_event_new (COVEY_EVENT_TASK_ACCEPTED);
    assert_non_null (event);
    OK (covey_event_set_source (event, "worker-1"));
    OK (covey_event_set_str (event, "taskId", "t1"));
    return event;
}

/*  One with every field of the envelope.                                    */
static covey_event_t *
s_full (void)
{
    covey_event_t *event = s_task ();
    OK (covey_event_set_id (event, s_id));
    OK (covey_event_add_target (event, "a"));
    OK (covey_event_add_target (event, "b"));
    OK (covey_event_set_timestamp_us (event, 1234567));
    OK (covey_event_set_correlation_id (event, "corr"));
    OK (covey_event_set_causation_id (event, s_id));
    OK (covey_event_set_session_id (event, "sess"));
    OK (covey_event_set_priority (event, COVEY_PRIORITY_CRITICAL));
    OK (covey_event_set_ttl_ms (event, 5000));
    OK (covey_event_set_traceparent (event, "00-abc-def-01"));
    OK (covey_event_add_tag (event, "red"));
    OK (covey_event_add_tag (event, "round"));
    OK (covey_event_set_metadata (event, "k", "v"));
    OK (covey_event_set_metadata (event, "l", "w"));
    covey_event_set_hlc (event, 77);
    covey_event_set_offset (event, 99);
    return event;
}

static void
s_check_full (const covey_event_t *event)
{
    assert_memory_equal (covey_event_id (event), s_id, 16);
    assert_string_equal (covey_event_source (event), "worker-1");
    assert_int_equal (covey_event_target_count (event), 2);
    assert_string_equal (covey_event_target (event, 1), "b");
    assert_string_equal (covey_event_target (event, 2), "");
    assert_int_equal (covey_event_timestamp_us (event), 1234567);
    assert_int_equal (covey_event_hlc (event), 77);
    assert_string_equal (covey_event_correlation_id (event), "corr");
    assert_memory_equal (covey_event_causation_id (event), s_id, 16);
    assert_string_equal (covey_event_session_id (event), "sess");
    assert_int_equal (covey_event_priority (event), COVEY_PRIORITY_CRITICAL);
    assert_int_equal (covey_event_ttl_ms (event), 5000);
    assert_string_equal (covey_event_traceparent (event), "00-abc-def-01");
    assert_int_equal (covey_event_tag_count (event), 2);
    assert_string_equal (covey_event_tag (event, 0), "red");
    assert_string_equal (covey_event_tag (event, 7), "");
    assert_string_equal (covey_event_metadata (event, "k"), "v");
    assert_string_equal (covey_event_metadata (event, "l"), "w");
    assert_string_equal (covey_event_metadata (event, "none"), "");
    assert_string_equal (covey_event_str (event, "taskId"), "t1");
}

static void
test_a_new_event_has_id_time_and_type (void **state)
{
    (void)state;
    covey_event_t *event = s_task ();
    assert_int_equal (covey_event_type (event), COVEY_EVENT_TASK_ACCEPTED);
    assert_false (covey_id_is_zero (covey_event_id (event)));
    assert_true (covey_event_timestamp_us (event) > 1600000000000000);
    assert_int_equal (covey_event_priority (event), COVEY_PRIORITY_NORMAL);
    assert_int_equal (covey_event_offset (event), -1);
    assert_int_equal (covey_event_target_count (event), 0);
    assert_string_equal (covey_event_session_id (event), "");
    assert_string_equal (covey_event_correlation_id (event), "");
    assert_null (covey_event_causation_id (event));
    assert_null (covey_event_origin (event));
    assert_int_equal (covey_event_origin_seq (event), 0);
    covey_event_destroy (&event);
    assert_null (event);
    covey_event_destroy (&event);
    covey_event_destroy (NULL);
}

static void
test_every_type_can_be_made_and_no_other (void **state)
{
    (void)state;
    for (int type = -1; type <= 600; type++) {
        covey_event_t *event = covey_event_new (type);
        assert_int_equal (event != NULL, covey_event_type_name (type) != NULL);
        if (event)
            assert_int_equal (covey_event_type (event), type);
        else
            assert_non_null (strstr (covey_error (), "no event type"));
        covey_event_destroy (&event);
    }
}

static void
test_types_are_the_field_numbers_of_the_oneof (void **state)
{
    (void)state;
    const ProtobufCEnumDescriptor *types = &covey__v1__event_type__descriptor;
    const ProtobufCMessageDescriptor *event = &covey__v1__event__descriptor;
    unsigned members = 0;
    for (unsigned i = 0; i < event->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &event->fields[i];
        if (!(field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF))
            continue;
        members++;
        const ProtobufCEnumValue *value =
            protobuf_c_enum_descriptor_get_value (types, (int)field->id);
        assert_non_null (value);
        /* AGENT_SPAWNED is agent_spawned. */
        size_t size = strlen (field->name);
        assert_int_equal (strlen (value->name), size);
        for (size_t j = 0; j < size; j++)
            assert_int_equal (value->name[j] | 0x20, field->name[j] | 0x20);
        assert_non_null (covey_event_type_name ((int)field->id));
    }
    /* EVENT_NONE is the one value without a member. */
    assert_int_equal (members + 1, types->n_values);
}

static void
test_the_envelope_goes_through_bytes_dup_and_json (void **state)
{
    (void)state;
    covey_event_t *event = s_full (), *decoded, *parsed, *copy;
    s_check_full (event);
    uint8_t *data;
    size_t size;
    OK (covey_event_validate (event));
    OK (covey_event_encode (event, &data, &size));
    assert_int_equal (size, covey_event_packed_size (event));
    OK (covey_event_decode (data, size, &decoded));
    s_check_full (decoded);
    assert_int_equal (covey_event_offset (decoded), -1);
    copy = covey_event_dup (event);
    s_check_full (copy);
    assert_int_equal (covey_event_offset (copy), 99);
    char *json = covey_event_to_json (event);
    OK (covey_event_from_json (json, strlen (json), &parsed));
    s_check_full (parsed);
    assert_int_equal (covey_event_offset (parsed), 99);
    assert_true (covey_event_equal (event, decoded));
    assert_true (covey_event_equal (event, copy));
    assert_true (covey_event_equal (event, parsed));
    OK (covey_event_set_ttl_ms (copy, 5001));
    assert_false (covey_event_equal (event, copy));
    covey_free (json);
    covey_free (data);
    covey_event_destroy (&event);
    covey_event_destroy (&decoded);
    covey_event_destroy (&copy);
    covey_event_destroy (&parsed);
}

static void
test_json_of_an_event_is_as_documented (void **state)
{
    (void)state;
    covey_event_t *event = s_full ();
    char *json = covey_event_to_json (event);
    assert_string_equal (
        json,
        "{\"id\":\"01020304-0506-0708-090a-0b0c0d0e0f10\","
        "\"type\":\"task:accepted\",\"source\":\"worker-1\","
        "\"target\":[\"a\",\"b\"],\"timestamp\":\"1970-01-01T00:00:01."
        "234567Z\","
        "\"hlc\":77,\"correlationId\":\"corr\","
        "\"causationId\":\"01020304-0506-0708-090a-0b0c0d0e0f10\","
        "\"sessionId\":\"sess\",\"priority\":\"critical\",\"ttl\":5000,"
        "\"traceparent\":\"00-abc-def-01\",\"tags\":[\"red\",\"round\"],"
        "\"metadata\":{\"k\":\"v\",\"l\":\"w\"},\"data\":{\"taskId\":\"t1\"},"
        "\"offset\":99}");
    covey_free (json);
    covey_event_destroy (&event);
}

static void
test_envelope_setters_refuse_and_keep (void **state)
{
    (void)state;
    covey_event_t *event = s_full ();
    char id[COVEY_AGENT_ID_MAX + 2];
    memset (id, 'x', sizeof id);
    id[COVEY_AGENT_ID_MAX + 1] = '\0';
    s_refused (covey_event_set_source (event, id), COVEY_INVALID,
               "is no agent id: 1 to 128 bytes");
    s_refused (covey_event_set_source (event, ""), COVEY_INVALID, "source");
    s_refused (covey_event_set_source (event, NULL), COVEY_INVALID, "source");
    s_refused (covey_event_set_source (event, "a b"), COVEY_INVALID, "a b");
    s_refused (covey_event_add_target (event, "a\n"), COVEY_INVALID, "target");
    s_refused (covey_event_set_priority (event, (covey_priority_t)4),
               COVEY_INVALID, "priority 4");
    s_refused (covey_event_set_session_id (event, "\xff"), COVEY_INVALID,
               "sessionId is not UTF-8");
    s_refused (covey_event_add_tag (event, NULL), COVEY_INVALID, "tag");
    char name[COVEY_NAME_MAX + 2];
    memset (name, 'n', sizeof name);
    name[COVEY_NAME_MAX + 1] = '\0';
    s_refused (covey_event_set_correlation_id (event, name), COVEY_LIMIT,
               "correlationId has 257 bytes; the bound is 256");
    s_refused (covey_event_set_traceparent (event, name), COVEY_LIMIT,
               "traceparent");
    s_refused (covey_event_set_metadata (event, name, "v"), COVEY_LIMIT,
               "metadata key");
    s_check_full (event);
    name[COVEY_NAME_MAX] = '\0';
    OK (covey_event_set_correlation_id (event, name));
    id[COVEY_AGENT_ID_MAX] = '\0';
    OK (covey_event_set_source (event, id));
    OK (covey_event_validate (event));
    covey_event_destroy (&event);
}

static void
test_metadata_is_replaced_by_key (void **state)
{
    (void)state;
    covey_event_t *event = s_task ();
    OK (covey_event_set_metadata (event, "k", "1"));
    OK (covey_event_set_metadata (event, "k", "2"));
    assert_string_equal (covey_event_metadata (event, "k"), "2");
    OK (covey_event_validate (event));
    char key[16];
    for (int i = 1; i < COVEY_LIST_MAX; i++) {
        (void)snprintf (key, sizeof key, "k%d", i);
        OK (covey_event_set_metadata (event, key, ""));
    }
    s_refused (covey_event_set_metadata (event, "more", ""), COVEY_LIMIT,
               "metadata has 1024 entries");
    OK (covey_event_set_metadata (event, "k", "3"));
    OK (covey_event_validate (event));
    covey_event_destroy (&event);
}

static void
test_lists_of_the_envelope_end_at_their_bound (void **state)
{
    (void)state;
    covey_event_t *event = s_task ();
    for (int i = 0; i < COVEY_LIST_MAX; i++) {
        OK (covey_event_add_tag (event, "t"));
        OK (covey_event_add_target (event, "a"));
    }
    s_refused (covey_event_add_tag (event, "t"), COVEY_LIMIT, "tags has 1024");
    s_refused (covey_event_add_target (event, "a"), COVEY_LIMIT,
               "target has 1024");
    OK (covey_event_validate (event));
    covey_event_destroy (&event);
}

static void
test_incomplete_events_are_not_packed (void **state)
{
    (void)state;
    covey_event_t *event = covey_event_new (COVEY_EVENT_RESPONSE);
    uint8_t *data = NULL;
    size_t size = 0;
    OK (covey_event_set_source (event, "a"));
    s_refused (covey_event_encode (event, &data, &size), COVEY_INVALID,
               "data.requestId is missing; response needs it");
    OK (covey_event_set_str (event, "requestId", ""));
    OK (covey_event_set_str (event, "error.code", "X"));
    s_refused (covey_event_validate (event), COVEY_INVALID,
               "data.error.message is missing; response needs it");
    /* A copy stays as incomplete as it was. */
    covey_event_t *copy = covey_event_dup (event);
    assert_false (covey_event_has (copy, "error.message"));
    covey_event_destroy (&copy);
    OK (covey_event_set_str (event, "error.message", "m"));
    OK (covey_event_validate (event));
    covey_event_destroy (&event);

    event = covey_event_new (COVEY_EVENT_SWARM_VOTE_CAST);
    static const char *const fields[] = {"consensusId", "swarmId", "agentId"};
    for (int i = 0; i < 3; i++)
        OK (covey_event_set_str (event, fields[i], "x"));
    s_refused (covey_event_encode (event, &data, &size), COVEY_INVALID,
               "data.vote is missing; swarm:vote:cast needs it");
    assert_null (data);
    covey_event_destroy (&event);
}

static void
test_an_event_past_its_bound_is_refused (void **state)
{
    (void)state;
    covey_event_t *event = s_task ();
    char *large = malloc (COVEY_TEXT_MAX + 1);
    memset (large, 'x', COVEY_TEXT_MAX);
    large[COVEY_TEXT_MAX] = '\0';
    char key[16];
    for (int i = 0; i < 64; i++) {
        (void)snprintf (key, sizeof key, "%d", i);
        OK (covey_event_set_metadata (event, key, large));
    }
    s_refused (covey_event_validate (event), COVEY_LIMIT,
               "the bound is 4194304");
    free (large);
    covey_event_destroy (&event);
}

static void
test_pack_appends_and_keeps_on_failure (void **state)
{
    (void)state;
    covey_event_t *event = s_task ();
    covey_buf_t buf;
    covey_buf_init (&buf, covey_event_packed_size (event) + 4);
    covey_buf_puts (&buf, "head");
    OK (covey_event_pack (event, &buf, covey_errbuf ()));
    assert_int_equal (buf.size, covey_event_packed_size (event) + 4);
    assert_memory_equal (buf.data, "head", 4);
    s_refused (covey_event_pack (event, &buf, covey_errbuf ()), COVEY_LIMIT,
               "are in use");
    assert_int_equal (buf.size, covey_event_packed_size (event) + 4);
    covey_buf_deinit (&buf);
    covey_event_destroy (&event);
}

static void
test_decode_refuses_and_leaves_the_result_alone (void **state)
{
    (void)state;
    covey_event_t *event = NULL;
    s_refused (covey_event_decode ("", 0, &event), COVEY_INVALID, "missing");
    s_refused (covey_event_decode ("\xff\xff", 2, &event), COVEY_MALFORMED,
               "no protobuf");
    s_refused (covey_event_from_json ("x", 1, &event), COVEY_MALFORMED,
               "line 1, column 1");
    assert_null (event);
}

static void
test_the_origin_is_read_from_the_end_of_the_bytes (void **state)
{
    (void)state;
    covey_event_t *event = s_task (), *back;
    covey_buf_t buf;
    covey_buf_init (&buf, 1000);
    OK (covey_event_pack (event, &buf, covey_errbuf ()));
    OK (covey_event_append_origin (&buf, s_id, 5));
    OK (covey_event_append_origin (&buf, s_id, 6));
    OK (covey_event_unpack (buf.data, buf.size, &back, covey_errbuf ()));
    assert_memory_equal (covey_event_origin (back), s_id, 16);
    assert_int_equal (covey_event_origin_seq (back), 6);
    assert_false (covey_event_equal (event, back));
    covey_buf_deinit (&buf);
    covey_event_destroy (&event);
    covey_event_destroy (&back);
}

static void
test_normal_priority_goes_without_saying (void **state)
{
    (void)state;
    covey_event_t *event = s_task (), *other = covey_event_dup (event);
    OK (covey_event_set_priority (event, COVEY_PRIORITY_HIGH));
    assert_false (covey_event_equal (event, other));
    OK (covey_event_set_priority (event, COVEY_PRIORITY_NORMAL));
    assert_true (covey_event_equal (event, other));
    covey_event_destroy (&event);
    covey_event_destroy (&other);
}

/*  Bytes of a request whose JSON params are `params`, as they stand.        */
static covey_event_t *
s_request_with (const char *params)
{
    covey_event_t *event = covey_event_request ("a", "b", "r1", "m", "[1]", 0),
                  *back;
    uint8_t *data;
    size_t size;
    assert_int_equal (strlen (params), 3);
    OK (covey_event_set_id (event, s_id));
    OK (covey_event_set_timestamp_us (event, 1));
    OK (covey_event_encode (event, &data, &size));
    uint8_t *at = memmem (data, size, "[1]", 3);
    assert_non_null (at);
    memcpy (at, params, 3);
    OK (covey_event_decode (data, size, &back));
    assert_string_equal (covey_event_payload (back, "params", NULL, NULL),
                         params);
    covey_free (data);
    covey_event_destroy (&event);
    return back;
}

static void
test_white_space_in_json_payloads_is_kept_but_means_nothing (void **state)
{
    (void)state;
    covey_event_t *a = s_request_with ("1  "), *b = s_request_with (" 1\n");
    covey_event_t *c = s_request_with ("\t2 "), *d;
    assert_true (covey_event_equal (a, b));
    assert_false (covey_event_equal (a, c));
    char *json = covey_event_to_json (b);
    assert_non_null (strstr (json, "\"params\":1}"));
    OK (covey_event_from_json (json, strlen (json), &d));
    assert_true (covey_event_equal (b, d));
    covey_free (json);
    covey_event_destroy (&a);
    covey_event_destroy (&b);
    covey_event_destroy (&c);
    covey_event_destroy (&d);
}

static void
test_payload_that_was_decoded_ends_with_nul (void **state)
{
    (void)state;
    covey_event_t *event = s_request_with ("\"x\"");
    size_t size;
    covey_content_t content;
    const char *data = covey_event_payload (event, "params", &content, &size);
    assert_int_equal (size, 3);
    assert_int_equal (content, COVEY_CONTENT_JSON);
    assert_int_equal (data[3], '\0');
    covey_event_destroy (&event);
}

static void
test_requests_and_answers_belong_together (void **state)
{
    (void)state;
    covey_event_t *request =
        covey_event_request ("asker", "helper", "r1", "sum", "[1, 2]", 250);
    assert_non_null (request);
    OK (covey_event_validate (request));
    assert_int_equal (covey_event_type (request), COVEY_EVENT_REQUEST);
    assert_string_equal (covey_event_target (request, 0), "helper");
    assert_int_equal (covey_event_int (request, "timeout"), 250);
    assert_string_equal (covey_event_payload (request, "params", NULL, NULL),
                         "[1,2]");
    covey_event_t *answer =
        covey_event_response (request, "helper", COVEY_CONTENT_JSON, "3", 1);
    OK (covey_event_validate (answer));
    assert_string_equal (covey_event_source (answer), "helper");
    assert_string_equal (covey_event_target (answer, 0), "asker");
    assert_string_equal (covey_event_str (answer, "requestId"), "r1");
    assert_string_equal (covey_event_correlation_id (answer),
                         covey_event_correlation_id (request));
    assert_memory_equal (covey_event_causation_id (answer),
                         covey_event_id (request), 16);
    assert_true (covey_event_bool (answer, "success"));
    covey_event_destroy (&answer);
    answer =
        covey_event_response (request, "helper", COVEY_CONTENT_TEXT, NULL, 0);
    assert_false (covey_event_has (answer, "result"));
    covey_event_destroy (&answer);
    answer = covey_event_error (request, "helper", "NOTFOUND", "no such sum");
    OK (covey_event_validate (answer));
    assert_false (covey_event_bool (answer, "success"));
    assert_string_equal (covey_event_str (answer, "error.code"), "NOTFOUND");
    assert_string_equal (covey_event_str (answer, "error.message"),
                         "no such sum");
    covey_event_destroy (&answer);
    assert_null (
        covey_event_response (request, "helper", COVEY_CONTENT_JSON, "{", 1));
    assert_non_null (strstr (covey_error (), "result is not JSON"));
    assert_null (covey_event_request ("a", "b c", "r", "m", NULL, 0));
    covey_event_destroy (&request);
}

/*  What came out of bytes lies in one piece until it is changed. */
static void
test_an_unpacked_event_can_be_changed (void **state)
{
    (void)state;
    covey_event_t *task = s_task (), *event;
    OK (covey_event_add_target (task, "worker-2"));
    OK (covey_event_add_tag (task, "red"));
    OK (covey_event_set_metadata (task, "key", "old"));
    uint8_t *data;
    size_t size;
    OK (covey_event_encode (task, &data, &size));
    for (int first = 0; first < 8; first++) {
        OK (covey_event_decode (data, size, &event));
        const char *source = covey_event_source (event);
        /* Each setter is once the first one to change it. */
        for (int i = 0; i < 8; i++)
            switch ((first + i) % 8) {
                case 0:
                    OK (covey_event_set_str (event, "taskId", "t2"));
                    break;
                case 1:
                    OK (covey_event_set_source (event, source));
                    break;
                case 2:
                    OK (covey_event_add_target (event, "worker-3"));
                    break;
                case 3:
                    OK (covey_event_set_metadata (event, "key", "new"));
                    break;
                case 4:
                    OK (covey_event_set_id (event, s_id));
                    break;
                case 5:
                    OK (covey_event_add_tag (event, "blue"));
                    break;
                case 6:
                    OK (covey_event_set_causation_id (event, s_id));
                    break;
                default:
                    covey_event_clear_targets (event);
                    break;
            }
        assert_string_equal (covey_event_str (event, "taskId"), "t2");
        assert_string_equal (covey_event_source (event), "worker-1");
        assert_string_equal (covey_event_metadata (event, "key"), "new");
        assert_string_equal (covey_event_tag (event, 1), "blue");
        assert_memory_equal (covey_event_id (event), s_id, 16);
        assert_int_equal (covey_event_target_count (event),
                          first > 2 ? 1 : 0); /* added behind the clearing */
        covey_event_destroy (&event);
    }
    free (data);
    covey_event_destroy (&task);
}

/*  A new event is one piece of memory until that is full.                   */
static void
test_an_event_outgrows_the_room_it_began_with (void **state)
{
    (void)state;
    covey_event_t *event = covey_event_new (COVEY_EVENT_MESSAGE_SENT);
    char body[3000], text[24];
    memset (body, 'b', sizeof body);
    OK (covey_event_set_str (event, "messageId", "first"));
    OK (covey_event_set_str (event, "contentType", "text"));
    OK (covey_event_set_payload (event, "content", COVEY_CONTENT_TEXT, body,
                                 20));
    for (int i = 0; i < 300;
         i++) { /* replaced, appended, and moved on the way */
        snprintf (text, sizeof text, "agent-%d", i);
        OK (covey_event_set_source (event, text));
        OK (covey_event_set_str (event, "messageId", text));
        OK (covey_event_set_str (event, "replyTo", i % 2 ? text : "none"));
        if (i < 200)
            OK (covey_event_add_target (event, text));
        OK (covey_event_add_tag (event, text));
        assert_string_equal (covey_event_source (event), text);
        assert_string_equal (covey_event_str (event, "messageId"), text);
        assert_string_equal (covey_event_tag (event, 0), "agent-0");
        assert_string_equal (covey_event_tag (event, (size_t)i), text);
        assert_string_equal (covey_event_str (event, "contentType"), "text");
        size_t size = 0;
        const char *data = covey_event_payload (event, "content", NULL, &size);
        assert_int_equal (size, 20);
        assert_memory_equal (data, body, size);
    }
    OK (covey_event_set_payload (event, "content", COVEY_CONTENT_TEXT, body,
                                 sizeof body));
    uint8_t *packed;
    size_t size;
    OK (covey_event_encode (event, &packed, &size));
    covey_event_t *copy;
    OK (covey_event_decode (packed, size, &copy));
    assert_true (covey_event_equal (event, copy));
    assert_int_equal (covey_event_target_count (copy), 200);
    assert_int_equal (covey_event_tag_count (copy), 300);
    covey_free (packed);
    covey_event_destroy (&copy);
    covey_event_destroy (&event);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_a_new_event_has_id_time_and_type),
        cmocka_unit_test (test_every_type_can_be_made_and_no_other),
        cmocka_unit_test (test_types_are_the_field_numbers_of_the_oneof),
        cmocka_unit_test (test_the_envelope_goes_through_bytes_dup_and_json),
        cmocka_unit_test (test_json_of_an_event_is_as_documented),
        cmocka_unit_test (test_envelope_setters_refuse_and_keep),
        cmocka_unit_test (test_metadata_is_replaced_by_key),
        cmocka_unit_test (test_lists_of_the_envelope_end_at_their_bound),
        cmocka_unit_test (test_incomplete_events_are_not_packed),
        cmocka_unit_test (test_an_event_past_its_bound_is_refused),
        cmocka_unit_test (test_pack_appends_and_keeps_on_failure),
        cmocka_unit_test (test_decode_refuses_and_leaves_the_result_alone),
        cmocka_unit_test (test_the_origin_is_read_from_the_end_of_the_bytes),
        cmocka_unit_test (test_normal_priority_goes_without_saying),
        cmocka_unit_test (
            test_white_space_in_json_payloads_is_kept_but_means_nothing),
        cmocka_unit_test (test_an_unpacked_event_can_be_changed),
        cmocka_unit_test (test_payload_that_was_decoded_ends_with_nul),
        cmocka_unit_test (test_an_event_outgrows_the_room_it_began_with),
        cmocka_unit_test (test_requests_and_answers_belong_together)};
    return cmocka_run_group_tests (tests, NULL, NULL);
}
