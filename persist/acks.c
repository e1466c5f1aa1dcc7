#include "persist/acks.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void
covey_acks_init (covey_acks_t *self)
{
    memset (self, 0, sizeof *self);
}

void
covey_acks_deinit (covey_acks_t *self)
{
    covey_acks_clear (self);
    free (self->runs);
    self->runs = NULL;
}

void
covey_acks_clear (covey_acks_t *self)
{
    for (size_t i = 0; i < self->count; i++)
        free (self->runs[i].offsets);
    self->count = 0;
}

/*  The newest run of the origin, when `seq` comes right behind it. An older run
    must not grow: its acknowledgement would overtake the one in between.     */
static covey_ack_t *
s_run_for (covey_acks_t *self, const uint8_t origin[16], uint64_t seq)
{
    for (size_t i = self->count; i > 0; i--) {
        covey_ack_t *run = &self->runs[i - 1];
        if (memcmp (run->origin, origin, 16) == 0)
            return run->seq + 1 == seq ? run : NULL;
    }
    return NULL;
}

void
covey_acks_add (covey_acks_t *self, const uint8_t origin[16], uint64_t seq,
                int64_t offset)
{
    covey_ack_t *run = s_run_for (self, origin, seq);
    if (!run) {
        self->runs = covey_mem_room (self->runs, self->count, &self->capacity,
                                     sizeof *self->runs);
        run = &self->runs[self->count++];
        memset (run, 0, sizeof *run);
        memcpy (run->origin, origin, 16);
    }
    run->offsets = covey_mem_room (run->offsets, run->count, &run->capacity,
                                   sizeof *run->offsets);
    run->offsets[run->count++] = offset;
    run->seq = seq;
}
