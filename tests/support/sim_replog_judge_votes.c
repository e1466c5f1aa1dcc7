/*  Swarms and votes, as everybody is told. The rules are those of
   docs/voting.md in their plainest form: whether an outcome is certain is tried
   out with all that the silent could do, and nothing of swarm/ is asked. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "proto/event.h"
#include "proto/json_scan.h"
#include "tests/support/sim_replog_judge.h"

#define SILENT 3
#define ONE 1000000 /* micro-units */

typedef enum {
    OPEN,
    ACCEPTED,
    REJECTED,
    NO_QUORUM,
    EXPIRED,
    VETOED,
    WITHDRAWN
} s_outcome_t;

static const char *const s_outcomes[] = {"open",     "accepted", "rejected",
                                         "noQuorum", "expired",  "vetoed",
                                         "withdrawn"};

static const char *const s_names[SIM_VOTERS] = {"v0", "v1", "v2", "v3",
                                                "v4", "v5", "a0", "a1"};

const char *
sim_voter_name (int voter)
{
    return s_names[voter];
}

static int
s_voter (const char *agent_id)
{
    for (int i = 0; i < SIM_VOTERS; i++)
        if (strcmp (s_names[i], agent_id) == 0)
            return i;
    return -1;
}

/* ---- swarms -----------------------------------------------------------------
 */

static sim_swarm_t *
s_swarm (const sim_judge_t *self, const char *id)
{
    for (size_t i = self->swarm_count; i-- > 0;)
        if (strcmp (self->swarms[i].id, id) == 0)
            return &self->swarms[i];
    return NULL;
}

const sim_swarm_t *
sim_judge_swarm (const sim_judge_t *self, size_t back)
{
    return back < self->swarm_count
               ? &self->swarms[self->swarm_count - 1 - back]
               : NULL;
}

static void
s_on_formed (sim_judge_t *self, const covey_event_t *fact, const char *id)
{
    const Covey__Control__Command *c = self->command;
    if (s_swarm (self, id))
        sim_judge_break (self, "swarm %s is formed twice", id);
    if (c->op_case != COVEY__CONTROL__COMMAND__OP_SWARM_FORM)
        return; /* somebody else's, a session's for example */
    self->swarms = covey_mem_room (self->swarms, self->swarm_count,
                                   &self->swarm_room, sizeof *self->swarms);
    sim_swarm_t *swarm = &self->swarms[self->swarm_count++];
    *swarm =
        (sim_swarm_t){.leader = s_voter (covey_event_str (fact, "leader"))};
    covey_str_copy (swarm->id, sizeof swarm->id, id);
    for (size_t i = 0; i < c->swarm_form->n_members; i++) {
        const Covey__Control__WeightedMember *one = c->swarm_form->members[i];
        swarm->weights[s_voter (one->agent_id)] =
            one->has_weight ? (uint64_t)(one->weight * ONE + 0.5) : ONE;
    }
}

static void
s_on_swarm (sim_judge_t *self, const covey_event_t *fact, sim_swarm_t *swarm)
{
    int voter = s_voter (covey_event_str (fact, "agentId"));
    if (swarm->gone)
        sim_judge_break (self, "swarm %s changes after its end", swarm->id);
    switch (covey_event_type (fact)) {
        case COVEY_EVENT_SWARM_JOINED:
            if (voter < 0)
                break;
            swarm->weights[voter] =
                (uint64_t)(covey_event_num (fact, "weight") * ONE + 0.5);
            if (swarm->leader < 0) /* it is alone */
                swarm->leader = voter;
            break;
        case COVEY_EVENT_SWARM_LEFT:
            if (voter >= 0)
                swarm->weights[voter] = 0;
            if (voter == swarm->leader)
                swarm->leader = -1; /* until the next is announced */
            break;
        case COVEY_EVENT_SWARM_DISBANDED:
            swarm->gone = true;
            break;
        default:
            break;
    }
}

/* ---- the rule ---------------------------------------------------------------
 */

/*  Approved by `yes` of `whole`, or a tie that the leader decides.           */
static bool
s_is_accepted (const sim_vote_t *vote, uint64_t yes, uint64_t whole,
               bool leader_approves)
{
    uint64_t left = yes * vote->den, right = whole * vote->num;
    if (!yes)
        return false;
    if (vote->more && left == right)
        return vote->leader_ties && leader_approves;
    return left >= right;
}

