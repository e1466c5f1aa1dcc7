/*  Bounds of what is asked about coordination sessions.                      */
#include "coordinator/check_impl.h"
#include "coordinator/team.h"
#include "swarm/proposal.h"

#define ATTEMPTS_MAX 10

typedef struct {
    const char *field;
    bool has;
    int64_t value, min, max;
} s_number_t;

static void
s_check_numbers (covey_check_t *c, const s_number_t *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (numbers[i].has)
            covey_check_range (c, numbers[i].field, numbers[i].value,
                               numbers[i].min, numbers[i].max);
}

static void
s_numbers (covey_check_t *c, const Covey__Control__Coordinate *p)
{
    const s_number_t numbers[] = {
        {"minAgents", p->has_min_agents, p->min_agents, 1,
         COVEY_TEAM_AGENTS_MAX},
        {"maxAgents", p->has_max_agents, p->max_agents, 1,
         COVEY_TEAM_AGENTS_MAX},
        {"strategy", p->has_strategy, (int64_t)p->strategy,
         COVEY_TEAM_SEQUENTIAL, COVEY_TEAM_CONSENSUS},
        {"onFailure", p->has_on_failure, (int64_t)p->on_failure,
         COVEY__CONTROL__FAILURE_POLICY__CONTINUE,
         COVEY__CONTROL__FAILURE_POLICY__FAIL},
        {"votingStrategy", p->has_voting_strategy, (int64_t)p->voting_strategy,
         COVEY_STRATEGY_MAJORITY, COVEY_STRATEGY_QUORUM},
        {"quorumSize", p->has_quorum_size, p->quorum_size, 1,
         COVEY_TEAM_AGENTS_MAX},
        {"gatherTimeout", p->has_gather_timeout, p->gather_timeout, 1,
         COVEY_VOTE_TIMEOUT_MAX_MS},
        {"stepTimeout", p->has_step_timeout, p->step_timeout, 1,
         COVEY_VOTE_TIMEOUT_MAX_MS},
        {"timeout", p->has_timeout, p->timeout, 1, COVEY_VOTE_TIMEOUT_MAX_MS},
        {"attempts", p->has_attempts, p->attempts, 1, ATTEMPTS_MAX},
        {"lease", p->has_lease, p->lease, COVEY_TASK_LEASE_MIN_MS,
         COVEY_TASK_LEASE_MAX_MS},
        {"priority", p->has_priority, (int64_t)p->priority, COVEY_PRIORITY_LOW,
         COVEY_PRIORITY_CRITICAL},
    };
    s_check_numbers (c, numbers, sizeof numbers / sizeof *numbers);
}

/*  What goes only with some strategies.                                     */
static covey_err_t
s_check_strategy (const Covey__Control__Coordinate *p, covey_errbuf_t *err)
{
    int strategy = p->has_strategy ? (int)p->strategy : COVEY_TEAM_PARALLEL;
    bool quorum = p->has_voting_strategy &&
                  (int)p->voting_strategy == COVEY_STRATEGY_QUORUM;
    bool few = (p->has_min_agents && p->min_agents < 2) ||
               (p->has_max_agents && p->max_agents < 2);
    if (strategy == COVEY_TEAM_HIERARCHICAL && few)
        return covey_fail (err, COVEY_INVALID,
                           "a hierarchical coordination needs at least 2 "
                           "agents, a leader and one more: minAgents and "
                           "maxAgents");
    if (p->leader && strategy != COVEY_TEAM_HIERARCHICAL)
        return covey_fail (err, COVEY_INVALID,
                           "leader goes only with strategy hierarchical");
    if ((p->has_voting_strategy || p->has_quorum_size) &&
        strategy != COVEY_TEAM_CONSENSUS)
        return covey_fail (err, COVEY_INVALID,
                           "votingStrategy and quorumSize go only with "
                           "strategy consensus");
    if (p->has_quorum_size && !quorum)
        return covey_fail (err, COVEY_INVALID,
                           "quorumSize goes only with votingStrategy quorum");
    return COVEY_OK;
}

covey_err_t
covey_check_coordinate (const ProtobufCMessage *params, covey_errbuf_t *err)
{
    const Covey__Control__Coordinate *p =
        (const Covey__Control__Coordinate *)params;
    covey_check_t c = {COVEY_OK, err};
    covey_check_name (&c, "coordinationId", p->coordination_id);
    covey_check_text (&c, "objective", p->objective, COVEY_TEXT_MAX);
    if (!c.code && !*p->objective)
        c.code = covey_fail (err, COVEY_INVALID, "objective is empty");
    covey_check_names (&c, "requiredCapabilities", p->required_capabilities,
                       p->n_required_capabilities);
    covey_check_name (&c, "agentType", p->agent_type);
    covey_check_agent (&c, "leader", p->leader);
    covey_check_name (&c, "taskType", p->task_type);
    covey_check_payload (&c, "input", p->input);
    s_numbers (&c, p);
    if (!c.code && p->has_min_agents && p->has_max_agents &&
        p->min_agents > p->max_agents)
        c.code = covey_fail (err, COVEY_INVALID,
                             "minAgents is %u, above maxAgents, which is %u",
                             p->min_agents, p->max_agents);
    return c.code ? c.code : s_check_strategy (p, err);
}

