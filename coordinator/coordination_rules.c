/*  What follows for coordination sessions: agents that are asked, come and go;
    tasks, which their steps are; time. What a session decides is in team.h.

    Whatever happens to a session only touches it; what follows is worked out
    once, behind the command (covey_state_coordinate).                        */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/fact.h"
#include "coordinator/state_impl.h"

#define FULL_AGAIN_US 1000000 /* until a full queue of tasks is tried again */

/* ---- the store of sessions
 * --------------------------------------------------- */

static int
s_by_id (const void *a, const void *b)
{
    return strcmp (((const covey_coordination_entry_t *)a)->team->id,
                   ((const covey_coordination_entry_t *)b)->team->id);
}

static int
s_key_id (const void *key, const void *item)
{
    return strcmp (key, ((const covey_coordination_entry_t *)item)->team->id);
}

static int
s_by_seq (const void *a, const void *b)
{
    const covey_coordination_entry_t *x = a, *y = b;
    return x->seq < y->seq ? -1 : x->seq > y->seq;
}

void
covey_state_init_coordinations (covey_state_t *self)
{
    covey_tree_init (&self->coordinations,
                     offsetof (covey_coordination_entry_t, by_id), s_by_id);
    covey_tree_init (&self->coordinations_open,
                     offsetof (covey_coordination_entry_t, in_order), s_by_seq);
    covey_tree_init (&self->coordinations_ended,
                     offsetof (covey_coordination_entry_t, in_order), s_by_seq);
    covey_tree_init (&self->coordinations_touched,
                     offsetof (covey_coordination_entry_t, in_touched),
                     s_by_seq);
}

covey_coordination_entry_t *
covey_state_find_coordination (const covey_state_t *self, const char *id)
{
    return covey_tree_find (&self->coordinations, id, s_key_id);
}

bool
covey_coordination_is_open (const covey_coordination_entry_t *entry)
{
    return entry->team->stage != COVEY_TEAM_COMPLETED;
}

covey_coordination_entry_t *
covey_state_add_coordination (covey_state_t *self, covey_team_t *team,
                              uint64_t seq)
{
    covey_coordination_entry_t *entry = covey_mem_new (sizeof *entry);
    entry->team = team;
    entry->seq = seq;
    entry->wake.kind = COVEY_TIMER_GATHER;
    entry->wake.owner = entry;
    entry->deadline.kind = COVEY_TIMER_COORDINATION;
    entry->deadline.owner = entry;
    entry->bytes = covey_team_measure (team);
    bool open = covey_coordination_is_open (entry);
    covey_tree_insert (&self->coordinations, entry);
    covey_tree_insert (
        open ? &self->coordinations_open : &self->coordinations_ended, entry);
    if (open)
        self->coordination_bytes += entry->bytes;
    else
        self->coordination_ended_bytes += entry->bytes;
    return entry;
}

static void
s_destroy (covey_state_t *self, covey_coordination_entry_t *entry)
{
    covey_tree_remove (&self->coordinations, entry);
    covey_timers_disarm (&self->timers, &entry->wake);
    covey_timers_disarm (&self->timers, &entry->deadline);
    covey_team_destroy (&entry->team);
    free (entry);
}

void
covey_state_deinit_coordinations (covey_state_t *self)
{
    covey_coordination_entry_t *entry;
    while ((entry = covey_tree_first (&self->coordinations)))
        s_destroy (self, entry);
}

static void
s_trim (covey_state_t *self)
{
    const covey_state_limits_t *limits = &self->limits;
    while (self->coordinations_ended.count > limits->coordinations_ended_max ||
           (self->coordinations_ended.count > 1 &&
            self->coordination_ended_bytes >
                limits->coordination_ended_bytes_max)) {
        covey_coordination_entry_t *oldest =
            covey_tree_first (&self->coordinations_ended);
        covey_tree_remove (&self->coordinations_ended, oldest);
        self->coordination_ended_bytes -= oldest->bytes;
        s_destroy (self, oldest);
    }
}

void
covey_state_touch_coordination (covey_state_t *self,
                                covey_coordination_entry_t *entry)
{
    if (!entry->team->ended_us && !covey_link_is_in (&entry->in_touched))
        covey_tree_insert (&self->coordinations_touched, entry);
}

