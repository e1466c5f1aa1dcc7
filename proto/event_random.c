/*  Random valid events: one walk over the descriptor, values by kind and by the
    bound that proto/bounds.h gives the field's name.                         */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "proto/bounds.h"
#include "proto/event_class.h"
#include "proto/json_map.h"
#include "proto/pb.h"

typedef struct {
    covey_prng_t *prng;
    unsigned effort; /* 1..100                                                */
} s_random_t;

static bool s_fill_message (s_random_t *self, ProtobufCMessage *message);

static uint64_t
s_below (s_random_t *self, uint64_t bound)
{
    return covey_prng_below (self->prng, bound);
}

/*  True once in `n` times.                                                  */
static bool
s_once_in (s_random_t *self, uint64_t n)
{
    return s_below (self, n) == 0;
}

/*  How long a text or list gets: mostly short, at times up to the effort, and
    rarely its bound.                                                         */
static size_t
s_length (s_random_t *self, size_t max)
{
    size_t most = 1 + self->effort * max / 1000;
    if (self->effort > 50 && s_once_in (self, 500))
        return max;
    if (!s_once_in (self, 8) && most > 12)
        most = 12;
    return (size_t)s_below (self, (most < max ? most : max) + 1);
}

static covey_bound_t
s_bound (const ProtobufCFieldDescriptor *field)
{
    static const struct {
        const char *name;
        covey_bound_t bound;
    } table[] = {
#define COVEY_X(field, bound) {#field, COVEY_BOUND_##bound},
        COVEY_FIELD_BOUND_MAP (COVEY_X)
#undef COVEY_X
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp (table[i].name, field->name) == 0)
            return table[i].bound;
    return COVEY_BOUND_NONE;
}

/* ------------------------------------------------------------------------ */
/*  Text                                                                      */

/*  A code point that makes trouble more often than most.                    */
static size_t
s_character (s_random_t *self, char to[4])
{
    static const char *const odd[] = {"\"",
                                      "\\",
                                      "\n",
                                      "\x01",
                                      "\x7f",
                                      "/",
                                      "\xc3\xa9",
                                      "\xe2\x82\xac",
                                      "\xe2\x80\xa8",
                                      "\xef\xbf\xbf",
                                      "\xcd\x80",
                                      "\xed\x9f\xbf",
                                      "\xee\x80\x80",
                                      "\xf0\x9f\x90\xa6",
                                      "\xf4\x8f\xbf\xbf"};
    if (!s_once_in (self, 6)) {
        to[0] = (char)(' ' + s_below (self, '~' - ' ' + 1));
        return 1;
    }
    const char *text = odd[s_below (self, sizeof odd / sizeof *odd)];
    size_t size = 0;
    for (; text[size]; size++)
        to[size] = text[size];
    return size;
}

static void
s_text (s_random_t *self, size_t max, covey_buf_t *to)
{
    size_t length = s_length (self, max), used = 0;
    char c[4];
    while (used < length) {
        size_t size = s_character (self, c);
        if (used + size > length) {
            size = 1;
            c[0] = '.';
        }
        (void)covey_buf_append (to, c, size); /* see `failed` */
        used += size;
    }
}

static void
s_agent_id (s_random_t *self, covey_buf_t *to)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789._:@/-";
    size_t length = s_length (self, COVEY_AGENT_ID_MAX - 1) + 1;
    for (size_t i = 0; i < length; i++)
        covey_buf_putc (to, letters[s_below (self, sizeof letters - 1)]);
}

static bool
s_fill_string (s_random_t *self, const ProtobufCFieldDescriptor *field,
               void *member)
{
    covey_buf_t text;
    covey_buf_init (&text, COVEY_TEXT_MAX);
    covey_bound_t bound = s_bound (field);
    if (bound == COVEY_BOUND_AGENT_ID)
        s_agent_id (self, &text);
    else
        s_text (self,
                bound == COVEY_BOUND_TEXT ? COVEY_TEXT_MAX : COVEY_NAME_MAX,
                &text);
    bool good = !text.failed &&
                covey_pb_set_string (member, text.data ? (char *)text.data : "",
                                     text.size);
    covey_buf_deinit (&text);
    return good;
}

