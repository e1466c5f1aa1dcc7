/*  Parameters of the shared memory's methods against their bounds.           */
#include "coordinator/check_impl.h"
#include "coordinator/memory.h"

static void
s_tags (covey_check_t *c, char *const *tags, size_t count)
{
    if (!c->code && count > COVEY_MEMORY_TAGS_MAX)
        c->code = covey_fail (c->err, COVEY_LIMIT,
                              "tags has %zu entries, at most %d are allowed",
                              count, COVEY_MEMORY_TAGS_MAX);
    covey_check_names (c, "tags", tags, count);
}

static void
s_level (covey_check_t *c, bool has, int level)
{
    if (has)
        covey_check_range (c, "accessLevel", level, COVEY_ACCESS_READ,
                           COVEY_ACCESS_ADMIN);
}

covey_err_t
covey_check_memory_put (const ProtobufCMessage *params, covey_errbuf_t *err)
{
    const Covey__Control__MemoryPut *p =
        (const Covey__Control__MemoryPut *)params;
    covey_check_t c = {COVEY_OK, err};
    covey_check_name (&c, "key", p->key);
    covey_check_payload (&c, "value", p->value);
    s_level (&c, p->has_access_level, (int)p->access_level);
    if (p->has_ttl)
        covey_check_range (&c, "ttl", p->ttl, 1, COVEY_MEMORY_TTL_MAX_MS);
    s_tags (&c, p->tags, p->n_tags);
    if (p->has_history)
        covey_check_range (&c, "history", p->history, 1,
                           COVEY_MEMORY_HISTORY_MAX);
    covey_check_agent (&c, "agentId", p->agent_id);
    return c.code;
}

covey_err_t
covey_check_memory_ref (const ProtobufCMessage *params, covey_errbuf_t *err)
{
    const Covey__Control__MemoryRef *p =
        (const Covey__Control__MemoryRef *)params;
    covey_check_t c = {COVEY_OK, err};
    covey_check_name (&c, "key", p->key);
    covey_check_agent (&c, "agentId", p->agent_id);
    return c.code;
}

covey_err_t
covey_check_memory_incr (const ProtobufCMessage *params, covey_errbuf_t *err)
{
    const Covey__Control__MemoryIncr *p =
        (const Covey__Control__MemoryIncr *)params;
    covey_check_t c = {COVEY_OK, err};
    covey_check_name (&c, "key", p->key);
    if (p->has_min && p->has_max)
        covey_check_range (&c, "min", p->min, INT64_MIN, p->max);
    s_level (&c, p->has_access_level, (int)p->access_level);
    if (p->has_ttl)
        covey_check_range (&c, "ttl", p->ttl, 1, COVEY_MEMORY_TTL_MAX_MS);
    s_tags (&c, p->tags, p->n_tags);
    covey_check_agent (&c, "agentId", p->agent_id);
    return c.code;
}

covey_err_t
covey_check_memory_share (const ProtobufCMessage *params, covey_errbuf_t *err)
{
    const Covey__Control__MemoryShare *p =
        (const Covey__Control__MemoryShare *)params;
    covey_check_t c = {COVEY_OK, err};
    covey_check_name (&c, "key", p->key);
    if (p->n_targets > COVEY_LIST_MAX)
        return covey_fail (err, COVEY_LIMIT,
                           "targets has %zu entries, at most %d are allowed",
                           p->n_targets, COVEY_LIST_MAX);
    for (size_t i = 0; i < p->n_targets; i++)
        covey_check_agent (&c, "targets", p->targets[i]);
    s_level (&c, p->has_access_level, (int)p->access_level);
    covey_check_agent (&c, "owner", p->owner);
    covey_check_agent (&c, "agentId", p->agent_id);
    return c.code;
}

covey_err_t
covey_check_memory_get (const ProtobufCMessage *params, covey_errbuf_t *err)
{
    const Covey__Control__MemoryGet *p =
        (const Covey__Control__MemoryGet *)params;
    covey_check_t c = {COVEY_OK, err};
    covey_check_name (&c, "key", p->key);
    return c.code;
}

covey_err_t
covey_check_memory_history (const ProtobufCMessage *params, covey_errbuf_t *err)
{
    const Covey__Control__MemoryHistory *p =
        (const Covey__Control__MemoryHistory *)params;
    covey_check_t c = {COVEY_OK, err};
    covey_check_name (&c, "key", p->key);
    return c.code;
}

covey_err_t
covey_check_memory_query (const ProtobufCMessage *params, covey_errbuf_t *err)
{
    const Covey__Control__MemoryQuery *p =
        (const Covey__Control__MemoryQuery *)params;
    covey_check_t c = {COVEY_OK, err};
    covey_check_text (&c, "prefix", p->prefix, COVEY_NAME_MAX);
    covey_check_name (&c, "tag", p->tag);
    covey_check_text (&c, "after", p->after, COVEY_NAME_MAX);
    return c.code;
}

covey_err_t
covey_check_memory_follow (const ProtobufCMessage *params, covey_errbuf_t *err)
{
    const Covey__Control__MemoryFollow *p =
        (const Covey__Control__MemoryFollow *)params;
    covey_check_t c = {COVEY_OK, err};
    covey_check_text (&c, "prefix", p->prefix, COVEY_NAME_MAX);
    covey_check_name (&c, "tag", p->tag);
    return c.code;
}
