/*  The envelope of an event: getters and setters.                           */
#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "proto/event_class.h"
#include "proto/json_map.h"
#include "proto/pb.h"

/* ------------------------------------------------------------------------ */
/*  Getters                                                                   */

static const char *
s_text (const char *text)
{
    return text ? text : "";
}

/*  The 16 bytes, or NULL.                                                   */
static const uint8_t *
s_id (bool has, const ProtobufCBinaryData *bytes)
{
    return has && bytes->len == 16 ? bytes->data : NULL;
}

const uint8_t *
covey_event_id (const covey_event_t *self)
{
    static const uint8_t none[16];
    const uint8_t *id = s_id (self->message->has_id, &self->message->id);
    return id ? id : none;
}

const char *
covey_event_source (const covey_event_t *self)
{
    return s_text (self->message->source);
}

size_t
covey_event_target_count (const covey_event_t *self)
{
    return self->message->n_target;
}

const char *
covey_event_target (const covey_event_t *self, size_t index)
{
    const Covey__V1__Event *message = self->message;
    return index < message->n_target ? message->target[index] : "";
}

int64_t
covey_event_timestamp_us (const covey_event_t *self)
{
    return self->message->timestamp;
}

uint64_t
covey_event_hlc (const covey_event_t *self)
{
    return self->message->hlc;
}

const char *
covey_event_correlation_id (const covey_event_t *self)
{
    return s_text (self->message->correlation_id);
}

const uint8_t *
covey_event_causation_id (const covey_event_t *self)
{
    return s_id (self->message->has_causation_id, &self->message->causation_id);
}

const char *
covey_event_session_id (const covey_event_t *self)
{
    return s_text (self->message->session_id);
}

covey_priority_t
covey_event_priority (const covey_event_t *self)
{
    return self->message->has_priority
               ? (covey_priority_t)self->message->priority
               : COVEY_PRIORITY_NORMAL;
}

uint32_t
covey_event_ttl_ms (const covey_event_t *self)
{
    return self->message->ttl_ms;
}

const char *
covey_event_traceparent (const covey_event_t *self)
{
    return s_text (self->message->traceparent);
}

size_t
covey_event_tag_count (const covey_event_t *self)
{
    return self->message->n_tags;
}

const char *
covey_event_tag (const covey_event_t *self, size_t index)
{
    const Covey__V1__Event *message = self->message;
    return index < message->n_tags ? message->tags[index] : "";
}

static Covey__V1__MetadataEntry *
s_find_metadata (const covey_event_t *self, const char *key)
{
    const Covey__V1__Event *message = self->message;
    for (size_t i = 0; i < message->n_metadata; i++)
        if (strcmp (message->metadata[i]->key, key) == 0)
            return message->metadata[i];
    return NULL;
}

const char *
covey_event_metadata (const covey_event_t *self, const char *key)
{
    const Covey__V1__MetadataEntry *entry = s_find_metadata (self, key);
    return entry ? entry->value : "";
}

int64_t
covey_event_offset (const covey_event_t *self)
{
    return self->offset;
}

const uint8_t *
covey_event_origin (const covey_event_t *self)
{
    return s_id (self->message->has_origin, &self->message->origin);
}

uint64_t
covey_event_origin_seq (const covey_event_t *self)
{
    return self->message->origin_seq;
}

/* ------------------------------------------------------------------------ */
/*  Setters                                                                   */

static covey_err_t
s_no_memory (void)
{
    return covey_fail (covey_errbuf (), COVEY_NOMEM, "no memory for an event");
}

static covey_err_t
s_check_text (const char *name, const char *value, size_t max)
{
    if (!value)
        return covey_fail (covey_errbuf (), COVEY_INVALID, "%s is NULL", name);
    size_t size = strlen (value);
    if (size > max)
        return covey_fail (covey_errbuf (), COVEY_LIMIT,
                           "%s has %zu bytes; the bound is %zu", name, size,
                           max);
    if (!covey_str_is_utf8 (value, size))
        return covey_fail (covey_errbuf (), COVEY_INVALID, "%s is not UTF-8",
                           name);
    return COVEY_OK;
}

