/*  agent_swarm - swarms and votes, as requests to the coordinator            */

#include <assert.h>
#include <math.h>
#include <string.h>

#include "api/agent_i.h"
#include "api/ballot_key.h"
#include "api/control.h"

static const int s_ends[] = {COVEY_EVENT_SWARM_CONSENSUS_REACHED};
static const char *const s_end_states[] = {"decided", NULL};

static covey_err_t
s_control (covey_agent_t *self, const char *method,
           const ProtobufCMessage *params, int timeout_ms, char **result_p)
{
    covey_call_t call = {.target = COVEY_SERVICE_COORDINATOR, .method = method};
    return covey_i_control (self, &call, params, timeout_ms, result_p);
}

/*  Messages hold `char *` and only read it here.                             */
static char *
s_text (const char *text)
{
    return (char *)(uintptr_t)(text ? text : "");
}

covey_err_t
covey_swarm_form (covey_agent_t *self, const char *swarm_json, int timeout_ms,
                  char **result_p)
{
    assert (self);
    return covey_i_control_json (self, "swarm.form",
                                 &covey__control__swarm_form__descriptor,
                                 swarm_json, timeout_ms, result_p);
}

covey_err_t
covey_swarm_join (covey_agent_t *self, const char *swarm_id, double weight,
                  int timeout_ms)
{
    assert (self);
    if (!isfinite (weight) || weight <= 0)
        return covey_fail (covey_errbuf (), COVEY_INVALID,
                           "weight %g in swarm %.200s must be above 0", weight,
                           swarm_id ? swarm_id : "");
    Covey__Control__SwarmMember member = COVEY__CONTROL__SWARM_MEMBER__INIT;
    member.swarm_id = s_text (swarm_id);
    member.has_weight = true;
    member.weight = weight;
    return s_control (self, "swarm.join", &member.base, timeout_ms, NULL);
}

covey_err_t
covey_swarm_leave (covey_agent_t *self, const char *swarm_id, int timeout_ms)
{
    assert (self);
    Covey__Control__SwarmMember member = COVEY__CONTROL__SWARM_MEMBER__INIT;
    member.swarm_id = s_text (swarm_id);
    return s_control (self, "swarm.leave", &member.base, timeout_ms, NULL);
}

covey_err_t
covey_swarm_disband (covey_agent_t *self, const char *swarm_id,
                     const char *reason, int timeout_ms)
{
    assert (self);
    Covey__Control__SwarmRef ref = COVEY__CONTROL__SWARM_REF__INIT;
    ref.swarm_id = s_text (swarm_id);
    ref.reason = reason ? s_text (reason) : NULL;
    return s_control (self, "swarm.disband", &ref.base, timeout_ms, NULL);
}

covey_err_t
covey_vote_propose (covey_agent_t *self, const char *proposal_json,
                    int timeout_ms, char **result_p)
{
    assert (self);
    return covey_i_control_json (self, "swarm.propose",
                                 &covey__control__propose__descriptor,
                                 proposal_json, timeout_ms, result_p);
}

static covey_err_t
s_cast (covey_agent_t *self, Covey__Control__Ballot *ballot, const char *vote,
        int timeout_ms)
{
    covey_seal_t seal;
    covey_sealed_t sealed = {.agent_id = self->id,
                             .vote = vote,
                             .options = (const char *const *)ballot->options,
                             .option_count = ballot->n_options,
                             .reason = ballot->reason};
    if (self->ballot_key) {
        covey_err_t rc =
            covey_i_vote_seal (self, self->ballot_key, ballot->consensus_id,
                               &sealed, timeout_ms, &seal);
        if (rc != COVEY_OK)
            return rc;
        ballot->has_signature = ballot->has_public_key = true;
        ballot->signature =
            (ProtobufCBinaryData){sizeof seal.signature, seal.signature};
        ballot->public_key =
            (ProtobufCBinaryData){sizeof seal.public_key, seal.public_key};
    }
    return s_control (self, "swarm.vote", &ballot->base, timeout_ms, NULL);
}

covey_err_t
covey_vote_cast (covey_agent_t *self, const char *consensus_id,
                 const char *vote, const char *reason, int timeout_ms)
{
    assert (self);
    static const char *const names[] = {"approve", "reject", "abstain"};
    Covey__Control__Ballot ballot = COVEY__CONTROL__BALLOT__INIT;
    ballot.consensus_id = s_text (consensus_id);
    ballot.reason = reason ? s_text (reason) : NULL;
    for (int i = 0; vote && i < 3; i++)
        if (strcmp (vote, names[i]) == 0) {
            ballot.has_vote = true;
            ballot.vote = (Covey__V1__Vote)i;
        }
    if (!ballot.has_vote)
        return covey_fail (covey_errbuf (), COVEY_INVALID,
                           "vote \"%.80s\" must be approve, reject or abstain",
                           vote ? vote : "");
    return s_cast (self, &ballot, vote, timeout_ms);
}

covey_err_t
covey_vote_choose (covey_agent_t *self, const char *consensus_id,
                   const char *const *options, size_t count, const char *reason,
                   int timeout_ms)
{
    assert (self);
    Covey__Control__Ballot ballot = COVEY__CONTROL__BALLOT__INIT;
    ballot.consensus_id = s_text (consensus_id);
    ballot.reason = reason ? s_text (reason) : NULL;
    ballot.options = (char **)options;
    ballot.n_options = count;
    if (!options || count == 0)
        return covey_fail (covey_errbuf (), COVEY_INVALID,
                           "no option is named for %.80s", ballot.consensus_id);
    for (size_t i = 0; i < count; i++)
        if (!options[i])
            return covey_fail (covey_errbuf (), COVEY_INVALID,
                               "option %zu of %zu is NULL", i + 1, count);
    return s_cast (self, &ballot, "approve", timeout_ms);
}

covey_err_t
covey_vote_show (covey_agent_t *self, const char *consensus_id, int timeout_ms,
                 char **result_p)
{
    assert (self);
    Covey__Control__ProposalRef ref = COVEY__CONTROL__PROPOSAL_REF__INIT;
    ref.consensus_id = s_text (consensus_id);
    return s_control (self, "swarm.proposal", &ref.base, timeout_ms, result_p);
}

covey_err_t
covey_vote_wait (covey_agent_t *self, const char *consensus_id, int timeout_ms,
                 char **result_p)
{
    assert (self);
    covey_await_t await = {.what = "proposal",
                           .id = consensus_id ? consensus_id : "",
                           .show = covey_vote_show,
                           .types = s_ends,
                           .type_count = sizeof s_ends / sizeof *s_ends,
                           .descriptor = &covey__control__vote_view__descriptor,
                           .states = s_end_states};
    return covey_i_await_state (self, &await, timeout_ms, result_p);
}
