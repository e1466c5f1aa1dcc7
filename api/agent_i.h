/*  agent_i - what the files of the agent class share

    Role      covey_agent_t is a shell: it owns one DEALER socket and one
              session core (proto/session.h), and a queue between them and the
              thread that runs the handlers
    Threads   `lock` guards everything but the fields under "who it is", which
              do not change while the agent is attached. The socket is used by
              any thread that holds the lock, never without it. No handler runs
              under the lock.

    Any thread that waits for something calls covey_i_agent_wait: the first one
    becomes the leader and polls the socket for all, the others sleep on
    `changed`. So a blocking call works in every thread, also inside a handler
    and also when nobody dispatches. When no one waits at all (a handler works
    for minutes, a loop of the caller's own is busy) the keeper, one thread with
    a small stack, does what is due: heartbeats, timeouts, reconnects.

    Functions here are called with the lock held unless they say otherwise. */

#ifndef COVEY_AGENT_I_H_INCLUDED
#define COVEY_AGENT_I_H_INCLUDED

#include <pthread.h>
#include <czmq.h>

#include "api/meter.h"
#include "api/seen.h"
#include "base/buf.h"
#include "base/hlc.h"
#include "base/id.h"
#include "proto/event.h"
#include "proto/session.h"
#include "swarm/seal.h"

#define COVEY_AGENT_RECV_MAX 1024     /* events waiting for recv             */
#define COVEY_AGENT_PENDING_MAX 65536 /* requests without answer */
#define COVEY_AGENT_PENDING_SLOTS 256 /* hash buckets for them */
#define COVEY_AGENT_NOTICES_MAX 1024  /* notices waiting for dispatch        */
#define COVEY_AGENT_HELD_MAX 65536    /* live events waiting for history     */
#define COVEY_AGENT_HISTORY_BYTES_MAX (16u << 20)
#define COVEY_AGENT_DISPATCH_MAX 256 /* entries per covey_agent_dispatch    */
#define COVEY_AGENT_BATCH 256        /* posts that leave without waiting    */
#define COVEY_AGENT_BATCH_MS 2       /* longest wait of a post for others   */
#define COVEY_AGENT_KEEP_MS 500      /* the keeper looks at least this often */
#define COVEY_AGENT_BUSY_MS 80       /* ... and as often when acks come and go*/
#define COVEY_AGENT_BACKOFF_MIN_MS 50
#define COVEY_AGENT_BACKOFF_MAX_MS 2000
#define COVEY_AGENT_REQUEST_MS 30000 /* default timeout of a request        */
#define COVEY_AGENT_REPORT_MS 10000  /* deadline of calls without timeout   */
#define COVEY_AGENT_LINGER_MS 300    /* for the last words of a socket      */
#define COVEY_AGENT_TASKS_MAX 65536  /* unfinished ones that are counted    */
#define COVEY_AGENT_SWARM_HANDLE 1   /* what on_swarm subscribes to         */

/*  What waits for the dispatching thread.                                    */
typedef enum {
    COVEY_ENTRY_EVENT,  /* packed bytes, from the node or from the store      */
    COVEY_ENTRY_ANSWER, /* the end of an ask                                  */
    COVEY_ENTRY_NOTICE
} covey_entry_kind_t;

typedef struct covey_entry covey_entry_t;
struct covey_entry {
    covey_entry_t *next;
    covey_entry_kind_t kind;
    bool is_direct;   /* EVENT: came by target or scope                       */
    bool is_delivery; /* EVENT: the session is told when it is done           */
    uint32_t generation; /* EVENT: of the session that delivered it           */
    int64_t offset; /* EVENT: from the store, else -1                       */
    int64_t expires_ms; /* EVENT: monotonic; 0: never                         */
    uint32_t *handles; /* EVENT: subscriptions it matched                     */
    size_t handle_count;
    uint8_t *data; /* EVENT: packed; NOTICE: its text                         */
    size_t size;
    covey_event_t *answer; /* ANSWER, and what waits for recv                 */
    covey_handler_fn *fn;
    void *arg;
    covey_notice_t notice;
};

typedef struct {
    covey_entry_t *first, *last;
    size_t count;
} covey_entry_list_t;

