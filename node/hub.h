/*  hub - what the node's thread owns, shared by the files node_*.c

    Role      shell: sockets, cores, and the wiring between them. Each file has
              one concern; handlers of frames are found through tables
    Threads   the node's thread only, but for `shared`
*/
#ifndef COVEY_HUB_H_INCLUDED
#define COVEY_HUB_H_INCLUDED

#include <pthread.h>

#include "base/buf.h"
#include "base/hlc.h"
#include "base/prng.h"
#include "node/audit.h"
#include "node/beacon.h"
#include "node/addressbook_actor.h"
#include "node/departed.h"
#include "node/directory.h"
#include "node/fifo.h"
#include "node/herald.h"
#include "node/intake.h"
#include "node/link.h"
#include "node/membership.h"
#include "node/node_actor.h"
#include "node/outbox.h"
#include "node/recent.h"
#include "node/replay.h"
#include "node/requests.h"
#include "node/scope.h"
#include "node/session_table.h"
#include "node/skew.h"
#include "node/subscription.h"
#include "node/workgroup.h"
#include "proto/store.pb-c.h"

#define COVEY_HUB_DRAIN_MAX 256     /* messages per socket and wake-up       */
#define COVEY_HUB_INPUTS 7          /* that the loop reads                   */
#define COVEY_HUB_TICK_MS 20        /* timers are looked at this often       */
#define COVEY_HUB_RETRY_MS 2        /* when a socket was full; the longest   */
#define COVEY_HUB_RETRY_MAX_MS 64   /* pause for one to a peer               */
#define COVEY_HUB_WATCH_MS 100      /* connections are looked at this often  */
#define COVEY_HUB_HEARTBEAT_MS 1000 /* of sessions */
#define COVEY_HUB_GRACE_MS 5000     /* a silent session is kept this long    */
#define COVEY_HUB_GRACE_MIN_MS 3000 /* ... if it asks for less: heartbeats */
#define COVEY_HUB_CLOCK_MS 500      /* agents are looked at this often       */
#define COVEY_HUB_SILENT_MS 3000    /* a session is silent: three heartbeats */
#define COVEY_HUB_SYNC_RETRY_MS 500 /* an unconfirmed subscription, again: */
#define COVEY_HUB_SYNC_RETRY_MAX_MS 4000 /* first and longest pause         */
#define COVEY_HUB_SYNC_MAX_MS 5000 /* then the agent is told                */
#define COVEY_HUB_RETURN_MS 30000  /* failed peer: its events go back       */
#define COVEY_HUB_LAST_MS 1000     /* left peer: its last broadcasts come yet */
#define COVEY_HUB_ADDRESS_MAX 320
#define COVEY_HUB_LIST_MS 1000  /* after a swarm fact: ask for the list  */
#define COVEY_HUB_STALL_MS 1000 /* longer than that stood this node still   */
#define COVEY_HUB_ASK_MS 1000   /* a full view that does not come, again     */
#define COVEY_HUB_WARN_MS 60000 /* one warning per peer and cause        */
#define COVEY_TRACKED_SIZE_MAX (2 + COVEY_AGENT_ID_MAX) /* before an event  */

typedef struct covey_hub covey_hub_t;

/*  Why something was not delivered; every cause has a counter.              */
#define COVEY_DROP_MAP(X)                 \
    X (MALFORMED_FRAME, "malformedFrame") \
    X (STRANGER_FRAME, "strangerFrame")   \
    X (SESSION_FULL, "sessionFull")       \
    X (EXPIRED, "expired")                \
    X (AGENT_GONE, "agentGone")           \
    X (PEER_FAILED, "peerFailed")         \
    X (BROADCAST_LOST, "broadcastLost")   \
    X (PUBLISH_REFUSED, "publishRefused") \
    X (NOTICE, "notice")                  \
    X (LINK_FULL, "linkFull")             \
    X (JOURNAL_ITEM, "journalItem")       \
    X (CONTROL, "control")

typedef enum {
#define COVEY_X(name, text) COVEY_DROP_##name,
    COVEY_DROP_MAP (COVEY_X)
#undef COVEY_X
        COVEY_DROP_COUNT
} covey_drop_t;

