#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "proto/event_class.h"
#include "proto/json.h"
#include "proto/json_map.h"
#include "proto/json_scan.h"
#include "proto/pb.h"
#include "proto/peek.h"

/*  What unpacking may take: lists of the shortest texts need the base, large
    events the factor. More means millions of unknown fields.                 */
#define S_UNPACK_BASE ((size_t)1 << 20)
#define S_UNPACK_FACTOR 8

/*  Where it comes from: room for the usual event, blocks for all others; room
    for what is set in a new event, and for what fills pieces up.             */
#define S_ROOM_BASE ((size_t)1024)
#define S_ROOM_NEW ((size_t)1024)
#define S_SPARE ((size_t)64)
#define S_BLOCK_SIZE ((size_t)4096)
#define S_ALIGN sizeof (void *)

/* ------------------------------------------------------------------------ */
/*  Memory                                                                    */

/*  Most events are made, filled once, sent and freed, or unpacked, read and
    freed: all of one lies in one allocation, made and freed as a whole.      */

/*  Every piece gets a NUL behind it, so that payloads end with one.         */
static size_t
s_room (size_t size)
{
    return (size / S_ALIGN + 1) * S_ALIGN;
}

/*  An event without message, and `room` bytes for one behind it.            */
static covey_event_t *
s_new_slab (size_t room)
{
    covey_event_t *self = malloc (sizeof *self + COVEY_EVENT_SLOT + room);
    if (!self)
        return NULL;
    *self = (covey_event_t){.offset = -1, .is_slab = true};
    self->slot = (char *)(self + 1);
    self->slot[0] = '\0';
    self->at = self->slot + COVEY_EVENT_SLOT;
    self->end = self->at + room;
    return self;
}

static bool
s_grow (covey_event_t *self, size_t room)
{
    size_t size = room > S_BLOCK_SIZE ? room : S_BLOCK_SIZE;
    covey_event_block_t *block = malloc (sizeof *block + size);
    if (!block)
        return false;
    block->next = self->blocks;
    self->blocks = block;
    self->at = block->bytes;
    self->end = block->bytes + size;
    return true;
}

void *
covey_event_take (covey_event_t *self, size_t size)
{
    size_t room = s_room (size);
    if (!self->is_slab || room > (size_t)(self->end - self->at))
        return NULL;
    char *piece = self->at;
    self->at += room;
    piece[size] = '\0';
    return piece;
}

char *
covey_event_copy (covey_event_t *self, const void *data, size_t size)
{
    char *copy = NULL;
    if (!self->is_slab)
        return covey_pb_set_string (&copy, data, size) ? copy : NULL;
    copy = covey_event_take (self, size);
    if (copy && size)
        memcpy (copy, data, size);
    return copy;
}

covey_err_t
covey_event_own (covey_event_t *self)
{
    if (!self->is_slab)
        return COVEY_OK;
    ProtobufCMessage *copy = covey_pb_dup (&self->message->base);
    if (!copy)
        return covey_fail (covey_errbuf (), COVEY_NOMEM,
                           "no memory for an event");
    self->message = (Covey__V1__Event *)copy;
    self->is_slab = false;
    return COVEY_OK;
}

covey_err_t
covey_event_prepare (covey_event_t *self, size_t size)
{
    return self->is_slab && size + S_SPARE > (size_t)(self->end - self->at)
               ? covey_event_own (self)
               : COVEY_OK;
}

covey_err_t
covey_event_append (covey_event_t *self, ProtobufCMessage *message,
                    const ProtobufCFieldDescriptor *field, const char *text)
{
    size_t count = covey_pb_count (message, field);
    char *copy = covey_event_copy (self, text, strlen (text));
    char **list = copy && self->is_slab
                      ? covey_event_take (self, (count + 1) * sizeof *list)
                      : NULL;
    if (list) {
        if (count)
            memcpy (list, *(char ***)covey_pb_member (message, field),
                    count * sizeof *list);
        list[count] = copy;
        covey_pb_put_list (message, field, list, count + 1);
        return COVEY_OK;
    }
    char **element =
        copy && !self->is_slab ? covey_pb_append (message, field) : NULL;
    if (element) {
        *element = copy;
        return COVEY_OK;
    }
    if (!self->is_slab)
        free (copy);
    return covey_fail (covey_errbuf (), COVEY_NOMEM, "no memory for an event");
}

/* ------------------------------------------------------------------------ */
/*  Life                                                                      */

covey_event_t *
covey_event_wrap (Covey__V1__Event *message)
{
    covey_event_t *self = calloc (1, sizeof *self + COVEY_EVENT_SLOT);
    if (!self) {
        covey_event_free_message (message);
        return NULL;
    }
    self->message = message;
    self->offset = -1;
    self->slot = (char *)(self + 1);
    return self;
}

/*  The field of a type in the oneof, NULL for an unknown type.              */
static const ProtobufCFieldDescriptor *
s_type_field (int type)
{
    if (type < COVEY_EVENT_TYPE_FIRST || type > COVEY_EVENT_TYPE_LAST)
        return NULL;
    return protobuf_c_message_descriptor_get_field (
        &covey__v1__event__descriptor, (unsigned)type);
}

