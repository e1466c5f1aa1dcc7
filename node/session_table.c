#include "node/session_table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/mem.h"
#include "base/table.h"
#include "proto/event.h"

#define TASK_SLOTS_MAX 1000

/*  A host and its keys.                                                     */
typedef struct {
    covey_host_t *host;
    uint64_t number;
    bool routed;  /* its host's route leads here                              */
    size_t index; /* in `all`                                                 */
} session_record_t;

struct covey_session_table {
    covey_session_table_config_t config;
    covey_table_t by_route;
    covey_table_t by_agent;
    covey_table_t by_number;
    session_record_t **all;
    size_t count;
    size_t capacity;
    uint64_t last_number;
};

covey_session_table_t *
covey_session_table_new (const covey_session_table_config_t *config)
{
    assert (config->sessions_max > 0);
    assert (config->grace_min_ms <= config->grace_max_ms);
    covey_session_table_t *self = covey_mem_new (sizeof *self);
    self->config = *config;
    covey_table_init (&self->by_route);
    covey_table_init (&self->by_agent);
    covey_table_init (&self->by_number);
    return self;
}

void
covey_session_table_destroy (covey_session_table_t **self_p)
{
    covey_session_table_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    for (size_t i = 0; i < self->count; i++) {
        covey_host_destroy (&self->all[i]->host);
        free (self->all[i]);
    }
    free (self->all);
    covey_table_deinit (&self->by_route);
    covey_table_deinit (&self->by_agent);
    covey_table_deinit (&self->by_number);
    free (self);
}

/* ------------------------------------------------------------------------ */
/*  Judging a hello                                                          */

static covey_err_t
s_check_text (const char *what, const char *text, covey_errbuf_t *err)
{
    if (!text)
        return COVEY_OK;
    size_t size = strlen (text);
    if (size > COVEY_NAME_MAX)
        return covey_fail (err, COVEY_LIMIT,
                           "%s has %zu bytes, at most %d are allowed", what,
                           size, COVEY_NAME_MAX);
    if (!covey_str_is_utf8 (text, size))
        return covey_fail (err, COVEY_INVALID, "%s is not UTF-8", what);
    return COVEY_OK;
}

static covey_err_t
s_check_list (const char *what, char **list, size_t count, covey_errbuf_t *err)
{
    if (count > COVEY_LIST_MAX)
        return covey_fail (err, COVEY_LIMIT,
                           "%s has %zu entries, at most %d are allowed", what,
                           count, COVEY_LIST_MAX);
    for (size_t i = 0; i < count; i++) {
        covey_err_t code = s_check_text (what, list[i], err);
        if (code)
            return code;
    }
    return COVEY_OK;
}

static covey_err_t
s_check_id (const Covey__Wire__Hello *hello, bool trusted, covey_errbuf_t *err)
{
    const char *id = hello->agent_id;
    const char *service = hello->service ? hello->service : "";
    if (!covey_str_is_agent_id (id, strlen (id)))
        return covey_fail (err, COVEY_INVALID,
                           "agent id \"%.*s\" is not allowed: 1 to %d of "
                           "[A-Za-z0-9._:@/-]",
                           COVEY_AGENT_ID_MAX, id, COVEY_AGENT_ID_MAX);
    if (*service && (!trusted || strcmp (service, id) != 0 ||
                     (strcmp (service, COVEY_SERVICE_COORDINATOR) != 0 &&
                      strcmp (service, COVEY_SERVICE_PERSISTER) != 0)))
        return covey_fail (err, COVEY_DENIED,
                           "service \"%.64s\" is only for the node's own "
                           "coordinator and persister",
                           service);
    if (!*service &&
        (strcmp (id, COVEY_SERVICE_COORDINATOR) == 0 ||
         strcmp (id, COVEY_SERVICE_PERSISTER) == 0 ||
         strcmp (id, COVEY_SERVICE_NODE) == 0 || strncmp (id, "node:", 5) == 0))
        return covey_fail (err, COVEY_DENIED,
                           "agent id \"%s\" is reserved, choose another", id);
    return COVEY_OK;
}

