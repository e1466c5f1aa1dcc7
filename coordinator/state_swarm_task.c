/*  Tasks of a swarm: a coordination session whose agents are its members. What
    happens in it is in team.h and coordination_rules.c.                      */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/fact.h"
#include "coordinator/state_impl.h"

#define STEP_MS 600000
#define TOTAL_MS 3600000
#define ATTEMPTS 2

static covey_team_strategy_t
s_strategy (const Covey__Control__SwarmTask *ask)
{
    switch (ask->has_mode ? (int)ask->mode : COVEY__CONTROL__SWARM_MODE__ALL) {
        case COVEY__CONTROL__SWARM_MODE__ANY:
            return COVEY_TEAM_ANY;
        case COVEY__CONTROL__SWARM_MODE__SPLIT:
            return COVEY_TEAM_SPLIT;
        case COVEY__CONTROL__SWARM_MODE__VOTE:
            return COVEY_TEAM_CONSENSUS;
        default:
            return COVEY_TEAM_PARALLEL;
    }
}

static void
s_set_limits (covey_team_t *team, const Covey__Control__SwarmTask *ask)
{
    team->attempts = ask->has_attempts ? ask->attempts : ATTEMPTS;
    team->gather_ms = 1; /* nobody is looked for                              */
    team->step_ms = ask->has_step_timeout ? ask->step_timeout : STEP_MS;
    team->total_ms = ask->has_timeout ? ask->timeout : TOTAL_MS;
    team->lease_ms = ask->has_lease ? ask->lease : COVEY_TASK_LEASE_MS;
    team->priority =
        ask->has_priority ? (uint32_t)ask->priority : COVEY_PRIORITY_NORMAL;
}

static covey_team_t *
s_make (covey_state_t *self, const Covey__Control__SwarmTask *ask,
        const covey_swarm_t *swarm)
{
    char made[37];
    covey_id_text (covey_state_make_id (self).bytes, made);
    covey_team_t *team = covey_team_new (ask->task_id ? ask->task_id : made);
    team->objective = covey_str_dup (ask->objective);
    team->requester = covey_str_dup (covey_state_caller (self));
    team->swarm = covey_str_dup (covey_swarm_id (swarm));
    team->agent_type = covey_str_dup (ask->agent_type);
    team->task_type = covey_str_dup (ask->task_type ? ask->task_type : "swarm");
    covey_texts_sort (&team->required, ask->required_capabilities,
                      ask->n_required_capabilities);
    const Covey__V1__Payload *input = ask->input;
    if (input)
        covey_team_keep (&team->input,
                         input->has_content_type ? (int)input->content_type : 0,
                         input->data.data, input->data.len);
    team->strategy = s_strategy (ask);
    team->fail_fast = ask->has_on_failure &&
                      ask->on_failure == COVEY__CONTROL__FAILURE_POLICY__FAIL;
    team->rule.strategy = ask->has_voting_strategy
                              ? (covey_strategy_t)ask->voting_strategy
                              : covey_swarm_voting (swarm);
    team->rule.quorum_size = ask->has_quorum_size ? ask->quorum_size : 0;
    team->opened_us = self->now_us;
    s_set_limits (team, ask);
    return team;
}

/*  All of them; of a demand, those that are there and fulfil it; parts only go
   to who is there. */
static bool
s_takes_part (const covey_state_t *self, const covey_team_t *team,
              const covey_swarm_member_t *member)
{
    const covey_worker_t *worker =
        covey_registry_find_up (&self->registry, member->agent_id);
    bool demands = team->agent_type || team->required.count > 0;
    if (!worker)
        return !demands && team->strategy != COVEY_TEAM_SPLIT;
    return covey_worker_offers (worker, team->agent_type, &team->required);
}

/*  LIMIT: all shall work on it, and they are too many. NOAGENT: nobody.     */
static covey_err_t
s_enlist (covey_state_t *self, covey_team_t *team, const covey_swarm_t *swarm)
{
    for (size_t i = 0; i < covey_swarm_member_count (swarm); i++) {
        const covey_swarm_member_t *member = covey_swarm_member (swarm, i);
        if (!s_takes_part (self, team, member))
            continue;
        if (team->max_agents < COVEY_TEAM_AGENTS_MAX) {
            covey_team_enlist (team, member->agent_id, member->weight);
            team->max_agents++;
        } else if (team->strategy != COVEY_TEAM_SPLIT)
            return covey_fail (self->err, COVEY_LIMIT,
                               "more than %d members of swarm %s would work "
                               "on it; only any and split go with so many",
                               COVEY_TEAM_AGENTS_MAX, covey_swarm_id (swarm));
    }
    if (team->max_agents)
        return COVEY_OK;
    return covey_fail (self->err, COVEY_NOAGENT,
                       "no member of swarm %s is there that offers what is "
                       "asked for",
                       covey_swarm_id (swarm));
}

