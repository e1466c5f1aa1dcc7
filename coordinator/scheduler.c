#include "coordinator/scheduler.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

struct covey_lane {
    covey_link_t by_demand;
    covey_link_t by_head;
    char *assignee; /* whose own lane it is, or NULL                          */
    char *type;     /* or NULL: any                                           */
    covey_texts_t required;
    covey_tree_t tasks;
};

struct covey_kind {
    covey_link_t by_offer;
    covey_link_t by_best;
    char *type;
    covey_texts_t capabilities;
    covey_tree_t free;   /* workers that can take a task                      */
    size_t worker_count; /* all that are up                                   */
};

int
covey_scheduler_compare_tasks (const void *a, const void *b)
{
    const covey_task_t *x = a, *y = b;
    if (x->priority != y->priority)
        return x->priority > y->priority ? -1 : 1;
    return x->seq < y->seq ? -1 : x->seq > y->seq;
}

int
covey_scheduler_compare_workers (const void *a, const void *b)
{
    const covey_worker_t *x = a, *y = b;
    /* held / slots without division: a/b < c/d when ad < cb */
    uint64_t x_load = x->held.count * y->slots;
    uint64_t y_load = y->held.count * x->slots;
    if (x_load != y_load)
        return x_load < y_load ? -1 : 1;
    if (x->capacity != y->capacity)
        return x->capacity > y->capacity ? -1 : 1;
    if (x->last_assigned != y->last_assigned)
        return x->last_assigned < y->last_assigned ? -1 : 1;
    return strcmp (x->id, y->id);
}

static int
s_compare_types (const char *a, const char *b)
{
    if (!a || !b)
        return (a != NULL) - (b != NULL);
    return strcmp (a, b);
}

static int
s_by_demand (const void *a, const void *b)
{
    const covey_lane_t *x = a, *y = b;
    int order = s_compare_types (x->assignee, y->assignee);
    if (order || x->assignee)
        return order;
    order = s_compare_types (x->type, y->type);
    return order ? order : covey_texts_compare (&x->required, &y->required);
}

static int
s_key_demand (const void *key, const void *item)
{
    const covey_task_t *task = key;
    const covey_lane_t *lane = item;
    int order = s_compare_types (task->assignee, lane->assignee);
    if (order || task->assignee)
        return order;
    order = s_compare_types (task->agent_type, lane->type);
    return order ? order
                 : covey_texts_compare (&task->required, &lane->required);
}

static int
s_key_assignee (const void *key, const void *item)
{
    return s_compare_types (key, ((const covey_lane_t *)item)->assignee);
}

static int
s_by_head (const void *a, const void *b)
{
    return covey_scheduler_compare_tasks (
        covey_tree_first (&((const covey_lane_t *)a)->tasks),
        covey_tree_first (&((const covey_lane_t *)b)->tasks));
}

static int
s_by_offer (const void *a, const void *b)
{
    const covey_kind_t *x = a, *y = b;
    int order = strcmp (x->type, y->type);
    return order ? order
                 : covey_texts_compare (&x->capabilities, &y->capabilities);
}

static int
s_key_offer (const void *key, const void *item)
{
    const covey_worker_t *worker = key;
    const covey_kind_t *kind = item;
    int order = strcmp (worker->type, kind->type);
    return order ? order
                 : covey_texts_compare (&worker->capabilities,
                                        &kind->capabilities);
}

static int
s_by_best (const void *a, const void *b)
{
    return covey_scheduler_compare_workers (
        covey_tree_first (&((const covey_kind_t *)a)->free),
        covey_tree_first (&((const covey_kind_t *)b)->free));
}

void
covey_scheduler_init (covey_scheduler_t *self)
{
    covey_tree_init (&self->lanes, offsetof (covey_lane_t, by_demand),
                     s_by_demand);
    covey_tree_init (&self->lanes_by_head, offsetof (covey_lane_t, by_head),
                     s_by_head);
    covey_tree_init (&self->kinds, offsetof (covey_kind_t, by_offer),
                     s_by_offer);
    covey_tree_init (&self->kinds_by_best, offsetof (covey_kind_t, by_best),
                     s_by_best);
    self->ready_count = 0;
}

