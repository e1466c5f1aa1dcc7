/*  schedule - tasks that are submitted again and again

    Role      pure; data of one schedule and when it is next. What it does then
              is in state_schedule.c
    Once      a task of a schedule has the schedule's id and its time as its id,
              so that no time is taken twice
*/
#ifndef COVEY_SCHEDULE_H_INCLUDED
#define COVEY_SCHEDULE_H_INCLUDED

#include "coordinator/cron.h"
#include "coordinator/timers.h"
#include "coordinator/tree.h"
#include "proto/control.pb-c.h"

#define COVEY_SCHEDULES_MAX 10000
#define COVEY_SCHEDULE_BYTES_MAX (64u << 20) /* of all their tasks */
#define COVEY_SCHEDULE_ID_MAX 200
#define COVEY_SCHEDULE_EVERY_MIN_MS 100
#define COVEY_SCHEDULE_CATCH_UP_MS 60000
#define COVEY_SCHEDULE_BUFFER_MAX 100
#define COVEY_SCHEDULE_BURST_MAX                \
    1000 /* late times that are made up at once \
          */

/*  A time comes while a task of the schedule has not ended.                 */
typedef enum {
    COVEY_OVERLAP_SKIP,
    COVEY_OVERLAP_BUFFER_ONE,
    COVEY_OVERLAP_BUFFER_ALL,
    COVEY_OVERLAP_CANCEL_OTHER,
    COVEY_OVERLAP_ALLOW_ALL
} covey_overlap_t;
#define COVEY_OVERLAPS 5

/*  -1 for a name that is none, SKIP for NULL.                               */
int covey_overlap_number (const char *name);
const char *covey_overlap_name (covey_overlap_t overlap);

typedef struct covey_schedule {
    covey_link_t by_id;
    covey_link_t in_woken; /* what it buffered may run                        */
    covey_timer_t timer;   /* of the next time                                */
    char *id;
    char *submitter;
    Covey__Control__TaskSubmit *task; /* what is submitted                    */
    size_t bytes;
    char *cron_text; /* or NULL: every_ms                                     */
    covey_cron_t cron;
    int64_t every_ms;
    int64_t starts_us; /* first time with every_ms; not before it with cron   */
    int64_t ends_us;   /* INT64_MAX: never                                    */
    uint64_t times;    /* 0: no limit                                         */
    covey_overlap_t overlap;
    int64_t catch_up_ms;
    int64_t created_us;
    bool paused;

    int64_t next_us; /* INT64_MAX: none any more                              */
    int64_t last_us; /* 0: none yet                                           */
    int64_t buffered[COVEY_SCHEDULE_BUFFER_MAX];
    size_t buffered_count;
    covey_tree_t live; /* its tasks that have not ended, by age               */
    uint64_t runs, skipped, missed, refused;
} covey_schedule_t;

/*  A copy of `task`.                                                        */
covey_schedule_t *covey_schedule_new (const char *id,
                                      const Covey__Control__TaskSubmit *task);
/*  It must be in no index.                                                  */
void covey_schedule_destroy (covey_schedule_t **self_p);
/*  Its first time after that one; INT64_MAX: none.                          */
int64_t covey_schedule_after (const covey_schedule_t *self, int64_t after_us);

#endif
