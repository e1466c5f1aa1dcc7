/*  support_wire - protobuf's wire bytes, written by hand                    */
#ifndef SUPPORT_WIRE_H_INCLUDED
#define SUPPORT_WIRE_H_INCLUDED

#include "base/buf.h"

void support_put_varint (covey_buf_t *to, uint64_t value);
/*  Fields: number and value.                                                */
void support_put_number (covey_buf_t *to, uint32_t field, uint64_t value);
void support_put_double (covey_buf_t *to, uint32_t field, double value);
void support_put_bytes (covey_buf_t *to, uint32_t field, const void *bytes,
                        size_t size);
void support_put_text (covey_buf_t *to, uint32_t field, const char *text);
/*  `size` times the letter a.                                               */
void support_put_long (covey_buf_t *to, uint32_t field, size_t size);

#endif
