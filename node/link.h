/*  link - the reliable stream to one peer and from it

    Role      pure core: the shell sends its frames on the peer's DEALER and
              feeds it what the peer's DEALER sent
    Promise   every item accepted by push arrives once and in order, as long as
              both incarnations live; what a restarted peer had not acknowledged
              is sent again to its new incarnation. Order is kept within one
              lane; higher lanes overtake lower ones while they wait
    Memory    items are parcels, shared with other queues
    Limits    window_events and window_bytes of what is numbered and not
              acknowledged; what waits behind it as in node/lanes.h, what waits
              for stopped agents as in node/stops.h
    Time      now_ms: monotonic milliseconds; now_us: wall clock, which the peer
              is told; both supplied by the caller

    Numbering belongs to one pair of incarnations: a frame says whose epoch it
    comes from and whose it is meant for, and one that is meant for another
    incarnation is dropped. So a restart on either side starts both streams
    again from 1, and no late frame can be taken for a new one.

    What makes it send again: nothing was acknowledged for a while (then one
    frame as a probe, with growing pauses), three acks without progress, a
    heartbeat of the peer that shows a lost tail, a new hello.
*/
#ifndef COVEY_LINK_H_INCLUDED
#define COVEY_LINK_H_INCLUDED

#include "node/stops.h"
#include "proto/frame.h"

#define COVEY_LINK_RESEND_MS 250 /* without progress; doubles            */
#define COVEY_LINK_RESEND_MAX_MS 4000
#define COVEY_LINK_TAIL_MS 100    /* older than this and not there: lost  */
#define COVEY_LINK_ACK_MS 10      /* for data of ours to take the ack along */
#define COVEY_LINK_ACK_EVENTS 512 /* not acknowledged: at once           */
#define COVEY_LINK_ACK_BYTES (COVEY_LINK_WINDOW_BYTES / 8)
#define COVEY_LINK_WINDOW_EVENTS 8192
#define COVEY_LINK_WINDOW_BYTES (2u << 20)
/*  An item without content: it keeps the number of one that was taken back. */
#define COVEY_ITEM_NONE 0x00

typedef struct {
    uint64_t epoch; /* of this node                                           */
    size_t window_events;
    size_t window_bytes;
    size_t events_max; /* that wait                                           */
    size_t bytes_max;
} covey_link_config_t;

typedef struct {
    void *arg;
    /* one frame for the peer; false: not now, the link tries at next flush   */
    bool (*send) (void *arg, const covey_buf_t *frame);
    /* what time it is at the peer, ahead of the items; may be NULL           */
    void (*clock) (void *arg, int64_t peer_us);
    void (*item) (void *arg, uint8_t kind, const uint8_t *body, size_t size);
} covey_link_callbacks_t;

typedef struct {
    uint64_t sent; /* items, each counted once                          */
    uint64_t resent;
    uint64_t received;
    uint64_t duplicates; /* items dropped because they were here already      */
    uint64_t gaps;       /* frames dropped because one before was missing     */
    uint64_t stale;      /* frames of or for another incarnation              */
    uint64_t refused;    /* pushes that found no room                         */
    uint64_t stops_ignored; /* more agents were stopped than are noted        */
    uint64_t expired; /* past their ttl before they got a number           */
} covey_link_stats_t;

typedef struct covey_link covey_link_t;

covey_link_t *covey_link_new (const covey_link_config_t *config,
                              const covey_link_callbacks_t *callbacks);
/*  What was not acknowledged is dropped.                                    */
void covey_link_destroy (covey_link_t **self_p);

/*  The peer said hello: nothing flows before. A new epoch of the peer starts
    both streams again; the same one goes on, from `recv_seq` that it has.    */
void covey_link_open (covey_link_t *self, uint64_t peer_epoch,
                      uint64_t recv_epoch, uint64_t recv_seq, int64_t now_ms);
/*  The peer is silent: hold everything back until the next open.            */
void covey_link_close (covey_link_t *self);
/*  Of the incarnation that it was opened with last; 0: never.               */
uint64_t covey_link_peer_epoch (const covey_link_t *self);
bool covey_link_is_open (const covey_link_t *self);

/*  Is there room for so many items of a lane with so many bytes in all?     */
bool covey_link_has_room (const covey_link_t *self, covey_lane_t lane,
                          size_t events, size_t bytes);
/*  Queue an item (the parcel is held). EAGAIN: full.                        */
covey_err_t covey_link_push (covey_link_t *self, covey_lane_t lane,
                             uint8_t kind, covey_parcel_t *parcel);
/*  The same for which there was room when the caller asked.                 */
void covey_link_add (covey_link_t *self, covey_lane_t lane, uint8_t kind,
                     covey_parcel_t *parcel);
/*  Items not acknowledged.                                                  */
size_t covey_link_count (const covey_link_t *self);
size_t covey_link_bytes (const covey_link_t *self);
/*  Of these, without a number yet.                                          */
size_t covey_link_waiting (const covey_link_t *self, covey_lane_t lane);
/*  The peer said that an agent over there takes nothing for now, or again; a
    new incarnation of the peer has stopped none.                             */
void covey_link_set_stopped (covey_link_t *self, covey_slice_t agent_id,
                             bool stopped);
void covey_link_go_all (covey_link_t *self);
bool covey_link_is_stopped (const covey_link_t *self, covey_slice_t agent_id);
/*  How many agents are, and how many items wait for them.                   */
size_t covey_link_stopped (const covey_link_t *self);
size_t covey_link_parked (const covey_link_t *self);
/*  Take back what `take` says yes to; a number that it had stays, without
    content.                                                                  */
size_t covey_link_take_back (covey_link_t *self, covey_lanes_take_fn *take,
                             void *arg);

/*  From the peer. MALFORMED frames are dropped as a whole from the first item
    that cannot be read.                                                      */
covey_err_t covey_link_receive_data (covey_link_t *self, covey_frame_t *frame,
                                     int64_t now_ms);
covey_err_t covey_link_receive_ack (covey_link_t *self,
                                    const Covey__Wire__DataAck *ack,
                                    int64_t now_ms);
void covey_link_receive_heartbeat (covey_link_t *self,
                                   const Covey__Wire__Heartbeat *heartbeat,
                                   int64_t now_ms);
void covey_link_fill_heartbeat (const covey_link_t *self,
                                Covey__Wire__Heartbeat *heartbeat);
/*  For a hello: what arrived here of the stream of the peer's incarnation
    `epoch`; 0 while the link speaks with another one.                        */
uint64_t covey_link_recv_seq (const covey_link_t *self, uint64_t epoch);

/*  Send what waits, in full frames, and an ack if one is due. True: something
    is left that the socket did not take.                                     */
bool covey_link_flush (covey_link_t *self, int64_t now_ms, int64_t now_us);
/*  When flush is due without new items; INT64_MAX: never.                   */
int64_t covey_link_next_ms (const covey_link_t *self);

const covey_link_stats_t *covey_link_stats (const covey_link_t *self);
/*  How long events waited until they got a number.                          */
const covey_delay_t *covey_link_delay (const covey_link_t *self);

#endif
