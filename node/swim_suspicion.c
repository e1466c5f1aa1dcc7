#include "node/swim_suspicion.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/id.h"

int64_t
covey_suspicion_min_ms (int mult, uint64_t members, int64_t interval_ms)
{
    double scale = members > 10 ? log10 ((double)members) : 1;
    return (int64_t)((double)mult * scale * (double)interval_ms);
}

void
covey_suspicion_init (covey_suspicion_t *self, const uint8_t accuser[16],
                      int expected, int64_t min_ms, int64_t max_ms,
                      int64_t now_ms)
{
    assert (expected >= 0 && expected <= COVEY_SUSPICION_CONFIRM_MAX);
    assert (min_ms > 0 && min_ms <= max_ms);
    memset (self, 0, sizeof *self);
    self->start_ms = now_ms;
    self->min_ms = min_ms;
    self->max_ms = max_ms;
    self->expected = (uint8_t)expected;
    memcpy (self->accusers[0], accuser, 16);
}

bool
covey_suspicion_confirm (covey_suspicion_t *self, const uint8_t accuser[16])
{
    if (self->count >= self->expected)
        return false;
    for (int i = 0; i <= self->count; i++)
        if (covey_id_equal (self->accusers[i], accuser))
            return false;
    memcpy (self->accusers[++self->count], accuser, 16);
    return true;
}

int64_t
covey_suspicion_deadline_ms (const covey_suspicion_t *self)
{
    if (self->count >= self->expected)
        return self->start_ms + self->min_ms;
    /* max - ln (n + 1) / ln (k + 1) (max - min), Lifeguard, equation 1 */
    double share = log (self->count + 1.0) / log (self->expected + 1.0);
    double spread = (double)(self->max_ms - self->min_ms);
    return self->start_ms + self->max_ms - (int64_t)(share * spread);
}
