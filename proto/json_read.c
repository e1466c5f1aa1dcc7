/*  The reader: the text is checked as a whole first, then walked field by field
    of the descriptor.                                                        */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/event.pb-c.h"
#include "proto/json.h"
#include "proto/json_reader.h"
#include "proto/pb.h"

static covey_err_t
s_read_message (covey_json_reader_t *self,
                const ProtobufCFieldDescriptor *field, covey_slice_t value,
                void *member)
{
    if (*value.text != '{')
        return covey_json_wrong_kind (self, field, value, "an object");
    ProtobufCMessage *message = covey_pb_new (field->descriptor);
    if (!message)
        return covey_json_no_memory (self);
    *(ProtobufCMessage **)member = message;
    size_t before = strlen (self->path);
    char name[COVEY_JSON_PATH_MAX];
    covey_json_field_path (self, field, name);
    snprintf (self->path, sizeof self->path, "%.*s.",
              (int)sizeof self->path - 2, name);
    covey_err_t rc = covey_json_read_object (self, message, value);
    self->path[before] = '\0';
    return rc;
}

static covey_err_t
s_read_value (covey_json_reader_t *self, const ProtobufCFieldDescriptor *field,
              covey_slice_t value, int sibling, void *member)
{
    switch (covey_json_kind (field)) {
        case COVEY_JSON_SCALAR:
        case COVEY_JSON_INSTANT:
        case COVEY_JSON_ENUM:
        case COVEY_JSON_ID:
        case COVEY_JSON_BASE64:
            return covey_json_read_plain (self, field, value, member);
        case COVEY_JSON_PAYLOAD:
            return covey_json_read_payload (self, field, value, sibling,
                                            member);
        case COVEY_JSON_MAP:
        case COVEY_JSON_MESSAGE:
            return s_read_message (self, field, value, member);
    }
    return COVEY_OK;
}

static covey_err_t
s_read_list (covey_json_reader_t *self, ProtobufCMessage *message,
             const ProtobufCFieldDescriptor *field, covey_slice_t list)
{
    covey_slice_t value;
    covey_err_t rc = COVEY_OK;
    while (rc == COVEY_OK && covey_json_next (&list, NULL, &value)) {
        void *element = covey_pb_append (message, field);
        rc = element ? s_read_value (self, field, value, -1, element)
                     : covey_json_no_memory (self);
    }
    return rc;
}

/*  {"key": "value"} into a list of entries.                                 */
static covey_err_t
s_read_map (covey_json_reader_t *self, ProtobufCMessage *message,
            const ProtobufCFieldDescriptor *field, covey_slice_t object)
{
    const ProtobufCMessageDescriptor *descriptor = field->descriptor;
    covey_slice_t key, value;
    while (covey_json_next (&object, &key, &value)) {
        size_t count = covey_pb_count (message, field);
        if (count == COVEY_LIST_MAX)
            return covey_json_fail (self, COVEY_LIMIT, key.text,
                                    "%s has more than %d entries", field->name,
                                    COVEY_LIST_MAX);
        ProtobufCMessage **entry = covey_pb_append (message, field);
        if (!entry || !(*entry = covey_pb_new (descriptor)))
            return covey_json_no_memory (self);
        for (unsigned i = 0; i < 2; i++) {
            const ProtobufCFieldDescriptor *part = &descriptor->fields[i];
            covey_err_t rc =
                covey_json_read_string (self, i ? part : field, i ? value : key,
                                        covey_pb_begin (*entry, part));
            if (rc != COVEY_OK)
                return rc;
        }
        const char *text =
            *(char **)covey_pb_member (*entry, &descriptor->fields[0]);
        for (size_t i = 0; i < count; i++) {
            ProtobufCMessage *other =
                *(ProtobufCMessage **)covey_pb_element (message, field, i);
            if (strcmp (text, *(char **)covey_pb_member (
                                  other, &descriptor->fields[0])) == 0)
                return covey_json_fail (self, COVEY_INVALID, key.text,
                                        "the key %.60s comes twice", text);
        }
    }
    return COVEY_OK;
}

covey_err_t
covey_json_read_field (covey_json_reader_t *self, ProtobufCMessage *message,
                       const ProtobufCFieldDescriptor *field,
                       covey_slice_t value, int sibling)
{
    covey_pb_clear (message, field);
    if (*value.text == 'n')
        return COVEY_OK;
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        if (*value.text == '[')
            return s_read_list (self, message, field, value);
        bool is_map = covey_json_kind (field) == COVEY_JSON_MAP;
        if (is_map && *value.text == '{')
            return s_read_map (self, message, field, value);
        return covey_json_wrong_kind (self, field, value,
                                      is_map ? "an object" : "a list");
    }
    covey_err_t rc = s_read_value (self, field, value, sibling,
                                   covey_pb_begin (message, field));
    if (rc != COVEY_OK)
        covey_pb_clear (message, field);
    return rc;
}

