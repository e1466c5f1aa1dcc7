/*  Setters of the data fields: each checks before it changes anything.      */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "proto/event_class.h"
#include "proto/json.h"
#include "proto/json_reader.h"
#include "proto/pb.h"

static covey_err_t
s_no_memory (void)
{
    return covey_fail (covey_errbuf (), COVEY_NOMEM, "no memory for an event");
}

/*  What a field takes, for messages.                                        */
static const char *
s_takes (const ProtobufCFieldDescriptor *field)
{
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return field->type == PROTOBUF_C_TYPE_STRING ? "a list of texts"
                                                     : "a list";
    switch (field->type) {
        case PROTOBUF_C_TYPE_BOOL:
            return "true or false";
        case PROTOBUF_C_TYPE_ENUM:
            return "a name, as text";
        case PROTOBUF_C_TYPE_STRING:
            return "text";
        case PROTOBUF_C_TYPE_BYTES:
            return "bytes, as base64 text";
        case PROTOBUF_C_TYPE_MESSAGE:
            return covey_json_kind (field) == COVEY_JSON_PAYLOAD ? "a payload"
                                                                 : "an object";
        case PROTOBUF_C_TYPE_FLOAT:
        case PROTOBUF_C_TYPE_DOUBLE:
            return "a number";
        case PROTOBUF_C_TYPE_INT32:
        case PROTOBUF_C_TYPE_SINT32:
        case PROTOBUF_C_TYPE_SFIXED32:
        case PROTOBUF_C_TYPE_UINT32:
        case PROTOBUF_C_TYPE_FIXED32:
        case PROTOBUF_C_TYPE_INT64:
        case PROTOBUF_C_TYPE_SINT64:
        case PROTOBUF_C_TYPE_SFIXED64:
        case PROTOBUF_C_TYPE_UINT64:
        case PROTOBUF_C_TYPE_FIXED64:
            return "an integer";
    }
    return "another value";
}

/*  Find the field for a setter that takes values of one kind.               */
typedef bool (s_fits_fn) (const ProtobufCFieldDescriptor *field);

static bool
s_fits_text (const ProtobufCFieldDescriptor *field)
{
    return field->label != PROTOBUF_C_LABEL_REPEATED &&
           (field->type == PROTOBUF_C_TYPE_STRING ||
            field->type == PROTOBUF_C_TYPE_ENUM ||
            field->type == PROTOBUF_C_TYPE_BYTES);
}

static bool
s_fits_texts (const ProtobufCFieldDescriptor *field)
{
    return field->label == PROTOBUF_C_LABEL_REPEATED &&
           field->type == PROTOBUF_C_TYPE_STRING;
}

static bool
s_fits_number (const ProtobufCFieldDescriptor *field)
{
    return field->label != PROTOBUF_C_LABEL_REPEATED &&
           field->type != PROTOBUF_C_TYPE_STRING &&
           field->type != PROTOBUF_C_TYPE_ENUM &&
           field->type != PROTOBUF_C_TYPE_BYTES &&
           field->type != PROTOBUF_C_TYPE_MESSAGE &&
           field->type != PROTOBUF_C_TYPE_BOOL;
}

static bool
s_fits_bool (const ProtobufCFieldDescriptor *field)
{
    return field->label != PROTOBUF_C_LABEL_REPEATED &&
           field->type == PROTOBUF_C_TYPE_BOOL;
}

static bool
s_fits_payload (const ProtobufCFieldDescriptor *field)
{
    return field->label != PROTOBUF_C_LABEL_REPEATED &&
           covey_json_kind (field) == COVEY_JSON_PAYLOAD;
}

static bool
s_fits_json (const ProtobufCFieldDescriptor *field)
{
    return field;
}

