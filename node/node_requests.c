/*  node_requests - who asked is told when the one that was asked is gone */

#include "node/hub.h"

#include <stdio.h>
#include <string.h>

#include "node/fields.h"
#include "proto/event.h"

#define REQUEST_MS 30000 /* of a request that names no timeout */
#define SWEEP_MS 1000    /* also when nobody came or went                    */

void
covey_hub_note_request (covey_hub_t *self, const covey_peek_t *request,
                        const covey_directory_entry_t *target)
{
    int64_t timeout_ms = (int64_t)covey_field_number (
        request->data, COVEY_FIELD_REQUEST_TIMEOUT, REQUEST_MS);
    if (timeout_ms <= 0 || timeout_ms > INT32_MAX)
        timeout_ms = REQUEST_MS;
    covey_requests_add (self->requests, request, target->session_id,
                        self->now_ms + timeout_ms);
}

static covey_err_t
s_code (const char *target)
{
    if (strcmp (target, COVEY_SERVICE_COORDINATOR) == 0)
        return COVEY_NOCOORDINATOR;
    return strcmp (target, COVEY_SERVICE_PERSISTER) == 0 ? COVEY_NOPERSISTER
                                                         : COVEY_NOAGENT;
}

/*  A later session of the same agent knows nothing of the request.          */
static bool
s_is_gone (void *arg, const covey_request_t *request)
{
    covey_hub_t *self = arg;
    const covey_directory_entry_t *entry =
        covey_hub_find_target (self, request->target, strlen (request->target));
    if (entry && memcmp (entry->session_id, request->session_id, 16) == 0)
        return false;
    if (covey_workgroup_is_open (self->groups, request->event_id))
        return false; /* another one is asked                                 */
    char text[COVEY_AGENT_ID_MAX + 64];
    snprintf (text, sizeof text, "agent %s is gone and did not answer",
              request->target);
    Covey__Wire__Undelivered notice = COVEY__WIRE__UNDELIVERED__INIT;
    notice.event_id.data = (uint8_t *)request->event_id;
    notice.event_id.len = sizeof request->event_id;
    notice.target = request->target;
    notice.code = s_code (request->target);
    notice.text = text;
    notice.request_id = request->request_id;
    covey_slice_t source = {.text = request->source,
                            .size = strlen (request->source)};
    covey_hub_return_notice (self, source, &notice);
    return true;
}

void
covey_hub_tick_requests (covey_hub_t *self)
{
    uint64_t version = covey_directory_version (self->directory);
    if (version == self->directory_version && self->now_ms < self->sweep_ms)
        return;
    self->directory_version = version;
    self->sweep_ms = self->now_ms + SWEEP_MS;
    covey_requests_sweep (self->requests, self->now_ms, s_is_gone, self);
}
