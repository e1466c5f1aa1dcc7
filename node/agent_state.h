/*  agent_state - does an agent that lives also do something?

    Role      pure core: one session is looked at now and then; what it owes
              and does not do for too long makes it stalled
    Time      now_ms: monotonic milliseconds, supplied by the caller

    State     Looked at                              -> State
    fine      it owes nothing, or did something      -> fine
    fine      it owes something since stall_ms, and
              did nothing since stall_ms             -> stalled
    stalled   it did something, or owes nothing      -> fine
    either    its connection is away or paused       -> as it was: the lease
                                                        says what is to say
*/
#ifndef COVEY_AGENT_STATE_H_INCLUDED
#define COVEY_AGENT_STATE_H_INCLUDED

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    uint64_t work;     /* grows with what it did: acknowledged, published     */
    bool is_owing;     /* deliveries are unacknowledged, or it holds tasks    */
    bool is_reachable; /* attached, and takes deliveries                      */
} covey_agent_signs_t;

typedef struct {
    uint64_t work;
    int64_t active_ms; /* when it last did something                          */
    int64_t owing_ms;  /* since when it owes something                        */
    bool is_owing;
    bool is_stalled;
} covey_agent_state_t;

void covey_agent_state_init (covey_agent_state_t *self, int64_t now_ms);
/*  True: is_stalled changed.                                                */
bool covey_agent_state_look (covey_agent_state_t *self,
                             const covey_agent_signs_t *signs, int64_t stall_ms,
                             int64_t now_ms);

#endif
