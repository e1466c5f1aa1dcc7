/*  Saved: the registry, with who is up and who is down.                      */
#include <string.h>

#include "base/str.h"
#include "coordinator/save.h"
#include "coordinator/state_impl.h"

static void
s_put (const covey_worker_t *worker, covey_saver_t *to)
{
    Covey__Snapshot__Worker message = COVEY__SNAPSHOT__WORKER__INIT;
    message.id = worker->id;
    message.type = worker->type;
    message.name = worker->name;
    message.node_name = worker->node_name;
    message.n_capabilities = worker->capabilities.count;
    message.capabilities = worker->capabilities.items;
    message.n_tags = worker->tags.count;
    message.tags = worker->tags.items;
    message.node_id = (ProtobufCBinaryData){sizeof worker->node_id,
                                            (uint8_t *)worker->node_id};
    message.session_id = (ProtobufCBinaryData){sizeof worker->session_id,
                                               (uint8_t *)worker->session_id};
    message.generation = worker->generation;
    message.state = worker->state;
    message.since = worker->since_us;
    message.slots = worker->slots;
    message.capacity = worker->capacity;
    message.last_assigned = worker->last_assigned;
    Covey__Snapshot__Record record = COVEY__SNAPSHOT__RECORD__INIT;
    record.kind_case = COVEY__SNAPSHOT__RECORD__KIND_WORKER;
    record.worker = &message;
    covey_saver_put (to, &record);
}

void
covey_state_save_workers (const covey_state_t *self, covey_saver_t *to)
{
    const covey_tree_t *workers = &self->registry.workers;
    for (const covey_worker_t *w = covey_tree_first (workers); w;
         w = covey_tree_next (workers, w))
        s_put (w, to);
}

static bool
s_is_good (const covey_state_t *self, const Covey__Snapshot__Worker *from)
{
    return covey_str_is_agent_id (from->id, strlen (from->id)) &&
           from->node_id.len == 16 && from->session_id.len == 16 &&
           from->state <= COVEY_WORKER_TERMINATED &&
           covey_save_is_time (from->since) &&
           from->slots <= COVEY_WORKER_SLOTS_MAX && from->capacity <= 100 &&
           from->generation <= self->index &&
           from->last_assigned <= self->token;
}

covey_err_t
covey_state_load_worker (covey_state_t *self,
                         const Covey__Snapshot__Record *record,
                         covey_errbuf_t *err)
{
    const Covey__Snapshot__Worker *from = record->worker;
    covey_worker_t *worker =
        s_is_good (self, from) ? covey_registry_add (&self->registry, from->id)
                               : NULL;
    if (!worker)
        return covey_fail (err, COVEY_CORRUPT,
                           "the snapshot is damaged: agent %.140s", from->id);
    worker->type = covey_str_dup (from->type);
    worker->name = covey_str_dup (from->name);
    worker->node_name = covey_str_dup (from->node_name);
    covey_texts_sort (&worker->capabilities, from->capabilities,
                      from->n_capabilities);
    covey_texts_copy (&worker->tags, from->tags, from->n_tags);
    memcpy (worker->node_id, from->node_id.data, sizeof worker->node_id);
    memcpy (worker->session_id, from->session_id.data,
            sizeof worker->session_id);
    worker->generation = from->generation;
    worker->state = (covey_worker_state_t)from->state;
    worker->since_us = from->since;
    worker->slots = from->slots;
    worker->capacity = from->capacity;
    worker->last_assigned = from->last_assigned;
    worker->up = worker->state < COVEY_WORKER_LOST;
    if (!worker->up) {
        covey_tree_insert (&self->registry.down, worker);
        return COVEY_OK;
    }
    self->registry.up_count++;
    covey_scheduler_enter (&self->scheduler, worker);
    return COVEY_OK;
}
