/*  replog_io - libraft's raft_io, over the store and our messages

    Event     what libraft writes waits; covey_replog_settle stages and commits
              it and only then fires the completions, in order, and only when
              all is quiet the messages leave (guard G1). The exception: what a
              leader appends goes to the others before it is on its own disk, it
              does not count itself before
    Applied   last, while others are at work: behind the messages of the event,
              and a leader's next batch; but before its disk is waited for, so
              that answers travel meanwhile
    Errors    a store that fails stops the member for good; send never fails
              (guard G12)                                                     */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/replog_impl.h"

/*  libraft compares times with 0 for "never".                               */
#define TIME_ZERO ((int64_t)1 << 40)
#define NO_LIMIT 0xffffffffu

/* ---- small things -----------------------------------------------------------
 */

static covey_replog_t *
s_self (const struct raft_io *io)
{
    return io->impl;
}

void
covey_replog_break (covey_replog_t *self, covey_err_t code, const char *text)
{
    if (self->broken)
        return;
    self->broken = code;
    covey_fail (&self->broken_err, code, "%s", text);
}

/*  What the store said; libraft hears only that it failed.                  */
static int
s_stored (covey_replog_t *self, covey_err_t code, const covey_errbuf_t *err)
{
    if (!code) {
        self->staged = true;
        return 0;
    }
    covey_replog_break (self, code, err->text);
    return RAFT_IOERR;
}

static void
s_wait (covey_replog_t *self, covey_replog_wait_kind_t kind, void *request)
{
    self->waits = covey_mem_room (self->waits, self->wait_count,
                                  &self->wait_capacity, sizeof *self->waits);
    self->waits[self->wait_count++] =
        (covey_replog_wait_t){.kind = kind, .request = request};
}

covey_err_t
covey_replog_stage_meta (covey_replog_t *self)
{
    covey_errbuf_t err = {""};
    covey_err_t code =
        self->store->klass->set_meta (self->store, &self->meta, &err);
    s_stored (self, code, &err);
    self->meta_staged = true;
    return code;
}

uint64_t
covey_replog_last_index (const covey_replog_t *self)
{
    return raft_last_index ((struct raft *)&self->raft);
}

uint64_t
covey_replog_term_of (const covey_replog_t *self, uint64_t index)
{
    const struct raft_log *log = &self->raft.log;
    if (index != 0 && index == log->snapshot.last_index)
        return log->snapshot.last_term;
    if (index <= log->offset || index > covey_replog_last_index (self))
        return 0;
    size_t at = (log->front + (size_t)(index - log->offset - 1)) % log->size;
    return log->entries[at].term;
}

uint64_t
covey_replog_base (const covey_replog_t *self)
{
    uint64_t base = self->raft.commit_index;
    return self->applied > base ? self->applied : base;
}

bool
covey_replog_leads (const covey_replog_t *self)
{
    return self->raft.state == RAFT_LEADER;
}

bool
covey_replog_is_idle (const covey_replog_t *self)
{
    return self->led_term == self->raft.current_term &&
           covey_replog_leads (self) &&
           self->raft.last_applied == covey_replog_last_index (self);
}

/* ---- messages ---------------------------------------------------------------
 */

covey_replog_message_t
covey_replog_header (const covey_replog_t *self, covey_replog_kind_t kind,
                     uint64_t to)
{
    return (covey_replog_message_t){.kind = kind,
                                    .cluster = self->meta.cluster,
                                    .from = self->meta.member_id,
                                    .to = to,
                                    .from_node = self->config.node_id,
                                    .term = self->raft.current_term};
}

/*  The bytes are taken over.                                                */
static void
s_queue (covey_replog_t *self, const covey_id_t *node_id, covey_buf_t *bytes,
         bool early)
{
    self->outs = covey_mem_room (self->outs, self->out_count,
                                 &self->out_capacity, sizeof *self->outs);
    self->outs[self->out_count++] = (covey_replog_out_t){
        .node_id = *node_id,
        .bytes = {.data = bytes->data, .size = bytes->size},
        .early = early};
}

