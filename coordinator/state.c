#include "coordinator/state.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/state_impl.h"
#include "proto/event.h"

covey_state_t *
covey_state_new (const covey_state_limits_t *limits)
{
    covey_state_t *self = covey_mem_new (sizeof *self);
    if (limits)
        self->limits = *limits;
    else
        covey_state_limits_init (&self->limits);
    covey_hlc_init (&self->hlc, COVEY_HLC_MAX_SKEW_MS);
    covey_registry_init (&self->registry);
    covey_scheduler_init (&self->scheduler);
    self->scheduler.is_member = covey_state_is_member;
    self->scheduler.members = self;
    covey_clients_init (&self->clients);
    covey_timers_init (&self->timers);
    covey_claims_init (&self->claims);
    covey_roles_init (&self->roles);
    covey_state_init_tasks (self);
    covey_state_init_schedules (self);
    covey_state_init_swarms (self);
    covey_state_init_ballot_keys (self);
    covey_memory_init (&self->memory);
    covey_state_init_coordinations (self);
    return self;
}

void
covey_state_destroy (covey_state_t **self_p)
{
    covey_state_t *self = *self_p;
    if (!self)
        return;
    /* No part may touch the timer of another one that is freed already. */
    while (covey_timers_take (&self->timers, INT64_MAX))
        ;
    covey_state_deinit_schedules (self);
    covey_state_deinit_tasks (self);
    covey_state_deinit_swarms (self);
    covey_state_deinit_ballot_keys (self);
    covey_memory_deinit (&self->memory);
    covey_claims_deinit (&self->claims);
    covey_roles_deinit (&self->roles);
    covey_state_deinit_coordinations (self);
    covey_clients_deinit (&self->clients);
    for (covey_worker_t *w = covey_tree_first (&self->registry.workers); w;
         w = covey_tree_next (&self->registry.workers, w))
        if (w->kind)
            covey_scheduler_leave (&self->scheduler, w);
    covey_registry_deinit (&self->registry);
    covey_scheduler_deinit (&self->scheduler);
    free (self);
    *self_p = NULL;
}

const char *
covey_state_caller (const covey_state_t *self)
{
    const Covey__Control__Command *command = self->command;
    return command && command->client_id ? command->client_id
                                         : COVEY_SERVICE_COORDINATOR;
}

/*  UUIDv7: the log's milliseconds, its microseconds in ten bits, and a mix of
    (index, ordinal) that never maps two positions to one number.             */
covey_id_t
covey_state_make_id (covey_state_t *self)
{
    uint64_t ms = (uint64_t)self->now_us / 1000;
    uint64_t us = (uint64_t)self->now_us % 1000;
    uint64_t z = self->index << 20 | (++self->ordinal & 0xfffff);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    covey_id_t id;
    uint8_t *b = id.bytes;
    for (int i = 0; i < 6; i++)
        b[i] = (uint8_t)(ms >> (40 - 8 * i));
    b[6] = (uint8_t)(0x70 | us >> 6);
    b[7] = (uint8_t)(us << 2 | z >> 62);
    b[8] = (uint8_t)(0x80 | (z >> 56 & 0x3f));
    for (int i = 0; i < 7; i++)
        b[9 + i] = (uint8_t)(z >> (48 - 8 * i));
    return id;
}

covey_err_t
covey_state_may_speak_for (covey_state_t *self, const char *agent_id)
{
    const char *caller = covey_state_caller (self);
    if (strcmp (caller, agent_id) == 0 ||
        !covey_registry_find_up (&self->registry, caller))
        return COVEY_OK;
    return covey_fail (self->err, COVEY_DENIED,
                       "agent %s cannot speak for agent %s", caller, agent_id);
}

/* ---- applying ---------------------------------------------------------------
 */

