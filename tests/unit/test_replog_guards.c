/*  replog_guards: what libraft 0.15 does wrong does not happen behind the
    guards; and it does happen when a guard is left out, so that each of these
    scripts is known to see it

    A script plays the others to one member, by messages, and returns whether
   all was sound. It runs in a process of its own: without a guard the library
   may crash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "coordinator/replog_impl.h"

int covey_replog_fault;

#define B 1001u
#define C 1002u
#define D 1003u
#define SENT_MAX 4096

/* ---- a member and its surroundings ------------------------------------------
 */

typedef struct {
    covey_replog_store_t store; /* forwards to `inner`, and knows of promises */
    covey_replog_store_t *inner;
    bool staged;
    covey_replog_config_t config;
    covey_replog_t *log;
    int64_t now_ms;
    covey_id_t cluster;
    covey_replog_message_t sent[SENT_MAX]; /* without what they borrow        */
    size_t sent_count;
    bool early; /* something that promises left before the commit           */
    char all[1024]; /* applied                                                */
    uint64_t tickets; /* of what was applied, as a sum                        */
    uint64_t snapshot_members; /* of the last snapshot that was put           */
} s_kit_t;

static s_kit_t s_kit;

static covey_err_t
s_read (covey_replog_store_t *store, const covey_replog_reader_t *to,
        covey_errbuf_t *err)
{
    (void)store;
    return s_kit.inner->klass->read (s_kit.inner, to, err);
}

static covey_err_t
s_set_meta (covey_replog_store_t *store, const covey_replog_meta_t *meta,
            covey_errbuf_t *err)
{
    (void)store;
    s_kit.staged = true;
    return s_kit.inner->klass->set_meta (s_kit.inner, meta, err);
}

static covey_err_t
s_append (covey_replog_store_t *store, const covey_replog_entry_t *entry,
          covey_errbuf_t *err)
{
    (void)store;
    s_kit.staged = true;
    return s_kit.inner->klass->append (s_kit.inner, entry, err);
}

static covey_err_t
s_truncate (covey_replog_store_t *store, uint64_t index, covey_errbuf_t *err)
{
    (void)store;
    s_kit.staged = true;
    return s_kit.inner->klass->truncate (s_kit.inner, index, err);
}

static covey_err_t
s_prepare_snapshot (covey_replog_store_t *store,
                    covey_replog_snapshot_t *snapshot, covey_errbuf_t *err)
{
    (void)store;
    return s_kit.inner->klass->prepare_snapshot (s_kit.inner, snapshot, err);
}

static covey_err_t
s_drop_head (covey_replog_store_t *store, uint64_t first_kept, bool *more_p,
             covey_errbuf_t *err)
{
    (void)store;
    return s_kit.inner->klass->drop_head (s_kit.inner, first_kept, more_p, err);
}

static covey_err_t
s_put_snapshot (covey_replog_store_t *store,
                const covey_replog_snapshot_t *snapshot, uint64_t first_kept,
                covey_errbuf_t *err)
{
    (void)store;
    s_kit.staged = true;
    s_kit.snapshot_members = snapshot->members_index;
    return s_kit.inner->klass->put_snapshot (s_kit.inner, snapshot, first_kept,
                                             err);
}

static covey_err_t
s_get_snapshot (covey_replog_store_t *store, const covey_replog_reader_t *to,
                covey_errbuf_t *err)
{
    (void)store;
    return s_kit.inner->klass->get_snapshot (s_kit.inner, to, err);
}

static covey_err_t
s_commit (covey_replog_store_t *store, covey_errbuf_t *err)
{
    (void)store;
    s_kit.staged = false;
    return s_kit.inner->klass->commit (s_kit.inner, err);
}

static void
s_send (void *arg, const covey_id_t *node_id, const void *data, size_t size)
{
    (void)arg;
    (void)node_id;
    covey_replog_message_t message;
    if (covey_replog_wire_read (data, size, &message))
        abort ();
    if (s_kit.staged && message.kind != COVEY_REPLOG_APPEND)
        s_kit.early = true;
    s_kit.sent[s_kit.sent_count++ % SENT_MAX] = message;
}

static void
s_add (const void *data, size_t size)
{
    size_t used = strlen (s_kit.all);
    if (used + size < sizeof s_kit.all)
        memcpy (s_kit.all + used, data, size);
}

