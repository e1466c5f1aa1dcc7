/*  covey.h - the whole public C API of Covey

    Covey lets agents on many hosts work as one swarm. A *node* is one member
    of the mesh (usually one per host); an *agent* is a participant attached
    to exactly one node; everything they say is an *event*.

        covey_node_t *node = covey_node_new ("alpha");
        covey_node_start (node, 5000);
        covey_agent_t *echo = covey_agent_new ("echo", "worker");
        covey_agent_on_request (echo, my_handler, NULL);
        covey_agent_attach (echo, node, 5000);
        covey_agent_start (echo);

    Conventions, the same for every function here:

    Errors     A fallible call returns covey_err_t: COVEY_OK (0) or a negative
               code. covey_error () then says in one line what failed, with
               which value, why, and what to do. Results come through the last
               parameters and are untouched on error.
    Ownership  X_new gives an object to the caller, X_destroy (&x) frees it and
               sets the pointer to NULL; destroying NULL is allowed. A
               parameter `T **x_p` is always consumed, on success and on
               failure, and set to NULL. `const T *` is borrowed for the call.
               A returned `const char *` belongs to the object and is valid
               until the object changes; a returned `char *` is the caller's
               and is freed with covey_free.
    Time       Durations are milliseconds, in `int` (`timeout_ms`); instants
               are microseconds since the Unix epoch, UTC, in `int64_t`
               (`_us`). Every call that waits takes a deadline; there is no
               "for ever".
    Threads    Objects are independent. A node may be used from any thread. An
               agent: sending, asking and responding from any thread;
               receiving (dispatch, recv) from one thread at a time. An event
               belongs to one thread at a time.
    Text       UTF-8 without NUL inside. Bounds are in covey_limit ().        */

#ifndef COVEY_H_INCLUDED
#define COVEY_H_INCLUDED

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define COVEY_VERSION_MAJOR 0
#define COVEY_VERSION_MINOR 1
#define COVEY_VERSION_PATCH 0
#define COVEY_VERSION_TEXT "0.1.0"

#if defined(__GNUC__)
#define COVEY_EXPORT __attribute__ ((visibility ("default")))
#define COVEY_CHECK_RESULT __attribute__ ((warn_unused_result))
#else
#define COVEY_EXPORT
#define COVEY_CHECK_RESULT
#endif

/* ------------------------------------------------------------------------ */
/*  Errors                                                                   */

/*  Append only: code, name, text. docs/errors.md explains each.             */
#define COVEY_ERROR_MAP(X)                                     \
    X (0, OK, "done")                                          \
    X (-1, NOMEM, "out of memory")                             \
    X (-2, INVALID, "invalid argument")                        \
    X (-3, MALFORMED, "malformed data")                        \
    X (-4, NOTFOUND, "not found")                              \
    X (-5, EXISTS, "exists already")                           \
    X (-6, LIMIT, "a bound is exceeded")                       \
    X (-7, STATE, "not possible in this state")                \
    X (-8, DENIED, "denied")                                   \
    X (-9, TIMEOUT, "the deadline passed")                     \
    X (-10, CANCELED, "canceled")                              \
    X (-11, IO, "input or output failed")                      \
    X (-12, REMOTE, "the other side answered with an error")   \
    X (-13, EAGAIN, "a queue is full, try again")              \
    X (-14, UNREACHABLE, "no node can be reached")             \
    X (-15, NOAGENT, "no such agent")                          \
    X (-16, FENCED, "superseded by a newer holder")            \
    X (-17, NOCOORDINATOR, "no coordinator decides right now") \
    X (-18, NOPERSISTER, "no persister stores right now")      \
    X (-19, CORRUPT, "stored data is damaged")                 \
    X (-20, VERSION, "versions do not fit")                    \
    X (-21, CLOSED, "closed")                                  \
    X (-22, BUSY, "in use by another process")                 \
    X (-23, CONFLICT, "changed by another meanwhile")          \
    X (-24, FORGOTTEN, "too old: its outcome is unknown")

typedef enum {
#define COVEY_X(code, name, text) COVEY_##name = code,
    COVEY_ERROR_MAP (COVEY_X)
#undef COVEY_X
} covey_err_t;

/*  Name ("TIMEOUT") and short text of a code; "UNKNOWN" for any other int.  */
COVEY_EXPORT const char *covey_err_name (int code);
COVEY_EXPORT const char *covey_err_text (int code);

/*  What the last failed call on this thread had to say: one line, at most
    511 bytes, never NULL. Valid until this thread's next failed call.        */
COVEY_EXPORT const char *covey_error (void);

/*  Free what a function returned as `char *`. NULL is allowed.              */
COVEY_EXPORT void covey_free (void *memory);

/*  The version of the library that is loaded, "MAJOR.MINOR.PATCH".          */
COVEY_EXPORT const char *covey_version (void);

/* ------------------------------------------------------------------------ */
/*  Bounds                                                                    */

#define COVEY_AGENT_ID_MAX 128    /* bytes of [A-Za-z0-9._:@/-]            */
#define COVEY_NAME_MAX 256        /* bytes: names, types, tags, keys, ...  */
#define COVEY_TEXT_MAX 65536      /* bytes: descriptions, reasons, errors  */
#define COVEY_LIST_MAX 1024       /* entries of any list or map            */
#define COVEY_PAYLOAD_MAX 1048576 /* bytes of one payload                  */
#define COVEY_EVENT_MAX 4194304   /* bytes of one packed event             */
#define COVEY_HISTORY_MAX 1000    /* events an agent remembers             */

/* ------------------------------------------------------------------------ */
/*  Vocabulary                                                                */

/*  Number (= field number in the oneof of covey.v1.Event), constant, wire
    name. docs/events.md describes every type and its fields.                */
#define COVEY_EVENT_MAP(X)                                     \
    X (10, AGENT_SPAWNED, "agent:spawned")                     \
    X (11, AGENT_READY, "agent:ready")                         \
    X (12, AGENT_BUSY, "agent:busy")                           \
    X (13, AGENT_IDLE, "agent:idle")                           \
    X (14, AGENT_TERMINATED, "agent:terminated")               \
    X (15, AGENT_LOST, "agent:lost")                           \
    X (20, TASK_ASSIGNED, "task:assigned")                     \
    X (21, TASK_ACCEPTED, "task:accepted")                     \
    X (22, TASK_REJECTED, "task:rejected")                     \
    X (23, TASK_STARTED, "task:started")                       \
    X (24, TASK_PROGRESS, "task:progress")                     \
    X (25, TASK_COMPLETED, "task:completed")                   \
    X (26, TASK_FAILED, "task:failed")                         \
    X (27, TASK_SUBMITTED, "task:submitted")                   \
    X (28, TASK_CANCELLED, "task:cancelled")                   \
    X (29, TASK_PARKED, "task:parked")                         \
    X (30, MESSAGE_SENT, "message:sent")                       \
    X (31, MESSAGE_RECEIVED, "message:received")               \
    X (32, BROADCAST, "broadcast")                             \
    X (33, REQUEST, "request")                                 \
    X (34, RESPONSE, "response")                               \
    X (40, COORDINATION_REQUEST, "coordination:request")       \
    X (41, COORDINATION_ACCEPTED, "coordination:accepted")     \
    X (42, COORDINATION_REJECTED, "coordination:rejected")     \
    X (43, COORDINATION_UPDATE, "coordination:update")         \
    X (44, COORDINATION_COMPLETE, "coordination:complete")     \
    X (50, MEMORY_STORED, "memory:stored")                     \
    X (51, MEMORY_RETRIEVED, "memory:retrieved")               \
    X (52, MEMORY_SHARED, "memory:shared")                     \
    X (53, MEMORY_DELETED, "memory:deleted")                   \
    X (60, SYSTEM_ALERT, "system:alert")                       \
    X (61, SYSTEM_ERROR, "system:error")                       \
    X (62, SYSTEM_WARNING, "system:warning")                   \
    X (63, SYSTEM_INFO, "system:info")                         \
    X (70, SWARM_FORMED, "swarm:formed")                       \
    X (71, SWARM_JOINED, "swarm:joined")                       \
    X (72, SWARM_LEFT, "swarm:left")                           \
    X (73, SWARM_DISBANDED, "swarm:disbanded")                 \
    X (74, SWARM_TASK_ASSIGNED, "swarm:task:assigned")         \
    X (75, SWARM_CONSENSUS_REQUEST, "swarm:consensus:request") \
    X (76, SWARM_CONSENSUS_REACHED, "swarm:consensus:reached") \
    X (77, SWARM_VOTE_CAST, "swarm:vote:cast")                 \
    X (80, NODE_JOINED, "node:joined")                         \
    X (81, NODE_SUSPECTED, "node:suspected")                   \
    X (82, NODE_FAILED, "node:failed")                         \
    X (83, NODE_RECOVERED, "node:recovered")                   \
    X (84, NODE_LEFT, "node:left")                             \
    X (90, CLAIM_GRANTED, "claim:granted")                     \
    X (91, CLAIM_RELEASED, "claim:released")                   \
    X (92, CLAIM_EXPIRED, "claim:expired")                     \
    X (93, CLAIM_WAITING, "claim:waiting")

typedef enum {
    COVEY_EVENT_NONE = 0,
#define COVEY_X(number, name, wire) COVEY_EVENT_##name = number,
    COVEY_EVENT_MAP (COVEY_X)
#undef COVEY_X
} covey_event_type_t;

/*  Wire name of a type ("task:assigned"), NULL for a number that this version
    does not know; and the number of a wire name, 0 for an unknown one. Both
    "unknown:N" and its number N stand for a type of a newer version.         */
COVEY_EXPORT const char *covey_event_type_name (int type);
COVEY_EXPORT int covey_event_type_number (const char *wire_name);

