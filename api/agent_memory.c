/*  agent_memory - writing and reading the shared memory                      */

#include "api/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "proto/json.h"

#define PAGE_ROWS 500

struct covey_memory_value {
    Covey__Control__MemoryView *view;
    covey_i_memory_t memory;
};

/* ------------------------------------------------------------------------ */
/*  Versions                                                                  */

static const char *const s_levels[] = {"read", "write", "admin"};

static const char *
s_level_name (const Covey__Control__MemoryView *view)
{
    unsigned level = (unsigned)view->access_level;
    return view->has_access_level && level < 3 ? s_levels[level] : "";
}

void
covey_i_memory_init (covey_i_memory_t *self,
                     const Covey__Control__MemoryView *view)
{
    const Covey__V1__Payload *value = view->value;
    memset (self, 0, sizeof *self);
    if (value)
        self->value = covey_mem_dup (value->data.data, value->data.len);
    self->info = (covey_memory_info_t){
        .key = view->key,
        .revision = view->revision,
        .previous = view->previous,
        .content = value && value->has_content_type
                       ? (covey_content_t)value->content_type
                       : COVEY_CONTENT_TEXT,
        .value = self->value,
        .size = value ? value->data.len : (size_t)view->size,
        .access_level = s_level_name (view),
        .owner = view->owner ? view->owner : "",
        .author = view->author ? view->author : "",
        .tags = (const char *const *)view->tags,
        .tag_count = view->n_tags,
        .expires_us = view->has_expires_at ? view->expires_at : 0,
        .written_us = view->written_at,
        .correlation_id = view->correlation_id ? view->correlation_id : "",
        .causation_id = view->has_causation_id && view->causation_id.len == 16
                            ? view->causation_id.data
                            : NULL,
        .age_ms = view->has_age ? view->age : 0,
    };
    if (view->has_reason)
        self->info.reason =
            view->reason == COVEY__V1__MEMORY_END__MEMORY_END_EXPIRED
                ? "expired"
                : "deleted";
}

void
covey_i_memory_deinit (covey_i_memory_t *self)
{
    free (self->value);
    memset (self, 0, sizeof *self);
}

covey_err_t
covey_i_memory_ask (covey_agent_t *agent, const char *method,
                    const ProtobufCMessage *params,
                    const ProtobufCMessageDescriptor *answer, int timeout_ms,
                    ProtobufCMessage **answer_p)
{
    char *json = NULL;
    covey_errbuf_t why;
    covey_call_t call = {.target = COVEY_SERVICE_COORDINATOR, .method = method};
    covey_err_t rc = covey_i_control (agent, &call, params, timeout_ms, &json);
    if (rc)
        return rc;
    if (covey_json_read (answer, json, strlen (json), answer_p, &why))
        rc =
            covey_fail (covey_errbuf (), COVEY_VERSION,
                        "the coordinator's answer to %s: %s", method, why.text);
    free (json);
    return rc;
}

/*  Ask for one version; what the caller does not want is freed.             */
static covey_err_t
s_ask_view (covey_agent_t *self, const char *method,
            const ProtobufCMessage *params, int timeout_ms,
            Covey__Control__MemoryView **view_p)
{
    ProtobufCMessage *answer = NULL;
    covey_err_t rc = covey_i_memory_ask (
        self, method, params, &covey__control__memory_view__descriptor,
        timeout_ms, &answer);
    if (!rc)
        *view_p = (Covey__Control__MemoryView *)answer;
    return rc;
}

static void
s_free_view (Covey__Control__MemoryView *view)
{
    protobuf_c_message_free_unpacked (&view->base, NULL);
}

/* ------------------------------------------------------------------------ */
/*  Writing                                                                   */

/*  A level by its name; -1: none, and what is allowed.                      */
static int
s_level (const char *name)
{
    for (int i = 0; i < 3; i++)
        if (strcmp (name, s_levels[i]) == 0)
            return i;
    covey_fail (covey_errbuf (), COVEY_INVALID,
                "access level \"%.40s\": must be read, write or admin", name);
    return -1;
}

/*  The options that all writes have, by the places where they go.           */
static covey_err_t
s_fill (const covey_memory_options_t *options, protobuf_c_boolean *has_level,
        Covey__V1__AccessLevel *level, protobuf_c_boolean *has_ttl,
        int64_t *ttl)
{
    if (options->access_level) {
        int number = s_level (options->access_level);
        if (number < 0)
            return COVEY_INVALID;
        *has_level = true;
        *level = (Covey__V1__AccessLevel)number;
    }
    *has_ttl = options->ttl_ms != 0;
    *ttl = options->ttl_ms;
    return COVEY_OK;
}

