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

size_t
covey_team_count_votes (const covey_team_t *self, covey_choice_t *choices,
                        size_t count, uint32_t *abstained_p)
{
    size_t voters = 0;
    *abstained_p = 0;
    for (size_t i = 0; i < self->step_count; i++) {
        const covey_step_t *step = &self->steps[i];
        if (step->kind != COVEY_STEP_VOTE)
            continue;
        voters++;
        if (step->state != COVEY_STEP_DONE)
            continue;
        size_t chosen = s_chosen (&step->result, count);
        if (chosen)
            choices[chosen - 1].votes++;
        else
            ++*abstained_p;
    }
    return voters;
}

/*  The vote on one result: those who chose it against those who did not.    */
static void
s_decide (const covey_team_t *self, size_t voters, uint32_t approve,
          uint32_t reject, uint32_t abstain, covey_decision_t *decision)
{
    covey_count_t count = {
        .members = {approve, reject, abstain},
        .units = {approve, reject, abstain},
        .leader.vote = COVEY_VOTE_SILENT,
    };
    uint32_t silent = (uint32_t)voters - approve - reject - abstain;
    covey_rule_t rule = self->rule;
    count.members[COVEY_VOTE_SILENT] = silent;
    count.units[COVEY_VOTE_SILENT] = silent;
    /* a quorum above the number of voters cannot be met */
    covey_err_t code = covey_rule_complete (&rule, NULL, voters, NULL);
    if (!code)
        covey_count_decide (&rule, &count, true, decision);
    else
        decision->outcome = COVEY_OUTCOME_NO_QUORUM;
}

void
covey_team_tally (covey_team_t *self)
{
    covey_choice_t choices[COVEY_TEAM_AGENTS_MAX];
    covey_decision_t decision;
    uint32_t abstained, cast = 0;
    size_t count = covey_team_choices (self, choices);
    size_t voters = covey_team_count_votes (self, choices, count, &abstained);
    for (size_t i = 0; i < count; i++)
        cast += choices[i].votes;
    for (size_t i = 0; i < count; i++) {
        s_decide (self, voters, choices[i].votes, cast - choices[i].votes,
                  abstained, &decision);
        if (decision.outcome != COVEY_OUTCOME_ACCEPTED)
            continue;
        covey_errbuf_t text;
        (void)covey_fail (&text, COVEY_OK, "result %zu, of %s: %s", i + 1,
                          choices[i].step->agent_id, decision.reason);
        covey_task_set (&self->reason, text.text);
        covey_team_succeed (self, &choices[i].step->result);
        return;
    }
    covey_buf_t text;
    covey_buf_init (&text, 400);
    for (size_t i = 0; i < count; i++)
        covey_buf_printf (&text, "%u for result %zu, ", choices[i].votes,
                          i + 1);
    covey_buf_putc (&text, '\0');
    covey_team_end (self, COVEY_TEAM_NO_CONSENSUS,
                    "no result won the %s vote of %zu: %s%u abstained",
                    covey_strategy_name (self->rule.strategy), voters,
                    text.failed ? "" : (const char *)text.data, abstained);
    covey_buf_deinit (&text);
}
