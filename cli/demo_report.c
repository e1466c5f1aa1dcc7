/*  What the demo has to show: the checks, and the report for people          */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/demo.h"

#define GROUPS_SHOWN 20

/* ------------------------------------------------------------------------ */
/*  Figures                                                                   */

covey_demo_counts_t
covey_demo_totals (const covey_demo_t *self)
{
    covey_demo_counts_t totals = {0};
    for (size_t i = 0; i < self->files.count; i++)
        covey_demo_counts_add (&totals, &self->files.items[i].counts);
    return totals;
}

size_t
covey_demo_reassigned (const covey_demo_t *self)
{
    size_t count = 0;
    for (size_t i = 0; i < self->tasks.count; i++)
        count += self->tasks.items[i].attempt > 1;
    return count;
}

/*  Until it was first given to an agent; from the last assignment, until its
    result was there; both together, with all that happened between.          */
int64_t
covey_demo_queue_us (const covey_demo_task_t *task)
{
    int64_t assigned_us =
        task->first_assigned_us ? task->first_assigned_us : task->assigned_us;
    return assigned_us - task->submitted_us;
}

int64_t
covey_demo_work_us (const covey_demo_task_t *task)
{
    return task->ended_us - task->assigned_us;
}

int64_t
covey_demo_whole_us (const covey_demo_task_t *task)
{
    return task->ended_us - task->submitted_us;
}

