#include "cli/vote_bars.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "cli/text.h"

#define BAR_WIDTH 30
#define NAME_WIDTH 12
#define NAMES_SHOWN 8

static const char *
s_text (const json_t *object, const char *key)
{
    const char *text = json_string_value (json_object_get (object, key));
    return text ? text : "";
}

static double
s_number (const json_t *object, const char *key)
{
    return json_number_value (json_object_get (object, key));
}

static bool
s_is_weighted (const json_t *vote)
{
    return strcmp (s_text (vote, "strategy"), "weighted") == 0;
}

/*  What a ballot is drawn as: an option that it names first, or its word.   */
static const char *
s_row_of (const json_t *ballot)
{
    const char *option = json_string_value (
        json_array_get (json_object_get (ballot, "options"), 0));
    return option ? option : s_text (ballot, "vote");
}

/* ---- rows -------------------------------------------------------------------
 */

static void
s_put_bar (double part, double whole)
{
    int length = whole > 0 ? (int)(part / whole * BAR_WIDTH + 0.5) : 0;
    if (part > 0 && length == 0)
        length = 1;
    for (int i = 0; i < BAR_WIDTH; i++)
        putchar (i < length ? '#' : '.');
}

static void
s_put_name (covey_cli_t *cli, const char *name)
{
    char shown[COVEY_AGENT_ID_MAX + 1];
    size_t fits = covey_text_fit (name, NAME_WIDTH);
    covey_str_copy (shown, fits + 1 < sizeof shown ? fits + 1 : sizeof shown,
                    name);
    fputs ("  ", stdout);
    covey_cli_put_text (cli, shown);
    for (size_t width = covey_text_width (shown); width < NAME_WIDTH; width++)
        putchar (' ');
    fputs ("  ", stdout);
}

/*  Who stands there, as far as there is room.                               */
static void
s_put_voters (covey_cli_t *cli, const json_t *vote, const char *row)
{
    const json_t *ballots = json_object_get (vote, "votes");
    size_t shown = 0, more = 0;
    for (size_t i = 0; i < json_array_size (ballots); i++) {
        const json_t *ballot = json_array_get (ballots, i);
        if (strcmp (s_row_of (ballot), row) != 0)
            continue;
        if (shown == NAMES_SHOWN) {
            more++;
            continue;
        }
        fputs (shown++ ? ", " : "  ", stdout);
        covey_cli_put_text (cli, s_text (ballot, "agentId"));
        if (json_object_get (ballot, "signature"))
            fputs (" (signed)", stdout);
    }
    if (more)
        printf (" and %zu more", more);
}

static void
s_put_row (covey_cli_t *cli, const json_t *vote, const char *row, double whole)
{
    const json_t *ballots = json_object_get (vote, "votes");
    double part = 0;
    for (size_t i = 0; i < json_array_size (ballots); i++) {
        const json_t *ballot = json_array_get (ballots, i);
        if (strcmp (s_row_of (ballot), row) == 0)
            part += s_is_weighted (vote) ? s_number (ballot, "weight") : 1;
    }
    s_put_name (cli, row);
    s_put_bar (part, whole);
    printf ("  %6.15g", part);
    s_put_voters (cli, vote, row);
    putchar ('\n');
}

static void
s_put_rows (covey_cli_t *cli, const json_t *vote)
{
    const json_t *turnout = json_object_get (vote, "turnout");
    const json_t *options = json_object_get (vote, "optionCounts");
    size_t count = json_array_size (options);
    bool weighted = s_is_weighted (vote);
    double whole = s_number (turnout, weighted ? "weight" : "voters");
    double cast = weighted ? s_number (turnout, "approve") +
                                 s_number (turnout, "reject") +
                                 s_number (turnout, "abstain")
                           : s_number (turnout, "cast");
    for (size_t i = 0; i < count; i++)
        s_put_row (cli, vote, s_text (json_array_get (options, i), "option"),
                   whole);
    if (count == 0)
        s_put_row (cli, vote, "approve", whole);
    if (count == 0 || s_number (turnout, "reject") > 0)
        s_put_row (cli, vote, "reject", whole);
    s_put_row (cli, vote, "abstain", whole);
    s_put_name (cli, "silent");
    s_put_bar (whole - cast, whole);
    printf ("  %6.15g\n", whole - cast);
}

