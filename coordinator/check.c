#include "coordinator/check.h"

#include <string.h>

#include "base/str.h"
#include "coordinator/task.h"
#include "swarm/proposal.h"

#define ATTEMPTS_MAX 1000
#define MULTIPLIER_MAX 100
/*  9999-12-31: the last day that RFC 3339 can write.                        */
#define INSTANT_MAX_US 253402300799999999

/*  Each check returns at once when one before it failed, so that a list of
    checks reads like the list of bounds that it is.                          */
typedef struct {
    covey_err_t code;
    covey_errbuf_t *err;
} s_check_t;

static void
s_text (s_check_t *c, const char *field, const char *value, size_t max)
{
    if (c->code || !value)
        return;
    size_t size = strlen (value);
    if (size > max)
        c->code = covey_fail (c->err, COVEY_LIMIT,
                              "%s has %zu bytes, at most %zu are allowed",
                              field, size, max);
}

/*  A name: not empty.                                                       */
static void
s_name (s_check_t *c, const char *field, const char *value)
{
    s_text (c, field, value, COVEY_NAME_MAX);
    if (!c->code && value && !*value)
        c->code = covey_fail (c->err, COVEY_INVALID, "%s is empty", field);
}

static void
s_agent (s_check_t *c, const char *field, const char *value)
{
    if (c->code || !value)
        return;
    if (!covey_str_is_agent_id (value, strlen (value)))
        c->code = covey_fail (c->err, COVEY_INVALID,
                              "%s \"%.140s\" is not an agent id: 1 to %d bytes "
                              "of letters, digits and . _ : @ / -",
                              field, value, COVEY_AGENT_ID_MAX);
}

static void
s_names (s_check_t *c, const char *field, char *const *items, size_t count)
{
    if (!c->code && count > COVEY_LIST_MAX)
        c->code = covey_fail (c->err, COVEY_LIMIT,
                              "%s has %zu entries, at most %d are allowed",
                              field, count, COVEY_LIST_MAX);
    for (size_t i = 0; i < count && !c->code; i++)
        s_name (c, field, items[i]);
}

static void
s_payload (s_check_t *c, const char *field, const Covey__V1__Payload *value)
{
    if (c->code || !value)
        return;
    if (value->data.len > COVEY_PAYLOAD_MAX)
        c->code = covey_fail (c->err, COVEY_LIMIT,
                              "%s has %zu bytes, at most %d are allowed", field,
                              value->data.len, COVEY_PAYLOAD_MAX);
}

static void
s_range (s_check_t *c, const char *field, int64_t value, int64_t min,
         int64_t max)
{
    if (!c->code && (value < min || value > max))
        c->code = covey_fail (c->err, COVEY_INVALID,
                              "%s is %lld, allowed are %lld to %lld", field,
                              (long long)value, (long long)min, (long long)max);
}

static void
s_real (s_check_t *c, const char *field, double value, double min, double max)
{
    if (!c->code && !(value >= min && value <= max))
        c->code =
            covey_fail (c->err, COVEY_INVALID, "%s is %g, allowed are %g to %g",
                        field, value, min, max);
}

static void
s_weight (s_check_t *c, protobuf_c_boolean has, double value)
{
    uint64_t micro;
    if (!c->code && has)
        c->code = covey_weight_from (value, &micro, c->err);
}

static void
s_retry (s_check_t *c, const Covey__V1__RetryPolicy *retry)
{
    if (!retry)
        return;
    if (retry->has_attempts)
        s_range (c, "retry.attempts", retry->attempts, 0, ATTEMPTS_MAX);
    if (retry->has_first_delay)
        s_range (c, "retry.firstDelay", retry->first_delay, 0,
                 COVEY_TASK_DELAY_MAX_MS);
    if (retry->has_multiplier)
        s_real (c, "retry.multiplier", retry->multiplier, 1, MULTIPLIER_MAX);
    if (retry->has_max_delay)
        s_range (c, "retry.maxDelay", retry->max_delay, 0,
                 COVEY_TASK_DELAY_MAX_MS);
    s_names (c, "retry.fatalCodes", retry->fatal_codes, retry->n_fatal_codes);
}

covey_err_t
covey_check_task_submit (const ProtobufCMessage *params, covey_errbuf_t *err)
{
    const Covey__Control__TaskSubmit *p =
        (const Covey__Control__TaskSubmit *)params;
    s_check_t c = {COVEY_OK, err};
    s_name (&c, "taskId", p->task_id);
    s_name (&c, "taskType", p->task_type);
    s_text (&c, "description", p->description, COVEY_TEXT_MAX);
    if (p->has_priority)
        s_range (&c, "priority", (int64_t)p->priority, COVEY_PRIORITY_LOW,
                 COVEY_PRIORITY_CRITICAL);
    s_names (&c, "requiredCapabilities", p->required_capabilities,
             p->n_required_capabilities);
    s_name (&c, "agentType", p->agent_type);
    if (p->has_deadline)
        s_range (&c, "deadline", p->deadline, 1, INSTANT_MAX_US);
    s_names (&c, "dependencies", p->dependencies, p->n_dependencies);
    s_retry (&c, p->retry);
    s_payload (&c, "input", p->input);
    if (p->has_lease)
        s_range (&c, "lease", p->lease, COVEY_TASK_LEASE_MIN_MS,
                 COVEY_TASK_LEASE_MAX_MS);
    s_name (&c, "idempotencyKey", p->idempotency_key);
    return c.code;
}

