/*  The contract's rules on packed bytes: each bound at its limit and one past
    it, and what no honest encoder writes.                                    */
#include <setjmp.h>
#include <stdarg.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "proto/event.pb-c.h"
#include "proto/peek.h"
#include "tests/support/support_wire.h"

static covey_errbuf_t s_err;

static covey_err_t
s_check (const covey_buf_t *event)
{
    s_err.text[0] = '\0';
    /* An exact copy, so that a sanitizer sees the first byte past it. */
    uint8_t *copy = malloc (event->size ? event->size : 1);
    assert_non_null (copy);
    memcpy (copy, event->data, event->size);
    covey_err_t code = covey_event_check (copy, event->size, &s_err);
    covey_err_t again = covey_event_check (copy, event->size, NULL);
    free (copy);
    assert_int_equal (code, again);
    assert_int_equal (code == COVEY_OK, s_err.text[0] == '\0');
    return code;
}

static void
s_envelope (covey_buf_t *event)
{
    covey_buf_init (event, 2 * COVEY_EVENT_MAX);
    support_put_bytes (event, 1, "0123456789abcdef", 16);
    support_put_text (event, 2, "worker-1");
    support_put_number (event, 4, 1795000000000000);
}

/*  Checks an envelope + `more`; frees `more`.                               */
static void
s_expect_with (covey_buf_t *more, covey_err_t expected, const char *line)
{
    covey_buf_t event;
    s_envelope (&event);
    assert_int_equal (covey_buf_append (&event, more->data, more->size),
                      COVEY_OK);
    covey_err_t code = s_check (&event);
    assert_string_equal (s_err.text, line);
    assert_int_equal (code, expected);
    covey_buf_deinit (&event);
    covey_buf_deinit (more);
}

/*  The same with `data` as the message of type `type`; frees `data`.        */
static void
s_expect_data (uint32_t type, covey_buf_t *data, covey_err_t expected,
               const char *line)
{
    covey_buf_t more;
    covey_buf_init (&more, 2 * COVEY_EVENT_MAX);
    support_put_bytes (&more, type, data->data, data->size);
    covey_buf_deinit (data);
    s_expect_with (&more, expected, line);
}

/*  agent:idle, the smallest event there is.                                 */
static void
s_put_idle (covey_buf_t *to)
{
    support_put_bytes (to, COVEY_EVENT_AGENT_IDLE, "\x0a\x01z", 3);
}

static covey_buf_t
s_new (void)
{
    covey_buf_t buf;
    covey_buf_init (&buf, 2 * COVEY_EVENT_MAX);
    return buf;
}

static covey_buf_t
s_idle (void)
{
    covey_buf_t buf = s_new ();
    s_put_idle (&buf);
    return buf;
}

/* -- the envelope --------------------------------------------------------- */

static void
test_smallest_event_passes (void **state)
{
    (void)state;
    covey_buf_t more = s_idle ();
    s_expect_with (&more, COVEY_OK, "");
}

static void
test_envelope_needs_id_source_timestamp_and_data (void **state)
{
    (void)state;
    static const char *const lines[] = {"id is missing", "source is missing",
                                        "timestamp is missing",
                                        "the event has no data, so no type"};
    for (int left_out = 0; left_out < 4; left_out++) {
        covey_buf_t event = s_new ();
        if (left_out != 0)
            support_put_bytes (&event, 1, "0123456789abcdef", 16);
        if (left_out != 1)
            support_put_text (&event, 2, "worker-1");
        if (left_out != 2)
            support_put_number (&event, 4, 1);
        if (left_out != 3)
            s_put_idle (&event);
        assert_int_equal (s_check (&event), COVEY_INVALID);
        assert_string_equal (s_err.text, lines[left_out]);
        covey_buf_deinit (&event);
    }
}

