/*  covey coordinator list | add | remove | transfer                          */
#include <stdlib.h>

#include "cli/commands.h"
#include "cli/control.h"
#include "cli/listing.h"

static covey_err_t
s_fetch (covey_cli_t *cli, char **json_p)
{
    json_t *query = json_object ();
    covey_control_set (query, "consistency",
                       covey_cli_text (cli, "consistency"));
    return covey_control_fetch (cli, "mesh.coordinator.list", query, json_p);
}

static int
s_run_list (covey_cli_t *cli)
{
    static const covey_column_t columns[] = {
        {"ID", "id", COVEY_CELL_TEXT},
        {"NODE", "node", COVEY_CELL_TEXT},
        {"ROLE", "role", COVEY_CELL_TEXT},
        {"ALIVE", "alive", COVEY_CELL_TEXT},
        {"MATCH", "match", COVEY_CELL_TEXT},
        {"LAG", "lag", COVEY_CELL_TEXT},
        {"HEARD", "heardAt", COVEY_CELL_AGE},
        {0}};
    static const covey_listing_t listing = {.fetch = s_fetch,
                                            .member = "coordinators",
                                            .columns = columns,
                                            .empty = "no coordinators"};
    int exit_code = covey_cli_connect (cli);
    return exit_code ? exit_code : covey_listing_run (cli, &listing);
}

/*  Who leads now, so that somebody else does when it is done; NULL: unknown. */
static char *
s_leader (covey_cli_t *cli)
{
    char *status = NULL;
    if (covey_control_fetch (cli, "mesh.coordinator", json_object (), &status))
        return NULL;
    char *leader = covey_listing_text (status, "leader");
    covey_free (status);
    return leader;
}

static int
s_order (covey_cli_t *cli, const char *method)
{
    json_t *params = json_object ();
    const char *node = covey_cli_arg (cli, 0);
    covey_control_set (params, "node", node);
    const covey_control_t control = {
        .method = method, .params = params, .what = node ? node : "a voter"};
    char *result = NULL;
    int exit_code = covey_cli_connect (cli);
    if (exit_code) {
        json_decref (params);
        return exit_code;
    }
    if (!node) {
        char *leader = s_leader (cli);
        covey_control_set (params, "from", leader);
        free (leader);
    }
    exit_code = covey_control_ask (cli, &control, &result);
    if (!exit_code)
        covey_listing_show (cli, &result);
    return exit_code;
}

static int
s_run_add (covey_cli_t *cli)
{
    return s_order (cli, "mesh.coordinator.add");
}

static int
s_run_remove (covey_cli_t *cli)
{
    return s_order (cli, "mesh.coordinator.remove");
}

static int
s_run_transfer (covey_cli_t *cli)
{
    return s_order (cli, "mesh.coordinator.transfer");
}

static const covey_opt_t s_list_options[] = {COVEY_CONSISTENCY_OPTION, {0}};

const covey_cli_command_t covey_cmd_coordinator_list = {
    .name = "coordinator list",
    .args = "",
    .summary = "list the coordinators: who leads, votes, or stands by",
    .options = s_list_options,
    .needs = COVEY_CLI_NODE | COVEY_CLI_WATCH,
    .run = s_run_list};

const covey_cli_command_t covey_cmd_coordinator_add = {
    .name = "coordinator add",
    .args = "NODE",
    .summary = "give a node's coordinator a vote",
    .text = "It gets the log first; the command returns when it votes. Three "
            "voters survive the loss of one, five of two; two or four are only "
            "there on the way.",
    .needs = COVEY_CLI_NODE,
    .args_min = 1,
    .args_max = 1,
    .run = s_run_add};

const covey_cli_command_t covey_cmd_coordinator_remove = {
    .name = "coordinator remove",
    .args = "NODE",
    .summary = "take a coordinator's vote away",
    .text = "It stands by then. When it leads, another one leads first. "
            "Refused when too few of the others answer.",
    .needs = COVEY_CLI_NODE,
    .args_min = 1,
    .args_max = 1,
    .run = s_run_remove};

const covey_cli_command_t covey_cmd_coordinator_transfer = {
    .name = "coordinator transfer",
    .args = "[NODE]",
    .summary = "let another coordinator lead",
    .needs = COVEY_CLI_NODE,
    .args_max = 1,
    .run = s_run_transfer};
