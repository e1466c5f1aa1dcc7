/*  The JSON mapping of messages: names, times, numbers, payloads, errors.   */
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/control.pb-c.h"
#include "proto/event.pb-c.h"
#include "proto/json.h"
#include "proto/store.pb-c.h"
#include "proto/wire.pb-c.h"

static ProtobufCMessage *
s_read (const ProtobufCMessageDescriptor *descriptor, const char *json)
{
    covey_errbuf_t err = {""};
    ProtobufCMessage *message = NULL;
    if (covey_json_read (descriptor, json, strlen (json), &message, &err) !=
        COVEY_OK)
        fail_msg ("%s: %s", err.text, json);
    return message;
}

static char *
s_write (const ProtobufCMessage *message)
{
    covey_buf_t buf;
    covey_buf_init (&buf, 1 << 20);
    assert_int_equal (covey_json_write (message, &buf), COVEY_OK);
    char *text = covey_buf_steal (&buf);
    assert_non_null (text);
    return text;
}

/*  The text reads and writes back as it is.                                 */
static void
s_same (const ProtobufCMessageDescriptor *descriptor, const char *json)
{
    ProtobufCMessage *message = s_read (descriptor, json);
    char *text = s_write (message);
    assert_string_equal (text, json);
    covey_free (text);
    protobuf_c_message_free_unpacked (message, NULL);
}

static void
s_bad (const ProtobufCMessageDescriptor *descriptor, const char *json,
       covey_err_t code, const char *part)
{
    covey_errbuf_t err = {""};
    ProtobufCMessage *message = NULL;
    covey_err_t rc =
        covey_json_read (descriptor, json, strlen (json), &message, &err);
    assert_null (message);
    if (rc != code || !strstr (err.text, part))
        fail_msg ("%s \"%s\", not %s \"%s\": %s", covey_err_name (rc), err.text,
                  covey_err_name (code), part, json);
}

static void
test_any_message_maps (void **state)
{
    (void)state;
    s_same (&covey__control__empty__descriptor, "{}");
    s_same (
        &covey__control__task_submit__descriptor,
        "{\"taskId\":\"t\",\"taskType\":\"count\",\"priority\":\"critical\","
        "\"requiredCapabilities\":[\"a\",\"b\"],"
        "\"deadline\":\"2026-11-23T12:00:00.000Z\","
        "\"retry\":{\"attempts\":3,\"firstDelay\":\"9007199254740993\"},"
        "\"input\":{\"path\":\"x\"},\"lease\":30000}");
    s_same (
        &covey__control__vote_view__descriptor,
        "{\"id\":\"v\",\"decision\":[1,2],\"turnout\":{\"voters\":3,"
        "\"cast\":2,\"weight\":3,\"approve\":1.5,\"reject\":0,"
        "\"abstain\":0},\"votes\":[{\"agentId\":\"a\","
        "\"vote\":\"approve\"}],\"openedAt\":\"1969-12-31T23:59:59.999999Z\"}");
    s_same (
        &covey__wire__view__descriptor,
        "{\"full\":true,\"nodes\":[{\"nodeId\":"
        "\"00112233-4455-6677-8899-aabbccddeeff\",\"state\":\"left\","
        "\"epoch\":\"18446744073709551615\"}],\"agents\":[{\"agentId\":\"a\","
        "\"state\":\"terminated\",\"since\":\"2026-11-23T12:00:00.123456Z\"}]"
        "}");
    s_same (
        &covey__store__event_query__descriptor,
        "{\"types\":[\"task:failed\"],\"afterOffset\":5,\"newestFirst\":true,"
        "\"wait\":100}");
}

static void
test_oneof_members_go_by_their_name (void **state)
{
    (void)state;
    s_same (&covey__control__command__descriptor,
            "{\"logTimeUs\":\"2026-11-23T12:00:00.000Z\","
            "\"taskCancel\":{\"taskId\":\"t\"}}");
    ProtobufCMessage *message =
        s_read (&covey__control__command__descriptor,
                "{\"logTimeUs\":5,\"taskCancel\":{\"taskId\":\"t\"},"
                "\"tick\":{}}");
    /* As on the wire, the last one wins. */
    char *text = s_write (message);
    assert_string_equal (text, "{\"logTimeUs\":\"1970-01-01T00:00:00.000005Z\","
                               "\"tick\":{}}");
    covey_free (text);
    protobuf_c_message_free_unpacked (message, NULL);
}