static covey_err_t
s_find_for (covey_event_t *self, const char *path, s_fits_fn *fits,
            covey_event_place_t *place)
{
    covey_err_t rc =
        covey_event_find (self, path, false, place, covey_errbuf ());
    if (rc != COVEY_OK)
        return rc;
    assert (place->field);
    if (!fits (place->field))
        return covey_fail (covey_errbuf (), COVEY_INVALID,
                           "%.80s takes %s, which this call does not set", path,
                           s_takes (place->field));
    return COVEY_OK;
}

/*  Where the message names the type of its content, that follows.           */
static void
s_follow_content (const covey_event_place_t *place)
{
    if (covey_json_kind (place->field) != COVEY_JSON_PAYLOAD ||
        !covey_pb_has (place->message, place->field))
        return;
    const ProtobufCFieldDescriptor *sibling =
        covey_json_sibling (place->descriptor);
    if (!sibling)
        return;
    const Covey__V1__Payload *payload =
        *(Covey__V1__Payload **)covey_pb_member (place->message, place->field);
    *(int *)covey_pb_begin (place->message, sibling) =
        (int)payload->content_type;
}

/*  Before a value of `size` bytes is made: objects on the way to its field are
    made outside of the event's one piece.                                    */
static covey_err_t
s_prepare (covey_event_t *self, const char *path, size_t size,
           covey_event_place_t *place)
{
    bool was_slab = self->is_slab;
    covey_err_t rc = place->message ? covey_event_prepare (self, size)
                                    : covey_event_own (self);
    if (rc == COVEY_OK && was_slab && !self->is_slab) /* it moved */
        rc = covey_event_find (self, path, false, place, covey_errbuf ());
    return rc;
}

/*  Put a value in its place, behind all checks and s_prepare, so that a refused
    one changes nothing, not even by an empty object on the way to its field.
    False without memory: the value is still the caller's.                    */
static bool
s_put (covey_event_t *self, const char *path, covey_event_place_t *place,
       const void *value)
{
    if (!place->message &&
        covey_event_find (self, path, true, place, covey_errbuf ()) != COVEY_OK)
        return false;
    void *member = self->is_slab
                       ? covey_pb_mark (place->message, place->field)
                       : covey_pb_begin (place->message, place->field);
    memcpy (member, value, covey_pb_value_size (place->field));
    s_follow_content (place);
    return true;
}

static covey_err_t
s_check_text (const char *path, const char *value)
{
    if (!value)
        return covey_fail (covey_errbuf (), COVEY_INVALID, "%.80s is NULL",
                           path);
    size_t size = strlen (value);
    if (size > COVEY_TEXT_MAX)
        return covey_fail (covey_errbuf (), COVEY_LIMIT,
                           "%.80s has %zu bytes; the bound is %d", path, size,
                           COVEY_TEXT_MAX);
    if (!covey_str_is_utf8 (value, size))
        return covey_fail (covey_errbuf (), COVEY_INVALID, "%.80s is not UTF-8",
                           path);
    return COVEY_OK;
}

static covey_err_t
s_fill_enum (const ProtobufCFieldDescriptor *field, const char *path,
             const char *value, void *member)
{
    if (covey_json_enum_value (field->descriptor, value, member))
        return COVEY_OK;
    char names[200];
    covey_json_enum_names (field->descriptor, names, sizeof names);
    return covey_fail (covey_errbuf (), COVEY_INVALID,
                       "%.80s cannot be \"%.60s\"; it is one of %s", path,
                       value, names);
}

static covey_err_t
s_fill_base64 (covey_event_t *self, const char *path, const char *value,
               ProtobufCBinaryData *to)
{
    covey_buf_t bytes;
    covey_buf_init (&bytes, strlen (value) + 1);
    covey_err_t rc = COVEY_OK;
    if (!covey_base64_read (value, strlen (value), &bytes))
        rc = covey_fail (covey_errbuf (), COVEY_INVALID,
                         "%.80s is not base64: \"%.60s\"", path, value);
    else if (!(to->data = (uint8_t *)covey_event_copy (
                   self, bytes.data ? (void *)bytes.data : "", bytes.size)))
        rc = s_no_memory ();
    to->len = bytes.size;
    covey_buf_deinit (&bytes);
    return rc;
}

