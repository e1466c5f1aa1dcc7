/*  covey task show | list | cancel | retry | pause | resume                  */
#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/task_opts.h"

static const covey_opt_t s_show_options[] = {COVEY_TASK_WAIT_OPTIONS, {0}};

static const covey_ask_t s_show = {.method = "task.show",
                                   .args = {"taskId"},
                                   .wait = covey_task_wait,
                                   .judge = covey_task_opts_judge};

const covey_cli_command_t covey_cmd_task_show = {
    .name = "task show",
    .args = "TASK...",
    .summary = "show tasks: state, agent, attempt, result",
    .text = "Each in turn; the first that fails ends it.",
    .options = s_show_options,
    .needs = COVEY_CLI_NODE | COVEY_CLI_READ,
    .args_min = 1,
    .args_max = COVEY_LIST_MAX,
    .ask = &s_show,
    .run = covey_ask_run};

/* ------------------------------------------------------------------------ */

static const covey_opt_t s_cancel_options[] = {
    COVEY_ASK_REASON,
    COVEY_ASK_MS ("grace", "grace", 0, 86400000,
                  "time for its agent to stop by itself"),
    {0}};

static const covey_ask_t s_cancel = {.method = "task.cancel",
                                     .args = {"taskId"}};

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
    .ask = &s_cancel,
    .run = covey_ask_run};

static const covey_ask_t s_retry = {.method = "task.retry", .args = {"taskId"}};
static const covey_ask_t s_pause = {.method = "task.pause", .args = {"taskId"}};
static const covey_ask_t s_resume = {.method = "task.resume",
                                     .args = {"taskId"}};

const covey_cli_command_t covey_cmd_task_retry = {
    .name = "task retry",
    .args = "TASK",
    .summary = "try a failed or parked task again",
    .needs = COVEY_CLI_NODE,
    .args_min = 1,
    .args_max = 1,
    .ask = &s_retry,
    .run = covey_ask_run};

const covey_cli_command_t covey_cmd_task_pause = {
    .name = "task pause",
    .args = "TASK",
    .summary = "hold a task back until it is resumed",
    .needs = COVEY_CLI_NODE,
    .args_min = 1,
    .args_max = 1,
    .ask = &s_pause,
    .run = covey_ask_run};

const covey_cli_command_t covey_cmd_task_resume = {
    .name = "task resume",
    .args = "TASK",
    .summary = "let a paused task go on",
    .needs = COVEY_CLI_NODE,
    .args_min = 1,
    .args_max = 1,
    .ask = &s_resume,
    .run = covey_ask_run};

/* ------------------------------------------------------------------------ */

static const covey_opt_t s_list_options[] = {
    COVEY_ASK_STATE ("queued|assigned|accepted|started|paused|completed|failed|"
                     "cancelled|parked"),
    COVEY_ASK_AGENT ("agent", "agent", "only of this agent"),
    COVEY_ASK_NAME ("type", "taskType", "TYPE", "only of this type"),
    {0}};

static const covey_column_t s_columns[] = {
    {"ID", "id", COVEY_CELL_TEXT},
    {"TYPE", "type", COVEY_CELL_TEXT},
    {"STATE", "state", COVEY_CELL_STATE},
    {"AGENT", "agent", COVEY_CELL_TEXT},
    {"TRY", "attempt", COVEY_CELL_NUMBER},
    {"%", "progress", COVEY_CELL_NUMBER},
    {"SUBMITTED", "submittedAt", COVEY_CELL_AGE},
    {"REMARK", "error", COVEY_CELL_TEXT},
    {0}};

static const covey_ask_t s_list = {
    .method = "task.list",
    .listing = COVEY_ASK_TABLE ("tasks", s_columns, "no tasks")};

const covey_cli_command_t covey_cmd_task_list = {.name = "task list",
                                                 .args = "",
                                                 .summary = "list tasks",
                                                 .options = s_list_options,
                                                 .needs = COVEY_CLI_LISTING,
                                                 .ask = &s_list,
                                                 .run = covey_ask_run};

const covey_cli_command_t covey_cmd_tasks = {
    .name = "tasks",
    .args = "",
    .summary = "list tasks (short for covey task list)",
    .options = s_list_options,
    .needs = COVEY_CLI_LISTING,
    .ask = &s_list,
    .run = covey_ask_run};
