/*  fellows - the nodes of the mesh as far as they concern coordinators

    Role      pure core: names of nodes, which of them run a coordinator, which
              of those is in charge, and what each coordinator says of itself
    Limits    COVEY_FELLOWS_MAX nodes; more are not remembered
    Time      now_ms: monotonic milliseconds, supplied by the caller
*/
#ifndef COVEY_FELLOWS_H_INCLUDED
#define COVEY_FELLOWS_H_INCLUDED

#include "base/err.h"
#include "base/id.h"
#include "coordinator/tree.h"
#include "proto/control.pb-c.h"
#include "proto/wire.pb-c.h"

#define COVEY_FELLOWS_MAX 16384

typedef struct {
    covey_link_t by_id;
    covey_id_t node_id;
    char *name;  /* "" until it is known                                      */
    bool alive;  /* the node, as this one sees it                             */
    bool serves; /* a coordinator runs there                                  */
    bool seen;   /* ... and is in the full view that arrives                  */
    uint64_t rank;
    /* what it said of itself                                                 */
    int64_t heard_ms; /* 0: nothing yet                                       */
    uint64_t member_id;
    bool has_cluster;
    covey_id_t cluster;
    int64_t skew_us; /* its wall clock minus ours                             */
    bool leads;
    bool fresh;
    Covey__Control__LogFigures log;
} covey_fellow_t;

typedef struct {
    covey_tree_t tree;
    bool filling;
} covey_fellows_t;

void covey_fellows_init (covey_fellows_t *self);
void covey_fellows_deinit (covey_fellows_t *self);

/*  A node or an agent of a View; agents that are no coordinators are passed
    over.                                                                     */
void covey_fellows_node (covey_fellows_t *self,
                         const Covey__Wire__NodeInfo *info);
void covey_fellows_service (covey_fellows_t *self,
                            const Covey__Wire__AgentInfo *info);
/*  A full view begins, and ends.                                            */
void covey_fellows_begin (covey_fellows_t *self);
void covey_fellows_end (covey_fellows_t *self);
/*  The coordinator of a node speaks of itself. INVALID: not well-formed.    */
covey_err_t covey_fellows_heard (covey_fellows_t *self,
                                 const covey_id_t *node_id,
                                 const Covey__Control__Presence *presence,
                                 int64_t now_us, int64_t now_ms);

const covey_fellow_t *covey_fellows_find (const covey_fellows_t *self,
                                          const covey_id_t *node_id);
/*  By id or name. NOTFOUND with the nearest name; INVALID: several have it.  */
covey_err_t covey_fellows_resolve (const covey_fellows_t *self,
                                   const char *text,
                                   const covey_fellow_t **fellow_p,
                                   covey_errbuf_t *err);
/*  The coordinator that the id "coordinator" means; NULL: none.             */
const covey_fellow_t *covey_fellows_in_charge (const covey_fellows_t *self);
/*  In the order of their ids; NULL: the first.                              */
const covey_fellow_t *covey_fellows_next (const covey_fellows_t *self,
                                          const covey_fellow_t *fellow);
/*  For people: its name, or its id when it has none.                        */
const char *covey_fellows_name (const covey_fellows_t *self,
                                const covey_id_t *node_id, char id_text[37]);

#endif
