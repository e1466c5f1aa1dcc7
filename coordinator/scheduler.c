#include "coordinator/scheduler.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"

/*  The tasks of one share that wait in one lane. Shares list their flows,
   because all of them move when the share's time does. */
typedef struct covey_flow {
    covey_link_t by_share;
    covey_link_t by_turn;
    covey_share_t *share;
    covey_lane_t *lane;
    covey_tree_t tasks; /* by age                                             */
    struct covey_flow *next;
    struct covey_flow **link; /* what points here                             */
} covey_flow_t;

struct covey_lane {
    covey_link_t by_demand;
    covey_link_t by_head;
    char *assignee; /* whose own lane it is, or NULL                          */
    char *swarm;    /* whose members it is for, or NULL: everybody            */
    char *type;     /* or NULL: any                                           */
    covey_texts_t required;
    covey_tree_t flows; /* by share                                           */
    covey_tree_t turns; /* who is next first                                  */
};

struct covey_kind {
    covey_link_t by_offer;
    covey_link_t by_best;
    char *type;
    covey_texts_t capabilities;
    covey_tree_t free;         /* workers that can take a task                */
    covey_tree_t free_by_host; /* the same, by node, then by load             */
    size_t worker_count; /* all that are up                                   */
};

/*  A node that agents are on.                                               */
typedef struct {
    covey_link_t link;
    char *name;
    uint8_t node_id[16];
    size_t worker_count;
} covey_spot_t;

int
covey_scheduler_compare_tasks (const void *a, const void *b)
{
    const covey_task_t *x = a, *y = b;
    if (x->priority != y->priority)
        return x->priority > y->priority ? -1 : 1;
    return x->seq < y->seq ? -1 : x->seq > y->seq;
}

static int
s_by_seq (const void *a, const void *b)
{
    const covey_task_t *x = a, *y = b;
    return x->seq < y->seq ? -1 : x->seq > y->seq;
}

static int
s_by_share (const void *a, const void *b)
{
    const covey_share_t *x = ((const covey_flow_t *)a)->share;
    const covey_share_t *y = ((const covey_flow_t *)b)->share;
    if (x->priority != y->priority)
        return x->priority < y->priority ? -1 : 1;
    return strcmp (x->key, y->key);
}

