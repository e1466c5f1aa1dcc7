/*  replog_wire - see the header                                              */
#include "coordinator/replog_wire.h"

#include <string.h>

#include "coordinator/replog.h"

/* ---- writing ----------------------------------------------------------------
 */

static void
s_put8 (covey_buf_t *to, uint8_t value)
{
    covey_buf_append (to, &value, 1);
}

static void
s_put (covey_buf_t *to, uint64_t value, unsigned bytes)
{
    uint8_t raw[8];
    for (unsigned i = 0; i < bytes; i++)
        raw[i] = (uint8_t)(value >> (8 * i));
    covey_buf_append (to, raw, bytes);
}

static void
s_put_piece (const covey_replog_message_t *message, covey_buf_t *to)
{
    s_put (to, message->index, 8);
    s_put (to, message->index_term, 8);
    s_put (to, message->total, 8);
    s_put (to, message->offset, 8);
    s_put (to, message->members_index, 8);
    s_put (to, message->members_size, 4);
    covey_buf_append (to, message->members, message->members_size);
    s_put (to, message->data_size, 4);
    covey_buf_append (to, message->data, message->data_size);
}

void
covey_replog_wire_write (const covey_replog_message_t *message, covey_buf_t *to)
{
    s_put8 (to, COVEY_REPLOG_WIRE_VERSION);
    s_put8 (to, (uint8_t)message->kind);
    covey_buf_append (to, message->cluster.bytes, 16);
    s_put (to, message->from, 8);
    s_put (to, message->to, 8);
    covey_buf_append (to, message->from_node.bytes, 16);
    s_put (to, message->term, 8);
    switch (message->kind) {
        case COVEY_REPLOG_APPEND:
            s_put (to, message->index, 8);
            s_put (to, message->index_term, 8);
            s_put (to, message->commit, 8);
            s_put (to, message->entry_count, 4);
            break;
        case COVEY_REPLOG_APPENDED:
            s_put (to, message->rejected, 8);
            s_put (to, message->index, 8);
            break;
        case COVEY_REPLOG_VOTE:
            s_put8 (to, message->pre);
            s_put (to, message->index, 8);
            s_put (to, message->index_term, 8);
            break;
        case COVEY_REPLOG_VOTED:
            s_put8 (to, message->pre);
            s_put8 (to, message->yes);
            break;
        case COVEY_REPLOG_PIECE:
            s_put_piece (message, to);
            break;
        case COVEY_REPLOG_PIECED:
            s_put (to, message->index, 8);
            s_put (to, message->offset, 8);
            s_put8 (to, message->yes);
            break;
        case COVEY_REPLOG_ASK:
        case COVEY_REPLOG_ASKED:
            s_put (to, message->round, 8);
            break;
    }
}

void
covey_replog_wire_entry (covey_buf_t *to,
                         const covey_replog_wire_entry_t *entry)
{
    s_put (to, entry->term, 8);
    s_put8 (to, entry->kind);
    s_put (to, entry->size, 4);
    covey_buf_append (to, entry->data, entry->size);
}

/* ---- reading ----------------------------------------------------------------
 */

typedef struct {
    const uint8_t *at;
    size_t left;
    bool bad;
} s_reader_t;

static const uint8_t *
s_take (s_reader_t *from, size_t size)
{
    if (from->bad || size > from->left) {
        from->bad = true;
        return NULL;
    }
    const uint8_t *at = from->at;
    from->at += size;
    from->left -= size;
    return at;
}

static uint64_t
s_get (s_reader_t *from, unsigned bytes)
{
    const uint8_t *at = s_take (from, bytes);
    uint64_t value = 0;
    for (unsigned i = 0; at && i < bytes; i++)
        value |= (uint64_t)at[i] << (8 * i);
    return value;
}

static bool
s_get_bool (s_reader_t *from)
{
    uint64_t value = s_get (from, 1);
    if (value > 1)
        from->bad = true;
    return value == 1;
}

static void
s_get_id (s_reader_t *from, covey_id_t *id)
{
    const uint8_t *at = s_take (from, sizeof id->bytes);
    if (at)
        memcpy (id->bytes, at, sizeof id->bytes);
}

/*  Terms grow along a log and are at most the sender's; there is no other kind
    of entry than three.                                                      */
