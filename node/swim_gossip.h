/*  swim_gossip - the updates that still have to be told, least told first

    Role      pure, embedded in covey_swim; members link into it
    Limits    one update per member: a newer one replaces an older; each is told
              a limited number of times (SWIM 4.1: lambda log n suffices)
    Cost      O(1) per update put or told
*/
#ifndef COVEY_SWIM_GOSSIP_H_INCLUDED
#define COVEY_SWIM_GOSSIP_H_INCLUDED

#include "node/swim_table.h"

#define COVEY_GOSSIP_SENDS_MAX 64 /* the highest limit */
#define COVEY_GOSSIP_PICK_MAX 64  /* updates in one message  */

typedef struct {
    covey_swim_member_t *first[COVEY_GOSSIP_SENDS_MAX];
    covey_swim_member_t *last[COVEY_GOSSIP_SENDS_MAX];
    size_t count;
} covey_swim_gossip_t;

/*  lambda * ceil (log10 (n + 1)), at most COVEY_GOSSIP_SENDS_MAX.           */
int covey_swim_gossip_limit (int lambda, uint64_t members);

/*  What the member is now is news, as if told `sends` times already.        */
void covey_swim_gossip_put (covey_swim_gossip_t *self,
                            covey_swim_member_t *member, int sends);
void covey_swim_gossip_remove (covey_swim_gossip_t *self,
                               covey_swim_member_t *member);
/*  The claim about the member as it goes out; its address and meta only when
    it lives, or when `full`.                                                 */
void covey_swim_gossip_claim (const covey_swim_member_t *member, bool full,
                              covey_swim_update_t *update);
/*  Fill updates[count..max) with at most *bytes_p bytes of news, count each as
    told and drop those told `limit` times. Returns the new count.            */
size_t covey_swim_gossip_pick (covey_swim_gossip_t *self, int limit,
                               size_t bytes, covey_swim_update_t *updates,
                               size_t count, size_t max);

#endif
