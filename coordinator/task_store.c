/*  The tasks that are there: their indexes, what they weigh, and how long ended
    ones are kept.                                                            */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/state_impl.h"

static int
s_by_id (const void *a, const void *b)
{
    return strcmp (((const covey_task_t *)a)->id,
                   ((const covey_task_t *)b)->id);
}

static int
s_key_id (const void *key, const void *item)
{
    return strcmp (key, ((const covey_task_t *)item)->id);
}

static int
s_by_key (const void *a, const void *b)
{
    return strcmp (((const covey_task_t *)a)->key,
                   ((const covey_task_t *)b)->key);
}

static int
s_key_key (const void *key, const void *item)
{
    return strcmp (key, ((const covey_task_t *)item)->key);
}

static int
s_by_seq (const void *a, const void *b)
{
    const covey_task_t *x = a, *y = b;
    return x->seq < y->seq ? -1 : x->seq > y->seq;
}

static int
s_by_forgetting (const void *a, const void *b)
{
    const covey_task_t *x = a, *y = b;
    if (x->forget_us != y->forget_us)
        return x->forget_us < y->forget_us ? -1 : 1;
    return x->ended_seq < y->ended_seq ? -1 : x->ended_seq > y->ended_seq;
}

static int
s_by_generation (const void *a, const void *b)
{
    const covey_worker_t *x = a, *y = b;
    return x->generation < y->generation ? -1 : x->generation > y->generation;
}

void
covey_state_init_tasks (covey_state_t *self)
{
    covey_tree_init (&self->tasks, offsetof (covey_task_t, by_id), s_by_id);
    covey_tree_init (&self->by_seq, offsetof (covey_task_t, by_seq), s_by_seq);
    covey_tree_init (&self->by_key, offsetof (covey_task_t, by_key), s_by_key);
    covey_tree_init (&self->ended, offsetof (covey_task_t, in_ended),
                     s_by_forgetting);
    covey_tree_init (&self->parked, offsetof (covey_task_t, in_ended),
                     s_by_forgetting);
    covey_tree_init (&self->fresh, offsetof (covey_task_t, in_fresh),
                     covey_scheduler_compare_tasks);
    covey_tree_init (&self->freed, offsetof (covey_worker_t, in_freed),
                     s_by_generation);
}

covey_task_t *
covey_state_find_task (const covey_state_t *self, const char *task_id)
{
    return covey_tree_find (&self->tasks, task_id, s_key_id);
}

covey_task_t *
covey_state_find_key (const covey_state_t *self, const char *key)
{
    return covey_tree_find (&self->by_key, key, s_key_key);
}

void
covey_state_add_task (covey_state_t *self, covey_task_t *task)
{
    covey_tree_insert (&self->tasks, task);
    covey_tree_insert (&self->by_seq, task);
    if (task->key)
        covey_tree_insert (&self->by_key, task);
    covey_state_arm_end (self, task);
    task->bytes = covey_task_measure (task);
    self->live_count++;
    self->live_bytes += task->bytes;
}

void
covey_state_remeasure (covey_state_t *self, covey_task_t *task)
{
    self->live_bytes -= task->bytes;
    task->bytes = covey_task_measure (task);
    self->live_bytes += task->bytes;
}

static covey_tree_t *
s_ended_of (covey_state_t *self, const covey_task_t *task)
{
    return task->state == COVEY_TASK_STATE_PARKED ? &self->parked
                                                  : &self->ended;
}

void
covey_state_count_out (covey_state_t *self, covey_task_t *task)
{
    if (covey_task_state_is_ended (task->state)) {
        covey_tree_remove (s_ended_of (self, task), task);
        self->ended_bytes -= task->bytes;
    } else {
        self->live_count--;
        self->live_bytes -= task->bytes;
        self->ended_total++;
    }
}

void
covey_state_count_ended (covey_state_t *self, covey_task_t *task)
{
    if (task->state == COVEY_TASK_STATE_PARKED)
        task->forget_us = INT64_MAX; /* a person decides */
    else if (task->keep_ms < 0)
        task->forget_us = task->ended_us + self->limits.ended_us;
    else
        task->forget_us = task->ended_us + task->keep_ms * 1000;
    if (task->keep_ms > 0 && task->forget_us != INT64_MAX) {
        task->deadline.kind = COVEY_TIMER_FORGET;
        covey_timers_arm (&self->timers, &task->deadline, task->forget_us);
    }
    task->bytes = covey_task_measure (task);
    self->ended_bytes += task->bytes;
    covey_tree_insert (s_ended_of (self, task), task);
}

void
covey_state_revive (covey_state_t *self, covey_task_t *task)
{
    covey_tree_remove (s_ended_of (self, task), task);
    covey_timers_disarm (&self->timers, &task->deadline);
    self->ended_bytes -= task->bytes;
    self->live_count++;
    self->live_bytes += task->bytes;
    self->ended_total--;
    task->state = COVEY_TASK_STATE_QUEUED;
    task->ended_us = 0;
    task->forget_us = 0;
}

void
covey_state_drop_task (covey_state_t *self, covey_task_t *task)
{
    assert (covey_task_state_is_ended (task->state));
    covey_dependency_t *edge;
    while ((edge = covey_tree_first (&task->dependants))) {
        covey_errbuf_t text;
        (void)covey_fail (&text, COVEY_STATE,
                          "dependency %s was %s and is not kept any more",
                          task->id, covey_task_state_name (task->state));
        covey_state_fail (self, edge->waiter, COVEY_TASK_DEPENDENCY, text.text);
    }
    covey_task_t *child;
    while ((child = covey_tree_first (&task->children)))
        covey_state_orphan (child);
    covey_tree_remove (s_ended_of (self, task), task);
    self->ended_bytes -= task->bytes;
    covey_tree_remove (&self->tasks, task);
    covey_tree_remove (&self->by_seq, task);
    if (task->key)
        covey_tree_remove (&self->by_key, task);
    covey_timers_disarm (&self->timers, &task->deadline);
    covey_task_destroy (&task);
}

void
covey_state_trim_tasks (covey_state_t *self)
{
    const covey_state_limits_t *limits = &self->limits;
    covey_task_t *first;
    while ((first = covey_tree_first (&self->ended)) &&
           (self->ended.count > limits->ended_max ||
            self->ended_bytes > limits->ended_bytes_max ||
            first->forget_us <= self->now_us))
        covey_state_drop_task (self, first);
    while (self->parked.count > limits->parked_max)
        covey_state_drop_task (self, covey_tree_first (&self->parked));
}

void
covey_state_deinit_tasks (covey_state_t *self)
{
    covey_task_t *task;
    while ((task = covey_tree_first (&self->by_seq))) {
        covey_state_unready (self, task);
        if (task->worker)
            covey_state_release (self, task);
        covey_state_wait_no_more (task);
        covey_state_orphan (task);
        covey_task_t *child;
        while ((child = covey_tree_first (&task->children)))
            covey_state_orphan (child);
        covey_dependency_t *edge;
        while ((edge = covey_tree_first (&task->dependants))) {
            covey_tree_remove (&task->dependants, edge);
            edge->on = NULL;
        }
        covey_timers_disarm (&self->timers, &task->deadline);
        covey_tree_remove (&self->by_seq, task);
        covey_task_destroy (&task);
    }
}
