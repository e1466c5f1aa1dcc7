/*  Walks the wire bytes along protobuf-c's descriptors. It refuses all that
    protobuf-c would refuse, so that what passes here unpacks; and it refuses
    what protobuf-c would merge or multiply (a message twice, endless fields),
    so that what passes is what peek saw, at a bounded cost.                  */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/str.h"
#include "proto/bounds.h"
#include "proto/cursor.h"
#include "proto/event.pb-c.h"
#include "proto/json.h"
#include "proto/json_map.h"
#include "proto/peek.h"

#define FIELDS_MAX 96    /* of one message; Event has the most */
#define ENVELOPE_FIRST 9 /* fields of Event before the oneof           */
#define TYPE_FIRST 10    /* the oneof, newer members included */
#define TYPE_LAST 499
#define FIELD_METADATA 503

typedef ProtobufCMessageDescriptor schema_t;
typedef ProtobufCFieldDescriptor field_t;

/*  Where we are, as a chain on the stack: rendered only when a check fails.  */
typedef struct place {
    const struct place *up;
    const field_t *field; /* NULL: the event itself                           */
    uint32_t index;       /* in a list                                        */
    covey_errbuf_t *err;
} place_t;

/* ------------------------------------------------------------------------ */
/*  Errors                                                                    */

/*  "data.votes[3].agentId", written from the end of `path`.                 */
static const char *
s_path (const place_t *place, char path[256])
{
    char *at = path + 255;
    *at = '\0';
    for (; place && place->field; place = place->up) {
        char name[COVEY_JSON_NAME_MAX + 16];
        if (place->field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
            snprintf (name, sizeof name, "data");
        else
            covey_json_name (place->field, name);
        size_t size = strlen (name);
        if (place->field->label == PROTOBUF_C_LABEL_REPEATED)
            size += (size_t)snprintf (name + size, sizeof name - size, "[%u]",
                                      place->index);
        if (*at)
            name[size++] = '.';
        if (size > (size_t)(at - path))
            break; /* no schema is that deep */
        at -= size;
        memcpy (at, name, size);
    }
    return *at ? at : "the event";
}

static covey_err_t s_fail (const place_t *place, covey_err_t code,
                           const char *fmt, ...)
    __attribute__ ((format (printf, 3, 4)));

static covey_err_t
s_fail (const place_t *place, covey_err_t code, const char *fmt, ...)
{
    char path[256], text[256];
    va_list args;
    va_start (args, fmt);
    vsnprintf (text, sizeof text, fmt, args);
    va_end (args);
    return covey_fail (place->err, code, "%s %s", s_path (place, path), text);
}

/* ------------------------------------------------------------------------ */
/*  Values                                                                    */

typedef struct {
    const char *field;
    covey_bound_t bound;
} entry_t;

static const entry_t s_bounds[] = {
#define COVEY_X(field, bound) {#field, COVEY_BOUND_##bound},
    COVEY_FIELD_BOUND_MAP (COVEY_X)
#undef COVEY_X
};

/*  By first letter, which tells nearly all names apart, then by name.       */
static covey_bound_t
s_bound (const field_t *field)
{
    const char *name = field->name;
    size_t count = sizeof s_bounds / sizeof s_bounds[0];
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (s_bounds[middle].field[0] < name[0])
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < count && s_bounds[low].field[0] == name[0]; low++)
        if (strcmp (s_bounds[low].field, name) == 0)
            return s_bounds[low].bound;
    return COVEY_BOUND_NONE;
}

static covey_err_t
s_check_size (const place_t *place, size_t size, size_t max)
{
    if (size <= max)
        return COVEY_OK;
    return s_fail (place, COVEY_LIMIT, "has %zu bytes; the bound is %zu", size,
                   max);
}