static void
s_apply (void *arg, uint64_t index, const void *data, size_t size,
         uint64_t ticket)
{
    (void)arg;
    (void)index;
    s_kit.tickets += ticket;
    s_add (data, size);
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
    (void)arg;
    covey_buf_puts (to, s_kit.all);
}

static covey_err_t
s_load (void *arg, uint64_t index, const void *data, size_t size,
        covey_errbuf_t *err)
{
    (void)arg;
    (void)index;
    (void)err;
    memset (s_kit.all, 0, sizeof s_kit.all);
    s_add (data, size);
    return COVEY_OK;
}

static void
s_leads (void *arg, bool leads)
{
    (void)arg;
    (void)leads;
}

static void
s_open (void)
{
    static const covey_replog_store_class_t klass = {
        .read = s_read,
        .set_meta = s_set_meta,
        .append = s_append,
        .truncate = s_truncate,
        .prepare_snapshot = s_prepare_snapshot,
        .put_snapshot = s_put_snapshot,
        .drop_head = s_drop_head,
        .get_snapshot = s_get_snapshot,
        .commit = s_commit,
    };
    covey_replog_callbacks_t callbacks = {.send = s_send,
                                          .apply = s_apply,
                                          .done = s_done,
                                          .save = s_save,
                                          .load = s_load,
                                          .leads = s_leads};
    covey_errbuf_t err;
    s_kit.store.klass = &klass;
    memset (s_kit.all, 0, sizeof s_kit.all);
    if (!s_kit.inner && covey_replog_store_sqlite (NULL, &s_kit.inner, &err))
        abort ();
    if (covey_replog_open (&s_kit.config, &callbacks, &s_kit.store,
                           s_kit.now_ms, &s_kit.log, &err))
        abort ();
}

static void
s_restart (void)
{
    covey_replog_close (&s_kit.log);
    s_open ();
}

static bool
s_pump (void)
{
    covey_errbuf_t err;
    return covey_replog_pump (s_kit.log, s_kit.now_ms, &err) == COVEY_OK;
}

static void
s_start (bool found)
{
    s_kit.now_ms = 1000;
    s_kit.config.node_id.bytes[0] = 'a';
    s_kit.config.seed = 7;
    s_kit.config.found = found;
    s_kit.config.election_ms = 300;
    s_kit.config.heartbeat_ms = 50;
    memset (s_kit.cluster.bytes, 'L', 16);
    s_open ();
    s_pump ();
}

/*  The last message of a kind that was sent; NULL: none.                    */
static const covey_replog_message_t *
s_last_sent (covey_replog_kind_t kind)
{
    for (size_t i = s_kit.sent_count; i > 0; i--)
        if (s_kit.sent[i - 1].kind == kind)
            return &s_kit.sent[i - 1];
    return NULL;
}

/* ---- what others say --------------------------------------------------------
 */

static covey_id_t
s_node (uint64_t member)
{
    covey_id_t id = {{0}};
    id.bytes[0] = member == B   ? 'b'
                  : member == C ? 'c'
                  : member == D ? 'd'
                                : 'a';
    return id;
}

static covey_replog_message_t
s_message (covey_replog_kind_t kind, uint64_t from, uint64_t term)
{
    return (covey_replog_message_t){.kind = kind,
                                    .cluster = s_kit.cluster,
                                    .from = from,
                                    .to = covey_replog_member_id (s_kit.log),
                                    .from_node = s_node (from),
                                    .term = term};
}

static bool
s_say_with (const covey_replog_message_t *message, const covey_buf_t *entries)
{
    covey_buf_t bytes;
    covey_buf_init (&bytes, COVEY_REPLOG_MESSAGE_MAX);
    covey_replog_wire_write (message, &bytes);
    if (entries)
        covey_buf_append (&bytes, entries->data, entries->size);
    if (covey_replog_receive (s_kit.log, s_kit.now_ms, bytes.data, bytes.size))
        abort ();
    covey_buf_deinit (&bytes);
    return s_pump ();
}

static bool
s_say (const covey_replog_message_t *message)
{
    return s_say_with (message, NULL);
}

/*  Entries to append: commands, and lists of members.                       */
static covey_buf_t s_entries;
static uint32_t s_entry_count;

static void
s_put_entry (uint64_t term, uint8_t kind, const void *data, size_t size)
{
    covey_replog_wire_entry_t entry = {
        .term = term, .kind = kind, .data = data, .size = size};
    if (!s_entries.max)
        covey_buf_init (&s_entries, 1 << 20);
    covey_replog_wire_entry (&s_entries, &entry);
    s_entry_count++;
}

