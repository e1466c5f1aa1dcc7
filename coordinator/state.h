/*  state - the control plane as a replicated state machine

    Role      pure core: (state, command, log index) -> state, effects. Every
              replica that applies the same log is in the same state; no clock,
              no random numbers, no hash order, no pointer order
    Time      the log's: a command carries the leader's time, and the state's
              time is the largest seen. What is due by then happens before the
              command itself
    Once      (client id, request id) is executed once; again it gets the same
              verdict. A refusal with EAGAIN is no verdict
    Limits    limits.h; see also registry.h, clients.h, swarm/
*/
#ifndef COVEY_STATE_H_INCLUDED
#define COVEY_STATE_H_INCLUDED

#include "base/buf.h"
#include "coordinator/effects.h"
#include "coordinator/limits.h"
#include "proto/control.pb-c.h"
#include "swarm/seal.h"

typedef struct covey_state covey_state_t;

/*  `limits` are copied; NULL: the defaults. All replicas need the same.     */
covey_state_t *covey_state_new (const covey_state_limits_t *limits);
void covey_state_destroy (covey_state_t **self_p);

/*  Apply the command at `index`. `effects` is cleared and filled; NULL when
    nobody waits for them (replay). The command has passed covey_check.       */
void covey_state_apply (covey_state_t *self,
                        const Covey__Control__Command *command, uint64_t index,
                        covey_effects_t *effects);

/*  Before a command enters the log: may the others take its signature for good?
    Then the command has to carry `vouched`. It changes no verdict: what is
    vouched for wrongly or too late is looked at by all of them.              */
bool covey_state_vouch (const covey_state_t *self,
                        const Covey__Control__Command *command,
                        uint8_t vouched[COVEY_SEALED_SIZE]);

int64_t covey_state_now_us (const covey_state_t *self);
/*  Its holder should have renewed it by `now_us`.                            */
bool covey_state_is_role_overdue (const covey_state_t *self, const char *role,
                                  int64_t now_us);
uint64_t covey_state_index (const covey_state_t *self);
/*  Log time at which something falls due; INT64_MAX: never.                 */
int64_t covey_state_next_us (const covey_state_t *self);
/*  A number over all that decides what comes next.                          */
uint64_t covey_state_digest (const covey_state_t *self);

/*  JSON of what an answer shows; an id that is not kept any more gives
    {"id": ...}.                                                              */
covey_err_t covey_state_show (const covey_state_t *self, covey_show_t show,
                              const char *id, covey_buf_t *to);
/*  Questions that change nothing. NOTFOUND, INVALID with one line. Lists are
    cut at `limit` items and at about 768 KiB; "next" then says where to go
    on.                                                                       */
covey_err_t covey_state_task (const covey_state_t *self, const char *task_id,
                              covey_buf_t *to, covey_errbuf_t *err);
covey_err_t covey_state_tasks (const covey_state_t *self,
                               const Covey__Control__TaskQuery *query,
                               covey_buf_t *to, covey_errbuf_t *err);
covey_err_t covey_state_schedule (const covey_state_t *self,
                                  const char *schedule_id, covey_buf_t *to,
                                  covey_errbuf_t *err);
covey_err_t covey_state_schedules (const covey_state_t *self,
                                   const Covey__Control__ListQuery *query,
                                   covey_buf_t *to, covey_errbuf_t *err);
covey_err_t covey_state_swarm (const covey_state_t *self, const char *swarm_id,
                               covey_buf_t *to, covey_errbuf_t *err);
covey_err_t covey_state_swarms (const covey_state_t *self,
                                const Covey__Control__ListQuery *query,
                                covey_buf_t *to, covey_errbuf_t *err);
covey_err_t covey_state_vote (const covey_state_t *self,
                              const char *consensus_id, covey_buf_t *to,
                              covey_errbuf_t *err);
