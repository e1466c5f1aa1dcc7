/*  sim_swim - a mesh of membership cores on a simulated network

    Role      nodes 0 .. n-1 with ids and addresses of their own; counts who was
              said to be what, rightly or wrongly
*/
#ifndef SIM_SWIM_H_INCLUDED
#define SIM_SWIM_H_INCLUDED

#include "node/swim.h"
#include "tests/support/sim_net.h"

typedef struct {
    struct sim_swim *mesh;
    size_t index;
    covey_swim_t *swim; /* NULL: not running                                  */
    uint64_t epoch;
    bool leaving;
    bool left; /* and its time to tell is over                                */
    int64_t suffers_us; /* paused, or just awake, until then                  */
    /* what the others said of it since sim_swim_forget_counts                */
    size_t said_failed;
    size_t said_left;
    size_t said_joined;
    int64_t said_us; /* the last of these                                     */
} sim_swim_node_t;

typedef struct {
    /* false accusations by nodes that do not suffer, by whom they hit        */
    uint64_t suspected_paused;
    uint64_t suspected_healthy;
    uint64_t failed_paused;
    uint64_t failed_healthy;
    uint64_t failed_leaving;
    uint64_t restarted;
} sim_swim_counts_t;

typedef struct sim_swim {
    sim_net_t *net;
    covey_swim_config_t config; /* of nodes that start; ids are filled in     */
    sim_swim_node_t *nodes;
    size_t count;
    uint64_t seed;
    uint64_t posted;
    uint64_t transcript; /* hash of all changes at all nodes, with times      */
    sim_swim_counts_t counts;
} sim_swim_t;

sim_swim_t *sim_swim_new (size_t nodes, uint64_t seed, const sim_link_t *link);
void sim_swim_destroy (sim_swim_t **self_p);

/*  Start (again, in a new epoch), to join `seed`, or nobody when it is itself.
 */
void sim_swim_start (sim_swim_t *self, size_t node, size_t seed);
/*  All of them within that time, to join node 0; it is over then.           */
void sim_swim_start_all (sim_swim_t *self, int64_t within_us);
/*  All of them at once, as after a restart with a memory of all the others.  */
void sim_swim_start_acquainted (sim_swim_t *self);
void sim_swim_crash (sim_swim_t *self, size_t node);
void sim_swim_leave (sim_swim_t *self, size_t node);
void sim_swim_pause (sim_swim_t *self, size_t node, int64_t for_us);
void sim_swim_run_for (sim_swim_t *self, int64_t us);

/*  Does each running node know all other running nodes, and nobody else, as
    alive or suspected?                                                       */
bool sim_swim_is_complete (const sim_swim_t *self);
/*  The same, at the same incarnations?                                      */
bool sim_swim_is_equal (const sim_swim_t *self);
/*  Run until `is` says so; how long it took, or -1 after `at_most_us`.      */
int64_t sim_swim_run_until (sim_swim_t *self,
                            bool (*is) (const sim_swim_t *self),
                            int64_t at_most_us);
void sim_swim_forget_counts (sim_swim_t *self);
/*  Of one kind by all nodes so far.                                         */
uint64_t sim_swim_sent (const sim_swim_t *self, covey_swim_kind_t kind);

#endif
