/*  Events stored by a node with its journal on disk: pipelined, and one at a
    time, each acknowledged after fsync.                                      */

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench/mesh.h"

static void
s_pipelined (covey_agent_t *agent, long count)
{
    int64_t start = bench_now_ns ();
    bench_post_all (agent, NULL, count);
    bench_check (covey_agent_flush (agent, COVEY_LEVEL_STORED, 60000),
                 "stored");
    bench_print ("mesh.stored",
                 (double)count * 1e9 / (double)(bench_now_ns () - start),
                 "events/s");
}

static void
s_single (covey_agent_t *agent, long count)
{
    int64_t *samples = calloc ((size_t)count, sizeof *samples);
    for (long i = 0; i < count; i++) {
        covey_event_t *event = bench_event (NULL);
        int64_t start = bench_now_ns ();
        bench_check (
            covey_agent_publish (agent, &event, COVEY_LEVEL_STORED, 5000, NULL),
            "publish");
        samples[i] = bench_now_ns () - start;
    }
    bench_print_percentiles ("mesh.stored_one", samples, (size_t)count);
    free (samples);
}

int
main (void)
{
    long count = bench_env ("BENCH_STORED", 100000);
    char data[] = "/tmp/covey-bench-XXXXXX", command[128];
    if (!mkdtemp (data))
        bench_die (data, "cannot be made");
    covey_node_t *node = bench_node ("near", NULL, data, true);
    covey_agent_t *agent = bench_sender (node);
    s_pipelined (agent, count);
    s_single (agent, count / 100);
    covey_agent_destroy (&agent);
    covey_node_destroy (&node);
    snprintf (command, sizeof command, "rm -rf %s", data);
    if (system (command))
        bench_die (data, "cannot be removed");
    return 0;
}