/* ------------------------------------------------------------------------ */
/*  Numbers                                                                   */

static uint64_t
s_bits (s_random_t *self)
{
    static const uint64_t odd[] = {0,
                                   1,
                                   INT32_MAX,
                                   UINT32_MAX,
                                   COVEY_JSON_EXACT - 1,
                                   COVEY_JSON_EXACT,
                                   COVEY_JSON_EXACT + 1,
                                   INT64_MAX,
                                   (uint64_t)INT64_MIN,
                                   UINT64_MAX};
    if (s_once_in (self, 3))
        return odd[s_below (self, sizeof odd / sizeof *odd)];
    return covey_prng_next (self->prng) >> s_below (self, 64);
}

static double
s_real (s_random_t *self)
{
    static const double odd[] = {0,
                                 -0.0,
                                 1,
                                 0.1,
                                 -1.5,
                                 1e21,
                                 1e-9,
                                 5e-324,
                                 1e15,
                                 1e16,
                                 1.7e308,
                                 9007199254740993.0,
                                 123456789.125};
    if (s_once_in (self, 2))
        return odd[s_below (self, sizeof odd / sizeof *odd)];
    uint64_t bits = covey_prng_next (self->prng);
    double value;
    memcpy (&value, &bits, sizeof value);
    return isfinite (value) ? value : 0.5;
}

static double
s_bounded_real (s_random_t *self, covey_bound_t bound)
{
    switch (bound) {
        case COVEY_BOUND_PERCENT:
            return s_once_in (self, 4) ? 100 * (double)s_below (self, 2)
                                       : 100 * covey_prng_unit (self->prng);
        case COVEY_BOUND_POSITIVE:
            return 1 + fabs (s_real (self));
        case COVEY_BOUND_NOT_NEGATIVE:
            return fabs (s_real (self));
        case COVEY_BOUND_NONE:
        case COVEY_BOUND_AGENT_ID:
        case COVEY_BOUND_TEXT:
        case COVEY_BOUND_ID:
        case COVEY_BOUND_PAYLOAD:
            break;
    }
    return s_real (self);
}

/*  An integer whose lower half is within the bound too.                     */
static uint64_t
s_bounded_bits (s_random_t *self, covey_bound_t bound)
{
    if (bound == COVEY_BOUND_PERCENT)
        return s_below (self, 101);
    if (bound == COVEY_BOUND_POSITIVE)
        return 1 + s_below (self, INT32_MAX);
    if (bound == COVEY_BOUND_NOT_NEGATIVE)
        return s_bits (self) & INT64_MAX;
    return s_bits (self);
}

static void
s_fill_number (s_random_t *self, const ProtobufCFieldDescriptor *field,
               void *member)
{
    covey_bound_t bound = s_bound (field);
    uint64_t bits = s_bounded_bits (self, bound);
    double real = s_bounded_real (self, bound);
    float small = 0;
    uint32_t low = (uint32_t)bits;
    if (field->type == PROTOBUF_C_TYPE_DOUBLE)
        memcpy (member, &real, sizeof real);
    else if (field->type == PROTOBUF_C_TYPE_FLOAT)
        memcpy (member, &small, sizeof small);
    else if (field->type == PROTOBUF_C_TYPE_INT64 ||
             field->type == PROTOBUF_C_TYPE_SINT64 ||
             field->type == PROTOBUF_C_TYPE_SFIXED64 ||
             field->type == PROTOBUF_C_TYPE_UINT64 ||
             field->type == PROTOBUF_C_TYPE_FIXED64)
        memcpy (member, &bits, sizeof bits);
    else
        memcpy (member, &low, sizeof low);
    /* Most instants are of our days. */
    if (covey_json_kind (field) == COVEY_JSON_INSTANT && !s_once_in (self, 4))
        *(int64_t *)member =
            1700000000000000 + (int64_t)s_below (self, 100000000000000);
}

/* ------------------------------------------------------------------------ */
/*  Payloads                                                                  */