static void
s_put_command (uint64_t term, const char *text)
{
    s_put_entry (term, RAFT_COMMAND, text, strlen (text));
}

/*  B and C have votes, this member as `role`; D is a voter, or (0) not there.
 */
static void
s_put_members (uint64_t term, int role, bool with_d)
{
    struct raft_configuration members;
    struct raft_buffer packed;
    raft_configuration_init (&members);
    uint64_t ids[] = {covey_replog_member_id (s_kit.log), B, C, D};
    for (int i = 0; i < (with_d ? 4 : 3); i++) {
        char address[33];
        covey_id_t node_id = s_node (ids[i]);
        covey_replog_address (&node_id, address);
        raft_configuration_add (&members, ids[i], address,
                                i == 0 ? role : RAFT_VOTER);
    }
    raft_configuration_encode (&members, &packed);
    s_put_entry (term, RAFT_CHANGE, packed.base, packed.len);
    raft_free (packed.base);
    raft_configuration_close (&members);
}

/*  ... and append what was put.                                             */
static bool
s_say_append (uint64_t from, uint64_t term, uint64_t prev, uint64_t prev_term,
              uint64_t commit)
{
    covey_replog_message_t message =
        s_message (COVEY_REPLOG_APPEND, from, term);
    message.index = prev;
    message.index_term = prev_term;
    message.commit = commit;
    message.entry_count = s_entry_count;
    bool ok = s_say_with (&message, &s_entries);
    covey_buf_clear (&s_entries);
    s_entry_count = 0;
    return ok;
}

/*  A follower of B in term 1, three voters; commands "2".."N" behind the
    members, all committed up to `commit`.                                    */
static void
s_follow (uint64_t last, uint64_t commit)
{
    s_start (false);
    s_put_members (1, RAFT_VOTER, false);
    for (uint64_t i = 2; i <= last; i++) {
        char text[2] = {(char)('0' + i), '\0'};
        s_put_command (1, text);
    }
    s_say_append (B, 1, 0, 0, commit);
}

static void
s_wait_ms (int64_t ms)
{
    for (int64_t until = s_kit.now_ms + ms; s_kit.now_ms < until;) {
        s_kit.now_ms += 10;
        s_pump ();
    }
}

/*  Time passes until this member asks for votes, C gives its own.           */
static uint64_t
s_lead (void)
{
    for (int i = 0; i < 1000 && !covey_replog_leads (s_kit.log); i++) {
        size_t before = s_kit.sent_count;
        s_wait_ms (10);
        for (size_t j = before; j < s_kit.sent_count; j++) {
            covey_replog_message_t vote = s_kit.sent[j];
            if (vote.kind != COVEY_REPLOG_VOTE || vote.to != C)
                continue;
            covey_replog_message_t answer =
                s_message (COVEY_REPLOG_VOTED, C, vote.term);
            answer.pre = vote.pre;
            answer.yes = true;
            s_say (&answer);
        }
    }
    return covey_replog_term (s_kit.log);
}

static void
s_say_appended (uint64_t from, uint64_t index)
{
    covey_replog_message_t answer =
        s_message (COVEY_REPLOG_APPENDED, from, covey_replog_term (s_kit.log));
    answer.index = index;
    s_say (&answer);
}

/* ---- scripts ----------------------------------------------------------------
 */

static bool
s_g1_nothing_is_promised_before_it_is_stored (void)
{
    s_follow (3, 1);
    covey_replog_message_t vote = s_message (COVEY_REPLOG_VOTE, C, 5);
    vote.index = 9;
    vote.index_term = 4;
    s_wait_ms (400);
    s_say (&vote);
    return !s_kit.early && s_last_sent (COVEY_REPLOG_APPENDED) &&
           s_last_sent (COVEY_REPLOG_VOTED)->yes;
}

static bool
s_g2_entries_of_older_terms_are_not_counted (void)
{
    s_follow (2, 1); /* "2" is not committed */
    s_lead ();
    s_say_appended (C, 2);
    if (s_kit.all[0]) /* it could still be overwritten: Figure 8 */
        return false;
    s_say_appended (C, 3);
    return strcmp (s_kit.all, "2") == 0;
}

