/*  Faults of the state machine, on purpose: a member executes what nobody asked
    for. (A snapshot that is not taken over is in sim_replog_watch.c.)        */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/state_impl.h"
#include "tests/support/sim_replog_impl.h"

#define LONG_US 3600000000

/*  What a command asks for, to be changed.                                  */
typedef union {
    Covey__Control__Tick tick;
    Covey__Control__MemoryPut put;
    Covey__Control__MemoryIncr incr;
    Covey__Control__ClaimAcquire acquire;
    Covey__Control__ClaimRenew renew;
    Covey__Control__TaskReport report;
    Covey__Control__TaskBatch batch;
    struct {
        Covey__Control__Ballot ballot;
        covey_seal_t seal;
        char reason[24];
    };
} s_copy_t;

/*  Somebody else's result passes for the one of who has the task.           */
static void
s_slip_fence (const covey_state_t *state, Covey__Control__Command *slipped,
              s_copy_t *copy)
{
    const covey_task_t *task =
        covey_state_find_task (state, slipped->task_complete->task_id);
    if (!task || !task->worker)
        return;
    copy->report = *slipped->task_complete;
    copy->report.fencing_token = task->token;
    slipped->task_complete = &copy->report;
    slipped->client_id = task->agent;
}

/* ---- votes ------------------------------------------------------------------
 */

/*  The same question once more, of `args`, with the ballots that it had.    */
static void
s_ask_anew (covey_vote_entry_t *entry, const covey_proposal_args_t *args)
{
    covey_proposal_t *anew = NULL;
    covey_errbuf_t err;
    if (covey_proposal_new (args, &anew, &err))
        return;
    for (size_t i = 0; i < covey_proposal_ballot_count (entry->proposal); i++) {
        const covey_ballot_t *one = covey_proposal_ballot (entry->proposal, i);
        const covey_ballot_args_t ballot = {
            .agent_id = covey_proposal_args (entry->proposal)
                            ->voters[one->voter]
                            .agent_id,
            .stance = one->stance,
            .reason = one->reason,
            .cast_by = one->cast_by,
            .seal = one->seal};
        (void)covey_proposal_cast (anew, &ballot, one->at_us, &err);
    }
    covey_proposal_destroy (&entry->proposal);
    entry->proposal = anew;
}

static void
s_reopen (covey_state_t *state, covey_vote_entry_t *entry)
{
    if (!entry || !covey_proposal_is_decided (entry->proposal))
        return;
    s_ask_anew (entry, covey_proposal_args (entry->proposal));
    covey_tree_remove (&state->votes_decided, entry);
    entry->seq = ++state->vote_seq;
    covey_tree_insert (&state->votes_open, entry);
    covey_timers_arm (&state->timers, &entry->timer,
                      covey_proposal_args (entry->proposal)->deadline_us);
}

/*  The caller has a vote if it is a member by now.                          */
static void
s_thaw (covey_state_t *state, covey_vote_entry_t *entry, const char *caller)
{
    const covey_swarm_entry_t *swarm =
        entry ? covey_state_find_swarm (
                    state, covey_proposal_args (entry->proposal)->swarm_id)
              : NULL;
    const covey_swarm_member_t *member =
        swarm ? covey_swarm_find (swarm->swarm, caller) : NULL;
    if (!member || covey_proposal_is_decided (entry->proposal) ||
        covey_proposal_voter (entry->proposal, caller) >= 0)
        return;
    covey_proposal_args_t args = *covey_proposal_args (entry->proposal);
    covey_voter_t *voters = calloc (args.voter_count + 1, sizeof *voters);
    if (!voters)
        abort ();
    memcpy (voters, args.voters, args.voter_count * sizeof *voters);
    covey_voter_t *last = &voters[args.voter_count++];
    memcpy (last->agent_id, member->agent_id, sizeof last->agent_id);
    last->weight = member->weight;
    args.voters = voters;
    s_ask_anew (entry, &args);
    free (voters);
}

/*  A forged signature is made good.                                         */
static void
s_slip_forge (const covey_vote_entry_t *entry, s_copy_t *copy,
              const char *caller)
{
    unsigned serial = 1;
    int key = 0;
    sim_vote_t vote = {.den = 1};
    int voter = entry ? covey_proposal_voter (entry->proposal, caller) : -1;
    if (voter < 0 || !copy->ballot.reason ||
        sscanf (copy->ballot.reason, "f%*u.%d", &key) != 1)
        return;
    for (size_t i = 0; i < covey_proposal_ballot_count (entry->proposal); i++)
        serial += covey_proposal_ballot (entry->proposal, i)->voter ==
                  (uint32_t)voter;
    const covey_proposal_args_t *args = covey_proposal_args (entry->proposal);
    memcpy (vote.hash, covey_proposal_hash (entry->proposal), COVEY_HASH_TEXT);
    vote.version = args->swarm_version;
    vote.weights[caller[1] - '0'] = args->voters[voter].weight;
    sim_load_sign (&vote, caller[1] - '0', key, serial, copy->ballot.vote,
                   &copy->seal);
    snprintf (copy->reason, sizeof copy->reason, "s%u.%d", serial, key);
    copy->ballot.reason = copy->reason;
    copy->ballot.signature.data = copy->seal.signature;
    copy->ballot.public_key.data = copy->seal.public_key;
}

