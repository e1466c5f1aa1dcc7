/*  What callers see of coordination sessions.                                */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/team_impl.h"
#include "coordinator/view.h"
#include "proto/json.h"

/*  All that a view borrows, in one piece.                                    */
typedef struct {
    Covey__Control__InvitedAgent agents[COVEY_TEAM_INVITED_MAX];
    Covey__Control__InvitedAgent *agent_list[COVEY_TEAM_INVITED_MAX];
    Covey__Control__CoordinationResult votes[COVEY_TEAM_AGENTS_MAX];
    Covey__Control__CoordinationResult *vote_list[COVEY_TEAM_AGENTS_MAX];
    char *authors[COVEY_TEAM_AGENTS_MAX];
    char *participants[COVEY_TEAM_AGENTS_MAX];
    Covey__Control__StepView *steps;
    Covey__Control__StepView **step_list;
    Covey__V1__Payload result;
} s_parts_t;

static void
s_fill (const covey_coordination_entry_t *entry,
        Covey__Control__CoordinationView *view, s_parts_t *parts)
{
    const covey_team_t *team = entry->team;
    covey__control__coordination_view__init (view);
    view->id = team->id;
    view->objective = team->objective;
    view->strategy = (char *)covey_team_strategy_name (team->strategy);
    view->state = (char *)covey_team_status_name (covey_team_status (team));
    view->has_progress = true;
    view->progress = covey_team_progress (team);
    view->requester = team->requester;
    view->swarm = team->swarm;
    view->mode = (char *)covey_team_mode_name (team);
    view->has_opened_at = true;
    view->opened_at = team->opened_us;
    view->has_started_at = team->started_us != 0;
    view->started_at = team->started_us;
    view->has_ended_at = team->ended_us != 0;
    view->ended_at = team->ended_us;
    view->has_deadline = covey_link_is_in (&entry->deadline.link);
    view->deadline = entry->deadline.due_us;
    view->reason = team->reason;
    if (team->stage == COVEY_TEAM_COMPLETED) {
        view->has_success = true;
        view->success = team->success;
        view->code = (char *)team->code;
    }
    view->participants = parts->participants;
    for (size_t i = 0; i < team->seat_count; i++)
        if (team->seats[i] >= 0)
            view->participants[view->n_participants++] =
                (char *)covey_team_seat (team, i);
}

static void
s_fill_demand (const covey_team_t *team, Covey__Control__CoordinationView *view)
{
    view->n_required_capabilities = team->required.count;
    view->required_capabilities = team->required.items;
    view->agent_type = team->agent_type;
    view->has_min_agents = view->has_max_agents = true;
    view->min_agents = team->min_agents;
    view->max_agents = team->max_agents;
    view->has_on_failure = true;
    view->on_failure = team->fail_fast
                           ? COVEY__CONTROL__FAILURE_POLICY__FAIL
                           : COVEY__CONTROL__FAILURE_POLICY__CONTINUE;
    view->has_replaced = true;
    view->replaced = team->replaced;
    view->leader = team->leader;
    if (team->strategy == COVEY_TEAM_HIERARCHICAL && team->seat_count)
        view->leader =
            (char *)covey_team_seat (team, (size_t)team->leader_seat);
}

static void
s_fill_agents (const covey_team_t *team, Covey__Control__CoordinationView *view,
               s_parts_t *parts)
{
    view->agents = parts->agent_list;
    for (size_t i = 0; i < team->invited_count; i++) {
        Covey__Control__InvitedAgent *agent = &parts->agents[i];
        covey__control__invited_agent__init (agent);
        agent->agent_id = team->invited[i].agent_id;
        agent->answer =
            (char *)covey_invited_state_name (team->invited[i].state);
        agent->reason = team->invited[i].reason;
        view->agents[view->n_agents++] = agent;
    }
}

static void
s_fill_steps (const covey_team_t *team, Covey__Control__CoordinationView *view,
              s_parts_t *parts)
{
    parts->steps = covey_mem_new (team->step_count * sizeof *parts->steps);
    parts->step_list =
        covey_mem_new (team->step_count * sizeof *parts->step_list);
    view->steps = parts->step_list;
    for (size_t i = 0; i < team->step_count; i++) {
        const covey_step_t *step = &team->steps[i];
        Covey__Control__StepView *shown = &parts->steps[i];
        covey__control__step_view__init (shown);
        shown->step = (char *)covey_step_kind_name (step->kind);
        shown->has_number = true;
        shown->number = step->number;
        shown->state = (char *)covey_step_state_name (step->state);
        shown->agent_id = step->agent_id;
        shown->task_id = step->task_id[0] ? (char *)step->task_id : NULL;
        shown->error = step->error;
        view->steps[view->n_steps++] = shown;
    }
}