/*  What a call that waits for an event wants to know of it.                 */
typedef struct {
    const char *id; /* of a task, vote or key, borrowed; NULL: nothing waits */
    bool is_prefix; /* the id only begins so                                 */
} covey_watched_t;

typedef struct {
    uint32_t handle; /* ascending in the table                                */
    int priority;
    covey_handler_fn *fn; /* NULL: events go to recv                          */
    void *arg;
    bool is_live; /* the node confirmed                                       */
    bool is_answered;
    covey_err_t code; /* what it said                                         */
    covey_errbuf_t text;
    bool is_once; /* over with its first event                                */
    bool is_held; /* history comes first, live events wait in `held`          */
    covey_entry_list_t held;
    covey_watched_t watched; /* events are only counted                       */
    uint32_t watch_hits;
} covey_subscription_t;

/*  A thread that waits for the verdict on one publish; on its stack.         */
typedef struct covey_verdict covey_verdict_t;
struct covey_verdict {
    covey_verdict_t *next;
    uint64_t ticket;
    covey_level_t wanted, reached;
    int64_t offset;
    covey_err_t code; /* of a refusal                                         */
    covey_errbuf_t text;
};

/*  A request without answer: on the stack of who waits, or, with `fn`, on the
    heap until its answer is in the inbox.                                    */
typedef struct covey_pending covey_pending_t;
struct covey_pending {
    covey_pending_t *next;
    char request_id[COVEY_NAME_MAX + 1];
    uint8_t event_id[16];
    uint64_t ticket;
    int64_t deadline_ms;
    bool is_ask;
    covey_handler_fn *fn;
    void *arg;
    covey_event_t *request; /* ask: to make a response of a failure           */
    int64_t again_ms;       /* ask: when it is asked once more; 0: not        */
    bool is_done;
    covey_event_t *answer;
    covey_err_t code; /* without answer                                       */
    covey_errbuf_t text;
};

/*  A question to many, on the stack of who waits.                            */
typedef struct covey_gathering covey_gathering_t;

typedef struct {
    covey_handler_fn *fn;
    void *arg;
} covey_callback_t;

struct covey_agent {
    /* Who it is. */
    char *id, *type, *name, *parent;
    char **capabilities;
    size_t capability_count;
    char **tags;
    size_t tag_count;
    int task_slots;
    int grace_ms;
    bool is_client;
    covey_ballot_key_t *ballot_key; /* NULL: its ballots are not signed       */

    pthread_mutex_t lock;
    pthread_cond_t changed; /* to those who wait: look again                  */
    int kick_fd;            /* wakes the leader                               */
    int ready_fd;           /* readable when there is something to dispatch   */
    int epoll_fd; /* socket and ready_fd, for a loop of the caller's own      */
    bool is_led;  /* someone polls the socket                                 */
    bool is_kicked, is_ready; /* the two are readable                         */

    /* The connection. */
    char *endpoint; /* NULL: not attached                                     */
    void *socket; /* NULL: not connected                                      */
    int socket_fd;
    uint32_t unheard; /* frames sent on it before any answer                  */
    covey_session_t *session;
    uint32_t generation;     /* counts sessions                               */
    covey_err_t closed_code; /* why the last one ended                        */
    covey_errbuf_t closed_text;
    bool has_sent;     /* since the last look for arrivals                    */
    bool has_arrived;  /* something waits in the socket that no poll tells    */
    bool is_heard;     /* the node answered on this socket                    */
    bool is_broken;    /* the socket's other end is gone for good             */
    bool was_open;     /* since attach                                        */
    bool is_announced; /* agent:spawned was published                         */
    bool is_final;     /* no further try: superseded or refused               */
    int64_t reopen_ms; /* 0: nothing to reopen                                */
    int64_t backoff_ms;

    /* Threads. */
    pthread_t keeper, dispatcher;
    pthread_cond_t keep; /* wakes the keeper early                            */
    int64_t keep_ms;     /* when it wakes by itself                           */
    bool is_busy;        /* there was an ack to send since it looked last     */
    int64_t pumped_ms;   /* somebody looked at the socket                     */
    int64_t flush_ms;    /* posts leave by then; 0: none wait                 */
    bool keeper_runs, keeper_stops;
    bool is_started, is_stopping, dispatcher_ended; /* the dispatcher         */

