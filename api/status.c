#include "api/status.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api/agent_i.h"
#include "base/clock.h"
#include "proto/control.pb-c.h"
#include "proto/json.h"
#include "proto/store.pb-c.h"

#define STATUS_MAX (1u << 20)

/*  The result of one question, or NULL.                                      */
static char *
s_ask (covey_agent_t *client, const char *target, const char *method,
       int64_t until_ms, covey_err_t *rc_p, covey_errbuf_t *err)
{
    int64_t left_ms = until_ms - covey_clock_mono_ms ();
    covey_call_t call = {.target = target, .method = method};
    covey_event_t *response;
    char *json = NULL;
    *rc_p = covey_i_agent_exchange (
        client, &call, left_ms > 1 ? (int)left_ms : 1, &response, err);
    if (*rc_p)
        return NULL;
    if (covey_event_bool (response, "success"))
        *rc_p = covey_i_response_json (response, &json, err);
    else
        *rc_p = covey_fail (err, COVEY_REMOTE, "%s: %s", method,
                            covey_event_str (response, "error.message"));
    covey_event_destroy (&response);
    return *rc_p ? NULL : json;
}

/*  The answer of a service as a message; NULL when there is none.            */
static ProtobufCMessage *
s_ask_service (covey_agent_t *client, const char *target, const char *method,
               const ProtobufCMessageDescriptor *descriptor, int64_t until_ms)
{
    covey_err_t rc;
    ProtobufCMessage *message = NULL;
    char *json = s_ask (client, target, method, until_ms, &rc, NULL);
    if (json &&
        covey_json_read (descriptor, json, strlen (json), &message, NULL))
        message = NULL;
    free (json);
    return message;
}

static void
s_put_text (covey_buf_t *to, const char *key, const char *text)
{
    covey_buf_printf (to, "\"%s\":", key);
    covey_json_quote (to, text ? text : "", text ? strlen (text) : 0);
}

static void
s_put_coordinator (covey_buf_t *to, const Covey__Control__CoordinatorStatus *c)
{
    static const Covey__Control__CoordinatorStatus nobody =
        COVEY__CONTROL__COORDINATOR_STATUS__INIT;
    c = c ? c : &nobody;
    covey_buf_puts (to, ",\"coordinator\":{");
    s_put_text (to, "leader", c->leader);
    covey_buf_printf (to, ",\"term\":%" PRIu64 ",\"members\":[", c->term);
    for (size_t i = 0; i < c->n_members; i++) {
        covey_buf_puts (to, i ? "," : "");
        covey_json_quote (to, c->members[i], strlen (c->members[i]));
    }
    const struct {
        const char *key;
        uint64_t value;
    } counts[] = {{"quorum", c->quorum},
                  {"agents", c->agents},
                  {"tasksQueued", c->tasks_queued},
                  {"tasksRunning", c->tasks_running},
                  {"tasksEnded", c->tasks_ended},
                  {"swarms", c->swarms},
                  {"votesOpen", c->votes_open},
                  {"coordinationsOpen", c->coordinations_open},
                  {"memoryEntries", c->memory_entries},
                  {"memoryBytes", c->memory_bytes},
                  {"memoryRevision", c->memory_revision},
                  {"logIndex", c->log_index},
                  {"applied", c->applied},
                  {"snapshotIndex", c->snapshot_index},
                  {"logBytes", c->log_bytes},
                  {"commits", c->commits},
                  {"elections", c->elections},
                  {"snapshots", c->snapshots},
                  {"installed", c->installed},
                  {"reloads", c->reloads},
                  {"restarts", c->restarts},
                  {"forwarded", c->forwarded},
                  {"waiting", c->waiting},
                  {"refused", c->refused},
                  {"messagesRefused", c->messages_refused},
                  {"factsKept", c->facts_kept},
                  {"factsDropped", c->facts_dropped}};
    covey_buf_puts (to, "],");
    s_put_text (to, "node", c->node);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        covey_buf_printf (to, ",\"%s\":%" PRIu64, counts[i].key,
                          counts[i].value);
    covey_buf_putc (to, '}');
}

static void
s_put_persister (covey_buf_t *to, const Covey__Store__PersisterStatus *p)
{
    static const Covey__Store__PersisterStatus nobody =
        COVEY__STORE__PERSISTER_STATUS__INIT;
    p = p ? p : &nobody;
    covey_buf_puts (to, ",\"persister\":{");
    s_put_text (to, "primary", p->primary);
    covey_buf_printf (to,
                      ",\"offset\":%" PRId64 ",\"outbox\":%" PRIu64
                      ",\"events\":%" PRIu64 ",\"bytes\":%" PRIu64
                      ",\"commits\":%" PRIu64 ",\"duplicates\":%" PRIu64
                      ",\"gaps\":%" PRIu64 ",\"epoch\":%" PRIu64,
                      p->offset, p->outbox, p->events, p->bytes, p->commits,
                      p->duplicates, p->gaps, p->epoch);
    if (p->error) {
        covey_buf_putc (to, ',');
        s_put_text (to, "error", p->error);
    }
    covey_buf_putc (to, '}');
}

covey_err_t
covey_i_status (covey_agent_t *client, int timeout_ms, char **json_p,
                covey_errbuf_t *err)
{
    int64_t until_ms = covey_i_deadline (timeout_ms);
    covey_err_t rc;
    char *node =
        s_ask (client, COVEY_SERVICE_NODE, "mesh.status", until_ms, &rc, err);
    if (!node)
        return rc;
    size_t size = strlen (node);
    if (size < 2 || node[size - 1] != '}') {
        free (node);
        return covey_fail (err, COVEY_MALFORMED, "mesh.status is no object");
    }
    Covey__Control__CoordinatorStatus *coordinator =
        (Covey__Control__CoordinatorStatus *)(void *)s_ask_service (
            client, COVEY_SERVICE_COORDINATOR, "mesh.coordinator",
            &covey__control__coordinator_status__descriptor, until_ms);
    Covey__Store__PersisterStatus *persister =
        (Covey__Store__PersisterStatus *)(void *)s_ask_service (
            client, COVEY_SERVICE_PERSISTER, "mesh.persister",
            &covey__store__persister_status__descriptor, until_ms);
    covey_buf_t json;
    covey_buf_init (&json, STATUS_MAX);
    (void)covey_buf_append (&json, node, size - 1); /* see `failed`          */
    s_put_coordinator (&json, coordinator);
    s_put_persister (&json, persister);
    covey_buf_puts (&json, ",\"supabase\":{\"state\":\"off\",\"synced\":0,"
                           "\"pending\":0,\"deadLetters\":0}}");
    free (node);
    if (coordinator)
        protobuf_c_message_free_unpacked (&coordinator->base, NULL);
    if (persister)
        protobuf_c_message_free_unpacked (&persister->base, NULL);
    char *text = covey_buf_steal (&json);
    covey_buf_deinit (&json);
    if (!text)
        return covey_fail (err, COVEY_LIMIT, "the status is too large");
    *json_p = text;
    return COVEY_OK;
}
