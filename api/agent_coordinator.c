/*  agent_coordinator - who coordinates, as requests to the coordinator       */

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "api/control.h"
#include "proto/json.h"
#include "proto/json_scan.h"

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

/*  {"a":1} becomes {"consistency":"stale","a":1}, which the caller frees.    */
static covey_err_t
s_read_params (const char *params, const char *consistency, char **text_p,
               covey_errbuf_t *err)
{
    size_t size = strlen (params);
    covey_err_t rc =
        covey_json_check (params, size, COVEY_JSON_DEPTH_MAX, "params", err);
    if (rc)
        return rc;
    covey_slice_t object = covey_json_trim (params, size);
    if (*object.text != '{')
        return covey_fail (err, COVEY_INVALID, "params must be an object");
    covey_slice_t inner = covey_json_trim (object.text + 1, object.size - 2);
    covey_buf_t json;
    covey_buf_init (&json, size + 6 * strlen (consistency) + 64);
    covey_buf_puts (&json, "{\"consistency\":");
    covey_json_quote (&json, consistency, strlen (consistency));
    covey_buf_puts (&json, inner.size ? "," : "");
    (void)covey_buf_append (&json, inner.text, inner.size); /* it has room    */
    covey_buf_putc (&json, '}');
    *text_p = covey_buf_steal (&json);
    covey_buf_deinit (&json);
    return COVEY_OK;
}

covey_err_t
covey_agent_read (covey_agent_t *self, const char *method,
                  const char *params_json, const char *consistency,
                  int timeout_ms, char **result_p)
{
    assert (self && method && result_p);
    covey_errbuf_t why;
    char *params = NULL;
    covey_err_t rc =
        s_read_params (params_json ? params_json : "{}",
                       consistency ? consistency : "default", &params, &why);
    if (rc)
        return covey_fail (covey_errbuf (), rc, "%s: %s", method, why.text);
    rc = covey_agent_request (self, COVEY_SERVICE_COORDINATOR, method, params,
                              timeout_ms, result_p);
    free (params);
    return rc;
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