covey_err_t
covey_event_set_str (covey_event_t *self, const char *field, const char *value)
{
    covey_event_place_t place;
    covey_err_t rc = s_find_for (self, field, s_fits_text, &place);
    if (rc == COVEY_OK)
        rc = s_check_text (field, value);
    if (rc != COVEY_OK)
        return rc;
    size_t size = strlen (value);
    rc = s_prepare (self, field, size, &place);
    if (rc != COVEY_OK)
        return rc;
    union {
        int name;
        char *text;
        ProtobufCBinaryData bytes;
    } made = {.bytes = {0, NULL}};
    void *piece = NULL;
    if (place.field->type == PROTOBUF_C_TYPE_ENUM)
        rc = s_fill_enum (place.field, field, value, &made.name);
    else if (place.field->type == PROTOBUF_C_TYPE_BYTES) {
        rc = s_fill_base64 (self, field, value, &made.bytes);
        piece = made.bytes.data;
    } else if (!(piece = made.text = covey_event_copy (self, value, size)))
        rc = s_no_memory ();
    if (rc == COVEY_OK && !s_put (self, field, &place, &made)) {
        rc = COVEY_NOMEM;
        free (self->is_slab ? NULL : piece);
    }
    return rc;
}

covey_err_t
covey_event_add_str (covey_event_t *self, const char *field, const char *value)
{
    covey_event_place_t place;
    covey_err_t rc = s_find_for (self, field, s_fits_texts, &place);
    if (rc == COVEY_OK)
        rc = s_check_text (field, value);
    if (rc != COVEY_OK)
        return rc;
    size_t count =
        place.message ? covey_pb_count (place.message, place.field) : 0;
    if (count >= COVEY_LIST_MAX)
        return covey_fail (covey_errbuf (), COVEY_LIMIT,
                           "%.80s has %d entries already, its bound", field,
                           COVEY_LIST_MAX);
    rc = s_prepare (self, field, strlen (value) + (count + 1) * sizeof value,
                    &place);
    if (rc == COVEY_OK)
        rc = covey_event_find (self, field, true, &place, covey_errbuf ());
    return rc == COVEY_OK
               ? covey_event_append (self, place.message, place.field, value)
               : rc;
}

/*  A number, or true or false.                                              */
static covey_err_t
s_put_plain (covey_event_t *self, const char *path, covey_event_place_t *place,
             const void *value)
{
    covey_err_t rc = s_prepare (self, path, 0, place);
    if (rc == COVEY_OK && !s_put (self, path, place, value))
        rc = COVEY_NOMEM;
    return rc;
}

static covey_err_t
s_out_of_range (const char *path, int64_t value, const char *range)
{
    return covey_fail (covey_errbuf (), COVEY_INVALID,
                       "%.80s cannot be %lld; it is an integer %s", path,
                       (long long)value, range);
}