static covey_err_t
s_check_string (const place_t *place, const covey_wire_field_t *value)
{
    const char *text = (const char *)value->bytes;
    if (covey_str_is_agent_id (text, value->size))
        return COVEY_OK; /* the narrowest bound, so every other one too       */
    covey_bound_t bound = s_bound (place->field);
    size_t max = bound == COVEY_BOUND_AGENT_ID ? COVEY_AGENT_ID_MAX
                 : bound == COVEY_BOUND_TEXT   ? COVEY_TEXT_MAX
                                               : COVEY_NAME_MAX;
    if (s_check_size (place, value->size, max))
        return COVEY_LIMIT;
    if (!covey_str_is_utf8 (text, value->size))
        return s_fail (place, COVEY_INVALID, "is not UTF-8 without NUL");
    if (bound == COVEY_BOUND_AGENT_ID &&
        !covey_str_is_agent_id (text, value->size))
        return s_fail (place, COVEY_INVALID,
                       "is \"%.*s\", no agent id: 1..%d bytes of "
                       "[A-Za-z0-9._:@/-]",
                       (int)value->size, text, COVEY_AGENT_ID_MAX);
    return COVEY_OK;
}

static covey_err_t
s_check_bytes (const place_t *place, const covey_wire_field_t *value)
{
    if (value->size == sizeof (covey_id_t))
        return COVEY_OK; /* fits every bound                                  */
    covey_bound_t bound = s_bound (place->field);
    if (bound == COVEY_BOUND_ID && value->size != 16)
        return s_fail (place, COVEY_INVALID, "has %zu bytes; an id has 16",
                       value->size);
    return s_check_size (place, value->size,
                         bound == COVEY_BOUND_PAYLOAD ? COVEY_PAYLOAD_MAX
                                                      : COVEY_NAME_MAX);
}

/*  As a double, which is exact enough for every bound of the table.         */
static double
s_number (const field_t *field, uint64_t value)
{
    if (field->type == PROTOBUF_C_TYPE_DOUBLE) {
        double number;
        memcpy (&number, &value, sizeof number);
        return number;
    }
    if (field->type == PROTOBUF_C_TYPE_INT64)
        return (double)(int64_t)value;
    if (field->type == PROTOBUF_C_TYPE_UINT32)
        return (double)(uint32_t)value; /* what protobuf-c keeps */
    return (double)value;
}

static covey_err_t
s_check_number (const place_t *place, const covey_wire_field_t *value)
{
    const field_t *field = place->field;
    bool is_double = field->type == PROTOBUF_C_TYPE_DOUBLE;
    covey_bound_t bound = s_bound (field);
    if (!is_double && bound == COVEY_BOUND_NONE)
        return COVEY_OK;
    double number = s_number (field, value->value);
    if (!isfinite (number))
        return s_fail (place, COVEY_INVALID, "is %g; it must be finite",
                       number);
    if (bound == COVEY_BOUND_PERCENT && (number < 0 || number > 100))
        return s_fail (place, COVEY_INVALID, "is %g; it must be within 0..100",
                       number);
    if (bound == COVEY_BOUND_POSITIVE && number < 1)
        return s_fail (place, COVEY_INVALID, "is %g; it must be 1 or more",
                       number);
    if (bound == COVEY_BOUND_NOT_NEGATIVE && number < 0)
        return s_fail (place, COVEY_INVALID, "is %g; it must be 0 or more",
                       number);
    return COVEY_OK;
}

