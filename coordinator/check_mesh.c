/*  Parameters of the methods that are about the mesh itself.                 */
#include "coordinator/check_impl.h"

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