static void
s_slip_ballot (sim_slip_t slip, covey_state_t *state,
               Covey__Control__Command *slipped, s_copy_t *copy)
{
    covey_vote_entry_t *entry =
        covey_state_find_vote (state, slipped->ballot->consensus_id);
    copy->ballot = *slipped->ballot;
    slipped->ballot = &copy->ballot;
    if (slip == SIM_SLIP_LATE)
        s_reopen (state, entry);
    else if (slip == SIM_SLIP_THAW)
        s_thaw (state, entry, slipped->client_id);
    else if (slip == SIM_SLIP_FORGE)
        s_slip_forge (entry, copy, slipped->client_id);
    else if (slip == SIM_SLIP_ABSTAIN && !copy->ballot.has_signature &&
             copy->ballot.vote == COVEY__V1__VOTE__ABSTAIN)
        copy->ballot.vote = COVEY__V1__VOTE__APPROVE;
}

/* ---- all of them ------------------------------------------------------------
 */

static void
s_slip (sim_slip_t slip, covey_state_t *state, Covey__Control__Command *slipped,
        s_copy_t *copy)
{
    switch ((int)slipped->op_case) {
        case COVEY__CONTROL__COMMAND__OP_TICK:
            copy->tick = *slipped->tick;
            copy->tick.resumed &= slip != SIM_SLIP_RESUME;
            slipped->tick = &copy->tick;
            if (slip == SIM_SLIP_AGAIN && copy->tick.resumed)
                s_reopen (state, covey_tree_first (&state->votes_decided));
            break;
        case COVEY__CONTROL__COMMAND__OP_BALLOT:
            s_slip_ballot (slip, state, slipped, copy);
            break;
        case COVEY__CONTROL__COMMAND__OP_MEMORY_PUT:
            copy->put = *slipped->memory_put;
            copy->put.has_expected_revision &= slip != SIM_SLIP_SWAP;
            copy->put.ttl *= slip == SIM_SLIP_TTL ? 2 : 1;
            slipped->memory_put = &copy->put;
            break;
        case COVEY__CONTROL__COMMAND__OP_MEMORY_INCR:
            copy->incr = *slipped->memory_incr;
            copy->incr.by += slip == SIM_SLIP_COUNT && copy->incr.by == 7;
            slipped->memory_incr = &copy->incr;
            break;
        case COVEY__CONTROL__COMMAND__OP_CLAIM_ACQUIRE:
            copy->acquire = *slipped->claim_acquire;
            copy->acquire.shared |= slip == SIM_SLIP_SHARE;
            slipped->claim_acquire = &copy->acquire;
            break;
        case COVEY__CONTROL__COMMAND__OP_CLAIM_RENEW:
            copy->renew = *slipped->claim_renew;
            copy->renew.ttl *= slip == SIM_SLIP_LEASE ? 2 : 1;
            slipped->claim_renew = &copy->renew;
            break;
        case COVEY__CONTROL__COMMAND__OP_TASK_COMPLETE:
            if (slip == SIM_SLIP_FENCE)
                s_slip_fence (state, slipped, copy);
            break;
        case COVEY__CONTROL__COMMAND__OP_TASK_BATCH:
            copy->batch = *slipped->task_batch;
            if (slip == SIM_SLIP_BATCH) { /* the one that waits for the rest */
                copy->batch.n_tasks--;
                copy->batch.tasks++;
            }
            slipped->task_batch = &copy->batch;
            break;
        default:
            break;
    }
}

void
sim_slip_apply (sim_slip_t slip, covey_state_t *state, uint64_t index,
                const Covey__Control__Command *command,
                covey_effects_t *effects)
{
    Covey__Control__Command slipped = *command;
    s_copy_t copy;
    if (slip >= SIM_SLIP_SWAP)
        s_slip (slip, state, &slipped, &copy);
    covey_state_apply (state, &slipped, index, effects);
    if (slip == SIM_SLIP_NEVER)
        for (covey_vote_entry_t *vote = covey_tree_first (&state->votes_open);
             vote; vote = covey_tree_next (&state->votes_open, vote))
            covey_timers_arm (
                &state->timers, &vote->timer,
                covey_proposal_args (vote->proposal)->deadline_us + LONG_US);
}

void
sim_slip_execute (sim_member_t *member, uint64_t index,
                  const Covey__Control__Command *command)
{
    Covey__Control__Command slipped = *command;
    sim_slip_t slip = member->sim->slips.slip;
    if (slip == SIM_SLIP_TWICE)
        slipped.client_id = NULL;
    else if (slip == SIM_SLIP_CLOCK)
        slipped.log_time_us = sim_replog_wall_us (member);
    else if (slip == SIM_SLIP_LOCAL &&
             command->op_case == COVEY__CONTROL__COMMAND__OP_BALLOT)
        slipped.log_time_us = sim_replog_wall_us (member);
    else if (slip == SIM_SLIP_SKIP &&
             covey_prng_below (&member->sim->prng, 50) == 0) {
        covey_effects_clear (&member->effects);
        return;
    }
    sim_slip_apply (slip, member->state, index, &slipped, &member->effects);
}
