/*  covey send, covey request, covey broadcast: a word to other agents        */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "cli/commands.h"
#include "cli/filter.h"

static const covey_opt_t s_send_options[] = {
    {.flag = "content",
     .kind = COVEY_OPT_CHOICE,
     .def = "text",
     .choices = "text|json|command",
     .value = "KIND",
     .doc = "what TEXT is"},
    {.flag = "wait",
     .kind = COVEY_OPT_TEXT,
     .def = "accepted",
     .value = "LEVEL",
     .doc = "wait until the message is accepted, outbox, stored, ..."},
    {0}};

static covey_content_t
s_content (const char *name)
{
    if (strcmp (name, "json") == 0)
        return COVEY_CONTENT_JSON;
    return strcmp (name, "command") == 0 ? COVEY_CONTENT_COMMAND
                                         : COVEY_CONTENT_TEXT;
}

/*  What is wrong with an event is told before a node is looked for. The agent
    sets the source that counts.                                              */
static covey_err_t
s_check_event (covey_event_t *event)
{
    covey_err_t rc = covey_event_set_source (event, "cli");
    return rc ? rc : covey_event_validate (event);
}

/*  Publish and show the receipt: {"id":…,"level":…,"offset":…}. The event is
    consumed.                                                                 */
static int
s_publish (covey_cli_t *cli, covey_event_t **event_p, int level,
           const char *what)
{
    covey_receipt_t receipt = {0};
    covey_err_t rc =
        covey_agent_publish (cli->agent, event_p, (covey_level_t)level,
                             covey_cli_timeout (cli), &receipt);
    if (rc)
        return covey_cli_fail_rc (cli, rc, what);
    char id[37], offset[24] = "null";
    covey_id_text (receipt.id, id);
    if (receipt.offset >= 0)
        snprintf (offset, sizeof offset, "%lld", (long long)receipt.offset);
    if (cli->json)
        printf ("{\"id\":\"%s\",\"level\":\"%s\",\"offset\":%s}\n", id,
                covey_level_name ((int)receipt.level), offset);
    else if (!cli->quiet)
        printf ("%s %s\n", id, covey_level_name ((int)receipt.level));
    return COVEY_EXIT_OK;
}

static int
s_check_agent (covey_cli_t *cli, const char *id)
{
    if (covey_str_is_agent_id (id, strlen (id)))
        return COVEY_EXIT_OK;
    return covey_cli_fail (cli, COVEY_EXIT_USAGE,
                           "AGENT: \"%.130s\": must be 1 to %d bytes of "
                           "letters, digits and ._:@/-",
                           id, COVEY_AGENT_ID_MAX);
}

/* ------------------------------------------------------------------------ */

static covey_event_t *
s_new_message (covey_cli_t *cli, const char *target, const char *text,
               size_t size, covey_err_t *rc_p)
{
    covey_event_t *event = covey_event_new (COVEY_EVENT_MESSAGE_SENT);
    if (!event) {
        *rc_p = COVEY_NOMEM;
        return NULL;
    }
    char id[37];
    covey_id_text (covey_event_id (event), id);
    const char *kind = covey_cli_text (cli, "content");
    covey_err_t rc = covey_event_add_target (event, target);
    if (rc == COVEY_OK)
        rc = covey_event_set_str (event, "messageId", id);
    if (rc == COVEY_OK)
        rc = covey_event_set_payload (event, "content", s_content (kind), text,
                                      size);
    if (rc == COVEY_OK)
        rc = covey_event_set_str (event, "contentType", kind);
    if (rc == COVEY_OK)
        rc = s_check_event (event);
    if (rc)
        covey_event_destroy (&event);
    *rc_p = rc;
    return event;
}

static int
s_run_send (covey_cli_t *cli)
{
    const char *target = covey_cli_arg (cli, 0);
    int level = covey_cli_level (cli, covey_cli_text (cli, "wait"));
    int exit_code = level < 0 ? COVEY_EXIT_USAGE : s_check_agent (cli, target);
    char *text = NULL;
    size_t size = 0;
    if (!exit_code)
        exit_code = covey_cli_read (cli, covey_cli_arg (cli, 1), false,
                                    COVEY_PAYLOAD_MAX, &text, &size);
    if (!exit_code && strcmp (covey_cli_text (cli, "content"), "json") == 0)
        exit_code = covey_cli_check_json (cli, "TEXT", text, size);
    covey_err_t rc = COVEY_OK;
    covey_event_t *event =
        exit_code ? NULL : s_new_message (cli, target, text, size, &rc);
    if (!exit_code)
        exit_code =
            rc ? covey_cli_fail_rc (cli, rc, target) : covey_cli_connect (cli);
    if (!exit_code)
        exit_code = s_publish (cli, &event, level, target);
    covey_event_destroy (&event);
    free (text);
    return exit_code;
}

