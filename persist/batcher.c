#include "persist/batcher.h"

#include <assert.h>
#include <string.h>

void
covey_batcher_init (covey_batcher_t *self, size_t rows_max, int64_t wait_ms)
{
    assert (rows_max > 0 && rows_max <= COVEY_BATCHER_ROWS_MAX);
    assert (wait_ms >= 0);
    memset (self, 0, sizeof *self);
    self->rows_max = rows_max;
    self->wait_ms = wait_ms;
}

void
covey_batcher_add (covey_batcher_t *self, size_t size, int64_t now_ms)
{
    assert (!covey_batcher_is_full (self));
    if (!self->rows)
        self->first_ms = now_ms;
    self->rows++;
    self->bytes += size;
}

bool
covey_batcher_is_full (const covey_batcher_t *self)
{
    return self->rows >= self->rows_max ||
           self->bytes >= COVEY_BATCHER_BYTES_MAX;
}

bool
covey_batcher_is_due (const covey_batcher_t *self, bool more, int64_t now_ms)
{
    if (!self->rows)
        return false;
    return !more || covey_batcher_is_full (self) ||
           now_ms - self->first_ms >= self->wait_ms;
}

int64_t
covey_batcher_next_ms (const covey_batcher_t *self)
{
    return self->rows ? self->first_ms + self->wait_ms : INT64_MAX;
}

void
covey_batcher_clear (covey_batcher_t *self)
{
    self->rows = self->bytes = 0;
}
