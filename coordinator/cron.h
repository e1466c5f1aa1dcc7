/*  cron - times that repeat, as five or six fields say, in UTC

    Role      pure core
    Fields    [second] minute hour day month weekday: `*`, N, N-M, with /STEP
              behind it, and lists of these with commas. Months and weekdays may
              be names of three letters; 7 is Sunday like 0. Or @yearly,
              @monthly, @weekly, @daily, @hourly
    Days      when both day and weekday are restricted (do not begin with `*`),
              one of them is enough, as in cron everywhere
    Cost      next: fields by bits; at most a bit more than eight years of
              months are looked at (29 February and a weekday)
*/
#ifndef COVEY_CRON_H_INCLUDED
#define COVEY_CRON_H_INCLUDED

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

typedef struct {
    uint64_t seconds, minutes, hours, days, months, weekdays; /* bit n: n     */
    bool any_day, any_weekday;
} covey_cron_t;

/*  INVALID, with one line that names the field. A time that never comes
    (30 February) is INVALID, too.                                            */
covey_err_t covey_cron_parse (const char *text, covey_cron_t *cron,
                              covey_errbuf_t *err);
/*  The first time after `after_us`; INT64_MAX: none before the year 9999.   */
int64_t covey_cron_next_us (const covey_cron_t *self, int64_t after_us);

#endif