typedef enum {
    COVEY_PRIORITY_LOW = 0,
    COVEY_PRIORITY_NORMAL = 1,
    COVEY_PRIORITY_HIGH = 2,
    COVEY_PRIORITY_CRITICAL = 3
} covey_priority_t;

typedef enum {
    COVEY_CONTENT_TEXT = 0,
    COVEY_CONTENT_JSON = 1,
    COVEY_CONTENT_BINARY = 2,
    COVEY_CONTENT_COMMAND = 3
} covey_content_t;

/*  What a receipt promises about an event; each includes the ones before.   */
typedef enum {
    COVEY_LEVEL_NONE = 0,     /* nothing yet                                  */
    COVEY_LEVEL_ACCEPTED = 1, /* the agent's node has it                      */
    COVEY_LEVEL_OUTBOX = 2,   /* on the disk of the agent's node              */
    COVEY_LEVEL_STORED = 3,   /* committed and fsynced by the persister       */
    COVEY_LEVEL_REPLICATED = 4, /* a standby persister has it too             */
    COVEY_LEVEL_SYNCED = 5 /* confirmed by Supabase                        */
} covey_level_t;

COVEY_EXPORT const char *covey_level_name (int level);

typedef struct {
    covey_level_t level; /* the level reached                                 */
    int64_t offset;      /* journal offset once stored, else -1               */
    uint8_t id[16];      /* the event's id                                    */
} covey_receipt_t;

/* ------------------------------------------------------------------------ */
/*  Events                                                                    */

typedef struct covey_event covey_event_t;

/*  An empty event of `type` with a fresh UUIDv7 id and the current time.
    Data fields are set by their JSON name, as docs/events.md lists them;
    "error.code" reaches into a nested object. NULL only for an unknown type
    or when memory is exhausted.                                              */
COVEY_EXPORT covey_event_t *covey_event_new (int type);
COVEY_EXPORT void covey_event_destroy (covey_event_t **self_p);
COVEY_EXPORT covey_event_t *covey_event_dup (const covey_event_t *self);

/*  Envelope. Getters never fail: absent text is "", absent numbers are 0.   */
COVEY_EXPORT int covey_event_type (const covey_event_t *self);
COVEY_EXPORT const uint8_t *covey_event_id (const covey_event_t *self); /*[16]*/
COVEY_EXPORT const char *covey_event_source (const covey_event_t *self);
COVEY_EXPORT size_t covey_event_target_count (const covey_event_t *self);
COVEY_EXPORT const char *covey_event_target (const covey_event_t *self,
                                             size_t index);
COVEY_EXPORT int64_t covey_event_timestamp_us (const covey_event_t *self);
COVEY_EXPORT uint64_t covey_event_hlc (const covey_event_t *self);
COVEY_EXPORT const char *covey_event_correlation_id (const covey_event_t *self);
COVEY_EXPORT const uint8_t *
covey_event_causation_id (const covey_event_t *self); /* [16] or NULL         */
COVEY_EXPORT const char *covey_event_session_id (const covey_event_t *self);
COVEY_EXPORT covey_priority_t covey_event_priority (const covey_event_t *self);
COVEY_EXPORT uint32_t covey_event_ttl_ms (const covey_event_t *self);
COVEY_EXPORT const char *covey_event_traceparent (const covey_event_t *self);
COVEY_EXPORT size_t covey_event_tag_count (const covey_event_t *self);
COVEY_EXPORT const char *covey_event_tag (const covey_event_t *self,
                                          size_t index);
COVEY_EXPORT const char *covey_event_metadata (const covey_event_t *self,
                                               const char *key);
/*  Journal offset when the event came from the store, else -1.              */
COVEY_EXPORT int64_t covey_event_offset (const covey_event_t *self);

COVEY_EXPORT covey_err_t covey_event_set_id (covey_event_t *self,
                                             const uint8_t id[16]);
COVEY_EXPORT covey_err_t covey_event_set_source (covey_event_t *self,
                                                 const char *agent_id);
COVEY_EXPORT covey_err_t covey_event_add_target (covey_event_t *self,
                                                 const char *agent_id);
COVEY_EXPORT covey_err_t covey_event_set_timestamp_us (covey_event_t *self,
                                                       int64_t timestamp_us);
COVEY_EXPORT covey_err_t covey_event_set_correlation_id (covey_event_t *self,
                                                         const char *id);
COVEY_EXPORT covey_err_t covey_event_set_causation_id (covey_event_t *self,
                                                       const uint8_t id[16]);
COVEY_EXPORT covey_err_t covey_event_set_session_id (covey_event_t *self,
                                                     const char *id);
COVEY_EXPORT covey_err_t covey_event_set_priority (covey_event_t *self,
                                                   covey_priority_t priority);
COVEY_EXPORT covey_err_t covey_event_set_ttl_ms (covey_event_t *self,
                                                 uint32_t ttl_ms);
COVEY_EXPORT covey_err_t covey_event_set_traceparent (covey_event_t *self,
                                                      const char *value);
COVEY_EXPORT covey_err_t covey_event_add_tag (covey_event_t *self,
                                              const char *tag);
COVEY_EXPORT covey_err_t covey_event_set_metadata (covey_event_t *self,
                                                   const char *key,
                                                   const char *value);

/*  Data fields by JSON name. Setters copy. NOTFOUND: the type has no such
    field; INVALID: the field is of another kind or the value is not allowed.
    Enums are set and read as text ("approve"); set_str accepts them.         */
COVEY_EXPORT covey_err_t covey_event_set_str (covey_event_t *self,
                                              const char *field,
                                              const char *value);
COVEY_EXPORT covey_err_t covey_event_add_str (covey_event_t *self,
                                              const char *field,
                                              const char *value);
COVEY_EXPORT covey_err_t covey_event_set_int (covey_event_t *self,
                                              const char *field, int64_t value);
COVEY_EXPORT covey_err_t covey_event_set_num (covey_event_t *self,
                                              const char *field, double value);
COVEY_EXPORT covey_err_t covey_event_set_bool (covey_event_t *self,
                                               const char *field, bool value);
COVEY_EXPORT covey_err_t covey_event_set_payload (covey_event_t *self,
                                                  const char *field,
                                                  covey_content_t content,
                                                  const void *data,
                                                  size_t size);
/*  Any field from JSON text, also nested objects and lists of them.         */
COVEY_EXPORT covey_err_t covey_event_set_json (covey_event_t *self,
                                               const char *field,
                                               const char *json);

COVEY_EXPORT bool covey_event_has (const covey_event_t *self,
                                   const char *field);
COVEY_EXPORT const char *covey_event_str (const covey_event_t *self,
                                          const char *field);
COVEY_EXPORT size_t covey_event_count (const covey_event_t *self,
                                       const char *field);
COVEY_EXPORT const char *covey_event_str_at (const covey_event_t *self,
                                             const char *field, size_t index);
COVEY_EXPORT int64_t covey_event_int (const covey_event_t *self,
                                      const char *field);
COVEY_EXPORT double covey_event_num (const covey_event_t *self,
                                     const char *field);
COVEY_EXPORT bool covey_event_bool (const covey_event_t *self,
                                    const char *field);
/*  The payload's bytes, followed by a NUL that is not counted; NULL when the
    field is absent. `content_p` and `size_p` may be NULL.                    */
COVEY_EXPORT const void *covey_event_payload (const covey_event_t *self,
                                              const char *field,
                                              covey_content_t *content_p,
                                              size_t *size_p);

/*  The event against every rule and bound of the contract: required fields,
    lengths, ranges, names, UTF-8. The message names field, value and bound.  */
COVEY_EXPORT covey_err_t covey_event_validate (const covey_event_t *self);

/*  JSON both ways, lossless. to_json gives one line without line feed; the
    caller frees it with covey_free. from_json reports line and column. An
    absent id, timestamp or priority gets its default.                        */
COVEY_EXPORT char *covey_event_to_json (const covey_event_t *self);
COVEY_EXPORT covey_err_t covey_event_from_json (const char *json, size_t size,
                                                covey_event_t **event_p);

/*  Protobuf bytes both ways (covey.v1.Event, proto/event.proto). Fields and
    types of a newer version are carried through.                            */
COVEY_EXPORT covey_err_t covey_event_encode (const covey_event_t *self,
                                             uint8_t **data_p, size_t *size_p);
COVEY_EXPORT covey_err_t covey_event_decode (const void *data, size_t size,
                                             covey_event_t **event_p);
COVEY_EXPORT bool covey_event_equal (const covey_event_t *a,
                                     const covey_event_t *b);

/*  Text of an event id, "01890a5d-ac96-774b-bcce-b302099a8057"; and back.   */
COVEY_EXPORT void covey_id_text (const uint8_t id[16], char text[37]);
COVEY_EXPORT covey_err_t covey_id_parse (const char *text, uint8_t id[16]);

/* ------------------------------------------------------------------------ */
/*  Filters: which events a subscription or a query wants                     */

/*  Empty lists match everything; lists are borrowed for the call. All lists
    that are given must match; within a list one match is enough.             */
typedef struct {
    const int *types;
    size_t type_count;
    const char *const *sources;
    size_t source_count;
    const char *const *targets;
    size_t target_count;
    const char *const *correlation_ids;
    size_t correlation_id_count;
    const char *const *session_ids;
    size_t session_id_count;
    const char *const *tags;
    size_t tag_count; /* all must be present   */
    const covey_priority_t *priorities;
    size_t priority_count;
    const uint8_t (*ids)[16];
    size_t id_count;            /* queries only         */
    int64_t since_us, until_us; /* queries only: [since, until), 0 = open  */
    const char *text;           /* queries only: substring of data, or NULL*/
    int64_t after_offset;       /* queries only: offset > this; 0 = start  */
    size_t limit;               /* queries only: 0 = 100, at most 10,000   */
    size_t skip;                /* queries only: rows to pass over         */
    bool newest_first;          /* queries only                            */
    const char *group_by;       /* stats only: type, source, target,
                                   priority, hour or day; NULL = type      */
    int64_t min_count;          /* aggregates only                         */
} covey_filter_t;

