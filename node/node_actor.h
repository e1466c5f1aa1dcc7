/*  node_actor - the shell of a node: five sockets, one thread, one loop

    Role      feeds the cores of node/ (membership, link, directory, routing,
              session) and carries out what they decide
    Wiring    api/node.c starts it; agents, the coordinator and the persister
              attach over its session sockets
*/
#ifndef COVEY_NODE_ACTOR_H_INCLUDED
#define COVEY_NODE_ACTOR_H_INCLUDED

#include "base/err.h"
#include "base/id.h"
#include "base/log.h"
#include "node/addressbook.h"
#include "node/interface.h"

typedef struct {
    covey_id_t node_id;
    const char *name;
    const char *mesh;      /* nodes of another mesh are refused         */
    const char *host;      /* address to listen on, also advertised     */
    const char *advertise; /* advertised instead, or NULL               */
    const covey_interface_t *interfaces; /* used; the first is advertised    */
    size_t interface_count;              /* when host is a wildcard          */
    int beacon_port; /* UDP, on the interfaces; 0: no beacon                 */
    bool inproc;     /* all nodes of the mesh are in this process: they reach
                        each other without TCP, and without its descriptors      */
    int port;        /* ROUTER; 0 = ephemeral                     */
    int pub_port;    /* PUB; 0 = ephemeral                        */
    const char *const *sessions; /* further endpoints for agents: "ipc://…",
                                    "tcp://HOST:PORT"; inproc is always there */
    size_t session_count;
    const char *const *joins; /* HOST:PORT of nodes to join                */
    size_t join_count;
    const char *const *roles; /* "coordinator", "persister", others        */
    size_t role_count;
    int heartbeat_ms; /* unconfirmed things are repeated; default 500      */
    int probe_ms;     /* one other node is probed so often; default 1,000  */
    int probe_timeout_ms; /* then others are asked; < probe_ms; default 500 */
    int suspicion_mult;   /* a suspect has this * log10 n * probe_ms to refute,
                             n >= 10; default 3                             */
    int gossip_ms;        /* default 200                                   */
    int sync_ms; /* all that is known, with somebody; default 30,000       */
    bool persist_all;         /* default true: every event is for the journal */
    const int *persist_types; /* otherwise only these are                  */
    size_t persist_type_count;
    size_t outbox_events_max; /* not acknowledged by the persister         */
    size_t outbox_bytes_max;
    size_t link_events_max; /* per peer, not acknowledged                */
    size_t link_bytes_max;
    size_t session_events_max; /* per agent, not delivered                  */
    size_t session_bytes_max;
    size_t sessions_max; /* agents per node                           */
    int stall_ms;        /* owing something and doing nothing: stalled   */
    int grace_max_ms;    /* silence that an agent may ask to be forgiven;
                            at least COVEY_HUB_GRACE_MIN_MS               */
    size_t peers_max;
    size_t replay_events_max; /* broadcasts kept for repair                */
    size_t replay_bytes_max;
    const covey_addressbook_t *known; /* tried while alone; may be NULL     */
    const char *known_path; /* file that keeps who was met, or NULL        */
    covey_log_t *log;       /* may be NULL                               */
} covey_node_config_t;

/*  Defaults of all numbers.                                                 */
void covey_node_config_init (covey_node_config_t *self);

typedef struct covey_node_actor covey_node_actor_t;

/*  Sockets are bound when it returns. IO: a port or path is taken or not ours;
    the message says which and by what it could be replaced. The config is
    copied.                                                                   */
covey_err_t covey_node_actor_new (const covey_node_config_t *config,
                                  covey_node_actor_t **actor_p,
                                  covey_errbuf_t *err);
/*  No new sessions, no tasks and group events for the agents here; then wait
    until they are done with what they have and links and outbox are empty.
    TIMEOUT: something is left, `*unfinished_p` events of agents among it. The
    node goes on serving; stop comes next.                                    */
covey_err_t covey_node_actor_drain (covey_node_actor_t *self, int timeout_ms,
                                    size_t *unfinished_p);
/*  Readable when somebody else had the node drained, and stop is expected.  */
int covey_node_actor_leave_fd (const covey_node_actor_t *self);
/*  Drain (bounded by timeout_ms): refuse new sessions and publishes, flush
    links, say goodbye. TIMEOUT: something stayed unsent. Then destroy.       */
covey_err_t covey_node_actor_stop (covey_node_actor_t *self, int timeout_ms);
void covey_node_actor_destroy (covey_node_actor_t **self_p);

/*  Known after new: "HOST:PORT" of the ROUTER; "inproc://…" for this process;
    the first of `sessions` as bound, or "".                                  */
const char *covey_node_actor_endpoint (const covey_node_actor_t *self);
const char *covey_node_actor_inproc (const covey_node_actor_t *self);
const char *covey_node_actor_session (const covey_node_actor_t *self);

/*  Any thread. Wait until that many nodes (this one included) are alive and
    broadcasts flow both ways; until that many agents can be routed to.       */
covey_err_t covey_node_actor_wait_nodes (covey_node_actor_t *self, size_t count,
                                         int timeout_ms, covey_errbuf_t *err);
covey_err_t covey_node_actor_wait_agents (covey_node_actor_t *self,
                                          size_t count, int timeout_ms,
                                          covey_errbuf_t *err);

#endif
