/*  covey task schedule add | list | show | pause | resume | delete           */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/control.h"
#include "cli/task_opts.h"

static const covey_opt_t s_add_options[] = {
    COVEY_ASK_NAME ("cron", "cron", "FIELDS",
                    "[second] minute hour day month weekday in UTC, or "
                    "@hourly, @daily, @weekly, @monthly, @yearly"),
    COVEY_ASK_MS ("every", "every", 100, COVEY_TASK_YEAR_MS,
                  "instead of --cron: this far apart"),
    {.flag = "at",
     .kind = COVEY_OPT_TIME,
     .value = "TIME",
     .doc = "the first time of --every; not before it with --cron"},
    {.flag = "until",
     .kind = COVEY_OPT_TIME,
     .value = "TIME",
     .doc = "not after it"},
    COVEY_ASK_INT ("times", "times", 1, INT64_C (1000000000000),
                   "it ends after so many"),
    COVEY_ASK_CHOICE ("overlap", "overlap",
                      "skip|bufferOne|bufferAll|cancelOther|allowAll", "POLICY",
                      "when the task of the last time still runs; default "
                      "skip"),
    COVEY_ASK_MS ("catch-up", "catchUp", 0, COVEY_TASK_YEAR_MS,
                  "how far back times are made up that passed while no "
                  "coordinator was there; default 1m"),
    COVEY_TASK_OPTIONS,
    {0}};

static const covey_ask_t s_add_ask = {.method = "task.schedule.add",
                                      .args = {"scheduleId"}};

/*  With the task's members too; NULL after saying what is wrong.            */
static json_t *
s_add_params (covey_cli_t *cli)
{
    json_t *params = covey_ask_params (cli);
    if (!covey_task_opts_set_time (cli, params, "startsAt", "at") &&
        !covey_task_opts_set_time (cli, params, "endsAt", "until"))
        return params;
    json_decref (params);
    return NULL;
}

/*  {"cron":…} and a task as text: {"cron":…,"task":…}. Consumes the params.  */
static char *
s_join (json_t *params, const char *task)
{
    char *text = json_dumps (params, JSON_COMPACT);
    json_decref (params);
    if (!text)
        abort ();
    size_t size = strlen (text);
    covey_buf_t buf;
    covey_buf_init (&buf, size + strlen (task) + 32);
    text[size - 1] = '\0'; /* the closing brace                               */
    covey_buf_printf (&buf, "%s,\"task\":", text);
    covey_buf_puts (&buf, task);
    covey_buf_putc (&buf, '}');
    free (text);
    text = covey_buf_steal (&buf);
    covey_buf_deinit (&buf);
    return text;
}

static int
s_add (covey_cli_t *cli, json_t *params, const char *input, const char *content)
{
    char *result = NULL;
    const covey_control_t task = {.params = covey_task_opts_take (params),
                                  .key = "input",
                                  .content = content,
                                  .payload = input};
    char *task_text = covey_control_params (&task);
    json_decref (task.params);
    char *text = s_join (params, task_text);
    free (task_text);
    covey_err_t rc =
        covey_control_call (cli, "task.schedule.add", text, &result);
    free (text);
    if (rc)
        return covey_cli_fail_rc (cli, rc, covey_cli_arg (cli, 0));
    covey_listing_show (cli, &result);
    return COVEY_EXIT_OK;
}

static int
s_run_add (covey_cli_t *cli)
{
    const char *input = covey_cli_text (cli, "input");
    const char *content = NULL;
    char *text = NULL;
    if (!covey_cli_text (cli, "type"))
        return covey_cli_fail (cli, COVEY_EXIT_USAGE,
                               "--type: is missing; usage: covey task schedule "
                               "add SCHEDULE --cron FIELDS --type TYPE");
    if (!covey_cli_text (cli, "cron") ==
        !covey_options_is_set (cli->options, "every"))
        return covey_cli_fail (cli, COVEY_EXIT_USAGE,
                               "--cron, --every: give one of them");
    json_t *params = s_add_params (cli);
    if (!params)
        return COVEY_EXIT_USAGE;
    int exit_code = COVEY_EXIT_OK;
    if (input)
        exit_code = covey_control_read_input (cli, input, &text, &content);
    if (!exit_code)
        exit_code = covey_cli_connect (cli);
    if (!exit_code)
        exit_code = s_add (cli, params, text, content);
    else
        json_decref (params);
    free (text);
    return exit_code;
}

