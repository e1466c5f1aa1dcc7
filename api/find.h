/*  find - the directory of agents, as the agent's node knows it              */
#ifndef COVEY_FIND_H_INCLUDED
#define COVEY_FIND_H_INCLUDED

#include "covey.h"
#include "base/err.h"

/*  All rows that match, as one JSON array that the caller frees.             */
covey_err_t covey_i_find_json (covey_agent_t *self,
                               const covey_agent_query_t *query, int timeout_ms,
                               char **json_p);

#endif
