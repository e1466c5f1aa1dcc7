/*  directory - which agent lives on which node, and what it can do

    Role      pure core: the node that hosts an agent is the authority for it;
              others repeat what it said
    Memory    entries belong to the directory and live until they are removed
              or replaced
    Conflict  an agent id on two nodes belongs to the session that attached
              later (the larger node id when both say the same instant)
    Services  "coordinator" and "persister" may live on several nodes at once:
              the instance with the highest rank is meant, and among equals the
              one on the node with the smallest id
*/
#ifndef COVEY_DIRECTORY_H_INCLUDED
#define COVEY_DIRECTORY_H_INCLUDED

#include "base/err.h"
#include "base/table.h"
#include "proto/wire.pb-c.h"

/*  An agent, or a service, of one node.                                     */
typedef struct {
    char *id;
    char *type;
    char *name;
    char *service; /* "" for agents                                           */
    char **capabilities;
    size_t capability_count;
    char **tags;
    size_t tag_count;
    uint8_t node_id[16];
    uint8_t session_id[16];
    Covey__Wire__AgentState state;
    int64_t since_us;    /* of the state                                      */
    int64_t attached_us; /* of the session                                    */
    uint32_t task_slots;
    uint32_t available_capacity;
    uint32_t current_tasks;
    uint64_t rank; /* of a service instance; 0: stands by                     */
    bool client;
    bool stale; /* not in the snapshot that is arriving, so far               */
    int64_t active_us; /* when it last did something                          */
    int64_t silent_us; /* since when its node does not hear it; 0: it does    */
    uint32_t grace_ms; /* how long that is forgiven                           */
} covey_directory_entry_t;

typedef struct covey_directory covey_directory_t;

covey_directory_t *covey_directory_new (void);
void covey_directory_destroy (covey_directory_t **self_p);

/*  Take over what a node says of one of its agents. INVALID: no usable id or
    node id. EXISTS: another node's session is newer, nothing changed.
    `*entry_p` (may be NULL) is the entry as it is now.                       */
covey_err_t covey_directory_put (covey_directory_t *self,
                                 const Covey__Wire__AgentInfo *info,
                                 covey_directory_entry_t **entry_p);
/*  Only when it lives on that node.                                         */
bool covey_directory_remove (covey_directory_t *self, const char *id,
                             size_t id_size, const uint8_t node_id[16]);
/*  All that live on a node; how many. `fn` (may be NULL) sees each before.  */
typedef void (covey_directory_fn) (void *arg,
                                   const covey_directory_entry_t *entry);
size_t covey_directory_remove_node (covey_directory_t *self,
                                    const uint8_t node_id[16],
                                    covey_directory_fn *fn, void *arg);

/*  A snapshot of all agents of a node begins; put, as ever, for each; and it
    ends: those that were not put are removed. One that begins anew before it
    ended counts alone.                                                       */
void covey_directory_begin (covey_directory_t *self, const uint8_t node_id[16]);
size_t covey_directory_end (covey_directory_t *self, const uint8_t node_id[16],
                            covey_directory_fn *fn, void *arg);
/*  What is held of that node's agents in one number: equal here and there when
    the entries are. An entry that is changed in place has to be touched.     */
uint64_t covey_directory_digest (covey_directory_t *self,
                                 const uint8_t node_id[16]);
void covey_directory_touch (covey_directory_t *self, const uint8_t node_id[16]);

/*  Agents by id, services by name: where a target is. NULL: nobody.         */
covey_directory_entry_t *covey_directory_find (const covey_directory_t *self,
                                               const char *id, size_t size);
/*  The service's instance on one node.                                      */
covey_directory_entry_t *
covey_directory_service_on (const covey_directory_t *self, const char *name,
                            const uint8_t node_id[16]);
/*  Every agent and every service instance.                                  */
void covey_directory_each (const covey_directory_t *self,
                           covey_directory_fn *fn, void *arg);
/*  Agents that are neither clients nor services; on one node when `node_id`
    is given.                                                                 */
size_t covey_directory_agents (const covey_directory_t *self,
                               const uint8_t *node_id);
/*  Grows with every change of who is where and of ranks (not of states).    */
uint64_t covey_directory_version (const covey_directory_t *self);
/*  Grows with every put and remove: until then entries stay as they are, but
    for what their owner writes into them (states).                           */
uint64_t covey_directory_revision (const covey_directory_t *self);

/*  What changes often, of an agent that lives on that node.                 */
void covey_directory_set_clock (covey_directory_t *self,
                                const Covey__Wire__AgentClock *clock,
                                const uint8_t node_id[16]);

/*  A service instance's word counts so much from now on: the present moment
    becomes its `since`. False: it is not here, or has that rank already.     */
bool covey_directory_set_rank (covey_directory_t *self, const char *name,
                               const uint8_t node_id[16], uint64_t rank,
                               int64_t now_us);

/*  `info` as others get it; it points into the entry.                       */
void covey_directory_info (const covey_directory_entry_t *entry,
                           Covey__Wire__AgentInfo *info);
bool covey_directory_is_service (const char *id, size_t size);

#endif
