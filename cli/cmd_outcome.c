/*  covey outcome: what became of a request whose answer did not come         */
#include "cli/ask.h"
#include "cli/commands.h"

static const covey_opt_t s_options[] = {
    COVEY_ASK_AGENT ("client", "client",
                     "whose request it was; the message of a timeout names it"),
    {0}};

static const covey_ask_t s_ask = {.method = "mesh.outcome",
                                  .args = {"requestId"}};

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
    .needs = COVEY_CLI_NODE | COVEY_CLI_READ,
    .args_min = 1,
    .args_max = 1,
    .ask = &s_ask,
    .run = covey_ask_run};
