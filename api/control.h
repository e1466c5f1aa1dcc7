/*  control - how an agent speaks with the mesh's services

    Role      typed params in, JSON out; retried while no service is there;
              and waiting for a task or proposal to reach its end
    Threads   without the agent's lock
*/
#ifndef COVEY_CONTROL_H_INCLUDED
#define COVEY_CONTROL_H_INCLUDED

#include "api/agent_i.h"
#include "proto/control.pb-c.h"

/*  `call` without params: they are `params` as JSON. `*result_p` (result_p may
    be NULL) is the caller's.                                                 */
covey_err_t covey_i_control (covey_agent_t *self, const covey_call_t *call,
                             const ProtobufCMessage *params, int timeout_ms,
                             char **result_p);
/*  Params that the caller wrote: checked here against `descriptor`, so that a
    misspelt field is named before anything is sent.                          */
covey_err_t covey_i_control_json (covey_agent_t *self, const char *method,
                                  const ProtobufCMessageDescriptor *descriptor,
                                  const char *json, int timeout_ms,
                                  char **result_p);

/*  Sleep until the subscription `handle` saw an event since `*hits`, which is
    brought up to date, or is gone: true; or until the time: false.           */
bool covey_i_await_hit (covey_agent_t *self, uint32_t handle, uint32_t *hits,
                        int64_t until_ms);

/*  Something that ends in one of `states`, and the events that tell.         */
typedef struct {
    const char *what; /* for messages                                         */
    const char *id;
    covey_err_t (*show) (covey_agent_t *self, const char *id, int timeout_ms,
                         char **result_p);
    const int *types;
    size_t type_count;
    const ProtobufCMessageDescriptor *descriptor; /* of what show returns     */
    const char *const *states;                    /* the last is NULL         */
} covey_await_t;

covey_err_t covey_i_await_state (covey_agent_t *self,
                                 const covey_await_t *await, int timeout_ms,
                                 char **result_p);

#endif
