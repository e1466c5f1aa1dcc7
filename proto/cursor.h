/*  cursor - reads protobuf's wire format, one field at a time

    Role      pure, allocates nothing, trusts nothing; inline, because peek
              reads every event that passes through a node with it
    Limits    a varint has at most 10 bytes and a tag at most 5, lengths stay
              inside the parent; groups (wire types 3 and 4) are refused, as
              protobuf-c refuses them
*/
#ifndef COVEY_CURSOR_H_INCLUDED
#define COVEY_CURSOR_H_INCLUDED

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef enum {
    COVEY_WIRE_VARINT = 0,
    COVEY_WIRE_FIXED64 = 1,
    COVEY_WIRE_BYTES = 2, /* strings, bytes, messages, packed lists           */
    COVEY_WIRE_FIXED32 = 5
} covey_wire_type_t;

typedef struct {
    const uint8_t *at;
    const uint8_t *end;
} covey_cursor_t;

typedef struct {
    uint32_t number;
    uint32_t type;        /* covey_wire_type_t                                */
    uint64_t value;       /* VARINT, FIXED64, FIXED32                         */
    const uint8_t *bytes; /* BYTES                                            */
    size_t size;
} covey_wire_field_t;

/*  `data` may be NULL when `size` is 0.                                     */
static inline covey_cursor_t
covey_cursor_of (const void *data, size_t size)
{
    const uint8_t *bytes = data;
    return (covey_cursor_t){bytes, size ? bytes + size : bytes};
}

static inline bool
covey_cursor_varint (covey_cursor_t *self, uint64_t *value_p)
{
    const uint8_t *p = self->at;
    if (p < self->end && *p < 0x80) { /* nearly all of them */
        *value_p = *p;
        self->at = p + 1;
        return true;
    }
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70 && p < self->end; shift += 7) {
        value |= (uint64_t)(*p & 0x7f) << shift;
        if (*p++ < 0x80) {
            *value_p = value;
            self->at = p;
            return true;
        }
    }
    return false;
}

static inline bool
covey_cursor_fixed (covey_cursor_t *self, unsigned size, uint64_t *value_p)
{
    if ((size_t)(self->end - self->at) < size)
        return false;
    uint64_t value = 0;
    for (unsigned i = 0; i < size; i++)
        value |= (uint64_t)self->at[i] << (8 * i);
    *value_p = value;
    self->at += size;
    return true;
}

/*  The next field; false when there is none (at == end) or it is malformed. */
static inline bool
covey_cursor_next (covey_cursor_t *self, covey_wire_field_t *field)
{
    const uint8_t *start = self->at;
    uint64_t tag, size;
    if (!covey_cursor_varint (self, &tag) || tag > UINT32_MAX || tag < 8 ||
        self->at - start > 5)
        return false;
    field->number = (uint32_t)tag >> 3;
    field->type = (uint32_t)tag & 7;
    switch (field->type) {
        case COVEY_WIRE_VARINT:
            return covey_cursor_varint (self, &field->value);
        case COVEY_WIRE_BYTES:
            if (!covey_cursor_varint (self, &size) ||
                size > (size_t)(self->end - self->at))
                return false;
            field->bytes = self->at;
            field->size = (size_t)size;
            self->at += size;
            return true;
        case COVEY_WIRE_FIXED64:
            return covey_cursor_fixed (self, 8, &field->value);
        case COVEY_WIRE_FIXED32:
            return covey_cursor_fixed (self, 4, &field->value);
        default:
            return false;
    }
}

#endif
