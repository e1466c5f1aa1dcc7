/*  coordinator_impl - inside the coordinator's shell: coordinator_*.c only

    One thread owns all of it. A request becomes an item: it is answered from
    the state, or flies through the log under its ticket, or waits for somebody
    who leads. Nothing that the log did not commit is answered or told.       */
#ifndef COVEY_COORDINATOR_IMPL_H_INCLUDED
#define COVEY_COORDINATOR_IMPL_H_INCLUDED

#include "coordinator/caretaker.h"
#include "coordinator/coordinator_actor.h"
#include "coordinator/facts.h"
#include "coordinator/fellows.h"
#include "coordinator/hearings.h"
#include "coordinator/logclock.h"
#include "coordinator/method.h"
#include "coordinator/postbox.h"
#include "coordinator/replog_store.h"
#include "coordinator/roster.h"
#include "coordinator/state.h"

#define COVEY_COORDINATOR_REOPEN_MS 1000
#define COVEY_COORDINATOR_ANNOUNCE_MS 1000
#define COVEY_COORDINATOR_CARE_MS 1000  /* members are looked at this often */
#define COVEY_COORDINATOR_GRACE_MS 2000 /* for news of agents to get around */
#define COVEY_COORDINATOR_WAIT_MS 5000  /* for a leader, at most             */
#define COVEY_COORDINATOR_ADMIN_MS                                          \
    60000                               /* for a change of members, at most \
                                         */
#define COVEY_COORDINATOR_RESEND_MS 200 /* a request that was not taken  */
#define COVEY_COORDINATOR_WAITING_MAX 4096
#define COVEY_COORDINATOR_WARN_MS 60000

/*  What coordinators say to each other begins with one of these.            */
typedef enum {
    COVEY_CONTROL_LOG = 1,      /* for the replicated log                     */
    COVEY_CONTROL_REQUEST = 2,  /* a packed event: for the one that leads     */
    COVEY_CONTROL_TAKEN = 3,    /* 16 octets: that request is mine now        */
    COVEY_CONTROL_PRESENCE = 4, /* Presence                                   */
    COVEY_CONTROL_DISMISSAL = 5, /* Dismissal                                 */
    COVEY_CONTROL_HEIR = 6       /* Heir                                      */
} covey_control_kind_t;

typedef enum {
    COVEY_ITEM_OF_REQUEST,
    COVEY_ITEM_OF_AGENT, /* what the node says of one                         */
    COVEY_ITEM_OF_TICK,
    COVEY_ITEM_OF_HEARINGS,
    COVEY_ITEM_OF_MEMBERS, /* a change of the members of the log              */
    COVEY_ITEM_OF_DISMISSAL
} covey_coordinator_kind_t;

typedef struct covey_coordinator_item covey_coordinator_item_t;

struct covey_coordinator_item {
    covey_link_t link;              /* while it flies                         */
    covey_coordinator_item_t *next; /* in a line                              */
    covey_coordinator_kind_t kind;
    uint64_t ticket;
    /* of a request                                                           */
    covey_event_t *request;
    const covey_method_t *method;
    ProtobufCMessage *params;
    covey_consistency_t consistency;
    uint64_t barrier; /* a question: not before these have an outcome         */
    bool confirmed;   /* ... and a majority said that this one leads          */
    bool uncertain;   /* it was submitted, and nobody knows what became of it */
    int64_t deadline_ms;
    int64_t send_ms; /* not passed on before                                  */
    /* of the others                                                          */
    covey_roster_entry_t *agent;
    covey_id_t node_id;
    uint64_t member_id;
};

/*  First in, first out.                                                     */
typedef struct {
    covey_coordinator_item_t *first;
    covey_coordinator_item_t *last;
    size_t count;
} covey_coordinator_line_t;

typedef struct {
    uint64_t elections; /* won                                                */
    uint64_t forwarded;
    uint64_t refused; /* no leader in time                                    */
    uint64_t refused_facts; /* nobody takes what they would tell              */
    uint64_t restarts;
    int64_t longest_turn_ms; /* that the thread was busy                      */
} covey_coordinator_counters_t;

