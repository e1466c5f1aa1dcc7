/*  What clients ask for about swarms and votes. Ballots are cast by voters,
   some by a client for one, in votes that are open, decided and forgotten;
   twice, and changed; by who has no vote; signed, not signed, by somebody
   else's key, and forged. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "tests/support/sim_replog_impl.h"

#define SIGNERS 3 /* v0, v1, v2 sign their ballots */
#define AGENTS 2  /* a0, a1 come and go, and are in other swarms  */

static uint64_t
s_below (sim_replog_t *sim, uint64_t bound)
{
    return covey_prng_below (&sim->prng, bound);
}

static bool
s_chance (sim_replog_t *sim, unsigned percent)
{
    return s_below (sim, 100) < percent;
}

static char *
s_some_voter (sim_replog_t *sim)
{
    return (char *)(uintptr_t)sim_voter_name (
        (int)s_below (sim, SIM_VOTERS - AGENTS));
}

/* ---- swarms -----------------------------------------------------------------
 */

bool
sim_load_swarm (sim_replog_t *sim, sim_request_t *request)
{
    Covey__Control__SwarmForm form = COVEY__CONTROL__SWARM_FORM__INIT;
    Covey__Control__WeightedMember members[SIM_VOTERS], *list[SIM_VOTERS];
    uint64_t first = s_below (sim, SIM_VOTERS);
    form.objective = (char *)"o";
    form.members = list;
    form.n_members = 3 + (size_t)s_below (sim, 3);
    for (size_t i = 0; i < form.n_members; i++) {
        list[i] = &members[i];
        covey__control__weighted_member__init (list[i]);
        list[i]->agent_id =
            (char *)(uintptr_t)sim_voter_name ((int)((first + i) % SIM_VOTERS));
        list[i]->has_weight = s_chance (sim, 50);
        list[i]->weight = 0.5 * (double)(1 + s_below (sim, 5));
    }
    SIM_KEEP (request, SWARM_FORM, swarm_form, &form);
    return true;
}

static const sim_swarm_t *
s_some_swarm (sim_replog_t *sim)
{
    for (size_t i = 0; i < 4; i++) {
        const sim_swarm_t *swarm =
            sim_judge_swarm (sim->judge, (size_t)s_below (sim, 3));
        if (swarm && !swarm->gone)
            return swarm;
    }
    return NULL;
}

/*  Somebody joins with another weight, or leaves.                           */
bool
sim_load_member (sim_replog_t *sim, sim_request_t *request)
{
    const sim_swarm_t *swarm = s_some_swarm (sim);
    Covey__Control__SwarmMember member = COVEY__CONTROL__SWARM_MEMBER__INIT;
    if (!swarm)
        return false;
    covey_str_copy (request->caller, sizeof request->caller,
                    s_some_voter (sim));
    member.swarm_id = (char *)(uintptr_t)swarm->id;
    member.has_weight = s_chance (sim, 50);
    member.weight = 0.5 * (double)(1 + s_below (sim, 5));
    if (s_chance (sim, 65))
        SIM_KEEP (request, SWARM_JOIN, swarm_join, &member);
    else
        SIM_KEEP (request, SWARM_LEAVE, swarm_leave, &member);
    return true;
}

/*  A voter comes up or goes: it may lead a swarm, and may be asked again.   */
bool
sim_load_voter (sim_replog_t *sim, sim_request_t *request)
{
    uint8_t session[16];
    Covey__Control__AgentUp up = COVEY__CONTROL__AGENT_UP__INIT;
    Covey__Control__AgentDown down = COVEY__CONTROL__AGENT_DOWN__INIT;
    memset (session, 7, sizeof session);
    covey_str_copy (request->object, sizeof request->object,
                    s_some_voter (sim));
    up.agent_id = down.agent_id = request->object;
    up.node_id = up.session_id = down.session_id =
        (ProtobufCBinaryData){sizeof session, session};
    if (s_chance (sim, 60))
        SIM_KEEP (request, AGENT_UP, agent_up, &up);
    else
        SIM_KEEP (request, AGENT_DOWN, agent_down, &down);
    return true;
}