covey_event_t *
covey_event_make (int type, covey_id_t id, int64_t timestamp_us)
{
    const ProtobufCFieldDescriptor *field = s_type_field (type);
    if (!field) {
        (void)covey_fail (covey_errbuf (), COVEY_INVALID, /* NULL says it */
                          "there is no event type %d", type);
        return NULL;
    }
    const ProtobufCMessageDescriptor *descriptor = field->descriptor;
    covey_event_t *self = s_new_slab (S_ROOM_NEW + sizeof *self->message +
                                      sizeof id + descriptor->sizeof_message);
    if (!self)
        return NULL;
    self->message = covey_event_take (self, sizeof *self->message);
    covey__v1__event__init (self->message);
    self->message->has_timestamp = true;
    self->message->timestamp = timestamp_us;
    self->message->has_id = true;
    self->message->id.data =
        (uint8_t *)covey_event_copy (self, id.bytes, sizeof id.bytes);
    self->message->id.len = sizeof id.bytes;
    ProtobufCMessage *data =
        covey_event_take (self, descriptor->sizeof_message);
    protobuf_c_message_init (descriptor, data);
    *(ProtobufCMessage **)covey_pb_mark (&self->message->base, field) = data;
    return self;
}

covey_event_t *
covey_event_new (int type)
{
    return covey_event_make (type, covey_id_new (), covey_clock_wall_us ());
}

void
covey_event_destroy (covey_event_t **self_p)
{
    if (!self_p || !*self_p)
        return;
    covey_event_t *self = *self_p;
    *self_p = NULL;
    if (!self->is_slab)
        covey_event_free_message (self->message);
    covey_group_free (&self->group);
    while (self->blocks) {
        covey_event_block_t *block = self->blocks;
        self->blocks = block->next;
        free (block);
    }
    free (self);
}

covey_event_t *
covey_event_dup (const covey_event_t *self)
{
    ProtobufCMessage *message = covey_pb_dup (&self->message->base);
    covey_event_t *copy =
        message ? covey_event_wrap ((Covey__V1__Event *)message) : NULL;
    if (!copy)
        return NULL;
    copy->offset = self->offset;
    if (covey_event_copy_wishes (copy, self) != COVEY_OK)
        covey_event_destroy (&copy);
    return copy;
}

/* ------------------------------------------------------------------------ */
/*  Type                                                                      */

static bool
s_is_type (const ProtobufCMessageUnknownField *field)
{
    return field->tag >= COVEY_EVENT_TYPE_FIRST &&
           field->tag <= COVEY_EVENT_TYPE_LAST &&
           field->wire_type == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
}

int
covey_event_unknown_type (const Covey__V1__Event *message)
{
    unsigned count = message->base.n_unknown_fields;
    if (message->data_case || !count ||
        !s_is_type (&message->base.unknown_fields[count - 1]))
        return 0;
    return (int)message->base.unknown_fields[count - 1].tag;
}

/*  Write the length in front of a field's data in as few bytes as it takes. */
static void
s_shorten_length (ProtobufCMessageUnknownField *field)
{
    size_t prefix = 1;
    while (prefix < field->len && (field->data[prefix - 1] & 0x80))
        prefix++;
    size_t length = field->len - prefix, rest = length, used = 0;
    for (; rest >= 0x80; rest >>= 7)
        field->data[used++] = (uint8_t)(rest | 0x80);
    field->data[used++] = (uint8_t)rest;
    memmove (field->data + used, field->data + prefix, length);
    field->len = used + length;
}

/*  Move the field of an unknown type behind the other unknown fields.       */
static void
s_settle_unknown_type (Covey__V1__Event *message)
{
    ProtobufCMessageUnknownField *fields = message->base.unknown_fields;
    unsigned count = message->base.n_unknown_fields;
    for (unsigned i = count; !message->data_case && i-- > 0;)
        if (s_is_type (&fields[i])) {
            ProtobufCMessageUnknownField type = fields[i];
            memmove (&fields[i], &fields[i + 1],
                     (count - i - 1) * sizeof *fields);
            s_shorten_length (&type);
            fields[count - 1] = type;
            return;
        }
}

int
covey_event_type (const covey_event_t *self)
{
    int type = (int)self->message->data_case;
    return type ? type : covey_event_unknown_type (self->message);
}

ProtobufCMessage *
covey_event_data (const covey_event_t *self)
{
    const ProtobufCFieldDescriptor *field =
        s_type_field ((int)self->message->data_case);
    if (!field)
        return NULL;
    return *(ProtobufCMessage **)covey_pb_member (&self->message->base, field);
}

const char *
covey_event_type_text (int type, char text[COVEY_EVENT_SLOT])
{
    const char *name = covey_event_type_name (type);
    if (name)
        return name;
    snprintf (text, COVEY_EVENT_SLOT, "unknown:%d", type);
    return text;
}

/* ------------------------------------------------------------------------ */
/*  Bytes                                                                     */

/*  Where an event that is unpacked gets its memory from, and how much of it. */
typedef struct {
    covey_event_t *event;
    size_t budget;
} slab_t;