static void
test_ids_have_16_bytes (void **state)
{
    (void)state;
    static const struct {
        uint32_t field;
        const char *name;
    } ids[] = {{1, "id"}, {7, "causationId"}, {504, "origin"}};
    for (size_t i = 0; i < 3; i++)
        for (size_t size = 15; size <= 17; size++) {
            char line[64] = "";
            if (size != 16)
                snprintf (line, sizeof line, "%s has %zu bytes; an id has 16",
                          ids[i].name, size);
            covey_buf_t more = s_idle ();
            support_put_long (&more, ids[i].field, size);
            s_expect_with (&more, size == 16 ? COVEY_OK : COVEY_INVALID, line);
        }
}

static void
test_agent_ids_at_their_bound_and_past_it (void **state)
{
    (void)state;
    covey_buf_t more = s_idle ();
    support_put_long (&more, 2, COVEY_AGENT_ID_MAX);
    support_put_long (&more, 3, COVEY_AGENT_ID_MAX);
    s_expect_with (&more, COVEY_OK, "");
    more = s_idle ();
    support_put_long (&more, 2, COVEY_AGENT_ID_MAX + 1);
    s_expect_with (&more, COVEY_LIMIT,
                   "source has 129 bytes; the bound is 128");
    more = s_idle ();
    support_put_text (&more, 3, "b");
    support_put_text (&more, 3, "no spaces");
    s_expect_with (&more, COVEY_INVALID,
                   "target[1] is \"no spaces\", no agent id: 1..128 bytes of "
                   "[A-Za-z0-9._:@/-]");
    more = s_idle ();
    support_put_text (&more, 3, "");
    s_expect_with (&more, COVEY_INVALID,
                   "target[0] is \"\", no agent id: 1..128 bytes of "
                   "[A-Za-z0-9._:@/-]");
    more = s_idle ();
    support_put_text (&more, 2, "node:0190aaaa-bbbb-7ccc-8ddd-eeeeeeeeeeee");
    s_expect_with (&more, COVEY_OK, "");
}

static void
test_lists_at_their_bound_and_past_it (void **state)
{
    (void)state;
    for (unsigned extra = 0; extra < 2; extra++) {
        covey_buf_t more = s_idle ();
        for (unsigned i = 0; i < COVEY_LIST_MAX + extra; i++)
            support_put_text (&more, 502, "t");
        s_expect_with (&more, extra ? COVEY_LIMIT : COVEY_OK,
                       extra ? "tags[1024] is number 1025; the bound is 1024"
                             : "");
        covey_buf_t data = s_new ();
        support_put_text (&data, 1, "a");
        support_put_text (&data, 2, "t");
        support_put_text (&data, 3, "n");
        for (unsigned i = 0; i < COVEY_LIST_MAX + extra; i++)
            support_put_text (&data, 4, "c");
        s_expect_data (
            COVEY_EVENT_AGENT_SPAWNED, &data, extra ? COVEY_LIMIT : COVEY_OK,
            extra ? "data.capabilities[1024] is number 1025; the bound is 1024"
                  : "");
    }
}

static void
s_put_metadata (covey_buf_t *to, const char *key, size_t value_size)
{
    covey_buf_t entry = s_new ();
    support_put_text (&entry, 1, key);
    support_put_long (&entry, 2, value_size);
    support_put_bytes (to, 503, entry.data, entry.size);
    covey_buf_deinit (&entry);
}

static void
test_metadata_is_a_bounded_map_with_unique_keys (void **state)
{
    (void)state;
    covey_buf_t more = s_idle ();
    s_put_metadata (&more, "a", COVEY_TEXT_MAX);
    s_put_metadata (&more, "", 0);
    s_put_metadata (&more, "b", 1);
    s_expect_with (&more, COVEY_OK, "");
    more = s_idle ();
    s_put_metadata (&more, "a", COVEY_TEXT_MAX + 1);
    s_expect_with (&more, COVEY_LIMIT,
                   "metadata[0].value has 65537 bytes; the bound is 65536");
    more = s_idle ();
    s_put_metadata (&more, "a", 1);
    s_put_metadata (&more, "b", 1);
    s_put_metadata (&more, "a", 2);
    s_expect_with (&more, COVEY_INVALID,
                   "the event has the metadata key \"a\" twice");
    for (unsigned extra = 0; extra < 2; extra++) {
        more = s_idle ();
        for (unsigned i = 0; i < COVEY_LIST_MAX + extra; i++) {
            char key[16];
            snprintf (key, sizeof key, "k%u", i);
            s_put_metadata (&more, key, 1);
        }
        s_expect_with (
            &more, extra ? COVEY_LIMIT : COVEY_OK,
            extra ? "metadata[1024] is number 1025; the bound is 1024" : "");
    }
}