/*  Priority, then whose turn it is, then age.                               */
static int
s_by_turn (const void *a, const void *b)
{
    const covey_flow_t *x = a, *y = b;
    if (x->share->priority != y->share->priority)
        return x->share->priority > y->share->priority ? -1 : 1;
    if (x->share->time != y->share->time)
        return x->share->time < y->share->time ? -1 : 1;
    return s_by_seq (covey_tree_first (&x->tasks),
                     covey_tree_first (&y->tasks));
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
    order = s_compare_types (x->swarm, y->swarm);
    if (!order)
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
    order = s_compare_types (task->swarm, lane->swarm);
    if (!order)
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
    return s_by_turn (covey_tree_first (&((const covey_lane_t *)a)->turns),
                      covey_tree_first (&((const covey_lane_t *)b)->turns));
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

static int
s_compare_spots (const char *a_name, const uint8_t a_id[16],
                 const covey_spot_t *b)
{
    int order = strcmp (a_name, b->name);
    return order ? order : memcmp (a_id, b->node_id, sizeof b->node_id);
}

static int
s_by_name (const void *a, const void *b)
{
    const covey_spot_t *x = a;
    return s_compare_spots (x->name, x->node_id, b);
}

static int
s_key_spot (const void *key, const void *item)
{
    const covey_worker_t *worker = key;
    return s_compare_spots (worker->node_name, worker->node_id, item);
}

static int
s_by_host (const void *a, const void *b)
{
    const covey_worker_t *x = a, *y = b;
    int order = memcmp (x->node_id, y->node_id, sizeof x->node_id);
    return order ? order : covey_scheduler_compare_workers (x, y);
}

/*  Before all of a node; before all nodes of a name.                        */
static int
s_key_node (const void *key, const void *item)
{
    const covey_worker_t *worker = item;
    return memcmp (key, worker->node_id, sizeof worker->node_id) <= 0 ? -1 : 1;
}

static int
s_key_name (const void *key, const void *item)
{
    return strcmp (key, ((const covey_spot_t *)item)->name) <= 0 ? -1 : 1;
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
    covey_tree_init (&self->spots, offsetof (covey_spot_t, link), s_by_name);
    covey_shares_init (&self->shares);
    self->ready_count = 0;
}

void
covey_scheduler_deinit (covey_scheduler_t *self)
{
    /* lanes and kinds go with their last task and agent */
    assert (!self->lanes.count && !self->kinds.count && !self->spots.count);
    covey_shares_deinit (&self->shares);
}

/* ---- lanes ------------------------------------------------------------------
 */

/*  What is ordered by its first one moves when that changes, so it steps out
    before a change and back in after it: a flow in its lane, a lane among the
    lanes, a kind among the kinds.                                            */
static void
s_flow_out (covey_scheduler_t *self, covey_flow_t *flow)
{
    covey_lane_t *lane = flow->lane;
    if (covey_link_is_in (&lane->by_head))
        covey_tree_remove (&self->lanes_by_head, lane);
    if (covey_link_is_in (&flow->by_turn))
        covey_tree_remove (&lane->turns, flow);
}

static void
s_flow_in (covey_scheduler_t *self, covey_flow_t *flow)
{
    covey_lane_t *lane = flow->lane;
    if (flow->tasks.count)
        covey_tree_insert (&lane->turns, flow);
    if (lane->turns.count && !lane->assignee)
        covey_tree_insert (&self->lanes_by_head, lane);
}

static covey_lane_t *
s_lane_of (covey_scheduler_t *self, const covey_task_t *task)
{
    covey_lane_t *lane = covey_tree_find (&self->lanes, task, s_key_demand);
    if (lane)
        return lane;
    lane = covey_mem_new (sizeof *lane);
    lane->assignee = covey_str_dup (task->assignee);
    lane->swarm = covey_str_dup (task->swarm);
    lane->type = covey_str_dup (task->agent_type);
    covey_texts_copy (&lane->required, task->required.items,
                      task->required.count);
    covey_tree_init (&lane->flows, offsetof (covey_flow_t, by_share),
                     s_by_share);
    covey_tree_init (&lane->turns, offsetof (covey_flow_t, by_turn), s_by_turn);
    covey_tree_insert (&self->lanes, lane);
    return lane;
}

static covey_flow_t *
s_flow_of (covey_lane_t *lane, covey_share_t *share)
{
    const covey_flow_t wanted = {.share = share};
    covey_flow_t *flow = covey_tree_find (&lane->flows, &wanted, s_by_share);
    if (flow)
        return flow;
    flow = covey_mem_new (sizeof *flow);
    flow->share = share;
    flow->lane = lane;
    flow->next = share->flows;
    flow->link = &share->flows;
    if (flow->next)
        flow->next->link = &flow->next;
    share->flows = flow;
    covey_tree_init (&flow->tasks, offsetof (covey_task_t, in_lane), s_by_seq);
    covey_tree_insert (&lane->flows, flow);
    return flow;
}

static void
s_drop_flow (covey_scheduler_t *self, covey_flow_t *flow)
{
    covey_lane_t *lane = flow->lane;
    covey_tree_remove (&lane->flows, flow);
    *flow->link = flow->next;
    if (flow->next)
        flow->next->link = flow->link;
    free (flow);
    if (lane->flows.count)
        return;
    covey_tree_remove (&self->lanes, lane);
    covey_texts_deinit (&lane->required);
    free (lane->assignee);
    free (lane->swarm);
    free (lane->type);
    free (lane);
}

void
covey_scheduler_queue (covey_scheduler_t *self, covey_task_t *task)
{
    assert (!task->lane);
    covey_lane_t *lane = s_lane_of (self, task);
    covey_flow_t *flow =
        s_flow_of (lane, covey_shares_enter (&self->shares, task->priority,
                                             task->share ? task->share : ""));
    s_flow_out (self, flow);
    covey_tree_insert (&flow->tasks, task);
    s_flow_in (self, flow);
    task->lane = lane;
    task->flow = flow;
    self->ready_count++;
}

void
covey_scheduler_unqueue (covey_scheduler_t *self, covey_task_t *task)
{
    covey_flow_t *flow = task->flow;
    covey_share_t *share = flow->share;
    s_flow_out (self, flow);
    covey_tree_remove (&flow->tasks, task);
    s_flow_in (self, flow);
    task->lane = NULL;
    task->flow = NULL;
    self->ready_count--;
    if (flow->tasks.count == 0)
        s_drop_flow (self, flow);
    covey_shares_leave (&self->shares, share);
}

void
covey_scheduler_charge (covey_scheduler_t *self, const covey_task_t *task)
{
    covey_share_t *share = task->flow->share;
    for (covey_flow_t *flow = share->flows; flow; flow = flow->next)
        s_flow_out (self, flow);
    covey_shares_charge (&self->shares, share, task->weight);
    for (covey_flow_t *flow = share->flows; flow; flow = flow->next)
        s_flow_in (self, flow);
}

/* ---- kinds ------------------------------------------------------------------
 */

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

static void
s_enter_spot (covey_scheduler_t *self, const covey_worker_t *worker)
{
    covey_spot_t *spot = covey_tree_find (&self->spots, worker, s_key_spot);
    if (!spot) {
        spot = covey_mem_new (sizeof *spot);
        spot->name = covey_str_dup (worker->node_name);
        memcpy (spot->node_id, worker->node_id, sizeof spot->node_id);
        covey_tree_insert (&self->spots, spot);
    }
    spot->worker_count++;
}

static void
s_leave_spot (covey_scheduler_t *self, const covey_worker_t *worker)
{
    covey_spot_t *spot = covey_tree_find (&self->spots, worker, s_key_spot);
    if (--spot->worker_count)
        return;
    covey_tree_remove (&self->spots, spot);
    free (spot->name);
    free (spot);
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
        covey_tree_init (&kind->free_by_host,
                         offsetof (covey_worker_t, in_host), s_by_host);
        covey_tree_insert (&self->kinds, kind);
    }
    kind->worker_count++;
    worker->kind = kind;
    s_enter_spot (self, worker);
    covey_scheduler_show (self, worker);
}