static void *
s_alloc (void *arg, size_t size)
{
    slab_t *slab = arg;
    if (size >= slab->budget)
        return NULL;
    slab->budget -= size;
    void *piece = covey_event_take (slab->event, size);
    if (!piece && s_grow (slab->event, s_room (size)))
        piece = covey_event_take (slab->event, size);
    return piece;
}

static void
s_free (void *arg, void *piece)
{
    (void)arg;
    (void)piece;
}

covey_err_t
covey_event_unpack (const void *data, size_t size, covey_event_t **event_p,
                    covey_errbuf_t *err)
{
    covey_err_t rc = covey_event_check (data, size, err);
    if (rc != COVEY_OK)
        return rc;
    covey_event_t *self = s_new_slab (S_ROOM_BASE + 2 * size);
    if (!self)
        return covey_fail (err, COVEY_NOMEM, "no memory for an event");
    slab_t slab = {self, S_UNPACK_BASE + S_UNPACK_FACTOR * size};
    ProtobufCAllocator allocator = {s_alloc, s_free, &slab};
    self->message = covey__v1__event__unpack (&allocator, size, data);
    if (!self->message) {
        covey_event_destroy (&self);
        return covey_fail (err, COVEY_MALFORMED,
                           "%zu bytes are no event, or one with too many "
                           "fields",
                           size);
    }
    /* normal is the default and goes without saying. */
    if (self->message->priority == COVEY__V1__PRIORITY__NORMAL)
        self->message->has_priority = false;
    s_settle_unknown_type (self->message);
    *event_p = self;
    return COVEY_OK;
}

covey_err_t
covey_event_encode (const covey_event_t *self, uint8_t **data_p, size_t *size_p)
{
    covey_buf_t buf;
    covey_buf_init (&buf, COVEY_EVENT_MAX);
    covey_err_t rc = covey_event_pack (self, &buf, covey_errbuf ());
    if (rc != COVEY_OK) {
        covey_buf_deinit (&buf);
        return rc;
    }
    *size_p = buf.size;
    *data_p = (uint8_t *)covey_buf_steal (&buf);
    return COVEY_OK;
}

covey_err_t
covey_event_decode (const void *data, size_t size, covey_event_t **event_p)
{
    return covey_event_unpack (data, size, event_p, covey_errbuf ());
}

covey_err_t
covey_event_validate (const covey_event_t *self)
{
    covey_buf_t buf;
    covey_buf_init (&buf, COVEY_EVENT_MAX);
    covey_err_t rc = covey_event_pack (self, &buf, covey_errbuf ());
    if (rc == COVEY_OK)
        rc = covey_event_check (buf.data, buf.size, covey_errbuf ());
    covey_buf_deinit (&buf);
    return rc;
}

/* ------------------------------------------------------------------------ */
/*  Equality                                                                  */

/*  White space in JSON payloads means nothing: remove it, in place.         */
static void
s_squeeze_payloads (ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;
    Covey__V1__Payload *payload = (Covey__V1__Payload *)message;
    if (descriptor == &covey__v1__payload__descriptor) {
        ProtobufCBinaryData *data = &payload->data;
        if (!data->data || (int)payload->content_type != COVEY_CONTENT_JSON ||
            !covey_json_is_valid (data->data, data->len))
            return;
        covey_buf_t text;
        covey_buf_init (&text, data->len + 1);
        covey_json_squeeze ((char *)data->data, data->len, &text);
        if (!text.failed && text.size) {
            memcpy (data->data, text.data, text.size);
            data->len = text.size;
        }
        covey_buf_deinit (&text);
        return;
    }
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        if (field->type != PROTOBUF_C_TYPE_MESSAGE)
            continue;
        size_t count = covey_pb_count (message, field);
        for (size_t j = 0; j < count; j++)
            s_squeeze_payloads (
                *(ProtobufCMessage **)covey_pb_element (message, field, j));
    }
}

static bool
s_pack_equal (const ProtobufCMessage *a, const ProtobufCMessage *b)
{
    size_t size = protobuf_c_message_get_packed_size (a);
    if (size != protobuf_c_message_get_packed_size (b))
        return false;
    uint8_t *bytes = malloc (2 * size + 1);
    if (!bytes)
        return false;
    protobuf_c_message_pack (a, bytes);
    protobuf_c_message_pack (b, bytes + size);
    bool equal = memcmp (bytes, bytes + size, size) == 0;
    free (bytes);
    return equal;
}

bool
covey_event_equal (const covey_event_t *a, const covey_event_t *b)
{
    if (s_pack_equal (&a->message->base, &b->message->base))
        return true;
    ProtobufCMessage *one = covey_pb_dup (&a->message->base);
    ProtobufCMessage *two = covey_pb_dup (&b->message->base);
    bool equal = false;
    if (one && two) {
        s_squeeze_payloads (one);
        s_squeeze_payloads (two);
        equal = s_pack_equal (one, two);
    }
    if (one)
        protobuf_c_message_free_unpacked (one, NULL);
    if (two)
        protobuf_c_message_free_unpacked (two, NULL);
    return equal;
}