    /* Handlers and what waits for them. */
    covey_callback_t on_task, on_message, on_request, on_coordination;
    covey_callback_t on_broadcast, on_swarm, on_event;
    covey_proposal_fn *on_proposal;
    void *proposal_arg;
    covey_notice_fn *on_notice;
    void *notice_arg;
    covey_subscription_t **subscriptions; /* by handle                        */
    size_t subscription_count;
    covey_entry_list_t inbox;
    size_t notice_count;     /* in the inbox                                  */
    covey_entry_list_t recv; /* unpacked, in `answer`: no handler took them   */
    char **tasks; /* ids of those that were assigned and have not ended       */
    size_t task_count, task_capacity;
    int handling;     /* entries in work                                      */
    bool is_draining; /* takes no new work                                    */
    bool node_drains; /* it wants to know how many tasks there are            */
    uint8_t answered[16]; /* last request that respond answered            */
    uint32_t next_handle;
    bool is_paused;
    bool is_receiving; /* recv was called: it takes requests too              */

    /* Publishing. */
    covey_hlc_t hlc;
    int64_t wall_us; /* when the frames in work were taken                    */
    uint8_t (*published)[16]; /* ids without verdict: ring of `ids_capacity`  */
    size_t ids_capacity;
    uint64_t ids_first, ids_next; /* tickets                                  */
    covey_verdict_t *verdicts;
    int is_flushing;    /* threads in covey_agent_flush                       */
    bool skew_reported; /* a clock that is far ahead, once                    */
    covey_pending_t *pending[COVEY_AGENT_PENDING_SLOTS];
    size_t pending_count;
    covey_gathering_t *gatherings;
    int64_t pending_ms; /* when an ask is looked at next; 0: none            */

    /* What was seen. */
    covey_seen_t seen;
    covey_entry_t *history[COVEY_HISTORY_MAX]; /* ring                        */
    size_t history_next, history_bytes;
    covey_meter_t meter;
    uint64_t published_total, events_total;
    uint64_t dropped_expired, dropped_late, dropped_duplicate;
    uint64_t dropped_unhandled, dropped_gap, handler_errors;
};

/* agent_thread.c: locking and waiting ------------------------------------- */

void covey_i_agent_lock (covey_agent_t *self);
void covey_i_agent_unlock (covey_agent_t *self);
/*  Sleep until something changed, at most until `until_ms`. Unlocks meanwhile,
    so everything may be different afterwards.                                */
void covey_i_agent_wait (covey_agent_t *self, int64_t until_ms);
/*  Tell all who wait, and a loop of the caller's own, to look again.         */
void covey_i_agent_wake (covey_agent_t *self);
/*  The keeper wakes at `at_ms` at the latest.                                */
void covey_i_agent_keep (covey_agent_t *self, int64_t at_ms);
/*  Called by the dispatching thread itself, in a handler?                    */
bool covey_i_agent_is_dispatcher (const covey_agent_t *self);
/*  A thread that gets no signal of the process.                              */
bool covey_i_thread_start (pthread_t *thread, size_t stack_size,
                           void *(*main) (void *), void *arg);

/* agent_link.c: socket and session --------------------------------------- */

covey_err_t covey_i_agent_open (covey_agent_t *self, const char *endpoint,
                                int timeout_ms, covey_errbuf_t *err);
/*  Say goodbye and let go of socket and session.                             */
void covey_i_agent_close (covey_agent_t *self, const char *reason);
/*  Take all that arrived, do what is due, send what waits.                   */
void covey_i_agent_pump (covey_agent_t *self);
void covey_i_agent_flush (covey_agent_t *self);
bool covey_i_agent_is_open (const covey_agent_t *self);
/*  Why a call cannot work now: not attached, superseded, ...                 */
covey_err_t covey_i_agent_check (const covey_agent_t *self,
                                 covey_errbuf_t *err);

/* agent_inbox.c ----------------------------------------------------------- */

covey_entry_t *covey_entry_new (covey_entry_kind_t kind, const void *data,
                                size_t size, const uint32_t *handles,
                                size_t handle_count);
