/*  test_tally: votes from the input, as docs/voting.md writes them and one per
    block that ends with an empty line; what the tally makes of each, one per
    line: "accepted after 3 blue" or "open after 2". A block with a line
    "table: WORD ..." asks instead for every way in which its members can stand
    by one of these words, the first member's changing fastest: for each two
    letters before and two after the deadline.                                */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/support_vote.h"

#define WORDS_MAX 64

static void
s_answer (const support_vote_t *vote)
{
    covey_decision_t decision;
    size_t read = support_vote_run (vote, &decision);
    printf ("%s after %zu%s%s\n", covey_outcome_name (decision.outcome), read,
            decision.winner >= 0 ? " " : "",
            decision.winner >= 0 ? vote->options[decision.winner] : "");
}

/*  "a1": accepted, option 1; "n-": noQuorum.                                */
static void
s_letters (const covey_decision_t *decision)
{
    putchar (*covey_outcome_name (decision->outcome));
    putchar (decision->winner < 0 ? '-' : '0' + decision->winner);
}

static void
s_stand (const support_vote_t *vote, const covey_stance_t *stances)
{
    covey_count_t count;
    covey_decision_t decision;
    covey_count (&vote->rule, vote->voters, stances, vote->voter_count, &count);
    for (int late = 0; late <= 1; late++) {
        covey_tally_decide (&vote->rule, vote->voters, stances,
                            vote->voter_count, &count, late, &decision);
        s_letters (&decision);
    }
}

static void
s_table (support_vote_t *vote)
{
    covey_stance_t words[WORDS_MAX], stances[SUPPORT_VOTERS_MAX];
    size_t count = 0, at[SUPPORT_VOTERS_MAX] = {0}, i;
    char *rest = NULL;
    for (char *word = strtok_r (vote->table, " ", &rest); word;
         word = strtok_r (NULL, " ", &rest))
        support_vote_stance (vote, word, &words[count++]);
    do {
        for (i = 0; i < vote->voter_count; i++)
            stances[i] = words[at[i]];
        s_stand (vote, stances);
        for (i = 0; i < vote->voter_count && ++at[i] == count; i++)
            at[i] = 0;
    } while (i < vote->voter_count);
    putchar ('\n');
}

int
main (void)
{
    static support_vote_t vote;
    static char line[SUPPORT_LINE_MAX];
    bool inside = false;
    while (fgets (line, sizeof line, stdin)) {
        if (!inside)
            support_vote_begin (&vote);
        inside = *line != '\n';
        if (inside) {
            support_vote_line (&vote, line);
            continue;
        }
        support_vote_end (&vote);
        if (*vote.fault)
            printf ("fault %s\n", vote.fault);
        else if (*vote.table)
            s_table (&vote);
        else
            s_answer (&vote);
    }
    return 0;
}
