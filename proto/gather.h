/*  gather - when a question to many is over, and what came of it

    Role      pure core: who was asked is known by index; the shell asks, and
              says what it hears
    Time      now_ms: monotonic milliseconds, supplied by the caller

    State of one      Event                       -> State
    ASKED             heard                       -> HEARD
    ASKED, HEARD      answered                    -> ANSWERED or FAILED
    ASKED, HEARD      unreachable                 -> UNREACHABLE
    All others stay as they are.                                              */
#ifndef COVEY_GATHER_H_INCLUDED
#define COVEY_GATHER_H_INCLUDED

#include "base/err.h"

typedef struct {
    int64_t timeout_ms; /* in all                                            */
    int64_t stall_ms;   /* without anything new; 0: no such bound            */
    size_t max_answers; /* good ones; 0: all                                 */
    bool stop_on_error; /* the first bad answer, or one that is not reached  */
} covey_gather_rules_t;

typedef struct covey_gather covey_gather_t;

covey_gather_t *covey_gather_new (const covey_gather_rules_t *rules,
                                  size_t count, int64_t now_ms);
void covey_gather_destroy (covey_gather_t **self_p);

/*  What is new about one; what does not change its state is no news.        */
void covey_gather_heard (covey_gather_t *self, size_t index, int64_t now_ms);
void covey_gather_answered (covey_gather_t *self, size_t index, bool success,
                            int64_t now_ms);
void covey_gather_unreachable (covey_gather_t *self, size_t index,
                               int64_t now_ms);

/*  Why it is over now; COVEY_GATHER_RUNS: it is not. Once over it stays so, for
    the same reason.                                                          */
covey_gather_end_t covey_gather_end (covey_gather_t *self, int64_t now_ms);
/*  When to look again if nothing comes.                                     */
int64_t covey_gather_next_ms (const covey_gather_t *self);
/*  So far; who answered has heard it.                                       */
void covey_gather_result (const covey_gather_t *self,
                          covey_gather_result_t *result);

#endif
