/*  json_map - the names and kinds of the JSON mapping, for writer and reader

    Role      pure; see proto/json.h for the rules
*/
#ifndef COVEY_JSON_MAP_H_INCLUDED
#define COVEY_JSON_MAP_H_INCLUDED

#include <protobuf-c/protobuf-c.h>

#include "base/buf.h"
#include "base/err.h"
#include "proto/peek.h"

#define COVEY_JSON_NAME_MAX 64 /* bytes of a name, NUL included        */
#define COVEY_JSON_EXACT 9007199254740992 /* 2^53: doubles count this far */
#define COVEY_JSON_SIZE_MAX ((size_t)8 * COVEY_EVENT_MAX) /* of one text */
/*  How much deeper than a payload the message around it may nest.           */
#define COVEY_JSON_DEPTH_AROUND 8
/*  The key under which fields of a newer version travel: base64 of their wire
    bytes.                                                                    */
#define COVEY_JSON_UNKNOWN "$unknown"

/*  How a field is shown. SCALAR covers numbers, booleans and text.          */
typedef enum {
    COVEY_JSON_SCALAR,
    COVEY_JSON_INSTANT, /* us since the epoch <-> RFC 3339                    */
    COVEY_JSON_ENUM,
    COVEY_JSON_ID,     /* bytes <-> UUID when there are 16, else base64       */
    COVEY_JSON_BASE64, /* bytes                                               */
    COVEY_JSON_PAYLOAD,
    COVEY_JSON_MAP, /* repeated {key, value} <-> an object                    */
    COVEY_JSON_MESSAGE
} covey_json_kind_t;

covey_json_kind_t covey_json_kind (const ProtobufCFieldDescriptor *field);

/*  The JSON name of a field, and the field of a JSON name (NULL: none).     */
void covey_json_name (const ProtobufCFieldDescriptor *field,
                      char name[COVEY_JSON_NAME_MAX]);
const ProtobufCFieldDescriptor *
covey_json_field (const ProtobufCMessageDescriptor *descriptor,
                  const char *name, size_t size);
/*  The known name nearest to `name`, for "did you mean"; false: none is near.
 */
bool covey_json_nearest (const ProtobufCMessageDescriptor *descriptor,
                         const char *name, char near[COVEY_JSON_NAME_MAX]);

/*  "approve", or "unknown:7" for a value that the descriptor does not have;
    and back. `names` lists what is allowed, for messages.                    */
void covey_json_enum_name (const ProtobufCEnumDescriptor *descriptor, int value,
                           char name[COVEY_JSON_NAME_MAX]);
bool covey_json_enum_value (const ProtobufCEnumDescriptor *descriptor,
                            const char *name, int *value_p);
void covey_json_enum_names (const ProtobufCEnumDescriptor *descriptor,
                            char *names, size_t size);

/*  Must the field be there? proto2's `required`, and enums of the vocabulary,
    which are optional there only so that newer values pass.                  */
bool covey_json_is_required (const ProtobufCMessageDescriptor *descriptor,
                             const ProtobufCFieldDescriptor *field);

/*  The field content_type beside a payload field, or NULL.                  */
const ProtobufCFieldDescriptor *
covey_json_sibling (const ProtobufCMessageDescriptor *descriptor);

/*  Is it a time that RFC 3339 can show?                                     */
bool covey_json_is_time (int64_t wall_us);

/*  One field of a message, as `"name":value` with a comma in front unless
    `*first`; nothing when it is absent. INVALID: a number that JSON lacks.   */
covey_err_t covey_json_write_field (const ProtobufCMessage *message,
                                    const ProtobufCFieldDescriptor *field,
                                    bool *first, covey_buf_t *to);
/*  `"$unknown":"..."` for fields [from, count) of the message, if any.      */
void covey_json_write_unknown (const ProtobufCMessage *message, unsigned count,
                               bool *first, covey_buf_t *to);

#endif
