#include "coordinator/logclock.h"

void
covey_logclock_lead (covey_logclock_t *self, int64_t log_us, int64_t mono_ms)
{
    *self = (covey_logclock_t){.last_us = log_us,
                               .last_mono_ms = mono_ms,
                               .base_us = log_us,
                               .base_mono_ms = mono_ms};
}

static int64_t
s_max (int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/*  The lower median of the voters' clocks; INT64_MIN: too few were heard to
    say what most of them say.                                                */
static int64_t
s_median (int64_t wall_us, const int64_t *others_us, size_t count,
          size_t voters)
{
    int64_t clocks[COVEY_LOGCLOCK_VOTERS_MAX + 1] = {wall_us};
    if (count > COVEY_LOGCLOCK_VOTERS_MAX)
        count = COVEY_LOGCLOCK_VOTERS_MAX;
    for (size_t i = 0; i < count; i++) {
        size_t at = i + 1;
        for (; at > 0 && clocks[at - 1] > others_us[i]; at--)
            clocks[at] = clocks[at - 1];
        clocks[at] = others_us[i];
    }
    return count + 1 < voters / 2 + 1 ? INT64_MIN : clocks[count / 2];
}

int64_t
covey_logclock_now (covey_logclock_t *self, int64_t wall_us, int64_t mono_ms,
                    const int64_t *others_us, size_t count, size_t voters)
{
    int64_t bound_us =
        s_max (self->base_us + (mono_ms - self->base_mono_ms) * 1000,
               s_median (wall_us, others_us, count, voters)) +
        COVEY_LOGCLOCK_AHEAD_US;
    self->ahead_us = wall_us > bound_us ? wall_us - bound_us : 0;
    if (wall_us > bound_us)
        wall_us = bound_us;
    if (wall_us > self->last_us)
        return wall_us;
    return self->last_us + (mono_ms - self->last_mono_ms) * 1000;
}

void
covey_logclock_stamp (covey_logclock_t *self, int64_t log_us, int64_t mono_ms)
{
    self->last_us = log_us;
    self->last_mono_ms = mono_ms;
}
