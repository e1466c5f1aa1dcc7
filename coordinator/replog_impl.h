/*  replog_impl - inside the replicated log: replog*.c only

    Event     one call into libraft; covey_replog_settle ends it: what it stages
              is committed, its completions are fired, until nothing is left;
              then its messages leave. So the library never sees a disk that
              is behind its memory, which its defects need
    Files     replog.c the port; replog_io.c what libraft asks of us;
              replog_guard.c what it must not see; replog_members.c,
              replog_read.c, replog_snapshot.c one concern each
*/
#ifndef COVEY_REPLOG_IMPL_H_INCLUDED
#define COVEY_REPLOG_IMPL_H_INCLUDED

#include <raft.h>

#include "base/prng.h"
#include "coordinator/replog.h"
#include "coordinator/replog_fault.h"
#include "coordinator/replog_store.h"
#include "coordinator/replog_wire.h"

#define COVEY_REPLOG_INBOX_MAX 1024
#define COVEY_REPLOG_INBOX_BYTES_MAX (64u << 20)

/*  A list of members in the log, as libraft packs it.                        */
typedef struct {
    uint64_t index;
    void *data;
    size_t size;
} covey_replog_list_t;

typedef struct {
    void *data;
    size_t size;
} covey_replog_bytes_t;

typedef struct {
    covey_id_t node_id;
    covey_replog_bytes_t bytes;
    bool early; /* may leave before the commit                                */
} covey_replog_out_t;

/*  A completion that libraft waits for.                                      */
typedef enum {
    COVEY_REPLOG_WAIT_APPEND,
    COVEY_REPLOG_WAIT_SEND,
    COVEY_REPLOG_WAIT_PUT,
    COVEY_REPLOG_WAIT_GET
} covey_replog_wait_kind_t;

typedef struct {
    covey_replog_wait_kind_t kind;
    void *request;
    const struct raft_entry *entries; /* of an append; NULL: they are staged  */
    unsigned count;
    uint64_t index; /* of the first                                           */
} covey_replog_wait_t;

/*  A committed command that the caller has not got yet; the bytes are those of
    libraft's log.                                                            */
typedef struct {
    uint64_t index, ticket;
    const void *data;
    size_t size;
} covey_replog_due_t;

/*  A snapshot that goes to the disk, a slice in each turn; then the entries
    before it leave the disk, some in each turn.                              */
typedef struct {
    struct raft_io_snapshot_put *request; /* NULL: none goes                  */
    uint64_t index, term;
    size_t prepared;     /* bytes of it                                       */
    uint64_t first_kept; /* entries before it can go; 0: they have            */
} covey_replog_put_t;

typedef struct {
    struct raft_buffer bytes; /* until it is handed to libraft                */
    uint64_t ticket;
    uint64_t index; /* 0: still queued                                        */
} covey_replog_command_t;

typedef struct {
    uint64_t ticket;
    uint64_t round; /* 0: not asked yet                                       */
    int64_t until_ms;
} covey_replog_question_t;

typedef enum {
    COVEY_REPLOG_CHANGE_NONE,
    COVEY_REPLOG_CHANGE_ADD,
    COVEY_REPLOG_CHANGE_LISTEN, /* second half of add: gets the log           */
    COVEY_REPLOG_CHANGE_PROMOTE,
    COVEY_REPLOG_CHANGE_REMOVE
} covey_replog_change_t;

/*  What a leader knows of another member, or has under way to it.            */
typedef struct {
    uint64_t member_id; /* 0: free                                            */
    int64_t heard_ms;
    uint64_t round;          /* of reads, confirmed                           */
    uint64_t truncated_next; /* an append did not take all: goes on here      */
    bool sending;            /* the snapshot                                  */
    uint64_t sent_offset;
    int64_t sent_ms;
} covey_replog_peer_t;

/*  A snapshot that comes in pieces, or that goes out.                        */
typedef struct {
    uint64_t from; /* the leader, when it comes                               */
    uint64_t index, term, members_index, total;
    covey_replog_bytes_t members;
    covey_buf_t state;
} covey_replog_transfer_t;

