#include "node/skew.h"

void
covey_skew_hear (covey_skew_t *self, int64_t peer_us, int64_t now_ms)
{
    if (peer_us < 0 || peer_us > COVEY_SKEW_MAX_US)
        return; /* nobody's clock says that                                   */
    int64_t offset_us = peer_us - now_ms * 1000;
    if (self->known && now_ms - self->since_ms < COVEY_SKEW_SPAN_MS) {
        if (offset_us > self->offset_us)
            self->offset_us = offset_us;
        return;
    }
    self->has_before = self->known && now_ms - self->since_ms <
                                          (int64_t)2 * COVEY_SKEW_SPAN_MS;
    self->before_us = self->offset_us;
    self->offset_us = offset_us;
    self->since_ms = now_ms;
    self->known = true;
}

int64_t
covey_skew_now (const covey_skew_t *self, int64_t now_ms, int64_t own_us)
{
    if (!self->known)
        return own_us;
    int64_t offset_us = self->offset_us;
    if (self->has_before && self->before_us > offset_us)
        offset_us = self->before_us;
    return now_ms * 1000 + offset_us;
}
