/*  sololog - the port to the coordinator's log: commands in order, committed
    before they are applied

    Role      what the control plane needs of a log; log_sqlite.c fills it for
              one coordinator, a replicated log for more
    Index     from 1, without gaps
    Announced the index up to which all facts were handed to the mesh; facts of
              later entries are told again after a restart
*/
#ifndef COVEY_SOLOLOG_H_INCLUDED
#define COVEY_SOLOLOG_H_INCLUDED

#include "base/err.h"

#define COVEY_SOLOLOG_FORMAT 1

typedef struct covey_sololog covey_sololog_t;

/*  `path` of the file, created when absent; NULL: in memory. IO, BUSY, CORRUPT
    (not ours, or damaged), VERSION (a format we do not know) with the path and
    what to do.                                                               */
covey_err_t covey_sololog_open (const char *path, covey_sololog_t **log_p,
                                covey_errbuf_t *err);
/*  What was not committed is lost.                                          */
void covey_sololog_close (covey_sololog_t **self_p);

/*  Stage a command; `*index_p` is its place. Commit makes everything staged
    durable: it is on disk when OK is returned. After an error nothing of it
    counts, and the log takes no more (STATE) until it is opened again.       */
covey_err_t covey_sololog_append (covey_sololog_t *self, const void *data,
                                  size_t size, uint64_t *index_p,
                                  covey_errbuf_t *err);
covey_err_t covey_sololog_commit (covey_sololog_t *self, covey_errbuf_t *err);

/*  All committed commands in order. `each` returns OK to go on.             */
typedef covey_err_t (covey_sololog_each_fn) (void *arg, uint64_t index,
                                             const void *data, size_t size,
                                             covey_errbuf_t *err);
covey_err_t covey_sololog_replay (covey_sololog_t *self,
                                  covey_sololog_each_fn *each, void *arg,
                                  covey_errbuf_t *err);

uint64_t covey_sololog_last (const covey_sololog_t *self); /* committed */
uint64_t covey_sololog_announced (const covey_sololog_t *self);
/*  Written with the next commit; losing it only tells facts once more.      */
void covey_sololog_set_announced (covey_sololog_t *self, uint64_t index);

#endif
