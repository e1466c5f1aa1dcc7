/*  covey task submit | show | list | cancel | retry                          */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "cli/commands.h"
#include "cli/control.h"
#include "cli/filter.h"
#include "cli/listing.h"

#define WAIT_OPTIONS                                                          \
    {.flag = "wait",                                                          \
     .doc = "until it is completed, failed, cancelled or "                    \
            "parked; exit code 1 unless completed"},                          \
    {                                                                         \
        .flag = "wait-timeout", .kind = COVEY_OPT_MS, .def = "10m", .min = 1, \
        .max = 86400000, .value = "MS", .doc = "how long --wait waits"        \
    }

/*  Wait for the end of a task and show it.                                  */
static int
s_wait (covey_cli_t *cli, const char *id)
{
    char *result = NULL;
    covey_err_t rc = covey_task_wait (
        cli->agent, id, covey_cli_int (cli, "wait-timeout"), &result);
    if (rc)
        return covey_cli_fail_rc (cli, rc, id);
    char *state = covey_listing_text (result, "state");
    bool is_completed = state && strcmp (state, "completed") == 0;
    free (state);
    covey_listing_show (cli, &result);
    return is_completed ? COVEY_EXIT_OK : COVEY_EXIT_FAILED;
}

/* ------------------------------------------------------------------------ */

static const covey_opt_t s_submit_options[] = {
    {.flag = "type",
     .kind = COVEY_OPT_TEXT,
     .min = 1,
     .max = COVEY_NAME_MAX,
     .value = "TYPE",
     .doc = "what kind of task it is (required)"},
    {.flag = "id",
     .kind = COVEY_OPT_TEXT,
     .min = 1,
     .max = COVEY_NAME_MAX,
     .value = "ID",
     .doc = "id of the task; default: one is made up"},
    {.flag = "description",
     .kind = COVEY_OPT_TEXT,
     .max = COVEY_TEXT_MAX,
     .value = "TEXT",
     .doc = "what is to be done, for people"},
    COVEY_LIST_OPTION ("cap", "CAPABILITY",
                       "the agent must be able to do this"),
    {.flag = "agent-type",
     .kind = COVEY_OPT_TEXT,
     .min = 1,
     .max = COVEY_NAME_MAX,
     .value = "TYPE",
     .doc = "the agent must be of this type"},
    {.flag = "input",
     .letter = 'i',
     .kind = COVEY_OPT_TEXT,
     .max = COVEY_PAYLOAD_MAX,
     .value = "JSON|@FILE|-",
     .doc = "what the agent gets to work on"},
    {.flag = "priority",
     .kind = COVEY_OPT_CHOICE,
     .def = "normal",
     .choices = "low|normal|high|critical",
     .value = "PRIORITY",
     .doc = "higher ones are assigned first"},
    COVEY_LIST_OPTION ("after", "ID", "not before this task is completed"),
    {.flag = "deadline",
     .kind = COVEY_OPT_MS,
     .min = 1,
     .max = 31536000000,
     .value = "MS",
     .doc = "failed when not completed within this time"},
    {.flag = "lease",
     .kind = COVEY_OPT_MS,
     .min = 100,
     .max = 86400000,
     .value = "MS",
     .doc = "given to another agent after this time without a report"},
    {.flag = "attempts",
     .kind = COVEY_OPT_INT,
     .min = 0,
     .max = 1000000,
     .value = "N",
     .doc = "attempts in all before it is parked; 0: no limit"},
    {.flag = "key",
     .kind = COVEY_OPT_TEXT,
     .min = 1,
     .max = COVEY_NAME_MAX,
     .value = "KEY",
     .doc = "submitting again with the same key gives the same task"},
    WAIT_OPTIONS,
    {0}};

static json_t *
s_submit_params (covey_cli_t *cli)
{
    json_t *params = json_object ();
    covey_control_set (params, "taskId", covey_cli_text (cli, "id"));
    covey_control_set (params, "taskType", covey_cli_text (cli, "type"));
    covey_control_set (params, "description",
                       covey_cli_text (cli, "description"));
    covey_control_set (params, "priority", covey_cli_text (cli, "priority"));
    covey_control_set (params, "agentType", covey_cli_text (cli, "agent-type"));
    covey_control_set (params, "idempotencyKey", covey_cli_text (cli, "key"));
    covey_control_set_list (cli, params, "requiredCapabilities", "cap");
    covey_control_set_list (cli, params, "dependencies", "after");
    covey_control_set_int (cli, params, "lease", "lease");
    if (covey_options_is_set (cli->options, "deadline")) {
        char text[40];
        covey_str_time (covey_clock_wall_us () +
                            covey_options_int (cli->options, "deadline") * 1000,
                        text);
        covey_control_set (params, "deadline", text);
    }
    if (covey_options_is_set (cli->options, "attempts"))
        json_object_set_new (
            params, "retry",
            json_pack ("{s:i}", "attempts", covey_cli_int (cli, "attempts")));
    return params;
}

