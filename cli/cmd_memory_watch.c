/*  covey memory watch: what is there, then what changes                      */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/commands.h"
#include "cli/text.h"
#include "proto/control.pb-c.h"
#include "proto/json.h"

#define CALL_TIMEOUT_MS 5000
#define NEXT_MS 500
#define RETRY_MS 500

static const covey_opt_t s_watch_options[] = {
    {.flag = "tag",
     .kind = COVEY_OPT_TEXT,
     .min = 1,
     .max = COVEY_NAME_MAX,
     .value = "TAG",
     .doc = "only with this tag"},
    {.flag = "after",
     .kind = COVEY_OPT_INT,
     .min = 1,
     .max = INT64_MAX,
     .value = "REVISION",
     .doc = "go on behind this revision, without a snapshot"},
    {.flag = "keys-only", .doc = "without the values"},
    {.flag = "limit",
     .letter = 'n',
     .kind = COVEY_OPT_INT,
     .def = "0",
     .min = 0,
     .max = 1000000000,
     .value = "N",
     .doc = "end after N values and changes; 0: go on"},
    {.flag = "timeout",
     .letter = 't',
     .kind = COVEY_OPT_MS,
     .min = 1,
     .max = 86400000,
     .value = "MS",
     .doc = "end after this time, with exit code 4 when --limit was not "
            "reached"},
    {0}};

/* ------------------------------------------------------------------------ */
/*  Showing                                                                   */

static void
s_fill (const covey_memory_info_t *info, Covey__Control__MemoryView *view)
{
    static const char *const levels[] = {"read", "write", "admin"};
    view->key = (char *)(uintptr_t)info->key;
    view->has_revision = view->has_previous = true;
    view->revision = info->revision;
    view->previous = info->previous;
    for (int i = 0; i < 3; i++)
        if (strcmp (info->access_level, levels[i]) == 0) {
            view->has_access_level = true;
            view->access_level = (Covey__V1__AccessLevel)i;
        }
    view->owner = (char *)(uintptr_t)info->owner;
    view->author = (char *)(uintptr_t)info->author;
    view->tags = (char **)(uintptr_t)info->tags;
    view->n_tags = info->tag_count;
    view->has_expires_at = info->expires_us != 0;
    view->expires_at = info->expires_us;
    view->has_written_at = true;
    view->written_at = info->written_us;
    view->has_size = info->reason == NULL;
    view->size = info->size;
    view->has_causation_id = info->causation_id != NULL;
    view->causation_id =
        (ProtobufCBinaryData){16, (uint8_t *)(uintptr_t)info->causation_id};
    if (*info->correlation_id)
        view->correlation_id = (char *)(uintptr_t)info->correlation_id;
    view->has_reason = info->reason != NULL;
    if (info->reason && strcmp (info->reason, "expired") == 0)
        view->reason = COVEY__V1__MEMORY_END__MEMORY_END_EXPIRED;
}

/*  {"change":"stored","initial":true, and the version.                      */
static void
s_put_json (covey_cli_t *cli, const covey_memory_change_t *change)
{
    covey_buf_t json;
    covey_buf_init (&json, COVEY_EVENT_MAX);
    covey_buf_printf (&json, "{\"change\":\"%s\"",
                      covey_change_kind_name ((int)change->kind));
    if (change->is_initial)
        covey_buf_puts (&json, ",\"initial\":true");
    if (change->info) {
        const covey_memory_info_t *info = change->info;
        Covey__Control__MemoryView view = COVEY__CONTROL__MEMORY_VIEW__INIT;
        Covey__V1__Payload value = COVEY__V1__PAYLOAD__INIT;
        s_fill (info, &view);
        if (info->value) {
            value.has_content_type = value.has_data = true;
            value.content_type = (Covey__V1__ContentType)info->content;
            value.data = (ProtobufCBinaryData){
                info->size, (uint8_t *)(uintptr_t)info->value};
            view.value = &value;
        }
        size_t brace = json.size;
        (void)covey_json_write (&view.base, &json);
        if (json.size > brace)
            json.data[brace] = ','; /* in place of the opening one            */
    } else
        covey_buf_printf (&json, ",\"revision\":%llu}",
                          (unsigned long long)change->revision);
    covey_cli_put_json (cli, (const char *)json.data, json.size);
    covey_buf_deinit (&json);
}