void covey_entry_destroy (covey_entry_t **self_p);
void covey_entry_push (covey_entry_list_t *list, covey_entry_t *entry);
covey_entry_t *covey_entry_pop (covey_entry_list_t *list);
void covey_entry_clear (covey_entry_list_t *list);
void covey_i_agent_notice (covey_agent_t *self, covey_notice_kind_t kind,
                           covey_err_t code, const uint8_t *event_id,
                           const char *text);
/*  The session's event callback.                                             */
void covey_i_agent_on_event (covey_agent_t *self, const void *data, size_t size,
                             const uint32_t *handles, size_t handle_count);

/* agent_dispatch.c -------------------------------------------------------- */

/*  Handle entries until `max` are done, the inbox is empty, or recv has one.
    Unlocks while handlers run.                                               */
void covey_i_agent_dispatch (covey_agent_t *self, size_t max, bool for_recv);

/* agent_drain.c ----------------------------------------------------------- */

/*  To a node that drains.                                                   */
void covey_i_agent_tell_tasks (covey_agent_t *self);
/*  A task is this agent's until it reports its end, or is told of it.        */
void covey_i_agent_hold_task (covey_agent_t *self,
                              const covey_event_t *assigned);
void covey_i_agent_release_task (covey_agent_t *self, const char *task_id);

/* agent_publish.c --------------------------------------------------------- */

/*  Stamp, pack and queue an event; waits for room in the queue until
    `until_ms` (0: not at all). With `verdict`, refusal and levels go there, and
    the caller must covey_i_agent_forget it. Consumes the event.              */
covey_err_t covey_i_agent_queue (covey_agent_t *self, covey_event_t **event_p,
                                 covey_level_t level, int64_t until_ms,
                                 uint32_t hold_ms, covey_verdict_t *verdict,
                                 uint64_t *ticket_p, covey_errbuf_t *err);
void covey_i_agent_forget (covey_agent_t *self, covey_verdict_t *verdict);
/*  Wait for a verdict; the code says what came of it.                        */
covey_err_t covey_i_agent_await (covey_agent_t *self, covey_verdict_t *verdict,
                                 int64_t until_ms, int timeout_ms,
                                 covey_errbuf_t *err);
/*  Without lock: queue and do not wait for the verdict. `patient`: neither does
    anybody else.                                                             */
covey_err_t covey_i_agent_post (covey_agent_t *self, covey_event_t **event_p,
                                bool patient, int timeout_ms,
                                covey_errbuf_t *err);
void covey_i_agent_refused (covey_agent_t *self, uint64_t ticket,
                            covey_err_t code, const char *text);
void covey_i_agent_reached (covey_agent_t *self, uint64_t ticket,
                            covey_level_t level, int64_t offset);

/* agent_pending.c --------------------------------------------------------- */

#define COVEY_AGENT_AGAIN_MS 100 /* until an undecided one is asked again */

/*  Its answer is found from now on, until it is forgotten.                   */
void covey_i_agent_expect (covey_agent_t *self, covey_pending_t *pending);
void covey_i_agent_forget_request (covey_agent_t *self,
                                   covey_pending_t *pending);
bool covey_i_is_for_coordinator (const char *target);
/*  Nobody decided: the command was not executed, or once, whoever leads next
    knows.                                                                    */
bool covey_i_is_undecided (covey_err_t rc, const covey_event_t *response);
/*  True: the response was expected and is taken.                             */
bool covey_i_agent_take_response (covey_agent_t *self, covey_event_t **event_p);
void covey_i_agent_expire (covey_agent_t *self, int64_t now_ms);
/*  End the request with this id, or that was published as `ticket`.          */
bool covey_i_agent_fail_request (covey_agent_t *self, const char *request_id,
                                 uint64_t ticket, covey_err_t code,
                                 const char *text);
void covey_i_agent_fail_all (covey_agent_t *self, covey_err_t code,
                             const char *text);

/* agent_request.c --------------------------------------------------------- */

typedef struct {
    const char *target, *method;
    const covey_scope_t *group; /* instead of a target; or NULL               */
    bool heard;                 /* say when it came to its target             */
    const char *params;     /* JSON or NULL                                   */
    const char *request_id; /* NULL: a fresh one                              */
    const char *correlation_id;
    const uint8_t *causation_id;
} covey_call_t;

