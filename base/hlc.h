/*  hlc - hybrid logical clock (Kulkarni, Demirbas, Madappa, Avva, Leone 2014)

    Role      pure: one 64-bit stamp, 48 bits milliseconds and 16 bits counter,
              that orders a cause before its effect across hosts
    Limits    a stamp more than max_skew_ms ahead of the local clock is not
              followed, so that one bad clock cannot drag the mesh along
*/
#ifndef COVEY_HLC_H_INCLUDED
#define COVEY_HLC_H_INCLUDED

#include <stdbool.h>
#include <stdint.h>

#define COVEY_HLC_MAX_SKEW_MS 60000

typedef struct {
    uint64_t last;       /* the largest stamp made or followed                */
    int64_t max_skew_ms; /* default COVEY_HLC_MAX_SKEW_MS                     */
    uint64_t refused;    /* stamps that were not followed                     */
} covey_hlc_t;

void covey_hlc_init (covey_hlc_t *self, int64_t max_skew_ms);
/*  The stamp of a local event or of a send; larger than all before.         */
uint64_t covey_hlc_now (covey_hlc_t *self, int64_t wall_us);
/*  Take note of a received stamp. False: it is too far ahead, report it.    */
bool covey_hlc_receive (covey_hlc_t *self, uint64_t stamp, int64_t wall_us);
/*  Milliseconds inside a stamp.                                             */
int64_t covey_hlc_ms (uint64_t stamp);

#endif
