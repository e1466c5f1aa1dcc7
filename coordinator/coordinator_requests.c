/*  Requests of agents and clients: from event to command or question, and the
    answer.                                                                   */
#include <stdlib.h>
#include <string.h>

#include "coordinator/coordinator_impl.h"
#include "proto/event.h"
#include "proto/json.h"

#define TIMEOUT_MS 30000 /* of a request that names none */

/* ---- answers ----------------------------------------------------------------
 */

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

static void
s_refuse (covey_coordinator_t *self, const covey_event_t *request,
          covey_err_t code, const char *text)
{
    s_send (self, covey_event_error (request, COVEY_SERVICE_COORDINATOR,
                                     covey_err_name (code), text));
}

void
covey_coordinator_refuse (covey_coordinator_t *self,
                          covey_coordinator_item_t *item, covey_err_t code,
                          const char *text)
{
    s_refuse (self, item->request, code, text);
    covey_coordinator_item_destroy (&item);
}

/*  {"a":1} becomes {"age":12,"a":1}.                                        */
static void
s_add_age (covey_buf_t *json, int64_t age_ms)
{
    covey_buf_t aged;
    covey_buf_init (&aged, COVEY_PAYLOAD_MAX);
    covey_buf_printf (&aged, "{\"age\":%lld%s", (long long)age_ms,
                      json->size > 2 ? "," : "");
    (void)covey_buf_append (&aged, json->data + 1, json->size - 1);
    covey_buf_deinit (json);
    *json = aged;
}

void
covey_coordinator_reply (covey_coordinator_t *self,
                         covey_coordinator_item_t *item, covey_buf_t *json)
{
    int64_t age_ms = self->replog
                         ? covey_replog_silence_ms (self->replog, self->now_ms)
                         : -1;
    if (item->consistency == COVEY_READ_STALE && age_ms >= 0 && json->size >= 2)
        s_add_age (json, age_ms);
    if (json->failed) {
        covey_coordinator_refuse (self, item, COVEY_LIMIT,
                                  "the answer is too large for a payload");
        return;
    }
    s_send (self,
            covey_event_response (item->request, COVEY_SERVICE_COORDINATOR,
                                  COVEY_CONTENT_JSON, json->data, json->size));
    covey_coordinator_item_destroy (&item);
}

void
covey_coordinator_answer (covey_coordinator_t *self,
                          covey_coordinator_item_t *item)
{
    const covey_effects_t *effects = &self->effects;
    if (effects->code) {
        covey_coordinator_refuse (self, item, effects->code, effects->err.text);
        return;
    }
    covey_buf_t json;
    covey_buf_init (&json, COVEY_PAYLOAD_MAX);
    if (covey_state_show (self->state, effects->show, effects->show_id, &json))
        json.failed = true;
    covey_coordinator_reply (self, item, &json);
    covey_buf_deinit (&json);
}

/* ---- questions --------------------------------------------------------------
 */

static void
s_read (covey_coordinator_t *self, covey_coordinator_item_t *item)
{
    covey_admin_fn *admin = covey_coordinator_admin (item->method);
    if (admin) {
        admin (self, item);
        return;
    }
    covey_errbuf_t err;
    covey_buf_t json;
    covey_buf_init (&json, COVEY_PAYLOAD_MAX);
    covey_err_t code =
        item->method->read (self->state, covey_event_source (item->request),
                            item->params, &json, &err);
    if (code) {
        covey_coordinator_refuse (self, item, code, err.text);
        covey_buf_deinit (&json);
        return;
    }
    covey_coordinator_reply (self, item, &json);
    covey_buf_deinit (&json);
}

/*  In line behind the commands that came before, so that who asks after a
    command of its own sees what that did.                                    */
void
covey_coordinator_answer_questions (covey_coordinator_t *self)
{
    const covey_coordinator_item_t *oldest = covey_tree_first (&self->flying);
    while (self->questions.first &&
           (!oldest || oldest->ticket > self->questions.first->barrier))
        s_read (self, covey_line_pop (&self->questions));
}

static void
s_ask (covey_coordinator_t *self, covey_coordinator_item_t *item)
{
    covey_errbuf_t err;
    item->barrier = self->tickets;
    if (item->consistency != COVEY_READ_LINEARIZABLE) {
        covey_line_push (&self->questions, item);
        return;
    }
    item->ticket = ++self->tickets;
    covey_err_t code = covey_replog_read (self->replog, item->ticket, &err);
    if (!code)
        covey_coordinator_fly (self, item);
    else if (code == COVEY_NOCOORDINATOR)
        covey_coordinator_wait (self, item);
    else
        covey_coordinator_refuse (self, item, code, err.text);
}

/* ---- commands ---------------------------------------------------------------
 */