/*  What an operator asked for and is not done.                              */
typedef enum {
    COVEY_ADMIN_FIND,  /* add: until its coordinator speaks                   */
    COVEY_ADMIN_LEARN, /* add: until it is a voter                            */
    COVEY_ADMIN_LEAVE, /* remove: until it is out                             */
    COVEY_ADMIN_YIELD  /* until another one leads                             */
} covey_admin_phase_t;

#define COVEY_ADMIN_RECENT 16

typedef struct {
    char client[COVEY_AGENT_ID_MAX + 1];
    char request[COVEY_NAME_MAX + 1];
} covey_admin_done_t;

typedef struct {
    covey_coordinator_item_t *item; /* NULL: nothing                          */
    covey_admin_phase_t phase;
    covey_id_t node_id;
    uint64_t member_id;
    int64_t patience_ms; /* FIND: how long it may not run one                 */
} covey_admin_t;

typedef struct {
    covey_id_t node_id;
    char *node_name;
    char *endpoint;
    char *log_path; /* NULL: in memory                                        */
    bool found;
    int64_t election_ms;
    int64_t replace_ms;
    covey_log_t *log;

    covey_replog_store_t *store;
    covey_replog_t *replog; /* NULL: broken, reopened at reopen_ms            */
    covey_state_t *state;
    covey_facts_t facts;
    bool asked; /* a command of a client is in the log                        */
    covey_errbuf_t failed; /* within a callback; "": nothing did              */
    int64_t reopen_ms;
    bool leads;
    bool yields; /* takes nothing new, until another one leads                */
    uint64_t heir;   /* who is to lead next, when it yields; 0: nobody   */
    bool resume_due; /* leases begin anew                                     */
    bool stands_in; /* takes what its node's agents ask, for one that led     */
    bool is_stuck; /* nobody takes facts: nothing is decided, no time passes  */
    int64_t leads_since_ms;
    int64_t leaderless_ms; /* since when it misses one that leads; 0: it does
                              not                                             */

    covey_session_t *session;
    covey_postbox_t postbox;
    covey_effects_t effects;
    covey_event_t *inbox[COVEY_SESSION_WINDOW]; /* a ring                     */
    size_t inbox_first;
    size_t inbox_count;

    uint64_t tickets;
    covey_tree_t flying;                /* by ticket                          */
    covey_coordinator_line_t questions; /* for their barrier                  */
    covey_coordinator_line_t waiting;   /* for somebody who leads             */
    uint64_t tick_ticket;               /* 0: none is under way               */
    uint64_t hearings_ticket;
    uint64_t members_ticket;
    uint64_t dismissal_ticket;

    covey_hearings_t hearings;
    covey_roster_t roster;
    covey_fellows_t fellows;
    covey_caretaker_t caretaker;
    covey_admin_t admin;
    covey_admin_done_t done[COVEY_ADMIN_RECENT]; /* orders, a ring            */
    size_t done_next;
    covey_logclock_t logclock;
    covey_coordinator_counters_t counters;
    covey_replog_stats_t past; /* of logs that were closed                    */

    int64_t now_ms; /* of this wake-up, monotonic                             */
    int64_t now_us; /* wall                                                   */
    int64_t announce_ms; /* when what was told is written at the latest       */
    int64_t care_ms;     /* when members are looked at next                   */
    int64_t missing_ms;  /* when agents that nobody sees are taken down; 0    */
    int64_t warned_ms;
} covey_coordinator_t;

/* ---- coordinator_log.c: the log's life ------------------------------------*/

/*  IO, CORRUPT, ...: as covey_replog_open.                                  */
covey_err_t covey_coordinator_open (covey_coordinator_t *self,
                                    covey_errbuf_t *err);
/*  What flies may or may not be done.                                       */
void covey_coordinator_close (covey_coordinator_t *self);
/*  How its part of the log is, and what it counted since the coordinator
    started, however often it was opened.                                     */
