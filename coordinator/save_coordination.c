/*  Saved: coordination sessions, with whom they asked and what was done.     */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/save.h"
#include "coordinator/state_impl.h"

/* ---- writing ----------------------------------------------------------------
 */

static void
s_describe (const covey_team_t *team, Covey__Snapshot__Coordination *to)
{
    to->id = team->id;
    to->objective = team->objective;
    to->requester = team->requester;
    to->swarm = team->swarm;
    to->agent_type = team->agent_type;
    to->leader = team->leader;
    to->task_type = team->task_type;
    to->n_required_capabilities = team->required.count;
    to->required_capabilities = team->required.items;
    to->strategy = team->strategy;
    to->min_agents = team->min_agents;
    to->max_agents = team->max_agents;
    to->fail_fast = team->fail_fast;
    to->vote_strategy = team->rule.strategy;
    to->quorum_size = team->rule.quorum_size;
    to->priority = team->priority;
    to->attempts = team->attempts;
    to->gather = team->gather_ms;
    to->step = team->step_ms;
    to->total = team->total_ms;
    to->lease = team->lease_ms;
}

static void
s_stand (const covey_team_t *team, Covey__Snapshot__Coordination *to)
{
    to->stage = team->stage;
    to->paused = team->paused;
    to->accepted = team->accepted;
    to->n_seats = team->seat_count;
    to->seats = team->seats;
    to->leader_seat = (uint32_t)team->leader_seat;
    to->result_bytes = team->result_bytes;
    to->replaced = team->replaced;
    to->opened = team->opened_us;
    to->started = team->started_us;
    to->ended = team->ended_us;
    to->success = team->success;
    to->code = (char *)team->code;
    to->reason = team->reason;
}

/*  The lists of a message, and what they point to.                          */
typedef struct {
    Covey__Snapshot__Invited *invited;
    Covey__Snapshot__Invited **invited_list;
    Covey__Snapshot__Step *steps;
    Covey__Snapshot__Step **step_list;
    Covey__Snapshot__Blob *blobs; /* part and result of each step             */
} s_lists_t;

static void
s_list (const covey_team_t *team, Covey__Snapshot__Coordination *to,
        s_lists_t *lists)
{
    size_t invited = team->invited_count, steps = team->step_count;
    lists->invited = covey_mem_new (invited * sizeof *lists->invited);
    lists->invited_list = covey_mem_new (invited * sizeof *lists->invited_list);
    lists->steps = covey_mem_new (steps * sizeof *lists->steps);
    lists->step_list = covey_mem_new (steps * sizeof *lists->step_list);
    lists->blobs = covey_mem_new (2 * steps * sizeof *lists->blobs);
    for (size_t i = 0; i < invited; i++) {
        Covey__Snapshot__Invited *one = lists->invited_list[i] =
            &lists->invited[i];
        covey__snapshot__invited__init (one);
        one->agent_id = team->invited[i].agent_id;
        one->state = team->invited[i].state;
        one->order = team->invited[i].order;
        one->reason = team->invited[i].reason;
        one->has_weight = true;
        one->weight = team->invited[i].weight;
    }
    for (size_t i = 0; i < steps; i++) {
        const covey_step_t *from = &team->steps[i];
        Covey__Snapshot__Step *step = lists->step_list[i] = &lists->steps[i];
        covey__snapshot__step__init (step);
        step->kind = from->kind;
        step->state = from->state;
        step->seat = from->seat;
        step->number = from->number;
        step->agent_id = from->agent_id;
        step->task_id = (char *)from->task_id;
        step->part = covey_save_blob (&from->part, &lists->blobs[2 * i]);
        step->result =
            covey_save_blob (&from->result, &lists->blobs[2 * i + 1]);
        step->error = from->error;
    }
    to->n_invited = invited;
    to->invited = lists->invited_list;
    to->n_steps = steps;
    to->steps = lists->step_list;
}

static void
s_put (const covey_coordination_entry_t *entry, covey_saver_t *to)
{
    const covey_team_t *team = entry->team;
    Covey__Snapshot__Coordination message = COVEY__SNAPSHOT__COORDINATION__INIT;
    Covey__Snapshot__Blob input, result;
    Covey__Snapshot__Timer wake, deadline;
    s_lists_t lists;
    s_describe (team, &message);
    s_stand (team, &message);
    s_list (team, &message, &lists);
    message.input = covey_save_blob (&team->input, &input);
    message.result = covey_save_blob (&team->result, &result);
    message.seq = entry->seq;
    message.all_asked = entry->all_asked;
    message.wake_left = entry->wake_left_us;
    message.deadline_left = entry->deadline_left_us;
    message.wake = covey_save_timer (&entry->wake, &wake);
    message.deadline = covey_save_timer (&entry->deadline, &deadline);
    Covey__Snapshot__Record record = COVEY__SNAPSHOT__RECORD__INIT;
    record.kind_case = COVEY__SNAPSHOT__RECORD__KIND_SESSION;
    record.session = &message;
    covey_saver_put (to, &record);
    free (lists.blobs);
    free (lists.step_list);
    free (lists.steps);
    free (lists.invited_list);
    free (lists.invited);
}