/*  Those that keep what there is, and nearly never make a fact.              */
static bool
s_is_renewal (const covey_method_t *method)
{
    return method->op == COVEY__CONTROL__COMMAND__OP_ROLE_CLAIM ||
           method->op == COVEY__CONTROL__COMMAND__OP_ROLE_RELEASE ||
           method->op == COVEY__CONTROL__COMMAND__OP_CLAIM_RENEW;
}

/*  What nobody takes must not become more: a command waits for a moment, and is
    refused when that does not help. True: it is taken.                       */
static bool
s_hold_back (covey_coordinator_t *self, covey_coordinator_item_t *item)
{
    covey_errbuf_t err;
    if (s_is_renewal (item->method) ||
        !covey_postbox_has_backlog (&self->postbox))
        return false;
    if (!self->is_stuck) {
        covey_coordinator_wait (self, item);
        return true;
    }
    self->counters.refused_facts++;
    covey_coordinator_refuse (
        self, item,
        covey_fail (&err, COVEY_EAGAIN,
                    "nothing is decided while it cannot be told: %s (%zu facts "
                    "wait); questions are answered",
                    self->postbox.why.text, self->postbox.unsent.count),
        err.text);
    return true;
}

static void
s_command (covey_coordinator_t *self, covey_coordinator_item_t *item)
{
    covey_errbuf_t err;
    if (s_hold_back (self, item))
        return;
    Covey__Control__Command command = COVEY__CONTROL__COMMAND__INIT;
    command.client_id = (char *)covey_event_source (item->request);
    command.request_id = (char *)covey_event_str (item->request, "requestId");
    command.has_causation_id = true;
    command.causation_id.data = (uint8_t *)covey_event_id (item->request);
    command.causation_id.len = 16;
    command.correlation_id = (char *)covey_event_correlation_id (item->request);
    covey_method_fill (item->method, item->params, &command);
    uint8_t vouched[COVEY_SEALED_SIZE];
    command.has_vouched = covey_state_vouch (self->state, &command, vouched);
    command.vouched = (ProtobufCBinaryData){sizeof vouched, vouched};
    item->ticket = ++self->tickets;
    covey_err_t code = covey_coordinator_submit (self, item, &command, &err);
    if (code == COVEY_NOCOORDINATOR || code == COVEY_EAGAIN)
        covey_coordinator_wait (self, item); /* for a leader, or for room     */
    else if (code)
        covey_coordinator_refuse (self, item, code, err.text);
}

void
covey_coordinator_route (covey_coordinator_t *self,
                         covey_coordinator_item_t *item)
{
    covey_admin_fn *admin = covey_coordinator_admin (item->method);
    bool is_order = admin && covey_coordinator_is_order (item->method);
    /* What coordinators are asked of themselves, each answers. */
    bool anybody =
        item->consistency == COVEY_READ_STALE ||
        (admin && !is_order && item->consistency == COVEY_READ_DEFAULT);
    if (!anybody && !covey_coordinator_is_in_charge (self))
        covey_coordinator_wait (self, item);
    else if (is_order)
        admin (self, item);
    else if (item->method->op)
        s_command (self, item);
    else if (anybody)
        s_read (self, item);
    else
        s_ask (self, item);
}

/* ---- coming in --------------------------------------------------------------
 */

/*  When it has to have an answer, a refusal at least, so that the caller gets
    it in time.                                                               */
static int64_t
s_deadline_ms (const covey_coordinator_t *self,
               const covey_coordinator_item_t *item)
{
    int64_t timeout_ms = covey_event_int (item->request, "timeout");
    int64_t most_ms = covey_coordinator_is_order (item->method)
                          ? COVEY_COORDINATOR_ADMIN_MS
                          : COVEY_COORDINATOR_WAIT_MS;
    if (timeout_ms <= 0 || timeout_ms > INT32_MAX)
        timeout_ms = TIMEOUT_MS;
    timeout_ms -= timeout_ms / 8;
    return self->now_ms + (timeout_ms < most_ms ? timeout_ms : most_ms);
}

void
covey_coordinator_take (covey_coordinator_t *self, covey_event_t *request)
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
        s_refuse (self, request, code, err.text);
        covey_event_destroy (&request);
        return;
    }
    covey_coordinator_item_t *item =
        covey_coordinator_item_new (self, COVEY_ITEM_OF_REQUEST);
    item->request = request;
    item->method = method;
    item->params = params;
    item->consistency = covey_method_consistency (method, params);
    item->deadline_ms = s_deadline_ms (self, item);
    covey_coordinator_route (self, item);
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

void
covey_coordinator_serve (covey_coordinator_t *self)
{
    while (self->inbox_count && !covey_postbox_has_answers (&self->postbox) &&
           self->waiting.count < COVEY_COORDINATOR_WAITING_MAX) {
        covey_event_t *request = self->inbox[self->inbox_first];
        self->inbox[self->inbox_first] = NULL;
        self->inbox_first = (self->inbox_first + 1) % COVEY_SESSION_WINDOW;
        self->inbox_count--;
        covey_coordinator_take (self, request);
        covey_session_done (self->session);
    }
}