/* ------------------------------------------------------------------------ */
/*  Nodes                                                                     */

typedef struct covey_node covey_node_t;

/*  A node that does not run yet. `name` may be NULL (one is made up).       */
COVEY_EXPORT covey_node_t *covey_node_new (const char *name);

/*  Stops the node (as covey_node_stop with 2 s) and frees it.               */
COVEY_EXPORT void covey_node_destroy (covey_node_t **self_p);

/*  A setting by its configuration key, before start: "mesh", "listen", "join"
    (may be set repeatedly), "data", "roles", ...; docs/configuration.md lists
    all. Without "data" the node keeps nothing on disk and stores in memory.  */
COVEY_EXPORT covey_err_t covey_node_set (covey_node_t *self, const char *key,
                                         const char *value);

/*  Returns when the node serves: sockets bound, store recovered, and, when it
    was told to join, one seed answered (or the deadline passed: TIMEOUT, the
    node then goes on trying).                                                */
COVEY_EXPORT covey_err_t covey_node_start (covey_node_t *self, int timeout_ms);

/*  The first half of a departure, before covey_node_stop: new agents are
   refused, the agents here get no more tasks and no events for one of a group,
   and what they were given is waited for, as is what is on its way to other
   nodes and to the persister. TIMEOUT: not all was done by then, covey_error ()
   says how much. Everything goes on working meanwhile, reports of tasks too. */
COVEY_EXPORT covey_err_t covey_node_drain (covey_node_t *self, int timeout_ms);

/*  Readable once somebody else has drained the node (`covey drain`, the node's
    method mesh.drain) and it wants to leave: the program is expected to call
    covey_node_stop then. For poll; valid until stop, -1 while the node does not
    run. Nothing is read from it.                                             */
COVEY_EXPORT int covey_node_leave_fd (const covey_node_t *self);

/*  Leaves: refuses new work, hands over what is queued, says
    goodbye to its peers. TIMEOUT when something was still unsent.            */
COVEY_EXPORT covey_err_t covey_node_stop (covey_node_t *self, int timeout_ms);

COVEY_EXPORT const char *covey_node_id (const covey_node_t *self);
COVEY_EXPORT const char *covey_node_name (const covey_node_t *self);
/*  HOST:PORT for another node's "join".                                     */
COVEY_EXPORT const char *covey_node_endpoint (const covey_node_t *self);
/*  Where agents of other processes attach: "ipc://..." or "tcp://...".      */
COVEY_EXPORT const char *covey_node_session_endpoint (const covey_node_t *self);

/*  Waits until `count` nodes, this one included, are alive and this node's
    broadcasts reach them and theirs reach it.                                */
COVEY_EXPORT covey_err_t covey_node_wait_nodes (covey_node_t *self,
                                                size_t count, int timeout_ms);
/*  Waits until this node can route to `count` agents.                       */
COVEY_EXPORT covey_err_t covey_node_wait_agents (covey_node_t *self,
                                                 size_t count, int timeout_ms);
/*  The same JSON as `covey status --json`; the caller frees it.             */
COVEY_EXPORT char *covey_node_status (covey_node_t *self, int timeout_ms);

/* ------------------------------------------------------------------------ */
/*  Agents                                                                    */

typedef struct covey_agent covey_agent_t;

/*  A participant: `id` [A-Za-z0-9._:@/-], at most COVEY_AGENT_ID_MAX bytes;
    `type` at most COVEY_NAME_MAX bytes. NULL with a message when either is
    not allowed. Its name is "<type>-<id>" unless set.                        */
COVEY_EXPORT covey_agent_t *covey_agent_new (const char *id, const char *type);
COVEY_EXPORT void covey_agent_destroy (covey_agent_t **self_p);

/*  Before the agent attaches.                                               */
COVEY_EXPORT covey_err_t covey_agent_set_name (covey_agent_t *self,
                                               const char *name);
COVEY_EXPORT covey_err_t covey_agent_set_parent (covey_agent_t *self,
                                                 const char *agent_id);
COVEY_EXPORT covey_err_t covey_agent_add_capability (covey_agent_t *self,
                                                     const char *capability);
COVEY_EXPORT covey_err_t covey_agent_add_tag (covey_agent_t *self,
                                              const char *tag);
/*  How many tasks it works on at once; default 1, at most 1,000.            */
COVEY_EXPORT covey_err_t covey_agent_set_task_slots (covey_agent_t *self,
                                                     int slots);
/*  How long its node keeps what is for it when it is silent or away: an agent
    that comes back in time gets everything, after that the senders are told
    and it is announced as lost. 0 to 86,400,000 ms; default 5,000. The node
    grants at least 3,000 and at most its setting `graceMax`. shutdown ends the
    session at once.                                                          */
COVEY_EXPORT covey_err_t covey_agent_set_grace (covey_agent_t *self,
                                                int grace_ms);
/*  A client asks and publishes but is not listed, gets no tasks and no
    broadcasts unless it subscribes. Commands use this.                       */
COVEY_EXPORT covey_err_t covey_agent_set_client (covey_agent_t *self,
                                                 bool is_client);

/*  The file with the key by which this agent signs its ballots; it is made,
    readable for its owner alone, when it is not there. Before it attaches. The
    mesh knows the agent by the key of its first signed ballot and takes no
    other from then on: keep the file. IO: it cannot be read or made; DENIED:
   others may use it; CORRUPT: it holds no key. */
COVEY_EXPORT covey_err_t covey_agent_set_ballot_key (covey_agent_t *self,
                                                     const char *path);

COVEY_EXPORT const char *covey_agent_id (const covey_agent_t *self);
COVEY_EXPORT const char *covey_agent_type (const covey_agent_t *self);
COVEY_EXPORT const char *covey_agent_name (const covey_agent_t *self);

/*  Handlers run in the thread that dispatches. The event is borrowed for the
    call. Return COVEY_OK, or an error: a task handler's error becomes
    task:failed (retryable), a request handler's error becomes an error
    response (INTERNAL_ERROR) with covey_error () as its text, a coordination
    handler's error becomes a rejection, any other is counted. A handler may use
   every call of this API but destroy.            */
typedef covey_err_t (covey_handler_fn) (covey_agent_t *agent,
                                        const covey_event_t *event, void *arg);

COVEY_EXPORT void covey_agent_on_task (covey_agent_t *self,
                                       covey_handler_fn *fn, void *arg);
COVEY_EXPORT void covey_agent_on_message (covey_agent_t *self,
                                          covey_handler_fn *fn, void *arg);
COVEY_EXPORT void covey_agent_on_request (covey_agent_t *self,
                                          covey_handler_fn *fn, void *arg);
COVEY_EXPORT void covey_agent_on_coordination (covey_agent_t *self,
                                               covey_handler_fn *fn, void *arg);
COVEY_EXPORT void covey_agent_on_broadcast (covey_agent_t *self,
                                            covey_handler_fn *fn, void *arg);
COVEY_EXPORT void covey_agent_on_swarm (covey_agent_t *self,
                                        covey_handler_fn *fn, void *arg);

/*  What a member answers to a question: fields that stay NULL are not said.  */
typedef struct {
    const char *vote;           /* "approve", "reject" or "abstain"           */
    const char *const *options; /* instead: names of options, the best first; */
    size_t option_count;        /* one where they are not ranked              */
    const char *reason;
    char text[512]; /* room for what is made up: `reason` may point here      */
} covey_ballot_draft_t;

/*  A question (swarm:consensus:request) to a swarm that this agent is a member
    of. The handler fills in `draft`, which comes empty, and returns COVEY_OK:
    the library casts the ballot, signed when the agent has a ballot key, for
    just this question, hash and electorate. What `draft` points to must stay
    until then: it may belong to the event, to the agent or to `arg`. An empty
    draft casts nothing: the agent answers later with covey_vote_cast, or not
    at all. A ballot that was not cast is told by COVEY_NOTICE_BALLOT (STATE:
    it came after the decision); an error of the handler casts nothing and is
    counted. The handler of swarm events gets the question, too. It runs, and
    the ballot is cast, in the thread that dispatches, which waits up to 30 s
    (not longer than the question is open) for a coordinator.                 */
typedef covey_err_t (covey_proposal_fn) (covey_agent_t *agent,
                                         const covey_event_t *question,
                                         covey_ballot_draft_t *draft,
                                         void *arg);
COVEY_EXPORT void covey_agent_on_proposal (covey_agent_t *self,
                                           covey_proposal_fn *fn, void *arg);
/*  Targeted events of any other type.                                       */
COVEY_EXPORT void covey_agent_on_event (covey_agent_t *self,
                                        covey_handler_fn *fn, void *arg);

/*  Notices about the agent's own traffic.                                   */
typedef enum {
    COVEY_NOTICE_UNDELIVERED, /* an accepted event found nobody: code, text;
                                 TIMEOUT: its node vanished, and whether it
                                 arrived is unknown                           */
    COVEY_NOTICE_REFUSED,     /* a posted event was refused: code, text       */
    COVEY_NOTICE_GAP,         /* broadcasts were lost: text has the range     */
    COVEY_NOTICE_DETACHED,    /* the node is gone; the agent tries again      */
    COVEY_NOTICE_ATTACHED,    /* attached again                               */
    COVEY_NOTICE_SUPERSEDED,  /* another session took this agent id; final    */
    COVEY_NOTICE_DRAINING,    /* the node is about to leave and gives no more
                                 work: DETACHED follows. A good moment to shut
                                 down and attach to another one: text has the
                                 time that is left                            */
    COVEY_NOTICE_BALLOT       /* what a proposal handler answered was not cast:
                                 code, text                                   */
} covey_notice_kind_t;

