/*  herald - one node announces what all nodes see

    Role      pure core: every node that learns of a fact about a member holds
   an event for it; the first in line publishes its own at once, the others wait
   their turn and drop theirs when they hear of it Memory    events given are
   owned until they are announced or dropped Limits    COVEY_HERALD_HELD_MAX
   events wait; beyond it the oldest is announced early. COVEY_HERALD_HEARD_MAX
   facts are remembered Time      now_ms: monotonic milliseconds, supplied by
   the caller

    So one fact gives one event, also when the first in line died with it or is
    on the other side of a partition. Two come only when announcements cross:
    what is told twice is told with the same node, epoch and incarnation.
*/
#ifndef COVEY_HERALD_H_INCLUDED
#define COVEY_HERALD_H_INCLUDED

#include "proto/event.h"

#define COVEY_HERALD_TURN_MS 500 /* how long each waits for those before it */
#define COVEY_HERALD_TURNS_MAX 8 /* from there on all wait the same */
#define COVEY_HERALD_HELD_MAX 256
#define COVEY_HERALD_HEARD_MAX 256

typedef struct {
    int type; /* of the event                                                 */
    uint32_t incarnation;
    uint64_t epoch;
    uint8_t id[16]; /* the node it is about                                   */
} covey_fact_t;

typedef struct {
    uint64_t announced;
    uint64_t spared; /* another one announced them                            */
} covey_herald_stats_t;

typedef struct covey_herald covey_herald_t;

/*  `announce` consumes the event.                                           */
typedef void (covey_herald_fn) (void *arg, covey_event_t **event_p);

covey_herald_t *covey_herald_new (covey_herald_fn *announce, void *arg);
/*  What was not announced is dropped.                                       */
void covey_herald_destroy (covey_herald_t **self_p);

/*  `turn`: how many others are to speak before us. `*event_p` is consumed.  */
void covey_herald_note (covey_herald_t *self, const covey_fact_t *fact,
                        covey_event_t **event_p, size_t turn, int64_t now_ms);
/*  Somebody announced it.                                                   */
void covey_herald_heard (covey_herald_t *self, const covey_fact_t *fact);
void covey_herald_tick (covey_herald_t *self, int64_t now_ms);

/*  Who has the least weight speaks first: every node comes to the same order,
    and to another one for each node that it is about.                        */
uint64_t covey_herald_weight (const uint8_t id[16], const uint8_t about[16]);

size_t covey_herald_held (const covey_herald_t *self);
const covey_herald_stats_t *covey_herald_stats (const covey_herald_t *self);

#endif
