/*  json - any protobuf message as JSON and back, driven by its descriptor

    Names     lowerCamelCase of the field's name, without a trailing "_ms";
              enum values as lowerCamelCase of the value's name, without the
              prefix that all values of the enum share (SCOPE_CUSTOM: "custom")
    Numbers   64-bit integers keep all bits: written as numbers up to 2^53 and
              as strings beyond, both are read
    Times     int64 fields that are instants (s_instants in json_map.c has their
              names) as RFC 3339; numbers (us) are read too
    Payload   "json" inline, "text" as a string, others and what would be
              ambiguous as {"contentType":…,"data":…}, or "base64" for "data"
              when the bytes are not of their type; a sibling field
              content_type decides for itself. JSON keeps its author's digits
              and escapes: it never passes through a parser's numbers
    bytes     16-byte ids as UUID text, others as base64
    Presence  absent fields are left out, null is read as absent
    Newer     "unknown:N" for values, "$unknown" for fields: nothing is lost
*/
#ifndef COVEY_JSON_H_INCLUDED
#define COVEY_JSON_H_INCLUDED

#include <protobuf-c/protobuf-c.h>

#include "base/buf.h"
#include "base/err.h"

#define COVEY_JSON_DEPTH_MAX 64

/*  Append the message to `to`, on one line.                                 */
covey_err_t covey_json_write (const ProtobufCMessage *message, covey_buf_t *to);

/*  Read a message. MALFORMED: not JSON (line and column), INVALID: an unknown
    key (with the nearest known one), a value of the wrong kind, a missing
    required field. The caller frees it with protobuf_c_message_free_unpacked.
 */
covey_err_t covey_json_read (const ProtobufCMessageDescriptor *descriptor,
                             const char *json, size_t size,
                             ProtobufCMessage **message_p, covey_errbuf_t *err);

/*  Check and normalize JSON text: `to` gets it without white space. MALFORMED
    with line and column.                                                     */
covey_err_t covey_json_compact (const char *json, size_t size, covey_buf_t *to,
                                covey_errbuf_t *err);
/*  Is it one JSON value (RFC 8259), nested at most COVEY_JSON_DEPTH_MAX deep?
    Allocates nothing.                                                        */
bool covey_json_is_valid (const void *json, size_t size);
/*  Append `text` as a JSON string, quotes and escapes included.             */
void covey_json_quote (covey_buf_t *to, const char *text, size_t size);

#endif
