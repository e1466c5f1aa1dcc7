/*  agent_request - questions, and waiting for their answers                  */

#include "api/agent_i.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "proto/control.pb-c.h"
#include "proto/json.h"

/*  What is left for another try; with less, a refusal stands.               */
#define CALL_LEAST_MS 400

/* ------------------------------------------------------------------------ */
/*  Asking                                                                    */

static covey_err_t
s_new_request (const covey_agent_t *self, const covey_call_t *call,
               int timeout_ms, covey_event_t **event_p, covey_errbuf_t *err)
{
    char fresh[37];
    const char *request_id = call->request_id;
    if (!request_id) {
        covey_id_t id = covey_id_new ();
        covey_id_text (id.bytes, fresh);
        request_id = fresh;
    }
    covey_i_note_request (request_id);
    if (!call->group &&
        (!call->target ||
         !covey_str_is_agent_id (call->target, strlen (call->target))))
        return covey_fail (err, COVEY_INVALID,
                           "target \"%.40s\" is no agent id",
                           call->target ? call->target : "");
    if (!call->method || !*call->method)
        return covey_fail (err, COVEY_INVALID, "a request needs a method");
    if (call->params &&
        !covey_json_is_valid (call->params, strlen (call->params)))
        return covey_fail (err, COVEY_MALFORMED,
                           "params of %s are not JSON: %.80s", call->method,
                           call->params);
    covey_event_t *event = covey_event_request (
        self->id, call->group ? NULL : call->target, request_id, call->method,
        call->params, timeout_ms);
    if (!event)
        return covey_fail (err, COVEY_INVALID, "%s", covey_error ());
    covey_err_t rc = COVEY_OK;
    if (call->correlation_id && *call->correlation_id)
        rc = covey_event_set_correlation_id (event, call->correlation_id);
    if (rc == COVEY_OK && call->causation_id)
        rc = covey_event_set_causation_id (event, call->causation_id);
    if (rc == COVEY_OK && call->group)
        rc = covey_event_set_group (event, call->group);
    covey_event_set_heard (event, call->heard);
    if (rc) {
        covey_event_destroy (&event);
        return covey_fail (err, rc, "%s", covey_error ());
    }
    *event_p = event;
    return COVEY_OK;
}

/*  Queue the request that `pending` waits for.                               */
static covey_err_t
s_send_request (covey_agent_t *self, covey_event_t **event_p,
                covey_pending_t *pending, covey_errbuf_t *err)
{
    covey_err_t rc = COVEY_OK;
    covey_str_copy (pending->request_id, sizeof pending->request_id,
                    covey_event_str (*event_p, "requestId"));
    memcpy (pending->event_id, covey_event_id (*event_p), 16);
    if (self->pending_count >= COVEY_AGENT_PENDING_MAX)
        rc = covey_fail (err, COVEY_EAGAIN,
                         "agent %s has %d requests without answer, no more are "
                         "allowed",
                         self->id, COVEY_AGENT_PENDING_MAX);
    /* The answer must find it, even if it comes while queueing waits. */
    if (rc == COVEY_OK) {
        covey_i_agent_expect (self, pending);
        rc = covey_i_agent_queue (self, event_p, COVEY_LEVEL_ACCEPTED,
                                  pending->is_ask ? 0 : pending->deadline_ms, 0,
                                  NULL, &pending->ticket, err);
        if (rc)
            covey_i_agent_forget_request (self, pending);
        else if (self->session)
            covey_session_be_patient (
                self->session); /* the answer says it all */
    }
    covey_event_destroy (event_p);
    return rc;
}

covey_err_t
covey_i_agent_ask_for (covey_agent_t *self, const covey_call_t *call,
                       int timeout_ms, covey_pending_t *pending,
                       covey_errbuf_t *err)
{
    covey_event_t *event = NULL;
    covey_err_t rc = s_new_request (self, call, timeout_ms, &event, err);
    return rc ? rc : s_send_request (self, &event, pending, err);
}

