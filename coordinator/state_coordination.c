/*  Commands about coordination sessions. What follows from them is in
    coordination_rules.c, what a session decides in team.h.                   */
#include <assert.h>
#include <string.h>

#include "base/str.h"
#include "coordinator/fact.h"
#include "coordinator/state_impl.h"

#define GATHER_MS 10000
#define STEP_MS 600000
#define TOTAL_MS 3600000
#define ATTEMPTS 2

static void
s_show (covey_state_t *self, const covey_coordination_entry_t *entry)
{
    self->show = COVEY_SHOW_SESSION;
    self->show_id = entry->team->id;
}

covey_err_t
covey_state_may_coordinate (covey_state_t *self, const char *id)
{
    const covey_state_limits_t *limits = &self->limits;
    size_t open = self->coordinations_open.count;
    if (id && covey_state_find_coordination (self, id))
        return covey_fail (self->err, COVEY_EXISTS,
                           "coordination %s exists already", id);
    if (open >= limits->coordinations_max)
        return covey_fail (self->err, COVEY_EAGAIN,
                           "%zu coordinations are under way" COVEY_LIMIT_HINT (
                               "coordinations"),
                           open, (unsigned long long)limits->coordinations_max);
    if (self->coordination_bytes >= limits->coordination_bytes_max)
        return covey_fail (
            self->err, COVEY_EAGAIN,
            "coordinations under way have %zu bytes" COVEY_LIMIT_HINT (
                "coordinationBytes"),
            self->coordination_bytes,
            (unsigned long long)limits->coordination_bytes_max);
    return COVEY_OK;
}

static void
s_set_limits (covey_team_t *team, const Covey__Control__Coordinate *ask)
{
    uint32_t least = team->strategy == COVEY_TEAM_HIERARCHICAL ? 2 : 1;
    team->min_agents = ask->has_min_agents ? ask->min_agents : least;
    team->max_agents = ask->has_max_agents ? ask->max_agents : team->min_agents;
    if (!ask->has_min_agents && team->min_agents > team->max_agents)
        team->min_agents = team->max_agents;
    team->attempts = ask->has_attempts ? ask->attempts : ATTEMPTS;
    team->gather_ms = ask->has_gather_timeout ? ask->gather_timeout : GATHER_MS;
    team->step_ms = ask->has_step_timeout ? ask->step_timeout : STEP_MS;
    team->total_ms = ask->has_timeout ? ask->timeout : TOTAL_MS;
    team->lease_ms = ask->has_lease ? ask->lease : COVEY_TASK_LEASE_MS;
}

static covey_team_t *
s_make (covey_state_t *self, const Covey__Control__Coordinate *ask)
{
    char made[37];
    covey_id_text (covey_state_make_id (self).bytes, made);
    covey_team_t *team =
        covey_team_new (ask->coordination_id ? ask->coordination_id : made);
    team->objective = covey_str_dup (ask->objective);
    team->requester = covey_str_dup (covey_state_caller (self));
    team->agent_type = covey_str_dup (ask->agent_type);
    team->leader = covey_str_dup (ask->leader);
    team->task_type =
        covey_str_dup (ask->task_type ? ask->task_type : "coordination");
    covey_texts_sort (&team->required, ask->required_capabilities,
                      ask->n_required_capabilities);
    const Covey__V1__Payload *input = ask->input;
    if (input)
        covey_team_keep (&team->input,
                         input->has_content_type ? (int)input->content_type : 0,
                         input->data.data, input->data.len);
    team->strategy = ask->has_strategy ? (covey_team_strategy_t)ask->strategy
                                       : COVEY_TEAM_PARALLEL;
    team->fail_fast = ask->has_on_failure &&
                      ask->on_failure == COVEY__CONTROL__FAILURE_POLICY__FAIL;
    team->rule.strategy = ask->has_voting_strategy
                              ? (covey_strategy_t)ask->voting_strategy
                              : COVEY_STRATEGY_MAJORITY;
    team->rule.quorum_size = ask->has_quorum_size ? ask->quorum_size : 0;
    team->priority =
        ask->has_priority ? (uint32_t)ask->priority : COVEY_PRIORITY_NORMAL;
    team->opened_us = self->now_us;
    team->changed = true;
    s_set_limits (team, ask);
    return team;
}

static covey_err_t
s_on_coordinate (covey_state_t *self, const Covey__Control__Coordinate *ask)
{
    covey_err_t code = covey_state_may_coordinate (self, ask->coordination_id);
    if (code)
        return code;
    if (ask->leader && strcmp (ask->leader, covey_state_caller (self)) == 0)
        return covey_fail (self->err, COVEY_INVALID,
                           "leader %s asks for it: who asks does not take part",
                           ask->leader);
    covey_coordination_entry_t *entry = covey_state_add_coordination (
        self, s_make (self, ask), ++self->coordination_seq);
    covey_timers_arm (&self->timers, &entry->wake,
                      self->now_us + entry->team->gather_ms * 1000);
    covey_timers_arm (&self->timers, &entry->deadline,
                      self->now_us + entry->team->total_ms * 1000);
    s_show (self, entry);
    covey_state_touch_coordination (self, entry);
    return COVEY_OK;
}

