/*  The reader: the text is checked as a whole first, then walked field by field
    of the descriptor.                                                        */
#include <errno.h>
#include <locale.h>
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

covey_err_t
covey_json_fail (const covey_json_reader_t *self, covey_err_t code,
                 const char *at, const char *fmt, ...)
{
    char text[400];
    va_list args;
    va_start (args, fmt);
    vsnprintf (text, sizeof text, fmt, args);
    va_end (args);
    size_t line, column;
    covey_json_place (self->json, at, &line, &column);
    return covey_fail (self->err, code, "%s (line %zu, column %zu)", text, line,
                       column);
}

/*  "data.taskId", the name of a field in messages.                          */
static const char *
s_name (const covey_json_reader_t *self, const ProtobufCFieldDescriptor *field,
        char name[sizeof self->path + COVEY_JSON_NAME_MAX])
{
    char last[COVEY_JSON_NAME_MAX];
    covey_json_name (field, last);
    snprintf (name, sizeof self->path + COVEY_JSON_NAME_MAX, "%s%s", self->path,
              last);
    return name;
}

static covey_err_t
s_no_memory (const covey_json_reader_t *self)
{
    return covey_fail (self->err, COVEY_NOMEM, "no memory to read JSON");
}

static const char *
s_kind_name (covey_slice_t value)
{
    switch (*value.text) {
        case '{':
            return "an object";
        case '[':
            return "a list";
        case '"':
            return "a string";
        case 't':
        case 'f':
            return "a boolean";
        case 'n':
            return "null";
        default:
            return "a number";
    }
}

/*  "data.progress is a string; a number is expected".                       */
static covey_err_t
s_wrong_kind (const covey_json_reader_t *self,
              const ProtobufCFieldDescriptor *field, covey_slice_t value,
              const char *expected)
{
    char name[sizeof self->path + COVEY_JSON_NAME_MAX];
    return covey_json_fail (
        self, COVEY_INVALID, value.text, "%s is %s; %s is expected",
        s_name (self, field, name), s_kind_name (value), expected);
}

/*  The right kind, but not an allowed value: shows its beginning.           */
static covey_err_t
s_bad_value (const covey_json_reader_t *self,
             const ProtobufCFieldDescriptor *field, covey_slice_t value,
             const char *expected)
{
    char name[sizeof self->path + COVEY_JSON_NAME_MAX];
    int shown = value.size > 60 ? 60 : (int)value.size;
    return covey_json_fail (self, COVEY_INVALID, value.text,
                            "%s is %.*s%s; %s is expected",
                            s_name (self, field, name), shown, value.text,
                            value.size > 60 ? "..." : "", expected);
}

/* ------------------------------------------------------------------------ */
/*  Scalars                                                                   */

static bool
s_is_string (covey_slice_t value)
{
    return *value.text == '"';
}

static bool
s_is_number (covey_slice_t value)
{
    return *value.text == '-' || (*value.text >= '0' && *value.text <= '9');
}

/*  strtod for JSON's point, whatever the program's locale.                  */
static bool
s_parse_double (covey_slice_t number, double *value_p)
{
    char text[400];
    if (number.size >= sizeof text)
        return false;
    memcpy (text, number.text, number.size);
    text[number.size] = '\0';
    char *point = strchr (text, '.');
    if (point)
        *point = *localeconv ()->decimal_point;
    *value_p = strtod (text, NULL);
    return isfinite (*value_p);
}

/*  An integer as sign and magnitude; numbers like 1e3 and 2.0 count.        */
static bool
s_parse_int (covey_slice_t number, bool *negative, uint64_t *magnitude)
{
    *negative = number.size && *number.text == '-';
    *magnitude = 0;
    size_t i = *negative;
    for (; i < number.size; i++) {
        unsigned digit = (unsigned char)number.text[i] - '0';
        if (digit > 9)
            break;
        if (*magnitude > (UINT64_MAX - digit) / 10)
            return false;
        *magnitude = *magnitude * 10 + digit;
    }
    if (i == number.size)
        return i > (size_t)*negative;
    double value;
    if (!s_is_number (number) || !s_parse_double (number, &value) ||
        value != trunc (value) || fabs (value) > (double)COVEY_JSON_EXACT)
        return false;
    *magnitude = (uint64_t)fabs (value);
    return true;
}

