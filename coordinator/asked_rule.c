#include "coordinator/asked_rule.h"

#include <string.h>

/* ---- asked for --------------------------------------------------------------
 */

static covey_err_t
s_words (const Covey__V1__VoteRule *from, covey_rule_t *rule,
         covey_errbuf_t *err)
{
    if (from->abstentions &&
        !covey_part_parse (from->abstentions, &rule->abstentions))
        return covey_fail (err, COVEY_INVALID,
                           "abstentions \"%.40s\" is neither counted nor aside",
                           from->abstentions);
    if (from->silence && !covey_part_parse (from->silence, &rule->silence))
        return covey_fail (err, COVEY_INVALID,
                           "silence \"%.40s\" is neither counted nor aside",
                           from->silence);
    if (from->tie && !covey_tie_parse (from->tie, &rule->tie))
        return covey_fail (err, COVEY_INVALID,
                           "tie \"%.40s\" is neither reject nor leader",
                           from->tie);
    return COVEY_OK;
}

static covey_err_t
s_options (const Covey__V1__VoteRule *from, covey_asked_rule_t *asked,
           covey_errbuf_t *err)
{
    if (from->n_options > COVEY_OPTIONS_MAX)
        return covey_fail (err, COVEY_LIMIT,
                           "a vote has %zu options, at most %d are taken",
                           from->n_options, COVEY_OPTIONS_MAX);
    for (size_t i = 0; i < from->n_options; i++)
        asked->options[i] = from->options[i];
    asked->rule.options = asked->options;
    asked->rule.option_count = (uint32_t)from->n_options;
    return COVEY_OK;
}

covey_err_t
covey_asked_rule (const Covey__Control__Propose *propose,
                  covey_asked_rule_t *asked, covey_errbuf_t *err)
{
    const Covey__V1__VoteRule *from = propose->rule;
    covey_rule_t *rule = &asked->rule;
    memset (asked, 0, sizeof *asked);
    if (propose->has_voting_strategy)
        rule->strategy = (covey_strategy_t)propose->voting_strategy;
    if (propose->has_quorum_size)
        rule->quorum_size = propose->quorum_size;
    if (!from)
        return COVEY_OK;
    rule->final = from->has_final && from->final;
    rule->ranked = from->has_ranked && from->ranked;
    covey_err_t code = COVEY_OK;
    if (from->threshold)
        code = covey_threshold_parse ("threshold", from->threshold,
                                      &rule->threshold, err);
    if (!code && from->quorum_share)
        code = covey_fraction_parse ("quorumShare", from->quorum_share,
                                     &rule->quorum_share, err);
    if (!code)
        code = s_words (from, rule, err);
    return code ? code : s_options (from, asked, err);
}

/* ---- shown ------------------------------------------------------------------
 */

void
covey_shown_rule (const covey_proposal_t *vote, covey_shown_rule_t *shown)
{
    const covey_proposal_args_t *args = covey_proposal_args (vote);
    const covey_rule_t *rule = &args->rule;
    Covey__V1__VoteRule *to = &shown->message;
    covey__v1__vote_rule__init (to);
    if (covey_rule_has_threshold (rule)) {
        covey_threshold_text (rule->threshold, shown->threshold);
        to->threshold = shown->threshold;
    }
    if (rule->quorum_share.den) {
        covey_fraction_text (rule->quorum_share, shown->quorum);
        to->quorum_share = shown->quorum;
    }
    to->abstentions = (char *)covey_part_name (rule->abstentions);
    to->silence = (char *)covey_part_name (rule->silence);
    to->tie = (char *)covey_tie_name (rule->tie);
    to->has_final = true;
    to->final = rule->final;
    to->options = shown->options;
    for (uint32_t i = 0; i < rule->option_count; i++)
        to->options[to->n_options++] = (char *)rule->options[i];
    to->has_ranked = rule->option_count > 0;
    to->ranked = rule->ranked;
    to->veto_holders = shown->veto_holders;
    for (size_t i = 0; i < args->voter_count; i++)
        if (args->voters[i].veto)
            to->veto_holders[to->n_veto_holders++] =
                (char *)args->voters[i].agent_id;
}

const char *
covey_shown_leader (const covey_proposal_t *vote)
{
    const covey_proposal_args_t *args = covey_proposal_args (vote);
    for (size_t i = 0; i < args->voter_count; i++)
        if (args->voters[i].leads)
            return args->voters[i].agent_id;
    return NULL;
}
