/*  replog - one member's part of the replicated log: a command goes in and
    comes back committed, in the same order everywhere

    Role      the port to the engine. replog*.c are the only files that know
              libraft; another engine would fill the same functions
    Shape     no clock, socket, thread or unseeded random number inside; the
              file is behind covey_replog_store_t. Events (time, a message, a
              command) only change memory; covey_replog_pump then writes once,
              commits once and sends, so nothing leaves that a crash could
              take back; what is committed by then is applied behind that,
              since nobody else waits for it
    Sole      a log with one voter is the same code: it leads at once and a
              commit is one write to its own disk
    Threads   one at a time. No function may be called from a callback, but
              for the getters
    Source    Ongaro & Ousterhout, "In Search of an Understandable Consensus
              Algorithm", 2014; Ongaro's dissertation, 2014 (membership,
              snapshots, linearizable reads)
*/
#ifndef COVEY_REPLOG_H_INCLUDED
#define COVEY_REPLOG_H_INCLUDED

#include "base/buf.h"
#include "base/err.h"
#include "base/id.h"

#define COVEY_REPLOG_MEMBERS_MAX 9 /* voters and spares */
#define COVEY_REPLOG_ENTRY_MAX (COVEY_EVENT_MAX + 65536)
/*  A message to another member is at most this large: one entry of the largest
    size. Smaller ones go together, and snapshots go in pieces, both up to
    message_max.                                                              */
#define COVEY_REPLOG_MESSAGE_MAX (COVEY_REPLOG_ENTRY_MAX + 4096)
#define COVEY_REPLOG_BATCH_BYTES 1048576
#define COVEY_REPLOG_ELECTION_MS 1000
#define COVEY_REPLOG_HEARTBEAT_MS 100

typedef struct covey_replog covey_replog_t;
typedef struct covey_replog_store covey_replog_store_t; /* replog_store.h    */

typedef enum {
    COVEY_REPLOG_SPARE, /* gets the log, has no vote                          */
    COVEY_REPLOG_VOTER
} covey_replog_role_t;

typedef struct {
    uint64_t member_id; /* random, made with the store, never used again: who
                           was wiped comes back as somebody else              */
    covey_id_t node_id; /* where it lives                                     */
    covey_replog_role_t role;
    uint64_t match;   /* the leader's knowledge: stored up to here            */
    int64_t heard_ms; /* the leader's knowledge: last answer; -1 never        */
} covey_replog_member_t;

typedef struct {
    void *arg;
    /*  Bytes for the member on a node (never this one). They may be lost,
        doubled or late.                                                      */
    void (*send) (void *arg, const covey_id_t *node_id, const void *data,
                  size_t size);
    /*  A committed command, exactly once and in order. `ticket` is the one it
        was submitted with here, in this life and leadership; else 0.         */
    void (*apply) (void *arg, uint64_t index, const void *data, size_t size,
                   uint64_t ticket);
    /*  It is about to wait for the disk, and what was applied was told: what
        that made ready may leave now, so that others work meanwhile. May be
        NULL.                                                                 */
    void (*waits) (void *arg);
    /*  The end of a submit, a read or a change of members. OK for a read: what
        is applied now is at least what was acknowledged before it was asked.
        A submit ends here only when it was not applied under its ticket:
        NOCOORDINATOR says that its outcome is unknown (`text` says so), the
        same command may be submitted again.                                  */
    void (*done) (void *arg, uint64_t ticket, covey_err_t code,
                  const char *text);
    /*  The state after all that was applied, into `to` (empty, no bound but
        memory); and the other way: forget everything, take over this one. An
        error of `load` stops this member.                                    */
    void (*save) (void *arg, covey_buf_t *to);
    covey_err_t (*load) (void *arg, uint64_t index, const void *data,
                         size_t size, covey_errbuf_t *err);
    /*  It leads (all earlier commands are applied), or leads no more.        */
    void (*leads) (void *arg, bool leads);
} covey_replog_callbacks_t;

typedef struct {
    covey_id_t node_id;
    uint64_t seed;        /* of election timeouts and of new ids: another one
                             at each open                                     */
    bool found;           /* an empty store begins a log of its own; otherwise
                             it waits until a leader adds it                  */
    int64_t election_ms;  /* 0: the default. At least ten times a slow fsync  */
    int64_t heartbeat_ms; /* 0: the default                                   */
    uint32_t snapshot_entries; /* 0: 4096. A snapshot is taken after as many
                             commands, and not before the log since the last
                             one is as large as that one                      */
    size_t snapshot_bytes; /* ... or as this; 0: 32 MiB where the entries are as
                             by default, else no bound. Up to half as much more,
                             so that members take turns                       */
    uint32_t trailing_entries; /* 0: 2048 stay behind a snapshot              */
    size_t queue_max;          /* 0: 8192 commands without an outcome         */
    size_t queue_bytes_max;    /* 0: 64 MiB of them                           */
    size_t snapshot_max;       /* 0: 4 GiB; a larger one is not taken over    */
    size_t message_max;        /* 0: COVEY_REPLOG_BATCH_BYTES                 */
} covey_replog_config_t;

