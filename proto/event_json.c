/*  The envelope around the generic mapping of proto/json.h: `type` names the
    message under `data`, an unknown type keeps its raw bytes.                */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "proto/event_class.h"
#include "proto/json.h"
#include "proto/json_reader.h"
#include "proto/pb.h"

/* ------------------------------------------------------------------------ */
/*  Writing                                                                   */

/*  {"raw":"<base64>"}: the bytes of a message that this version lacks.      */
static void
s_write_raw (const ProtobufCMessageUnknownField *field, covey_buf_t *to)
{
    /* The data starts with its length as a varint. */
    size_t prefix = 0;
    while (prefix < field->len && (field->data[prefix] & 0x80))
        prefix++;
    prefix++;
    covey_buf_puts (to, ",\"data\":{\"raw\":\"");
    covey_base64_write (field->data + prefix, field->len - prefix, to);
    covey_buf_puts (to, "\"}");
}

static covey_err_t
s_write_envelope (const covey_event_t *self, bool *first, covey_buf_t *to)
{
    const ProtobufCMessage *message = &self->message->base;
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;
    char type[COVEY_EVENT_SLOT], priority[COVEY_JSON_NAME_MAX];
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        if (field->id >= COVEY_EVENT_TYPE_FIRST &&
            field->id <= COVEY_EVENT_TYPE_LAST)
            continue;
        covey_err_t rc = COVEY_OK;
        if (strcmp (field->name, "priority") == 0) {
            /* Always there, so that readers need not know the default. */
            covey_json_enum_name (field->descriptor,
                                  (int)covey_event_priority (self), priority);
            covey_buf_printf (to, "%s\"priority\":\"%s\"", *first ? "" : ",",
                              priority);
            *first = false;
        } else
            rc = covey_json_write_field (message, field, first, to);
        if (rc != COVEY_OK)
            return rc;
        if (strcmp (field->name, "id") == 0) {
            covey_buf_printf (
                to, "%s\"type\":\"%s\"", *first ? "" : ",",
                covey_event_type_text (covey_event_type (self), type));
            *first = false;
        }
    }
    return COVEY_OK;
}

covey_err_t
covey_event_write_json (const covey_event_t *self, covey_buf_t *to)
{
    const ProtobufCMessage *message = &self->message->base;
    const ProtobufCMessage *data = covey_event_data (self);
    unsigned unknown = message->n_unknown_fields;
    bool first = true;
    covey_buf_putc (to, '{');
    covey_err_t rc = s_write_envelope (self, &first, to);
    if (rc == COVEY_OK && data) {
        covey_buf_puts (to, ",\"data\":");
        rc = covey_json_write (data, to);
    } else if (covey_event_unknown_type (self->message))
        s_write_raw (&message->unknown_fields[--unknown], to);
    if (rc != COVEY_OK)
        return rc;
    covey_json_write_unknown (message, unknown, &first, to);
    if (self->offset >= 0)
        covey_buf_printf (to, ",\"offset\":%" PRId64, self->offset);
    covey_buf_putc (to, '}');
    return to->failed ? COVEY_LIMIT : COVEY_OK;
}

covey_err_t
covey_event_write_data_json (const covey_event_t *self, covey_buf_t *to)
{
    const ProtobufCMessage *data = covey_event_data (self);
    if (data)
        return covey_json_write (data, to);
    covey_buf_puts (to, "{}");
    return to->failed ? COVEY_LIMIT : COVEY_OK;
}

char *
covey_event_to_json (const covey_event_t *self)
{
    covey_buf_t buf;
    covey_buf_init (&buf, COVEY_JSON_SIZE_MAX);
    covey_err_t rc = covey_event_write_json (self, &buf);
    char *text = rc == COVEY_OK ? covey_buf_steal (&buf) : NULL;
    if (!text)
        (void)covey_fail (covey_errbuf (), rc, /* NULL says it failed */
                          rc == COVEY_INVALID
                              ? "a number of the event is not finite; JSON "
                                "has no such number"
                              : "no room for the event as JSON");
    covey_buf_deinit (&buf);
    return text;
}