typedef struct {
    covey_notice_kind_t kind;
    covey_err_t code;
    uint8_t event_id[16]; /* UNDELIVERED, REFUSED; BALLOT: of the question    */
    const char *text;     /* one line; valid during the call                  */
} covey_notice_t;

typedef void (covey_notice_fn) (covey_agent_t *agent,
                                const covey_notice_t *notice, void *arg);
COVEY_EXPORT void covey_agent_on_notice (covey_agent_t *self,
                                         covey_notice_fn *fn, void *arg);

/*  Attach to a node of this process, or by endpoint ("ipc://...",
    "tcp://HOST:PORT"), and announce agent:spawned. An agent attaches to one
    node at a time and attaches again by itself when the node comes back.
    EXISTS is never returned: a second session supersedes the first.          */
COVEY_EXPORT covey_err_t covey_agent_attach (covey_agent_t *self,
                                             covey_node_t *node,
                                             int timeout_ms);
COVEY_EXPORT covey_err_t covey_agent_connect (covey_agent_t *self,
                                              const char *endpoint,
                                              int timeout_ms);

/*  Three ways to receive. Start: callbacks run in a thread of the agent's
    own, until stop. Or poll covey_agent_fd () for reading in a loop of your
    own and call dispatch when it is readable. Or block in recv, which returns
    events that no handler took; the caller destroys the event.               */
COVEY_EXPORT covey_err_t covey_agent_start (covey_agent_t *self);
COVEY_EXPORT covey_err_t covey_agent_stop (covey_agent_t *self, int timeout_ms);
COVEY_EXPORT int covey_agent_fd (const covey_agent_t *self);
COVEY_EXPORT covey_err_t covey_agent_dispatch (covey_agent_t *self);
COVEY_EXPORT covey_err_t covey_agent_recv (covey_agent_t *self, int timeout_ms,
                                           covey_event_t **event_p);

/*  Life cycle. shutdown announces agent:terminated, unsubscribes, hands over
    what is queued, and detaches.                                             */
COVEY_EXPORT covey_err_t covey_agent_ready (covey_agent_t *self,
                                            int available_capacity,
                                            int current_tasks);
COVEY_EXPORT covey_err_t covey_agent_busy (covey_agent_t *self,
                                           const char *reason);
COVEY_EXPORT covey_err_t covey_agent_idle (covey_agent_t *self);
COVEY_EXPORT covey_err_t covey_agent_shutdown (covey_agent_t *self,
                                               const char *reason,
                                               int timeout_ms);
/*  Stop taking, finish, leave: the mesh gives this agent no more tasks and no
    events for one of a group; what was given to it before, and what is sent to
    it by its id, is handled until its queue is empty and its tasks are reported
    as ended (handlers run where they run otherwise, or in this call when nobody
    started them); then covey_agent_shutdown. After timeout_ms it leaves anyway:
    TIMEOUT, covey_error () says how much was left, senders get that back, tasks
    go to others. Any thread but one of its handlers (STATE).                 */
COVEY_EXPORT covey_err_t covey_agent_drain (covey_agent_t *self,
                                            const char *reason, int timeout_ms);

/*  Publish and wait for `level`. The source is set to this agent. No target =
    everyone subscribed. NOAGENT at once for a target nobody hosts; EAGAIN when
    a queue stayed full until the deadline. `receipt` may be NULL.            */
COVEY_EXPORT covey_err_t covey_agent_publish (covey_agent_t *self,
                                              covey_event_t **event_p,
                                              covey_level_t level,
                                              int timeout_ms,
                                              covey_receipt_t *receipt);
/*  What became of one event of a batch.                                     */
typedef struct {
    covey_err_t code;        /* OK: it reached the level                      */
    covey_receipt_t receipt; /* id, and how far it came, also after TIMEOUT   */
    char text[256];          /* one line; "" when it is OK                    */
} covey_batch_result_t;

#define COVEY_BATCH_MAX 1024 /* events in one batch */

/*  Publish `count` events in their order and wait for `level` of all together;
    they share frames. All are consumed, their places set to NULL. Each has its
    own verdict in `results` (as many; may be NULL): one that is refused does
    not keep the others back, but behind one that found no room until the
    deadline (EAGAIN) none is published. TIMEOUT: it may still arrive. The call
    returns the code of the first one that failed, and covey_error () says
    which that is and how many failed; LIMIT: more than COVEY_BATCH_MAX, nothing
    was published.                                                            */
COVEY_EXPORT covey_err_t covey_agent_publish_batch (
    covey_agent_t *self, covey_event_t **events, size_t count,
    covey_level_t level, int timeout_ms, covey_batch_result_t *results);
/*  Publish without waiting: queued for the node, bounded (EAGAIN when the
    window is full). A refusal comes as a notice. post_wait waits for room in
    the window, up to `timeout_ms` (EAGAIN then; up to 0: as post). flush waits
    until all posted events reached `level`; beyond `accepted` it publishes one
    system:info event behind them to know that. Any thread; the event is
    consumed in any case.                                                     */
COVEY_EXPORT covey_err_t covey_agent_post (covey_agent_t *self,
                                           covey_event_t **event_p);
COVEY_EXPORT covey_err_t covey_agent_post_wait (covey_agent_t *self,
                                                covey_event_t **event_p,
                                                int timeout_ms);
COVEY_EXPORT covey_err_t covey_agent_flush (covey_agent_t *self,
                                            covey_level_t level,
                                            int timeout_ms);

/*  message:sent to one agent.                                               */
COVEY_EXPORT covey_err_t covey_agent_send (covey_agent_t *self,
                                           const char *target,
                                           covey_content_t content,
                                           const void *data, size_t size,
                                           int timeout_ms);

/*  A broadcast. All fields of `scope` NULL or 0: global. `types` alone: scope
    type; `swarm_id`: scope swarm; otherwise custom, all given must match.    */
typedef struct {
    const char *const *agent_types;
    size_t agent_type_count;
    const char *const *capabilities;
    size_t capability_count;
    const char *const *tags;
    size_t tag_count;
    const char *swarm_id;
} covey_scope_t;

COVEY_EXPORT covey_err_t covey_agent_broadcast (
    covey_agent_t *self, const char *topic, covey_content_t content,
    const void *data, size_t size, const covey_scope_t *scope, int timeout_ms);

/*  Ask `target` and wait for its answer. `params_json` may be NULL. OK: the
    response's result as JSON in `*result_p` (the caller frees it). NOAGENT at
    once when nobody hosts it or it vanished; TIMEOUT (a late answer is then
    counted and dropped); REMOTE: it answered with an error, covey_error () is
    "CODE: message".                                                          */
COVEY_EXPORT covey_err_t covey_agent_request (covey_agent_t *self,
                                              const char *target,
                                              const char *method,
                                              const char *params_json,
                                              int timeout_ms, char **result_p);
/*  The same under a request id of the caller's choice (1 to 256 bytes): sent
    again under it, a command to the coordinator is executed once. Best is a
    UUIDv7, made once per command: the coordinator can tell its age, and refuses
    with FORGOTTEN (in REMOTE) what it may have executed and does not remember
    any more. NULL: a fresh one.                                              */
COVEY_EXPORT covey_err_t covey_agent_request_as (
    covey_agent_t *self, const char *request_id, const char *target,
    const char *method, const char *params_json, int timeout_ms,
    char **result_p);

/*  The id of this thread's last request, also of those that calls like
    covey_task_submit make; "" before the first. Valid until the next. */
COVEY_EXPORT const char *covey_request_id (void);

/*  Ask the coordinator something that changes nothing: any method that reads of
    docs/methods.md, as "task.list". `params_json` is an object or NULL;
    `consistency` says how fresh the answer has to be: "default" or NULL, from
    the coordinator that leads; "linearizable", it has asked a majority whether
    it still does; "stale", from any coordinator, also without a majority: then
    the answer has `age`, in milliseconds. The caller frees `*result_p`.
   INVALID, MALFORMED: the params; REMOTE: refused, covey_error () names the
   code; NOCOORDINATOR, TIMEOUT. */
COVEY_EXPORT covey_err_t covey_agent_read (covey_agent_t *self,
                                           const char *method,
                                           const char *params_json,
                                           const char *consistency,
                                           int timeout_ms, char **result_p);

/*  What became of a request to the coordinator whose answer did not come
    (TIMEOUT). `request_id` NULL: this thread's last; `client` NULL: this
   agent's own. `*outcome_p` is JSON, {"state": "done" | "refused" | "unknown",
   ...} (docs/methods.md, mesh.outcome); the caller frees it. NOCOORDINATOR,
   TIMEOUT; covey_request_id () stays what it was. */
COVEY_EXPORT covey_err_t covey_agent_outcome (covey_agent_t *self,
                                              const char *request_id,
                                              const char *client,
                                              int timeout_ms, char **outcome_p);

/*  How much of everything the mesh takes, and how much of it is used, as JSON
    (docs/methods.md, mesh.limits); with `limits_json`, as {"tasks": 200000},
    those are set before. `result_p` may be NULL, else the caller frees it.
    INVALID; DENIED: an agent that can get tasks cannot set them; NOCOORDINATOR,
    TIMEOUT.                                                                  */
COVEY_EXPORT covey_err_t covey_agent_limits (covey_agent_t *self,
                                             const char *limits_json,
                                             int timeout_ms, char **result_p);
/*  The same without waiting: `fn` gets the response event (success or not;
    a timeout or a vanished agent comes as a response with success = false and
    code TIMEOUT or NOAGENT) exactly once, in the dispatching thread.         */
