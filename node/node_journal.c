/*  Accepted events on their way to the persister, and the answers back.     */
#include "node/hub.h"

#include <string.h>

#include "base/id.h"
#include "proto/event.h"

void
covey_hub_stored (void *arg, const covey_outbox_wish_t *wish, int64_t offset)
{
    covey_hub_t *self = arg;
    covey_host_t *host =
        covey_session_table_by_number (self->table, wish->session);
    if (host)
        covey_host_stored (host, wish->publish_seq, COVEY_LEVEL_STORED, offset);
}

/*  What was asked of a coordinator that led would be answered when its node has
    failed, seconds later; the one here refuses in time, or passes it on.     */
const covey_directory_entry_t *
covey_hub_find_target (const covey_hub_t *self, const char *id, size_t size)
{
    const covey_directory_entry_t *here = NULL;
    if (self->coordinator_stands_in &&
        size == strlen (COVEY_SERVICE_COORDINATOR) &&
        memcmp (id, COVEY_SERVICE_COORDINATOR, size) == 0)
        here = covey_directory_service_on (self->directory,
                                           COVEY_SERVICE_COORDINATOR,
                                           self->config.node_id.bytes);
    return here ? here : covey_directory_find (self->directory, id, size);
}

/*  The service in charge: the instance with the highest rank.               */
static bool
s_in_charge (const covey_hub_t *self, const char *name, uint8_t node_id[16],
             bool *changed_p)
{
    uint8_t before[16];
    memcpy (before, node_id, 16);
    const covey_directory_entry_t *entry =
        covey_directory_find (self->directory, name, strlen (name));
    if (entry)
        memcpy (node_id, entry->node_id, 16);
    *changed_p = entry && memcmp (before, node_id, 16) != 0;
    return entry != NULL;
}

void
covey_hub_find_services (covey_hub_t *self)
{
    bool moved, had = self->has_persister;
    self->has_persister = s_in_charge (self, COVEY_SERVICE_PERSISTER,
                                       self->persister_node, &moved);
    if (self->has_persister && (moved || !had))
        covey_outbox_rewind (self->outbox, 0);
    had = self->has_coordinator;
    self->has_coordinator = s_in_charge (self, COVEY_SERVICE_COORDINATOR,
                                         self->coordinator_node, &moved);
    if (self->has_coordinator && (moved || !had))
        self->list_ms = self->now_ms;
    if (!self->has_coordinator)
        self->list_ms = INT64_MAX;
}

/* ------------------------------------------------------------------------ */
/*  Out                                                                      */

static void
s_begin (covey_hub_t *self, uint64_t first_seq, Covey__Wire__Journal *journal)
{
    covey__wire__journal__init (journal);
    journal->origin.data = self->incarnation;
    journal->origin.len = 16;
    journal->first_seq = first_seq;
    covey_buf_clear (&self->frame);
}

static covey_err_t
s_send_local (covey_hub_t *self, covey_host_t *host, uint64_t first_seq,
              covey_parcel_t *const *parcels, size_t count)
{
    if (!covey_host_is_attached (host))
        return COVEY_UNREACHABLE;
    Covey__Wire__Journal journal;
    s_begin (self, first_seq, &journal);
    covey_err_t code =
        covey_frame_begin (&self->frame, COVEY_FRAME_JOURNAL, &journal.base);
    for (size_t i = 0; i < count && !code; i++)
        code =
            covey_frame_add (&self->frame, parcels[i]->bytes, parcels[i]->size);
    size_t key_size;
    const uint8_t *key = covey_host_route (host, &key_size);
    if (!code)
        code = covey_hub_send_to (self, self->local, key + 1, key_size - 1,
                                  self->frame.data, self->frame.size);
    return code;
}

/*  As one item on the link: header size u32 LE, header, items.              */
static covey_err_t
s_send_remote (covey_hub_t *self, covey_hub_peer_t *peer, uint64_t first_seq,
               covey_parcel_t *const *parcels, size_t count)
{
    Covey__Wire__Journal journal;
    s_begin (self, first_seq, &journal);
    size_t header = protobuf_c_message_get_packed_size (&journal.base);
    uint8_t *room = covey_buf_extend (&self->frame, 4 + header);
    if (!room)
        return COVEY_LIMIT;
    for (unsigned i = 0; i < 4; i++)
        room[i] = (uint8_t)(header >> (8 * i));
    protobuf_c_message_pack (&journal.base, room + 4);
    covey_err_t code = COVEY_OK;
    for (size_t i = 0; i < count && !code; i++)
        code =
            covey_frame_add (&self->frame, parcels[i]->bytes, parcels[i]->size);
    if (code)
        return code;
    covey_parcel_t *item =
        covey_parcel_new_raw (self->frame.data, self->frame.size);
    code = covey_link_push (peer->link, COVEY_LANE_NORMAL, COVEY_ITEM_JOURNAL,
                            item);
    covey_parcel_drop (&item);
    return code;
}

static covey_err_t
s_send (covey_hub_t *self, uint64_t first_seq, covey_parcel_t *const *parcels,
        size_t count)
{
    if (covey_id_equal (self->persister_node, self->config.node_id.bytes)) {
        covey_host_t *host = covey_hub_service (self, COVEY_SERVICE_PERSISTER);
        return host ? s_send_local (self, host, first_seq, parcels, count)
                    : COVEY_UNREACHABLE;
    }
    covey_hub_peer_t *peer = covey_hub_find_peer (self, self->persister_node);
    return peer && peer->link && covey_link_is_open (peer->link)
               ? s_send_remote (self, peer, first_seq, parcels, count)
               : COVEY_UNREACHABLE;
}