static int
s_submit (covey_cli_t *cli, const char *input, const char *content)
{
    char *result = NULL;
    const covey_control_t control = {.method = "task.submit",
                                     .params = s_submit_params (cli),
                                     .key = "input",
                                     .content = content,
                                     .payload = input,
                                     .what = covey_cli_text (cli, "type")};
    int exit_code = covey_control_ask (cli, &control, &result);
    if (exit_code)
        return exit_code;
    if (!covey_cli_flag (cli, "wait")) {
        covey_listing_show (cli, &result);
        return COVEY_EXIT_OK;
    }
    char *id = covey_listing_text (result, "id");
    covey_free (result);
    exit_code = id ? s_wait (cli, id) : COVEY_EXIT_FAILED;
    free (id);
    return exit_code;
}

static int
s_run_submit (covey_cli_t *cli)
{
    const char *input = covey_cli_text (cli, "input");
    const char *content = NULL;
    char *text = NULL;
    if (!covey_cli_text (cli, "type"))
        return covey_cli_fail (cli, COVEY_EXIT_USAGE,
                               "--type: is missing; usage: covey task submit "
                               "--type TYPE [--input JSON]");
    int exit_code = COVEY_EXIT_OK;
    if (input)
        exit_code = covey_control_read_input (cli, input, &text, &content);
    if (!exit_code)
        exit_code = covey_cli_connect (cli);
    if (!exit_code)
        exit_code = s_submit (cli, text, content);
    free (text);
    return exit_code;
}

const covey_cli_command_t covey_cmd_task_submit = {
    .name = "task submit",
    .args = "--type TYPE",
    .summary = "have something done by an agent that can",
    .options = s_submit_options,
    .needs = COVEY_CLI_NODE,
    .run = s_run_submit};

/* ------------------------------------------------------------------------ */

static const covey_opt_t s_show_options[] = {
    COVEY_CONSISTENCY_OPTION, WAIT_OPTIONS, {0}};

static int
s_show (covey_cli_t *cli, const char *id)
{
    char *result = NULL;
    json_t *params = json_pack ("{s:s}", "taskId", id);
    covey_control_set (params, "consistency",
                       covey_cli_text (cli, "consistency"));
    const covey_control_t control = {
        .method = "task.show", .params = params, .what = id};
    int exit_code = covey_control_ask (cli, &control, &result);
    if (!exit_code)
        covey_listing_show (cli, &result);
    return exit_code;
}

/*  Each in turn; the first that fails ends it.                              */
static int
s_run_show (covey_cli_t *cli)
{
    size_t count = covey_options_positional_count (cli->options);
    bool is_waiting = covey_cli_flag (cli, "wait");
    int exit_code = covey_cli_connect (cli);
    for (size_t i = 0; !exit_code && i < count; i++) {
        const char *id = covey_cli_arg (cli, i);
        exit_code = is_waiting ? s_wait (cli, id) : s_show (cli, id);
    }
    return exit_code;
}

const covey_cli_command_t covey_cmd_task_show = {
    .name = "task show",
    .args = "TASK...",
    .summary = "show tasks: state, agent, attempt, result",
    .options = s_show_options,
    .needs = COVEY_CLI_NODE,
    .args_min = 1,
    .args_max = COVEY_LIST_MAX,
    .run = s_run_show};

/* ------------------------------------------------------------------------ */

static const covey_opt_t s_cancel_options[] = {{.flag = "reason",
                                                .kind = COVEY_OPT_TEXT,
                                                .max = COVEY_TEXT_MAX,
                                                .value = "TEXT",
                                                .doc = "why"},
                                               {0}};

static int
s_run_cancel (covey_cli_t *cli)
{
    const char *id = covey_cli_arg (cli, 0);
    json_t *params = json_pack ("{s:s}", "taskId", id);
    covey_control_set (params, "reason", covey_cli_text (cli, "reason"));
    const covey_control_t control = {
        .method = "task.cancel", .params = params, .what = id};
    return covey_control_show (cli, &control);
}

const covey_cli_command_t covey_cmd_task_cancel = {
    .name = "task cancel",
    .args = "TASK",
    .summary = "cancel a task that has not ended",
    .options = s_cancel_options,
    .needs = COVEY_CLI_NODE,
    .args_min = 1,
    .args_max = 1,
    .run = s_run_cancel};

