/*  covey coordinate OBJECTIVE | show | list | cancel | pause | resume */
#include <stdlib.h>
#include <string.h>

#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/control.h"

#define CALL_TIMEOUT_MS 5000
#define WAIT_MARGIN_MS 5000
#define DAY_MS 86400000

int
covey_coordinate_judge (const char *json)
{
    char *success = covey_listing_text (json, "success");
    char *code = covey_listing_text (json, "code");
    int exit_code = COVEY_EXIT_OK;
    if (code && strcmp (code, "NO_CONSENSUS") == 0)
        exit_code = COVEY_EXIT_NOCONSENSUS;
    else if (success && strcmp (success, "true") != 0)
        exit_code = COVEY_EXIT_FAILED;
    free (success);
    free (code);
    return exit_code;
}

static const covey_opt_t s_options[] = {
    {.flag = "strategy",
     .key = "strategy",
     .letter = 's',
     .kind = COVEY_OPT_CHOICE,
     .def = "parallel",
     .choices = "sequential|parallel|hierarchical|consensus",
     .value = "STRATEGY",
     .doc = "how they work together"},
    COVEY_ASK_LIST ("cap", "requiredCapabilities", "CAPABILITY",
                    "each agent must be able to do this"),
    COVEY_ASK_NAME ("agent-type", "agentType", "TYPE",
                    "each agent must be of this type"),
    COVEY_ASK_INT ("min", "minAgents", 1, 64,
                   "fewer agents are not enough; default 1, hierarchical 2"),
    COVEY_ASK_INT ("max", "maxAgents", 1, 64,
                   "more are not needed; default: --min"),
    {.flag = "input",
     .letter = 'i',
     .kind = COVEY_OPT_TEXT,
     .max = COVEY_PAYLOAD_MAX,
     .value = "JSON|@FILE|-",
     .doc = "what every agent gets to work on"},
    COVEY_ASK_AGENT ("leader", "leader",
                     "hierarchical: who splits and merges; default: the first "
                     "that accepts"),
    COVEY_ASK_CHOICE ("voting", "votingStrategy",
                      "majority|unanimous|weighted|quorum", "STRATEGY",
                      "consensus: what decides; default majority"),
    COVEY_ASK_INT ("quorum", "quorumSize", 1, 64,
                   "consensus: votes that --voting quorum needs"),
    {.flag = "on-failure",
     .key = "onFailure",
     .kind = COVEY_OPT_CHOICE,
     .def = "continue",
     .choices = "continue|fail",
     .value = "WHAT",
     .doc = "when an agent fails and nobody is in reserve: go on with those "
            "that are left, down to --min, or fail"},
    {.flag = "gather-timeout",
     .key = "gatherTimeout",
     .kind = COVEY_OPT_MS,
     .def = "10s",
     .min = 1,
     .max = DAY_MS,
     .value = "MS",
     .doc = "how long agents may take to accept"},
    {.flag = "step-timeout",
     .key = "stepTimeout",
     .kind = COVEY_OPT_MS,
     .def = "10m",
     .min = 1,
     .max = DAY_MS,
     .value = "MS",
     .doc = "how long one agent may work on one step"},
    {.flag = "timeout",
     .key = "timeout",
     .letter = 't',
     .kind = COVEY_OPT_MS,
     .def = "1h",
     .min = 1,
     .max = DAY_MS,
     .value = "MS",
     .doc = "how long the whole may take"},
    COVEY_ASK_INT ("attempts", "attempts", 1, 10,
                   "of a step by one agent, before it counts as failed; "
                   "default 2"),
    COVEY_ASK_MS ("lease", "lease", 100, DAY_MS,
                  "an agent counts as failed after this time without a report"),
    COVEY_ASK_NAME ("id", "coordinationId", "ID",
                    "id of the session; default: one is made up"),
    {.flag = "wait",
     .doc = "until it is completed; exit code 1 without success, 6 without "
            "consensus"},
    {0}};

static const covey_ask_t s_ask = {.method = "mesh.coordinate",
                                  .args = {"objective"},
                                  .wait = covey_coordination_wait,
                                  .judge = covey_coordinate_judge};

