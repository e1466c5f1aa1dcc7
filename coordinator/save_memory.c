/*  Saved: the shared memory, keys with their versions and tombstones.        */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/save.h"
#include "coordinator/state_impl.h"

/* ---- writing ----------------------------------------------------------------
 */

static void
s_fill (const covey_memory_version_t *v, Covey__Snapshot__Blob *blob,
        Covey__Snapshot__MemoryVersion *to)
{
    covey__snapshot__memory_version__init (to);
    covey__snapshot__blob__init (blob);
    blob->content = (uint32_t)v->content;
    blob->data = (ProtobufCBinaryData){v->size, v->data};
    to->revision = v->revision;
    to->previous = v->previous;
    to->kind = v->kind;
    to->value = v->kind == COVEY_MEMORY_IS_STORED ? blob : NULL;
    to->access = v->access;
    to->owner = v->owner;
    to->n_tags = v->tags.count;
    to->tags = v->tags.items;
    to->n_left = v->left.count;
    to->left = v->left.items;
    to->expires = v->expires_us;
    to->at = v->at_us;
    to->author = v->author;
    to->correlation = v->correlation;
    to->has_cause = v->has_cause;
    to->cause =
        (ProtobufCBinaryData){sizeof v->cause, (uint8_t *)(uintptr_t)v->cause};
}

static void
s_put (const covey_memory_entry_t *entry, covey_saver_t *to)
{
    Covey__Snapshot__MemoryVersion versions[COVEY_MEMORY_HISTORY_MAX];
    Covey__Snapshot__MemoryVersion *list[COVEY_MEMORY_HISTORY_MAX];
    Covey__Snapshot__Blob blobs[COVEY_MEMORY_HISTORY_MAX];
    Covey__Snapshot__Memory message = COVEY__SNAPSHOT__MEMORY__INIT;
    Covey__Snapshot__Timer timer;
    message.key = (char *)entry->key;
    message.history = entry->history;
    message.created = entry->created_us;
    message.versions = list;
    for (const covey_memory_version_t *v = entry->oldest; v; v = v->newer) {
        size_t i = message.n_versions++;
        s_fill (v, &blobs[i], &versions[i]);
        list[i] = &versions[i];
    }
    message.timer = covey_save_timer (&entry->timer, &timer);
    Covey__Snapshot__Record record = COVEY__SNAPSHOT__RECORD__INIT;
    record.kind_case = COVEY__SNAPSHOT__RECORD__KIND_MEMORY;
    record.memory = &message;
    covey_saver_put (to, &record);
}

void
covey_state_save_memory (const covey_state_t *self, covey_saver_t *to)
{
    const covey_index_t *entries = &self->memory.entries;
    for (const covey_memory_entry_t *e = covey_index_first (entries); e;
         e = covey_index_next (entries, e))
        s_put (e, to);
    const covey_tree_t *ended = &self->memory.ended;
    for (const covey_memory_entry_t *e = covey_tree_first (ended); e;
         e = covey_tree_next (ended, e))
        s_put (e, to);
}

/* ---- reading ----------------------------------------------------------------
 */

static bool
s_is_good (const covey_state_t *self, const Covey__Snapshot__MemoryVersion *v)
{
    bool is_stored = v->kind == COVEY_MEMORY_IS_STORED;
    return v->kind <= COVEY_MEMORY_IS_EXPIRED &&
           is_stored == (v->value != NULL) && v->access <= COVEY_ACCESS_ADMIN &&
           v->revision <= self->memory.revision &&
           (is_stored || (!v->n_tags && !v->expires)) &&
           covey_save_is_time (v->expires) && covey_save_is_time (v->at) &&
           (!v->has_cause || v->cause.len == 16);
}

static covey_memory_entry_t *
s_restore (covey_state_t *self, const Covey__Snapshot__Memory *from,
           const Covey__Snapshot__MemoryVersion *v)
{
    covey_memory_write_t write = {
        .kind = (covey_memory_kind_t)v->kind,
        .access = (covey_access_t)v->access,
        .owner = v->owner,
        .tags = v->tags,
        .tag_count = v->n_tags,
        .history = from->history,
        .expires_us = v->expires,
        .at_us = v->at,
        .author = v->author,
        .correlation = v->correlation,
        .cause = v->has_cause ? v->cause.data : NULL,
    };
    if (v->value) {
        write.content = (int)v->value->content;
        write.data = v->value->data.data;
        write.size = v->value->data.len;
    }
    const covey_memory_version_t *version =
        covey_memory_restore (&self->memory, from->key, &write, v->revision,
                              v->previous, v->left, v->n_left);
    return version ? version->entry : NULL;
}

static bool
s_load (covey_state_t *self, const Covey__Snapshot__Memory *from)
{
    bool good = from->history > 0 &&
                from->history <= COVEY_MEMORY_HISTORY_MAX &&
                from->n_versions > 0 && from->n_versions <= from->history &&
                covey_save_is_time (from->created) &&
                !covey_memory_find_any (&self->memory, from->key);
    covey_memory_entry_t *entry = NULL;
    for (size_t i = 0; i < from->n_versions && good; i++) {
        good = s_is_good (self, from->versions[i]);
        entry = good ? s_restore (self, from, from->versions[i]) : NULL;
        good = entry != NULL;
    }
    if (!good)
        return false;
    entry->created_us = from->created;
    bool ends = entry->latest->expires_us != 0;
    if (!from->timer)
        return !ends;
    return ends && from->timer->kind == COVEY_TIMER_MEMORY &&
           covey_load_timer (&self->timers, &entry->timer, from->timer);
}

covey_err_t
covey_state_load_memory (covey_state_t *self,
                         const Covey__Snapshot__Record *record,
                         covey_errbuf_t *err)
{
    const Covey__Snapshot__Memory *from = record->memory;
    return s_load (self, from)
               ? COVEY_OK
               : covey_fail (err, COVEY_CORRUPT,
                             "the snapshot is damaged: key %.140s of the "
                             "shared memory",
                             from->key);
}