void
covey_scheduler_deinit (covey_scheduler_t *self)
{
    assert (!self->lanes.count && !self->kinds.count);
    (void)self; /* lanes and kinds go with their last task and agent */
}

/*  A lane or kind moves in the order of heads when its first one changes, so
    it steps out before a change and back in after it.                        */
static void
s_lane_out (covey_scheduler_t *self, covey_lane_t *lane)
{
    if (covey_link_is_in (&lane->by_head))
        covey_tree_remove (&self->lanes_by_head, lane);
}

static void
s_lane_in (covey_scheduler_t *self, covey_lane_t *lane)
{
    if (lane->tasks.count && !lane->assignee)
        covey_tree_insert (&self->lanes_by_head, lane);
}

void
covey_scheduler_queue (covey_scheduler_t *self, covey_task_t *task)
{
    assert (!task->lane);
    covey_lane_t *lane = covey_tree_find (&self->lanes, task, s_key_demand);
    if (!lane) {
        lane = covey_mem_new (sizeof *lane);
        lane->assignee = covey_str_dup (task->assignee);
        lane->type = covey_str_dup (task->agent_type);
        covey_texts_copy (&lane->required, task->required.items,
                          task->required.count);
        covey_tree_init (&lane->tasks, offsetof (covey_task_t, in_lane),
                         covey_scheduler_compare_tasks);
        covey_tree_insert (&self->lanes, lane);
    }
    s_lane_out (self, lane);
    covey_tree_insert (&lane->tasks, task);
    s_lane_in (self, lane);
    task->lane = lane;
    self->ready_count++;
}

void
covey_scheduler_unqueue (covey_scheduler_t *self, covey_task_t *task)
{
    covey_lane_t *lane = task->lane;
    assert (lane);
    s_lane_out (self, lane);
    covey_tree_remove (&lane->tasks, task);
    s_lane_in (self, lane);
    task->lane = NULL;
    self->ready_count--;
    if (lane->tasks.count)
        return;
    covey_tree_remove (&self->lanes, lane);
    covey_texts_deinit (&lane->required);
    free (lane->assignee);
    free (lane->type);
    free (lane);
}

static void
s_kind_out (covey_scheduler_t *self, covey_kind_t *kind)
{
    if (covey_link_is_in (&kind->by_best))
        covey_tree_remove (&self->kinds_by_best, kind);
}

static void
s_kind_in (covey_scheduler_t *self, covey_kind_t *kind)
{
    if (kind->free.count)
        covey_tree_insert (&self->kinds_by_best, kind);
}

void
covey_scheduler_enter (covey_scheduler_t *self, covey_worker_t *worker)
{
    assert (!worker->kind);
    covey_kind_t *kind = covey_tree_find (&self->kinds, worker, s_key_offer);
    if (!kind) {
        kind = covey_mem_new (sizeof *kind);
        kind->type = covey_str_dup (worker->type);
        covey_texts_copy (&kind->capabilities, worker->capabilities.items,
                          worker->capabilities.count);
        covey_tree_init (&kind->free, offsetof (covey_worker_t, in_kind),
                         covey_scheduler_compare_workers);
        covey_tree_insert (&self->kinds, kind);
    }
    kind->worker_count++;
    worker->kind = kind;
    covey_scheduler_show (self, worker);
}

void
covey_scheduler_leave (covey_scheduler_t *self, covey_worker_t *worker)
{
    covey_kind_t *kind = worker->kind;
    assert (kind);
    covey_scheduler_hide (self, worker);
    worker->kind = NULL;
    if (--kind->worker_count)
        return;
    covey_tree_remove (&self->kinds, kind);
    covey_texts_deinit (&kind->capabilities);
    free (kind->type);
    free (kind);
}

