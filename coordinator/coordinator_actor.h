/*  coordinator_actor - the shell of the control plane: one thread, one session
    with the local node (service "coordinator"), one member of the log

    Role      turns REQUESTs into commands, hands them to the replicated log,
              applies what comes out of it to the state, answers and publishes.
              One that does not lead passes requests on to the one that does;
              one that is in no log waits until it is added
*/
#ifndef COVEY_COORDINATOR_ACTOR_H_INCLUDED
#define COVEY_COORDINATOR_ACTOR_H_INCLUDED

#include <stdbool.h>

#include "base/err.h"
#include "base/id.h"
#include "base/log.h"

#define COVEY_COORDINATOR_REPLACE_MS 300000

typedef struct {
    covey_id_t node_id;
    const char *node_name;
    const char *endpoint; /* of the local node, "inproc://…"                  */
    const char *data_dir; /* control.db is in it; NULL: in memory             */
    bool found;           /* no log yet: begin one; otherwise wait as a spare */
    int64_t election_ms;  /* 0: the default                                   */
    int64_t replace_ms;   /* silence after which a voter is replaced; 0: never*/
    covey_log_t *log;     /* may be NULL                                      */
} covey_coordinator_config_t;

typedef struct covey_coordinator_actor covey_coordinator_actor_t;

/*  Returns when the log is recovered and the session is open. IO, CORRUPT:
    the log cannot be used; the message says which file and why.              */
covey_err_t covey_coordinator_actor_new (
    const covey_coordinator_config_t *config, int timeout_ms,
    covey_coordinator_actor_t **actor_p, covey_errbuf_t *err);
/*  Commits what is in flight, lets another one lead, and ends the thread.   */
void covey_coordinator_actor_destroy (covey_coordinator_actor_t **self_p);

/*  Is it a method whose outcome is kept, so that it can be asked for?       */
bool covey_coordinator_decides (const char *method);

#endif