static void
test_event_at_its_bound_and_past_it (void **state)
{
    (void)state;
    for (unsigned extra = 0; extra < 2; extra++) {
        covey_buf_t event;
        s_envelope (&event);
        s_put_idle (&event);
        size_t rest = COVEY_EVENT_MAX - event.size;
        support_put_long (&event, 900, rest - 6 + extra); /* tag 2, length 4 */
        assert_int_equal (event.size, COVEY_EVENT_MAX + extra);
        assert_int_equal (s_check (&event), extra ? COVEY_LIMIT : COVEY_OK);
        assert_string_equal (
            s_err.text,
            extra ? "the event has 4194305 bytes; the bound is 4194304" : "");
        covey_buf_deinit (&event);
    }
}

/* -- ranges --------------------------------------------------------------- */

static void
s_expect_capacity (uint64_t value, covey_err_t expected, const char *line)
{
    covey_buf_t data = s_new ();
    support_put_text (&data, 1, "a");
    support_put_number (&data, 2, value);
    support_put_number (&data, 3, 0);
    s_expect_data (COVEY_EVENT_AGENT_READY, &data, expected, line);
}

static void
s_expect_progress (double value, covey_err_t expected, const char *line)
{
    covey_buf_t data = s_new ();
    support_put_text (&data, 1, "t");
    support_put_double (&data, 2, value);
    support_put_text (&data, 3, "");
    s_expect_data (COVEY_EVENT_TASK_PROGRESS, &data, expected, line);
}

static void
s_expect_timeout (int64_t value, covey_err_t expected, const char *line)
{
    covey_buf_t data = s_new ();
    support_put_text (&data, 1, "r");
    support_put_text (&data, 2, "m");
    support_put_number (&data, 4, (uint64_t)value);
    s_expect_data (COVEY_EVENT_REQUEST, &data, expected, line);
}

static void
test_ranges_at_their_bounds_and_past_them (void **state)
{
    (void)state;
    s_expect_capacity (0, COVEY_OK, "");
    s_expect_capacity (100, COVEY_OK, "");
    s_expect_capacity (
        101, COVEY_INVALID,
        "data.availableCapacity is 101; it must be within 0..100");
    s_expect_capacity (UINT64_MAX, COVEY_INVALID,
                       "data.availableCapacity is 4.29497e+09; it must be "
                       "within 0..100");
    s_expect_progress (0, COVEY_OK, "");
    s_expect_progress (100, COVEY_OK, "");
    s_expect_progress (100.5, COVEY_INVALID,
                       "data.progress is 100.5; it must be within 0..100");
    s_expect_progress (-0.5, COVEY_INVALID,
                       "data.progress is -0.5; it must be within 0..100");
    s_expect_progress ((double)INFINITY, COVEY_INVALID,
                       "data.progress is inf; it must be finite");
    s_expect_timeout (0, COVEY_OK, "");
    s_expect_timeout (INT64_MAX, COVEY_OK, "");
    s_expect_timeout (-1, COVEY_INVALID,
                      "data.timeout is -1; it must be 0 or more");
}

