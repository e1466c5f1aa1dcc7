/*  Requests and their answers.                                              */
#include <string.h>

#include "proto/event_class.h"

covey_event_t *
covey_event_request (const char *source, const char *target,
                     const char *request_id, const char *method,
                     const char *params_json, int64_t timeout_ms)
{
    covey_event_t *self = covey_event_new (COVEY_EVENT_REQUEST);
    if (!self)
        return NULL;
    covey_err_t rc = covey_event_set_source (self, source);
    if (rc == COVEY_OK && target)
        rc = covey_event_add_target (self, target);
    if (rc == COVEY_OK)
        rc = covey_event_set_correlation_id (self, request_id);
    if (rc == COVEY_OK)
        rc = covey_event_set_str (self, "requestId", request_id);
    if (rc == COVEY_OK)
        rc = covey_event_set_str (self, "method", method);
    if (rc == COVEY_OK && params_json)
        rc = covey_event_set_payload (self, "params", COVEY_CONTENT_JSON,
                                      params_json, strlen (params_json));
    if (rc == COVEY_OK && timeout_ms > 0)
        rc = covey_event_set_int (self, "timeout", timeout_ms);
    if (rc != COVEY_OK)
        covey_event_destroy (&self);
    return self;
}

/*  A response without its outcome.                                          */
static covey_event_t *
s_answer (const covey_event_t *request, const char *source, bool success)
{
    covey_event_t *self = covey_event_new (COVEY_EVENT_RESPONSE);
    if (!self)
        return NULL;
    const char *correlation_id = covey_event_correlation_id (request);
    covey_err_t rc = covey_event_set_source (self, source);
    /* A request made by hand may lack its source; the node fills it in. */
    if (rc == COVEY_OK && *covey_event_source (request))
        rc = covey_event_add_target (self, covey_event_source (request));
    if (rc == COVEY_OK && *correlation_id)
        rc = covey_event_set_correlation_id (self, correlation_id);
    if (rc == COVEY_OK)
        rc = covey_event_set_causation_id (self, covey_event_id (request));
    if (rc == COVEY_OK)
        rc = covey_event_set_priority (self, covey_event_priority (request));
    if (rc == COVEY_OK)
        rc = covey_event_set_str (self, "requestId",
                                  covey_event_str (request, "requestId"));
    if (rc == COVEY_OK)
        rc = covey_event_set_bool (self, "success", success);
    if (rc != COVEY_OK)
        covey_event_destroy (&self);
    return self;
}

covey_event_t *
covey_event_response (const covey_event_t *request, const char *source,
                      covey_content_t content, const void *data, size_t size)
{
    covey_event_t *self = s_answer (request, source, true);
    if (self && data &&
        covey_event_set_payload (self, "result", content, data, size) !=
            COVEY_OK)
        covey_event_destroy (&self);
    return self;
}

covey_event_t *
covey_event_error (const covey_event_t *request, const char *source,
                   const char *code, const char *message)
{
    covey_event_t *self = s_answer (request, source, false);
    if (self &&
        (covey_event_set_str (self, "error.code", code) != COVEY_OK ||
         covey_event_set_str (self, "error.message", message) != COVEY_OK))
        covey_event_destroy (&self);
    return self;
}
