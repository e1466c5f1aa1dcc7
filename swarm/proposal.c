#include "swarm/proposal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "swarm/digest.h"

/*  State       cast             step               withdraw
    open        counts it        decided if due     decided: withdrawn
    decided     STATE            nothing            STATE                     */

#define NO_BALLOT SIZE_MAX

struct covey_proposal {
    covey_proposal_args_t args; /* its pointers are ours                      */
    char **options;             /* of the rule                                */
    covey_voter_t *voters;      /* sorted by agent id                         */
    covey_stance_t *stances;    /* per voter: what it stands by               */
    bool *heard;                /* per voter: the question came to it         */
    size_t *last;               /* per voter: its ballot that counts          */
    uint16_t *cast;             /* per voter: how many                        */
    covey_ballot_t *ballots;    /* in the order of the log                    */
    size_t ballot_count;
    size_t ballot_capacity;
    char hash[COVEY_HASH_TEXT];
    covey_count_t count;
    covey_decision_t decision;
    int64_t decided_us;
};

static int
s_by_agent (const void *a, const void *b)
{
    return strcmp (((const covey_voter_t *)a)->agent_id,
                   ((const covey_voter_t *)b)->agent_id);
}

/*  The rule's names become ours.                                            */
static void
s_own_rule (covey_proposal_t *self, const covey_rule_t *rule)
{
    self->args.rule = *rule;
    self->options = covey_mem_new (rule->option_count * sizeof *self->options);
    for (uint32_t i = 0; i < rule->option_count; i++)
        self->options[i] = covey_str_dup (rule->options[i]);
    self->args.rule.options = (const char *const *)self->options;
}

static void
s_count (covey_proposal_t *self)
{
    covey_count (&self->args.rule, self->voters, self->stances,
                 self->args.voter_count, &self->count);
}

covey_err_t
covey_proposal_new (const covey_proposal_args_t *args,
                    covey_proposal_t **proposal_p, covey_errbuf_t *err)
{
    size_t count = args->voter_count;
    assert (count <= COVEY_VOTERS_MAX);
    covey_rule_t rule = args->rule;
    covey_err_t code = covey_rule_complete (&rule, args->voters, count, err);
    if (code)
        return code;
    covey_proposal_t *self = covey_mem_new (sizeof *self);
    self->args = *args;
    s_own_rule (self, &rule);
    self->args.id = covey_str_dup (args->id);
    self->args.swarm_id = covey_str_dup (args->swarm_id);
    self->args.proposer = covey_str_dup (args->proposer);
    self->args.data = covey_mem_dup (args->data, args->size);
    self->voters = covey_mem_dup (args->voters, count * sizeof *self->voters);
    self->args.voters = self->voters;
    qsort (self->voters, count, sizeof *self->voters, s_by_agent);
    self->last = covey_mem_new (count * sizeof *self->last);
    self->cast = covey_mem_new (count * sizeof *self->cast);
    self->stances = covey_mem_new (count * sizeof *self->stances);
    self->heard = covey_mem_new (count * sizeof *self->heard);
    for (size_t i = 0; i < count; i++) {
        self->last[i] = NO_BALLOT;
        self->stances[i].vote = COVEY_VOTE_SILENT;
    }
    s_count (self);
    covey_proposal_digest (&self->args, self->hash);
    *proposal_p = self;
    return COVEY_OK;
}

void
covey_proposal_destroy (covey_proposal_t **self_p)
{
    covey_proposal_t *self = *self_p;
    if (!self)
        return;
    for (size_t i = 0; i < self->ballot_count; i++) {
        free (self->ballots[i].reason);
        free (self->ballots[i].cast_by);
        free (self->ballots[i].seal);
    }
    for (uint32_t i = 0; i < self->args.rule.option_count; i++)
        free (self->options[i]);
    free (self->options);
    free (self->ballots);
    free (self->heard);
    free (self->stances);
    free (self->last);
    free (self->cast);
    free (self->voters);
    free ((void *)self->args.data);
    free ((char *)self->args.proposer);
    free ((char *)self->args.swarm_id);
    free ((char *)self->args.id);
    free (self);
    *self_p = NULL;
}

const char *
covey_proposal_hash (const covey_proposal_t *self)
{
    return self->hash;
}

int
covey_proposal_voter (const covey_proposal_t *self, const char *agent_id)
{
    size_t low = 0, high = self->args.voter_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp (self->voters[middle].agent_id, agent_id);
        if (order == 0)
            return (int)middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return -1;
}

