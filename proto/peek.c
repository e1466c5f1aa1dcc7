#include "proto/peek.h"

#include <assert.h>
#include <string.h>

#include "base/buf.h"
#include "base/id.h"
#include "proto/cursor.h"
#include "proto/event.h"

/*  Field numbers of covey.v1.Event (protoc-c writes none); test_peek walks the
    descriptor to see that they agree.                                        */
enum {
    FIELD_ID = 1,
    FIELD_SOURCE = 2,
    FIELD_TARGET = 3,
    FIELD_TIMESTAMP = 4,
    FIELD_HLC = 5,
    FIELD_CORRELATION_ID = 6,
    FIELD_CAUSATION_ID = 7,
    FIELD_SESSION_ID = 8,
    FIELD_PRIORITY = 9,
    FIELD_TYPE_FIRST = 10,
    FIELD_TYPE_LAST = 499,
    FIELD_TTL_MS = 500,
    FIELD_TRACEPARENT = 501,
    FIELD_TAGS = 502,
    FIELD_METADATA = 503,
    FIELD_ORIGIN = 504,
    FIELD_ORIGIN_SEQ = 505
};

static inline bool
s_take_id (const covey_wire_field_t *field, const uint8_t **id_p)
{
    if (field->type != COVEY_WIRE_BYTES || field->size != 16)
        return false;
    *id_p = field->bytes;
    return true;
}

static inline bool
s_take_text (const covey_wire_field_t *field, covey_slice_t *slice)
{
    slice->text = (const char *)field->bytes;
    slice->size = field->size;
    return field->type == COVEY_WIRE_BYTES;
}

static inline bool
s_take_uint32 (const covey_wire_field_t *field, uint32_t *value_p)
{
    *value_p = (uint32_t)field->value;
    return field->type == COVEY_WIRE_VARINT;
}

static inline bool
s_take_target (covey_peek_t *view, const covey_wire_field_t *field)
{
    if (view->target_count++ == 0)
        return s_take_text (field, &view->first_target);
    return field->type == COVEY_WIRE_BYTES;
}

/*  Every oneof member is a message, so this holds for newer types too.      */
static inline bool
s_take_data (covey_peek_t *view, const covey_wire_field_t *field)
{
    view->type = (int)field->number;
    return s_take_text (field, &view->data);
}

static inline bool
s_take (covey_peek_t *view, const covey_wire_field_t *field)
{
    const uint8_t *unused;
    switch (field->number) {
        case FIELD_ID:
            return s_take_id (field, &view->id);
        case FIELD_SOURCE:
            return s_take_text (field, &view->source);
        case FIELD_TARGET:
            return s_take_target (view, field);
        case FIELD_TIMESTAMP:
            view->timestamp_us = (int64_t)field->value;
            return field->type == COVEY_WIRE_VARINT;
        case FIELD_HLC:
            view->hlc = field->value;
            return field->type == COVEY_WIRE_FIXED64;
        case FIELD_CORRELATION_ID:
            return s_take_text (field, &view->correlation_id);
        case FIELD_CAUSATION_ID:
            return s_take_id (field, &unused);
        case FIELD_SESSION_ID:
            return s_take_text (field, &view->session_id);
        case FIELD_PRIORITY:
            return s_take_uint32 (field, &view->priority);
        case FIELD_TTL_MS:
            return s_take_uint32 (field, &view->ttl_ms);
        case FIELD_TAGS:
            view->tag_count++;
            return field->type == COVEY_WIRE_BYTES;
        case FIELD_TRACEPARENT:
        case FIELD_METADATA:
            return field->type == COVEY_WIRE_BYTES;
        case FIELD_ORIGIN:
            return s_take_id (field, &view->origin);
        case FIELD_ORIGIN_SEQ:
            view->origin_seq = field->value;
            return field->type == COVEY_WIRE_VARINT;
        default:
            if (field->number <= FIELD_TYPE_LAST)
                return s_take_data (view, field);
            return true; /* a field of a newer version */
    }
}

covey_err_t
covey_peek (const void *data, size_t size, covey_peek_t *view)
{
    covey_cursor_t cursor = covey_cursor_of (data, size);
    covey_wire_field_t field = {0};
    covey_peek_t found;
    memset (&found, 0, sizeof found);
    found.bytes = data;
    found.size = size;
    found.priority = COVEY_PRIORITY_NORMAL;
    while (cursor.at < cursor.end)
        if (!covey_cursor_next (&cursor, &field) || !s_take (&found, &field))
            return COVEY_MALFORMED;
    *view = found;
    return COVEY_OK;
}