static bool
s_signed (covey_slice_t digits, int64_t *value_p)
{
    bool negative;
    uint64_t magnitude;
    if (!s_parse_int (digits, &negative, &magnitude) ||
        magnitude > (uint64_t)INT64_MAX + negative)
        return false;
    *value_p = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}

static bool
s_unsigned (covey_slice_t digits, uint64_t *value_p)
{
    bool negative;
    return s_parse_int (digits, &negative, value_p) && !(negative && *value_p);
}

/*  The digits of a number or of a 64-bit integer written as a string.       */
static bool
s_digits_of (covey_slice_t value, bool wide, covey_slice_t *digits)
{
    *digits = value;
    if (wide && s_is_string (value)) {
        *digits = (covey_slice_t){value.text + 1, value.size - 2};
        /* Text holds plain integers only. */
        for (size_t i = 0; i < digits->size; i++)
            if (!strchr ("-0123456789", digits->text[i]))
                return false;
        return true;
    }
    return s_is_number (value);
}

static covey_err_t
s_read_int (const covey_json_reader_t *self,
            const ProtobufCFieldDescriptor *field, covey_slice_t value,
            void *member)
{
    bool is_64 = field->type == PROTOBUF_C_TYPE_INT64 ||
                 field->type == PROTOBUF_C_TYPE_SINT64 ||
                 field->type == PROTOBUF_C_TYPE_SFIXED64;
    covey_slice_t digits;
    int64_t number;
    if (!s_digits_of (value, is_64, &digits))
        return s_wrong_kind (self, field, value, "a number");
    if (!s_signed (digits, &number) ||
        (!is_64 && (number < INT32_MIN || number > INT32_MAX)))
        return s_bad_value (self, field, value,
                            is_64 ? "an integer of 64 bits"
                                  : "an integer of 32 bits");
    if (is_64)
        *(int64_t *)member = number;
    else
        *(int32_t *)member = (int32_t)number;
    return COVEY_OK;
}

static covey_err_t
s_read_uint (const covey_json_reader_t *self,
             const ProtobufCFieldDescriptor *field, covey_slice_t value,
             void *member)
{
    bool is_64 = field->type == PROTOBUF_C_TYPE_UINT64 ||
                 field->type == PROTOBUF_C_TYPE_FIXED64;
    covey_slice_t digits;
    uint64_t number;
    if (!s_digits_of (value, is_64, &digits))
        return s_wrong_kind (self, field, value, "a number");
    if (!s_unsigned (digits, &number) || (!is_64 && number > UINT32_MAX))
        return s_bad_value (self, field, value,
                            is_64 ? "an integer from 0 to 2^64 - 1"
                                  : "an integer from 0 to 2^32 - 1");
    if (is_64)
        *(uint64_t *)member = number;
    else
        *(uint32_t *)member = (uint32_t)number;
    return COVEY_OK;
}

static covey_err_t
s_read_double (const covey_json_reader_t *self,
               const ProtobufCFieldDescriptor *field, covey_slice_t value,
               void *member)
{
    double number;
    if (!s_is_number (value))
        return s_wrong_kind (self, field, value, "a number");
    if (!s_parse_double (value, &number))
        return s_bad_value (self, field, value, "a number of double range");
    if (field->type == PROTOBUF_C_TYPE_DOUBLE)
        *(double *)member = number;
    else
        *(float *)member = (float)number;
    return COVEY_OK;
}

static covey_err_t
s_read_string (const covey_json_reader_t *self,
               const ProtobufCFieldDescriptor *field, covey_slice_t value,
               void *member)
{
    if (!s_is_string (value))
        return s_wrong_kind (self, field, value, "a string");
    char *text = covey_json_text (value, NULL);
    if (!text)
        return s_no_memory (self);
    *(char **)member = text;
    return COVEY_OK;
}

