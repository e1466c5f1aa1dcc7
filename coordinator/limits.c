#include "coordinator/limits.h"

#include "proto/json_map.h"

void
covey_state_limits_init (covey_state_limits_t *self)
{
    *self = (covey_state_limits_t){
        .agents_max = 100000,
        .tasks_max = 100000,
        .task_bytes_max = 512u << 20,
        .ended_max = 100000,
        .ended_bytes_max = 256u << 20,
        .ended_us = 86400000000, /* a day */
        .parked_max = 10000,
        .swarms_max = 10000,
        .swarms_ended_max = 1000,
        .votes_open_max = 10000,
        .votes_decided_max = 10000,
        .memory_value_max = COVEY_MEMORY_VALUE_MAX,
        .memory = {.entries_max = 100000,
                   .bytes_max = 256u << 20,
                   .space_entries_max = 50000,
                   .space_bytes_max = 128u << 20,
                   .ended_max = 10000},
        .claims_max = 10000,
        .claim_bytes_max = 32u << 20,
        .claims_ended_max = 1000,
        .coordinations_max = 1000,
        .coordination_bytes_max = 256u << 20,
        .coordinations_ended_max = 1000,
        .coordination_ended_bytes_max = 64u << 20,
        .unsigned_ballots = 1,
        .ballot_keys_max = 100000,
    };
}

/*  The name as it is asked for: "task_bytes" is taskBytes.                   */
static covey_err_t
s_check (const char *name, uint64_t value, uint64_t min, uint64_t max,
         covey_errbuf_t *err)
{
    if (value >= min && value <= max)
        return COVEY_OK;
    char json[COVEY_JSON_NAME_MAX];
    covey_json_name (protobuf_c_message_descriptor_get_field_by_name (
                         &covey__control__mesh_limits__descriptor, name),
                     json);
    return covey_fail (err, COVEY_INVALID,
                       "%s is %llu, allowed are %llu to %llu", json,
                       (unsigned long long)value, (unsigned long long)min,
                       (unsigned long long)max);
}

covey_err_t
covey_limits_check (const Covey__Control__MeshLimits *wanted,
                    covey_errbuf_t *err)
{
    covey_err_t code = COVEY_OK;
#define X(name, place, type, scale, min, max)                                  \
    if (!code && wanted->has_##name)                                           \
        code = s_check (#name, wanted->name, (uint64_t)(min), (uint64_t)(max), \
                        err);
    COVEY_LIMITS (X)
#undef X
    return code;
}

void
covey_limits_set (covey_state_limits_t *self,
                  const Covey__Control__MeshLimits *wanted)
{
#define X(name, place, type, scale, min, max) \
    if (wanted->has_##name)                   \
        self->place = (type)wanted->name * (scale);
    COVEY_LIMITS (X)
#undef X
}

void
covey_limits_show (const covey_state_limits_t *self,
                   Covey__Control__MeshLimits *to)
{
#define X(name, place, type, scale, min, max) \
    to->has_##name = true;                    \
    to->name = (uint64_t)self->place / (uint64_t)(scale);
    COVEY_LIMITS (X)
#undef X
}
