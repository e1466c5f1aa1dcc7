/*  The contract's rules on packed bytes: each bound at its limit and one past
    it, and what no honest encoder writes.                                    */
#include <setjmp.h>
#include <stdarg.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/prng.h"
#include "proto/bounds.h"
#include "proto/cursor.h"
#include "proto/event.pb-c.h"
#include "proto/peek.h"

/* -- building wire bytes by hand ------------------------------------------ */

static void
s_put_varint (covey_buf_t *to, uint64_t value)
{
    for (; value > 127; value >>= 7)
        covey_buf_putc (to, (char)(0x80 | (value & 127)));
    covey_buf_putc (to, (char)value);
}

static void
s_put_number (covey_buf_t *to, uint32_t field, uint64_t value)
{
    s_put_varint (to, field << 3 | COVEY_WIRE_VARINT);
    s_put_varint (to, value);
}

static void
s_put_bytes (covey_buf_t *to, uint32_t field, const void *bytes, size_t size)
{
    s_put_varint (to, field << 3 | COVEY_WIRE_BYTES);
    s_put_varint (to, size);
    assert_int_equal (covey_buf_append (to, bytes, size), COVEY_OK);
}

static void
s_put_text (covey_buf_t *to, uint32_t field, const char *text)
{
    s_put_bytes (to, field, text, strlen (text));
}

static void
s_put_double (covey_buf_t *to, uint32_t field, double value)
{
    uint64_t bits;
    memcpy (&bits, &value, sizeof bits);
    s_put_varint (to, field << 3 | COVEY_WIRE_FIXED64);
    for (int i = 0; i < 8; i++)
        covey_buf_putc (to, (char)(bits >> (8 * i)));
}

/*  `size` times the letter a.                                               */
static void
s_put_long (covey_buf_t *to, uint32_t field, size_t size)
{
    char *text = malloc (size + 1);
    assert_non_null (text);
    memset (text, 'a', size);
    s_put_bytes (to, field, text, size);
    free (text);
}

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
    s_put_bytes (event, 1, "0123456789abcdef", 16);
    s_put_text (event, 2, "worker-1");
    s_put_number (event, 4, 1795000000000000);
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
    s_put_bytes (&more, type, data->data, data->size);
    covey_buf_deinit (data);
    s_expect_with (&more, expected, line);
}

/*  agent:idle, the smallest event there is.                                 */
static void
s_put_idle (covey_buf_t *to)
{
    s_put_bytes (to, COVEY_EVENT_AGENT_IDLE, "\x0a\x01z", 3);
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
            s_put_bytes (&event, 1, "0123456789abcdef", 16);
        if (left_out != 1)
            s_put_text (&event, 2, "worker-1");
        if (left_out != 2)
            s_put_number (&event, 4, 1);
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
            s_put_long (&more, ids[i].field, size);
            s_expect_with (&more, size == 16 ? COVEY_OK : COVEY_INVALID, line);
        }
}

static void
test_agent_ids_at_their_bound_and_past_it (void **state)
{
    (void)state;
    covey_buf_t more = s_idle ();
    s_put_long (&more, 2, COVEY_AGENT_ID_MAX);
    s_put_long (&more, 3, COVEY_AGENT_ID_MAX);
    s_expect_with (&more, COVEY_OK, "");
    more = s_idle ();
    s_put_long (&more, 2, COVEY_AGENT_ID_MAX + 1);
    s_expect_with (&more, COVEY_LIMIT,
                   "source has 129 bytes; the bound is 128");
    more = s_idle ();
    s_put_text (&more, 3, "b");
    s_put_text (&more, 3, "no spaces");
    s_expect_with (&more, COVEY_INVALID,
                   "target[1] is \"no spaces\", no agent id: 1..128 bytes of "
                   "[A-Za-z0-9._:@/-]");
    more = s_idle ();
    s_put_text (&more, 3, "");
    s_expect_with (&more, COVEY_INVALID,
                   "target[0] is \"\", no agent id: 1..128 bytes of "
                   "[A-Za-z0-9._:@/-]");
    more = s_idle ();
    s_put_text (&more, 2, "node:0190aaaa-bbbb-7ccc-8ddd-eeeeeeeeeeee");
    s_expect_with (&more, COVEY_OK, "");
}