static covey_err_t
s_read_scalar (const covey_json_reader_t *self,
               const ProtobufCFieldDescriptor *field, covey_slice_t value,
               void *member)
{
    switch (field->type) {
        case PROTOBUF_C_TYPE_INT32:
        case PROTOBUF_C_TYPE_SINT32:
        case PROTOBUF_C_TYPE_SFIXED32:
        case PROTOBUF_C_TYPE_INT64:
        case PROTOBUF_C_TYPE_SINT64:
        case PROTOBUF_C_TYPE_SFIXED64:
            return s_read_int (self, field, value, member);
        case PROTOBUF_C_TYPE_UINT32:
        case PROTOBUF_C_TYPE_FIXED32:
        case PROTOBUF_C_TYPE_UINT64:
        case PROTOBUF_C_TYPE_FIXED64:
            return s_read_uint (self, field, value, member);
        case PROTOBUF_C_TYPE_FLOAT:
        case PROTOBUF_C_TYPE_DOUBLE:
            return s_read_double (self, field, value, member);
        case PROTOBUF_C_TYPE_BOOL:
            if (*value.text != 't' && *value.text != 'f')
                return s_wrong_kind (self, field, value, "true or false");
            *(protobuf_c_boolean *)member = *value.text == 't';
            return COVEY_OK;
        case PROTOBUF_C_TYPE_STRING:
            return s_read_string (self, field, value, member);
        case PROTOBUF_C_TYPE_ENUM:
        case PROTOBUF_C_TYPE_BYTES:
        case PROTOBUF_C_TYPE_MESSAGE:
            break; /* kinds of their own */
    }
    return COVEY_OK;
}

static covey_err_t
s_read_instant (const covey_json_reader_t *self,
                const ProtobufCFieldDescriptor *field, covey_slice_t value,
                void *member)
{
    covey_slice_t digits;
    if (s_digits_of (value, true, &digits))
        return s_read_int (self, field, value, member);
    if (!s_is_string (value))
        return s_wrong_kind (self, field, value, "a time (RFC 3339)");
    char *text = covey_json_text (value, NULL);
    if (!text)
        return s_no_memory (self);
    bool good = covey_str_parse_time (text, member);
    free (text);
    if (!good)
        return s_bad_value (self, field, value,
                            "a time like 2026-11-23T12:00:00.000Z");
    return COVEY_OK;
}

static covey_err_t
s_read_enum (const covey_json_reader_t *self,
             const ProtobufCFieldDescriptor *field, covey_slice_t value,
             void *member)
{
    if (!s_is_string (value))
        return s_wrong_kind (self, field, value, "a string");
    char *text = covey_json_text (value, NULL);
    if (!text)
        return s_no_memory (self);
    bool good = covey_json_enum_value (field->descriptor, text, member);
    free (text);
    if (good)
        return COVEY_OK;
    char names[200] = "one of ";
    covey_json_enum_names (field->descriptor, names + 7, sizeof names - 7);
    return s_bad_value (self, field, value, names);
}

/*  Base64 or, for ids, a UUID. A '-' tells them apart: base64 has none.     */
static covey_err_t
s_read_bytes (const covey_json_reader_t *self,
              const ProtobufCFieldDescriptor *field, covey_slice_t value,
              void *member)
{
    if (!s_is_string (value))
        return s_wrong_kind (self, field, value, "a string");
    bool is_id = covey_json_kind (field) == COVEY_JSON_ID;
    size_t size;
    char *text = covey_json_text (value, &size);
    if (!text)
        return s_no_memory (self);
    covey_buf_t bytes;
    covey_buf_init (&bytes, size + 1);
    uint8_t id[16];
    bool good;
    if (is_id && size == 36 && text[8] == '-') {
        good = covey_id_parse (text, id) == COVEY_OK;
        good = good && covey_buf_append (&bytes, id, 16) == COVEY_OK;
    } else
        good = covey_base64_read (text, size, &bytes);
    free (text);
    covey_err_t rc = COVEY_OK;
    if (!good)
        rc = s_bad_value (self, field, value, is_id ? "a UUID" : "base64");
    else if (!covey_pb_set_bytes (member, bytes.data ? bytes.data : id,
                                  bytes.size))
        rc = s_no_memory (self);
    covey_buf_deinit (&bytes);
    return rc;
}

