/*  covey coordinator list | add | remove | transfer                          */
#include <stdlib.h>

#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/control.h"

static const covey_column_t s_columns[] = {
    {"ID", "id", COVEY_CELL_TEXT},
    {"NODE", "node", COVEY_CELL_TEXT},
    {"ROLE", "role", COVEY_CELL_TEXT},
    {"ALIVE", "alive", COVEY_CELL_TEXT},
    {"MATCH", "match", COVEY_CELL_NUMBER},
    {"LAG", "lag", COVEY_CELL_NUMBER},
    {"APPLIED", "log.applied", COVEY_CELL_NUMBER},
    {"SNAPSHOT", "log.snapshotIndex", COVEY_CELL_NUMBER},
    {"BYTES", "log.bytes", COVEY_CELL_NUMBER},
    {"HEARD", "heardAt", COVEY_CELL_AGE},
    {0}};

#define LISTING COVEY_ASK_TABLE ("coordinators", s_columns, "no coordinators")

/*  What add, remove and transfer answer, too.                                */
static const covey_listing_t s_listing = LISTING;

static const covey_ask_t s_list = {.method = "mesh.coordinator.list",
                                   .listing = LISTING};

const covey_cli_command_t covey_cmd_coordinator_list = {
    .name = "coordinator list",
    .args = "",
    .summary = "list the coordinators: who leads, votes, or stands by",
    .needs = COVEY_CLI_NODE | COVEY_CLI_WATCH | COVEY_CLI_READ,
    .ask = &s_list,
    .run = covey_ask_run};

/* ------------------------------------------------------------------------ */

static const covey_ask_t s_add = {
    .method = "mesh.coordinator.add", .table = &s_listing, .args = {"node"}};

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
    .ask = &s_add,
    .run = covey_ask_run};

static const covey_ask_t s_remove = {
    .method = "mesh.coordinator.remove", .table = &s_listing, .args = {"node"}};

const covey_cli_command_t covey_cmd_coordinator_remove = {
    .name = "coordinator remove",
    .args = "NODE",
    .summary = "take a coordinator's vote away",
    .text = "It stands by then. When it leads, another one leads first. "
            "Refused when too few of the others answer.",
    .needs = COVEY_CLI_NODE,
    .args_min = 1,
    .args_max = 1,
    .ask = &s_remove,
    .run = covey_ask_run};

/* ------------------------------------------------------------------------ */

static const covey_ask_t s_transfer = {.method = "mesh.coordinator.transfer",
                                       .table = &s_listing,
                                       .args = {"node"}};

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
s_run_transfer (covey_cli_t *cli)
{
    int exit_code = covey_cli_connect (cli);
    if (exit_code)
        return exit_code;
    json_t *params = covey_ask_params (cli);
    if (!covey_cli_arg (cli, 0)) {
        char *leader = s_leader (cli);
        covey_control_set (params, "from", leader);
        free (leader);
    }
    return covey_ask_with (cli, params);
}

const covey_cli_command_t covey_cmd_coordinator_transfer = {
    .name = "coordinator transfer",
    .args = "[NODE]",
    .summary = "let another coordinator lead",
    .needs = COVEY_CLI_NODE,
    .args_max = 1,
    .ask = &s_transfer,
    .run = s_run_transfer};
