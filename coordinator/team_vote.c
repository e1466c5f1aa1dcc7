/*  What the participants came to, and which of it they chose. Counting and
    rules are those of swarm/tally.h: to choose one result is to approve of it
    and to reject the others.                                                 */
#include "coordinator/team_impl.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"

/*  Equal but for white space around it, and inside of JSON.                 */
static bool
s_is_same (const covey_blob_t *a, const covey_blob_t *b)
{
    covey_slice_t x = covey_team_trim (a), y = covey_team_trim (b);
    if (a->content != b->content)
        return false;
    if (x.size == y.size && memcmp (x.text, y.text, x.size) == 0)
        return true;
    if (!covey_team_is_json (a) || !covey_team_is_json (b))
        return false;
    covey_buf_t p, q;
    covey_buf_init (&p, COVEY_PAYLOAD_MAX);
    covey_buf_init (&q, COVEY_PAYLOAD_MAX);
    covey_json_squeeze (x.text, x.size, &p);
    covey_json_squeeze (y.text, y.size, &q);
    bool same = p.size == q.size && memcmp (p.data, q.data, p.size) == 0;
    covey_buf_deinit (&p);
    covey_buf_deinit (&q);
    return same;
}

/*  By the number of authors; equal ones stay in the order of seats.         */
static void
s_sort (covey_choice_t *choices, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        covey_choice_t moved = choices[i];
        size_t at = i;
        for (; at > 0 && choices[at - 1].author_count < moved.author_count;
             at--)
            choices[at] = choices[at - 1];
        choices[at] = moved;
    }
}

size_t
covey_team_choices (const covey_team_t *self, covey_choice_t *choices)
{
    size_t count = 0;
    for (size_t i = 0; i < self->step_count; i++) {
        const covey_step_t *step = &self->steps[i];
        if (step->kind != COVEY_STEP_WORK || step->state != COVEY_STEP_DONE)
            continue;
        size_t at = 0;
        while (at < count &&
               !s_is_same (&choices[at].step->result, &step->result))
            at++;
        if (at == count)
            choices[count++] = (covey_choice_t){.step = step};
        choices[at].authors[choices[at].author_count++] = step;
    }
    s_sort (choices, count);
    return count;
}

/*  A choice from 1 to `count`; 0: none. "2", 2 and {"choice":2,...} are said
    alike.                                                                    */
static size_t
s_chosen (const covey_blob_t *vote, size_t count)
{
    covey_slice_t word = covey_team_trim (vote);
    if (covey_team_is_json (vote) && *word.text == '{')
        word = covey_json_get (word, "choice");
    if (word.size >= 2 && *word.text == '"') {
        word.text++;
        word.size -= 2;
    }
    char text[8];
    int64_t number = 0;
    if (word.size == 0 || word.size >= sizeof text)
        return 0;
    memcpy (text, word.text, word.size);
    text[word.size] = '\0';
    return covey_str_to_int (text, 1, (int64_t)count, &number) ? (size_t)number
                                                               : 0;
}

/*  What the vote of an agent weighs.                                        */
static uint64_t
s_weight (const covey_team_t *self, const char *agent_id)
{
    for (size_t i = 0; i < self->invited_count; i++)
        if (strcmp (self->invited[i].agent_id, agent_id) == 0)
            return self->invited[i].weight;
    return COVEY_WEIGHT_ONE;
}

/*  Everybody who has a step in which it votes; of a swarm, all members.     */
static void
s_electorate (const covey_team_t *self, covey_turnout_t *turnout)
{
    *turnout = (covey_turnout_t){.voters = 0};
    for (size_t i = 0; i < self->invited_count && self->swarm; i++) {
        turnout->voters++;
        turnout->weight += self->invited[i].weight;
    }
    for (size_t i = 0; i < self->step_count && !self->swarm; i++)
        if (self->steps[i].kind == COVEY_STEP_VOTE) {
            turnout->voters++;
            turnout->weight += COVEY_WEIGHT_ONE;
        }
}

