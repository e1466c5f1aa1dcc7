/*  covey send, covey request, covey broadcast: a word to other agents        */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "cli/commands.h"
#include "cli/filter.h"
#include "cli/group.h"

static const covey_opt_t s_send_options[] = {
    COVEY_GROUP_OPTIONS,
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

/*  To an agent, or to one of a group (`target` is NULL).                    */
static covey_event_t *
s_new_message (covey_cli_t *cli, const char *target,
               const covey_cli_group_t *group, const char *text, size_t size,
               covey_err_t *rc_p)
{
    covey_event_t *event = covey_event_new (COVEY_EVENT_MESSAGE_SENT);
    if (!event) {
        *rc_p = COVEY_NOMEM;
        return NULL;
    }
    char id[37];
    covey_id_text (covey_event_id (event), id);
    const char *kind = covey_cli_text (cli, "content");
    covey_err_t rc = target ? covey_event_add_target (event, target)
                            : covey_event_set_group (event, &group->scope);
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

/*  Either an agent is named, or a group is given; `*target_p` is NULL then.  */
static int
s_check_whom (covey_cli_t *cli, const covey_cli_group_t *group,
              size_t args_after, const char *usage, const char **target_p)
{
    size_t count = covey_options_positional_count (cli->options);
    *target_p = NULL;
    if (group->is_given)
        return count <= args_after
                   ? COVEY_EXIT_OK
                   : covey_cli_fail (cli, COVEY_EXIT_USAGE,
                                     "\"%.130s\": an AGENT and a group exclude "
                                     "each other",
                                     covey_cli_arg (cli, 0));
    *target_p = covey_cli_arg (cli, 0);
    if (count < 2)
        return covey_cli_fail (
            cli, COVEY_EXIT_USAGE,
            "%s: an argument is missing: give both, or --type, --cap, --tag or "
            "--swarm instead of AGENT",
            usage);
    return s_check_agent (cli, *target_p);
}

static int
s_send_to (covey_cli_t *cli, const covey_cli_group_t *group)
{
    const char *target;
    int level = covey_cli_level (cli, covey_cli_text (cli, "wait"));
    int exit_code = level < 0
                        ? COVEY_EXIT_USAGE
                        : s_check_whom (cli, group, 1, "AGENT TEXT", &target);
    char *text = NULL;
    size_t size = 0;
    if (!exit_code)
        exit_code = covey_cli_read (cli, covey_cli_arg (cli, target ? 1 : 0),
                                    false, COVEY_PAYLOAD_MAX, &text, &size);
    if (!exit_code && strcmp (covey_cli_text (cli, "content"), "json") == 0)
        exit_code = covey_cli_check_json (cli, "TEXT", text, size);
    const char *what = exit_code || target ? covey_cli_arg (cli, 0) : "send";
    covey_err_t rc = COVEY_OK;
    covey_event_t *event =
        exit_code ? NULL : s_new_message (cli, target, group, text, size, &rc);
    if (!exit_code)
        exit_code =
            rc ? covey_cli_fail_rc (cli, rc, what) : covey_cli_connect (cli);
    if (!exit_code)
        exit_code = s_publish (cli, &event, level, what);
    covey_event_destroy (&event);
    free (text);
    return exit_code;
}

static int
s_run_send (covey_cli_t *cli)
{
    covey_cli_group_t group;
    covey_cli_group (cli, &group);
    return s_send_to (cli, &group);
}

const covey_cli_command_t covey_cmd_send = {
    .name = "send",
    .args = "[AGENT] TEXT|-",
    .summary = "send a message to an agent, or to one of a group",
    .text =
        "TEXT is what the agent gets; - takes it from standard input. Instead "
        "of AGENT,\n--type, --cap, --tag and --swarm select a group: one "
        "of the agents that match all\nof them gets the message, the least "
        "loaded; another one, when that one fails.",
    .options = s_send_options,
    .needs = COVEY_CLI_NODE | COVEY_CLI_BYTES,
    .args_min = 1,
    .args_max = 2,
    .run = s_run_send};

/* ------------------------------------------------------------------------ */

static const covey_opt_t s_request_options[] = {
    COVEY_GROUP_OPTIONS,
    {.flag = "all",
     .kind = COVEY_OPT_FLAG,
     .doc = "ask all of the group, or all agents, not one"},
    {.flag = "stall",
     .kind = COVEY_OPT_MS,
     .def = "0",
     .min = 0,
     .max = 86400000,
     .value = "MS",
     .doc = "with --all: end when nothing new came for so long"},
    {.flag = "max",
     .kind = COVEY_OPT_INT,
     .def = "0",
     .min = 0,
     .max = COVEY_GATHER_MAX,
     .value = "N",
     .doc = "with --all: so many answers are enough; 0: all"},
    {.flag = "first-error",
     .kind = COVEY_OPT_FLAG,
     .doc = "with --all: end at the first error"},
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
s_fail_request (covey_cli_t *cli, const char *target, const char *method,
                covey_err_t rc)
{
    int exit_code = rc == COVEY_TIMEOUT       ? COVEY_EXIT_TIMEOUT
                    : rc == COVEY_DENIED      ? COVEY_EXIT_DENIED
                    : rc == COVEY_UNREACHABLE ? COVEY_EXIT_UNREACHABLE
                    : rc == COVEY_INVALID     ? COVEY_EXIT_USAGE
                                              : COVEY_EXIT_FAILED;
    const char *message = covey_error ();
    if (!cli->json)
        return covey_cli_fail (cli, exit_code, "%s%s%.130s: %s",
                               target ? target : "", target ? " " : "", method,
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

/*  One answer.                                                              */
static int
s_ask_one (covey_cli_t *cli, const char *target, const covey_scope_t *group,
           const char *method, const char *params)
{
    char *result = NULL;
    int timeout_ms = covey_cli_timeout (cli);
    covey_err_t rc =
        target ? covey_agent_request (cli->agent, target, method, params,
                                      timeout_ms, &result)
               : covey_agent_request_group (cli->agent, group, method, params,
                                            timeout_ms, &result);
    if (rc)
        return s_fail_request (cli, target, method, rc);
    covey_cli_put_json (cli, result, strlen (result));
    covey_free (result);
    return COVEY_EXIT_OK;
}

/*  What only --all understands.                                             */
static int
s_check_all (covey_cli_t *cli)
{
    static const char *const options[] = {"stall", "max", "first-error"};
    if (covey_options_flag (cli->options, "all"))
        return COVEY_EXIT_OK;
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
        if (covey_options_is_set (cli->options, options[i]))
            return covey_cli_fail (cli, COVEY_EXIT_USAGE, "--%s needs --all",
                                   options[i]);
    return COVEY_EXIT_OK;
}

static int
s_request (covey_cli_t *cli, const covey_cli_group_t *group)
{
    const char *target;
    bool all = covey_options_flag (cli->options, "all");
    char *text = NULL;
    size_t size = 0;
    int exit_code = s_check_whom (cli, group, 2, "AGENT METHOD", &target);
    if (!exit_code)
        exit_code = s_check_all (cli);
    const char *method = covey_cli_arg (cli, target ? 1 : 0);
    const char *params = covey_cli_arg (cli, target ? 2 : 1);
    if (!exit_code && params)
        exit_code =
            covey_cli_read (cli, params, true, COVEY_PAYLOAD_MAX, &text, &size);
    if (!exit_code && text)
        exit_code = covey_cli_check_json (cli, "the argument", text, size);
    if (!exit_code)
        exit_code = covey_cli_connect (cli);
    if (!exit_code && all)
        exit_code = covey_cli_gather (cli, &group->scope, method, text);
    else if (!exit_code)
        exit_code = s_ask_one (cli, target, &group->scope, method, text);
    free (text);
    return exit_code;
}

static int
s_run_request (covey_cli_t *cli)
{
    covey_cli_group_t group;
    covey_cli_group (cli, &group);
    /* Without any restriction --all means every agent. */
    group.is_given = group.is_given || covey_options_flag (cli->options, "all");
    return s_request (cli, &group);
}

const covey_cli_command_t covey_cmd_request = {
    .name = "request",
    .args = "[AGENT] METHOD [JSON|@FILE|-]",
    .summary = "ask an agent, one of a group, or all of it",
    .text = "JSON are the parameters. The answer's result is printed as JSON; "
            "with --json a\nfailure is printed as an object with code and "
            "message on standard error.\n\nInstead of AGENT, --type, --cap, "
            "--tag and --swarm select a group: one of the agents\nthat match "
            "all of them is asked. With --all each of them is, or every agent: "
            "each\nanswer is a line, {\"agent\":…,\"result\":…} or "
            "{\"agent\":…,\"error\":…}, and how many\nwere asked, heard it and "
            "answered is said on standard error. Exit code 0: all that "
            "can\nbe reached, or --max, have answered; 4: time ran out before.",
    .options = s_request_options,
    .needs = COVEY_CLI_NODE,
    .args_min = 1,
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
