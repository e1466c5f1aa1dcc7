/*  Commands about votes. The rules are in swarm/; here they meet the log.    */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/asked_rule.h"
#include "coordinator/fact.h"
#include "coordinator/state_impl.h"

static int
s_key_id (const void *key, const void *item)
{
    return strcmp (
        key,
        covey_proposal_args (((const covey_vote_entry_t *)item)->proposal)->id);
}

covey_vote_entry_t *
covey_state_find_vote (const covey_state_t *self, const char *consensus_id)
{
    return covey_tree_find (&self->votes, consensus_id, s_key_id);
}

static void
s_show (covey_state_t *self, const covey_vote_entry_t *entry)
{
    self->show = COVEY_SHOW_VOTE;
    self->show_id = covey_proposal_args (entry->proposal)->id;
}

static covey_err_t
s_find (covey_state_t *self, const char *consensus_id,
        covey_vote_entry_t **entry_p)
{
    *entry_p = covey_state_find_vote (self, consensus_id);
    if (!*entry_p)
        return covey_fail (self->err, COVEY_NOTFOUND, "no proposal %s",
                           consensus_id);
    s_show (self, *entry_p);
    return COVEY_OK;
}

static void
s_destroy (covey_state_t *self, covey_vote_entry_t *entry)
{
    covey_tree_remove (&self->votes, entry);
    covey_tree_remove (&self->votes_decided, entry);
    covey_proposal_destroy (&entry->proposal);
    free (entry);
}

/*  It is decided: announce it, and forget the oldest ones beyond the limit. */
static void
s_decided (covey_state_t *self, covey_vote_entry_t *entry)
{
    covey_timers_disarm (&self->timers, &entry->timer);
    covey_tree_remove (&self->votes_open, entry);
    entry->seq = ++self->vote_seq;
    covey_tree_insert (&self->votes_decided, entry);
    covey_fact_decided (self, entry->proposal);
    while (self->votes_decided.count > self->limits.votes_decided_max &&
           covey_tree_first (&self->votes_decided) != entry)
        s_destroy (self, covey_tree_first (&self->votes_decided));
}

void
covey_state_vote_due (covey_state_t *self, covey_timer_t *timer)
{
    covey_vote_entry_t *entry = timer->owner;
    if (covey_proposal_step (entry->proposal, self->now_us))
        s_decided (self, entry);
}

/* ---- propose
 * ------------------------------------------------------------------ */

static covey_strategy_t
s_strategy (const Covey__Control__Propose *propose, const covey_swarm_t *swarm)
{
    if (propose->has_voting_strategy)
        return (covey_strategy_t)propose->voting_strategy;
    return covey_swarm_voting (swarm);
}

static covey_err_t
s_check_propose (covey_state_t *self, const Covey__Control__Propose *propose,
                 const covey_swarm_t *swarm)
{
    if (covey_swarm_is_disbanded (swarm))
        return covey_fail (self->err, COVEY_STATE, "swarm %s is disbanded",
                           propose->swarm_id);
    if (self->votes_open.count >= self->limits.votes_open_max)
        return covey_fail (self->err, COVEY_EAGAIN,
                           "%zu votes are open" COVEY_LIMIT_HINT ("openVotes"),
                           self->votes_open.count,
                           (unsigned long long)self->limits.votes_open_max);
    if (propose->consensus_id &&
        covey_state_find_vote (self, propose->consensus_id))
        return covey_fail (self->err, COVEY_EXISTS,
                           "proposal %s exists already", propose->consensus_id);
    return COVEY_OK;
}

/*  The swarm as it is now. INVALID: a veto for somebody who is no member.   */
static covey_err_t
s_electorate (covey_state_t *self, const Covey__V1__VoteRule *rule,
              const covey_swarm_t *swarm, covey_voter_t *voters)
{
    const char *leader = covey_swarm_leader (swarm);
    size_t count = covey_swarm_member_count (swarm);
    for (size_t i = 0; i < count; i++) {
        const covey_swarm_member_t *member = covey_swarm_member (swarm, i);
        covey_str_copy (voters[i].agent_id, sizeof voters[i].agent_id,
                        member->agent_id);
        voters[i].weight = member->weight;
        voters[i].leads = leader && strcmp (leader, member->agent_id) == 0;
    }
    for (size_t v = 0; rule && v < rule->n_veto_holders; v++) {
        size_t i = 0;
        while (i < count &&
               strcmp (voters[i].agent_id, rule->veto_holders[v]) != 0)
            i++;
        if (i == count)
            return covey_fail (self->err, COVEY_INVALID,
                               "%.140s cannot hold a veto: it is no member of "
                               "swarm %s",
                               rule->veto_holders[v], covey_swarm_id (swarm));
        voters[i].veto = true;
    }
    return COVEY_OK;
}

