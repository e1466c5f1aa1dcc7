/*  fields - single fields of a packed message, for what a node must know of the
    events that pass through it (request ids, swarm facts, agent states)

    Role      pure, allocates nothing; the numbers are those of event.proto
*/
#ifndef COVEY_FIELDS_H_INCLUDED
#define COVEY_FIELDS_H_INCLUDED

#include "proto/peek.h"

/*  Field numbers inside the messages of the types.                          */
enum {
    COVEY_FIELD_REQUEST_ID = 1, /* Request, Response                     */
    COVEY_FIELD_REQUEST_METHOD = 2,
    COVEY_FIELD_REQUEST_TIMEOUT = 4,
    COVEY_FIELD_READY_CAPACITY = 2, /* AgentReady                            */
    COVEY_FIELD_READY_TASKS = 3,
    COVEY_FIELD_BUSY_TASKS = 2,    /* AgentBusy                             */
    COVEY_FIELD_SWARM_ID = 1,      /* SwarmFormed, Joined, Left, Disbanded  */
    COVEY_FIELD_SWARM_AGENT = 2,   /* SwarmJoined, SwarmLeft                */
    COVEY_FIELD_SWARM_MEMBERS = 5, /* SwarmFormed                           */
    COVEY_FIELD_BROADCAST_SCOPE = 3,
    COVEY_FIELD_BROADCAST_FILTER = 4,
    COVEY_FIELD_BROADCAST_SWARM = 5,
    COVEY_FIELD_FILTER_TYPES = 1,
    COVEY_FIELD_FILTER_CAPABILITIES = 2,
    COVEY_FIELD_FILTER_TAGS = 3
};

/*  The last one of that number; empty when there is none.                   */
covey_slice_t covey_field_bytes (covey_slice_t message, uint32_t number);
uint64_t covey_field_number (covey_slice_t message, uint32_t number,
                             uint64_t absent);
/*  The one at `*cursor` (start with 0) or after; false at the end.          */
bool covey_field_each (covey_slice_t message, uint32_t number, size_t *cursor,
                       covey_slice_t *value);

#endif
