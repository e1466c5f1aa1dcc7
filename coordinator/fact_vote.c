/*  What is told of votes: the question, each ballot, the decision. Together
   they are what the vote can be recounted from (docs/voting.md). */
#include "coordinator/fact_impl.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/asked_rule.h"
#include "coordinator/view.h"
#include "proto/event_class.h"
#include "proto/json.h"
#include "proto/json_scan.h"
#include "proto/pb.h"

/*  Reasons of all ballots that travel with a decision; those beyond are in the
    ballots' own events.                                                      */
#define REASONS_MAX (1u << 20)

/*  What all of them say.                                                    */
static covey_event_t *
s_vote (covey_state_t *state, int type, const char *source,
        const covey_proposal_t *vote)
{
    const covey_proposal_args_t *args = covey_proposal_args (vote);
    covey_event_t *event = covey_fact_begin (state, type, source, args->id);
    covey_fact_put_str (event, "consensusId", args->id);
    covey_fact_put_str (event, "swarmId", args->swarm_id);
    covey_fact_put_int (event, "electorateVersion",
                        (int64_t)args->swarm_version);
    covey_fact_put_str (event, "proposalHash", covey_proposal_hash (vote));
    return event;
}

/* ---- the question -----------------------------------------------------------
 */

/*  What was written to `json` as a field, when all of it fitted.            */
static void
s_put_json (covey_event_t *event, const char *field, covey_buf_t *json)
{
    char *text = covey_buf_steal (json);
    if (text)
        covey_fact_put_json (event, field, text);
    free (text);
    covey_buf_deinit (json);
}

static void
s_put_rule (covey_event_t *event, const covey_proposal_t *vote)
{
    covey_shown_rule_t rule;
    covey_buf_t json;
    covey_buf_init (&json, COVEY_EVENT_MAX);
    covey_shown_rule (vote, &rule);
    if (covey_json_write (&rule.message.base, &json) == COVEY_OK)
        s_put_json (event, "rule", &json);
    covey_buf_deinit (&json);
}

static void
s_put_electorate (covey_event_t *event, const covey_proposal_args_t *args)
{
    covey_buf_t json;
    covey_buf_init (&json, COVEY_EVENT_MAX);
    for (size_t i = 0; i < args->voter_count; i++) {
        char weight[32];
        covey_weight_text (args->voters[i].weight, weight);
        covey_buf_printf (&json, "%s{\"agentId\":\"%s\",\"weight\":%s}",
                          i ? "," : "[", args->voters[i].agent_id, weight);
    }
    covey_buf_putc (&json, ']');
    s_put_json (event, "electorate", &json);
}

void
covey_fact_proposed (covey_state_t *state, const covey_proposal_t *vote,
                     const char *only)
{
    const covey_proposal_args_t *args = covey_proposal_args (vote);
    covey_event_t *event = s_vote (state, COVEY_EVENT_SWARM_CONSENSUS_REQUEST,
                                   args->proposer, vote);
    if (!event)
        return;
    covey_fact_put_payload (event, "proposal", args->content, args->data,
                            args->size);
    covey_fact_put_str (event, "votingStrategy",
                        covey_strategy_name (args->rule.strategy));
    int64_t left_us = args->deadline_us - state->now_us;
    covey_fact_put_int (event, "timeout", (left_us + 999) / 1000);
    covey_fact_put_int (event, "deadline", args->deadline_us);
    if (args->rule.quorum_size)
        covey_fact_put_int (event, "quorumSize", args->rule.quorum_size);
    s_put_rule (event, vote);
    s_put_electorate (event, args);
    covey_fact_put_str (event, "leader", covey_shown_leader (vote));
    for (size_t i = 0; i < args->voter_count; i++) {
        const char *voter = args->voters[i].agent_id;
        if (only ? strcmp (only, voter) == 0
                 : covey_registry_find_up (&state->registry, voter) != NULL)
            covey_fact_add_target (event, voter);
    }
}

/* ---- ballots ----------------------------------------------------------------
 */

static void
s_put_bytes (covey_event_t *event, const char *field, bool has,
             const ProtobufCBinaryData *bytes)
{
    covey_buf_t json;
    if (!has)
        return;
    covey_buf_init (&json, COVEY_TEXT_MAX);
    covey_buf_putc (&json, '"');
    covey_base64_write (bytes->data, bytes->len, &json);
    covey_buf_putc (&json, '"');
    s_put_json (event, field, &json);
}