covey_err_t covey_state_votes (const covey_state_t *self,
                               const Covey__Control__ListQuery *query,
                               covey_buf_t *to, covey_errbuf_t *err);
covey_err_t covey_state_coordination (const covey_state_t *self,
                                      const char *coordination_id,
                                      covey_buf_t *to, covey_errbuf_t *err);
covey_err_t covey_state_coordinations (const covey_state_t *self,
                                       const Covey__Control__ListQuery *query,
                                       covey_buf_t *to, covey_errbuf_t *err);
covey_err_t covey_state_agents (const covey_state_t *self,
                                const Covey__Control__ListQuery *query,
                                covey_buf_t *to, covey_errbuf_t *err);
covey_err_t covey_state_memory (const covey_state_t *self,
                                const Covey__Control__MemoryGet *get,
                                covey_buf_t *to, covey_errbuf_t *err);
covey_err_t
covey_state_memory_history (const covey_state_t *self,
                            const Covey__Control__MemoryHistory *query,
                            covey_buf_t *to, covey_errbuf_t *err);
covey_err_t covey_state_memory_list (const covey_state_t *self,
                                     const Covey__Control__MemoryQuery *query,
                                     covey_buf_t *to, covey_errbuf_t *err);
/*  LIMIT: what changed behind that revision is not known in full any more.  */
covey_err_t
covey_state_memory_changes (const covey_state_t *self,
                            const Covey__Control__MemoryFollow *follow,
                            covey_buf_t *to, covey_errbuf_t *err);
covey_err_t covey_state_memory_spaces (const covey_state_t *self,
                                       const Covey__Control__ListQuery *query,
                                       covey_buf_t *to, covey_errbuf_t *err);
/*  The limits, and how much of them is used.                                */
covey_err_t covey_state_show_limits (const covey_state_t *self,
                                     covey_buf_t *to);
/*  What became of a request; its client is the caller unless it says another.*/
covey_err_t covey_state_outcome (const covey_state_t *self, const char *caller,
                                 const Covey__Control__OutcomeQuery *query,
                                 covey_buf_t *to, covey_errbuf_t *err);
/*  That the question of a vote came to an agent: would it change something?  */
bool covey_state_is_hearing_news (const covey_state_t *self,
                                  const char *consensus_id,
                                  const char *agent_id);
/*  With the leaders of swarms.                                               */
covey_err_t covey_state_roles (const covey_state_t *self,
                               const Covey__Control__ListQuery *query,
                               covey_buf_t *to, covey_errbuf_t *err);
covey_err_t covey_state_claim (const covey_state_t *self, const char *claim_id,
                               covey_buf_t *to, covey_errbuf_t *err);
covey_err_t covey_state_claims (const covey_state_t *self,
                                const Covey__Control__ClaimQuery *query,
                                covey_buf_t *to, covey_errbuf_t *err);
/*  For `caller`, unless it says for whom.                                    */
covey_err_t covey_state_check_claim (const covey_state_t *self,
                                     const char *caller,
                                     const Covey__Control__ClaimCheck *check,
                                     covey_buf_t *to, covey_errbuf_t *err);
/*  Fills the counters of a status.                                          */
void covey_state_status (const covey_state_t *self,
                         Covey__Control__CoordinatorStatus *status);
/*  Session of an agent that is up: 16 bytes, or NULL. And all that are up, in
    the order of their ids: the first behind `after` (NULL: the first).       */
const uint8_t *covey_state_agent_session (const covey_state_t *self,
                                          const char *agent_id);
const char *covey_state_agent_after (const covey_state_t *self,
                                     const char *after);
/*  Would this command change nothing? (An agent that is not up counts as one
    that is ready and has all its capacity.)                                  */
bool covey_state_has_agent (const covey_state_t *self,
                            const Covey__Control__AgentUp *up);
bool covey_state_has_load (const covey_state_t *self,
                           const Covey__Control__AgentLoad *load);

#endif