/*  When time is up and they stand like that.                                */
static s_outcome_t
s_outcome (const sim_vote_t *vote, const uint8_t *stands)
{
    uint64_t units[4] = {0}, cast = 0;
    for (int i = 0; i < SIM_VOTERS; i++) {
        if (!vote->weights[i])
            continue;
        if (vote->vetoes[i] && stands[i] == COVEY__V1__VOTE__REJECT)
            return VETOED;
        units[stands[i]] += vote->weighted ? vote->weights[i] : 1;
        cast += stands[i] != SILENT;
    }
    uint64_t yes = units[COVEY__V1__VOTE__APPROVE];
    uint64_t sides = yes + units[COVEY__V1__VOTE__REJECT];
    uint64_t whole =
        vote->aside ? sides
                    : sides + units[COVEY__V1__VOTE__ABSTAIN] + units[SILENT];
    uint8_t leader = vote->leader < 0 ? SILENT : stands[vote->leader];
    if (cast < vote->quorum)
        return NO_QUORUM;
    if (s_is_accepted (vote, yes, whole, leader == COVEY__V1__VOTE__APPROVE))
        return ACCEPTED;
    if (!vote->aside &&
        s_is_accepted (
            vote, yes + units[SILENT], whole,
            vote->leader >= 0 &&
                (leader == COVEY__V1__VOTE__APPROVE || leader == SILENT)))
        return EXPIRED;
    return REJECTED;
}

static void
s_stands (const sim_vote_t *vote, uint8_t *stands)
{
    for (int i = 0; i < SIM_VOTERS; i++)
        stands[i] = vote->serials[i] ? (uint8_t)vote->stands[i] : SILENT;
}

/*  Whatever the silent from `from` on do, it is one outcome, `*outcome` when
    that is known already.                                                    */
static bool
s_is_same (const sim_vote_t *vote, uint8_t *stands, int from,
           s_outcome_t *outcome)
{
    while (from < SIM_VOTERS &&
           (!vote->weights[from] || stands[from] != SILENT))
        from++;
    if (from == SIM_VOTERS) {
        s_outcome_t now = s_outcome (vote, stands);
        *outcome = *outcome == OPEN ? now : *outcome;
        return *outcome == now;
    }
    bool same = true;
    for (uint8_t what = 0; what <= SILENT && same; what++) {
        stands[from] = what;
        same = s_is_same (vote, stands, from + 1, outcome);
    }
    stands[from] = SILENT;
    return same;
}

/*  OPEN: the silent could still change it.                                  */
static s_outcome_t
s_certain (const sim_vote_t *vote)
{
    uint8_t stands[SIM_VOTERS];
    s_outcome_t outcome = OPEN;
    s_stands (vote, stands);
    return s_is_same (vote, stands, 0, &outcome) ? outcome : OPEN;
}

/* ---- questions --------------------------------------------------------------
 */

static sim_vote_t *
s_vote (const sim_judge_t *self, const char *id)
{
    for (size_t i = self->vote_count; i-- > 0;)
        if (strcmp (self->votes[i].id, id) == 0)
            return &self->votes[i];
    return NULL;
}

const sim_vote_t *
sim_judge_vote (const sim_judge_t *self, size_t back)
{
    return back < self->vote_count ? &self->votes[self->vote_count - 1 - back]
                                   : NULL;
}

static bool
s_is_word (const char *word, const char *what)
{
    return word && strcmp (word, what) == 0;
}

static void
s_take_rule (sim_vote_t *vote, const Covey__Control__Propose *ask)
{
    const Covey__V1__VoteRule *rule = ask->rule;
    const char *threshold = rule->threshold;
    size_t members = 0;
    for (int i = 0; i < SIM_VOTERS; i++)
        members += vote->weights[i] > 0;
    vote->num = 1;
    vote->den = 2;
    vote->more = true;
    if (ask->voting_strategy == COVEY__V1__VOTING_STRATEGY__UNANIMOUS)
        vote->den = 1;
    if (vote->den == 1 || threshold)
        vote->more = false;
    if (threshold) { /* clients ask for no other one */
        vote->num = 2;
        vote->den = 3;
    }
    vote->weighted =
        ask->voting_strategy == COVEY__V1__VOTING_STRATEGY__WEIGHTED;
    vote->aside = ask->voting_strategy == COVEY__V1__VOTING_STRATEGY__QUORUM;
    vote->quorum = ask->has_quorum_size ? ask->quorum_size
                   : vote->aside        ? members / 2 + 1
                                        : 0;
    vote->final = rule->has_final && rule->final;
    vote->leader_ties = s_is_word (rule->tie, "leader");
    for (size_t i = 0; i < rule->n_veto_holders; i++)
        vote->vetoes[s_voter (rule->veto_holders[i])] = true;
}