static void
test_attempt_counts_from_one (void **state)
{
    (void)state;
    for (unsigned attempt = 0; attempt < 2; attempt++) {
        covey_buf_t data = s_new ();
        for (uint32_t field = 1; field <= 3; field++)
            support_put_text (&data, field, "x");
        support_put_number (&data, 4, COVEY_PRIORITY_NORMAL);
        support_put_number (&data, 9, attempt);
        support_put_number (&data, 10, 1);
        s_expect_data (COVEY_EVENT_TASK_ASSIGNED, &data,
                       attempt ? COVEY_OK : COVEY_INVALID,
                       attempt ? ""
                               : "data.attempt is 0; it must be 1 or more");
    }
}

/* -- payloads ------------------------------------------------------------- */

static void
s_expect_payload (int content, const char *bytes, size_t size,
                  covey_err_t expected, const char *line)
{
    covey_buf_t data = s_new (), payload = s_new ();
    support_put_bytes (&payload, 2, bytes, size); /* before the content type */
    if (content >= 0)
        support_put_number (&payload, 1, (uint64_t)content);
    support_put_text (&data, 1, "r");
    support_put_text (&data, 2, "m");
    support_put_bytes (&data, 3, payload.data, payload.size);
    covey_buf_deinit (&payload);
    s_expect_data (COVEY_EVENT_REQUEST, &data, expected, line);
}

static void
test_payload_at_its_bound_and_past_it (void **state)
{
    (void)state;
    char *large = calloc (1, COVEY_PAYLOAD_MAX + 1);
    assert_non_null (large);
    s_expect_payload (COVEY_CONTENT_BINARY, large, COVEY_PAYLOAD_MAX, COVEY_OK,
                      "");
    s_expect_payload (
        COVEY_CONTENT_BINARY, large, COVEY_PAYLOAD_MAX + 1, COVEY_LIMIT,
        "data.params.data has 1048577 bytes; the bound is 1048576");
    free (large);
}

static void
test_json_payload_must_be_json (void **state)
{
    (void)state;
    s_expect_payload (COVEY_CONTENT_JSON, "{\"a\":[1]}", 9, COVEY_OK, "");
    s_expect_payload (COVEY_CONTENT_JSON, "{\"a\":[1}", 8, COVEY_INVALID,
                      "data.params says that it is JSON, but its 8 bytes are "
                      "not");
    s_expect_payload (COVEY_CONTENT_JSON, "", 0, COVEY_INVALID,
                      "data.params says that it is JSON, but its 0 bytes are "
                      "not");
    s_expect_payload (COVEY_CONTENT_TEXT, "{", 1, COVEY_OK, "");
    s_expect_payload (COVEY_CONTENT_COMMAND, "{", 1, COVEY_OK, "");
    s_expect_payload (7, "{", 1, COVEY_OK, ""); /* of a newer version */
    s_expect_payload (-1, "{", 1, COVEY_OK, "");
}

/* -- what no honest encoder writes ---------------------------------------- */

static void
test_data_of_two_types_is_malformed (void **state)
{
    (void)state;
    covey_buf_t more = s_idle ();
    s_put_idle (&more);
    s_expect_with (&more, COVEY_MALFORMED, "the event has data of two types");
    more = s_idle ();
    support_put_bytes (&more, COVEY_EVENT_AGENT_BUSY, "\x0a\x01z", 3);
    s_expect_with (&more, COVEY_MALFORMED, "the event has data of two types");
    more = s_idle ();
    support_put_text (&more, 499, "newer");
    s_expect_with (&more, COVEY_MALFORMED, "the event has data of two types");
}

static void
test_types_and_fields_of_a_newer_version_pass (void **state)
{
    (void)state;
    covey_buf_t more = s_new ();
    support_put_text (&more, 499, "whatever it is");
    support_put_number (&more, 506, 1);
    s_expect_with (&more, COVEY_OK, "");
    more = s_new ();
    support_put_number (&more, 499, 1);
    s_expect_with (&more, COVEY_MALFORMED,
                   "the event has data that is no message");
    covey_buf_t data = s_new ();
    support_put_text (&data, 1, "z");
    support_put_number (&data, 77, 1);
    s_expect_data (COVEY_EVENT_AGENT_IDLE, &data, COVEY_OK, "");
}

