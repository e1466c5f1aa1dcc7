/*  lanes - what waits to go out on a link, by priority

    Role      pure core, part of a link: items wait here without a number, so
              that a critical one can overtake what waits before it
    Promise   order is kept within a lane; the highest lane that is not empty
              goes first, and of every COVEY_LANES_SHARE bytes those below it
              get one, in turn: nothing starves
    Memory    rings; an item holds its parcel
    Limits    events_max and bytes_max for all lanes together, and on top for
              each lane a share that others cannot take: a queue full of low
              events refuses no critical one
    Time      now_ms: monotonic milliseconds, supplied by the caller
*/
#ifndef COVEY_LANES_H_INCLUDED
#define COVEY_LANES_H_INCLUDED

#include "node/delay.h"
#include "node/fifo.h"
#include "node/parcel.h"

#define COVEY_LANES_SHARE 8
#define COVEY_LANES_CONTROL_EVENTS 4096 /* the share of control items */
#define COVEY_LANES_CONTROL_BYTES (16u << 20)

/*  In the order in which they go.                                           */
typedef enum {
    COVEY_LANE_CONTROL, /* directory, acks, notices, repairs                  */
    COVEY_LANE_CRITICAL,
    COVEY_LANE_HIGH,
    COVEY_LANE_NORMAL, /* also the journal's batches                          */
    COVEY_LANE_LOW,
    COVEY_LANE_COUNT
} covey_lane_t;

typedef struct {
    covey_parcel_t *parcel; /* NULL: taken back                               */
    uint8_t kind;
    uint8_t lane;
    bool was_sent; /* the link's own note: the peer may have it               */
} covey_lane_item_t;

typedef struct {
    covey_fifo_t items;
    size_t bytes;
} covey_lane_queue_t;

typedef struct {
    size_t events_max;
    size_t bytes_max;
    covey_lane_queue_t queues[COVEY_LANE_COUNT];
    size_t count;
    size_t bytes;
    size_t credit; /* bytes that lower lanes have a right to               */
    covey_lane_t turn; /* the lower lane that went last                       */
    uint64_t expired;
    covey_delay_t delay; /* of events, until they got a number                */
} covey_lanes_t;

/*  The lane of an event. Priorities of a later version count as critical.   */
covey_lane_t covey_lane_of (const covey_peek_t *event);

void covey_lanes_init (covey_lanes_t *self, size_t events_max,
                       size_t bytes_max);
void covey_lanes_deinit (covey_lanes_t *self);

/*  Is there room for so many items with so many bytes? Empty lanes take any
    one burst, however large.                                                 */
bool covey_lanes_have_room (const covey_lanes_t *self, covey_lane_t lane,
                            size_t events, size_t bytes);
/*  Behind the others of its lane; the parcel is held. Whoever must keep the
    bound asks first.                                                         */
void covey_lanes_add (covey_lanes_t *self, covey_lane_t lane, uint8_t kind,
                      covey_parcel_t *parcel);
/*  The next one to go, which the caller now owns; false: none. What expired is
    dropped and counted.                                                      */
bool covey_lanes_take (covey_lanes_t *self, int64_t now_ms,
                       covey_lane_item_t *item);
/*  One that was taken, in front of its lane again.                          */
void covey_lanes_put_back (covey_lanes_t *self, const covey_lane_item_t *item);
/*  Drop what expired in front of each lane, also when nothing goes out.     */
void covey_lanes_expire (covey_lanes_t *self, int64_t now_ms);

/*  Drop each item that `take` says yes to; how many.                        */
typedef bool (covey_lanes_take_fn) (void *arg, const covey_lane_item_t *item);
size_t covey_lanes_take_back (covey_lanes_t *self, covey_lanes_take_fn *take,
                              void *arg);

#endif
