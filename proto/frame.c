#include "proto/frame.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

/*  What a header may take in memory: protobuf-c needs 8 bytes for a pointer
    and a block for each short string, so a few times the wire size is honest
    use; the fixed part is for the structs themselves.                        */
#define UNPACK_FACTOR 16
#define UNPACK_BASE 65536

static void
s_put_u32 (uint8_t *to, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(value >> (8 * i));
}

static uint32_t
s_get_u32 (const uint8_t *from)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++)
        value |= (uint32_t)from[i] << (8 * i);
    return value;
}

covey_err_t
covey_frame_parse (const void *data, size_t size, covey_frame_t *frame)
{
    const uint8_t *bytes = data;
    if (size < 2)
        return COVEY_MALFORMED;
    if (bytes[1] != COVEY_PROTOCOL_VERSION)
        return COVEY_VERSION;
    if (size < COVEY_FRAME_PREFIX)
        return COVEY_MALFORMED;
    size_t header_size = s_get_u32 (bytes + 2);
    if (header_size > size - COVEY_FRAME_PREFIX)
        return COVEY_MALFORMED;
    frame->kind = bytes[0];
    frame->header = bytes + COVEY_FRAME_PREFIX;
    frame->header_size = header_size;
    frame->items = frame->header + header_size;
    frame->items_size = size - COVEY_FRAME_PREFIX - header_size;
    return COVEY_OK;
}

covey_err_t
covey_frame_next (covey_frame_t *frame, const uint8_t **item_p, size_t *size_p)
{
    if (frame->items_size == 0)
        return COVEY_NOTFOUND;
    if (frame->items_size < 4)
        return COVEY_MALFORMED;
    size_t size = s_get_u32 (frame->items);
    if (size > frame->items_size - 4)
        return COVEY_MALFORMED;
    *item_p = frame->items + 4;
    *size_p = size;
    frame->items += 4 + size;
    frame->items_size -= 4 + size;
    return COVEY_OK;
}

covey_err_t
covey_frame_begin (covey_buf_t *to, covey_frame_kind_t kind,
                   const ProtobufCMessage *header)
{
    assert (to->size == 0);
    size_t size = header ? protobuf_c_message_get_packed_size (header) : 0;
    if (size > UINT32_MAX)
        return COVEY_LIMIT;
    uint8_t *room = covey_buf_extend (to, COVEY_FRAME_PREFIX + size);
    if (!room)
        return COVEY_LIMIT;
    room[0] = (uint8_t)kind;
    room[1] = COVEY_PROTOCOL_VERSION;
    s_put_u32 (room + 2, (uint32_t)size);
    if (header)
        protobuf_c_message_pack (header, room + COVEY_FRAME_PREFIX);
    return COVEY_OK;
}

covey_err_t
covey_frame_add (covey_buf_t *to, const void *item, size_t size)
{
    assert (to->size >= COVEY_FRAME_PREFIX);
    if (size > UINT32_MAX - 4)
        return COVEY_LIMIT;
    uint8_t *room = covey_buf_extend (to, 4 + size);
    if (!room)
        return COVEY_LIMIT;
    s_put_u32 (room, (uint32_t)size);
    if (size)
        memcpy (room + 4, item, size);
    return COVEY_OK;
}

void
covey_frame_close_header (covey_buf_t *to)
{
    assert (to->size >= COVEY_FRAME_PREFIX);
    s_put_u32 (to->data + 2, (uint32_t)(to->size - COVEY_FRAME_PREFIX));
}

static void *
s_capped_alloc (void *arg, size_t size)
{
    size_t *left = arg;
    if (size > *left)
        return NULL;
    *left -= size;
    return malloc (size ? size : 1);
}

static void
s_capped_free (void *arg, void *memory)
{
    (void)arg; /* a freed block does not come back to the budget */
    free (memory);
}

static bool s_is_text (const ProtobufCMessage *message);

static bool
s_is_text_value (const ProtobufCFieldDescriptor *field, const void *member)
{
    const void *value = *(const void *const *)member;
    if (!value)
        return true;
    if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        return s_is_text (value);
    return covey_str_is_utf8 (value, strlen (value));
}

/*  Is every string in it UTF-8? protobuf-c does not look, and names from a
    header end up in logs and in JSON. As deep as the schema.                 */
static bool
s_is_text (const ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        if (field->type != PROTOBUF_C_TYPE_STRING &&
            field->type != PROTOBUF_C_TYPE_MESSAGE)
            continue;
        const char *member = (const char *)message + field->offset;
        size_t count = 1;
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            count = *(const size_t *)(const void *)((const char *)message +
                                                    field->quantifier_offset);
            member = *(const char *const *)(const void *)member;
        } else if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
            const int *chosen = (const void *)((const char *)message +
                                               field->quantifier_offset);
            count = *chosen == (int)field->id;
        }
        for (size_t k = 0; k < count; k++)
            if (!s_is_text_value (field, member + k * sizeof (void *)))
                return false;
    }
    return true;
}

ProtobufCMessage *
covey_wire_unpack (const ProtobufCMessageDescriptor *descriptor,
                   const void *data, size_t size)
{
    if (size > COVEY_FRAME_MAX)
        return NULL;
    size_t left = UNPACK_BASE + UNPACK_FACTOR * size;
    ProtobufCAllocator allocator = {s_capped_alloc, s_capped_free, &left};
    ProtobufCMessage *message =
        protobuf_c_message_unpack (descriptor, &allocator, size, data);
    if (message && !s_is_text (message)) {
        protobuf_c_message_free_unpacked (message, NULL);
        return NULL;
    }
    return message;
}

void
covey_topic_event (uint8_t topic[COVEY_TOPIC_SIZE], char class_byte, int type)
{
    assert (type >= 0 && type <= UINT16_MAX);
    topic[0] = (uint8_t)class_byte;
    topic[1] = (uint8_t)(type >> 8);
    topic[2] = (uint8_t)type;
}
