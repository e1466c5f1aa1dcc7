/*  departed - agents that are not here any more, for whoever looks for them

    Role      pure core: remembers agents that were lost or left, with the
              state they ended in, until they come back or are forgotten
    Limits    COVEY_DEPARTED_MAX agents; the one that went first makes room
    Time      now_us: wall clock, supplied by the caller
*/
#ifndef COVEY_DEPARTED_H_INCLUDED
#define COVEY_DEPARTED_H_INCLUDED

#include "node/directory.h"

#define COVEY_DEPARTED_MAX 1024
#define COVEY_DEPARTED_US ((int64_t)3600 * 1000000)

typedef struct covey_departed covey_departed_t;

covey_departed_t *covey_departed_new (void);
void covey_departed_destroy (covey_departed_t **self_p);

/*  Terminated when it left of its own will, else lost. Clients and services are
    not remembered.                                                           */
void covey_departed_note (covey_departed_t *self,
                          const Covey__Wire__AgentInfo *info, bool lost,
                          int64_t now_us);
/*  It is here again.                                                        */
void covey_departed_forget (covey_departed_t *self, const char *id);
/*  Forget those that went long ago.                                         */
void covey_departed_tick (covey_departed_t *self, int64_t now_us);
size_t covey_departed_count (const covey_departed_t *self);
/*  Each that is remembered; its state is LOST or TERMINATED, since then.    */
void covey_departed_each (const covey_departed_t *self, covey_directory_fn *fn,
                          void *arg);

#endif
