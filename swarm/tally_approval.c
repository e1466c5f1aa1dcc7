/*  Approve or reject: does the approving part reach the threshold?

    One function stances it for a part and a whole. Before the deadline it is
    asked twice: once as if all the silent rejected, which is the worst for the
    proposal, and once as if all approved, which is the best. Where both agree
    nothing in between can differ (docs/voting.md, "When is it decided?").    */
#include "swarm/tally_impl.h"

typedef enum { s_short, s_tied, s_reached } s_reach_t;

typedef struct {
    uint64_t part, whole;
    bool leader_approves;
} s_case_t;

static s_reach_t
s_reach (const covey_rule_t *rule, const s_case_t *c)
{
    int order =
        covey_fraction_compare (c->part, c->whole, rule->threshold.share);
    if (c->part == 0 || order < 0)
        return s_short;
    return order > 0 || !rule->threshold.above ? s_reached : s_tied;
}

static bool
s_is_accepted (const covey_rule_t *rule, const s_case_t *c)
{
    s_reach_t reach = s_reach (rule, c);
    return reach == s_reached || (reach == s_tied && c->leader_approves &&
                                  rule->tie == COVEY_TIE_LEADER);
}

/*  The case as it stands, the best and the worst that can come of it.       */
typedef struct {
    s_case_t now, best, worst;
} s_cases_t;

static s_cases_t
s_cases (const covey_rule_t *rule, const covey_count_t *count)
{
    uint64_t part = count->units[COVEY_VOTE_APPROVE];
    uint64_t silent = count->units[COVEY_VOTE_SILENT];
    bool approves = count->leader.vote == COVEY_VOTE_APPROVE;
    bool may = approves || count->leader.vote == COVEY_VOTE_SILENT;
    uint64_t whole = covey_tally_whole (rule, count, true);
    return (s_cases_t){
        .now = {part, covey_tally_whole (rule, count, false), approves},
        .best = {part + silent, whole, may},
        .worst = {part, whole, approves},
    };
}

/* ---- in words ---------------------------------------------------------------
 */

/*  "2 of 4 members approve", "weight 3 of 5 approves", or, where the silent
    are aside, "3 approve, 1 reject, 0 abstain".                              */
static void
s_standing (const covey_rule_t *rule, const covey_count_t *count,
            char text[160])
{
    const char *weight = covey_rule_is_weighted (rule) ? "weight " : "";
    char part[3][32], whole[32];
    for (int vote = COVEY_VOTE_APPROVE; vote <= COVEY_VOTE_ABSTAIN; vote++)
        covey_tally_units (rule, count->units[vote], part[vote]);
    covey_tally_units (rule, covey_tally_whole (rule, count, false), whole);
    if (rule->silence == COVEY_PART_ASIDE)
        snprintf (text, 160, "%s%s approve, %s reject, %s abstain", weight,
                  part[COVEY_VOTE_APPROVE], part[COVEY_VOTE_REJECT],
                  part[COVEY_VOTE_ABSTAIN]);
    else
        snprintf (
            text, 160, "%s%s of %s %s%s", weight, part[COVEY_VOTE_APPROVE],
            whole, *weight ? "approves" : "members approve",
            rule->abstentions == COVEY_PART_ASIDE ? ", abstentions aside" : "");
}

/*  The threshold, reached or not. Without those who are aside, more than half
    is more than the others.                                                  */
static void
s_relation (const covey_rule_t *rule, bool reached, char text[80])
{
    covey_threshold_t t = rule->threshold;
    bool plain = t.above && t.share.num * 2 == t.share.den &&
                 rule->silence == COVEY_PART_ASIDE &&
                 rule->abstentions == COVEY_PART_ASIDE;
    char words[COVEY_FRACTION_WORDS];
    covey_threshold_words (t, reached, words);
    if (plain)
        snprintf (text, 80, "%s approvals than rejections",
                  reached ? "more" : "not more");
    else
        snprintf (text, 80, "%s", words);
}

static void
s_accept (const covey_rule_t *rule, const covey_count_t *count,
          const s_cases_t *cases, covey_decision_t *decision)
{
    char standing[160], relation[80], quorum[64];
    s_standing (rule, count, standing);
    s_relation (rule, true, relation);
    covey_tally_quorum_words (rule, quorum);
    decision->outcome = COVEY_OUTCOME_ACCEPTED;
    if (s_reach (rule, &cases->now) == s_tied)
        COVEY_REASON (decision, "%s: a tie, and the leader approves%s",
                      standing, quorum);
    else
        COVEY_REASON (decision, "%s: %s%s", standing, relation, quorum);
}

static void
s_reject (const covey_rule_t *rule, const covey_count_t *count,
          const s_cases_t *cases, covey_decision_t *decision)
{
    char standing[160], relation[80], quorum[64], best[32], whole[32];
    s_standing (rule, count, standing);
    s_relation (rule, false, relation);
    covey_tally_quorum_words (rule, quorum);
    covey_tally_units (rule, cases->best.part, best);
    covey_tally_units (rule, cases->best.whole, whole);
    const char *tie = "";
    if (s_reach (rule, &cases->best) == s_tied && rule->tie == COVEY_TIE_LEADER)
        tie = ", and the leader does not approve";
    decision->outcome = COVEY_OUTCOME_REJECTED;
    if (rule->silence == COVEY_PART_ASIDE)
        COVEY_REASON (decision, "%s: %s%s%s", standing, relation, tie, quorum);
    else
        COVEY_REASON (decision,
                      "at most %s%s of %s%s can still approve: %s%s%s",
                      covey_rule_is_weighted (rule) ? "weight " : "", best,
                      whole, covey_rule_is_weighted (rule) ? "" : " members",
                      relation, tie, quorum);
}

static void
s_expire (const covey_rule_t *rule, const covey_count_t *count,
          covey_decision_t *decision)
{
    char part[32], whole[32], silent[32];
    bool weighted = covey_rule_is_weighted (rule);
    covey_tally_units (rule, count->units[COVEY_VOTE_APPROVE], part);
    covey_tally_units (rule, covey_tally_whole (rule, count, false), whole);
    covey_tally_units (rule, count->units[COVEY_VOTE_SILENT], silent);
    decision->outcome = COVEY_OUTCOME_EXPIRED;
    COVEY_REASON (decision,
                  "the deadline passed with %s%s of %s%s approving and %s "
                  "silent",
                  weighted ? "weight " : "", part, whole,
                  weighted ? "" : " members", silent);
}

/* ---- deciding ---------------------------------------------------------------
 */

void
covey_tally_approval (const covey_rule_t *rule, const covey_count_t *count,
                      bool is_final, covey_decision_t *decision)
{
    s_cases_t cases = s_cases (rule, count);
    const s_case_t *sure = is_final ? &cases.now : &cases.worst;
    bool possible = s_is_accepted (rule, &cases.best);
    if (s_is_accepted (rule, sure))
        s_accept (rule, count, &cases, decision);
    else if (!possible ||
             (is_final && (rule->silence == COVEY_PART_ASIDE ||
                           count->members[COVEY_VOTE_SILENT] == 0)))
        s_reject (rule, count, &cases, decision);
    else if (is_final)
        s_expire (rule, count, decision);
}
