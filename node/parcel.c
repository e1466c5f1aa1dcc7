#include "node/parcel.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static covey_parcel_t *
s_new (const void *data, size_t size, const void *tail, size_t tail_size)
{
    covey_parcel_t *self = malloc (sizeof *self + size + tail_size);
    if (!self)
        abort ();
    memset (self, 0, sizeof *self);
    self->refs = 1;
    self->size = size + tail_size;
    if (size)
        memcpy (self->bytes, data, size);
    if (tail_size)
        memcpy (self->bytes + size, tail, tail_size);
    return self;
}

covey_parcel_t *
covey_parcel_new (const void *data, size_t size, const void *tail,
                  size_t tail_size)
{
    covey_parcel_t *self = s_new (data, size, tail, tail_size);
    if (covey_peek (self->bytes, self->size, &self->view) != COVEY_OK)
        covey_parcel_drop (&self);
    return self;
}

covey_parcel_t *
covey_parcel_new_raw (const void *data, size_t size)
{
    return s_new (data, size, NULL, 0);
}

void
covey_parcel_start_clock (covey_parcel_t *self, int64_t then_us, int64_t now_ms)
{
    self->entered_ms = now_ms;
    if (!self->view.ttl_ms)
        return;
    int64_t made_us = self->view.timestamp_us > 0 ? self->view.timestamp_us : 0;
    int64_t age_ms = (then_us - made_us) / 1000;
    if (age_ms < 0) /* made by a clock that is ahead                          */
        age_ms = 0;
    int64_t left_ms = (int64_t)self->view.ttl_ms - age_ms;
    self->expires_ms = now_ms + (left_ms < 0 ? -1 : left_ms);
    if (!self->expires_ms)
        self->expires_ms = -1;
}

bool
covey_parcel_is_expired (const covey_parcel_t *self, int64_t now_ms)
{
    return self->expires_ms && now_ms > self->expires_ms;
}

uint32_t
covey_parcel_ttl_left (const covey_parcel_t *self, int64_t now_ms)
{
    if (!self->expires_ms)
        return 0;
    int64_t left_ms = self->expires_ms - now_ms;
    return left_ms < 1 ? 1 : (uint32_t)left_ms;
}

covey_parcel_t *
covey_parcel_hold (covey_parcel_t *self)
{
    assert (self->refs > 0);
    self->refs++;
    return self;
}

void
covey_parcel_drop (covey_parcel_t **self_p)
{
    covey_parcel_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    assert (self->refs > 0);
    if (--self->refs == 0)
        free (self);
}
