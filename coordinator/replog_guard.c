/*  replog_guard - what libraft must not see, and what is done instead

    docs/decisions/014 has the table: G1, G2, G3 (its sending half), G9 (at the
    start) and G12 are in replog_io.c, G10 in replog_snapshot.c, G5 in replog.c,
    all others here. Each has a test that fails without it
    (tests/unit/test_replog_guards.c).                                        */
#include <assert.h>
#include <string.h>

#include "coordinator/replog_impl.h"

static void
s_deliver (covey_replog_t *self, struct raft_message *message,
           const covey_replog_message_t *from)
{
    char address[33];
    covey_replog_address (&from->from_node, address);
    message->server_id = from->from;
    message->server_address = address;
    self->recv (&self->io, message);
}

/* ---- terms ------------------------------------------------------------------
 */

/*  libraft has no call for it, but a candidate with an empty log gets no vote
    and yet leaves its term behind. (Who has an empty log itself is no voter.)
 */
void
covey_replog_raise_term (covey_replog_t *self, uint64_t term)
{
    struct raft_message message = {.type = RAFT_IO_REQUEST_VOTE};
    message.server_id = UINT64_MAX;
    message.server_address = self->address;
    message.request_vote = (struct raft_request_vote){
        .term = term, .candidate_id = UINT64_MAX, .disrupt_leader = true};
    self->muted = true;
    self->recv (&self->io, &message);
    self->muted = false;
}

void
covey_replog_obey (covey_replog_t *self, const covey_replog_message_t *from)
{
    struct raft_message message = {.type = RAFT_IO_APPEND_ENTRIES};
    uint64_t base = covey_replog_base (self);
    message.append_entries = (struct raft_append_entries){
        .term = from->term,
        .prev_log_index = base,
        .prev_log_term = covey_replog_term_of (self, base)};
    self->muted = true;
    s_deliver (self, &message, from);
    self->muted = false;
}

/* ---- votes ------------------------------------------------------------------
 */

/*  A leader that is there is not deposed (dissertation, 4.2.3): who was cut off
    or removed must not disturb the others. 0.15 sticks to a leader it once knew
    until its own timer ends; this is as long as an election timeout.         */
static bool
s_has_leader (const covey_replog_t *self)
{
    if (self->now_ms < self->silent_until_ms)
        return false;
    if (covey_replog_leads (self))
        return true;
    return self->raft.state == RAFT_FOLLOWER && self->heard_ms >= 0 &&
           self->now_ms - self->heard_ms < self->config.election_ms;
}

static bool
s_is_up_to_date (const covey_replog_t *self,
                 const covey_replog_message_t *message)
{
    uint64_t last = covey_replog_last_index (self);
    uint64_t term = covey_replog_term_of (self, last);
    if (COVEY_FAULT (VOTE_LOG_CHECK))
        return true;
    return message->index_term > term ||
           (message->index_term == term && message->index >= last);
}

/*  libraft's memory and the store learn of the vote together.               */
static bool
s_give_vote (covey_replog_t *self, uint64_t member_id)
{
    if (self->io.set_vote (&self->io, member_id))
        return false;
    self->raft.voted_for = member_id;
    self->raft.election_timer_start = self->io.time (&self->io);
    return true;
}

static bool
s_is_voter (const covey_replog_t *self)
{
    for (unsigned i = 0; i < self->raft.configuration.n; i++)
        if (self->raft.configuration.servers[i].id == self->meta.member_id)
            return self->raft.configuration.servers[i].role == RAFT_VOTER;
    return false;
}

/*  Votes are given here, by the rules of the paper, and not by libraft.
    G4: 0.15 votes a second time in a term when a transfer is pending, and what
    counts is the durable vote.
    G11: 0.15 does not vote while its own log does not list it as a voter: when
    the promotion has reached only its new leader, nobody can ever be elected.
    And its refused pre-votes echo the term of the asker, so that a candidate
    with the longest log but an old term never learns how far the others are. */
