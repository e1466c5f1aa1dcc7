/*  covey task show | list | cancel | retry | pause | resume                  */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "cli/commands.h"
#include "cli/control.h"
#include "cli/listing.h"
#include "cli/task_opts.h"

/* ------------------------------------------------------------------------ */

static const covey_opt_t s_show_options[] = {
    COVEY_CONSISTENCY_OPTION, COVEY_TASK_WAIT_OPTIONS, {0}};

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
        exit_code =
            is_waiting ? covey_task_opts_wait (cli, id) : s_show (cli, id);
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

static const covey_opt_t s_cancel_options[] = {
    {.flag = "reason",
     .kind = COVEY_OPT_TEXT,
     .max = COVEY_TEXT_MAX,
     .value = "TEXT",
     .doc = "why"},
    {.flag = "grace",
     .kind = COVEY_OPT_MS,
     .max = 86400000,
     .value = "MS",
     .doc = "time for its agent to stop by itself"},
    {0}};

static int
s_run_cancel (covey_cli_t *cli)
{
    const char *id = covey_cli_arg (cli, 0);
    json_t *params = json_pack ("{s:s}", "taskId", id);
    covey_control_set (params, "reason", covey_cli_text (cli, "reason"));
    covey_control_set_int (cli, params, "grace", "grace");
    const covey_control_t control = {
        .method = "task.cancel", .params = params, .what = id};
    return covey_control_show (cli, &control);
}

const covey_cli_command_t covey_cmd_task_cancel = {
    .name = "task cancel",
    .args = "TASK",
    .summary = "cancel a task that has not ended",
    .text = "With --grace the agent that works on it is asked to stop first, "
            "and may still complete it; when the grace is over, it is "
            "cancelled.",
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
