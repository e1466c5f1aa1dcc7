/*  support_control - a control plane in a test: JSON in, answer and facts out,
    every command kept, so that it can be replayed                            */
#ifndef COVEY_SUPPORT_CONTROL_H_INCLUDED
#define COVEY_SUPPORT_CONTROL_H_INCLUDED

#include "coordinator/method.h"
#include "coordinator/state.h"

typedef struct {
    covey_state_t *state;
    covey_state_limits_t limits;
    covey_effects_t effects; /* of the last command                           */
    uint64_t index;
    int64_t now_us;
    uint64_t requests;
    uint64_t sessions;
    covey_buf_t reply; /* JSON, terminated                                    */
    covey_errbuf_t err;
    uint8_t **log; /* packed commands                                         */
    size_t *log_sizes;
    size_t log_count, log_capacity, sizes_capacity;
} support_control_t;

void support_control_init (support_control_t *self,
                           const covey_state_limits_t *limits);
void support_control_deinit (support_control_t *self);
/*  One for a test that ends with support_control_end: a replay of its log and a
    snapshot come to the same state.                                          */
support_control_t *support_control_new (const covey_state_limits_t *limits);
void support_control_end (support_control_t *self);
/*  A state that is loaded from its snapshot is the same.                    */
void support_check_saved (const support_control_t *self);

/*  Call a method as `client`; params from a format.                         */
covey_err_t support_call (support_control_t *self, const char *client,
                          const char *method, const char *fmt, ...)
    __attribute__ ((format (printf, 4, 5)));
/*  With a request id of the caller's choice.                                */
covey_err_t support_call_as (support_control_t *self, const char *client,
                             const char *request_id, const char *method,
                             const char *json);
void support_agent_up (support_control_t *self, const char *agent_id,
                       const char *type, const char *capabilities,
                       uint32_t slots);
void support_agent_down (support_control_t *self, const char *agent_id);
/*  `graceful`: it says goodbye.                                             */
void support_agent_down_as (support_control_t *self, const char *agent_id,
                            bool graceful);
void support_agent_load (support_control_t *self, const char *agent_id,
                         const char *state, int capacity);
void support_tick (support_control_t *self, int64_t later_ms);
/*  All facts have to keep the contract of events.                           */
void support_apply (support_control_t *self, Covey__Control__Command *command);

/*  In the last reply: the value of a key as text or number; "" and 0 when it
    is not there.                                                             */
const char *support_reply (support_control_t *self, const char *key);
int64_t support_reply_int (support_control_t *self, const char *key);
/*  The n-th fact of a type that the last command made, or NULL; and how many.
 */
const covey_event_t *support_fact (const support_control_t *self, int type,
                                   size_t n);
size_t support_fact_count (const support_control_t *self, int type);

/*  A second state from the same log: its digest.                            */
uint64_t support_replay (const support_control_t *self);

#endif