static bool
s_g3_only_what_was_compared_is_acknowledged (void)
{
    s_follow (5, 1);
    s_say_append (C, 2, 2, 1, 1);
    return s_last_sent (COVEY_REPLOG_APPENDED)->rejected == 0 &&
           s_last_sent (COVEY_REPLOG_APPENDED)->index == 2;
}

static bool
s_g3_only_what_was_compared_is_committed (void)
{
    s_follow (5, 1);
    s_say_append (C, 2, 2, 1, 5);
    return strcmp (s_kit.all, "2") == 0;
}

static bool
s_g4_one_vote_per_term (void)
{
    s_follow (2, 1);
    s_wait_ms (400);
    covey_replog_message_t vote = s_message (COVEY_REPLOG_VOTE, B, 9);
    vote.index = 5;
    vote.index_term = 3;
    s_say (&vote);
    bool first = s_last_sent (COVEY_REPLOG_VOTED)->yes;
    s_restart ();
    vote.from = C;
    vote.from_node = s_node (C);
    vote.to = covey_replog_member_id (s_kit.log);
    s_say (&vote);
    return first && !s_last_sent (COVEY_REPLOG_VOTED)->yes;
}

static bool
s_g5_one_batch_is_under_way (void)
{
    s_follow (2, 1);
    s_lead ();
    s_say_appended (C, 3);
    covey_errbuf_t err;
    for (int i = 0; i < 3; i++) {
        if (covey_replog_submit (s_kit.log, "x", 1, 1, &err))
            return false;
        s_pump ();
    }
    return covey_replog_last (s_kit.log) == 4;
}

static bool
s_g6_a_leader_obeys_no_other_of_its_term (void)
{
    s_follow (2, 1);
    uint64_t term = s_lead ();
    size_t before = s_kit.sent_count;
    s_say_append (B, term, 2, 1, 2);
    const covey_replog_message_t *answer = s_last_sent (COVEY_REPLOG_APPENDED);
    return covey_replog_leads (s_kit.log) && s_kit.all[0] == '\0' &&
           (!answer || answer < &s_kit.sent[before]);
}

static bool
s_g7_what_a_snapshot_holds_is_not_appended_again (void)
{
    s_kit.config.snapshot_entries = 3;
    s_kit.config.trailing_entries = 1;
    s_follow (9, 9);
    if (covey_replog_snapshot (s_kit.log) != 9)
        return false;
    s_put_members (1, RAFT_VOTER, false); /* a late one */
    s_put_command (1, "2");
    s_put_command (1, "3");
    return s_say_append (B, 1, 0, 0, 9) && covey_replog_last (s_kit.log) == 9 &&
           s_last_sent (COVEY_REPLOG_APPENDED)->rejected == 0 &&
           strcmp (s_kit.all, "23456789") == 0;
}

static bool
s_g8_members_that_lose_are_taken_back (void)
{
    s_follow (3, 3);
    s_put_members (1, RAFT_VOTER, true); /* by B, for nobody else */
    s_say_append (B, 1, 3, 1, 3);
    if (covey_replog_member_count (s_kit.log) != 4)
        return false;
    s_restart ();
    s_put_command (2, "x");
    s_say_append (C, 2, 3, 1, 4);
    return covey_replog_member_count (s_kit.log) == 3 &&
           covey_replog_last (s_kit.log) == 4;
}

static bool
s_g8_the_state_does_not_notice (void)
{
    s_follow (3, 3);
    s_put_members (1, RAFT_VOTER, true);
    s_say_append (B, 1, 3, 1, 3);
    s_put_command (2, "x");
    s_say_append (C, 2, 3, 1, 4);
    return covey_replog_stats (s_kit.log)->reloads == 1 &&
           strcmp (s_kit.all, "23x") == 0;
}

static bool
s_g9_a_sole_voter_leads_in_a_new_term (void)
{
    s_start (true);
    uint64_t term = covey_replog_term (s_kit.log);
    s_restart ();
    s_pump ();
    return covey_replog_is_leader (s_kit.log) &&
           covey_replog_term (s_kit.log) > term;
}

static bool
s_g10_a_snapshot_holds_members_that_are_committed (void)
{
    s_kit.config.snapshot_entries = 4;
    s_follow (3, 3);
    for (uint64_t i = 4; i <= 6; i++)
        s_put_command (1, "x");
    s_put_members (1, RAFT_VOTER, true); /* 7, not committed */
    s_say_append (B, 1, 3, 1, 6);
    return covey_replog_snapshot (s_kit.log) == 6 &&
           s_kit.snapshot_members == 1;
}

