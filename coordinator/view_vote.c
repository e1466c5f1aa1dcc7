/*  What callers see of votes.                                                */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/asked_rule.h"
#include "coordinator/view.h"
#include "proto/json.h"

/*  Reasons of ballots in one view, together.                                */
#define REASONS_MAX (256u << 10)

static void
s_fill_turnout (const covey_count_t *count, Covey__Control__Turnout *turnout)
{
    covey__control__turnout__init (turnout);
    turnout->voters = covey_count_voters (count);
    turnout->cast = covey_count_cast (count);
    turnout->weight = covey_weight_to (covey_count_weight (count));
    turnout->approve = covey_weight_to (count->weights[COVEY_VOTE_APPROVE]);
    turnout->reject = covey_weight_to (count->weights[COVEY_VOTE_REJECT]);
    turnout->abstain = covey_weight_to (count->weights[COVEY_VOTE_ABSTAIN]);
}

static void
s_fill_vote (const covey_proposal_t *vote, Covey__Control__VoteView *view)
{
    const covey_proposal_args_t *args = covey_proposal_args (vote);
    const covey_decision_t *decision = covey_proposal_decision (vote);
    bool decided = covey_proposal_is_decided (vote);
    covey__control__vote_view__init (view);
    view->id = (char *)args->id;
    view->swarm = (char *)args->swarm_id;
    view->strategy = (char *)covey_strategy_name (args->rule.strategy);
    view->state = decided ? "decided" : "open";
    if (decided) {
        view->outcome = (char *)covey_outcome_name (decision->outcome);
        view->reason = (char *)decision->reason;
        view->has_consensus = true;
        view->consensus = decision->outcome == COVEY_OUTCOME_ACCEPTED;
        view->has_decided_at = true;
        view->decided_at = covey_proposal_decided_us (vote);
    }
    view->proposer = (char *)args->proposer;
    view->has_opened_at = true;
    view->opened_at = args->opened_us;
    view->has_deadline = true;
    view->deadline = args->deadline_us;
    view->has_quorum_size = args->rule.quorum_size > 0;
    view->quorum_size = args->rule.quorum_size;
    view->has_electorate_version = true;
    view->electorate_version = args->swarm_version;
    view->leader = (char *)covey_shown_leader (vote);
    view->proposal_hash = (char *)covey_proposal_hash (vote);
    view->has_unsigned_ballots = true;
    view->unsigned_ballots = covey_proposal_unsigned (vote);
    if (decided && decision->winner >= 0)
        view->option = (char *)args->rule.options[decision->winner];
}

/*  First choices of each option.                                            */
typedef struct {
    Covey__Control__OptionCount items[COVEY_OPTIONS_MAX];
    Covey__Control__OptionCount *list[COVEY_OPTIONS_MAX];
} s_options_t;

static void
s_fill_options (const covey_proposal_t *vote, s_options_t *options,
                Covey__Control__VoteView *view)
{
    const covey_rule_t *rule = &covey_proposal_args (vote)->rule;
    const covey_count_t *count = covey_proposal_count (vote);
    for (uint32_t i = 0; i < rule->option_count; i++) {
        Covey__Control__OptionCount *item = &options->items[i];
        covey__control__option_count__init (item);
        item->option = (char *)rule->options[i];
        item->votes = covey_rule_is_weighted (rule)
                          ? covey_weight_to (count->firsts[i])
                          : (double)count->firsts[i];
        options->list[i] = item;
    }
    view->n_option_counts = rule->option_count;
    view->option_counts = options->list;
}

/*  A ballot that counts, with the names of its options.                     */
struct covey_shown_ballot {
    Covey__V1__CountedVote message;
    char *options[COVEY_OPTIONS_MAX];
};

covey_view_ballots_t
covey_view_ballots_new (const covey_proposal_t *vote, size_t reasons_max)
{
    const covey_proposal_args_t *args = covey_proposal_args (vote);
    size_t cast = covey_count_cast (covey_proposal_count (vote)), reasons = 0;
    covey_view_ballots_t self = {
        .items = covey_mem_new (cast * sizeof *self.items),
        .list = covey_mem_new (cast * sizeof (void *))};
    for (size_t i = 0; i < covey_proposal_ballot_count (vote); i++) {
        const covey_ballot_t *ballot = covey_proposal_ballot (vote, i);
        if (!ballot->counts)
            continue;
        struct covey_shown_ballot *shown = &self.items[self.count];
        Covey__V1__CountedVote *item = &shown->message;
        covey__v1__counted_vote__init (item);
        item->agent_id = (char *)args->voters[ballot->voter].agent_id;
        item->has_vote = true;
        item->vote = (Covey__V1__Vote)ballot->stance.vote;
        item->has_weight = true;
        item->weight = covey_weight_to (args->voters[ballot->voter].weight);
        item->has_number = true;
        item->number = (uint32_t)i + 1;
        item->has_serial = true;
        item->serial = ballot->serial;
        item->has_signature = item->has_public_key = ballot->seal != NULL;
        if (ballot->seal) {
            item->signature = (ProtobufCBinaryData){COVEY_SIGNATURE_SIZE,
                                                    ballot->seal->signature};
            item->public_key = (ProtobufCBinaryData){COVEY_PUBLIC_KEY_SIZE,
                                                     ballot->seal->public_key};
        }
        item->options = shown->options;
        for (uint8_t o = 0; o < ballot->stance.ranked; o++)
            item->options[item->n_options++] =
                (char *)args->rule.options[ballot->stance.options[o]];
        size_t size = ballot->reason ? strlen (ballot->reason) : 0;
        if (size && reasons + size <= reasons_max) {
            item->reason = ballot->reason;
            reasons += size;
        }
        self.list[self.count++] = item;
    }
    return self;
}