static bool
s_vote (covey_replog_t *self, const covey_replog_message_t *message)
{
    if (s_has_leader (self) || message->term < self->raft.current_term)
        return false;
    if (!s_is_voter (self) && COVEY_FAULT (NO_G11_VOTE))
        return false;
    if (message->pre)
        return s_is_up_to_date (self, message);
    if (message->term > self->raft.current_term)
        covey_replog_raise_term (self, message->term);
    uint64_t voted = self->raft.voted_for;
    if (self->raft.state != RAFT_FOLLOWER ||
        message->term != self->raft.current_term ||
        (voted != 0 && voted != message->from && !COVEY_FAULT (NO_G4_VOTE)))
        return false;
    return s_is_up_to_date (self, message) && s_give_vote (self, message->from);
}

static void
s_on_vote (covey_replog_t *self, const covey_replog_message_t *message)
{
    bool yes = s_vote (self, message);
    covey_replog_message_t answer =
        covey_replog_header (self, COVEY_REPLOG_VOTED, message->from);
    answer.pre = message->pre;
    answer.yes = yes;
    if (message->pre && (yes || COVEY_FAULT (NO_G11_PREVOTE)))
        answer.term = message->term;
    covey_replog_send (self, &message->from_node, &answer);
}

static void
s_on_voted (covey_replog_t *self, const covey_replog_message_t *from)
{
    struct raft_message message = {.type = RAFT_IO_REQUEST_VOTE_RESULT};
    message.request_vote_result = (struct raft_request_vote_result){
        .term = from->term,
        .vote_granted = from->yes,
        .pre_vote = TO_RAFT_TRIBOOL (from->pre)};
    s_deliver (self, &message, from);
}

/* ---- entries ----------------------------------------------------------------
 */

/*  An append as it is given to libraft.                                     */
typedef struct {
    uint64_t prev, prev_term, commit;
    uint32_t count;
    size_t at; /* of the first entry in the message                           */
} s_append_t;

/*  G7: 0.15 takes what it does not find in its log for new, also when a
    snapshot has swallowed it, and appends it again: the indexes shift and the
    log is garbage. Entries up to what is committed are known to be the same;
    they are cut off the front.                                               */
static bool
s_trim (covey_replog_t *self, const covey_replog_message_t *from,
        s_append_t *append)
{
    uint64_t base = covey_replog_base (self);
    if (from->term < self->raft.current_term || COVEY_FAULT (NO_G7_TRIM))
        return true; /* the first will be refused */
    while (append->count > 0 && append->prev < base) {
        covey_replog_wire_entry_t entry =
            covey_replog_wire_next (from, &append->at);
        append->prev++;
        append->prev_term = entry.term;
        append->count--;
        uint64_t ours = covey_replog_term_of (self, append->prev);
        if (ours != 0 && ours != entry.term) {
            covey_replog_break (
                self, COVEY_CORRUPT,
                "a leader contradicts what is committed; this member's store "
                "is not of this log: move it away to join anew");
            return false;
        }
    }
    if (append->prev < base) {
        append->prev = base;
        append->prev_term = covey_replog_term_of (self, base);
    }
    return true;
}

/*  Where the entries and the log part: the first index whose terms differ; 0:
    nowhere.                                                                  */
static uint64_t
s_conflict (const covey_replog_t *self, const covey_replog_message_t *from,
            const s_append_t *append)
{
    if (append->prev > 0 &&
        covey_replog_term_of (self, append->prev) != append->prev_term)
        return 0; /* will be refused */
    size_t at = append->at;
    for (uint32_t i = 0; i < append->count; i++) {
        covey_replog_wire_entry_t entry = covey_replog_wire_next (from, &at);
        uint64_t index = append->prev + 1 + i;
        uint64_t ours = covey_replog_term_of (self, index);
        if (ours == 0)
            return 0;
        if (ours != entry.term)
            return index;
    }
    return 0;
}

/*  Start libraft anew from the store without the entries from `index` on.    */
static void
s_reload (covey_replog_t *self, uint64_t index)
{
    covey_errbuf_t err = {""};
    covey_replog_io_stop (self);
    covey_err_t code = self->store->klass->truncate (self->store, index, &err);
    if (!code)
        code = self->store->klass->commit (self->store, &err);
    self->stats.commits++;
    self->stats.reloads++;
    if (code)
        covey_replog_break (self, code, err.text);
    else
        covey_replog_io_start (self);
}