covey_err_t
covey_proposal_check (const covey_proposal_t *self,
                      const covey_ballot_args_t *ballot, int64_t now_us,
                      covey_errbuf_t *err)
{
    const char *id = self->args.id;
    if (covey_proposal_is_decided (self))
        return covey_fail (err, COVEY_STATE,
                           "the ballot is late: %s was decided (%s)", id,
                           covey_outcome_name (self->decision.outcome));
    if (now_us >= self->args.deadline_us)
        return covey_fail (err, COVEY_STATE,
                           "the ballot is late: the deadline of %s has passed",
                           id);
    int voter = covey_proposal_voter (self, ballot->agent_id);
    if (voter < 0)
        return covey_fail (err, COVEY_DENIED,
                           "%s has no vote in %s: it was not a member of swarm "
                           "%s when the vote was opened",
                           ballot->agent_id, id, self->args.swarm_id);
    if (ballot->hash && strcmp (ballot->hash, self->hash) != 0)
        return covey_fail (err, COVEY_STATE,
                           "the ballot of %s answers another question than %s: "
                           "proposal hash %.70s",
                           ballot->agent_id, id, ballot->hash);
    if (ballot->version && ballot->version != self->args.swarm_version)
        return covey_fail (
            err, COVEY_STATE,
            "the ballot of %s is for electorate version %llu, %s "
            "has %llu",
            ballot->agent_id, (unsigned long long)ballot->version, id,
            (unsigned long long)self->args.swarm_version);
    if (self->args.rule.final && self->cast[voter])
        return covey_fail (err, COVEY_STATE,
                           "%s has voted in %s, where a ballot cannot be "
                           "changed",
                           ballot->agent_id, id);
    if (self->cast[voter] >= COVEY_BALLOTS_PER_VOTER_MAX)
        return covey_fail (err, COVEY_LIMIT,
                           "%s has cast %d ballots in %s, more are not taken",
                           ballot->agent_id, COVEY_BALLOTS_PER_VOTER_MAX, id);
    return covey_stance_check (&self->args.rule, &self->voters[voter],
                               &ballot->stance, err);
}

covey_err_t
covey_proposal_cast (covey_proposal_t *self, const covey_ballot_args_t *ballot,
                     int64_t now_us, covey_errbuf_t *err)
{
    covey_err_t code = covey_proposal_check (self, ballot, now_us, err);
    if (code)
        return code;
    size_t voter = (size_t)covey_proposal_voter (self, ballot->agent_id);
    self->ballots =
        covey_mem_room (self->ballots, self->ballot_count,
                        &self->ballot_capacity, sizeof *self->ballots);
    if (self->last[voter] != NO_BALLOT)
        self->ballots[self->last[voter]].counts = false;
    self->stances[voter] = ballot->stance;
    s_count (self);
    self->last[voter] = self->ballot_count;
    self->heard[voter] = true;
    uint32_t serial = ++self->cast[voter];
    self->ballots[self->ballot_count++] = (covey_ballot_t){
        .voter = (uint32_t)voter,
        .stance = ballot->stance,
        .counts = true,
        .at_us = now_us,
        .reason = covey_str_dup (ballot->reason),
        .cast_by = covey_str_dup (ballot->cast_by),
        .serial = serial,
        .seal = ballot->seal
                    ? covey_mem_dup (ballot->seal, sizeof *ballot->seal)
                    : NULL,
    };
    return COVEY_OK;
}

/*  What the voter's next ballot has to sign.                                */
static void
s_sealed (const covey_proposal_t *self, const covey_ballot_args_t *ballot,
          int voter, uint8_t digest[COVEY_SEALED_SIZE])
{
    const covey_stance_t *stance = &ballot->stance;
    const char *options[COVEY_OPTIONS_MAX];
    for (uint8_t i = 0; i < stance->ranked; i++)
        options[i] = self->args.rule.options[stance->options[i]];
    const covey_sealed_t sealed = {
        .hash = self->hash,
        .version = self->args.swarm_version,
        .agent_id = ballot->agent_id,
        .weight = self->voters[voter].weight,
        .vote = covey_vote_name ((covey_vote_t)stance->vote),
        .options = options,
        .option_count = stance->ranked,
        .reason = ballot->reason,
        .serial = self->cast[voter] + 1u,
    };
    covey_seal_digest (&sealed, digest);
}

