/*  meter - how often and how long: a rate over the last ten seconds and the
    distribution of durations

    Role      pure: time comes in
    Memory    embedded, fixed. Durations fall into buckets of 1/16 of a power
              of two, so a percentile is right within 6 %
*/
#ifndef COVEY_METER_H_INCLUDED
#define COVEY_METER_H_INCLUDED

#include <stdint.h>

#define COVEY_METER_SECONDS 10
#define COVEY_METER_BUCKETS 640 /* 16 per power of two, up to 2^40 ns */

typedef struct {
    uint64_t count;
    uint64_t sum_ns, min_ns, max_ns;
    uint32_t buckets[COVEY_METER_BUCKETS];
    uint32_t per_second[COVEY_METER_SECONDS];
    int64_t second; /* of the newest entry in per_second                      */
} covey_meter_t;

void covey_meter_init (covey_meter_t *self);
void covey_meter_add (covey_meter_t *self, uint64_t duration_ns,
                      int64_t now_ms);
double covey_meter_rate (covey_meter_t *self, int64_t now_ms);
/*  Microseconds below which `share` (0..1) of the durations are.             */
double covey_meter_percentile_us (const covey_meter_t *self, double share);
double covey_meter_mean_us (const covey_meter_t *self);

#endif