static void
test_messages_refuse_what_does_not_fit (void **state)
{
    (void)state;
    const ProtobufCMessageDescriptor *d =
        &covey__control__task_submit__descriptor;
    s_bad (d, "[]", COVEY_INVALID, "a list; an object is expected");
    s_bad (d, "{", COVEY_MALFORMED, "line 1, column 2");
    s_bad (d, "", COVEY_MALFORMED, "empty");
    s_bad (d, "{}", COVEY_INVALID, "taskType is missing; TaskSubmit needs it");
    s_bad (d, "{\"taskType\":null}", COVEY_INVALID, "taskType is missing");
    s_bad (d, "{\"taskTyp\":\"x\"}", COVEY_INVALID,
           "did you mean \"taskType\"?");
    s_bad (d, "{\"zzz\":1}", COVEY_INVALID, "TaskSubmit has no \"zzz\"");
    s_bad (d, "{\"task_type\":\"x\"}", COVEY_INVALID, "task_type");
    s_bad (d, "{\"taskType\":\"a\",\"taskType\":\"a\"}", COVEY_INVALID,
           "\"taskType\" comes twice (line 1, column 17)");
    s_bad (d, "{\"taskType\":\"a\",\n\"lease\":\"x\"}", COVEY_INVALID,
           "lease is a string; a number is expected (line 2, column 9)");
    s_bad (d, "{\"taskType\":\"a\",\"lease\":1.5}", COVEY_INVALID,
           "lease is 1.5; an integer of 64 bits is expected");
    s_bad (d, "{\"taskType\":\"a\",\"lease\":9223372036854775808}",
           COVEY_INVALID, "an integer of 64 bits");
    s_bad (d, "{\"taskType\":\"a\",\"lease\":\"\"}", COVEY_INVALID, "lease");
    s_bad (d, "{\"taskType\":\"a\",\"lease\":\"-\"}", COVEY_INVALID, "lease");
    s_bad (d, "{\"taskType\":\"a\",\"lease\":1e300}", COVEY_INVALID, "lease");
    s_bad (d, "{\"taskType\":\"a\",\"retry\":{\"attempts\":4294967296}}",
           COVEY_INVALID, "retry.attempts is 4294967296");
    s_bad (d, "{\"taskType\":\"a\",\"retry\":{\"attempts\":-1}}", COVEY_INVALID,
           "retry.attempts is -1");
    s_bad (d, "{\"taskType\":\"a\",\"retry\":{\"multiplier\":1e400}}",
           COVEY_INVALID, "double range");
    s_bad (d, "{\"taskType\":\"a\",\"retry\":[]}", COVEY_INVALID,
           "retry is a list; an object is expected");
    s_bad (d, "{\"taskType\":\"a\",\"dependencies\":\"b\"}", COVEY_INVALID,
           "dependencies is a string; a list is expected");
    s_bad (d, "{\"taskType\":\"a\",\"dependencies\":[null]}", COVEY_INVALID,
           "dependencies is null; a string is expected");
    s_bad (d, "{\"taskType\":\"a\",\"deadline\":\"soon\"}", COVEY_INVALID,
           "deadline is \"soon\"; a time like");
    s_bad (d, "{\"taskType\":\"a\",\"priority\":\"urgent\"}", COVEY_INVALID,
           "one of low, normal, high, critical");
    s_bad (d, "{\"taskType\":\"a\",\"priority\":1}", COVEY_INVALID,
           "priority is a number; a string is expected");
    s_bad (&covey__wire__sub_sync__descriptor, "{\"token\":\"x\"}",
           COVEY_INVALID, "base64");
    s_bad (&covey__wire__node_info__descriptor,
           "{\"nodeId\":\"00112233-4455-6677-8899-aabbccddeefg\"}",
           COVEY_INVALID, "a UUID is expected");
}

static void
test_numbers_keep_64_bits (void **state)
{
    (void)state;
    const ProtobufCMessageDescriptor *d = &covey__wire__heartbeat__descriptor;
    s_same (d, "{\"epoch\":9007199254740992,\"recvEpoch\":\"9007199254740993\","
               "\"recvSeq\":\"18446744073709551615\",\"sentSeq\":0}");
    ProtobufCMessage *message =
        s_read (d, "{\"epoch\":18446744073709551615,\"recvEpoch\":\"7\","
                   "\"recvSeq\":1e3,\"sentSeq\":2.0}");
    const Covey__Wire__Heartbeat *beat = (Covey__Wire__Heartbeat *)message;
    assert_true (beat->epoch == UINT64_MAX);
    assert_true (beat->recv_epoch == 7);
    assert_true (beat->recv_seq == 1000);
    assert_true (beat->sent_seq == 2);
    protobuf_c_message_free_unpacked (message, NULL);
    s_bad (d, "{\"epoch\":18446744073709551616}", COVEY_INVALID, "epoch");
    s_bad (d, "{\"epoch\":\"1e3\"}", COVEY_INVALID, "epoch");
}

