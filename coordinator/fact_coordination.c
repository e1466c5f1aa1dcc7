/*  Facts about coordination sessions.                                        */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/fact_impl.h"
#include "proto/event.h"
#include "proto/json.h"

static covey_event_t *
s_begin (covey_state_t *state, int type, const char *source,
         const covey_team_t *team)
{
    covey_event_t *event = covey_fact_begin (state, type, source, team->id);
    covey_fact_put_str (event, "coordinationId", team->id);
    return event;
}

void
covey_fact_invited (covey_state_t *state, const covey_team_t *team,
                    const covey_worker_t *const *workers, size_t count)
{
    if (!count)
        return;
    covey_event_t *event = s_begin (state, COVEY_EVENT_COORDINATION_REQUEST,
                                    team->requester, team);
    covey_fact_put_str (event, "objective", team->objective);
    for (size_t i = 0; i < team->required.count; i++)
        covey_fact_add_str (event, "requiredCapabilities",
                            team->required.items[i]);
    covey_fact_put_int (event, "minAgents", team->min_agents);
    covey_fact_put_int (event, "maxAgents", team->max_agents);
    covey_fact_put_str (event, "strategy",
                        covey_team_strategy_name (team->strategy));
    for (size_t i = 0; i < count; i++)
        covey_fact_add_target (event, workers[i]->id);
}

void
covey_fact_coordination_answer (covey_state_t *state, const covey_team_t *team,
                                const char *agent_id, const char *reason)
{
    covey_event_t *event = s_begin (state,
                                    reason ? COVEY_EVENT_COORDINATION_REJECTED
                                           : COVEY_EVENT_COORDINATION_ACCEPTED,
                                    agent_id, team);
    covey_fact_put_str (event, "agentId", agent_id);
    covey_fact_put_str (event, "reason", reason);
}

/*  Before the start: who accepted.                                          */
static void
s_add_participants (covey_event_t *event, const covey_team_t *team)
{
    for (size_t i = 0; i < team->seat_count; i++)
        if (team->seats[i] >= 0)
            covey_fact_add_str (event, "participants",
                                covey_team_seat (team, i));
    for (size_t i = 0; i < team->invited_count && !team->seat_count; i++)
        if (team->invited[i].state == COVEY_INVITED_ACCEPTED)
            covey_fact_add_str (event, "participants",
                                team->invited[i].agent_id);
}

void
covey_fact_coordination_update (covey_state_t *state, const covey_team_t *team)
{
    covey_event_t *event = s_begin (state, COVEY_EVENT_COORDINATION_UPDATE,
                                    COVEY_SERVICE_COORDINATOR, team);
    if (!event)
        return;
    char metrics[400];
    int size = snprintf (
        metrics, sizeof metrics,
        "{\"strategy\":\"%s\",\"asked\":%zu,\"accepted\":%u,"
        "\"rejected\":%zu,\"failed\":%zu,\"replaced\":%u,\"steps\":%zu,"
        "\"stepsDone\":%zu,\"stepsRunning\":%zu,\"elapsed\":%lld}",
        covey_team_strategy_name (team->strategy), team->invited_count,
        team->accepted, covey_team_count (team, COVEY_INVITED_REJECTED),
        covey_team_count (team, COVEY_INVITED_FAILED), team->replaced,
        team->step_count, covey_team_count_steps (team, COVEY_STEP_DONE),
        covey_team_count_steps (team, COVEY_STEP_RUNNING),
        (long long)(state->now_us - team->opened_us) / 1000);
    covey_fact_put_str (event, "status",
                        covey_team_status_name (covey_team_status (team)));
    s_add_participants (event, team);
    covey_fact_put_num (event, "progress", covey_team_progress (team));
    covey_fact_put_payload (event, "metrics", COVEY_CONTENT_JSON, metrics,
                            (size_t)size);
}

void
covey_fact_coordinated (covey_state_t *state, const covey_team_t *team)
{
    covey_event_t *event = s_begin (state, COVEY_EVENT_COORDINATION_COMPLETE,
                                    COVEY_SERVICE_COORDINATOR, team);
    if (!event)
        return;
    covey_fact_put_bool (event, "success", team->success);
    s_add_participants (event, team);
    covey_fact_put_int (event, "duration",
                        (team->ended_us - team->opened_us) / 1000);
    covey_fact_put_metadata (event, "code", team->code);
    covey_fact_put_metadata (event, "reason", team->reason);
    if (team->success) {
        covey_fact_put_payload (event, "result", team->result.content,
                                team->result.data, team->result.size);
        return;
    }
    covey_buf_t json;
    covey_buf_init (&json, COVEY_TEXT_MAX);
    covey_buf_printf (&json, "{\"code\":\"%s\",\"reason\":", team->code);
    covey_json_quote (&json, team->reason, strlen (team->reason));
    covey_buf_putc (&json, '}');
    covey_fact_put_payload (event, "result", COVEY_CONTENT_JSON, json.data,
                            json.size);
    covey_buf_deinit (&json);
}
