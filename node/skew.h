/*  skew - what time it is by a peer's wall clock

    Role      pure core: the peer says what time it is there, now and then; the
              message that was fastest on its way says it best
    Promise   never ahead of the peer's clock by more than its clock jumped back
              in the last 20 s; behind by the time of the fastest message
    Time      now_ms: monotonic milliseconds, supplied by the caller; so a jump
              of our own wall clock changes nothing
*/
#ifndef COVEY_SKEW_H_INCLUDED
#define COVEY_SKEW_H_INCLUDED

#include <stdbool.h>
#include <stdint.h>

#define COVEY_SKEW_SPAN_MS \
    10000 /* what is older than two of them is forgotten */

#define COVEY_SKEW_MAX_US (INT64_MAX / 4) /* what a clock may say */

typedef struct {
    int64_t offset_us; /* peer's clock - ours: the largest of this span       */
    int64_t before_us; /* and of the one before                               */
    int64_t since_ms;
    bool known;
    bool has_before;
} covey_skew_t; /* all zero: nothing was heard */

void covey_skew_hear (covey_skew_t *self, int64_t peer_us, int64_t now_ms);
/*  `own_us`, our own wall clock, as long as nothing was heard.              */
int64_t covey_skew_now (const covey_skew_t *self, int64_t now_ms,
                        int64_t own_us);

#endif