static bool
s_g11_a_refused_candidate_learns_the_term (void)
{
    s_follow (5, 1);
    s_say_append (B, 7, 5, 1, 1);
    s_wait_ms (300);
    covey_replog_message_t vote = s_message (COVEY_REPLOG_VOTE, C, 3);
    vote.pre = true;
    vote.index = 2;
    vote.index_term = 1;
    s_say (&vote);
    const covey_replog_message_t *answer = s_last_sent (COVEY_REPLOG_VOTED);
    return !answer->yes && answer->term >= 7;
}

static bool
s_g11_who_was_promoted_elsewhere_votes (void)
{
    s_start (false);
    s_put_members (1, RAFT_STANDBY, false);
    s_say_append (B, 1, 0, 0, 1);
    s_wait_ms (400);
    covey_replog_message_t vote = s_message (COVEY_REPLOG_VOTE, B, 2);
    vote.index = 2; /* with the promotion */
    vote.index_term = 1;
    s_say (&vote);
    return s_last_sent (COVEY_REPLOG_VOTED)->yes;
}

static void
s_on_sent (struct raft_io_send *request, int status)
{
    (void)status;
    *(bool *)request->data = true;
}

static bool
s_g12_an_answer_to_nobody_is_not_sent (void)
{
    s_follow (2, 1);
    bool ended = false;
    struct raft_io_send request = {.data = &ended};
    struct raft_message message = {.type = RAFT_IO_APPEND_ENTRIES_RESULT};
    size_t before = s_kit.sent_count;
    return s_kit.log->io.send (&s_kit.log->io, &request, &message, s_on_sent) ==
               0 &&
           !ended && s_pump () && ended && s_kit.sent_count == before;
}

/*  Not of libraft: what a snapshot of another leader replaces is gone.      */
static bool
s_a_snapshot_replaces_entries_that_conflict (void)
{
    s_follow (9, 2);
    s_put_members (1, RAFT_VOTER, false);
    covey_replog_message_t piece = s_message (COVEY_REPLOG_PIECE, C, 3);
    covey_replog_wire_entry_t list;
    covey_replog_message_t append = {.data = s_entries.data,
                                     .data_size = s_entries.size};
    size_t at = 0;
    list = covey_replog_wire_next (&append, &at);
    piece.index = 5;
    piece.index_term = 2; /* ours is of term 1 */
    piece.total = 4;
    piece.members_index = 1;
    piece.members = list.data;
    piece.members_size = list.size;
    piece.data = (const uint8_t *)"2abc";
    piece.data_size = 4;
    bool ok = s_say (&piece);
    return ok && covey_replog_last (s_kit.log) == 5 &&
           covey_replog_snapshot (s_kit.log) == 5 &&
           strcmp (s_kit.all, "2abc") == 0 &&
           s_last_sent (COVEY_REPLOG_PIECED)->yes;
}

/*  What another leader put in the place of our command is not our command.   */
static bool
s_a_ticket_ends_with_its_own_command (void)
{
    s_follow (2, 1);
    uint64_t term = s_lead ();
    s_say_appended (C, 3);
    covey_errbuf_t err;
    covey_replog_submit (s_kit.log, "m", 1, 1, &err);
    covey_replog_submit (s_kit.log, "n", 1, 1, &err);
    s_pump ();
    if (covey_replog_last (s_kit.log) != 5)
        return false;
    s_put_entry (term + 1, RAFT_BARRIER, "12345678", 8);
    s_put_command (term + 1, "x");
    s_say_append (C, term + 1, 3, term, 5);
    return strcmp (s_kit.all, "2x") == 0 && s_kit.tickets == 0;
}

/*  An append of a leader that is none any more contradicts nothing.         */
static bool
s_a_late_append_of_an_old_leader_is_refused (void)
{
    s_follow (2, 2);
    s_put_command (3, "3");
    s_say_append (C, 3, 2, 1, 3);
    s_put_command (2, "x");
    bool ok = s_say_append (B, 2, 2, 1, 3);
    return ok && strcmp (s_kit.all, "23") == 0;
}