covey_err_t
covey_memory_put (covey_agent_t *self, const char *key, covey_content_t content,
                  const void *value, size_t size,
                  const covey_memory_options_t *options, int timeout_ms,
                  uint64_t *revision_p)
{
    assert (self && key && (value || !size));
    static const covey_memory_options_t none = {0};
    options = options ? options : &none;
    Covey__Control__MemoryPut put = COVEY__CONTROL__MEMORY_PUT__INIT;
    Covey__V1__Payload payload = COVEY__V1__PAYLOAD__INIT;
    Covey__Control__MemoryView *view = NULL;
    payload.has_content_type = payload.has_data = true;
    payload.content_type = (Covey__V1__ContentType)content;
    payload.data = (ProtobufCBinaryData){size, (uint8_t *)(uintptr_t)value};
    put.key = (char *)(uintptr_t)key;
    put.value = &payload;
    put.has_expected_revision = options->create || options->expected;
    put.expected_revision = options->create ? 0 : options->expected;
    put.tags = (char **)(uintptr_t)options->tags;
    put.n_tags = options->tag_count;
    put.has_history = options->history != 0;
    put.history = (uint32_t)options->history;
    put.agent_id = (char *)(uintptr_t)options->agent_id;
    covey_err_t rc = s_fill (options, &put.has_access_level, &put.access_level,
                             &put.has_ttl, &put.ttl);
    if (!rc)
        rc = s_ask_view (self, "memory.put", &put.base, timeout_ms, &view);
    if (rc)
        return rc;
    if (revision_p)
        *revision_p = view->revision;
    s_free_view (view);
    return COVEY_OK;
}

covey_err_t
covey_memory_incr (covey_agent_t *self, const char *key, int64_t by,
                   int64_t min, int64_t max,
                   const covey_memory_options_t *options, int timeout_ms,
                   int64_t *value_p)
{
    assert (self && key);
    static const covey_memory_options_t none = {0};
    options = options ? options : &none;
    Covey__Control__MemoryIncr incr = COVEY__CONTROL__MEMORY_INCR__INIT;
    Covey__Control__MemoryView *view = NULL;
    incr.key = (char *)(uintptr_t)key;
    incr.has_by = true;
    incr.by = by;
    incr.has_min = min != INT64_MIN;
    incr.min = min;
    incr.has_max = max != INT64_MAX;
    incr.max = max;
    incr.tags = (char **)(uintptr_t)options->tags;
    incr.n_tags = options->tag_count;
    incr.agent_id = (char *)(uintptr_t)options->agent_id;
    covey_err_t rc = s_fill (options, &incr.has_access_level,
                             &incr.access_level, &incr.has_ttl, &incr.ttl);
    if (!rc)
        rc = s_ask_view (self, "memory.incr", &incr.base, timeout_ms, &view);
    if (rc)
        return rc;
    covey_i_memory_t memory;
    covey_i_memory_init (&memory, view);
    if (!memory.value ||
        !covey_str_to_int (memory.value, INT64_MIN, INT64_MAX, &by))
        rc = covey_fail (covey_errbuf (), COVEY_VERSION,
                         "the coordinator's answer to memory.incr has no sum");
    else if (value_p)
        *value_p = by;
    covey_i_memory_deinit (&memory);
    s_free_view (view);
    return rc;
}

covey_err_t
covey_memory_delete (covey_agent_t *self, const char *key, uint64_t expected,
                     int timeout_ms)
{
    assert (self && key);
    Covey__Control__MemoryRef ref = COVEY__CONTROL__MEMORY_REF__INIT;
    ref.key = (char *)(uintptr_t)key;
    ref.has_expected_revision = expected != 0;
    ref.expected_revision = expected;
    covey_call_t call = {.target = COVEY_SERVICE_COORDINATOR,
                         .method = "memory.delete"};
    return covey_i_control (self, &call, &ref.base, timeout_ms, NULL);
}

covey_err_t
covey_memory_share (covey_agent_t *self, const char *key,
                    const char *const *targets, size_t target_count,
                    const char *access_level, int timeout_ms)
{
    assert (self && key && (targets || !target_count));
    Covey__Control__MemoryShare share = COVEY__CONTROL__MEMORY_SHARE__INIT;
    share.key = (char *)(uintptr_t)key;
    share.targets = (char **)(uintptr_t)targets;
    share.n_targets = target_count;
    if (access_level) {
        int level = s_level (access_level);
        if (level < 0)
            return COVEY_INVALID;
        share.has_access_level = true;
        share.access_level = (Covey__V1__AccessLevel)level;
    }
    covey_call_t call = {.target = COVEY_SERVICE_COORDINATOR,
                         .method = "memory.share"};
    return covey_i_control (self, &call, &share.base, timeout_ms, NULL);
}

/* ------------------------------------------------------------------------ */
/*  Reading                                                                   */