/*  G8: to roll members back 0.15 looks for the list before in its log, where a
    snapshot may have removed it (and crashes), and after a restart it takes the
    last list in the log for committed and keeps it (and counts wrong
    majorities). So a conflict that takes a list of members away is resolved on
    the disk, and libraft starts from there.                                  */
static bool
s_resolve (covey_replog_t *self, const covey_replog_message_t *from,
           const s_append_t *append)
{
    uint64_t index = s_conflict (self, from, append);
    if (index == 0 || from->term < self->raft.current_term)
        return true;
    const covey_replog_list_t *list =
        covey_replog_list_at (self, covey_replog_last_index (self));
    if (index <= covey_replog_base (self)) {
        covey_replog_break (
            self, COVEY_CORRUPT,
            "a leader would take back what is committed; this member's store "
            "is not of this log: move it away to join anew");
        return false;
    }
    if (list && list->index >= index && !COVEY_FAULT (NO_G8_RELOAD))
        s_reload (self, index);
    return !self->broken;
}

/*  What a refused leader could try next: our last entry, or the one before the
    term that does not fit begins.                                            */
static uint64_t
s_hint (const covey_replog_t *self, const s_append_t *append)
{
    uint64_t at = covey_replog_last_index (self);
    if (append->prev > at)
        return at;
    at = append->prev;
    uint64_t term = covey_replog_term_of (self, at);
    uint64_t base = covey_replog_base (self);
    while (at > base && covey_replog_term_of (self, at) == term)
        at--;
    return at;
}

/*  One block of memory for all entries, owned by libraft.                   */
static struct raft_entry *
s_entries (const covey_replog_message_t *from, const s_append_t *append)
{
    if (append->count == 0)
        return NULL;
    struct raft_entry *entries = raft_calloc (append->count, sizeof *entries);
    uint8_t *batch = raft_malloc (from->data_size);
    assert (entries && batch);
    size_t at = append->at, size = 0;
    for (uint32_t i = 0; i < append->count; i++) {
        covey_replog_wire_entry_t entry = covey_replog_wire_next (from, &at);
        entries[i] = (struct raft_entry){
            .term = entry.term,
            .type = entry.kind,
            .buf = {.base = batch + size, .len = entry.size},
            .batch = batch};
        memcpy (batch + size, entry.data, entry.size);
        size += entry.size;
    }
    return entries;
}

/*  Lists of members are unpacked by libraft without a look at their lengths. */
static bool
s_members_fit (const covey_replog_message_t *from)
{
    size_t at = 0;
    for (uint32_t i = 0; i < from->entry_count; i++) {
        struct raft_configuration members;
        covey_replog_wire_entry_t entry = covey_replog_wire_next (from, &at);
        if (entry.kind != RAFT_CHANGE) {
            if (from->index + i == 0)
                return false; /* a log begins with its members */
            continue;
        }
        if (covey_replog_unpack_members (entry.data, entry.size, &members))
            return false;
        raft_configuration_close (&members);
    }
    return true;
}

static void
s_on_append (covey_replog_t *self, const covey_replog_message_t *from)
{
    s_append_t append = {.prev = from->index,
                         .prev_term = from->index_term,
                         .commit = from->commit,
                         .count = from->entry_count};
    uint64_t end = from->index + from->entry_count;
    if (!s_members_fit (from)) {
        self->stats.refused++;
        return;
    }
    if (from->term >= self->raft.current_term) {
        self->heard_ms = self->fresh_ms = self->now_ms;
        self->silent_until_ms = INT64_MIN; /* somebody else leads */
    }
    if (!s_trim (self, from, &append) || !s_resolve (self, from, &append))
        return;
    /* G3: 0.15 commits up to its own last entry, also what lies behind the
       entries that were compared. */
    if (append.commit > end && !COVEY_FAULT (NO_G3_COMMIT))
        append.commit = end;
    self->ack_max = end;
    self->hint = s_hint (self, &append);
    struct raft_message message = {.type = RAFT_IO_APPEND_ENTRIES};
    message.append_entries =
        (struct raft_append_entries){.term = from->term,
                                     .prev_log_index = append.prev,
                                     .prev_log_term = append.prev_term,
                                     .leader_commit = append.commit,
                                     .entries = s_entries (from, &append),
                                     .n_entries = append.count};
    s_deliver (self, &message, from);
}

