/*  sim_mesh - whole nodes and their agents in virtual time

    Role      runs node/ as it is, but for node_sockets.c and node_actor.c: the
              hub with its wiring and all cores on sockets that sim_net carries,
              and proto/session on the agents' side with the memory of ids that
              api/ has. Crashes, restarts, pauses, partitions, lost connections,
              full sockets: all from one seed
    Sockets   between nodes frames may be lost, late, doubled, out of order, as
              the link allows; PUB/SUB and sessions are connections, which keep
              order and lose what is under way when they break; a subscriber
              that does not keep up loses broadcasts
    Threads   one mesh at a time in a process (the sockets have to find it)
    Time      microseconds of the net; nodes see SIM_MESH_START_MS later

    What an agent published and what became of it is told to `watch`; tests
    judge (sim_ledger.h). Services run as sessions of their node.
*/
#ifndef SIM_MESH_H_INCLUDED
#define SIM_MESH_H_INCLUDED

#include "api/seen.h"
#include "node/hub.h"
#include "proto/session.h"
#include "tests/support/sim_net.h"

#define SIM_MESH_NODES_MAX 16
#define SIM_MESH_AGENTS_MAX 64
#define SIM_MESH_CRASHES_MAX 16
#define SIM_MESH_START_MS 1000000
#define SIM_MESH_TYPE COVEY_EVENT_MESSAGE_SENT

typedef struct sim_mesh sim_mesh_t;
typedef struct sim_mesh_node sim_mesh_node_t;
typedef struct sim_mesh_agent sim_mesh_agent_t;

typedef struct {
    size_t nodes;
    size_t agents;   /* agent i lives on node i % nodes                       */
    bool persister;  /* on node 0                                             */
    sim_link_t peer; /* frames between nodes                                  */
    sim_link_t cast; /* broadcasts; in order                                  */
    sim_link_t session;
    double full;          /* share of sends that find the socket full         */
    size_t link_events;   /* 0: the default                                   */
    size_t replay_events; /* 0: the default                                   */
} sim_mesh_config_t;

/*  What happens to events; each may be NULL.                                */
typedef struct {
    void *arg;
    void (*accepted) (void *arg, size_t agent, uint64_t ticket);
    void (*refused) (void *arg, size_t agent, uint64_t ticket,
                     covey_err_t code);
    void (*stored) (void *arg, size_t agent, uint64_t ticket);
    void (*delivered) (void *arg, size_t agent, const covey_peek_t *event,
                       bool subscribed);
    void (*undelivered) (void *arg, size_t agent,
                         const Covey__Wire__Undelivered *notice);
    void (*gap) (void *arg, size_t agent, const Covey__Wire__Gap *gap);
    void (*subscribed) (void *arg, size_t agent, covey_err_t code);
    /* a session began: what a node had for the one before is gone            */
    void (*session_lost) (void *arg, size_t agent);
    /* a broadcast leaves a node under this number                            */
    void (*cast) (void *arg, size_t node, uint64_t number,
                  const uint8_t id[16]);
} sim_mesh_watch_t;

/*  One side of a SUB connection: what `sub` subscribed to at `pub`.          */
typedef struct {
    bool wanted;         /* the subscriber connects                           */
    bool up;             /* as the subscriber sees it                         */
    uint32_t generation; /* of the connection                                 */
    uint32_t seen;       /* by the publisher; 0: none                         */
    int64_t retry_us;
    covey_table_t *topics; /* at the publisher                                */
} sim_mesh_hearing_t;

struct sim_mesh_node {
    sim_mesh_t *mesh;
    size_t index;
    covey_hub_t *hub; /* NULL: it is down                                     */
    uint64_t lives;
    uint64_t cast_next; /* broadcasts from here on were not seen yet          */
    int64_t crashes_us[SIM_MESH_CRASHES_MAX];
    size_t crash_count;
    covey_table_t interests; /* of its SUB socket: topic -> count             */
    sim_mesh_hearing_t hears[SIM_MESH_NODES_MAX]; /* by publisher             */
};

struct sim_mesh_agent {
    sim_mesh_t *mesh;
    size_t index;
    size_t node;
    char id[32];
    bool persister;
    covey_session_t *session;
    uint32_t connection; /* what comes from another one is dropped            */
    bool connected;
    int64_t open_us; /* when it opens again; INT64_MAX: it is open            */
    uint64_t instance; /* of its session                                      */
    covey_seen_t seen;
    void *store; /* of the persister                                          */
};

typedef struct {
    int64_t at_us;
    const char *what;
    uint64_t a, b, c;
} sim_mesh_trace_t;

