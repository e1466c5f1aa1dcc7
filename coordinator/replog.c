/*  replog - the port over libraft: commands, batches, leadership

    Batch     one is under way at a time (guard G5): 0.15 commits only when a
              majority has its very last entry, so that a leader that goes on
              appending would never commit                                    */
#include "coordinator/replog.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/replog_impl.h"

#define BATCH_MAX 1024
#define LOST                                                              \
    "the coordinator leads no more, so it is not known whether this was " \
    "done; "                                                              \
    "ask again with the same request id"

/* ---- open and close ---------------------------------------------------------
 */

static void
s_set_defaults (covey_replog_config_t *config)
{
#define DEFAULT(field, value)      \
    do {                           \
        if (!config->field)        \
            config->field = value; \
    } while (0)
    DEFAULT (election_ms, COVEY_REPLOG_ELECTION_MS);
    DEFAULT (heartbeat_ms, COVEY_REPLOG_HEARTBEAT_MS);
    if (!config->snapshot_entries)
        DEFAULT (snapshot_bytes, (size_t)32 << 20);
    DEFAULT (snapshot_entries, 4096);
    DEFAULT (trailing_entries, 2048);
    DEFAULT (queue_max, 8192);
    DEFAULT (queue_bytes_max, 64u << 20);
    DEFAULT (snapshot_max, (size_t)4 << 30);
    DEFAULT (message_max, COVEY_REPLOG_BATCH_BYTES);
#undef DEFAULT
    if (config->message_max > COVEY_EVENT_MAX)
        config->message_max = COVEY_EVENT_MAX; /* leaves room for a header */
}

/*  The rest is read when libraft starts: an error ends the reading.          */
static covey_err_t
s_read_meta (void *arg, const covey_replog_meta_t *meta, covey_errbuf_t *err)
{
    (void)err;
    *(covey_replog_meta_t *)arg = *meta;
    return COVEY_CANCELED;
}

static uint64_t
s_random_id (covey_replog_t *self)
{
    uint64_t id = 0;
    while (id == 0 || id == UINT64_MAX)
        id = covey_prng_next (&self->prng);
    return id;
}

/*  The first entry of a log: its founder, alone.                            */
static covey_err_t
s_found (covey_replog_t *self, covey_errbuf_t *err)
{
    struct raft_configuration members;
    struct raft_buffer packed = {NULL, 0};
    raft_configuration_init (&members);
    if (raft_configuration_add (&members, self->meta.member_id, self->address,
                                RAFT_VOTER) ||
        raft_configuration_encode (&members, &packed))
        abort ();
    covey_replog_zero_padding (packed.base, packed.len);
    raft_configuration_close (&members);
    covey_replog_entry_t entry = {.index = 1,
                                  .term = 1,
                                  .kind = RAFT_CHANGE,
                                  .data = packed.base,
                                  .size = packed.len};
    covey_err_t code = self->store->klass->append (self->store, &entry, err);
    raft_free (packed.base);
    for (size_t i = 0; i < 16; i += 8) {
        uint64_t random = covey_prng_next (&self->prng);
        memcpy (self->meta.cluster.bytes + i, &random, 8);
    }
    self->meta.cluster.bytes[6] =
        (uint8_t)(0x40 | (self->meta.cluster.bytes[6] & 0x0f)); /* UUIDv4 */
    self->meta.cluster.bytes[8] =
        (uint8_t)(0x80 | (self->meta.cluster.bytes[8] & 0x3f));
    self->meta.term = 1;
    return code;
}

/*  A store that is new gets an identity; one that belongs to no log founds one,
    when it shall.                                                            */
static covey_err_t
s_make_identity (covey_replog_t *self, covey_errbuf_t *err)
{
    covey_replog_reader_t reader = {.arg = &self->meta, .meta = s_read_meta};
    covey_err_t code = self->store->klass->read (self->store, &reader, err);
    bool found =
        self->config.found && covey_id_is_zero (self->meta.cluster.bytes);
    if (code && code != COVEY_CANCELED)
        return code;
    if (self->meta.member_id != 0 && !found)
        return COVEY_OK;
    if (self->meta.member_id == 0)
        self->meta.member_id = s_random_id (self);
    code = found ? s_found (self, err) : COVEY_OK;
    if (!code)
        code = self->store->klass->set_meta (self->store, &self->meta, err);
    return code ? code : self->store->klass->commit (self->store, err);
}

