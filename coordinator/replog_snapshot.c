/*  replog_snapshot - the state machine below libraft, and its snapshots

    Taken     when libraft asks, unless the log since the last one is smaller
              than that one, or small at all; its members are those committed at
              its index (G10). It goes to the disk in slices, one in a turn, so
              that a large one keeps neither entries nor heartbeats waiting
    Sent      in pieces, one under way per member, each answered with where to
   go on; lost ones are sent again. libraft only hears the end Taken over by the
   store, from which libraft starts anew: 0.15 takes a snapshot for known when
   the entry at its end has a higher term, and keeps what conflicts (part of G8)
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/replog_impl.h"

/* ---- the state machine ------------------------------------------------------
 */

/*  The ticket of the entry at an index, when it is ours.                     */
static uint64_t
s_ticket (covey_replog_t *self, uint64_t index)
{
    if (self->command_sent == 0)
        return 0;
    covey_replog_command_t *command = &self->commands[self->command_first];
    bool ours = command->index == index && covey_replog_leads (self);
    if (!ours && !(COVEY_FAULT (TICKET_OF_OTHER) && command->index <= index))
        return 0;
    self->command_first = (self->command_first + 1) % self->config.queue_max;
    self->command_count--;
    self->command_sent--;
    self->command_bytes -= command->bytes.len;
    return command->ticket;
}

/*  What a leader waits for is told before the caller works on it: what libraft
    applies is due, and the caller gets it when the messages of the event and
    the next batch are on their way, and before anything else comes out.      */
static int
s_on_apply (struct raft_fsm *fsm, const struct raft_buffer *bytes,
            void **result)
{
    covey_replog_t *self = fsm->data;
    uint64_t index = self->raft.last_applied + 1;
    *result = NULL;
    /* After a reload libraft applies again what the state has. */
    if (index <= self->applied && !COVEY_FAULT (APPLY_TWICE))
        return 0;
    uint64_t ticket = s_ticket (self, index);
    self->applied = index;
    self->applied_bytes += bytes->len + COVEY_REPLOG_WIRE_ENTRY;
    self->due = covey_mem_room (self->due, self->due_count, &self->due_capacity,
                                sizeof *self->due);
    self->due[self->due_count++] =
        (covey_replog_due_t){index, ticket, bytes->base, bytes->len};
    return 0;
}

void
covey_replog_apply_due (covey_replog_t *self)
{
    for (size_t i = 0; i < self->due_count && !self->broken; i++) {
        const covey_replog_due_t *due = &self->due[i];
        self->callbacks.apply (self->callbacks.arg, due->index, due->data,
                               due->size, due->ticket);
    }
    self->due_count = 0;
}

/*  All members apply the same; if all took their snapshots at the same entry,
    all would be slow at the same moment. So the list of members staggers them:
    while one writes, the others are a majority.                              */
static size_t
s_stagger (const covey_replog_t *self)
{
    const struct raft_configuration *members = &self->raft.configuration;
    size_t step = self->config.snapshot_bytes / 2;
    for (unsigned i = 0; i < members->n; i++)
        if (members->servers[i].id == self->meta.member_id)
            return step * i / members->n;
    return 0;
}

/*  libraft holds the bufs until they are stored; the state itself waits in
    `saved`.                                                                  */
static int
s_on_snapshot (struct raft_fsm *fsm, struct raft_buffer *bufs[],
               unsigned *count_p)
{
    covey_replog_t *self = fsm->data;
    bool behind = self->raft.last_applied < self->applied;
    if (behind || self->applied_bytes < self->snapshot_size ||
        self->applied_bytes < self->config.snapshot_bytes + s_stagger (self))
        return RAFT_BUSY;
    covey_replog_apply_due (self);
    covey_buf_clear (&self->saved);
    self->callbacks.save (self->callbacks.arg, &self->saved);
    if (self->saved.failed)
        return RAFT_BUSY;
    *bufs = raft_calloc (1, sizeof **bufs);
    *count_p = 1;
    (*bufs)[0].base = raft_calloc (1, 8);
    (*bufs)[0].len = 8;
    return 0;
}