Covey__Control__LogFigures
covey_coordinator_figures (const covey_coordinator_t *self);
/*  Forget the log and begin anew, as a spare.                               */
void covey_coordinator_reset (covey_coordinator_t *self, const char *why);
/*  Commit, apply, answer: once in a turn.                                   */
void covey_coordinator_pump (covey_coordinator_t *self);
/*  Let another one lead, if there is one.                                   */
/*  To the member `heir`; 0: to the voter that is best prepared.              */
void covey_coordinator_yield (covey_coordinator_t *self, uint64_t heir);
bool covey_coordinator_is_in_charge (const covey_coordinator_t *self);
int64_t covey_coordinator_log_time (covey_coordinator_t *self);
/*  `item` flies from now on. An error: it does not, and is still the caller's;
    as covey_replog_submit.                                                   */
covey_err_t covey_coordinator_submit (covey_coordinator_t *self,
                                      covey_coordinator_item_t *item,
                                      Covey__Control__Command *command,
                                      covey_errbuf_t *err);
/*  Timers: due work, what was told, a log that broke.                       */
void covey_coordinator_tick (covey_coordinator_t *self);
int64_t covey_coordinator_next_ms (covey_coordinator_t *self);
void covey_coordinator_tell_rank (covey_coordinator_t *self);

/* ---- coordinator_items.c --------------------------------------------------*/

covey_coordinator_item_t *
covey_coordinator_item_new (covey_coordinator_t *self,
                            covey_coordinator_kind_t kind);
void covey_coordinator_item_destroy (covey_coordinator_item_t **item_p);
void covey_coordinator_fly (covey_coordinator_t *self,
                            covey_coordinator_item_t *item);
/*  The one with that ticket, which flies no more; NULL: there is none.      */
covey_coordinator_item_t *covey_coordinator_land (covey_coordinator_t *self,
                                                  uint64_t ticket);
void covey_line_push (covey_coordinator_line_t *self,
                      covey_coordinator_item_t *item);
covey_coordinator_item_t *covey_line_pop (covey_coordinator_line_t *self);

/* ---- coordinator_requests.c -----------------------------------------------*/

void covey_coordinator_on_event (covey_coordinator_t *self, const void *data,
                                 size_t size);
/*  Take requests from the inbox as long as there is room.                   */
void covey_coordinator_serve (covey_coordinator_t *self);
/*  One request, from wherever it came. It is taken.                         */
void covey_coordinator_take (covey_coordinator_t *self, covey_event_t *request);
/*  Serve it here, or let it wait for who leads. It is taken.                */
void covey_coordinator_route (covey_coordinator_t *self,
                              covey_coordinator_item_t *item);
/*  Questions whose time has come.                                           */
void covey_coordinator_answer_questions (covey_coordinator_t *self);
/*  The end of an item; it is destroyed. `json` is borrowed.                 */
void covey_coordinator_reply (covey_coordinator_t *self,
                              covey_coordinator_item_t *item,
                              covey_buf_t *json);
void covey_coordinator_refuse (covey_coordinator_t *self,
                               covey_coordinator_item_t *item, covey_err_t code,
                               const char *text);
/*  Of a command that was just applied: `effects` say what to show.          */
void covey_coordinator_answer (covey_coordinator_t *self,
                               covey_coordinator_item_t *item);

/* ---- coordinator_heard.c --------------------------------------------------*/

/*  A fact is being told: who hears it, if it is a question?                 */
void covey_coordinator_ask (covey_coordinator_t *self,
                            const covey_event_t *fact);
void covey_coordinator_on_heard (covey_coordinator_t *self,
                                 const Covey__Wire__Heard *heard);
/*  What was heard and is not in the log, one command at a time.             */
void covey_coordinator_record_heard (covey_coordinator_t *self);

/* ---- coordinator_forward.c ------------------------------------------------*/

void covey_coordinator_say (covey_coordinator_t *self,
                            const covey_id_t *node_id,
                            covey_control_kind_t kind, const void *data,
                            size_t size);