covey_err_t
covey_replog_open (const covey_replog_config_t *config,
                   const covey_replog_callbacks_t *callbacks,
                   covey_replog_store_t *store, int64_t now_ms,
                   covey_replog_t **log_p, covey_errbuf_t *err)
{
    covey_replog_t *self = covey_mem_new (sizeof *self);
    self->config = *config;
    self->callbacks = *callbacks;
    self->store = store;
    self->now_ms = self->tick_ms = now_ms;
    self->heard_ms = self->fresh_ms = -1;
    self->silent_until_ms = INT64_MIN;
    s_set_defaults (&self->config);
    covey_prng_init (&self->prng, config->seed);
    covey_replog_address (&config->node_id, self->address);
    covey_buf_init (&self->saved, SIZE_MAX);
    self->commands =
        covey_mem_new (self->config.queue_max * sizeof *self->commands);
    self->inbox = covey_mem_new (COVEY_REPLOG_INBOX_MAX * sizeof *self->inbox);
    covey_replog_io_init (self);
    covey_err_t code = s_make_identity (self, err);
    if (!code) {
        code = covey_replog_io_start (self);
        if (code)
            covey_fail (err, code, "%s", self->broken_err.text);
        covey_replog_apply_due (self);
    }
    if (code)
        covey_replog_close (&self);
    else
        *log_p = self;
    return code;
}

void
covey_replog_close (covey_replog_t **self_p)
{
    covey_replog_t *self = *self_p;
    if (!self)
        return;
    self->due_count = 0; /* nothing comes out of it any more                  */
    covey_replog_io_stop (self);
    for (size_t i = self->command_sent; i < self->command_count; i++)
        raft_free (
            self->commands[(self->command_first + i) % self->config.queue_max]
                .bytes.base);
    for (; self->inbox_count > 0; self->inbox_count--) {
        free (self->inbox[self->inbox_first].data);
        self->inbox_first = (self->inbox_first + 1) % COVEY_REPLOG_INBOX_MAX;
    }
    covey_replog_end_transfers (self);
    covey_replog_drop_lists (self);
    covey_buf_deinit (&self->saved);
    free (self->lists);
    free (self->waits);
    free (self->due);
    free (self->outs);
    free (self->questions);
    free (self->commands);
    free (self->inbox);
    free (self);
    *self_p = NULL;
}

/* ---- leading ----------------------------------------------------------------
 */

/*  Commands and reads that have no outcome here any more.                    */
static void
s_end_all (covey_replog_t *self)
{
    while (self->command_count > 0 && !self->broken) {
        covey_replog_command_t *command = &self->commands[self->command_first];
        bool sent = self->command_sent > 0;
        self->command_first =
            (self->command_first + 1) % self->config.queue_max;
        self->command_count--;
        self->command_bytes -= command->bytes.len;
        if (sent)
            self->command_sent--;
        else
            raft_free (command->bytes.base);
        self->callbacks.done (self->callbacks.arg, command->ticket,
                              COVEY_NOCOORDINATOR,
                              sent ? LOST
                                   : "the coordinator leads no more; ask "
                                     "again");
    }
    covey_replog_end_questions (self,
                                "the coordinator leads no more; ask again");
    covey_replog_end_change (self, COVEY_NOCOORDINATOR,
                             "the coordinator leads no more; ask again");
    self->change_sent = self->change_done = false;
}