static covey_wire_type_t
s_wire_type (const field_t *field)
{
    static const covey_wire_type_t types[] = {
        [PROTOBUF_C_TYPE_INT32] = COVEY_WIRE_VARINT,
        [PROTOBUF_C_TYPE_SINT32] = COVEY_WIRE_VARINT,
        [PROTOBUF_C_TYPE_SFIXED32] = COVEY_WIRE_FIXED32,
        [PROTOBUF_C_TYPE_INT64] = COVEY_WIRE_VARINT,
        [PROTOBUF_C_TYPE_SINT64] = COVEY_WIRE_VARINT,
        [PROTOBUF_C_TYPE_SFIXED64] = COVEY_WIRE_FIXED64,
        [PROTOBUF_C_TYPE_UINT32] = COVEY_WIRE_VARINT,
        [PROTOBUF_C_TYPE_FIXED32] = COVEY_WIRE_FIXED32,
        [PROTOBUF_C_TYPE_UINT64] = COVEY_WIRE_VARINT,
        [PROTOBUF_C_TYPE_FIXED64] = COVEY_WIRE_FIXED64,
        [PROTOBUF_C_TYPE_FLOAT] = COVEY_WIRE_FIXED32,
        [PROTOBUF_C_TYPE_DOUBLE] = COVEY_WIRE_FIXED64,
        [PROTOBUF_C_TYPE_BOOL] = COVEY_WIRE_VARINT,
        [PROTOBUF_C_TYPE_ENUM] = COVEY_WIRE_VARINT,
        [PROTOBUF_C_TYPE_STRING] = COVEY_WIRE_BYTES,
        [PROTOBUF_C_TYPE_BYTES] = COVEY_WIRE_BYTES,
        [PROTOBUF_C_TYPE_MESSAGE] = COVEY_WIRE_BYTES,
    };
    return types[field->type];
}

/* ------------------------------------------------------------------------ */
/*  Messages                                                                  */

/*  What was seen of one message.                                            */
typedef struct {
    uint32_t counts[FIELDS_MAX]; /* by index in the schema                    */
    uint32_t unknown;
    uint32_t data;     /* members of the oneof, unknown ones included        */
    bool is_json;      /* Payload: content_type is JSON                      */
    const char *bytes; /* Payload: data                                      */
    size_t size;
} seen_t;

static covey_err_t s_check_message (const place_t *place,
                                    const schema_t *schema,
                                    const uint8_t *bytes, size_t size);

static bool
s_is_data (const schema_t *schema, uint32_t number)
{
    return schema == &covey__v1__event__descriptor && number >= TYPE_FIRST &&
           number <= TYPE_LAST;
}

/*  A newer version's field; it passes, but not without end: protobuf-c keeps
    each of them in memory of its own.                                        */
static covey_err_t
s_check_unknown (const place_t *place, const schema_t *schema,
                 const covey_wire_field_t *value, seen_t *seen)
{
    if (++seen->unknown > COVEY_LIST_MAX)
        return s_fail (place, COVEY_LIMIT,
                       "has over %d fields that this version does not know",
                       COVEY_LIST_MAX);
    if (!s_is_data (schema, value->number))
        return COVEY_OK;
    if (seen->data++)
        return s_fail (place, COVEY_MALFORMED, "has data of two types");
    if (value->type != COVEY_WIRE_BYTES)
        return s_fail (place, COVEY_MALFORMED, "has data that is no message");
    return COVEY_OK;
}

/*  How often may it come? A scalar that comes again replaces the one before,
    as protobuf demands; messages would be merged, and peek cannot know.      */
static covey_err_t
s_check_count (const place_t *place, const schema_t *schema, seen_t *seen)
{
    const field_t *field = place->field;
    bool is_list = field->label == PROTOBUF_C_LABEL_REPEATED;
    uint32_t count = ++seen->counts[field - schema->fields];
    if (count > COVEY_LIST_MAX)
        return s_fail (place, COVEY_LIMIT, "is number %u; the bound is %d",
                       count, COVEY_LIST_MAX);
    if (field->type != PROTOBUF_C_TYPE_MESSAGE || is_list)
        return COVEY_OK;
    if (s_is_data (schema, field->id) && seen->data++)
        return s_fail (place->up, COVEY_MALFORMED, "has data of two types");
    if (count > 1)
        return s_fail (place, COVEY_MALFORMED, "comes twice");
    return COVEY_OK;
}

