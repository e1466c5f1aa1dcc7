#include "proto/pb.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static size_t
s_value_size (ProtobufCType type)
{
    switch (type) {
        case PROTOBUF_C_TYPE_INT32:
        case PROTOBUF_C_TYPE_SINT32:
        case PROTOBUF_C_TYPE_SFIXED32:
        case PROTOBUF_C_TYPE_UINT32:
        case PROTOBUF_C_TYPE_FIXED32:
        case PROTOBUF_C_TYPE_FLOAT:
        case PROTOBUF_C_TYPE_ENUM:
            return 4;
        case PROTOBUF_C_TYPE_INT64:
        case PROTOBUF_C_TYPE_SINT64:
        case PROTOBUF_C_TYPE_SFIXED64:
        case PROTOBUF_C_TYPE_UINT64:
        case PROTOBUF_C_TYPE_FIXED64:
        case PROTOBUF_C_TYPE_DOUBLE:
            return 8;
        case PROTOBUF_C_TYPE_BOOL:
            return sizeof (protobuf_c_boolean);
        case PROTOBUF_C_TYPE_STRING:
        case PROTOBUF_C_TYPE_MESSAGE:
            return sizeof (void *);
        case PROTOBUF_C_TYPE_BYTES:
            return sizeof (ProtobufCBinaryData);
    }
    return 0;
}

ProtobufCMessage *
covey_pb_new (const ProtobufCMessageDescriptor *descriptor)
{
    ProtobufCMessage *message = calloc (1, descriptor->sizeof_message);
    if (message)
        protobuf_c_message_init (descriptor, message);
    return message;
}

static bool
s_is_oneof (const ProtobufCFieldDescriptor *field)
{
    return field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF;
}

/*  The has_ flag, the count of a list or the case of a oneof.               */
static void *
s_quantifier (const ProtobufCMessage *message,
              const ProtobufCFieldDescriptor *field)
{
    return (char *)message + field->quantifier_offset;
}

void *
covey_pb_member (const ProtobufCMessage *message,
                 const ProtobufCFieldDescriptor *field)
{
    return (char *)message + field->offset;
}

bool
covey_pb_has (const ProtobufCMessage *message,
              const ProtobufCFieldDescriptor *field)
{
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return covey_pb_count (message, field) > 0;
    if (s_is_oneof (field) &&
        *(uint32_t *)s_quantifier (message, field) != field->id)
        return false;
    if (field->type == PROTOBUF_C_TYPE_STRING ||
        field->type == PROTOBUF_C_TYPE_MESSAGE) {
        const void *value = *(void **)covey_pb_member (message, field);
        return value && value != field->default_value;
    }
    if (field->label == PROTOBUF_C_LABEL_REQUIRED || s_is_oneof (field))
        return true;
    return *(protobuf_c_boolean *)s_quantifier (message, field);
}

size_t
covey_pb_count (const ProtobufCMessage *message,
                const ProtobufCFieldDescriptor *field)
{
    if (field->label != PROTOBUF_C_LABEL_REPEATED)
        return covey_pb_has (message, field) ? 1 : 0;
    return *(size_t *)s_quantifier (message, field);
}

void *
covey_pb_element (const ProtobufCMessage *message,
                  const ProtobufCFieldDescriptor *field, size_t index)
{
    assert (index < covey_pb_count (message, field));
    if (field->label != PROTOBUF_C_LABEL_REPEATED)
        return covey_pb_member (message, field);
    char *array = *(char **)covey_pb_member (message, field);
    return array + index * s_value_size (field->type);
}

static void
s_free_value (const ProtobufCFieldDescriptor *field, void *value)
{
    if (field->type == PROTOBUF_C_TYPE_STRING) {
        char *text = *(char **)value;
        if (text != field->default_value)
            free (text);
    } else if (field->type == PROTOBUF_C_TYPE_BYTES)
        free (((ProtobufCBinaryData *)value)->data);
    else if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        ProtobufCMessage *message = *(ProtobufCMessage **)value;
        if (message)
            protobuf_c_message_free_unpacked (message, NULL);
    }
}

static const ProtobufCFieldDescriptor *
s_set_member_of_oneof (const ProtobufCMessage *message,
                       const ProtobufCFieldDescriptor *field)
{
    uint32_t id = *(uint32_t *)s_quantifier (message, field);
    return id ? protobuf_c_message_descriptor_get_field (message->descriptor,
                                                         id)
              : NULL;
}