COVEY_EXPORT covey_err_t covey_agent_ask (
    covey_agent_t *self, const char *target, const char *method,
    const char *params_json, int timeout_ms, covey_handler_fn *fn, void *arg);

/*  Work groups: one of the agents that `group` selects gets the event, never
   the sender itself. All that is given must match, nothing given is any agent;
   the groups need no set-up. The node of the sender chooses among those that
   can take it: agents of its own node first, then the least loaded, by lot
   among equals; one that drains, has paused, is stalled or full is passed over.
   An agent that fails before it was done with the event (its handler returned)
    does not lose it: another one gets it, so a member that fails after its work
    but before it said so can cause it twice. There is no order between members.
    NOAGENT at once when nobody is selected; EAGAIN when nobody can take it
   until the deadline; an UNDELIVERED notice when nobody is left later.

    set_group is for events of any type that are published or posted; such an
    event has no target, the node writes in the one that it chose. The group is
    no part of the event's bytes or JSON. NULL: no group. LIMIT, INVALID: a text
    or list of `group` is beyond its bound, or not UTF-8.                     */
COVEY_EXPORT covey_err_t covey_event_set_group (covey_event_t *self,
                                                const covey_scope_t *group);
COVEY_EXPORT covey_err_t covey_agent_send_group (covey_agent_t *self,
                                                 const covey_scope_t *group,
                                                 covey_content_t content,
                                                 const void *data, size_t size,
                                                 int timeout_ms);
/*  A request to one of the group; one that was taken by an agent which vanishes
    before it answers fails with NOAGENT, as any other.                       */
COVEY_EXPORT covey_err_t covey_agent_request_group (
    covey_agent_t *self, const covey_scope_t *group, const char *method,
    const char *params_json, int timeout_ms, char **result_p);
COVEY_EXPORT covey_err_t covey_agent_ask_group (
    covey_agent_t *self, const covey_scope_t *group, const char *method,
    const char *params_json, int timeout_ms, covey_handler_fn *fn, void *arg);

/*  Scatter and gather: ask many, take what comes. Whom: `agents`, or when that
    is empty all that `group` selects at this moment but the sender (NULL: every
    agent); at most COVEY_GATHER_MAX.                                         */
#define COVEY_GATHER_MAX 10000
typedef struct {
    const char *const *agents;
    size_t agent_count;
    const covey_scope_t *group;
    int timeout_ms;     /* in all; 0 = 30,000                                 */
    int stall_ms;       /* nothing new for so long ends it; 0 = no such bound */
    size_t max_answers; /* enough; 0 = all                                    */
    bool stop_on_error; /* at the first error, or one that is not reached     */
} covey_gather_options_t;

/*  Why it was over.                                                         */
typedef enum {
    COVEY_GATHER_RUNS = 0,
    COVEY_GATHER_ALL,     /* each one has answered, or cannot be reached      */
    COVEY_GATHER_MAXIMUM, /* enough have answered                             */
    COVEY_GATHER_ERROR,   /* stop_on_error                                    */
    COVEY_GATHER_TIMEOUT,
    COVEY_GATHER_STALLED,
    COVEY_GATHER_STOPPED /* by the caller's function                          */
} covey_gather_end_t;

/*  "all", "maximum", "error", "timeout", "stalled", "stopped".              */
COVEY_EXPORT const char *covey_gather_end_name (int end);

typedef struct {
    size_t asked;
    size_t heard;       /* got the question, whether they answered or not     */
    size_t answered;    /* with a result                                      */
    size_t failed;      /* with an error                                      */
    size_t unreachable; /* not there, or gone before they answered            */
    covey_gather_end_t end;
} covey_gather_result_t;

/*  What came of one. OK: `result_json`; REMOTE: it answered with an error; any
    other code: it could not be reached. Valid during the call.               */
typedef struct {
    const char *agent;
    covey_err_t code;
    const char *result_json;   /* else NULL                                   */
    const char *error_code;    /* "" when there is no error                   */
    const char *error_message; /* one line                                    */
} covey_gather_answer_t;

typedef covey_err_t (covey_gather_fn) (covey_agent_t *agent,
                                       const covey_gather_answer_t *answer,
                                       void *arg);

/*  Asks all at once and calls `fn` (may be NULL) in this thread for each that
    answers, fails or is unreachable, as it comes; an error from `fn` ends it
    and is returned. `result` (may be NULL) is filled whatever is returned, once
    somebody was asked. OK: ended by ALL or MAXIMUM; TIMEOUT: by TIMEOUT or
    STALLED, with what came until then; REMOTE: by ERROR; NOAGENT: there is
    nobody to ask; LIMIT: more than COVEY_GATHER_MAX. An answer that comes later
    is counted and dropped.                                                   */
COVEY_EXPORT covey_err_t covey_agent_gather (
    covey_agent_t *self, const covey_gather_options_t *options,
    const char *method, const char *params_json, covey_gather_fn *fn, void *arg,
    covey_gather_result_t *result);

/*  Answer a request, in its handler or later.                               */
COVEY_EXPORT covey_err_t covey_agent_respond (covey_agent_t *self,
                                              const covey_event_t *request,
                                              covey_content_t content,
                                              const void *data, size_t size);
COVEY_EXPORT covey_err_t
covey_agent_respond_error (covey_agent_t *self, const covey_event_t *request,
                           const char *code, const char *message);

/* ------------------------------------------------------------------------ */
/*  The directory                                                             */

/*  Which agents: what is NULL or 0 does not restrict.                       */
typedef struct {
    const char *id;
    const char *type;
    const char *const *capabilities; /* all of them                           */
    size_t capability_count;
    const char *const *tags; /* all of them                                   */
    size_t tag_count;
    const char *state; /* "ready", "busy", "idle", "stalled"; "lost" and
                          "terminated": gone less than an hour ago, as far as
                          the node that is asked knew it                      */
    const char *node;  /* id or name of a node                                */
    size_t limit;      /* the first so many, in the order of ids              */
} covey_agent_query_t;

/*  One agent. `state` is what it says of itself (ready, busy, idle,
    terminated), or stalled: it has work, lives, and did nothing for longer than
    its node's setting `stallAfter`. Three clocks, all in us since the epoch:
    the last sign of life of its node; that of its session, and when its lease
    on the agent id ends if it stays silent; and when the agent last did
    something itself (published, or was done with an event), which other nodes
    know to within 5 s.                                                       */
typedef struct {
    const char *id, *type, *name, *state, *node_id;
    int64_t since_us; /* of the state                                         */
    const char *const *capabilities;
    size_t capability_count;
    const char *const *tags;
    size_t tag_count;
    uint32_t task_slots, available_capacity, current_tasks;
    int64_t node_heard_us;
    int64_t session_heard_us, lease_end_us;
    int64_t active_us;
} covey_agent_info_t;

/*  `info` and its texts are valid during the call only.                     */
typedef covey_err_t (covey_agent_info_fn) (covey_agent_t *agent,
                                           const covey_agent_info_t *info,
                                           void *arg);

/*  Calls `fn`, in this thread, for each agent of the mesh that matches, in the
    order of ids; clients are not listed. Answered by the agent's own node,
    without the coordinator, from what it knows at that moment; `query` may be
    NULL: everybody. An error from `fn` ends the search and is returned.
    REMOTE: the query names a node or a state that does not exist; TIMEOUT,
    UNREACHABLE: the node did not answer within `timeout_ms`.                 */
COVEY_EXPORT covey_err_t covey_agent_find (covey_agent_t *self,
                                           const covey_agent_query_t *query,
                                           int timeout_ms,
                                           covey_agent_info_fn *fn, void *arg);

/* ------------------------------------------------------------------------ */
/*  Subscriptions                                                             */

typedef struct {
    int priority;             /* order among one agent's subscriptions: higher
                                 first; default 0                               */
    bool include_history;     /* stored events first, oldest first, then live,
                                 each once                                      */
    int64_t history_since_us; /* 0 = the last 24 hours                        */
    size_t history_limit; /* 0 = 100                                        */
    bool observe;         /* also events targeted at others                 */
    int timeout_ms;       /* to become live; 0 = 5,000                      */
} covey_subscribe_options_t;

/*  Subscribe to events that match `filter` (types, sources, targets,
    correlation ids, session ids, tags, priorities). Returns when events can no
    longer be missed, with a handle > 0. `options` may be NULL. A filter on
    targets implies `observe`.                                                */
COVEY_EXPORT covey_err_t
covey_agent_subscribe (covey_agent_t *self, const covey_filter_t *filter,
                       const covey_subscribe_options_t *options,
                       covey_handler_fn *fn, void *arg, uint32_t *handle_p);
COVEY_EXPORT covey_err_t covey_agent_unsubscribe (covey_agent_t *self,
                                                  uint32_t handle);
COVEY_EXPORT covey_err_t covey_agent_unsubscribe_all (covey_agent_t *self);

/*  Hold back delivery of this agent (its node queues, bounded) and go on.   */
COVEY_EXPORT covey_err_t covey_agent_pause (covey_agent_t *self);
COVEY_EXPORT covey_err_t covey_agent_resume (covey_agent_t *self);

/*  The last events this agent saw, newest first: calls `fn` for at most `limit`
    of them and at most COVEY_HISTORY_MAX.                                    */
COVEY_EXPORT void covey_agent_history (covey_agent_t *self, size_t limit,
                                       covey_handler_fn *fn, void *arg);

