/*  covey swarm task                                                          */
#include <stdlib.h>
#include <string.h>

#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/control.h"

#define CALL_TIMEOUT_MS 5000
#define WAIT_MARGIN_MS 5000
#define DAY_MS 86400000

static const covey_opt_t s_options[] = {
    {.flag = "mode",
     .key = "mode",
     .letter = 'm',
     .kind = COVEY_OPT_CHOICE,
     .def = "all",
     .choices = "all|any|split|vote",
     .value = "MODE",
     .doc =
         "who works on it: all members, any one, each on parts of the input, "
         "or all, who then choose a result"},
    {.flag = "input",
     .letter = 'i',
     .kind = COVEY_OPT_TEXT,
     .max = COVEY_PAYLOAD_MAX,
     .value = "JSON|@FILE|-",
     .doc =
         "what there is to work on; split: a JSON list of parts, or one part "
         "a line"},
    COVEY_ASK_LIST ("cap", "requiredCapabilities", "CAPABILITY",
                    "only members that can do this"),
    COVEY_ASK_NAME ("agent-type", "agentType", "TYPE",
                    "only members of this type"),
    COVEY_ASK_CHOICE ("on-failure", "onFailure", "continue|fail", "WHAT",
                      "when a member fails or is lost: go on with the others "
                      "(default; parts of lost ones go to others), or fail"),
    COVEY_ASK_CHOICE ("voting", "votingStrategy",
                      "majority|unanimous|weighted|quorum", "STRATEGY",
                      "vote: what decides; default: as the swarm votes"),
    COVEY_ASK_INT ("quorum", "quorumSize", 1, 64,
                   "vote: votes that --voting quorum needs"),
    {.flag = "step-timeout",
     .key = "stepTimeout",
     .kind = COVEY_OPT_MS,
     .def = "10m",
     .min = 1,
     .max = DAY_MS,
     .value = "MS",
     .doc = "how long one sub-task may take"},
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
                   "of a sub-task, before it has failed; default 2"),
    COVEY_ASK_MS ("lease", "lease", 100, DAY_MS,
                  "a member counts as lost after this time without a report"),
    COVEY_ASK_NAME ("type", "taskType", "TYPE",
                    "type of the sub-tasks; default swarm"),
    COVEY_ASK_NAME ("id", "taskId", "ID",
                    "id of the task; default: one is made up"),
    {.flag = "wait",
     .doc = "until it is completed; exit code 1 without success, 6 without "
            "consensus"},
    {0}};

static const covey_ask_t s_ask = {.method = "swarm.task",
                                  .args = {"swarmId", "objective"},
                                  .wait = covey_coordination_wait,
                                  .judge = covey_coordinate_judge};

static int
s_task (covey_cli_t *cli, const char *input, const char *content)
{
    char *result = NULL;
    const covey_control_t control = {.method = "swarm.task",
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

/*  What goes only with some modes is told before anybody is asked.          */
static int
s_check (covey_cli_t *cli)
{
    const char *mode = covey_cli_text (cli, "mode");
    const char *voting = covey_cli_text (cli, "voting");
    if (!*covey_cli_arg (cli, 1))
        return covey_cli_fail (cli, COVEY_EXIT_USAGE,
                               "the objective is empty: say what is to be "
                               "done");
    if (strcmp (mode, "split") == 0 && !covey_cli_text (cli, "input"))
        return covey_cli_fail (cli, COVEY_EXIT_USAGE,
                               "--input is missing: --mode split needs a list "
                               "of parts");
    if (voting && strcmp (mode, "vote") != 0)
        return covey_cli_fail (cli, COVEY_EXIT_USAGE,
                               "--voting goes only with --mode vote, not %s",
                               mode);
    if (covey_cli_text (cli, "on-failure") && strcmp (mode, "any") == 0)
        return covey_cli_fail (cli, COVEY_EXIT_USAGE,
                               "--on-failure does not go with --mode any: when "
                               "its last attempt fails, the task has failed");
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
        exit_code = s_task (cli, text, content);
    free (text);
    return exit_code;
}

const covey_cli_command_t covey_cmd_swarm_task = {
    .name = "swarm task",
    .args = "SWARM OBJECTIVE",
    .summary = "give a task to the members of a swarm",
    .text =
        "all: every member works on it, the outcome lists their results. any: "
        "the first member that is free. split: the input is cut into parts, "
        "members take one at a time, the outcome lists the results in the "
        "order of the parts. vote: every member works on it; when results "
        "differ, they vote for one.\n\n"
        "With covey agent run the command gets each sub-task as a step: on "
        "standard input {\"step\":\"work|part|vote\", \"objective\":..., "
        "\"input\":..., \"part\":..., \"results\":[...]}, the step also in "
        "COVEY_STEP. It is a coordination session: covey coordinate show, "
        "cancel, pause and resume go with it.\n\n"
        "  covey swarm task crew translate --mode split --input @texts.txt "
        "--wait",
    .options = s_options,
    .needs = COVEY_CLI_NODE,
    .timeout_ms = CALL_TIMEOUT_MS,
    .args_min = 2,
    .args_max = 2,
    .ask = &s_ask,
    .run = s_run};
