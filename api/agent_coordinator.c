/*  agent_coordinator - who coordinates, as requests to the coordinator       */

#include <assert.h>
#include <string.h>

#include "api/control.h"
#include "proto/json.h"

static covey_err_t
s_order (covey_agent_t *self, const char *method, const char *node,
         int timeout_ms, char **result_p)
{
    assert (self && node);
    Covey__Control__CoordinatorRef ref = COVEY__CONTROL__COORDINATOR_REF__INIT;
    covey_call_t call = {.target = COVEY_SERVICE_COORDINATOR, .method = method};
    ref.node = (char *)(uintptr_t)node; /* only read                          */
    return covey_i_control (
        self, &call, &ref.base,
        timeout_ms > 0 ? timeout_ms : COVEY_AGENT_REQUEST_MS, result_p);
}

covey_err_t
covey_coordinator_list (covey_agent_t *self, int timeout_ms, char **result_p)
{
    assert (self);
    return covey_i_control_json (
        self, "mesh.coordinator.list",
        &covey__control__coordinator_query__descriptor, NULL,
        timeout_ms > 0 ? timeout_ms : COVEY_AGENT_REQUEST_MS, result_p);
}

covey_err_t
covey_coordinator_add (covey_agent_t *self, const char *node, int timeout_ms,
                       char **result_p)
{
    return s_order (self, "mesh.coordinator.add", node, timeout_ms, result_p);
}

covey_err_t
covey_coordinator_remove (covey_agent_t *self, const char *node, int timeout_ms,
                          char **result_p)
{
    return s_order (self, "mesh.coordinator.remove", node, timeout_ms,
                    result_p);
}

covey_err_t
covey_coordinator_transfer (covey_agent_t *self, const char *node,
                            int timeout_ms, char **result_p)
{
    assert (self);
    if (node)
        return s_order (self, "mesh.coordinator.transfer", node, timeout_ms,
                        result_p);
    /* Asked twice it is to be done once: from whom? */
    char *text = NULL;
    ProtobufCMessage *list = NULL;
    covey_err_t rc = covey_coordinator_list (self, timeout_ms, &text);
    if (rc == COVEY_OK)
        rc = covey_json_read (&covey__control__coordinator_list__descriptor,
                              text, strlen (text), &list, covey_errbuf ());
    covey_free (text);
    if (rc)
        return rc;
    Covey__Control__CoordinatorTransfer order =
        COVEY__CONTROL__COORDINATOR_TRANSFER__INIT;
    covey_call_t call = {.target = COVEY_SERVICE_COORDINATOR,
                         .method = "mesh.coordinator.transfer"};
    order.from = ((Covey__Control__CoordinatorList *)list)->leader;
    rc = covey_i_control (self, &call, &order.base,
                          timeout_ms > 0 ? timeout_ms : COVEY_AGENT_REQUEST_MS,
                          result_p);
    protobuf_c_message_free_unpacked (list, NULL);
    return rc;
}
