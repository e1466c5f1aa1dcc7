/*  The writer: one walk over the descriptor, straight into the buffer.      */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "proto/event.pb-c.h"
#include "proto/json.h"
#include "proto/json_map.h"
#include "proto/json_scan.h"
#include "proto/pb.h"

static void
s_key (const char *name, bool *first, covey_buf_t *to)
{
    if (!*first)
        covey_buf_putc (to, ',');
    *first = false;
    covey_buf_putc (to, '"');
    covey_buf_puts (to, name);
    covey_buf_puts (to, "\":");
}

static void
s_text (const char *text, covey_buf_t *to)
{
    covey_json_quote (to, text ? text : "", text ? strlen (text) : 0);
}

static void
s_base64 (const void *data, size_t size, covey_buf_t *to)
{
    covey_buf_putc (to, '"');
    covey_base64_write (data, size, to);
    covey_buf_putc (to, '"');
}

static void
s_int (int64_t value, covey_buf_t *to)
{
    bool exact = value >= -COVEY_JSON_EXACT && value <= COVEY_JSON_EXACT;
    covey_buf_printf (to, exact ? "%" PRId64 : "\"%" PRId64 "\"", value);
}

static void
s_uint (uint64_t value, covey_buf_t *to)
{
    bool exact = value <= COVEY_JSON_EXACT;
    covey_buf_printf (to, exact ? "%" PRIu64 : "\"%" PRIu64 "\"", value);
}

/*  The shortest digits that read back as the same number.                   */
static covey_err_t
s_double (double value, covey_buf_t *to)
{
    if (!isfinite (value))
        return COVEY_INVALID;
    char text[40];
    if (fabs (value) <= (double)COVEY_JSON_EXACT && value == trunc (value))
        snprintf (text, sizeof text, "%.0f", value);
    else
        for (int digits = 15; digits <= 17; digits++) {
            snprintf (text, sizeof text, "%.*g", digits, value);
            if (strtod (text, NULL) == value)
                break;
        }
    /* The program's locale may have another decimal point. */
    char *odd = text + strspn (text, "0123456789-+e.");
    if (*odd)
        *odd = '.';
    covey_buf_puts (to, text);
    return COVEY_OK;
}

static void
s_instant (int64_t wall_us, covey_buf_t *to)
{
    if (!covey_json_is_time (wall_us)) {
        s_int (wall_us, to);
        return;
    }
    char text[40];
    covey_str_time (wall_us, text);
    covey_buf_putc (to, '"');
    covey_buf_puts (to, text);
    covey_buf_putc (to, '"');
}

static void
s_enum (const ProtobufCEnumDescriptor *descriptor, int value, covey_buf_t *to)
{
    char name[COVEY_JSON_NAME_MAX];
    covey_json_enum_name (descriptor, value, name);
    covey_buf_putc (to, '"');
    covey_buf_puts (to, name);
    covey_buf_putc (to, '"');
}

static covey_err_t
s_scalar (ProtobufCType type, const void *value, covey_buf_t *to)
{
    switch (type) {
        case PROTOBUF_C_TYPE_INT32:
        case PROTOBUF_C_TYPE_SINT32:
        case PROTOBUF_C_TYPE_SFIXED32:
            s_int (*(const int32_t *)value, to);
            break;
        case PROTOBUF_C_TYPE_UINT32:
        case PROTOBUF_C_TYPE_FIXED32:
            s_uint (*(const uint32_t *)value, to);
            break;
        case PROTOBUF_C_TYPE_INT64:
        case PROTOBUF_C_TYPE_SINT64:
        case PROTOBUF_C_TYPE_SFIXED64:
            s_int (*(const int64_t *)value, to);
            break;
        case PROTOBUF_C_TYPE_UINT64:
        case PROTOBUF_C_TYPE_FIXED64:
            s_uint (*(const uint64_t *)value, to);
            break;
        case PROTOBUF_C_TYPE_FLOAT:
            return s_double ((double)*(const float *)value, to);
        case PROTOBUF_C_TYPE_DOUBLE:
            return s_double (*(const double *)value, to);
        case PROTOBUF_C_TYPE_BOOL:
            covey_buf_puts (to, *(const protobuf_c_boolean *)value ? "true"
                                                                   : "false");
            break;
        case PROTOBUF_C_TYPE_STRING:
            s_text (*(char *const *)value, to);
            break;
        case PROTOBUF_C_TYPE_ENUM:
        case PROTOBUF_C_TYPE_BYTES:
        case PROTOBUF_C_TYPE_MESSAGE:
            break; /* kinds of their own */
    }
    return COVEY_OK;
}

