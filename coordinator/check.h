/*  check - parameters against their bounds, before they become a command

    Role      pure; what passes here never makes the state machine stumble
    Errors    INVALID, LIMIT: one line that names the field by its JSON path,
              the value or its size, and the bound
*/
#ifndef COVEY_CHECK_H_INCLUDED
#define COVEY_CHECK_H_INCLUDED

#include "base/err.h"
#include "proto/control.pb-c.h"

typedef covey_err_t (covey_check_fn) (const ProtobufCMessage *params,
                                      covey_errbuf_t *err);

covey_check_fn covey_check_task_submit;
covey_check_fn covey_check_task_report;
covey_check_fn covey_check_task_ref;
covey_check_fn covey_check_task_cancel;
covey_check_fn covey_check_task_batch;
covey_check_fn covey_check_schedule_add;
covey_check_fn covey_check_schedule_ref;
covey_check_fn covey_check_swarm_form;
covey_check_fn covey_check_swarm_member;
covey_check_fn covey_check_swarm_ref;
covey_check_fn covey_check_swarm_task;
covey_check_fn covey_check_propose;
covey_check_fn covey_check_ballot;
covey_check_fn covey_check_proposal_ref;
covey_check_fn covey_check_memory_put;
covey_check_fn covey_check_memory_ref;
covey_check_fn covey_check_memory_incr;
covey_check_fn covey_check_memory_share;
covey_check_fn covey_check_memory_get;
covey_check_fn covey_check_memory_history;
covey_check_fn covey_check_memory_query;
covey_check_fn covey_check_memory_follow;
covey_check_fn covey_check_outcome_query;
covey_check_fn covey_check_mesh_limits;
covey_check_fn covey_check_role_claim;
covey_check_fn covey_check_role_release;
covey_check_fn covey_check_claim_acquire;
covey_check_fn covey_check_claim_renew;
covey_check_fn covey_check_claim_release;
covey_check_fn covey_check_claim_ref;
covey_check_fn covey_check_claim_check;
covey_check_fn covey_check_claim_query;
covey_check_fn covey_check_coordinate;
covey_check_fn covey_check_coordination_ref;

#endif
