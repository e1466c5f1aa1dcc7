#include "coordinator/fact_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "proto/event.h"
#include "proto/json.h"

/*  NULL while replaying; the setters below then do nothing.                 */
covey_event_t *
covey_fact_begin (covey_state_t *state, int type, const char *source,
                  const char *correlation_id)
{
    covey_id_t id = covey_state_make_id (state);
    uint64_t hlc = covey_hlc_now (&state->hlc, state->now_us);
    covey_effects_t *effects = state->effects;
    if (!effects)
        return NULL;
    covey_event_t *event = covey_event_make (type, id, state->now_us);
    if (!event)
        return NULL;
    covey_event_set_hlc (event, hlc);
    /* What the setters refuse, packing refuses again and names it; the shell
       logs that. */
    (void)covey_event_set_source (event, source);
    if (correlation_id)
        (void)covey_event_set_correlation_id (event, correlation_id);
    const Covey__Control__Command *command = state->command;
    if (command && command->has_causation_id && command->causation_id.len == 16)
        (void)covey_event_set_causation_id (event, command->causation_id.data);
    effects->facts = covey_mem_room (effects->facts, effects->fact_count,
                                     &effects->fact_capacity, sizeof (void *));
    effects->facts[effects->fact_count++] = event;
    return event;
}

void
covey_fact_put_str (covey_event_t *event, const char *field, const char *value)
{
    if (event && value)
        (void)covey_event_set_str (event, field, value);
}

void
covey_fact_put_int (covey_event_t *event, const char *field, int64_t value)
{
    if (event)
        (void)covey_event_set_int (event, field, value);
}

void
covey_fact_put_num (covey_event_t *event, const char *field, double value)
{
    if (event)
        (void)covey_event_set_num (event, field, value);
}

void
covey_fact_put_bool (covey_event_t *event, const char *field, bool value)
{
    if (event)
        (void)covey_event_set_bool (event, field, value);
}

void
covey_fact_add_str (covey_event_t *event, const char *field, const char *value)
{
    if (event)
        (void)covey_event_add_str (event, field, value);
}

void
covey_fact_put_json (covey_event_t *event, const char *field, const char *json)
{
    if (event)
        (void)covey_event_set_json (event, field, json);
}

void
covey_fact_put_payload (covey_event_t *event, const char *field, int content,
                        const void *data, size_t size)
{
    if (event)
        (void)covey_event_set_payload (event, field, (covey_content_t)content,
                                       data, size);
}

static void
s_blob (covey_event_t *event, const char *field, const covey_blob_t *blob)
{
    if (blob->set)
        covey_fact_put_payload (event, field, blob->content, blob->data,
                                blob->size);
}

void
covey_fact_put_metadata (covey_event_t *event, const char *key,
                         const char *value)
{
    if (event && value)
        (void)covey_event_set_metadata (event, key, value);
}

void
covey_fact_add_tag (covey_event_t *event, const char *tag)
{
    if (event)
        (void)covey_event_add_tag (event, tag);
}

void
covey_fact_add_target (covey_event_t *event, const char *agent_id)
{
    if (event)
        (void)covey_event_add_target (event, agent_id);
}

static void
s_priority (covey_event_t *event, const covey_task_t *task)
{
    static const char *const names[] = {"low", "normal", "high", "critical"};
    covey_fact_put_str (event, "priority", names[task->priority & 3]);
    if (event)
        (void)covey_event_set_priority (event,
                                        (covey_priority_t)task->priority);
}

/* ---- tasks ------------------------------------------------------------------
 */

static covey_event_t *
s_task (covey_state_t *state, int type, const char *source,
        const covey_task_t *task)
{
    covey_event_t *event = covey_fact_begin (
        state, type, source ? source : COVEY_SERVICE_COORDINATOR,
        task->correlation_id);
    covey_fact_put_str (event, "taskId", task->id);
    return event;
}

static void
s_describe (covey_event_t *event, const covey_task_t *task)
{
    covey_fact_put_str (event, "taskType", task->type);
    covey_fact_put_str (event, "description",
                        task->description ? task->description : task->type);
    s_priority (event, task);
    if (task->deadline_us)
        covey_fact_put_int (event, "deadline", task->deadline_us);
    for (size_t i = 0; i < task->dependency_count; i++)
        covey_fact_add_str (event, "dependencies", task->dependencies[i].id);
    s_blob (event, "input", &task->input);
}