const covey_cli_command_t covey_cmd_send = {
    .name = "send",
    .args = "AGENT TEXT|-",
    .summary = "send a message to an agent",
    .text = "TEXT is what the agent gets; - takes it from standard input.",
    .options = s_send_options,
    .needs = COVEY_CLI_NODE,
    .args_min = 2,
    .args_max = 2,
    .run = s_run_send};

/* ------------------------------------------------------------------------ */

static const covey_opt_t s_request_options[] = {
    {.flag = "timeout",
     .letter = 't',
     .kind = COVEY_OPT_MS,
     .def = "30s",
     .min = 1,
     .max = 86400000,
     .value = "MS",
     .doc = "how long the agent may take to answer"},
    {0}};

/*  covey_error () is "CODE: message" for an answer with an error.           */
static int
s_fail_request (covey_cli_t *cli, covey_err_t rc)
{
    int exit_code = rc == COVEY_TIMEOUT       ? COVEY_EXIT_TIMEOUT
                    : rc == COVEY_DENIED      ? COVEY_EXIT_DENIED
                    : rc == COVEY_UNREACHABLE ? COVEY_EXIT_UNREACHABLE
                    : rc == COVEY_INVALID     ? COVEY_EXIT_USAGE
                                              : COVEY_EXIT_FAILED;
    const char *message = covey_error ();
    if (!cli->json)
        return covey_cli_fail (cli, exit_code, "%.130s %.130s: %s",
                               covey_cli_arg (cli, 0), covey_cli_arg (cli, 1),
                               message);
    const char *colon = rc == COVEY_REMOTE ? strstr (message, ": ") : NULL;
    json_t *line = json_pack (
        "{s:s%, s:s}", "code", colon ? message : covey_err_name (rc),
        colon ? (size_t)(colon - message) : strlen (covey_err_name (rc)),
        "message", colon ? colon + 2 : message);
    char *text = json_dumps (line, JSON_COMPACT);
    fprintf (stderr, "%s\n", text ? text : "{\"code\":\"INVALID\"}");
    free (text);
    json_decref (line);
    return exit_code;
}

static int
s_run_request (covey_cli_t *cli)
{
    const char *params = covey_cli_arg (cli, 2);
    char *text = NULL, *result = NULL;
    size_t size = 0;
    int exit_code = s_check_agent (cli, covey_cli_arg (cli, 0));
    if (!exit_code && params)
        exit_code =
            covey_cli_read (cli, params, true, COVEY_PAYLOAD_MAX, &text, &size);
    if (!exit_code && text)
        exit_code = covey_cli_check_json (cli, "the argument", text, size);
    if (!exit_code)
        exit_code = covey_cli_connect (cli);
    if (!exit_code) {
        covey_err_t rc = covey_agent_request (
            cli->agent, covey_cli_arg (cli, 0), covey_cli_arg (cli, 1), text,
            covey_cli_timeout (cli), &result);
        if (rc)
            exit_code = s_fail_request (cli, rc);
        else
            covey_cli_put_json (cli, result, strlen (result));
    }
    covey_free (result);
    free (text);
    return exit_code;
}

const covey_cli_command_t covey_cmd_request = {
    .name = "request",
    .args = "AGENT METHOD [JSON|@FILE|-]",
    .summary = "ask an agent and print its answer",
    .text = "JSON are the parameters. The answer's result is printed as JSON; "
            "with --json a\nfailure is printed as an object with code and "
            "message on standard error.",
    .options = s_request_options,
    .needs = COVEY_CLI_NODE,
    .args_min = 2,
    .args_max = 3,
    .run = s_run_request};

/* ------------------------------------------------------------------------ */

static const covey_opt_t s_broadcast_options[] = {
    COVEY_LIST_OPTION ("type", "TYPE", "to agents of this type"),
    COVEY_LIST_OPTION ("cap", "CAPABILITY", "to agents that can do this"),
    COVEY_LIST_OPTION ("tag", "TAG", "to agents with this tag"),
    {.flag = "swarm",
     .kind = COVEY_OPT_TEXT,
     .min = 1,
     .max = COVEY_NAME_MAX,
     .value = "SWARM",
     .doc = "to the members of this swarm"},
    {.flag = "wait",
     .kind = COVEY_OPT_TEXT,
     .def = "accepted",
     .value = "LEVEL",
     .doc = "wait until it is accepted, outbox, stored, ..."},
    {0}};