/* ------------------------------------------------------------------------ */
/*  Reading                                                                   */

/*  What the walk over the envelope has found.                               */
typedef struct {
    covey_json_reader_t reader;
    Covey__V1__Event *message;
    covey_slice_t object;
    covey_slice_t type; /* values; text is NULL when the key is not there     */
    covey_slice_t data;
    covey_slice_t unknown;
    int64_t offset;
    bool has_offset;
    bool seen[128]; /* by index in the descriptor                             */
    char owner[COVEY_EVENT_SLOT];
} s_parse_t;

static const char *
s_next_type (const void *arg, size_t i)
{
    static const char *const names[] = {
#define COVEY_X(number, name, wire) wire,
        COVEY_EVENT_MAP (COVEY_X)
#undef COVEY_X
    };
    (void)arg;
    return i < sizeof names / sizeof *names ? names[i] : NULL;
}

static covey_err_t
s_parse_type (s_parse_t *self, int *type_p)
{
    if (!self->type.text)
        return covey_json_fail (&self->reader, COVEY_INVALID, self->object.text,
                                "type is missing; an event needs it");
    if (*self->type.text != '"')
        return covey_json_fail (&self->reader, COVEY_INVALID, self->type.text,
                                "type is no string, like \"task:submitted\"");
    char *name = covey_json_text (self->type, NULL);
    if (!name)
        return covey_fail (self->reader.err, COVEY_NOMEM, "no memory");
    covey_err_t rc = COVEY_OK;
    *type_p = covey_event_type_number (name);
    if (!*type_p) {
        const char *near = covey_str_nearest (name, s_next_type, NULL);
        rc = covey_json_fail (&self->reader, COVEY_INVALID, self->type.text,
                              "there is no event type \"%.60s\"%s%s%s", name,
                              near ? "; did you mean \"" : "", near ? near : "",
                              near ? "\"?" : "");
    }
    free (name);
    return rc;
}

static covey_err_t
s_parse_offset (s_parse_t *self, covey_slice_t value)
{
    char text[24] = "";
    if (value.size < sizeof text)
        memcpy (text, value.text, value.size);
    if (!covey_str_to_int (text, 0, INT64_MAX, &self->offset))
        return covey_json_fail (&self->reader, COVEY_INVALID, value.text,
                                "offset is no integer from 0");
    self->has_offset = true;
    return COVEY_OK;
}

/*  Keys of an event: the envelope's and those of this mapping.              */
typedef struct {
    char names[24][COVEY_JSON_NAME_MAX];
    size_t count;
} s_keys_t;

static const char *
s_next_key (const void *arg, size_t i)
{
    const s_keys_t *keys = arg;
    return i < keys->count ? keys->names[i] : NULL;
}

static bool
s_is_envelope (const ProtobufCFieldDescriptor *field)
{
    return field->id < COVEY_EVENT_TYPE_FIRST ||
           field->id > COVEY_EVENT_TYPE_LAST;
}

static covey_err_t
s_unknown_key (const s_parse_t *self, covey_slice_t key)
{
    static const char *const others[] = {"type", "data", "offset"};
    const ProtobufCMessageDescriptor *descriptor =
        &covey__v1__event__descriptor;
    s_keys_t keys = {.count = 0};
    for (unsigned i = 0; i < descriptor->n_fields; i++)
        if (s_is_envelope (&descriptor->fields[i]) && keys.count < 20)
            covey_json_name (&descriptor->fields[i], keys.names[keys.count++]);
    for (size_t i = 0; i < 3; i++)
        covey_str_copy (keys.names[keys.count++], COVEY_JSON_NAME_MAX,
                        others[i]);
    char name[COVEY_JSON_NAME_MAX];
    size_t size = key.size - 2 < sizeof name ? key.size - 2 : sizeof name - 1;
    memcpy (name, key.text + 1, size);
    name[size] = '\0';
    const char *near = covey_str_nearest (name, s_next_key, &keys);
    return covey_json_fail (&self->reader, COVEY_INVALID, key.text,
                            "an event has no \"%s\"%s%s%s", name,
                            near ? "; did you mean \"" : "", near ? near : "",
                            near ? "\"?" : "");
}

