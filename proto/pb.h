/*  pb - small helpers over protobuf-c's descriptors, for code that handles any
    message: the JSON mapping, fields by name, random events

    Role      pure; memory from malloc, so that what is built here and what
              protobuf-c unpacks is freed by the same function
    Memory    covey_pb_new and covey_pb_dup give a message to the caller, who
              frees it with protobuf_c_message_free_unpacked (message, NULL)
*/
#ifndef COVEY_PB_H_INCLUDED
#define COVEY_PB_H_INCLUDED

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

#include "base/buf.h"

/*  An empty message and a deep copy; NULL when memory is exhausted.         */
ProtobufCMessage *covey_pb_new (const ProtobufCMessageDescriptor *descriptor);
ProtobufCMessage *covey_pb_dup (const ProtobufCMessage *message);

/*  Is the field there? A required number always is, a required text or message
    once it was set, a list when it is not empty.                             */
bool covey_pb_has (const ProtobufCMessage *message,
                   const ProtobufCFieldDescriptor *field);
/*  The field's value inside the message; of a list: its array pointer.      */
void *covey_pb_member (const ProtobufCMessage *message,
                       const ProtobufCFieldDescriptor *field);
size_t covey_pb_count (const ProtobufCMessage *message,
                       const ProtobufCFieldDescriptor *field);
/*  Element `index` of a list.                                               */
void *covey_pb_element (const ProtobufCMessage *message,
                        const ProtobufCFieldDescriptor *field, size_t index);

/*  Free what the field holds and make it absent.                            */
void covey_pb_clear (ProtobufCMessage *message,
                     const ProtobufCFieldDescriptor *field);
/*  Clear the field (and the other members of its oneof), mark it as present and
    return where its value goes: all zero, to be filled by the caller.        */
void *covey_pb_begin (ProtobufCMessage *message,
                      const ProtobufCFieldDescriptor *field);
/*  The same for messages whose parts lie in one piece: nothing is freed, the
    old value is left to whom its memory belongs. A list gets an array.       */
void *covey_pb_mark (ProtobufCMessage *message,
                     const ProtobufCFieldDescriptor *field);
void covey_pb_put_list (ProtobufCMessage *message,
                        const ProtobufCFieldDescriptor *field, void *array,
                        size_t count);
/*  Bytes of a value in its message.                                         */
size_t covey_pb_value_size (const ProtobufCFieldDescriptor *field);
/*  Where one more element of a list goes, all zero; NULL without memory.    */
void *covey_pb_append (ProtobufCMessage *message,
                       const ProtobufCFieldDescriptor *field);

/*  Move what a field holds to another message of the same type.             */
void covey_pb_move (ProtobufCMessage *to, ProtobufCMessage *from,
                    const ProtobufCFieldDescriptor *field);

/*  Fill a string or bytes value; bytes get a NUL behind them that is not
    counted. False when memory is exhausted.                                  */
bool covey_pb_set_string (void *member, const char *text, size_t size);
bool covey_pb_set_bytes (void *member, const void *data, size_t size);

/*  The wire bytes of the unknown fields, and fields from such bytes: MALFORMED
    when they are none or hold a field that the descriptor knows.             */
void covey_pb_write_unknown (const ProtobufCMessageUnknownField *field,
                             covey_buf_t *to);
covey_err_t covey_pb_add_unknown (ProtobufCMessage *message,
                                  const uint8_t *data, size_t size);

#endif