void
covey_state_save_coordinations (const covey_state_t *self, covey_saver_t *to)
{
    for (const covey_coordination_entry_t *e =
             covey_tree_first (&self->coordinations);
         e; e = covey_tree_next (&self->coordinations, e))
        s_put (e, to);
}

/* ---- reading ----------------------------------------------------------------
 */

static bool
s_is_span (int64_t ms)
{
    return ms >= 1 && ms <= COVEY_VOTE_TIMEOUT_MAX_MS;
}

/*  Those of a swarm, or the others.                                         */
static bool
s_is_strategy (const Covey__Snapshot__Coordination *from)
{
    return from->strategy <= COVEY_TEAM_SPLIT &&
           (from->swarm ? from->strategy != COVEY_TEAM_SEQUENTIAL &&
                              from->strategy != COVEY_TEAM_HIERARCHICAL
                        : from->strategy <= COVEY_TEAM_CONSENSUS);
}

static bool
s_is_good (const covey_state_t *self, const Covey__Snapshot__Coordination *from)
{
    return s_is_strategy (from) &&
           from->vote_strategy <= COVEY_STRATEGY_QUORUM &&
           (from->min_agents >= 1 || from->swarm) &&
           from->min_agents <= from->max_agents &&
           from->max_agents <= COVEY_TEAM_AGENTS_MAX &&
           from->n_invited <= COVEY_TEAM_INVITED_MAX &&
           from->n_seats <= COVEY_TEAM_AGENTS_MAX &&
           from->leader_seat <= from->n_seats && s_is_span (from->gather) &&
           s_is_span (from->step) && s_is_span (from->total) &&
           from->lease >= COVEY_TASK_LEASE_MIN_MS &&
           from->lease <= COVEY_TASK_LEASE_MAX_MS &&
           from->stage <= COVEY_TEAM_COMPLETED &&
           from->stage != COVEY_TEAM_PAUSED &&
           from->seq <= self->coordination_seq &&
           covey_save_is_time (from->opened) &&
           covey_save_is_time (from->started) &&
           covey_save_is_time (from->ended) &&
           covey_save_is_time (from->wake_left + 1) &&
           covey_save_is_time (from->deadline_left + 1) &&
           (from->stage == COVEY_TEAM_COMPLETED) == (from->ended != 0) &&
           !covey_state_find_coordination (self, from->id);
}

static void
s_take_description (covey_team_t *team,
                    const Covey__Snapshot__Coordination *from)
{
    team->objective = covey_str_dup (from->objective);
    team->requester = covey_str_dup (from->requester);
    team->swarm = covey_str_dup (from->swarm);
    team->agent_type = covey_str_dup (from->agent_type);
    team->leader = covey_str_dup (from->leader);
    team->task_type = covey_str_dup (from->task_type);
    covey_texts_sort (&team->required, from->required_capabilities,
                      from->n_required_capabilities);
    covey_load_blob (&team->input, from->input);
    team->strategy = (covey_team_strategy_t)from->strategy;
    team->min_agents = from->min_agents;
    team->max_agents = from->max_agents;
    team->fail_fast = from->fail_fast;
    team->rule.strategy = (covey_strategy_t)from->vote_strategy;
    team->rule.quorum_size = from->quorum_size;
    team->priority = from->priority;
    team->attempts = from->attempts;
    team->gather_ms = from->gather;
    team->step_ms = from->step;
    team->total_ms = from->total;
    team->lease_ms = from->lease;
}

static bool
s_take_standing (covey_team_t *team, const Covey__Snapshot__Coordination *from)
{
    team->stage = (covey_team_status_t)from->stage;
    team->paused = from->paused;
    team->accepted = from->accepted;
    team->leader_seat = (int)from->leader_seat;
    team->result_bytes = from->result_bytes;
    team->replaced = from->replaced;
    team->opened_us = from->opened;
    team->started_us = from->started;
    team->ended_us = from->ended;
    team->success = from->success;
    team->reason = covey_str_dup (from->reason);
    covey_load_blob (&team->result, from->result);
    team->code = from->code ? covey_team_code (from->code) : NULL;
    return !from->code == !team->code &&
           (team->stage == COVEY_TEAM_COMPLETED || !team->code);
}

