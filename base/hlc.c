#include "base/hlc.h"

#include <assert.h>

void
covey_hlc_init (covey_hlc_t *self, int64_t max_skew_ms)
{
    assert (max_skew_ms > 0);
    self->last = 0;
    self->max_skew_ms = max_skew_ms;
    self->refused = 0;
}

static uint64_t
s_stamp (int64_t wall_us)
{
    return wall_us > 0 ? (uint64_t)(wall_us / 1000) << 16 : 0;
}

uint64_t
covey_hlc_now (covey_hlc_t *self, int64_t wall_us)
{
    uint64_t wall = s_stamp (wall_us);
    /* A counter that runs over carries into the milliseconds: still larger. */
    self->last = wall > self->last ? wall : self->last + 1;
    return self->last;
}

bool
covey_hlc_receive (covey_hlc_t *self, uint64_t stamp, int64_t wall_us)
{
    if (covey_hlc_ms (stamp) > wall_us / 1000 + self->max_skew_ms) {
        self->refused++;
        return false;
    }
    uint64_t wall = s_stamp (wall_us);
    uint64_t next = self->last > stamp ? self->last : stamp;
    self->last = wall > next ? wall : next + 1;
    return true;
}

int64_t
covey_hlc_ms (uint64_t stamp)
{
    return (int64_t)(stamp >> 16);
}