void
covey_pb_clear (ProtobufCMessage *message,
                const ProtobufCFieldDescriptor *field)
{
    void *member = covey_pb_member (message, field);
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        size_t count = covey_pb_count (message, field);
        for (size_t i = 0; i < count; i++)
            s_free_value (field, covey_pb_element (message, field, i));
        free (*(void **)member);
        *(void **)member = NULL;
        *(size_t *)s_quantifier (message, field) = 0;
        return;
    }
    if (s_is_oneof (field)) {
        field = s_set_member_of_oneof (message, field);
        if (!field)
            return;
        *(uint32_t *)s_quantifier (message, field) = 0;
    } else if (field->label == PROTOBUF_C_LABEL_OPTIONAL &&
               field->type != PROTOBUF_C_TYPE_STRING &&
               field->type != PROTOBUF_C_TYPE_MESSAGE)
        *(protobuf_c_boolean *)s_quantifier (message, field) = false;
    s_free_value (field, member);
    memset (member, 0, s_value_size (field->type));
}

size_t
covey_pb_value_size (const ProtobufCFieldDescriptor *field)
{
    return s_value_size (field->type);
}

void *
covey_pb_begin (ProtobufCMessage *message,
                const ProtobufCFieldDescriptor *field)
{
    covey_pb_clear (message, field);
    return covey_pb_mark (message, field);
}

void *
covey_pb_mark (ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    assert (field->label != PROTOBUF_C_LABEL_REPEATED);
    if (s_is_oneof (field))
        *(uint32_t *)s_quantifier (message, field) = field->id;
    else if (field->label == PROTOBUF_C_LABEL_OPTIONAL &&
             field->type != PROTOBUF_C_TYPE_STRING &&
             field->type != PROTOBUF_C_TYPE_MESSAGE)
        *(protobuf_c_boolean *)s_quantifier (message, field) = true;
    void *member = covey_pb_member (message, field);
    memset (member, 0, s_value_size (field->type));
    return member;
}

void
covey_pb_put_list (ProtobufCMessage *message,
                   const ProtobufCFieldDescriptor *field, void *array,
                   size_t count)
{
    assert (field->label == PROTOBUF_C_LABEL_REPEATED);
    *(void **)covey_pb_member (message, field) = array;
    *(size_t *)s_quantifier (message, field) = count;
}

void *
covey_pb_append (ProtobufCMessage *message,
                 const ProtobufCFieldDescriptor *field)
{
    assert (field->label == PROTOBUF_C_LABEL_REPEATED);
    size_t *count = s_quantifier (message, field);
    char **array = covey_pb_member (message, field);
    size_t size = s_value_size (field->type);
    /* One by one: an array that protobuf-c made has no room to spare. */
    char *larger = realloc (*array, (*count + 1) * size);
    if (!larger)
        return NULL;
    *array = larger;
    void *element = *array + *count * size;
    memset (element, 0, size);
    ++*count;
    return element;
}

void
covey_pb_move (ProtobufCMessage *to, ProtobufCMessage *from,
               const ProtobufCFieldDescriptor *field)
{
    assert (to->descriptor == from->descriptor);
    covey_pb_clear (to, field);
    if (!covey_pb_has (from, field))
        return;
    void *value = covey_pb_member (from, field);
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        *(void **)covey_pb_member (to, field) = *(void **)value;
        *(size_t *)s_quantifier (to, field) = covey_pb_count (from, field);
        *(void **)value = NULL;
        *(size_t *)s_quantifier (from, field) = 0;
        return;
    }
    size_t size = s_value_size (field->type);
    memcpy (covey_pb_begin (to, field), value, size);
    memset (value, 0, size);
    covey_pb_clear (from, field);
}

bool
covey_pb_set_string (void *member, const char *text, size_t size)
{
    char *copy = malloc (size + 1);
    if (!copy)
        return false;
    memcpy (copy, text, size);
    copy[size] = '\0';
    *(char **)member = copy;
    return true;
}

bool
covey_pb_set_bytes (void *member, const void *data, size_t size)
{
    ProtobufCBinaryData *bytes = member;
    char *copy;
    if (!covey_pb_set_string (&copy, data, size))
        return false;
    bytes->data = (uint8_t *)copy;
    bytes->len = size;
    return true;
}

/*  Replace the pointers of a value that was copied bit by bit.              */
static bool
s_dup_value (const ProtobufCFieldDescriptor *field, void *value)
{
    if (field->type == PROTOBUF_C_TYPE_STRING) {
        const char *text = *(char **)value;
        if (text && text != field->default_value)
            return covey_pb_set_string (value, text, strlen (text));
    } else if (field->type == PROTOBUF_C_TYPE_BYTES) {
        ProtobufCBinaryData bytes = *(ProtobufCBinaryData *)value;
        if (bytes.data)
            return covey_pb_set_bytes (value, bytes.data, bytes.len);
    } else if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        const ProtobufCMessage *message = *(ProtobufCMessage **)value;
        if (message)
            return (*(ProtobufCMessage **)value = covey_pb_dup (message));
    }
    return true;
}