void
covey_replog_send (covey_replog_t *self, const covey_id_t *node_id,
                   covey_replog_message_t *message)
{
    covey_buf_t bytes;
    covey_buf_init (&bytes, COVEY_REPLOG_MESSAGE_MAX);
    covey_replog_wire_write (message, &bytes);
    if (bytes.failed)
        covey_buf_deinit (&bytes);
    else
        s_queue (self, node_id, &bytes, false);
}

/*  As many entries as go into one message, at least one; none for who is
   silent, a heartbeat tells whether it is back. */
static uint32_t
s_fit (const covey_replog_t *self, const struct raft_append_entries *args,
       const covey_replog_peer_t *peer)
{
    size_t size = COVEY_REPLOG_WIRE_HEADER + 28;
    if (peer && (peer->heard_ms < 0 ||
                 self->now_ms - peer->heard_ms > self->config.election_ms))
        return 0;
    for (uint32_t i = 0; i < args->n_entries; i++) {
        size += COVEY_REPLOG_WIRE_ENTRY + args->entries[i].buf.len;
        if (size > self->config.message_max && i > 0)
            return i;
    }
    return args->n_entries;
}

/*  What leaves this process of an entry: the library does not initialise the
    bytes of a barrier and the padding of a list of members.                  */
static const uint8_t *
s_bytes (const struct raft_entry *entry, size_t *size_p)
{
    static const uint8_t nothing[8] = {0};
    bool is_barrier = entry->type == RAFT_BARRIER;
    if (entry->type == RAFT_CHANGE)
        covey_replog_zero_padding (entry->buf.base, entry->buf.len);
    *size_p = is_barrier ? sizeof nothing : entry->buf.len;
    return is_barrier ? nothing : entry->buf.base;
}

static void
s_send_append (covey_replog_t *self, const covey_id_t *node_id,
               const struct raft_message *from, covey_replog_message_t *message)
{
    const struct raft_append_entries *args = &from->append_entries;
    message->term = args->term;
    message->index = args->prev_log_index;
    message->index_term = args->prev_log_term;
    message->commit = args->leader_commit;
    covey_replog_peer_t *peer = covey_replog_peer (self, from->server_id);
    message->entry_count = s_fit (self, args, peer);
    covey_buf_t bytes;
    covey_buf_init (&bytes, COVEY_REPLOG_MESSAGE_MAX);
    covey_replog_wire_write (message, &bytes);
    for (uint32_t i = 0; i < message->entry_count; i++) {
        const struct raft_entry *entry = &args->entries[i];
        covey_replog_wire_entry_t wire = {.term = entry->term,
                                          .kind = (uint8_t)entry->type};
        wire.data = s_bytes (entry, &wire.size);
        covey_replog_wire_entry (&bytes, &wire);
    }
    assert (!bytes.failed); /* one entry fits */
    s_queue (self, node_id, &bytes, true);
    if (peer && message->entry_count < args->n_entries)
        peer->truncated_next = message->index + message->entry_count + 1;
}

static void
s_fill (covey_replog_t *self, const struct raft_message *from,
        covey_replog_message_t *message)
{
    switch (from->type) {
        case RAFT_IO_REQUEST_VOTE:
            message->kind = COVEY_REPLOG_VOTE;
            message->term = from->request_vote.term;
            message->index = from->request_vote.last_log_index;
            message->index_term = from->request_vote.last_log_term;
            message->pre = from->request_vote.pre_vote;
            break;
        case RAFT_IO_APPEND_ENTRIES_RESULT:
            message->kind = COVEY_REPLOG_APPENDED;
            message->term = from->append_entries_result.term;
            message->rejected = from->append_entries_result.rejected;
            message->index = from->append_entries_result.last_log_index;
            /* G3: 0.15 reports all that it has stored, also what is left of
               another leader behind the entries that were compared; the
               leader would count copies that are none. And the hint of a
               refusal is its last entry, so that a leader walks back one entry
               per heartbeat through a tail of another term. */
            if (message->rejected)
                message->index = self->hint;
            else if (message->index > self->ack_max && !COVEY_FAULT (NO_G3_ACK))
                message->index = self->ack_max;
            break;
        default:
            message->kind = 0;
    }
}

/*  G12: 0.15 answers a leader that it may not know any more, and frees twice
    when send fails. So it never fails, and what has no address goes nowhere. */