/*  Everybody is told who may vote: just those that are members now.         */
static void
s_check_electorate (sim_judge_t *self, const covey_event_t *fact,
                    const sim_vote_t *vote)
{
    char *json = covey_event_to_json (fact);
    covey_slice_t event = covey_json_trim (json, strlen (json)), one;
    covey_slice_t list =
        covey_json_get (covey_json_get (event, "data"), "electorate");
    size_t told = 0, members = 0;
    while (list.size && covey_json_next (&list, NULL, &one)) {
        size_t size;
        char *id = covey_json_text (covey_json_get (one, "agentId"), &size);
        int voter = s_voter (id);
        double weight = strtod (covey_json_get (one, "weight").text, NULL);
        told++;
        if (voter < 0 || vote->weights[voter] != (uint64_t)(weight * ONE + 0.5))
            sim_judge_break (self, "%s has another weight in %s", id, vote->id);
        free (id);
    }
    for (int i = 0; i < SIM_VOTERS; i++)
        members += vote->weights[i] > 0;
    if (told != members)
        sim_judge_break (self, "%zu of %zu members may vote in %s", told,
                         members, vote->id);
    covey_free (json);
}

static void
s_on_question (sim_judge_t *self, const covey_event_t *fact, const char *id)
{
    const Covey__Control__Command *c = self->command;
    const sim_vote_t *known = s_vote (self, id);
    int64_t deadline_us = covey_event_int (fact, "deadline");
    if (known) {
        if (known->decided || known->deadline_us != deadline_us)
            sim_judge_break (self, "%s is asked again", id);
        s_check_electorate (self, fact, known);
        return;
    }
    if (!sim_judge_is_done (self, COVEY__CONTROL__COMMAND__OP_PROPOSE)) {
        sim_judge_break (self, "nobody asks %s", id);
        return;
    }
    const sim_swarm_t *swarm = s_swarm (self, c->propose->swarm_id);
    if (!swarm || swarm->gone) {
        sim_judge_break (self, "%s is asked of a swarm that is not", id);
        return;
    }
    self->votes = covey_mem_room (self->votes, self->vote_count,
                                  &self->vote_room, sizeof *self->votes);
    sim_vote_t *vote = &self->votes[self->vote_count++];
    *vote =
        (sim_vote_t){.leader = swarm->leader,
                     .resumes = self->resumes,
                     .deadline_us = self->now_us + c->propose->timeout * 1000};
    covey_str_copy (vote->id, sizeof vote->id, id);
    covey_str_copy (vote->swarm, sizeof vote->swarm, swarm->id);
    covey_str_copy (vote->proposer, sizeof vote->proposer, c->client_id);
    covey_str_copy (vote->hash, sizeof vote->hash,
                    covey_event_str (fact, "proposalHash"));
    vote->version = (uint64_t)covey_event_int (fact, "electorateVersion");
    memcpy (vote->weights, swarm->weights, sizeof vote->weights);
    s_take_rule (vote, c->propose);
    if (deadline_us != vote->deadline_us ||
        s_voter (covey_event_str (fact, "leader")) != vote->leader)
        sim_judge_break (self, "%s has another deadline or leader", id);
    s_check_electorate (self, fact, vote);
    self->sums.votes.asked++;
}

/* ---- ballots ----------------------------------------------------------------
 */

/*  Clients say in the reason how a ballot is signed: "s2.1" is right for the
    second ballot of its voter, by the first one's key; "f" is forged. An
   agent's key is that of its first signed ballot, and stays it. */
static bool
s_is_sealed (sim_judge_t *self, const Covey__Control__Ballot *ballot,
             const sim_vote_t *vote, int voter)
{
    unsigned serial = 0;
    int key = 0;
    if (!ballot->reason)
        return self->keys_of[voter] == 0;
    if (sscanf (ballot->reason, "s%u.%d", &serial, &key) != 2 ||
        serial != vote->serials[voter] + 1 ||
        (self->keys_of[voter] && self->keys_of[voter] != key))
        return false;
    return true;
}

/*  Must it be taken?                                                        */
static bool
s_foresee (sim_judge_t *self, const Covey__Control__Ballot *ballot,
           const sim_vote_t *vote, int voter)
{
    return !vote->decided && self->now_us < vote->deadline_us && voter >= 0 &&
           vote->weights[voter] &&
           (!ballot->has_electorate_version ||
            ballot->electorate_version == vote->version) &&
           !(vote->final && vote->serials[voter]) &&
           s_is_sealed (self, ballot, vote, voter);
}

static const char *
s_said_by (const sim_judge_t *self)
{
    const Covey__Control__Command *c = self->command;
    return c->ballot->agent_id ? c->ballot->agent_id : c->client_id;
}

