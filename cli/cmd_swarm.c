/*  covey swarm form | join | leave | disband | show | list                   */
#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/control.h"

static const covey_opt_t s_form_options[] = {
    COVEY_ASK_LIST ("member", NULL, "AGENT[:WEIGHT]",
                    "a member and the weight of its vote (default 1)"),
    COVEY_ASK_TEXT ("objective", "objective", 0, COVEY_TEXT_MAX, "TEXT",
                    "what the swarm is for"),
    COVEY_ASK_AGENT ("leader", "leader", "its leader"),
    COVEY_ASK_NAME ("strategy", "strategy", "TEXT", "how it works together"),
    COVEY_ASK_LIST ("tag", "tags", "TAG", "a label"),
    {.flag = "member-lease",
     .key = "memberLease",
     .kind = COVEY_OPT_MS,
     .def = "60s",
     .max = 86400000,
     .value = "MS",
     .doc = "a member that is lost leaves when it is not back after this time; "
            "0: it stays"},
    {0}};

static const covey_ask_t s_form = {.method = "swarm.form", .args = {"swarmId"}};

static int
s_run_form (covey_cli_t *cli)
{
    json_t *params = covey_ask_params (cli), *members = json_array ();
    json_object_set_new (params, "members", members);
    size_t count = covey_options_count (cli->options, "member");
    for (size_t i = 0; i < count; i++) {
        json_t *member = covey_control_member (
            cli, "--member", covey_options_item (cli->options, "member", i));
        if (!member) {
            json_decref (params);
            return COVEY_EXIT_USAGE;
        }
        json_array_append_new (members, member);
    }
    return covey_ask_with (cli, params);
}

const covey_cli_command_t covey_cmd_swarm_form = {.name = "swarm form",
                                                  .args = "SWARM",
                                                  .summary =
                                                      "form a swarm of agents",
                                                  .options = s_form_options,
                                                  .needs = COVEY_CLI_NODE,
                                                  .args_min = 1,
                                                  .args_max = 1,
                                                  .ask = &s_form,
                                                  .run = s_run_form};

/* ------------------------------------------------------------------------ */

static const covey_ask_t s_join = {.method = "swarm.join", .args = {"swarmId"}};

static int
s_run_join (covey_cli_t *cli)
{
    json_t *member =
        covey_control_member (cli, "AGENT", covey_cli_arg (cli, 1));
    if (!member)
        return COVEY_EXIT_USAGE;
    json_t *params = covey_ask_params (cli);
    json_object_update_missing (params, member);
    json_decref (member);
    return covey_ask_with (cli, params);
}

const covey_cli_command_t covey_cmd_swarm_join = {
    .name = "swarm join",
    .args = "SWARM AGENT[:WEIGHT]",
    .summary = "add an agent to a swarm, or change its weight",
    .needs = COVEY_CLI_NODE,
    .args_min = 2,
    .args_max = 2,
    .ask = &s_join,
    .run = s_run_join};

static const covey_opt_t s_reason_options[] = {COVEY_ASK_REASON, {0}};

static const covey_ask_t s_leave = {.method = "swarm.leave",
                                    .args = {"swarmId", "agentId"}};

const covey_cli_command_t covey_cmd_swarm_leave = {
    .name = "swarm leave",
    .args = "SWARM AGENT",
    .summary = "take an agent out of a swarm",
    .options = s_reason_options,
    .needs = COVEY_CLI_NODE,
    .args_min = 2,
    .args_max = 2,
    .ask = &s_leave,
    .run = covey_ask_run};

static const covey_ask_t s_disband = {.method = "swarm.disband",
                                      .args = {"swarmId"}};

const covey_cli_command_t covey_cmd_swarm_disband = {.name = "swarm disband",
                                                     .args = "SWARM",
                                                     .summary = "end a swarm",
                                                     .options =
                                                         s_reason_options,
                                                     .needs = COVEY_CLI_NODE,
                                                     .args_min = 1,
                                                     .args_max = 1,
                                                     .ask = &s_disband,
                                                     .run = covey_ask_run};

static const covey_ask_t s_show = {.method = "swarm.show", .args = {"swarmId"}};

const covey_cli_command_t covey_cmd_swarm_show = {
    .name = "swarm show",
    .args = "SWARM",
    .summary = "show a swarm: objective, members, weights, state",
    .needs = COVEY_CLI_NODE | COVEY_CLI_READ,
    .args_min = 1,
    .args_max = 1,
    .ask = &s_show,
    .run = covey_ask_run};

/* ------------------------------------------------------------------------ */

static const covey_opt_t s_list_options[] = {
    COVEY_ASK_STATE ("active|disbanded"), {0}};

static const covey_column_t s_columns[] = {
    {"ID", "id", COVEY_CELL_TEXT},
    {"STATE", "state", COVEY_CELL_STATE},
    {"LEADER", "leader", COVEY_CELL_TEXT},
    {"FORMED", "formedAt", COVEY_CELL_AGE},
    {"MEMBERS", "members", COVEY_CELL_TEXT},
    {"OBJECTIVE", "objective", COVEY_CELL_TEXT},
    {0}};

static const covey_ask_t s_list = {
    .method = "swarm.list",
    .listing = COVEY_ASK_TABLE ("swarms", s_columns, "no swarms")};

const covey_cli_command_t covey_cmd_swarm_list = {.name = "swarm list",
                                                  .args = "",
                                                  .summary = "list swarms",
                                                  .options = s_list_options,
                                                  .needs = COVEY_CLI_LISTING,
                                                  .ask = &s_list,
                                                  .run = covey_ask_run};

const covey_cli_command_t covey_cmd_swarms = {
    .name = "swarms",
    .args = "",
    .summary = "list swarms (short for covey swarm list)",
    .options = s_list_options,
    .needs = COVEY_CLI_LISTING,
    .ask = &s_list,
    .run = covey_ask_run};
