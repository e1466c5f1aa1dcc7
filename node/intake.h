/*  intake - the broadcasts of one publisher, in its order, without silent loss

    Role      pure core: passes on what comes in sequence; at a gap it holds
              the publisher's later broadcasts back, asks for what is missing,
              and says exactly what cannot be had any more
    Limits    COVEY_INTAKE_HELD_EVENTS and _BYTES held back, for at most
              COVEY_INTAKE_WAIT_MS; then the gap is given up and announced
    Time      now_ms: monotonic milliseconds, supplied by the caller

    All topics of a publisher wait together, so that a repair does not change
    the order in which the publisher said things.
*/
#ifndef COVEY_INTAKE_H_INCLUDED
#define COVEY_INTAKE_H_INCLUDED

#include "proto/frame.h"

#define COVEY_INTAKE_HELD_EVENTS 65536
#define COVEY_INTAKE_HELD_BYTES (32u << 20)
#define COVEY_INTAKE_WAIT_MS 5000
#define COVEY_INTAKE_TAIL_MS 500 /* announced and not there: lost           */

typedef struct {
    void *arg;
    void (*event) (void *arg, uint32_t topic, uint64_t seq,
                   const uint8_t *bytes, size_t size);
    /* ask the publisher for [first, last]                                    */
    void (*request) (void *arg, uint32_t topic, uint64_t first, uint64_t last);
    /* [first, last] is lost for good                                         */
    void (*lost) (void *arg, uint32_t topic, uint64_t first, uint64_t last);
} covey_intake_callbacks_t;

typedef struct {
    uint64_t gaps;
    uint64_t repaired;   /* events                                            */
    uint64_t lost;       /* events                                            */
    uint64_t duplicates; /* events                                            */
} covey_intake_stats_t;

typedef struct covey_intake covey_intake_t;

covey_intake_t *covey_intake_new (const covey_intake_callbacks_t *callbacks);
void covey_intake_destroy (covey_intake_t **self_p);

/*  The publisher runs as `epoch`: a new one starts all numbers again. False:
    an epoch of the past.                                                     */
bool covey_intake_epoch (covey_intake_t *self, uint64_t epoch);
/*  Broadcasts of `topic` up to `next` - 1 were before our subscription; says
    nothing when the topic has been heard already.                            */
void covey_intake_baseline (covey_intake_t *self, uint32_t topic,
                            uint64_t next);
/*  We do not listen to the topic any more.                                  */
void covey_intake_unlisten (covey_intake_t *self, uint32_t topic);
/*  A frame: its items are numbered from `first`. Without items it says that
    `first` is the next one to come.                                          */
covey_err_t covey_intake_receive (covey_intake_t *self, uint32_t topic,
                                  uint64_t first, const covey_frame_t *frame,
                                  int64_t now_ms);
/*  The publisher says, another way, that `next` comes next: what is before it
    and does not come soon was lost, even if nothing ever comes behind it.    */
void covey_intake_tail (covey_intake_t *self, uint32_t topic, uint64_t next,
                        int64_t now_ms);
/*  The answer to a request.                                                 */
void covey_intake_repair (covey_intake_t *self,
                          const Covey__Wire__Repair *repair, int64_t now_ms);
/*  Asks for tails that are missing, gives up a gap that waited too long.    */
void covey_intake_tick (covey_intake_t *self, int64_t now_ms);
/*  The publisher is gone: what waits for a repair is given up at once.      */
void covey_intake_give_up (covey_intake_t *self, int64_t now_ms);
int64_t covey_intake_next_ms (const covey_intake_t *self);

const covey_intake_stats_t *covey_intake_stats (const covey_intake_t *self);

#endif