/*  The scope says which agents are meant: all that is given must match.     */
static const char *
s_scope (const covey_cli_t *cli)
{
    bool by_type = covey_options_count (cli->options, "type");
    bool by_other = covey_options_count (cli->options, "cap") ||
                    covey_options_count (cli->options, "tag");
    const char *swarm = covey_cli_text (cli, "swarm");
    if (!by_type && !by_other)
        return swarm ? "swarm" : "global";
    return by_type && !by_other && !swarm ? "type" : "custom";
}

static json_t *
s_json_list (const covey_cli_t *cli, const char *option)
{
    json_t *list = json_array ();
    for (size_t i = 0; i < covey_options_count (cli->options, option); i++)
        json_array_append_new (
            list, json_string (covey_options_item (cli->options, option, i)));
    return list;
}

static covey_err_t
s_set_filter (const covey_cli_t *cli, covey_event_t *event)
{
    json_t *filter =
        json_pack ("{s:o, s:o, s:o}", "agentTypes", s_json_list (cli, "type"),
                   "capabilities", s_json_list (cli, "cap"), "tags",
                   s_json_list (cli, "tag"));
    char *text = json_dumps (filter, JSON_COMPACT);
    covey_err_t rc =
        text ? covey_event_set_json (event, "filter", text) : COVEY_NOMEM;
    free (text);
    json_decref (filter);
    return rc;
}

static covey_err_t
s_new_broadcast (covey_cli_t *cli, const char *text, size_t size,
                 covey_event_t **event_p)
{
    covey_event_t *event = covey_event_new (COVEY_EVENT_BROADCAST);
    if (!event)
        return COVEY_NOMEM;
    const char *swarm = covey_cli_text (cli, "swarm");
    const char *scope = s_scope (cli);
    covey_err_t rc =
        covey_event_set_str (event, "topic", covey_cli_arg (cli, 0));
    if (rc == COVEY_OK)
        rc = covey_event_set_payload (event, "content", COVEY_CONTENT_JSON,
                                      text, size);
    if (rc == COVEY_OK)
        rc = covey_event_set_str (event, "scope", scope);
    if (rc == COVEY_OK && strcmp (scope, "global") != 0 &&
        strcmp (scope, "swarm") != 0)
        rc = s_set_filter (cli, event);
    if (rc == COVEY_OK && swarm)
        rc = covey_event_set_str (event, "swarmId", swarm);
    if (rc == COVEY_OK)
        rc = s_check_event (event);
    if (rc)
        covey_event_destroy (&event);
    *event_p = event;
    return rc;
}

static int
s_run_broadcast (covey_cli_t *cli)
{
    char *text = NULL;
    size_t size = 0;
    int level = covey_cli_level (cli, covey_cli_text (cli, "wait"));
    if (level < 0)
        return COVEY_EXIT_USAGE;
    int exit_code = covey_cli_read (cli, covey_cli_arg (cli, 1), true,
                                    COVEY_PAYLOAD_MAX, &text, &size);
    if (!exit_code)
        exit_code = covey_cli_check_json (cli, "the argument", text, size);
    covey_event_t *event = NULL;
    covey_err_t rc =
        exit_code ? COVEY_OK : s_new_broadcast (cli, text, size, &event);
    if (!exit_code)
        exit_code = rc ? covey_cli_fail_rc (cli, rc, covey_cli_arg (cli, 0))
                       : covey_cli_connect (cli);
    if (!exit_code)
        exit_code = s_publish (cli, &event, level, covey_cli_arg (cli, 0));
    covey_event_destroy (&event);
    free (text);
    return exit_code;
}

const covey_cli_command_t covey_cmd_broadcast = {
    .name = "broadcast",
    .args = "TOPIC JSON|@FILE|-",
    .summary = "tell all agents, or those that match, something",
    .text = "Without options every agent of the mesh gets it; with --type, "
            "--cap, --tag and\n--swarm only those that match all of them.",
    .options = s_broadcast_options,
    .needs = COVEY_CLI_NODE,
    .args_min = 2,
    .args_max = 2,
    .run = s_run_broadcast};