typedef struct {
    uint64_t published;
    uint64_t broadcasts;
    uint64_t targeted;
    uint64_t delivered;
    uint64_t undelivered;
    uint64_t held; /* publishes that had to wait for room                     */
    uint64_t refused_link; /* for want of room: on a link,                    */
    uint64_t refused_agent; /* in the queue of an agent,                      */
    uint64_t refused_outbox;
    uint64_t refused_group; /* nobody of it could take it                     */
    uint64_t flow_stops; /* agents of this node whose queue got full          */
    uint64_t flow_goes;
    uint64_t duplicates; /* events that came again, and were not delivered    */
    uint64_t requests_served;
    uint64_t sessions_opened;
    uint64_t sessions_resumed;
    uint64_t sessions_lost;
    uint64_t sessions_superseded;
    uint64_t notices_resent; /* to sessions that are gone */
    uint64_t reconnects;
    uint64_t repairs_served;
    uint64_t
        repairs_stored; /* events that were out of the ring, all the same */
    uint64_t directory_repairs; /* peers that got all agents again            */
    uint64_t syncs;
    uint64_t stalls;  /* this process stood still                             */
    uint64_t grouped; /* events for one of a group                        */
    uint64_t redelivered; /* of these, sent to another one                    */
    uint64_t heard;       /* tracked events reported                          */
    uint64_t control_sent; /* from the coordinator here to another one        */
    uint64_t control_received;
} covey_hub_counters_t;

/*  What the shell knows of a peer (covey_peer_t.shell).                     */
typedef struct {
    covey_hub_t *hub;
    covey_peer_t *peer;
    void *dealer; /* NULL: not connected                                      */
    covey_link_t *link;
    covey_intake_t *intake;
    uint8_t *route; /* routing id of its DEALER at our ROUTER                 */
    size_t route_size;
    char pub[COVEY_HUB_ADDRESS_MAX]; /* what SUB is connected to              */
    uint32_t synced; /* our subscriptions up to this round reached it      */
    uint32_t heard; /* the same, of its epoch, whatever state it was in since */
    uint64_t heard_epoch;
    bool hears_us;     /* its subscriptions reached us                       */
    bool snapshot_due; /* all our agents go to it with the next flush        */
    bool flows_due;    /* and which of them are stopped                       */
    int64_t ask_ms;    /* when it is asked for all of its agents; 0: not     */
    covey_fifo_t pieces; /* of that: parcels that wait for room on the link  */
    struct covey_hub_errand *errand; /* to the persister, for it              */
    covey_audit_t audit; /* of what it has of our agents                      */
    uint64_t agents_version; /* of its agents, as they are here               */
    bool snapshot_arrives;   /* some pieces are still to come                 */
    uint64_t casts;          /* of its broadcasts: how many we know of        */
    uint64_t casts_seen;     /* of ours: how many it knows of                 */
    bool has_origin;
    uint8_t origin[16]; /* under which it numbers its journaled events        */
    int64_t return_ms;  /* failed: when its events go back; 0: done           */
    int64_t flush_ms;   /* its socket was full: not before                    */
    int64_t pause_ms;   /* the last pause because of that                     */
    int64_t last_ms;    /* left: until when broadcasts may come; 0: no more */
    int64_t warned_ms;
    covey_skew_t skew; /* what time it is there                               */
    size_t copies; /* of the event that is being judged                       */
    int64_t heartbeat_ms; /* not before                                       */
    bool owes_heartbeat;  /* what we have of it changed, or it is its turn    */
    int64_t ping_us;      /* when the last ping went out; 0: it was answered  */
    int64_t rtt_us;       /* of the last one that was; 0: none yet            */
    bool reachable;       /* its DEALER has a connection, or room             */
} covey_hub_peer_t;

/*  What is known of a topic here.                                           */
typedef struct {
    uint32_t code;
    bool wanted;    /* a peer subscribed to it, at one time or another        */
    int needed;     /* how many reasons this node has to listen               */
    uint32_t since; /* the first round that confirms it                       */
} covey_hub_topic_t;

/*  A SUBSCRIBED answer that waits for the peers.                            */
typedef struct {
    uint64_t session;
    uint32_t handle;
    uint32_t round;
    int64_t deadline_ms;
} covey_hub_waiter_t;

