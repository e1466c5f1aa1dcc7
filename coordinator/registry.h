/*  registry - the agents that may get tasks, as the log knows them

    Role      pure core. What the node's directory gossips is advisory; the
              generation here (log index of the session's start) is the truth
              used for leases
    Up, down  by session: the end of a session that was replaced means nothing
    Memory    the registry owns its workers; down ones are kept, bounded, so
              that people can see what became of an agent
    Limits    who is up is counted, and bounded by the state's limits;
              COVEY_REGISTRY_DOWN_MAX down
*/
#ifndef COVEY_REGISTRY_H_INCLUDED
#define COVEY_REGISTRY_H_INCLUDED

#include "coordinator/task.h"
#include "proto/control.pb-c.h"

#define COVEY_REGISTRY_DOWN_MAX 10000
#define COVEY_WORKER_SLOTS_MAX 1024

typedef enum {
    COVEY_WORKER_READY,
    COVEY_WORKER_BUSY, /* with something of its own: no task                  */
    COVEY_WORKER_IDLE,
    COVEY_WORKER_LOST,
    COVEY_WORKER_TERMINATED
} covey_worker_state_t;

typedef struct covey_worker {
    covey_link_t by_id;
    covey_link_t by_down;  /* while it is down, by `since`                    */
    covey_link_t in_kind;  /* while it can take a task                        */
    covey_link_t in_host;  /* the same, by node                               */
    covey_link_t in_freed; /* can take more since the command at hand         */
    char *id;
    char *type;
    char *name;
    covey_texts_t capabilities; /* sorted                                     */
    covey_texts_t tags;
    char *node_name; /* "" when it is not known                               */
    uint8_t node_id[16];
    uint8_t session_id[16];
    uint64_t generation;
    bool up;
    covey_worker_state_t state;
    int64_t since_us;
    uint32_t slots;
    uint32_t capacity; /* 0..100, as the agent says                           */
    covey_tree_t held; /* its tasks, by token                                 */
    uint64_t last_assigned; /* token of its last assignment                   */
    struct covey_kind *kind; /* while it is up                                */
} covey_worker_t;

typedef struct {
    covey_tree_t workers; /* by id                                            */
    covey_tree_t down;
    size_t up_count;
} covey_registry_t;

void covey_registry_init (covey_registry_t *self);
void covey_registry_deinit (covey_registry_t *self);

covey_worker_t *covey_registry_find (const covey_registry_t *self,
                                     const char *agent_id);
/*  Up: the worker, or NULL.                                                 */
covey_worker_t *covey_registry_find_up (const covey_registry_t *self,
                                        const char *agent_id);

/*  A new one that is not up; NULL when the id is there.                     */
covey_worker_t *covey_registry_add (covey_registry_t *self,
                                    const char *agent_id);
/*  A session began. An older session of the same agent must have been taken
    down before. The same session again changes what the agent says of itself
    and keeps the generation.                                                 */
covey_worker_t *covey_registry_up (covey_registry_t *self,
                                   const Covey__Control__AgentUp *up,
                                   uint64_t generation, int64_t now_us);
/*  It must hold no task and have left the scheduler.                        */
void covey_registry_down (covey_registry_t *self, covey_worker_t *worker,
                          bool graceful, int64_t now_us);
/*  Is it of this type (NULL: any), with all these capabilities?             */
bool covey_worker_offers (const covey_worker_t *self, const char *type,
                          const covey_texts_t *required);
const char *covey_worker_state_name (const covey_worker_t *self);

#endif
