/*  covey status, covey nodes, covey agents: what the mesh looks like from the
    node that is asked                                                        */
#include <jansson.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/listing.h"
#include "cli/text.h"

static covey_err_t
s_ask (covey_cli_t *cli, const char *method, char **json_p)
{
    return covey_agent_request (cli->agent, "node", method, NULL,
                                covey_cli_timeout (cli), json_p);
}

/* ------------------------------------------------------------------------ */
/*  Status                                                                    */

static json_int_t
s_number (json_t *object, const char *key)
{
    json_t *value = json_object_get (object, key);
    return json_is_integer (value) ? json_integer_value (value)
                                   : (json_int_t)json_number_value (value);
}

static const char *
s_text (json_t *object, const char *key)
{
    const char *text = json_string_value (json_object_get (object, key));
    return text && *text ? text : "none";
}

static void
s_put_field (covey_cli_t *cli, const char *name, const char *text)
{
    printf ("%-12s ", name);
    covey_cli_put_text (cli, text);
    putchar ('\n');
}

static void
s_put_nodes (covey_cli_t *cli, json_t *nodes)
{
    static const char *const states[] = {"suspected", "failed", "left"};
    printf ("%-12s %s%lld alive%s", "nodes",
            covey_text_state_colour (cli, "alive"),
            (long long)s_number (nodes, "alive"), covey_text_plain (cli));
    for (size_t i = 0; i < 3; i++) {
        long long count = (long long)s_number (nodes, states[i]);
        if (count)
            printf (", %s%lld %s%s", covey_text_state_colour (cli, states[i]),
                    count, states[i], covey_text_plain (cli));
    }
    putchar ('\n');
}

static void
s_print_status (covey_cli_t *cli, const char *json)
{
    json_t *status = json_loads (json, 0, NULL);
    json_t *coordinator = json_object_get (status, "coordinator");
    json_t *persister = json_object_get (status, "persister");
    json_t *supabase = json_object_get (status, "supabase");
    char line[600];
    s_put_field (cli, "mesh", s_text (status, "mesh"));
    snprintf (line, sizeof line, "%s (version %s)", s_text (status, "node"),
              s_text (status, "version"));
    s_put_field (cli, "node", line);
    s_put_nodes (cli, json_object_get (status, "nodes"));
    snprintf (line, sizeof line, "%lld",
              (long long)s_number (status, "agents"));
    s_put_field (cli, "agents", line);
    snprintf (line, sizeof line, "%s, term %lld, %zu of %lld needed",
              s_text (coordinator, "leader"),
              (long long)s_number (coordinator, "term"),
              json_array_size (json_object_get (coordinator, "members")),
              (long long)s_number (coordinator, "quorum"));
    s_put_field (cli, "coordinator", line);
    snprintf (line, sizeof line, "%s, %lld stored, %lld waiting",
              s_text (persister, "primary"),
              (long long)s_number (persister, "offset"),
              (long long)s_number (persister, "outbox"));
    s_put_field (cli, "persister", line);
    if (supabase)
        s_put_field (cli, "supabase", s_text (supabase, "state"));
    json_t *dropped = json_object_get (status, "dropped");
    char *text = json_dumps (dropped, JSON_COMPACT | JSON_ENCODE_ANY);
    s_put_field (cli, "dropped", text ? text : "0");
    covey_free (text);
    json_decref (status);
}

static covey_err_t
s_fetch_status (covey_cli_t *cli, char **json_p)
{
    return s_ask (cli, "mesh.status", json_p);
}

static int
s_run_status (covey_cli_t *cli)
{
    static const covey_listing_t listing = {
        .fetch = s_fetch_status, .member = "status", .print = s_print_status};
    int exit_code = covey_cli_connect (cli);
    return exit_code ? exit_code : covey_listing_run (cli, &listing);
}

/* ------------------------------------------------------------------------ */
/*  Nodes and agents                                                          */

static covey_err_t
s_fetch_nodes (covey_cli_t *cli, char **json_p)
{
    return s_ask (cli, "mesh.nodes", json_p);
}

static int
s_run_nodes (covey_cli_t *cli)
{
    static const covey_column_t columns[] = {
        {"NAME", "name", COVEY_CELL_TEXT},
        {"STATE", "state", COVEY_CELL_STATE},
        {"ENDPOINT", "endpoint", COVEY_CELL_TEXT},
        {"AGENTS", "agents", COVEY_CELL_NUMBER},
        {"VERSION", "version", COVEY_CELL_TEXT},
        {"ROLES", "roles", COVEY_CELL_TEXT},
        {"ID", "id", COVEY_CELL_TEXT},
        {0}};
    static const covey_listing_t listing = {.fetch = s_fetch_nodes,
                                            .member = "nodes",
                                            .columns = columns,
                                            .empty = "no nodes"};
    int exit_code = covey_cli_connect (cli);
    return exit_code ? exit_code : covey_listing_run (cli, &listing);
}

static covey_err_t
s_fetch_agents (covey_cli_t *cli, char **json_p)
{
    return s_ask (cli, "mesh.agents", json_p);
}

static int
s_run_agents (covey_cli_t *cli)
{
    static const covey_column_t columns[] = {
        {"ID", "id", COVEY_CELL_TEXT},
        {"TYPE", "type", COVEY_CELL_TEXT},
        {"STATE", "state", COVEY_CELL_STATE},
        {"SINCE", "since", COVEY_CELL_AGE},
        {"NODE", "node", COVEY_CELL_TEXT},
        {"CAPABILITIES", "capabilities", COVEY_CELL_TEXT},
        {"TAGS", "tags", COVEY_CELL_TEXT},
        {0}};
    static const covey_listing_t listing = {.fetch = s_fetch_agents,
                                            .member = "agents",
                                            .columns = columns,
                                            .empty = "no agents"};
    int exit_code = covey_cli_connect (cli);
    return exit_code ? exit_code : covey_listing_run (cli, &listing);
}

const covey_cli_command_t covey_cmd_status = {
    .name = "status",
    .args = "",
    .summary = "the mesh on one screen",
    .needs = COVEY_CLI_NODE | COVEY_CLI_WATCH,
    .run = s_run_status};

const covey_cli_command_t covey_cmd_nodes = {
    .name = "nodes",
    .args = "",
    .summary = "the nodes of the mesh and their state",
    .needs = COVEY_CLI_NODE | COVEY_CLI_WATCH,
    .run = s_run_nodes};

const covey_cli_command_t covey_cmd_agents = {
    .name = "agents",
    .args = "",
    .summary = "the agents of the mesh, where they are and what they can do",
    .needs = COVEY_CLI_NODE | COVEY_CLI_WATCH,
    .run = s_run_agents};