/*  "task retry" is the method task.retry of one task.                       */
static int
s_run_ref (covey_cli_t *cli)
{
    const char *id = covey_cli_arg (cli, 0);
    char method[40] = "task.";
    covey_str_copy (method + 5, sizeof method - 5, cli->command->name + 5);
    const covey_control_t control = {.method = method,
                                     .params =
                                         json_pack ("{s:s}", "taskId", id),
                                     .what = id};
    return covey_control_show (cli, &control);
}

const covey_cli_command_t covey_cmd_task_retry = {
    .name = "task retry",
    .args = "TASK",
    .summary = "try a failed or parked task again",
    .needs = COVEY_CLI_NODE,
    .args_min = 1,
    .args_max = 1,
    .run = s_run_ref};

const covey_cli_command_t covey_cmd_task_pause = {
    .name = "task pause",
    .args = "TASK",
    .summary = "hold a task back until it is resumed",
    .needs = COVEY_CLI_NODE,
    .args_min = 1,
    .args_max = 1,
    .run = s_run_ref};

const covey_cli_command_t covey_cmd_task_resume = {
    .name = "task resume",
    .args = "TASK",
    .summary = "let a paused task go on",
    .needs = COVEY_CLI_NODE,
    .args_min = 1,
    .args_max = 1,
    .run = s_run_ref};

/* ------------------------------------------------------------------------ */

static const covey_opt_t s_list_options[] = {
    {.flag = "state",
     .kind = COVEY_OPT_CHOICE,
     .choices = "queued|assigned|accepted|started|paused|completed|failed|"
                "cancelled|parked",
     .value = "STATE",
     .doc = "only in this state"},
    {.flag = "agent",
     .kind = COVEY_OPT_TEXT,
     .min = 1,
     .max = COVEY_AGENT_ID_MAX,
     .value = "AGENT",
     .doc = "only of this agent"},
    {.flag = "type",
     .kind = COVEY_OPT_TEXT,
     .min = 1,
     .max = COVEY_NAME_MAX,
     .value = "TYPE",
     .doc = "only of this type"},
    {.flag = "limit",
     .letter = 'n',
     .kind = COVEY_OPT_INT,
     .def = "100",
     .min = 1,
     .max = 1000,
     .value = "N",
     .doc = "at most N"},
    {.flag = "after",
     .kind = COVEY_OPT_TEXT,
     .min = 1,
     .max = COVEY_NAME_MAX,
     .value = "TASK",
     .doc = "go on after this task"},
    COVEY_CONSISTENCY_OPTION,
    {0}};

static covey_err_t
s_fetch_list (covey_cli_t *cli, char **json_p)
{
    json_t *query = json_pack ("{s:i}", "limit", covey_cli_int (cli, "limit"));
    covey_control_set (query, "state", covey_cli_text (cli, "state"));
    covey_control_set (query, "agent", covey_cli_text (cli, "agent"));
    covey_control_set (query, "taskType", covey_cli_text (cli, "type"));
    covey_control_set (query, "after", covey_cli_text (cli, "after"));
    covey_control_set (query, "consistency",
                       covey_cli_text (cli, "consistency"));
    return covey_control_fetch (cli, "task.list", query, json_p);
}

static int
s_run_list (covey_cli_t *cli)
{
    static const covey_column_t columns[] = {
        {"ID", "id", COVEY_CELL_TEXT},
        {"TYPE", "type", COVEY_CELL_TEXT},
        {"STATE", "state", COVEY_CELL_STATE},
        {"AGENT", "agent", COVEY_CELL_TEXT},
        {"TRY", "attempt", COVEY_CELL_NUMBER},
        {"%", "progress", COVEY_CELL_NUMBER},
        {"SUBMITTED", "submittedAt", COVEY_CELL_AGE},
        {"REMARK", "error", COVEY_CELL_TEXT},
        {0}};
    static const covey_listing_t listing = {.fetch = s_fetch_list,
                                            .member = "tasks",
                                            .columns = columns,
                                            .empty = "no tasks"};
    int exit_code = covey_cli_connect (cli);
    return exit_code ? exit_code : covey_listing_run (cli, &listing);
}

const covey_cli_command_t covey_cmd_task_list = {.name = "task list",
                                                 .args = "",
                                                 .summary = "list tasks",
                                                 .options = s_list_options,
                                                 .needs = COVEY_CLI_NODE |
                                                          COVEY_CLI_WATCH,
                                                 .run = s_run_list};

const covey_cli_command_t covey_cmd_tasks = {
    .name = "tasks",
    .args = "",
    .summary = "list tasks (short for covey task list)",
    .options = s_list_options,
    .needs = COVEY_CLI_NODE | COVEY_CLI_WATCH,
    .run = s_run_list};