const covey_cli_command_t covey_cmd_task_schedule_add = {
    .name = "task schedule add",
    .args = "SCHEDULE --cron FIELDS|--every MS --type TYPE",
    .summary = "submit a task again and again",
    .text = "The task of each time is called SCHEDULE/TIME, so that it is "
            "submitted once, whoever leads. SCHEDULE has at most 200 bytes.",
    .options = s_add_options,
    .needs = COVEY_CLI_NODE,
    .args_min = 1,
    .args_max = 1,
    .ask = &s_add_ask,
    .run = s_run_add};

/* ------------------------------------------------------------------------ */

static const covey_opt_t s_list_options[] = {
    COVEY_ASK_STATE ("active|paused|ended"), {0}};

static const covey_column_t s_columns[] = {
    {"ID", "id", COVEY_CELL_TEXT},
    {"TYPE", "taskType", COVEY_CELL_TEXT},
    {"STATE", "state", COVEY_CELL_STATE},
    {"CRON", "cron", COVEY_CELL_TEXT},
    {"EVERY", "every", COVEY_CELL_NUMBER},
    {"NEXT", "nextAt", COVEY_CELL_TIME},
    {"LAST", "lastAt", COVEY_CELL_TIME},
    {"RUNS", "runs", COVEY_CELL_NUMBER},
    {"SKIPPED", "skipped", COVEY_CELL_NUMBER},
    {"MISSED", "missed", COVEY_CELL_NUMBER},
    {0}};

static const covey_ask_t s_list = {
    .method = "task.schedule.list",
    .listing = COVEY_ASK_TABLE ("schedules", s_columns, "no schedules")};

const covey_cli_command_t covey_cmd_task_schedule_list = {
    .name = "task schedule list",
    .args = "",
    .summary = "list schedules: when is the next time, what was left out",
    .options = s_list_options,
    .needs = COVEY_CLI_LISTING,
    .ask = &s_list,
    .run = covey_ask_run};

/* ------------------------------------------------------------------------ */

static const covey_ask_t s_show = {.method = "task.schedule.show",
                                   .args = {"scheduleId"}};

const covey_cli_command_t covey_cmd_task_schedule_show = {
    .name = "task schedule show",
    .args = "SCHEDULE",
    .summary = "show a schedule: its times, its counts, its task",
    .needs = COVEY_CLI_NODE | COVEY_CLI_READ,
    .args_min = 1,
    .args_max = 1,
    .ask = &s_show,
    .run = covey_ask_run};

static const covey_ask_t s_pause = {.method = "task.schedule.pause",
                                    .args = {"scheduleId"}};

const covey_cli_command_t covey_cmd_task_schedule_pause = {
    .name = "task schedule pause",
    .args = "SCHEDULE",
    .summary = "leave its times out until it is resumed",
    .needs = COVEY_CLI_NODE,
    .args_min = 1,
    .args_max = 1,
    .ask = &s_pause,
    .run = covey_ask_run};

static const covey_ask_t s_resume = {.method = "task.schedule.resume",
                                     .args = {"scheduleId"}};

const covey_cli_command_t covey_cmd_task_schedule_resume = {
    .name = "task schedule resume",
    .args = "SCHEDULE",
    .summary = "let a paused schedule go on with the next time",
    .needs = COVEY_CLI_NODE,
    .args_min = 1,
    .args_max = 1,
    .ask = &s_resume,
    .run = covey_ask_run};

static const covey_ask_t s_delete = {.method = "task.schedule.delete",
                                     .args = {"scheduleId"}};

const covey_cli_command_t covey_cmd_task_schedule_delete = {
    .name = "task schedule delete",
    .args = "SCHEDULE",
    .summary = "end a schedule; its tasks are not touched",
    .needs = COVEY_CLI_NODE,
    .args_min = 1,
    .args_max = 1,
    .ask = &s_delete,
    .run = covey_ask_run};
