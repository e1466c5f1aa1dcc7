/*  commands - the entries of the table, each defined in its cmd_NAME.c       */
#ifndef COVEY_COMMANDS_H_INCLUDED
#define COVEY_COMMANDS_H_INCLUDED

#include "cli/cli.h"

extern const covey_cli_command_t covey_cmd_up;
extern const covey_cli_command_t covey_cmd_demo;
extern const covey_cli_command_t covey_cmd_status;
extern const covey_cli_command_t covey_cmd_nodes;
extern const covey_cli_command_t covey_cmd_agents;
extern const covey_cli_command_t covey_cmd_drain;
extern const covey_cli_command_t covey_cmd_agent_run;
extern const covey_cli_command_t covey_cmd_send;
extern const covey_cli_command_t covey_cmd_request;
extern const covey_cli_command_t covey_cmd_broadcast;
extern const covey_cli_command_t covey_cmd_publish;
extern const covey_cli_command_t covey_cmd_subscribe;
extern const covey_cli_command_t covey_cmd_events;
extern const covey_cli_command_t covey_cmd_stats;
extern const covey_cli_command_t covey_cmd_aggregates;
extern const covey_cli_command_t covey_cmd_task_submit;
extern const covey_cli_command_t covey_cmd_task_show;
extern const covey_cli_command_t covey_cmd_task_list;
extern const covey_cli_command_t covey_cmd_task_cancel;
extern const covey_cli_command_t covey_cmd_task_retry;
extern const covey_cli_command_t covey_cmd_task_pause;
extern const covey_cli_command_t covey_cmd_task_resume;
extern const covey_cli_command_t covey_cmd_task_batch;
extern const covey_cli_command_t covey_cmd_task_schedule_add;
extern const covey_cli_command_t covey_cmd_task_schedule_list;
extern const covey_cli_command_t covey_cmd_task_schedule_show;
extern const covey_cli_command_t covey_cmd_task_schedule_pause;
extern const covey_cli_command_t covey_cmd_task_schedule_resume;
extern const covey_cli_command_t covey_cmd_task_schedule_delete;
extern const covey_cli_command_t covey_cmd_tasks;
extern const covey_cli_command_t covey_cmd_swarm_form;
extern const covey_cli_command_t covey_cmd_swarm_join;
extern const covey_cli_command_t covey_cmd_swarm_leave;
extern const covey_cli_command_t covey_cmd_swarm_disband;
extern const covey_cli_command_t covey_cmd_swarm_show;
extern const covey_cli_command_t covey_cmd_swarm_task;
extern const covey_cli_command_t covey_cmd_swarm_list;
extern const covey_cli_command_t covey_cmd_swarms;
extern const covey_cli_command_t covey_cmd_vote_propose;
extern const covey_cli_command_t covey_cmd_vote_cast;
extern const covey_cli_command_t covey_cmd_vote_withdraw;
extern const covey_cli_command_t covey_cmd_vote_show;
extern const covey_cli_command_t covey_cmd_vote_list;
extern const covey_cli_command_t covey_cmd_vote_export;
extern const covey_cli_command_t covey_cmd_vote_verify;
extern const covey_cli_command_t covey_cmd_votes;
extern const covey_cli_command_t covey_cmd_limits;
extern const covey_cli_command_t covey_cmd_outcome;
extern const covey_cli_command_t covey_cmd_coordinator_list;
extern const covey_cli_command_t covey_cmd_coordinator_add;
extern const covey_cli_command_t covey_cmd_coordinator_remove;
extern const covey_cli_command_t covey_cmd_coordinator_transfer;
extern const covey_cli_command_t covey_cmd_memory_put;
extern const covey_cli_command_t covey_cmd_memory_get;
extern const covey_cli_command_t covey_cmd_memory_incr;
extern const covey_cli_command_t covey_cmd_memory_delete;
extern const covey_cli_command_t covey_cmd_memory_share;
extern const covey_cli_command_t covey_cmd_memory_list;
extern const covey_cli_command_t covey_cmd_memory_history;
extern const covey_cli_command_t covey_cmd_memory_watch;
extern const covey_cli_command_t covey_cmd_memory_namespaces;
extern const covey_cli_command_t covey_cmd_coordinate;
extern const covey_cli_command_t covey_cmd_coordinate_show;
extern const covey_cli_command_t covey_cmd_coordinate_list;
extern const covey_cli_command_t covey_cmd_coordinate_cancel;
extern const covey_cli_command_t covey_cmd_coordinate_pause;
extern const covey_cli_command_t covey_cmd_coordinate_resume;
extern const covey_cli_command_t covey_cmd_coordinations;
extern const covey_cli_command_t covey_cmd_claim_acquire;
extern const covey_cli_command_t covey_cmd_claim_renew;
extern const covey_cli_command_t covey_cmd_claim_release;
extern const covey_cli_command_t covey_cmd_claim_check;
extern const covey_cli_command_t covey_cmd_claim_list;
extern const covey_cli_command_t covey_cmd_claim_show;
extern const covey_cli_command_t covey_cmd_claims;
extern const covey_cli_command_t covey_cmd_roles;
extern const covey_cli_command_t covey_cmd_registry;
extern const covey_cli_command_t covey_cmd_help;
extern const covey_cli_command_t covey_cmd_version;

/*  Exit code of a session that ended: with success, without, without agreement.
 */
int covey_coordinate_judge (const char *json);

#endif