static int
s_on_restore (struct raft_fsm *fsm, struct raft_buffer *bytes)
{
    covey_replog_t *self = fsm->data;
    if (self->snapshot_index > self->applied || COVEY_FAULT (APPLY_TWICE)) {
        covey_replog_apply_due (self);
        covey_err_t code = self->callbacks.load (
            self->callbacks.arg, self->snapshot_index, self->saved.data,
            self->saved.size, &self->load_err);
        covey_replog_drop_saved (self);
        if (code) {
            covey_replog_break (self, code, self->load_err.text);
            return RAFT_CORRUPT;
        }
        self->applied = self->snapshot_index;
        self->applied_bytes = 0;
    }
    raft_free (bytes->base);
    return 0;
}

void
covey_replog_fsm_init (covey_replog_t *self)
{
    self->fsm = (struct raft_fsm){.version = 1,
                                  .data = self,
                                  .apply = s_on_apply,
                                  .snapshot = s_on_snapshot,
                                  .restore = s_on_restore};
}

/* ---- taken ------------------------------------------------------------------
 */

void
covey_replog_drop_saved (covey_replog_t *self)
{
    covey_buf_deinit (&self->saved);
    covey_buf_init (&self->saved, SIZE_MAX);
}

static covey_err_t
s_put_last (covey_replog_t *self, const covey_replog_snapshot_t *snapshot,
            covey_errbuf_t *err)
{
    uint64_t index = self->put.index;
    covey_err_t code =
        self->store->klass->put_snapshot (self->store, snapshot, 1, err);
    if (code)
        return code;
    self->snapshot_index = snapshot->index;
    self->snapshot_size = snapshot->state_size;
    self->stats.snapshots++;
    covey_replog_forget_lists (self, index);
    covey_replog_drop_saved (self);
    return COVEY_OK;
}

/*  G10: 0.15 stores the members of now, also when they are not committed; who
    starts from that snapshot cannot roll them back.                          */
bool
covey_replog_put_slice (covey_replog_t *self)
{
    covey_replog_put_t *put = &self->put;
    const covey_replog_list_t *list = covey_replog_list_at (
        self, COVEY_FAULT (NO_G10_MEMBERS) ? UINT64_MAX : put->index);
    uint64_t named = COVEY_FAULT (SNAPSHOT_INDEX) && put->index > 1
                         ? put->index - 1
                         : put->index;
    assert (list); /* the log begins with one */
    covey_replog_snapshot_t snapshot = {.index = named,
                                        .term = put->term,
                                        .members_index = list->index,
                                        .members = list->data,
                                        .members_size = list->size,
                                        .state = self->saved.data,
                                        .state_size = self->saved.size,
                                        .prepared = put->prepared};
    covey_errbuf_t err = {""};
    covey_err_t code =
        self->store->klass->prepare_snapshot (self->store, &snapshot, &err);
    put->prepared = snapshot.prepared;
    if (COVEY_FAULT (SNAPSHOT_SLICE))
        snapshot.state_size = snapshot.prepared;
    bool last = snapshot.prepared >= snapshot.state_size;
    if (!code && last)
        code = s_put_last (self, &snapshot, &err);
    if (code)
        covey_replog_break (self, code, err.text);
    return !code && last;
}

/*  libraft has forgotten them; until they are gone a start brings them back,
    which does no harm.                                                       */
void
covey_replog_drop_some (covey_replog_t *self)
{
    bool more = false;
    covey_errbuf_t err = {""};
    covey_err_t code = self->store->klass->drop_head (
        self->store, self->put.first_kept, &more, &err);
    if (code)
        covey_replog_break (self, code, err.text);
    if (!more)
        self->put.first_kept = 0;
}

/* ---- sent -------------------------------------------------------------------
 */

static void
s_clear (covey_replog_transfer_t *transfer)
{
    free (transfer->members.data);
    covey_buf_deinit (&transfer->state);
    memset (transfer, 0, sizeof *transfer);
}

static void
s_copy_members (covey_replog_transfer_t *transfer, const void *data,
                size_t size)
{
    free (transfer->members.data);
    transfer->members.data = malloc (size);
    assert (transfer->members.data);
    memcpy (transfer->members.data, data, size);
    transfer->members.size = size;
}

static covey_err_t
s_read_outgoing (void *arg, const covey_replog_snapshot_t *from,
                 covey_errbuf_t *err)
{
    covey_replog_transfer_t *to = arg;
    s_clear (to);
    to->index = from->index;
    to->term = from->term;
    to->members_index = from->members_index;
    to->total = from->state_size;
    s_copy_members (to, from->members, from->members_size);
    covey_buf_init (&to->state, from->state_size + 1);
    if (covey_buf_append (&to->state, from->state, from->state_size))
        return covey_fail (err, COVEY_NOMEM, "no memory for a snapshot");
    return COVEY_OK;
}

