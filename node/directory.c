#include "node/directory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/mem.h"
#include "proto/event.h"
#include "proto/peek.h"

#define SERVICE_KEY_MAX (COVEY_NAME_MAX + 16)

/*  Services are keyed by name and node.                                     */
typedef struct {
    covey_directory_entry_t entry;
    uint8_t *key; /* NULL: an agent, its id is the key                        */
    size_t key_size;
} directory_record_t;

/*  Of one node.                                                             */
typedef struct {
    uint8_t node_id[16];
    bool known;
    uint64_t digest;
} directory_digest_t;

struct covey_directory {
    covey_table_t agents;   /* id -> record                                   */
    covey_table_t services; /* name + node id -> record                       */
    covey_table_t digests;  /* node id -> directory_digest_t                  */
    size_t listed;          /* agents that are not clients                    */
    uint64_t version;
    uint64_t revision;
};

covey_directory_t *
covey_directory_new (void)
{
    covey_directory_t *self = covey_mem_new (sizeof *self);
    covey_table_init (&self->agents);
    covey_table_init (&self->services);
    covey_table_init (&self->digests);
    return self;
}

static void
s_free_list (char ***list_p, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free ((*list_p)[i]);
    free (*list_p);
    *list_p = NULL;
}

static void
s_clear (covey_directory_entry_t *entry)
{
    free (entry->id);
    free (entry->type);
    free (entry->name);
    free (entry->service);
    s_free_list (&entry->capabilities, entry->capability_count);
    s_free_list (&entry->tags, entry->tag_count);
}

static void
s_free_record (directory_record_t **record_p)
{
    s_clear (&(*record_p)->entry);
    free ((*record_p)->key);
    free (*record_p);
    *record_p = NULL;
}

static void
s_free_table (covey_table_t *table)
{
    size_t cursor = 0;
    directory_record_t *record;
    while ((record = covey_table_next (table, &cursor)))
        s_free_record (&record);
    covey_table_deinit (table);
}

void
covey_directory_destroy (covey_directory_t **self_p)
{
    covey_directory_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    s_free_table (&self->agents);
    s_free_table (&self->services);
    size_t cursor = 0;
    directory_digest_t *digest;
    while ((digest = covey_table_next (&self->digests, &cursor)))
        free (digest);
    covey_table_deinit (&self->digests);
    free (self);
}

bool
covey_directory_is_service (const char *id, size_t size)
{
    covey_slice_t slice = {.text = id, .size = size};
    return covey_slice_equal (slice, COVEY_SERVICE_COORDINATOR) ||
           covey_slice_equal (slice, COVEY_SERVICE_PERSISTER);
}

static size_t
s_service_key (uint8_t key[SERVICE_KEY_MAX], const char *name, size_t size,
               const uint8_t node_id[16])
{
    if (size > COVEY_NAME_MAX)
        size = COVEY_NAME_MAX;
    memcpy (key, name, size);
    memcpy (key + size, node_id, 16);
    return size + 16;
}

static const char *
s_text (const char *text)
{
    return text ? text : "";
}

static char **
s_dup_list (char **list, size_t count)
{
    char **copy = covey_mem_new (count * sizeof *copy);
    for (size_t i = 0; i < count; i++)
        copy[i] = covey_str_dup (list[i]);
    return copy;
}

static void
s_fill (covey_directory_entry_t *entry, const Covey__Wire__AgentInfo *info)
{
    *entry = (covey_directory_entry_t){
        .id = covey_str_dup (info->agent_id),
        .type = covey_str_dup (s_text (info->type)),
        .name = covey_str_dup (s_text (info->name)),
        .service = covey_str_dup (s_text (info->service)),
        .capabilities = s_dup_list (info->capabilities, info->n_capabilities),
        .capability_count = info->n_capabilities,
        .tags = s_dup_list (info->tags, info->n_tags),
        .tag_count = info->n_tags,
        .state = info->state,
        .since_us = info->since,
        .attached_us = info->attached_us,
        .task_slots = info->task_slots,
        .available_capacity = info->available_capacity,
        .current_tasks = info->current_tasks,
        .rank = info->rank,
        .client = info->client,
        .active_us = info->last_active,
        .silent_us = info->silent_since,
        .grace_ms = info->grace_ms,
    };
    memcpy (entry->node_id, info->node_id.data, 16);
    if (info->session_id.len == 16)
        memcpy (entry->session_id, info->session_id.data, 16);
}

