/*  worker - an agent whose work is done by a command

    Role      shell: one loop over the agent's descriptor, the pipes of its
              commands and the signals; takes tasks into its slots, votes when
              it has a vote command
    Threads   one, the caller's, inside run; the caller blocks SIGCHLD, SIGINT
              and SIGTERM before any thread starts (covey_worker_block_signals)
    Memory    the agent stays the caller's and outlives the worker
    End       SIGTERM or SIGINT: running tasks may finish for half of
              COVEY_WORKER_STOP_MS, the others are handed back; a second signal
              hands back at once. A superseded agent ends too.
*/
#ifndef COVEY_WORKER_H_INCLUDED
#define COVEY_WORKER_H_INCLUDED

#include "cli/errand.h"

#define COVEY_WORKER_SLOTS_MAX 64
#define COVEY_WORKER_VOTES_MAX                    \
    8 /* vote commands at once, besides the slots \
       */
#define COVEY_WORKER_STOP_MS 5000

typedef struct covey_worker covey_worker_t;

/*  SIGCHLD, SIGHUP, SIGINT and SIGTERM come through the worker's loop, not as
    interruptions: block them before the agent makes threads.                 */
void covey_worker_block_signals (void);

/*  Sets the agent's handlers; call it before the agent connects. The setup is
    copied, what it points to is borrowed.                                    */
covey_worker_t *covey_worker_new (const covey_errand_setup_t *setup, int slots);
void covey_worker_destroy (covey_worker_t **self_p);

/*  Works until a signal; the agent is connected. OK after a signal, FENCED
    when another session took the agent's id.                                 */
covey_err_t covey_worker_run (covey_worker_t *self, covey_errbuf_t *err);

#endif