static bool
s_anyone_gets_it (const covey_replog_t *self)
{
    for (size_t i = 0; i < COVEY_REPLOG_MEMBERS_MAX; i++)
        if (self->peers[i].sending)
            return true;
    return false;
}

static void
s_send_piece (covey_replog_t *self, covey_replog_peer_t *peer)
{
    const covey_replog_transfer_t *from = &self->outgoing;
    covey_id_t node_id;
    for (unsigned i = 0; i < self->raft.configuration.n; i++) {
        const struct raft_server *server = &self->raft.configuration.servers[i];
        if (server->id != peer->member_id ||
            !covey_replog_parse_address (server->address, &node_id))
            continue;
        covey_replog_message_t piece =
            covey_replog_header (self, COVEY_REPLOG_PIECE, peer->member_id);
        size_t left = (size_t)(from->total - peer->sent_offset);
        piece.index = from->index;
        piece.index_term = from->term;
        piece.total = from->total;
        piece.offset = peer->sent_offset;
        piece.members_index = from->members_index;
        piece.members = from->members.data;
        piece.members_size = from->members.size;
        piece.data =
            from->state.data ? from->state.data + peer->sent_offset : NULL;
        piece.data_size =
            left < self->config.message_max ? left : self->config.message_max;
        peer->sent_ms = self->now_ms;
        covey_replog_send (self, &node_id, &piece);
        return;
    }
    peer->sending = false; /* was removed */
}

void
covey_replog_offer (covey_replog_t *self, uint64_t member_id)
{
    covey_replog_peer_t *peer = covey_replog_peer (self, member_id);
    if (!peer || peer->sending)
        return; /* goes on; all get the same one until they have it */
    if (self->outgoing.index != self->snapshot_index &&
        !s_anyone_gets_it (self)) {
        covey_errbuf_t err = {""};
        covey_replog_reader_t reader = {.arg = &self->outgoing,
                                        .snapshot = s_read_outgoing};
        covey_err_t code =
            self->store->klass->get_snapshot (self->store, &reader, &err);
        if (code) {
            covey_replog_break (self, code, err.text);
            return;
        }
    }
    peer->sending = true;
    peer->sent_offset = 0;
    s_send_piece (self, peer);
}

/*  Often to who answers, rarely to who does not.                            */
void
covey_replog_resend_pieces (covey_replog_t *self)
{
    for (size_t i = 0; i < COVEY_REPLOG_MEMBERS_MAX; i++) {
        covey_replog_peer_t *peer = &self->peers[i];
        bool heard = peer->heard_ms >= 0 &&
                     self->now_ms - peer->heard_ms < self->config.election_ms;
        int64_t pause_ms = heard ? 2 * self->config.heartbeat_ms
                                 : 5 * self->config.election_ms;
        if (peer->sending && self->now_ms - peer->sent_ms >= pause_ms)
            s_send_piece (self, peer);
    }
}

/*  libraft hears that the member stored everything up to the snapshot.       */
static void
s_tell_installed (covey_replog_t *self, const covey_replog_message_t *from)
{
    char address[33];
    struct raft_message message = {.type = RAFT_IO_APPEND_ENTRIES_RESULT};
    covey_replog_address (&from->from_node, address);
    message.server_id = from->from;
    message.server_address = address;
    message.append_entries_result = (struct raft_append_entries_result){
        .term = from->term, .last_log_index = from->index};
    self->recv (&self->io, &message);
}

void
covey_replog_on_pieced (covey_replog_t *self,
                        const covey_replog_message_t *message)
{
    covey_replog_peer_t *peer = covey_replog_peer (self, message->from);
    if (message->term > self->raft.current_term) {
        covey_replog_raise_term (self, message->term);
        return;
    }
    if (!peer || !peer->sending || !covey_replog_leads (self) ||
        message->term != self->raft.current_term ||
        message->index != self->outgoing.index)
        return;
    if (message->yes) {
        peer->sending = false;
        s_tell_installed (self, message);
        if (!s_anyone_gets_it (self))
            s_clear (&self->outgoing);
        return;
    }
    /* It answers, so libraft shall not give it up. */
    for (unsigned i = 0; i < self->raft.configuration.n; i++)
        if (self->raft.configuration.servers[i].id == peer->member_id)
            self->raft.leader_state.progress[i].snapshot_last_send =
                self->io.time (&self->io);
    if (message->offset == peer->sent_offset ||
        message->offset > self->outgoing.total)
        return; /* an older answer again */
    peer->sent_offset = message->offset;
    s_send_piece (self, peer);
}