covey_err_t
covey_check_coordination_ref (const ProtobufCMessage *params,
                              covey_errbuf_t *err)
{
    const Covey__Control__CoordinationRef *p =
        (const Covey__Control__CoordinationRef *)params;
    covey_check_t c = {COVEY_OK, err};
    covey_check_name (&c, "coordinationId", p->coordination_id);
    covey_check_text (&c, "reason", p->reason, COVEY_TEXT_MAX);
    return c.code;
}

/* ---- tasks of swarms --------------------------------------------------------
 */

static void
s_task_numbers (covey_check_t *c, const Covey__Control__SwarmTask *p)
{
    const s_number_t numbers[] = {
        {"mode", p->has_mode, (int64_t)p->mode, COVEY__CONTROL__SWARM_MODE__ALL,
         COVEY__CONTROL__SWARM_MODE__VOTE},
        {"onFailure", p->has_on_failure, (int64_t)p->on_failure,
         COVEY__CONTROL__FAILURE_POLICY__CONTINUE,
         COVEY__CONTROL__FAILURE_POLICY__FAIL},
        {"votingStrategy", p->has_voting_strategy, (int64_t)p->voting_strategy,
         COVEY_STRATEGY_MAJORITY, COVEY_STRATEGY_QUORUM},
        {"quorumSize", p->has_quorum_size, p->quorum_size, 1,
         COVEY_TEAM_AGENTS_MAX},
        {"stepTimeout", p->has_step_timeout, p->step_timeout, 1,
         COVEY_VOTE_TIMEOUT_MAX_MS},
        {"timeout", p->has_timeout, p->timeout, 1, COVEY_VOTE_TIMEOUT_MAX_MS},
        {"attempts", p->has_attempts, p->attempts, 1, ATTEMPTS_MAX},
        {"lease", p->has_lease, p->lease, COVEY_TASK_LEASE_MIN_MS,
         COVEY_TASK_LEASE_MAX_MS},
        {"priority", p->has_priority, (int64_t)p->priority, COVEY_PRIORITY_LOW,
         COVEY_PRIORITY_CRITICAL},
    };
    s_check_numbers (c, numbers, sizeof numbers / sizeof *numbers);
}

static covey_err_t
s_check_mode (const Covey__Control__SwarmTask *p, covey_errbuf_t *err)
{
    int mode = p->has_mode ? (int)p->mode : COVEY__CONTROL__SWARM_MODE__ALL;
    if (mode == COVEY__CONTROL__SWARM_MODE__SPLIT && !p->input)
        return covey_fail (err, COVEY_INVALID,
                           "input is missing: split needs a list of parts");
    if ((p->has_voting_strategy || p->has_quorum_size) &&
        mode != COVEY__CONTROL__SWARM_MODE__VOTE)
        return covey_fail (err, COVEY_INVALID,
                           "votingStrategy and quorumSize go only with mode "
                           "vote");
    if (p->has_on_failure && mode == COVEY__CONTROL__SWARM_MODE__ANY)
        return covey_fail (err, COVEY_INVALID,
                           "onFailure does not go with mode any: when its last "
                           "attempt fails, the task has failed");
    return COVEY_OK;
}

covey_err_t
covey_check_swarm_task (const ProtobufCMessage *params, covey_errbuf_t *err)
{
    const Covey__Control__SwarmTask *p =
        (const Covey__Control__SwarmTask *)params;
    covey_check_t c = {COVEY_OK, err};
    covey_check_name (&c, "taskId", p->task_id);
    covey_check_name (&c, "swarmId", p->swarm_id);
    covey_check_text (&c, "objective", p->objective, COVEY_TEXT_MAX);
    if (!c.code && !*p->objective)
        c.code = covey_fail (err, COVEY_INVALID, "objective is empty");
    covey_check_names (&c, "requiredCapabilities", p->required_capabilities,
                       p->n_required_capabilities);
    covey_check_name (&c, "agentType", p->agent_type);
    covey_check_name (&c, "taskType", p->task_type);
    covey_check_payload (&c, "input", p->input);
    s_task_numbers (&c, p);
    return c.code ? c.code : s_check_mode (p, err);
}
