/*  The data fields of an event by JSON name: paths and getters.             */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "proto/event_class.h"
#include "proto/json_map.h"
#include "proto/pb.h"

/*  NOTFOUND with a hint; `at` is the part of `path` that is not known.      */
static covey_err_t
s_not_found (covey_errbuf_t *err, const covey_event_t *self,
             const ProtobufCMessageDescriptor *descriptor, const char *path,
             const char *at)
{
    char type[COVEY_EVENT_SLOT], near[COVEY_JSON_NAME_MAX],
        name[COVEY_JSON_NAME_MAX];
    const char *owner = covey_event_type_text (covey_event_type (self), type);
    size_t size = strcspn (at, ".");
    snprintf (name, sizeof name, "%.*s",
              size < sizeof name ? (int)size : (int)sizeof name - 1, at);
    if (descriptor && covey_json_nearest (descriptor, name, near))
        return covey_fail (err, COVEY_NOTFOUND,
                           "%s has no field \"%.80s\"; did you mean "
                           "\"%.*s%s\"?",
                           owner, path, (int)(at - path), path, near);
    return covey_fail (err, COVEY_NOTFOUND, "%s has no field \"%.80s\"", owner,
                       path);
}

/*  One step of a path: into the nested message, or into the element of a list
    that the next part of the path numbers ("votes.0.agentId").               */
static ProtobufCMessage *
s_descend (ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
           const char **rest)
{
    if (field->label != PROTOBUF_C_LABEL_REPEATED)
        return *(ProtobufCMessage **)covey_pb_member (message, field);
    char number[8] = "";
    size_t size = strcspn (*rest, ".");
    int64_t index;
    if (size < sizeof number)
        memcpy (number, *rest, size);
    *rest += size + ((*rest)[size] == '.');
    if (!covey_str_to_int (number, 0, COVEY_LIST_MAX, &index) ||
        (size_t)index >= covey_pb_count (message, field))
        return NULL;
    return *(ProtobufCMessage **)covey_pb_element (message, field,
                                                   (size_t)index);
}

covey_err_t
covey_event_find (const covey_event_t *self, const char *path, bool create,
                  covey_event_place_t *place, covey_errbuf_t *err)
{
    ProtobufCMessage *message = covey_event_data (self), *next;
    path = path ? path : "";
    if (!message)
        return s_not_found (err, self, NULL, path, path);
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;
    for (const char *at = path;;) {
        size_t size = strcspn (at, ".");
        const ProtobufCFieldDescriptor *field =
            covey_json_field (descriptor, at, size);
        if (!field)
            return s_not_found (err, self, descriptor, path, at);
        if (!at[size]) {
            *place = (covey_event_place_t){descriptor, field, message};
            return COVEY_OK;
        }
        if (field->type != PROTOBUF_C_TYPE_MESSAGE ||
            covey_json_kind (field) == COVEY_JSON_PAYLOAD)
            return s_not_found (err, self, NULL, path, at);
        at += size + 1;
        next = message ? s_descend (message, field, &at) : NULL;
        if (!next && field->label == PROTOBUF_C_LABEL_REPEATED)
            return s_not_found (err, self, NULL, path, at);
        if (!next && create) {
            next = covey_pb_new (field->descriptor);
            if (!next)
                return covey_fail (err, COVEY_NOMEM, "no memory for an event");
            *(ProtobufCMessage **)covey_pb_begin (message, field) = next;
        }
        message = next;
        descriptor = field->descriptor;
    }
}

/* ------------------------------------------------------------------------ */
/*  Getters                                                                   */

/*  The field, when it is there and of a kind; else NULL.                    */
static const ProtobufCFieldDescriptor *
s_get (const covey_event_t *self, const char *path,
       const ProtobufCMessage **message_p)
{
    covey_event_place_t place = {NULL, NULL, NULL};
    if (covey_event_find (self, path, false, &place, NULL) != COVEY_OK ||
        !place.message || !covey_pb_has (place.message, place.field))
        return NULL;
    *message_p = place.message;
    return place.field;
}

bool
covey_event_has (const covey_event_t *self, const char *field)
{
    const ProtobufCMessage *message;
    return s_get (self, field, &message);
}