/*  What is done with a message; `route` is empty for sockets without.        */
typedef void (covey_hub_message_fn) (covey_hub_t *self, void *socket,
                                     const uint8_t *route, size_t route_size,
                                     const uint8_t *data, size_t size);

/*  A socket that the loop reads.                                            */
typedef struct {
    void *socket; /* NULL: a plain descriptor                                 */
    bool routed;
    covey_hub_message_fn *fn;
    void (*fd_fn) (covey_hub_t *self);
    bool hot;  /* there may be something to read                             */
    bool used; /* something was done with it since the last look             */
} covey_hub_input_t;

/*  Read by other threads.                                                   */
typedef struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    size_t nodes;
    size_t agents;
    bool ended;
    size_t unfinished; /* events of agents, when draining ended               */
} covey_hub_shared_t;

struct covey_hub {
    covey_node_config_t config; /* texts are our own                          */
    uint8_t incarnation[16];    /* origin of the events accepted here         */
    uint64_t epoch;
    char id_text[37];
    char source[48]; /* "node:<uuid>"                                         */
    char endpoint[COVEY_HUB_ADDRESS_MAX];
    char pub_endpoint[COVEY_HUB_ADDRESS_MAX];
    char inproc[64];
    char session_endpoint[COVEY_HUB_ADDRESS_MAX];

    void *pipe; /* the actor's commands                                       */
    void *router;
    void *pub;
    void *sub;
    void *local;    /* sessions of this process                               */
    void *sessions; /* sessions over ipc and tcp; NULL: none                  */
    covey_beacon_t *beacon; /* NULL: none                                     */
    int beacon_fd;
    int poll_fd; /* epoll instance over these                              */
    covey_hub_input_t inputs[COVEY_HUB_INPUTS];
    size_t input_count;
    int64_t looked_ms; /* tick after which all were asked                     */

    int64_t now_ms;
    int64_t now_us;
    int64_t tick_ms;
    bool blocked; /* a socket was full: soon again                           */
    int64_t links_ms; /* when a link wants to be flushed at the latest        */
    bool draining;    /* nothing new                                          */
    int64_t drain_ms; /* until when its program waits for that; 0: not       */
    covey_event_t *drain_asked; /* the mesh.drain to answer, or NULL          */
    int64_t drain_asked_ms;     /* until when that one waits                  */
    int64_t drain_settled_ms;   /* when agents have said what they have       */
    size_t drain_had;           /* what they had, at most                     */
    int leave_fd; /* written when the node wants to leave; -1: nobody looks   */
    bool stopping;
    bool ended;
    int64_t stop_ms; /* when draining has taken long enough                   */

    covey_prng_t prng;
    covey_idgen_t idgen;
    covey_hlc_t hlc;
    covey_membership_t *membership;
    covey_directory_t *directory;
    covey_departed_t *departed; /* who was in it                              */
    uint64_t agents_version; /* grows with every change of our own            */
    covey_session_table_t *table;
    covey_subscriptions_t *subscriptions;
    covey_outbox_t *outbox;
    covey_replay_t *replay;
    covey_scopes_t *scopes;
    covey_requests_t *requests;
    covey_recent_t *recent;
    covey_recent_t *doubts; /* sent to an incarnation that is no more */
    covey_workgroups_t *groups;
    uint64_t groups_revision; /* of the directory they were held against      */
    int64_t groups_ms;        /* when those past their time are looked for    */
    size_t heartbeat_turn; /* index of a peer                               */
    int64_t heartbeat_ms;  /* when the next one has its turn                */
    covey_hub_peer_t *item_from; /* whose item is looked at right now         */
    covey_herald_t *herald;
    covey_addressbook_t known;       /* addresses, for the next start         */
    covey_addressbook_actor_t *book; /* NULL: they are not kept               */
    uint64_t book_hash;              /* of what was written last              */
    int64_t book_ms;                 /* when it is written next               */
    int64_t known_ms;                /* when they are tried, if alone         */
    covey_table_t routes; /* routing id -> covey_hub_peer_t                   */

    /* scratch                                                                */
    covey_buf_t frame;
    covey_buf_t tail;
    covey_host_t **touched;
    size_t touched_count;
    size_t touched_capacity;

