/*  A node that is going to leave: no new agents, and no new work for those that
    are here; what they were given is waited for. Its own program may want that,
    and anybody who asks for mesh.drain, one at a time. Both have a deadline of
    their own; the one that asked gets its answer before the node leaves.     */
#include "node/hub.h"

#include <string.h>
#include <unistd.h>

#include <czmq.h>

#include "proto/event.h"
#include "proto/json.h"
#include "proto/store.pb-c.h"

#define ASKED_MS 30000 /* when it is not said how long */
#define ASKED_MAX_MS 86400000
#define ANSWER_MAX 1024
#define SETTLE_MS 500 /* for agents to say how many tasks they have */

/*  No agents of its own accord: tools and the mesh's services.              */
static bool
s_is_agent (const covey_host_t *host)
{
    return !*covey_host_service (host) && !covey_host_is_client (host);
}

static int64_t
s_deadline_ms (const covey_hub_t *self)
{
    return self->drain_ms > self->drain_asked_ms ? self->drain_ms
                                                 : self->drain_asked_ms;
}

void
covey_hub_tell_drain (covey_hub_t *self, covey_host_t *host)
{
    if (!self->draining || *covey_host_service (host))
        return;
    int64_t left_ms = s_deadline_ms (self) - self->now_ms;
    Covey__Wire__Draining draining = COVEY__WIRE__DRAINING__INIT;
    draining.left_ms = left_ms > 0 ? (uint32_t)left_ms : 0;
    covey_host_notice (host, COVEY_FRAME_DRAINING, &draining.base);
}

/*  NULL: another session took its agent id.                                 */
static covey_directory_entry_t *
s_entry (const covey_hub_t *self, const covey_host_t *host)
{
    const char *id = covey_host_agent_id (host);
    covey_directory_entry_t *entry =
        covey_directory_find (self->directory, id, strlen (id));
    bool is_its = entry && memcmp (entry->session_id,
                                   covey_host_session_id (host), 16) == 0;
    return is_its ? entry : NULL;
}

static void
s_take_capacity (covey_hub_t *self, const covey_host_t *host)
{
    covey_directory_entry_t *entry = s_entry (self, host);
    if (!entry)
        return;
    Covey__Wire__AgentInfo info;
    entry->available_capacity = 0;
    covey_directory_info (entry, &info);
    covey_hub_tell_agent (self, &info);
}

/*  What agents here were given and are not done with: events, or, where that
    is more, tasks that an agent says it has. Some are done with the event when
    the work has begun.                                                       */
static size_t
s_unfinished (const covey_hub_t *self)
{
    size_t count = 0;
    for (size_t i = 0; i < covey_session_table_count (self->table); i++) {
        const covey_host_t *host = covey_session_table_at (self->table, i);
        if (!s_is_agent (host))
            continue;
        const covey_directory_entry_t *entry = s_entry (self, host);
        size_t queued = covey_host_queued (host);
        size_t tasks = entry ? entry->current_tasks : 0;
        count += queued > tasks ? queued : tasks;
    }
    return count;
}

static void
s_begin (covey_hub_t *self)
{
    bool is_new = !self->draining;
    self->draining = true;
    if (is_new) {
        self->drain_had = s_unfinished (self);
        self->drain_settled_ms = self->now_ms;
    }
    for (size_t i = 0; i < covey_session_table_count (self->table); i++) {
        covey_host_t *host = covey_session_table_at (self->table, i);
        if (is_new && s_is_agent (host)) {
            s_take_capacity (self, host);
            self->drain_settled_ms = self->now_ms + SETTLE_MS;
        }
        covey_hub_tell_drain (self, host);
    }
}

void
covey_hub_begin_drain (covey_hub_t *self, int64_t timeout_ms)
{
    self->drain_ms = self->now_ms + timeout_ms;
    s_begin (self);
}

/* ------------------------------------------------------------------------ */
/*  Asked by others                                                           */