/* ------------------------------------------------------------------------ */
/*  Payloads                                                                  */

/*  Bytes for the payload from a value of the given content type.            */
static covey_err_t
s_fill_payload (const covey_json_reader_t *self,
                const ProtobufCFieldDescriptor *field,
                Covey__V1__Payload *payload, int content, covey_slice_t value)
{
    if (content != COVEY_CONTENT_JSON && !s_is_string (value))
        return s_wrong_kind (self, field, value, "a string");
    covey_buf_t bytes;
    covey_buf_init (&bytes, value.size + 1);
    covey_err_t rc = COVEY_OK;
    size_t size = 0;
    char *text = NULL;
    if (content == COVEY_CONTENT_JSON) {
        if (covey_json_is_valid (value.text, value.size))
            covey_json_squeeze (value.text, value.size, &bytes);
        else
            rc = covey_json_fail (self, COVEY_MALFORMED, value.text,
                                  "the payload is nested deeper than %d",
                                  COVEY_JSON_DEPTH_MAX);
    } else if (!(text = covey_json_text (value, &size)))
        rc = s_no_memory (self);
    else if (content == COVEY_CONTENT_BINARY) {
        if (!covey_base64_read (text, size, &bytes))
            rc = s_bad_value (self, field, value, "base64");
    } else
        (void)covey_buf_append (&bytes, text, size); /* it fits */
    free (text);
    const void *data = bytes.data ? (const void *)bytes.data : "";
    if (rc == COVEY_OK &&
        (bytes.failed ||
         !covey_pb_set_bytes (&payload->data, data, bytes.size)))
        rc = s_no_memory (self);
    payload->has_data = rc == COVEY_OK;
    covey_buf_deinit (&bytes);
    return rc;
}

static bool
s_key_is (covey_slice_t key, const char *name)
{
    return key.size == strlen (name) + 2 &&
           memcmp (key.text + 1, name, key.size - 2) == 0;
}

/*  The member of an object, or an empty slice.                              */
static covey_slice_t
s_member (covey_slice_t object, const char *name)
{
    covey_slice_t key, value;
    while (covey_json_next (&object, &key, &value))
        if (s_key_is (key, name))
            return value;
    return (covey_slice_t){NULL, 0};
}

static covey_err_t
s_read_content_type (const covey_json_reader_t *self,
                     const ProtobufCFieldDescriptor *field,
                     Covey__V1__Payload *payload, covey_slice_t value)
{
    int content = 0;
    char *text = s_is_string (value) ? covey_json_text (value, NULL) : NULL;
    bool none = text && strcmp (text, "none") == 0;
    bool good =
        none ||
        (text && covey_json_enum_value (&covey__v1__content_type__descriptor,
                                        text, &content));
    free (text);
    if (!good)
        return s_bad_value (self, field, value,
                            "as its contentType one of text, json, binary, "
                            "command");
    payload->has_content_type = !none;
    payload->content_type = (Covey__V1__ContentType)content;
    return COVEY_OK;
}

static covey_err_t
s_read_wrapped (const covey_json_reader_t *self,
                const ProtobufCFieldDescriptor *field,
                Covey__V1__Payload *payload, covey_slice_t object)
{
    covey_slice_t key, value;
    unsigned seen = 0;
    covey_err_t rc = s_read_content_type (self, field, payload,
                                          s_member (object, "contentType"));
    while (rc == COVEY_OK && covey_json_next (&object, &key, &value)) {
        unsigned bit;
        if (s_key_is (key, "contentType"))
            bit = 1;
        else if (s_key_is (key, "data")) {
            bit = 2;
            int content = (int)payload->content_type;
            if (!payload->has_content_type || content < COVEY_CONTENT_TEXT ||
                content > COVEY_CONTENT_COMMAND)
                return covey_json_fail (self, COVEY_INVALID, key.text,
                                        "a payload of this contentType has "
                                        "\"base64\", not \"data\"");
            if (!(seen & bit))
                rc = s_fill_payload (self, field, payload, content, value);
        } else if (s_key_is (key, "base64")) {
            bit = 2;
            if (!(seen & bit))
                rc = s_fill_payload (self, field, payload, COVEY_CONTENT_BINARY,
                                     value);
        } else if (s_key_is (key, COVEY_JSON_UNKNOWN)) {
            bit = 4;
            rc = covey_json_read_unknown (self, &payload->base, value);
        } else
            return covey_json_fail (
                self, COVEY_INVALID, key.text,
                "a payload with contentType has no key %.*s; it has data or "
                "base64",
                key.size > 60 ? 60 : (int)key.size, key.text);
        if (seen & bit)
            return covey_json_fail (self, COVEY_INVALID, key.text,
                                    "%.*s comes twice", (int)key.size,
                                    key.text);
        seen |= bit;
    }
    return rc;
}