static covey_err_t
s_open (covey_state_t *self, const Covey__Control__Propose *propose,
        const covey_swarm_t *swarm, covey_proposal_t **proposal_p)
{
    covey_asked_rule_t asked;
    size_t count = covey_swarm_member_count (swarm);
    covey_voter_t *voters = covey_mem_new (count * sizeof *voters);
    char made[37];
    covey_id_text (covey_state_make_id (self).bytes, made);
    const Covey__V1__Payload *proposal = propose->proposal;
    int64_t timeout_ms =
        propose->has_timeout ? propose->timeout : COVEY_VOTE_TIMEOUT_MS;
    covey_err_t code = covey_asked_rule (propose, &asked, self->err);
    if (!code)
        code = s_electorate (self, propose->rule, swarm, voters);
    asked.rule.strategy = s_strategy (propose, swarm);
    covey_proposal_args_t args = {
        .id = propose->consensus_id ? propose->consensus_id : made,
        .swarm_id = propose->swarm_id,
        .proposer = covey_state_caller (self),
        .content = proposal->has_content_type ? (int)proposal->content_type : 0,
        .data = proposal->data.data,
        .size = proposal->data.len,
        .rule = asked.rule,
        .opened_us = self->now_us,
        .deadline_us = self->now_us + timeout_ms * 1000,
        .voters = voters,
        .voter_count = count,
        .swarm_version = covey_swarm_version (swarm),
    };
    if (!code)
        code = covey_proposal_new (&args, proposal_p, self->err);
    free (voters);
    return code;
}

covey_err_t
covey_state_on_propose (covey_state_t *self,
                        const Covey__Control__Propose *propose)
{
    covey_swarm_entry_t *swarm =
        covey_state_find_swarm (self, propose->swarm_id);
    if (!swarm)
        return covey_fail (self->err, COVEY_NOTFOUND, "no swarm %s",
                           propose->swarm_id);
    covey_err_t code = s_check_propose (self, propose, swarm->swarm);
    covey_proposal_t *proposal = NULL;
    if (!code)
        code = s_open (self, propose, swarm->swarm, &proposal);
    if (code)
        return code;
    covey_vote_entry_t *entry = covey_mem_new (sizeof *entry);
    entry->proposal = proposal;
    entry->seq = ++self->vote_seq;
    entry->timer.kind = COVEY_TIMER_VOTE;
    entry->timer.owner = entry;
    covey_tree_insert (&self->votes, entry);
    covey_tree_insert (&self->votes_open, entry);
    covey_timers_arm (&self->timers, &entry->timer,
                      covey_proposal_args (proposal)->deadline_us);
    s_show (self, entry);
    covey_fact_proposed (self, proposal, NULL);
    return COVEY_OK;
}

void
covey_state_ask_again (covey_state_t *self, const char *agent_id)
{
    for (covey_vote_entry_t *e = covey_tree_first (&self->votes_open); e;
         e = covey_tree_next (&self->votes_open, e)) {
        int voter = covey_proposal_voter (e->proposal, agent_id);
        if (voter >= 0 &&
            !covey_proposal_has_voted (e->proposal, (size_t)voter))
            covey_fact_proposed (self, e->proposal, agent_id);
    }
}

/* ---- ballots, withdrawal
 * --------------------------------------------------------- */

/*  What it says. INVALID: an option that the question does not have.        */
static covey_err_t
s_stance (const Covey__Control__Ballot *ballot, const covey_rule_t *rule,
          covey_stance_t *stance, covey_errbuf_t *err)
{
    stance->vote = (uint8_t)(ballot->has_vote ? (covey_vote_t)ballot->vote
                                              : COVEY_VOTE_APPROVE);
    if (ballot->n_options && !rule->option_count)
        return covey_fail (err, COVEY_INVALID,
                           "%s has no options: approve, reject or abstain",
                           ballot->consensus_id);
    for (size_t i = 0; i < ballot->n_options; i++) {
        int option = covey_rule_option (rule, ballot->options[i]);
        if (option < 0)
            return covey_fail (err, COVEY_INVALID,
                               "\"%.80s\" is no option of %s: the first of %u "
                               "is \"%s\"",
                               ballot->options[i], ballot->consensus_id,
                               rule->option_count, rule->options[0]);
        stance->options[stance->ranked++] = (uint8_t)option;
    }
    return COVEY_OK;
}

/*  The ballot of a command. Of `args` it owns nothing; `seal` is room.       */
static covey_err_t
s_read (const Covey__Control__Ballot *ballot, const char *caller,
        const covey_proposal_t *vote, covey_ballot_args_t *args,
        covey_seal_t *seal, covey_errbuf_t *err)
{
    const char *voter = ballot->agent_id ? ballot->agent_id : caller;
    *args = (covey_ballot_args_t){
        .agent_id = voter,
        .reason = ballot->reason,
        .cast_by = strcmp (caller, voter) == 0 ? NULL : caller,
        .hash = ballot->proposal_hash,
        .version =
            ballot->has_electorate_version ? ballot->electorate_version : 0,
    };
    if (ballot->has_signature) {
        memcpy (seal->public_key, ballot->public_key.data,
                sizeof seal->public_key);
        memcpy (seal->signature, ballot->signature.data,
                sizeof seal->signature);
        args->seal = seal;
    }
    return s_stance (ballot, &covey_proposal_args (vote)->rule, &args->stance,
                     err);
}