/*  `"target": "a"` is short for `"target": ["a"]`.                           */
static covey_err_t
s_parse_field (s_parse_t *self, const ProtobufCFieldDescriptor *field,
               covey_slice_t value)
{
    ProtobufCMessage *message = &self->message->base;
    if (strcmp (field->name, "target") != 0 || *value.text != '"')
        return covey_json_read_field (&self->reader, message, field, value, -1);
    char *text = covey_json_text (value, NULL);
    char **element = text ? covey_pb_append (message, field) : NULL;
    if (!element) {
        free (text);
        return covey_fail (self->reader.err, COVEY_NOMEM, "no memory");
    }
    *element = text;
    return COVEY_OK;
}

static covey_err_t
s_parse_key (s_parse_t *self, covey_slice_t key, covey_slice_t value)
{
    covey_slice_t *slot = covey_json_key_is (key, "type")   ? &self->type
                          : covey_json_key_is (key, "data") ? &self->data
                          : covey_json_key_is (key, COVEY_JSON_UNKNOWN)
                              ? &self->unknown
                              : NULL;
    bool twice = slot && slot->text;
    if (slot)
        *slot = value;
    else if (covey_json_key_is (key, "offset")) {
        twice = self->has_offset;
        if (!twice && *value.text != 'n') {
            covey_err_t rc = s_parse_offset (self, value);
            if (rc != COVEY_OK)
                return rc;
        }
    } else {
        const ProtobufCMessageDescriptor *descriptor =
            &covey__v1__event__descriptor;
        const ProtobufCFieldDescriptor *field =
            covey_json_field (descriptor, key.text + 1, key.size - 2);
        if (!field || !s_is_envelope (field))
            return s_unknown_key (self, key);
        twice = self->seen[field - descriptor->fields];
        self->seen[field - descriptor->fields] = true;
        if (!twice)
            return s_parse_field (self, field, value);
    }
    if (twice)
        return covey_json_fail (&self->reader, COVEY_INVALID, key.text,
                                "%.*s comes twice", (int)key.size, key.text);
    return COVEY_OK;
}

/*  {"raw": "..."} becomes the unknown field of number `type`.               */
static covey_err_t
s_parse_raw (s_parse_t *self, int type)
{
    covey_slice_t rest = self->data, key, value = {NULL, 0}, more;
    bool good = rest.text && *rest.text == '{' &&
                covey_json_next (&rest, &key, &value) &&
                covey_json_key_is (key, "raw") && *value.text == '"' &&
                !covey_json_next (&rest, &key, &more);
    size_t size = 0;
    char *text = good ? covey_json_text (value, &size) : NULL;
    covey_buf_t raw, field;
    covey_buf_init (&raw, size + 1);
    covey_buf_init (&field, size + 32);
    covey_err_t rc = COVEY_MALFORMED;
    if (text && covey_base64_read (text, size, &raw)) {
        ProtobufCMessageUnknownField head = {
            .tag = (uint32_t)type,
            .wire_type = PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED};
        covey_pb_write_unknown (&head, &field);
        size_t length = raw.size;
        for (; length >= 0x80; length >>= 7)
            covey_buf_putc (&field, (char)(length | 0x80));
        covey_buf_putc (&field, (char)length);
        if (raw.size)
            (void)covey_buf_append (&field, raw.data, raw.size); /* fits */
        rc =
            covey_pb_add_unknown (&self->message->base, field.data, field.size);
    }
    free (text);
    covey_buf_deinit (&raw);
    covey_buf_deinit (&field);
    if (rc == COVEY_OK)
        return rc;
    return covey_json_fail (&self->reader, COVEY_INVALID,
                            rest.text ? rest.text : self->object.text,
                            "data of %s is not {\"raw\": base64}", self->owner);
}

