/*  covey status, covey nodes, covey agents: what the mesh looks like from the
    node that is asked                                                        */
#include <stdlib.h>
#include <string.h>

#include "api/find.h"
#include "api/status.h"
#include "base/str.h"
#include "cli/commands.h"
#include "cli/listing.h"
#include "cli/text.h"
#include "proto/json_scan.h"

#define LONG_WAIT_MS 100 /* in a queue, which people are told of */

static covey_err_t
s_ask (covey_cli_t *cli, const char *method, char **json_p)
{
    return covey_agent_request (cli->agent, "node", method, NULL,
                                covey_cli_timeout (cli), json_p);
}

/* ------------------------------------------------------------------------ */
/*  Status                                                                    */

/*  A member of the status, "none" for an empty one; the caller frees.       */
static char *
s_text (const char *json, const char *key)
{
    char *text = covey_listing_text (json, key);
    if (text && *text)
        return text;
    free (text);
    return covey_str_dup ("none");
}

/*  A line of which each %-part is a member of the status.                   */
static void
s_put_field (covey_cli_t *cli, const char *json, const char *name,
             const char *const *parts)
{
    printf ("%-12s ", name);
    for (; *parts; parts += 2) {
        char *text = s_text (json, parts[0]);
        covey_cli_put_text (cli, text);
        fputs (parts[1], stdout);
        free (text);
    }
    putchar ('\n');
}

static void
s_put_nodes (covey_cli_t *cli, const char *json)
{
    static const char *const states[][2] = {{"alive", "nodes.alive"},
                                            {"suspected", "nodes.suspected"},
                                            {"failed", "nodes.failed"},
                                            {"left", "nodes.left"}};
    printf ("%-12s ", "nodes");
    for (size_t i = 0; i < 4; i++) {
        char *count = s_text (json, states[i][1]);
        if (i == 0 || strcmp (count, "0") != 0)
            printf ("%s%s%s %s%s", i ? ", " : "",
                    covey_text_state_colour (cli, states[i][0]), count,
                    states[i][0], covey_text_plain (cli));
        free (count);
    }
    putchar ('\n');
}

/*  Only the causes that dropped something.                                  */
static void
s_put_dropped (const char *json)
{
    covey_slice_t status = covey_json_trim (json, strlen (json));
    covey_slice_t dropped = covey_json_get (status, "dropped"), key, count;
    bool any = false;
    printf ("%-12s ", "dropped");
    while (dropped.size && *dropped.text == '{' &&
           covey_json_next (&dropped, &key, &count)) {
        if (count.size == 1 && *count.text == '0')
            continue;
        printf ("%s%.*s %.*s", any ? ", " : "", (int)count.size, count.text,
                (int)key.size - 2, key.text + 1);
        any = true;
    }
    puts (any ? "" : "nothing");
}

/*  How long 99 % waited at most, the slowest kind of queue first; nothing when
    no wait is worth a line.                                                  */
static void
s_put_waits (const char *json)
{
    static const char *const kinds[] = {"session", "link", "outbox", "held"};
    enum { KINDS = sizeof kinds / sizeof *kinds };
    long waits_ms[KINDS];
    size_t slowest = 0;
    for (size_t i = 0; i < KINDS; i++) {
        char key[32];
        snprintf (key, sizeof key, "queueTime.%s.p99Ms", kinds[i]);
        char *text = s_text (json, key);
        waits_ms[i] = strtol (text, NULL, 10);
        free (text);
        if (waits_ms[i] > waits_ms[slowest])
            slowest = i;
    }
    if (waits_ms[slowest] < LONG_WAIT_MS)
        return;
    printf ("%-12s %s %ld ms (p99, the slowest)", "waited", kinds[slowest],
            waits_ms[slowest]);
    for (size_t i = 0; i < KINDS; i++)
        if (i != slowest)
            printf (", %s %ld", kinds[i], waits_ms[i]);
    putchar ('\n');
}

static void
s_print_status (covey_cli_t *cli, const char *json)
{
    static const struct {
        const char *name;
        const char *parts[9];
    } fields[] = {
        {"mesh", {"mesh", "", NULL}},
        {"node", {"node.name", ", version ", "version", "", NULL}},
        {"", {NULL}}, /* nodes                                                */
        {"agents", {"agents", "", NULL}},
        {"tasks",
         {"coordinator.tasksQueued", " queued, ", "coordinator.tasksRunning",
          " running, ", "coordinator.tasksEnded", " ended", NULL}},
        {"coordinator",
         {"coordinator.leader", ", term ", "coordinator.term", ", quorum ",
          "coordinator.quorum", "", NULL}},
        {"log",
         {"coordinator.applied", " of ", "coordinator.logIndex",
          " applied, snapshot at ", "coordinator.snapshotIndex", ", ",
          "coordinator.logBytes", " bytes", NULL}},
        {"persister",
         {"persister.primary", ", stored ", "persister.offset", ", waiting ",
          "persister.outbox", "", NULL}},
        {"supabase", {"supabase.state", "", NULL}}};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        if (fields[i].parts[0])
            s_put_field (cli, json, fields[i].name, fields[i].parts);
        else
            s_put_nodes (cli, json);
    }
    s_put_dropped (json);
    s_put_waits (json);
}