static covey_err_t
s_await_answer (covey_agent_t *self, covey_pending_t *pending,
                const covey_call_t *call, int timeout_ms, covey_errbuf_t *err)
{
    while (!pending->is_done) {
        covey_err_t rc = covey_i_agent_check (self, err);
        if (rc)
            return rc;
        if (covey_clock_mono_ms () >= pending->deadline_ms) {
            if (!covey_i_agent_is_open (self))
                return covey_fail (err, COVEY_UNREACHABLE,
                                   "agent %s: the node at %s does not answer",
                                   self->id, self->endpoint);
            char hint[COVEY_HINT_MAX];
            covey_i_hint_outcome (self->id, call->target, call->method,
                                  pending->request_id, hint);
            return covey_fail (err, COVEY_TIMEOUT,
                               "%s did not answer %s within %d ms%s",
                               call->group ? "the group" : call->target,
                               call->method, timeout_ms, hint);
        }
        covey_i_agent_wait (self, pending->deadline_ms);
    }
    if (pending->code)
        return covey_fail (err, pending->code, "%s", pending->text.text);
    return COVEY_OK;
}

covey_err_t
covey_i_agent_exchange (covey_agent_t *self, const covey_call_t *call,
                        int timeout_ms, covey_event_t **response_p,
                        covey_errbuf_t *err)
{
    covey_event_t *event = NULL;
    covey_err_t rc = s_new_request (self, call, timeout_ms, &event, err);
    if (rc)
        return rc;
    covey_pending_t pending = {.deadline_ms = covey_i_deadline (timeout_ms)};
    covey_i_agent_lock (self);
    rc = s_send_request (self, &event, &pending, err);
    if (rc == COVEY_OK) {
        covey_i_agent_flush (self);
        rc = s_await_answer (self, &pending, call, timeout_ms, err);
        covey_i_agent_forget_request (self, &pending);
    }
    covey_i_agent_unlock (self);
    if (rc == COVEY_OK)
        *response_p = pending.answer;
    else
        covey_event_destroy (&pending.answer);
    return rc;
}

/*  A payload as JSON: inline, as a string, or as an object with base64.      */
covey_err_t
covey_i_response_json (const covey_event_t *response, char **result_p,
                       covey_errbuf_t *err)
{
    covey_content_t content;
    size_t size;
    const void *data =
        covey_event_payload (response, "result", &content, &size);
    covey_buf_t json;
    covey_buf_init (&json, 4 * (size_t)COVEY_EVENT_MAX);
    if (!data)
        covey_buf_puts (&json, "null");
    else if (content == COVEY_CONTENT_JSON)
        (void)covey_buf_append (&json, data, size); /* see `failed`          */
    else if (content == COVEY_CONTENT_BINARY) {
        Covey__V1__Payload payload = COVEY__V1__PAYLOAD__INIT;
        payload.has_content_type = payload.has_data = true;
        payload.content_type = COVEY__V1__CONTENT_TYPE__BINARY;
        payload.data.len = size;
        payload.data.data = (uint8_t *)(uintptr_t)data; /* only read        */
        if (covey_json_write (&payload.base, &json))
            json.failed = true;
    } else
        covey_json_quote (&json, data, size);
    char *text = covey_buf_steal (&json);
    covey_buf_deinit (&json);
    if (!text)
        return covey_fail (err, COVEY_LIMIT,
                           "the result is too large for JSON");
    *result_p = text;
    return COVEY_OK;
}

/* ------------------------------------------------------------------------ */
/*  Coordinators change: what got no outcome is asked again, under its id     */

static void
s_pause (covey_agent_t *self)
{
    int64_t until_ms = covey_clock_mono_ms () + COVEY_AGENT_AGAIN_MS;
    covey_i_agent_lock (self);
    while (covey_clock_mono_ms () < until_ms)
        covey_i_agent_wait (self, until_ms);
    covey_i_agent_unlock (self);
}

