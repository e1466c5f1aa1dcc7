/*  role_keeper - asks the coordinator for a role of this node, again and again

    Role      shell: a thread with an agent of its own; tells its owner what the
              coordinator decided, and until when that is known
    Lease     of COVEY_ROLE_KEEPER_TTL_MS by the monotonic clock, counted from
              when it was asked for; renewed three times within it, and asked
              for at once when the coordinator tells of the role
    Doubt     Behind the lease it is not known who holds the role. It ends with
              an answer, or when the keeper was awake and asked in vain for as
              long as another one needs to be designated: then nobody decides,
              nobody else can have been designated here, and who holds the role
              goes on. Who stands by stands by
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
    /*  The epoch of this node, until that monotonic time unless more is said;
        or 0: another node holds the role.                                    */
    void (*decided) (void *arg, uint64_t epoch, int64_t until_ms);
} covey_role_keeper_config_t;

typedef struct covey_role_keeper covey_role_keeper_t;

/*  NULL: no thread can be started.                                           */
covey_role_keeper_t *
covey_role_keeper_new (const covey_role_keeper_config_t *config);
/*  Gives the role back if the coordinator answers at once.                   */
void covey_role_keeper_destroy (covey_role_keeper_t **self_p);

#endif
