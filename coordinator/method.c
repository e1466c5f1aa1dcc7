#include "coordinator/method.h"

#include <string.h>

#include "base/str.h"
#include "proto/json.h"

/*  A question whose answer is the same for everybody.                        */
#define READ(name, ask, Params)                                                \
    static covey_err_t name (const covey_state_t *state, const char *caller,   \
                             const ProtobufCMessage *params, covey_buf_t *to,  \
                             covey_errbuf_t *err)                              \
    {                                                                          \
        (void)caller;                                                          \
        return ask (state, (const Covey__Control__##Params *)params, to, err); \
    }
/*  One about the object that a field names.                                 */
#define READ_ONE(name, ask, Params, field)                                    \
    static covey_err_t name (const covey_state_t *state, const char *caller,  \
                             const ProtobufCMessage *params, covey_buf_t *to, \
                             covey_errbuf_t *err)                             \
    {                                                                         \
        (void)caller;                                                         \
        return ask (state, ((const Covey__Control__##Params *)params)->field, \
                    to, err);                                                 \
    }

READ_ONE (s_read_task, covey_state_task, TaskRef, task_id)
READ (s_read_tasks, covey_state_tasks, TaskQuery)
READ_ONE (s_read_schedule, covey_state_schedule, ScheduleRef, schedule_id)
READ (s_read_schedules, covey_state_schedules, ListQuery)
READ_ONE (s_read_swarm, covey_state_swarm, SwarmRef, swarm_id)
READ (s_read_swarms, covey_state_swarms, ListQuery)
READ_ONE (s_read_vote, covey_state_vote, ProposalRef, consensus_id)
READ (s_read_votes, covey_state_votes, ListQuery)
READ (s_read_agents, covey_state_agents, ListQuery)
READ_ONE (s_read_coordination, covey_state_coordination, CoordinationRef,
          coordination_id)
READ (s_read_coordinations, covey_state_coordinations, ListQuery)
READ (s_read_memory, covey_state_memory, MemoryGet)
READ (s_read_memory_history, covey_state_memory_history, MemoryHistory)
READ (s_read_memory_list, covey_state_memory_list, MemoryQuery)
READ (s_read_memory_changes, covey_state_memory_changes, MemoryFollow)
READ_ONE (s_read_claim, covey_state_claim, ClaimRef, claim_id)
READ (s_read_claims, covey_state_claims, ClaimQuery)
READ (s_read_roles, covey_state_roles, ListQuery)
READ (s_read_memory_spaces, covey_state_memory_spaces, ListQuery)

static covey_err_t
s_read_limits (const covey_state_t *state, const char *caller,
               const ProtobufCMessage *params, covey_buf_t *to,
               covey_errbuf_t *err)
{
    (void)caller;
    (void)params;
    (void)err; /* they always fit */
    return covey_state_show_limits (state, to);
}

static covey_err_t
s_read_outcome (const covey_state_t *state, const char *caller,
                const ProtobufCMessage *params, covey_buf_t *to,
                covey_errbuf_t *err)
{
    return covey_state_outcome (
        state, caller, (const Covey__Control__OutcomeQuery *)params, to, err);
}

static covey_err_t
s_check_claim (const covey_state_t *state, const char *caller,
               const ProtobufCMessage *params, covey_buf_t *to,
               covey_errbuf_t *err)
{
    return covey_state_check_claim (
        state, caller, (const Covey__Control__ClaimCheck *)params, to, err);
}

#define PARAMS(name) &covey__control__##name##__descriptor
#define OP(NAME) COVEY__CONTROL__COMMAND__OP_##NAME

static const covey_method_t s_methods[] = {
    {"task.submit", PARAMS (task_submit), covey_check_task_submit,
     OP (TASK_SUBMIT), NULL},
    {"task.batch", PARAMS (task_batch), covey_check_task_batch, OP (TASK_BATCH),
     NULL},
    {"task.accept", PARAMS (task_report), covey_check_task_report,
     OP (TASK_ACCEPT), NULL},
    {"task.reject", PARAMS (task_report), covey_check_task_report,
     OP (TASK_REJECT), NULL},
    {"task.start", PARAMS (task_report), covey_check_task_report,
     OP (TASK_START), NULL},
    {"task.progress", PARAMS (task_report), covey_check_task_report,
     OP (TASK_PROGRESS), NULL},
    {"task.complete", PARAMS (task_report), covey_check_task_report,
     OP (TASK_COMPLETE), NULL},
    {"task.fail", PARAMS (task_report), covey_check_task_report, OP (TASK_FAIL),
     NULL},
    {"task.yield", PARAMS (task_report), covey_check_task_report,
     OP (TASK_YIELD), NULL},
    {"task.cancel", PARAMS (task_cancel), covey_check_task_cancel,
     OP (TASK_CANCEL), NULL},
    {"task.pause", PARAMS (task_ref), covey_check_task_ref, OP (TASK_PAUSE),
     NULL},
    {"task.resume", PARAMS (task_ref), covey_check_task_ref, OP (TASK_RESUME),
     NULL},
    {"task.retry", PARAMS (task_ref), covey_check_task_ref, OP (TASK_RETRY),
     NULL},
    {"task.show", PARAMS (task_ref), covey_check_task_ref, 0, s_read_task},
    {"task.list", PARAMS (task_query), NULL, 0, s_read_tasks},
    {"task.schedule.add", PARAMS (schedule_add), covey_check_schedule_add,
     OP (SCHEDULE_ADD), NULL},
    {"task.schedule.pause", PARAMS (schedule_ref), covey_check_schedule_ref,
     OP (SCHEDULE_PAUSE), NULL},
    {"task.schedule.resume", PARAMS (schedule_ref), covey_check_schedule_ref,
     OP (SCHEDULE_RESUME), NULL},
    {"task.schedule.delete", PARAMS (schedule_ref), covey_check_schedule_ref,
     OP (SCHEDULE_DELETE), NULL},
    {"task.schedule.show", PARAMS (schedule_ref), covey_check_schedule_ref, 0,
     s_read_schedule},
    {"task.schedule.list", PARAMS (list_query), NULL, 0, s_read_schedules},
    {"swarm.form", PARAMS (swarm_form), covey_check_swarm_form, OP (SWARM_FORM),
     NULL},
    {"swarm.join", PARAMS (swarm_member), covey_check_swarm_member,
     OP (SWARM_JOIN), NULL},
    {"swarm.leave", PARAMS (swarm_member), covey_check_swarm_member,
     OP (SWARM_LEAVE), NULL},
    {"swarm.disband", PARAMS (swarm_ref), covey_check_swarm_ref,
     OP (SWARM_DISBAND), NULL},
    {"swarm.task", PARAMS (swarm_task), covey_check_swarm_task, OP (SWARM_TASK),
     NULL},
    {"swarm.show", PARAMS (swarm_ref), covey_check_swarm_ref, 0, s_read_swarm},
    {"swarm.list", PARAMS (list_query), NULL, 0, s_read_swarms},
    {"swarm.propose", PARAMS (propose), covey_check_propose, OP (PROPOSE),
     NULL},
    {"swarm.vote", PARAMS (ballot), covey_check_ballot, OP (BALLOT), NULL},
    {"swarm.withdraw", PARAMS (proposal_ref), covey_check_proposal_ref,
     OP (WITHDRAW), NULL},
    {"swarm.proposal", PARAMS (proposal_ref), covey_check_proposal_ref, 0,
     s_read_vote},
    {"swarm.proposals", PARAMS (list_query), NULL, 0, s_read_votes},
    {"memory.put", PARAMS (memory_put), covey_check_memory_put, OP (MEMORY_PUT),
     NULL},
    {"memory.delete", PARAMS (memory_ref), covey_check_memory_ref,
     OP (MEMORY_DELETE), NULL},
    {"memory.incr", PARAMS (memory_incr), covey_check_memory_incr,
     OP (MEMORY_INCR), NULL},
    {"memory.share", PARAMS (memory_share), covey_check_memory_share,
     OP (MEMORY_SHARE), NULL},
    {"memory.retrieve", PARAMS (memory_ref), covey_check_memory_ref,
     OP (MEMORY_RETRIEVE), NULL},
    {"memory.get", PARAMS (memory_get), covey_check_memory_get, 0,
     s_read_memory},
    {"memory.history", PARAMS (memory_history), covey_check_memory_history, 0,
     s_read_memory_history},
    {"memory.list", PARAMS (memory_query), covey_check_memory_query, 0,
     s_read_memory_list},
    {"memory.changes", PARAMS (memory_follow), covey_check_memory_follow, 0,
     s_read_memory_changes},
    {"memory.namespaces", PARAMS (list_query), NULL, 0, s_read_memory_spaces},
    {"mesh.role.claim", PARAMS (role_claim), covey_check_role_claim,
     OP (ROLE_CLAIM), NULL},
    {"mesh.role.release", PARAMS (role_release), covey_check_role_release,
     OP (ROLE_RELEASE), NULL},
    {"mesh.role.list", PARAMS (list_query), NULL, 0, s_read_roles},
    {"mesh.claim.acquire", PARAMS (claim_acquire), covey_check_claim_acquire,
     OP (CLAIM_ACQUIRE), NULL},
    {"mesh.claim.renew", PARAMS (claim_renew), covey_check_claim_renew,
     OP (CLAIM_RENEW), NULL},
    {"mesh.claim.release", PARAMS (claim_release), covey_check_claim_release,
     OP (CLAIM_RELEASE), NULL},
    {"mesh.claim.show", PARAMS (claim_ref), covey_check_claim_ref, 0,
     s_read_claim},
    {"mesh.claim.list", PARAMS (claim_query), covey_check_claim_query, 0,
     s_read_claims},
    {"mesh.claim.check", PARAMS (claim_check), covey_check_claim_check, 0,
     s_check_claim},
    {"mesh.registry", PARAMS (list_query), NULL, 0, s_read_agents},
    {"mesh.limits", PARAMS (mesh_limits_query), NULL, 0, s_read_limits},
    {"mesh.setLimits", PARAMS (mesh_limits), covey_check_mesh_limits,
     OP (MESH_LIMITS), NULL},
    {"mesh.outcome", PARAMS (outcome_query), covey_check_outcome_query, 0,
     s_read_outcome},
    {"mesh.coordinate", PARAMS (coordinate), covey_check_coordinate,
     OP (COORDINATE), NULL},
    {"mesh.coordination.accept", PARAMS (coordination_ref),
     covey_check_coordination_ref, OP (COORDINATION_ACCEPT), NULL},
    {"mesh.coordination.reject", PARAMS (coordination_ref),
     covey_check_coordination_ref, OP (COORDINATION_REJECT), NULL},
    {"mesh.coordination.cancel", PARAMS (coordination_ref),
     covey_check_coordination_ref, OP (COORDINATION_CANCEL), NULL},
    {"mesh.coordination.pause", PARAMS (coordination_ref),
     covey_check_coordination_ref, OP (COORDINATION_PAUSE), NULL},
    {"mesh.coordination.resume", PARAMS (coordination_ref),
     covey_check_coordination_ref, OP (COORDINATION_RESUME), NULL},
    {"mesh.coordination.show", PARAMS (coordination_ref),
     covey_check_coordination_ref, 0, s_read_coordination},
    {"mesh.coordination.list", PARAMS (list_query), NULL, 0,
     s_read_coordinations},
    /* the shell's, which knows who leads: coordinator_admin.c */
    {"mesh.coordinator", PARAMS (coordinator_query), NULL, 0, NULL},
    {"mesh.coordinator.list", PARAMS (coordinator_query), NULL, 0, NULL},
    {"mesh.coordinator.add", PARAMS (coordinator_ref), NULL, 0, NULL},
    {"mesh.coordinator.remove", PARAMS (coordinator_ref), NULL, 0, NULL},
    {"mesh.coordinator.transfer", PARAMS (coordinator_transfer), NULL, 0, NULL},
};

const covey_method_t *
covey_method_at (size_t index)
{
    return index < sizeof s_methods / sizeof *s_methods ? &s_methods[index]
                                                        : NULL;
}

static const char *
s_next_name (const void *arg, size_t i)
{
    (void)arg;
    const covey_method_t *method = covey_method_at (i);
    return method ? method->name : NULL;
}

covey_err_t
covey_method_find (const char *name, const covey_method_t **method_p,
                   covey_errbuf_t *err)
{
    const covey_method_t *method;
    for (size_t i = 0; (method = covey_method_at (i)); i++)
        if (strcmp (method->name, name) == 0) {
            *method_p = method;
            return COVEY_OK;
        }
    const char *nearest = covey_str_nearest (name, s_next_name, NULL);
    return covey_fail (err, COVEY_NOTFOUND,
                       "the coordinator has no method \"%.100s\"%s%s%s", name,
                       nearest ? "; did you mean \"" : "",
                       nearest ? nearest : "", nearest ? "\"?" : "");
}

/* ---- how fresh --------------------------------------------------------------
 */

static const char *const s_levels[] = {[COVEY_READ_DEFAULT] = "default",
                                       [COVEY_READ_STALE] = "stale",
                                       [COVEY_READ_LINEARIZABLE] =
                                           "linearizable"};

/*  The text of the field `consistency`; NULL: not given, or there is none.  */
static const char *
s_consistency (const ProtobufCMessage *params)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name (params->descriptor,
                                                         "consistency");
    if (!field)
        return NULL;
    const char *text;
    memcpy (&text, (const char *)params + field->offset, sizeof text);
    return text;
}

covey_consistency_t
covey_method_consistency (const covey_method_t *self,
                          const ProtobufCMessage *params)
{
    const char *text = self->op ? NULL : s_consistency (params);
    for (size_t i = 0; text && i < sizeof s_levels / sizeof *s_levels; i++)
        if (strcmp (text, s_levels[i]) == 0)
            return (covey_consistency_t)i;
    return COVEY_READ_DEFAULT;
}

static covey_err_t
s_check_consistency (const covey_method_t *self, const ProtobufCMessage *params,
                     covey_errbuf_t *err)
{
    const char *text = s_consistency (params);
    if (!text)
        return COVEY_OK;
    if (self->op)
        return covey_fail (err, COVEY_INVALID,
                           "consistency: %s changes something; only methods "
                           "that read have it",
                           self->name);
    if (strcmp (text, s_levels[covey_method_consistency (self, params)]) == 0)
        return COVEY_OK;
    return covey_fail (err, COVEY_INVALID,
                       "consistency: \"%.40s\" must be stale, default or "
                       "linearizable",
                       text);
}

covey_err_t
covey_method_params (const covey_method_t *self, const char *json, size_t size,
                     ProtobufCMessage **params_p, covey_errbuf_t *err)
{
    ProtobufCMessage *params = NULL;
    covey_err_t code =
        size ? covey_json_read (self->params, json, size, &params, err)
             : covey_json_read (self->params, "{}", 2, &params, err);
    if (code)
        return code;
    code = s_check_consistency (self, params, err);
    if (!code && self->check)
        code = self->check (params, err);
    if (code) {
        protobuf_c_message_free_unpacked (params, NULL);
        return code;
    }
    *params_p = params;
    return COVEY_OK;
}

void
covey_method_fill (const covey_method_t *self, ProtobufCMessage *params,
                   Covey__Control__Command *command)
{
    command->op_case = (Covey__Control__Command__OpCase)self->op;
    /* the members of the oneof are pointers to messages, one at a time */
    memcpy (&command->tick, &params, sizeof (void *));
}
