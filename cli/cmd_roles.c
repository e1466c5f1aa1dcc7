/*  covey roles                                                               */
#include "cli/commands.h"
#include "cli/control.h"
#include "cli/listing.h"

static covey_err_t
s_fetch (covey_cli_t *cli, char **json_p)
{
    return covey_control_fetch (cli, "mesh.role.list", json_object (), json_p);
}

static int
s_run (covey_cli_t *cli)
{
    static const covey_column_t columns[] = {
        {"ROLE", "role", COVEY_CELL_TEXT},
        {"HOLDER", "node", COVEY_CELL_TEXT},
        {"NAME", "name", COVEY_CELL_TEXT},
        {"EPOCH", "epoch", COVEY_CELL_NUMBER},
        {"SINCE", "since", COVEY_CELL_AGE},
        {"LEASE", "leaseEndsAt", COVEY_CELL_TIME},
        {"OVERDUE", "overdue", COVEY_CELL_TEXT},
        {"STANDBYS", "standbys", COVEY_CELL_TEXT},
        {0}};
    static const covey_listing_t listing = {.fetch = s_fetch,
                                            .member = "roles",
                                            .columns = columns,
                                            .empty = "no roles"};
    int exit_code = covey_cli_connect (cli);
    return exit_code ? exit_code : covey_listing_run (cli, &listing);
}

const covey_cli_command_t covey_cmd_roles = {
    .name = "roles",
    .args = "",
    .summary = "who is the primary persister, who leads swarms, who is next",
    .needs = COVEY_CLI_NODE | COVEY_CLI_WATCH,
    .run = s_run};