/*  Queue a request that `pending`, with its deadline set, waits for; flush
   sends it. The caller says forget when it is over. */
covey_err_t covey_i_agent_ask_for (covey_agent_t *self,
                                   const covey_call_t *call, int timeout_ms,
                                   covey_pending_t *pending,
                                   covey_errbuf_t *err);

/* agent_mesh.c ------------------------------------------------------------ */

#define COVEY_HINT_MAX (2 * COVEY_NAME_MAX + 128)

/*  This thread's last request is this one.                                   */
void covey_i_note_request (const char *request_id);
/*  How to ask what became of it, for the end of a line; "" unless it is a
    command to the coordinator.                                               */
void covey_i_hint_outcome (const char *client, const char *target,
                           const char *method, const char *request_id,
                           char hint[COVEY_HINT_MAX]);

/* agent_gather.c ---------------------------------------------------------- */

/*  The event came to its target.                                             */
void covey_i_agent_heard (covey_agent_t *self, const uint8_t event_id[16]);

/*  Without lock: one request, one response. OK with success or not.          */
covey_err_t covey_i_agent_exchange (covey_agent_t *self,
                                    const covey_call_t *call, int timeout_ms,
                                    covey_event_t **response_p,
                                    covey_errbuf_t *err);
/*  Without lock: an exchange with a service of the mesh, tried again until the
    deadline while there is none; an error response becomes its code.         */
covey_err_t covey_i_agent_call (covey_agent_t *self, const covey_call_t *call,
                                int timeout_ms, covey_event_t **response_p,
                                covey_errbuf_t *err);
/*  A response's result as JSON text of the caller's.                         */
covey_err_t covey_i_response_json (const covey_event_t *response,
                                   char **result_p, covey_errbuf_t *err);

/* agent_subscribe.c ------------------------------------------------------- */

covey_subscription_t *covey_i_agent_subscription (const covey_agent_t *self,
                                                  uint32_t handle);
/*  Without lock: like covey_agent_subscribe, and only counts events about what
    is watched, whose id must live as long as the subscription.               */
covey_err_t covey_i_agent_watch (covey_agent_t *self, const int *types,
                                 size_t type_count,
                                 const covey_watched_t *watched, int timeout_ms,
                                 uint32_t *handle_p, covey_errbuf_t *err);
void covey_i_agent_subscribe_swarm (covey_agent_t *self);
/*  Without lock: `fn` gets the first event of a type with a correlation id, not
    before covey_i_agent_release.                                             */
covey_err_t covey_i_agent_subscribe_once (covey_agent_t *self, int type,
                                          const char *correlation_id,
                                          covey_handler_fn *fn, void *arg,
                                          int timeout_ms, uint32_t *handle_p,
                                          covey_errbuf_t *err);
/*  Without lock.                                                             */
void covey_i_agent_release (covey_agent_t *self, uint32_t handle);
void covey_i_agent_drop_subscription (covey_agent_t *self, uint32_t handle);
void covey_i_subscription_destroy (covey_subscription_t **self_p);

/* agent_proposal.c -------------------------------------------------------- */

/*  Ask the proposal handler, if this is a question to the agent, and cast what
    it says. Unlocks meanwhile.                                               */
void covey_i_agent_answer_proposal (covey_agent_t *self,
                                    const covey_event_t *question);

/* agent_swarm.c ----------------------------------------------------------- */

/*  Without lock: a ballot for just this question.                            */
covey_err_t covey_i_vote_answer (covey_agent_t *self,
                                 const covey_event_t *question,
                                 const covey_ballot_draft_t *draft,
                                 int timeout_ms);

/* agent_stats.c ----------------------------------------------------------- */

/*  Keep a handled entry as history; consumes it.                             */
void covey_i_agent_remember (covey_agent_t *self, covey_entry_t **entry_p);
void covey_i_agent_forget_history (covey_agent_t *self);

/* runtime.c --------------------------------------------------------------- */

/*  Once per process: czmq without its signal handlers, one ZeroMQ context.   */
void covey_i_runtime_init (void);
/*  Milliseconds from now that a call may last.                               */
int64_t covey_i_deadline (int timeout_ms);

#endif
