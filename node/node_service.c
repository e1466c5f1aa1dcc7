/*  The agent id "node": what this node answers itself, and what it asks.    */
#include "node/hub.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/event.h"
#include "proto/json.h"
#include "proto/store.pb-c.h"

#define ANSWER_MAX COVEY_PAYLOAD_MAX
#define LIST_LIMIT 1000      /* swarms in one answer                          */
#define LIST_TIMEOUT_MS 5000 /* then the coordinator is asked again */

/* ------------------------------------------------------------------------ */
/*  Answers                                                                  */

void
covey_hub_answer (covey_hub_t *self, const char *to, covey_event_t **response_p)
{
    covey_host_t *host =
        covey_session_table_by_agent (self->table, to, strlen (to));
    if (!host) { /* it asked from another node, or is gone                    */
        if (covey_hub_publish_event (self, response_p))
            covey_hub_drop (self, COVEY_DROP_NOTICE);
        return;
    }
    covey_buf_t packed;
    covey_buf_init (&packed, COVEY_EVENT_MAX);
    covey_event_set_hlc (*response_p, covey_hlc_now (&self->hlc, self->now_us));
    covey_parcel_t *parcel = NULL;
    if (host && covey_event_pack (*response_p, &packed, NULL) == COVEY_OK)
        parcel = covey_parcel_new (packed.data, packed.size, NULL, 0);
    if (parcel)
        covey_hub_deliver (self, host, parcel);
    covey_parcel_drop (&parcel);
    covey_buf_deinit (&packed);
    covey_event_destroy (response_p);
}

static covey_err_t
s_status (covey_hub_t *self, const covey_event_t *request, covey_buf_t *to,
          covey_errbuf_t *err)
{
    (void)request;
    (void)err;
    covey_hub_write_status (self, to);
    return COVEY_OK;
}

static covey_err_t
s_nodes (covey_hub_t *self, const covey_event_t *request, covey_buf_t *to,
         covey_errbuf_t *err)
{
    (void)request;
    (void)err;
    covey_hub_write_nodes (self, to);
    return COVEY_OK;
}

static covey_err_t
s_agents (covey_hub_t *self, const covey_event_t *request, covey_buf_t *to,
          covey_errbuf_t *err)
{
    Covey__Store__AgentQuery none = COVEY__STORE__AGENT_QUERY__INIT;
    Covey__Store__AgentQuery *query = &none;
    covey_content_t content;
    size_t size;
    const char *params =
        covey_event_payload (request, "params", &content, &size);
    if (params && size) {
        ProtobufCMessage *message;
        covey_err_t bad =
            covey_json_read (&covey__store__agent_query__descriptor, params,
                             size, &message, err);
        if (bad)
            return bad;
        query = (Covey__Store__AgentQuery *)message;
    }
    covey_err_t code = covey_hub_write_agents (self, query, to, err);
    if (query != &none)
        protobuf_c_message_free_unpacked (&query->base, NULL);
    return code;
}

static const struct {
    const char *method;
    covey_err_t (*write) (covey_hub_t *self, const covey_event_t *request,
                          covey_buf_t *to, covey_errbuf_t *err);
} s_methods[] = {
    {"mesh.status", s_status},
    {"mesh.nodes", s_nodes},
    {"mesh.agents", s_agents},
    {"mesh.members", covey_hub_write_members},
};

static covey_err_t
s_write_answer (covey_hub_t *self, const covey_event_t *request,
                covey_buf_t *to, covey_errbuf_t *err)
{
    const char *method = covey_event_str (request, "method");
    for (size_t i = 0; i < sizeof s_methods / sizeof s_methods[0]; i++) {
        if (strcmp (s_methods[i].method, method) != 0)
            continue;
        covey_err_t code = s_methods[i].write (self, request, to, err);
        if (!code && to->failed)
            code = covey_fail (err, COVEY_LIMIT,
                               "the answer has more than %d bytes", ANSWER_MAX);
        return code;
    }
    return covey_fail (err, COVEY_NOTFOUND,
                       "a node has no method \"%.64s\"; it has mesh.status, "
                       "mesh.nodes, mesh.agents, mesh.members, mesh.drain",
                       method);
}