/* ---- asking agents
 * ------------------------------------------------------------- */

static bool
s_is_leader (const covey_team_t *team, const char *agent_id)
{
    return team->leader && strcmp (team->leader, agent_id) == 0;
}

static bool
s_is_wanted (const covey_team_t *team, const covey_worker_t *worker)
{
    return worker->up && covey_team_may_invite (team, worker->id) &&
           (s_is_leader (team, worker->id) ||
            covey_worker_offers (worker, team->agent_type, &team->required));
}

/*  The named leader, then the least loaded; those that are busy with something
    of their own at the end.                                                  */
static bool
s_is_before (const covey_team_t *team, const covey_worker_t *a,
             const covey_worker_t *b)
{
    bool a_leads = s_is_leader (team, a->id),
         b_leads = s_is_leader (team, b->id);
    bool a_busy = a->state == COVEY_WORKER_BUSY;
    bool b_busy = b->state == COVEY_WORKER_BUSY;
    if (a_leads != b_leads)
        return a_leads;
    if (a_busy != b_busy)
        return b_busy;
    return covey_scheduler_compare_workers (a, b) < 0;
}

/*  The best so many; `best` has room for `max`.                             */
static size_t
s_candidates (const covey_state_t *self, const covey_team_t *team,
              const covey_worker_t **best, size_t max)
{
    const covey_tree_t *workers = &self->registry.workers;
    size_t count = 0;
    for (const covey_worker_t *w = covey_tree_first (workers); w;
         w = covey_tree_next (workers, w)) {
        if (!s_is_wanted (team, w) ||
            (count == max && !s_is_before (team, w, best[max - 1])))
            continue;
        size_t at = count < max ? count++ : max - 1;
        for (; at > 0 && s_is_before (team, w, best[at - 1]); at--)
            best[at] = best[at - 1];
        best[at] = w;
    }
    return count;
}

/*  Ask as many as are wanted, as far as there are any.                      */
static void
s_invite (covey_state_t *self, covey_coordination_entry_t *entry)
{
    const covey_worker_t *best[COVEY_TEAM_AGENTS_MAX + COVEY_TEAM_RESERVE];
    size_t wanted = covey_team_wanted (entry->team);
    if (entry->all_asked || !wanted)
        return;
    size_t count = s_candidates (self, entry->team, best, wanted);
    entry->all_asked = count < wanted;
    for (size_t i = 0; i < count; i++)
        covey_team_invite (entry->team, best[i]->id);
    covey_fact_invited (self, entry->team, best, count);
}

void
covey_state_join_coordinations (covey_state_t *self,
                                const covey_worker_t *worker)
{
    covey_tree_t *open = &self->coordinations_open;
    for (covey_coordination_entry_t *e = covey_tree_first (open); e;
         e = covey_tree_next (open, e)) {
        bool wanted = covey_team_wanted (e->team) > 0 ||
                      (e->team->stage == COVEY_TEAM_FORMING &&
                       s_is_leader (e->team, worker->id));
        if (!wanted || !s_is_wanted (e->team, worker))
            continue;
        covey_team_invite (e->team, worker->id);
        covey_fact_invited (self, e->team, &worker, 1);
        covey_state_touch_coordination (self, e);
    }
}

/* ---- steps are tasks
 * ----------------------------------------------------------- */

/*  For the one agent of a seat, or for any member of the swarm, of which
   another one goes on when it is lost. */
static void
s_address_step (covey_task_t *task, const covey_team_t *team,
                const covey_step_t *step)
{
    static char *const fatal[] = {COVEY_TASK_AGENT_LOST,
                                  COVEY_TASK_LEASE_ENDED};
    task->swarm = covey_str_dup (team->swarm);
    if (team->strategy == COVEY_TEAM_ANY) {
        task->agent_type = covey_str_dup (team->agent_type);
        covey_texts_copy (&task->required, team->required.items,
                          team->required.count);
        return;
    }
    task->assignee = covey_str_dup (step->agent_id);
    covey_texts_copy (&task->retry.fatal_codes, fatal,
                      sizeof fatal / sizeof *fatal);
}