/*  What is due is nobody's doing: its facts name no caller and no cause.     */
static void
s_handle_due (covey_state_t *self)
{
    const Covey__Control__Command *command = self->command;
    covey_timer_t *timer;
    self->command = NULL;
    while ((timer = covey_timers_take (&self->timers, self->now_us)))
        switch (timer->kind) {
            case COVEY_TIMER_LEASE:
            case COVEY_TIMER_DELAY:
            case COVEY_TIMER_DEADLINE:
            case COVEY_TIMER_QUEUE:
            case COVEY_TIMER_RUN:
            case COVEY_TIMER_GRACE:
                covey_state_task_due (self, timer);
                break;
            case COVEY_TIMER_VOTE:
                covey_state_vote_due (self, timer);
                break;
            case COVEY_TIMER_GATHER:
            case COVEY_TIMER_COORDINATION:
                covey_state_coordination_due (self, timer);
                break;
            case COVEY_TIMER_SCHEDULE:
                covey_state_schedule_due (self, timer);
                break;
            case COVEY_TIMER_FORGET:
                break; /* trimming, with every command, sees to it */
            case COVEY_TIMER_MEMORY:
                covey_state_memory_due (self, timer);
                break;
            case COVEY_TIMER_ROLE:
                covey_state_role_due (self, timer);
                break;
            case COVEY_TIMER_MEMBER:
                covey_state_member_due (self, timer);
                break;
            case COVEY_TIMER_CLAIM:
                covey_state_claim_due (self, timer);
                break;
        }
    self->command = command;
}

static covey_err_t
s_on_report (covey_state_t *self, const Covey__Control__Command *c)
{
    switch ((int)c->op_case) {
        case COVEY__CONTROL__COMMAND__OP_TASK_ACCEPT:
            return covey_state_on_report (self, COVEY_TASK_ON_ACCEPT,
                                          c->task_accept);
        case COVEY__CONTROL__COMMAND__OP_TASK_REJECT:
            return covey_state_on_report (self, COVEY_TASK_ON_REJECT,
                                          c->task_reject);
        case COVEY__CONTROL__COMMAND__OP_TASK_START:
            return covey_state_on_report (self, COVEY_TASK_ON_START,
                                          c->task_start);
        case COVEY__CONTROL__COMMAND__OP_TASK_PROGRESS:
            return covey_state_on_report (self, COVEY_TASK_ON_PROGRESS,
                                          c->task_progress);
        case COVEY__CONTROL__COMMAND__OP_TASK_COMPLETE:
            return covey_state_on_report (self, COVEY_TASK_ON_COMPLETE,
                                          c->task_complete);
        case COVEY__CONTROL__COMMAND__OP_TASK_FAIL:
            return covey_state_on_report (self, COVEY_TASK_ON_FAIL,
                                          c->task_fail);
        case COVEY__CONTROL__COMMAND__OP_TASK_YIELD:
            return covey_state_on_report (self, COVEY_TASK_ON_YIELD,
                                          c->task_yield);
        case COVEY__CONTROL__COMMAND__OP_ROLE_CLAIM:
            return covey_state_on_role_claim (self, c->role_claim);
        case COVEY__CONTROL__COMMAND__OP_ROLE_RELEASE:
            return covey_state_on_role_release (self, c->role_release);
        case COVEY__CONTROL__COMMAND__OP_CLAIM_ACQUIRE:
            return covey_state_on_acquire (self, c->claim_acquire);
        case COVEY__CONTROL__COMMAND__OP_CLAIM_RENEW:
            return covey_state_on_renew (self, c->claim_renew);
        case COVEY__CONTROL__COMMAND__OP_CLAIM_RELEASE:
            return covey_state_on_release (self, c->claim_release);
        default: /* a command of a newer version: it does nothing here */
            return covey_fail (self->err, COVEY_VERSION,
                               "this coordinator does not know command %d",
                               (int)c->op_case);
    }
}

