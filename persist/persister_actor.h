/*  persister_actor - the shell of the store: one thread, one session with the
    local node (service "persister"), one journal

    Role      takes JOURNAL frames, commits them in groups, acknowledges after
              the commit; answers queries; deletes what is too old
*/
#ifndef COVEY_PERSISTER_ACTOR_H_INCLUDED
#define COVEY_PERSISTER_ACTOR_H_INCLUDED

#include "base/err.h"
#include "base/id.h"
#include "base/log.h"

typedef struct {
    covey_id_t node_id;
    const char *node_name; /* shown in the status; NULL: the id */
    const char *endpoint; /* of the local node, "inproc://…"                 */
    const char *data_dir; /* journal.db is in it; NULL: in memory            */
    bool persist_all;     /* default true                                    */
    const int *persist_types; /* used when persist_all is false               */
    size_t persist_type_count;
    int retention_days; /* default 30; 0 = for ever                        */
    int batch_rows;     /* commit at this many rows; default 500           */
    int batch_ms;       /* or after this time; default 5                   */
    covey_log_t *log;   /* may be NULL                                     */
} covey_persister_config_t;

void covey_persister_config_init (covey_persister_config_t *self);

typedef struct covey_persister_actor covey_persister_actor_t;

/*  Returns when the journal is recovered and the session is open.           */
covey_err_t covey_persister_actor_new (const covey_persister_config_t *config,
                                       int timeout_ms,
                                       covey_persister_actor_t **actor_p,
                                       covey_errbuf_t *err);
/*  What the coordinator decided: in charge under this epoch, or 0: another one
    is, and what comes is refused. From `until_ms` (monotonic) on nobody knows
    whether it still is: until more is said, nothing is acknowledged. Before the
    first word it takes what comes. From one thread, which must have ended
   before destroy. */
void covey_persister_actor_set_role (covey_persister_actor_t *self,
                                     uint64_t epoch, int64_t until_ms);
void covey_persister_actor_destroy (covey_persister_actor_t **self_p);

#endif