#define SIM_MESH_TRACE 256

struct sim_mesh {
    sim_mesh_config_t config;
    sim_mesh_watch_t watch;
    sim_net_t *net;
    uint64_t seed;
    covey_prng_t prng; /* of the faults; the net has its own                  */
    sim_mesh_node_t nodes[SIM_MESH_NODES_MAX];
    sim_mesh_agent_t agents[SIM_MESH_AGENTS_MAX + 1]; /* and the persister    */
    size_t agent_count;
    bool calm; /* no more faults: nothing is lost or full                     */
    sim_mesh_trace_t trace[SIM_MESH_TRACE];
    uint64_t trace_count;
};

sim_mesh_t *sim_mesh_new (const sim_mesh_config_t *config, uint64_t seed,
                          const sim_mesh_watch_t *watch);
void sim_mesh_destroy (sim_mesh_t **self_p);
void sim_mesh_run_for (sim_mesh_t *self, int64_t us);
/*  Until `is_so`, looked at every 100 ms; how long it took, -1: not in time. */
int64_t sim_mesh_run_until (sim_mesh_t *self, bool (*is_so) (sim_mesh_t *),
                            int64_t timeout_us);

/*  Faults.                                                                  */
void sim_mesh_crash (sim_mesh_t *self, size_t node);
void sim_mesh_restart (sim_mesh_t *self, size_t node);
void sim_mesh_pause (sim_mesh_t *self, size_t node, int64_t for_us);
void sim_mesh_cut (sim_mesh_t *self, size_t from, size_t to, bool cut);
/*  An agent's connection breaks: what is under way is lost.                 */
void sim_mesh_reset (sim_mesh_t *self, size_t agent);
/*  No more faults; all nodes are up again.                                  */
void sim_mesh_heal (sim_mesh_t *self);

/*  0: the agent's queue is full.                                            */
uint64_t sim_mesh_publish (sim_mesh_t *self, size_t agent, const char *target,
                           const uint8_t id[16], covey_priority_t priority,
                           covey_level_t level, uint32_t wait_ms);
void sim_mesh_subscribe (sim_mesh_t *self, size_t agent);

/*  All nodes know all as alive, all sessions are open.                      */
bool sim_mesh_is_complete (sim_mesh_t *self);
/*  And nothing is under way or waits anywhere.                              */
bool sim_mesh_is_settled (sim_mesh_t *self);
/*  For the trace: what is not at rest.                                      */
void sim_mesh_note_unrest (sim_mesh_t *self);
/*  All directories say the same; otherwise who differs goes into the trace. */
bool sim_mesh_is_agreed (sim_mesh_t *self);

void sim_mesh_note (sim_mesh_t *self, const char *what, uint64_t a, uint64_t b,
                    uint64_t c);
void sim_mesh_print_trace (const sim_mesh_t *self);

/*  Between sim_mesh.c and sim_sockets.c: a message of the net.              */
typedef enum {
    SIM_MESH_TO_ROUTER,
    SIM_MESH_TO_DEALER,
    SIM_MESH_TO_XPUB,
    SIM_MESH_TO_SUB,
    SIM_MESH_TO_SESSION,
    SIM_MESH_TO_AGENT
} sim_mesh_socket_t;

typedef struct {
    sim_mesh_socket_t socket;
    uint32_t connection;
    uint8_t route[16];
    size_t size;
    uint8_t data[];
} sim_mesh_message_t;

/*  NULL: in no mesh.                                                        */
void sim_sockets_use (sim_mesh_t *mesh);
void sim_sockets_open (sim_mesh_node_t *node);
void sim_sockets_deliver (sim_mesh_node_t *node, size_t from,
                          const sim_mesh_message_t *message);
/*  Broken SUB connections, again.                                           */
void sim_sockets_reconnect (sim_mesh_node_t *node);
/*  The node is down: all its connections break.                             */
void sim_sockets_break (sim_mesh_node_t *node);
sim_mesh_message_t *sim_sockets_message (sim_mesh_socket_t socket,
                                         const void *data, size_t size);
/*  What the persister has of an event; tests/support/sim_store.c.           */
void sim_store_open (sim_mesh_agent_t *agent);
void sim_store_close (sim_mesh_agent_t *agent);
void sim_store_on_frame (sim_mesh_agent_t *agent, const covey_frame_t *frame);
void sim_store_on_request (sim_mesh_agent_t *agent, const void *data,
                           size_t size);
bool sim_store_has (const sim_mesh_t *self, const uint8_t id[16]);

#endif
