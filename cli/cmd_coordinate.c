/*  covey coordinate OBJECTIVE | show | list | cancel | pause | resume */
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/control.h"
#include "cli/filter.h"
#include "cli/listing.h"

#define CALL_TIMEOUT_MS 5000
#define WAIT_MARGIN_MS 5000

/*  Exit code of a session that ended: with success, without, without agreement.
 */
static int
s_show_ended (covey_cli_t *cli, char **result_p)
{
    char *success = covey_listing_text (*result_p, "success");
    char *code = covey_listing_text (*result_p, "code");
    int exit_code = COVEY_EXIT_OK;
    if (code && strcmp (code, "NO_CONSENSUS") == 0)
        exit_code = COVEY_EXIT_NOCONSENSUS;
    else if (success && strcmp (success, "true") != 0)
        exit_code = COVEY_EXIT_FAILED;
    free (success);
    free (code);
    covey_listing_show (cli, result_p);
    return exit_code;
}

static int
s_wait (covey_cli_t *cli, const char *id, int timeout_ms)
{
    char *result = NULL;
    covey_err_t rc =
        covey_coordination_wait (cli->agent, id, timeout_ms, &result);
    return rc ? covey_cli_fail_rc (cli, rc, id) : s_show_ended (cli, &result);
}

/* ------------------------------------------------------------------------ */

static const covey_opt_t s_options[] = {
    {.flag = "strategy",
     .letter = 's',
     .kind = COVEY_OPT_CHOICE,
     .def = "parallel",
     .choices = "sequential|parallel|hierarchical|consensus",
     .value = "STRATEGY",
     .doc = "how they work together"},
    COVEY_LIST_OPTION ("cap", "CAPABILITY",
                       "each agent must be able to do this"),
    {.flag = "agent-type",
     .kind = COVEY_OPT_TEXT,
     .min = 1,
     .max = COVEY_NAME_MAX,
     .value = "TYPE",
     .doc = "each agent must be of this type"},
    {.flag = "min",
     .kind = COVEY_OPT_INT,
     .min = 1,
     .max = 64,
     .value = "N",
     .doc = "fewer agents are not enough; default 1, hierarchical 2"},
    {.flag = "max",
     .kind = COVEY_OPT_INT,
     .min = 1,
     .max = 64,
     .value = "N",
     .doc = "more are not needed; default: --min"},
    {.flag = "input",
     .letter = 'i',
     .kind = COVEY_OPT_TEXT,
     .max = COVEY_PAYLOAD_MAX,
     .value = "JSON|@FILE|-",
     .doc = "what every agent gets to work on"},
    {.flag = "leader",
     .kind = COVEY_OPT_TEXT,
     .min = 1,
     .max = COVEY_AGENT_ID_MAX,
     .value = "AGENT",
     .doc = "hierarchical: who splits and merges; default: the first that "
            "accepts"},
    {.flag = "voting",
     .kind = COVEY_OPT_CHOICE,
     .choices = "majority|unanimous|weighted|quorum",
     .value = "STRATEGY",
     .doc = "consensus: what decides; default majority"},
    {.flag = "quorum",
     .kind = COVEY_OPT_INT,
     .min = 1,
     .max = 64,
     .value = "N",
     .doc = "consensus: votes that --voting quorum needs"},
    {.flag = "on-failure",
     .kind = COVEY_OPT_CHOICE,
     .def = "continue",
     .choices = "continue|fail",
     .value = "WHAT",
     .doc = "when an agent fails and nobody is in reserve: go on with those "
            "that are left, down to --min, or fail"},
    {.flag = "gather-timeout",
     .kind = COVEY_OPT_MS,
     .def = "10s",
     .min = 1,
     .max = 86400000,
     .value = "MS",
     .doc = "how long agents may take to accept"},
    {.flag = "step-timeout",
     .kind = COVEY_OPT_MS,
     .def = "10m",
     .min = 1,
     .max = 86400000,
     .value = "MS",
     .doc = "how long one agent may work on one step"},
    {.flag = "timeout",
     .letter = 't',
     .kind = COVEY_OPT_MS,
     .def = "1h",
     .min = 1,
     .max = 86400000,
     .value = "MS",
     .doc = "how long the whole may take"},
    {.flag = "attempts",
     .kind = COVEY_OPT_INT,
     .min = 1,
     .max = 10,
     .value = "N",
     .doc = "of a step by one agent, before it counts as failed; default 2"},
    {.flag = "lease",
     .kind = COVEY_OPT_MS,
     .min = 100,
     .max = 86400000,
     .value = "MS",
     .doc = "an agent counts as failed after this time without a report"},
    {.flag = "id",
     .kind = COVEY_OPT_TEXT,
     .min = 1,
     .max = COVEY_NAME_MAX,
     .value = "ID",
     .doc = "id of the session; default: one is made up"},
    {.flag = "wait",
     .doc = "until it is completed; exit code 1 without success, 6 without "
            "consensus"},
    {0}};

