#include "cli/commands.h"

static const covey_cli_command_t *const s_commands[] = {
    &covey_cmd_up,
    &covey_cmd_demo,
    &covey_cmd_status,
    &covey_cmd_nodes,
    &covey_cmd_agents,
    &covey_cmd_drain,
    &covey_cmd_agent_run,
    &covey_cmd_tasks,
    &covey_cmd_swarms,
    &covey_cmd_votes,
    &covey_cmd_send,
    &covey_cmd_request,
    &covey_cmd_broadcast,
    &covey_cmd_publish,
    &covey_cmd_subscribe,
    &covey_cmd_events,
    &covey_cmd_stats,
    &covey_cmd_aggregates,
    &covey_cmd_task_submit,
    &covey_cmd_task_show,
    &covey_cmd_task_list,
    &covey_cmd_task_cancel,
    &covey_cmd_task_retry,
    &covey_cmd_swarm_form,
    &covey_cmd_swarm_join,
    &covey_cmd_swarm_leave,
    &covey_cmd_swarm_disband,
    &covey_cmd_swarm_show,
    &covey_cmd_swarm_list,
    &covey_cmd_vote_propose,
    &covey_cmd_vote_cast,
    &covey_cmd_vote_show,
    &covey_cmd_vote_list,
    &covey_cmd_vote_withdraw,
    &covey_cmd_outcome,
    &covey_cmd_help,
    &covey_cmd_version,
    NULL};

const covey_cli_command_t *const *
covey_cli_commands (void)
{
    return s_commands;
}
