/*  What callers see of agents, and lists of anything, as JSON by descriptor.
   Views borrow from the state; only their pointer arrays are allocated. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/view.h"
#include "proto/json.h"

#define LIMIT_DEFAULT 100
#define LIMIT_MAX 1000

/* ---- lists ------------------------------------------------------------------
 */

void
covey_view_list_begin (covey_view_list_t *self, const char *name,
                       uint32_t limit, covey_buf_t *to)
{
    *self =
        (covey_view_list_t){.to = to, .limit = limit ? limit : LIMIT_DEFAULT};
    if (self->limit > LIMIT_MAX)
        self->limit = LIMIT_MAX;
    covey_buf_printf (to, "{\"%s\":[", name);
}

bool
covey_view_list_has_room (covey_view_list_t *self)
{
    self->more =
        self->count >= self->limit || self->to->size > COVEY_VIEW_LIST_BYTES;
    if (!self->more && self->count++)
        covey_buf_putc (self->to, ',');
    return !self->more;
}

covey_err_t
covey_view_list_end (covey_view_list_t *self, const char *last)
{
    covey_buf_putc (self->to, ']');
    if (self->more && last) {
        covey_buf_puts (self->to, ",\"next\":");
        covey_json_quote (self->to, last, strlen (last));
    }
    covey_buf_putc (self->to, '}');
    return self->to->failed ? COVEY_LIMIT : COVEY_OK;
}

/* ---- agents
 * ------------------------------------------------------------------- */

static covey_err_t
s_agent (const covey_worker_t *worker, covey_buf_t *to)
{
    Covey__Control__AgentView view;
    char node[37];
    covey__control__agent_view__init (&view);
    view.id = worker->id;
    view.type = worker->type;
    view.name = worker->name;
    view.state = (char *)covey_worker_state_name (worker);
    view.has_since = true;
    view.since = worker->since_us;
    covey_id_text (worker->node_id, node);
    view.node = node;
    view.n_capabilities = worker->capabilities.count;
    view.capabilities = worker->capabilities.items;
    view.n_tags = worker->tags.count;
    view.tags = worker->tags.items;
    view.has_generation = true;
    view.generation = worker->generation;
    view.has_task_slots = true;
    view.task_slots = worker->slots;
    view.has_available_capacity = true;
    view.available_capacity = worker->capacity;
    view.tasks = covey_mem_new (worker->held.count * sizeof *view.tasks);
    for (covey_task_t *task = covey_tree_first (&worker->held); task;
         task = covey_tree_next (&worker->held, task))
        view.tasks[view.n_tasks++] = task->id;
    covey_err_t code = covey_json_write (&view.base, to);
    free (view.tasks);
    return code;
}

static int
s_key_worker (const void *key, const void *item)
{
    return strcmp (key, ((const covey_worker_t *)item)->id);
}

covey_err_t
covey_state_agents (const covey_state_t *self,
                    const Covey__Control__ListQuery *query, covey_buf_t *to,
                    covey_errbuf_t *err)
{
    (void)err;
    covey_view_list_t list;
    covey_view_list_begin (&list, "agents",
                           query->has_limit ? query->limit : LIMIT_MAX, to);
    const covey_tree_t *workers = &self->registry.workers;
    covey_worker_t *worker =
        query->after ? covey_tree_after (workers, query->after, s_key_worker)
                     : covey_tree_first (workers);
    const char *last = NULL;
    for (; worker; worker = covey_tree_next (workers, worker)) {
        if (query->state &&
            strcmp (query->state, covey_worker_state_name (worker)) != 0)
            continue;
        if (!covey_view_list_has_room (&list))
            break;
        last = worker->id;
        covey_err_t code = s_agent (worker, to);
        if (code)
            return code;
    }
    return covey_view_list_end (&list, last);
}

void
covey_state_status (const covey_state_t *self,
                    Covey__Control__CoordinatorStatus *status)
{
    status->has_log_index = true;
    status->log_index = self->index;
    status->has_agents = true;
    status->agents = (uint32_t)self->registry.up_count;
    status->has_tasks_queued = true;
    status->tasks_queued = (uint32_t)(self->live_count - self->held_count);
    status->has_tasks_running = true;
    status->tasks_running = (uint32_t)self->held_count;
    status->has_tasks_ended = true;
    status->tasks_ended = self->ended_total;
    status->has_swarms = true;
    status->swarms = (uint32_t)(self->swarms.count - self->swarms_ended.count);
    status->has_votes_open = true;
    status->votes_open = (uint32_t)self->votes_open.count;
    status->has_memory_entries = true;
    status->memory_entries = self->memory.entries.count;
    status->has_memory_bytes = true;
    status->memory_bytes = self->memory.bytes;
    status->has_memory_revision = true;
    status->memory_revision = self->memory.revision;
    status->has_coordinations_open = true;
    status->coordinations_open = (uint32_t)self->coordinations_open.count;
}

/* ---- answers
 * ------------------------------------------------------------------ */

covey_err_t
covey_state_show (const covey_state_t *self, covey_show_t show, const char *id,
                  covey_buf_t *to)
{
    if (show == COVEY_SHOW_LIMITS)
        return covey_state_show_limits (self, to);
    if (show == COVEY_SHOW_TASK) {
        const covey_task_t *task = covey_state_find_task (self, id);
        if (task)
            return covey_view_task (self, task, false, to);
    } else if (show == COVEY_SHOW_SCHEDULE) {
        const covey_schedule_t *schedule = covey_state_find_schedule (self, id);
        if (schedule)
            return covey_view_schedule (schedule, false, to);
    } else if (show == COVEY_SHOW_BATCH) {
        return covey_view_batch (self, id, to);
    } else if (show == COVEY_SHOW_SWARM) {
        const covey_swarm_entry_t *entry = covey_state_find_swarm (self, id);
        if (entry)
            return covey_view_swarm (entry->swarm, to);
    } else if (show == COVEY_SHOW_SESSION) {
        const covey_coordination_entry_t *entry =
            covey_state_find_coordination (self, id);
        if (entry)
            return covey_view_coordination (entry, true, to);
    } else if (show == COVEY_SHOW_VOTE || show == COVEY_SHOW_BALLOT) {
        const covey_vote_entry_t *entry = covey_state_find_vote (self, id);
        if (entry)
            return covey_view_vote (entry->proposal,
                                    show == COVEY_SHOW_VOTE ? COVEY_VIEW_WHOLE
                                                            : COVEY_VIEW_COUNT,
                                    to);
    } else if (show == COVEY_SHOW_MEMORY || show == COVEY_SHOW_MEMORY_VALUE ||
               show == COVEY_SHOW_COUNTER)
        return covey_view_memory (self, show, id, to);
    if (show == COVEY_SHOW_ROLE)
        return covey_view_role (self, id, to);
    if (show == COVEY_SHOW_CLAIM && covey_claims_find (&self->claims, id))
        return covey_state_claim (self, id, to, NULL);
    covey_buf_putc (to, '{');
    if (id && *id) {
        covey_buf_puts (to, "\"id\":");
        covey_json_quote (to, id, strlen (id));
    }
    covey_buf_putc (to, '}');
    return to->failed ? COVEY_LIMIT : COVEY_OK;
}