static int
s_on_send (struct raft_io *io, struct raft_io_send *request,
           const struct raft_message *from, raft_io_send_cb done)
{
    covey_replog_t *self = s_self (io);
    covey_id_t node_id;
    request->cb = done;
    s_wait (self, COVEY_REPLOG_WAIT_SEND, request);
    bool known = from->server_id != 0 && from->server_address &&
                 covey_replog_parse_address (from->server_address, &node_id);
    if (!known && COVEY_FAULT (NO_G12_SEND)) {
        covey_replog_break (self, COVEY_STATE, "an answer to nobody");
        return 0;
    }
    if (!known || self->muted)
        return 0;
    covey_replog_message_t message =
        covey_replog_header (self, COVEY_REPLOG_APPEND, from->server_id);
    if (from->type == RAFT_IO_APPEND_ENTRIES)
        s_send_append (self, &node_id, from, &message);
    else if (from->type == RAFT_IO_INSTALL_SNAPSHOT)
        covey_replog_offer (self, from->server_id);
    else {
        s_fill (self, from, &message);
        if (message.kind)
            covey_replog_send (self, &node_id, &message);
    }
    return 0;
}

/* ---- the disk ---------------------------------------------------------------
 */

static int
s_on_init (struct raft_io *io, raft_id id, const char *address)
{
    (void)io;
    (void)id;
    (void)address;
    return 0;
}

static int
s_on_start (struct raft_io *io, unsigned every_ms, raft_io_tick_cb tick,
            raft_io_recv_cb recv)
{
    (void)every_ms; /* its timers are looked at more often */
    s_self (io)->tick = tick;
    s_self (io)->recv = recv;
    return 0;
}

static int
s_on_bootstrap (struct raft_io *io, const struct raft_configuration *members)
{
    (void)io;
    (void)members;
    return RAFT_CANTBOOTSTRAP; /* replog.c founds a log by itself */
}

static int
s_on_set_term (struct raft_io *io, raft_term term)
{
    covey_replog_t *self = s_self (io);
    self->meta.term = term;
    self->meta.voted_for = 0;
    if (COVEY_FAULT (TERM_NOT_STORED))
        return 0;
    return covey_replog_stage_meta (self) ? RAFT_IOERR : 0;
}

static int
s_on_set_vote (struct raft_io *io, raft_id member_id)
{
    covey_replog_t *self = s_self (io);
    self->meta.voted_for = member_id;
    if (COVEY_FAULT (VOTE_NOT_STORED))
        return 0;
    return covey_replog_stage_meta (self) ? RAFT_IOERR : 0;
}

/*  Entries are handed to the store when the event ends: a leader's are on their
    way to the others by then.                                                */
static int
s_on_append (struct raft_io *io, struct raft_io_append *request,
             const struct raft_entry entries[], unsigned count,
             raft_io_append_cb done)
{
    covey_replog_t *self = s_self (io);
    request->cb = done;
    s_wait (self, COVEY_REPLOG_WAIT_APPEND, request);
    covey_replog_wait_t *wait = &self->waits[self->wait_count - 1];
    wait->entries = entries;
    wait->count = count;
    wait->index = self->stored + 1;
    for (unsigned i = 0; i < count; i++) {
        size_t size;
        const uint8_t *data = s_bytes (&entries[i], &size);
        self->stored++;
        if (entries[i].type == RAFT_CHANGE)
            covey_replog_push_list (self, self->stored, data, size);
    }
    self->staged = true;
    return 0;
}

static void
s_stage (covey_replog_t *self, const covey_replog_wait_t *wait)
{
    for (unsigned i = 0; i < wait->count && !self->broken; i++) {
        covey_errbuf_t err = {""};
        covey_replog_entry_t entry = {.index = wait->index + i,
                                      .term = wait->entries[i].term,
                                      .kind = (uint8_t)wait->entries[i].type};
        entry.data = s_bytes (&wait->entries[i], &entry.size);
        if (!COVEY_FAULT (APPEND_NOT_STORED) || i + 1 < wait->count)
            s_stored (self,
                      self->store->klass->append (self->store, &entry, &err),
                      &err);
    }
}