/* ------------------------------------------------------------------------ */
/*  Payloads                                                                  */

/*  Would the reader take this JSON value for something else? null is absent,
    and an object with a contentType is a wrapped payload.                    */
static bool
s_is_ambiguous (covey_slice_t json)
{
    if (*json.text == 'n')
        return true;
    if (*json.text != '{')
        return false;
    covey_slice_t key, value;
    while (covey_json_next (&json, &key, &value)) {
        if (key.size == 13 && memcmp (key.text, "\"contentType\"", 13) == 0)
            return true;
        if (memchr (key.text, '\\', key.size))
            return true; /* may be the same key in escapes */
    }
    return false;
}

/*  The payload as a bare value, which its content type (named by `sibling`
    when that is not -1) and its shape make unmistakable.                     */
static bool
s_inline (const Covey__V1__Payload *payload, int sibling, covey_buf_t *to)
{
    int content = (int)payload->content_type;
    const char *data = payload->data.data ? (char *)payload->data.data : "";
    size_t size = payload->data.len;
    if (!payload->has_content_type || !payload->has_data ||
        payload->base.n_unknown_fields || (sibling >= 0 && sibling != content))
        return false;
    if (content == COVEY_CONTENT_JSON) {
        if (!covey_json_is_valid (data, size))
            return false;
        covey_slice_t json = covey_json_trim (data, size);
        if (s_is_ambiguous (json) || (*json.text == '"' && sibling < 0))
            return false;
        covey_json_squeeze (json.text, json.size, to);
        return true;
    }
    if (content == COVEY_CONTENT_BINARY && sibling >= 0) {
        s_base64 (data, size, to);
        return true;
    }
    bool is_text = content == COVEY_CONTENT_TEXT ||
                   (content == COVEY_CONTENT_COMMAND && sibling >= 0);
    if (!is_text || !covey_str_is_utf8 (data, size))
        return false;
    covey_json_quote (to, data, size);
    return true;
}

static void
s_wrapped_data (const Covey__V1__Payload *payload, bool *first, covey_buf_t *to)
{
    const char *data = payload->data.data ? (char *)payload->data.data : "";
    size_t size = payload->data.len;
    int content = payload->has_content_type ? (int)payload->content_type : -1;
    if (content == COVEY_CONTENT_JSON && covey_json_is_valid (data, size)) {
        s_key ("data", first, to);
        covey_json_squeeze (data, size, to);
    } else if ((content == COVEY_CONTENT_TEXT ||
                content == COVEY_CONTENT_COMMAND) &&
               covey_str_is_utf8 (data, size)) {
        s_key ("data", first, to);
        covey_json_quote (to, data, size);
    } else {
        s_key (content == COVEY_CONTENT_BINARY ? "data" : "base64", first, to);
        s_base64 (data, size, to);
    }
}

static void
s_payload (const Covey__V1__Payload *payload, int sibling, covey_buf_t *to)
{
    size_t before = to->size;
    if (s_inline (payload, sibling, to))
        return;
    to->size = before;
    bool first = true;
    covey_buf_putc (to, '{');
    s_key ("contentType", &first, to);
    if (payload->has_content_type)
        s_enum (&covey__v1__content_type__descriptor,
                (int)payload->content_type, to);
    else
        covey_buf_puts (to, "\"none\"");
    if (payload->has_data)
        s_wrapped_data (payload, &first, to);
    covey_json_write_unknown (&payload->base, payload->base.n_unknown_fields,
                              &first, to);
    covey_buf_putc (to, '}');
}

/*  The content type that the field beside a payload names, or -1.           */
static int
s_sibling (const ProtobufCMessage *message)
{
    const ProtobufCFieldDescriptor *field =
        covey_json_sibling (message->descriptor);
    if (!field || !covey_pb_has (message, field))
        return -1;
    return *(int *)covey_pb_member (message, field);
}

/* ------------------------------------------------------------------------ */
/*  Fields and messages                                                       */