void
covey_scheduler_leave (covey_scheduler_t *self, covey_worker_t *worker)
{
    covey_kind_t *kind = worker->kind;
    assert (kind);
    covey_scheduler_hide (self, worker);
    worker->kind = NULL;
    s_leave_spot (self, worker);
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
    covey_tree_remove (&worker->kind->free_by_host, worker);
    s_kind_in (self, worker->kind);
}

void
covey_scheduler_show (covey_scheduler_t *self, covey_worker_t *worker)
{
    if (!covey_scheduler_is_free (worker))
        return;
    s_kind_out (self, worker->kind);
    covey_tree_insert (&worker->kind->free, worker);
    covey_tree_insert (&worker->kind->free_by_host, worker);
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

static bool
s_is_for (const covey_scheduler_t *self, const char *swarm,
          const covey_worker_t *worker)
{
    return !swarm || self->is_member (self->members, swarm, worker->id);
}

/*  It offers what the task asks for; may it have this one?                  */
static bool
s_may_have (const covey_scheduler_t *self, const covey_task_t *task,
            const covey_worker_t *worker)
{
    return !covey_task_was_rejected_by (task, worker->generation) &&
           s_is_for (self, task->swarm, worker);
}

/*  The least loaded free agent of a node.                                   */
static covey_worker_t *
s_worker_on (const covey_scheduler_t *self, const covey_task_t *task,
             const uint8_t node_id[16])
{
    covey_worker_t *best = NULL;
    for (covey_kind_t *kind = covey_tree_first (&self->kinds_by_best); kind;
         kind = covey_tree_next (&self->kinds_by_best, kind)) {
        if (!s_fits (task->agent_type, &task->required, kind->type,
                     &kind->capabilities))
            continue;
        const covey_tree_t *free_ones = &kind->free_by_host;
        covey_worker_t *worker =
            covey_tree_after (free_ones, node_id, s_key_node);
        while (worker && !s_may_have (self, task, worker))
            worker = covey_tree_next (free_ones, worker);
        if (worker && memcmp (worker->node_id, node_id, 16) == 0 &&
            (!best || covey_scheduler_compare_workers (worker, best) < 0))
            best = worker;
    }
    return best;
}

/*  Written as ids are: 8-4-4-4-12 hexadecimal digits.                        */
static bool
s_is_id (const char *text)
{
    return strlen (text) == 36 && text[8] == '-' && text[13] == '-' &&
           text[18] == '-' && text[23] == '-';
}

/*  Where the task would rather run, by id or name of the node; names may be
    given twice.                                                              */
static covey_worker_t *
s_preferred (const covey_scheduler_t *self, const covey_task_t *task)
{
    covey_id_t id;
    const char *host = task->host;
    if (s_is_id (host) && covey_id_parse (host, id.bytes) == COVEY_OK)
        return s_worker_on (self, task, id.bytes);
    covey_worker_t *worker = NULL;
    const covey_spot_t *spot =
        covey_tree_after (&self->spots, host, s_key_name);
    while (!worker && spot && strcmp (spot->name, host) == 0) {
        worker = s_worker_on (self, task, spot->node_id);
        spot = covey_tree_next (&self->spots, spot);
    }
    return worker;
}

covey_worker_t *
covey_scheduler_worker_for (const covey_scheduler_t *self,
                            const covey_task_t *task)
{
    assert (!task->assignee);
    const covey_tree_t *kinds = &self->kinds_by_best;
    covey_worker_t *best = task->host ? s_preferred (self, task) : NULL;
    if (best)
        return best;
    for (covey_kind_t *kind = covey_tree_first (kinds); kind;
         kind = covey_tree_next (kinds, kind)) {
        covey_worker_t *worker = covey_tree_first (&kind->free);
        if (best && covey_scheduler_compare_workers (best, worker) < 0)
            break; /* nobody further on is less loaded */
        if (!s_fits (task->agent_type, &task->required, kind->type,
                     &kind->capabilities))
            continue;
        while (worker && !s_may_have (self, task, worker))
            worker = covey_tree_next (&kind->free, worker);
        if (worker &&
            (!best || covey_scheduler_compare_workers (worker, best) < 0))
            best = worker;
    }
    return best;
}

static covey_task_t *
s_next_of (const covey_lane_t *lane)
{
    const covey_flow_t *flow = covey_tree_first (&lane->turns);
    return covey_tree_first (&flow->tasks);
}

/*  The next one of a lane that this agent has not rejected.                 */
static covey_task_t *
s_next_for (const covey_lane_t *lane, const covey_worker_t *worker)
{
    for (const covey_flow_t *flow = covey_tree_first (&lane->turns); flow;
         flow = covey_tree_next (&lane->turns, flow)) {
        covey_task_t *task = covey_tree_first (&flow->tasks);
        while (task && covey_task_was_rejected_by (task, worker->generation))
            task = covey_tree_next (&flow->tasks, task);
        if (task)
            return task;
    }
    return NULL;
}

covey_task_t *
covey_scheduler_own_task (const covey_scheduler_t *self, const char *agent_id)
{
    const covey_lane_t *lane =
        covey_tree_find (&self->lanes, agent_id, s_key_assignee);
    return lane ? s_next_of (lane) : NULL;
}

/*  Both are ready. Tasks of one share compare by age, which their flows' first
    ones do not say.                                                          */
int
covey_scheduler_compare_turns (const covey_task_t *a, const covey_task_t *b)
{
    const covey_share_t *x = a->flow->share, *y = b->flow->share;
    if (x->priority != y->priority)
        return x->priority > y->priority ? -1 : 1;
    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    return s_by_seq (a, b);
}

covey_task_t *
covey_scheduler_task_for (const covey_scheduler_t *self,
                          const covey_worker_t *worker)
{
    const covey_tree_t *lanes = &self->lanes_by_head;
    covey_task_t *best = covey_scheduler_own_task (self, worker->id);
    for (covey_lane_t *lane = covey_tree_first (lanes); lane;
         lane = covey_tree_next (lanes, lane)) {
        if (best && covey_scheduler_compare_turns (best, s_next_of (lane)) < 0)
            break; /* nothing further on is more urgent */
        if (!s_fits (lane->type, &lane->required, worker->type,
                     &worker->capabilities) ||
            !s_is_for (self, lane->swarm, worker))
            continue;
        covey_task_t *task = s_next_for (lane, worker);
        if (task && (!best || covey_scheduler_compare_turns (task, best) < 0))
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