static void
s_stage_appends (covey_replog_t *self)
{
    for (size_t i = 0; i < self->wait_count; i++) {
        if (self->waits[i].entries)
            s_stage (self, &self->waits[i]);
        self->waits[i].entries = NULL;
    }
}

static int
s_on_truncate (struct raft_io *io, raft_index index)
{
    covey_replog_t *self = s_self (io);
    covey_errbuf_t err = {""};
    s_stage_appends (self); /* in the order of the calls                      */
    covey_replog_cut_lists (self, index);
    self->stored = index - 1;
    if (COVEY_FAULT (TRUNCATE_NOT_STORED))
        return 0;
    return s_stored (
        self, self->store->klass->truncate (self->store, index, &err), &err);
}

/*  Nothing is written in the event that asks for it: other members wait for
    what that one commits. libraft may hear late of a snapshot, other than of
    entries: until then it takes no other one and keeps its log, which goes on
    behind the snapshot; then it cuts by the index of the snapshot. G1 holds,
    since what fires the completion is the commit of the last slice.          */
static int
s_on_put (struct raft_io *io, unsigned trailing,
          struct raft_io_snapshot_put *request,
          const struct raft_snapshot *snapshot, raft_io_snapshot_put_cb done)
{
    covey_replog_t *self = s_self (io);
    assert (!self->put.request);
    request->cb = done;
    self->applied_bytes = 0;
    self->put = (covey_replog_put_t){
        .request = request, .index = snapshot->index, .term = snapshot->term};
    if (snapshot->index > trailing)
        self->put.first_kept = snapshot->index - trailing + 1;
    return 0;
}

bool
covey_replog_puts (const covey_replog_t *self)
{
    return self->put.request || self->put.first_kept;
}

void
covey_replog_put_more (covey_replog_t *self)
{
    struct raft_io_snapshot_put *request = self->put.request;
    if (!covey_replog_puts (self))
        return;
    self->staged = true;
    if (!request || COVEY_FAULT (SNAPSHOT_CUT))
        covey_replog_drop_some (self);
    if (request && covey_replog_put_slice (self)) {
        s_wait (self, COVEY_REPLOG_WAIT_PUT, request);
        self->put.request = NULL;
    }
    covey_replog_settle (self);
}

static int
s_on_get (struct raft_io *io, struct raft_io_snapshot_get *request,
          raft_io_snapshot_get_cb done)
{
    request->cb = done;
    s_wait (s_self (io), COVEY_REPLOG_WAIT_GET, request);
    return 0;
}

static raft_time
s_on_time (struct raft_io *io)
{
    return (raft_time)s_self (io)->now_ms + (raft_time)TIME_ZERO;
}

static int
s_on_random (struct raft_io *io, int min, int max)
{
    uint64_t range = (uint64_t)(max - min) + 1;
    return min + (int)covey_prng_below (&s_self (io)->prng, range);
}

/* ---- the event --------------------------------------------------------------
 */

/*  A snapshot for libraft: its members are wanted, its bytes go by themselves
    (replog_snapshot.c).                                                      */
typedef struct {
    struct raft_snapshot *snapshot;
} s_got_t;

static covey_err_t
s_got_snapshot (void *arg, const covey_replog_snapshot_t *from,
                covey_errbuf_t *err)
{
    ((s_got_t *)arg)->snapshot = covey_replog_new_snapshot (from, err);
    return ((s_got_t *)arg)->snapshot ? COVEY_OK : COVEY_CORRUPT;
}

static void
s_complete_get (covey_replog_t *self, struct raft_io_snapshot_get *request,
                int status)
{
    s_got_t got = {NULL};
    covey_errbuf_t err = {""};
    covey_replog_reader_t reader = {.arg = &got, .snapshot = s_got_snapshot};
    if (status == 0) {
        covey_err_t code =
            self->store->klass->get_snapshot (self->store, &reader, &err);
        if (code)
            covey_replog_break (self, code, err.text);
        if (!got.snapshot)
            status = RAFT_IOERR;
    }
    request->cb (request, got.snapshot, status);
}

