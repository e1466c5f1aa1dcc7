/*  agent_respond - answers to the questions of others                        */

#include "api/agent_i.h"

#include <assert.h>
#include <string.h>

#include "proto/json.h"

static covey_err_t
s_respond (covey_agent_t *self, const covey_event_t *request,
           covey_event_t **response_p)
{
    if (!*response_p)
        return covey_fail (covey_errbuf (), COVEY_INVALID, "%s",
                           covey_error ());
    covey_i_agent_lock (self);
    memcpy (self->answered, covey_event_id (request), 16);
    covey_i_agent_unlock (self);
    return covey_i_agent_post (self, response_p, true, COVEY_AGENT_REPORT_MS,
                               covey_errbuf ());
}

covey_err_t
covey_agent_respond (covey_agent_t *self, const covey_event_t *request,
                     covey_content_t content, const void *data, size_t size)
{
    assert (self && request);
    if (covey_event_type (request) != COVEY_EVENT_REQUEST)
        return covey_fail (covey_errbuf (), COVEY_INVALID,
                           "only a request can be responded to");
    if (content == COVEY_CONTENT_JSON && !covey_json_is_valid (data, size))
        return covey_fail (covey_errbuf (), COVEY_MALFORMED,
                           "the result is not JSON: %.*s",
                           size < 80 ? (int)size : 80, (const char *)data);
    covey_event_t *response =
        covey_event_response (request, self->id, content, data, size);
    return s_respond (self, request, &response);
}

covey_err_t
covey_agent_respond_error (covey_agent_t *self, const covey_event_t *request,
                           const char *code, const char *message)
{
    assert (self && request);
    if (covey_event_type (request) != COVEY_EVENT_REQUEST)
        return covey_fail (covey_errbuf (), COVEY_INVALID,
                           "only a request can be responded to");
    covey_event_t *response =
        covey_event_error (request, self->id, code, message);
    return s_respond (self, request, &response);
}