static void
s_take_ballot (sim_judge_t *self, sim_vote_t *vote, int voter)
{
    const Covey__Control__Command *c = self->command;
    vote->stands[voter] = c->ballot->vote;
    vote->serials[voter]++;
    vote->numbers[voter] = ++vote->cast;
    vote->fresh = true;
    if (c->ballot->reason)
        (void)sscanf (c->ballot->reason, "s%*u.%d", &self->keys_of[voter]);
    (void)sim_map_put (
        &self->counted, covey_str_hash (c->client_id, strlen (c->client_id)),
        covey_str_hash (c->request_id, strlen (c->request_id)), self->index, 0);
    self->sums.votes.ballots++;
}

static void
s_on_cast (sim_judge_t *self, const covey_event_t *fact, sim_vote_t *vote)
{
    const Covey__Control__Command *c = self->command;
    bool accepted = covey_event_bool (fact, "accepted");
    if (c->op_case != COVEY__CONTROL__COMMAND__OP_BALLOT || !self->is_new ||
        strcmp (c->ballot->consensus_id, vote->id) != 0 || self->told) {
        sim_judge_break (self, "a ballot in %s that nobody cast", vote->id);
        return;
    }
    const char *said_by = s_said_by (self);
    int voter = s_voter (said_by);
    self->told = true;
    if (strcmp (covey_event_str (fact, "agentId"), said_by) != 0)
        sim_judge_break (self, "the ballot of %s in %s is told of %s", said_by,
                         vote->id, covey_event_str (fact, "agentId"));
    if (accepted != s_foresee (self, c->ballot, vote, voter))
        sim_judge_break (self, "the ballot of %s in %s is %s", said_by,
                         vote->id, accepted ? "counted" : "refused");
    else if (accepted == (self->effects->code != COVEY_OK))
        sim_judge_break (self, "the ballot of %s in %s is answered with %s",
                         said_by, vote->id,
                         covey_err_name (self->effects->code));
    else if (accepted)
        s_take_ballot (self, vote, voter);
    self->sums.votes.refused += !accepted;
}

/*  No ballot without its event, but in a vote that is forgotten.            */
static void
s_check_ballot (sim_judge_t *self)
{
    const Covey__Control__Command *c = self->command;
    if (c->op_case != COVEY__CONTROL__COMMAND__OP_BALLOT || !self->is_new ||
        self->told)
        return;
    const sim_vote_t *vote = s_vote (self, c->ballot->consensus_id);
    if (self->effects->code != COVEY_NOTFOUND || (vote && !vote->decided))
        sim_judge_break (self, "a ballot in %s is not told: %s",
                         c->ballot->consensus_id,
                         covey_err_name (self->effects->code));
}

bool
sim_judge_has_ballot (const sim_judge_t *self, const char *caller,
                      const char *request_id)
{
    return sim_map_find ((sim_map_t *)&self->counted,
                         covey_str_hash (caller, strlen (caller)),
                         covey_str_hash (request_id, strlen (request_id)));
}

/* ---- decisions --------------------------------------------------------------
 */

/*  The ballots that it says it counted are what everybody stands by.        */
static void
s_check_counted (sim_judge_t *self, const covey_event_t *fact,
                 const sim_vote_t *vote)
{
    static const char *const says[] = {"\"approve\"", "\"reject\"",
                                       "\"abstain\""};
    char *json = covey_event_to_json (fact);
    covey_slice_t event = covey_json_trim (json, strlen (json)), one;
    covey_slice_t list =
        covey_json_get (covey_json_get (event, "data"), "votes");
    size_t told = 0, stand = 0;
    while (list.size && covey_json_next (&list, NULL, &one)) {
        size_t size;
        char *id = covey_json_text (covey_json_get (one, "agentId"), &size);
        covey_slice_t said = covey_json_get (one, "vote");
        int voter = s_voter (id);
        told++;
        if (voter < 0 || !vote->serials[voter] ||
            strtoull (covey_json_get (one, "number").text, NULL, 10) !=
                vote->numbers[voter] ||
            strncmp (said.text, says[vote->stands[voter]], said.size) != 0)
            sim_judge_break (self,
                             "%s counts a ballot of %s that it does not "
                             "stand by",
                             vote->id, id);
        free (id);
    }
    for (int i = 0; i < SIM_VOTERS; i++)
        stand += vote->serials[i] > 0;
    if (told != stand)
        sim_judge_break (self, "%s counts %zu ballots of %zu", vote->id, told,
                         stand);
    covey_free (json);
}