/*  Is there time to ask again, and for a refusal to come back?              */
static bool
s_may_ask_again (int64_t until_ms)
{
    return until_ms - covey_clock_mono_ms () > CALL_LEAST_MS;
}

/*  As covey_i_agent_exchange, until somebody decides or the time is over.    */
static covey_err_t
s_exchange_again (covey_agent_t *self, const covey_call_t *call, int timeout_ms,
                  covey_event_t **response_p, covey_errbuf_t *err)
{
    int64_t until_ms = covey_i_deadline (timeout_ms);
    char request_id[37];
    covey_id_text (covey_id_new ().bytes, request_id);
    covey_call_t once = *call;
    if (!once.request_id)
        once.request_id = request_id;
    for (;;) {
        int64_t left_ms = until_ms - covey_clock_mono_ms ();
        covey_err_t rc = covey_i_agent_exchange (
            self, &once, left_ms > 1 ? (int)left_ms : 1, response_p, err);
        if (!covey_i_is_for_coordinator (call->target) ||
            !s_may_ask_again (until_ms) ||
            !covey_i_is_undecided (rc, *response_p))
            return rc;
        if (rc == COVEY_OK)
            covey_event_destroy (response_p);
        s_pause (self);
    }
}

static covey_err_t
s_request (covey_agent_t *self, const covey_call_t *call, int timeout_ms,
           char **result_p)
{
    covey_errbuf_t *err = covey_errbuf ();
    if (timeout_ms <= 0)
        timeout_ms = COVEY_AGENT_REQUEST_MS;
    covey_event_t *response = NULL;
    covey_err_t rc = s_exchange_again (self, call, timeout_ms, &response, err);
    if (rc)
        return rc;
    if (!covey_event_bool (response, "success"))
        rc = covey_fail (err, COVEY_REMOTE, "%s: %s",
                         covey_event_str (response, "error.code"),
                         covey_event_str (response, "error.message"));
    else if (result_p)
        rc = covey_i_response_json (response, result_p, err);
    covey_event_destroy (&response);
    return rc;
}

covey_err_t
covey_agent_request (covey_agent_t *self, const char *target,
                     const char *method, const char *params_json,
                     int timeout_ms, char **result_p)
{
    assert (self);
    covey_call_t call = {
        .target = target, .method = method, .params = params_json};
    return s_request (self, &call, timeout_ms, result_p);
}

covey_err_t
covey_agent_request_as (covey_agent_t *self, const char *request_id,
                        const char *target, const char *method,
                        const char *params_json, int timeout_ms,
                        char **result_p)
{
    assert (self);
    covey_call_t call = {.target = target,
                         .method = method,
                         .params = params_json,
                         .request_id = request_id};
    return s_request (self, &call, timeout_ms, result_p);
}

covey_err_t
covey_agent_request_group (covey_agent_t *self, const covey_scope_t *group,
                           const char *method, const char *params_json,
                           int timeout_ms, char **result_p)
{
    assert (self && group);
    covey_call_t call = {
        .group = group, .method = method, .params = params_json};
    return s_request (self, &call, timeout_ms, result_p);
}

static covey_err_t
s_ask (covey_agent_t *self, const covey_call_t *call, int timeout_ms,
       covey_handler_fn *fn, void *arg)
{
    covey_errbuf_t *err = covey_errbuf ();
    if (timeout_ms <= 0)
        timeout_ms = COVEY_AGENT_REQUEST_MS;
    covey_event_t *event = NULL;
    covey_err_t rc = s_new_request (self, call, timeout_ms, &event, err);
    if (rc)
        return rc;
    covey_pending_t *pending = calloc (1, sizeof *pending);
    if (!pending)
        abort ();
    pending->deadline_ms = covey_i_deadline (timeout_ms);
    pending->is_ask = true;
    pending->fn = fn;
    pending->arg = arg;
    pending->request = covey_event_dup (event);
    if (!pending->request)
        abort ();
    covey_i_agent_lock (self);
    rc = s_send_request (self, &event, pending, err);
    if (rc == COVEY_OK)
        covey_i_agent_flush (self);
    covey_i_agent_unlock (self);
    if (rc) {
        covey_event_destroy (&pending->request);
        free (pending);
    }
    return rc;
}

