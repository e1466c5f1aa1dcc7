#include "support_wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "proto/cursor.h"

void
support_put_varint (covey_buf_t *to, uint64_t value)
{
    for (; value > 127; value >>= 7)
        covey_buf_putc (to, (char)(0x80 | (value & 127)));
    covey_buf_putc (to, (char)value);
}

void
support_put_number (covey_buf_t *to, uint32_t field, uint64_t value)
{
    support_put_varint (to, field << 3 | COVEY_WIRE_VARINT);
    support_put_varint (to, value);
}

void
support_put_bytes (covey_buf_t *to, uint32_t field, const void *bytes,
                   size_t size)
{
    support_put_varint (to, field << 3 | COVEY_WIRE_BYTES);
    support_put_varint (to, size);
    assert_int_equal (covey_buf_append (to, bytes, size), COVEY_OK);
}

void
support_put_text (covey_buf_t *to, uint32_t field, const char *text)
{
    support_put_bytes (to, field, text, strlen (text));
}

void
support_put_double (covey_buf_t *to, uint32_t field, double value)
{
    uint64_t bits;
    memcpy (&bits, &value, sizeof bits);
    support_put_varint (to, field << 3 | COVEY_WIRE_FIXED64);
    for (int i = 0; i < 8; i++)
        covey_buf_putc (to, (char)(bits >> (8 * i)));
}

void
support_put_long (covey_buf_t *to, uint32_t field, size_t size)
{
    char *text = malloc (size + 1);
    assert_non_null (text);
    memset (text, 'a', size);
    support_put_bytes (to, field, text, size);
    free (text);
}