static json_t *
s_params (covey_cli_t *cli)
{
    json_t *params = json_object ();
    covey_control_set (params, "coordinationId", covey_cli_text (cli, "id"));
    covey_control_set (params, "objective", covey_cli_arg (cli, 0));
    covey_control_set (params, "strategy", covey_cli_text (cli, "strategy"));
    covey_control_set_list (cli, params, "requiredCapabilities", "cap");
    covey_control_set (params, "agentType", covey_cli_text (cli, "agent-type"));
    covey_control_set_int (cli, params, "minAgents", "min");
    covey_control_set_int (cli, params, "maxAgents", "max");
    covey_control_set (params, "leader", covey_cli_text (cli, "leader"));
    covey_control_set (params, "votingStrategy",
                       covey_cli_text (cli, "voting"));
    covey_control_set_int (cli, params, "quorumSize", "quorum");
    covey_control_set (params, "onFailure", covey_cli_text (cli, "on-failure"));
    covey_control_set_int (cli, params, "gatherTimeout", "gather-timeout");
    covey_control_set_int (cli, params, "stepTimeout", "step-timeout");
    covey_control_set_int (cli, params, "timeout", "timeout");
    covey_control_set_int (cli, params, "attempts", "attempts");
    covey_control_set_int (cli, params, "lease", "lease");
    return params;
}

static int
s_coordinate (covey_cli_t *cli, const char *input, const char *content)
{
    char *result = NULL;
    const covey_control_t control = {.method = "mesh.coordinate",
                                     .params = s_params (cli),
                                     .key = "input",
                                     .content = content,
                                     .payload = input,
                                     .what = covey_cli_arg (cli, 0)};
    int exit_code = covey_control_ask (cli, &control, &result);
    if (exit_code)
        return exit_code;
    if (!covey_cli_flag (cli, "wait")) {
        covey_listing_show (cli, &result);
        return COVEY_EXIT_OK;
    }
    char *id = covey_listing_text (result, "id");
    covey_free (result);
    exit_code =
        id ? s_wait (cli, id, covey_cli_int (cli, "timeout") + WAIT_MARGIN_MS)
           : COVEY_EXIT_FAILED;
    free (id);
    return exit_code;
}