void
covey_hub_flush_outbox (covey_hub_t *self)
{
    if (!self->has_persister)
        return;
    covey_outbox_tick (self->outbox, self->now_ms);
    covey_parcel_t *parcels[COVEY_OUTBOX_BATCH_EVENTS];
    uint64_t first_seq;
    size_t count;
    while ((count = covey_outbox_peek (self->outbox, self->now_ms, parcels,
                                       &first_seq))) {
        covey_err_t code = s_send (self, first_seq, parcels, count);
        if (code) {
            self->blocked = self->blocked || code == COVEY_EAGAIN;
            return;
        }
        covey_outbox_sent (self->outbox, count, self->now_ms);
    }
}

/* ------------------------------------------------------------------------ */
/*  In                                                                       */

/*  Another node's journal, for the persister here.                          */
void
covey_hub_on_journal_item (covey_hub_t *self, covey_hub_peer_t *peer,
                           const uint8_t *body, size_t size)
{
    size_t header = 0;
    for (unsigned i = 0; i < 4 && size >= 4; i++)
        header |= (size_t)body[i] << (8 * i);
    if (size < 4 || header > size - 4) {
        covey_hub_drop (self, COVEY_DROP_MALFORMED_FRAME);
        return;
    }
    Covey__Wire__Journal *journal = (Covey__Wire__Journal *)covey_wire_unpack (
        &covey__wire__journal__descriptor, body + 4, header);
    if (!journal || journal->origin.len != 16) {
        covey_hub_drop (self, COVEY_DROP_MALFORMED_FRAME);
        if (journal)
            protobuf_c_message_free_unpacked (&journal->base, NULL);
        return;
    }
    peer->has_origin = true;
    memcpy (peer->origin, journal->origin.data, 16);
    covey_buf_clear (&self->frame);
    covey_err_t code =
        covey_frame_begin (&self->frame, COVEY_FRAME_JOURNAL, &journal->base);
    if (!code)
        code = covey_buf_append (&self->frame, body + 4 + header,
                                 size - 4 - header);
    covey_host_t *host = covey_hub_service (self, COVEY_SERVICE_PERSISTER);
    if (!host || !covey_host_is_attached (host))
        code = COVEY_UNREACHABLE;
    if (!code) {
        size_t key_size;
        const uint8_t *key = covey_host_route (host, &key_size);
        code = covey_hub_send_to (self, self->local, key + 1, key_size - 1,
                                  self->frame.data, self->frame.size);
    }
    /* The origin has it until the ack, and hands it over again. */
    if (code)
        covey_hub_drop (self, COVEY_DROP_JOURNAL_ITEM);
    protobuf_c_message_free_unpacked (&journal->base, NULL);
}

static void
s_take_ack (covey_hub_t *self, const Covey__Wire__JournalAck *ack)
{
    if (covey_outbox_ack (self->outbox, ack->seq, ack->offsets, ack->n_offsets,
                          self->now_ms) != COVEY_OK) {
        covey_hub_drop (self, COVEY_DROP_MALFORMED_FRAME);
        return;
    }
    if (ack->has_code && ack->code != COVEY_OK) {
        covey_log_quoted_t quoted;
        covey_log_write (self->config.log, COVEY_LOG_WARN, "node",
                         "journal_refused", "code=%s reason=%s",
                         covey_err_name (ack->code),
                         covey_log_quote (&quoted, ack->text ? ack->text : ""));
        covey_outbox_refused (self->outbox, self->now_ms);
    } else if (ack->has_expect)
        covey_outbox_rewind (self->outbox, ack->expect);
}

static covey_hub_peer_t *
s_find_origin (const covey_hub_t *self, const uint8_t origin[16])
{
    for (size_t i = 0; i < covey_membership_count (self->membership); i++) {
        covey_hub_peer_t *peer =
            covey_membership_at (self->membership, i)->shell;
        if (peer && peer->has_origin && covey_id_equal (peer->origin, origin))
            return peer;
    }
    return NULL;
}

/*  From the persister here, or from the link to its node.                   */
void
covey_hub_on_journal_ack (covey_hub_t *self, const uint8_t from[16],
                          const uint8_t *data, size_t size)
{
    Covey__Wire__JournalAck *ack =
        (Covey__Wire__JournalAck *)covey_wire_unpack (
            &covey__wire__journal_ack__descriptor, data, size);
    if (!ack || ack->origin.len != 16)
        covey_hub_drop (self, COVEY_DROP_MALFORMED_FRAME);
    else if (covey_id_equal (ack->origin.data, self->incarnation)) {
        /* One of a persister that is not in charge any more counts for nothing:
           its successor was handed all that was not acknowledged. */
        if (self->has_persister && covey_id_equal (self->persister_node, from))
            s_take_ack (self, ack);
        else
            covey_hub_drop (self, COVEY_DROP_JOURNAL_ITEM);
    } else {
        covey_hub_peer_t *peer = s_find_origin (self, ack->origin.data);
        if (!peer || !peer->link ||
            covey_hub_push_raw (peer, COVEY_ITEM_JOURNAL_ACK, &ack->base) !=
                COVEY_OK)
            covey_hub_drop (self, COVEY_DROP_JOURNAL_ITEM);
    }
    if (ack)
        protobuf_c_message_free_unpacked (&ack->base, NULL);
}