static covey_err_t
s_parse_data (s_parse_t *self, int type)
{
    static const char nothing[] = "{}";
    self->reader.owner = covey_event_type_text (type, self->owner);
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field (&covey__v1__event__descriptor,
                                                 (unsigned)type);
    if (!field) {
        self->reader.owner = self->owner;
        return s_parse_raw (self, type);
    }
    covey_slice_t data = self->data;
    if (!data.text || *data.text == 'n') {
        data = (covey_slice_t){nothing, 2};
        self->reader.json = nothing; /* so that the place is within */
    } else if (*data.text != '{')
        return covey_json_fail (&self->reader, COVEY_INVALID, data.text,
                                "data is no object");
    ProtobufCMessage **member = covey_pb_begin (&self->message->base, field);
    *member = covey_pb_new (field->descriptor);
    if (!*member)
        return covey_fail (self->reader.err, COVEY_NOMEM, "no memory");
    covey_str_copy (self->reader.path, sizeof self->reader.path, "data.");
    covey_err_t rc = covey_json_read_object (&self->reader, *member, data);
    self->reader.path[0] = '\0';
    self->reader.json = self->object.text;
    return rc;
}

/*  A fresh id and the present for what the text left out.                   */
static covey_err_t
s_fill_defaults (s_parse_t *self)
{
    Covey__V1__Event *message = self->message;
    if (message->priority == COVEY__V1__PRIORITY__NORMAL)
        message->has_priority = false; /* the default goes without saying */
    if (!message->has_timestamp) {
        message->has_timestamp = true;
        message->timestamp = covey_clock_wall_us ();
    }
    if (message->has_id)
        return COVEY_OK;
    covey_id_t id = covey_id_new ();
    if (!covey_pb_set_bytes (&message->id, id.bytes, 16))
        return covey_fail (self->reader.err, COVEY_NOMEM, "no memory");
    message->has_id = true;
    return COVEY_OK;
}

static covey_err_t
s_parse (s_parse_t *self)
{
    covey_slice_t rest = self->object, key, value;
    covey_err_t rc = COVEY_OK;
    int type = 0;
    while (rc == COVEY_OK && covey_json_next (&rest, &key, &value))
        rc = s_parse_key (self, key, value);
    if (rc == COVEY_OK)
        rc = s_parse_type (self, &type);
    if (rc == COVEY_OK && self->unknown.text) {
        self->reader.owner = "the envelope";
        rc = covey_json_read_unknown (&self->reader, &self->message->base,
                                      self->unknown);
    }
    if (rc == COVEY_OK)
        rc = s_parse_data (self, type);
    return rc == COVEY_OK ? s_fill_defaults (self) : rc;
}

covey_err_t
covey_event_parse_json (const char *json, size_t size, covey_event_t **event_p,
                        covey_errbuf_t *err)
{
    if (size > COVEY_JSON_SIZE_MAX)
        return covey_fail (err, COVEY_LIMIT,
                           "the event has %zu bytes of JSON; the bound is %zu",
                           size, COVEY_JSON_SIZE_MAX);
    covey_err_t rc = covey_json_check (
        json, size, COVEY_JSON_DEPTH_MAX + COVEY_JSON_DEPTH_AROUND, "the event",
        err);
    if (rc != COVEY_OK)
        return rc;
    s_parse_t self = {
        .reader = {.json = json, .owner = "an event", .err = err}};
    self.object = covey_json_trim (json, size);
    if (*self.object.text != '{')
        return covey_fail (err, COVEY_INVALID,
                           "the event is no JSON object: line 1, column 1");
    self.message =
        (Covey__V1__Event *)covey_pb_new (&covey__v1__event__descriptor);
    if (!self.message)
        return covey_fail (err, COVEY_NOMEM, "no memory for an event");
    rc = s_parse (&self);
    if (rc != COVEY_OK) {
        covey__v1__event__free_unpacked (self.message, NULL);
        return rc;
    }
    covey_event_t *event = covey_event_wrap (self.message);
    if (!event)
        return covey_fail (err, COVEY_NOMEM, "no memory for an event");
    event->offset = self.has_offset ? self.offset : -1;
    *event_p = event;
    return COVEY_OK;
}

covey_err_t
covey_event_from_json (const char *json, size_t size, covey_event_t **event_p)
{
    return covey_event_parse_json (json, size, event_p, covey_errbuf ());
}
