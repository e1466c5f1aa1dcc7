/*  parcel - bytes that several queues hold at once, with their envelope read

    Role      pure; one allocation per event however many agents get it
    Threads   the node's thread only (the count is not atomic)
    Memory    new gives one reference; hold takes another, drop gives one back
*/
#ifndef COVEY_PARCEL_H_INCLUDED
#define COVEY_PARCEL_H_INCLUDED

#include "proto/peek.h"

typedef struct {
    covey_peek_t view; /* of an event; all zero for other bytes               */
    uint8_t from[16];  /* broadcasts: the node that published it; tracked: the
                          node that accepted it, zero: this one               */
    uint8_t track;     /* what that node wants to know (covey_track_t)        */
    uint64_t topic_seq; /* broadcasts: its number under that node and topic   */
    int64_t entered_ms; /* this node; monotonic, 0: no clock was started      */
    int64_t expires_ms; /* monotonic, of this node; 0: never                  */
    uint32_t refs;
    size_t size;
    uint8_t bytes[];
} covey_parcel_t;

/*  An event: `data`, then `tail` (the origin fields; may be empty). NULL: not
    an event.                                                                 */
covey_parcel_t *covey_parcel_new (const void *data, size_t size,
                                  const void *tail, size_t tail_size);
/*  Other bytes, which nobody looks into.                                    */
covey_parcel_t *covey_parcel_new_raw (const void *data, size_t size);
/*  It enters this node: its waits are measured from here, and the clock of one
    with a ttl starts. `then_us` is what time it is by the
    wall clock of the node that accepted it: from here on only the time that
    passes counts, so no difference between the clocks of nodes matters.      */
void covey_parcel_start_clock (covey_parcel_t *self, int64_t then_us,
                               int64_t now_ms);
/*  Milliseconds, at least 1; 0: no ttl.                                     */
uint32_t covey_parcel_ttl_left (const covey_parcel_t *self, int64_t now_ms);
bool covey_parcel_is_expired (const covey_parcel_t *self, int64_t now_ms);
covey_parcel_t *covey_parcel_hold (covey_parcel_t *self);
void covey_parcel_drop (covey_parcel_t **self_p);

#endif