/*  A refusal is answered at once: 0.15 would wait for the next heartbeat.    */
static void
s_on_appended (covey_replog_t *self, const covey_replog_message_t *from)
{
    struct raft_message message = {.type = RAFT_IO_APPEND_ENTRIES_RESULT};
    if (covey_replog_leads (self) && from->rejected &&
        from->term == self->raft.current_term)
        for (unsigned i = 0; i < self->raft.configuration.n; i++)
            if (self->raft.configuration.servers[i].id == from->from)
                self->raft.leader_state.progress[i].last_send = 0;
    message.append_entries_result =
        (struct raft_append_entries_result){.term = from->term,
                                            .rejected = from->rejected,
                                            .last_log_index = from->index};
    s_deliver (self, &message, from);
}

/* ---- all --------------------------------------------------------------------
 */

/*  G6: two leaders of one term must not be, but were the reason of silent
    damage in 0.15: asserts that are compiled out stand where a leader gets an
    append of its own term.                                                   */
static bool
s_is_second_leader (const covey_replog_t *self,
                    const covey_replog_message_t *message)
{
    return (message->kind == COVEY_REPLOG_APPEND ||
            message->kind == COVEY_REPLOG_PIECE) &&
           covey_replog_leads (self) &&
           message->term == self->raft.current_term &&
           !COVEY_FAULT (NO_G6_OWN_TERM);
}

static void
s_dispatch (covey_replog_t *self, const covey_replog_message_t *message)
{
    switch (message->kind) {
        case COVEY_REPLOG_APPEND:
            s_on_append (self, message);
            break;
        case COVEY_REPLOG_APPENDED:
            s_on_appended (self, message);
            break;
        case COVEY_REPLOG_VOTE:
            s_on_vote (self, message);
            break;
        case COVEY_REPLOG_VOTED:
            s_on_voted (self, message);
            break;
        case COVEY_REPLOG_PIECE:
            covey_replog_on_piece (self, message);
            break;
        case COVEY_REPLOG_PIECED:
            covey_replog_on_pieced (self, message);
            break;
        case COVEY_REPLOG_ASK:
            covey_replog_on_ask (self, message);
            break;
        case COVEY_REPLOG_ASKED:
            covey_replog_on_asked (self, message);
            break;
    }
}

void
covey_replog_take (covey_replog_t *self, const covey_replog_message_t *message)
{
    if (s_is_second_leader (self, message)) {
        self->stats.refused++;
        return;
    }
    /* Who was added by a leader belongs to its log from now on. */
    if (covey_id_is_zero (self->meta.cluster.bytes)) {
        self->meta.cluster = message->cluster;
        covey_replog_stage_meta (self);
    }
    covey_replog_peer_t *peer = covey_replog_peer (self, message->from);
    if (peer)
        peer->heard_ms = self->now_ms;
    s_dispatch (self, message);
}

/*  G9, later: who finds itself the only voter leads in a new term, which it
    votes for.                                                                */
static void
s_tick_sole (covey_replog_t *self)
{
    const struct raft *raft = &self->raft;
    raft_time waited = self->io.time (&self->io) - raft->election_timer_start;
    if (raft->state != RAFT_FOLLOWER || COVEY_FAULT (NO_G9_TERM) ||
        waited < raft->follower_state.randomized_election_timeout ||
        !covey_replog_is_sole (self, &raft->configuration))
        return;
    raft_time start = raft->election_timer_start;
    covey_replog_raise_term (self, raft->current_term + 1);
    if (s_give_vote (self, self->meta.member_id))
        self->raft.election_timer_start = start;
}

void
covey_replog_tick (covey_replog_t *self)
{
    /* Who gave up leading lets another one be first. */
    if (self->now_ms < self->silent_until_ms)
        return;
    s_tick_sole (self);
    self->tick (&self->io);
}
