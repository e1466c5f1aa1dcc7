#include "swarm/rule.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

/* ---- what strategies stand for ----------------------------------------------
 */

static const covey_threshold_t s_more_than_half = {{1, 2}, true};
static const covey_threshold_t s_all = {{1, 1}, false};

/*  A quorum vote compares those who took a side; the others ask for a share of
    all members, so that silence is never consent. Options have no threshold
    unless one is asked for: the most votes win.                              */
static void
s_fill_in (covey_rule_t *rule, size_t voter_count)
{
    bool quorum = rule->strategy == COVEY_STRATEGY_QUORUM;
    bool options = rule->option_count > 0;
    if (rule->strategy == COVEY_STRATEGY_UNANIMOUS)
        rule->threshold = s_all;
    else if (!rule->threshold.share.den && !options)
        rule->threshold = s_more_than_half;
    covey_part_t part = quorum ? COVEY_PART_ASIDE : COVEY_PART_COUNTED;
    if (!rule->abstentions)
        rule->abstentions = part;
    if (!rule->silence)
        rule->silence = part;
    if (quorum && !covey_rule_has_quorum (rule))
        rule->quorum_size = (uint32_t)voter_count / 2 + 1;
}

/* ---- what does not fit ------------------------------------------------------
 */

static covey_err_t
s_check_options (const covey_rule_t *rule, covey_errbuf_t *err)
{
    if (rule->option_count == 0)
        return rule->ranked
                   ? covey_fail (err, COVEY_INVALID,
                                 "a ranked vote needs options to be ranked")
                   : COVEY_OK;
    if (rule->option_count == 1)
        return covey_fail (err, COVEY_INVALID,
                           "one option is no choice: name two or more, or "
                           "none, to approve or reject");
    if (rule->option_count > COVEY_OPTIONS_MAX)
        return covey_fail (err, COVEY_LIMIT,
                           "a vote has %u options, at most %d are taken",
                           rule->option_count, COVEY_OPTIONS_MAX);
    for (uint32_t i = 0; i < rule->option_count; i++) {
        const char *name = rule->options[i];
        if (!*name || strlen (name) > COVEY_OPTION_NAME_MAX)
            return covey_fail (err, COVEY_INVALID,
                               "option %u \"%.70s\" must have 1 to %d bytes",
                               i + 1, name, COVEY_OPTION_NAME_MAX);
        if ((uint32_t)covey_rule_option (rule, name) < i)
            return covey_fail (err, COVEY_INVALID,
                               "option \"%s\" is named twice", name);
    }
    return COVEY_OK;
}

static covey_err_t
s_check_threshold (const covey_rule_t *rule, covey_errbuf_t *err)
{
    bool is_set = covey_rule_has_threshold (rule);
    if (rule->strategy == COVEY_STRATEGY_UNANIMOUS && is_set &&
        rule->threshold.share.num != rule->threshold.share.den)
        return covey_fail (err, COVEY_INVALID,
                           "a threshold does not go with strategy unanimous, "
                           "which asks for all");
    if (is_set && !covey_threshold_is_good (rule->threshold))
        return covey_fail (err, COVEY_INVALID,
                           "a threshold of %u/%u is no share between 0 and 1",
                           rule->threshold.share.num,
                           rule->threshold.share.den);
    if (rule->ranked && (is_set || rule->strategy == COVEY_STRATEGY_UNANIMOUS))
        return covey_fail (err, COVEY_INVALID,
                           "a ranked vote has its own threshold, more than "
                           "half of what still counts: leave threshold and "
                           "strategy unanimous away");
    return COVEY_OK;
}

static covey_err_t
s_check_quorum (const covey_rule_t *rule, size_t voter_count,
                covey_errbuf_t *err)
{
    if (rule->quorum_size && rule->quorum_share.den)
        return covey_fail (err, COVEY_INVALID,
                           "a quorum is a count or a share, not both");
    if (rule->quorum_size > voter_count)
        return covey_fail (err, COVEY_INVALID,
                           "a quorum of %u can never be met: the swarm has %zu "
                           "members",
                           rule->quorum_size, voter_count);
    if (rule->quorum_share.den && !covey_fraction_is_share (rule->quorum_share))
        return covey_fail (err, COVEY_INVALID,
                           "a quorum of %u/%u is no share between 0 and 1",
                           rule->quorum_share.num, rule->quorum_share.den);
    return COVEY_OK;
}

static bool
s_has_leader (const covey_voter_t *voters, size_t voter_count)
{
    for (size_t i = 0; i < voter_count; i++)
        if (voters[i].leads)
            return true;
    return false;
}