static void
s_get_entries (s_reader_t *from, covey_replog_message_t *message)
{
    message->index = s_get (from, 8);
    message->index_term = s_get (from, 8);
    message->commit = s_get (from, 8);
    message->entry_count = (uint32_t)s_get (from, 4);
    message->data = from->at;
    message->data_size = from->left;
    uint64_t term = message->index_term;
    if ((message->index == 0) != (message->index_term == 0) ||
        message->index > (uint64_t)INT64_MAX - message->entry_count ||
        message->entry_count > from->left / COVEY_REPLOG_WIRE_ENTRY)
        from->bad = true;
    for (uint32_t i = 0; i < message->entry_count && !from->bad; i++) {
        uint64_t entry_term = s_get (from, 8);
        uint64_t kind = s_get (from, 1);
        uint64_t size = s_get (from, 4);
        if (entry_term == 0 || entry_term < term ||
            entry_term > message->term || kind < 1 || kind > 3 || size == 0 ||
            size > COVEY_REPLOG_ENTRY_MAX)
            from->bad = true;
        s_take (from, (size_t)size);
        term = entry_term;
    }
}

static void
s_get_piece (s_reader_t *from, covey_replog_message_t *message)
{
    message->index = s_get (from, 8);
    message->index_term = s_get (from, 8);
    message->total = s_get (from, 8);
    message->offset = s_get (from, 8);
    message->members_index = s_get (from, 8);
    message->members_size = (size_t)s_get (from, 4);
    if (message->members_size > COVEY_REPLOG_WIRE_MEMBERS_MAX)
        from->bad = true;
    message->members = s_take (from, message->members_size);
    message->data_size = (size_t)s_get (from, 4);
    message->data = s_take (from, message->data_size);
    if (message->index == 0 || message->index > INT64_MAX ||
        message->index_term == 0 || message->index_term > message->term ||
        message->members_index == 0 ||
        message->members_index > message->index ||
        message->offset > message->total ||
        message->data_size > message->total - message->offset ||
        (message->data_size == 0 && message->total > 0))
        from->bad = true;
}

static void
s_get_fields (s_reader_t *from, covey_replog_message_t *message)
{
    switch (message->kind) {
        case COVEY_REPLOG_APPEND:
            s_get_entries (from, message);
            break;
        case COVEY_REPLOG_APPENDED:
            message->rejected = s_get (from, 8);
            message->index = s_get (from, 8);
            break;
        case COVEY_REPLOG_VOTE:
            message->pre = s_get_bool (from);
            message->index = s_get (from, 8);
            message->index_term = s_get (from, 8);
            break;
        case COVEY_REPLOG_VOTED:
            message->pre = s_get_bool (from);
            message->yes = s_get_bool (from);
            break;
        case COVEY_REPLOG_PIECE:
            s_get_piece (from, message);
            break;
        case COVEY_REPLOG_PIECED:
            message->index = s_get (from, 8);
            message->offset = s_get (from, 8);
            message->yes = s_get_bool (from);
            break;
        case COVEY_REPLOG_ASK:
        case COVEY_REPLOG_ASKED:
            message->round = s_get (from, 8);
            break;
        default:
            from->bad = true;
    }
}

covey_err_t
covey_replog_wire_read (const void *data, size_t size,
                        covey_replog_message_t *message)
{
    memset (message, 0, sizeof *message);
    s_reader_t from = {.at = data, .left = size};
    if (size > COVEY_REPLOG_MESSAGE_MAX ||
        s_get (&from, 1) != COVEY_REPLOG_WIRE_VERSION)
        return COVEY_MALFORMED;
    message->kind = (covey_replog_kind_t)s_get (&from, 1);
    s_get_id (&from, &message->cluster);
    message->from = s_get (&from, 8);
    message->to = s_get (&from, 8);
    s_get_id (&from, &message->from_node);
    message->term = s_get (&from, 8);
    s_get_fields (&from, message);
    /* A term that could overflow would end all elections. */
    if (message->from == 0 || message->term > INT64_MAX || from.left > 0)
        from.bad = true;
    return from.bad ? COVEY_MALFORMED : COVEY_OK;
}

covey_replog_wire_entry_t
covey_replog_wire_next (const covey_replog_message_t *message, size_t *at_p)
{
    s_reader_t from = {.at = message->data + *at_p,
                       .left = message->data_size - *at_p};
    covey_replog_wire_entry_t entry;
    entry.term = s_get (&from, 8);
    entry.kind = (uint8_t)s_get (&from, 1);
    entry.size = (size_t)s_get (&from, 4);
    entry.data = s_take (&from, entry.size);
    *at_p = message->data_size - from.left;
    return entry;
}
