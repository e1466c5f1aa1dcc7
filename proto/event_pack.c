/*  event_pack - an event as bytes, and the end of one that was built

    protobuf-c looks at every field that a message could have, and nearly all of
    Event's are types that this event has not: packing took three times as long.
    So the envelope is packed in two parts, those before and those behind the
    type's field, as messages of descriptors that have only these. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/event_class.h"
#include "proto/json_map.h"
#include "proto/pb.h"

/* ------------------------------------------------------------------------ */
/*  Parts                                                                     */

typedef struct {
    ProtobufCMessageDescriptor descriptor;
    Covey__V1__Event message; /* shares all that the event points to          */
} part_t;

typedef struct {
    part_t head, tail;
    const ProtobufCMessage *data; /* NULL: of an unknown type                 */
    uint32_t type;
    size_t data_size;
} parts_t;

/*  Fields are sorted by number: the envelope's first ones, the types, and the
    rest of the envelope.                                                     */
static unsigned
s_head_count (void)
{
    unsigned count = 0;
    while (covey__v1__event__descriptor.fields[count].id <
           COVEY_EVENT_TYPE_FIRST)
        count++;
    return count;
}

static unsigned
s_tail_count (void)
{
    unsigned all = covey__v1__event__descriptor.n_fields, first = all;
    while (first > 0 && covey__v1__event__descriptor.fields[first - 1].id >
                            COVEY_EVENT_TYPE_LAST)
        first--;
    return all - first;
}

static void
s_take_part (const Covey__V1__Event *message, unsigned first, unsigned count,
             part_t *part)
{
    part->descriptor = covey__v1__event__descriptor;
    part->descriptor.fields += first;
    part->descriptor.n_fields = count;
    part->message = *message;
    part->message.base.descriptor = &part->descriptor;
}

static void
s_split (const Covey__V1__Event *message, parts_t *parts)
{
    unsigned tail = s_tail_count ();
    s_take_part (message, 0, s_head_count (), &parts->head);
    s_take_part (message, covey__v1__event__descriptor.n_fields - tail, tail,
                 &parts->tail);
    parts->head.message.base.n_unknown_fields = 0; /* they come last          */
    parts->type = (uint32_t)message->data_case;
    const ProtobufCFieldDescriptor *field =
        parts->type ? protobuf_c_message_descriptor_get_field (
                          &covey__v1__event__descriptor, parts->type)
                    : NULL;
    parts->data =
        field ? *(ProtobufCMessage **)covey_pb_member (&message->base, field)
              : NULL;
    parts->data_size =
        parts->data ? protobuf_c_message_get_packed_size (parts->data) : 0;
}

static size_t
s_put_varint (uint8_t *to, size_t value)
{
    size_t size = 0;
    for (; value > 127; value >>= 7)
        to[size++] = (uint8_t)(0x80 | (value & 127));
    to[size++] = (uint8_t)value;
    return size;
}

/*  Tag and size in front of the data.                                        */
static size_t
s_put_prefix (const parts_t *parts, uint8_t to[20])
{
    enum { LENGTH_PREFIXED = 2 };
    size_t size = s_put_varint (to, (size_t)parts->type << 3 | LENGTH_PREFIXED);
    return size + s_put_varint (to + size, parts->data_size);
}

static size_t
s_size (const parts_t *parts)
{
    uint8_t prefix[20];
    size_t size =
        protobuf_c_message_get_packed_size (&parts->head.message.base);
    if (parts->data)
        size += s_put_prefix (parts, prefix) + parts->data_size;
    return size +
           protobuf_c_message_get_packed_size (&parts->tail.message.base);
}

static void
s_pack (const parts_t *parts, uint8_t *to)
{
    to += protobuf_c_message_pack (&parts->head.message.base, to);
    if (parts->data) {
        to += s_put_prefix (parts, to);
        to += protobuf_c_message_pack (parts->data, to);
    }
    (void)protobuf_c_message_pack (&parts->tail.message.base, to);
}