struct covey_replog {
    covey_replog_config_t config;
    covey_replog_callbacks_t callbacks;
    covey_replog_store_t *store;
    covey_replog_meta_t meta;
    covey_prng_t prng;
    int64_t now_ms;
    covey_replog_stats_t stats;
    covey_err_t broken; /* why it takes nothing more                          */
    covey_errbuf_t broken_err;
    covey_errbuf_t load_err; /* what the last load of the store had to say    */

    struct raft raft;
    struct raft_io io;
    struct raft_fsm fsm;
    raft_io_tick_cb tick;
    raft_io_recv_cb recv;
    char address[33];
    bool running; /* raft was initialised                                     */

    /* the event under way */
    bool staged, meta_staged;
    covey_replog_wait_t *waits;
    size_t wait_count, wait_capacity;
    covey_replog_put_t put;
    covey_replog_out_t *outs;
    size_t out_count, out_capacity;
    bool muted;       /* what libraft answers is not sent                     */
    uint64_t ack_max; /* what was compared                                    */
    uint64_t hint;    /* where a rejected append could go on                  */

    /* the log */
    uint64_t stored;            /* last index                             */
    covey_replog_list_t *lists; /* of members, ascending                  */
    size_t list_count, list_capacity;
    uint64_t snapshot_index, snapshot_size;
    uint64_t applied; /* or due                                               */
    covey_replog_due_t *due;
    size_t due_count, due_capacity;
    uint64_t applied_bytes; /* since the snapshot                             */
    covey_buf_t saved;      /* by fsm.snapshot, for snapshot_put; or loaded   */

    /* leading */
    uint64_t barrier_term; /* a barrier of this term was appended             */
    uint64_t barrier_index;
    uint64_t led_term; /* callbacks.leads (true) was told in it; 0: not       */
    bool yielding;
    uint64_t heir; /* gets all of the log before; 0: nobody            */
    int64_t heir_until_ms; /* waited for                                      */
    int64_t silent_until_ms; /* INT64_MIN: speaks                             */
    struct raft_barrier barrier;
    struct raft_change change_request;
    covey_replog_change_t change;
    uint64_t change_ticket, change_member;
    covey_id_t change_node;
    int64_t change_until_ms;
    bool change_seen, change_sent, change_done;
    int change_status;
    covey_replog_command_t *commands; /* ring                                 */
    size_t command_first, command_count, command_sent;
    size_t command_bytes;
    covey_replog_question_t *questions;
    size_t question_count, question_capacity;
    uint64_t round;
    int64_t round_ms;

    /* others */
    covey_replog_peer_t peers[COVEY_REPLOG_MEMBERS_MAX];
    int64_t heard_ms; /* from a leader that counts; -1 none                   */
    int64_t fresh_ms; /* when a leader was heard last, or led; -1 never       */
    covey_id_t leader_node;
    int64_t tick_ms;
    covey_replog_transfer_t incoming, outgoing;
    covey_replog_bytes_t *inbox; /* ring                                      */
    size_t inbox_first, inbox_count, inbox_bytes;
};

/* ---- replog_io.c: the event -------------------------------------------------
 */

void covey_replog_io_init (covey_replog_t *self);
/*  Start libraft from the store (again).                                     */
covey_err_t covey_replog_io_start (covey_replog_t *self);
void covey_replog_io_stop (covey_replog_t *self);
/*  End an event.                                                             */
void covey_replog_settle (covey_replog_t *self);
/*  Tell the caller of all that is due.                                       */
void covey_replog_apply_due (covey_replog_t *self);
/*  Stop for good.                                                            */
void covey_replog_break (covey_replog_t *self, covey_err_t code,
                         const char *text);
/*  Durable with the event.                                                   */
covey_err_t covey_replog_stage_meta (covey_replog_t *self);
void covey_replog_send (covey_replog_t *self, const covey_id_t *node_id,
                        covey_replog_message_t *message);
/*  The header of a message to a member.                                      */
covey_replog_message_t covey_replog_header (const covey_replog_t *self,
                                            covey_replog_kind_t kind,
                                            uint64_t to);
uint64_t covey_replog_last_index (const covey_replog_t *self);
/*  0: not in the log (any more).                                             */
uint64_t covey_replog_term_of (const covey_replog_t *self, uint64_t index);
/*  Everything up to here is committed and applied or in the snapshot.        */
uint64_t covey_replog_base (const covey_replog_t *self);
bool covey_replog_leads (const covey_replog_t *self); /* by libraft           */
/*  It leads and all is committed: the next batch or change may go.           */
bool covey_replog_is_idle (const covey_replog_t *self);