void
covey_fact_lost (covey_state_t *state, const covey_worker_t *worker,
                 int64_t last_seen_us, const char *reason)
{
    covey_event_t *event = covey_fact_begin (state, COVEY_EVENT_AGENT_LOST,
                                             COVEY_SERVICE_COORDINATOR, NULL);
    char node[37];
    covey_id_text (worker->node_id, node);
    covey_fact_put_str (event, "agentId", worker->id);
    covey_fact_put_str (event, "nodeId", node);
    covey_fact_put_int (event, "lastSeen", last_seen_us);
    covey_fact_put_str (event, "reason", reason);
}

void
covey_fact_submitted (covey_state_t *state, const covey_task_t *task)
{
    covey_event_t *event =
        s_task (state, COVEY_EVENT_TASK_SUBMITTED, task->submitter, task);
    if (!event)
        return;
    s_describe (event, task);
    for (size_t i = 0; i < task->required.count; i++)
        covey_fact_add_str (event, "requiredCapabilities",
                            task->required.items[i]);
    covey_fact_put_str (event, "agentType", task->agent_type);
    const covey_retry_t *retry = &task->retry;
    covey_buf_t json;
    covey_buf_init (&json, COVEY_EVENT_MAX);
    covey_buf_printf (&json,
                      "{\"attempts\":%u,\"firstDelay\":%lld,\"multiplier\":%g,"
                      "\"maxDelay\":%lld,\"fatalCodes\":[",
                      retry->attempts, (long long)retry->first_delay_ms,
                      retry->multiplier / 1000.0,
                      (long long)retry->max_delay_ms);
    for (size_t i = 0; i < retry->fatal_codes.count; i++) {
        const char *code = retry->fatal_codes.items[i];
        if (i)
            covey_buf_putc (&json, ',');
        covey_json_quote (&json, code, strlen (code));
    }
    covey_buf_puts (&json, "]}");
    char *text = covey_buf_steal (&json);
    if (text)
        covey_fact_put_json (event, "retry", text);
    free (text);
    covey_buf_deinit (&json);
}

void
covey_fact_assigned (covey_state_t *state, const covey_task_t *task)
{
    covey_event_t *event =
        s_task (state, COVEY_EVENT_TASK_ASSIGNED, NULL, task);
    if (!event)
        return;
    s_describe (event, task);
    covey_fact_put_int (event, "attempt", task->attempt);
    covey_fact_put_metadata (event, "coordinationId", task->coordination);
    covey_fact_put_metadata (event, "step", task->step);
    covey_fact_put_int (event, "fencingToken", (int64_t)task->token);
    s_blob (event, "details", &task->details);
    covey_fact_put_int (event, "lease", task->lease_ms);
    if (task->run_ms)
        covey_fact_put_int (event, "runTimeout", task->run_ms);
    covey_fact_add_target (event, task->worker->id);
}

static int
s_type_of (covey_task_verb_t verb)
{
    switch (verb) {
        case COVEY_TASK_ON_ACCEPT:
            return COVEY_EVENT_TASK_ACCEPTED;
        case COVEY_TASK_ON_REJECT:
            return COVEY_EVENT_TASK_REJECTED;
        case COVEY_TASK_ON_START:
            return COVEY_EVENT_TASK_STARTED;
        case COVEY_TASK_ON_PROGRESS:
            return COVEY_EVENT_TASK_PROGRESS;
        case COVEY_TASK_ON_COMPLETE:
            return COVEY_EVENT_TASK_COMPLETED;
        case COVEY_TASK_ON_ASSIGN:
        case COVEY_TASK_ON_FAIL:
        case COVEY_TASK_ON_LOSE:
        case COVEY_TASK_ON_EXPIRE:
        case COVEY_TASK_ON_CANCEL:
        case COVEY_TASK_ON_RETRY:
        case COVEY_TASK_ON_YIELD:
        case COVEY_TASK_ON_PAUSE:
        case COVEY_TASK_ON_RESUME:
            break;
    }
    return COVEY_EVENT_NONE;
}

static void
s_completed (covey_event_t *event, const covey_task_t *task,
             const Covey__Control__TaskReport *report, int64_t now_us)
{
    if (task->result.set)
        s_blob (event, "result", &task->result);
    else
        covey_fact_put_payload (event, "result", COVEY_CONTENT_JSON, "null", 4);
    int64_t began = task->started_us ? task->started_us : task->assigned_us;
    covey_fact_put_int (event, "duration", (now_us - began) / 1000);
    const Covey__V1__ResourcesUsed *used = report->resources_used;
    if (!used)
        return;
    if (used->has_memory)
        covey_fact_put_num (event, "resourcesUsed.memory", used->memory);
    if (used->has_cpu)
        covey_fact_put_num (event, "resourcesUsed.cpu", used->cpu);
    if (used->has_api_calls)
        covey_fact_put_int (event, "resourcesUsed.apiCalls",
                            (int64_t)used->api_calls);
}

