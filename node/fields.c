#include "node/fields.h"

#include "proto/cursor.h"

static covey_cursor_t
s_cursor (covey_slice_t message, size_t from)
{
    const uint8_t *bytes = (const uint8_t *)message.text;
    covey_cursor_t cursor = {.at = bytes, .end = bytes};
    if (bytes) {
        cursor.at += from;
        cursor.end += message.size;
    }
    return cursor;
}

covey_slice_t
covey_field_bytes (covey_slice_t message, uint32_t number)
{
    covey_slice_t value = {0};
    covey_cursor_t cursor = s_cursor (message, 0);
    covey_wire_field_t field;
    while (covey_cursor_next (&cursor, &field))
        if (field.number == number && field.type == COVEY_WIRE_BYTES)
            value = (covey_slice_t){.text = (const char *)field.bytes,
                                    .size = field.size};
    return value;
}

uint64_t
covey_field_number (covey_slice_t message, uint32_t number, uint64_t absent)
{
    uint64_t value = absent;
    covey_cursor_t cursor = s_cursor (message, 0);
    covey_wire_field_t field;
    while (covey_cursor_next (&cursor, &field))
        if (field.number == number && field.type == COVEY_WIRE_VARINT)
            value = field.value;
    return value;
}

bool
covey_field_each (covey_slice_t message, uint32_t number, size_t *from,
                  covey_slice_t *value)
{
    covey_cursor_t cursor = s_cursor (message, *from);
    covey_wire_field_t field;
    while (covey_cursor_next (&cursor, &field)) {
        if (field.number != number || field.type != COVEY_WIRE_BYTES)
            continue;
        *from = (size_t)(cursor.at - (const uint8_t *)message.text);
        *value = (covey_slice_t){.text = (const char *)field.bytes,
                                 .size = field.size};
        return true;
    }
    return false;
}