/*  Reads the store and waits for events; `load` comes out of it for a snapshot,
    and `apply` for all entries of an only voter. `store` is borrowed and must
    outlive it; `now_ms` is monotonic, here and below. IO, CORRUPT, VERSION: the
    message names the file and what to do.                                    */
covey_err_t covey_replog_open (const covey_replog_config_t *config,
                               const covey_replog_callbacks_t *callbacks,
                               covey_replog_store_t *store, int64_t now_ms,
                               covey_replog_t **log_p, covey_errbuf_t *err);
/*  No callback comes out of it.                                             */
void covey_replog_close (covey_replog_t **self_p);

/*  Counted since it was opened.                                             */
typedef struct {
    uint64_t refused;   /* messages not well-formed, of another log, for
                           another member, or without room                    */
    uint64_t terms;     /* times it became leader                             */
    uint64_t reloads;   /* times the engine was started anew from the store   */
    uint64_t snapshots; /* taken                                              */
    uint64_t installed; /* taken over from a leader                           */
    uint64_t commits;   /* of the store                                       */
} covey_replog_stats_t;

/* ---- events -----------------------------------------------------------------
 */

/*  A message of another member. INVALID: not well-formed or of another log;
    nothing changed.                                                          */
covey_err_t covey_replog_receive (covey_replog_t *self, int64_t now_ms,
                                  const void *data, size_t size);
/*  Ask for a command to be committed; `ticket` is not 0. NOCOORDINATOR: it does
    not lead. EAGAIN: its queue is full. LIMIT: larger than
    COVEY_REPLOG_ENTRY_MAX. After OK the outcome is `apply` or `done`.        */
covey_err_t covey_replog_submit (covey_replog_t *self, const void *data,
                                 size_t size, uint64_t ticket,
                                 covey_errbuf_t *err);
/*  Ask a majority whether it still leads; ends with `done`, at the latest after
    an election timeout.                                                      */
covey_err_t covey_replog_read (covey_replog_t *self, uint64_t ticket,
                               covey_errbuf_t *err);
/*  Members: one change at a time (BUSY), by the leader only (NOCOORDINATOR).
    A spare is promoted when it has caught up; until then EAGAIN. STATE: it
    leads itself and cannot be removed; let it yield first.                   */
covey_err_t covey_replog_add (covey_replog_t *self, uint64_t member_id,
                              const covey_id_t *node_id, uint64_t ticket,
                              covey_errbuf_t *err);
covey_err_t covey_replog_promote (covey_replog_t *self, uint64_t member_id,
                                  uint64_t ticket, covey_errbuf_t *err);
covey_err_t covey_replog_remove (covey_replog_t *self, uint64_t member_id,
                                 uint64_t ticket, covey_errbuf_t *err);
/*  Lead no more: nothing new is taken, what is under way commits, then it is
    silent for two election timeouts so that another takes over. The `heir`, if
    it is not 0, gets the whole log before, should that take no longer than one.
    Nothing happens in a log with one voter.                                  */
void covey_replog_yield (covey_replog_t *self, uint64_t heir);
/*  The leader gave up for a certain member: that one stands for election at
    once; the others let it be first, for two election timeouts, and do not
    stand by the former one. Who is elected is decided by votes as ever. Nothing
    happens in who leads.                                                     */
void covey_replog_succeed (covey_replog_t *self, bool by_us);
/*  Carry out everything that is due. An error stops this member for good (a
    disk that fails, a promise that would break): close it, open it anew.     */
covey_err_t covey_replog_pump (covey_replog_t *self, int64_t now_ms,
                               covey_errbuf_t *err);
/*  When the next pump is due at the latest.                                 */
int64_t covey_replog_next_ms (const covey_replog_t *self);

/* ---- getters ----------------------------------------------------------------
 */

uint64_t covey_replog_member_id (const covey_replog_t *self);
/*  The log's own name, made by its founder; zeros while nobody added us.    */
covey_id_t covey_replog_cluster (const covey_replog_t *self);
bool covey_replog_is_leader (const covey_replog_t *self);
/*  NULL: none is known.                                                     */
const covey_id_t *covey_replog_leader (const covey_replog_t *self);
uint64_t covey_replog_term (const covey_replog_t *self);
uint64_t covey_replog_last (const covey_replog_t *self);     /* stored        */
uint64_t covey_replog_applied (const covey_replog_t *self);  /* and committed */
uint64_t covey_replog_snapshot (const covey_replog_t *self); /* 0: none       */
/*  Milliseconds since a leader was heard, or it led (0: it leads); -1: never.
 */
int64_t covey_replog_silence_ms (const covey_replog_t *self, int64_t now_ms);
const covey_replog_stats_t *covey_replog_stats (const covey_replog_t *self);
size_t covey_replog_member_count (const covey_replog_t *self);
void covey_replog_member (const covey_replog_t *self, size_t i,
                          covey_replog_member_t *member);

#endif