void
covey_hub_serve (covey_hub_t *self, const covey_parcel_t *parcel)
{
    covey_event_t *request;
    covey_errbuf_t err;
    self->counters.requests_served++;
    if (covey_event_unpack (parcel->bytes, parcel->size, &request, &err) !=
        COVEY_OK) {
        covey_hub_drop (self, COVEY_DROP_MALFORMED_FRAME);
        return;
    }
    covey_buf_t json;
    covey_buf_init (&json, ANSWER_MAX);
    bool drains =
        strcmp (covey_event_str (request, "method"), "mesh.drain") == 0;
    covey_err_t code = drains ? covey_hub_ask_drain (self, &request, &err)
                              : s_write_answer (self, request, &json, &err);
    if (!request) { /* it is answered later                                   */
        covey_buf_deinit (&json);
        return;
    }
    covey_event_t *response =
        code ? covey_event_error (request, COVEY_SERVICE_NODE,
                                  covey_err_name (code), err.text)
             : covey_event_response (request, COVEY_SERVICE_NODE,
                                     COVEY_CONTENT_JSON, json.data, json.size);
    if (response)
        covey_hub_answer (self, covey_event_source (request), &response);
    covey_buf_deinit (&json);
    covey_event_destroy (&request);
}

/* ------------------------------------------------------------------------ */
/*  Questions: which swarms are there?                                       */

static void
s_ask_for_swarms (covey_hub_t *self, const char *after)
{
    char id[48];
    covey_buf_t json;
    covey_buf_init (&json, COVEY_NAME_MAX * 6 + 64);
    covey_buf_printf (&json, "{\"limit\":%d", LIST_LIMIT);
    if (after) {
        covey_buf_puts (&json, ",\"after\":");
        covey_json_quote (&json, after, strlen (after));
    }
    covey_buf_putc (&json, '}');
    char *text = covey_buf_steal (&json);
    covey_buf_deinit (&json);
    snprintf (id, sizeof id, "swarms-%llx",
              (unsigned long long)covey_prng_next (&self->prng));
    self->list_ms = self->now_ms + LIST_TIMEOUT_MS;
    if (!text)
        return;
    covey_event_t *request =
        covey_event_request (self->source, COVEY_SERVICE_COORDINATOR, id,
                             "swarm.list", text, LIST_TIMEOUT_MS);
    free (text);
    if (request)
        /* The timer asks again when this found no room. */
        (void)covey_hub_publish_event (self, &request);
}

static void
s_take_swarms (covey_hub_t *self, const covey_event_t *response)
{
    covey_errbuf_t err;
    covey_content_t content;
    size_t size;
    const char *result =
        covey_event_payload (response, "result", &content, &size);
    ProtobufCMessage *message = NULL;
    if (!covey_event_bool (response, "success") || !result ||
        covey_json_read (&covey__control__swarm_list__descriptor, result, size,
                         &message, &err) != COVEY_OK)
        return;
    const Covey__Control__SwarmList *list =
        (const Covey__Control__SwarmList *)message;
    covey_scope_learn_list (self->scopes, list);
    /* A fact that came meanwhile has set an earlier time: it stays. */
    if (self->list_ms > self->now_ms + COVEY_HUB_LIST_MS)
        self->list_ms = INT64_MAX;
    if (list->next)
        s_ask_for_swarms (self, list->next);
    protobuf_c_message_free_unpacked (message, NULL);
}

void
covey_hub_on_response (covey_hub_t *self, const covey_parcel_t *parcel)
{
    covey_event_t *response;
    covey_errbuf_t err;
    if (covey_event_unpack (parcel->bytes, parcel->size, &response, &err) !=
        COVEY_OK) {
        covey_hub_drop (self, COVEY_DROP_MALFORMED_FRAME);
        return;
    }
    if (covey_slice_equal (parcel->view.source, COVEY_SERVICE_PERSISTER))
        covey_hub_on_rows (self, response);
    else
        s_take_swarms (self, response);
    covey_event_destroy (&response);
}

void
covey_hub_tick_service (covey_hub_t *self)
{
    if (self->now_ms >= self->list_ms && self->has_coordinator)
        s_ask_for_swarms (self, NULL);
}
