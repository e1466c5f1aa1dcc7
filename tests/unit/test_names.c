/*  The vocabulary's three lists agree: enum EventType, the oneof of Event, and
    COVEY_EVENT_MAP.                                                          */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "covey.h"
#include "proto/event.pb-c.h"

static bool
s_is_member (const ProtobufCFieldDescriptor *field)
{
    return field->id >= 10 && field->id <= 499;
}

/*  "task_assigned" of the oneof is TASK_ASSIGNED of the enum.               */
static bool
s_is_upper_of (const char *upper, const char *lower)
{
    for (; *upper && *lower; upper++, lower++) {
        char c = *lower;
        if (c >= 'a' && c <= 'z')
            c = (char)(c - 'a' + 'A');
        if (c != *upper)
            return false;
    }
    return *upper == *lower;
}

static void
test_every_oneof_member_is_the_enum_value_of_its_number (void **state)
{
    (void)state;
    const ProtobufCMessageDescriptor *event = &covey__v1__event__descriptor;
    const ProtobufCEnumDescriptor *types = &covey__v1__event_type__descriptor;
    unsigned members = 0;
    for (unsigned i = 0; i < event->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &event->fields[i];
        if (!s_is_member (field))
            continue;
        members++;
        assert_true (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF);
        const ProtobufCEnumValue *value =
            protobuf_c_enum_descriptor_get_value (types, (int)field->id);
        assert_non_null (value);
        assert_true (s_is_upper_of (value->name, field->name));
        assert_non_null (covey_event_type_name ((int)field->id));
    }
    assert_int_equal (members + 1, types->n_values); /* and EVENT_NONE */
}

static void
test_every_macro_is_the_enum_value_of_its_number (void **state)
{
    (void)state;
    const ProtobufCEnumDescriptor *types = &covey__v1__event_type__descriptor;
    unsigned macros = 0;
#define COVEY_X(number, constant, wire)                             \
    {                                                               \
        const ProtobufCEnumValue *value =                           \
            protobuf_c_enum_descriptor_get_value (types, number);   \
        assert_non_null (value);                                    \
        assert_string_equal (value->name, #constant);               \
        assert_int_equal (COVEY_EVENT_##constant, number);          \
        assert_string_equal (covey_event_type_name (number), wire); \
        assert_int_equal (covey_event_type_number (wire), number);  \
        macros++;                                                   \
    }
    COVEY_EVENT_MAP (COVEY_X)
#undef COVEY_X
    assert_int_equal (macros + 1, types->n_values);
}

static void
test_wire_names_are_the_constants_in_lower_case (void **state)
{
    (void)state;
#define COVEY_X(number, constant, wire)                       \
    {                                                         \
        char name[64];                                        \
        size_t n = strlen (wire);                             \
        assert_true (n < sizeof name);                        \
        for (size_t i = 0; i <= n; i++)                       \
            name[i] = (char)(wire[i] == ':' ? '_' : wire[i]); \
        assert_true (s_is_upper_of (#constant, name));        \
    }
    COVEY_EVENT_MAP (COVEY_X)
#undef COVEY_X
}

static void
test_unknown_numbers_and_names (void **state)
{
    (void)state;
    assert_null (covey_event_type_name (0));
    assert_null (covey_event_type_name (16));
    assert_null (covey_event_type_name (-1));
    assert_null (covey_event_type_name (500));
    assert_int_equal (covey_event_type_number (NULL), 0);
    assert_int_equal (covey_event_type_number (""), 0);
    assert_int_equal (covey_event_type_number ("task:assignee"), 0);
    assert_int_equal (covey_event_type_number ("TASK:ASSIGNED"), 0);
    assert_int_equal (covey_event_type_number ("task:assigned "), 0);
}

static void
test_unknown_n_stands_for_a_newer_type (void **state)
{
    (void)state;
    assert_int_equal (covey_event_type_number ("unknown:99"), 99);
    assert_int_equal (covey_event_type_number ("unknown:10"), 10);
    assert_int_equal (covey_event_type_number ("unknown:499"), 499);
    assert_int_equal (covey_event_type_number ("unknown:9"), 0);
    assert_int_equal (covey_event_type_number ("unknown:500"), 0);
    assert_int_equal (covey_event_type_number ("unknown:-99"), 0);
    assert_int_equal (covey_event_type_number ("unknown:99x"), 0);
    assert_int_equal (covey_event_type_number ("unknown:"), 0);
    assert_int_equal (covey_event_type_number ("unknown:99999999999999999999"),
                      0);
}

static void
test_level_names (void **state)
{
    (void)state;
    assert_string_equal (covey_level_name (COVEY_LEVEL_NONE), "none");
    assert_string_equal (covey_level_name (COVEY_LEVEL_ACCEPTED), "accepted");
    assert_string_equal (covey_level_name (COVEY_LEVEL_OUTBOX), "outbox");
    assert_string_equal (covey_level_name (COVEY_LEVEL_STORED), "stored");
    assert_string_equal (covey_level_name (COVEY_LEVEL_REPLICATED),
                         "replicated");
    assert_string_equal (covey_level_name (COVEY_LEVEL_SYNCED), "synced");
    assert_string_equal (covey_level_name (-1), "unknown");
    assert_string_equal (covey_level_name (6), "unknown");
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (
            test_every_oneof_member_is_the_enum_value_of_its_number),
        cmocka_unit_test (test_every_macro_is_the_enum_value_of_its_number),
        cmocka_unit_test (test_wire_names_are_the_constants_in_lower_case),
        cmocka_unit_test (test_unknown_numbers_and_names),
        cmocka_unit_test (test_unknown_n_stands_for_a_newer_type),
        cmocka_unit_test (test_level_names),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