    /* broadcasts                                                             */
    covey_buf_t cast; /* the open frame, without its header                   */
    uint32_t cast_topic;
    uint64_t cast_first;
    covey_table_t topics;  /* topic -> covey_hub_topic_t                      */
    covey_table_t hearers; /* of peers: what their sync tokens start with     */
    bool all_events_wanted; /* somebody subscribes to every type of 'E'       */
    bool all_copies_wanted; /* and of 'T'                                     */
    bool round_due;
    uint32_t round; /* of subscriptions                                       */
    int64_t round_ms;
    int64_t round_retry_ms;
    int64_t watch_ms;
    covey_fifo_t waiters;

    /* services                                                               */
    uint8_t persister_node[16];
    uint8_t coordinator_node[16];
    bool has_persister;
    bool has_coordinator;
    bool coordinator_stands_in; /* the one here, for one that led             */
    bool view_due;   /* the coordinator gets everything                       */
    int64_t list_ms; /* when the swarm list is asked for; INT64_MAX: not      */
    uint64_t directory_version; /* that the requests were held against        */
    int64_t clock_ms; /* when agents were looked at; and told of              */
    int64_t clock_told_ms;
    int64_t sweep_ms; /* when they are again, at the latest          */

    uint64_t refused_hash; /* of the refusal that was logged last            */
    int64_t refused_ms;
    covey_hub_counters_t counters;
    uint64_t drops[COVEY_DROP_COUNT];
    /* how long things waited                                                 */
    covey_delay_t held_delay;    /* publishes, for room                       */
    covey_delay_t link_delay;    /* on links that are gone                    */
    covey_delay_t session_delay; /* in queues of sessions that are gone       */
    covey_hub_shared_t shared;
};

/* node_hub.c -------------------------------------------------------------- */

covey_err_t covey_hub_check_config (const covey_node_config_t *config,
                                    covey_errbuf_t *err);
/*  Without sockets and cores yet. Everything random follows from `seed`.    */
covey_hub_t *covey_hub_new (const covey_node_config_t *config, uint64_t seed,
                            int64_t now_ms, int64_t now_us);
/*  After the sockets: peers are told their addresses.                       */
void covey_hub_open_cores (covey_hub_t *self);
void covey_hub_destroy (covey_hub_t **self_p);
/*  A pass of the loop: what came in was handled, then the timers, then all
    that goes out; and how long nothing needs to be done.                     */
void covey_hub_tick (covey_hub_t *self);
void covey_hub_flush (covey_hub_t *self);
int covey_hub_wait_ms (const covey_hub_t *self);

/* node_sockets.c: the only file that knows ZeroMQ, besides the actor ------- */

covey_err_t covey_hub_open_sockets (covey_hub_t *self, covey_errbuf_t *err);
void covey_hub_close_sockets (covey_hub_t *self);
void *covey_hub_dial (covey_hub_t *self, const char *address);
void covey_hub_close_socket (void **socket_p);
/*  One part. OK, EAGAIN: full, UNREACHABLE: nobody there.                   */
covey_err_t covey_hub_send (void *socket, const void *data, size_t size);
covey_err_t covey_hub_send_to (covey_hub_t *self, void *socket,
                               const uint8_t *route, size_t route_size,
                               const void *data, size_t size);
/*  To all whose SUB sockets want what begins with `topic`; lost when the socket
    is full: receivers notice the hole and ask. `items` may be NULL.          */
void covey_hub_send_broadcast (covey_hub_t *self, const uint8_t *topic,
                               size_t topic_size, const covey_buf_t *frame,
                               const covey_buf_t *items);
/*  Somebody is connected, and there is room for a message.                  */
bool covey_hub_can_send (void *socket);
/*  The SUB socket: topics, and whose broadcasts. IO: not an address.        */
void covey_hub_subscribe (covey_hub_t *self, const uint8_t *topic, size_t size,
                          bool on);
covey_err_t covey_hub_hear (covey_hub_t *self, const char *address);
void covey_hub_unhear (covey_hub_t *self, const char *address);
/*  One message; false: there was none.                                      */
bool covey_hub_receive (covey_hub_t *self, void *socket, bool routed,
                        covey_hub_message_fn *fn);