/*  Tell when leading begins, all earlier commands applied, and when it ends. */
static void
s_note_leading (covey_replog_t *self)
{
    if (self->broken)
        return;
    bool leads = covey_replog_leads (self) &&
                 self->barrier_term == self->raft.current_term &&
                 (self->raft.last_applied >= self->barrier_index ||
                  COVEY_FAULT (NO_G2_BARRIER));
    if (self->led_term &&
        (!leads || self->led_term != self->raft.current_term)) {
        self->led_term = 0;
        self->yielding = false;
        covey_replog_apply_due (self);
        s_end_all (self);
        self->callbacks.leads (self->callbacks.arg, false);
    }
    if (leads)
        self->fresh_ms = self->now_ms;
    if (leads && !self->led_term) {
        self->led_term = self->raft.current_term;
        covey_replog_apply_due (self);
        self->callbacks.leads (self->callbacks.arg, true);
    }
    if (!covey_replog_leads (self))
        for (size_t i = 0; i < COVEY_REPLOG_MEMBERS_MAX; i++)
            self->peers[i].sending = false;
}

/* ---- messages ---------------------------------------------------------------
 */

covey_err_t
covey_replog_receive (covey_replog_t *self, int64_t now_ms, const void *data,
                      size_t size)
{
    covey_replog_message_t message;
    (void)now_ms;
    covey_err_t code = covey_replog_wire_read (data, size, &message);
    bool known = !covey_id_is_zero (self->meta.cluster.bytes);
    bool leader = !code && (message.kind == COVEY_REPLOG_APPEND ||
                            message.kind == COVEY_REPLOG_PIECE);
    if (code || message.to != self->meta.member_id ||
        message.from == self->meta.member_id ||
        (known
             ? !covey_id_equal (message.cluster.bytes, self->meta.cluster.bytes)
             : !leader || covey_id_is_zero (message.cluster.bytes))) {
        self->stats.refused++;
        return COVEY_INVALID;
    }
    /* What finds no room is lost, as on the way. */
    if (self->inbox_count == COVEY_REPLOG_INBOX_MAX ||
        self->inbox_bytes + size > COVEY_REPLOG_INBOX_BYTES_MAX) {
        self->stats.refused++;
        return COVEY_OK;
    }
    size_t at =
        (self->inbox_first + self->inbox_count++) % COVEY_REPLOG_INBOX_MAX;
    self->inbox[at] = (covey_replog_bytes_t){.data = covey_mem_dup (data, size),
                                             .size = size};
    self->inbox_bytes += size;
    return COVEY_OK;
}

static void
s_take_inbox (covey_replog_t *self)
{
    while (self->inbox_count > 0 && !self->broken) {
        covey_replog_message_t message;
        covey_replog_bytes_t bytes = self->inbox[self->inbox_first];
        self->inbox_first = (self->inbox_first + 1) % COVEY_REPLOG_INBOX_MAX;
        self->inbox_count--;
        self->inbox_bytes -= bytes.size;
        if (!covey_replog_wire_read (bytes.data, bytes.size, &message)) {
            covey_replog_take (self, &message);
            covey_replog_settle (self);
            s_note_leading (self);
        }
        free (bytes.data);
    }
}

/* ---- commands ---------------------------------------------------------------
 */

covey_err_t
covey_replog_submit (covey_replog_t *self, const void *data, size_t size,
                     uint64_t ticket, covey_errbuf_t *err)
{
    if (!covey_replog_is_leader (self))
        return covey_fail (err, COVEY_NOCOORDINATOR,
                           "this coordinator does not lead");
    if (size > COVEY_REPLOG_ENTRY_MAX || size == 0)
        return covey_fail (err, COVEY_LIMIT,
                           "a command has %zu bytes, at least 1 and at most %d "
                           "are allowed",
                           size, COVEY_REPLOG_ENTRY_MAX);
    if (self->command_count == self->config.queue_max ||
        (self->command_count > 0 &&
         self->command_bytes + size > self->config.queue_bytes_max))
        return covey_fail (err, COVEY_EAGAIN,
                           "%zu commands wait to be committed; ask again later",
                           self->command_count);
    size_t at =
        (self->command_first + self->command_count++) % self->config.queue_max;
    covey_replog_command_t *command = &self->commands[at];
    *command = (covey_replog_command_t){.ticket = ticket};
    command->bytes.base = raft_malloc (size);
    command->bytes.len = size;
    assert (command->bytes.base);
    memcpy (command->bytes.base, data, size);
    self->command_bytes += size;
    return COVEY_OK;
}