static covey_err_t
s_check_hello (const covey_session_table_t *self,
               const Covey__Wire__Hello *hello, size_t route_size, bool trusted,
               covey_errbuf_t *err)
{
    if (hello->protocol_min > COVEY_PROTOCOL_VERSION ||
        hello->protocol_max < COVEY_PROTOCOL_VERSION)
        return covey_fail (err, COVEY_VERSION,
                           "the agent speaks protocol %u to %u, this node %d: "
                           "update the older one",
                           hello->protocol_min, hello->protocol_max,
                           COVEY_PROTOCOL_VERSION);
    if (hello->mesh && strcmp (hello->mesh, self->config.mesh) != 0)
        return covey_fail (err, COVEY_DENIED,
                           "this node belongs to mesh \"%s\", not \"%.64s\"",
                           self->config.mesh, hello->mesh);
    if (!hello->has_session_id || hello->session_id.len != 16 ||
        route_size > COVEY_HOST_ROUTE_MAX)
        return covey_fail (err, COVEY_MALFORMED,
                           "hello without a session id of 16 bytes");
    if (hello->task_slots > TASK_SLOTS_MAX)
        return covey_fail (err, COVEY_LIMIT,
                           "taskSlots is %u, at most %d are allowed",
                           hello->task_slots, TASK_SLOTS_MAX);
    covey_err_t code = s_check_id (hello, trusted, err);
    if (!code)
        code = s_check_text ("agentType", hello->agent_type, err);
    if (!code)
        code = s_check_text ("agentName", hello->agent_name, err);
    if (!code)
        code = s_check_list ("capabilities", hello->capabilities,
                             hello->n_capabilities, err);
    if (!code)
        code = s_check_list ("tags", hello->tags, hello->n_tags, err);
    return code;
}

/* ------------------------------------------------------------------------ */

static session_record_t *
s_record (const covey_session_table_t *self, const covey_host_t *host)
{
    uint64_t number = covey_host_number (host);
    return covey_table_get (&self->by_number, &number, sizeof number);
}

static int64_t
s_grace_ms (const covey_session_table_t *self, const Covey__Wire__Hello *hello)
{
    if (!hello->has_grace_ms)
        return self->config.grace_ms;
    if (hello->grace_ms < self->config.grace_min_ms)
        return self->config.grace_min_ms;
    return hello->grace_ms < self->config.grace_max_ms
               ? hello->grace_ms
               : self->config.grace_max_ms;
}

static session_record_t *
s_add (covey_session_table_t *self, const Covey__Wire__Hello *hello)
{
    session_record_t *record = covey_mem_new (sizeof *record);
    record->number = ++self->last_number;
    record->host = covey_host_new (&self->config.host, hello, record->number,
                                   s_grace_ms (self, hello));
    self->all = covey_mem_room (self->all, self->count, &self->capacity,
                                sizeof (void *));
    record->index = self->count;
    self->all[self->count++] = record;
    covey_table_put (&self->by_number, &record->number, sizeof record->number,
                     record);
    const char *id = covey_host_agent_id (record->host);
    covey_table_put (&self->by_agent, id, strlen (id), record);
    return record;
}

static void
s_unroute (covey_session_table_t *self, session_record_t *record)
{
    if (!record->routed)
        return;
    size_t size;
    const uint8_t *route = covey_host_route (record->host, &size);
    covey_table_remove (&self->by_route, route, size);
    record->routed = false;
}

/*  The key in the table is the host's: it changes only while it is not there.
 */
static void
s_attach (covey_session_table_t *self, session_record_t *record,
          const uint8_t *route, size_t size, uint32_t window, int64_t now_ms)
{
    s_unroute (self, record);
    /* Another session may have been here on the same connection. */
    session_record_t *other = covey_table_get (&self->by_route, route, size);
    if (other) {
        s_unroute (self, other);
        covey_host_detach (other->host);
    }
    covey_host_attach (record->host, route, size, window, now_ms);
    covey_table_put (&self->by_route, covey_host_route (record->host, &size),
                     size, record);
    record->routed = true;
}