/*  A list of numbers in one piece, which protobuf lets a sender choose.     */
static covey_err_t
s_check_packed (place_t *place, const schema_t *schema,
                const covey_wire_field_t *value, seen_t *seen)
{
    covey_cursor_t cursor = covey_cursor_of (value->bytes, value->size);
    covey_wire_type_t type = s_wire_type (place->field);
    covey_wire_field_t element = {0};
    covey_err_t code = COVEY_OK;
    while (cursor.at < cursor.end && code == COVEY_OK) {
        bool good = type == COVEY_WIRE_VARINT
                        ? covey_cursor_varint (&cursor, &element.value)
                        : covey_cursor_fixed (
                              &cursor, type == COVEY_WIRE_FIXED64 ? 8 : 4,
                              &element.value);
        if (!good)
            return s_fail (place, COVEY_MALFORMED, "is cut off");
        code = s_check_count (place, schema, seen);
        if (code == COVEY_OK)
            code = s_check_number (place, &element);
        place->index++;
    }
    return code;
}

static covey_err_t
s_check_field (place_t *place, const schema_t *schema,
               const covey_wire_field_t *value, seen_t *seen)
{
    const field_t *field = place->field;
    covey_wire_type_t type = s_wire_type (field);
    if (field->label == PROTOBUF_C_LABEL_REPEATED && type != COVEY_WIRE_BYTES &&
        value->type == COVEY_WIRE_BYTES)
        return s_check_packed (place, schema, value, seen);
    if (value->type != type)
        return s_fail (place, COVEY_MALFORMED, "has wire type %u, not %d",
                       value->type, type);
    covey_err_t code = s_check_count (place, schema, seen);
    if (code)
        return code;
    if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        return s_check_message (place, field->descriptor, value->bytes,
                                value->size);
    if (field->type == PROTOBUF_C_TYPE_STRING)
        return s_check_string (place, value);
    if (field->type != PROTOBUF_C_TYPE_BYTES)
        return s_check_number (place, value);
    return s_check_bytes (place, value);
}

/*  Of the envelope: what a node needs to route and to store an event.       */
static bool
s_is_required (const schema_t *schema, const field_t *field)
{
    enum { FIELD_ID = 1, FIELD_SOURCE = 2, FIELD_TIMESTAMP = 4 };
    if (schema == &covey__v1__event__descriptor)
        return field->id == FIELD_ID || field->id == FIELD_SOURCE ||
               field->id == FIELD_TIMESTAMP;
    return covey_json_is_required (schema, field);
}

static covey_err_t
s_check_missing (const place_t *place, const schema_t *schema,
                 const seen_t *seen)
{
    /* Fields are sorted by number; of the envelope the first ones count. */
    unsigned count = schema == &covey__v1__event__descriptor ? ENVELOPE_FIRST
                                                             : schema->n_fields;
    for (unsigned i = 0; i < count; i++) {
        const field_t *field = &schema->fields[i];
        if (seen->counts[i] == 0 && s_is_required (schema, field)) {
            place_t missing = {place, field, 0, place->err};
            return s_fail (&missing, COVEY_INVALID, "is missing");
        }
    }
    if (schema == &covey__v1__event__descriptor && seen->data == 0)
        return s_fail (place, COVEY_INVALID, "has no data, so no type");
    return COVEY_OK;
}

static void
s_note_payload (const field_t *field, const covey_wire_field_t *value,
                seen_t *seen)
{
    if (field->type == PROTOBUF_C_TYPE_ENUM)
        seen->is_json = (int32_t)value->value == COVEY_CONTENT_JSON;
    else {
        seen->bytes = (const char *)value->bytes;
        seen->size = value->size;
    }
}

/*  Checked where it stands complete, whatever the order of its fields.      */
static covey_err_t
s_check_json (const place_t *place, const seen_t *seen)
{
    if (!seen->is_json || covey_json_is_valid (seen->bytes, seen->size))
        return COVEY_OK;
    return s_fail (place, COVEY_INVALID,
                   "says that it is JSON, but its %zu bytes are not",
                   seen->size);
}

/*  Writers send fields in the order of their numbers, and `fields` has them in
    this order: it is the one seen last, or the next, more often than not.    */