/*  Does what is known of an agent outweigh what this node says?             */
static bool
s_is_newer (const covey_directory_entry_t *known,
            const Covey__Wire__AgentInfo *info)
{
    int order = memcmp (known->node_id, info->node_id.data, 16);
    if (order == 0)
        return false;
    if (known->attached_us != info->attached_us)
        return known->attached_us > info->attached_us;
    return order > 0;
}

static bool
s_is_listed (const covey_directory_entry_t *entry)
{
    return !entry->client && !*entry->service;
}

covey_err_t
covey_directory_put (covey_directory_t *self,
                     const Covey__Wire__AgentInfo *info,
                     covey_directory_entry_t **entry_p)
{
    if (!info->has_node_id || info->node_id.len != 16 ||
        !covey_str_is_agent_id (info->agent_id, strlen (info->agent_id)))
        return COVEY_INVALID;
    bool service = info->service && *info->service;
    uint8_t key[SERVICE_KEY_MAX];
    size_t key_size = 0;
    covey_table_t *table = &self->agents;
    directory_record_t *record;
    if (service) {
        table = &self->services;
        key_size = s_service_key (key, info->service, strlen (info->service),
                                  info->node_id.data);
        record = covey_table_get (table, key, key_size);
    } else {
        record =
            covey_table_get (table, info->agent_id, strlen (info->agent_id));
        if (record && s_is_newer (&record->entry, info))
            return COVEY_EXISTS;
    }
    bool moved = !record ||
                 memcmp (record->entry.node_id, info->node_id.data, 16) != 0 ||
                 record->entry.rank != info->rank;
    if (record) {
        covey_directory_touch (self, record->entry.node_id);
        covey_table_remove (
            table, record->key ? (void *)record->key : record->entry.id,
            record->key ? record->key_size : strlen (record->entry.id));
        self->listed -= s_is_listed (&record->entry);
        s_clear (&record->entry);
    } else {
        record = covey_mem_new (sizeof *record);
        record->key = service ? covey_mem_dup (key, key_size) : NULL;
        record->key_size = key_size;
    }
    s_fill (&record->entry, info);
    covey_table_put (table, service ? (void *)record->key : record->entry.id,
                     service ? key_size : strlen (record->entry.id), record);
    self->listed += s_is_listed (&record->entry);
    covey_directory_touch (self, record->entry.node_id);
    self->version += moved;
    self->revision++;
    if (entry_p)
        *entry_p = &record->entry;
    return COVEY_OK;
}

static void
s_remove (covey_directory_t *self, covey_table_t *table, const void *key,
          size_t size)
{
    directory_record_t *record = covey_table_remove (table, key, size);
    self->listed -= s_is_listed (&record->entry);
    self->version++;
    self->revision++;
    covey_directory_touch (self, record->entry.node_id);
    s_free_record (&record);
}

bool
covey_directory_remove (covey_directory_t *self, const char *id, size_t size,
                        const uint8_t node_id[16])
{
    uint8_t key[SERVICE_KEY_MAX];
    size_t key_size = s_service_key (key, id, size, node_id);
    if (covey_table_get (&self->services, key, key_size)) {
        s_remove (self, &self->services, key, key_size);
        return true;
    }
    directory_record_t *record = covey_table_get (&self->agents, id, size);
    if (!record || memcmp (record->entry.node_id, node_id, 16) != 0)
        return false;
    s_remove (self, &self->agents, id, size);
    return true;
}

/*  All of a node, or only the stale ones.                                   */
static size_t
s_remove_node (covey_directory_t *self, covey_table_t *table,
               const uint8_t node_id[16], bool stale, covey_directory_fn *fn,
               void *arg)
{
    /* Removing moves slots: collect first. */
    directory_record_t **found = covey_mem_new (table->count * sizeof (void *));
    size_t count = 0, cursor = 0;
    directory_record_t *record;
    while ((record = covey_table_next (table, &cursor)))
        if (memcmp (record->entry.node_id, node_id, 16) == 0 &&
            (!stale || record->entry.stale))
            found[count++] = record;
    for (size_t i = 0; i < count; i++) {
        record = found[i];
        if (fn)
            fn (arg, &record->entry);
        if (record->key)
            s_remove (self, table, record->key, record->key_size);
        else
            s_remove (self, table, record->entry.id, strlen (record->entry.id));
    }
    free (found);
    return count;
}