covey_err_t
covey_json_read_unknown (const covey_json_reader_t *self,
                         ProtobufCMessage *message, covey_slice_t value)
{
    size_t size = 0;
    char *text =
        covey_json_is_string (value) ? covey_json_text (value, &size) : NULL;
    covey_buf_t bytes;
    covey_buf_init (&bytes, size + 1);
    covey_err_t rc = COVEY_MALFORMED;
    if (text && covey_base64_read (text, size, &bytes))
        rc = covey_pb_add_unknown (message, bytes.data, bytes.size);
    free (text);
    covey_buf_deinit (&bytes);
    if (rc == COVEY_OK)
        return rc;
    return covey_json_fail (self, COVEY_INVALID, value.text,
                            "%s%s is not base64 of fields that %s lacks",
                            self->path, COVEY_JSON_UNKNOWN, self->owner);
}

static covey_err_t
s_unknown_key (const covey_json_reader_t *self,
               const ProtobufCMessageDescriptor *descriptor, covey_slice_t key)
{
    char name[COVEY_JSON_NAME_MAX], near[COVEY_JSON_NAME_MAX];
    size_t size = key.size - 2;
    if (size >= sizeof name)
        size = sizeof name - 1;
    memcpy (name, key.text + 1, size);
    name[size] = '\0';
    if (covey_json_nearest (descriptor, name, near))
        return covey_json_fail (self, COVEY_INVALID, key.text,
                                "%s has no \"%s%s\"; did you mean \"%s\"?",
                                self->owner, self->path, name, near);
    return covey_json_fail (self, COVEY_INVALID, key.text, "%s has no \"%s%s\"",
                            self->owner, self->path, name);
}

/*  Fields that must be there; a content_type can be told from its payload.  */
static covey_err_t
s_check_required (const covey_json_reader_t *self, ProtobufCMessage *message,
                  covey_slice_t object, const bool *seen)
{
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        char name[COVEY_JSON_PATH_MAX];
        if (!seen[i] && covey_json_is_required (descriptor, field))
            return covey_json_fail (
                self, COVEY_INVALID, object.text, "%s is missing; %s needs it",
                covey_json_field_path (self, field, name), self->owner);
    }
    return COVEY_OK;
}

/*  The content type of the message's only payload, for a sibling that the text
    left out.                                                                 */
static void
s_derive_sibling (ProtobufCMessage *message,
                  const ProtobufCFieldDescriptor *sibling, bool *seen)
{
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        if (covey_json_kind (field) != COVEY_JSON_PAYLOAD ||
            !covey_pb_has (message, field))
            continue;
        const Covey__V1__Payload *payload =
            *(Covey__V1__Payload **)covey_pb_member (message, field);
        *(int *)covey_pb_begin (message, sibling) = (int)payload->content_type;
        seen[sibling - descriptor->fields] = true;
    }
}

enum { S_FIELDS_MAX = 128 };

covey_err_t
covey_json_read_object (covey_json_reader_t *self, ProtobufCMessage *message,
                        covey_slice_t object)
{
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;
    bool seen[S_FIELDS_MAX] = {false}, seen_unknown = false;
    const ProtobufCFieldDescriptor *content = covey_json_sibling (descriptor);
    int sibling = -1;
    covey_slice_t key, value, rest = object;
    covey_err_t rc = COVEY_OK;
    if (content) {
        value = covey_json_get (object, "contentType");
        if (value.text && *value.text != 'n')
            rc = covey_json_read_enum (self, content, value, &sibling);
    }
    while (rc == COVEY_OK && covey_json_next (&rest, &key, &value)) {
        bool *once = &seen_unknown;
        const ProtobufCFieldDescriptor *field = NULL;
        if (!covey_json_key_is (key, COVEY_JSON_UNKNOWN)) {
            field = covey_json_field (descriptor, key.text + 1, key.size - 2);
            if (!field)
                return s_unknown_key (self, descriptor, key);
            once = &seen[field - descriptor->fields];
        }
        if (*once)
            return covey_json_fail (self, COVEY_INVALID, key.text,
                                    "%s%.*s comes twice", self->path,
                                    (int)key.size, key.text);
        *once = true;
        if (!field)
            rc = covey_json_read_unknown (self, message, value);
        else {
            rc = covey_json_read_field (self, message, field, value, sibling);
            if (rc == COVEY_OK && *value.text == 'n')
                *once = false; /* null is absent */
        }
    }
    if (rc == COVEY_OK && content && !seen[content - descriptor->fields])
        s_derive_sibling (message, content, seen);
    return rc == COVEY_OK ? s_check_required (self, message, object, seen) : rc;
}

covey_err_t
covey_json_read (const ProtobufCMessageDescriptor *descriptor, const char *json,
                 size_t size, ProtobufCMessage **message_p, covey_errbuf_t *err)
{
    covey_err_t rc = covey_json_check (
        json, size, COVEY_JSON_DEPTH_MAX + COVEY_JSON_DEPTH_AROUND, "the text",
        err);
    if (rc != COVEY_OK)
        return rc;
    covey_slice_t object = covey_json_trim (json, size);
    if (*object.text != '{')
        return covey_fail (err, COVEY_INVALID,
                           "the text is %s; an object is expected",
                           covey_json_kind_name (object));
    covey_json_reader_t reader = {
        .json = json, .owner = descriptor->short_name, .err = err};
    ProtobufCMessage *message = covey_pb_new (descriptor);
    if (!message)
        return covey_json_no_memory (&reader);
    rc = covey_json_read_object (&reader, message, object);
    if (rc != COVEY_OK) {
        protobuf_c_message_free_unpacked (message, NULL);
        return rc;
    }
    *message_p = message;
    return COVEY_OK;
}