static int
s_coordinate (covey_cli_t *cli, const char *input, const char *content)
{
    char *result = NULL;
    const covey_control_t control = {.method = "mesh.coordinate",
                                     .params = covey_ask_params (cli),
                                     .key = "input",
                                     .content = content,
                                     .payload = input,
                                     .what = covey_cli_arg (cli, 0)};
    int exit_code = covey_control_ask (cli, &control, &result);
    return exit_code ? exit_code
                     : covey_ask_finish (cli, &result,
                                         covey_cli_int (cli, "timeout") +
                                             WAIT_MARGIN_MS);
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
    .ask = &s_ask,
    .run = s_run};

/* ------------------------------------------------------------------------ */

static const covey_opt_t s_show_options[] = {
    COVEY_ASK_WAIT ("until it is completed; exit code 1 without success, 6 "
                    "without consensus"),
    {0}};

static const covey_ask_t s_show = {.method = "mesh.coordination.show",
                                   .args = {"coordinationId"},
                                   .wait = covey_coordination_wait,
                                   .judge = covey_coordinate_judge};

const covey_cli_command_t covey_cmd_coordinate_show = {
    .name = "coordinate show",
    .args = "SESSION",
    .summary = "show a coordination session: agents, steps, outcome",
    .options = s_show_options,
    .needs = COVEY_CLI_NODE | COVEY_CLI_READ,
    .args_min = 1,
    .args_max = 1,
    .ask = &s_show,
    .run = covey_ask_run};

static const covey_opt_t s_reason_options[] = {COVEY_ASK_REASON, {0}};

static const covey_ask_t s_cancel = {.method = "mesh.coordination.cancel",
                                     .args = {"coordinationId"}};
static const covey_ask_t s_pause = {.method = "mesh.coordination.pause",
                                    .args = {"coordinationId"}};
static const covey_ask_t s_resume = {.method = "mesh.coordination.resume",
                                     .args = {"coordinationId"}};

const covey_cli_command_t covey_cmd_coordinate_cancel = {
    .name = "coordinate cancel",
    .args = "SESSION",
    .summary = "end a coordination session and its steps",
    .options = s_reason_options,
    .needs = COVEY_CLI_NODE,
    .args_min = 1,
    .args_max = 1,
    .ask = &s_cancel,
    .run = covey_ask_run};

const covey_cli_command_t covey_cmd_coordinate_pause = {
    .name = "coordinate pause",
    .args = "SESSION",
    .summary = "begin no further steps; its clocks stand still",
    .options = s_reason_options,
    .needs = COVEY_CLI_NODE,
    .args_min = 1,
    .args_max = 1,
    .ask = &s_pause,
    .run = covey_ask_run};

const covey_cli_command_t covey_cmd_coordinate_resume = {
    .name = "coordinate resume",
    .args = "SESSION",
    .summary = "go on with a paused session",
    .options = s_reason_options,
    .needs = COVEY_CLI_NODE,
    .args_min = 1,
    .args_max = 1,
    .ask = &s_resume,
    .run = covey_ask_run};

/* ------------------------------------------------------------------------ */

static const covey_opt_t s_list_options[] = {
    COVEY_ASK_STATE ("forming|active|paused|completing|completed"), {0}};

static const covey_column_t s_columns[] = {
    {"ID", "id", COVEY_CELL_TEXT},
    {"STRATEGY", "strategy", COVEY_CELL_TEXT},
    {"STATE", "state", COVEY_CELL_STATE},
    {"%", "progress", COVEY_CELL_NUMBER},
    {"SUCCESS", "success", COVEY_CELL_TEXT},
    {"SWARM", "swarm", COVEY_CELL_TEXT},
    {"PARTICIPANTS", "participants", COVEY_CELL_TEXT},
    {"OPENED", "openedAt", COVEY_CELL_AGE},
    {"OBJECTIVE", "objective", COVEY_CELL_TEXT},
    {0}};

static const covey_ask_t s_list = {
    .method = "mesh.coordination.list",
    .listing =
        COVEY_ASK_TABLE ("coordinations", s_columns, "no coordinations")};

const covey_cli_command_t covey_cmd_coordinate_list = {
    .name = "coordinate list",
    .args = "",
    .summary = "list coordination sessions",
    .options = s_list_options,
    .needs = COVEY_CLI_LISTING,
    .ask = &s_list,
    .run = covey_ask_run};

const covey_cli_command_t covey_cmd_coordinations = {
    .name = "coordinations",
    .args = "",
    .summary = "list coordination sessions (short for covey coordinate list)",
    .options = s_list_options,
    .needs = COVEY_CLI_LISTING,
    .ask = &s_list,
    .run = covey_ask_run};
