/*  cluster - for benchmarks: coordinators with their logs on disk, each in a
    process of its own                                                        */
#ifndef COVEY_BENCH_CLUSTER_H_INCLUDED
#define COVEY_BENCH_CLUSTER_H_INCLUDED

#include "bench/bench.h"
#include "covey.h"

#define BENCH_COORDINATORS 3
#define BENCH_WAIT_MS 20000

typedef struct {
    char dir[64];
    int count;
    bench_child_t node[BENCH_COORDINATORS];
    covey_node_t *own; /* of this process; NULL: agents go to the leader's    */
    char endpoint[BENCH_COORDINATORS][128], session[BENCH_COORDINATORS][160];
} bench_cluster_t;

void bench_cluster_start (bench_cluster_t *self, int count);
void bench_cluster_stop (bench_cluster_t *self);
/*  A process with many agents has a node of its own: what they say travels
    together.                                                                 */
void bench_cluster_start_own (bench_cluster_t *self);
/*  Attached to the own node, or to the leader's.                            */
void bench_cluster_attach (const bench_cluster_t *self, covey_agent_t *agent);
covey_agent_t *bench_cluster_client (const bench_cluster_t *self, int number);
/*  CPU of all coordinators, and of this process.                            */
void bench_cluster_meter (const bench_cluster_t *self, bench_meter_t *meter);

#endif
