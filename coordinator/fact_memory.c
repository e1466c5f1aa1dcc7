/*  What is told of the shared memory. The source of an event is who did it.  */
#include "coordinator/fact_impl.h"

/*  The correlation id of the request at hand, if there is one.              */
static const char *
s_correlation (const covey_state_t *state)
{
    return state->command ? state->command->correlation_id : NULL;
}

/*  What every one of them says of a version. The tags are the envelope's as
    well, so that subscriptions can choose by them.                           */
static void
s_describe (covey_event_t *event, const covey_memory_version_t *version)
{
    covey_fact_put_str (event, "accessLevel",
                        covey_access_name (version->access));
    if (version->expires_us)
        covey_fact_put_int (event, "expiresAt", version->expires_us);
    for (size_t i = 0; i < version->tags.count; i++) {
        covey_fact_add_str (event, "tags", version->tags.items[i]);
        covey_fact_add_tag (event, version->tags.items[i]);
    }
}

void
covey_fact_stored (covey_state_t *state, const covey_memory_version_t *version)
{
    covey_event_t *event =
        covey_fact_begin (state, COVEY_EVENT_MEMORY_STORED, version->author,
                          s_correlation (state));
    if (!event)
        return;
    covey_fact_put_str (event, "memoryKey", version->entry->key);
    covey_fact_put_int (event, "revision", (int64_t)version->revision);
    covey_fact_put_int (event, "size", (int64_t)version->size);
    s_describe (event, version);
}

void
covey_fact_deleted (covey_state_t *state, const char *key,
                    const covey_memory_version_t *version)
{
    bool expired = version->kind == COVEY_MEMORY_IS_EXPIRED;
    covey_event_t *event =
        covey_fact_begin (state, COVEY_EVENT_MEMORY_DELETED, version->author,
                          s_correlation (state));
    if (!event)
        return;
    covey_fact_put_str (event, "memoryKey", key);
    covey_fact_put_int (event, "revision", (int64_t)version->revision);
    covey_fact_put_str (event, "reason", expired ? "expired" : "deleted");
    for (size_t i = 0; i < version->left.count; i++)
        covey_fact_add_tag (event, version->left.items[i]);
}

void
covey_fact_shared (covey_state_t *state, const covey_memory_version_t *version,
                   const char *sharer, char *const *targets,
                   size_t target_count)
{
    covey_event_t *event = covey_fact_begin (state, COVEY_EVENT_MEMORY_SHARED,
                                             sharer, s_correlation (state));
    if (!event)
        return;
    covey_fact_put_str (event, "memoryKey", version->entry->key);
    covey_fact_put_payload (event, "value", version->content, version->data,
                            version->size);
    covey_fact_put_int (event, "revision", (int64_t)version->revision);
    s_describe (event, version);
    for (size_t i = 0; i < target_count; i++)
        covey_fact_add_target (event, targets[i]);
}

void
covey_fact_retrieved (covey_state_t *state,
                      const covey_memory_version_t *version, const char *reader)
{
    covey_event_t *event = covey_fact_begin (
        state, COVEY_EVENT_MEMORY_RETRIEVED, reader, s_correlation (state));
    if (!event)
        return;
    covey_fact_put_str (event, "memoryKey", version->entry->key);
    covey_fact_put_int (event, "revision", (int64_t)version->revision);
    covey_fact_put_str (event, "agentId", reader);
}