static void
s_complete (covey_replog_t *self, const covey_replog_wait_t *wait, int status)
{
    switch (wait->kind) {
        case COVEY_REPLOG_WAIT_APPEND: {
            struct raft_io_append *request = wait->request;
            request->cb (request, status);
            break;
        }
        case COVEY_REPLOG_WAIT_SEND: {
            struct raft_io_send *request = wait->request;
            if (request->cb)
                request->cb (request, status);
            break;
        }
        case COVEY_REPLOG_WAIT_PUT: {
            struct raft_io_snapshot_put *request = wait->request;
            covey_replog_apply_due (self); /* libraft shortens its log        */
            request->cb (request, status);
            break;
        }
        case COVEY_REPLOG_WAIT_GET:
            s_complete_get (self, wait->request, status);
            break;
    }
}

/*  All that waits now; what they cause waits for the next round.            */
static void
s_complete_all (covey_replog_t *self, int status)
{
    covey_replog_wait_t *waits = self->waits;
    size_t count = self->wait_count;
    self->waits = NULL;
    self->wait_count = self->wait_capacity = 0;
    for (size_t i = 0; i < count; i++)
        s_complete (self, &waits[i], self->broken ? RAFT_IOERR : status);
    if (!self->waits) {
        self->waits = waits; /* its room serves the next event */
        self->wait_capacity = count;
    } else
        free (waits);
}

static void
s_flush (covey_replog_t *self, bool early)
{
    size_t left = 0;
    for (size_t i = 0; i < self->out_count; i++) {
        covey_replog_out_t *out = &self->outs[i];
        if (early && !out->early) {
            self->outs[left++] = *out;
            continue;
        }
        self->callbacks.send (self->callbacks.arg, &out->node_id,
                              out->bytes.data, out->bytes.size);
        free (out->bytes.data);
    }
    self->out_count = left;
}

static void
s_drop_outs (covey_replog_t *self)
{
    for (size_t i = 0; i < self->out_count; i++)
        free (self->outs[i].bytes.data);
    self->out_count = 0;
}

static void
s_commit (covey_replog_t *self)
{
    covey_errbuf_t err = {""};
    /* A leader's entries may travel while its own disk writes; its term and
       its vote may not. */
    if ((covey_replog_leads (self) && !self->meta_staged) ||
        COVEY_FAULT (NO_G1_ORDER))
        s_flush (self, !COVEY_FAULT (NO_G1_ORDER));
    if (!self->staged)
        return;
    if (covey_replog_leads (self)) {
        covey_replog_apply_due (self);
        if (self->callbacks.waits)
            self->callbacks.waits (self->callbacks.arg);
    }
    s_stage_appends (self);
    self->staged = self->meta_staged = false;
    if (self->broken)
        return;
    covey_err_t code = self->store->klass->commit (self->store, &err);
    if (code)
        covey_replog_break (self, code, err.text);
    self->stats.commits++;
}

static void
s_on_barrier (struct raft_barrier *request, int status)
{
    (void)request;
    (void)status;
}

/*  G2: 0.15 commits entries of older terms by counting their copies. With an
    entry of its own term in the event that made it leader, the last stored
   entry is always of this term, and nothing else is ever counted. */
static bool
s_claim (covey_replog_t *self)
{
    if (!covey_replog_leads (self) ||
        self->barrier_term == self->raft.current_term)
        return false;
    self->barrier_term = self->raft.current_term;
    self->stats.terms++;
    if (COVEY_FAULT (NO_G2_BARRIER)) {
        self->barrier_index = covey_replog_last_index (self);
        return false;
    }
    if (raft_barrier (&self->raft, &self->barrier, s_on_barrier))
        covey_replog_break (self, COVEY_STATE, "the log takes no barrier");
    self->barrier_index = covey_replog_last_index (self);
    return true;
}

/*  Appends that did not take all entries go on behind them.                 */
static void
s_correct_next (covey_replog_t *self)
{
    for (size_t i = 0; i < COVEY_REPLOG_MEMBERS_MAX; i++) {
        covey_replog_peer_t *peer = &self->peers[i];
        uint64_t next = peer->truncated_next;
        peer->truncated_next = 0;
        if (!next || !covey_replog_leads (self))
            continue;
        for (unsigned j = 0; j < self->raft.configuration.n; j++) {
            struct raft_progress *progress =
                &self->raft.leader_state.progress[j];
            if (self->raft.configuration.servers[j].id == peer->member_id &&
                progress->next_index > next && progress->match_index < next)
                progress->next_index = next;
        }
    }
}

