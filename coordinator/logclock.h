/*  logclock - what time the leader writes into the log

    Role      pure core. Log time is the leader's wall clock, but it never goes
              back, goes on when the wall clock was set back, and does not
              follow a leader whose clock is wrong: leases, deadlines and
              schedules would all be due at once
    Bound     the lower median of what the clocks of the voters say, this one
              included, plus COVEY_LOGCLOCK_AHEAD_US; and never less than the
              time of the log at the election plus what has passed since, plus
              the same. A clock that was heard is counted on by the monotonic
              one. Alone, a leader is its own median
*/
#ifndef COVEY_LOGCLOCK_H_INCLUDED
#define COVEY_LOGCLOCK_H_INCLUDED

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COVEY_LOGCLOCK_AHEAD_US 10000000
#define COVEY_LOGCLOCK_VOTERS_MAX 16

typedef struct {
    int64_t last_us; /* the last stamp, and when                              */
    int64_t last_mono_ms;
    int64_t base_us; /* at the election, and when                             */
    int64_t base_mono_ms;
    int64_t ahead_us; /* by so much the wall clock was beyond the bound; 0 */
} covey_logclock_t;

/*  A leader begins; `log_us` is the time of the state.                      */
void covey_logclock_lead (covey_logclock_t *self, int64_t log_us,
                          int64_t mono_ms);
/*  Time for the next command. `others_us`: what the clocks of `count` other
    voters say now, as far as they were heard; `voters` are there in all, this
    one included.                                                             */
int64_t covey_logclock_now (covey_logclock_t *self, int64_t wall_us,
                            int64_t mono_ms, const int64_t *others_us,
                            size_t count, size_t voters);
/*  It was written.                                                          */
void covey_logclock_stamp (covey_logclock_t *self, int64_t log_us,
                           int64_t mono_ms);

#endif
