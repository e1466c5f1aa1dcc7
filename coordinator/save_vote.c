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
        lists->voter_list[i] = &lists->voters[i];
    }
    for (size_t i = 0; i < ballots; i++) {
        const covey_ballot_t *ballot = covey_proposal_ballot (proposal, i);
        covey__snapshot__ballot__init (&lists->ballots[i]);
        lists->ballots[i].voter = ballot->voter;
        lists->ballots[i].vote = ballot->stance.vote;
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
    message.strategy = args->rule.strategy;
    message.quorum_size = args->rule.quorum_size;
    message.opened = args->opened_us;
    message.deadline = args->deadline_us;
    message.swarm_version = args->swarm_version;
    message.outcome = decision->outcome;
    if (decision->outcome != COVEY_OUTCOME_OPEN)
        message.reason = (char *)decision->reason;
    message.decided = covey_proposal_decided_us (proposal);
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
    }
    return true;
}

/*  Every ballot once more, at its time.                                     */
static bool
s_cast (const Covey__Snapshot__Vote *from, covey_proposal_t *proposal)
{
    for (size_t i = 0; i < from->n_ballots; i++) {
        const Covey__Snapshot__Ballot *ballot = from->ballots[i];
        if (ballot->voter >= from->n_electorate ||
            ballot->vote > COVEY_VOTE_ABSTAIN)
            return false;
        const covey_ballot_args_t args = {
            .agent_id = from->electorate[ballot->voter]->agent_id,
            .stance = {.vote = (uint8_t)ballot->vote},
            .reason = ballot->reason,
            .cast_by = ballot->cast_by,
        };
        if (covey_proposal_cast (proposal, &args, ballot->at, NULL))
            return false;
    }
    return true;
}

static bool
s_settle (const Covey__Snapshot__Vote *from, covey_proposal_t *proposal)
{
    covey_decision_t decision = {.outcome = (covey_outcome_t)from->outcome};
    if (from->outcome == COVEY_OUTCOME_OPEN)
        return true;
    covey_str_copy (decision.reason, sizeof decision.reason,
                    from->reason ? from->reason : "");
    return covey_proposal_settle (proposal, &decision, from->decided) ==
           COVEY_OK;
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
        .rule = {.strategy = (covey_strategy_t)from->strategy,
                 .quorum_size = from->quorum_size},
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
           from->outcome <= COVEY_OUTCOME_WITHDRAWN &&
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