static covey_err_t
s_read_payload (const covey_json_reader_t *self,
                const ProtobufCFieldDescriptor *field, covey_slice_t value,
                int sibling, void *member)
{
    Covey__V1__Payload *payload =
        (Covey__V1__Payload *)covey_pb_new (&covey__v1__payload__descriptor);
    if (!payload)
        return s_no_memory (self);
    *(Covey__V1__Payload **)member = payload;
    if (*value.text == '{' && s_member (value, "contentType").text)
        return s_read_wrapped (self, field, payload, value);
    int content = COVEY_CONTENT_JSON;
    if (s_is_string (value))
        content = sibling >= 0 ? sibling : COVEY_CONTENT_TEXT;
    if (content > COVEY_CONTENT_COMMAND)
        return s_bad_value (self, field, value,
                            "an object with contentType and base64");
    payload->has_content_type = true;
    payload->content_type = (Covey__V1__ContentType)content;
    return s_fill_payload (self, field, payload, content, value);
}

/* ------------------------------------------------------------------------ */
/*  Fields and messages                                                       */

static covey_err_t
s_read_message (covey_json_reader_t *self,
                const ProtobufCFieldDescriptor *field, covey_slice_t value,
                void *member)
{
    if (*value.text != '{')
        return s_wrong_kind (self, field, value, "an object");
    ProtobufCMessage *message = covey_pb_new (field->descriptor);
    if (!message)
        return s_no_memory (self);
    *(ProtobufCMessage **)member = message;
    size_t before = strlen (self->path);
    char name[sizeof self->path + COVEY_JSON_NAME_MAX];
    s_name (self, field, name);
    snprintf (self->path, sizeof self->path, "%.*s.",
              (int)sizeof self->path - 2, name);
    covey_err_t rc = covey_json_read_object (self, message, value);
    self->path[before] = '\0';
    return rc;
}

static covey_err_t
s_read_value (covey_json_reader_t *self, const ProtobufCFieldDescriptor *field,
              covey_slice_t value, int sibling, void *member)
{
    switch (covey_json_kind (field)) {
        case COVEY_JSON_SCALAR:
            return s_read_scalar (self, field, value, member);
        case COVEY_JSON_INSTANT:
            return s_read_instant (self, field, value, member);
        case COVEY_JSON_ENUM:
            return s_read_enum (self, field, value, member);
        case COVEY_JSON_ID:
        case COVEY_JSON_BASE64:
            return s_read_bytes (self, field, value, member);
        case COVEY_JSON_PAYLOAD:
            return s_read_payload (self, field, value, sibling, member);
        case COVEY_JSON_MAP:
        case COVEY_JSON_MESSAGE:
            return s_read_message (self, field, value, member);
    }
    return COVEY_OK;
}

static covey_err_t
s_read_list (covey_json_reader_t *self, ProtobufCMessage *message,
             const ProtobufCFieldDescriptor *field, covey_slice_t list)
{
    covey_slice_t value;
    covey_err_t rc = COVEY_OK;
    while (rc == COVEY_OK && covey_json_next (&list, NULL, &value)) {
        void *element = covey_pb_append (message, field);
        rc = element ? s_read_value (self, field, value, -1, element)
                     : s_no_memory (self);
    }
    return rc;
}

