/*  covey vote propose | cast | withdraw | show | list                        */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "cli/commands.h"
#include "cli/control.h"
#include "cli/filter.h"
#include "cli/listing.h"

#define CALL_TIMEOUT_MS 5000
#define WAIT_MARGIN_MS 5000

/*  Exit code of a decided vote: the mesh agreed, or it did not.             */
static int
s_show_decided (covey_cli_t *cli, char **result_p)
{
    char *consensus = covey_listing_text (*result_p, "consensus");
    char *state = covey_listing_text (*result_p, "state");
    bool agreed = consensus && strcmp (consensus, "true") == 0;
    bool is_open = state && strcmp (state, "open") == 0;
    free (consensus);
    free (state);
    covey_listing_show (cli, result_p);
    return agreed || is_open ? COVEY_EXIT_OK : COVEY_EXIT_NOCONSENSUS;
}

static int
s_wait (covey_cli_t *cli, const char *id, int timeout_ms)
{
    char *result = NULL;
    covey_err_t rc = covey_vote_wait (cli->agent, id, timeout_ms, &result);
    return rc ? covey_cli_fail_rc (cli, rc, id) : s_show_decided (cli, &result);
}

/* ------------------------------------------------------------------------ */

static const covey_opt_t s_propose_options[] = {
    {.flag = "strategy",
     .letter = 's',
     .kind = COVEY_OPT_CHOICE,
     .def = "majority",
     .choices = "majority|unanimous|weighted|quorum",
     .value = "STRATEGY",
     .doc = "what decides"},
    {.flag = "quorum",
     .kind = COVEY_OPT_INT,
     .min = 1,
     .max = COVEY_LIST_MAX,
     .value = "N",
     .doc = "ballots that a quorum vote needs"},
    {.flag = "timeout",
     .letter = 't',
     .kind = COVEY_OPT_MS,
     .def = "60s",
     .min = 1,
     .max = 86400000,
     .value = "MS",
     .doc = "how long ballots may be cast"},
    {.flag = "id",
     .kind = COVEY_OPT_TEXT,
     .min = 1,
     .max = COVEY_NAME_MAX,
     .value = "ID",
     .doc = "id of the vote; default: one is made up"},
    {.flag = "wait",
     .doc = "until it is decided; exit code 6 without consensus"},
    {0}};

static json_t *
s_propose_params (covey_cli_t *cli)
{
    json_t *params = json_object ();
    covey_control_set (params, "consensusId", covey_cli_text (cli, "id"));
    covey_control_set (params, "swarmId", covey_cli_arg (cli, 0));
    covey_control_set (params, "votingStrategy",
                       covey_cli_text (cli, "strategy"));
    json_object_set_new (params, "timeout",
                         json_integer (covey_cli_int (cli, "timeout")));
    covey_control_set_int (cli, params, "quorumSize", "quorum");
    return params;
}

static int
s_check_quorum (covey_cli_t *cli)
{
    bool is_quorum = strcmp (covey_cli_text (cli, "strategy"), "quorum") == 0;
    bool has_size = covey_options_is_set (cli->options, "quorum");
    if (is_quorum && !has_size)
        return covey_cli_fail (cli, COVEY_EXIT_USAGE,
                               "--quorum: is missing; --strategy quorum needs "
                               "--quorum N");
    if (has_size && !is_quorum)
        return covey_cli_fail (cli, COVEY_EXIT_USAGE,
                               "--quorum: \"%s\": goes only with --strategy "
                               "quorum, not %s",
                               covey_cli_text (cli, "quorum"),
                               covey_cli_text (cli, "strategy"));
    return COVEY_EXIT_OK;
}

static int
s_propose (covey_cli_t *cli, const char *proposal)
{
    char *result = NULL;
    const covey_control_t control = {.method = "swarm.propose",
                                     .params = s_propose_params (cli),
                                     .key = "proposal",
                                     .payload = proposal,
                                     .what = covey_cli_arg (cli, 0)};
    int exit_code = covey_control_ask (cli, &control, &result);
    if (exit_code)
        return exit_code;
    if (!covey_cli_flag (cli, "wait"))
        return s_show_decided (cli, &result);
    char *id = covey_listing_text (result, "id");
    covey_free (result);
    exit_code =
        id ? s_wait (cli, id, covey_cli_int (cli, "timeout") + WAIT_MARGIN_MS)
           : COVEY_EXIT_FAILED;
    free (id);
    return exit_code;
}

