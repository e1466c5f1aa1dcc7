#include "proto/json_map.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "proto/event.pb-c.h"
#include "proto/json.h"

/*  int64 fields that are instants; those that end in "_at" are as well.     */
static const char *const s_instants[] = {
    "timestamp",  "deadline",      "idle_since", "last_seen",   "expires_at",
    "first_seen", "since",         "until",      "older_than",  "log_time_us",
    "node_heard", "session_heard", "lease_end",  "last_active", "not_before"};

static bool
s_ends_with (const char *text, const char *end)
{
    size_t a = strlen (text), b = strlen (end);
    return a >= b && strcmp (text + a - b, end) == 0;
}

static bool
s_is_instant (const char *name)
{
    for (size_t i = 0; i < sizeof s_instants / sizeof *s_instants; i++)
        if (strcmp (name, s_instants[i]) == 0)
            return true;
    return s_ends_with (name, "_at");
}

static bool
s_is_map (const ProtobufCFieldDescriptor *field)
{
    const ProtobufCMessageDescriptor *entry = field->descriptor;
    return field->label == PROTOBUF_C_LABEL_REPEATED && entry->n_fields == 2 &&
           strcmp (entry->fields[0].name, "key") == 0 &&
           strcmp (entry->fields[1].name, "value") == 0 &&
           entry->fields[0].type == PROTOBUF_C_TYPE_STRING &&
           entry->fields[1].type == PROTOBUF_C_TYPE_STRING;
}

covey_json_kind_t
covey_json_kind (const ProtobufCFieldDescriptor *field)
{
    if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        if (field->descriptor == &covey__v1__payload__descriptor)
            return COVEY_JSON_PAYLOAD;
        return s_is_map (field) ? COVEY_JSON_MAP : COVEY_JSON_MESSAGE;
    }
    if (field->type == PROTOBUF_C_TYPE_ENUM)
        return COVEY_JSON_ENUM;
    if (field->type == PROTOBUF_C_TYPE_INT64 && s_is_instant (field->name))
        return COVEY_JSON_INSTANT;
    if (field->type != PROTOBUF_C_TYPE_BYTES)
        return COVEY_JSON_SCALAR;
    bool is_id = strcmp (field->name, "id") == 0 ||
                 strcmp (field->name, "origin") == 0 ||
                 s_ends_with (field->name, "_id");
    return is_id ? COVEY_JSON_ID : COVEY_JSON_BASE64;
}

/* ------------------------------------------------------------------------ */
/*  Names                                                                     */

/*  snake_case or UPPER_CASE to lowerCamelCase.                              */
static void
s_camel (const char *from, size_t size, char name[COVEY_JSON_NAME_MAX])
{
    size_t n = 0;
    bool up = false;
    for (size_t i = 0; i < size && n < COVEY_JSON_NAME_MAX - 1; i++) {
        char c = from[i];
        if (c == '_') {
            up = true;
            continue;
        }
        if (c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        if (up && c >= 'a' && c <= 'z')
            c = (char)(c - 'a' + 'A');
        up = false;
        name[n++] = c;
    }
    name[n] = '\0';
}

void
covey_json_name (const ProtobufCFieldDescriptor *field,
                 char name[COVEY_JSON_NAME_MAX])
{
    size_t size = strlen (field->name);
    if (size > 3 && s_ends_with (field->name, "_ms"))
        size -= 3;
    s_camel (field->name, size, name);
}

/*  s_camel of `from` is `name`, without writing it down.                    */
static bool
s_is_camel_of (const char *from, size_t from_size, const char *name,
               size_t size)
{
    size_t n = 0;
    bool up = false;
    for (size_t i = 0; i < from_size; i++) {
        char c = from[i];
        if (c == '_') {
            up = true;
            continue;
        }
        if (up && c >= 'a' && c <= 'z')
            c = (char)(c - 'a' + 'A');
        up = false;
        if (n == size || name[n++] != c)
            return false;
    }
    return n == size;
}

const ProtobufCFieldDescriptor *
covey_json_field (const ProtobufCMessageDescriptor *descriptor,
                  const char *name, size_t size)
{
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        if (!size || field->name[0] != name[0])
            continue;
        size_t from_size = strlen (field->name);
        if (from_size > 3 && s_ends_with (field->name, "_ms"))
            from_size -= 3;
        if (s_is_camel_of (field->name, from_size, name, size))
            return field;
    }
    return NULL;
}

enum { S_FIELDS_MAX = 128 };

typedef struct {
    char names[S_FIELDS_MAX][COVEY_JSON_NAME_MAX];
    size_t count;
} s_names_t;