void
covey_scheduler_hide (covey_scheduler_t *self, covey_worker_t *worker)
{
    if (!covey_link_is_in (&worker->in_kind))
        return;
    s_kind_out (self, worker->kind);
    covey_tree_remove (&worker->kind->free, worker);
    s_kind_in (self, worker->kind);
}

void
covey_scheduler_show (covey_scheduler_t *self, covey_worker_t *worker)
{
    if (!covey_scheduler_is_free (worker))
        return;
    s_kind_out (self, worker->kind);
    covey_tree_insert (&worker->kind->free, worker);
    s_kind_in (self, worker->kind);
}

bool
covey_scheduler_is_free (const covey_worker_t *worker)
{
    return worker->up && worker->held.count < worker->slots &&
           worker->capacity > 0 && worker->state != COVEY_WORKER_BUSY;
}

static bool
s_fits (const char *type, const covey_texts_t *required, const char *has_type,
        const covey_texts_t *has)
{
    return (!type || strcmp (type, has_type) == 0) &&
           covey_texts_within (required, has);
}

bool
covey_scheduler_matches (const covey_worker_t *worker, const covey_task_t *task)
{
    if (task->assignee)
        return strcmp (task->assignee, worker->id) == 0;
    return s_fits (task->agent_type, &task->required, worker->type,
                   &worker->capabilities) &&
           !covey_task_was_rejected_by (task, worker->generation);
}

covey_worker_t *
covey_scheduler_worker_for (const covey_scheduler_t *self,
                            const covey_task_t *task)
{
    assert (!task->assignee);
    const covey_tree_t *kinds = &self->kinds_by_best;
    covey_worker_t *best = NULL;
    for (covey_kind_t *kind = covey_tree_first (kinds); kind;
         kind = covey_tree_next (kinds, kind)) {
        covey_worker_t *worker = covey_tree_first (&kind->free);
        if (best && covey_scheduler_compare_workers (best, worker) < 0)
            break; /* nobody further on is less loaded */
        if (!s_fits (task->agent_type, &task->required, kind->type,
                     &kind->capabilities))
            continue;
        while (worker && covey_task_was_rejected_by (task, worker->generation))
            worker = covey_tree_next (&kind->free, worker);
        if (worker &&
            (!best || covey_scheduler_compare_workers (worker, best) < 0))
            best = worker;
    }
    return best;
}

covey_task_t *
covey_scheduler_own_task (const covey_scheduler_t *self, const char *agent_id)
{
    const covey_lane_t *lane =
        covey_tree_find (&self->lanes, agent_id, s_key_assignee);
    return lane ? covey_tree_first (&lane->tasks) : NULL;
}

covey_task_t *
covey_scheduler_task_for (const covey_scheduler_t *self,
                          const covey_worker_t *worker)
{
    const covey_tree_t *lanes = &self->lanes_by_head;
    covey_task_t *best = covey_scheduler_own_task (self, worker->id);
    for (covey_lane_t *lane = covey_tree_first (lanes); lane;
         lane = covey_tree_next (lanes, lane)) {
        covey_task_t *task = covey_tree_first (&lane->tasks);
        if (best && covey_scheduler_compare_tasks (best, task) < 0)
            break; /* nothing further on is more urgent */
        if (!s_fits (lane->type, &lane->required, worker->type,
                     &worker->capabilities))
            continue;
        while (task && covey_task_was_rejected_by (task, worker->generation))
            task = covey_tree_next (&lane->tasks, task);
        if (task && (!best || covey_scheduler_compare_tasks (task, best) < 0))
            best = task;
    }
    return best;
}

size_t
covey_scheduler_count_matching (const covey_scheduler_t *self,
                                const covey_task_t *task)
{
    size_t count = 0;
    for (covey_kind_t *kind = covey_tree_first (&self->kinds); kind;
         kind = covey_tree_next (&self->kinds, kind))
        if (s_fits (task->agent_type, &task->required, kind->type,
                    &kind->capabilities))
            count += kind->worker_count;
    return count;
}
