#include "node/swim_message.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/mem.h"
#include "proto/frame.h"
#include "proto/swim.pb-c.h"

/*  Tags, two ids, two numbers at their longest, the state.                  */
#define UPDATE_FIXED 68

size_t
covey_swim_update_size (const covey_swim_update_t *update)
{
    size_t size = UPDATE_FIXED + update->meta_size;
    return update->address ? size + strlen (update->address) : size;
}

/*  protobuf-c takes non-const pointers for what it only reads.              */
static ProtobufCBinaryData
s_bytes (const void *data, size_t size)
{
    ProtobufCBinaryData bytes = {size, NULL};
    memcpy (&bytes.data, &data, sizeof data);
    return bytes;
}

static char *
s_text (const char *text)
{
    char *plain;
    memcpy (&plain, &text, sizeof text);
    return plain;
}

static void
s_pack_update (const covey_swim_update_t *from, Covey__Swim__Update *to)
{
    covey__swim__update__init (to);
    to->node_id = s_bytes (from->id, 16);
    to->epoch = from->epoch;
    to->incarnation = from->incarnation;
    to->state = (Covey__Swim__State)from->state;
    to->has_accuser = !covey_id_is_zero (from->accuser);
    to->accuser = s_bytes (from->accuser, 16);
    to->has_health = from->health > 0;
    to->health = from->health;
    to->address = s_text (from->address);
    to->has_meta = from->meta_size > 0;
    to->meta = s_bytes (from->meta, from->meta_size);
}

covey_err_t
covey_swim_message_write (const covey_swim_message_t *message, covey_buf_t *to)
{
    assert (message->update_count <= COVEY_SWIM_UPDATES_MAX);
    Covey__Swim__Update updates[COVEY_SWIM_UPDATES_MAX];
    Covey__Swim__Update *pointers[COVEY_SWIM_UPDATES_MAX];
    for (size_t i = 0; i < message->update_count; i++) {
        s_pack_update (&message->updates[i], &updates[i]);
        pointers[i] = &updates[i];
    }
    Covey__Swim__Message packed = COVEY__SWIM__MESSAGE__INIT;
    packed.kind = (Covey__Swim__Kind)message->kind;
    packed.mesh = message->mesh;
    packed.from = s_bytes (message->from, 16);
    packed.address = s_text (message->address);
    packed.has_seq = message->seq > 0;
    packed.seq = message->seq;
    packed.has_target = !covey_id_is_zero (message->target);
    packed.target = s_bytes (message->target, 16);
    packed.has_digest = message->digest > 0;
    packed.digest = message->digest;
    packed.has_want = message->want;
    packed.want = message->want;
    packed.has_nack = message->nack;
    packed.nack = message->nack;
    packed.text = s_text (message->text);
    packed.n_updates = message->update_count;
    packed.updates = pointers;
    uint8_t *bytes =
        covey_buf_extend (to, covey__swim__message__get_packed_size (&packed));
    if (!bytes)
        return COVEY_LIMIT;
    covey__swim__message__pack (&packed, bytes);
    return COVEY_OK;
}

static bool
s_read_id (uint8_t id[16], const ProtobufCBinaryData *bytes)
{
    if (bytes->len != 16)
        return false;
    memcpy (id, bytes->data, 16);
    return true;
}

static bool
s_read_update (covey_swim_update_t *to, const Covey__Swim__Update *from)
{
    if (!s_read_id (to->id, &from->node_id) || covey_id_is_zero (to->id) ||
        (from->has_accuser && !s_read_id (to->accuser, &from->accuser)))
        return false;
    if (from->epoch == 0 || (int)from->state < COVEY_SWIM_ALIVE ||
        (int)from->state > COVEY_SWIM_LEFT ||
        from->meta.len > COVEY_SWIM_META_MAX)
        return false;
    if (from->address &&
        (!*from->address || strlen (from->address) > COVEY_SWIM_ADDRESS_MAX))
        return false;
    to->epoch = from->epoch;
    to->incarnation = from->incarnation;
    to->health = from->health > UINT8_MAX ? UINT8_MAX : (uint8_t)from->health;
    to->state = (covey_swim_state_t)from->state;
    to->address = from->address;
    to->meta = from->meta.data;
    to->meta_size = from->meta.len;
    return true;
}

/*  The unpacked form and the list of updates that points into it.           */
typedef struct {
    Covey__Swim__Message *packed;
    covey_swim_update_t updates[];
} message_owner_t;

static void
s_free_owner (message_owner_t *owner)
{
    protobuf_c_message_free_unpacked (&owner->packed->base, NULL);
    free (owner);
}

static bool
s_read_head (covey_swim_message_t *to, const Covey__Swim__Message *from)
{
    if ((int)from->kind < COVEY_SWIM_PING ||
        (int)from->kind > COVEY_SWIM_REFUSE ||
        !s_read_id (to->from, &from->from) || covey_id_is_zero (to->from) ||
        (from->has_target && !s_read_id (to->target, &from->target)))
        return false;
    if (!*from->address || strlen (from->address) > COVEY_SWIM_ADDRESS_MAX ||
        (from->text && strlen (from->text) > COVEY_SWIM_TEXT_MAX))
        return false;
    to->kind = (covey_swim_kind_t)from->kind;
    to->seq = from->seq;
    to->mesh = from->mesh;
    to->digest = from->digest;
    to->want = from->want;
    to->nack = from->nack;
    to->address = from->address;
    to->text = from->text;
    return true;
}

covey_err_t
covey_swim_message_read (covey_swim_message_t *message, const void *data,
                         size_t size)
{
    memset (message, 0, sizeof *message);
    Covey__Swim__Message *packed = (Covey__Swim__Message *)covey_wire_unpack (
        &covey__swim__message__descriptor, data, size);
    if (!packed)
        return COVEY_MALFORMED;
    size_t count = packed->n_updates;
    bool fine = count <= COVEY_SWIM_UPDATES_MAX;
    message_owner_t *owner = covey_mem_new (
        sizeof *owner + (fine ? count : 0) * sizeof owner->updates[0]);
    owner->packed = packed;
    fine = fine && s_read_head (message, packed);
    for (size_t i = 0; i < count && fine; i++)
        fine = s_read_update (&owner->updates[i], packed->updates[i]);
    if (!fine) {
        s_free_owner (owner);
        memset (message, 0, sizeof *message);
        return COVEY_MALFORMED;
    }
    message->updates = owner->updates;
    message->update_count = count;
    message->owner = owner;
    return COVEY_OK;
}

void
covey_swim_message_deinit (covey_swim_message_t *message)
{
    if (message->owner)
        s_free_owner (message->owner);
    memset (message, 0, sizeof *message);
}