/*  What was chosen from, and how often each was chosen.                     */
static void
s_fill_votes (const covey_team_t *team, Covey__Control__CoordinationView *view,
              s_parts_t *parts)
{
    covey_choice_t choices[COVEY_TEAM_AGENTS_MAX];
    covey_turnout_t turnout;
    size_t used = 0, count = covey_team_choices (team, choices);
    if (!covey_team_count_votes (team, choices, count, &turnout))
        return;
    view->votes = parts->vote_list;
    for (size_t i = 0; i < count; i++) {
        Covey__Control__CoordinationResult *vote = &parts->votes[i];
        covey__control__coordination_result__init (vote);
        vote->has_number = vote->has_votes = true;
        vote->number = (uint32_t)i + 1;
        vote->votes = choices[i].votes;
        vote->agents = parts->authors + used;
        for (uint32_t n = 0; n < choices[i].author_count; n++)
            parts->authors[used++] = choices[i].authors[n]->agent_id;
        vote->n_agents = choices[i].author_count;
        view->votes[view->n_votes++] = vote;
    }
}

covey_err_t
covey_view_coordination (const covey_coordination_entry_t *entry, bool whole,
                         covey_buf_t *to)
{
    const covey_team_t *team = entry->team;
    Covey__Control__CoordinationView view;
    s_parts_t *parts = covey_mem_new (sizeof *parts);
    s_fill (entry, &view, parts);
    s_fill_demand (team, &view);
    if (whole) {
        s_fill_agents (team, &view, parts);
        s_fill_steps (team, &view, parts);
        if (team->strategy == COVEY_TEAM_CONSENSUS)
            s_fill_votes (team, &view, parts);
    }
    bool fits = team->result.size <= COVEY_VIEW_RESULT_MAX;
    if (whole && team->result.set && fits) {
        covey_team_payload (&team->result, &parts->result);
        view.result = &parts->result;
    }
    view.has_result_omitted = whole && team->result.set && !fits;
    view.result_omitted = true;
    covey_err_t code = covey_json_write (&view.base, to);
    free (parts->steps);
    free (parts->step_list);
    free (parts);
    return code;
}

covey_err_t
covey_state_coordination (const covey_state_t *self,
                          const char *coordination_id, covey_buf_t *to,
                          covey_errbuf_t *err)
{
    const covey_coordination_entry_t *entry =
        covey_state_find_coordination (self, coordination_id);
    if (!entry)
        return covey_fail (err, COVEY_NOTFOUND, "no coordination %s",
                           coordination_id);
    return covey_view_coordination (entry, true, to);
}

static int
s_key_id (const void *key, const void *item)
{
    return strcmp (key, ((const covey_coordination_entry_t *)item)->team->id);
}

static covey_err_t
s_find_status (const char *name, int *status_p, covey_errbuf_t *err)
{
    *status_p = -1;
    for (int i = 0; name && i <= COVEY_TEAM_COMPLETED; i++)
        if (strcmp (covey_team_status_name ((covey_team_status_t)i), name) == 0)
            *status_p = i;
    if (!name || *status_p >= 0)
        return COVEY_OK;
    return covey_fail (err, COVEY_INVALID,
                       "state \"%s\" is none of forming, active, paused, "
                       "completing, completed",
                       name);
}

covey_err_t
covey_state_coordinations (const covey_state_t *self,
                           const Covey__Control__ListQuery *query,
                           covey_buf_t *to, covey_errbuf_t *err)
{
    int status;
    covey_err_t code = s_find_status (query->state, &status, err);
    if (code)
        return code;
    covey_view_list_t list;
    covey_view_list_begin (&list, "coordinations",
                           query->has_limit ? query->limit : 0, to);
    const covey_tree_t *all = &self->coordinations;
    covey_coordination_entry_t *entry =
        query->after ? covey_tree_after (all, query->after, s_key_id)
                     : covey_tree_first (all);
    const char *last = NULL;
    for (; entry && !code; entry = covey_tree_next (all, entry)) {
        if (query->state && (int)covey_team_status (entry->team) != status)
            continue;
        if (!covey_view_list_has_room (&list))
            break;
        last = entry->team->id;
        code = covey_view_coordination (entry, false, to);
    }
    return code ? code : covey_view_list_end (&list, last);
}