covey_err_t
covey_agent_ask (covey_agent_t *self, const char *target, const char *method,
                 const char *params_json, int timeout_ms, covey_handler_fn *fn,
                 void *arg)
{
    assert (self && fn);
    covey_call_t call = {
        .target = target, .method = method, .params = params_json};
    return s_ask (self, &call, timeout_ms, fn, arg);
}

covey_err_t
covey_agent_ask_group (covey_agent_t *self, const covey_scope_t *group,
                       const char *method, const char *params_json,
                       int timeout_ms, covey_handler_fn *fn, void *arg)
{
    assert (self && group && fn);
    covey_call_t call = {
        .group = group, .method = method, .params = params_json};
    return s_ask (self, &call, timeout_ms, fn, arg);
}

/* ------------------------------------------------------------------------ */
/*  Services of the mesh                                                      */

/*  NOAGENT for a reserved id: the service is missing, not an agent.          */
static covey_err_t
s_missing_service (const char *target)
{
    return strcmp (target, COVEY_SERVICE_PERSISTER) == 0 ? COVEY_NOPERSISTER
                                                         : COVEY_NOCOORDINATOR;
}

static covey_err_t
s_code_of (const char *name)
{
#define COVEY_X(code, text, doc)   \
    if (strcmp (name, #text) == 0) \
        return COVEY_##text;
    COVEY_ERROR_MAP (COVEY_X)
#undef COVEY_X
    return COVEY_REMOTE;
}

static covey_err_t
s_try_call (covey_agent_t *self, const covey_call_t *call, int timeout_ms,
            covey_event_t **response_p, covey_errbuf_t *err)
{
    covey_event_t *response;
    covey_err_t rc =
        covey_i_agent_exchange (self, call, timeout_ms, &response, err);
    if (rc == COVEY_NOAGENT) {
        rc = s_missing_service (call->target);
        return covey_fail (err, rc,
                           "%s: no node of this mesh runs the %s now; start "
                           "one with --roles %s",
                           call->method, call->target, call->target);
    }
    if (rc)
        return rc;
    if (covey_event_bool (response, "success")) {
        *response_p = response;
        return COVEY_OK;
    }
    rc = s_code_of (covey_event_str (response, "error.code"));
    rc = covey_fail (err, rc == COVEY_OK ? COVEY_REMOTE : rc, "%s",
                     covey_event_str (response, "error.message"));
    covey_event_destroy (&response);
    return rc;
}

covey_err_t
covey_i_agent_call (covey_agent_t *self, const covey_call_t *call,
                    int timeout_ms, covey_event_t **response_p,
                    covey_errbuf_t *err)
{
    int64_t until_ms = covey_i_deadline (timeout_ms);
    /* The same id on each try: a service executes it once. */
    char request_id[37];
    covey_id_t id = covey_id_new ();
    covey_id_text (id.bytes, request_id);
    covey_call_t once = *call;
    if (!once.request_id)
        once.request_id = request_id;
    for (;;) {
        int64_t left_ms = until_ms - covey_clock_mono_ms ();
        covey_err_t rc = s_try_call (
            self, &once, left_ms > 0 ? (int)left_ms : 0, response_p, err);
        if ((rc != COVEY_NOCOORDINATOR && rc != COVEY_NOPERSISTER) ||
            !s_may_ask_again (until_ms))
            return rc;
        s_pause (self);
    }
}