void
covey_fact_cast (covey_state_t *state, const covey_proposal_t *vote,
                 const Covey__Control__Ballot *ballot, const char *voter,
                 const char *refusal)
{
    const char *caller = covey_state_caller (state);
    covey_event_t *event =
        s_vote (state, COVEY_EVENT_SWARM_VOTE_CAST, caller, vote);
    if (!event)
        return;
    const covey_proposal_args_t *args = covey_proposal_args (vote);
    int index = covey_proposal_voter (vote, voter);
    covey_vote_t said =
        ballot->has_vote ? (covey_vote_t)ballot->vote : COVEY_VOTE_APPROVE;
    covey_fact_put_str (event, "agentId", voter);
    covey_fact_put_str (event, "vote", covey_vote_name (said));
    for (size_t i = 0; i < ballot->n_options; i++)
        covey_fact_add_str (event, "options", ballot->options[i]);
    covey_fact_put_num (
        event, "weight",
        index < 0 ? 0 : covey_weight_to (args->voters[index].weight));
    covey_fact_put_str (event, "reason", ballot->reason);
    covey_fact_put_bool (event, "accepted", refusal == NULL);
    covey_fact_put_str (event, "refusal", refusal);
    covey_fact_put_int (event, "castAt", state->now_us);
    s_put_bytes (event, "signature", ballot->has_signature, &ballot->signature);
    s_put_bytes (event, "publicKey", ballot->has_public_key,
                 &ballot->public_key);
    if (!refusal) {
        size_t count = covey_proposal_ballot_count (vote);
        covey_fact_put_int (event, "number", (int64_t)count);
        covey_fact_put_int (event, "serial",
                            covey_proposal_ballot (vote, count - 1)->serial);
    }
    if (strcmp (caller, voter) != 0)
        covey_fact_put_metadata (event, "castBy", caller);
}

/* ---- the decision -----------------------------------------------------------
 */

/*  As messages, and not by way of JSON as smaller parts: it may be a thousand.
 */
static void
s_put_votes (covey_event_t *event, const covey_proposal_t *vote)
{
    if (covey_event_own (event))
        return;
    Covey__V1__SwarmConsensusReached *data =
        (Covey__V1__SwarmConsensusReached *)covey_event_data (event);
    covey_view_ballots_t ballots = covey_view_ballots_new (vote, REASONS_MAX);
    data->votes = covey_mem_new (ballots.count * sizeof *data->votes);
    for (; data->n_votes < ballots.count; data->n_votes++)
        data->votes[data->n_votes] = (Covey__V1__CountedVote *)covey_pb_dup (
            &ballots.list[data->n_votes]->base);
    covey_view_ballots_free (&ballots);
}

/*  The proposal itself, or what became of it.                               */
static void
s_put_decision (covey_event_t *event, const covey_proposal_t *vote)
{
    const covey_proposal_args_t *args = covey_proposal_args (vote);
    char *text = covey_view_decision (vote);
    if (text)
        covey_fact_put_payload (event, "decision", COVEY_CONTENT_JSON, text,
                                strlen (text));
    else
        covey_fact_put_payload (event, "decision", args->content, args->data,
                                args->size);
    free (text);
}

void
covey_fact_decided (covey_state_t *state, const covey_proposal_t *vote)
{
    covey_event_t *event = s_vote (state, COVEY_EVENT_SWARM_CONSENSUS_REACHED,
                                   COVEY_SERVICE_COORDINATOR, vote);
    if (!event)
        return;
    const covey_proposal_args_t *args = covey_proposal_args (vote);
    const covey_decision_t *decision = covey_proposal_decision (vote);
    const covey_count_t *count = covey_proposal_count (vote);
    const char *outcome = covey_outcome_name (decision->outcome);
    covey_fact_put_metadata (event, "outcome", outcome);
    covey_fact_put_metadata (event, "reason", decision->reason);
    covey_fact_put_str (event, "outcome", outcome);
    covey_fact_put_str (event, "reason", decision->reason);
    covey_fact_put_bool (event, "consensus",
                         decision->outcome == COVEY_OUTCOME_ACCEPTED);
    if (decision->winner >= 0)
        covey_fact_put_str (event, "option",
                            args->rule.options[decision->winner]);
    covey_fact_put_int (event, "voters", covey_count_voters (count));
    covey_fact_put_int (event, "cast", covey_count_cast (count));
    covey_fact_put_int (event, "decidedAt", covey_proposal_decided_us (vote));
    covey_fact_put_int (event, "unsignedBallots",
                        covey_proposal_unsigned (vote));
    for (size_t i = 0; i < args->voter_count; i++)
        if (covey_proposal_has_heard (vote, i))
            covey_fact_add_str (event, "heard", args->voters[i].agent_id);
    s_put_decision (event, vote);
    s_put_votes (event, vote);
}
