/*  The contract's rules on every field of every type, by the descriptors.   */
#include <setjmp.h>
#include <stdarg.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/prng.h"
#include "proto/bounds.h"
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

static covey_buf_t
s_new (void)
{
    covey_buf_t buf;
    covey_buf_init (&buf, 2 * COVEY_EVENT_MAX);
    return buf;
}

typedef ProtobufCMessageDescriptor schema_t;
typedef ProtobufCFieldDescriptor field_t;

static void s_put_valid (covey_buf_t *to, const schema_t *schema);

static void
s_put_valid_field (covey_buf_t *to, const field_t *field)
{
    if (field->type == PROTOBUF_C_TYPE_STRING)
        support_put_text (to, field->id, "x");
    else if (field->type == PROTOBUF_C_TYPE_BYTES)
        support_put_text (to, field->id, "0123456789abcdef");
    else if (field->type == PROTOBUF_C_TYPE_DOUBLE)
        support_put_double (to, field->id, 1);
    else if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        covey_buf_t inner = s_new ();
        s_put_valid (&inner, field->descriptor);
        support_put_bytes (to, field->id, inner.data, inner.size);
        covey_buf_deinit (&inner);
    } else
        support_put_number (to, field->id, 1);
}

/*  A payload's content is 1 = JSON, so its data has to be.                  */
static void
s_put_valid (covey_buf_t *to, const schema_t *schema)
{
    if (schema == &covey__v1__payload__descriptor) {
        support_put_number (to, 1, COVEY_CONTENT_JSON);
        support_put_text (to, 2, "[1]");
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
    support_put_bytes (&event, type->id, data.data, data.size);
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
        support_put_number (to, field->id, 1);
    else
        support_put_text (to, field->id, "x");
}

static void
s_put_bad_utf8 (covey_buf_t *to, const field_t *field)
{
    support_put_bytes (to, field->id, "\xc3\x28", 2);
}

static void
s_put_nul (covey_buf_t *to, const field_t *field)
{
    support_put_bytes (to, field->id, "a\0b", 3);
}

static void
s_put_unknown_enum (covey_buf_t *to, const field_t *field)
{
    support_put_number (to, field->id, 12345);
}

static void
s_put_nan (covey_buf_t *to, const field_t *field)
{
    support_put_double (to, field->id, (double)NAN);
}

static void
s_put_infinity (covey_buf_t *to, const field_t *field)
{
    support_put_double (to, field->id, (double)-INFINITY);
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
                                        "objective",   "paths"};
    static const char *const agents[] = {
        "agent_id",     "parent_id", "leader", "by",     "initial_members",
        "participants", "assignees", "holder", "held_by"};
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
    support_put_long (to, field->id, s_size_max (field));
}

static void
s_put_too_long (covey_buf_t *to, const field_t *field)
{
    support_put_long (to, field->id, s_size_max (field) + 1);
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
        cmocka_unit_test (test_every_field_of_every_type),
        cmocka_unit_test (test_every_string_at_its_bound_and_past_it),
        cmocka_unit_test (test_table_is_sorted_and_names_fields_that_exist),
        cmocka_unit_test (test_what_passes_unpacks_after_any_damage),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