covey_err_t
covey_memory_get (covey_agent_t *self, const char *key, const char *consistency,
                  int timeout_ms, covey_memory_value_t **value_p)
{
    assert (self && key && value_p);
    Covey__Control__MemoryGet get = COVEY__CONTROL__MEMORY_GET__INIT;
    Covey__Control__MemoryView *view = NULL;
    get.key = (char *)(uintptr_t)key;
    get.consistency = (char *)(uintptr_t)consistency;
    covey_err_t rc =
        s_ask_view (self, "memory.get", &get.base, timeout_ms, &view);
    if (rc)
        return rc;
    covey_memory_value_t *value = covey_mem_new (sizeof *value);
    value->view = view;
    covey_i_memory_init (&value->memory, view);
    *value_p = value;
    return COVEY_OK;
}

const covey_memory_info_t *
covey_memory_value_info (const covey_memory_value_t *self)
{
    assert (self);
    return &self->memory.info;
}

void
covey_memory_value_destroy (covey_memory_value_t **self_p)
{
    assert (self_p);
    covey_memory_value_t *self = *self_p;
    if (!self)
        return;
    covey_i_memory_deinit (&self->memory);
    s_free_view (self->view);
    free (self);
    *self_p = NULL;
}

covey_err_t
covey_i_memory_page (covey_agent_t *agent, const covey_memory_query_t *query,
                     const char *after, uint64_t at, int timeout_ms,
                     Covey__Control__MemoryList **list_p)
{
    Covey__Control__MemoryQuery params = COVEY__CONTROL__MEMORY_QUERY__INIT;
    ProtobufCMessage *answer = NULL;
    params.prefix = (char *)(uintptr_t)query->prefix;
    params.tag = (char *)(uintptr_t)query->tag;
    params.after = (char *)(uintptr_t)after;
    params.has_values = true;
    params.values = !query->no_values;
    params.has_limit = true;
    params.limit = PAGE_ROWS;
    params.consistency = (char *)(uintptr_t)query->consistency;
    params.has_at = at != 0;
    params.at = at;
    covey_err_t rc = covey_i_memory_ask (
        agent, "memory.list", &params.base,
        &covey__control__memory_list__descriptor, timeout_ms, &answer);
    if (!rc)
        *list_p = (Covey__Control__MemoryList *)answer;
    return rc;
}

/*  Show up to `*left_p` entries.                                            */
static covey_err_t
s_show (covey_agent_t *self, const Covey__Control__MemoryList *list,
        covey_memory_fn *fn, void *arg, size_t *left_p)
{
    covey_err_t rc = COVEY_OK;
    for (size_t i = 0; i < list->n_entries && *left_p && !rc; i++) {
        covey_i_memory_t memory;
        covey_i_memory_init (&memory, list->entries[i]);
        rc = fn (self, &memory.info, arg);
        covey_i_memory_deinit (&memory);
        (*left_p)--;
    }
    return rc;
}

covey_err_t
covey_memory_list (covey_agent_t *self, const covey_memory_query_t *query,
                   int timeout_ms, covey_memory_fn *fn, void *arg)
{
    assert (self && fn);
    static const covey_memory_query_t all = {0};
    query = query ? query : &all;
    int64_t until_ms = covey_i_deadline (timeout_ms);
    size_t left = query->limit ? query->limit : SIZE_MAX;
    uint64_t at = 0;
    char after[COVEY_NAME_MAX + 1] = "";
    bool more = true;
    covey_err_t rc = COVEY_OK;
    while (more && left && !rc) {
        Covey__Control__MemoryList *list = NULL;
        int64_t left_ms = until_ms - covey_clock_mono_ms ();
        rc = covey_i_memory_page (self, query, *after ? after : NULL, at,
                                  left_ms > 1 ? (int)left_ms : 1, &list);
        if (rc)
            return rc;
        at = list->revision;
        more = list->next != NULL;
        if (more)
            covey_str_copy (after, sizeof after, list->next);
        rc = s_show (self, list, fn, arg, &left);
        protobuf_c_message_free_unpacked (&list->base, NULL);
    }
    return rc;
}

covey_err_t
covey_memory_history (covey_agent_t *self, const char *key, int timeout_ms,
                      covey_memory_fn *fn, void *arg)
{
    assert (self && key && fn);
    Covey__Control__MemoryHistory params = COVEY__CONTROL__MEMORY_HISTORY__INIT;
    ProtobufCMessage *answer = NULL;
    size_t left = SIZE_MAX;
    params.key = (char *)(uintptr_t)key;
    covey_err_t rc = covey_i_memory_ask (
        self, "memory.history", &params.base,
        &covey__control__memory_list__descriptor, timeout_ms, &answer);
    if (rc)
        return rc;
    rc = s_show (self, (Covey__Control__MemoryList *)answer, fn, arg, &left);
    protobuf_c_message_free_unpacked (answer, NULL);
    return rc;
}