static covey_err_t
s_fetch_status (covey_cli_t *cli, char **json_p)
{
    return covey_i_status (cli->agent, covey_cli_timeout (cli), json_p,
                           covey_errbuf ());
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

/*  The values of an option that may be repeated; the caller frees the list. */
static char **
s_texts (covey_cli_t *cli, const char *option, size_t *count_p)
{
    *count_p = covey_options_count (cli->options, option);
    char **texts = calloc (*count_p + 1, sizeof *texts);
    if (!texts)
        abort ();
    for (size_t i = 0; i < *count_p; i++)
        texts[i] = (char *)covey_options_item (cli->options, option, i);
    return texts;
}

static covey_err_t
s_fetch_agents (covey_cli_t *cli, char **json_p)
{
    char **lists[2];
    size_t counts[2];
    static const char *const options[] = {"cap", "tag"};
    for (size_t i = 0; i < 2; i++)
        lists[i] = s_texts (cli, options[i], &counts[i]);
    covey_agent_query_t query = {.id = covey_cli_text (cli, "id"),
                                 .type = covey_cli_text (cli, "type"),
                                 .capabilities = (const char *const *)lists[0],
                                 .capability_count = counts[0],
                                 .tags = (const char *const *)lists[1],
                                 .tag_count = counts[1],
                                 .state = covey_cli_text (cli, "state"),
                                 .node = covey_cli_text (cli, "node")};
    covey_err_t rc =
        covey_i_find_json (cli->agent, &query, covey_cli_timeout (cli), json_p);
    for (size_t i = 0; i < 2; i++)
        free (lists[i]);
    return rc;
}

static int
s_run_agents (covey_cli_t *cli)
{
    static const covey_column_t columns[] = {
        {"ID", "id", COVEY_CELL_TEXT},
        {"TYPE", "type", COVEY_CELL_TEXT},
        {"STATE", "state", COVEY_CELL_STATE},
        {"SINCE", "since", COVEY_CELL_AGE},
        {"ACTIVE", "lastActive", COVEY_CELL_AGE},
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

static const covey_opt_t s_agent_options[] = {
    {.flag = "id",
     .kind = COVEY_OPT_TEXT,
     .min = 1,
     .max = COVEY_AGENT_ID_MAX,
     .value = "ID",
     .doc = "only this one"},
    {.flag = "type",
     .kind = COVEY_OPT_TEXT,
     .min = 1,
     .max = COVEY_NAME_MAX,
     .value = "TYPE",
     .doc = "only of this type"},
    {.flag = "cap",
     .kind = COVEY_OPT_LIST,
     .max = COVEY_NAME_MAX,
     .value = "CAP",
     .doc = "only with this capability; repeated: with all of them"},
    {.flag = "tag",
     .kind = COVEY_OPT_LIST,
     .max = COVEY_NAME_MAX,
     .value = "TAG",
     .doc = "only with this tag; repeated: with all of them"},
    {.flag = "state",
     .kind = COVEY_OPT_CHOICE,
     .choices = "ready|busy|idle|stalled|lost|terminated",
     .value = "STATE",
     .doc = "only in this state"},
    {.flag = "node",
     .kind = COVEY_OPT_TEXT,
     .min = 1,
     .max = COVEY_NAME_MAX,
     .value = "NODE",
     .doc = "only on this node, by name or id"},
    {.flag = NULL}};

const covey_cli_command_t covey_cmd_agents = {
    .name = "agents",
    .args = "[OPTIONS]",
    .summary = "the agents of the mesh, where they are and what they can do",
    .text =
        "Answered by the node that is asked, from its directory. Stalled is an "
        "agent that lives and has work, but did nothing for a while "
        "(--stall-after of its node). --json shows three clocks: nodeHeard, "
        "the last sign of life of its node; sessionHeard and leaseEnd, of its "
        "session, and when it is lost if it stays silent; lastActive, when it "
        "last published something or was done with an event. Agents that are "
        "gone are listed with --state lost or --state terminated, for an hour "
        "and by nodes that knew them.",
    .options = s_agent_options,
    .needs = COVEY_CLI_NODE | COVEY_CLI_WATCH,
    .run = s_run_agents};
