/*  Bounds of what is asked about votes.                                      */
#include "coordinator/asked_rule.h"
#include "coordinator/check_impl.h"
#include "swarm/proposal.h"

covey_err_t
covey_check_propose (const ProtobufCMessage *params, covey_errbuf_t *err)
{
    const Covey__Control__Propose *p = (const Covey__Control__Propose *)params;
    covey_check_t c = {COVEY_OK, err};
    covey_check_name (&c, "consensusId", p->consensus_id);
    covey_check_name (&c, "swarmId", p->swarm_id);
    covey_check_payload (&c, "proposal", p->proposal);
    if (p->has_voting_strategy)
        covey_check_range (&c, "votingStrategy", (int64_t)p->voting_strategy,
                           COVEY_STRATEGY_MAJORITY, COVEY_STRATEGY_QUORUM);
    if (p->has_timeout)
        covey_check_range (&c, "timeout", p->timeout, 1,
                           COVEY_VOTE_TIMEOUT_MAX_MS);
    if (p->has_quorum_size)
        covey_check_range (&c, "quorumSize", p->quorum_size, 1,
                           COVEY_VOTERS_MAX);
    if (p->rule && p->rule->n_veto_holders > COVEY_VOTERS_MAX)
        return covey_fail (
            err, COVEY_LIMIT,
            "vetoHolders has %zu entries, at most %d are allowed",
            p->rule->n_veto_holders, COVEY_VOTERS_MAX);
    covey_asked_rule_t rule;
    return c.code ? c.code : covey_asked_rule (p, &rule, err);
}

covey_err_t
covey_check_ballot (const ProtobufCMessage *params, covey_errbuf_t *err)
{
    const Covey__Control__Ballot *p = (const Covey__Control__Ballot *)params;
    covey_check_t c = {COVEY_OK, err};
    covey_check_name (&c, "consensusId", p->consensus_id);
    if (!p->has_vote && p->n_options == 0)
        return covey_fail (err, COVEY_INVALID,
                           "vote is missing: approve, reject or abstain, or "
                           "options");
    if (p->has_vote)
        covey_check_range (&c, "vote", (int64_t)p->vote, COVEY_VOTE_APPROVE,
                           COVEY_VOTE_ABSTAIN);
    if (p->n_options > COVEY_OPTIONS_MAX)
        return covey_fail (err, COVEY_LIMIT,
                           "options has %zu entries, at most %d are allowed",
                           p->n_options, COVEY_OPTIONS_MAX);
    if (p->has_signature != p->has_public_key ||
        (p->has_signature && (p->signature.len != COVEY_SIGNATURE_SIZE ||
                              p->public_key.len != COVEY_PUBLIC_KEY_SIZE)))
        return covey_fail (
            err, COVEY_INVALID,
            "a signed ballot has a signature of %d bytes and the "
            "publicKey of %d bytes that verifies it",
            COVEY_SIGNATURE_SIZE, COVEY_PUBLIC_KEY_SIZE);
    covey_check_names (&c, "options", p->options, p->n_options);
    covey_check_text (&c, "proposalHash", p->proposal_hash, COVEY_NAME_MAX);
    covey_check_agent (&c, "agentId", p->agent_id);
    covey_check_text (&c, "reason", p->reason, COVEY_TEXT_MAX);
    return c.code;
}

covey_err_t
covey_check_proposal_ref (const ProtobufCMessage *params, covey_errbuf_t *err)
{
    const Covey__Control__ProposalRef *p =
        (const Covey__Control__ProposalRef *)params;
    covey_check_t c = {COVEY_OK, err};
    covey_check_name (&c, "consensusId", p->consensus_id);
    covey_check_text (&c, "reason", p->reason, COVEY_TEXT_MAX);
    return c.code;
}