/*  The next value of the repeated text field `number`. peek went through these
    bytes before, so a malformed field only ends the walk.                    */
static bool
s_next_text (covey_cursor_t *cursor, uint32_t number, covey_slice_t *slice)
{
    covey_wire_field_t field = {0};
    while (covey_cursor_next (cursor, &field))
        if (field.number == number)
            return s_take_text (&field, slice);
    return false;
}

static covey_slice_t
s_text_at (const covey_peek_t *self, uint32_t number, uint32_t index)
{
    covey_cursor_t cursor = covey_cursor_of (self->bytes, self->size);
    covey_slice_t slice = {NULL, 0};
    for (uint32_t i = 0; s_next_text (&cursor, number, &slice); i++)
        if (i == index)
            return slice;
    return (covey_slice_t){NULL, 0};
}

static bool
s_has_text (const covey_peek_t *self, uint32_t number, const char *text)
{
    covey_cursor_t cursor = covey_cursor_of (self->bytes, self->size);
    covey_slice_t slice;
    while (s_next_text (&cursor, number, &slice))
        if (covey_slice_equal (slice, text))
            return true;
    return false;
}

covey_slice_t
covey_peek_target (const covey_peek_t *self, uint32_t index)
{
    if (index == 0)
        return self->first_target;
    if (index >= self->target_count)
        return (covey_slice_t){NULL, 0};
    return s_text_at (self, FIELD_TARGET, index);
}

covey_slice_t
covey_peek_tag (const covey_peek_t *self, uint32_t index)
{
    if (index >= self->tag_count)
        return (covey_slice_t){NULL, 0};
    return s_text_at (self, FIELD_TAGS, index);
}

bool
covey_peek_has_target (const covey_peek_t *self, const char *agent_id)
{
    if (self->target_count <= 1)
        return self->target_count == 1 &&
               covey_slice_equal (self->first_target, agent_id);
    return s_has_text (self, FIELD_TARGET, agent_id);
}

bool
covey_peek_has_tag (const covey_peek_t *self, const char *tag)
{
    return self->tag_count && s_has_text (self, FIELD_TAGS, tag);
}

bool
covey_slice_equal (covey_slice_t slice, const char *text)
{
    size_t size = strlen (text);
    return slice.size == size &&
           (size == 0 || memcmp (slice.text, text, size) == 0);
}

bool
covey_slice_copy (covey_slice_t slice, char *to, size_t to_size)
{
    assert (to_size > 0);
    size_t fit = slice.size < to_size ? slice.size : to_size - 1;
    if (fit)
        memcpy (to, slice.text, fit);
    to[fit] = '\0';
    return fit == slice.size;
}

covey_err_t
covey_event_append_target (covey_buf_t *packed, const char *agent_id)
{
    size_t size = strlen (agent_id);
    assert (size <= COVEY_AGENT_ID_MAX);
    uint8_t head[3] = {0x1a}; /* 3 << 3 | 2                                   */
    uint8_t *p = head + 1;
    if (size > 127)
        *p++ = (uint8_t)(0x80 | (size & 127));
    *p++ = (uint8_t)(size > 127 ? size >> 7 : size);
    covey_err_t code = covey_buf_append (packed, head, (size_t)(p - head));
    return code ? code : covey_buf_append (packed, agent_id, size);
}

/*  Here, because this is the one file that knows the envelope's numbers.    */
covey_err_t
covey_event_append_origin (covey_buf_t *packed, const uint8_t node_id[16],
                           uint64_t seq)
{
    static const uint8_t origin_tag[] = {0xc2, 0x1f,
                                         16};      /* 504 << 3 | 2, size */
    static const uint8_t seq_tag[] = {0xc8, 0x1f}; /* 505 << 3 | 0     */
    uint8_t tail[COVEY_ORIGIN_SIZE_MAX];
    uint8_t *p = tail;
    memcpy (p, origin_tag, sizeof origin_tag);
    p += sizeof origin_tag;
    memcpy (p, node_id, 16);
    p += 16;
    memcpy (p, seq_tag, sizeof seq_tag);
    p += sizeof seq_tag;
    for (; seq > 127; seq >>= 7)
        *p++ = (uint8_t)(0x80 | (seq & 127));
    *p++ = (uint8_t)seq;
    return covey_buf_append (packed, tail, (size_t)(p - tail));
}