static covey_err_t
s_read_timeout (const covey_event_t *request, int64_t *timeout_ms_p,
                covey_errbuf_t *err)
{
    covey_content_t content;
    size_t size;
    *timeout_ms_p = ASKED_MS;
    const char *params =
        covey_event_payload (request, "params", &content, &size);
    if (!params || !size)
        return COVEY_OK;
    ProtobufCMessage *message;
    covey_err_t code = covey_json_read (&covey__store__drain_query__descriptor,
                                        params, size, &message, err);
    if (code)
        return code;
    const Covey__Store__DrainQuery *query =
        (const Covey__Store__DrainQuery *)message;
    if (query->has_timeout)
        *timeout_ms_p = query->timeout;
    protobuf_c_message_free_unpacked (message, NULL);
    if (*timeout_ms_p > ASKED_MAX_MS)
        return covey_fail (err, COVEY_INVALID,
                           "timeout: %lld: is more than a day (%d ms)",
                           (long long)*timeout_ms_p, ASKED_MAX_MS);
    return COVEY_OK;
}

covey_err_t
covey_hub_ask_drain (covey_hub_t *self, covey_event_t **request_p,
                     covey_errbuf_t *err)
{
    int64_t timeout_ms;
    covey_err_t code = s_read_timeout (*request_p, &timeout_ms, err);
    if (code)
        return code;
    if (self->drain_asked || self->draining)
        return covey_fail (err, COVEY_STATE,
                           "node %s is draining already and leaves then",
                           self->config.name);
    covey_log_write (self->config.log, COVEY_LOG_INFO, "node", "drain_asked",
                     "by=%s timeout_ms=%lld", covey_event_source (*request_p),
                     (long long)timeout_ms);
    self->drain_asked = *request_p;
    self->drain_asked_ms = self->now_ms + timeout_ms;
    *request_p = NULL;
    s_begin (self);
    return COVEY_OK;
}

/*  How it went, and that the program may end the node now.                  */
static void
s_answer (covey_hub_t *self, size_t unfinished, bool done)
{
    covey_buf_t json;
    covey_buf_init (&json, ANSWER_MAX);
    covey_buf_puts (&json, "{\"name\":");
    covey_json_quote (&json, self->config.name, strlen (self->config.name));
    covey_buf_printf (
        &json,
        ",\"id\":\"%s\",\"drained\":%s,\"finished\":%zu,\"unfinished\":%zu,"
        "\"unsent\":%zu}",
        self->id_text, done ? "true" : "false",
        self->drain_had > unfinished ? self->drain_had - unfinished : 0,
        unfinished, covey_hub_unsent (self));
    covey_event_t *response =
        covey_event_response (self->drain_asked, COVEY_SERVICE_NODE,
                              COVEY_CONTENT_JSON, json.data, json.size);
    if (response)
        covey_hub_answer (self, covey_event_source (self->drain_asked),
                          &response);
    covey_buf_deinit (&json);
    covey_event_destroy (&self->drain_asked);
    self->drain_asked_ms = 0;
    uint64_t one = 1;
    if (self->leave_fd >= 0)
        (void)!write (self->leave_fd, &one, sizeof one); /* cannot be full   */
}

static void
s_signal (covey_hub_t *self, size_t unfinished, bool done)
{
    self->drain_ms = 0;
    pthread_mutex_lock (&self->shared.mutex);
    self->shared.unfinished = unfinished;
    pthread_mutex_unlock (&self->shared.mutex);
    zsock_signal (self->pipe, done ? 0 : 1);
}

/*  Links are empty when everybody has confirmed that there is no capacity here
    any more; what came before that has come.                                 */
void
covey_hub_tick_drain (covey_hub_t *self)
{
    if (!self->drain_ms && !self->drain_asked)
        return;
    size_t unfinished = s_unfinished (self);
    bool done = !unfinished && self->now_ms >= self->drain_settled_ms &&
                covey_hub_is_drained (self);
    if (unfinished > self->drain_had)
        self->drain_had = unfinished;
    if (self->drain_ms && (done || self->now_ms >= self->drain_ms))
        s_signal (self, unfinished, done);
    /* Its answer goes first, whatever the program wants meanwhile. */
    if (self->drain_asked &&
        (done || self->stopping || self->now_ms >= self->drain_asked_ms))
        s_answer (self, unfinished, done);
}

size_t
covey_hub_unsent (const covey_hub_t *self)
{
    size_t count = self->has_persister ? covey_outbox_count (self->outbox) : 0;
    for (size_t i = 0; i < covey_membership_count (self->membership); i++) {
        const covey_hub_peer_t *shell =
            covey_membership_at (self->membership, i)->shell;
        if (shell && shell->link && covey_hub_is_member (shell))
            count += covey_link_count (shell->link);
    }
    return count;
}

bool
covey_hub_is_drained (const covey_hub_t *self)
{
    return covey_hub_unsent (self) == 0;
}
