/*  A number over everything that decides what comes next: two replicas that
    applied the same log have the same.                                       */
#include <string.h>

#include "base/str.h"
#include "coordinator/state_impl.h"

static uint64_t
s_mix (uint64_t digest, uint64_t value)
{
    return (digest ^ value) * 0x9e3779b97f4a7c15u + (digest >> 29);
}

static uint64_t
s_mix_text (uint64_t digest, const char *text)
{
    return s_mix (digest, text ? covey_str_hash (text, strlen (text)) : 0);
}

static uint64_t
s_mix_blob (uint64_t digest, const covey_blob_t *blob)
{
    return blob->set ? s_mix (digest, covey_str_hash (blob->data, blob->size))
                     : digest;
}

static uint64_t
s_task (uint64_t digest, const covey_task_t *task)
{
    digest = s_mix_text (digest, task->id);
    digest = s_mix_text (digest, task->agent);
    digest = s_mix_text (digest, task->assignee);
    digest = s_mix_text (digest, task->error);
    digest = s_mix_text (digest, task->error_code);
    digest = s_mix_text (digest, task->status);
    digest = s_mix_text (digest, task->worker ? task->worker->id : NULL);
    digest = s_mix_blob (digest, &task->input);
    digest = s_mix_blob (digest, &task->result);
    const uint64_t numbers[] = {
        task->seq,
        task->state,
        task->token,
        task->attempt,
        task->attempts_before,
        task->rejection_count,
        task->waits_for,
        task->dependants.count,
        task->ended_seq,
        task->lane != NULL,
        (uint64_t)task->assigned_us,
        (uint64_t)task->started_us,
        (uint64_t)task->ended_us,
        covey_link_is_in (&task->wake.link) ? (uint64_t)task->wake.due_us : 0,
        covey_link_is_in (&task->deadline.link)
            ? (uint64_t)task->deadline.due_us
            : 0};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        digest = s_mix (digest, numbers[i]);
    return digest;
}

static uint64_t
s_worker (uint64_t digest, const covey_worker_t *worker)
{
    digest = s_mix_text (digest, worker->id);
    digest = s_mix (digest, worker->generation);
    digest = s_mix (digest, worker->up);
    digest = s_mix (digest, worker->state);
    digest = s_mix (digest, worker->capacity);
    digest = s_mix (digest, worker->held.count);
    digest = s_mix (digest, worker->last_assigned);
    return s_mix (digest, (uint64_t)worker->since_us);
}

static uint64_t
s_vote (uint64_t digest, const covey_proposal_t *vote)
{
    digest = s_mix_text (digest, covey_proposal_args (vote)->id);
    digest = s_mix (digest, covey_proposal_decision (vote)->outcome);
    digest = s_mix (digest, (uint64_t)covey_proposal_decided_us (vote));
    for (size_t i = 0; i < covey_proposal_ballot_count (vote); i++) {
        const covey_ballot_t *ballot = covey_proposal_ballot (vote, i);
        digest = s_mix (digest, ballot->voter);
        digest = s_mix (digest, ballot->vote);
        digest = s_mix (digest, ballot->counts);
    }
    return digest;
}

static uint64_t
s_swarm (uint64_t digest, const covey_swarm_t *swarm)
{
    digest = s_mix_text (digest, covey_swarm_id (swarm));
    digest = s_mix_text (digest, covey_swarm_leader (swarm));
    digest = s_mix (digest, covey_swarm_is_leader_lost (swarm));
    digest = s_mix (digest, covey_swarm_is_disbanded (swarm));
    digest = s_mix (digest, covey_swarm_version (swarm));
    for (size_t i = 0; i < covey_swarm_member_count (swarm); i++) {
        const covey_swarm_member_t *member = covey_swarm_member (swarm, i);
        digest = s_mix_text (digest, member->agent_id);
        digest = s_mix (digest, member->weight);
    }
    return digest;
}

uint64_t
covey_state_digest (const covey_state_t *self)
{
    const uint64_t numbers[] = {self->index,
                                (uint64_t)self->now_us,
                                self->hlc.last,
                                self->token,
                                self->task_seq,
                                self->ended_seq,
                                self->live_count,
                                self->live_bytes,
                                self->ended_bytes,
                                self->held_count,
                                self->ended_total,
                                self->swarm_seq,
                                self->vote_seq,
                                self->ended.count,
                                self->parked.count,
                                self->registry.up_count,
                                self->scheduler.ready_count,
                                (uint64_t)covey_timers_next_us (&self->timers)};
    uint64_t digest = 0;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        digest = s_mix (digest, numbers[i]);
    for (covey_task_t *t = covey_tree_first (&self->by_seq); t;
         t = covey_tree_next (&self->by_seq, t))
        digest = s_task (digest, t);
    for (covey_worker_t *w = covey_tree_first (&self->registry.workers); w;
         w = covey_tree_next (&self->registry.workers, w))
        digest = s_worker (digest, w);
    for (covey_swarm_entry_t *e = covey_tree_first (&self->swarms); e;
         e = covey_tree_next (&self->swarms, e))
        digest = s_swarm (digest, e->swarm);
    for (covey_vote_entry_t *v = covey_tree_first (&self->votes); v;
         v = covey_tree_next (&self->votes, v))
        digest = s_vote (digest, v->proposal);
    return s_mix (digest, covey_clients_digest (&self->clients));
}
