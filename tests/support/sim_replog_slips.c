/*  Faults of the state machine, on purpose: a member executes what nobody asked
    for. (A snapshot that is not taken over is in sim_replog_watch.c.)        */
#include "coordinator/state_impl.h"
#include "tests/support/sim_replog_impl.h"

/*  What a command asks for, to be changed.                                  */
typedef union {
    Covey__Control__Tick tick;
    Covey__Control__MemoryPut put;
    Covey__Control__MemoryIncr incr;
    Covey__Control__ClaimAcquire acquire;
    Covey__Control__ClaimRenew renew;
    Covey__Control__TaskReport report;
    Covey__Control__TaskBatch batch;
} s_copy_t;

/*  Somebody else's result passes for the one of who has the task.           */
static void
s_slip_fence (const covey_state_t *state, Covey__Control__Command *slipped,
              s_copy_t *copy)
{
    const covey_task_t *task =
        covey_state_find_task (state, slipped->task_complete->task_id);
    if (!task || !task->worker)
        return;
    copy->report = *slipped->task_complete;
    copy->report.fencing_token = task->token;
    slipped->task_complete = &copy->report;
    slipped->client_id = task->agent;
}

static void
s_slip (sim_slip_t slip, const covey_state_t *state,
        Covey__Control__Command *slipped, s_copy_t *copy)
{
    switch ((int)slipped->op_case) {
        case COVEY__CONTROL__COMMAND__OP_TICK:
            copy->tick = *slipped->tick;
            copy->tick.resumed &= slip != SIM_SLIP_RESUME;
            slipped->tick = &copy->tick;
            break;
        case COVEY__CONTROL__COMMAND__OP_MEMORY_PUT:
            copy->put = *slipped->memory_put;
            copy->put.has_expected_revision &= slip != SIM_SLIP_SWAP;
            copy->put.ttl *= slip == SIM_SLIP_TTL ? 2 : 1;
            slipped->memory_put = &copy->put;
            break;
        case COVEY__CONTROL__COMMAND__OP_MEMORY_INCR:
            copy->incr = *slipped->memory_incr;
            copy->incr.by += slip == SIM_SLIP_COUNT && copy->incr.by == 7;
            slipped->memory_incr = &copy->incr;
            break;
        case COVEY__CONTROL__COMMAND__OP_CLAIM_ACQUIRE:
            copy->acquire = *slipped->claim_acquire;
            copy->acquire.shared |= slip == SIM_SLIP_SHARE;
            slipped->claim_acquire = &copy->acquire;
            break;
        case COVEY__CONTROL__COMMAND__OP_CLAIM_RENEW:
            copy->renew = *slipped->claim_renew;
            copy->renew.ttl *= slip == SIM_SLIP_LEASE ? 2 : 1;
            slipped->claim_renew = &copy->renew;
            break;
        case COVEY__CONTROL__COMMAND__OP_TASK_COMPLETE:
            if (slip == SIM_SLIP_FENCE)
                s_slip_fence (state, slipped, copy);
            break;
        case COVEY__CONTROL__COMMAND__OP_TASK_BATCH:
            copy->batch = *slipped->task_batch;
            if (slip == SIM_SLIP_BATCH) { /* the one that waits for the rest */
                copy->batch.n_tasks--;
                copy->batch.tasks++;
            }
            slipped->task_batch = &copy->batch;
            break;
        default:
            break;
    }
}

void
sim_slip_apply (sim_slip_t slip, covey_state_t *state, uint64_t index,
                const Covey__Control__Command *command,
                covey_effects_t *effects)
{
    Covey__Control__Command slipped = *command;
    s_copy_t copy;
    if (slip >= SIM_SLIP_SWAP)
        s_slip (slip, state, &slipped, &copy);
    covey_state_apply (state, &slipped, index, effects);
}

void
sim_slip_execute (sim_member_t *member, uint64_t index,
                  const Covey__Control__Command *command)
{
    Covey__Control__Command slipped = *command;
    sim_slip_t slip = member->sim->slips.slip;
    if (slip == SIM_SLIP_TWICE)
        slipped.client_id = NULL;
    else if (slip == SIM_SLIP_CLOCK)
        slipped.log_time_us = sim_replog_wall_us (member);
    else if (slip == SIM_SLIP_SKIP &&
             covey_prng_below (&member->sim->prng, 50) == 0) {
        covey_effects_clear (&member->effects);
        return;
    }
    sim_slip_apply (slip, member->state, index, &slipped, &member->effects);
}
