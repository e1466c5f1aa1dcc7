/*  role_keeper - asks the coordinator for a role of this node, again and again

    Role      shell: a thread with an agent of its own; tells its owner what the
              coordinator decided
    Lease     asked for three times within COVEY_ROLE_KEEPER_TTL_MS. Without an
              answer nothing changes: who holds the role goes on, because
              nobody else can have been designated where nobody decides, and
              who stands by stands by
    Threads   `decided` is called in the keeper's thread
*/
#ifndef COVEY_ROLE_KEEPER_H_INCLUDED
#define COVEY_ROLE_KEEPER_H_INCLUDED

#include "base/id.h"
#include "covey.h"

#define COVEY_ROLE_KEEPER_TTL_MS 6000

typedef struct {
    const char *role;     /* "persister"; a literal                           */
    covey_id_t node_id;   /* who asks                                         */
    const char *name;     /* for people                                       */
    const char *endpoint; /* of the node                                      */
    void *arg;
    /*  The epoch of this node, or 0: another node holds the role.            */
    void (*decided) (void *arg, uint64_t epoch);
} covey_role_keeper_config_t;

typedef struct covey_role_keeper covey_role_keeper_t;

/*  NULL: no thread can be started.                                           */
covey_role_keeper_t *
covey_role_keeper_new (const covey_role_keeper_config_t *config);
/*  Gives the role back if the coordinator answers at once.                   */
void covey_role_keeper_destroy (covey_role_keeper_t **self_p);

#endif
