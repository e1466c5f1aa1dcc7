/*  rule - what decides a vote, as data

    Role      pure. A rule is asked for in parts; covey_rule_complete fills in
              what the strategy stands for and says what does not fit. A
              complete rule is all that the tally reads: there is one way to
              count, and no strategy has code of its own
    Memory    the names of the options are borrowed
    Spec      docs/voting.md
*/
#ifndef COVEY_RULE_H_INCLUDED
#define COVEY_RULE_H_INCLUDED

#include "swarm/fraction.h"

#define COVEY_VOTERS_MAX COVEY_LIST_MAX
#define COVEY_OPTIONS_MAX 16
#define COVEY_OPTION_NAME_MAX 64
#define COVEY_WEIGHT_ONE 1000000u
#define COVEY_WEIGHT_MAX 1e9

/*  The names of these are part of JSON; the numbers of the wire.            */
typedef enum {
    COVEY_STRATEGY_MAJORITY = 0,
    COVEY_STRATEGY_UNANIMOUS = 1,
    COVEY_STRATEGY_WEIGHTED = 2,
    COVEY_STRATEGY_QUORUM = 3
} covey_strategy_t;

/*  Is something part of the whole that a threshold is a share of?           */
typedef enum {
    COVEY_PART_DEFAULT = 0, /* as the strategy has it                         */
    COVEY_PART_COUNTED = 1,
    COVEY_PART_ASIDE = 2
} covey_part_t;

typedef enum {
    COVEY_TIE_REJECT = 0,
    COVEY_TIE_LEADER = 1 /* the leader's ballot decides it                    */
} covey_tie_t;

/*  One member of the electorate, as it was when the vote was opened.        */
typedef struct {
    char agent_id[COVEY_AGENT_ID_MAX + 1];
    uint64_t weight; /* micro-units                                           */
    bool veto;       /* its rejection ends the vote                           */
    bool leads;
} covey_voter_t;

/*  All zero is a majority vote with the defaults.                           */
typedef struct {
    covey_strategy_t strategy;
    uint32_t quorum_size;          /* ballots needed; 0: none                 */
    covey_fraction_t quorum_share; /* of all that is counted; none: den 0     */
    covey_threshold_t threshold;   /* none: share.den 0                       */
    covey_part_t abstentions;      /* in the whole of the threshold           */
    covey_part_t silence;
    covey_tie_t tie;
    bool final;  /* a ballot cannot be changed                                */
    bool ranked; /* options are ranked: instant run-off; else plurality       */
    const char *const *options; /* none: the question is approve or reject    */
    uint32_t option_count;
} covey_rule_t;

/*  Fill in the defaults, and check the rule against itself and against who may
    vote. INVALID (LIMIT: too many options) names the first fault; `rule` is
    as it was then. A complete rule stays as it is.                           */
covey_err_t covey_rule_complete (covey_rule_t *rule,
                                 const covey_voter_t *voters,
                                 size_t voter_count, covey_errbuf_t *err);
/*  Each ballot has the weight of its voter; else each counts as one.        */
bool covey_rule_is_weighted (const covey_rule_t *rule);
bool covey_rule_has_quorum (const covey_rule_t *rule);
bool covey_rule_has_threshold (const covey_rule_t *rule);
/*  Index of an option by its name; -1: there is none.                       */
int covey_rule_option (const covey_rule_t *rule, const char *name);

/*  INVALID: not a number, not above 0, above COVEY_WEIGHT_MAX, or so small
    that it rounds to nothing.                                                */
covey_err_t covey_weight_from (double weight, uint64_t *micro_p,
                               covey_errbuf_t *err);
double covey_weight_to (uint64_t micro);
/*  "0.300001", with no more digits than it has.                             */
void covey_weight_text (uint64_t micro, char text[32]);

/*  Names as in JSON: "majority", "counted", "leader"; and back, false when
    there is none.                                                            */
const char *covey_strategy_name (covey_strategy_t strategy);
const char *covey_part_name (covey_part_t part);
const char *covey_tie_name (covey_tie_t tie);
bool covey_part_parse (const char *text, covey_part_t *part_p);
bool covey_tie_parse (const char *text, covey_tie_t *tie_p);

#endif
