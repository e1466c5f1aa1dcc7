/*  support_random - commands by lot: every operation of the control plane, most
    of them sensible, some late, wrong or doubled

    Role      pure: the same seed and the same states give the same commands
    New ops   a row in the table of support_random_ops.c
*/
#ifndef COVEY_SUPPORT_RANDOM_H_INCLUDED
#define COVEY_SUPPORT_RANDOM_H_INCLUDED

#include "base/id.h"
#include "base/prng.h"
#include "coordinator/state.h"

#define SUPPORT_RANDOM_LOG 64

typedef struct {
    covey_prng_t prng;
    int64_t now_us;    /* the log's time; commands are stamped with it        */
    uint64_t requests; /* ids that were used                                  */
    covey_idgen_t ids; /* of half of the requests                             */
    uint64_t sessions;
    uint64_t tasks, swarms, votes, claims; /* ids that were made up           */
    uint64_t coordinations, schedules;
    Covey__Control__Command *past[SUPPORT_RANDOM_LOG]; /* to be asked again   */
    size_t past_count;
} support_random_t;

void support_random_init (support_random_t *self, uint64_t seed);
void support_random_deinit (support_random_t *self);

/*  The next command; `state` is looked at for what could be done (who holds
    which task under which token), and may be an old one. The caller frees it
    with covey__control__command__free_unpacked.                              */
Covey__Control__Command *support_random_command (support_random_t *self,
                                                 const covey_state_t *state);

/*  Limits that such commands reach.                                         */
void support_random_limits (covey_state_limits_t *limits);

#endif