bool
covey_state_vouch (const covey_state_t *self,
                   const Covey__Control__Command *command,
                   uint8_t vouched[COVEY_SEALED_SIZE])
{
    covey_errbuf_t err;
    covey_ballot_args_t args;
    covey_seal_t seal;
    if (command->op_case != COVEY__CONTROL__COMMAND__OP_BALLOT ||
        !command->ballot->has_signature)
        return false;
    const covey_vote_entry_t *entry =
        covey_state_find_vote (self, command->ballot->consensus_id);
    return entry &&
           !s_read (command->ballot, command->client_id, entry->proposal, &args,
                    &seal, &err) &&
           covey_proposal_vouch (entry->proposal, &args, vouched);
}

/*  What is wrong with the ballot itself is said before its signature is.    */
static covey_err_t
s_cast (covey_state_t *self, covey_proposal_t *vote,
        const covey_ballot_args_t *args)
{
    covey_err_t code =
        covey_proposal_check (vote, args, self->now_us, self->err);
    if (!code)
        code = covey_state_check_seal (self, vote, args);
    if (code)
        return code;
    if (args->seal && !covey_state_find_ballot_key (self, args->agent_id))
        covey_state_add_ballot_key (self, args->agent_id,
                                    args->seal->public_key);
    return covey_proposal_cast (vote, args, self->now_us, self->err);
}

covey_err_t
covey_state_on_ballot (covey_state_t *self,
                       const Covey__Control__Ballot *ballot)
{
    covey_vote_entry_t *entry;
    covey_err_t code = s_find (self, ballot->consensus_id, &entry);
    if (code)
        return code;
    covey_ballot_args_t args;
    covey_seal_t seal;
    covey_errbuf_t why;
    self->show = COVEY_SHOW_BALLOT;
    covey_err_t what = s_read (ballot, covey_state_caller (self),
                               entry->proposal, &args, &seal, &why);
    code = covey_state_may_speak_for (self, args.agent_id);
    if (!code && what)
        code = covey_fail (self->err, what, "%s", why.text);
    const ProtobufCBinaryData *vouched = &self->command->vouched;
    if (self->command->has_vouched && vouched->len == COVEY_SEALED_SIZE)
        args.vouched = vouched->data;
    if (!code)
        code = s_cast (self, entry->proposal, &args);
    covey_fact_cast (self, entry->proposal, ballot, args.agent_id,
                     code ? self->err->text : NULL);
    if (!code && covey_proposal_step (entry->proposal, self->now_us))
        s_decided (self, entry);
    return code;
}

/*  What came late, twice, or is about nobody, means nothing.                */
covey_err_t
covey_state_on_vote_heard (covey_state_t *self,
                           const Covey__Control__VoteHeard *heard)
{
    for (size_t i = 0; i < heard->n_hearings; i++) {
        const Covey__Control__Hearing *one = heard->hearings[i];
        covey_vote_entry_t *entry =
            covey_state_find_vote (self, one->consensus_id);
        int voter =
            entry ? covey_proposal_voter (entry->proposal, one->agent_id) : -1;
        if (voter >= 0)
            covey_proposal_hear (entry->proposal, (size_t)voter);
    }
    return COVEY_OK;
}

bool
covey_state_is_hearing_news (const covey_state_t *self,
                             const char *consensus_id, const char *agent_id)
{
    const covey_vote_entry_t *entry =
        covey_state_find_vote (self, consensus_id);
    int voter = entry && !covey_proposal_is_decided (entry->proposal)
                    ? covey_proposal_voter (entry->proposal, agent_id)
                    : -1;
    return voter >= 0 &&
           !covey_proposal_has_heard (entry->proposal, (size_t)voter);
}

covey_err_t
covey_state_on_withdraw (covey_state_t *self,
                         const Covey__Control__ProposalRef *ref)
{
    covey_vote_entry_t *entry;
    covey_err_t code = s_find (self, ref->consensus_id, &entry);
    if (code)
        return code;
    const char *proposer = covey_proposal_args (entry->proposal)->proposer;
    code = covey_state_may_speak_for (self, proposer);
    if (code)
        return covey_fail (self->err, code,
                           "only its proposer %s can withdraw %s", proposer,
                           ref->consensus_id);
    covey_errbuf_t reason;
    (void)covey_fail (&reason, COVEY_CANCELED, "withdrawn by %s",
                      covey_state_caller (self));
    code = covey_proposal_withdraw (entry->proposal,
                                    ref->reason && *ref->reason ? ref->reason
                                                                : reason.text,
                                    self->now_us, self->err);
    if (!code)
        s_decided (self, entry);
    return code;
}

void
covey_state_withdraw_all (covey_state_t *self, const char *swarm_id,
                          const char *reason)
{
    covey_vote_entry_t *next;
    for (covey_vote_entry_t *e = covey_tree_first (&self->votes_open); e;
         e = next) {
        next = covey_tree_next (&self->votes_open, e);
        if (strcmp (covey_proposal_args (e->proposal)->swarm_id, swarm_id) != 0)
            continue;
        covey_err_t code =
            covey_proposal_withdraw (e->proposal, reason, self->now_us, NULL);
        if (!code)
            s_decided (self, e);
    }
}