static void
test_lists_at_their_bound_and_past_it (void **state)
{
    (void)state;
    for (unsigned extra = 0; extra < 2; extra++) {
        covey_buf_t more = s_idle ();
        for (unsigned i = 0; i < COVEY_LIST_MAX + extra; i++)
            s_put_text (&more, 502, "t");
        s_expect_with (&more, extra ? COVEY_LIMIT : COVEY_OK,
                       extra ? "tags[1024] is number 1025; the bound is 1024"
                             : "");
        covey_buf_t data = s_new ();
        s_put_text (&data, 1, "a");
        s_put_text (&data, 2, "t");
        s_put_text (&data, 3, "n");
        for (unsigned i = 0; i < COVEY_LIST_MAX + extra; i++)
            s_put_text (&data, 4, "c");
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
    s_put_text (&entry, 1, key);
    s_put_long (&entry, 2, value_size);
    s_put_bytes (to, 503, entry.data, entry.size);
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
        s_put_long (&event, 900, rest - 6 + extra); /* tag 2, length 4 */
        assert_int_equal (event.size, COVEY_EVENT_MAX + extra);
        assert_int_equal (s_check (&event), extra ? COVEY_LIMIT : COVEY_OK);
        assert_string_equal (
            s_err.text,
            extra ? "the event has 4194305 bytes; the bound is 4194304" : "");
        covey_buf_deinit (&event);
    }
}

/* -- every field of every type -------------------------------------------- */

typedef ProtobufCMessageDescriptor schema_t;
typedef ProtobufCFieldDescriptor field_t;

static void s_put_valid (covey_buf_t *to, const schema_t *schema);

static void
s_put_valid_field (covey_buf_t *to, const field_t *field)
{
    if (field->type == PROTOBUF_C_TYPE_STRING)
        s_put_text (to, field->id, "x");
    else if (field->type == PROTOBUF_C_TYPE_BYTES)
        s_put_text (to, field->id, "0123456789abcdef");
    else if (field->type == PROTOBUF_C_TYPE_DOUBLE)
        s_put_double (to, field->id, 1);
    else if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        covey_buf_t inner = s_new ();
        s_put_valid (&inner, field->descriptor);
        s_put_bytes (to, field->id, inner.data, inner.size);
        covey_buf_deinit (&inner);
    } else
        s_put_number (to, field->id, 1);
}

/*  A payload's content is 1 = JSON, so its data has to be.                  */
static void
s_put_valid (covey_buf_t *to, const schema_t *schema)
{
    if (schema == &covey__v1__payload__descriptor) {
        s_put_number (to, 1, COVEY_CONTENT_JSON);
        s_put_text (to, 2, "[1]");
        return;
    }
    for (unsigned i = 0; i < schema->n_fields; i++)
        s_put_valid_field (to, &schema->fields[i]);
}

/*  `schema` with every field but one, which `put` writes (NULL: nobody).    */
static covey_err_t
s_check_one (const field_t *type, const field_t *changed,
             void (*put) (covey_buf_t *to, const field_t *field))
{
    const schema_t *schema = type->descriptor;
    covey_buf_t event, data = s_new ();
    for (unsigned i = 0; i < schema->n_fields; i++) {
        const field_t *field = &schema->fields[i];
        if (field != changed)
            s_put_valid_field (&data, field);
        else if (put)
            put (&data, field);
    }
    s_envelope (&event);
    s_put_bytes (&event, type->id, data.data, data.size);
    covey_err_t code = s_check (&event);
    if (code == COVEY_OK) { /* then protobuf-c takes it too */
        Covey__V1__Event *unpacked =
            covey__v1__event__unpack (NULL, event.size, event.data);
        assert_non_null (unpacked);
        covey__v1__event__free_unpacked (unpacked, NULL);
    }
    covey_buf_deinit (&data);
    covey_buf_deinit (&event);
    return code;
}

/*  Calls `fn` for every field of every type's message.                      */
static unsigned
s_each_field (void (*fn) (const field_t *type, const field_t *field))
{
    const schema_t *event = &covey__v1__event__descriptor;
    unsigned count = 0;
    for (unsigned i = 0; i < event->n_fields; i++) {
        const field_t *type = &event->fields[i];
        if (!(type->flags & PROTOBUF_C_FIELD_FLAG_ONEOF))
            continue;
        const schema_t *schema = type->descriptor;
        for (unsigned j = 0; j < schema->n_fields; j++, count++)
            fn (type, &schema->fields[j]);
    }
    return count;
}

