/*  covey swarm form | join | leave | disband | show | list                   */
#include <stdlib.h>

#include "cli/commands.h"
#include "cli/control.h"
#include "cli/filter.h"
#include "cli/listing.h"

#define REASON_OPTION                                                    \
    {                                                                    \
        .flag = "reason", .kind = COVEY_OPT_TEXT, .max = COVEY_TEXT_MAX, \
        .value = "TEXT", .doc = "why"                                    \
    }

static const covey_opt_t s_form_options[] = {
    COVEY_LIST_OPTION ("member", "AGENT[:WEIGHT]",
                       "a member and the weight of its vote (default 1)"),
    {.flag = "objective",
     .kind = COVEY_OPT_TEXT,
     .max = COVEY_TEXT_MAX,
     .value = "TEXT",
     .doc = "what the swarm is for"},
    {.flag = "leader",
     .kind = COVEY_OPT_TEXT,
     .min = 1,
     .max = COVEY_AGENT_ID_MAX,
     .value = "AGENT",
     .doc = "its leader"},
    {.flag = "strategy",
     .kind = COVEY_OPT_TEXT,
     .min = 1,
     .max = COVEY_NAME_MAX,
     .value = "TEXT",
     .doc = "how it works together"},
    COVEY_LIST_OPTION ("tag", "TAG", "a label"),
    {0}};

static int
s_run_form (covey_cli_t *cli)
{
    json_t *params = json_object (), *members = json_array ();
    covey_control_set (params, "swarmId", covey_cli_arg (cli, 0));
    covey_control_set (params, "objective", covey_cli_text (cli, "objective"));
    covey_control_set (params, "leader", covey_cli_text (cli, "leader"));
    covey_control_set (params, "strategy", covey_cli_text (cli, "strategy"));
    covey_control_set_list (cli, params, "tags", "tag");
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
    const covey_control_t control = {.method = "swarm.form",
                                     .params = params,
                                     .what = covey_cli_arg (cli, 0)};
    return covey_control_show (cli, &control);
}

const covey_cli_command_t covey_cmd_swarm_form = {.name = "swarm form",
                                                  .args = "SWARM",
                                                  .summary =
                                                      "form a swarm of agents",
                                                  .options = s_form_options,
                                                  .needs = COVEY_CLI_NODE,
                                                  .args_min = 1,
                                                  .args_max = 1,
                                                  .run = s_run_form};

/* ------------------------------------------------------------------------ */

static const covey_opt_t s_reason_options[] = {REASON_OPTION, {0}};

static int
s_run_join (covey_cli_t *cli)
{
    json_t *params =
        covey_control_member (cli, "AGENT", covey_cli_arg (cli, 1));
    if (!params)
        return COVEY_EXIT_USAGE;
    covey_control_set (params, "swarmId", covey_cli_arg (cli, 0));
    const covey_control_t control = {.method = "swarm.join",
                                     .params = params,
                                     .what = covey_cli_arg (cli, 0)};
    return covey_control_show (cli, &control);
}

static int
s_run_leave (covey_cli_t *cli)
{
    json_t *params = json_pack ("{s:s, s:s}", "swarmId", covey_cli_arg (cli, 0),
                                "agentId", covey_cli_arg (cli, 1));
    covey_control_set (params, "reason", covey_cli_text (cli, "reason"));
    const covey_control_t control = {.method = "swarm.leave",
                                     .params = params,
                                     .what = covey_cli_arg (cli, 0)};
    return covey_control_show (cli, &control);
}

static int
s_run_disband (covey_cli_t *cli)
{
    json_t *params = json_pack ("{s:s}", "swarmId", covey_cli_arg (cli, 0));
    covey_control_set (params, "reason", covey_cli_text (cli, "reason"));
    const covey_control_t control = {.method = "swarm.disband",
                                     .params = params,
                                     .what = covey_cli_arg (cli, 0)};
    return covey_control_show (cli, &control);
}

static int
s_run_show (covey_cli_t *cli)
{
    json_t *params = json_pack ("{s:s}", "swarmId", covey_cli_arg (cli, 0));
    covey_control_set (params, "consistency",
                       covey_cli_text (cli, "consistency"));
    const covey_control_t control = {.method = "swarm.show",
                                     .params = params,
                                     .what = covey_cli_arg (cli, 0)};
    return covey_control_show (cli, &control);
}

const covey_cli_command_t covey_cmd_swarm_join = {
    .name = "swarm join",
    .args = "SWARM AGENT[:WEIGHT]",
    .summary = "add an agent to a swarm, or change its weight",
    .needs = COVEY_CLI_NODE,
    .args_min = 2,
    .args_max = 2,
    .run = s_run_join};

const covey_cli_command_t covey_cmd_swarm_leave = {
    .name = "swarm leave",
    .args = "SWARM AGENT",
    .summary = "take an agent out of a swarm",
    .options = s_reason_options,
    .needs = COVEY_CLI_NODE,
    .args_min = 2,
    .args_max = 2,
    .run = s_run_leave};

const covey_cli_command_t covey_cmd_swarm_disband = {.name = "swarm disband",
                                                     .args = "SWARM",
                                                     .summary = "end a swarm",
                                                     .options =
                                                         s_reason_options,
                                                     .needs = COVEY_CLI_NODE,
                                                     .args_min = 1,
                                                     .args_max = 1,
                                                     .run = s_run_disband};

static const covey_opt_t s_show_options[] = {COVEY_CONSISTENCY_OPTION, {0}};

const covey_cli_command_t covey_cmd_swarm_show = {
    .name = "swarm show",
    .args = "SWARM",
    .summary = "show a swarm: objective, members, weights, state",
    .options = s_show_options,
    .needs = COVEY_CLI_NODE,
    .args_min = 1,
    .args_max = 1,
    .run = s_run_show};

/* ------------------------------------------------------------------------ */

static const covey_opt_t s_list_options[] = {{.flag = "state",
                                              .kind = COVEY_OPT_CHOICE,
                                              .choices = "active|disbanded",
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
                                              .value = "SWARM",
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
    return covey_control_fetch (cli, "swarm.list", query, json_p);
}

static int
s_run_list (covey_cli_t *cli)
{
    static const covey_column_t columns[] = {
        {"ID", "id", COVEY_CELL_TEXT},
        {"STATE", "state", COVEY_CELL_STATE},
        {"LEADER", "leader", COVEY_CELL_TEXT},
        {"FORMED", "formedAt", COVEY_CELL_AGE},
        {"MEMBERS", "members", COVEY_CELL_TEXT},
        {"OBJECTIVE", "objective", COVEY_CELL_TEXT},
        {0}};
    static const covey_listing_t listing = {.fetch = s_fetch_list,
                                            .member = "swarms",
                                            .columns = columns,
                                            .empty = "no swarms"};
    int exit_code = covey_cli_connect (cli);
    return exit_code ? exit_code : covey_listing_run (cli, &listing);
}

const covey_cli_command_t covey_cmd_swarm_list = {.name = "swarm list",
                                                  .args = "",
                                                  .summary = "list swarms",
                                                  .options = s_list_options,
                                                  .needs = COVEY_CLI_NODE |
                                                           COVEY_CLI_WATCH,
                                                  .run = s_run_list};

const covey_cli_command_t covey_cmd_swarms = {
    .name = "swarms",
    .args = "",
    .summary = "list swarms (short for covey swarm list)",
    .options = s_list_options,
    .needs = COVEY_CLI_NODE | COVEY_CLI_WATCH,
    .run = s_run_list};