static const char *
s_next_name (const void *arg, size_t i)
{
    const s_names_t *names = arg;
    return i < names->count ? names->names[i] : NULL;
}

bool
covey_json_nearest (const ProtobufCMessageDescriptor *descriptor,
                    const char *name, char near[COVEY_JSON_NAME_MAX])
{
    s_names_t names = {.count = 0};
    for (unsigned i = 0; i < descriptor->n_fields && i < S_FIELDS_MAX; i++)
        covey_json_name (&descriptor->fields[i], names.names[names.count++]);
    const char *best = covey_str_nearest (name, s_next_name, &names);
    if (best)
        covey_str_copy (near, COVEY_JSON_NAME_MAX, best);
    return best;
}

/* ------------------------------------------------------------------------ */
/*  Enums                                                                     */

/*  Length of the prefix, up to a '_', that all values share.                */
static size_t
s_prefix (const ProtobufCEnumDescriptor *descriptor)
{
    const char *first = descriptor->values[0].name;
    size_t length = strlen (first);
    for (unsigned i = 1; i < descriptor->n_values; i++) {
        const char *name = descriptor->values[i].name;
        size_t same = 0;
        while (same < length && name[same] == first[same])
            same++;
        length = same;
    }
    while (length && first[length - 1] != '_')
        length--;
    return descriptor->n_values > 1 ? length : 0;
}

static void
s_value_name (const ProtobufCEnumDescriptor *descriptor,
              const ProtobufCEnumValue *value, char name[COVEY_JSON_NAME_MAX])
{
    const char *text = value->name + s_prefix (descriptor);
    s_camel (text, strlen (text), name);
}

void
covey_json_enum_name (const ProtobufCEnumDescriptor *descriptor, int value,
                      char name[COVEY_JSON_NAME_MAX])
{
    const ProtobufCEnumValue *known =
        protobuf_c_enum_descriptor_get_value (descriptor, value);
    if (known)
        s_value_name (descriptor, known, name);
    else
        snprintf (name, COVEY_JSON_NAME_MAX, "unknown:%d", value);
}

bool
covey_json_enum_value (const ProtobufCEnumDescriptor *descriptor,
                       const char *name, int *value_p)
{
    for (unsigned i = 0; i < descriptor->n_values; i++) {
        char known[COVEY_JSON_NAME_MAX];
        s_value_name (descriptor, &descriptor->values[i], known);
        if (strcmp (known, name) == 0) {
            *value_p = descriptor->values[i].value;
            return true;
        }
    }
    int64_t value;
    if (strncmp (name, "unknown:", 8) != 0 ||
        !covey_str_to_int (name + 8, INT32_MIN, INT32_MAX, &value))
        return false;
    *value_p = (int)value;
    return true;
}

void
covey_json_enum_names (const ProtobufCEnumDescriptor *descriptor, char *names,
                       size_t size)
{
    size_t used = 0;
    names[0] = '\0';
    for (unsigned i = 0; i < descriptor->n_values && used < size; i++) {
        char name[COVEY_JSON_NAME_MAX];
        s_value_name (descriptor, &descriptor->values[i], name);
        int n =
            snprintf (names + used, size - used, "%s%s", i ? ", " : "", name);
        used += n > 0 ? (size_t)n : 0;
    }
}

/* ------------------------------------------------------------------------ */
/*  Rules                                                                     */

bool
covey_json_is_required (const ProtobufCMessageDescriptor *descriptor,
                        const ProtobufCFieldDescriptor *field)
{
    if (field->label == PROTOBUF_C_LABEL_REQUIRED)
        return true;
    return field->type == PROTOBUF_C_TYPE_ENUM &&
           strcmp (descriptor->package_name, "covey.v1") == 0 &&
           descriptor != &covey__v1__payload__descriptor &&
           descriptor != &covey__v1__event__descriptor;
}

const ProtobufCFieldDescriptor *
covey_json_sibling (const ProtobufCMessageDescriptor *descriptor)
{
    if (descriptor == &covey__v1__payload__descriptor)
        return NULL;
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name (descriptor,
                                                         "content_type");
    return field && field->type == PROTOBUF_C_TYPE_ENUM &&
                   field->descriptor == &covey__v1__content_type__descriptor
               ? field
               : NULL;
}

bool
covey_json_is_time (int64_t wall_us)
{
    /* 0000-01-01T00:00:00Z to 9999-12-31T23:59:59.999999Z */
    return wall_us >= -62167219200000000 && wall_us <= 253402300799999999;
}
