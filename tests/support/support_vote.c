#include "tests/support/support_vote.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

static void s_fault (support_vote_t *self, const char *fmt, ...)
    __attribute__ ((format (printf, 2, 3)));

/*  The first one stays.                                                     */
static void
s_fault (support_vote_t *self, const char *fmt, ...)
{
    if (*self->fault)
        return;
    va_list args;
    va_start (args, fmt);
    vsnprintf (self->fault, sizeof self->fault, fmt, args);
    va_end (args);
}

void
support_vote_begin (support_vote_t *self)
{
    memset (self, 0, sizeof *self);
    self->rule.options = self->options;
}

static covey_voter_t *
s_voter (support_vote_t *self, const char *name)
{
    for (size_t i = 0; i < self->voter_count; i++)
        if (strcmp (self->voters[i].agent_id, name) == 0)
            return &self->voters[i];
    s_fault (self, "\"%s\" is no member", name);
    return &self->voters[0];
}

void
support_vote_stance (support_vote_t *self, const char *word,
                     covey_stance_t *stance)
{
    char text[1200], *rest = NULL;
    memset (stance, 0, sizeof *stance);
    stance->vote = COVEY_VOTE_SILENT;
    if (strcmp (word, "-") == 0)
        return;
    for (int vote = COVEY_VOTE_APPROVE; vote <= COVEY_VOTE_ABSTAIN; vote++)
        if (strcmp (covey_vote_name ((covey_vote_t)vote), word) == 0) {
            stance->vote = (uint8_t)vote;
            return;
        }
    covey_str_copy (text, sizeof text, word);
    stance->vote = COVEY_VOTE_APPROVE;
    for (char *name = strtok_r (text, ">", &rest); name;
         name = strtok_r (NULL, ">", &rest)) {
        int option = covey_rule_option (&self->rule, name);
        if (option < 0 || stance->ranked == COVEY_OPTIONS_MAX)
            s_fault (self, "\"%s\" is no option", name);
        else
            stance->options[stance->ranked++] = (uint8_t)option;
    }
}

/* ---- lines ------------------------------------------------------------------
 */

typedef void s_item_fn (support_vote_t *self, const char *item);

static void
s_each (support_vote_t *self, const char *list, s_item_fn *take)
{
    char text[SUPPORT_LINE_MAX], *rest = NULL;
    covey_str_copy (text, sizeof text, list);
    for (char *item = strtok_r (text, ",", &rest); item;
         item = strtok_r (NULL, ",", &rest))
        take (self, item + strspn (item, " "));
}

static void
s_take_member (support_vote_t *self, const char *item)
{
    covey_errbuf_t err;
    double weight = 1;
    if (self->voter_count == SUPPORT_VOTERS_MAX) {
        s_fault (self, "too many members");
        return;
    }
    covey_voter_t *voter = &self->voters[self->voter_count++];
    sscanf (item, "%128s %lf", voter->agent_id, &weight);
    if (covey_weight_from (weight, &voter->weight, &err))
        s_fault (self, "%s", err.text);
}

static void
s_take_option (support_vote_t *self, const char *item)
{
    uint32_t at = self->rule.option_count;
    if (at == COVEY_OPTIONS_MAX) {
        s_fault (self, "too many options");
        return;
    }
    covey_str_copy (self->names[at], sizeof self->names[at], item);
    self->options[at] = self->names[at];
    self->rule.option_count++;
}

static void
s_take_veto (support_vote_t *self, const char *item)
{
    s_voter (self, item)->veto = true;
}

static void
s_take_ballot (support_vote_t *self, const char *item)
{
    covey_errbuf_t err;
    char name[129], word[1200];
    if (sscanf (item, "%128s %1199s", name, word) != 2 ||
        self->ballot_count == SUPPORT_BALLOTS_MAX) {
        s_fault (self, "\"%.80s\" is no ballot", item);
        return;
    }
    covey_cast_t *ballot = &self->ballots[self->ballot_count++];
    covey_voter_t *voter = s_voter (self, name);
    ballot->voter = (uint32_t)(voter - self->voters);
    support_vote_stance (self, word, &ballot->stance);
    if (covey_stance_check (&self->rule, voter, &ballot->stance, &err))
        s_fault (self, "%s", err.text);
}