/* ---- taken over -------------------------------------------------------------
 */

static bool
s_continues (const covey_replog_t *self, const covey_replog_message_t *piece)
{
    const covey_replog_transfer_t *to = &self->incoming;
    return to->from == piece->from && to->index == piece->index &&
           to->term == piece->index_term && to->total == piece->total;
}

/*  Entries behind the snapshot were not compared with the leader's, so all go
    (Figure 5.3, 7).                                                          */
static void
s_install (covey_replog_t *self)
{
    covey_replog_transfer_t *from = &self->incoming;
    covey_errbuf_t err = {""};
    covey_replog_snapshot_t snapshot = {.index = from->index,
                                        .term = from->term,
                                        .members_index = from->members_index,
                                        .members = from->members.data,
                                        .members_size = from->members.size,
                                        .state = from->state.data,
                                        .state_size = from->state.size};
    uint64_t last = covey_replog_last_index (self);
    uint64_t first_kept = (last > from->index ? last : from->index) + 1;
    if (COVEY_FAULT (SNAPSHOT_KEEPS_TAIL))
        first_kept = from->index + 1;
    covey_replog_io_stop (self);
    covey_err_t code = self->store->klass->put_snapshot (self->store, &snapshot,
                                                         first_kept, &err);
    if (!code)
        code = self->store->klass->commit (self->store, &err);
    self->stats.commits++;
    self->stats.reloads++;
    self->stats.installed++;
    s_clear (from);
    if (code)
        covey_replog_break (self, code, err.text);
    else
        covey_replog_io_start (self);
}

static void
s_answer (covey_replog_t *self, const covey_replog_message_t *piece,
          uint64_t offset, bool yes)
{
    covey_replog_message_t answer =
        covey_replog_header (self, COVEY_REPLOG_PIECED, piece->from);
    answer.index = piece->index;
    answer.offset = offset;
    answer.yes = yes;
    covey_replog_send (self, &piece->from_node, &answer);
}

/*  A transfer begins: false when it cannot be taken.                        */
static bool
s_begin (covey_replog_t *self, const covey_replog_message_t *piece)
{
    struct raft_configuration members;
    covey_replog_transfer_t *to = &self->incoming;
    if (piece->total > self->config.snapshot_max ||
        covey_replog_unpack_members (piece->members, piece->members_size,
                                     &members)) {
        self->stats.refused++;
        return false;
    }
    raft_configuration_close (&members);
    s_clear (to);
    to->from = piece->from;
    to->index = piece->index;
    to->term = piece->index_term;
    to->members_index = piece->members_index;
    to->total = piece->total;
    s_copy_members (to, piece->members, piece->members_size);
    covey_buf_init (&to->state, (size_t)piece->total + 1);
    return true;
}

void
covey_replog_on_piece (covey_replog_t *self,
                       const covey_replog_message_t *piece)
{
    covey_replog_transfer_t *to = &self->incoming;
    if (piece->term < self->raft.current_term) {
        s_answer (self, piece, 0, false);
        return;
    }
    self->heard_ms = self->fresh_ms = self->now_ms;
    covey_replog_obey (self, piece);
    if (covey_replog_term_of (self, piece->index) == piece->index_term ||
        piece->index <= covey_replog_base (self)) {
        s_answer (self, piece, piece->total, true);
        return;
    }
    if (!s_continues (self, piece) && piece->offset == 0 &&
        !s_begin (self, piece))
        return;
    if (!s_continues (self, piece)) {
        s_answer (self, piece, 0, false);
        return;
    }
    if (piece->offset == to->state.size)
        covey_buf_append (&to->state, piece->data, piece->data_size);
    bool whole = to->state.size == to->total;
    if (whole) {
        s_install (self);
        if (self->broken)
            return;
        covey_replog_obey (self, piece);
    }
    s_answer (self, piece, whole ? piece->total : to->state.size, whole);
}

void
covey_replog_end_transfers (covey_replog_t *self)
{
    s_clear (&self->outgoing);
    s_clear (&self->incoming);
}
