/*  status - the state of the mesh as one JSON object, gathered from the node,
    the coordinator and the persister
*/
#ifndef COVEY_STATUS_H_INCLUDED
#define COVEY_STATUS_H_INCLUDED

#include "base/err.h"

/*  Asks through `client`, an attached agent. What does not answer in time is
    there with empty values; only the node must answer. The caller frees the
    text.                                                                     */
covey_err_t covey_i_status (covey_agent_t *client, int timeout_ms,
                            char **json_p, covey_errbuf_t *err);

#endif
