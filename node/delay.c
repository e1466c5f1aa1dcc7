#include "node/delay.h"

void
covey_delay_note (covey_delay_t *self, int64_t from_ms, int64_t now_ms)
{
    uint64_t ms = now_ms > from_ms ? (uint64_t)(now_ms - from_ms) : 0;
    unsigned bucket = 0;
    while (bucket < COVEY_DELAY_BUCKETS - 1 && ms >> bucket)
        bucket++;
    self->buckets[bucket]++;
    self->count++;
    self->sum_ms += ms;
    if (ms > self->max_ms)
        self->max_ms = ms;
}

void
covey_delay_add (covey_delay_t *self, const covey_delay_t *other)
{
    self->count += other->count;
    self->sum_ms += other->sum_ms;
    if (other->max_ms > self->max_ms)
        self->max_ms = other->max_ms;
    for (unsigned i = 0; i < COVEY_DELAY_BUCKETS; i++)
        self->buckets[i] += other->buckets[i];
}

uint64_t
covey_delay_percentile_ms (const covey_delay_t *self, int percent)
{
    uint64_t passed = 0;
    for (unsigned i = 0; i < COVEY_DELAY_BUCKETS - 1; i++) {
        passed += self->buckets[i];
        if (passed * 100 >= self->count * (uint64_t)percent)
            return self->count ? (uint64_t)1 << i : 0;
    }
    return self->max_ms;
}