/* ---- replog_load.c ----------------------------------------------------------
 */

int covey_replog_load (struct raft_io *io, raft_term *term, raft_id *voted_for,
                       struct raft_snapshot **snapshot_p, raft_index *start_p,
                       struct raft_entry *entries[], size_t *count_p);
/*  For libraft, with a stand-in for the state. NULL: its members are damaged.
 */
struct raft_snapshot *
covey_replog_new_snapshot (const covey_replog_snapshot_t *from,
                           covey_errbuf_t *err);

/* ---- replog_guard.c: what comes in ------------------------------------------
 */

void covey_replog_take (covey_replog_t *self,
                        const covey_replog_message_t *message);
void covey_replog_tick (covey_replog_t *self);
/*  A new durable term, as a follower.                                        */
void covey_replog_raise_term (covey_replog_t *self, uint64_t term);
/*  What an append of that leader without entries would do.                   */
void covey_replog_obey (covey_replog_t *self,
                        const covey_replog_message_t *message);

/* ---- replog_members.c -------------------------------------------------------
 */

void covey_replog_address (const covey_id_t *node_id, char text[33]);
bool covey_replog_parse_address (const char *text, covey_id_t *node_id);
/*  Lists of members as libraft packs them, every length checked.             */
covey_err_t covey_replog_unpack_members (const void *data, size_t size,
                                         struct raft_configuration *members);
/*  Behind the members of such a list, which is a good one.                  */
void covey_replog_zero_padding (void *data, size_t size);
void covey_replog_push_list (covey_replog_t *self, uint64_t index,
                             const void *data, size_t size);
void covey_replog_cut_lists (covey_replog_t *self, uint64_t index);
void covey_replog_drop_lists (covey_replog_t *self); /* all                   */
/*  The list that holds at an index.                                          */
const covey_replog_list_t *covey_replog_list_at (const covey_replog_t *self,
                                                 uint64_t index);
void covey_replog_forget_lists (covey_replog_t *self, uint64_t index);
bool covey_replog_is_sole (const covey_replog_t *self,
                           const struct raft_configuration *members);
covey_replog_peer_t *covey_replog_peer (covey_replog_t *self,
                                        uint64_t member_id);
void covey_replog_change_step (covey_replog_t *self);
/*  New commands wait for it.                                                 */
bool covey_replog_change_waits (const covey_replog_t *self);
void covey_replog_change_settled (covey_replog_t *self);
void covey_replog_end_change (covey_replog_t *self, covey_err_t code,
                              const char *text);

/* ---- replog_read.c ----------------------------------------------------------
 */

void covey_replog_ask (covey_replog_t *self);
void covey_replog_on_ask (covey_replog_t *self,
                          const covey_replog_message_t *message);
void covey_replog_on_asked (covey_replog_t *self,
                            const covey_replog_message_t *message);
void covey_replog_end_questions (covey_replog_t *self, const char *text);

/* ---- replog_snapshot.c ------------------------------------------------------
 */

void covey_replog_fsm_init (covey_replog_t *self);
/*  A slice of what is `saved` to the store. True: it was the last, and the
    snapshot is put with this commit.                                         */
bool covey_replog_put_slice (covey_replog_t *self);
void covey_replog_drop_some (covey_replog_t *self);
/*  Either of them, once in a turn (replog_io.c).                             */
void covey_replog_put_more (covey_replog_t *self);
/*  There is something for the next turn.                                     */
bool covey_replog_puts (const covey_replog_t *self);
/*  What was saved or loaded is as large as the state: its memory goes back.  */
void covey_replog_drop_saved (covey_replog_t *self);
/*  libraft wants this member to get the snapshot.                            */
void covey_replog_offer (covey_replog_t *self, uint64_t member_id);
void covey_replog_resend_pieces (covey_replog_t *self);
void covey_replog_on_piece (covey_replog_t *self,
                            const covey_replog_message_t *message);
void covey_replog_on_pieced (covey_replog_t *self,
                             const covey_replog_message_t *message);
void covey_replog_end_transfers (covey_replog_t *self);

#endif