static int
s_run_propose (covey_cli_t *cli)
{
    char *text = NULL;
    size_t size = 0;
    int exit_code = s_check_quorum (cli);
    if (!exit_code)
        exit_code = covey_cli_read (cli, covey_cli_arg (cli, 1), true,
                                    COVEY_PAYLOAD_MAX, &text, &size);
    if (!exit_code)
        exit_code = covey_cli_check_json (cli, "the proposal", text, size);
    if (!exit_code)
        exit_code = covey_cli_connect (cli);
    if (!exit_code)
        exit_code = s_propose (cli, text);
    free (text);
    return exit_code;
}

const covey_cli_command_t covey_cmd_vote_propose = {
    .name = "vote propose",
    .args = "SWARM JSON|@FILE|-",
    .summary = "put a question to a swarm",
    .text = "majority: more than half of all members approve; unanimous: all "
            "do; weighted:\nmore than half of all weight approves; quorum: at "
            "least N ballots, and more\napprove than reject.",
    .options = s_propose_options,
    .needs = COVEY_CLI_NODE,
    .timeout_ms = CALL_TIMEOUT_MS,
    .args_min = 2,
    .args_max = 2,
    .run = s_run_propose};

/* ------------------------------------------------------------------------ */

static const covey_opt_t s_cast_options[] = {{.flag = "as",
                                              .env = "COVEY_AGENT_ID",
                                              .kind = COVEY_OPT_TEXT,
                                              .min = 1,
                                              .max = COVEY_AGENT_ID_MAX,
                                              .value = "AGENT",
                                              .doc = "the member that votes"},
                                             {.flag = "reason",
                                              .kind = COVEY_OPT_TEXT,
                                              .max = COVEY_TEXT_MAX,
                                              .value = "TEXT",
                                              .doc = "why"},
                                             {0}};

static int
s_check_vote (covey_cli_t *cli, const char *vote)
{
    static const char *const votes[] = {"approve", "reject", "abstain"};
    for (size_t i = 0; i < 3; i++)
        if (strcmp (vote, votes[i]) == 0)
            return COVEY_EXIT_OK;
    return covey_cli_fail (cli, COVEY_EXIT_USAGE,
                           "\"%.80s\": must be approve, reject or abstain",
                           vote);
}

static int
s_run_cast (covey_cli_t *cli)
{
    const char *as = covey_cli_text (cli, "as");
    int exit_code = s_check_vote (cli, covey_cli_arg (cli, 1));
    if (exit_code)
        return exit_code;
    if (!as || !covey_str_is_agent_id (as, strlen (as)))
        return covey_cli_fail (cli, COVEY_EXIT_USAGE,
                               "--as: \"%.130s\": must be the id of the agent "
                               "that votes",
                               as ? as : "");
    json_t *params =
        json_pack ("{s:s, s:s, s:s}", "consensusId", covey_cli_arg (cli, 0),
                   "vote", covey_cli_arg (cli, 1), "agentId", as);
    covey_control_set (params, "reason", covey_cli_text (cli, "reason"));
    const covey_control_t control = {.method = "swarm.vote",
                                     .params = params,
                                     .what = covey_cli_arg (cli, 0)};
    return covey_control_show (cli, &control);
}

const covey_cli_command_t covey_cmd_vote_cast = {
    .name = "vote cast",
    .args = "VOTE approve|reject|abstain",
    .summary = "cast a ballot; the last one before the decision counts",
    .options = s_cast_options,
    .needs = COVEY_CLI_NODE,
    .args_min = 2,
    .args_max = 2,
    .run = s_run_cast};

/* ------------------------------------------------------------------------ */

static const covey_opt_t s_withdraw_options[] = {{.flag = "reason",
                                                  .kind = COVEY_OPT_TEXT,
                                                  .max = COVEY_TEXT_MAX,
                                                  .value = "TEXT",
                                                  .doc = "why"},
                                                 {0}};

static int
s_run_withdraw (covey_cli_t *cli)
{
    json_t *params = json_pack ("{s:s}", "consensusId", covey_cli_arg (cli, 0));
    covey_control_set (params, "reason", covey_cli_text (cli, "reason"));
    const covey_control_t control = {.method = "swarm.withdraw",
                                     .params = params,
                                     .what = covey_cli_arg (cli, 0)};
    return covey_control_show (cli, &control);
}

const covey_cli_command_t covey_cmd_vote_withdraw = {
    .name = "vote withdraw",
    .args = "VOTE",
    .summary = "take back a question that is not decided",
    .options = s_withdraw_options,
    .needs = COVEY_CLI_NODE,
    .args_min = 1,
    .args_max = 1,
    .run = s_run_withdraw};

