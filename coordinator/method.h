/*  method - the table of what the coordinator can be asked

    Role      pure; JSON params become a command for the log, or a question
              that is answered from the state (docs/methods.md)
*/
#ifndef COVEY_METHOD_H_INCLUDED
#define COVEY_METHOD_H_INCLUDED

#include "coordinator/check.h"
#include "coordinator/state.h"

/*  `caller` is the agent id of who asks.                                    */
typedef covey_err_t (covey_method_read_fn) (const covey_state_t *state,
                                            const char *caller,
                                            const ProtobufCMessage *params,
                                            covey_buf_t *to,
                                            covey_errbuf_t *err);

typedef struct {
    const char *name;
    const ProtobufCMessageDescriptor *params;
    covey_check_fn *check; /* or NULL                                         */
    int op;                /* case of Command.op; 0: a question               */
    covey_method_read_fn *read; /* of a question                              */
} covey_method_t;

/*  How fresh the answer to a question has to be.                            */
typedef enum {
    COVEY_READ_DEFAULT,     /* as the one that leads knows it                 */
    COVEY_READ_STALE,       /* as any coordinator knows it                    */
    COVEY_READ_LINEARIZABLE /* and a majority says that it leads              */
} covey_consistency_t;

/*  NOTFOUND with the nearest name.                                          */
covey_err_t covey_method_find (const char *name,
                               const covey_method_t **method_p,
                               covey_errbuf_t *err);
/*  All methods, index from 0; NULL at the end.                              */
const covey_method_t *covey_method_at (size_t index);

/*  Read and check. `json` may be empty for no params. The caller frees
    `*params_p` with protobuf_c_message_free_unpacked.                        */
covey_err_t covey_method_params (const covey_method_t *self, const char *json,
                                 size_t size, ProtobufCMessage **params_p,
                                 covey_errbuf_t *err);
/*  What checked params ask for.                                             */
covey_consistency_t covey_method_consistency (const covey_method_t *self,
                                              const ProtobufCMessage *params);
/*  Put params into a command; it borrows them.                              */
void covey_method_fill (const covey_method_t *self, ProtobufCMessage *params,
                        Covey__Control__Command *command);

#endif
