/*  covey outcome: what became of a request whose answer did not come         */
#include "cli/commands.h"
#include "cli/control.h"

static const covey_opt_t s_options[] = {
    {.flag = "client",
     .kind = COVEY_OPT_TEXT,
     .min = 1,
     .max = COVEY_AGENT_ID_MAX,
     .value = "AGENT",
     .doc = "whose request it was; the message of a timeout names it"},
    {0}};

static int
s_run (covey_cli_t *cli)
{
    json_t *params = json_object ();
    covey_control_set (params, "requestId", covey_cli_arg (cli, 0));
    covey_control_set (params, "client", covey_cli_text (cli, "client"));
    const covey_control_t control = {.method = "mesh.outcome",
                                     .params = params,
                                     .what = covey_cli_arg (cli, 0)};
    return covey_control_show (cli, &control);
}

const covey_cli_command_t covey_cmd_outcome = {
    .name = "outcome",
    .args = "REQUEST",
    .summary = "what became of a request to the coordinator",
    .text = "A command whose answer did not come in time says which request "
            "it was. The coordinator remembers the last 1,024 requests of each "
            "caller until it was silent for an hour. The state is done, with "
            "what it was about; refused, with the code; or unknown: NOTFOUND, "
            "it was not executed so far, or FORGOTTEN, nobody can tell any "
            "more.",
    .options = s_options,
    .needs = COVEY_CLI_NODE,
    .args_min = 1,
    .args_max = 1,
    .run = s_run};
