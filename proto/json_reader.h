/*  json_reader - what the files of the JSON reader share

    Role      pure; proto/json.h is its outside
    Memory    a field that could not be read is left absent; what it held before
              is gone
*/
#ifndef COVEY_JSON_READER_H_INCLUDED
#define COVEY_JSON_READER_H_INCLUDED

#include "proto/json_map.h"
#include "proto/json_scan.h"

/*  What the reader knows of the text, for messages that name the place.     */
typedef struct {
    const char *json;    /* the whole text                                    */
    const char *owner;   /* what the message is to the reader: "task:assigned"*/
    char path[256];      /* "data.error."                                     */
    covey_errbuf_t *err; /* may be NULL                                       */
} covey_json_reader_t;

covey_err_t covey_json_fail (const covey_json_reader_t *self, covey_err_t code,
                             const char *at, const char *fmt, ...)
    __attribute__ ((format (printf, 4, 5)));
/*  Read a value (checked text) into a field, replacing what it held. `sibling`
    is the content type that a payload's parent names, or -1.                 */
covey_err_t covey_json_read_field (covey_json_reader_t *self,
                                   ProtobufCMessage *message,
                                   const ProtobufCFieldDescriptor *field,
                                   covey_slice_t value, int sibling);
/*  Read an object into a message; complains about missing fields.           */
covey_err_t covey_json_read_object (covey_json_reader_t *self,
                                    ProtobufCMessage *message,
                                    covey_slice_t object);
covey_err_t covey_json_read_unknown (const covey_json_reader_t *self,
                                     ProtobufCMessage *message,
                                     covey_slice_t value);

/*  Messages. Each names the field by its path and the place in the text.    */
#define COVEY_JSON_PATH_MAX (256 + COVEY_JSON_NAME_MAX)
const char *covey_json_field_path (const covey_json_reader_t *self,
                                   const ProtobufCFieldDescriptor *field,
                                   char path[COVEY_JSON_PATH_MAX]);
const char *covey_json_kind_name (covey_slice_t value);
covey_err_t covey_json_no_memory (const covey_json_reader_t *self);
/*  "data.progress is a string; a number is expected".                       */
covey_err_t covey_json_wrong_kind (const covey_json_reader_t *self,
                                   const ProtobufCFieldDescriptor *field,
                                   covey_slice_t value, const char *expected);
/*  The right kind, but not an allowed value: shows its beginning.           */
covey_err_t covey_json_bad_value (const covey_json_reader_t *self,
                                  const ProtobufCFieldDescriptor *field,
                                  covey_slice_t value, const char *expected);

/*  One value into a zeroed member: numbers, booleans, text, instants, enums and
    bytes; payloads.                                                          */
covey_err_t covey_json_read_plain (const covey_json_reader_t *self,
                                   const ProtobufCFieldDescriptor *field,
                                   covey_slice_t value, void *member);
covey_err_t covey_json_read_enum (const covey_json_reader_t *self,
                                  const ProtobufCFieldDescriptor *field,
                                  covey_slice_t value, void *member);
covey_err_t covey_json_read_string (const covey_json_reader_t *self,
                                    const ProtobufCFieldDescriptor *field,
                                    covey_slice_t value, void *member);
covey_err_t covey_json_read_payload (const covey_json_reader_t *self,
                                     const ProtobufCFieldDescriptor *field,
                                     covey_slice_t value, int sibling,
                                     void *member);

#endif
