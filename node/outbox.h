/*  outbox - accepted events until the persister acknowledged them

    Role      pure core: numbers the events of this node without a gap, hands
              them to the persister in order, and knows who waits for `stored`
    Limits    events_max and bytes_max in all; COVEY_OUTBOX_FLIGHT events and
              bytes handed over and not acknowledged
    Time      now_ms: monotonic milliseconds, supplied by the caller
*/
#ifndef COVEY_OUTBOX_H_INCLUDED
#define COVEY_OUTBOX_H_INCLUDED

#include "node/delay.h"
#include "node/parcel.h"

#define COVEY_OUTBOX_FLIGHT_EVENTS 4096
#define COVEY_OUTBOX_FLIGHT_BYTES (4u << 20)
#define COVEY_OUTBOX_BATCH_EVENTS 512 /* in one Journal frame */
#define COVEY_OUTBOX_SILENCE_MS 5000  /* no ack: hand over again  */
#define COVEY_OUTBOX_PAUSE_MS 1000 /* after a refusal                       */

/*  An event that somebody wants to know stored.                             */
typedef struct {
    uint64_t session; /* the node's number of the session                     */
    uint64_t publish_seq;
    covey_level_t level;
} covey_outbox_wish_t;

typedef struct {
    void *arg;
    /* committed at `offset` (-1: the persister did not say)                  */
    void (*stored) (void *arg, const covey_outbox_wish_t *wish, int64_t offset);
} covey_outbox_callbacks_t;

typedef struct {
    uint64_t accepted;
    uint64_t acked;
    uint64_t resent; /* handed over more than once                          */
    uint64_t rewinds;
    uint64_t refusals; /* acks that said no                                   */
    covey_delay_t delay; /* until they were acknowledged                      */
} covey_outbox_stats_t;

typedef struct covey_outbox covey_outbox_t;

covey_outbox_t *covey_outbox_new (size_t events_max, size_t bytes_max,
                                  const covey_outbox_callbacks_t *callbacks);
void covey_outbox_destroy (covey_outbox_t **self_p);

bool covey_outbox_has_room (const covey_outbox_t *self, size_t size);
/*  The number that the next event gets.                                     */
uint64_t covey_outbox_next_seq (const covey_outbox_t *self);
/*  Take an event that carries next_seq. `wish` may be NULL. EAGAIN: full.   */
covey_err_t covey_outbox_push (covey_outbox_t *self, covey_parcel_t *parcel,
                               const covey_outbox_wish_t *wish);
/*  One that is not acknowledged, borrowed; NULL: it is not here.            */
covey_parcel_t *covey_outbox_get (const covey_outbox_t *self, uint64_t seq);
size_t covey_outbox_count (const covey_outbox_t *self);
size_t covey_outbox_bytes (const covey_outbox_t *self);

/*  What may be handed over now: `parcels[0..n)` have the numbers from
    `*first_seq_p` on; at most COVEY_OUTBOX_BATCH_EVENTS and about
    COVEY_FRAME_BATCH bytes. `sent` then says how many of them went out.      */
size_t covey_outbox_peek (const covey_outbox_t *self, int64_t now_ms,
                          covey_parcel_t *parcels[COVEY_OUTBOX_BATCH_EVENTS],
                          uint64_t *first_seq_p);
void covey_outbox_sent (covey_outbox_t *self, size_t count, int64_t now_ms);

/*  Everything up to `seq` is stored; offsets[0..n) are those of
    (seq - n, seq]. LIMIT: a number that was never given out.                 */
covey_err_t covey_outbox_ack (covey_outbox_t *self, uint64_t seq,
                              const int64_t *offsets, size_t offset_count,
                              int64_t now_ms);
/*  The persister expects `seq` next; 0: it is new, all that is here again.  */
void covey_outbox_rewind (covey_outbox_t *self, uint64_t seq);
/*  It said no: pause, then again.                                           */
void covey_outbox_refused (covey_outbox_t *self, int64_t now_ms);
/*  Silence for too long rewinds by itself.                                  */
void covey_outbox_tick (covey_outbox_t *self, int64_t now_ms);

const covey_outbox_stats_t *covey_outbox_stats (const covey_outbox_t *self);

#endif