void
covey_fact_report (covey_state_t *state, covey_task_verb_t verb,
                   const covey_task_t *task,
                   const Covey__Control__TaskReport *report)
{
    covey_event_t *event = s_task (state, s_type_of (verb), task->agent, task);
    if (!event)
        return;
    covey_fact_put_int (event, "fencingToken", (int64_t)task->token);
    if (verb == COVEY_TASK_ON_REJECT)
        covey_fact_put_str (event, "reason",
                            report->reason ? report->reason
                                           : "no reason given");
    if (verb == COVEY_TASK_ON_COMPLETE)
        s_completed (event, task, report, state->now_us);
    if (verb != COVEY_TASK_ON_PROGRESS)
        return;
    covey_fact_put_num (event, "progress", task->progress);
    covey_fact_put_str (event, "status", task->status ? task->status : "");
    const Covey__V1__Payload *details = report->details;
    if (details)
        covey_fact_put_payload (
            event, "details",
            details->has_content_type ? (int)details->content_type : 0,
            details->data.data, details->data.len);
}

void
covey_fact_failed (covey_state_t *state, const covey_task_t *task,
                   const char *source, bool retryable)
{
    covey_event_t *event =
        s_task (state, COVEY_EVENT_TASK_FAILED, source, task);
    covey_fact_put_str (event, "error",
                        task->error ? task->error : "no reason given");
    covey_fact_put_str (event, "errorCode", task->error_code);
    covey_fact_put_bool (event, "retryable", retryable);
    covey_fact_put_int (event, "attempts",
                        task->attempt - task->attempts_before);
    if (task->token)
        covey_fact_put_int (event, "fencingToken", (int64_t)task->token);
}

void
covey_fact_parked (covey_state_t *state, const covey_task_t *task)
{
    covey_event_t *event = s_task (state, COVEY_EVENT_TASK_PARKED, NULL, task);
    if (!event)
        return;
    char reason[400];
    snprintf (reason, sizeof reason, "the last of %u attempts failed: %.300s",
              task->attempt - task->attempts_before,
              task->error ? task->error : "no reason given");
    covey_fact_put_str (event, "reason", reason);
    covey_fact_put_int (event, "attempts",
                        task->attempt - task->attempts_before);
}

void
covey_fact_cancelled (covey_state_t *state, const covey_task_t *task,
                      const char *reason, const char *target)
{
    covey_event_t *event =
        s_task (state, COVEY_EVENT_TASK_CANCELLED, NULL, task);
    covey_fact_put_str (event, "reason", reason);
    covey_fact_put_str (event, "by", covey_state_caller (state));
    if (target)
        covey_fact_add_target (event, target);
}

void
covey_fact_noted (covey_state_t *state, const covey_task_t *task,
                  const char *status, const char *target)
{
    covey_event_t *event =
        s_task (state, COVEY_EVENT_TASK_PROGRESS, NULL, task);
    covey_fact_put_num (event, "progress", task->progress);
    covey_fact_put_str (event, "status", status);
    covey_fact_put_metadata (event, "by", covey_state_caller (state));
    if (task->worker)
        covey_fact_put_int (event, "fencingToken", (int64_t)task->token);
    if (target)
        covey_fact_add_target (event, target);
}

void
covey_fact_schedule (covey_state_t *state, const covey_schedule_t *schedule,
                     const char *what)
{
    covey_event_t *event =
        covey_fact_begin (state, COVEY_EVENT_SYSTEM_INFO,
                          COVEY_SERVICE_COORDINATOR, schedule->id);
    if (!event)
        return;
    char text[COVEY_NAME_MAX + COVEY_AGENT_ID_MAX + 40];
    snprintf (text, sizeof text, "schedule %s was %s by %s", schedule->id, what,
              covey_state_caller (state));
    covey_fact_put_str (event, "component", "coordinator");
    covey_fact_put_str (event, "message", text);
    covey_fact_put_metadata (event, "scheduleId", schedule->id);
}

void
covey_fact_retried (covey_state_t *state, const covey_task_t *task)
{
    covey_event_t *event =
        covey_fact_begin (state, COVEY_EVENT_SYSTEM_INFO,
                          COVEY_SERVICE_COORDINATOR, task->correlation_id);
    if (!event)
        return;
    char text[COVEY_NAME_MAX + COVEY_AGENT_ID_MAX + 40];
    snprintf (text, sizeof text, "task %s was queued again by %s", task->id,
              covey_state_caller (state));
    covey_fact_put_str (event, "component", "coordinator");
    covey_fact_put_str (event, "message", text);
    covey_fact_put_metadata (event, "taskId", task->id);
}

