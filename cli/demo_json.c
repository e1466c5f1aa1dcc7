/*  The demo's report as one JSON object                                      */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "cli/demo.h"

static void
s_put_counts (json_t *to, const covey_demo_counts_t *counts)
{
    json_object_set_new (to, "lines", json_integer ((json_int_t)counts->lines));
    json_object_set_new (to, "words", json_integer ((json_int_t)counts->words));
    json_object_set_new (to, "bytes", json_integer ((json_int_t)counts->bytes));
}

/*  JSON has no bytes: in a path that is not UTF-8 those that are not ASCII
    become %XX, and so does the percent sign; pathEncoded says so.            */
static json_t *
s_file (const covey_demo_file_t *file)
{
    json_t *row = json_object ();
    size_t size = strlen (file->path);
    if (covey_str_is_utf8 (file->path, size)) {
        json_object_set_new (row, "path", json_string (file->path));
    } else {
        covey_buf_t text;
        covey_buf_init (&text, size * 3 + 1);
        for (size_t i = 0; i < size; i++) {
            unsigned c = (unsigned char)file->path[i];
            covey_buf_printf (&text, c >= 0x80 || c == '%' ? "%%%02X" : "%c",
                              c);
        }
        char *encoded = covey_buf_steal (&text);
        json_object_set_new (row, "path", json_string (encoded));
        json_object_set_new (row, "pathEncoded", json_true ());
        free (encoded);
        covey_buf_deinit (&text);
    }
    s_put_counts (row, &file->counts);
    json_object_set_new (row, "sha256", json_string (file->sha256));
    return row;
}

static json_t *
s_files (const covey_demo_t *self)
{
    json_t *list = json_array ();
    for (size_t i = 0; i < self->files.count; i++)
        json_array_append_new (list, s_file (&self->files.items[i]));
    return list;
}

static json_t *
s_extensions (const covey_demo_t *self)
{
    json_t *list = json_array ();
    for (size_t i = 0; i < self->files.group_count; i++) {
        const covey_demo_group_t *group = &self->files.groups[i];
        json_t *row = json_pack ("{s:s,s:I}", "extension", group->extension,
                                 "files", (json_int_t)group->counts.files);
        s_put_counts (row, &group->counts);
        json_array_append_new (list, row);
    }
    return list;
}

static json_t *
s_killed (const covey_demo_t *self)
{
    const covey_demo_fault_t *fault = &self->fault;
    if (!fault->done)
        return json_null ();
    json_t *held = json_array ();
    for (size_t i = 0; i < fault->held_count; i++) {
        const covey_demo_task_t *task = &self->tasks.items[fault->held[i]];
        json_array_append_new (held, json_pack ("{s:s,s:s,s:i}", "id", task->id,
                                                "agent", task->agent, "attempt",
                                                (int)task->attempt));
    }
    return json_pack ("{s:s,s:i,s:i,s:o}", "node",
                      self->mesh.nodes[fault->node].name, "pid",
                      (int)fault->pid, "afterFiles", (int)fault->after,
                      "tasksUnderWay", held);
}

static json_t *
s_latency (const covey_demo_t *self,
           int64_t (*value) (const covey_demo_task_t *task))
{
    return json_pack ("{s:f,s:f}", "p50", covey_demo_latency (self, 50, value),
                      "p99", covey_demo_latency (self, 99, value));
}

static json_t *
s_events (const covey_demo_t *self)
{
    json_t *types = json_object (), *row;
    size_t i;
    json_array_foreach (self->events, i, row)
    {
        const char *type = json_string_value (json_object_get (row, "type"));
        if (type)
            json_object_set (types, type, json_object_get (row, "count"));
    }
    return types;
}

void
covey_demo_report_json (covey_demo_t *self)
{
    covey_demo_counts_t totals = covey_demo_totals (self);
    json_t *total = json_pack ("{s:I}", "files", (json_int_t)totals.files);
    s_put_counts (total, &totals);
    json_t *latency = json_pack (
        "{s:o,s:o,s:o}", "submissionToAssignment",
        s_latency (self, covey_demo_queue_us), "assignmentToCompletion",
        s_latency (self, covey_demo_work_us), "submissionToCompletion",
        s_latency (self, covey_demo_whole_us));
    json_t *report = json_pack (
        "{s:s,s:i,s:i,s:I,s:o,s:o,s:o,s:O,s:o,s:i,s:I,s:i,s:o,s:o,s:s,s:s}",
        "input", self->files.root, "nodes", (int)self->mesh.node_count,
        "agents", (int)self->mesh.agent_count, "elapsed",
        (json_int_t)self->elapsed_ms, "totals", total, "extensions",
        s_extensions (self), "files", s_files (self), "vote", self->vote,
        "killed", s_killed (self), "reassigned",
        (int)covey_demo_reassigned (self), "failedAttempts",
        (json_int_t)self->tasks.failures, "lost", 0, "latency", latency,
        "events", s_events (self), "dir", self->dir, "data",
        self->mesh.nodes[0].data);
    char *text = report ? json_dumps (report, JSON_COMPACT) : NULL;
    if (text)
        covey_cli_put_json (self->cli, text, strlen (text));
    free (text);
    json_decref (report);
}