static covey_err_t
s_check_agent_id (const char *name, const char *value)
{
    if (value && covey_str_is_agent_id (value, strlen (value)))
        return COVEY_OK;
    return covey_fail (covey_errbuf (), COVEY_INVALID,
                       "%s \"%.140s\" is no agent id: 1 to %d bytes of "
                       "[A-Za-z0-9._:@/-]",
                       name, value ? value : "", COVEY_AGENT_ID_MAX);
}

static covey_err_t
s_replace_text (covey_event_t *self, char **member, const char *value)
{
    char *copy = covey_event_copy (self, value, strlen (value));
    if (!copy)
        return s_no_memory ();
    if (!self->is_slab)
        free (*member);
    *member = copy;
    return COVEY_OK;
}

/*  A text of the envelope, by its place in the message, which may move.     */
static covey_err_t
s_set_text (covey_event_t *self, size_t offset, const char *value)
{
    covey_err_t rc = covey_event_prepare (self, strlen (value));
    if (rc != COVEY_OK)
        return rc;
    return s_replace_text (self, (char **)((char *)self->message + offset),
                           value);
}

static covey_err_t
s_set_bytes (covey_event_t *self, protobuf_c_boolean *has,
             ProtobufCBinaryData *member, const uint8_t id[16])
{
    uint8_t *copy = (uint8_t *)covey_event_copy (self, id, 16);
    if (!copy)
        return s_no_memory ();
    if (!self->is_slab)
        free (member->data);
    *member = (ProtobufCBinaryData){.data = copy, .len = 16};
    *has = true;
    return COVEY_OK;
}

const ProtobufCFieldDescriptor *
covey_event_envelope (const char *name)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name (
            &covey__v1__event__descriptor, name);
    assert (field);
    return field;
}

static covey_err_t
s_append (covey_event_t *self, const char *list, const char *value)
{
    const ProtobufCFieldDescriptor *field = covey_event_envelope (list);
    size_t count = covey_pb_count (&self->message->base, field);
    if (count >= COVEY_LIST_MAX)
        return covey_fail (covey_errbuf (), COVEY_LIMIT,
                           "%s has %d entries already, its bound", list,
                           COVEY_LIST_MAX);
    covey_err_t rc =
        covey_event_prepare (self, strlen (value) + (count + 1) * sizeof value);
    return rc == COVEY_OK
               ? covey_event_append (self, &self->message->base, field, value)
               : rc;
}

covey_err_t
covey_event_set_id (covey_event_t *self, const uint8_t id[16])
{
    covey_err_t rc = covey_event_prepare (self, 16);
    if (rc != COVEY_OK)
        return rc;
    return s_set_bytes (self, &self->message->has_id, &self->message->id, id);
}

covey_err_t
covey_event_set_source (covey_event_t *self, const char *agent_id)
{
    covey_err_t rc = s_check_agent_id ("source", agent_id);
    return rc == COVEY_OK
               ? s_set_text (self, offsetof (Covey__V1__Event, source),
                             agent_id)
               : rc;
}

covey_err_t
covey_event_add_target (covey_event_t *self, const char *agent_id)
{
    covey_err_t rc = s_check_agent_id ("target", agent_id);
    return rc == COVEY_OK ? s_append (self, "target", agent_id) : rc;
}

void
covey_event_clear_targets (covey_event_t *self)
{
    for (size_t i = 0; !self->is_slab && i < self->message->n_target; i++)
        free (self->message->target[i]);
    if (!self->is_slab)
        free (self->message->target);
    self->message->target = NULL;
    self->message->n_target = 0;
}

covey_err_t
covey_event_set_timestamp_us (covey_event_t *self, int64_t timestamp_us)
{
    self->message->has_timestamp = true;
    self->message->timestamp = timestamp_us;
    return COVEY_OK;
}

covey_err_t
covey_event_set_correlation_id (covey_event_t *self, const char *id)
{
    covey_err_t rc = s_check_text ("correlationId", id, COVEY_NAME_MAX);
    return rc == COVEY_OK
               ? s_set_text (self, offsetof (Covey__V1__Event, correlation_id),
                             id)
               : rc;
}