size_t
covey_directory_remove_node (covey_directory_t *self, const uint8_t node_id[16],
                             covey_directory_fn *fn, void *arg)
{
    return s_remove_node (self, &self->agents, node_id, false, fn, arg) +
           s_remove_node (self, &self->services, node_id, false, fn, arg);
}

static void
s_mark_stale (covey_table_t *table, const uint8_t node_id[16])
{
    size_t cursor = 0;
    directory_record_t *record;
    while ((record = covey_table_next (table, &cursor)))
        if (memcmp (record->entry.node_id, node_id, 16) == 0)
            record->entry.stale = true;
}

void
covey_directory_begin (covey_directory_t *self, const uint8_t node_id[16])
{
    s_mark_stale (&self->agents, node_id);
    s_mark_stale (&self->services, node_id);
}

size_t
covey_directory_end (covey_directory_t *self, const uint8_t node_id[16],
                     covey_directory_fn *fn, void *arg)
{
    return s_remove_node (self, &self->agents, node_id, true, fn, arg) +
           s_remove_node (self, &self->services, node_id, true, fn, arg);
}

/* ------------------------------------------------------------------------ */
/*  Digests                                                                  */

static directory_digest_t *
s_digest (covey_directory_t *self, const uint8_t node_id[16])
{
    directory_digest_t *digest = covey_table_get (&self->digests, node_id, 16);
    if (!digest) {
        digest = covey_mem_new (sizeof *digest);
        memcpy (digest->node_id, node_id, 16);
        covey_table_put (&self->digests, digest->node_id, 16, digest);
    }
    return digest;
}

static uint8_t *
s_put_u64 (uint8_t *to, uint64_t value)
{
    for (unsigned i = 0; i < 8; i++)
        *to++ = (uint8_t)(value >> (8 * i));
    return to;
}

/*  What a session does not change is not in it: a new one has another id.   */
static uint64_t
s_hash (const covey_directory_entry_t *entry)
{
    uint8_t bytes[COVEY_AGENT_ID_MAX + 1 + 16 + 8 + 1 + 8];
    size_t size = strlen (entry->id) + 1;
    assert (size <= COVEY_AGENT_ID_MAX + 1);
    memcpy (bytes, entry->id, size);
    uint8_t *to = bytes + size;
    memcpy (to, entry->session_id, 16);
    to = s_put_u64 (to + 16, (uint64_t)entry->attached_us);
    *to++ = (uint8_t)entry->state;
    to = s_put_u64 (to, (uint64_t)entry->since_us);
    return covey_str_hash (bytes, (size_t)(to - bytes));
}

static uint64_t
s_sum (const covey_table_t *table, const uint8_t node_id[16])
{
    uint64_t sum = 0;
    size_t cursor = 0;
    const directory_record_t *record;
    while ((record = covey_table_next (table, &cursor)))
        if (memcmp (record->entry.node_id, node_id, 16) == 0)
            sum += s_hash (&record->entry);
    return sum;
}

uint64_t
covey_directory_digest (covey_directory_t *self, const uint8_t node_id[16])
{
    directory_digest_t *digest = s_digest (self, node_id);
    if (!digest->known) {
        digest->digest =
            s_sum (&self->agents, node_id) + s_sum (&self->services, node_id);
        digest->known = true;
    }
    return digest->digest;
}

void
covey_directory_touch (covey_directory_t *self, const uint8_t node_id[16])
{
    directory_digest_t *digest = covey_table_get (&self->digests, node_id, 16);
    if (digest)
        digest->known = false;
}

/* ------------------------------------------------------------------------ */

static covey_directory_entry_t *
s_find_service (const covey_directory_t *self, const char *name, size_t size)
{
    covey_directory_entry_t *best = NULL;
    size_t cursor = 0;
    directory_record_t *record;
    while ((record = covey_table_next (&self->services, &cursor))) {
        covey_directory_entry_t *entry = &record->entry;
        if (strlen (entry->service) != size ||
            memcmp (entry->service, name, size) != 0)
            continue;
        if (!best || entry->rank > best->rank ||
            (entry->rank == best->rank &&
             memcmp (entry->node_id, best->node_id, 16) < 0))
            best = entry;
    }
    return best;
}