typedef struct {
    uint64_t events_total;    /* handled since attach                     */
    double events_per_second; /* over the last 10 s                       */
    uint32_t subscriptions;   /* active                                   */
    uint32_t queue_size;      /* received, not handled yet                */
    double handling_min_us, handling_mean_us; /* time in handlers             */
    double handling_p50_us, handling_p99_us, handling_max_us;
    uint64_t published;         /* events accepted by the node              */
    uint64_t dropped_expired;   /* past their ttl on arrival                */
    uint64_t dropped_late;      /* responses after their request timed out  */
    uint64_t dropped_duplicate; /* same event id again                      */
    uint64_t dropped_unhandled; /* no handler, no subscription, recv full   */
    uint64_t dropped_gap;       /* broadcasts announced as lost             */
    uint64_t handler_errors;
} covey_agent_stats_t;

COVEY_EXPORT void covey_agent_stats (covey_agent_t *self,
                                     covey_agent_stats_t *stats);

/* ------------------------------------------------------------------------ */
/*  Tasks                                                                     */

/*  In a task handler, or later with a copy of the task:assigned event. They
    carry its correlation id and fencing token; FENCED when the task was given
    to another meanwhile: stop working on it.                                 */
COVEY_EXPORT covey_err_t covey_task_accept (covey_agent_t *self,
                                            const covey_event_t *assigned);
COVEY_EXPORT covey_err_t covey_task_reject (covey_agent_t *self,
                                            const covey_event_t *assigned,
                                            const char *reason);
COVEY_EXPORT covey_err_t covey_task_start (covey_agent_t *self,
                                           const covey_event_t *assigned);
COVEY_EXPORT covey_err_t covey_task_progress (covey_agent_t *self,
                                              const covey_event_t *assigned,
                                              int percent, const char *status);
COVEY_EXPORT covey_err_t covey_task_complete (covey_agent_t *self,
                                              const covey_event_t *assigned,
                                              covey_content_t content,
                                              const void *result, size_t size);
COVEY_EXPORT covey_err_t covey_task_fail (covey_agent_t *self,
                                          const covey_event_t *assigned,
                                          const char *error,
                                          const char *error_code,
                                          bool retryable);

/*  How far a task is. The details are for its next attempt, should there be
    one: it finds the last ones in its task:assigned. At most COVEY_PAYLOAD_MAX
    bytes; NULL leaves those that were reported before.                       */
typedef struct {
    int percent;        /* 0 to 100                                           */
    const char *status; /* NULL: ""                                           */
    const void *details;
    size_t details_size;
    covey_content_t details_content;
} covey_progress_t;

/*  What others want of a task that this agent works on.                      */
typedef enum {
    COVEY_TASK_GO_ON = 0,
    COVEY_TASK_PAUSE = 1, /* covey_task_pause: yield it soon                  */
    COVEY_TASK_CANCEL = 2 /* covey_task_cancel_within: before its grace ends  */
} covey_task_wish_t;

/*  covey_task_progress with details, and with the answer to it: what is wanted
    of the task, in `*wish_p` (may be NULL; GO_ON unless the result is OK).   */
COVEY_EXPORT covey_err_t covey_task_report (covey_agent_t *self,
                                            const covey_event_t *assigned,
                                            const covey_progress_t *progress,
                                            covey_task_wish_t *wish_p);
/*  Give an unfinished task back: the attempt does not count, another begins
    when an agent is free, or it is paused or cancelled, when that is wanted.
    `reason` may be NULL; `details` as in covey_progress_t.                   */
COVEY_EXPORT covey_err_t covey_task_yield (covey_agent_t *self,
                                           const covey_event_t *assigned,
                                           const char *reason,
                                           covey_content_t content,
                                           const void *details, size_t size);

/*  Control plane calls take and give JSON, the same as the command's --json
    (docs/methods.md has every method and its fields). The caller frees
    `*result_p`, which may be NULL when the result is not wanted.

        covey_task_submit (agent, "{\"taskType\":\"count\"}", 5000, &json)    */
COVEY_EXPORT covey_err_t covey_task_submit (covey_agent_t *self,
                                            const char *task_json,
                                            int timeout_ms, char **result_p);
COVEY_EXPORT covey_err_t covey_task_show (covey_agent_t *self,
                                          const char *task_id, int timeout_ms,
                                          char **result_p);
/*  Waits until the task is completed, failed, cancelled or parked.          */
COVEY_EXPORT covey_err_t covey_task_wait (covey_agent_t *self,
                                          const char *task_id, int timeout_ms,
                                          char **result_p);
COVEY_EXPORT covey_err_t covey_task_cancel (covey_agent_t *self,
                                            const char *task_id,
                                            const char *reason, int timeout_ms);
COVEY_EXPORT covey_err_t covey_task_retry (covey_agent_t *self,
                                           const char *task_id, int timeout_ms);
/*  Cancel it, but give the agent that works on it `grace_ms` (0 to a day) to
    yield it, or to complete it all the same.                                 */
COVEY_EXPORT covey_err_t covey_task_cancel_within (covey_agent_t *self,
                                                   const char *task_id,
                                                   const char *reason,
                                                   int grace_ms,
                                                   int timeout_ms);
/*  No agent gets it until it is resumed; one that works on it is asked to
    yield it. STATE: it has ended, is paused already, or is not.              */
COVEY_EXPORT covey_err_t covey_task_pause (covey_agent_t *self,
                                           const char *task_id, int timeout_ms);
COVEY_EXPORT covey_err_t covey_task_resume (covey_agent_t *self,
                                            const char *task_id,
                                            int timeout_ms);
/*  All tasks of {"tasks":[…]}, or none.                                      */
COVEY_EXPORT covey_err_t covey_task_batch (covey_agent_t *self,
                                           const char *batch_json,
                                           int timeout_ms, char **result_p);

/*  A schedule submits a task again and again: {"scheduleId":…,"cron":…,
    "task":{…}}.                                                              */
COVEY_EXPORT covey_err_t covey_schedule_add (covey_agent_t *self,
                                             const char *schedule_json,
                                             int timeout_ms, char **result_p);
COVEY_EXPORT covey_err_t covey_schedule_show (covey_agent_t *self,
                                              const char *schedule_id,
                                              int timeout_ms, char **result_p);
/*  `query_json`: {"state":…,"limit":…,"after":…}, or NULL.                   */
COVEY_EXPORT covey_err_t covey_schedule_list (covey_agent_t *self,
                                              const char *query_json,
                                              int timeout_ms, char **result_p);
COVEY_EXPORT covey_err_t covey_schedule_pause (covey_agent_t *self,
                                               const char *schedule_id,
                                               int timeout_ms);
COVEY_EXPORT covey_err_t covey_schedule_resume (covey_agent_t *self,
                                                const char *schedule_id,
                                                int timeout_ms);
/*  Its tasks are not touched.                                                */
COVEY_EXPORT covey_err_t covey_schedule_delete (covey_agent_t *self,
                                                const char *schedule_id,
                                                int timeout_ms);

/* ------------------------------------------------------------------------ */
/*  Coordination sessions                                                     */

/*  Ask the mesh for agents that reach an objective together, one after
    another, all at once, under a leader, or by agreement
   (docs/coordination.md):

        covey_agent_coordinate (agent,
   "{\"objective\":\"review\",\"minAgents\":2,"
                                "\"strategy\":\"consensus\"}", 5000, &json)

    Returns at once with the session as JSON (`*result_p` as above); its `id`
    is what the other calls want. Refused with EAGAIN when too many are under
    way. What happens to it is told by coordination:update events.            */
COVEY_EXPORT covey_err_t covey_agent_coordinate (covey_agent_t *self,
                                                 const char *session_json,
                                                 int timeout_ms,
                                                 char **result_p);
COVEY_EXPORT covey_err_t covey_coordination_show (covey_agent_t *self,
                                                  const char *coordination_id,
                                                  int timeout_ms,
                                                  char **result_p);
/*  Waits until it is completed, with success or without: `success`, `result`,
    `code` and `reason` of the JSON say which. TIMEOUT: it goes on.           */
COVEY_EXPORT covey_err_t covey_coordination_wait (covey_agent_t *self,
                                                  const char *coordination_id,
                                                  int timeout_ms,
                                                  char **result_p);
/*  For who asked for it (DENIED for other agents); `reason` may be NULL. While
    it is paused no step begins and its clocks stand still.                   */
COVEY_EXPORT covey_err_t covey_coordination_cancel (covey_agent_t *self,
                                                    const char *coordination_id,
                                                    const char *reason,
                                                    int timeout_ms);
COVEY_EXPORT covey_err_t covey_coordination_pause (covey_agent_t *self,
                                                   const char *coordination_id,
                                                   int timeout_ms);
COVEY_EXPORT covey_err_t covey_coordination_resume (covey_agent_t *self,
                                                    const char *coordination_id,
                                                    int timeout_ms);
/*  The answer of an agent that was asked, in its handler (on_coordination) or
    later with a copy of the coordination:request event. Its steps then come as
    tasks. To reject later is to leave. An agent without that handler answers
    by itself: it accepts when it has a task handler, else it rejects.
    STATE: the session is over.                                               */
COVEY_EXPORT covey_err_t
covey_coordination_accept (covey_agent_t *self, const covey_event_t *request);
COVEY_EXPORT covey_err_t covey_coordination_reject (
    covey_agent_t *self, const covey_event_t *request, const char *reason);

/* ------------------------------------------------------------------------ */
/*  Swarms and votes                                                          */

/*  The coordinators of the mesh, see docs/coordinators.md. `node` is a name or
    an id; each call returns when it is done: the node votes, is out, or leads.
    `transfer` with `node` NULL: any other one. `*result_p` (may be NULL) is the
    list as JSON, the caller frees it with covey_free. From any thread, not from
    a handler; `timeout_ms` 0 is 30 s. NOTFOUND, EXISTS, STATE, BUSY, LIMIT: the
    line says why; TIMEOUT: it was begun and goes on; NOCOORDINATOR: nobody
    leads.                                                                    */
COVEY_EXPORT covey_err_t covey_coordinator_list (covey_agent_t *self,
                                                 int timeout_ms,
                                                 char **result_p);