void
covey_view_ballots_free (covey_view_ballots_t *self)
{
    free (self->items);
    free (self->list);
    *self = (covey_view_ballots_t){.count = 0};
}

static void
s_payload (Covey__V1__Payload *payload, int content, const void *data,
           size_t size)
{
    covey__v1__payload__init (payload);
    payload->has_content_type = true;
    payload->content_type = (Covey__V1__ContentType)content;
    payload->has_data = true;
    payload->data.data = (uint8_t *)data;
    payload->data.len = size;
}

char *
covey_view_decision (const covey_proposal_t *vote)
{
    const covey_decision_t *decision = covey_proposal_decision (vote);
    if (decision->outcome == COVEY_OUTCOME_OPEN ||
        decision->outcome == COVEY_OUTCOME_ACCEPTED)
        return NULL;
    covey_buf_t json;
    covey_buf_init (&json, COVEY_TEXT_MAX);
    covey_buf_printf (&json, "{\"outcome\":\"%s\",\"reason\":",
                      covey_outcome_name (decision->outcome));
    covey_json_quote (&json, decision->reason, strlen (decision->reason));
    covey_buf_putc (&json, '}');
    return covey_buf_steal (&json);
}

/*  Who may vote, and who heard the question.                                */
static void
s_fill_voters (const covey_proposal_t *vote, covey_view_members_t *members,
               Covey__Control__VoteView *view)
{
    const covey_proposal_args_t *args = covey_proposal_args (vote);
    for (size_t i = 0; i < args->voter_count; i++) {
        const char *agent_id = args->voters[i].agent_id;
        covey_view_members_set (members, i, agent_id, args->voters[i].weight);
        if (covey_proposal_has_heard (vote, i))
            view->heard[view->n_heard++] = (char *)agent_id;
    }
}

covey_err_t
covey_view_vote (const covey_proposal_t *vote, covey_view_depth_t depth,
                 covey_buf_t *to)
{
    bool whole = depth == COVEY_VIEW_WHOLE;
    const covey_proposal_args_t *args = covey_proposal_args (vote);
    Covey__Control__VoteView view;
    Covey__Control__Turnout turnout;
    Covey__V1__Payload proposal, decision;
    s_options_t options;
    covey_shown_rule_t rule;
    s_fill_vote (vote, &view);
    s_fill_options (vote, &options, &view);
    covey_shown_rule (vote, &rule);
    view.rule = &rule.message;
    s_fill_turnout (covey_proposal_count (vote), &turnout);
    turnout.has_heard = true;
    turnout.heard = covey_proposal_heard_count (vote);
    view.turnout = &turnout;
    covey_view_ballots_t ballots = {.count = 0};
    if (depth != COVEY_VIEW_COUNT)
        ballots = covey_view_ballots_new (vote, REASONS_MAX);
    view.n_votes = ballots.count;
    view.votes = ballots.list;
    covey_view_members_t members =
        covey_view_members_new (whole ? args->voter_count : 0);
    view.heard =
        covey_mem_new ((whole ? args->voter_count : 0) * sizeof *view.heard);
    if (whole) {
        view.n_electorate = args->voter_count;
        view.electorate = members.list;
        s_fill_voters (vote, &members, &view);
    }
    bool fits = whole && args->size <= COVEY_VIEW_RESULT_MAX / 2;
    s_payload (&proposal, args->content, args->data, args->size);
    view.proposal = fits ? &proposal : NULL;
    char *text = covey_view_decision (vote);
    if (view.has_consensus && view.consensus)
        view.decision = view.proposal;
    else if (text) {
        s_payload (&decision, COVEY_CONTENT_JSON, text, strlen (text));
        view.decision = &decision;
    }
    covey_err_t code = covey_json_write (&view.base, to);
    covey_view_members_free (&members);
    free (text);
    covey_view_ballots_free (&ballots);
    free (view.heard);
    return code;
}

covey_err_t
covey_state_vote (const covey_state_t *self, const char *consensus_id,
                  covey_buf_t *to, covey_errbuf_t *err)
{
    const covey_vote_entry_t *entry =
        covey_state_find_vote (self, consensus_id);
    if (!entry)
        return covey_fail (err, COVEY_NOTFOUND, "no proposal %s", consensus_id);
    return covey_view_vote (entry->proposal, COVEY_VIEW_WHOLE, to);
}

static int
s_key_vote (const void *key, const void *item)
{
    return strcmp (
        key,
        covey_proposal_args (((const covey_vote_entry_t *)item)->proposal)->id);
}

covey_err_t
covey_state_votes (const covey_state_t *self,
                   const Covey__Control__ListQuery *query, covey_buf_t *to,
                   covey_errbuf_t *err)
{
    covey_err_t code =
        covey_view_check_state (query->state, "open", "decided", err);
    if (code)
        return code;
    covey_view_list_t list;
    covey_view_list_begin (&list, "votes", query->has_limit ? query->limit : 0,
                           to);
    const covey_tree_t *votes = &self->votes;
    covey_vote_entry_t *entry =
        query->after ? covey_tree_after (votes, query->after, s_key_vote)
                     : covey_tree_first (votes);
    const char *last = NULL;
    for (; entry && !code; entry = covey_tree_next (votes, entry)) {
        bool decided = covey_proposal_is_decided (entry->proposal);
        if (query->state && decided != (strcmp (query->state, "decided") == 0))
            continue;
        if (!covey_view_list_has_room (&list))
            break;
        last = covey_proposal_args (entry->proposal)->id;
        code = covey_view_vote (entry->proposal, COVEY_VIEW_BALLOTS, to);
    }
    return code ? code : covey_view_list_end (&list, last);
}