static bool
s_is_withdrawn (const sim_judge_t *self, const sim_vote_t *vote)
{
    const Covey__Control__Command *c = self->command;
    if (sim_judge_is_done (self, COVEY__CONTROL__COMMAND__OP_WITHDRAW))
        return strcmp (c->withdraw->consensus_id, vote->id) == 0 &&
               strcmp (c->client_id, vote->proposer) == 0;
    return sim_judge_is_done (self,
                              COVEY__CONTROL__COMMAND__OP_SWARM_DISBAND) &&
           strcmp (c->swarm_disband->swarm_id, vote->swarm) == 0;
}

static s_outcome_t
s_expected (sim_judge_t *self, const sim_vote_t *vote)
{
    uint8_t stands[SIM_VOTERS];
    s_stands (vote, stands);
    bool is_due = self->now_us >= vote->deadline_us;
    bool withdrawn = !is_due && s_is_withdrawn (self, vote);
    self->sums.votes.due += is_due;
    self->sums.votes.withdrawn += withdrawn;
    self->sums.votes.certain += !is_due && !withdrawn;
    return is_due      ? s_outcome (vote, stands)
           : withdrawn ? WITHDRAWN
                       : s_certain (vote);
}

static void
s_on_decided (sim_judge_t *self, const covey_event_t *fact, sim_vote_t *vote)
{
    const char *told = covey_event_str (fact, "outcome");
    if (vote->decided) {
        sim_judge_break (self, "%s is decided a second time (%s)", vote->id,
                         told);
        return;
    }
    s_outcome_t expected = s_expected (self, vote);
    if (strcmp (told, s_outcomes[expected]) != 0)
        sim_judge_break (self, "%s is %s, not %s", vote->id,
                         s_outcomes[expected], told);
    if (covey_event_bool (fact, "consensus") != (expected == ACCEPTED) ||
        covey_event_int (fact, "decidedAt") != self->now_us)
        sim_judge_break (self, "%s is told wrong", vote->id);
    s_check_counted (self, fact, vote);
    vote->decided = self->index;
    self->sums.votes.spanning += vote->resumes < self->resumes;
}

/* ---- a command --------------------------------------------------------------
 */

static void
s_on_fact (sim_judge_t *self, const covey_event_t *fact)
{
    int type = covey_event_type (fact);
    if (type != COVEY_EVENT_SYSTEM_INFO &&
        (type < COVEY_EVENT_SWARM_FORMED || type > COVEY_EVENT_SWARM_VOTE_CAST))
        return;
    const char *about = type == COVEY_EVENT_SYSTEM_INFO
                            ? covey_event_metadata (fact, "swarmId")
                            : covey_event_str (fact, "swarmId");
    sim_swarm_t *swarm = s_swarm (self, about);
    const char *id = covey_event_str (fact, "consensusId");
    sim_vote_t *vote = s_vote (self, id);
    if (type == COVEY_EVENT_SWARM_FORMED)
        s_on_formed (self, fact, about);
    else if (type == COVEY_EVENT_SWARM_CONSENSUS_REQUEST)
        s_on_question (self, fact, id);
    else if (type == COVEY_EVENT_SWARM_VOTE_CAST && vote)
        s_on_cast (self, fact, vote);
    else if (type == COVEY_EVENT_SWARM_CONSENSUS_REACHED && vote)
        s_on_decided (self, fact, vote);
    else if (type == COVEY_EVENT_SWARM_VOTE_CAST ||
             type == COVEY_EVENT_SWARM_CONSENSUS_REACHED)
        sim_judge_break (self, "%s of %s, which nobody asked",
                         covey_event_type_name (type), id);
    else if (type == COVEY_EVENT_SYSTEM_INFO && swarm)
        swarm->leader = s_voter (covey_event_metadata (fact, "leader"));
    else if (swarm)
        s_on_swarm (self, fact, swarm);
}

void
sim_judge_votes (sim_judge_t *self)
{
    const Covey__Control__Command *c = self->command;
    self->told = false;
    self->resumes +=
        c->op_case == COVEY__CONTROL__COMMAND__OP_TICK && c->tick->resumed;
    for (size_t i = 0; i < self->effects->fact_count; i++)
        s_on_fact (self, self->effects->facts[i]);
    s_check_ballot (self);
    for (size_t i = 0; i < self->vote_count; i++) {
        sim_vote_t *vote = &self->votes[i];
        if (vote->decided)
            continue;
        if (self->now_us >= vote->deadline_us)
            sim_judge_break (self, "%s outlives its deadline", vote->id);
        if (vote->fresh && s_certain (vote) != OPEN)
            sim_judge_break (self, "%s is certain and not decided", vote->id);
        vote->fresh = false;
    }
}
