/*  sim_replog_impl - between the files of the simulation of coordinators     */
#ifndef SIM_REPLOG_IMPL_H_INCLUDED
#define SIM_REPLOG_IMPL_H_INCLUDED

#include "swarm/seal.h"
#include "tests/support/sim_replog.h"

/*  What walls show when a simulation begins.                                */
#define SIM_EPOCH_US 1700000000000000

/*  sim_replog_watch.c: what a member's log calls, and what is looked at after
    every event.                                                              */
void sim_watch_callbacks (sim_member_t *member,
                          covey_replog_callbacks_t *callbacks);
void sim_watch_disk (sim_member_t *member, sim_disk_watch_t *watch);
void sim_watch_observe (sim_member_t *member);
/*  What a reader is shown of a key now.                                     */
void sim_watch_key (sim_member_t *member, size_t key);

/*  sim_replog_slips.c: as the shell does it, or with the slip of this run. And
    only with those that all members make alike.                              */
void sim_slip_execute (sim_member_t *member, uint64_t index,
                       const Covey__Control__Command *command);
void sim_slip_apply (sim_slip_t slip, covey_state_t *state, uint64_t index,
                     const Covey__Control__Command *command,
                     covey_effects_t *effects);

/*  sim_replog_clients.c: a request of a client that asks for nothing yet.    */
sim_request_t *sim_replog_request (sim_replog_t *self, size_t client);

/*  sim_replog_load.c: draw what a request asks for.                         */
void sim_load_make (sim_replog_t *sim, sim_request_t *request);
/*  Something that this client was given, to go on with; NULL: nothing.      */
const sim_request_t *sim_load_given (sim_replog_t *sim, size_t client,
                                     sim_ask_t ask);
void sim_load_keep (sim_request_t *request,
                    const Covey__Control__Command *command);
/*  `init` is a message on the stack, `member` where it goes in a command.   */
#define SIM_KEEP(request, OP, member, message)                     \
    do {                                                           \
        Covey__Control__Command c = COVEY__CONTROL__COMMAND__INIT; \
        c.client_id = (request)->caller;                           \
        c.request_id = (request)->id;                              \
        c.op_case = COVEY__CONTROL__COMMAND__OP_##OP;              \
        c.member = (message);                                      \
        sim_load_keep (request, &c);                               \
    } while (0)

/*  sim_replog_load_votes.c: the same, of swarms and votes. False: there is
    nothing of that kind yet.                                                 */
bool sim_load_swarm (sim_replog_t *sim, sim_request_t *request);
bool sim_load_member (sim_replog_t *sim, sim_request_t *request);
bool sim_load_voter (sim_replog_t *sim, sim_request_t *request);
bool sim_load_propose (sim_replog_t *sim, sim_request_t *request);
bool sim_load_ballot (sim_replog_t *sim, sim_request_t *request);
bool sim_load_withdraw (sim_replog_t *sim, sim_request_t *request);
bool sim_load_heard (sim_replog_t *sim, sim_request_t *request);
/*  A question for all voters of a swarm, due so many ms after it is asked.  */
void sim_load_ask_all (const sim_swarm_t *swarm, int64_t timeout_ms,
                       sim_request_t *request);
/*  Sign a ballot as a voter that has this key would; `vote` says in what.    */
void sim_load_sign (const sim_vote_t *vote, int voter, int key, uint32_t serial,
                    Covey__V1__Vote says, covey_seal_t *seal);

/*  sim_replog.c                                                             */
void sim_member_send (sim_member_t *member, const covey_id_t *node_id,
                      const void *data, size_t size);
/*  Now, or a little later together with what comes until then.              */
void sim_member_want_pump (sim_member_t *member);
covey_id_t sim_place_id (size_t place);
size_t sim_place_of (const covey_id_t *node_id);
int64_t sim_member_ms (const sim_member_t *member);

#endif
