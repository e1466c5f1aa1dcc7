/*  swim_suspicion - how long a suspected member has to defend itself

    Role      pure, embedded in a member while it is suspected
    Limits    COVEY_SUSPICION_CONFIRM_MAX confirmations count
    Time      now_ms: monotonic milliseconds, supplied by the caller
    Spec      Lifeguard, Dadgar et al. 2017, "Local Health Aware Suspicion": the
              timeout starts at its maximum and shrinks, with the logarithm of
              independent confirmations, to its minimum
*/
#ifndef COVEY_SWIM_SUSPICION_H_INCLUDED
#define COVEY_SWIM_SUSPICION_H_INCLUDED

#include <stdbool.h>
#include <stdint.h>

#define COVEY_SUSPICION_CONFIRM_MAX 8

typedef struct {
    int64_t start_ms;
    int64_t min_ms;
    int64_t max_ms;
    uint32_t place; /* the owner's, to find it in a list                    */
    uint8_t
        expected;  /* confirmations until the minimum; 0: it is the minimum */
    uint8_t count; /* so far, without the first accuser                    */
    uint8_t accusers[COVEY_SUSPICION_CONFIRM_MAX + 1][16]; /* the first: [0]  */
} covey_suspicion_t;

/*  4 max(1, log10 n) intervals where `mult` is 4, for a group of n.          */
int64_t covey_suspicion_min_ms (int mult, uint64_t members,
                                int64_t interval_ms);

/*  expected <= COVEY_SUSPICION_CONFIRM_MAX, 0 < min_ms <= max_ms.            */
void covey_suspicion_init (covey_suspicion_t *self, const uint8_t accuser[16],
                           int expected, int64_t min_ms, int64_t max_ms,
                           int64_t now_ms);
/*  One more accuser. False: it counted already, or enough have.              */
bool covey_suspicion_confirm (covey_suspicion_t *self,
                              const uint8_t accuser[16]);
/*  When the member counts as failed.                                         */
int64_t covey_suspicion_deadline_ms (const covey_suspicion_t *self);

#endif