bool
covey_team_count_votes (const covey_team_t *self, covey_choice_t *choices,
                        size_t count, covey_turnout_t *turnout)
{
    bool voted = false;
    s_electorate (self, turnout);
    for (size_t i = 0; i < self->step_count; i++) {
        const covey_step_t *step = &self->steps[i];
        if (step->kind != COVEY_STEP_VOTE)
            continue;
        voted = true;
        if (step->state != COVEY_STEP_DONE)
            continue;
        uint64_t weight = s_weight (self, step->agent_id);
        size_t chosen = s_chosen (&step->result, count);
        if (chosen) {
            choices[chosen - 1].votes++;
            choices[chosen - 1].weight += weight;
        } else {
            turnout->abstained++;
            turnout->abstained_weight += weight;
        }
    }
    return voted;
}

/*  The vote on one result: those who chose it against those who chose another
    one.                                                                      */
static void
s_decide (const covey_team_t *self, const covey_turnout_t *turnout,
          const covey_choice_t *choice, uint32_t cast, uint64_t cast_weight,
          covey_decision_t *decision)
{
    covey_count_t count = {.leader.vote = COVEY_VOTE_SILENT};
    count.members[COVEY_VOTE_APPROVE] = choice->votes;
    count.members[COVEY_VOTE_REJECT] = cast - choice->votes;
    count.members[COVEY_VOTE_ABSTAIN] = turnout->abstained;
    count.members[COVEY_VOTE_SILENT] =
        turnout->voters - cast - turnout->abstained;
    count.weights[COVEY_VOTE_APPROVE] = choice->weight;
    count.weights[COVEY_VOTE_REJECT] = cast_weight - choice->weight;
    count.weights[COVEY_VOTE_ABSTAIN] = turnout->abstained_weight;
    count.weights[COVEY_VOTE_SILENT] =
        turnout->weight - cast_weight - turnout->abstained_weight;
    covey_rule_t rule = self->rule;
    for (int i = 0; i < 4; i++)
        count.units[i] = covey_rule_is_weighted (&rule) ? count.weights[i]
                                                        : count.members[i];
    /* a quorum above the number of voters cannot be met */
    covey_err_t code = covey_rule_complete (&rule, NULL, turnout->voters, NULL);
    if (!code)
        covey_count_decide (&rule, &count, true, decision);
    else
        decision->outcome = COVEY_OUTCOME_NO_QUORUM;
}

/*  None of them was chosen by enough.                                       */
static void
s_end_undecided (covey_team_t *self, const covey_choice_t *choices,
                 size_t count, const covey_turnout_t *turnout)
{
    covey_buf_t text;
    covey_buf_init (&text, 400);
    for (size_t i = 0; i < count; i++)
        covey_buf_printf (&text, "%u for result %zu, ", choices[i].votes,
                          i + 1);
    covey_buf_putc (&text, '\0');
    covey_team_end (self, COVEY_TEAM_NO_CONSENSUS,
                    "no result won the %s vote of %u: %s%u abstained",
                    covey_strategy_name (self->rule.strategy), turnout->voters,
                    text.failed ? "" : (const char *)text.data,
                    turnout->abstained);
    covey_buf_deinit (&text);
}

void
covey_team_tally (covey_team_t *self)
{
    covey_choice_t choices[COVEY_TEAM_AGENTS_MAX];
    covey_decision_t decision;
    covey_turnout_t turnout;
    uint32_t cast = 0;
    uint64_t cast_weight = 0;
    size_t count = covey_team_choices (self, choices);
    (void)covey_team_count_votes (self, choices, count, &turnout);
    for (size_t i = 0; i < count; i++) {
        cast += choices[i].votes;
        cast_weight += choices[i].weight;
    }
    for (size_t i = 0; i < count; i++) {
        s_decide (self, &turnout, &choices[i], cast, cast_weight, &decision);
        if (decision.outcome != COVEY_OUTCOME_ACCEPTED)
            continue;
        covey_errbuf_t text;
        (void)covey_fail (&text, COVEY_OK, "result %zu, of %s: %s", i + 1,
                          choices[i].step->agent_id, decision.reason);
        covey_task_set (&self->reason, text.text);
        covey_team_succeed (self, &choices[i].step->result);
        return;
    }
    s_end_undecided (self, choices, count, &turnout);
}
