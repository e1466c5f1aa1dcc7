/*  Saved: votes, with their electorate and every ballot.                     */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/save.h"
#include "coordinator/state_impl.h"

/* ---- writing ----------------------------------------------------------------
 */

typedef struct {
    Covey__Snapshot__Voter *voters;
    Covey__Snapshot__Voter **voter_list;
    Covey__Snapshot__Ballot *ballots;
    Covey__Snapshot__Ballot **ballot_list;
} s_lists_t;

static void
s_list (const covey_proposal_t *proposal, s_lists_t *lists,
        Covey__Snapshot__Vote *to)
{
    const covey_proposal_args_t *args = covey_proposal_args (proposal);
    size_t voters = args->voter_count;
    size_t ballots = covey_proposal_ballot_count (proposal);
    lists->voters = covey_mem_new (voters * sizeof *lists->voters);
    lists->voter_list = covey_mem_new (voters * sizeof *lists->voter_list);
    lists->ballots = covey_mem_new (ballots * sizeof *lists->ballots);
    lists->ballot_list = covey_mem_new (ballots * sizeof *lists->ballot_list);
    for (size_t i = 0; i < voters; i++) {
        covey__snapshot__voter__init (&lists->voters[i]);
        lists->voters[i].agent_id = (char *)args->voters[i].agent_id;
        lists->voters[i].weight = args->voters[i].weight;
        lists->voters[i].has_veto = lists->voters[i].veto =
            args->voters[i].veto;
        lists->voters[i].has_leads = lists->voters[i].leads =
            args->voters[i].leads;
        lists->voters[i].has_heard = lists->voters[i].heard =
            covey_proposal_has_heard (proposal, i);
        lists->voter_list[i] = &lists->voters[i];
    }
    for (size_t i = 0; i < ballots; i++) {
        const covey_ballot_t *ballot = covey_proposal_ballot (proposal, i);
        covey__snapshot__ballot__init (&lists->ballots[i]);
        lists->ballots[i].voter = ballot->voter;
        lists->ballots[i].vote = ballot->stance.vote;
        lists->ballots[i].has_options = ballot->stance.ranked > 0;
        lists->ballots[i].options = (ProtobufCBinaryData){
            ballot->stance.ranked, (uint8_t *)ballot->stance.options};
        if (ballot->seal) {
            lists->ballots[i].has_public_key = true;
            lists->ballots[i].public_key = (ProtobufCBinaryData){
                COVEY_PUBLIC_KEY_SIZE, ballot->seal->public_key};
            lists->ballots[i].has_signature = true;
            lists->ballots[i].signature = (ProtobufCBinaryData){
                COVEY_SIGNATURE_SIZE, ballot->seal->signature};
        }
        lists->ballots[i].at = ballot->at_us;
        lists->ballots[i].reason = ballot->reason;
        lists->ballots[i].cast_by = ballot->cast_by;
        lists->ballot_list[i] = &lists->ballots[i];
    }
    to->n_electorate = voters;
    to->electorate = lists->voter_list;
    to->n_ballots = ballots;
    to->ballots = lists->ballot_list;
}

static void
s_put_rule (const covey_rule_t *rule, Covey__Snapshot__Vote *to)
{
    to->strategy = rule->strategy;
    to->quorum_size = rule->quorum_size;
    to->has_threshold_num = to->has_threshold_den = true;
    to->threshold_num = rule->threshold.share.num;
    to->threshold_den = rule->threshold.share.den;
    to->has_above = to->above = rule->threshold.above;
    to->has_quorum_num = to->has_quorum_den = rule->quorum_share.den > 0;
    to->quorum_num = rule->quorum_share.num;
    to->quorum_den = rule->quorum_share.den;
    to->has_abstentions = to->has_silence = to->has_tie = true;
    to->abstentions = rule->abstentions;
    to->silence = rule->silence;
    to->tie = rule->tie;
    to->has_final = to->final = rule->final;
    to->has_ranked = to->ranked = rule->ranked;
    to->n_options = rule->option_count;
    to->options = (char **)rule->options;
}

