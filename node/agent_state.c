#include "node/agent_state.h"

void
covey_agent_state_init (covey_agent_state_t *self, int64_t now_ms)
{
    *self = (covey_agent_state_t){.active_ms = now_ms};
}

static bool
s_is_stuck (const covey_agent_state_t *self, int64_t stall_ms, int64_t now_ms)
{
    return self->is_owing && now_ms - self->owing_ms >= stall_ms &&
           now_ms - self->active_ms >= stall_ms;
}

bool
covey_agent_state_look (covey_agent_state_t *self,
                        const covey_agent_signs_t *signs, int64_t stall_ms,
                        int64_t now_ms)
{
    if (signs->work != self->work)
        self->active_ms = now_ms;
    self->work = signs->work;
    /* What it owes it can only do from when it is here again. */
    if (!signs->is_owing || !self->is_owing || !signs->is_reachable)
        self->owing_ms = now_ms;
    self->is_owing = signs->is_owing;
    if (!signs->is_reachable)
        return false;
    bool before = self->is_stalled;
    self->is_stalled = s_is_stuck (self, stall_ms, now_ms);
    return self->is_stalled != before;
}