static void
s_take_quorum (support_vote_t *self, const char *value)
{
    covey_errbuf_t err;
    int64_t size;
    if (covey_str_to_int (value, 1, COVEY_VOTERS_MAX, &size))
        self->rule.quorum_size = (uint32_t)size;
    else if (covey_fraction_parse ("quorum", value, &self->rule.quorum_share,
                                   &err))
        s_fault (self, "%s", err.text);
}

static void
s_take_strategy (support_vote_t *self, const char *value)
{
    char word[40] = "", quorum[40] = "";
    sscanf (value, "%39s %39s", word, quorum);
    int strategy = COVEY_STRATEGY_MAJORITY;
    while (strategy <= COVEY_STRATEGY_QUORUM &&
           strcmp (covey_strategy_name ((covey_strategy_t)strategy), word) != 0)
        strategy++;
    if (strategy > COVEY_STRATEGY_QUORUM)
        s_fault (self, "\"%s\" is no strategy", word);
    else
        self->rule.strategy = (covey_strategy_t)strategy;
    if (*quorum)
        s_take_quorum (self, quorum);
}

static void
s_take_threshold (support_vote_t *self, const char *value)
{
    covey_errbuf_t err;
    if (covey_threshold_parse ("threshold", value, &self->rule.threshold, &err))
        s_fault (self, "%s", err.text);
}

/*  What is said in one word.                                                */
static bool
s_take_word (support_vote_t *self, const char *key, const char *value)
{
    covey_rule_t *rule = &self->rule;
    if (strcmp (key, "abstentions") == 0)
        return covey_part_parse (value, &rule->abstentions);
    if (strcmp (key, "silence") == 0)
        return covey_part_parse (value, &rule->silence);
    if (strcmp (key, "tie") == 0)
        return covey_tie_parse (value, &rule->tie);
    if (strcmp (key, "leader") == 0)
        return s_voter (self, value)->leads = true;
    if (strcmp (key, "final") == 0)
        return rule->final = strcmp (value, "yes") == 0;
    if (strcmp (key, "ranked") == 0)
        return rule->ranked = strcmp (value, "yes") == 0;
    if (strcmp (key, "deadline") == 0)
        return self->deadline_passed = strcmp (value, "passed") == 0;
    if (strcmp (key, "outcome") == 0)
        return covey_str_copy (self->outcome, sizeof self->outcome, value);
    if (strcmp (key, "reason") == 0)
        return covey_str_copy (self->reason, sizeof self->reason, value);
    if (strcmp (key, "table") == 0)
        return covey_str_copy (self->table, sizeof self->table, value);
    return false;
}

void
support_vote_line (support_vote_t *self, const char *line)
{
    char key[24] = "", value[SUPPORT_LINE_MAX];
    const char *colon = strchr (line, ':');
    size_t size = colon ? (size_t)(colon - line) : 0;
    if (!size || size >= sizeof key) {
        s_fault (self, "\"%.80s\" is no line of a vote", line);
        return;
    }
    memcpy (key, line, size);
    covey_str_copy (value, sizeof value, colon + 1 + strspn (colon + 1, " "));
    value[strcspn (value, "\n")] = '\0';
    if (strcmp (key, "strategy") == 0)
        s_take_strategy (self, value);
    else if (strcmp (key, "threshold") == 0)
        s_take_threshold (self, value);
    else if (strcmp (key, "quorum") == 0)
        s_take_quorum (self, value);
    else if (strcmp (key, "options") == 0)
        s_each (self, value, s_take_option);
    else if (strcmp (key, "members") == 0)
        s_each (self, value, s_take_member);
    else if (strcmp (key, "veto") == 0)
        s_each (self, value, s_take_veto);
    else if (strcmp (key, "ballots") == 0)
        s_each (self, value, s_take_ballot);
    else if (!s_take_word (self, key, value))
        s_fault (self, "\"%.23s: %.80s\" says nothing of a vote", key, value);
}

void
support_vote_end (support_vote_t *self)
{
    covey_errbuf_t err;
    if (covey_rule_complete (&self->rule, self->voters, self->voter_count,
                             &err))
        s_fault (self, "%s", err.text);
}

size_t
support_vote_run (const support_vote_t *self, covey_decision_t *decision)
{
    return covey_tally (&self->rule, self->voters, self->voter_count,
                        self->ballots, self->ballot_count,
                        self->deadline_passed, decision);
}
