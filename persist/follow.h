/*  follow - queries that wait for events to come

    Role      pure core: which waiting query may have a match among the events
              that were just committed, and which one has waited long enough
    Flow      add, before the query runs for the first time, so that nothing
              committed meanwhile is missed
                 its run found rows          -> remove, answer
                 its run found none          -> rest: AGAIN when something that
                                                may match was committed since,
                                                else it is held
                 event..., then committed    -> held queries that may match are
                                                due to run again
                 the deadline passes         -> due to be answered empty
    Limits    COVEY_FOLLOW_MAX queries
    Time      now_ms: monotonic milliseconds, supplied by the caller
*/
#ifndef COVEY_FOLLOW_H_INCLUDED
#define COVEY_FOLLOW_H_INCLUDED

#include "base/err.h"
#include "proto/peek.h"
#include "proto/store.pb-c.h"

#define COVEY_FOLLOW_MAX 256

typedef struct covey_follow covey_follow_t;

typedef enum {
    COVEY_FOLLOW_HELD,  /* wait                                               */
    COVEY_FOLLOW_AGAIN, /* run again now                                      */
    COVEY_FOLLOW_OVER   /* the deadline passed: answer empty                  */
} covey_follow_next_t;

covey_follow_t *covey_follow_new (void);
void covey_follow_destroy (covey_follow_t **self_p);
size_t covey_follow_count (const covey_follow_t *self);

/*  `query` is copied; `token` is the caller's name for it, unique. LIMIT: too
    many wait already.                                                        */
covey_err_t covey_follow_add (covey_follow_t *self, uint64_t token,
                              const Covey__Store__EventQuery *query,
                              int64_t deadline_ms);
void covey_follow_remove (covey_follow_t *self, uint64_t token);
/*  A run of `token` ended without rows.                                     */
covey_follow_next_t covey_follow_rest (covey_follow_t *self, uint64_t token,
                                       int64_t now_ms);

/*  An event goes into the batch; the batch was committed, or is lost.       */
void covey_follow_event (covey_follow_t *self, const covey_peek_t *event);
void covey_follow_committed (covey_follow_t *self);
void covey_follow_lost (covey_follow_t *self);

/*  The next held query that is due: AGAIN (it runs from now on) or OVER (it is
    to be removed); HELD when none is.                                        */
covey_follow_next_t covey_follow_next (covey_follow_t *self, int64_t now_ms,
                                       uint64_t *token_p);
/*  When the next deadline of a held query passes; INT64_MAX when none is
 * held.*/
int64_t covey_follow_next_ms (const covey_follow_t *self);

#endif