/*  {"key": "value"} into a list of entries.                                 */
static covey_err_t
s_read_map (covey_json_reader_t *self, ProtobufCMessage *message,
            const ProtobufCFieldDescriptor *field, covey_slice_t object)
{
    const ProtobufCMessageDescriptor *descriptor = field->descriptor;
    covey_slice_t key, value;
    while (covey_json_next (&object, &key, &value)) {
        size_t count = covey_pb_count (message, field);
        if (count == COVEY_LIST_MAX)
            return covey_json_fail (self, COVEY_LIMIT, key.text,
                                    "%s has more than %d entries", field->name,
                                    COVEY_LIST_MAX);
        ProtobufCMessage **entry = covey_pb_append (message, field);
        if (!entry || !(*entry = covey_pb_new (descriptor)))
            return s_no_memory (self);
        for (unsigned i = 0; i < 2; i++) {
            const ProtobufCFieldDescriptor *part = &descriptor->fields[i];
            covey_err_t rc =
                s_read_string (self, i ? part : field, i ? value : key,
                               covey_pb_begin (*entry, part));
            if (rc != COVEY_OK)
                return rc;
        }
        const char *text =
            *(char **)covey_pb_member (*entry, &descriptor->fields[0]);
        for (size_t i = 0; i < count; i++) {
            ProtobufCMessage *other =
                *(ProtobufCMessage **)covey_pb_element (message, field, i);
            if (strcmp (text, *(char **)covey_pb_member (
                                  other, &descriptor->fields[0])) == 0)
                return covey_json_fail (self, COVEY_INVALID, key.text,
                                        "the key %.60s comes twice", text);
        }
    }
    return COVEY_OK;
}

covey_err_t
covey_json_read_field (covey_json_reader_t *self, ProtobufCMessage *message,
                       const ProtobufCFieldDescriptor *field,
                       covey_slice_t value, int sibling)
{
    covey_pb_clear (message, field);
    if (*value.text == 'n')
        return COVEY_OK;
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        if (*value.text == '[')
            return s_read_list (self, message, field, value);
        bool is_map = covey_json_kind (field) == COVEY_JSON_MAP;
        if (is_map && *value.text == '{')
            return s_read_map (self, message, field, value);
        return s_wrong_kind (self, field, value,
                             is_map ? "an object" : "a list");
    }
    covey_err_t rc = s_read_value (self, field, value, sibling,
                                   covey_pb_begin (message, field));
    if (rc != COVEY_OK)
        covey_pb_clear (message, field);
    return rc;
}

covey_err_t
covey_json_read_unknown (const covey_json_reader_t *self,
                         ProtobufCMessage *message, covey_slice_t value)
{
    size_t size = 0;
    char *text = s_is_string (value) ? covey_json_text (value, &size) : NULL;
    covey_buf_t bytes;
    covey_buf_init (&bytes, size + 1);
    covey_err_t rc = COVEY_MALFORMED;
    if (text && covey_base64_read (text, size, &bytes))
        rc = covey_pb_add_unknown (message, bytes.data, bytes.size);
    free (text);
    covey_buf_deinit (&bytes);
    if (rc == COVEY_OK)
        return rc;
    return covey_json_fail (self, COVEY_INVALID, value.text,
                            "%s%s is not base64 of fields that %s lacks",
                            self->path, COVEY_JSON_UNKNOWN, self->owner);
}

static covey_err_t
s_unknown_key (const covey_json_reader_t *self,
               const ProtobufCMessageDescriptor *descriptor, covey_slice_t key)
{
    char name[COVEY_JSON_NAME_MAX], near[COVEY_JSON_NAME_MAX];
    size_t size = key.size - 2;
    if (size >= sizeof name)
        size = sizeof name - 1;
    memcpy (name, key.text + 1, size);
    name[size] = '\0';
    if (covey_json_nearest (descriptor, name, near))
        return covey_json_fail (self, COVEY_INVALID, key.text,
                                "%s has no \"%s%s\"; did you mean \"%s\"?",
                                self->owner, self->path, name, near);
    return covey_json_fail (self, COVEY_INVALID, key.text, "%s has no \"%s%s\"",
                            self->owner, self->path, name);
}