/* ---- questions --------------------------------------------------------------
 */

static void
s_keep_question (sim_request_t *request, Covey__Control__Propose *ask,
                 const sim_swarm_t *swarm, int64_t timeout_ms)
{
    Covey__V1__Payload payload = COVEY__V1__PAYLOAD__INIT;
    payload.has_content_type = payload.has_data = true;
    payload.content_type = COVEY__V1__CONTENT_TYPE__TEXT;
    payload.data = (ProtobufCBinaryData){1, (uint8_t *)(uintptr_t) "?"};
    ask->swarm_id = (char *)(uintptr_t)swarm->id;
    ask->proposal = &payload;
    ask->has_timeout = true;
    ask->timeout = timeout_ms;
    SIM_KEEP (request, PROPOSE, propose, ask);
}

bool
sim_load_propose (sim_replog_t *sim, sim_request_t *request)
{
    Covey__Control__Propose ask = COVEY__CONTROL__PROPOSE__INIT;
    Covey__V1__VoteRule rule = COVEY__V1__VOTE_RULE__INIT;
    char *holder = s_some_voter (sim);
    const sim_swarm_t *swarm = s_some_swarm (sim);
    if (!swarm)
        return false;
    ask.has_voting_strategy = true;
    ask.voting_strategy = (Covey__V1__VotingStrategy)s_below (sim, 4);
    ask.has_quorum_size = s_chance (sim, 25);
    ask.quorum_size = 1 + (uint32_t)s_below (sim, 3);
    ask.rule = &rule;
    if (ask.voting_strategy != COVEY__V1__VOTING_STRATEGY__UNANIMOUS &&
        s_chance (sim, 25))
        rule.threshold = (char *)"2/3";
    rule.tie = (char *)(s_chance (sim, 30) ? "leader" : "reject");
    rule.has_final = rule.final = s_chance (sim, 15);
    rule.n_veto_holders = s_chance (sim, 15);
    rule.veto_holders = &holder;
    s_keep_question (request, &ask, swarm, 100 + (int64_t)s_below (sim, 6000));
    return true;
}

void
sim_load_ask_all (const sim_swarm_t *swarm, int64_t timeout_ms,
                  sim_request_t *request)
{
    Covey__Control__Propose ask = COVEY__CONTROL__PROPOSE__INIT;
    Covey__V1__VoteRule rule = COVEY__V1__VOTE_RULE__INIT;
    ask.rule = &rule;
    s_keep_question (request, &ask, swarm, timeout_ms);
}

bool
sim_load_withdraw (sim_replog_t *sim, sim_request_t *request)
{
    const sim_request_t *given =
        sim_load_given (sim, request->client, SIM_ASK_PROPOSE);
    Covey__Control__ProposalRef ref = COVEY__CONTROL__PROPOSAL_REF__INIT;
    if (!given)
        return false;
    ref.consensus_id = (char *)(uintptr_t)given->object;
    SIM_KEEP (request, WITHDRAW, withdraw, &ref);
    return true;
}

/* ---- ballots ----------------------------------------------------------------
 */

void
sim_load_sign (const sim_vote_t *vote, int voter, int key, uint32_t serial,
               Covey__V1__Vote says, covey_seal_t *seal)
{
    static const char *const names[] = {"approve", "reject", "abstain"};
    uint8_t seed[COVEY_SEED_SIZE] = {(uint8_t)key};
    covey_ballot_key_t pair;
    char reason[24];
    snprintf (reason, sizeof reason, "s%u.%d", serial, key);
    const covey_sealed_t sealed = {.hash = vote->hash,
                                   .version = vote->version,
                                   .agent_id = sim_voter_name (voter),
                                   .weight = vote->weights[voter],
                                   .vote = names[says],
                                   .reason = reason,
                                   .serial = serial};
    covey_ballot_key_make (seed, &pair);
    covey_seal_sign (&sealed, &pair, seal);
}