static covey_err_t
s_value (const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
         const void *value, covey_buf_t *to)
{
    const ProtobufCBinaryData *bytes = value;
    char id[37];
    switch (covey_json_kind (field)) {
        case COVEY_JSON_SCALAR:
            return s_scalar (field->type, value, to);
        case COVEY_JSON_INSTANT:
            s_instant (*(const int64_t *)value, to);
            break;
        case COVEY_JSON_ENUM:
            s_enum (field->descriptor, *(const int *)value, to);
            break;
        case COVEY_JSON_ID:
            if (bytes->len == 16) {
                covey_id_text (bytes->data, id);
                s_text (id, to);
                break;
            }
            s_base64 (bytes->data, bytes->len, to);
            break;
        case COVEY_JSON_BASE64:
            s_base64 (bytes->data, bytes->len, to);
            break;
        case COVEY_JSON_PAYLOAD:
            s_payload (*(Covey__V1__Payload *const *)value, s_sibling (message),
                       to);
            break;
        case COVEY_JSON_MAP:
        case COVEY_JSON_MESSAGE:
            return covey_json_write (*(ProtobufCMessage *const *)value, to);
    }
    return COVEY_OK;
}

static const char *
s_entry_text (const ProtobufCMessage *entry, unsigned i)
{
    const ProtobufCFieldDescriptor *field = &entry->descriptor->fields[i];
    const char *text = *(char **)covey_pb_member (entry, field);
    return text ? text : "";
}

/*  Can the entries be an object: no key twice, nothing else in them?        */
static bool
s_is_object (const ProtobufCMessage *message,
             const ProtobufCFieldDescriptor *field)
{
    size_t count = covey_pb_count (message, field);
    ProtobufCMessage **entries =
        *(ProtobufCMessage ***)covey_pb_member (message, field);
    if (count > COVEY_LIST_MAX)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (entries[i]->n_unknown_fields)
            return false;
        const char *key = s_entry_text (entries[i], 0);
        for (size_t j = 0; j < i; j++)
            if (strcmp (key, s_entry_text (entries[j], 0)) == 0)
                return false;
    }
    return true;
}

static void
s_object (const ProtobufCMessage *message,
          const ProtobufCFieldDescriptor *field, covey_buf_t *to)
{
    size_t count = covey_pb_count (message, field);
    ProtobufCMessage **entries =
        *(ProtobufCMessage ***)covey_pb_member (message, field);
    covey_buf_putc (to, '{');
    for (size_t i = 0; i < count; i++) {
        if (i)
            covey_buf_putc (to, ',');
        s_text (s_entry_text (entries[i], 0), to);
        covey_buf_putc (to, ':');
        s_text (s_entry_text (entries[i], 1), to);
    }
    covey_buf_putc (to, '}');
}

covey_err_t
covey_json_write_field (const ProtobufCMessage *message,
                        const ProtobufCFieldDescriptor *field, bool *first,
                        covey_buf_t *to)
{
    size_t count = covey_pb_count (message, field);
    if (!count || !covey_pb_has (message, field))
        return COVEY_OK;
    char name[COVEY_JSON_NAME_MAX];
    covey_json_name (field, name);
    s_key (name, first, to);
    if (field->label != PROTOBUF_C_LABEL_REPEATED)
        return s_value (message, field, covey_pb_member (message, field), to);
    if (covey_json_kind (field) == COVEY_JSON_MAP &&
        s_is_object (message, field)) {
        s_object (message, field, to);
        return COVEY_OK;
    }
    covey_buf_putc (to, '[');
    for (size_t i = 0; i < count; i++) {
        if (i)
            covey_buf_putc (to, ',');
        covey_err_t rc =
            s_value (message, field, covey_pb_element (message, field, i), to);
        if (rc != COVEY_OK)
            return rc;
    }
    covey_buf_putc (to, ']');
    return COVEY_OK;
}

void
covey_json_write_unknown (const ProtobufCMessage *message, unsigned count,
                          bool *first, covey_buf_t *to)
{
    if (!count)
        return;
    covey_buf_t bytes;
    covey_buf_init (&bytes, to->max);
    for (unsigned i = 0; i < count; i++)
        covey_pb_write_unknown (&message->unknown_fields[i], &bytes);
    s_key (COVEY_JSON_UNKNOWN, first, to);
    s_base64 (bytes.data, bytes.size, to);
    if (bytes.failed)
        to->failed = true;
    covey_buf_deinit (&bytes);
}

covey_err_t
covey_json_write (const ProtobufCMessage *message, covey_buf_t *to)
{
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;
    bool first = true;
    covey_buf_putc (to, '{');
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        covey_err_t rc = covey_json_write_field (
            message, &descriptor->fields[i], &first, to);
        if (rc != COVEY_OK)
            return rc;
    }
    covey_json_write_unknown (message, message->n_unknown_fields, &first, to);
    covey_buf_putc (to, '}');
    return to->failed ? COVEY_LIMIT : COVEY_OK;
}