static covey_err_t
s_find (covey_state_t *self, const char *id,
        covey_coordination_entry_t **entry_p)
{
    *entry_p = covey_state_find_coordination (self, id);
    if (!*entry_p)
        return covey_fail (self->err, COVEY_NOTFOUND, "no coordination %s", id);
    s_show (self, *entry_p);
    return COVEY_OK;
}

static covey_err_t
s_on_answer (covey_state_t *self, const Covey__Control__CoordinationRef *ref,
             bool accepts)
{
    covey_coordination_entry_t *entry;
    const char *agent = covey_state_caller (self);
    const char *reason =
        ref->reason && *ref->reason ? ref->reason : "no reason given";
    covey_err_t code = s_find (self, ref->coordination_id, &entry);
    if (code)
        return code;
    code = accepts ? covey_team_accept (entry->team, agent, self->err)
                   : covey_team_reject (entry->team, agent, reason, self->err);
    if (code || !entry->team->changed)
        return code;
    covey_fact_coordination_answer (self, entry->team, agent,
                                    accepts ? NULL : reason);
    if (!accepts)
        covey_state_stop_steps (self, entry->team, agent, reason);
    covey_state_touch_coordination (self, entry);
    return COVEY_OK;
}

/*  An open session that the caller may decide about.                        */
static covey_err_t
s_find_mine (covey_state_t *self, const char *id,
             covey_coordination_entry_t **entry_p)
{
    covey_err_t code = s_find (self, id, entry_p);
    assert (code || *entry_p);
    if (!code)
        code = covey_state_may_speak_for (self, (*entry_p)->team->requester);
    if (!code && !covey_coordination_is_open (*entry_p))
        code =
            covey_fail (self->err, COVEY_STATE, "coordination %s is over", id);
    return code;
}

static covey_err_t
s_on_cancel (covey_state_t *self, const Covey__Control__CoordinationRef *ref)
{
    covey_coordination_entry_t *entry;
    covey_err_t code = s_find_mine (self, ref->coordination_id, &entry);
    if (code)
        return code;
    covey_team_end (entry->team, COVEY_TEAM_CANCELLED,
                    "cancelled by %s%s%.300s", covey_state_caller (self),
                    ref->reason ? ": " : "", ref->reason ? ref->reason : "");
    covey_state_touch_coordination (self, entry);
    return COVEY_OK;
}

/*  While a session is paused its clock stands still.                        */
static int64_t
s_stop_clock (covey_state_t *self, covey_timer_t *timer)
{
    if (!covey_link_is_in (&timer->link))
        return -1;
    covey_timers_disarm (&self->timers, timer);
    return timer->due_us > self->now_us ? timer->due_us - self->now_us : 0;
}

static void
s_start_clock (covey_state_t *self, covey_timer_t *timer, int64_t left_us)
{
    if (left_us >= 0)
        covey_timers_arm (&self->timers, timer, self->now_us + left_us);
}

static covey_err_t
s_on_pause (covey_state_t *self, const Covey__Control__CoordinationRef *ref,
            bool paused)
{
    covey_coordination_entry_t *entry;
    covey_err_t code = s_find_mine (self, ref->coordination_id, &entry);
    if (code)
        return code;
    if (entry->team->paused == paused)
        return covey_fail (self->err, COVEY_STATE, "coordination %s is %s",
                           ref->coordination_id,
                           paused ? "paused already" : "not paused");
    covey_team_pause (entry->team, paused);
    if (paused) {
        entry->wake_left_us = s_stop_clock (self, &entry->wake);
        entry->deadline_left_us = s_stop_clock (self, &entry->deadline);
    } else {
        s_start_clock (self, &entry->wake, entry->wake_left_us);
        s_start_clock (self, &entry->deadline, entry->deadline_left_us);
    }
    covey_state_touch_coordination (self, entry);
    return COVEY_OK;
}

covey_err_t
covey_state_on_coordination (covey_state_t *self,
                             const Covey__Control__Command *c)
{
    switch ((int)c->op_case) {
        case COVEY__CONTROL__COMMAND__OP_COORDINATE:
            return s_on_coordinate (self, c->coordinate);
        case COVEY__CONTROL__COMMAND__OP_COORDINATION_ACCEPT:
            return s_on_answer (self, c->coordination_accept, true);
        case COVEY__CONTROL__COMMAND__OP_COORDINATION_REJECT:
            return s_on_answer (self, c->coordination_reject, false);
        case COVEY__CONTROL__COMMAND__OP_COORDINATION_CANCEL:
            return s_on_cancel (self, c->coordination_cancel);
        case COVEY__CONTROL__COMMAND__OP_COORDINATION_PAUSE:
            return s_on_pause (self, c->coordination_pause, true);
        default:
            return s_on_pause (self, c->coordination_resume, false);
    }
}