/*  Rightly, mostly; the reason says how, for the judge.                     */
static void
s_seal (sim_replog_t *sim, const sim_vote_t *vote, int voter,
        Covey__Control__Ballot *ballot, covey_seal_t *seal, char reason[24])
{
    int key = s_chance (sim, 1) ? SIM_VOTERS + 1 : voter + 1;
    uint32_t serial = vote->serials[voter] + 1;
    sim_load_sign (vote, voter, key, serial, ballot->vote, seal);
    snprintf (reason, 24, "s%u.%d", serial, key);
    if (s_chance (sim, 10)) {
        snprintf (reason, 24, "f%u.%d", serial, key);
        if (s_chance (sim, 50))
            seal->signature[s_below (sim, COVEY_SIGNATURE_SIZE)] ^= 1;
    }
    ballot->reason = reason;
    ballot->has_signature = ballot->has_public_key = true;
    ballot->signature =
        (ProtobufCBinaryData){sizeof seal->signature, seal->signature};
    ballot->public_key =
        (ProtobufCBinaryData){sizeof seal->public_key, seal->public_key};
}

/*  Of the last votes an open one, mostly.                                   */
static const sim_vote_t *
s_some_vote (sim_replog_t *sim)
{
    const sim_vote_t *vote = NULL;
    for (int i = 0; i < 6; i++) {
        const sim_vote_t *one =
            sim_judge_vote (sim->judge, (size_t)s_below (sim, 8));
        vote = one ? one : vote;
        if (one && !one->decided)
            break;
    }
    return vote;
}

/*  Whom a question came to, as a leader reports it; also twice, and late.    */
bool
sim_load_heard (sim_replog_t *sim, sim_request_t *request)
{
    Covey__Control__VoteHeard heard = COVEY__CONTROL__VOTE_HEARD__INIT;
    Covey__Control__Hearing items[4], *list[4];
    const sim_vote_t *vote = s_some_vote (sim);
    if (!vote)
        return false;
    covey_str_copy (request->object, sizeof request->object, vote->id);
    heard.n_hearings = 1 + (size_t)s_below (sim, 4);
    heard.hearings = list;
    for (size_t i = 0; i < heard.n_hearings; i++) {
        list[i] = &items[i];
        covey__control__hearing__init (list[i]);
        items[i].consensus_id = request->object;
        items[i].agent_id =
            (char *)(uintptr_t)sim_voter_name ((int)s_below (sim, SIM_VOTERS));
    }
    SIM_KEEP (request, VOTE_HEARD, vote_heard, &heard);
    return true;
}

bool
sim_load_ballot (sim_replog_t *sim, sim_request_t *request)
{
    static const Covey__V1__Vote votes[] = {
        COVEY__V1__VOTE__APPROVE, COVEY__V1__VOTE__APPROVE,
        COVEY__V1__VOTE__APPROVE, COVEY__V1__VOTE__REJECT,
        COVEY__V1__VOTE__REJECT,  COVEY__V1__VOTE__ABSTAIN};
    Covey__Control__Ballot ballot = COVEY__CONTROL__BALLOT__INIT;
    const sim_vote_t *vote = s_some_vote (sim);
    covey_seal_t seal;
    char reason[24];
    int voter = (int)s_below (sim, SIM_VOTERS);
    if (!vote)
        return false;
    for (int i = 0; i < 3 && !vote->weights[voter]; i++)
        voter = (int)s_below (sim, SIM_VOTERS);
    if (s_chance (sim, 90))
        covey_str_copy (request->caller, sizeof request->caller,
                        sim_voter_name (voter));
    else
        ballot.agent_id = (char *)(uintptr_t)sim_voter_name (voter);
    covey_str_copy (request->object, sizeof request->object, vote->id);
    ballot.consensus_id = request->object;
    ballot.has_vote = true;
    ballot.vote = votes[s_below (sim, 6)];
    ballot.has_electorate_version = s_chance (sim, 50);
    ballot.electorate_version = vote->version + s_chance (sim, 5);
    if (voter < SIGNERS && s_chance (sim, 95))
        s_seal (sim, vote, voter, &ballot, &seal, reason);
    SIM_KEEP (request, BALLOT, ballot, &ballot);
    return true;
}
