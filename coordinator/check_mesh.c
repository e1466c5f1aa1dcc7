/*  Parameters of the methods that are about the mesh itself.                 */
#include "coordinator/check_impl.h"
#include "coordinator/limits.h"

covey_err_t
covey_check_outcome_query (const ProtobufCMessage *params, covey_errbuf_t *err)
{
    const Covey__Control__OutcomeQuery *p =
        (const Covey__Control__OutcomeQuery *)params;
    covey_check_t c = {COVEY_OK, err};
    covey_check_name (&c, "requestId", p->request_id);
    covey_check_agent (&c, "client", p->client);
    return c.code;
}

covey_err_t
covey_check_mesh_limits (const ProtobufCMessage *params, covey_errbuf_t *err)
{
    return covey_limits_check ((const Covey__Control__MeshLimits *)params, err);
}
