/*  Several tasks at once, that may wait for each other in any order: all of
    them are taken or none. They get numbers in an order in which they can run,
    so that what a task waits for is always older than it.                    */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/graph.h"
#include "coordinator/state_impl.h"

typedef struct {
    const char *id;
    size_t index;
} batch_name_t;

typedef struct {
    const Covey__Control__TaskBatch *batch;
    batch_name_t *names; /* of those that have one, sorted                    */
    size_t name_count;
    covey_graph_edge_t *edges;
    size_t edge_count, edge_capacity;
    size_t *order;
} batch_t;

static int
s_compare (const void *a, const void *b)
{
    return strcmp (((const batch_name_t *)a)->id,
                   ((const batch_name_t *)b)->id);
}

static const batch_name_t *
s_find (const batch_t *self, const char *id)
{
    const batch_name_t wanted = {.id = id};
    return self->name_count ? bsearch (&wanted, self->names, self->name_count,
                                       sizeof wanted, s_compare)
                            : NULL;
}

static covey_err_t
s_collect_names (covey_state_t *state, batch_t *self)
{
    for (size_t i = 0; i < self->batch->n_tasks; i++)
        if (self->batch->tasks[i]->task_id)
            self->names[self->name_count++] =
                (batch_name_t){self->batch->tasks[i]->task_id, i};
    if (self->name_count)
        qsort (self->names, self->name_count, sizeof *self->names, s_compare);
    for (size_t i = 1; i < self->name_count; i++)
        if (strcmp (self->names[i].id, self->names[i - 1].id) == 0)
            return covey_fail (state->err, COVEY_INVALID,
                               "task %s is there twice", self->names[i].id);
    return COVEY_OK;
}

static covey_err_t
s_collect_edges (covey_state_t *state, batch_t *self, size_t waiter)
{
    const Covey__Control__TaskSubmit *task = self->batch->tasks[waiter];
    for (size_t i = 0; i < task->n_dependencies; i++) {
        const char *id = task->dependencies[i];
        const batch_name_t *on = s_find (self, id);
        if (!on && !covey_state_find_task (state, id))
            return covey_fail (
                state->err, COVEY_NOTFOUND,
                "dependency %s of task %s is neither among these "
                "tasks nor known",
                id, task->task_id ? task->task_id : "(unnamed)");
        if (!on)
            continue;
        self->edges =
            covey_mem_room (self->edges, self->edge_count, &self->edge_capacity,
                            sizeof *self->edges);
        self->edges[self->edge_count++] =
            (covey_graph_edge_t){.waiter = waiter, .on = on->index};
    }
    return COVEY_OK;
}

/*  The first few names of a cycle.                                          */
static covey_err_t
s_refuse_cycle (covey_state_t *state, const batch_t *self, size_t count)
{
    char text[300] = "";
    size_t size = 0;
    for (size_t i = 0; i <= count && size < sizeof text - 80; i++)
        size += (size_t)snprintf (
            text + size, sizeof text - size, "%s%.60s", i ? " waits for " : "",
            self->batch->tasks[self->order[i % count]]->task_id);
    return covey_fail (state->err, COVEY_INVALID, "a cycle: %s", text);
}

static covey_err_t
s_sort (covey_state_t *state, batch_t *self)
{
    const Covey__Control__TaskBatch *batch = self->batch;
    size_t count = 0;
    covey_err_t code = s_collect_names (state, self);
    for (size_t i = 0; i < batch->n_tasks && !code; i++)
        code = s_collect_edges (state, self, i);
    if (!code && !covey_graph_sort (batch->n_tasks, self->edges,
                                    self->edge_count, self->order, &count))
        code = s_refuse_cycle (state, self, count);
    for (size_t i = 0; i < batch->n_tasks && !code; i++)
        code = covey_state_may_submit (state, batch->tasks[i], batch->n_tasks);
    return code;
}

static void
s_show (covey_state_t *state, uint64_t first, uint64_t count)
{
    state->show = COVEY_SHOW_BATCH;
    state->show_id = state->made_id;
    snprintf (state->made_id, sizeof state->made_id, "%llu %llu",
              (unsigned long long)first, (unsigned long long)count);
}

covey_err_t
covey_state_on_batch (covey_state_t *state,
                      const Covey__Control__TaskBatch *batch)
{
    const covey_task_t *known =
        batch->idempotency_key
            ? covey_state_find_key (state, batch->idempotency_key)
            : NULL;
    if (known) {
        s_show (state, known->seq, known->batch ? known->batch : 1);
        return COVEY_OK;
    }
    batch_t self = {
        .batch = batch,
        .names = covey_mem_new (batch->n_tasks * sizeof *self.names),
        .order = covey_mem_new (batch->n_tasks * sizeof *self.order)};
    covey_err_t code = s_sort (state, &self);
    uint64_t first = state->task_seq + 1;
    for (size_t i = 0; i < batch->n_tasks && !code; i++) {
        Covey__Control__TaskSubmit submit = *batch->tasks[self.order[i]];
        submit.idempotency_key = i ? NULL : batch->idempotency_key;
        covey_task_t *task = covey_state_submit (state, &submit, NULL);
        if (i == 0)
            task->batch = (uint32_t)batch->n_tasks;
    }
    if (!code)
        s_show (state, first, batch->n_tasks);
    free (self.edges);
    free (self.order);
    free (self.names);
    return code;
}