static void
s_put (const covey_vote_entry_t *entry, covey_saver_t *to)
{
    const covey_proposal_t *proposal = entry->proposal;
    const covey_proposal_args_t *args = covey_proposal_args (proposal);
    const covey_decision_t *decision = covey_proposal_decision (proposal);
    Covey__Snapshot__Vote message = COVEY__SNAPSHOT__VOTE__INIT;
    Covey__Snapshot__Blob blob = COVEY__SNAPSHOT__BLOB__INIT;
    Covey__Snapshot__Timer timer;
    s_lists_t lists;
    s_list (proposal, &lists, &message);
    blob.content = (uint32_t)args->content;
    blob.data = (ProtobufCBinaryData){args->size, (uint8_t *)args->data};
    message.id = (char *)args->id;
    message.swarm_id = (char *)args->swarm_id;
    message.proposer = (char *)args->proposer;
    message.proposal = &blob;
    s_put_rule (&args->rule, &message);
    message.opened = args->opened_us;
    message.deadline = args->deadline_us;
    message.swarm_version = args->swarm_version;
    message.outcome = decision->outcome;
    if (decision->outcome != COVEY_OUTCOME_OPEN)
        message.reason = (char *)decision->reason;
    message.decided = covey_proposal_decided_us (proposal);
    message.has_winner =
        decision->outcome == COVEY_OUTCOME_ACCEPTED && decision->winner >= 0;
    message.winner = message.has_winner ? (uint32_t)decision->winner : 0;
    message.seq = entry->seq;
    message.timer = covey_save_timer (&entry->timer, &timer);
    Covey__Snapshot__Record record = COVEY__SNAPSHOT__RECORD__INIT;
    record.kind_case = COVEY__SNAPSHOT__RECORD__KIND_VOTE;
    record.vote = &message;
    covey_saver_put (to, &record);
    free (lists.ballot_list);
    free (lists.ballots);
    free (lists.voter_list);
    free (lists.voters);
}

void
covey_state_save_votes (const covey_state_t *self, covey_saver_t *to)
{
    for (const covey_vote_entry_t *v = covey_tree_first (&self->votes); v;
         v = covey_tree_next (&self->votes, v))
        s_put (v, to);
}

/* ---- reading ----------------------------------------------------------------
 */

static bool
s_voters (const Covey__Snapshot__Vote *from, covey_voter_t *voters)
{
    for (size_t i = 0; i < from->n_electorate; i++) {
        const Covey__Snapshot__Voter *voter = from->electorate[i];
        if (!covey_str_is_agent_id (voter->agent_id,
                                    strlen (voter->agent_id)) ||
            voter->weight == 0 ||
            voter->weight > (uint64_t)COVEY_WEIGHT_MAX * COVEY_WEIGHT_ONE ||
            (i && strcmp (voters[i - 1].agent_id, voter->agent_id) >= 0))
            return false;
        covey_str_copy (voters[i].agent_id, sizeof voters[i].agent_id,
                        voter->agent_id);
        voters[i].weight = voter->weight;
        voters[i].veto = voter->has_veto && voter->veto;
        voters[i].leads = voter->has_leads && voter->leads;
    }
    return true;
}

/*  The signature was checked when the ballot was cast.                      */
static bool
s_seal (const Covey__Snapshot__Ballot *from, covey_seal_t *seal,
        covey_ballot_args_t *args)
{
    if (!from->has_signature && !from->has_public_key)
        return true;
    if (from->signature.len != COVEY_SIGNATURE_SIZE ||
        from->public_key.len != COVEY_PUBLIC_KEY_SIZE)
        return false;
    memcpy (seal->signature, from->signature.data, sizeof seal->signature);
    memcpy (seal->public_key, from->public_key.data, sizeof seal->public_key);
    args->seal = seal;
    return true;
}

/*  Who heard it, and every ballot once more, at its time.                   */
static bool
s_cast (const Covey__Snapshot__Vote *from, covey_proposal_t *proposal)
{
    for (size_t i = 0; i < from->n_electorate; i++)
        if (from->electorate[i]->heard)
            covey_proposal_hear (proposal, i);
    for (size_t i = 0; i < from->n_ballots; i++) {
        const Covey__Snapshot__Ballot *ballot = from->ballots[i];
        if (ballot->voter >= from->n_electorate ||
            ballot->vote > COVEY_VOTE_ABSTAIN ||
            ballot->options.len > COVEY_OPTIONS_MAX)
            return false;
        covey_ballot_args_t args = {
            .agent_id = from->electorate[ballot->voter]->agent_id,
            .stance = {.vote = (uint8_t)ballot->vote},
            .reason = ballot->reason,
            .cast_by = ballot->cast_by,
        };
        args.stance.ranked = (uint8_t)ballot->options.len;
        if (args.stance.ranked)
            memcpy (args.stance.options, ballot->options.data,
                    args.stance.ranked);
        covey_seal_t seal;
        if (!s_seal (ballot, &seal, &args))
            return false;
        if (covey_proposal_cast (proposal, &args, ballot->at, NULL))
            return false;
    }
    return true;
}