static covey_err_t
s_execute (covey_state_t *self, const Covey__Control__Command *c)
{
    switch ((int)c->op_case) {
        case COVEY__CONTROL__COMMAND__OP_TICK:
            return COVEY_OK;
        case COVEY__CONTROL__COMMAND__OP_AGENT_UP:
            return covey_state_on_agent_up (self, c->agent_up);
        case COVEY__CONTROL__COMMAND__OP_AGENT_DOWN:
            return covey_state_on_agent_down (self, c->agent_down);
        case COVEY__CONTROL__COMMAND__OP_AGENT_LOAD:
            return covey_state_on_agent_load (self, c->agent_load);
        case COVEY__CONTROL__COMMAND__OP_TASK_SUBMIT:
            return covey_state_on_submit (self, c->task_submit);
        case COVEY__CONTROL__COMMAND__OP_SCHEDULE_ADD:
            return covey_state_on_schedule_add (self, c->schedule_add);
        case COVEY__CONTROL__COMMAND__OP_SCHEDULE_PAUSE:
            return covey_state_on_schedule_pause (self, c->schedule_pause);
        case COVEY__CONTROL__COMMAND__OP_SCHEDULE_RESUME:
            return covey_state_on_schedule_resume (self, c->schedule_resume);
        case COVEY__CONTROL__COMMAND__OP_SCHEDULE_DELETE:
            return covey_state_on_schedule_delete (self, c->schedule_delete);
        case COVEY__CONTROL__COMMAND__OP_TASK_BATCH:
            return covey_state_on_batch (self, c->task_batch);
        case COVEY__CONTROL__COMMAND__OP_TASK_CANCEL:
            return covey_state_on_cancel (self, c->task_cancel);
        case COVEY__CONTROL__COMMAND__OP_TASK_RETRY:
            return covey_state_on_retry (self, c->task_retry);
        case COVEY__CONTROL__COMMAND__OP_TASK_PAUSE:
            return covey_state_on_pause (self, c->task_pause);
        case COVEY__CONTROL__COMMAND__OP_TASK_RESUME:
            return covey_state_on_resume (self, c->task_resume);
        case COVEY__CONTROL__COMMAND__OP_SWARM_FORM:
            return covey_state_on_form (self, c->swarm_form);
        case COVEY__CONTROL__COMMAND__OP_SWARM_JOIN:
            return covey_state_on_join (self, c->swarm_join);
        case COVEY__CONTROL__COMMAND__OP_SWARM_LEAVE:
            return covey_state_on_leave (self, c->swarm_leave);
        case COVEY__CONTROL__COMMAND__OP_SWARM_DISBAND:
            return covey_state_on_disband (self, c->swarm_disband);
        case COVEY__CONTROL__COMMAND__OP_SWARM_TASK:
            return covey_state_on_swarm_task (self, c->swarm_task);
        case COVEY__CONTROL__COMMAND__OP_PROPOSE:
            return covey_state_on_propose (self, c->propose);
        case COVEY__CONTROL__COMMAND__OP_BALLOT:
            return covey_state_on_ballot (self, c->ballot);
        case COVEY__CONTROL__COMMAND__OP_VOTE_HEARD:
            return covey_state_on_vote_heard (self, c->vote_heard);
        case COVEY__CONTROL__COMMAND__OP_WITHDRAW:
            return covey_state_on_withdraw (self, c->withdraw);
        case COVEY__CONTROL__COMMAND__OP_MEMORY_PUT:
        case COVEY__CONTROL__COMMAND__OP_MEMORY_DELETE:
        case COVEY__CONTROL__COMMAND__OP_MEMORY_INCR:
        case COVEY__CONTROL__COMMAND__OP_MEMORY_SHARE:
        case COVEY__CONTROL__COMMAND__OP_MEMORY_RETRIEVE:
            return covey_state_on_memory (self, c);
        case COVEY__CONTROL__COMMAND__OP_COORDINATE:
        case COVEY__CONTROL__COMMAND__OP_COORDINATION_ACCEPT:
        case COVEY__CONTROL__COMMAND__OP_COORDINATION_REJECT:
        case COVEY__CONTROL__COMMAND__OP_COORDINATION_CANCEL:
        case COVEY__CONTROL__COMMAND__OP_COORDINATION_PAUSE:
        case COVEY__CONTROL__COMMAND__OP_COORDINATION_RESUME:
            return covey_state_on_coordination (self, c);
        case COVEY__CONTROL__COMMAND__OP_MESH_LIMITS:
            return covey_state_on_limits (self, c->mesh_limits);
        default:
            return s_on_report (self, c);
    }
}

/*  The same request once more: its verdict, and the object as it is now.    */
static void
s_answer_again (covey_effects_t *effects, const covey_answer_t *answer)
{
    if (!effects)
        return;
    effects->code = answer->code;
    effects->show = answer->show;
    if (answer->id)
        covey_str_copy (effects->show_id, sizeof effects->show_id, answer->id);
    if (answer->text)
        covey_str_copy (effects->err.text, sizeof effects->err.text,
                        answer->text);
}

