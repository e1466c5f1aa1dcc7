/*  scope - does a BROADCAST select an agent?

    Role      pure core: scope and filter of a broadcast against an agent of the
              directory; who is in which swarm, learned from the facts that the
              coordinator publishes and from its list
    Limits    COVEY_SCOPE_SWARMS_MAX swarms; further ones are not known here
*/
#ifndef COVEY_SCOPE_H_INCLUDED
#define COVEY_SCOPE_H_INCLUDED

#include "covey.h"
#include "node/directory.h"
#include "proto/control.pb-c.h"
#include "proto/peek.h"

#define COVEY_SCOPE_SWARMS_MAX 65536

/*  A broadcast's scope, read once per event and asked per agent.            */
typedef struct {
    enum {
        COVEY_SCOPE_NOBODY, /* a scope that this version does not know        */
        COVEY_SCOPE_GLOBAL,
        COVEY_SCOPE_SWARM,
        COVEY_SCOPE_TYPE,
        COVEY_SCOPE_CUSTOM
    } kind;
    covey_slice_t source;
    covey_slice_t swarm_id;
    covey_slice_t filter; /* packed                                           */
} covey_scope_query_t;

typedef struct covey_scopes covey_scopes_t;

covey_scopes_t *covey_scope_new (void);
void covey_scope_destroy (covey_scopes_t **self_p);

/*  A fact: SWARM_FORMED, SWARM_JOINED, SWARM_LEFT or SWARM_DISBANDED; others
    say nothing. True: it was one.                                            */
bool covey_scope_learn (covey_scopes_t *self, const covey_peek_t *event);
/*  What the coordinator lists: the members of these swarms are exactly these.
 */
void covey_scope_learn_list (covey_scopes_t *self,
                             const Covey__Control__SwarmList *list);
bool covey_scope_is_member (const covey_scopes_t *self, covey_slice_t swarm_id,
                            const char *agent_id);
size_t covey_scope_swarms (const covey_scopes_t *self);

/*  `event` is a BROADCAST; the query points into it.                        */
void covey_scope_read (const covey_peek_t *event, covey_scope_query_t *query);
/*  Clients and services are never selected, the sender neither.             */
bool covey_scope_selects (const covey_scopes_t *self,
                          const covey_scope_query_t *query,
                          const covey_directory_entry_t *agent);

#endif