COVEY_EXPORT covey_err_t covey_coordinator_add (covey_agent_t *self,
                                                const char *node,
                                                int timeout_ms,
                                                char **result_p);
COVEY_EXPORT covey_err_t covey_coordinator_remove (covey_agent_t *self,
                                                   const char *node,
                                                   int timeout_ms,
                                                   char **result_p);
COVEY_EXPORT covey_err_t covey_coordinator_transfer (covey_agent_t *self,
                                                     const char *node,
                                                     int timeout_ms,
                                                     char **result_p);

COVEY_EXPORT covey_err_t covey_swarm_form (covey_agent_t *self,
                                           const char *swarm_json,
                                           int timeout_ms, char **result_p);
COVEY_EXPORT covey_err_t covey_swarm_join (covey_agent_t *self,
                                           const char *swarm_id, double weight,
                                           int timeout_ms);
COVEY_EXPORT covey_err_t covey_swarm_leave (covey_agent_t *self,
                                            const char *swarm_id,
                                            int timeout_ms);
COVEY_EXPORT covey_err_t covey_swarm_disband (covey_agent_t *self,
                                              const char *swarm_id,
                                              const char *reason,
                                              int timeout_ms);
/*  Give a task to a swarm: to all of its members, to any one, a part of the
    input to each, or decided by vote. `task_json` has the parameters of
    swarm.task (docs/methods.md):

        covey_swarm_task (agent, "{\"swarmId\":\"crew\",\"mode\":\"split\","
                          "\"objective\":\"translate\",\"input\":[\"a\",\"b\"]}",
                          5000, &json)

    Returns at once with the coordination session that it is (`*result_p`, may
    be NULL, is the caller's, freed with covey_free); covey_coordination_wait
    with its `id` waits for the results, _show, _cancel, _pause and _resume go
    with it, too. From any thread, not from a handler. INVALID: the line names
    the parameter; NOTFOUND, STATE, NOAGENT, LIMIT (64 members), EXISTS, EAGAIN:
    it says why.                                                              */
COVEY_EXPORT covey_err_t covey_swarm_task (covey_agent_t *self,
                                           const char *task_json,
                                           int timeout_ms, char **result_p);
/*  `proposal_json` has the parameters of swarm.propose (docs/methods.md): a
    swarm, a proposal, a strategy, a deadline and a rule. `*result_p` (may be
    NULL) is the vote as JSON, the caller frees it with covey_free. From any
    thread, not from a handler. INVALID: a rule that does not fit, the line
    names the part; NOTFOUND, STATE, EXISTS, LIMIT, EAGAIN: it says why.      */
COVEY_EXPORT covey_err_t covey_vote_propose (covey_agent_t *self,
                                             const char *proposal_json,
                                             int timeout_ms, char **result_p);
/*  The same, and `fn` is called once, with the swarm:consensus:reached event,
    when the decision is announced: where handlers run, as for a subscription.
    After an error it is never called. A decision that is announced while the
    agent is detached (COVEY_NOTICE_DETACHED) may be missed: covey_vote_wait and
    covey_vote_show know it, too. To propose and wait: covey_vote_propose, then
    covey_vote_wait with the `id` of its result.                              */
COVEY_EXPORT covey_err_t covey_vote_propose_then (covey_agent_t *self,
                                                  const char *proposal_json,
                                                  covey_handler_fn *fn,
                                                  void *arg, int timeout_ms,
                                                  char **result_p);
/*  `vote` is "approve", "reject" or "abstain"; `reason` may be NULL. The ballot
    is signed when the agent has a ballot key. From any thread, not from a
   handler. DENIED, STATE, INVALID, LIMIT: it does not count, the line says why.
 */
COVEY_EXPORT covey_err_t covey_vote_cast (covey_agent_t *self,
                                          const char *consensus_id,
                                          const char *vote, const char *reason,
                                          int timeout_ms);
/*  The same where the question has options: the `count` names of some, the best
    first; one where they are not ranked. At most 16. INVALID: no option of the
    question, or one twice.                                                   */
COVEY_EXPORT covey_err_t covey_vote_choose (covey_agent_t *self,
                                            const char *consensus_id,
                                            const char *const *options,
                                            size_t count, const char *reason,
                                            int timeout_ms);
COVEY_EXPORT covey_err_t covey_vote_show (covey_agent_t *self,
                                          const char *consensus_id,
                                          int timeout_ms, char **result_p);
/*  Waits until the proposal is decided.                                     */
COVEY_EXPORT covey_err_t covey_vote_wait (covey_agent_t *self,
                                          const char *consensus_id,
                                          int timeout_ms, char **result_p);
/*  SHA-256 in hexadecimal: how a proposal names a file that is too large to be
    in it, and a voter finds out that it has the same one. Any thread.        */
COVEY_EXPORT void covey_sha256 (const void *data, size_t size, char text[65]);

/* ------------------------------------------------------------------------ */
/*  Shared memory: docs/memory.md                                             */

/*  A version of a key. Everything in it belongs to what it came from, or, in a
    callback, is valid during the call.                                       */
typedef struct {
    const char *key;
    uint64_t revision;
    uint64_t previous; /* revision that it replaced; 0: none                  */
    covey_content_t content;
    const void *value; /* with a NUL behind it; NULL: a deletion, or values
                          were not asked for                                  */
    size_t size;       /* of the value, in bytes                              */
    const char *access_level; /* "read", "write", "admin"                     */
    const char *owner;
    const char *author; /* who wrote this version                             */
    const char *const *tags;
    size_t tag_count;
    int64_t expires_us; /* 0: never                                           */
    int64_t written_us;
    const char *reason; /* of a deletion: "deleted", "expired"; else NULL     */
    const char *correlation_id;  /* of the request that wrote it, "" without  */
    const uint8_t *causation_id; /* its event id, [16] or NULL                */
    int64_t age_ms; /* got with "stale": how long ago the coordinator that
                       answered heard of the one that leads; else 0           */
} covey_memory_info_t;

/*  How to write. All zero: the defaults.                                    */
typedef struct {
    bool create;       /* only if there is no value: else EXISTS              */
    uint64_t expected; /* only if the key is at this revision: else CONFLICT;
                          0: whatever it is                                   */
    const char *access_level; /* NULL: as it is; new keys "read", new counters
                                 "write"                                      */
    int64_t ttl_ms;           /* 0: stays                                     */
    const char *const *tags;  /* at most 64                                   */
    size_t tag_count;
    int history;          /* versions to keep, 1 to 64; 0: as it is, or 8     */
    const char *agent_id; /* for whom; only callers that are no agents of the
                             mesh (clients) may name another one. NULL: self  */
} covey_memory_options_t;

/*  Store a value of at most 65,536 bytes; the put says what the entry is: tags
    and time to live that it does not name are gone. `options` and `revision_p`
    may be NULL. DENIED: the key's level; LIMIT: a bound, covey_error () names
    it; EXISTS, CONFLICT: see the options.                                    */
COVEY_EXPORT covey_err_t covey_memory_put (
    covey_agent_t *self, const char *key, covey_content_t content,
    const void *value, size_t size, const covey_memory_options_t *options,
    int timeout_ms, uint64_t *revision_p);

/*  The value of a key: an object of the caller's. NOTFOUND: it has none.
    `consistency` says how fresh: "default" or NULL, from the coordinator that
    leads; "linearizable", it has asked a majority whether it still does;
    "stale", from any coordinator, also without a majority (info->age_ms).    */
typedef struct covey_memory_value covey_memory_value_t;
COVEY_EXPORT covey_err_t covey_memory_get (covey_agent_t *self, const char *key,
                                           const char *consistency,
                                           int timeout_ms,
                                           covey_memory_value_t **value_p);
COVEY_EXPORT const covey_memory_info_t *
covey_memory_value_info (const covey_memory_value_t *self);
COVEY_EXPORT void covey_memory_value_destroy (covey_memory_value_t **self_p);

/*  Add to a whole number, in one step; a key without a value counts from 0. The
    sum must be within `min` and `max` and 64 bits: else STATE, and nothing
    changes (INT64_MIN, INT64_MAX: no bound). Of the options, level and tags
    are for a counter that is new; `create`, `expected`, `history` mean nothing.
    `options` and `value_p` may be NULL.                                      */
COVEY_EXPORT covey_err_t covey_memory_incr (
    covey_agent_t *self, const char *key, int64_t by, int64_t min, int64_t max,
    const covey_memory_options_t *options, int timeout_ms, int64_t *value_p);

/*  Delete a key with its history; `expected` 0: whatever revision it has.   */
COVEY_EXPORT covey_err_t covey_memory_delete (covey_agent_t *self,
                                              const char *key,
                                              uint64_t expected,
                                              int timeout_ms);

/*  Send memory:shared with the value to `targets`, or without any to all who
    subscribed; and change the level, unless it is NULL. By the owner, or by
    anybody at level admin (else DENIED). NOAGENT: a target is not there, nobody
    got it.                                                                   */
COVEY_EXPORT covey_err_t covey_memory_share (
    covey_agent_t *self, const char *key, const char *const *targets,
    size_t target_count, const char *access_level, int timeout_ms);

/*  Which keys: what is NULL or 0 does not restrict.                         */
typedef struct {
    const char *prefix;
    const char *tag;
    bool no_values; /* values stay where they are                             */
    size_t limit;   /* of a list: the first so many                           */
    uint64_t after; /* of a watch: go on behind this revision, no snapshot    */
    const char *consistency; /* of a list, and of a watch's snapshot, as for
                                get; NULL: of a watch "linearizable", so all
                                that was stored before is in it               */
} covey_memory_query_t;

typedef covey_err_t (covey_memory_fn) (covey_agent_t *agent,
                                       const covey_memory_info_t *info,
                                       void *arg);