static int
s_compare (const void *a, const void *b)
{
    const int64_t *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

double
covey_demo_latency (const covey_demo_t *self, int percent,
                    int64_t (*value) (const covey_demo_task_t *task))
{
    size_t count = self->tasks.count_tasks;
    int64_t *values = calloc (count, sizeof *values);
    if (!values)
        abort ();
    for (size_t i = 0; i < count; i++)
        values[i] = value (&self->tasks.items[i]);
    qsort (values, count, sizeof *values, s_compare);
    size_t rank = (count * (size_t)percent + 99) / 100;
    double ms = (double)values[rank ? rank - 1 : 0] / 1000.0;
    free (values);
    return ms;
}

/* ------------------------------------------------------------------------ */
/*  The checks: what must hold for exit status 0                              */

static covey_err_t
s_check_group (covey_demo_t *self, const covey_demo_group_t *group)
{
    covey_demo_counts_t sum = {0};
    for (size_t i = 0; i < group->count; i++)
        covey_demo_counts_add (&sum,
                               &self->files.items[group->first + i].counts);
    if (sum.files == group->count &&
        memcmp (&sum, &group->counts, sizeof sum) == 0)
        return COVEY_OK;
    return covey_fail (&self->err, COVEY_STATE,
                       "%s: the merged counts are not the sum of the files' "
                       "(%" PRIu64 " of %zu files)",
                       group->extension, group->counts.files, group->count);
}

covey_err_t
covey_demo_check (covey_demo_t *self)
{
    for (size_t i = 0; i < self->tasks.count; i++)
        if (!self->tasks.items[i].ended_us)
            return covey_fail (&self->err, COVEY_STATE,
                               "task %s is lost: it never completed",
                               self->tasks.items[i].id);
    for (size_t i = 0; i < self->files.group_count; i++) {
        covey_err_t rc = s_check_group (self, &self->files.groups[i]);
        if (rc)
            return rc;
    }
    const char *outcome =
        json_string_value (json_object_get (self->vote, "outcome"));
    if (!json_is_true (json_object_get (self->vote, "consensus")) || !outcome ||
        strcmp (outcome, "accepted") != 0)
        return covey_fail (&self->err, COVEY_STATE,
                           "the workers did not accept the report: %s",
                           outcome ? outcome : "no outcome");
    if (self->fault.node && !self->fault.done)
        return covey_fail (&self->err, COVEY_STATE, "no node was killed");
    if (self->unwell)
        return covey_fail (&self->err, COVEY_STATE,
                           "%zu processes did not end well when told to; see "
                           "%s/*.log",
                           self->unwell, self->dir);
    return COVEY_OK;
}

/* ------------------------------------------------------------------------ */
/*  For people                                                                */

static void
s_row (const char *name, const covey_demo_counts_t *counts)
{
    printf ("  %-24s %8" PRIu64 " %10" PRIu64 " %10" PRIu64 " %12" PRIu64 "\n",
            name, counts->files, counts->lines, counts->words, counts->bytes);
}

static int
s_by_files (const void *a, const void *b)
{
    const covey_demo_group_t *left = a, *right = b;
    if (left->count != right->count)
        return left->count < right->count ? 1 : -1;
    return strcmp (left->extension, right->extension);
}

static void
s_table (const covey_demo_t *self)
{
    size_t count = self->files.group_count;
    covey_demo_counts_t others = {0}, totals = covey_demo_totals (self);
    covey_demo_group_t *order = calloc (count, sizeof *order);
    if (!order)
        abort ();
    memcpy (order, self->files.groups, count * sizeof *order);
    qsort (order, count, sizeof *order, s_by_files);
    printf ("  %-24s %8s %10s %10s %12s\n", "extension", "files", "lines",
            "words", "bytes");
    for (size_t i = 0; i < count; i++)
        if (i < GROUPS_SHOWN)
            s_row (order[i].extension, &order[i].counts);
        else
            covey_demo_counts_add (&others, &order[i].counts);
    if (others.files) {
        char name[40];
        snprintf (name, sizeof name, "%zu more", count - GROUPS_SHOWN);
        s_row (name, &others);
    }
    s_row ("total", &totals);
    free (order);
}

static const char *
s_text (const json_t *object, const char *key)
{
    const char *text = json_string_value (json_object_get (object, key));
    return text ? text : "";
}

static void
s_vote (covey_demo_t *self)
{
    json_t *ballot;
    size_t i;
    printf ("\nVote: %s (%s", s_text (self->vote, "outcome"),
            s_text (self->vote, "strategy"));
    if (*s_text (self->vote, "reason"))
        printf ("; %s", s_text (self->vote, "reason"));
    printf (")\n");
    json_array_foreach (json_object_get (self->vote, "votes"), i, ballot)
    {
        printf ("  %-12s %-8s ", s_text (ballot, "agentId"),
                s_text (ballot, "vote"));
        covey_cli_put_text (self->cli, s_text (ballot, "reason"));
        printf ("\n");
    }
}

static void
s_accident (const covey_demo_t *self)
{
    const covey_demo_fault_t *fault = &self->fault;
    if (!fault->done) {
        printf ("\nNo node was killed: that takes agents on a second node\n");
        return;
    }
    printf ("\nKilled: %s (pid %d) with SIGKILL after %zu of %zu files\n",
            self->mesh.nodes[fault->node].name, (int)fault->pid, fault->after,
            self->files.count);
    for (size_t i = 0; i < fault->held_count; i++) {
        const covey_demo_task_t *task = &self->tasks.items[fault->held[i]];
        printf ("  task %s was under way there: completed by %s, attempt "
                "%" PRIu32 ", %.1f s after the kill\n",
                task->id, task->agent, task->attempt,
                (double)(task->ended_us - fault->killed_us) / 1e6);
    }
    printf ("  %zu tasks given to another agent, %" PRIu64
            " attempts failed, 0 tasks lost\n",
            covey_demo_reassigned (self), self->tasks.failures);
}

static void
s_figures (covey_demo_t *self)
{
    static const struct {
        const char *name;
        int64_t (*value) (const covey_demo_task_t *task);
    } rows[] = {{"submission to assignment", covey_demo_queue_us},
                {"assignment to completion", covey_demo_work_us},
                {"submission to completion", covey_demo_whole_us}};
    printf ("\nTask latency in ms (%zu tasks, submitted all at once)\n"
            "  %-26s %9s %9s\n",
            self->tasks.count_tasks, "", "p50", "p99");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        printf ("  %-26s %9.1f %9.1f\n", rows[i].name,
                covey_demo_latency (self, 50, rows[i].value),
                covey_demo_latency (self, 99, rows[i].value));
    json_t *row;
    size_t i;
    json_int_t sum = 0;
    printf ("\nEvents by type\n");
    json_array_foreach (self->events, i, row)
    {
        json_int_t count = json_integer_value (json_object_get (row, "count"));
        printf ("  %-26s %9" JSON_INTEGER_FORMAT "\n", s_text (row, "type"),
                count);
        sum += count;
    }
    printf ("  %-26s %9" JSON_INTEGER_FORMAT "\n", "total", sum);
}

static void
s_look_further (covey_demo_t *self)
{
    const char *data = self->mesh.nodes[0].data;
    const char *covey = self->binary;
    if (self->clean)
        return;
    printf ("\nLook further (everything is in %s until you remove it)\n",
            self->dir);
    printf ("  %s stats --data %s\n", covey, data);
    printf ("  %s events --data %s --type agent:lost --type node:failed\n",
            covey, data);
    printf ("  %s events --data %s --type swarm:vote:cast\n", covey, data);
    if (self->fault.held_count)
        printf ("  %s events --data %s --text %s\n", covey, data,
                self->tasks.items[self->fault.held[0]].id);
    printf ("  rm -r %s\n", self->dir);
}

void
covey_demo_report (covey_demo_t *self)
{
    printf ("%zu files below ", self->files.count);
    covey_cli_put_text (self->cli, self->files.root);
    printf (", counted by %zu agents on %zu nodes in %.1f s\n\n",
            self->mesh.agent_count, self->mesh.node_count,
            (double)self->elapsed_ms / 1000.0);
    s_table (self);
    s_vote (self);
    s_accident (self);
    s_figures (self);
    s_look_further (self);
}
