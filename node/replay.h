/*  replay - the last broadcasts of this node, by topic, for who missed some

    Role      pure core: numbers the broadcasts per topic from 1 without a gap
              and keeps the last of them, bounded over all topics together
    Limits    events_max, bytes_max; the oldest goes first. Of those that went
              the names are remembered, COVEY_REPLAY_TRAIL_MAX over all topics:
              enough to ask the journal for them
*/
#ifndef COVEY_REPLAY_H_INCLUDED
#define COVEY_REPLAY_H_INCLUDED

#include "node/parcel.h"

/*  Topics as one number: 'E' or 'T' << 16 | type.                           */
#define COVEY_TOPIC_CODE(class_byte, type) \
    (((uint32_t)(uint8_t)(class_byte) << 16) | ((uint32_t)(type)&0xffffu))

#define COVEY_REPLAY_TRAIL_MAX 262144

/*  What is left of a broadcast that is out of the ring.                     */
typedef struct {
    uint8_t id[16]; /* of the event; all zero when it had none                */
    uint64_t origin_seq;
} covey_replay_trace_t;

typedef struct covey_replay covey_replay_t;

covey_replay_t *covey_replay_new (size_t events_max, size_t bytes_max);
void covey_replay_destroy (covey_replay_t **self_p);

/*  Keep a broadcast; its number.                                            */
uint64_t covey_replay_push (covey_replay_t *self, uint32_t topic,
                            covey_parcel_t *parcel);
/*  The number that the next one gets.                                       */
uint64_t covey_replay_next (const covey_replay_t *self, uint32_t topic);
/*  The range within [first, last] that is still here; false: nothing.       */
bool covey_replay_range (const covey_replay_t *self, uint32_t topic,
                         uint64_t first, uint64_t last, uint64_t *have_first_p,
                         uint64_t *have_last_p);
/*  One of them, borrowed; NULL: gone.                                       */
covey_parcel_t *covey_replay_get (const covey_replay_t *self, uint32_t topic,
                                  uint64_t seq);
/*  The traces of [first, last], as far as they are known, at most `max` without
    a hole: how many, and the number of traces[0].                            */
size_t covey_replay_trail (const covey_replay_t *self, uint32_t topic,
                           uint64_t first, uint64_t last,
                           covey_replay_trace_t *traces, size_t max,
                           uint64_t *from_p);
/*  All topics and their next number; `fn` per topic.                        */
typedef void (covey_replay_topic_fn) (void *arg, uint32_t topic, uint64_t next);
void covey_replay_topics (const covey_replay_t *self, covey_replay_topic_fn *fn,
                          void *arg);
/*  How many broadcasts were numbered so far, and the topics that grew since
    then: what a peer that knows the first `since` of them has to be told.    */
uint64_t covey_replay_total (const covey_replay_t *self);
typedef void (covey_replay_grown_fn) (void *arg, uint32_t topic, uint64_t next,
                                      uint64_t total);
void covey_replay_grown (const covey_replay_t *self, uint64_t since,
                         covey_replay_grown_fn *fn, void *arg);
size_t covey_replay_count (const covey_replay_t *self);
size_t covey_replay_bytes (const covey_replay_t *self);

#endif