static const covey_opt_t s_show_options[] = {
    {.flag = "wait", .doc = "until it is decided"},
    {.flag = "wait-timeout",
     .kind = COVEY_OPT_MS,
     .def = "10m",
     .min = 1,
     .max = 86400000,
     .value = "MS",
     .doc = "how long --wait waits"},
    {0}};

static int
s_run_show (covey_cli_t *cli)
{
    const char *id = covey_cli_arg (cli, 0);
    char *result = NULL;
    int exit_code = covey_cli_connect (cli);
    if (exit_code)
        return exit_code;
    if (covey_cli_flag (cli, "wait"))
        return s_wait (cli, id, covey_cli_int (cli, "wait-timeout"));
    const covey_control_t control = {.method = "swarm.proposal",
                                     .params =
                                         json_pack ("{s:s}", "consensusId", id),
                                     .what = id};
    exit_code = covey_control_ask (cli, &control, &result);
    return exit_code ? exit_code : s_show_decided (cli, &result);
}

const covey_cli_command_t covey_cmd_vote_show = {
    .name = "vote show",
    .args = "VOTE",
    .summary = "show a vote: turnout, ballots, outcome",
    .text = "The exit code is 6 when the vote was decided without consensus.",
    .options = s_show_options,
    .needs = COVEY_CLI_NODE,
    .args_min = 1,
    .args_max = 1,
    .run = s_run_show};

/* ------------------------------------------------------------------------ */

static const covey_opt_t s_list_options[] = {{.flag = "state",
                                              .kind = COVEY_OPT_CHOICE,
                                              .choices = "open|decided",
                                              .value = "STATE",
                                              .doc = "only in this state"},
                                             {.flag = "limit",
                                              .letter = 'n',
                                              .kind = COVEY_OPT_INT,
                                              .def = "100",
                                              .min = 1,
                                              .max = 1000,
                                              .value = "N",
                                              .doc = "at most N"},
                                             {.flag = "after",
                                              .kind = COVEY_OPT_TEXT,
                                              .min = 1,
                                              .max = COVEY_NAME_MAX,
                                              .value = "VOTE",
                                              .doc = "go on after this one"},
                                             COVEY_CONSISTENCY_OPTION,
                                             {0}};

static covey_err_t
s_fetch_list (covey_cli_t *cli, char **json_p)
{
    json_t *query = json_pack ("{s:i}", "limit", covey_cli_int (cli, "limit"));
    covey_control_set (query, "state", covey_cli_text (cli, "state"));
    covey_control_set (query, "after", covey_cli_text (cli, "after"));
    covey_control_set (query, "consistency",
                       covey_cli_text (cli, "consistency"));
    return covey_control_fetch (cli, "swarm.proposals", query, json_p);
}

static int
s_run_list (covey_cli_t *cli)
{
    static const covey_column_t columns[] = {
        {"ID", "id", COVEY_CELL_TEXT},
        {"SWARM", "swarm", COVEY_CELL_TEXT},
        {"STRATEGY", "strategy", COVEY_CELL_TEXT},
        {"STATE", "state", COVEY_CELL_STATE},
        {"OUTCOME", "outcome", COVEY_CELL_STATE},
        {"CAST", "turnout.cast", COVEY_CELL_NUMBER},
        {"OF", "turnout.voters", COVEY_CELL_NUMBER},
        {"OPENED", "openedAt", COVEY_CELL_AGE},
        {"PROPOSAL", "proposal", COVEY_CELL_TEXT},
        {0}};
    static const covey_listing_t listing = {.fetch = s_fetch_list,
                                            .member = "votes",
                                            .columns = columns,
                                            .empty = "no votes"};
    int exit_code = covey_cli_connect (cli);
    return exit_code ? exit_code : covey_listing_run (cli, &listing);
}

const covey_cli_command_t covey_cmd_vote_list = {.name = "vote list",
                                                 .args = "",
                                                 .summary = "list votes",
                                                 .options = s_list_options,
                                                 .needs = COVEY_CLI_NODE |
                                                          COVEY_CLI_WATCH,
                                                 .run = s_run_list};

const covey_cli_command_t covey_cmd_votes = {
    .name = "votes",
    .args = "",
    .summary = "list votes (short for covey vote list)",
    .options = s_list_options,
    .needs = COVEY_CLI_NODE | COVEY_CLI_WATCH,
    .run = s_run_list};
