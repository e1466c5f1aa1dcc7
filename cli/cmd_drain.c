/*  covey drain: a node finishes what its agents have, and leaves             */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "cli/commands.h"

#define CALL_MS 5000   /* to connect, and to find the node */
#define ANSWER_MS 5000 /* the answer may take longer than what it is about */
#define DRAIN_MAX 86400000 /* a day, which is what a node takes */

static bool
s_is_there (const json_t *node)
{
    const char *state = json_string_value (json_object_get (node, "state"));
    return state &&
           (strcmp (state, "alive") == 0 || strcmp (state, "suspected") == 0);
}

static bool
s_is_called (const json_t *node, const char *key, const char *text)
{
    const char *value = json_string_value (json_object_get (node, key));
    return value && strcmp (value, text) == 0;
}

/*  The agent id by which the node with that name or id is asked.            */
static int
s_pick (covey_cli_t *cli, const json_t *nodes, const char *wanted, char *target,
        size_t size)
{
    const json_t *node;
    size_t i, found = 0;
    json_array_foreach (nodes, i, node)
    {
        if (!s_is_there (node) || (!s_is_called (node, "id", wanted) &&
                                   !s_is_called (node, "name", wanted)))
            continue;
        const char *id = json_string_value (json_object_get (node, "id"));
        snprintf (target, size, "node:%s", id ? id : "");
        found++;
    }
    if (found == 1)
        return COVEY_EXIT_OK;
    if (found)
        return covey_cli_fail (cli, COVEY_EXIT_FAILED,
                               "%.150s: %zu nodes have this name; give the id "
                               "of one (covey nodes)",
                               wanted, found);
    return covey_cli_fail (cli, COVEY_EXIT_FAILED,
                           "%.150s: no node of this mesh that is up has this "
                           "name or id; covey nodes lists them",
                           wanted);
}

static int
s_find (covey_cli_t *cli, const char *wanted, char *target, size_t size)
{
    char *list = NULL;
    covey_err_t rc = covey_agent_request (cli->agent, "node", "mesh.nodes",
                                          NULL, CALL_MS, &list);
    if (rc)
        return covey_cli_fail_rc (cli, rc, wanted);
    json_t *nodes = json_loads (list, 0, NULL);
    int exit_code = s_pick (cli, nodes, wanted, target, size);
    json_decref (nodes);
    covey_free (list);
    return exit_code;
}

static json_int_t
s_count (const json_t *result, const char *key)
{
    return json_integer_value (json_object_get (result, key));
}

static int
s_show (covey_cli_t *cli, const char *text)
{
    json_t *result = json_loads (text, 0, NULL);
    bool drained = json_is_true (json_object_get (result, "drained"));
    const char *name = json_string_value (json_object_get (result, "name"));
    if (cli->json)
        covey_cli_put_json (cli, text, strlen (text));
    else if (!cli->quiet) {
        printf ("node ");
        covey_cli_put_text (cli, name ? name : "?");
        printf (" leaves: %lld events finished, %lld left with its agents, "
                "%lld not handed over\n",
                (long long)s_count (result, "finished"),
                (long long)s_count (result, "unfinished"),
                (long long)s_count (result, "unsent"));
    }
    json_decref (result);
    return drained ? COVEY_EXIT_OK : COVEY_EXIT_FAILED;
}

static int
s_run (covey_cli_t *cli)
{
    const char *wanted = covey_cli_arg (cli, 0);
    char target[64] = "node", params[32], *result = NULL;
    int timeout_ms = covey_cli_int (cli, "timeout");
    int exit_code = covey_cli_connect (cli);
    if (!exit_code && wanted)
        exit_code = s_find (cli, wanted, target, sizeof target);
    if (exit_code)
        return exit_code;
    snprintf (params, sizeof params, "{\"timeout\":%d}", timeout_ms);
    covey_err_t rc =
        covey_agent_request (cli->agent, target, "mesh.drain", params,
                             timeout_ms + ANSWER_MS, &result);
    if (rc)
        return covey_cli_fail_rc (cli, rc, wanted);
    exit_code = s_show (cli, result);
    covey_free (result);
    return exit_code;
}

static const covey_opt_t s_options[] = {
    {.flag = "timeout",
     .kind = COVEY_OPT_MS,
     .def = "30s",
     .min = 0,
     .max = DRAIN_MAX,
     .value = "MS",
     .doc = "leave after so long, whatever is left then"},
    {.flag = NULL}};

const covey_cli_command_t covey_cmd_drain = {
    .name = "drain",
    .args = "[NODE]",
    .summary = "have a node finish what it has, and leave",
    .text =
        "NODE is the name or id of a member; without it, the node that is "
        "asked. It takes no new agents and gives those it has no tasks and no "
        "events of groups; it tells them, waits until they are done with what "
        "they were given and until other nodes and the persister have what "
        "they are to get, and leaves: its covey up ends with 0. Says what was "
        "finished and what was left; exit status 1 if something was left.",
    .options = s_options,
    .needs = COVEY_CLI_NODE,
    .args_max = 1,
    .timeout_ms = CALL_MS,
    .run = s_run};