void
covey_fact_fenced (covey_state_t *state, const covey_task_t *task,
                   const Covey__Control__TaskReport *report)
{
    covey_event_t *event =
        covey_fact_begin (state, COVEY_EVENT_SYSTEM_WARNING,
                          COVEY_SERVICE_COORDINATOR, task->correlation_id);
    if (!event)
        return;
    char text[sizeof state->err->text + 40], token[24];
    snprintf (text, sizeof text, "a result was refused: %s", state->err->text);
    snprintf (token, sizeof token, "%llu",
              (unsigned long long)report->fencing_token);
    covey_fact_put_str (event, "component", "coordinator");
    covey_fact_put_str (event, "message", text);
    covey_fact_put_metadata (event, "taskId", task->id);
    covey_fact_put_metadata (event, "agentId", covey_state_caller (state));
    covey_fact_put_metadata (event, "fencingToken", token);
}

/* ---- swarms -----------------------------------------------------------------
 */

static covey_event_t *
s_swarm (covey_state_t *state, int type, const covey_swarm_t *swarm)
{
    covey_event_t *event = covey_fact_begin (
        state, type, covey_state_caller (state), covey_swarm_id (swarm));
    covey_fact_put_str (event, "swarmId", covey_swarm_id (swarm));
    return event;
}

void
covey_fact_formed (covey_state_t *state, const covey_swarm_t *swarm)
{
    covey_event_t *event = s_swarm (state, COVEY_EVENT_SWARM_FORMED, swarm);
    covey_fact_put_str (event, "objective", covey_swarm_objective (swarm));
    covey_fact_put_str (event, "strategy", covey_swarm_strategy (swarm));
    covey_fact_put_str (event, "leader", covey_swarm_leader (swarm));
    for (size_t i = 0; i < covey_swarm_member_count (swarm); i++)
        covey_fact_add_str (event, "initialMembers",
                            covey_swarm_member (swarm, i)->agent_id);
}

/*  The input is in task:assigned.                                           */
void
covey_fact_swarm_assigned (covey_state_t *state, const covey_task_t *task)
{
    covey_event_t *event =
        s_task (state, COVEY_EVENT_SWARM_TASK_ASSIGNED, NULL, task);
    covey_fact_put_str (event, "swarmId", task->swarm);
    covey_fact_put_str (event, "taskType", task->type);
    covey_fact_put_str (event, "description",
                        task->description ? task->description : task->type);
    s_priority (event, task);
    covey_fact_add_str (event, "assignees", task->agent);
    covey_fact_put_metadata (event, "coordinationId", task->coordination);
    covey_fact_put_metadata (event, "step", task->step);
}

void
covey_fact_joined (covey_state_t *state, const covey_swarm_t *swarm,
                   const covey_swarm_member_t *member)
{
    covey_event_t *event = s_swarm (state, COVEY_EVENT_SWARM_JOINED, swarm);
    covey_fact_put_str (event, "agentId", member->agent_id);
    covey_fact_put_num (event, "weight", covey_weight_to (member->weight));
}

void
covey_fact_left (covey_state_t *state, const covey_swarm_t *swarm,
                 const char *agent_id, const char *reason)
{
    covey_event_t *event = s_swarm (state, COVEY_EVENT_SWARM_LEFT, swarm);
    covey_fact_put_str (event, "agentId", agent_id);
    covey_fact_put_str (event, "reason", reason);
}

void
covey_fact_disbanded (covey_state_t *state, const covey_swarm_t *swarm,
                      const char *reason)
{
    covey_event_t *event = s_swarm (state, COVEY_EVENT_SWARM_DISBANDED, swarm);
    covey_fact_put_str (event, "reason", reason);
}

void
covey_fact_leads (covey_state_t *state, const covey_swarm_t *swarm,
                  const char *before)
{
    covey_event_t *event =
        covey_fact_begin (state, COVEY_EVENT_SYSTEM_INFO,
                          COVEY_SERVICE_COORDINATOR, covey_swarm_id (swarm));
    if (!event)
        return;
    char text[COVEY_NAME_MAX + 2 * COVEY_AGENT_ID_MAX + 40];
    snprintf (text, sizeof text, "swarm %s is led by %s now, after %s",
              covey_swarm_id (swarm), covey_swarm_leader (swarm), before);
    covey_fact_put_str (event, "component", "coordinator");
    covey_fact_put_str (event, "message", text);
    covey_fact_put_metadata (event, "swarmId", covey_swarm_id (swarm));
    covey_fact_put_metadata (event, "leader", covey_swarm_leader (swarm));
}
