/*  recent - the events of each source that were delivered last

    Role      pure core: an agent whose node died sends what has no receipt
              again, through another node or another incarnation; here it is
              noticed that an event comes a second time
    Promise   of each source the last COVEY_RECENT_EVENTS are known, which is as
              many as it may have without a receipt
    Memory    8 bytes for each, kept as a hash, so one in 2^50 is taken for
              another of the same source
    Limits    COVEY_RECENT_SOURCES; whoever was silent longest is forgotten
*/
#ifndef COVEY_RECENT_H_INCLUDED
#define COVEY_RECENT_H_INCLUDED

#include "proto/peek.h"

#define COVEY_RECENT_EVENTS 4096u
#define COVEY_RECENT_SOURCES 1024

typedef struct covey_recent covey_recent_t;

covey_recent_t *covey_recent_new (void);
void covey_recent_destroy (covey_recent_t **self_p);

/*  `to` tells apart where it went: a session's number, 0 for a broadcast.    */
bool covey_recent_has (covey_recent_t *self, const covey_peek_t *event,
                       uint64_t to);
/*  It was delivered; at most once for each.                                 */
void covey_recent_add (covey_recent_t *self, const covey_peek_t *event,
                       uint64_t to);
size_t covey_recent_sources (const covey_recent_t *self);

#endif