static void
s_put_other_wire_type (covey_buf_t *to, const field_t *field)
{
    if (field->type == PROTOBUF_C_TYPE_STRING ||
        field->type == PROTOBUF_C_TYPE_BYTES ||
        field->type == PROTOBUF_C_TYPE_MESSAGE ||
        field->type == PROTOBUF_C_TYPE_DOUBLE)
        s_put_number (to, field->id, 1);
    else
        s_put_text (to, field->id, "x");
}

static void
s_put_bad_utf8 (covey_buf_t *to, const field_t *field)
{
    s_put_bytes (to, field->id, "\xc3\x28", 2);
}

static void
s_put_nul (covey_buf_t *to, const field_t *field)
{
    s_put_bytes (to, field->id, "a\0b", 3);
}

static void
s_put_unknown_enum (covey_buf_t *to, const field_t *field)
{
    s_put_number (to, field->id, 12345);
}

static void
s_put_nan (covey_buf_t *to, const field_t *field)
{
    s_put_double (to, field->id, (double)NAN);
}

static void
s_put_infinity (covey_buf_t *to, const field_t *field)
{
    s_put_double (to, field->id, (double)-INFINITY);
}

static void
s_put_twice (covey_buf_t *to, const field_t *field)
{
    s_put_valid_field (to, field);
    s_put_valid_field (to, field);
}

static void
s_test_field (const field_t *type, const field_t *field)
{
    assert_int_equal (s_check_one (type, field, s_put_valid_field), COVEY_OK);
    bool required = field->label == PROTOBUF_C_LABEL_REQUIRED ||
                    field->type == PROTOBUF_C_TYPE_ENUM;
    assert_int_equal (s_check_one (type, field, NULL),
                      required ? COVEY_INVALID : COVEY_OK);
    if (required)
        assert_non_null (strstr (s_err.text, " is missing"));
    assert_int_equal (s_check_one (type, field, s_put_other_wire_type),
                      COVEY_MALFORMED);
    bool is_message = field->type == PROTOBUF_C_TYPE_MESSAGE;
    bool is_list = field->label == PROTOBUF_C_LABEL_REPEATED;
    assert_int_equal (s_check_one (type, field, s_put_twice),
                      is_message && !is_list ? COVEY_MALFORMED : COVEY_OK);
    if (field->type == PROTOBUF_C_TYPE_STRING) {
        assert_int_equal (s_check_one (type, field, s_put_bad_utf8),
                          COVEY_INVALID);
        assert_int_equal (s_check_one (type, field, s_put_nul), COVEY_INVALID);
    }
    if (field->type == PROTOBUF_C_TYPE_ENUM)
        assert_int_equal (s_check_one (type, field, s_put_unknown_enum),
                          COVEY_OK);
    if (field->type == PROTOBUF_C_TYPE_DOUBLE) {
        assert_int_equal (s_check_one (type, field, s_put_nan), COVEY_INVALID);
        assert_int_equal (s_check_one (type, field, s_put_infinity),
                          COVEY_INVALID);
    }
}

static void
test_every_field_of_every_type (void **state)
{
    (void)state;
    assert_true (s_each_field (s_test_field) > 150);
}

/*  The bound of a string or bytes field by a second reading of the contract,
    written without the table: free text is named here.                       */
