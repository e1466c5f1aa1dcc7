#include "node/audit.h"

void
covey_audit_init (covey_audit_t *self)
{
    *self = (covey_audit_t){.pause_ms = COVEY_AUDIT_PAUSE_MS};
}

bool
covey_audit_judge (covey_audit_t *self, const covey_audit_state_t *theirs,
                   const covey_audit_state_t *ours, int64_t now_ms)
{
    bool same_version = theirs->version == ours->version;
    if (same_version && theirs->digest == ours->digest) {
        covey_audit_init (self);
        return false;
    }
    if (!self->differs || theirs->version != self->version) {
        self->differs = true;
        self->version = theirs->version;
        self->since_ms = now_ms;
    }
    if (now_ms < self->repair_ms ||
        (!same_version && now_ms - self->since_ms < COVEY_AUDIT_LATE_MS))
        return false;
    self->repair_ms = now_ms + self->pause_ms;
    self->pause_ms = self->pause_ms * 2 > COVEY_AUDIT_PAUSE_MAX_MS
                         ? COVEY_AUDIT_PAUSE_MAX_MS
                         : self->pause_ms * 2;
    return true;
}