static void
s_on_batch (struct raft_apply *request, int status, void *result)
{
    (void)status;
    (void)result; /* what is applied tells its index, what is lost its term */
    raft_free (request);
}

static void
s_send_batch (covey_replog_t *self)
{
    struct raft_buffer bytes[BATCH_MAX];
    size_t count = 0, size = 0;
    uint64_t index = covey_replog_last_index (self) + 1;
    struct raft_apply *request = raft_calloc (1, sizeof *request);
    assert (request);
    for (size_t i = self->command_sent;
         i < self->command_count && count < BATCH_MAX; i++) {
        covey_replog_command_t *command =
            &self->commands[(self->command_first + i) % self->config.queue_max];
        size += command->bytes.len + COVEY_REPLOG_WIRE_ENTRY;
        if (count > 0 && size > self->config.message_max)
            break;
        command->index = index + count;
        bytes[count++] = command->bytes;
    }
    self->command_sent += count;
    if (raft_apply (&self->raft, request, bytes, (unsigned)count, s_on_batch))
        covey_replog_break (self, COVEY_STATE, "the log takes no commands");
    covey_replog_settle (self);
}

static void
s_send_batches (covey_replog_t *self)
{
    while (!self->broken && self->command_sent < self->command_count &&
           covey_replog_leads (self) && self->led_term &&
           (covey_replog_is_idle (self) || COVEY_FAULT (NO_G5_BATCH)) &&
           !covey_replog_change_waits (self))
        s_send_batch (self);
}

/* ---- the end of leading -----------------------------------------------------
 */

void
covey_replog_yield (covey_replog_t *self, uint64_t heir)
{
    if (!covey_replog_leads (self) ||
        covey_replog_is_sole (self, &self->raft.configuration))
        return;
    self->yielding = true;
    self->heir = heir;
    self->heir_until_ms = self->now_ms + self->config.election_ms;
}

/*  Who lacks what others have is not elected: a moment to get it.           */
static bool
s_heir_is_ready (const covey_replog_t *self)
{
    if (!self->heir || self->now_ms >= self->heir_until_ms)
        return true;
    for (size_t i = 0; i < covey_replog_member_count (self); i++) {
        covey_replog_member_t member;
        covey_replog_member (self, i, &member);
        if (member.member_id == self->heir)
            return member.match >= covey_replog_last_index (self);
    }
    return true;
}

void
covey_replog_succeed (covey_replog_t *self, bool by_us)
{
    if (covey_replog_leads (self))
        return;
    if (!by_us) {
        self->silent_until_ms = self->now_ms + 2 * self->config.election_ms;
        return;
    }
    /* As if nobody had been heard for the longest that libraft ever waits. */
    self->heard_ms = -1;
    self->silent_until_ms = INT64_MIN;
    self->raft.election_timer_start = self->raft.io->time (self->raft.io) -
                                      2 * (raft_time)self->config.election_ms;
    self->tick_ms = self->now_ms;
}

/*  What was under way is through: a new term ends the leadership, and silence
    lets another one be elected in a later one.                               */
static void
s_step_down (covey_replog_t *self)
{
    if (!self->yielding || !covey_replog_leads (self) ||
        (self->led_term &&
         (self->command_count > 0 || !covey_replog_is_idle (self))) ||
        !s_heir_is_ready (self))
        return;
    self->yielding = false;
    covey_replog_raise_term (self, self->raft.current_term + 1);
    covey_replog_settle (self);
    self->heard_ms = -1;
    self->silent_until_ms = self->now_ms + 2 * self->config.election_ms;
}

/* ---- the pump ---------------------------------------------------------------
 */

static int64_t
s_tick_every (const covey_replog_t *self)
{
    bool alone = covey_replog_leads (self) && self->raft.configuration.n == 1;
    int64_t every_ms =
        alone ? self->config.election_ms / 2 : self->config.heartbeat_ms / 2;
    return every_ms > 0 ? every_ms : 1;
}

static void
s_tick (covey_replog_t *self)
{
    if (self->broken || self->now_ms < self->tick_ms)
        return;
    self->tick_ms = self->now_ms + s_tick_every (self);
    covey_replog_tick (self);
    covey_replog_settle (self);
    if (self->broken)
        return;
    covey_replog_resend_pieces (self);
    covey_replog_settle (self);
}