static bool
s_take_agents (covey_team_t *team, const Covey__Snapshot__Coordination *from)
{
    for (size_t i = 0; i < from->n_invited; i++) {
        const Covey__Snapshot__Invited *one = from->invited[i];
        if (one->state >= COVEY_INVITED_STATES || one->order > from->accepted ||
            one->weight > (uint64_t)COVEY_WEIGHT_MAX * COVEY_WEIGHT_ONE)
            return false;
        team->invited =
            covey_mem_room (team->invited, team->invited_count,
                            &team->invited_capacity, sizeof *team->invited);
        team->invited[team->invited_count++] = (covey_invited_t){
            .agent_id = covey_str_dup (one->agent_id),
            .state = (covey_invited_state_t)one->state,
            .order = one->order,
            .reason = covey_str_dup (one->reason),
            .weight = one->has_weight ? one->weight : COVEY_WEIGHT_ONE};
    }
    if (from->n_seats) /* else they are made when it begins */
        team->seats = covey_mem_new (from->n_seats * sizeof *team->seats);
    team->seat_count = from->n_seats;
    for (size_t i = 0; i < from->n_seats; i++) {
        team->seats[i] = from->seats[i];
        if (from->seats[i] < -1 || from->seats[i] >= (int64_t)from->n_invited)
            return false;
    }
    return true;
}

static bool
s_take_steps (covey_team_t *team, const Covey__Snapshot__Coordination *from)
{
    for (size_t i = 0; i < from->n_steps; i++) {
        const Covey__Snapshot__Step *one = from->steps[i];
        if (one->kind > COVEY_STEP_VOTE || one->state > COVEY_STEP_FAILED ||
            one->seat < -1 || one->seat >= (int64_t)from->n_seats)
            return false;
        team->steps =
            covey_mem_room (team->steps, team->step_count, &team->step_capacity,
                            sizeof *team->steps);
        covey_step_t *step = &team->steps[team->step_count++];
        *step = (covey_step_t){.kind = (covey_step_kind_t)one->kind,
                               .state = (covey_step_state_t)one->state,
                               .seat = one->seat,
                               .number = one->number,
                               .agent_id = covey_str_dup (one->agent_id),
                               .error = covey_str_dup (one->error)};
        covey_str_copy (step->task_id, sizeof step->task_id, one->task_id);
        covey_load_blob (&step->part, one->part);
        covey_load_blob (&step->result, one->result);
        if (step->state == COVEY_STEP_RUNNING &&
            team->strategy != COVEY_TEAM_ANY &&
            (step->seat < 0 || !step->agent_id))
            return false;
    }
    return true;
}

static bool
s_take_timers (covey_state_t *self, covey_coordination_entry_t *entry,
               const Covey__Snapshot__Coordination *from)
{
    bool open = covey_coordination_is_open (entry);
    entry->all_asked = from->all_asked;
    entry->wake_left_us = from->wake_left;
    entry->deadline_left_us = from->deadline_left;
    return (open || (!from->wake && !from->deadline)) &&
           (!from->wake ||
            (from->wake->kind == COVEY_TIMER_GATHER &&
             covey_load_timer (&self->timers, &entry->wake, from->wake))) &&
           (!from->deadline ||
            (from->deadline->kind == COVEY_TIMER_COORDINATION &&
             covey_load_timer (&self->timers, &entry->deadline,
                               from->deadline)));
}

covey_err_t
covey_state_load_coordination (covey_state_t *self,
                               const Covey__Snapshot__Record *record,
                               covey_errbuf_t *err)
{
    const Covey__Snapshot__Coordination *from = record->session;
    covey_team_t *team = covey_team_new (from->id);
    bool good = s_is_good (self, from);
    if (good) {
        s_take_description (team, from);
        good = s_take_standing (team, from) && s_take_agents (team, from) &&
               s_take_steps (team, from);
    }
    covey_coordination_entry_t *entry =
        good ? covey_state_add_coordination (self, team, from->seq) : NULL;
    if (!entry)
        covey_team_destroy (&team);
    good = entry && covey_link_is_in (&entry->in_order) &&
           s_take_timers (self, entry, from);
    return good ? COVEY_OK
                : covey_fail (err, COVEY_CORRUPT,
                              "the snapshot is damaged: coordination %.140s",
                              from->id);
}