static void
s_describe_step (covey_state_t *self, covey_task_t *task,
                 const covey_team_t *team, const covey_step_t *step)
{
    task->type = covey_str_dup (team->task_type);
    task->description = covey_str_dup (team->objective);
    task->submitter = covey_str_dup (team->requester);
    task->correlation_id = covey_str_dup (team->id);
    task->coordination = covey_str_dup (team->id);
    task->step = covey_str_dup (covey_step_kind_name (step->kind));
    task->priority = team->priority;
    task->retry = (covey_retry_t){.attempts = team->attempts,
                                  .first_delay_ms = COVEY_TASK_FIRST_DELAY_MS,
                                  .multiplier = 2000,
                                  .max_delay_ms = COVEY_TASK_MAX_DELAY_MS};
    s_address_step (task, team, step);
    task->lease_ms = team->lease_ms;
    task->deadline_us = self->now_us + team->step_ms * 1000;
    task->submitted_us = self->now_us;
}

static void
s_start_step (covey_state_t *self, covey_team_t *team, size_t index)
{
    covey_buf_t input;
    covey_buf_init (&input, COVEY_PAYLOAD_MAX);
    if (covey_team_input (team, index, &input)) {
        covey_team_end (team, COVEY_TEAM_TOO_LARGE,
                        "the input of step %s has more than %d bytes",
                        covey_step_kind_name (team->steps[index].kind),
                        COVEY_PAYLOAD_MAX);
        covey_buf_deinit (&input);
        return;
    }
    char id[37];
    covey_id_text (covey_state_make_id (self).bytes, id);
    covey_task_t *task = covey_task_new (id, ++self->task_seq);
    s_describe_step (self, task, team, &team->steps[index]);
    covey_blob_set (&task->input, COVEY_CONTENT_JSON, input.data, input.size);
    covey_buf_deinit (&input);
    covey_team_run (team, index, id);
    covey_state_add_task (self, task);
    covey_fact_submitted (self, task);
    covey_state_settle (self, task);
}

static bool
s_is_full (const covey_state_t *self)
{
    return self->live_count >= self->limits.tasks_max ||
           self->live_bytes >= self->limits.task_bytes_max;
}

static void
s_start_steps (covey_state_t *self, covey_coordination_entry_t *entry)
{
    int step;
    while ((step = covey_team_next (entry->team)) >= 0) {
        if (s_is_full (self)) {
            covey_timers_arm (&self->timers, &entry->wake,
                              self->now_us + FULL_AGAIN_US);
            return;
        }
        s_start_step (self, entry->team, (size_t)step);
    }
}

/*  Its agent is gone, or silent.                                            */
static bool
s_is_loss (const covey_task_t *task)
{
    const char *code = task ? task->error_code : NULL;
    return code && (strcmp (code, COVEY_TASK_AGENT_LOST) == 0 ||
                    strcmp (code, COVEY_TASK_LEASE_ENDED) == 0);
}

static void
s_step_failed (covey_team_t *team, size_t index, const covey_task_t *task)
{
    const char *error = task && task->error ? task->error : "no reason given";
    if (team->steps[index].seat >= 0 && (!team->swarm || s_is_loss (task)))
        covey_team_failed (team, index, error);
    else
        covey_team_botched (team, index, error);
}

/*  What became of the steps that run.                                       */
static void
s_reap_steps (covey_state_t *self, covey_team_t *team)
{
    static const covey_blob_t nothing = {true, COVEY_CONTENT_JSON, "null", 4};
    for (size_t i = 0; i < team->step_count; i++) {
        covey_step_t *step = &team->steps[i];
        if (step->state != COVEY_STEP_RUNNING)
            continue;
        const covey_task_t *task = covey_state_find_task (self, step->task_id);
        if (task && !covey_task_state_is_ended (task->state))
            continue;
        if (task && step->seat < 0)
            covey_task_set (&step->agent_id, task->agent);
        if (task && task->state == COVEY_TASK_STATE_COMPLETED)
            covey_team_done (team, i,
                             task->result.set ? &task->result : &nothing);
        else
            s_step_failed (team, i, task);
    }
}

