/*  datadir - the folder of one node: one process at a time, a lasting identity

    Role      shell: creates the folder (0700), locks it, keeps node.id in it
    Files     lock, node.id, agents.sock (the session socket), peers (addresses
              of nodes that this one met), and those of the
              coordinator (control.db) and the persister (journal.db);
              ballot-keys/, of agents that `covey agent run` runs here
*/
#ifndef COVEY_DATADIR_H_INCLUDED
#define COVEY_DATADIR_H_INCLUDED

#include "base/err.h"
#include "base/id.h"

typedef struct covey_datadir covey_datadir_t;

/*  BUSY: another process has it, the message names its pid. IO: it cannot be
    written, or lies on a network filesystem; the message says what to do.
    CORRUPT: node.id holds no id.                                             */
covey_err_t covey_datadir_open (const char *path, covey_datadir_t **dir_p,
                                covey_errbuf_t *err);
/*  All of the path that is missing, for its owner alone; IO: says why not.   */
covey_err_t covey_datadir_make (const char *path, covey_errbuf_t *err);
void covey_datadir_close (covey_datadir_t **self_p);

const char *covey_datadir_path (const covey_datadir_t *self);
covey_id_t covey_datadir_node_id (const covey_datadir_t *self);
/*  "ipc://PATH/agents.sock"                                                  */
const char *covey_datadir_session (const covey_datadir_t *self);

#endif