covey_directory_entry_t *
covey_directory_find (const covey_directory_t *self, const char *id,
                      size_t size)
{
    directory_record_t *record = covey_table_get (&self->agents, id, size);
    if (record)
        return &record->entry;
    return self->services.count ? s_find_service (self, id, size) : NULL;
}

covey_directory_entry_t *
covey_directory_service_on (const covey_directory_t *self, const char *name,
                            const uint8_t node_id[16])
{
    uint8_t key[SERVICE_KEY_MAX];
    size_t size = s_service_key (key, name, strlen (name), node_id);
    directory_record_t *record = covey_table_get (&self->services, key, size);
    return record ? &record->entry : NULL;
}

void
covey_directory_each (const covey_directory_t *self, covey_directory_fn *fn,
                      void *arg)
{
    size_t cursor = 0;
    directory_record_t *record;
    while ((record = covey_table_next (&self->agents, &cursor)))
        fn (arg, &record->entry);
    cursor = 0;
    while ((record = covey_table_next (&self->services, &cursor)))
        fn (arg, &record->entry);
}

size_t
covey_directory_agents (const covey_directory_t *self, const uint8_t *node_id)
{
    if (!node_id)
        return self->listed;
    size_t count = 0, cursor = 0;
    directory_record_t *record;
    while ((record = covey_table_next (&self->agents, &cursor)))
        count += s_is_listed (&record->entry) &&
                 memcmp (record->entry.node_id, node_id, 16) == 0;
    return count;
}

uint64_t
covey_directory_version (const covey_directory_t *self)
{
    return self->version;
}

uint64_t
covey_directory_revision (const covey_directory_t *self)
{
    return self->revision;
}

void
covey_directory_set_clock (covey_directory_t *self,
                           const Covey__Wire__AgentClock *clock,
                           const uint8_t node_id[16])
{
    directory_record_t *record = covey_table_get (
        &self->agents, clock->agent_id, strlen (clock->agent_id));
    if (!record || memcmp (record->entry.node_id, node_id, 16) != 0)
        return;
    record->entry.active_us = clock->last_active;
    record->entry.silent_us = clock->silent_since;
}

bool
covey_directory_set_rank (covey_directory_t *self, const char *name,
                          const uint8_t node_id[16], uint64_t rank,
                          int64_t now_us)
{
    covey_directory_entry_t *entry =
        covey_directory_service_on (self, name, node_id);
    if (!entry || entry->rank == rank)
        return false;
    entry->rank = rank;
    /* It is in the digest, so that a peer which missed this gets it again.   */
    entry->since_us = now_us > entry->since_us ? now_us : entry->since_us + 1;
    covey_directory_touch (self, node_id);
    self->version++;
    self->revision++;
    return true;
}

void
covey_directory_info (const covey_directory_entry_t *entry,
                      Covey__Wire__AgentInfo *info)
{
    covey__wire__agent_info__init (info);
    info->agent_id = entry->id;
    info->type = entry->type;
    info->name = entry->name;
    info->service = *entry->service ? entry->service : NULL;
    info->capabilities = entry->capabilities;
    info->n_capabilities = entry->capability_count;
    info->tags = entry->tags;
    info->n_tags = entry->tag_count;
    info->has_state = true;
    info->state = entry->state;
    info->has_since = true;
    info->since = entry->since_us;
    info->has_attached_us = true;
    info->attached_us = entry->attached_us;
    info->has_node_id = info->has_session_id = true;
    info->node_id.data = (uint8_t *)entry->node_id;
    info->node_id.len = 16;
    info->session_id.data = (uint8_t *)entry->session_id;
    info->session_id.len = 16;
    info->has_task_slots = true;
    info->task_slots = entry->task_slots;
    info->has_available_capacity = true;
    info->available_capacity = entry->available_capacity;
    info->has_current_tasks = true;
    info->current_tasks = entry->current_tasks;
    info->has_last_active = info->has_silent_since = true;
    info->last_active = entry->active_us;
    info->silent_since = entry->silent_us;
    info->has_grace_ms = true;
    info->grace_ms = entry->grace_ms;
    info->has_client = true;
    info->client = entry->client;
    info->has_rank = entry->rank != 0;
    info->rank = entry->rank;
}