static void
test_doubles_are_short_and_exact (void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {{0, "0"},
                 {-0.0, "-0"},
                 {5, "5"},
                 {0.1, "0.1"},
                 {-1.5, "-1.5"},
                 {1e15, "1000000000000000"},
                 {1e300, "1e+300"},
                 {5e-324, "4.94065645841247e-324"},
                 {1.0 / 3, "0.3333333333333333"},
                 {9007199254740992.0, "9007199254740992"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Covey__V1__ResourcesUsed used = COVEY__V1__RESOURCES_USED__INIT;
        char expected[100];
        used.has_cpu = true;
        used.cpu = cases[i].value;
        snprintf (expected, sizeof expected, "{\"cpu\":%s}", cases[i].text);
        char *text = s_write (&used.base);
        assert_string_equal (text, expected);
        ProtobufCMessage *back =
            s_read (&covey__v1__resources_used__descriptor, text);
        double value = ((Covey__V1__ResourcesUsed *)back)->cpu;
        assert_memory_equal (&value, &cases[i].value, sizeof value);
        protobuf_c_message_free_unpacked (back, NULL);
        covey_free (text);
    }
    Covey__V1__ResourcesUsed used = COVEY__V1__RESOURCES_USED__INIT;
    covey_buf_t buf;
    covey_buf_init (&buf, 100);
    used.has_cpu = true;
    used.cpu = (double)NAN;
    assert_int_equal (covey_json_write (&used.base, &buf), COVEY_INVALID);
    used.cpu = (double)-INFINITY;
    assert_int_equal (covey_json_write (&used.base, &buf), COVEY_INVALID);
    covey_buf_deinit (&buf);
}

static void
test_numbers_do_not_depend_on_the_locale (void **state)
{
    (void)state;
    static const char *const names[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (setlocale (LC_ALL, names[i]))
            break;
    s_same (&covey__v1__resources_used__descriptor,
            "{\"memory\":1.5,\"cpu\":0.25}");
    setlocale (LC_ALL, "C");
}

static void
test_times_keep_microseconds_and_what_no_calendar_shows (void **state)
{
    (void)state;
    const ProtobufCMessageDescriptor *d =
        &covey__control__swarm_view__descriptor;
    s_same (d, "{\"id\":\"s\",\"formedAt\":\"0000-01-01T00:00:00.000Z\"}");
    s_same (d, "{\"id\":\"s\",\"formedAt\":\"9999-12-31T23:59:59.999999Z\"}");
    s_same (d, "{\"id\":\"s\",\"formedAt\":\"9223372036854775807\"}");
    s_same (d, "{\"id\":\"s\",\"formedAt\":\"-9223372036854775808\"}");
    ProtobufCMessage *message =
        s_read (d, "{\"id\":\"s\",\"formedAt\":1700000000000001}");
    char *text = s_write (message);
    assert_string_equal (
        text, "{\"id\":\"s\",\"formedAt\":\"2023-11-14T22:13:20.000001Z\"}");
    covey_free (text);
    protobuf_c_message_free_unpacked (message, NULL);
}

static void
test_writer_says_when_there_is_no_room (void **state)
{
    (void)state;
    Covey__Wire__Bye bye = COVEY__WIRE__BYE__INIT;
    bye.reason = (char *)"a long reason";
    covey_buf_t buf;
    covey_buf_init (&buf, 10);
    assert_int_equal (covey_json_write (&bye.base, &buf), COVEY_LIMIT);
    covey_buf_deinit (&buf);
}

/* ------------------------------------------------------------------------ */
/*  Payloads                                                                  */

static char *
s_request (int content, const void *data, size_t size)
{
    Covey__V1__Payload params = COVEY__V1__PAYLOAD__INIT;
    params.has_content_type = content >= 0;
    params.content_type = (Covey__V1__ContentType)(content < 0 ? 0 : content);
    params.has_data = data != NULL;
    params.data = (ProtobufCBinaryData){size, (uint8_t *)data};
    Covey__V1__Request request = COVEY__V1__REQUEST__INIT;
    request.request_id = (char *)"r";
    request.method = (char *)"m";
    request.params = &params;
    char *text = s_write (&request.base);
    /* And back: the same bytes. */
    ProtobufCMessage *back = s_read (&covey__v1__request__descriptor, text);
    const Covey__V1__Payload *read = ((Covey__V1__Request *)back)->params;
    assert_non_null (read);
    assert_int_equal (read->has_content_type, content >= 0);
    assert_int_equal (read->content_type, content < 0 ? 0 : content);
    assert_int_equal (read->has_data, data != NULL);
    assert_int_equal (read->data.len, size);
    if (size)
        assert_memory_equal (read->data.data, data, size);
    protobuf_c_message_free_unpacked (back, NULL);
    return text;
}

static void
test_payloads_are_inline_where_that_is_unmistakable (void **state)
{
    (void)state;
    static const struct {
        int content;
        const char *data;
        const char *json; /* behind "params": */
    } cases[] = {
        {COVEY_CONTENT_JSON, "{\"a\":1.0}", "{\"a\":1.0}"},
        {COVEY_CONTENT_JSON, "[1,1E2]", "[1,1E2]"},
        {COVEY_CONTENT_JSON, "12345678901234567890123",
         "12345678901234567890123"},
        {COVEY_CONTENT_JSON, "true", "true"},
        {COVEY_CONTENT_JSON, "{\"a\":1,\"a\":2}", "{\"a\":1,\"a\":2}"},
        {COVEY_CONTENT_JSON, "null",
         "{\"contentType\":\"json\",\"data\":null}"},
        {COVEY_CONTENT_JSON, "\"x\"",
         "{\"contentType\":\"json\",\"data\":\"x\"}"},
        {COVEY_CONTENT_JSON, "{\"contentType\":1}",
         "{\"contentType\":\"json\",\"data\":{\"contentType\":1}}"},
        {COVEY_CONTENT_JSON, "{\"content\\u0054ype\":1}",
         "{\"contentType\":\"json\",\"data\":{\"content\\u0054ype\":1}}"},
        {COVEY_CONTENT_JSON, "", "{\"contentType\":\"json\",\"base64\":\"\"}"},
        {COVEY_CONTENT_JSON, "{",
         "{\"contentType\":\"json\",\"base64\":\"ew==\"}"},
        {COVEY_CONTENT_TEXT, "plain", "\"plain\""},
        {COVEY_CONTENT_TEXT, "", "\"\""},
        {COVEY_CONTENT_TEXT, "\xff",
         "{\"contentType\":\"text\",\"base64\":\"/w==\"}"},
        {COVEY_CONTENT_COMMAND, "ls",
         "{\"contentType\":\"command\",\"data\":\"ls\"}"},
        {COVEY_CONTENT_BINARY, "a",
         "{\"contentType\":\"binary\",\"data\":\"YQ==\"}"},
        {COVEY_CONTENT_BINARY, "",
         "{\"contentType\":\"binary\",\"data\":\"\"}"},
        {9, "a", "{\"contentType\":\"unknown:9\",\"base64\":\"YQ==\"}"},
        {9, NULL, "{\"contentType\":\"unknown:9\"}"},
        {COVEY_CONTENT_TEXT, NULL, "{\"contentType\":\"text\"}"},
        {-1, "a", "{\"contentType\":\"none\",\"base64\":\"YQ==\"}"},
        {-1, NULL, "{\"contentType\":\"none\"}"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *data = cases[i].data;
        char *text =
            s_request (cases[i].content, data, data ? strlen (data) : 0);
        char expected[200];
        snprintf (expected, sizeof expected,
                  "{\"requestId\":\"r\",\"method\":\"m\",\"params\":%s}",
                  cases[i].json);
        assert_string_equal (text, expected);
        covey_free (text);
    }
    covey_free (s_request (COVEY_CONTENT_TEXT, "a\0b", 3));
    covey_free (s_request (COVEY_CONTENT_BINARY, "\0\xff", 2));
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
test_a_payload_may_be_as_deep_as_json_may (void **state)
{
    (void)state;
    char *deep = s_nested (COVEY_JSON_DEPTH_MAX);
    covey_free (s_request (COVEY_CONTENT_JSON, deep, strlen (deep)));
    free (deep);
    deep = s_nested (COVEY_JSON_DEPTH_MAX + 1);
    char *json = malloc (1000);
    snprintf (json, 1000,
              "{\"requestId\":\"r\",\"method\":\"m\",\"params\":%s}", deep);
    s_bad (&covey__v1__request__descriptor, json, COVEY_MALFORMED,
           "nested deeper than 64");
    free (json);
    free (deep);
}

static void
test_a_content_type_beside_the_content_decides (void **state)
{
    (void)state;
    const ProtobufCMessageDescriptor *d = &covey__v1__message__descriptor;
    s_same (d,
            "{\"messageId\":\"m\",\"content\":\"x\",\"contentType\":\"text\"}");
    s_same (d,
            "{\"messageId\":\"m\",\"content\":\"x\",\"contentType\":\"json\"}");
    s_same (d, "{\"messageId\":\"m\",\"content\":\"YQ==\","
               "\"contentType\":\"binary\"}");
    s_same (d, "{\"messageId\":\"m\",\"content\":\"ls\","
               "\"contentType\":\"command\"}");
    s_same (d, "{\"messageId\":\"m\",\"content\":{\"a\":1},"
               "\"contentType\":\"json\"}");
    s_same (d, "{\"messageId\":\"m\",\"content\":{\"contentType\":\"json\","
               "\"data\":{\"a\":1}},\"contentType\":\"text\"}");
    s_bad (d,
           "{\"messageId\":\"m\",\"contentType\":\"binary\","
           "\"content\":\"a\"}",
           COVEY_INVALID, "content is \"a\"; base64 is expected");
    s_bad (d,
           "{\"messageId\":\"m\",\"contentType\":\"unknown:9\","
           "\"content\":\"a\"}",
           COVEY_INVALID, "contentType and base64");
    /* Absent, it follows the content. */
    ProtobufCMessage *message =
        s_read (d, "{\"messageId\":\"m\",\"content\":{\"a\":1}}");
    char *text = s_write (message);
    assert_non_null (strstr (text, "\"contentType\":\"json\""));
    covey_free (text);
    protobuf_c_message_free_unpacked (message, NULL);
}

static void
test_wrapped_payloads_are_checked (void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"{\"contentType\":\"jsn\"}", "one of text, json, binary, command"},
        {"{\"contentType\":5}", "contentType"},
        {"{\"contentType\":\"text\",\"data\":5}", "a string is expected"},
        {"{\"contentType\":\"binary\",\"data\":\"x\"}", "base64"},
        {"{\"contentType\":\"text\",\"base64\":\"x\"}", "base64"},
        {"{\"contentType\":\"none\",\"data\":\"x\"}", "not \"data\""},
        {"{\"contentType\":\"unknown:9\",\"data\":\"x\"}", "not \"data\""},
        {"{\"contentType\":\"text\",\"dat\":\"x\"}", "no key \"dat\""},
        {"{\"contentType\":\"text\",\"data\":\"x\",\"base64\":\"\"}", "twice"},
        {"{\"contentType\":\"text\",\"data\":\"x\",\"data\":\"\"}", "twice"},
        {"{\"contentType\":\"text\",\"contentType\":\"text\"}", "twice"},
        {"{\"contentType\":\"text\",\"$unknown\":\"CAE=\"}", "$unknown"},
        {"{\"contentType\":\"text\",\"$unknown\":\"OA==\"}", "$unknown"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char json[300];
        snprintf (json, sizeof json,
                  "{\"requestId\":\"r\",\"method\":\"m\",\"params\":%s}",
                  cases[i][0]);
        s_bad (&covey__v1__request__descriptor, json, COVEY_INVALID,
               cases[i][1]);
    }
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_any_message_maps),
        cmocka_unit_test (test_oneof_members_go_by_their_name),
        cmocka_unit_test (test_messages_refuse_what_does_not_fit),
        cmocka_unit_test (test_numbers_keep_64_bits),
        cmocka_unit_test (test_doubles_are_short_and_exact),
        cmocka_unit_test (test_numbers_do_not_depend_on_the_locale),
        cmocka_unit_test (
            test_times_keep_microseconds_and_what_no_calendar_shows),
        cmocka_unit_test (test_writer_says_when_there_is_no_room),
        cmocka_unit_test (test_payloads_are_inline_where_that_is_unmistakable),
        cmocka_unit_test (test_a_payload_may_be_as_deep_as_json_may),
        cmocka_unit_test (test_a_content_type_beside_the_content_decides),
        cmocka_unit_test (test_wrapped_payloads_are_checked)};
    return cmocka_run_group_tests (tests, NULL, NULL);
}
