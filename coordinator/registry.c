#include "coordinator/registry.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

/*  state    up, same session    up, other session        down
    down     up, generation n    up, generation n         nothing
    up       described anew      (down first, then up)    down, if its session
 */

static int
s_by_id (const void *a, const void *b)
{
    return strcmp (((const covey_worker_t *)a)->id,
                   ((const covey_worker_t *)b)->id);
}

static int
s_key_id (const void *key, const void *item)
{
    return strcmp (key, ((const covey_worker_t *)item)->id);
}

static int
s_by_down (const void *a, const void *b)
{
    const covey_worker_t *x = a, *y = b;
    if (x->since_us != y->since_us)
        return x->since_us < y->since_us ? -1 : 1;
    return strcmp (x->id, y->id);
}

static int
s_by_token (const void *a, const void *b)
{
    const covey_task_t *x = a, *y = b;
    return x->token < y->token ? -1 : x->token > y->token;
}

void
covey_registry_init (covey_registry_t *self)
{
    covey_tree_init (&self->workers, offsetof (covey_worker_t, by_id), s_by_id);
    covey_tree_init (&self->down, offsetof (covey_worker_t, by_down),
                     s_by_down);
    self->up_count = 0;
}

static void
s_forget_description (covey_worker_t *worker)
{
    free (worker->type);
    free (worker->name);
    free (worker->node_name);
    covey_texts_deinit (&worker->capabilities);
    covey_texts_deinit (&worker->tags);
}

static void
s_destroy (covey_registry_t *self, covey_worker_t *worker)
{
    covey_tree_remove (&self->workers, worker);
    if (covey_link_is_in (&worker->by_down))
        covey_tree_remove (&self->down, worker);
    s_forget_description (worker);
    free (worker->id);
    free (worker);
}

void
covey_registry_deinit (covey_registry_t *self)
{
    covey_worker_t *worker;
    while ((worker = covey_tree_first (&self->workers)))
        s_destroy (self, worker);
}

covey_worker_t *
covey_registry_find (const covey_registry_t *self, const char *agent_id)
{
    return covey_tree_find (&self->workers, agent_id, s_key_id);
}

covey_worker_t *
covey_registry_find_up (const covey_registry_t *self, const char *agent_id)
{
    covey_worker_t *worker = covey_registry_find (self, agent_id);
    return worker && worker->up ? worker : NULL;
}

covey_worker_t *
covey_registry_add (covey_registry_t *self, const char *agent_id)
{
    if (covey_registry_find (self, agent_id))
        return NULL;
    covey_worker_t *worker = covey_mem_new (sizeof *worker);
    worker->id = covey_str_dup (agent_id);
    covey_tree_init (&worker->held, offsetof (covey_task_t, in_held),
                     s_by_token);
    covey_tree_insert (&self->workers, worker);
    return worker;
}

static void
s_describe (covey_worker_t *worker, const Covey__Control__AgentUp *up)
{
    s_forget_description (worker);
    worker->type = covey_str_dup (up->type ? up->type : "");
    worker->name = covey_str_dup (up->name ? up->name : "");
    worker->node_name = covey_str_dup (up->node_name ? up->node_name : "");
    covey_texts_sort (&worker->capabilities, up->capabilities,
                      up->n_capabilities);
    covey_texts_copy (&worker->tags, up->tags, up->n_tags);
    worker->slots = up->has_task_slots ? up->task_slots : 1;
    if (worker->slots > COVEY_WORKER_SLOTS_MAX)
        worker->slots = COVEY_WORKER_SLOTS_MAX;
    memcpy (worker->node_id, up->node_id.data, sizeof worker->node_id);
    memcpy (worker->session_id, up->session_id.data, sizeof worker->session_id);
}

covey_worker_t *
covey_registry_up (covey_registry_t *self, const Covey__Control__AgentUp *up,
                   uint64_t generation, int64_t now_us)
{
    covey_worker_t *worker = covey_registry_find (self, up->agent_id);
    if (!worker)
        worker = covey_registry_add (self, up->agent_id);
    assert (!worker->kind);
    s_describe (worker, up);
    if (!worker->up) {
        if (covey_link_is_in (&worker->by_down))
            covey_tree_remove (&self->down, worker);
        worker->up = true;
        worker->generation = generation;
        worker->state = COVEY_WORKER_READY;
        worker->since_us = now_us;
        worker->capacity = 100;
        self->up_count++;
    }
    return worker;
}

void
covey_registry_down (covey_registry_t *self, covey_worker_t *worker,
                     bool graceful, int64_t now_us)
{
    assert (worker->up && !worker->kind && !worker->held.count);
    worker->up = false;
    worker->state = graceful ? COVEY_WORKER_TERMINATED : COVEY_WORKER_LOST;
    worker->since_us = now_us;
    self->up_count--;
    covey_tree_insert (&self->down, worker);
    if (self->down.count > COVEY_REGISTRY_DOWN_MAX)
        s_destroy (self, covey_tree_first (&self->down));
}

bool
covey_worker_offers (const covey_worker_t *self, const char *type,
                     const covey_texts_t *required)
{
    return (!type || strcmp (type, self->type) == 0) &&
           covey_texts_within (required, &self->capabilities);
}

const char *
covey_worker_state_name (const covey_worker_t *self)
{
    switch (self->state) {
        case COVEY_WORKER_READY:
            return "ready";
        case COVEY_WORKER_BUSY:
            return "busy";
        case COVEY_WORKER_IDLE:
            return "idle";
        case COVEY_WORKER_LOST:
            return "lost";
        case COVEY_WORKER_TERMINATED:
            return "terminated";
    }
    return "unknown";
}
