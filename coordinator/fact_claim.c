/*  What is told of claims.                                                   */
#include <string.h>

#include "coordinator/fact_impl.h"
#include "proto/event.h"

static covey_event_t *
s_claim (covey_state_t *state, int type, const covey_claim_entry_t *claim)
{
    covey_event_t *event =
        covey_fact_begin (state, type, COVEY_SERVICE_COORDINATOR, claim->id);
    covey_fact_put_str (event, "claimId", claim->id);
    covey_fact_put_str (event, "holder", claim->holder);
    for (size_t i = 0; i < claim->count; i++)
        covey_fact_add_str (event,
                            claim->resources[i].is_path ? "paths" : "names",
                            claim->resources[i].text);
    return event;
}

static bool
s_is_up (const covey_state_t *state, const char *holder)
{
    return covey_registry_find_up (&state->registry, holder) != NULL;
}

static covey_event_t *
s_granted (covey_state_t *state, const covey_claim_entry_t *claim)
{
    covey_event_t *event = s_claim (state, COVEY_EVENT_CLAIM_GRANTED, claim);
    covey_fact_put_bool (event, "shared", claim->shared);
    covey_fact_put_int (event, "fencingToken", (int64_t)claim->token);
    covey_fact_put_int (event, "leaseEndsAt", claim->timer.due_us);
    covey_fact_put_str (event, "purpose", claim->purpose);
    covey_fact_put_str (event, "taskId", claim->task_id);
    return event;
}

void
covey_fact_claim_granted (covey_state_t *state,
                          const covey_claim_entry_t *claim, bool target)
{
    (void)s_granted (state, claim);
    if (target && s_is_up (state, claim->holder))
        covey_fact_add_target (s_granted (state, claim), claim->holder);
}

static covey_event_t *
s_released (covey_state_t *state, const covey_claim_entry_t *claim,
            const char *by, const char *reason)
{
    covey_event_t *event = s_claim (state, COVEY_EVENT_CLAIM_RELEASED, claim);
    covey_fact_put_str (event, "by", by);
    covey_fact_put_str (event, "reason", reason);
    if (claim->token)
        covey_fact_put_int (event, "fencingToken", (int64_t)claim->token);
    return event;
}

void
covey_fact_claim_released (covey_state_t *state,
                           const covey_claim_entry_t *claim, const char *by,
                           const char *reason)
{
    (void)s_released (state, claim, by, reason);
    if (strcmp (by, claim->holder) != 0 && s_is_up (state, claim->holder))
        covey_fact_add_target (s_released (state, claim, by, reason),
                               claim->holder);
}

static covey_event_t *
s_expired (covey_state_t *state, const covey_claim_entry_t *claim,
           const char *reason)
{
    covey_event_t *event = s_claim (state, COVEY_EVENT_CLAIM_EXPIRED, claim);
    covey_fact_put_str (event, "reason", reason);
    if (claim->token)
        covey_fact_put_int (event, "fencingToken", (int64_t)claim->token);
    return event;
}

void
covey_fact_claim_expired (covey_state_t *state,
                          const covey_claim_entry_t *claim, const char *reason)
{
    (void)s_expired (state, claim, reason);
    if (s_is_up (state, claim->holder))
        covey_fact_add_target (s_expired (state, claim, reason), claim->holder);
}

static covey_event_t *
s_waiting (covey_state_t *state, const covey_claim_entry_t *claim,
           const covey_claim_obstacle_t *obstacles, size_t count)
{
    covey_event_t *event = s_claim (state, COVEY_EVENT_CLAIM_WAITING, claim);
    covey_fact_put_bool (event, "shared", claim->shared);
    for (size_t i = 0; i < count && i < COVEY_LIST_MAX; i++)
        if (obstacles[i].claim->state == COVEY_CLAIM_HELD)
            covey_fact_add_str (event, "heldBy", obstacles[i].claim->holder);
    covey_fact_put_int (event, "waitEndsAt", claim->wait_end_us);
    covey_fact_put_str (event, "purpose", claim->purpose);
    return event;
}

void
covey_fact_claim_waiting (covey_state_t *state,
                          const covey_claim_entry_t *claim,
                          const covey_claim_obstacle_t *obstacles, size_t count)
{
    (void)s_waiting (state, claim, obstacles, count);
    bool is_told = false;
    for (size_t i = 0; i < count; i++)
        is_told = is_told || (obstacles[i].claim->state == COVEY_CLAIM_HELD &&
                              s_is_up (state, obstacles[i].claim->holder));
    if (!is_told)
        return;
    covey_event_t *event = s_waiting (state, claim, obstacles, count);
    for (size_t i = 0; i < count && i < COVEY_LIST_MAX; i++)
        if (obstacles[i].claim->state == COVEY_CLAIM_HELD &&
            s_is_up (state, obstacles[i].claim->holder))
            covey_fact_add_target (event, obstacles[i].claim->holder);
}