/*  What goes only with some strategies is told before anybody is asked.     */
static int
s_check (covey_cli_t *cli)
{
    const char *strategy = covey_cli_text (cli, "strategy");
    bool leads = strcmp (strategy, "hierarchical") == 0;
    bool votes = strcmp (strategy, "consensus") == 0;
    const char *voting = covey_cli_text (cli, "voting");
    if (!*covey_cli_arg (cli, 0))
        return covey_cli_fail (cli, COVEY_EXIT_USAGE,
                               "the objective is empty: say what is to be "
                               "reached");
    if (covey_options_is_set (cli->options, "min") &&
        covey_options_is_set (cli->options, "max") &&
        covey_cli_int (cli, "min") > covey_cli_int (cli, "max"))
        return covey_cli_fail (
            cli, COVEY_EXIT_USAGE, "--min: %d is above --max %d",
            covey_cli_int (cli, "min"), covey_cli_int (cli, "max"));
    if (covey_cli_text (cli, "leader") && !leads)
        return covey_cli_fail (cli, COVEY_EXIT_USAGE,
                               "--leader goes only with --strategy "
                               "hierarchical, not %s",
                               strategy);
    if (voting && !votes)
        return covey_cli_fail (cli, COVEY_EXIT_USAGE,
                               "--voting goes only with --strategy consensus, "
                               "not %s",
                               strategy);
    if (covey_options_is_set (cli->options, "quorum") &&
        !(voting && strcmp (voting, "quorum") == 0))
        return covey_cli_fail (cli, COVEY_EXIT_USAGE,
                               "--quorum goes only with --voting quorum");
    return COVEY_EXIT_OK;
}

static int
s_run (covey_cli_t *cli)
{
    const char *input = covey_cli_text (cli, "input"), *content = NULL;
    char *text = NULL;
    int exit_code = s_check (cli);
    if (!exit_code && input)
        exit_code = covey_control_read_input (cli, input, &text, &content);
    if (!exit_code)
        exit_code = covey_cli_connect (cli);
    if (!exit_code)
        exit_code = s_coordinate (cli, text, content);
    free (text);
    return exit_code;
}

const covey_cli_command_t covey_cmd_coordinate = {
    .name = "coordinate",
    .args = "OBJECTIVE",
    .summary = "have several agents reach an objective together",
    .text =
        "Agents that are up and offer what is asked for are invited, until "
        "--max of them accept. sequential: one after another, each gets the "
        "result before it. parallel: all at once, the outcome lists their "
        "results. hierarchical: a leader splits the objective into parts, the "
        "others work on them, the leader merges. consensus: each works, then "
        "they vote for one of the results.\n\n"
        "With covey agent run the command gets each step as a task: on "
        "standard input {\"step\":\"work|split|part|merge|vote\", "
        "\"objective\":..., \"input\":..., \"previous\":..., \"part\":..., "
        "\"results\":[...]}, the step also in COVEY_STEP, the session in "
        "COVEY_COORDINATION_ID. A split is a JSON list, or one part a line; a "
        "vote is the number of a result.\n\n"
        "  covey coordinate \"review the draft\" --cap review --min 2 --max 5 "
        "-s consensus --wait",
    .options = s_options,
    .needs = COVEY_CLI_NODE,
    .timeout_ms = CALL_TIMEOUT_MS,
    .args_min = 1,
    .args_max = 1,
    .run = s_run};

/* ------------------------------------------------------------------------ */

static const covey_opt_t s_show_options[] = {
    {.flag = "wait",
     .doc = "until it is completed; exit code 1 without success, 6 without "
            "consensus"},
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
    const covey_control_t control = {
        .method = "mesh.coordination.show",
        .params = json_pack ("{s:s}", "coordinationId", id),
        .what = id};
    exit_code = covey_control_ask (cli, &control, &result);
    if (!exit_code)
        covey_listing_show (cli, &result);
    return exit_code;
}

const covey_cli_command_t covey_cmd_coordinate_show = {
    .name = "coordinate show",
    .args = "SESSION",
    .summary = "show a coordination session: agents, steps, outcome",
    .options = s_show_options,
    .needs = COVEY_CLI_NODE,
    .args_min = 1,
    .args_max = 1,
    .run = s_run_show};

static const covey_opt_t s_reason_options[] = {{.flag = "reason",
                                                .kind = COVEY_OPT_TEXT,
                                                .max = COVEY_TEXT_MAX,
                                                .value = "TEXT",
                                                .doc = "why"},
                                               {0}};

