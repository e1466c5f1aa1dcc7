/*  limits - how much of everything a mesh takes: part of the replicated state,
    changed by a command, so that all replicas refuse alike

    Role      pure; one table says each limit's name in mesh.limits, its place,
              its unit and what can be asked for
    Lowering  one below what there is refuses more until there is less; of what
              is kept after its end the oldest go at the next command
    Defaults  covey_state_limits_init; they never change: an old log that is
              replayed begins with them
*/
#ifndef COVEY_LIMITS_H_INCLUDED
#define COVEY_LIMITS_H_INCLUDED

#include "coordinator/memory.h"
#include "proto/control.pb-c.h"

typedef struct {
    size_t agents_max;     /* that are up                                   */
    size_t tasks_max;      /* not ended; more get EAGAIN                    */
    size_t task_bytes_max; /* of those: texts and payloads                  */
    size_t ended_max;      /* ended tasks that are kept                     */
    size_t ended_bytes_max;
    int64_t ended_us; /* for how long                                  */
    size_t parked_max;
    size_t swarms_max;       /* active                                        */
    size_t swarms_ended_max; /* disbanded ones that are kept                  */
    size_t votes_open_max;
    size_t votes_decided_max;
    size_t memory_value_max; /* bytes of one value                    */
    covey_memory_limits_t memory;
    size_t claims_max;       /* held and waiting ones                         */
    size_t claim_bytes_max;  /* of those: texts                               */
    size_t claims_ended_max; /* ended ones that are kept                      */
    size_t coordinations_max; /* that have not ended                          */
    size_t coordination_bytes_max;
    size_t coordinations_ended_max; /* that are kept                          */
    size_t coordination_ended_bytes_max;
    size_t unsigned_ballots; /* 1: are taken, 0: are refused                  */
    size_t ballot_keys_max;
} covey_state_limits_t;

void covey_state_limits_init (covey_state_limits_t *self);

#define COVEY_LIMIT_BYTES_MAX INT64_C (1099511627776) /* a TiB */
#define COVEY_LIMIT_AGE_MAX_MS INT64_C (31536000000)  /* a year              */

/*  X (name, place, type, scale, min, max): `place` holds `scale` times what the
    message's field `name` has.                                               */
#define COVEY_LIMITS(X)                                                        \
    X (agents, agents_max, size_t, 1, 1, 1000000)                              \
    X (tasks, tasks_max, size_t, 1, 1, 10000000)                               \
    X (task_bytes, task_bytes_max, size_t, 1, 1, COVEY_LIMIT_BYTES_MAX)        \
    X (ended_tasks, ended_max, size_t, 1, 0, 10000000)                         \
    X (ended_task_bytes, ended_bytes_max, size_t, 1, 0, COVEY_LIMIT_BYTES_MAX) \
    X (ended_task_age, ended_us, int64_t, 1000, 1, COVEY_LIMIT_AGE_MAX_MS)     \
    X (parked_tasks, parked_max, size_t, 1, 0, 10000000)                       \
    X (swarms, swarms_max, size_t, 1, 1, 1000000)                              \
    X (ended_swarms, swarms_ended_max, size_t, 1, 0, 1000000)                  \
    X (open_votes, votes_open_max, size_t, 1, 1, 1000000)                      \
    X (decided_votes, votes_decided_max, size_t, 1, 0, 1000000)                \
    X (memory_value_bytes, memory_value_max, size_t, 1, 1,                     \
       COVEY_MEMORY_VALUE_LIMIT)                                               \
    X (memory_entries, memory.entries_max, size_t, 1, 1, 10000000)             \
    X (memory_bytes, memory.bytes_max, size_t, 1, 1, COVEY_LIMIT_BYTES_MAX)    \
    X (namespace_entries, memory.space_entries_max, size_t, 1, 1, 10000000)    \
    X (namespace_bytes, memory.space_bytes_max, size_t, 1, 1,                  \
       COVEY_LIMIT_BYTES_MAX)                                                  \
    X (deleted_memory, memory.ended_max, size_t, 1, 0, 10000000)               \
    X (claims, claims_max, size_t, 1, 1, 1000000)                              \
    X (claim_bytes, claim_bytes_max, size_t, 1, 1, COVEY_LIMIT_BYTES_MAX)      \
    X (ended_claims, claims_ended_max, size_t, 1, 0, 1000000)                  \
    X (coordinations, coordinations_max, size_t, 1, 1, 1000000)                \
    X (coordination_bytes, coordination_bytes_max, size_t, 1, 1,               \
       COVEY_LIMIT_BYTES_MAX)                                                  \
    X (ended_coordinations, coordinations_ended_max, size_t, 1, 0, 1000000)    \
    X (ended_coordination_bytes, coordination_ended_bytes_max, size_t, 1, 0,   \
       COVEY_LIMIT_BYTES_MAX)                                                  \
    X (unsigned_ballots, unsigned_ballots, size_t, 1, 0, 1)                    \
    X (ballot_keys, ballot_keys_max, size_t, 1, 0, 1000000)

/*  The end of a refusal, with the JSON name of the limit and its value as
    unsigned long long.                                                       */
#define COVEY_LIMIT_HINT(name)                                           \
    "; the mesh's limit " name " is %llu: try again later, or raise it " \
    "(covey limits " name "=N)"

/*  INVALID: the line names the limit, the value and its bounds.             */
covey_err_t covey_limits_check (const Covey__Control__MeshLimits *wanted,
                                covey_errbuf_t *err);
/*  Those that are given.                                                    */
void covey_limits_set (covey_state_limits_t *self,
                       const Covey__Control__MeshLimits *wanted);
/*  All of them.                                                             */
void covey_limits_show (const covey_state_limits_t *self,
                        Covey__Control__MeshLimits *to);

#endif