/*  A message that is well-formed but holds nonsense must not stop a member.  */
static bool
s_nonsense_inside_is_refused (void)
{
    s_follow (2, 2);
    s_put_entry (1, RAFT_CHANGE, "\1\1\0\0\0\0\0\0\0zzzzzzz", 16);
    bool ok = s_say_append (B, 1, 2, 1, 3);
    return ok && covey_replog_last (s_kit.log) == 2 &&
           covey_replog_stats (s_kit.log)->refused == 1;
}

/* ---- with and without -------------------------------------------------------
 */

typedef bool (s_script_fn) (void);

static bool
s_is_sound (s_script_fn *script, int fault)
{
    pid_t pid = fork ();
    if (pid == 0) {
        covey_replog_fault = fault;
        alarm (20);
        _exit (script () ? 0 : 1);
    }
    int status = 0;
    assert_true (pid > 0 && waitpid (pid, &status, 0) == pid);
    return WIFEXITED (status) && WEXITSTATUS (status) == 0;
}

#define SCRIPT(script, fault)                                            \
    static void test_##script (void **state)                             \
    {                                                                    \
        (void)state;                                                     \
        assert_true (s_is_sound (s_##script, COVEY_FAULT_NONE));         \
        if (COVEY_FAULT_##fault != COVEY_FAULT_NONE)                     \
            assert_false (s_is_sound (s_##script, COVEY_FAULT_##fault)); \
    }

SCRIPT (g1_nothing_is_promised_before_it_is_stored, NO_G1_ORDER)
SCRIPT (g2_entries_of_older_terms_are_not_counted, NO_G2_BARRIER)
SCRIPT (g3_only_what_was_compared_is_acknowledged, NO_G3_ACK)
SCRIPT (g3_only_what_was_compared_is_committed, NO_G3_COMMIT)
SCRIPT (g4_one_vote_per_term, NO_G4_VOTE)
SCRIPT (g5_one_batch_is_under_way, NO_G5_BATCH)
SCRIPT (g6_a_leader_obeys_no_other_of_its_term, NO_G6_OWN_TERM)
SCRIPT (g7_what_a_snapshot_holds_is_not_appended_again, NO_G7_TRIM)
SCRIPT (g8_members_that_lose_are_taken_back, NO_G8_RELOAD)
SCRIPT (g8_the_state_does_not_notice, APPLY_TWICE)
SCRIPT (g9_a_sole_voter_leads_in_a_new_term, NO_G9_TERM)
SCRIPT (g10_a_snapshot_holds_members_that_are_committed, NO_G10_MEMBERS)
SCRIPT (g11_a_refused_candidate_learns_the_term, NO_G11_PREVOTE)
SCRIPT (g11_who_was_promoted_elsewhere_votes, NO_G11_VOTE)
SCRIPT (g12_an_answer_to_nobody_is_not_sent, NO_G12_SEND)
SCRIPT (a_snapshot_replaces_entries_that_conflict, SNAPSHOT_KEEPS_TAIL)
SCRIPT (a_ticket_ends_with_its_own_command, TICKET_OF_OTHER)
SCRIPT (a_late_append_of_an_old_leader_is_refused, NONE)
SCRIPT (nonsense_inside_is_refused, NONE)

int
main (void)
{
#define TEST(name) cmocka_unit_test (test_##name)
    const struct CMUnitTest tests[] = {
        TEST (g1_nothing_is_promised_before_it_is_stored),
        TEST (g2_entries_of_older_terms_are_not_counted),
        TEST (g3_only_what_was_compared_is_acknowledged),
        TEST (g3_only_what_was_compared_is_committed),
        TEST (g4_one_vote_per_term),
        TEST (g5_one_batch_is_under_way),
        TEST (g6_a_leader_obeys_no_other_of_its_term),
        TEST (g7_what_a_snapshot_holds_is_not_appended_again),
        TEST (g8_members_that_lose_are_taken_back),
        TEST (g8_the_state_does_not_notice),
        TEST (g9_a_sole_voter_leads_in_a_new_term),
        TEST (g10_a_snapshot_holds_members_that_are_committed),
        TEST (g11_a_refused_candidate_learns_the_term),
        TEST (g11_who_was_promoted_elsewhere_votes),
        TEST (g12_an_answer_to_nobody_is_not_sent),
        TEST (a_snapshot_replaces_entries_that_conflict),
        TEST (a_ticket_ends_with_its_own_command),
        TEST (a_late_append_of_an_old_leader_is_refused),
        TEST (nonsense_inside_is_refused),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