covey_err_t
covey_event_set_int (covey_event_t *self, const char *field, int64_t value)
{
    covey_event_place_t place;
    covey_err_t rc = s_find_for (self, field, s_fits_number, &place);
    if (rc != COVEY_OK)
        return rc;
    ProtobufCType type = place.field->type;
    bool is_u32 =
        type == PROTOBUF_C_TYPE_UINT32 || type == PROTOBUF_C_TYPE_FIXED32;
    bool is_u64 =
        type == PROTOBUF_C_TYPE_UINT64 || type == PROTOBUF_C_TYPE_FIXED64;
    bool is_i64 = type == PROTOBUF_C_TYPE_INT64 ||
                  type == PROTOBUF_C_TYPE_SINT64 ||
                  type == PROTOBUF_C_TYPE_SFIXED64;
    if (is_u32 && (value < 0 || value > UINT32_MAX))
        return s_out_of_range (field, value, "from 0 to 2^32 - 1");
    if (is_u64 && value < 0)
        return s_out_of_range (field, value, "from 0 to 2^64 - 1");
    bool is_real =
        type == PROTOBUF_C_TYPE_DOUBLE || type == PROTOBUF_C_TYPE_FLOAT;
    if (!is_u32 && !is_u64 && !is_i64 && !is_real &&
        (value < INT32_MIN || value > INT32_MAX))
        return s_out_of_range (field, value, "from -2^31 to 2^31 - 1");
    union {
        double real;
        float small_real;
        uint64_t u64;
        int64_t i64;
        uint32_t u32;
        int32_t i32;
    } made = {0};
    if (type == PROTOBUF_C_TYPE_DOUBLE)
        made.real = (double)value;
    else if (type == PROTOBUF_C_TYPE_FLOAT)
        made.small_real = (float)value;
    else if (is_u64)
        made.u64 = (uint64_t)value;
    else if (is_i64)
        made.i64 = value;
    else if (is_u32)
        made.u32 = (uint32_t)value;
    else
        made.i32 = (int32_t)value;
    return s_put_plain (self, field, &place, &made);
}

covey_err_t
covey_event_set_num (covey_event_t *self, const char *field, double value)
{
    covey_event_place_t place;
    covey_err_t rc = s_find_for (self, field, s_fits_number, &place);
    if (rc != COVEY_OK)
        return rc;
    if (!isfinite (value))
        return covey_fail (covey_errbuf (), COVEY_INVALID,
                           "%.80s cannot be %f; it is a finite number", field,
                           value);
    if (place.field->type == PROTOBUF_C_TYPE_DOUBLE)
        return s_put_plain (self, field, &place, &value);
    if (value != trunc (value) || fabs (value) > (double)COVEY_JSON_EXACT)
        return covey_fail (covey_errbuf (), COVEY_INVALID,
                           "%.80s cannot be %g; it is an integer", field,
                           value);
    return covey_event_set_int (self, field, (int64_t)value);
}

covey_err_t
covey_event_set_bool (covey_event_t *self, const char *field, bool value)
{
    covey_event_place_t place;
    covey_err_t rc = s_find_for (self, field, s_fits_bool, &place);
    if (rc != COVEY_OK)
        return rc;
    protobuf_c_boolean made = value;
    return s_put_plain (self, field, &place, &made);
}

/*  Are these the bytes of a content?                                        */
static covey_err_t
s_check_payload (const char *path, covey_content_t content, const void *data,
                 size_t size)
{
    if ((int)content < COVEY_CONTENT_TEXT ||
        (int)content > COVEY_CONTENT_COMMAND)
        return covey_fail (covey_errbuf (), COVEY_INVALID,
                           "%.80s: there is no content type %d", path,
                           (int)content);
    if (size > COVEY_PAYLOAD_MAX)
        return covey_fail (covey_errbuf (), COVEY_LIMIT,
                           "%.80s has %zu bytes; the bound is %d", path, size,
                           COVEY_PAYLOAD_MAX);
    bool is_text =
        content == COVEY_CONTENT_TEXT || content == COVEY_CONTENT_COMMAND;
    if (content == COVEY_CONTENT_JSON)
        return covey_json_check (data, size, COVEY_JSON_DEPTH_MAX, path,
                                 covey_errbuf ());
    if (is_text && !covey_str_is_utf8 (data, size))
        return covey_fail (covey_errbuf (), COVEY_INVALID,
                           "%.80s is not UTF-8 text without NUL; send it as "
                           "binary",
                           path);
    return COVEY_OK;
}

/*  The payload and its bytes, as the other parts of the event.              */
static Covey__V1__Payload *
s_new_payload (covey_event_t *self, covey_content_t content, const void *data,
               size_t size)
{
    Covey__V1__Payload *payload = self->is_slab
                                      ? covey_event_take (self, sizeof *payload)
                                      : malloc (sizeof *payload);
    if (!payload)
        return NULL;
    covey__v1__payload__init (payload);
    payload->data.data = (uint8_t *)covey_event_copy (self, data, size);
    if (!payload->data.data) {
        free (self->is_slab ? NULL : payload);
        return NULL;
    }
    payload->data.len = size;
    payload->has_data = true;
    payload->has_content_type = true;
    payload->content_type = (Covey__V1__ContentType)content;
    return payload;
}

