/*  Bytes as what other members say to one member of the replicated log: each
    record is a length, a kind, a sender, a term and the fields of the kind,
    behind a header that fits. Nothing may crash; a member that stops because a
    leader contradicts what is committed is fine.                             */
#include <stdlib.h>
#include <string.h>

#include "coordinator/replog.h"
#include "coordinator/replog_store.h"
#include "coordinator/replog_wire.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

#define RECORD_HEAD 5

static void
s_send (void *arg, const covey_id_t *node_id, const void *data, size_t size)
{
    covey_replog_message_t message;
    (void)arg;
    (void)node_id;
    if (covey_replog_wire_read (data, size, &message))
        abort (); /* what leaves can be read */
}

static void
s_apply (void *arg, uint64_t index, const void *data, size_t size,
         uint64_t ticket)
{
    uint64_t *last = arg;
    (void)data;
    (void)size;
    (void)ticket;
    if (index <= *last)
        abort (); /* once, and in order */
    *last = index;
}

static void
s_done (void *arg, uint64_t ticket, covey_err_t code, const char *text)
{
    (void)arg;
    (void)ticket;
    (void)code;
    (void)text;
}

static void
s_save (void *arg, covey_buf_t *to)
{
    covey_buf_append (to, arg, sizeof (uint64_t));
}

static covey_err_t
s_load (void *arg, uint64_t index, const void *data, size_t size,
        covey_errbuf_t *err)
{
    (void)data;
    (void)size;
    (void)err;
    *(uint64_t *)arg = index;
    return COVEY_OK;
}

static void
s_leads (void *arg, bool leads)
{
    (void)arg;
    (void)leads;
}

/*  A record as a message for this member.                                   */
static void
s_feed (covey_replog_t *log, int64_t now_ms, const uint8_t *record, size_t size)
{
    covey_replog_message_t header = {.kind = COVEY_REPLOG_ASK,
                                     .from = 1000u + record[3] % 3,
                                     .to = covey_replog_member_id (log),
                                     .term = record[4]};
    covey_buf_t bytes;
    memset (header.cluster.bytes, 'L', 16);
    header.from_node.bytes[0] = (uint8_t)('a' + record[3] % 3);
    covey_buf_init (&bytes, 1 << 21);
    covey_replog_wire_write (&header, &bytes);
    bytes.size = COVEY_REPLOG_WIRE_HEADER;
    bytes.data[1] = record[2];
    covey_buf_append (&bytes, record + RECORD_HEAD, size - RECORD_HEAD);
    covey_replog_receive (log, now_ms, bytes.data, bytes.size);
    covey_buf_deinit (&bytes);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    uint64_t last = 0;
    covey_replog_callbacks_t callbacks = {.arg = &last,
                                          .send = s_send,
                                          .apply = s_apply,
                                          .done = s_done,
                                          .save = s_save,
                                          .load = s_load,
                                          .leads = s_leads};
    covey_replog_config_t config = {.seed = 7,
                                    .election_ms = 100,
                                    .heartbeat_ms = 20,
                                    .snapshot_entries = 4,
                                    .trailing_entries = 2};
    covey_replog_store_t *store = NULL;
    covey_replog_t *log = NULL;
    covey_errbuf_t err;
    int64_t now_ms = 0;
    config.node_id.bytes[0] = 'z';
    if (covey_replog_store_sqlite (NULL, &store, &err) ||
        covey_replog_open (&config, &callbacks, store, now_ms, &log, &err))
        abort ();
    while (size >= RECORD_HEAD) {
        size_t length = RECORD_HEAD + (size_t)(data[0] | data[1] << 8);
        if (length > size)
            length = size;
        s_feed (log, now_ms, data, length);
        now_ms += 30;
        if (covey_replog_pump (log, now_ms, &err))
            break;
        data += length;
        size -= length;
    }
    covey_replog_close (&log);
    store->klass->close (&store);
    return 0;
}