static void
s_put_line (covey_cli_t *cli, const covey_memory_change_t *change)
{
    const covey_memory_info_t *info = change->info;
    if (!info) {
        if (change->kind == COVEY_CHANGE_SYNCED)
            covey_cli_note (cli,
                            "this was all, at revision %llu; now what "
                            "changes",
                            (unsigned long long)change->revision);
        else
            covey_cli_note (cli, "changes were missed: everything again");
        return;
    }
    printf ("%-8s %8llu  ", covey_change_kind_name ((int)change->kind),
            (unsigned long long)info->revision);
    covey_cli_put_text (cli, info->key);
    fputs ("  ", stdout);
    covey_cli_put_text (cli, info->author);
    if (info->reason && strcmp (info->reason, "expired") == 0)
        fputs ("  expired", stdout);
    if (info->value && info->content != COVEY_CONTENT_BINARY) {
        fputs ("  ", stdout);
        covey_cli_put_text (cli, info->value);
    }
    putchar ('\n');
}

/* ------------------------------------------------------------------------ */
/*  Following                                                                 */

/*  The node or the coordinator is away: that passes.                        */
static bool
s_may_pass (covey_err_t rc)
{
    return rc == COVEY_UNREACHABLE || rc == COVEY_NOCOORDINATOR ||
           rc == COVEY_NOAGENT || rc == COVEY_EAGAIN || rc == COVEY_TIMEOUT;
}

static int
s_time_is_over (covey_cli_t *cli, size_t shown, size_t limit)
{
    if (!limit)
        return COVEY_EXIT_OK;
    return covey_cli_fail (cli, COVEY_EXIT_TIMEOUT,
                           "--timeout: %s: only %zu of %zu came",
                           covey_cli_text (cli, "timeout"), shown, limit);
}

static int
s_follow (covey_cli_t *cli, covey_memory_watch_t *watch)
{
    size_t limit = (size_t)covey_options_int (cli->options, "limit"), shown = 0;
    int64_t timeout_ms = covey_options_int (cli->options, "timeout");
    int64_t end_ms =
        timeout_ms ? covey_clock_mono_ms () + timeout_ms : INT64_MAX;
    bool is_away = false;
    while (!covey_cli_is_stopped (cli, 0)) {
        const covey_memory_change_t *change;
        int64_t rest_ms = end_ms - covey_clock_mono_ms ();
        if (rest_ms <= 0)
            return s_time_is_over (cli, shown, limit);
        covey_err_t rc = covey_memory_watch_next (
            watch, rest_ms < NEXT_MS ? (int)rest_ms : NEXT_MS, &change);
        if (rc == COVEY_OK) {
            if (cli->json)
                s_put_json (cli, change);
            else
                s_put_line (cli, change);
            covey_cli_flush (cli);
            shown += change->info != NULL;
            if (limit && shown == limit)
                return COVEY_EXIT_OK;
        } else if (!s_may_pass (rc))
            return covey_cli_fail_rc (cli, rc, "");
        else if (rc != COVEY_TIMEOUT) {
            if (!is_away)
                covey_cli_note (cli, "waiting: %s", covey_error ());
            covey_cli_is_stopped (cli, RETRY_MS);
        }
        is_away = rc != COVEY_OK && rc != COVEY_TIMEOUT;
    }
    return COVEY_EXIT_OK;
}

static int
s_run_watch (covey_cli_t *cli)
{
    const covey_memory_query_t query = {
        .consistency = covey_cli_text (cli, "consistency"),
        .prefix = covey_cli_arg (cli, 0),
        .tag = covey_cli_text (cli, "tag"),
        .no_values = covey_cli_flag (cli, "keys-only"),
        .after = (uint64_t)covey_options_int (cli->options, "after")};
    covey_memory_watch_t *watch = NULL;
    int exit_code = covey_cli_connect (cli);
    if (exit_code)
        return exit_code;
    covey_err_t rc = covey_memory_watch_new (cli->agent, &query,
                                             covey_cli_timeout (cli), &watch);
    if (rc)
        return covey_cli_fail_rc (cli, rc, "");
    exit_code = s_follow (cli, watch);
    covey_memory_watch_destroy (&watch);
    return exit_code;
}

const covey_cli_command_t covey_cmd_memory_watch = {
    .name = "memory watch",
    .args = "[PREFIX]",
    .summary = "show what is in the shared memory, then every change of it",
    .text = "First everything that is there, then a line that says so (with "
            "--json: \"synced\"),\nthen each change in the order of revisions, "
            "none twice; also when the node or\nthe coordinator was away in "
            "between.",
    .options = s_watch_options,
    .needs = COVEY_CLI_NODE | COVEY_CLI_READ | COVEY_CLI_STREAM,
    .timeout_ms = CALL_TIMEOUT_MS,
    .args_max = 1,
    .run = s_run_watch};