/*  Read at most COVEY_HUB_DRAIN_MAX messages. True: there may be more.      */
bool covey_hub_drain (covey_hub_t *self, void *socket, bool routed,
                      covey_hub_message_fn *fn);

/* node_beacon.c ----------------------------------------------------------- */

covey_err_t covey_hub_open_beacon (covey_hub_t *self, covey_errbuf_t *err);
void covey_hub_close_beacon (covey_hub_t *self);
void covey_hub_tick_beacon (covey_hub_t *self);
void covey_hub_on_beacon (covey_hub_t *self);
/* node_poll.c ------------------------------------------------------------- */

covey_err_t covey_hub_open_poll (covey_hub_t *self, covey_errbuf_t *err);
void covey_hub_close_poll (covey_hub_t *self);
/*  From now on the loop reads it; NULL is no socket.                        */
void covey_hub_watch (covey_hub_t *self, void *socket, bool routed,
                      covey_hub_message_fn *fn);
void covey_hub_watch_fd (covey_hub_t *self, int fd,
                         void (*fn) (covey_hub_t *self));
/*  A watched socket was sent on, connected or disconnected.                 */
void covey_hub_used (covey_hub_t *self, const void *socket);
/*  Until a watched socket has something, at most for so long.               */
void covey_hub_sleep (covey_hub_t *self, int wait_ms);
void covey_hub_read_inputs (covey_hub_t *self);

/* node_drain.c ------------------------------------------------------------ */

void covey_hub_begin_drain (covey_hub_t *self, int64_t timeout_ms);
/*  Signals the pipe, or answers, when all is done or the time is up.        */
void covey_hub_tick_drain (covey_hub_t *self);
/*  mesh.drain: takes the request and answers it at the end. STATE: draining
    already.                                                                  */
covey_err_t covey_hub_ask_drain (covey_hub_t *self, covey_event_t **request_p,
                                 covey_errbuf_t *err);
/*  Says so to a session, if the node is draining.                           */
void covey_hub_tell_drain (covey_hub_t *self, covey_host_t *host);
/*  Nothing is left on any link to a living peer.                            */
bool covey_hub_is_drained (const covey_hub_t *self);
/*  What links to members and the outbox have not handed over.               */
size_t covey_hub_unsent (const covey_hub_t *self);

/* node_sessions.c --------------------------------------------------------- */

void covey_hub_on_session (covey_hub_t *self, void *socket,
                           const uint8_t *route, size_t route_size,
                           const uint8_t *data, size_t size);
void covey_hub_tick_sessions (covey_hub_t *self);
void covey_hub_flush_sessions (covey_hub_t *self);
void covey_hub_end_session (covey_hub_t *self, covey_host_t *host,
                            covey_err_t code, const char *text, bool lost);
/*  What an agent says of its own state goes into the directory.             */
void covey_hub_note_agent_state (covey_hub_t *self, covey_host_t *host,
                                 const covey_peek_t *event);
/*  Its entry, if the directory still means this session; or NULL.           */
covey_directory_entry_t *covey_hub_entry (const covey_hub_t *self,
                                          const covey_host_t *host);
/*  ENDED CLOSED to all, when the node stops.                                */
void covey_hub_end_sessions (covey_hub_t *self);
covey_host_t *covey_hub_service (const covey_hub_t *self, const char *name);

/* node_publish.c ---------------------------------------------------------- */

void covey_hub_publish_frame (covey_hub_t *self, covey_host_t *host,
                              const covey_frame_t *frame,
                              const Covey__Wire__Publish *header);
/*  What waits for room, again.                                              */
void covey_hub_retry_held (covey_hub_t *self);
/*  Take an event of this node's own and destroy it.                         */
covey_err_t covey_hub_publish_event (covey_hub_t *self,
                                     covey_event_t **event_p);

/* node_requests.c --------------------------------------------------------- */

/*  A request of a local agent leaves for `target`.                          */
void covey_hub_note_request (covey_hub_t *self, const covey_peek_t *request,
                             const covey_directory_entry_t *target);
void covey_hub_tick_requests (covey_hub_t *self);

/* node_deliver.c ---------------------------------------------------------- */

/*  Deliver to one local session; what finds no room is reported.            */
void covey_hub_deliver (covey_hub_t *self, covey_host_t *host,
                        covey_parcel_t *parcel);
