/*  mesh - for benchmarks: a node and its agents in this process, others in
    processes of their own                                                    */
#ifndef COVEY_BENCH_MESH_H_INCLUDED
#define COVEY_BENCH_MESH_H_INCLUDED

#include <stdbool.h>

#include "bench/bench.h"
#include "covey.h"

#define BENCH_BODY 200      /* an event of about 300 bytes */
#define BENCH_AGENTS_MAX 64 /* receivers of one process */

/*  What a node's process holds.                                             */
typedef struct {
    int number;     /* of the process; 0 is this one                         */
    int agents;     /* that receive: "far-NUMBER-INDEX"                      */
    bool subscribe; /* to system:info; otherwise they take messages          */
    long expected;  /* how many each gets before "done" is said; 0: never    */
    int nodes;      /* in the mesh                                           */
    bool journal;
} bench_far_t;

/*  Receivers of events, which only count them.                              */
typedef struct {
    covey_agent_t *agents[BENCH_AGENTS_MAX];
    _Atomic long got[BENCH_AGENTS_MAX];
    int count;
} bench_receivers_t;

/*  Without `journal` its agents' events are not for the store.              */
covey_node_t *bench_node (const char *name, const char *join, const char *data,
                          bool journal);
void bench_receivers_start (bench_receivers_t *self, covey_node_t *node,
                            const bench_far_t *what);
void bench_receivers_wait (const bench_receivers_t *self, long expected);
void bench_receivers_stop (bench_receivers_t *self);

/*  A child process of a node and its receivers; it waits for the endpoint to
    join as a line, says "ready", and "done" when all arrived.                */
bench_child_t bench_far_start (bench_far_t *what);

/*  message:sent to `target`, or without one system:info.                    */
covey_event_t *bench_event (const char *target);
/*  Post, waiting for room when there is none; then until all are accepted.  */
void bench_post_all (covey_agent_t *agent, const char *target, long count);
/*  An agent that sends; a dropped event ends the benchmark.                 */
covey_agent_t *bench_sender (covey_node_t *node);

#endif