static covey_err_t
s_put_payload (covey_event_t *self, const char *path, covey_content_t content,
               const void *data, size_t size)
{
    covey_event_place_t place;
    covey_err_t rc = s_find_for (self, path, s_fits_payload, &place);
    if (rc == COVEY_OK)
        rc = s_prepare (self, path, size + sizeof (Covey__V1__Payload), &place);
    if (rc != COVEY_OK)
        return rc;
    Covey__V1__Payload *made = s_new_payload (self, content, data, size);
    if (!made)
        return s_no_memory ();
    if (s_put (self, path, &place, &made))
        return COVEY_OK;
    if (!self->is_slab)
        covey__v1__payload__free_unpacked (made, NULL);
    return COVEY_NOMEM;
}

covey_err_t
covey_event_set_payload (covey_event_t *self, const char *field,
                         covey_content_t content, const void *data, size_t size)
{
    covey_event_place_t place;
    covey_err_t rc = s_find_for (self, field, s_fits_payload, &place);
    if (!data) {
        data = "";
        size = 0;
    }
    if (rc == COVEY_OK)
        rc = s_check_payload (field, content, data, size);
    if (rc != COVEY_OK)
        return rc;
    if (content != COVEY_CONTENT_JSON)
        return s_put_payload (self, field, content, data, size);
    covey_buf_t bytes; /* JSON is stored without white space */
    covey_buf_init (&bytes, COVEY_PAYLOAD_MAX);
    covey_json_squeeze (data, size, &bytes);
    rc = bytes.failed
             ? s_no_memory ()
             : s_put_payload (self, field, content,
                              bytes.data ? (void *)bytes.data : "", bytes.size);
    covey_buf_deinit (&bytes);
    return rc;
}

covey_err_t
covey_event_set_json (covey_event_t *self, const char *field, const char *json)
{
    covey_event_place_t place;
    covey_err_t rc = s_find_for (self, field, s_fits_json, &place);
    const char *text = json ? json : "";
    size_t size = strlen (text);
    if (rc == COVEY_OK)
        rc = covey_json_check (text, size,
                               COVEY_JSON_DEPTH_MAX + COVEY_JSON_DEPTH_AROUND,
                               field, covey_errbuf ());
    if (rc == COVEY_OK)
        rc = covey_event_own (self);
    if (rc == COVEY_OK)
        rc = covey_event_find (self, field, false, &place, covey_errbuf ());
    if (rc != COVEY_OK)
        return rc;
    const ProtobufCFieldDescriptor *sibling =
        covey_json_sibling (place.descriptor);
    int content = -1;
    if (sibling && place.message && covey_pb_has (place.message, sibling))
        content = *(int *)covey_pb_member (place.message, sibling);
    char type[COVEY_EVENT_SLOT];
    covey_json_reader_t reader = {
        .json = text,
        .owner = covey_event_type_text (covey_event_type (self), type),
        .err = covey_errbuf ()};
    /* Made in a message aside, so that a refused one changes nothing. */
    ProtobufCMessage *aside = covey_pb_new (place.descriptor);
    if (!aside)
        return s_no_memory ();
    rc = covey_json_read_field (&reader, aside, place.field,
                                covey_json_trim (text, size), content);
    if (rc == COVEY_OK)
        rc = covey_event_find (self, field, true, &place, covey_errbuf ());
    if (rc == COVEY_OK) {
        covey_pb_move (place.message, aside, place.field);
        s_follow_content (&place);
    }
    protobuf_c_message_free_unpacked (aside, NULL);
    return rc;
}