/*  To all local sessions that a broadcast concerns.                         */
void covey_hub_deliver_broadcast (covey_hub_t *self, covey_parcel_t *parcel);
/*  An event of a peer: how old it is tells the clock that made it old.      */
void covey_hub_start_clock (const covey_hub_peer_t *peer,
                            covey_parcel_t *parcel);
/*  To local observers of a targeted event.                                  */
void covey_hub_deliver_observed (covey_hub_t *self, covey_parcel_t *parcel);
/*  An event from a peer for `target` here.                                  */
void covey_hub_deliver_remote (covey_hub_t *self, covey_parcel_t *parcel,
                               covey_slice_t target);
/*  An event did not reach `target`: tell the node that accepted it when it is
    of a group, so that another one gets it; else its sender.                 */
void covey_hub_undelivered (covey_hub_t *self, const covey_parcel_t *parcel,
                            covey_slice_t target, covey_err_t code,
                            const char *fmt, ...)
    __attribute__ ((format (printf, 5, 6)));
void covey_hub_return_notice (covey_hub_t *self, covey_slice_t source,
                              const Covey__Wire__Undelivered *notice);

/* node_groups.c ----------------------------------------------------------- */

/*  One of the group for an event. `except` (may be NULL): a session id that it
    shall not be. NOAGENT, EAGAIN: as covey_workgroup_pick.                   */
covey_err_t covey_hub_choose (covey_hub_t *self, covey_group_t *group,
                              const covey_peek_t *event, const uint8_t *except,
                              const covey_directory_entry_t **member_p,
                              covey_errbuf_t *err);
/*  The event leaves for a member; `size` of its bytes are the publisher's.  */
void covey_hub_keep_group_event (covey_hub_t *self, covey_group_t *group,
                                 covey_parcel_t *parcel, size_t size,
                                 const covey_directory_entry_t *member);
void covey_hub_tick_groups (covey_hub_t *self);
/*  A tracked event on its way to a peer whose link has room, and what came of
   it there. NULL: malformed. */
void covey_hub_push_tracked (covey_hub_peer_t *peer,
                             const covey_parcel_t *parcel,
                             covey_slice_t target);
covey_parcel_t *covey_hub_open_tracked (const uint8_t *body, size_t size,
                                        covey_slice_t *target);
/*  After an acknowledgement: what is to be said of tracked events.          */
void covey_hub_report (covey_hub_t *self, covey_host_t *host);
/*  A report about events of `source`, which were accepted here.             */
void covey_hub_take_heard (covey_hub_t *self, covey_slice_t source,
                           const Covey__Wire__Heard *heard);

/* node_broadcast.c -------------------------------------------------------- */

void covey_hub_cast (covey_hub_t *self, char class_byte,
                     covey_parcel_t *parcel);
void covey_hub_flush_casts (covey_hub_t *self);
void covey_hub_tick_casts (covey_hub_t *self);
void covey_hub_on_broadcast (covey_hub_t *self, void *socket,
                             const uint8_t *route, size_t route_size,
                             const uint8_t *data, size_t size);
void covey_hub_on_interest (covey_hub_t *self, void *socket,
                            const uint8_t *route, size_t route_size,
                            const uint8_t *data, size_t size);
void covey_hub_need_topic (void *arg, char class_byte, int type, bool needed);
/*  Start another round: what was subscribed to so far gets confirmed.       */
void covey_hub_sync (covey_hub_t *self);
bool covey_hub_is_synced (const covey_hub_t *self, uint32_t round);
void covey_hub_answer_waiters (covey_hub_t *self);
covey_intake_t *covey_hub_new_intake (covey_hub_peer_t *peer);
/*  The peer says that `next` comes next on that topic.                      */
void covey_hub_note_tail (covey_hub_peer_t *peer, uint32_t topic,
                          uint64_t next);
/*  Does that peer's SUB socket hear our PUB?                                */
bool covey_hub_is_heard_by (const covey_hub_t *self, const covey_peer_t *peer);
void covey_hub_close_casts (covey_hub_t *self);

/* node_repair.c ----------------------------------------------------------- */

void covey_hub_serve_repair (covey_hub_t *self, covey_hub_peer_t *peer,
                             const uint8_t *data, size_t size);
