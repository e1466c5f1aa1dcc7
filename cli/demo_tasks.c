/*  The demo's tasks: one per file, one per extension that depends on those   */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/str.h"
#include "cli/demo.h"
#include "proto/json_scan.h"

#define WINDOW 64     /* submissions without answer                         */
#define PAGE 200      /* tasks per answer of task.list                      */
#define STALL_MS 1000 /* nothing heard of any task: look at all of them     */
#define LEASE_MS 4000 /* a lost agent's task is given to another after this */
#define ATTEMPTS 6
#define TEXT_MAX 400 /* of a description                                    */

static covey_err_t
s_broken (covey_demo_t *self, const char *what)
{
    return covey_fail (&self->err, COVEY_MALFORMED,
                       "%s: the answer is not as expected", what);
}

static covey_demo_task_t *
s_find (covey_demo_t *self, const char *id)
{
    covey_demo_tasks_t *tasks = &self->tasks;
    size_t low = 0, high = tasks->count;
    while (low < high) { /* UUIDv7 of one process: sorted as they were made  */
        size_t middle = low + (high - low) / 2;
        int order = strcmp (tasks->items[middle].id, id);
        if (order == 0)
            return &tasks->items[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* ------------------------------------------------------------------------ */
/*  The list of tasks                                                         */

static void
s_add (covey_demo_tasks_t *self, bool is_merge, size_t first, size_t count)
{
    covey_demo_task_t *task = &self->items[self->count++];
    task->is_merge = is_merge;
    task->first = first;
    task->count = count;
    covey_id_text (covey_id_new ().bytes, task->id);
}

static void
s_plan (covey_demo_t *self)
{
    const covey_demo_files_t *files = &self->files;
    covey_demo_tasks_t *tasks = &self->tasks;
    size_t most =
        files->count + files->group_count + files->count / COVEY_DEMO_MERGE_MAX;
    tasks->items = calloc (most, sizeof *tasks->items);
    if (!tasks->items)
        abort ();
    for (size_t i = 0; i < files->count; i++)
        s_add (tasks, false, i, 1);
    tasks->count_tasks = tasks->count;
    for (size_t i = 0; i < files->group_count; i++) {
        const covey_demo_group_t *group = &files->groups[i];
        for (size_t at = 0; at < group->count; at += COVEY_DEMO_MERGE_MAX) {
            size_t rest = group->count - at;
            s_add (tasks, true, group->first + at,
                   rest < COVEY_DEMO_MERGE_MAX ? rest : COVEY_DEMO_MERGE_MAX);
        }
    }
}

/*  A path is text where it is UTF-8, else bytes; both reach the command's
    standard input as they are.                                               */
static json_t *
s_path_input (const char *path)
{
    size_t size = strlen (path);
    if (covey_str_is_utf8 (path, size))
        return json_string (path);
    covey_buf_t encoded;
    covey_buf_init (&encoded, COVEY_PAYLOAD_MAX);
    covey_base64_write (path, size, &encoded);
    char *text = covey_buf_steal (&encoded);
    json_t *input = json_pack ("{s:s,s:s}", "contentType", "binary", "data",
                               text ? text : "");
    free (text);
    covey_buf_deinit (&encoded);
    return input;
}

static json_t *
s_count_input (covey_demo_t *self, const covey_demo_task_t *task, char *what,
               size_t what_size)
{
    const char *path = self->files.items[task->first].path;
    covey_buf_t full;
    covey_buf_init (&full, 65536);
    covey_buf_printf (
        &full, "%s/%s",
        strcmp (self->files.root, "/") == 0 ? "" : self->files.root, path);
    char *text = covey_buf_steal (&full);
    json_t *input = s_path_input (text ? text : "");
    snprintf (what, what_size, "count %s",
              covey_str_is_utf8 (path, strlen (path)) ? path : "a file");
    while (!covey_str_is_utf8 (what, strlen (what)))
        what[strlen (what) - 1] = '\0'; /* cut within a character           */
    free (text);
    covey_buf_deinit (&full);
    return input;
}

/*  Dependencies only order. What was counted, the merging worker fetches
    itself: its input is the ids of the tasks, and its command asks the mesh
    for their results.                                                        */
static json_t *
s_merge_input (covey_demo_t *self, const covey_demo_task_t *task,
               json_t *dependencies, char *what, size_t what_size)
{
    covey_buf_t ids;
    covey_buf_init (&ids, COVEY_PAYLOAD_MAX);
    for (size_t i = 0; i < task->count; i++) {
        const char *id = self->tasks.items[task->first + i].id;
        covey_buf_printf (&ids, "%s\n", id);
        json_array_append_new (dependencies, json_string (id));
    }
    char *text = covey_buf_steal (&ids);
    json_t *input = json_string (text ? text : "");
    size_t group = self->files.items[task->first].group;
    snprintf (what, what_size, "merge %zu of %s", task->count,
              self->files.groups[group].extension);
    free (text);
    covey_buf_deinit (&ids);
    return input;
}

static char *
s_submission (covey_demo_t *self, const covey_demo_task_t *task)
{
    char what[TEXT_MAX];
    json_t *dependencies = json_array ();
    json_t *input =
        task->is_merge
            ? s_merge_input (self, task, dependencies, what, sizeof what)
            : s_count_input (self, task, what, sizeof what);
    const char *type = task->is_merge ? "merge" : "count";
    json_t *submit = json_pack (
        "{s:s,s:s,s:s,s:[s],s:s,s:o,s:i,s:{s:i,s:i,s:i},s:o}", "taskId",
        task->id, "taskType", type, "description", what, "requiredCapabilities",
        type, "agentType", "worker", "dependencies", dependencies, "lease",
        LEASE_MS, "retry", "attempts", ATTEMPTS, "firstDelay", 100, "maxDelay",
        1000, "input", input);
    char *text = json_dumps (submit, JSON_COMPACT);
    if (!text)
        abort ();
    json_decref (submit);
    return text;
}

/* ------------------------------------------------------------------------ */
/*  What becomes of them                                                      */

static int64_t
s_time (const json_t *view, const char *key)
{
    int64_t us = 0;
    const char *text = json_string_value (json_object_get (view, key));
    return text && covey_str_parse_time (text, &us) ? us : 0;
}

static uint64_t
s_number (const json_t *object, const char *key, bool *is_good)
{
    const json_t *value = json_object_get (object, key);
    if (!json_is_integer (value) || json_integer_value (value) < 0) {
        *is_good = false;
        return 0;
    }
    return (uint64_t)json_integer_value (value);
}

/*  False: it is not what worker.sh prints.                                  */
static bool
s_take_result (covey_demo_t *self, covey_demo_task_t *task,
               const json_t *result)
{
    bool is_good = true;
    covey_demo_counts_t counts = {
        .files = task->is_merge ? s_number (result, "files", &is_good) : 1,
        .lines = s_number (result, "lines", &is_good),
        .words = s_number (result, "words", &is_good),
        .bytes = s_number (result, "bytes", &is_good)};
    covey_demo_file_t *file = &self->files.items[task->first];
    const char *sum = json_string_value (json_object_get (result, "sha256"));
    if (task->has_result || !is_good ||
        (!task->is_merge && (!sum || strlen (sum) != 64)))
        return task->has_result;
    task->has_result = true;
    if (task->is_merge) {
        covey_demo_counts_add (&self->files.groups[file->group].counts,
                               &counts);
        return true;
    }
    file->counts = counts;
    covey_str_copy (file->sha256, sizeof file->sha256, sum);
    return true;
}

/*  Results come with task:completed; what was missed is asked for.          */
static covey_err_t
s_fetch_results (covey_demo_t *self)
{
    covey_err_t rc = COVEY_OK;
    for (size_t i = 0; !rc && i < self->tasks.count; i++) {
        covey_demo_task_t *task = &self->tasks.items[i];
        char *text = NULL;
        if (task->has_result)
            continue;
        rc = covey_task_show (self->agent, task->id, COVEY_DEMO_ASK_MS, &text);
        if (rc)
            return covey_fail (&self->err, rc, "task.show: %s", covey_error ());
        json_t *view = json_loads (text, 0, NULL);
        if (!s_take_result (self, task, json_object_get (view, "result")))
            rc = covey_fail (&self->err, COVEY_MALFORMED,
                             "task %s: its result is not what worker.sh "
                             "prints: %.200s",
                             task->id, text);
        json_decref (view);
        covey_free (text);
    }
    return rc;
}

static void
s_end (covey_demo_t *self, covey_demo_task_t *task)
{
    if (task->ended)
        return;
    task->ended = true;
    if (task->is_merge)
        self->tasks.merged++;
    else
        self->tasks.counted++;
}

/*  A task's final word, from the coordinator.                               */
static covey_err_t
s_take_view (covey_demo_t *self, const json_t *view)
{
    const char *id = json_string_value (json_object_get (view, "id"));
    const char *state = json_string_value (json_object_get (view, "state"));
    const char *agent = json_string_value (json_object_get (view, "agent"));
    const char *error = json_string_value (json_object_get (view, "error"));
    if (!id || !state)
        return s_broken (self, "task.list");
    covey_demo_task_t *task = s_find (self, id);
    if (!task)
        return COVEY_OK;
    if (strcmp (state, "failed") == 0 || strcmp (state, "parked") == 0 ||
        strcmp (state, "cancelled") == 0)
        return covey_fail (&self->err, COVEY_STATE, "task %s is %s: %s", id,
                           state, error ? error : "no reason given");
    if (strcmp (state, "completed") != 0)
        return COVEY_OK;
    covey_str_copy (task->agent, sizeof task->agent, agent ? agent : "");
    task->attempt =
        (uint32_t)json_integer_value (json_object_get (view, "attempt"));
    task->submitted_us = s_time (view, "submittedAt");
    task->assigned_us = s_time (view, "assignedAt");
    task->ended_us = s_time (view, "endedAt");
    s_end (self, task);
    return COVEY_OK;
}

/*  All tasks as the coordinator has them, page by page.                     */
static covey_err_t
s_sweep (covey_demo_t *self)
{
    char after[64] = "";
    for (;;) {
        char *text = NULL;
        json_t *query = json_pack ("{s:i}", "limit", PAGE);
        if (*after)
            json_object_set_new (query, "after", json_string (after));
        char *params = json_dumps (query, JSON_COMPACT);
        json_decref (query);
        covey_err_t rc =
            covey_agent_request (self->agent, "coordinator", "task.list",
                                 params, COVEY_DEMO_ASK_MS, &text);
        free (params);
        if (rc)
            return covey_fail (&self->err, rc, "task.list: %s", covey_error ());
        json_t *list = json_loads (text, 0, NULL);
        covey_free (text);
        json_t *view;
        size_t i;
        json_array_foreach (json_object_get (list, "tasks"), i, view)
        {
            if (!rc)
                rc = s_take_view (self, view);
        }
        const char *next = json_string_value (json_object_get (list, "next"));
        covey_str_copy (after, sizeof after, next ? next : "");
        json_decref (list);
        if (rc || !*after)
            return rc;
    }
}

static covey_err_t
s_on_task (covey_agent_t *agent, const covey_event_t *event, void *arg)
{
    covey_demo_t *self = arg;
    (void)agent;
    covey_demo_task_t *task = s_find (self, covey_event_str (event, "taskId"));
    if (!task)
        return COVEY_OK;
    self->tasks.moved_ms = covey_clock_mono_ms ();
    if (covey_event_type (event) == COVEY_EVENT_TASK_COMPLETED) {
        size_t size = 0;
        const char *text = covey_event_payload (event, "result", NULL, &size);
        json_t *result = text ? json_loadb (text, size, 0, NULL) : NULL;
        (void)s_take_result (self, task, result); /* see s_fetch_results     */
        json_decref (result);
        s_end (self, task);
    } else if (covey_event_type (event) == COVEY_EVENT_TASK_FAILED)
        self->tasks.failures++;
    else if (covey_event_type (event) == COVEY_EVENT_TASK_ASSIGNED &&
             !task->first_assigned_us)
        task->first_assigned_us = covey_event_timestamp_us (event);
    return COVEY_OK;
}

covey_err_t
covey_demo_tasks_listen (covey_demo_t *self)
{
    static const int types[] = {COVEY_EVENT_TASK_ASSIGNED,
                                COVEY_EVENT_TASK_COMPLETED,
                                COVEY_EVENT_TASK_FAILED};
    covey_filter_t filter = {.types = types,
                             .type_count = sizeof types / sizeof types[0]};
    covey_subscribe_options_t options = {.observe = true};
    uint32_t handle;
    covey_err_t rc = covey_agent_subscribe (self->agent, &filter, &options,
                                            s_on_task, self, &handle);
    return rc ? covey_fail (&self->err, rc, "subscribe: %s", covey_error ())
              : COVEY_OK;
}

/* ------------------------------------------------------------------------ */
/*  Submission                                                                */

typedef struct {
    covey_demo_t *demo;
    covey_err_t rc; /* of the first submission that was refused               */
} s_submit_t;

static covey_err_t
s_on_submitted (covey_agent_t *agent, const covey_event_t *answer, void *arg)
{
    s_submit_t *submit = arg;
    covey_demo_t *self = submit->demo;
    (void)agent;
    self->tasks.submitted++;
    self->tasks.moved_ms = covey_clock_mono_ms ();
    if (!covey_event_bool (answer, "success") && !submit->rc)
        submit->rc =
            covey_fail (&self->err, COVEY_REMOTE, "task.submit: %s: %s",
                        covey_event_str (answer, "error.code"),
                        covey_event_str (answer, "error.message"));
    return COVEY_OK;
}

static covey_err_t
s_submit_next (s_submit_t *submit)
{
    covey_demo_t *self = submit->demo;
    char *params = s_submission (self, &self->tasks.items[self->tasks.asked]);
    covey_err_t rc =
        covey_agent_ask (self->agent, "coordinator", "task.submit", params,
                         COVEY_DEMO_ASK_MS, s_on_submitted, submit);
    free (params);
    if (rc)
        return covey_fail (&self->err, rc, "task.submit: %s", covey_error ());
    self->tasks.asked++;
    return COVEY_OK;
}

static covey_err_t
s_run (s_submit_t *submit)
{
    covey_demo_t *self = submit->demo;
    covey_demo_tasks_t *tasks = &self->tasks;
    tasks->moved_ms = covey_clock_mono_ms ();
    while (tasks->counted + tasks->merged < tasks->count ||
           tasks->submitted < tasks->asked) {
        covey_err_t rc = submit->rc;
        while (!rc && tasks->asked < tasks->count &&
               tasks->asked - tasks->submitted < WINDOW)
            rc = s_submit_next (submit);
        if (!rc)
            rc = covey_demo_step (self, 100);
        if (!rc)
            rc = covey_demo_fault_step (self);
        covey_demo_show (self);
        if (!rc && covey_clock_mono_ms () - tasks->moved_ms > STALL_MS) {
            rc = s_sweep (self);
            tasks->moved_ms = covey_clock_mono_ms ();
        }
        if (rc)
            return rc;
    }
    covey_err_t rc = s_sweep (self);
    return rc ? rc : s_fetch_results (self);
}

covey_err_t
covey_demo_tasks_run (covey_demo_t *self)
{
    s_submit_t submit = {.demo = self};
    s_plan (self);
    covey_err_t rc = s_run (&submit);
    /* Answers that are outstanding name `submit`: none after this comes.    */
    if (rc)
        covey_agent_destroy (&self->agent);
    return rc;
}

void
covey_demo_tasks_deinit (covey_demo_t *self)
{
    free (self->tasks.items);
    memset (&self->tasks, 0, sizeof self->tasks);
}
