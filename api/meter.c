#include "api/meter.h"

#include <string.h>

void
covey_meter_init (covey_meter_t *self)
{
    memset (self, 0, sizeof *self);
}

/*  Below 16 each value has its own bucket; above, the four bits behind the
    leading one choose among 16 buckets of its power of two.                  */
static uint32_t
s_bucket (uint64_t ns)
{
    if (ns < 16)
        return (uint32_t)ns;
    uint32_t power = 63 - (uint32_t)__builtin_clzll (ns);
    uint32_t bucket = (power - 3) * 16 + (uint32_t)((ns >> (power - 4)) & 15);
    return bucket < COVEY_METER_BUCKETS ? bucket : COVEY_METER_BUCKETS - 1;
}

/*  The middle of a bucket.                                                   */
static double
s_middle_ns (uint32_t bucket)
{
    if (bucket < 16)
        return bucket;
    uint32_t power = bucket / 16 + 3;
    double width = (double)((uint64_t)1 << (power - 4));
    return (16 + bucket % 16) * width + width / 2;
}

/*  Empty the seconds that passed without an entry.                           */
static void
s_advance (covey_meter_t *self, int64_t now_ms)
{
    int64_t second = now_ms / 1000;
    if (second - self->second >= COVEY_METER_SECONDS || !self->second) {
        memset (self->per_second, 0, sizeof self->per_second);
        self->second = second;
    }
    while (self->second < second)
        self->per_second[++self->second % COVEY_METER_SECONDS] = 0;
}

void
covey_meter_add (covey_meter_t *self, uint64_t duration_ns, int64_t now_ms)
{
    s_advance (self, now_ms);
    self->per_second[self->second % COVEY_METER_SECONDS]++;
    if (self->count == 0 || duration_ns < self->min_ns)
        self->min_ns = duration_ns;
    if (duration_ns > self->max_ns)
        self->max_ns = duration_ns;
    self->count++;
    self->sum_ns += duration_ns;
    self->buckets[s_bucket (duration_ns)]++;
}

double
covey_meter_rate (covey_meter_t *self, int64_t now_ms)
{
    s_advance (self, now_ms);
    uint64_t events = 0;
    for (int i = 0; i < COVEY_METER_SECONDS; i++)
        events += self->per_second[i];
    return (double)events / COVEY_METER_SECONDS;
}

double
covey_meter_percentile_us (const covey_meter_t *self, double share)
{
    if (self->count == 0)
        return 0;
    uint64_t rank = (uint64_t)(share * (double)(self->count - 1));
    uint64_t below = 0;
    for (uint32_t i = 0; i < COVEY_METER_BUCKETS; i++) {
        below += self->buckets[i];
        if (below > rank) {
            double ns = s_middle_ns (i);
            if (ns < (double)self->min_ns)
                ns = (double)self->min_ns;
            if (ns > (double)self->max_ns)
                ns = (double)self->max_ns;
            return ns / 1000;
        }
    }
    return (double)self->max_ns / 1000;
}

double
covey_meter_mean_us (const covey_meter_t *self)
{
    return self->count ? (double)self->sum_ns / (double)self->count / 1000 : 0;
}