void
covey_event_free_message (Covey__V1__Event *message)
{
    const ProtobufCMessageDescriptor *all = &covey__v1__event__descriptor;
    for (unsigned i = s_tail_count (); i > 0; i--)
        covey_pb_clear (&message->base, &all->fields[all->n_fields - i]);
    const ProtobufCFieldDescriptor *data =
        message->data_case ? protobuf_c_message_descriptor_get_field (
                                 all, (unsigned)message->data_case)
                           : NULL;
    if (data)
        covey_pb_clear (&message->base, data);
    ProtobufCMessageDescriptor head = *all;
    head.n_fields = s_head_count ();
    message->base.descriptor = &head; /* the rest is free already */
    protobuf_c_message_free_unpacked (&message->base, NULL);
}

/* ------------------------------------------------------------------------ */
/*  Packing                                                                   */

/*  What protobuf-c would pack as an empty text though it was never set. The
    path of the first such field goes to `path`; false: there is none.        */
static bool
s_find_missing (const ProtobufCMessage *message, char *path, size_t size)
{
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        bool required = covey_json_is_required (descriptor, field);
        size_t count = covey_pb_count (message, field);
        bool missing = required && !count;
        if (!missing && (!count || field->type != PROTOBUF_C_TYPE_MESSAGE))
            continue;
        char name[COVEY_JSON_NAME_MAX];
        covey_json_name (field, name);
        int used = snprintf (path, size, "%s", name);
        if (missing)
            return true;
        if (used < 0 || (size_t)used + 2 >= size)
            continue;
        path[used] = '.';
        for (size_t j = 0; j < count; j++) {
            ProtobufCMessage *part =
                *(ProtobufCMessage **)covey_pb_element (message, field, j);
            if (s_find_missing (part, path + used + 1, size - (size_t)used - 1))
                return true;
        }
    }
    return false;
}

/*  The same without the words, for nearly all events.                        */
static bool
s_is_complete (const ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        size_t count = covey_pb_count (message, field);
        if (!count && covey_json_is_required (descriptor, field))
            return false;
        if (field->type != PROTOBUF_C_TYPE_MESSAGE)
            continue;
        for (size_t j = 0; j < count; j++)
            if (!s_is_complete (
                    *(ProtobufCMessage **)covey_pb_element (message, field, j)))
                return false;
    }
    return true;
}

static covey_err_t
s_check_complete (const covey_event_t *self, covey_errbuf_t *err)
{
    const ProtobufCMessage *data = covey_event_data (self);
    char path[200], type[COVEY_EVENT_SLOT];
    if (!data || s_is_complete (data) ||
        !s_find_missing (data, path, sizeof path))
        return COVEY_OK;
    return covey_fail (err, COVEY_INVALID, "data.%s is missing; %s needs it",
                       path,
                       covey_event_type_text (covey_event_type (self), type));
}

size_t
covey_event_packed_size (const covey_event_t *self)
{
    parts_t parts;
    s_split (self->message, &parts);
    return s_size (&parts);
}

covey_err_t
covey_event_pack (const covey_event_t *self, covey_buf_t *to,
                  covey_errbuf_t *err)
{
    covey_err_t rc = s_check_complete (self, err);
    if (rc != COVEY_OK)
        return rc;
    parts_t parts;
    s_split (self->message, &parts);
    size_t size = s_size (&parts);
    if (size > COVEY_EVENT_MAX)
        return covey_fail (err, COVEY_LIMIT,
                           "the event has %zu bytes; the bound is %d", size,
                           COVEY_EVENT_MAX);
    uint8_t *room = covey_buf_extend (to, size);
    if (!room)
        return covey_fail (err, COVEY_LIMIT,
                           "the event has %zu bytes; %zu of %zu are in use",
                           size, to->size, to->max);
    s_pack (&parts, room);
    return COVEY_OK;
}