void
covey_session_table_hello (covey_session_table_t *self,
                           const Covey__Wire__Hello *hello,
                           const uint8_t *route, size_t route_size,
                           bool trusted, int64_t now_ms,
                           covey_hello_result_t *result)
{
    memset (result, 0, sizeof *result);
    result->verdict = COVEY_HELLO_REFUSED;
    result->code =
        s_check_hello (self, hello, route_size, trusted, &result->err);
    result->final = true;
    if (result->code)
        return;
    session_record_t *known = covey_table_get (&self->by_agent, hello->agent_id,
                                               strlen (hello->agent_id));
    session_record_t *record = known;
    if (known && memcmp (covey_host_session_id (known->host),
                         hello->session_id.data, 16) == 0)
        result->verdict = COVEY_HELLO_BACK;
    else if (!known && self->count >= self->config.sessions_max) {
        result->final = false;
        result->code = covey_fail (
            &result->err, COVEY_LIMIT,
            "this node has %zu sessions, which is its limit (agents.max)",
            self->count);
        return;
    } else {
        result->verdict = known ? COVEY_HELLO_REPLACES : COVEY_HELLO_NEW;
        if (known) {
            const char *id = covey_host_agent_id (known->host);
            covey_table_remove (&self->by_agent, id, strlen (id));
            result->old = known->host;
        }
        record = s_add (self, hello);
    }
    s_attach (self, record, route, route_size, hello->receive_window, now_ms);
    result->host = record->host;
}

covey_host_t *
covey_session_table_by_route (const covey_session_table_t *self,
                              const uint8_t *route, size_t size)
{
    session_record_t *record = covey_table_get (&self->by_route, route, size);
    return record ? record->host : NULL;
}

covey_host_t *
covey_session_table_by_agent (const covey_session_table_t *self, const char *id,
                              size_t size)
{
    session_record_t *record = covey_table_get (&self->by_agent, id, size);
    return record ? record->host : NULL;
}

covey_host_t *
covey_session_table_by_number (const covey_session_table_t *self,
                               uint64_t number)
{
    session_record_t *record =
        covey_table_get (&self->by_number, &number, sizeof number);
    return record ? record->host : NULL;
}

size_t
covey_session_table_count (const covey_session_table_t *self)
{
    return self->count;
}

covey_host_t *
covey_session_table_at (const covey_session_table_t *self, size_t index)
{
    assert (index < self->count);
    return self->all[index]->host;
}

void
covey_session_table_remove (covey_session_table_t *self, covey_host_t **host_p)
{
    session_record_t *record = s_record (self, *host_p);
    *host_p = NULL;
    assert (record);
    s_unroute (self, record);
    const char *id = covey_host_agent_id (record->host);
    if (covey_table_get (&self->by_agent, id, strlen (id)) == record)
        covey_table_remove (&self->by_agent, id, strlen (id));
    covey_table_remove (&self->by_number, &record->number,
                        sizeof record->number);
    session_record_t *last = self->all[--self->count];
    self->all[record->index] = last;
    last->index = record->index;
    covey_host_destroy (&record->host);
    free (record);
}

void
covey_session_table_excuse (covey_session_table_t *self, int64_t ms,
                            int64_t now_ms)
{
    for (size_t i = 0; i < self->count; i++) {
        covey_host_t *host = self->all[i]->host;
        int64_t heard_ms = covey_host_heard_ms (host) + ms;
        covey_host_heard (host, heard_ms < now_ms ? heard_ms : now_ms);
    }
}

covey_host_t *
covey_session_table_lost (const covey_session_table_t *self, int64_t now_ms)
{
    for (size_t i = 0; i < self->count; i++) {
        covey_host_t *host = self->all[i]->host;
        if (now_ms - covey_host_heard_ms (host) >= covey_host_grace_ms (host))
            return host;
    }
    return NULL;
}
