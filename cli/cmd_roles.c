/*  covey roles                                                               */
#include "cli/ask.h"
#include "cli/commands.h"

static const covey_column_t s_columns[] = {
    {"ROLE", "role", COVEY_CELL_TEXT},
    {"HOLDER", "node", COVEY_CELL_TEXT},
    {"NAME", "name", COVEY_CELL_TEXT},
    {"EPOCH", "epoch", COVEY_CELL_NUMBER},
    {"SINCE", "since", COVEY_CELL_AGE},
    {"LEASE", "leaseEndsAt", COVEY_CELL_TIME},
    {"OVERDUE", "overdue", COVEY_CELL_TEXT},
    {"STANDBYS", "standbys", COVEY_CELL_TEXT},
    {0}};

static const covey_ask_t s_list = {
    .method = "mesh.role.list",
    .listing = COVEY_ASK_TABLE ("roles", s_columns, "no roles")};

const covey_cli_command_t covey_cmd_roles = {
    .name = "roles",
    .args = "",
    .summary = "who is the primary persister, who leads swarms, who is next",
    .needs = COVEY_CLI_LISTING,
    .ask = &s_list,
    .run = covey_ask_run};
