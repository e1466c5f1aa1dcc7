/*  acks - what a batch will acknowledge when it is committed

    Role      pure: per origin the offsets of the sequences in the batch, as
              runs without a gap
    Limits    bounded by the batch, whose rows it counts
*/
#ifndef COVEY_ACKS_H_INCLUDED
#define COVEY_ACKS_H_INCLUDED

#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint8_t origin[16];
    uint64_t seq;     /* the last one                                         */
    int64_t *offsets; /* of (seq - count, seq]; -1: not kept                  */
    size_t count, capacity;
} covey_ack_t;

typedef struct {
    covey_ack_t *runs;
    size_t count, capacity;
} covey_acks_t;

void covey_acks_init (covey_acks_t *self);
void covey_acks_deinit (covey_acks_t *self);
void covey_acks_add (covey_acks_t *self, const uint8_t origin[16], uint64_t seq,
                     int64_t offset);
void covey_acks_clear (covey_acks_t *self);

#endif
