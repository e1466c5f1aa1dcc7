/*  sim_net - a network of cores in virtual time, the same for the same seed

    Role      event heap, seeded delay, jitter, loss, reordering, duplication,
              cut directions, paused and crashed nodes. It knows nothing of what
              runs on the nodes: messages are opaque, each node has one timer
    Threads   one owner; independent of any clock, so that a test can run many
    Memory    sim_net_send takes the message; it comes back once, by `release`
    Time      microseconds from 0
*/
#ifndef SIM_NET_H_INCLUDED
#define SIM_NET_H_INCLUDED

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/prng.h"

#define SIM_MS 1000
#define SIM_SECOND 1000000

typedef struct {
    int64_t delay_us;  /* at least                                            */
    int64_t jitter_us; /* plus up to this                                     */
    double loss;       /* share of messages, 0 .. 1                           */
    double duplicate;
    double reorder; /* share that takes another reorder_us at most       */
    int64_t reorder_us;
    bool ordered; /* like a connection: none overtakes another of its pair    */
} sim_link_t;

/*  All are called with the virtual time. A paused node is called when it wakes
    up, in the order of what it missed.                                       */
typedef struct {
    void *arg;
    /* `message` is borrowed                                                  */
    void (*deliver) (void *arg, size_t node, size_t from, const void *message,
                     int64_t now_us);
    /* the timer went off; it is off until it is set again                    */
    void (*timer) (void *arg, size_t node, int64_t now_us);
    void (*release) (void *arg, void *message);
} sim_callbacks_t;

typedef struct {
    uint64_t sent;
    uint64_t delivered;
    uint64_t lost; /* by chance                                         */
    uint64_t cut;  /* by sim_net_cut                                    */
    uint64_t dead; /* to a node that had crashed                        */
    uint64_t duplicated;
    uint64_t events; /* taken off the heap                                */
} sim_stats_t;

typedef struct sim_net sim_net_t;

sim_net_t *sim_net_new (size_t nodes, uint64_t seed,
                        const sim_callbacks_t *callbacks);
void sim_net_destroy (sim_net_t **self_p);

/*  From now on, for all pairs.                                              */
void sim_net_set_link (sim_net_t *self, const sim_link_t *link);
void sim_net_send (sim_net_t *self, size_t from, size_t to, void *message);
/*  Another kind of connection than the usual one.                           */
void sim_net_send_by (sim_net_t *self, const sim_link_t *link, size_t from,
                      size_t to, void *message);
/*  The node's one timer; a later call replaces an earlier one.              */
void sim_net_set_timer (sim_net_t *self, size_t node, int64_t at_us);

/*  One direction between two nodes. Messages under way still arrive.        */
void sim_net_cut (sim_net_t *self, size_t from, size_t to, bool cut);
/*  Both directions between the first `size` nodes and the others.           */
void sim_net_split (sim_net_t *self, size_t size, bool cut);
/*  It does nothing until then; what arrives waits.                          */
void sim_net_pause (sim_net_t *self, size_t node, int64_t until_us);
/*  What is under way to it is lost, its timer is off, until it restarts.    */
void sim_net_crash (sim_net_t *self, size_t node);
void sim_net_restart (sim_net_t *self, size_t node);
bool sim_net_is_cut (const sim_net_t *self, size_t from, size_t to);
bool sim_net_is_up (const sim_net_t *self, size_t node);
bool sim_net_is_paused (const sim_net_t *self, size_t node);

int64_t sim_net_now_us (const sim_net_t *self);
/*  Everything that happens until then, which is the time afterwards.        */
void sim_net_run (sim_net_t *self, int64_t until_us);
covey_prng_t *sim_net_prng (sim_net_t *self);
const sim_stats_t *sim_net_stats (const sim_net_t *self);

/*  The seed of this test: COVEY_SEED, or `usual`. It is printed, so that a run
    that failed can be repeated.                                              */
uint64_t sim_seed (const char *test, uint64_t usual);

#endif