void covey_coordinator_on_control (covey_coordinator_t *self,
                                   const covey_frame_t *frame);
/*  Until somebody leads, or its deadline. It is taken.                      */
void covey_coordinator_wait (covey_coordinator_t *self,
                             covey_coordinator_item_t *item);
/*  Pass on what waits, serve it, or give it up.                             */
void covey_coordinator_forward (covey_coordinator_t *self);
/*  NULL: nobody, or this one.                                               */
const covey_id_t *covey_coordinator_leader (const covey_coordinator_t *self);
/*  A voter that knows of no leader for as long as an election takes tells its
    node to ask it and nobody else, until there is one.                       */
void covey_coordinator_seek (covey_coordinator_t *self);

/* ---- coordinator_view.c ---------------------------------------------------*/

void covey_coordinator_on_view (covey_coordinator_t *self,
                                const covey_frame_t *frame);
/*  Turn differences into commands, while there is room.                     */
void covey_coordinator_follow (covey_coordinator_t *self);

/*  Who is gone, and the state knows it: for one that does not lead.          */
void covey_coordinator_forget_gone (covey_coordinator_t *self);

/* ---- coordinator_members.c ------------------------------------------------*/

void covey_coordinator_heard (covey_coordinator_t *self,
                              const covey_id_t *node_id, const void *data,
                              size_t size);
void covey_coordinator_dismissed (covey_coordinator_t *self, const void *data,
                                  size_t size);
/*  Who is to lead after a leader that yields: the voter that lives and has most
    of the log; 0: none.                                                      */
uint64_t covey_coordinator_best_heir (const covey_coordinator_t *self);
/*  It leads no more: the others are told who shall.                         */
void covey_coordinator_name_heir (covey_coordinator_t *self);
void covey_coordinator_heir_named (covey_coordinator_t *self,
                                   const covey_id_t *from, const void *data,
                                   size_t size);
/*  Say that this one is there; add, promote and remove.                     */
void covey_coordinator_care (covey_coordinator_t *self);
void covey_coordinator_members_done (covey_coordinator_t *self,
                                     const covey_coordinator_item_t *item,
                                     covey_err_t code, const char *text);
/*  One change at a time; the rest as covey_replog_add and the like.          */
covey_err_t covey_coordinator_change (covey_coordinator_t *self,
                                      covey_caretaker_act_t act,
                                      uint64_t member_id,
                                      const covey_id_t *node_id,
                                      covey_errbuf_t *err);
size_t covey_coordinator_voters (const covey_coordinator_t *self);
bool covey_coordinator_is_member (const covey_coordinator_t *self,
                                  uint64_t member_id);
/* ---- coordinator_admin.c --------------------------------------------------*/

/*  What is asked of the members, or ordered, by methods. NULL: not one of
    these. The item is taken.                                                 */
typedef void (covey_admin_fn) (covey_coordinator_t *self,
                               covey_coordinator_item_t *item);
covey_admin_fn *covey_coordinator_admin (const covey_method_t *method);
/*  Is it one that only the leader can do?                                   */
bool covey_coordinator_is_order (const covey_method_t *method);
/*  Go on with what was ordered.                                             */
void covey_coordinator_go_on (covey_coordinator_t *self);
/*  A change of members ended; not OK: it did not happen.                    */
void covey_coordinator_changed (covey_coordinator_t *self, uint64_t member_id,
                                covey_err_t code, const char *text);
/*  It leads no more: what is under way is for the next one.                 */
void covey_coordinator_hand_over (covey_coordinator_t *self);
void covey_coordinator_caretaker_view (const covey_coordinator_t *self,
                                       covey_caretaker_member_t *members,
                                       covey_caretaker_spare_t *spares,
                                       covey_caretaker_view_t *view);

void covey_coordinator_init (covey_coordinator_t *self,
                             const covey_coordinator_config_t *config);
void covey_coordinator_deinit (covey_coordinator_t *self);

#endif