static void
s_answer (covey_state_t *self, covey_err_t code, bool once)
{
    const Covey__Control__Command *c = self->command;
    covey_answer_t answer = {
        .code = code,
        .show = code ? COVEY_SHOW_NOTHING : self->show,
        .id = code ? NULL : (char *)self->show_id,
        .text = code ? self->err->text : NULL,
    };
    if (once && code != COVEY_EAGAIN)
        covey_clients_keep (&self->clients, c->client_id, c->request_id,
                            &answer, self->now_us);
    s_answer_again (self->effects, &answer);
}

/*  Refused rather than executed a second time. No verdict: it is not kept.   */
static covey_err_t
s_forgotten (covey_state_t *self)
{
    return covey_fail (
        self->err, COVEY_FORGOTTEN,
        "request %s of %s is older than what is remembered of its requests: "
        "whether it was executed is not known any more. Look at what it was to "
        "do, and send that as a new request if it is missing (does the clock "
        "of the caller's host lag?)",
        self->command->request_id, self->command->client_id);
}

static void
s_carry_out (covey_state_t *self, bool once)
{
    const Covey__Control__Command *command = self->command;
    const covey_answer_t *known = NULL;
    covey_request_t request =
        once ? covey_clients_look (&self->clients, command->client_id,
                                   command->request_id, &known)
             : COVEY_REQUEST_NEW;
    switch (request) {
        case COVEY_REQUEST_NEW:
            s_answer (self, s_execute (self, command), once);
            break;
        case COVEY_REQUEST_ANSWERED:
            s_answer_again (self->effects, known);
            break;
        case COVEY_REQUEST_FORGOTTEN:
            s_answer (self, s_forgotten (self), false);
            break;
    }
}

/*  Leases ran out while nobody could report: they begin anew.               */
static void
s_renew_all (covey_state_t *self)
{
    covey_state_renew_all (self);
    covey_state_renew_claims (self);
    covey_state_renew_roles (self);
    covey_state_renew_members (self);
}

void
covey_state_apply (covey_state_t *self, const Covey__Control__Command *command,
                   uint64_t index, covey_effects_t *effects)
{
    covey_errbuf_t err = {""};
    if (effects)
        covey_effects_clear (effects);
    self->index = index;
    self->ordinal = 0;
    if (command->log_time_us > self->now_us)
        self->now_us = command->log_time_us;
    self->command = command;
    self->effects = effects;
    self->err = &err;
    self->show = COVEY_SHOW_NOTHING;
    self->show_id = NULL;

    bool once = command->client_id && command->request_id;
    covey_clients_expire (&self->clients, self->now_us);
    if (command->op_case == COVEY__CONTROL__COMMAND__OP_TICK &&
        command->tick->has_resumed && command->tick->resumed)
        s_renew_all (self);
    s_handle_due (self);
    s_carry_out (self, once);
    covey_state_coordinate (self);
    covey_state_run_schedules (self);
    covey_state_trim_tasks (self); /* what waits in vain for one of them ends */
    covey_state_dispatch (self);
    self->command = NULL;
    self->effects = NULL;
    self->err = NULL;
    self->show_id = NULL;
}

/* ---- getters ----------------------------------------------------------------
 */

int64_t
covey_state_now_us (const covey_state_t *self)
{
    return self->now_us;
}

uint64_t
covey_state_index (const covey_state_t *self)
{
    return self->index;
}

int64_t
covey_state_next_us (const covey_state_t *self)
{
    return covey_timers_next_us (&self->timers);
}

const uint8_t *
covey_state_agent_session (const covey_state_t *self, const char *agent_id)
{
    const covey_worker_t *worker =
        covey_registry_find_up (&self->registry, agent_id);
    return worker ? worker->session_id : NULL;
}

static int
s_key_worker (const void *key, const void *item)
{
    return strcmp (key, ((const covey_worker_t *)item)->id);
}

const char *
covey_state_agent_after (const covey_state_t *self, const char *after)
{
    const covey_tree_t *workers = &self->registry.workers;
    const covey_worker_t *worker =
        after ? covey_tree_after (workers, after, s_key_worker)
              : covey_tree_first (workers);
    while (worker && !worker->up)
        worker = covey_tree_next (workers, worker);
    return worker ? worker->id : NULL;
}
