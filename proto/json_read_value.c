/*  The reader of plain values, and how all of the reader words its errors.  */
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "proto/json_reader.h"
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

const char *
covey_json_field_path (const covey_json_reader_t *self,
                       const ProtobufCFieldDescriptor *field,
                       char path[COVEY_JSON_PATH_MAX])
{
    char last[COVEY_JSON_NAME_MAX];
    covey_json_name (field, last);
    snprintf (path, COVEY_JSON_PATH_MAX, "%s%s", self->path, last);
    return path;
}

covey_err_t
covey_json_no_memory (const covey_json_reader_t *self)
{
    return covey_fail (self->err, COVEY_NOMEM, "no memory to read JSON");
}

const char *
covey_json_kind_name (covey_slice_t value)
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

covey_err_t
covey_json_wrong_kind (const covey_json_reader_t *self,
                       const ProtobufCFieldDescriptor *field,
                       covey_slice_t value, const char *expected)
{
    char name[COVEY_JSON_PATH_MAX];
    return covey_json_fail (self, COVEY_INVALID, value.text,
                            "%s is %s; %s is expected",
                            covey_json_field_path (self, field, name),
                            covey_json_kind_name (value), expected);
}

covey_err_t
covey_json_bad_value (const covey_json_reader_t *self,
                      const ProtobufCFieldDescriptor *field,
                      covey_slice_t value, const char *expected)
{
    char name[COVEY_JSON_PATH_MAX];
    int shown = value.size > 60 ? 60 : (int)value.size;
    return covey_json_fail (self, COVEY_INVALID, value.text,
                            "%s is %.*s%s; %s is expected",
                            covey_json_field_path (self, field, name), shown,
                            value.text, value.size > 60 ? "..." : "", expected);
}

/* ------------------------------------------------------------------------ */
/*  Scalars                                                                   */

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
    if (wide && covey_json_is_string (value)) {
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
        return covey_json_wrong_kind (self, field, value, "a number");
    if (!s_signed (digits, &number) ||
        (!is_64 && (number < INT32_MIN || number > INT32_MAX)))
        return covey_json_bad_value (self, field, value,
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
        return covey_json_wrong_kind (self, field, value, "a number");
    if (!s_unsigned (digits, &number) || (!is_64 && number > UINT32_MAX))
        return covey_json_bad_value (self, field, value,
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
        return covey_json_wrong_kind (self, field, value, "a number");
    if (!s_parse_double (value, &number))
        return covey_json_bad_value (self, field, value,
                                     "a number of double range");
    if (field->type == PROTOBUF_C_TYPE_DOUBLE)
        *(double *)member = number;
    else
        *(float *)member = (float)number;
    return COVEY_OK;
}

covey_err_t
covey_json_read_string (const covey_json_reader_t *self,
                        const ProtobufCFieldDescriptor *field,
                        covey_slice_t value, void *member)
{
    if (!covey_json_is_string (value))
        return covey_json_wrong_kind (self, field, value, "a string");
    char *text = covey_json_text (value, NULL);
    if (!text)
        return covey_json_no_memory (self);
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
                return covey_json_wrong_kind (self, field, value,
                                              "true or false");
            *(protobuf_c_boolean *)member = *value.text == 't';
            return COVEY_OK;
        case PROTOBUF_C_TYPE_STRING:
            return covey_json_read_string (self, field, value, member);
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
    if (!covey_json_is_string (value))
        return covey_json_wrong_kind (self, field, value, "a time (RFC 3339)");
    char *text = covey_json_text (value, NULL);
    if (!text)
        return covey_json_no_memory (self);
    bool good = covey_str_parse_time (text, member);
    free (text);
    if (!good)
        return covey_json_bad_value (self, field, value,
                                     "a time like 2026-11-23T12:00:00.000Z");
    return COVEY_OK;
}

covey_err_t
covey_json_read_enum (const covey_json_reader_t *self,
                      const ProtobufCFieldDescriptor *field,
                      covey_slice_t value, void *member)
{
    if (!covey_json_is_string (value))
        return covey_json_wrong_kind (self, field, value, "a string");
    char *text = covey_json_text (value, NULL);
    if (!text)
        return covey_json_no_memory (self);
    bool good = covey_json_enum_value (field->descriptor, text, member);
    free (text);
    if (good)
        return COVEY_OK;
    char names[200] = "one of ";
    covey_json_enum_names (field->descriptor, names + 7, sizeof names - 7);
    return covey_json_bad_value (self, field, value, names);
}

/*  Base64 or, for ids, a UUID. A '-' tells them apart: base64 has none.     */
static covey_err_t
s_read_bytes (const covey_json_reader_t *self,
              const ProtobufCFieldDescriptor *field, covey_slice_t value,
              void *member)
{
    if (!covey_json_is_string (value))
        return covey_json_wrong_kind (self, field, value, "a string");
    bool is_id = covey_json_kind (field) == COVEY_JSON_ID;
    size_t size;
    char *text = covey_json_text (value, &size);
    if (!text)
        return covey_json_no_memory (self);
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
        rc = covey_json_bad_value (self, field, value,
                                   is_id ? "a UUID" : "base64");
    else if (!covey_pb_set_bytes (member, bytes.data ? bytes.data : id,
                                  bytes.size))
        rc = covey_json_no_memory (self);
    covey_buf_deinit (&bytes);
    return rc;
}

covey_err_t
covey_json_read_plain (const covey_json_reader_t *self,
                       const ProtobufCFieldDescriptor *field,
                       covey_slice_t value, void *member)
{
    switch (covey_json_kind (field)) {
        case COVEY_JSON_SCALAR:
            return s_read_scalar (self, field, value, member);
        case COVEY_JSON_INSTANT:
            return s_read_instant (self, field, value, member);
        case COVEY_JSON_ENUM:
            return covey_json_read_enum (self, field, value, member);
        case COVEY_JSON_ID:
        case COVEY_JSON_BASE64:
            return s_read_bytes (self, field, value, member);
        case COVEY_JSON_PAYLOAD:
        case COVEY_JSON_MAP:
        case COVEY_JSON_MESSAGE:
            break; /* not plain */
    }
    return COVEY_INVALID;
}