void
covey_state_stop_steps (covey_state_t *self, const covey_team_t *team,
                        const char *agent_id, const char *reason)
{
    for (size_t i = 0; i < team->step_count; i++) {
        const covey_step_t *step = &team->steps[i];
        if (!step->task_id[0] || step->state == COVEY_STEP_DONE ||
            (agent_id &&
             (!step->agent_id || strcmp (step->agent_id, agent_id) != 0)))
            continue;
        covey_task_t *task = covey_state_find_task (self, step->task_id);
        if (task && !covey_task_state_is_ended (task->state))
            covey_state_cancel (self, task, reason);
    }
}

void
covey_state_step_ended (covey_state_t *self, const covey_task_t *task)
{
    covey_coordination_entry_t *entry =
        task->coordination
            ? covey_state_find_coordination (self, task->coordination)
            : NULL;
    if (entry && covey_coordination_is_open (entry))
        covey_state_touch_coordination (self, entry);
}

void
covey_state_leave_coordinations (covey_state_t *self, const char *agent_id,
                                 const char *swarm_id, const char *reason)
{
    covey_tree_t *open = &self->coordinations_open;
    for (covey_coordination_entry_t *e = covey_tree_first (open); e;
         e = covey_tree_next (open, e)) {
        if (swarm_id &&
            (!e->team->swarm || strcmp (e->team->swarm, swarm_id) != 0))
            continue;
        covey_state_stop_steps (self, e->team, agent_id, reason);
        covey_team_lose (e->team, agent_id, reason);
        if (e->team->changed)
            covey_state_touch_coordination (self, e);
    }
}

/* ---- what follows
 * -------------------------------------------------------------- */

static void
s_gather (covey_state_t *self, covey_coordination_entry_t *entry)
{
    covey_team_t *team = entry->team;
    s_invite (self, entry);
    bool is_last =
        entry->all_asked || team->invited_count >= COVEY_TEAM_INVITED_MAX;
    if (!covey_team_is_gathered (team, is_last, false))
        return;
    covey_timers_disarm (&self->timers, &entry->wake);
    covey_team_begin (team, self->now_us);
}

static void
s_finish (covey_state_t *self, covey_coordination_entry_t *entry)
{
    covey_errbuf_t reason;
    (void)covey_fail (&reason, COVEY_CANCELED, "coordination %s is over",
                      entry->team->id);
    entry->team->ended_us = self->now_us; /* from here on nothing touches it */
    covey_state_stop_steps (self, entry->team, NULL, reason.text);
    covey_timers_disarm (&self->timers, &entry->wake);
    covey_timers_disarm (&self->timers, &entry->deadline);
    covey_fact_coordinated (self, entry->team);
    covey_tree_remove (&self->coordinations_open, entry);
    self->coordination_bytes -= entry->bytes;
    entry->seq = ++self->coordination_seq;
    entry->bytes = covey_team_measure (entry->team);
    self->coordination_ended_bytes += entry->bytes;
    covey_tree_insert (&self->coordinations_ended, entry);
}

static void
s_advance (covey_state_t *self, covey_coordination_entry_t *entry)
{
    covey_team_t *team = entry->team;
    s_reap_steps (self, team);
    if (team->stage == COVEY_TEAM_FORMING)
        s_gather (self, entry);
    s_start_steps (self, entry);
    size_t bytes = covey_team_measure (team);
    self->coordination_bytes += bytes - entry->bytes;
    entry->bytes = bytes;
    if (team->changed)
        covey_fact_coordination_update (self, team);
    team->changed = false;
    if (team->stage == COVEY_TEAM_COMPLETED)
        s_finish (self, entry);
}

void
covey_state_coordinate (covey_state_t *self)
{
    covey_coordination_entry_t *entry;
    while ((entry = covey_tree_first (&self->coordinations_touched))) {
        covey_tree_remove (&self->coordinations_touched, entry);
        s_advance (self, entry);
    }
    s_trim (self);
}

void
covey_state_coordination_due (covey_state_t *self, covey_timer_t *timer)
{
    covey_coordination_entry_t *entry = timer->owner;
    covey_team_t *team = entry->team;
    if (timer == &entry->deadline)
        covey_team_end (team, COVEY_TEAM_TIMEOUT,
                        "it did not end within %lld ms",
                        (long long)team->total_ms);
    else if (covey_team_is_gathered (team, true, true))
        covey_team_begin (team, self->now_us);
    else if (team->stage == COVEY_TEAM_FORMING)
        covey_team_give_up (team);
    covey_state_touch_coordination (self, entry);
}