covey_err_t
covey_check_task_report (const ProtobufCMessage *params, covey_errbuf_t *err)
{
    const Covey__Control__TaskReport *p =
        (const Covey__Control__TaskReport *)params;
    s_check_t c = {COVEY_OK, err};
    s_name (&c, "taskId", p->task_id);
    s_text (&c, "reason", p->reason, COVEY_TEXT_MAX);
    if (p->has_progress)
        s_real (&c, "progress", p->progress, 0, 100);
    s_text (&c, "status", p->status, COVEY_TEXT_MAX);
    s_payload (&c, "details", p->details);
    s_payload (&c, "result", p->result);
    s_text (&c, "error", p->error, COVEY_TEXT_MAX);
    s_name (&c, "errorCode", p->error_code);
    return c.code;
}

covey_err_t
covey_check_task_ref (const ProtobufCMessage *params, covey_errbuf_t *err)
{
    const Covey__Control__TaskRef *p = (const Covey__Control__TaskRef *)params;
    s_check_t c = {COVEY_OK, err};
    s_name (&c, "taskId", p->task_id);
    s_text (&c, "reason", p->reason, COVEY_TEXT_MAX);
    return c.code;
}

covey_err_t
covey_check_swarm_form (const ProtobufCMessage *params, covey_errbuf_t *err)
{
    const Covey__Control__SwarmForm *p =
        (const Covey__Control__SwarmForm *)params;
    s_check_t c = {COVEY_OK, err};
    s_name (&c, "swarmId", p->swarm_id);
    s_text (&c, "objective", p->objective, COVEY_TEXT_MAX);
    s_name (&c, "strategy", p->strategy);
    s_agent (&c, "leader", p->leader);
    if (p->n_members > COVEY_VOTERS_MAX)
        return covey_fail (err, COVEY_LIMIT,
                           "members has %zu entries, at most %d are allowed",
                           p->n_members, COVEY_VOTERS_MAX);
    for (size_t i = 0; i < p->n_members; i++) {
        s_agent (&c, "members.agentId", p->members[i]->agent_id);
        s_weight (&c, p->members[i]->has_weight, p->members[i]->weight);
    }
    s_names (&c, "tags", p->tags, p->n_tags);
    return c.code;
}

covey_err_t
covey_check_swarm_member (const ProtobufCMessage *params, covey_errbuf_t *err)
{
    const Covey__Control__SwarmMember *p =
        (const Covey__Control__SwarmMember *)params;
    s_check_t c = {COVEY_OK, err};
    s_name (&c, "swarmId", p->swarm_id);
    s_agent (&c, "agentId", p->agent_id);
    s_weight (&c, p->has_weight, p->weight);
    s_text (&c, "reason", p->reason, COVEY_TEXT_MAX);
    return c.code;
}

covey_err_t
covey_check_swarm_ref (const ProtobufCMessage *params, covey_errbuf_t *err)
{
    const Covey__Control__SwarmRef *p =
        (const Covey__Control__SwarmRef *)params;
    s_check_t c = {COVEY_OK, err};
    s_name (&c, "swarmId", p->swarm_id);
    s_text (&c, "reason", p->reason, COVEY_TEXT_MAX);
    return c.code;
}

covey_err_t
covey_check_propose (const ProtobufCMessage *params, covey_errbuf_t *err)
{
    const Covey__Control__Propose *p = (const Covey__Control__Propose *)params;
    s_check_t c = {COVEY_OK, err};
    s_name (&c, "consensusId", p->consensus_id);
    s_name (&c, "swarmId", p->swarm_id);
    s_payload (&c, "proposal", p->proposal);
    if (p->has_voting_strategy)
        s_range (&c, "votingStrategy", (int64_t)p->voting_strategy,
                 COVEY_STRATEGY_MAJORITY, COVEY_STRATEGY_QUORUM);
    if (p->has_timeout)
        s_range (&c, "timeout", p->timeout, 1, COVEY_VOTE_TIMEOUT_MAX_MS);
    if (p->has_quorum_size)
        s_range (&c, "quorumSize", p->quorum_size, 1, COVEY_VOTERS_MAX);
    return c.code;
}

covey_err_t
covey_check_ballot (const ProtobufCMessage *params, covey_errbuf_t *err)
{
    const Covey__Control__Ballot *p = (const Covey__Control__Ballot *)params;
    s_check_t c = {COVEY_OK, err};
    s_name (&c, "consensusId", p->consensus_id);
    if (!p->has_vote)
        return covey_fail (err, COVEY_INVALID,
                           "vote is missing: approve, reject or abstain");
    s_range (&c, "vote", (int64_t)p->vote, COVEY_VOTE_APPROVE,
             COVEY_VOTE_ABSTAIN);
    s_agent (&c, "agentId", p->agent_id);
    s_text (&c, "reason", p->reason, COVEY_TEXT_MAX);
    return c.code;
}

covey_err_t
covey_check_proposal_ref (const ProtobufCMessage *params, covey_errbuf_t *err)
{
    const Covey__Control__ProposalRef *p =
        (const Covey__Control__ProposalRef *)params;
    s_check_t c = {COVEY_OK, err};
    s_name (&c, "consensusId", p->consensus_id);
    s_text (&c, "reason", p->reason, COVEY_TEXT_MAX);
    return c.code;
}