static void
s_json_string (s_random_t *self, covey_buf_t *to)
{
    static const char *const escapes[] = {"\\\"", "\\\\",    "\\/",
                                          "\\n",  "\\u00e9", "\\ud83d\\udc26"};
    covey_buf_putc (to, '"');
    size_t length = s_below (self, 8);
    for (size_t i = 0; i < length; i++)
        if (s_once_in (self, 5))
            covey_buf_puts (to, escapes[s_below (self, 6)]);
        else
            covey_buf_putc (to, (char)('a' + s_below (self, 26)));
    covey_buf_putc (to, '"');
}

static void
s_json_scalar (s_random_t *self, covey_buf_t *to)
{
    static const char *const words[] = {"null",
                                        "true",
                                        "false",
                                        "0",
                                        "-0",
                                        "1.0",
                                        "1e3",
                                        "-7",
                                        "0.1",
                                        "1E-9",
                                        "[]",
                                        "{}",
                                        "123456789012345678901234567890",
                                        "18446744073709551615"};
    if (s_once_in (self, 3))
        s_json_string (self, to);
    else
        covey_buf_puts (to,
                        words[s_below (self, sizeof words / sizeof *words)]);
}

/*  A value nested at most `depth` deep.                                     */
static void
s_json_value (s_random_t *self, unsigned depth, covey_buf_t *to)
{
    if (!depth || s_once_in (self, 3)) {
        s_json_scalar (self, to);
        return;
    }
    bool is_object = s_once_in (self, 2);
    size_t count = s_below (self, 4);
    covey_buf_putc (to, is_object ? '{' : '[');
    for (size_t i = 0; i < count; i++) {
        if (i)
            covey_buf_putc (to, ',');
        if (is_object) {
            if (s_once_in (self, 6))
                covey_buf_puts (to, "\"contentType\"");
            else
                s_json_string (self, to);
            covey_buf_putc (to, ':');
        }
        s_json_value (self, depth - 1, to);
    }
    covey_buf_putc (to, is_object ? '}' : ']');
}

static bool
s_fill_payload (s_random_t *self, ProtobufCMessage *message)
{
    Covey__V1__Payload *payload = (Covey__V1__Payload *)message;
    covey_buf_t data;
    covey_buf_init (&data, COVEY_PAYLOAD_MAX);
    int content = (int)s_below (self, 4);
    size_t length;
    switch ((covey_content_t)content) {
        case COVEY_CONTENT_JSON:
            s_json_value (self, 1 + self->effort / 20, &data);
            break;
        case COVEY_CONTENT_TEXT:
        case COVEY_CONTENT_COMMAND:
            s_text (self, COVEY_TEXT_MAX, &data);
            break;
        case COVEY_CONTENT_BINARY:
            length = s_length (self, COVEY_TEXT_MAX);
            for (size_t i = 0; i < length; i++)
                covey_buf_putc (&data, (char)covey_prng_next (self->prng));
            break;
    }
    payload->has_content_type = true;
    payload->content_type = (Covey__V1__ContentType)content;
    payload->has_data = true;
    bool good =
        !data.failed &&
        covey_pb_set_bytes (&payload->data, data.data ? (void *)data.data : "",
                            data.size);
    covey_buf_deinit (&data);
    return good;
}

/* ------------------------------------------------------------------------ */
/*  Messages                                                                  */

static bool
s_fill_bytes (s_random_t *self, const ProtobufCFieldDescriptor *field,
              void *member)
{
    uint8_t data[COVEY_NAME_MAX];
    bool is_id = s_bound (field) == COVEY_BOUND_ID;
    size_t size = is_id ? 16 : s_length (self, sizeof data);
    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)covey_prng_next (self->prng);
    return covey_pb_set_bytes (member, data, size);
}

static bool
s_fill_value (s_random_t *self, const ProtobufCFieldDescriptor *field,
              void *member)
{
    const ProtobufCEnumDescriptor *values = field->descriptor;
    ProtobufCMessage *message;
    switch (covey_json_kind (field)) {
        case COVEY_JSON_SCALAR:
        case COVEY_JSON_INSTANT:
            if (field->type == PROTOBUF_C_TYPE_STRING)
                return s_fill_string (self, field, member);
            if (field->type == PROTOBUF_C_TYPE_BOOL)
                *(protobuf_c_boolean *)member = s_once_in (self, 2);
            else
                s_fill_number (self, field, member);
            return true;
        case COVEY_JSON_ENUM:
            *(int *)member =
                values->values[s_below (self, values->n_values)].value;
            return true;
        case COVEY_JSON_ID:
        case COVEY_JSON_BASE64:
            return s_fill_bytes (self, field, member);
        case COVEY_JSON_PAYLOAD:
        case COVEY_JSON_MAP:
        case COVEY_JSON_MESSAGE:
            break;
    }
    message = covey_pb_new (field->descriptor);
    *(ProtobufCMessage **)member = message;
    if (message && covey_json_kind (field) == COVEY_JSON_PAYLOAD)
        return s_fill_payload (self, message);
    return message && s_fill_message (self, message);
}

