/*  covey task submit | batch                                                 */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/str.h"
#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/control.h"
#include "cli/task_opts.h"
#include "proto/json.h"

static const covey_opt_t s_submit_options[] = {
    COVEY_TASK_OPTIONS,
    COVEY_ASK_NAME ("id", "taskId", "ID",
                    "id of the task; default: one is made up"),
    COVEY_ASK_LIST ("after", "dependencies", "ID",
                    "not before this task is completed"),
    COVEY_ASK_CHOICE ("dependency-policy", "dependencyPolicy",
                      "fail|ignore|wait", "POLICY",
                      "when a task of --after fails; default fail"),
    COVEY_ASK_MS ("deadline", NULL, 1, COVEY_TASK_YEAR_MS,
                  "failed when not completed within this time"),
    COVEY_ASK_MS ("delay", "delay", 0, COVEY_TASK_YEAR_MS,
                  "not assigned before this time is over"),
    {.flag = "at",
     .kind = COVEY_OPT_TIME,
     .value = "TIME",
     .doc = "not assigned before this instant"},
    COVEY_ASK_NAME ("parent", "parent", "ID",
                    "the task that this is a part of"),
    COVEY_ASK_CHOICE ("parent-policy", "parentPolicy", "cancel|request|abandon",
                      "POLICY", "when the parent ends; default cancel"),
    COVEY_ASK_NAME ("key", "idempotencyKey", "KEY",
                    "submitting again with the same key gives the same task"),
    COVEY_TASK_WAIT_OPTIONS,
    {0}};

static const covey_ask_t s_submit_ask = {.method = "task.submit",
                                         .wait = covey_task_wait,
                                         .judge = covey_task_opts_judge};

static json_t *
s_submit_params (covey_cli_t *cli)
{
    json_t *params = covey_ask_params (cli);
    if (covey_options_is_set (cli->options, "deadline")) {
        char text[40];
        covey_str_time (covey_clock_wall_us () +
                            covey_options_int (cli->options, "deadline") * 1000,
                        text);
        covey_control_set (params, "deadline", text);
    }
    return params;
}

/*  Consumes the params.                                                     */
static int
s_submit (covey_cli_t *cli, json_t *params, const char *input,
          const char *content)
{
    char *result = NULL;
    const covey_control_t control = {.method = "task.submit",
                                     .params = params,
                                     .key = "input",
                                     .content = content,
                                     .payload = input,
                                     .what = covey_cli_text (cli, "type")};
    int exit_code = covey_control_ask (cli, &control, &result);
    return exit_code ? exit_code
                     : covey_ask_finish (cli, &result,
                                         covey_cli_int (cli, "wait-timeout"));
}

/*  What one option cannot see of another.                                   */
static int
s_check (covey_cli_t *cli)
{
    if (!covey_cli_text (cli, "type"))
        return covey_cli_fail (cli, COVEY_EXIT_USAGE,
                               "--type: is missing; usage: covey task submit "
                               "--type TYPE [--input JSON]");
    if (covey_options_is_set (cli->options, "at") &&
        covey_options_is_set (cli->options, "delay"))
        return covey_cli_fail (cli, COVEY_EXIT_USAGE,
                               "--at: give an instant, or --delay, not both");
    if (covey_cli_text (cli, "parent-policy") &&
        !covey_cli_text (cli, "parent"))
        return covey_cli_fail (cli, COVEY_EXIT_USAGE,
                               "--parent-policy: needs --parent TASK");
    if (covey_cli_text (cli, "dependency-policy") &&
        !covey_options_count (cli->options, "after"))
        return covey_cli_fail (cli, COVEY_EXIT_USAGE,
                               "--dependency-policy: needs --after TASK");
    return COVEY_EXIT_OK;
}

static int
s_run_submit (covey_cli_t *cli)
{
    const char *input = covey_cli_text (cli, "input");
    const char *content = NULL;
    char *text = NULL;
    int exit_code = s_check (cli);
    if (exit_code)
        return exit_code;
    json_t *params = s_submit_params (cli);
    exit_code = covey_task_opts_set_time (cli, params, "notBefore", "at");
    if (!exit_code && input)
        exit_code = covey_control_read_input (cli, input, &text, &content);
    if (!exit_code)
        exit_code = covey_cli_connect (cli);
    if (!exit_code)
        exit_code = s_submit (cli, params, text, content);
    else
        json_decref (params);
    free (text);
    return exit_code;
}

