/*  covey roles | registry: what the log knows of nodes and agents            */
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

/* ------------------------------------------------------------------------ */

static const covey_column_t s_agent_columns[] = {
    {"ID", "id", COVEY_CELL_TEXT},
    {"TYPE", "type", COVEY_CELL_TEXT},
    {"STATE", "state", COVEY_CELL_TEXT},
    {"SINCE", "since", COVEY_CELL_AGE},
    {"GENERATION", "generation", COVEY_CELL_NUMBER},
    {"SLOTS", "taskSlots", COVEY_CELL_NUMBER},
    {"TASKS", "tasks", COVEY_CELL_TEXT},
    {"CAPABILITIES", "capabilities", COVEY_CELL_TEXT},
    {0}};

static const covey_opt_t s_registry_options[] = {
    COVEY_ASK_STATE ("ready|busy|idle|lost|terminated"), {0}};

static const covey_ask_t s_registry = {
    .method = "mesh.registry",
    .listing = COVEY_ASK_TABLE ("agents", s_agent_columns, "no agents")};

const covey_cli_command_t covey_cmd_registry = {
    .name = "registry",
    .args = "",
    .summary =
        "the agents as the coordinator's log knows them, and their tasks",
    .text = "Tasks are given by this, not by what nodes tell each other of "
            "their agents (covey agents). The generation grows with every "
            "session of an agent; lost is one whose session ended without a "
            "goodbye.",
    .options = s_registry_options,
    .needs = COVEY_CLI_LISTING,
    .ask = &s_registry,
    .run = covey_ask_run};