static bool
s_dup_field (const ProtobufCMessage *from, ProtobufCMessage *to,
             const ProtobufCFieldDescriptor *field)
{
    size_t count = covey_pb_count (from, field);
    size_t size = s_value_size (field->type);
    for (size_t i = 0; i < count; i++) {
        void *value = field->label == PROTOBUF_C_LABEL_REPEATED
                          ? covey_pb_append (to, field)
                          : covey_pb_begin (to, field);
        if (!value)
            return false;
        /* By way of a local copy: what `to` holds must always be its own. */
        ProtobufCBinaryData copy;
        memcpy (&copy, covey_pb_element (from, field, i), size);
        if (!s_dup_value (field, &copy))
            return false;
        memcpy (value, &copy, size);
    }
    return true;
}

static bool
s_add_unknown (ProtobufCMessage *to, ProtobufCMessageUnknownField field)
{
    size_t size = (to->n_unknown_fields + 1) * sizeof field;
    ProtobufCMessageUnknownField *larger = realloc (to->unknown_fields, size);
    if (!larger)
        return false;
    to->unknown_fields = larger;
    uint8_t *data = malloc (field.len + 1);
    if (!data)
        return false;
    memcpy (data, field.data, field.len);
    data[field.len] = 0;
    field.data = data;
    larger[to->n_unknown_fields++] = field;
    return true;
}

ProtobufCMessage *
covey_pb_dup (const ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;
    ProtobufCMessage *copy = covey_pb_new (descriptor);
    bool good = copy;
    for (unsigned i = 0; good && i < descriptor->n_fields; i++)
        good = s_dup_field (message, copy, &descriptor->fields[i]);
    for (unsigned i = 0; good && i < message->n_unknown_fields; i++)
        good = s_add_unknown (copy, message->unknown_fields[i]);
    if (!good && copy) {
        protobuf_c_message_free_unpacked (copy, NULL);
        copy = NULL;
    }
    return copy;
}

/* ------------------------------------------------------------------------ */
/*  Unknown fields                                                            */

static void
s_write_varint (uint64_t value, covey_buf_t *to)
{
    for (; value >= 0x80; value >>= 7)
        covey_buf_putc (to, (char)(value | 0x80));
    covey_buf_putc (to, (char)value);
}

void
covey_pb_write_unknown (const ProtobufCMessageUnknownField *field,
                        covey_buf_t *to)
{
    s_write_varint ((uint64_t)field->tag << 3 | field->wire_type, to);
    /* The data of a length-delimited field includes its length. */
    (void)covey_buf_append (to, field->data, field->len); /* see `failed` */
}

/*  Size of a varint at `data`, 0 when it does not end within 10 bytes.      */
static size_t
s_read_varint (const uint8_t *data, size_t size, uint64_t *value_p)
{
    uint64_t value = 0;
    for (size_t i = 0; i < size && i < 10; i++) {
        value |= (uint64_t)(data[i] & 0x7f) << (7 * i);
        if (!(data[i] & 0x80)) {
            *value_p = value;
            return i + 1;
        }
    }
    return 0;
}

/*  Size of a field's value, its length prefix included; 0 is malformed.     */
static size_t
s_value_length (ProtobufCWireType type, const uint8_t *data, size_t size)
{
    uint64_t value;
    size_t prefix;
    switch (type) {
        case PROTOBUF_C_WIRE_TYPE_VARINT:
            return s_read_varint (data, size, &value);
        case PROTOBUF_C_WIRE_TYPE_64BIT:
            return size >= 8 ? 8 : 0;
        case PROTOBUF_C_WIRE_TYPE_32BIT:
            return size >= 4 ? 4 : 0;
        case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED:
            prefix = s_read_varint (data, size, &value);
            return prefix && value <= size - prefix ? prefix + (size_t)value
                                                    : 0;
    }
    return 0;
}

covey_err_t
covey_pb_add_unknown (ProtobufCMessage *message, const uint8_t *data,
                      size_t size)
{
    while (size) {
        uint64_t key = 0;
        size_t used = s_read_varint (data, size, &key);
        uint64_t number = key >> 3;
        if (!used || number == 0 || number > 536870911 ||
            protobuf_c_message_descriptor_get_field (message->descriptor,
                                                     (unsigned)number))
            return COVEY_MALFORMED;
        data += used;
        size -= used;
        ProtobufCMessageUnknownField field = {.tag = (uint32_t)number,
                                              .wire_type =
                                                  (ProtobufCWireType)(key & 7),
                                              .data = (uint8_t *)data};
        field.len = s_value_length (field.wire_type, data, size);
        if (!field.len)
            return COVEY_MALFORMED;
        if (!s_add_unknown (message, field))
            return COVEY_NOMEM;
        data += field.len;
        size -= field.len;
    }
    return COVEY_OK;
}
