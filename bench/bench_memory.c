/*  Memory of a node: idle, for each agent session, for each peer. The node is
    a process of its own; what attaches to it lives in others. Beside it what
    ZeroMQ alone takes for a connection: a bare ROUTER, and as many DEALERs that
    each sent it one message and got one, and a thousand: its queues go through
    all of their memory before they begin again.                              */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zmq.h>

#include "bench/mesh.h"

#define SESSIONS 200
#define PEERS 20

/*  An idle node, until the pipe closes; what it says is where it listens.   */
static void
s_idle (int in, int out, void *arg)
{
    (void)arg;
    char line[64], data[] = "/tmp/covey-bench-XXXXXX", command[64];
    if (!mkdtemp (data))
        bench_die (data, "cannot be made");
    covey_node_t *node = bench_node ("idle", NULL, data, true);
    bench_write_line (out, covey_node_endpoint (node));
    bench_write_line (out, covey_node_session_endpoint (node));
    while (read (in, line, sizeof line) > 0) {
    }
    covey_node_destroy (&node);
    snprintf (command, sizeof command, "rm -rf %s", data);
    if (system (command))
        bench_die (data, "cannot be removed");
}

static void
s_sessions (int in, int out, void *arg)
{
    char line[64];
    covey_agent_t *agents[SESSIONS];
    for (int i = 0; i < SESSIONS; i++) {
        snprintf (line, sizeof line, "agent-%d", i);
        agents[i] = covey_agent_new (line, "idle");
        bench_check (covey_agent_connect (agents[i], arg, 20000), "connect");
    }
    bench_write_line (out, "ready");
    while (read (in, line, sizeof line) > 0) {
    }
    for (int i = 0; i < SESSIONS; i++)
        covey_agent_destroy (&agents[i]);
}

static void
s_peers (int in, int out, void *arg)
{
    char line[64];
    covey_node_t *nodes[PEERS];
    for (int i = 0; i < PEERS; i++) {
        snprintf (line, sizeof line, "peer-%d", i);
        nodes[i] = bench_node (line, arg, NULL, true);
    }
    for (int i = 0; i < PEERS; i++)
        bench_check (covey_node_wait_nodes (nodes[i], PEERS + 1, 60000),
                     "nodes");
    bench_write_line (out, "ready");
    while (read (in, line, sizeof line) > 0) {
    }
    for (int i = 0; i < PEERS; i++)
        covey_node_destroy (&nodes[i]);
}

/*  How much larger the node is once `fn` has attached what it attaches.     */
static double
s_grown_kb (int pid, bench_child_fn *fn, void *arg)
{
    char line[64];
    double before = bench_rss_kb (pid);
    bench_child_t child = bench_fork (fn, arg);
    bench_read_line (child.from_child, line, sizeof line);
    double grown = bench_rss_kb (pid) - before;
    bench_join (&child);
    return grown;
}

/* ------------------------------------------------------------------------ */
/*  ZeroMQ alone                                                             */

/*  A bare ROUTER, which sends everything back.                              */
static void
s_router (int in, int out, void *arg)
{
    void *context = zmq_ctx_new (), *router = zmq_socket (context, ZMQ_ROUTER);
    if (zmq_bind (router, arg) != 0)
        bench_die (arg, zmq_strerror (zmq_errno ()));
    bench_write_line (out, "ready");
    zmq_pollitem_t items[] = {{.socket = router, .events = ZMQ_POLLIN},
                              {.fd = in, .events = ZMQ_POLLIN}};
    while (zmq_poll (items, 2, -1) > 0 && !items[1].revents) {
        zmq_msg_t part;
        zmq_msg_init (&part);
        int size = zmq_msg_recv (&part, router, 0);
        int more = zmq_msg_more (&part) ? ZMQ_SNDMORE : 0;
        if (size < 0 || zmq_msg_send (&part, router, more) < 0)
            bench_die ("router", zmq_strerror (zmq_errno ()));
    }
    zmq_close (router);
    zmq_ctx_term (context);
}

typedef struct {
    char *endpoint;
    int rounds; /* messages there and back                                    */
} dealers_t;

static void
s_dealers (int in, int out, void *arg)
{
    const dealers_t *what = arg;
    char line[200] = "";
    void *context = zmq_ctx_new (), *dealers[SESSIONS];
    for (int i = 0; i < SESSIONS; i++) {
        dealers[i] = zmq_socket (context, ZMQ_DEALER);
        if (zmq_connect (dealers[i], what->endpoint) != 0)
            bench_die (what->endpoint, zmq_strerror (zmq_errno ()));
    }
    for (int round = 0; round < what->rounds; round++) {
        for (int i = 0; i < SESSIONS; i++)
            zmq_send (dealers[i], line, sizeof line, 0);
        for (int i = 0; i < SESSIONS; i++)
            zmq_recv (dealers[i], line, sizeof line, 0);
    }
    bench_write_line (out, "ready");
    while (read (in, line, sizeof line) > 0) {
    }
    for (int i = 0; i < SESSIONS; i++)
        zmq_close (dealers[i]);
    zmq_ctx_term (context);
}

static void
s_print_bare (const char *name, int rounds)
{
    char endpoint[64], line[64];
    snprintf (endpoint, sizeof endpoint, "ipc:///tmp/covey-bench-%d",
              getpid ());
    bench_child_t router = bench_fork (s_router, endpoint);
    bench_read_line (router.from_child, line, sizeof line);
    dealers_t dealers = {.endpoint = endpoint, .rounds = rounds};
    bench_print (name, s_grown_kb (router.pid, s_dealers, &dealers) / SESSIONS,
                 "KB");
    bench_join (&router);
    unlink (endpoint + strlen ("ipc://")); /* it may have been too quick */
}

/* ------------------------------------------------------------------------ */

int
main (void)
{
    char endpoint[128], session[512];
    bench_child_t node = bench_fork (s_idle, NULL);
    bench_read_line (node.from_child, endpoint, sizeof endpoint);
    bench_read_line (node.from_child, session, sizeof session);
    bench_print ("memory.node_idle", bench_rss_kb (node.pid) / 1024, "MB");
    bench_print ("memory.per_session",
                 s_grown_kb (node.pid, s_sessions, session) / SESSIONS, "KB");
    bench_join (&node);
    s_print_bare ("memory.per_session_zmq", 1);
    s_print_bare ("memory.per_session_zmq_used", 1000);
    node = bench_fork (s_idle, NULL);
    bench_read_line (node.from_child, endpoint, sizeof endpoint);
    bench_print ("memory.per_peer",
                 s_grown_kb (node.pid, s_peers, endpoint) / PEERS, "KB");
    bench_join (&node);
    return 0;
}