static const field_t *
s_find_field (const schema_t *schema, const field_t *last, uint32_t number)
{
    ptrdiff_t left = schema->fields + schema->n_fields - last;
    if (left > 0 && last->id == number)
        return last;
    if (left > 1 && last[1].id == number)
        return last + 1;
    return protobuf_c_message_descriptor_get_field (schema, number);
}

/*  Clears no more of the counters than there are fields.                     */
static void
s_see_nothing (seen_t *seen, const schema_t *schema)
{
    memset (seen->counts, 0, schema->n_fields * sizeof seen->counts[0]);
    seen->unknown = seen->data = 0;
    seen->is_json = false;
    seen->bytes = NULL;
    seen->size = 0;
}

static bool
s_is_same (covey_slice_t a, covey_slice_t b)
{
    return a.size == b.size &&
           (a.size == 0 || memcmp (a.text, b.text, a.size) == 0);
}

/*  Metadata is an object: its keys are unique. The bytes are checked already.
 */
static covey_err_t
s_check_metadata (const place_t *place, const uint8_t *bytes, size_t size)
{
    enum { FIELD_KEY = 1 };
    covey_slice_t keys[COVEY_LIST_MAX];
    size_t count = 0;
    covey_cursor_t cursor = covey_cursor_of (bytes, size);
    covey_wire_field_t entry = {0}, value = {0};
    while (count < COVEY_LIST_MAX && covey_cursor_next (&cursor, &entry)) {
        if (entry.number != FIELD_METADATA)
            continue;
        covey_cursor_t inner = covey_cursor_of (entry.bytes, entry.size);
        covey_slice_t key = {NULL, 0};
        while (covey_cursor_next (&inner, &value))
            if (value.number == FIELD_KEY)
                key = (covey_slice_t){(const char *)value.bytes, value.size};
        for (size_t i = 0; i < count; i++)
            if (s_is_same (keys[i], key))
                return s_fail (place, COVEY_INVALID,
                               "has the metadata key \"%.*s\" twice",
                               (int)key.size, key.text);
        keys[count++] = key;
    }
    return COVEY_OK;
}

static covey_err_t
s_check_message (const place_t *place, const schema_t *schema,
                 const uint8_t *bytes, size_t size)
{
    assert (schema->n_fields <= FIELDS_MAX);
    bool is_payload = schema == &covey__v1__payload__descriptor;
    bool is_event = schema == &covey__v1__event__descriptor;
    bool has_metadata = false;
    covey_cursor_t cursor = covey_cursor_of (bytes, size);
    covey_wire_field_t value = {0};
    covey_err_t code = COVEY_OK;
    const field_t *last = schema->fields;
    seen_t seen;
    s_see_nothing (&seen, schema);
    while (cursor.at < cursor.end && code == COVEY_OK) {
        if (!covey_cursor_next (&cursor, &value))
            return s_fail (place, COVEY_MALFORMED,
                           "is no protobuf message, or cut off");
        const field_t *field = s_find_field (schema, last, value.number);
        if (!field) {
            code = s_check_unknown (place, schema, &value, &seen);
            continue;
        }
        last = field;
        has_metadata |= is_event && field->id == FIELD_METADATA;
        place_t inner = {place, field, seen.counts[field - schema->fields],
                         place->err};
        code = s_check_field (&inner, schema, &value, &seen);
        if (is_payload)
            s_note_payload (field, &value, &seen);
    }
    if (code == COVEY_OK)
        code = s_check_missing (place, schema, &seen);
    if (code == COVEY_OK && is_payload)
        code = s_check_json (place, &seen);
    if (code == COVEY_OK && has_metadata)
        code = s_check_metadata (place, bytes, size);
    return code;
}

/* ------------------------------------------------------------------------ */
/*  The event                                                                 */

covey_err_t
covey_event_check (const void *data, size_t size, covey_errbuf_t *err)
{
    const place_t event = {NULL, NULL, 0, err};
    covey_err_t code = s_check_size (&event, size, COVEY_EVENT_MAX);
    if (code == COVEY_OK)
        code =
            s_check_message (&event, &covey__v1__event__descriptor, data, size);
    return code;
}