static int
s_change (covey_cli_t *cli, const char *method)
{
    const char *id = covey_cli_arg (cli, 0);
    json_t *params = json_pack ("{s:s}", "coordinationId", id);
    covey_control_set (params, "reason", covey_cli_text (cli, "reason"));
    const covey_control_t control = {
        .method = method, .params = params, .what = id};
    return covey_control_show (cli, &control);
}

static int
s_run_cancel (covey_cli_t *cli)
{
    return s_change (cli, "mesh.coordination.cancel");
}

static int
s_run_pause (covey_cli_t *cli)
{
    return s_change (cli, "mesh.coordination.pause");
}

static int
s_run_resume (covey_cli_t *cli)
{
    return s_change (cli, "mesh.coordination.resume");
}

const covey_cli_command_t covey_cmd_coordinate_cancel = {
    .name = "coordinate cancel",
    .args = "SESSION",
    .summary = "end a coordination session and its steps",
    .options = s_reason_options,
    .needs = COVEY_CLI_NODE,
    .args_min = 1,
    .args_max = 1,
    .run = s_run_cancel};

const covey_cli_command_t covey_cmd_coordinate_pause = {
    .name = "coordinate pause",
    .args = "SESSION",
    .summary = "begin no further steps; its clocks stand still",
    .options = s_reason_options,
    .needs = COVEY_CLI_NODE,
    .args_min = 1,
    .args_max = 1,
    .run = s_run_pause};

const covey_cli_command_t covey_cmd_coordinate_resume = {
    .name = "coordinate resume",
    .args = "SESSION",
    .summary = "go on with a paused session",
    .options = s_reason_options,
    .needs = COVEY_CLI_NODE,
    .args_min = 1,
    .args_max = 1,
    .run = s_run_resume};

/* ------------------------------------------------------------------------ */

static const covey_opt_t s_list_options[] = {
    {.flag = "state",
     .kind = COVEY_OPT_CHOICE,
     .choices = "forming|active|paused|completing|completed",
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
     .value = "SESSION",
     .doc = "go on after this one"},
    {0}};

static covey_err_t
s_fetch_list (covey_cli_t *cli, char **json_p)
{
    json_t *query = json_pack ("{s:i}", "limit", covey_cli_int (cli, "limit"));
    covey_control_set (query, "state", covey_cli_text (cli, "state"));
    covey_control_set (query, "after", covey_cli_text (cli, "after"));
    return covey_control_fetch (cli, "mesh.coordination.list", query, json_p);
}

static int
s_run_list (covey_cli_t *cli)
{
    static const covey_column_t columns[] = {
        {"ID", "id", COVEY_CELL_TEXT},
        {"STRATEGY", "strategy", COVEY_CELL_TEXT},
        {"STATE", "state", COVEY_CELL_STATE},
        {"%", "progress", COVEY_CELL_NUMBER},
        {"SUCCESS", "success", COVEY_CELL_TEXT},
        {"PARTICIPANTS", "participants", COVEY_CELL_TEXT},
        {"OPENED", "openedAt", COVEY_CELL_AGE},
        {"OBJECTIVE", "objective", COVEY_CELL_TEXT},
        {0}};
    static const covey_listing_t listing = {.fetch = s_fetch_list,
                                            .member = "coordinations",
                                            .columns = columns,
                                            .empty = "no coordinations"};
    int exit_code = covey_cli_connect (cli);
    return exit_code ? exit_code : covey_listing_run (cli, &listing);
}

const covey_cli_command_t covey_cmd_coordinate_list = {
    .name = "coordinate list",
    .args = "",
    .summary = "list coordination sessions",
    .options = s_list_options,
    .needs = COVEY_CLI_NODE | COVEY_CLI_WATCH,
    .run = s_run_list};

const covey_cli_command_t covey_cmd_coordinations = {
    .name = "coordinations",
    .args = "",
    .summary = "list coordination sessions (short for covey coordinate list)",
    .options = s_list_options,
    .needs = COVEY_CLI_NODE | COVEY_CLI_WATCH,
    .run = s_run_list};