static void
test_unknown_fields_and_repeats_are_bounded (void **state)
{
    (void)state;
    for (unsigned extra = 0; extra < 2; extra++) {
        covey_buf_t more = s_idle ();
        for (unsigned i = 0; i < COVEY_LIST_MAX + extra; i++)
            support_put_number (&more, 600, 1);
        s_expect_with (&more, extra ? COVEY_LIMIT : COVEY_OK,
                       extra ? "the event has over 1024 fields that this "
                               "version does not know"
                             : "");
        more = s_idle ();
        for (unsigned i = 0; i < COVEY_LIST_MAX + extra; i++)
            support_put_number (&more, 9, 1);
        s_expect_with (&more, extra ? COVEY_LIMIT : COVEY_OK,
                       extra ? "priority is number 1025; the bound is 1024"
                             : "");
    }
}

static void
test_message_twice_is_malformed (void **state)
{
    (void)state;
    covey_buf_t data = s_new ();
    support_put_text (&data, 1, "r");
    support_put_text (&data, 2, "m");
    support_put_bytes (&data, 3, "", 0);
    support_put_bytes (&data, 3, "", 0);
    s_expect_data (COVEY_EVENT_REQUEST, &data, COVEY_MALFORMED,
                   "data.params comes twice");
}

static void
test_path_reaches_into_lists_of_messages (void **state)
{
    (void)state;
    covey_buf_t data = s_new (), vote = s_new ();
    support_put_text (&data, 1, "c");
    support_put_text (&data, 2, "s");
    support_put_bytes (&data, 3, "", 0);
    support_put_text (&vote, 1, "a");
    support_put_number (&vote, 2, 0);
    support_put_bytes (&data, 4, vote.data, vote.size);
    covey_buf_clear (&vote);
    support_put_text (&vote, 1, "b");
    support_put_bytes (&data, 4, vote.data, vote.size);
    covey_buf_deinit (&vote);
    support_put_number (&data, 5, 1);
    s_expect_data (COVEY_EVENT_SWARM_CONSENSUS_REACHED, &data, COVEY_INVALID,
                   "data.votes[1].vote is missing");
}

static void
test_lengths_stay_inside_their_parent (void **state)
{
    (void)state;
    covey_buf_t more = s_new ();
    support_put_bytes (&more, COVEY_EVENT_AGENT_IDLE, "\x0a\x02z", 3);
    s_expect_with (&more, COVEY_MALFORMED,
                   "data is no protobuf message, or cut off");
    more = s_new ();
    support_put_bytes (&more, COVEY_EVENT_AGENT_IDLE, "\x0a\x01z\x10\xff", 5);
    s_expect_with (&more, COVEY_MALFORMED,
                   "data is no protobuf message, or cut off");
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_smallest_event_passes),
        cmocka_unit_test (test_envelope_needs_id_source_timestamp_and_data),
        cmocka_unit_test (test_ids_have_16_bytes),
        cmocka_unit_test (test_agent_ids_at_their_bound_and_past_it),
        cmocka_unit_test (test_lists_at_their_bound_and_past_it),
        cmocka_unit_test (test_metadata_is_a_bounded_map_with_unique_keys),
        cmocka_unit_test (test_event_at_its_bound_and_past_it),
        cmocka_unit_test (test_ranges_at_their_bounds_and_past_them),
        cmocka_unit_test (test_attempt_counts_from_one),
        cmocka_unit_test (test_payload_at_its_bound_and_past_it),
        cmocka_unit_test (test_json_payload_must_be_json),
        cmocka_unit_test (test_data_of_two_types_is_malformed),
        cmocka_unit_test (test_types_and_fields_of_a_newer_version_pass),
        cmocka_unit_test (test_unknown_fields_and_repeats_are_bounded),
        cmocka_unit_test (test_message_twice_is_malformed),
        cmocka_unit_test (test_path_reaches_into_lists_of_messages),
        cmocka_unit_test (test_lengths_stay_inside_their_parent),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