static size_t
s_size_max (const field_t *field)
{
    static const char *const texts[] = {"description", "reason", "error",
                                        "message",     "status", "refusal",
                                        "objective"};
    static const char *const agents[] = {
        "agent_id",        "parent_id",    "leader",   "by",
        "initial_members", "participants", "assignees"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (strcmp (field->name, texts[i]) == 0)
            return COVEY_TEXT_MAX;
    for (size_t i = 0; i < sizeof agents / sizeof agents[0]; i++)
        if (strcmp (field->name, agents[i]) == 0)
            return COVEY_AGENT_ID_MAX;
    return COVEY_NAME_MAX;
}

static void
s_put_longest (covey_buf_t *to, const field_t *field)
{
    s_put_long (to, field->id, s_size_max (field));
}

static void
s_put_too_long (covey_buf_t *to, const field_t *field)
{
    s_put_long (to, field->id, s_size_max (field) + 1);
}

static void
s_test_size (const field_t *type, const field_t *field)
{
    if (field->type != PROTOBUF_C_TYPE_STRING &&
        field->type != PROTOBUF_C_TYPE_BYTES)
        return;
    assert_int_equal (s_check_one (type, field, s_put_longest), COVEY_OK);
    assert_int_equal (s_check_one (type, field, s_put_too_long), COVEY_LIMIT);
    char tail[80];
    snprintf (tail, sizeof tail, " has %zu bytes; the bound is %zu",
              s_size_max (field) + 1, s_size_max (field));
    assert_non_null (strstr (s_err.text, tail));
    assert_int_equal (strncmp (s_err.text, "data.", 5), 0);
}

static void
test_every_string_at_its_bound_and_past_it (void **state)
{
    (void)state;
    s_each_field (s_test_size);
}

/* -- ranges --------------------------------------------------------------- */

static void
s_expect_capacity (uint64_t value, covey_err_t expected, const char *line)
{
    covey_buf_t data = s_new ();
    s_put_text (&data, 1, "a");
    s_put_number (&data, 2, value);
    s_put_number (&data, 3, 0);
    s_expect_data (COVEY_EVENT_AGENT_READY, &data, expected, line);
}

static void
s_expect_progress (double value, covey_err_t expected, const char *line)
{
    covey_buf_t data = s_new ();
    s_put_text (&data, 1, "t");
    s_put_double (&data, 2, value);
    s_put_text (&data, 3, "");
    s_expect_data (COVEY_EVENT_TASK_PROGRESS, &data, expected, line);
}

static void
s_expect_timeout (int64_t value, covey_err_t expected, const char *line)
{
    covey_buf_t data = s_new ();
    s_put_text (&data, 1, "r");
    s_put_text (&data, 2, "m");
    s_put_number (&data, 4, (uint64_t)value);
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
            s_put_text (&data, field, "x");
        s_put_number (&data, 4, COVEY_PRIORITY_NORMAL);
        s_put_number (&data, 9, attempt);
        s_put_number (&data, 10, 1);
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
    s_put_bytes (&payload, 2, bytes, size); /* before the content type */
    if (content >= 0)
        s_put_number (&payload, 1, (uint64_t)content);
    s_put_text (&data, 1, "r");
    s_put_text (&data, 2, "m");
    s_put_bytes (&data, 3, payload.data, payload.size);
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
    s_put_bytes (&more, COVEY_EVENT_AGENT_BUSY, "\x0a\x01z", 3);
    s_expect_with (&more, COVEY_MALFORMED, "the event has data of two types");
    more = s_idle ();
    s_put_text (&more, 499, "newer");
    s_expect_with (&more, COVEY_MALFORMED, "the event has data of two types");
}

static void
test_types_and_fields_of_a_newer_version_pass (void **state)
{
    (void)state;
    covey_buf_t more = s_new ();
    s_put_text (&more, 499, "whatever it is");
    s_put_number (&more, 506, 1);
    s_expect_with (&more, COVEY_OK, "");
    more = s_new ();
    s_put_number (&more, 499, 1);
    s_expect_with (&more, COVEY_MALFORMED,
                   "the event has data that is no message");
    covey_buf_t data = s_new ();
    s_put_text (&data, 1, "z");
    s_put_number (&data, 77, 1);
    s_expect_data (COVEY_EVENT_AGENT_IDLE, &data, COVEY_OK, "");
}

static void
test_unknown_fields_and_repeats_are_bounded (void **state)
{
    (void)state;
    for (unsigned extra = 0; extra < 2; extra++) {
        covey_buf_t more = s_idle ();
        for (unsigned i = 0; i < COVEY_LIST_MAX + extra; i++)
            s_put_number (&more, 600, 1);
        s_expect_with (&more, extra ? COVEY_LIMIT : COVEY_OK,
                       extra ? "the event has over 1024 fields that this "
                               "version does not know"
                             : "");
        more = s_idle ();
        for (unsigned i = 0; i < COVEY_LIST_MAX + extra; i++)
            s_put_number (&more, 9, 1);
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
    s_put_text (&data, 1, "r");
    s_put_text (&data, 2, "m");
    s_put_bytes (&data, 3, "", 0);
    s_put_bytes (&data, 3, "", 0);
    s_expect_data (COVEY_EVENT_REQUEST, &data, COVEY_MALFORMED,
                   "data.params comes twice");
}

static void
test_path_reaches_into_lists_of_messages (void **state)
{
    (void)state;
    covey_buf_t data = s_new (), vote = s_new ();
    s_put_text (&data, 1, "c");
    s_put_text (&data, 2, "s");
    s_put_bytes (&data, 3, "", 0);
    s_put_text (&vote, 1, "a");
    s_put_number (&vote, 2, 0);
    s_put_bytes (&data, 4, vote.data, vote.size);
    covey_buf_clear (&vote);
    s_put_text (&vote, 1, "b");
    s_put_bytes (&data, 4, vote.data, vote.size);
    covey_buf_deinit (&vote);
    s_put_number (&data, 5, 1);
    s_expect_data (COVEY_EVENT_SWARM_CONSENSUS_REACHED, &data, COVEY_INVALID,
                   "data.votes[1].vote is missing");
}

static void
test_lengths_stay_inside_their_parent (void **state)
{
    (void)state;
    covey_buf_t more = s_new ();
    s_put_bytes (&more, COVEY_EVENT_AGENT_IDLE, "\x0a\x02z", 3);
    s_expect_with (&more, COVEY_MALFORMED,
                   "data is no protobuf message, or cut off");
    more = s_new ();
    s_put_bytes (&more, COVEY_EVENT_AGENT_IDLE, "\x0a\x01z\x10\xff", 5);
    s_expect_with (&more, COVEY_MALFORMED,
                   "data is no protobuf message, or cut off");
}

/* -- the table ------------------------------------------------------------ */

static bool
s_schema_has (const schema_t *schema, const char *name)
{
    for (unsigned i = 0; i < schema->n_fields; i++) {
        const field_t *field = &schema->fields[i];
        if (strcmp (field->name, name) == 0 &&
            field->type != PROTOBUF_C_TYPE_MESSAGE)
            return true;
        if (field->type == PROTOBUF_C_TYPE_MESSAGE &&
            s_schema_has (field->descriptor, name))
            return true;
    }
    return false;
}

static void
test_table_is_sorted_and_names_fields_that_exist (void **state)
{
    (void)state;
    const char *before = "";
#define COVEY_X(field, bound)                                           \
    assert_true (strcmp (before, #field) < 0);                          \
    assert_true (s_schema_has (&covey__v1__event__descriptor, #field)); \
    before = #field;
    COVEY_FIELD_BOUND_MAP (COVEY_X)
#undef COVEY_X
}

/*  What passes must unpack, whatever was done to the bytes, and peek must
    agree with protobuf-c on it.                                              */
static void
test_what_passes_unpacks_after_any_damage (void **state)
{
    (void)state;
    covey_prng_t prng;
    covey_prng_init (&prng, 11);
    const schema_t *schema = &covey__v1__event__descriptor;
    unsigned passed = 0;
    for (int round = 0; round < 40000; round++) {
        const field_t *type;
        do
            type = &schema->fields[covey_prng_below (&prng, schema->n_fields)];
        while (!(type->flags & PROTOBUF_C_FIELD_FLAG_ONEOF));
        covey_buf_t event;
        s_envelope (&event);
        s_put_valid_field (&event, type);
        for (uint64_t n = covey_prng_below (&prng, 4); n; n--)
            event.data[covey_prng_below (&prng, event.size)] ^=
                (uint8_t)(1u << covey_prng_below (&prng, 8));
        if (covey_prng_below (&prng, 4) == 0)
            event.size = (size_t)covey_prng_below (&prng, event.size + 1);
        if (s_check (&event) == COVEY_OK) {
            passed++;
            covey_peek_t view;
            assert_int_equal (covey_peek (event.data, event.size, &view),
                              COVEY_OK);
            Covey__V1__Event *unpacked =
                covey__v1__event__unpack (NULL, event.size, event.data);
            assert_non_null (unpacked);
            assert_true (covey_slice_equal (view.source, unpacked->source));
            assert_int_equal (view.priority, unpacked->priority);
            if (unpacked->data_case)
                assert_int_equal (view.type, unpacked->data_case);
            covey__v1__event__free_unpacked (unpacked, NULL);
        }
        covey_buf_deinit (&event);
    }
    assert_true (passed > 5000);
    assert_true (passed < 35000);
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
        cmocka_unit_test (test_every_field_of_every_type),
        cmocka_unit_test (test_every_string_at_its_bound_and_past_it),
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
        cmocka_unit_test (test_table_is_sorted_and_names_fields_that_exist),
        cmocka_unit_test (test_what_passes_unpacks_after_any_damage),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
