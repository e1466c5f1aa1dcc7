/*  support_coordination - coordination sessions in a test. The session is "c1",
    asked for by "boss"; after each command its facts are checked against the
    contract, and the state against what comes back from its bytes            */
#ifndef COVEY_SUPPORT_COORDINATION_H_INCLUDED
#define COVEY_SUPPORT_COORDINATION_H_INCLUDED

#include "coordinator/task.h"
#include "support_control.h"

support_control_t *support_team_new (int agents);
void support_team_check (const support_control_t *c);
void support_team_end (support_control_t *c);
void support_team_coordinate (support_control_t *c, const char *strategy,
                              int min, int max, const char *more);
covey_err_t support_team_answer (support_control_t *c, const char *agent,
                                 const char *verb);
void support_team_accept (support_control_t *c, const char *agent);
/*  What an agent holds, or NULL.                                            */
const covey_task_t *support_team_held (const support_control_t *c,
                                       const char *agent);
const char *support_team_step (const support_control_t *c, const char *agent);
bool support_team_input_has (const support_control_t *c, const char *agent,
                             const char *text);
void support_team_report (support_control_t *c, const char *agent,
                          const char *verb, const char *more);
void support_team_done (support_control_t *c, const char *agent,
                        const char *result);
/*  Its command fails for good.                                              */
void support_team_fails (support_control_t *c, const char *agent);
void support_team_shows (support_control_t *c, const char *text);
/*  The last command completed it; exactly one fact says so.                 */
const covey_event_t *support_team_completed (const support_control_t *c,
                                             bool success);
void support_team_result_is (const support_control_t *c, const char *text);
void support_team_failed_with (support_control_t *c, const char *code,
                               const char *reason);

#endif