size_t
covey_event_count (const covey_event_t *self, const char *field)
{
    const ProtobufCMessage *message;
    const ProtobufCFieldDescriptor *found = s_get (self, field, &message);
    return found ? covey_pb_count (message, found) : 0;
}

const char *
covey_event_str (const covey_event_t *self, const char *field)
{
    return covey_event_str_at (self, field, 0);
}

const char *
covey_event_str_at (const covey_event_t *self, const char *field, size_t index)
{
    const ProtobufCMessage *message;
    const ProtobufCFieldDescriptor *found = s_get (self, field, &message);
    if (!found || index >= covey_pb_count (message, found))
        return "";
    const void *value = covey_pb_element (message, found, index);
    if (found->type == PROTOBUF_C_TYPE_STRING)
        return *(char *const *)value;
    if (found->type != PROTOBUF_C_TYPE_ENUM)
        return "";
    covey_json_enum_name (found->descriptor, *(const int *)value, self->slot);
    return self->slot;
}

/*  A number of any kind, as an integer and as a double.                     */
static void
s_number (const covey_event_t *self, const char *path, int64_t *whole,
          double *real)
{
    const ProtobufCMessage *message;
    const ProtobufCFieldDescriptor *field = s_get (self, path, &message);
    *whole = 0;
    *real = 0;
    if (!field || field->label == PROTOBUF_C_LABEL_REPEATED)
        return;
    const void *value = covey_pb_member (message, field);
    switch (field->type) {
        case PROTOBUF_C_TYPE_INT32:
        case PROTOBUF_C_TYPE_SINT32:
        case PROTOBUF_C_TYPE_SFIXED32:
        case PROTOBUF_C_TYPE_ENUM:
            *whole = *(const int32_t *)value;
            break;
        case PROTOBUF_C_TYPE_UINT32:
        case PROTOBUF_C_TYPE_FIXED32:
            *whole = *(const uint32_t *)value;
            break;
        case PROTOBUF_C_TYPE_INT64:
        case PROTOBUF_C_TYPE_SINT64:
        case PROTOBUF_C_TYPE_SFIXED64:
            *whole = *(const int64_t *)value;
            break;
        case PROTOBUF_C_TYPE_UINT64:
        case PROTOBUF_C_TYPE_FIXED64:
            *real = (double)*(const uint64_t *)value;
            *whole = (int64_t) * (const uint64_t *)value;
            return;
        case PROTOBUF_C_TYPE_BOOL:
            *whole = *(const protobuf_c_boolean *)value;
            break;
        case PROTOBUF_C_TYPE_FLOAT:
            *real = (double)*(const float *)value;
            break;
        case PROTOBUF_C_TYPE_DOUBLE:
            *real = *(const double *)value;
            break;
        case PROTOBUF_C_TYPE_STRING:
        case PROTOBUF_C_TYPE_BYTES:
        case PROTOBUF_C_TYPE_MESSAGE:
            return;
    }
    if (field->type == PROTOBUF_C_TYPE_FLOAT ||
        field->type == PROTOBUF_C_TYPE_DOUBLE) {
        if (*real > -9.2e18 && *real < 9.2e18)
            *whole = (int64_t)*real;
    } else
        *real = (double)*whole;
}

int64_t
covey_event_int (const covey_event_t *self, const char *field)
{
    int64_t whole;
    double real;
    s_number (self, field, &whole, &real);
    return whole;
}

double
covey_event_num (const covey_event_t *self, const char *field)
{
    int64_t whole;
    double real;
    s_number (self, field, &whole, &real);
    return real;
}

bool
covey_event_bool (const covey_event_t *self, const char *field)
{
    return covey_event_int (self, field) != 0;
}

const void *
covey_event_payload (const covey_event_t *self, const char *field,
                     covey_content_t *content_p, size_t *size_p)
{
    const ProtobufCMessage *message;
    const ProtobufCFieldDescriptor *found = s_get (self, field, &message);
    if (!found || covey_json_kind (found) != COVEY_JSON_PAYLOAD)
        return NULL;
    const Covey__V1__Payload *payload =
        *(Covey__V1__Payload **)covey_pb_member (message, found);
    if (content_p)
        *content_p = (covey_content_t)payload->content_type;
    if (size_p)
        *size_p = payload->data.len;
    return payload->data.data ? (const void *)payload->data.data : "";
}