/* ---- the rest ---------------------------------------------------------------
 */

static void
s_put_fact (covey_cli_t *cli, const char *what, const char *text)
{
    if (!*text)
        return;
    printf ("%-9s", what);
    covey_cli_put_text (cli, text);
    putchar ('\n');
}

static void
s_put_time (const json_t *vote, const char *what, const char *key)
{
    int64_t at_us, now_us = covey_clock_wall_us ();
    char age[24], time[40];
    if (!covey_str_parse_time (s_text (vote, key), &at_us))
        return;
    bool comes = at_us > now_us;
    covey_text_time (now_us, at_us, time);
    covey_text_age (comes ? at_us : now_us, comes ? now_us : at_us, age);
    printf ("%-9s%s, %s%s%s\n", what, time, comes ? "in " : "", age,
            comes ? "" : " ago");
}

static void
s_put_turnout (const json_t *vote)
{
    const json_t *turnout = json_object_get (vote, "turnout");
    double voters = s_number (turnout, "voters"),
           cast = s_number (turnout, "cast");
    printf ("%-9s%.0f of %.0f members, %.0f%%; ", "turnout", cast, voters,
            voters > 0 ? cast / voters * 100 : 0);
    printf ("%.0f ballots are not signed\n",
            s_number (vote, "unsignedBallots"));
}

/*  Whom the question came to, and the first of the others.                  */
static void
s_put_heard (covey_cli_t *cli, const json_t *vote)
{
    const json_t *electorate = json_object_get (vote, "electorate");
    const json_t *heard = json_object_get (vote, "heard");
    size_t at = 0, shown = 0, missing = 0;
    printf ("%-9s%zu of %zu members", "heard", json_array_size (heard),
            json_array_size (electorate));
    for (size_t i = 0; i < json_array_size (electorate); i++) {
        const char *id = s_text (json_array_get (electorate, i), "agentId");
        const char *next = json_string_value (json_array_get (heard, at));
        if (next && strcmp (next, id) == 0) {
            at++;
            continue;
        }
        if (missing++ >= NAMES_SHOWN)
            continue;
        fputs (shown++ ? ", " : "; not ", stdout);
        covey_cli_put_text (cli, id);
    }
    if (missing > shown)
        printf (" and %zu more", missing - shown);
    putchar ('\n');
}

void
covey_vote_bars (covey_cli_t *cli, const char *json)
{
    json_t *vote = json_loads (json, JSON_DECODE_ANY, NULL);
    const char *outcome = s_text (vote, "outcome");
    const char *word = *outcome ? outcome : s_text (vote, "state");
    const json_t *rule = json_object_get (vote, "rule");
    char *question = json_dumps (json_object_get (vote, "proposal"),
                                 JSON_COMPACT | JSON_ENCODE_ANY);
    printf ("%s%s%s", covey_text_state_colour (cli, word), word,
            covey_text_plain (cli));
    fputs (*s_text (vote, "option") ? ": " : "", stdout);
    covey_cli_put_text (cli, s_text (vote, "option"));
    putchar ('\n');
    s_put_fact (cli, "", s_text (vote, "reason"));
    s_put_rows (cli, vote);
    s_put_turnout (vote);
    s_put_heard (cli, vote);
    bool open = strcmp (s_text (vote, "state"), "open") == 0;
    s_put_time (vote, open ? "deadline" : "decided",
                open ? "deadline" : "decidedAt");
    s_put_fact (cli, "vote", s_text (vote, "id"));
    s_put_fact (cli, "swarm", s_text (vote, "swarm"));
    s_put_fact (cli, "question", question ? question : "");
    s_put_fact (cli, "proposer", s_text (vote, "proposer"));
    s_put_fact (cli, "strategy", s_text (vote, "strategy"));
    s_put_fact (cli, "needed", s_text (rule, "threshold"));
    free (question);
    json_decref (vote);
}
