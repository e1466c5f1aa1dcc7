/*  docs/events.md is the contract that people read: it has every type and every
    field, required where validation requires it, and its example is an event.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/event.h"
#include "proto/event.pb-c.h"
#include "proto/json_map.h"

static char s_page[1 << 16];

static int
s_load (void **state)
{
    (void)state;
    const char *source = getenv ("COVEY_SOURCE");
    char path[1000];
    (void)snprintf (path, sizeof path, "%s/docs/events.md",
                    source ? source : ".");
    FILE *file = fopen (path, "rb");
    if (!file)
        return -1;
    size_t size = fread (s_page, 1, sizeof s_page - 1, file);
    fclose (file);
    s_page[size] = '\0';
    return size < sizeof s_page - 1 ? 0 : -1;
}

/*  The part of the page behind a heading, up to the next one; the caller frees
    it.                                                                       */
static char *
s_section (const char *heading)
{
    const char *start = strstr (s_page, heading);
    if (!start)
        fail_msg ("docs/events.md has no \"%s\"", heading);
    start += strlen (heading);
    const char *end = strstr (start, "\n#");
    return strndup (start, end ? (size_t)(end - start) : strlen (start));
}

/*  The row of a field: "| `name` | kind | optional | meaning |".             */
static void
s_check_row (const char *section, const char *owner, const char *name,
             bool required)
{
    char start[COVEY_JSON_NAME_MAX + 8];
    (void)snprintf (start, sizeof start, "| `%s` |", name);
    const char *row = strstr (section, start);
    if (!row)
        fail_msg ("docs/events.md: %s lacks %s", owner, name);
    const char *end = strchr (row, '\n'), *mark = strstr (row, "| optional |");
    bool optional = mark && (!end || mark < end);
    if (optional == required)
        fail_msg ("docs/events.md: %s.%s is %s", owner, name,
                  required ? "required" : "optional");
}

static size_t
s_count (const char *text, const char *part)
{
    size_t count = 0;
    for (; (text = strstr (text, part)); text += strlen (part))
        count++;
    return count;
}

static void
test_every_type_and_field_is_described (void **state)
{
    (void)state;
    const ProtobufCMessageDescriptor *event = &covey__v1__event__descriptor;
    size_t types = 0;
    for (unsigned i = 0; i < event->n_fields; i++) {
        const ProtobufCFieldDescriptor *type = &event->fields[i];
        if (!(type->flags & PROTOBUF_C_FIELD_FLAG_ONEOF))
            continue;
        types++;
        char heading[COVEY_JSON_NAME_MAX];
        const char *wire = covey_event_type_name ((int)type->id);
        (void)snprintf (heading, sizeof heading, "#### %u `%s`\n", type->id,
                        wire);
        char *section = s_section (heading);
        const ProtobufCMessageDescriptor *data = type->descriptor;
        for (unsigned j = 0; j < data->n_fields; j++) {
            char name[COVEY_JSON_NAME_MAX];
            covey_json_name (&data->fields[j], name);
            s_check_row (section, wire, name,
                         covey_json_is_required (data, &data->fields[j]));
        }
        assert_int_equal (s_count (section, "\n| `"), data->n_fields);
        free (section);
    }
    assert_int_equal (s_count (s_page, "\n#### "), types);
}

static void
test_the_envelope_is_described (void **state)
{
    (void)state;
    const ProtobufCMessageDescriptor *event = &covey__v1__event__descriptor;
    char *section = s_section ("## Envelope\n");
    for (unsigned i = 0; i < event->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &event->fields[i];
        char name[COVEY_JSON_NAME_MAX], number[80];
        if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
            continue;
        covey_json_name (field, name);
        (void)snprintf (number, sizeof number, "| `%s` | `%s` = %u |", name,
                        field->name, field->id);
        if (!strstr (section, number))
            fail_msg ("docs/events.md: the envelope lacks \"%s\"", number);
    }
    free (section);
}

static void
test_the_example_is_an_event (void **state)
{
    (void)state;
    const char *start = strstr (s_page, "```json\n");
    assert_non_null (start);
    start += strlen ("```json\n");
    size_t size = strcspn (start, "\n");
    covey_event_t *event = NULL;
    if (covey_event_from_json (start, size, &event) != COVEY_OK)
        fail_msg ("%s", covey_error ());
    assert_int_equal (covey_event_validate (event), COVEY_OK);
    char *json = covey_event_to_json (event);
    assert_int_equal (strlen (json), size);
    assert_memory_equal (json, start, size);
    covey_free (json);
    covey_event_destroy (&event);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_every_type_and_field_is_described),
        cmocka_unit_test (test_the_envelope_is_described),
        cmocka_unit_test (test_the_example_is_an_event)};
    return cmocka_run_group_tests (tests, s_load, NULL);
}