static void
s_note_leader (covey_replog_t *self)
{
    raft_id id = 0;
    const char *address = NULL;
    memset (&self->leader_node, 0, sizeof self->leader_node);
    if (covey_replog_leads (self)) {
        if (self->led_term == self->raft.current_term)
            self->leader_node = self->config.node_id;
        return;
    }
    raft_leader (&self->raft, &id, &address);
    if (id && address)
        covey_replog_parse_address (address, &self->leader_node);
}

void
covey_replog_settle (covey_replog_t *self)
{
    do {
        s_commit (self);
        s_complete_all (self, 0);
        if (self->raft.state == RAFT_UNAVAILABLE)
            covey_replog_break (self, COVEY_STATE,
                                raft_errmsg (&self->raft)[0]
                                    ? raft_errmsg (&self->raft)
                                    : "the replicated log stopped itself");
        s_correct_next (self);
    } while (!self->broken &&
             (s_claim (self) || self->staged || self->wait_count));
    if (self->broken) {
        s_drop_outs (self);
        return;
    }
    s_flush (self, false);
    if (self->raft.last_applied > self->applied)
        self->applied = self->raft.last_applied;
    covey_replog_change_settled (self);
    s_note_leader (self);
}

/* ---- life -------------------------------------------------------------------
 */

static void
s_on_close (struct raft_io *io, raft_io_close_cb done)
{
    covey_replog_t *self = s_self (io);
    struct raft_io_snapshot_put *put = self->put.request;
    /* nor may the entries before it go; what the store has of it is not read */
    self->put = (covey_replog_put_t){.request = NULL};
    covey_replog_drop_saved (self);
    if (put)
        put->cb (put, RAFT_CANCELED);
    while (self->wait_count)
        s_complete_all (self, RAFT_CANCELED);
    done (io);
}

void
covey_replog_io_init (covey_replog_t *self)
{
    self->io = (struct raft_io){.version = 1,
                                .impl = self,
                                .init = s_on_init,
                                .close = s_on_close,
                                .load = covey_replog_load,
                                .start = s_on_start,
                                .bootstrap = s_on_bootstrap,
                                .recover = s_on_bootstrap,
                                .set_term = s_on_set_term,
                                .set_vote = s_on_set_vote,
                                .send = s_on_send,
                                .append = s_on_append,
                                .truncate = s_on_truncate,
                                .snapshot_put = s_on_put,
                                .snapshot_get = s_on_get,
                                .time = s_on_time,
                                .random = s_on_random};
    covey_replog_fsm_init (self);
}

covey_err_t
covey_replog_io_start (covey_replog_t *self)
{
    struct raft *raft = &self->raft;
    memset (raft, 0, sizeof *raft);
    if (raft_init (raft, &self->io, &self->fsm, self->meta.member_id,
                   self->address))
        return covey_fail (&self->load_err, COVEY_NOMEM, "out of memory");
    self->running = true;
    raft_set_election_timeout (raft, (unsigned)self->config.election_ms);
    raft_set_heartbeat_timeout (raft, (unsigned)self->config.heartbeat_ms);
    raft_set_install_snapshot_timeout (
        raft, (unsigned)(10 * self->config.election_ms));
    raft_set_snapshot_threshold (raft, self->config.snapshot_entries);
    raft_set_snapshot_trailing (raft, self->config.trailing_entries);
    raft_set_max_catch_up_rounds (raft, NO_LIMIT);
    raft_set_pre_vote (raft, true);
    int rc = raft_start (raft);
    if (COVEY_FAULT (SNAPSHOT_FORGET))
        covey_replog_drop_saved (self);
    if (rc)
        covey_replog_break (self, COVEY_CORRUPT,
                            self->load_err.text[0] ? self->load_err.text
                                                   : raft_strerror (rc));
    return self->broken;
}

void
covey_replog_io_stop (covey_replog_t *self)
{
    covey_replog_apply_due (self); /* its bytes go with libraft              */
    if (self->running)
        raft_close (&self->raft, NULL);
    self->running = false;
    s_drop_outs (self);
}
