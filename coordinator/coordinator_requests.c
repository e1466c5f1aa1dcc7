/*  Requests of agents and clients: from event to command or question, and the
    answer.                                                                   */
#include <string.h>

#include "coordinator/coordinator_impl.h"
#include "proto/event.h"
#include "proto/json.h"

static void
s_send (covey_coordinator_t *self, covey_event_t *answer)
{
    covey_errbuf_t err;
    covey_log_quoted_t quoted;
    if (!answer)
        return;
    if (covey_postbox_put (&self->postbox, answer, 0, &err))
        covey_log_write (self->log, COVEY_LOG_WARN, "coordinator",
                         "answer_not_sent", "reason=%s",
                         covey_log_quote (&quoted, err.text));
    covey_event_destroy (&answer);
}

void
covey_coordinator_refuse (covey_coordinator_t *self,
                          const covey_event_t *request, covey_err_t code,
                          const char *text)
{
    s_send (self, covey_event_error (request, COVEY_SERVICE_COORDINATOR,
                                     covey_err_name (code), text));
}

static covey_err_t
s_status (covey_coordinator_t *self, covey_buf_t *to)
{
    Covey__Control__CoordinatorStatus status =
        COVEY__CONTROL__COORDINATOR_STATUS__INIT;
    char id[37];
    covey_id_text (self->node_id.bytes, id);
    char *name = *self->node_name ? self->node_name : id;
    status.leader = name;
    status.has_term = true;
    status.term = 1;
    status.n_members = 1;
    status.members = &name;
    status.has_quorum = true;
    status.quorum = 1;
    covey_state_status (self->state, &status);
    return covey_json_write (&status.base, to);
}

static covey_err_t
s_result (covey_coordinator_t *self, covey_coordinator_item_t *item,
          covey_buf_t *to, covey_errbuf_t *err)
{
    const covey_effects_t *effects = &self->effects;
    if (item->code)
        return covey_fail (err, item->code, "%s", item->err.text);
    if (item->index && effects->code)
        return covey_fail (err, effects->code, "%s", effects->err.text);
    covey_err_t code;
    if (item->index)
        code =
            covey_state_show (self->state, effects->show, effects->show_id, to);
    else if (item->method->read)
        return item->method->read (self->state,
                                   covey_event_source (item->request),
                                   item->params, to, err);
    else
        code = s_status (self, to);
    return code ? covey_fail (err, code, "the answer has more than %d bytes",
                              COVEY_PAYLOAD_MAX)
                : COVEY_OK;
}

void
covey_coordinator_answer (covey_coordinator_t *self,
                          covey_coordinator_item_t *item)
{
    covey_errbuf_t err = {""};
    covey_buf_t json;
    covey_buf_init (&json, COVEY_PAYLOAD_MAX);
    covey_err_t code = s_result (self, item, &json, &err);
    if (code)
        covey_coordinator_refuse (self, item->request, code, err.text);
    else
        s_send (self, covey_event_response (
                          item->request, COVEY_SERVICE_COORDINATOR,
                          COVEY_CONTENT_JSON, json.data, json.size));
    covey_buf_deinit (&json);
}

/*  Into the inbox; the receive window keeps it from overflowing.            */
void
covey_coordinator_on_event (covey_coordinator_t *self, const void *data,
                            size_t size)
{
    covey_event_t *event = NULL;
    covey_errbuf_t err;
    if (self->inbox_count == COVEY_SESSION_WINDOW ||
        covey_event_unpack (data, size, &event, &err) ||
        covey_event_type (event) != COVEY_EVENT_REQUEST) {
        covey_event_destroy (&event);
        covey_session_done (self->session);
        return;
    }
    size_t last =
        (self->inbox_first + self->inbox_count++) % COVEY_SESSION_WINDOW;
    self->inbox[last] = event;
}

static void
s_serve_one (covey_coordinator_t *self, covey_event_t *request)
{
    covey_errbuf_t err;
    const covey_method_t *method = NULL;
    ProtobufCMessage *params = NULL;
    covey_content_t content = COVEY_CONTENT_JSON;
    size_t size = 0;
    const char *json = covey_event_payload (request, "params", &content, &size);
    covey_err_t code =
        covey_method_find (covey_event_str (request, "method"), &method, &err);
    if (!code && json && content != COVEY_CONTENT_JSON)
        code = covey_fail (&err, COVEY_INVALID,
                           "params of %s must be JSON content", method->name);
    if (!code)
        code = covey_method_params (method, json, size, &params, &err);
    if (code) {
        covey_coordinator_refuse (self, request, code, err.text);
        covey_event_destroy (&request);
        return;
    }
    covey_coordinator_request (self, request, method, params);
}

void
covey_coordinator_serve (covey_coordinator_t *self)
{
    while (self->inbox_count && !covey_postbox_has_backlog (&self->postbox)) {
        covey_event_t *request = self->inbox[self->inbox_first];
        self->inbox[self->inbox_first] = NULL;
        self->inbox_first = (self->inbox_first + 1) % COVEY_SESSION_WINDOW;
        self->inbox_count--;
        s_serve_one (self, request);
        covey_session_done (self->session);
    }
    covey_coordinator_flush (self);
}