/*  Fields that must be there; a content_type can be told from its payload.  */
static covey_err_t
s_check_required (const covey_json_reader_t *self, ProtobufCMessage *message,
                  covey_slice_t object, const bool *seen)
{
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        char name[sizeof self->path + COVEY_JSON_NAME_MAX];
        if (!seen[i] && covey_json_is_required (descriptor, field))
            return covey_json_fail (self, COVEY_INVALID, object.text,
                                    "%s is missing; %s needs it",
                                    s_name (self, field, name), self->owner);
    }
    return COVEY_OK;
}

/*  The content type of the message's only payload, for a sibling that the text
    left out.                                                                 */
static void
s_derive_sibling (ProtobufCMessage *message,
                  const ProtobufCFieldDescriptor *sibling, bool *seen)
{
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        if (covey_json_kind (field) != COVEY_JSON_PAYLOAD ||
            !covey_pb_has (message, field))
            continue;
        const Covey__V1__Payload *payload =
            *(Covey__V1__Payload **)covey_pb_member (message, field);
        *(int *)covey_pb_begin (message, sibling) = (int)payload->content_type;
        seen[sibling - descriptor->fields] = true;
    }
}

enum { S_FIELDS_MAX = 128 };

covey_err_t
covey_json_read_object (covey_json_reader_t *self, ProtobufCMessage *message,
                        covey_slice_t object)
{
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;
    bool seen[S_FIELDS_MAX] = {false}, seen_unknown = false;
    const ProtobufCFieldDescriptor *content = covey_json_sibling (descriptor);
    int sibling = -1;
    covey_slice_t key, value, rest = object;
    covey_err_t rc = COVEY_OK;
    if (content) {
        value = s_member (object, "contentType");
        if (value.text && *value.text != 'n')
            rc = s_read_enum (self, content, value, &sibling);
    }
    while (rc == COVEY_OK && covey_json_next (&rest, &key, &value)) {
        bool *once = &seen_unknown;
        const ProtobufCFieldDescriptor *field = NULL;
        if (!s_key_is (key, COVEY_JSON_UNKNOWN)) {
            field = covey_json_field (descriptor, key.text + 1, key.size - 2);
            if (!field)
                return s_unknown_key (self, descriptor, key);
            once = &seen[field - descriptor->fields];
        }
        if (*once)
            return covey_json_fail (self, COVEY_INVALID, key.text,
                                    "%s%.*s comes twice", self->path,
                                    (int)key.size, key.text);
        *once = true;
        if (!field)
            rc = covey_json_read_unknown (self, message, value);
        else {
            rc = covey_json_read_field (self, message, field, value, sibling);
            if (rc == COVEY_OK && *value.text == 'n')
                *once = false; /* null is absent */
        }
    }
    if (rc == COVEY_OK && content && !seen[content - descriptor->fields])
        s_derive_sibling (message, content, seen);
    return rc == COVEY_OK ? s_check_required (self, message, object, seen) : rc;
}

covey_err_t
covey_json_read (const ProtobufCMessageDescriptor *descriptor, const char *json,
                 size_t size, ProtobufCMessage **message_p, covey_errbuf_t *err)
{
    covey_err_t rc = covey_json_check (
        json, size, COVEY_JSON_DEPTH_MAX + COVEY_JSON_DEPTH_AROUND, "the text",
        err);
    if (rc != COVEY_OK)
        return rc;
    covey_slice_t object = covey_json_trim (json, size);
    if (*object.text != '{')
        return covey_fail (err, COVEY_INVALID,
                           "the text is %s; an object is expected",
                           s_kind_name (object));
    covey_json_reader_t reader = {
        .json = json, .owner = descriptor->short_name, .err = err};
    ProtobufCMessage *message = covey_pb_new (descriptor);
    if (!message)
        return s_no_memory (&reader);
    rc = covey_json_read_object (&reader, message, object);
    if (rc != COVEY_OK) {
        protobuf_c_message_free_unpacked (message, NULL);
        return rc;
    }
    *message_p = message;
    return COVEY_OK;
}