const covey_cli_command_t covey_cmd_task_submit = {
    .name = "task submit",
    .args = "--type TYPE",
    .summary = "have something done by an agent that can",
    .options = s_submit_options,
    .needs = COVEY_CLI_NODE,
    .ask = &s_submit_ask,
    .run = s_run_submit};

/* ------------------------------------------------------------------------ */

#define BATCH_MAX ((size_t)4 * COVEY_PAYLOAD_MAX)

static const covey_opt_t s_batch_options[] = {
    COVEY_ASK_NAME ("key", NULL, "KEY",
                    "submitting again with the same key gives the same tasks"),
    {0}};

/*  The file's array as {"tasks":[…]}, with all its digits.                  */
static char *
s_batch_params (covey_cli_t *cli, const char *tasks)
{
    covey_buf_t buf;
    const char *key = covey_cli_text (cli, "key");
    covey_buf_init (&buf, BATCH_MAX + (size_t)6 * COVEY_NAME_MAX + 100);
    covey_buf_puts (&buf, "{\"tasks\":");
    covey_buf_puts (&buf, tasks);
    if (key) {
        covey_buf_puts (&buf, ",\"idempotencyKey\":");
        covey_json_quote (&buf, key, strlen (key));
    }
    covey_buf_putc (&buf, '}');
    char *text = covey_buf_steal (&buf);
    covey_buf_deinit (&buf);
    if (!text)
        abort ();
    return text;
}

static int
s_batch (covey_cli_t *cli, const char *tasks)
{
    static const covey_column_t columns[] = {
        {"ID", "id", COVEY_CELL_TEXT},
        {"TYPE", "type", COVEY_CELL_TEXT},
        {"STATE", "state", COVEY_CELL_STATE},
        {"WAITS FOR", "waitsFor", COVEY_CELL_TEXT},
        {0}};
    static const covey_listing_t listing = {
        .member = "tasks", .columns = columns, .empty = "no tasks"};
    char *result = NULL;
    char *params = s_batch_params (cli, tasks);
    covey_err_t rc = covey_control_call (cli, "task.batch", params, &result);
    free (params);
    if (rc)
        return covey_cli_fail_rc (cli, rc, covey_cli_arg (cli, 0));
    covey_listing_put (cli, &listing, &result);
    return COVEY_EXIT_OK;
}

/*  covey_cli_read takes "@FILE" and "-".                                    */
static int
s_read_batch (covey_cli_t *cli, char **text_p)
{
    const char *name = covey_cli_arg (cli, 0);
    char from[4200] = "-";
    size_t size = 0;
    if (strcmp (name, "-") != 0 &&
        (size_t)snprintf (from, sizeof from, "@%s", name) >= sizeof from)
        return covey_cli_fail (cli, COVEY_EXIT_USAGE,
                               "%.80s...: a path of more than 4 KiB", name);
    int exit_code = covey_cli_read (cli, from, true, BATCH_MAX, text_p, &size);
    if (!exit_code)
        exit_code = covey_cli_check_json (cli, name, *text_p, size);
    if (!exit_code && (*text_p)[strspn (*text_p, " \t\r\n")] != '[')
        exit_code = covey_cli_fail (cli, COVEY_EXIT_USAGE,
                                    "%.200s: must be an array of tasks: "
                                    "[{\"taskType\":…},…]",
                                    name);
    return exit_code;
}

static int
s_run_batch (covey_cli_t *cli)
{
    char *text = NULL;
    int exit_code = s_read_batch (cli, &text);
    if (!exit_code)
        exit_code = covey_cli_connect (cli);
    if (!exit_code)
        exit_code = s_batch (cli, text);
    free (text);
    return exit_code;
}

const covey_cli_command_t covey_cmd_task_batch = {
    .name = "task batch",
    .args = "FILE|-",
    .summary = "submit a graph of tasks: all of them or none",
    .text = "FILE is a JSON array of tasks with the fields of task.submit "
            "(docs/methods.md). They may name each other as dependencies in "
            "any order; a cycle is refused, and named.",
    .options = s_batch_options,
    .needs = COVEY_CLI_NODE,
    .args_min = 1,
    .args_max = 1,
    .run = s_run_batch};