bool
covey_proposal_vouch (const covey_proposal_t *self,
                      const covey_ballot_args_t *ballot,
                      uint8_t vouched[COVEY_SEALED_SIZE])
{
    int voter = covey_proposal_voter (self, ballot->agent_id);
    if (voter < 0 || !ballot->seal || covey_proposal_is_decided (self))
        return false;
    s_sealed (self, ballot, voter, vouched);
    return covey_seal_is_good (vouched, ballot->seal);
}

covey_err_t
covey_proposal_check_seal (const covey_proposal_t *self,
                           const covey_ballot_args_t *ballot,
                           covey_errbuf_t *err)
{
    uint8_t digest[COVEY_SEALED_SIZE];
    int voter = covey_proposal_voter (self, ballot->agent_id);
    if (voter < 0 || !ballot->seal)
        return COVEY_OK;
    s_sealed (self, ballot, voter, digest);
    if (ballot->vouched && memcmp (ballot->vouched, digest, sizeof digest) == 0)
        return COVEY_OK;
    if (covey_seal_is_good (digest, ballot->seal))
        return COVEY_OK;
    return covey_fail (err, COVEY_DENIED,
                       "the signature is not that of ballot %u of %s in %s: it "
                       "is forged, or signs something else",
                       self->cast[voter] + 1u, ballot->agent_id, self->args.id);
}

uint32_t
covey_proposal_unsigned (const covey_proposal_t *self)
{
    uint32_t count = 0;
    for (size_t i = 0; i < self->ballot_count; i++)
        count += self->ballots[i].counts && !self->ballots[i].seal;
    return count;
}

bool
covey_proposal_step (covey_proposal_t *self, int64_t now_us)
{
    if (covey_proposal_is_decided (self))
        return false;
    covey_tally_decide (&self->args.rule, self->voters, self->stances,
                        self->args.voter_count, &self->count,
                        now_us >= self->args.deadline_us, &self->decision);
    self->decided_us = now_us;
    return covey_proposal_is_decided (self);
}

covey_err_t
covey_proposal_withdraw (covey_proposal_t *self, const char *reason,
                         int64_t now_us, covey_errbuf_t *err)
{
    if (covey_proposal_is_decided (self))
        return covey_fail (
            err, COVEY_STATE, "%s cannot be withdrawn: it was decided (%s)",
            self->args.id, covey_outcome_name (self->decision.outcome));
    self->decision.outcome = COVEY_OUTCOME_WITHDRAWN;
    self->decision.winner = -1;
    covey_str_copy (self->decision.reason, sizeof self->decision.reason,
                    reason);
    self->decided_us = now_us;
    return COVEY_OK;
}

covey_err_t
covey_proposal_settle (covey_proposal_t *self, const covey_decision_t *decision,
                       int64_t decided_us)
{
    if (covey_proposal_is_decided (self))
        return COVEY_STATE;
    self->decision = *decision;
    self->decided_us = decided_us;
    return COVEY_OK;
}

bool
covey_proposal_is_decided (const covey_proposal_t *self)
{
    return self->decision.outcome != COVEY_OUTCOME_OPEN;
}

const covey_decision_t *
covey_proposal_decision (const covey_proposal_t *self)
{
    return &self->decision;
}

int64_t
covey_proposal_decided_us (const covey_proposal_t *self)
{
    return covey_proposal_is_decided (self) ? self->decided_us : 0;
}

const covey_count_t *
covey_proposal_count (const covey_proposal_t *self)
{
    return &self->count;
}

const covey_proposal_args_t *
covey_proposal_args (const covey_proposal_t *self)
{
    return &self->args;
}

size_t
covey_proposal_ballot_count (const covey_proposal_t *self)
{
    return self->ballot_count;
}

const covey_ballot_t *
covey_proposal_ballot (const covey_proposal_t *self, size_t index)
{
    assert (index < self->ballot_count);
    return &self->ballots[index];
}

bool
covey_proposal_has_voted (const covey_proposal_t *self, size_t voter)
{
    assert (voter < self->args.voter_count);
    return self->last[voter] != NO_BALLOT;
}

void
covey_proposal_hear (covey_proposal_t *self, size_t voter)
{
    assert (voter < self->args.voter_count);
    if (!covey_proposal_is_decided (self))
        self->heard[voter] = true;
}

bool
covey_proposal_has_heard (const covey_proposal_t *self, size_t voter)
{
    assert (voter < self->args.voter_count);
    return self->heard[voter];
}

uint32_t
covey_proposal_heard_count (const covey_proposal_t *self)
{
    uint32_t count = 0;
    for (size_t i = 0; i < self->args.voter_count; i++)
        count += self->heard[i];
    return count;
}
