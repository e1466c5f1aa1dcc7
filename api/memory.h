/*  memory - versions of the shared memory as the API shows them

    Role      from a view of the coordinator to covey_memory_info_t, with a copy
              of the value that has a NUL behind it
*/
#ifndef COVEY_API_MEMORY_H_INCLUDED
#define COVEY_API_MEMORY_H_INCLUDED

#include "api/control.h"

typedef struct {
    covey_memory_info_t info;
    void *value;
} covey_i_memory_t;

/*  `view` must outlive it.                                                  */
void covey_i_memory_init (covey_i_memory_t *self,
                          const Covey__Control__MemoryView *view);
void covey_i_memory_deinit (covey_i_memory_t *self);

/*  Ask the coordinator, and read its answer as a message that the caller frees
    with protobuf_c_message_free_unpacked.                                    */
covey_err_t covey_i_memory_ask (covey_agent_t *agent, const char *method,
                                const ProtobufCMessage *params,
                                const ProtobufCMessageDescriptor *answer,
                                int timeout_ms, ProtobufCMessage **answer_p);
/*  A page of a list: behind the key `after` (NULL: the first), as it was at a
    revision (0: as it is).                                                   */
covey_err_t covey_i_memory_page (covey_agent_t *agent,
                                 const covey_memory_query_t *query,
                                 const char *after, uint64_t at, int timeout_ms,
                                 Covey__Control__MemoryList **list_p);

#endif