/*  Map keys are unique: their index in front makes them so.                 */
static bool
s_fill_key (ProtobufCMessage *entry, size_t index)
{
    assert (entry);
    const ProtobufCFieldDescriptor *field = &entry->descriptor->fields[0];
    covey_buf_t key;
    covey_buf_init (&key, 64);
    covey_buf_printf (&key, "key \"%zu\"", index);
    bool good =
        !key.failed && covey_pb_set_string (covey_pb_begin (entry, field),
                                            (char *)key.data, key.size);
    covey_buf_deinit (&key);
    return good;
}

static bool
s_fill_field (s_random_t *self, ProtobufCMessage *message,
              const ProtobufCFieldDescriptor *field)
{
    if (field->label != PROTOBUF_C_LABEL_REPEATED)
        return s_fill_value (self, field, covey_pb_begin (message, field));
    bool good = true;
    size_t count = s_length (self, COVEY_LIST_MAX);
    unsigned effort = self->effort;
    /* The elements of a long list are short. */
    if (count > 32)
        self->effort = 1;
    for (size_t i = 0; good && i < count; i++) {
        void *element = covey_pb_append (message, field);
        good = element && s_fill_value (self, field, element);
        if (good && covey_json_kind (field) == COVEY_JSON_MAP)
            good = s_fill_key (*(ProtobufCMessage **)element, i);
    }
    self->effort = effort;
    return good;
}

static bool
s_fill_message (s_random_t *self, ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;
    bool good = true;
    for (unsigned i = 0; good && i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        if (covey_json_is_required (descriptor, field) || s_once_in (self, 2))
            good = s_fill_field (self, message, field);
    }
    /* Mostly the message names the type that its content has. */
    const ProtobufCFieldDescriptor *sibling = covey_json_sibling (descriptor);
    for (unsigned i = 0; good && sibling && i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        if (covey_json_kind (field) != COVEY_JSON_PAYLOAD ||
            !covey_pb_has (message, field) || s_once_in (self, 4))
            continue;
        const Covey__V1__Payload *payload =
            *(Covey__V1__Payload **)covey_pb_member (message, field);
        *(int *)covey_pb_begin (message, sibling) = (int)payload->content_type;
    }
    return good;
}

/*  The envelope; what the journal adds is not in it.                        */
static bool
s_fill_envelope (s_random_t *self, ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;
    bool good = true;
    for (unsigned i = 0; good && i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        bool is_type = field->id >= COVEY_EVENT_TYPE_FIRST &&
                       field->id <= COVEY_EVENT_TYPE_LAST;
        bool required = strcmp (field->name, "id") == 0 ||
                        strcmp (field->name, "source") == 0 ||
                        strcmp (field->name, "timestamp") == 0;
        if (!is_type && (required || s_once_in (self, 3)))
            good = s_fill_field (self, message, field);
    }
    Covey__V1__Event *event = (Covey__V1__Event *)message;
    if (event->priority == COVEY__V1__PRIORITY__NORMAL)
        event->has_priority = false; /* the default goes without saying */
    return good;
}

covey_event_t *
covey_event_random (int type, covey_prng_t *prng, int effort)
{
    assert (effort >= 1 && effort <= 100);
    s_random_t self = {prng, (unsigned)effort};
    const covey_id_t no_id = {{0}};
    covey_event_t *event = covey_event_make (type, no_id, 0);
    if (event && covey_event_own (event) != COVEY_OK)
        covey_event_destroy (&event);
    if (event && (!s_fill_envelope (&self, &event->message->base) ||
                  !s_fill_message (&self, covey_event_data (event))))
        covey_event_destroy (&event);
    return event;
}
