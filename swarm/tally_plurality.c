/*  Options of which each ballot names one: the most votes win. And what becomes
    of a tie between options, here and in a run-off.                          */
#include "swarm/tally_impl.h"

/* ---- ties -------------------------------------------------------------------
 */

/*  The names of what is tied, as far as there is room.                      */
static void
s_names (const covey_rule_t *rule, const bool *tied, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < rule->option_count && used < size; i++)
        if (tied[i])
            used += (size_t)snprintf (text + used, size - used, "%s\"%.24s\"",
                                      used ? ", " : "", rule->options[i]);
}

/*  The leader's best option among those that are tied; -1: it names none.   */
static int
s_leaders_choice (const covey_rule_t *rule, const covey_stance_t *leader,
                  const bool *tied)
{
    if (rule->tie == COVEY_TIE_LEADER)
        for (uint8_t i = 0; i < leader->ranked; i++)
            if (tied[leader->options[i]])
                return leader->options[i];
    return -1;
}

void
covey_tally_tie (const covey_rule_t *rule, const covey_count_t *count,
                 const bool *tied, uint64_t votes, covey_decision_t *decision)
{
    char names[160], units[32];
    s_names (rule, tied, names, sizeof names);
    covey_tally_units (rule, votes, units);
    decision->winner = s_leaders_choice (rule, &count->leader, tied);
    decision->outcome =
        decision->winner < 0 ? COVEY_OUTCOME_REJECTED : COVEY_OUTCOME_ACCEPTED;
    if (decision->winner >= 0)
        COVEY_REASON (decision,
                      "%s tie with %s each, and the leader is for \"%s\"",
                      names, units, rule->options[decision->winner]);
    else
        COVEY_REASON (decision, "%s tie with %s each%s", names, units,
                      rule->tie == COVEY_TIE_LEADER
                          ? ", and the leader is for none of them"
                          : "");
}

/* ---- plurality --------------------------------------------------------------
 */

static bool
s_is_enough (const covey_rule_t *rule, uint64_t part, uint64_t whole)
{
    if (!covey_rule_has_threshold (rule))
        return true;
    int order = covey_fraction_compare (part, whole, rule->threshold.share);
    return rule->threshold.above ? order > 0 : order >= 0;
}

/*  `option` has the most votes, in words.                                   */
static void
s_say (const covey_rule_t *rule, const covey_count_t *count, uint32_t option,
       bool reached, covey_decision_t *decision)
{
    char votes[32], whole[32], words[COVEY_FRACTION_WORDS] = "";
    char quorum[64];
    bool has_threshold = covey_rule_has_threshold (rule);
    uint64_t of = has_threshold ? covey_tally_whole (rule, count, false)
                                : count->units[COVEY_VOTE_APPROVE];
    covey_tally_units (rule, count->firsts[option], votes);
    covey_tally_units (rule, of, whole);
    covey_tally_quorum_words (rule, quorum);
    if (has_threshold)
        covey_threshold_words (rule->threshold, reached, words);
    COVEY_REASON (decision, "\"%s\" has %s of %s, the most%s%s%s",
                  rule->options[option], votes, whole,
                  !has_threshold ? ""
                  : reached      ? " and "
                                 : ", but ",
                  words, quorum);
}

/*  Those with the most votes; the first of them leads.                      */
typedef struct {
    bool is[COVEY_OPTIONS_MAX];
    uint64_t votes;
    uint32_t count, first;
} s_tops_t;

static s_tops_t
s_tops (const covey_rule_t *rule, const covey_count_t *count)
{
    s_tops_t tops = {.votes = 0};
    for (uint32_t i = 0; i < rule->option_count; i++)
        if (count->firsts[i] > tops.votes)
            tops.votes = count->firsts[i];
    for (uint32_t i = rule->option_count; i-- > 0;)
        if (count->firsts[i] == tops.votes) {
            tops.is[i] = true;
            tops.count++;
            tops.first = i;
        }
    return tops;
}

/*  Time is up, and the silent would have been needed.                       */
static void
s_expire (const covey_rule_t *rule, const covey_count_t *count, uint64_t most,
          covey_decision_t *decision)
{
    char votes[32], whole[32], silent[32];
    covey_tally_units (rule, most, votes);
    covey_tally_units (rule, covey_tally_whole (rule, count, false), whole);
    covey_tally_units (rule, count->units[COVEY_VOTE_SILENT], silent);
    decision->outcome = COVEY_OUTCOME_EXPIRED;
    COVEY_REASON (
        decision,
        "the deadline passed with %s of %s for the leading option and "
        "%s silent",
        votes, whole, silent);
}

static void
s_plurality_end (const covey_rule_t *rule, const covey_count_t *count,
                 covey_decision_t *decision)
{
    s_tops_t tops = s_tops (rule, count);
    uint64_t silent = count->units[COVEY_VOTE_SILENT];
    bool enough =
        s_is_enough (rule, tops.votes, covey_tally_whole (rule, count, false));
    bool possible = s_is_enough (rule, tops.votes + silent,
                                 covey_tally_whole (rule, count, true));
    decision->outcome = COVEY_OUTCOME_REJECTED;
    if (!enough && possible && silent && rule->silence == COVEY_PART_COUNTED)
        s_expire (rule, count, tops.votes, decision);
    else if (tops.votes == 0)
        COVEY_REASON (decision, "nobody named an option");
    else if (!enough)
        s_say (rule, count, tops.first, false, decision);
    else if (tops.count > 1)
        covey_tally_tie (rule, count, tops.is, tops.votes, decision);
    else {
        decision->outcome = COVEY_OUTCOME_ACCEPTED;
        decision->winner = (int)tops.first;
        s_say (rule, count, tops.first, true, decision);
    }
}

/*  Does `option` win even when all the silent are for `rival`?              */
static bool
s_outlives (const covey_rule_t *rule, const covey_count_t *count,
            uint32_t option, uint32_t rival)
{
    uint64_t votes = count->firsts[option];
    uint64_t against = count->firsts[rival] + count->units[COVEY_VOTE_SILENT];
    bool leader_is_for_it =
        count->leader.ranked && count->leader.options[0] == option;
    return votes > against || (votes == against && leader_is_for_it &&
                               rule->tie == COVEY_TIE_LEADER);
}

/*  Nobody is asked for more than the first choice, so what the silent can do
    at most is to be all for one option.                                      */
static void
s_plurality_early (const covey_rule_t *rule, const covey_count_t *count,
                   covey_decision_t *decision)
{
    uint64_t whole = covey_tally_whole (rule, count, true);
    uint64_t silent = count->units[COVEY_VOTE_SILENT];
    s_tops_t tops = s_tops (rule, count);
    uint32_t top = tops.first;
    if (!s_is_enough (rule, tops.votes + silent, whole)) {
        decision->outcome = COVEY_OUTCOME_REJECTED;
        s_say (rule, count, top, false, decision);
        return;
    }
    bool certain = s_is_enough (rule, tops.votes, whole);
    for (uint32_t i = 0; i < rule->option_count; i++)
        certain = certain && (i == top || s_outlives (rule, count, top, i));
    if (!certain)
        return;
    decision->outcome = COVEY_OUTCOME_ACCEPTED;
    decision->winner = (int)top;
    s_say (rule, count, top, true, decision);
}

void
covey_tally_plurality (const covey_rule_t *rule, const covey_count_t *count,
                       bool is_final, covey_decision_t *decision)
{
    if (is_final)
        s_plurality_end (rule, count, decision);
    else
        s_plurality_early (rule, count, decision);
}