covey_err_t
covey_replog_pump (covey_replog_t *self, int64_t now_ms, covey_errbuf_t *err)
{
    if (now_ms > self->now_ms)
        self->now_ms = now_ms;
    if (!self->broken)
        covey_replog_settle (self); /* what the start or a submit left */
    s_take_inbox (self);
    s_tick (self);
    s_note_leading (self);
    if (!self->broken)
        covey_replog_change_step (self);
    s_send_batches (self);
    s_note_leading (self);
    if (!self->broken && self->question_count > 0)
        covey_replog_ask (self);
    if (!self->broken)
        s_step_down (self);
    if (!self->broken)
        covey_replog_put_more (self);
    s_note_leading (self);
    covey_replog_apply_due (self);
    if (self->broken)
        return covey_fail (err, self->broken, "%s", self->broken_err.text);
    return COVEY_OK;
}

int64_t
covey_replog_next_ms (const covey_replog_t *self)
{
    bool waits = covey_replog_change_waits (self);
    bool ready = (self->command_sent < self->command_count && !waits) ||
                 (self->change && !self->change_seen) ||
                 (self->yielding && s_heir_is_ready (self));
    if (self->inbox_count > 0 || covey_replog_puts (self) ||
        (ready && covey_replog_is_idle (self)))
        return self->now_ms;
    if (self->question_count > 0 &&
        self->questions[self->question_count - 1].round == 0)
        return self->now_ms;
    int64_t next_ms = self->tick_ms;
    if (self->question_count > 0 && self->questions[0].until_ms < next_ms)
        next_ms = self->questions[0].until_ms;
    return next_ms;
}

/* ---- getters ----------------------------------------------------------------
 */

uint64_t
covey_replog_member_id (const covey_replog_t *self)
{
    return self->meta.member_id;
}

covey_id_t
covey_replog_cluster (const covey_replog_t *self)
{
    return self->meta.cluster;
}

bool
covey_replog_is_leader (const covey_replog_t *self)
{
    return self->led_term && self->led_term == self->raft.current_term &&
           covey_replog_leads (self) && !self->yielding && !self->broken;
}

const covey_id_t *
covey_replog_leader (const covey_replog_t *self)
{
    return covey_id_is_zero (self->leader_node.bytes) ? NULL
                                                      : &self->leader_node;
}

uint64_t
covey_replog_term (const covey_replog_t *self)
{
    return self->raft.current_term;
}

uint64_t
covey_replog_last (const covey_replog_t *self)
{
    return covey_replog_last_index (self);
}

uint64_t
covey_replog_applied (const covey_replog_t *self)
{
    return self->applied;
}

uint64_t
covey_replog_snapshot (const covey_replog_t *self)
{
    return self->snapshot_index;
}

int64_t
covey_replog_silence_ms (const covey_replog_t *self, int64_t now_ms)
{
    if (covey_replog_leads (self))
        return 0;
    return self->fresh_ms < 0 ? -1 : now_ms - self->fresh_ms;
}

const covey_replog_stats_t *
covey_replog_stats (const covey_replog_t *self)
{
    return &self->stats;
}

size_t
covey_replog_member_count (const covey_replog_t *self)
{
    return self->raft.configuration.n;
}

void
covey_replog_member (const covey_replog_t *self, size_t i,
                     covey_replog_member_t *member)
{
    const struct raft_server *server = &self->raft.configuration.servers[i];
    memset (member, 0, sizeof *member);
    member->member_id = server->id;
    covey_replog_parse_address (server->address, &member->node_id);
    member->role =
        server->role == RAFT_VOTER ? COVEY_REPLOG_VOTER : COVEY_REPLOG_SPARE;
    member->heard_ms = -1;
    if (covey_replog_leads (self))
        member->match = self->raft.leader_state.progress[i].match_index;
    for (size_t j = 0; j < COVEY_REPLOG_MEMBERS_MAX; j++)
        if (self->peers[j].member_id == server->id)
            member->heard_ms = self->peers[j].heard_ms;
}