static bool
s_settle (const Covey__Snapshot__Vote *from, covey_proposal_t *proposal)
{
    covey_decision_t decision = {
        .outcome = (covey_outcome_t)from->outcome,
        .winner = from->has_winner ? (int)from->winner : -1,
    };
    if (from->outcome == COVEY_OUTCOME_OPEN)
        return true;
    covey_str_copy (decision.reason, sizeof decision.reason,
                    from->reason ? from->reason : "");
    return covey_proposal_settle (proposal, &decision, from->decided) ==
           COVEY_OK;
}

static covey_rule_t
s_rule (const Covey__Snapshot__Vote *from)
{
    return (covey_rule_t){
        .strategy = (covey_strategy_t)from->strategy,
        .quorum_size = from->quorum_size,
        .quorum_share = {from->quorum_num, from->quorum_den},
        .threshold = {{from->threshold_num, from->threshold_den}, from->above},
        .abstentions = (covey_part_t)from->abstentions,
        .silence = (covey_part_t)from->silence,
        .tie = (covey_tie_t)from->tie,
        .final = from->final,
        .ranked = from->ranked,
        .options = (const char *const *)from->options,
        .option_count = (uint32_t)from->n_options,
    };
}

static covey_proposal_t *
s_make (const Covey__Snapshot__Vote *from)
{
    covey_voter_t *voters = covey_mem_new (from->n_electorate * sizeof *voters);
    covey_proposal_args_t args = {
        .id = from->id,
        .swarm_id = from->swarm_id,
        .proposer = from->proposer,
        .content = (int)from->proposal->content,
        .data = from->proposal->data.data,
        .size = from->proposal->data.len,
        .rule = s_rule (from),
        .opened_us = from->opened,
        .deadline_us = from->deadline,
        .voters = voters,
        .voter_count = from->n_electorate,
        .swarm_version = from->swarm_version,
    };
    covey_proposal_t *proposal = NULL;
    if (s_voters (from, voters) &&
        covey_proposal_new (&args, &proposal, NULL) == COVEY_OK &&
        !(s_cast (from, proposal) && s_settle (from, proposal)))
        covey_proposal_destroy (&proposal);
    free (voters);
    return proposal;
}

static bool
s_is_good (const covey_state_t *self, const Covey__Snapshot__Vote *from)
{
    return from->n_electorate <= COVEY_VOTERS_MAX &&
           from->strategy <= COVEY_STRATEGY_QUORUM &&
           from->outcome <= COVEY_OUTCOME_VETOED &&
           from->abstentions <= COVEY_PART_ASIDE &&
           from->silence <= COVEY_PART_ASIDE && from->tie <= COVEY_TIE_LEADER &&
           from->n_options <= COVEY_OPTIONS_MAX &&
           (!from->has_winner || from->winner < from->n_options) &&
           from->seq <= self->vote_seq && covey_save_is_time (from->opened) &&
           covey_save_is_time (from->deadline) &&
           covey_save_is_time (from->decided) &&
           (from->outcome == COVEY_OUTCOME_OPEN) == (from->timer != NULL) &&
           !covey_state_find_vote (self, from->id);
}

covey_err_t
covey_state_load_vote (covey_state_t *self,
                       const Covey__Snapshot__Record *record,
                       covey_errbuf_t *err)
{
    const Covey__Snapshot__Vote *from = record->vote;
    covey_proposal_t *proposal = s_is_good (self, from) ? s_make (from) : NULL;
    bool good = proposal != NULL;
    if (good) {
        covey_vote_entry_t *entry = covey_mem_new (sizeof *entry);
        entry->proposal = proposal;
        entry->seq = from->seq;
        entry->timer.owner = entry;
        entry->timer.kind = COVEY_TIMER_VOTE;
        covey_tree_insert (&self->votes, entry);
        good = from->timer ? from->timer->kind == COVEY_TIMER_VOTE &&
                                 covey_tree_insert (&self->votes_open, entry) &&
                                 covey_load_timer (&self->timers, &entry->timer,
                                                   from->timer)
                           : covey_tree_insert (&self->votes_decided, entry);
    }
    return good ? COVEY_OK
                : covey_fail (err, COVEY_CORRUPT,
                              "the snapshot is damaged: vote %.140s", from->id);
}