covey_err_t
covey_event_set_causation_id (covey_event_t *self, const uint8_t id[16])
{
    covey_err_t rc = covey_event_prepare (self, 16);
    if (rc != COVEY_OK)
        return rc;
    return s_set_bytes (self, &self->message->has_causation_id,
                        &self->message->causation_id, id);
}

covey_err_t
covey_event_set_session_id (covey_event_t *self, const char *id)
{
    covey_err_t rc = s_check_text ("sessionId", id, COVEY_NAME_MAX);
    return rc == COVEY_OK
               ? s_set_text (self, offsetof (Covey__V1__Event, session_id), id)
               : rc;
}

covey_err_t
covey_event_set_priority (covey_event_t *self, covey_priority_t priority)
{
    if ((int)priority < COVEY_PRIORITY_LOW ||
        (int)priority > COVEY_PRIORITY_CRITICAL)
        return covey_fail (covey_errbuf (), COVEY_INVALID,
                           "priority %d is not one of low (0) to critical (3)",
                           (int)priority);
    /* normal is the default and goes without saying. */
    self->message->has_priority = priority != COVEY_PRIORITY_NORMAL;
    self->message->priority = (Covey__V1__Priority)priority;
    return COVEY_OK;
}

covey_err_t
covey_event_set_ttl_ms (covey_event_t *self, uint32_t ttl_ms)
{
    self->message->has_ttl_ms = ttl_ms != 0;
    self->message->ttl_ms = ttl_ms;
    return COVEY_OK;
}

covey_err_t
covey_event_set_traceparent (covey_event_t *self, const char *value)
{
    covey_err_t rc = s_check_text ("traceparent", value, COVEY_NAME_MAX);
    return rc == COVEY_OK
               ? s_set_text (self, offsetof (Covey__V1__Event, traceparent),
                             value)
               : rc;
}

covey_err_t
covey_event_add_tag (covey_event_t *self, const char *tag)
{
    covey_err_t rc = s_check_text ("tag", tag, COVEY_NAME_MAX);
    return rc == COVEY_OK ? s_append (self, "tags", tag) : rc;
}

covey_err_t
covey_event_set_metadata (covey_event_t *self, const char *key,
                          const char *value)
{
    covey_err_t rc = s_check_text ("metadata key", key, COVEY_NAME_MAX);
    if (rc == COVEY_OK)
        rc = s_check_text ("metadata value", value, COVEY_TEXT_MAX);
    if (rc == COVEY_OK)
        rc = covey_event_own (self);
    if (rc != COVEY_OK)
        return rc;
    Covey__V1__MetadataEntry *entry = s_find_metadata (self, key);
    if (entry)
        return s_replace_text (self, &entry->value, value);
    const ProtobufCFieldDescriptor *field = covey_event_envelope ("metadata");
    if (self->message->n_metadata >= COVEY_LIST_MAX)
        return covey_fail (covey_errbuf (), COVEY_LIMIT,
                           "metadata has %d entries already, its bound",
                           COVEY_LIST_MAX);
    ProtobufCMessage *fresh = covey_pb_new (field->descriptor);
    if (!fresh)
        return s_no_memory ();
    entry = (Covey__V1__MetadataEntry *)fresh;
    ProtobufCMessage **element = NULL;
    if (covey_pb_set_string (&entry->key, key, strlen (key)) &&
        covey_pb_set_string (&entry->value, value, strlen (value)))
        element = covey_pb_append (&self->message->base, field);
    if (!element) {
        protobuf_c_message_free_unpacked (fresh, NULL);
        return s_no_memory ();
    }
    *element = fresh;
    return COVEY_OK;
}

void
covey_event_set_hlc (covey_event_t *self, uint64_t hlc)
{
    self->message->has_hlc = true;
    self->message->hlc = hlc;
}

void
covey_event_set_offset (covey_event_t *self, int64_t offset)
{
    self->offset = offset;
}
