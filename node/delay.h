/*  delay - how long things waited: a histogram with powers of two as bounds

    Role      pure; one for each kind of queue, printed by mesh.status
    Time      milliseconds, from the entry into this node; supplied by the
              caller
*/
#ifndef COVEY_DELAY_H_INCLUDED
#define COVEY_DELAY_H_INCLUDED

#include <stdint.h>

/*  Below 1 ms, 2, 4, ... 32,768 ms; the last one is for the rest.            */
#define COVEY_DELAY_BUCKETS 17

typedef struct {
    uint64_t count;
    uint64_t sum_ms;
    uint64_t max_ms;
    uint64_t buckets[COVEY_DELAY_BUCKETS]; /* not cumulative                  */
} covey_delay_t;

/*  A clock that went backwards counts as no time at all.                    */
void covey_delay_note (covey_delay_t *self, int64_t from_ms, int64_t now_ms);
void covey_delay_add (covey_delay_t *self, const covey_delay_t *other);
/*  The bound below which `percent` of all waited; of the rest the longest;
    0 when there is none.                                                     */
uint64_t covey_delay_percentile_ms (const covey_delay_t *self, int percent);

#endif