/*  A RESPONSE of the persister.                                             */
void covey_hub_on_rows (covey_hub_t *self, const covey_event_t *response);
void covey_hub_tick_errand (covey_hub_peer_t *peer);
void covey_hub_drop_errand (covey_hub_peer_t *peer);

/* node_heartbeat.c -------------------------------------------------------- */

/*  What keeps two nodes of one mind although something was lost: what of the
    streams arrived, how far the broadcasts are, what is held of the agents.  */
void covey_hub_tick_heartbeat (covey_hub_peer_t *peer);
/*  One peer after the other gets one without any reason.                    */
void covey_hub_turn_heartbeats (covey_hub_t *self);
void covey_hub_on_heartbeat (covey_hub_peer_t *peer,
                             const Covey__Wire__Heartbeat *heartbeat);

/* node_peers.c ------------------------------------------------------------ */

void covey_hub_open_membership (covey_hub_t *self);
void covey_hub_on_peer (covey_hub_t *self, void *socket, const uint8_t *route,
                        size_t route_size, const uint8_t *data, size_t size);
void covey_hub_tick_peers (covey_hub_t *self);
void covey_hub_flush_peers (covey_hub_t *self);
covey_hub_peer_t *covey_hub_find_peer (const covey_hub_t *self,
                                       const uint8_t node_id[16]);
bool covey_hub_is_member (const covey_hub_peer_t *peer);
covey_err_t covey_hub_push_raw (covey_hub_peer_t *peer, uint8_t kind,
                                const ProtobufCMessage *message);
void covey_hub_say_goodbye (covey_hub_t *self, const char *reason);

/* node_items.c ------------------------------------------------------------ */

void covey_hub_on_item (void *arg, uint8_t kind, const uint8_t *body,
                        size_t size);
/*  Tell peers and the coordinator of one agent; `gone` ones too.            */
void covey_hub_tell_agent (covey_hub_t *self,
                           const Covey__Wire__AgentInfo *info);
void covey_hub_send_snapshot (covey_hub_peer_t *peer);
/*  As many of its pieces as the link has room for; and forget them.         */
void covey_hub_flush_snapshot (covey_hub_peer_t *peer);
void covey_hub_drop_snapshot (covey_hub_peer_t *peer);
void covey_hub_view_agent (covey_hub_t *self,
                           const Covey__Wire__AgentInfo *info);
void covey_hub_view_node (covey_hub_t *self, const covey_peer_t *peer);
void covey_hub_send_view (covey_hub_t *self);

/* node_flow.c ------------------------------------------------------------- */

/*  Tell peers that an agent here takes nothing for now, or again.           */
void covey_hub_tell_flow (covey_hub_t *self, const covey_host_t *host,
                          bool stopped);
/*  Tell one peer of all that are stopped.                                   */
void covey_hub_send_flows (covey_hub_peer_t *peer);
void covey_hub_on_agent_flow (covey_hub_peer_t *peer, const uint8_t *body,
                              size_t size);

/* node_journal.c ---------------------------------------------------------- */

void covey_hub_stored (void *arg, const covey_outbox_wish_t *wish,
                       int64_t offset);
void covey_hub_flush_outbox (covey_hub_t *self);
/*  Which persister and coordinator are in charge, after a change.           */
void covey_hub_find_services (covey_hub_t *self);
/*  Who is meant by the id of an agent or a service; NULL: nobody.           */
const covey_directory_entry_t *
covey_hub_find_target (const covey_hub_t *self, const char *id, size_t size);
void covey_hub_on_journal_item (covey_hub_t *self, covey_hub_peer_t *peer,
                                const uint8_t *body, size_t size);
void covey_hub_on_journal_ack (covey_hub_t *self, const uint8_t from[16],
                               const uint8_t *data, size_t size);

/* node_returns.c ---------------------------------------------------------- */

/*  The peer is away: to its senders with what waits for it, or with requests
    alone.                                                                    */
void covey_hub_return_events (covey_hub_peer_t *peer, bool all);
/*  Another incarnation of the peer gets what it did not acknowledge.         */
void covey_hub_doubt_events (covey_hub_peer_t *peer);
/*  The peer found nobody for an event that it may have delivered before it was
    started anew.                                                             */