/*  Calls `fn`, in this thread, for each key that matches, in their order; all
    as it was at one moment. `query` may be NULL. An error from `fn` ends it and
    is returned.                                                              */
COVEY_EXPORT covey_err_t covey_memory_list (covey_agent_t *self,
                                            const covey_memory_query_t *query,
                                            int timeout_ms, covey_memory_fn *fn,
                                            void *arg);
/*  The versions of a key that are kept, the newest first.                   */
COVEY_EXPORT covey_err_t covey_memory_history (covey_agent_t *self,
                                               const char *key, int timeout_ms,
                                               covey_memory_fn *fn, void *arg);

/*  A watch: what is there, SYNCED when that was all (also when it was nothing),
    then every change in the order of revisions, none twice. A key that changed
    faster than it was followed comes with the versions that are kept;
   `previous` tells. It survives lost connections and changes of the leader. */
typedef enum {
    COVEY_CHANGE_STORED,    /* a value was written                            */
    COVEY_CHANGE_DELETED,   /* or its time was over: info->reason             */
    COVEY_CHANGE_UNTAGGED,  /* it has no longer the tag that is watched       */
    COVEY_CHANGE_SYNCED,    /* the snapshot is complete; no info              */
    COVEY_CHANGE_RESTARTED, /* changes were missed that nobody keeps any more:
                               forget what you know, the snapshot comes again;
                               no info                                        */
} covey_change_kind_t;

/*  "stored", "deleted", "untagged", "synced", "restarted".                  */
COVEY_EXPORT const char *covey_change_kind_name (int kind);

typedef struct {
    covey_change_kind_t kind;
    bool is_initial;   /* part of the snapshot                                */
    uint64_t revision; /* where another watch could go on (`after`), once the
                          snapshot is complete                                */
    const covey_memory_info_t *info;
} covey_memory_change_t;

typedef struct covey_memory_watch covey_memory_watch_t;

/*  Returns when nothing can be missed any more. `query` may be NULL. The agent
    must outlive the watch.                                                   */
COVEY_EXPORT covey_err_t
covey_memory_watch_new (covey_agent_t *self, const covey_memory_query_t *query,
                        int timeout_ms, covey_memory_watch_t **watch_p);
COVEY_EXPORT void covey_memory_watch_destroy (covey_memory_watch_t **self_p);
/*  The next change, valid until the next call or destroy; from one thread at a
    time. TIMEOUT: none came. After any error the watch is where it was.      */
COVEY_EXPORT covey_err_t
covey_memory_watch_next (covey_memory_watch_t *self, int timeout_ms,
                         const covey_memory_change_t **change_p);
/*  Claims                                                                    */

/*  A claim on paths and names that is held: it renews itself, in a thread of
    its own, until it is released. docs/claims.md has the rules.              */
typedef struct covey_claim covey_claim_t;

/*  The claim is lost: it could not be renewed in time, or was taken away. Stop
    what it was for. Called once, in the claim's own thread; it may look at the
    claim and must not release it.                                            */
typedef void (covey_claim_lost_fn) (covey_claim_t *claim, const char *reason,
                                    void *arg);

typedef struct {
    const char *const *paths; /* patterns; with names 1 to 64                 */
    size_t path_count;
    const char *const *names;
    size_t name_count;
    bool shared;
    int ttl_ms;  /* 1,000 to 86,400,000; 0: 30,000                            */
    int wait_ms; /* for its turn; 0: refused when not free                    */
    const char *purpose, *task_id; /* or NULL                                 */
    const char *holder; /* NULL: the agent; a client may name another         */
    covey_claim_lost_fn *on_lost; /* or NULL                                  */
    void *arg;
} covey_claim_options_t;

/*  Acquire, and wait for its turn as long as `options` says; `timeout_ms` is
    for the coordinator's answers. BUSY: not free; covey_error () says who has
    it and until when. STATE: it would wait for itself. TIMEOUT: its turn did
    not come, or nobody answers. The agent must outlive the claim.            */
COVEY_EXPORT covey_err_t
covey_claim_acquire (covey_agent_t *agent, const covey_claim_options_t *options,
                     int timeout_ms, covey_claim_t **claim_p);
/*  Consumes the claim in any case. FENCED: it had been lost before. Another
    error: the coordinator did not hear of it; the lease ends by itself.      */
COVEY_EXPORT covey_err_t covey_claim_release (covey_claim_t **self_p,
                                              int timeout_ms);
/*  Let go of it without release: it lasts until its lease ends, or until
    somebody renews or releases it by its id.                                 */
COVEY_EXPORT void covey_claim_leave (covey_claim_t **self_p);
/*  Still held, by this process's monotonic clock: true a fifth of the ttl less
    long than the coordinator keeps it. And how many milliseconds of that are
    left if it is not renewed any more. From any thread.                      */
COVEY_EXPORT bool covey_claim_is_held (covey_claim_t *self);
COVEY_EXPORT int covey_claim_left_ms (covey_claim_t *self);
COVEY_EXPORT const char *covey_claim_id (const covey_claim_t *self);
/*  Larger than those of all claims and tasks before: hand it to what you write
    to, which then can refuse smaller ones.                                   */
COVEY_EXPORT uint64_t covey_claim_token (const covey_claim_t *self);
/*  Who stands in the way, and lists: JSON as in docs/methods.md
    (mesh.claim.check, mesh.claim.list).                                      */
COVEY_EXPORT covey_err_t covey_claim_check (covey_agent_t *agent,
                                            const char *check_json,
                                            int timeout_ms, char **result_p);
COVEY_EXPORT covey_err_t covey_claim_list (covey_agent_t *agent,
                                           const char *query_json,
                                           int timeout_ms, char **result_p);

/* ------------------------------------------------------------------------ */
/*  The store                                                                 */

/*  Calls `fn` for each event that matches, in order. Events carry their
    offset. An error from `fn` ends the query and is returned.                */
COVEY_EXPORT covey_err_t covey_agent_query (covey_agent_t *self,
                                            const covey_filter_t *filter,
                                            int timeout_ms,
                                            covey_handler_fn *fn, void *arg);
/*  Follow the journal after `filter->after_offset`: waits up to `timeout_ms`
    for the next matching events, calls `fn` for each, and stores the offset to
    go on from in `*offset_p`. TIMEOUT when none came.                        */
COVEY_EXPORT covey_err_t covey_agent_follow (covey_agent_t *self,
                                             const covey_filter_t *filter,
                                             int timeout_ms,
                                             covey_handler_fn *fn, void *arg,
                                             int64_t *offset_p);
/*  Counts by group, and per type first and last seen and distinct sources:
    JSON arrays as `covey stats --json` and `covey aggregates --json`.        */
COVEY_EXPORT covey_err_t covey_agent_store_stats (covey_agent_t *self,
                                                  const covey_filter_t *filter,
                                                  int timeout_ms,
                                                  char **result_p);
COVEY_EXPORT covey_err_t
covey_agent_store_aggregates (covey_agent_t *self, const covey_filter_t *filter,
                              int timeout_ms, char **result_p);
/*  Mark an event as processed; archive (export, then delete) or delete events
    older than a time. `*count_p` gets how many; it may be NULL.              */
COVEY_EXPORT covey_err_t covey_agent_store_mark (covey_agent_t *self,
                                                 const uint8_t id[16],
                                                 int timeout_ms);
COVEY_EXPORT covey_err_t covey_agent_store_delete (covey_agent_t *self,
                                                   int64_t older_than_us,
                                                   bool archive, int timeout_ms,
                                                   int64_t *count_p);

/*  The journal in a node's data folder, read only, also while the node runs
    and after the whole mesh has stopped.                                     */
typedef struct covey_store covey_store_t;
COVEY_EXPORT covey_err_t covey_store_open (const char *data_dir,
                                           covey_store_t **store_p);
COVEY_EXPORT void covey_store_destroy (covey_store_t **self_p);
typedef covey_err_t (covey_event_fn) (const covey_event_t *event, void *arg);
COVEY_EXPORT covey_err_t covey_store_query (covey_store_t *self,
                                            const covey_filter_t *filter,
                                            covey_event_fn *fn, void *arg);
COVEY_EXPORT covey_err_t covey_store_stats (covey_store_t *self,
                                            const covey_filter_t *filter,
                                            char **result_p);
COVEY_EXPORT covey_err_t covey_store_aggregates (covey_store_t *self,
                                                 const covey_filter_t *filter,
                                                 char **result_p);

/* ------------------------------------------------------------------------ */
/*  A local mesh for tests                                                    */

/*  N nodes in this process on ephemeral loopback ports, joined to each other;
    the first one is coordinator and persister. Storage lives in a temporary
    folder that teardown removes. Several may run at once.                    */
typedef struct covey_testmesh covey_testmesh_t;
COVEY_EXPORT covey_err_t covey_testmesh_new (size_t node_count, int timeout_ms,
                                             covey_testmesh_t **mesh_p);
COVEY_EXPORT void covey_testmesh_destroy (covey_testmesh_t **self_p);
COVEY_EXPORT covey_node_t *covey_testmesh_node (covey_testmesh_t *self,
                                                size_t index);
/*  A started agent on node `index`; owned by the mesh, which destroys it.   */
COVEY_EXPORT covey_agent_t *covey_testmesh_agent (covey_testmesh_t *self,
                                                  size_t index, const char *id,
                                                  const char *type);
/*  The agent's handlers must be set before it starts, so: create with agent,
    set handlers and subscriptions, then start all at once and wait until every
    node can route to every agent.                                            */
COVEY_EXPORT covey_err_t covey_testmesh_start (covey_testmesh_t *self,
                                               int timeout_ms);

#ifdef __cplusplus
}
#endif
#endif
