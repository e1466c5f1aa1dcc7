/*  sim_ledger - who published what in a simulated mesh, and what became of it

    Role      the judge: sim_mesh tells it everything, at the end it says what
              promise was broken, or nothing. docs/protocol.md has the promises

    An event for an agent: delivered at most once; in order among those of the
    same sender, receiver and priority; when it was accepted, it was delivered,
    or its sender was told, or a node that held it crashed meanwhile; when it
   was refused, it was not delivered. Where no node crashed and no session
   ended: delivered exactly once and not returned. A broadcast: once and in
   order at each agent that was subscribed everywhere when it was published, or
   announced to that agent with a range that holds no delivered one; unless a
   node of the two crashed, or the session ended.
*/
#ifndef SIM_LEDGER_H_INCLUDED
#define SIM_LEDGER_H_INCLUDED

#include "tests/support/sim_mesh.h"

#define SIM_NOBODY SIZE_MAX

typedef struct {
    size_t sender;
    size_t target; /* SIM_NOBODY: a broadcast                                 */
    covey_priority_t priority;
    uint64_t ticket;
    int64_t published_us;
    bool is_accepted;
    bool is_refused;
    bool is_told;
    bool is_denied; /* told that it did not arrive, for certain */
    bool wants_stored;
    bool is_stored;
    unsigned delivered;
    /* broadcasts                                                             */
    bool is_cast;
    size_t cast_node;
    uint64_t cast_life; /* of that node                                       */
    uint64_t number;
    int64_t cast_us;
    uint64_t expected; /* bits of agents                                      */
    uint64_t seen;
} sim_letter_t;

typedef struct {
    uint64_t published;
    uint64_t accepted;
    uint64_t refused;
    uint64_t delivered;
    uint64_t returned;   /* accepted, and the sender was told                 */
    uint64_t died;       /* with a node that held them                        */
    uint64_t broadcasts; /* deliveries expected                               */
    uint64_t announced;  /* of them                                           */
    uint64_t excused;    /* of them: a node or a session ended                */
    uint64_t crashes;
} sim_ledger_sums_t;

typedef struct sim_ledger sim_ledger_t;

sim_ledger_t *sim_ledger_new (void);
void sim_ledger_destroy (sim_ledger_t **self_p);
/*  For sim_mesh_new.                                                        */
void sim_ledger_watch (sim_ledger_t *self, sim_mesh_watch_t *watch);
void sim_ledger_use (sim_ledger_t *self, sim_mesh_t *mesh);

/*  An event of `sender`; `target` may be SIM_NOBODY.                        */
void sim_ledger_publish (sim_ledger_t *self, size_t sender, size_t target,
                         covey_priority_t priority, covey_level_t level,
                         uint32_t wait_ms);
/*  NULL: every promise was kept. Otherwise what broke, in one line.         */
const char *sim_ledger_judge (sim_ledger_t *self);
/*  Added to `sums`.                                                         */
void sim_ledger_sum (const sim_ledger_t *self, sim_ledger_sums_t *sums);

#endif