bool covey_hub_is_in_doubt (covey_hub_t *self, covey_slice_t source,
                            const Covey__Wire__Undelivered *notice);

/* node_control.c ---------------------------------------------------------- */

/*  From the coordinator here, for one on another node: an attempt.          */
void covey_hub_on_control (covey_hub_t *self, const covey_frame_t *frame,
                           const Covey__Wire__Control *header);
/*  And from there, for the coordinator here.                                */
void covey_hub_on_peer_control (covey_hub_peer_t *peer, covey_frame_t *frame,
                                const ProtobufCMessage *header);
/*  How much a service's word counts.                                        */
void covey_hub_on_service_state (covey_hub_t *self, const covey_host_t *host,
                                 const Covey__Wire__ServiceState *state);

/* node_agents.c ----------------------------------------------------------- */

/*  Who does what: stalled or not, and the clocks, to the directory, and now and
    then to the peers.                                                        */
void covey_hub_tick_agents (covey_hub_t *self);
void covey_hub_take_clocks (covey_hub_peer_t *peer,
                            const Covey__Wire__View *view);
/*  The answer to mesh.agents. NOTFOUND: no such node; INVALID: no such state.
 */
covey_err_t covey_hub_write_agents (const covey_hub_t *self,
                                    const Covey__Store__AgentQuery *query,
                                    covey_buf_t *to, covey_errbuf_t *err);

/* node_service.c ---------------------------------------------------------- */

/*  A REQUEST to "node", or to "node:" and this node's id.                   */
void covey_hub_serve (covey_hub_t *self, const covey_parcel_t *request);
/*  To who asked, on whatever node it is.                                    */
void covey_hub_answer (covey_hub_t *self, const char *to,
                       covey_event_t **response_p);
/*  A RESPONSE to this node.                                                 */
void covey_hub_on_response (covey_hub_t *self, const covey_parcel_t *response);
void covey_hub_tick_service (covey_hub_t *self);

/* node_members.c ---------------------------------------------------------- */

/*  The answer to mesh.members.                                              */
covey_err_t covey_hub_write_members (covey_hub_t *self,
                                     const covey_event_t *request,
                                     covey_buf_t *to, covey_errbuf_t *err);

/* node_status.c ----------------------------------------------------------- */

void covey_hub_write_status (const covey_hub_t *self, covey_buf_t *to);
void covey_hub_write_nodes (const covey_hub_t *self, covey_buf_t *to);
/*  Nodes that live, this one included.                                      */
size_t covey_hub_nodes (const covey_hub_t *self);
/*  For covey_node_actor_wait_*.                                             */
void covey_hub_share (covey_hub_t *self);

/* node_addressbook.c ------------------------------------------------------ */

/*  With a thread, so only where there is one for the node.                  */
void covey_hub_open_addressbook (covey_hub_t *self);
void covey_hub_tick_addressbook (covey_hub_t *self);
void covey_hub_close_addressbook (covey_hub_t *self);

/* node_events.c ----------------------------------------------------------- */

void covey_hub_open_herald (covey_hub_t *self);
/*  A broadcast of another node: maybe it announces what we would.           */
void covey_hub_hear_herald (covey_hub_t *self, const covey_parcel_t *parcel);
void covey_hub_announce_peer (covey_hub_t *self, const covey_peer_t *peer,
                              covey_peer_change_t change, const char *reason);
/*  Its state changed otherwise than by its own word.                        */
void covey_hub_announce_agent_state (covey_hub_t *self,
                                     const covey_directory_entry_t *entry);
void covey_hub_announce_lost_agent (covey_hub_t *self, const covey_host_t *host,
                                    const char *reason);
void covey_hub_announce_gap (covey_hub_t *self, const covey_peer_t *peer,
                             uint32_t topic, uint64_t first, uint64_t last);

/* ------------------------------------------------------------------------- */

static inline void
covey_hub_drop (covey_hub_t *self, covey_drop_t cause)
{
    self->drops[cause]++;
}

/*  When that was, on the wall.                                              */
static inline int64_t
covey_hub_wall_us (const covey_hub_t *self, int64_t mono_ms)
{
    return self->now_us - (self->now_ms - mono_ms) * 1000;
}

#endif
