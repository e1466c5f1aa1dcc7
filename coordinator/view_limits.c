/*  The limits of the mesh, and how much of each is used.                     */
#include "coordinator/limits.h"
#include "coordinator/view.h"
#include "proto/json.h"

/*  Bounds of single things and ages are not used up.                         */
static void
s_use (const covey_state_t *state, Covey__Control__MeshLimits *to)
{
    *to = (Covey__Control__MeshLimits)COVEY__CONTROL__MESH_LIMITS__INIT;
#define USED(name, count) to->has_##name = true, to->name = (count)
    USED (agents, state->registry.up_count);
    USED (tasks, state->live_count);
    USED (task_bytes, state->live_bytes);
    USED (ended_tasks, state->ended.count);
    USED (ended_task_bytes, state->ended_bytes);
    USED (parked_tasks, state->parked.count);
    USED (swarms, state->swarms.count - state->swarms_ended.count);
    USED (ended_swarms, state->swarms_ended.count);
    USED (open_votes, state->votes_open.count);
    USED (decided_votes, state->votes_decided.count);
    USED (memory_entries, state->memory.entries.count);
    USED (memory_bytes, state->memory.bytes);
    USED (deleted_memory, state->memory.ended.count);
    USED (claims, state->claims.live.count);
    USED (claim_bytes, state->claims.bytes);
    USED (ended_claims, state->claims.ended.count);
    USED (coordinations, state->coordinations_open.count);
    USED (coordination_bytes, state->coordination_bytes);
    USED (ended_coordinations, state->coordinations_ended.count);
    USED (ended_coordination_bytes, state->coordination_ended_bytes);
    USED (ballot_keys, state->ballot_keys.count);
#undef USED
}

covey_err_t
covey_state_show_limits (const covey_state_t *self, covey_buf_t *to)
{
    Covey__Control__MeshLimitsView view =
        COVEY__CONTROL__MESH_LIMITS_VIEW__INIT;
    Covey__Control__MeshLimits limits = COVEY__CONTROL__MESH_LIMITS__INIT;
    Covey__Control__MeshLimits used;
    covey_limits_show (&self->limits, &limits);
    s_use (self, &used);
    view.limits = &limits;
    view.used = &used;
    return covey_json_write (&view.base, to);
}
