/*  sim_replog_impl - between the files of the simulation of coordinators     */
#ifndef SIM_REPLOG_IMPL_H_INCLUDED
#define SIM_REPLOG_IMPL_H_INCLUDED

#include "tests/support/sim_replog.h"

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

/*  sim_replog_load.c: draw what a request asks for.                         */
void sim_load_make (sim_replog_t *sim, sim_request_t *request);

/*  sim_replog.c                                                             */
void sim_member_send (sim_member_t *member, const covey_id_t *node_id,
                      const void *data, size_t size);
/*  Now, or a little later together with what comes until then.              */
void sim_member_want_pump (sim_member_t *member);
covey_id_t sim_place_id (size_t place);
size_t sim_place_of (const covey_id_t *node_id);
int64_t sim_member_ms (const sim_member_t *member);

#endif