covey_err_t
covey_rule_complete (covey_rule_t *rule, const covey_voter_t *voters,
                     size_t voter_count, covey_errbuf_t *err)
{
    if (voter_count == 0)
        return covey_fail (err, COVEY_STATE,
                           "the swarm has no members: nobody could vote");
    covey_err_t code = s_check_options (rule, err);
    if (!code)
        code = s_check_threshold (rule, err);
    if (!code)
        code = s_check_quorum (rule, voter_count, err);
    if (!code && rule->tie == COVEY_TIE_LEADER &&
        !s_has_leader (voters, voter_count))
        code = covey_fail (err, COVEY_INVALID,
                           "the leader cannot decide a tie: the swarm's leader "
                           "is no member of it");
    if (!code)
        s_fill_in (rule, voter_count);
    return code;
}

/* ---- questions --------------------------------------------------------------
 */

bool
covey_rule_is_weighted (const covey_rule_t *rule)
{
    return rule->strategy == COVEY_STRATEGY_WEIGHTED;
}

bool
covey_rule_has_quorum (const covey_rule_t *rule)
{
    return rule->quorum_size || rule->quorum_share.den;
}

bool
covey_rule_has_threshold (const covey_rule_t *rule)
{
    return rule->threshold.share.den != 0;
}

int
covey_rule_option (const covey_rule_t *rule, const char *name)
{
    for (uint32_t i = 0; i < rule->option_count; i++)
        if (strcmp (rule->options[i], name) == 0)
            return (int)i;
    return -1;
}

/* ---- weights ----------------------------------------------------------------
 */

covey_err_t
covey_weight_from (double weight, uint64_t *micro_p, covey_errbuf_t *err)
{
    if (!(weight > 0) || weight > COVEY_WEIGHT_MAX)
        return covey_fail (
            err, COVEY_INVALID,
            "weight %g is not allowed: it must be above 0 and at most %g",
            weight, COVEY_WEIGHT_MAX);
    /* Two statements: no machine may round once instead of twice. */
    double millionths = weight * COVEY_WEIGHT_ONE;
    uint64_t micro = (uint64_t)(millionths + 0.5);
    if (micro == 0)
        return covey_fail (err, COVEY_INVALID,
                           "weight %g is not allowed: weights have six digits "
                           "after the point, the smallest is 0.000001",
                           weight);
    *micro_p = micro;
    return COVEY_OK;
}

double
covey_weight_to (uint64_t micro)
{
    return (double)micro / COVEY_WEIGHT_ONE;
}

void
covey_weight_text (uint64_t micro, char text[32])
{
    int size = snprintf (text, 32, "%llu.%06llu",
                         (unsigned long long)(micro / COVEY_WEIGHT_ONE),
                         (unsigned long long)(micro % COVEY_WEIGHT_ONE));
    while (text[size - 1] == '0')
        size--;
    text[text[size - 1] == '.' ? size - 1 : size] = '\0';
}

/* ---- names ------------------------------------------------------------------
 */

static const char *const s_strategies[] = {"majority", "unanimous", "weighted",
                                           "quorum"};
static const char *const s_parts[] = {"default", "counted", "aside"};
static const char *const s_ties[] = {"reject", "leader"};

static int
s_find (const char *const *names, int from, int to, const char *text)
{
    for (int i = from; i <= to; i++)
        if (strcmp (names[i], text) == 0)
            return i;
    return -1;
}

const char *
covey_strategy_name (covey_strategy_t strategy)
{
    assert (strategy <= COVEY_STRATEGY_QUORUM);
    return s_strategies[strategy];
}

const char *
covey_part_name (covey_part_t part)
{
    assert (part <= COVEY_PART_ASIDE);
    return s_parts[part];
}

const char *
covey_tie_name (covey_tie_t tie)
{
    assert (tie <= COVEY_TIE_LEADER);
    return s_ties[tie];
}

bool
covey_part_parse (const char *text, covey_part_t *part_p)
{
    int found = s_find (s_parts, COVEY_PART_COUNTED, COVEY_PART_ASIDE, text);
    if (found >= 0)
        *part_p = (covey_part_t)found;
    return found >= 0;
}

bool
covey_tie_parse (const char *text, covey_tie_t *tie_p)
{
    int found = s_find (s_ties, COVEY_TIE_REJECT, COVEY_TIE_LEADER, text);
    if (found >= 0)
        *tie_p = (covey_tie_t)found;
    return found >= 0;
}