/*  The team with its steps. INVALID: the input is no list of parts.         */
static covey_err_t
s_begin (covey_state_t *self, covey_team_t *team, const covey_swarm_t *swarm)
{
    covey_err_t code = COVEY_OK;
    if (team->strategy == COVEY_TEAM_ANY)
        team->max_agents = 1;
    else
        code = s_enlist (self, team, swarm);
    if (code)
        return code;
    covey_team_begin (team, self->now_us);
    if (team->step_count)
        return COVEY_OK;
    return covey_fail (self->err, COVEY_INVALID,
                       "input is no list of 1 to %d parts: a JSON list, an "
                       "object with the list under parts, or text with one "
                       "part a line",
                       COVEY_TEAM_PARTS_MAX);
}

covey_err_t
covey_state_on_swarm_task (covey_state_t *self,
                           const Covey__Control__SwarmTask *ask)
{
    const covey_swarm_entry_t *swarm =
        covey_state_find_swarm (self, ask->swarm_id);
    if (!swarm)
        return covey_fail (self->err, COVEY_NOTFOUND, "no swarm %s",
                           ask->swarm_id);
    if (covey_swarm_is_disbanded (swarm->swarm) ||
        !covey_swarm_member_count (swarm->swarm))
        return covey_fail (self->err, COVEY_STATE, "swarm %s %s", ask->swarm_id,
                           covey_swarm_is_disbanded (swarm->swarm)
                               ? "is disbanded"
                               : "has no members");
    covey_err_t code = covey_state_may_coordinate (self, ask->task_id);
    if (code)
        return code;
    covey_team_t *team = s_make (self, ask, swarm->swarm);
    code = s_begin (self, team, swarm->swarm);
    if (code) {
        covey_team_destroy (&team);
        return code;
    }
    covey_coordination_entry_t *entry =
        covey_state_add_coordination (self, team, ++self->coordination_seq);
    covey_timers_arm (&self->timers, &entry->deadline,
                      self->now_us + team->total_ms * 1000);
    self->show = COVEY_SHOW_SESSION;
    self->show_id = team->id;
    covey_state_touch_coordination (self, entry);
    return COVEY_OK;
}

/*  Tasks of the swarm that are not for one agent alone go to another member. */
static void
s_give_up_tasks (covey_state_t *self, const char *swarm_id,
                 const char *agent_id, const char *reason)
{
    covey_worker_t *worker = covey_registry_find_up (&self->registry, agent_id);
    covey_task_t *next,
        *task = worker ? covey_tree_first (&worker->held) : NULL;
    for (; task; task = next) {
        next = covey_tree_next (&worker->held, task);
        if (!task->swarm || task->assignee ||
            strcmp (task->swarm, swarm_id) != 0)
            continue;
        covey_fact_cancelled (self, task, reason, agent_id);
        covey_state_lose (self, task, COVEY_TASK_AGENT_LOST, reason, false);
    }
}

void
covey_state_leave_swarm_tasks (covey_state_t *self, const char *swarm_id,
                               const char *agent_id, const char *reason)
{
    s_give_up_tasks (self, swarm_id, agent_id, reason);
    covey_state_leave_coordinations (self, agent_id, swarm_id, reason);
}

void
covey_state_end_swarm_tasks (covey_state_t *self, const char *swarm_id,
                             const char *reason)
{
    covey_tree_t *open = &self->coordinations_open;
    for (covey_coordination_entry_t *e = covey_tree_first (open); e;
         e = covey_tree_next (open, e))
        if (e->team->swarm && strcmp (e->team->swarm, swarm_id) == 0) {
            covey_team_end (e->team, COVEY_TEAM_CANCELLED, "%s", reason);
            covey_state_touch_coordination (self, e);
        }
}
